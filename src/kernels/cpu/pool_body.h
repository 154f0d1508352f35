/* One element type's pooling. The includer defines T, V(op), VN, G(name), and VI (its lanes' integer),
 * G(even), G(odd): lanes of two vectors, and where vectors are wider than 16 bytes G(low), G(high): two vectors' lanes in turn,
 * the first and the second half. */

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

/* VN windows of 2 x 2: u the upper rows' lanes, l the lower ones'; the best, and its place out of those of the four. The
 * order of comparison is upper left, upper right, lower left, lower right; a later one wins when greater or NaN. */
CT_KINLINE V() G(best4)(V() u0, V() u1, V() l0, V() l1, const V(int) place[4], V(int) * where)
{
    V() best = G(even)(u0, u1), next[3] = {G(odd)(u0, u1), G(even)(l0, l1), G(odd)(l0, l1)};
    *where = place[0];
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) {
        V(pick) take = V(above)(next[k], best);
        best = V(choose)(take, next[k], best);
        *where = V(choosei)(take, place[k + 1], *where);
    }
    return best;
}

/* The four places of a window in a plane whose rows have w elements, from that of the first window of a vector on. */
CT_KINLINE void G(places4)(V(int) place[4], int64_t w)
{
    for (int l = 0; l < VN; l++) place[0][l] = 2 * l;
    place[1] = place[0] + 1;
    place[2] = place[0] + (VI)w;
    place[3] = place[2] + 1;
}

/* Planes of 2 x 2 windows with stride 2. */
static void G(max2x2)(const ct__pool_shape *s, const T *x, T *y, int64_t *index, int64_t p0, int64_t p1)
{
    V(int) place[4], where;
    G(places4)(place, s->w);
    int64_t w = s->w, ow = s->ow, whole = ow / VN * VN, left = ow - whole;
#if VEC_BYTES > 16
    V(mask) lo = V(tail)(left * 2), hi = V(tail)(left * 2 > VN ? left * 2 - VN : 0), out = V(tail)(left);
#endif
    for (int64_t p = p0; p < p1; p++)
        for (int64_t i = 0; i < s->oh; i++) {
            const T *in = x + (p * s->h + 2 * i) * w;
            T *to = y + (p * s->oh + i) * ow;
            int64_t *at = index ? index + (p * s->oh + i) * ow : NULL, first = 2 * i * w, j = 0;
            for (; j < whole; j += VN, in += 2 * VN) {
                V(store)(to + j, G(best4)(V(load)(in), V(load)(in + VN), V(load)(in + w), V(load)(in + w + VN), place, &where));
                if (at) V(widen)(at + j, where, first + 2 * j);
            }
            if (!left) continue;
#if VEC_BYTES > 16
            V() u = V(loadm)(in, lo), l = V(loadm)(in + w, lo), u1 = V(zero)(), l1 = V(zero)();
            if (left * 2 > VN) u1 = V(loadm)(in + VN, hi), l1 = V(loadm)(in + w + VN, hi);
            V(storem)(to + j, G(best4)(u, u1, l, l1, place, &where), out);
            if (at && ((p1 - p) * s->oh - i) * ow - j >= VN) /* what is too much is written over by the next row */
                V(widen)(at + j, where, first + 2 * j);
            else if (at) {
                int64_t last[VN];
                V(widen)(last, where, first + 2 * j);
                memcpy(at + j, last, (size_t)left * sizeof *last);
            }
#else
            for (; j < ow; j++, in += 2) {
                int64_t here;
                G(max_window)(in, w, 0, 2, 1, 0, 2, 1, to + j, &here);
                if (at) at[j] = first + 2 * j + here;
            }
#endif
        }
}

