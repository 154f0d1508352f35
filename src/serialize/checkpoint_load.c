/* Turns a pickle's names, calls and persistent ids into tensors and plain values: what
 * torch.load(weights_only=True) accepts. Tensors are laid over storages that are read once, however many
 * tensors share them. Refuses every other name, sparse, quantized and nested tensors, conjugate and negative
 * views, element types that ctorch lacks, other devices than the CPU unless map_location says so. */
#include "serialize/serialize.h"
#include "tensor/tensor.h"
#include <ctorch/autograd.h>

enum {
    GLOBAL_PLAIN,
    GLOBAL_ORDERED_DICT,
    GLOBAL_COUNTER,
    GLOBAL_SET,
    GLOBAL_BYTEARRAY,
    GLOBAL_BYTES,
    GLOBAL_COMPLEX,
    GLOBAL_ENCODE,
    GLOBAL_SIZE,
    GLOBAL_DEVICE,
    GLOBAL_LAYOUT,
    GLOBAL_TENSOR_V1,
    GLOBAL_TENSOR_V2,
    GLOBAL_TENSOR_V3,
    GLOBAL_FROM_TYPE,
    GLOBAL_PARAMETER,
    GLOBAL_PARAMETER_STATE,
    GLOBAL_PARAMETER_CLASS,
    GLOBAL_UNSUPPORTED,
    GLOBAL_STORAGE = 64 /* + dtype; + 0: UntypedStorage */
};

