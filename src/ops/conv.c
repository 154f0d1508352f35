/* Convolutions: checks, shapes and the cut into tasks; the arithmetic is kernels/cpu/conv.c's. One spatial dimension is two with
 * height 1. Three ops are closed under differentiation: conv_forward, conv_input_grad (the transposed convolution) and
 * conv_weight_grad; everything else here is put together from them. Without a graph, weight and bias get their gradients together. */
#include "kernels/kernels.h"
#include "ops/ops.h"

/* The kernel's shape from tensors of 3 (N, C, L) or 4 (N, C, H, W) dimensions; o, oh, ow are of the output. */
static ct__conv_shape conv_shape(const int64_t *x, const int64_t *weight, const int64_t *y, int64_t dims, ct_ints stride, ct_ints padding,
                                 ct_ints dilation, int64_t groups)
{
    ct__conv_shape s = {.n = x[0], .c = x[1], .h = 1, .oh = 1, .kh = 1, .sh = 1, .ph = 0, .dh = 1, .o = weight[0], .groups = groups};
    int64_t k = 0;
    if (dims == 2) {
        s.h = x[2];
        s.oh = y[2];
        s.kh = weight[2];
        s.sh = stride.v[0];
        s.ph = padding.v[0];
        s.dh = dilation.v[0];
        k = 1;
    }
    s.w = x[2 + k];
    s.ow = y[2 + k];
    s.kw = weight[2 + k];
    s.sw = stride.v[k];
    s.pw = padding.v[k];
    s.dw = dilation.v[k];
    return s;
}

typedef struct conv_job {
    const ct__conv_plan *plan;
    bool f64;
    const void *in, *weight, *bias, *shared;
    void *out, *out_bias, *partial;
    bool failed; /* a piece found no memory */
} conv_job;

static void conv_range(void *context, int64_t t0, int64_t t1)
{
    conv_job *j = context;
    const ct__conv_plan *p = j->plan;
    void *work = p->work_bytes ? ct__alloc((size_t)p->work_bytes) : NULL;
    if (p->work_bytes && !work) {
        j->failed = true;
        return;
    }
    if (p->dir == CT__CONV_DW) {
        if (j->f64)
            ct__k_conv.dw_f64(p, j->in, j->weight, j->partial, j->out, j->out_bias, t0, t1, work);
        else
            ct__k_conv.dw_f32(p, j->in, j->weight, j->partial, j->out, j->out_bias, t0, t1, work);
    } else if (j->f64) {
        ct__k_conv.run_f64(p, j->in, j->weight, j->bias, j->out, j->shared, t0, t1, work);
    } else {
        ct__k_conv.run_f32(p, j->in, j->weight, j->bias, j->out, j->shared, t0, t1, work);
    }
    if (work)
        ct__free(work, (size_t)p->work_bytes);
}

static void conv_sum_range(void *context, int64_t begin, int64_t end)
{
    const conv_job *j = context;
    if (j->f64)
        ct__k_conv.dw_sum_f64(j->plan, j->partial, j->out, j->out_bias, begin, end);
    else
        ct__k_conv.dw_sum_f32(j->plan, j->partial, j->out, j->out_bias, begin, end);
}

/* Runs a plan. `bias` is read, or for CONV_DW written if the plan says so. */
static bool conv_planned(const ct__conv_plan *plan, const void *in, const void *weight, void *bias, void *out, int64_t out_numel)
{
    conv_job j = {.plan = plan, .f64 = plan->f64, .in = in, .weight = weight, .bias = bias, .out = out, .out_bias = bias};
    void *shared = plan->shared_bytes ? ct__alloc((size_t)plan->shared_bytes) : NULL;
    void *partial = plan->partial_bytes ? ct__alloc((size_t)plan->partial_bytes) : NULL;
    bool ok = (shared || !plan->shared_bytes) && (partial || !plan->partial_bytes);
    if (ok) {
        j.shared = shared;
        j.partial = partial;
        if (shared && plan->dir != CT__CONV_DW) {
            if (plan->f64)
                ct__k_conv.prepare_f64(plan, weight, shared);
            else
                ct__k_conv.prepare_f32(plan, weight, shared);
        }
        ct__parallel(plan->tasks, ct__grain(plan->task_cost, 1 << 18), conv_range, &j);
        ok = !j.failed && !ct__pending();
        if (ok && partial)
            ct__parallel(out_numel + (plan->bias ? plan->s.o : 0), 1 << 12, conv_sum_range, &j);
    }
    if (shared)
        ct__free(shared, (size_t)plan->shared_bytes);
    if (partial)
        ct__free(partial, (size_t)plan->partial_bytes);
    return ok;
}

