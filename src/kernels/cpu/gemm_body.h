/* One element type's matrix product: register tiles, dots, packing and the pieces of a job. The includer defines T,
 * V(op) (vf_/vd_), VN (lanes), G(name) and the tile sizes. */

/* `blocks` tiles below one another: c (mr, nv * VN) = alpha * a @ b + beta * d each, then a, c and d go on by a_next
 * and mr rows. a[i * lda + p], or a[p * lda + i] where `cols`; b's rows ldb apart. */
typedef struct G(strip) {
    int64_t blocks, k;
    const T *a;
    int64_t lda, a_next;
    const T *b;
    int64_t ldb;
    T alpha, beta;
    const T *d;
    int64_t ldd;
    T *c;
    int64_t ldc, tail;
    const T *next; /* the panel of B that comes after b: fetched while the last block is made */
} G(strip);

typedef void (*G(tile_fn))(const G(strip) *s);

/* Each element is one chain of fma over p. The last vector has `tail` columns where `masked`. */
CT_KINLINE void G(tile)(const int mr, const int nv, const bool cols, const bool masked, const bool panels, const G(strip) *s)
{
    const bool pair = mr * nv + nv + 2 <= VEC_REGISTERS; /* rows two at a time: see the top of gemm.c */
    V(mask) mask = V(tail)(masked ? s->tail : VN);
    int64_t k = s->k, lda = panels ? mr : s->lda, ldb = panels ? nv * VN : s->ldb, ldc = s->ldc;
    const T *a0 = s->a, *d = s->d;
    T *c = s->c;
    for (int64_t block = s->blocks; block > 0; block--, a0 += s->a_next, c += mr * ldc, d += mr * s->ldd) {
        V() acc[8][8];
        const T *a = a0, *b = s->b;
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) acc[i][j] = V(zero)();
        if (k >= 32)
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
                for (int j = 0; j < nv; j += 64 / VEC_BYTES) __builtin_prefetch(c + i * ldc + j * VN, 1);
        const T *ahead = block == 1 ? s->next : b;
        for (int64_t p = 0; p < k; p++, a += cols ? lda : 1, b += ldb) {
            V() w[8];
            if (panels) {
#pragma GCC unroll 8
                for (int j = 0; j < nv; j += 64 / VEC_BYTES) __builtin_prefetch(ahead + p * ldb + j * VN);
                __builtin_prefetch(a + 16 * mr);
            }
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) {
                w[j] = masked && j == nv - 1 ? V(loadm)(b + j * VN, mask) : V(load)(b + j * VN);
                if (mr > 1) VEC_PIN(w[j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < mr; i += pair ? 2 : 1) {
                V() x = V(set1)(cols ? a[i] : a[i * lda]), y = x;
                if (pair && i + 1 < mr) y = V(set1)(cols ? a[i + 1] : a[(i + 1) * lda]);
                if (nv > 1) VEC_PIN(x);
                if (nv > 1 && pair && i + 1 < mr) VEC_PIN(y);
#pragma GCC unroll 8
                for (int j = 0; j < nv; j++) acc[i][j] = V(fma)(x, w[j], acc[i][j]);
                if (pair && i + 1 < mr)
#pragma GCC unroll 8
                    for (int j = 0; j < nv; j++) acc[i + 1][j] = V(fma)(y, w[j], acc[i + 1][j]);
            }
        }
        if (s->alpha != 1) {
            V() al = V(set1)(s->alpha);
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
                for (int j = 0; j < nv; j++) acc[i][j] = al * acc[i][j];
        }
        if (s->beta != 0) {
            V() be = V(set1)(s->beta);
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
                for (int j = 0; j < nv; j++) {
                    const T *q = d + i * s->ldd + j * VN;
                    acc[i][j] = V(fma)(be, masked && j == nv - 1 ? V(loadm)(q, mask) : V(load)(q), acc[i][j]);
                }
        }
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) {
                T *q = c + i * ldc + j * VN;
                if (masked && j == nv - 1)
                    V(storem)(q, acc[i][j], mask);
                else
                    V(store)(q, acc[i][j]);
            }
    }
}

