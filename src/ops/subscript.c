/* x[...]: getitem and setitem with every form of index, and NumPy's notation as text. Integers, slices, None and Ellipsis make
 * views; tensors come down to rows: the indexed dimensions go to the front, their indices become one number, rows are taken. */
#include "ops/index.h"

#define SUBSCRIPT_MAX 32

/* An index taken apart: a view of x after all basic indexing, and index tensors for some of its dimensions. */
typedef struct subscript_plan {
    ct_tensor *view;
    ct_tensor *at[CT_MAX_DIMS]; /* by dimension of view; NULL where not indexed by a tensor */
    int64_t count;
    bool apart; /* a None, slice or ellipsis stands between index tensors */
} subscript_plan;

static int64_t subscript_dims_of(const ct_index *i)
{
    if (i->kind == CT_INDEX_INT || i->kind == CT_INDEX_SLICE)
        return 1;
    if (i->kind == CT_INDEX_TENSOR)
        return i->tensor->dtype == CT_BOOL || i->tensor->dtype == CT_UINT8 ? i->tensor->ndim : 1;
    return 0;
}

/* A boolean tensor as index tensors, one a dimension, from dimension d of the view on. */
static bool subscript_mask(subscript_plan *p, ct_tensor *mask, int64_t d, int64_t position)
{
    for (int64_t k = 0; k < mask->ndim; k++)
        if (mask->sizes[k] != p->view->sizes[d + k])
            return ct__fail(CT_ERR_INDEX, "The shape of the mask %s at index %lld does not match the shape of the indexed tensor %s at index "
                            "%lld", ct__shape_text(mask), (long long)k, ct__shape_text(p->view), (long long)(d + k)) != NULL;
    ct_tensor *where = ct_nonzero(mask);
    for (int64_t k = 0; where && k < mask->ndim; k++)
        p->at[d + k] = ct_contiguous(ct_select(where, 1, k));
    (void)position;
    return ct_ok();
}

static bool subscript_build(subscript_plan *p, ct_tensor *x, int64_t n, const ct_index *index)
{
    *p = (subscript_plan){.view = x};
    int64_t used = 0, d = 0, last_tensor = -1;
    bool ellipsis = false;
    for (int64_t i = 0; i < n; i++) {
        used += subscript_dims_of(&index[i]);
        if (index[i].kind == CT_INDEX_ELLIPSIS) {
            if (ellipsis)
                return ct__fail(CT_ERR_INDEX, "an index can only have a single ellipsis ('...')") != NULL;
            ellipsis = true;
        }
    }
    if (used > x->ndim) {
        if (x->ndim == 0 && n == 1 && index[0].kind == CT_INDEX_INT)
            return ct__fail(CT_ERR_INDEX, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
                            "a 0-dim tensor to a number") != NULL;
        return ct__fail(CT_ERR_INDEX, "too many indices for tensor of dimension %d", x->ndim) != NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        const ct_index *k = &index[i];
        switch (k->kind) {
        case CT_INDEX_INT: {
            int64_t size = p->view->sizes[d];
            if (k->start < -size || k->start >= size)
                return ct__fail(CT_ERR_INDEX, "index %lld is out of bounds for dimension %lld with size %lld", (long long)k->start,
                                (long long)i, (long long)size) != NULL;
            p->view = ct_select(p->view, d, k->start);
            break;
        }
        case CT_INDEX_SLICE: {
            int64_t step = k->step == CT_NO_INT ? 1 : k->step;
            if (step <= 0)
                return ct__fail(CT_ERR_VALUE, "step must be greater than zero") != NULL;
            p->view = ct_slice(p->view, .dim = d, .start = k->start, .end = k->stop, .step = step);
            d++;
            break;
        }
        case CT_INDEX_NEW_AXIS:
            p->view = ct_unsqueeze(p->view, d++);
            break;
        case CT_INDEX_ELLIPSIS:
            d += x->ndim - used;
            break;
        case CT_INDEX_BOOL: { /* a dimension of size 1 that is kept or dropped */
            p->view = ct_unsqueeze(p->view, d);
            ct_tensor *flag = ct_full(CT_INTS(k->start ? 1 : 0), ct_int_scalar(0), .dtype = CT_INT64);
            p->at[d] = flag;
            p->apart = p->apart || (p->count && last_tensor != d - 1);
            last_tensor = d++;
            p->count++;
            break;
        }
        case CT_INDEX_TENSOR: {
            ct_tensor *t = k->tensor;
            bool mask = t->dtype == CT_BOOL || t->dtype == CT_UINT8;
            if (!mask && t->dtype != CT_INT64 && t->dtype != CT_INT32)
                return ct__fail(CT_ERR_INDEX, "tensors used as indices must be long, int, byte or bool tensors") != NULL;
            p->apart = p->apart || (p->count && last_tensor != d - 1);
            if (mask && t->ndim == 0) {
                p->view = ct_unsqueeze(p->view, d);
                p->at[d] = ct_full(CT_INTS(ct_item_int(t) ? 1 : 0), ct_int_scalar(0), .dtype = CT_INT64);
                last_tensor = d++;
            } else if (mask) {
                if (!subscript_mask(p, ct_to_dtype(t, CT_BOOL), d, i))
                    return false;
                d += t->ndim;
                last_tensor = d - 1;
            } else {
                p->at[d] = ct_to_dtype(t, CT_INT64);
                last_tensor = d++;
            }
            p->count++;
            break;
        }
        }
        if (!p->view || ct__pending())
            return false;
    }
    return true;
}

