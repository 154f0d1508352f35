/* Reading and writing along one dimension by index tensors: gather, scatter, index_select and their kin. Elements are moved by
 * their size; only additions look at the dtype. Indices are int64 (int32 is widened) and are checked; results are new memory, so an index that is out of range spoils nothing. */
#include "ops/index.h"

ct_tensor *ct__index_operand(ct_tensor *index)
{
    if (index->dtype != CT_INT64 && index->dtype != CT_INT32)
        return ct__fail(CT_ERR_RUNTIME, "%s(): Expected dtype %s for index", ct__op_name,
                        strcmp(ct__op_name, "index_select") ? "int32/int64" : "int32 or int64");
    CT_AUTO ct_tensor *wide = ct__cast(index, CT_INT64);
    return wide ? ct__contiguous_of(wide) : NULL;
}

bool ct__add_element(ct_dtype dtype, void *to, const void *from, double alpha)
{
    switch (dtype) {
    case CT_FLOAT32: *(float *)to += (float)alpha * *(const float *)from; return true;
    case CT_FLOAT64: *(double *)to += alpha * *(const double *)from; return true;
    case CT_INT64: *(int64_t *)to = (int64_t)((uint64_t)*(int64_t *)to + (uint64_t)((int64_t)alpha * *(const int64_t *)from)); return true;
    default: break;
    }
    if (ct_is_floating(dtype))
        ct__store_scalar(dtype, to, ct_float_scalar((double)((float)ct__load_double(dtype, to) + (float)alpha * (float)ct__load_double(dtype, from))));
    else
        ct__store_scalar(dtype, to, ct_int_scalar(ct__load_int(dtype, to) + (int64_t)alpha * ct__load_int(dtype, from)));
    return true;
}

/* The value of an index, wrapped; -1 with an error where it is out of range. */
static int64_t index_wrap(int64_t i, int64_t size, int64_t dim)
{
    if (CT_UNLIKELY(i < 0 || i >= size)) {
        ct__fail(CT_ERR_RUNTIME, "index %lld is out of bounds for dimension %lld with size %lld", (long long)i, (long long)dim, (long long)size);
        return -1;
    }
    return i;
}

static bool index_range_check(const int64_t *v, int64_t n, int64_t size, int64_t dim)
{
    if (ct__index_inside(v, n, size))
        return true;
    for (int64_t i = 0; i < n; i++)
        if (index_wrap(v[i], size, dim) < 0)
            return false;
    return true;
}

/* ---- gather and scatter: index has as many dimensions as self ---- */

typedef enum { INDEX_GATHER, INDEX_SCATTER, INDEX_SCATTER_ADD, INDEX_SCATTER_VALUE } index_what;

static bool index_same_dims(const ct_tensor *self, const ct_tensor *index, int64_t d, const ct_tensor *bound, const char *bound_name)
{
    if ((self->ndim ? self->ndim : 1) != (index->ndim ? index->ndim : 1))
        return ct__fail(CT_ERR_RUNTIME, "Index tensor must have the same number of dimensions as %s tensor", "input") != NULL;
    for (int64_t k = 0; k < index->ndim; k++)
        if ((k != d && index->sizes[k] > self->sizes[k]) || (bound && index->sizes[k] > bound->sizes[k]))
            return ct__fail(CT_ERR_RUNTIME, "Expected index %s to be no larger than self %s apart from dimension %lld%s%s%s",
                            ct__shape_text(index), ct__shape_text(self), (long long)d, bound ? " and to be no larger than " : "",
                            bound ? bound_name : "", bound ? ct__shape_text(bound) : "") != NULL;
    return true;
}

/* Walks over index's rows (its last dimension): `full` is the tensor that index points into, `part` has (at least) index's
 * shape; fill stands for part where there is none. */
typedef struct index_job {
    index_what what;
    ct_tensor *full;
    const ct_tensor *index, *part;
    int64_t d, size;
    char fill[16];
} index_job;