static void G(max)(const ct__pool_shape *s, const T *x, T *y, int64_t *index, int64_t p0, int64_t p1)
{
    if (s->kh == 2 && s->kw == 2 && s->sh == 2 && s->sw == 2 && !s->ph && !s->pw && s->dh == 1 && s->dw == 1 && 2 * s->oh <= s->h
        && 2 * s->ow <= s->w && s->w < (1 << 30)) {
        G(max2x2)(s, x, y, index, p0, p1);
        return;
    }
    for (int64_t p = p0; p < p1; p++) {
        const T *in = x + p * s->h * s->w;
        for (int64_t i = 0; i < s->oh; i++) {
            int64_t to = (p * s->oh + i) * s->ow, y0, ny;
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

/* A plane's gradient where every place is inside its own window of 2 x 2, as max2x2 leaves them: rows are written once, whole.
 * false: one is not, and gx holds anything. `room` elements of index may be read. y: as in kernels/pool.h, where masked. */
CT_KINLINE bool G(max2x2_bwd)(bool masked, const ct__pool_shape *s, const T *gy, const int64_t *index, int64_t room, const T *y, T *gx)
{
#if VEC_BYTES > 16
    V(int) place[4];
    G(places4)(place, s->w);
    int64_t w = s->w, ow = s->ow, whole = ow / VN * VN, left = ow - whole;
    V(mask) lo = V(tail)(left * 2), hi = V(tail)(left * 2 > VN ? left * 2 - VN : 0), some = V(tail)(left);
    V(int) beyond = place[0];
    for (int l = 0; l < left; l++) beyond[l] = -1;
    V(pick) nobody = V(same)(place[0], place[1]), unused = V(same)(beyond, place[0]);
    for (int64_t i = 0; i < s->oh; i++, gy += ow, index += ow, room -= ow, gx += 2 * w, y += ow) {
        for (int64_t j = 0; j < ow; j += VN) {
            V() g = j < whole ? V(load)(gy + j) : V(loadm)(gy + j, some), none = V(zero)();
            if (masked) g = V(choose)(V(above)(j < whole ? V(load)(y + j) : V(loadm)(y + j, some), none), g, none);
            int64_t last[VN] = {0};
            const int64_t *at = index + j;
            if (room - j < VN) at = memcpy(last, at, (size_t)left * sizeof *last);
            V(int) here = V(narrow)(at, 2 * (i * w + j));
            V(pick) pick[4];
            for (int k = 0; k < 4; k++) pick[k] = V(same)(here, place[k]);
            if (!V(all)(pick[0] | pick[1] | pick[2] | pick[3] | (j < whole ? nobody : unused))) return false;
            V() u = V(choose)(pick[0], g, none), u1 = V(choose)(pick[1], g, none);
            V() l = V(choose)(pick[2], g, none), l1 = V(choose)(pick[3], g, none);
            T *to = gx + 2 * j;
            V() a = G(low)(u, u1), b = G(high)(u, u1), c = G(low)(l, l1), d = G(high)(l, l1);
            if (j < whole) {
                V(store)(to, a), V(store)(to + VN, b), V(store)(to + w, c), V(store)(to + w + VN, d);
                continue;
            }
            V(storem)(to, a, lo), V(storem)(to + w, c, lo);
            if (left * 2 > VN) V(storem)(to + VN, b, hi), V(storem)(to + w + VN, d, hi);
        }
        for (int64_t j = 2 * ow; j < w; j++) gx[j] = gx[w + j] = 0;
    }
    memset(gx, 0, (size_t)((s->h - 2 * s->oh) * w) * sizeof(T));
    return true;
#else
    (void)masked, (void)s, (void)gy, (void)index, (void)room, (void)y, (void)gx;
    return false;
#endif
}

static void G(max_bwd)(const ct__pool_shape *s, const T *gy, const int64_t *index, const T *y, T *gx, int64_t p0, int64_t p1)
{
    int64_t in_plane = s->h * s->w, out_plane = s->oh * s->ow;
    bool two = s->oh == s->h / 2 && s->ow == s->w / 2 && s->w < (1 << 30) && out_plane;
    for (int64_t p = p0; p < p1; p++) {
        T *out = gx + p * in_plane;
        const T *g = gy + p * out_plane, *found = y ? y + p * out_plane : g; /* not read where there is no y */
        const int64_t *at = index + p * out_plane;
        if (two && (y ? G(max2x2_bwd)(true, s, g, at, (p1 - p) * out_plane, found, out)
                      : G(max2x2_bwd)(false, s, g, at, (p1 - p) * out_plane, found, out)))
            continue;
        memset(out, 0, (size_t)in_plane * sizeof(T));
        for (int64_t j = 0; j < out_plane; j++)
            if ((uint64_t)at[j] < (uint64_t)in_plane && !(y && found[j] <= 0)) out[at[j]] += g[j];
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
