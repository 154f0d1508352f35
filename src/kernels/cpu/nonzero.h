/* The lanes of a vector that are not zero (NaN is not), packed to the front together with a number for each: `vf_nonzero` and
 * `vd_nonzero` write whole vectors at values and places, of which the returned count is meant, so both need room for one
 * vector more. nonzero_fill() must have run (AVX2 reads a table of permutations). */
#ifndef CT_KERNELS_NONZERO_H
#define CT_KERNELS_NONZERO_H
#include "kernels/cpu/vec.h"

#if VEC_BYTES == 64
static void nonzero_fill(void) {}
CT_KINLINE int64_t vf_nonzero(vf v, vf_int place, float *values, int32_t *places)
{
    __mmask16 m = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_ps(values, _mm512_maskz_compress_ps(m, (__m512)v));
    _mm512_storeu_si512(places, _mm512_maskz_compress_epi32(m, (__m512i)place));
    return __builtin_popcount(m);
}
CT_KINLINE int64_t vd_nonzero(vd v, vd_int place, double *values, int64_t *places)
{
    __mmask8 m = _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    _mm512_storeu_pd(values, _mm512_maskz_compress_pd(m, (__m512d)v));
    _mm512_storeu_si512(places, _mm512_maskz_compress_epi64(m, (__m512i)place));
    return __builtin_popcount(m);
}
#elif VEC_BYTES == 32
static uint64_t nonzero_lanes[256]; /* byte i of entry m: the lane of the i-th bit that is set in m */
static __m256i nonzero_pairs[16];   /* the same for four lanes of 64 bits, as lanes of 32 */
static void nonzero_fill(void)
{
    for (int m = 0; m < 256; m++) {
        uint64_t lanes = 0;
        for (int lane = 0, n = 0; lane < 8; lane++)
            if (m >> lane & 1) lanes |= (uint64_t)lane << 8 * n++;
        nonzero_lanes[m] = lanes;
    }
    for (int m = 0; m < 16; m++) {
        int32_t pairs[8] = {0};
        for (int lane = 0, n = 0; lane < 4; lane++)
            if (m >> lane & 1) {
                pairs[n++] = 2 * lane;
                pairs[n++] = 2 * lane + 1;
            }
        memcpy(&nonzero_pairs[m], pairs, sizeof pairs);
    }
}
CT_KINLINE int64_t vf_nonzero(vf v, vf_int place, float *values, int32_t *places)
{
    int m = _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&nonzero_lanes[m]));
    _mm256_storeu_ps(values, _mm256_permutevar8x32_ps((__m256)v, order));
    _mm256_storeu_si256((__m256i *)places, _mm256_permutevar8x32_epi32((__m256i)place, order));
    return __builtin_popcount((unsigned)m);
}
CT_KINLINE int64_t vd_nonzero(vd v, vd_int place, double *values, int64_t *places)
{
    int m = _mm256_movemask_pd(_mm256_cmp_pd((__m256d)v, _mm256_setzero_pd(), _CMP_NEQ_UQ));
    __m256i order = nonzero_pairs[m];
    _mm256_storeu_si256((__m256i *)values, _mm256_permutevar8x32_epi32((__m256i)v, order));
    _mm256_storeu_si256((__m256i *)places, _mm256_permutevar8x32_epi32((__m256i)place, order));
    return __builtin_popcount((unsigned)m);
}
#else
static void nonzero_fill(void) {}
CT_KINLINE int64_t vf_nonzero(vf v, vf_int place, float *values, int32_t *places)
{
    int64_t n = 0;
    for (int lane = 0; lane < VF_N; lane++) {
        values[n] = v[lane];
        places[n] = place[lane];
        n += v[lane] != 0;
    }
    return n;
}
CT_KINLINE int64_t vd_nonzero(vd v, vd_int place, double *values, int64_t *places)
{
    int64_t n = 0;
    for (int lane = 0; lane < VD_N; lane++) {
        values[n] = v[lane];
        places[n] = place[lane];
        n += v[lane] != 0;
    }
    return n;
}
#endif
#endif