#define INDEX_ROW(statement) \
    for (int64_t i = 0; i < n; i++, f += full_step, p += part_step) { \
        char *to = f + v[i] * full_d; \
        statement; \
    }
#define INDEX_MOVE(T) \
    if (gather) \
        INDEX_ROW(*(T *)p = *(const T *)to) \
    else \
        INDEX_ROW(*(T *)to = *(const T *)p)
#define INDEX_ADD(T) INDEX_ROW(*(T *)to += *(const T *)p)

static void index_row(const index_job *j, const int64_t *v, int64_t n, char *f, char *p, int64_t full_d, int64_t full_step, int64_t part_step)
{
    bool gather = j->what == INDEX_GATHER;
    ct_dtype dtype = (ct_dtype)j->full->dtype;
    if (j->what == INDEX_SCATTER_ADD) {
        if (dtype == CT_FLOAT32)
            INDEX_ADD(float)
        else if (dtype == CT_FLOAT64)
            INDEX_ADD(double)
        else
            INDEX_ROW(ct__add_element(dtype, to, p, 1))
        return;
    }
    switch (j->size) {
    case 1: INDEX_MOVE(uint8_t) break;
    case 2: INDEX_MOVE(uint16_t) break;
    case 4: INDEX_MOVE(uint32_t) break;
    default: INDEX_MOVE(uint64_t) break;
    }
}

/* The usual rows, dense on both sides, of 4-byte elements: checked on the way. An index that is out of range stands for 0 here;
 * false if there was one. */
static bool index_row_dense(bool gather, const int64_t *v, int64_t n, char *f, char *p, uint64_t length)
{
    uint64_t outside = 0;
    if (gather)
        for (int64_t i = 0; i < n; i++) {
            uint64_t at = (uint64_t)v[i], out = at >= length;
            outside |= out;
            ((uint32_t *)p)[i] = ((const uint32_t *)f)[out ? 0 : at];
        }
    else
        for (int64_t i = 0; i < n; i++) {
            uint64_t at = (uint64_t)v[i], out = at >= length;
            outside |= out;
            ((float *)f)[out ? 0 : at] += ((const float *)p)[i];
        }
    return !outside;
}

static void index_rows(void *context, int64_t begin, int64_t end)
{
    const index_job *j = context;
    int64_t n = j->index->ndim, length = n ? j->index->sizes[n - 1] : 1, d = j->d;
    int64_t full_d = n ? j->full->strides[d] * j->size : j->size;
    int64_t full_step = !n || d == n - 1 ? 0 : j->full->strides[n - 1] * j->size;
    int64_t part_step = n && j->part ? j->part->strides[n - 1] * j->size : 0;
    int64_t full_length = j->full->ndim ? j->full->sizes[d] : 1;
    bool dense = j->size == 4 && full_step == 0 && full_d == 4 && part_step == 4 && full_length > 0
                 && (j->what == INDEX_GATHER || (j->what == INDEX_SCATTER_ADD && j->full->dtype == CT_FLOAT32));
    for (int64_t r = begin; r < end; r++) {
        const int64_t *v = (const int64_t *)j->index->data + r * length;
        char *f = j->full->data, *p = j->part ? j->part->data : (char *)j->fill;
        int64_t rest = r;
        for (int64_t k = n - 2; k >= 0; k--) {
            int64_t at = rest % j->index->sizes[k];
            rest /= j->index->sizes[k];
            f += k == d ? 0 : at * j->full->strides[k] * j->size;
            p += j->part ? at * j->part->strides[k] * j->size : 0;
        }
        if (dense && index_row_dense(j->what == INDEX_GATHER, v, length, f, p, (uint64_t)full_length))
            continue;
        if (CT_UNLIKELY(!index_range_check(v, length, full_length, d)))
            return;
        index_row(j, v, length, f, p, full_d, full_step, part_step);
    }
}

