/* Reductions: any dimensions come down to a dense block (outer, n, inner), copied only where the dimensions
 * do not stand together; integers are reduced in int64, half-width floats in float32. */
#include "kernels/kernels.h"
#include "ops/sums.h"
#include <math.h>

/* What a reduction works on: dense memory of one class, and the result's shape. */
typedef struct reduce_plan {
    ct_tensor *x; /* owned */
    int class;
    int64_t outer, n, inner, rows, ndim, sizes[CT_MAX_DIMS];
    bool planes; /* x is (lead, rows, n), its first and last dimensions to be reduced */
    int64_t lead;
    uint32_t mask;
} reduce_plan;

/* Whether the reduced dimensions are the first ones and the last ones, with others between: sums need no copy then. */
static bool reduce_planes(const reduce_plan *p, const ct_tensor *self)
{
    int changes = 0;
    for (int i = 1; i < self->ndim; i++)
        changes += (p->mask >> i & 1) != (p->mask >> (i - 1) & 1);
    return changes == 2 && (p->mask & 1);
}

static bool reduce_prepare(reduce_plan *p, ct_tensor *self, ct_ints dim, bool keepdim, ct_dtype compute, bool planes)
{
    *p = (reduce_plan){.outer = 1, .n = 1, .inner = 1};
    if (!ct__dim_mask(dim, self->ndim, true, &p->mask))
        return false;
    int first = -1, last = -1;
    bool together = true;
    for (int i = 0; i < self->ndim; i++) {
        if (p->mask >> i & 1) {
            together = together && (last < 0 || last == i - 1);
            first = first < 0 ? i : first;
            last = i;
            p->n *= self->sizes[i];
            if (keepdim)
                p->sizes[p->ndim++] = 1;
        } else {
            p->sizes[p->ndim++] = self->sizes[i];
        }
    }
    CT_AUTO ct_tensor *cast = ct__cast(self, compute);
    if (!cast)
        return false;
    if (together) {
        p->x = ct__contiguous_of(cast);
        for (int i = 0; i < self->ndim; i++)
            if (!(p->mask >> i & 1))
                *(i < first ? &p->outer : &p->inner) *= self->sizes[i];
    } else if (planes && reduce_planes(p, self)) {
        p->x = ct__contiguous_of(cast);
        p->planes = true;
        p->lead = p->n = 1;
        bool kept = false;
        for (int i = 0; i < self->ndim; i++) {
            bool reduced = p->mask >> i & 1;
            kept = kept || !reduced;
            *(!reduced ? &p->outer : kept ? &p->n : &p->lead) *= self->sizes[i];
        }
    } else { /* reduced dimensions to the end */
        int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], k = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < self->ndim; i++)
                if ((p->mask >> i & 1) == (uint32_t)pass) {
                    sizes[k] = cast->sizes[i];
                    strides[k++] = cast->strides[i];
                    p->outer *= pass ? 1 : self->sizes[i];
                }
        CT_AUTO ct_tensor *view = ct__new_view(cast, cast->offset, self->ndim, sizes, strides);
        p->x = view ? ct__contiguous_of(view) : NULL;
    }
    p->rows = p->outer * p->inner;
    p->class = ct__class_of(compute);
    return p->x != NULL;
}

static ct_dtype reduce_class_dtype(ct_dtype d)
{
    return d == CT_FLOAT64 ? CT_FLOAT64 : ct_is_floating(d) ? CT_FLOAT32 : CT_INT64;
}

typedef enum { REDUCE_DO_SUM, REDUCE_DO_SUMSQ, REDUCE_DO_PROD, REDUCE_DO_MAX, REDUCE_DO_MIN } reduce_what;
typedef struct reduce_job { const reduce_plan *p; reduce_what what; void *out; int64_t *place; } reduce_job;

