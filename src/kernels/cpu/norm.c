/* Softmax and layer normalisation. A row stays in L1 over its passes:
 *
 *     softmax      max | e = exp(x - max), sum e | e / sum            log_softmax keeps no e: x - max - log(sum)
 *     layer_norm   sum | sum of squares about the mean | result       backward: two sums in one pass | result
 *
 * Along another dimension than the last the same passes go over 64 neighbouring columns; the gradients of layer_norm's weight and
 * bias over 256 columns, four rows a step, to double every 64 steps at most, for a block of rows that the input's gradient has just
 * brought into the cache (src/ops/norm.c). Sums run in fixed lanes (kernels/sums.h) and end in double.
 *
 * Most of a softmax's time were the exponentials: with those of kernels/vecmath.h, summed on the way, 1000 x 1000 floats went from 399 to
 * 340 us, log_softmax from 420 to 348 and its gradient from 339 to 258 (Zen 4). Where a core waits for its third cache (Sapphire
 * Rapids: 270 us to copy a megafloat), fetching the next row meanwhile took softmax from 320 to 280, log_softmax from 365 to 278.
 *
 * Measured from Python on one Zen 3 core, 1000 x 1000 floats, before -> after columns had kernels (for transposed copies) and
 * gradients of layer_norm too (for a dozen ops): softmax along columns 6.6 -> 0.7 ms, layer_norm backward 7.0 -> 0.56 ms; with
 * the sums for weight and bias made from the cache 844 -> 529 us (Sapphire Rapids). */
#include "kernels/vecmath.h"
#include "kernels/kernels.h"
#include "kernels/math.h"
#include "kernels/sums.h"

#define NORM_LANES 16
#define NORM_COLUMNS 64
#define NORM_BLOCK 1024
#define NORM_LINE 16 /* floats in a cache line */
#define NORM_STRIP 256

SUMS_DEFINE(norm_sum_f32, float, f32, 0, SUMS_VALUE)
SUMS_DEFINE(norm_sum_f64, double, f64, 0, SUMS_VALUE)
SUMS_DEFINE(norm_dot_f32, float, f32, 0, SUMS_PRODUCT)
SUMS_DEFINE(norm_dot_f64, double, f64, 0, SUMS_PRODUCT)
SUMS_DEFINE(norm_squares_f32, float, f32, m, SUMS_SQUARE)
SUMS_DEFINE(norm_squares_f64, double, f64, m, SUMS_SQUARE)

/* The largest of a row that is not NaN, or what stands in its stead (a NaN shows in the sum of exponentials). 64 lanes in
 * registers; the last 64 elements may be looked at twice. */
#define NORM_MAX(s, T) \
    CT_KINLINE T norm_max_##s(const T *x, int64_t n) \
    { \
        enum { W = VEC_WIDTH(T), V = 4 * NORM_LANES / W }; \
        T lane[NORM_LANES], best = x[0]; \
        if (n < 4 * NORM_LANES) { \
            for (int64_t i = 1; i < n; i++) \
                best = x[i] > best ? x[i] : best; \
            return best; \
        } \
        vec_##s v[V]; \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            v[k] = vec_load_##s(x + k * W); \
        for (int64_t i = 4 * NORM_LANES; i + 4 * NORM_LANES <= n; i += 4 * NORM_LANES) \
            VEC_UNROLL for (int k = 0; k < V; k++) \
                v[k] = vec_larger_##s(vec_load_##s(x + i + k * W), v[k]); \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            v[k] = vec_larger_##s(vec_load_##s(x + n - 4 * NORM_LANES + k * W), v[k]); \
        VEC_UNROLL for (int k = 0; k < V / 2; k++) \
            v[k] = vec_larger_##s(v[k + V / 2], v[k]); \
        VEC_UNROLL for (int k = 0; k < V / 4; k++) \
            vec_store_##s(lane + k * W, vec_larger_##s(v[k + V / 4], v[k])); \
        for (int h = NORM_LANES / 2; h; h /= 2) \
            for (int k = 0; k < h; k++) \
                lane[k] = lane[k + h] > lane[k] ? lane[k + h] : lane[k]; \
        return lane[0]; \
    }
NORM_MAX(f32, float)
NORM_MAX(f64, double)

/* The sum of exp(a - high), each of them kept in b where `keep`. Blocks of a row in float lanes, the blocks' sums in double. The next
 * row is fetched meanwhile. */