static const struct {
    const char *name;
    uint8_t code;
} ckl_globals[] = {
    {"collections OrderedDict", GLOBAL_ORDERED_DICT},
    {"collections Counter", GLOBAL_COUNTER},
    {"__builtin__ set", GLOBAL_SET},
    {"builtins set", GLOBAL_SET},
    {"__builtin__ bytearray", GLOBAL_BYTEARRAY},
    {"builtins bytearray", GLOBAL_BYTEARRAY},
    {"__builtin__ bytes", GLOBAL_BYTES},
    {"builtins bytes", GLOBAL_BYTES},
    {"__builtin__ complex", GLOBAL_COMPLEX},
    {"builtins complex", GLOBAL_COMPLEX},
    {"_codecs encode", GLOBAL_ENCODE},
    {"torch Size", GLOBAL_SIZE},
    {"torch device", GLOBAL_DEVICE},
    {"torch.serialization _get_layout", GLOBAL_LAYOUT},
    {"torch._utils _rebuild_tensor", GLOBAL_TENSOR_V1},
    {"torch._utils _rebuild_tensor_v2", GLOBAL_TENSOR_V2},
    {"torch._utils _rebuild_tensor_v3", GLOBAL_TENSOR_V3},
    {"torch._tensor _rebuild_from_type_v2", GLOBAL_FROM_TYPE},
    {"torch._utils _rebuild_parameter", GLOBAL_PARAMETER},
    {"torch._utils _rebuild_parameter_with_state", GLOBAL_PARAMETER_STATE},
    {"torch.nn.parameter Parameter", GLOBAL_PARAMETER_CLASS},
    {"torch Tensor", GLOBAL_PLAIN},
    {"torch.storage UntypedStorage", GLOBAL_STORAGE},
    {"torch UntypedStorage", GLOBAL_STORAGE},
    {"torch._utils _rebuild_sparse_tensor", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_qtensor", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_nested_tensor", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_meta_tensor_no_storage", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_wrapper_subclass", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_device_tensor_from_numpy", GLOBAL_UNSUPPORTED},
    {"torch._utils _rebuild_device_tensor_from_cpu_tensor", GLOBAL_UNSUPPORTED},
    {"torch.storage TypedStorage", GLOBAL_PLAIN},
};
/* dtypes and their like, which stand for themselves */
static const char *const ckl_dtypes[] = {
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool", "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e4m3fnuz",
    "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "qint8", "qint32", "quint8",
    "quint4x2", "quint2x4", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "int1", "int2", "int3",
    "int4", "int5", "int6", "int7", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7",
};

static ct_datum *ckl_global(ct__unpickler *u, const char *module, const char *name)
{
    char whole[520];
    size_t m = strlen(module), n = strlen(name);
    memcpy(whole, module, m);
    whole[m] = ' ';
    memcpy(whole + m + 1, name, n + 1);
    int code = -1;
    for (size_t i = 0; i < sizeof ckl_globals / sizeof *ckl_globals && code < 0; i++)
        if (strcmp(ckl_globals[i].name, whole) == 0)
            code = ckl_globals[i].code;
    bool torch = strcmp(module, "torch") == 0;
    if (code < 0 && torch)
        for (size_t i = 0; i < sizeof ckl_dtypes / sizeof *ckl_dtypes; i++)
            if (strcmp(ckl_dtypes[i], name) == 0)
                return ct__value_bytes(u->tree, CT_VALUE_DTYPE, name, (int64_t)n);
    if (code < 0 && (torch || strcmp(module, "torch.cuda") == 0) && n > 7 &&
        strcmp(name + n - 7, "Storage") == 0)
        for (int d = 1; d < CT_NUM_DTYPES && code < 0; d++) {
            const char *type = ct_dtype_type_name((ct_dtype)d);
            const char *also = d == CT_COMPLEX64    ? "ComplexFloat"
                               : d == CT_COMPLEX128 ? "ComplexDouble"
                                                    : type;
            if ((strlen(type) == n - 7 && strncmp(type, name, n - 7) == 0) ||
                (strlen(also) == n - 7 && strncmp(also, name, n - 7) == 0))
                code = GLOBAL_STORAGE + d;
        }
    if (code == GLOBAL_UNSUPPORTED)
        return ct__unpickle_fail(u,
                                 "ctorch has no such tensors yet: %s.%s (dense tensors on the CPU can be "
                                 "loaded)",
                                 module, name);
    if (code < 0)
        return ct__unpickle_fail(u,
                                 "Unsupported global: GLOBAL %s.%s was not an allowed global by default. "
                                 "Save plain values "
                                 "instead, for example model.state_dict() in place of the model.",
                                 module, name);
    ct_datum *v = ct__value_bytes(u->tree, CT_VALUE_GLOBAL, whole, (int64_t)(m + 1 + n));
    if (v)
        v->code = (uint8_t)code;
    return v;
}

/* ---- Storages ---- */

void ct__swap_bytes(void *data, int64_t bytes, int item)
{
    uint8_t *p = data;
    for (int64_t i = 0; item > 1 && i + item <= bytes; i += item)
        for (int k = 0; k < item / 2; k++) {
            uint8_t b = p[i + k];
            p[i + k] = p[i + item - 1 - k];
            p[i + item - 1 - k] = b;
        }
}

static bool ckl_is_int(const ct_datum *v) { return v->kind == CT_VALUE_INT; }

/* The bytes of one number inside an element, for a file of the other byte order. */
static int ckl_item_bytes(int dtype)
{
    return dtype == CT_COMPLEX64    ? 4
           : dtype == CT_COMPLEX128 ? 8
           : dtype == CT_DTYPE_NONE ? 1
                                    : (int)ct_dtype_size((ct_dtype)dtype);
}

static ct__stored *ckl_stored(ct__unpickler *u, const ct_datum *key, int64_t bytes, int dtype)
{
    ct__loading *l = u->context;
    int64_t i = ct__map_get(&l->by_key, key->s, key->n);
    if (i >= 0 && bytes > l->stored[i].bytes)
        return ct__unpickle_fail(u, "storage %s once of %lld bytes, once of %lld", key->s,
                                 (long long)l->stored[i].bytes, (long long)bytes);
    if (i >= 0)
        return &l->stored[i];
    char record[64];
    int64_t size = bytes;
    if (l->archive) {
        if (key->n > 40 || memchr(key->s, 0, (size_t)key->n))
            return ct__unpickle_fail(u, "a storage called %.40s", key->s);
        memcpy(record, "data/", 5);
        memcpy(record + 5, key->s, (size_t)key->n + 1);
        size = ct_archive_size(l->archive, record);
        if (size < 0) { /* the reader's own sentence */
            ct_archive_read(l->archive, record, NULL, 0);
            return NULL;
        }
        if (size != bytes)
            return ct__fail(CT_ERR_RUNTIME,
                            "record size (%lld bytes) does not match expected size (%lld bytes): %s of %s is "
                            "damaged. "
                            "Copy or save it again.",
                            (long long)size, (long long)bytes, record, u->file);
    }
    int64_t held = l->archive ? ct__archive_held(l->archive, record) : size;
    if (held > l->bytes_left)
        return ct__fail(CT_ERR_RUNTIME,
                        "the tensors of %s claim more bytes (%lld and more) than the file can hold: it was "
                        "truncated "
                        "or is damaged. Copy or save it again.",
                        u->file, (long long)size);
    l->bytes_left -= held;
    if (l->num_stored == l->capacity) {
        int64_t capacity = l->capacity ? 2 * l->capacity : 64;
        ct__stored *stored =
            ct__realloc(l->stored, (size_t)l->capacity * sizeof *stored, (size_t)capacity * sizeof *stored);
        if (!stored)
            return NULL;
        l->stored = stored;
        l->capacity = capacity;
    }
    ct_tensor *base = ct__new(CT_UINT8, (ct_device){CT_CPU, -1}, 1, &size);
    ct_datum *node = ct__value_of_tensor(u->tree, CT_VALUE_STORAGE, base);
    ct_release(base);
    if (!node || !ct__map_put(&l->by_key, key->s, key->n, l->num_stored))
        return NULL;
    ct__stored *s = &l->stored[l->num_stored++];
    *s = (ct__stored){node, key->s, key->n, size, ckl_item_bytes(dtype), l->archive != NULL};
    if (l->archive) {
        void *to = ct_storage_data(node->tensor);
        if (!ct_archive_read(l->archive, record, to, size))
            return NULL;
        if (l->big_endian)
            ct__swap_bytes(to, size, s->item);
    }
    return s;
}

/* ('storage', class, key, location, number of elements[, view]) */
static ct_datum *ckl_persistent(ct__unpickler *u, ct_datum *id)
{
    const ct__loading *l = u->context;
    ct_datum **a = id->items;
    if (id->kind != CT_VALUE_TUPLE || id->n < 5 || a[0]->kind != CT_VALUE_STRING ||
        strcmp(a[0]->s, "storage") != 0 || a[1]->kind != CT_VALUE_GLOBAL || a[1]->code < GLOBAL_STORAGE ||
        a[2]->kind != CT_VALUE_STRING || a[3]->kind != CT_VALUE_STRING || !ckl_is_int(a[4]))
        return ct__unpickle_fail(u, "a persistent id that is no storage");
    const char *location = l->options->map_location ? l->options->map_location : a[3]->s;
    if (strcmp(location, "cpu") != 0) {
        if (strncmp(location, "cuda", 4) == 0)
            return ct__fail(CT_ERR_RUNTIME,
                            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() "
                            "is False. "
                            "If you are running on a CPU-only machine, please use torch.load with "
                            "map_location=torch.device('cpu') "
                            "to map your storages to the CPU. (%s, location %s)",
                            u->file, location);
        return ct__fail(CT_ERR_RUNTIME,
                        "don't know how to restore data location of torch.storage.UntypedStorage (tagged "
                        "with %s), in "
                        "%s. Load with map_location=\"cpu\".",
                        location, u->file);
    }
    int dtype = a[1]->code - GLOBAL_STORAGE;
    int64_t item = dtype ? ct_dtype_size((ct_dtype)dtype) : 1, n = a[4]->i, bytes;
    if (n < 0 || __builtin_mul_overflow(n, item, &bytes))
        return ct__unpickle_fail(u, "a storage of %lld elements", (long long)n);
    ct__stored *s = ckl_stored(u, a[2], bytes, dtype);
    if (!s)
        return NULL;
    int64_t begin = 0;
    if (id->n > 5 &&
        a[5]->kind == CT_VALUE_TUPLE) { /* (key, first element, elements) of a view onto the storage */
        ct_datum **view = a[5]->items;
        if (a[5]->n != 3 || !ckl_is_int(view[1]) || !ckl_is_int(view[2]) || view[1]->i < 0 ||
            view[2]->i < 0 || view[1]->i > n || view[2]->i > n - view[1]->i)
            return ct__unpickle_fail(u, "a view outside of its storage");
        begin = view[1]->i * item;
        n = view[2]->i;
    }
    if (begin == 0 && s->node->code == dtype && s->node->n == n)
        return s->node;
    if (s->node->n == 0 && s->node->code == 0 && begin == 0) {
        s->node->code = (uint8_t)dtype;
        s->node->n = n;
        return s->node;
    }
    ct_datum *v = ct__value_of_tensor(u->tree, CT_VALUE_STORAGE, s->node->tensor);
    if (v) {
        v->code = (uint8_t)dtype;
        v->n = n;
        v->capacity = begin;
    }
    return v;
}

/* ---- Tensors ---- */

static ct_datum *ckl_tensor(ct__unpickler *u, ct_datum *const *a, int64_t n, int version)
{
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS], last = 0, numel = 1, end;
    if (n < 4 || a[0]->kind != CT_VALUE_STORAGE || !ckl_is_int(a[1]) ||
        (a[2]->kind != CT_VALUE_TUPLE && a[2]->kind != CT_VALUE_SIZE) ||
        (a[3]->kind != CT_VALUE_TUPLE && a[3]->kind != CT_VALUE_SIZE) || a[2]->n != a[3]->n ||
        (version >= 2 && (n < 6 || a[4]->kind != CT_VALUE_BOOL)))
        return ct__unpickle_fail(u, "a tensor with the wrong parts");
    ct_dtype dtype = (ct_dtype)a[0]->code;
    if (version == 3) {
        if (n < 7 || a[6]->kind != CT_VALUE_DTYPE)
            return ct__unpickle_fail(u, "a tensor with the wrong parts");
        dtype = ct_value_get_dtype(a[6]);
        if (!dtype)
            return ct__unpickle_fail(u, "ctorch has no tensors of dtype torch.%s", a[6]->s);
    }
    if (!dtype)
        return ct__unpickle_fail(u, "a tensor over an untyped storage");
    const ct_datum *extra = version == 3 ? (n > 7 ? a[7] : NULL) : n > 6 ? a[6] : NULL;
    for (int64_t i = 0; extra && ct__value_is_dict(extra) && i < extra->n; i += 2)
        if (extra->items[i + 1]->kind == CT_VALUE_BOOL && extra->items[i + 1]->i)
            return ct__unpickle_fail(u, "ctorch has no conjugate or negative views: save "
                                        "tensor.resolve_conj().resolve_neg()");
    int64_t offset = a[1]->i, ndim = a[2]->n, item = ct_dtype_size(dtype),
            bytes = a[0]->n * (a[0]->code ? ct_dtype_size((ct_dtype)a[0]->code) : 1);
    if (ndim > CT_MAX_DIMS)
        return ct__unpickle_fail(u, "a tensor of %lld dimensions: ctorch has %d at most", (long long)ndim,
                                 CT_MAX_DIMS);
    bool bad = offset < 0;
    for (int64_t d = 0; d < ndim; d++) {
        int64_t span;
        if (!ckl_is_int(a[2]->items[d]) || !ckl_is_int(a[3]->items[d]))
            return ct__unpickle_fail(u, "a tensor with the wrong parts");
        sizes[d] = a[2]->items[d]->i;
        strides[d] = a[3]->items[d]->i;
        bad |= sizes[d] < 0 || strides[d] < 0;
        if (bad || __builtin_mul_overflow(numel, sizes[d], &numel) ||
            __builtin_mul_overflow(sizes[d] ? sizes[d] - 1 : 0, strides[d], &span) ||
            __builtin_add_overflow(last, span, &last))
            return ct__unpickle_fail(u, "a tensor of impossible size, stride or offset");
    }
    if (bad || __builtin_add_overflow(last, offset, &end) || (numel > 0 && end >= bytes / item) ||
        (numel == 0 && offset > bytes / item))
        return ct__unpickle_fail(u,
                                 "setStorage: a tensor of %lld elements at offset %lld is out of bounds for "
                                 "storage of size %lld",
                                 (long long)numel, (long long)offset, (long long)bytes);
    if (a[0]->capacity % item)
        return ct__unpickle_fail(u, "a view between two elements of its storage");
    CT_SCOPE();
    ct_tensor *t = ct_tensor_over(a[0]->tensor, dtype, offset + a[0]->capacity / item, (ct_ints){ndim, sizes},
                                  (ct_ints){ndim, strides});
    if (t && version >= 2 && a[4]->i && !ct_set_requires_grad(t, true))
        return NULL;
    return ct__value_of_tensor(u->tree, CT_VALUE_TENSOR, t);
}

