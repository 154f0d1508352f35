/* What every layer may use: errors, memory, scopes, the thread pool, text. Knows nothing about tensors. */
#ifndef CT_BASE_H
#define CT_BASE_H

#include <ctorch/runtime.h>
#include "kernels/random.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CT_HIDDEN __attribute__((visibility("hidden")))
#define CT_LIKELY(x) __builtin_expect(!!(x), 1)
#define CT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CT_INLINE static inline __attribute__((always_inline, unused))

/* Broken invariants of our own abort; a user's mistake never does. */
#define CT_ASSERT(x) (CT_LIKELY(x) ? (void)0 : ct__assert_failed(#x, __FILE__, __LINE__))
CT_HIDDEN _Noreturn void ct__assert_failed(const char *what, const char *file, int line);

/* A thread's own word that every op reads or writes. Where the build says that the C library lets a loaded library have some room
 * in a thread's static block, it is reached by one instruction instead of a call; so it has to be small: buffers are plain
 * _Thread_local. */
#ifdef CT_STATIC_TLS
#define CT_THREAD_WORD _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define CT_THREAD_WORD _Thread_local
#endif

/* ---- thread.c: what a thread keeps beside its words. ---- */
#define CT__SHORT_TEXT 256
#define CT__SHORT_TEXTS 12
typedef struct ct__room {
    char message[2048], op[64]; /* of the pending error */
    char texts[CT__SHORT_TEXTS][CT__SHORT_TEXT];
    int turn;
} ct__room;
CT_HIDDEN ct__room *ct__room_here(void); /* never NULL */
/* CT__SHORT_TEXT characters for a part of a message; they come back after some more such texts. */
CT_HIDDEN char *ct__short_text(void);

/* ---- error.c: thread state of errors. ---- */
#define ct__fail ct_fail
CT_HIDDEN extern CT_THREAD_WORD ct_error_kind ct__error_kind;
/* The op that is running, for messages; a generated wrapper sets and restores it. */
CT_HIDDEN extern CT_THREAD_WORD const char *ct__op_name;
CT_INLINE bool ct__pending(void) { return CT_UNLIKELY(ct__error_kind != CT_OK); }
/* Records CT_ERR_MEMORY for `bytes`; returns NULL. Needs no memory itself. */
CT_HIDDEN void *ct__fail_memory(size_t bytes);

/* ---- alloc.c: caching allocator. 64-byte aligned; size classes on thread-local free lists up to 64 KiB, then bounded
 * process-wide caches of larger blocks (huge pages advised from 4 MiB). The caller gives the size back when freeing.
 * NULL with CT_ERR_MEMORY on failure. n = 0 gives a valid pointer. CT_ALLOC=plain in the environment (and a build with
 * AddressSanitizer) keeps nothing, so that tools see every block. ---- */
CT_HIDDEN void *ct__alloc(size_t bytes);
CT_HIDDEN void *ct__alloc_zero(size_t bytes);
CT_HIDDEN void *ct__realloc(void *p, size_t old_bytes, size_t new_bytes);
CT_HIDDEN void ct__free(void *p, size_t bytes);
CT_HIDDEN char *ct__strdup(const char *s); /* freed with ct__free(s, strlen(s) + 1) */
/* Fault injection for tests: after `count` more allocations, one fails (negative: never). Returns allocations done so far. */
CT_API int64_t ct__alloc_fail_after(int64_t count);
/* Bytes handed out by any thread and not yet freed, for leak tests (a thread's scope array grows and is one of them). */
CT_API int64_t ct__alloc_live(void);

/* ---- object.c ---- */

CT_INLINE void ct__object_init(void *object, const ct_type *type)
{
    *(ct_object *)object = (ct_object){type, 1, 0};
}
/* Whether there is but one thread in the process: what threads share needs no locked instruction then, and six or eight of those
 * are a third of the time of a small op with a graph. The C library keeps the word and clears it before a second thread starts. */
#ifdef __has_include
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define CT_ALONE __libc_single_threaded
#endif
#endif
#ifndef CT_ALONE
#define CT_ALONE 0
#endif
CT_INLINE void ct__count_up(int32_t *count)
{
    if (CT_ALONE)
        *count += 1;
    else
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}
CT_INLINE int32_t ct__count_less(int32_t *count) /* what is left */
{
    return CT_ALONE ? *count -= 1 : __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL);
}
/* Puts a pointer where there is none. False: there is one, and *other is it. */
CT_INLINE bool ct__put_first(void **slot, void *pointer, void **other)
{
    if (!CT_ALONE) {
        *other = NULL;
        return __atomic_compare_exchange_n(slot, other, pointer, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    if (!(*other = *slot))
        *slot = pointer;
    return !*other;
}
/* True where that was the last reference. A count that reads 1 is the caller's own: nobody else is there who could raise it, so it
 * need not be written. */
CT_INLINE bool ct__count_down(int32_t *count)
{
    return __atomic_load_n(count, __ATOMIC_ACQUIRE) == 1 || ct__count_less(count) == 0;
}
/* In an object's flags: somebody points to it without a reference, and retains it while the count is above 0. It has to reach 0. */
#define CT__OBJECT_WEAK 2u
CT_INLINE bool ct__object_down(ct_object *o)
{
    return (__atomic_load_n(&o->refcount, __ATOMIC_ACQUIRE) == 1 && !(o->flags & CT__OBJECT_WEAK)) ||
           ct__count_less(&o->refcount) == 0;
}

/* ---- pool.c: one pool for the process, started on first use, restarted after fork, idle threads sleep.
 * Calls fn(ctx, begin, end) over [0, n) in pieces of exactly `grain` items (the last may be shorter), whatever the number
 * of threads, from several threads; returns when all are done. A nested call runs in the calling thread. fn must not
 * fail with an error of its own thread unnoticed: an error recorded in a worker is moved to the caller. ---- */
typedef void ct__range_fn(void *ctx, int64_t begin, int64_t end);
CT_HIDDEN void ct__parallel(int64_t n, int64_t grain, ct__range_fn *fn, void *ctx);
CT_HIDDEN bool ct__in_parallel(void);

/* ---- text.c: a growing string. A failed allocation sets the thread's error and later appends do nothing. ---- */
typedef struct ct__text { char *s; size_t length, capacity; bool failed; } ct__text;
CT_HIDDEN void ct__text_add(ct__text *t, const char *s);
CT_HIDDEN void ct__text_addn(ct__text *t, const char *s, size_t n);
CT_HIDDEN void ct__text_addf(ct__text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
CT_HIDDEN void ct__text_free(ct__text *t);

/* ---- random.c: generators. The kernels of kernels/random.h fill memory from a generator's ct__mt, which a caller holds
 * locked meanwhile, so that threads which share a generator take turns. ---- */
struct ct_generator {
    ct_object base;
    uint64_t seed;
    pthread_mutex_t lock;
    ct__mt mt;
};
/* The words of g (NULL: the default generator), held by this thread until ct__generator_unlock(g). Not recursive. */
CT_HIDDEN ct__mt *ct__generator_lock(ct_generator *g);
CT_HIDDEN void ct__generator_unlock(ct_generator *g);
#endif
