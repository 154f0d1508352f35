/* Checks and arithmetic of shapes, with PyTorch's messages. */
#include "tensor/tensor.h"
#include <stdio.h>

const int64_t ct__list_zeros[4] = {0}, ct__list_ones[4] = {1, 1, 1, 1}, ct__list_count[4] = {0, 1, 2, 3};

int64_t ct__wrap_dim(int64_t dim, int64_t ndim)
{
    int64_t n = ndim > 0 ? ndim : 1;
    if (dim < -n || dim >= n)
        return ct__fail(CT_ERR_INDEX,
                        "Dimension out of range (expected to be in range of [%lld, %lld], but got %lld)",
                        (long long)-n, (long long)n - 1, (long long)dim),
               -1;
    return dim < 0 ? dim + n : dim;
}

bool ct__dim_mask(ct_ints dims, int64_t ndim, bool empty_is_all, uint32_t *mask)
{
    *mask = 0;
    if (!dims.v || (dims.n == 0 && empty_is_all)) {
        *mask = ndim ? (1u << ndim) - 1 : 1;
        return true;
    }
    for (int64_t i = 0; i < dims.n; i++) {
        int64_t d = ct__wrap_dim(dims.v[i], ndim);
        if (d < 0)
            return false;
        if (*mask >> d & 1)
            return ct__fail(CT_ERR_RUNTIME, "dim %lld appears multiple times in the list of dims",
                            (long long)d)
                   != NULL;
        *mask |= 1u << d;
    }
    return true;
}

bool ct__broadcast(int64_t n, ct_tensor *const *t, int64_t *ndim, int64_t *sizes)
{
    int64_t dims = t[0]->ndim;
    memcpy(sizes, t[0]->sizes, sizeof(int64_t) * (size_t)dims);
    for (int64_t i = 1; i < n; i++) { /* pair by pair, from the last dimension on, as PyTorch reports it */
        int64_t have = t[i]->ndim, lead = have - dims;
        if (lead > 0) {
            memmove(sizes + lead, sizes, sizeof(int64_t) * (size_t)dims);
            for (int64_t d = 0; d < lead; d++)
                sizes[d] = 1;
            dims = have;
        }
        for (int64_t d = dims - 1, k = have - 1; k >= 0; d--, k--) {
            int64_t size = t[i]->sizes[k];
            if (sizes[d] == size || size == 1)
                continue;
            if (sizes[d] != 1)
                return ct__fail(CT_ERR_RUNTIME,
                                "The size of tensor a (%lld) must match the size of tensor b (%lld) at "
                                "non-singleton dimension "
                                "%lld",
                                (long long)sizes[d], (long long)size, (long long)d)
                       != NULL;
            sizes[d] = size;
        }
    }
    *ndim = dims;
    return true;
}

/* PyTorch's order: dimensions by the first operand that tells two of them apart; stride 0 says nothing. */
void ct__dense_strides(int64_t n, ct_tensor *const *t, int64_t ndim, const int64_t *sizes, int64_t *strides)
{
    int64_t order[CT_MAX_DIMS], stride = 1; /* fastest first */
    for (int64_t i = 0; i < ndim; i++) {
        order[i] = ndim - 1 - i;
        for (int64_t at = i, k = i - 1; k >= 0; k--) {
            int64_t d0 = order[k], d1 = order[at];
            int swap = 0;
            for (int64_t a = 0; a < n && !swap; a++) {
                int64_t lead = ndim - t[a]->ndim, s[2], d[2] = {d0, d1};
                for (int j = 0; j < 2; j++)
                    s[j] = d[j] < lead || (t[a]->sizes[d[j] - lead] == 1 && sizes[d[j]] != 1) ? 0
                         : t[a]->strides[d[j] - lead] * ct__itemsize(t[a]->dtype);
                if (s[0] == 0 || s[1] == 0)
                    continue;
                swap = s[0] < s[1] ? -1 : s[0] > s[1] || sizes[d0] > sizes[d1] ? 1 : 0;
            }
            if (swap < 0)
                break;
            if (swap > 0) {
                order[at] = d0;
                order[k] = d1;
                at = k;
            }
        }
    }
    for (int64_t i = 0; i < ndim; i++) {
        strides[order[i]] = stride;
        stride *= sizes[order[i]] > 1 ? sizes[order[i]] : 1;
    }
}