/* (tensor, requires_grad, hooks[, state]) */
static ct_datum *ckl_parameter(ct__unpickler *u, ct_datum *const *a, int64_t n, bool with_state)
{
    if (n < 1 || a[0]->kind != CT_VALUE_TENSOR || (n > 1 && a[1]->kind != CT_VALUE_BOOL) ||
        (with_state && n < 4))
        return ct__unpickle_fail(u, "a parameter with the wrong parts");
    if (!ct_set_requires_grad(a[0]->tensor, n > 1 ? a[1]->i : true))
        return NULL;
    ct_datum *v = ct__value_of_tensor(u->tree, CT_VALUE_TENSOR, a[0]->tensor);
    if (v) {
        v->parameter = true;
        v->state = with_state && a[3]->kind == CT_VALUE_DICT ? a[3] : a[0]->state;
    }
    return v;
}

/* ---- Calls ---- */

static ct_datum *ckl_copy_items(ct__unpickler *u, ct_value_kind kind, ct_datum *const *a, int64_t n)
{
    ct_datum *v = NULL;
    if (n == 0)
        return ct__value_new(u->tree, kind);
    if (n > 1 || !ct__value_has_items(a[0]))
        return ct__unpickle_fail(u, "a %s of something else than items", ct_value_kind_name(kind));
    ct_datum probe = {.kind = (uint8_t)kind};
    bool from_dict = ct__value_is_dict(a[0]), to_dict = ct__value_is_dict(&probe);
    if (!ct__unpickle_charge(u, a[0]->n))
        return NULL;
    if (to_dict && !from_dict) { /* a list of pairs */
        v = ct__value_new(u->tree, kind);
        for (int64_t i = 0; v && i < a[0]->n; i++) {
            const ct_datum *pair = a[0]->items[i];
            if (!ct__value_has_items(pair) || ct__value_is_dict(pair) || pair->n != 2)
                return ct__unpickle_fail(u, "a %s of something else than pairs", ct_value_kind_name(kind));
            if (!ct_value_put(v, pair->items[0], pair->items[1]))
                return NULL;
        }
        return v;
    }
    if (!to_dict && from_dict)
        return ct__unpickle_fail(u, "a %s of a dict", ct_value_kind_name(kind));
    for (int64_t i = 0; kind == CT_VALUE_SIZE && i < a[0]->n; i++)
        if (!ckl_is_int(a[0]->items[i]))
            return ct__unpickle_fail(u, "a torch.Size of something else than ints");
    return ct__value_items(u->tree, kind, a[0]->items, a[0]->n);
}