/* The index tensors of a plan as one vector of numbers over the indexed dimensions; the view with those dimensions first. */
typedef struct subscript_rows {
    ct_tensor *front, *numbers;
    int64_t indexed, shape[CT_MAX_DIMS], shape_n, first; /* shape: of the broadcast indices; first: where they belong in the result */
} subscript_rows;

static bool subscript_linear(const subscript_plan *p, subscript_rows *r)
{
    ct_tensor *list[CT_MAX_DIMS];
    int64_t order[CT_MAX_DIMS], n = 0, ndim = p->view->ndim;
    *r = (subscript_rows){0};
    for (int64_t d = 0; d < ndim; d++)
        if (p->at[d]) {
            if (r->indexed == 0)
                r->first = d;
            list[r->indexed++] = p->at[d];
            order[n++] = d;
        }
    for (int64_t d = 0; d < ndim; d++)
        if (!p->at[d])
            order[n++] = d;
    if (p->apart)
        r->first = 0;
    r->front = ct_permute(p->view, ((ct_ints){ndim, order}));
    int64_t broadcast_ndim;
    if (!r->front)
        return false;
    if (!ct__broadcast(r->indexed, list, &broadcast_ndim, r->shape)) {
        ct__text t = {0};
        for (int64_t i = 0; i < r->indexed; i++)
            ct__text_addf(&t, "%s%s", i ? ", " : "", ct__shape_text(list[i]));
        ct_error_clear();
        ct__fail(CT_ERR_INDEX, "shape mismatch: indexing tensors could not be broadcast together with shapes %s", t.s ? t.s : "");
        ct__text_free(&t);
        return false;
    }
    r->shape_n = broadcast_ndim;
    int64_t count = 1;
    for (int64_t i = 0; i < broadcast_ndim; i++)
        count *= r->shape[i];
    ct_tensor *numbers = ct_zeros(CT_INTS(count), .dtype = CT_INT64);
    int64_t *total = numbers ? (int64_t *)numbers->data : NULL;
    for (int64_t i = 0; total && i < r->indexed; i++) {
        ct_tensor *flat = ct_contiguous(ct_expand(list[i], ((ct_ints){broadcast_ndim, r->shape})));
        if (!flat)
            return false;
        int64_t size = r->front->sizes[i];
        const int64_t *v = (const int64_t *)flat->data;
        for (int64_t k = 0; k < count; k++) {
            if (CT_UNLIKELY(v[k] < -size || v[k] >= size))
                return ct__fail(CT_ERR_INDEX, "index %lld is out of bounds for dimension %lld with size %lld", (long long)v[k],
                                (long long)order[i], (long long)size) != NULL;
            total[k] = total[k] * size + (v[k] < 0 ? v[k] + size : v[k]);
        }
    }
    r->numbers = numbers;
    return ct_ok();
}

/* Where result dimension i comes from when the broadcast index dimensions (first in rows' result) move to their place. */
static ct_tensor *subscript_place(ct_tensor *rows, const subscript_rows *r)
{
    int64_t order[CT_MAX_DIMS], n = 0;
    if (r->first == 0)
        return rows;
    for (int64_t i = 0; i < r->first; i++)
        order[n++] = r->shape_n + i;
    for (int64_t i = 0; i < r->shape_n; i++)
        order[n++] = i;
    for (int64_t i = r->shape_n + r->first; i < rows->ndim; i++)
        order[n++] = i;
    return ct_permute(rows, ((ct_ints){n, order}));
}

