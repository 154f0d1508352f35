/* Running backwards: nodes in order of dependencies, later nodes first, without recursion and, for small
 * graphs, without memory of its own. What a run counts is kept inside the nodes; a node that another run
 * holds (a nested backward, another thread) is counted in a table of the run. A class may have a joint step for
 * itself and the node before it, for what two passes over memory would only take longer to do. */
#include "autograd/graph.h"
#include <ctorch/ops.h>
#include <stdio.h>

typedef struct engine_ready {
    uint64_t sequence;
    ct_node *node;
} engine_ready;
typedef struct engine_capture {
    ct_node *node;
    ct_tensor *grad;
    int32_t output_nr, next;
} engine_capture;
typedef struct engine_side {
    ct_node *node;
    ct__visit visit;
} engine_side;

#define ENGINE_HERE 48

typedef struct engine_run {
    ct_node *claimed; /* nodes that keep this run's counts */
    bool keep_graph, create_graph, selective;
    engine_ready *heap;
    int64_t heap_n, heap_capacity;
    ct_node **stack;
    int64_t stack_n, stack_capacity;
    engine_side **side; /* open addressing by node; NULL: empty */
    int64_t side_n, side_capacity;
    engine_capture *captures;
    int64_t ncaptures;
    engine_ready heap_here[ENGINE_HERE];
    ct_node *stack_here[ENGINE_HERE];
} engine_run;

/* ---- What the run knows of a node ---- */

static engine_side **engine_side_slot(engine_side **table, int64_t capacity, const ct_node *n)
{
    uint64_t h = ((uint64_t)(uintptr_t)n >> 6) * 0x9E3779B97F4A7C15ull >> 20;
    int64_t i = (int64_t)(h & (uint64_t)(capacity - 1));
    while (table[i] && table[i]->node != n)
        i = (i + 1) & (capacity - 1);
    return &table[i];
}

static ct__visit *engine_side_visit(engine_run *run, ct_node *n, bool *fresh)
{
    if (2 * (run->side_n + 1) > run->side_capacity) {
        if (!fresh)
            return run->side_capacity ? (*engine_side_slot(run->side, run->side_capacity, n)
                                             ? &(*engine_side_slot(run->side, run->side_capacity, n))->visit
                                             : NULL)
                                      : NULL;
        int64_t capacity = run->side_capacity ? 2 * run->side_capacity : 64;
        engine_side **table = ct__alloc_zero(sizeof *table * (size_t)capacity);
        if (!table)
            return NULL;
        for (int64_t i = 0; i < run->side_capacity; i++)
            if (run->side[i])
                *engine_side_slot(table, capacity, run->side[i]->node) = run->side[i];
        ct__free(run->side, sizeof *table * (size_t)run->side_capacity);
        run->side = table;
        run->side_capacity = capacity;
    }
    engine_side **slot = engine_side_slot(run->side, run->side_capacity, n);
    if (*slot || !fresh)
        return *slot ? &(*slot)->visit : NULL;
    size_t bytes = sizeof(engine_side) + sizeof(ct_tensor *) * (size_t)n->noutputs;
    engine_side *s = ct__alloc_zero(bytes);
    if (!s)
        return NULL;
    s->node = n;
    s->visit.inbox = (ct_tensor **)(s + 1);
    *slot = s;
    run->side_n++;
    *fresh = true;
    return &s->visit;
}

/* The visit of a node that the run has met. */
CT_INLINE ct__visit *engine_visit(engine_run *run, ct_node *n)
{
    return CT_LIKELY(__atomic_load_n(&n->visit.run, __ATOMIC_RELAXED) == run)
               ? &n->visit
               : engine_side_visit(run, n, NULL);
}