/* Runs one direction over dense memory. For CONV_DW `in` is x, `weight` is gy, and `bias`, if any, is where the bias's gradient
 * may go: *biased says whether it did. */
static bool conv_run(const ct__conv_shape *s, ct__conv_dir dir, ct_dtype dtype, const void *in, const void *weight, void *bias,
                     void *out, int64_t out_numel, bool *biased)
{
    ct__conv_plan dense, sparse;
    bool f64 = dtype == CT_FLOAT64;
    int odd = 0;
    ct__k_conv.plan(&dense, s, dir, f64);
    sparse = dense;
    if (dir != CT__CONV_FWD) {
        const void *grad = dir == CT__CONV_DW ? weight : in, *w = dir == CT__CONV_DX ? weight : NULL;
        if (f64)
            ct__k_conv.sparse_f64(&sparse, grad, w, dir == CT__CONV_DW && bias, &odd);
        else
            ct__k_conv.sparse_f32(&sparse, grad, w, dir == CT__CONV_DW && bias, &odd);
    }
    bool ok = conv_planned(&sparse, in, weight, bias, out, out_numel);
    if (biased)
        *biased = sparse.bias && !odd;
    return ok && odd ? conv_planned(&dense, in, weight, bias, out, out_numel) : ok;
}

/* A dense tensor of float32 or float64 (half-width floats widened); caller owns. */
static ct_tensor *conv_operand(ct_tensor *t)
{
    if (t->dtype == CT_FLOAT32 || t->dtype == CT_FLOAT64)
        return ct__contiguous_of(t);
    CT_AUTO ct_tensor *wide = ct__cast(t, CT_FLOAT32);
    return wide ? ct__contiguous_of(wide) : NULL;
}

static ct_tensor *conv_result(ct_tensor *out, ct_dtype dtype, bool ok)
{
    ct_tensor *cast = ok && out ? ct__cast(out, dtype) : NULL;
    ct_release(out);
    return cast;
}

