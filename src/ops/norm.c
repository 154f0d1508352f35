/* Softmax, normalisation, dropout and embedding: shapes, the cut into rows, and what is put together from other ops. */
#include "kernels/kernels.h"
#include "ops/index.h"

/* A floating tensor in a dtype that kernels have (half-width floats widened), dense; caller owns. */
static ct_tensor *norm_operand(ct_tensor *t)
{
    CT_AUTO ct_tensor *wide = t->dtype == CT_FLOAT64 ? ct_retain(t) : ct__cast(t, CT_FLOAT32);
    return wide ? ct__contiguous_of(wide) : NULL;
}

static ct_tensor *norm_finish(ct_tensor *out, int dtype)
{
    ct_tensor *cast = out ? ct__cast(out, (ct_dtype)dtype) : NULL;
    ct_release(out);
    return cast;
}

/* ---- Softmax ---- */

static ct_tensor *norm_softmax_input(ct_tensor *self, ct_dtype dtype)
{
    if (dtype != CT_DTYPE_NONE)
        return ct_to_dtype(self, dtype);
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s_lastdim_kernel_impl\" not implemented for '%s'", ct__op_name,
                        ct_dtype_type_name((ct_dtype)self->dtype));
    return self;
}

ct_tensor *ct__softmax(ct_tensor *self, int64_t dim, ct_dtype dtype) { return ct_softmax_forward(norm_softmax_input(self, dtype), dim); }
ct_tensor *ct__log_softmax(ct_tensor *self, int64_t dim, ct_dtype dtype) { return ct_log_softmax_forward(norm_softmax_input(self, dtype), dim); }
ct_tensor *ct__softmin(ct_tensor *self, int64_t dim, ct_dtype dtype) { return ct_softmax(ct_neg(self), dim, .dtype = dtype); }

typedef struct norm_softmax_job { bool log, f64, backward; const void *x, *gy; void *y; int64_t n; } norm_softmax_job;

static void norm_softmax_range(void *context, int64_t r0, int64_t r1)
{
    const norm_softmax_job *j = context;
    if (j->backward && j->f64)
        ct__k_norm.softmax_bwd_f64(j->log, j->gy, j->x, j->y, j->n, r0, r1);
    else if (j->backward)
        ct__k_norm.softmax_bwd_f32(j->log, j->gy, j->x, j->y, j->n, r0, r1);
    else if (j->f64)
        ct__k_norm.softmax_f64(j->log, j->x, j->y, j->n, r0, r1);
    else
        ct__k_norm.softmax_f32(j->log, j->x, j->y, j->n, r0, r1);
}

/* x is the input, or the output with a gradient gy. The dimension is moved to the end where it is not there. */
static ct_tensor *norm_softmax(ct_tensor *x, ct_tensor *gy, int64_t dim, bool log)
{
    int64_t d = ct__wrap_dim(dim, x->ndim);
    if (d < 0)
        return NULL;
    int64_t n = x->ndim ? x->sizes[d] : 1, last = x->ndim - 1;
    CT_COMPUTE();
    bool moved = x->ndim && d != last;
    ct_tensor *a = moved ? ct_transpose(x, d, last) : x, *g = gy && moved ? ct_transpose(gy, d, last) : gy;
    if (!a || (gy && !g))
        return NULL;
    CT_AUTO ct_tensor *in = norm_operand(a);
    CT_AUTO ct_tensor *gin = g ? norm_operand(g) : NULL;
    ct_tensor *out = in && (gin || !g) ? ct__new((ct_dtype)in->dtype, ct__device_of(x), in->ndim, in->sizes) : NULL;
    if (!out)
        return NULL;
    if (out->data && out->numel) {
        norm_softmax_job j = {log, in->dtype == CT_FLOAT64, gin != NULL, in->data, gin ? gin->data : NULL, out->data, n};
        ct__parallel(in->numel / n, ct__grain(n, 1 << 13), norm_softmax_range, &j);
    }
    out = norm_finish(out, x->dtype);
    if (!moved || !out)
        return out;
    ct_tensor *back = ct_clone(ct_transpose(out, d, last), .memory_format = CT_CONTIGUOUS_FORMAT);
    ct_release(out);
    return ct_retain(back);
}

