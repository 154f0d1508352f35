/* Small programs with the k-th allocation failing, for all k: an error each time, no crash, nothing left
 * behind. */
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include "base/base.h"
#include "check.h"

static ct_tensor *hook_double(ct_tensor *grad, void *data) { return ct_mul(grad, 2); }
static bool scale_backward(void *data, int64_t n_outputs, ct_tensor *const *grads, int64_t n_inputs,
                           ct_tensor **results)
{
    results[0] = ct_mul(grads[0], 10);
    return ct_ok();
}

static void program(void)
{
    CT_SCOPE();
    ct_tensor *x = ct_tensor_from_doubles((double[]){1, 2, 3, 4, 5, 6}, CT_SHAPE(2, 3), CT_FLOAT32);
    ct_tensor *y = ct_tensor_from_doubles((double[]){1, 2, 3}, CT_SHAPE(3), CT_FLOAT32);
    if (!ct_ok() || !ct_set_requires_grad(x, true) || !ct_set_requires_grad(y, true))
        return;
    ct_tensor *t = ct_clone(x), *v = t ? ct_select(t, 0, 1) : NULL, *g;
    if (!v || !ct_mul_(v, y) || !ct_sin_(v) || !ct_set_at(t, "0, 1:", 2))
        return;
    ct_tensor *m = ct_mul(ct_add(t, y), y);
    ct_tensor *w = ct_ok() ? ct_detach(m) : NULL;
    if (!w || !ct_retain_grad(m) || !ct_register_hook(m, hook_double, NULL, NULL))
        return;
    ct_function f = {"ScaleBackward", scale_backward, NULL, NULL, NULL};
    if (!ct_function_attach(&f, CT_TENSORS(m), CT_TENSORS(w)))
        return;
    ct_tensor *loss = ct_sum(ct_mul(w, w));
    ct_backward_call call = {
        .outputs = {1, &loss}, .inputs = {1, &x}, .create_graph = true, .retain_graph = true};
    if (!ct_ok() || !ct_run_backward(&call, &g))
        return;
    ct_tensor *second = ct_add(ct_sum(ct_mul(g, g)), loss);
    if (ct_ok())
        ct_backward(second);
}

int main(void)
{
    program();
    CHECK(ct_ok());
    ct_error_clear();
    int64_t first = ct__alloc_fail_after(-1);
    program();
    CHECK(ct_ok());
    int64_t count = ct__alloc_fail_after(-1) - first, failed = 0;
    for (int64_t k = 0; k < count + 2; k++) {
        int64_t live = ct__alloc_live();
        ct__alloc_fail_after(k);
        program();
        ct__alloc_fail_after(-1);
        failed += !ct_ok();
        if (!ct_ok() && ct_error() != CT_ERR_MEMORY)
            printf("k = %lld: %s\n", (long long)k, ct_error_message());
        ct_error_clear();
        if (ct__alloc_live() != live)
            printf("k = %lld of %lld: %lld bytes left\n", (long long)k, (long long)count,
                   (long long)(ct__alloc_live() - live));
        CHECK(ct__alloc_live() == live);
        CHECK(ct_grad_enabled());
    }
    CHECK(failed >= count - 2);
    printf("%lld allocations, %lld programs failed\n", (long long)count, (long long)failed);
    return CHECK_END();
}
