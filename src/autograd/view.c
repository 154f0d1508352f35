/* Views under autograd: a view knows the tensor at the bottom (its base). Writing into a view rebases the
 * base's history through a CopySlices node; a view whose base changed gets a new grad_fn (AsStrided) when it
 * is next asked for. Refuses writes into leaves that require grad and into views whose history could not be
 * told. */
#include "autograd/graph.h"
#include <ctorch/ops.h>
#include <stdio.h>

/* Where a view lies in its base: strides and offset count elements of the base's own extent. */
typedef struct view_place {
    ct_node *inner;  /* CopySlices: the in-place op's own node, owned */
    bool self_first; /* its edge 0 is the view itself */
    int64_t ndim, base_ndim, offset;
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], base_sizes[CT_MAX_DIMS], base_strides[CT_MAX_DIMS];
} view_place;

static view_place *view_place_new(const ct_tensor *base, const ct_tensor *view)
{
    view_place *p = ct__alloc_zero(sizeof *p);
    if (!p)
        return NULL;
    p->ndim = view->ndim;
    p->base_ndim = base->ndim;
    p->offset = view->offset - base->offset;
    memcpy(p->sizes, view->sizes, sizeof(int64_t) * view->ndim);
    memcpy(p->strides, view->strides, sizeof(int64_t) * view->ndim);
    memcpy(p->base_sizes, base->sizes, sizeof(int64_t) * base->ndim);
    memcpy(p->base_strides, base->strides, sizeof(int64_t) * base->ndim);
    return p;
}

static void view_drop(ct_node *n)
{
    view_place *p = n->extra;
    if (p) {
        if (p->inner)
            p->inner->outer = NULL;
        ct_release(p->inner);
        ct__free(p, sizeof *p);
    }
}

static void view_forget(ct_node *n)
{
    view_place *p = n->extra;
    if (p && p->inner)
        ct__node_forget(p->inner);
}

/* Memory of the base's shape and order, which the view's geometry must lie within; in the scope. */
static ct_tensor *view_buffer(const view_place *p, const ct_tensor *grad)
{
    int64_t last = p->offset, base_last = 0;
    for (int64_t i = 0; i < p->ndim; i++)
        last += p->sizes[i] > 0 ? (p->sizes[i] - 1) * p->strides[i] : 0;
    for (int64_t i = 0; i < p->base_ndim; i++)
        base_last += p->base_sizes[i] > 0 ? (p->base_sizes[i] - 1) * p->base_strides[i] : 0;
    if (p->offset < 0 || last > base_last)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "gradient of a view that reaches beyond its base's elements");
    ct_tensor *t = ct__new_strided((ct_dtype)grad->dtype, (ct_device){(ct_device_type)grad->device, 0},
                                   p->base_ndim, p->base_sizes, p->base_strides);
    return t ? ct_adopt(t) : NULL;
}

static ct_tensor *view_within(const view_place *p, ct_tensor *t)
{
    return ct_as_strided(t, ((ct_ints){p->ndim, p->sizes}), ((ct_ints){p->ndim, p->strides}),
                         .storage_offset = t->offset + p->offset);
}

/* ---- A view's history, told from its base ---- */

static void view_strided_backward(ct_node *n, ct_tensor *const *grads, ct_tensor **results)
{
    const view_place *p = n->extra;
    bool overlaps = false;
    int64_t elements = 1, extent = 1;
    for (int64_t i = 0; i < p->ndim; i++) {
        elements *= p->sizes[i];
        extent += p->sizes[i] > 0 ? (p->sizes[i] - 1) * p->strides[i] : 0;
        overlaps = overlaps || (p->sizes[i] > 1 && p->strides[i] == 0);
    }
    if (overlaps || elements > extent) {
        results[0] = ct_as_strided_backward(
            grads[0], ((ct_ints){p->base_ndim, p->base_sizes}), ((ct_ints){p->base_ndim, p->base_strides}), 0,
            ((ct_ints){p->ndim, p->sizes}), ((ct_ints){p->ndim, p->strides}), p->offset);
        return;
    }
    ct_tensor *whole = view_buffer(p, grads[0]);
    if (!whole || !ct_zero_(whole) || !ct_copy_(view_within(p, whole), grads[0]))
        return;
    results[0] = whole;
}

