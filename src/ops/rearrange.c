/* Shape ops that copy elements: joining, repeating, flipping, triangles, casts and copies. */
#include "ops/ops.h"

ct_tensor *ct__clone(ct_tensor *self, ct_memory_format format)
{
    ct_tensor *copy = format == CT_PRESERVE_FORMAT ? ct__new_like(self, (ct_dtype)self->dtype)
                                                   : ct__empty(ct__sizes_of(self), (ct_dtype)self->dtype, ct__device_of(self), format);
    if (copy && !ct__copy(copy, self)) {
        ct_release(copy);
        return NULL;
    }
    return copy;
}

ct_tensor *ct__contiguous(ct_tensor *self, ct_memory_format format)
{
    format = format == CT_PRESERVE_FORMAT ? CT_CONTIGUOUS_FORMAT : format;
    return ct_is_contiguous(self, format) ? self : ct_clone(self, .memory_format = format);
}

bool ct__copy_(ct_tensor *self, ct_tensor *src, bool non_blocking) { return ct__copy(self, src); }

ct_tensor *ct__to_dtype(ct_tensor *self, ct_dtype dtype, bool non_blocking, bool copy, ct_memory_format format)
{
    bool laid_out = format == CT_PRESERVE_FORMAT || ct_is_contiguous(self, format);
    if (self->dtype == dtype && !copy && laid_out)
        return self;
    ct_tensor *r = self->dtype == dtype ? ct_clone(self, .memory_format = format) : ct_to_copy(self, dtype);
    return laid_out || self->dtype == dtype ? r : ct_contiguous(r, .memory_format = format);
}

ct_tensor *ct__type_as(ct_tensor *self, ct_tensor *other) { return ct_to_dtype(self, (ct_dtype)other->dtype); }

/* ---- Joining ---- */

/* A tensor of shape (0,) is skipped by cat whatever the others' shapes, as PyTorch has always done. */
static bool rearrange_skipped(const ct_tensor *t) { return t->ndim == 1 && t->sizes[0] == 0; }

/* Dense tensors of one dtype: an output row (all that stands before dim fixed) takes one run of bytes of each in turn. */
typedef struct rearrange_run { const char *from; int64_t bytes; } rearrange_run;
typedef struct rearrange_join { const rearrange_run *runs; char *out; int64_t n, row; } rearrange_join;

static void rearrange_join_range(void *context, int64_t r0, int64_t r1)
{
    const rearrange_join *j = context;
    char *to = j->out + r0 * j->row;
    for (int64_t r = r0; r < r1; r++)
        for (int64_t i = 0; i < j->n; i++) {
            int64_t bytes = j->runs[i].bytes;
            memcpy(to, j->runs[i].from + r * bytes, (size_t)bytes);
            to += bytes;
        }
}

/* False where it is not that simple, or where few long runs are as well copied one by one. */
static bool rearrange_joined(ct_tensors tensors, ct_tensor *out, int64_t d)
{
    rearrange_run runs[64];
    rearrange_join j = {runs, out->data, 0, 0};
    int64_t size = ct__itemsize(out->dtype), rows = 1;
    for (int64_t k = 0; k < d; k++)
        rows *= out->sizes[k];
    if (rows < 2 || tensors.n > 64 || !out->data || !out->numel)
        return false;
    for (int64_t i = 0; i < tensors.n; i++) {
        const ct_tensor *t = tensors.v[i];
        if (t->numel == 0)
            continue;
        if (t->dtype != out->dtype || !t->contiguous || !t->data)
            return false;
        runs[j.n++] = (rearrange_run){t->data, t->numel / rows * size};
        j.row += t->numel / rows * size;
    }
    ct__parallel(rows, ct__grain(j.row, 1 << 17), rearrange_join_range, &j);
    return true;
}

