/* Optimizers for C programs: parameter groups and state around the steps of <ctorch/steps.h>. */
#include "optim/optim.h"
#include <ctorch/ctorch.h>
#include <math.h>
#include <string.h>

const char *const ct__optim_state_names[4][CT__OPTIM_STATES] = {
    {"momentum_buffer", NULL, NULL},
    {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    {"square_avg", "grad_avg", "momentum_buffer"},
    {"sum", NULL, NULL},
};

bool ct__optim_has_state(const ct_optim *o, int i)
{
    switch (o->kind) {
    case CT__SGD: return i == 0 && o->sgd.momentum != 0;
    case CT__ADAM: return i < 2 || o->adam.amsgrad;
    case CT__RMSPROP: return i == 0 || (i == 1 ? o->rmsprop.centered : o->rmsprop.momentum > 0);
    case CT__ADAGRAD: return i == 0;
    }
    return false;
}

/* ---- Lifetime ---- */

static void optim_free_list(ct_tensor **v, int64_t n, bool owned)
{
    for (int64_t i = 0; v && owned && i < n; i++)
        ct_release(v[i]);
    ct__free(v, sizeof *v * (size_t)n);
}

static void optim_free_group(ct__optim_group *g)
{
    optim_free_list(g->params, g->n, true);
    optim_free_list(g->grads, g->n, false);
    optim_free_list(g->steps, g->n, true);
    for (int i = 0; i < CT__OPTIM_STATES; i++)
        optim_free_list(g->state[i], g->n, true);
    for (int i = 0; i < CT__OPTIM_STATES + 2; i++)
        optim_free_list(g->scratch[i], g->n, false);
}

static void optim_destroy(void *object)
{
    ct_optim *o = object;
    for (int64_t i = 0; i < o->ngroups; i++)
        optim_free_group(&o->groups[i]);
    ct__free(o->groups, sizeof *o->groups * (size_t)o->ngroups);
    ct__free(o, sizeof *o);
}

static void optim_print_number(ct__text *t, const char *name, double v, const char *after)
{
    if (v == floor(v) && fabs(v) < 1e15 && v != 0 && !strcmp(name, "lr") == 0)
        ct__text_addf(t, "    %s: %.0f%s", name, v, after);
    else
        ct__text_addf(t, "    %s: %.15g%s", name, v, after);
}

static void optim_print(const void *object, void *text)
{
    const ct_optim *o = object;
    ct__text *t = text;
    ct__text_addf(t, "%s (\n", o->name);
    for (int64_t i = 0; i < o->ngroups; i++) {
        ct__text_addf(t, "%sParameter Group %lld\n", i ? "\n" : "", (long long)i);
        optim_print_number(t, "lr", o->groups[i].lr, "\n");
        if (o->kind == CT__SGD) {
            optim_print_number(t, "momentum", o->sgd.momentum, "\n");
            ct__text_addf(t, "    nesterov: %s\n", o->sgd.nesterov ? "True" : "False");
        }
        optim_print_number(t, "weight_decay", o->groups[i].weight_decay, "\n");
    }
    ct__text_add(t, ")");
}

static const ct_type optim_type = {"Optimizer", optim_destroy, optim_print};

static ct_tensor **optim_list(int64_t n)
{
    return ct__alloc_zero(sizeof(ct_tensor *) * (size_t)n);
}

static bool optim_fill_group(ct_optim *o, ct__optim_group *g, ct_tensors params, double lr, double weight_decay)
{
    memset(g, 0, sizeof *g);
    g->n = params.n;
    g->lr = g->initial_lr = lr;
    g->weight_decay = weight_decay;
    if (!(g->params = optim_list(g->n)) || !(g->grads = optim_list(g->n)))
        return false;
    for (int64_t i = 0; i < g->n; i++)
        g->params[i] = ct_retain(params.v[i]);
    if (o->kind != CT__SGD && !(g->steps = optim_list(g->n)))
        return false;
    for (int i = 0; i < CT__OPTIM_STATES; i++)
        if (ct__optim_has_state(o, i) && !(g->state[i] = optim_list(g->n)))
            return false;
    for (int i = 0; i < CT__OPTIM_STATES + 2; i++)
        if (!(g->scratch[i] = optim_list(g->n)))
            return false;
    return true;
}

int64_t ct_add_param_group(ct_optim *o, ct_tensors params, double lr, double weight_decay)
{
    if (!o || !ct_ok())
        return -1;
    if (params.n == 0) {
        ct_fail(CT_ERR_VALUE, "optimizer got an empty parameter list");
        return -1;
    }
    if (!(lr >= 0) || !(weight_decay >= 0)) {
        ct_fail(CT_ERR_VALUE, lr >= 0 ? "Invalid weight_decay value: %g" : "Invalid learning rate: %g", lr >= 0 ? weight_decay : lr);
        return -1;
    }
    for (int64_t i = 0; i < params.n; i++) {
        if (!params.v[i]) {
            ct_fail(CT_ERR_TYPE, "optimizer can only optimize Tensors, but one of the params is NULL");
            return -1;
        }
        if (!ct_is_leaf(params.v[i])) {
            ct_fail(CT_ERR_VALUE, "can't optimize a non-leaf Tensor");
            return -1;
        }
        for (int64_t g = 0; g < o->ngroups; g++)
            for (int64_t k = 0; k < o->groups[g].n; k++)
                if (o->groups[g].params[k] == params.v[i]) {
                    ct_fail(CT_ERR_VALUE, "some parameters appear in more than one parameter group");
                    return -1;
                }
    }
    size_t old = sizeof *o->groups * (size_t)o->ngroups;
    ct__optim_group *groups = ct__alloc(old + sizeof *groups);
    if (!groups)
        return -1;
    if (old)
        memcpy(groups, o->groups, old);
    if (!optim_fill_group(o, &groups[o->ngroups], params, lr, weight_decay)) {
        optim_free_group(&groups[o->ngroups]);
        ct__free(groups, old + sizeof *groups);
        return -1;
    }
    ct__free(o->groups, old);
    o->groups = groups;
    return o->ngroups++;
}

static bool optim_range(bool good, const char *format, double v)
{
    if (!good)
        ct_fail(CT_ERR_VALUE, format, v);
    return good;
}

/* Copies the options in and makes the first group. */
static ct_optim *optim_new(ct__optim_kind kind, const char *name, ct_tensors params, const void *options, size_t size, double lr,
                           double weight_decay)
{
    if (!ct_ok())
        return NULL;
    ct_optim *o = ct__alloc_zero(sizeof *o);
    if (!o)
        return NULL;
    ct__object_init(o, &optim_type);
    o->kind = kind;
    o->name = name;
    memcpy(&o->sgd, options, size);
    if (ct_add_param_group(o, params, lr, weight_decay) < 0) {
        ct_release(o);
        return NULL;
    }
    return o;
}

ct_optim *(ct_sgd)(ct_tensors params, const ct_sgd_opts *c)
{
    if (!optim_range(c->momentum >= 0, "Invalid momentum value: %g", c->momentum))
        return NULL;
    if (c->nesterov && (c->momentum <= 0 || c->dampening != 0))
        return ct_fail(CT_ERR_VALUE, "Nesterov momentum requires a momentum and zero dampening");
    return optim_new(CT__SGD, "SGD", params, c, sizeof *c, c->lr, c->weight_decay);
}

static ct_optim *optim_adam(const char *name, ct_tensors params, const ct_adam_opts *c)
{
    if (!optim_range(c->eps >= 0, "Invalid epsilon value: %g", c->eps) ||
        !optim_range(c->beta1 >= 0 && c->beta1 < 1, "Invalid beta parameter at index 0: %g", c->beta1) ||
        !optim_range(c->beta2 >= 0 && c->beta2 < 1, "Invalid beta parameter at index 1: %g", c->beta2))
        return NULL;
    return optim_new(CT__ADAM, name, params, c, sizeof *c, c->lr, c->weight_decay);
}

ct_optim *(ct_adam)(ct_tensors params, const ct_adam_opts *options) { return optim_adam("Adam", params, options); }

ct_optim *(ct_adamw)(ct_tensors params, const ct_adam_opts *options)
{
    ct_adam_opts c = *options;
    c.decoupled_weight_decay = true;
    return optim_adam("AdamW", params, &c);
}

ct_optim *(ct_rmsprop)(ct_tensors params, const ct_rmsprop_opts *c)
{
    if (!optim_range(c->eps >= 0, "Invalid epsilon value: %g", c->eps) ||
        !optim_range(c->momentum >= 0, "Invalid momentum value: %g", c->momentum) ||
        !optim_range(c->alpha >= 0, "Invalid alpha value: %g", c->alpha))
        return NULL;
    return optim_new(CT__RMSPROP, "RMSprop", params, c, sizeof *c, c->lr, c->weight_decay);
}

/* A new tensor like p, outside of the graph, filled; owned by the caller. */
static ct_tensor *optim_like(ct_tensor *p, double value)
{
    CT_SCOPE();
    ct_tensor *t = NULL;
    ct_no_grad t = ct_detach(ct_full_like(p, ct_float_scalar(value)));
    return ct_retain(t);
}

static ct_tensor *optim_zero_step(void)
{
    CT_SCOPE();
    double zero = 0;
    return ct_retain(ct_tensor_from_doubles(&zero, CT_SHAPE(), CT_FLOAT32));
}

ct_optim *(ct_adagrad)(ct_tensors params, const ct_adagrad_opts *c)
{
    if (!optim_range(c->eps >= 0, "Invalid epsilon value: %g", c->eps) ||
        !optim_range(c->lr_decay >= 0, "Invalid lr_decay value: %g", c->lr_decay) ||
        !optim_range(c->initial_accumulator_value >= 0, "Invalid initial_accumulator_value value: %g", c->initial_accumulator_value))
        return NULL;
    return optim_new(CT__ADAGRAD, "Adagrad", params, c, sizeof *c, c->lr, c->weight_decay);
}

/* ---- Steps ---- */

static double optim_first_value(const ct_optim *o) { return o->kind == CT__ADAGRAD ? o->adagrad.initial_accumulator_value : 0; }

/* Gathers the parameters that have a gradient, with their state, into the group's scratch lists; their number, or -1. */
static int64_t optim_gather(ct_optim *o, ct__optim_group *g)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->n; i++) {
        ct_tensor *grad = ct_grad(g->params[i]);
        if (!grad)
            continue;
        g->scratch[0][n] = g->params[i];
        g->grads[n] = grad;
        if (g->steps) {
            if (!g->steps[i] && !(g->steps[i] = optim_zero_step()))
                return -1;
            g->scratch[1][n] = g->steps[i];
        }
        for (int k = 0; k < CT__OPTIM_STATES; k++) {
            if (!g->state[k])
                continue;
            if (!g->state[k][i] && o->kind != CT__SGD && !(g->state[k][i] = optim_like(g->params[i], optim_first_value(o))))
                return -1;
            g->scratch[2 + k][n] = g->state[k][i];
        }
        n++;
    }
    return n;
}