/* Dimensions of the source are taken in groups that are contiguous with each other; each new dimension must
 * fit into one. */
bool ct__view_strides(const ct_tensor *t, int64_t ndim, const int64_t *sizes, int64_t *strides)
{
    if (t->contiguous) {
        ct__contiguous_strides(ndim, sizes, strides);
        return true;
    }
    if (t->numel == 0) {
        ct__contiguous_strides(ndim, sizes, strides);
        return t->numel == 0;
    }
    int64_t view_d = ndim - 1, base = t->ndim ? t->strides[t->ndim - 1] : 1, source = 1, view = 1;
    for (int64_t d = t->ndim - 1; d >= 0; d--) {
        source *= t->sizes[d];
        if (d == 0 || (t->sizes[d - 1] != 1 && t->strides[d - 1] != source * base)) {
            while (view_d >= 0 && (view < source || sizes[view_d] == 1)) {
                strides[view_d] = view * base;
                view *= sizes[view_d];
                view_d--;
            }
            if (view != source)
                return false;
            if (d > 0) {
                base = t->strides[d - 1];
                source = view = 1;
            }
        }
    }
    return view_d == -1;
}

bool ct__infer_size(ct_ints shape, int64_t numel, int64_t *sizes)
{
    int64_t known = 1, hole = -1;
    for (int64_t i = 0; i < shape.n; i++) {
        sizes[i] = shape.v[i];
        if (shape.v[i] == -1) {
            if (hole >= 0)
                return ct__fail(CT_ERR_RUNTIME, "only one dimension can be inferred") != NULL;
            hole = i;
        } else if (shape.v[i] < 0) {
            return ct__fail(CT_ERR_RUNTIME, "invalid shape dimension %lld at index %lld of shape %s", (long long)shape.v[i], (long long)i,
                            ct__ints_text(shape.n, shape.v)) != NULL;
        } else if (__builtin_mul_overflow(known, shape.v[i], &known)) {
            known = -1;
            break;
        }
    }
    if (hole >= 0 && known == 0 && numel == 0)
        return ct__fail(CT_ERR_RUNTIME,
                        "cannot reshape tensor of 0 elements into shape %s because the unspecified dimension "
                        "size -1 can be any "
                        "value and is ambiguous",
                        ct__ints_text(shape.n, shape.v))
               != NULL;
    if (known < 0 || (hole < 0 ? known != numel : known == 0 || numel % known))
        return ct__fail(CT_ERR_RUNTIME, "shape '%s' is invalid for input of size %lld",
                        ct__ints_text(shape.n, shape.v), (long long)numel)
               != NULL;
    if (hole >= 0)
        sizes[hole] = numel / known;
    return true;
}

/* ---- Text for messages ---- */

const char *ct__ints_text(int64_t n, const int64_t *v)
{
    char *s = ct__short_text();
    int64_t at = 0;
    s[at++] = '[';
    for (int64_t i = 0; i < n && at < CT__SHORT_TEXT - 36; i++)
        at += snprintf(s + at, CT__SHORT_TEXT - (size_t)at, "%s%lld", i ? ", " : "", (long long)v[i]);
    s[at++] = ']';
    s[at] = 0;
    return s;
}

const char *ct__shape_text(const ct_tensor *t) { return ct__ints_text(t->ndim, t->sizes); }

const char *ct__type_text(const ct_tensor *t)
{
    char *s = ct__short_text();
    snprintf(s, CT__SHORT_TEXT, "torch.%sTensor", ct_dtype_type_name((ct_dtype)t->dtype));
    return s;
}

/* ---- Warnings ---- */

static void (*warn_handler)(const char *message) = NULL;

void ct_set_warning_handler(void (*handler)(const char *message)) { warn_handler = handler; }

void ct_warn(const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (warn_handler) {
        warn_handler(message);
        return;
    }
    static uint64_t seen[64]; /* each text once */
    static int count = 0;
    uint64_t hash = 1469598103934665603u;
    for (const char *p = message; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    for (int i = 0; i < count; i++)
        if (seen[i] == hash)
            return;
    if (count < 64)
        seen[count++] = hash;
    fprintf(stderr, "ctorch: warning: %s\n", message);
}