static void reduce_range(void *context, int64_t r0, int64_t r1)
{
    const reduce_job *j = context;
    const reduce_plan *p = j->p;
    const ct__reduce_kernels *k = &ct__k_reduce;
    const void *x = p->x->data;
    int64_t n = p->n, inner = p->inner;
    bool largest = j->what == REDUCE_DO_MAX;
#define REDUCE_CALL(kernel) \
    (p->class == CT_CLASS_F32   ? k->kernel##_f32(x, j->out, n, inner, r0, r1) \
     : p->class == CT_CLASS_F64 ? k->kernel##_f64(x, j->out, n, inner, r0, r1) \
                                : k->kernel##_i64(x, j->out, n, inner, r0, r1))
    switch (j->what) {
    case REDUCE_DO_SUM: k->sum_i64(x, j->out, n, inner, r0, r1); break; /* of floats: sums.c */
    case REDUCE_DO_PROD: REDUCE_CALL(prod); break;
    default:
        if (p->class == CT_CLASS_F32)
            k->extreme_f32(largest, x, j->out, j->place, n, inner, r0, r1);
        else if (p->class == CT_CLASS_F64)
            k->extreme_f64(largest, x, j->out, j->place, n, inner, r0, r1);
        else
            k->extreme_i64(largest, x, j->out, j->place, n, inner, r0, r1);
    }
}

static void reduce_run(const reduce_plan *p, reduce_what what, void *out, int64_t *place)
{
    reduce_job j = {p, what, out, place};
    if (p->class != CT_CLASS_I64 && (what == REDUCE_DO_SUM || what == REDUCE_DO_SUMSQ)) {
        if (p->planes)
            ct__sum_planes(p->class == CT_CLASS_F64, p->x->data, out, p->lead, p->rows, p->n);
        else
            ct__sum_block(p->class == CT_CLASS_F64, what == REDUCE_DO_SUMSQ, p->x->data, out, p->outer, p->n, p->inner);
        return;
    }
    int64_t grain = ct__grain(p->n, 1 << 15);
    if (p->inner > 1)
        grain = (grain + 63) / 64 * 64;
    ct__parallel(p->rows, grain, reduce_range, &j);
}

/* The whole of a plain reduction: prepares, runs, casts to `result`; consumes nothing. */
static ct_tensor *reduce_plain(ct_tensor *self, reduce_what what, ct_ints dim, bool keepdim, ct_dtype compute,
                               ct_dtype result)
{
    reduce_plan p;
    if (!reduce_prepare(&p, self, dim, keepdim, reduce_class_dtype(compute),
                        what == REDUCE_DO_SUM && reduce_class_dtype(compute) != CT_INT64))
        return NULL;
    ct_tensor *out = ct__new(reduce_class_dtype(compute), ct__device_of(self), p.ndim, p.sizes);
    if (out && out->data && p.rows)
        reduce_run(&p, what, out->data, NULL);
    ct_release(p.x);
    ct_tensor *cast = out && !ct__pending() ? ct__cast(out, result) : NULL;
    ct_release(out);
    return cast;
}

ct_tensor *ct__sum(ct_tensor *self, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    ct_dtype result =
        ct__dtype_or(dtype, ct_is_integral((ct_dtype)self->dtype, true) ? CT_INT64 : (ct_dtype)self->dtype);
    ct_dtype compute = ct_is_floating(result) && !ct_is_floating((ct_dtype)self->dtype) ? result
                       : ct_is_floating(result) || !ct_is_floating((ct_dtype)self->dtype)
                           ? ct_promote_types((ct_dtype)self->dtype, result)
                           : result;
    return reduce_plain(self, REDUCE_DO_SUM, dim, keepdim, compute, result);
}

ct_tensor *ct__nansum(ct_tensor *self, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    return ct_sum(ct_where_self(ct_isnan(self), ct_number_int(0), self), .dim = dim, .keepdim = keepdim,
                  .dtype = dtype);
}

static int64_t reduce_count(const ct_tensor *self, ct_ints dim)
{
    uint32_t mask;
    int64_t n = 1;
    if (!ct__dim_mask(dim, self->ndim, true, &mask))
        return -1;
    for (int i = 0; i < self->ndim; i++)
        n *= mask >> i & 1 ? self->sizes[i] : 1;
    return n;
}

static ct_tensor *reduce_divided(ct_tensor *sum, double divisor)
{
    if (!sum)
        return NULL;
    CT_COMPUTE();
    ct_tensor *r = ct_div(sum, divisor);
    ct_retain(r);
    ct_release(sum);
    return r;
}

ct_tensor *ct__mean(ct_tensor *self, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    ct_dtype result = ct__dtype_or(dtype, (ct_dtype)self->dtype);
    if (!ct_is_floating(result))
        return ct__fail(CT_ERR_RUNTIME,
                        "mean(): could not infer output dtype. %s dtype must be either a floating point or "
                        "complex dtype. Got: %s",
                        dtype == CT_DTYPE_NONE ? "Input" : "Optional", ct_dtype_type_name(result));
    int64_t n = reduce_count(self, dim);
    if (n < 0)
        return NULL;
    ct_dtype wide = reduce_class_dtype(result);
    ct_tensor *r = reduce_divided(reduce_plain(self, REDUCE_DO_SUM, dim, keepdim, wide, wide), (double)n);
    ct_tensor *cast = r ? ct__cast(r, result) : NULL;
    ct_release(r);
    return cast;
}

static ct_tensor *reduce_product(ct_tensor *self, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    ct_dtype result =
        ct__dtype_or(dtype, ct_is_integral((ct_dtype)self->dtype, true) ? CT_INT64 : (ct_dtype)self->dtype);
    CT_AUTO ct_tensor *x = ct__cast(self, result);
    return x ? reduce_plain(x, REDUCE_DO_PROD, dim, keepdim, result, result) : NULL;
}

ct_tensor *ct__prod(ct_tensor *self, ct_dtype dtype)
{
    return reduce_product(self, (ct_ints){0, NULL}, false, dtype);
}

ct_tensor *ct__prod_dim(ct_tensor *self, int64_t dim, bool keepdim, ct_dtype dtype)
{
    return reduce_product(self, CT_INTS(dim), keepdim, dtype);
}

/* Each element's product of all others along a dimension: the running products from both ends, shifted by
 * one. */
static ct_tensor *reduce_others(ct_tensor *x, int64_t d)
{
    int64_t n = x->sizes[d];
    ct_tensor *one = ct_ones_like(ct_narrow(x, d, 0, 1));
    ct_tensor *left = ct_cat(CT_TENSORS(one, ct_narrow(ct_cumprod(x, d), d, 0, n - 1)), .dim = d);
    ct_tensor *right =
        ct_cat(CT_TENSORS(one, ct_narrow(ct_cumprod(ct_flip(x, CT_INTS(d)), d), d, 0, n - 1)), .dim = d);
    return ct_mul(left, ct_flip(right, CT_INTS(d)));
}

ct_tensor *ct__prod_backward(ct_tensor *gy, ct_tensor *self, int64_t dim, bool keepdim)
{
    if (self->ndim == 0 || (self->numel == 0 && dim == CT_NO_INT))
        return ct_mul(gy, ct_ones_like(self));
    if (self->numel == 0)
        return ct_mul(keepdim ? gy : ct_unsqueeze(gy, ct__wrap_dim(dim, self->ndim)), ct_ones_like(self));
    if (dim == CT_NO_INT)
        return ct_mul(gy, ct_reshape(reduce_others(ct_reshape(self, CT_INTS(-1)), 0), ct__sizes_of(self)));
    int64_t d = ct__wrap_dim(dim, self->ndim);
    return ct_mul(keepdim ? gy : ct_unsqueeze(gy, d), reduce_others(self, d));
}

/* ---- Largest and smallest ---- */

static bool reduce_not_empty(const ct_tensor *self, ct_ints dim)
{
    uint32_t mask;
    if (!ct__dim_mask(dim, self->ndim, true, &mask))
        return false;
    for (int i = 0; i < self->ndim; i++)
        if ((mask >> i & 1) && self->sizes[i] == 0) {
            if (!dim.v || dim.n == 0)
                return ct__fail(CT_ERR_RUNTIME,
                                "%s(): Expected reduction dim to be specified for input.numel() == 0. "
                                "Specify the reduction dim with "
                                "the 'dim' argument.",
                                ct__op_name)
                       != NULL;
            int64_t said = i; /* amax and amin repeat what they were given */
            for (int64_t k = 0; k < dim.n && ct__op_name[0] == 'a' && ct__op_name[1] == 'm'; k++)
                said = dim.v[k] == i - self->ndim ? dim.v[k] : said;
            return ct__fail(CT_ERR_INDEX, "%s(): Expected reduction dim %lld to have non-zero size.",
                            ct__op_name, (long long)said)
                   != NULL;
        }
    return true;
}

static ct_tensor *reduce_extreme(ct_tensor *self, bool largest, ct_ints dim, bool keepdim)
{
    return reduce_not_empty(self, dim) ? reduce_plain(self, largest ? REDUCE_DO_MAX : REDUCE_DO_MIN, dim,
                                                      keepdim, (ct_dtype)self->dtype, (ct_dtype)self->dtype)
                                       : NULL;
}

ct_tensor *ct__amax(ct_tensor *self, ct_ints dim, bool keepdim)
{
    return reduce_extreme(self, true, dim, keepdim);
}
ct_tensor *ct__amin(ct_tensor *self, ct_ints dim, bool keepdim)
{
    return reduce_extreme(self, false, dim, keepdim);
}
ct_tensor *ct__max(ct_tensor *self) { return reduce_extreme(self, true, (ct_ints){0, NULL}, false); }
ct_tensor *ct__min(ct_tensor *self) { return reduce_extreme(self, false, (ct_ints){0, NULL}, false); }
ct_tensor *ct__max_other(ct_tensor *self, ct_tensor *other) { return ct_maximum(self, other); }
ct_tensor *ct__min_other(ct_tensor *self, ct_tensor *other) { return ct_minimum(self, other); }

/* results: values (may be left out with NULL in results[0] on entry meaning nothing) and places. */
static bool reduce_places(ct_tensor *self, bool largest, ct_ints dim, bool keepdim, bool want_values,
                          ct_tensor **values, ct_tensor **places)
{
    reduce_plan p;
    ct_dtype compute = reduce_class_dtype((ct_dtype)self->dtype);
    if (!reduce_not_empty(self, dim) || !reduce_prepare(&p, self, dim, keepdim, compute, false))
        return false;
    ct_tensor *v = ct__new(compute, ct__device_of(self), p.ndim, p.sizes);
    *places = v ? ct__new(CT_INT64, ct__device_of(self), p.ndim, p.sizes) : NULL;
    if (*places && v->data && p.rows)
        reduce_run(&p, largest ? REDUCE_DO_MAX : REDUCE_DO_MIN, v->data, (int64_t *)(*places)->data);
    ct_release(p.x);
    if (want_values)
        *values = *places ? ct__cast(v, (ct_dtype)self->dtype) : NULL;
    ct_release(v);
    if (*places && (!want_values || *values))
        return true;
    ct_release(*places);
    *places = NULL;
    return false;
}

bool ct__max_dim(ct_tensor *self, int64_t dim, bool keepdim, ct_tensor **results)
{
    return reduce_places(self, true, CT_INTS(dim), keepdim, true, &results[0], &results[1]);
}

bool ct__min_dim(ct_tensor *self, int64_t dim, bool keepdim, ct_tensor **results)
{
    return reduce_places(self, false, CT_INTS(dim), keepdim, true, &results[0], &results[1]);
}

static ct_tensor *reduce_arg(ct_tensor *self, bool largest, int64_t dim, bool keepdim)
{
    ct_tensor *places = NULL;
    if (self->numel == 0 && dim == CT_NO_INT)
        return ct__fail(CT_ERR_INDEX, "%s(): Expected reduction dim to be specified for input.numel() == 0.",
                        ct__op_name);
    if (self->dtype == CT_BOOL)
        return ct__fail(CT_ERR_RUNTIME, "%s(): does not support bool input", ct__op_name);
    return reduce_places(self, largest, dim == CT_NO_INT ? (ct_ints){0, NULL} : CT_INTS(dim), keepdim, false,
                         NULL, &places)
               ? places
               : NULL;
}

ct_tensor *ct__argmax(ct_tensor *self, int64_t dim, bool keepdim)
{
    return reduce_arg(self, true, dim, keepdim);
}
ct_tensor *ct__argmin(ct_tensor *self, int64_t dim, bool keepdim)
{
    return reduce_arg(self, false, dim, keepdim);
}

ct_tensor *ct__extremes_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result, ct_ints dim, bool keepdim)
{
    ct_tensor *mask =
        ct_to_dtype(ct_eq(self, ct_unsqueeze_reduced(result, dim, self->ndim, keepdim)), (ct_dtype)gy->dtype);
    ct_tensor *count = ct_sum(mask, .dim = dim, .keepdim = true);
    return ct_mul(ct_div(mask, count), ct_unsqueeze_reduced(gy, dim, self->ndim, keepdim));
}

