/* One element type's convolutions. The includer defines T, V(op), VN, G(name) and GEMM. */

/* [lo, hi) of j in [0, n) with 0 <= j * step + first < size. */
static void G(inside)(int64_t n, int64_t step, int64_t first, int64_t size, int64_t *lo, int64_t *hi)
{
    *lo = first < 0 ? (-first + step - 1) / step : 0;
    *hi = first < size ? (size - 1 - first) / step + 1 : 0;
    if (*hi > n) *hi = n;
    if (*lo > *hi) *lo = *hi;
}

/* cols (channels * kh * kw, (i1 - i0) * ow) of the output rows [i0, i1); x is the first channel's plane. */
static void G(im2col)(const ct__conv_shape *s, const T *x, int64_t channels, int64_t i0, int64_t i1, T *cols)
{
    for (int64_t k = 0; k < channels; k++, x += s->h * s->w)
        for (int64_t p = 0; p < s->kh; p++)
            for (int64_t q = 0; q < s->kw; q++) {
                int64_t lo, hi, x0 = q * s->dw - s->pw;
                G(inside)(s->ow, s->sw, x0, s->w, &lo, &hi);
                for (int64_t i = i0; i < i1; i++, cols += s->ow) {
                    int64_t row = i * s->sh - s->ph + p * s->dh, j = 0;
                    if (row < 0 || row >= s->h) {
                        for (; j < s->ow; j++) cols[j] = 0;
                        continue;
                    }
                    const T *in = x + row * s->w + x0;
                    for (; j < lo; j++) cols[j] = 0;
                    if (s->sw == 1)
                        for (; j < hi; j++) cols[j] = in[j];
                    else
                        for (; j < hi; j++) cols[j] = in[j * s->sw];
                    for (; j < s->ow; j++) cols[j] = 0;
                }
            }
}

#if VEC_BYTES > 16
/* The reverse for stride 1 across and kw <= 16: each row of gx is made in registers. */
static void G(col2im_rows)(const ct__conv_shape *s, const T *cols, int64_t channels, int64_t i0, int64_t i1,
                           T *gx)
{
    int64_t width = (i1 - i0) * s->ow, y0 = conv_max(0, i0 * s->sh - s->ph);
    int64_t y1 = conv_min(s->h, (i1 - 1) * s->sh - s->ph + (s->kh - 1) * s->dh + 1);
    for (int64_t v = 0; v < s->w; v += VN) {
        V(mask) span[16], mask = V(tail)(conv_min(VN, s->w - v));
        for (int64_t q = 0; q < s->kw; q++) {
            int64_t first = q * s->dw - s->pw - v; /* the lane that output 0 goes to */
            int64_t end = conv_min(conv_min(first + s->ow, s->w - v), VN);
            span[q] = V(span)(conv_min(conv_max(first, 0), VN), conv_max(end, 0));
        }
        for (int64_t y = y0; y < y1; y++) {
            int64_t rows[64], taps = 0; /* of one channel: where a row of columns meets this row */
            for (int64_t p = 0; p < s->kh; p++) {
                int64_t up = y + s->ph - p * s->dh;
                if (up < i0 * s->sh || up >= i1 * s->sh || up % s->sh) continue;
                rows[taps++] = p * s->kw * width + (up / s->sh - i0) * s->ow + v + s->pw;
            }
            if (!taps) continue;
            for (int64_t k = 0; k < channels; k++) {
                const T *from = cols + k * s->kh * s->kw * width;
                T *to = gx + (k * s->h + y) * s->w + v;
                V() sum = V(loadm)(to, mask);
                for (int64_t p = 0; p < taps; p++) {
                    const T *in = from + rows[p];
                    for (int64_t q = 0; q < s->kw; q++, in += width - s->dw) sum += V(loadm)(in, span[q]);
                }
                V(storem)(to, sum, mask);
            }
        }
    }
}
#endif

