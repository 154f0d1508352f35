/* The caching allocator: blocks of a size class go back to a free list, small ones to the freeing thread's, large ones to the
 * process's; a training loop then asks the system for nothing. The caller remembers a block's size. */
#include "base/small.h"
#include <sys/mman.h>
#include <unistd.h>

#ifndef CT_ALLOC_CACHE
#define CT_ALLOC_CACHE 1
#endif

#define ALLOC_CLASSES 192
#define ALLOC_HUGE ((size_t)4 << 20)
#define ALLOC_MOST ((size_t)1 << 46)

typedef ct__free_block alloc_free;
typedef ct__alloc_cache alloc_cache;

CT_THREAD_WORD ct__alloc_cache *ct__alloc_here;
static CT_THREAD_WORD bool alloc_closed; /* the thread is ending: nothing is kept any more */

static pthread_mutex_t alloc_lock = PTHREAD_MUTEX_INITIALIZER; /* what follows, up to the blank line */
static alloc_cache *alloc_threads = NULL;
static int64_t alloc_past_live = 0, alloc_past_calls = 0; /* of threads that ended */
static alloc_free *alloc_large[ALLOC_CLASSES];
static int64_t alloc_large_bytes = 0;

static pthread_key_t alloc_key;
static pthread_once_t alloc_once = PTHREAD_ONCE_INIT;
static bool alloc_keeps = false;
static int64_t alloc_keep_large = 0;
static int64_t alloc_fork_live, alloc_fork_calls;
int64_t ct__alloc_fail_in = -1;

static int64_t alloc_total(bool calls)
{
    int64_t total = calls ? alloc_past_calls : alloc_past_live;
    for (alloc_cache *c = alloc_threads; c; c = c->next)
        total += __atomic_load_n(calls ? &c->calls : &c->live, __ATOMIC_RELAXED);
    return total;
}

static void alloc_thread_end(void *cache)
{
    alloc_cache *c = cache;
    pthread_mutex_lock(&alloc_lock);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    alloc_past_live += c->live;
    alloc_past_calls += c->calls;
    ct__alloc_here = NULL;
    alloc_closed = true;
    pthread_mutex_unlock(&alloc_lock);
    for (int i = 0; i < CT__SMALL_CLASSES; i++)
        while (c->head[i]) {
            alloc_free *block = c->head[i];
            c->head[i] = block->next;
            free(block);
        }
    free(c);
}

static void alloc_before_fork(void)
{
    pthread_mutex_lock(&alloc_lock);
    alloc_fork_live = alloc_total(false);
    alloc_fork_calls = alloc_total(true);
}

static void alloc_in_parent(void) { pthread_mutex_unlock(&alloc_lock); }

/* Only the forking thread lives on; the others' counters join those of threads that ended. */
static void alloc_in_child(void)
{
    alloc_cache *c = ct__alloc_here;
    alloc_past_live = alloc_fork_live;
    alloc_past_calls = alloc_fork_calls;
    alloc_threads = NULL;
    if (c) {
        alloc_past_live -= c->live;
        alloc_past_calls -= c->calls;
        alloc_threads = c;
        c->link = &alloc_threads;
        c->next = NULL;
    }
    pthread_mutex_unlock(&alloc_lock);
}

static void alloc_start(void)
{
    const char *mode = getenv("CT_ALLOC");
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t memory = pages > 0 && page > 0 ? (int64_t)pages * page : 0;
    alloc_keep_large = memory / 4 > (int64_t)1 << 30 ? memory / 4 : (int64_t)1 << 30;
    alloc_keeps = CT_ALLOC_CACHE && !(mode && !strcmp(mode, "plain")) && pthread_key_create(&alloc_key, alloc_thread_end) == 0;
    pthread_atfork(alloc_before_fork, alloc_in_parent, alloc_in_child);
}

/* This thread's cache, entered in the list of threads; NULL while the thread is ending. */
static alloc_cache *alloc_mine(void)
{
    if (CT_LIKELY(ct__alloc_here || alloc_closed))
        return ct__alloc_here;
    pthread_once(&alloc_once, alloc_start);
    alloc_cache *c = alloc_keeps ? calloc(1, sizeof *c) : NULL;
    if (c && pthread_setspecific(alloc_key, c)) {
        free(c);
        c = NULL;
    }
    if (!c)
        return NULL;
    pthread_mutex_lock(&alloc_lock);
    c->next = alloc_threads;
    c->link = &alloc_threads;
    if (c->next)
        c->next->link = &c->next;
    alloc_threads = c;
    pthread_mutex_unlock(&alloc_lock);
    return ct__alloc_here = c;
}