/* _codecs.encode(text, 'latin1'), and the constructors of bytes and bytearray */
static ct_datum *ckl_bytes(ct__unpickler *u, ct_value_kind kind, ct_datum *const *a, int64_t n)
{
    if (n == 0)
        return ct__value_bytes(u->tree, kind, "", 0);
    if (!ct__unpickle_charge(u, a[0]->n / 8 + 1))
        return NULL;
    if (n == 1 && (a[0]->kind == CT_VALUE_BYTES || a[0]->kind == CT_VALUE_BYTEARRAY))
        return ct__value_bytes(u->tree, kind, a[0]->s, a[0]->n);
    if (a[0]->kind != CT_VALUE_STRING || n != 2 || a[1]->kind != CT_VALUE_STRING ||
        (strcmp(a[1]->s, "latin1") != 0 && strcmp(a[1]->s, "latin-1") != 0))
        return ct__unpickle_fail(u, "bytes made from something else than text in Latin-1");
    ct_datum *v = ct__value_bytes(u->tree, kind, a[0]->s, a[0]->n);
    if (!v)
        return NULL;
    int64_t made = 0;
    for (int64_t i = 0; i < a[0]->n; i++) {
        uint8_t c = (uint8_t)a[0]->s[i];
        if (c >= 0x80) {
            if ((c != 0xC2 && c != 0xC3) || i + 1 >= a[0]->n || ((uint8_t)a[0]->s[i + 1] & 0xC0) != 0x80)
                return ct__unpickle_fail(u, "bytes made from text beyond Latin-1");
            c = (uint8_t)(c << 6 | ((uint8_t)a[0]->s[++i] & 63));
        }
        v->s[made++] = (char)c;
    }
    v->s[v->n = made] = 0;
    return v;
}

