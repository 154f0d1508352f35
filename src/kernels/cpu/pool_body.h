/* One element type's pooling. The includer defines T, V(op), VN, G(name), and VI (its lanes' integer),
 * G(even), G(odd): lanes of two vectors. */

static void G(max_window)(const T *x, int64_t w, int64_t y0, int64_t ny, int64_t dy, int64_t x0, int64_t nx,
                          int64_t dx, T *best, int64_t *place)
{
    T most = (T)-INFINITY;
    int64_t at = -1;
    for (int64_t a = 0; a < ny; a++)
        for (int64_t b = 0; b < nx; b++) {
            int64_t here = (y0 + a * dy) * w + x0 + b * dx;
            T v = x[here];
            if (v > most || v != v || at < 0) {
                most = v;
                at = here;
            }
        }
    *best = most;
    *place = at;
}

/* VN windows of 2 x 2: u the upper rows' lanes, l the lower ones'; the best, and which of the four it was.
 * The order of comparison is upper left, upper right, lower left, lower right; a later one wins when greater
 * or NaN. */
CT_KINLINE V() G(best4)(V() u0, V() u1, V() l0, V() l1, V(INT) * which)
{
    V() best = G(even)(u0, u1), c1 = G(odd)(u0, u1), c2 = G(even)(l0, l1), c3 = G(odd)(l0, l1);
    V(INT) off, take;
    take = (V(INT))(c1 > best) | (V(INT))(c1 != c1);
    best = (V())(((V(INT))c1 & take) | ((V(INT))best & ~take));
    off = take & 1;
    take = (V(INT))(c2 > best) | (V(INT))(c2 != c2);
    best = (V())(((V(INT))c2 & take) | ((V(INT))best & ~take));
    off = (off & ~take) | (take & 2);
    take = (V(INT))(c3 > best) | (V(INT))(c3 != c3);
    best = (V())(((V(INT))c3 & take) | ((V(INT))best & ~take));
    *which = (off & ~take) | (take & 3);
    return best;
}

/* Places in the plane (or in its row of windows, from 0) out of best4's answers: 0, 1, 2, 3 -> 0, 1, w, w
 * + 1. */
CT_KINLINE V(INT) G(place4)(V(INT) which, V(INT) lane, int64_t w)
{
    V(INT) down = -(which >> 1);
    return lane + (which & 1) + (down & ((V(INT)){0} + (VI)w));
}

typedef int64_t G(places) __attribute__((vector_size(VN * 8)));
typedef int64_t G(places_unaligned) __attribute__((vector_size(VN * 8), may_alias, aligned(8)));

/* One row of 2 x 2 windows with stride 2: x the upper row, `at` its first place in the plane. `room`: how
 * much of index may be written, from here on (later rows write theirs afterwards). */
static void G(max2x2_row)(const T *x, int64_t w, int64_t at, int64_t ow, T *y, int64_t *index, int64_t room)
{
    V(INT) lane, which;
    for (int l = 0; l < VN; l++) lane[l] = 2 * l;
    int64_t j = 0;
    for (; j + VN <= ow; j += VN) {
        const T *p = x + 2 * j;
        V(store)(y + j, G(best4)(V(load)(p), V(load)(p + VN), V(load)(p + w), V(load)(p + w + VN), &which));
        if (index) {
            G(places) place = __builtin_convertvector(G(place4)(which, lane, w), G(places)) + (at + 2 * j);
            *(G(places_unaligned) *)(index + j) = place;
        }
    }
#if VEC_BYTES > 16
    if (j < ow) {
        const T *p = x + 2 * j;
        int64_t left = ow - j, high = left * 2 > VN ? left * 2 - VN : 0;
        V(mask) lo = V(tail)(left * 2), hi = V(tail)(high);
        V()
        best = G(best4)(V(loadm)(p, lo), high ? V(loadm)(p + VN, hi) : V(zero)(), V(loadm)(p + w, lo),
                        high ? V(loadm)(p + w + VN, hi) : V(zero)(), &which);
        V(storem)(y + j, best, V(tail)(left));
        if (index) {
            G(places) place = __builtin_convertvector(G(place4)(which, lane, w), G(places)) + (at + 2 * j);
            if (room - j >= VN)
                *(G(places_unaligned) *)(index + j) = place;
            else
                memcpy(index + j, &place, (size_t)left * sizeof(int64_t));
        }
        j = ow;
    }
#endif
    for (; j < ow; j++) {
        T best;
        int64_t place;
        G(max_window)(x + 2 * j, w, 0, 2, 1, 0, 2, 1, &best, &place);
        y[j] = best;
        if (index) index[j] = at + 2 * j + place;
    }
}

static void G(max)(const ct__pool_shape *s, const T *x, T *y, int64_t *index, int64_t p0, int64_t p1)
{
    bool two = s->kh == 2 && s->kw == 2 && s->sh == 2 && s->sw == 2 && !s->ph && !s->pw && s->dh == 1
               && s->dw == 1 && 2 * s->oh <= s->h && 2 * s->ow <= s->w && s->w < (1 << 30);
    for (int64_t p = p0; p < p1; p++) {
        const T *in = x + p * s->h * s->w;
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t to = (p * s->oh + i) * s->ow;
            if (two) {
                G(max2x2_row)(in + 2 * i * s->w, s->w, 2 * i * s->w, s->ow, y + to, index ? index + to : NULL,
                              p1 * s->oh * s->ow - to);
                continue;
            }
            int64_t y0, ny;
            pool_window(i, s->sh, s->ph, s->kh, s->dh, s->h, &y0, &ny);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0, nx, place;
                pool_window(j, s->sw, s->pw, s->kw, s->dw, s->w, &x0, &nx);
                G(max_window)(in, s->w, y0, ny, s->dh, x0, nx, s->dw, y + to + j, &place);
                if (index) index[to + j] = place;
            }
        }
    }
}

