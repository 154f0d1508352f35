/* A dataset as loaders see it: a table of functions, and the draws of a batch apart from its filling, so that
 * the order of random words never depends on threads. */
#ifndef CT_DATA_INTERNAL_H
#define CT_DATA_INTERNAL_H

#include "base/base.h"
#include <ctorch/data.h>

typedef struct ct__field {
    ct_dtype dtype;
    int64_t ndim, sizes[8]; /* of one sample */
    int64_t bytes;          /* of one sample */
} ct__field;

typedef struct ct__dataset_ops {
    /* Words of random choices that one sample needs room for; draws them for a batch of one. NULL: none. */
    void (*draw)(ct_dataset *d, ct_generator *g, int32_t *choices);
    /* Writes sample i's fields to out[f]. May run in any thread; scratch has scratch_bytes, 64-byte aligned.
     */
    void (*fill)(ct_dataset *d, int64_t i, const int32_t *choices, void *scratch, char *const *out);
    /* The caller's own dataset: the whole batch in the calling thread. NULL for those with fill. */
    bool (*fetch)(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out);
    void (*destroy)(ct_dataset *d); /* what the dataset holds beside itself; may be NULL */
} ct__dataset_ops;

struct ct_dataset {
    ct_object base;
    const ct__dataset_ops *ops;
    int64_t object_bytes, size, nfields;
    int64_t nchoices, scratch_bytes, sample_bytes;
    ct__field fields[CT_MAX_FIELDS];
};

/* A zeroed object of `bytes` that begins with a ct_dataset; NULL on failure. */
CT_HIDDEN ct_dataset *ct__dataset_make(const ct__dataset_ops *ops, int64_t bytes, int64_t size,
                                       int64_t nfields);
CT_HIDDEN void ct__field_set(ct__field *f, ct_dtype dtype, int64_t ndim, const int64_t *sizes);
/* An uninitialised contiguous tensor, owned by the scope. */
CT_HIDDEN ct_tensor *ct__data_empty(ct_dtype dtype, int64_t ndim, const int64_t *sizes);
/* torch.randperm(n, generator=g), into order[n]. */
CT_HIDDEN void ct__data_permutation(ct_generator *g, int64_t n, int64_t *order);
/* torch.randint(0, n, (1,)) and torch.rand(1). */
CT_INLINE int64_t ct__data_randint(ct_generator *g, int64_t n)
{
    return (int64_t)((uint64_t)n >= (UINT64_C(1) << 28) ? ct_generator_u64(g) % (uint64_t)n
                                                        : ct_generator_u32(g) % (uint64_t)n);
}
CT_INLINE float ct__data_rand(ct_generator *g)
{ return (float)(ct_generator_u32(g) & 0xffffff) * (1.0f / 16777216.0f); }
#endif