#define GEMM_DEF(MR, NV, COLS, MASKED) \
    static void G(tile_##MR##_##NV##_##COLS##_##MASKED)(const G(strip) *s) { G(tile)(MR, NV, COLS, MASKED, false, s); }
#define GEMM_DEF_PANEL(MR) \
    static void G(panel_##MR)(const G(strip) *s) { G(tile)(MR, GEMM_NV, true, false, true, s); }
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
GEMM_DEF_PANEL(1) GEMM_DEF_PANEL(2) GEMM_DEF_PANEL(3) GEMM_DEF_PANEL(4)
#if GEMM_MR > 4
GEMM_DEF_PANEL(5) GEMM_DEF_PANEL(6)
#endif
#if GEMM_MR > 6
GEMM_DEF_PANEL(7) GEMM_DEF_PANEL(8)
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

/* Whole panels, GEMM_NV vectors wide, against panels of mr rows. */
static const G(tile_fn) G(panels)[GEMM_MR] = {
    G(panel_1), G(panel_2), G(panel_3), G(panel_4),
#if GEMM_MR > 4
    G(panel_5), G(panel_6),
#endif
#if GEMM_MR > 6
    G(panel_7), G(panel_8),
#endif
};

/* Blocks of mr rows against n columns of a B stored (k, n). */
static void G(columns)(bool cols, int mr, int64_t n, G(strip) s)
{
    int64_t wide = (int64_t)G(rows)[mr - 1].full_nv * VN;
    for (; n >= wide; n -= wide, s.b += wide, s.c += wide, s.d += wide) G(rows)[mr - 1].full[cols](&s);
    while (n > 0) {
        int64_t nv = (n + VN - 1) / VN;
        if (nv > G(rows)[mr - 1].part_nv) nv = G(rows)[mr - 1].part_nv;
        int64_t width = nv * VN < n ? nv * VN : n;
        s.tail = width - (nv - 1) * VN;
        G(rows)[mr - 1].part[cols][nv - 1](&s);
        n -= width, s.b += width, s.c += width, s.d += width;
    }
}

/* m rows as `tall` blocks of *mr + 1 rows and then blocks of *mr, so that no block is low. */
CT_KINLINE int64_t G(split)(int64_t m, int64_t *mr, int64_t *tall)
{
    int64_t blocks = (m + GEMM_MR - 1) / GEMM_MR;
    *mr = m / blocks;
    *tall = m - *mr * blocks;
    return blocks;
}

/* No packing: B stored (k, n). */
static void G(direct)(bool ta, int64_t m, int64_t n, G(strip) s)
{
    int64_t mr, tall, blocks = G(split)(m, &mr, &tall), row = ta ? 1 : s.lda;
    if (tall) {
        s.blocks = tall;
        s.a_next = (mr + 1) * row;
        G(columns)(ta, (int)mr + 1, n, s);
        s.a += tall * s.a_next;
        s.c += tall * (mr + 1) * s.ldc;
        s.d += tall * (mr + 1) * s.ldd;
    }
    s.blocks = blocks - tall;
    s.a_next = mr * row;
    G(columns)(ta, (int)mr, n, s);
}

/* s.b is a packed panel of B with `width` columns, s.a m rows in panels. */
static void G(packed_strip)(int64_t m, int64_t width, G(strip) s)
{
    int64_t mr, tall, blocks = G(split)(m, &mr, &tall);
    for (int pass = tall ? 0 : 1; pass < 2; pass++) {
        int64_t h = pass ? mr : mr + 1;
        s.blocks = pass ? blocks - tall : tall;
        s.lda = h;
        s.a_next = h * s.k;
        s.ldb = GEMM_NR;
        if (width == GEMM_NR)
            G(panels)[h - 1](&s);
        else
            G(columns)(true, (int)h, width, s);
        s.a += s.blocks * s.a_next;
        s.c += s.blocks * h * s.ldc;
        s.d += s.blocks * h * s.ldd;
    }
}

/* c[i][j] = alpha * <a row i, b row j> + beta * d[i][j]: lanes along k, then one tree. */
CT_KINLINE void G(dot)(const int mr, const int nr, const G(strip) *s)
{
    V() acc[4][4];
    int64_t k = s->k, lda = s->lda, ldb = s->ldb;
    const T *a = s->a, *b = s->b;
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
        T sum[4];
        V(sum4)(sum, acc[i][0], acc[i][1], acc[i][2], acc[i][3]);
#pragma GCC unroll 4
        for (int j = 0; j < nr; j++)
            s->c[i * s->ldc + j] = s->beta == 0 ? s->alpha * sum[j] : s->alpha * sum[j] + s->beta * s->d[i * s->ldd + j];
    }
}

#define GEMM_DOT(MR, NR) \
    static void G(dot_##MR##_##NR)(const G(strip) *s) { G(dot)(MR, NR, s); }
#define GEMM_DOT_ROW(MR) GEMM_DOT(MR, 1) GEMM_DOT(MR, 2) GEMM_DOT(MR, 3) GEMM_DOT(MR, 4)
#define GEMM_DOT_USE(MR) {G(dot_##MR##_1), G(dot_##MR##_2), G(dot_##MR##_3), G(dot_##MR##_4)}
GEMM_DOT_ROW(1) GEMM_DOT_ROW(2) GEMM_DOT_ROW(3) GEMM_DOT_ROW(4)
static const G(tile_fn) G(dots)[4][4] = {GEMM_DOT_USE(1), GEMM_DOT_USE(2), GEMM_DOT_USE(3), GEMM_DOT_USE(4)};

/* No packing: A stored (m, k), B stored (n, k). Groups of B's rows that the first-level cache holds. */
static void G(dot_all)(int64_t m, int64_t n, G(strip) s)
{
    int64_t mb = (m + 3) / 4, most = GEMM_DOT_ACC / ((m + mb - 1) / mb);
    if (most > 4) most = 4;
    int64_t nb = (n + most - 1) / most, group = mb == 1 ? nb : GEMM_L1 / 2 / (most * s.k * (int64_t)sizeof(T) + 1) + 1;
    const G(strip) whole = s;
    for (int64_t g = 0; g < nb; g += group)
        for (int64_t i = 0; i < mb; i++) {
            int64_t i0 = i * m / mb, mr = (i + 1) * m / mb - i0;
            s.a = whole.a + i0 * s.lda;
            for (int64_t j = g; j < nb && j < g + group; j++) {
                int64_t j0 = j * n / nb, nr = (j + 1) * n / nb - j0;
                s.b = whole.b + j0 * s.ldb;
                s.c = whole.c + i0 * s.ldc + j0;
                s.d = whole.d + i0 * s.ldd + j0;
                G(dots)[mr - 1][nr - 1](&s);
            }
        }
}

/* One dot product in eight vectors of lanes. */
static void G(inner)(const G(strip) *s)
{
    V() acc[8];
    const T *a = s->a, *b = s->b;
    int64_t k = s->k, p = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) acc[i] = V(zero)();
    for (; p + 8 * VN <= k; p += 8 * VN)
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) acc[i] = V(fma)(V(load)(a + p + i * VN), V(load)(b + p + i * VN), acc[i]);
    for (; p < k; p += VN) {
        V(mask) mask = V(tail)(k - p);
        acc[0] = V(fma)(V(loadm)(a + p, mask), V(loadm)(b + p, mask), acc[0]);
    }
    T sum = V(sum)(((acc[0] + acc[1]) + (acc[2] + acc[3])) + ((acc[4] + acc[5]) + (acc[6] + acc[7])));
    *s->c = s->beta == 0 ? s->alpha * sum : s->alpha * sum + s->beta * *s->d;
}