ct_tensor *ct__extreme_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result)
{
    ct_tensor *mask = ct_logical_or(ct_eq(self, result), ct_logical_and(ct_isnan(self), ct_isnan(result)));
    return ct_mul(mask, ct_div(gy, ct_sum(mask)));
}

ct_tensor *ct__index_backward(ct_tensor *gy, ct_tensor *indices, ct_ints size, int64_t dim, bool keepdim)
{
    ct_tensor *zeros = ct_new_zeros(gy, size);
    if (size.n == 0)
        return ct_reshape(gy, size);
    if (keepdim)
        return ct_scatter_add(zeros, dim, indices, gy);
    return ct_scatter_add(zeros, dim, ct_unsqueeze(indices, dim < 0 ? dim + size.n : dim),
                          ct_unsqueeze(gy, dim < 0 ? dim + size.n : dim));
}

bool ct__aminmax(ct_tensor *self, int64_t dim, bool keepdim, ct_tensor **results)
{
    ct_ints dims = dim == CT_NO_INT ? CT_INTS() : CT_INTS(dim);
    if (self->numel == 0 && dim == CT_NO_INT)
        return ct__fail(CT_ERR_RUNTIME, "aminmax(): cannot compute aminmax over an empty dimension as the "
                                        "operation has no identity.")
               != NULL;
    if (self->numel == 0 && ct__wrap_dim(dim, self->ndim) >= 0
        && self->sizes[ct__wrap_dim(dim, self->ndim)] == 0)
        return ct__fail(CT_ERR_INDEX, "aminmax: Expected reduction dim %lld to have non-zero size.",
                        (long long)ct__wrap_dim(dim, self->ndim))
               != NULL;
    results[0] = ct_amin(self, .dim = dims, .keepdim = keepdim);
    results[1] = ct_amax(self, .dim = dims, .keepdim = keepdim);
    return ct_ok();
}

