/* One element type's gradients of a convolution whose output gradient is mostly zeros (beside conv_direct.h; same macros).
 * Max pooling hands back one gradient of the k x k of a window, ReLU none where it cut off; so 10 to 25 % of gy is left in the
 * usual network, and a step over the rest adds 0 * something. `sparse` makes a list of what is not zero and walks it:
 *
 *     gw[m][p, q, k] += g * x[i + p][j + q][k]      for each (i, j) with g = gy[m][i][j] not 0
 *     gx[i + p][j + q][k] += sum over m of g * w[m][p, q, k]      for each (i, j), over the m with g not 0
 *
 * With channels innermost, (q, k) are neighbours in memory for both x and gx, so a kernel row is a run of
 * kw * cg floats, taken as `R` vectors (the lanes beyond are not used, or add 0):
 *
 *     x, gx frame   row y:     | x0: k0 k1 k2 | x1: k0 k1 k2 | x2 ...        a copy with zeros around, or sums
 *     a nonzero     p = 0:       [ q0........ | q1.......... | q2 ..]        R vectors at the place of (i, j)
 *     at (i, j)     p = 1:       the same one row further down, ...          kh * R vectors in all
 *
 * Weight's gradient: a tile of kernel rows and vectors stays in registers over the whole list of a channel m. Input's gradient:
 * down a column j; the kh rows of the frame below (i, j) stay in registers, the uppermost is added to the frame, the others move up.
 *
 * A zero may be left out only where what it meets is finite (0 * inf is NaN), and zeros of the weights fill up vectors. So
 * `sparse` looks at w, and each task at its part of x or gy while that is in the cache: one that is not finite ends it, and
 * the caller takes the dense plan. Samples of gy tell how full it is; they and the sizes decide, never the threads. The bias's gradient
 * is summed while the list is made: in a pass of its own it took 2 to 4 % of a LeNet step (batch 64, 256). */

#define CONV_LIST 4096 /* entries of a list of nonzeros */
#define CONV_LINES 64 /* rows of gy that the input's gradient turns at a time, at most */
#define CONV_TALL 7   /* kernel rows of the input's gradient, at most */
#define CONV_TOGETHER 2 /* entries of a list that the input's gradient takes at a time */

/* All of x is finite: x - x is 0 there and NaN elsewhere. */
static bool G(finite)(const T *x, int64_t n)
{
    V() a = V(zero)(), b = V(zero)();
    int64_t j = 0;
    for (; j + 2 * VN <= n; j += 2 * VN) {
        V() u = V(load)(x + j), v = V(load)(x + j + VN);
        a += u - u;
        b += v - v;
    }
    T sum = V(sum)(a + b);
    for (; j < n; j++) sum += x[j] - x[j];
    return sum == 0;
}

/* The share of x that is not zero, from eight pieces of it at most. */
static double G(density)(const T *x, int64_t n)
{
    if (n < VN) return 1;
    int64_t piece = n <= 8192 ? n : 1024, step = n <= 8192 ? n : n / 8, seen = 0;
    V(int) count = {0};
    for (int64_t at = 0; at + piece <= n; at += step)
        for (int64_t j = 0; j + VN <= piece; j += VN, seen += VN) {
            V() v = V(load)(x + at + j);
            count -= (V(int))(v != V(zero)());
        }
    int64_t full = 0;
    for (int lane = 0; lane < VN; lane++) full += count[lane];
    return (double)full / (double)seen;
}

