/* An optimizer's state dict as PyTorch writes it: {'state': {index: {...}}, 'param_groups': [{..., 'params': [index, ...]}]}. */
#include "optim/optim.h"
#include <ctorch/ops.h>
#include <ctorch/serialize.h>
#include <math.h>
#include <string.h>

static void checkpoint_put(ct_value_tree *t, ct_datum *dict, const char *key, ct_datum *value)
{
    ct_value_put(dict, ct_tree_string(t, key), value);
}

static void checkpoint_options(ct_value_tree *t, ct_datum *d, const ct_optim *o)
{
    switch (o->kind) {
    case CT__SGD:
        checkpoint_put(t, d, "momentum", ct_tree_float(t, o->sgd.momentum));
        checkpoint_put(t, d, "dampening", ct_tree_float(t, o->sgd.dampening));
        checkpoint_put(t, d, "nesterov", ct_tree_bool(t, o->sgd.nesterov));
        checkpoint_put(t, d, "maximize", ct_tree_bool(t, o->sgd.maximize));
        break;
    case CT__ADAM: {
        ct_datum *betas[2] = {ct_tree_float(t, o->adam.beta1), ct_tree_float(t, o->adam.beta2)};
        checkpoint_put(t, d, "betas", ct_tree_tuple(t, 2, betas));
        checkpoint_put(t, d, "eps", ct_tree_float(t, o->adam.eps));
        checkpoint_put(t, d, "amsgrad", ct_tree_bool(t, o->adam.amsgrad));
        checkpoint_put(t, d, "maximize", ct_tree_bool(t, o->adam.maximize));
        checkpoint_put(t, d, "capturable", ct_tree_bool(t, false));
        checkpoint_put(t, d, "decoupled_weight_decay", ct_tree_bool(t, o->adam.decoupled_weight_decay));
        break;
    }
    case CT__RMSPROP:
        checkpoint_put(t, d, "momentum", ct_tree_float(t, o->rmsprop.momentum));
        checkpoint_put(t, d, "alpha", ct_tree_float(t, o->rmsprop.alpha));
        checkpoint_put(t, d, "eps", ct_tree_float(t, o->rmsprop.eps));
        checkpoint_put(t, d, "centered", ct_tree_bool(t, o->rmsprop.centered));
        checkpoint_put(t, d, "maximize", ct_tree_bool(t, o->rmsprop.maximize));
        checkpoint_put(t, d, "capturable", ct_tree_bool(t, false));
        break;
    case CT__ADAGRAD:
        checkpoint_put(t, d, "lr_decay", ct_tree_float(t, o->adagrad.lr_decay));
        checkpoint_put(t, d, "eps", ct_tree_float(t, o->adagrad.eps));
        checkpoint_put(t, d, "initial_accumulator_value", ct_tree_float(t, o->adagrad.initial_accumulator_value));
        checkpoint_put(t, d, "maximize", ct_tree_bool(t, o->adagrad.maximize));
        break;
    }
    checkpoint_put(t, d, "foreach", ct_tree_none(t));
    checkpoint_put(t, d, "differentiable", ct_tree_bool(t, false));
    if (o->kind != CT__RMSPROP)
        checkpoint_put(t, d, "fused", ct_tree_none(t));
}