static void alloc_note(alloc_cache *c, int64_t live, int64_t calls)
{
    if (c) {
        ct__alloc_count(&c->live, live);
        ct__alloc_count(&c->calls, calls);
        return;
    }
    pthread_mutex_lock(&alloc_lock);
    alloc_past_live += live;
    alloc_past_calls += calls;
    pthread_mutex_unlock(&alloc_lock);
}

/* Gives every large block back to the system. */
static void alloc_flush(void)
{
    alloc_free *all[ALLOC_CLASSES];
    pthread_mutex_lock(&alloc_lock);
    memcpy(all, alloc_large, sizeof all);
    memset(alloc_large, 0, sizeof alloc_large);
    alloc_large_bytes = 0;
    pthread_mutex_unlock(&alloc_lock);
    for (int i = 0; i < ALLOC_CLASSES; i++)
        while (all[i]) {
            alloc_free *block = all[i];
            all[i] = block->next;
            free(block);
        }
}

static void *alloc_system(size_t size)
{
    void *p = NULL;
    if (posix_memalign(&p, size >= ALLOC_HUGE ? (size_t)2 << 20 : 64, size)) {
        alloc_flush();
        if (posix_memalign(&p, 64, size))
            return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (size >= ALLOC_HUGE)
        madvise(p, size & ~(((size_t)2 << 20) - 1), MADV_HUGEPAGE);
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

/* True where this allocation is the one that has to fail. */
static bool alloc_fails(void)
{
    return __atomic_load_n(&ct__alloc_fail_in, __ATOMIC_RELAXED) >= 0 &&
           __atomic_fetch_sub(&ct__alloc_fail_in, 1, __ATOMIC_RELAXED) == 0;
}

void *ct__alloc_slowly(size_t bytes)
{
    int class;
    alloc_cache *c = alloc_mine();
    if (bytes > ALLOC_MOST || alloc_fails()) {
        alloc_note(c, 0, 1);
        return ct__fail_memory(bytes);
    }
    size_t size = ct__alloc_round(bytes, &class);
    void *p;
    if (size > CT__SMALL_LIMIT) {
        p = alloc_from_large(class, size);
    } else if (c && c->head[class]) {
        p = c->head[class];
        c->head[class] = c->head[class]->next;
        c->count[class]--;
    } else {
        p = alloc_system(size);
    }
    alloc_note(c, p ? (int64_t)bytes : 0, 1);
    return p ? p : ct__fail_memory(bytes);
}

void *ct__alloc(size_t bytes) { return ct__alloc_small(bytes); }

void ct__free_slowly(void *p, size_t bytes)
{
    int class;
    size_t size = ct__alloc_round(bytes, &class);
    alloc_cache *c = alloc_mine();
    alloc_free *block = p;
    alloc_note(c, -(int64_t)bytes, 0);
    if (size <= CT__SMALL_LIMIT && c && (c->count[class] + 1) * (int64_t)size <= CT__KEEP_SMALL) {
        block->next = c->head[class];
        c->head[class] = block;
        c->count[class]++;
        return;
    }
    if (size <= CT__SMALL_LIMIT || !alloc_keeps || (int64_t)size > alloc_keep_large / 2) {
        free(p);
        return;
    }
    pthread_mutex_lock(&alloc_lock);
    if (CT_UNLIKELY(alloc_large_bytes + (int64_t)size > alloc_keep_large)) { /* blocks that nobody wants any more, most likely */
        pthread_mutex_unlock(&alloc_lock);
        alloc_flush();
        pthread_mutex_lock(&alloc_lock);
    }
    block->next = alloc_large[class];
    alloc_large[class] = block;
    alloc_large_bytes += (int64_t)size;
    pthread_mutex_unlock(&alloc_lock);
}

void ct__free(void *p, size_t bytes)
{
    if (CT_LIKELY(p != NULL))
        ct__free_small(p, bytes);
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
    __atomic_store_n(&ct__alloc_fail_in, count < 0 ? -1 : count, __ATOMIC_RELAXED);
    pthread_mutex_lock(&alloc_lock);
    int64_t calls = alloc_total(true);
    pthread_mutex_unlock(&alloc_lock);
    return calls;
}

int64_t ct__alloc_live(void)
{
    pthread_mutex_lock(&alloc_lock);
    int64_t live = alloc_total(false);
    pthread_mutex_unlock(&alloc_lock);
    return live;
}