ct_tensor *ct__cat(ct_tensors tensors, int64_t dim)
{
    if (tensors.n == 0)
        return ct__fail(CT_ERR_VALUE, "torch.cat(): expected a non-empty list of Tensors");
    const ct_tensor *first = NULL;
    int64_t which = 0;
    for (int64_t i = 0; i < tensors.n; i++) {
        const ct_tensor *t = tensors.v[i];
        if (t->ndim == 0)
            return ct__fail(CT_ERR_RUNTIME, "zero-dimensional tensor (at position %lld) cannot be concatenated", (long long)i);
        if (!first && !rearrange_skipped(t)) {
            first = t;
            which = i;
        }
    }
    first = first ? first : tensors.v[0];
    int64_t d = ct__wrap_dim(dim, first->ndim), sizes[CT_MAX_DIMS], total = 0;
    if (d < 0)
        return NULL;
    for (int64_t i = 0; i < tensors.n; i++) {
        const ct_tensor *t = tensors.v[i];
        if (rearrange_skipped(t))
            continue;
        if (t->ndim != first->ndim)
            return ct__fail(CT_ERR_RUNTIME, "Tensors must have same number of dimensions: got %d and %d", first->ndim, t->ndim);
        for (int64_t k = 0; k < t->ndim; k++)
            if (k != d && t->sizes[k] != first->sizes[k])
                return ct__fail(CT_ERR_RUNTIME, "Sizes of tensors must match except in dimension %lld. Expected size %lld but got size "
                                "%lld for tensor number %lld in the list.", (long long)d, (long long)first->sizes[k],
                                (long long)t->sizes[k], (long long)i);
        total += t->sizes[d];
    }
    memcpy(sizes, first->sizes, sizeof sizes);
    sizes[d] = total;
    (void)which;
    ct_tensor *out = ct__new(ct__result_type(tensors.n, tensors.v), ct__device_of(first), first->ndim, sizes);
    int64_t start = 0;
    if (out && rearrange_joined(tensors, out, d))
        return out;
    for (int64_t i = 0; out && i < tensors.n; i++) {
        ct_tensor *t = tensors.v[i];
        if (rearrange_skipped(t) || t->sizes[d] == 0)
            continue;
        CT_AUTO ct_tensor *piece = ct__new_view(out, out->offset + start * out->strides[d], t->ndim, t->sizes, out->strides);
        if (!piece || !ct__copy(piece, t)) {
            ct_release(out);
            return NULL;
        }
        start += t->sizes[d];
    }
    return out;
}

ct_tensor *ct__stack(ct_tensors tensors, int64_t dim)
{
    if (tensors.n == 0)
        return ct__fail(CT_ERR_RUNTIME, "stack expects a non-empty TensorList");
    const ct_tensor *first = tensors.v[0];
    int64_t d = ct__wrap_dim(dim, first->ndim + 1), sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    if (first->ndim == CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "stack: a tensor has at most %d dimensions", CT_MAX_DIMS);
    for (int64_t i = 1; i < tensors.n; i++) {
        const ct_tensor *t = tensors.v[i];
        if (t->ndim != first->ndim || memcmp(t->sizes, first->sizes, sizeof(int64_t) * first->ndim))
            return ct__fail(CT_ERR_RUNTIME, "stack expects each tensor to be equal size, but got %s at entry 0 and %s at entry %lld",
                            ct__shape_text(first), ct__shape_text(t), (long long)i);
    }
    for (int64_t k = 0; k <= first->ndim; k++)
        sizes[k] = k < d ? first->sizes[k] : k == d ? tensors.n : first->sizes[k - 1];
    ct_tensor *out = ct__new(ct__result_type(tensors.n, tensors.v), ct__device_of(first), first->ndim + 1, sizes);
    for (int64_t k = 0; out && k < first->ndim; k++)
        strides[k] = out->strides[k < d ? k : k + 1];
    if (out && rearrange_joined(tensors, out, d))
        return out;
    for (int64_t i = 0; out && i < tensors.n; i++) {
        CT_AUTO ct_tensor *piece = ct__new_view(out, out->offset + i * out->strides[d], first->ndim, first->sizes, strides);
        if (!piece || !ct__copy(piece, tensors.v[i])) {
            ct_release(out);
            return NULL;
        }
    }
    return out;
}

static ct_tensors rearrange_at_least(ct_tensors tensors, int64_t ndim)
{
    ct_tensor **v = ct__scratch(sizeof *v * (size_t)(tensors.n + 1));
    for (int64_t i = 0; v && i < tensors.n; i++)
        v[i] = ndim == 1 ? ct_atleast_1d(tensors.v[i]) : ct_atleast_2d(tensors.v[i]);
    return v ? (ct_tensors){tensors.n, v} : CT_NO_TENSORS;
}

ct_tensor *ct__hstack(ct_tensors tensors)
{
    if (tensors.n == 0)
        return ct__fail(CT_ERR_RUNTIME, "hstack expects a non-empty TensorList");
    ct_tensors v = rearrange_at_least(tensors, 1);
    return ct_ok() ? ct_cat(v, .dim = v.v[0]->ndim == 1 ? 0 : 1) : NULL;
}

