/* A tensor's place in the graph: requires_grad, grad, grad_fn, the leaf's AccumulateGrad, detach and data;
 * grad mode. Refuses gradients of integer tensors, and changes of computed tensors' flags. */
#include "autograd/graph.h"
#include "base/small.h"
#include "tensor/print.h"
#include <sched.h>
#include <stdio.h>

/* ---- Grad mode ---- */

CT_THREAD_WORD bool ct__grad_mode = true;

bool ct_grad_enabled(void) { return ct__grad_mode; }

bool ct_set_grad_enabled(bool enabled)
{
    bool was = ct__grad_mode;
    ct__grad_mode = enabled;
    return was;
}

ct_grad_guard ct_grad_guard_begin(bool enabled)
{
    return (ct_grad_guard){ct_set_grad_enabled(enabled), false};
}
void ct_grad_guard_end(ct_grad_guard *guard) { ct__grad_mode = guard->was; }

/* ---- The data that hangs on a tensor ---- */

void ct__spin_lock(uint8_t *lock)
{
    while (__atomic_test_and_set(lock, __ATOMIC_ACQUIRE))
        sched_yield();
}

void ct__spin_unlock(uint8_t *lock) { __atomic_clear(lock, __ATOMIC_RELEASE); }

ct__meta *ct__meta_of(ct_tensor *t)
{
    ct__meta *m = __atomic_load_n(&t->autograd, __ATOMIC_ACQUIRE);
    void *other;
    if (CT_LIKELY(m != NULL))
        return m;
    m = ct__alloc_small(sizeof *m);
    if (!m)
        return NULL;
    *m = (ct__meta){0};
    if (!ct__put_first((void **)&t->autograd, m, &other)) {
        ct__free(m, sizeof *m);
        m = other;
    }
    return m;
}

static void variable_destroy(ct_tensor *t)
{
    ct__meta *m = t->autograd;
    if (!m)
        return;
    t->autograd = NULL;
    if (CT_UNLIKELY(m->retain != NULL))
        ct__retain_forget(m);
    ct_release(m->grad);
    ct_release(m->grad_fn);
    if (CT_UNLIKELY(m->hooks.capacity))
        ct__hooks_free(&m->hooks);
    if (m->accumulator)
        ct__free(m->accumulator, m->accumulator->bytes);
    ct__free_small(m, sizeof *m);
}

/* The end of a tensor's repr: PyTorch's grad_fn=<...> or requires_grad=True; "" if neither. */
static const char *variable_suffix(const ct_tensor *t, char *buffer, size_t size)
{
    bool invalid = false;
    ct_node *n = ct__history(t, false, &invalid);
    if (invalid)
        return "grad_fn=<Invalid>";
    if (!n)
        return ct__wants_grad(t) ? "requires_grad=True" : "";
    snprintf(buffer, size, "grad_fn=<%s>", n->cls->name);
    return buffer;
}

__attribute__((constructor)) static void variable_link(void)
{
    ct__autograd_destroy = variable_destroy;
    ct__autograd_suffix = variable_suffix;
}

void ct__set_history(ct_tensor *t, ct__meta *m, ct_node *n, int64_t output_nr)
{
    ct_node *old = m->grad_fn;
    m->grad_fn = ct_retain(n);
    m->output_nr = (int32_t)output_nr;
    t->requires_grad = n != NULL;
    if (t->view_base)
        t->view_version = *ct__version_of(t);
    if (m->retain)
        ct__retain_move(m, old, n, output_nr);
    ct_release(old);
}

/* ---- Leaves ---- */

static const ct__node_class variable_accumulate = {.name = "AccumulateGrad"};

ct_node *ct__accumulator_of(ct_tensor *t)
{
    ct__meta *m = ct__meta_of(t);
    if (!m)
        return NULL;
    ct_node *n = __atomic_load_n(&m->accumulator, __ATOMIC_ACQUIRE);
    void *other;
    if (CT_UNLIKELY(!n)) {
        n = ct__node_block(&variable_accumulate, 0, 1, 0, 0);
        if (!n)
            return NULL;
        n->base.type = &ct__accumulator_type;
        n->base.refcount = 0;
        n->base.flags = CT__OBJECT_WEAK;
        n->sequence = UINT64_MAX;
        n->variable = t;
        if (!ct__put_first((void **)&m->accumulator, n, &other)) {
            ct__free(n, n->bytes);
            n = other;
        }
    }
    if (CT_ALONE ? n->base.refcount++ == 0 : __atomic_fetch_add(&n->base.refcount, 1, __ATOMIC_RELAXED) == 0)
        ct_retain(t);
    return n;
}

ct_node *ct_grad_accumulator(ct_tensor *t)
{
    if (ct__pending() || !ct_is_leaf(t) || !ct__wants_grad(t))
        return NULL;
    ct_node *n = ct__accumulator_of(t);
    return n ? ct_adopt(n) : NULL;
}

ct__edge ct__gradient_edge(ct_tensor *t)
{
    ct_node *n = ct__history(t, true, NULL);
    if (n)
        return (ct__edge){ct_retain(n), t->autograd->output_nr};
    if (ct__pending())
        return (ct__edge){NULL, 0};
    return (ct__edge){ct__accumulator_of(t), 0};
}

/* ---- Flags and fields ---- */

bool ct_requires_grad(const ct_tensor *t) { return t && ct__wants_grad(t); }

ct_node *ct_grad_fn(const ct_tensor *t)
{
    return t ? ct__history(t, true, NULL) : NULL;
}

bool ct_is_leaf(const ct_tensor *t)
{
    bool invalid = false;
    if (!t || !ct__wants_grad(t))
        return true;
    return ct__history(t, false, &invalid) == NULL && !invalid;
}

