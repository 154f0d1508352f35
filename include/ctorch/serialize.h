/* Checkpoints: torch.save and torch.load in PyTorch's own zip format, both directions, and safetensors. Code that a file
 * brings along is never run: a file is tensors and plain values, or it is refused.
 *
 * A file's content is a graph of values (ct_datum) that a tree (ct_value_tree) owns. C programs that only want named
 * tensors use ct_save_tensors and ct_load_tensors and never see it. */
#ifndef CTORCH_SERIALIZE_H
#define CTORCH_SERIALIZE_H

#include <ctorch/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_value_tree ct_value_tree; /* an object: ct_retain, ct_release; the caller of new/load owns it */
typedef struct ct_datum ct_datum;           /* lives exactly as long as its tree */

typedef enum ct_value_kind {
    CT_VALUE_NONE = 0,
    CT_VALUE_BOOL,
    CT_VALUE_INT,          /* fits 64 bits */
    CT_VALUE_BIG_INT,      /* does not: little-endian two's complement bytes, by ct_value_text */
    CT_VALUE_FLOAT,
    CT_VALUE_COMPLEX,
    CT_VALUE_STRING,       /* UTF-8 */
    CT_VALUE_BYTES,
    CT_VALUE_BYTEARRAY,
    CT_VALUE_TUPLE,
    CT_VALUE_SIZE,         /* torch.Size: items are ints */
    CT_VALUE_LIST,
    CT_VALUE_SET,
    CT_VALUE_DICT,
    CT_VALUE_ORDERED_DICT, /* collections.OrderedDict; ct_value_state: its attributes, {"_metadata": ...} */
    CT_VALUE_COUNTER,      /* collections.Counter */
    CT_VALUE_TENSOR,       /* ct_value_is_parameter; ct_value_state: Python attributes set on it, or NULL */
    CT_VALUE_STORAGE,      /* ct_value_get_tensor: uint8 (bytes) over it; ct_value_text: "FloatStorage", ... */
    CT_VALUE_DTYPE,        /* ct_value_text: "float16"; may name a dtype that ct_dtype lacks */
    CT_VALUE_DEVICE,       /* ct_value_text: "cpu", "cuda:0" */
    CT_VALUE_LAYOUT,       /* ct_value_text: "torch.strided" */
    CT_VALUE_GLOBAL,       /* a harmless class or function itself, not called; ct_value_text: "torch FloatStorage" */
} ct_value_kind;

/* ---- Loading ---- */

typedef struct ct_load_opts {
    /* "cpu": every storage goes to the CPU, whatever device it was saved from. NULL: only "cpu" storages are accepted. */
    const char *map_location;
    const char *name; /* ct_load_bytes: what messages call the data; "the data" if NULL */
} ct_load_opts;
/* torch.load: the zip format, or the one before PyTorch 1.6. NULL on failure: CT_ERR_IO where the file cannot be read,
 * CT_ERR_UNPICKLING for content that is refused, CT_ERR_RUNTIME for a damaged or foreign file. */
CT_API ct_value_tree *ct_load(const char *path, const ct_load_opts *options);
/* The same from memory, which is no longer needed afterwards. */
CT_API ct_value_tree *ct_load_bytes(const void *data, int64_t bytes, const ct_load_opts *options);
#ifndef __cplusplus
#define ct_load(path, ...) CT_WITH(ct_load_opts, (.map_location = NULL,), ct_load(path, ct__options), __VA_ARGS__)
#define ct_load_bytes(data, bytes, ...) \
    CT_WITH(ct_load_opts, (.map_location = NULL,), ct_load_bytes(data, bytes, ct__options), __VA_ARGS__)
#endif

/* ---- Saving ---- */

/* Receives the file piece by piece, in order; false stops (with an error of its own, or a general one is recorded). */
typedef bool ct_save_fn(const void *bytes, int64_t n, void *data);
/* torch.save: writes beside the path and renames, so that the path holds the old file or the whole new one, never less.
 * Tensors over one storage share it in the file, whole. false on failure; the old file is then untouched. */
CT_API bool ct_save(const ct_value_tree *tree, const char *path);
CT_API bool ct_save_stream(const ct_value_tree *tree, ct_save_fn *write, void *data);
/* In memory; the caller frees the result with ct_free_bytes. NULL on failure. */
CT_API void *ct_save_bytes(const ct_value_tree *tree, int64_t *bytes);
CT_API void ct_free_bytes(void *p, int64_t bytes);

/* ---- State dicts, for C programs ---- */

/* Writes an OrderedDict name -> tensor: a state_dict that torch.load(path) gives back. */
CT_API bool ct_save_tensors(const char *path, int64_t n, const char *const *names, ct_tensor *const *tensors);
/* tensors[i] = the tensor called names[i], in the scope. A name the file lacks is a KeyError. */
CT_API bool ct_load_tensors(const char *path, int64_t n, const char *const *names, ct_tensor **tensors);

/* ---- safetensors ---- */

/* metadata: n_metadata pairs of strings, key first; may be NULL. Tensors that share memory are refused, as there. */
CT_API bool ct_save_safetensors(const char *path, int64_t n, const char *const *names, ct_tensor *const *tensors,
                                int64_t n_metadata, const char *const *metadata);
/* A dict name -> tensor in the file's order; its ct_value_state is the dict of __metadata__, or NULL. */
CT_API ct_value_tree *ct_load_safetensors(const char *path);
CT_API ct_value_tree *ct_load_safetensors_bytes(const void *data, int64_t bytes);

