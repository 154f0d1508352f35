/* Vectors of the level's own width, written as gcc and clang both read them: + - * / on them are one instruction each. For
 * loops that a compiler does not make of plain code: sums in registers, transposed blocks. What a kernel computes must not
 * depend on the width: sums go in a fixed number of lanes, cut into as many vectors as it takes. */
#ifndef CT_KERNELS_VEC_H
#define CT_KERNELS_VEC_H

#include "kernels/kernels.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif
#define VEC_WIDTH(T) ((int)(VEC_BYTES / sizeof(T)))

typedef float vec_f32 __attribute__((vector_size(VEC_BYTES)));
typedef double vec_f64 __attribute__((vector_size(VEC_BYTES)));
typedef int32_t vec_i32 __attribute__((vector_size(VEC_BYTES))); /* what comparisons give: all bits set or none */
typedef int64_t vec_i64 __attribute__((vector_size(VEC_BYTES)));

/* Unrolls the loop that follows: its count is a constant, its arrays of vectors become registers. */
#define VEC_UNROLL _Pragma("GCC unroll 16")

CT_KINLINE vec_f32 vec_load_f32(const float *p)
{
    vec_f32 v;
    memcpy(&v, p, VEC_BYTES);
    return v;
}
CT_KINLINE vec_f64 vec_load_f64(const double *p)
{
    vec_f64 v;
    memcpy(&v, p, VEC_BYTES);
    return v;
}
/* a > b ? a : b, element by element: b where one is NaN. */
CT_KINLINE vec_f32 vec_larger_f32(vec_f32 a, vec_f32 b)
{
    vec_i32 larger = a > b;
    return (vec_f32)((larger & (vec_i32)a) | (~larger & (vec_i32)b));
}
CT_KINLINE vec_f64 vec_larger_f64(vec_f64 a, vec_f64 b)
{
    vec_i64 larger = a > b;
    return (vec_f64)((larger & (vec_i64)a) | (~larger & (vec_i64)b));
}
/* a * b + c, rounded once where the level can. */
CT_KINLINE vec_f32 vec_fma_f32(vec_f32 a, vec_f32 b, vec_f32 c)
{
#if VEC_BYTES == 64
    return (vec_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VEC_BYTES == 32 && defined(__FMA__)
    return (vec_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (vec_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}
CT_KINLINE void vec_store_f32(float *p, vec_f32 v) { memcpy(p, &v, VEC_BYTES); }
CT_KINLINE void vec_store_f64(double *p, vec_f64 v) { memcpy(p, &v, VEC_BYTES); }
#endif
