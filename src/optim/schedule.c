/* Learning rate schedules: StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, LambdaLR, by PyTorch's chained formulas. */
#include "optim/optim.h"
#include <math.h>
#include <string.h>

typedef enum schedule_kind { SCHEDULE_STEP, SCHEDULE_MULTI, SCHEDULE_EXPONENTIAL, SCHEDULE_COSINE, SCHEDULE_LAMBDA } schedule_kind;

struct ct_schedule {
    ct_object object;
    schedule_kind kind;
    ct_optim *optim;
    int64_t epoch, period, n;
    int64_t *milestones;
    double gamma, low;
    ct_lr_fn *fn;
    void *data;
};

static void schedule_destroy(void *object)
{
    ct_schedule *s = object;
    ct_release(s->optim);
    ct__free(s->milestones, sizeof *s->milestones * (size_t)s->n);
    ct__free(s, sizeof *s);
}

static const ct_type schedule_type = {"LRScheduler", schedule_destroy, NULL};

static ct_schedule *schedule_new(schedule_kind kind, ct_optim *o)
{
    if (!o || !ct_ok())
        return NULL;
    ct_schedule *s = ct__alloc_zero(sizeof *s);
    if (!s)
        return NULL;
    ct__object_init(s, &schedule_type);
    s->kind = kind;
    s->optim = ct_retain(o);
    for (int64_t i = 0; i < o->ngroups; i++)
        o->groups[i].initial_lr = o->groups[i].lr;
    return s;
}

ct_schedule *ct_step_lr(ct_optim *o, int64_t step_size, double gamma)
{
    if (step_size <= 0)
        return ct_fail(CT_ERR_VALUE, "step_size must be positive, but is %lld", (long long)step_size);
    ct_schedule *s = schedule_new(SCHEDULE_STEP, o);
    if (s)
        s->period = step_size, s->gamma = gamma;
    return s;
}

ct_schedule *ct_multi_step_lr(ct_optim *o, ct_ints milestones, double gamma)
{
    ct_schedule *s = schedule_new(SCHEDULE_MULTI, o);
    if (!s)
        return NULL;
    s->gamma = gamma;
    s->milestones = ct__alloc(sizeof *s->milestones * (size_t)(milestones.n ? milestones.n : 1));
    if (!s->milestones) {
        ct_release(s);
        return NULL;
    }
    s->n = milestones.n ? milestones.n : 1;
    s->milestones[0] = -1;
    if (milestones.n)
        memcpy(s->milestones, milestones.v, sizeof *s->milestones * (size_t)milestones.n);
    return s;
}

ct_schedule *ct_exponential_lr(ct_optim *o, double gamma)
{
    ct_schedule *s = schedule_new(SCHEDULE_EXPONENTIAL, o);
    if (s)
        s->gamma = gamma;
    return s;
}

ct_schedule *ct_cosine_annealing_lr(ct_optim *o, int64_t t_max, double eta_min)
{
    if (t_max <= 0)
        return ct_fail(CT_ERR_VALUE, "T_max must be positive, but is %lld", (long long)t_max);
    ct_schedule *s = schedule_new(SCHEDULE_COSINE, o);
    if (s)
        s->period = t_max, s->low = eta_min;
    return s;
}

static double schedule_rate(const ct_schedule *s, double lr, double base)
{
    int64_t t = s->epoch;
    switch (s->kind) {
    case SCHEDULE_STEP: return t == 0 || t % s->period ? lr : lr * s->gamma;
    case SCHEDULE_MULTI: {
        int64_t times = 0;
        for (int64_t i = 0; i < s->n; i++)
            times += s->milestones[i] == t;
        return times ? lr * pow(s->gamma, (double)times) : lr;
    }
    case SCHEDULE_EXPONENTIAL: return t ? lr * s->gamma : lr;
    case SCHEDULE_COSINE: {
        double T = (double)s->period;
        if (t == 0)
            return lr;
        int64_t phase = (t - 1 - s->period) % (2 * s->period);
        if (phase == 0)
            return lr + (base - s->low) * (1 - cos(M_PI / T)) / 2;
        return (1 + cos(M_PI * (double)t / T)) / (1 + cos(M_PI * (double)(t - 1) / T)) * (lr - s->low) + s->low;
    }
    case SCHEDULE_LAMBDA: return base * s->fn(t, s->data);
    }
    return lr;
}

static void schedule_set(ct_schedule *s)
{
    for (int64_t i = 0; i < s->optim->ngroups; i++) {
        ct__optim_group *g = &s->optim->groups[i];
        g->lr = schedule_rate(s, g->lr, g->initial_lr);
    }
}

ct_schedule *ct_lambda_lr(ct_optim *o, ct_lr_fn *fn, void *data)
{
    ct_schedule *s = schedule_new(SCHEDULE_LAMBDA, o);
    if (!s)
        return NULL;
    s->fn = fn;
    s->data = data;
    schedule_set(s);
    return s;
}

bool ct_schedule_step(ct_schedule *s)
{
    if (!s || !ct_ok())
        return false;
    s->epoch++;
    schedule_set(s);
    return true;
}
