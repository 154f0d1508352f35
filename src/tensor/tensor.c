/* Storage and tensors: making, freeing, properties. No op is here; views come from ct__new_view. */
#include "tensor/tensor.h"
#include "base/small.h"
#include "tensor/print.h"

void (*ct__autograd_destroy)(ct_tensor *t) = NULL;
static void (*tensor_user_release)(void *user) = NULL;

/* The data of small storages lies in the storage's own block. */
#define STORAGE_HEAD 64
#define STORAGE_INLINE 1024
_Static_assert(sizeof(ct__storage) <= STORAGE_HEAD, "a storage and its data share a block");

static void storage_release(ct__storage *s)
{
    if (!ct__count_down(&s->refcount))
        return;
    if (s->data == (char *)s + STORAGE_HEAD && !s->release) {
        ct__free(s, (size_t)(STORAGE_HEAD + s->bytes));
        return;
    }
    if (s->release)
        s->release(s->context);
    else if (s->data)
        ct__free(s->data, (size_t)s->bytes);
    ct__free(s, sizeof *s);
}

/* The release of memory that stays its owner's. */
static void storage_leave(void *context) { (void)context; }

static ct__storage *storage_new(int64_t bytes, ct_device device)
{
    bool inside = bytes > 0 && bytes <= STORAGE_INLINE && device.type != CT_META;
    ct__storage *s = ct__alloc(inside ? (size_t)(STORAGE_HEAD + bytes) : sizeof *s);
    if (!s)
        return NULL;
    *s = (ct__storage){.refcount = 1, .bytes = bytes, .device = device};
    if (inside)
        s->data = (char *)s + STORAGE_HEAD;
    else if (device.type != CT_META && bytes > 0) {
        s->data = ct__alloc((size_t)bytes);
        if (!s->data) {
            ct__free(s, sizeof *s);
            return NULL;
        }
    }
    return s;
}

static void tensor_destroy(void *object)
{
    ct_tensor *t = object;
    if (t->user && tensor_user_release)
        tensor_user_release(t->user);
    if (t->autograd)
        ct__autograd_destroy(t);
    if (t->view_base)
        ct_release(t->view_base);
    if (t->counter && ct__count_down(&t->counter->refcount))
        ct__free(t->counter, sizeof *t->counter);
    storage_release(t->storage);
    ct__free_small(t, sizeof *t);
}

static void tensor_print(const void *object, void *text) { ct__print_tensor(object, text); }

static const ct_type tensor_type = {"Tensor", tensor_destroy, tensor_print};

/* A tensor without geometry over a storage whose reference it takes. */
static ct_tensor *tensor_over(ct__storage *s, ct_dtype dtype)
{
    ct_tensor *t = s ? ct__alloc_small(sizeof *t) : NULL;
    if (!t) {
        if (s)
            storage_release(s);
        return NULL;
    }
    ct__object_init(t, &tensor_type);
    t->storage = s;
    t->dtype = (uint8_t)dtype;
    t->device = (uint8_t)s->device.type;
    t->is_number = t->requires_grad = false;
    t->view_kind = 0;
    t->view_version = 0;
    t->autograd = NULL;
    t->view_base = NULL;
    t->counter = NULL;
    t->user = NULL;
    return t;
}

void ct__update_contiguous(ct_tensor *t)
{
    int64_t numel = 1, want = 1;
    bool contiguous = true;
    for (int64_t i = t->ndim - 1; i >= 0; i--) {
        if (t->sizes[i] != 1) {
            contiguous = contiguous && t->strides[i] == want;
            want *= t->sizes[i];
        }
        numel *= t->sizes[i];
    }
    t->numel = numel;
    t->contiguous = contiguous || numel == 0;
    t->data = t->storage->data ? (char *)t->storage->data + t->offset * ct__itemsize(t->dtype) : NULL;
}

