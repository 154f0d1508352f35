/* Gradients against central differences, element by element; for tests of ops and of users' functions. Slow
 * by nature. */
#include "autograd/graph.h"
#include <ctorch/ops.h>
#include <math.h>

static double *gradcheck_element(ct_tensor *t, int64_t i)
{
    int64_t at = 0;
    for (int d = t->ndim - 1; d >= 0; d--) {
        at += i % t->sizes[d] * t->strides[d];
        i /= t->sizes[d];
    }
    return (double *)t->data + at;
}

static ct_tensor *gradcheck_call(ct_gradcheck_fn *fn, void *data, ct_tensors inputs)
{
    ct_tensor *out = fn(inputs.v, data);
    if (out && out->dtype != CT_FLOAT64)
        return ct__fail(CT_ERR_VALUE, "gradcheck: the function's result must be float64, not %s",
                        ct_dtype_name((ct_dtype)out->dtype));
    return out;
}

/* column[k] = d out[k] / d input[j]; out's number of elements must stay what it was. */
static bool gradcheck_numerical(ct_gradcheck_fn *fn, void *data, ct_tensors inputs, ct_tensor *input,
                                int64_t j, double eps, int64_t count, double *column)
{
    double *x = gradcheck_element(input, j), was = *x;
    bool guard = ct_set_grad_enabled(true);
    for (int side = 0; side < 2 && !ct__pending(); side++) {
        CT_SCOPE();
        *x = was + (side ? -eps : eps);
        ct_tensor *out = gradcheck_call(fn, data, inputs);
        if (out && out->numel != count)
            ct__fail(CT_ERR_RUNTIME, "gradcheck: the function's result changes its shape with its input");
        for (int64_t k = 0; k < count && !ct__pending(); k++)
            column[k] = side ? (column[k] - ct_float_at(out, k)) / (2 * eps) : ct_float_at(out, k);
    }
    *x = was;
    ct_set_grad_enabled(guard);
    return !ct__pending();
}

static bool gradcheck_input(ct_gradcheck_fn *fn, void *data, ct_tensors inputs, int64_t index,
                            const ct_gradcheck_opts *o)
{
    CT_SCOPE();
    ct_tensor *input = inputs.v[index];
    ct_tensor *out = gradcheck_call(fn, data, inputs);
    if (!out)
        return false;
    if (!ct__wants_grad(out)) {
        ct__fail(CT_ERR_VALUE,
                 "gradcheck expects at least one input tensor that requires gradient to reach the result");
        return false;
    }
    int64_t rows = out->numel, columns = input->numel;
    size_t bytes = sizeof(double) * (size_t)(rows * columns + rows + 1);
    double *analytic = ct__alloc_zero(bytes), *column = analytic ? analytic + rows * columns : NULL;
    if (!analytic)
        return false;
    for (int64_t k = 0; k < rows && !ct__pending(); k++) {
        CT_SCOPE();
        ct_tensor *one = ct__new(CT_FLOAT64, (ct_device){CT_CPU, 0}, out->ndim, out->sizes), *grad = NULL;
        if (!one || !ct__fill(one, ct_int_scalar(0)))
            break;
        ct_adopt(one);
        ((double *)one->data)[k] = 1;
        ct_backward_call call = {.outputs = {1, &out},
                                 .gradients = {1, &one},
                                 .inputs = {1, &input},
                                 .retain_graph = true,
                                 .allow_unused = true};
        if (!ct_run_backward(&call, &grad))
            break;
        for (int64_t j = 0; grad && j < columns; j++)
            analytic[k * columns + j] = ct_float_at(grad, j);
    }
    for (int64_t j = 0; j < columns && !ct__pending(); j++) {
        if (!gradcheck_numerical(fn, data, inputs, input, j, o->eps, rows, column))
            break;
        for (int64_t k = 0; k < rows; k++) {
            double a = analytic[k * columns + j], n = column[k];
            if (!(fabs(a - n) <= o->atol + o->rtol * fabs(n)) && !(isnan(a) && isnan(n))) {
                ct__fail(CT_ERR_RUNTIME,
                         "Jacobian mismatch for output 0 with respect to input %lld: element %lld of the "
                         "output by element %lld of the input: numerical %.9g, analytical %.9g",
                         (long long)index, (long long)k, (long long)j, n, a);
                break;
            }
        }
    }
    ct__free(analytic, bytes);
    return !ct__pending();
}