/* Turns the plan of a gradient into a sparse one where that is the faster. */
static void G(sparse)(ct__conv_plan *p, const T *gy, const T *weight, bool bias, int *odd)
{
    const ct__conv_shape *s = &p->s;
    if (p->dir == CT__CONV_FWD || s->dw != 1 || !p->tasks || !p->task_cost) return;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, run = s->kw * cg, R = conv_ceil(run, VN), plane = s->oh * s->ow;
    if (s->kh * R > CONV_RUNS || s->ow > CONV_LIST / 4) return;
    double share = G(density)(gy, s->n * s->o * plane), turn = 2. * (double)(s->h * s->w * cg) / (double)(og * plane);
    double dense = 1.3 * (double)(s->kh * run) / VN, sparse = share * (double)(s->kh * R + 3) + 1.5 + turn;
    if (p->dir == CT__CONV_DX) sparse += (double)(20 + s->kh * R + 3 * R) / (double)og - .5;
    if (share > .5 || !(sparse < .8 * dense)) return;
    if (p->dir == CT__CONV_DX && !G(finite)(weight, s->o * cg * s->kh * s->kw)) return;
    ct__conv_plan q = {.s = *s, .dir = p->dir, .f64 = p->f64, .method = CONV_SPARSE, .odd = odd};
    int64_t size = (int64_t)sizeof(T), cost = s->kh * run * og * s->ow; /* of an output row, every element counted */
    if (p->dir == CT__CONV_DX) {
        /* A task: one image, one group, a block of rows of gx. v: columns of the frame; rows of gy turned at a time; parts of a run
         * of vectors of which the kernel's rows fit into registers. */
        if (s->sh != 1 || s->dh != 1 || s->kh > CONV_TALL) return;
        q.v[2] = conv_ceil(R, conv_min(4, CONV_SPARSE_TILE / s->kh));
        R = conv_ceil(R, q.v[2]) * q.v[2];
        q.v[0] = conv_max((s->ow - 1) * s->sw + s->kw, s->w + s->pw);
        int64_t row = q.v[0] * cg * size;
        q.rows = conv_max(1, conv_min(conv_min(s->h, conv_max(6 * s->kh, conv_ceil(1 << 20, cost))), (1 << 18) / row));
        q.blocks = conv_ceil(s->h, q.rows);
        q.rows = conv_ceil(s->h, q.blocks);
        q.v[1] = conv_max(1, conv_min(conv_min(s->oh, CONV_LINES), (1 << 14) / (s->ow * conv_ceil(og, VN) * VN)));
        q.tasks = s->n * s->groups * q.blocks;
        q.task_cost = cost * q.rows * 3 / 4;
        q.shared_bytes = s->o * s->kh * R * VN * size + 64;
        q.work_bytes = q.rows * row + (R * VN + q.v[1] * s->ow * conv_ceil(og, VN) * VN + VN * VN) * size
                       + (q.v[1] * (og + CONV_TOGETHER) + 2 * VN) * 2 * size + 512;
    } else {
        /* A task: a chunk of images, one group, a block of channels, for which bands of v[1] output rows are copied. */
        q.bias = bias;
        conv_plan_chunks(&q, (s->o * cg * s->kh * s->kw + (bias ? s->o : 0)) * size, cost * s->oh * 3 / 4);
        q.blocks = q.chunks >= 4 ? 1 : conv_max(1, conv_min(8 / q.chunks, og / 16));
        q.tasks = q.chunks * s->groups * q.blocks;
        q.task_cost = cost * s->oh * q.chunk / q.blocks * 3 / 4;
        q.v[0] = (s->ow - 1) * s->sw + s->kw;
        int64_t row = q.v[0] * cg * size, most = (1 << 17) / row;
        q.v[1] = conv_max(1, conv_min(s->oh, (most - (s->kh - 1) * s->dh - 1) / s->sh + 1));
        int64_t rows = (q.v[1] - 1) * s->sh + (s->kh - 1) * s->dh + 1;
        q.work_bytes = rows * row + (conv_ceil(og, q.blocks) * (s->kh * R + 1) * VN + VN) * size + (CONV_LIST + 2 * VN) * 2 * size + 512;
    }
    if (q.work_bytes > 1 << 23) return;
    *p = q;
}

/* to[j][k] = from[k * plane + j] for j < n, k < channels. */
static void G(inward)(const T *from, int64_t plane, int64_t n, int64_t channels, T *to)
{
    int64_t k = 0;
    if (channels == 3) {
        int64_t j = 0;
#if VEC_BYTES > 16
        for (; j + VN <= n; j += VN) V(weave3)(V(load)(from + j), V(load)(from + plane + j), V(load)(from + 2 * plane + j), to + 3 * j);
#endif
        for (; j < n; j++) to[3 * j] = from[j], to[3 * j + 1] = from[plane + j], to[3 * j + 2] = from[2 * plane + j];
        return;
    }
    for (; k + VN <= channels; k += VN) {
        int64_t j = 0;
        for (; j + V(COLS) <= n; j += V(COLS)) {
            V() col[4];
            V(columns)(col, from + k * plane + j, plane);
            for (int l = 0; l < V(COLS); l++) V(store)(to + (j + l) * channels + k, col[l]);
        }
        for (; j < n; j++)
            for (int64_t l = k; l < k + VN; l++) to[j * channels + l] = from[l * plane + j];
    }
    const int64_t L = 16 / (int64_t)sizeof(T);
    for (; k < channels; k += L) {
        if (k + L > channels) k = conv_max(0, channels - L); /* some twice */
        int64_t j = 0, high = conv_min(L, channels - k);
        for (; high == L && j + L <= n; j += L) V(flip)(from + k * plane + j, plane, to + j * channels + k, channels);
        for (; j < n; j++)
            for (int64_t l = k; l < k + high; l++) to[j * channels + l] = from[l * plane + j];
    }
}

