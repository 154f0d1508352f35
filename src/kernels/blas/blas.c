/* Large products by OpenBLAS. CT_BLAS_PREFIX, from the build, is that of its symbols: `scipy_` in scipy-openblas32's, else nothing.
 * It is pinned to one thread: the pool above cuts C into pieces by size, and each is one call, so results do not depend on the
 * number of threads here either. alpha = 0 stays with our kernels (a BLAS then does not read A and B, and loses their NaN). */
#include "kernels/blas.h"
#include <limits.h>
#include <pthread.h>

#define BLAS_JOIN(prefix, name) prefix##name
#define BLAS_NAMED(prefix, name) BLAS_JOIN(prefix, name)
#define BLAS_NAME(name) BLAS_NAMED(CT_BLAS_PREFIX, name)

void BLAS_NAME(openblas_set_num_threads)(int threads);
void BLAS_NAME(cblas_sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                            int ldb, float beta, float *c, int ldc);
void BLAS_NAME(cblas_dgemm)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
                            int ldb, double beta, double *c, int ldc);

#define BLAS_LEAST ((double)(1 << 24)) /* multiply-adds: below, a call's own packing costs more than our kernels */
#define BLAS_PIECE ((int64_t)512)      /* rows and columns of a piece */

static pthread_once_t blas_once = PTHREAD_ONCE_INIT;

static void blas_pin(void) { BLAS_NAME(openblas_set_num_threads)(1); }

bool ct__blas_plan(ct__gemm_job *j)
{
    if ((double)j->m * (double)j->n * (double)j->k < BLAS_LEAST || j->m < 32 || j->n < 32 || j->alpha == 0)
        return false;
    if (j->m > INT_MAX || j->n > INT_MAX || j->k > INT_MAX || j->lda > INT_MAX || j->ldb > INT_MAX || j->ldc > INT_MAX)
        return false;
    pthread_once(&blas_once, blas_pin);
    int64_t rows = (j->m + BLAS_PIECE - 1) / BLAS_PIECE, columns = (j->n + BLAS_PIECE - 1) / BLAS_PIECE;
    j->piece_m = (j->m + rows - 1) / rows;
    j->piece_n = (j->n + columns - 1) / columns;
    j->pieces_n = (j->n + j->piece_n - 1) / j->piece_n;
    j->pieces = (j->m + j->piece_m - 1) / j->piece_m * j->pieces_n;
    return true;
}

void ct__blas_run(const ct__gemm_job *j, int64_t begin, int64_t end)
{
    enum { ROWS = 101, PLAIN = 111, TRANSPOSED = 112 };
    int64_t size = j->f64 ? 8 : 4;
    for (int64_t piece = begin; piece < end; piece++) {
        int64_t i0 = piece / j->pieces_n * j->piece_m, j0 = piece % j->pieces_n * j->piece_n;
        int64_t m = j->m - i0 < j->piece_m ? j->m - i0 : j->piece_m, n = j->n - j0 < j->piece_n ? j->n - j0 : j->piece_n;
        const char *a = (const char *)j->a + (j->ta ? i0 : i0 * j->lda) * size, *b = (const char *)j->b + (j->tb ? j0 * j->ldb : j0) * size;
        char *c = (char *)j->c + (i0 * j->ldc + j0) * size;
        const char *d = (const char *)j->d + (i0 * j->ldd + j0) * size;
        if (j->beta != 0 && d != c)
            for (int64_t i = 0; i < m; i++) memcpy(c + i * j->ldc * size, d + i * j->ldd * size, (size_t)(n * size));
        int ta = j->ta ? TRANSPOSED : PLAIN, tb = j->tb ? TRANSPOSED : PLAIN;
        if (j->f64)
            BLAS_NAME(cblas_dgemm)(ROWS, ta, tb, (int)m, (int)n, (int)j->k, j->alpha, (const double *)a, (int)j->lda, (const double *)b,
                                      (int)j->ldb, j->beta, (double *)c, (int)j->ldc);
        else
            BLAS_NAME(cblas_sgemm)(ROWS, ta, tb, (int)m, (int)n, (int)j->k, (float)j->alpha, (const float *)a, (int)j->lda,
                                      (const float *)b, (int)j->ldb, (float)j->beta, (float *)c, (int)j->ldc);
    }
}