static const ct__node_class view_strided = {
    .name = "AsStridedBackward0", .backward = view_strided_backward, .drop = view_drop};

static bool view_refused(const ct_tensor *view, bool indirect)
{
    const ct__meta *m = view->autograd;
    char name[128], start[256];
    const char *changed = indirect ? "its base or another view of its base has been modified inplace"
                                   : "is being modified inplace";
    if (m && m->grad_fn)
        snprintf(start, sizeof start, "Output %d of %s is a view %s%s", m->output_nr,
                 ct__node_short_name(m->grad_fn, name),
                 view->view_kind == CT__VIEW_NO_GRAD ? "of a view which was created in no_grad mode and "
                                                 : "and ",
                 changed);
    else
        snprintf(start, sizeof start, "A view was created in no_grad mode and %s", changed);
    if (view->view_kind == CT__VIEW_MULTI)
        ct__fail(CT_ERR_RUNTIME,
                 "%s%s. This view is the output of a function that returns multiple views. Such functions do not "
                 "allow the output views to be modified inplace. You should replace the inplace operation by an "
                 "out-of-place one.",
                 start, m && m->grad_fn ? "" : " with grad mode enabled");
    else if (view->view_kind == CT__VIEW_CUSTOM)
        ct__fail(CT_ERR_RUNTIME,
                 "%s. This view was created inside a custom Function (or because an input was returned "
                 "as-is) and the autograd logic to handle view+inplace would override the custom backward "
                 "associated with the custom Function, leading to incorrect gradients. This behavior is "
                 "forbidden. You can fix this by cloning the output of the custom Function.",
                 start);
    else
        ct__fail(CT_ERR_RUNTIME,
                 "%s with grad mode enabled. Given that this use case is ambiguous and error-prone, it is "
                 "forbidden. You can clarify your code by moving both the view and the inplace either both "
                 "inside the no_grad block (if you don't want the inplace to be tracked) or both outside "
                 "(if you want the inplace to be tracked).",
                 start);
    return false;
}

ct_node *ct__view_history(ct_tensor *view, bool report, bool *invalid)
{
    ct__meta *m = __atomic_load_n(&view->autograd, __ATOMIC_ACQUIRE);
    ct_node *known = m ? m->grad_fn : NULL;
    if (CT_LIKELY(view->view_version == *ct__version_of(view)) || (!known && !view->view_base->requires_grad))
        return known;
    if (view->view_kind != CT__VIEW_PLAIN) {
        if (invalid)
            *invalid = true;
        if (report)
            view_refused(view, true);
        return NULL;
    }
    ct_node *n = (m = ct__meta_of(view)) ? ct__node_block(&view_strided, 1, 1, 0, 0) : NULL;
    if (!n)
        return NULL;
    n->extra = view_place_new(view->view_base, view);
    if (n->extra && view->view_base->requires_grad)
        n->edges[0] = ct__gradient_edge(view->view_base);
    if (n->extra && !ct__pending()) {
        ct__output_meta_set(&n->metas[0], view);
        ct__set_history(view, m, n, 0);
    }
    ct_release(n);
    return ct__pending() ? NULL : m->grad_fn;
}

/* Records self's base as the view's. */
static void view_record(ct_tensor *self, ct_tensor *view, int creation)
{
    if (view->dtype == self->dtype && !view->view_base) {
        view->view_base = ct_retain(self->view_base ? self->view_base : self);
        view->view_version = *ct__version_of(view);
        view->view_kind = !ct__grad_mode ? CT__VIEW_NO_GRAD : self->view_base && self->view_kind != CT__VIEW_PLAIN ? self->view_kind : (uint8_t)creation;
    }
}

