/* Matrix products. Row-major; leading dimensions in elements. A kernel runs in the calling thread.
 * C (m, n) = alpha * op(A) (m, k) @ op(B) (k, n) + beta * C; op transposes where ta / tb is true, so A is
 * stored (m, k) or, with ta, (k, m). beta = 0 does not read C. k = 0 gives beta * C. C must not overlap A or
 * B. NaN and Inf go through as in the sums. Packing buffers come from ct__kernel_scratch; without memory the
 * product is made slowly, never refused. */
#ifndef CT_KERNELS_GEMM_H
#define CT_KERNELS_GEMM_H

typedef struct ct__gemm_kernels {
    void (*f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
    void (*f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
    /* Rows [m0, m1) and columns [n0, n1) of the same product: m, n and the pointers are the whole product's.
     * The parts are, bit for bit, what one call makes, however they are cut (the way of summing is chosen by
     * the whole m, n and k): split threaded products with this, never by calling f32 on smaller matrices.
     * Cuts at multiples of `grain` are fastest. */
    void (*f32_part)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                     int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc, int64_t m0,
                     int64_t m1, int64_t n0, int64_t n1);
    void (*f64_part)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                     int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc,
                     int64_t m0, int64_t m1, int64_t n0, int64_t n1);
    /* Block sizes of m and n at which cutting loses least: whole register tiles, at least about 2^20
     * multiply-adds a block. */
    void (*grain)(bool f64, int64_t m, int64_t n, int64_t k, int64_t *grain_m, int64_t *grain_n);
} ct__gemm_kernels;

#ifdef CT_ISA
/* The same functions of the level being compiled, for the other kernels. */
void CT_LEVEL(ct__gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                            int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void CT_LEVEL(ct__gemm_f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                            int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
#endif
#endif