ct_tensor *ct__softmax_forward(ct_tensor *self, int64_t dim) { return norm_softmax(self, NULL, dim, false); }
ct_tensor *ct__log_softmax_forward(ct_tensor *self, int64_t dim) { return norm_softmax(self, NULL, dim, true); }
ct_tensor *ct__softmax_backward(ct_tensor *gy, ct_tensor *output, int64_t dim) { return norm_softmax(output, gy, dim, false); }
ct_tensor *ct__log_softmax_backward(ct_tensor *gy, ct_tensor *output, int64_t dim) { return norm_softmax(output, gy, dim, true); }

ct_tensor *ct__softmax_backward_output(ct_tensor *grad, ct_tensor *gy, ct_tensor *output, int64_t dim)
{
    ct_ints along = CT_INTS(dim);
    ct_tensor *a = ct_mul(grad, ct_sub(gy, ct_sum(ct_mul(gy, output), .dim = along, .keepdim = true)));
    return ct_sub(a, ct_mul(gy, ct_sum(ct_mul(grad, output), .dim = along, .keepdim = true)));
}

/* ---- Layer normalisation ---- */

typedef struct norm_layer_job { bool f64; const void *x, *weight, *bias; void *y, *mean, *rstd; double eps; int64_t n; } norm_layer_job;

static void norm_layer_range(void *context, int64_t r0, int64_t r1)
{
    const norm_layer_job *j = context;
    if (j->f64)
        ct__k_norm.layer_f64(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->eps, j->n, r0, r1);
    else
        ct__k_norm.layer_f32(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->eps, j->n, r0, r1);
}

ct_tensor *ct__layer_norm(ct_tensor *input, ct_ints normalized_shape, ct_tensor *weight, ct_tensor *bias, double eps, bool cudnn_enable)
{
    int64_t n = normalized_shape.n, inner = 1;
    bool fits = n >= 1 && n <= input->ndim;
    for (int64_t i = 0; fits && i < n; i++) {
        fits = normalized_shape.v[i] == input->sizes[input->ndim - n + i];
        inner *= normalized_shape.v[i];
    }
    if (!fits) {
        ct__text t = {0};
        for (int64_t i = 0; i < n; i++)
            ct__text_addf(&t, ", %lld", (long long)normalized_shape.v[i]);
        ct__fail(CT_ERR_RUNTIME, "Given normalized_shape=%s, expected input with shape [*%s], but got input of size%s",
                 ct__ints_text(n, normalized_shape.v), t.s ? t.s : "", ct__shape_text(input));
        ct__text_free(&t);
        return NULL;
    }
    ct_tensor *both[2] = {weight, bias};
    for (int k = 0; k < 2; k++)
        if (both[k] && (both[k]->ndim != n || memcmp(both[k]->sizes, normalized_shape.v, sizeof(int64_t) * (size_t)n)))
            return ct__fail(CT_ERR_RUNTIME, "Expected %s to be of same shape as normalized_shape, but got %s of shape %s and normalized_shape = %s",
                            k ? "bias" : "weight", k ? "bias" : "weight", ct__shape_text(both[k]), ct__ints_text(n, normalized_shape.v));
    return ct_native_layer_norm(input, weight, bias, inner, eps).output;
}

/* Releases what is there of several results; false. */
static bool norm_undo(ct_tensor **results, int n)
{
    for (int i = 0; i < n; i++) {
        ct_release(results[i]);
        results[i] = NULL;
    }
    return false;
}

