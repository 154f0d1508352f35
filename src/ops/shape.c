/* Views: sizes, strides and offset of a tensor over its input's storage; and their gradients. Nothing here copies elements
 * (rearrange.c does). */
#include "ops/ops.h"

ct_tensor *ct__view(ct_tensor *self, ct_ints size)
{
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (size.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "view: a tensor has at most %d dimensions, got %lld", CT_MAX_DIMS, (long long)size.n);
    if (!ct__infer_size(size, self->numel, sizes))
        return NULL;
    if (self->contiguous)
        return ct__new_dense_view(self, size.n, sizes);
    if (!ct__view_strides(self, size.n, sizes, strides))
        return ct__fail(CT_ERR_RUNTIME, "view size is not compatible with input tensor's size and stride (at least one dimension "
                                        "spans across two contiguous subspaces). Use .reshape(...) instead.");
    return ct__new_view(self, self->offset, size.n, sizes, strides);
}

ct_tensor *ct__view_dtype(ct_tensor *self, ct_dtype dtype)
{
    int64_t from = ct__itemsize(self->dtype), to = ct__itemsize(dtype), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    int64_t offset = self->offset, last = self->ndim - 1;
    memcpy(sizes, self->sizes, sizeof sizes);
    memcpy(strides, self->strides, sizeof strides);
    if (from != to) {
        if (self->ndim == 0)
            return ct__fail(CT_ERR_RUNTIME, "self.dim() cannot be 0 to view %s as %s (different element sizes)",
                            ct_dtype_type_name(self->dtype), ct_dtype_type_name(dtype));
        if (self->strides[last] != 1)
            return ct__fail(CT_ERR_RUNTIME, "self.stride(-1) must be 1 to view %s as %s (different element sizes), but got %lld",
                            ct_dtype_type_name(self->dtype), ct_dtype_type_name(dtype), (long long)self->strides[last]);
        if (to > from) {
            int64_t ratio = to / from;
            for (int64_t i = 0; i < last; i++)
                if (strides[i] % ratio)
                    return ct__fail(CT_ERR_RUNTIME, "self.stride(%lld) must be divisible by %lld to view %s as %s", (long long)i,
                                    (long long)ratio, ct_dtype_type_name(self->dtype), ct_dtype_type_name(dtype));
            if (sizes[last] % ratio || offset % ratio)
                return ct__fail(CT_ERR_RUNTIME, "self.size(-1) must be divisible by %lld to view %s as %s (different element sizes), "
                                "but got %lld", (long long)ratio, ct_dtype_type_name(self->dtype), ct_dtype_type_name(dtype),
                                (long long)sizes[last]);
            for (int64_t i = 0; i < last; i++)
                strides[i] /= ratio;
            sizes[last] /= ratio;
            offset /= ratio;
        } else {
            int64_t ratio = from / to;
            for (int64_t i = 0; i < last; i++)
                strides[i] *= ratio;
            sizes[last] *= ratio;
            offset *= ratio;
        }
    }
    CT_SCOPE();
    return ct_retain(ct_tensor_over(self, dtype, offset, (ct_ints){self->ndim, sizes}, (ct_ints){self->ndim, strides}));
}

ct_tensor *ct__view_as(ct_tensor *self, ct_tensor *other) { return ct_view(self, ct__sizes_of(other)); }

ct_tensor *ct__reshape(ct_tensor *self, ct_ints shape)
{
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (shape.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "reshape: a tensor has at most %d dimensions, got %lld", CT_MAX_DIMS, (long long)shape.n);
    if (!ct__infer_size(shape, self->numel, sizes))
        return NULL;
    ct_ints to = {shape.n, sizes};
    if (self->contiguous || ct__view_strides(self, shape.n, sizes, strides))
        return ct_view(self, to);
    return ct_unsafe_view(ct_clone(self, .memory_format = CT_CONTIGUOUS_FORMAT), to);
}

ct_tensor *ct__unsafe_view(ct_tensor *self, ct_ints size) { return ct__view(self, size); }

ct_tensor *ct__reshape_as(ct_tensor *self, ct_tensor *other) { return ct_reshape(self, ct__sizes_of(other)); }

