/* Matrix products, f32 and f64: small ones as they lie in memory, large ones packed and cache-blocked.
 * An element's sum over k is made in one order, chosen by the whole product's m, n, k and the transposes:
 * `part` with any cut gives the same bits. (f32 called on a piece of a larger product may choose
 * another one.)
 * Orders: direct, one chain over k; packed, a chain for each block of k; dots (B transposed, few rows or few
 * columns), as many chains as lanes and a tree.
 *
 * Measured (bench/kernels.c; Zen 4 with AVX-512, peak 121 GF at either width, one thread, least of many runs;
 * us, v4 / v3; the machine was not idle):
 *     4 x 400 -> 120     NT 3.6 / 3.7   NN 3.3 / 3.4   TN 5.2 / 5.1
 *     4 x 120 -> 84      NT 1.0 / 1.0   NN 0.77 / 0.72   TN 1.15 / 1.3
 *     4 x 84 -> 10       NT 0.11 / 0.12   NN 0.10 / 0.11   TN 0.11 / 0.13
 *     64 x 400 -> 120    NT 65 / 62   NN 53 / 53   TN 53 / 54
 *     64 x 784 -> 512    NT 501 / 502   NN 487 / 494   TN 459 / 517
 *     64 x 512 -> 10     NT 6.0 / 6.4   NN 6.8 / 7.0   TN 5.7 / 6.1
 *     128, 256 cubed     105 - 117 GF; 512 cubed 107 - 110; 1024 cubed 95 - 104;
 *     2048 x 384 -> 1536 99 - 105 GF */
#include "kernels/cpu/vec.h"

#if VEC_BYTES == 64
#define GEMM_MR 8
#define GEMM_NV 3
#define GEMM_DOT_ACC 16
#define GEMM_L2 (1 << 20)
#define GEMM_KC ((int64_t)384)
#define GEMM_MC ((int64_t)96)
#elif VEC_BYTES == 32
#define GEMM_MR 6
#define GEMM_NV 2
#define GEMM_DOT_ACC 12
#define GEMM_L2 (1 << 19)
#define GEMM_KC ((int64_t)256)
#define GEMM_MC ((int64_t)144)
#else
#define GEMM_MR 4
#define GEMM_NV 2
#define GEMM_DOT_ACC 8
#define GEMM_L2 (1 << 19)
#define GEMM_KC ((int64_t)256)
#define GEMM_MC ((int64_t)144)
#endif
#define GEMM_L1 (1 << 15)
#define GEMM_SHARED ((int64_t)8 << 20) /* bytes of B that are packed at once for all threads */
#define GEMM_OWN ((int64_t)1 << 20)    /* and by a product in one thread */
#define GEMM_STEPS 8                   /* the most steps of k in them */
#define GEMM_PACK 8                    /* panels of B that are packed as one piece */
#define GEMM_PIECES 16                 /* as many pieces, where they do not become small */

enum { GEMM_PLAIN, GEMM_DIRECT, GEMM_DOTS, GEMM_INNER, GEMM_WIDE, GEMM_BLOCKED };

static int gemm_method(const ct__gemm_job *j, int64_t size)
{
    if (j->k < 1) return GEMM_DIRECT;
    if (!j->ta && j->tb && j->m == 1 && j->n == 1) return GEMM_INNER;
    if (!j->tb && (j->m <= 2 * GEMM_MR || j->k <= 8 || (j->k * j->n * size <= GEMM_L2 / 2 && j->k <= 1024))) return GEMM_DIRECT;
    if (j->tb && !j->ta && (j->m <= 16 || j->n <= 16)) return GEMM_DOTS;
    if (j->m * j->n * j->k <= 64) return GEMM_PLAIN;
    return j->m <= GEMM_MC ? GEMM_WIDE : GEMM_BLOCKED;
}

