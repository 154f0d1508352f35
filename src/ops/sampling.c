/* Poisson, binomial, gamma and Dirichlet numbers: rejection samplers whose streams are PyTorch's. Methods: Poisson by products of
 * uniforms or Hoermann's transformed rejection (1993); binomial by geometric gaps or Hoermann's BTRS; gamma by Marsaglia and Tsang
 * (2000). Everything in double, in the order of contiguous memory; the generator is held meanwhile. */
#include "kernels/kernels.h"
#include "kernels/special.h"
#include "ops/ops.h"
#include <float.h>
#include <math.h>

static double sampling_poisson(ct__mt *m, double rate)
{
    if (rate == 0)
        return 0;
    if (rate < 10) {
        double limit = exp(-rate), product = 1;
        for (int64_t k = 0;; k++) {
            product *= ct__mt_double(m);
            if (!(product > limit))
                return (double)k;
        }
    }
    double root = sqrt(rate), b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
    double inverse = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = ct__mt_double(m) - 0.5, v = ct__mt_double(m), s = 0.5 - fabs(u);
        double k = floor((2 * a / s + b) * u + rate + 0.43);
        if (s >= 0.07 && v <= squeeze)
            return k;
        if (k < 0 || (s < 0.013 && v > s))
            continue;
        if (log(v) + log(inverse) - log(a / (s * s) + b) <= -rate + k * log(rate) - special_lgamma(k + 1))
            return k;
    }
}

/* What Stirling's formula for log k! lacks. */
static double sampling_stirling(double k)
{
    static const double table[] = {0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
                                   0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287};
    if (k <= 9)
        return table[(int)k];
    double s = (k + 1) * (k + 1);
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / s) / s) / (k + 1);
}

/* 0 < p <= 1/2 */
static double sampling_binomial_small(ct__mt *m, double n, double p)
{
    if (n * p < 10) {
        double passed = 0, log_q = log1p(-p);
        for (double k = 0;; k++) {
            passed += ceil(log(ct__mt_double(m)) / log_q);
            if (passed > n)
                return k;
        }
    }
    double deviation = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
    double squeeze = 0.92 - 4.2 / b, odds = p / (1 - p), alpha = (2.83 + 5.1 / b) * deviation, mode = floor((n + 1) * p);
    for (;;) {
        double u = ct__mt_double(m) - 0.5, v = ct__mt_double(m), s = 0.5 - fabs(u), k = floor((2 * a / s + b) * u + c);
        if (s >= 0.07 && v <= squeeze)
            return k;
        if (k < 0 || k > n)
            continue;
        double limit = (mode + 0.5) * log((mode + 1) / (odds * (n - mode + 1))) + (n + 1) * log((n - mode + 1) / (n - k + 1)) +
                       (k + 0.5) * log(odds * (n - k + 1) / (k + 1)) + sampling_stirling(mode) + sampling_stirling(n - mode) -
                       sampling_stirling(k) - sampling_stirling(n - k);
        if (log(v * alpha / (a / (s * s) + b)) <= limit)
            return k;
    }
}

static double sampling_binomial(ct__mt *m, double n, double p)
{
    if (n <= 0 || p <= 0)
        return 0;
    if (p >= 1)
        return n;
    return p <= 0.5 ? sampling_binomial_small(m, n, p) : p > 0.5 ? n - sampling_binomial_small(m, n, 1 - p) : NAN;
}

static double sampling_normal(ct__mt *m)
{
    double z;
    ct__k_random.normal_serial(m, CT_FLOAT64, &z, 1, 1, 0, 1);
    return z;
}

/* single: shapes are floats, and what is computed of them alone is too. NaN for a shape that is not a number or below 0. */
static double sampling_gamma(ct__mt *m, double shape, bool single)
{
    double scale = 1;
    if (!(shape > 0) || shape == INFINITY)
        return shape == 0 ? 0 : shape > 0 ? shape : NAN;
    if (shape < 1) {
        scale = pow(1 - ct__mt_double(m), single ? (double)(1.0f / (float)shape) : 1 / shape);
        shape = single ? (double)((float)shape + 1.0f) : shape + 1;
    }
    double d = single ? (double)((float)shape - 1.0f / 3.0f) : shape - (double)(1.0f / 3.0f), c = 1 / sqrt(9 * d);
    for (;;) {
        double x, y;
        do {
            x = sampling_normal(m);
            y = 1 + c * x;
        } while (y <= 0);
        double v = y * y * y, u = 1 - ct__mt_double(m), s = x * x;
        if (u < 1 - (double)0.0331f * s * s || log(u) < 0.5 * s + d * (1 - v + log(v)))
            return scale * d * v;
    }
}

/* The least positive normal number: a sample is never 0. */
static double sampling_least(ct_dtype dtype) { return dtype == CT_FLOAT64 ? DBL_MIN : dtype == CT_FLOAT16 ? 0x1p-14 : (double)FLT_MIN; }