ct_tensor *ct__vstack(ct_tensors tensors)
{
    if (tensors.n == 0)
        return ct__fail(CT_ERR_RUNTIME, "vstack expects a non-empty TensorList");
    ct_tensors v = rearrange_at_least(tensors, 2);
    return ct_ok() ? ct_cat(v, .dim = 0) : NULL;
}

ct_tensor *ct__atleast_1d(ct_tensor *self) { return self->ndim ? self : ct_reshape(self, CT_INTS(1)); }

ct_tensor *ct__atleast_2d(ct_tensor *self)
{
    return self->ndim >= 2 ? self : self->ndim ? ct_unsqueeze(self, 0) : ct_reshape(self, CT_INTS(1, 1));
}

/* ---- Repeating ---- */

/* The shape (r0, s0, r1, s1, ...) of the repeated tensor before its pairs are joined. */
static int64_t rearrange_pairs(ct_ints repeats, ct_ints size, int64_t *pairs)
{
    int64_t lead = repeats.n - size.n;
    for (int64_t i = 0; i < repeats.n; i++) {
        pairs[2 * i] = repeats.v[i];
        pairs[2 * i + 1] = i < lead ? 1 : size.v[i - lead];
    }
    return 2 * repeats.n;
}

ct_tensor *ct__repeat(ct_tensor *self, ct_ints repeats)
{
    int64_t sizes[CT_MAX_DIMS], lead = repeats.n - self->ndim;
    if (lead < 0)
        return ct__fail(CT_ERR_RUNTIME, "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
    if (repeats.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "repeat: a tensor has at most %d dimensions", CT_MAX_DIMS);
    for (int64_t i = 0; i < repeats.n; i++)
        sizes[i] = repeats.v[i] * (i < lead ? 1 : self->sizes[i - lead]);
    for (int64_t i = 0; i < repeats.n; i++)
        if (sizes[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "Trying to create tensor with negative dimension %lld: %s", (long long)sizes[i],
                            ct__ints_text(repeats.n, sizes));
    ct_tensor *out = ct__new((ct_dtype)self->dtype, ct__device_of(self), repeats.n, sizes);
    if (!out || out->numel == 0)
        return out;
    /* Copy into each tile: tile numbers count up like the digits of a mixed-radix number. */
    int64_t tile[CT_MAX_DIMS] = {0}, strides[CT_MAX_DIMS], inner[CT_MAX_DIMS];
    for (int64_t i = 0; i < repeats.n; i++) {
        inner[i] = i < lead ? 1 : self->sizes[i - lead];
        strides[i] = out->strides[i];
    }
    for (;;) {
        int64_t offset = out->offset;
        for (int64_t i = 0; i < repeats.n; i++)
            offset += tile[i] * inner[i] * out->strides[i];
        CT_AUTO ct_tensor *piece = ct__new_view(out, offset, repeats.n, inner, strides);
        if (!piece || !ct__copy(piece, self)) {
            ct_release(out);
            return NULL;
        }
        int64_t k = repeats.n - 1;
        while (k >= 0 && ++tile[k] == repeats.v[k])
            tile[k--] = 0;
        if (k < 0)
            return out;
    }
}

ct_tensor *ct__repeat_backward(ct_tensor *grad, ct_ints repeats, ct_ints size)
{
    int64_t pairs[2 * CT_MAX_DIMS], sums[CT_MAX_DIMS];
    if (2 * repeats.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "repeat: the gradient of more than %d dimensions is not supported", CT_MAX_DIMS / 2);
    int64_t n = rearrange_pairs(repeats, size, pairs);
    for (int64_t i = 0; i < repeats.n; i++)
        sums[i] = 2 * i;
    if (repeats.n == 0)
        return grad;
    ct_tensor *g = ct_sum(ct_reshape(grad, ((ct_ints){n, pairs})), .dim = ((ct_ints){repeats.n, sums}));
    return ct_reshape(g, size);
}

ct_tensor *ct__tile(ct_tensor *self, ct_ints dims)
{
    int64_t all[CT_MAX_DIMS], lead = self->ndim - dims.n;
    if (lead <= 0)
        return ct_repeat(self, dims);
    for (int64_t i = 0; i < self->ndim; i++)
        all[i] = i < lead ? 1 : dims.v[i - lead];
    return ct_repeat(self, ((ct_ints){self->ndim, all}));
}

ct_tensor *ct__repeat_interleave(ct_tensor *self, int64_t repeats, int64_t dim)
{
    if (repeats < 0)
        return ct__fail(CT_ERR_RUNTIME, "Repeats must be non-negative");
    if (dim == CT_NO_INT) {
        self = ct_reshape(self, CT_INTS(-1));
        dim = 0;
    }
    int64_t d = self ? ct__wrap_dim(dim, self->ndim) : -1, sizes[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    if (self->ndim + 1 > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "repeat_interleave: a tensor has at most %d dimensions", CT_MAX_DIMS);
    for (int64_t i = 0; i <= self->ndim; i++)
        sizes[i] = i <= d ? self->sizes[i] : i == d + 1 ? repeats : self->sizes[i - 1];
    ct_tensor *wide = ct_expand(ct_unsqueeze(self, d + 1), ((ct_ints){self->ndim + 1, sizes}));
    return ct_flatten(ct_clone(wide, .memory_format = CT_CONTIGUOUS_FORMAT), .start_dim = d, .end_dim = d + 1);
}

/* ---- Reordering ---- */

ct_tensor *ct__flip(ct_tensor *self, ct_ints dims)
{
    uint32_t mask = 0;
    if (dims.n && !ct__dim_mask(dims, self->ndim, false, &mask))
        return NULL;
    CT_AUTO ct_tensor *source = ct__contiguous_of(self);
    ct_tensor *out = source ? ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, self->sizes) : NULL;
    if (!out || !out->data || out->numel == 0)
        return out;
    int64_t size = ct__itemsize(self->dtype), at[CT_MAX_DIMS] = {0}, n = self->ndim;
    int64_t row = n && !(mask >> (n - 1) & 1) ? self->sizes[n - 1] : 1; /* whole rows where the last dimension stays */
    for (int64_t i = 0; i < self->numel; i += row) {
        int64_t from = 0, rest = i;
        for (int64_t k = n - 1; k >= 0; k--) {
            at[k] = rest % self->sizes[k];
            rest /= self->sizes[k];
            from += (mask >> k & 1 ? self->sizes[k] - 1 - at[k] : at[k]) * source->strides[k];
        }
        memcpy(out->data + i * size, source->data + from * size, (size_t)(row * size));
    }
    return out;
}

ct_tensor *ct__fliplr(ct_tensor *self)
{
    if (self->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "Input must be >= 2-d.");
    return ct_flip(self, CT_INTS(1));
}

ct_tensor *ct__flipud(ct_tensor *self)
{
    if (self->ndim < 1)
        return ct__fail(CT_ERR_RUNTIME, "Input must be >= 1-d.");
    return ct_flip(self, CT_INTS(0));
}

/* Copies a tensor into `out`, moved cyclically by `shift` along one dimension. */
static bool rearrange_roll_one(ct_tensor *out, ct_tensor *self, int64_t d, int64_t shift)
{
    int64_t size = self->sizes[d], sizes[CT_MAX_DIMS];
    shift = ((shift % size) + size) % size;
    memcpy(sizes, self->sizes, sizeof sizes);
    for (int part = 0; part < 2; part++) {
        int64_t length = part ? shift : size - shift, from = part ? size - shift : 0, to = part ? 0 : shift;
        if (length == 0)
            continue;
        sizes[d] = length;
        CT_AUTO ct_tensor *a = ct__new_view(out, out->offset + to * out->strides[d], self->ndim, sizes, out->strides);
        CT_AUTO ct_tensor *b = ct__new_view(self, self->offset + from * self->strides[d], self->ndim, sizes, self->strides);
        if (!a || !b || !ct__copy(a, b))
            return false;
    }
    return true;
}

ct_tensor *ct__roll(ct_tensor *self, ct_ints shifts, ct_ints dims)
{
    if (shifts.n == 0)
        return ct__fail(CT_ERR_RUNTIME, "`shifts` required");
    if (dims.n == 0 && shifts.n == 1) {
        CT_AUTO ct_tensor *flat = ct__contiguous_of(self);
        int64_t n = self->numel, one = 1;
        CT_AUTO ct_tensor *line = flat ? ct__new_view(flat, flat->offset, 1, &n, &one) : NULL;
        ct_tensor *out = line ? ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, self->sizes) : NULL;
        CT_AUTO ct_tensor *target = out ? ct__new_view(out, out->offset, 1, &n, &one) : NULL;
        if (out && n && (!target || !rearrange_roll_one(target, line, 0, shifts.v[0]))) {
            ct_release(out);
            return NULL;
        }
        return out;
    }
    if (shifts.n != dims.n)
        return ct__fail(CT_ERR_RUNTIME, "shifts and dimensions must align. shifts: %lld, dims:%lld", (long long)shifts.n, (long long)dims.n);
    ct_tensor *current = ct_retain(self);
    for (int64_t i = 0; i < dims.n; i++) {
        int64_t d = ct__wrap_dim(dims.v[i], self->ndim);
        ct_tensor *next = d < 0 ? NULL : ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, self->sizes);
        if (next && self->numel && !rearrange_roll_one(next, current, d, shifts.v[i])) {
            ct_release(next);
            next = NULL;
        }
        ct_release(current);
        if (!next)
            return NULL;
        current = next;
    }
    return current;
}

