/* Softmax, normalisation, dropout and padding: shapes, the cut into rows, and what is put together from other ops. */
#include "kernels/kernels.h"
#include "ops/ops.h"

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

typedef struct norm_softmax_job { bool log, f64, backward; const void *x, *gy; void *y; int64_t n, inner; } norm_softmax_job;

static void norm_softmax_range(void *context, int64_t r0, int64_t r1)
{
    const norm_softmax_job *j = context;
    if (j->inner > 1 && j->f64)
        ct__k_norm.columns_f64(j->log, j->gy, j->x, j->y, j->n, j->inner, r0, r1);
    else if (j->inner > 1)
        ct__k_norm.columns_f32(j->log, j->gy, j->x, j->y, j->n, j->inner, r0, r1);
    else if (j->backward && j->f64)
        ct__k_norm.softmax_bwd_f64(j->log, j->gy, j->x, j->y, j->n, r0, r1);
    else if (j->backward)
        ct__k_norm.softmax_bwd_f32(j->log, j->gy, j->x, j->y, j->n, r0, r1);
    else if (j->f64)
        ct__k_norm.softmax_f64(j->log, j->x, j->y, j->n, r0, r1);
    else
        ct__k_norm.softmax_f32(j->log, j->x, j->y, j->n, r0, r1);
}

/* x is the input, or the output with a gradient gy. Along the last dimension by rows, along another by columns. */
static ct_tensor *norm_softmax(ct_tensor *x, ct_tensor *gy, int64_t dim, bool log)
{
    int64_t d = ct__wrap_dim(dim, x->ndim);
    if (d < 0)
        return NULL;
    CT_AUTO ct_tensor *in = norm_operand(x);
    CT_AUTO ct_tensor *gin = gy ? norm_operand(gy) : NULL;
    ct_tensor *out = in && (gin || !gy) ? ct__new((ct_dtype)in->dtype, ct__device_of(x), in->ndim, in->sizes) : NULL;
    if (!out)
        return NULL;
    if (out->data && out->numel) {
        norm_softmax_job j = {log, in->dtype == CT_FLOAT64, gin != NULL, in->data, gin ? gin->data : NULL, out->data,
                              x->ndim ? x->sizes[d] : 1, 1};
        for (int64_t k = d + 1; k < x->ndim; k++)
            j.inner *= x->sizes[k];
        int64_t grain = ct__grain(j.n, 1 << 13);
        ct__parallel(in->numel / j.n, j.inner > 1 ? (grain + 63) / 64 * 64 : grain, norm_softmax_range, &j);
    }
    return norm_finish(out, x->dtype);
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

/* The gradients, by kernels. Where a graph is wanted they are put together from ops, with mean and rstd computed anew, so that they
 * can be differentiated again. The rows are cut into chunks, by size alone, each with sums of its own for weight and bias; a chunk
 * goes in blocks that stay in the cache from the input's gradient to those sums. */
#define NORM_CHUNKS 16

typedef struct norm_layer_back {
    bool f64;
    const void *gy, *x, *weight, *mean, *rstd;
    void *gx;     /* or NULL */
    double *sums; /* (chunks, 2, n), or NULL */
    int64_t rows, n, chunk, block;
} norm_layer_back;

static void norm_layer_back_range(void *context, int64_t c0, int64_t c1)
{
    const norm_layer_back *j = context;
    for (int64_t c = c0; c < c1; c++) {
        int64_t end = (c + 1) * j->chunk < j->rows ? (c + 1) * j->chunk : j->rows;
        double *gw = j->sums ? j->sums + c * 2 * j->n : NULL;
        for (int64_t r0 = c * j->chunk, r1; r0 < end; r0 = r1) {
            r1 = r0 + j->block < end ? r0 + j->block : end;
            if (j->gx && j->f64)
                ct__k_norm.layer_bwd_f64(j->gy, j->x, j->weight, j->mean, j->rstd, j->gx, j->n, r0, r1);
            else if (j->gx)
                ct__k_norm.layer_bwd_f32(j->gy, j->x, j->weight, j->mean, j->rstd, j->gx, j->n, r0, r1);
            if (gw && j->f64)
                ct__k_norm.layer_params_f64(j->gy, j->x, j->mean, j->rstd, gw, gw + j->n, j->n, r0, r1);
            else if (gw)
                ct__k_norm.layer_params_f32(j->gy, j->x, j->mean, j->rstd, gw, gw + j->n, j->n, r0, r1);
        }
    }
}

/* The sum over chunks, as a tensor like `like`; caller owns. */
static ct_tensor *norm_layer_sum(const norm_layer_back *j, int64_t chunks, const double *sums, const ct_tensor *like, ct_device device)
{
    ct_tensor *out = ct__new(j->f64 ? CT_FLOAT64 : CT_FLOAT32, device, like->ndim, like->sizes);
    for (int64_t k = 0; out && k < j->n; k++) {
        double sum = 0;
        for (int64_t c = 0; c < chunks; c++)
            sum += sums[c * 2 * j->n + k];
        if (j->f64)
            ((double *)out->data)[k] = sum;
        else
            ((float *)out->data)[k] = (float)sum;
    }
    return norm_finish(out, like->dtype);
}

/* The gradients for input, weight and bias, as far as wanted[k] says, into the scope. */
static bool norm_layer_back_run(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_tensor *mean, ct_tensor *rstd,
                                int64_t inner, const bool *wanted, ct_tensor **results)
{
    CT_AUTO ct_tensor *x = norm_operand(input);
    CT_AUTO ct_tensor *narrow = x ? ct__cast(gy, (ct_dtype)x->dtype) : NULL;
    CT_AUTO ct_tensor *g = narrow ? ct__contiguous_of(narrow) : NULL;
    CT_AUTO ct_tensor *w = g && weight ? norm_operand(weight) : NULL;
    if (!g || (weight && !w))
        return false;
    ct_tensor *gx = wanted[0] ? ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, input->sizes) : NULL;
    int64_t rows = inner ? input->numel / inner : 0, chunks = rows * inner >> 15;
    chunks = chunks < rows / 8 ? chunks : rows / 8;
    chunks = chunks < 1 ? 1 : chunks < NORM_CHUNKS ? chunks : NORM_CHUNKS;
    norm_layer_back j = {.f64 = x->dtype == CT_FLOAT64, .gy = g->data, .x = x->data, .weight = w ? w->data : NULL, .mean = mean->data,
                         .rstd = rstd->data, .gx = gx ? gx->data : NULL, .rows = rows, .n = inner};
    j.block = inner ? (1 << 15) / inner : 1;
    j.block = j.block < 4 ? 4 : j.block < 256 ? j.block : 256;
    if (wanted[1] || wanted[2]) {
        if (!(j.sums = ct__alloc_zero(sizeof(double) * (size_t)(chunks * 2 * inner) + 1))) {
            ct_release(gx);
            return false;
        }
    } else {
        j.block = ct__grain(inner, 1 << 14);
        chunks = (rows + j.block - 1) / j.block;
    }
    if (rows && (gx || !wanted[0])) {
        j.chunk = (rows + chunks - 1) / chunks;
        ct__parallel((rows + j.chunk - 1) / j.chunk, 1, norm_layer_back_range, &j);
    }
    if (gx)
        results[0] = ct_adopt(norm_finish(gx, input->dtype));
    if (wanted[1])
        results[1] = ct_adopt(norm_layer_sum(&j, chunks, j.sums, weight, ct__device_of(input)));
    if (wanted[2])
        results[2] = ct_adopt(norm_layer_sum(&j, chunks, j.sums + inner, bias, ct__device_of(input)));
    if (j.sums)
        ct__free(j.sums, sizeof(double) * (size_t)(chunks * 2 * inner) + 1);
    return !ct__pending();
}

