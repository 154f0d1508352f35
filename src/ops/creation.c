/* Tensors from nothing, from numbers and from others' shapes. */
#include "ops/ops.h"
#include <math.h>

static ct_tensor *creation_new(ct_ints size, ct_dtype dtype, ct_device device)
{
    for (int64_t i = 0; i < size.n; i++)
        if (size.v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "%s: Dimension size must be non-negative.", ct__op_name);
    if (size.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "%s: a tensor has at most %d dimensions, got %lld", ct__op_name, CT_MAX_DIMS, (long long)size.n);
    return ct__new(ct__dtype_or(dtype, ct_default_dtype()), ct__device_or(device, CT_CPU_DEVICE), size.n, size.v);
}

static ct_tensor *creation_filled(ct_tensor *t, ct_scalar value)
{
    if (t && !(ct__scalar_fits(value, (ct_dtype)t->dtype) && ct__fill(t, value))) {
        ct_release(t);
        return NULL;
    }
    return t;
}

static ct_dtype creation_scalar_dtype(ct_scalar v)
{
    return v.kind == CT_SCALAR_BOOL ? CT_BOOL : v.kind == CT_SCALAR_INT ? CT_INT64 : ct_default_dtype();
}

ct_tensor *ct__empty(ct_ints size, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    if (format == CT_CHANNELS_LAST && size.n == 4) {
        const int64_t *s = size.v;
        int64_t strides[4] = {s[1] * s[2] * s[3], 1, s[1] * s[3], s[1]};
        return ct__new_strided(ct__dtype_or(dtype, ct_default_dtype()), ct__device_or(device, CT_CPU_DEVICE), 4, s, strides);
    }
    return creation_new(size, dtype, device);
}

ct_tensor *ct__zeros(ct_ints size, ct_dtype dtype, ct_device device)
{
    return creation_filled(creation_new(size, dtype, device), ct_int_scalar(0));
}

ct_tensor *ct__ones(ct_ints size, ct_dtype dtype, ct_device device)
{
    return creation_filled(creation_new(size, dtype, device), ct_int_scalar(1));
}

ct_tensor *ct__full(ct_ints size, ct_scalar value, ct_dtype dtype, ct_device device)
{
    return creation_filled(creation_new(size, ct__dtype_or(dtype, creation_scalar_dtype(value)), device), value);
}

/* start + i * step for i < n; integers exactly, floats in double as PyTorch's accumulate type does. */
static ct_tensor *creation_sequence(int64_t n, ct_scalar start, ct_scalar step, ct_dtype dtype, ct_device device)
{
    ct_tensor *t = ct__new(dtype, ct__device_or(device, CT_CPU_DEVICE), 1, &n);
    if (!t || !t->data)
        return t;
    int64_t size = ct__itemsize(dtype);
    bool integral = ct_is_integral(dtype, true);
    int64_t start_i = ct_scalar_int(start), step_i = ct_scalar_int(step);
    double start_d = ct_scalar_double(start), step_d = ct_scalar_double(step);
    if (dtype == CT_FLOAT32) {
        for (int64_t i = 0; i < n; i++)
            ((float *)t->data)[i] = (float)(start_d + (double)i * step_d);
    } else if (dtype == CT_INT64) {
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)t->data)[i] = (int64_t)((uint64_t)start_i + (uint64_t)i * (uint64_t)step_i);
    } else {
        for (int64_t i = 0; i < n; i++)
            ct__store_scalar(dtype, t->data + i * size, integral ? ct_int_scalar(start_i + i * step_i)
                                                                 : ct_float_scalar(start_d + (double)i * step_d));
    }
    return t;
}

static bool creation_range_check(ct_scalar start, ct_scalar end, ct_scalar step)
{
    double a = ct_scalar_double(start), b = ct_scalar_double(end), s = ct_scalar_double(step);
    if (s == 0) {
        ct__fail(CT_ERR_RUNTIME, "step must be nonzero");
    } else if (!isfinite(a) || !isfinite(b)) {
        ct__fail(CT_ERR_RUNTIME, "unsupported range: %g -> %g", a, b);
    } else if ((s > 0 && b < a) || (s < 0 && b > a)) {
        ct__fail(CT_ERR_RUNTIME, "upper bound and lower bound inconsistent with step sign");
    } else {
        return true;
    }
    return false;
}

ct_tensor *ct__arange_start(ct_scalar start, ct_scalar end, ct_scalar step, ct_dtype dtype, ct_device device)
{
    if (!creation_range_check(start, end, step))
        return NULL;
    bool integral = start.kind != CT_SCALAR_FLOAT && end.kind != CT_SCALAR_FLOAT && step.kind != CT_SCALAR_FLOAT;
    dtype = ct__dtype_or(dtype, integral ? CT_INT64 : ct_default_dtype());
    double count;
    if (integral) {
        int64_t span = end.i - start.i, s = step.i;
        count = (double)(s > 0 ? (span + s - 1) / s : (span + s + 1) / s);
    } else {
        count = ceil((ct_scalar_double(end) - ct_scalar_double(start)) / ct_scalar_double(step));
    }
    if (count > 9e18)
        return ct__fail(CT_ERR_RUNTIME, "invalid size, possible overflow?");
    return creation_sequence((int64_t)count, start, step, dtype, device);
}

