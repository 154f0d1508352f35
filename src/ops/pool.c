/* Pooling: checks, output sizes and the cut into planes; the arithmetic is kernels/cpu/pool.c's. `dims` is 1 (L) or 2 (H, W). */
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct pool_job {
    ct__pool_shape shape;
    enum { POOL_MAX, POOL_AVG, POOL_AVG_BACK, POOL_ADAPTIVE_AVG, POOL_ADAPTIVE_AVG_BACK, POOL_ADAPTIVE_MAX, POOL_MAX_BACK } what;
    bool f64;
    const void *in, *found; /* found: the pooling's result, for the gradient past a relu as well; else NULL */
    void *out;
    int64_t *index;
} pool_job;

static void pool_range(void *context, int64_t p0, int64_t p1)
{
    const pool_job *j = context;
    const ct__pool_shape *s = &j->shape;
    const ct__pool_kernels *k = &ct__k_pool;
    if (j->f64) {
        switch (j->what) {
        case POOL_MAX: k->max_f64(s, j->in, j->out, j->index, p0, p1); break;
        case POOL_AVG: k->avg_f64(s, j->in, j->out, p0, p1); break;
        case POOL_AVG_BACK: k->avg_bwd_f64(s, j->in, j->out, p0, p1); break;
        case POOL_ADAPTIVE_AVG: k->adaptive_avg_f64(s, j->in, j->out, p0, p1); break;
        case POOL_ADAPTIVE_AVG_BACK: k->adaptive_avg_bwd_f64(s, j->in, j->out, p0, p1); break;
        case POOL_ADAPTIVE_MAX: k->adaptive_max_f64(s, j->in, j->out, j->index, p0, p1); break;
        case POOL_MAX_BACK: k->max_bwd_f64(s, j->in, j->index, j->found, j->out, p0, p1); break;
        }
        return;
    }
    switch (j->what) {
    case POOL_MAX: k->max_f32(s, j->in, j->out, j->index, p0, p1); break;
    case POOL_AVG: k->avg_f32(s, j->in, j->out, p0, p1); break;
    case POOL_AVG_BACK: k->avg_bwd_f32(s, j->in, j->out, p0, p1); break;
    case POOL_ADAPTIVE_AVG: k->adaptive_avg_f32(s, j->in, j->out, p0, p1); break;
    case POOL_ADAPTIVE_AVG_BACK: k->adaptive_avg_bwd_f32(s, j->in, j->out, p0, p1); break;
    case POOL_ADAPTIVE_MAX: k->adaptive_max_f32(s, j->in, j->out, j->index, p0, p1); break;
    case POOL_MAX_BACK: k->max_bwd_f32(s, j->in, j->index, j->found, j->out, p0, p1); break;
    }
}

/* Runs a job over all planes; half-width floats by way of float32. out_sizes: the result's; caller owns the result. */
static ct_tensor *pool_run(pool_job *j, ct_tensor *input, const int64_t *out_sizes)
{
    CT_AUTO ct_tensor *wide = input->dtype == CT_FLOAT64 ? ct_retain(input) : ct__cast(input, CT_FLOAT32);
    CT_AUTO ct_tensor *x = wide ? ct__contiguous_of(wide) : NULL;
    ct_tensor *out = x ? ct__new((ct_dtype)x->dtype, ct__device_of(input), input->ndim, out_sizes) : NULL;
    if (!out)
        return NULL;
    int64_t in_plane = j->shape.h * j->shape.w, out_plane = j->shape.oh * j->shape.ow, planes;
    bool backward = j->what == POOL_AVG_BACK || j->what == POOL_ADAPTIVE_AVG_BACK || j->what == POOL_MAX_BACK;
    planes = backward ? (in_plane ? out->numel / in_plane : 0) : (out_plane ? out->numel / out_plane : 0);
    if (out->data && planes) {
        j->f64 = x->dtype == CT_FLOAT64;
        j->in = x->data;
        j->out = out->data;
        ct__parallel(planes, ct__grain(in_plane + out_plane, 1 << 14), pool_range, j);
    }
    ct_tensor *cast = ct__cast(out, (ct_dtype)input->dtype);
    ct_release(out);
    return cast;
}