static ct_tensor *norm_rows(ct_tensor *t, int64_t inner) { return ct_reshape(t, CT_INTS(-1, inner)); }

static ct_tensor *norm_layer_input_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *rstd, int64_t inner)
{
    ct_ints last = CT_INTS(1);
    ct_tensor *x = norm_rows(input, inner), *g = norm_rows(gy, inner), *m = ct_mean(x, .dim = last, .keepdim = true);
    ct_tensor *var = ct_var(x, .dim = last, .correction = ct_int_scalar(0), .keepdim = true);
    ct_tensor *eps = ct_detach(ct_sub(ct_pow(ct_reshape(rstd, CT_INTS(-1, 1)), -2.0), var)); /* 1 / rstd^2 - var */
    ct_tensor *k = ct_rsqrt(ct_add(var, eps));
    if (weight)
        g = ct_mul(g, ct_reshape(weight, CT_INTS(1, inner)));
    ct_tensor *h = ct_mul(ct_sub(x, m), k);
    ct_tensor *a = ct_sub(g, ct_mean(g, .dim = last, .keepdim = true));
    ct_tensor *b = ct_mul(h, ct_mean(ct_mul(g, h), .dim = last, .keepdim = true));
    return ct_reshape(ct_mul(ct_sub(a, b), k), ct__sizes_of(input));
}

