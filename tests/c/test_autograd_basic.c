/* Chains, diamonds, accumulation, errors, grad(), hooks, saved tensors, long chains, custom functions,
 * gradcheck. */
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include "base/base.h"
#include "check.h"

static ct_tensor *leaf(int64_t n, const double *v)
{
    ct_tensor *t = ct_tensor_from_doubles(v, CT_SHAPE(n), CT_FLOAT32);
    ct_set_requires_grad(t, true);
    return t;
}
#define LEAF(...) leaf(sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

static void test_chain(void)
{
    CT_SCOPE();
    ct_tensor *a = LEAF(1, 2, 3), *b = LEAF(4, 5, 6);
    CHECK(ct_backward(ct_sum(ct_mul(a, b))));
    CHECK_VALUES(ct_grad(a), 4, 5, 6);
    CHECK_VALUES(ct_grad(b), 1, 2, 3);
    CHECK(ct_backward(ct_sum(ct_mul(a, a)))); /* accumulates; the same input twice */
    CHECK_VALUES(ct_grad(a), 6, 9, 12);
    ct_set_grad(a, NULL);
    ct_tensor *c = ct_mul(a, 2), *d = ct_add(ct_mul(c, c), ct_exp(ct_mul(c, 0.0)));
    ct_tensor *e = ct_add(d, c);
    CHECK(ct_backward(ct_sum(ct_mul(e, d)))); /* d = 4a^2 + 1, e = d + 2a: 2 d d' + 2 d + 2 a d' */
    CHECK_VALUES(ct_grad(a), 2 * 5 * 8 + 2 * 5 + 2 * 8, 2 * 17 * 16 + 2 * 17 + 4 * 16,
                 2 * 37 * 24 + 2 * 37 + 6 * 24);
    CHECK(!ct_is_leaf(e) && ct_is_leaf(a) && ct_requires_grad(e));
    CHECK(!strcmp(ct_node_name(ct_grad_fn(e)), "AddBackward0"));
    CHECK(ct_node_variable(ct_grad_accumulator(a)) == a);
    CHECK(ct_grad_accumulator(a) == ct_grad_accumulator(a));
    ct_no_grad
    {
        CHECK(!ct_requires_grad(ct_mul(a, a)));
        CHECK(!ct_grad_enabled());
    }
    CHECK(ct_grad_enabled());
}

static void test_broadcast(void)
{
    CT_SCOPE();
    ct_tensor *a = ct_tensor_from_doubles((double[]){1, 2, 3, 4, 5, 6}, CT_SHAPE(2, 3), CT_FLOAT32),
              *b = LEAF(1, 2, 3);
    ct_set_requires_grad(a, true);
    ct_tensor *c = ct_tensor_from_doubles((double[]){10, 20}, CT_SHAPE(2, 1), CT_FLOAT64),
              *s = ct_tensor_from_doubles((double[]){2}, CT_SHAPE(), CT_FLOAT32);
    ct_set_requires_grad(c, true);
    ct_set_requires_grad(s, true);
    ct_tensor *y = ct_mul(ct_add(a, b), ct_mul(c, s));
    CHECK(ct_dtype_of(y) == CT_FLOAT64);
    CHECK(ct_backward(ct_sum(y)));
    CHECK_VALUES(ct_grad(a), 20, 20, 20, 40, 40, 40);
    CHECK_VALUES(ct_grad(b), 60, 60, 60);
    CHECK_VALUES(ct_grad(c), 24, 42);
    CHECK_VALUES(ct_grad(s), 12 * 10 + 21 * 20);
    CHECK(ct_dtype_of(ct_grad(a)) == CT_FLOAT32 && ct_dtype_of(ct_grad(c)) == CT_FLOAT64);
    CHECK(ct_ndim(ct_grad(s)) == 0 && ct_size(ct_grad(c), 1) == 1);
}

