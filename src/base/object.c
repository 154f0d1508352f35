/* Reference counts, and scopes: a thread-local stack of references, with a mark in it where each scope begins. */
#include "base/base.h"

void *ct_retain(const void *object)
{
    if (object)
        ct__count_up(&((ct_object *)object)->refcount);
    return (void *)object;
}

void ct_release(const void *object)
{
    ct_object *o = (ct_object *)object;
    if (o && ct__object_down(o))
        o->type->destroy(o);
}

int32_t ct_refcount(const void *object)
{
    return object ? __atomic_load_n(&((const ct_object *)object)->refcount, __ATOMIC_RELAXED) : 0;
}

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

/* ---- Scopes. An item is an object's address, or a mark: 2 * (place of the mark around it) + 1. ---- */

typedef struct scope_stack {
    uintptr_t *items;
    int64_t n, capacity;
    int64_t top;   /* place of the innermost mark; -1 in the root scope */
    int64_t depth; /* marks */
    bool started;
} scope_stack;

static CT_THREAD_WORD scope_stack scope_here = {.top = -1};
static pthread_key_t scope_key;
static pthread_once_t scope_once = PTHREAD_ONCE_INIT;
static bool scope_has_key = false;

/* Releases the innermost items until `depth` marks are left (-1: everything). What a release adds meanwhile goes too. */
static void scope_release_to(scope_stack *s, int64_t depth)
{
    while (s->n > 0 && s->depth > depth) {
        uintptr_t item = s->items[--s->n];
        if (item & 1) {
            s->top = (int64_t)(intptr_t)item >> 1;
            s->depth--;
        } else {
            ct_release((void *)item);
        }
    }
}

/* A thread's end: what its root scope holds goes, too. */
static void scope_thread_end(void *stack)
{
    scope_stack *s = stack;
    scope_release_to(s, -1);
    ct__free(s->items, (size_t)s->capacity * sizeof *s->items);
    *s = (scope_stack){.top = -1};
}

static void scope_make_key(void) { scope_has_key = pthread_key_create(&scope_key, scope_thread_end) == 0; }

static __attribute__((noinline)) bool scope_grow(scope_stack *s)
{
    int64_t capacity = s->capacity ? 2 * s->capacity : 256;
    uintptr_t *items = ct__realloc(s->items, (size_t)s->capacity * sizeof *items, (size_t)capacity * sizeof *items);
    if (!items)
        return false;
    s->items = items;
    s->capacity = capacity;
    if (!s->started) {
        pthread_once(&scope_once, scope_make_key);
        s->started = !scope_has_key || pthread_setspecific(scope_key, s) == 0;
    }
    return true;
}

ct_scope ct_scope_begin(void)
{
    scope_stack *s = &scope_here;
    if (CT_UNLIKELY(s->n == s->capacity) && !scope_grow(s))
        return (ct_scope){-1}; /* the scope around it stands in */
    s->items[s->n] = (uintptr_t)((intptr_t)s->top * 2 + 1);
    s->top = s->n++;
    return (ct_scope){s->depth++};
}

void ct_scope_end(ct_scope *scope)
{
    if (scope->mark >= 0)
        scope_release_to(&scope_here, scope->mark);
    scope->mark = -1;
}

void *ct_scope_end_but(ct_scope *scope, const void *object)
{
    scope_stack *s = &scope_here;
    if (CT_LIKELY(object && s->n - 1 > s->top && s->items[s->n - 1] == (uintptr_t)object && scope->mark == s->depth - 1))
        s->n--; /* the reference that the scope held, most often the last one it got */
    else
        ct_retain(object);
    ct_scope_end(scope);
    return (void *)object;
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
    s->items[s->n++] = (uintptr_t)object;
    return (void *)object;
}

void *ct_escape(const void *object)
{
    scope_stack *s = &scope_here;
    if (!object || s->top < 0)
        return (void *)object;
    for (int64_t i = s->n - 1; i > s->top; i--)
        if (s->items[i] == (uintptr_t)object) { /* swaps places with the mark, and closes the gap */
            uintptr_t mark = s->items[s->top];
            memmove(s->items + s->top + 2, s->items + s->top + 1, (size_t)(i - s->top - 1) * sizeof *s->items);
            s->items[s->top] = (uintptr_t)object;
            s->items[++s->top] = mark;
            break;
        }
    return (void *)object;
}
