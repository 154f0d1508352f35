/* State dicts of modules in PyTorch's files. Loading is strict and checks everything before it changes anything. */
#include "nn/nn.h"
#include <ctorch/serialize.h>
#include <string.h>

bool ct_save_state(void *module, const char *path)
{
    if (!module || !ct_ok())
        return false;
    CT_SCOPE();
    ct_named_list state = ct_state(module);
    if (!ct_ok())
        return false;
    size_t bytes = sizeof(void *) * (size_t)(state.n + 1);
    const char **names = ct__alloc(bytes);
    ct_tensor **tensors = names ? ct__alloc(bytes) : NULL;
    bool good = tensors != NULL;
    for (int64_t i = 0; good && i < state.n; i++) {
        names[i] = state.v[i].name;
        tensors[i] = ct_detach(state.v[i].tensor);
        good = tensors[i] != NULL;
    }
    good = good && ct_save_tensors(path, state.n, names, tensors);
    ct__free(tensors, bytes);
    ct__free(names, bytes);
    return good;
}

static void state_shape(ct__text *t, ct_tensor *x)
{
    ct_ints s = ct_shape_of(x);
    ct__text_add(t, "torch.Size([");
    for (int64_t i = 0; i < s.n; i++)
        ct__text_addf(t, "%s%lld", i ? ", " : "", (long long)s.v[i]);
    ct__text_add(t, "])");
}

static bool state_same_shape(ct_tensor *a, ct_tensor *b)
{
    ct_ints x = ct_shape_of(a), y = ct_shape_of(b);
    return x.n == y.n && (x.n == 0 || !memcmp(x.v, y.v, sizeof *x.v * (size_t)x.n));
}

/* A quoted name appended to a list that begins with `head`. */
static void state_list(ct__text *t, const char *head, const char *name)
{
    ct__text_addf(t, "%s\"%s\"", t->length ? ", " : head, name);
}

/* What stands in the way of loading, in PyTorch's words; empty text if nothing does. */
static void state_problems(ct_named_list state, const ct_datum *dict, ct__text *all)
{
    ct__text missing = {0}, unexpected = {0}, shapes = {0};
    for (int64_t i = 0; i < state.n; i++) {
        const ct_datum *v = ct_value_get(dict, state.v[i].name);
        if (!v) {
            state_list(&missing, "\n\tMissing key(s) in state_dict: ", state.v[i].name);
        } else if (ct_value_kind_of(v) != CT_VALUE_TENSOR) {
            ct__text_addf(&shapes, "\n\tWhile copying the parameter named \"%s\", expected torch.Tensor or Tensor-like object from "
                          "checkpoint but received %s", state.v[i].name, ct_value_kind_name(ct_value_kind_of(v)));
        } else if (!state_same_shape(ct_value_get_tensor(v), state.v[i].tensor)) {
            ct__text_addf(&shapes, "\n\tsize mismatch for %s: copying a param with shape ", state.v[i].name);
            state_shape(&shapes, ct_value_get_tensor(v));
            ct__text_add(&shapes, " from checkpoint, the shape in current model is ");
            state_shape(&shapes, state.v[i].tensor);
            ct__text_add(&shapes, ".");
        }
    }
    for (int64_t i = 0; i < ct_value_length(dict); i++) {
        const ct_datum *key = ct_value_key(dict, i);
        const char *name = ct_value_kind_of(key) == CT_VALUE_STRING ? ct_value_text(key, NULL) : "?";
        int64_t k = 0;
        while (k < state.n && strcmp(state.v[k].name, name))
            k++;
        if (k == state.n)
            state_list(&unexpected, "\n\tUnexpected key(s) in state_dict: ", name);
    }
    if (missing.length)
        ct__text_addf(all, "%s. ", missing.s);
    if (unexpected.length)
        ct__text_addf(all, "%s. ", unexpected.s);
    if (shapes.length)
        ct__text_add(all, shapes.s);
    ct__text_free(&missing);
    ct__text_free(&unexpected);
    ct__text_free(&shapes);
}

bool ct_load_state(void *module, const char *path)
{
    ct_module *m = module;
    if (!m || !ct_ok())
        return false;
    ct_value_tree *tree = ct_load(path);
    if (!tree)
        return false;
    CT_SCOPE();
    const ct_datum *root = ct_tree_root(tree);
    ct_value_kind kind = root ? ct_value_kind_of(root) : CT_VALUE_NONE;
    ct_named_list state = ct_state(module);
    bool good = ct_ok();
    if (good && kind != CT_VALUE_DICT && kind != CT_VALUE_ORDERED_DICT) {
        ct_fail(CT_ERR_TYPE, "Expected state_dict to be dict-like, got %s.", ct_value_kind_name(kind));
        good = false;
    }
    if (good) {
        ct__text problems = {0};
        state_problems(state, root, &problems);
        if (problems.length)
            ct_fail(CT_ERR_RUNTIME, "Error(s) in loading state_dict for %s:%s", m->type, problems.s);
        ct__text_free(&problems);
        good = ct_ok();
    }
    ct_no_grad {
        for (int64_t i = 0; good && i < state.n; i++)
            good = ct_copy_(state.v[i].tensor, ct_value_get_tensor(ct_value_get(root, state.v[i].name))) != NULL;
    }
    ct_release(tree);
    return good;
}
