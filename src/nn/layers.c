/* Layers with parameters and the other ones that need options. */
#include "nn/nn.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A failed constructor: the half-made module goes. */
static ct_module *layer_checked(void *module)
{
    if (ct_ok())
        return module;
    ct_release(module);
    return NULL;
}

/* An uninitialised parameter, registered. */
static ct_tensor *layer_parameter(void *module, const char *name, ct_ints shape, ct_dtype dtype)
{
    return ct_add_parameter(module, name, ct_empty(shape, .dtype = dtype));
}

static ct_tensor *layer_constant(void *module, const char *name, ct_ints shape, ct_dtype dtype, double value)
{
    ct_tensor *t = layer_parameter(module, name, shape, dtype);
    return t ? ct_init_constant_(t, value) : NULL;
}

/* Weight and bias as Linear and Conv begin: kaiming with a = sqrt(5), then U(1 / sqrt(fan_in)). */
static void layer_reset(ct_tensor *weight, ct_tensor *bias)
{
    if (!weight || !ct_ok())
        return;
    double root = sqrt(5.0), gain = sqrt(2.0 / (1 + root * root));
    ct_init_kaiming_uniform_(weight, gain, false);
    if (!bias)
        return;
    int64_t fan_in = ct_size(weight, 0) ? ct_numel(weight) / ct_size(weight, 0) : 0;
    double bound = fan_in > 0 ? 1 / sqrt((double)fan_in) : 0;
    ct_init_uniform_(bias, -bound, bound);
}

static bool layer_positive(int64_t n, const char *what)
{
    if (n <= 0)
        ct_fail(CT_ERR_VALUE, "%s must be positive, but is %lld", what, (long long)n);
    return n > 0;
}

/* ---- Linear ---- */

typedef struct linear_layer { ct_module base; ct_tensor *weight, *bias; int64_t in, out; } linear_layer;

static ct_tensor *linear_forward(ct_module *m, ct_tensor *x)
{
    linear_layer *l = (linear_layer *)m;
    return ct_linear(x, l->weight, .bias = l->bias);
}

static char *linear_describe(const ct_module *m)
{
    const linear_layer *l = (const linear_layer *)m;
    return ct__describe("in_features=%lld, out_features=%lld, bias=%s", (long long)l->in, (long long)l->out, l->bias ? "True" : "False");
}

ct_module *(ct_nn_linear)(int64_t in, int64_t out, const ct_linear_layer_opts *o)
{
    CT_SCOPE();
    linear_layer *l = (linear_layer *)ct_module_alloc(sizeof *l, "Linear", linear_forward);
    if (!l)
        return NULL;
    l->base.describe = linear_describe;
    l->in = in;
    l->out = out;
    l->weight = layer_parameter(l, "weight", CT_SHAPE(out, in), o->dtype);
    l->bias = o->bias ? layer_parameter(l, "bias", CT_SHAPE(out), o->dtype) : ct_add_parameter(l, "bias", NULL);
    layer_reset(l->weight, l->bias);
    return layer_checked(l);
}

/* ---- Convolutions ---- */

typedef struct conv_layer {
    ct_module base;
    ct_tensor *weight, *bias;
    int dims;
    int64_t in, out, groups, kernel[2], stride[2], padding[2], dilation[2];
} conv_layer;

static ct_tensor *conv_layer_forward(ct_module *m, ct_tensor *x)
{
    conv_layer *l = (conv_layer *)m;
    ct_ints stride = {l->dims, l->stride}, padding = {l->dims, l->padding}, dilation = {l->dims, l->dilation};
    if (l->dims == 1)
        return ct_conv1d(x, l->weight, .bias = l->bias, .stride = stride, .padding = padding, .dilation = dilation,
                         .groups = l->groups);
    return ct_conv2d(x, l->weight, .bias = l->bias, .stride = stride, .padding = padding, .dilation = dilation, .groups = l->groups);
}

