/* The values of a checkpoint: nodes in blocks that a tree owns, so that shared values and cycles need no
 * counting. Also the small string map of this folder. Refuses nothing but wrong kinds. */
#include "serialize/serialize.h"

#define VALUE_BLOCK 256

static void value_tree_destroy(void *object)
{
    ct_value_tree *t = object;
    for (int64_t i = 0; i < t->made; i++) {
        ct_datum *v = &t->blocks[i / VALUE_BLOCK][i % VALUE_BLOCK];
        if (v->kind == CT_VALUE_TENSOR || v->kind == CT_VALUE_STORAGE)
            ct_release(v->tensor);
        else if (ct__value_has_items(v))
            ct__free(v->items, (size_t)v->capacity * sizeof *v->items);
        else if (ct__value_has_text(v))
            ct__free(v->s, (size_t)v->capacity);
    }
    for (int64_t i = 0; i < t->num_blocks; i++)
        ct__free(t->blocks[i], VALUE_BLOCK * sizeof(ct_datum));
    ct__free(t->blocks, (size_t)t->blocks_capacity * sizeof *t->blocks);
    ct__free(t->nodes, (size_t)t->capacity * sizeof *t->nodes);
    ct__free(t, sizeof *t);
}

static const ct_type value_tree_type = {"ct_value_tree", value_tree_destroy, NULL};

ct_value_tree *ct_tree_new(void)
{
    if (ct__pending())
        return NULL;
    ct_value_tree *t = ct__alloc_zero(sizeof *t);
    if (t)
        ct__object_init(t, &value_tree_type);
    return t;
}

static bool value_grow(ct_datum ***p, int64_t *capacity)
{
    int64_t more = *capacity ? 2 * *capacity : 16;
    ct_datum **grown = ct__realloc(*p, (size_t)*capacity * sizeof *grown, (size_t)more * sizeof *grown);
    if (!grown)
        return false;
    *p = grown;
    *capacity = more;
    return true;
}

ct_datum *ct__value_new(ct_value_tree *t, ct_value_kind kind)
{
    if (!t || ct__pending())
        return NULL;
    if (t->count >= UINT32_MAX)
        return ct__fail(CT_ERR_RUNTIME, "a checkpoint may hold %u values at most", UINT32_MAX);
    if (t->count == t->capacity && !value_grow(&t->nodes, &t->capacity))
        return NULL;
    if (t->made == t->num_blocks * VALUE_BLOCK) {
        if (t->num_blocks == t->blocks_capacity && !value_grow(&t->blocks, &t->blocks_capacity))
            return NULL;
        ct_datum *block = ct__alloc_zero(VALUE_BLOCK * sizeof *block);
        if (!block)
            return NULL;
        t->blocks[t->num_blocks++] = block;
    }
    ct_datum *v = &t->blocks[t->made / VALUE_BLOCK][t->made % VALUE_BLOCK];
    t->made++;
    v->kind = (uint8_t)kind;
    v->id = (uint32_t)t->count;
    t->nodes[t->count++] = v;
    return v;
}

bool ct__tree_prune(ct_value_tree *t)
{
    ct_datum **stack = ct__alloc((size_t)t->count * sizeof *stack);
    uint8_t *seen = ct__alloc_zero((size_t)t->count);
    bool ok = stack && seen && t->root;
    int64_t depth = 0, kept = 0, count = t->count;
    if (ok) {
        seen[t->root->id] = 1;
        stack[depth++] = t->root;
    }
    while (depth > 0) {
        const ct_datum *v = stack[--depth];
        int64_t n = ct__value_has_items(v) ? v->n : 0;
        for (int64_t i = 0; i <= n; i++) {
            ct_datum *child = i < n ? v->items[i] : v->state;
            if (child && !seen[child->id]) {
                seen[child->id] = 1;
                stack[depth++] = child;
            }
        }
    }
    for (int64_t i = 0; ok && i < count; i++)
        if (seen[i]) {
            t->nodes[i]->id = (uint32_t)kept;
            t->nodes[kept++] = t->nodes[i];
        }
    if (ok)
        t->count = kept;
    if (stack)
        ct__free(stack, (size_t)count * sizeof *stack);
    if (seen)
        ct__free(seen, (size_t)count);
    return ok;
}

