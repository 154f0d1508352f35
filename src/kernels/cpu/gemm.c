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
#define GEMM_PANEL (480 * 4) /* bytes of a row of B in packed form */
#elif VEC_BYTES == 32
#define GEMM_MR 6
#define GEMM_NV 2
#define GEMM_DOT_ACC 12
#define GEMM_L2 (1 << 19)
#define GEMM_KC ((int64_t)256)
#define GEMM_PANEL (384 * 4)
#else
#define GEMM_MR 4
#define GEMM_NV 2
#define GEMM_DOT_ACC 8
#define GEMM_L2 (1 << 19)
#define GEMM_KC ((int64_t)256)
#define GEMM_PANEL (384 * 4)
#endif
#define GEMM_MC ((int64_t)96)

enum { GEMM_PLAIN, GEMM_DIRECT, GEMM_DOTS, GEMM_PACKED };

static int gemm_method(size_t size, bool ta, bool tb, int64_t m, int64_t n, int64_t k)
{
    if (!tb) {
        if (m <= 2 * GEMM_MR || k <= 8) return GEMM_DIRECT;
        return k * n * (int64_t)size <= GEMM_L2 / 2 && k <= 1024 ? GEMM_DIRECT : GEMM_PACKED;
    }
    if (!ta && (m <= 16 || n <= 16)) return GEMM_DOTS;
    if (ta && m * n * k <= 64) return GEMM_PLAIN;
    return GEMM_PACKED;
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
#define GEMM_NC ((int64_t)(GEMM_PANEL / (int)sizeof(T) / GEMM_NR * GEMM_NR))
#include "kernels/cpu/gemm_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM_NR
#undef GEMM_NC

#define T double
#define VN VD_N
#define V(op) vd_##op
#define G(name) gemm_f64_##name
#define GEMM_NR (GEMM_NV * VD_N)
#define GEMM_NC ((int64_t)(GEMM_PANEL / (int)sizeof(T) / GEMM_NR * GEMM_NR))
#include "kernels/cpu/gemm_body.h"
#undef T
#undef VN
#undef V
#undef G
#undef GEMM_NR
#undef GEMM_NC

void CT_LEVEL(ct__gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                            int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    gemm_f32_part(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, 0, m, 0, n);
}

void CT_LEVEL(ct__gemm_f64)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                            int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    gemm_f64_part(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, 0, m, 0, n);
}

static void gemm_grain(bool f64, int64_t m, int64_t n, int64_t k, int64_t *grain_m, int64_t *grain_n)
{
    int64_t gm = GEMM_MC, gn = 2 * GEMM_NV * (f64 ? VD_N : VF_N), least = 1 << 20;
    if (k < 1) k = 1;
    if (gm > m) gm = m > 0 ? m : 1;
    if (gn > n) gn = n > 0 ? n : 1;
    while (gm * gn * k < least && (gn < n || gm < m)) {
        if (gn < n)
            gn *= 2;
        else
            gm *= 2;
    }
    *grain_m = gm;
    *grain_n = gn;
}

void CT_LEVEL(ct__gemm_fill)(ct__gemm_kernels *t)
{
    t->f32 = CT_LEVEL(ct__gemm_f32);
    t->f64 = CT_LEVEL(ct__gemm_f64);
    t->f32_part = gemm_f32_part;
    t->f64_part = gemm_f64_part;
    t->grain = gemm_grain;
}
