/* Sums of a row in registers, for the normalisations: 64 lanes, in as many vectors as the level needs, added up pairwise to 16
 * and these in double. `term` says what is added, from va and vb (vectors or numbers of a and b) and the number m. */
#ifndef CT_KERNELS_SUMS_H
#define CT_KERNELS_SUMS_H

#include "kernels/vec.h"

#define SUMS_LANES 64
#define SUMS_DEFINE(name, T, suffix, term) \
    CT_KINLINE double name(const T *restrict a, const T *restrict b, T m, int64_t n) \
    { \
        enum { SW = VEC_WIDTH(T), SV = SUMS_LANES / SW, SH = 16 / SW }; \
        T lane[16] = {0}; \
        double total = 0; \
        int64_t i = 0; \
        (void)b, (void)m; \
        if (n >= SUMS_LANES) { \
            vec_##suffix s[SV], mm = (vec_##suffix){0} + m; \
            (void)mm; \
            VEC_UNROLL for (int k = 0; k < SV; k++) \
                s[k] = (vec_##suffix){0}; \
            for (; i + SUMS_LANES <= n; i += SUMS_LANES) \
                VEC_UNROLL for (int k = 0; k < SV; k++) { \
                    vec_##suffix va = vec_load_##suffix(a + i + k * SW), vb = vec_load_##suffix(b + i + k * SW); \
                    (void)vb; \
                    s[k] += term(va, vb, mm); \
                } \
            VEC_UNROLL for (int k = 0; k < SV / 2; k++) \
                s[k] += s[k + SV / 2]; \
            VEC_UNROLL for (int k = 0; k < SH; k++) \
                vec_store_##suffix(lane + k * SW, s[k] + s[k + SH]); \
        } \
        for (; i + 16 <= n; i += 16) \
            for (int k = 0; k < 16; k++) \
                lane[k] += term(a[i + k], b[i + k], m); \
        for (int k = 0; i < n; i++, k++) \
            lane[k] += term(a[i], b[i], m); \
        for (int k = 0; k < 16; k++) \
            total += (double)lane[k]; \
        return total; \
    }
#define SUMS_VALUE(x, y, m) (x)
#define SUMS_PRODUCT(x, y, m) ((x) * (y))
#define SUMS_SQUARE(x, y, m) (((x) - (m)) * ((x) - (m)))
#define SUMS_CENTRED(x, y, m) (((x) - (m)) * (y))
#endif