static void test_errors(void)
{
    CT_SCOPE();
    ct_tensor *a = LEAF(1, 2), *plain = ct_ones(CT_SHAPE(2));
    CHECK(!ct_backward(ct_mul(a, a)));
    CHECK_ERROR("grad can be implicitly created only for scalar outputs");
    CHECK(!ct_backward(ct_sum(plain)));
    CHECK_ERROR("element 0 of tensors does not require grad and does not have a grad_fn");
    CHECK(!ct_backward(ct_mul(a, a), .gradient = ct_ones(CT_SHAPE(3))));
    CHECK_ERROR("Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape "
                "of torch.Size([2]).");
    ct_tensor *y = ct_sum(ct_mul(a, a));
    CHECK(ct_backward(y) && !ct_backward(y));
    CHECK_ERROR("Trying to backward through the graph a second time");
    y = ct_sum(ct_mul(a, a));
    CHECK(ct_backward(y, .retain_graph = true) && ct_backward(y));
    ct_tensor *b = ct_exp(a);
    ct_add_(b, 1);
    CHECK(!ct_backward(ct_sum(b)));
    CHECK_ERROR("one of the variables needed for gradient computation has been modified by an inplace "
                "operation: [torch.FloatTensor [2]], "
                "which is output 0 of Exp, is at version 1; expected version 0 instead. Hint: enable anomaly "
                "detection to find the "
                "operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, "
                "check_nan=False).");
    b = ct_mul(a, 2);
    ct_tensor *c = ct_mul(b, b);
    ct_add_(b, 1);
    CHECK(!ct_backward(ct_sum(c)));
    CHECK_ERROR("one of the variables needed for gradient computation has been modified by an inplace "
                "operation: [torch.FloatTensor [2]], "
                "which is output 0 of Add, is at version 1; expected version 0 instead.");
    ct_tensor *w = ct_ones(CT_SHAPE(2));
    c = ct_mul(w, a);
    ct_add_(w, 1);
    CHECK(!ct_backward(ct_sum(c)));
    CHECK_ERROR("one of the variables needed for gradient computation has been modified by an inplace "
                "operation: [torch.FloatTensor [2]] "
                "is at version 1; expected version 0 instead.");
    ct_add_(a, 1);
    CHECK_ERROR("a leaf Variable that requires grad is being used in an in-place operation.");
    ct_add_(ct_select(a, 0, 0), 1);
    CHECK_ERROR("a view of a leaf Variable that requires grad is being used in an in-place operation.");
    CHECK(!ct_set_requires_grad(ct_mul(a, a), false));
    CHECK_ERROR("you can only change requires_grad flags of leaf variables.");
    CHECK(!ct_set_requires_grad(ct_ones(CT_SHAPE(2), .dtype = CT_INT64), true));
    CHECK_ERROR("only Tensors of floating point dtype can require gradients");
    ct_add_out(ct_ones(CT_SHAPE(2)), a, 1);
    CHECK_ERROR("add(): functions with out=... arguments don't support automatic differentiation");
    CHECK(!ct_set_grad(a, ct_ones(CT_SHAPE(3))));
    CHECK_ERROR("attempting to assign a gradient of size '[3]' to a tensor of size '[2]'");
    CHECK(!ct_register_hook(plain, NULL, NULL, NULL) && ct_ok());
    CHECK(!ct_retain_grad(plain));
    CHECK_ERROR("can't retain_grad on Tensor that has requires_grad=False");
    CHECK(!ct_detach_(ct_select(ct_clone(a), 0, 0)));
    CHECK_ERROR("Can't detach views in-place.");
    CHECK(!ct_set_data(a, ct_ones(CT_SHAPE(2), .dtype = CT_INT64)));
    CHECK_ERROR("data set to a tensor that requires gradients must be floating point or complex dtype");
    ct_tensor *v;
    ct_no_grad v = ct_select(a, 0, 0);
    ct_add_(v, 1);
    CHECK_ERROR("A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
                "Given that");
    ct_tensor *g = ct_clone(a);
    ct_no_grad v = ct_select(g, 0, 0);
    ct_mul_(g, 2);
    CHECK(!ct_grad_fn(v));
    CHECK_ERROR("A view was created in no_grad mode and its base or another view of its base has been "
                "modified inplace with grad mode");
    ct_add_(ct_expand(ct_clone(LEAF(1)), CT_INTS(3)), 1);
    CHECK_ERROR("unsupported operation: more than one element of the written-to tensor refers to a single "
                "memory location.");
}

