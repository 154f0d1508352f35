/* Sorting along a dimension and what follows from it. Stable merge sort; NaN counts as the largest value. Rows are sorted as
 * (key, place) pairs of one 64-bit key type, so that one sort serves every dtype. */
#include "ops/ops.h"

typedef struct sort_pair { uint64_t key; int64_t place; } sort_pair;

/* A key whose unsigned order is the value's order. */
static uint64_t sort_key(ct_dtype dtype, const char *p)
{
    if (!ct_is_floating(dtype))
        return (uint64_t)ct__load_int(dtype, p) ^ (UINT64_C(1) << 63);
    double v = ct__load_double(dtype, p);
    uint64_t u;
    if (v != v)
        return UINT64_MAX;
    v = v == 0 ? 0 : v; /* -0 equals 0 */
    memcpy(&u, &v, 8);
    return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

/* Least significant digit first, 11 bits a pass; passes in which all digits agree are skipped. Stable. */
static void sort_radix(sort_pair *a, sort_pair *b, int64_t n)
{
    sort_pair *from = a, *to = b;
    for (int shift = 0; shift < 64; shift += 11) {
        int64_t count[2049] = {0};
        for (int64_t i = 0; i < n; i++)
            count[(from[i].key >> shift & 2047) + 1]++;
        bool all_equal = false;
        for (int d = 1; d <= 2048; d++)
            all_equal = all_equal || count[d] == n;
        if (all_equal)
            continue;
        for (int d = 1; d <= 2048; d++)
            count[d] += count[d - 1];
        for (int64_t i = 0; i < n; i++)
            to[count[from[i].key >> shift & 2047]++] = from[i];
        sort_pair *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, sizeof *a * (size_t)n);
}

static void sort_merge(sort_pair *a, sort_pair *b, int64_t n)
{
    if (n > 512) {
        sort_radix(a, b, n);
        return;
    }
    if (n <= 16) {
        for (int64_t i = 1; i < n; i++) {
            sort_pair x = a[i];
            int64_t k = i;
            for (; k > 0 && a[k - 1].key > x.key; k--)
                a[k] = a[k - 1];
            a[k] = x;
        }
        return;
    }
    int64_t half = n / 2, i = 0, j = half, k = 0;
    sort_merge(a, b, half);
    sort_merge(a + half, b, n - half);
    while (i < half && j < n)
        b[k++] = a[j].key < a[i].key ? a[j++] : a[i++];
    while (i < half)
        b[k++] = a[i++];
    memcpy(a, b, sizeof *a * (size_t)k);
}

/* The rows of `self` along dimension d sorted; the first `keep` of each are written to (values, indices). */
typedef struct sort_job {
    ct_tensor *x, *values, *indices;
    int64_t d, length, keep, inner;
    bool descending, failed;
} sort_job;

static void sort_rows(void *context, int64_t begin, int64_t end)
{
    sort_job *j = context;
    size_t bytes = sizeof(sort_pair) * (size_t)(j->length ? j->length : 1);
    sort_pair *a = ct__alloc(2 * bytes);
    if (!a) {
        j->failed = true;
        return;
    }
    int64_t size = ct__itemsize(j->x->dtype), stride = j->inner;
    for (int64_t row = begin; row < end; row++) {
        int64_t outer = row / j->inner, in = row % j->inner;
        const char *from = j->x->data + (outer * j->length * j->inner + in) * size;
        for (int64_t i = 0; i < j->length; i++) {
            uint64_t key = sort_key((ct_dtype)j->x->dtype, from + i * stride * size);
            a[i] = (sort_pair){j->descending ? ~key : key, i};
        }
        sort_merge(a, a + j->length, j->length);
        int64_t to = outer * j->keep * j->inner + in;
        for (int64_t i = 0; i < j->keep; i++) {
            memcpy(j->values->data + (to + i * stride) * size, from + a[i].place * stride * size, (size_t)size);
            ((int64_t *)j->indices->data)[to + i * stride] = a[i].place;
        }
    }
    ct__free(a, 2 * bytes);
}

static bool sort_along(ct_tensor *self, int64_t d, int64_t keep, bool descending, ct_tensor **results)
{
    sort_job j = {.d = d, .length = self->ndim ? self->sizes[d] : 1, .keep = keep, .inner = 1, .descending = descending};
    int64_t sizes[CT_MAX_DIMS], rows = 1;
    memcpy(sizes, self->sizes, sizeof sizes);
    for (int64_t k = 0; k < self->ndim; k++) {
        j.inner *= k > d ? self->sizes[k] : 1;
        rows *= k != d ? self->sizes[k] : 1;
    }
    if (self->ndim)
        sizes[d] = keep;
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    j.x = x;
    results[0] = j.values = x ? ct__new((ct_dtype)self->dtype, ct__device_of(self), self->ndim, sizes) : NULL;
    results[1] = j.indices = j.values ? ct__new(CT_INT64, ct__device_of(self), self->ndim, sizes) : NULL;
    if (results[1] && rows && keep)
        ct__parallel(rows, ct__grain(j.length * 16, 1 << 16), sort_rows, &j);
    if (results[1] && !j.failed && !ct__pending())
        return true;
    ct_release(results[0]);
    ct_release(results[1]);
    results[0] = results[1] = NULL;
    return false;
}

bool ct__sort(ct_tensor *self, int64_t dim, bool descending, ct_tensor **results)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    return d >= 0 && sort_along(self, d, self->ndim ? self->sizes[d] : 1, descending, results);
}

