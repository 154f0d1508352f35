/* e^y, ln, tanh and the logistic function of whole vectors of floats, where kernels spend their time in them: with fused steps,
 * and with what AVX-512 has for powers of two, exponents and reciprocals. math.h has the same functions for loops that a compiler
 * vectorises. Operations a vector, here / there: e^y 15 / 22, ln 20 / 33, tanh 18 / 26 and a division, which takes as long again.
 * AVX2 has e^y and ln only, for the numbers that need no special care, and a second look at vectors with others: 1e5 exponentials
 * 31 -> 22 us, a million logarithms 609 -> 341.
 *
 *     e^y      n = y / ln 2, rounded     r = y - n ln 2, |r| <= ln(2) / 2     2^n (1 + r + r^2 (c2 + c3 r + ... + c6 r^4))
 *     ln x     x = 2^n (1 + t), -1/4 <= t < 1/2     n ln 2 + t - t^2 / 2 + t^3 (c3 + ... + c10 t^7)
 *     tanh x   a polynomial of degree 5 for each of 29 intervals, its coefficients fetched from registers (tanh_table.h)
 *
 * All polynomials are minimax fits made for this file. A quotient is one of 14 bits and what is missing from it times the same
 * reciprocal: rounded as a division but for one in many thousands, on every processor. Largest errors, in units of the last place:
 * e^y 0.9, ln 1.3, tanh 1.4, logistic 2.4. */
#ifndef CT_KERNELS_VECMATH_H
#define CT_KERNELS_VECMATH_H

#include "kernels/math.h"
#include "kernels/tanh_table.h"
#include "kernels/vec.h"

/* (r, n) of e^y = 2^n e^r, and e^r. k is n in the low bits, with the exponent's bias: 1.5 * 2^23 added to a number rounds it. */
#define VECMATH_EXP_PARTS(y) \
    const vec_f32 zero = {0}, one = zero + 1.0f, bias = zero + (12582912.0f + 127.0f); \
    vec_f32 k = vec_fma_f32(y, zero + 1.44269504088896341f, bias), n = k - bias; \
    vec_f32 r = vec_fma_f32(n, zero + 2.12194440e-4f, vec_fma_f32(n, zero - 0.693359375f, y)); \
    vec_f32 p = vec_fma_f32(r, zero + 1.3814540e-3f, zero + 8.3687451e-3f); \
    p = vec_fma_f32(p, r, zero + 4.1668391e-2f); \
    p = vec_fma_f32(p, r, zero + 1.6666520e-1f); \
    p = vec_fma_f32(p, r, zero + 4.9999993e-1f); \
    p = vec_fma_f32(p, r, one); \
    p = vec_fma_f32(p, r, one);

/* For y <= 0 or NaN, and 0 below ln 2^-126, where a float's precision ends: for the sums of softmax. */
CT_KINLINE vec_f32 vec_exp_negative_f32(vec_f32 y)
{
    const float lowest = -87.336544f;
    VECMATH_EXP_PARTS(y)
#if VEC_BYTES == 64
    __mmask16 kept = _mm512_cmp_ps_mask((__m512)y, _mm512_set1_ps(lowest), _CMP_NLT_UQ);
    return (vec_f32)_mm512_maskz_scalef_ps(kept, (__m512)p, (__m512)n);
#else
    return (vec_f32)(~(y < lowest) & (vec_i32)(p * (vec_f32)((vec_i32)k << 23)));
#endif
}

/* ln(1 + t). */
CT_KINLINE vec_f32 vecmath_log_near(vec_f32 t)
{
    const vec_f32 zero = {0};
    vec_f32 s = t * t;
    vec_f32 p = vec_fma_f32(t, zero - 4.5074813e-2f, zero + 1.0463023e-1f);
    p = vec_fma_f32(p, t, zero - 1.3161194e-1f);
    p = vec_fma_f32(p, t, zero + 1.4478395e-1f);
    p = vec_fma_f32(p, t, zero - 1.6647312e-1f);
    p = vec_fma_f32(p, t, zero + 1.9990861e-1f);
    p = vec_fma_f32(p, t, zero - 2.5000096e-1f);
    p = vec_fma_f32(p, t, zero + 3.3333449e-1f);
    return vec_fma_f32(p * t, s, vec_fma_f32(s, zero - 0.5f, t));
}

#if VEC_BYTES == 64
#define VECMATH_HERE 2 /* all of them */

/* For any x. max and min hand on their second operand where one is NaN. */
CT_KINLINE vec_f32 vec_exp_f32(vec_f32 x)
{
    vec_f32 y = (vec_f32)_mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), (__m512)x));
    VECMATH_EXP_PARTS(y)
    return (vec_f32)_mm512_scalef_ps((__m512)p, (__m512)n);
}