static ct_tensor *subscript_get(ct_tensor *x, int64_t n, const ct_index *index)
{
    subscript_plan p;
    subscript_rows r;
    if (!subscript_build(&p, x, n, index))
        return NULL;
    if (p.count == 0)
        return p.view == x ? ct_as_strided(x, ct__sizes_of(x), ((ct_ints){x->ndim, x->strides})) : p.view;
    if (!subscript_linear(&p, &r))
        return NULL;
    int64_t sizes[CT_MAX_DIMS], k = 0, rows = 1;
    for (int64_t i = 0; i < r.indexed; i++)
        rows *= r.front->sizes[i];
    sizes[k++] = rows;
    for (int64_t i = r.indexed; i < r.front->ndim; i++)
        sizes[k++] = r.front->sizes[i];
    if (r.shape_n + k - 1 > CT_MAX_DIMS)
        return ct__fail(CT_ERR_INDEX, "indexing: the result has more than %d dimensions", CT_MAX_DIMS);
    ct_tensor *flat = ct_reshape(r.front, ((ct_ints){k, sizes}));
    return subscript_place(ct_take_rows(flat, r.numbers, ((ct_ints){r.shape_n, r.shape})), &r);
}

/* Drops leading dimensions of size 1 that value has beyond the target's. */
static ct_tensor *subscript_fit(ct_tensor *value, int64_t ndim)
{
    while (value && value->ndim > ndim && value->sizes[0] == 1)
        value = ct_squeeze_dim(value, 0);
    return value;
}

static bool subscript_set(ct_tensor *x, int64_t n, const ct_index *index, ct_tensor *value)
{
    subscript_plan p;
    subscript_rows r;
    if (!subscript_build(&p, x, n, index))
        return false;
    if (p.count == 0) {
        ct_tensor *fitted = subscript_fit(value, p.view->ndim);
        if (!fitted || !ct_expand(fitted, ct__sizes_of(p.view))) /* for its message */
            return false;
        if (value->is_number && !ct__number_fits(value, (ct_dtype)x->dtype))
            return false;
        return fitted && ct_copy_(p.view, fitted) != NULL;
    }
    bool filled = n == 1 && index->kind == CT_INDEX_TENSOR && index->tensor->dtype == CT_BOOL && value->ndim == 0;
    if ((value->is_number || filled) && !ct__number_fits(value, (ct_dtype)x->dtype))
        return false;
    if (!value->is_number && !filled && value->dtype != x->dtype) /* one mask and one value are masked_fill */
        return ct__fail(CT_ERR_RUNTIME, "Index put requires the source and destination dtypes match, got %s for the destination and %s "
                        "for the source.", ct_dtype_type_name((ct_dtype)x->dtype), ct_dtype_type_name((ct_dtype)value->dtype)) != NULL;
    if (!subscript_linear(&p, &r))
        return false;
    /* value, broadcast to the shape that getitem would give, as (numbers, rest...) */
    int64_t shape[CT_MAX_DIMS], order[CT_MAX_DIMS], m = 0, rest = r.front->ndim - r.indexed, flat[CT_MAX_DIMS];
    for (int64_t i = 0; i < r.first; i++)
        shape[m++] = r.front->sizes[r.indexed + i];
    for (int64_t i = 0; i < r.shape_n; i++)
        shape[m++] = r.shape[i];
    for (int64_t i = r.first; i < rest; i++)
        shape[m++] = r.front->sizes[r.indexed + i];
    ct_tensor *fitted = subscript_fit(value, m);
    if (!fitted)
        return false;
    for (int64_t i = 0; i < fitted->ndim; i++) {
        int64_t have = fitted->sizes[fitted->ndim - 1 - i], want = i < m ? shape[m - 1 - i] : 1;
        if (have != want && have != 1)
            return ct__fail(CT_ERR_RUNTIME, "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result of shape %s",
                            ct__shape_text(value), ct__ints_text(m, shape)) != NULL;
    }
    ct_tensor *wide = ct_expand(fitted, ((ct_ints){m, shape}));
    m = 0;
    for (int64_t i = 0; i < r.shape_n; i++)
        order[m++] = r.first + i;
    for (int64_t i = 0; i < r.first; i++)
        order[m++] = i;
    for (int64_t i = r.first + r.shape_n; i < wide->ndim; i++)
        order[m++] = i;
    flat[0] = r.numbers->numel;
    for (int64_t i = 0; i < rest; i++)
        flat[1 + i] = r.front->sizes[r.indexed + i];
    ct_tensor *rows = ct_reshape(ct_permute(wide, ((ct_ints){m, order})), ((ct_ints){rest + 1, flat}));
    return rows && ct_put_rows_(r.front, r.numbers, ct_to_dtype(rows, (ct_dtype)x->dtype), r.indexed, false) != NULL;
}

