/* Losses. reduction: "none", "mean" or "sum". */
#include "kernels/kernels.h"
#include "ops/ops.h"
#include <math.h>

CT_INLINE bool loss_is(const char *reduction, const char *kind) { return !strcmp(reduction, kind); }

static ct_tensor *loss_reduce(ct_tensor *t, const char *reduction)
{
    if (loss_is(reduction, "none"))
        return t;
    if (loss_is(reduction, "mean"))
        return ct_mean(t);
    if (loss_is(reduction, "sum"))
        return ct_sum(t);
    return ct__fail(CT_ERR_VALUE, "%s is not a valid value for reduction", reduction);
}

/* ---- Differences ---- */

ct_tensor *ct__mse_loss(ct_tensor *self, ct_tensor *target, const char *reduction)
{
    CT_COMPUTE();
    return ct_retain(loss_reduce(ct_squared_difference(self, target), reduction));
}

ct_tensor *ct__mse_loss_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *target, const char *reduction)
{
    bool same = self->ndim == target->ndim && !memcmp(self->sizes, target->sizes, sizeof(int64_t) * self->ndim);
    if (!ct_grad_enabled() && same && self->numel)
        return ct_difference_scaled(gy, self, target, ct_num(loss_is(reduction, "mean") ? 2.0 / (double)self->numel : 2.0));
    ct_tensor *d = ct_sub(self, target);
    double scale = loss_is(reduction, "mean") && d ? 2.0 / (double)d->numel : 2.0;
    return ct_mul(ct_mul(d, scale), gy);
}

ct_tensor *ct__l1_loss(ct_tensor *self, ct_tensor *target, const char *reduction) { return loss_reduce(ct_abs(ct_sub(self, target)), reduction); }

ct_tensor *ct__smooth_l1_loss(ct_tensor *self, ct_tensor *target, const char *reduction, double beta)
{
    if (beta < 0)
        return ct__fail(CT_ERR_RUNTIME, "smooth_l1_loss does not support negative values for beta.");
    if (beta == 0)
        return ct_l1_loss(self, target, .reduction = reduction);
    return loss_reduce(ct_smooth_l1_terms(self, target, ct_num(beta)), reduction);
}

ct_tensor *ct__huber_loss(ct_tensor *self, ct_tensor *target, const char *reduction, double delta)
{
    if (delta <= 0)
        return ct__fail(CT_ERR_RUNTIME, "huber_loss does not support non-positive values for delta.");
    return loss_reduce(ct_huber_terms(self, target, ct_num(delta)), reduction);
}

ct_tensor *ct__soft_margin_loss(ct_tensor *self, ct_tensor *target, const char *reduction)
{
    return loss_reduce(ct_log1p(ct_exp(ct_neg(ct_mul(target, self)))), reduction);
}

/* ---- Binary cross entropy ---- */

ct_tensor *ct__binary_cross_entropy(ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction)
{
    CT_COMPUTE();
    if (self->numel && self->device == CT_CPU) { /* NaN wins in both */
        ct_tensor *low = ct_amin(self), *high = ct_amax(self);
        if (!high || !low)
            return NULL;
        if (!(ct_item(low) >= 0 && ct_item(high) <= 1))
            return ct__fail(CT_ERR_RUNTIME, "all elements of input should be between 0 and 1");
    }
    ct_tensor *loss = ct_binary_cross_entropy_terms(self, target);
    if (weight)
        loss = ct_mul(loss, weight);
    return ct_retain(loss_reduce(loss, reduction));
}

static ct_tensor *loss_scaled(ct_tensor *g, ct_tensor *gy, ct_tensor *weight, const char *reduction, int64_t numel)
{
    g = ct_mul(g, gy);
    if (weight)
        g = ct_mul(g, weight);
    return loss_is(reduction, "mean") ? ct_div(g, (double)numel) : g;
}