bool ct__native_layer_norm(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, int64_t inner, double eps, ct_tensor **results)
{
    if (!ct_is_floating((ct_dtype)input->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"LayerNormKernelImpl\" not implemented for '%s'", ct_dtype_type_name((ct_dtype)input->dtype)) != NULL;
    CT_AUTO ct_tensor *x = norm_operand(input);
    CT_AUTO ct_tensor *w = weight ? norm_operand(weight) : NULL;
    CT_AUTO ct_tensor *b = bias ? norm_operand(bias) : NULL;
    int64_t rows = inner ? input->numel / inner : 0;
    if (!x || (weight && !w) || (bias && !b))
        return false;
    ct_tensor *y = ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, input->sizes);
    results[1] = ct__new((ct_dtype)x->dtype, ct__device_of(input), 1, &rows);
    results[2] = ct__new((ct_dtype)x->dtype, ct__device_of(input), 1, &rows);
    if (y && results[1] && results[2] && y->data && y->numel) {
        norm_layer_job j = {x->dtype == CT_FLOAT64, x->data, w ? w->data : NULL, b ? b->data : NULL, y->data, results[1]->data,
                            results[2]->data, eps, inner};
        ct__parallel(rows, ct__grain(inner, 1 << 14), norm_layer_range, &j);
    }
    results[0] = norm_finish(y, input->dtype);
    return (results[0] && results[1] && results[2]) || norm_undo(results, 3);
}

/* x as rows (rows, inner), centred and scaled, from ops, so that it can be differentiated again: mean and rstd are computed anew
 * where a graph is wanted. */
static ct_tensor *norm_rows(ct_tensor *t, int64_t inner) { return ct_reshape(t, CT_INTS(-1, inner)); }

ct_tensor *ct__layer_norm_input_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd, int64_t inner)
{
    ct_ints last = CT_INTS(1);
    ct_tensor *x = norm_rows(input, inner), *g = norm_rows(gy, inner), *m, *k;
    if (ct_grad_enabled()) { /* 1 / rstd^2 - var is eps */
        m = ct_mean(x, .dim = last, .keepdim = true);
        ct_tensor *var = ct_var(x, .dim = last, .correction = ct_int_scalar(0), .keepdim = true);
        ct_tensor *eps = ct_detach(ct_sub(ct_pow(ct_reshape(rstd, CT_INTS(-1, 1)), -2.0), var));
        k = ct_rsqrt(ct_add(var, eps));
    } else {
        m = ct_reshape(mean, CT_INTS(-1, 1));
        k = ct_reshape(rstd, CT_INTS(-1, 1));
    }
    if (weight)
        g = ct_mul(g, ct_reshape(weight, CT_INTS(1, inner)));
    ct_tensor *h = ct_mul(ct_sub(x, m), k);
    ct_tensor *a = ct_sub(g, ct_mean(g, .dim = last, .keepdim = true));
    ct_tensor *b = ct_mul(h, ct_mean(ct_mul(g, h), .dim = last, .keepdim = true));
    return ct_reshape(ct_mul(ct_sub(a, b), k), ct__sizes_of(input));
}

ct_tensor *ct__layer_norm_weight_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd, int64_t inner)
{
    ct_ints last = CT_INTS(1);
    ct_tensor *x = norm_rows(input, inner), *g = norm_rows(gy, inner), *h;
    if (ct_grad_enabled()) {
        ct_tensor *var = ct_var(x, .dim = last, .correction = ct_int_scalar(0), .keepdim = true);
        ct_tensor *eps = ct_detach(ct_sub(ct_pow(ct_reshape(rstd, CT_INTS(-1, 1)), -2.0), var));
        h = ct_mul(ct_sub(x, ct_mean(x, .dim = last, .keepdim = true)), ct_rsqrt(ct_add(var, eps)));
    } else {
        h = ct_mul(ct_sub(x, ct_reshape(mean, CT_INTS(-1, 1))), ct_reshape(rstd, CT_INTS(-1, 1)));
    }
    return ct_reshape(ct_sum(ct_mul(g, h), .dim = CT_INTS(0)), ct__sizes_of(weight));
}

ct_tensor *ct__layer_norm_bias_grad(ct_tensor *gy, int64_t inner)
{
    int64_t lead = 0, n = 1;
    for (lead = gy->ndim; lead > 0 && n < inner; lead--)
        n *= gy->sizes[lead - 1];
    int64_t sizes[CT_MAX_DIMS], k = 0;
    for (int64_t i = lead; i < gy->ndim; i++)
        sizes[k++] = gy->sizes[i];
    return ct_reshape(ct_sum(norm_rows(gy, inner), .dim = CT_INTS(0)), ((ct_ints){k, sizes}));
}