/* to[k * plane + j] = from[j][k] for j < n, k < channels. */
static void G(outward)(const T *from, int64_t n, int64_t channels, T *to, int64_t plane)
{
    const int64_t L = 16 / (int64_t)sizeof(T);
    for (int64_t k = 0; k < channels; k += L) {
        if (k + L > channels) k = conv_max(0, channels - L);
        int64_t j = 0, high = conv_min(L, channels - k);
        for (; high == L && j + L <= n; j += L) V(flip)(from + j * channels + k, channels, to + k * plane + j, plane);
        for (; j < n; j++)
            for (int64_t l = k; l < k + high; l++) to[l * plane + j] = from[j * channels + l];
    }
}

/* ---- weight's gradient ---- */

/* out[a][r] += sum over the list of values[t] * x[places[t] + a * down + r], a < P rows of R vectors, rows of out `row` apart. */
CT_KINLINE void G(sparse_dw_tile)(const int P, const int R, const T *values, const V(index) * places, int64_t n, const T *x,
                                  int64_t down, T *out, int64_t row)
{
    V() acc[2][CONV_SPARSE_TILE];
    const int sets = P * R <= 5 ? 2 : 1;
#pragma GCC unroll 24
    for (int v = 0; v < P * R; v++) {
        acc[0][v] = V(load)(out + v / R * row + v % R * VN);
        acc[1][v] = V(zero)();
    }
    int64_t t = 0;
    for (; t + sets <= n; t += sets) {
#pragma GCC unroll 2
        for (int e = 0; e < sets; e++) {
            const T *in = x + places[t + e];
            V() g = V(set1)(values[t + e]);
#pragma GCC unroll 24
            for (int v = 0; v < P * R; v++) acc[e][v] = V(fma)(g, V(load)(in + v / R * down + v % R * VN), acc[e][v]);
        }
    }
    if (sets == 2 && t < n) {
        const T *in = x + places[t];
        V() g = V(set1)(values[t]);
#pragma GCC unroll 24
        for (int v = 0; v < P * R; v++) acc[0][v] = V(fma)(g, V(load)(in + v / R * down + v % R * VN), acc[0][v]);
    }
#pragma GCC unroll 24
    for (int v = 0; v < P * R; v++) {
        if (sets == 2) acc[0][v] += acc[1][v];
        V(store)(out + v / R * row + v % R * VN, acc[0][v]);
    }
}

typedef void (*G(sparse_dw_fn))(const T *values, const V(index) * places, int64_t n, const T *x, int64_t down, T *out,
                                int64_t row);
#define CONV_SP(P, R) \
    static void G(sparse_dw_##P##_##R)(const T *values, const V(index) * places, int64_t n, const T *x, int64_t down, \
                                       T *out, int64_t row) \
    { \
        G(sparse_dw_tile)(P, R, values, places, n, x, down, out, row); \
    }