ct_tensor *ct__binary_cross_entropy_backward(ct_tensor *gy, ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction)
{
    if (!ct_grad_enabled()) {
        ct_tensor *g = ct_binary_cross_entropy_slope(loss_is(reduction, "mean") ? ct_div(gy, (double)self->numel) : gy, self, target);
        return weight ? ct_mul(g, weight) : g;
    }
    ct_tensor *below = ct_clamp_min(ct_mul(ct_rsub(self, 1), self), ct_float_scalar(1e-12));
    return loss_scaled(ct_div(ct_sub(self, target), below), gy, weight, reduction, self->numel);
}

ct_tensor *ct__binary_cross_entropy_target_grad(ct_tensor *gy, ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction)
{
    ct_tensor *yes = ct_clamp_min(ct_log(self), ct_float_scalar(-100)), *no = ct_clamp_min(ct_log1p(ct_neg(self)), ct_float_scalar(-100));
    return loss_scaled(ct_sub(no, yes), gy, weight, reduction, self->numel);
}

ct_tensor *ct__binary_cross_entropy_with_logits(ct_tensor *self, ct_tensor *target, ct_tensor *weight, ct_tensor *pos_weight, const char *reduction)
{
    ct_tensor *loss;
    if (pos_weight) {
        ct_tensor *log_sigmoid = ct_log_sigmoid(self);
        ct_tensor *k = ct_add(ct_mul(ct_sub(pos_weight, 1), target), 1);
        loss = ct_sub(ct_mul(ct_rsub(target, 1), self), ct_mul(k, log_sigmoid));
    } else {
        loss = ct_logits_terms(self, target);
    }
    if (weight)
        loss = ct_mul(loss, weight);
    return loss_reduce(loss, reduction);
}

ct_tensor *ct__kl_div(ct_tensor *self, ct_tensor *target, const char *reduction, bool log_target)
{
    if (log_target)
        return loss_reduce(ct_mul(ct_exp(target), ct_sub(target, self)), reduction);
    ct_tensor *safe = ct_where_self(ct_eq(target, 0), 1, target);
    ct_tensor *entropy = ct_mul(target, ct_log(safe));
    return loss_reduce(ct_sub(entropy, ct_mul(target, self)), reduction);
}

/* ---- Negative log likelihood ---- */

typedef struct loss_nll {
    int64_t n, classes, plane, ignore;
    const int64_t *target;
    const char *weight;
    ct_dtype dtype;
} loss_nll;

/* Checks shapes and classes; the target comes back dense and int64 (caller owns). */
static ct_tensor *loss_nll_check(ct_tensor *target, ct_tensor *weight, ct_ints size, int64_t ignore, loss_nll *j, bool check_values)
{
    *j = (loss_nll){.n = size.n > 1 ? size.v[0] : 1, .classes = size.n > 1 ? size.v[1] : size.v[0], .plane = 1, .ignore = ignore};
    for (int64_t i = 2; i < size.n; i++)
        j->plane *= size.v[i];
    if (target->dtype != CT_INT64 && target->dtype != CT_UINT8)
        return ct__fail(CT_ERR_RUNTIME, "expected target dtype to be Long or Byte, but got %s", ct_dtype_type_name((ct_dtype)target->dtype));
    if (weight && weight->numel != j->classes)
        return ct__fail(CT_ERR_RUNTIME, "weight tensor should be defined either for all %lld classes or no classes but got weight tensor of shape: %s",
                        (long long)j->classes, ct__shape_text(weight));
    CT_AUTO ct_tensor *wide = ct__cast(target, CT_INT64);
    ct_tensor *t = wide ? ct__contiguous_of(wide) : NULL;
    if (!t)
        return NULL;
    j->target = (const int64_t *)t->data;
    for (int64_t i = 0; check_values && i < t->numel; i++)
        if (j->target[i] != ignore && (j->target[i] < 0 || j->target[i] >= j->classes)) {
            ct__fail(CT_ERR_INDEX, "Target %lld is out of bounds.", (long long)j->target[i]);
            ct_release(t);
            return NULL;
        }
    return t;
}

