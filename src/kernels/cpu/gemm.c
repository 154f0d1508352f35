/* Matrix products: plain loops, the reference that faster ones are checked against. */
#include "kernels/kernels.h"

#define GEMM_REFERENCE(name, T) \
    static void name(bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, \
                     int64_t ldb, T beta, T *c, int64_t ldc) \
    { \
        for (int64_t i = 0; i < m; i++) \
            for (int64_t j = 0; j < n; j++) { \
                double sum = 0; \
                for (int64_t p = 0; p < k; p++) \
                    sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]); \
                c[i * ldc + j] = (T)(alpha * sum) + (beta == 0 ? 0 : beta * c[i * ldc + j]); \
            } \
    }
GEMM_REFERENCE(gemm_f32_reference, float)
GEMM_REFERENCE(gemm_f64_reference, double)

void CT_LEVEL(ct__gemm_fill)(ct__gemm_kernels *t)
{
    t->f32 = gemm_f32_reference;
    t->f64 = gemm_f64_reference;
}