CONV_SP(1, 1) CONV_SP(2, 1) CONV_SP(3, 1) CONV_SP(4, 1) CONV_SP(5, 1) CONV_SP(6, 1) CONV_SP(7, 1) CONV_SP(8, 1)
CONV_SP(1, 2) CONV_SP(2, 2) CONV_SP(3, 2) CONV_SP(4, 2) CONV_SP(5, 2) CONV_SP(6, 2)
CONV_SP(1, 3) CONV_SP(2, 3) CONV_SP(3, 3) CONV_SP(4, 3)
CONV_SP(1, 4) CONV_SP(2, 4) CONV_SP(3, 4)
#if CONV_SPARSE_TILE > 12
CONV_SP(7, 2) CONV_SP(8, 2) CONV_SP(5, 3) CONV_SP(6, 3) CONV_SP(7, 3) CONV_SP(8, 3) CONV_SP(4, 4) CONV_SP(5, 4) CONV_SP(6, 4)
#endif
static const struct {
    int most; /* kernel rows */
    G(sparse_dw_fn) fn[8];
} G(sparse_dw_table)[4] = {
    {8, {G(sparse_dw_1_1), G(sparse_dw_2_1), G(sparse_dw_3_1), G(sparse_dw_4_1), G(sparse_dw_5_1), G(sparse_dw_6_1),
         G(sparse_dw_7_1), G(sparse_dw_8_1)}},
#if CONV_SPARSE_TILE > 12
    {8, {G(sparse_dw_1_2), G(sparse_dw_2_2), G(sparse_dw_3_2), G(sparse_dw_4_2), G(sparse_dw_5_2), G(sparse_dw_6_2),
         G(sparse_dw_7_2), G(sparse_dw_8_2)}},
    {8, {G(sparse_dw_1_3), G(sparse_dw_2_3), G(sparse_dw_3_3), G(sparse_dw_4_3), G(sparse_dw_5_3), G(sparse_dw_6_3),
         G(sparse_dw_7_3), G(sparse_dw_8_3)}},
    {6, {G(sparse_dw_1_4), G(sparse_dw_2_4), G(sparse_dw_3_4), G(sparse_dw_4_4), G(sparse_dw_5_4), G(sparse_dw_6_4)}},
#else
    {6, {G(sparse_dw_1_2), G(sparse_dw_2_2), G(sparse_dw_3_2), G(sparse_dw_4_2), G(sparse_dw_5_2), G(sparse_dw_6_2)}},
    {4, {G(sparse_dw_1_3), G(sparse_dw_2_3), G(sparse_dw_3_3), G(sparse_dw_4_3)}},
    {3, {G(sparse_dw_1_4), G(sparse_dw_2_4), G(sparse_dw_3_4)}},
#endif
};
#undef CONV_SP

/* Lists what is not zero of a row of `n` gradients, the first at `place`, the others `lane`s further; what is written beyond the
 * count fits in VN more. total[VN] += the row. */
static __attribute__((noinline)) int64_t G(sparse_row)(const T *row, int64_t n, V(int) place, int64_t step, T *values, V(index) * places,
                                                       T *total)
{
    V(int) far = (V(int)){0} + (V(index))(VN * step);
    V() sum = V(load)(total);
    const T *end = row + n, *first = values;
    for (; row + VN <= end; row += VN, place += far) {
        V() g = V(load)(row);
        int64_t count = V(nonzero)(g, place, values, places);
        values += count;
        places += count;
        sum += g;
    }
    if (row < end) {
        V() g = V(loadm)(row, V(tail)(end - row));
        values += V(nonzero)(g, place, values, places);
        sum += g;
    }
    V(store)(total, sum);
    return values - first;
}

/* Adds a list to the sums [kh][R][VN] of one channel. */
static void G(sparse_add)(const ct__conv_shape *s, int64_t R, const T *values, const V(index) * places, int64_t n, const T *x,
                          int64_t down, T *sums)
{
    int64_t across = conv_ceil(R, 4);
    for (int64_t c = 0; c < across; c++) {
        int64_t r0 = c * R / across, r = (c + 1) * R / across - r0, parts = conv_ceil(s->kh, G(sparse_dw_table)[r - 1].most);
        for (int64_t part = 0; part < parts; part++) {
            int64_t a0 = part * s->kh / parts, a1 = (part + 1) * s->kh / parts;
            G(sparse_dw_table)[r - 1].fn[a1 - a0 - 1](values, places, n, x + a0 * down + r0 * VN, down,
                                                      sums + (a0 * R + r0) * VN, R * VN);
        }
    }
}