static int64_t gemm_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* How the product is made, with at most so many bytes of B packed at once (they do not change the bits). */
static void gemm_plan_within(ct__gemm_job *j, int64_t bytes)
{
    int64_t size = j->f64 ? 8 : 4, nr = GEMM_NV * (j->f64 ? VD_N : VF_N), m = j->m > 0 ? j->m : 1, n = j->n > 0 ? j->n : 1,
            k = j->k > 0 ? j->k : 1;
    j->method = gemm_method(j, size);
    j->rounds = j->rounds_k = 1;
    j->packs = 0;
    j->shared_bytes = 0;
    j->round_n = n;
    j->round_k = k;
    j->step = k;
    if (j->method < GEMM_WIDE) { /* at least 2^19 products a piece, columns first */
        int64_t gm = GEMM_MC < m ? GEMM_MC : m, gn = 2 * nr < n ? 2 * nr : n;
        while (gm * gn * k < 1 << 19 && (gn < n || gm < m))
            if (gn < n)
                gn *= 2;
            else
                gm *= 2;
        j->piece_m = gm;
        j->piece_n = gn;
        j->pieces_n = gemm_ceil(n, gn);
        j->pieces = gemm_ceil(m, gm) * j->pieces_n;
        return;
    }
    j->step = gemm_ceil(gemm_ceil(k, gemm_ceil(k, GEMM_KC)), 8) * 8;
    j->rounds_k = gemm_ceil(k, GEMM_STEPS * j->step);
    j->round_k = gemm_ceil(gemm_ceil(k, j->rounds_k), j->step) * j->step;
    if (j->method == GEMM_WIDE) {
        int64_t gn = gemm_ceil(gemm_ceil(1 << 20, m * j->round_k), nr) * nr;
        j->packs = j->round_k / j->step;
        j->shared_bytes = (size_t)(m * j->round_k * size);
        j->piece_m = m;
        j->piece_n = gn < 2 * nr ? 2 * nr : gn;
        j->pieces_n = gemm_ceil(n, j->piece_n);
        j->pieces = j->pieces_n;
        j->rounds = j->rounds_k;
        return;
    }
    int64_t most = bytes / (j->round_k * size) / nr * nr;
    if (most < nr) most = nr;
    j->round_n = gemm_ceil(gemm_ceil(n, gemm_ceil(n, most)), nr) * nr;
    j->rounds = gemm_ceil(n, j->round_n) * j->rounds_k;
    j->packs = gemm_ceil(j->round_n, GEMM_PACK * nr);
    j->shared_bytes = (size_t)(j->round_n * j->round_k * size);
    int64_t gm = gemm_ceil(m, GEMM_PIECES), gn = j->round_n;
    gm = gm < GEMM_MC * 2 / 3 ? GEMM_MC * 2 / 3 : gm > GEMM_MC ? GEMM_MC : gm;
    gm = gemm_ceil(gemm_ceil(m, gemm_ceil(m, gm)), GEMM_MR) * GEMM_MR;
    while (gemm_ceil(m, gm) * gemm_ceil(j->round_n, gn) < GEMM_PIECES && gn >= 512 && gm * gn * j->round_k >= 1 << 22)
        gn = gemm_ceil(gn / 2, nr) * nr;
    j->piece_m = gm;
    j->piece_n = gn;
    j->pieces_n = gemm_ceil(j->round_n, gn);
    j->pieces = gemm_ceil(m, gm) * j->pieces_n;
}

#define vf_ vf
#define vd_ vd
#define vf_COLS VF_COLUMNS
#define vd_COLS VD_COLUMNS

#define T float
#define VN VF_N
#define V(op) vf_##op
#define G(name) gemm_f32_##name
#define GEMM_NR (GEMM_NV * VF_N)
#include "kernels/cpu/gemm_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM_NR

#define T double
#define VN VD_N
#define V(op) vd_##op
#define G(name) gemm_f64_##name
#define GEMM_NR (GEMM_NV * VD_N)
#include "kernels/cpu/gemm_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM_NR

static void gemm_pack(const ct__gemm_job *j, int64_t round, void *shared, int64_t begin, int64_t end)
{
    if (j->f64)
        gemm_f64_pack(j, round, shared, begin, end);
    else
        gemm_f32_pack(j, round, shared, begin, end);
}