static bool grad_of(ct_tensor *y, ct_tensor *x, ct_tensor **g, bool create)
{
    ct_backward_call call = {
        .outputs = {1, &y}, .inputs = {1, &x}, .create_graph = create, .retain_graph = create};
    return ct_run_backward(&call, g);
}

static void test_grad(void)
{
    CT_SCOPE();
    ct_tensor *a = LEAF(1, 2), *b = LEAF(3, 4), *m = ct_mul(a, b), *y = ct_sum(ct_mul(m, a)), *g[3];
    ct_backward_call call = {.outputs = {1, &y}, .inputs = CT_TENSORS(m, b, a)};
    CHECK(ct_run_backward(&call, g));
    CHECK_VALUES(g[0], 1, 2);
    CHECK_VALUES(g[1], 1, 4);
    CHECK_VALUES(g[2], 6, 16);
    CHECK(!ct_grad(a) && !ct_grad(b) && !ct_requires_grad(g[0]));
    ct_tensor *unused = LEAF(1), *z = ct_sum(ct_mul(a, a));
    CHECK(!grad_of(z, unused, g, false));
    CHECK_ERROR("The differentiated Tensor at index 0 appears to not have been used in the graph. Set "
                "allow_unused=True if this is the "
                "desired behavior.");
    CHECK(!grad_of(ct_sum(ct_mul(a, a)), ct_ones(CT_SHAPE(2)), g, false));
    CHECK_ERROR("One of the differentiated Tensors does not require grad");
    z = ct_sum(ct_mul(a, a));
    call = (ct_backward_call){.outputs = {1, &z}, .inputs = CT_TENSORS(unused, a), .allow_unused = true};
    CHECK(ct_run_backward(&call, g) && !g[0]);
    CHECK_VALUES(g[1], 2, 4);
    /* of itself */
    ct_tensor *s = ct_sum(a);
    CHECK(grad_of(s, s, g, false));
    CHECK_VALUES(g[0], 1);
    /* backward(inputs=...) */
    m = ct_mul(a, b);
    y = ct_sum(ct_mul(m, m));
    call = (ct_backward_call){.outputs = {1, &y}, .inputs = CT_TENSORS(m, b)};
    CHECK(ct_run_backward(&call, NULL));
    CHECK(!ct_grad(a));
    CHECK_VALUES(ct_grad(m), 6, 16);
    CHECK_VALUES(ct_grad(b), 6, 32);
    /* several outputs, gradients of some */
    ct_tensor *p = ct_mul(a, 3), *q = ct_sum(ct_mul(p, p)), *ones = ct_ones(CT_SHAPE(2));
    call = (ct_backward_call){
        .outputs = CT_TENSORS(q, p), .gradients = CT_TENSORS(NULL, ones), .inputs = CT_TENSORS(a)};
    CHECK(ct_run_backward(&call, g));
    CHECK_VALUES(g[0], 21, 39);
}