void ct__view_attach(ct_node *n, ct_tensor *self, ct_tensor *view)
{
    view_record(self, view, CT__VIEW_PLAIN);
    if (n)
        ct__node_attach(n, 1, &view);
}

ct_tensors ct__views_attach(ct_node *n, ct_tensor *self, ct_tensors views)
{
    for (int64_t i = 0; i < views.n && !ct__pending(); i++)
        view_record(self, views.v[i], CT__VIEW_MULTI);
    ct__node_attach(n, views.n, views.v);
    for (int64_t i = 0; i < views.n; i++)
        ct_adopt(views.v[i]);
    return ct__pending() ? (ct_tensors){0, NULL} : views;
}

/* ---- In place ---- */

static bool view_inplace_overlap(const ct_tensor *self)
{
    if (ct__op_name && (!strcmp(ct__op_name, "zero_") || !strcmp(ct__op_name, "fill_")))
        return true; /* writes the same value however often */
    for (int i = 0; i < self->ndim; i++)
        if (self->strides[i] == 0 && self->sizes[i] > 1) {
            ct__fail(
                CT_ERR_RUNTIME,
                "unsupported operation: more than one element of the written-to tensor refers to a single "
                "memory location. Please clone() the tensor before performing the operation.");
            return false;
        }
    return true;
}

static bool view_inplace_leaf(const ct_tensor *self)
{
    if (CT_UNLIKELY(self->view_base != NULL) && ct__wants_grad(self)) {
        if (self->view_kind != CT__VIEW_PLAIN)
            return view_refused(self, false);
        if (ct_is_leaf(self->view_base)) {
            ct__fail(CT_ERR_RUNTIME,
                     "a view of a leaf Variable that requires grad is being used in an in-place operation.");
            return false;
        }
    }
    if (self->requires_grad && ct_is_leaf(self)) {
        ct__fail(CT_ERR_RUNTIME,
                 "a leaf Variable that requires grad is being used in an in-place operation.");
        return false;
    }
    return true;
}

bool ct__inplace_reshape_check(ct_tensor *self) { return !ct__grad_mode || view_inplace_leaf(self); }

bool ct__inplace_check(ct_tensor *self)
{
    if (CT_UNLIKELY(self->storage->read_only)) {
        ct__fail(CT_ERR_RUNTIME, "the tensor's memory is read-only: it cannot be written in place");
        return false;
    }
    if (ct__grad_mode && !view_inplace_leaf(self))
        return false;
    return CT_LIKELY(self->contiguous) || self->numel == 0 || view_inplace_overlap(self);
}

static void view_slices_backward(ct_node *n, ct_tensor *const *grads, ct_tensor **results)
{
    view_place *p = n->extra;
    ct_node *inner = p->inner;
    ct_tensor *whole = view_buffer(p, grads[0]), *part = NULL, *from_here[8] = {NULL}, **from = from_here;
    if (!whole || !ct_copy_(whole, grads[0]) || !(part = view_within(p, whole)))
        return;
    size_t bytes = sizeof *from * (size_t)inner->ninputs;
    if (inner->ninputs > 8 && !(from = ct__alloc_zero(bytes)))
        return;
    ct_tensor *grad = ct_clone(part);
    if (grad)
        inner->cls->backward(inner, &grad, from);
    if (!ct__pending()) {
        ct_tensor *own = p->self_first ? from[0] : NULL;
        if (n->edges[0].node) {
            if (own ? ct_copy_(part, own) != NULL : ct_zero_(part) != NULL)
                results[0] = whole;
        }
        for (int64_t i = p->self_first; i < inner->ninputs; i++)
            results[i + !p->self_first] = from[i];
    }
    if (from != from_here)
        ct__free(from, bytes);
}

static const ct__node_class view_slices = {
    .name = "CopySlices", .backward = view_slices_backward, .drop = view_drop, .forget = view_forget};

