/* Matrix products. Row-major; leading dimensions in elements. */
#ifndef CT_KERNELS_GEMM_H
#define CT_KERNELS_GEMM_H

typedef struct ct__gemm_kernels {
    /* C (m, n) = alpha * op(A) (m, k) @ op(B) (k, n) + beta * C; op transposes where ta / tb is true. beta = 0 does not read C. */
    void (*f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
    void (*f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
} ct__gemm_kernels;
#endif
