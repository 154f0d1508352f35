/* Matrix products. Row-major; leading dimensions in elements.
 * C (m, n) = alpha * op(A) (m, k) @ op(B) (k, n) + beta * D; op transposes where ta / tb is true, so A is stored
 * (m, k) or, with ta, (k, m). D is (m, n) too, its rows ldd apart: C itself, another matrix, or, with ldd = 0, one
 * row that is added to every row (a bias). beta = 0 does not read D, and C is never read before it is written
 * unless D is C. k = 0 gives beta * D. C must not overlap A or B, nor D unless it is D. NaN and Inf go through as
 * in the sums.
 *
 * A product in the calling thread is one call of f32 or f64. One that is split over threads is a job: `plan`
 * chooses from its sizes alone how it is made and cut, then for every round, in order,
 *     pack(job, round, shared, begin, end)   over [0, job->packs): the operand that all pieces read, into `shared`
 *     run(job, round, shared, begin, end)    over [0, job->pieces): pieces of C, in any order, in any thread
 * and the bits are those of the one call, however the ranges are cut. Buffers of a piece come from
 * ct__kernel_scratch; without memory it is made slowly, never refused. */
#ifndef CT_KERNELS_GEMM_H
#define CT_KERNELS_GEMM_H

typedef struct ct__gemm_job {
    bool f64, ta, tb;
    int64_t m, n, k, lda, ldb, ldd, ldc;
    double alpha, beta;
    const void *a, *b, *d;
    void *c;
    /* What plan fills in: */
    int method;
    int64_t rounds, packs, pieces;
    size_t shared_bytes;                    /* of the buffer `shared`, 64-aligned; 0 where packs is 0 */
    int64_t step;                           /* the sum over k: one chain for each `step` terms */
    int64_t round_k, round_n, rounds_k;     /* a round's part of k and of the columns */
    int64_t piece_m, piece_n, pieces_n;     /* C is cut into pieces of this many rows and columns */
} ct__gemm_job;

typedef struct ct__gemm_kernels {
    void (*f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
    void (*f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
    void (*plan)(ct__gemm_job *job);
    void (*pack)(const ct__gemm_job *job, int64_t round, void *shared, int64_t begin, int64_t end);
    void (*run)(const ct__gemm_job *job, int64_t round, const void *shared, int64_t begin, int64_t end);
    void (*whole)(ct__gemm_job *job); /* plan and all of it, in the calling thread */
} ct__gemm_kernels;

#ifdef CT_ISA
/* The same functions of the level being compiled, for the other kernels. */
void CT_LEVEL(ct__gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                            int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void CT_LEVEL(ct__gemm_f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                            int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
#endif
#endif
