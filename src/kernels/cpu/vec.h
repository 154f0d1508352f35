/* Vectors for the heavy kernels: `vf` (floats) and `vd` (doubles), as wide as the level (16, 32 or 64 bytes),
 * with the same operations under both prefixes: load, store, set1, zero, fma (fused where the level has it),
 * tail masks, sum (a fixed tree), span (lanes [lo, hi), 0 <= lo, hi; not at 16 bytes), sum4 (four sums at
 * once, the same tree), columns (VN rows of a matrix read as lanes), flip (a 16-byte wide block transposed in
 * memory), weave3 (three vectors' lanes in turn), above (picks the lanes of a that are greater than b's or NaN) with choose and choosei (between floats
 * and integers by such a pick), and narrow and widen (lanes' integers from and to int64_t in memory, a base apart).
 * Arithmetic is + - * on the types. */
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
#elif defined(__AVX2__) && defined(__FMA__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif
#define VEC_REGISTERS (VEC_BYTES == 64 ? 32 : 16)
#define VF_N (VEC_BYTES / 4)
#define VD_N (VEC_BYTES / 8)

typedef float vf __attribute__((vector_size(VEC_BYTES), may_alias));
typedef double vd __attribute__((vector_size(VEC_BYTES), may_alias));
typedef int32_t vf_int __attribute__((vector_size(VEC_BYTES), may_alias));
typedef int64_t vd_int __attribute__((vector_size(VEC_BYTES), may_alias));
typedef float vf_unaligned __attribute__((vector_size(VEC_BYTES), may_alias, aligned(4)));
typedef double vd_unaligned __attribute__((vector_size(VEC_BYTES), may_alias, aligned(8)));
typedef float vf_quad __attribute__((vector_size(16), may_alias, aligned(4)));
typedef double vd_pair __attribute__((vector_size(16), may_alias, aligned(8)));

CT_KINLINE vf vf_load(const float *p) { return (vf) * (const vf_unaligned *)p; }
CT_KINLINE vd vd_load(const double *p) { return (vd) * (const vd_unaligned *)p; }
CT_KINLINE void vf_store(float *p, vf v) { *(vf_unaligned *)p = (vf_unaligned)v; }
CT_KINLINE void vd_store(double *p, vd v) { *(vd_unaligned *)p = (vd_unaligned)v; }
CT_KINLINE vf vf_zero(void) { return (vf){0}; }
CT_KINLINE vd vd_zero(void) { return (vd){0}; }