/* The instructions give -inf and 1 for the exponent and mantissa of 0, inf and 1 for those of inf, and no mantissa below 0. */
CT_KINLINE vec_f32 vec_log_f32(vec_f32 x)
{
    const vec_f32 zero = {0}, one = zero + 1.0f;
    __m512 m = _mm512_getmant_ps((__m512)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan), e = _mm512_getexp_ps((__m512)x);
    vec_f32 n = (vec_f32)_mm512_mask_add_ps(e, _mm512_cmp_ps_mask(m, (__m512)one, _CMP_LT_OQ), e, (__m512)one);
    vec_f32 t = (vec_f32)m - one;
    vec_f32 p = vecmath_log_near(t);
    return vec_fma_f32(n, zero + 0.693115234375f, vec_fma_f32(n, zero + 3.19461833e-5f, p)); /* no inf - inf */
}

/* a / b for b from 1 on, far from infinity. */
CT_KINLINE vec_f32 vec_quotient_f32(vec_f32 a, vec_f32 b)
{
    vec_f32 r = (vec_f32)_mm512_rcp14_ps((__m512)b), q = a * r;
    return vec_fma_f32(vec_fma_f32(-q, b, a), r, q);
}

CT_KINLINE vec_f32 vec_tanh_f32(vec_f32 x)
{
#define VECMATH_TANH_ROW(k) (vec_f32) _mm512_permutex2var_ps(_mm512_loadu_ps(tanh_table[k]), column, _mm512_loadu_ps(tanh_table[k] + 16))
    const __m512i below = _mm512_set1_epi32(0x3dfe0000); /* in the interval below 1/8 */
    vec_f32 a = (vec_f32)_mm512_min_ps(_mm512_set1_ps(9.02f), _mm512_abs_ps((__m512)x));
    __m512i column = _mm512_srli_epi32(_mm512_max_epi32((__m512i)a, below), 21);
    vec_f32 t = a - VECMATH_TANH_ROW(0), p = VECMATH_TANH_ROW(6);
    p = vec_fma_f32(p, t, VECMATH_TANH_ROW(5));
    p = vec_fma_f32(p, t, VECMATH_TANH_ROW(4));
    p = vec_fma_f32(p, t, VECMATH_TANH_ROW(3));
    p = vec_fma_f32(p, t, VECMATH_TANH_ROW(2));
    p = vec_fma_f32(p, t, VECMATH_TANH_ROW(1));
    return (vec_f32)_mm512_ternarylogic_epi32((__m512i)p, (__m512i)x, _mm512_set1_epi32(0x7fffffff), 0xe4); /* with the sign of x */
}

CT_KINLINE vec_f32 vec_sigmoid_f32(vec_f32 x)
{
    const vec_f32 zero = {0}, one = zero + 1.0f;
    vec_f32 e = vec_exp_f32((vec_f32)_mm512_or_ps((__m512)x, _mm512_set1_ps(-0.0f)));
    __m512 top = _mm512_mask_mov_ps((__m512)one, _mm512_movepi32_mask((__m512i)x), (__m512)e);
    return vec_quotient_f32((vec_f32)top, one + e);
}
#elif VEC_BYTES == 32 && defined(__FMA__)
#define VECMATH_HERE 1 /* e^y and ln */

/* Lanes of r where `odd` is set become f of x's, by math.h, where there are any. */
#define VECMATH_REST(f, x, odd, r) \
    if (__builtin_expect(_mm256_movemask_ps((__m256)(odd)), 0)) { \
        float from[VEC_WIDTH(float)], to[VEC_WIDTH(float)]; \
        vec_store_f32(from, x); \
        for (int i = 0; i < VEC_WIDTH(float); i++) \
            to[i] = f(from[i]); \
        r = (vec_f32)(((odd) & (vec_i32)vec_load_f32(to)) | (~(odd) & (vec_i32)r)); \
    }

/* One power of two is enough for |x| < 87. */
CT_KINLINE vec_f32 vec_exp_f32(vec_f32 x)
{
    VECMATH_EXP_PARTS(x)
    vec_f32 e = p * (vec_f32)((vec_i32)k << 23);
    vec_i32 odd = ~((vec_f32)((vec_i32)x & 0x7fffffff) < 87.0f);
    (void)n;
    VECMATH_REST(math_exp_f32, x, odd, e)
    return e;
}

/* For what is positive, finite and not subnormal, by its bits: from 3/4 on, a mantissa belongs to the next exponent.
 * (The intrinsic wraps round where a lane is negative; such a lane is not used.) */
CT_KINLINE vec_f32 vec_log_f32(vec_f32 x)
{
    const vec_f32 zero = {0};
    vec_i32 u = (vec_i32)_mm256_sub_epi32((__m256i)x, _mm256_set1_epi32(0x3f400000)), m = (u & 0x007fffff) + 0x3f400000;
    vec_f32 n = (vec_f32)_mm256_cvtepi32_ps((__m256i)(u >> 23)), p = vecmath_log_near((vec_f32)m - 1.0f);
    vec_f32 l = vec_fma_f32(n, zero + 0.693115234375f, vec_fma_f32(n, zero + 3.19461833e-5f, p));
    vec_i32 odd = ((vec_i32)x < 0x00800000) | ((vec_i32)x > 0x7f7fffff);
    VECMATH_REST(math_log_f32, x, odd, l)
    return l;
}
#else
#define VECMATH_HERE 0
#endif
#endif
