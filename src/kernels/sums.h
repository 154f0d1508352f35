/* Sums along a row, in registers: 64 lanes, in as many vectors as the level needs. Every 2048 elements (32 a lane) the lanes go to
 * second ones, so that rounding stays small; a block of 32768 elements ends with adding the lanes up pairwise, and blocks are
 * added up in double. A row's end is filled up to a vector with what adds nothing.
 *
 *     | 0 .. 63 | 64 .. 127 | ...      lane k adds elements k, k + 64, ...; then 64 -> 32 -> 16 -> 8 -> 4 -> 2 -> 1
 *
 * SUMS_DEFINE makes such a function; `term` says what is added, from x and y (vectors or numbers of a and b) and the number m;
 * elements of a that are `pad` and of b that are 0 must add 0. */
#ifndef CT_KERNELS_SUMS_H
#define CT_KERNELS_SUMS_H

#include "kernels/vec.h"

#define SUMS_LANES 64
#define SUMS_CHUNK 2048
#define SUMS_BLOCK 32768

/* s[k] += term for 64 elements at `at`. */
#define SUMS_STEP(T, suffix, term, at) \
    VEC_UNROLL for (int k = 0; k < V; k++) { \
        vec_##suffix va = vec_load_##suffix(a + (at) + k * W), vb = vec_load_##suffix(b + (at) + k * W); \
        (void)vb; \
        s[k] += term(va, vb, mm); \
    }
/* The sum of all lanes of s. */
#define SUMS_FOLD(T, suffix) \
    T lane[16]; \
    VEC_UNROLL for (int k = 0; k < V / 2; k++) \
        s[k] += s[k + V / 2]; \
    VEC_UNROLL for (int k = 0; k < V / 4; k++) \
        vec_store_##suffix(lane + k * W, s[k] + s[k + V / 4]); \
    for (int h = 8; h; h /= 2) \
        for (int k = 0; k < h; k++) \
            lane[k] += lane[k + h]; \
    return lane[0];

#define SUMS_DEFINE(name, T, suffix, pad, term) \
    CT_KINLINE T name##_block(const T *restrict a, const T *restrict b, T m, int64_t n) /* a multiple of SUMS_CHUNK */ \
    { \
        enum { W = VEC_WIDTH(T), V = SUMS_LANES / W }; \
        vec_##suffix s[V], second[V], mm = (vec_##suffix){0} + m; \
        (void)b, (void)mm; \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            second[k] = (vec_##suffix){0}; \
        for (int64_t i = 0; i < n;) { \
            VEC_UNROLL for (int k = 0; k < V; k++) \
                s[k] = (vec_##suffix){0}; \
            for (int64_t end = i + SUMS_CHUNK; i < end; i += SUMS_LANES) \
                SUMS_STEP(T, suffix, term, i) \
            VEC_UNROLL for (int k = 0; k < V; k++) \
                second[k] += s[k]; \
        } \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            s[k] = second[k]; \
        SUMS_FOLD(T, suffix) \
    } \
    CT_KINLINE T name##_end(const T *restrict a, const T *restrict b, T m, int64_t n) /* less than SUMS_CHUNK */ \
    { \
        enum { W = VEC_WIDTH(T), V = SUMS_LANES / W }; \
        vec_##suffix s[V], mm = (vec_##suffix){0} + m; \
        int64_t i = 0; \
        (void)b, (void)mm; \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            s[k] = (vec_##suffix){0}; \
        for (; i + SUMS_LANES <= n; i += SUMS_LANES) \
            SUMS_STEP(T, suffix, term, i) \
        int64_t left = n - i; \
        VEC_UNROLL for (int k = 0; k < V; k++) \
            if (left >= (k + 1) * W) { \
                vec_##suffix va = vec_load_##suffix(a + i + k * W), vb = vec_load_##suffix(b + i + k * W); \
                (void)vb; \
                s[k] += term(va, vb, mm); \
            } \
        if (left % W) { \
            T end[W], end_b[W]; \
            int64_t at = i + left / W * W; \
            for (int h = 0; h < W; h++) { \
                end[h] = pad; \
                end_b[h] = 0; \
            } \
            for (int h = 0; h < left % W; h++) { \
                end[h] = a[at + h]; \
                end_b[h] = b[at + h]; \
            } \
            vec_##suffix va = vec_load_##suffix(end), vb = vec_load_##suffix(end_b), e = term(va, vb, mm); \
            (void)vb; \
            VEC_UNROLL for (int k = 0; k < V; k++) \
                if (k == left / W) \
                    s[k] += e; \
        } \
        SUMS_FOLD(T, suffix) \
    } \
    CT_KINLINE double name(const T *restrict a, const T *restrict b, T m, int64_t n) \
    { \
        double total = 0; \
        while (n >= SUMS_CHUNK) { \
            int64_t part = n < SUMS_BLOCK ? n / SUMS_CHUNK * SUMS_CHUNK : SUMS_BLOCK; \
            total += (double)name##_block(a, b, m, part); \
            a += part; \
            b += part; \
            n -= part; \
        } \
        return n ? total + (double)name##_end(a, b, m, n) : total; \
    }
#define SUMS_VALUE(x, y, m) (x)
#define SUMS_SQUARED(x, y, m) ((x) * (x))
#define SUMS_PRODUCT(x, y, m) ((x) * (y))
#define SUMS_SQUARE(x, y, m) (((x) - (m)) * ((x) - (m)))
#define SUMS_CENTRED(x, y, m) (((x) - (m)) * (y))
#endif