static void test_double(void)
{
    CT_SCOPE();
    ct_tensor *x = LEAF(2, 3), *g, *h, *k;
    ct_tensor *y = ct_sum(ct_mul(ct_mul(x, x), x));
    CHECK(grad_of(y, x, &g, true));
    CHECK_VALUES(g, 12, 27);
    CHECK(ct_requires_grad(g));
    CHECK(grad_of(ct_sum(g), x, &h, true));
    CHECK_VALUES(h, 12, 18);
    CHECK(grad_of(ct_sum(h), x, &k, false));
    CHECK_VALUES(k, 6, 6);
    y = ct_sum(ct_exp(ct_mul(x, 2)));
    CHECK(grad_of(y, x, &g, true) && grad_of(ct_sum(g), x, &h, false));
    CHECK_VALUES(h, 4 * exp(4), 4 * exp(6));
    /* a penalty on the gradient, in place ops among it */
    ct_tensor *t = ct_clone(x);
    ct_mul_(t, x);
    ct_mul_(ct_select(t, 0, 0), 3);
    y = ct_sum(ct_mul(t, t)); /* 9 x0^4 + x1^4 */
    CHECK(grad_of(y, x, &g, true));
    CHECK_VALUES(g, 36 * 8, 4 * 27);
    CHECK(ct_backward(ct_sum(ct_mul(g, g))));
    CHECK_VALUES(ct_grad(x), 2 * 288 * 108 * 4, 2 * 108 * 12 * 9.0);
    /* accumulated with a graph */
    ct_tensor *u = LEAF(2);
    CHECK(ct_backward(ct_sum(ct_mul(u, ct_mul(u, u))), .create_graph = true));
    CHECK(ct_requires_grad(ct_grad(u)));
    CHECK(grad_of(ct_sum(ct_grad(u)), u, &g, false));
    CHECK_VALUES(g, 12);
    ct_set_grad(u, NULL);
}

/* ---- Hooks ---- */

static int hook_order[32], hook_calls, hook_freed;
static ct_tensor *hook_note(ct_tensor *grad, void *data)
{
    hook_order[hook_calls++] = (int)(intptr_t)data;
    return NULL;
}
static ct_tensor *hook_double(ct_tensor *grad, void *data) { return ct_mul(grad, 2); }
static ct_tensor *hook_shape(ct_tensor *grad, void *data) { return ct_ones(CT_SHAPE(7)); }
static ct_tensor *hook_fail(ct_tensor *grad, void *data)
{
    return ct_fail(CT_ERR_VALUE, "the hook's own error");
}
static void hook_free(void *data) { hook_freed++; }
static ct_tensor *hook_nested(ct_tensor *grad, void *data)
{
    ct_tensor *other = data; /* a whole backward, through the same leaf, in the middle of another */
    CHECK(ct_backward(ct_sum(ct_mul(other, other)), .retain_graph = true) == false);
    ct_error_clear();
    ct_grad_guard guard = ct_grad_guard_begin(true);
    CHECK(ct_backward(ct_sum(ct_mul(other, other))));
    ct_grad_guard_end(&guard);
    return NULL;
}
static ct_tensor *hook_same_graph(ct_tensor *grad, void *data)
{
    if (hook_calls++ < 2)
        CHECK(ct_backward(data, .retain_graph = true));
    return NULL;
}

