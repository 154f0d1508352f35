/* Hooks on gradients: of tensors (before the gradient goes on), retain_grad, and after a leaf's grad was
 * accumulated. Removing a hook while it runs is fine: lists are compacted when the next hook is added. */
#include "autograd/graph.h"
#include <ctorch/ops.h>

static int64_t hook_last_id;
static uint8_t hook_retain_lock;

static void hook_free_data(ct__hook *hook)
{
    void *data = hook->data;
    hook->data = NULL;
    if (hook->free_data && data)
        hook->free_data(data);
}

void ct__hook_release(ct__hook *hook)
{
    if (!hook || __atomic_sub_fetch(&hook->refcount, 1, __ATOMIC_ACQ_REL))
        return;
    hook_free_data(hook);
    ct__free(hook, sizeof *hook);
}

bool ct__hooks_add(ct__hooks *list, ct__hook *hook)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < list->n; i++)
        if (list->v[i]->call || list->v[i]->kind == CT__HOOK_RETAIN)
            list->v[kept++] = list->v[i];
        else
            ct__hook_release(list->v[i]);
    list->n = kept;
    if (list->n == list->capacity) {
        int32_t capacity = list->capacity ? 2 * list->capacity : 4;
        ct__hook **v = ct__realloc(list->v, sizeof *v * (size_t)list->capacity, sizeof *v * (size_t)capacity);
        if (!v)
            return false;
        list->v = v;
        list->capacity = capacity;
    }
    __atomic_fetch_add(&hook->refcount, 1, __ATOMIC_RELAXED);
    list->v[list->n++] = hook;
    return true;
}

void ct__hooks_remove(ct__hooks *list, ct__hook *hook)
{
    for (int32_t i = 0; i < list->n; i++)
        if (list->v[i] == hook) {
            memmove(list->v + i, list->v + i + 1, sizeof *list->v * (size_t)(list->n - i - 1));
            list->n--;
            ct__hook_release(hook);
            return;
        }
}

void ct__hooks_free(ct__hooks *list)
{
    for (int32_t i = 0; i < list->n; i++)
        ct__hook_release(list->v[i]);
    if (list->capacity)
        ct__free(list->v, sizeof *list->v * (size_t)list->capacity);
    *list = (ct__hooks){0};
}

static ct__hook *hook_new(uint8_t kind, ct_tensor_hook *call, void *data, void (*free_data)(void *))
{
    ct__hook *hook = ct__alloc_zero(sizeof *hook);
    if (!hook)
        return NULL;
    hook->refcount = 1;
    hook->kind = kind;
    hook->id = __atomic_add_fetch(&hook_last_id, 1, __ATOMIC_RELAXED);
    hook->call = call;
    hook->data = data;
    hook->free_data = free_data;
    return hook;
}

static int64_t hook_register(ct_tensor *t, uint8_t kind, ct_tensor_hook *call, void *data,
                             void (*free_data)(void *))
{
    ct__meta *m = ct__meta_of(t);
    ct__hook *hook = m ? hook_new(kind, call, data, NULL) : NULL;
    if (!hook)
        return 0;
    ct_node *n = ct_grad_fn(t);
    hook->output_nr = n ? m->output_nr : -1;
    int64_t id = 0;
    if (!ct__pending() && (!n || ct__hooks_add(&n->hooks, hook))) {
        if (ct__hooks_add(&m->hooks, hook))
            id = hook->id;
        else if (n)
            ct__hooks_remove(&n->hooks, hook);
    }
    if (id)
        hook->free_data = free_data; /* where it fails, data stays the caller's */
    ct__hook_release(hook);
    return id;
}

int64_t ct_register_hook(ct_tensor *t, ct_tensor_hook *hook, void *data, void (*free_data)(void *))
{
    if (ct__pending() || !t || !hook)
        return 0;
    if (!ct__wants_grad(t)) {
        ct__fail(CT_ERR_RUNTIME, "cannot register a hook on a tensor that doesn't require gradient");
        return 0;
    }
    return hook_register(t, CT__HOOK_PRE, hook, data, free_data);
}

int64_t ct_register_post_accumulate_grad_hook(ct_tensor *t, ct_tensor_hook *hook, void *data,
                                              void (*free_data)(void *))
{
    if (ct__pending() || !t || !hook)
        return 0;
    if (!ct__wants_grad(t)) {
        ct__fail(CT_ERR_RUNTIME, "cannot register a hook on a tensor that doesn't require gradient");
        return 0;
    }
    if (!ct_is_leaf(t)) {
        ct__fail(CT_ERR_RUNTIME, "post accumulate grad hooks cannot be registered on non-leaf tensors");
        return 0;
    }
    return hook_register(t, CT__HOOK_POST, hook, data, free_data);
}

void ct_remove_hook(ct_tensor *t, int64_t id)
{
    ct__meta *m = t ? t->autograd : NULL;
    for (int32_t i = 0; m && i < m->hooks.n; i++) {
        ct__hook *hook = m->hooks.v[i];
        if (hook->id != id || !hook->call)
            continue;
        hook->call = NULL;
        if (!hook->running)
            hook_free_data(hook);
        return;
    }
}

