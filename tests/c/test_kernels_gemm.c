/* Matrix products of every level against sums in long double; a job in pieces, of any cut and order, against the product in one call,
 * bit for bit; D read and not read; the ends of tiles, panels, pieces and rounds. */
#include "test_kernels_heavy.h"
HEAVY_DECLARE(gemm)

/* Runs a job as threads would: ranges of random lengths, pieces from the back to the front. */
static void gemm_in_pieces(ct__gemm_kernels *t, ct__gemm_job *job)
{
    t->plan(job);
    char *shared = heavy_alloc(job->shared_bytes + 64), *aligned = (char *)(((uintptr_t)shared + 63) & ~(uintptr_t)63);
    for (int64_t round = 0; round < job->rounds; round++) {
        for (int64_t at = 0, to; at < job->packs; at = to) {
            to = at + heavy_int(1, job->packs - at);
            t->pack(job, round, aligned, at, to);
        }
        for (int64_t at = job->pieces, from; at > 0; at = from) {
            from = at - heavy_int(1, at < 4 ? at : 4);
            t->run(job, round, aligned, from, at);
        }
    }
    free(shared);
}

#define GEMM_CASE(T, F) \
    static void gemm_case_##F(ct__gemm_kernels *t, const char *level, bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, \
                              T beta) \
    { \
        int64_t lda = (ta ? m : k) + heavy_int(0, 5), ldb = (tb ? k : n) + heavy_int(0, 5), ldc = n + heavy_int(0, 5); \
        int64_t ldd = heavy_int(0, 1) ? 0 : n + heavy_int(0, 3); \
        HEAVY_RANDOM(T, a, lda * (ta ? k : m)) \
        HEAVY_RANDOM(T, b, ldb * (tb ? n : k)) \
        HEAVY_RANDOM(T, c0, ldc * m) \
        HEAVY_RANDOM(T, d, ldd * m + n) \
        if (beta == 0) \
            for (int64_t i = 0; i < m; i++) \
                for (int64_t j = 0; j < n; j++) c0[i * ldc + j] = (T)NAN; \
        size_t bytes = (size_t)(ldc * m) * sizeof(T); \
        T *c = heavy_alloc(bytes), *e = heavy_alloc(bytes), *f = heavy_alloc(bytes); \
        memcpy(c, c0, bytes); \
        memcpy(e, c0, bytes); \
        memcpy(f, c0, bytes); \
        t->F(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); \
        double tol = (sizeof(T) == 4 ? 1e-6 : 2e-15) * (4 + 4 * sqrt((double)k)); \
        ct__gemm_job job = {.f64 = sizeof(T) == 8, .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldd = ldc, \
                            .ldc = ldc, .alpha = (double)alpha, .beta = (double)beta, .a = a, .b = b, .d = e, .c = e}; \
        gemm_in_pieces(t, &job); \
        job.d = d; \
        job.ldd = ldd; \
        job.c = f; \
        gemm_in_pieces(t, &job); \
        for (int64_t i = 0; i < m; i++) \
            for (int64_t j = 0; j < ldc; j++) { \
                int64_t q = i * ldc + j; \
                if (j >= n) { \
                    if (memcmp(c + q, c0 + q, sizeof(T)) || memcmp(e + q, c0 + q, sizeof(T)) || memcmp(f + q, c0 + q, sizeof(T))) \
                        HEAVY_FAIL("%s " #F " wrote beyond", level); \
                    continue; \
                } \
                long double sum = 0; \
                for (int64_t p = 0; p < k; p++) \
                    sum += (long double)(ta ? a[p * lda + i] : a[i * lda + p]) * (long double)(tb ? b[j * ldb + p] : b[p * ldb + j]); \
                double want = (double)(alpha * sum + (beta == 0 ? 0 : (long double)beta * c0[q])); \
                double other = (double)(alpha * sum + (beta == 0 ? 0 : (long double)beta * d[i * ldd + j])); \
                if (!(fabs(want - (double)c[q]) <= tol)) \
                    HEAVY_FAIL("%s " #F " ta %d tb %d %ldx%ldx%ld at %ld,%ld: %g not %g", level, ta, tb, (long)m, (long)n, (long)k, \
                               (long)i, (long)j, (double)c[q], want); \
                if (!(fabs(other - (double)f[q]) <= tol)) \
                    HEAVY_FAIL("%s " #F " ta %d tb %d %ldx%ldx%ld at %ld,%ld with D, rows %ld apart: %g not %g", level, ta, tb, \
                               (long)m, (long)n, (long)k, (long)i, (long)j, (long)ldd, (double)f[q], other); \
            } \
        for (int64_t i = 0; i < m; i++) \
            if (memcmp(c + i * ldc, e + i * ldc, (size_t)n * sizeof(T))) { \
                HEAVY_FAIL("%s " #F " %d%d %ldx%ldx%ld: pieces differ", level, ta, tb, (long)m, (long)n, (long)k); \
                break; \
            } \
        free(a); \
        free(b); \
        free(c0); \
        free(d); \
        free(c); \
        free(e); \
        free(f); \
    }
GEMM_CASE(float, f32)
GEMM_CASE(double, f64)

static void gemm_both(ct__gemm_kernels *t, const char *level, int tr, const int64_t s[3], float alpha, float beta)
{
    gemm_case_f32(t, level, tr & 1, tr >> 1, s[0], s[1], s[2], alpha, beta);
    gemm_case_f64(t, level, tr & 1, tr >> 1, s[0], s[1], s[2], alpha, beta);
}

static void gemm_level(ct__gemm_kernels *t, const char *level)
{
    static const int64_t fixed[][3] = {
        {0, 5, 3},       {5, 0, 3},       {5, 3, 0},       {1, 1, 1},     {1, 1, 5000},  {4, 120, 400},   {4, 400, 120},
        {120, 400, 4},   {4, 84, 120},    {4, 10, 84},     {64, 10, 512}, {10, 512, 64}, {64, 120, 400},  {1, 100, 300},
        {100, 1, 300},   {2, 65, 33},     {97, 130, 300},  {33, 530, 515}, {100, 241, 257}, {100, 200, 520}, {17, 17, 1025},
        {3, 2, 2000},    {150, 50, 2100}, {20, 40, 4200},  {300, 300, 300}, {145, 513, 257}};
    for (size_t q = 0; q < sizeof fixed / sizeof *fixed; q++)
        for (int tr = 0; tr < 4; tr++) gemm_both(t, level, tr, fixed[q], 1, q % 2 ? 0 : 1);
    for (int q = 0; q < 400; q++) {
        int64_t most = q % 4 ? 20 : 70, s[3] = {heavy_int(1, most), heavy_int(1, most), heavy_int(0, 2 * most)};
        gemm_both(t, level, (int)heavy_int(0, 3), s, q % 3 ? 1 : -0.5f, q % 5 ? 0 : q % 2 ? 1 : 0.75f);
    }
    /* One less, equal, one more than a tile, a panel, a step, a block of rows. */
    static const int64_t around[] = {4, 6, 8, 16, 24, 48, 96, 144, 256, 384};
    for (int q = 0; q < 120; q++) {
        int64_t s[3];
        for (int i = 0; i < 3; i++) s[i] = around[heavy_int(0, i == 2 ? 9 : 7)] * (i < 2 ? 1 : heavy_int(1, 2)) + heavy_int(-1, 1);
        gemm_both(t, level, q & 3, s, 1, q % 3 ? 0 : 1);
    }
    for (int tr = 0; tr < 4; tr++) /* NaN and Inf reach exactly their row, also against zeros */
        for (int q = 0; q < 2; q++)
            for (int size = 0; size < 3; size++) {
                static const int sizes[] = {13, 40, 200};
                static float a[200 * 200], b[200 * 200], c[200 * 200];
                int n = sizes[size];
                memset(a, 0, sizeof a);
                memset(b, 0, sizeof b);
                a[tr & 1 ? 7 * n + 5 : 5 * n + 7] = q ? INFINITY : NAN;
                t->f32(tr & 1, tr >> 1, n, n, n, 1, a, n, b, n, 0, c, n);
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        if ((i == 5) != !!isnan(c[i * n + j])) HEAVY_FAIL("%s NaN at %d,%d of %d", level, i, j, n);
            }
    static const int64_t plans[][3] = {{0, 0, 0}, {1, 1, 1}, {1000, 1000, 1000}, {64, 512, 784}, {30000, 10, 20000}, {10, 30000, 20000}};
    for (size_t q = 0; q < sizeof plans / sizeof *plans; q++)
        for (int f64 = 0; f64 < 2; f64++) {
            ct__gemm_job job = {.f64 = f64, .ta = true, .tb = true, .m = plans[q][0], .n = plans[q][1], .k = plans[q][2]};
            t->plan(&job);
            if (job.pieces < 1 || job.rounds < 1 || job.packs < 0 || job.shared_bytes > (size_t)16 << 20) HEAVY_FAIL("plan %zu", q);
        }
}

int main(void)
{
    HEAVY_LEVELS(gemm, gemm_level);
    printf("%d failures\n", heavy_failures);
    return heavy_failures != 0;
}
