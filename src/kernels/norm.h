/* Softmax and normalisation over dense memory. */
#ifndef CT_KERNELS_NORM_H
#define CT_KERNELS_NORM_H

typedef struct ct__norm_kernels {
    /* Rows [r0, r1) of (rows, n): y = softmax(x), or log_softmax(x) with `log`. */
    void (*softmax_f32)(bool log, const float *x, float *y, int64_t n, int64_t r0, int64_t r1);
    void (*softmax_f64)(bool log, const double *x, double *y, int64_t n, int64_t r0, int64_t r1);
    /* gx = y * (gy - sum(gy * y)), or gy - exp(y) * sum(gy) with `log`. */
    void (*softmax_bwd_f32)(bool log, const float *gy, const float *y, float *gx, int64_t n, int64_t r0, int64_t r1);
    void (*softmax_bwd_f64)(bool log, const double *gy, const double *y, double *gx, int64_t n, int64_t r0, int64_t r1);
    /* Rows of (rows, n): y = (x - mean) * rstd * weight + bias; weight and bias (n) or NULL. */
    void (*layer_f32)(const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd, double eps, int64_t n,
                      int64_t r0, int64_t r1);
    void (*layer_f64)(const double *x, const double *weight, const double *bias, double *y, double *mean, double *rstd, double eps,
                      int64_t n, int64_t r0, int64_t r1);
    /* Channels [c0, c1) of (batch, channels, plane): y = (x - mean) * rstd * weight + bias. var: the biased variance. */
    void (*batch_f32)(const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd, float *var, double eps,
                      int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
    void (*batch_f64)(const double *x, const double *weight, const double *bias, double *y, double *mean, double *rstd, double *var,
                      double eps, int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
} ct__norm_kernels;
#endif
