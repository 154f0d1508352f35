/* Resampling of byte planes, with Pillow's results bit for bit: one pass along rows, one along columns, bytes between them.
 *
 *     in (h, w)  --rows-->     (h, out_w)  --columns-->  out (out_h, out_w)      usually
 *     in (h, w)  --columns-->  (out_h, w)  --rows-->     out (out_h, out_w)      where the height shrinks by much more
 *
 * The second order is Pillow's since version 13; it decides how bytes between the passes are rounded.
 *
 * Each output position has a run of input positions and weights, a filter stretched by the reduction and scaled to sum
 * to one, in 22 bits of fixed point. Gray and RGB with alpha (2 and 4 channels) are multiplied by their alpha before and
 * divided after. Nearest picks; its positions come from a running sum, as Pillow's do. */
#include "vision/resample.h"
#include <math.h>

#define RESAMPLE_BITS 22

typedef struct resample_axis {
    int64_t in, out, taps;
    int32_t *first, *count, *weights; /* weights: `taps` for each output position */
} resample_axis;

/* ---- Filters ---- */

static const double resample_support[] = {
    [CT_BILINEAR] = 1, [CT_NEAREST] = 0, [CT_BICUBIC] = 2, [CT_BOX] = 0.5, [CT_HAMMING] = 1, [CT_LANCZOS] = 3};

static double resample_sinc(double x) { return x == 0 ? 1 : sin(x * M_PI) / (x * M_PI); }

static double resample_filter(ct_interpolation how, double x)
{
    double d = fabs(x);
    switch (how) {
    case CT_BILINEAR: return d < 1 ? 1 - d : 0;
    case CT_BOX: return x > -0.5 && x <= 0.5;
    case CT_HAMMING:
        if (d == 0 || d >= 1)
            return d == 0;
        d *= M_PI;
        return sin(d) / d * (0.54f + 0.46f * cos(d));
    case CT_BICUBIC:
        if (d < 1)
            return ((-0.5 + 2) * d - (-0.5 + 3)) * d * d + 1;
        return d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0;
    case CT_LANCZOS: return x >= -3 && x < 3 ? resample_sinc(x) * resample_sinc(x / 3) : 0;
    case CT_NEAREST: break;
    }
    return 0;
}

static int64_t resample_taps(ct_interpolation how, int64_t in, int64_t out)
{
    double scale = (double)in / (double)out;
    return (int64_t)ceil(resample_support[how] * (scale < 1 ? 1 : scale)) * 2 + 1;
}

/* exact: room for a position's weights before they are rounded. */
static void resample_prepare(resample_axis *a, ct_interpolation how, double *exact)
{
    double scale = (double)a->in / (double)a->out, stretch = scale < 1 ? 1 : scale;
    double support = resample_support[how] * stretch, inverse = 1.0 / stretch;
    for (int64_t i = 0; i < a->out; i++) {
        double center = ((double)i + 0.5) * scale, sum = 0;
        int64_t from = (int64_t)(center - support + 0.5), to = (int64_t)(center + support + 0.5);
        from = from < 0 ? 0 : from;
        to = to > a->in ? a->in : to;
        for (int64_t k = 0; k < to - from; k++)
            sum += exact[k] = resample_filter(how, ((double)(k + from) - center + 0.5) * inverse);
        int32_t *weights = a->weights + i * a->taps;
        for (int64_t k = 0; k < to - from; k++) {
            double w = (sum != 0 ? exact[k] / sum : exact[k]) * (1 << RESAMPLE_BITS);
            weights[k] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        }
        a->first[i] = (int32_t)from;
        a->count[i] = (int32_t)(to - from);
    }
}

/* ---- Passes ---- */

