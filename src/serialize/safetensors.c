/* safetensors: a length, a JSON header, the tensors' bytes. Reads and writes what the safetensors library
 * does, element types of ctorch only. Refuses tensors that share memory, offsets that leave gaps or overlap,
 * headers over 100 MB. */
#include "serialize/serialize.h"
#include "tensor/tensor.h"

#define SAFE_HEADER_LIMIT 100000000

static const struct {
    const char *name;
    ct_dtype dtype;
} safe_dtypes[] = {/* in the order of a file: wide first */
                   {"I64", CT_INT64}, {"F64", CT_FLOAT64},   {"C64", CT_COMPLEX64}, {"F32", CT_FLOAT32},
                   {"I32", CT_INT32}, {"BF16", CT_BFLOAT16}, {"F16", CT_FLOAT16},   {"I16", CT_INT16},
                   {"I8", CT_INT8},   {"U8", CT_UINT8},      {"BOOL", CT_BOOL}};
#define SAFE_DTYPES ((int)(sizeof safe_dtypes / sizeof *safe_dtypes))

/* ---- Reading ---- */

typedef struct safe_reader {
    const ct__source *source;
    ct_value_tree *tree;
    const char *at, *end;
    int64_t data, bytes; /* where the buffer begins in the file; its size */
} safe_reader;
typedef struct safe_span { int64_t begin, end; } safe_span;

static bool safe_bad(const safe_reader *r, const char *what)
{
    ct__fail(CT_ERR_RUNTIME,
             "Error while deserializing header: %s. %s (%lld bytes) is damaged, was truncated or is no "
             "safetensors file.",
             what, r->source->name, (long long)r->source->size);
    return false;
}