ct_tensor *ct__flatten(ct_tensor *self, int64_t start_dim, int64_t end_dim)
{
    int64_t start = ct__wrap_dim(start_dim, self->ndim), end = ct__wrap_dim(end_dim, self->ndim);
    if (start < 0 || end < 0)
        return NULL;
    if (start > end)
        return ct__fail(CT_ERR_RUNTIME, "flatten() has invalid args: start_dim cannot come after end_dim");
    if (self->ndim == 0)
        return ct_reshape(self, CT_INTS(1));
    if (start == end)
        return self;
    int64_t sizes[CT_MAX_DIMS], n = 0, joined = 1;
    for (int64_t i = start; i <= end; i++)
        joined *= self->sizes[i];
    for (int64_t i = 0; i < start; i++)
        sizes[n++] = self->sizes[i];
    sizes[n++] = joined;
    for (int64_t i = end + 1; i < self->ndim; i++)
        sizes[n++] = self->sizes[i];
    return ct_reshape(self, ((ct_ints){n, sizes}));
}

ct_tensor *ct__ravel(ct_tensor *self) { return ct_view(ct_contiguous(self), CT_INTS(-1)); }

ct_tensor *ct__unflatten(ct_tensor *self, int64_t dim, ct_ints sizes)
{
    int64_t d = ct__wrap_dim(dim, self->ndim), all[CT_MAX_DIMS], part[CT_MAX_DIMS], n = 0;
    if (d < 0)
        return NULL;
    if (sizes.n + self->ndim - 1 > CT_MAX_DIMS || sizes.n == 0)
        return ct__fail(CT_ERR_RUNTIME, "unflatten: sizes must be non-empty and the result at most %d-dimensional", CT_MAX_DIMS);
    int64_t product = 1;
    bool inferred = false;
    for (int64_t i = 0; i < sizes.n; i++) {
        inferred = inferred || sizes.v[i] == -1;
        product *= sizes.v[i] == -1 ? 1 : sizes.v[i];
    }
    if (inferred ? product > 0 && self->sizes[d] % product : product != self->sizes[d])
        return ct__fail(CT_ERR_RUNTIME, "unflatten: Provided sizes %s don't multiply up to the size of dim %lld (%lld) in the input tensor",
                        ct__ints_text(sizes.n, sizes.v), (long long)d, (long long)self->sizes[d]);
    if (!ct__infer_size(sizes, self->sizes[d], part))
        return NULL;
    for (int64_t i = 0; i < d; i++)
        all[n++] = self->sizes[i];
    for (int64_t i = 0; i < sizes.n; i++)
        all[n++] = part[i];
    for (int64_t i = d + 1; i < self->ndim; i++)
        all[n++] = self->sizes[i];
    return ct_view(self, ((ct_ints){n, all}));
}

static void shape_swap(int64_t *v, int64_t a, int64_t b)
{
    int64_t x = v[a];
    v[a] = v[b];
    v[b] = x;
}

ct_tensor *ct__transpose(ct_tensor *self, int64_t dim0, int64_t dim1)
{
    int64_t a = ct__wrap_dim(dim0, self->ndim), b = ct__wrap_dim(dim1, self->ndim);
    if (a < 0 || b < 0)
        return NULL;
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    memcpy(sizes, self->sizes, sizeof sizes);
    memcpy(strides, self->strides, sizeof strides);
    if (self->ndim) {
        shape_swap(sizes, a, b);
        shape_swap(strides, a, b);
    }
    return ct__new_view(self, self->offset, self->ndim, sizes, strides);
}

ct_tensor *ct__t(ct_tensor *self)
{
    if (self->ndim > 2)
        return ct__fail(CT_ERR_RUNTIME, "t() expects a tensor with <= 2 dimensions, but self is %dD", self->ndim);
    return ct__transpose(self, 0, self->ndim < 2 ? 0 : 1);
}

/* Checks dims as a permutation and writes them wrapped. */
static bool shape_permutation(ct_tensor *self, ct_ints dims, int64_t *order)
{
    if (dims.n != self->ndim)
        return ct__fail(CT_ERR_RUNTIME, "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                        "desired ordering of dimensions i.e. input.dim() = %d is not equal to len(dims) = %lld",
                        self->ndim, (long long)dims.n) != NULL;
    uint32_t seen = 0;
    for (int64_t i = 0; i < dims.n; i++) {
        order[i] = ct__wrap_dim(dims.v[i], self->ndim);
        if (order[i] < 0)
            return false;
        if (seen >> order[i] & 1)
            return ct__fail(CT_ERR_RUNTIME, "permute(): duplicate dims are not allowed.") != NULL;
        seen |= 1u << order[i];
    }
    return true;
}

