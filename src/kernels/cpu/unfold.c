/* Windows as columns, and columns added up into images. */
#include "kernels/kernels.h"

#define UNFOLD(suffix, T) \
    static void unfold_##suffix(const ct__unfold_shape *s, const T *x, T *columns, int64_t p0, int64_t p1) \
    { \
        for (int64_t p = p0; p < p1; p++) \
            for (int64_t k = 0; k < s->kh * s->kw; k++) \
                for (int64_t i = 0; i < s->oh; i++) { \
                    int64_t y = i * s->sh - s->ph + k / s->kw * s->dh, left = k % s->kw * s->dw - s->pw; \
                    T *out = columns + ((p * s->kh * s->kw + k) * s->oh + i) * s->ow; \
                    const T *row = x + (p * s->h + y) * s->w; \
                    for (int64_t j = 0; j < s->ow; j++) { \
                        int64_t at = left + j * s->sw; \
                        out[j] = y >= 0 && y < s->h && at >= 0 && at < s->w ? row[at] : 0; \
                    } \
                } \
    } \
    static void unfold_fold_##suffix(const ct__unfold_shape *s, const T *columns, T *x, int64_t p0, int64_t p1) \
    { \
        memset(x + p0 * s->h * s->w, 0, (size_t)((p1 - p0) * s->h * s->w) * sizeof(T)); \
        for (int64_t p = p0; p < p1; p++) \
            for (int64_t k = 0; k < s->kh * s->kw; k++) \
                for (int64_t i = 0; i < s->oh; i++) { \
                    int64_t y = i * s->sh - s->ph + k / s->kw * s->dh, left = k % s->kw * s->dw - s->pw; \
                    if (y < 0 || y >= s->h) continue; \
                    const T *in = columns + ((p * s->kh * s->kw + k) * s->oh + i) * s->ow; \
                    T *row = x + (p * s->h + y) * s->w; \
                    for (int64_t j = 0; j < s->ow; j++) { \
                        int64_t at = left + j * s->sw; \
                        if (at >= 0 && at < s->w) row[at] += in[j]; \
                    } \
                } \
    }
UNFOLD(f32, float)
UNFOLD(f64, double)

void CT_LEVEL(ct__unfold_fill)(ct__unfold_kernels *t)
{
    t->unfold_f32 = unfold_f32;
    t->unfold_f64 = unfold_f64;
    t->fold_f32 = unfold_fold_f32;
    t->fold_f64 = unfold_fold_f64;
}