/* The reverse, added to gx. */
static void G(col2im)(const ct__conv_shape *s, const T *cols, int64_t channels, int64_t i0, int64_t i1, T *gx)
{
    for (int64_t k = 0; k < channels; k++, gx += s->h * s->w)
        for (int64_t p = 0; p < s->kh; p++)
            for (int64_t q = 0; q < s->kw; q++) {
                int64_t lo, hi, x0 = q * s->dw - s->pw;
                G(inside)(s->ow, s->sw, x0, s->w, &lo, &hi);
                for (int64_t i = i0; i < i1; i++, cols += s->ow) {
                    int64_t row = i * s->sh - s->ph + p * s->dh;
                    if (row < 0 || row >= s->h) continue;
                    T *out = gx + row * s->w + x0;
                    if (s->sw == 1)
                        for (int64_t j = lo; j < hi; j++) out[j] += cols[j];
                    else
                        for (int64_t j = lo; j < hi; j++) out[j * s->sw] += cols[j];
                }
            }
}

static void G(cols_fwd)(const ct__conv_plan *p, const T *x, const T *w, const T *bias, T *y, int64_t t,
                        T *cols)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw, plane = s->oh * s->ow;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b = t / p->blocks / s->groups;
    int64_t i0 = block * p->rows, i1 = conv_min(s->oh, i0 + p->rows), width = (i1 - i0) * s->ow;
    T *out = y + (b * s->o + g * og) * plane + i0 * s->ow;
    if (bias)
        for (int64_t m = 0; m < og; m++)
            for (int64_t j = 0; j < width; j++) out[m * plane + j] = bias[g * og + m];
    G(im2col)(s, x + (b * s->c + g * cg) * s->h * s->w, cg, i0, i1, cols);
    GEMM(false, false, og, width, depth, 1, w + g * og * depth, depth, cols, width, bias ? 1 : 0, out, plane);
}

static void G(cols_dx)(const ct__conv_plan *p, const T *gy, const T *w, const T *bias, T *gx, int64_t t,
                       T *cols)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, taps = s->kh * s->kw, plane = s->oh * s->ow,
            in = s->h * s->w;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b = t / p->blocks / s->groups;
    int64_t c0 = block * p->chunk, c1 = conv_min(cg, c0 + p->chunk);
    if (c0 >= c1) return;
    T *out = gx + (b * s->c + g * cg + c0) * in;
    for (int64_t k = 0; k < c1 - c0; k++) {
        T first = bias ? bias[g * cg + c0 + k] : 0;
        for (int64_t j = 0; j < in; j++) out[k * in + j] = first;
    }
    for (int64_t i0 = 0; i0 < s->oh; i0 += p->rows) {
        int64_t i1 = conv_min(s->oh, i0 + p->rows), width = (i1 - i0) * s->ow;
        GEMM(true, false, (c1 - c0) * taps, width, og, 1, w + g * og * cg * taps + c0 * taps, cg * taps,
             gy + (b * s->o + g * og) * plane + i0 * s->ow, plane, 0, cols, width);
#if VEC_BYTES > 16
        if (s->sw == 1 && s->kw <= 16 && s->kh <= 64) {
            G(col2im_rows)(s, cols, c1 - c0, i0, i1, out);
            continue;
        }
#endif
        G(col2im)(s, cols, c1 - c0, i0, i1, out);
    }
}

static void G(cols_dw)(const ct__conv_plan *p, const T *x, const T *gy, T *gw, int64_t t, T *cols)
{
    const ct__conv_shape *s = &p->s;
    int64_t cg = s->c / s->groups, og = s->o / s->groups, depth = cg * s->kh * s->kw, plane = s->oh * s->ow;
    int64_t block = t % p->blocks, g = t / p->blocks % s->groups, b0 = t / p->blocks / s->groups * p->chunk;
    int64_t b1 = conv_min(s->n, b0 + p->chunk), o0 = block * og / p->blocks,
            o1 = (block + 1) * og / p->blocks;
    T *out = gw + (g * og + o0) * depth;
    bool first = true;
    for (int64_t b = b0; b < b1; b++)
        for (int64_t i0 = 0; i0 < s->oh; i0 += p->rows) {
            int64_t i1 = conv_min(s->oh, i0 + p->rows), width = (i1 - i0) * s->ow;
            G(im2col)(s, x + (b * s->c + g * cg) * s->h * s->w, cg, i0, i1, cols);
            GEMM(false, true, o1 - o0, depth, width, 1, gy + (b * s->o + g * og + o0) * plane + i0 * s->ow,
                 plane, cols, width, first ? 0 : 1, out, depth);
            first = false;
        }
    if (first) memset(out, 0, (size_t)((o1 - o0) * depth) * sizeof(T));
}