static ct_tensors optim_view(ct_tensor **v, int64_t n) { return (ct_tensors){n, v}; }

static bool optim_step_group(ct_optim *o, ct__optim_group *g)
{
    CT_SCOPE();
    int64_t n = optim_gather(o, g);
    if (n <= 0)
        return n == 0;
    ct_tensors params = optim_view(g->scratch[0], n), grads = optim_view(g->grads, n), steps = optim_view(g->scratch[1], n),
               a = optim_view(g->scratch[2], n), b = optim_view(g->scratch[3], n), c = optim_view(g->scratch[4], n);
    switch (o->kind) {
    case CT__SGD: {
        ct_sgd_step_opts s = {.lr = g->lr, .momentum = o->sgd.momentum, .dampening = o->sgd.dampening,
                              .weight_decay = g->weight_decay, .nesterov = o->sgd.nesterov, .maximize = o->sgd.maximize};
        bool good = ct_sgd_step(params, grads, g->scratch[2], &s);
        for (int64_t i = 0, k = 0; o->sgd.momentum != 0 && i < g->n && k < n; i++)
            if (g->params[i] == g->scratch[0][k]) {
                if (!g->state[0][i])
                    g->state[0][i] = ct_retain(g->scratch[2][k]);
                k++;
            }
        return good;
    }
    case CT__ADAM: {
        ct_adam_step_opts s = {.lr = g->lr, .beta1 = o->adam.beta1, .beta2 = o->adam.beta2, .eps = o->adam.eps,
                               .weight_decay = g->weight_decay, .amsgrad = o->adam.amsgrad, .maximize = o->adam.maximize,
                               .decoupled_weight_decay = o->adam.decoupled_weight_decay};
        return ct_adam_step(params, grads, a, b, c, steps, &s);
    }
    case CT__RMSPROP: {
        ct_rmsprop_step_opts s = {.lr = g->lr, .alpha = o->rmsprop.alpha, .eps = o->rmsprop.eps, .weight_decay = g->weight_decay,
                                  .momentum = o->rmsprop.momentum, .centered = o->rmsprop.centered,
                                  .maximize = o->rmsprop.maximize};
        return ct_rmsprop_step(params, grads, a, b, c, steps, &s);
    }
    case CT__ADAGRAD: {
        ct_adagrad_step_opts s = {.lr = g->lr, .lr_decay = o->adagrad.lr_decay, .weight_decay = g->weight_decay,
                                  .eps = o->adagrad.eps, .maximize = o->adagrad.maximize};
        return ct_adagrad_step(params, grads, a, steps, &s);
    }
    }
    return false;
}

