/* The optimizers' steps: checks, layouts and dtypes of the lists, then the kernels. See <ctorch/steps.h>. Tensors that are
 * not laid out alike, or are float16 or bfloat16, go through contiguous copies and back. */
#include "tensor/tensor.h"
#include "kernels/kernels.h"
#include <ctorch/steps.h>
#include <math.h>

#define STEP_GRAIN (1 << 18) /* less lies in the cache of the thread that made the gradient */
#define STEP_MAX 5 /* parameter, gradient, up to three of state */

typedef enum step_kind { STEP_SGD, STEP_ADAM, STEP_RMSPROP, STEP_ADAGRAD } step_kind;

typedef struct step_job {
    step_kind kind;
    bool wide, fresh;
    void *a[STEP_MAX]; /* parameter, gradient, state; NULL where a kind has none */
    ct__step_numbers k;
} step_job;

static void *step_at(const step_job *j, int i, int64_t begin)
{
    return j->a[i] ? (char *)j->a[i] + begin * (j->wide ? 8 : 4) : NULL;
}

static void step_range(void *ctx, int64_t begin, int64_t end)
{
    const step_job *j = ctx;
    void *p = step_at(j, 0, begin), *g = step_at(j, 1, begin), *s = step_at(j, 2, begin), *t = step_at(j, 3, begin),
         *u = step_at(j, 4, begin);
    int64_t n = end - begin;
    switch (j->kind) {
    case STEP_SGD:
        j->wide ? ct__k_step.sgd_f64(n, p, g, s, j->fresh, &j->k) : ct__k_step.sgd_f32(n, p, g, s, j->fresh, &j->k);
        break;
    case STEP_ADAM:
        j->wide ? ct__k_step.adam_f64(n, p, g, s, t, u, &j->k) : ct__k_step.adam_f32(n, p, g, s, t, u, &j->k);
        break;
    case STEP_RMSPROP:
        j->wide ? ct__k_step.rmsprop_f64(n, p, g, s, t, u, &j->k) : ct__k_step.rmsprop_f32(n, p, g, s, t, u, &j->k);
        break;
    case STEP_ADAGRAD:
        j->wide ? ct__k_step.adagrad_f64(n, p, g, s, &j->k) : ct__k_step.adagrad_f32(n, p, g, s, &j->k);
        break;
    }
}

static bool step_same_shape(const ct_tensor *a, const ct_tensor *b)
{
    return a->ndim == b->ndim && memcmp(a->sizes, b->sizes, sizeof *a->sizes * a->ndim) == 0;
}

