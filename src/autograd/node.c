/* Graph nodes: one block of memory each (header, edges, saved tensors, values, output shapes), released
 * without recursion; saved tensors with version checks. A node never owns its own outputs. */
#include "autograd/graph.h"
#include "ops/ops.h"
#include <stdio.h>

static CT_THREAD_WORD uint64_t node_sequence = 1;
static CT_THREAD_WORD ct_node *node_dead; /* to be freed: a list, so that a long chain needs no stack */
static CT_THREAD_WORD bool node_freeing;

/* The types of values that hold something. */
#define NODE_HOLDING \
    (1u << CT_V_TENSOR | 1u << CT_V_OPERAND | 1u << CT_V_TENSORS | 1u << CT_V_INTS | 1u << CT_V_STRING | 1u << CT_V_GENERATOR)

static void node_value_free(ct_node *n, int64_t i)
{
    ct_value *v = &n->values[i];
    switch (v->type) {
    case CT_V_TENSOR:
    case CT_V_OPERAND:
        ct_release(v->t);
        break;
    case CT_V_TENSORS:
        for (int64_t k = 0; k < v->tensors.n; k++)
            ct_release(v->tensors.v[k]);
        ct__free((void *)v->tensors.v, sizeof(ct_tensor *) * (size_t)v->tensors.n);
        break;
    case CT_V_INTS:
        if (v->ints.v && v->ints.v != n->arena[i])
            ct__free((void *)v->ints.v, sizeof(int64_t) * (size_t)v->ints.n);
        break;
    case CT_V_STRING:
        if (v->str)
            ct__free((void *)v->str, strlen(v->str) + 1);
        break;
    case CT_V_GENERATOR:
        ct_release(v->g);
        break;
    default:
        break;
    }
}

static void node_free(ct_node *n)
{
    for (int64_t i = 0; i < n->nsaved; i++)
        ct_release(n->saved[i].tensor);
    for (int64_t i = 0; i < n->nvalues; i++)
        if (NODE_HOLDING >> n->values[i].type & 1)
            node_value_free(n, i);
    if (n->cls->drop)
        n->cls->drop(n);
    if (CT_UNLIKELY(n->hooks.capacity))
        ct__hooks_free(&n->hooks);
    for (int64_t i = 0; i < n->ninputs; i++)
        ct_release(n->edges[i].node);
    ct_release(n->shown);
    ct__free(n, n->bytes);
}

static void node_destroy(void *object)
{
    ct_node *n = object;
    n->visit.next = node_dead;
    node_dead = n;
    if (node_freeing)
        return;
    node_freeing = true;
    while ((n = node_dead)) {
        node_dead = n->visit.next;
        node_free(n);
    }
    node_freeing = false;
}

static void node_print(const void *object, void *text)
{
    ct__text_addf(text, "<%s>", ((const ct_node *)object)->cls->name);
}

static const ct_type node_type = {"Node", node_destroy, node_print};

/* The last reference to an AccumulateGrad went: its memory belongs to the leaf, which it held until now. */
static void node_accumulator_rest(void *object) { ct_release(((ct_node *)object)->variable); }
const ct_type ct__accumulator_type = {"Node", node_accumulator_rest, node_print};