ct_datum *ct__value_bytes(ct_value_tree *t, ct_value_kind kind, const void *s, int64_t n)
{
    ct_datum *v = ct__value_new(t, kind);
    if (!v || !(v->s = ct__alloc((size_t)n + 1)))
        return NULL;
    v->n = n;
    v->capacity = n + 1;
    if (s)
        memcpy(v->s, s, (size_t)n);
    v->s[n] = 0;
    return v;
}

ct_datum *ct__value_items(ct_value_tree *t, ct_value_kind kind, ct_datum *const *items, int64_t n)
{
    ct_datum *v = ct__value_new(t, kind);
    if (!v || n == 0)
        return v;
    if (!(v->items = ct__alloc((size_t)n * sizeof *v->items)))
        return NULL;
    v->capacity = v->n = n;
    if (items)
        memcpy(v->items, items, (size_t)n * sizeof *v->items);
    return v;
}

bool ct__value_push(ct_datum *v, ct_datum *item)
{
    if (v->n == v->capacity) {
        int64_t capacity = v->capacity ? 2 * v->capacity : 4;
        ct_datum **items =
            ct__realloc(v->items, (size_t)v->capacity * sizeof *items, (size_t)capacity * sizeof *items);
        if (!items)
            return false;
        v->items = items;
        v->capacity = capacity;
    }
    v->items[v->n++] = item;
    return true;
}

bool ct__value_is_dict(const ct_datum *v)
{
    return v->kind == CT_VALUE_DICT || v->kind == CT_VALUE_ORDERED_DICT || v->kind == CT_VALUE_COUNTER;
}

bool ct__value_has_items(const ct_datum *v)
{
    return v->kind == CT_VALUE_TUPLE || v->kind == CT_VALUE_SIZE || v->kind == CT_VALUE_LIST ||
           v->kind == CT_VALUE_SET || ct__value_is_dict(v);
}

bool ct__value_has_text(const ct_datum *v)
{
    switch (v->kind) {
    case CT_VALUE_BIG_INT:
    case CT_VALUE_STRING:
    case CT_VALUE_BYTES:
    case CT_VALUE_BYTEARRAY:
    case CT_VALUE_DTYPE:
    case CT_VALUE_DEVICE: case CT_VALUE_LAYOUT: case CT_VALUE_GLOBAL: return true;
    default: return false;
    }
}

ct_datum *ct__value_of_tensor(ct_value_tree *t, ct_value_kind kind, ct_tensor *tensor)
{
    ct_datum *v = tensor ? ct__value_new(t, kind) : NULL;
    if (v)
        v->tensor = ct_retain(tensor);
    return v;
}

/* ---- Reading ---- */

ct_datum *ct_tree_root(const ct_value_tree *t) { return t ? t->root : NULL; }
int64_t ct_tree_count(const ct_value_tree *t) { return t ? t->count : 0; }

ct_datum *ct_tree_node(const ct_value_tree *t, int64_t id)
{
    if (!t || id < 0 || id >= t->count)
        return t ? ct__fail(CT_ERR_INDEX, "value %lld of a tree with %lld", (long long)id,
                            (long long)t->count)
                 : NULL;
    return t->nodes[id];
}

ct_value_kind ct_value_kind_of(const ct_datum *v) { return v ? (ct_value_kind)v->kind : CT_VALUE_NONE; }

