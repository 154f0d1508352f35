/* One element type's matrix product. The includer defines T, V(op) (vf_/vd_), VN (lanes), G(name) and the
 * tile sizes. */

typedef void (*G(tile_fn))(int64_t k, const T *a, int64_t lda, const T *b, int64_t ldb, T alpha, T beta, T *c,
                           int64_t ldc, int64_t tail);

/* c (mr, nv * VN) = alpha * a @ b + beta * c. a[i * lda + p], or a[p * lda + i] where `cols`; b's rows ldb
 * apart. Each element is one chain of fma over p. The last vector has `tail` columns where `masked`. */
CT_KINLINE void G(tile)(const int mr, const int nv, const bool cols, const bool masked, int64_t k, const T *a,
                        int64_t lda, const T *b, int64_t ldb, T alpha, T beta, T *c, int64_t ldc,
                        int64_t tail)
{
    V() acc[8][8];
    V(mask) mask = V(tail)(masked ? tail : VN);
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
        for (int j = 0; j < nv; j++) acc[i][j] = V(zero)();
    if (k >= 64)
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) __builtin_prefetch(c + i * ldc + j * VN, 1);
    if (cols) {
        for (int64_t p = 0; p < k; p++, a += lda, b += ldb) {
            V() w[8];
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) {
                w[j] = masked && j == nv - 1 ? V(loadm)(b + j * VN, mask) : V(load)(b + j * VN);
                if (mr > 1) VEC_PIN(w[j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++) {
                V() x = V(set1)(a[i]);
                if (nv > 1) VEC_PIN(x);
#pragma GCC unroll 8
                for (int j = 0; j < nv; j++) acc[i][j] = V(fma)(x, w[j], acc[i][j]);
            }
        }
    } else {
#pragma GCC unroll 2
        for (int64_t p = 0; p < k; p++, b += ldb) {
            V() w[8];
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) {
                w[j] = masked && j == nv - 1 ? V(loadm)(b + j * VN, mask) : V(load)(b + j * VN);
                if (mr > 1) VEC_PIN(w[j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++) {
                V() x = V(set1)(a[i * lda + p]);
                if (nv > 1) VEC_PIN(x);
#pragma GCC unroll 8
                for (int j = 0; j < nv; j++) acc[i][j] = V(fma)(x, w[j], acc[i][j]);
            }
        }
    }
    V() al = V(set1)(alpha), be = V(set1)(beta);
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
        for (int j = 0; j < nv; j++) {
            T *q = c + i * ldc + j * VN;
            V() r = al * acc[i][j];
            if (masked && j == nv - 1) {
                if (beta != 0) r = V(fma)(be, V(loadm)(q, mask), r);
                V(storem)(q, r, mask);
            } else {
                if (beta != 0) r = V(fma)(be, V(load)(q), r);
                V(store)(q, r);
            }
        }
}

#define GEMM_DEF(MR, NV, COLS, MASKED) \
    static void G(tile_##MR##_##NV##_##COLS##_##MASKED)(int64_t k, const T *a, int64_t lda, const T *b, \
                                                        int64_t ldb, T alpha, T beta, T *c, int64_t ldc, \
                                                        int64_t tail) \
    { \
        G(tile)(MR, NV, COLS, MASKED, k, a, lda, b, ldb, alpha, beta, c, ldc, tail); \
    }
#define GEMM_DEF_ROW(MR, NVF) \
    GEMM_DEF(MR, NVF, 0, 0) \
    GEMM_DEF(MR, NVF, 1, 0) GEMM_DEF(MR, 1, 0, 1) GEMM_DEF(MR, 1, 1, 1) GEMM_DEF(MR, 2, 0, 1) \
        GEMM_DEF(MR, 2, 1, 1)
#define GEMM_DEF_ROW3(MR, NVF) GEMM_DEF_ROW(MR, NVF) GEMM_DEF(MR, 3, 0, 1) GEMM_DEF(MR, 3, 1, 1)
#define GEMM_USE(MR, NV, COLS, MASKED) G(tile_##MR##_##NV##_##COLS##_##MASKED)
#define GEMM_USE_ROW(MR, NVF) \
    {NVF, \
     {GEMM_USE(MR, NVF, 0, 0), GEMM_USE(MR, NVF, 1, 0)}, \
     {{GEMM_USE(MR, 1, 0, 1), GEMM_USE(MR, 2, 0, 1), NULL}, \
      {GEMM_USE(MR, 1, 1, 1), GEMM_USE(MR, 2, 1, 1), NULL}}, \
     2}
#define GEMM_USE_ROW3(MR, NVF) \
    {NVF, \
     {GEMM_USE(MR, NVF, 0, 0), GEMM_USE(MR, NVF, 1, 0)}, \
     {{GEMM_USE(MR, 1, 0, 1), GEMM_USE(MR, 2, 0, 1), GEMM_USE(MR, 3, 0, 1)}, \
      {GEMM_USE(MR, 1, 1, 1), GEMM_USE(MR, 2, 1, 1), GEMM_USE(MR, 3, 1, 1)}}, \
     3}

#if VEC_BYTES == 64
GEMM_DEF_ROW3(1, 6) GEMM_DEF_ROW3(2, 4) GEMM_DEF_ROW3(3, 3) GEMM_DEF_ROW3(4, 3)
GEMM_DEF_ROW3(5, 3) GEMM_DEF_ROW3(6, 3) GEMM_DEF_ROW3(7, 3) GEMM_DEF_ROW3(8, 3)
#elif VEC_BYTES == 32
GEMM_DEF_ROW3(1, 8) GEMM_DEF_ROW3(2, 4) GEMM_DEF_ROW3(3, 3) GEMM_DEF_ROW3(4, 3)
GEMM_DEF_ROW(5, 2) GEMM_DEF_ROW(6, 2)
#else
GEMM_DEF_ROW3(1, 4) GEMM_DEF_ROW3(2, 3) GEMM_DEF_ROW(3, 2) GEMM_DEF_ROW(4, 2)
#endif

static const struct {
    int full_nv;
    G(tile_fn) full[2], part[2][3];
    int part_nv;
} G(rows)[GEMM_MR] = {
#if VEC_BYTES == 64
    GEMM_USE_ROW3(1, 6), GEMM_USE_ROW3(2, 4), GEMM_USE_ROW3(3, 3), GEMM_USE_ROW3(4, 3),
    GEMM_USE_ROW3(5, 3), GEMM_USE_ROW3(6, 3), GEMM_USE_ROW3(7, 3), GEMM_USE_ROW3(8, 3),
#elif VEC_BYTES == 32
    GEMM_USE_ROW3(1, 8), GEMM_USE_ROW3(2, 4), GEMM_USE_ROW3(3, 3), GEMM_USE_ROW3(4, 3),
    GEMM_USE_ROW(5, 2), GEMM_USE_ROW(6, 2),
#else
    GEMM_USE_ROW3(1, 4), GEMM_USE_ROW3(2, 3), GEMM_USE_ROW(3, 2), GEMM_USE_ROW(4, 2),
#endif
};

/* Rows of one height mr against all of B as it is stored (or packed with ldb = its panel's width and n <=
 * it). */
static void G(strip)(bool cols, int64_t blocks, int mr, int64_t n, int64_t k, const T *a, int64_t lda,
                     int64_t block_step, const T *b, int64_t ldb, T alpha, T beta, T *c, int64_t ldc)
{
    int64_t wide = (int64_t)G(rows)[mr - 1].full_nv * VN;
    int64_t j = 0;
    for (; j + wide <= n; j += wide)
        for (int64_t i = 0; i < blocks; i++)
            G(rows)
            [mr - 1].full[cols](k, a + i * block_step, lda, b + j, ldb, alpha, beta, c + i * mr * ldc + j,
                                ldc, 0);
    while (j < n) {
        int64_t nv = (n - j + VN - 1) / VN;
        if (nv > G(rows)[mr - 1].part_nv) nv = G(rows)[mr - 1].part_nv;
        int64_t width = nv * VN < n - j ? nv * VN : n - j;
        for (int64_t i = 0; i < blocks; i++)
            G(rows)
            [mr - 1].part[cols][nv - 1](k, a + i * block_step, lda, b + j, ldb, alpha, beta,
                                        c + i * mr * ldc + j, ldc, width - (nv - 1) * VN);
        j += width;
    }
}

/* No packing: B stored (k, n). */
static void G(direct)(bool ta, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b,
                      int64_t ldb, T beta, T *c, int64_t ldc)
{
    int64_t blocks = (m + GEMM_MR - 1) / GEMM_MR;
    int64_t mr = m / blocks, big = m - mr * blocks; /* `big` blocks of mr + 1 rows, then blocks of mr */
    int64_t row = big * (mr + 1), step = ta ? 1 : lda;
    if (big) G(strip)(ta, big, (int)mr + 1, n, k, a, lda, (mr + 1) * step, b, ldb, alpha, beta, c, ldc);
    G(strip)(ta, blocks - big, (int)mr, n, k, a + row * step, lda, mr * step, b, ldb, alpha, beta,
             c + row * ldc, ldc);
}

/* c[i][j] = alpha * <a row i, b row j> + beta * c[i][j]: lanes along k, then one tree. */
CT_KINLINE void G(dot)(const int mr, const int nr, int64_t k, const T *a, int64_t lda, const T *b,
                       int64_t ldb, T alpha, T beta, T *c, int64_t ldc)
{
    V() acc[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = V(zero)();
    int64_t p = 0;
    for (; p + VN <= k; p += VN) {
        V() y[4];
#pragma GCC unroll 4
        for (int j = 0; j < nr; j++) {
            y[j] = V(load)(b + j * ldb + p);
            if (mr > 1) VEC_PIN(y[j]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            V() x = V(load)(a + i * lda + p);
            if (nr > 1) VEC_PIN(x);
#pragma GCC unroll 4
            for (int j = 0; j < nr; j++) acc[i][j] = V(fma)(x, y[j], acc[i][j]);
        }
    }
    if (p < k) {
        V(mask) mask = V(tail)(k - p);
        V() y[4];
#pragma GCC unroll 4
        for (int j = 0; j < nr; j++) y[j] = V(loadm)(b + j * ldb + p, mask);
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            V() x = V(loadm)(a + i * lda + p, mask);
#pragma GCC unroll 4
            for (int j = 0; j < nr; j++) acc[i][j] = V(fma)(x, y[j], acc[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < mr; i++) {
        T s[4];
        V(sum4)(s, acc[i][0], acc[i][1], acc[i][2], acc[i][3]);
#pragma GCC unroll 4
        for (int j = 0; j < nr; j++)
            c[i * ldc + j] = beta == 0 ? alpha * s[j] : alpha * s[j] + beta * c[i * ldc + j];
    }
}

typedef void (*G(dot_fn))(int64_t k, const T *a, int64_t lda, const T *b, int64_t ldb, T alpha, T beta, T *c,
                          int64_t ldc);
#define GEMM_DOT(MR, NR) \
    static void G(dot_##MR##_##NR)(int64_t k, const T *a, int64_t lda, const T *b, int64_t ldb, T alpha, \
                                   T beta, T *c, int64_t ldc) \
    { \
        G(dot)(MR, NR, k, a, lda, b, ldb, alpha, beta, c, ldc); \
    }
#define GEMM_DOT_ROW(MR) GEMM_DOT(MR, 1) GEMM_DOT(MR, 2) GEMM_DOT(MR, 3) GEMM_DOT(MR, 4)
#define GEMM_DOT_USE(MR) {G(dot_##MR##_1), G(dot_##MR##_2), G(dot_##MR##_3), G(dot_##MR##_4)}
GEMM_DOT_ROW(1) GEMM_DOT_ROW(2) GEMM_DOT_ROW(3) GEMM_DOT_ROW(4)
static const G(dot_fn) G(dots)[4][4] = {GEMM_DOT_USE(1), GEMM_DOT_USE(2), GEMM_DOT_USE(3), GEMM_DOT_USE(4)};

/* No packing: A stored (m, k), B stored (n, k). */
static void G(dot_all)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b,
                       int64_t ldb, T beta, T *c, int64_t ldc)
{
    int64_t mb = (m + 3) / 4, most = GEMM_DOT_ACC / ((m + mb - 1) / mb);
    if (most > 4) most = 4;
    int64_t nb = (n + most - 1) / most;
    for (int64_t j = 0; j < nb; j++) {
        int64_t j0 = j * n / nb, nr = (j + 1) * n / nb - j0;
        for (int64_t i = 0; i < mb; i++) {
            int64_t i0 = i * m / mb, mr = (i + 1) * m / mb - i0;
            G(dots)
            [mr - 1][nr - 1](k, a + i0 * lda, lda, b + j0 * ldb, ldb, alpha, beta, c + i0 * ldc + j0, ldc);
        }
    }
}

/* B's columns [0, n) and rows [0, k) into panels [n / GEMM_NR][k][GEMM_NR], zeros beyond n. */
static void G(pack_b)(bool tb, int64_t n, int64_t k, const T *b, int64_t ldb, T *out)
{
    for (int64_t j = 0; j < n; j += GEMM_NR, out += k * GEMM_NR) {
        int64_t width = n - j < GEMM_NR ? n - j : GEMM_NR;
        if (!tb) {
            const T *s = b + j;
            if (width == GEMM_NR)
                for (int64_t p = 0; p < k; p++, s += ldb)
                    for (int v = 0; v < GEMM_NR; v += VN) V(store)(out + p * GEMM_NR + v, V(load)(s + v));
            else
                for (int64_t p = 0; p < k; p++, s += ldb) {
                    for (int64_t q = 0; q < width; q++) out[p * GEMM_NR + q] = s[q];
                    for (int64_t q = width; q < GEMM_NR; q++) out[p * GEMM_NR + q] = 0;
                }
            continue;
        }
        for (int v = 0; v < GEMM_NR; v += VN) {
            const T *s = b + (j + v) * ldb;
            int64_t rows = width - v < VN ? width - v : VN, p = 0;
            if (rows == VN)
                for (; p + V(COLS) <= k; p += V(COLS)) {
                    V() col[4];
                    V(columns)(col, s + p, ldb);
                    for (int q = 0; q < V(COLS); q++) V(store)(out + (p + q) * GEMM_NR + v, col[q]);
                }
            for (; p < k; p++)
                for (int64_t q = 0; q < VN; q++) out[p * GEMM_NR + v + q] = q < rows ? s[q * ldb + p] : 0;
        }
    }
}

/* Cache-blocked: B in panels, A in rows (or, with ta, in panels of GEMM_MR columns). False without memory. */
static bool G(packed)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda,
                      const T *b, int64_t ldb, T beta, T *c, int64_t ldc)
{
    T *bp = ct__kernel_scratch((GEMM_KC * (GEMM_NC + GEMM_MC + GEMM_MR)) * sizeof(T) + 64);
    if (!bp) return false;
    bp = (T *)(((uintptr_t)bp + 63) & ~(uintptr_t)63);
    T *ap = bp + GEMM_KC * GEMM_NC;
    int64_t step = (k + GEMM_KC - 1) / GEMM_KC;
    step = ((k + step - 1) / step + 7) / 8 * 8;
    for (int64_t jc = 0; jc < n; jc += GEMM_NC) {
        int64_t nc = n - jc < GEMM_NC ? n - jc : GEMM_NC;
        for (int64_t pc = 0; pc < k; pc += step) {
            int64_t kc = k - pc < step ? k - pc : step;
            T be = pc ? (T)1 : beta;
            G(pack_b)(tb, nc, kc, tb ? b + jc * ldb + pc : b + pc * ldb + jc, ldb, bp);
            for (int64_t ic = 0; ic < m; ic += GEMM_MC) {
                int64_t mc = m - ic < GEMM_MC ? m - ic : GEMM_MC;
                int64_t blocks = mc / GEMM_MR, rest = mc - blocks * GEMM_MR;
                if (ta)
                    for (int64_t i = 0; i < mc; i += GEMM_MR) {
                        const T *s = a + pc * lda + ic + i;
                        T *d = ap + i * kc;
                        int64_t h = mc - i < GEMM_MR ? mc - i : GEMM_MR;
                        if (h == GEMM_MR)
                            for (int64_t p = 0; p < kc; p++)
                                for (int q = 0; q < GEMM_MR; q++) d[p * GEMM_MR + q] = s[p * lda + q];
                        else
                            for (int64_t p = 0; p < kc; p++)
                                for (int64_t q = 0; q < h; q++) d[p * GEMM_MR + q] = s[p * lda + q];
                    }
                else
                    for (int64_t i = 0; i < mc; i++)
                        memcpy(ap + i * kc, a + (ic + i) * lda + pc, (size_t)kc * sizeof(T));
                int64_t al = ta ? GEMM_MR : kc;
                for (int64_t j = 0; j < nc; j += GEMM_NR) {
                    int64_t width = nc - j < GEMM_NR ? nc - j : GEMM_NR;
                    T *cj = c + ic * ldc + jc + j;
                    G(strip)(ta, blocks, GEMM_MR, width, kc, ap, al, GEMM_MR * kc, bp + j * kc, GEMM_NR,
                             alpha, be, cj, ldc);
                    if (rest)
                        G(strip)(ta, 1, (int)rest, width, kc, ap + blocks * GEMM_MR * kc, al, 0, bp + j * kc,
                                 GEMM_NR, alpha, be, cj + blocks * GEMM_MR * ldc, ldc);
                }
            }
        }
    }
    return true;
}

static void G(plain)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda,
                     const T *b, int64_t ldb, T beta, T *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            T sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum += (ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
            c[i * ldc + j] = beta == 0 ? alpha * sum : alpha * sum + beta * c[i * ldc + j];
        }
}

static void G(part)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda,
                    const T *b, int64_t ldb, T beta, T *c, int64_t ldc, int64_t m0, int64_t m1, int64_t n0,
                    int64_t n1)
{
    if (m0 >= m1 || n0 >= n1) return;
    int method = k > 0 ? gemm_method(sizeof(T), ta, tb, m, n, k) : GEMM_DIRECT;
    a += ta ? m0 : m0 * lda;
    b += tb ? n0 * ldb : n0;
    c += m0 * ldc + n0;
    m = m1 - m0;
    n = n1 - n0;
    if (method == GEMM_PACKED) {
        if (G(packed)(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)) return;
        method = !tb ? GEMM_DIRECT : !ta ? GEMM_DOTS : GEMM_PLAIN;
    }
    if (method == GEMM_DIRECT)
        G(direct)(ta, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    else if (method == GEMM_DOTS)
        G(dot_all)(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    else
        G(plain)(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

#undef GEMM_DEF
#undef GEMM_DEF_ROW
#undef GEMM_DEF_ROW3
#undef GEMM_USE
#undef GEMM_USE_ROW
#undef GEMM_USE_ROW3
#undef GEMM_DOT
#undef GEMM_DOT_ROW
#undef GEMM_DOT_USE
