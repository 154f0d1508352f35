/* The allocator: alignment, reuse, bounds, threads, counters over fork, faults. */
#include "base/base.h"
#include "faults.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures = 0;
#define CHECK(x) ((x) ? (void)0 : (faults_leave(), failures++, (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x)))
#ifndef CT_ALLOC_CACHE
#define CT_ALLOC_CACHE 1
#endif
static const size_t sizes[] = {0, 1, 63, 64, 65, 128, 192, 255, 256, 257, 319, 320, 321, 500, 511, 512, 513, 1000, 4096, 5000, 65535, 65536,
                               65537, 70000, 81920, 81921, 1000000, 1 << 20, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 20000000};
#define SIZES (sizeof sizes / sizeof *sizes)

static void test_sizes(void)
{
    char *p[SIZES], *q;
    int64_t live = ct__alloc_live(), total = 0;
    for (size_t i = 0; i < SIZES; i++) {
        p[i] = ct__alloc(sizes[i]);
        total += (int64_t)sizes[i];
        CHECK(p[i] && (uintptr_t)p[i] % 64 == 0);
        memset(p[i], (int)i, sizes[i]);
    }
    CHECK(ct__alloc_live() == live + total);
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < sizes[i]; j += 1 + sizes[i] / 100)
            if (p[i][j] != (char)i) CHECK(!"blocks overlap");
        ct__free(p[i], sizes[i]);
    }
    CHECK(ct__alloc_live() == live);
    for (size_t i = 0; i < SIZES && CT_ALLOC_CACHE; i++) {
        q = ct__alloc(sizes[i]); /* the last freed block of its class */
        ct__free(q, sizes[i]);
        CHECK(q == ct__alloc(sizes[i]));
        ct__free(q, sizes[i]);
    }
    q = ct__alloc_zero(3000);
    CHECK(q);
    for (int i = 0; i < 3000; i++) if (q[i]) CHECK(!"not zero");
    memset(q, 7, 3000);
    q = ct__realloc(q, 3000, 200000);
    CHECK(q && q[0] == 7 && q[2999] == 7);
    q = ct__realloc(q, 200000, 10);
    CHECK(q && q[9] == 7);
    ct__free(q, 10);
    q = ct__realloc(NULL, 0, 10);
    ct__free(q, 10);
    q = ct__strdup("hello");
    CHECK(q && !strcmp(q, "hello"));
    ct__free(q, 6);
    ct__free(NULL, 100);
    CHECK(ct__alloc_live() == live);
    CHECK(!ct__alloc(SIZE_MAX) && ct_error() == CT_ERR_MEMORY);
    CHECK(!strcmp(ct_error_message(), "not enough memory: you tried to allocate 18446744073709551615 bytes"));
    ct_error_clear();
    CHECK(!ct__alloc((size_t)1 << 45) && ct_error() == CT_ERR_MEMORY);
    ct_error_clear();
    CHECK(ct__alloc_live() == live);
}

/* Far more small blocks than a thread keeps, and more large ones. */
static void test_bounds(void)
{
    enum { N = 40000 };
    static void *p[N];
    for (int i = 0; i < FAULTS_FEW(N, 300); i++) p[i] = ct__alloc(100);
    for (int i = 0; i < FAULTS_FEW(N, 300); i++) ct__free(p[i], 100);
    for (int i = 0; i < 100; i++) p[i] = ct__alloc(60000);
    for (int i = 0; i < 100; i++) ct__free(p[i], 60000);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FAULTS_FEW(30, 2); i++) p[i] = ct__alloc((size_t)(100 + i) << 20);
        for (int i = 0; i < FAULTS_FEW(30, 2); i++) ct__free(p[i], (size_t)(100 + i) << 20);
    }
}

static void test_faults(void)
{
    int64_t before = ct__alloc_fail_after(2);
    void *a = ct__alloc(10), *b = ct__alloc(100000), *c = ct__alloc(10), *d = ct__alloc(10);
    CHECK(a && b && !c && d && ct_error() == CT_ERR_MEMORY);
    ct_error_clear();
    CHECK(ct__alloc_fail_after(-1) == before + 4);
    c = ct__alloc(10);
    CHECK(c && ct_ok());
    ct__free(a, 10), ct__free(b, 100000), ct__free(c, 10), ct__free(d, 10);
}

static void *shared[4][1000];
static void *churn(void *argument)
{
    int me = (int)(intptr_t)argument;
    unsigned seed = (unsigned)me + 1;
    for (int i = 0; i < FAULTS_FEW(20000, 200); i++) {
        seed = seed * 1664525 + 1013904223;
        size_t bytes = 8 << (seed >> 16) % 15;
        char *p = ct__alloc(bytes);
        CHECK(p);
        p[0] = 1;
        p[bytes - 1] = 2;
        ct__free(p, bytes);
    }
    for (int i = 0; i < 1000; i++) shared[me][i] = ct__alloc(64 + (size_t)i * 100);
    return NULL;
}

/* Blocks that another thread made, freed here, after and while threads end. */
static void test_threads(void)
{
    pthread_t threads[4];
    int64_t live = ct__alloc_live();
    for (intptr_t i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, churn, (void *)i));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(ct__alloc_live() > live);
    for (int i = 0; i < 4; i++) for (int j = 0; j < 1000; j++) ct__free(shared[i][j], 64 + (size_t)j * 100);
    CHECK(ct__alloc_live() == live);
    int status = 1;
    void *kept = ct__alloc(1000), *large = ct__alloc(1000000);
    live = ct__alloc_live();
    pid_t child = fork();
    if (!child) {
        alarm(20);
        bool same = ct__alloc_live() == live;
        ct__free(kept, 1000), ct__free(large, 1000000);
        same &= ct__alloc_live() == live - 1001000;
        churn(NULL);
        _exit(!same);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    ct__free(kept, 1000), ct__free(large, 1000000);
}

int main(void)
{
    test_sizes();
    test_bounds();
    if (!faults_on())
        test_faults();
    test_threads();
    printf("%s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