/* False where an index is out of range; the result is of no use then. */
static bool index_walk(index_what what, ct_tensor *full, const ct_tensor *index, ct_tensor *part, ct_scalar value, int64_t d)
{
    index_job j = {what, full, index, part, d, ct__itemsize(full->dtype), {0}};
    int64_t n = index->ndim, length = n ? index->sizes[n - 1] : 1;
    if (!index->numel || !index->data || !full->data)
        return true;
    if (what == INDEX_SCATTER_VALUE)
        ct__store_scalar((ct_dtype)full->dtype, j.fill, value);
    int64_t rows = index->numel / length; /* rows that write into one another's places stay in order */
    if (what == INDEX_GATHER || d == n - 1)
        ct__parallel(rows, ct__grain(length, 1 << 14), index_rows, &j);
    else
        index_rows(&j, 0, rows);
    return !ct__pending();
}

ct_tensor *ct__gather(ct_tensor *self, int64_t dim, ct_tensor *index, bool sparse_grad)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    CT_AUTO ct_tensor *at = d < 0 ? NULL : ct__index_operand(index);
    if (!at || !index_same_dims(self, at, d, NULL, ""))
        return NULL;
    ct_tensor *out = ct__new((ct_dtype)self->dtype, ct__device_of(self), index->ndim, index->sizes);
    if (out && !index_walk(INDEX_GATHER, self, at, out, (ct_scalar){0}, d)) {
        ct_release(out);
        return NULL;
    }
    return out;
}

static ct_tensor *index_scatter(index_what what, ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *src, ct_scalar value)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d >= 0 && src && src->dtype != self->dtype)
        return ct__fail(CT_ERR_RUNTIME, "scatter(): Expected self.dtype to be equal to src.dtype");
    CT_AUTO ct_tensor *at = d < 0 ? NULL : ct__index_operand(index);
    if (!at || !index_same_dims(self, at, d, src, "src "))
        return NULL;
    ct_tensor *out = ct__new_like(self, (ct_dtype)self->dtype);
    if (out && !ct__copy(out, self)) {
        ct_release(out);
        return NULL;
    }
    if (out && !index_walk(what, out, at, src, value, d)) {
        ct_release(out);
        return NULL;
    }
    return out;
}

ct_tensor *ct__scatter(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *src)
{
    return index_scatter(INDEX_SCATTER, self, dim, index, src, (ct_scalar){0});
}

ct_tensor *ct__scatter_value(ct_tensor *self, int64_t dim, ct_tensor *index, ct_scalar value)
{
    return !ct__scalar_fits(value, (ct_dtype)self->dtype) ? NULL : index_scatter(INDEX_SCATTER_VALUE, self, dim, index, NULL, value);
}

ct_tensor *ct__scatter_add(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *src)
{
    return index_scatter(INDEX_SCATTER_ADD, self, dim, index, src, (ct_scalar){0});
}

/* ---- index_select and its kin: index is a vector of slices ---- */

static ct_tensor *index_vector(ct_tensor *self, int64_t dim, ct_tensor *index, int64_t *d)
{
    *d = ct__wrap_dim(dim, self->ndim);
    if (*d < 0)
        return NULL;
    if (index->ndim > 1)
        return ct__fail(CT_ERR_INDEX, "%s(): Index is supposed to be a vector, but got dim: %d", ct__op_name, index->ndim);
    ct_tensor *at = ct__index_operand(index);
    int64_t size = self->ndim ? self->sizes[*d] : 1;
    if (at && !ct__index_inside((const int64_t *)at->data, at->numel, size)) {
        ct__fail(CT_ERR_INDEX, "index out of range in self");
        ct_release(at);
        return NULL;
    }
    return at;
}

typedef struct index_select_job { const int64_t *v; const char *from; char *to; int64_t n, length, inner; } index_select_job;