bool ct__put_rows_(ct_tensor *self, ct_tensor *index, ct_tensor *source, int64_t indexed, bool accumulate)
{
    CT_AUTO ct_tensor *from = ct__contiguous_of(source);
    if (!from)
        return false;
    int64_t size = ct__itemsize(self->dtype), rest = self->ndim - indexed, inner = 1, dense = 1;
    bool flat = true;
    for (int64_t k = rest - 1; k >= 0; k--) {
        flat = flat && (self->sizes[indexed + k] == 1 || self->strides[indexed + k] == dense);
        dense *= self->sizes[indexed + k];
    }
    inner = dense;
    const int64_t *v = (const int64_t *)index->data;
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t number = v[i], offset = 0;
        for (int64_t k = indexed - 1; k >= 0; k--) {
            offset += number % self->sizes[k] * self->strides[k];
            number /= self->sizes[k];
        }
        char *to = self->data + offset * size;
        const char *p = from->data + i * inner * size;
        if (flat && !accumulate) {
            memcpy(to, p, (size_t)(inner * size));
            continue;
        }
        for (int64_t e = 0; e < inner; e++) {
            int64_t at = 0, left = e;
            for (int64_t k = rest - 1; k >= 0; k--) {
                at += left % self->sizes[indexed + k] * self->strides[indexed + k];
                left /= self->sizes[indexed + k];
            }
            if (accumulate)
                ct__add_element((ct_dtype)self->dtype, to + at * size, p + e * size, 1);
            else
                memcpy(to + at * size, p + e * size, (size_t)size);
        }
    }
    return true;
}

ct_tensor *ct_getitem(ct_tensor *x, int64_t n, const ct_index *index)
{
    if (ct__pending())
        return NULL;
    if (!x)
        return ct__fail(CT_ERR_TYPE, "indexing: the tensor is NULL");
    if (n == 1 && index->kind == CT_INDEX_INT && x->ndim && index->start >= -x->sizes[0] && index->start < x->sizes[0])
        return ct_select(x, 0, index->start); /* x[3], the most common: nothing to take apart */
    ct_scope scope = ct_scope_begin();
    return ct_adopt(ct_scope_end_but(&scope, subscript_get(x, n, index)));
}

bool ct_setitem(ct_tensor *x, int64_t n, const ct_index *index, ct_tensor *value)
{
    if (ct__pending())
        return false;
    if (!x || !value)
        return ct__fail(CT_ERR_TYPE, "indexing: the %s is NULL", x ? "value" : "tensor") != NULL;
    CT_SCOPE();
    return subscript_set(x, n, index, value);
}

/* ---- Text ---- */

static const char *subscript_number(const char *s, int64_t *value)
{
    while (*s == ' ')
        s++;
    char *end;
    *value = strtoll(s, &end, 10);
    if (end == s)
        *value = CT_NO_INT;
    while (*end == ' ')
        end++;
    return end;
}

/* Parses "1:, ..., None, -2"; the number of entries, or -1 with an error. */
static int64_t subscript_parse(const char *text, ct_index *out)
{
    const char *s = text;
    int64_t n = 0;
    for (;;) {
        while (*s == ' ')
            s++;
        if (!*s && n == 0)
            return 0;
        if (n == SUBSCRIPT_MAX)
            break;
        ct_index *i = &out[n++];
        *i = (ct_index){CT_INDEX_INT, CT_NO_INT, CT_NO_INT, CT_NO_INT, NULL};
        if (!strncmp(s, "...", 3)) {
            i->kind = CT_INDEX_ELLIPSIS;
            s += 3;
        } else if (!strncmp(s, "None", 4)) {
            i->kind = CT_INDEX_NEW_AXIS;
            s += 4;
        } else if (!strncmp(s, "True", 4) || !strncmp(s, "False", 5)) {
            i->kind = CT_INDEX_BOOL;
            i->start = *s == 'T';
            s += *s == 'T' ? 4 : 5;
        } else {
            s = subscript_number(s, &i->start);
            if (*s == ':') {
                i->kind = CT_INDEX_SLICE;
                s = subscript_number(s + 1, &i->stop);
                if (*s == ':')
                    s = subscript_number(s + 1, &i->step);
            } else if (i->start == CT_NO_INT) {
                break;
            }
        }
        while (*s == ' ')
            s++;
        if (!*s)
            return n;
        if (*s++ != ',')
            break;
    }
    ct__fail(CT_ERR_INDEX, "cannot read the index \"%s\" near \"%s\": write integers, slices (1:5:2), None, ... and commas", text, s);
    return -1;
}

ct_tensor *ct_at(ct_tensor *x, const char *index)
{
    ct_index parsed[SUBSCRIPT_MAX];
    int64_t n = ct__pending() ? -1 : subscript_parse(index, parsed);
    return n < 0 ? NULL : ct_getitem(x, n, parsed);
}

bool (ct_set_at)(ct_tensor *x, const char *index, ct_tensor *value)
{
    ct_index parsed[SUBSCRIPT_MAX];
    int64_t n = ct__pending() ? -1 : subscript_parse(index, parsed);
    return n >= 0 && ct_setitem(x, n, parsed, value);
}
