/* One axis of a dense tensor (outer, n, inner) resampled to (outer, m, inner): y[o][j][i] is the sum over t < taps of
 * weight[j * taps + t] * x[o][index[j * taps + t]][i]. Kernels work on [o0, o1) of the outer dimension. Backward kernels write
 * all of gx in that range. */
#ifndef CT_KERNELS_RESAMPLE_H
#define CT_KERNELS_RESAMPLE_H

typedef struct ct__resample_shape {
    int64_t n, m, inner, taps;
    const int64_t *index;
} ct__resample_shape;

typedef struct ct__resample_kernels {
    void (*forward_f32)(const ct__resample_shape *s, const float *weight, const float *x, float *y, int64_t o0, int64_t o1);
    void (*forward_f64)(const ct__resample_shape *s, const double *weight, const double *x, double *y, int64_t o0, int64_t o1);
    void (*backward_f32)(const ct__resample_shape *s, const float *weight, const float *gy, float *gx, int64_t o0, int64_t o1);
    void (*backward_f64)(const ct__resample_shape *s, const double *weight, const double *gy, double *gx, int64_t o0, int64_t o1);
} ct__resample_kernels;
#endif