/* Slices [begin, end) of the result: o * n + i is slice v[i] of block o. */
static void index_select_range(void *context, int64_t begin, int64_t end)
{
    const index_select_job *j = context;
    int64_t o = begin / j->n, i = begin % j->n, inner = j->inner;
    for (int64_t k = begin; k < end; k++) {
        const char *from = j->from + (o * j->length + j->v[i]) * inner;
        char *to = j->to + k * inner;
        if (inner == 4)
            memcpy(to, from, 4);
        else if (inner == 8)
            memcpy(to, from, 8);
        else
            memcpy(to, from, (size_t)inner);
        if (++i == j->n) {
            i = 0;
            o++;
        }
    }
}

ct_tensor *ct__index_select(ct_tensor *self, int64_t dim, ct_tensor *index)
{
    int64_t d, sizes[CT_MAX_DIMS];
    CT_AUTO ct_tensor *at = index_vector(self, dim, index, &d);
    if (!at)
        return NULL;
    if (self->ndim == 0)
        return ct__clone(self, CT_PRESERVE_FORMAT);
    memcpy(sizes, self->sizes, sizeof sizes);
    sizes[d] = at->numel;
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    ct_tensor *out = x ? ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, sizes) : NULL;
    if (!out || out->numel == 0)
        return out;
    int64_t inner = x->strides[d] * ct__itemsize(x->dtype), outer = 1;
    for (int64_t k = 0; k < d; k++)
        outer *= x->sizes[k];
    index_select_job j = {(const int64_t *)at->data, x->data, out->data, at->numel, x->sizes[d], inner};
    ct__parallel(outer * at->numel, ct__grain(inner, 1 << 16), index_select_range, &j);
    return out;
}

/* Writes source's slices into a dense copy of self: mode 'a'dd, 'c'opy or 'f'ill. */
static ct_tensor *index_slices(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *source, ct_scalar value, char mode)
{
    int64_t d;
    CT_AUTO ct_tensor *at = index_vector(self, dim, index, &d);
    if (!at)
        return NULL;
    int64_t n = at->numel, outer = 1, inner = 1, length = self->ndim ? self->sizes[d] : 1;
    for (int64_t k = 0; k < self->ndim; k++) {
        outer *= k < d ? self->sizes[k] : 1;
        inner *= k > d ? self->sizes[k] : 1;
        if (source && (source->ndim != self->ndim || source->sizes[k] != (k == d ? n : self->sizes[k])))
            return ct__fail(CT_ERR_RUNTIME, "%s(): Number of indices (%lld) should be equal to source.size(dim): (%lld), and the other sizes "
                            "should match, got self %s and source %s", ct__op_name, (long long)n,
                            (long long)(source->ndim > d ? source->sizes[d] : 1), ct__shape_text(self), ct__shape_text(source));
    }
    if (mode == 'c' && source->dtype != self->dtype)
        return ct__fail(CT_ERR_RUNTIME, "index_copy_(): self and source expected to have the same dtype, but got (self) %s and (source) %s",
                        ct_dtype_type_name((ct_dtype)self->dtype), ct_dtype_type_name((ct_dtype)source->dtype));
    if (source && source->dtype != self->dtype)
        return ct__fail(CT_ERR_RUNTIME, "%s(): self (%s) and source (%s) must have the same scalar type", ct__op_name,
                        ct_dtype_type_name((ct_dtype)self->dtype), ct_dtype_type_name((ct_dtype)source->dtype));
    CT_AUTO ct_tensor *from = source ? ct__contiguous_of(source) : NULL;
    ct_tensor *out = source && !from ? NULL : ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, self->sizes);
    if (out && !ct__copy(out, self)) {
        ct_release(out);
        return NULL;
    }
    if (!out)
        return NULL;
    int64_t size = ct__itemsize(self->dtype);
    const int64_t *v = (const int64_t *)at->data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++) {
            char *to = out->data + (o * length + v[i]) * inner * size;
            const char *p = from ? from->data + (o * n + i) * inner * size : NULL;
            if (mode == 'c')
                memcpy(to, p, (size_t)(inner * size));
            else if (mode == 'f')
                for (int64_t k = 0; k < inner; k++)
                    ct__store_scalar((ct_dtype)self->dtype, to + k * size, value);
            else if (self->dtype == CT_FLOAT32)
                for (int64_t k = 0; k < inner; k++)
                    ((float *)to)[k] += (float)ct_scalar_double(value) * ((const float *)p)[k];
            else
                for (int64_t k = 0; k < inner; k++)
                    ct__add_element((ct_dtype)self->dtype, to + k * size, p + k * size, ct_scalar_double(value));
        }
    return out;
}

