/* Step 1: automatic differentiation. What is computed is recorded; ct_backward walks it from the end to its leaves. */
#include <ctorch/ctorch.h>
#include <stdio.h>

static ct_tensor *cube(ct_tensor *const *inputs, void *data)
{
    (void)data;
    return ct_pow(inputs[0], 3);
}

int main(void)
{
    ct_on_error(ct_die, NULL);
    CT_SCOPE();
    ct_tensor *x = ct_ones(CT_SHAPE(2, 2), .requires_grad = true);
    ct_tensor *y = ct_add(x, 2);
    ct_print(y);
    printf("made by %s\n", ct_node_name(ct_grad_fn(y)));
    ct_tensor *out = ct_mean(ct_mul(ct_mul(y, y), 3));
    ct_backward(out);
    ct_print(ct_grad(x));

    /* A gradient for an output of more than one element; the graph is as long as the loop ran. */
    ct_manual_seed(0);
    ct_tensor *v = ct_randn(CT_SHAPE(3), .requires_grad = true);
    ct_tensor *w = ct_mul(v, 2);
    while (ct_item(ct_norm(ct_detach(w))) < 1000)
        w = ct_mul(w, 2);
    ct_backward(w, .gradient = ct_tensor_from_doubles((double[]){0.1, 1.0, 0.0001}, CT_SHAPE(3), CT_FLOAT32));
    ct_print(ct_grad(v));

    ct_no_grad printf("recorded: %s\n", ct_requires_grad(ct_pow(v, 2)) ? "yes" : "no");

    /* Gradients of one's own formulas, and of these gradients, against finite differences. */
    ct_tensor *p = ct_tensor_from_doubles((double[]){0.5, -1.5}, CT_SHAPE(2), CT_FLOAT64);
    ct_set_requires_grad(p, true);
    printf("gradcheck: %s\n", ct_gradcheck(cube, NULL, CT_TENSORS(p)) ? "passed" : ct_error_message());
    printf("gradgradcheck: %s\n", ct_gradgradcheck(cube, NULL, CT_TENSORS(p)) ? "passed" : ct_error_message());
    return 0;
}