static bool pool_input(const ct_tensor *self, int64_t dims, const char *name)
{
    if (self->ndim != dims + 1 && self->ndim != dims + 2) {
        if (!strncmp(name, "adaptive", 8) && dims == 2)
            return ct__fail(CT_ERR_RUNTIME, "%s(): Expected 3D or 4D tensor, but got%s %s", name, name[9] == 'm' ? ":" : "",
                            ct__shape_text(self)) != NULL;
        if (!strcmp(name, "max_pool1d"))
            return ct__fail(CT_ERR_RUNTIME, "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:%s",
                            ct__shape_text(self)) != NULL;
        if (dims == 1)
            return ct__fail(CT_ERR_RUNTIME, "Expected 2 to 3 dimensions, but got %d-dimensional tensor for argument #1 'self' (while checking "
                            "arguments for %s)", self->ndim, name) != NULL;
        if (!strcmp(name, "max_pool2d"))
            return ct__fail(CT_ERR_RUNTIME, "non-empty 3D or 4D (batch mode) tensor expected for input") != NULL;
        return ct__fail(CT_ERR_RUNTIME, "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:%s",
                        ct__shape_text(self)) != NULL;
    }
    if (dims == 2 && strncmp(name, "adaptive", 8) && (self->sizes[self->ndim - 1] == 0 || self->sizes[self->ndim - 2] == 0))
        return ct__fail(CT_ERR_RUNTIME, "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:%s",
                        ct__shape_text(self)) != NULL;
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, ct_dtype_type_name((ct_dtype)self->dtype)) != NULL;
    return true;
}

static int64_t pool_out_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode)
{
    int64_t span = in + 2 * pad - dilation * (kernel - 1) - 1;
    int64_t out = span < 0 ? 0 : (span + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (out - 1) * stride >= in + pad)
        out--;
    return out;
}

/* Fills the kernel's shape and the result's sizes. */
static bool pool_plan(const ct_tensor *self, int64_t dims, ct_ints kernel, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode,
                      ct__pool_shape *s, int64_t *sizes)
{
    static const int64_t one[2] = {1, 1};
    if (stride.n == 0)
        stride = kernel;
    if (dilation.n == 0)
        dilation = (ct_ints){dims, one};
    if (kernel.n != dims || stride.n != dims || padding.n != dims || dilation.n != dims)
        return ct__fail(CT_ERR_RUNTIME, "%s_pool%lldd: %s must either be a single int, or a tuple of %s",
                        ct__op_name[0] == 'm' ? "max" : "avg", (long long)dims,
                        kernel.n != dims ? "kernel_size" : stride.n != dims ? "stride" : padding.n != dims ? "padding" : "dilation",
                        dims == 1 ? "one int" : "two ints") != NULL;
    *s = (ct__pool_shape){.h = 1, .oh = 1, .kh = 1, .sh = 1, .dh = 1};
    memcpy(sizes, self->sizes, sizeof(int64_t) * CT_MAX_DIMS);
    for (int64_t i = 0; i < dims; i++) {
        int64_t k = kernel.v[i], st = stride.v[i], p = padding.v[i], d = dilation.v[i], in = self->sizes[self->ndim - dims + i];
        if (st == 0)
            return ct__fail(CT_ERR_RUNTIME, "stride should not be zero") != NULL;
        if (k <= 0 || st <= 0 || d <= 0)
            return ct__fail(CT_ERR_RUNTIME, "%s should be greater than zero, but got %lld", k <= 0 ? "kernel size" : st <= 0 ? "stride" : "dilation",
                            (long long)(k <= 0 ? k : st <= 0 ? st : d)) != NULL;
        if (p < 0)
            return ct__fail(CT_ERR_RUNTIME, "pad must be non-negative, but got pad: %lld", (long long)p) != NULL;
        if (p > (d * (k - 1) + 1) / 2)
            return ct__fail(CT_ERR_RUNTIME, "pad should be at most half of effective kernel size, but got pad=%lld, kernel_size=%lld and "
                            "dilation=%lld", (long long)p, (long long)k, (long long)d) != NULL;
        int64_t out = pool_out_size(in, k, st, p, d, ceil_mode);
        sizes[self->ndim - dims + i] = out;
        if (dims == 2 && i == 0) {
            s->h = in; s->oh = out; s->kh = k; s->sh = st; s->ph = p; s->dh = d;
        } else {
            s->w = in; s->ow = out; s->kw = k; s->sw = st; s->pw = p; s->dw = d;
        }
    }
    int64_t c = self->sizes[self->ndim - dims - 1];
    if (s->oh < 1 || s->ow < 1)
        return ct__fail(CT_ERR_RUNTIME, "Given input size: (%lldx%lldx%lld). Calculated output size: (%lldx%lldx%lld). Output size is too small",
                        (long long)c, (long long)s->h, (long long)s->w, (long long)c, (long long)s->oh, (long long)s->ow) != NULL;
    return true;
}

