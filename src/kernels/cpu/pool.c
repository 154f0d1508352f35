/* Pooling, f32 and f64: max and average, fixed and adaptive windows, forward and backward; see
 * kernels/pool.h. 2 x 2 windows with stride 2 go in vectors, with a pick (a mask) for each of a window's four; the gradient's
 * rows are written once, whole, where every index lies in its own window. 24 planes of 28 x 28 with indices: 2.1 us
 * (AVX-512), 2.8 (AVX2) on Zen 4, one thread, backward 2.6 and 3.0 (with integer masks and a scatter 4.2, 5.8 and 3.3). A
 * relu's gradient on the way, in place of a pass of its own: a LeNet step at batch 64 1881 -> 1672 us, at 256 7942 -> 6977
 * (Sapphire Rapids). It is known by the pooling's result, a quarter as long as the relu's: 2693 -> 2631 and 11344 -> 11248 us (Zen 3).
 * The others are plain loops. Tried: a corner of 2 bits in a byte instead of an index; a training step gained nothing. */
#include "kernels/cpu/vec.h"

/* The part of window i inside [0, n): `first`, `first` + step ... `count` of them. */
static void pool_window(int64_t i, int64_t stride, int64_t pad, int64_t k, int64_t step, int64_t n,
                        int64_t *first, int64_t *count)
{
    int64_t start = i * stride - pad, skip = start < 0 ? (-start + step - 1) / step : 0;
    *first = start + skip * step;
    int64_t fit = *first < n ? (n - 1 - *first) / step + 1 : 0;
    *count = k - skip < fit ? k - skip : fit;
    if (*count < 0) *count = 0;
}

static int64_t pool_adaptive_start(int64_t i, int64_t out, int64_t in) { return i * in / out; }
static int64_t pool_adaptive_end(int64_t i, int64_t out, int64_t in)
{
    return ((i + 1) * in + out - 1) / out;
}

/* An average's divisor for output (i, j) whose inside part has `inside` elements. */
static double pool_divisor(const ct__pool_shape *s, int64_t i, int64_t j, int64_t inside)
{
    if (s->divisor_override) return (double)s->divisor_override;
    if (!s->count_include_pad) return (double)inside;
    int64_t y0 = i * s->sh - s->ph, x0 = j * s->sw - s->pw, y1 = y0 + s->kh, x1 = x0 + s->kw;
    if (y1 > s->h + s->ph) y1 = s->h + s->ph;
    if (x1 > s->w + s->pw) x1 = s->w + s->pw;
    return (double)((y1 - y0) * (x1 - x0));
}

#define vf_ vf
#define vd_ vd

#define T float
#define VI int32_t
#define VN VF_N
#define V(op) vf_##op
#define G(name) pool_f32_##name
#if VEC_BYTES == 64
static const int32_t pool_f32_even_lanes[16] = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
static const int32_t pool_f32_odd_lanes[16] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
static const int32_t pool_f32_low_lanes[16] = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
static const int32_t pool_f32_high_lanes[16] = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
CT_KINLINE vf pool_f32_low(vf a, vf b)
{
    return (vf)_mm512_permutex2var_ps((__m512)a, _mm512_loadu_si512(pool_f32_low_lanes), (__m512)b);
}
CT_KINLINE vf pool_f32_high(vf a, vf b)
{
    return (vf)_mm512_permutex2var_ps((__m512)a, _mm512_loadu_si512(pool_f32_high_lanes), (__m512)b);
}
CT_KINLINE vf pool_f32_even(vf a, vf b)
{
    return (vf)_mm512_permutex2var_ps((__m512)a, _mm512_loadu_si512(pool_f32_even_lanes), (__m512)b);
}
CT_KINLINE vf pool_f32_odd(vf a, vf b)
{
    return (vf)_mm512_permutex2var_ps((__m512)a, _mm512_loadu_si512(pool_f32_odd_lanes), (__m512)b);
}
#elif VEC_BYTES == 32
CT_KINLINE vf pool_f32_even(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
CT_KINLINE vf pool_f32_odd(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
CT_KINLINE vf pool_f32_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
CT_KINLINE vf pool_f32_high(vf a, vf b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
CT_KINLINE vf pool_f32_even(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
CT_KINLINE vf pool_f32_odd(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
#endif
#include "kernels/cpu/pool_body.h"
#undef T
#undef VI
#undef VN
#undef V
#undef G

#define T double
#define VI int64_t
#define VN VD_N
#define V(op) vd_##op
#define G(name) pool_f64_##name
#if VEC_BYTES == 64
CT_KINLINE vd pool_f64_even(vd a, vd b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
CT_KINLINE vd pool_f64_odd(vd a, vd b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
CT_KINLINE vd pool_f64_low(vd a, vd b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
CT_KINLINE vd pool_f64_high(vd a, vd b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#elif VEC_BYTES == 32
CT_KINLINE vd pool_f64_even(vd a, vd b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
CT_KINLINE vd pool_f64_odd(vd a, vd b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
CT_KINLINE vd pool_f64_low(vd a, vd b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
CT_KINLINE vd pool_f64_high(vd a, vd b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#else
CT_KINLINE vd pool_f64_even(vd a, vd b) { return __builtin_shufflevector(a, b, 0, 2); }
CT_KINLINE vd pool_f64_odd(vd a, vd b) { return __builtin_shufflevector(a, b, 1, 3); }
#endif
#include "kernels/cpu/pool_body.h"
#undef T
#undef VI
#undef VN
#undef V
#undef G

void CT_LEVEL(ct__pool_fill)(ct__pool_kernels *t)
{
    t->max_f32 = pool_f32_max;
    t->max_f64 = pool_f64_max;
    t->max_bwd_f32 = pool_f32_max_bwd;
    t->max_bwd_f64 = pool_f64_max_bwd;
    t->avg_f32 = pool_f32_avg;
    t->avg_f64 = pool_f64_avg;
    t->avg_bwd_f32 = pool_f32_avg_bwd;
    t->avg_bwd_f64 = pool_f64_avg_bwd;
    t->adaptive_avg_f32 = pool_f32_adaptive_avg;
    t->adaptive_avg_f64 = pool_f64_adaptive_avg;
    t->adaptive_avg_bwd_f32 = pool_f32_adaptive_avg_bwd;
    t->adaptive_avg_bwd_f64 = pool_f64_adaptive_avg_bwd;
    t->adaptive_max_f32 = pool_f32_adaptive_max;
    t->adaptive_max_f64 = pool_f64_adaptive_max;
}