const char *ct_value_kind_name(ct_value_kind kind)
{
    static const char *const names[] = {"NoneType",
                                        "bool",
                                        "int",
                                        "int",
                                        "float",
                                        "complex",
                                        "str",
                                        "bytes",
                                        "bytearray",
                                        "tuple",
                                        "torch.Size",
                                        "list",
                                        "set",
                                        "dict",
                                        "collections.OrderedDict",
                                        "collections.Counter",
                                        "torch.Tensor",
                                        "torch.storage.TypedStorage",
                                        "torch.dtype",
                                        "torch.device",
                                        "torch.layout",
                                        "type"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

static void value_wrong_kind(const ct_datum *v, const char *wanted)
{
    if (v)
        ct__fail(CT_ERR_TYPE, "the value is a %s, not %s", ct_value_kind_name((ct_value_kind)v->kind),
                 wanted);
    else
        ct__fail(CT_ERR_TYPE, "there is no value (NULL) where %s was expected", wanted);
}

int64_t ct_value_id(const ct_datum *v) { return v ? (int64_t)v->id : -1; }

int64_t ct_value_get_int(const ct_datum *v)
{
    if (v && (v->kind == CT_VALUE_INT || v->kind == CT_VALUE_BOOL))
        return v->i;
    value_wrong_kind(v, "an int");
    return 0;
}

double ct_value_get_float(const ct_datum *v)
{
    if (v && v->kind == CT_VALUE_FLOAT)
        return v->f[0];
    if (v && (v->kind == CT_VALUE_INT || v->kind == CT_VALUE_BOOL))
        return (double)v->i;
    value_wrong_kind(v, "a number");
    return 0;
}

void ct_value_get_complex(const ct_datum *v, double *real, double *imaginary)
{
    bool is = v && v->kind == CT_VALUE_COMPLEX;
    *real = is ? v->f[0] : ct_value_get_float(v);
    *imaginary = is ? v->f[1] : 0;
}

const char *ct_value_text(const ct_datum *v, int64_t *n)
{
    static const char *const storages[CT_NUM_DTYPES] = {
        "UntypedStorage", "ByteStorage",         "CharStorage",         "ShortStorage",    "IntStorage",
        "LongStorage",    "BoolStorage",         "HalfStorage",         "BFloat16Storage", "FloatStorage",
        "DoubleStorage",  "ComplexFloatStorage", "ComplexDoubleStorage"};
    if (v && v->kind == CT_VALUE_STORAGE && v->code < CT_NUM_DTYPES) {
        if (n)
            *n = (int64_t)strlen(storages[v->code]);
        return storages[v->code];
    }
    if (n)
        *n = 0;
    if (!v || !ct__value_has_text(v)) {
        value_wrong_kind(v, "a string");
        return NULL;
    }
    if (n)
        *n = v->n;
    return v->s;
}

int64_t ct_value_length(const ct_datum *v)
{
    if (!v || !(ct__value_has_items(v) || ct__value_has_text(v)))
        return 0;
    return ct__value_is_dict(v) ? v->n / 2 : v->n;
}

static ct_datum *value_at(const ct_datum *v, int64_t i, bool key)
{
    if (!v || !ct__value_has_items(v) || (key && !ct__value_is_dict(v))) {
        value_wrong_kind(v, key ? "a dict" : "a container");
        return NULL;
    }
    int64_t n = ct_value_length(v);
    if (i < 0 || i >= n)
        return ct__fail(CT_ERR_INDEX, "item %lld of a %s with %lld", (long long)i,
                        ct_value_kind_name((ct_value_kind)v->kind), (long long)n);
    return ct__value_is_dict(v) ? v->items[2 * i + !key] : v->items[i];
}

ct_datum *ct_value_item(const ct_datum *v, int64_t i) { return value_at(v, i, false); }
ct_datum *ct_value_key(const ct_datum *v, int64_t i) { return value_at(v, i, true); }

ct_datum *ct_value_get(const ct_datum *v, const char *key)
{
    if (!v || !ct__value_is_dict(v)) {
        value_wrong_kind(v, "a dict");
        return NULL;
    }
    int64_t n = (int64_t)strlen(key);
    for (int64_t i = v->n - 2; i >= 0; i -= 2) {
        const ct_datum *k = v->items[i];
        if (k->kind == CT_VALUE_STRING && k->n == n && memcmp(k->s, key, (size_t)n) == 0)
            return v->items[i + 1];
    }
    return NULL;
}

ct_tensor *ct_value_get_tensor(const ct_datum *v)
{
    if (v && (v->kind == CT_VALUE_TENSOR || v->kind == CT_VALUE_STORAGE))
        return v->tensor;
    value_wrong_kind(v, "a tensor");
    return NULL;
}

ct_dtype ct_value_get_dtype(const ct_datum *v)
{
    if (!v || v->kind != CT_VALUE_DTYPE) {
        value_wrong_kind(v, "a dtype");
        return CT_DTYPE_NONE;
    }
    for (int d = 1; d < CT_NUM_DTYPES; d++)
        if (strcmp(ct_dtype_name((ct_dtype)d), v->s) == 0)
            return (ct_dtype)d;
    return CT_DTYPE_NONE;
}

bool ct_value_is_parameter(const ct_datum *v) { return v && v->kind == CT_VALUE_TENSOR && v->parameter; }
ct_datum *ct_value_state(const ct_datum *v) { return v ? v->state : NULL; }

/* ---- Building ---- */

ct_datum *ct_tree_none(ct_value_tree *t) { return ct__value_new(t, CT_VALUE_NONE); }

ct_datum *ct_tree_bool(ct_value_tree *t, bool value)
{
    ct_datum *v = ct__value_new(t, CT_VALUE_BOOL);
    if (v)
        v->i = value;
    return v;
}

ct_datum *ct_tree_int(ct_value_tree *t, int64_t value)
{
    ct_datum *v = ct__value_new(t, CT_VALUE_INT);
    if (v)
        v->i = value;
    return v;
}

ct_datum *ct_tree_big_int(ct_value_tree *t, const void *bytes, int64_t n)
{
    const uint8_t *b = bytes;
    if (n > 8)
        return ct__value_bytes(t, CT_VALUE_BIG_INT, bytes, n);
    uint64_t value = n > 0 && b[n - 1] >= 128 ? UINT64_MAX : 0;
    for (int64_t i = n - 1; i >= 0; i--)
        value = value << 8 | b[i];
    return ct_tree_int(t, (int64_t)value);
}

ct_datum *ct_tree_float(ct_value_tree *t, double value)
{
    ct_datum *v = ct__value_new(t, CT_VALUE_FLOAT);
    if (v)
        v->f[0] = value;
    return v;
}

ct_datum *ct_tree_complex(ct_value_tree *t, double real, double imaginary)
{
    ct_datum *v = ct__value_new(t, CT_VALUE_COMPLEX);
    if (v) {
        v->f[0] = real;
        v->f[1] = imaginary;
    }
    return v;
}

ct_datum *ct_tree_string(ct_value_tree *t, const char *s)
{
    return ct__value_bytes(t, CT_VALUE_STRING, s, (int64_t)strlen(s));
}

ct_datum *ct_tree_text(ct_value_tree *t, ct_value_kind kind, const char *s, int64_t n)
{
    ct_datum probe = {.kind = (uint8_t)kind};
    if (!ct__value_has_text(&probe) || kind == CT_VALUE_BIG_INT)
        return ct__fail(CT_ERR_TYPE, "a %s is not made from text", ct_value_kind_name(kind));
    return ct__value_bytes(t, kind, s, n);
}

ct_datum *ct_tree_dtype(ct_value_tree *t, ct_dtype dtype)
{
    const char *name = ct_dtype_name(dtype);
    return ct__value_bytes(t, CT_VALUE_DTYPE, name, (int64_t)strlen(name));
}

ct_datum *ct_tree_tuple(ct_value_tree *t, int64_t n, ct_datum *const *items)
{
    for (int64_t i = 0; i < n; i++)
        if (!items[i]) {
            value_wrong_kind(NULL, "an item of a tuple");
            return NULL;
        }
    return ct__value_items(t, CT_VALUE_TUPLE, items, n);
}

ct_datum *ct_tree_size(ct_value_tree *t, ct_ints sizes)
{
    ct_datum *items[64];
    if (sizes.n > 64)
        return ct__fail(CT_ERR_VALUE, "a size of %lld dimensions", (long long)sizes.n);
    for (int64_t i = 0; i < sizes.n; i++)
        if (!(items[i] = ct_tree_int(t, sizes.v[i])))
            return NULL;
    return ct__value_items(t, CT_VALUE_SIZE, items, sizes.n);
}

ct_datum *ct_tree_container(ct_value_tree *t, ct_value_kind kind)
{
    if (kind != CT_VALUE_LIST && kind != CT_VALUE_SET && kind != CT_VALUE_DICT &&
        kind != CT_VALUE_ORDERED_DICT && kind != CT_VALUE_COUNTER)
        return ct__fail(CT_ERR_TYPE, "a %s is not a container to fill", ct_value_kind_name(kind));
    return ct__value_new(t, kind);
}

ct_datum *ct_tree_tensor(ct_value_tree *t, ct_tensor *tensor, bool parameter)
{
    ct_datum *v = ct__value_of_tensor(t, CT_VALUE_TENSOR, tensor);
    if (v)
        v->parameter = parameter;
    else if (!tensor)
        value_wrong_kind(NULL, "a tensor");
    return v;
}

bool ct_value_append(ct_datum *v, ct_datum *item)
{
    if (ct__pending())
        return false;
    if (!v || !item || (v->kind != CT_VALUE_LIST && v->kind != CT_VALUE_SET)) {
        value_wrong_kind(item ? v : NULL, "a list or set, and an item for it");
        return false;
    }
    return ct__value_push(v, item);
}

bool ct_value_put(ct_datum *v, ct_datum *key, ct_datum *value)
{
    if (ct__pending())
        return false;
    if (!v || !key || !value || !ct__value_is_dict(v)) {
        value_wrong_kind(key && value ? v : NULL, "a dict, and a key and value for it");
        return false;
    }
    if (!ct__value_push(v, key))
        return false;
    if (ct__value_push(v, value))
        return true;
    v->n--;
    return false;
}

bool ct_value_set_state(ct_datum *v, ct_datum *state)
{
    if (ct__pending())
        return false;
    if (!v || (v->kind != CT_VALUE_ORDERED_DICT && v->kind != CT_VALUE_TENSOR)) {
        value_wrong_kind(v, "a value with attributes (an OrderedDict or a tensor)");
        return false;
    }
    v->state = state;
    return true;
}

bool ct_tree_set_root(ct_value_tree *t, ct_datum *root)
{
    if (!t || !root || ct__pending()) {
        value_wrong_kind(root, "the root of a tree");
        return false;
    }
    t->root = root;
    return true;
}

/* ---- The map: open addressing, at most half full. ---- */

static uint64_t value_map_hash(const ct__map *m, const char *key, int64_t n)
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)(uintptr_t)m;
    for (int64_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)key[i]) * 1099511628211u;
    h ^= h >> 32;
    return h * 0x9E3779B97F4A7C15u >> 16;
}

