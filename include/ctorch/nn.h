/* Modules: layers with parameters, put together to networks. Names, initialisation and printing are PyTorch's.
 *
 * A network of one's own is a struct that begins with a ct_module:
 *     typedef struct { ct_module base; ct_module *fc1, *fc2; } Net;
 *     static ct_tensor *net_forward(ct_module *self, ct_tensor *x)
 *     { Net *net = (Net *)self; return ct_call(net->fc2, ct_relu(ct_call(net->fc1, x))); }
 *     Net *net = ct_module_new(Net, net_forward);
 *     net->fc1 = ct_child(net, "fc1", ct_nn_linear(4, 8));
 * A module belongs to the caller of its constructor (ct_release, ct_free_all); ct_child hands it to its parent. */
#ifndef CTORCH_NN_H
#define CTORCH_NN_H

#include <ctorch/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Modules ---- */

typedef struct ct_module ct_module;
typedef ct_tensor *ct_forward_fn(ct_module *self, ct_tensor *x);
typedef struct ct__module_parts ct__module_parts;
struct ct_module {
    ct_object object;
    const char *type;      /* "Linear" */
    ct_forward_fn *forward;
    bool training;
    ct__module_parts *parts;
    char *(*describe)(const ct_module *self); /* the text in the brackets, for ct_free_string; may be NULL */
};
/* A zeroed struct of `bytes` that begins with a ct_module. */
CT_API ct_module *ct_module_alloc(size_t bytes, const char *type, ct_forward_fn *forward);
#define ct_module_new(Type, forward) ((Type *)ct_module_alloc(sizeof(Type), #Type, forward))
/* forward(x); belongs to the scope. */
CT_API ct_tensor *ct_call(ct_module *module, ct_tensor *x);

/* Adds a child, which it takes over, under a name; returns it. NULL children are passed on as errors. */
CT_API ct_module *ct_child(void *module, const char *name, ct_module *child);
/* Adds a parameter (retained, made to require a gradient) or a buffer; t NULL registers the name without a tensor. */
CT_API ct_tensor *ct_add_parameter(void *module, const char *name, ct_tensor *t);
CT_API ct_tensor *ct_add_buffer(void *module, const char *name, ct_tensor *t, bool persistent);
/* By dotted name; NULL without an error where there is none. */
CT_API ct_module *ct_get_child(void *module, const char *name);
CT_API ct_tensor *ct_get_parameter(void *module, const char *name);
CT_API ct_tensor *ct_get_buffer(void *module, const char *name);

/* All parameters, a shared one once; the array belongs to the scope, the tensors to the module. */
CT_API ct_tensors ct_parameters(void *module);
/* The state dict: parameters, then persistent buffers, module by module. The array and names belong to the scope. */
typedef struct ct_named { const char *name; ct_tensor *tensor; bool is_buffer; } ct_named;
typedef struct ct_named_list { int64_t n; const ct_named *v; } ct_named_list;
CT_API ct_named_list ct_state(void *module);
/* Sets training mode, of the descendants too. */
CT_API void ct_train(void *module);
CT_API void ct_eval(void *module);
CT_API bool ct_requires_grad_all(void *module, bool requires_grad);
/* Converts floating point parameters and buffers in place. */
CT_API bool ct_module_to(void *module, ct_dtype dtype);
/* Writes the state dict to a file that torch.load reads; reads one that torch.save wrote. Loading is strict: missing and
 * unexpected keys and other shapes are one error that names them all, in PyTorch's words; nothing is then changed. */
CT_API bool ct_save_state(void *module, const char *path);
CT_API bool ct_load_state(void *module, const char *path);

/* ---- Layers. Sizes by position, the rest as options; .dtype of the parameters (the default dtype unless given). ---- */