/* m rows and k columns of A into panels [m / mr][k][mr] of the heights of `split`. */
static void G(pack_a)(bool ta, int64_t m, int64_t k, const T *a, int64_t lda, T *out)
{
    enum { L = V(COLS) };
    int64_t mr, tall, blocks = G(split)(m, &mr, &tall);
    for (int64_t block = 0; block < blocks; block++) {
        int64_t h = block < tall ? mr + 1 : mr, p = 0;
        if (ta && h >= L)
            for (const T *s = a; p < k; p++, s += lda)
                for (int64_t i = 0; i < h; i += L) { /* the last L rows overlap those before */
                    int64_t q = i + L <= h ? i : h - L;
                    memcpy(out + p * h + q, s + q, L * sizeof(T));
                }
        else if (!ta && h >= L)
            for (; p + L <= k; p += L)
                for (int64_t i = 0; i < h; i += L) {
                    int64_t q = i + L <= h ? i : h - L;
                    V(flip)(a + q * lda + p, lda, out + p * h + q, h);
                }
        for (int64_t i = 0; i < h; i++)
            for (int64_t r = p; r < k; r++) out[r * h + i] = ta ? a[r * lda + i] : a[i * lda + r];
        out += h * k;
        a += ta ? h : h * lda;
    }
}