#if VEC_BYTES == 64
typedef __mmask16 vf_mask;
typedef __mmask8 vd_mask;
CT_KINLINE vf vf_set1(float x) { return (vf)_mm512_set1_ps(x); }
CT_KINLINE vd vd_set1(double x) { return (vd)_mm512_set1_pd(x); }
CT_KINLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
CT_KINLINE vd vd_fma(vd a, vd b, vd c) { return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
CT_KINLINE vf_mask vf_tail(int64_t n) { return (vf_mask)(n >= 16 ? 0xffff : (1u << n) - 1); }
CT_KINLINE vd_mask vd_tail(int64_t n) { return (vd_mask)(n >= 8 ? 0xff : (1u << n) - 1); }
CT_KINLINE vf_mask vf_span(int64_t lo, int64_t hi)
{
    return (vf_mask)(lo < hi ? vf_tail(hi) & ~vf_tail(lo) : 0);
}
CT_KINLINE vd_mask vd_span(int64_t lo, int64_t hi)
{
    return (vd_mask)(lo < hi ? vd_tail(hi) & ~vd_tail(lo) : 0);
}
CT_KINLINE vf vf_loadm(const float *p, vf_mask m) { return (vf)_mm512_maskz_loadu_ps(m, p); }
CT_KINLINE vd vd_loadm(const double *p, vd_mask m) { return (vd)_mm512_maskz_loadu_pd(m, p); }
CT_KINLINE void vf_storem(float *p, vf v, vf_mask m) { _mm512_mask_storeu_ps(p, m, (__m512)v); }
CT_KINLINE void vd_storem(double *p, vd v, vd_mask m) { _mm512_mask_storeu_pd(p, m, (__m512d)v); }
#elif VEC_BYTES == 32
typedef struct vec_mask {
    __m256i lanes;
    int64_t count; /* for stores, which go in pieces: a masked store is slow on many processors */
} vec_mask;
typedef vec_mask vf_mask;
typedef vec_mask vd_mask;
static const int32_t vec_mask32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t vec_mask64[8] = {-1, -1, -1, -1};
CT_KINLINE vf vf_set1(float x) { return (vf)_mm256_set1_ps(x); }
CT_KINLINE vd vd_set1(double x) { return (vd)_mm256_set1_pd(x); }
CT_KINLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
CT_KINLINE vd vd_fma(vd a, vd b, vd c) { return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
CT_KINLINE vf_mask vf_tail(int64_t n)
{
    if (n > 8) n = 8;
    return (vf_mask){_mm256_loadu_si256((const __m256i *)(vec_mask32 + 8 - n)), n};
}
CT_KINLINE vd_mask vd_tail(int64_t n)
{
    if (n > 4) n = 4;
    return (vd_mask){_mm256_loadu_si256((const __m256i *)(vec_mask64 + 4 - n)), n};
}
CT_KINLINE vf_mask vf_span(int64_t lo, int64_t hi)
{
    return (vf_mask){_mm256_andnot_si256(vf_tail(lo < hi ? lo : hi).lanes, vf_tail(hi).lanes), 0};
}
CT_KINLINE vd_mask vd_span(int64_t lo, int64_t hi)
{
    return (vd_mask){_mm256_andnot_si256(vd_tail(lo < hi ? lo : hi).lanes, vd_tail(hi).lanes), 0};
}
CT_KINLINE vf vf_loadm(const float *p, vf_mask m) { return (vf)_mm256_maskload_ps(p, m.lanes); }
CT_KINLINE vd vd_loadm(const double *p, vd_mask m) { return (vd)_mm256_maskload_pd(p, m.lanes); }
CT_KINLINE void vf_storem(float *p, vf v, vf_mask m)
{
    if (m.count >= 8) {
        vf_store(p, v);
        return;
    }
    __m128 part = _mm256_castps256_ps128((__m256)v);
    if (m.count & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps((__m256)v, 1);
        p += 4;
    }
    if (m.count & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (m.count & 1) _mm_store_ss(p, part);
}
CT_KINLINE void vd_storem(double *p, vd v, vd_mask m)
{
    if (m.count >= 4) {
        vd_store(p, v);
        return;
    }
    __m128d part = _mm256_castpd256_pd128((__m256d)v);
    if (m.count & 2) {
        _mm_storeu_pd(p, part);
        part = _mm256_extractf128_pd((__m256d)v, 1);
        p += 2;
    }
    if (m.count & 1) _mm_store_sd(p, part);
}
#else
typedef int vf_mask;
typedef int vd_mask;
CT_KINLINE vf vf_set1(float x) { return (vf){x, x, x, x}; }
CT_KINLINE vd vd_set1(double x) { return (vd){x, x}; }
#if defined(__aarch64__)
CT_KINLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
CT_KINLINE vd vd_fma(vd a, vd b, vd c)
{
    return (vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
CT_KINLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
CT_KINLINE vd vd_fma(vd a, vd b, vd c) { return a * b + c; }
#endif
CT_KINLINE vf_mask vf_tail(int64_t n) { return (int)(n < 4 ? n : 4); }
CT_KINLINE vd_mask vd_tail(int64_t n) { return (int)(n < 2 ? n : 2); }
CT_KINLINE vf vf_loadm(const float *p, vf_mask n)
{
    if (n >= 4) return vf_load(p);
    return (vf){n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
}
CT_KINLINE vd vd_loadm(const double *p, vd_mask n)
{
    if (n >= 2) return vd_load(p);
    return (vd){n > 0 ? p[0] : 0, 0};
}
CT_KINLINE void vf_storem(float *p, vf v, vf_mask n)
{
    for (int i = 0; i < n; i++) p[i] = v[i];
}
CT_KINLINE void vd_storem(double *p, vd v, vd_mask n)
{
    for (int i = 0; i < n; i++) p[i] = v[i];
}
#endif

/* Keeps a vector in a register, so that a load is not folded into each of its uses. */
#if defined(__x86_64__) && !defined(__clang__)
#define VEC_PIN(x) __asm__("" : "+v"(x))
#else
#define VEC_PIN(x) (void)(x)
#endif
/* Makes a pointer's origin unknown, so that loads are not carried over from one turn of a loop to the next.
 */
#define VEC_HIDE(p) __asm__("" : "+r"(p))

#if VEC_BYTES == 64
#define VF_SHUFFLE(a, b, p, q, r, s) \
    __builtin_shufflevector(a, b, p, q, r, s, (p) + 4, (q) + 4, (r) + 4, (s) + 4, (p) + 8, (q) + 8, (r) + 8, \
                            (s) + 8, (p) + 12, (q) + 12, (r) + 12, (s) + 12)
#define VD_SHUFFLE(a, b, p, q) \
    __builtin_shufflevector(a, b, p, q, (p) + 2, (q) + 2, (p) + 4, (q) + 4, (p) + 6, (q) + 6)
#elif VEC_BYTES == 32
#define VF_SHUFFLE(a, b, p, q, r, s) \
    __builtin_shufflevector(a, b, p, q, r, s, (p) + 4, (q) + 4, (r) + 4, (s) + 4)
#define VD_SHUFFLE(a, b, p, q) __builtin_shufflevector(a, b, p, q, (p) + 2, (q) + 2)
#else
#define VF_SHUFFLE(a, b, p, q, r, s) __builtin_shufflevector(a, b, p, q, r, s)
#define VD_SHUFFLE(a, b, p, q) __builtin_shufflevector(a, b, p, q)
#endif

/* In each 16 bytes: the transpose of a 4 x 4 (floats) or a 2 x 2 (doubles) block. */
CT_KINLINE void vf_transpose_lanes(vf r[4])
{
    vf t0 = VF_SHUFFLE(r[0], r[1], 0, VF_N, 1, VF_N + 1),
       t1 = VF_SHUFFLE(r[0], r[1], 2, VF_N + 2, 3, VF_N + 3);
    vf t2 = VF_SHUFFLE(r[2], r[3], 0, VF_N, 1, VF_N + 1),
       t3 = VF_SHUFFLE(r[2], r[3], 2, VF_N + 2, 3, VF_N + 3);
    r[0] = VF_SHUFFLE(t0, t2, 0, 1, VF_N, VF_N + 1);
    r[1] = VF_SHUFFLE(t0, t2, 2, 3, VF_N + 2, VF_N + 3);
    r[2] = VF_SHUFFLE(t1, t3, 0, 1, VF_N, VF_N + 1);
    r[3] = VF_SHUFFLE(t1, t3, 2, 3, VF_N + 2, VF_N + 3);
}
CT_KINLINE void vd_transpose_lanes(vd r[2])
{
    vd t = VD_SHUFFLE(r[0], r[1], 0, VD_N);
    r[1] = VD_SHUFFLE(r[0], r[1], 1, VD_N + 1);
    r[0] = t;
}

/* The 16-byte pieces at p, p + step, p + 2 step ... as one vector. */
CT_KINLINE vf vf_pieces(const float *p, int64_t step)
{
    union {
        vf v;
        vf_quad q[VEC_BYTES / 16];
    } u;
#if VEC_BYTES == 64
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + step), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 2 * step), 2);
    u.v = (vf)_mm512_insertf32x4(v, _mm_loadu_ps(p + 3 * step), 3);
#elif VEC_BYTES == 32
    u.v = (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
#else
    u.v = vf_load(p);
#endif
    return u.v;
}
CT_KINLINE vd vd_pieces(const double *p, int64_t step) { return (vd)vf_pieces((const float *)p, 2 * step); }

/* out[j] = column j of the VN x 4 (floats) or VN x 2 (doubles) block at p whose rows are ld apart. */
CT_KINLINE void vf_columns(vf out[4], const float *p, int64_t ld)
{
    for (int i = 0; i < 4; i++) out[i] = vf_pieces(p + i * ld, 4 * ld);
    vf_transpose_lanes(out);
}
CT_KINLINE void vd_columns(vd out[2], const double *p, int64_t ld)
{
    for (int i = 0; i < 2; i++) out[i] = vd_pieces(p + i * ld, 2 * ld);
    vd_transpose_lanes(out);
}
#define VF_COLUMNS 4
#define VD_COLUMNS 2

/* The transpose of the 4 x 4 (floats) or 2 x 2 (doubles) block at p, rows ld apart, to `out`, rows step apart. */
CT_KINLINE void vf_flip(const float *p, int64_t ld, float *out, int64_t step)
{
    typedef vf_quad q;
    q a = *(const q *)p, b = *(const q *)(p + ld), c = *(const q *)(p + 2 * ld), d = *(const q *)(p + 3 * ld);
    q t0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), t1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    q t2 = __builtin_shufflevector(c, d, 0, 4, 1, 5), t3 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(q *)out = __builtin_shufflevector(t0, t2, 0, 1, 4, 5);
    *(q *)(out + step) = __builtin_shufflevector(t0, t2, 2, 3, 6, 7);
    *(q *)(out + 2 * step) = __builtin_shufflevector(t1, t3, 0, 1, 4, 5);
    *(q *)(out + 3 * step) = __builtin_shufflevector(t1, t3, 2, 3, 6, 7);
}
CT_KINLINE void vd_flip(const double *p, int64_t ld, double *out, int64_t step)
{
    vd_pair a = *(const vd_pair *)p, b = *(const vd_pair *)(p + ld);
    *(vd_pair *)out = __builtin_shufflevector(a, b, 0, 2);
    *(vd_pair *)(out + step) = __builtin_shufflevector(a, b, 1, 3);
}

/* Horizontal sums; one tree, whichever of the two is called. */
CT_KINLINE void vf_sum4(float out[4], vf a, vf b, vf c, vf d)
{
    vf t0 = VF_SHUFFLE(a, b, 0, VF_N, 1, VF_N + 1) + VF_SHUFFLE(a, b, 2, VF_N + 2, 3, VF_N + 3);
    vf t1 = VF_SHUFFLE(c, d, 0, VF_N, 1, VF_N + 1) + VF_SHUFFLE(c, d, 2, VF_N + 2, 3, VF_N + 3);
    vf s = VF_SHUFFLE(t0, t1, 0, 1, VF_N, VF_N + 1) + VF_SHUFFLE(t0, t1, 2, 3, VF_N + 2, VF_N + 3);
#if VEC_BYTES == 64
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256((__m512)s), _mm512_extractf32x8_ps((__m512)s, 1));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1)));
#elif VEC_BYTES == 32
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128((__m256)s), _mm256_extractf128_ps((__m256)s, 1)));
#else
    vf_store(out, s);