/* "(3, 5)" or "(3,)" */
static void conv_layer_tuple(char *s, size_t n, const int64_t *v, int dims)
{
    if (dims == 1)
        snprintf(s, n, "(%lld,)", (long long)v[0]);
    else
        snprintf(s, n, "(%lld, %lld)", (long long)v[0], (long long)v[1]);
}

static char *conv_layer_describe(const ct_module *m)
{
    const conv_layer *l = (const conv_layer *)m;
    char kernel[64], stride[64], s[64], more[192] = "";
    conv_layer_tuple(kernel, sizeof kernel, l->kernel, l->dims);
    conv_layer_tuple(stride, sizeof stride, l->stride, l->dims);
    bool padded = false, dilated = false;
    for (int i = 0; i < l->dims; i++)
        padded = padded || l->padding[i] != 0, dilated = dilated || l->dilation[i] != 1;
    if (padded) {
        conv_layer_tuple(s, sizeof s, l->padding, l->dims);
        snprintf(more, sizeof more, ", padding=%s", s);
    }
    if (dilated) {
        conv_layer_tuple(s, sizeof s, l->dilation, l->dims);
        snprintf(more + strlen(more), sizeof more - strlen(more), ", dilation=%s", s);
    }
    if (l->groups != 1)
        snprintf(more + strlen(more), sizeof more - strlen(more), ", groups=%lld", (long long)l->groups);
    return ct__describe("%lld, %lld, kernel_size=%s, stride=%s%s%s", (long long)l->in, (long long)l->out, kernel, stride, more,
                        l->bias ? "" : ", bias=False");
}

