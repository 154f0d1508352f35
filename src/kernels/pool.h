/* 2-D pooling (1-D is h = kh = oh = 1, sh = dh = 1, ph = 0). x (planes, h, w) and y (planes, oh, ow) are
 * contiguous, planes = n * c; kernels work on planes [p0, p1). oh and ow carry ceil_mode: a window may begin
 * inside the padding or reach beyond the far edge. A window that meets no element at all: max gives -inf and
 * index -1 (PyTorch refuses such sizes before). max: an index is the flat place h * w of the plane; NaN wins,
 * else the first of equals; the gradient goes to the index. Backward kernels write all of gx. */
#ifndef CT_KERNELS_POOL_H
#define CT_KERNELS_POOL_H

typedef struct ct__pool_shape {
    int64_t h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw; /* dh, dw: max only */
    bool count_include_pad;   /* avg only: padding counts in the divisor (what ceil_mode adds beyond it does
                                 not) */
    int64_t divisor_override; /* avg only: the divisor, or 0 */
} ct__pool_shape;

typedef struct ct__pool_kernels {
    void (*max_f32)(const ct__pool_shape *s, const float *x, float *y, int64_t *index, int64_t p0,
                    int64_t p1); /* index may be NULL */
    void (*max_f64)(const ct__pool_shape *s, const double *x, double *y, int64_t *index, int64_t p0,
                    int64_t p1);
    /* Max pooling's, adaptive max pooling's and unpooling's gradient: gx (planes, h, w) gets gy (planes, oh, ow) added
     * at index; an index outside of the plane is left out. Where y, of gy's shape, is given, what belongs to a y <= 0 is left out:
     * y is what was found, and a relu before the pooling stops such a gradient. Only h, w, oh, ow of the shape are read. */
    void (*max_bwd_f32)(const ct__pool_shape *s, const float *gy, const int64_t *index, const float *y, float *gx, int64_t p0,
                        int64_t p1);
    void (*max_bwd_f64)(const ct__pool_shape *s, const double *gy, const int64_t *index, const double *y, double *gx, int64_t p0,
                        int64_t p1);
    void (*avg_f32)(const ct__pool_shape *s, const float *x, float *y, int64_t p0, int64_t p1);
    void (*avg_f64)(const ct__pool_shape *s, const double *x, double *y, int64_t p0, int64_t p1);
    void (*avg_bwd_f32)(const ct__pool_shape *s, const float *gy, float *gx, int64_t p0, int64_t p1);
    void (*avg_bwd_f64)(const ct__pool_shape *s, const double *gy, double *gx, int64_t p0, int64_t p1);
    /* Adaptive: window i of o over size n is [floor(i n / o), ceil((i + 1) n / o)); only h, w, oh, ow of the
     * shape are read. The max's gradient is max_bwd. */
    void (*adaptive_avg_f32)(const ct__pool_shape *s, const float *x, float *y, int64_t p0, int64_t p1);
    void (*adaptive_avg_f64)(const ct__pool_shape *s, const double *x, double *y, int64_t p0, int64_t p1);
    void (*adaptive_avg_bwd_f32)(const ct__pool_shape *s, const float *gy, float *gx, int64_t p0, int64_t p1);
    void (*adaptive_avg_bwd_f64)(const ct__pool_shape *s, const double *gy, double *gx, int64_t p0,
                                 int64_t p1);
    void (*adaptive_max_f32)(const ct__pool_shape *s, const float *x, float *y, int64_t *index, int64_t p0,
                             int64_t p1);
    void (*adaptive_max_f64)(const ct__pool_shape *s, const double *x, double *y, int64_t *index, int64_t p0,
                             int64_t p1);
} ct__pool_kernels;
#endif