/* Pieces with a buffer `work` for what one of them packs, `rows` rows of it at a time. */
static void gemm_pieces(const ct__gemm_job *j, int64_t round, const void *shared, void *work, int64_t rows, int64_t begin, int64_t end)
{
    if (j->m < 1 || j->n < 1) return;
    if (j->f64)
        gemm_f64_run(j, round, shared, work, rows, begin, end);
    else
        gemm_f32_run(j, round, shared, work, rows, begin, end);
}

/* Bytes that one piece packs into. */
static int64_t gemm_work_bytes(const ct__gemm_job *j, int64_t rows)
{
    int64_t size = j->f64 ? 8 : 4, nr = GEMM_NV * (j->f64 ? VD_N : VF_N);
    return (j->method == GEMM_WIDE ? nr : j->method == GEMM_BLOCKED ? rows : 0) * j->step * size;
}

/* Without memory: on the stack, few rows at a time. */
static __attribute__((noinline)) void gemm_poor(const ct__gemm_job *j, int64_t round, const void *shared, int64_t begin, int64_t end)
{
    enum { MOST = GEMM_NV * VF_N > GEMM_MR * 2 ? GEMM_NV * VF_N : GEMM_MR * 2 };
    double work[MOST * GEMM_KC / 2];
    gemm_pieces(j, round, shared, work, GEMM_MR, begin, end);
}

static void *gemm_aligned(void *p) { return (void *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

static void gemm_plan(ct__gemm_job *j) { gemm_plan_within(j, GEMM_SHARED); }

static void gemm_run(const ct__gemm_job *j, int64_t round, const void *shared, int64_t begin, int64_t end)
{
    int64_t bytes = gemm_work_bytes(j, j->piece_m);
    void *work = bytes ? ct__kernel_scratch((size_t)bytes + 64) : NULL;
    if (bytes && !work)
        gemm_poor(j, round, shared, begin, end);
    else
        gemm_pieces(j, round, shared, work ? gemm_aligned(work) : NULL, j->piece_m, begin, end);
}

/* One piece, the whole: what needs no buffer, without the divisions of a plan. */
static void gemm_one(ct__gemm_job *j, int method)
{
    j->method = method;
    j->rounds = j->rounds_k = j->pieces = j->pieces_n = 1;
    j->packs = 0;
    j->piece_m = j->round_n = j->m;
    j->piece_n = j->n;
    gemm_pieces(j, 0, NULL, NULL, j->m, 0, 1);
}

static void gemm_whole(ct__gemm_job *j)
{
    int method = gemm_method(j, j->f64 ? 8 : 4);
    if (method < GEMM_WIDE) {
        gemm_one(j, method);
        return;
    }
    gemm_plan_within(j, GEMM_OWN);
    size_t bytes = ((size_t)gemm_work_bytes(j, j->piece_m) + 63) / 64 * 64;
    char *work = ct__kernel_scratch(bytes + j->shared_bytes + 64);
    if (!work) {
        gemm_one(j, GEMM_PLAIN);
        return;
    }
    work = gemm_aligned(work);
    for (int64_t round = 0; round < j->rounds && j->m > 0 && j->n > 0; round++) {
        gemm_pack(j, round, work + bytes, 0, j->packs);
        gemm_pieces(j, round, work + bytes, work, j->piece_m, 0, j->pieces);
    }
}

void CT_LEVEL(ct__gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                            int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    ct__gemm_job j = {.ta = ta, .tb = tb, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldd = ldc, .ldc = ldc,
                      .alpha = alpha, .beta = beta, .a = a, .b = b, .d = c, .c = c};
    gemm_whole(&j);
}

void CT_LEVEL(ct__gemm_f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                            int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    ct__gemm_job j = {.f64 = true, .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldd = ldc,
                      .ldc = ldc, .alpha = alpha, .beta = beta, .a = a, .b = b, .d = c, .c = c};
    gemm_whole(&j);
}

void CT_LEVEL(ct__gemm_fill)(ct__gemm_kernels *t)
{
    t->f32 = CT_LEVEL(ct__gemm_f32);
    t->f64 = CT_LEVEL(ct__gemm_f64);
    t->plan = gemm_plan;
    t->pack = gemm_pack;
    t->run = gemm_run;
    t->whole = gemm_whole;
}
