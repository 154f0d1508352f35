/* One element type's direct convolutions, for few channels: no columns in memory. The includer defines T,
 * V(op), VN, G(name), CONV_O (most output channels of a `rows` tile) and CONV_W (most vectors of one).
 * `rows`: lanes along an output row (stride 1 across), weights broadcast. `lanes`: lanes along output
 * channels, pixels broadcast. Both read x where it lies, or a padded copy of the rows that a task needs. */

/* Where a task reads x: rows `pitch` apart, channels `plane` apart. */
typedef struct G(view) {
    const T *x;
    int64_t pitch, plane;
} G(view);

/* Output rows [i0, i1) of `channels` planes at x. `buffer` holds channels * conv_padded(p).. elements where a
 * copy is needed. */
static G(view) G(see)(const ct__conv_plan *p, const T *x, int64_t channels, int64_t i0, int64_t i1, T *buffer)
{
    const ct__conv_shape *s = &p->s;
    conv_frame f = conv_frame_of(p);
    if (!f.copy) return (G(view)){x + i0 * s->sh * s->w, s->w, s->h * s->w};
    int64_t rows = (i1 - i0 - 1) * s->sh + (s->kh - 1) * s->dh + 1, from = i0 * s->sh - s->ph;
    int64_t lo = conv_min(s->pw, f.pitch), hi = conv_max(lo, conv_min(f.pitch, s->w + s->pw));
    int64_t whole = lo + (hi - lo) / VN * VN;
    V(mask) mask = V(tail)(hi - whole);
    for (int64_t k = 0; k < channels; k++)
        for (int64_t r = 0; r < rows;
             r++) { /* whole vectors: what runs beyond a row, the next one overwrites */
            T *to = buffer + k * f.plane + r * f.pitch;
            int64_t row = from + r, j = 0;
            if (row < 0 || row >= s->h) {
                for (; j < f.pitch; j += VN) V(store)(to + j, V(zero)());
                continue;
            }
            const T *in = x + (k * s->h + row) * s->w - s->pw;
            for (; j < lo; j += VN) V(store)(to + j, V(zero)());
            for (j = lo; j < whole; j += VN) V(store)(to + j, V(load)(in + j));
            if (j < hi) {
                V(store)(to + j, V(loadm)(in + j, mask));
                j += VN;
            }
            for (; j < f.pitch; j += VN) V(store)(to + j, V(zero)());
        }
    return (G(view)){buffer, f.pitch, f.plane};
}

/* ---- forward, rows ---- */

typedef void (*G(rows_fn))(const T *x, const int64_t *off, int64_t depth, const T *w, const T *bias, T *y,
                           int64_t plane, int64_t last);

CT_KINLINE void G(rows_tile)(const int mr, const int nv, const T *x, const int64_t *off, int64_t depth,
                             const T *w, const T *bias, T *y, int64_t plane, int64_t last)
{
    V() acc[8][4];
    V(mask) mask = V(tail)(last);
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++) {
        V() first = V(set1)(bias ? bias[i] : 0);
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) acc[i][j] = first;
    }
    for (int64_t k = 0; k < depth; k++, w += mr) {
        const T *in = x + off[k];
        V() v[4];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            v[j] = j == nv - 1 ? V(loadm)(in + j * VN, mask) : V(load)(in + j * VN);
            VEC_PIN(v[j]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++) {
            V() a = V(set1)(w[i]);
            if (nv > 1) VEC_PIN(a);
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++) acc[i][j] = V(fma)(a, v[j], acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            if (j == nv - 1)
                V(storem)(y + i * plane + j * VN, acc[i][j], mask);
            else
                V(store)(y + i * plane + j * VN, acc[i][j]);
        }
}

#define CONV_ROWS(MR, NV) \
    static void G(rows_##MR##_##NV)(const T *x, const int64_t *off, int64_t depth, const T *w, \
                                    const T *bias, T *y, int64_t plane, int64_t last) \
    { \
        G(rows_tile)(MR, NV, x, off, depth, w, bias, y, plane, last); \
    }
#define CONV_ROWS_OF(MR) CONV_ROWS(MR, 1) CONV_ROWS(MR, 2) CONV_ROWS(MR, 3)
#define CONV_ROWS_USE(MR) {G(rows_##MR##_1), G(rows_##MR##_2), G(rows_##MR##_3)}
CONV_ROWS_OF(1) CONV_ROWS_OF(2) CONV_ROWS_OF(3) CONV_ROWS_OF(4)
#if CONV_O > 4
CONV_ROWS_OF(5) CONV_ROWS_OF(6)
#endif
#if CONV_O > 6
CONV_ROWS_OF(7) CONV_ROWS_OF(8)
#endif
static const G(rows_fn) G(rows_table)[CONV_O][3] = {
    CONV_ROWS_USE(1), CONV_ROWS_USE(2), CONV_ROWS_USE(3), CONV_ROWS_USE(4),
#if CONV_O > 4
    CONV_ROWS_USE(5), CONV_ROWS_USE(6),
#endif
#if CONV_O > 6
    CONV_ROWS_USE(7), CONV_ROWS_USE(8),
#endif
};

