/* Convolutions of every level against plain loops in double: forward, both gradients, bias; tasks cut at
 * random. */
#include "test_kernels_heavy.h"
HEAVY_DECLARE(conv)

static int conv_thinned; /* plans that leave out the zeros of gy */

#define CONV_CASE(T, F) \
    static void conv_cut_##F(ct__conv_kernels *t, const ct__conv_plan *p, const T *in, const T *w, \
                             const T *bias, T *out, int cut) \
    { \
        void *shared = heavy_alloc((size_t)p->shared_bytes), *work = heavy_alloc((size_t)p->work_bytes); \
        if (p->shared_bytes) t->prepare_##F(p, w, shared); \
        for (int64_t t0 = 0, t1; t0 < p->tasks; t0 = t1) { \
            t1 = cut ? t0 + heavy_int(1, 3) : p->tasks; \
            if (t1 > p->tasks) t1 = p->tasks; \
            t->run_##F(p, in, w, bias, out, shared, t0, t1, work); \
        } \
        free(shared); \
        free(work); \
    } \
    static void conv_cut_dw_##F(ct__conv_kernels *t, const ct__conv_plan *p, const T *x, const T *gy, T *gw, T *gb, \
                                int64_t size, int cut) \
    { \
        void *partial = heavy_alloc((size_t)p->partial_bytes), *work = heavy_alloc((size_t)p->work_bytes); \
        for (int64_t t0 = 0, t1; t0 < p->tasks; t0 = t1) { \
            t1 = cut ? t0 + heavy_int(1, 3) : p->tasks; \
            if (t1 > p->tasks) t1 = p->tasks; \
            t->dw_##F(p, x, gy, partial, gw, gb, t0, t1, work); \
        } \
        size += p->bias ? p->s.o : 0; \
        int64_t mid = cut ? size / 3 : size; \
        if (p->partial_bytes) { \
            t->dw_sum_##F(p, partial, gw, gb, 0, mid); \
            t->dw_sum_##F(p, partial, gw, gb, mid, size); \
        } \
        free(partial); \
        free(work); \
    } \
    static void conv_check_##F(const char *level, const char *what, const ct__conv_shape *s, const T *got, \
                               const T *cut, const double *want, const double *size, int64_t n) \
    { \
        for (int64_t e = 0; e < n; e++) { \
            double tol = (sizeof(T) == 4 ? 1e-6 : 2e-15) * (2 + size[e]); \
            if (!(fabs((double)got[e] - want[e]) <= tol)) { \
                HEAVY_FAIL("%s " #F " %s n%ld c%ld %ldx%ld o%ld %ldx%ld k%ldx%ld s%ld,%ld p%ld,%ld " \
                                    "d%ld,%ld g%ld at %ld of %ld: %g not %g", \
                           level, what, (long)s->n, (long)s->c, (long)s->h, (long)s->w, (long)s->o, \
                           (long)s->oh, (long)s->ow, (long)s->kh, (long)s->kw, (long)s->sh, (long)s->sw, \
                           (long)s->ph, (long)s->pw, (long)s->dh, (long)s->dw, (long)s->groups, (long)e, \
                           (long)n, (double)got[e], want[e]); \
                break; \
            } \
        } \
        if (n && memcmp(got, cut, (size_t)n * sizeof(T))) \
            HEAVY_FAIL("%s " #F " %s: cuts differ", level, what); \
    } \
    static void conv_case_##F(ct__conv_kernels *t, const char *level, const ct__conv_shape *s) \
    { \
        int64_t cg = s->c / s->groups, og = s->o / s->groups, nx = s->n * s->c * s->h * s->w, \
                ny = s->n * s->o * s->oh * s->ow; \
        int64_t nw = s->o * cg * s->kh * s->kw; \
        HEAVY_RANDOM(T, x, nx) \
        HEAVY_RANDOM(T, gy, ny) HEAVY_RANDOM(T, w, nw) HEAVY_RANDOM(T, bias, s->o) \
            HEAVY_RANDOM(T, biasx, s->c) double *wy = calloc((size_t)ny + 1, 8), \
                                                *wx = calloc((size_t)nx + 1, 8), \
                                                *ww = calloc((size_t)nw + 1, 8); \
        double *sy = calloc((size_t)ny + 1, 8), *sx = calloc((size_t)nx + 1, 8), \
               *sw = calloc((size_t)nw + 1, 8); \
        int with = heavy_int(0, 1), thin = heavy_int(0, 1); \
        for (int64_t e = 0; thin && e < ny; e++) \
            if (heavy_int(0, 7)) gy[e] = 0; \
        for (int64_t e = 0; e < nx; e++) wx[e] = with ? (double)biasx[e / (s->h * s->w) % s->c] : 0; \
        for (int64_t b = 0, e = 0; b < s->n; b++) \
            for (int64_t m = 0; m < s->o; m++) \
                for (int64_t i = 0; i < s->oh; i++) \
                    for (int64_t j = 0; j < s->ow; j++, e++) { \
                        wy[e] = with ? (double)bias[m] : 0; \
                        for (int64_t k = 0; k < cg; k++) \
                            for (int64_t p = 0; p < s->kh; p++) \
                                for (int64_t q = 0; q < s->kw; q++) { \
                                    int64_t r = i * s->sh - s->ph + p * s->dh, \
                                            u = j * s->sw - s->pw + q * s->dw; \
                                    if (r < 0 || r >= s->h || u < 0 || u >= s->w) continue; \
                                    int64_t ix = ((b * s->c + m / og * cg + k) * s->h + r) * s->w + u, \
                                            iw = ((m * cg + k) * s->kh + p) * s->kw + q; \
                                    wy[e] += (double)w[iw] * x[ix]; \
                                    sy[e]++; \
                                    wx[ix] += (double)w[iw] * gy[e]; \
                                    sx[ix]++; \
                                    ww[iw] += (double)x[ix] * gy[e]; \
                                    sw[iw]++; \
                                } \
                    } \
        ct__conv_plan p; \
        int64_t most = nx > ny ? nx : ny; \
        if (nw > most) most = nw; \
        T *a = heavy_alloc((size_t)most * sizeof(T)), *b = heavy_alloc((size_t)most * sizeof(T)); \
        t->plan(&p, s, CT__CONV_FWD, sizeof(T) == 8); \
        conv_cut_##F(t, &p, x, w, with ? bias : NULL, a, 0); \
        conv_cut_##F(t, &p, x, w, with ? bias : NULL, b, 1); \
        conv_check_##F(level, "fwd", s, a, b, wy, sy, ny); \
        t->plan(&p, s, CT__CONV_DX, sizeof(T) == 8); \
        int dense = p.method; \
        int odd = 0; \
        t->sparse_##F(&p, gy, w, false, &odd); \
        conv_thinned += p.method != dense; \
        conv_cut_##F(t, &p, gy, w, with ? biasx : NULL, a, 0); \
        conv_cut_##F(t, &p, gy, w, with ? biasx : NULL, b, 1); \
        conv_check_##F(level, "dx", s, a, b, wx, sx, nx); \
        t->plan(&p, s, CT__CONV_DW, sizeof(T) == 8); \
        dense = p.method; \
        t->sparse_##F(&p, gy, NULL, true, &odd); \
        if (p.bias != (p.method != dense)) HEAVY_FAIL("%s conv " #F " bias %d", level, p.bias); \
        conv_thinned += p.method != dense; \
        T *ga = heavy_alloc((size_t)s->o * sizeof(T)), *gb = heavy_alloc((size_t)s->o * sizeof(T)); \
        conv_cut_dw_##F(t, &p, x, gy, a, ga, nw, 0); \
        conv_cut_dw_##F(t, &p, x, gy, b, gb, nw, 1); \
        conv_check_##F(level, "dw", s, a, b, ww, sw, nw); \
        if (odd) HEAVY_FAIL("%s conv " #F " takes finite numbers for others", level); \
        if (s->o && p.bias) { \
            double *wb = calloc((size_t)s->o, 8), *sb = calloc((size_t)s->o, 8); \
            for (int64_t e = 0; e < ny; e++) { \
                wb[e / (s->oh * s->ow) % s->o] += gy[e]; \
                sb[e / (s->oh * s->ow) % s->o] = s->n * s->oh * s->ow; \
            } \
            conv_check_##F(level, "bias", s, ga, gb, wb, sb, s->o); \
            free(wb); \
            free(sb); \
        } \
        free(ga); \
        free(gb); \
        free(x); \
        free(gy); \
        free(w); \
        free(bias); \
        free(biasx); \
        free(wy); \
        free(wx); \
        free(ww); \
        free(sy); \
        free(sx); \
        free(sw); \
        free(a); \
        free(b); \
    }
CONV_CASE(float, f32)
CONV_CASE(double, f64)

/* The usual output sizes. */
static ct__conv_shape conv_usual(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh,
                                 int64_t kw, int64_t stride, int64_t pad, int64_t dilation, int64_t groups)
{
    ct__conv_shape s = {n, c, h, w, o, 0, 0, kh, kw, stride, stride, pad, pad, dilation, dilation, groups};
    s.oh = (h + 2 * pad - dilation * (kh - 1) - 1) / stride + 1;
    s.ow = (w + 2 * pad - dilation * (kw - 1) - 1) / stride + 1;
    return s;
}

/* Zeros are left out only where they meet nothing but finite numbers: a weight that is none is seen by the plan, others by
 * the task that meets them. */
static void conv_finite(ct__conv_kernels *t, const char *level)
{
    static float x[4 * 6 * 196], w[16 * 150], gy[4 * 1600], out[4 * 6 * 196], sums[16];
    ct__conv_shape s = conv_usual(4, 6, 14, 14, 16, 5, 5, 1, 0, 1, 1);
    static const float values[] = {0, NAN, INFINITY, -INFINITY};
    for (int q = 0; q < 4; q++)
        for (int what = 0; what < 3; what++) { /* the weight, gy, x */
            ct__conv_dir dir = what < 2 ? CT__CONV_DX : CT__CONV_DW;
            for (int e = 0; e < 6400; e++) gy[e] = e % 9 ? 0 : 1;
            float *place = what == 0 ? w + q * 100 : what == 1 ? gy + 9 * (700 + q) : x + 4 * 6 * 196 - 1 - q;
            float before = *place;
            *place = q ? values[q] : before;
            ct__conv_plan p;
            int odd = 0;
            t->plan(&p, &s, dir, false);
            int dense = p.method;
            t->sparse_f32(&p, gy, dir == CT__CONV_DX ? w : NULL, dir == CT__CONV_DW, &odd);
            if ((p.method == dense) != (q && what == 0))
                HEAVY_FAIL("%s conv sparse with %g of %d: method %d", level, values[q], what, p.method);
            if (p.method != dense && dir == CT__CONV_DX) conv_cut_f32(t, &p, gy, w, NULL, out, 1);
            if (p.method != dense && dir == CT__CONV_DW) conv_cut_dw_f32(t, &p, x, gy, out, sums, 16 * 150, 1);
            if (p.method != dense && odd != !!q) HEAVY_FAIL("%s conv sparse does not see %g of %d", level, values[q], what);
            *place = before;
        }
}

static void conv_level(ct__conv_kernels *t, const char *level)
{
    conv_thinned = 0;
    ct__conv_shape fixed[] = {
        conv_usual(4, 3, 32, 32, 6, 5, 5, 1, 0, 1, 1),   conv_usual(4, 6, 14, 14, 16, 5, 5, 1, 0, 1, 1),
        conv_usual(2, 3, 17, 19, 64, 3, 3, 1, 1, 1, 1),  conv_usual(2, 33, 12, 11, 65, 3, 3, 1, 1, 1, 1),
        conv_usual(3, 64, 8, 8, 64, 3, 3, 2, 1, 1, 1),   conv_usual(2, 32, 9, 9, 48, 1, 1, 1, 0, 1, 1),
        conv_usual(2, 32, 9, 9, 48, 1, 1, 2, 0, 1, 1),   conv_usual(1, 3, 40, 37, 16, 7, 7, 2, 3, 1, 1),
        conv_usual(2, 8, 10, 10, 8, 3, 3, 1, 1, 1, 8),   conv_usual(2, 8, 10, 10, 16, 3, 3, 1, 1, 1, 4),
        conv_usual(2, 4, 20, 20, 6, 3, 3, 1, 2, 2, 2),   conv_usual(2, 5, 1, 50, 7, 1, 3, 1, 0, 1, 1),
        conv_usual(20, 1, 28, 28, 10, 5, 5, 1, 0, 1, 1), conv_usual(9, 130, 4, 4, 70, 3, 3, 1, 1, 1, 1),
        conv_usual(0, 3, 8, 8, 4, 3, 3, 1, 0, 1, 1),     conv_usual(1, 3, 70, 130, 2, 3, 3, 1, 1, 1, 1),
        conv_usual(2, 0, 8, 8, 4, 3, 3, 1, 0, 1, 1),     conv_usual(2, 3, 8, 8, 0, 3, 3, 1, 0, 1, 1),
        conv_usual(2, 256, 6, 6, 40, 3, 3, 1, 1, 1, 1),  conv_usual(40, 2, 5, 5, 3, 2, 2, 1, 0, 1, 1),
        conv_usual(2, 6, 14, 14, 17, 5, 5, 1, 2, 1, 1),  conv_usual(3, 16, 16, 16, 32, 3, 3, 1, 1, 1, 1),
        conv_usual(2, 3, 9, 9, 5, 7, 7, 1, 3, 1, 1),     conv_usual(2, 3, 30, 30, 12, 3, 3, 2, 1, 1, 1)};
    for (size_t q = 0; q < sizeof fixed / sizeof *fixed; q++) {
        conv_case_f32(t, level, &fixed[q]);
        if (q % 3 == 0 || q > 13) conv_case_f64(t, level, &fixed[q]);
    }
    for (int q = 0; q < 150; q++) {
        int64_t g = q % 3 ? 1 : heavy_int(1, 4), big = q % 7 == 0;
        ct__conv_shape s = {heavy_int(1, 5),
                            g * heavy_int(1, big ? 24 : 5),
                            heavy_int(1, 13),
                            heavy_int(1, 20),
                            g * heavy_int(1, big ? 40 : 9),
                            0,
                            0,
                            heavy_int(1, 5),
                            heavy_int(1, 5),
                            heavy_int(1, 3),
                            heavy_int(1, 3),
                            heavy_int(0, 3),
                            heavy_int(0, 3),
                            heavy_int(1, 2),
                            heavy_int(1, 2),
                            g};
        if (q % 3) s.sh = s.sw = s.dh = s.dw = 1;
        if (q % 5 == 0) s.kh = s.kw = heavy_int(1, 3) * 2 - 1;
        s.oh = (s.h + 2 * s.ph - s.dh * (s.kh - 1) - 1) / s.sh + 1;
        s.ow = (s.w + 2 * s.pw - s.dw * (s.kw - 1) - 1) / s.sw + 1;
        if (q % 11 == 0) s.oh += heavy_int(-1, 2), s.ow += heavy_int(-1, 2);
        if (s.oh < 0) s.oh = 0;
        if (s.ow < 0) s.ow = 0;
        conv_case_f32(t, level, &s);
        conv_case_f64(t, level, &s);
    }
    if (conv_thinned < 30) HEAVY_FAIL("%s conv: only %d sparse plans", level, conv_thinned);
    conv_finite(t, level);
    /* A NaN in x reaches exactly the outputs whose window holds it; 0 * Inf is NaN. */
    ct__conv_shape s = conv_usual(1, 3, 12, 12, 8, 3, 3, 1, 1, 1, 1);
    static float x[3 * 144], w[8 * 27], y[8 * 144];
    for (int q = 0; q < 2; q++) {
        memset(x, 0, sizeof x);
        memset(w, 0, sizeof w);
        x[144 + 5 * 12 + 6] = q ? INFINITY : NAN;
        ct__conv_plan p;
        t->plan(&p, &s, CT__CONV_FWD, false);
        conv_cut_f32(t, &p, x, w, NULL, y, 0);
        for (int e = 0; e < 8 * 144; e++) {
            int i = e % 144 / 12, j = e % 12;
            if (!!isnan(y[e]) != (abs(i - 5) <= 1 && abs(j - 6) <= 1))
                HEAVY_FAIL("%s conv NaN at %d", level, e);
        }
    }
}

int main(void)
{
    HEAVY_LEVELS(conv, conv_level);
    printf("%d failures\n", heavy_failures);
    return heavy_failures != 0;
}
