/* Rows of a table by index, forwards and back: embedding, and the rows that indexing by tensors comes down to. Backwards the
 * pieces of work are ranges of the table: each looks at all indices and adds up the rows that are its own, in their order, so
 * that sums do not depend on who does it. */
#include "ops/index.h"

#define EMBEDDING_AHEAD 8 /* rows that are fetched early */
#define EMBEDDING_LIST 512

typedef struct embedding_job {
    const int64_t *index;
    const char *from; /* the table, or the gradient's rows */
    char *to;
    int64_t n, rows, width, item, padding;
    const double *scale; /* by table row; NULL: 1 */
    ct_dtype dtype;
} embedding_job;

static void embedding_take(void *context, int64_t begin, int64_t end)
{
    const embedding_job *j = context;
    int64_t bytes = j->width * j->item;
    if (bytes == 4) {
        for (int64_t i = begin; i < end; i++)
            ((uint32_t *)j->to)[i] = ((const uint32_t *)j->from)[j->index[i]];
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        if (i + EMBEDDING_AHEAD < end) {
            const char *next = j->from + j->index[i + EMBEDDING_AHEAD] * bytes;
            __builtin_prefetch(next);
            __builtin_prefetch(next + (bytes > 64 ? 64 : 0));
        }
        memcpy(j->to + i * bytes, j->from + j->index[i] * bytes, (size_t)bytes);
    }
}

ct_tensor *ct__take_rows(ct_tensor *self, ct_tensor *index, ct_ints shape)
{
    int64_t sizes[CT_MAX_DIMS], n = shape.n, width = 1;
    if (n + self->ndim - 1 > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "indexing: the result has more than %d dimensions", CT_MAX_DIMS);
    memcpy(sizes, shape.v, sizeof(int64_t) * (size_t)n);
    for (int64_t k = 1; k < self->ndim; k++) {
        sizes[n++] = self->sizes[k];
        width *= self->sizes[k];
    }
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    ct_tensor *out = x ? ct__new((ct_dtype)self->dtype, ct__device_of(self), n, sizes) : NULL;
    if (out && out->numel && out->data) {
        embedding_job j = {.index = (const int64_t *)index->data, .from = x->data, .to = out->data, .width = width, .item = ct__itemsize(x->dtype)};
        ct__parallel(index->numel, ct__grain(width, 1 << 14), embedding_take, &j);
    }
    return out;
}

/* Fetches a row that is wanted soon. */
CT_INLINE void embedding_fetch(const char *row, int64_t bytes)
{
    for (int64_t b = 0; b < bytes && b < 512; b += 64)
        __builtin_prefetch(row + b);
}

#define EMBEDDING_ADD(T) \
    for (int64_t l = 0; l < count; l++) { \
        if (l + EMBEDDING_AHEAD < count) { \
            embedding_fetch(j->from + list[l + EMBEDDING_AHEAD] * bytes, bytes); \
            embedding_fetch(j->to + j->index[list[l + EMBEDDING_AHEAD]] * bytes, bytes); \
        } \
        int64_t r = j->index[list[l]]; \
        T *restrict to = (T *)j->to + r * j->width; \
        const T *restrict from = (const T *)j->from + list[l] * j->width; \
        if (j->scale) { \
            T scale = (T)j->scale[r]; \
            for (int64_t k = 0; k < j->width; k++) \
                to[k] += scale * from[k]; \
        } else { \
            for (int64_t k = 0; k < j->width; k++) \
                to[k] += from[k]; \
        } \
    }