/* gb: of the bias, or NULL. */
static void G(sparse_dw)(const ct__conv_plan *p, const T *x, const T *gy, T *gw, T *gb, int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, plane = s->oh * s->ow, R = conv_ceil(s->kw * cg, VN);
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b0 = t / p->blocks / s->groups * p->chunk;
    int64_t b1 = conv_min(s->n, b0 + p->chunk), o0 = block * og / p->blocks, o1 = (block + 1) * og / p->blocks;
    int64_t pitch = p->v[0] * cg, high = (p->v[1] - 1) * s->sh + (s->kh - 1) * s->dh + 1, each = s->kh * R * VN;
    T *sums = work, *totals = sums + (o1 - o0) * each, *frame = totals + (o1 - o0) * VN, *values = frame + high * pitch + VN;
    V(index) *places = (V(index) *)conv_align(values + CONV_LIST + VN);
    memset(sums, 0, (size_t)((o1 - o0) * (each + VN)) * sizeof(T));
    memset(frame + high * pitch, 0, VN * sizeof(T));
    V(int) lane;
    for (int l = 0; l < VN; l++) lane[l] = (V(index))(l * s->sw * cg);
    int64_t lo = conv_min(s->pw, p->v[0]), columns = conv_min(p->v[0] - lo, s->w);
    for (int64_t b = b0; b < b1; b++)
        for (int64_t i0 = 0; i0 < s->oh; i0 += p->v[1]) {
            int64_t i1 = conv_min(s->oh, i0 + p->v[1]), rows = (i1 - i0 - 1) * s->sh + (s->kh - 1) * s->dh + 1;
            for (int64_t r = 0; r < rows; r++) {
                T *to = frame + r * pitch;
                int64_t y = i0 * s->sh - s->ph + r;
                if (y < 0 || y >= s->h) {
                    memset(to, 0, (size_t)pitch * sizeof(T));
                    continue;
                }
                memset(to, 0, (size_t)(lo * cg) * sizeof(T));
                memset(to + (lo + columns) * cg, 0, (size_t)(pitch - (lo + columns) * cg) * sizeof(T));
                G(inward)(x + (b * s->c + g * cg) * s->h * s->w + y * s->w, s->h * s->w, columns, cg, to + lo * cg);
            }
            if (!G(finite)(frame, rows * pitch)) {
                __atomic_store_n(p->odd, 1, __ATOMIC_RELAXED);
                return;
            }
            for (int64_t m = o0; m < o1; m++) {
                const T *grad = gy + (b * s->o + g * og + m) * plane;
                int64_t n = 0;
                for (int64_t i = i0; i < i1; i++) {
                    n += G(sparse_row)(grad + i * s->ow, s->ow, lane + (V(index))((i - i0) * s->sh * pitch), s->sw * cg, values + n,
                                       places + n, totals + (m - o0) * VN);
                    if (n + s->ow <= CONV_LIST) continue;
                    G(sparse_add)(s, R, values, places, n, frame, s->dh * pitch, sums + (m - o0) * each);
                    n = 0;
                }
                if (n) G(sparse_add)(s, R, values, places, n, frame, s->dh * pitch, sums + (m - o0) * each);
            }
        }
    for (int64_t m = o0; m < o1; m++) {
        T *out = gw + (g * og + m) * cg * s->kh * s->kw;
        const T *from = sums + (m - o0) * each;
        for (int64_t a = 0; a < s->kh; a++)
            for (int64_t q = 0; q < s->kw; q++)
                for (int64_t k = 0; k < cg; k++) out[(k * s->kh + a) * s->kw + q] = from[a * R * VN + q * cg + k];
        if (gb) gb[g * og + m] = V(sum)(V(load)(totals + (m - o0) * VN));
    }
}

/* ---- input's gradient ---- */

/* One column of gy: `rows` lists, counts[i] entries each, filled up with zeros to a multiple of CONV_TOGETHER (a loop whose turns
 * hardly vary is predicted). frame[y + i + a][r] += sum over list i of values[t] * w[places[t]][a][r], a < P kernel rows of R
 * vectors, for frame rows in [0, height). */
CT_KINLINE void G(sparse_dx_tile)(const int P, const int R, const T *values, const V(index) * places, const int32_t *counts,
                                  int64_t rows, const T *w, T *frame, int64_t pitch, int64_t y, int64_t height)
{
    V() acc[CONV_SPARSE_TILE];
#pragma GCC unroll 24
    for (int v = 0; v < P * R; v++) acc[v] = V(zero)();
    for (int64_t i = 0; i < rows + P - 1; i++) {
        for (int64_t n = i < rows ? counts[i] : 0; n > 0; n -= CONV_TOGETHER) {
#pragma GCC unroll 2
            for (int e = 0; e < CONV_TOGETHER; e++) {
                const T *in = w + *places++;
                V() g = V(set1)(*values++);
#pragma GCC unroll 24
                for (int v = 0; v < P * R; v++) acc[v] = V(fma)(g, V(load)(in + v * VN), acc[v]);
            }
        }
        if (y + i >= 0 && y + i < height) {
            T *to = frame + (y + i) * pitch;
#pragma GCC unroll 24
            for (int v = 0; v < R; v++) V(store)(to + v * VN, V(load)(to + v * VN) + acc[v]);
        }
#pragma GCC unroll 24
        for (int v = 0; v < (P - 1) * R; v++) acc[v] = acc[v + R];
#pragma GCC unroll 24
        for (int v = (P - 1) * R; v < P * R; v++) acc[v] = V(zero)();
    }
}

