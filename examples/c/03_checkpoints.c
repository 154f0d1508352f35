/* Step 3: saving and loading. The files are PyTorch's: torch.load reads them. 03_checkpoints [FILE] */
#include <ctorch/ctorch.h>
#include <stdio.h>

static ct_module *new_net(void)
{
    return ct_nn_sequential(ct_nn_linear(4, 8), ct_nn_relu(), ct_nn_linear(8, 2));
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "net.pth";
    ct_on_error(ct_die, NULL);
    CT_SCOPE();
    ct_manual_seed(0);
    ct_module *net = new_net(), *other = new_net();
    ct_tensor *x = ct_randn(CT_SHAPE(3, 4));
    ct_save_state(net, path);
    ct_load_state(other, path);
    ct_no_grad printf("the same: %s\n", ct_equal(ct_call(net, x), ct_call(other, x)) ? "yes" : "no");

    ct_module *wrong = ct_nn_sequential(ct_nn_linear(4, 9));
    ct_on_error(NULL, NULL);                       /* from here on errors are looked at */
    if (!ct_load_state(wrong, path))
        printf("%s\n", ct_error_message());
    ct_error_clear();
    ct_free_all(net, other, wrong);
    return 0;
}
