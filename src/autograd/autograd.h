/* The graph as generated op wrappers and the engine see it. */
#ifndef CT_AUTOGRAD_INTERNAL_H
#define CT_AUTOGRAD_INTERNAL_H

#include "tensor/tensor.h"
#include <ctorch/autograd.h>
#include <ctorch/schema.h>

/* How a node looks where PyTorch divides the work otherwise: the edges that it is seen with, each entry followed by
 * those below it. node NULL: the node's own edge of index n (of the first entry: n edges follow); else a node of
 * that class with n edges, which is there for looking at alone. */
typedef struct ct__shown {
    const struct ct__node_class *node;
    int8_t n;
} ct__shown;

typedef struct ct__node_class {
    const char *name;        /* "AddBackward0" */
    const char *legacy_name; /* full path of 0.1.12's class, or NULL */
    /* grads[i] may be NULL (nothing arrived). Fills results[i] (in the innermost scope) for every input that
     * ct__node_needs(n, i); others stay NULL. On error the thread's error is set. */
    void (*backward)(ct_node *n, ct_tensor *const *grads, ct_tensor **results);
    /* All may be left out. drop: frees n's `extra` at its end. forget: drops what `extra` saved, after a run.
     */
    void (*drop)(ct_node *n);
    void (*forget)(ct_node *n);
    bool always; /* backward is called even where no gradient arrived */
    /* For a node of one input: the gradient past itself and past `next`, the node of the class named joint_with that made the
     * input: results[0] is for the one input of next. */
    void (*joint)(ct_node *n, ct_node *next, ct_tensor *const *grads, ct_tensor **results);
    const char *joint_with;
    const ct__shown *shown; /* NULL: it is seen as it is */
} ct__node_class;

struct ct__saved {
    ct_tensor *tensor; /* owned; NULL: not given, or dropped */
    uint32_t version;  /* when saved */
    bool
        is_output; /* an output of this very node: kept detached to avoid a cycle, re-attached on unpacking */
    bool given;
    uint8_t output_nr;
};

typedef struct ct__edge {
    ct_node *node;
    int32_t output_nr;
} ct__edge; /* node owned; NULL: no gradient */
/* Shape and dtype of one output, so that the engine can reduce a broadcast gradient and cast it. */
typedef struct ct__output_meta {
    uint8_t ndim, dtype, device;
    int64_t sizes[CT_MAX_DIMS];
} ct__output_meta;

/* A generated wrapper's order of work: check -> compute -> if ct__needs_graph: node_new(inputs), save...,
 * node_attach(outputs). A node is one block of memory: header, edges, output metas, saved slots, values. */
CT_HIDDEN extern CT_THREAD_WORD bool ct__grad_mode;           /* true at first */
/* A view does as soon as its base does. */
CT_INLINE bool ct__wants_grad(const ct_tensor *t) { return t->requires_grad || (t->view_base && t->view_base->requires_grad); }
CT_INLINE bool ct__needs_graph(int64_t n, ct_tensor *const *inputs)
{
    if (!ct__grad_mode)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (inputs[i] && ct__wants_grad(inputs[i]))
            return true;
    return false;
}
/* One edge for each input (none for NULL or one that needs no gradient). Caller owns the node. */
CT_HIDDEN ct_node *ct__node_new(const ct__node_class *cls, int64_t ninputs, ct_tensor *const *inputs,
                                int64_t noutputs, int64_t nsaved, int64_t nvalues);
CT_HIDDEN bool ct__node_needs(const ct_node *n, int64_t input);
/* Saves a tensor (NULL is fine) for backward in slot i. */
CT_HIDDEN void ct__node_save(ct_node *n, int64_t i, ct_tensor *t);
CT_HIDDEN void ct__node_save_output(ct_node *n, int64_t i, ct_tensor *t, int64_t output_nr);
/* A copy of t's values with t's place in the graph, for a tensor that is about to be overwritten. */
CT_HIDDEN void ct__node_save_copy(ct_node *n, int64_t i, ct_tensor *t);
/* The saved tensor (the node's own, or in the scope); NULL if none was given. Sets the error if the graph was
 * freed or the tensor changed. */
CT_HIDDEN ct_tensor *ct__node_saved(ct_node *n, int64_t i);
/* The same for what a step can do without: NULL if it changed meanwhile. */
CT_HIDDEN ct_tensor *ct__node_kept(const ct_node *n, int64_t i);
/* t came out of a node whose class has this name. */
CT_HIDDEN bool ct__made_by(const ct_tensor *t, const char *name);
/* Saves a non-tensor argument; lists and strings are copied into memory that the node owns. */
CT_HIDDEN void ct__node_save_value(ct_node *n, int64_t i, ct_value v);
CT_HIDDEN void ct__node_save_int(ct_node *n, int64_t i, int64_t v);
CT_HIDDEN void ct__node_save_float(ct_node *n, int64_t i, double v);
CT_HIDDEN void ct__node_save_ints(ct_node *n, int64_t i, ct_ints v);
CT_HIDDEN const ct_value *ct__node_value(const ct_node *n, int64_t i);
/* For ops over a list of tensors (cat, stack): a node with one edge each is ct__node_new with ninputs = n. */

/* Makes outputs[0 .. n-1] (NULL entries and integer dtypes are skipped) outputs of the node, records their
 * metas and gives the caller's reference to the node to them. With `n` NULL it does nothing. */
CT_HIDDEN void ct__node_attach(ct_node *n, int64_t noutputs, ct_tensor *const *outputs);
/* In place: self now is output 0 of the node; where self is a view, its base's history is rebased
 * (CopySlices). Gives the node away. */
CT_HIDDEN void ct__node_attach_inplace(ct_node *n, ct_tensor *self);
/* Before an in-place op: leaf and view-of-leaf rules, read-only storage. false: error set. */
CT_HIDDEN bool ct__inplace_check(ct_tensor *self);
CT_HIDDEN bool ct__inplace_reshape_check(ct_tensor *self); /* where only sizes and strides change */
CT_INLINE void ct__bump(ct_tensor *self) { ++*ct__version_of(self); }
/* After a view op made `view` of `self` (by ct__new_view): records self's base as the view's base; n (may be
 * NULL) is the node of the view op, given away. */
CT_HIDDEN void ct__view_attach(ct_node *n, ct_tensor *self, ct_tensor *view);
/* Like ct__view_attach for ops that return several views (split, unbind), each an output of n; the scope gets them.
 * With an error pending they are released. */
CT_HIDDEN ct_tensors ct__views_attach(ct_node *n, ct_tensor *self, ct_tensors views);
/* What arrived at each output, zeros where nothing did. Empty with the error set. */
CT_HIDDEN ct_tensors ct__node_grads(ct_node *n, ct_tensor *const *grads);
/* The nodes of a composite op's results are from now on seen as one of class `as` (NULL: as they are) over the op's
 * inputs. */
CT_HIDDEN void ct__show(const ct__node_class *as, int64_t ninputs, ct_tensor *const *inputs, int64_t nresults,
                        ct_tensor *const *results);
/* self took over a result in place: its new node is seen as the result's. Gives self back. */
CT_HIDDEN ct_tensor *ct__show_as(ct_tensor *self, ct_tensor *result);

/* out= under autograd: "add(): functions with out=... arguments don't support automatic differentiation,
 * ...". */
CT_HIDDEN bool ct__out_check(int64_t n, ct_tensor *const *inputs, ct_tensor *out);
#endif