static void G(prepare)(const ct__conv_plan *p, const T *w, void *shared)
{
    if (p->method == CONV_ROWS) G(rows_prepare)(p, w, shared);
    if (p->method == CONV_LANES && p->dir == CT__CONV_FWD) G(lanes_prepare)(p, w, shared);
    if (p->method == CONV_LANES && p->dir == CT__CONV_DX) G(lanes_prepare_turned)(p, w, shared);
    if (p->method == CONV_SPREAD) G(spread_prepare)(p, w, shared);
    if (p->method == CONV_SPARSE) G(sparse_prepare)(p, w, shared);
}

static void G(run)(const ct__conv_plan *p, const T *in, const T *w, const T *bias, T *out, const void *shared,
                   int64_t t0, int64_t t1, void *work)
{
    T *aligned = conv_align(work);
    ct__conv_plan turned;
    if (p->method == CONV_LANES && p->dir == CT__CONV_DX) {
        turned = *p;
        turned.s = conv_turned(&p->s);
        p = &turned;
    }
    for (int64_t t = t0; t < t1; t++) {
        if (p->method == CONV_ROWS)
            G(rows_fwd)(p, in, bias, out, shared, t, aligned);
        else if (p->method == CONV_SPREAD)
            G(spread_dx)(p, in, bias, out, shared, t, aligned);
        else if (p->method == CONV_SPARSE)
            G(sparse_dx)(p, in, bias, out, shared, t, aligned);
        else if (p->method == CONV_LANES)
            G(lanes_fwd)(p, in, bias, out, shared, t, aligned);
        else if (p->dir == CT__CONV_FWD)
            G(cols_fwd)(p, in, w, bias, out, t, aligned);
        else
            G(cols_dx)(p, in, w, bias, out, t, aligned);
    }
}

static void G(dw)(const ct__conv_plan *p, const T *x, const T *gy, void *partial, T *gw, T *gb, int64_t t0, int64_t t1, void *work)
{
    T *aligned = conv_align(work);
    int64_t size = p->s.o * (p->s.c / p->s.groups) * p->s.kh * p->s.kw, each = p->blocks * p->s.groups;
    for (int64_t t = t0; t < t1; t++) {
        T *out = p->partial_bytes ? (T *)partial + t / each * (size + (p->bias ? p->s.o : 0)) : gw;
        if (p->method == CONV_ROWS)
            G(rows_dw)(p, x, gy, out, t, aligned);
        else if (p->method == CONV_LANES)
            G(lanes_dw)(p, x, gy, out, t, aligned);
        else if (p->method == CONV_SPARSE)
            G(sparse_dw)(p, x, gy, out, !p->bias ? NULL : p->partial_bytes ? out + size : gb, t, aligned);
        else
            G(cols_dw)(p, x, gy, out, t, aligned);
    }
}

static void G(dw_sum)(const ct__conv_plan *p, const void *partial, T *gw, T *gb, int64_t e0, int64_t e1)
{
    int64_t size = p->s.o * (p->s.c / p->s.groups) * p->s.kh * p->s.kw, each = size + (p->bias ? p->s.o : 0);
    for (int64_t k = 0; k < p->chunks; k++) {
        const T *s = (const T *)partial + k * each;
        for (int64_t e = e0; e < conv_min(e1, size); e++) gw[e] = k ? gw[e] + s[e] : s[e];
        for (int64_t e = conv_max(e0, size); e < e1; e++) gb[e - size] = k ? gb[e - size] + s[e] : s[e];
    }
}
