/* The arithmetic of every pointwise op, one line each, over a type T: inputs a, b, c; scalar arguments p, q.
 *     FLOATn  T is float and double     ANYn   T is float, double and int64 (`i`: that form)
 *     INTn    T is int64                BOOLn  as ANYn; the result is a truth value
 * n is the number of inputs. Integers wrap around; other integer dtypes are computed in int64 and cut off
 * when stored. */
#ifndef CT_KERNELS_SCALAR_H
#define CT_KERNELS_SCALAR_H

#include "kernels/math.h"
#include "kernels/special.h"

#define SCALAR_DEFINE(name, suffix, R, T_, expression) \
    CT_KINLINE R scalar_##name##_##suffix(T_ a, T_ b, T_ c, T_ p, T_ q) \
    { \
        typedef T_ T; \
        (void)a, (void)b, (void)c, (void)p, (void)q, (void)sizeof(T); \
        return (R)(expression); \
    }
#define SCALAR_FLOAT(name, e) \
    SCALAR_DEFINE(name, f32, float, float, e) SCALAR_DEFINE(name, f64, double, double, e)
#define SCALAR_ANY(name, e, i) SCALAR_FLOAT(name, e) SCALAR_DEFINE(name, i64, int64_t, int64_t, i)
#define SCALAR_BOOL(name, e, i) \
    SCALAR_DEFINE(name, f32, uint8_t, float, e) SCALAR_DEFINE(name, f64, uint8_t, double, e) \
    SCALAR_DEFINE(name, i64, uint8_t, int64_t, i)
#define FLOAT1(name, e) SCALAR_FLOAT(name, e)
#define FLOAT2(name, e) SCALAR_FLOAT(name, e)
#define FLOAT3(name, e) SCALAR_FLOAT(name, e)
#define ANY1(name, e) SCALAR_ANY(name, e, e)
#define ANY2(name, e) SCALAR_ANY(name, e, e)
#define ANY3(name, e) SCALAR_ANY(name, e, e)
#define ANY1i(name, e, i) SCALAR_ANY(name, e, i)
#define ANY2i(name, e, i) SCALAR_ANY(name, e, i)
#define ANY3i(name, e, i) SCALAR_ANY(name, e, i)
#define BOOL1(name, e) SCALAR_BOOL(name, e, e)
#define BOOL1i(name, e, i) SCALAR_BOOL(name, e, i)
#define BOOL2(name, e) SCALAR_BOOL(name, e, e)
#define INT1(name, i) SCALAR_DEFINE(name, i64, int64_t, int64_t, i)
#define INT2(name, i) SCALAR_DEFINE(name, i64, int64_t, int64_t, i)

/* Integers without undefined behaviour. */
#define WRAP(x, op, y) ((int64_t)((uint64_t)(x) op (uint64_t)(y)))
CT_KINLINE int64_t scalar_idiv(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? WRAP(0, -, a) : a / b; }
CT_KINLINE int64_t scalar_imod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
CT_KINLINE int64_t scalar_ifloor(int64_t a, int64_t b)
{
    return scalar_idiv(a, b) - (scalar_imod(a, b) != 0 && (a < 0) != (b < 0));
}
CT_KINLINE int64_t scalar_ipow(int64_t a, int64_t n)
{
    uint64_t r = 1, x = (uint64_t)a;
    if (n < 0)
        return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;
    for (; n; n >>= 1, x *= x)
        r *= n & 1 ? x : 1;
    return (int64_t)r;
}
CT_KINLINE float scalar_fpow_f32(float a, float b)
{
    return b == 2 ? a * a : b == 1 ? a : b == 0.5f ? __builtin_sqrtf(a) : b == 3 ? a * a * a : powf(a, b);
}
CT_KINLINE double scalar_fpow_f64(double a, double b)
{
    return b == 2 ? a * a : b == 1 ? a : b == 0.5 ? __builtin_sqrt(a) : b == 3 ? a * a * a : pow(a, b);
}
#define FPOW(a, b) _Generic((a), float: scalar_fpow_f32, default: scalar_fpow_f64)(a, b)
CT_KINLINE float scalar_ffmod_f32(float a, float b)
{
    float m = fmodf(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
CT_KINLINE double scalar_ffmod_f64(double a, double b)
{
    double m = fmod(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
#define FREMAINDER(a, b) _Generic((a), float: scalar_ffmod_f32, default: scalar_ffmod_f64)(a, b)
/* Python's floor division of floats: exact where the quotient is an integer. */
CT_KINLINE double scalar_ffloor_f64(double a, double b)
{
    if (b == 0)
        return a / b;
    double m = fmod(a, b), d = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0))
        d -= 1;
    if (d == 0)
        return __builtin_copysign(0.0, a / b);
    double f = __builtin_floor(d);
    return d - f > 0.5 ? f + 1 : f;
}
CT_KINLINE float scalar_ffloor_f32(float a, float b)
{
    if (b == 0)
        return a / b;
    float m = fmodf(a, b), d = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0))
        d -= 1;
    if (d == 0)
        return __builtin_copysignf(0.0f, a / b);
    float f = __builtin_floorf(d);
    return d - f > 0.5f ? f + 1 : f;
}
#define FFLOOR(a, b) _Generic((a), float: scalar_ffloor_f32, default: scalar_ffloor_f64)(a, b)