ct_tensor *ct__index_add(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *source, ct_scalar alpha)
{
    return index_slices(self, dim, index, source, alpha, 'a');
}

ct_tensor *ct__index_copy(ct_tensor *self, int64_t dim, ct_tensor *index, ct_tensor *source)
{
    return index_slices(self, dim, index, source, (ct_scalar){0}, 'c');
}

ct_tensor *ct__index_fill(ct_tensor *self, int64_t dim, ct_tensor *index, ct_scalar value)
{
    return ct__scalar_fits(value, (ct_dtype)self->dtype) ? index_slices(self, dim, index, NULL, value, 'f') : NULL;
}

/* ---- Masks ---- */

ct_tensor *ct__masked_fill(ct_tensor *self, ct_tensor *mask, ct_tensor *value)
{
    if (mask->dtype != CT_BOOL)
        return ct__fail(CT_ERR_RUNTIME, "masked_fill_ only supports boolean masks, but got mask with dtype %s",
                        mask->dtype == CT_INT64 ? "long int" : mask->dtype == CT_UINT8 ? "unsigned char" : ct_dtype_name((ct_dtype)mask->dtype));
    if (value->ndim != 0)
        return ct__fail(CT_ERR_RUNTIME, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).", value->ndim);
    if (value->data && !ct__scalar_fits(ct_item_scalar(value), (ct_dtype)self->dtype))
        return NULL;
    CT_COMPUTE();
    ct_tensor *v = ct_to_dtype(value, (ct_dtype)self->dtype);
    return ct_retain(ct_where(mask, v, self));
}

ct_tensor *ct__nonzero(ct_tensor *self)
{
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    if (!x)
        return NULL;
    CT_AUTO ct_tensor *flags = ct__cast(x, CT_BOOL);
    if (!flags)
        return NULL;
    const uint8_t *f = (const uint8_t *)flags->data;
    int64_t count = 0, n = self->ndim;
    for (int64_t i = 0; i < self->numel; i++)
        count += f[i];
    int64_t sizes[2] = {count, n};
    ct_tensor *out = ct__new(CT_INT64, ct__device_of(self), 2, sizes);
    int64_t *v = out ? (int64_t *)out->data : NULL;
    for (int64_t i = 0; v && i < self->numel; i++)
        if (f[i]) {
            int64_t rest = i;
            for (int64_t k = n - 1; k >= 0; k--) {
                v[k] = rest % self->sizes[k];
                rest /= self->sizes[k];
            }
            v += n;
        }
    return out;
}

ct_tensor *ct__argwhere(ct_tensor *self) { return ct_nonzero(self); }

ct_tensor *ct__masked_select(ct_tensor *self, ct_tensor *mask)
{
    if (mask->dtype != CT_BOOL)
        return ct__fail(CT_ERR_RUNTIME, "masked_select: expected BoolTensor for mask");
    ct_tensors both = ct_broadcast_tensors(CT_TENSORS(self, mask));
    if (!ct_ok())
        return NULL;
    ct_tensor *where = ct_nonzero(ct_reshape(both.v[1], CT_INTS(-1)));
    return where ? ct_index_select(ct_reshape(both.v[0], CT_INTS(-1)), 0, ct_squeeze_dim(where, 1)) : NULL;
}