static ct__map_slot *value_map_slot(const ct__map *m, const char *key, int64_t n)
{
    uint64_t mask = (uint64_t)m->capacity - 1;
    for (uint64_t i = value_map_hash(m, key, n) & mask;; i = (i + 1) & mask) {
        ct__map_slot *s = &m->slots[i];
        if (!s->key || (s->n == n && memcmp(s->key, key, (size_t)n) == 0))
            return s;
    }
}

int64_t ct__map_get(const ct__map *m, const char *key, int64_t n)
{
    if (!m->capacity)
        return -1;
    ct__map_slot *s = value_map_slot(m, key, n);
    return s->key ? s->value : -1;
}

bool ct__map_put(ct__map *m, const char *key, int64_t n, int64_t value)
{
    if (2 * m->count >= m->capacity) {
        ct__map old = *m;
        int64_t capacity = old.capacity ? 2 * old.capacity : 32;
        ct__map_slot *slots = ct__alloc_zero((size_t)capacity * sizeof *slots);
        if (!slots)
            return false;
        m->slots = slots;
        m->capacity = capacity;
        for (int64_t i = 0; i < old.capacity; i++)
            if (old.slots[i].key)
                *value_map_slot(m, old.slots[i].key, old.slots[i].n) = old.slots[i];
        ct__free(old.slots, (size_t)old.capacity * sizeof *slots);
    }
    ct__map_slot *s = value_map_slot(m, key, n);
    m->count += !s->key;
    *s = (ct__map_slot){key, n, value};
    return true;
}

void ct__map_free(ct__map *m)
{
    ct__free(m->slots, (size_t)m->capacity * sizeof *m->slots);
    *m = (ct__map){0};
}