ct_tensor *ct__permute(ct_tensor *self, ct_ints dims)
{
    int64_t order[CT_MAX_DIMS], sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (!shape_permutation(self, dims, order))
        return NULL;
    for (int64_t i = 0; i < dims.n; i++) {
        sizes[i] = self->sizes[order[i]];
        strides[i] = self->strides[order[i]];
    }
    return ct__new_view(self, self->offset, self->ndim, sizes, strides);
}

ct_tensor *ct__permute_backward(ct_tensor *self, ct_ints dims)
{
    int64_t inverse[CT_MAX_DIMS];
    for (int64_t i = 0; i < dims.n; i++)
        inverse[dims.v[i] < 0 ? dims.v[i] + dims.n : dims.v[i]] = i;
    return ct_permute(self, ((ct_ints){dims.n, inverse}));
}

ct_tensor *ct__movedim(ct_tensor *self, ct_ints source, ct_ints destination)
{
    if (source.n != destination.n)
        return ct__fail(CT_ERR_RUNTIME, "movedim: Invalid source or destination dims: source (%s dims) should contain the same number "
                        "of dims as destination (%s dims)", ct__ints_text(source.n, source.v), ct__ints_text(destination.n, destination.v));
    int64_t order[CT_MAX_DIMS], next = 0;
    uint32_t moved = 0, filled = 0;
    for (int64_t i = 0; i < source.n; i++) {
        int64_t s = ct__wrap_dim(source.v[i], self->ndim), d = ct__wrap_dim(destination.v[i], self->ndim);
        if (s < 0 || d < 0)
            return NULL;
        if (moved >> s & 1 || filled >> d & 1)
            return ct__fail(CT_ERR_RUNTIME, "movedim: repeated dim in `%s` (%s)", moved >> s & 1 ? "source" : "destination",
                            moved >> s & 1 ? ct__ints_text(source.n, source.v) : ct__ints_text(destination.n, destination.v));
        moved |= 1u << s;
        filled |= 1u << d;
        order[d] = s;
    }
    for (int64_t i = 0; i < self->ndim; i++) {
        if (filled >> i & 1)
            continue;
        while (moved >> next & 1)
            next++;
        order[i] = next++;
    }
    return ct_permute(self, ((ct_ints){self->ndim, order}));
}

ct_tensor *ct__movedim_int(ct_tensor *self, int64_t source, int64_t destination)
{
    return ct__movedim(self, CT_INTS(source), CT_INTS(destination));
}

ct_tensor *ct__T(ct_tensor *self)
{
    int64_t order[CT_MAX_DIMS];
    if (self->ndim != 2 && self->ndim != 0)
        ct_warn("The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in "
                "a future release. Consider `x.mT` to transpose batches of matrices or "
                "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.");
    for (int64_t i = 0; i < self->ndim; i++)
        order[i] = self->ndim - 1 - i;
    return ct_permute(self, ((ct_ints){self->ndim, order}));
}

ct_tensor *ct__mT(ct_tensor *self)
{
    if (self->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "tensor.mT is only supported on matrices or batches of matrices. Got %d-D tensor.", self->ndim);
    return ct_transpose(self, -2, -1);
}

ct_tensor *ct__H(ct_tensor *self)
{
    if (self->ndim != 2 && self->ndim != 0)
        return ct__fail(CT_ERR_RUNTIME, "tensor.H is only supported on matrices (2-D tensors). Got %d-D tensor.", self->ndim);
    return self->ndim ? ct_transpose(self, 0, 1) : self;
}

static ct_tensor *shape_squeeze(ct_tensor *self, uint32_t mask)
{
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], n = 0;
    for (int64_t i = 0; i < self->ndim; i++)
        if (!(mask >> i & 1) || self->sizes[i] != 1) {
            sizes[n] = self->sizes[i];
            strides[n++] = self->strides[i];
        }
    return ct__new_view(self, self->offset, n, sizes, strides);
}