static bool conv_dtypes(const ct_tensor *input, const ct_tensor *weight, const ct_tensor *bias)
{
    static const char *const names[CT_NUM_DTYPES] = {"", "unsigned char", "signed char", "short int", "int", "long int", "bool",
                                                     "c10::Half", "c10::BFloat16", "float", "double", "", ""};
    if (bias && input->dtype != bias->dtype)
        return ct__fail(CT_ERR_RUNTIME, "Input type (%s) and bias type (%s) should be the same", names[input->dtype], names[bias->dtype]) != NULL;
    if (input->dtype != weight->dtype)
        return ct__fail(CT_ERR_RUNTIME, "expected scalar type %s but found %s", ct_dtype_type_name((ct_dtype)input->dtype),
                        ct_dtype_type_name((ct_dtype)weight->dtype)) != NULL;
    if (!ct_is_floating((ct_dtype)input->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", ct__op_name, ct_dtype_type_name((ct_dtype)input->dtype)) != NULL;
    return true;
}

ct_tensor *ct__conv_forward(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation,
                            int64_t groups)
{
    int64_t dims = input->ndim - 2, sizes[4] = {input->sizes[0], weight->sizes[0]};
    for (int64_t i = 0; i < dims; i++) {
        int64_t padded = input->sizes[2 + i] + 2 * padding.v[i], kernel = dilation.v[i] * (weight->sizes[2 + i] - 1) + 1;
        if (padded < kernel) {
            int64_t p[2], k[2];
            for (int64_t d = 0; d < dims; d++) {
                p[d] = input->sizes[2 + d] + 2 * padding.v[d];
                k[d] = dilation.v[d] * (weight->sizes[2 + d] - 1) + 1;
            }
            if (dims == 1)
                return ct__fail(CT_ERR_RUNTIME, "Calculated padded input size per channel: (%lld). Kernel size: (%lld). Kernel size can't be "
                                "greater than actual input size", (long long)p[0], (long long)k[0]);
            return ct__fail(CT_ERR_RUNTIME, "Calculated padded input size per channel: (%lld x %lld). Kernel size: (%lld x %lld). Kernel size "
                            "can't be greater than actual input size", (long long)p[0], (long long)p[1], (long long)k[0], (long long)k[1]);
        }
        sizes[2 + i] = (padded - kernel) / stride.v[i] + 1;
    }
    CT_AUTO ct_tensor *x = conv_operand(input);
    CT_AUTO ct_tensor *w = conv_operand(weight);
    CT_AUTO ct_tensor *b = bias ? conv_operand(bias) : NULL;
    ct_tensor *out = x && w && (b || !bias) ? ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, sizes) : NULL;
    if (!out || !out->data || out->numel == 0)
        return out;
    ct__conv_shape s = conv_shape(x->sizes, w->sizes, sizes, dims, stride, padding, dilation, groups);
    bool ok = conv_run(&s, CT__CONV_FWD, (ct_dtype)x->dtype, x->data, w->data, b ? b->data : NULL, out->data, out->numel, NULL);
    return conv_result(out, (ct_dtype)input->dtype, ok);
}

ct_tensor *ct__conv_input_grad(ct_tensor *gy, ct_tensor *weight, ct_tensor *bias, ct_ints input_size, ct_ints stride, ct_ints padding,
                               ct_ints dilation, int64_t groups)
{
    CT_AUTO ct_tensor *g = conv_operand(gy);
    CT_AUTO ct_tensor *w = conv_operand(weight);
    CT_AUTO ct_tensor *b = bias ? conv_operand(bias) : NULL;
    ct_tensor *out = g && w && (b || !bias) ? ct__new((ct_dtype)g->dtype, ct__device_of(gy), input_size.n, input_size.v) : NULL;
    if (!out || !out->data || out->numel == 0)
        return out;
    ct__conv_shape s = conv_shape(input_size.v, w->sizes, g->sizes, gy->ndim - 2, stride, padding, dilation, groups);
    bool ok = conv_run(&s, CT__CONV_DX, (ct_dtype)g->dtype, g->data, w->data, b ? b->data : NULL, out->data, out->numel, NULL);
    return conv_result(out, (ct_dtype)gy->dtype, ok);
}

/* The gradient of the weight and, where the way there passes it, that of the bias (*bias: owned, else NULL; `bias` may be NULL). */
static ct_tensor *conv_weight_bias_grad(ct_tensor *gy, ct_tensor *input, ct_ints weight_size, ct_ints stride, ct_ints padding,
                                        ct_ints dilation, int64_t groups, ct_tensor **bias)
{
    CT_AUTO ct_tensor *g = conv_operand(gy);
    CT_AUTO ct_tensor *x = conv_operand(input);
    ct_tensor *out = g && x ? ct__new((ct_dtype)g->dtype, ct__device_of(gy), weight_size.n, weight_size.v) : NULL;
    if (!out || !out->data || out->numel == 0)
        return out;
    ct__conv_shape s = conv_shape(x->sizes, weight_size.v, g->sizes, gy->ndim - 2, stride, padding, dilation, groups);
    ct_tensor *b = bias && gy->dtype == g->dtype ? ct__new((ct_dtype)g->dtype, ct__device_of(gy), 1, weight_size.v) : NULL;
    bool biased, ok = conv_run(&s, CT__CONV_DW, (ct_dtype)g->dtype, x->data, g->data, b ? b->data : NULL, out->data, out->numel, &biased);
    if (bias)
        *bias = ok && biased ? ct_retain(b) : NULL;
    ct_release(b);
    return conv_result(out, (ct_dtype)gy->dtype, ok);
}

ct_tensor *ct__conv_weight_grad(ct_tensor *gy, ct_tensor *input, ct_ints weight_size, ct_ints stride, ct_ints padding, ct_ints dilation,
                                int64_t groups)
{
    return conv_weight_bias_grad(gy, input, weight_size, stride, padding, dilation, groups, NULL);
}

ct_tensor *ct__conv_bias_grad(ct_tensor *grad)
{
    int64_t dims[CT_MAX_DIMS] = {0}, n = 1;
    for (int64_t i = 2; i < grad->ndim; i++)
        dims[n++] = i;
    return ct_sum(grad, .dim = ((ct_ints){n, dims}));
}

bool ct__conv_parameter_grads(ct_tensor *gy, ct_tensor *input, ct_ints weight_size, ct_ints stride, ct_ints padding, ct_ints dilation,
                              int64_t groups, bool weight, bool bias, ct_tensor **results)
{
    if (weight && bias && !ct_grad_enabled())
        results[0] = ct_adopt(conv_weight_bias_grad(gy, input, weight_size, stride, padding, dilation, groups, &results[1]));
    else if (weight)
        results[0] = ct_conv_weight_grad(gy, input, weight_size, stride, padding, dilation, groups);
    if (results[1])
        ct_adopt(results[1]);
    else if (bias)
        results[1] = ct_conv_bias_grad(gy);
    return !ct__pending();
}

/* ---- The public forms ---- */

/* Checks what all convolutions share; `in_channels` of the weight are its dim 1 (or 0 for transposed ones). */
static bool conv_check(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, int64_t dims, ct_ints stride, ct_ints padding, ct_ints dilation,
                       int64_t groups, bool transposed)
{
    const char *name = dims == 1 ? "conv1d" : "conv2d";
    if (transposed)
        name = dims == 1 ? "conv_transpose1d" : "conv_transpose2d";
    if (input->ndim != dims + 1 && input->ndim != dims + 2)
        return ct__fail(CT_ERR_RUNTIME, "Expected %lldD (unbatched) or %lldD (batched) input to %s, but got input of size: %s",
                        (long long)dims + 1, (long long)dims + 2, name, ct__shape_text(input)) != NULL;
    if (weight->ndim != dims + 2)
        return ct__fail(CT_ERR_RUNTIME, "%s: expected a %lld-dimensional weight (out, in / groups, kernel...), but got weight of size %s", name,
                        (long long)dims + 2, ct__shape_text(weight)) != NULL;
    if (!conv_dtypes(input, weight, bias))
        return false;
    if (groups <= 0)
        return ct__fail(CT_ERR_RUNTIME, "non-positive groups is not supported") != NULL;
    for (int64_t i = 0; i < dims; i++) {
        if (stride.n != dims || padding.n != dims || dilation.n != dims) {
            const char *what = stride.n != dims ? "stride" : padding.n != dims ? "padding" : "dilation";
            ct_ints bad = stride.n != dims ? stride : padding.n != dims ? padding : dilation;
            return ct__fail(CT_ERR_RUNTIME, "expected %s to be a single integer value or a list of %lld values to match the convolution "
                            "dimensions, but got %s=%s", what, (long long)dims, what, ct__ints_text(bad.n, bad.v)) != NULL;
        }
        if (stride.v[i] <= 0)
            return ct__fail(CT_ERR_RUNTIME, "non-positive stride is not supported") != NULL;
        if (padding.v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "negative padding is not supported") != NULL;
        if (dilation.v[i] <= 0)
            return ct__fail(CT_ERR_RUNTIME, "dilation should be greater than zero") != NULL;
    }
    int64_t channels = input->sizes[input->ndim - 1 - dims], want = transposed ? weight->sizes[0] : weight->sizes[1] * groups;
    if (channels != want || weight->sizes[0] % groups) {
        int64_t batched[4], k = input->ndim == dims + 1;
        batched[0] = 1;
        memcpy(batched + k, input->sizes, sizeof(int64_t) * input->ndim);
        if (weight->sizes[0] % groups)
            return ct__fail(CT_ERR_RUNTIME, "Given groups=%lld, expected weight to be at least %lld at dimension 0 and divisible by it, but got "
                            "weight of size %s instead", (long long)groups, (long long)groups, ct__shape_text(weight)) != NULL;
        return ct__fail(CT_ERR_RUNTIME, "Given %s=%lld, weight of size %s, expected input%s to have %lld channels, but got %lld channels "
                        "instead", transposed ? "transposed" : "groups", transposed ? 1LL : (long long)groups, ct__shape_text(weight),
                        ct__ints_text(dims + 2, batched), (long long)want, (long long)channels) != NULL;
    }
    int64_t out_channels = transposed ? weight->sizes[1] * groups : weight->sizes[0];
    if (bias && (bias->ndim != 1 || bias->numel != out_channels))
        return ct__fail(CT_ERR_RUNTIME, "Given %sweight of size %s, expected bias to be 1-dimensional with %lld elements, but got bias of size %s "
                        "instead", transposed ? "transposed=1, " : "", ct__shape_text(weight), (long long)out_channels, ct__shape_text(bias)) != NULL;
    return true;
}

static ct_tensor *conv_public(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, int64_t dims, ct_ints stride, ct_ints padding,
                              ct_ints dilation, int64_t groups)
{
    if (!conv_check(input, weight, bias, dims, stride, padding, dilation, groups, false))
        return NULL;
    if (input->ndim == dims + 1)
        return ct_squeeze_dim(ct_conv_forward(ct_unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0);
    return ct_conv_forward(input, weight, bias, stride, padding, dilation, groups);
}

static ct_tensor *conv_same(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, int64_t dims, ct_ints stride, const char *padding,
                            ct_ints dilation, int64_t groups)
{
    int64_t pads[2] = {0, 0}, extra[4] = {0};
    bool uneven = false;
    if (strcmp(padding, "valid") && strcmp(padding, "same"))
        return ct__fail(CT_ERR_RUNTIME, "Invalid padding string: '%s'", padding);
    if (!strcmp(padding, "same")) {
        for (int64_t i = 0; i < dims && weight->ndim == dims + 2; i++) {
            if (stride.v[i] != 1)
                return ct__fail(CT_ERR_RUNTIME, "padding='same' is not supported for strided convolutions");
            int64_t total = dilation.v[i] * (weight->sizes[2 + i] - 1);
            pads[i] = total / 2;
            extra[2 * (dims - 1 - i) + 1] = total % 2;
            uneven = uneven || total % 2;
        }
        if (uneven && (input->ndim == dims + 1 || input->ndim == dims + 2))
            input = ct_constant_pad_nd(input, ((ct_ints){2 * dims, extra}));
    }
    return input ? conv_public(input, weight, bias, dims, stride, (ct_ints){dims, pads}, dilation, groups) : NULL;
}

ct_tensor *ct__conv1d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation, int64_t groups)
{
    return conv_public(input, weight, bias, 1, stride, padding, dilation, groups);
}

ct_tensor *ct__conv2d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation, int64_t groups)
{
    return conv_public(input, weight, bias, 2, stride, padding, dilation, groups);
}

