/* Define-by-run automatic differentiation: reverse mode, of any order where the ops' formulas allow it. */
#ifndef CTORCH_AUTOGRAD_H
#define CTORCH_AUTOGRAD_H

#include <ctorch/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Grad mode, of this thread ---- */
CT_API bool ct_grad_enabled(void);
CT_API bool ct_set_grad_enabled(bool enabled); /* returns what it was */
typedef struct ct_grad_guard {
    bool was, done;
} ct_grad_guard;
CT_API ct_grad_guard ct_grad_guard_begin(bool enabled);
CT_API void ct_grad_guard_end(ct_grad_guard *guard);
/* ct_no_grad { ... }: no graph is recorded in the statement that follows. */
#define ct_no_grad                                                                                         \
    for (ct_grad_guard ct__guard __attribute__((cleanup(ct_grad_guard_end))) = ct_grad_guard_begin(false); \
         !ct__guard.done; ct__guard.done = true)

/* ---- A tensor's place in the graph ---- */
CT_API bool ct_requires_grad(const ct_tensor *t);
CT_API bool ct_set_requires_grad(ct_tensor *t, bool requires_grad);
CT_API bool ct_is_leaf(const ct_tensor *t);
/* The accumulated gradient, or NULL. Belongs to t. */
CT_API ct_tensor *ct_grad(const ct_tensor *t);
CT_API bool ct_set_grad(ct_tensor *t, ct_tensor *grad);
CT_API bool ct_retain_grad(ct_tensor *t);
CT_API bool ct_retains_grad(const ct_tensor *t);
/* A tensor over the same memory outside of the graph, sharing the version counter (detach) or with a fresh
 * one (data). */
CT_API ct_tensor *ct_detach(const ct_tensor *t);
CT_API bool ct_detach_(ct_tensor *t);
CT_API ct_tensor *ct_data_tensor(const ct_tensor *t);
/* t.data = other: t takes over other's storage and geometry. */
CT_API bool ct_set_data(ct_tensor *t, ct_tensor *other);
/* The tensor that t is a view of, or NULL. */
CT_API ct_tensor *ct_base_of(const ct_tensor *t);

/* ---- Running backwards ---- */
typedef struct ct_backward_opts {
    ct_tensor *gradient; /* none: ones, for a one-element tensor */
    bool retain_graph, create_graph;
} ct_backward_opts;
/* Adds d(t)/d(leaf) to the grad of every leaf below t. */
CT_API bool ct_backward(ct_tensor *t, const ct_backward_opts *options);
#ifndef __cplusplus
#define ct_backward(t, ...) \
    CT_WITH(ct_backward_opts, (.gradient = NULL,), ct_backward(t, ct__options), __VA_ARGS__)
#endif
/* torch.autograd.backward / grad over several outputs. gradients.v may be NULL, as may its elements. With
 * inputs.n > 0 and results not NULL: results[i] = d(outputs)/d(inputs[i]), in the scope (NULL where unused
 * and allowed); nothing is accumulated. With results NULL: accumulates, into `inputs` only if there are any.
 */
typedef struct ct_backward_call {
    ct_tensors outputs, gradients, inputs;
    bool retain_graph, create_graph, allow_unused;
} ct_backward_call;
CT_API bool ct_run_backward(const ct_backward_call *call, ct_tensor **results);

/* ---- Hooks. A hook gets the gradient and returns a new one, or NULL to keep it. ---- */
typedef ct_tensor *ct_tensor_hook(ct_tensor *grad, void *data);
/* Returns an id for ct_remove_hook; 0 on failure. free_data is called when the hook goes. */
CT_API int64_t ct_register_hook(ct_tensor *t, ct_tensor_hook *hook, void *data, void (*free_data)(void *));
CT_API int64_t ct_register_post_accumulate_grad_hook(ct_tensor *t, ct_tensor_hook *hook, void *data,
                                                     void (*free_data)(void *));
CT_API void ct_remove_hook(ct_tensor *t, int64_t id);

