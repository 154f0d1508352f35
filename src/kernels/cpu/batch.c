/* Batch normalisation, a channel at a time: its planes stand `channels * plane` apart, and a channel's data stays in L2 over the
 * passes (sum | squares about the mean | result; backward: the two sums | result).
 *
 *     x   | n=0: c=0 plane | c=1 plane | ... | n=1: c=0 plane | ...         plane = 1: (batch, channels), columns
 *
 * Small planes are copied together, up to 2048 elements, before they are summed; the gradient takes them image by image, 64
 * channels side by side. Planes of one element are columns: 64 channels side by side then. Sums of a plane run in fixed lanes
 * (kernels/sums.h), those of columns in double; planes are added up in double.
 *
 * Measured from Python on one Zen 3 core, before -> after the gradients were one kernel and small planes were copied together:
 * backward of (32, 64, 32, 32) 16.7 -> 2.6 ms, forward of (32, 512, 4, 4) 0.45 -> 0.22 ms.
 * On Zen 4 (AVX-512) the gradient of the latter image by image: 0.30 -> 0.09 ms. */
#include "kernels/sums.h"

#define BATCH_SMALL 64    /* channels of small planes that are taken together */
#define BATCH_LITTLE 64   /* elements of a small plane, at most */
#define BATCH_TOGETHER 64 /* images whose sums are kept in single precision */
#define BATCH_LANES 16
#define BATCH_COLUMNS 64
#define BATCH_GATHER 2048 /* elements */

SUMS_DEFINE(batch_sum_f32, float, f32, 0, SUMS_VALUE)
SUMS_DEFINE(batch_sum_f64, double, f64, 0, SUMS_VALUE)
SUMS_DEFINE(batch_squares_f32, float, f32, m, SUMS_SQUARE)
SUMS_DEFINE(batch_squares_f64, double, f64, m, SUMS_SQUARE)
SUMS_DEFINE(batch_centred_f32, float, f32, m, SUMS_CENTRED)
SUMS_DEFINE(batch_centred_f64, double, f64, m, SUMS_CENTRED)