/* Table rows [begin, end): the indices that name them are listed, a few hundred at a time, and then worked off. */
static void embedding_add(void *context, int64_t begin, int64_t end)
{
    const embedding_job *j = context;
    int64_t list[EMBEDDING_LIST], bytes = j->width * j->item;
    for (int64_t i = 0; i < j->n;) {
        int64_t count = 0;
        for (; i < j->n && count < EMBEDDING_LIST; i++) {
            int64_t r = j->index[i];
            list[count] = i;
            count += (r >= begin) & (r < end) & (r != j->padding);
        }
        if (j->dtype == CT_FLOAT32) {
            EMBEDDING_ADD(float)
        } else if (j->dtype == CT_FLOAT64) {
            EMBEDDING_ADD(double)
        } else {
            for (int64_t l = 0; l < count; l++) {
                int64_t r = j->index[list[l]];
                for (int64_t k = 0; k < j->width; k++)
                    ct__add_element(j->dtype, j->to + (r * j->width + k) * j->item, j->from + (list[l] * j->width + k) * j->item,
                                    j->scale ? j->scale[r] : 1);
            }
        }
    }
}

/* A zero tensor of `size` with the rows of g added at `index` (n numbers of rows). padding: a row that stays zero, or -1. */
static ct_tensor *embedding_sums(ct_tensor *gy, const ct_tensor *index, ct_ints size, int64_t padding, const double *scale)
{
    CT_AUTO ct_tensor *g = ct__contiguous_of(gy);
    ct_tensor *out = g ? ct__zeros(size, (ct_dtype)gy->dtype, ct__device_of(gy)) : NULL;
    if (out && out->numel && out->data && g->numel) {
        embedding_job j = {(const int64_t *)index->data, g->data, out->data, index->numel, size.v[0], out->numel / size.v[0],
                           ct__itemsize(gy->dtype), padding, scale, (ct_dtype)gy->dtype};
        int64_t pieces = g->numel >> 16; /* every piece reads the whole index */
        pieces = pieces < 1 ? 1 : pieces > 8 ? 8 : pieces;
        ct__parallel(j.rows, (j.rows + pieces - 1) / pieces, embedding_add, &j);
    }
    return out;
}

ct_tensor *ct__take_rows_backward(ct_tensor *gy, ct_tensor *index, ct_ints size) { return embedding_sums(gy, index, size, -1, NULL); }

static ct_tensor *embedding_indices(ct_tensor *indices)
{
    if (indices->dtype != CT_INT64 && indices->dtype != CT_INT32)
        return ct__fail(CT_ERR_RUNTIME, "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got %s "
                        "instead (while checking arguments for embedding)", ct__type_text(indices));
    return ct__index_operand(indices);
}

ct_tensor *ct__embedding(ct_tensor *weight, ct_tensor *indices, int64_t padding_idx, bool scale_grad_by_freq, bool sparse)
{
    if (weight->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "'weight' must be 2-D");
    CT_AUTO ct_tensor *at = embedding_indices(indices);
    if (!at)
        return NULL;
    if (!ct__index_inside((const int64_t *)at->data, at->numel, weight->sizes[0]))
        return ct__fail(CT_ERR_INDEX, "index out of range in self");
    return ct__take_rows(weight, at, ct__sizes_of(indices));
}

ct_tensor *ct__embedding_backward(ct_tensor *gy, ct_tensor *indices, ct_ints size, int64_t padding_idx, bool scale_grad_by_freq)
{
    CT_AUTO ct_tensor *at = embedding_indices(indices);
    size_t bytes = sizeof(double) * (size_t)(size.v[0] + 1);
    double *scale = at && scale_grad_by_freq ? ct__alloc_zero(bytes) : NULL;
    if (!at || (scale_grad_by_freq && !scale))
        return NULL;
    const int64_t *v = (const int64_t *)at->data;
    for (int64_t i = 0; scale && i < at->numel; i++)
        scale[v[i]]++;
    for (int64_t r = 0; scale && r < size.v[0]; r++)
        scale[r] = scale[r] > 0 ? 1 / scale[r] : 0;
    ct_tensor *out = embedding_sums(gy, at, size, padding_idx, scale);
    ct__free(scale, bytes);
    return out;
}
