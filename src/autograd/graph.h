/* What the files of this folder share: the node, a tensor's autograd data, hooks. Nothing outside includes
 * it. */
#ifndef CT_AUTOGRAD_GRAPH_H
#define CT_AUTOGRAD_GRAPH_H

#include "autograd/autograd.h"

/* What a run of the engine keeps of a node: inside the node for the first run that claims it, else in the
 * run's table. */
typedef struct ct__visit {
    void *run;            /* atomic; the run that claimed it */
    ct_node *next;        /* of the nodes that the run claimed; of the dead nodes to be freed */
    ct_tensor **inbox;    /* the gradients that arrived, one for each output */
    int32_t dependencies; /* edges into the node that have not delivered yet */
    int32_t capture;      /* the run's first capture at this node, plus 1; 0: none */
    int32_t cursor;
    bool needed, marked;
} ct__visit;

/* One hook; its tensor's list and its node's list each hold a reference. */
enum { CT__HOOK_PRE, CT__HOOK_RETAIN, CT__HOOK_POST };
typedef struct ct__hook {
    int32_t refcount, output_nr; /* output_nr -1: of a leaf */
    int32_t running;
    uint8_t kind;
    int64_t id;
    ct_tensor_hook *call; /* NULL: removed */
    void *data;
    void (*free_data)(void *);
    ct_tensor *tensor; /* RETAIN: the tensor whose grad it sets, not owned, NULL once it died */
} ct__hook;
typedef struct ct__hooks {
    int32_t n, capacity;
    ct__hook **v;
} ct__hooks;

struct ct_node {
    ct_object base;
    const ct__node_class *cls;
    uint64_t sequence; /* later nodes run first */
    size_t bytes;
    int32_t ninputs, noutputs, nsaved, nvalues;
    bool freed;              /* what it saved was dropped after a run */
    ct_node *outer;          /* the CopySlices node that this one is inside of, not owned */
    const void *first_input; /* inputs[0] when it was made; compared, never followed */
    ct_tensor *variable;     /* AccumulateGrad: the leaf, owned while refcount > 0 */
    void *extra;             /* the class's own data */
    void *user;
    ct_node *shown; /* atomic, owned: the name and the edges that it is seen with, made when someone looks */
    ct__hooks hooks;
    ct__visit visit;
    ct__edge *edges;
    struct ct__saved *saved;
    ct_value *values;
    int64_t (*arena)[4]; /* short lists among the values */
    ct_tensor **inbox;
    ct__output_meta *metas;
};

enum { CT__VIEW_PLAIN, CT__VIEW_NO_GRAD, CT__VIEW_CUSTOM, CT__VIEW_MULTI }; /* view_kind */

struct ct__autograd {
    ct_tensor *grad;
    ct_node *grad_fn;
    int32_t output_nr;
    ct_node *accumulator;  /* memory of the leaf's AccumulateGrad; its references hold the leaf, not the other
                              way round */
    ct__hooks hooks;
    ct__hook *retain; /* retain_grad of a non-leaf; also in grad_fn's hooks */
    uint8_t lock;
};
typedef struct ct__autograd ct__meta;

/* shown.c: the node that is looked at in n's place (n itself where it shows itself). */
CT_HIDDEN const ct_node *ct__shown_of(const ct_node *n);

/* node.c */
CT_HIDDEN void ct__node_forget(ct_node *n);
CT_HIDDEN ct_node *ct__node_block(const ct__node_class *cls, int64_t ninputs, int64_t noutputs,
                                  int64_t nsaved, int64_t nvalues);
CT_HIDDEN void ct__output_meta_set(ct__output_meta *m, const ct_tensor *t);
CT_HIDDEN void ct__saved_changed(const ct_tensor *t, const ct_node *history, int64_t output_nr,
                                 uint32_t expected);
CT_HIDDEN void ct__saved_freed(void);
CT_HIDDEN ct_tensor *ct__alias(const ct_tensor *t); /* same memory and counter, no autograd; owned */
/* "Exp" of "ExpBackward0", into a buffer of 128. */
CT_HIDDEN const char *ct__node_short_name(const ct_node *n, char *buffer);
extern CT_HIDDEN const ct_type ct__accumulator_type;
CT_INLINE bool ct__is_accumulator(const ct_node *n) { return n->base.type == &ct__accumulator_type; }

/* variable.c */
CT_HIDDEN ct__meta *ct__meta_of(ct_tensor *t); /* made on first use; NULL: error set */
/* Where t's gradient flows: a node that the caller owns (NULL: nowhere, or the error is set) and its output.
 */
CT_HIDDEN ct__edge ct__gradient_edge(ct_tensor *t);
/* t is output output_nr of n from now on (n retained, or NULL). */
CT_HIDDEN void ct__set_history(ct_tensor *t, ct__meta *m, ct_node *n, int64_t output_nr);
CT_HIDDEN ct_node *ct__accumulator_of(ct_tensor *t); /* owned */
CT_HIDDEN void ct__spin_lock(uint8_t *lock);
CT_HIDDEN void ct__spin_unlock(uint8_t *lock);

/* view.c: the grad_fn of a view, regenerated where its base changed. NULL: none, or (only where `report`) the
 * error is set; *invalid is set where asking is an error. */
CT_HIDDEN ct_node *ct__view_history(ct_tensor *view, bool report, bool *invalid);
/* The grad_fn of any tensor, as above. */
CT_INLINE ct_node *ct__history(const ct_tensor *t, bool report, bool *invalid)
{
    if (t->view_base)
        return ct__view_history((ct_tensor *)t, report, invalid);
    ct__meta *m = __atomic_load_n(&t->autograd, __ATOMIC_ACQUIRE);
    return m ? m->grad_fn : NULL;
}

/* A tensor of `alias`'s geometry as output output_nr of n: for a node inside of CopySlices through that node.
 * Takes alias; the result is in the scope. */
CT_HIDDEN ct_tensor *ct__reattach(ct_tensor *alias, ct_node *n, int64_t output_nr);

/* hooks.c */
CT_HIDDEN bool ct__hooks_add(ct__hooks *list, ct__hook *hook);
CT_HIDDEN void ct__hooks_remove(ct__hooks *list, ct__hook *hook);
CT_HIDDEN void ct__hooks_free(ct__hooks *list);
CT_HIDDEN void ct__hook_release(ct__hook *hook);
CT_HIDDEN void ct__retain_forget(ct__meta *m); /* the tensor dies or loses its history */
CT_HIDDEN void ct__retain_move(ct__meta *m, ct_node *from, ct_node *to, int64_t output_nr);
/* Runs a node's hooks on one gradient, which it may replace. */
CT_HIDDEN bool ct__hooks_run(ct__hooks *list, int64_t output_nr, ct_tensor **grad);
CT_HIDDEN bool ct__hooks_run_post(ct__hooks *list, ct_tensor *variable);

/* engine.c */
CT_HIDDEN bool ct__fits(const ct_tensor *grad, const ct_tensor *t); /* same shape */
#endif