/* ---- The graph itself ---- */
typedef struct ct_node ct_node;
/* What made t, or NULL for a leaf. Belongs to t. (For a leaf that requires grad, see ct_grad_accumulator.) */
CT_API ct_node *ct_grad_fn(const ct_tensor *t);
CT_API int64_t ct_output_nr(const ct_tensor *t);
/* The node that adds to a leaf's grad. Belongs to the scope, and keeps t alive. NULL on failure. */
CT_API ct_node *ct_grad_accumulator(ct_tensor *t);
CT_API const char *ct_node_name(const ct_node *n); /* "AddBackward0" */
/* "torch.autograd._functions.basic_ops.AddConstant" */
CT_API const char *ct_node_legacy_name(const ct_node *n);
CT_API int64_t ct_node_num_inputs(const ct_node *n); /* edges to what it was computed from */
/* NULL: no gradient flows there */
CT_API ct_node *ct_node_next(const ct_node *n, int64_t i, int64_t *output_nr);
CT_API ct_tensor *ct_node_variable(const ct_node *n); /* of an AccumulateGrad node; else NULL */
/* A node's data for a binding: one pointer, e.g. to its Python object; cleared by the node's end. */
CT_API void *ct_node_user(const ct_node *n);
CT_API void ct_node_set_user(ct_node *n, void *user);
/* Whether backward of a node that ran without retain_graph has dropped what it saved. */
CT_API bool ct_node_freed(const ct_node *n);

/* ---- Custom functions: forward is the caller's own code; backward is called with grad mode as the run asks.
 * ---- */
typedef struct ct_function {
    const char *name; /* copied: "MyFunctionBackward" */
    /* grad_outputs[i] may be NULL (no gradient arrived); fills grad_inputs[i] (owned by the scope) or leaves
     * NULL. */
    bool (*backward)(void *data, int64_t n_outputs, ct_tensor *const *grad_outputs, int64_t n_inputs,
                     ct_tensor **grad_inputs);
    void *data;
    void (*free_data)(void *data); /* at the node's end; may be NULL */
    void (*forget)(void *data);    /* after a run without retain_graph: drop what was saved; may be NULL */
} ct_function;
/* Makes `outputs` the outputs of a node over `inputs` (entries of both may be NULL; an output that is not
 * differentiable is left out as NULL). Outputs that are also inputs must have been changed in place. Outputs
 * must not already have history of their own (detach them first). The node belongs to the outputs and takes
 * f->data. NULL, and data stays the caller's: nothing to do (no input needs a gradient, grad mode is off, no
 * output takes one), or the error is set. */
CT_API ct_node *ct_function_attach(const ct_function *f, ct_tensors inputs, ct_tensors outputs);
/* Saved tensors with version checks, for custom functions: take them in forward (outputs after
 * ct_function_attach), unpack them in backward, with the function's node as owner: after its saved values
 * were freed, unpacking fails. A result belongs to the scope. */
typedef struct ct_saved ct_saved;
CT_API ct_saved *ct_saved_new(ct_tensor *t, bool is_output);
CT_API ct_tensor *ct_saved_unpack(ct_saved *s, ct_node *owner);
CT_API void ct_saved_free(ct_saved *s);

/* ---- Checks of gradients by finite differences (float64 inputs) ---- */
typedef struct ct_gradcheck_opts {
    double eps, atol, rtol;
} ct_gradcheck_opts;
typedef ct_tensor *ct_gradcheck_fn(ct_tensor *const *inputs, void *data);
/* Compares backward of fn with central differences for each input that requires grad. False with an error
 * that says where they differ. */
CT_API bool ct_gradcheck(ct_gradcheck_fn *fn, void *data, ct_tensors inputs,
                         const ct_gradcheck_opts *options);
/* The same for the gradient of the gradient. */
CT_API bool ct_gradgradcheck(ct_gradcheck_fn *fn, void *data, ct_tensors inputs,
                             const ct_gradcheck_opts *options);
#ifndef __cplusplus
#define CT__GRADCHECK_DEFAULTS (.eps = 1e-6, .atol = 1e-5, .rtol = 1e-3,)
#define ct_gradcheck(fn, data, inputs, ...)                                                         \
    CT_WITH(ct_gradcheck_opts, CT__GRADCHECK_DEFAULTS, ct_gradcheck(fn, data, inputs, ct__options), \
            __VA_ARGS__)
#define ct_gradgradcheck(fn, data, inputs, ...)                                                         \
    CT_WITH(ct_gradcheck_opts, CT__GRADCHECK_DEFAULTS, ct_gradgradcheck(fn, data, inputs, ct__options), \
            __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