/* shared: offsets [depth], then for each group and block of channels [depth][channels of the block]. */
static void G(rows_prepare)(const ct__conv_plan *p, const T *w, void *shared)
{
    const ct__conv_shape *s = &p->s;
    conv_frame f = conv_frame_of(p);
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw,
            blocks = conv_ceil(og, CONV_O);
    int64_t *off = shared;
    for (int64_t k = 0; k < cg; k++)
        for (int64_t a = 0; a < s->kh; a++)
            for (int64_t b = 0; b < s->kw; b++) *off++ = k * f.plane + a * s->dh * f.pitch + b * s->dw;
    T *to = (T *)off;
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t b = 0; b < blocks; b++)
            for (int64_t k = 0; k < depth; k++)
                for (int64_t m = b * og / blocks; m < (b + 1) * og / blocks; m++)
                    *to++ = w[(g * og + m) * depth + k];
}

static void G(rows_fwd)(const ct__conv_plan *p, const T *x, const T *bias, T *y, const void *shared,
                        int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw, plane = s->oh * s->ow;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b = t / p->blocks / s->groups;
    int64_t i0 = block * p->rows, i1 = conv_min(s->oh, i0 + p->rows);
    G(view) in = G(see)(p, x + (b * s->c + g * cg) * s->h * s->w, cg, i0, i1, work);
    const int64_t *off = shared;
    const T *w = (const T *)(off + depth) + g * og * depth;
    int64_t ob = conv_ceil(og, CONV_O), vectors = conv_ceil(s->ow, VN), parts = conv_ceil(vectors, CONV_W);
    T *out = y + (b * s->o + g * og) * plane;
    for (int64_t q = 0; q < ob; q++) {
        int64_t m0 = q * og / ob, m1 = (q + 1) * og / ob;
        for (int64_t i = i0; i < i1; i++)
            for (int64_t part = 0; part < parts; part++) {
                int64_t v0 = part * vectors / parts, v1 = (part + 1) * vectors / parts;
                G(rows_table)
                [m1 - m0 - 1][v1 - v0 - 1](in.x + (i - i0) *s->sh *in.pitch + v0 *VN, off, depth,
                                           w + m0 *depth, bias ? bias + g *og + m0 : NULL,
                                           out + m0 *plane + i *s->ow + v0 *VN, plane,
                                           conv_min(VN, s->ow - (v1 - 1) *VN));
            }
    }
}

/* ---- forward, lanes ---- */

/* `mr` pixels of each of `rr` rows `down` apart, results `out` apart. w: [channel][kh][kw][VN]. kw > 0:
 * known, dw = 1 and sw = 1; else read from the shape. */
