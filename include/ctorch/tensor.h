/* Tensors: element types, construction from C data, properties, reading elements, indexing, printing.
 * Every op on tensors is in <ctorch/ops.h>. Shapes and strides count elements, never bytes. */
#ifndef CTORCH_TENSOR_H
#define CTORCH_TENSOR_H

#include <ctorch/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_tensor ct_tensor;

/* ---- Element types ---- */

typedef enum ct_dtype {
    CT_DTYPE_NONE = 0, /* in options: the default */
    CT_UINT8, CT_INT8, CT_INT16, CT_INT32, CT_INT64, CT_BOOL,
    CT_FLOAT16, CT_BFLOAT16, CT_FLOAT32, CT_FLOAT64,
    CT_COMPLEX64, CT_COMPLEX128, /* reserved: no op takes them yet */
    CT_NUM_DTYPES
} ct_dtype;

typedef enum ct_device_type { CT_DEVICE_NONE = 0, CT_CPU, CT_META, CT_CUDA } ct_device_type;
typedef struct ct_device { ct_device_type type; int index; } ct_device;

typedef enum ct_memory_format { CT_PRESERVE_FORMAT = 0, CT_CONTIGUOUS_FORMAT, CT_CHANNELS_LAST } ct_memory_format;

CT_API const char *ct_dtype_name(ct_dtype dtype);          /* "float32" */
CT_API const char *ct_dtype_type_name(ct_dtype dtype);     /* "Float", as in torch.FloatTensor */
CT_API int64_t ct_dtype_size(ct_dtype dtype);              /* bytes an element */
CT_API bool ct_is_floating(ct_dtype dtype);
CT_API bool ct_is_integral(ct_dtype dtype, bool include_bool);
CT_API ct_dtype ct_promote_types(ct_dtype a, ct_dtype b);
CT_API bool ct_can_cast(ct_dtype from, ct_dtype to);
CT_API ct_dtype ct_default_dtype(void);                    /* of this thread; float32 at first */
CT_API bool ct_set_default_dtype(ct_dtype dtype);

/* ---- Small argument types ---- */

/* A list of integers: a shape, dims, strides, ... v may be NULL only where a list is optional (it then means "none"). */
typedef struct ct_ints { int64_t n; const int64_t *v; } ct_ints;
#define CT_INTS(...) \
    ((ct_ints){(int64_t)(sizeof((int64_t[]){0, __VA_ARGS__}) / sizeof(int64_t)) - 1, (const int64_t[]){0, __VA_ARGS__} + 1})
#define CT_SHAPE(...) CT_INTS(__VA_ARGS__)

/* The lists that defaults are made of. */
CT_API extern const int64_t ct__list_zeros[4], ct__list_ones[4], ct__list_count[4];

/* A list of tensors. As a result (ct_split, ...) the array belongs to the scope, as the tensors do. */
typedef struct ct_tensors { int64_t n; ct_tensor *const *v; } ct_tensors;
#define CT_TENSORS(...) \
    ((ct_tensors){(int64_t)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *)), (ct_tensor *[]){__VA_ARGS__}})

/* A number that remembers its kind, which decides type promotion. kind NONE: not given. */
typedef enum ct_scalar_kind { CT_SCALAR_NONE = 0, CT_SCALAR_BOOL, CT_SCALAR_INT, CT_SCALAR_FLOAT } ct_scalar_kind;
typedef struct ct_scalar { ct_scalar_kind kind; union { int64_t i; double f; }; } ct_scalar;
static inline ct_scalar ct_int_scalar(int64_t v) { ct_scalar s = {CT_SCALAR_INT, {0}}; s.i = v; return s; }
static inline ct_scalar ct_float_scalar(double v) { ct_scalar s = {CT_SCALAR_FLOAT, {0}}; s.f = v; return s; }
static inline ct_scalar ct_bool_scalar(bool v) { ct_scalar s = {CT_SCALAR_BOOL, {0}}; s.i = v; return s; }
static inline ct_scalar ct_scalar_as_is(ct_scalar s) { return s; }
static inline double ct_scalar_double(ct_scalar s) { return s.kind == CT_SCALAR_FLOAT ? s.f : (double)s.i; }
static inline int64_t ct_scalar_int(ct_scalar s) { return s.kind == CT_SCALAR_FLOAT ? (int64_t)s.f : s.i; }