static bool pool_max(ct_tensor *self, int64_t dims, ct_ints kernel, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode,
                     ct_tensor **results)
{
    pool_job j = {.what = POOL_MAX};
    int64_t sizes[CT_MAX_DIMS];
    if (!pool_input(self, dims, dims == 1 ? "max_pool1d" : "max_pool2d")
        || !pool_plan(self, dims, kernel, stride, padding, dilation, ceil_mode, &j.shape, sizes))
        return false;
    results[1] = ct__new(CT_INT64, ct__device_of(self), self->ndim, sizes);
    j.index = results[1] ? (int64_t *)results[1]->data : NULL;
    results[0] = results[1] ? pool_run(&j, self, sizes) : NULL;
    if (results[0])
        return true;
    ct_release(results[1]);
    results[1] = NULL;
    return false;
}

bool ct__max_pool1d_with_indices(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode,
                                 ct_tensor **results)
{
    return pool_max(self, 1, kernel_size, stride, padding, dilation, ceil_mode, results);
}

bool ct__max_pool2d_with_indices(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode,
                                 ct_tensor **results)
{
    return pool_max(self, 2, kernel_size, stride, padding, dilation, ceil_mode, results);
}

ct_tensor *ct__max_pool1d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode)
{
    if (kernel_size.n == 1 && padding.n == 1 && kernel_size.v[0] > 0 && padding.v[0] > kernel_size.v[0] / 2)
        return ct__fail(CT_ERR_RUNTIME, "max_pool1d() padding should be at most half of kernel size, but got padding=%lld and "
                        "kernel_size=%lld", (long long)padding.v[0], (long long)kernel_size.v[0]);
    return ct_max_pool1d_with_indices(self, kernel_size, .stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode).output;
}

ct_tensor *ct__max_pool2d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode)
{
    return ct_max_pool2d_with_indices(self, kernel_size, .stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode).output;
}

/* The last `dims` sizes as height and width. */
static void pool_plane(const int64_t *sizes, int64_t ndim, int64_t dims, int64_t *h, int64_t *w)
{
    *h = dims == 2 ? sizes[ndim - 2] : 1;
    *w = sizes[ndim - 1];
}

/* found: what the pooling of a relu's result gave, for the gradient past both; or NULL. */
static ct_tensor *pool_max_back(ct_tensor *gy, ct_tensor *indices, ct_ints input_size, int64_t dims, ct_tensor *found)
{
    pool_job j = {.what = POOL_MAX_BACK};
    CT_AUTO ct_tensor *index = ct__contiguous_of(indices);
    CT_AUTO ct_tensor *wide = found ? ct__cast(found, gy->dtype == CT_FLOAT64 ? CT_FLOAT64 : CT_FLOAT32) : NULL;
    CT_AUTO ct_tensor *dense = wide ? ct__contiguous_of(wide) : NULL;
    if (!index || (found && !dense))
        return NULL;
    j.index = (int64_t *)index->data;
    j.found = dense ? dense->data : NULL;
    pool_plane(input_size.v, input_size.n, dims, &j.shape.h, &j.shape.w);
    pool_plane(gy->sizes, gy->ndim, dims, &j.shape.oh, &j.shape.ow);
    return pool_run(&j, gy, input_size.v);
}

ct_tensor *ct__max_pool_backward(ct_tensor *gy, ct_tensor *indices, ct_ints input_size, int64_t dims)
{
    return pool_max_back(gy, indices, input_size, dims, NULL);
}