ct_tensor *ct__squeeze(ct_tensor *self) { return shape_squeeze(self, ~0u); }

ct_tensor *ct__squeeze_dim(ct_tensor *self, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    return d < 0 ? NULL : shape_squeeze(self, 1u << d);
}

ct_tensor *ct__squeeze_dims(ct_tensor *self, ct_ints dim)
{
    uint32_t mask;
    return ct__dim_mask(dim, self->ndim, false, &mask) ? shape_squeeze(self, mask) : NULL;
}

ct_tensor *ct__unsqueeze(ct_tensor *self, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim + 1), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    if (self->ndim == CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "unsqueeze: a tensor has at most %d dimensions", CT_MAX_DIMS);
    for (int64_t i = 0; i < d; i++) {
        sizes[i] = self->sizes[i];
        strides[i] = self->strides[i];
    }
    sizes[d] = 1;
    strides[d] = d < self->ndim ? self->sizes[d] * self->strides[d] : 1;
    for (int64_t i = d; i < self->ndim; i++) {
        sizes[i + 1] = self->sizes[i];
        strides[i + 1] = self->strides[i];
    }
    return ct__new_view(self, self->offset, self->ndim + 1, sizes, strides);
}

ct_tensor *ct__unsqueeze_reduced(ct_tensor *self, ct_ints dim, int64_t ndim, bool keepdim)
{
    uint32_t mask;
    if (keepdim || ndim == 0)
        return self;
    if (!ct__dim_mask(dim, ndim, true, &mask))
        return NULL;
    int64_t sizes[CT_MAX_DIMS], k = 0;
    for (int64_t i = 0; i < ndim; i++)
        sizes[i] = mask >> i & 1 ? 1 : self->sizes[k++];
    return ct_reshape(self, ((ct_ints){ndim, sizes}));
}

ct_tensor *ct__expand(ct_tensor *self, ct_ints size, bool implicit)
{
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], lead = size.n - self->ndim;
    if (lead < 0)
        return ct__fail(CT_ERR_RUNTIME, "expand(%s{%s}, size=%s): the number of sizes provided (%lld) must be greater or equal to the "
                        "number of dimensions in the tensor (%d)", ct__type_text(self), ct__shape_text(self),
                        ct__ints_text(size.n, size.v), (long long)size.n, self->ndim);
    if (size.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "expand: a tensor has at most %d dimensions, got %lld", CT_MAX_DIMS, (long long)size.n);
    for (int64_t i = size.n - 1; i >= 0; i--) {
        int64_t have = i >= lead ? self->sizes[i - lead] : 1, want = size.v[i];
        int64_t stride = i >= lead ? self->strides[i - lead] : 0;
        if (want == -1) {
            if (i < lead)
                return ct__fail(CT_ERR_RUNTIME, "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension %lld",
                                (long long)i);
            want = have;
        }
        if (want < 0)
            return ct__fail(CT_ERR_RUNTIME, "expand: sizes must be non-negative or -1, got %lld", (long long)want);
        if (want != have && have != 1)
            return ct__fail(CT_ERR_RUNTIME, "The expanded size of the tensor (%lld) must match the existing size (%lld) at non-singleton "
                            "dimension %lld.  Target sizes: %s.  Tensor sizes: %s", (long long)want, (long long)have, (long long)i,
                            ct__ints_text(size.n, size.v), ct__shape_text(self));
        sizes[i] = want;
        strides[i] = want == have && i >= lead ? stride : 0;
    }
    return ct__new_view(self, self->offset, size.n, sizes, strides);
}

ct_tensor *ct__expand_as(ct_tensor *self, ct_tensor *other) { return ct_expand(self, ct__sizes_of(other)); }
ct_tensor *ct__broadcast_to(ct_tensor *self, ct_ints size) { return ct_expand(self, size); }

