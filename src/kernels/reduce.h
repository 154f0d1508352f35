/* Reductions of a dense block (outer, n, inner) over its middle dimension. Sums go in a fixed number of lanes
 * over blocks of fixed length whose totals are added in double: how the work is cut never shows in the result. NaN wins in
 * max and min; ties: the first. */
#ifndef CT_KERNELS_REDUCE_H
#define CT_KERNELS_REDUCE_H

typedef struct ct__reduce_kernels {
    /* out[o * inner + i] for rows r = o * inner + i in [r0, r1); x (outer, n, inner). */
    void (*sum_f32)(const float *x, float *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*sum_f64)(const double *x, double *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*sum_i64)(const int64_t *x, int64_t *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*sumsq_f32)(const float *x, float *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*sumsq_f64)(const double *x, double *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*prod_f32)(const float *x, float *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*prod_f64)(const double *x, double *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*prod_i64)(const int64_t *x, int64_t *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    /* Value (out, may be NULL) and place (where not NULL) of the largest or smallest; n >= 1. */
    void (*extreme_f32)(bool largest, const float *x, float *out, int64_t *place, int64_t n, int64_t inner,
                        int64_t r0, int64_t r1);
    void (*extreme_f64)(bool largest, const double *x, double *out, int64_t *place, int64_t n, int64_t inner,
                        int64_t r0, int64_t r1);
    void (*extreme_i64)(bool largest, const int64_t *x, int64_t *out, int64_t *place, int64_t n,
                        int64_t inner, int64_t r0, int64_t r1);
    /* Truth of all, or of any, of bytes that are 0 or 1. */
    void (*truth)(bool all, const uint8_t *x, uint8_t *out, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    /* Running sums or products along the middle dimension: out has x's shape. */
    void (*running_f32)(bool product, const float *x, float *out, int64_t n, int64_t inner, int64_t r0,
                        int64_t r1);
    void (*running_f64)(bool product, const double *x, double *out, int64_t n, int64_t inner, int64_t r0,
                        int64_t r1);
    void (*running_i64)(bool product, const int64_t *x, int64_t *out, int64_t n, int64_t inner, int64_t r0,
                        int64_t r1);
    /* Sum of a vector, as one block: what large sums are put together from. */
    double (*total_f32)(const float *x, int64_t n);
    double (*total_f64)(const double *x, int64_t n);
} ct__reduce_kernels;
#endif
