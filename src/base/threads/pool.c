/* The thread pool: one for the process. Work comes in pieces of a fixed number of items, so that results cannot depend on how many
 * threads there are. Workers spin shortly for the next job, then sleep; a forked child starts its own.
 *
 *     pieces   0 1 2 3 | 4 5 6 7 | 8 9 10 11      a lane for each thread that may take part, the caller's first
 *
 * A thread takes its own lane's pieces, from the front, then what is left in the others'. So the same thread meets the same part of
 * a batch in one op after the other, and finds it in its own cache: with pieces taken as they came, a LeNet step of 4 images in two
 * threads went from 140 to 335 us whenever the two cores did not share a cache. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/base.h"
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#define POOL_MAX 256
#define POOL_SPINS 6000
#define POOL_LANES 32

typedef struct pool_lane {
    _Alignas(64) int64_t next; /* atomic: next piece to take */
    int64_t end;
} pool_lane;

/* One job at a time, that of who holds pool_owner. A job begins when its number appears in `word` and is open for workers as
 * long as places are left there; the caller closes it, and waits for those who joined. */
static struct {
    _Alignas(64) uint64_t word; /* atomic: jobs so far << 16 | places left; all that an idle worker looks at */
    int sleepers;               /* atomic: workers that do not look any more, grows and shrinks under pool_lock */
    _Alignas(64) int64_t done;  /* atomic: workers that joined and are ready */
    int waiting;                /* atomic: the caller sleeps */
    _Alignas(64) ct__range_fn *fn;
    void *context;
    int64_t n, grain, lanes;
    ct_error_kind error; /* atomic */
    char *message;       /* of 2048 bytes */
    pool_lane lane[POOL_LANES];
} pool;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;  /* around sleep */
static pthread_mutex_t pool_owner = PTHREAD_MUTEX_INITIALIZER; /* one job at a time */
static pthread_cond_t pool_wake = PTHREAD_COND_INITIALIZER;
static pthread_cond_t pool_idle = PTHREAD_COND_INITIALIZER;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static int pool_workers = 0; /* of the owner */
static int pool_wanted = 0;  /* atomic; 0: not asked yet */
static CT_THREAD_WORD bool pool_inside = false;

static int pool_default_threads(void)
{
    const char *names[] = {"CT_NUM_THREADS", "OMP_NUM_THREADS"};
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        int n = value ? atoi(value) : 0;
        if (n > 0)
            return n < POOL_MAX ? n : POOL_MAX;
    }
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set) < POOL_MAX ? CPU_COUNT(&set) : POOL_MAX;
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n < POOL_MAX ? (int)n : POOL_MAX;
}

int ct_num_threads(void)
{
    int n = __atomic_load_n(&pool_wanted, __ATOMIC_RELAXED);
    if (CT_UNLIKELY(!n)) {
        n = pool_default_threads();
        __atomic_store_n(&pool_wanted, n, __ATOMIC_RELAXED);
    }
    return n;
}

void ct_set_num_threads(int n)
{
    __atomic_store_n(&pool_wanted, n < 1 ? 1 : n > POOL_MAX ? POOL_MAX : n, __ATOMIC_RELAXED);
}

bool ct__in_parallel(void) { return pool_inside; }