#endif
}
CT_KINLINE void vd_sum4(double out[4], vd a, vd b, vd c, vd d)
{
    vd s0 = VD_SHUFFLE(a, b, 0, VD_N) + VD_SHUFFLE(a, b, 1, VD_N + 1);
    vd s1 = VD_SHUFFLE(c, d, 0, VD_N) + VD_SHUFFLE(c, d, 1, VD_N + 1);
#if VEC_BYTES == 64
    __m256d h0 = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)s0), _mm512_extractf64x4_pd((__m512d)s0, 1));
    __m256d h1 = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)s1), _mm512_extractf64x4_pd((__m512d)s1, 1));
    _mm_storeu_pd(out, _mm_add_pd(_mm256_castpd256_pd128(h0), _mm256_extractf128_pd(h0, 1)));
    _mm_storeu_pd(out + 2, _mm_add_pd(_mm256_castpd256_pd128(h1), _mm256_extractf128_pd(h1, 1)));
#elif VEC_BYTES == 32
    _mm_storeu_pd(out,
                  _mm_add_pd(_mm256_castpd256_pd128((__m256d)s0), _mm256_extractf128_pd((__m256d)s0, 1)));
    _mm_storeu_pd(out + 2,
                  _mm_add_pd(_mm256_castpd256_pd128((__m256d)s1), _mm256_extractf128_pd((__m256d)s1, 1)));