/* ---- Truth ---- */

static ct_tensor *reduce_copy(const ct_tensor *t)
{
    ct_tensor *copy = ct__new_like(t, (ct_dtype)t->dtype);
    if (copy && !ct__copy(copy, t)) {
        ct_release(copy);
        return NULL;
    }
    return copy;
}

typedef struct reduce_truth_job { const reduce_plan *p; uint8_t *out; bool all; } reduce_truth_job;

static void reduce_truth_range(void *context, int64_t r0, int64_t r1)
{
    const reduce_truth_job *j = context;
    ct__k_reduce.truth(j->all, (const uint8_t *)j->p->x->data, j->out, j->p->n, j->p->inner, r0, r1);
}

static ct_tensor *reduce_truth(ct_tensor *self, ct_ints dim, bool keepdim, bool all)
{
    ct_dtype result = self->dtype == CT_UINT8 ? CT_UINT8 : CT_BOOL;
    reduce_plan p;
    if (dim.v && dim.n == 0) { /* an empty list reduces nothing here */
        CT_AUTO ct_tensor *flags = ct__cast(self, CT_BOOL);
        return flags ? result == CT_BOOL && self->dtype == CT_BOOL ? reduce_copy(flags)
                                                                   : ct__cast(flags, result)
                     : NULL;
    }
    if (!reduce_prepare(&p, self, dim, keepdim, CT_BOOL, false))
        return NULL;
    ct_tensor *out = ct__new(result, ct__device_of(self), p.ndim, p.sizes);
    reduce_truth_job j = {&p, out ? (uint8_t *)out->data : NULL, all};
    if (out && out->data && p.rows)
        ct__parallel(p.rows, (ct__grain(p.n, 1 << 17) + 63) / 64 * 64, reduce_truth_range, &j);
    ct_release(p.x);
    return out;
}

