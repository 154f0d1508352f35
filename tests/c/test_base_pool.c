/* The thread pool: the pieces, nesting, errors of workers, several callers, fork, idleness. */
#include "base/base.h"
#include "faults.h"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures = 0;
#define CHECK(x) ((x) ? (void)0 : (faults_leave(), failures++, (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x)))

typedef struct pieces { int64_t n, grain, seen, wrong; int32_t *marks; } pieces;

static void mark(void *context, int64_t begin, int64_t end)
{
    pieces *p = context;
    if (begin % p->grain || end != (begin + p->grain < p->n ? begin + p->grain : p->n))
        __atomic_fetch_add(&p->wrong, 1, __ATOMIC_RELAXED);
    for (int64_t i = begin; i < end; i++) p->marks[i]++;
    __atomic_fetch_add(&p->seen, end - begin, __ATOMIC_RELAXED);
}

static void test_pieces(void)
{
    static const int64_t ns[] = {0, 1, 2, 7, 64, 1000, 4097}, grains[] = {1, 3, 64, 5000};
    for (int threads = 1; threads <= 5; threads += 2)
        for (int a = 0; a < 7; a++)
            for (int b = 0; b < 4; b++) {
                ct_set_num_threads(threads);
                pieces p = {ns[a], grains[b], 0, 0, calloc((size_t)ns[a] + 1, 4)};
                ct__parallel(p.n, p.grain, mark, &p);
                CHECK(p.seen == p.n && !p.wrong);
                for (int64_t i = 0; i < p.n; i++) if (p.marks[i] != 1) CHECK(!"an item was not done once");
                free(p.marks);
            }
}

/* Sums of floats by pieces: the same bits whatever the number of threads. */
static float parts[1000];
static void part(void *context, int64_t begin, int64_t end)
{
    float s = 0;
    for (int64_t i = begin; i < end; i++) s += 1 / (float)(i + 1);
    parts[begin / 100] = s;
    (void)context;
}
static float sum_with(int threads)
{
    float s = 0;
    ct_set_num_threads(threads);
    ct__parallel(100000, 100, part, NULL);
    for (int i = 0; i < 1000; i++) s += parts[i];
    return s;
}

static void inner(void *context, int64_t begin, int64_t end) { __atomic_fetch_add((int64_t *)context, end - begin, __ATOMIC_RELAXED); }
static void outer(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ct__parallel(100, 7, inner, context);
}

static int handled = 0;
static void handler(ct_error_kind kind, const char *op, const char *message, void *data)
{
    handled++;
    CHECK(kind == CT_ERR_INDEX && !strcmp(op, "gather") && !strcmp(message, "item is bad"));
    (void)data;
}
static void failing(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        if (i % 10 == 3) ct_fail(CT_ERR_INDEX, "item is bad");
    (void)context;
}

static void test_errors(void)
{
    ct_on_error(handler, NULL);
    for (int i = 0; i < 200; i++) {
        handled = 0;
        ct__op_name = "gather";
        ct__parallel(100, 5, failing, NULL);
        ct__op_name = NULL;
        CHECK(ct_error() == CT_ERR_INDEX && !strcmp(ct_error_message(), "item is bad") && !strcmp(ct_error_op(), "gather"));
        CHECK(handled == 1);
        ct_error_clear();
        int64_t sum = 0;
        ct__parallel(100, 5, inner, &sum);
        CHECK(ct_ok() && sum == 100);
    }
    ct_on_error(NULL, NULL);
}

static void *caller(void *unused)
{
    for (int i = 0; i < 300; i++) {
        int64_t sum = 0;
        ct__parallel(1000, 13, inner, &sum);
        CHECK(sum == 1000);
    }
    return unused;
}

static double cpu_seconds(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static void fork_and_work(int depth)
{
    int status = 1;
    pid_t child = fork();
    if (!child) {
        alarm(60);
        int64_t sum = 0;
        for (int i = 0; i < 50; i++) ct__parallel(1000, 10, inner, &sum);
        bool ok = sum == 50000 && !ct__in_parallel();
        if (depth) fork_and_work(depth - 1);
        _exit(!ok || failures);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
static void forking(void *context, int64_t begin, int64_t end)
{
    if (begin == 0) fork_and_work(0);
    (void)context, (void)end;
}

int main(void)
{
    CHECK(ct_num_threads() >= 1);
    test_pieces();
    float one = sum_with(1);
    CHECK(one == sum_with(2) && one == sum_with(4) && one == sum_with(7));
    ct_set_num_threads(0);
    CHECK(ct_num_threads() == 1);
    ct_set_num_threads(3);
    int64_t sum = 0;
    for (int i = 0; i < 100; i++) ct__parallel(20, 1, outer, &sum);
    CHECK(sum == 200000 && !ct__in_parallel());
    test_errors();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) CHECK(!pthread_create(&threads[i], NULL, caller, NULL));
    caller(NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    struct timespec pause = {0, 300000000};
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    double before = cpu_seconds();
    nanosleep(&pause, NULL);
    CHECK(cpu_seconds() - before < 0.05); /* sleeping workers cost nothing */
    fork_and_work(1);
    ct__parallel(8, 1, forking, NULL); /* a fork out of a worker or a caller at work */
    caller(NULL);
    printf("%s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