ct_tensors ct__broadcast_tensors(ct_tensors tensors)
{
    int64_t ndim, sizes[CT_MAX_DIMS];
    if (!ct__broadcast(tensors.n, tensors.v, &ndim, sizes))
        return CT_NO_TENSORS;
    ct_tensor **results = ct__scratch(sizeof *results * (size_t)(tensors.n + 1));
    for (int64_t i = 0; results && i < tensors.n; i++)
        results[i] = tensors.v[i]->ndim == ndim && !memcmp(tensors.v[i]->sizes, sizes, sizeof(int64_t) * (size_t)ndim)
                         ? tensors.v[i]
                         : ct_expand(tensors.v[i], ((ct_ints){ndim, sizes}));
    return ct_ok() ? (ct_tensors){tensors.n, results} : CT_NO_TENSORS;
}

ct_tensor *ct__select(ct_tensor *self, int64_t dim, int64_t index)
{
    if (self->ndim == 0)
        return ct__fail(CT_ERR_INDEX, "select() cannot be applied to a 0-dim tensor.");
    int64_t d = ct__wrap_dim(dim, self->ndim), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], n = 0;
    if (d < 0)
        return NULL;
    int64_t i = index < 0 ? index + self->sizes[d] : index;
    if (i < 0 || i >= self->sizes[d])
        return ct__fail(CT_ERR_INDEX, "select(): index %lld out of range for tensor of size %s at dimension %lld", (long long)index,
                        ct__shape_text(self), (long long)d);
    for (int64_t k = 0; k < self->ndim; k++)
        if (k != d) {
            sizes[n] = self->sizes[k];
            strides[n++] = self->strides[k];
        }
    return ct__new_view(self, self->offset + i * self->strides[d], n, sizes, strides);
}

/* Python's rules for the bounds of a slice. */
static void shape_slice_bounds(int64_t size, int64_t *start, int64_t *end)
{
    int64_t a = *start == CT_NO_INT ? 0 : *start, b = *end == CT_NO_INT ? size : *end;
    a += a < 0 ? size : 0;
    b += b < 0 ? size : 0;
    a = a < 0 ? 0 : a > size ? size : a;
    b = b < a ? a : b > size ? size : b;
    *start = a;
    *end = b;
}

ct_tensor *ct__slice(ct_tensor *self, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "slice() cannot be applied to a 0-dim tensor.");
    int64_t d = ct__wrap_dim(dim, self->ndim), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    if (step <= 0)
        return ct__fail(CT_ERR_VALUE, "step must be greater than zero");
    shape_slice_bounds(self->sizes[d], &start, &end);
    memcpy(sizes, self->sizes, sizeof sizes);
    memcpy(strides, self->strides, sizeof strides);
    sizes[d] = (end - start) / step + ((end - start) % step != 0);
    strides[d] *= step;
    return ct__new_view(self, self->offset + start * self->strides[d], self->ndim, sizes, strides);
}

ct_tensor *ct__narrow(ct_tensor *self, int64_t dim, int64_t start, int64_t length)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return NULL;
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "narrow() cannot be applied to a 0-dim tensor.");
    if (length < 0)
        return ct__fail(CT_ERR_RUNTIME, "narrow(): length must be non-negative.");
    int64_t size = self->sizes[d], s = start < 0 ? start + size : start;
    if (s < 0 || s > size)
        return ct__fail(CT_ERR_INDEX, "start out of range (expected to be in range of [%lld, %lld], but got %lld)", (long long)-size,
                        (long long)size, (long long)start);
    if (s + length > size)
        return ct__fail(CT_ERR_RUNTIME, "start (%lld) + length (%lld) exceeds dimension size (%lld).", (long long)s, (long long)length,
                        (long long)size);
    return ct_slice(self, .dim = d, .start = s, .end = s + length);
}

ct_tensor *ct__diagonal(ct_tensor *self, int64_t offset, int64_t dim1, int64_t dim2)
{
    int64_t a = ct__wrap_dim(dim1, self->ndim), b = ct__wrap_dim(dim2, self->ndim), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], n = 0;
    if (a < 0 || b < 0)
        return NULL;
    if (a == b)
        return ct__fail(CT_ERR_RUNTIME, "diagonal dimensions cannot be identical %lld, %lld", (long long)dim1, (long long)dim2);
    int64_t rows = self->sizes[a] - (offset < 0 ? -offset : 0), cols = self->sizes[b] - (offset > 0 ? offset : 0);
    int64_t length = rows < cols ? rows : cols;
    length = length < 0 ? 0 : length;
    int64_t start = length == 0 ? 0 : offset >= 0 ? offset * self->strides[b] : -offset * self->strides[a];
    for (int64_t k = 0; k < self->ndim; k++)
        if (k != a && k != b) {
            sizes[n] = self->sizes[k];
            strides[n++] = self->strides[k];
        }
    sizes[n] = length;
    strides[n++] = self->strides[a] + self->strides[b];
    return ct__new_view(self, self->offset + start, n, sizes, strides);
}

