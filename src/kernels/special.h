/* Special functions in double precision, for the pointwise table: the gamma and beta functions' kin with derivatives in their
 * parameters, the Hurwitz zeta function, Bessel's I. Sources of the formulas: NIST's Digital Library of Mathematical Functions,
 * chapters 5 (gamma), 8 (incomplete gamma and beta), 10 (Bessel), 25 (zeta). Continued fractions run by Lentz's method; a
 * derivative is carried beside its value, term by term. */
#ifndef CT_KERNELS_SPECIAL_H
#define CT_KERNELS_SPECIAL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define SPECIAL_FUNCTION static inline __attribute__((unused)) double
#define SPECIAL_PI 3.14159265358979323846
#define SPECIAL_TERMS 400000

/* ln |gamma(x)|. Not the C library's lgamma, which writes the sign to a variable that threads share. */
SPECIAL_FUNCTION special_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* The logarithmic derivative of gamma: reflection below 0, recurrence up to 10, then DLMF 5.11.2. */
SPECIAL_FUNCTION special_digamma(double x)
{
    if (x == 0)
        return copysign(INFINITY, -x);
    double r = 0;
    if (x < 0) {
        if (x == floor(x))
            return NAN;
        r = -SPECIAL_PI / tan(SPECIAL_PI * (x - floor(x)));
        x = 1 - x;
    }
    for (; x < 10; x += 1)
        r -= 1 / x;
    double s = 1 / (x * x);
    double t = s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s / 12))))));
    return r + log(x) - 0.5 / x - (x < 1e17 ? t : 0);
}

/* zeta(s, q), the sum of (q + k)^-s over k >= 0: some terms, then Euler and Maclaurin's formula, DLMF 25.11.28. */
SPECIAL_FUNCTION special_zeta(double s, double q)
{
    /* Bernoulli's numbers B_2k / (2k)! */
    static const double b[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000.0,
                               1.0 / 74724249600.0, -3617.0 / 10670622842880000.0, 43867.0 / 5109094217170944000.0};
    if (s == 1)
        return INFINITY;
    if (!(s > 1))
        return NAN;
    if (q <= 0 && q == floor(q))
        return INFINITY;
    if (q < 0 && s != floor(s))
        return NAN;
    if (q == INFINITY)
        return 0;
    double sum = 0;
    for (int k = 0; k < 10 || (q < 10 && k < SPECIAL_TERMS); k++, q += 1)
        sum += pow(q, -s);
    double p = pow(q, -s), rising = s * p / q;
    sum += p * q / (s - 1) + p / 2;
    for (int k = 0; k < 9; k++) {
        sum += b[k] * rising;
        rising *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q);
    }
    return sum;
}

/* The n-th derivative of digamma, DLMF 5.15.1. */
SPECIAL_FUNCTION special_polygamma(double n, double x)
{
    if (n == 0)
        return special_digamma(x);
    return (fmod(n, 2) != 0 ? 1 : -1) * exp(special_lgamma(n + 1)) * special_zeta(n + 1, x);
}

/* I_v(x) e^-|x| for v = 0, 1: the series 10.25.2 up to 30, then 10.40.1. */
SPECIAL_FUNCTION special_bessel_scaled(int v, double x)
{
    double a = fabs(x), sum = 1, t = 1;
    if (a == INFINITY)
        return 0;
    if (a <= 30) {
        double y = a * a / 4;
        for (int k = 1; k < 200 && t > 1e-18 * sum; k++)
            sum += t *= y / ((double)k * (k + v));
        sum *= exp(-a) * (v ? a / 2 : 1);
    } else {
        for (int k = 1; k < 30; k++) {
            double next = t * -(4.0 * v - (2 * k - 1.0) * (2 * k - 1.0)) / (8 * a * k);
            if (fabs(next) < 1e-18 || fabs(next) > fabs(t))
                break;
            sum += t = next;
        }
        sum /= sqrt(2 * SPECIAL_PI * a);
    }
    return v && x < 0 ? -sum : sum;
}

/* I_v(x): e^|x| in two factors, so that it overflows no earlier than the result. */
SPECIAL_FUNCTION special_bessel(int v, double x)
{
    double h = exp(fabs(x) / 2);
    return fabs(x) == INFINITY ? (v ? x : INFINITY) : special_bessel_scaled(v, x) * h * h;
}

/* The two incomplete gamma functions over x^a e^-x / gamma(a), and their derivatives in a: the lower one where x is below a + 1
 * (DLMF 8.7.1), the upper one elsewhere (8.9.2). True for the lower one. */
static inline __attribute__((unused)) bool special_gamma_part(double a, double x, double *value, double *slope)
{
    if (x < a + 1) {
        double t = 1, dt = 0, s = 1, ds = 0;
        for (int n = 1; n < SPECIAL_TERMS && t > 1e-17 * s; n++) {
            double f = x / (a + n);
            dt = dt * f - t * f / (a + n);
            t *= f;
            s += t;
            ds += dt;
        }
        *value = s / a;
        *slope = ds / a - s / (a * a);
        return true;
    }
    double b = x + 1 - a, c = 1e300, dc = 0, d = 1 / b, dd = d * d, h = d, dh = dd;
    for (int n = 1; n < SPECIAL_TERMS; n++) {
        double p = -n * (n - a), dp = n;
        b += 2;
        double e = p * d + b, de = dp * d + p * dd - 1, f = b + p / c, df = -1 + dp / c - p * dc / (c * c);
        d = 1 / (e == 0 ? 1e-300 : e);
        dd = -de * d * d;
        c = f == 0 ? 1e-300 : f;
        dc = df;
        double step = c * d, dstep = dc * d + c * dd;
        dh = dh * step + h * dstep;
        h *= step;
        if (fabs(step - 1) < 1e-16 && fabs(dstep) < 1e-16)
            break;
    }
    *value = h;
    *slope = dh;
    return false;
}