static ct_datum *ckl_device(ct__unpickler *u, ct_datum *const *a, int64_t n)
{
    if (n < 1 || n > 2 || a[0]->kind != CT_VALUE_STRING || a[0]->n > 32 || (n == 2 && !ckl_is_int(a[1])))
        return ct__unpickle_fail(u, "a torch.device of something else than a name and an index");
    if (n == 1)
        return ct__value_bytes(u->tree, CT_VALUE_DEVICE, a[0]->s, a[0]->n);
    ct__text t = {0};
    ct__text_addf(&t, "%s:%lld", a[0]->s, (long long)a[1]->i);
    ct_datum *v = t.s ? ct__value_bytes(u->tree, CT_VALUE_DEVICE, t.s, (int64_t)t.length) : NULL;
    ct__text_free(&t);
    return v;
}

static ct_datum *ckl_reduce(ct__unpickler *u, ct_datum *callable, ct_datum *args)
{
    ct_datum **a = args->items;
    int64_t n = args->n;
    if (callable->kind != CT_VALUE_GLOBAL)
        return ct__unpickle_fail(u, "a call of a %s", ct_value_kind_name((ct_value_kind)callable->kind));
    switch (callable->code) {
    case GLOBAL_ORDERED_DICT: return ckl_copy_items(u, CT_VALUE_ORDERED_DICT, a, n);
    case GLOBAL_COUNTER: return ckl_copy_items(u, CT_VALUE_COUNTER, a, n);
    case GLOBAL_SET: return ckl_copy_items(u, CT_VALUE_SET, a, n);
    case GLOBAL_SIZE: return ckl_copy_items(u, CT_VALUE_SIZE, a, n);
    case GLOBAL_BYTEARRAY: return ckl_bytes(u, CT_VALUE_BYTEARRAY, a, n);
    case GLOBAL_BYTES: case GLOBAL_ENCODE: return ckl_bytes(u, CT_VALUE_BYTES, a, n);
    case GLOBAL_DEVICE: return ckl_device(u, a, n);
    case GLOBAL_COMPLEX:
        if (n != 2 || a[0]->kind != CT_VALUE_FLOAT || a[1]->kind != CT_VALUE_FLOAT)
            return ct__unpickle_fail(u, "a complex number of something else than two floats");
        return ct_tree_complex(u->tree, a[0]->f[0], a[1]->f[0]);
    case GLOBAL_LAYOUT:
        if (n != 1 || a[0]->kind != CT_VALUE_STRING || strncmp(a[0]->s, "torch.", 6) != 0)
            return ct__unpickle_fail(u, "a layout without a name");
        return ct__value_bytes(u->tree, CT_VALUE_LAYOUT, a[0]->s, a[0]->n);
    case GLOBAL_TENSOR_V1: return ckl_tensor(u, a, n, 1);
    case GLOBAL_TENSOR_V2: return ckl_tensor(u, a, n, 2);
    case GLOBAL_TENSOR_V3: return ckl_tensor(u, a, n, 3);
    case GLOBAL_PARAMETER: case GLOBAL_PARAMETER_CLASS: return ckl_parameter(u, a, n, false);
    case GLOBAL_PARAMETER_STATE: return ckl_parameter(u, a, n, true);
    case GLOBAL_FROM_TYPE: { /* (function, type, its arguments, attributes) */
        if (n < 4 || a[0]->kind != CT_VALUE_GLOBAL || a[0]->code < GLOBAL_TENSOR_V1 ||
            a[0]->code > GLOBAL_TENSOR_V3 || a[2]->kind != CT_VALUE_TUPLE)
            return ct__unpickle_fail(u, "a tensor of a class that ctorch lacks");
        ct_datum *v = ckl_reduce(u, a[0], a[2]);
        if (v && a[3]->kind == CT_VALUE_DICT)
            v->state = a[3];
        return v;
    }
    default: return ct__unpickle_fail(u, "a call of %s, which cannot be called here", callable->s);
    }
}

