/* The caching allocator: blocks of a size class go back to a free list, small ones to the freeing thread's, large ones to the
 * process's; a training loop then asks the system for nothing. The caller remembers a block's size. */
#include "base/base.h"
#include <pthread.h>
#include <sys/mman.h>

/* Classes: 64, 128, 192, 256, then four steps a power of two. */
#define ALLOC_SMALL_LIMIT (64 << 10)
#define ALLOC_CLASSES 192
#define ALLOC_KEEP_SMALL (1 << 20)          /* bytes a thread keeps in one class */
#define ALLOC_KEEP_LARGE ((int64_t)1 << 30) /* bytes the process keeps in large blocks */
#define ALLOC_HUGE (4u << 20)

typedef struct alloc_free { struct alloc_free *next; } alloc_free;
typedef struct alloc_cache { alloc_free *head[64]; int32_t count[64]; bool registered; } alloc_cache;

static _Thread_local alloc_cache alloc_here;
static alloc_free *alloc_large[ALLOC_CLASSES];
static int64_t alloc_large_bytes = 0;
static pthread_mutex_t alloc_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t alloc_key;
static pthread_once_t alloc_once = PTHREAD_ONCE_INIT;
static int64_t alloc_live_bytes = 0, alloc_count = 0, alloc_fail_at = -1;
static bool alloc_counting = false; /* counters cost atomics: only once a test asked */

static size_t alloc_round(size_t bytes, int *class)
{
    if (bytes <= 256) {
        *class = bytes <= 64 ? 0 : (int)((bytes - 1) >> 6);
        return ((size_t)*class + 1) << 6;
    }
    int log2 = 63 - __builtin_clzll((unsigned long long)bytes - 1); /* 2^log2 < bytes <= 2^(log2 + 1) */
    size_t step = (size_t)1 << (log2 - 2);
    size_t quarter = (bytes - 1 - ((size_t)1 << log2)) / step;
    *class = 4 + (log2 - 8) * 4 + (int)quarter;
    return ((size_t)1 << log2) + (quarter + 1) * step;
}

static void alloc_thread_end(void *unused)
{
    (void)unused;
    for (int c = 0; c < 64; c++)
        while (alloc_here.head[c]) {
            alloc_free *block = alloc_here.head[c];
            alloc_here.head[c] = block->next;
            free(block);
        }
    memset(alloc_here.count, 0, sizeof alloc_here.count);
}

static void alloc_process_end(void)
{
    alloc_thread_end(NULL);
    for (int c = 0; c < ALLOC_CLASSES; c++)
        while (alloc_large[c]) {
            alloc_free *block = alloc_large[c];
            alloc_large[c] = block->next;
            free(block);
        }
}

static void alloc_before_fork(void) { pthread_mutex_lock(&alloc_lock); }
static void alloc_after_fork(void) { pthread_mutex_unlock(&alloc_lock); }

static void alloc_make_key(void)
{
    pthread_key_create(&alloc_key, alloc_thread_end);
    pthread_atfork(alloc_before_fork, alloc_after_fork, alloc_after_fork);
    atexit(alloc_process_end);
}

/* Counts; false where this allocation is the one that has to fail. */
static bool alloc_counted(size_t bytes)
{
    int64_t k = __atomic_add_fetch(&alloc_count, 1, __ATOMIC_RELAXED);
    if (alloc_fail_at >= 0 && k > alloc_fail_at) {
        alloc_fail_at = -1;
        return false;
    }
    __atomic_fetch_add(&alloc_live_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
    return true;
}

static void *alloc_system(size_t size)
{
    size_t alignment = size >= ALLOC_HUGE ? 2u << 20 : 64;
    void *p = NULL;
    if (posix_memalign(&p, alignment, size))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (size >= ALLOC_HUGE)
        madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

static void *alloc_from_large(int class, size_t size)
{
    pthread_mutex_lock(&alloc_lock);
    alloc_free *block = alloc_large[class];
    if (block) {
        alloc_large[class] = block->next;
        alloc_large_bytes -= (int64_t)size;
    }
    pthread_mutex_unlock(&alloc_lock);
    return block ? block : alloc_system(size);
}

void *ct__alloc(size_t bytes)
{
    int class;
    if (CT_UNLIKELY(bytes > (size_t)1 << 46))
        return ct__fail_memory(bytes);
    if (CT_UNLIKELY(alloc_counting) && !alloc_counted(bytes))
        return ct__fail_memory(bytes);
    size_t size = alloc_round(bytes, &class);
    void *p;
    if (size <= ALLOC_SMALL_LIMIT) {
        alloc_free *block = alloc_here.head[class];
        if (CT_LIKELY(block != NULL)) {
            alloc_here.head[class] = block->next;
            alloc_here.count[class]--;
            return block;
        }
        p = alloc_system(size);
    } else {
        p = alloc_from_large(class, size);
    }
    if (CT_UNLIKELY(!p)) {
        if (alloc_counting)
            __atomic_fetch_sub(&alloc_live_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
        return ct__fail_memory(bytes);
    }
    return p;
}

void ct__free(void *p, size_t bytes)
{
    int class;
    if (!p)
        return;
    if (CT_UNLIKELY(alloc_counting))
        __atomic_fetch_sub(&alloc_live_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
    size_t size = alloc_round(bytes, &class);
    alloc_free *block = p;
    if (size <= ALLOC_SMALL_LIMIT) {
        alloc_cache *c = &alloc_here;
        if (CT_UNLIKELY(!c->registered)) {
            pthread_once(&alloc_once, alloc_make_key);
            pthread_setspecific(alloc_key, c);
            c->registered = true;
        }
        if ((int64_t)(c->count[class] + 1) * (int64_t)size > ALLOC_KEEP_SMALL) {
            free(p);
            return;
        }
        block->next = c->head[class];
        c->head[class] = block;
        c->count[class]++;
        return;
    }
    pthread_once(&alloc_once, alloc_make_key);
    pthread_mutex_lock(&alloc_lock);
    bool keep = alloc_large_bytes + (int64_t)size <= ALLOC_KEEP_LARGE;
    if (keep) {
        block->next = alloc_large[class];
        alloc_large[class] = block;
        alloc_large_bytes += (int64_t)size;
    }
    pthread_mutex_unlock(&alloc_lock);
    if (!keep)
        free(p);
}

void *ct__alloc_zero(size_t bytes)
{
    void *p = ct__alloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *ct__realloc(void *p, size_t old_bytes, size_t new_bytes)
{
    void *q = ct__alloc(new_bytes);
    if (q && p) {
        memcpy(q, p, old_bytes < new_bytes ? old_bytes : new_bytes);
        ct__free(p, old_bytes);
    }
    return q;
}

char *ct__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = ct__alloc(n);
    return copy ? memcpy(copy, s, n) : NULL;
}

int64_t ct__alloc_fail_after(int64_t count)
{
    alloc_counting = true;
    alloc_fail_at = count < 0 ? -1 : alloc_count + count;
    return alloc_count;
}

int64_t ct__alloc_live(void)
{
    alloc_counting = true;
    return alloc_live_bytes;
}
