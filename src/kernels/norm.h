/* Softmax and layer normalisation over dense memory. */
#ifndef CT_KERNELS_NORM_H
#define CT_KERNELS_NORM_H

typedef struct ct__norm_kernels {
    /* Rows [r0, r1) of (rows, n): y = softmax(x), or log_softmax(x) with `log`. */
    void (*softmax_f32)(bool log, const float *x, float *y, int64_t n, int64_t r0, int64_t r1);
    void (*softmax_f64)(bool log, const double *x, double *y, int64_t n, int64_t r0, int64_t r1);
    /* gx = y * (gy - sum(gy * y)), or gy - exp(y) * sum(gy) with `log`. */
    void (*softmax_bwd_f32)(bool log, const float *gy, const float *y, float *gx, int64_t n, int64_t r0, int64_t r1);
    void (*softmax_bwd_f64)(bool log, const double *gy, const double *y, double *gx, int64_t n, int64_t r0, int64_t r1);
    /* The gradient of log_softmax where gy of a row is `at` for the element `target` and 0 for all others, or for all where at is 0
     * (target may then be anything). */
    void (*log_softmax_one_f32)(const float *y, const int64_t *target, const float *at, float *gx, int64_t n, int64_t r0, int64_t r1);
    void (*log_softmax_one_f64)(const double *y, const int64_t *target, const double *at, double *gx, int64_t n, int64_t r0, int64_t r1);
    /* The same along the middle dimension of (outer, n, inner): columns r = o * inner + i in [r0, r1). gy is NULL forwards. */
    void (*columns_f32)(bool log, const float *gy, const float *x, float *y, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    void (*columns_f64)(bool log, const double *gy, const double *x, double *y, int64_t n, int64_t inner, int64_t r0, int64_t r1);
    /* Rows of (rows, n): y = (x - mean) * rstd * weight + bias; weight and bias (n) or NULL. */
    void (*layer_f32)(const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd, double eps, int64_t n,
                      int64_t r0, int64_t r1);
    void (*layer_f64)(const double *x, const double *weight, const double *bias, double *y, double *mean, double *rstd, double eps,
                      int64_t n, int64_t r0, int64_t r1);
    /* The gradient for x, rows [r0, r1); weight (n) or NULL. */
    void (*layer_bwd_f32)(const float *gy, const float *x, const float *weight, const float *mean, const float *rstd, float *gx,
                          int64_t n, int64_t r0, int64_t r1);
    void (*layer_bwd_f64)(const double *gy, const double *x, const double *weight, const double *mean, const double *rstd, double *gx,
                          int64_t n, int64_t r0, int64_t r1);
    /* Rows [r0, r1), 256 at most: gw (n) += the sum of gy * (x - mean) * rstd, gb (n) += that of gy, for weight and bias. */
    void (*layer_params_f32)(const float *gy, const float *x, const float *mean, const float *rstd, double *gw, double *gb, int64_t n,
                             int64_t r0, int64_t r1);
    void (*layer_params_f64)(const double *gy, const double *x, const double *mean, const double *rstd, double *gw, double *gb, int64_t n,
                             int64_t r0, int64_t r1);
} ct__norm_kernels;
#endif