/* ---- Reading a tree ----
 * A binding converts without recursion: walk ids upwards (ct_tree_count, ct_tree_node). Items of a TUPLE or SIZE have
 * smaller ids than it has, so make scalars, tuples and EMPTY lists, sets and dicts on the first walk; fill those and
 * set the states on a second one. One value is one object: a value met twice (or in a cycle) stays shared.
 * After loading, the ids count exactly the values that the root leads to. */

CT_API ct_value_tree *ct_tree_new(void);
CT_API ct_datum *ct_tree_root(const ct_value_tree *tree); /* NULL before it is set */
CT_API int64_t ct_tree_count(const ct_value_tree *tree);
CT_API ct_datum *ct_tree_node(const ct_value_tree *tree, int64_t id);

CT_API ct_value_kind ct_value_kind_of(const ct_datum *v);
CT_API const char *ct_value_kind_name(ct_value_kind kind); /* "dict" */
CT_API int64_t ct_value_id(const ct_datum *v);
CT_API int64_t ct_value_get_int(const ct_datum *v);     /* BOOL, INT */
CT_API double ct_value_get_float(const ct_datum *v);    /* BOOL, INT, FLOAT */
CT_API void ct_value_get_complex(const ct_datum *v, double *real, double *imaginary);
/* The bytes of every kind that has some, with a NUL after them; *n (may be NULL) is their number. */
CT_API const char *ct_value_text(const ct_datum *v, int64_t *n);
/* Number of items, of pairs for the dicts; of bytes for what has text; 0 for every other kind. */
CT_API int64_t ct_value_length(const ct_datum *v);
/* Item i; of a dict the value of pair i. */
CT_API ct_datum *ct_value_item(const ct_datum *v, int64_t i);
CT_API ct_datum *ct_value_key(const ct_datum *v, int64_t i);
/* dict[key]; NULL without an error where there is none. */
CT_API ct_datum *ct_value_get(const ct_datum *dict, const char *key);
/* The tensor of a TENSOR or STORAGE; it belongs to the tree (ct_retain or ct_adopt it to keep it longer). */
CT_API ct_tensor *ct_value_get_tensor(const ct_datum *v);
CT_API ct_dtype ct_value_get_dtype(const ct_datum *v); /* DTYPE; CT_DTYPE_NONE for one that ctorch lacks */
CT_API bool ct_value_is_parameter(const ct_datum *v);
CT_API ct_datum *ct_value_state(const ct_datum *v);

/* ---- Building a tree. NULL or false on failure; NULL items are passed on, so one check at the end is enough. ---- */

CT_API ct_datum *ct_tree_none(ct_value_tree *tree);
CT_API ct_datum *ct_tree_bool(ct_value_tree *tree, bool value);
CT_API ct_datum *ct_tree_int(ct_value_tree *tree, int64_t value);
CT_API ct_datum *ct_tree_big_int(ct_value_tree *tree, const void *bytes, int64_t n);
CT_API ct_datum *ct_tree_float(ct_value_tree *tree, double value);
CT_API ct_datum *ct_tree_complex(ct_value_tree *tree, double real, double imaginary);
CT_API ct_datum *ct_tree_string(ct_value_tree *tree, const char *s);
/* STRING, BYTES, BYTEARRAY, DTYPE, DEVICE, LAYOUT or GLOBAL from n bytes. */
CT_API ct_datum *ct_tree_text(ct_value_tree *tree, ct_value_kind kind, const char *s, int64_t n);
CT_API ct_datum *ct_tree_dtype(ct_value_tree *tree, ct_dtype dtype);
CT_API ct_datum *ct_tree_tuple(ct_value_tree *tree, int64_t n, ct_datum *const *items);
CT_API ct_datum *ct_tree_size(ct_value_tree *tree, ct_ints sizes);
/* An empty LIST, SET, DICT, ORDERED_DICT or COUNTER. */
CT_API ct_datum *ct_tree_container(ct_value_tree *tree, ct_value_kind kind);
CT_API ct_datum *ct_tree_tensor(ct_value_tree *tree, ct_tensor *t, bool parameter); /* retains t */
CT_API bool ct_value_append(ct_datum *list_or_set, ct_datum *item);
CT_API bool ct_value_put(ct_datum *dict, ct_datum *key, ct_datum *value); /* the caller sees to it that keys differ */
/* Attributes (a DICT) of an ORDERED_DICT or TENSOR. */
CT_API bool ct_value_set_state(ct_datum *v, ct_datum *state);
CT_API bool ct_tree_set_root(ct_value_tree *tree, ct_datum *root);

/* ---- The zip archive under a checkpoint, for a binding that brings its own pickler ---- */

typedef struct ct_archive ct_archive;               /* reading: an object */
typedef struct ct_archive_writer ct_archive_writer; /* writing: an object; released before finish, it leaves no file */
CT_API ct_archive *ct_archive_open(const char *path);
/* The bytes must outlive the archive. */
CT_API ct_archive *ct_archive_open_bytes(const void *data, int64_t bytes, const char *name);
/* The size of a record ("data.pkl", "data/0") after decompression; -1 without an error where there is none. */
CT_API int64_t ct_archive_size(const ct_archive *a, const char *record);
/* Reads a whole record; n must be its size. */
CT_API bool ct_archive_read(const ct_archive *a, const char *record, void *to, int64_t n);
CT_API ct_archive_writer *ct_archive_create(const char *path);
CT_API ct_archive_writer *ct_archive_create_stream(ct_save_fn *write, void *data);
CT_API bool ct_archive_add(ct_archive_writer *w, const char *record, const void *bytes, int64_t n);
/* Writes the directory, syncs to the disk and puts the file in its place. */
CT_API bool ct_archive_finish(ct_archive_writer *w);

#ifdef __cplusplus
}
#endif
#endif