static void test_hooks(void)
{
    {
        CT_SCOPE();
        ct_tensor *a = LEAF(1, 2), *m = ct_mul(a, 3);
        int64_t id = ct_register_hook(m, hook_double, a, hook_free);
        CHECK(id != 0 && ct_retain_grad(m) && ct_retains_grad(m) && !ct_retains_grad(a));
        CHECK(ct_backward(ct_sum(m), .retain_graph = true));
        CHECK_VALUES(ct_grad(a), 6, 6);
        CHECK_VALUES(ct_grad(m), 2, 2);
        ct_remove_hook(m, id);
        CHECK(hook_freed == 1);
        CHECK(ct_backward(ct_sum(m), .retain_graph = true));
        CHECK_VALUES(ct_grad(a), 9, 9);
        CHECK_VALUES(ct_grad(m), 3, 3);
        hook_calls = 0;
        CHECK(ct_register_hook(a, hook_note, (void *)1, NULL) &&
              ct_register_post_accumulate_grad_hook(a, hook_note, (void *)2, NULL));
        CHECK(ct_register_hook(a, hook_double, NULL, NULL));
        CHECK(ct_backward(ct_sum(ct_mul(a, a))));
        CHECK(hook_calls == 2 && hook_order[0] == 1 && hook_order[1] == 2);
        CHECK_VALUES(ct_grad(a), 13, 17);
        ct_tensor *b = LEAF(1, 2);
        ct_register_hook(b, hook_shape, NULL, NULL);
        CHECK(!ct_backward(ct_sum(b)));
        CHECK_ERROR("hook has changed the size of value");
        ct_tensor *c = LEAF(1, 2);
        ct_register_hook(c, hook_fail, NULL, NULL);
        CHECK(!ct_backward(ct_sum(ct_mul(c, c))));
        CHECK_ERROR("the hook's own error");
        CHECK(!ct_register_post_accumulate_grad_hook(m, hook_note, NULL, NULL));
        CHECK_ERROR("post accumulate grad hooks cannot be registered on non-leaf tensors");
    }
    {
        CT_SCOPE(); /* retain_grad moves on when the tensor is changed in place; its hook stays with the old
                       value */
        ct_tensor *a = LEAF(1, 2), *m = ct_mul(a, 3);
        ct_retain_grad(m);
        hook_calls = 0;
        ct_register_hook(m, hook_note, (void *)1, NULL);
        ct_mul_(m, 5);
        CHECK(ct_backward(ct_sum(ct_mul(m, 2))));
        CHECK_VALUES(ct_grad(m), 2, 2);
        CHECK_VALUES(ct_grad(a), 30, 30);
        CHECK(hook_calls == 1);
    }
    {
        CT_SCOPE(); /* a hooked tensor dies before the run */
        ct_tensor *a = LEAF(1, 2), *y;
        {
            CT_SCOPE();
            ct_tensor *m = ct_mul(a, 3);
            ct_retain_grad(m);
            ct_register_hook(m, hook_double, a, hook_free);
            y = ct_escape(ct_sum(m));
        }
        CHECK(ct_backward(y));
        CHECK_VALUES(ct_grad(a), 6, 6);
    }
    {
        CT_SCOPE(); /* backward within backward */
        ct_tensor *a = LEAF(1, 2), *other = LEAF(3, 4), *m = ct_mul(a, other);
        ct_register_hook(m, hook_nested, other, NULL);
        CHECK(ct_backward(ct_sum(m)));
        CHECK_VALUES(ct_grad(other), 7, 10);
        CHECK_VALUES(ct_grad(a), 3, 4);
    }
    {
        CT_SCOPE(); /* through the very nodes that the outer run is at */
        ct_tensor *a = LEAF(1, 2), *m = ct_mul(a, a), *y = ct_sum(ct_mul(m, a));
        hook_calls = 0;
        ct_register_hook(m, hook_same_graph, y, NULL);
        CHECK(ct_backward(y, .retain_graph = true));
        CHECK(hook_calls == 3);
        CHECK_VALUES(ct_grad(a), 9, 36);
    }
}

static void test_order(void)
{
    CT_SCOPE(); /* the order in which PyTorch 2.13 runs the hooks of leaves of one cat */
    static const int want[] = {0, 2, 5, 6, 4, 1, 3};
    ct_tensor *leaves[7];
    for (int i = 0; i < 7; i++) {
        leaves[i] = LEAF(1, 2);
        ct_register_hook(leaves[i], hook_note, (void *)(intptr_t)i, NULL);
    }
    hook_calls = 0;
    CHECK(ct_backward(ct_sum(ct_cat(((ct_tensors){7, leaves})))));
    CHECK(hook_calls == 7 && !memcmp(hook_order, want, sizeof want));
}