ct_node *ct__node_block(const ct__node_class *cls, int64_t ninputs, int64_t noutputs, int64_t nsaved,
                        int64_t nvalues)
{
    size_t bytes = sizeof(ct_node) + sizeof(ct__edge) * (size_t)ninputs + sizeof(struct ct__saved) * (size_t)nsaved +
                   sizeof(ct_tensor *) * (size_t)noutputs + sizeof(ct_value) * (size_t)nvalues +
                   sizeof(int64_t[4]) * (size_t)nvalues + sizeof(ct__output_meta) * (size_t)noutputs;
    char *p = ct__alloc(bytes);
    if (!p)
        return NULL;
    ct_node *n = (ct_node *)p;
    /* Field by field: of an initialiser for so many bytes the compiler makes a string instruction, which is slow to start. */
    n->base = (ct_object){&node_type, 1, 0};
    n->cls = cls;
    n->sequence = node_sequence++;
    n->bytes = bytes;
    n->ninputs = (int32_t)ninputs;
    n->noutputs = (int32_t)noutputs;
    n->nsaved = (int32_t)nsaved;
    n->nvalues = (int32_t)nvalues;
    n->freed = false;
    n->outer = NULL;
    n->first_input = NULL;
    n->variable = NULL;
    n->extra = n->user = NULL;
    n->shown = NULL;
    n->hooks = (ct__hooks){0};
    n->visit = (ct__visit){0};
    p += sizeof(ct_node);
    n->edges = (ct__edge *)p;
    p += sizeof(ct__edge) * (size_t)ninputs;
    n->saved = (struct ct__saved *)p;
    p += sizeof(struct ct__saved) * (size_t)nsaved;
    n->inbox = (ct_tensor **)p;
    p += sizeof(ct_tensor *) * (size_t)noutputs;
    n->values = (ct_value *)p;
    p += sizeof(ct_value) * (size_t)nvalues;
    n->arena = (int64_t (*)[4])p;
    p += sizeof(int64_t[4]) * (size_t)nvalues;
    n->metas = (ct__output_meta *)p;
    for (int64_t i = 0; i < ninputs; i++)
        n->edges[i] = (ct__edge){NULL, 0};
    for (int64_t i = 0; i < nsaved; i++)
        n->saved[i] = (struct ct__saved){.tensor = NULL};
    for (int64_t i = 0; i < nvalues; i++)
        n->values[i].type = CT_V_NONE;
    for (int64_t i = 0; i < noutputs; i++) {
        n->inbox[i] = NULL;
        n->metas[i].dtype = CT_DTYPE_NONE;
    }
    return n;
}

ct_node *ct__node_new(const ct__node_class *cls, int64_t ninputs, ct_tensor *const *inputs, int64_t noutputs,
                      int64_t nsaved, int64_t nvalues)
{
    ct_node *n = ct__node_block(cls, ninputs, noutputs, nsaved, nvalues);
    if (!n)
        return NULL;
    n->first_input = ninputs ? inputs[0] : NULL;
    for (int64_t i = 0; i < ninputs; i++)
        if (inputs[i] && ct__wants_grad(inputs[i])) {
            n->edges[i] = ct__gradient_edge(inputs[i]);
            if (CT_UNLIKELY(!n->edges[i].node) && ct__pending()) {
                ct_release(n);
                return NULL;
            }
        }
    return n;
}

bool ct__node_needs(const ct_node *n, int64_t input)
{
    return input < n->ninputs && n->edges[input].node != NULL;
}

/* ---- Saved tensors ---- */

ct_tensor *ct__alias(const ct_tensor *t) { return ct__new_view(t, t->offset, t->ndim, t->sizes, t->strides); }

void ct__node_save(ct_node *n, int64_t i, ct_tensor *t)
{
    if (!t)
        return;
    struct ct__saved *s = &n->saved[i];
    s->tensor = ct_retain(t);
    s->version = *ct__version_of(t);
    s->given = true;
}

void ct__node_save_output(ct_node *n, int64_t i, ct_tensor *t, int64_t output_nr)
{
    ct_tensor *alias = t ? ct__alias(t) : NULL;
    if (!alias)
        return;
    struct ct__saved *s = &n->saved[i];
    s->tensor = alias;
    s->version = *ct__version_of(t);
    s->given = s->is_output = true;
    s->output_nr = (uint8_t)output_nr;
}

void ct__node_save_copy(ct_node *n, int64_t i, ct_tensor *t)
{
    ct_tensor *copy = ct__new_like(t, t->dtype);
    if (copy && ct__copy(copy, t)) {
        if (ct__wants_grad(t)) {
            ct__edge edge = ct__gradient_edge(t);
            ct__meta *m = edge.node && !ct__is_accumulator(edge.node) ? ct__meta_of(copy) : NULL;
            if (m)
                ct__set_history(copy, m, edge.node, edge.output_nr);
            ct_release(edge.node);
        }
        ct__node_save(n, i, copy);
    }
    ct_release(copy);
}