ct_tensor *ct__conv1d_padding(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, const char *padding, ct_ints dilation,
                              int64_t groups)
{
    return conv_same(input, weight, bias, 1, stride, padding, dilation, groups);
}

ct_tensor *ct__conv2d_padding(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, const char *padding, ct_ints dilation,
                              int64_t groups)
{
    return conv_same(input, weight, bias, 2, stride, padding, dilation, groups);
}

static ct_tensor *conv_transposed(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, int64_t dims, ct_ints stride, ct_ints padding,
                                  ct_ints output_padding, int64_t groups, ct_ints dilation)
{
    if (!conv_check(input, weight, bias, dims, stride, padding, dilation, groups, true))
        return NULL;
    bool single = input->ndim == dims + 1;
    int64_t sizes[4] = {single ? 1 : input->sizes[0], weight->sizes[1] * groups};
    for (int64_t i = 0; i < dims; i++) {
        if (output_padding.v[i] < 0 || (output_padding.v[i] >= stride.v[i] && output_padding.v[i] >= dilation.v[i])) {
            int64_t h = dims == 2 ? 0 : -1; /* one dimension counts as a height of 1 */
            return ct__fail(CT_ERR_RUNTIME, "output padding must be smaller than either stride or dilation, but got output_padding_height: %lld "
                            "output_padding_width: %lld stride_height: %lld stride_width: %lld dilation_height: %lld dilation_width: %lld",
                            h < 0 ? 0LL : (long long)output_padding.v[0], (long long)output_padding.v[h + 1],
                            h < 0 ? 1LL : (long long)stride.v[0], (long long)stride.v[h + 1], h < 0 ? 1LL : (long long)dilation.v[0],
                            (long long)dilation.v[h + 1]);
        }
        sizes[2 + i] = (input->sizes[input->ndim - dims + i] - 1) * stride.v[i] - 2 * padding.v[i]
                     + dilation.v[i] * (weight->sizes[2 + i] - 1) + output_padding.v[i] + 1;
        if (sizes[2 + i] <= 0)
            return ct__fail(CT_ERR_RUNTIME, "Given input size per channel: %s. Calculated output size per channel would be too small",
                            ct__shape_text(input));
    }
    ct_ints size = {dims + 2, sizes};
    if (single)
        return ct_squeeze_dim(ct_conv_input_grad(ct_unsqueeze(input, 0), weight, bias, size, stride, padding, dilation, groups), 0);
    return ct_conv_input_grad(input, weight, bias, size, stride, padding, dilation, groups);
}