static inline uint8_t resample_byte(int32_t sum)
{
    sum >>= RESAMPLE_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Four rows at a time, which share weights. */
static void resample_rows(const resample_axis *a, int64_t rows, const uint8_t *in, uint8_t *out)
{
    int64_t y = 0;
    for (; y + 4 <= rows; y += 4, in += 4 * a->in, out += 3 * a->out)
        for (int64_t x = 0; x < a->out; x++, out++) {
            const uint8_t *p = in + a->first[x], *q = p + a->in, *r = q + a->in, *s = r + a->in;
            const int32_t *weights = a->weights + x * a->taps;
            int32_t i = 1 << (RESAMPLE_BITS - 1), j = i, k = i, l = i;
            for (int32_t t = 0; t < a->count[x]; t++) {
                i += p[t] * weights[t];
                j += q[t] * weights[t];
                k += r[t] * weights[t];
                l += s[t] * weights[t];
            }
            out[0] = resample_byte(i);
            out[a->out] = resample_byte(j);
            out[2 * a->out] = resample_byte(k);
            out[3 * a->out] = resample_byte(l);
        }
    for (; y < rows; y++, in += a->in)
        for (int64_t x = 0; x < a->out; x++) {
            const uint8_t *from = in + a->first[x];
            const int32_t *weights = a->weights + x * a->taps;
            int32_t sum = 1 << (RESAMPLE_BITS - 1);
            for (int32_t k = 0; k < a->count[x]; k++)
                sum += from[k] * weights[k];
            *out++ = resample_byte(sum);
        }
}

static void resample_columns(const resample_axis *a, int64_t planes, int64_t width, const uint8_t *in, uint8_t *out,
                             int32_t *sums)
{
    for (int64_t c = 0; c < planes; c++, in += a->in * width)
        for (int64_t y = 0; y < a->out; y++, out += width) {
            const uint8_t *from = in + a->first[y] * width;
            const int32_t *weights = a->weights + y * a->taps;
            for (int64_t x = 0; x < width; x++)
                sums[x] = 1 << (RESAMPLE_BITS - 1);
            for (int32_t k = 0; k < a->count[y]; k++, from += width)
                for (int64_t x = 0; x < width; x++)
                    sums[x] += from[x] * weights[k];
            for (int64_t x = 0; x < width; x++)
                out[x] = resample_byte(sums[x]);
        }
}

static void resample_pick(int64_t in, int64_t out, int32_t *from)
{
    double step = (double)in / (double)out, at = step * 0.5;
    for (int64_t i = 0; i < out; i++, at += step)
        from[i] = at < (double)in ? (int32_t)at : -1; /* beyond the end by rounding: 0, as Pillow leaves it */
}

static void resample_nearest(const ct__resample *r, const uint8_t *in, uint8_t *out, int32_t *columns)
{
    int32_t *rows = columns + r->out_w;
    resample_pick(r->w, r->out_w, columns);
    resample_pick(r->h, r->out_h, rows);
    for (int64_t c = 0; c < r->c; c++, in += r->h * r->w)
        for (int64_t y = 0; y < r->out_h; y++)
            for (int64_t x = 0; x < r->out_w; x++)
                *out++ = rows[y] < 0 || columns[x] < 0 ? 0 : in[rows[y] * r->w + columns[x]];
}

/* ---- Alpha ---- */

static void resample_multiply(int64_t c, int64_t pixels, const uint8_t *in, uint8_t *out)
{
    const uint8_t *alpha = in + (c - 1) * pixels;
    for (int64_t k = 0; k < c - 1; k++)
        for (int64_t i = 0; i < pixels; i++) {
            int v = in[k * pixels + i] * alpha[i] + 128;
            out[k * pixels + i] = (uint8_t)((v + (v >> 8)) >> 8);
        }
    memcpy(out + (c - 1) * pixels, alpha, (size_t)pixels);
}

static void resample_divide(int64_t c, int64_t pixels, uint8_t *at)
{
    const uint8_t *alpha = at + (c - 1) * pixels;
    for (int64_t k = 0; k < c - 1; k++, at += pixels)
        for (int64_t i = 0; i < pixels; i++)
            if (alpha[i] != 0 && alpha[i] != 255) {
                int v = 255 * at[i] / alpha[i];
                at[i] = (uint8_t)(v > 255 ? 255 : v);
            }
}

/* ---- All of it ---- */

/* The parts of the scratch memory, one after another, each 64-byte aligned. */
typedef struct resample_room {
    int64_t numbers[2], exact, sums, middle, multiplied, end;
    bool alpha, columns_first;
} resample_room;

static resample_room resample_measure(const ct__resample *r)
{
    resample_room m = {.alpha = r->how != CT_NEAREST && r->c % 2 == 0,
                       .columns_first = r->out_h < r->h && 2 * (r->w - r->out_w) < r->h - r->out_h};
    int64_t at = 0;
#define RESAMPLE_TAKE(where, bytes) (where = at, at += ((bytes) + 63) / 64 * 64)
    if (r->how == CT_NEAREST) {
        RESAMPLE_TAKE(m.numbers[0], (r->out_h + r->out_w) * 4);
        m.end = at;
        return m;
    }
    int64_t tx = resample_taps(r->how, r->w, r->out_w), ty = resample_taps(r->how, r->h, r->out_h);
    RESAMPLE_TAKE(m.numbers[0], r->out_w * (tx + 2) * 4);
    RESAMPLE_TAKE(m.numbers[1], r->out_h * (ty + 2) * 4);
    RESAMPLE_TAKE(m.exact, (tx > ty ? tx : ty) * 8);
    RESAMPLE_TAKE(m.sums, (m.columns_first ? r->w : r->out_w) * 4);
    RESAMPLE_TAKE(m.middle, r->c * (m.columns_first ? r->out_h * r->w : r->h * r->out_w));
    if (m.alpha)
        RESAMPLE_TAKE(m.multiplied, r->c * r->h * r->w);
#undef RESAMPLE_TAKE
    m.end = at;
    return m;
}

int64_t ct__resample_bytes(const ct__resample *r) { return resample_measure(r).end; }

static resample_axis resample_axis_at(int64_t in, int64_t out, ct_interpolation how, int32_t *at)
{ return (resample_axis){in, out, resample_taps(how, in, out), at, at + out, at + 2 * out}; }

void ct__resample_run(const ct__resample *r, const uint8_t *in, uint8_t *out, void *scratch)
{
    resample_room m = resample_measure(r);
    char *room = scratch;
    if (r->how == CT_NEAREST) {
        resample_nearest(r, in, out, (int32_t *)room);
        return;
    }
    if (r->h == r->out_h && r->w == r->out_w) {
        memcpy(out, in, (size_t)(r->c * r->h * r->w));
        return;
    }
    if (m.alpha) {
        resample_multiply(r->c, r->h * r->w, in, (uint8_t *)room + m.multiplied);
        in = (uint8_t *)room + m.multiplied;
    }
    uint8_t *middle = (uint8_t *)room + m.middle;
    bool both = r->w != r->out_w && r->h != r->out_h;
    for (int pass = 0; pass < 2; pass++) {
        uint8_t *to = both && pass == 0 ? middle : out;
        if (pass == m.columns_first ? r->w == r->out_w : r->h == r->out_h)
            continue;
        if (pass == m.columns_first) {
            resample_axis a = resample_axis_at(r->w, r->out_w, r->how, (int32_t *)(room + m.numbers[0]));
            resample_prepare(&a, r->how, (double *)(room + m.exact));
            resample_rows(&a, r->c * (m.columns_first ? r->out_h : r->h), in, to);
        } else {
            resample_axis a = resample_axis_at(r->h, r->out_h, r->how, (int32_t *)(room + m.numbers[1]));
            resample_prepare(&a, r->how, (double *)(room + m.exact));
            resample_columns(&a, r->c, m.columns_first ? r->w : r->out_w, in, to, (int32_t *)(room + m.sums));
        }
        in = to;
    }
    if (m.alpha)
        resample_divide(r->c, r->out_h * r->out_w, out);
}