static inline void pool_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void pool_piece(int64_t piece)
{
    int64_t begin = piece * pool.grain, end = begin + pool.grain < pool.n ? begin + pool.grain : pool.n;
    pool.fn(pool.context, begin, end);
    if (CT_UNLIKELY(ct__error_kind != CT_OK)) {
        ct_error_kind none = CT_OK;
        if (__atomic_compare_exchange_n(&pool.error, &none, ct__error_kind, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            memcpy(pool.message, ct_error_message(), strlen(ct_error_message()) + 1);
        ct_error_clear();
    }
}

/* Takes pieces until none is left, those of lane `own` first. */
static void pool_work(int64_t own)
{
    for (int64_t k = 0; k < pool.lanes; k++) {
        pool_lane *lane = &pool.lane[(own + k) % pool.lanes];
        while (__atomic_load_n(&lane->next, __ATOMIC_RELAXED) < lane->end) {
            int64_t piece = __atomic_fetch_add(&lane->next, 1, __ATOMIC_RELAXED);
            if (piece < lane->end)
                pool_piece(piece);
        }
    }
}

/* Waits for another job than number `seen`, first looking, then asleep. Who goes to sleep counts himself, then looks once more; who
 * begins a job counts the sleepers afterwards: one of the two sees the other. */
static uint64_t pool_next(uint64_t seen)
{
    uint64_t word;
    for (int i = 0; i < POOL_SPINS; i++) {
        word = __atomic_load_n(&pool.word, __ATOMIC_ACQUIRE);
        if (word >> 16 != seen)
            return word;
        pool_pause();
    }
    pthread_mutex_lock(&pool_lock);
    __atomic_fetch_add(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
    while ((word = __atomic_load_n(&pool.word, __ATOMIC_SEQ_CST)) >> 16 == seen)
        pthread_cond_wait(&pool_wake, &pool_lock);
    __atomic_fetch_sub(&pool.sleepers, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&pool_lock);
    return word;
}

/* argument: the number of jobs before, and in the upper 16 bits which worker this is. */
static void *pool_main(void *argument)
{
    uint64_t seen = (uint64_t)(uintptr_t)argument & (((uint64_t)1 << 48) - 1);
    int64_t worker = (int64_t)((uint64_t)(uintptr_t)argument >> 48);
    pool_inside = true;
    for (;;) {
        uint64_t word = pool_next(seen);
        bool joined = false;
        seen = word >> 16;
        while (!joined && word >> 16 == seen && (word & 0xffff))
            joined = __atomic_compare_exchange_n(&pool.word, &word, word - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
        if (!joined)
            continue;
        pool_work(1 + worker % (pool.lanes - 1));
        __atomic_fetch_add(&pool.done, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&pool.waiting, __ATOMIC_SEQ_CST)) {
            pthread_mutex_lock(&pool_lock);
            pthread_cond_signal(&pool_idle);
            pthread_mutex_unlock(&pool_lock);
        }
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
    pool.word &= ~(uint64_t)0xffff;
    pool.sleepers = pool.waiting = 0;
    pool_workers = 0;
    pool_inside = false;
}

static void pool_prepare(void) { pthread_atfork(NULL, NULL, pool_in_child); }

/* The owner makes sure of `n` workers; fewer where the system gives no more. Signals are for the program's own threads. */
static void pool_start(int64_t n)
{
    if (pool_workers >= n)
        return;
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool_workers < n) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, pool_main,
                           (void *)(uintptr_t)(__atomic_load_n(&pool.word, __ATOMIC_RELAXED) >> 16 | (uint64_t)pool_workers << 48)))
            break;
        pool_workers++;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
    if (threads > 1)
        pthread_once(&pool_once, pool_prepare);
    if (threads == 1 || pool_inside || ct__pending() || pthread_mutex_trylock(&pool_owner)) {
        for (int64_t begin = 0; begin < n; begin += grain)
            fn(context, begin, n - begin > grain ? begin + grain : n);
        return;
    }
    char message[2048];
    int64_t pieces = (n - 1) / grain + 1, wanted = threads - 1 < pieces - 1 ? threads - 1 : pieces - 1;
    pool_inside = true;
    pool_start(wanted);
    pool.fn = fn, pool.context = context, pool.n = n, pool.grain = grain;
    pool.error = CT_OK, pool.message = message;
    pool.lanes = wanted + 1 < POOL_LANES ? wanted + 1 : POOL_LANES;
    for (int64_t k = 0; k < pool.lanes; k++) {
        pool.lane[k].next = k * pieces / pool.lanes;
        pool.lane[k].end = (k + 1) * pieces / pool.lanes;
    }
    __atomic_store_n(&pool.done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pool.waiting, 0, __ATOMIC_RELAXED);
    uint64_t number = (__atomic_load_n(&pool.word, __ATOMIC_RELAXED) >> 16) + 1;
    __atomic_store_n(&pool.word, number << 16 | (uint64_t)wanted, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&pool.sleepers, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&pool_lock);
        if (wanted < pool_workers)
            for (int64_t i = 0; i < wanted; i++)
                pthread_cond_signal(&pool_wake);
        else
            pthread_cond_broadcast(&pool_wake);
        pthread_mutex_unlock(&pool_lock);
    }
    pool_work(0);
    int64_t joined = wanted - (int64_t)(__atomic_exchange_n(&pool.word, number << 16, __ATOMIC_SEQ_CST) & 0xffff);
    for (int i = 0; i < POOL_SPINS && __atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) < joined; i++)
        pool_pause();
    if (__atomic_load_n(&pool.done, __ATOMIC_ACQUIRE) < joined) {
        pthread_mutex_lock(&pool_lock);
        __atomic_store_n(&pool.waiting, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&pool.done, __ATOMIC_SEQ_CST) < joined)
            pthread_cond_wait(&pool_idle, &pool_lock);
        pthread_mutex_unlock(&pool_lock);
    }
    ct_error_kind error = pool.error;
    pool_inside = false;
    pthread_mutex_unlock(&pool_owner);
    if (error != CT_OK)
        ct_fail(error, "%s", message);
}