bool ct__nll_loss_forward(ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction, int64_t ignore_index, ct_tensor **results)
{
    loss_nll j;
    if (!loss_is(reduction, "none") && !loss_is(reduction, "mean") && !loss_is(reduction, "sum"))
        return ct__fail(CT_ERR_VALUE, "%s is not a valid value for reduction", reduction) != NULL;
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"nll_loss_out_frame\" not implemented for '%s'", ct_dtype_type_name((ct_dtype)self->dtype)) != NULL;
    CT_AUTO ct_tensor *t = loss_nll_check(target, weight, ct__sizes_of(self), ignore_index, &j, true);
    CT_AUTO ct_tensor *x = t ? ct__contiguous_of(self) : NULL;
    CT_AUTO ct_tensor *w = x && weight ? ct__contiguous_of(weight) : NULL;
    if (!x || (weight && !w))
        return false;
    ct_dtype dtype = (ct_dtype)self->dtype;
    int64_t item = ct__itemsize(dtype), witem = w ? ct__itemsize(w->dtype) : 0;
    double sum = 0, total = 0;
    ct_tensor *out = loss_is(reduction, "none") ? ct__new(dtype, ct__device_of(self), target->ndim, target->sizes) : NULL;
    if (loss_is(reduction, "none") && !out)
        return false;
    for (int64_t i = 0; i < j.n * j.plane; i++) {
        int64_t c = j.target[i], at = (i / j.plane * j.classes + c) * j.plane + i % j.plane;
        double k = c == ignore_index ? 0 : w ? ct__load_double((ct_dtype)w->dtype, w->data + c * witem) : 1;
        double loss = c == ignore_index ? 0 : -k * (dtype == CT_FLOAT32 ? ((const float *)x->data)[at] : ct__load_double(dtype, x->data + at * item));
        total += k;
        sum += loss;
        if (out)
            ct__store_scalar(dtype, out->data + i * item, ct_float_scalar(loss));
    }
    results[0] = out ? out : ct__new_scalar(ct_float_scalar(loss_is(reduction, "mean") ? sum / total : sum), dtype);
    results[1] = ct__new_scalar(ct_float_scalar(total), dtype);
    if (results[0] && results[1])
        return true;
    ct_release(results[0]);
    ct_release(results[1]);
    results[0] = results[1] = NULL;
    return false;
}

/* The gradient at the target of place i, from dense gy and weight (or NULL); 0 where it is ignored. */
static double loss_nll_slope(const loss_nll *j, const ct_tensor *gy, const ct_tensor *weight, const char *reduction,
                             const ct_tensor *total_weight, int64_t i)
{
    int64_t c = j->target[i];
    if (c == j->ignore)
        return 0;
    double k = weight ? ct__load_double((ct_dtype)weight->dtype, weight->data + c * ct__itemsize(weight->dtype)) : 1;
    double upper = ct__load_double((ct_dtype)gy->dtype, gy->data + (loss_is(reduction, "none") ? i * ct__itemsize(gy->dtype) : 0));
    double divisor = loss_is(reduction, "mean") ? ct__load_double((ct_dtype)total_weight->dtype, total_weight->data) : 1;
    return -k * upper / divisor;
}

ct_tensor *ct__nll_loss_backward(ct_tensor *gy, ct_tensor *target, ct_tensor *weight, ct_ints size, const char *reduction, int64_t ignore_index,
                                 ct_tensor *total_weight)
{
    loss_nll j;
    CT_AUTO ct_tensor *t = loss_nll_check(target, weight, size, ignore_index, &j, false);
    CT_AUTO ct_tensor *g = t ? ct__contiguous_of(gy) : NULL;
    CT_AUTO ct_tensor *w = g && weight ? ct__contiguous_of(weight) : NULL;
    ct_tensor *out = g && (w || !weight) ? ct__zeros(size, (ct_dtype)gy->dtype, ct__device_of(gy)) : NULL;
    if (!out)
        return NULL;
    ct_dtype dtype = (ct_dtype)gy->dtype;
    int64_t item = ct__itemsize(dtype);
    for (int64_t i = 0; i < j.n * j.plane; i++) {
        int64_t c = j.target[i], at = (i / j.plane * j.classes + c) * j.plane + i % j.plane;
        if (c != ignore_index)
            ct__store_scalar(dtype, out->data + at * item, ct_float_scalar(loss_nll_slope(&j, g, w, reduction, total_weight, i)));
    }
    return out;
}

