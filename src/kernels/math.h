/* Single-precision exp, log, tanh, erf, sin and their kin, written without branches so that a compiler turns
 * a loop over them into vector code at every ISA level; double precision and the rarer ones are the C
 * library's. The polynomials are minimax fits made for this file. Largest errors, in units of the last place:
 * exp, exp2, log, erf 1.1; expm1, log1p, sin, cos 1.5; log2 2.3; tanh, sigmoid, log10 2.5. sin and cos may
 * be used up to MATH_TURN_LIMIT only. */
#ifndef CT_KERNELS_MATH_H
#define CT_KERNELS_MATH_H

#include "kernels/kernels.h"

#ifdef __FMA__
#define MATH_FMA(a, b, c) __builtin_fmaf((a), (b), (c))
#else
#define MATH_FMA(a, b, c) ((a) * (b) + (c))
#endif
#define MATH_INF __builtin_inff()
#define MATH_NAN __builtin_nanf("")

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

/* 2^n for -126 <= n <= 127. */
CT_KINLINE float math_power2(int32_t n) { return math_bits((uint32_t)(n + 127) << 23); }

/* (e^r - 1) for |r| <= ln(2) / 2. */
CT_KINLINE float math_expm1_near(float r)
{
    float p = 1.9913633179e-04f;
    p = MATH_FMA(p, r, 1.3941063893e-03f);
    p = MATH_FMA(p, r, 8.3332740362e-03f);
    p = MATH_FMA(p, r, 4.1666353923e-02f);
    p = MATH_FMA(p, r, 1.6666666813e-01f);
    p = MATH_FMA(p, r, 5.0000000466e-01f);
    return MATH_FMA(p * r, r, r);
}

/* x - n ln 2 for n = x / ln 2 rounded. */
CT_KINLINE float math_reduce(float x, float *n)
{
    float k = MATH_FMA(x, 1.44269504088896341f, 12582912.0f) - 12582912.0f;
    *n = k;
    return MATH_FMA(k, 2.12194440e-4f, MATH_FMA(k, -0.693359375f, x));
}

/* p * 2^n, also where 2^n alone is too large or small. */
CT_KINLINE float math_scale(float p, float n)
{
    int32_t i = (int32_t)n, half = i >> 1;
    return p * math_power2(half) * math_power2(i - half);
}

/* (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2. In pairs: a vector waits for 3 steps, not for 4. s = r * r. */
CT_KINLINE float math_exp_series(float r, float s)
{
    float a = MATH_FMA(r, 1.6666519642e-01f, 0.5f), b = MATH_FMA(r, 8.3688171580e-03f, 4.1666414589e-02f);
    return MATH_FMA(MATH_FMA(1.3939688215e-03f, s, b), s, a);
}

/* e^y for |y| <= 176, or NaN, which passes through. 1.5 * 2^23 added to a number leaves it, rounded, in the low bits: with the
 * exponent's bias added too, a shift makes a power of two of them. The power is put on in two steps, 2^h and 2^(n - h) with h
 * near n / 2, since 2^n alone may be too large or small: overflow and subnormal results come out by themselves. */
CT_KINLINE float math_exp_inside(float y)
{
    const float low = 12582912.0f + 127.0f, high = 12582912.0f + 254.0f;
    float h = MATH_FMA(y, 0.72134752044448170f, low), k = MATH_FMA(y, 1.44269504088896341f, high), n = k - high;
    float r = MATH_FMA(n, 2.12194440e-4f, MATH_FMA(n, -0.693359375f, y)), s = r * r;
    float first = math_bits(math_word(h) << 23), second = math_bits((math_word(k) - math_word(h)) << 23);
    return MATH_FMA(MATH_FMA(math_exp_series(r, s), s, r), first, first) * second;
}