bool ct_save_optim(const ct_optim *o, const char *path)
{
    if (!o || !ct_ok())
        return false;
    ct_value_tree *t = ct_tree_new();
    if (!t)
        return false;
    ct_datum *root = ct_tree_container(t, CT_VALUE_DICT), *state = ct_tree_container(t, CT_VALUE_DICT),
             *groups = ct_tree_container(t, CT_VALUE_LIST);
    checkpoint_put(t, root, "state", state);
    checkpoint_put(t, root, "param_groups", groups);
    int64_t index = 0;
    for (int64_t i = 0; i < o->ngroups; i++) {
        const ct__optim_group *g = &o->groups[i];
        ct_datum *d = ct_tree_container(t, CT_VALUE_DICT), *params = ct_tree_container(t, CT_VALUE_LIST);
        checkpoint_put(t, d, "lr", ct_tree_float(t, g->lr));
        checkpoint_put(t, d, "weight_decay", ct_tree_float(t, g->weight_decay));
        checkpoint_options(t, d, o);
        for (int64_t k = 0; k < g->n; k++, index++) {
            ct_value_append(params, ct_tree_int(t, index));
            ct_datum *own = NULL;
            if (g->steps && g->steps[k]) {
                own = ct_tree_container(t, CT_VALUE_DICT);
                checkpoint_put(t, own, "step", ct_tree_tensor(t, g->steps[k], false));
            }
            for (int s = 0; s < CT__OPTIM_STATES; s++)
                if (g->state[s] && g->state[s][k]) {
                    if (!own)
                        own = ct_tree_container(t, CT_VALUE_DICT);
                    checkpoint_put(t, own, ct__optim_state_names[o->kind][s], ct_tree_tensor(t, g->state[s][k], false));
                }
            if (own)
                ct_value_put(state, ct_tree_int(t, index), own);
        }
        checkpoint_put(t, d, "params", params);
        ct_value_append(groups, d);
    }
    bool good = ct_ok() && ct_tree_set_root(t, root) && ct_save(t, path);
    ct_release(t);
    return good;
}

/* dict[key] with an int key. */
static const ct_datum *checkpoint_at(const ct_datum *dict, int64_t key)
{
    for (int64_t i = 0; dict && i < ct_value_length(dict); i++) {
        const ct_datum *k = ct_value_key(dict, i);
        if (ct_value_kind_of(k) == CT_VALUE_INT && ct_value_get_int(k) == key)
            return ct_value_item(dict, i);
    }
    return NULL;
}

static bool checkpoint_dict(const ct_datum *v) { return v && ct_value_kind_of(v) == CT_VALUE_DICT; }

static double checkpoint_number(const ct_datum *d, const char *key, double otherwise)
{
    const ct_datum *v = ct_value_get(d, key);
    ct_value_kind kind = v ? ct_value_kind_of(v) : CT_VALUE_NONE;
    if (kind == CT_VALUE_TENSOR && ct_numel(ct_value_get_tensor(v)) == 1)
        return ct_item(ct_value_get_tensor(v));
    return kind == CT_VALUE_FLOAT || kind == CT_VALUE_INT || kind == CT_VALUE_BOOL ? ct_value_get_float(v) : otherwise;
}

static void checkpoint_read_options(ct_optim *o, const ct_datum *d)
{
    switch (o->kind) {
    case CT__SGD:
        o->sgd.dampening = checkpoint_number(d, "dampening", o->sgd.dampening);
        o->sgd.nesterov = checkpoint_number(d, "nesterov", o->sgd.nesterov) != 0;
        o->sgd.maximize = checkpoint_number(d, "maximize", o->sgd.maximize) != 0;
        if (o->sgd.momentum != 0)
            o->sgd.momentum = checkpoint_number(d, "momentum", o->sgd.momentum);
        break;
    case CT__ADAM: {
        const ct_datum *betas = ct_value_get(d, "betas");
        if (betas && ct_value_length(betas) == 2 && ct_value_kind_of(ct_value_item(betas, 0)) == CT_VALUE_FLOAT &&
            ct_value_kind_of(ct_value_item(betas, 1)) == CT_VALUE_FLOAT) {
            o->adam.beta1 = ct_value_get_float(ct_value_item(betas, 0));
            o->adam.beta2 = ct_value_get_float(ct_value_item(betas, 1));
        }
        o->adam.eps = checkpoint_number(d, "eps", o->adam.eps);
        o->adam.maximize = checkpoint_number(d, "maximize", o->adam.maximize) != 0;
        break;
    }
    case CT__RMSPROP:
        o->rmsprop.alpha = checkpoint_number(d, "alpha", o->rmsprop.alpha);
        o->rmsprop.eps = checkpoint_number(d, "eps", o->rmsprop.eps);
        o->rmsprop.maximize = checkpoint_number(d, "maximize", o->rmsprop.maximize) != 0;
        break;
    case CT__ADAGRAD:
        o->adagrad.lr_decay = checkpoint_number(d, "lr_decay", o->adagrad.lr_decay);
        o->adagrad.eps = checkpoint_number(d, "eps", o->adagrad.eps);
        o->adagrad.maximize = checkpoint_number(d, "maximize", o->adagrad.maximize) != 0;
        break;
    }
}