typedef void (*G(sparse_dx_fn))(const T *values, const V(index) * places, const int32_t *counts, int64_t rows, const T *w,
                                T *frame, int64_t pitch, int64_t y, int64_t height);
#define CONV_SP(P, R) \
    static void G(sparse_dx_##P##_##R)(const T *values, const V(index) * places, const int32_t *counts, int64_t rows, const T *w, \
                                       T *frame, int64_t pitch, int64_t y, int64_t height) \
    { \
        G(sparse_dx_tile)(P, R, values, places, counts, rows, w, frame, pitch, y, height); \
    }
CONV_SP(1, 1) CONV_SP(2, 1) CONV_SP(3, 1) CONV_SP(4, 1) CONV_SP(5, 1) CONV_SP(6, 1) CONV_SP(7, 1)
CONV_SP(1, 2) CONV_SP(2, 2) CONV_SP(3, 2) CONV_SP(4, 2) CONV_SP(5, 2) CONV_SP(6, 2)
CONV_SP(1, 3) CONV_SP(2, 3) CONV_SP(3, 3) CONV_SP(4, 3)
CONV_SP(1, 4) CONV_SP(2, 4) CONV_SP(3, 4)
#if CONV_SPARSE_TILE > 12
CONV_SP(7, 2) CONV_SP(5, 3) CONV_SP(6, 3) CONV_SP(7, 3) CONV_SP(4, 4) CONV_SP(5, 4) CONV_SP(6, 4)
#endif
/* By kernel rows, 1 to CONV_TALL, and vectors, 1 to 4. */
static const G(sparse_dx_fn) G(sparse_dx_table)[CONV_TALL][4] = {
    {G(sparse_dx_1_1), G(sparse_dx_1_2), G(sparse_dx_1_3), G(sparse_dx_1_4)},
    {G(sparse_dx_2_1), G(sparse_dx_2_2), G(sparse_dx_2_3), G(sparse_dx_2_4)},
    {G(sparse_dx_3_1), G(sparse_dx_3_2), G(sparse_dx_3_3), G(sparse_dx_3_4)},
#if CONV_SPARSE_TILE > 12
    {G(sparse_dx_4_1), G(sparse_dx_4_2), G(sparse_dx_4_3), G(sparse_dx_4_4)},
    {G(sparse_dx_5_1), G(sparse_dx_5_2), G(sparse_dx_5_3), G(sparse_dx_5_4)},
    {G(sparse_dx_6_1), G(sparse_dx_6_2), G(sparse_dx_6_3), G(sparse_dx_6_4)},
    {G(sparse_dx_7_1), G(sparse_dx_7_2), G(sparse_dx_7_3)},
#else
    {G(sparse_dx_4_1), G(sparse_dx_4_2), G(sparse_dx_4_3)},
    {G(sparse_dx_5_1), G(sparse_dx_5_2)},
    {G(sparse_dx_6_1), G(sparse_dx_6_2)},
    {G(sparse_dx_7_1)},
#endif
};
#undef CONV_SP

/* shared: [group][part][channel of gy][kh][vectors of a part * VN], (q, k) in the lanes and zeros beyond. */
static void G(sparse_prepare)(const ct__conv_plan *p, const T *w, void *shared)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, run = s->kw * cg, parts = p->v[2];
    int64_t wide = conv_ceil(conv_ceil(run, VN), parts) * VN;
    T *to = conv_align(shared);
    for (int64_t g = 0; g < s->groups; g++, w += og * run * s->kh)
        for (int64_t part = 0; part < parts; part++)
            for (int64_t m = 0; m < og; m++)
                for (int64_t a = 0; a < s->kh; a++, to += wide) {
                    const T *from = w + m * run * s->kh + a * s->kw;
                    int64_t q = part * wide / cg, k = part * wide % cg;
                    for (int64_t l = 0; l < wide; l++) {
                        to[l] = q < s->kw ? from[k * s->kh * s->kw + q] : 0;
                        if (++k == cg) k = 0, q++;
                    }
                }
}