const char *ct__node_short_name(const ct_node *n, char *buffer)
{
    const char *name = ct_node_name(n), *end = strstr(name, "Backward");
    if (!strcmp(name, "CopySlices") || !strcmp(name, "CopyBackwards") || ct__is_accumulator(n))
        snprintf(buffer, 128, "torch::autograd::%s", name);
    else if (!end || end == name || (end[8] && strspn(end + 8, "0123456789") != strlen(end + 8)))
        snprintf(buffer, 128, "%s", name);
    else
        snprintf(buffer, 128, "%.*s%s", (int)(end - name), name, !strcmp(end + 8, "0") ? "" : end + 8);
    return buffer;
}

void ct__saved_changed(const ct_tensor *t, const ct_node *history, int64_t output_nr, uint32_t expected)
{
    char name[128], which[192] = "";
    if (history)
        snprintf(which, sizeof which, ", which is output %lld of %s,", (long long)output_nr,
                 ct__node_short_name(history, name));
    ct__fail(
        CT_ERR_RUNTIME,
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[%s %s]%s is at version %u; expected version %u instead. Hint: enable anomaly detection to find "
        "the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, "
        "check_nan=False).",
        ct__type_text(t), ct__shape_text(t), which, *ct__version_of(t), expected);
}

void ct__saved_freed(void)
{
    ct__fail(CT_ERR_RUNTIME, "Trying to backward through the graph a second time (or directly access saved "
                             "tensors after they have already been freed). Saved intermediate values of "
                             "the graph are freed when you call .backward() or autograd.grad(). Specify "
                             "retain_graph=True if you need to backward through the graph a second time "
                             "or if you need to access saved tensors after calling backward.");
}

ct_tensor *ct__node_saved(ct_node *n, int64_t i)
{
    struct ct__saved *s = &n->saved[i];
    if (CT_UNLIKELY(!s->tensor)) {
        if (s->given)
            ct__saved_freed();
        return NULL;
    }
    ct_tensor *t = s->tensor;
    if (CT_UNLIKELY(*ct__version_of(t) != s->version)) {
        bool invalid = false;
        ct_node *history = s->is_output ? n : ct__history(t, t->view_base && t->view_kind == CT__VIEW_MULTI, &invalid);
        ct__saved_changed(t, history, s->is_output ? s->output_nr : ct_output_nr(t), s->version);
        return NULL;
    }
    if (!s->is_output || !ct__grad_mode || !ct_is_floating(t->dtype))
        return t;
    return ct__reattach(ct__alias(t), n, s->output_nr);
}

ct_tensor *ct__node_kept(const ct_node *n, int64_t i)
{
    ct_tensor *t = n->saved[i].tensor;
    return t && *ct__version_of(t) == n->saved[i].version ? t : NULL;
}

bool ct__made_by(const ct_tensor *t, const char *name)
{
    return t->autograd && t->autograd->grad_fn && !strcmp(t->autograd->grad_fn->cls->name, name);
}

void ct__node_forget(ct_node *n)
{
    n->freed = true;
    for (int64_t i = 0; i < n->nsaved; i++) {
        ct_tensor *t = n->saved[i].tensor;
        n->saved[i].tensor = NULL;
        ct_release(t);
    }
    if (n->cls->forget)
        n->cls->forget(n);
}

/* ---- Saved values ---- */

void ct__node_save_int(ct_node *n, int64_t i, int64_t v)
{
    n->values[i].type = CT_V_INT;
    n->values[i].i = v;
}

void ct__node_save_float(ct_node *n, int64_t i, double v)
{
    n->values[i].type = CT_V_FLOAT;
    n->values[i].f = v;
}