/* ---- Batch normalisation ---- */

static ct_tensor *norm_channel(ct_tensor *v, int64_t ndim) /* (C) as (1, C, 1, ...) */
{
    int64_t sizes[CT_MAX_DIMS];
    for (int64_t i = 0; i < ndim; i++)
        sizes[i] = i == 1 ? -1 : 1;
    return v ? ct_reshape(v, ((ct_ints){ndim, sizes})) : NULL;
}

static ct_ints norm_other_dims(const ct_tensor *t, int64_t *v)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->ndim; i++)
        if (i != 1)
            v[n++] = i;
    return (ct_ints){n, v};
}

typedef struct norm_batch_job {
    bool f64;
    const void *x, *weight, *bias;
    void *y, *mean, *rstd, *var;
    double eps;
    int64_t batch, channels, plane;
} norm_batch_job;

static void norm_batch_range(void *context, int64_t c0, int64_t c1)
{
    const norm_batch_job *j = context;
    if (j->f64)
        ct__k_norm.batch_f64(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->var, j->eps, j->batch, j->channels, j->plane, c0, c1);
    else
        ct__k_norm.batch_f32(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->var, j->eps, j->batch, j->channels, j->plane, c0, c1);
}

bool ct__batch_norm_train(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, double eps, ct_tensor **results)
{
    CT_AUTO ct_tensor *x = norm_operand(input);
    CT_AUTO ct_tensor *w = weight ? norm_operand(weight) : NULL;
    CT_AUTO ct_tensor *b = bias ? norm_operand(bias) : NULL;
    if (!x || (weight && !w) || (bias && !b))
        return false;
    int64_t channels = input->sizes[1], batch = input->sizes[0], plane = 1;
    for (int64_t i = 2; i < input->ndim; i++)
        plane *= input->sizes[i];
    ct_tensor *y = ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, input->sizes);
    for (int i = 1; i < 4; i++)
        results[i] = ct__new((ct_dtype)x->dtype, ct__device_of(input), 1, &channels);
    if (y && results[1] && results[2] && results[3] && y->data && y->numel) {
        norm_batch_job j = {x->dtype == CT_FLOAT64, x->data, w ? w->data : NULL, b ? b->data : NULL, y->data, results[1]->data,
                            results[2]->data, results[3]->data, eps, batch, channels, plane};
        ct__parallel(channels, ct__grain(batch * plane, 1 << 15), norm_batch_range, &j);
    }
    results[0] = norm_finish(y, input->dtype);
    return (results[0] && results[1] && results[2] && results[3]) || norm_undo(results, 4);
}

static bool norm_channel_check(const ct_tensor *t, const char *name, int64_t channels)
{
    if (t && t->numel != channels)
        return ct__fail(CT_ERR_RUNTIME, "%s should contain %lld elements not %lld", name, (long long)channels, (long long)t->numel) != NULL;
    return true;
}