ct_tensor *ct__roll_backward(ct_tensor *grad, ct_ints shifts, ct_ints dims)
{
    int64_t back[CT_MAX_DIMS];
    for (int64_t i = 0; i < shifts.n; i++)
        back[i] = -shifts.v[i];
    return ct_roll(grad, ((ct_ints){shifts.n, back}), .dims = dims);
}

ct_tensor *ct__rot90(ct_tensor *self, int64_t k, ct_ints dims)
{
    if (dims.n != 2)
        return ct__fail(CT_ERR_RUNTIME, "expected total rotation dims == 2, but got dims = %lld", (long long)dims.n);
    k = ((k % 4) + 4) % 4;
    if (k == 0)
        return ct_clone(self);
    if (k == 2)
        return ct_flip(self, dims);
    if (k == 1)
        return ct_transpose(ct_flip(self, CT_INTS(dims.v[1])), dims.v[0], dims.v[1]);
    return ct_transpose(ct_flip(self, CT_INTS(dims.v[0])), dims.v[0], dims.v[1]);
}

/* ---- Triangles and diagonals ---- */

static ct_tensor *rearrange_triangle(ct_tensor *self, int64_t diagonal, bool lower)
{
    if (self->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "%s: input tensor must have at least 2 dimensions", lower ? "tril" : "triu");
    ct_tensor *out = ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, self->sizes);
    if (!out || !out->data)
        return out;
    if (!ct__copy(out, self)) {
        ct_release(out);
        return NULL;
    }
    int64_t rows = self->sizes[self->ndim - 2], cols = self->sizes[self->ndim - 1], size = ct__itemsize(self->dtype);
    for (int64_t r = 0; cols && r < self->numel / cols; r++) {
        int64_t i = r % rows, edge = i + diagonal + (lower ? 1 : 0);
        edge = edge < 0 ? 0 : edge > cols ? cols : edge;
        char *row = out->data + r * cols * size;
        memset(lower ? row + edge * size : row, 0, (size_t)((lower ? cols - edge : edge) * size));
    }
    return out;
}

