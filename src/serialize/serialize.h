/* What the files of src/serialize share: the value node, the pickle reader's hooks and the writer, byte sources and
 * outputs, a string map. */
#ifndef CT_SERIALIZE_INTERNAL_H
#define CT_SERIALIZE_INTERNAL_H

#include "base/base.h"
#include <ctorch/serialize.h>

/* ---- value.c ---- */

struct ct_datum {
    uint8_t kind, code; /* code: what a GLOBAL stands for */
    bool parameter;
    uint32_t id;
    int64_t n, capacity; /* items, pairs or bytes. STORAGE: elements; first byte of a view */
    union {
        int64_t i;
        double f[2];
        char *s;            /* capacity bytes, NUL behind the n-th */
        ct_datum **items;   /* dicts: key, value, key, value */
        ct_tensor *tensor;
    };
    ct_datum *state;
};

struct ct_value_tree {
    ct_object base;
    ct_datum *root;
    ct_datum **nodes; /* by id */
    int64_t count, capacity;
    ct_datum **blocks; /* where they live, also those that ct__tree_prune forgot */
    int64_t made, num_blocks, blocks_capacity;
};

CT_HIDDEN ct_datum *ct__value_new(ct_value_tree *tree, ct_value_kind kind);
/* A node that owns n bytes (copied; NULL: left for the caller to write). */
CT_HIDDEN ct_datum *ct__value_bytes(ct_value_tree *tree, ct_value_kind kind, const void *s, int64_t n);
/* A node with n items (copied; NULL: left for the caller to write). */
CT_HIDDEN ct_datum *ct__value_items(ct_value_tree *tree, ct_value_kind kind, ct_datum *const *items, int64_t n);
/* Numbers anew what the root leads to, in the same order, and forgets the rest. */
CT_HIDDEN bool ct__tree_prune(ct_value_tree *tree);
CT_HIDDEN bool ct__value_push(ct_datum *v, ct_datum *item);
CT_HIDDEN bool ct__value_is_dict(const ct_datum *v);
CT_HIDDEN bool ct__value_has_items(const ct_datum *v);
CT_HIDDEN bool ct__value_has_text(const ct_datum *v);
/* The tree holds a reference to t. */
CT_HIDDEN ct_datum *ct__value_of_tensor(ct_value_tree *tree, ct_value_kind kind, ct_tensor *t);

/* Bytes -> integer. Keys are not copied. */
typedef struct ct__map_slot { const char *key; int64_t n, value; } ct__map_slot;
typedef struct ct__map { ct__map_slot *slots; int64_t count, capacity; } ct__map;
CT_HIDDEN int64_t ct__map_get(const ct__map *m, const char *key, int64_t n); /* -1: none */
CT_HIDDEN bool ct__map_put(ct__map *m, const char *key, int64_t n, int64_t value);
CT_HIDDEN void ct__map_free(ct__map *m);

/* ---- pickle_read.c ---- */