/* The same, or a new one; *fresh says which. NULL: no memory. */
static ct__visit *engine_meet(engine_run *run, ct_node *n, bool *fresh)
{
    *fresh = false;
    void *holder = __atomic_load_n(&n->visit.run, __ATOMIC_RELAXED);
    if (holder == run)
        return &n->visit;
    if (!holder && ct__put_first(&n->visit.run, run, &holder)) {
        if (CT_UNLIKELY(run->side_n)) { /* met before, while another run held it */
            ct__visit *v = engine_side_visit(run, n, NULL);
            if (v) {
                __atomic_store_n(&n->visit.run, NULL, __ATOMIC_RELEASE);
                return v;
            }
        }
        ct__visit *v = &n->visit;
        v->next = run->claimed;
        run->claimed = n;
        v->inbox = n->inbox;
        v->dependencies = v->capture = v->cursor = 0;
        v->needed = v->marked = false;
        *fresh = true;
        return v;
    }
    return engine_side_visit(run, n, fresh);
}

static void engine_end(engine_run *run)
{
    for (ct_node *n = run->claimed, *next; n; n = next) {
        next = n->visit.next;
        for (int64_t i = 0; i < n->noutputs; i++)
            if (n->inbox[i]) {
                ct_release(n->inbox[i]);
                n->inbox[i] = NULL;
            }
        __atomic_store_n(&n->visit.run, NULL, __ATOMIC_RELEASE);
    }
    for (int64_t i = 0; i < run->side_capacity; i++) {
        engine_side *s = run->side[i];
        if (!s)
            continue;
        for (int64_t k = 0; k < s->node->noutputs; k++)
            ct_release(s->visit.inbox[k]);
        ct__free(s, sizeof *s + sizeof(ct_tensor *) * (size_t)s->node->noutputs);
    }
    if (run->side)
        ct__free(run->side, sizeof *run->side * (size_t)run->side_capacity);
    if (run->heap != run->heap_here)
        ct__free(run->heap, sizeof *run->heap * (size_t)run->heap_capacity);
    if (run->stack != run->stack_here)
        ct__free(run->stack, sizeof *run->stack * (size_t)run->stack_capacity);
}

static bool engine_push(engine_run *run, ct_node *n)
{
    if (CT_UNLIKELY(run->stack_n == run->stack_capacity)) {
        int64_t capacity = 4 * run->stack_capacity;
        ct_node **stack = ct__alloc(sizeof *stack * (size_t)capacity);
        if (!stack)
            return false;
        memcpy(stack, run->stack, sizeof *stack * (size_t)run->stack_n);
        if (run->stack != run->stack_here)
            ct__free(run->stack, sizeof *stack * (size_t)run->stack_capacity);
        run->stack = stack;
        run->stack_capacity = capacity;
    }
    run->stack[run->stack_n++] = n;
    return true;
}

/* ---- The queue: a binary max-heap by sequence. Equal ones (leaves) leave it in the order in which PyTorch's
 * do. ---- */

