/* What the tests of the heavy kernels share: random numbers, comparison, the levels of this machine. */
#ifndef TEST_KERNELS_HEAVY_H
#define TEST_KERNELS_HEAVY_H
#include "kernels/kernels.h"
#include <stdio.h>
#include <stdlib.h>

static int heavy_failures;
static uint64_t heavy_state = 88172645463325252ull;

static inline double heavy_random(void)
{
    heavy_state ^= heavy_state << 13;
    heavy_state ^= heavy_state >> 7;
    heavy_state ^= heavy_state << 17;
    return (double)(heavy_state >> 11) / 9007199254740992.0 * 2 - 1;
}
static inline int64_t heavy_int(int64_t lo, int64_t hi)
{
    return lo + (int64_t)((heavy_random() + 1) / 2 * (double)(hi - lo + 1)) % (hi - lo + 1);
}
static inline void *heavy_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) exit(2);
    memset(p, 0xa5, bytes);
    return p;
}

#define HEAVY_RANDOM(T, name, n) \
    T *name = heavy_alloc((size_t)(n) * sizeof(T)); \
    for (int64_t e_ = 0; e_ < (int64_t)(n); e_++) name[e_] = (T)heavy_random();
#define HEAVY_FAIL(...) \
    do { \
        if (heavy_failures++ < 20) { \
            printf("FAIL " __VA_ARGS__); \
            printf("\n"); \
        } \
    } while (0)

/* Runs `test` with the table of each level this machine has. */
#if CT_HAVE_X86_LEVELS
#define HEAVY_DECLARE(F) \
    void ct__##F##_fill_base(ct__##F##_kernels *); \
    void ct__##F##_fill_v3(ct__##F##_kernels *); \
    void ct__##F##_fill_v4(ct__##F##_kernels *);
#define HEAVY_LEVELS(F, test) \
    do { \
        ct__##F##_kernels t; \
        ct__##F##_fill_base(&t); \
        test(&t, "base"); \
        if (strcmp(ct__cpu_level(), "base")) { \
            ct__##F##_fill_v3(&t); \
            test(&t, "v3"); \
        } \
        if (!strcmp(ct__cpu_level(), "v4")) { \
            ct__##F##_fill_v4(&t); \
            test(&t, "v4"); \
        } \
    } while (0)
#else
#define HEAVY_DECLARE(F) void ct__##F##_fill_base(ct__##F##_kernels *);
#define HEAVY_LEVELS(F, test) \
    do { \
        ct__##F##_kernels t; \
        ct__##F##_fill_base(&t); \
        test(&t, "base"); \
    } while (0)
#endif
#endif
