/* torch.save: a tree's values as data.pkl, each storage once as data/N, whole, however many tensors look at
 * it. Refuses tensors that are not on the CPU and storages seen as two element types. Also the conveniences
 * for state dicts in C. */
#include "serialize/serialize.h"
#include <ctorch/autograd.h>
#include <stdio.h>

typedef struct cks_storage { ct_tensor *tensor; void *id; ct_dtype dtype; char key[24]; } cks_storage;
typedef struct saving {
    cks_storage **storages; /* stable addresses: the map's keys point into them */
    int64_t count, capacity;
    ct__map by_id;
} saving;

static cks_storage *cks_storage_of(saving *s, ct_tensor *t, ct_dtype dtype)
{
    void *id = ct_storage_id(t);
    int64_t i = ct__map_get(&s->by_id, (const char *)&id, sizeof id);
    if (i >= 0) {
        if (s->storages[i]->dtype == dtype)
            return s->storages[i];
        return ct__fail(CT_ERR_RUNTIME,
                        "Cannot save multiple tensors or storages that view the same data as different types "
                        "(torch.%s and torch.%s): clone one of them",
                        ct_dtype_name(s->storages[i]->dtype), ct_dtype_name(dtype));
    }
    if (s->count == s->capacity) {
        int64_t capacity = s->capacity ? 2 * s->capacity : 32;
        cks_storage **storages = ct__realloc(s->storages, (size_t)s->capacity * sizeof *storages,
                                             (size_t)capacity * sizeof *storages);
        if (!storages)
            return NULL;
        s->storages = storages;
        s->capacity = capacity;
    }
    cks_storage *e = ct__alloc(sizeof *e);
    if (!e)
        return NULL;
    e->tensor = t;
    e->id = id;
    e->dtype = dtype;
    snprintf(e->key, sizeof e->key, "%lld", (long long)s->count);
    s->storages[s->count] = e;
    if (!ct__map_put(&s->by_id, (const char *)&e->id, sizeof id, s->count)) {
        ct__free(e, sizeof *e);
        return NULL;
    }
    s->count++;
    return e;
}

/* The persistent id of a storage. */
static bool cks_put_storage(ct__pickler *p, ct_tensor *t, ct_dtype dtype)
{
    static const char *const classes[CT_NUM_DTYPES] = {"torch.storage\nUntypedStorage\n",
                                                       "torch\nByteStorage\n",
                                                       "torch\nCharStorage\n",
                                                       "torch\nShortStorage\n",
                                                       "torch\nIntStorage\n",
                                                       "torch\nLongStorage\n",
                                                       "torch\nBoolStorage\n",
                                                       "torch\nHalfStorage\n",
                                                       "torch\nBFloat16Storage\n",
                                                       "torch\nFloatStorage\n",
                                                       "torch\nDoubleStorage\n",
                                                       "torch\nComplexFloatStorage\n",
                                                       "torch\nComplexDoubleStorage\n"};
    if (ct_device_of(t).type != CT_CPU) {
        ct__fail(CT_ERR_NOT_IMPLEMENTED, "only tensors on the CPU can be saved: move this one there first, "
                                         "with .to(\"cpu\")");
        return false;
    }
    cks_storage *e = cks_storage_of(p->context, t, dtype);
    if (!e)
        return false;
    ct__pickle_op(p, "(", 1);
    ct__pickle_fixed(p, "storage");
    ct__pickle_global(p, classes[dtype]);
    ct__pickle_op(p, "X", 1);
    int64_t n = (int64_t)strlen(e->key);
    ct__pickle_op(p, (char[]){(char)n, 0, 0, 0}, 4);
    ct__pickle_op(p, e->key, n);
    ct__pickle_put(p);
    ct__pickle_fixed(p, "cpu");
    ct__pickle_int(p, ct_storage_bytes(t) / (dtype ? ct_dtype_size(dtype) : 1));
    ct__pickle_op(p, "t", 1);
    ct__pickle_put(p);
    ct__pickle_op(p, "Q", 1);
    return true;
}