static void G(max_bwd)(int64_t in_plane, int64_t out_plane, const T *gy, const int64_t *index, T *gx,
                       int64_t p0, int64_t p1)
{
    memset(gx + p0 * in_plane, 0, (size_t)((p1 - p0) * in_plane) * sizeof(T));
    for (int64_t p = p0; p < p1; p++) {
        T *out = gx + p * in_plane;
        const T *g = gy + p * out_plane;
        const int64_t *at = index + p * out_plane;
        for (int64_t j = 0; j < out_plane; j++)
            if ((uint64_t)at[j] < (uint64_t)in_plane) out[at[j]] += g[j];
    }
}

static void G(avg)(const ct__pool_shape *s, const T *x, T *y, int64_t p0, int64_t p1)
{
    for (int64_t p = p0; p < p1; p++) {
        const T *in = x + p * s->h * s->w;
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t y0, ny;
            pool_window(i, s->sh, s->ph, s->kh, 1, s->h, &y0, &ny);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0, nx;
                pool_window(j, s->sw, s->pw, s->kw, 1, s->w, &x0, &nx);
                T sum = 0;
                for (int64_t a = 0; a < ny; a++)
                    for (int64_t b = 0; b < nx; b++) sum += in[(y0 + a) * s->w + x0 + b];
                *(y + (p * s->oh + i) * s->ow + j) = sum / (T)pool_divisor(s, i, j, nx * ny);
            }
        }
    }
}

static void G(avg_bwd)(const ct__pool_shape *s, const T *gy, T *gx, int64_t p0, int64_t p1)
{
    memset(gx + p0 * s->h * s->w, 0, (size_t)((p1 - p0) * s->h * s->w) * sizeof(T));
    for (int64_t p = p0; p < p1; p++) {
        T *out = gx + p * s->h * s->w;
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t y0, ny;
            pool_window(i, s->sh, s->ph, s->kh, 1, s->h, &y0, &ny);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0, nx;
                pool_window(j, s->sw, s->pw, s->kw, 1, s->w, &x0, &nx);
                if (!nx || !ny) continue;
                T share = gy[(p * s->oh + i) * s->ow + j] / (T)pool_divisor(s, i, j, nx * ny);
                for (int64_t a = 0; a < ny; a++)
                    for (int64_t b = 0; b < nx; b++) out[(y0 + a) * s->w + x0 + b] += share;
            }
        }
    }
}

static void G(adaptive_avg)(const ct__pool_shape *s, const T *x, T *y, int64_t p0, int64_t p1)
{
    for (int64_t p = p0; p < p1; p++) {
        const T *in = x + p * s->h * s->w;
        if (s->oh == 1 && s->ow == 1) {
            V() a = V(zero)(), b = V(zero)();
            int64_t j = 0, n = s->h * s->w;
            for (; j + 2 * VN <= n; j += 2 * VN) {
                a += V(load)(in + j);
                b += V(load)(in + j + VN);
            }
            for (; j < n; j += VN) a += V(loadm)(in + j, V(tail)(n - j));
            y[p] = V(sum)(a + b) / (T)n;
            continue;
        }
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t y0 = pool_adaptive_start(i, s->oh, s->h), y1 = pool_adaptive_end(i, s->oh, s->h);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0 = pool_adaptive_start(j, s->ow, s->w), x1 = pool_adaptive_end(j, s->ow, s->w);
                T sum = 0;
                for (int64_t a = y0; a < y1; a++)
                    for (int64_t b = x0; b < x1; b++) sum += in[a * s->w + b];
                *(y + (p * s->oh + i) * s->ow + j) = sum / (T)(y1 - y0) / (T)(x1 - x0);
            }
        }
    }
}

static void G(adaptive_avg_bwd)(const ct__pool_shape *s, const T *gy, T *gx, int64_t p0, int64_t p1)
{
    memset(gx + p0 * s->h * s->w, 0, (size_t)((p1 - p0) * s->h * s->w) * sizeof(T));
    for (int64_t p = p0; p < p1; p++) {
        T *out = gx + p * s->h * s->w;
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t y0 = pool_adaptive_start(i, s->oh, s->h), y1 = pool_adaptive_end(i, s->oh, s->h);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0 = pool_adaptive_start(j, s->ow, s->w), x1 = pool_adaptive_end(j, s->ow, s->w);
                T share = gy[(p * s->oh + i) * s->ow + j] / (T)(y1 - y0) / (T)(x1 - x0);
                for (int64_t a = y0; a < y1; a++)
                    for (int64_t b = x0; b < x1; b++) out[a * s->w + b] += share;
            }
        }
    }
}

static void G(adaptive_max)(const ct__pool_shape *s, const T *x, T *y, int64_t *index, int64_t p0, int64_t p1)
{
    for (int64_t p = p0; p < p1; p++)
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t y0 = pool_adaptive_start(i, s->oh, s->h), y1 = pool_adaptive_end(i, s->oh, s->h);
            for (int64_t j = 0; j < s->ow; j++) {
                int64_t x0 = pool_adaptive_start(j, s->ow, s->w), x1 = pool_adaptive_end(j, s->ow, s->w);
                int64_t to = (p * s->oh + i) * s->ow + j, place;
                G(max_window)(x + p * s->h * s->w, s->w, y0, y1 - y0, 1, x0, x1 - x0, 1, y + to, &place);
                if (index) index[to] = place;
            }
        }
}
