/* Times the heavy kernels: one thread, minimum of many runs. usage: kernels [gemm|lenet|conv|pool];
 * CT_CPU=base|v3|v4 forces a level. GF counts 2 m n k for a product and the nominal (padding included) 2 n o
 * oh ow c/g kh kw for a convolution. */
#define _GNU_SOURCE
#include "kernels/kernels.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* so that other processes disturb little */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double bench_budget = 0.1;

/* Seconds of one run of `work`, the least of the runs that fit the budget. */
#define BENCH(best, work) \
    do { \
        best = 1e9; \
        double begin_ = bench_now(); \
        int64_t inner_ = 1; \
        for (int rep_ = 0; rep_ < 4 || bench_now() - begin_ < bench_budget; rep_++) { \
            double t0_ = bench_now(); \
            for (int64_t i_ = 0; i_ < inner_; i_++) { \
                work; \
            } \
            double t_ = bench_now() - t0_; \
            if (t_ / (double)inner_ < best) best = t_ / (double)inner_; \
            if (t_ < 2e-5) { \
                inner_ *= 2; \
                rep_ = 0; \
            } \
        } \
    } while (0)

static void *bench_alloc(int64_t bytes)
{
    float *p = aligned_alloc(64, (size_t)(bytes + 127) / 64 * 64);
    if (!p) exit(1);
    for (int64_t i = 0; i < bytes / 4; i++) p[i] = (float)(rand() % 1000) / 1000 - 0.5f;
    return p;
}

static void bench_gemm(int64_t m, int64_t n, int64_t k, bool ta, bool tb)
{
    float *a = bench_alloc(m * k * 4), *b = bench_alloc(n * k * 4), *c = bench_alloc(m * n * 4);
    double best;
    BENCH(best, ct__k_gemm.f32(ta, tb, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n));
    printf("gemm %c%c %5ld x %5ld x %5ld  %10.2f us %7.1f GF\n", ta ? 'T' : 'N', tb ? 'T' : 'N', (long)m,
           (long)n, (long)k, best * 1e6, 2e-9 * (double)(m * n * k) / best);
    free(a), free(b), free(c);
}

/* A layer's three products: y = x w^T, gx = gy w, gw = gy^T x. */
static void bench_linear(int64_t m, int64_t in, int64_t out)
{
    bench_gemm(m, out, in, false, true);
    bench_gemm(m, in, out, false, false);
    bench_gemm(out, in, m, true, false);
}

static void bench_conv(const char *name, int64_t n, int64_t c, int64_t h, int64_t o, int64_t k,
                       int64_t stride, int64_t pad, bool dx, bool sparse)
{
    ct__conv_shape s = {n, c, h, h, o, 0, 0, k, k, stride, stride, pad, pad, 1, 1, 1};
    s.oh = s.ow = (h + 2 * pad - k) / stride + 1;
    int64_t nx = n * c * h * h, ny = n * o * s.oh * s.ow, nw = o * c * k * k;
    float *x = bench_alloc(nx * 4), *y = bench_alloc(ny * 4), *w = bench_alloc(nw * 4),
          *bias = bench_alloc(o * 4);
    if (sparse) /* as max pooling 2 x 2 leaves a gradient, and ReLU half of that */
        for (int64_t e = 0; e < ny; e++)
            if (e % s.ow % 2 != rand() % 2 || e / s.ow % 2 != rand() % 2 || rand() % 4 == 0) y[e] = 0;
    double flops = 2e-9 * (double)(ny * c * k * k), best;
    printf("%-18s", name);
    for (int dir = 0; dir < 3; dir++) {
        if ((dir == 1 && !dx) || (dir == 0 && sparse)) continue;
        ct__conv_plan p;
        ct__k_conv.plan(&p, &s, (ct__conv_dir)dir, false);
        int odd = 0;
        if (dir) ct__k_conv.sparse_f32(&p, y, w, false, &odd);
        void *shared = bench_alloc(p.shared_bytes), *work = bench_alloc(p.work_bytes),
             *partial = bench_alloc(p.partial_bytes);
        if (dir < 2)
            BENCH(best, {
                if (p.shared_bytes) ct__k_conv.prepare_f32(&p, w, shared);
                ct__k_conv.run_f32(&p, dir ? y : x, w, dir ? NULL : bias, dir ? x : y, shared, 0, p.tasks,
                                   work);
            });
        else
            BENCH(best, {
                ct__k_conv.dw_f32(&p, x, y, partial, w, NULL, 0, p.tasks, work);
                if (p.partial_bytes) ct__k_conv.dw_sum_f32(&p, partial, w, NULL, 0, nw);
            });
        printf("  %s %9.1f us %6.1f GF (m%d)",
               dir == 0   ? "fwd"
               : dir == 1 ? "dX"
                          : "dW",
               best * 1e6, flops / best, p.method);
        free(shared), free(work), free(partial);
    }
    printf("\n");
    free(x), free(y), free(w), free(bias);
}