static void cks_put_ints(ct__pickler *p, ct_ints v)
{
    if (v.n == 0) {
        ct__pickle_op(p, ")", 1);
        return;
    }
    if (v.n > 3)
        ct__pickle_op(p, "(", 1);
    for (int64_t i = 0; i < v.n; i++)
        ct__pickle_int(p, v.v[i]);
    ct__pickle_op(p, v.n > 3 ? "t" : v.n == 1 ? "\x85" : v.n == 2 ? "\x86" : "\x87", 1);
    ct__pickle_put(p);
}

static bool cks_tensor(ct__pickler *p, const ct_datum *v)
{
    ct_tensor *t = v->tensor;
    if (v->kind == CT_VALUE_STORAGE)
        return cks_put_storage(p, t, (ct_dtype)v->code);
    bool grad = ct_requires_grad(t), state = v->state != NULL;
    if (v->parameter)
        ct__pickle_global(p, state ? "torch._utils\n_rebuild_parameter_with_state\n"
                                   : "torch._utils\n_rebuild_parameter\n");
    else if (state)
        ct__pickle_global(p, "torch._tensor\n_rebuild_from_type_v2\n");
    if (v->parameter || state)
        ct__pickle_op(p, "(", 1);
    ct__pickle_global(p, "torch._utils\n_rebuild_tensor_v2\n");
    if (state && !v->parameter)
        ct__pickle_global(p, "torch\nTensor\n");
    ct__pickle_op(p, "(", 1);
    if (!cks_put_storage(p, t, ct_dtype_of(t)))
        return false;
    ct__pickle_int(p, ct_storage_offset(t));
    cks_put_ints(p, ct_shape_of(t));
    cks_put_ints(p, ct_strides_of(t));
    ct__pickle_op(p, grad && !v->parameter ? "\x88" : "\x89", 1);
    ct__pickle_global(p, "collections\nOrderedDict\n");
    ct__pickle_op(p, ")R", 2);
    ct__pickle_put(p);
    ct__pickle_op(p, "t", 1);
    ct__pickle_put(p);
    if (v->parameter || !state) {
        ct__pickle_op(p, "R", 1);
        if (v->parameter)
            ct__pickle_put(p);
    }
    if (v->parameter) {
        ct__pickle_op(p, grad ? "\x88" : "\x89", 1);
        ct__pickle_global(p, "collections\nOrderedDict\n");
        ct__pickle_op(p, ")R", 2);
        ct__pickle_put(p);
    }
    if (state && !ct__pickle_value(p, v->state))
        return false;
    if (v->parameter || state) {
        ct__pickle_op(p, "t", 1);
        ct__pickle_put(p);
        ct__pickle_op(p, "R", 1);
    }
    return true;
}

static bool cks_records(ct_archive_writer *w, const ct__pickler *p, const saving *s)
{
    bool little = (const union { uint16_t word; uint8_t byte; }){1}.byte;
    if (!ct_archive_add(w, "data.pkl", p->out.s, (int64_t)p->out.length) ||
        !ct_archive_add(w, ".format_version", "1", 1) || !ct_archive_add(w, ".storage_alignment", "64", 2) ||
        !ct_archive_add(w, "byteorder", little ? "little" : "big", little ? 6 : 3))
        return false;
    for (int64_t i = 0; i < s->count; i++) {
        char record[32];
        const cks_storage *e = s->storages[i];
        int64_t item = e->dtype ? ct_dtype_size(e->dtype) : 1,
                bytes = ct_storage_bytes(e->tensor) / item * item;
        snprintf(record, sizeof record, "data/%s", e->key);
        if (!ct_archive_add(w, record, bytes ? ct_storage_data(e->tensor) : "", bytes))
            return false;
    }
    return ct_archive_add(w, "version", "3\n", 2) && ct_archive_finish(w);
}

