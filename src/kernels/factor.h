/* Factorisations of one dense matrix in double, row after row; the caller brings all memory. Sources are named in
 * kernels/cpu/factor.c. */
#ifndef CT_KERNELS_FACTOR_H
#define CT_KERNELS_FACTOR_H

typedef struct ct__factor_kernels {
    /* a (m, n) becomes L below the diagonal and U, with P A = L U by rows swapped: row i with row pivots[i] - 1, i < min(m, n).
     * The place of the first pivot that is 0, counted from 1, or 0. */
    int64_t (*lu)(double *a, int64_t m, int64_t n, int32_t *pivots);
    /* The lower triangle of a (n, n) becomes L with A = L L^T. The order of the first minor that is not positive, or 0. */
    int64_t (*cholesky)(double *a, int64_t n);
    /* b (n, k) becomes the solution of A X = B, a (n, n) a triangle; with `unit` its diagonal counts as ones. */
    void (*triangular)(const double *a, double *b, int64_t n, int64_t k, bool upper, bool unit);
    /* a (m, n) becomes R above and on the diagonal, the Householder vectors (their first element 1 left out) below; tau (min(m, n)). */
    void (*qr)(double *a, double *tau, double *work, int64_t m, int64_t n);
    /* q (m, k) becomes the first k columns of Q of what `qr` left of (m, n), min(m, n) <= k <= m; work (k). */
    void (*qr_q)(const double *a, const double *tau, double *q, double *work, int64_t m, int64_t n, int64_t k);
    /* The symmetric a (n, n) becomes its eigenvectors, one a row, w (n) the eigenvalues, ascending; work (2 n). Without
     * `vectors` a is lost. False: no convergence. */
    bool (*eigh)(double *a, double *w, double *work, int64_t n, bool vectors);
    /* The n rows of a, m long, become orthogonal: a becomes V A. v (n, n) or NULL; norms (n) the rows' lengths, descending.
     * False: no convergence. */
    bool (*jacobi)(double *a, double *v, double *norms, int64_t n, int64_t m);
    /* The rows [r, k) of u (k, m), k <= m, become orthonormal to all others; rows [0, r) are that already; work (m). */
    void (*complete)(double *u, double *work, int64_t r, int64_t k, int64_t m);
} ct__factor_kernels;
#endif