/* e^y for -87 <= y <= 88, or NaN: one power of two is enough. */
CT_KINLINE float math_exp_middle(float y)
{
    const float bias = 12582912.0f + 127.0f;
    float k = MATH_FMA(y, 1.44269504088896341f, bias), n = k - bias;
    float r = MATH_FMA(n, 2.12194440e-4f, MATH_FMA(n, -0.693359375f, y)), s = r * r, first = math_bits(math_word(k) << 23);
    return MATH_FMA(MATH_FMA(math_exp_series(r, s), s, r), first, first);
}

/* The comparison lets NaN through, and beyond 170 all is infinite or 0. One comparison: of two a compiler makes nine steps. */
CT_KINLINE float math_exp_f32(float x)
{
    float a = __builtin_fabsf(x);
    return math_exp_inside(__builtin_copysignf(170.0f < a ? 170.0f : a, x));
}

/* exp(x) for x <= 0 or NaN, the same bits. */
CT_KINLINE float math_exp_negative_f32(float x) { return math_exp_inside(x < -170.0f ? -170.0f : x); }
CT_KINLINE double math_exp_negative_f64(double x) { return exp(x); }

CT_KINLINE float math_exp2_f32(float x)
{
    float y = x < -151.0f ? -151.0f : x;
    y = y > 129.0f ? 129.0f : y;
    float n = (y + 12582912.0f) - 12582912.0f;
    float e = math_scale(math_expm1_near((y - n) * 0.693147180559945f) + 1.0f, n);
    e = x >= 128.0f ? MATH_INF : e;
    return x != x ? x : e;
}

CT_KINLINE float math_expm1_f32(float x)
{
    float y = x < -20.0f ? -20.0f : x, n;
    y = y > 89.0f ? 89.0f : y;
    float r = math_reduce(y, &n);
    float t = math_power2((int32_t)(n - 1.0f)); /* half of 2^n, which may be too large */
    float e = MATH_FMA(math_expm1_near(r), t, t - 0.5f) * 2.0f;
    e = n == 0.0f ? math_expm1_near(y) : e;
    e = x > 88.7228394f ? MATH_INF : e;
    e = x == 0 ? x : e;
    return x != x ? x : e;
}

/* ln x = exponent * ln 2 + the return value, for positive finite x. */
CT_KINLINE float math_log_parts(float x, float *exponent)
{
    bool tiny = x < 1.17549435e-38f;
    float y = tiny ? x * 8388608.0f : x;
    uint32_t u = math_word(y) - 0x3f3504f3; /* from sqrt(1/2) on */
    int32_t e = (int32_t)u >> 23;
    float m = math_bits((u & 0x007fffff) + 0x3f3504f3) - 1.0f;
    *exponent = (float)(tiny ? e - 23 : e);
    float p = 6.746579924e-02f;
    p = MATH_FMA(p, m, -1.167764136e-01f);
    p = MATH_FMA(p, m, 1.188925480e-01f);
    p = MATH_FMA(p, m, -1.240536497e-01f);
    p = MATH_FMA(p, m, 1.421938709e-01f);
    p = MATH_FMA(p, m, -1.666800117e-01f);
    p = MATH_FMA(p, m, 2.000212619e-01f);
    p = MATH_FMA(p, m, -2.500000962e-01f);
    p = MATH_FMA(p, m, 3.333331251e-01f);
    float z = m * m;
    return MATH_FMA(p * m, z, MATH_FMA(z, -0.5f, m));
}

CT_KINLINE float math_log_ends(float x, float r)
{
    r = x == MATH_INF ? x : r;
    r = x == 0 ? -MATH_INF : r;
    return x < 0 || x != x ? MATH_NAN : r;
}

CT_KINLINE float math_log_f32(float x)
{
    float e, l = math_log_parts(x, &e);
    return math_log_ends(x, MATH_FMA(e, 0.693359375f, MATH_FMA(e, -2.12194440e-4f, l)));
}

CT_KINLINE float math_log2_f32(float x)
{
    float e, l = math_log_parts(x, &e);
    return math_log_ends(x, e + MATH_FMA(l, 0.44269504088896341f, l));
}

