/* Reductions. Sums of rows: kernels/sums.h. Sums of columns: a strip of up to 512 columns at a time, eight rows a step added up
 * pairwise before the strip's accumulators (in L1) are touched; after 128 rows these go to double. Narrow blocks (a few columns)
 * are read as fewer, wider rows first.
 *
 *     rows    p .. p+7  ((0+1)+(2+3))+((4+5)+(6+7))  ->  lane[512]  -> every 128 rows -> wide[512] (double)
 *
 * Others: columns 64 at a time, rows in explicit lanes, since a compiler may not reorder them; running sums of four rows side by
 * side, since one row's additions wait for each other.
 *
 * Measured from Python on one Zen 3 core, 10^6 floats in the last-level cache, before -> after 64 lanes for 16, wide strips for
 * 64 columns in double, and four rows for one: columns 132 -> 72 us, running sums 1450 -> 520 us, the sum of all 70 -> 58 us. */
#include "kernels/sums.h"

#define REDUCE_LANES 16
#define REDUCE_COLUMNS 64
#define REDUCE_STRIP 512
#define REDUCE_TALL 128 /* rows whose columns are added up in T before they go to double */

/* Rows of a few elements are not worth the vectors. */
#define REDUCE_TOTAL(name, T, suffix, what, term) \
    SUMS_DEFINE(reduce_##name##_row, T, suffix, 0, what) \
    static double reduce_##name(const T *x, int64_t n) \
    { \
        T sum = 0; \
        if (n >= REDUCE_LANES) \
            return reduce_##name##_row(x, x, 0, n); \
        for (int64_t i = 0; i < n; i++) { T v = x[i]; sum += term; } \
        return (double)sum; \
    }
REDUCE_TOTAL(total_f32, float, f32, SUMS_VALUE, v)
REDUCE_TOTAL(total_f64, double, f64, SUMS_VALUE, v)
REDUCE_TOTAL(totalsq_f32, float, f32, SUMS_SQUARED, v * v)
REDUCE_TOTAL(totalsq_f64, double, f64, SUMS_SQUARED, v * v)

/* Walks rows [r0, r1) of a block with inner > 1 by groups of neighbouring columns, `most` at a time: o, c the
 * first one's place, m how many. */
#define REDUCE_GROUPS_OF(most, body) \
    while (r0 < r1) { \
        int64_t o = r0 / inner, c = r0 % inner, m = inner - c; \
        m = m < r1 - r0 ? m : r1 - r0; \
        m = m < (most) ? m : (most); \
        body \
        r0 += m; \
    }
#define REDUCE_GROUPS(body) REDUCE_GROUPS_OF(REDUCE_COLUMNS, body)

/* wide[k] = the sum of column k of m columns of x (n, inner), m <= REDUCE_STRIP. */
#define REDUCE_COLUMN_SUMS(name, T, term) \
    CT_KINLINE T reduce_##name##_term(T v) { return term; } \
    static void reduce_##name##_columns(const T *restrict x, double *restrict wide, int64_t n, int64_t inner, \
                                        int64_t m) \
    { \
        T lane[REDUCE_STRIP]; \
        for (int64_t k = 0; k < m; k++) \
            wide[k] = 0; \
        for (int64_t start = 0; start < n; start += REDUCE_TALL) { \
            int64_t end = start + REDUCE_TALL < n ? start + REDUCE_TALL : n, p = start; \
            for (int64_t k = 0; k < m; k++) \
                lane[k] = 0; \
            for (; p + 8 <= end; p += 8) { \
                const T *y0 = x + p * inner, *y1 = y0 + inner, *y2 = y1 + inner, *y3 = y2 + inner; \
                const T *y4 = y3 + inner, *y5 = y4 + inner, *y6 = y5 + inner, *y7 = y6 + inner; \
                for (int64_t k = 0; k < m; k++) { \
                    T a = reduce_##name##_term(y0[k]) + reduce_##name##_term(y1[k]); \
                    T b = reduce_##name##_term(y2[k]) + reduce_##name##_term(y3[k]); \
                    T c = reduce_##name##_term(y4[k]) + reduce_##name##_term(y5[k]); \
                    T d = reduce_##name##_term(y6[k]) + reduce_##name##_term(y7[k]); \
                    lane[k] += (a + b) + (c + d); \
                } \
            } \
            for (; p < end; p++) \
                for (int64_t k = 0; k < m; k++) \
                    lane[k] += reduce_##name##_term(x[p * inner + k]); \
            for (int64_t k = 0; k < m; k++) \
                wide[k] += (double)lane[k]; \
        } \
    } \
    static void reduce_##name##_strip(const T *x, T *out, int64_t n, int64_t inner, int64_t m) \
    { \
        double wide[REDUCE_STRIP]; \
        int64_t fold = 1; \
        if (m == inner) /* dense: `fold` rows may be read as one */ \
            while (2 * fold * inner <= REDUCE_STRIP && fold < 16 && n >= 32 * fold) \
                fold *= 2; \
        reduce_##name##_columns(x, wide, n / fold, fold * inner, fold * m); \
        for (int64_t f = 1; f < fold; f++) \
            for (int64_t k = 0; k < m; k++) \
                wide[k] += wide[f * m + k]; \
        for (int64_t p = n / fold * fold; p < n; p++) \
            for (int64_t k = 0; k < m; k++) \
                wide[k] += (double)reduce_##name##_term(x[p * inner + k]); \
        for (int64_t k = 0; k < m; k++) \
            out[k] = (T)wide[k]; \
    }