/* The two kinds of channel: of planes, and of single elements (m channels side by side from c on). */
#define BATCH_KERNELS(s, T) \
    /* Planes [b, ..) of channel c as one row of *n elements: where they are, or copied into `room`. The next plane's number. */ \
    CT_KINLINE int64_t batch_row_##s(const T *x, T *room, int64_t b, int64_t batch, int64_t channels, int64_t plane, int64_t c, \
                                     const T **row, int64_t *n) \
    { \
        *row = x + (b * channels + c) * plane; \
        *n = plane; \
        if (plane > BATCH_GATHER / 4) \
            return b + 1; \
        *row = room; \
        int64_t most = b + BATCH_GATHER / plane < batch ? b + BATCH_GATHER / plane : batch; \
        for (*n = 0; b < most; b++, *n += plane) { \
            const T *a = x + (b * channels + c) * plane; \
            int64_t i = 0; \
            for (; i + VEC_WIDTH(T) <= plane; i += VEC_WIDTH(T)) \
                vec_store_##s(room + *n + i, vec_load_##s(a + i)); \
            for (; i < plane; i++) \
                room[*n + i] = a[i]; \
        } \
        return b; \
    } \
    static void batch_train_planes_##s(const T *x, const T *weight, const T *bias, T *y, T *mean, T *rstd, T *var, double eps, \
                                       int64_t batch, int64_t channels, int64_t plane, int64_t c) \
    { \
        T room[BATCH_GATHER]; \
        const T *row; \
        double sum = 0, squares = 0; \
        int64_t n; \
        for (int64_t b = 0; b < batch;) { \
            b = batch_row_##s(x, room, b, batch, channels, plane, c, &row, &n); \
            sum += batch_sum_##s(row, row, 0, n); \
        } \
        T m = (T)(sum / (double)(batch * plane)); \
        for (int64_t b = 0; b < batch;) { \
            if (batch * plane > BATCH_GATHER || plane > BATCH_GATHER / 4) \
                b = batch_row_##s(x, room, b, batch, channels, plane, c, &row, &n); \
            else \
                b = batch; /* all of it is still in `room` */ \
            squares += batch_squares_##s(row, row, m, n); \
        } \
        double v = squares / (double)(batch * plane); \
        T k = (T)(1 / sqrt(v + eps)), w = weight ? weight[c] : 1, d = bias ? bias[c] : 0; \
        mean[c] = m; \
        rstd[c] = k; \
        var[c] = (T)v; \
        for (int64_t b = 0; b < batch; b++) { \
            const T *restrict a = x + (b * channels + c) * plane; \
            T *restrict o = y + (b * channels + c) * plane; \
            int64_t i = 0; \
            for (; i + VEC_WIDTH(T) <= plane; i += VEC_WIDTH(T)) \
                vec_store_##s(o + i, (vec_load_##s(a + i) - m) * k * w + d); \
            for (; i < plane; i++) \
                o[i] = (a[i] - m) * k * w + d; \
        } \
    } \
    static void batch_train_columns_##s(const T *restrict x, const T *weight, const T *bias, T *restrict y, T *mean, T *rstd, T *var, \
                                        double eps, int64_t batch, int64_t channels, int64_t c, int64_t m) \
    { \
        double sum[BATCH_COLUMNS] = {0}; \
        T w[BATCH_COLUMNS], d[BATCH_COLUMNS], mid[BATCH_COLUMNS], k[BATCH_COLUMNS]; \
        for (int64_t b = 0; b < batch; b++) \
            for (int64_t i = 0; i < m; i++) \
                sum[i] += (double)x[b * channels + c + i]; \
        for (int64_t i = 0; i < m; i++) { \
            mid[i] = (T)(sum[i] / (double)batch); \
            sum[i] = 0; \
        } \
        for (int64_t b = 0; b < batch; b++) \
            for (int64_t i = 0; i < m; i++) { \
                T h = x[b * channels + c + i] - mid[i]; \
                sum[i] += (double)(h * h); \
            } \
        for (int64_t i = 0; i < m; i++) { \
            double v = sum[i] / (double)batch; \
            k[i] = (T)(1 / sqrt(v + eps)); \
            mean[c + i] = mid[i]; \
            rstd[c + i] = k[i]; \
            var[c + i] = (T)v; \
            w[i] = weight ? weight[c + i] : 1; \
            d[i] = bias ? bias[c + i] : 0; \
        } \
        for (int64_t b = 0; b < batch; b++) { \
            const T *a = x + b * channels + c; \
            T *o = y + b * channels + c; \
            for (int64_t i = 0; i < m; i++) \
                o[i] = (a[i] - mid[i]) * k[i] * w[i] + d[i]; \
        } \
    } \
    static void batch_train_##s(const T *x, const T *weight, const T *bias, T *y, T *mean, T *rstd, T *var, double eps, int64_t batch, \
                                int64_t channels, int64_t plane, int64_t c0, int64_t c1) \
    { \
        if (plane > 1) \
            for (int64_t c = c0; c < c1; c++) \
                batch_train_planes_##s(x, weight, bias, y, mean, rstd, var, eps, batch, channels, plane, c); \
        else \
            for (int64_t c = c0; c < c1; c += BATCH_COLUMNS) \
                batch_train_columns_##s(x, weight, bias, y, mean, rstd, var, eps, batch, channels, c, \
                                        c1 - c < BATCH_COLUMNS ? c1 - c : BATCH_COLUMNS); \
    } \
    /* With h = (x - mean) * rstd: weight * rstd * (gy - mean of gy - h * mean of gy h); the weight's gradient is the sum of gy h, the bias's of gy. */ \
    static void batch_bwd_planes_##s(const T *gy, const T *x, const T *weight, const T *mean, const T *rstd, T *gx, T *gw, T *gb, int64_t batch, \
                                     int64_t channels, int64_t plane, int64_t c) \
    { \
        T room[2][BATCH_GATHER]; \
        const T *row, *upper; \
        double sum = 0, dot = 0, n = (double)(batch * plane); \
        int64_t part; \
        T m = mean[c], k = rstd[c]; \
        for (int64_t b = 0; b < batch;) { \
            batch_row_##s(gy, room[1], b, batch, channels, plane, c, &upper, &part); \
            b = batch_row_##s(x, room[0], b, batch, channels, plane, c, &row, &part); \
            if (gx || gb) \
                sum += batch_sum_##s(upper, upper, 0, part); \
            dot += batch_centred_##s(row, upper, m, part); \
        } \
        if (gw) \
            gw[c] = (T)(dot * (double)k); \
        if (gb) \
            gb[c] = (T)sum; \
        if (!gx) \
            return; \
        T shift = (T)(sum / n), slope = (T)(dot / n * (double)k * (double)k), scale = weight ? k * weight[c] : k; \
        for (int64_t b = 0; b < batch; b++) { \
            int64_t at = (b * channels + c) * plane; \
            const T *restrict g = gy + at, *restrict a = x + at; \
            T *restrict o = gx + at; \
            int64_t i = 0; \
            for (; i + VEC_WIDTH(T) <= plane; i += VEC_WIDTH(T)) \
                vec_store_##s(o + i, (vec_load_##s(g + i) - shift - (vec_load_##s(a + i) - m) * slope) * scale); \
            for (; i < plane; i++) \
                o[i] = (g[i] - shift - (a[i] - m) * slope) * scale; \
        } \
    } \
    /* Small planes, of m neighbouring channels: image by image, so that what is read lies together. Sums go in lanes, over \
     * BATCH_TOGETHER images at a time. */ \
    static void batch_bwd_small_##s(const T *gy, const T *x, const T *weight, const T *mean, const T *rstd, T *gx, T *gw, T *gb, int64_t batch, \
                                    int64_t channels, int64_t plane, int64_t c, int64_t m) \
    { \
        double sum[BATCH_SMALL] = {0}, dot[BATCH_SMALL] = {0}, n = (double)(batch * plane); \
        for (int64_t b0 = 0; b0 < batch; b0 += BATCH_TOGETHER) { \
            T sums[BATCH_SMALL][BATCH_LANES] = {{0}}, dots[BATCH_SMALL][BATCH_LANES] = {{0}}; \
            for (int64_t b = b0; b < batch && b < b0 + BATCH_TOGETHER; b++) \
                for (int64_t l = 0; l < m; l++) { \
                    int64_t at = (b * channels + c + l) * plane, i = 0; \
                    const T *restrict g = gy + at, *restrict a = x + at; \
                    T *restrict u = sums[l], *restrict v = dots[l], mid = mean[c + l]; \
                    for (; i + BATCH_LANES <= plane; i += BATCH_LANES) \
                        VEC_UNROLL for (int k = 0; k < BATCH_LANES; k += VEC_WIDTH(T)) { \
                            vec_##s part = vec_load_##s(g + i + k); \
                            vec_store_##s(u + k, vec_load_##s(u + k) + part); \
                            vec_store_##s(v + k, vec_load_##s(v + k) + part * (vec_load_##s(a + i + k) - mid)); \
                        } \
                    for (int k = 0; i + k < plane; k++) \
                        u[k] += g[i + k], v[k] += g[i + k] * (a[i + k] - mid); \
                } \
            for (int64_t l = 0; l < m; l++) \
                for (int k = 0; k < BATCH_LANES; k++) \
                    sum[l] += (double)sums[l][k], dot[l] += (double)dots[l][k]; \
        } \
        for (int64_t l = 0; l < m && gw; l++) \
            gw[c + l] = (T)(dot[l] * (double)rstd[c + l]); \
        for (int64_t l = 0; l < m && gb; l++) \
            gb[c + l] = (T)sum[l]; \
        T shift[BATCH_SMALL], slope[BATCH_SMALL], scale[BATCH_SMALL]; \
        for (int64_t l = 0; l < m; l++) { \
            T k = rstd[c + l]; \
            shift[l] = (T)(sum[l] / n), slope[l] = (T)(dot[l] / n * (double)k * (double)k), scale[l] = weight ? k * weight[c + l] : k; \
        } \
        for (int64_t b = 0; b < batch && gx; b++) \
            for (int64_t l = 0; l < m; l++) { \
                int64_t at = (b * channels + c + l) * plane; \
                const T *restrict g = gy + at, *restrict a = x + at; \
                T *restrict o = gx + at, mid = mean[c + l], less = shift[l], rise = slope[l], by = scale[l]; \
                int64_t i = 0; \
                for (; i + VEC_WIDTH(T) <= plane; i += VEC_WIDTH(T)) \
                    vec_store_##s(o + i, (vec_load_##s(g + i) - less - (vec_load_##s(a + i) - mid) * rise) * by); \
                for (; i < plane; i++) \
                    o[i] = (g[i] - less - (a[i] - mid) * rise) * by; \
            } \
    } \
    static void batch_bwd_columns_##s(const T *restrict gy, const T *restrict x, const T *weight, const T *mean, const T *rstd, \
                                      T *restrict gx, T *gw, T *gb, int64_t batch, int64_t channels, int64_t c, int64_t m) \
    { \
        double sum[BATCH_COLUMNS] = {0}, dot[BATCH_COLUMNS] = {0}; \
        T shift[BATCH_COLUMNS], slope[BATCH_COLUMNS], scale[BATCH_COLUMNS]; \
        const T *mid = mean + c; \
        for (int64_t b = 0; b < batch; b++) { \
            const T *g = gy + b * channels + c, *a = x + b * channels + c; \
            for (int64_t i = 0; i < m; i++) { \
                sum[i] += (double)g[i]; \
                dot[i] += (double)(g[i] * (a[i] - mid[i])); \
            } \
        } \
        for (int64_t i = 0; i < m; i++) { \
            double k = (double)rstd[c + i]; \
            if (gw) \
                gw[c + i] = (T)(dot[i] * k); \
            if (gb) \
                gb[c + i] = (T)sum[i]; \
            shift[i] = (T)(sum[i] / (double)batch); \
            slope[i] = (T)(dot[i] / (double)batch * k * k); \
            scale[i] = weight ? rstd[c + i] * weight[c + i] : rstd[c + i]; \
        } \
        for (int64_t b = 0; b < batch && gx; b++) { \
            const T *g = gy + b * channels + c, *a = x + b * channels + c; \
            T *o = gx + b * channels + c; \
            for (int64_t i = 0; i < m; i++) \
                o[i] = (g[i] - shift[i] - (a[i] - mid[i]) * slope[i]) * scale[i]; \
        } \
    } \
    static void batch_bwd_##s(const T *gy, const T *x, const T *weight, const T *mean, const T *rstd, T *gx, T *gw, T *gb, int64_t batch, \
                              int64_t channels, int64_t plane, int64_t c0, int64_t c1) \
    { \
        if (plane > 1 && plane <= BATCH_LITTLE) \
            for (int64_t c = c0; c < c1; c += BATCH_SMALL) \
                batch_bwd_small_##s(gy, x, weight, mean, rstd, gx, gw, gb, batch, channels, plane, c, \
                                    c1 - c < BATCH_SMALL ? c1 - c : BATCH_SMALL); \
        else if (plane > 1) \
            for (int64_t c = c0; c < c1; c++) \
                batch_bwd_planes_##s(gy, x, weight, mean, rstd, gx, gw, gb, batch, channels, plane, c); \
        else \
            for (int64_t c = c0; c < c1; c += BATCH_COLUMNS) \
                batch_bwd_columns_##s(gy, x, weight, mean, rstd, gx, gw, gb, batch, channels, c, \
                                      c1 - c < BATCH_COLUMNS ? c1 - c : BATCH_COLUMNS); \
    } \
    static void batch_affine_##s(const T *x, const T *scale, const T *shift, T *y, int64_t batch, int64_t channels, int64_t plane, \
                                 int64_t c0, int64_t c1) \
    { \
        for (int64_t b = 0; b < batch; b++) { \
            const T *restrict a = x + b * channels * plane; \
            T *restrict o = y + b * channels * plane; \
            if (plane == 1) { \
                for (int64_t c = c0; c < c1; c++) \
                    o[c] = a[c] * scale[c] + (shift ? shift[c] : 0); \
                continue; \
            } \
            for (int64_t c = c0; c < c1; c++) { \
                T k = scale[c], d = shift ? shift[c] : 0; \
                for (int64_t i = c * plane; i < (c + 1) * plane; i++) \
                    o[i] = a[i] * k + d; \
            } \
        } \
    }
BATCH_KERNELS(f32, float)
BATCH_KERNELS(f64, double)

void CT_LEVEL(ct__batch_fill)(ct__batch_kernels *t)
{
    *t = (ct__batch_kernels){batch_train_f32, batch_train_f64, batch_bwd_f32, batch_bwd_f64, batch_affine_f32, batch_affine_f64};
}