typedef struct loss_rows {
    bool f64;
    const void *logs, *at;
    const int64_t *target;
    void *out;
    int64_t n;
} loss_rows;

static void loss_rows_range(void *context, int64_t r0, int64_t r1)
{
    const loss_rows *j = context;
    if (j->f64)
        ct__k_norm.log_softmax_one_f64(j->logs, j->target, j->at, j->out, j->n, r0, r1);
    else
        ct__k_norm.log_softmax_one_f32(j->logs, j->target, j->at, j->out, j->n, r0, r1);
}

ct_tensor *ct__nll_log_softmax_backward(ct_tensor *gy, ct_tensor *target, ct_tensor *weight, ct_ints size, const char *reduction,
                                        int64_t ignore_index, ct_tensor *total_weight, ct_tensor *logs, int64_t dim)
{
    ct_dtype dtype = (ct_dtype)gy->dtype;
    loss_nll j;
    CT_AUTO ct_tensor *t = loss_nll_check(target, weight, size, ignore_index, &j, false);
    if (!t)
        return NULL;
    if (size.n != 2 || ct__wrap_dim(dim, 2) != 1 || !logs->contiguous || logs->dtype != dtype || (dtype != CT_FLOAT32 && dtype != CT_FLOAT64)
        || !j.classes) { /* the two steps */
        CT_AUTO ct_tensor *g = ct__nll_loss_backward(gy, target, weight, size, reduction, ignore_index, total_weight);
        return g ? ct__log_softmax_backward(g, logs, dim) : NULL;
    }
    CT_AUTO ct_tensor *g = ct__contiguous_of(gy);
    CT_AUTO ct_tensor *w = g && weight ? ct__contiguous_of(weight) : NULL;
    CT_AUTO ct_tensor *at = g && (w || !weight) ? ct__new(dtype, ct__device_of(gy), 1, &j.n) : NULL;
    ct_tensor *out = at ? ct__new(dtype, ct__device_of(gy), 2, size.v) : NULL;
    if (!out)
        return NULL;
    for (int64_t i = 0; i < j.n; i++)
        ct__store_scalar(dtype, at->data + i * ct__itemsize(dtype), ct_float_scalar(loss_nll_slope(&j, g, w, reduction, total_weight, i)));
    loss_rows rows = {dtype == CT_FLOAT64, logs->data, at->data, j.target, out->data, j.classes};
    ct__parallel(j.n, ct__grain(j.classes, 1 << 13), loss_rows_range, &rows);
    return out;
}

ct_tensor *ct__nll_loss_gather(ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction, int64_t ignore_index,
                               ct_tensor *total_weight)
{
    ct_tensor *sum = ct_nll_loss_forward(self, target, weight, loss_is(reduction, "mean") ? "sum" : reduction, ignore_index).output;
    return loss_is(reduction, "mean") ? ct_div(sum, total_weight) : sum;
}

ct_tensor *ct__nll_loss(ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction, int64_t ignore_index)
{
    if (self->ndim < 1)
        return ct__fail(CT_ERR_VALUE, "Expected 1 or more dimensions (got %d)", self->ndim);
    if (self->ndim > 1 && target->ndim >= 1 && self->sizes[0] != target->sizes[0])
        return ct__fail(CT_ERR_VALUE, "Expected input batch_size (%lld) to match target batch_size (%lld).", (long long)self->sizes[0],
                        (long long)target->sizes[0]);
    if ((self->ndim <= 2 && target->ndim > 1) || (self->ndim == 2 && target->ndim != 1))
        return ct__fail(CT_ERR_RUNTIME, "0D or 1D target tensor expected, multi-target not supported");
    bool fits = self->ndim == 1 ? target->numel == 1 : target->ndim == self->ndim - 1;
    for (int64_t i = 2; fits && i < self->ndim; i++)
        fits = self->sizes[i] == target->sizes[i - 1];
    if (!fits)
        return ct__fail(CT_ERR_RUNTIME, "size mismatch (got input: %s , target: %s)", ct__shape_text(self), ct__shape_text(target));
    return ct_nll_loss_forward(self, target, weight, reduction, ignore_index).output;
}

