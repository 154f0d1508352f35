/* Generators and distributions against PyTorch: the anchors of its streams, and hashes of many fills (test_random_golden.h,
 * recorded by tests/golden/streams.py), on every instruction set level of this processor. */
#include "base/base.h"
#include "faults.h"
#include "kernels/kernels.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures = 0;
#define CHECK(x) ((x) ? (void)0 : (faults_leave(), failures++, (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x)))

enum { UNIFORM, NORMAL, EXPONENTIAL, CAUCHY, LOG_NORMAL, RANDOM, BERNOULLI, GEOMETRIC, INTEGERS, INTEGERS_FULL, PERMUTATION,
       MULTINOMIAL, EACH, EACH_7 = EACH + 7, EACH_8, EACH_9, EACH_10 };
typedef struct random_case { int what, dtype; double a, b; int64_t stride; uint64_t hash; } random_case;
static const random_case cases[] = {
#include "test_random_golden.h"
};
static const int sizes[11] = {0, 1, 1, 2, 4, 8, 1, 2, 2, 4, 8};

static uint64_t fnv(const void *data, size_t n, uint64_t h)
{
    for (const uint8_t *p = data; n--; p++)
        h = (h ^ *p) * 0x100000001b3u;
    return h;
}

static void probabilities(int dtype, char *p, int64_t n)
{
    static const uint16_t half[17] = {0, 0x2c00, 0x3000, 0x3200, 0x3400, 0x3500, 0x3600, 0x3700, 0x3800, 0x3880, 0x3900, 0x3980,
                                      0x3a00, 0x3a80, 0x3b00, 0x3b80, 0x3c00};
    for (int64_t i = 0; i < n; i++) {
        double d = (double)(i % 17) / 16;
        float f = (float)d;
        uint32_t u;
        memcpy(&u, &f, 4);
        if (dtype == 10) ((double *)p)[i] = d;
        else if (dtype == 9) ((float *)p)[i] = f;
        else if (dtype == 8) ((uint16_t *)p)[i] = (uint16_t)(u >> 16);
        else ((uint16_t *)p)[i] = half[i % 17];
    }
}

static uint64_t run(const ct__random_kernels *k, const random_case *c)
{
    static char out[3 * 8 * 4100], dense[3 * 8 * 4100], p[8 * 4100];
    const size_t item = (size_t)sizes[c->dtype];
    ct_generator *g = ct_generator_new();
    ct_generator_seed(g, 0x123456789);
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < 42; i++) {
        int64_t n = i < 41 ? i : 4099, s = c->stride;
        ct__mt *m = ct__generator_lock(g);
        size_t bytes = (size_t)n * item;
        switch (c->what) {
        case UNIFORM: k->uniform(m, c->dtype, out, n, s, c->a, c->b); break;
        case NORMAL: /* one element is contiguous whatever its stride */
            if (s == 1 || n == 1) k->normal(m, c->dtype, out, n, c->a, c->b);
            else k->normal_serial(m, c->dtype, out, n, s, c->a, c->b);
            break;
        case EXPONENTIAL: k->exponential(m, c->dtype, out, n, s, c->a); break;
        case CAUCHY: k->cauchy(m, c->dtype, out, n, s, c->a, c->b); break;
        case LOG_NORMAL: k->log_normal(m, c->dtype, out, n, s, c->a, c->b); break;
        case RANDOM: k->integers_all(m, c->dtype, out, n, s); break;
        case BERNOULLI: k->bernoulli(m, c->dtype, out, n, s, c->a, 1); break;
        case GEOMETRIC: k->geometric(m, c->dtype, out, n, s, c->a); break;
        case INTEGERS: k->integers(m, c->dtype, out, n, s, (uint64_t)(c->b - c->a), (int64_t)c->a); break;
        case INTEGERS_FULL: k->integers(m, c->dtype, out, n, s, 0, INT64_MIN); break;
        case PERMUTATION: k->permutation(m, (int64_t *)out, n); break;
        case MULTINOMIAL:
            bytes = 0;
            if (n < 2) break;
            for (int j = 0; j < 33; j++) {
                if (c->dtype == 9) ((float *)p)[j] = (float)(j % 7);
                else ((double *)p)[j] = j % 7;
            }
            CHECK(!k->multinomial(m, c->dtype, p, 3, 11, (int64_t *)out, n));
            bytes = (size_t)n * 3 * 8;
            break;
        default:
            probabilities(c->what - EACH, p, n);
            CHECK(k->bernoulli_each(m, c->dtype, out, s, c->what - EACH, p, 1, n));
        }
        ct__generator_unlock(g);
        if (s > 1)
            for (int64_t j = 0; j < n; j++) memcpy(dense + (size_t)j * item, out + (size_t)(j * s) * item, item);
        h = fnv(s > 1 ? dense : out, bytes, h);
    }
    uint8_t state[CT_GENERATOR_STATE_BYTES];
    ct_generator_get_state(g, state);
    ct_release(g);
    return fnv(state, sizeof state, h);
}