ct_tensor *ct__masked_scatter(ct_tensor *self, ct_tensor *mask, ct_tensor *source)
{
    if (mask->dtype != CT_BOOL)
        return ct__fail(CT_ERR_RUNTIME, "masked_scatter_ only supports boolean masks, but got mask with dtype %s", ct_dtype_name((ct_dtype)mask->dtype));
    if (self->dtype != source->dtype)
        return ct__fail(CT_ERR_RUNTIME, "masked_scatter: expected self and source to have same dtypes but got%s and %s",
                        ct_dtype_type_name((ct_dtype)self->dtype), ct_dtype_type_name((ct_dtype)source->dtype));
    ct_tensor *m = ct_expand(mask, ct__sizes_of(self));
    ct_tensor *where = ct_nonzero(ct_reshape(m, CT_INTS(-1)));
    if (!where)
        return NULL;
    if (where->sizes[0] > source->numel)
        return ct__fail(CT_ERR_RUNTIME, "masked_scatter: expected self and source to have same dtypes and the source to hold at least %lld elements, "
                        "but it holds %lld", (long long)where->sizes[0], (long long)source->numel);
    ct_tensor *picked = ct_narrow(ct_reshape(source, CT_INTS(-1)), 0, 0, where->sizes[0]);
    ct_tensor *flat = ct_index_copy(ct_reshape(self, CT_INTS(-1)), 0, ct_squeeze_dim(where, 1), picked);
    return ct_reshape(flat, ct__sizes_of(self));
}

/* ---- take ---- */

ct_tensor *ct__take(ct_tensor *self, ct_tensor *index)
{
    ct_index at = {CT_INDEX_TENSOR, 0, 0, 0, index};
    if (index->dtype != CT_INT64)
        return ct__fail(CT_ERR_RUNTIME, "take(): Expected a long tensor for index, but got %s", ct_dtype_type_name((ct_dtype)index->dtype));
    return ct_getitem(ct_reshape(self, CT_INTS(-1)), 1, &at);
}

ct_tensor *ct__take_along_dim(ct_tensor *self, ct_tensor *indices, int64_t dim)
{
    if (dim == CT_NO_INT)
        return ct_gather(ct_reshape(self, CT_INTS(-1)), 0, ct_reshape(indices, CT_INTS(-1)));
    int64_t d = ct__wrap_dim(dim, self->ndim), a[CT_MAX_DIMS], b[CT_MAX_DIMS];
    if (d < 0)
        return NULL;
    if (self->ndim != indices->ndim)
        return ct__fail(CT_ERR_RUNTIME, "torch.take_along_dim(): input and indices should have the same number of dimensions, but got %d "
                        "dimensions for input, and %d dimensions for indices", self->ndim, indices->ndim);
    for (int64_t k = 0; k < self->ndim; k++) {
        a[k] = k == d ? self->sizes[k] : indices->sizes[k] > self->sizes[k] ? indices->sizes[k] : self->sizes[k];
        b[k] = k == d ? indices->sizes[k] : a[k];
    }
    return ct_gather(ct_expand(self, ((ct_ints){self->ndim, a})), d, ct_expand(indices, ((ct_ints){self->ndim, b})));
}

/* ---- Counting and classes ---- */

ct_tensor *ct__one_hot(ct_tensor *self, int64_t num_classes)
{
    if (self->dtype != CT_INT64)
        return ct__fail(CT_ERR_RUNTIME, "one_hot is only applicable to index tensor of type LongTensor.");
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    if (!x)
        return NULL;
    const int64_t *v = (const int64_t *)x->data;
    int64_t high = -1, sizes[CT_MAX_DIMS];
    for (int64_t i = 0; i < x->numel; i++) {
        if (v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "Class values must be non-negative.");
        high = v[i] > high ? v[i] : high;
    }
    if (num_classes == -1 && x->numel == 0)
        return ct__fail(CT_ERR_RUNTIME, "Can not infer total number of classes from empty tensor.");
    if (num_classes != -1 && num_classes < 1 && x->numel)
        return ct__fail(CT_ERR_RUNTIME, "num_classes should be positive");
    if (num_classes != -1 && high >= num_classes)
        return ct__fail(CT_ERR_RUNTIME, "Class values must be smaller than num_classes.");
    num_classes = num_classes == -1 ? high + 1 : num_classes;
    memcpy(sizes, self->sizes, sizeof sizes);
    sizes[self->ndim] = num_classes;
    ct_tensor *out = ct__zeros((ct_ints){self->ndim + 1, sizes}, CT_INT64, ct__device_of(self));
    for (int64_t i = 0; out && i < x->numel; i++)
        ((int64_t *)out->data)[i * num_classes + v[i]] = 1;
    return out;
}