static ct_tensor *norm_layer_weight_grad(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *rstd, int64_t inner)
{
    ct_ints last = CT_INTS(1);
    ct_tensor *x = norm_rows(input, inner), *g = norm_rows(gy, inner);
    ct_tensor *var = ct_var(x, .dim = last, .correction = ct_int_scalar(0), .keepdim = true);
    ct_tensor *eps = ct_detach(ct_sub(ct_pow(ct_reshape(rstd, CT_INTS(-1, 1)), -2.0), var));
    ct_tensor *h = ct_mul(ct_sub(x, ct_mean(x, .dim = last, .keepdim = true)), ct_rsqrt(ct_add(var, eps)));
    return ct_reshape(ct_sum(ct_mul(g, h), .dim = CT_INTS(0)), ct__sizes_of(weight));
}

bool ct__layer_norm_grads(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_tensor *mean, ct_tensor *rstd,
                          int64_t inner, bool for_input, bool for_weight, bool for_bias, ct_tensor **results)
{
    const bool wanted[3] = {for_input, for_weight, for_bias};
    if (!ct_grad_enabled())
        return norm_layer_back_run(gy, input, weight, bias, mean, rstd, inner, wanted, results);
    if (for_input)
        results[0] = norm_layer_input_grad(gy, input, weight, rstd, inner);
    if (for_weight)
        results[1] = norm_layer_weight_grad(gy, input, weight, rstd, inner);
    if (for_bias)
        results[2] = ct_reshape(ct_sum(norm_rows(gy, inner), .dim = CT_INTS(0)), ct__sizes_of(bias));
    return !ct__pending();
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
        ct__k_batch.train_f64(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->var, j->eps, j->batch, j->channels, j->plane, c0, c1);
    else
        ct__k_batch.train_f32(j->x, j->weight, j->bias, j->y, j->mean, j->rstd, j->var, j->eps, j->batch, j->channels, j->plane, c0, c1);
}

/* Channels a piece: 64 side by side where a plane is one element. */
static int64_t norm_batch_grain(int64_t batch, int64_t plane)
{
    int64_t grain = ct__grain(batch * plane, 1 << 15);
    return plane == 1 ? (grain + 63) / 64 * 64 : grain;
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
        ct__parallel(channels, norm_batch_grain(batch, plane), norm_batch_range, &j);
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
        k = weight ? ct_mul(k, weight) : k;
        ct_tensor *middle = ct_mul(running_mean, k);
        return ct_channel_affine(input, k, .shift = bias ? ct_sub(bias, middle) : ct_neg(middle));
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

typedef struct norm_batch_back {
    bool f64;
    const void *gy, *x, *weight, *mean, *rstd;
    void *out[3]; /* for the input, the weight, the bias; NULL: not wanted */
    int64_t batch, channels, plane;
} norm_batch_back;

static void norm_batch_back_range(void *context, int64_t c0, int64_t c1)
{
    const norm_batch_back *j = context;
    if (j->f64)
        ct__k_batch.bwd_f64(j->gy, j->x, j->weight, j->mean, j->rstd, j->out[0], j->out[1], j->out[2], j->batch, j->channels, j->plane, c0, c1);
    else
        ct__k_batch.bwd_f32(j->gy, j->x, j->weight, j->mean, j->rstd, j->out[0], j->out[1], j->out[2], j->batch, j->channels, j->plane, c0, c1);
}

/* The gradients that are wanted (as results, in the scope), by a kernel. */
static bool norm_batch_back_run(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd, const bool *want,
                                ct_tensor **results)
{
    CT_AUTO ct_tensor *x = norm_operand(input);
    CT_AUTO ct_tensor *wide = x ? ct__cast(gy, (ct_dtype)x->dtype) : NULL;
    CT_AUTO ct_tensor *g = wide ? ct__contiguous_of(wide) : NULL;
    CT_AUTO ct_tensor *w = g && weight ? norm_operand(weight) : NULL;
    if (!g || (weight && !w))
        return false;
    norm_batch_back j = {.f64 = x->dtype == CT_FLOAT64, .gy = g->data, .x = x->data, .weight = w ? w->data : NULL, .mean = mean->data,
                         .rstd = rstd->data, .batch = input->sizes[0], .channels = input->sizes[1], .plane = 1};
    for (int64_t i = 2; i < input->ndim; i++)
        j.plane *= input->sizes[i];
    ct_tensor *out[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++)
        if (want[i]) {
            out[i] = i ? ct__new((ct_dtype)x->dtype, ct__device_of(input), 1, &j.channels)
                       : ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, input->sizes);
            j.out[i] = out[i] ? out[i]->data : NULL;
        }
    if (!ct__pending() && input->numel && x->data)
        ct__parallel(j.channels, norm_batch_grain(j.batch, j.plane), norm_batch_back_range, &j);
    else if (!ct__pending() && x->data)
        for (int i = 1; i < 3; i++)
            if (out[i] && !ct__fill(out[i], ct_int_scalar(0)))
                break;
    for (int i = 0; i < 3; i++)
        results[i] = ct_adopt(norm_finish(out[i], i && weight ? weight->dtype : input->dtype));
    return ct_ok();
}