/* Rows where inner = 1; else columns, a strip at a time. */
#define REDUCE_SUM_FLOAT(name, T, total, term) \
    REDUCE_COLUMN_SUMS(name, T, term) \
    static void reduce_##name(const T *x, T *out, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        if (inner == 1) { \
            for (int64_t r = r0; r < r1; r++) \
                out[r] = (T)total(x + r * n, n); \
            return; \
        } \
        REDUCE_GROUPS_OF(REDUCE_STRIP, \
            reduce_##name##_strip(x + o * n * inner + c, out + r0, n, inner, m);) \
    }
REDUCE_SUM_FLOAT(sum_f32, float, reduce_total_f32, v)
REDUCE_SUM_FLOAT(sum_f64, double, reduce_total_f64, v)
REDUCE_SUM_FLOAT(sumsq_f32, float, reduce_totalsq_f32, v * v)
REDUCE_SUM_FLOAT(sumsq_f64, double, reduce_totalsq_f64, v * v)

static uint64_t reduce_total_i64(const int64_t *x, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (uint64_t)x[i];
    return sum;
}

static void reduce_sum_i64(const int64_t *x, int64_t *out, int64_t n, int64_t inner, int64_t r0, int64_t r1)
{
    if (inner == 1) {
        for (int64_t r = r0; r < r1; r++)
            out[r] = (int64_t)reduce_total_i64(x + r * n, n);
        return;
    }
    REDUCE_GROUPS(
        uint64_t lane[REDUCE_COLUMNS] = {0};
        for (int64_t p = 0; p < n; p++) {
            const int64_t *y = x + (o * n + p) * inner + c;
            for (int64_t k = 0; k < m; k++)
                lane[k] += (uint64_t)y[k];
        }
        for (int64_t k = 0; k < m; k++)
            out[r0 + k] = (int64_t)lane[k];)
}

#define REDUCE_PROD(name, T, A) \
    static void reduce_##name(const T *x, T *out, int64_t n, int64_t inner, int64_t r0, int64_t r1) \
    { \
        if (inner == 1) { \
            for (int64_t r = r0; r < r1; r++) { \
                const T *y = x + r * n; \
                A lane[8] = {1, 1, 1, 1, 1, 1, 1, 1}; \
                int64_t p = 0; \
                for (; p + 8 <= n; p += 8) \
                    for (int k = 0; k < 8; k++) \
                        lane[k] *= (A)y[p + k]; \
                for (int k = 0; p < n; p++, k++) \
                    lane[k] *= (A)y[p]; \
                out[r] = (T)(((lane[0] * lane[4]) * (lane[2] * lane[6])) \
                             * ((lane[1] * lane[5]) * (lane[3] * lane[7]))); \
            } \
            return; \
        } \
        REDUCE_GROUPS( \
            A lane[REDUCE_COLUMNS]; \
            for (int64_t k = 0; k < m; k++) \
                lane[k] = 1; \
            for (int64_t p = 0; p < n; p++) { \
                const T *y = x + (o * n + p) * inner + c; \
                for (int64_t k = 0; k < m; k++) \
                    lane[k] *= (A)y[k]; \
            } \
            for (int64_t k = 0; k < m; k++) \
                out[r0 + k] = (T)lane[k];) \
    }