static bool ckl_build(ct__unpickler *u, ct_datum *object, ct_datum *state)
{
    if (object->kind == CT_VALUE_ORDERED_DICT && state->kind == CT_VALUE_DICT) {
        object->state = state;
        return true;
    }
    if (object->kind == CT_VALUE_TENSOR && state->kind == CT_VALUE_DICT) {
        object->state = state;
        return true;
    }
    return ct__unpickle_fail(u,
                             "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                             "`add_safe_globals`, but got a "
                             "%s",
                             ct_value_kind_name((ct_value_kind)object->kind)) != NULL;
}

const ct__pickle_hooks ct__checkpoint_hooks = {ckl_global, ckl_reduce, ckl_build, ckl_persistent};

/* ---- Files ---- */

static void *ckl_record(const ct_archive *a, const char *record, int64_t *n)
{
    *n = ct_archive_size(a, record);
    if (*n < 0) {
        ct_archive_read(a, record, NULL, 0);
        return NULL;
    }
    void *p = ct__alloc((size_t)*n);
    if (p && ct_archive_read(a, record, p, *n))
        return p;
    if (p)
        ct__free(p, (size_t)*n);
    return NULL;
}

static bool ckl_check_version(const ct_archive *a)
{
    char text[32] = "", *end;
    int64_t n = ct_archive_size(a, "version");
    if (n < 0) {
        ct__fail(CT_ERR_RUNTIME,
                 "Expected hasRecord(\"version\") to be true, but got false. %s is a zip file, but not a "
                 "checkpoint of "
                 "torch.save.",
                 ct__archive_name(a));
        return false;
    }
    if (n >= (int64_t)sizeof text || !ct_archive_read(a, "version", text, n)) {
        ct__fail(CT_ERR_RUNTIME, "the record called version of %s has %lld bytes, not one number",
                 ct__archive_name(a), (long long)n);
        return false;
    }
    long version = strtol(text, &end, 10);
    if (version < 1 || version > 10) {
        ct__fail(CT_ERR_RUNTIME,
                 "Attempted to read a PyTorch file with version %ld, but the %s supported version for "
                 "reading is %d. "
                 "(%s) Save it with a version of PyTorch that writes versions 1 to 10.",
                 version, version < 1 ? "minimum" : "maximum", version < 1 ? 1 : 10, ct__archive_name(a));
        return false;
    }
    return true;
}