CT_KINLINE void G(lanes_tile)(const int rr, const int mr, const int kw, const ct__conv_shape *s, const T *x,
                              int64_t pitch, int64_t plane, int64_t channels, const T *w, const V() * first,
                              T *y, int64_t down, int64_t out)
{
    V() acc[2][10];
#pragma GCC unroll 2
    for (int r = 0; r < rr; r++)
#pragma GCC unroll 10
        for (int i = 0; i < mr; i++) acc[r][i] = first ? *first : V(load)(y + r * out + i * VN);
    for (int64_t k = 0; k < channels; k++, x += plane) {
        const T *row = x;
        for (int64_t a = 0; a < s->kh; a++, row += s->dh * pitch) {
            if (kw) {
                V() v[8];
#pragma GCC unroll 8
                for (int q = 0; q < kw; q++) {
                    v[q] = V(load)(w + q * VN);
                    VEC_PIN(v[q]);
                }
#pragma GCC unroll 2
                for (int r = 0; r < rr; r++)
#pragma GCC unroll 16
                    for (int j = 0; j < mr + kw - 1; j++) {
                        V() e = V(set1)(row[r * down + j]);
                        VEC_PIN(e);
#pragma GCC unroll 8
                        for (int q = 0; q < kw; q++)
                            if (j - q >= 0 && j - q < mr) acc[r][j - q] = V(fma)(e, v[q], acc[r][j - q]);
                    }
                w += kw * VN;
            } else {
                const T *in = row;
                for (int64_t q = 0; q < s->kw; q++, in += s->dw, w += VN) {
                    V() v = V(load)(w);
                    VEC_PIN(v);
#pragma GCC unroll 2
                    for (int r = 0; r < rr; r++)
#pragma GCC unroll 10
                        for (int i = 0; i < mr; i++)
                            acc[r][i] = V(fma)(V(set1)(in[r * down + i * s->sw]), v, acc[r][i]);
                }
            }
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < rr; r++)
#pragma GCC unroll 10
        for (int i = 0; i < mr; i++) V(store)(y + r * out + i * VN, acc[r][i]);
}

typedef void (*G(lanes_fn))(const ct__conv_shape *s, const T *x, int64_t pitch, int64_t plane,
                            int64_t channels, const T *w, const V() * first, T *y, int64_t down, int64_t out);
#define CONV_LANES(R, MR, KW) \
    static void G(lanes_##R##_##MR##_##KW)(const ct__conv_shape *s, const T *x, int64_t pitch, \
                                           int64_t plane, int64_t channels, const T *w, const V() * first, \
                                           T * y, int64_t down, int64_t out) \
    { \
        G(lanes_tile)(R, MR, KW, s, x, pitch, plane, channels, w, first, y, down, out); \
    }
#define CONV_LANES_OF(R, MR) CONV_LANES(R, MR, 0) CONV_LANES(R, MR, 3) CONV_LANES(R, MR, 5)
#define CONV_LANES_USE(R, MR) {G(lanes_##R##_##MR##_0), G(lanes_##R##_##MR##_3), G(lanes_##R##_##MR##_5)}
CONV_LANES_OF(1, 1) CONV_LANES_OF(1, 2) CONV_LANES_OF(1, 3) CONV_LANES_OF(1, 4) CONV_LANES_OF(1, 5)
CONV_LANES_OF(1, 6) CONV_LANES_OF(1, 7) CONV_LANES_OF(1, 8) CONV_LANES_OF(1, 9) CONV_LANES_OF(1, 10)
CONV_LANES_OF(2, 1) CONV_LANES_OF(2, 2) CONV_LANES_OF(2, 3) CONV_LANES_OF(2, 4) CONV_LANES_OF(2, 5)
static const G(lanes_fn) G(lanes_table)[2][10][3] = {
    {CONV_LANES_USE(1, 1), CONV_LANES_USE(1, 2), CONV_LANES_USE(1, 3),
     CONV_LANES_USE(1, 4), CONV_LANES_USE(1, 5),
     CONV_LANES_USE(1, 6), CONV_LANES_USE(1, 7), CONV_LANES_USE(1, 8),
     CONV_LANES_USE(1, 9), CONV_LANES_USE(1, 10)},
    {CONV_LANES_USE(2, 1), CONV_LANES_USE(2, 2), CONV_LANES_USE(2, 3),
     CONV_LANES_USE(2, 4), CONV_LANES_USE(2, 5)}};

/* shared: for each group and VN of its channels (zeros beyond) [depth][VN]. */
static void G(lanes_prepare)(const ct__conv_plan *p, const T *w, void *shared)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw;
    T *to = conv_align(shared);
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t m = 0; m < og; m += VN, to += depth * VN) {
            const T *from = w + (g * og + m) * depth;
            int64_t rows = conv_min(VN, og - m), k = 0;
            if (rows == VN)
                for (; k + V(COLS) <= depth; k += V(COLS)) {
                    V() col[4];
                    V(columns)(col, from + k, depth);
                    for (int q = 0; q < V(COLS); q++) V(store)(to + (k + q) * VN, col[q]);
                }
            for (; k < depth; k++)
                for (int64_t l = 0; l < VN; l++) to[k * VN + l] = l < rows ? from[l * depth + k] : 0;
        }
}

/* The same for conv_turned: for each group and VN of the input channels [o][taps, last first][VN]. */
static void G(lanes_prepare_turned)(const ct__conv_plan *p, const T *w, void *shared)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, taps = s->kh * s->kw;
    T *to = conv_align(shared);
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t k = 0; k < cg; k += VN)
            for (int64_t m = 0; m < og; m++, to += taps * VN) {
                const T *from = w + ((g * og + m) * cg + k) * taps;
                int64_t rows = conv_min(VN, cg - k), e = 0;
                if (rows == VN && taps >= V(COLS))
                    for (; e < taps; e += V(COLS)) {
                        V() col[4];
                        int64_t first = conv_min(e, taps - V(COLS));
                        V(columns)(col, from + first, taps);
                        for (int q = 0; q < V(COLS); q++) V(store)(to + (taps - 1 - first - q) * VN, col[q]);
                    }
                for (; e < taps; e++)
                    for (int64_t l = 0; l < VN; l++)
                        to[(taps - 1 - e) * VN + l] = l < rows ? from[l * taps + e] : 0;
            }
}