ct_tensor *ct__conv_transpose1d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints output_padding,
                                int64_t groups, ct_ints dilation)
{
    return conv_transposed(input, weight, bias, 1, stride, padding, output_padding, groups, dilation);
}

ct_tensor *ct__conv_transpose2d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints output_padding,
                                int64_t groups, ct_ints dilation)
{
    return conv_transposed(input, weight, bias, 2, stride, padding, output_padding, groups, dilation);
}

/* ---- Padding ---- */

ct_tensor *ct__constant_pad_nd(ct_tensor *self, ct_ints pad, ct_scalar value)
{
    int64_t sizes[CT_MAX_DIMS], pairs = pad.n / 2;
    if (pad.n % 2)
        return ct__fail(CT_ERR_RUNTIME, "Padding length must be divisible by 2");
    if (!ct__scalar_fits(ct_float_scalar(ct_scalar_double(value)), (ct_dtype)self->dtype)) /* PyTorch's pad takes a float */
        return NULL;
    if (pairs > self->ndim)
        return ct__fail(CT_ERR_RUNTIME, "Padding length should be less than or equal to two times the input dimension but got padding length "
                        "%lld and input of dimension %d", (long long)pad.n, self->ndim);
    memcpy(sizes, self->sizes, sizeof sizes);
    int64_t from = self->offset, length[CT_MAX_DIMS];
    memcpy(length, self->sizes, sizeof length);
    int64_t to = 0, shift[CT_MAX_DIMS] = {0};
    for (int64_t p = 0; p < pairs; p++) {
        int64_t d = self->ndim - 1 - p, before = pad.v[2 * p], after = pad.v[2 * p + 1];
        sizes[d] = self->sizes[d] + before + after;
        if (sizes[d] < 0)
            return ct__fail(CT_ERR_RUNTIME, "The input size %lld, plus negative padding %lld and %lld, resulted in a negative output size, which is "
                            "invalid. Check dimension %lld of your input.", (long long)self->sizes[d], (long long)before, (long long)after,
                            (long long)d);
        length[d] += (before < 0 ? before : 0) + (after < 0 ? after : 0);
        length[d] = length[d] < 0 ? 0 : length[d];
        from += before < 0 ? -before * self->strides[d] : 0;
        shift[d] = before > 0 ? before : 0;
    }
    ct_tensor *out = ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, sizes);
    if (!out || !out->data || out->numel == 0)
        return out;
    to = out->offset;
    for (int64_t d = 0; d < self->ndim; d++)
        to += shift[d] * out->strides[d];
    CT_AUTO ct_tensor *source = ct__new_view(self, from, self->ndim, length, self->strides);
    CT_AUTO ct_tensor *target = ct__new_view(out, to, self->ndim, length, out->strides);
    if (!ct__fill(out, value) || !source || !target || (source->numel && !ct__copy(target, source))) {
        ct_release(out);
        return NULL;
    }
    return out;
}

ct_tensor *ct__constant_pad_backward(ct_tensor *grad, ct_ints pad)
{
    int64_t back[2 * CT_MAX_DIMS];
    for (int64_t i = 0; i < pad.n; i++)
        back[i] = -pad.v[i];
    return ct_constant_pad_nd(grad, ((ct_ints){pad.n, back}));
}
