/* The caching allocator's way for small blocks, inlined: where the compiler knows the size, a dozen instructions remain of
 * ct__alloc and ct__free. Only for what is made and freed all the time (tensors, storages, autograd's records). */
#ifndef CT_BASE_SMALL_H
#define CT_BASE_SMALL_H

#include "base/base.h"

/* Classes: 64, 128, 192, 256, then four steps a power of two. */
#define CT__SMALL_LIMIT ((size_t)64 << 10)
#define CT__SMALL_CLASSES 40
#define CT__KEEP_SMALL ((int64_t)1 << 20) /* bytes a thread keeps in one class */

typedef struct ct__free_block { struct ct__free_block *next; } ct__free_block;

/* A thread's lists and counters, from the C library. Only the thread writes them; others read the counters. */
typedef struct ct__alloc_cache {
    ct__free_block *head[CT__SMALL_CLASSES];
    int32_t count[CT__SMALL_CLASSES];
    int64_t live, calls;
    struct ct__alloc_cache *next, **link;
} ct__alloc_cache;

CT_HIDDEN extern CT_THREAD_WORD ct__alloc_cache *ct__alloc_here; /* NULL before its first use and while the thread is ending */
CT_HIDDEN extern int64_t ct__alloc_fail_in; /* atomic: allocations until one fails; negative: never */
CT_HIDDEN void *ct__alloc_slowly(size_t bytes);
CT_HIDDEN void ct__free_slowly(void *p, size_t bytes);

CT_INLINE size_t ct__alloc_round(size_t bytes, int *class)
{
    if (bytes <= 256) {
        *class = bytes ? (int)((bytes - 1) >> 6) : 0;
        return ((size_t)*class + 1) << 6;
    }
    int log2 = 63 - __builtin_clzll((unsigned long long)bytes - 1); /* 2^log2 < bytes <= 2^(log2 + 1) */
    size_t quarter = (bytes - 1) >> (log2 - 2) & 3;
    *class = 4 + (log2 - 8) * 4 + (int)quarter;
    return (5 + quarter) << (log2 - 2);
}

CT_INLINE void ct__alloc_count(int64_t *counter, int64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

CT_INLINE void *ct__alloc_small(size_t bytes)
{
    int class;
    ct__alloc_cache *c = ct__alloc_here;
    if (CT_LIKELY(c && bytes <= CT__SMALL_LIMIT && __atomic_load_n(&ct__alloc_fail_in, __ATOMIC_RELAXED) < 0)) {
        ct__alloc_round(bytes, &class);
        ct__free_block *block = c->head[class];
        if (CT_LIKELY(block != NULL)) {
            c->head[class] = block->next;
            c->count[class]--;
            ct__alloc_count(&c->live, (int64_t)bytes);
            ct__alloc_count(&c->calls, 1);
            return block;
        }
    }
    return ct__alloc_slowly(bytes);
}

CT_INLINE void ct__free_small(void *p, size_t bytes)
{
    int class;
    ct__alloc_cache *c = ct__alloc_here;
    if (CT_LIKELY(c && bytes <= CT__SMALL_LIMIT)) {
        size_t size = ct__alloc_round(bytes, &class);
        if (CT_LIKELY((c->count[class] + 1) * (int64_t)size <= CT__KEEP_SMALL)) {
            ct__free_block *block = (ct__free_block *)p;
            block->next = c->head[class];
            c->head[class] = block;
            c->count[class]++;
            ct__alloc_count(&c->live, -(int64_t)bytes);
            return;
        }
    }
    ct__free_slowly(p, bytes);
}
#endif