CT_KINLINE float math_log10_f32(float x)
{
    float e, l = math_log_parts(x, &e);
    return math_log_ends(
        x, MATH_FMA(e, 0.301025390625f, MATH_FMA(e, 4.6050389811952e-6f, l * 0.434294481903252f)));
}

/* u = 1 + x rounded; what rounding lost is added back. */
CT_KINLINE float math_log1p_f32(float x)
{
    float u = 1.0f + x, lost = x - (u - 1.0f), e, l = math_log_parts(u, &e);
    float correction = lost / u;
    float r = MATH_FMA(e, 0.693359375f, MATH_FMA(e, -2.12194440e-4f, l + correction));
    float small = x < 0 ? -x : x;
    r = small < 1e-4f ? MATH_FMA(x * x, MATH_FMA(x, 0.33333333f, -0.5f), x) : r;
    return x == 0 ? x : math_log_ends(u, r);
}

CT_KINLINE float math_tanh_f32(float x)
{
    float a = __builtin_fabsf(x), n;
    float y = a > 10.0f ? -20.0f : -2.0f * a;
    float r = math_reduce(y, &n), t = math_power2((int32_t)n);
    float e = MATH_FMA(math_expm1_near(r), t, t - 1.0f); /* e^(-2a) - 1 */
    float h = -e / (e + 2.0f);
    h = a < 1e-4f ? a : h;
    h = __builtin_copysignf(h, x);
    return x != x ? x : h;
}

CT_KINLINE float math_sigmoid_f32(float x)
{
    float e = math_exp_negative_f32(-__builtin_fabsf(x)), d = 1.0f / (1.0f + e);
    return x < 0 ? e * d : d;
}

/* x + x P(x^2) near 0; 1 - e^(-|x| Q(|x|)) beyond. */
CT_KINLINE float math_erf_f32(float x)
{
    float t = __builtin_fabsf(x), s = x * x, s2 = s * s;
    float p = MATH_FMA(MATH_FMA(MATH_FMA(s, -5.9768938025e-04f, 4.9909802540e-03f), s2,
                                MATH_FMA(s, -2.6765567001e-02f, 1.1281802772e-01f)), s2,
                       MATH_FMA(s, -3.7612494317e-01f, 1.2837915004e-01f));
    float near = MATH_FMA(p, x, x);
    float y = t > 4.05f ? 4.05f : t, y2 = y * y, y4 = y2 * y2;
    float q = MATH_FMA(MATH_FMA(MATH_FMA(y, 5.1508836137e-06f, -4.8202265499e-05f), y2,
                                MATH_FMA(y, -3.6064596048e-05f, 2.8923004190e-03f)), y4,
                       MATH_FMA(MATH_FMA(y, -2.2612009286e-02f, 1.0520291174e-01f), y2,
                                MATH_FMA(y, 6.3565652338e-01f, 1.2854489982e-01f)));
    float far = __builtin_copysignf(1.0f - math_exp_middle(-MATH_FMA(q, y, y)), x);
    return t < 0.93f ? near : far;
}

/* The normal distribution's function, to 6e-8: with t = |x| / sqrt(2), 1 / 2 erfc(t) = 1 / 2 e^(-t Q(t)) below 0 and 1 less that
 * above. 0 or 1 where t > 4.06; for NaN it is a number: its users multiply by x. */
CT_KINLINE float math_normal_f32(float x)
{
    float t = __builtin_fabsf(x) * 0.707106781186547524f, t2 = t * t;
    float a = MATH_FMA(MATH_FMA(t, -2.0586776504e-02f, 1.0336956410e-01f), t2, MATH_FMA(t, 6.3650721436e-01f, 1.1283860588e+00f));
    float b = MATH_FMA(MATH_FMA(t, 9.1203880925e-06f, -1.1281068340e-04f), t2, MATH_FMA(t, 3.6245329507e-04f, 1.6705446176e-03f));
    float h = 0.5f * math_exp_middle(-t * MATH_FMA(b, t2 * t2, a));
    h = t <= 4.06f ? h : 0.0f;
    return x < 0 ? h : 1.0f - h;
}
CT_KINLINE double math_normal_f64(double x) { return 0.5 * (1 + erf(x * 0.70710678118654752440)); }