ct_tensor *ct__bincount(ct_tensor *self, ct_tensor *weights, int64_t minlength)
{
    if (self->ndim != 1 || !ct_is_integral((ct_dtype)self->dtype, false))
        return ct__fail(CT_ERR_RUNTIME, "bincount only supports 1-d non-negative integral inputs.");
    if (minlength < 0)
        return ct__fail(CT_ERR_RUNTIME, "minlength should be >= 0");
    if (weights && weights->numel != self->numel)
        return ct__fail(CT_ERR_RUNTIME, "weights should be 1-d and have the same length as input");
    CT_AUTO ct_tensor *wide = ct__cast(self, CT_INT64);
    CT_AUTO ct_tensor *x = wide ? ct__contiguous_of(wide) : NULL;
    CT_AUTO ct_tensor *w64 = weights ? ct__cast(weights, CT_FLOAT64) : NULL;
    CT_AUTO ct_tensor *w = w64 ? ct__contiguous_of(w64) : NULL;
    if (!x || (weights && !w))
        return NULL;
    int64_t n = minlength;
    const int64_t *v = (const int64_t *)x->data;
    for (int64_t i = 0; i < x->numel; i++) {
        if (v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "bincount only supports 1-d non-negative integral inputs.");
        n = v[i] + 1 > n ? v[i] + 1 : n;
    }
    ct_dtype dtype = !weights ? CT_INT64 : weights->dtype == CT_FLOAT32 ? CT_FLOAT32 : CT_FLOAT64;
    ct_tensor *out = ct__zeros(CT_INTS(n), weights ? CT_FLOAT64 : CT_INT64, ct__device_of(self));
    for (int64_t i = 0; out && i < x->numel; i++) {
        if (w)
            ((double *)out->data)[v[i]] += ((double *)w->data)[i];
        else
            ((int64_t *)out->data)[v[i]]++;
    }
    ct_tensor *cast = out ? ct__cast(out, dtype) : NULL;
    ct_release(out);
    return cast;
}

ct_tensor *ct__searchsorted(ct_tensor *sorted_sequence, ct_tensor *self, bool right)
{
    if (sorted_sequence->ndim != 1)
        return ct__fail(CT_ERR_RUNTIME, "torch.searchsorted(): boundaries tensor should be 1 dimension, but got dim %d", sorted_sequence->ndim);
    CT_AUTO ct_tensor *s64 = ct__cast(sorted_sequence, CT_FLOAT64);
    CT_AUTO ct_tensor *s = s64 ? ct__contiguous_of(s64) : NULL;
    CT_AUTO ct_tensor *x64 = ct__cast(self, CT_FLOAT64);
    CT_AUTO ct_tensor *x = x64 ? ct__contiguous_of(x64) : NULL;
    ct_tensor *out = s && x ? ct__new(CT_INT64, ct__device_of(self), self->ndim, self->sizes) : NULL;
    const double *b = s ? (const double *)s->data : NULL;
    for (int64_t i = 0; out && i < self->numel; i++) {
        double v = ((const double *)x->data)[i];
        int64_t low = 0, high = s->numel;
        while (low < high) {
            int64_t middle = (low + high) / 2;
            if (right ? !(b[middle] > v) : !(b[middle] >= v))
                low = middle + 1;
            else
                high = middle;
        }
        ((int64_t *)out->data)[i] = low;
    }
    return out;
}