ct_tensor *ct__as_strided(ct_tensor *self, ct_ints size, ct_ints stride, int64_t storage_offset)
{
    int64_t offset = storage_offset == CT_NO_INT ? self->offset : storage_offset, last = offset;
    if (size.n != stride.n)
        return ct__fail(CT_ERR_RUNTIME, "mismatch in length of strides and shape");
    if (size.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "as_strided: a tensor has at most %d dimensions, got %lld", CT_MAX_DIMS, (long long)size.n);
    bool empty = false;
    for (int64_t i = 0; i < size.n; i++) {
        if (size.v[i] < 0 || stride.v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "as_strided: Negative strides are not supported at the moment, got strides: %s",
                            ct__ints_text(stride.n, stride.v));
        empty = empty || size.v[i] == 0;
        last += (size.v[i] - 1) * stride.v[i];
    }
    int64_t held = self->storage->bytes / ct__itemsize(self->dtype);
    if (offset < 0 || (!empty && last >= held))
        return ct__fail(CT_ERR_RUNTIME, "setStorage: sizes %s, strides %s, storage offset %lld, and itemsize %lld requiring a storage size "
                        "of %lld are out of bounds for storage of size %lld", ct__ints_text(size.n, size.v),
                        ct__ints_text(stride.n, stride.v), (long long)offset, (long long)ct__itemsize(self->dtype),
                        (long long)((last + 1) * ct__itemsize(self->dtype)), (long long)self->storage->bytes);
    return ct__new_view(self, offset, size.n, size.v, stride.v);
}

ct_tensor *ct__unfold(ct_tensor *self, int64_t dimension, int64_t size, int64_t step)
{
    int64_t d = ct__wrap_dim(dimension, self->ndim), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    int64_t length = self->ndim ? self->sizes[d] : 1, stride = self->ndim ? self->strides[d] : 1;
    if (size < 0 || size > length)
        return ct__fail(CT_ERR_RUNTIME, "maximum size for tensor at dimension %lld is %lld but size is %lld", (long long)d,
                        (long long)length, (long long)size);
    if (step <= 0)
        return ct__fail(CT_ERR_RUNTIME, "step is %lld but must be > 0", (long long)step);
    if (self->ndim == CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "unfold: a tensor has at most %d dimensions", CT_MAX_DIMS);
    memcpy(sizes, self->sizes, sizeof sizes);
    memcpy(strides, self->strides, sizeof strides);
    sizes[self->ndim] = size;
    strides[self->ndim] = stride;
    if (self->ndim) {
        sizes[d] = (length - size) / step + 1;
        strides[d] = stride * step;
    }
    return ct__new_view(self, self->offset, self->ndim + 1, sizes, strides);
}

/* ---- Lists of views ---- */

ct_tensors ct__split_sizes(ct_tensor *self, ct_ints sizes, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim), start = 0;
    ct_tensor **pieces = d < 0 ? NULL : ct__scratch(sizeof *pieces * (size_t)(sizes.n + 1));
    for (int64_t i = 0; pieces && i < sizes.n; i++) {
        pieces[i] = ct_narrow(self, d, start, sizes.v[i]);
        start += sizes.v[i];
    }
    return pieces && ct_ok() ? (ct_tensors){sizes.n, pieces} : CT_NO_TENSORS;
}

/* Views of these sizes along dimension d, one after the other. The caller owns them, the scope the list. */
static ct_tensors shape_pieces(ct_tensor *self, ct_ints sizes, int64_t d)
{
    ct_tensor **pieces = ct__scratch(sizeof *pieces * (size_t)(sizes.n + 1));
    int64_t view[CT_MAX_DIMS], start = 0, n = 0;
    memcpy(view, self->sizes, sizeof view);
    for (; pieces && n < sizes.n; n++) {
        view[d] = sizes.v[n];
        if (!(pieces[n] = ct__new_view(self, self->offset + start * self->strides[d], self->ndim, view, self->strides)))
            break;
        start += sizes.v[n];
    }
    if (pieces && n == sizes.n)
        return (ct_tensors){n, pieces};
    while (n-- > 0)
        ct_release(pieces[n]);
    return CT_NO_TENSORS;
}