void ct__node_save_ints(ct_node *n, int64_t i, ct_ints v)
{
    int64_t *list = NULL;
    if (v.v) {
        if (!(list = v.n <= 4 ? n->arena[i] : ct__alloc(sizeof *list * (size_t)v.n)))
            return;
        for (int64_t k = 0; k < v.n; k++)
            list[k] = v.v[k];
    }
    n->values[i].type = CT_V_INTS;
    n->values[i].ints.n = v.n;
    n->values[i].ints.v = list;
}

void ct__node_save_value(ct_node *n, int64_t i, ct_value v)
{
    ct_value *slot = &n->values[i];
    switch (v.type) {
    case CT_V_TENSOR:
    case CT_V_OPERAND:
        ct_retain(v.t);
        break;
    case CT_V_TENSORS: {
        ct_tensor **list = v.tensors.n ? ct__alloc(sizeof *list * (size_t)v.tensors.n) : NULL;
        if (v.tensors.n && !list)
            return;
        for (int64_t k = 0; k < v.tensors.n; k++)
            list[k] = ct_retain(v.tensors.v[k]);
        v.tensors.v = list;
        break;
    }
    case CT_V_INTS: ct__node_save_ints(n, i, v.ints); return;
    case CT_V_STRING:
        if (v.str && !(v.str = ct__strdup(v.str)))
            return;
        break;
    case CT_V_GENERATOR:
        ct_retain(v.g);
        break;
    default:
        break;
    }
    *slot = v;
}

const ct_value *ct__node_value(const ct_node *n, int64_t i) { return &n->values[i]; }

/* ---- Outputs ---- */

void ct__output_meta_set(ct__output_meta *m, const ct_tensor *t)
{
    m->ndim = t->ndim;
    m->dtype = t->dtype;
    m->device = t->device;
    for (int i = 0; i < t->ndim; i++)
        m->sizes[i] = t->sizes[i];
}

void ct__node_attach(ct_node *n, int64_t noutputs, ct_tensor *const *outputs)
{
    if (!n)
        return;
    bool given = false; /* the caller's reference, to the last output */
    for (int64_t i = noutputs - 1; i >= 0; i--) {
        ct_tensor *t = outputs[i];
        if (!t || !ct_is_floating(t->dtype))
            continue;
        ct__output_meta_set(&n->metas[i], t);
        bool fresh = t->autograd == NULL;
        ct__meta *m = ct__meta_of(t);
        if (!m)
            continue;
        if (CT_LIKELY(fresh && !given)) { /* what ct__set_history does where nothing was before */
            m->grad_fn = n;
            m->output_nr = (int32_t)i;
            t->requires_grad = true;
            t->view_version = *ct__version_of(t);
            given = true;
        } else {
            ct__set_history(t, m, n, i);
        }
    }
    if (!given)
        ct_release(n);
}

ct_tensors ct__node_grads(ct_node *n, ct_tensor *const *grads)
{
    static const int64_t strides[CT_MAX_DIMS];
    ct_tensor **all = ct__scratch(sizeof *all * (size_t)n->noutputs), *zero = NULL;
    for (int64_t i = 0; all && i < n->noutputs; i++) {
        const ct__output_meta *m = &n->metas[i];
        all[i] = grads[i];
        if (all[i])
            continue;
        if (!zero)
            zero = ct_zeros(((ct_ints){0, NULL}), .dtype = (ct_dtype)m->dtype, .device = {(ct_device_type)m->device, 0});
        ct_tensor *zeros = zero ? ct__new_view(zero, 0, m->ndim, m->sizes, strides) : NULL;
        if (!zeros || !(all[i] = ct_adopt(zeros)))
            return CT_NO_TENSORS;
    }
    return all ? (ct_tensors){n->noutputs, all} : CT_NO_TENSORS;
}

/* ---- For users and bindings ---- */

ct_tensor *ct_node_variable(const ct_node *n) { return n ? n->variable : NULL; }
void *ct_node_user(const ct_node *n) { return n ? n->user : NULL; }
void ct_node_set_user(ct_node *n, void *user) { n->user = user; }
bool ct_node_freed(const ct_node *n) { return n && n->freed; }