/* Runs the job on the tensors (t[i] NULL: none): t[0] is the parameter, t[1] the gradient, the rest state. */
static bool step_run(step_job *j, int64_t index, ct_tensor *const *t)
{
    ct_tensor *p = t[0];
    ct_dtype dtype = (ct_dtype)p->dtype;
    if (!ct_is_floating(dtype)) {
        ct_fail(CT_ERR_RUNTIME, "optimizer step: parameter %lld is a %s, which no step is for", (long long)index, ct__type_text(p));
        return false;
    }
    bool direct = dtype == CT_FLOAT32 || dtype == CT_FLOAT64;
    for (int i = 0; i < STEP_MAX; i++) {
        if (!t[i])
            continue;
        if (!step_same_shape(t[i], p)) {
            ct_fail(CT_ERR_RUNTIME, "optimizer step: parameter %lld has shape %s, its %s shape %s", (long long)index,
                    ct__shape_text(p), i == 1 ? "gradient" : "state", ct__shape_text(t[i]));
            return false;
        }
        if (i > 1 && t[i]->dtype != p->dtype && !ct_is_floating((ct_dtype)t[i]->dtype)) {
            ct_fail(CT_ERR_RUNTIME, "optimizer step: parameter %lld is a %s, its state a %s", (long long)index, ct__type_text(p),
                    ct__type_text(t[i]));
            return false;
        }
        if (!t[i]->data && t[i]->numel) {
            ct_fail(CT_ERR_NOT_IMPLEMENTED, "optimizer step: parameter %lld or its state is a meta tensor", (long long)index);
            return false;
        }
        direct = direct && t[i]->contiguous && t[i]->dtype == p->dtype;
    }
    if (p->numel == 0)
        return true;
    ct_dtype compute = dtype == CT_FLOAT64 ? CT_FLOAT64 : CT_FLOAT32;
    j->wide = compute == CT_FLOAT64;
    ct_tensor *copies[STEP_MAX] = {NULL};
    bool good = true;
    for (int i = 0; i < STEP_MAX; i++) {
        j->a[i] = t[i] ? t[i]->data : NULL;
        if (direct || !t[i])
            continue;
        ct_tensor *cast = ct__cast(t[i], compute);
        copies[i] = cast ? ct__contiguous_of(cast) : NULL;
        ct_release(cast);
        if (!copies[i]) {
            good = false;
            break;
        }
        j->a[i] = copies[i]->data;
    }
    int64_t pieces = p->numel / STEP_GRAIN + 1; /* of one size, about */
    if (good)
        ct__parallel(p->numel, (p->numel + pieces - 1) / pieces, step_range, j);
    for (int i = 0; i < STEP_MAX; i++) {
        if (good && copies[i] && i != 1 && copies[i]->data != t[i]->data)
            good = ct__copy(t[i], copies[i]);
        ct_release(copies[i]);
        if (good && t[i] && i != 1)
            ct_bump_version(t[i]);
    }
    return good;
}

/* One list's length against the parameters'. */
static bool step_length(ct_tensors params, ct_tensors list, const char *what)
{
    if (!ct_ok())
        return false;
    if (list.n != params.n) {
        ct_fail(CT_ERR_VALUE, "optimizer step: %lld parameters but %lld %s", (long long)params.n, (long long)list.n, what);
        return false;
    }
    for (int64_t i = 0; i < list.n; i++)
        if (!list.v[i] || !params.v[i]) {
            ct_fail(CT_ERR_TYPE, "optimizer step: %s %lld is missing", list.v[i] ? "parameter" : what, (long long)i);
            return false;
        }
    return true;
}

/* step += 1; gives the new count, or -1. */
static double step_count(ct_tensor *step)
{
    if (step->numel != 1 || !step->data || (step->dtype != CT_FLOAT32 && step->dtype != CT_FLOAT64)) {
        ct_fail(CT_ERR_RUNTIME, "optimizer step: a step count must be a one-element float tensor, but is a %s of shape %s",
                ct__type_text(step), ct__shape_text(step));
        return -1;
    }
    double count = ct__load_double((ct_dtype)step->dtype, step->data) + 1;
    ct__store_scalar((ct_dtype)step->dtype, step->data, ct_float_scalar(count));
    ct_bump_version(step);
    return count;
}

bool ct_sgd_step(ct_tensors params, ct_tensors grads, ct_tensor **bufs, const ct_sgd_step_opts *o)
{
    if (!step_length(params, grads, "gradients"))
        return false;
    for (int64_t i = 0; i < params.n; i++) {
        ct_tensor *buf = NULL;
        bool fresh = false;
        if (o->momentum != 0) {
            if (!bufs[i]) {
                fresh = true;
                bufs[i] = ct_adopt(ct__new_like(grads.v[i], (ct_dtype)grads.v[i]->dtype));
                if (!bufs[i])
                    return false;
            }
            buf = bufs[i];
        }
        step_job j = {.kind = STEP_SGD, .fresh = fresh,
                      .k = {.lr = -o->lr, .weight_decay = o->weight_decay, .beta1 = o->momentum, .beta2 = 1 - o->dampening,
                            .maximize = o->maximize, .nesterov = o->nesterov}};
        if (!step_run(&j, i, (ct_tensor *[STEP_MAX]){params.v[i], grads.v[i], buf}))
            return false;
    }
    return true;
}

