/* Single-precision exp, log, tanh, erf and their kin, written without branches so that a compiler turns a loop over them into
 * vector code at every ISA level; double precision and the rarer ones are the C library's.
 * exp: n = round(x / ln 2), a polynomial of the rest, times 2^n in two steps (subnormals). log: mantissa in [sqrt 1/2, sqrt 2), a
 * polynomial of it (Cephes' coefficients). tanh: an odd rational below 0.625, (1 - e) / (1 + e) above. erf: a rational function of
 * x^2 on [-3.9, 3.9], +-1 outside. Errors: exp, log 1-2 ulp, tanh 2 ulp, erf 3e-7 absolute. */
#ifndef CT_KERNELS_MATH_H
#define CT_KERNELS_MATH_H

#include "kernels/kernels.h"

#ifdef __FMA__
#define MATH_FMA(a, b, c) __builtin_fmaf((a), (b), (c))
#else
#define MATH_FMA(a, b, c) ((a) * (b) + (c))
#endif

CT_KINLINE float math_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

CT_KINLINE uint32_t math_word(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

CT_KINLINE float math_exp_f32(float x)
{
    float y = x < -104.0f ? -104.0f : x;
    y = y > 89.0f ? 89.0f : y;
    float n = MATH_FMA(y, 1.44269504088896341f, 12582912.0f) - 12582912.0f;
    float r = MATH_FMA(n, -0.693359375f, y);
    r = MATH_FMA(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = MATH_FMA(p, r, 1.3981999507e-3f);
    p = MATH_FMA(p, r, 8.3334519073e-3f);
    p = MATH_FMA(p, r, 4.1665795894e-2f);
    p = MATH_FMA(p, r, 1.6666665459e-1f);
    p = MATH_FMA(p, r, 5.0000001201e-1f);
    p = MATH_FMA(p, r * r, r) + 1.0f;
    int32_t i = (int32_t)n, half = i >> 1;
    float scaled = p * math_bits((uint32_t)(half + 127) << 23) * math_bits((uint32_t)(i - half + 127) << 23);
    scaled = x > 88.7228394f ? __builtin_inff() : scaled;
    return x != x ? x : scaled;
}

CT_KINLINE float math_log_f32(float x)
{
    float y = x < 1.17549435e-38f ? x * 8388608.0f : x; /* subnormals */
    uint32_t u = math_word(y);
    int32_t e = (int32_t)(u >> 23 & 255) - 126 - (x < 1.17549435e-38f ? 23 : 0);
    float m = math_bits((u & 0x007fffff) | 0x3f000000);
    bool low = m < 0.707106781186547524f;
    float f = (float)(low ? e - 1 : e);
    m = low ? m + m - 1.0f : m - 1.0f;
    float z = m * m, p = 7.0376836292e-2f;
    p = MATH_FMA(p, m, -1.1514610310e-1f);
    p = MATH_FMA(p, m, 1.1676998740e-1f);
    p = MATH_FMA(p, m, -1.2420140846e-1f);
    p = MATH_FMA(p, m, 1.4249322787e-1f);
    p = MATH_FMA(p, m, -1.6668057665e-1f);
    p = MATH_FMA(p, m, 2.0000714765e-1f);
    p = MATH_FMA(p, m, -2.4999993993e-1f);
    p = MATH_FMA(p, m, 3.3333331174e-1f);
    p = p * m * z;
    p = MATH_FMA(f, -2.12194440e-4f, p);
    p = MATH_FMA(z, -0.5f, p);
    float r = MATH_FMA(f, 0.693359375f, m + p);
    r = x == __builtin_inff() ? x : r;
    r = x == 0 ? -__builtin_inff() : r;
    return x < 0 || x != x ? __builtin_nanf("") : r;
}

CT_KINLINE float math_tanh_f32(float x)
{
    float a = __builtin_fabsf(x), z = x * x;
    float e = math_exp_f32(-2.0f * a);
    float big = (1.0f - e) / (1.0f + e);
    float p = -5.70498872745e-3f;
    p = MATH_FMA(p, z, 2.06390887954e-2f);
    p = MATH_FMA(p, z, -5.37397155531e-2f);
    p = MATH_FMA(p, z, 1.33314422036e-1f);
    p = MATH_FMA(p, z, -3.33332819422e-1f);
    float small = MATH_FMA(p * z, x, x);
    float r = a < 0.625f ? small : x < 0 ? -big : big;
    return x != x ? x : r;
}

CT_KINLINE float math_sigmoid_f32(float x)
{
    float e = math_exp_f32(-__builtin_fabsf(x)), d = 1.0f / (1.0f + e);
    float r = x < 0 ? e * d : d;
    return x != x ? x : r;
}

CT_KINLINE float math_erf_f32(float x)
{
    float y = x > 3.925f ? 3.925f : x;
    y = y < -3.925f ? -3.925f : y;
    float z = y * y, p = -2.72614225801306e-10f, q = -1.45660718464996e-05f;
    p = MATH_FMA(p, z, 2.77068142495902e-08f);
    p = MATH_FMA(p, z, -2.10102402082508e-06f);
    p = MATH_FMA(p, z, -5.69250639462346e-05f);
    p = MATH_FMA(p, z, -7.34990630326855e-04f);
    p = MATH_FMA(p, z, -2.95459980854025e-03f);
    p = MATH_FMA(p, z, -1.60960333262415e-02f);
    q = MATH_FMA(q, z, -2.13374055278905e-04f);
    q = MATH_FMA(q, z, -1.68282697438203e-03f);
    q = MATH_FMA(q, z, -7.37332916720468e-03f);
    q = MATH_FMA(q, z, -1.42647390514189e-02f);
    float r = y * p / q;
    r = r > 1.0f ? 1.0f : r < -1.0f ? -1.0f : r;
    return x != x ? x : r;
}

CT_KINLINE double math_exp_f64(double x) { return exp(x); }
CT_KINLINE double math_log_f64(double x) { return log(x); }
CT_KINLINE double math_tanh_f64(double x) { return tanh(x); }
CT_KINLINE double math_erf_f64(double x) { return erf(x); }
CT_KINLINE double math_sigmoid_f64(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

/* One name for both precisions. */
#define MATH_EXP(x) _Generic((x), float: math_exp_f32, default: math_exp_f64)(x)
#define MATH_LOG(x) _Generic((x), float: math_log_f32, default: math_log_f64)(x)
#define MATH_TANH(x) _Generic((x), float: math_tanh_f32, default: math_tanh_f64)(x)
#define MATH_ERF(x) _Generic((x), float: math_erf_f32, default: math_erf_f64)(x)
#define MATH_SIGMOID(x) _Generic((x), float: math_sigmoid_f32, default: math_sigmoid_f64)(x)
#define MATH_LIBM(name, x) _Generic((x), float: name##f, default: name)(x)
#define MATH_LIBM2(name, x, y) _Generic((x), float: name##f, default: name)(x, y)
#define MATH_SQRT(x) _Generic((x), float: __builtin_sqrtf, default: __builtin_sqrt)(x)
#define MATH_FLOOR(x) _Generic((x), float: __builtin_floorf, default: __builtin_floor)(x)
#define MATH_CEIL(x) _Generic((x), float: __builtin_ceilf, default: __builtin_ceil)(x)
#define MATH_TRUNC(x) _Generic((x), float: __builtin_truncf, default: __builtin_trunc)(x)
#define MATH_RINT(x) _Generic((x), float: __builtin_rintf, default: __builtin_rint)(x)
#define MATH_ABS(x) _Generic((x), float: __builtin_fabsf, default: __builtin_fabs)(x)
#endif