ct_tensor *ct__any(ct_tensor *self, ct_ints dim, bool keepdim)
{
    return reduce_truth(self, dim, keepdim, false);
}
ct_tensor *ct__all(ct_tensor *self, ct_ints dim, bool keepdim)
{
    return reduce_truth(self, dim, keepdim, true);
}
ct_tensor *ct__count_nonzero(ct_tensor *self, ct_ints dim) { return ct_sum(ct_ne(self, 0), .dim = dim); }

/* ---- Norms and moments ---- */

ct_tensor *ct__norm2(ct_tensor *self, ct_ints dim, bool keepdim)
{
    ct_dtype wide = reduce_class_dtype((ct_dtype)self->dtype);
    ct_tensor *squares = reduce_plain(self, REDUCE_DO_SUMSQ, dim, keepdim, wide, wide);
    if (!squares)
        return NULL;
    CT_COMPUTE();
    ct_tensor *r = ct_sqrt_(squares);
    ct_tensor *cast = r ? ct__cast(r, (ct_dtype)self->dtype) : NULL;
    ct_release(squares);
    return cast;
}

ct_tensor *ct__norm2_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result, ct_ints dim, bool keepdim)
{
    ct_tensor *n = ct_unsqueeze_reduced(result, dim, self->ndim, keepdim),
              *g = ct_unsqueeze_reduced(gy, dim, self->ndim, keepdim);
    ct_tensor *scale = ct_where_self(ct_eq(n, 0), 0, ct_div(g, n));
    return ct_mul(self, scale);
}

ct_tensor *ct__norm(ct_tensor *self, ct_scalar p, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    double v = p.kind == CT_SCALAR_NONE ? 2 : ct_scalar_double(p);
    if (dtype != CT_DTYPE_NONE)
        self = ct_to_dtype(self, dtype);
    if (self && !ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_RUNTIME,
                        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got %s",
                        ct_dtype_type_name((ct_dtype)self->dtype));
    return v == 2 ? ct_norm2(self, dim, keepdim) : ct_norm_p(self, v, dim, keepdim);
}

ct_tensor *ct__norm_name(ct_tensor *self, const char *p, ct_ints dim, bool keepdim, ct_dtype dtype)
{
    if (!strcmp(p, "fro"))
        return ct__norm(self, ct_int_scalar(2), dim, keepdim, dtype);
    return ct__fail(CT_ERR_RUNTIME, "linalg.matrix_norm: Order %s not supported.", p);
}

