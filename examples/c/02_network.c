/* Step 2: a network: a struct that begins with a ct_module, its parts by name, and a forward function; one training step. */
#include <ctorch/ctorch.h>
#include <stdio.h>

typedef struct {
    ct_module base;
    ct_module *conv1, *conv2, *fc1, *fc2, *fc3;
} Net;

static ct_tensor *net_forward(ct_module *self, ct_tensor *x) /* (N, 1, 32, 32) -> (N, 10) */
{
    Net *net = (Net *)self;
    x = ct_max_pool2d(ct_relu(ct_call(net->conv1, x)), CT_INTS(2, 2));
    x = ct_max_pool2d(ct_relu(ct_call(net->conv2, x)), CT_INTS(2, 2));
    x = ct_flatten(x, .start_dim = 1);
    x = ct_relu(ct_call(net->fc1, x));
    x = ct_relu(ct_call(net->fc2, x));
    return ct_call(net->fc3, x);
}

static Net *net_new(void)
{
    Net *net = ct_module_new(Net, net_forward);
    net->conv1 = ct_child(net, "conv1", ct_nn_conv2d(1, 6, 5));
    net->conv2 = ct_child(net, "conv2", ct_nn_conv2d(6, 16, 5));
    net->fc1 = ct_child(net, "fc1", ct_nn_linear(16 * 5 * 5, 120));
    net->fc2 = ct_child(net, "fc2", ct_nn_linear(120, 84));
    net->fc3 = ct_child(net, "fc3", ct_nn_linear(84, 10));
    return net;
}

int main(void)
{
    ct_on_error(ct_die, NULL);
    CT_SCOPE();
    ct_manual_seed(0);
    Net *net = net_new();
    ct_print(net);
    ct_tensors parameters = ct_parameters(net);
    printf("%d parameters, the first of %d x %d x %d x %d\n", (int)parameters.n, (int)ct_size(parameters.v[0], 0),
           (int)ct_size(parameters.v[0], 1), (int)ct_size(parameters.v[0], 2), (int)ct_size(parameters.v[0], 3));

    ct_tensor *input = ct_randn(CT_SHAPE(1, 1, 32, 32));
    ct_tensor *target = ct_reshape(ct_arange_start(1, 11, .dtype = CT_FLOAT32), CT_SHAPE(1, 10));
    ct_optim *optimizer = ct_sgd(parameters, .lr = 0.01);
    for (int step = 0; step < 5; step++) {
        CT_SCOPE();                                /* each step's temporaries go at its end */
        ct_zero_grad(optimizer);
        ct_tensor *loss = ct_mse_loss(ct_call(&net->base, input), target);
        ct_backward(loss);
        ct_step(optimizer);
        printf("step %d: loss %.4f, conv1.bias.grad[0] %.6f\n", step, ct_item(loss),
               ct_float_at(ct_grad(ct_get_parameter(net, "conv1.bias")), 0));
    }
    ct_free_all(net, optimizer);
    return 0;
}