ct_tensor *ct__batch_norm(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_tensor *running_mean, ct_tensor *running_var, bool training,
                          double momentum, double eps, bool cudnn_enabled)
{
    if (input->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "batch_norm: expected an input of at least 2 dimensions (N, C, ...), but got size %s", ct__shape_text(input));
    int64_t channels = input->sizes[1];
    if (!norm_channel_check(running_mean, "running_mean", channels) || !norm_channel_check(running_var, "running_var", channels)
        || !norm_channel_check(weight, "weight", channels) || !norm_channel_check(bias, "bias", channels))
        return NULL;
    if (!ct_is_floating((ct_dtype)input->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"batch_norm\" not implemented for '%s'", ct_dtype_type_name((ct_dtype)input->dtype));
    if (!training && (!running_mean || !running_var))
        return ct__fail(CT_ERR_RUNTIME, "%s must be defined in evaluation mode", running_mean ? "running_var" : "running_mean");
    if (!training) {
        ct_tensor *k = ct_rsqrt(ct_add(running_var, eps));
        ct_tensor *y = ct_mul(ct_sub(input, norm_channel(running_mean, input->ndim)), norm_channel(k, input->ndim));
        if (weight)
            y = ct_mul(y, norm_channel(weight, input->ndim));
        return bias ? ct_add(y, norm_channel(bias, input->ndim)) : y;
    }
    ct_batch_norm_train_result r = ct_batch_norm_train(input, weight, bias, eps);
    if (r.output && running_mean) {
        int64_t n = channels ? input->numel / channels : 1;
        ct_no_grad {
            ct_tensor *unbiased = ct_mul(r.var, n > 1 ? (double)n / (double)(n - 1) : __builtin_nan(""));
            ct_add_(ct_mul_(running_mean, 1 - momentum), r.mean, .alpha = ct_num(momentum));
            ct_add_(ct_mul_(running_var, 1 - momentum), unbiased, .alpha = ct_num(momentum));
        }
    }
    return r.output;
}

/* mean and 1 / sqrt(var + eps) of the batch: the saved ones, or computed anew where a graph is wanted. */
static void norm_batch_moments(ct_tensor *input, ct_tensor *mean, ct_tensor *rstd, ct_tensor **m, ct_tensor **k)
{
    int64_t v[CT_MAX_DIMS];
    ct_ints dims = norm_other_dims(input, v);
    *m = norm_channel(mean, input->ndim);
    *k = norm_channel(rstd, input->ndim);
    if (!ct_grad_enabled())
        return;
    *m = ct_mean(input, .dim = dims, .keepdim = true);
    ct_tensor *var = ct_var(input, .dim = dims, .correction = ct_int_scalar(0), .keepdim = true);
    *k = ct_rsqrt(ct_add(var, ct_detach(ct_sub(ct_pow(*k, -2.0), var))));
}

ct_tensor *ct__batch_norm_input_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd)
{
    int64_t v[CT_MAX_DIMS];
    ct_ints dims = norm_other_dims(input, v);
    ct_tensor *m, *k;
    norm_batch_moments(input, mean, rstd, &m, &k);
    ct_tensor *h = ct_mul(ct_sub(input, m), k);
    ct_tensor *a = ct_sub(gy, ct_mean(gy, .dim = dims, .keepdim = true));
    ct_tensor *b = ct_mul(h, ct_mean(ct_mul(gy, h), .dim = dims, .keepdim = true));
    if (weight)
        k = ct_mul(k, norm_channel(weight, input->ndim));
    return ct_mul(ct_sub(a, b), k);
}

ct_tensor *ct__batch_norm_weight_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd)
{
    ct_tensor *m, *k;
    norm_batch_moments(input, mean, rstd, &m, &k);
    return ct_channel_sum(ct_mul(gy, ct_mul(ct_sub(input, m), k)));
}

ct_tensor *ct__channel_sum(ct_tensor *self)
{
    int64_t v[CT_MAX_DIMS];
    return ct_sum(self, .dim = norm_other_dims(self, v));
}

/* ---- Dropout ---- */

static bool norm_probability(double p)
{
    if (p >= 0 && p <= 1)
        return true;
    return ct__fail(CT_ERR_RUNTIME, "dropout probability has to be between 0 and 1, but got %g", p) != NULL;
}

ct_tensor *ct__dropout(ct_tensor *input, double p, bool train)
{
    if (!norm_probability(p))
        return NULL;
    if (p == 0 || !train || input->numel == 0)
        return input;
    if (p == 1)
        return ct_mul(input, ct_zeros_like(input));
    ct_tensor *noise = NULL;
    ct_no_grad noise = ct_div_(ct_bernoulli_(ct_empty_like(input), .p = 1 - p), 1 - p);
    return ct_mul(input, noise);
}

