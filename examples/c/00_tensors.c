/* Step 0: tensors. Construction, arithmetic, results in place and in `out`, indexing, memory shared with C.
 * cc 00_tensors.c $(pkg-config --cflags --libs ctorch) */
#include <ctorch/ctorch.h>
#include <stdio.h>

int main(void)
{
    ct_on_error(ct_die, NULL);                     /* the first error ends the program with its sentence */
    CT_SCOPE();                                    /* what is made below is freed where this block ends */
    ct_manual_seed(0);

    ct_tensor *x = ct_rand(CT_SHAPE(5, 3));
    ct_tensor *y = ct_rand(CT_SHAPE(5, 3));
    ct_print(x);
    ct_print(ct_add(x, y));
    ct_tensor *result = ct_empty(CT_SHAPE(5, 3));
    ct_add_out(result, x, y);                      /* torch.add(x, y, out=result) */
    ct_add_(y, x);                                 /* y.add_(x) */
    printf("the same: %s\n", ct_equal(result, y) ? "yes" : "no");

    ct_print(ct_at(y, ":, 1"));                    /* NumPy's indexing, as text: a view */
    ct_set_at(y, "0, ::2", -1);
    ct_print(ct_at(y, "0"));
    ct_print(ct_mul(y, 2));                        /* a number where the other operand may be one */
    ct_print(ct_sum(y, .dim = CT_INTS(0)));        /* options by name, PyTorch's defaults for the rest */
    ct_print(ct_matmul(x, ct_t(y)));

    float buffer[5] = {1, 1, 1, 1, 1};             /* memory shared with the caller, as with NumPy */
    ct_tensor *shared = ct_from_data(buffer, CT_SHAPE(5));
    ct_add_(shared, 1);
    printf("%g\n", buffer[4]);
    buffer[0] = 7;
    printf("%g\n", ct_float_at(shared, 0));
    return 0;
}