bool(ct_gradcheck)(ct_gradcheck_fn *fn, void *data, ct_tensors inputs, const ct_gradcheck_opts *options)
{
    static const ct_gradcheck_opts defaults = {1e-6, 1e-5, 1e-3};
    if (ct__pending())
        return false;
    bool any = false, was = ct_set_grad_enabled(true);
    for (int64_t i = 0; i < inputs.n && !ct__pending(); i++) {
        ct_tensor *t = inputs.v[i];
        if (!t || !ct__wants_grad(t))
            continue;
        any = true;
        if (t->dtype != CT_FLOAT64)
            ct__fail(CT_ERR_VALUE, "gradcheck: input %lld requires gradient and must be float64, not %s",
                     (long long)i, ct_dtype_name((ct_dtype)t->dtype));
        else
            gradcheck_input(fn, data, inputs, i, options ? options : &defaults);
    }
    if (!any)
        ct__fail(CT_ERR_VALUE,
                 "gradcheck expects at least one input tensor to require gradient, but none of the them "
                 "have requires_grad=True.");
    ct_set_grad_enabled(was);
    return !ct__pending();
}

typedef struct gradcheck_second {
    ct_gradcheck_fn *fn;
    void *data;
    int64_t n;
} gradcheck_second;

/* The gradients of <fn(inputs), last input>, one after another. */
static ct_tensor *gradcheck_gradients(ct_tensor *const *inputs, void *data)
{
    gradcheck_second *s = data;
    ct_tensor *out = s->fn(inputs, s->data), *weight = inputs[s->n];
    size_t bytes = sizeof(ct_tensor *) * (size_t)(2 * s->n + 1);
    ct_tensor **wanted = out ? ct__alloc_zero(bytes) : NULL, **grads = wanted ? wanted + s->n : NULL,
              *result = NULL;
    if (!wanted)
        return NULL;
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (inputs[i] && ct__wants_grad(inputs[i]))
            wanted[n++] = inputs[i];
    ct_backward_call call = {.outputs = {1, &out},
                             .gradients = {1, &weight},
                             .inputs = {n, wanted},
                             .retain_graph = true,
                             .create_graph = true,
                             .allow_unused = true};
    if (ct_run_backward(&call, grads)) {
        for (int64_t i = 0; i < n; i++)
            grads[i] = ct_reshape(grads[i] ? grads[i] : ct_zeros_like(wanted[i]), CT_INTS(-1));
        result = ct_cat(((ct_tensors){n, grads}));
    }
    ct__free(wanted, bytes);
    return result;
}

bool(ct_gradgradcheck)(ct_gradcheck_fn *fn, void *data, ct_tensors inputs, const ct_gradcheck_opts *options)
{
    if (ct__pending())
        return false;
    CT_SCOPE();
    bool was = ct_set_grad_enabled(true);
    ct_tensor *out = gradcheck_call(fn, data, inputs), *weight = NULL, **all = NULL;
    size_t bytes = sizeof *all * (size_t)(inputs.n + 1);
    if (out && (all = ct__alloc(bytes)) &&
        (weight = ct__new(CT_FLOAT64, (ct_device){CT_CPU, 0}, out->ndim, out->sizes))) {
        ct_adopt(weight);
        uint64_t state = 0x9E3779B97F4A7C15ull; /* fixed weights in (-1, 1) */
        for (int64_t i = 0; i < weight->numel; i++) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            ((double *)weight->data)[i] = (double)(int64_t)(state >> 11) / (double)(1ll << 52) - 1;
        }
        weight->requires_grad = true;
        for (int64_t i = 0; i < inputs.n; i++)
            all[i] = inputs.v[i];
        all[inputs.n] = weight;
        gradcheck_second second = {fn, data, inputs.n};
        (ct_gradcheck)(gradcheck_gradients, &second, (ct_tensors){inputs.n + 1, all}, options);
    }
    if (all)
        ct__free(all, bytes);
    ct_set_grad_enabled(was);
    return !ct__pending();
}