CT_KINLINE double norm_exps_f32(bool keep, const float *restrict a, float *restrict b, float high, int64_t n)
{
    enum { W = VEC_WIDTH(float), V = NORM_LANES / W };
    double total = 0;
    for (int64_t start = 0; start < n; start += NORM_BLOCK) {
        int64_t i = start, end = n - start < NORM_BLOCK ? n : start + NORM_BLOCK;
        vec_f32 sum[V];
        float lane[NORM_LANES];
        VEC_UNROLL for (int k = 0; k < V; k++)
            sum[k] = (vec_f32){0};
        for (; i + NORM_LANES <= end; i += NORM_LANES)
            VEC_UNROLL for (int k = 0; k < V; k++) {
                vec_f32 e = vec_exp_negative_f32(vec_load_f32(a + i + k * W) - high);
                if (k * W % NORM_LINE == 0) {
                    __builtin_prefetch(a + i + k * W + n);
                    __builtin_prefetch(b + i + k * W + n);
                }
                if (keep)
                    vec_store_f32(b + i + k * W, e);
                sum[k] += e;
            }
        if (i < end) { /* filled up with what adds 0 */
            for (int k = 0; k < NORM_LANES; k++)
                lane[k] = i + k < end ? a[i + k] - high : -MATH_INF;
            VEC_UNROLL for (int k = 0; k < V; k++) {
                vec_f32 e = vec_exp_negative_f32(vec_load_f32(lane + k * W));
                vec_store_f32(lane + k * W, e);
                sum[k] += e;
            }
            if (keep)
                memcpy(b + i, lane, (size_t)(end - i) * sizeof(float));
        }
        VEC_UNROLL for (int k = 0; k < V; k++)
            vec_store_f32(lane + k * W, sum[k]);
        for (int h = NORM_LANES / 2; h; h /= 2)
            for (int k = 0; k < h; k++)
                lane[k] += lane[k + h];
        total += (double)lane[0];
    }
    return total;
}
CT_KINLINE double norm_exps_f64(bool keep, const double *restrict a, double *restrict b, double high, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        double e = exp(a[i] - high);
        if (keep)
            b[i] = e;
        total += e;
    }
    return total;
}

/* o = g - exp(v) * sum, for v <= 0. g may be NULL: 0. */
CT_KINLINE void norm_log_bwd_f32(const float *restrict g, const float *restrict v, float sum, float *restrict o, int64_t n)
{
    enum { W = VEC_WIDTH(float) };
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vec_store_f32(o + i, (g ? vec_load_f32(g + i) : (vec_f32){0}) - vec_exp_negative_f32(vec_load_f32(v + i)) * sum);
    if (i < n) {
        float end[W] = {0};
        memcpy(end, v + i, (size_t)(n - i) * sizeof(float));
        vec_store_f32(end, vec_exp_negative_f32(vec_load_f32(end)));
        for (int64_t k = 0; i + k < n; k++)
            o[i + k] = (g ? g[i + k] : 0) - end[k] * sum;
    }
}
CT_KINLINE void norm_log_bwd_f64(const double *restrict g, const double *restrict v, double sum, double *restrict o, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        o[i] = (g ? g[i] : 0) - exp(v[i]) * sum;
}

