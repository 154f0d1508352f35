/* Reductions: rows in 16 lanes (explicit, since a compiler may not reorder float sums), columns 64 at a time. */
#include "kernels/kernels.h"

#define REDUCE_LANES 16
#define REDUCE_BLOCK 2048 /* elements whose lanes are added up in T before they go to double */
#define REDUCE_COLUMNS 64

#define REDUCE_TOTAL(name, T, term) \
    static double reduce_##name(const T *x, int64_t n) \
    { \
        double total = 0; \
        for (int64_t start = 0; start < n; start += REDUCE_BLOCK) { \
            int64_t m = n - start < REDUCE_BLOCK ? n - start : REDUCE_BLOCK, i = 0; \
            const T *y = x + start; \
            T lane[4][REDUCE_LANES] = {{0}}; \
            for (; i + 4 * REDUCE_LANES <= m; i += 4 * REDUCE_LANES) \
                for (int u = 0; u < 4; u++) \
                    for (int k = 0; k < REDUCE_LANES; k++) { T v = y[i + u * REDUCE_LANES + k]; lane[u][k] += term; } \
            for (int k = 0; i < m; i++, k = (k + 1) % REDUCE_LANES) { T v = y[i]; lane[0][k] += term; } \
            for (int k = 0; k < REDUCE_LANES; k++) \
                total += ((double)lane[0][k] + (double)lane[1][k]) + ((double)lane[2][k] + (double)lane[3][k]); \
        } \
        return total; \
    }
REDUCE_TOTAL(total_f32, float, v)
REDUCE_TOTAL(total_f64, double, v)
REDUCE_TOTAL(totalsq_f32, float, v * v)
REDUCE_TOTAL(totalsq_f64, double, v * v)

/* Rows r0 .. r1 where inner = 1; where inner > 1 columns, several at a time. A is what columns accumulate in. */
#define REDUCE_SUM(name, T, A, row, term) \
    static void reduce_##name(const T *x, T *out, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        if (inner == 1) { \
            for (int64_t r = r0; r < r1; r++) \
                out[r] = (T)(row); \
            return; \
        } \
        while (r0 < r1) { \
            int64_t o = r0 / inner, c = r0 % inner, m = inner - c; \
            m = m < r1 - r0 ? m : r1 - r0; \
            m = m < REDUCE_COLUMNS ? m : REDUCE_COLUMNS; \
            A lane[REDUCE_COLUMNS] = {0}; \
            for (int64_t p = 0; p < n; p++) { \
                const T *y = x + (o * n + p) * inner + c; \
                for (int64_t k = 0; k < m; k++) { A v = (A)y[k]; lane[k] += term; } \
            } \
            for (int64_t k = 0; k < m; k++) \
                out[r0 + k] = (T)lane[k]; \
            r0 += m; \
        } \
    }
REDUCE_SUM(sum_f32, float, double, reduce_total_f32(x + r * n, n), v)
REDUCE_SUM(sum_f64, double, double, reduce_total_f64(x + r * n, n), v)
REDUCE_SUM(sumsq_f32, float, double, reduce_totalsq_f32(x + r * n, n), v * v)
REDUCE_SUM(sumsq_f64, double, double, reduce_totalsq_f64(x + r * n, n), v * v)

static uint64_t reduce_total_i64(const int64_t *x, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (uint64_t)x[i];
    return sum;
}
REDUCE_SUM(sum_i64, int64_t, uint64_t, reduce_total_i64(x + r * n, n), v)

#define REDUCE_PROD(name, T, A) \
    static void reduce_##name(const T *x, T *out, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *y = x + r / inner * n * inner + r % inner; \
            A product = 1; \
            for (int64_t p = 0; p < n; p++) \
                product *= (A)y[p * inner]; \
            out[r] = (T)product; \
        } \
    }
REDUCE_PROD(prod_f32, float, double)
REDUCE_PROD(prod_f64, double, double)
REDUCE_PROD(prod_i64, int64_t, uint64_t)

#define REDUCE_EXTREME(name, T) \
    static void reduce_##name(bool largest, const T *x, T *out, int64_t *place, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        for (int64_t r = r0; r < r1; r++) { \
            const T *y = x + r / inner * n * inner + r % inner; \
            T best = y[0]; \
            if (!place && inner == 1 && n >= REDUCE_LANES) { \
                T lane[REDUCE_LANES]; \
                bool nan = false; \
                for (int k = 0; k < REDUCE_LANES; k++) \
                    lane[k] = y[k]; \
                int64_t p = 0; \
                for (; p + REDUCE_LANES <= n; p += REDUCE_LANES) { \
                    int bad = 0; \
                    for (int k = 0; k < REDUCE_LANES; k++) { \
                        T v = y[p + k]; \
                        bad |= v != v; \
                        lane[k] = largest ? (v > lane[k] ? v : lane[k]) : (v < lane[k] ? v : lane[k]); \
                    } \
                    nan = nan || bad; \
                } \
                for (; p < n; p++) { \
                    nan = nan || y[p] != y[p]; \
                    lane[0] = largest ? (y[p] > lane[0] ? y[p] : lane[0]) : (y[p] < lane[0] ? y[p] : lane[0]); \
                } \
                if (!nan) { \
                    best = lane[0]; \
                    for (int k = 1; k < REDUCE_LANES; k++) \
                        best = largest ? (lane[k] > best ? lane[k] : best) : (lane[k] < best ? lane[k] : best); \
                    out[r] = best; \
                    continue; \
                } \
            } \
            int64_t at = 0; \
            for (int64_t p = 1; p < n && best == best; p++) { \
                T v = y[p * inner]; \
                if (v != v || (largest ? v > best : v < best)) { \
                    best = v; \
                    at = p; \
                } \
            } \
            if (out) \
                out[r] = best; \
            if (place) \
                place[r] = at; \
        } \
    }
REDUCE_EXTREME(extreme_f32, float)
REDUCE_EXTREME(extreme_f64, double)
REDUCE_EXTREME(extreme_i64, int64_t)

void CT_LEVEL(ct__reduce_fill)(ct__reduce_kernels *t)
{
    *t = (ct__reduce_kernels){reduce_sum_f32, reduce_sum_f64, reduce_sum_i64, reduce_sumsq_f32, reduce_sumsq_f64, reduce_prod_f32,
                              reduce_prod_f64, reduce_prod_i64, reduce_extreme_f32, reduce_extreme_f64, reduce_extreme_i64,
                              reduce_total_f32, reduce_total_f64};
}