/* P(a, x), or Q(a, x) = 1 - P(a, x). For a beyond 1e8, where series would need too many terms, Wilson and Hilferty's cube root. */
SPECIAL_FUNCTION special_gamma_share(double a, double x, bool upper)
{
    double value, slope;
    if (!(a >= 0) || !(x >= 0) || (a == 0 && x == 0) || (a == INFINITY && x == INFINITY))
        return NAN;
    if (a == 0 || x == INFINITY || x == 0 || a == INFINITY)
        return ((a == 0 || x == INFINITY) != upper);
    if (a > 1e8) {
        double z = 3 * sqrt(a) * (cbrt(x / a) - 1 + 1 / (9 * a)) * 0.70710678118654752440;
        return 0.5 * erfc(upper ? z : -z);
    }
    bool lower = special_gamma_part(a, x, &value, &slope);
    double log_front = a * log(x) - x - special_lgamma(a);
    if (a > 1e3) /* the same by Stirling's formula, without its cancellation */
        log_front = -a * (x / a - 1 - log1p(x / a - 1)) + 0.5 * log(a / (2 * SPECIAL_PI)) - 1 / (12 * a) + 1 / (360 * a * a * a);
    double p = value * exp(log_front);
    return lower != upper ? p : 1 - p;
}

/* dx / da of a gamma variable x of shape a whose probability below stays: -(dP / da) / (dP / dx). Beyond a million by Wilson and
 * Hilferty's cube root. */
SPECIAL_FUNCTION special_gamma_slope(double a, double x)
{
    if (!(x > 0) || !(a > 0))
        return x == 0 && a > 0 ? 0 : NAN;
    if (a > 1e6) {
        double y = cbrt(x / a), z = (y - 1 + 1 / (9 * a)) / a;
        return y * y * y + 3 * a * y * y * (1 / (9 * a * a) - z / 2);
    }
    double value, slope, front = log(x) - special_digamma(a);
    bool lower = special_gamma_part(a, x, &value, &slope);
    return (lower ? -x : x) * (value * front + slope);
}

/* The continued fraction of the incomplete beta function, DLMF 8.17.22, and its derivative along (dp, dq). */
SPECIAL_FUNCTION special_beta_fraction(double p, double q, double x, double dp, double dq, double *slope)
{
    double c = 1, dc = 0, e = 1 - (p + q) * x / (p + 1), de = -(dp + dq) * x / (p + 1) + (p + q) * x * dp / ((p + 1) * (p + 1));
    double d = 1 / (e == 0 ? 1e-300 : e), dd = -de * d * d, h = d, dh = dd;
    for (int m = 1; m < SPECIAL_TERMS; m++) {
        double last = 0, dlast = 0;
        for (int half = 0; half < 2; half++) {
            double n = half ? -(p + m) * (p + q + m) * x : m * (q - m) * x;
            double dn = half ? -(dp * (p + q + m) + (p + m) * (dp + dq)) * x : m * dq * x;
            double u = half ? p + 2 * m : p - 1 + 2 * m, v = half ? p + 1 + 2 * m : p + 2 * m;
            double t = n / (u * v), dt = dn / (u * v) - t * dp * (1 / u + 1 / v);
            e = 1 + t * d;
            de = dt * d + t * dd;
            double f = 1 + t / c, df = dt / c - t * dc / (c * c);
            d = 1 / (e == 0 ? 1e-300 : e);
            dd = -de * d * d;
            c = f == 0 ? 1e-300 : f;
            dc = df;
            last = c * d;
            dlast = dc * d + c * dd;
            dh = dh * last + h * dlast;
            h *= last;
        }
        if (fabs(last - 1) < 1e-15 && fabs(dlast) < 1e-15)
            break;
    }
    *slope = dh;
    return h;
}

/* dx / da over 1 - x of a beta variable x of parameters a and total - a whose probability below stays. */
SPECIAL_FUNCTION special_dirichlet_slope(double x, double a, double total)
{
    double b = total - a, dh;
    if (!(x > 0 && x < 1 && a > 0 && b > 0))
        return x == 0 ? 0 : x == 1 && a > 0 && b > 0 ? 1 / b : NAN;
    double front = log(x) - special_digamma(a) + special_digamma(total);
    if (x < (a + 1) / (total + 2)) {
        double h = special_beta_fraction(a, b, x, 1, 0, &dh);
        return -x / a * (h * (front - 1 / a) + dh);
    }
    double h = special_beta_fraction(b, a, 1 - x, 0, 1, &dh);
    return x / b * (h * front + dh);
}

CT_KINLINE int64_t special_gcd(int64_t a, int64_t b)
{
    uint64_t u = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, v = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    while (v) {
        uint64_t r = u % v;
        u = v;
        v = r;
    }
    return (int64_t)u;
}

CT_KINLINE int64_t special_lcm(int64_t a, int64_t b)
{
    int64_t g = special_gcd(a, b);
    uint64_t r = g ? (uint64_t)(a / g) * (uint64_t)b : 0;
    return (int64_t)r < 0 ? (int64_t)(0 - r) : (int64_t)r;
}
#endif
