/* Pooling of every level against plain loops. */
#include "test_kernels_heavy.h"
HEAVY_DECLARE(pool)

#define POOL_CASE(T, F) \
    static void pool_case_##F(ct__pool_kernels *t, const char *level, const ct__pool_shape *s, \
                              int64_t planes, int nans) \
    { \
        int64_t in = s->h * s->w, out = s->oh * s->ow; \
        HEAVY_RANDOM(T, x, planes * in) \
        HEAVY_RANDOM(T, gy, planes * out) for (int64_t e = 0; e < planes * in; e++) \
        { \
            if (nans) x[e] = (T)(int)(x[e] * 2); \
            if (nans && heavy_random() > 0.8) x[e] = (T)(heavy_random() > 0 ? NAN : -INFINITY); \
        } \
        T *y = heavy_alloc((size_t)(planes * out) * sizeof(T)), \
          *z = heavy_alloc((size_t)(planes * out) * sizeof(T)); \
        T *gx = heavy_alloc((size_t)(planes * in) * sizeof(T)); \
        int64_t *index = heavy_alloc((size_t)(planes * out) * 8); \
        double *want = calloc((size_t)(planes * in) + 1, 8); \
        t->max_##F(s, x, y, index, 0, planes / 2); \
        t->max_##F(s, x, y, index, planes / 2, planes); \
        t->max_##F(s, x, z, NULL, 0, planes); \
        if (memcmp(y, z, (size_t)(planes * out) * sizeof(T))) \
            HEAVY_FAIL("%s " #F " max without index", level); \
        t->max_bwd_##F(s, gy, index, NULL, gx, 0, planes); \
        for (int64_t p = 0, e = 0; p < planes; p++) \
            for (int64_t i = 0; i < s->oh; i++) \
                for (int64_t j = 0; j < s->ow; j++, e++) { \
                    int64_t at = -1; \
                    T best = (T) - INFINITY; \
                    for (int64_t a = 0; a < s->kh; a++) \
                        for (int64_t b = 0; b < s->kw; b++) { \
                            int64_t r = i * s->sh - s->ph + a * s->dh, u = j * s->sw - s->pw + b * s->dw; \
                            if (r < 0 || r >= s->h || u < 0 || u >= s->w) continue; \
                            T v = x[p * in + r * s->w + u]; \
                            if (at < 0 || v > best || v != v) best = v, at = r * s->w + u; \
                        } \
                    if (index[e] != at || (!(y[e] == best) && !(y[e] != y[e] && best != best))) \
                        HEAVY_FAIL("%s " #F " max %ld: %g at %ld, not %g at %ld", level, (long)e, \
                                   (double)y[e], (long)index[e], (double)best, (long)at); \
                    if (at >= 0) want[p * in + at] += (double)gy[e]; \
                } \
        for (int64_t e = 0; e < planes * in; e++) \
            if (fabs(want[e] - (double)gx[e]) > 1e-5) { \
                HEAVY_FAIL("%s " #F " max bwd", level); \
                break; \
            } \
        /* Places that no window of this shape can have, as unpooling's may be. */ \
        if (planes * out > 0) index[0] = in, index[planes * out / 2] = INT64_MIN + in, index[planes * out - 1] = in / 2; \
        for (int64_t e = 0; e < planes * in; e++) want[e] = 0; \
        for (int64_t e = 0; e < planes * out; e++) \
            if (index[e] >= 0 && index[e] < in) want[e / out * in + index[e]] += (double)gy[e]; \
        t->max_bwd_##F(s, gy, index, NULL, gx, 0, planes); \
        for (int64_t e = 0; e < planes * in; e++) \
            if (fabs(want[e] - (double)gx[e]) > 1e-5) { \
                HEAVY_FAIL("%s " #F " max bwd, places anywhere", level); \
                break; \
            } \
        if (!nans && s->dh == 1 && s->dw == 1) { \
            t->avg_##F(s, x, y, 0, planes); \
            t->avg_bwd_##F(s, gy, gx, 0, planes); \
            for (int64_t e = 0; e < planes * in; e++) want[e] = 0; \
            for (int64_t p = 0, e = 0; p < planes; p++) \
                for (int64_t i = 0; i < s->oh; i++) \
                    for (int64_t j = 0; j < s->ow; j++, e++) { \
                        double sum = 0, padded = 0, inside = 0; \
                        for (int pass = 0; pass < 2; pass++) \
                            for (int64_t a = 0; a < s->kh; a++) \
                                for (int64_t b = 0; b < s->kw; b++) { \
                                    int64_t r = i * s->sh - s->ph + a, u = j * s->sw - s->pw + b; \
                                    double divisor = s->divisor_override    ? (double)s->divisor_override \
                                                     : s->count_include_pad ? padded \
                                                                            : inside; \
                                    if (!pass && r < s->h + s->ph && u < s->w + s->pw) padded++; \
                                    if (r < 0 || r >= s->h || u < 0 || u >= s->w) continue; \
                                    if (pass) \
                                        want[p * in + r * s->w + u] += (double)gy[e] / divisor; \
                                    else \
                                        inside++, sum += (double)x[p * in + r * s->w + u]; \
                                } \
                        sum /= s->divisor_override    ? (double)s->divisor_override \
                               : s->count_include_pad ? padded \
                                                      : inside; \
                        if (inside && !(fabs(sum - (double)y[e]) <= 1e-5)) \
                            HEAVY_FAIL("%s " #F " avg %g not %g", level, (double)y[e], sum); \
                    } \
            for (int64_t e = 0; e < planes * in; e++) \
                if (fabs(want[e] - (double)gx[e]) > 1e-5) { \
                    HEAVY_FAIL("%s " #F " avg bwd", level); \
                    break; \
                } \
            t->adaptive_avg_##F(s, x, y, 0, planes); \
            t->adaptive_avg_bwd_##F(s, gy, gx, 0, planes); \
            t->adaptive_max_##F(s, x, z, index, 0, planes); \
            for (int64_t e = 0; e < planes * in; e++) want[e] = 0; \
            for (int64_t p = 0, e = 0; p < planes; p++) \
                for (int64_t i = 0; i < s->oh; i++) \
                    for (int64_t j = 0; j < s->ow; j++, e++) { \
                        int64_t y0 = (int64_t)floor((double)(i * s->h) / s->oh), \
                                y1 = (int64_t)ceil((double)((i + 1) * s->h) / s->oh); \
                        int64_t x0 = (int64_t)floor((double)(j * s->w) / s->ow), \
                                x1 = (int64_t)ceil((double)((j + 1) * s->w) / s->ow), at = -1; \
                        double sum = 0, best = -1e9; \
                        for (int64_t a = y0; a < y1; a++) \
                            for (int64_t b = x0; b < x1; b++) { \
                                double v = (double)x[p * in + a * s->w + b]; \
                                sum += v; \
                                if (v > best) best = v, at = a * s->w + b; \
                                want[p * in + a * s->w + b] += \
                                    (double)gy[e] / (double)((y1 - y0) * (x1 - x0)); \
                            } \
                        if (!(fabs(sum / (double)((y1 - y0) * (x1 - x0)) - (double)y[e]) <= 1e-5)) \
                            HEAVY_FAIL("%s " #F " adaptive avg", level); \
                        if ((double)z[e] != best || index[e] != at) \
                            HEAVY_FAIL("%s " #F " adaptive max", level); \
                    } \
            for (int64_t e = 0; e < planes * in; e++) \
                if (fabs(want[e] - (double)gx[e]) > 1e-5) { \
                    HEAVY_FAIL("%s " #F " adaptive bwd", level); \
                    break; \
                } \
        } \
        free(x); \
        free(gy); \
        free(y); \
        free(z); \
        free(gx); \
        free(index); \
        free(want); \
    }
POOL_CASE(float, f32)
POOL_CASE(double, f64)

static void pool_level(ct__pool_kernels *t, const char *level)
{
    for (int q = 0; q < 300; q++) {
        ct__pool_shape s = {.h = heavy_int(1, 20),
                            .w = heavy_int(1, 70),
                            .kh = heavy_int(1, 4),
                            .kw = heavy_int(1, 4),
                            .sh = heavy_int(1, 3),
                            .sw = heavy_int(1, 3),
                            .dh = q % 4 ? 1 : 2,
                            .dw = q % 4 ? 1 : 2,
                            .count_include_pad = q % 3 == 0,
                            .divisor_override = q % 5 ? 0 : heavy_int(1, 9)};
        if (q % 2) s.kh = s.kw = s.sh = s.sw = 2, s.dh = s.dw = 1;
        if (q % 6 >= 2) s.ph = s.kh / 2, s.pw = s.kw / 2;
        if (s.h + 2 * s.ph < s.dh * (s.kh - 1) + 1 || s.w + 2 * s.pw < s.dw * (s.kw - 1) + 1) continue;
        s.oh = (s.h + 2 * s.ph - s.dh * (s.kh - 1) - 1 + (q % 7 ? 0 : s.sh - 1)) / s.sh + 1;
        s.ow = (s.w + 2 * s.pw - s.dw * (s.kw - 1) - 1 + (q % 7 ? 0 : s.sw - 1)) / s.sw + 1;
        if ((s.oh - 1) * s.sh >= s.h + s.ph) s.oh--;
        if ((s.ow - 1) * s.sw >= s.w + s.pw) s.ow--;
        pool_case_f32(t, level, &s, heavy_int(0, 4), q % 4 == 1);
        pool_case_f64(t, level, &s, heavy_int(0, 4), q % 4 == 1);
    }
}

int main(void)
{
    HEAVY_LEVELS(pool, pool_level);
    printf("%d failures\n", heavy_failures);
    return heavy_failures != 0;
}
