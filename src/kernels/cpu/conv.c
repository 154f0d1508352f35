/* Convolutions, f32 and f64: forward, input's gradient, weight's gradient, bias's gradient. See kernels/conv.h for the contract.
 * Methods: `cols` (columns and a matrix product) does every shape. */
#include "kernels/cpu/vec.h"

enum { CONV_COLS };

static int64_t conv_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t conv_min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t conv_max(int64_t a, int64_t b) { return a > b ? a : b; }

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
    int64_t most = conv_max(1, conv_min(16, (1 << 22) / conv_max(1, weight)));
    p->chunk = conv_max(conv_max(1, conv_ceil(s->n, most)), conv_min(conv_max(s->n, 1), (1 << 20) / conv_max(1, cost)));
    p->chunks = conv_max(1, conv_ceil(s->n, p->chunk));
    p->blocks = p->chunks >= 4 ? 1 : conv_max(1, conv_min(8 / p->chunks, og / 32));
    p->tasks = p->chunks * s->groups * p->blocks;
    p->task_cost = cost * p->chunk / p->blocks;
    p->partial_bytes = p->chunks > 1 ? p->chunks * weight : 0;
}

static void conv_plan(ct__conv_plan *p, const ct__conv_shape *s, ct__conv_dir dir, bool f64)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    p->dir = dir;
    p->f64 = f64;
    conv_plan_cols(p, f64 ? 8 : 4);
}

#define vf_ vf
#define vd_ vd

#define T float
#define VN VF_N
#define V(op) vf_##op
#define G(name) conv_f32_##name
#define GEMM CT_LEVEL(ct__gemm_f32)
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
#include "kernels/cpu/conv_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM

void CT_LEVEL(ct__conv_fill)(ct__conv_kernels *t)
{
    t->plan = conv_plan;
    t->prepare_f32 = conv_f32_prepare;
    t->prepare_f64 = conv_f64_prepare;
    t->run_f32 = conv_f32_run;
    t->run_f64 = conv_f64_run;
    t->dw_f32 = conv_f32_dw;
    t->dw_f64 = conv_f64_dw;
    t->dw_sum_f32 = conv_f32_dw_sum;
    t->dw_sum_f64 = conv_f64_dw_sum;
    t->bias_grad_f32 = conv_f32_bias_grad;
    t->bias_grad_f64 = conv_f64_bias_grad;
}