ANY2i(add, a + p * b, WRAP(a, +, WRAP(p, *, b)))
ANY2i(sub, a - p * b, WRAP(a, -, WRAP(p, *, b)))
ANY2i(rsub, b - p * a, WRAP(b, -, WRAP(p, *, a)))
ANY2i(mul, a * b, WRAP(a, *, b))
FLOAT2(div, a / b)
ANY2i(floor_divide, FFLOOR(a, b), scalar_ifloor(a, b))
ANY2i(div_floor, FFLOOR(a, b), scalar_ifloor(a, b))
ANY2i(trunc_divide, MATH_TRUNC(a / b), scalar_idiv(a, b))
ANY2i(remainder, FREMAINDER(a, b), scalar_imod(a, b) + (scalar_imod(a, b) != 0 && (a < 0) != (b < 0) ? b : 0))
ANY2i(fmod, MATH_LIBM2(fmod, a, b), scalar_imod(a, b))
ANY2i(pow, FPOW(a, b), scalar_ipow(a, b))
FLOAT2(pow_slope, b == 0 ? 0 : b * FPOW(a, b - 1))
ANY1i(neg, -a, WRAP(0, -, a))
ANY1i(abs, MATH_ABS(a), a < 0 ? WRAP(0, -, a) : a)
ANY1(sign, (a > 0) - (a < 0))
ANY1i(square, a * a, WRAP(a, *, a))
ANY1i(floor, MATH_FLOOR(a), a)
ANY1i(ceil, MATH_CEIL(a), a)
ANY1i(trunc, MATH_TRUNC(a), a)
ANY1i(round, MATH_RINT(a), a)
ANY1i(frac, a - MATH_TRUNC(a), 0)
FLOAT1(exp, MATH_EXP(a))
FLOAT1(expm1, MATH_EXPM1(a))
FLOAT1(exp2, MATH_EXP2(a))
FLOAT1(log, MATH_LOG(a))
FLOAT1(log1p, MATH_LOG1P(a))
FLOAT1(log2, MATH_LOG2(a))
FLOAT1(log10, MATH_LOG10(a))
FLOAT1(sqrt, MATH_SQRT(a))
FLOAT1(rsqrt, 1 / MATH_SQRT(a))
FLOAT1(reciprocal, 1 / a)
FLOAT1(sin, MATH_SIN(a))
FLOAT1(cos, MATH_COS(a))
FLOAT1(tan, MATH_LIBM(tan, a))
FLOAT1(asin, MATH_LIBM(asin, a))
FLOAT1(acos, MATH_LIBM(acos, a))
FLOAT1(atan, MATH_LIBM(atan, a))
FLOAT1(sinh, MATH_LIBM(sinh, a))
FLOAT1(cosh, MATH_LIBM(cosh, a))
FLOAT1(asinh, MATH_LIBM(asinh, a))
FLOAT1(acosh, MATH_LIBM(acosh, a))
FLOAT1(atanh, MATH_LIBM(atanh, a))
FLOAT2(atan2, MATH_LIBM2(atan2, a, b))
FLOAT1(tanh, MATH_TANH(a))
ANY2i(tanh_backward, a * (1 - b * b), 0)
FLOAT1(sigmoid, MATH_SIGMOID(a))
ANY2i(sigmoid_backward, a * (1 - b) * b, 0)
FLOAT1(erf, MATH_ERF(a))
FLOAT1(erfc, MATH_LIBM(erfc, a))
ANY2(maximum, a != a ? a : b != b ? b : a > b ? a : b)
ANY2(minimum, a != a ? a : b != b ? b : a < b ? a : b)
ANY3(extremum_grad, p * b < p * c ? 0 : b == c ? a / 2 : a)
ANY1(relu, a < 0 ? 0 : a)
ANY2(threshold_backward, b <= p ? 0 : a)
ANY1(relu6, a != a ? a : a < 0 ? 0 : a > 6 ? 6 : a)
ANY1(hardtanh, a != a ? a : (a < p ? p : a) > q ? q : a < p ? p : a)
ANY1(leaky_relu, a > 0 ? a : a * p)
ANY2(leaky_relu_backward, b > 0 ? a : a * p)
FLOAT1(elu, a > 0 ? a : p * MATH_EXPM1(a))
FLOAT1(selu, a > 0 ? (T)1.0507009873554805 * a : (T)1.7580993408473766 * MATH_EXPM1(a))
FLOAT1(gelu_erf, a * MATH_NORMAL(a))
FLOAT2(gelu_erf_backward, a * (MATH_NORMAL(b) + b * (T)0.39894228040143268 * MATH_EXP_NEGATIVE((T)-0.5 * b * b)))
FLOAT1(celu, a > 0 ? a : p * MATH_EXPM1(a / p))
FLOAT1(mish, a * MATH_TANH(a > 20 ? a : MATH_LOG1P(MATH_EXP(a))))
FLOAT1(hardsigmoid, (a + 3 < 0 ? 0 : a + 3 > 6 ? 6 : a + 3) / 6)
FLOAT1(hardswish, a * (a + 3 < 0 ? 0 : a + 3 > 6 ? 6 : a + 3) / 6)
ANY2i(hardswish_backward, b < -3 ? 0 : b <= 3 ? a * (b / 3 + (T)0.5) : a, 0)
ANY1(threshold, a <= p ? q : a)
FLOAT1(hardshrink, a >= -p && a <= p ? 0 : a)
FLOAT1(softshrink_by, a > p ? a - p : a < -p ? a + p : a * 0)
FLOAT1(gelu_tanh, (T)0.5 * a * (1 + MATH_TANH((T)0.7978845608028654 * (a + (T)0.044715 * a * a * a))))
FLOAT1(silu, a * MATH_SIGMOID(a))
FLOAT2(silu_slope, a * (MATH_SIGMOID(b) * (1 + b * (1 - MATH_SIGMOID(b)))))
#define GELU_TANH(x) MATH_TANH((T)0.7978845608028654 * (x + (T)0.044715 * x * x * x))
FLOAT2(gelu_tanh_slope, a * ((T)0.5 * (1 + GELU_TANH(b)) + (T)0.5 * b * (1 - GELU_TANH(b) * GELU_TANH(b))
                                                           * ((T)0.7978845608028654 * (1 + (T)0.134145 * b * b))))