ct_tensor *ct__max_pool_relu_backward(ct_tensor *gy, ct_tensor *indices, ct_ints input_size, int64_t dims, ct_tensor *relu,
                                      ct_tensor *found)
{
    CT_AUTO ct_tensor *again = found ? NULL : ct_retain(ct_max_pool_gather(relu, indices, dims));
    return found || again ? pool_max_back(gy, indices, input_size, dims, found ? found : again) : NULL;
}

ct_tensor *ct__max_pool_gather(ct_tensor *self, ct_tensor *indices, int64_t dims)
{
    ct_tensor *flat = ct_flatten(self, .start_dim = -dims), *at = ct_flatten(indices, .start_dim = -dims);
    return ct_reshape(ct_gather(flat, -1, at), ct__sizes_of(indices));
}

static ct_tensor *pool_avg(ct_tensor *self, int64_t dims, ct_ints kernel, ct_ints stride, ct_ints padding, bool ceil_mode, bool include_pad,
                           int64_t divisor)
{
    pool_job j = {.what = POOL_AVG};
    int64_t sizes[CT_MAX_DIMS];
    if (!pool_input(self, dims, dims == 1 ? "avg_pool1d" : "avg_pool2d")
        || !pool_plan(self, dims, kernel, stride, padding, (ct_ints){0, NULL}, ceil_mode, &j.shape, sizes))
        return NULL;
    if (divisor == 0)
        return ct__fail(CT_ERR_RUNTIME, "divisor must be not zero");
    j.shape.count_include_pad = include_pad;
    j.shape.divisor_override = divisor == CT_NO_INT ? 0 : divisor;
    return pool_run(&j, self, sizes);
}

ct_tensor *ct__avg_pool1d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, bool ceil_mode, bool count_include_pad)
{
    return pool_avg(self, 1, kernel_size, stride, padding, ceil_mode, count_include_pad, CT_NO_INT);
}

ct_tensor *ct__avg_pool2d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, bool ceil_mode, bool count_include_pad,
                          int64_t divisor_override)
{
    return pool_avg(self, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override);
}

ct_tensor *ct__avg_pool_backward(ct_tensor *gy, ct_ints input_size, ct_ints kernel_size, ct_ints stride, ct_ints padding, bool ceil_mode,
                                 bool count_include_pad, int64_t divisor_override)
{
    pool_job j = {.what = POOL_AVG_BACK};
    int64_t sizes[CT_MAX_DIMS];
    ct_tensor like = {.ndim = (uint8_t)input_size.n}; /* only its sizes are read */
    memcpy(like.sizes, input_size.v, sizeof(int64_t) * (size_t)input_size.n);
    if (!pool_plan(&like, kernel_size.n, kernel_size, stride, padding, (ct_ints){0, NULL}, ceil_mode, &j.shape, sizes))
        return NULL;
    j.shape.count_include_pad = count_include_pad;
    j.shape.divisor_override = divisor_override == CT_NO_INT ? 0 : divisor_override;
    return pool_run(&j, gy, input_size.v);
}

ct_tensor *ct__avg_pool_forward(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, bool ceil_mode, bool count_include_pad,
                                int64_t divisor_override)
{
    if (kernel_size.n == 1)
        return ct_avg_pool1d(self, kernel_size, .stride = stride, .padding = padding, .ceil_mode = ceil_mode,
                             .count_include_pad = count_include_pad);
    return ct_avg_pool2d(self, kernel_size, .stride = stride, .padding = padding, .ceil_mode = ceil_mode,
                         .count_include_pad = count_include_pad, .divisor_override = divisor_override);
}