REDUCE_PROD(prod_f32, float, double)
REDUCE_PROD(prod_f64, double, double)
REDUCE_PROD(prod_i64, int64_t, uint64_t)

/* Once a NaN is taken nothing is larger than it: it stays. `than` is > or <. I: an integer of T's width, for
 * places. */
#define REDUCE_BETTER(v, than, best) ((v) than (best) || (v) != (v))
#define REDUCE_EXTREME_ROW(name, T, than) \
    static T reduce_##name##_row(const T *y, int64_t n) \
    { \
        T best = y[0]; \
        int64_t p = 1; \
        if (n >= 2 * REDUCE_LANES) { \
            T lane[2 * REDUCE_LANES]; \
            for (int k = 0; k < 2 * REDUCE_LANES; k++) \
                lane[k] = y[k]; \
            for (p = 2 * REDUCE_LANES; p + 2 * REDUCE_LANES <= n; p += 2 * REDUCE_LANES) \
                for (int k = 0; k < 2 * REDUCE_LANES; k++) { \
                    T v = y[p + k]; \
                    lane[k] = REDUCE_BETTER(v, than, lane[k]) ? v : lane[k]; \
                } \
            for (int k = 0; k < 2 * REDUCE_LANES; k++) \
                best = REDUCE_BETTER(lane[k], than, best) ? lane[k] : best; \
        } \
        for (; p < n; p++) \
            best = REDUCE_BETTER(y[p], than, best) ? y[p] : best; \
        return best; \
    } \
    static void reduce_##name##_columns(const T *x, T *value, int64_t n, int64_t inner, int64_t m) \
    { \
        T best[REDUCE_COLUMNS]; \
        for (int64_t k = 0; k < m; k++) \
            best[k] = x[k]; \
        for (int64_t p = 1; p < n; p++) \
            for (int64_t k = 0; k < m; k++) { \
                T v = x[p * inner + k]; \
                best[k] = REDUCE_BETTER(v, than, best[k]) ? v : best[k]; \
            } \
        for (int64_t k = 0; k < m; k++) \
            value[k] = best[k]; \
    }
/* The first place of a value (of a NaN, where it is one). */
#define REDUCE_FIND(T, suffix) \
    static int64_t reduce_find_##suffix(const T *y, int64_t n, T best) \
    { \
        int64_t p = 0; \
        if (best != best) { \
            while (p < n - 1 && y[p] == y[p]) \
                p++; \
            return p; \
        } \
        for (; p + 4 * REDUCE_LANES <= n; p += 4 * REDUCE_LANES) { \
            int any = 0; \
            for (int k = 0; k < 4 * REDUCE_LANES; k++) \
                any |= y[p + k] == best; \
            if (any) \
                break; \
        } \
        while (p < n - 1 && y[p] != best) \
            p++; \
        return p; \
    } \
    static void reduce_places_##suffix(const T *x, const T *best, int64_t *place, int64_t n, \
        int64_t inner, int64_t m) \
    { \
        int64_t at[REDUCE_COLUMNS]; \
        for (int64_t k = 0; k < m; k++) \
            at[k] = 0; \
        for (int64_t p = n - 1; p >= 0; p--) /* from the end: the first one is written last */ \
            for (int64_t k = 0; k < m; k++) { \
                T v = x[p * inner + k]; \
                at[k] = (v == best[k]) | ((v != v) & (best[k] != best[k])) ? p : at[k]; \
            } \
        for (int64_t k = 0; k < m; k++) \
            place[k] = at[k]; \
    }