ct_tensors ct__split_with_sizes(ct_tensor *self, ct_ints split_sizes, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim), sum = 0;
    if (d < 0)
        return CT_NO_TENSORS;
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "split expects at least a 1-dimensional tensor"), CT_NO_TENSORS;
    for (int64_t i = 0; i < split_sizes.n; i++) {
        if (split_sizes.v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=%s",
                            ct__ints_text(split_sizes.n, split_sizes.v)), CT_NO_TENSORS;
        sum += split_sizes.v[i];
    }
    if (sum != self->sizes[d])
        return ct__fail(CT_ERR_RUNTIME, "split_with_sizes expects split_sizes to sum exactly to %lld (input tensor's size at dimension "
                        "%lld), but got split_sizes=%s", (long long)self->sizes[d], (long long)d,
                        ct__ints_text(split_sizes.n, split_sizes.v)), CT_NO_TENSORS;
    return shape_pieces(self, split_sizes, d);
}

ct_tensors ct__split_sections(ct_tensor *self, ct_ints split_size, int64_t dim) { return ct_split_with_sizes(self, split_size, .dim = dim); }

ct_tensors ct__split(ct_tensor *self, int64_t split_size, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return CT_NO_TENSORS;
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "split expects at least a 1-dimensional tensor"), CT_NO_TENSORS;
    if (split_size < 0)
        return ct__fail(CT_ERR_RUNTIME, "split expects split_size be non-negative, but got split_size=%lld", (long long)split_size), CT_NO_TENSORS;
    int64_t size = self->sizes[d];
    if (split_size == 0 && size != 0)
        return ct__fail(CT_ERR_RUNTIME, "split_size can only be 0 if dimension size is 0, but got dimension size of %lld", (long long)size), CT_NO_TENSORS;
    int64_t n = split_size ? (size + split_size - 1) / split_size : 1;
    n = n ? n : 1;
    int64_t *sizes = ct__scratch(sizeof(int64_t) * (size_t)n);
    if (!sizes)
        return CT_NO_TENSORS;
    for (int64_t i = 0; i < n; i++)
        sizes[i] = i < n - 1 ? split_size : size - split_size * (n - 1);
    return shape_pieces(self, (ct_ints){n, sizes}, d);
}

ct_tensors ct__chunk(ct_tensor *self, int64_t chunks, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return CT_NO_TENSORS;
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "chunk expects at least a 1-dimensional tensor"), CT_NO_TENSORS;
    if (chunks <= 0)
        return ct__fail(CT_ERR_RUNTIME, "chunk expects `chunks` to be greater than 0, got: %lld", (long long)chunks), CT_NO_TENSORS;
    int64_t size = self->sizes[d], each = (size + chunks - 1) / chunks;
    if (each == 0) {
        int64_t *zeros = ct__scratch(sizeof(int64_t) * (size_t)chunks);
        if (!zeros)
            return CT_NO_TENSORS;
        memset(zeros, 0, sizeof(int64_t) * (size_t)chunks);
        return ct_split_with_sizes(self, ((ct_ints){chunks, zeros}), .dim = d);
    }
    return ct_split(self, each, .dim = d);
}

ct_tensors ct__tensor_split(ct_tensor *self, int64_t sections, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return CT_NO_TENSORS;
    if (sections <= 0)
        return ct__fail(CT_ERR_RUNTIME, "number of sections must be larger than 0, got %lld", (long long)sections), CT_NO_TENSORS;
    int64_t *sizes = ct__scratch(sizeof(int64_t) * (size_t)sections), size = self->ndim ? self->sizes[d] : 1;
    for (int64_t i = 0; sizes && i < sections; i++)
        sizes[i] = size / sections + (i < size % sections);
    return sizes ? ct__split_sizes(self, (ct_ints){sections, sizes}, d) : CT_NO_TENSORS;
}