bool ct__sort_stable(ct_tensor *self, bool stable, int64_t dim, bool descending, ct_tensor **results)
{
    ct_sort_result r = ct_sort(self, .dim = dim, .descending = descending);
    results[0] = r.values;
    results[1] = r.indices;
    return r.values != NULL;
}

ct_tensor *ct__argsort(ct_tensor *self, int64_t dim, bool descending, bool stable) { return ct_sort(self, .dim = dim, .descending = descending).indices; }
ct_tensor *ct__msort(ct_tensor *self) { return ct_sort(self, .dim = 0).values; }

bool ct__topk(ct_tensor *self, int64_t k, int64_t dim, bool largest, bool sorted, ct_tensor **results)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return false;
    if (k < 0 || k > (self->ndim ? self->sizes[d] : 1))
        return ct__fail(CT_ERR_RUNTIME, "selected index k out of range") != NULL;
    return sort_along(self, d, k, largest, results);
}

bool ct__kthvalue(ct_tensor *self, int64_t k, int64_t dim, bool keepdim, ct_tensor **results)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return false;
    if (k < 1 || k > (self->ndim ? self->sizes[d] : 1))
        return ct__fail(CT_ERR_RUNTIME, "kthvalue(): selected number k out of range for dimension %lld", (long long)d) != NULL;
    ct_sort_result r = ct_sort(self, .dim = d);
    if (!r.values)
        return false;
    for (int i = 0; i < 2; i++) {
        ct_tensor *t = i ? r.indices : r.values;
        results[i] = self->ndim == 0 ? t : keepdim ? ct_narrow(t, d, k - 1, 1) : ct_select(t, d, k - 1);
    }
    return ct_ok();
}

ct_tensor *ct__median(ct_tensor *self)
{
    CT_COMPUTE();
    if (self->numel == 0)
        return ct_retain(ct_full(CT_INTS(), ct_float_scalar(__builtin_nan("")), .dtype = (ct_dtype)self->dtype));
    if (self->dtype == CT_BOOL)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"median_cpu\" not implemented for 'Bool'");
    return ct_retain(ct_median_dim(ct_reshape(self, CT_INTS(-1)), 0).values);
}

bool ct__median_dim(ct_tensor *self, int64_t dim, bool keepdim, ct_tensor **results)
{
    int64_t d = ct__wrap_dim(dim, self->ndim);
    if (d < 0)
        return false;
    int64_t n = self->ndim ? self->sizes[d] : 1;
    if (n == 0)
        return ct__fail(CT_ERR_INDEX, "median(): Expected reduction dim %lld to have non-zero size.", (long long)d) != NULL;
    ct_sort_result sorted = ct_sort(self, .dim = d);
    if (!sorted.values)
        return false;
    /* A NaN anywhere is the median: it stands last. */
    ct_kthvalue_result r = ct_kthvalue(self, (n + 1) / 2, .dim = d, .keepdim = keepdim);
    results[0] = r.values;
    results[1] = r.indices;
    if (ct_is_floating((ct_dtype)self->dtype) && self->ndim && r.values) {
        ct_tensor *last = keepdim ? ct_narrow(sorted.values, d, n - 1, 1) : ct_select(sorted.values, d, n - 1);
        ct_tensor *place = keepdim ? ct_narrow(sorted.indices, d, n - 1, 1) : ct_select(sorted.indices, d, n - 1);
        ct_tensor *nan = ct_ne(last, last);
        results[0] = ct_where(nan, last, r.values);
        results[1] = ct_where(nan, place, r.indices);
    }
    return ct_ok();
}

bool ct__unique_all(ct_tensor *self, bool sorted, bool return_inverse, bool return_counts, ct_tensor **results)
{
    int64_t n = self->numel, size = ct__itemsize(self->dtype);
    CT_AUTO ct_tensor *x = ct__contiguous_of(self);
    size_t bytes = sizeof(sort_pair) * (size_t)(n ? n : 1);
    sort_pair *a = x ? ct__alloc(2 * bytes) : NULL;
    if (!a)
        return false;
    for (int64_t i = 0; i < n; i++)
        a[i] = (sort_pair){sort_key((ct_dtype)x->dtype, x->data + i * size), i};
    sort_merge(a, a + n, n);
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++)
        found += i == 0 || a[i].key != a[i - 1].key || a[i].key == UINT64_MAX; /* every NaN is its own */
    results[0] = ct__new((ct_dtype)x->dtype, ct__device_of(self), 1, &found);
    results[1] = ct__new(CT_INT64, ct__device_of(self), self->ndim, self->sizes);
    results[2] = ct__new(CT_INT64, ct__device_of(self), 1, &found);
    bool ok = results[0] && results[1] && results[2];
    int64_t k = -1;
    for (int64_t i = 0; ok && i < n; i++) {
        if (i == 0 || a[i].key != a[i - 1].key || a[i].key == UINT64_MAX) {
            memcpy(results[0]->data + ++k * size, x->data + a[i].place * size, (size_t)size);
            ((int64_t *)results[2]->data)[k] = 0;
        }
        ((int64_t *)results[2]->data)[k]++;
        ((int64_t *)results[1]->data)[a[i].place] = k;
    }
    ct__free(a, 2 * bytes);
    if (ok)
        return true;
    for (int i = 0; i < 3; i++) {
        ct_release(results[i]);
        results[i] = NULL;
    }
    return false;
}
