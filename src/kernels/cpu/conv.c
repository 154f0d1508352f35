/* Convolutions, f32 and f64: forward, input's gradient, weight's gradient, bias's gradient. Contract:
 * kernels/conv.h. Methods: `cols` (columns and a matrix product) does every shape; `rows` (lanes along an
 * output row) and `lanes` (lanes along output channels) make no columns, `spread` (lanes along kernel column
 * and input channel) is the input's gradient for few channels, `sparse` leaves out the zeros of a gradient that comes from
 * pooling and ReLU. The plan chooses by sizes, and by how full the gradient is.
 *
 * Measured (bench/kernels.c; Zen 4 with AVX-512, peak 121 GF at either width, one thread, least of many runs;
 * the machine was not idle). LeNet, batch 4, us, v4 / v3:
 *     3 -> 6, 5x5 @32     fwd 29.0 / 32.2   dX 41.6 / 42.5   dW 29.3 / 33.9
 *     6 -> 16, 5x5 @14    fwd 17.2 / 20.2   dX 25.7 / 25.9   dW 17.8 / 19.9
 * The same with a gradient as 2 x 2 max pooling and ReLU leave it (three of sixteen are not 0), by `sparse`:
 *     3 -> 6, 5x5 @32     dW 17.5 / 21.7       6 -> 16, 5x5 @14    dX 12.1 / 13.3   dW 15.5 / 17.9
 * GF of the nominal work, v4 / v3:
 *     64 -> 64, 3x3 @32, 8 images      fwd 106 / 92   dX 100 / 91   dW 108 / 102
 *     128 -> 128 @16                   fwd 107 / 90   dX 105 / 88   dW 108 / 101
 *     256 -> 256 @8                    fwd 100 / 89   dX 97 / 87   dW 92 / 87
 *     512 -> 512 @4                    fwd 85 / 71   dX 104 / 89   dW 82 / 67
 *     64 -> 128, 3x3 stride 2 @32      fwd 100 / 88   dX 89 / 82   dW 72 / 73
 *     64 -> 128, 1x1 stride 2 @32      fwd 84 / 83   dX 84 / 83   dW 80 / 81
 *     64 -> 64, 3x3 @56, 1 image       fwd 106 / 107   dX 106 / 108   dW 112 / 105
 *     64 -> 64, 3x3 @32, sparse                        dX 275 / 231   dW 265 / 251
 *     256 -> 256 @8, sparse                            dX 200 / 190   dW 218 / 183 */
#include "kernels/cpu/nonzero.h"

enum { CONV_COLS, CONV_ROWS, CONV_LANES, CONV_SPREAD, CONV_SPARSE };
#define CONV_WEIGHTS (1 << 16) /* bytes of weights that `lanes` takes at a time */
#define CONV_TAPS 32 /* most kernel rows of `spread` */
#define CONV_RUNS 512 /* most vectors of a kernel of `sparse` */

#if VEC_BYTES == 64
#define CONV_O 8
#define CONV_W 3
#define CONV_PIXELS 10
#define CONV_DW_O 6
#define CONV_DW_T 4
#define CONV_SPARSE_TILE 24
#elif VEC_BYTES == 32
#define CONV_O 6
#define CONV_W 2
#define CONV_PIXELS 10
#define CONV_DW_O 6
#define CONV_DW_T 2
#define CONV_SPARSE_TILE 12
#else
#define CONV_O 4
#define CONV_W 2
#define CONV_PIXELS 8
#define CONV_DW_O 3
#define CONV_DW_T 3
#define CONV_SPARSE_TILE 12
#endif

static int64_t conv_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t conv_min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t conv_max(int64_t a, int64_t b) { return a > b ? a : b; }