/* The pickle comes first, so that a value that cannot be saved makes no file. */
static bool cks_to(const ct_value_tree *tree, const char *path, ct_save_fn *write, void *data)
{
    if (ct__pending())
        return false;
    saving s = {0};
    ct__pickler p = {.tensor = cks_tensor, .context = &s};
    bool ok = false;
    if (tree && ct__pickle(&p, tree, tree->root)) {
        ct_archive_writer *w = path ? ct_archive_create(path) : ct_archive_create_stream(write, data);
        ok = w && cks_records(w, &p, &s);
        ct_release(w);
    }
    ct__pickle_free(&p);
    for (int64_t i = 0; i < s.count; i++)
        ct__free(s.storages[i], sizeof(cks_storage));
    ct__free(s.storages, (size_t)s.capacity * sizeof *s.storages);
    ct__map_free(&s.by_id);
    return ok;
}

bool ct_save(const ct_value_tree *tree, const char *path)
{
    if (!path)
        ct__fail(CT_ERR_VALUE, "no path (NULL) to save to");
    return path && cks_to(tree, path, NULL, NULL);
}

bool ct_save_stream(const ct_value_tree *tree, ct_save_fn *write, void *data)
{
    return cks_to(tree, NULL, write, data);
}

typedef struct cks_memory { char *p; int64_t n, capacity; } cks_memory;

static bool cks_to_memory(const void *bytes, int64_t n, void *data)
{
    cks_memory *m = data;
    if (n > m->capacity - m->n) {
        int64_t capacity = m->n + n > 2 * m->capacity ? m->n + n : 2 * m->capacity;
        char *p = ct__realloc(m->p, (size_t)m->capacity, (size_t)capacity);
        if (!p)
            return false;
        m->p = p;
        m->capacity = capacity;
    }
    memcpy(m->p + m->n, bytes, (size_t)n);
    m->n += n;
    return true;
}

void *ct_save_bytes(const ct_value_tree *tree, int64_t *bytes)
{
    cks_memory m = {0};
    bool ok = cks_to(tree, NULL, cks_to_memory, &m);
    char *exact = ok ? ct__realloc(m.p, (size_t)m.capacity, (size_t)m.n) : NULL; /* freed by its size */
    *bytes = exact ? m.n : 0;
    if (!exact)
        ct__free(m.p, (size_t)m.capacity);
    return exact;
}

void ct_free_bytes(void *p, int64_t bytes)
{
    if (p)
        ct__free(p, (size_t)bytes);
}

/* ---- State dicts ---- */

bool ct_save_tensors(const char *path, int64_t n, const char *const *names, ct_tensor *const *tensors)
{
    ct_value_tree *tree = ct_tree_new();
    ct_datum *root = tree ? ct_tree_container(tree, CT_VALUE_ORDERED_DICT) : NULL;
    bool ok = root && ct_tree_set_root(tree, root);
    for (int64_t i = 0; ok && i < n; i++)
        ok = ct_value_put(root, ct_tree_string(tree, names[i]), ct_tree_tensor(tree, tensors[i], false));
    ok = ok && ct_save(tree, path);
    ct_release(tree);
    return ok;
}

bool ct_load_tensors(const char *path, int64_t n, const char *const *names, ct_tensor **tensors)
{
    for (int64_t i = 0; i < n; i++)
        tensors[i] = NULL;
    ct_value_tree *tree = ct_load(path, .map_location = "cpu");
    ct_datum *root = ct_tree_root(tree);
    bool ok =
        tree && (ct__value_is_dict(root) || ct__fail(CT_ERR_TYPE, "%s holds a %s, not a dict of tensors",
                                                     path, ct_value_kind_name(ct_value_kind_of(root))));
    for (int64_t i = 0; ok && i < n; i++) {
        ct_datum *v = ct_value_get(root, names[i]);
        if (!v || v->kind != CT_VALUE_TENSOR) {
            ct__fail(CT_ERR_KEY, "%s in %s (%lld entries)",
                     v ? "no tensor but something else is called so: " : names[i], path,
                     (long long)ct_value_length(root));
            ok = false;
        } else if (!(tensors[i] = ct_adopt(ct_retain(v->tensor))))
            ok = false;
    }
    for (int64_t i = 0; !ok && i < n; i++)
        tensors[i] = NULL;
    ct_release(tree);
    return ok;
}