/* A 0-dim tensor that promotes as a bare number does ("wrapped number"); belongs to the scope. */
CT_API ct_tensor *ct_number(ct_scalar value);
static inline ct_tensor *ct_number_int(int64_t v) { return ct_number(ct_int_scalar(v)); }
static inline ct_tensor *ct_number_float(double v) { return ct_number(ct_float_scalar(v)); }
static inline ct_tensor *ct_number_bool(bool v) { return ct_number(ct_bool_scalar(v)); }
static inline ct_tensor *ct_tensor_as_is(const ct_tensor *t) { return (ct_tensor *)t; }

#ifndef __cplusplus
/* The kind of a C number, kept: ct_num(2) is an int, ct_num(2.0) a float. */
#define ct_num(x) _Generic((x), ct_scalar: ct_scalar_as_is, float: ct_float_scalar, double: ct_float_scalar, \
                           bool: ct_bool_scalar, default: ct_int_scalar)(x)
/* A tensor, or a number where an op's operand may be one. */
#define CT_OPERAND(x) _Generic((x), ct_tensor *: ct_tensor_as_is, const ct_tensor *: ct_tensor_as_is, \
                               void *: ct_tensor_as_is, float: ct_number_float, double: ct_number_float, \
                               bool: ct_number_bool, default: ct_number_int)(x)
/* A call with options: the defaults first, then the caller's designated initialisers over them, in `ct__options`, which
 * `call` (an expression) takes. `defaults` stands in parentheses and ends in a comma. */
#define CT_WITH(type, defaults, call, ...) \
    __extension__({ \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"") \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
        const type ct__options[1] = {{CT__UNPAREN defaults __VA_ARGS__}}; \
        _Pragma("GCC diagnostic pop") call; \
    })
#define CT__UNPAREN(...) __VA_ARGS__
#endif
/* "Not given", for an optional integer option. */
#define CT_NO_INT INT64_MIN

/* ---- From and to C memory ---- */

typedef struct ct_from_data_opts {
    ct_dtype dtype;         /* float32 */
    ct_ints strides;        /* contiguous */
    void (*release)(void *context); /* called when the memory is no longer used */
    void *context;
    bool read_only, requires_grad;
} ct_from_data_opts;
/* A tensor over the caller's memory, shared, never copied. The memory must outlive the tensor (or give a release). */
CT_API ct_tensor *ct_from_data(void *data, ct_ints shape, const ct_from_data_opts *options);
/* A copy of n doubles (or integers) as a tensor of the dtype. */
CT_API ct_tensor *ct_tensor_from_doubles(const double *values, ct_ints shape, ct_dtype dtype);
CT_API ct_tensor *ct_tensor_from_ints(const int64_t *values, ct_ints shape, ct_dtype dtype);
#ifndef __cplusplus
#define ct_from_data(data, shape, ...) \
    CT_WITH(ct_from_data_opts, (.dtype = CT_FLOAT32,), ct_from_data(data, shape, ct__options), __VA_ARGS__)
#endif

/* ---- Properties ---- */