ct_tensor *ct__tril(ct_tensor *self, int64_t diagonal) { return rearrange_triangle(self, diagonal, true); }
ct_tensor *ct__triu(ct_tensor *self, int64_t diagonal) { return rearrange_triangle(self, diagonal, false); }

ct_tensor *ct__diag(ct_tensor *self, int64_t diagonal)
{
    if (self->ndim == 1)
        return ct_diag_embed(self, .offset = diagonal);
    if (self->ndim == 2)
        return ct_clone(ct_diagonal(self, .offset = diagonal));
    return ct__fail(CT_ERR_RUNTIME, "diag(): Supports 1D or 2D tensors. Got %dD", self->ndim);
}

ct_tensor *ct__diag_embed(ct_tensor *self, int64_t offset, int64_t dim1, int64_t dim2)
{
    if (self->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "diag_embed: input must have at least 1 dimension");
    int64_t n = self->ndim + 1, a = ct__wrap_dim(dim1, n), b = ct__wrap_dim(dim2, n), sizes[CT_MAX_DIMS], k = 0;
    if (a < 0 || b < 0)
        return NULL;
    if (a == b || n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "diagonal dimensions cannot be identical %lld, %lld", (long long)dim1, (long long)dim2);
    int64_t side = self->sizes[self->ndim - 1] + (offset < 0 ? -offset : offset);
    for (int64_t i = 0; i < n; i++)
        sizes[i] = i == a || i == b ? side : self->sizes[k++];
    ct_tensor *full = ct_new_zeros(self, ((ct_ints){n, sizes}));
    ct_copy_(ct_diagonal(full, .offset = offset, .dim1 = a, .dim2 = b), self);
    return full;
}

ct_tensor *ct__to_copy(ct_tensor *self, ct_dtype dtype)
{
    return self->dtype == dtype ? ct__clone(self, CT_PRESERVE_FORMAT) : ct__cast(self, dtype);
}