static void test_long(void)
{
    CT_SCOPE();
    ct_tensor *a = LEAF(1), *t = ct_retain(a);
    for (int i = 0; i < FAULTS_FEW(1000000, 100); i++) {
        CT_SCOPE();
        ct_tensor *next = ct_retain(i & 1 ? ct_neg(t) : ct_mul(t, -1));
        ct_release(t);
        t = next;
    }
    CHECK(ct_backward(t));
    CHECK_VALUES(ct_grad(a), 1);
    ct_release(t);
    t = ct_retain(a);
    for (int i = 0; i < FAULTS_FEW(300000, 100); i++) { /* dies without a run; saved tensors hold the chain */
        CT_SCOPE();
        ct_tensor *next = ct_retain(ct_mul(t, t));
        ct_release(t);
        t = next;
    }
    ct_release(t);
    ct_tensor *u = ct_clone(a); /* in place */
    for (int i = 0; i < FAULTS_FEW(100000, 100); i++) {
        CT_SCOPE();
        ct_mul_(ct_view(u, CT_INTS(1)), 1.0);
    }
    CHECK(ct_backward(u));
    CHECK_VALUES(ct_grad(a), 2);
}

/* ---- Custom functions ---- */

typedef struct cube {
    ct_saved *x;
    int calls, freed, forgot;
    ct_node *node;
} cube;
static bool cube_backward(void *data, int64_t n_outputs, ct_tensor *const *grads, int64_t n_inputs,
                          ct_tensor **results)
{
    cube *c = data;
    c->calls++;
    ct_tensor *x = ct_saved_unpack(c->x, c->node);
    if (!x)
        return false;
    results[0] = grads[0] ? ct_mul(grads[0], ct_mul(ct_mul(x, x), 3)) : NULL;
    if (n_outputs > 1 && grads[1])
        results[0] = results[0] ? ct_add(results[0], grads[1]) : grads[1];
    return ct_ok();
}
static void cube_free(void *data)
{
    ((cube *)data)->freed++;
    ct_saved_free(((cube *)data)->x);
}
static void cube_forget(void *data) { ((cube *)data)->forgot++; }
static bool bad_backward(void *data, int64_t n_outputs, ct_tensor *const *grads, int64_t n_inputs,
                         ct_tensor **results)
{
    results[0] = ct_ones(CT_SHAPE(7));
    return true;
}
static bool scale_backward(void *data, int64_t n_outputs, ct_tensor *const *grads, int64_t n_inputs,
                           ct_tensor **results)
{
    results[0] = ct_mul(grads[0], 10);
    return ct_ok();
}