ct_tensor *ct__norm_p(ct_tensor *self, double p, ct_ints dim, bool keepdim)
{
    CT_COMPUTE();
    ct_tensor *size = ct_abs(self);
    if (p == 1)
        return ct_retain(ct_sum(size, .dim = dim, .keepdim = keepdim));
    if (p == 0)
        return ct_retain(ct_sum(ct_to_dtype(ct_ne(self, 0), (ct_dtype)self->dtype), .dim = dim, .keepdim = keepdim));
    if (p < 0 && reduce_count(self, dim) == 0)
        return ct__fail(CT_ERR_RUNTIME, "linalg.vector_norm cannot compute the %g norm on an empty tensor because the operation does "
                        "not have an identity", p);
    if (!isinf(p))
        return ct_retain(ct_pow(ct_sum(ct_pow(size, p), .dim = dim, .keepdim = keepdim), 1 / p));
    if (reduce_count(self, dim) == 0)
        return ct__fail(CT_ERR_RUNTIME, "linalg.vector_norm cannot compute the %s norm on an empty tensor because the operation does "
                        "not have an identity", p > 0 ? "inf" : "-inf");
    ct_ints list = dim.v ? dim : CT_INTS();
    return ct_retain(p > 0 ? ct_amax(size, .dim = list, .keepdim = keepdim) : ct_amin(size, .dim = list, .keepdim = keepdim));
}

ct_tensor *ct__norm_p_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result, double p, ct_ints dim, bool keepdim)
{
    ct_tensor *n = ct_unsqueeze_reduced(result, dim, self->ndim, keepdim), *g = ct_unsqueeze_reduced(gy, dim, self->ndim, keepdim);
    ct_tensor *sign = ct_sign(self), *size = ct_abs(self);
    if (p == 0)
        return ct_mul(ct_zeros_like(self), g);
    if (p == 1)
        return ct_mul(sign, g);
    if (isinf(p)) { /* equal ones share it; where NaN wins, the sign of NaN is 0 */
        ct_tensor *mask = ct_logical_or(ct_eq(size, n), ct_logical_and(ct_isnan(size), ct_isnan(n)));
        return ct_mul(sign, ct_mul(mask, ct_div(g, ct_sum(mask, .dim = dim, .keepdim = true))));
    }
    ct_tensor *scale = ct_where_self(ct_eq(n, 0), 0, ct_mul(g, ct_pow(n, 1 - p)));
    ct_tensor *slope = p < 2 ? ct_mul(sign, ct_pow(size, p - 1)) : ct_mul(self, ct_pow(size, p - 2));
    if (p < 1)
        slope = ct_where_self(ct_eq(self, 0), 0, slope);
    return ct_mul(slope, scale);
}

ct_tensor *ct__dist(ct_tensor *self, ct_tensor *other, ct_scalar p)
{
    return ct_norm(ct_sub(self, other), .p = p);
}

static double reduce_correction(ct_scalar correction)
{
    return correction.kind == CT_SCALAR_NONE ? 1 : ct_scalar_double(correction);
}

/* Whether squares of float32 have left the range where they are exact enough. */
static bool reduce_squares_lost(const ct_tensor *v)
{
    const float *x = v->dtype == CT_FLOAT32 && v->data ? (const float *)v->data : NULL;
    for (int64_t i = 0; x && i < v->numel; i++)
        if (!(x[i] >= 1e-28f && x[i] <= 1e36f))
            return true;
    return false;
}

/* The variance or, with `root`, its square root. Of float32 it is computed in float32, and again in float64 where the squares
 * were too large or too small for that. */
static ct_tensor *reduce_moment(ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim, bool root)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_RUNTIME, "std and var only support floating point and complex dtypes");
    int64_t n = reduce_count(self, dim);
    if (n < 0)
        return NULL;
    CT_COMPUTE();
    double divisor = (double)n - reduce_correction(correction);
    if (divisor <= 0)
        ct_warn("%s(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
                "factor (input numel divided by output "
                "numel).",
                ct__op_name);
    ct_tensor *squares = NULL;
    for (ct_dtype wide = reduce_class_dtype((ct_dtype)self->dtype);; wide = CT_FLOAT64) {
        ct_tensor *x = ct_to_dtype(self, wide), *centred = ct_sub(x, ct_mean(x, .dim = dim, .keepdim = true));
        squares = centred ? ct_adopt(reduce_plain(centred, REDUCE_DO_SUMSQ, dim, keepdim, wide, wide)) : NULL;
        if (!squares || wide == CT_FLOAT64 || !reduce_squares_lost(squares))
            break;
    }
    ct_tensor *v = ct_div(squares, divisor > 0 ? divisor : 0.0);
    return ct_retain(ct_to_dtype(root && v ? ct_sqrt_(v) : v, (ct_dtype)self->dtype));
}

