/* Step 4: the network on CIFAR-10: trained, saved and tested. With the same seed, batch size and workers its losses are those
 * of examples/python/cifar10.py, bit for bit. 04_cifar10 --data DIR, where DIR holds cifar-10-batches-py */
#include <ctorch/ctorch.h>
#include "options.h"

typedef struct {
    ct_module base;
    ct_module *conv1, *pool, *conv2, *fc1, *fc2, *fc3;
} Net;

static ct_tensor *net_forward(ct_module *self, ct_tensor *x) /* (N, 3, 32, 32) -> (N, 10) */
{
    Net *net = (Net *)self;
    x = ct_call(net->pool, ct_relu(ct_call(net->conv1, x)));
    x = ct_call(net->pool, ct_relu(ct_call(net->conv2, x)));
    x = ct_flatten(x, .start_dim = 1);
    x = ct_relu(ct_call(net->fc1, x));
    x = ct_relu(ct_call(net->fc2, x));
    return ct_call(net->fc3, x);
}

static ct_module *net_new(void)
{
    Net *net = ct_module_new(Net, net_forward);
    net->conv1 = ct_child(net, "conv1", ct_nn_conv2d(3, 6, 5));
    net->pool = ct_child(net, "pool", ct_nn_max_pool2d(2, .stride = 2));
    net->conv2 = ct_child(net, "conv2", ct_nn_conv2d(6, 16, 5));
    net->fc1 = ct_child(net, "fc1", ct_nn_linear(16 * 5 * 5, 120));
    net->fc2 = ct_child(net, "fc2", ct_nn_linear(120, 84));
    net->fc3 = ct_child(net, "fc3", ct_nn_linear(84, 10));
    return &net->base;
}

int main(int argc, char **argv)
{
    options o = read_options(argc, argv);
    ct_on_error(ct_die, NULL);
    CT_SCOPE();
    ct_manual_seed(o.seed);
    ct_module *net = net_new();
    ct_print(net);
    ct_transform *transform = ct_compose(ct_to_tensor(), ct_normalize(.mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}));
    ct_loader *train = ct_loader_new(ct_cifar10(o.data, .transform = transform),
                                     .batch_size = o.batch_size, .shuffle = true, .workers = o.workers);
    ct_loader *test = ct_loader_new(ct_cifar10(o.data, .test = true, .transform = transform),
                                    .batch_size = o.batch_size, .workers = o.workers);
    ct_for_batch (b, train) {                      /* a look at the first batch */
        printf("A first batch:");
        for (int j = 0; j < b.size; j++)
            printf(" %s", ct_cifar10_classes[ct_int_at(b.target, j)]);
        printf("\n");
        break;
    }
    ct_optim *opt = ct_sgd(ct_parameters(net), .lr = 0.001, .momentum = 0.9);

    for (int epoch = 0; epoch < o.epochs; epoch++) {
        double running = 0;
        ct_for_batch (b, train) {                  /* opens a scope for each batch */
            if (o.steps && b.index == o.steps)
                break;
            ct_zero_grad(opt);
            ct_tensor *loss = ct_cross_entropy(ct_call(net, b.input), b.target);
            ct_backward(loss);
            ct_step(opt);
            running += ct_item(loss);
            if (o.exact)
                printf("%.17g\n", ct_item(loss));
            if (b.index % 2000 == 1999) {
                printf("[%d, %5d] loss: %.3f\n", epoch + 1, (int)b.index + 1, running / 2000);
                fflush(stdout);
                running = 0;
            }
        }
    }
    ct_save_state(net, o.out);                     /* torch.load reads it */

    int correct[10] = {0}, total[10] = {0}, all_correct = 0, all = 0;
    ct_no_grad ct_for_batch (b, test) {
        if (o.test_steps && b.index == o.test_steps)
            break;
        ct_tensor *predicted = ct_argmax(ct_call(net, b.input), .dim = 1);
        for (int j = 0; j < b.size; j++) {
            int64_t label = ct_int_at(b.target, j);
            total[label]++;
            correct[label] += ct_int_at(predicted, j) == label;
        }
    }
    for (int c = 0; c < 10; c++) {
        all += total[c];
        all_correct += correct[c];
    }
    printf("Accuracy of the network on the %d test images: %.2f %%\n", all, 100.0 * all_correct / (all ? all : 1));
    for (int c = 0; c < 10; c++)
        printf("Accuracy for class %10s: %.1f %%\n", ct_cifar10_classes[c], 100.0 * correct[c] / (total[c] ? total[c] : 1));
    ct_free_all(net, train, test, opt, transform);
    return 0;
}