static void safe_blank(safe_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool safe_try(safe_reader *r, char c)
{
    safe_blank(r);
    bool is = r->at < r->end && *r->at == c;
    r->at += is;
    return is;
}

static bool safe_expect(safe_reader *r, char c)
{
    return safe_try(r, c) || safe_bad(r, "invalid JSON in header");
}

static int safe_hex4(const char *s)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = s[i] | 32, d = s[i] >= '0' && s[i] <= '9' ? s[i] - '0'
                               : c >= 'a' && c <= 'f'     ? c - 'a' + 10
                                                          : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static ct_datum *safe_string(safe_reader *r)
{
    if (!safe_expect(r, '"'))
        return NULL;
    const char *close = r->at;
    while (close < r->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    ct_datum *v = close < r->end ? ct__value_bytes(r->tree, CT_VALUE_STRING, NULL, close - r->at) : NULL;
    if (!v) {
        safe_bad(r, "invalid JSON in header");
        return NULL;
    }
    char *to = v->s;
    for (; r->at < close; r->at++) {
        char c = *r->at;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        c = *++r->at;
        static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
        const char *known = c ? strchr(from, c) : NULL;
        if (known) {
            *to++ = plain[known - from];
            continue;
        }
        int code = c == 'u' && close - r->at > 4 ? safe_hex4(r->at + 1) : -1, low = -1;
        if (code >= 0xD800 && code < 0xDC00 && close - r->at > 10 && r->at[5] == '\\' && r->at[6] == 'u')
            low = safe_hex4(r->at + 7);
        if (code < 0 ||
            (code >= 0xD800 && code < 0xE000 && (code >= 0xDC00 || low < 0xDC00 || low > 0xDFFF))) {
            safe_bad(r, "invalid escape in header");
            return NULL;
        }
        r->at += low >= 0 ? 10 : 4;
        uint32_t u = low >= 0 ? 0x10000 + ((uint32_t)(code - 0xD800) << 10) + (uint32_t)(low - 0xDC00)
                              : (uint32_t)code;
        if (u < 0x80)
            *to++ = (char)u;
        else {
            if (u < 0x800)
                *to++ = (char)(0xC0 | u >> 6);
            else {
                if (u < 0x10000)
                    *to++ = (char)(0xE0 | u >> 12);
                else {
                    *to++ = (char)(0xF0 | u >> 18);
                    *to++ = (char)(0x80 | (u >> 12 & 63));
                }
                *to++ = (char)(0x80 | (u >> 6 & 63));
            }
            *to++ = (char)(0x80 | (u & 63));
        }
    }
    r->at = close + 1;
    v->n = to - v->s;
    *to = 0;
    return v;
}

/* [1, 2, ...]: their number, -1 on failure. */
static int64_t safe_ints(safe_reader *r, int64_t *v, int64_t most)
{
    int64_t n = 0;
    if (!safe_expect(r, '['))
        return -1;
    if (safe_try(r, ']'))
        return 0;
    do {
        safe_blank(r);
        const char *first = r->at;
        int64_t i = 0;
        bool fits = true;
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
            fits = fits && !__builtin_mul_overflow(i, 10, &i) && !__builtin_add_overflow(i, *r->at - '0', &i);
        if (r->at == first || !fits || n == most) {
            safe_bad(r, n == most ? "too many dimensions" : "invalid integer in header");
            return -1;
        }
        v[n++] = i;
    } while (safe_try(r, ','));
    return safe_expect(r, ']') ? n : -1;
}

static bool safe_metadata(safe_reader *r, ct_datum *root)
{
    ct_datum *dict = ct_tree_container(r->tree, CT_VALUE_DICT);
    if (!dict || !safe_expect(r, '{'))
        return false;
    root->state = dict;
    if (safe_try(r, '}'))
        return true;
    do {
        ct_datum *key = safe_string(r);
        if (!key || !safe_expect(r, ':'))
            return false;
        safe_blank(r);
        if (r->at < r->end && *r->at != '"')
            return safe_bad(r, "invalid type in __metadata__, expected a string");
        ct_datum *value = safe_string(r);
        if (!value || !ct_value_put(dict, key, value))
            return false;
    } while (safe_try(r, ','));
    return safe_expect(r, '}');
}

static bool safe_tensor(safe_reader *r, ct_datum *root, ct_datum *name, safe_span *span)
{
    int64_t sizes[CT_MAX_DIMS], offsets[2] = {-1, -1}, ndim = -1, numel = 1, bytes;
    ct_dtype dtype = CT_DTYPE_NONE;
    if (!safe_expect(r, '{'))
        return false;
    do {
        const ct_datum *field = safe_string(r);
        if (!field || !safe_expect(r, ':'))
            return false;
        if (strcmp(field->s, "dtype") == 0) {
            const ct_datum *s = safe_string(r);
            for (int d = 0; s && d < SAFE_DTYPES; d++)
                if (strcmp(safe_dtypes[d].name, s->s) == 0)
                    dtype = safe_dtypes[d].dtype;
            if (s && !dtype)
                ct__fail(CT_ERR_RUNTIME,
                         "ctorch has no tensors of safetensors' type %.40s (tensor `%.100s` of %s)", s->s,
                         name->s, r->source->name);
            if (!dtype)
                return false;
        } else if (strcmp(field->s, "shape") == 0) {
            if ((ndim = safe_ints(r, sizes, CT_MAX_DIMS)) < 0)
                return false;
        } else if (strcmp(field->s, "data_offsets") == 0) {
            int64_t n = safe_ints(r, offsets, 2);
            if (n != 2)
                return n < 0 ? false : safe_bad(r, "invalid data_offsets");
        } else
            return safe_bad(r, "unknown field of a tensor");
    } while (safe_try(r, ','));
    if (!safe_expect(r, '}'))
        return false;
    if (!dtype || ndim < 0 || offsets[0] < 0)
        return safe_bad(r, "a tensor without dtype, shape or data_offsets");
    bool overflow = false;
    for (int64_t d = 0; d < ndim; d++)
        overflow |= __builtin_mul_overflow(numel, sizes[d], &numel);
    overflow |= __builtin_mul_overflow(numel, ct_dtype_size(dtype), &bytes);
    if (overflow || offsets[1] < offsets[0] || offsets[1] > r->bytes || offsets[1] - offsets[0] != bytes) {
        ct__fail(CT_ERR_RUNTIME,
                 "Error while deserializing header: invalid shape, data type, or offset for tensor `%.100s`. "
                 "%s (%lld "
                 "bytes) is damaged or was truncated.",
                 name->s, r->source->name, (long long)r->source->size);
        return false;
    }
    *span = (safe_span){offsets[0], offsets[1]};
    ct_tensor *t = ct__new(dtype, (ct_device){CT_CPU, -1}, ndim, sizes);
    ct_datum *v = ct__value_of_tensor(r->tree, CT_VALUE_TENSOR, t);
    ct_release(t);
    if (!v || !ct_value_put(root, name, v))
        return false;
    if (bytes && !ct__source_read(r->source, r->data + offsets[0], ct_data(t), bytes))
        return false;
    if (!(const union { uint16_t word; uint8_t byte; }){1}.byte)
        ct__swap_bytes(ct_data(t), bytes, dtype == CT_COMPLEX64 ? 4 : (int)ct_dtype_size(dtype));
    return true;
}

static int safe_by_begin(const void *a, const void *b)
{
    const safe_span *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

static bool safe_parse(safe_reader *r)
{
    ct_datum *root = ct_tree_container(r->tree, CT_VALUE_DICT);
    safe_span *spans = NULL;
    int64_t n = 0, capacity = 0, claimed = 0;
    bool ok = root && ct_tree_set_root(r->tree, root) && safe_expect(r, '{');
    if (ok && !safe_try(r, '}')) {
        do {
            ct_datum *name = safe_string(r);
            ok = name && safe_expect(r, ':');
            if (ok && strcmp(name->s, "__metadata__") == 0) {
                ok = safe_metadata(r, root);
                continue;
            }
            if (ok && n == capacity) {
                int64_t more = capacity ? 2 * capacity : 64;
                safe_span *p =
                    ct__realloc(spans, (size_t)capacity * sizeof *spans, (size_t)more * sizeof *spans);
                ok = p != NULL;
                if (ok) {
                    spans = p;
                    capacity = more;
                }
            }
            ok = ok && safe_tensor(r, root, name, &spans[n]);
            if (ok && (claimed += spans[n].end - spans[n].begin) > r->bytes)
                ok = safe_bad(r, "tensors overlap");
            n += ok;
        } while (ok && safe_try(r, ','));
        ok = ok && safe_expect(r, '}');
    }
    safe_blank(r);
    if (ok && r->at != r->end)
        ok = safe_bad(r, "invalid JSON in header");
    if (ok && n)
        qsort(spans, (size_t)n, sizeof *spans, safe_by_begin);
    int64_t covered = 0;
    for (int64_t i = 0; ok && i < n; i++) {
        if (spans[i].begin != covered)
            ok = safe_bad(r, "invalid offset for a tensor: there is a gap or an overlap before it");
        covered = spans[i].end;
    }
    if (ok && covered != r->bytes)
        ok = safe_bad(r, "incomplete metadata, file not fully covered");
    ct__free(spans, (size_t)capacity * sizeof *spans);
    return ok;
}

static ct_value_tree *safe_load(ct__source *s)
{
    safe_reader r = {.source = s};
    uint8_t length[8];
    uint64_t n = 0;
    char *header = NULL;
    bool ok = false;
    if (s->size < 8)
        safe_bad(&r, "header too small");
    else if (ct__source_read(s, 0, length, 8)) {
        for (int i = 7; i >= 0; i--)
            n = n << 8 | length[i];
        if (n > SAFE_HEADER_LIMIT)
            safe_bad(&r, "header too large");
        else if (n > (uint64_t)s->size - 8)
            safe_bad(&r, "invalid header length");
        else if ((header = ct__alloc((size_t)n)) && ct__source_read(s, 8, header, (int64_t)n) &&
                 (r.tree = ct_tree_new())) {
            r.at = header;
            r.end = header + n;
            r.data = 8 + (int64_t)n;
            r.bytes = s->size - r.data;
            ok = safe_parse(&r) && ct__tree_prune(r.tree);
        }
    }
    if (header)
        ct__free(header, (size_t)n);
    ct__source_close(s);
    if (ok)
        return r.tree;
    ct_release(r.tree);
    return NULL;
}

ct_value_tree *ct_load_safetensors(const char *path)
{
    ct__source s;
    return ct__source_open(&s, path) ? safe_load(&s) : NULL;
}

ct_value_tree *ct_load_safetensors_bytes(const void *data, int64_t bytes)
{
    ct__source s;
    if (ct__source_memory(&s, data, bytes, NULL))
        return safe_load(&s);
    ct__source_close(&s);
    return NULL;
}

/* ---- Writing ---- */

typedef struct safe_item { const char *name; ct_tensor *tensor; int rank; } safe_item;

static int safe_by_rank(const void *a, const void *b)
{
    const safe_item *x = a, *y = b;
    return x->rank != y->rank ? x->rank - y->rank : strcmp(x->name, y->name);
}

static void safe_put_string(ct__text *t, const char *s)
{
    ct__text_add(t, "\"");
    for (; *s; s++) {
        static const char controls[] = "\b\f\n\r\t";
        const char *known = strchr(controls, *s);
        if (known)
            ct__text_addf(t, "\\%c", "bfnrt"[known - controls]);
        else if ((uint8_t)*s < 32)
            ct__text_addf(t, "\\u%04x", (uint8_t)*s);
        else {
            if (*s == '"' || *s == '\\')
                ct__text_add(t, "\\");
            ct__text_addn(t, s, 1);
        }
    }
    ct__text_add(t, "\"");
}

static bool safe_write(const char *path, int64_t n, const safe_item *items, const ct__text *header)
{
    ct__sink *s = ct__alloc(sizeof *s);
    if (!s)
        return false;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(header->length >> 8 * i);
    bool ok = ct__sink_open(s, path) && ct__sink_write(s, length, 8) &&
              ct__sink_write(s, header->s, (int64_t)header->length);
    for (int64_t i = 0; ok && i < n; i++) {
        ct_tensor *t = ct__contiguous_of(items[i].tensor);
        int64_t bytes = t ? ct_numel(t) * ct_dtype_size(ct_dtype_of(t)) : 0;
        ok = t && (!bytes || ct__sink_write(s, ct_data(t), bytes));
        ct_release(t);
    }
    ok = ok && ct__sink_commit(s);
    ct__sink_abandon(s);
    ct__free(s, sizeof *s);
    return ok;
}

static bool safe_check(int64_t n, const char *const *names, ct_tensor *const *tensors, safe_item *items)
{
    ct__map by_name = {0}, by_storage = {0};
    void **ids = ct__alloc((size_t)n * sizeof *ids);
    bool ok = ids != NULL;
    if (!(const union { uint16_t word; uint8_t byte; }){1}.byte)
        ok = ct__fail(CT_ERR_NOT_IMPLEMENTED, "safetensors files are written on little-endian machines "
                                              "only") != NULL;
    for (int64_t i = 0; ok && i < n; i++) {
        items[i] = (safe_item){names[i], tensors[i], -1};
        if (!tensors[i] || !names[i] || ct_device_of(tensors[i]).type != CT_CPU) {
            ct__fail(CT_ERR_VALUE, "tensor %lld (%s) is not a tensor on the CPU", (long long)i,
                     names[i] ? names[i] : "without a name");
            ok = false;
            break;
        }
        for (int d = 0; d < SAFE_DTYPES; d++)
            if (safe_dtypes[d].dtype == ct_dtype_of(tensors[i]))
                items[i].rank = d;
        int64_t length = (int64_t)strlen(names[i]), other;
        ids[i] = ct_storage_id(tensors[i]);
        if (items[i].rank < 0)
            ct__fail(CT_ERR_VALUE, "safetensors has no type for torch.%s (%s)",
                     ct_dtype_name(ct_dtype_of(tensors[i])), names[i]);
        else if (strcmp(names[i], "__metadata__") == 0 || ct__map_get(&by_name, names[i], length) >= 0)
            ct__fail(CT_ERR_VALUE, "two tensors called %s, or a reserved name", names[i]);
        else if (ct_numel(tensors[i]) &&
                 (other = ct__map_get(&by_storage, (char *)&ids[i], sizeof *ids)) >= 0)
            ct__fail(CT_ERR_RUNTIME,
                     "Some tensors share memory, this will lead to duplicate memory on disk and potential "
                     "differences when "
                     "loading them again: {'%s', '%s'}. Clone one of them, or use ct_save_tensors.",
                     names[other], names[i]);
        else if (ct__map_put(&by_name, names[i], length, i) &&
                 ct__map_put(&by_storage, (char *)&ids[i], sizeof *ids, i))
            continue;
        ok = false;
    }
    ct__map_free(&by_name);
    ct__map_free(&by_storage);
    if (ids)
        ct__free(ids, (size_t)n * sizeof *ids);
    return ok;
}

bool ct_save_safetensors(const char *path, int64_t n, const char *const *names, ct_tensor *const *tensors,
                         int64_t n_metadata, const char *const *metadata)
{
    if (ct__pending() || n < 0)
        return false;
    safe_item *items = ct__alloc((size_t)n * sizeof *items);
    ct__text h = {0};
    bool ok = items && safe_check(n, names, tensors, items);
    if (ok && n)
        qsort(items, (size_t)n, sizeof *items, safe_by_rank);
    ct__text_add(&h, "{");
    if (ok && n_metadata > 0) {
        ct__text_add(&h, "\"__metadata__\":{");
        for (int64_t i = 0; i < n_metadata; i++) {
            if (i)
                ct__text_add(&h, ",");
            safe_put_string(&h, metadata[2 * i]);
            ct__text_add(&h, ":");
            safe_put_string(&h, metadata[2 * i + 1]);
        }
        ct__text_add(&h, "}");
    }
    int64_t offset = 0;
    for (int64_t i = 0; ok && i < n; i++) {
        ct_ints shape = ct_shape_of(items[i].tensor);
        int64_t end = offset + ct_numel(items[i].tensor) * ct_dtype_size(ct_dtype_of(items[i].tensor));
        if (i || n_metadata > 0)
            ct__text_add(&h, ",");
        safe_put_string(&h, items[i].name);
        ct__text_addf(&h, ":{\"dtype\":\"%s\",\"shape\":[", safe_dtypes[items[i].rank].name);
        for (int64_t d = 0; d < shape.n; d++)
            ct__text_addf(&h, "%s%lld", d ? "," : "", (long long)shape.v[d]);
        ct__text_addf(&h, "],\"data_offsets\":[%lld,%lld]}", (long long)offset, (long long)end);
        offset = end;
    }
    ct__text_add(&h, "}");
    while (h.length % 8 && !ct__pending())
        ct__text_add(&h, " ");
    ok = ok && !ct__pending() && safe_write(path, n, items, &h);
    ct__text_free(&h);
    if (items)
        ct__free(items, (size_t)n * sizeof *items);
    return ok;
}