ct_tensor *ct__arange(ct_scalar end, ct_dtype dtype, ct_device device)
{
    return ct__arange_start(end.kind == CT_SCALAR_FLOAT ? ct_float_scalar(0) : ct_int_scalar(0), end, ct_int_scalar(1), dtype, device);
}

ct_tensor *ct__range(ct_scalar start, ct_scalar end, ct_scalar step, ct_dtype dtype, ct_device device)
{
    if (!creation_range_check(start, end, step))
        return NULL;
    ct_warn("torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
            "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).");
    double count = floor((ct_scalar_double(end) - ct_scalar_double(start)) / ct_scalar_double(step)) + 1;
    return creation_sequence((int64_t)count, start, step, ct__dtype_or(dtype, ct_default_dtype()), device);
}

/* As PyTorch does it: counted from the nearer end, so that both ends are exact. */
ct_tensor *ct__linspace(ct_scalar start, ct_scalar end, int64_t steps, ct_dtype dtype, ct_device device)
{
    if (steps < 0)
        return ct__fail(CT_ERR_RUNTIME, "number of steps must be non-negative");
    dtype = ct__dtype_or(dtype, ct_default_dtype());
    ct_tensor *t = ct__new(dtype, ct__device_or(device, CT_CPU_DEVICE), 1, &steps);
    if (!t || !t->data)
        return t;
    double a = ct_scalar_double(start), b = ct_scalar_double(end);
    int64_t size = ct__itemsize(dtype);
    if (dtype == CT_FLOAT32) {
        float fa = (float)a, fb = (float)b, step = steps > 1 ? (fb - fa) / (float)(steps - 1) : 0;
        for (int64_t i = 0; i < steps; i++)
            ((float *)t->data)[i] = i < steps / 2 || steps == 1 ? fmaf(step, (float)i, fa) : fmaf(-step, (float)(steps - i - 1), fb);
        return t;
    }
    double step = steps > 1 ? (b - a) / (double)(steps - 1) : 0;
    for (int64_t i = 0; i < steps; i++) {
        double v = i < steps / 2 || steps == 1 ? a + step * (double)i : b - step * (double)(steps - i - 1);
        ct__store_scalar(dtype, t->data + i * size, ct_float_scalar(v));
    }
    return t;
}

ct_tensor *ct__logspace(ct_scalar start, ct_scalar end, int64_t steps, double base, ct_dtype dtype, ct_device device)
{
    dtype = ct__dtype_or(dtype, ct_default_dtype());
    ct_tensor *t = ct__linspace(start, end, steps, CT_FLOAT64, device);
    if (!t)
        return NULL;
    for (int64_t i = 0; t->data && i < t->numel; i++)
        ((double *)t->data)[i] = pow(base, ((double *)t->data)[i]);
    ct_tensor *cast = ct__cast(t, dtype);
    ct_release(t);
    return cast;
}

ct_tensor *ct__eye_m(int64_t n, int64_t m, ct_dtype dtype, ct_device device)
{
    if (n < 0 || m < 0)
        return ct__fail(CT_ERR_RUNTIME, "%s must be greater or equal to 0, got %lld", n < 0 ? "n" : "m", (long long)(n < 0 ? n : m));
    ct_tensor *t = ct__zeros(CT_INTS(n, m), dtype, device);
    if (t && t->data)
        for (int64_t i = 0; i < (n < m ? n : m); i++)
            ct__store_scalar((ct_dtype)t->dtype, t->data + i * (m + 1) * ct__itemsize(t->dtype), ct_int_scalar(1));
    return t;
}

ct_tensor *ct__eye(int64_t n, ct_dtype dtype, ct_device device) { return ct__eye_m(n, n, dtype, device); }

ct_tensor *ct__empty_like(ct_tensor *self, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    dtype = ct__dtype_or(dtype, (ct_dtype)self->dtype);
    device = ct__device_or(device, ct__device_of(self));
    if (format == CT_PRESERVE_FORMAT && (int)device.type == self->device)
        return ct__new_like(self, dtype);
    return ct__empty(ct__sizes_of(self), dtype, device, format);
}

ct_tensor *ct__zeros_like(ct_tensor *self, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    return creation_filled(ct__empty_like(self, dtype, device, format), ct_int_scalar(0));
}

ct_tensor *ct__ones_like(ct_tensor *self, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    return creation_filled(ct__empty_like(self, dtype, device, format), ct_int_scalar(1));
}