/* NaN needs no care: a NaN element makes its own exp, and so the sum, NaN. A row of -inf alone gives NaN as in PyTorch. */
#define NORM_SOFTMAX(s, T) \
    static void norm_softmax_##s(bool log_, const T *x, T *y, int64_t n, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *restrict a = x + r * n; \
            T *restrict b = y + r * n; \
            T high = norm_max_##s(a, n); \
            if (log_) { \
                T shift = (T)log(norm_exps_##s(false, a, b, high, n)); \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = a[i] - high - shift; \
            } else { \
                T scale = (T)(1 / norm_exps_##s(true, a, b, high, n)); \
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
                norm_log_bwd_##s(g, v, sum, o, n); \
            } else { \
                T sum = (T)norm_dot_##s(g, v, 0, n); \
                for (int64_t i = 0; i < n; i++) \
                    o[i] = v[i] * (g[i] - sum); \
            } \
        } \
    } \
    static void norm_log_one_##s(const T *y, const int64_t *target, const T *at, T *gx, int64_t n, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            norm_log_bwd_##s(NULL, y + r * n, at[r], gx + r * n, n); \
            if (at[r] != 0) \
                gx[r * n + target[r]] += at[r]; \
        } \
    } \
    static void norm_down_##s(bool log_, const T *restrict x, T *restrict y, int64_t n, int64_t inner, int64_t m) \
    { \
        T high[NORM_COLUMNS], shift[NORM_COLUMNS]; \
        double wide[NORM_COLUMNS] = {0}; \
        for (int64_t k = 0; k < m; k++) \
            high[k] = x[k]; \
        for (int64_t p = 1; p < n; p++) \
            for (int64_t k = 0; k < m; k++) \
                high[k] = x[p * inner + k] > high[k] ? x[p * inner + k] : high[k]; \
        for (int64_t start = 0; start < n; start += 64) { \
            int64_t end = start + 64 < n ? start + 64 : n; \
            T lane[NORM_COLUMNS] = {0}; \
            for (int64_t p = start; p < end; p++) { \
                const T *a = x + p * inner; \
                T *b = y + p * inner; \
                if (log_) \
                    for (int64_t k = 0; k < m; k++) \
                        lane[k] += math_exp_negative_##s(a[k] - high[k]); \
                else \
                    for (int64_t k = 0; k < m; k++) \
                        lane[k] += b[k] = math_exp_negative_##s(a[k] - high[k]); \
            } \
            for (int64_t k = 0; k < m; k++) \
                wide[k] += (double)lane[k]; \
        } \
        for (int64_t k = 0; k < m; k++) \
            shift[k] = (T)(log_ ? log(wide[k]) : 1 / wide[k]); \
        for (int64_t p = 0; p < n; p++) { \
            const T *a = x + p * inner; \
            T *b = y + p * inner; \
            if (log_) \
                for (int64_t k = 0; k < m; k++) \
                    b[k] = a[k] - high[k] - shift[k]; \
            else \
                for (int64_t k = 0; k < m; k++) \
                    b[k] *= shift[k]; \
        } \
    } \
    static void norm_down_bwd_##s(bool log_, const T *restrict gy, const T *restrict y, T *restrict gx, int64_t n, int64_t inner, \
                                  int64_t m) \
    { \
        double wide[NORM_COLUMNS] = {0}; \
        T sum[NORM_COLUMNS]; \
        for (int64_t p = 0; p < n; p++) { \
            const T *g = gy + p * inner, *v = y + p * inner; \
            if (log_) \
                for (int64_t k = 0; k < m; k++) \
                    wide[k] += (double)g[k]; \
            else \
                for (int64_t k = 0; k < m; k++) \
                    wide[k] += (double)(g[k] * v[k]); \
        } \
        for (int64_t k = 0; k < m; k++) \
            sum[k] = (T)wide[k]; \
        for (int64_t p = 0; p < n; p++) { \
            const T *g = gy + p * inner, *v = y + p * inner; \
            T *o = gx + p * inner; \
            if (log_) \
                for (int64_t k = 0; k < m; k++) \
                    o[k] = g[k] - math_exp_##s(v[k]) * sum[k]; \
            else \
                for (int64_t k = 0; k < m; k++) \
                    o[k] = v[k] * (g[k] - sum[k]); \
        } \
    } \
    static void norm_columns_##s(bool log_, const T *gy, const T *x, T *y, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        for (int64_t m; r0 < r1; r0 += m) { \
            int64_t c = r0 % inner, at = r0 / inner * n * inner + c; \
            m = inner - c < r1 - r0 ? inner - c : r1 - r0; \
            m = m < NORM_COLUMNS ? m : NORM_COLUMNS; \
            if (gy) \
                norm_down_bwd_##s(log_, gy + at, x + at, y + at, n, inner, m); \
            else \
                norm_down_##s(log_, x + at, y + at, n, inner, m); \
        } \
    }
NORM_SOFTMAX(f32, float)
NORM_SOFTMAX(f64, double)