static bool ckl_byte_order(const ct_archive *a, bool *big)
{
    char text[16] = "";
    int64_t n = ct_archive_size(a, "byteorder");
    if (n < 0)
        return true;
    if (n >= (int64_t)sizeof text || !ct_archive_read(a, "byteorder", text, n) ||
        (strcmp(text, "little") != 0 && strcmp(text, "big") != 0)) {
        ct__fail(CT_ERR_VALUE, "Unknown endianness type: %s (in %s)", text, ct__archive_name(a));
        return false;
    }
    bool little_here = (const union { uint16_t word; uint8_t byte; }){1}.byte;
    *big = (text[0] == 'b') == little_here;
    return true;
}

static ct_value_tree *ckl_archive(ct__loading *l)
{
    const char *file = ct__archive_name(l->archive);
    int64_t n;
    void *data;
    if (ct_archive_size(l->archive, "constants.pkl") >= 0 && ct_archive_size(l->archive, "data.pkl") >= 0)
        return ct__fail(CT_ERR_RUNTIME,
                        "%s is a TorchScript archive, which ctorch cannot run. Save the module's "
                        "state_dict() with "
                        "torch.save instead.",
                        file);
    if (!ckl_check_version(l->archive) || !ckl_byte_order(l->archive, &l->big_endian) ||
        !(data = ckl_record(l->archive, "data.pkl", &n)))
        return NULL;
    ct_value_tree *tree = ct_tree_new();
    ct__unpickler u = {tree, &ct__checkpoint_hooks, l, file, "data.pkl", data, n, 0};
    if (tree)
        tree->root = ct__unpickle(&u);
    ct__free(data, (size_t)n);
    if (tree && tree->root && ct__tree_prune(tree))
        return tree;
    ct_release(tree);
    return NULL;
}

