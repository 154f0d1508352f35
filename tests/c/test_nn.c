/* Modules: printing, parameters in order, initialisation from the seed, values of layers, modes, state dicts in files. */
#include <ctorch/ctorch.h>
#include "base/base.h"
#include "check.h"
#include <stdlib.h>
#include <unistd.h>

static void check_text(const void *object, const char *want)
{
    char *s = ct_to_string(object);
    check_count++;
    if (!s || strcmp(s, want)) {
        faults_leave();
        check_failures++;
        printf("got:\n%s\nexpected:\n%s\n", s ? s : "NULL", want);
    }
    ct_free_string(s);
}

typedef struct Net {
    ct_module base;
    ct_module *conv, *pool, *fc;
} Net;

static ct_tensor *net_forward(ct_module *self, ct_tensor *x)
{
    Net *net = (Net *)self;
    x = ct_call(net->pool, ct_relu(ct_call(net->conv, x)));
    return ct_call(net->fc, ct_flatten(x, .start_dim = 1));
}

static ct_module *net_new(void)
{
    Net *net = ct_module_new(Net, net_forward);
    if (!net)
        return NULL;
    net->conv = ct_child(net, "conv", ct_nn_conv2d(1, 2, 3, .padding = 1));
    net->pool = ct_child(net, "pool", ct_nn_max_pool2d(2));
    net->fc = ct_child(net, "fc", ct_nn_linear(8, 3));
    return &net->base;
}

static void test_print(void)
{
    ct_module *net = net_new();
    check_text(net, "Net(\n  (conv): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
                    "  (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n"
                    "  (fc): Linear(in_features=8, out_features=3, bias=True)\n)");
    ct_module *seq = ct_nn_sequential(ct_nn_batch_norm2d(3), ct_nn_dropout(0.5), ct_nn_leaky_relu(0.2), ct_nn_gelu(),
                                      ct_nn_sequential(ct_nn_flatten(), ct_nn_softmax(1)), ct_nn_layer_norm(CT_SHAPE(2, 3)),
                                      ct_nn_embedding(3, 4), ct_nn_adaptive_avg_pool2d(1, 1), ct_nn_elu(1));
    check_text(seq, "Sequential(\n"
                    "  (0): BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
                    "  (1): Dropout(p=0.5, inplace=False)\n  (2): LeakyReLU(negative_slope=0.2)\n  (3): GELU(approximate='none')\n"
                    "  (4): Sequential(\n    (0): Flatten(start_dim=1, end_dim=-1)\n    (1): Softmax(dim=1)\n  )\n"
                    "  (5): LayerNorm((2, 3), eps=1e-05, elementwise_affine=True, bias=True)\n  (6): Embedding(3, 4)\n"
                    "  (7): AdaptiveAvgPool2d(output_size=(1, 1))\n  (8): ELU(alpha=1.0)\n)");
    ct_free_all(net, seq);
}

static void test_init(void)
{
    CT_SCOPE();
    ct_manual_seed(0);
    ct_module *l = ct_nn_linear(2, 2);
    CHECK_VALUES(ct_get_parameter(l, "weight"), -0.005293981172144413, 0.37932288646698, -0.5819807648658752, -0.5203874707221985);
    CHECK_VALUES(ct_get_parameter(l, "bias"), -0.27234524488449097, 0.1896158903837204);
    CHECK(ct_requires_grad(ct_get_parameter(l, "weight")) && ct_is_leaf(ct_get_parameter(l, "weight")));
    ct_manual_seed(0);
    ct_module *c = ct_nn_conv2d(1, 1, 2);
    CHECK_VALUES(ct_get_parameter(c, "weight"), -0.003743410110473633, 0.26822179555892944, -0.4115225672721863, -0.3679695129394531);
    ct_manual_seed(0);
    ct_module *e = ct_nn_embedding(2, 2, .padding_idx = 1);
    CHECK_VALUES(ct_get_parameter(e, "weight"), 1.5409960746765137, -0.293428897857666, 0, 0);
    ct_free_all(l, c, e);
}

static void test_parts(void)
{
    CT_SCOPE();
    ct_module *net = net_new();
    CHECK(ct_parameters(net).n == 4);
    ct_named_list s = ct_state(net);
    const char *names[] = {"conv.weight", "conv.bias", "fc.weight", "fc.bias"};
    CHECK(s.n == 4);
    for (int i = 0; i < 4 && s.n == 4; i++)
        CHECK(!strcmp(s.v[i].name, names[i]));
    CHECK(ct_get_parameter(net, "fc.bias") == s.v[3].tensor);
    CHECK(!ct_get_parameter(net, "fc.nothing") && !ct_get_child(net, "nothing.weight") && ct_ok());
    CHECK(ct_get_child(net, "fc") && !strcmp(ct_get_child(net, "fc")->type, "Linear"));
    ct_eval(net);
    CHECK(!net->training && !ct_get_child(net, "fc")->training);
    ct_train(net);
    CHECK(ct_get_child(net, "pool")->training);
    CHECK(ct_module_to(net, CT_FLOAT64) && ct_dtype_of(s.v[0].tensor) == CT_FLOAT64);
    CHECK(!ct_module_to(net, CT_INT64));
    CHECK_ERROR("nn.Module.to only accepts floating point");
    CHECK(!ct_child(net, "fc", ct_nn_relu()));
    CHECK_ERROR("attribute 'fc' already exists");
    CHECK(!ct_child(net, "a.b", ct_nn_relu()));
    CHECK_ERROR("module name can't contain \".\"");
    CHECK(!ct_nn_dropout(1.5));
    CHECK_ERROR("dropout probability has to be between 0 and 1, but got 1.5");
    CHECK(!ct_nn_conv2d(3, 4, 2, .groups = 2));
    CHECK_ERROR("in_channels must be divisible by groups");
    CHECK(ct_requires_grad_all(net, false) && !ct_requires_grad(s.v[0].tensor));
    ct_free_all(net);
}