/* mean and 1 / sqrt(var + eps) of the batch, computed anew so that they can be differentiated. */
static void norm_batch_moments(ct_tensor *input, ct_tensor *rstd, ct_tensor **m, ct_tensor **k)
{
    int64_t v[CT_MAX_DIMS];
    ct_ints dims = norm_other_dims(input, v);
    *m = ct_mean(input, .dim = dims, .keepdim = true);
    ct_tensor *var = ct_var(input, .dim = dims, .correction = ct_int_scalar(0), .keepdim = true);
    *k = ct_rsqrt(ct_add(var, ct_detach(ct_sub(ct_pow(norm_channel(rstd, input->ndim), -2.0), var))));
}

bool ct__batch_norm_backward(ct_tensor *gy, ct_tensor *input, ct_tensor *weight, ct_tensor *mean, ct_tensor *rstd, bool want_input,
                             bool want_weight, bool want_bias, ct_tensor **results)
{
    if (!ct_grad_enabled())
        return norm_batch_back_run(gy, input, weight, mean, rstd, (bool[]){want_input, want_weight, want_bias}, results);
    int64_t v[CT_MAX_DIMS];
    ct_ints dims = norm_other_dims(input, v);
    ct_tensor *m, *k;
    norm_batch_moments(input, rstd, &m, &k);
    ct_tensor *h = ct_mul(ct_sub(input, m), k);
    results[1] = want_weight ? ct_channel_sum(ct_mul(gy, h)) : NULL;
    results[2] = want_bias ? ct_channel_sum(gy) : NULL;
    if (want_input) {
        ct_tensor *a = ct_sub(gy, ct_mean(gy, .dim = dims, .keepdim = true));
        ct_tensor *b = ct_mul(h, ct_mean(ct_mul(gy, h), .dim = dims, .keepdim = true));
        results[0] = ct_mul(ct_sub(a, b), weight ? ct_mul(k, norm_channel(weight, input->ndim)) : k);
    }
    return ct_ok();
}

ct_tensor *ct__channel_sum(ct_tensor *self)
{
    int64_t v[CT_MAX_DIMS];
    return ct_sum(self, .dim = norm_other_dims(self, v));
}

typedef struct norm_affine_job { bool f64; const void *x, *scale, *shift; void *y; int64_t batch, channels, plane, most; } norm_affine_job;

/* Pieces: `most` channels of one example, or whole examples. */
static void norm_affine_range(void *context, int64_t begin, int64_t end)
{
    const norm_affine_job *j = context;
    int64_t size = j->f64 ? 8 : 4, example = j->channels * j->plane * size, cuts = (j->channels - 1) / j->most + 1;
    for (int64_t p = begin; p < end; p++) {
        int64_t c0 = p % cuts * j->most, c1 = c0 + j->most < j->channels ? c0 + j->most : j->channels, at = p / cuts * example;
        const char *x = (const char *)j->x + at;
        char *y = (char *)j->y + at;
        if (j->f64)
            ct__k_batch.affine_f64((const double *)x, j->scale, j->shift, (double *)y, 1, j->channels, j->plane, c0, c1);
        else
            ct__k_batch.affine_f32((const float *)x, j->scale, j->shift, (float *)y, 1, j->channels, j->plane, c0, c1);
    }
}

ct_tensor *ct__channel_affine(ct_tensor *self, ct_tensor *scale, ct_tensor *shift)
{
    CT_AUTO ct_tensor *x = norm_operand(self);
    CT_AUTO ct_tensor *k64 = x ? ct__cast(scale, (ct_dtype)x->dtype) : NULL;
    CT_AUTO ct_tensor *k = k64 ? ct__contiguous_of(k64) : NULL;
    CT_AUTO ct_tensor *d64 = k && shift ? ct__cast(shift, (ct_dtype)x->dtype) : NULL;
    CT_AUTO ct_tensor *d = d64 ? ct__contiguous_of(d64) : NULL;
    ct_tensor *y = k && (d || !shift) ? ct__new((ct_dtype)x->dtype, ct__device_of(self), self->ndim, self->sizes) : NULL;
    if (y && y->data && y->numel) {
        norm_affine_job j = {x->dtype == CT_FLOAT64, x->data, k->data, d ? d->data : NULL, y->data, self->sizes[0], self->sizes[1], 1, 1};
        for (int64_t i = 2; i < self->ndim; i++)
            j.plane *= self->sizes[i];
        j.most = ct__grain(j.plane, 1 << 14);
        j.most = j.most < j.channels ? j.most : j.channels;
        ct__parallel(j.batch * ((j.channels - 1) / j.most + 1), ct__grain(j.most * j.plane, 1 << 14), norm_affine_range, &j);
    }
    return norm_finish(y, self->dtype);
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