ct_tensor *ct__full_like(ct_tensor *self, ct_scalar value, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    return creation_filled(ct__empty_like(self, dtype, device, format), value);
}

ct_tensor *ct__new_empty(ct_tensor *self, ct_ints size, ct_dtype dtype, ct_device device)
{
    return creation_new(size, ct__dtype_or(dtype, (ct_dtype)self->dtype), ct__device_or(device, ct__device_of(self)));
}

ct_tensor *ct__new_zeros(ct_tensor *self, ct_ints size, ct_dtype dtype, ct_device device)
{
    return creation_filled(ct__new_empty(self, size, dtype, device), ct_int_scalar(0));
}

ct_tensor *ct__new_ones(ct_tensor *self, ct_ints size, ct_dtype dtype, ct_device device)
{
    return creation_filled(ct__new_empty(self, size, dtype, device), ct_int_scalar(1));
}

ct_tensor *ct__new_full(ct_tensor *self, ct_ints size, ct_scalar value, ct_dtype dtype, ct_device device)
{
    return creation_filled(ct__new_empty(self, size, dtype, device), value);
}

bool ct__fill_(ct_tensor *self, ct_scalar value) { return ct__scalar_fits(value, (ct_dtype)self->dtype) && ct__fill(self, value); }

bool ct__fill__tensor(ct_tensor *self, ct_tensor *value)
{
    if (value->ndim != 0)
        return ct__fail(CT_ERR_RUNTIME, "fill_ only supports 0-dimension value tensor but got tensor with %d dimensions.", value->ndim) != NULL;
    return ct__copy(self, value);
}

bool ct__zero_(ct_tensor *self) { return ct__fill(self, ct_int_scalar(0)); }

static ct_tensor *creation_triangle(int64_t rows, int64_t cols, int64_t offset, bool lower, ct_dtype dtype, ct_device device)
{
    if (rows < 0 || cols < 0)
        return ct__fail(CT_ERR_RUNTIME, "%s must be non-negative, got %lld", rows < 0 ? "row" : "col", (long long)(rows < 0 ? rows : cols));
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t edge = i + offset + (lower ? 1 : 0); /* first column past the lower triangle, or of the upper */
        edge = edge < 0 ? 0 : edge > cols ? cols : edge;
        n += lower ? edge : cols - edge;
    }
    int64_t sizes[2] = {2, n};
    ct_tensor *t = ct__new(CT_INT64, ct__device_or(device, CT_CPU_DEVICE), 2, sizes);
    if (!t)
        return NULL;
    int64_t *out = (int64_t *)t->data, k = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t edge = i + offset + (lower ? 1 : 0);
        edge = edge < 0 ? 0 : edge > cols ? cols : edge;
        for (int64_t j = lower ? 0 : edge; j < (lower ? edge : cols); j++, k++) {
            out[k] = i;
            out[n + k] = j;
        }
    }
    ct_tensor *cast = ct__cast(t, ct__dtype_or(dtype, CT_INT64));
    ct_release(t);
    return cast;
}

ct_tensor *ct__tril_indices(int64_t row, int64_t col, int64_t offset, ct_dtype dtype, ct_device device)
{
    return creation_triangle(row, col, offset, true, dtype, device);
}

ct_tensor *ct__triu_indices(int64_t row, int64_t col, int64_t offset, ct_dtype dtype, ct_device device)
{
    return creation_triangle(row, col, offset, false, dtype, device);
}

ct_tensors ct__meshgrid(ct_tensors tensors, const char *indexing)
{
    bool xy = !strcmp(indexing, "xy");
    if (!xy && strcmp(indexing, "ij"))
        return ct__fail(CT_ERR_RUNTIME, "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: %s", indexing), CT_NO_TENSORS;
    if (tensors.n < 1 || tensors.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "meshgrid expects a non-empty TensorList"), CT_NO_TENSORS;
    int64_t n = tensors.n, sizes[CT_MAX_DIMS];
    ct_tensor *grids[CT_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        if (tensors.v[i]->ndim > 1)
            return ct__fail(CT_ERR_RUNTIME, "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: %s",
                            ct__shape_text(tensors.v[i])), CT_NO_TENSORS;
        sizes[i] = tensors.v[i]->numel;
    }
    if (xy && n > 1) {
        int64_t first = sizes[0];
        sizes[0] = sizes[1];
        sizes[1] = first;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t place = xy && n > 1 && i < 2 ? 1 - i : i, shape[CT_MAX_DIMS];
        for (int64_t k = 0; k < n; k++)
            shape[k] = k == place ? tensors.v[i]->numel : 1;
        grids[i] = ct_expand(ct_reshape(tensors.v[i], ((ct_ints){n, shape})), ((ct_ints){n, sizes}));
    }
    return ct_ok() ? ct__list(n, grids) : CT_NO_TENSORS;
}
