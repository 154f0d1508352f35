/* Reads what torch.save wrote before PyTorch 1.6 (and still writes on request): five pickles in a row, then
 * the storages. Refuses the tar archives of the 0.1 releases, and says so. */
#include "serialize/serialize.h"
#include <stdio.h>

static void *legacy_refuse(const ct__source *s)
{
    char head[265] = "", shown[64] = "";
    int64_t n = s->size < (int64_t)sizeof head - 1 ? s->size : (int64_t)sizeof head - 1;
    if (n == 0)
        return ct__fail(CT_ERR_RUNTIME, "%s is empty: nothing was saved, or it was truncated", s->name);
    if (!ct__source_read(s, 0, head, n))
        return NULL;
    if (n >= 262 && memcmp(head + 257, "ustar", 5) == 0)
        return ct__fail(CT_ERR_RUNTIME,
                        "%s is a tar archive. Checkpoints of PyTorch 0.1 were such: load it with PyTorch and "
                        "save it "
                        "again.",
                        s->name);
    if (n > 9 && (head[8] == '{') && !head[7] && !head[6])
        return ct__fail(CT_ERR_RUNTIME,
                        "Invalid magic number; corrupt file? %s looks like a safetensors file: load it as "
                        "one.",
                        s->name);
    for (int i = 0, k = 0; i < 8 && i < n; i++)
        k += snprintf(shown + k, sizeof shown - (size_t)k, head[i] >= 32 && head[i] < 127 ? "%c" : "\\x%02x",
                      (uint8_t)head[i]);
    return ct__fail(CT_ERR_RUNTIME,
                    "Invalid magic number; corrupt file? %s (%lld bytes) begins with '%s' and is no "
                    "checkpoint of "
                    "torch.save.",
                    s->name, (long long)s->size, shown);
}

/* The data behind the pickles: for each key, the number of elements and the elements. */
static bool legacy_storages(ct__unpickler *u, const ct_datum *keys)
{
    ct__loading *l = u->context;
    if (keys->kind != CT_VALUE_LIST)
        return ct__unpickle_fail(u, "no list of storages") != NULL;
    for (int64_t i = 0; i < keys->n; i++) {
        const ct_datum *key = keys->items[i];
        int64_t at = key->kind == CT_VALUE_STRING ? ct__map_get(&l->by_key, key->s, key->n) : -1, count = 0;
        if (at < 0)
            return ct__unpickle_fail(u, "data for a storage that nothing uses") != NULL;
        ct__stored *s = &l->stored[at];
        ct_dtype dtype = (ct_dtype)s->node->code;
        int64_t item = dtype ? ct_dtype_size(dtype) : 1;
        if (s->read || u->bytes - u->at < 8)
            return ct__unpickle_fail(u, "storage %s comes twice, or the file was truncated", key->s) != NULL;
        for (int k = 7; k >= 0; k--)
            count = (int64_t)((uint64_t)count << 8 | u->data[u->at + k]);
        u->at += 8;
        if (count != s->bytes / item || s->bytes > u->bytes - u->at) {
            ct__fail(CT_ERR_RUNTIME,
                     "storage has wrong byte size: expected %lld elements got %lld, with %lld bytes left in "
                     "%s. It was truncated "
                     "or is damaged: copy or save it again.",
                     (long long)(s->bytes / item), (long long)count, (long long)(u->bytes - u->at), u->file);
            return false;
        }
        if (s->bytes)
            memcpy(ct_storage_data(s->node->tensor), u->data + u->at, (size_t)s->bytes);
        if (l->big_endian)
            ct__swap_bytes(ct_storage_data(s->node->tensor), s->bytes, s->item);
        u->at += s->bytes;
        s->read = true;
    }
    for (int64_t i = 0; i < l->num_stored; i++)
        if (!l->stored[i].read)
            return ct__unpickle_fail(u, "no data for storage %s", l->stored[i].key) != NULL;
    return true;
}

ct_value_tree *ct__load_legacy(ct__loading *l)
{
    static const uint8_t magic[15] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    const ct__source *s = l->source;
    uint8_t head[15], *copy = NULL;
    if (s->size < (int64_t)sizeof head)
        return legacy_refuse(s);
    if (!ct__source_read(s, 0, head, sizeof head))
        return NULL;
    if (memcmp(head, magic, sizeof magic) != 0)
        return legacy_refuse(s);
    if (!s->memory && (!(copy = ct__alloc((size_t)s->size)) || !ct__source_read(s, 0, copy, s->size))) {
        if (copy)
            ct__free(copy, (size_t)s->size);
        return NULL;
    }
    ct_value_tree *tree = ct_tree_new();
    ct__unpickler u = {tree, &ct__checkpoint_hooks,   l,       s->name,
                       "",   copy ? copy : s->memory, s->size, sizeof magic};
    ct_datum *protocol = tree ? ct__unpickle(&u) : NULL, *system = NULL, *root = NULL, *keys = NULL;
    if (protocol && (protocol->kind != CT_VALUE_INT || protocol->i != 1001))
        ct__fail(CT_ERR_RUNTIME, "Invalid protocol version in %s: 1001 was expected", s->name);
    else if (protocol && (system = ct__unpickle(&u))) {
        const ct_datum *little = ct__value_is_dict(system) ? ct_value_get(system, "little_endian") : NULL;
        bool little_here = (const union { uint16_t word; uint8_t byte; }){1}.byte;
        l->big_endian = little && little->kind == CT_VALUE_BOOL && (bool)little->i != little_here;
        if ((root = ct__unpickle(&u)) && (keys = ct__unpickle(&u)) && legacy_storages(&u, keys))
            tree->root = root;
    }
    if (copy)
        ct__free(copy, (size_t)s->size);
    if (tree && tree->root && ct__tree_prune(tree))
        return tree;
    ct_release(tree);
    return NULL;
}