void ct__random_fill_base(ct__random_kernels *t);
void ct__random_fill_v3(ct__random_kernels *t);

static void test_cases(void)
{
    static const char *names[] = {"uniform", "normal", "exponential", "cauchy", "log_normal", "random", "bernoulli", "geometric",
                                  "integers", "integers_full", "permutation", "multinomial"};
    for (int level = 0; level < 3; level++) {
        ct__random_kernels k = ct__k_random;
        if (level == 1) ct__random_fill_base(&k);
#if CT_HAVE_X86_LEVELS
        if (level == 2 && !strcmp(ct__cpu_level(), "v4")) ct__random_fill_v3(&k);
#endif
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const random_case *c = cases + i;
            if (run(&k, c) == c->hash) continue;
            faults_leave();
            failures++;
            fprintf(stderr, "%s: dtype %d, a %g, b %g, stride %d differs from PyTorch at level %s\n",
                    c->what < EACH ? names[c->what] : "bernoulli_each", c->dtype, c->a, c->b, (int)c->stride,
                    level == 0 ? ct__cpu_level() : level == 1 ? "base" : "v3");
        }
    }
}

static void test_anchors(void)
{
    const ct__random_kernels *k = &ct__k_random;
    ct_generator *g = ct_generator_new();
    CHECK(g);
    ct__mt *m = &g->mt;
    float f[17];
    double d[16];
    int64_t n[16];
    CHECK(ct_generator_initial_seed(g) == 67280421310721u);
#define SEED(s) ct_generator_seed(g, s)
    SEED(0);
    CHECK(ct_generator_u32(g) == 2357136044u && ct_generator_u32(g) == 2546248239u && ct_generator_u32(g) == 3071714933u);
    SEED(1u | (uint64_t)7 << 32);
    CHECK(ct_generator_initial_seed(g) == (1u | (uint64_t)7 << 32));
    uint32_t word = ct_generator_u32(g);
    SEED(1);
    CHECK(word == ct_generator_u32(g));
    SEED(0), k->uniform(m, 9, f, 4, 1, 0, 1);
    CHECK(f[0] == 0.49625658988952637f && f[1] == 0.7682217955589294f && f[2] == 0.08847743272781372f && f[3] == 0.13203048706054688f);
    SEED(0), k->uniform(m, 10, d, 3, 1, 0, 1);
    CHECK(d[0] == 0.9700530018065531 && d[1] == 0.707819864399788 && d[2] == 0.45938294312745087);
    SEED(0), k->normal(m, 9, f, 16, 0, 1);
    CHECK(f[0] == -1.1258398294448853f && f[1] == -1.152360200881958f && f[3] == -0.4338788092136383f);
    CHECK(f[8] == 0.32227492332458496f && f[9] == -1.2633347511291504f);
    SEED(0), k->normal(m, 9, f, 17, 0, 1);
    CHECK(f[0] == -1.1258398294448853f && f[1] == -1.6959311962127686f && f[15] == -0.843676745891571f && f[16] == 0.9318265914916992f);
    SEED(0), k->normal(m, 9, f, 4, 0, 1);
    CHECK(f[0] == 1.5409960746765137f && f[1] == -0.293428897857666f && f[2] == -2.1787893772125244f && f[3] == 0.5684312582015991f);
    SEED(0), k->normal(m, 10, d, 4, 0, 1);
    CHECK(d[0] == 1.5409961082440433 && d[1] == -0.2934289057609464 && d[2] == -2.1787893820745574 && d[3] == 0.5684312772806678);
    SEED(0), k->normal(m, 10, d, 16, 0, 1);
    CHECK(d[0] == -2.310411800234176 && d[1] == -0.3732508612577643);
    SEED(0), k->integers(m, 5, n, 8, 1, 100, 0);
    static const int64_t below100[8] = {44, 39, 33, 60, 63, 79, 27, 3};
    CHECK(!memcmp(n, below100, sizeof below100));
    SEED(0), k->integers(m, 5, n, 2, 1, (uint64_t)1 << 40, 0);
    CHECK(n[0] == 741280623151 && n[1] == 506137267392);
    SEED(0), k->integers_all(m, 5, n, 2, 1);
    CHECK(n[0] == 900450186894289455 && n[1] == 3969543146641149120);
    SEED(0), k->permutation(m, n, 10);
    static const int64_t permuted[10] = {4, 1, 7, 5, 3, 9, 0, 8, 6, 2};
    CHECK(!memcmp(n, permuted, sizeof permuted));
    SEED(0), k->bernoulli(m, 5, n, 16, 1, 0.5, 1);
    static const int64_t heads[16] = {0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
    CHECK(!memcmp(n, heads, sizeof heads));
    SEED(0), k->exponential(m, 9, f, 3, 1, 1);
    CHECK(f[0] == 3.508326292037964f && f[1] == 1.2303847074508667f && f[2] == 0.615044116973877f);
    SEED(0), k->geometric(m, 9, f, 6, 1, 0.2);
    CHECK(f[0] == 1 && f[1] == 2 && f[2] == 4 && f[3] == 1 && f[4] == 2 && f[5] == 2);
    SEED(0), k->cauchy(m, 9, f, 2, 1, 0, 1);
    CHECK(f[0] == 10.597729682922363f && f[1] == 0.7647672891616821f);
    SEED(0), k->log_normal(m, 9, f, 2, 1, 1, 2);
    CHECK(f[0] == 59.2634162902832f && f[1] == 1.5115599632263184f);
    float w[4] = {1, 2, 3, 4};
    static const int64_t drawn[8] = {3, 3, 1, 2, 2, 1, 2, 1};
    SEED(0), k->exponential(m, 9, f, 4, 1, 1); /* the first draw without replacement */
    CHECK(!k->multinomial(m, 9, w, 1, 4, n, 8) && !memcmp(n, drawn, sizeof drawn));
    SEED(42), k->uniform(m, 9, f, 3, 1, 0, 1);
    CHECK(f[0] == 0.8822692632675171f && f[1] == 0.9150039553642273f && f[2] == 0.38286375999450684f);
    k->normal(m, 9, f, 3, 0, 1);
    CHECK(f[0] == -0.829319179058075f && f[1] == -1.6137069463729858f && f[2] == -0.21470452845096588f);
    float negative[2] = {1, -1}, nothing[2] = {0, 0}, all[2] = {INFINITY, 1};
    CHECK(k->multinomial(m, 9, negative, 1, 2, n, 2) && k->multinomial(m, 9, nothing, 1, 2, n, 2));
    CHECK(k->multinomial(m, 9, all, 1, 2, n, 2));
    ct_release(g);
}

static void test_states(void)
{
    const ct__random_kernels *k = &ct__k_random;
    ct_generator *g = ct_generator_new();
    uint8_t state[CT_GENERATOR_STATE_BYTES], again[CT_GENERATOR_STATE_BYTES];
    float a[33], b[33];
    int32_t left;
    uint64_t next;
    for (int i = 0; i < 11; i++) ct_generator_u32(g);
    ct_generator_get_state(g, state);
    memcpy(&left, state + 8, 4);
    memcpy(&next, state + 16, 8);
    CHECK(left == 614 && next == 11);
    k->normal(&g->mt, 9, a, 3, 0, 1);
    ct_generator_get_state(g, state);
    k->normal(&g->mt, 9, a, 33, 0, 1), k->normal(&g->mt, 9, a, 1, 0, 1);
    ct_generator_seed(g, 5);
    CHECK(ct_generator_set_state(g, state, sizeof state));
    ct_generator_get_state(g, again);
    CHECK(!memcmp(state, again, sizeof state) && ct_generator_initial_seed(g) == 67280421310721u);
    k->normal(&g->mt, 9, b, 33, 0, 1), k->normal(&g->mt, 9, b, 1, 0, 1);
    CHECK(!memcmp(a, b, sizeof a));
    CHECK(!ct_generator_set_state(g, state, 10) && ct_error() == CT_ERR_RUNTIME);
    CHECK(!strcmp(ct_error_message(), "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 10"));
    ct_error_clear();
    left = 625;
    memcpy(state + 8, &left, 4);
    CHECK(!ct_generator_set_state(g, state, sizeof state) && !strcmp(ct_error_message(), "Invalid mt19937 state"));
    ct_error_clear();
    left = 624;
    next = 624; /* PyTorch takes it, and reads past the end */
    memcpy(state + 8, &left, 4);
    memcpy(state + 16, &next, 8);
    CHECK(ct_generator_set_state(g, state, sizeof state));
    ct_generator_u32(g);
    CHECK(ct_generator_reseed(g) != ct_generator_reseed(g));
    ct_release(g);
}

static void *draw_many(void *sum)
{
    uint64_t total = 0;
    for (int i = 0; i < 20000; i++) total += ct_generator_u32(NULL);
    *(uint64_t *)sum = total;
    return NULL;
}

static void test_default(void)
{
    pthread_t thread;
    uint64_t mine, theirs, alone = 0;
    ct_manual_seed(3);
    for (int i = 0; i < 40000; i++) alone += ct_generator_u32(NULL);
    ct_manual_seed(3);
    CHECK(!pthread_create(&thread, NULL, draw_many, &theirs));
    draw_many(&mine);
    pthread_join(thread, NULL);
    CHECK(mine + theirs == alone);
    CHECK(ct_generator_initial_seed(ct_default_generator()) == 3);
    ct__mt *m = ct__generator_lock(NULL); /* a child does not wait for a lock that was held at its birth */
    int status = 1;
    pid_t child = fork();
    if (!child) {
        alarm(20);
        ct_generator_u32(NULL);
        _exit(0);
    }
    CHECK(m == &ct_default_generator()->mt);
    ct__generator_unlock(NULL);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    test_anchors();
    test_states();
    test_default();
    test_cases();
    printf("%s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