static void bench_pool(int64_t planes, int64_t h)
{
    ct__pool_shape s = {h, h, h / 2, h / 2, 2, 2, 2, 2, 0, 0, 1, 1, true, 0};
    float *x = bench_alloc(planes * h * h * 4), *y = bench_alloc(planes * h * h);
    int64_t *index = bench_alloc(planes * h * h * 2);
    double a, b, c;
    BENCH(a, ct__k_pool.max_f32(&s, x, y, index, 0, planes));
    BENCH(b, ct__k_pool.max_f32(&s, x, y, NULL, 0, planes));
    BENCH(c, ct__k_pool.max_bwd_f32(&(ct__pool_shape){.h = h, .w = h, .oh = h / 2, .ow = h / 2}, y, index, x, 0, planes));
    printf("max_pool 2x2 %ld planes %ldx%ld: %.2f us, without index %.2f us, backward %.2f us\n",
           (long)planes, (long)h, (long)h, a * 1e6, b * 1e6, c * 1e6);
    free(x), free(y), free(index);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (getenv("BENCH_SECONDS")) bench_budget = atof(getenv("BENCH_SECONDS"));
    printf("level %s\n", ct__cpu_level());
    if (!*what || !strcmp(what, "gemm")) {
        static const int64_t layers[][3] = {
            {4, 400, 120}, {4, 120, 84},   {4, 84, 10},    {1, 400, 120}, {64, 400, 120},  {64, 120, 84},
            {64, 84, 10},  {64, 784, 512}, {64, 512, 512}, {64, 512, 10}, {256, 400, 120}, {2048, 384, 1536}};
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
            bench_linear(layers[i][0], layers[i][1], layers[i][2]);
        for (int t = 0; t < 4; t++)
            for (int64_t n = 128; n <= 1024; n *= 2) bench_gemm(n, n, n, t & 1, t >> 1);
        bench_gemm(1000, 6, 75, false, false);
        bench_gemm(32, 512, 128, false, true);
        bench_gemm(256, 256, 64, false, true);
        bench_gemm(256, 64, 256, false, false);
    }
    if (!*what || !strcmp(what, "lenet"))
        for (int64_t n = 4; n <= 256; n *= 8) {
            char name[40];
            snprintf(name, sizeof name, "LeNet conv1 N%ld", (long)n);
            bench_conv(name, n, 3, 32, 6, 5, 1, 0, true, false);
            snprintf(name, sizeof name, "LeNet conv2 N%ld", (long)n);
            bench_conv(name, n, 6, 14, 16, 5, 1, 0, true, false);
            snprintf(name, sizeof name, "conv1 N%ld sparse", (long)n);
            bench_conv(name, n, 3, 32, 6, 5, 1, 0, true, true);
            snprintf(name, sizeof name, "conv2 N%ld sparse", (long)n);
            bench_conv(name, n, 6, 14, 16, 5, 1, 0, true, true);
        }
    if (!*what || !strcmp(what, "conv")) {
        bench_conv("3->64@32 N8", 8, 3, 32, 64, 3, 1, 1, true, false);
        bench_conv("64->64@32 N8", 8, 64, 32, 64, 3, 1, 1, true, false);
        bench_conv("64->128@32 s2 N8", 8, 64, 32, 128, 3, 2, 1, true, false);
        bench_conv("64->128 1x1 s2 N8", 8, 64, 32, 128, 1, 2, 0, true, false);
        bench_conv("128->128@16 N8", 8, 128, 16, 128, 3, 1, 1, true, false);
        bench_conv("256->256@8 N8", 8, 256, 8, 256, 3, 1, 1, true, false);
        bench_conv("512->512@4 N8", 8, 512, 4, 512, 3, 1, 1, true, false);
        bench_conv("3->64@224 7x7 s2", 1, 3, 224, 64, 7, 2, 3, true, false);
        bench_conv("64->64@56 N1", 1, 64, 56, 64, 3, 1, 1, true, false);
        bench_conv("128->128@28 N1", 1, 128, 28, 128, 3, 1, 1, true, false);
        bench_conv("512->512@7 N4", 4, 512, 7, 512, 3, 1, 1, true, false);
        bench_conv("256->64 1x1@56 N1", 1, 256, 56, 64, 1, 1, 0, true, false);
        bench_conv("1->32@28 3x3 N64", 64, 1, 28, 32, 3, 1, 0, true, false);
        bench_conv("32->64@26 3x3 N8", 8, 32, 26, 64, 3, 1, 0, true, false);
        bench_conv("32->64@26 sparse", 8, 32, 26, 64, 3, 1, 0, true, true);
        bench_conv("64->64@32 sparse", 8, 64, 32, 64, 3, 1, 1, true, true);
        bench_conv("256->256@8 sparse", 8, 256, 8, 256, 3, 1, 1, true, true);
    }
    if (!*what || !strcmp(what, "pool")) {
        bench_pool(4 * 6, 28);
        bench_pool(4 * 16, 10);
        bench_pool(256 * 6, 28);
    }
    return 0;
}