typedef enum { SAMPLING_POISSON, SAMPLING_BINOMIAL, SAMPLING_GAMMA, SAMPLING_DIRICHLET } sampling_what;

static ct_tensor *sampling(sampling_what what, ct_tensor *a, ct_tensor *b, ct_generator *generator)
{
    ct_dtype dtype = (ct_dtype)a->dtype;
    CT_AUTO ct_tensor *wide = ct__cast(a, CT_FLOAT64), *wide_b = b ? ct__cast(b, CT_FLOAT64) : NULL;
    CT_AUTO ct_tensor *x = wide ? ct__contiguous_of(wide) : NULL, *y = wide_b ? ct__contiguous_of(wide_b) : NULL;
    CT_AUTO ct_tensor *out = x && (y || !b) ? ct__new(CT_FLOAT64, ct__device_of(a), a->ndim, a->sizes) : NULL;
    if (!out)
        return NULL;
    if (!out->data)
        return ct__cast(out, dtype);
    const double *v = (const double *)x->data, *w = y ? (const double *)y->data : NULL;
    double *r = (double *)out->data;
    ct__mt *m = ct__generator_lock(generator);
    for (int64_t i = 0; i < out->numel; i++) {
        if (what == SAMPLING_POISSON)
            r[i] = sampling_poisson(m, v[i]);
        else if (what == SAMPLING_BINOMIAL)
            r[i] = sampling_binomial(m, v[i], w[i]);
        else
            r[i] = sampling_gamma(m, v[i], what == SAMPLING_GAMMA && dtype != CT_FLOAT64);
        if (what == SAMPLING_GAMMA && r[i] < sampling_least(dtype))
            r[i] = sampling_least(dtype);
    }
    ct__generator_unlock(generator);
    int64_t n = a->ndim ? a->sizes[a->ndim - 1] : 1;
    for (int64_t row = 0; what == SAMPLING_DIRICHLET && n && row < out->numel / n; row++) {
        double sum = 0, most = dtype == CT_FLOAT64 ? nextafter(1, 0) : (double)nextafterf(1, 0), least = sampling_least(dtype);
        for (int64_t i = 0; i < n; i++)
            sum += r[row * n + i];
        for (int64_t i = 0; i < n; i++) {
            double part = r[row * n + i] / sum;
            r[row * n + i] = part < least ? least : part > most ? most : part;
        }
    }
    return ct__cast(out, dtype);
}

static bool sampling_floats(const ct_tensor *t, const char *name)
{
    return ct_is_floating((ct_dtype)t->dtype) ||
           ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, ct_dtype_type_name((ct_dtype)t->dtype)) != NULL;
}

/* False with an error unless every element of t is at least 0; NaN is not. */
static bool sampling_not_negative(ct_tensor *t, const char *message)
{
    CT_COMPUTE();
    ct_tensor *good = t->numel && t->data ? ct_all(ct_logical_and(ct_ge(t, 0), ct_isfinite(t))) : NULL;
    if (good ? ct_item_int(good) != 0 : !ct__pending())
        return true;
    return ct__pending() ? false : ct__fail(CT_ERR_RUNTIME, "%s", message) != NULL;
}

ct_tensor *ct__poisson(ct_tensor *self, ct_generator *generator)
{
    if (!sampling_floats(self, "poisson_cpu") || !sampling_not_negative(self, "invalid Poisson rate, expected rate to be non-negative"))
        return NULL;
    return sampling(SAMPLING_POISSON, self, NULL, generator);
}

ct_tensor *ct__binomial(ct_tensor *count, ct_tensor *prob, ct_generator *generator)
{
    if (!sampling_floats(count, "binomial_cpu"))
        return NULL;
    CT_COMPUTE();
    ct_tensors both = ct_broadcast_tensors(CT_TENSORS(count, prob));
    if (!both.n || !sampling_not_negative(count, "binomial: counts must be finite and at least 0") ||
        !sampling_not_negative(prob, "binomial: probabilities must be numbers"))
        return NULL;
    return sampling(SAMPLING_BINOMIAL, both.v[0], both.v[1], generator);
}

ct_tensor *ct__standard_gamma(ct_tensor *self, ct_generator *generator)
{
    return sampling_floats(self, "gamma") ? sampling(SAMPLING_GAMMA, self, NULL, generator) : NULL;
}

ct_tensor *ct__sample_dirichlet(ct_tensor *self, ct_generator *generator)
{
    return sampling_floats(self, "dirichlet") ? sampling(SAMPLING_DIRICHLET, self, NULL, generator) : NULL;
}

ct_tensor *ct__dirichlet_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result)
{
    ct_ints last = CT_INTS(-1);
    ct_tensor *total = ct_expand(ct_sum(self, .dim = last, .keepdim = true), ct__sizes_of(self));
    return ct_mul(ct_dirichlet_slope(result, self, total), ct_sub(gy, ct_sum(ct_mul(result, gy), .dim = last, .keepdim = true)));
}