static void *conv_align(void *p) { return (void *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

/* How the direct methods see the rows of x that one task reads: as they lie, or copied with zeros around
 * them. */
typedef struct conv_frame {
    bool copy;
    int64_t pitch, plane;
} conv_frame;

static conv_frame conv_frame_of(const ct__conv_plan *p)
{
    const ct__conv_shape *s = &p->s;
    int64_t high = (s->oh - 1) * s->sh + (s->kh - 1) * s->dh + 1,
            wide = (s->ow - 1) * s->sw + (s->kw - 1) * s->dw + 1;
    if (!s->ph && !s->pw && high <= s->h && wide <= s->w) return (conv_frame){false, s->w, s->h * s->w};
    return (conv_frame){true, wide, ((p->rows - 1) * s->sh + (s->kh - 1) * s->dh + 1) * wide};
}

/* Chunks of images for a weight's gradient: few where the weight is large, none cheaper than about 2^20
 * multiply-adds. */
static void conv_plan_chunks(ct__conv_plan *p, int64_t weight, int64_t image)
{
    int64_t most = conv_max(1, conv_min(16, (1 << 22) / conv_max(1, weight))), n = conv_max(1, p->s.n);
    p->chunk = conv_max(conv_ceil(n, most), conv_min(n, conv_ceil(1 << 19, conv_max(1, image))));
    p->chunks = conv_ceil(n, p->chunk);
    p->chunk = conv_ceil(n, p->chunks);
    p->chunks = conv_ceil(n, p->chunk);
    p->partial_bytes = p->chunks > 1 ? p->chunks * weight : 0;
}

static void conv_plan_cols(ct__conv_plan *p, int64_t size)
{
    const ct__conv_shape *s = &p->s;
    int64_t taps = s->kh * s->kw, cg = s->c / s->groups, og = s->o / s->groups, ow = conv_max(s->ow, 1);
    p->method = CONV_COLS;
    if (p->dir == CT__CONV_DX) { /* a task: one image, one group, a block of input channels */
        int64_t rows = conv_max(1, conv_min(s->oh, conv_ceil(1024, ow)));
        int64_t channels = conv_max(1, (1 << 18) / size / conv_max(1, taps * rows * ow));
        p->blocks = conv_ceil(cg, conv_min(conv_max(cg, 1), channels));
        p->chunk = p->blocks ? conv_ceil(cg, p->blocks) : 1;
        p->rows = rows;
        p->work_bytes = p->chunk * taps * rows * s->ow * size + 64;
        p->tasks = s->n * s->groups * p->blocks;
        p->task_cost = p->chunk * taps * og * s->oh * s->ow;
        return;
    }
    int64_t rows = (1 << 18) / size / conv_max(1, cg * taps * ow);
    p->rows = conv_max(1, conv_min(s->oh, rows));
    p->work_bytes = cg * taps * p->rows * s->ow * size + 64;
    if (p->dir == CT__CONV_FWD) { /* a task: one image, one group, a block of output rows */
        p->blocks = conv_ceil(s->oh, p->rows);
        p->tasks = s->n * s->groups * p->blocks;
        p->task_cost = cg * taps * og * p->rows * s->ow;
        return;
    }
    /* A task: a chunk of images, one group, a block of output channels. Large weights get few chunks. */
    int64_t weight = s->o * cg * taps * size, cost = cg * taps * og * s->oh * s->ow;
    conv_plan_chunks(p, weight, cost);
    p->blocks = p->chunks >= 4 ? 1 : conv_max(1, conv_min(8 / p->chunks, og / 32));
    p->tasks = p->chunks * s->groups * p->blocks;
    p->task_cost = cost * p->chunk / p->blocks;
}

/* The forward convolution of gy that makes gx where strides are 1: channels swapped, the kernel turned round.
 */
static ct__conv_shape conv_turned(const ct__conv_shape *s)
{
    ct__conv_shape r = *s;
    r.c = s->o, r.h = s->oh, r.w = s->ow;
    r.o = s->c, r.oh = s->h, r.ow = s->w;
    r.ph = (s->kh - 1) * s->dh - s->ph;
    r.pw = (s->kw - 1) * s->dw - s->pw;
    return r;
}

/* The direct methods, where they are the faster: p->method says which, or CONV_COLS. */
static void conv_plan_direct(ct__conv_plan *p, int64_t size, int64_t lanes)
{
    const ct__conv_shape *s = &p->s;
    int64_t taps = s->kh * s->kw, cg = s->c / s->groups, og = s->o / s->groups, depth = cg * taps,
            plane = s->oh * s->ow;
    if (!og || !depth || !plane || !s->n || s->h * s->w * cg > (1 << 30)) return;
    int64_t across = conv_ceil(s->ow, lanes) * lanes, ob = conv_ceil(og, lanes), upward = ob * lanes;
    bool rows = s->sw == 1 && og <= 16 && across * og <= upward * s->ow;
    bool wide = s->sw == 1 && s->dw == 1 && (s->kw == 3 || s->kw == 5);
    int64_t cost = depth * og * s->ow; /* of an output row */
    if (p->dir == CT__CONV_FWD) {
        if (!rows && (taps == 1 || (!wide && VEC_BYTES < 64 && og > 2 * lanes))) return;
        p->method = rows ? CONV_ROWS : CONV_LANES;
        p->chunk = p->v[0] = 1;
        if (rows) {
            p->rows = conv_min(s->oh, conv_ceil(1 << 19, cost));
        } else {
            p->rows = conv_min(s->oh, conv_ceil(256, s->ow));
            if (p->rows == s->oh) { /* several small images, while their copies stay in the second cache */
                int64_t image = cg * conv_frame_of(p).plane * size;
                p->chunk = conv_min(s->n, conv_max(1, conv_min(128 / plane, (5 << 16) / image)));
            }
            p->v[1] = conv_max(4, CONV_WEIGHTS / (taps * lanes * size));
        }
        p->blocks = conv_ceil(s->oh, p->rows);
        p->rows = conv_ceil(s->oh, p->blocks);
        p->task_cost = cost * p->rows * p->chunk;
        if (!rows) p->v[0] = conv_max(1, conv_min(conv_min(8, ob / 4), p->task_cost >> 23));
        p->task_cost /= p->v[0];
        p->tasks = conv_ceil(s->n, p->chunk) * s->groups * p->blocks * p->v[0];
        conv_frame f = conv_frame_of(p);
        p->work_bytes = (f.copy ? p->chunk * cg * f.plane * size : 0) + 256;
        if (rows) {
            p->shared_bytes = depth * 8 + s->o * depth * size;
        } else {
            p->work_bytes += conv_ceil(p->chunk * p->rows * s->ow + lanes, lanes) * lanes * lanes * size;
            p->shared_bytes = s->groups * upward * depth * size + 64;
        }
        return;
    }
    if (p->dir == CT__CONV_DX && s->sw == 1 && s->dw == 1 && s->kw > 1 && s->kh <= CONV_TAPS && og <= 32) {
        /* Blocks of channels whose kernel rows fill the lanes best. */
        int64_t best = 0, fill = 0;
        for (int64_t cb = 1; cb <= cg && cb <= lanes; cb++) {
            int64_t nv = conv_ceil(s->kw * cb, lanes), blocks = conv_ceil(cg, cb);
            if (nv > 3) break;
            int64_t used = 1000 * s->kw * cg / (nv * lanes * blocks);
            if (used >= fill + (cb > 1 ? 10 : 0)) best = cb, fill = used;
        }
        if (fill >= 850) {
            p->method = CONV_SPREAD;
            p->v[2] = best;
            p->v[3] = conv_ceil(s->kw * best, lanes);
            cost = s->kh * s->kw * best * og * s->ow;
            p->rows = conv_min(s->h, conv_ceil(1 << 19, cost));
            p->blocks = conv_ceil(s->h, p->rows);
            p->rows = conv_ceil(s->h, p->blocks);
            p->tasks = s->n * s->groups * conv_ceil(cg, best) * p->blocks;
            p->task_cost = cost * p->rows;
            p->shared_bytes = s->groups * conv_ceil(cg, best) * s->kh * og * p->v[3] * lanes * size + 64;
            p->work_bytes = (s->ow * p->v[3] * lanes + lanes + (s->w + lanes) * lanes) * size + 128;
            return;
        }
    }
    if (p->dir == CT__CONV_DX) {
        ct__conv_plan q = {.s = conv_turned(s), .dir = CT__CONV_FWD, .f64 = p->f64};
        if (!wide || s->sh != 1 || q.s.ph < 0 || q.s.pw < 0 || cg < lanes || s->h * s->w < 36
            || s->h * s->w * 8 > plane * 9)
            return;
        conv_plan_direct(&q, size, lanes);
        if (q.method != CONV_LANES) return;
        q.s = *s;
        q.dir = CT__CONV_DX;
        *p = q;
        return;
    }
    wide = wide && plane <= 16384;
    rows = rows && plane >= 64;
    if (!rows && !wide) return;
    p->method = rows ? CONV_ROWS : CONV_LANES;
    p->rows = s->oh;
    conv_plan_chunks(p, s->o * depth * size, cost * s->oh);
    p->blocks = rows || p->chunks >= 4 ? 1 : conv_max(1, conv_min(8 / p->chunks, ob / 2));
    p->tasks = p->chunks * s->groups * p->blocks;
    p->task_cost = cost * s->oh * p->chunk / p->blocks;
    int64_t blocks = conv_ceil(ob, p->blocks);
    conv_frame f = conv_frame_of(p);
    int64_t image = (cg * (f.copy ? f.plane : s->h * s->w) + blocks * lanes * plane) * size;
    p->v[1] = rows ? 1 : conv_max(1, conv_min(p->chunk, (1 << 19) / image));
    p->work_bytes = (f.copy ? p->v[1] * cg * f.plane * size : 0) + 256;
    if (rows)
        p->work_bytes += (depth + 8) * 8;
    else
        p->work_bytes +=
            (blocks * lanes * depth + p->v[1] * blocks * lanes * plane + 2 * lanes * lanes) * size;
}

static void conv_plan(ct__conv_plan *p, const ct__conv_shape *s, ct__conv_dir dir, bool f64)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    p->dir = dir;
    p->f64 = f64;
    conv_plan_direct(p, f64 ? 8 : 4, f64 ? VD_N : VF_N);
    if (p->method == CONV_COLS) conv_plan_cols(p, f64 ? 8 : 4);
}

#define vf_ vf
#define vd_ vd
typedef int32_t vf_index;
typedef int64_t vd_index;
#define vf_COLS VF_COLUMNS
#define vd_COLS VD_COLUMNS

#define T float
#define VN VF_N
#define V(op) vf_##op
#define G(name) conv_f32_##name
#define GEMM CT_LEVEL(ct__gemm_f32)
#include "kernels/cpu/conv_direct.h"
#include "kernels/cpu/conv_back.h"
#include "kernels/cpu/conv_sparse.h"
#include "kernels/cpu/conv_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM

#define T double
#define VN VD_N
#define V(op) vd_##op
#define G(name) conv_f64_##name
#define GEMM CT_LEVEL(ct__gemm_f64)
#include "kernels/cpu/conv_direct.h"
#include "kernels/cpu/conv_back.h"
#include "kernels/cpu/conv_sparse.h"
#include "kernels/cpu/conv_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM

void CT_LEVEL(ct__conv_fill)(ct__conv_kernels *t)
{
    nonzero_fill();
    t->plan = conv_plan;
    t->sparse_f32 = conv_f32_sparse;
    t->sparse_f64 = conv_f64_sparse;
    t->prepare_f32 = conv_f32_prepare;
    t->prepare_f64 = conv_f64_prepare;
    t->run_f32 = conv_f32_run;
    t->run_f64 = conv_f64_run;
    t->dw_f32 = conv_f32_dw;
    t->dw_f64 = conv_f64_dw;
    t->dw_sum_f32 = conv_f32_dw_sum;
    t->dw_sum_f64 = conv_f64_dw_sum;
}
