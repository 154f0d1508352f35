/* Windows of images as columns and back: x (planes, h, w) and columns (planes, kh * kw, oh * ow). Kernels work on planes
 * [p0, p1). What a window meets outside the image is 0. `fold` adds every column element to its place and writes all of x. */
#ifndef CT_KERNELS_UNFOLD_H
#define CT_KERNELS_UNFOLD_H

typedef struct ct__unfold_shape {
    int64_t h, w, oh, ow, kh, kw, dh, dw, ph, pw, sh, sw;
} ct__unfold_shape;

typedef struct ct__unfold_kernels {
    void (*unfold_f32)(const ct__unfold_shape *s, const float *x, float *columns, int64_t p0, int64_t p1);
    void (*unfold_f64)(const ct__unfold_shape *s, const double *x, double *columns, int64_t p0, int64_t p1);
    void (*fold_f32)(const ct__unfold_shape *s, const float *columns, float *x, int64_t p0, int64_t p1);
    void (*fold_f64)(const ct__unfold_shape *s, const double *columns, double *x, int64_t p0, int64_t p1);
} ct__unfold_kernels;
#endif