typedef struct ct_linear_layer_opts { bool bias; ct_dtype dtype; } ct_linear_layer_opts;
/* x (..., in) -> (..., out) */
CT_API ct_module *ct_nn_linear(int64_t in, int64_t out, const ct_linear_layer_opts *options);
/* For kernels and steps that are not square: kernel_hw, stride_hw, ... = {height, width}, which come before the numbers. */
typedef struct ct_conv_layer_opts {
    int64_t stride, padding, dilation, groups;
    int64_t kernel_hw[2], stride_hw[2], padding_hw[2], dilation_hw[2];
    bool bias, has_padding_hw;
    ct_dtype dtype;
} ct_conv_layer_opts;
/* x (N, in, L) or (N, in, H, W) */
CT_API ct_module *ct_nn_conv1d(int64_t in, int64_t out, int64_t kernel, const ct_conv_layer_opts *options);
CT_API ct_module *ct_nn_conv2d(int64_t in, int64_t out, int64_t kernel, const ct_conv_layer_opts *options);
typedef struct ct_pool_layer_opts {
    int64_t stride;        /* 0: the kernel */
    int64_t padding, dilation;
    bool ceil_mode, count_include_pad;
} ct_pool_layer_opts;
CT_API ct_module *ct_nn_max_pool1d(int64_t kernel, const ct_pool_layer_opts *options);
CT_API ct_module *ct_nn_max_pool2d(int64_t kernel, const ct_pool_layer_opts *options);
CT_API ct_module *ct_nn_avg_pool1d(int64_t kernel, const ct_pool_layer_opts *options);
CT_API ct_module *ct_nn_avg_pool2d(int64_t kernel, const ct_pool_layer_opts *options);
CT_API ct_module *ct_nn_adaptive_avg_pool2d(int64_t height, int64_t width);
typedef struct ct_norm_layer_opts { double eps, momentum; bool affine, track_running_stats; ct_dtype dtype; } ct_norm_layer_opts;
/* (N, C) or (N, C, L); (N, C, H, W) */
CT_API ct_module *ct_nn_batch_norm1d(int64_t channels, const ct_norm_layer_opts *options);
CT_API ct_module *ct_nn_batch_norm2d(int64_t channels, const ct_norm_layer_opts *options);
/* Over the last shape.n dimensions. */
CT_API ct_module *ct_nn_layer_norm(ct_ints shape, const ct_norm_layer_opts *options);
CT_API ct_module *ct_nn_dropout(double p);
CT_API ct_module *ct_nn_dropout2d(double p);
typedef struct ct_embedding_layer_opts { int64_t padding_idx; ct_dtype dtype; } ct_embedding_layer_opts;
/* Indices (...) int64 -> (..., dim) */
CT_API ct_module *ct_nn_embedding(int64_t rows, int64_t dim, const ct_embedding_layer_opts *options);
CT_API ct_module *ct_nn_relu(void);
CT_API ct_module *ct_nn_leaky_relu(double negative_slope);
CT_API ct_module *ct_nn_elu(double alpha);
CT_API ct_module *ct_nn_gelu(void);
CT_API ct_module *ct_nn_silu(void);
CT_API ct_module *ct_nn_sigmoid(void);
CT_API ct_module *ct_nn_tanh(void);
CT_API ct_module *ct_nn_softplus(void);
CT_API ct_module *ct_nn_softmax(int64_t dim);
CT_API ct_module *ct_nn_log_softmax(int64_t dim);
CT_API ct_module *ct_nn_flatten(void); /* all but the first dimension */
CT_API ct_module *ct_nn_identity(void);
/* A module that calls fn(x), e.g. ct_nn_function("Swish", swish). */
CT_API ct_module *ct_nn_function(const char *type, ct_tensor *(*fn)(ct_tensor *x));
/* One after the other; takes the parts over. */
CT_API ct_module *ct_nn_sequential_of(int64_t n, ct_module *const *parts);
#define ct_nn_sequential(...) \
    ct_nn_sequential_of((int64_t)(sizeof((ct_module *[]){__VA_ARGS__}) / sizeof(ct_module *)), (ct_module *[]){__VA_ARGS__})