CT_API int64_t ct_ndim(const ct_tensor *t);
CT_API int64_t ct_size(const ct_tensor *t, int64_t dim);   /* dim may be negative */
CT_API int64_t ct_stride(const ct_tensor *t, int64_t dim);
CT_API ct_ints ct_shape_of(const ct_tensor *t);            /* valid while t lives and keeps its shape */
CT_API ct_ints ct_strides_of(const ct_tensor *t);
CT_API int64_t ct_numel(const ct_tensor *t);
CT_API ct_dtype ct_dtype_of(const ct_tensor *t);
CT_API ct_device ct_device_of(const ct_tensor *t);
CT_API int64_t ct_storage_offset(const ct_tensor *t);
CT_API bool ct_is_contiguous(const ct_tensor *t, ct_memory_format format);
CT_API bool ct_is_number(const ct_tensor *t);              /* a wrapped number */
/* The first element's address (NULL for meta tensors). Writing through it is not seen by autograd's version check. */
CT_API void *ct_data(const ct_tensor *t);
/* The storage under a tensor: its identity (equal for views), first byte and size in bytes. */
CT_API void *ct_storage_id(const ct_tensor *t);
CT_API void *ct_storage_data(const ct_tensor *t);
CT_API int64_t ct_storage_bytes(const ct_tensor *t);
CT_API int64_t ct_version(const ct_tensor *t);             /* how often it was written in place */
CT_API void ct_bump_version(ct_tensor *t);                 /* after writing through ct_data */
/* A new tensor over the same storage with other geometry (no autograd); fails outside of the storage. */
CT_API ct_tensor *ct_tensor_over(const ct_tensor *t, ct_dtype dtype, int64_t offset, ct_ints shape, ct_ints strides);

/* One pointer for a binding (its object for this tensor); ct_set_user_release names the function that is called with it
 * when a tensor that has one is destroyed. */
CT_API void *ct_tensor_user(const ct_tensor *t);
CT_API void ct_tensor_set_user(ct_tensor *t, void *user);
CT_API void ct_set_user_release(void (*release)(void *user));
/* The number of references to an object, for a binding that must know whether it holds the last one. */
CT_API int32_t ct_refcount(const void *object);

/* ---- Elements ---- */

/* The value of a one-element tensor. */
CT_API double ct_item(const ct_tensor *t);
CT_API int64_t ct_item_int(const ct_tensor *t);
CT_API ct_scalar ct_item_scalar(const ct_tensor *t);
/* Element i of a tensor in row-major order. */
CT_API double ct_float_at(const ct_tensor *t, int64_t i);
CT_API int64_t ct_int_at(const ct_tensor *t, int64_t i);

/* ---- Indexing ---- */

/* One index: what may stand between x's brackets in Python. */
typedef enum ct_index_kind { CT_INDEX_INT, CT_INDEX_SLICE, CT_INDEX_NEW_AXIS, CT_INDEX_ELLIPSIS, CT_INDEX_BOOL,
                             CT_INDEX_TENSOR } ct_index_kind;
typedef struct ct_index {
    ct_index_kind kind;
    int64_t start, stop, step; /* INT and BOOL: start. SLICE: CT_NO_INT where left out */
    ct_tensor *tensor;
} ct_index;
/* x[index]: a view for integers, slices, None and Ellipsis; a copy where a tensor is among them. */
CT_API ct_tensor *ct_getitem(ct_tensor *x, int64_t n, const ct_index *index);
/* x[index] = value (broadcast). */
CT_API bool ct_setitem(ct_tensor *x, int64_t n, const ct_index *index, ct_tensor *value);
/* NumPy's notation as text: ct_at(y, ":, 1"), ct_at(y, "..., ::2, None"). */
CT_API ct_tensor *ct_at(ct_tensor *x, const char *index);
CT_API bool ct_set_at(ct_tensor *x, const char *index, ct_tensor *value);
#ifndef __cplusplus
#define ct_set_at(x, index, value) ct_set_at(x, index, CT_OPERAND(value))
#endif

/* ---- Printing: torch.set_printoptions ---- */

typedef struct ct_print_options {
    int precision, threshold, edgeitems, linewidth; /* 4, 1000, 3, 80 */
    int sci_mode;                                   /* -1 automatic, 0 never, 1 always */
    bool legacy;                                    /* 0.1.12's format */
} ct_print_options;
CT_API ct_print_options ct_get_print_options(void);
CT_API void ct_set_print_options(ct_print_options options);
/* 0.1.12's format shall say "Variable containing:" above t, as it did above gradients; it says so of itself where t has a history. */
CT_API void ct_print_as_variable(ct_tensor *t);

#ifdef __cplusplus
}
#endif
#endif