bool ct_adam_step(ct_tensors params, ct_tensors grads, ct_tensors exp_avgs, ct_tensors exp_avg_sqs, ct_tensors max_exp_avg_sqs,
                  ct_tensors steps, const ct_adam_step_opts *o)
{
    if (!step_length(params, grads, "gradients") || !step_length(params, exp_avgs, "exp_avgs") ||
        !step_length(params, exp_avg_sqs, "exp_avg_sqs") || !step_length(params, steps, "steps") ||
        (o->amsgrad && !step_length(params, max_exp_avg_sqs, "max_exp_avg_sqs")))
        return false;
    for (int64_t i = 0; i < params.n; i++) {
        double count = step_count(steps.v[i]);
        if (count < 0)
            return false;
        bool decoupled = o->decoupled_weight_decay;
        step_job j = {.kind = STEP_ADAM,
                      .k = {.lr = -(o->lr / (1 - pow(o->beta1, count))), .weight_decay = decoupled ? 0 : o->weight_decay,
                            .shrink = decoupled && o->weight_decay != 0 ? 1 - o->lr * o->weight_decay : 1, .beta1 = o->beta1,
                            .beta2 = o->beta2, .correction = sqrt(1 - pow(o->beta2, count)), .eps = o->eps,
                            .maximize = o->maximize}};
        if (!step_run(&j, i, (ct_tensor *[STEP_MAX]){params.v[i], grads.v[i], exp_avgs.v[i], exp_avg_sqs.v[i],
                                                     o->amsgrad ? max_exp_avg_sqs.v[i] : NULL}))
            return false;
    }
    return true;
}

bool ct_rmsprop_step(ct_tensors params, ct_tensors grads, ct_tensors square_avgs, ct_tensors grad_avgs, ct_tensors bufs,
                     ct_tensors steps, const ct_rmsprop_step_opts *o)
{
    if (!step_length(params, grads, "gradients") || !step_length(params, square_avgs, "square_avgs") ||
        !step_length(params, steps, "steps") || (o->centered && !step_length(params, grad_avgs, "grad_avgs")) ||
        (o->momentum > 0 && !step_length(params, bufs, "momentum buffers")))
        return false;
    for (int64_t i = 0; i < params.n; i++) {
        if (step_count(steps.v[i]) < 0)
            return false;
        step_job j = {.kind = STEP_RMSPROP,
                      .k = {.lr = -o->lr, .weight_decay = o->weight_decay, .beta1 = o->momentum, .beta2 = o->alpha, .eps = o->eps,
                            .maximize = o->maximize}};
        if (!step_run(&j, i, (ct_tensor *[STEP_MAX]){params.v[i], grads.v[i], square_avgs.v[i],
                                                     o->centered ? grad_avgs.v[i] : NULL, o->momentum > 0 ? bufs.v[i] : NULL}))
            return false;
    }
    return true;
}

bool ct_adagrad_step(ct_tensors params, ct_tensors grads, ct_tensors sums, ct_tensors steps, const ct_adagrad_step_opts *o)
{
    if (!step_length(params, grads, "gradients") || !step_length(params, sums, "sums") || !step_length(params, steps, "steps"))
        return false;
    for (int64_t i = 0; i < params.n; i++) {
        double count = step_count(steps.v[i]);
        if (count < 0)
            return false;
        step_job j = {.kind = STEP_ADAGRAD,
                      .k = {.lr = -(o->lr / (1 + (count - 1) * o->lr_decay)), .weight_decay = o->weight_decay, .eps = o->eps,
                            .maximize = o->maximize}};
        if (!step_run(&j, i, (ct_tensor *[STEP_MAX]){params.v[i], grads.v[i], sums.v[i]}))
            return false;
    }
    return true;
}