static void engine_sift_up(engine_ready *heap, int64_t hole, engine_ready item)
{
    while (hole > 0 && heap[(hole - 1) / 2].sequence < item.sequence) {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = item;
}

static bool engine_ready_push(engine_run *run, ct_node *n)
{
    if (CT_UNLIKELY(run->heap_n == run->heap_capacity)) {
        int64_t capacity = 4 * run->heap_capacity;
        engine_ready *heap = ct__alloc(sizeof *heap * (size_t)capacity);
        if (!heap)
            return false;
        memcpy(heap, run->heap, sizeof *heap * (size_t)run->heap_n);
        if (run->heap != run->heap_here)
            ct__free(run->heap, sizeof *heap * (size_t)run->heap_capacity);
        run->heap = heap;
        run->heap_capacity = capacity;
    }
    engine_sift_up(run->heap, run->heap_n++, (engine_ready){n->sequence, n});
    return true;
}

static ct_node *engine_ready_pop(engine_run *run)
{
    engine_ready *heap = run->heap;
    ct_node *n = heap[0].node;
    int64_t count = --run->heap_n, hole = 0;
    if (count == 0)
        return n;
    engine_ready last = heap[count];
    for (int64_t child = 2; child - 1 < count; child = 2 * hole + 2) {
        if (child >= count || heap[child].sequence < heap[child - 1].sequence)
            child--;
        heap[hole] = heap[child];
        hole = child;
    }
    engine_sift_up(heap, hole, last);
    return n;
}

/* ---- Before the run: who depends on whom, who is needed ---- */

static bool engine_discover(engine_run *run, ct_node *root)
{
    bool fresh;
    ct__visit *v = engine_meet(run, root, &fresh);
    if (!v)
        return false;
    v->dependencies++;
    if (!fresh || root->ninputs == 0)
        return true;
    if (!engine_push(run, root))
        return false;
    while (run->stack_n) {
        ct_node *n = run->stack[--run->stack_n];
        for (int64_t i = 0; i < n->ninputs; i++) {
            ct_node *next = n->edges[i].node;
            if (!next)
                continue;
            if (!(v = engine_meet(run, next, &fresh)))
                return false;
            v->dependencies++;
            if (fresh && next->ninputs && !engine_push(run, next))
                return false;
        }
    }
    return true;
}

CT_INLINE bool engine_wanted(const ct__visit *v) { return v->needed || v->capture; }

/* Marks the nodes on a way from root to a capture. */
static bool engine_mark(engine_run *run, ct_node *root)
{
    ct__visit *v = engine_visit(run, root);
    if (v->marked)
        return true;
    v->marked = true;
    if (!engine_push(run, root))
        return false;
    while (run->stack_n) {
        ct_node *n = run->stack[run->stack_n - 1];
        v = engine_visit(run, n);
        if (v->cursor < n->ninputs) {
            ct_node *next = n->edges[v->cursor++].node;
            ct__visit *w = next ? engine_visit(run, next) : NULL;
            if (w && !w->marked) {
                w->marked = true;
                if (!engine_push(run, next))
                    return false;
            }
            continue;
        }
        run->stack_n--;
        for (int64_t i = 0; i < n->ninputs && !v->needed; i++)
            v->needed = n->edges[i].node && engine_wanted(engine_visit(run, n->edges[i].node));
    }
    return true;
}

/* ---- Gradients ---- */

/* A dense tensor that nobody else sees: it may be written. */
static bool engine_own(const ct_tensor *t)
{
    return t->base.refcount == 1 && t->storage->refcount == 1 && !t->is_number && t->contiguous &&
           !t->storage->read_only && !t->requires_grad && !t->user;
}

/* Sums a gradient to the shape that was broadcast to it; in the scope. */
static ct_tensor *engine_sum_to(ct_tensor *grad, int64_t ndim, const int64_t *sizes)
{
    int64_t dims[CT_MAX_DIMS], n = 0, lead = grad->ndim - ndim;
    for (int64_t i = 0; i < lead; i++)
        dims[n++] = i;
    for (int64_t i = lead; i < grad->ndim; i++)
        if (sizes[i - lead] == 1 && grad->sizes[i] != 1)
            dims[n++] = i;
    if (n)
        grad = ct_sum(grad, .dim = ((ct_ints){n, dims}), .keepdim = true);
    if (grad && lead > 0)
        grad = ct_view(grad, ((ct_ints){ndim, sizes}));
    return grad;
}

/* The gradient as the edge's end expects it (broadcasting undone, dtype); in the scope, or NULL with the
 * error set. */
static ct_tensor *engine_fit(const ct_node *from, int64_t index, const ct__edge *e, ct_tensor *grad)
{
    const ct_tensor *leaf = e->node->variable;
    const ct__output_meta *m = &e->node->metas[e->output_nr];
    int64_t ndim = leaf ? leaf->ndim : m->ndim;
    const int64_t *sizes = leaf ? leaf->sizes : m->sizes;
    ct_dtype dtype = (ct_dtype)(leaf ? leaf->dtype : m->dtype);
    if (dtype == CT_DTYPE_NONE)
        return grad;
    if (grad->ndim != ndim || memcmp(grad->sizes, sizes, sizeof(int64_t) * (size_t)ndim)) {
        int64_t lead = grad->ndim - ndim;
        bool fits = lead >= 0;
        for (int64_t i = 0; fits && i < ndim; i++)
            fits = sizes[i] == grad->sizes[lead + i] || sizes[i] == 1;
        if (!fits)
            return ct__fail(
                CT_ERR_RUNTIME,
                "Function %s returned an invalid gradient at index %lld - got %s but expected shape "
                "compatible with %s",
                from ? from->cls->name : "GraphRoot", (long long)index, ct__shape_text(grad),
                ct__ints_text(ndim, sizes));
        if (!(grad = engine_sum_to(grad, ndim, sizes)))
            return NULL;
    }
    if (CT_UNLIKELY(grad->dtype != dtype))
        grad = ct__grad_mode ? ct_to_copy(grad, dtype) : ct_adopt(ct__cast(grad, dtype));
    return grad;
}

/* Adds an owned gradient (or NULL) to what has arrived in a slot. */
static bool engine_add(ct_tensor **slot, ct_tensor *grad)
{
    if (!grad)
        return true;
    ct_tensor *old = *slot;
    if (!old) {
        *slot = grad;
        return true;
    }
    CT_SCOPE();
    ct_tensor *sum;
    if (!ct__grad_mode && engine_own(old) && ct__fits(grad, old) && old->dtype == grad->dtype)
        sum = ct_add_(old, grad);
    else
        sum = ct_add(old, grad);
    if (sum && sum != old) {
        *slot = ct_retain(sum);
        ct_release(old);
    }
    ct_release(grad);
    return sum != NULL;
}

/* Grad tensors keep the leaf's strides where it is dense, else are row-major. */
static bool engine_layout_fits(const ct_tensor *grad, const ct_tensor *leaf)
{
    if (leaf->contiguous)
        return grad->contiguous;
    for (int i = 0; i < leaf->ndim; i++)
        if (leaf->sizes[i] != 1 && leaf->strides[i] != grad->strides[i])
            return false;
    return true;
}

/* Adds the gradient in *slot to a leaf's grad; takes it where nobody else holds it. */
static bool engine_accumulate(ct_tensor *leaf, ct_tensor **slot)
{
    ct__meta *m = ct__meta_of(leaf);
    if (!m)
        return false;
    ct_tensor *grad = *slot;
    bool ok = true;
    ct__spin_lock(&m->lock);
    if (m->grad && !ct__grad_mode) {
        CT_SCOPE();
        ok = ct_add_(m->grad, grad) != NULL;
    } else if (!m->grad && !ct__grad_mode) {
        bool dense = grad->contiguous;
        if (!dense && grad->base.refcount == 1 && grad->storage->refcount == 1) {
            int64_t extent = 1;
            for (int i = 0; i < grad->ndim; i++)
                extent += (grad->sizes[i] - 1) * grad->strides[i];
            dense = extent == grad->numel;
        }
        if (grad->base.refcount == 1 && grad->storage->refcount == 1 && !grad->is_number && dense &&
            !grad->storage->read_only && !grad->requires_grad && engine_layout_fits(grad, leaf)) {
            m->grad = grad;
            *slot = NULL;
        } else {
            ct_tensor *copy = ct__new_like(leaf, (ct_dtype)grad->dtype);
            ok = copy && ct__copy(copy, grad);
            if (ok)
                m->grad = copy;
            else
                ct_release(copy);
        }
    } else {
        CT_SCOPE();
        ct_tensor *old = m->grad, *sum = old ? ct_add(old, grad) : ct_clone(grad);
        ok = sum != NULL;
        if (ok) {
            m->grad = ct_retain(sum);
            ct_release(old);
        }
    }
    ct__spin_unlock(&m->lock);
    if (*slot) {
        ct_release(*slot);
        *slot = NULL;
    }
    return ok;
}

/* ---- One node ---- */

/* The node that n's class can take along, where that one only hands on what n gives it: its gradient comes from n alone, and
 * nobody wants to see it. NULL: there is none. */
static ct_node *engine_joint(engine_run *run, const ct_node *n)
{
    ct_node *next = n->edges[0].node;
    if (ct__grad_mode || !next || next->variable || next->hooks.n || next->ninputs != 1 || next->freed || next->extra || n->outer
        || next->outer || strcmp(next->cls->name, n->cls->joint_with))
        return NULL;
    const ct__visit *v = engine_visit(run, next);
    return v->dependencies == 1 && !v->capture && !v->inbox[0] && (!run->selective || v->needed) ? next : NULL;
}

static bool engine_run_node(engine_run *run, ct_node *n)
{
    ct__visit *v = engine_visit(run, n);
    ct_tensor **grads = v->inbox;
    ct_tensor *leaf = n->variable;
    ct__hooks *hooks = leaf ? (leaf->autograd ? &leaf->autograd->hooks : NULL) : &n->hooks;
    if (hooks && hooks->n)
        for (int64_t i = 0; i < n->noutputs; i++)
            if (grads[i] && !ct__hooks_run(hooks, leaf ? -1 : i, &grads[i]))
                return false;
    for (int32_t c = v->capture; c; c = run->captures[c - 1].next) {
        engine_capture *capture = &run->captures[c - 1];
        capture->grad = ct_retain(grads[capture->output_nr]);
    }
    if (run->selective && !v->needed)
        return true;
    if (leaf) {
        if (!grads[0] || !ct__wants_grad(leaf))
            return true;
        if (CT_UNLIKELY(leaf->autograd->grad_fn != NULL) && !leaf->view_base) {
            ct__fail(CT_ERR_RUNTIME, "leaf variable has been moved into the graph interior");
            return false;
        }
        return engine_accumulate(leaf, &grads[0]) && (!hooks || !hooks->n || ct__hooks_run_post(hooks, leaf));
    }

    ct_tensor *results_here[8], **results = results_here;
    size_t bytes = sizeof *results * (size_t)n->ninputs;
    if (n->ninputs > 8) {
        if (!(results = ct__alloc_zero(bytes)))
            return false;
    } else {
        for (int64_t i = 0; i < n->ninputs; i++)
            results[i] = NULL;
    }
    bool any = n->cls->always;
    for (int64_t i = 0; i < n->noutputs && !any; i++)
        any = grads[i] != NULL;
    bool ok = true;
    ct_node *from = n; /* whose edges the results go along */
    if (any) {
        ct_scope scope = ct_scope_begin();
        ct_node *next = n->cls->joint ? engine_joint(run, n) : NULL;
        if (next)
            n->cls->joint(n, from = next, grads, results);
        else
            n->cls->backward(n, grads, results);
        ok = !ct__pending();
        for (int64_t i = 0; i < from->ninputs; i++) {
            const ct__edge *e = &from->edges[i];
            ct_tensor *r = results[i];
            if (r && (!ok || !e->node || (run->selective && !engine_wanted(engine_visit(run, e->node)))))
                r = NULL;
            if (r) {
                r = engine_fit(from, i, e, r);
                ok = r != NULL;
            }
            results[i] = ct_retain(r);
        }
        for (int64_t i = 0; i < n->noutputs; i++)
            if (grads[i]) {
                ct_release(grads[i]);
                grads[i] = NULL;
            }
        ct_scope_end(&scope);
    }
    if (ok && !run->keep_graph) {
        ct__node_forget(n);
        if (from != n)
            ct__node_forget(from);
    }
    for (int64_t i = 0; i < from->ninputs; i++) {
        const ct__edge *e = &from->edges[i];
        if (!e->node || !ok) {
            ct_release(results[i]);
            continue;
        }
        v = engine_visit(run, e->node);
        if (run->selective && !engine_wanted(v))
            continue;
        ok = engine_add(&v->inbox[e->output_nr], results[i]);
        if (--v->dependencies == 0 && ok)
            ok = engine_ready_push(run, e->node);
    }
    if (results != results_here)
        ct__free(results, bytes);
    return ok;
}

/* ---- The whole run ---- */

static bool engine_capture_add(engine_run *run, int64_t index, ct_tensor *input, bool accumulate)
{
    if (!input || !ct__wants_grad(input)) {
        ct__fail(CT_ERR_RUNTIME,
                 accumulate
                     ? "One of the differentiated Tensors given as 'inputs' to backward does not require grad"
                     : "One of the differentiated Tensors does not require grad");
        return false;
    }
    if (accumulate && !ct_is_leaf(input) && !ct_retain_grad(input))
        return false;
    ct__edge e = ct__gradient_edge(input);
    if (!e.node)
        return false;
    run->captures[index] = (engine_capture){.node = e.node, .output_nr = e.output_nr};
    return true;
}

/* The captured nodes, as far as the roots reach them, learn of it. */
static void engine_capture_link(engine_run *run, int64_t index, bool accumulate)
{
    engine_capture *c = &run->captures[index];
    ct__visit *v = __atomic_load_n(&c->node->visit.run, __ATOMIC_RELAXED) == run ? &c->node->visit
                   : run->side_n ? engine_side_visit(run, c->node, NULL)
                                 : NULL;
    if (!v)
        return;
    if (accumulate) {
        v->needed = true;
        return;
    }
    c->next = v->capture;
    v->capture = (int32_t)index + 1;
}

/* The gradient that a root starts with, fitting and owned; NULL: error set. */
static ct_tensor *engine_root_grad(const ct_backward_call *call, int64_t i, const ct__edge *e)
{
    ct_tensor *output = call->outputs.v[i],
              *given = call->gradients.v && i < call->gradients.n ? call->gradients.v[i] : NULL;
    if (!given) {
        if (output->numel != 1)
            return ct__fail(CT_ERR_RUNTIME, "grad can be implicitly created only for scalar outputs");
        ct_tensor *one = ct__new_like(output, (ct_dtype)output->dtype);
        if (one && !ct__fill(one, ct_int_scalar(1))) {
            ct_release(one);
            return NULL;
        }
        return one;
    }
    if (!ct__fits(given, output)) {
        char of_grad[256];
        snprintf(of_grad, sizeof of_grad, "%s", ct__shape_text(given));
        return ct__fail(CT_ERR_RUNTIME,
                        "Mismatch in shape: grad_output[%lld] has a shape of torch.Size(%s) and "
                        "output[%lld] has a shape of torch.Size(%s).",
                        (long long)i, of_grad, (long long)i, ct__shape_text(output));
    }
    CT_SCOPE();
    return ct_retain(engine_fit(NULL, i, e, given));
}

static bool engine_execute(engine_run *run, const ct_backward_call *call, ct__edge *roots, bool accumulate)
{
    for (int64_t i = 0; i < run->ncaptures; i++)
        if (!engine_capture_add(run, i, call->inputs.v[i], accumulate))
            return false;
    for (int64_t i = 0; i < call->outputs.n; i++) {
        ct_tensor *t = call->outputs.v[i];
        if (!t || !ct__wants_grad(t)) {
            ct__fail(CT_ERR_RUNTIME,
                     "element %lld of tensors does not require grad and does not have a grad_fn",
                     (long long)i);
            return false;
        }
        roots[i] = ct__gradient_edge(t);
        if (!roots[i].node)
            return false;
    }
    for (int64_t i = 0; i < call->outputs.n; i++)
        if (!engine_discover(run, roots[i].node))
            return false;
    if (run->selective) {
        for (int64_t i = run->ncaptures - 1; i >= 0; i--)
            engine_capture_link(run, i, accumulate);
        for (int64_t i = 0; i < call->outputs.n; i++)
            if (!engine_mark(run, roots[i].node))
                return false;
    }
    for (int64_t i = 0; i < call->outputs.n; i++) {
        ct_tensor *grad = engine_root_grad(call, i, &roots[i]);
        if (!grad)
            return false;
        ct__visit *v = engine_visit(run, roots[i].node);
        if (!engine_add(&v->inbox[roots[i].output_nr], grad))
            return false;
        if (--v->dependencies == 0 && (!run->selective || engine_wanted(v)) &&
            !engine_ready_push(run, roots[i].node))
            return false;
    }
    while (run->heap_n)
        if (!engine_run_node(run, engine_ready_pop(run)))
            return false;
    return true;
}

bool ct_run_backward(const ct_backward_call *call, ct_tensor **results)
{
    if (ct__pending())
        return false;
    int64_t nout = call->outputs.n, nin = call->inputs.n;
    ct__edge root_here, *roots = &root_here;
    engine_run run;
    memset(&run, 0, offsetof(engine_run, heap_here));
    run.keep_graph = call->retain_graph;
    run.create_graph = call->create_graph;
    run.selective = nin > 0;
    run.heap = run.heap_here;
    run.stack = run.stack_here;
    run.heap_capacity = run.stack_capacity = ENGINE_HERE;
    if (call->create_graph && !results)
        ct_warn("Using backward() with create_graph=True will create a reference cycle between the parameter "
                "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
                "creating the graph to avoid this. If you have to use this function, make sure to reset "
                "the .grad fields of your parameters to None after use to break the cycle and avoid the "
                "leak.");
    size_t root_bytes = sizeof *roots * (size_t)nout, capture_bytes = sizeof *run.captures * (size_t)nin;
    if (nin && !(run.captures = ct__alloc_zero(capture_bytes)))
        return false;
    if (nout == 1) {
        root_here = (ct__edge){NULL, 0};
    } else if (!(roots = ct__alloc_zero(root_bytes + 1))) {
        if (nin)
            ct__free(run.captures, capture_bytes);
        return false;
    }
    run.ncaptures = nin;
    bool was = ct_set_grad_enabled(call->create_graph);
    const char *op = ct__op_name;
    ct__op_name = "backward";
    bool ok = engine_execute(&run, call, roots, !results);
    ct__op_name = op;
    ct__grad_mode = was;
    engine_end(&run);
    for (int64_t i = 0; i < nout; i++)
        ct_release(roots[i].node);
    for (int64_t i = 0; i < nin; i++) {
        ct_release(run.captures[i].node);
        ct_tensor *g = run.captures[i].grad;
        if (results)
            results[i] = g ? ct_adopt(g) : NULL;
        if (ok && results && !g && !call->allow_unused) {
            ct__fail(
                CT_ERR_RUNTIME,
                "The differentiated Tensor at index %lld appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior.",
                (long long)i);
            ok = false;
        }
    }
    if (!ok && results)
        for (int64_t i = 0; i < nin; i++)
            results[i] = NULL;
    if (nin)
        ct__free(run.captures, capture_bytes);
    if (roots != &root_here)
        ct__free(roots, root_bytes + 1);
    return ok;
}

bool(ct_backward)(ct_tensor *t, const ct_backward_opts *options)
{
    static const ct_backward_opts defaults;
    const ct_backward_opts *o = options ? options : &defaults;
    ct_backward_call call = {.outputs = {1, &t},
                             .retain_graph = o->retain_graph || o->create_graph,
                             .create_graph = o->create_graph};
    if (o->gradient)
        call.gradients = (ct_tensors){1, &o->gradient};
    return ct_run_backward(&call, NULL);
}
