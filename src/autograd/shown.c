/* What users see of the graph where a node's work is divided otherwise than PyTorch divides it: a linear layer is one node here and
 * a product, a sum and a transpose there. The nodes made here are looked at and never run. */
#include "autograd/graph.h"

/* The edge that *at describes; moves *at behind it. Without a node where no gradient flows. */
static ct__edge shown_edge(const ct__shown **at, const ct__edge *edges)
{
    const ct__shown entry = *(*at)++;
    if (!entry.node) {
        ct__edge e = edges[entry.n];
        ct_retain(e.node);
        return e;
    }
    ct_node *n = ct__node_block(entry.node, entry.n, 1, 0, 0);
    bool used = false;
    for (int i = 0; i < entry.n; i++) {
        ct__edge e = shown_edge(at, edges);
        used = used || e.node;
        if (n)
            n->edges[i] = e;
        else
            ct_release(e.node);
    }
    if (!used) {
        ct_release(n);
        n = NULL;
    }
    return (ct__edge){n, 0};
}

/* A node that shows what `shown` says over these edges; NULL: error set. */
static ct_node *shown_build(const ct__node_class *cls, const ct__edge *edges)
{
    const ct__shown *at = cls->shown + 1;
    ct_node *n = ct__node_block(cls, cls->shown->n, 1, 0, 0);
    for (int i = 0; n && i < cls->shown->n; i++)
        n->edges[i] = shown_edge(&at, edges);
    if (n && ct__pending()) {
        ct_release(n);
        n = NULL;
    }
    return n;
}

const ct_node *ct__shown_of(const ct_node *n)
{
    ct_node *known = __atomic_load_n(&n->shown, __ATOMIC_ACQUIRE);
    if (known || !n->cls->shown || ct__pending())
        return known ? known : n;
    ct_node *made = shown_build(n->cls, n->edges);
    if (!made)
        return n;
    if (__atomic_compare_exchange_n(&((ct_node *)n)->shown, &known, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    ct_release(made); /* another thread looked at the same time */
    return known;
}

void ct__show(const ct__node_class *as, int64_t ninputs, ct_tensor *const *inputs, int64_t nresults, ct_tensor *const *results)
{
    if (!as || !ct__needs_graph(ninputs, inputs))
        return;
    for (int64_t k = 0; k < nresults; k++) {
        ct_node *n = results[k] && results[k]->requires_grad ? ct_grad_fn(results[k]) : NULL;
        ct__edge edges[8] = {{NULL, 0}};
        bool own = n && ninputs <= 8;
        for (int64_t i = 0; own && i < ninputs; i++) {
            if (inputs[i] && ct__wants_grad(inputs[i]))
                edges[i] = ct__gradient_edge(inputs[i]);
            own = edges[i].node != n && !ct__pending();
        }
        ct_node *made = own ? shown_build(as, edges) : NULL;
        if (made) /* what an op within said before gives way */
            ct_release(__atomic_exchange_n(&n->shown, made, __ATOMIC_ACQ_REL));
        for (int64_t i = 0; i < 8; i++)
            ct_release(edges[i].node);
    }
}

ct_tensor *ct__show_as(ct_tensor *self, ct_tensor *result)
{
    ct_node *n = self && self->requires_grad && !ct_base_of(self) ? ct_grad_fn(self) : NULL;
    const ct_node *as = n && result ? ct_grad_fn(result) : NULL;
    if (as && as != n)
        ct_release(__atomic_exchange_n(&n->shown, ct_retain(ct__shown_of(as)), __ATOMIC_ACQ_REL));
    return self;
}

/* ---- For users and bindings ---- */

const char *ct_node_name(const ct_node *n)
{
    const ct_node *shown = n ? __atomic_load_n(&n->shown, __ATOMIC_ACQUIRE) : NULL;
    return n ? (shown ? shown : n)->cls->name : "";
}

const char *ct_node_legacy_name(const ct_node *n)
{
    return n && n->cls->legacy_name ? n->cls->legacy_name : ct_node_name(n);
}

int64_t ct_node_num_inputs(const ct_node *n) { return n ? ct__shown_of(n)->ninputs : 0; }

ct_node *ct_node_next(const ct_node *n, int64_t i, int64_t *output_nr)
{
    if (!n)
        return NULL;
    const ct_node *shown = ct__shown_of(n);
    if (i < 0 || i >= shown->ninputs)
        return NULL;
    if (output_nr)
        *output_nr = shown->edges[i].output_nr;
    return shown->edges[i].node;
}
