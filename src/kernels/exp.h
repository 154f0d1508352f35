/* e^y of a vector of floats for y <= 0 or NaN, for the sums of softmax, whose time it is: 14 operations where math.h's, for all y
 * and down to the subnormal numbers, takes 22.
 *
 *     n = y / ln 2, rounded     r = y - n ln 2, |r| <= ln(2) / 2     e^y = 2^n (1 + r + r^2 (c2 + c3 r + ... + c6 r^4))
 *
 * Below ln 2^-126, where a float's precision ends, the result is 0. The polynomial is a minimax fit made for this file; the largest
 * error is 1.1 units of the last place. */
#ifndef CT_KERNELS_EXP_H
#define CT_KERNELS_EXP_H

#include "kernels/vec.h"

#define EXP_LOWEST -87.336544f

CT_KINLINE vec_f32 vec_exp_negative_f32(vec_f32 y)
{
    const vec_f32 zero = {0}, one = zero + 1.0f, bias = zero + (12582912.0f + 127.0f); /* 1.5 * 2^23: n is in the low bits */
    vec_f32 k = vec_fma_f32(y, zero + 1.44269504088896341f, bias), n = k - bias;
    vec_f32 r = vec_fma_f32(n, zero + 2.12194440e-4f, vec_fma_f32(n, zero - 0.693359375f, y));
    vec_f32 p = vec_fma_f32(r, zero + 1.3814540e-3f, zero + 8.3687451e-3f);
    p = vec_fma_f32(p, r, zero + 4.1668391e-2f);
    p = vec_fma_f32(p, r, zero + 1.6666520e-1f);
    p = vec_fma_f32(p, r, zero + 4.9999993e-1f);
    p = vec_fma_f32(p, r, one);
    p = vec_fma_f32(p, r, one);
#if VEC_BYTES == 64
    __mmask16 kept = _mm512_cmp_ps_mask((__m512)y, _mm512_set1_ps(EXP_LOWEST), _CMP_NLT_UQ);
    return (vec_f32)_mm512_maskz_scalef_ps(kept, (__m512)p, (__m512)n);
#else
    return (vec_f32)(~(y < EXP_LOWEST) & (vec_i32)(p * (vec_f32)((vec_i32)k << 23)));
#endif
}
#endif