typedef struct ct__unpickler ct__unpickler;
/* What a file's names mean. Each returns NULL (false) with an error set to refuse. */
typedef struct ct__pickle_hooks {
    ct_datum *(*global)(ct__unpickler *u, const char *module, const char *name);
    ct_datum *(*reduce)(ct__unpickler *u, ct_datum *callable, ct_datum *args); /* args: a TUPLE */
    bool (*build)(ct__unpickler *u, ct_datum *object, ct_datum *state);
    ct_datum *(*persistent)(ct__unpickler *u, ct_datum *id);
} ct__pickle_hooks;
struct ct__unpickler {
    ct_value_tree *tree;
    const ct__pickle_hooks *hooks;
    void *context;
    const char *file, *record; /* for messages; record may be "" */
    const uint8_t *data;
    int64_t bytes, at; /* at: just behind the pickle, after reading */
    int64_t budget;    /* items and bytes that hooks may still copy */
    ct_datum **stack, **memo;
    int64_t depth, stack_capacity, memo_capacity, memo_next, *marks, num_marks, marks_capacity;
};
/* Reads one pickle at u->at. The value lives in u->tree. NULL on failure. */
CT_HIDDEN ct_datum *ct__unpickle(ct__unpickler *u);
/* Takes n from the budget: a small file must not make a large structure. false: error set. */
CT_HIDDEN bool ct__unpickle_charge(ct__unpickler *u, int64_t n);
/* Records CT_ERR_UNPICKLING in PyTorch's words, with the file's name; returns NULL. */
CT_HIDDEN void *ct__unpickle_fail(ct__unpickler *u, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- pickle_write.c ---- */

typedef struct ct__pickler ct__pickler;
struct ct__pickler {
    ct__text out;
    bool (*tensor)(ct__pickler *p, const ct_datum *v); /* writes a TENSOR or STORAGE */
    void *context;
    int64_t *memo, memo_count, memo_next; /* by id; -1: not written yet */
    ct__map names; /* memo of globals and fixed strings */
    int depth;
};
CT_HIDDEN bool ct__pickle(ct__pickler *p, const ct_value_tree *tree, const ct_datum *root);
CT_HIDDEN void ct__pickle_free(ct__pickler *p);
CT_HIDDEN void ct__pickle_op(ct__pickler *p, const char *bytes, int64_t n);
CT_HIDDEN void ct__pickle_int(ct__pickler *p, int64_t v);
/* A fixed string or "module\nname\n" global: written once, then fetched. The text must outlive the pickler. */
CT_HIDDEN void ct__pickle_fixed(ct__pickler *p, const char *s);
CT_HIDDEN void ct__pickle_global(ct__pickler *p, const char *module_and_name);
/* Memoizes the top of the stack under no name. */
CT_HIDDEN void ct__pickle_put(ct__pickler *p);
CT_HIDDEN bool ct__pickle_value(ct__pickler *p, const ct_datum *v);

/* ---- source.c: a file or memory to read at offsets. ---- */

typedef struct ct__source { const uint8_t *memory; int fd; int64_t size; char *name; int64_t name_bytes; } ct__source;
CT_HIDDEN bool ct__source_open(ct__source *s, const char *path);
CT_HIDDEN bool ct__source_memory(ct__source *s, const void *data, int64_t bytes, const char *name);
CT_HIDDEN bool ct__source_read(const ct__source *s, int64_t offset, void *to, int64_t n); /* false: error set */
CT_HIDDEN void ct__source_close(ct__source *s);

/* ---- sink.c: a file that appears whole or not at all, a callback. ---- */

typedef struct ct__sink {
    ct_save_fn *write;
    void *data;
    int fd;
    bool rename;        /* through a temporary file */
    char *path, *temporary;
    int64_t path_bytes, temporary_bytes;
    int64_t position, buffered;
    uint8_t buffer[8192];
} ct__sink;
CT_HIDDEN bool ct__sink_open(ct__sink *s, const char *path);
CT_HIDDEN void ct__sink_callback(ct__sink *s, ct_save_fn *write, void *data);
CT_HIDDEN bool ct__sink_write(ct__sink *s, const void *bytes, int64_t n);
CT_HIDDEN bool ct__sink_commit(ct__sink *s);
CT_HIDDEN void ct__sink_abandon(ct__sink *s); /* also after commit: frees */

/* ---- zip_read.c, crc32.c, zlib/ or nozlib/inflate.c ---- */

CT_HIDDEN ct_archive *ct__archive_take(ct__source *s); /* takes the source over, also on failure */
CT_HIDDEN const char *ct__archive_name(const ct_archive *a);
CT_HIDDEN int64_t ct__archive_held(const ct_archive *a, const char *record); /* bytes in the file, compressed or not */
CT_HIDDEN uint32_t ct__crc32(uint32_t crc, const void *bytes, int64_t n); /* start with 0 */
/* Raw deflate data of exactly n_to bytes. false: error set. */
CT_HIDDEN bool ct__inflate(const void *from, int64_t n_from, void *to, int64_t n_to, const char *file);

/* ---- checkpoint_load.c, legacy.c ---- */

/* A storage of a checkpoint: bytes that tensors are laid over. */
typedef struct ct__stored { ct_datum *node; const char *key; int64_t key_bytes, bytes; int item; bool read; } ct__stored;
typedef struct ct__loading {
    const ct_load_opts *options;
    const ct_archive *archive; /* NULL: the legacy format */
    const ct__source *source;
    bool big_endian;
    int64_t bytes_left;        /* storages may not outgrow what the file can hold */
    ct__stored *stored;
    int64_t num_stored, capacity;
    ct__map by_key;
} ct__loading;
CT_HIDDEN extern const ct__pickle_hooks ct__checkpoint_hooks;
CT_HIDDEN ct_value_tree *ct__load_source(ct__source *s, const ct_load_opts *options); /* takes the source over */
CT_HIDDEN ct_value_tree *ct__load_legacy(ct__loading *l);
CT_HIDDEN void ct__swap_bytes(void *data, int64_t bytes, int item);
#endif
