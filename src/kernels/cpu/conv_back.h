/* One element type's direct gradients, for few channels, beside conv_direct.h (same macros; CONV_DW_O and
 * CONV_DW_T: output channels and taps of a tile). Weight's gradient: `rows` and `lanes`, as in the forward
 * direction. Input's gradient: `spread`. */

/* ---- weight's gradient, rows: lanes along an output row (stride 1 across) ---- */

CT_KINLINE void G(dw_rows_tile)(const int mo, const int mt, const T *x, const int64_t *off, int64_t step,
                                const T *gy, int64_t plane, int64_t oh, int64_t ow, T *out, int64_t depth)
{
    V() acc[8][4];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = V(zero)();
    const T *in[4];
#pragma GCC unroll 4
    for (int j = 0; j < mt; j++) in[j] = x + off[j];
    V(mask) mask = V(tail)(ow % VN);
    for (int64_t r = 0; r < oh; r++) {
        int64_t q = 0;
        for (; q + VN <= ow; q += VN) {
            V() v[4];
#pragma GCC unroll 4
            for (int j = 0; j < mt; j++) {
                v[j] = V(load)(in[j] + q);
                VEC_PIN(v[j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < mo; i++) {
                V() a = V(load)(gy + i * plane + q);
                if (mt > 1) VEC_PIN(a);
#pragma GCC unroll 4
                for (int j = 0; j < mt; j++) acc[i][j] = V(fma)(a, v[j], acc[i][j]);
            }
        }
        if (q < ow) {
            V() v[4];
#pragma GCC unroll 4
            for (int j = 0; j < mt; j++) {
                v[j] = V(loadm)(in[j] + q, mask);
                VEC_PIN(v[j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < mo; i++) {
                V() a = V(loadm)(gy + i * plane + q, mask);
                if (mt > 1) VEC_PIN(a);
#pragma GCC unroll 4
                for (int j = 0; j < mt; j++) acc[i][j] = V(fma)(a, v[j], acc[i][j]);
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < mt; j++) in[j] += step;
        gy += ow;
    }
#pragma GCC unroll 8
    for (int i = 0; i < mo; i++) {
        T sum[4];
        V(sum4)(sum, acc[i][0], acc[i][1], acc[i][2], acc[i][3]);
#pragma GCC unroll 4
        for (int j = 0; j < mt; j++) out[i * depth + j] += sum[j];
    }
}

typedef void (*G(dw_rows_fn))(const T *x, const int64_t *off, int64_t step, const T *gy, int64_t plane,
                              int64_t oh, int64_t ow, T *out, int64_t depth);
#define CONV_DWR(MO, MT) \
    static void G(dwr_##MO##_##MT)(const T *x, const int64_t *off, int64_t step, const T *gy, int64_t plane, \
                                   int64_t oh, int64_t ow, T *out, int64_t depth) \
    { \
        G(dw_rows_tile)(MO, MT, x, off, step, gy, plane, oh, ow, out, depth); \
    }
#define CONV_DWR_OF(MO) CONV_DWR(MO, 1) CONV_DWR(MO, 2) CONV_DWR(MO, 3) CONV_DWR(MO, 4)
#define CONV_DWR_USE(MO) {G(dwr_##MO##_1), G(dwr_##MO##_2), G(dwr_##MO##_3), G(dwr_##MO##_4)}
CONV_DWR_OF(1) CONV_DWR_OF(2) CONV_DWR_OF(3)
#if CONV_DW_O > 3
CONV_DWR_OF(4) CONV_DWR_OF(5) CONV_DWR_OF(6)
#endif
static const G(dw_rows_fn) G(dw_rows_table)[CONV_DW_O][4] = {
    CONV_DWR_USE(1), CONV_DWR_USE(2), CONV_DWR_USE(3),
#if CONV_DW_O > 3
    CONV_DWR_USE(4), CONV_DWR_USE(5), CONV_DWR_USE(6),
#endif
};

/* work: offsets [depth rounded up], then the padded copy. */
static void G(rows_dw)(const ct__conv_plan *p, const T *x, const T *gy, T *gw, int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    conv_frame f = conv_frame_of(p);
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw, plane = s->oh * s->ow;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b0 = t / p->blocks / s->groups * p->chunk;
    int64_t b1 = conv_min(s->n, b0 + p->chunk), o0 = block * og / p->blocks,
            o1 = (block + 1) * og / p->blocks, count = o1 - o0;
    int64_t *off = (int64_t *)work, ob = conv_ceil(count, CONV_DW_O), tb = conv_ceil(depth, CONV_DW_T);
    work = (T *)(off + conv_ceil(depth, 8) * 8);
    T *out = gw + (g * og + o0) * depth;
    memset(out, 0, (size_t)(count * depth) * sizeof(T));
    if (!plane) return;
    for (int64_t k = 0, e = 0; k < cg; k++)
        for (int64_t a = 0; a < s->kh; a++)
            for (int64_t q = 0; q < s->kw; q++) off[e++] = k * f.plane + a * s->dh * f.pitch + q * s->dw;
    for (int64_t b = b0; b < b1; b++) {
        G(view) in = G(see)(p, x + (b * s->c + g * cg) * s->h * s->w, cg, 0, s->oh, work);
        const T *grad = gy + (b * s->o + g * og + o0) * plane;
        for (int64_t q = 0; q < ob; q++) {
            int64_t m0 = q * count / ob, m1 = (q + 1) * count / ob;
            for (int64_t e = 0; e < tb; e++) {
                int64_t k0 = e * depth / tb, k1 = (e + 1) * depth / tb;
                G(dw_rows_table)
                [m1 - m0 - 1][k1 - k0 - 1](in.x, off + k0, s->sh * in.pitch, grad + m0 * plane, plane, s->oh,
                                           s->ow, out + m0 * depth + k0, depth);
            }
        }
    }
}

/* ---- weight's gradient, lanes: lanes along output channels (stride 1 across, kernel 3 or 5 wide) ---- */

/* out[pt * kw][VN] += sum over pixels; g: [oh * ow][VN]. */
CT_KINLINE void G(dw_lanes_tile)(const int pt, const int kw, const T *x, int64_t pitch, int64_t down,
                                 int64_t step, const T *g, int64_t oh, int64_t ow, T *out)
{
    V() acc[5][5];
#pragma GCC unroll 5
    for (int a = 0; a < pt; a++)
#pragma GCC unroll 5
        for (int q = 0; q < kw; q++) acc[a][q] = V(load)(out + (a * kw + q) * VN);
    for (int64_t r = 0; r < oh; r++, x += step) {
        const T *in = x;
        int64_t j = 0;
        for (; j + 2 <= ow; j += 2, g += 2 * VN, in += 2) {
            VEC_HIDE(in);
            V() g0 = V(load)(g), g1 = V(load)(g + VN);
            VEC_PIN(g0);
            VEC_PIN(g1);
#pragma GCC unroll 5
            for (int a = 0; a < pt; a++)
#pragma GCC unroll 6
                for (int q = 0; q < kw + 1; q++) {
                    V() e = V(set1)(in[a * down + q]);
                    if (q && q < kw) VEC_PIN(e);
                    if (q < kw) acc[a][q] = V(fma)(e, g0, acc[a][q]);
                    if (q) acc[a][q - 1] = V(fma)(e, g1, acc[a][q - 1]);
                }
        }
        if (j < ow) {
            V() g0 = V(load)(g);
            VEC_PIN(g0);
            g += VN;
#pragma GCC unroll 5
            for (int a = 0; a < pt; a++)
#pragma GCC unroll 5
                for (int q = 0; q < kw; q++) acc[a][q] = V(fma)(V(set1)(in[a * down + q]), g0, acc[a][q]);
        }
    }
#pragma GCC unroll 5
    for (int a = 0; a < pt; a++)
#pragma GCC unroll 5
        for (int q = 0; q < kw; q++) V(store)(out + (a * kw + q) * VN, acc[a][q]);
}

typedef void (*G(dw_lanes_fn))(const T *x, int64_t pitch, int64_t down, int64_t step, const T *g, int64_t oh,
                               int64_t ow, T *out);
#define CONV_DWL(PT, KW) \
    static void G(dwl_##PT##_##KW)(const T *x, int64_t pitch, int64_t down, int64_t step, const T *g, \
                                   int64_t oh, int64_t ow, T *out) \
    { \
        G(dw_lanes_tile)(PT, KW, x, pitch, down, step, g, oh, ow, out); \
    }
CONV_DWL(1, 3) CONV_DWL(2, 3) CONV_DWL(3, 3) CONV_DWL(1, 5) CONV_DWL(2, 5)
#if VEC_BYTES == 64
CONV_DWL(3, 5) CONV_DWL(4, 5) CONV_DWL(5, 5)
static const G(dw_lanes_fn) G(dw_lanes5)[5] = {G(dwl_1_5), G(dwl_2_5), G(dwl_3_5), G(dwl_4_5), G(dwl_5_5)};
#else
static const G(dw_lanes_fn) G(dw_lanes5)[2] = {G(dwl_1_5), G(dwl_2_5)};
#endif
static const G(dw_lanes_fn) G(dw_lanes3)[3] = {G(dwl_1_3), G(dwl_2_3), G(dwl_3_3)};

/* out[j * VN + l] = g[l * plane + j] for j < count, l < rows, else 0. */
static void G(lanes_in)(const T *g, int64_t plane, int64_t count, int64_t rows, T *out)
{
    int64_t j = 0;
    if (rows == VN)
        for (; j + V(COLS) <= count; j += V(COLS)) {
            V() col[4];
            V(columns)(col, g + j, plane);
            for (int l = 0; l < V(COLS); l++) V(store)(out + (j + l) * VN, col[l]);
        }
    for (; j < count; j++)
        for (int64_t l = 0; l < VN; l++) out[j * VN + l] = l < rows ? g[l * plane + j] : 0;
}

/* A task: `chunk` images, taken v[1] at a time, one group, one of `blocks` parts of the channels. work: sums
 * [blocks of VN][depth][VN], the gradients by pixels [images][blocks of VN][oh * ow][VN], then the padded
 * copies. */
static void G(lanes_dw)(const ct__conv_plan *p, const T *x, const T *gy, T *gw, int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, taps = s->kh * s->kw, depth = cg * taps,
            plane = s->oh * s->ow;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b0 = t / p->blocks / s->groups * p->chunk;
    int64_t b1 = conv_min(s->n, b0 + p->chunk), all = conv_ceil(og, VN), q0 = block * all / p->blocks,
            ob = (block + 1) * all / p->blocks - q0;
    int64_t most = s->kw == 3        ? 3
                   : VEC_BYTES == 64 ? 5
                                     : 2,
            parts = conv_ceil(s->kh, most), each = cg * conv_frame_of(p).plane;
    T *sums = work, *grad = sums + ob * depth * VN, *pad = grad + p->v[1] * ob * plane * VN + VN * VN;
    const G(dw_lanes_fn) *table = s->kw == 3 ? G(dw_lanes3) : G(dw_lanes5);
    memset(sums, 0, (size_t)(ob * depth * VN) * sizeof(T));
    for (int64_t b = b0; b < b1; b += p->v[1]) {
        int64_t images = conv_min(p->v[1], b1 - b);
        G(view) in = {0};
        for (int64_t e = 0; e < images; e++) {
            G(view)
            one = G(see)(p, x + ((b + e) * s->c + g * cg) * s->h * s->w, cg, 0, s->oh, pad + e * each);
            if (!e) in = one;
            for (int64_t q = 0; q < ob; q++)
                G(lanes_in)(gy + ((b + e) * s->o + g * og + (q0 + q) * VN) * plane, plane, plane,
                            conv_min(VN, og - (q0 + q) * VN), grad + (e * ob + q) * plane * VN);
        }
        int64_t next = conv_frame_of(p).copy ? each : s->c * s->h * s->w;
        for (int64_t q = 0; q < ob; q++)
            for (int64_t k = 0; k < cg; k++)
                for (int64_t part = 0; part < parts; part++) {
                    int64_t a0 = part * s->kh / parts, a1 = (part + 1) * s->kh / parts;
                    for (int64_t e = 0; e < images; e++)
                        table[a1 - a0 - 1](in.x + e * next + k * in.plane + a0 * s->dh * in.pitch, in.pitch,
                                           s->dh * in.pitch, s->sh * in.pitch,
                                           grad + (e * ob + q) * plane * VN, s->oh, s->ow,
                                           sums + (q * depth + k * taps + a0 * s->kw) * VN);
                }
    }
    for (int64_t q = 0; q < ob; q++)
        G(lanes_out)(sums + q * depth * VN, depth, conv_min(VN, og - (q0 + q) * VN),
                     gw + (g * og + (q0 + q) * VN) * depth, depth);
}
/* ---- input's gradient, spread: lanes along (kernel column, input channel), then columns are added up
 * (stride 1 across) ---- */

/* out[i][nv * VN] = sum over the pieces t and channels m of g[off[t] + m * plane + i] * w[from[t] + m * nv *
 * VN]. */
CT_KINLINE void G(spread_tile)(const int mr, const int nv, const T *g, const int64_t *off, const T *w,
                               const int64_t *from, int64_t pieces, int64_t channels, int64_t plane, T *out)
{
    V() acc[10][3];
#pragma GCC unroll 10
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 3
        for (int j = 0; j < nv; j++) acc[i][j] = V(zero)();
    for (int64_t t = 0; t < pieces; t++) {
        const T *a = g + off[t], *b = w + from[t];
        for (int64_t m = 0; m < channels; m++, a += plane, b += nv * VN) {
            V() v[3];
#pragma GCC unroll 3
            for (int j = 0; j < nv; j++) {
                v[j] = V(load)(b + j * VN);
                VEC_PIN(v[j]);
            }
#pragma GCC unroll 10
            for (int i = 0; i < mr; i++) {
                V() e = V(set1)(a[i]);
                if (nv > 1) VEC_PIN(e);
#pragma GCC unroll 3
                for (int j = 0; j < nv; j++) acc[i][j] = V(fma)(e, v[j], acc[i][j]);
            }
        }
    }
#pragma GCC unroll 10
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 3
        for (int j = 0; j < nv; j++) V(store)(out + (i * nv + j) * VN, acc[i][j]);
}

typedef void (*G(spread_fn))(const T *g, const int64_t *off, const T *w, const int64_t *from, int64_t pieces,
                             int64_t channels, int64_t plane, T *out);
#define CONV_SPREAD(MR, NV) \
    static void G(spread_##MR##_##NV)(const T *g, const int64_t *off, const T *w, const int64_t *from, \
                                      int64_t pieces, int64_t channels, int64_t plane, T *out) \
    { \
        G(spread_tile)(MR, NV, g, off, w, from, pieces, channels, plane, out); \
    }
#define CONV_SPREAD_OF(NV) CONV_SPREAD(1, NV) CONV_SPREAD(2, NV) CONV_SPREAD(3, NV) CONV_SPREAD(4, NV)
CONV_SPREAD_OF(1) CONV_SPREAD_OF(2) CONV_SPREAD_OF(3)
CONV_SPREAD(5, 1) CONV_SPREAD(6, 1) CONV_SPREAD(7, 1) CONV_SPREAD(8, 1)
#if VEC_BYTES > 16
CONV_SPREAD(9, 1) CONV_SPREAD(10, 1) CONV_SPREAD(5, 2) CONV_SPREAD(6, 2)
#endif
#if VEC_BYTES == 64
CONV_SPREAD(7, 2) CONV_SPREAD(8, 2) CONV_SPREAD(9, 2) CONV_SPREAD(10, 2)
CONV_SPREAD(5, 3) CONV_SPREAD(6, 3) CONV_SPREAD(7, 3) CONV_SPREAD(8, 3)
#endif
#define CONV_SPREAD_USE(NV) G(spread_1_##NV), G(spread_2_##NV), G(spread_3_##NV), G(spread_4_##NV)
static const struct {
    int most;
    G(spread_fn) fn[10];
} G(spread_table)[3] = {
#if VEC_BYTES == 64
    {10, {CONV_SPREAD_USE(1), G(spread_5_1), G(spread_6_1),
          G(spread_7_1), G(spread_8_1), G(spread_9_1), G(spread_10_1)}},
    {10, {CONV_SPREAD_USE(2), G(spread_5_2), G(spread_6_2),
          G(spread_7_2), G(spread_8_2), G(spread_9_2), G(spread_10_2)}},
    {8, {CONV_SPREAD_USE(3), G(spread_5_3), G(spread_6_3), G(spread_7_3), G(spread_8_3)}},
#elif VEC_BYTES == 32
    {10, {CONV_SPREAD_USE(1), G(spread_5_1), G(spread_6_1),
          G(spread_7_1), G(spread_8_1), G(spread_9_1), G(spread_10_1)}},
    {6, {CONV_SPREAD_USE(2), G(spread_5_2), G(spread_6_2)}},
    {4, {CONV_SPREAD_USE(3)}},
#else
    {8, {CONV_SPREAD_USE(1), G(spread_5_1), G(spread_6_1), G(spread_7_1), G(spread_8_1)}},
    {4, {CONV_SPREAD_USE(2)}},
    {3, {CONV_SPREAD_USE(3)}},
#endif
};

/* shared: for each group and block of v[2] input channels [kh][o][v[3] * VN], the lanes being [kw][v[2]] and
 * zeros. */
static void G(spread_prepare)(const ct__conv_plan *p, const T *w, void *shared)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, taps = s->kh * s->kw, cb = p->v[2];
    T *to = conv_align(shared);
    int64_t lanes = p->v[3] * VN;
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t k = 0; k < cg; k += cb) {
            int64_t count = conv_min(cb, cg - k);
            for (int64_t a = 0; a < s->kh; a++)
                for (int64_t m = 0; m < og; m++, to += lanes) {
                    const T *from = w + ((g * og + m) * cg + k) * taps + a * s->kw;
                    for (int64_t q = 0; q < s->kw; q++)
                        for (int64_t l = 0; l < count; l++) to[q * cb + l] = from[l * taps + q];
                    for (int64_t q = 0; q < s->kw; q++)
                        for (int64_t l = count; l < cb; l++) to[q * cb + l] = 0;
                    for (int64_t e = s->kw * cb; e < lanes; e++) to[e] = 0;
                }
        }
}

/* A task: an image, a group, a block of channels, a block of rows of gx. work: one row of sums [ow][lanes],
 * one row [w][VN]. */
static void G(spread_dx)(const ct__conv_plan *p, const T *gy, const T *bias, T *gx, const void *shared,
                         int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, plane = s->oh * s->ow, nv = p->v[3],
            lanes = nv * VN, cb = p->v[2];
    int64_t groups_of = conv_ceil(cg, cb);
    int64_t block = t % p->blocks, part = t / p->blocks % groups_of,
            g = t / p->blocks / groups_of % s->groups;
    int64_t b = t / p->blocks / groups_of / s->groups, k = part * cb, count = conv_min(cb, cg - k);
    int64_t y0 = block * p->rows, y1 = conv_min(s->h, y0 + p->rows);
    const T *w =
        (const T *)conv_align((void *)(uintptr_t)shared) + (g * groups_of + part) * s->kh * og * lanes;
    const T *in = gy + (b * s->o + g * og) * plane;
    T *sums = work, *row = work + s->ow * lanes + VN, *out = gx + (b * s->c + g * cg + k) * s->h * s->w;
    V() first = bias ? V(loadm)(bias + g * cg + k, V(tail)(count)) : V(zero)();
    int64_t most = G(spread_table)[nv - 1].most, pieces = conv_ceil(s->ow, most);
    for (int64_t y = y0; y < y1; y++) {
        int64_t off[CONV_TAPS], from[CONV_TAPS], taps = 0;
        for (int64_t a = 0; a < s->kh; a++) {
            int64_t up = y + s->ph - a * s->dh;
            if (up < 0 || up % s->sh || up / s->sh >= s->oh) continue;
            off[taps] = up / s->sh * s->ow;
            from[taps++] = a * og * lanes;
        }
        for (int64_t piece = 0; piece < pieces; piece++) {
            int64_t j0 = piece * s->ow / pieces, j1 = (piece + 1) * s->ow / pieces;
            G(spread_table)
            [nv - 1].fn[j1 - j0 - 1](in + j0, off, w, from, taps, og, plane, sums + j0 * lanes);
        }
        for (int64_t x = 0; x < s->w; x++) {
            int64_t lo = conv_max(0, x + s->pw - (s->ow - 1)), hi = conv_min(s->kw - 1, x + s->pw);
            V() sum = first;
            const T *at = sums + (x + s->pw - lo) * lanes + lo * cb;
            for (int64_t q = lo; q <= hi; q++, at += cb - lanes) sum += V(load)(at);
            V(store)(row + x * VN, sum);
        }
        G(lanes_out)(row, s->w, count, out + y * s->w, s->h * s->w);
    }
}
#undef CONV_SPREAD
#undef CONV_SPREAD_OF
#undef CONV_SPREAD_USE
#undef CONV_DWR
#undef CONV_DWR_OF
#undef CONV_DWR_USE
#undef CONV_DWL
