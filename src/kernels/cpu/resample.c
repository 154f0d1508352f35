/* Weighted sums along one axis, and their transpose. */
#include "kernels/kernels.h"

#define RESAMPLE(suffix, T) \
    static void resample_forward_##suffix(const ct__resample_shape *s, const T *weight, const T *x, T *y, int64_t o0, int64_t o1) \
    { \
        for (int64_t o = o0; o < o1; o++) \
            for (int64_t j = 0; j < s->m; j++) { \
                const T *in = x + o * s->n * s->inner, *w = weight + j * s->taps; \
                const int64_t *at = s->index + j * s->taps; \
                T *out = y + (o * s->m + j) * s->inner; \
                for (int64_t i = 0; i < s->inner; i++) \
                    out[i] = w[0] * in[at[0] * s->inner + i]; \
                for (int64_t t = 1; t < s->taps; t++) \
                    for (int64_t i = 0; i < s->inner; i++) \
                        out[i] += w[t] * in[at[t] * s->inner + i]; \
            } \
    } \
    static void resample_backward_##suffix(const ct__resample_shape *s, const T *weight, const T *gy, T *gx, int64_t o0, int64_t o1) \
    { \
        memset(gx + o0 * s->n * s->inner, 0, (size_t)((o1 - o0) * s->n * s->inner) * sizeof(T)); \
        for (int64_t o = o0; o < o1; o++) \
            for (int64_t j = 0; j < s->m; j++) { \
                const T *g = gy + (o * s->m + j) * s->inner; \
                for (int64_t t = 0; t < s->taps; t++) { \
                    T *out = gx + (o * s->n + s->index[j * s->taps + t]) * s->inner, w = weight[j * s->taps + t]; \
                    for (int64_t i = 0; i < s->inner; i++) \
                        out[i] += w * g[i]; \
                } \
            } \
    }
RESAMPLE(f32, float)
RESAMPLE(f64, double)

void CT_LEVEL(ct__resample_fill)(ct__resample_kernels *t)
{
    t->forward_f32 = resample_forward_f32;
    t->forward_f64 = resample_forward_f64;
    t->backward_f32 = resample_backward_f32;
    t->backward_f64 = resample_backward_f64;
}