#else
    vd_store(out, s0);
    vd_store(out + 2, s1);
#endif
}
CT_KINLINE float vf_sum(vf a)
{
    float out[4];
    vf_sum4(out, a, vf_zero(), vf_zero(), vf_zero());
    return out[0];
}
CT_KINLINE double vd_sum(vd a)
{
    double out[4];
    vd_sum4(out, a, vd_zero(), vd_zero(), vd_zero());
    return out[0];
}

#if VEC_BYTES > 16
/* ---- weave3: to = a0 b0 c0 a1 b1 c1 ... (not at 16 bytes) ---- */
#if VEC_BYTES == 64
/* Lanes of a and b for each of the three vectors, then those of c (16 or 8 on) put into the places that are left. */
static const int32_t vf_weave_ab[3][16] = {{0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5},
                                           {21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26},
                                           {0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0}};
static const int32_t vf_weave_c[3][16] = {{0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15},
                                          {0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15},
                                          {26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31}};
CT_KINLINE void vf_weave3(vf a, vf b, vf c, float *to)
{
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) {
        __m512 ab = _mm512_permutex2var_ps((__m512)a, _mm512_loadu_si512(vf_weave_ab[k]), (__m512)b);
        _mm512_storeu_ps(to + 16 * k, _mm512_permutex2var_ps(ab, _mm512_loadu_si512(vf_weave_c[k]), (__m512)c));
    }
}
#else
/* The lane that each place takes from its own of a, b, c. */
static const int32_t vf_weave_lanes[3][8] = {{0, 0, 0, 1, 1, 1, 2, 2}, {2, 3, 3, 3, 4, 4, 4, 5}, {5, 5, 6, 6, 6, 7, 7, 7}};
CT_KINLINE void vf_weave3(vf a, vf b, vf c, float *to)
{
    __m256i lanes[3];
    for (int k = 0; k < 3; k++) lanes[k] = _mm256_loadu_si256((const __m256i *)vf_weave_lanes[k]);
#define VF_FROM(k, v) _mm256_permutevar8x32_ps((__m256)(v), lanes[k])
    _mm256_storeu_ps(to, _mm256_blend_ps(_mm256_blend_ps(VF_FROM(0, a), VF_FROM(0, b), 0x92), VF_FROM(0, c), 0x24));
    _mm256_storeu_ps(to + 8, _mm256_blend_ps(_mm256_blend_ps(VF_FROM(1, a), VF_FROM(1, b), 0x24), VF_FROM(1, c), 0x49));
    _mm256_storeu_ps(to + 16, _mm256_blend_ps(_mm256_blend_ps(VF_FROM(2, a), VF_FROM(2, b), 0x49), VF_FROM(2, c), 0x92));
#undef VF_FROM
}
#endif
CT_KINLINE void vd_weave3(vd a, vd b, vd c, double *to)
{
    for (int l = 0; l < VD_N; l++) to[3 * l] = a[l], to[3 * l + 1] = b[l], to[3 * l + 2] = c[l];
}
#endif