void ct__contiguous_strides(int64_t ndim, const int64_t *sizes, int64_t *strides)
{
    int64_t stride = 1;
    for (int64_t i = ndim - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= sizes[i] > 1 ? sizes[i] : 1;
    }
}

/* Bytes for a product of sizes; -1 with an error where it overflows. */
static int64_t tensor_bytes(int64_t ndim, const int64_t *sizes, ct_dtype dtype)
{
    int64_t n = 1;
    for (int64_t i = 0; i < ndim; i++)
        if (sizes[i] == 0)
            return 0;
    for (int64_t i = 0; i < ndim; i++)
        if (sizes[i] < 0 || __builtin_mul_overflow(n, sizes[i], &n))
            return ct__fail(CT_ERR_RUNTIME, "Storage size calculation overflowed with sizes=%s",
                            ct__ints_text(ndim, sizes)),
                   -1;
    if (__builtin_mul_overflow(n, ct__itemsize(dtype), &n))
        return ct__fail(CT_ERR_RUNTIME, "Storage size calculation overflowed with sizes=%s",
                        ct__ints_text(ndim, sizes)),
               -1;
    return n;
}

ct_tensor *ct__new(ct_dtype dtype, ct_device device, int64_t ndim, const int64_t *sizes)
{
    if (dtype >= CT_COMPLEX64)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "tensors of %s are not supported yet", ct_dtype_name(dtype));
    if (device.type == CT_CUDA)
        return ct__fail(CT_ERR_ASSERTION, "Torch not compiled with CUDA enabled");
    int64_t bytes = tensor_bytes(ndim, sizes, dtype);
    ct_tensor *t = bytes < 0 ? NULL : tensor_over(storage_new(bytes, device), dtype);
    if (!t)
        return NULL;
    int64_t numel = 1;
    t->offset = 0;
    t->ndim = (uint8_t)ndim;
    for (int64_t i = ndim - 1; i >= 0; i--) {
        t->sizes[i] = sizes[i];
        t->strides[i] = numel;
        numel *= sizes[i] > 1 ? sizes[i] : 1;
    }
    for (int64_t i = 0; i < ndim; i++)
        numel = sizes[i] == 0 ? 0 : numel;
    t->numel = numel;
    t->contiguous = true;
    t->data = t->storage->data;
    return t;
}

ct_tensor *ct__new_strided(ct_dtype dtype, ct_device device, int64_t ndim, const int64_t *sizes,
                           const int64_t *strides)
{
    int64_t last = 1;
    for (int64_t i = 0; i < ndim; i++)
        last = sizes[i] == 0 || last == 0 ? 0 : last + (sizes[i] - 1) * strides[i];
    ct_tensor *t = tensor_over(storage_new(last * ct__itemsize(dtype), device), dtype);
    if (!t)
        return NULL;
    t->offset = 0;
    t->ndim = (uint8_t)ndim;
    memcpy(t->sizes, sizes, sizeof(int64_t) * (size_t)ndim);
    memcpy(t->strides, strides, sizeof(int64_t) * (size_t)ndim);
    ct__update_contiguous(t);
    return t;
}

/* Order of dimensions by stride, largest first; stable. False where the memory is not dense without overlap.
 */