ct_value_tree *ct__load_source(ct__source *s, const ct_load_opts *options)
{
    char magic[4] = "";
    ct__loading l = {.options = options, .source = s, .bytes_left = s->size};
    ct_value_tree *tree = NULL;
    ct_archive *a = NULL;
    if (s->size >= 4 && !ct__source_read(s, 0, magic, 4))
        ;
    else if (memcmp(magic, "PK\3\4", 4) == 0) {
        if ((l.archive = a = ct__archive_take(s)))
            tree = ckl_archive(&l);
    } else
        tree = ct__load_legacy(&l);
    ct__free(l.stored, (size_t)l.capacity * sizeof *l.stored);
    ct__map_free(&l.by_key);
    ct_release(a);
    ct__source_close(s);
    return tree;
}

ct_value_tree *(ct_load)(const char *path, const ct_load_opts *options)
{
    static const ct_load_opts none;
    ct__source s;
    return ct__source_open(&s, path) ? ct__load_source(&s, options ? options : &none) : NULL;
}

ct_value_tree *(ct_load_bytes)(const void *data, int64_t bytes, const ct_load_opts *options)
{
    static const ct_load_opts none;
    ct__source s;
    if (!options)
        options = &none;
    if (!ct__source_memory(&s, data, bytes, options->name)) {
        ct__source_close(&s);
        return NULL;
    }
    return ct__load_source(&s, options);
}
