/* Optimizers and schedules for C programs: a few steps against numbers from PyTorch, groups, checkpoints, errors. */
#include <ctorch/ctorch.h>
#include "check.h"
#include <stdlib.h>
#include <unistd.h>

/* p = (1, -2, 3), gradient 2 p at each step: three steps of the optimizer. */
static ct_tensor *test_parameter(void)
{
    double v[] = {1, -2, 3};
    ct_tensor *p = ct_tensor_from_doubles(v, CT_SHAPE(3), CT_FLOAT64);
    ct_set_requires_grad(p, true);
    return p;
}

static void test_train(ct_optim *o, ct_tensor *p, int steps)
{
    for (int i = 0; i < steps; i++) {
        CT_SCOPE();
        ct_zero_grad(o);
        ct_backward(ct_sum(ct_mul(p, p)));
        ct_step(o);
    }
}

#define TRAINED(make, ...) \
    do { \
        CT_SCOPE(); \
        ct_tensor *p = test_parameter(); \
        ct_optim *o = make; \
        test_train(o, p, 3); \
        CHECK(ct_ok()); \
        CHECK_VALUES(p, __VA_ARGS__); \
        ct_release(o); \
    } while (0)

static void test_steps(void)
{
#include "test_optim_golden.h"
}

static void test_groups(void)
{
    CT_SCOPE();
    ct_tensor *p = test_parameter(), *q = test_parameter();
    ct_optim *o = ct_sgd(CT_TENSORS(p), .lr = 0.1);
    CHECK(ct_add_param_group(o, CT_TENSORS(q), 1, 0) == 1 && ct_param_groups(o) == 2);
    ct_backward(ct_sum(ct_add(p, q)));
    ct_step(o);
    CHECK_VALUES(p, 0.9, -2.1, 2.9);
    CHECK_VALUES(q, 0, -3, 2);
    CHECK(ct_learning_rate(o, 1) == 1 && ct_set_learning_rate(o, 1, 0.5) && ct_learning_rate(o, 1) == 0.5);
    ct_zero_grad(o);
    CHECK(!ct_grad(p));
    CHECK(ct_step(o));
    CHECK(ct_add_param_group(o, CT_TENSORS(p), 1, 0) == -1);
    CHECK_ERROR("some parameters appear in more than one parameter group");
    ct_tensors none = {0, NULL};
    CHECK(!ct_sgd(none));
    CHECK_ERROR("optimizer got an empty parameter list");
    CHECK(!ct_sgd(CT_TENSORS(p), .lr = -1));
    CHECK_ERROR("Invalid learning rate: -1");
    CHECK(!ct_sgd(CT_TENSORS(p), .nesterov = true));
    CHECK_ERROR("Nesterov momentum requires a momentum and zero dampening");
    CHECK(!ct_adam(CT_TENSORS(p), .beta1 = 1));
    CHECK_ERROR("Invalid beta parameter at index 0: 1");
    CHECK(!ct_sgd(CT_TENSORS(ct_mul(p, 2))));
    CHECK_ERROR("can't optimize a non-leaf Tensor");
    ct_release(o);
}

static void test_clip(void)
{
    CT_SCOPE();
    ct_tensor *p = test_parameter();
    double g[] = {3, 4, 0};
    ct_set_grad(p, ct_tensor_from_doubles(g, CT_SHAPE(3), CT_FLOAT64));
    CHECK(fabs(ct_clip_grad_norm_(CT_TENSORS(p), 1) - 5) < 1e-12);
    CHECK_VALUES(ct_grad(p), 0.6, 0.8, 0);
    CHECK(fabs(ct_clip_grad_norm_(CT_TENSORS(p), 10) - 1) < 1e-5);
}

static double test_lambda(int64_t epoch, void *data) { return 1.0 / (double)(epoch + 1); }

static void test_schedules(void)
{
    CT_SCOPE();
    ct_tensor *p = test_parameter();
    const double cosine[] = {0.1, 0.08535533905932738, 0.05, 0.014644660940672627, 0.0, 0.014644660940672622};
    for (int kind = 0; kind < 5; kind++) {
        ct_optim *o = ct_sgd(CT_TENSORS(p), .lr = 0.1);
        ct_schedule *s = kind == 0 ? ct_step_lr(o, 2, 0.5) : kind == 1 ? ct_multi_step_lr(o, CT_INTS(1, 3, 3), 0.5)
                         : kind == 2 ? ct_exponential_lr(o, 0.5) : kind == 3 ? ct_cosine_annealing_lr(o, 4, 0)
                                     : ct_lambda_lr(o, test_lambda, NULL);
        for (int t = 0; t < 6; t++) {
            double want = kind == 0 ? 0.1 * pow(0.5, t / 2) : kind == 1 ? 0.1 * (t < 1 ? 1 : t < 3 ? 0.5 : 0.125)
                          : kind == 2 ? 0.1 * pow(0.5, t) : kind == 3 ? cosine[t] : 0.1 / (t + 1);
            CHECK(fabs(ct_learning_rate(o, 0) - want) < 1e-12);
            CHECK(ct_schedule_step(s));
        }
        ct_free_all(s, o);
    }
    CHECK(!ct_step_lr(NULL, 0, 1));
    ct_error_clear();
}

static void test_checkpoint(void)
{
    char path[] = "ctorch_optim_XXXXXX";
    close(mkstemp(path));
    for (int kind = 0; kind < 4; kind++) {
        CT_SCOPE();
        ct_tensor *p = test_parameter();
        ct_tensors ps = CT_TENSORS(p);
        ct_optim *o = kind == 0 ? ct_sgd(ps, .lr = 0.1, .momentum = 0.9) : kind == 1 ? ct_adam(ps, .lr = 0.1, .amsgrad = true)
                      : kind == 2 ? ct_rmsprop(ps, .momentum = 0.5, .centered = true) : ct_adagrad(ps, .lr = 0.1);
        test_train(o, p, 2);
        CHECK(ct_save_optim(o, path));
        ct_tensor *q = ct_detach(ct_clone(p));
        ct_set_requires_grad(q, true);
        ct_tensors qs = CT_TENSORS(q);
        ct_optim *r = kind == 0 ? ct_sgd(qs, .lr = 5, .momentum = 0.9) : kind == 1 ? ct_adam(qs, .amsgrad = true)
                      : kind == 2 ? ct_rmsprop(qs, .momentum = 0.5, .centered = true) : ct_adagrad(qs);
        CHECK(ct_load_optim(r, path));
        CHECK(ct_learning_rate(r, 0) == ct_learning_rate(o, 0));
        test_train(o, p, 2);
        test_train(r, q, 2);
        CHECK(ct_equal(p, q));
        ct_optim *two = ct_sgd(qs);
        ct_tensor *another = test_parameter();
        ct_add_param_group(two, CT_TENSORS(another), 1, 0);
        CHECK(!ct_load_optim(two, path));
        CHECK_ERROR("loaded state dict has a different number of parameter groups");
        ct_free_all(o, r, two);
    }
    unlink(path);
}

int main(void)
{
    test_steps();
    test_groups();
    test_clip();
    test_schedules();
    test_checkpoint();
    return CHECK_END();
}
