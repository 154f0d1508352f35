/* Interpolation along one axis at a time: which elements a result is made of, with which weights. Every mode is a weighted sum
 * along each axis, so an image is resized along its last dimension first, then along the one before it. */
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct resample_job {
    ct__resample_shape shape;
    const void *weight, *in;
    void *out;
    bool f64, back;
} resample_job;

static void resample_range(void *context, int64_t o0, int64_t o1)
{
    const resample_job *j = context;
    const ct__resample_kernels *k = &ct__k_resample;
    if (j->f64)
        (j->back ? k->backward_f64 : k->forward_f64)(&j->shape, j->weight, j->in, j->out, o0, o1);
    else
        (j->back ? k->backward_f32 : k->forward_f32)(&j->shape, j->weight, j->in, j->out, o0, o1);
}

/* ---- Weights: in float for float32 and narrower, in double for float64, as the arithmetic on the elements ---- */

static double resample_cubic_near(double x, double a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
static double resample_cubic_far(double x, double a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }

static double resample_filter(const char *mode, double x)
{
    x = fabs(x);
    if (!strcmp(mode, "linear"))
        return x < 1 ? 1 - x : 0;
    if (!strcmp(mode, "lanczos")) {
        const double pi = 3.14159265358979323846;
        return x == 0 ? 1 : x < 3 ? 3 * sin(pi * x) * sin(pi * x / 3) / (pi * pi * x * x) : 0;
    }
    return x < 1 ? resample_cubic_near(x, -0.5) : x < 2 ? resample_cubic_far(x, -0.5) : 0;
}

static double resample_round(double x, bool f64) { return f64 ? x : (double)(float)x; }

/* Fills index and weight (m * taps) for an axis of n elements. */
static void resample_table(const char *mode, bool align, double ratio, bool antialias, bool f64, int64_t n, int64_t m, int64_t taps,
                           int64_t *index, double *weight)
{
    double reach = !strcmp(mode, "linear") ? 1 : !strcmp(mode, "lanczos") ? 3 : 2;
    for (int64_t j = 0; j < m; j++) {
        int64_t *at = index + j * taps;
        double *w = weight + j * taps;
        if (!strncmp(mode, "nearest", 7)) {
            float by = (float)ratio;
            int64_t from = !strcmp(mode, "nearest") ? (int64_t)floorf((float)j * by) : (int64_t)floorf(((float)j + 0.5f) * by);
            at[0] = n == m ? j : from > n - 1 ? n - 1 : from;
            w[0] = 1;
        } else if (antialias) {
            double support = ratio >= 1 ? reach * ratio : reach, centre = resample_round(ratio * ((double)j + 0.5), f64), total = 0;
            int64_t low = (int64_t)(centre - support + 0.5), high = (int64_t)(centre + support + 0.5);
            low = low < 0 ? 0 : low;
            high = high > n ? n : high;
            int64_t count = high - low < 0 ? 0 : high - low > taps ? taps : high - low;
            for (int64_t t = 0; t < taps; t++) {
                at[t] = t < count ? low + t : low < n ? low : n - 1;
                w[t] = t < count ? resample_filter(mode, ((double)(t + low) - centre + 0.5) * (ratio >= 1 ? 1 / ratio : 1)) : 0;
                total += w[t];
            }
            for (int64_t t = 0; t < taps && total != 0; t++)
                w[t] /= total;
        } else {
            double place = align ? ratio * (double)j : ratio * ((double)j + 0.5) - 0.5;
            bool cubic = !strcmp(mode, "cubic");
            place = resample_round(n == m ? (double)j : place < 0 && !cubic ? 0 : place, f64);
            int64_t first = (int64_t)floor(place);
            first = first > n - 1 ? n - 1 : first;
            double t = place - (double)first;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            if (!cubic) {
                at[0] = first;
                at[1] = first < n - 1 ? first + 1 : first;
                w[0] = 1 - t;
                w[1] = t;
                continue;
            }
            w[0] = resample_cubic_far(t + 1, -0.75);
            w[1] = resample_cubic_near(t, -0.75);
            w[2] = resample_cubic_near(1 - t, -0.75);
            w[3] = resample_cubic_far(2 - t, -0.75);
            for (int64_t k = 0; k < 4; k++) {
                int64_t i = first - 1 + k;
                at[k] = i < 0 ? 0 : i > n - 1 ? n - 1 : i;
            }
        }
    }
}

/* Runs along `dim` of x: forward from n to m elements, or backward from m to n. The caller owns the result. */
static ct_tensor *resample_run(ct_tensor *self, int64_t dim, int64_t n, int64_t m, const char *mode, bool align, double scale, bool antialias,
                               bool back)
{
    bool f64 = self->dtype == CT_FLOAT64, nearest = !strncmp(mode, "nearest", 7);
    double ratio = align && !nearest ? (m > 1 ? (double)(n - 1) / (double)(m - 1) : 0) : scale > 0 ? 1 / scale : (double)n / (double)m;
    ratio = resample_round(ratio, f64 && !nearest);
    int64_t taps = nearest ? 1 : !strcmp(mode, "linear") ? 2 : 4, sizes[CT_MAX_DIMS];
    if (antialias && !nearest) {
        double reach = !strcmp(mode, "linear") ? 1 : !strcmp(mode, "lanczos") ? 3 : 2;
        taps = 2 * (int64_t)ceil(ratio >= 1 ? reach * ratio : reach) + 1;
    }
    CT_SCOPE();
    int64_t *index = ct__scratch(sizeof(int64_t) * (size_t)(m * taps + 1));
    double *wide = ct__scratch(sizeof(double) * (size_t)(m * taps + 1));
    float *narrow = f64 ? NULL : ct__scratch(sizeof(float) * (size_t)(m * taps + 1));
    if (!index || !wide || (!f64 && !narrow))
        return NULL;
    resample_table(mode, align && !nearest, ratio, antialias, f64, n, m, taps, index, wide);
    for (int64_t i = 0; i < m * taps && narrow; i++)
        narrow[i] = (float)wide[i];
    CT_AUTO ct_tensor *cast = ct__cast(self, f64 ? CT_FLOAT64 : CT_FLOAT32);
    CT_AUTO ct_tensor *x = cast ? ct__contiguous_of(cast) : NULL;
    memcpy(sizes, self->sizes, sizeof sizes);
    sizes[dim] = back ? n : m;
    CT_AUTO ct_tensor *out = x ? ct__new((ct_dtype)x->dtype, ct__device_of(self), self->ndim, sizes) : NULL;
    if (!out)
        return NULL;
    int64_t inner = 1, outer = 1;
    for (int64_t d = 0; d < self->ndim; d++)
        *(d < dim ? &outer : &inner) *= d == dim ? 1 : self->sizes[d];
    resample_job j = {{n, m, inner, taps, index}, f64 ? (const void *)wide : narrow, x->data, out->data, f64, back};
    if (out->numel && out->data)
        ct__parallel(outer, ct__grain((n + m * taps) * inner, 1 << 15), resample_range, &j);
    ct_tensor *result = ct__cast(out, (ct_dtype)self->dtype);
    return result;
}

static bool resample_check(const ct_tensor *self, int64_t dim, int64_t n, int64_t m, const char *mode)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"upsample_%s\" not implemented for '%s'", mode, ct_dtype_type_name((ct_dtype)self->dtype)) != NULL;
    if (dim < 0 || dim >= self->ndim)
        return ct__fail(CT_ERR_INDEX, "resample: dimension %lld is out of range for a tensor of %d dimensions", (long long)dim, self->ndim) != NULL;
    if (n < 1 || m < 1)
        return ct__fail(CT_ERR_RUNTIME, "Input and output sizes should be greater than 0, but got input %lld and output %lld", (long long)n,
                        (long long)m) != NULL;
    static const char *const modes[] = {"nearest", "nearest-exact", "linear", "cubic", "lanczos"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(mode, modes[i]))
            return true;
    return ct__fail(CT_ERR_VALUE, "resample: unknown mode '%s'", mode) != NULL;
}