#ifndef __cplusplus
#define CT__CONV_LAYER_DEFAULTS (.stride = 1, .dilation = 1, .groups = 1, .bias = true,)
#define CT__POOL_LAYER_DEFAULTS (.dilation = 1, .count_include_pad = true,)
#define CT__NORM_LAYER_DEFAULTS (.eps = 1e-5, .momentum = 0.1, .affine = true, .track_running_stats = true,)
#define ct_nn_linear(in, out, ...) \
    CT_WITH(ct_linear_layer_opts, (.bias = true,), ct_nn_linear(in, out, ct__options), __VA_ARGS__)
#define ct_nn_conv1d(in, out, kernel, ...) \
    CT_WITH(ct_conv_layer_opts, CT__CONV_LAYER_DEFAULTS, ct_nn_conv1d(in, out, kernel, ct__options), __VA_ARGS__)
#define ct_nn_conv2d(in, out, kernel, ...) \
    CT_WITH(ct_conv_layer_opts, CT__CONV_LAYER_DEFAULTS, ct_nn_conv2d(in, out, kernel, ct__options), __VA_ARGS__)
#define ct_nn_max_pool1d(kernel, ...) \
    CT_WITH(ct_pool_layer_opts, CT__POOL_LAYER_DEFAULTS, ct_nn_max_pool1d(kernel, ct__options), __VA_ARGS__)
#define ct_nn_max_pool2d(kernel, ...) \
    CT_WITH(ct_pool_layer_opts, CT__POOL_LAYER_DEFAULTS, ct_nn_max_pool2d(kernel, ct__options), __VA_ARGS__)
#define ct_nn_avg_pool1d(kernel, ...) \
    CT_WITH(ct_pool_layer_opts, CT__POOL_LAYER_DEFAULTS, ct_nn_avg_pool1d(kernel, ct__options), __VA_ARGS__)
#define ct_nn_avg_pool2d(kernel, ...) \
    CT_WITH(ct_pool_layer_opts, CT__POOL_LAYER_DEFAULTS, ct_nn_avg_pool2d(kernel, ct__options), __VA_ARGS__)
#define ct_nn_batch_norm1d(channels, ...) \
    CT_WITH(ct_norm_layer_opts, CT__NORM_LAYER_DEFAULTS, ct_nn_batch_norm1d(channels, ct__options), __VA_ARGS__)
#define ct_nn_batch_norm2d(channels, ...) \
    CT_WITH(ct_norm_layer_opts, CT__NORM_LAYER_DEFAULTS, ct_nn_batch_norm2d(channels, ct__options), __VA_ARGS__)
#define ct_nn_layer_norm(shape, ...) \
    CT_WITH(ct_norm_layer_opts, CT__NORM_LAYER_DEFAULTS, ct_nn_layer_norm(shape, ct__options), __VA_ARGS__)
#define ct_nn_embedding(rows, dim, ...) \
    CT_WITH(ct_embedding_layer_opts, (.padding_idx = -1,), ct_nn_embedding(rows, dim, ct__options), __VA_ARGS__)
#endif

/* ---- Losses are ops (ct_mse_loss, ct_nll_loss, ...); torch.nn.functional's name for one that has another. ---- */

#define ct_cross_entropy(...) ct_cross_entropy_loss(__VA_ARGS__) /* see <ctorch/ops.h> */

/* ---- torch.nn.init: fills t in place; t itself. ---- */

CT_API ct_tensor *ct_init_uniform_(ct_tensor *t, double from, double to);
CT_API ct_tensor *ct_init_normal_(ct_tensor *t, double mean, double std);
CT_API ct_tensor *ct_init_constant_(ct_tensor *t, double value);
CT_API ct_tensor *ct_init_xavier_uniform_(ct_tensor *t, double gain);
CT_API ct_tensor *ct_init_xavier_normal_(ct_tensor *t, double gain);
/* gain / sqrt(fan) is the standard deviation; relu's gain is sqrt(2), leaky_relu's sqrt(2 / (1 + a^2)). */
CT_API ct_tensor *ct_init_kaiming_uniform_(ct_tensor *t, double gain, bool fan_out);
CT_API ct_tensor *ct_init_kaiming_normal_(ct_tensor *t, double gain, bool fan_out);

#ifdef __cplusplus
}
#endif
#endif
