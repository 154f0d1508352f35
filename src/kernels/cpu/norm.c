/* Softmax and normalisation. Sums run in 16 explicit lanes and end in double; means and variances take two passes. */
#include "kernels/kernels.h"
#include "kernels/math.h"

#define NORM_LANES 16

#define NORM_SUM(name, T, term) \
    CT_KINLINE double norm_##name(const T *restrict a, const T *restrict b, T m, int64_t n) \
    { \
        T lane[NORM_LANES] = {0}; \
        double total = 0; \
        int64_t i = 0; \
        (void)b, (void)m; \
        for (; i + NORM_LANES <= n; i += NORM_LANES) \
            for (int k = 0; k < NORM_LANES; k++) \
                lane[k] += term(a[i + k], b[i + k]); \
        for (int k = 0; i < n; i++, k++) \
            lane[k] += term(a[i], b[i]); \
        for (int k = 0; k < NORM_LANES; k++) \
            total += (double)lane[k]; \
        return total; \
    }
#define NORM_VALUE(x, y) (x)
#define NORM_PRODUCT(x, y) ((x) * (y))
#define NORM_SQUARE(x, y) (((x) - m) * ((x) - m))
NORM_SUM(sum_f32, float, NORM_VALUE)
NORM_SUM(sum_f64, double, NORM_VALUE)
NORM_SUM(dot_f32, float, NORM_PRODUCT)
NORM_SUM(dot_f64, double, NORM_PRODUCT)
NORM_SUM(squares_f32, float, NORM_SQUARE)
NORM_SUM(squares_f64, double, NORM_SQUARE)

/* Four times 16 lanes: one comparison waits for its predecessor's result, four do not. */
#define NORM_MAX(name, T) \
    CT_KINLINE T norm_##name(const T *x, int64_t n) \
    { \
        T best = x[0]; \
        int64_t i = 0; \
        if (n >= 4 * NORM_LANES) { \
            T lane[4 * NORM_LANES]; \
            for (int k = 0; k < 4 * NORM_LANES; k++) \
                lane[k] = x[k]; \
            for (; i + 4 * NORM_LANES <= n; i += 4 * NORM_LANES) \
                for (int k = 0; k < 4 * NORM_LANES; k++) \
                    lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k]; \
            for (int h = 2 * NORM_LANES; h; h /= 2) \
                for (int k = 0; k < h; k++) \
                    lane[k] = lane[k + h] > lane[k] ? lane[k + h] : lane[k]; \
            best = lane[0]; \
        } \
        for (; i < n; i++) \
            best = x[i] > best ? x[i] : best; \
        return best; \
    }
NORM_MAX(max_f32, float)
NORM_MAX(max_f64, double)

/* NaN needs no care: a NaN element makes its own exp, and so the sum, NaN. A row of -inf alone gives NaN as in PyTorch. */
#define NORM_SOFTMAX(s, T) \
    static void norm_softmax_##s(bool log_, const T *x, T *y, int64_t n, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *restrict a = x + r * n; \
            T *restrict b = y + r * n; \
            T high = norm_max_##s(a, n); \
            for (int64_t i = 0; i < n; i++) \
                b[i] = math_exp_negative_##s(a[i] - high); \
            double sum = norm_sum_##s(b, b, 0, n); \
            if (log_) { \
                T shift = (T)log(sum); \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = a[i] - high - shift; \
            } else { \
                T scale = (T)(1 / sum); \
                for (int64_t i = 0; i < n; i++) \
                    b[i] *= scale; \
            } \
        } \
    } \
    static void norm_softmax_bwd_##s(bool log_, const T *gy, const T *y, T *gx, int64_t n, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *restrict g = gy + r * n, *restrict v = y + r * n; \
            T *restrict o = gx + r * n; \
            if (log_) { \
                T sum = (T)norm_sum_##s(g, g, 0, n); \
                for (int64_t i = 0; i < n; i++) \
                    o[i] = g[i] - math_exp_##s(v[i]) * sum; \
            } else { \
                T sum = (T)norm_dot_##s(g, v, 0, n); \
                for (int64_t i = 0; i < n; i++) \
                    o[i] = v[i] * (g[i] - sum); \
            } \
        } \
    } \
    static void norm_layer_##s(const T *x, const T *weight, const T *bias, T *y, T *mean, T *rstd, double eps, int64_t n, int64_t r0, \
                               int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *restrict a = x + r * n; \
            T *restrict b = y + r * n; \
            T m = (T)(norm_sum_##s(a, a, 0, n) / (double)n); \
            T k = (T)(1 / sqrt(norm_squares_##s(a, a, m, n) / (double)n + eps)); \
            mean[r] = m; \
            rstd[r] = k; \
            if (weight && bias) \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = (a[i] - m) * k * weight[i] + bias[i]; \
            else \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = (a[i] - m) * k * (weight ? weight[i] : 1) + (bias ? bias[i] : 0); \
        } \
    } \
    static void norm_batch_##s(const T *x, const T *weight, const T *bias, T *y, T *mean, T *rstd, T *var, double eps, int64_t batch, \
                               int64_t channels, int64_t plane, int64_t c0, int64_t c1) \
    { \
        for (int64_t c = c0; c < c1; c++) { \
            double sum = 0, squares = 0; \
            for (int64_t b = 0; b < batch; b++) \
                sum += norm_sum_##s(x + (b * channels + c) * plane, x, 0, plane); \
            T m = (T)(sum / (double)(batch * plane)); \
            for (int64_t b = 0; b < batch; b++) \
                squares += norm_squares_##s(x + (b * channels + c) * plane, x, m, plane); \
            double v = squares / (double)(batch * plane); \
            T k = (T)(1 / sqrt(v + eps)), w = weight ? weight[c] : 1, d = bias ? bias[c] : 0; \
            mean[c] = m; \
            rstd[c] = k; \
            var[c] = (T)v; \
            for (int64_t b = 0; b < batch; b++) { \
                const T *restrict a = x + (b * channels + c) * plane; \
                T *restrict o = y + (b * channels + c) * plane; \
                for (int64_t i = 0; i < plane; i++) \
                    o[i] = (a[i] - m) * k * w + d; \
            } \
        } \
    }
NORM_SOFTMAX(f32, float)
NORM_SOFTMAX(f64, double)

void CT_LEVEL(ct__norm_fill)(ct__norm_kernels *t)
{
    *t = (ct__norm_kernels){norm_softmax_f32, norm_softmax_f64, norm_softmax_bwd_f32, norm_softmax_bwd_f64, norm_layer_f32, norm_layer_f64,
                            norm_batch_f32, norm_batch_f64};
}
