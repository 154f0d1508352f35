/* Reference counts, and scopes: a thread-local stack of references with marks. */
#include "base/base.h"
#include <pthread.h>

void ct__object_init(void *object, const ct_type *type)
{
    ct_object *o = object;
    o->type = type;
    o->refcount = 1;
    o->reserved = 0;
}

void *ct_retain(const void *object)
{
    if (object)
        __atomic_fetch_add(&((ct_object *)object)->refcount, 1, __ATOMIC_RELAXED);
    return (void *)object;
}

void ct_release(const void *object)
{
    ct_object *o = (ct_object *)object;
    if (o && __atomic_sub_fetch(&o->refcount, 1, __ATOMIC_ACQ_REL) == 0)
        o->type->destroy(o);
}

int32_t ct_refcount(const void *object) { return object ? __atomic_load_n(&((const ct_object *)object)->refcount, __ATOMIC_RELAXED) : 0; }

void ct_free_objects(size_t n, const void *const *objects)
{
    for (size_t i = 0; i < n; i++)
        ct_release(objects[i]);
}

void ct_keep_object(void **slot, const void *object)
{
    void *old = *slot;
    *slot = ct_retain(object);
    ct_release(old);
}

/* ---- Scopes ---- */

typedef struct scope_stack { void **items; int64_t n, capacity, depth; int64_t marks[256]; } scope_stack;
static _Thread_local scope_stack scope_here;
static pthread_key_t scope_key;
static pthread_once_t scope_once = PTHREAD_ONCE_INIT;

static void scope_release_to(scope_stack *s, int64_t mark)
{
    while (s->n > mark)
        ct_release(s->items[--s->n]);
}

/* A thread's end: what its root scope holds goes, too. */
static void scope_thread_end(void *stack)
{
    scope_stack *s = stack;
    scope_release_to(s, 0);
    ct__free(s->items, (size_t)s->capacity * sizeof *s->items);
    *s = (scope_stack){0};
}

static void scope_process_end(void)
{
    scope_thread_end(&scope_here);
}

static void scope_make_key(void)
{
    pthread_key_create(&scope_key, scope_thread_end);
    atexit(scope_process_end);
}

static bool scope_grow(scope_stack *s)
{
    int64_t capacity = s->capacity ? 2 * s->capacity : 256;
    if (!s->capacity) {
        pthread_once(&scope_once, scope_make_key);
        pthread_setspecific(scope_key, s);
    }
    void **items = ct__realloc(s->items, (size_t)s->capacity * sizeof *items, (size_t)capacity * sizeof *items);
    if (!items)
        return false;
    s->items = items;
    s->capacity = capacity;
    return true;
}

ct_scope ct_scope_begin(void)
{
    scope_stack *s = &scope_here;
    if (s->depth < 256)
        s->marks[s->depth] = s->n;
    s->depth++;
    return (ct_scope){s->n};
}

void ct_scope_end(ct_scope *scope)
{
    scope_stack *s = &scope_here;
    s->depth--;
    scope_release_to(s, s->depth < 256 ? s->marks[s->depth] : scope->mark);
}

void *ct_adopt(const void *object)
{
    scope_stack *s = &scope_here;
    if (!object)
        return NULL;
    if (CT_UNLIKELY(s->n == s->capacity) && !scope_grow(s)) {
        ct_release(object);
        return NULL;
    }
    s->items[s->n++] = (void *)object;
    return (void *)object;
}

void *ct_escape(const void *object)
{
    scope_stack *s = &scope_here;
    if (!object || s->depth == 0 || s->depth > 256)
        return (void *)object;
    int64_t mark = s->marks[s->depth - 1];
    for (int64_t i = s->n - 1; i >= mark; i--)
        if (s->items[i] == object) { /* rotate it below the mark */
            memmove(s->items + mark + 1, s->items + mark, (size_t)(i - mark) * sizeof *s->items);
            s->items[mark] = (void *)object;
            s->marks[s->depth - 1] = mark + 1;
            return (void *)object;
        }
    return (void *)object;
}