/* out[l * plane + j] = tile[j * VN + l] for l < count, j < pixels; the tile has room for pixels rounded up to
 * VN. */
static void G(lanes_out)(const T *tile, int64_t pixels, int64_t count, T *out, int64_t plane)
{
    for (int64_t j = 0; j < pixels; j += VN) {
        V(mask) mask = V(tail)(pixels - j < VN ? pixels - j : VN);
        for (int64_t l = 0; l < count; l += V(COLS)) {
            V() col[4];
            V(columns)(col, tile + j * VN + l, VN);
            for (int q = 0; q < V(COLS) && l + q < count; q++) {
                if (pixels - j >= VN)
                    V(store)(out + (l + q) * plane + j, col[q]);
                else
                    V(storem)(out + (l + q) * plane + j, col[q], mask);
            }
        }
    }
}

/* A task: `chunk` images (all their rows, where there are several), one group, a block of rows, one of v[0]
 * parts of the channels. */
static void G(lanes_fwd)(const ct__conv_plan *p, const T *x, const T *bias, T *y, const void *shared,
                         int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw, plane = s->oh * s->ow;
    int64_t part = t % p->v[0], block = t / p->v[0] % p->blocks, g = t / p->v[0] / p->blocks % s->groups;
    int64_t b0 = t / p->v[0] / p->blocks / s->groups * p->chunk, b1 = conv_min(s->n, b0 + p->chunk);
    int64_t i0 = block * p->rows, i1 = conv_min(s->oh, i0 + p->rows), pieces = conv_ceil(s->ow, CONV_PIXELS),
            ob = conv_ceil(og, VN);
    T *tile = work, *pad = work + conv_ceil(p->chunk * p->rows * s->ow + VN, VN) * VN * VN;
    int64_t each = cg * conv_frame_of(p).plane;
    G(view) in = {0};
    for (int64_t b = b0; b < b1; b++) {
        G(view) one = G(see)(p, x + (b * s->c + g * cg) * s->h * s->w, cg, i0, i1, pad + (b - b0) * each);
        if (b == b0) in = one;
    }
    int64_t next = conv_frame_of(p).copy ? each : s->c * s->h * s->w, down = s->sh * in.pitch;
    const T *w = (const T *)conv_align((void *)(uintptr_t)shared) + g * ob * depth * VN;
    int kind = s->sw == 1 && s->dw == 1 ? (s->kw == 3 ? 1 : s->kw == 5 ? 2 : 0) : 0;
    for (int64_t q = part * ob / p->v[0]; q < (part + 1) * ob / p->v[0]; q++) {
        int64_t m = q * VN, count = conv_min(VN, og - m);
        V() first = bias ? V(loadm)(bias + g * og + m, V(tail)(count)) : V(zero)();
        for (int64_t k = 0; k < cg;
             k += p->v[1]) /* a block of channels whose weights stay in the first cache */
            for (int64_t b = b0; b < b1; b++)
                for (int64_t i = i0, two; i < i1; i += two) {
                    const T *from = in.x + (b - b0) * next + k * in.plane + (i - i0) * down;
                    two = s->ow <= CONV_PIXELS / 2 && i + 2 <= i1 ? 2 : 1;
                    for (int64_t piece = 0; piece < pieces; piece++) {
                        int64_t j0 = piece * s->ow / pieces, j1 = (piece + 1) * s->ow / pieces;
                        G(lanes_table)
                        [two - 1][j1 - j0 - 1][kind](
                            s, from + j0 * s->sw, in.pitch, in.plane, conv_min(p->v[1], cg - k),
                            w + (q * depth + k * s->kh * s->kw) * VN, k ? NULL : &first,
                            tile + (((b - b0) * (i1 - i0) + i - i0) * s->ow + j0) * VN, down, s->ow * VN);
                    }
                }
        for (int64_t b = b0; b < b1; b++)
            G(lanes_out)(tile + (b - b0) * (i1 - i0) * s->ow * VN, (i1 - i0) * s->ow, count,
                         y + (b * s->o + g * og + m) * plane + i0 * s->ow, plane);
    }
}

#undef CONV_ROWS
#undef CONV_ROWS_OF
#undef CONV_ROWS_USE
#undef CONV_LANES
#undef CONV_LANES_OF
#undef CONV_LANES_USE