FLOAT1(softplus, a * p > q ? a : MATH_LOG1P(MATH_EXP(a * p)) / p)
FLOAT1(log_sigmoid, (a < 0 ? a : 0) - MATH_LOG1P(MATH_EXP_NEGATIVE(-MATH_ABS(a))))
/* Losses: a and b are the prediction and the target, or b and c, after the gradient. */
CT_KINLINE float scalar_not_below_f32(float a, float low) { return a < low ? low : a; } /* NaN stays */
CT_KINLINE double scalar_not_below_f64(double a, double low) { return a < low ? low : a; }
#define NOT_BELOW(x, low) _Generic((x), float: scalar_not_below_f32, default: scalar_not_below_f64)((x), (low))
ANY2i(squared_difference, (a - b) * (a - b), WRAP(WRAP(a, -, b), *, WRAP(a, -, b)))
ANY3i(difference_scaled, (b - c) * p * a, WRAP(WRAP(WRAP(b, -, c), *, p), *, a))
FLOAT2(smooth_l1_terms, MATH_ABS(a - b) < p ? (T)0.5 * (a - b) * (a - b) / p : MATH_ABS(a - b) - (T)0.5 * p)
FLOAT3(smooth_l1_slope, b - c >= p ? a : b - c <= -p ? -a : a * (b - c) / p)
FLOAT2(huber_terms, MATH_ABS(a - b) <= p ? (T)0.5 * (a - b) * (a - b) : p * (MATH_ABS(a - b) - (T)0.5 * p))
FLOAT3(huber_slope, b - c > p ? p * a : b - c < -p ? -p * a : a * (b - c))
FLOAT2(binary_cross_entropy_terms, (b - 1) * NOT_BELOW(MATH_LOG1P(-a), -100) - b * NOT_BELOW(MATH_LOG(a), -100))
FLOAT3(binary_cross_entropy_slope, a * (b - c) / NOT_BELOW((1 - b) * b, (T)1e-12))
FLOAT2(logits_terms, (1 - b) * a - ((a < 0 ? a : 0) - MATH_LOG1P(MATH_EXP_NEGATIVE(-MATH_ABS(a)))))
FLOAT3(logits_slope, a * (MATH_SIGMOID(b) - c))
BOOL2(eq, a == b)
BOOL2(ne, a != b)
BOOL2(lt, a < b)
BOOL2(le, a <= b)
BOOL2(gt, a > b)
BOOL2(ge, a >= b)
BOOL2(logical_and, a != 0 && b != 0)
BOOL2(logical_or, a != 0 || b != 0)
BOOL2(logical_xor, (a != 0) != (b != 0))
BOOL1(logical_not, a == 0)
BOOL1(isnan, a != a)
BOOL1i(isinf, a - a != a - a && a == a, 0)
BOOL1i(isfinite, a - a == a - a, 1)
INT2(bitwise_and, a & b)
INT2(bitwise_or, a | b)
INT2(bitwise_xor, a ^ b)
INT2(bitwise_left_shift, b < 0 || b > 63 ? 0 : (int64_t)((uint64_t)a << b))
INT2(bitwise_right_shift, a >> (b < 0 || b > 63 ? 63 : b))
INT1(bitwise_not, ~a)
ANY3(where_self, a != 0 ? b : c)
ANY3(addcmul, a + p * b * c)
FLOAT3(addcdiv, a + p * b / c)
FLOAT3(lerp, MATH_ABS(c) < (T)0.5 ? a + c * (b - a) : b - (b - a) * (1 - c))
ANY1(clamp_both, a != a ? a : p != p ? p : q != q ? q : (a < p ? p : a) > q ? q : a < p ? p : a)
FLOAT1(lgamma, special_lgamma((double)a))
FLOAT1(digamma, special_digamma((double)a))
FLOAT2(polygamma_of, special_polygamma((double)b, (double)a))
FLOAT2(zeta, special_zeta((double)a, (double)b))
FLOAT1(i0, special_bessel(0, (double)a))
FLOAT1(i1, special_bessel(1, (double)a))
FLOAT1(i0e, special_bessel_scaled(0, (double)a))
FLOAT1(i1e, special_bessel_scaled(1, (double)a))
FLOAT2(igamma, special_gamma_share((double)a, (double)b, false))
FLOAT2(igammac, special_gamma_share((double)a, (double)b, true))
FLOAT2(standard_gamma_slope, special_gamma_slope((double)a, (double)b))
FLOAT3(dirichlet_slope, special_dirichlet_slope((double)a, (double)b, (double)c))
FLOAT2(nextafter, MATH_LIBM2(nextafter, a, b))
INT2(gcd, special_gcd(a, b))
INT2(lcm, special_lcm(a, b))
#endif