/* ---- picks ---- */
#if VEC_BYTES == 64
typedef __mmask16 vf_pick;
typedef __mmask8 vd_pick;
CT_KINLINE vf_pick vf_above(vf a, vf b)
{
    return (vf_pick)(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) | _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q));
}
CT_KINLINE vd_pick vd_above(vd a, vd b)
{
    return (vd_pick)(_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GT_OQ) | _mm512_cmp_pd_mask((__m512d)a, (__m512d)a, _CMP_UNORD_Q));
}
CT_KINLINE vf_pick vf_same(vf_int a, vf_int b) { return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b); }
CT_KINLINE vd_pick vd_same(vd_int a, vd_int b) { return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b); }
CT_KINLINE bool vf_all(vf_pick p) { return p == 0xffff; }
CT_KINLINE bool vd_all(vd_pick p) { return p == 0xff; }
CT_KINLINE vf vf_choose(vf_pick p, vf yes, vf no) { return (vf)_mm512_mask_blend_ps(p, (__m512)no, (__m512)yes); }
CT_KINLINE vd vd_choose(vd_pick p, vd yes, vd no) { return (vd)_mm512_mask_blend_pd(p, (__m512d)no, (__m512d)yes); }
CT_KINLINE vf_int vf_choosei(vf_pick p, vf_int yes, vf_int no)
{
    return (vf_int)_mm512_mask_blend_epi32(p, (__m512i)no, (__m512i)yes);
}
CT_KINLINE vd_int vd_choosei(vd_pick p, vd_int yes, vd_int no)
{
    return (vd_int)_mm512_mask_blend_epi64(p, (__m512i)no, (__m512i)yes);
}
#else
typedef vf_int vf_pick;
typedef vd_int vd_pick;
CT_KINLINE vf_pick vf_above(vf a, vf b) { return (vf_int)(a > b) | (vf_int)(a != a); }
CT_KINLINE vd_pick vd_above(vd a, vd b) { return (vd_int)(a > b) | (vd_int)(a != a); }
CT_KINLINE vf_pick vf_same(vf_int a, vf_int b) { return (vf_int)(a == b); }
CT_KINLINE vd_pick vd_same(vd_int a, vd_int b) { return (vd_int)(a == b); }
CT_KINLINE vf_int vf_choosei(vf_pick p, vf_int yes, vf_int no) { return (yes & p) | (no & ~p); }
CT_KINLINE vd_int vd_choosei(vd_pick p, vd_int yes, vd_int no) { return (yes & p) | (no & ~p); }
#if VEC_BYTES == 32
CT_KINLINE bool vf_all(vf_pick p) { return _mm256_movemask_epi8((__m256i)p) == -1; }
CT_KINLINE bool vd_all(vd_pick p) { return _mm256_movemask_epi8((__m256i)p) == -1; }
CT_KINLINE vf vf_choose(vf_pick p, vf yes, vf no) { return (vf)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)p); }
CT_KINLINE vd vd_choose(vd_pick p, vd yes, vd no) { return (vd)_mm256_blendv_pd((__m256d)no, (__m256d)yes, (__m256d)p); }
#else
CT_KINLINE bool vf_all(vf_pick p) { return (p[0] & p[1] & p[2] & p[3]) == -1; }
CT_KINLINE bool vd_all(vd_pick p) { return (p[0] & p[1]) == -1; }
CT_KINLINE vf vf_choose(vf_pick p, vf yes, vf no) { return (vf)vf_choosei(p, (vf_int)yes, (vf_int)no); }
CT_KINLINE vd vd_choose(vd_pick p, vd yes, vd no) { return (vd)vd_choosei(p, (vd_int)yes, (vd_int)no); }
#endif
#endif

