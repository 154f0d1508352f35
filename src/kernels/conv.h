/* 2-D convolutions (1-D is h = kh = oh = 1, sh = dh = 1, ph = 0). Every tensor is contiguous:
 *     x (n, c, h, w)    weight (o, c / groups, kh, kw)    y (n, o, oh, ow)    bias (o)
 *     y[b][m][i][j] = bias[m] + sum over (k, p, q) of
 *                     weight[m][k][p][q] * x[b][first(m) + k][i * sh - ph + p * dh][j * sw - pw + q * dw]
 * and x counts as 0 outside. Nothing ties oh and ow to the other sizes: "same" padding and output_padding are
 * sizes (an output that reads beyond the far edge reads zeros; an input that no output reads has gradient 0).
 * The transposed convolution with input (n, o, oh, ow) and weight (o, c / groups, kh, kw) is CT__CONV_DX:
 * in = its input, out (n, c, h, w), bias (c). Its own gradients: CT__CONV_FWD for the input, CT__CONV_DW with
 * x = the gradient and gy = the input.
 *
 * How to call, all three directions:
 *     ct__conv_plan p;
 *     ct__k_conv.plan(&p, &shape, dir, f64);              chooses the method; the sizes alone decide
 *     shared = p.shared_bytes of memory, once a call
 *     work = p.work_bytes of memory, for each thread (or piece) that runs at a time
 *     ct__k_conv.prepare_f32(&p, weight, shared);         FWD and DX, when p.shared_bytes > 0
 *     ct__k_conv.run_f32(&p, in, weight, bias, out, shared, t0, t1, work);    tasks [t0, t1) of p.tasks
 * or, for the weight's gradient,
 *     partial = p.partial_bytes of memory (none when 0)
 *     ct__k_conv.dw_f32(&p, x, gy, partial, gw, gb, t0, t1, work);            tasks [t0, t1) of p.tasks
 *     ct__k_conv.dw_sum_f32(&p, partial, gw, gb, e0, e1); after all tasks, when p.partial_bytes > 0:
 *                                                         elements [e0, e1) of gw, and of gb behind it
 * where gb (o), the bias's gradient, is written if p.bias is set, and may be NULL otherwise.
 * Every element of out / gw is written (not added to). Results do not depend on how tasks are cut. The caller
 * allocates everything; buffers need 8-byte alignment (64 is faster) and no initial content; sizes may be 0.
 * in and out must not overlap. A task costs about p.task_cost multiply-adds: give a thread some
 * 1e5 of them or more. NaN and Inf go through as in the sums. */
#ifndef CT_KERNELS_CONV_H
#define CT_KERNELS_CONV_H

typedef struct ct__conv_shape {
    int64_t n, c, h, w; /* x */
    int64_t o, oh, ow;  /* y */
    int64_t kh, kw, sh, sw, ph, pw, dh, dw, groups;
} ct__conv_shape;

typedef enum { CT__CONV_FWD, CT__CONV_DX, CT__CONV_DW } ct__conv_dir;

typedef struct ct__conv_plan {
    ct__conv_shape s;
    ct__conv_dir dir;
    bool f64;
    int64_t tasks, task_cost;
    int64_t shared_bytes, work_bytes, partial_bytes;
    bool bias;  /* CT__CONV_DW: it makes the bias's gradient on the way */
    int method; /* the rest belongs to the kernel */
    int64_t rows, blocks, chunk, chunks, v[4];
    int *odd;
} ct__conv_plan;

typedef struct ct__conv_kernels {
    void (*plan)(ct__conv_plan *p, const ct__conv_shape *s, ct__conv_dir dir, bool f64);

    /* After plan, for CT__CONV_DX and CT__CONV_DW: changes the plan to one that leaves out the zeros of gy where there are
     * many; gy and the sizes decide, and whether the weight (DX only, else NULL) is finite. Tasks that meet something
     * infinite or NaN set *odd: the result is worthless then, and all is to be done again without this. Such a plan can make the
     * bias's gradient too (`bias`, DW only): its tasks read all of gy anyway. */
    void (*sparse_f32)(ct__conv_plan *p, const float *gy, const float *weight, bool bias, int *odd);
    void (*sparse_f64)(ct__conv_plan *p, const double *gy, const double *weight, bool bias, int *odd);

    void (*prepare_f32)(const ct__conv_plan *p, const float *weight, void *shared);
    void (*prepare_f64)(const ct__conv_plan *p, const double *weight, void *shared);
    /* CT__CONV_FWD: in = x, out = y, bias (o) or NULL. CT__CONV_DX: in = gy, out = gx, bias (c) or NULL. */
    void (*run_f32)(const ct__conv_plan *p, const float *in, const float *weight, const float *bias,
                    float *out, const void *shared, int64_t t0, int64_t t1, void *work);
    void (*run_f64)(const ct__conv_plan *p, const double *in, const double *weight, const double *bias,
                    double *out, const void *shared, int64_t t0, int64_t t1, void *work);
    void (*dw_f32)(const ct__conv_plan *p, const float *x, const float *gy, void *partial, float *gw, float *gb,
                   int64_t t0, int64_t t1, void *work);
    void (*dw_f64)(const ct__conv_plan *p, const double *x, const double *gy, void *partial, double *gw, double *gb,
                   int64_t t0, int64_t t1, void *work);
    void (*dw_sum_f32)(const ct__conv_plan *p, const void *partial, float *gw, float *gb, int64_t e0, int64_t e1);
    void (*dw_sum_f64)(const ct__conv_plan *p, const void *partial, double *gw, double *gb, int64_t e0, int64_t e1);
} ct__conv_kernels;
#endif