ct_tensor *ct__var(ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim)
{
    return reduce_moment(self, dim, correction, keepdim, false);
}

ct_tensor *ct__std(ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim)
{
    return reduce_moment(self, dim, correction, keepdim, true);
}

ct_tensor *ct__var_unbiased_all(ct_tensor *self, bool unbiased)
{
    return ct_var(self, .correction = ct_int_scalar(unbiased));
}
ct_tensor *ct__std_unbiased_all(ct_tensor *self, bool unbiased)
{
    return ct_std(self, .correction = ct_int_scalar(unbiased));
}

ct_tensor *ct__var_unbiased(ct_tensor *self, ct_ints dim, bool unbiased, bool keepdim)
{
    return ct_var(self, .dim = dim, .correction = ct_int_scalar(unbiased), .keepdim = keepdim);
}

ct_tensor *ct__std_unbiased(ct_tensor *self, ct_ints dim, bool unbiased, bool keepdim)
{
    return ct_std(self, .dim = dim, .correction = ct_int_scalar(unbiased), .keepdim = keepdim);
}

ct_tensor *ct__var_backward(ct_tensor *gy, ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim)
{
    double divisor = (double)reduce_count(self, dim) - reduce_correction(correction);
    ct_tensor *centred = ct_sub(self, ct_mean(self, .dim = dim, .keepdim = true));
    return ct_mul(ct_mul(ct_unsqueeze_reduced(gy, dim, self->ndim, keepdim), centred), 2.0 / divisor);
}

ct_tensor *ct__std_slope(ct_tensor *gy, ct_tensor *result)
{
    return ct_where_self(ct_eq(result, 0), 0, ct_div(gy, ct_mul(result, 2)));
}

static bool reduce_float_only(const ct_tensor *self, const char *name)
{
    return ct_is_floating((ct_dtype)self->dtype)
           || ct__fail(CT_ERR_RUNTIME, "%s only support floating point and complex dtypes", name) != NULL;
}

/* Two owned results, or none and the error. */
static bool reduce_both(ct_tensor **results)
{
    for (int i = 0; ct__pending() && i < 2; i++) {
        ct_release(results[i]);
        results[i] = NULL;
    }
    return results[0] != NULL;
}

bool ct__var_mean(ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim, ct_tensor **results)
{
    if (!reduce_float_only(self, "var_mean"))
        return false;
    CT_COMPUTE();
    results[0] = ct_retain(ct_var(self, .dim = dim, .correction = correction, .keepdim = keepdim));
    results[1] = ct_retain(ct_mean(self, .dim = dim, .keepdim = keepdim));
    return reduce_both(results);
}

ct_tensor *ct__var_mean_backward(ct_tensor *gvar, ct_tensor *gmean, ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim)
{
    ct_tensor *first = gvar ? ct_var_backward(gvar, self, dim, correction, keepdim) : NULL, *second = NULL;
    if (gmean) {
        ct_tensor *whole = ct_expand(ct_unsqueeze_reduced(gmean, dim, self->ndim, keepdim), ((ct_ints){self->ndim, self->sizes}));
        second = ct_div(whole, (double)self->numel / (double)gmean->numel);
    }
    return first && second ? ct_add(first, second) : first ? first : second;
}

bool ct__std_mean(ct_tensor *self, ct_ints dim, ct_scalar correction, bool keepdim, ct_tensor **results)
{
    if (!reduce_float_only(self, "std_mean"))
        return false;
    CT_COMPUTE();
    results[0] = ct_retain(ct_std(self, .dim = dim, .correction = correction, .keepdim = keepdim));
    results[1] = ct_retain(ct_mean(self, .dim = dim, .keepdim = keepdim));
    return reduce_both(results);
}

ct_tensor *ct__std_mean_backward(ct_tensor *gstd, ct_tensor *gmean, ct_tensor *std, ct_tensor *self, ct_ints dim, ct_scalar correction,
                                 bool keepdim)
{
    return ct_var_mean_backward(gstd ? ct_std_slope(gstd, std) : NULL, gmean, self, dim, correction, keepdim);
}