#define NORM_LAYER(s, T) \
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
            else if (weight) \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = (a[i] - m) * k * weight[i]; \
            else \
                for (int64_t i = 0; i < n; i++) \
                    b[i] = (a[i] - m) * k + (bias ? bias[i] : 0); \
        } \
    } \
    /* With u = gy * weight and h = (x - mean) * rstd: rstd * (u - mean of u - h * mean of u h). */ \
    CT_KINLINE void norm_layer_bwd_row_##s(bool weighted, const T *restrict g, const T *restrict a, const T *restrict weight, T m, T k, \
                                           T *restrict o, int64_t n) \
    { \
        enum { W = VEC_WIDTH(T), V = 2 * NORM_LANES / W }; \
        vec_##s s[V], d[V]; \
        T lane[2 * NORM_LANES], more[2 * NORM_LANES]; \
        double sum = 0, dot = 0; \
        int64_t i = 0; \
        VEC_UNROLL for (int v = 0; v < V; v++) \
            s[v] = d[v] = (vec_##s){0}; \
        for (; i + 2 * NORM_LANES <= n; i += 2 * NORM_LANES) \
            VEC_UNROLL for (int v = 0; v < V; v++) { \
                vec_##s u = vec_load_##s(g + i + v * W); \
                if (weighted) \
                    u *= vec_load_##s(weight + i + v * W); \
                s[v] += u; \
                d[v] += u * (vec_load_##s(a + i + v * W) - m); \
            } \
        VEC_UNROLL for (int v = 0; v < V; v++) { \
            vec_store_##s(lane + v * W, s[v]); \
            vec_store_##s(more + v * W, d[v]); \
        } \
        for (int j = 0; i < n; i++, j++) { \
            T u = weighted ? g[i] * weight[i] : g[i]; \
            lane[j] += u; \
            more[j] += u * (a[i] - m); \
        } \
        for (int h = NORM_LANES; h; h /= 2) \
            for (int j = 0; j < h; j++) { \
                lane[j] += lane[j + h]; \
                more[j] += more[j + h]; \
            } \
        sum = (double)lane[0]; \
        dot = (double)more[0]; \
        T shift = (T)(sum / (double)n), slope = (T)(dot / (double)n * (double)k * (double)k); \
        for (i = 0; i < n; i++) \
            o[i] = ((weighted ? g[i] * weight[i] : g[i]) - shift - (a[i] - m) * slope) * k; \
    } \
    static void norm_layer_bwd_##s(const T *gy, const T *x, const T *weight, const T *mean, const T *rstd, T *gx, int64_t n, int64_t r0, \
                                   int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) \
            if (weight) \
                norm_layer_bwd_row_##s(true, gy + r * n, x + r * n, weight, mean[r], rstd[r], gx + r * n, n); \
            else \
                norm_layer_bwd_row_##s(false, gy + r * n, x + r * n, NULL, mean[r], rstd[r], gx + r * n, n); \
    } \
    static void norm_layer_params_##s(const T *gy, const T *x, const T *mean, const T *rstd, double *gw, double *gb, int64_t n, \
                                      int64_t r0, int64_t r1) \
    { \
        for (int64_t k0 = 0, m; k0 < n; k0 += m) { \
            T lane[NORM_STRIP] = {0}, more[NORM_STRIP] = {0}; \
            int64_t r = r0; \
            m = n - k0 < NORM_STRIP ? n - k0 : NORM_STRIP; \
            for (; r + 4 <= r1; r += 4) { \
                const T *restrict g0 = gy + r * n + k0, *restrict g1 = g0 + n, *restrict g2 = g1 + n, *restrict g3 = g2 + n; \
                const T *restrict a0 = x + r * n + k0, *restrict a1 = a0 + n, *restrict a2 = a1 + n, *restrict a3 = a2 + n; \
                const T m0 = mean[r], m1 = mean[r + 1], m2 = mean[r + 2], m3 = mean[r + 3]; \
                const T s0 = rstd[r], s1 = rstd[r + 1], s2 = rstd[r + 2], s3 = rstd[r + 3]; \
                for (int64_t k = 0; k < m; k++) { \
                    lane[k] += (g0[k] * ((a0[k] - m0) * s0) + g1[k] * ((a1[k] - m1) * s1)) \
                               + (g2[k] * ((a2[k] - m2) * s2) + g3[k] * ((a3[k] - m3) * s3)); \
                    more[k] += (g0[k] + g1[k]) + (g2[k] + g3[k]); \
                } \
            } \
            for (; r < r1; r++) \
                for (int64_t k = 0; k < m; k++) { \
                    lane[k] += gy[r * n + k0 + k] * ((x[r * n + k0 + k] - mean[r]) * rstd[r]); \
                    more[k] += gy[r * n + k0 + k]; \
                } \
            for (int64_t k = 0; k < m; k++) { \
                gw[k0 + k] += (double)lane[k]; \
                gb[k0 + k] += (double)more[k]; \
            } \
        } \
    }
NORM_LAYER(f32, float)
NORM_LAYER(f64, double)

void CT_LEVEL(ct__norm_fill)(ct__norm_kernels *t)
{
    *t = (ct__norm_kernels){norm_softmax_f32,   norm_softmax_f64,   norm_softmax_bwd_f32, norm_softmax_bwd_f64, norm_log_one_f32,
                            norm_log_one_f64,   norm_columns_f32,   norm_columns_f64,     norm_layer_f32,       norm_layer_f64,
                            norm_layer_bwd_f32, norm_layer_bwd_f64, norm_layer_params_f32, norm_layer_params_f64};
}