static void test_values(void)
{
    CT_SCOPE();
    ct_module *l = ct_nn_linear(2, 1);
    ct_init_constant_(ct_get_parameter(l, "weight"), 2);
    ct_init_constant_(ct_get_parameter(l, "bias"), 1);
    CHECK_VALUES(ct_call(l, ct_ones(CT_SHAPE(3, 2))), 5, 5, 5);
    CHECK(!ct_call(l, ct_ones(CT_SHAPE(3, 4))));
    CHECK_ERROR("mat1 and mat2 shapes cannot be multiplied (3x4 and 2x1)");

    ct_module *bn = ct_nn_batch_norm1d(1);
    double v[] = {1, 3};
    ct_tensor *x = ct_tensor_from_doubles(v, CT_SHAPE(2, 1), CT_FLOAT32);
    CHECK_VALUES(ct_call(bn, x), -0.999995, 0.999995);
    CHECK_VALUES(ct_get_buffer(bn, "running_mean"), 0.2);
    CHECK(ct_item_int(ct_get_buffer(bn, "num_batches_tracked")) == 1);
    ct_eval(bn);
    CHECK_VALUES(ct_call(bn, x), 0.7627666, 2.6696830);
    ct_train(bn);
    CHECK(!ct_call(bn, ct_ones(CT_SHAPE(1, 1))));
    CHECK_ERROR("Expected more than 1 value per channel when training, got input size torch.Size([1, 1])");
    CHECK(!ct_call(bn, ct_ones(CT_SHAPE(1, 1, 1, 1))));
    CHECK_ERROR("expected 2D or 3D input (got 4D input)");

    ct_module *drop = ct_nn_dropout(0.5);
    ct_eval(drop);
    CHECK_VALUES(ct_call(drop, x), 1, 3);
    ct_module *net = net_new();
    ct_tensor *y = ct_call(net, ct_ones(CT_SHAPE(2, 1, 4, 4)));
    CHECK(ct_ok() && ct_size(y, 0) == 2 && ct_size(y, 1) == 3);
    ct_backward(ct_sum(y));
    CHECK(ct_grad(ct_get_parameter(net, "conv.weight")) != NULL);
    ct_module *empty = ct_module_alloc(sizeof *empty, "M", NULL);
    CHECK(!ct_call(empty, x));
    CHECK_ERROR("Module [M] is missing the required \"forward\" function");
    ct_free_all(l, bn, drop, net, empty);
}

static void test_state(void)
{
    CT_SCOPE();
    char path[] = "ctorch_nn_XXXXXX";
    close(mkstemp(path));
    ct_module *a = net_new(), *b = net_new();
    CHECK(ct_save_state(a, path));
    CHECK(ct_load_state(b, path));
    CHECK(ct_equal(ct_get_parameter(a, "fc.weight"), ct_get_parameter(b, "fc.weight")));
    CHECK(ct_requires_grad(ct_get_parameter(b, "fc.weight")));
    ct_module *other = ct_nn_sequential(ct_nn_linear(8, 3));
    CHECK(!ct_load_state(other, path));
    CHECK_ERROR("Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: \"0.weight\", \"0.bias\". \n"
                "\tUnexpected key(s) in state_dict: \"conv.weight\", \"conv.bias\", \"fc.weight\", \"fc.bias\". ");
    ct_module *wide = net_new();
    Net *w = (Net *)wide;
    ct_set_data(ct_get_parameter(w, "fc.bias"), ct_zeros(CT_SHAPE(4)));
    CHECK(!ct_load_state(wide, path));
    CHECK_ERROR("Error(s) in loading state_dict for Net:\n\tsize mismatch for fc.bias: copying a param with shape torch.Size([3]) from "
                "checkpoint, the shape in current model is torch.Size([4]).");
    CHECK(!ct_load_state(a, "/nonexistent/file"));
    ct_error_clear();
    unlink(path);
    ct_free_all(a, b, other, wide);
}

/* With the k-th allocation failing nothing crashes or leaks; memory is back where it was. */
static void test_faults(void)
{
    for (int64_t k = 0; k < 400; k++) {
        int64_t before = ct__alloc_live();
        ct__alloc_fail_after(k);
        {
            CT_SCOPE();
            ct_module *net = net_new();
            ct_call(net, ct_ones(CT_SHAPE(1, 1, 4, 4)));
            ct_state(net);
            ct_free_all(net);
        }
        bool done = ct_ok();
        ct_error_clear();
        ct__alloc_fail_after(-1);
        CHECK(ct__alloc_live() == before || k < 3);
        if (done)
            break;
    }
}

int main(void)
{
    test_print();
    test_init();
    test_parts();
    test_values();
    test_state();
    if (!faults_on())
        test_faults();
    return CHECK_END();
}