/* ---- Cross entropy ---- */

static ct_tensor *loss_class_weights(ct_tensor *weight, int64_t ndim, int64_t class_dim)
{
    int64_t sizes[CT_MAX_DIMS];
    for (int64_t i = 0; i < ndim; i++)
        sizes[i] = i == class_dim ? -1 : 1;
    return ct_reshape(weight, ((ct_ints){ndim, sizes}));
}

ct_tensor *ct__cross_entropy_loss(ct_tensor *self, ct_tensor *target, ct_tensor *weight, const char *reduction, int64_t ignore_index,
                                  double label_smoothing)
{
    int64_t class_dim = self->ndim == 1 ? 0 : 1;
    if (self->ndim < 1)
        return ct__fail(CT_ERR_VALUE, "Expected 1 or more dimensions (got %d)", self->ndim);
    if (label_smoothing < 0 || label_smoothing > 1)
        return ct__fail(CT_ERR_RUNTIME, "label_smoothing must be between 0.0 and 1.0. Got: %g", label_smoothing);
    int64_t classes = self->sizes[class_dim];
    bool same = self->ndim == target->ndim && !memcmp(self->sizes, target->sizes, sizeof(int64_t) * self->ndim);
    if (same && ct_is_floating((ct_dtype)target->dtype)) { /* class probabilities */
        ct_tensor *logs = ct_log_softmax(self, class_dim);
        if (label_smoothing > 0)
            target = ct_add(ct_mul(target, 1 - label_smoothing), label_smoothing / (double)classes);
        ct_tensor *terms = ct_neg(ct_mul(logs, target));
        if (weight)
            terms = ct_mul(terms, loss_class_weights(weight, self->ndim, class_dim));
        ct_tensor *loss = ct_sum(terms, .dim = CT_INTS(class_dim));
        if (loss_is(reduction, "none"))
            return loss;
        double n = (double)self->numel / (double)(classes ? classes : 1);
        return loss_is(reduction, "sum") ? ct_sum(loss) : ct_div(ct_sum(loss), n);
    }
    ct_tensor *logs = ct_log_softmax(self, class_dim);
    ct_tensor *nll = ct_nll_loss(logs, target, .weight = weight, .reduction = reduction, .ignore_index = ignore_index);
    if (label_smoothing == 0 || !nll)
        return nll;
    ct_tensor *weighted = weight ? ct_mul(logs, loss_class_weights(weight, self->ndim, class_dim)) : logs;
    ct_tensor *smooth = ct_neg(ct_sum(weighted, .dim = CT_INTS(class_dim)));
    ct_tensor *ignored = ct_eq(target, ignore_index);
    smooth = ct_masked_fill(smooth, ignored, 0.0);
    if (loss_is(reduction, "sum")) {
        smooth = ct_sum(smooth);
    } else if (loss_is(reduction, "mean")) {
        ct_tensor *total;
        if (weight) {
            ct_tensor *safe = ct_masked_fill(target, ignored, 0);
            ct_tensor *picked = ct_masked_fill(ct_reshape(ct_index_select(weight, 0, ct_reshape(safe, CT_INTS(-1))), ct__sizes_of(target)), ignored, 0.0);
            total = ct_sum(picked);
        } else {
            total = ct_to_dtype(ct_sum(ct_logical_not(ignored)), (ct_dtype)self->dtype);
        }
        smooth = ct_div(ct_sum(smooth), total);
    }
    return ct_add(ct_mul(nll, 1 - label_smoothing), ct_mul(smooth, label_smoothing / (double)classes));
}
