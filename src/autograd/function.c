/* Custom functions: a node around the caller's own backward, and saved tensors with version checks for it. */
#include "autograd/graph.h"

typedef struct function_extra {
    ct__node_class cls;
    ct_function f;
    size_t bytes;
    char name[];
} function_extra;

static void function_backward(ct_node *n, ct_tensor *const *grads, ct_tensor **results)
{
    function_extra *x = n->extra;
    if (!x->f.backward(x->f.data, n->noutputs, grads, n->ninputs, results) && !ct__pending())
        ct__fail(CT_ERR_RUNTIME, "%s failed", x->name);
}

static void function_drop(ct_node *n)
{
    function_extra *x = n->extra;
    if (x->f.free_data)
        x->f.free_data(x->f.data);
    ct__free(x, x->bytes);
}

static void function_forget(ct_node *n)
{
    function_extra *x = n->extra;
    if (x->f.forget)
        x->f.forget(x->f.data);
}

static bool function_is_input(ct_tensors inputs, const ct_tensor *t)
{
    for (int64_t i = 0; i < inputs.n; i++)
        if (inputs.v[i] == t)
            return true;
    return false;
}

ct_node *ct_function_attach(const ct_function *f, ct_tensors inputs, ct_tensors outputs)
{
    if (ct__pending() || !ct__needs_graph(inputs.n, inputs.v))
        return NULL;
    bool any = false;
    for (int64_t i = 0; i < outputs.n; i++) {
        ct_tensor *t = outputs.v[i];
        any = any || (t && ct_is_floating(t->dtype));
        if (t && function_is_input(inputs, t) && !ct__inplace_check(t))
            return NULL;
    }
    if (!any)
        return NULL;
    size_t length = strlen(f->name) + 1, bytes = sizeof(function_extra) + length;
    function_extra *x = ct__alloc_zero(bytes);
    if (!x)
        return NULL;
    memcpy(x->name, f->name, length);
    x->bytes = bytes;
    x->f = *f;
    x->cls = (ct__node_class){.name = x->name,
                              .backward = function_backward,
                              .drop = function_drop,
                              .forget = function_forget,
                              .always = true};
    ct_node *n = ct__node_new(&x->cls, inputs.n, inputs.v, outputs.n, 0, 0);
    if (!n) {
        ct__free(x, bytes);
        return NULL;
    }
    n->extra = x;
    for (int64_t i = 0; i < outputs.n && !ct__pending(); i++) {
        ct_tensor *t = outputs.v[i];
        if (!t || !ct_is_floating(t->dtype))
            continue;
        ct__meta *m = ct__meta_of(t);
        if (!m)
            break;
        ct__output_meta_set(&n->metas[i], t);
        if (function_is_input(inputs, t) && t->view_base) {
            if (inputs.v[0] != t) { /* the view is not edge 0: its gradient cannot be told from the others' */
                ct__fail(CT_ERR_NOT_IMPLEMENTED,
                         "a custom function that changes a view in place must take it as its first input");
                break;
            }
            ct__node_attach_inplace(ct_retain(n), t);
            continue;
        }
        ct__set_history(t, m, n, i);
        if (t->view_base)
            t->view_kind = outputs.n > 1 ? CT__VIEW_MULTI : CT__VIEW_CUSTOM;
    }
    if (ct__pending())
        x->f.free_data = NULL; /* data stays the caller's, who is told so by NULL */
    ct_release(n);             /* outputs hold it now */
    return ct__pending() ? NULL : n;
}

/* ---- Saved tensors ---- */

struct ct_saved {
    ct_tensor *tensor;
    uint32_t version;
    int32_t output_nr;
    bool is_output;
};

ct_saved *ct_saved_new(ct_tensor *t, bool is_output)
{
    if (ct__pending() || !t)
        return NULL;
    ct_saved *s = ct__alloc_zero(sizeof *s);
    if (!s)
        return NULL;
    s->version = *ct__version_of(t);
    s->is_output = is_output;
    s->output_nr = (int32_t)ct_output_nr(t);
    s->tensor = is_output ? ct__alias(t) : ct_retain(t);
    if (!s->tensor) {
        ct__free(s, sizeof *s);
        return NULL;
    }
    return s;
}

ct_tensor *ct_saved_unpack(ct_saved *s, ct_node *owner)
{
    if (ct__pending() || !s)
        return NULL;
    if (owner && owner->freed) {
        ct__saved_freed();
        return NULL;
    }
    ct_tensor *t = s->tensor;
    if (*ct__version_of(t) != s->version) {
        bool invalid = false;
        ct_node *history = s->is_output ? owner : ct__history(t, false, &invalid);
        ct__saved_changed(t, history, s->is_output ? s->output_nr : ct_output_nr(t), s->version);
        return NULL;
    }
    if (!s->is_output)
        return ct_adopt(ct_retain(t));
    ct_tensor *output = ct__alias(t);
    if (output && owner && s->output_nr < owner->noutputs &&
        owner->metas[s->output_nr].dtype != CT_DTYPE_NONE)
        return ct__reattach(output, owner, s->output_nr);
    return output ? ct_adopt(output) : NULL;
}

void ct_saved_free(ct_saved *s)
{
    if (!s)
        return;
    ct_release(s->tensor);
    ct__free(s, sizeof *s);
}