/* n columns and k rows of B into panels [n / GEMM_NR][k][GEMM_NR]; what is beyond n in the last is never read. */
static void G(pack_b)(bool tb, int64_t n, int64_t k, const T *b, int64_t ldb, T *out)
{
    enum { L = V(COLS) };
    int64_t j = 0;
    if (!tb) /* four panels at once: longer pieces of each row */
        for (; j + 4 * GEMM_NR <= n; j += 4 * GEMM_NR, out += 4 * k * GEMM_NR)
            for (int64_t p = 0; p < k; p++)
#pragma GCC unroll 4
                for (int q = 0; q < 4; q++)
#pragma GCC unroll 8
                    for (int v = 0; v < GEMM_NR; v += VN)
                        V(store)(out + q * k * GEMM_NR + p * GEMM_NR + v, V(load)(b + j + p * ldb + q * GEMM_NR + v));
    for (; j < n; j += GEMM_NR, out += k * GEMM_NR) {
        int64_t width = n - j < GEMM_NR ? n - j : GEMM_NR;
        if (!tb) {
            const T *s = b + j;
            for (int64_t v = 0; v < width; v += VN) {
                V(mask) mask = V(tail)(width - v);
                if (width - v >= VN)
                    for (int64_t p = 0; p < k; p++) V(store)(out + p * GEMM_NR + v, V(load)(s + v + p * ldb));
                else
                    for (int64_t p = 0; p < k; p++) V(store)(out + p * GEMM_NR + v, V(loadm)(s + v + p * ldb, mask));
            }
            continue;
        }
        for (int64_t v = 0; v < width;) {
            const T *s = b + (j + v) * ldb;
            int64_t rows = width - v >= VN ? VN : width - v >= L ? L : 1, p = 0;
            if (rows == VN)
                for (; p + L <= k; p += L) {
                    V() col[L];
                    V(columns)(col, s + p, ldb);
#pragma GCC unroll 4
                    for (int q = 0; q < L; q++) V(store)(out + (p + q) * GEMM_NR + v, col[q]);
                }
            else if (rows == L)
                for (; p + L <= k; p += L) V(flip)(s + p, ldb, out + p * GEMM_NR + v, GEMM_NR);
            for (int64_t q = 0; q < rows; q++)
                for (int64_t r = p; r < k; r++) out[r * GEMM_NR + v + q] = s[q * ldb + r];
            v += rows;
        }
    }
}

static void G(plain)(const ct__gemm_job *job, int64_t m0, int64_t m1, int64_t n0, int64_t n1)
{
    const T *a = job->a, *b = job->b, *d = job->d;
    T *c = job->c, alpha = (T)job->alpha, beta = (T)job->beta;
    for (int64_t i = m0; i < m1; i++)
        for (int64_t j = n0; j < n1; j++) {
            T sum = 0;
            for (int64_t p = 0; p < job->k; p++)
                sum += (job->ta ? a[p * job->lda + i] : a[i * job->lda + p]) * (job->tb ? b[j * job->ldb + p] : b[p * job->ldb + j]);
            c[i * job->ldc + j] = beta == 0 ? alpha * sum : alpha * sum + beta * d[i * job->ldd + j];
        }
}

/* A round's part of the columns and of k. */
CT_KINLINE void G(round)(const ct__gemm_job *job, int64_t round, int64_t *n0, int64_t *n1, int64_t *k0, int64_t *k1)
{
    *n0 = round / job->rounds_k * job->round_n;
    *n1 = *n0 + job->round_n < job->n ? *n0 + job->round_n : job->n;
    *k0 = round % job->rounds_k * job->round_k;
    *k1 = *k0 + job->round_k < job->k ? *k0 + job->round_k : job->k;
}

/* `shared` holds, for each `step` of the round's k, all of A in panels (wide) or the round's columns of B (blocked). */
static void G(pack)(const ct__gemm_job *job, int64_t round, T *shared, int64_t begin, int64_t end)
{
    int64_t n0, n1, k0, k1;
    G(round)(job, round, &n0, &n1, &k0, &k1);
    if (job->method == GEMM_WIDE) {
        for (int64_t q = begin; q < end; q++) {
            int64_t p = k0 + q * job->step, kc = k1 - p < job->step ? k1 - p : job->step;
            const T *a = (const T *)job->a + (job->ta ? p * job->lda : p);
            if (kc > 0) G(pack_a)(job->ta, job->m, kc, a, job->lda, shared + (p - k0) * job->m);
        }
        return;
    }
    int64_t padded = (job->round_n + GEMM_NR - 1) / GEMM_NR * GEMM_NR;
    int64_t j0 = begin * GEMM_PACK * GEMM_NR, j1 = end * GEMM_PACK * GEMM_NR;
    if (j1 > n1 - n0) j1 = n1 - n0;
    if (j0 >= j1) return;
    for (int64_t p = k0; p < k1; p += job->step) {
        int64_t kc = k1 - p < job->step ? k1 - p : job->step;
        const T *b = (const T *)job->b + (job->tb ? (n0 + j0) * job->ldb + p : p * job->ldb + n0 + j0);
        G(pack_b)(job->tb, j1 - j0, kc, b, job->ldb, shared + (p - k0) * padded + j0 * kc);
    }
}

