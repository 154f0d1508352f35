/* scatter_reduce: what index names along a dimension is reduced with src. Sums and means are scatter_add's; the rest goes element by
 * element in double or int64, in src's order. */
#include "ops/index.h"

typedef enum { SCATTER_SUM, SCATTER_PROD, SCATTER_MEAN, SCATTER_AMAX, SCATTER_AMIN, SCATTER_WRONG } scatter_what;

static scatter_what scatter_kind(const char *reduce)
{
    static const char *const names[] = {"sum", "prod", "mean", "amax", "amin"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(reduce, names[i]))
            return (scatter_what)i;
    ct__fail(CT_ERR_RUNTIME, "reduce argument must be either sum, prod, mean, amax or amin, got %s", reduce);
    return SCATTER_WRONG;
}

#define SCATTER_COMBINE(T, o, v, multiply) \
    do { \
        T *to_ = (T *)(o); \
        T v_ = (v); \
        if (what == SCATTER_PROD) \
            *to_ = (T)(multiply); \
        else if (v_ != v_ || (*to_ == *to_ && (what == SCATTER_AMAX ? v_ > *to_ : v_ < *to_))) \
            *to_ = v_; \
    } while (0)

/* out and src are contiguous, of double or int64; index is checked. */
static void scatter_combine(scatter_what what, ct_tensor *out, int64_t d, const ct_tensor *index, const ct_tensor *src)
{
    int64_t at[CT_MAX_DIMS] = {0}, n = index->ndim;
    const int64_t *v = (const int64_t *)index->data;
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t to = 0, from = 0;
        for (int64_t k = 0; k < n; k++) {
            to += (k == d ? v[i] : at[k]) * (out->ndim ? out->strides[k] : 0);
            from += at[k] * (src->ndim ? src->strides[k] : 0);
        }
        if (out->dtype == CT_INT64)
            SCATTER_COMBINE(int64_t, (int64_t *)out->data + to, ((const int64_t *)src->data)[from], (uint64_t)*to_ * (uint64_t)v_);
        else
            SCATTER_COMBINE(double, (double *)out->data + to, ((const double *)src->data)[from], *to_ * v_);
        for (int64_t k = n - 1; k >= 0 && ++at[k] == index->sizes[k]; k--)
            at[k] = 0;
    }
}

ct_tensor *ct__scatter_reduce(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *src, const char *reduce, bool include_self)
{
    scatter_what what = scatter_kind(reduce);
    if (what == SCATTER_WRONG)
        return NULL;
    CT_COMPUTE();
    bool whole = !ct_is_floating((ct_dtype)self->dtype);
    double start = what == SCATTER_PROD ? 1 : what == SCATTER_AMAX ? -__builtin_inf() : what == SCATTER_AMIN ? __builtin_inf() : 0;
    ct_tensor *base = self;
    if (!include_self && whole && (what == SCATTER_AMAX || what == SCATTER_AMIN))
        base = ct_scatter_value(ct_to_dtype(self, CT_INT64), dim, index, ct_int_scalar(what == SCATTER_AMAX ? INT64_MIN : INT64_MAX));
    else if (!include_self)
        base = ct_scatter_value(self, dim, index, whole ? ct_int_scalar((int64_t)start) : ct_float_scalar(start));
    if (what == SCATTER_SUM || what == SCATTER_MEAN) {
        ct_tensor *sum = base ? ct_scatter_add(base, dim, index, src) : NULL;
        if (what == SCATTER_SUM || !sum)
            return ct_retain(sum);
        ct_tensor *count = ct_ones_like(self);
        count = ct_scatter_add(include_self ? count : ct_scatter_value(count, dim, index, ct_int_scalar(0)), dim, index, ct_ones_like(src));
        return ct_retain(whole ? ct_div_floor(sum, count) : ct_div(sum, count));
    }
    /* the checks are scatter's */
    ct_tensor *checked = base ? ct_scatter(self, dim, index, src) : NULL;
    ct_dtype compute = whole ? CT_INT64 : CT_FLOAT64;
    ct_tensor *out = checked ? ct_clone(ct_to_dtype(base, compute), .memory_format = CT_CONTIGUOUS_FORMAT) : NULL;
    ct_tensor *from = out ? ct_contiguous(ct_to_dtype(src, compute)) : NULL;
    ct_tensor *at = from ? ct_contiguous(ct_to_dtype(index, CT_INT64)) : NULL;
    if (!at)
        return NULL;
    if (out->data && at->data)
        scatter_combine(what, out, ct__wrap_dim(dim, self->ndim), at, from);
    return ct_retain(ct_to_dtype(out, (ct_dtype)self->dtype));
}

bool ct__scatter_reduce_backward(ct_tensor *gy, ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *src, const char *reduce,
                                 bool include_self, ct_tensor *result, ct_tensor **results)
{
    scatter_what what = scatter_kind(reduce);
    ct_tensor *to_self = gy, *to_src = NULL, *rest, *zero;
    switch (what) {
    case SCATTER_SUM: to_src = ct_gather(gy, dim, index); break;
    case SCATTER_MEAN:
        rest = ct_scatter_add(include_self ? ct_ones_like(gy) : ct_zeros_like(gy), dim, index, ct_ones_like(src));
        to_self = ct_div(gy, ct_masked_fill(rest, ct_eq(rest, 0), 1));
        to_src = ct_gather(to_self, dim, index);
        break;
    case SCATTER_PROD:
        /* the product of the others: where one factor is 0, of factors in which it is 1 */
        rest = ct_masked_fill(self, ct_eq(self, 0), 1);
        to_self = ct_div(ct_mul(gy, ct_scatter_reduce(rest, dim, index, src, reduce, .include_self = include_self)), rest);
        zero = ct_eq(src, 0);
        rest = ct_scatter_add(ct_zeros_like(self), dim, index, ct_to_dtype(zero, (ct_dtype)self->dtype));
        zero = ct_logical_and(zero, ct_eq(ct_gather(rest, dim, index), 1));
        rest = ct_scatter_reduce(self, dim, index, ct_masked_fill(src, zero, 1), reduce, .include_self = include_self);
        to_src = ct_where_self(zero, ct_gather(ct_mul(gy, rest), dim, index),
                               ct_div(ct_gather(ct_mul(gy, result), dim, index), ct_masked_fill(src, ct_eq(src, 0), 1)));
        break;
    default: {
        ct_tensor *mine = ct_to_dtype(ct_eq(self, result), (ct_dtype)self->dtype);
        ct_tensor *theirs = ct_to_dtype(ct_eq(src, ct_gather(result, dim, index)), (ct_dtype)self->dtype);
        rest = ct_div(gy, ct_scatter_add(mine, dim, index, theirs));
        to_self = ct_mul(mine, rest);
        to_src = ct_mul(theirs, ct_gather(rest, dim, index));
    }
    }
    results[0] = include_self ? to_self : ct_scatter_value(to_self, dim, index, ct_int_scalar(0));
    results[1] = to_src;
    return results[0] && results[1];
}