/* ---- retain_grad ---- */

bool ct_retain_grad(ct_tensor *t)
{
    if (ct__pending() || !t)
        return false;
    if (!ct__wants_grad(t)) {
        ct__fail(CT_ERR_RUNTIME, "can't retain_grad on Tensor that has requires_grad=False");
        return false;
    }
    ct_node *n = ct_grad_fn(t);
    if (ct__pending())
        return false;
    if (!n || t->autograd->retain)
        return true;
    ct__meta *m = t->autograd;
    ct__hook *hook = hook_new(CT__HOOK_RETAIN, NULL, NULL, NULL);
    if (!hook)
        return false;
    hook->output_nr = m->output_nr;
    hook->tensor = t;
    t->base.flags |= CT__OBJECT_WEAK; /* from hook->tensor */
    if (!ct__hooks_add(&n->hooks, hook)) {
        ct__hook_release(hook);
        return false;
    }
    m->retain = hook;
    return true;
}

bool ct_retains_grad(const ct_tensor *t) { return t && t->autograd && t->autograd->retain; }

void ct__retain_forget(ct__meta *m)
{
    ct__hook *hook = m->retain;
    if (!hook)
        return;
    m->retain = NULL;
    ct__spin_lock(&hook_retain_lock);
    hook->tensor = NULL;
    ct__spin_unlock(&hook_retain_lock);
    if (m->grad_fn)
        ct__hooks_remove(&m->grad_fn->hooks, hook);
    ct__hook_release(hook);
}

void ct__retain_move(ct__meta *m, ct_node *from, ct_node *to, int64_t output_nr)
{
    ct__hook *hook = m->retain;
    if (from)
        ct__hooks_remove(&from->hooks, hook);
    hook->output_nr = (int32_t)output_nr;
    if (!to || !ct__hooks_add(&to->hooks, hook)) {
        m->retain = NULL;
        ct__hook_release(hook);
    }
}

static bool hook_retain(ct__hook *hook, ct_tensor *grad)
{
    ct__spin_lock(&hook_retain_lock);
    ct_tensor *t = hook->tensor;
    int32_t count = t ? __atomic_load_n(&t->base.refcount, __ATOMIC_RELAXED) : 0;
    while (count > 0 && !__atomic_compare_exchange_n(&t->base.refcount, &count, count + 1, true,
                                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
    ct__spin_unlock(&hook_retain_lock);
    if (count <= 0)
        return true;
    CT_SCOPE();
    ct_tensor *sum = t->autograd->grad ? ct_add(t->autograd->grad, grad) : ct_clone(grad);
    bool ok = sum != NULL;
    if (ok) {
        ct_tensor *old = t->autograd->grad;
        t->autograd->grad = ct_retain(sum);
        ct_release(old);
    }
    ct_release(t);
    return ok;
}

/* ---- Running ---- */

static ct_tensor *hook_call(ct__hook *hook, ct_tensor *t)
{
    hook->running++;
    ct_tensor *result = hook->call(t, hook->data);
    if (--hook->running == 0 && !hook->call)
        hook_free_data(hook);
    return result;
}

bool ct__hooks_run(ct__hooks *list, int64_t output_nr, ct_tensor **grad)
{
    for (int retain = 0; retain < 2; retain++)
        for (int32_t i = 0; i < list->n; i++) {
            ct__hook *hook = list->v[i];
            if (hook->output_nr != output_nr || hook->kind != (retain ? CT__HOOK_RETAIN : CT__HOOK_PRE))
                continue;
            __atomic_fetch_add(&hook->refcount, 1, __ATOMIC_RELAXED);
            bool ok = true;
            if (retain) {
                ok = hook_retain(hook, *grad);
            } else if (hook->call) {
                CT_SCOPE();
                ct_tensor *changed = hook_call(hook, *grad);
                ok = !ct__pending();
                if (ok && changed && changed != *grad) {
                    if (!ct__fits(changed, *grad))
                        ok = ct__fail(CT_ERR_RUNTIME, "hook has changed the size of value") != NULL;
                    else if (changed->dtype != (*grad)->dtype)
                        ok = ct__fail(CT_ERR_RUNTIME, "hook has changed the type of value (was %s got %s)",
                                      ct__type_text(*grad), ct__type_text(changed)) != NULL;
                    else {
                        ct_retain(changed);
                        ct_release(*grad);
                        *grad = changed;
                    }
                }
            }
            ct__hook_release(hook);
            if (!ok)
                return false;
        }
    return true;
}

bool ct__hooks_run_post(ct__hooks *list, ct_tensor *variable)
{
    for (int32_t i = 0; i < list->n; i++) {
        ct__hook *hook = list->v[i];
        if (hook->kind != CT__HOOK_POST || !hook->call)
            continue;
        __atomic_fetch_add(&hook->refcount, 1, __ATOMIC_RELAXED);
        {
            CT_SCOPE();
            hook_call(hook, variable);
        }
        ct__hook_release(hook);
        if (ct__pending())
            return false;
    }
    return true;
}