#define REDUCE_EXTREME(T, suffix) \
    REDUCE_EXTREME_ROW(max_##suffix, T, >) \
    REDUCE_EXTREME_ROW(min_##suffix, T, <) \
    REDUCE_FIND(T, suffix) \
    static void reduce_extreme_##suffix(bool largest, const T *x, T *out, int64_t *place, int64_t n, \
        int64_t inner, int64_t r0, int64_t r1) \
    { \
        if (inner == 1) { \
            for (int64_t r = r0; r < r1; r++) { \
                T best = largest ? reduce_max_##suffix##_row(x + r * n, n) \
                    : reduce_min_##suffix##_row(x + r * n, n); \
                if (out) \
                    out[r] = best; \
                if (place) \
                    place[r] = reduce_find_##suffix(x + r * n, n, best); \
            } \
            return; \
        } \
        REDUCE_GROUPS( \
            const T *y = x + o * n * inner + c; \
            T best[REDUCE_COLUMNS]; \
            if (largest) \
                reduce_max_##suffix##_columns(y, best, n, inner, m); \
            else \
                reduce_min_##suffix##_columns(y, best, n, inner, m); \
            if (out) \
                memcpy(out + r0, best, sizeof(T) * (size_t)m); \
            if (place) \
                reduce_places_##suffix(y, best, place + r0, n, inner, m);) \
    }
REDUCE_EXTREME(float, f32)
REDUCE_EXTREME(double, f64)
REDUCE_EXTREME(int64_t, i64)

static void reduce_truth(bool all, const uint8_t *x, uint8_t *out, int64_t n, int64_t inner, int64_t r0,
                         int64_t r1)
{
    const uint8_t flip = all; /* all = not any of not */
    if (inner == 1) {
        for (int64_t r = r0; r < r1; r++) {
            const uint8_t *y = x + r * n;
            uint8_t any = 0;
            for (int64_t p = 0; p < n && !any; p += 1024) {
                int64_t m = n - p < 1024 ? n - p : 1024;
                for (int64_t k = 0; k < m; k++)
                    any |= y[p + k] ^ flip;
            }
            out[r] = any ^ flip;
        }
        return;
    }
    REDUCE_GROUPS(
        uint8_t any[REDUCE_COLUMNS] = {0};
        for (int64_t p = 0; p < n; p++)
            for (int64_t k = 0; k < m; k++)
                any[k] |= x[(o * n + p) * inner + c + k] ^ flip;
        for (int64_t k = 0; k < m; k++)
            out[r0 + k] = any[k] ^ flip;)
}

#define REDUCE_RUNNING(suffix, T, A) \
    static void reduce_running_##suffix(bool product, const T *x, T *out, int64_t n, int64_t inner, \
        int64_t r0, int64_t r1) \
    { \
        if (inner == 1) { \
            int64_t r = r0; \
            for (; !product && r + 4 <= r1; r += 4) { /* one row's additions wait for each other; four rows' do not */ \
                const T *y0 = x + r * n, *y1 = y0 + n, *y2 = y1 + n, *y3 = y2 + n; \
                T *z0 = out + r * n, *z1 = z0 + n, *z2 = z1 + n, *z3 = z2 + n; \
                A s0 = 0, s1 = 0, s2 = 0, s3 = 0; \
                for (int64_t i = 0; i < n; i++) { \
                    z0[i] = (T)(s0 += (A)y0[i]); \
                    z1[i] = (T)(s1 += (A)y1[i]); \
                    z2[i] = (T)(s2 += (A)y2[i]); \
                    z3[i] = (T)(s3 += (A)y3[i]); \
                } \
            } \
            for (; r < r1; r++) { \
                A sum = product; \
                if (product) \
                    for (int64_t i = r * n; i < (r + 1) * n; i++) \
                        out[i] = (T)(sum *= (A)x[i]); \
                else \
                    for (int64_t i = r * n; i < (r + 1) * n; i++) \
                        out[i] = (T)(sum += (A)x[i]); \
            } \
            return; \
        } \
        REDUCE_GROUPS( \
            A sum[REDUCE_COLUMNS]; \
            for (int64_t k = 0; k < m; k++) \
                sum[k] = product; \
            for (int64_t p = 0; p < n; p++) { \
                const T *restrict y = x + (o * n + p) * inner + c; \
                T *restrict z = out + (o * n + p) * inner + c; \
                if (product) \
                    for (int64_t k = 0; k < m; k++) \
                        z[k] = (T)(sum[k] *= (A)y[k]); \
                else \
                    for (int64_t k = 0; k < m; k++) \
                        z[k] = (T)(sum[k] += (A)y[k]); \
            }) \
    }
REDUCE_RUNNING(f32, float, double)
REDUCE_RUNNING(f64, double, double)
REDUCE_RUNNING(i64, int64_t, uint64_t)

void CT_LEVEL(ct__reduce_fill)(ct__reduce_kernels *t)
{
    *t = (ct__reduce_kernels){reduce_sum_f32,     reduce_sum_f64,     reduce_sum_i64,     reduce_sumsq_f32,
                              reduce_sumsq_f64,   reduce_prod_f32,    reduce_prod_f64,    reduce_prod_i64,
                              reduce_extreme_f32, reduce_extreme_f64, reduce_extreme_i64, reduce_truth,
                              reduce_running_f32, reduce_running_f64, reduce_running_i64, reduce_total_f32,
                              reduce_total_f64};
}