static ct_module *conv_layer_new(const char *type, int dims, int64_t in, int64_t out, int64_t kernel, const ct_conv_layer_opts *o)
{
    if (!ct_ok() || !layer_positive(o->groups, "groups") || !layer_positive(in, "in_channels") || !layer_positive(out, "out_channels"))
        return NULL;
    if (in % o->groups)
        return ct_fail(CT_ERR_VALUE, "in_channels must be divisible by groups");
    if (out % o->groups)
        return ct_fail(CT_ERR_VALUE, "out_channels must be divisible by groups");
    CT_SCOPE();
    conv_layer *l = (conv_layer *)ct_module_alloc(sizeof *l, type, conv_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = conv_layer_describe;
    l->dims = dims;
    l->in = in;
    l->out = out;
    l->groups = o->groups;
    for (int i = 0; i < 2; i++) {
        l->kernel[i] = o->kernel_hw[0] ? o->kernel_hw[i] : kernel;
        l->stride[i] = o->stride_hw[0] ? o->stride_hw[i] : o->stride;
        l->padding[i] = o->has_padding_hw || o->padding_hw[0] || o->padding_hw[1] ? o->padding_hw[i] : o->padding;
        l->dilation[i] = o->dilation_hw[0] ? o->dilation_hw[i] : o->dilation;
    }
    ct_ints shape = dims == 1 ? CT_SHAPE(out, in / o->groups, l->kernel[0]) : CT_SHAPE(out, in / o->groups, l->kernel[0], l->kernel[1]);
    l->weight = layer_parameter(l, "weight", shape, o->dtype);
    l->bias = o->bias ? layer_parameter(l, "bias", CT_SHAPE(out), o->dtype) : ct_add_parameter(l, "bias", NULL);
    layer_reset(l->weight, l->bias);
    return layer_checked(l);
}

ct_module *(ct_nn_conv1d)(int64_t in, int64_t out, int64_t kernel, const ct_conv_layer_opts *options)
{
    return conv_layer_new("Conv1d", 1, in, out, kernel, options);
}

ct_module *(ct_nn_conv2d)(int64_t in, int64_t out, int64_t kernel, const ct_conv_layer_opts *options)
{
    return conv_layer_new("Conv2d", 2, in, out, kernel, options);
}

/* ---- Pooling ---- */

typedef struct pool_layer { ct_module base; int64_t kernel; ct_pool_layer_opts o; int64_t size[2]; } pool_layer;

static ct_tensor *pool_layer_forward(ct_module *m, ct_tensor *x)
{
    pool_layer *l = (pool_layer *)m;
    const ct_pool_layer_opts *o = &l->o;
    ct_ints k1 = CT_INTS(l->kernel), k2 = CT_INTS(l->kernel, l->kernel), s1 = CT_INTS(o->stride), s2 = CT_INTS(o->stride, o->stride),
            p1 = CT_INTS(o->padding), p2 = CT_INTS(o->padding, o->padding), d1 = CT_INTS(o->dilation),
            d2 = CT_INTS(o->dilation, o->dilation);
    bool one = l->base.type[strlen(l->base.type) - 2] == '1';
    if (l->base.type[0] == 'M')
        return one ? ct_max_pool1d(x, k1, .stride = s1, .padding = p1, .dilation = d1, .ceil_mode = o->ceil_mode)
                   : ct_max_pool2d(x, k2, .stride = s2, .padding = p2, .dilation = d2, .ceil_mode = o->ceil_mode);
    return one ? ct_avg_pool1d(x, k1, .stride = s1, .padding = p1, .ceil_mode = o->ceil_mode, .count_include_pad = o->count_include_pad)
               : ct_avg_pool2d(x, k2, .stride = s2, .padding = p2, .ceil_mode = o->ceil_mode, .count_include_pad = o->count_include_pad);
}

static char *pool_layer_describe(const ct_module *m)
{
    const pool_layer *l = (const pool_layer *)m;
    long long k = l->kernel, s = l->o.stride, p = l->o.padding;
    if (m->type[0] == 'M')
        return ct__describe("kernel_size=%lld, stride=%lld, padding=%lld, dilation=%lld, ceil_mode=%s", k, s, p,
                            (long long)l->o.dilation, l->o.ceil_mode ? "True" : "False");
    bool one = m->type[strlen(m->type) - 2] == '1';
    return ct__describe(one ? "kernel_size=(%lld,), stride=(%lld,), padding=(%lld,)" : "kernel_size=%lld, stride=%lld, padding=%lld",
                        k, s, p);
}

static ct_module *pool_layer_new(const char *type, int64_t kernel, const ct_pool_layer_opts *o)
{
    if (!ct_ok() || !layer_positive(kernel, "kernel_size"))
        return NULL;
    pool_layer *l = (pool_layer *)ct_module_alloc(sizeof *l, type, pool_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = pool_layer_describe;
    l->kernel = kernel;
    l->o = *o;
    if (!l->o.stride)
        l->o.stride = kernel;
    return &l->base;
}

ct_module *(ct_nn_max_pool1d)(int64_t kernel, const ct_pool_layer_opts *o) { return pool_layer_new("MaxPool1d", kernel, o); }
ct_module *(ct_nn_max_pool2d)(int64_t kernel, const ct_pool_layer_opts *o) { return pool_layer_new("MaxPool2d", kernel, o); }
ct_module *(ct_nn_avg_pool1d)(int64_t kernel, const ct_pool_layer_opts *o) { return pool_layer_new("AvgPool1d", kernel, o); }
ct_module *(ct_nn_avg_pool2d)(int64_t kernel, const ct_pool_layer_opts *o) { return pool_layer_new("AvgPool2d", kernel, o); }

static ct_tensor *adaptive_layer_forward(ct_module *m, ct_tensor *x)
{
    return ct_adaptive_avg_pool2d(x, (ct_ints){2, ((pool_layer *)m)->size});
}

static char *adaptive_layer_describe(const ct_module *m)
{
    const int64_t *s = ((const pool_layer *)m)->size;
    return ct__describe("output_size=(%lld, %lld)", (long long)s[0], (long long)s[1]);
}

ct_module *ct_nn_adaptive_avg_pool2d(int64_t height, int64_t width)
{
    pool_layer *l = (pool_layer *)ct_module_alloc(sizeof *l, "AdaptiveAvgPool2d", adaptive_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = adaptive_layer_describe;
    l->size[0] = height;
    l->size[1] = width;
    return &l->base;
}

/* ---- Normalization ---- */

typedef struct norm_layer {
    ct_module base;
    ct_tensor *weight, *bias, *mean, *var, *count;
    ct_norm_layer_opts o;
    int dims; /* of the input: 2 stands for 2 or 3; 0: layer norm */
    int64_t channels, nshape, shape[8];
} norm_layer;

static ct_tensor *batch_norm_layer_forward(ct_module *m, ct_tensor *x)
{
    norm_layer *l = (norm_layer *)m;
    int64_t n = x ? ct_ndim(x) : 0;
    if (x && l->dims == 4 && n != 4)
        return ct_fail(CT_ERR_VALUE, "expected 4D input (got %lldD input)", (long long)n);
    if (x && l->dims == 2 && n != 2 && n != 3)
        return ct_fail(CT_ERR_VALUE, "expected 2D or 3D input (got %lldD input)", (long long)n);
    if (m->training && x && n > 1) {
        int64_t values = ct_numel(x) / (ct_size(x, 1) ? ct_size(x, 1) : 1);
        if (values == 1)
            return ct_fail(CT_ERR_VALUE, "Expected more than 1 value per channel when training, got input size torch.Size([%lld, %lld%s])",
                           (long long)ct_size(x, 0), (long long)ct_size(x, 1), n == 2 ? "" : n == 3 ? ", 1" : ", 1, 1");
    }
    if (m->training && l->count)
        ct_no_grad ct_add_(l->count, 1);
    bool training = m->training || !l->mean;
    return ct_batch_norm(x, l->weight, l->bias, l->mean, l->var, training, l->o.momentum, l->o.eps);
}

static const char *norm_layer_eps(double eps, char *s, size_t n)
{
    snprintf(s, n, "%g", eps);
    return s;
}

static char *batch_norm_layer_describe(const ct_module *m)
{
    const norm_layer *l = (const norm_layer *)m;
    char eps[32];
    return ct__describe("%lld, eps=%s, momentum=%g, affine=%s, bias=%s, track_running_stats=%s", (long long)l->channels,
                        norm_layer_eps(l->o.eps, eps, sizeof eps), l->o.momentum, l->weight ? "True" : "False",
                        l->bias ? "True" : "False", l->mean ? "True" : "False");
}

static ct_module *batch_norm_layer_new(const char *type, int dims, int64_t channels, const ct_norm_layer_opts *o)
{
    if (!ct_ok() || !layer_positive(channels, "num_features"))
        return NULL;
    CT_SCOPE();
    norm_layer *l = (norm_layer *)ct_module_alloc(sizeof *l, type, batch_norm_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = batch_norm_layer_describe;
    l->o = *o;
    l->dims = dims;
    l->channels = channels;
    ct_ints shape = CT_SHAPE(channels);
    l->weight = o->affine ? layer_constant(l, "weight", shape, o->dtype, 1) : ct_add_parameter(l, "weight", NULL);
    l->bias = o->affine ? layer_constant(l, "bias", shape, o->dtype, 0) : ct_add_parameter(l, "bias", NULL);
    if (o->track_running_stats) {
        l->mean = ct_add_buffer(l, "running_mean", ct_zeros(shape, .dtype = o->dtype), true);
        l->var = ct_add_buffer(l, "running_var", ct_ones(shape, .dtype = o->dtype), true);
        l->count = ct_add_buffer(l, "num_batches_tracked", ct_zeros(CT_SHAPE(), .dtype = CT_INT64), true);
    }
    return layer_checked(l);
}

ct_module *(ct_nn_batch_norm1d)(int64_t channels, const ct_norm_layer_opts *o) { return batch_norm_layer_new("BatchNorm1d", 2, channels, o); }
ct_module *(ct_nn_batch_norm2d)(int64_t channels, const ct_norm_layer_opts *o) { return batch_norm_layer_new("BatchNorm2d", 4, channels, o); }

static ct_tensor *layer_norm_layer_forward(ct_module *m, ct_tensor *x)
{
    norm_layer *l = (norm_layer *)m;
    return ct_layer_norm(x, ((ct_ints){l->nshape, l->shape}), .weight = l->weight, .bias = l->bias, .eps = l->o.eps);
}

static char *layer_norm_layer_describe(const ct_module *m)
{
    const norm_layer *l = (const norm_layer *)m;
    char shape[160] = "", eps[32];
    for (int64_t i = 0; i < l->nshape; i++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%lld", i ? ", " : "", (long long)l->shape[i]);
    return ct__describe("(%s%s), eps=%s, elementwise_affine=%s, bias=%s", shape, l->nshape == 1 ? "," : "",
                        norm_layer_eps(l->o.eps, eps, sizeof eps), l->weight ? "True" : "False", l->bias ? "True" : "False");
}

ct_module *(ct_nn_layer_norm)(ct_ints shape, const ct_norm_layer_opts *o)
{
    if (!ct_ok())
        return NULL;
    if (shape.n < 1 || shape.n > 8)
        return ct_fail(CT_ERR_VALUE, "layer_norm: the shape must have 1 to 8 dimensions, but has %lld", (long long)shape.n);
    CT_SCOPE();
    norm_layer *l = (norm_layer *)ct_module_alloc(sizeof *l, "LayerNorm", layer_norm_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = layer_norm_layer_describe;
    l->o = *o;
    l->nshape = shape.n;
    memcpy(l->shape, shape.v, sizeof *shape.v * (size_t)shape.n);
    l->weight = o->affine ? layer_constant(l, "weight", shape, o->dtype, 1) : ct_add_parameter(l, "weight", NULL);
    l->bias = o->affine ? layer_constant(l, "bias", shape, o->dtype, 0) : ct_add_parameter(l, "bias", NULL);
    return layer_checked(l);
}

/* ---- Embedding ---- */

typedef struct embedding_layer { ct_module base; ct_tensor *weight; int64_t rows, dim, padding_idx; } embedding_layer;

static ct_tensor *embedding_layer_forward(ct_module *m, ct_tensor *x)
{
    embedding_layer *l = (embedding_layer *)m;
    return ct_embedding(l->weight, x, .padding_idx = l->padding_idx);
}

static char *embedding_layer_describe(const ct_module *m)
{
    const embedding_layer *l = (const embedding_layer *)m;
    if (l->padding_idx < 0)
        return ct__describe("%lld, %lld", (long long)l->rows, (long long)l->dim);
    return ct__describe("%lld, %lld, padding_idx=%lld", (long long)l->rows, (long long)l->dim, (long long)l->padding_idx);
}

ct_module *(ct_nn_embedding)(int64_t rows, int64_t dim, const ct_embedding_layer_opts *o)
{
    if (!ct_ok())
        return NULL;
    if (o->padding_idx >= rows)
        return ct_fail(CT_ERR_ASSERTION, "Padding_idx must be within num_embeddings");
    CT_SCOPE();
    embedding_layer *l = (embedding_layer *)ct_module_alloc(sizeof *l, "Embedding", embedding_layer_forward);
    if (!l)
        return NULL;
    l->base.describe = embedding_layer_describe;
    l->rows = rows;
    l->dim = dim;
    l->padding_idx = o->padding_idx;
    l->weight = layer_parameter(l, "weight", CT_SHAPE(rows, dim), o->dtype);
    if (l->weight) {
        ct_init_normal_(l->weight, 0, 1);
        if (o->padding_idx >= 0)
            ct_no_grad ct_zero_(ct_select(l->weight, 0, o->padding_idx));
    }
    return layer_checked(l);
}
