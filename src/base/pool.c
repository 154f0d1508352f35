/* The thread pool: one for the process. Work comes in pieces of a fixed number of items, so that results cannot depend on how many
 * threads there are. Workers spin shortly for the next job, then sleep; a forked child starts its own. */
#include "base/base.h"
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define POOL_MAX 64
#define POOL_SPINS 2000

typedef struct pool_job {
    ct__range_fn *fn;
    void *context;
    int64_t n, grain, pieces;
    int64_t next;      /* atomic: next piece to take */
    int64_t done;      /* atomic: pieces finished */
    ct_error_kind error;
    char message[256];
} pool_job;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t pool_owner = PTHREAD_MUTEX_INITIALIZER; /* one job at a time */
static pthread_cond_t pool_wake = PTHREAD_COND_INITIALIZER;
static pthread_cond_t pool_idle = PTHREAD_COND_INITIALIZER;
static pool_job *pool_current = NULL;
static uint64_t pool_generation = 0; /* atomic: grows with each job */
static int pool_active = 0;          /* workers inside the current job, under the lock */
static int pool_workers = 0, pool_wanted = 0;
static pid_t pool_pid = 0;
static _Thread_local bool pool_inside = false;

static int pool_default_threads(void)
{
    const char *names[] = {"CT_NUM_THREADS", "OMP_NUM_THREADS"};
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        if (value && atoi(value) > 0)
            return atoi(value) < POOL_MAX ? atoi(value) : POOL_MAX;
    }
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set) < POOL_MAX ? CPU_COUNT(&set) : POOL_MAX;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < POOL_MAX ? (int)n : 1;
}

int ct_num_threads(void)
{
    if (!pool_wanted)
        pool_wanted = pool_default_threads();
    return pool_wanted;
}

void ct_set_num_threads(int n) { pool_wanted = n < 1 ? 1 : n > POOL_MAX ? POOL_MAX : n; }

bool ct__in_parallel(void) { return pool_inside; }

/* Takes pieces until none is left. */
static void pool_work(pool_job *job)
{
    for (;;) {
        int64_t piece = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (piece >= job->pieces)
            return;
        int64_t begin = piece * job->grain, end = begin + job->grain < job->n ? begin + job->grain : job->n;
        job->fn(job->context, begin, end);
        if (CT_UNLIKELY(ct__error_kind != CT_OK)) {
            ct_error_kind none = CT_OK;
            if (__atomic_compare_exchange_n(&job->error, &none, ct__error_kind, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
                strncpy(job->message, ct_error_message(), sizeof job->message - 1);
                job->message[sizeof job->message - 1] = 0;
            }
            ct_error_clear();
        }
        __atomic_fetch_add(&job->done, 1, __ATOMIC_RELEASE);
    }
}

static void *pool_main(void *argument)
{
    uint64_t seen = (uint64_t)(uintptr_t)argument;
    pool_inside = true;
    for (;;) {
        for (int i = 0; i < POOL_SPINS && __atomic_load_n(&pool_generation, __ATOMIC_ACQUIRE) == seen; i++)
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#else
            ;
#endif
        pthread_mutex_lock(&pool_lock);
        while (pool_generation == seen)
            pthread_cond_wait(&pool_wake, &pool_lock);
        seen = pool_generation;
        pool_job *job = pool_current;
        if (job)
            pool_active++;
        pthread_mutex_unlock(&pool_lock);
        if (!job)
            continue;
        pool_work(job);
        pthread_mutex_lock(&pool_lock);
        if (--pool_active == 0)
            pthread_cond_signal(&pool_idle);
        pthread_mutex_unlock(&pool_lock);
    }
    return NULL;
}

/* A forked child has no workers, and the locks of a parent that may have held them. */
static void pool_in_child(void)
{
    pthread_mutex_init(&pool_lock, NULL);
    pthread_mutex_init(&pool_owner, NULL);
    pthread_cond_init(&pool_wake, NULL);
    pthread_cond_init(&pool_idle, NULL);
    pool_current = NULL;
    pool_active = pool_workers = 0;
    pool_inside = false;
}

/* Under pool_lock: makes sure of `n` workers; fewer where the system gives no more. */
static void pool_start(int n)
{
    if (!pool_pid) {
        pool_pid = getpid();
        pthread_atfork(NULL, NULL, pool_in_child);
    }
    while (pool_workers < n) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        int failed = pthread_create(&thread, &attributes, pool_main, (void *)(uintptr_t)pool_generation);
        pthread_attr_destroy(&attributes);
        if (failed)
            return;
        pool_workers++;
    }
}

static void pool_serial(int64_t n, int64_t grain, ct__range_fn *fn, void *context)
{
    for (int64_t begin = 0; begin < n; begin += grain)
        fn(context, begin, begin + grain < n ? begin + grain : n);
}

void ct__parallel(int64_t n, int64_t grain, ct__range_fn *fn, void *context)
{
    if (n <= 0)
        return;
    grain = grain < 1 ? 1 : grain;
    if (n <= grain) {
        fn(context, 0, n);
        return;
    }
    int threads = ct_num_threads();
    if (threads == 1 || pool_inside || pthread_mutex_trylock(&pool_owner)) {
        pool_serial(n, grain, fn, context);
        return;
    }
    pool_job job = {.fn = fn, .context = context, .n = n, .grain = grain, .pieces = (n + grain - 1) / grain};
    pool_inside = true;
    pthread_mutex_lock(&pool_lock);
    pool_start(threads - 1 < job.pieces - 1 ? threads - 1 : (int)(job.pieces - 1));
    pool_current = &job;
    __atomic_fetch_add(&pool_generation, 1, __ATOMIC_RELEASE);
    if (threads - 1 < pool_workers || job.pieces == 2)
        for (int64_t i = 0; i < threads - 1 && i < job.pieces - 1; i++)
            pthread_cond_signal(&pool_wake);
    else
        pthread_cond_broadcast(&pool_wake);
    pthread_mutex_unlock(&pool_lock);
    pool_work(&job);
    pthread_mutex_lock(&pool_lock);
    pool_current = NULL; /* late wakers find nothing */
    while (pool_active > 0)
        pthread_cond_wait(&pool_idle, &pool_lock);
    pthread_mutex_unlock(&pool_lock);
    pool_inside = false;
    pthread_mutex_unlock(&pool_owner);
    if (job.error != CT_OK)
        ct_fail(job.error, "%s", job.message);
}
