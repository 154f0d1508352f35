/* The tensor as the core sees it, and what ops build tensors with. Knows nothing about gradients but the
 * pointer that autograd hangs on a tensor. */
#ifndef CT_TENSOR_INTERNAL_H
#define CT_TENSOR_INTERNAL_H

#include "base/base.h"
#include <ctorch/tensor.h>

#define CT_MAX_DIMS 12

typedef struct ct__storage {
    int32_t refcount; /* atomic */
    uint32_t version; /* shared by every view that does not have a counter of its own */
    void *data;       /* NULL: meta, or no bytes */
    int64_t bytes;
    ct_device device;
    bool read_only;
    void (*release)(void *context); /* foreign memory; NULL: from ct__alloc */
    void *context;
} ct__storage;

/* A version counter apart from the storage's: what .data gives. */
typedef struct ct__counter { int32_t refcount; uint32_t version; } ct__counter;

struct ct__autograd; /* src/autograd/autograd.h */

struct ct_tensor {
    ct_object base;
    ct__storage *storage;
    char *data;      /* storage's data + offset * element size; kept in step */
    int64_t offset;  /* elements */
    int64_t numel;
    uint8_t dtype, device, ndim;
    bool is_number;      /* wrapped number: lowest class in promotion */
    bool contiguous;     /* row-major dense (strides of size-1 dims do not matter) */
    bool requires_grad;  /* leaf that asks for a gradient, or has a grad_fn */
    uint8_t view_kind;     /* autograd's, of a view: how it came into being */
    uint32_t view_version; /* autograd's, of a view: its history holds while the version is this one */
    struct ct__autograd *autograd; /* NULL for a tensor that was never part of a graph */
    ct_tensor *view_base; /* autograd's, of a view: the tensor at the bottom, never a view itself; owned */
    ct__counter *counter; /* NULL: the storage's version */
    void *user;
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
};

/* Autograd's clean-up for a dying tensor and its text for repr, set when it is linked in (layers only look
 * down). */
CT_HIDDEN extern void (*ct__autograd_destroy)(ct_tensor *t);
CT_HIDDEN extern const char *(*ct__autograd_suffix)(const ct_tensor *t, char *buffer, size_t size);

/* ---- Making tensors. Every function here returns a reference that the CALLER owns (not the scope), or NULL.
 * ---- */

/* Uninitialised, contiguous. */
CT_HIDDEN ct_tensor *ct__new(ct_dtype dtype, ct_device device, int64_t ndim, const int64_t *sizes);
/* The same with given strides (in elements, >= 0) over fresh storage just large enough. */
CT_HIDDEN ct_tensor *ct__new_strided(ct_dtype dtype, ct_device device, int64_t ndim, const int64_t *sizes,
                                     const int64_t *strides);
/* Like t in sizes and device; keeps t's dense memory order (PyTorch's preserve_format). */
CT_HIDDEN ct_tensor *ct__new_like(const ct_tensor *t, ct_dtype dtype);
/* A view over t's storage: same dtype, shares t's version counter. offset in elements from the storage's
 * start. */
CT_HIDDEN ct_tensor *ct__new_view(const ct_tensor *t, int64_t offset, int64_t ndim, const int64_t *sizes,
                                  const int64_t *strides);
/* The same of a contiguous t, row-major, with as many elements. */
CT_HIDDEN ct_tensor *ct__new_dense_view(const ct_tensor *t, int64_t ndim, const int64_t *sizes);
/* 0-dim. */
CT_HIDDEN ct_tensor *ct__new_scalar(ct_scalar value, ct_dtype dtype);
/* t takes over another tensor's storage and geometry (set_, .data =, resize of out=). */
CT_HIDDEN void ct__set_from(ct_tensor *t, const ct_tensor *source);
/* Gives an out= tensor its shape: nothing if equal, silently if empty, else with PyTorch's warning; false:
 * error set. */
CT_HIDDEN bool ct__resize_out(ct_tensor *out, int64_t ndim, const int64_t *sizes);
/* PyTorch's user warnings: goes to the handler (a binding's), else to stderr, each text once. */
CT_API void ct_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
CT_API void ct_set_warning_handler(void (*handler)(const char *message));

CT_INLINE uint32_t *ct__version_of(const ct_tensor *t)
{
    return t->counter ? &t->counter->version : &t->storage->version;
}
CT_INLINE int64_t ct__itemsize(ct_dtype dtype)
{
    static const uint8_t sizes[CT_NUM_DTYPES] = {0, 1, 1, 2, 4, 8, 1, 2, 2, 4, 8, 8, 16};
    return sizes[dtype];
}
CT_HIDDEN void
ct__update_contiguous(ct_tensor *t); /* after sizes/strides were written: numel, contiguous, data */