static bool tensor_dense_order(const ct_tensor *t, int64_t *order)
{
    for (int64_t i = 0; i < t->ndim; i++) {
        int64_t k = i;
        for (; k > 0 && t->strides[order[k - 1]] < t->strides[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    int64_t want = 1;
    for (int64_t k = t->ndim - 1; k >= 0; k--) {
        if (t->sizes[order[k]] == 1)
            continue;
        if (t->strides[order[k]] != want)
            return false;
        want *= t->sizes[order[k]];
    }
    return true;
}

ct_tensor *ct__new_like(const ct_tensor *t, ct_dtype dtype)
{
    ct_device device = {(ct_device_type)t->device, 0};
    int64_t order[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (t->contiguous)
        return ct__new(dtype, device, t->ndim, t->sizes);
    if (tensor_dense_order(t, order))
        return ct__new_strided(dtype, device, t->ndim, t->sizes, t->strides);
    ct__dense_strides(1, (ct_tensor *const[]){(ct_tensor *)t}, t->ndim, t->sizes, strides);
    return ct__new_strided(dtype, device, t->ndim, t->sizes, strides);
}

ct_tensor *ct__new_view(const ct_tensor *t, int64_t offset, int64_t ndim, const int64_t *sizes,
                        const int64_t *strides)
{
    ct__count_up(&t->storage->refcount);
    ct_tensor *v = tensor_over(t->storage, (ct_dtype)t->dtype);
    if (!v)
        return NULL;
    v->offset = offset;
    v->ndim = (uint8_t)ndim;
    for (int64_t i = 0; i < ndim; i++) {
        v->sizes[i] = sizes[i];
        v->strides[i] = strides[i];
    }
    ct__update_contiguous(v);
    v->counter = t->counter;
    if (v->counter)
        ct__count_up(&v->counter->refcount);
    return v;
}

ct_tensor *ct__new_dense_view(const ct_tensor *t, int64_t ndim, const int64_t *sizes)
{
    ct__count_up(&t->storage->refcount);
    ct_tensor *v = tensor_over(t->storage, (ct_dtype)t->dtype);
    if (!v)
        return NULL;
    v->offset = t->offset;
    v->ndim = (uint8_t)ndim;
    v->numel = t->numel;
    v->contiguous = true;
    v->data = t->data;
    int64_t stride = 1;
    for (int64_t i = ndim - 1; i >= 0; i--) {
        v->sizes[i] = sizes[i];
        v->strides[i] = stride;
        stride *= sizes[i] > 1 ? sizes[i] : 1;
    }
    v->counter = t->counter;
    if (v->counter)
        ct__count_up(&v->counter->refcount);
    return v;
}

ct_tensor *ct__new_scalar(ct_scalar value, ct_dtype dtype)
{
    ct_tensor *t = ct__new(dtype, (ct_device){CT_CPU, 0}, 0, NULL);
    if (t)
        ct__store_scalar(dtype, t->data, value);
    return t;
}

void ct__set_from(ct_tensor *t, const ct_tensor *source)
{
    ct__count_up(&source->storage->refcount);
    if (t->storage != source->storage && !t->counter) { /* t keeps its own count of writes */
        ct__counter *c = ct__alloc(sizeof *c);
        if (c) {
            *c = (ct__counter){1, t->storage->version};
            t->counter = c;
        }
    }
    storage_release(t->storage);
    t->storage = source->storage;
    t->dtype = source->dtype;
    t->device = source->device;
    t->offset = source->offset;
    t->ndim = source->ndim;
    memcpy(t->sizes, source->sizes, sizeof t->sizes);
    memcpy(t->strides, source->strides, sizeof t->strides);
    ct__update_contiguous(t);
}

bool ct__resize_out(ct_tensor *out, int64_t ndim, const int64_t *sizes)
{
    if (out->ndim == ndim && !memcmp(out->sizes, sizes, sizeof(int64_t) * (size_t)ndim))
        return true;
    if (out->numel != 0)
        ct_warn("An output with one or more elements was resized since it had shape %s, which does not match "
                "the required output shape %s. "
                "This behavior is deprecated, and in a future PyTorch release outputs will not be resized "
                "unless they have zero elements. You "
                "can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
                "t.resize_(0).",
                ct__shape_text(out), ct__ints_text(ndim, sizes));
    ct_tensor *fresh =
        ct__new((ct_dtype)out->dtype, (ct_device){(ct_device_type)out->device, 0}, ndim, sizes);
    if (!fresh)
        return false;
    ct__set_from(out, fresh);
    ct_release(fresh);
    return true;
}

/* ---- Public construction ---- */

ct_tensor *ct_number(ct_scalar value)
{
    if (ct__pending())
        return NULL;
    ct_tensor *t = ct__new_scalar(value, value.kind == CT_SCALAR_BOOL  ? CT_BOOL
                                         : value.kind == CT_SCALAR_INT ? CT_INT64
                                                                       : CT_FLOAT64);
    if (!t)
        return NULL;
    t->is_number = true;
    return ct_adopt(t);
}

ct_tensor *(ct_from_data)(void *data, ct_ints shape, const ct_from_data_opts *options)
{
    static const ct_from_data_opts none = {.dtype = CT_FLOAT32};
    options = options ? options : &none;
    ct_dtype dtype = options->dtype == CT_DTYPE_NONE ? CT_FLOAT32 : options->dtype;
    if (ct__pending())
        return NULL;
    if (shape.n > CT_MAX_DIMS)
        return ct__fail(CT_ERR_RUNTIME, "from_data: a tensor has at most %d dimensions, got %lld",
                        CT_MAX_DIMS, (long long)shape.n);
    if (options->strides.v && options->strides.n != shape.n)
        return ct__fail(CT_ERR_RUNTIME, "mismatch in length of strides and shape");
    int64_t bytes = tensor_bytes(shape.n, shape.v, dtype), strides[CT_MAX_DIMS], last = 1;
    if (bytes < 0)
        return NULL;
    ct__contiguous_strides(shape.n, shape.v, strides);
    for (int64_t i = 0; options->strides.v && i < shape.n; i++) {
        if (options->strides.v[i] < 0)
            return ct__fail(CT_ERR_VALUE, "At least one stride is negative. This is currently not supported. "
                                          "(You can probably work around this "
                                          "by making a copy of your array with array.copy().)");
        strides[i] = options->strides.v[i];
    }
    for (int64_t i = 0; i < shape.n; i++)
        last = shape.v[i] == 0 || last == 0 ? 0 : last + (shape.v[i] - 1) * strides[i];
    ct__storage *s = ct__alloc(sizeof *s);
    if (!s)
        return NULL;
    *s = (ct__storage){.refcount = 1,
                       .data = data,
                       .bytes = last * ct__itemsize(dtype),
                       .device = {CT_CPU, 0},
                       .read_only = options->read_only,
                       .release = options->release,
                       .context = options->context};
    ct_tensor *t = ct__alloc(sizeof *t);
    if (!t) {
        ct__free(
            s,
            sizeof *s); /* the caller keeps its memory: release is not called for a tensor that never was */
        return NULL;
    }
    ct__object_init(t, &tensor_type);
    if (!s->release)
        s->release = storage_leave;
    memset((char *)t + sizeof(ct_object), 0, sizeof *t - sizeof(ct_object));
    t->storage = s;
    t->dtype = (uint8_t)dtype;
    t->device = CT_CPU;
    t->ndim = (uint8_t)shape.n;
    memcpy(t->sizes, shape.v, sizeof(int64_t) * (size_t)shape.n);
    memcpy(t->strides, strides, sizeof(int64_t) * (size_t)shape.n);
    ct__update_contiguous(t);
    return ct_adopt(t);
}

ct_tensor *ct_tensor_from_doubles(const double *values, ct_ints shape, ct_dtype dtype)
{
    ct_tensor *t = ct__pending() ? NULL
                                 : ct__new(dtype == CT_DTYPE_NONE ? ct_default_dtype() : dtype,
                                           (ct_device){CT_CPU, 0}, shape.n, shape.v);
    for (int64_t i = 0; t && i < t->numel; i++)
        ct__store_scalar((ct_dtype)t->dtype, t->data + i * ct__itemsize(t->dtype),
                         ct_float_scalar(values[i]));
    return ct_adopt(t);
}

ct_tensor *ct_tensor_from_ints(const int64_t *values, ct_ints shape, ct_dtype dtype)
{
    ct_tensor *t = ct__pending() ? NULL
                                 : ct__new(dtype == CT_DTYPE_NONE ? CT_INT64 : dtype, (ct_device){CT_CPU, 0},
                                           shape.n, shape.v);
    for (int64_t i = 0; t && i < t->numel; i++)
        ct__store_scalar((ct_dtype)t->dtype, t->data + i * ct__itemsize(t->dtype), ct_int_scalar(values[i]));
    return ct_adopt(t);
}

ct_tensor *ct_tensor_over(const ct_tensor *t, ct_dtype dtype, int64_t offset, ct_ints shape, ct_ints strides)
{
    int64_t own[CT_MAX_DIMS], last = offset;
    if (ct__pending())
        return NULL;
    if (shape.n > CT_MAX_DIMS || (strides.v && strides.n != shape.n))
        return ct__fail(CT_ERR_RUNTIME, "mismatch in length of strides and shape");
    ct__contiguous_strides(shape.n, shape.v, own);
    bool empty = false;
    for (int64_t i = 0; i < shape.n; i++) {
        own[i] = strides.v ? strides.v[i] : own[i];
        empty = empty || shape.v[i] == 0;
        int64_t reach;
        if (shape.v[i] < 0 || own[i] < 0
            || __builtin_mul_overflow(shape.v[i] ? shape.v[i] - 1 : 0, own[i], &reach)
            || __builtin_add_overflow(last, reach, &last))
            return ct__fail(CT_ERR_RUNTIME, "sizes %s and strides %s are not valid",
                            ct__ints_text(shape.n, shape.v), ct__ints_text(shape.n, own));
    }
    if (offset < 0 || (!empty && last >= t->storage->bytes / ct__itemsize(dtype)))
        return ct__fail(CT_ERR_RUNTIME,
                        "setStorage: sizes %s, strides %s, storage offset %lld are out of bounds for storage "
                        "of size %lld",
                        ct__ints_text(shape.n, shape.v), ct__ints_text(shape.n, own), (long long)offset,
                        (long long)t->storage->bytes);
    ct_tensor *v = ct__new_view(t, 0, 0, NULL, NULL);
    if (!v)
        return NULL;
    v->dtype = (uint8_t)dtype;
    v->offset = offset;
    v->ndim = (uint8_t)shape.n;
    memcpy(v->sizes, shape.v, sizeof(int64_t) * (size_t)shape.n);
    memcpy(v->strides, own, sizeof(int64_t) * (size_t)shape.n);
    ct__update_contiguous(v);
    return ct_adopt(v);
}

/* ---- Properties ---- */

int64_t ct_ndim(const ct_tensor *t) { return t ? t->ndim : 0; }
ct_ints ct_shape_of(const ct_tensor *t) { return t ? (ct_ints){t->ndim, t->sizes} : (ct_ints){0, NULL}; }
ct_ints ct_strides_of(const ct_tensor *t) { return t ? (ct_ints){t->ndim, t->strides} : (ct_ints){0, NULL}; }
int64_t ct_numel(const ct_tensor *t) { return t ? t->numel : 0; }
ct_dtype ct_dtype_of(const ct_tensor *t) { return t ? (ct_dtype)t->dtype : CT_DTYPE_NONE; }
ct_device ct_device_of(const ct_tensor *t)
{
    return t ? (ct_device){(ct_device_type)t->device, 0} : (ct_device){CT_DEVICE_NONE, 0};
}
int64_t ct_storage_offset(const ct_tensor *t) { return t ? t->offset : 0; }
bool ct_is_number(const ct_tensor *t) { return t && t->is_number; }
void *ct_data(const ct_tensor *t) { return t ? t->data : NULL; }
void *ct_storage_id(const ct_tensor *t) { return t ? t->storage : NULL; }
void *ct_storage_data(const ct_tensor *t) { return t ? t->storage->data : NULL; }
int64_t ct_storage_bytes(const ct_tensor *t) { return t ? t->storage->bytes : 0; }
int64_t ct_version(const ct_tensor *t) { return t ? *ct__version_of(t) : 0; }
void *ct_tensor_user(const ct_tensor *t) { return t ? t->user : NULL; }
void ct_tensor_set_user(ct_tensor *t, void *user) { t->user = user; }
void ct_set_user_release(void (*release)(void *user)) { tensor_user_release = release; }

void ct_bump_version(ct_tensor *t)
{
    if (t)
        ++*ct__version_of(t);
}

int64_t ct_size(const ct_tensor *t, int64_t dim)
{
    int64_t d = t ? ct__wrap_dim(dim, t->ndim) : -1;
    return d < 0 || d >= t->ndim ? 0 : t->sizes[d];
}

int64_t ct_stride(const ct_tensor *t, int64_t dim)
{
    int64_t d = t ? ct__wrap_dim(dim, t->ndim) : -1;
    return d < 0 || d >= t->ndim ? 0 : t->strides[d];
}

bool ct_is_contiguous(const ct_tensor *t, ct_memory_format format)
{
    if (!t || format != CT_CHANNELS_LAST)
        return t && t->contiguous;
    if (t->ndim != 4)
        return false;
    static const int order[4] = {1, 3, 2, 0};
    int64_t want = 1;
    for (int i = 0; i < 4; i++) {
        if (t->sizes[order[i]] != 1 && t->strides[order[i]] != want)
            return false;
        want *= t->sizes[order[i]];
    }
    return true;
}

/* ---- Elements ---- */

static const char *tensor_one(const ct_tensor *t)
{
    if (ct__pending() || !t)
        return NULL;
    if (t->numel != 1)
        return ct__fail(CT_ERR_RUNTIME, "a Tensor with %lld elements cannot be converted to Scalar",
                        (long long)t->numel);
    if (!t->data)
        return ct__fail(CT_ERR_RUNTIME, "Tensor.item() cannot be called on meta tensors");
    return t->data;
}

double ct_item(const ct_tensor *t)
{
    const char *p = tensor_one(t);
    return p ? ct__load_double((ct_dtype)t->dtype, p) : 0;
}

int64_t ct_item_int(const ct_tensor *t)
{
    const char *p = tensor_one(t);
    return p ? ct__load_int((ct_dtype)t->dtype, p) : 0;
}

ct_scalar ct_item_scalar(const ct_tensor *t)
{
    const char *p = tensor_one(t);
    if (!p)
        return (ct_scalar){CT_SCALAR_NONE, {0}};
    if (ct_is_floating((ct_dtype)t->dtype))
        return ct_float_scalar(ct__load_double((ct_dtype)t->dtype, p));
    int64_t v = ct__load_int((ct_dtype)t->dtype, p);
    return t->dtype == CT_BOOL ? ct_bool_scalar(v) : ct_int_scalar(v);
}

static const char *tensor_element(const ct_tensor *t, int64_t i)
{
    if (ct__pending() || !t)
        return NULL;
    if (i < 0 || i >= t->numel || !t->data)
        return ct__fail(CT_ERR_INDEX, "index %lld is out of bounds for a tensor of %lld elements",
                        (long long)i, (long long)t->numel);
    int64_t offset = 0;
    for (int64_t k = t->ndim - 1; k >= 0; k--) {
        offset += i % t->sizes[k] * t->strides[k];
        i /= t->sizes[k];
    }
    return t->data + offset * ct__itemsize(t->dtype);
}

double ct_float_at(const ct_tensor *t, int64_t i)
{
    const char *p = tensor_element(t, i);
    return p ? ct__load_double((ct_dtype)t->dtype, p) : 0;
}

int64_t ct_int_at(const ct_tensor *t, int64_t i)
{
    const char *p = tensor_element(t, i);
    return p ? ct__load_int((ct_dtype)t->dtype, p) : 0;
}