/* ---- int64_t in memory: lane = from - base; -1 where that does not fit into a lane ---- */
CT_KINLINE vf_int vf_narrow(const int64_t *from, int64_t base)
{
#if VEC_BYTES == 64
    __m512i less = _mm512_set1_epi64(base);
    __m256i a = _mm512_cvtsepi64_epi32(_mm512_sub_epi64(_mm512_loadu_si512(from), less));
    __m256i b = _mm512_cvtsepi64_epi32(_mm512_sub_epi64(_mm512_loadu_si512(from + 8), less));
    return (vf_int)_mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
#elif VEC_BYTES == 32
    __m256i less = _mm256_set1_epi64x(base);
    __m256 a = _mm256_castsi256_ps(_mm256_sub_epi64(_mm256_loadu_si256((const __m256i *)from), less));
    __m256 b = _mm256_castsi256_ps(_mm256_sub_epi64(_mm256_loadu_si256((const __m256i *)(from + 4)), less));
    __m256i low = _mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)), 0xd8);
    __m256i high = _mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)), 0xd8);
    __m256i fits = _mm256_cmpeq_epi32(high, _mm256_setzero_si256());
    return (vf_int)_mm256_or_si256(_mm256_and_si256(low, fits), _mm256_xor_si256(fits, _mm256_set1_epi32(-1)));
#else
    vf_int lanes;
    for (int l = 0; l < VF_N; l++) {
        int64_t v = (int64_t)((uint64_t)from[l] - (uint64_t)base);
        lanes[l] = v >= 0 && v <= INT32_MAX ? (int32_t)v : -1;
    }
    return lanes;
#endif
}
CT_KINLINE vd_int vd_narrow(const int64_t *from, int64_t base)
{
    vd_int lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes - base;
}

/* to = lane + base */
CT_KINLINE void vf_widen(int64_t *to, vf_int lanes, int64_t base)
{
#if VEC_BYTES == 64
    __m512i more = _mm512_set1_epi64(base);
    _mm512_storeu_si512(to, _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256((__m512i)lanes)), more));
    _mm512_storeu_si512(to + 8, _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64((__m512i)lanes, 1)), more));
#elif VEC_BYTES == 32
    __m256i more = _mm256_set1_epi64x(base), v = (__m256i)lanes;
    _mm256_storeu_si256((__m256i *)to, _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)), more));
    _mm256_storeu_si256((__m256i *)(to + 4), _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1)), more));
#else
    for (int l = 0; l < VF_N; l++) to[l] = lanes[l] + base;
#endif
}
CT_KINLINE void vd_widen(int64_t *to, vd_int lanes, int64_t base)
{
    lanes += base;
    memcpy(to, &lanes, sizeof lanes);
}
#endif