/* self is a view: its base's history now goes through a node that splits the gradient. Takes n. */
static void view_rebase(ct_node *n, ct_tensor *self)
{
    ct_tensor *base = self->view_base;
    bool self_first = n->first_input == self;
    if (self->view_kind != CT__VIEW_PLAIN) {
        view_refused(self, false);
    } else if (base->requires_grad && ct_is_leaf(base)) {
        ct__fail(CT_ERR_RUNTIME,
                 "a view of a leaf Variable that requires grad is being used in an in-place operation.");
    } else if (n->noutputs != 1) {
        ct__fail(CT_ERR_RUNTIME,
                 "If your Function modifies a view in place, it must return only one output.");
    } else {
        ct_node *slices = ct__node_block(&view_slices, n->ninputs + !self_first, 1, 0, 0);
        view_place *p = slices ? view_place_new(base, self) : NULL;
        ct__meta *bm = p ? ct__meta_of(base) : NULL;
        if (slices)
            slices->extra = p;
        if (bm) {
            p->inner = ct_retain(n);
            n->outer = slices;
            p->self_first = self_first;
            if (base->requires_grad)
                slices->edges[0] = ct__gradient_edge(base);
            for (int64_t i = self_first; i < n->ninputs; i++) {
                ct__edge *e = &slices->edges[i + !self_first];
                *e = n->edges[i];
                ct_retain(e->node);
            }
            ct__output_meta_set(&slices->metas[0], base);
            ct__set_history(base, bm, slices, 0);
            self->view_version = *ct__version_of(self) - 1;
            self->requires_grad = true;
            ct__view_history(self, true, NULL);
        }
        ct_release(slices);
    }
    ct_release(n);
}

ct_tensor *ct__reattach(ct_tensor *alias, ct_node *n, int64_t output_nr)
{
    ct__meta *m = alias ? ct__meta_of(alias) : NULL;
    if (m && !n->outer) {
        ct__set_history(alias, m, n, output_nr);
    } else if (m) {
        ct_node *view = ct__node_block(&view_strided, 1, 1, 0, 0);
        view_place *p = view ? ct__alloc(sizeof *p) : NULL;
        if (p) {
            *p = *(const view_place *)n->outer->extra;
            p->inner = NULL;
            view->extra = p;
            view->edges[0] = (ct__edge){ct_retain(n->outer), 0};
            ct__output_meta_set(&view->metas[0], alias);
            ct__set_history(alias, m, view, 0);
        }
        ct_release(view);
    }
    if (ct__pending()) {
        ct_release(alias);
        return NULL;
    }
    return alias ? ct_adopt(alias) : NULL;
}

void ct__node_attach_inplace(ct_node *n, ct_tensor *self)
{
    if (!n)
        return;
    ct__meta *m = ct__meta_of(self);
    if (!m || ct__pending() || !ct_is_floating(self->dtype)) {
        ct_release(n);
        return;
    }
    ct__output_meta_set(&n->metas[0], self);
    for (int64_t i = 0; i < n->nsaved;
         i++) { /* x *= x saved x: it is stale by now, and must not be held by its own history */
        struct ct__saved *saved = &n->saved[i];
        ct_tensor *alias = saved->tensor == self ? ct__alias(self) : NULL;
        if (alias) {
            ct_release(saved->tensor);
            saved->tensor = alias;
            saved->is_output = true;
            saved->output_nr = 0;
        }
    }
    if (self->view_base) {
        view_rebase(n, self);
        return;
    }
    ct__set_history(self, m, n, 0);
    ct_release(n);
}

bool ct__out_check(int64_t n, ct_tensor *const *inputs, ct_tensor *out)
{
    if (!out || !ct__grad_mode)
        return true;
    bool refused = ct__wants_grad(out);
    for (int64_t i = 0; i < n && !refused; i++)
        refused = inputs[i] && ct__wants_grad(inputs[i]);
    if (refused)
        ct__fail(
            CT_ERR_RUNTIME,
            "%s(): functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad.",
            ct__op_name ? ct__op_name : "op");
    return !refused;
}