bool ct_step(ct_optim *o)
{
    if (!o || !ct_ok())
        return false;
    for (int64_t i = 0; i < o->ngroups; i++)
        if (!optim_step_group(o, &o->groups[i]))
            return false;
    return true;
}

bool ct_zero_grad(ct_optim *o)
{
    if (!o || !ct_ok())
        return false;
    for (int64_t i = 0; i < o->ngroups; i++)
        for (int64_t k = 0; k < o->groups[i].n; k++)
            if (!ct_set_grad(o->groups[i].params[k], NULL))
                return false;
    return true;
}

int64_t ct_param_groups(const ct_optim *o) { return o ? o->ngroups : 0; }

static ct__optim_group *optim_group(const ct_optim *o, int64_t group)
{
    if (!o || !ct_ok())
        return NULL;
    if (group < 0 || group >= o->ngroups)
        return ct_fail(CT_ERR_INDEX, "there is no parameter group %lld", (long long)group);
    return &o->groups[group];
}

double ct_learning_rate(const ct_optim *o, int64_t group)
{
    ct__optim_group *g = optim_group(o, group);
    return g ? g->lr : NAN;
}

bool ct_set_learning_rate(ct_optim *o, int64_t group, double lr)
{
    ct__optim_group *g = optim_group(o, group);
    if (g)
        g->lr = lr;
    return g != NULL;
}

double ct_clip_grad_norm_(ct_tensors params, double max_norm)
{
    double sum = 0;
    ct_no_grad {
        CT_SCOPE();
        for (int64_t i = 0; i < params.n; i++) {
            ct_tensor *g = params.v[i] ? ct_grad(params.v[i]) : NULL;
            if (g)
                sum += ct_item(ct_sum(ct_mul(g, g)));
        }
        double norm = sqrt(sum), factor = max_norm / (norm + 1e-6);
        for (int64_t i = 0; i < params.n && factor < 1; i++) {
            ct_tensor *g = params.v[i] ? ct_grad(params.v[i]) : NULL;
            if (g)
                ct_mul_(g, factor);
        }
    }
    return ct_ok() ? sqrt(sum) : -1;
}
