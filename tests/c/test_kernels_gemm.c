/* Matrix products of every level against sums in double; parts against the whole, bit for bit. */
#include "test_kernels_heavy.h"
HEAVY_DECLARE(gemm)

#define GEMM_CASE(T, F) \
    static void gemm_case_##F(ct__gemm_kernels *t, const char *level, bool ta, bool tb, int64_t m, \
                              int64_t n, int64_t k, T alpha, T beta) \
    { \
        int64_t lda = (ta ? m : k) + heavy_int(0, 5), ldb = (tb ? k : n) + heavy_int(0, 5), \
                ldc = n + heavy_int(0, 5); \
        HEAVY_RANDOM(T, a, lda * (ta ? k : m)) \
        HEAVY_RANDOM(T, b, ldb * (tb ? n : k)) HEAVY_RANDOM( \
            T, c0, ldc * m) if (beta == 0) for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j < n; j++) \
            c0[i * ldc + j] = (T)NAN; \
        T *c = heavy_alloc((size_t)(ldc * m) * sizeof(T)), *d = heavy_alloc((size_t)(ldc * m) * sizeof(T)); \
        memcpy(c, c0, (size_t)(ldc * m) * sizeof(T)); \
        memcpy(d, c0, (size_t)(ldc * m) * sizeof(T)); \
        t->F(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); \
        double tol = (sizeof(T) == 4 ? 1e-6 : 2e-15) * (4 + 4 * sqrt((double)k)); \
        for (int64_t i = 0; i < m; i++) \
            for (int64_t j = 0; j < ldc; j++) { \
                double want = 0, got = (double)c[i * ldc + j]; \
                if (j >= n) { \
                    if (memcmp(c + i * ldc + j, c0 + i * ldc + j, sizeof(T))) \
                        HEAVY_FAIL("%s " #F " wrote beyond", level); \
                    continue; \
                } \
                for (int64_t p = 0; p < k; p++) \
                    want += (double)(ta ? a[p * lda + i] : a[i * lda + p]) \
                            * (double)(tb ? b[j * ldb + p] : b[p * ldb + j]); \
                want = (double)alpha * want + (beta == 0 ? 0 : (double)beta * (double)c0[i * ldc + j]); \
                if (!(fabs(want - got) <= tol)) \
                    HEAVY_FAIL("%s " #F " ta %d tb %d %ldx%ldx%ld at %ld,%ld: %g not %g", level, ta, tb, \
                               (long)m, (long)n, (long)k, (long)i, (long)j, got, want); \
            } \
        int64_t mc = heavy_int(0, m), nc = heavy_int(0, n); \
        for (int q = 0; q < 4; q++) \
            t->F##_part(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, d, ldc, q & 1 ? mc : 0, \
                        q & 1 ? m : mc, q & 2 ? nc : 0, q & 2 ? n : nc); \
        for (int64_t i = 0; i < m; i++) \
            if (memcmp(c + i * ldc, d + i * ldc, (size_t)n * sizeof(T))) { \
                HEAVY_FAIL("%s " #F " %d%d %ldx%ldx%ld: parts differ", level, ta, tb, (long)m, (long)n, \
                           (long)k); \
                break; \
            } \
        free(a); \
        free(b); \
        free(c0); \
        free(c); \
        free(d); \
    }
GEMM_CASE(float, f32)
GEMM_CASE(double, f64)

static void gemm_level(ct__gemm_kernels *t, const char *level)
{
    static const int64_t fixed[][3] = {
        {0, 5, 3},       {5, 0, 3},      {5, 3, 0},   {1, 1, 1},      {4, 120, 400},  {4, 400, 120},
        {120, 400, 4},   {4, 84, 120},   {4, 10, 84}, {64, 10, 512},  {10, 512, 64},  {64, 120, 400},
        {1, 100, 300},   {100, 1, 300},  {2, 65, 33}, {97, 130, 300}, {33, 530, 515}, {100, 241, 257},
        {100, 200, 520}, {17, 17, 1025}, {3, 2, 2000}};
    for (size_t q = 0; q < sizeof fixed / sizeof *fixed; q++)
        for (int tr = 0; tr < 4; tr++) {
            gemm_case_f32(t, level, tr & 1, tr >> 1, fixed[q][0], fixed[q][1], fixed[q][2], 1, 0);
            if (q < 17) gemm_case_f64(t, level, tr & 1, tr >> 1, fixed[q][0], fixed[q][1], fixed[q][2], 1, 0);
        }
    for (int q = 0; q < 400; q++) {
        int64_t most = q % 4 ? 20 : 70;
        float alpha = q % 3 ? 1 : -0.5f, beta = q % 5 ? 0 : q % 2 ? 1 : 0.75f;
        gemm_case_f32(t, level, heavy_int(0, 1), heavy_int(0, 1), heavy_int(1, most), heavy_int(1, most),
                      heavy_int(0, 2 * most), alpha, beta);
        gemm_case_f64(t, level, heavy_int(0, 1), heavy_int(0, 1), heavy_int(1, most), heavy_int(1, most),
                      heavy_int(0, 2 * most), alpha, beta);
    }
    for (int tr = 0; tr < 4; tr++) /* NaN and Inf reach exactly their row */
        for (int q = 0; q < 2; q++) {
            enum { N = 40 };
            static float a[N * N], b[N * N], c[N * N];
            for (int e = 0; e < N * N; e++) a[e] = b[e] = 0;
            a[tr & 1 ? 7 * N + 5 : 5 * N + 7] = q ? INFINITY : NAN;
            t->f32(tr & 1, tr >> 1, N, N, N, 1, a, N, b, N, 0, c, N);
            for (int i = 0; i < N; i++)
                for (int j = 0; j < N; j++)
                    if ((i == 5) != !!isnan(c[i * N + j])) HEAVY_FAIL("%s NaN at %d,%d", level, i, j);
        }
    int64_t gm, gn;
    t->grain(false, 1000, 1000, 1000, &gm, &gn);
    if (gm < 1 || gn < 1) HEAVY_FAIL("grain");
    t->grain(true, 0, 0, 0, &gm, &gn);
    if (gm < 1 || gn < 1) HEAVY_FAIL("grain");
}

int main(void)
{
    HEAVY_LEVELS(gemm, gemm_level);
    printf("%d failures\n", heavy_failures);
    return heavy_failures != 0;
}