/* ---- Checks and shape arithmetic. Each failing one sets the error. ---- */

/* dim in [-n, n-1] -> [0, n-1] (n = max(ndim, 1)); -1 with IndexError "Dimension out of range (...)". */
CT_HIDDEN int64_t ct__wrap_dim(int64_t dim, int64_t ndim);
/* A list of dims -> bit mask; empty or NULL list: all if `empty_is_all`. Duplicates are an error. false:
 * error set. */
CT_HIDDEN bool ct__dim_mask(ct_ints dims, int64_t ndim, bool empty_is_all, uint32_t *mask);
/* Broadcasts shapes; "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension
 * 1". */
CT_HIDDEN bool ct__broadcast(int64_t n, ct_tensor *const *t, int64_t *ndim, int64_t *sizes);
/* Dense strides for the result of a pointwise op over these operands: their common memory order. */
CT_HIDDEN void ct__dense_strides(int64_t n, ct_tensor *const *t, int64_t ndim, const int64_t *sizes,
                                 int64_t *strides);
/* Row-major strides. */
CT_HIDDEN void ct__contiguous_strides(int64_t ndim, const int64_t *sizes, int64_t *strides);
/* Strides that view t as sizes without a copy; false (no error) if there are none. */
CT_HIDDEN bool ct__view_strides(const ct_tensor *t, int64_t ndim, const int64_t *sizes, int64_t *strides);
/* Resolves a -1 among sizes: "shape '[4, 2]' is invalid for input of size 6", "only one dimension can be
 * inferred". */
CT_HIDDEN bool ct__infer_size(ct_ints shape, int64_t numel, int64_t *sizes);
/* The promoted dtype of several operands by the three classes of dims, 0-dims and numbers (parity:
 * result_type). */
CT_HIDDEN ct_dtype ct__result_type(int64_t n, ct_tensor *const *t);
/* "[2, 3]" for messages, into a thread-local ring of buffers. */
CT_HIDDEN const char *ct__shape_text(const ct_tensor *t);
CT_HIDDEN const char *ct__ints_text(int64_t n, const int64_t *v);
/* "torch.FloatTensor" */
CT_HIDDEN const char *ct__type_text(const ct_tensor *t);

/* ---- Moving data (no autograd) ---- */

/* dst[...] = src[...], broadcast and cast. false: error set. */
CT_HIDDEN bool ct__copy(ct_tensor *dst, const ct_tensor *src);
/* A contiguous copy, or t itself retained where it is contiguous already. Caller owns. */
CT_HIDDEN ct_tensor *ct__contiguous_of(ct_tensor *t);
/* Cast (a copy; t itself retained where the dtype is the same). Caller owns. */
CT_HIDDEN ct_tensor *ct__cast(ct_tensor *t, ct_dtype dtype); /* also the op "cast" */
CT_HIDDEN bool ct__fill(ct_tensor *t, ct_scalar value);
/* One element at an address, by dtype. */
CT_HIDDEN double ct__load_double(ct_dtype dtype, const void *p);
CT_HIDDEN int64_t ct__load_int(ct_dtype dtype, const void *p);
CT_HIDDEN void ct__store_scalar(ct_dtype dtype, void *p, ct_scalar v);
/* The same of a wrapped number or 0-dim tensor, as PyTorch wraps numbers: unchecked into 2-byte floats, and from integers to floats. */
CT_HIDDEN bool ct__number_fits(const ct_tensor *t, ct_dtype dtype);
/* "long int", as PyTorch's C++ messages name a dtype. */
CT_HIDDEN const char *ct__c_type_name(ct_dtype dtype);
/* Whether a number is within a dtype's range, by PyTorch's rule (minus 255 still wraps in uint8); fails otherwise. */
CT_HIDDEN bool ct__scalar_fits(ct_scalar v, ct_dtype dtype);
CT_HIDDEN float ct__half_to_float(uint16_t h);
CT_HIDDEN uint16_t ct__float_to_half(float f);
CT_INLINE float ct__bfloat_to_float(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
CT_HIDDEN uint16_t ct__float_to_bfloat(float f);
/* Runs `body` with T = the C type of a dtype that is not half-width float. Used by index kernels that only
 * move bytes: those should go by element size instead. */

/* ---- Ownership shorthand ---- */
#define CT_AUTO \
    __attribute__(( \
        cleanup(ct__auto_release))) /* CT_AUTO ct_tensor *x = ...: released at the end of its block */
CT_INLINE void ct__auto_release(void *slot)
{
    void *object = *(void **)slot;
    if (object)
        ct_release(object);
}
#endif
