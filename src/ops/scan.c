/* Running extremes and running sums of exponentials along a dimension. Floats are computed in double and integers in int64. */
#include "ops/ops.h"

typedef enum { SCAN_MAX, SCAN_MIN, SCAN_LOG_SUM } scan_what;
typedef struct scan_job { scan_what what; bool whole; const void *x; void *out; int64_t *places; int64_t n, inner; } scan_job;

#define SCAN_EXTREMES(T, is_nan) \
    const T *x = (const T *)j->x + start; \
    T *out = (T *)j->out + start, best = x[0]; \
    int64_t place = 0; \
    for (int64_t i = 0; i < j->n; i++) { \
        T v = x[i * j->inner]; \
        if (is_nan(v) || (!is_nan(best) && (j->what == SCAN_MAX ? v >= best : v <= best))) { \
            best = v; \
            place = i; \
        } \
        out[i * j->inner] = best; \
        j->places[start + i * j->inner] = place; \
    }
#define SCAN_NAN(v) ((v) != (v))
#define SCAN_NEVER(v) false

static void scan_log_sums(const scan_job *j, int64_t start)
{
    const double *x = (const double *)j->x + start;
    double *out = (double *)j->out + start, sum = -__builtin_inf();
    for (int64_t i = 0; i < j->n; i++) {
        double v = x[i * j->inner], high = v > sum ? v : sum, low = v > sum ? sum : v;
        if (v != v || sum != sum)
            sum = v + sum;
        else
            sum = low == high && low - low != 0 ? low : high + __builtin_log1p(__builtin_exp(low - high));
        out[i * j->inner] = sum;
    }
}

static void scan_rows(void *context, int64_t begin, int64_t end)
{
    const scan_job *j = context;
    for (int64_t r = begin; r < end; r++) {
        int64_t start = r / j->inner * j->n * j->inner + r % j->inner;
        if (j->what == SCAN_LOG_SUM) {
            scan_log_sums(j, start);
        } else if (j->whole) {
            SCAN_EXTREMES(int64_t, SCAN_NEVER)
        } else {
            SCAN_EXTREMES(double, SCAN_NAN)
        }
    }
}

/* The values, of self's dtype; places where they are wanted. */
static ct_tensor *scan(scan_what what, ct_tensor *self, int64_t dim, ct_tensor **places)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    bool whole = !ct_is_floating((ct_dtype)self->dtype);
    ct_dtype compute = whole ? CT_INT64 : CT_FLOAT64;
    CT_AUTO ct_tensor *cast = d < 0 ? NULL : ct__cast(self, compute);
    CT_AUTO ct_tensor *x = cast ? ct__contiguous_of(cast) : NULL;
    CT_AUTO ct_tensor *out = x ? ct__new(compute, ct__device_of(self), self->ndim, self->sizes) : NULL;
    CT_AUTO ct_tensor *at = out && places ? ct__new(CT_INT64, ct__device_of(self), self->ndim, self->sizes) : NULL;
    if (!out || (places && !at))
        return NULL;
    scan_job j = {what, whole, x->data, out->data, at ? (int64_t *)at->data : NULL, self->ndim ? self->sizes[d] : 1, 1};
    for (int64_t k = d + 1; k < self->ndim; k++)
        j.inner *= self->sizes[k];
    if (out->numel && out->data)
        ct__parallel(out->numel / j.n, ct__grain(j.n, 1 << 13), scan_rows, &j);
    ct_tensor *result = ct__cast(out, (ct_dtype)self->dtype);
    if (result && places)
        *places = ct_retain(at);
    return result;
}

bool ct__cummax(ct_tensor *self, int64_t dim, ct_tensor **results)
{
    results[0] = scan(SCAN_MAX, self, dim, &results[1]);
    return results[0] != NULL;
}

bool ct__cummin(ct_tensor *self, int64_t dim, ct_tensor **results)
{
    results[0] = scan(SCAN_MIN, self, dim, &results[1]);
    return results[0] != NULL;
}

ct_tensor *ct__logcumsumexp(ct_tensor *self, int64_t dim)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"logcumsumexp_out_cpu\" not implemented for '%s'",
                        ct_dtype_type_name((ct_dtype)self->dtype));
    return scan(SCAN_LOG_SUM, self, dim, NULL);
}

/* exp(self) times the sum of w * exp(-result) from here on, for w = gy where it has this sign. The logarithm of nothing is the least
 * number, not -inf, whose difference from itself would be no number in the second gradient. */
static ct_tensor *scan_log_part(ct_tensor *gy, ct_tensor *has_sign, ct_tensor *self, ct_tensor *result, int64_t dim)
{
    ct_ints along = CT_INTS(dim);
    double least = gy->dtype == CT_FLOAT64    ? -0x1.fffffffffffffp+1023
                   : gy->dtype == CT_FLOAT16  ? -65504
                   : gy->dtype == CT_BFLOAT16 ? -0x1.fep+127
                                              : -0x1.fffffep+127;
    ct_tensor *logs = ct_where_self(has_sign, ct_log(ct_where_self(has_sign, ct_abs(gy), 1)), ct_number(ct_float_scalar(least)));
    ct_tensor *sums = ct_flip(ct_logcumsumexp(ct_flip(ct_sub(logs, result), along), dim), along);
    return ct_exp(ct_add(sums, self));
}

ct_tensor *ct__logcumsumexp_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result, int64_t dim)
{
    if (self->ndim == 0 || self->numel == 0)
        return gy;
    return ct_sub(scan_log_part(gy, ct_gt(gy, 0), self, result, dim), scan_log_part(gy, ct_lt(gy, 0), self, result, dim));
}