ct_tensor *ct__feature_dropout(ct_tensor *input, double p, bool train)
{
    if (!norm_probability(p))
        return NULL;
    if (p == 0 || !train || input->numel == 0)
        return input;
    if (input->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "Feature dropout requires at least 2 dimensions in the input");
    if (p == 1)
        return ct_mul(input, ct_zeros_like(input));
    int64_t sizes[CT_MAX_DIMS];
    for (int64_t i = 0; i < input->ndim; i++)
        sizes[i] = i < 2 ? input->sizes[i] : 1;
    ct_tensor *noise = NULL;
    ct_no_grad noise = ct_div_(ct_bernoulli_(ct_new_empty(input, ((ct_ints){input->ndim, sizes})), .p = 1 - p), 1 - p);
    return ct_mul(input, noise);
}

ct_tensor *ct__alpha_dropout(ct_tensor *input, double p, bool train)
{
    const double alpha = 1.7580993408473766;
    if (!norm_probability(p))
        return NULL;
    if (p == 0 || !train || input->numel == 0)
        return input;
    if (p == 1)
        return ct_mul(input, ct_zeros_like(input));
    double a = 1 / __builtin_sqrt((alpha * alpha * p + 1) * (1 - p));
    ct_tensor *noise = NULL, *shift = NULL;
    ct_no_grad {
        noise = ct_bernoulli_(ct_empty_like(input), .p = 1 - p);
        shift = ct_add_(ct_mul_(ct_sub(noise, 1), alpha * a), alpha * a * p);
        noise = ct_mul_(noise, a);
    }
    return ct_add(ct_mul(input, noise), shift);
}

/* ---- Embedding ---- */

static ct_tensor *norm_embedding_indices(ct_tensor *indices)
{
    if (indices->dtype != CT_INT64 && indices->dtype != CT_INT32)
        return ct__fail(CT_ERR_RUNTIME, "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got %s "
                        "instead (while checking arguments for embedding)", ct__type_text(indices));
    return ct__index_operand(indices);
}

ct_tensor *ct__embedding(ct_tensor *weight, ct_tensor *indices, int64_t padding_idx, bool scale_grad_by_freq, bool sparse)
{
    if (weight->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "'weight' must be 2-D");
    CT_AUTO ct_tensor *at = norm_embedding_indices(indices);
    if (!at)
        return NULL;
    const int64_t *v = (const int64_t *)at->data;
    for (int64_t i = 0; i < at->numel; i++)
        if (v[i] < 0 || v[i] >= weight->sizes[0])
            return ct__fail(CT_ERR_INDEX, "index out of range in self");
    return ct__take_rows(weight, at, ct__sizes_of(indices));
}

ct_tensor *ct__embedding_backward(ct_tensor *gy, ct_tensor *indices, ct_ints size, int64_t padding_idx, bool scale_grad_by_freq)
{
    CT_AUTO ct_tensor *at = norm_embedding_indices(indices);
    CT_AUTO ct_tensor *g = at ? ct__contiguous_of(gy) : NULL;
    ct_tensor *out = g ? ct__zeros(size, (ct_dtype)gy->dtype, ct__device_of(gy)) : NULL;
    int64_t width = size.v[1], item = ct__itemsize(gy->dtype);
    int64_t *counts = out && scale_grad_by_freq ? ct__alloc_zero(sizeof(int64_t) * (size_t)(size.v[0] + 1)) : NULL;
    const int64_t *v = at ? (const int64_t *)at->data : NULL;
    for (int64_t i = 0; counts && i < at->numel; i++)
        counts[v[i]]++;
    for (int64_t i = 0; out && i < at->numel; i++) {
        if (v[i] == padding_idx)
            continue;
        double scale = counts ? 1.0 / (double)counts[v[i]] : 1;
        if (gy->dtype == CT_FLOAT32) {
            float *to = (float *)out->data + v[i] * width;
            const float *from = (const float *)g->data + i * width;
            for (int64_t k = 0; k < width; k++)
                to[k] += (float)scale * from[k];
        } else {
            for (int64_t k = 0; k < width; k++)
                ct__add_element((ct_dtype)gy->dtype, out->data + (v[i] * width + k) * item, g->data + (i * width + k) * item, scale);
        }
    }
    if (counts)
        ct__free(counts, sizeof(int64_t) * (size_t)(size.v[0] + 1));
    return out;
}