/* Lists what is not zero of `blocks` vectors `apart`, the first at `place`, the others `step`s further. */
static __attribute__((noinline)) int64_t G(sparse_pixel)(const T *from, int64_t apart, int64_t blocks, V(int) place, V(int) step,
                                                         T *values, V(index) * places)
{
    const T *first = values;
    for (; blocks > 0; blocks--, from += apart, place += step) {
        int64_t count = V(nonzero)(V(load)(from), place, values, places);
        values += count;
        places += count;
    }
    return values - first;
}

static void G(sparse_dx)(const ct__conv_plan *p, const T *gy, const T *bias, T *gx, const void *shared, int64_t t, T *work)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, plane = s->oh * s->ow, parts = p->v[2];
    int64_t r = conv_ceil(conv_ceil(s->kw * cg, VN), parts), each = s->kh * r * VN; /* vectors of a part; weights of a channel */
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b = t / p->blocks / s->groups;
    int64_t y0 = block * p->rows, y1 = conv_min(s->h, y0 + p->rows), pitch = p->v[0] * cg, ob = conv_ceil(og, VN);
    if (y0 >= y1) return;
    const T *w = (const T *)conv_align((void *)(uintptr_t)shared) + g * parts * og * each;
    T *frame = work, *turned = frame + p->rows * pitch + parts * r * VN, *values = turned + p->v[1] * s->ow * ob * VN + VN * VN;
    int64_t entries = p->v[1] * (og + CONV_TOGETHER) + 2 * VN;
    V(index) *places = (V(index) *)conv_align(values + entries);
    int32_t counts[CONV_LINES];
    memset(frame, 0, (size_t)((y1 - y0) * pitch + parts * r * VN) * sizeof(T));
    V(int) lane, step = (V(int)){0} + (V(index))(VN * each);
    for (int l = 0; l < VN; l++) lane[l] = (V(index))(l * each);
    /* Output rows that touch [y0, y1): i - ph + a for some a < kh. */
    int64_t i0 = conv_max(0, y0 + s->ph - s->kh + 1), i1 = conv_min(s->oh, y1 + s->ph);
    const T *grad = gy + (b * s->o + g * og) * plane;
    for (int64_t first = i0; first < i1; first += p->v[1]) {
        int64_t last = conv_min(i1, first + p->v[1]), count = (last - first) * s->ow;
        for (int64_t m = 0; m < ob; m++)
            G(lanes_in)(grad + m * VN * plane + first * s->ow, plane, count, conv_min(VN, og - m * VN), turned + m * count * VN);
        if (!G(finite)(turned, count * ob * VN)) {
            __atomic_store_n(p->odd, 1, __ATOMIC_RELAXED);
            return;
        }
        for (int64_t j = 0; j < s->ow; j++) {
            int64_t n = 0;
            for (int64_t i = 0; i < last - first; i++) {
                int64_t more = G(sparse_pixel)(turned + (i * s->ow + j) * VN, count * VN, ob, lane, step, values + n, places + n);
                int64_t full = conv_ceil(more, CONV_TOGETHER) * CONV_TOGETHER;
                for (; more < full; more++) values[n + more] = 0, places[n + more] = 0;
                counts[i] = (int32_t)full;
                n += full;
            }
            if (!n) continue;
            for (int64_t part = 0; part < parts; part++)
                G(sparse_dx_table)
                [s->kh - 1][r - 1](values, places, counts, last - first, w + part * og * each,
                                   frame + j * s->sw * cg + part * r * VN, pitch, first - s->ph - y0, y1 - y0);
        }
    }
    T *out = gx + (b * s->c + g * cg) * s->h * s->w;
    for (int64_t y = y0; y < y1; y++) G(outward)(frame + (y - y0) * pitch + s->pw * cg, s->w, cg, out + y * s->w, s->h * s->w);
    for (int64_t k = 0; bias && k < cg; k++)
        for (int64_t j = y0 * s->w; j < y1 * s->w; j++) out[k * s->h * s->w + j] += bias[g * cg + k];
}