static void test_function(void)
{
    cube c = {NULL};
    {
        CT_SCOPE();
        ct_tensor *x = LEAF(2, 3), *y, *same, *index = ct_ones(CT_SHAPE(2), .dtype = CT_INT64), *g, *h;
        ct_no_grad
        {
            y = ct_mul(x, ct_mul(x, x));
            same = ct_clone(x);
        }
        c.x = ct_saved_new(x, false);
        ct_function f = {"CubeBackward", cube_backward, &c, cube_free, cube_forget};
        c.node = ct_function_attach(&f, CT_TENSORS(x, NULL), CT_TENSORS(y, same, index, NULL));
        CHECK(c.node && ct_grad_fn(y) == c.node && ct_output_nr(same) == 1 && !ct_requires_grad(index));
        CHECK(!strcmp(ct_node_name(ct_grad_fn(y)), "CubeBackward"));
        CHECK(grad_of(ct_sum(y), x, &g, true));
        CHECK_VALUES(g, 12, 27);
        CHECK(grad_of(ct_sum(g), x, &h, true));
        CHECK_VALUES(h, 12, 18);
        CHECK(ct_backward(ct_add(ct_sum(y), ct_sum(ct_mul(same, 2)))));
        CHECK_VALUES(ct_grad(x), 14, 29);
        CHECK(c.forgot == 1 && c.freed == 0);
        CHECK(!ct_backward(ct_sum(y)));
        CHECK_ERROR("Trying to backward through the graph a second time");
        ct_function bad = {"BadBackward", bad_backward, NULL, NULL, NULL};
        ct_tensor *z = ct_detach(ct_ones(CT_SHAPE(2)));
        CHECK(ct_function_attach(&bad, CT_TENSORS(x), CT_TENSORS(z)));
        CHECK(!ct_backward(ct_sum(z)));
        CHECK_ERROR("Function BadBackward returned an invalid gradient at index 0 - got [7] but expected "
                    "shape compatible with [2]");
        ct_no_grad CHECK(!ct_function_attach(&bad, CT_TENSORS(x), CT_TENSORS(z)));
    }
    CHECK(c.freed == 1);
    {
        CT_SCOPE(); /* in place, on a view */
        ct_tensor *x = LEAF(1, 2, 3), *t = ct_clone(x), *v = ct_narrow(t, 0, 1, 2);
        ct_no_grad ct_mul_(ct_detach(v), 10);
        ct_function f = {"ScaleBackward", scale_backward, NULL, NULL, NULL};
        CHECK(ct_function_attach(&f, CT_TENSORS(v), CT_TENSORS(v)));
        CHECK(ct_backward(ct_sum(ct_mul(t, t))));
        CHECK_VALUES(ct_grad(x), 2, 400, 600);
    }
    {
        CT_SCOPE(); /* a view as output may not be written */
        ct_tensor *x = ct_clone(LEAF(1, 2, 3)), *v;
        v = ct_view(ct_detach(x), CT_INTS(3, 1));
        ct_function f = {"VBackward", scale_backward, NULL, NULL, NULL};
        ct_tensor *w = ct_view(x, CT_INTS(3, 1));
        (void)v;
        CHECK(ct_function_attach(&f, CT_TENSORS(x), CT_TENSORS(w)));
        ct_mul_(w, 2);
        CHECK_ERROR("Output 0 of V is a view and is being modified inplace. This view was created inside a "
                    "custom Function");
    }
}

/* ---- gradcheck ---- */

static ct_tensor *check_good(ct_tensor *const *in, void *data)
{
    return ct_mul(ct_exp(in[0]), ct_sin(ct_mul(in[1], in[0])));
}
static ct_tensor *check_bad(ct_tensor *const *in, void *data)
{
    ct_tensor *y;
    ct_no_grad y = ct_mul(in[0], in[0]);
    ct_function f = {"WrongBackward", scale_backward, NULL, NULL, NULL};
    ct_function_attach(&f, CT_TENSORS(in[0]), CT_TENSORS(y));
    return y;
}
static ct_tensor *check_inplace(ct_tensor *const *in, void *data)
{
    ct_tensor *t = ct_mul(in[0], in[0]);
    ct_mul_(ct_transpose(t, 0, 1), in[1]);
    ct_tensor *row = ct_select(t, 0, 1);
    ct_sin_(row);
    ct_add_(t, in[0]);
    return ct_mul(t, row);
}

static void test_gradcheck(void)
{
    CT_SCOPE();
    ct_tensor *a =
        ct_tensor_from_doubles((double[]){0.3, -0.7, 0.2, 1.1, 0.4, -0.2}, CT_SHAPE(2, 3), CT_FLOAT64);
    ct_tensor *b = ct_tensor_from_doubles((double[]){0.9, 0.4, -0.3}, CT_SHAPE(3), CT_FLOAT64);
    ct_tensor *c = ct_tensor_from_doubles((double[]){0.9, 0.4}, CT_SHAPE(2), CT_FLOAT64);
    ct_set_requires_grad(a, true);
    ct_set_requires_grad(b, true);
    ct_set_requires_grad(c, true);
    CHECK(ct_gradcheck(check_good, NULL, CT_TENSORS(a, b)));
    CHECK(ct_gradgradcheck(check_good, NULL, CT_TENSORS(a, b)));
    CHECK(ct_gradcheck(check_inplace, NULL, CT_TENSORS(a, c)));
    CHECK(ct_gradgradcheck(check_inplace, NULL, CT_TENSORS(a, c)));
    CHECK(!ct_gradcheck(check_bad, NULL, CT_TENSORS(b)));
    CHECK_ERROR("Jacobian mismatch for output 0 with respect to input 0");
    CHECK(!ct_gradcheck(check_good, NULL, CT_TENSORS(ct_detach(a), ct_detach(b))));
    CHECK_ERROR("gradcheck expects at least one input tensor to require gradient");
}