/* sin and cos: x less a multiple of pi / 2 in double, polynomials in float. */
#define MATH_TURN_LIMIT 16777216.0f
CT_KINLINE float math_turn(float x, int32_t *quarter)
{
    double d = (double)x, k = (d * 0.63661977236758134308 + 6755399441055744.0) - 6755399441055744.0;
    *quarter = (int32_t)k;
    return (float)((d - k * 1.57079632673412561417) - k * 6.07710050650619224932e-11);
}

CT_KINLINE float math_sin_near(float r, float s)
{
    float p = 2.7182743980e-06f;
    p = MATH_FMA(p, s, -1.9839330987e-04f);
    p = MATH_FMA(p, s, 8.3333293741e-03f);
    p = MATH_FMA(p, s, -1.6666666642e-01f);
    return MATH_FMA(p * s, r, r);
}

CT_KINLINE float math_cos_near(float s)
{
    float p = -2.7209892403e-07f;
    p = MATH_FMA(p, s, 2.4799515881e-05f);
    p = MATH_FMA(p, s, -1.3888883738e-03f);
    p = MATH_FMA(p, s, 4.1666666623e-02f);
    return MATH_FMA(p * s, s, MATH_FMA(s, -0.5f, 1.0f));
}

CT_KINLINE float math_sin_f32(float x)
{
    int32_t k;
    float r = math_turn(x, &k), s = r * r, v = k & 1 ? math_cos_near(s) : math_sin_near(r, s);
    v = math_bits(math_word(v) ^ (uint32_t)(k & 2) << 30);
    return x == 0 ? x : v;
}

CT_KINLINE float math_cos_f32(float x)
{
    int32_t k;
    float r = math_turn(x, &k), s = r * r, v = k & 1 ? math_sin_near(r, s) : math_cos_near(s);
    return math_bits(math_word(v) ^ (uint32_t)((k + 1) & 2) << 30);
}

CT_KINLINE double math_sigmoid_f64(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
CT_KINLINE double math_exp_f64(double x) { return exp(x); }

CT_KINLINE float math_sin_any_f32(float x)
{
    return __builtin_fabsf(x) <= MATH_TURN_LIMIT ? math_sin_f32(x) : sinf(x);
}
CT_KINLINE float math_cos_any_f32(float x)
{
    return __builtin_fabsf(x) <= MATH_TURN_LIMIT ? math_cos_f32(x) : cosf(x);
}

/* One name for both precisions. */
#define MATH_SIN(x) _Generic((x), float: math_sin_any_f32, default: sin)(x)
#define MATH_COS(x) _Generic((x), float: math_cos_any_f32, default: cos)(x)
#define MATH_EXP(x) _Generic((x), float: math_exp_f32, default: exp)(x)
#define MATH_EXP_NEGATIVE(x) _Generic((x), float: math_exp_negative_f32, default: exp)(x)
#define MATH_EXP2(x) _Generic((x), float: math_exp2_f32, default: exp2)(x)
#define MATH_EXPM1(x) _Generic((x), float: math_expm1_f32, default: expm1)(x)
#define MATH_LOG(x) _Generic((x), float: math_log_f32, default: log)(x)
#define MATH_LOG2(x) _Generic((x), float: math_log2_f32, default: log2)(x)
#define MATH_LOG10(x) _Generic((x), float: math_log10_f32, default: log10)(x)
#define MATH_LOG1P(x) _Generic((x), float: math_log1p_f32, default: log1p)(x)
#define MATH_TANH(x) _Generic((x), float: math_tanh_f32, default: tanh)(x)
#define MATH_ERF(x) _Generic((x), float: math_erf_f32, default: erf)(x)
#define MATH_NORMAL(x) _Generic((x), float: math_normal_f32, default: math_normal_f64)(x)
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
