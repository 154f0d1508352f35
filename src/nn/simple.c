/* Layers without parameters: activations, dropout, shapes, functions, Sequential. */
#include "nn/nn.h"
#include <stdio.h>
#include <string.h>

typedef struct simple_layer {
    ct_module base;
    double number;
    int64_t dim;
    ct_tensor *(*fn)(ct_tensor *x);
} simple_layer;

#define SIMPLE_FORWARD(name, call) \
    static ct_tensor *simple_##name(ct_module *m, ct_tensor *x) { simple_layer *l = (simple_layer *)m; (void)l; return call; }
SIMPLE_FORWARD(relu, ct_relu(x))
SIMPLE_FORWARD(leaky_relu, ct_leaky_relu(x, .negative_slope = ct_num(l->number)))
SIMPLE_FORWARD(elu, ct_elu(x, .alpha = ct_num(l->number)))
SIMPLE_FORWARD(gelu, ct_gelu(x))
SIMPLE_FORWARD(silu, ct_silu(x))
SIMPLE_FORWARD(sigmoid, ct_sigmoid(x))
SIMPLE_FORWARD(tanh, ct_tanh(x))
SIMPLE_FORWARD(softplus, ct_softplus(x))
SIMPLE_FORWARD(softmax, ct_softmax(x, l->dim))
SIMPLE_FORWARD(log_softmax, ct_log_softmax(x, l->dim))
SIMPLE_FORWARD(flatten, ct_flatten(x, .start_dim = 1))
SIMPLE_FORWARD(identity, x)
SIMPLE_FORWARD(function, l->fn(x))
SIMPLE_FORWARD(dropout, ct_dropout(x, l->number, m->training))
SIMPLE_FORWARD(dropout2d, ct_feature_dropout(x, l->number, m->training))

static ct_module *simple_new(const char *type, ct_forward_fn *forward, double number, int64_t dim,
                             char *(*describe)(const ct_module *))
{
    simple_layer *l = (simple_layer *)ct_module_alloc(sizeof *l, type, forward);
    if (!l)
        return NULL;
    l->number = number;
    l->dim = dim;
    l->base.describe = describe;
    return &l->base;
}

static double simple_number(const ct_module *m) { return ((const simple_layer *)m)->number; }

/* A double as Python writes it: with a point. */
static const char *simple_text(double v, char *s, size_t n)
{
    snprintf(s, n, "%g", v);
    if (!strpbrk(s, ".en"))
        snprintf(s, n, "%g.0", v);
    return s;
}

static char *simple_describe_slope(const ct_module *m)
{
    char s[40];
    return ct__describe("negative_slope=%s", simple_text(simple_number(m), s, sizeof s));
}

static char *simple_describe_alpha(const ct_module *m)
{
    char s[40];
    return ct__describe("alpha=%s", simple_text(simple_number(m), s, sizeof s));
}

static char *simple_describe_p(const ct_module *m)
{
    char s[40];
    return ct__describe("p=%s, inplace=False", simple_text(simple_number(m), s, sizeof s));
}

static char *simple_describe_dim(const ct_module *m) { return ct__describe("dim=%lld", (long long)((const simple_layer *)m)->dim); }
static char *simple_describe_gelu(const ct_module *m) { return ct__describe("approximate='none'"); }
static char *simple_describe_softplus(const ct_module *m) { return ct__describe("beta=1.0, threshold=20.0"); }
static char *simple_describe_flatten(const ct_module *m) { return ct__describe("start_dim=1, end_dim=-1"); }

ct_module *ct_nn_relu(void) { return simple_new("ReLU", simple_relu, 0, 0, NULL); }
ct_module *ct_nn_leaky_relu(double slope) { return simple_new("LeakyReLU", simple_leaky_relu, slope, 0, simple_describe_slope); }
ct_module *ct_nn_elu(double alpha) { return simple_new("ELU", simple_elu, alpha, 0, simple_describe_alpha); }
ct_module *ct_nn_gelu(void) { return simple_new("GELU", simple_gelu, 0, 0, simple_describe_gelu); }
ct_module *ct_nn_silu(void) { return simple_new("SiLU", simple_silu, 0, 0, NULL); }
ct_module *ct_nn_sigmoid(void) { return simple_new("Sigmoid", simple_sigmoid, 0, 0, NULL); }
ct_module *ct_nn_tanh(void) { return simple_new("Tanh", simple_tanh, 0, 0, NULL); }
ct_module *ct_nn_softplus(void) { return simple_new("Softplus", simple_softplus, 0, 0, simple_describe_softplus); }
ct_module *ct_nn_softmax(int64_t dim) { return simple_new("Softmax", simple_softmax, 0, dim, simple_describe_dim); }
ct_module *ct_nn_log_softmax(int64_t dim) { return simple_new("LogSoftmax", simple_log_softmax, 0, dim, simple_describe_dim); }
ct_module *ct_nn_flatten(void) { return simple_new("Flatten", simple_flatten, 0, 0, simple_describe_flatten); }
ct_module *ct_nn_identity(void) { return simple_new("Identity", simple_identity, 0, 0, NULL); }

static ct_module *simple_dropout_new(const char *type, ct_forward_fn *forward, double p)
{
    if (!(p >= 0 && p <= 1)) {
        char s[40];
        return ct_fail(CT_ERR_VALUE, "dropout probability has to be between 0 and 1, but got %s", simple_text(p, s, sizeof s));
    }
    return simple_new(type, forward, p, 0, simple_describe_p);
}

ct_module *ct_nn_dropout(double p) { return simple_dropout_new("Dropout", simple_dropout, p); }
ct_module *ct_nn_dropout2d(double p) { return simple_dropout_new("Dropout2d", simple_dropout2d, p); }

ct_module *ct_nn_function(const char *type, ct_tensor *(*fn)(ct_tensor *x))
{
    ct_module *m = simple_new(type, simple_function, 0, 0, NULL);
    if (m)
        ((simple_layer *)m)->fn = fn;
    return m;
}

static ct_tensor *simple_sequential(ct_module *m, ct_tensor *x)
{
    for (int64_t i = 0; i < m->parts->children.n; i++)
        x = ct_call(m->parts->children.v[i].object, x);
    return x;
}

ct_module *ct_nn_sequential_of(int64_t n, ct_module *const *parts)
{
    ct_module *m = ct_module_alloc(sizeof *m, "Sequential", simple_sequential);
    for (int64_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)i);
        ct_child(m, name, parts[i]); /* takes the part over even where it fails */
    }
    if (m && ct_ok() && m->parts->children.n == n)
        return m;
    if (ct_ok())
        ct_fail(CT_ERR_TYPE, "NULL is not a Module subclass");
    ct_release(m);
    return NULL;
}