int64_t ct_output_nr(const ct_tensor *t) { return t && t->autograd ? t->autograd->output_nr : 0; }

ct_tensor *ct_base_of(const ct_tensor *t) { return t ? t->view_base : NULL; }

bool ct_set_requires_grad(ct_tensor *t, bool requires_grad)
{
    if (ct__pending() || !t)
        return false;
    if (!ct_is_leaf(t)) {
        if (!requires_grad)
            ct__fail(
                CT_ERR_RUNTIME,
                "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                "variable in a subgraph that doesn't require differentiation use var_no_grad = "
                "var.detach().");
        return requires_grad;
    }
    if (requires_grad && !ct_is_floating(t->dtype)) {
        ct__fail(CT_ERR_RUNTIME,
                 ct__op_name ? "Only Tensors of floating point and complex dtype can require gradients"
                             : "only Tensors of floating point dtype can require gradients");
        return false;
    }
    t->requires_grad = requires_grad;
    return true;
}

ct_tensor *ct_grad(const ct_tensor *t) { return t && t->autograd ? t->autograd->grad : NULL; }

bool ct__fits(const ct_tensor *grad, const ct_tensor *t)
{
    return grad->ndim == t->ndim && !memcmp(grad->sizes, t->sizes, sizeof(int64_t) * t->ndim);
}

bool ct_set_grad(ct_tensor *t, ct_tensor *grad)
{
    if (ct__pending() || !t)
        return false;
    if (grad == t) {
        ct__fail(CT_ERR_RUNTIME, "can't assign Variable as its own grad");
        return false;
    }
    if (grad && !ct__fits(grad, t)) {
        ct__fail(
            CT_ERR_RUNTIME,
            "attempting to assign a gradient of size '%s' to a tensor of size '%s'. Please ensure that the "
            "gradient and the tensor are the same size",
            ct__shape_text(grad), ct__shape_text(t));
        return false;
    }
    if (grad && grad->dtype != t->dtype) {
        static const char *const names[CT_NUM_DTYPES] = {
            [CT_UINT8] = "unsigned char", [CT_INT8] = "signed char",       [CT_INT16] = "short int",
            [CT_INT32] = "int",           [CT_INT64] = "long int",         [CT_BOOL] = "bool",
            [CT_FLOAT16] = "c10::Half",   [CT_BFLOAT16] = "c10::BFloat16", [CT_FLOAT32] = "float",
            [CT_FLOAT64] = "double"};
        ct__fail(CT_ERR_RUNTIME,
                 "attempting to assign a gradient with dtype '%s' to a tensor with grad_dtype '%s'. The "
                 "gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can "
                 "set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. "
                 "Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break "
                 "downstream systems that assume they match.",
                 names[grad->dtype] ? names[grad->dtype] : "", ct_dtype_type_name(t->dtype));
        return false;
    }
    ct__meta *m = grad ? ct__meta_of(t) : t->autograd;
    if (grad && !m)
        return false;
    if (m) {
        ct_tensor *old = m->grad;
        m->grad = ct_retain(grad);
        ct_release(old);
    }
    return true;
}

/* ---- Outside of the graph ---- */

ct_tensor *ct_detach(const ct_tensor *t)
{
    if (ct__pending() || !t)
        return NULL;
    ct_tensor *alias = ct__alias(t);
    return alias ? ct_adopt(alias) : NULL;
}

/* t counts its writes on its own from now on, beginning at `version`. */
static bool variable_own_counter(ct_tensor *t, uint32_t version)
{
    ct__counter *c = ct__alloc(sizeof *c);
    if (!c)
        return false;
    *c = (ct__counter){1, version};
    ct__counter *old = t->counter;
    t->counter = c;
    if (old && __atomic_sub_fetch(&old->refcount, 1, __ATOMIC_ACQ_REL) == 0)
        ct__free(old, sizeof *old);
    return true;
}

ct_tensor *ct_data_tensor(const ct_tensor *t)
{
    if (ct__pending() || !t)
        return NULL;
    ct_tensor *alias = ct__alias(t);
    if (alias && !variable_own_counter(alias, 0)) {
        ct_release(alias);
        return NULL;
    }
    return alias ? ct_adopt(alias) : NULL;
}

bool ct_detach_(ct_tensor *t)
{
    if (ct__pending() || !t)
        return false;
    ct__meta *m = t->autograd;
    if (t->view_base) {
        ct__fail(CT_ERR_RUNTIME, "Can't detach views in-place. Use detach() instead. If you are using "
                                 "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view "
                                 "is set as True, gradients are views of DDP buckets, and hence detach_() "
                                 "cannot be called on these gradients. To fix this error, please refer to "
                                 "the Optimizer.zero_grad() function in torch/optim/optimizer.py as the "
                                 "solution.");
        return false;
    }
    if (m) {
        ct__retain_forget(m);
        ct__set_history(t, m, NULL, 0);
    }
    t->requires_grad = false;
    return true;
}

bool ct_set_data(ct_tensor *t, ct_tensor *other)
{
    if (ct__pending() || !t || !other)
        return false;
    if (ct__wants_grad(t) && !ct_is_floating(other->dtype)) {
        ct__fail(CT_ERR_RUNTIME,
                 "data set to a tensor that requires gradients must be floating point or complex dtype");
        return false;
    }
    if (t == other)
        return true;
    ct__set_from(t, other); /* t keeps its count of writes */
    if (ct__pending())
        return false;
    if (t->view_base) { /* no longer over its base's memory */
        ct_tensor *base = t->view_base;
        t->view_base = NULL;
        ct_release(base);
    }
    return true;
}
