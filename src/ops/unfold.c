/* Windows of images as columns (im2col) and columns added up into images (col2im): each is the other's gradient. */
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct unfold_job {
    ct__unfold_shape shape;
    const void *in;
    void *out;
    bool f64, fold;
} unfold_job;

static void unfold_range(void *context, int64_t p0, int64_t p1)
{
    const unfold_job *j = context;
    const ct__unfold_kernels *k = &ct__k_unfold;
    if (j->f64)
        (j->fold ? k->fold_f64 : k->unfold_f64)(&j->shape, j->in, j->out, p0, p1);
    else
        (j->fold ? k->fold_f32 : k->unfold_f32)(&j->shape, j->in, j->out, p0, p1);
}

static bool unfold_plan(int64_t h, int64_t w, ct_ints kernel, ct_ints dilation, ct_ints padding, ct_ints stride, const char *what,
                        ct__unfold_shape *s)
{
    const struct { const char *name; ct_ints v; int64_t least; } args[] = {
        {"kernel size", kernel, 1}, {"dilation", dilation, 1}, {"padding", padding, 0}, {"stride", stride, 1}};
    for (int i = 0; i < 4; i++)
        if (args[i].v.v[0] < args[i].least || args[i].v.v[1] < args[i].least)
            return ct__fail(CT_ERR_RUNTIME, "%s should be %s, but got %s_height: %lld %s_width: %lld", args[i].name,
                            args[i].least ? "greater than zero" : "non-negative", args[i].name, (long long)args[i].v.v[0], args[i].name,
                            (long long)args[i].v.v[1]) != NULL;
    *s = (ct__unfold_shape){h, w, 0, 0, kernel.v[0], kernel.v[1], dilation.v[0], dilation.v[1], padding.v[0], padding.v[1], stride.v[0], stride.v[1]};
    int64_t high = h + 2 * s->ph - s->dh * (s->kh - 1) - 1, wide = w + 2 * s->pw - s->dw * (s->kw - 1) - 1;
    s->oh = high < 0 ? 0 : high / s->sh + 1;
    s->ow = wide < 0 ? 0 : wide / s->sw + 1;
    if (s->oh < 1 || s->ow < 1)
        return ct__fail(CT_ERR_RUNTIME, "Given %s with spatial size (%lld, %lld), kernel_size=(%lld, %lld), dilation=(%lld, %lld), padding=(%lld, "
                        "%lld), calculated shape of the array of sliding blocks as (%lld, %lld), but its components must be at least one.", what,
                        (long long)h, (long long)w, (long long)s->kh, (long long)s->kw, (long long)s->dh, (long long)s->dw, (long long)s->ph,
                        (long long)s->pw, (long long)s->oh, (long long)s->ow) != NULL;
    return true;
}

static ct_tensor *unfold_run(unfold_job *j, ct_tensor *self, int64_t ndim, const int64_t *sizes, int64_t planes)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", j->fold ? "col2im_out_cpu" : "im2col_out_cpu",
                        ct_dtype_type_name((ct_dtype)self->dtype));
    j->f64 = self->dtype == CT_FLOAT64;
    CT_AUTO ct_tensor *cast = ct__cast(self, j->f64 ? CT_FLOAT64 : CT_FLOAT32);
    CT_AUTO ct_tensor *x = cast ? ct__contiguous_of(cast) : NULL;
    CT_AUTO ct_tensor *out = x ? ct__new((ct_dtype)x->dtype, ct__device_of(self), ndim, sizes) : NULL;
    if (!out)
        return NULL;
    j->in = x->data;
    j->out = out->data;
    const ct__unfold_shape *s = &j->shape;
    if (out->numel && out->data)
        ct__parallel(planes, ct__grain(s->kh * s->kw * s->oh * s->ow, 1 << 14), unfold_range, j);
    return ct__cast(out, (ct_dtype)self->dtype);
}

ct_tensor *ct__im2col(ct_tensor *self, ct_ints kernel_size, ct_ints dilation, ct_ints padding, ct_ints stride)
{
    unfold_job j = {.fold = false};
    int64_t n = self->ndim;
    if ((n != 3 && n != 4) || self->sizes[n - 3] == 0 || self->sizes[n - 2] == 0 || self->sizes[n - 1] == 0)
        return ct__fail(CT_ERR_RUNTIME, "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
                        "but got: %s", ct__shape_text(self));
    if (!unfold_plan(self->sizes[n - 2], self->sizes[n - 1], kernel_size, dilation, padding, stride, "input", &j.shape))
        return NULL;
    int64_t sizes[3] = {self->sizes[0], self->sizes[n - 3] * j.shape.kh * j.shape.kw, j.shape.oh * j.shape.ow};
    return unfold_run(&j, self, n - 1, sizes + (n == 3), self->sizes[n - 3] * (n == 4 ? self->sizes[0] : 1));
}

ct_tensor *ct__col2im(ct_tensor *self, ct_ints output_size, ct_ints kernel_size, ct_ints dilation, ct_ints padding, ct_ints stride)
{
    unfold_job j = {.fold = true};
    int64_t n = self->ndim;
    if ((n != 2 && n != 3) || self->sizes[n - 2] == 0 || self->sizes[n - 1] == 0)
        return ct__fail(CT_ERR_RUNTIME, "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
                        "input, but got: %s", ct__shape_text(self));
    if (!unfold_plan(output_size.v[0], output_size.v[1], kernel_size, dilation, padding, stride, "output_size", &j.shape))
        return NULL;
    int64_t kernel = j.shape.kh * j.shape.kw, columns = self->sizes[n - 2], blocks = j.shape.oh * j.shape.ow;
    if (columns % kernel)
        return ct__fail(CT_ERR_RUNTIME, "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
                        "input.size(1)=%lld and kernel_size=(%lld, %lld).", (long long)columns, (long long)j.shape.kh, (long long)j.shape.kw);
    if (self->sizes[n - 1] != blocks)
        return ct__fail(CT_ERR_RUNTIME, "Given output_size=(%lld, %lld), kernel_size=(%lld, %lld), dilation=(%lld, %lld), padding=(%lld, %lld), "
                        "stride=(%lld, %lld), expected size of input's dimension 2 to match the calculated number of sliding blocks %lld * %lld = "
                        "%lld, but got input.size(2)=%lld.", (long long)j.shape.h, (long long)j.shape.w, (long long)j.shape.kh,
                        (long long)j.shape.kw, (long long)j.shape.dh, (long long)j.shape.dw, (long long)j.shape.ph, (long long)j.shape.pw,
                        (long long)j.shape.sh, (long long)j.shape.sw, (long long)j.shape.oh, (long long)j.shape.ow, (long long)blocks,
                        (long long)self->sizes[n - 1]);
    int64_t sizes[4] = {n == 3 ? self->sizes[0] : 1, columns / kernel, j.shape.h, j.shape.w};
    return unfold_run(&j, self, n + 1, sizes + (n == 2), sizes[0] * sizes[1]);
}

ct_tensor *ct__im2col_backward(ct_tensor *gy, ct_ints input_size, ct_ints kernel_size, ct_ints dilation, ct_ints padding, ct_ints stride)
{
    return ct_col2im(gy, ((ct_ints){2, input_size.v + input_size.n - 2}), kernel_size, dilation, padding, stride);
}