/* One piece of a product with packed operands; `work` holds what this piece alone packs. */
static void G(packed)(const ct__gemm_job *job, int64_t round, const T *shared, T *work, int64_t i0, int64_t i1, int64_t j0,
                      int64_t j1)
{
    int64_t n0, n1, k0, k1, padded = (job->round_n + GEMM_NR - 1) / GEMM_NR * GEMM_NR;
    bool wide = job->method == GEMM_WIDE;
    G(round)(job, round, &n0, &n1, &k0, &k1);
    if (j1 > n1 - n0) j1 = n1 - n0;
    for (int64_t p = k0; p < k1; p += job->step) {
        int64_t kc = k1 - p < job->step ? k1 - p : job->step;
        const T *a = wide ? shared + (p - k0) * job->m : work;
        if (!wide)
            G(pack_a)(job->ta, i1 - i0, kc, (const T *)job->a + (job->ta ? p * job->lda + i0 : i0 * job->lda + p), job->lda, work);
        for (int64_t j = j0; j < j1; j += GEMM_NR) {
            int64_t width = j1 - j < GEMM_NR ? j1 - j : GEMM_NR, column = n0 + j;
            const T *b = wide ? work : shared + (p - k0) * padded + j * kc;
            if (wide)
                G(pack_b)(job->tb, width, kc, (const T *)job->b + (job->tb ? column * job->ldb + p : p * job->ldb + column),
                          job->ldb, work);
            T *c = (T *)job->c + i0 * job->ldc + column;
            G(strip) s = {.k = kc, .a = a, .b = b, .alpha = (T)job->alpha, .c = c, .ldc = job->ldc, .next = b + (wide ? 0 : kc * GEMM_NR)};
            s.beta = p ? 1 : (T)job->beta;
            s.d = p ? c : (const T *)job->d + i0 * job->ldd + column;
            s.ldd = p ? job->ldc : job->ldd;
            G(packed_strip)(i1 - i0, width, s);
        }
    }
}

static void G(run)(const ct__gemm_job *job, int64_t round, const T *shared, T *work, int64_t rows, int64_t begin, int64_t end)
{
    for (int64_t piece = begin; piece < end; piece++) {
        int64_t i0 = piece / job->pieces_n * job->piece_m, j0 = piece % job->pieces_n * job->piece_n;
        int64_t i1 = i0 + job->piece_m < job->m ? i0 + job->piece_m : job->m;
        int64_t j1 = j0 + job->piece_n < job->n ? j0 + job->piece_n : job->n;
        if (job->method == GEMM_WIDE || job->method == GEMM_BLOCKED) {
            if (job->method == GEMM_WIDE) rows = i1 - i0;
            for (int64_t i = i0; i < i1; i += rows)
                G(packed)(job, round, shared, work, i, i + rows < i1 ? i + rows : i1, j0, j1);
            continue;
        }
        if (job->method == GEMM_PLAIN) {
            G(plain)(job, i0, i1, j0, j1);
            continue;
        }
        G(strip) s = {.k = job->k, .lda = job->lda, .ldb = job->ldb, .alpha = (T)job->alpha, .beta = (T)job->beta,
                      .ldd = job->ldd, .ldc = job->ldc};
        s.a = (const T *)job->a + (job->ta ? i0 : i0 * job->lda);
        s.b = (const T *)job->b + (job->tb ? j0 * job->ldb : j0);
        s.c = (T *)job->c + i0 * job->ldc + j0;
        s.d = (const T *)job->d + i0 * job->ldd + j0;
        if (job->method == GEMM_DIRECT)
            G(direct)(job->ta, i1 - i0, j1 - j0, s);
        else if (job->method == GEMM_INNER)
            G(inner)(&s);
        else
            G(dot_all)(i1 - i0, j1 - j0, s);
    }
}

#undef GEMM_DEF
#undef GEMM_DEF_PANEL
#undef GEMM_DEF_ROW
#undef GEMM_DEF_ROW3
#undef GEMM_USE
#undef GEMM_USE_ROW
#undef GEMM_USE_ROW3
#undef GEMM_DOT
#undef GEMM_DOT_ROW
#undef GEMM_DOT_USE