/* A state tensor's copy in the parameter's dtype; owned. */
static ct_tensor *checkpoint_copy(const ct_datum *v, const ct_tensor *like, ct_dtype dtype, const char *what, int64_t index)
{
    ct_tensor *t = v && ct_value_kind_of(v) == CT_VALUE_TENSOR ? ct_value_get_tensor(v) : NULL;
    ct_ints shape = {0, NULL}, have = {-1, NULL};
    if (like)
        shape = ct_shape_of(like);
    if (t)
        have = ct_shape_of(t);
    if (have.n != shape.n || (shape.n && memcmp(have.v, shape.v, sizeof *shape.v * (size_t)shape.n)))
        return ct_fail(CT_ERR_VALUE, "the checkpoint's %s of parameter %lld is no tensor of its shape", what, (long long)index);
    CT_SCOPE();
    ct_tensor *copy = NULL;
    ct_no_grad copy = ct_to_dtype(t, dtype, .copy = true);
    return ct_retain(copy);
}

bool ct_load_optim(ct_optim *o, const char *path)
{
    if (!o || !ct_ok())
        return false;
    ct_value_tree *t = ct_load(path);
    if (!t)
        return false;
    const ct_datum *root = ct_tree_root(t), *state = checkpoint_dict(root) ? ct_value_get(root, "state") : NULL,
                   *groups = checkpoint_dict(root) ? ct_value_get(root, "param_groups") : NULL;
    bool good = checkpoint_dict(state) && groups && ct_value_kind_of(groups) == CT_VALUE_LIST;
    if (!good)
        ct_fail(CT_ERR_VALUE, "%s holds no optimizer's state dict", path);
    if (good && ct_value_length(groups) != o->ngroups) {
        ct_fail(CT_ERR_VALUE, "loaded state dict has a different number of parameter groups");
        good = false;
    }
    for (int64_t i = 0; good && i < o->ngroups; i++) {
        const ct_datum *d = ct_value_item(groups, i), *params = checkpoint_dict(d) ? ct_value_get(d, "params") : NULL;
        if (!params || ct_value_kind_of(params) != CT_VALUE_LIST || ct_value_length(params) != o->groups[i].n) {
            ct_fail(CT_ERR_VALUE, "loaded state dict contains a parameter group that doesn't match the size of optimizer's group");
            good = false;
        }
    }
    for (int64_t i = 0; good && i < o->ngroups; i++) {
        ct__optim_group *g = &o->groups[i];
        const ct_datum *d = ct_value_item(groups, i), *params = ct_value_get(d, "params");
        for (int64_t k = 0; good && k < g->n; k++) {
            const ct_datum *index = ct_value_item(params, k),
                           *own = ct_value_kind_of(index) == CT_VALUE_INT ? checkpoint_at(state, ct_value_get_int(index)) : NULL;
            if (!checkpoint_dict(own))
                continue;
            if (g->steps && ct_value_get(own, "step")) {
                ct_tensor *step = checkpoint_copy(ct_value_get(own, "step"), NULL, CT_FLOAT32, "step", k);
                good = step != NULL;
                if (good) {
                    ct_release(g->steps[k]);
                    g->steps[k] = step;
                }
            }
            for (int s = 0; good && s < CT__OPTIM_STATES; s++) {
                const char *name = ct__optim_state_names[o->kind][s];
                if (!g->state[s] || !ct_value_get(own, name))
                    continue;
                ct_tensor *copy = checkpoint_copy(ct_value_get(own, name), g->params[k], ct_dtype_of(g->params[k]), name, k);
                good = copy != NULL;
                if (good) {
                    ct_release(g->state[s][k]);
                    g->state[s][k] = copy;
                }
            }
        }
        if (good) {
            g->lr = checkpoint_number(d, "lr", g->lr);
            g->weight_decay = checkpoint_number(d, "weight_decay", g->weight_decay);
            if (i == 0)
                checkpoint_read_options(o, d);
        }
    }
    ct_release(t);
    return good && ct_ok();
}