static void test_data(void)
{
    CT_SCOPE();
    ct_tensor *a = LEAF(1, 2), *y = ct_mul(a, a), *d = ct_detach(y), *data = ct_data_tensor(y);
    CHECK(!ct_requires_grad(d) && ct_is_leaf(d) && ct_storage_id(d) == ct_storage_id(y));
    ct_tensor *z = ct_mul(y, y);
    ct_add_(data, 1);
    CHECK(ct_version(y) == 0 && ct_version(data) == 1);
    ct_add_(d, 1);
    CHECK(ct_version(y) == 1 && ct_version(d) == 1);
    CHECK(!ct_backward(ct_sum(z)));
    CHECK_ERROR(
        "one of the variables needed for gradient computation has been modified by an inplace operation");
    ct_tensor *b = LEAF(5, 6), *w = ct_mul(b, b);
    ct_no_grad CHECK(ct_set_data(b, ct_ones(CT_SHAPE(2))));
    CHECK(ct_requires_grad(b));
    CHECK_VALUES(b, 1, 1);
    CHECK(ct_backward(ct_sum(w)));
    ct_tensor *e = ct_mul(b, 2);
    CHECK(ct_detach_(e) && !ct_requires_grad(e) && ct_is_leaf(e));
    CHECK(!strcmp("x", "x"));
}

static void test_steal(void)
{
    CT_SCOPE(); /* grads are nobody else's memory */
    ct_tensor *a = LEAF(1, 2), *b = LEAF(1, 2), *g = ct_ones(CT_SHAPE(2));
    CHECK(ct_backward(ct_add(a, b), .gradient = g));
    CHECK(ct_storage_id(ct_grad(a)) != ct_storage_id(ct_grad(b)));
    CHECK(ct_storage_id(ct_grad(a)) != ct_storage_id(g) && ct_storage_id(ct_grad(b)) != ct_storage_id(g));
    CHECK(ct_backward(ct_add(a, b), .gradient = g));
    CHECK_VALUES(ct_grad(a), 2, 2);
    CHECK_VALUES(ct_grad(b), 2, 2);
    CHECK_VALUES(g, 1, 1);
    ct_tensor *c = LEAF(1), *e = LEAF(1, 2, 3);
    CHECK(ct_backward(ct_sum(ct_add(ct_expand(c, CT_INTS(3)), e))));
    CHECK_VALUES(ct_grad(c), 3);
    CHECK_VALUES(ct_grad(e), 1, 1, 1);
    CHECK(ct_is_contiguous(ct_grad(e), CT_CONTIGUOUS_FORMAT));
}

int main(void)
{
    void (*const tests[])(void) = {test_chain,    test_broadcast, test_errors, test_grad,
                                   test_double,   test_hooks,     test_order,  test_long,
                                   test_function, test_gradcheck, test_data,   test_steal};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        int64_t live = ct__alloc_live();
        tests[i]();
        CHECK(ct_ok());
        ct_error_clear();
        int64_t left = ct__alloc_live() - live;
        if (left)
            printf("test %zu: %lld bytes left\n", i, (long long)left);
        if (i != 0) /* the first one makes what the process keeps */
            CHECK(left == 0);
    }
    return CHECK_END();
}