/* Sizes of an adaptive pooling's result; -1 keeps a size. */
static bool pool_adaptive(const ct_tensor *self, int64_t dims, ct_ints output_size, const char *name, ct__pool_shape *s, int64_t *sizes)
{
    if (!pool_input(self, dims, name))
        return false;
    if (output_size.n != dims)
        return ct__fail(CT_ERR_RUNTIME, name[9] == 'm' ? "%s(): internal error: output_size.size() must be %lld" : "%s: output_size must be %lld",
                        name, (long long)dims) != NULL;
    *s = (ct__pool_shape){.h = 1, .oh = 1, .kh = 1, .sh = 1, .dh = 1, .kw = 1, .sw = 1, .dw = 1};
    memcpy(sizes, self->sizes, sizeof(int64_t) * CT_MAX_DIMS);
    for (int64_t i = 0; i < dims; i++) {
        int64_t at = self->ndim - dims + i;
        if (output_size.v[i] < -1)
            return ct__fail(CT_ERR_RUNTIME, "%s: elements of output_size must be greater than or equal to 0", name) != NULL;
        if (self->sizes[at] == 0)
            return ct__fail(CT_ERR_RUNTIME, "%s(): Expected input to have non-zero size for non-batch dimensions, but input has sizes %s with "
                            "dimension %lld being empty", name, ct__shape_text(self), (long long)at) != NULL;
        if (output_size.v[i] != -1)
            sizes[at] = output_size.v[i];
    }
    pool_plane(self->sizes, self->ndim, dims, &s->h, &s->w);
    pool_plane(sizes, self->ndim, dims, &s->oh, &s->ow);
    return true;
}

static ct_tensor *pool_adaptive_avg(ct_tensor *self, int64_t dims, ct_ints output_size)
{
    pool_job j = {.what = POOL_ADAPTIVE_AVG};
    int64_t sizes[CT_MAX_DIMS];
    return pool_adaptive(self, dims, output_size, dims == 1 ? "adaptive_avg_pool1d" : "adaptive_avg_pool2d", &j.shape, sizes)
         ? pool_run(&j, self, sizes) : NULL;
}

ct_tensor *ct__adaptive_avg_pool1d(ct_tensor *self, ct_ints output_size) { return pool_adaptive_avg(self, 1, output_size); }
ct_tensor *ct__adaptive_avg_pool2d(ct_tensor *self, ct_ints output_size) { return pool_adaptive_avg(self, 2, output_size); }

ct_tensor *ct__adaptive_avg_pool_backward(ct_tensor *gy, ct_ints input_size, int64_t dims)
{
    pool_job j = {.what = POOL_ADAPTIVE_AVG_BACK};
    pool_plane(input_size.v, input_size.n, dims, &j.shape.h, &j.shape.w);
    pool_plane(gy->sizes, gy->ndim, dims, &j.shape.oh, &j.shape.ow);
    return pool_run(&j, gy, input_size.v);
}

ct_tensor *ct__adaptive_avg_pool_forward(ct_tensor *self, ct_ints sizes, int64_t dims)
{
    ct_ints output = {dims, sizes.v + sizes.n - dims};
    return dims == 1 ? ct_adaptive_avg_pool1d(self, output) : ct_adaptive_avg_pool2d(self, output);
}

static bool pool_adaptive_max(ct_tensor *self, int64_t dims, ct_ints output_size, ct_tensor **results)
{
    pool_job j = {.what = POOL_ADAPTIVE_MAX};
    int64_t sizes[CT_MAX_DIMS];
    if (!pool_adaptive(self, dims, output_size, dims == 1 ? "adaptive_max_pool1d" : "adaptive_max_pool2d", &j.shape, sizes))
        return false;
    results[1] = ct__new(CT_INT64, ct__device_of(self), self->ndim, sizes);
    j.index = results[1] ? (int64_t *)results[1]->data : NULL;
    results[0] = results[1] ? pool_run(&j, self, sizes) : NULL;
    if (results[0])
        return true;
    ct_release(results[1]);
    results[1] = NULL;
    return false;
}

bool ct__adaptive_max_pool1d_with_indices(ct_tensor *self, ct_ints output_size, ct_tensor **results)
{
    return pool_adaptive_max(self, 1, output_size, results);
}

bool ct__adaptive_max_pool2d_with_indices(ct_tensor *self, ct_ints output_size, ct_tensor **results)
{
    return pool_adaptive_max(self, 2, output_size, results);
}

ct_tensor *ct__adaptive_max_pool1d(ct_tensor *self, ct_ints output_size) { return ct_adaptive_max_pool1d_with_indices(self, output_size).output; }
ct_tensor *ct__adaptive_max_pool2d(ct_tensor *self, ct_ints output_size) { return ct_adaptive_max_pool2d_with_indices(self, output_size).output; }