ct_tensor *ct__logsumexp(ct_tensor *self, ct_ints dim, bool keepdim)
{
    CT_COMPUTE();
    ct_tensor *x = ct_is_floating((ct_dtype)self->dtype) ? self : ct_to_dtype(self, ct_default_dtype());
    if (x && x->numel == 0)
        return ct_retain(ct_log(ct_sum(ct_exp(x), .dim = dim, .keepdim = keepdim)));
    ct_tensor *high = ct_amax(x, .dim = dim, .keepdim = true);
    high = ct_where_self(ct_isinf(high), 0, high);
    ct_tensor *r = ct_add(ct_log(ct_sum(ct_exp(ct_sub(x, high)), .dim = dim, .keepdim = true)), high);
    if (!keepdim && r && r->ndim)
        r = dim.n ? ct_squeeze_dims(r, dim) : ct_reshape(r, CT_INTS());
    return ct_retain(r);
}

/* ---- Running sums and products ---- */

typedef struct reduce_running {
    const void *x;
    void *out;
    int64_t n, inner;
    int class;
    bool product;
} reduce_running;

static void reduce_running_range(void *context, int64_t r0, int64_t r1)
{
    const reduce_running *j = context;
    if (j->class == CT_CLASS_F32)
        ct__k_reduce.running_f32(j->product, j->x, j->out, j->n, j->inner, r0, r1);
    else if (j->class == CT_CLASS_F64)
        ct__k_reduce.running_f64(j->product, j->x, j->out, j->n, j->inner, r0, r1);
    else
        ct__k_reduce.running_i64(j->product, j->x, j->out, j->n, j->inner, r0, r1);
}

static ct_tensor *reduce_run_along(ct_tensor *self, int64_t dim, ct_dtype dtype, bool product)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    ct_dtype result =
        ct__dtype_or(dtype, ct_is_integral((ct_dtype)self->dtype, true) ? CT_INT64 : (ct_dtype)self->dtype);
    ct_dtype compute = reduce_class_dtype(result);
    if (d < 0)
        return NULL;
    if (result == CT_BOOL)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s_out_cpu\" not implemented for 'Bool'",
                        product ? "cumprod" : "cumsum");
    CT_AUTO ct_tensor *narrow = ct__cast(self, result);
    CT_AUTO ct_tensor *cast = narrow ? ct__cast(narrow, compute) : NULL;
    CT_AUTO ct_tensor *x = cast ? ct__contiguous_of(cast) : NULL;
    CT_AUTO ct_tensor *out = x ? ct__new(compute, ct__device_of(self), self->ndim, self->sizes) : NULL;
    if (!out)
        return NULL;
    reduce_running j = {x->data, out->data, self->ndim ? self->sizes[d] : 1, 1, ct__class_of(compute),
                        product};
    for (int64_t k = d + 1; k < self->ndim; k++)
        j.inner *= self->sizes[k];
    if (out->numel && out->data)
        ct__parallel(out->numel / j.n,
                     j.inner > 1 ? (ct__grain(j.n, 1 << 14) + 63) / 64 * 64 : ct__grain(j.n, 1 << 14),
                     reduce_running_range, &j);
    return ct__cast(out, result);
}

ct_tensor *ct__cumsum(ct_tensor *self, int64_t dim, ct_dtype dtype)
{
    return reduce_run_along(self, dim, dtype, false);
}
ct_tensor *ct__cumprod(ct_tensor *self, int64_t dim, ct_dtype dtype)
{
    return reduce_run_along(self, dim, dtype, true);
}

ct_tensor *ct__cumprod_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *result, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim), n = self->ndim ? self->sizes[d] : 1;
    if (self->ndim == 0 || self->numel == 0)
        return gy;
    ct_ints along = CT_INTS(d);
    ct_tensor *zeros = ct_any(ct_eq(self, 0));
    if (zeros && !ct_item_int(zeros)) {
        ct_tensor *sums = ct_flip(ct_cumsum(ct_flip(ct_mul(gy, result), along), d), along);
        return ct_div(sums, self);
    }
    ct_tensor **slices =
        ct__scratch(sizeof *slices * (size_t)n); /* each element's slope with the element taken out */
    for (int64_t k = 0; slices && k < n; k++) {
        ct_tensor *one = ct_ones_like(ct_narrow(self, d, k, 1));
        ct_tensor *without =
            ct_cat(CT_TENSORS(ct_narrow(self, d, 0, k), one, ct_narrow(self, d, k + 1, n - k - 1)), .dim = d);
        ct_tensor *terms = ct_mul(gy, ct_cumprod(without, d));
        slices[k] = ct_sum(ct_narrow(terms, d, k, n - k), .dim = along, .keepdim = true);
    }
    return slices ? ct_cat(((ct_tensors){n, slices}), .dim = d) : NULL;
}