/* ---- Padding ---- */

/* The source of each place along a padded dimension. */
static ct_tensor *norm_pad_places(int64_t size, int64_t before, int64_t after, char mode)
{
    int64_t n = size + before + after, kept = size + (before < 0 ? before : 0) + (after < 0 ? after : 0);
    ct_tensor *t = ct_zeros(CT_INTS(n), .dtype = CT_INT64);
    kept = kept > 0 ? kept : 1;
    for (int64_t i = 0; t && i < n; i++) {
        int64_t p = i - before;
        if (mode == 'e')
            p = p < 0 ? -p : p >= size ? 2 * (size - 1) - p : p; /* reflect */
        else if (mode == 'p')
            p = p < 0 ? 0 : p >= size ? size - 1 : p; /* replicate */
        else
            p = ((i - (before > 0 ? before : 0)) % kept + kept) % kept - (before < 0 ? before : 0); /* circular, of what is kept */
        ((int64_t *)t->data)[i] = p;
    }
    return t;
}

ct_tensor *ct__pad(ct_tensor *self, ct_ints pad, const char *mode, ct_scalar value)
{
    if (!strcmp(mode, "constant"))
        return ct_constant_pad_nd(self, pad, .value = value.kind ? value : ct_int_scalar(0));
    bool reflect = !strcmp(mode, "reflect");
    if (!reflect && strcmp(mode, "replicate") && strcmp(mode, "circular"))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "Unrecognised padding mode %s", mode);
    if (value.kind != CT_SCALAR_NONE && ct_scalar_double(value) != 0)
        return ct__fail(CT_ERR_RUNTIME, "Padding mode \"%s\" doesn't take in value argument", mode);
    if (pad.n % 2)
        return ct__fail(CT_ERR_RUNTIME, "Padding length must be divisible by 2");
    int64_t pairs = pad.n / 2;
    if (pairs > self->ndim)
        return ct__fail(CT_ERR_RUNTIME, "Padding length should be less than or equal to two times the input dimension but got padding length "
                        "%lld and input of dimension %d", (long long)pad.n, self->ndim);
    if (pairs < 1 || pairs > 3 || (self->ndim != pairs + 1 && self->ndim != pairs + 2))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "Padding size %lld is not supported for %dD input tensor.\nSupported combinations for "
                        "non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 "
                        "(pads last 2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)", (long long)pad.n, self->ndim);
    for (int64_t d = self->ndim == pairs + 2; d < self->ndim && mode[0] == 'r'; d++)
        if (self->sizes[d] == 0)
            return ct__fail(CT_ERR_RUNTIME, "Expected %lldD or %lldD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
                            "for input, but got: %s", (long long)pairs + 1, (long long)pairs + 2, ct__shape_text(self));
    ct_tensor *r = self;
    for (int64_t k = 0; k < pad.n / 2 && r; k++) {
        int64_t d = self->ndim - 1 - k, before = pad.v[2 * k], after = pad.v[2 * k + 1], size = self->sizes[d];
        if (reflect && (before >= size || after >= size))
            return ct__fail(CT_ERR_RUNTIME, "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (%lld, "
                            "%lld) at dimension %lld of input %s", (long long)before, (long long)after, (long long)d, ct__shape_text(self));
        if (!reflect && mode[0] == 'c' && (before > size || after > size))
            return ct__fail(CT_ERR_RUNTIME, "Padding value causes wrapping around more than once.");
        if (size + before + after < 0 || size == 0)
            return ct__fail(CT_ERR_RUNTIME, "The input size %lld, plus padding %lld and %lld, resulted in an invalid output size", (long long)size,
                            (long long)before, (long long)after);
        r = ct_index_select(r, d, norm_pad_places(size, before, after, mode[2] == 'f' ? 'e' : mode[2] == 'p' ? 'p' : 'c'));
    }
    return r;
}