ct_tensors ct__unbind(ct_tensor *self, int64_t dim)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return CT_NO_TENSORS;
    if (self->ndim == 0)
        return ct__fail(CT_ERR_INDEX, "Dimension specified as %lld but tensor has no dimensions", (long long)dim), CT_NO_TENSORS;
    int64_t n = self->sizes[d], made = 0, sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    for (int64_t i = 0, k = 0; i < self->ndim; i++)
        if (i != d) {
            sizes[k] = self->sizes[i];
            strides[k++] = self->strides[i];
        }
    ct_tensor **pieces = ct__scratch(sizeof *pieces * (size_t)(n + 1));
    for (; pieces && made < n; made++)
        if (!(pieces[made] = ct__new_view(self, self->offset + made * self->strides[d], self->ndim - 1, sizes, strides)))
            break;
    if (pieces && made == n)
        return (ct_tensors){n, pieces};
    while (made-- > 0)
        ct_release(pieces[made]);
    return CT_NO_TENSORS;
}

/* ---- Gradients of views: the gradient put back into zeros of the input's shape ---- */

static ct_tensor *shape_zeros(ct_tensor *grad, ct_ints size) { return ct_new_zeros(grad, size); }

ct_tensor *ct__select_backward(ct_tensor *grad, ct_ints size, int64_t dim, int64_t index)
{
    ct_tensor *full = shape_zeros(grad, size);
    ct_copy_(ct_select(full, dim, index), grad);
    return full;
}

ct_tensor *ct__slice_backward(ct_tensor *grad, ct_ints size, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    ct_tensor *full = shape_zeros(grad, size);
    ct_copy_(ct_slice(full, .dim = dim, .start = start, .end = end, .step = step), grad);
    return full;
}

ct_tensor *ct__diagonal_backward(ct_tensor *grad, ct_ints size, int64_t offset, int64_t dim1, int64_t dim2)
{
    ct_tensor *full = shape_zeros(grad, size);
    ct_copy_(ct_diagonal(full, .offset = offset, .dim1 = dim1, .dim2 = dim2), grad);
    return full;
}

/* The numbers 0 .. n-1 seen through a geometry: where each element of a strided view lies. */
static ct_tensor *shape_places(int64_t n, ct_ints size, ct_ints stride, int64_t offset)
{
    ct_tensor *all = ct_arange(ct_int_scalar(n), .dtype = CT_INT64);
    return ct_reshape(ct_as_strided(all, size, stride, .storage_offset = offset), CT_INTS(-1));
}

ct_tensor *ct__as_strided_backward(ct_tensor *grad, ct_ints input_size, ct_ints input_stride, int64_t input_offset, ct_ints size,
                                   ct_ints stride, int64_t storage_offset)
{
    int64_t offset = storage_offset == CT_NO_INT ? input_offset : storage_offset, first = offset < input_offset ? offset : input_offset;
    int64_t needed = 1 + offset - first, input = 1 + input_offset - first;
    for (int64_t i = 0; i < size.n; i++)
        needed += size.v[i] ? (size.v[i] - 1) * stride.v[i] : 0;
    for (int64_t i = 0; i < input_size.n; i++)
        input += input_size.v[i] ? (input_size.v[i] - 1) * input_stride.v[i] : 0;
    needed = needed > input ? needed : input;
    ct_tensor *flat = ct_new_zeros(grad, CT_INTS(needed));
    flat = ct_index_add(flat, 0, shape_places(needed, size, stride, offset - first), ct_reshape(grad, CT_INTS(-1)));
    return ct_as_strided(flat, input_size, input_stride, .storage_offset = input_offset - first);
}

ct_tensor *ct__unfold_backward(ct_tensor *grad, ct_ints input_size, int64_t dim, int64_t size, int64_t step)
{
    ct_tensor *full = ct_new_zeros(grad, input_size);
    int64_t n = 1;
    for (int64_t i = 0; i < input_size.n; i++)
        n *= input_size.v[i];
    ct_tensor *places = ct_unfold(ct_reshape(ct_arange(ct_int_scalar(n), .dtype = CT_INT64), input_size), dim, size, step);
    ct_tensor *flat = ct_index_add(ct_reshape(full, CT_INTS(-1)), 0, ct_reshape(places, CT_INTS(-1)), ct_reshape(grad, CT_INTS(-1)));
    return ct_reshape(flat, input_size);
}
