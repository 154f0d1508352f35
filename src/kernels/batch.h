/* Batch normalisation over dense (batch, channels, plane), by channels [c0, c1). */
#ifndef CT_KERNELS_BATCH_H
#define CT_KERNELS_BATCH_H

typedef struct ct__batch_kernels {
    /* y = (x - mean) * rstd * weight + bias; weight and bias (channels) or NULL. var: the biased variance. */
    void (*train_f32)(const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd, float *var, double eps,
                      int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
    void (*train_f64)(const double *x, const double *weight, const double *bias, double *y, double *mean, double *rstd, double *var,
                      double eps, int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
    /* The gradients for x, the weight and the bias, each NULL where it is not wanted; weight may be NULL. */
    void (*bwd_f32)(const float *gy, const float *x, const float *weight, const float *mean, const float *rstd, float *gx, float *gw,
                    float *gb, int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
    void (*bwd_f64)(const double *gy, const double *x, const double *weight, const double *mean, const double *rstd, double *gx,
                    double *gw, double *gb, int64_t batch, int64_t channels, int64_t plane, int64_t c0, int64_t c1);
    /* y = x * scale + shift; shift may be NULL. */
    void (*affine_f32)(const float *x, const float *scale, const float *shift, float *y, int64_t batch, int64_t channels, int64_t plane,
                       int64_t c0, int64_t c1);
    void (*affine_f64)(const double *x, const double *scale, const double *shift, double *y, int64_t batch, int64_t channels,
                       int64_t plane, int64_t c0, int64_t c1);
} ct__batch_kernels;
#endif