ct_tensor *ct__resample_axis(ct_tensor *self, int64_t dim, int64_t size, const char *mode, bool align_corners, double scale, bool antialias)
{
    int64_t n = dim >= 0 && dim < self->ndim ? self->sizes[dim] : 0;
    return resample_check(self, dim, n, size, mode) ? resample_run(self, dim, n, size, mode, align_corners, scale, antialias, false) : NULL;
}

ct_tensor *ct__resample_axis_backward(ct_tensor *gy, ct_ints input_size, int64_t dim, const char *mode, bool align_corners, double scale,
                                      bool antialias)
{
    return resample_run(gy, dim, input_size.v[dim], gy->sizes[dim], mode, align_corners, scale, antialias, true);
}

ct_tensor *ct__resample_axis_again(ct_tensor *self, ct_ints size, int64_t dim, const char *mode, bool align_corners, double scale, bool antialias)
{
    return ct_resample_axis(self, dim, size.v[dim], mode, align_corners, scale, antialias);
}

ct_tensor *ct__interpolate_to(ct_tensor *self, ct_ints size, const char *mode, bool align_corners, bool antialias)
{
    int64_t first = self->ndim - size.n;
    if (first < 2 || size.n < 1 || size.n > 3)
        return ct__fail(CT_ERR_VALUE, "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                        "%s and output size of %s", ct__ints_text(self->ndim - 2, self->sizes + 2), ct__ints_text(size.n, size.v));
    if (!strcmp(mode, "area"))
        return size.n == 1   ? ct_adaptive_avg_pool1d(self, size)
               : size.n == 2 ? ct_adaptive_avg_pool2d(self, size)
                             : ct_adaptive_avg_pool3d(self, size);
    const char *axis = !strcmp(mode, "bilinear") || !strcmp(mode, "trilinear") ? "linear" : !strcmp(mode, "bicubic") ? "cubic" : mode;
    for (int64_t d = size.n - 1; d >= 0; d--)
        self = ct_resample_axis(self, first + d, size.v[d], axis, align_corners, 0, antialias);
    return self;
}
