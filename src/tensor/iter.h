/* Walking over several tensors at once: broadcast, dimensions ordered by stride and joined where they are
 * contiguous in all. */
#ifndef CT_ITER_H
#define CT_ITER_H

#include "tensor/tensor.h"

#define CT_ITER_ARGS 4 /* one output and up to three inputs */

typedef struct ct__iter {
    int nargs, ndim;
    int64_t numel;
    char *data[CT_ITER_ARGS];
    int64_t sizes[CT_MAX_DIMS];                  /* innermost first */
    int64_t strides[CT_ITER_ARGS][CT_MAX_DIMS];  /* bytes; innermost first; 0 where broadcast */
} ct__iter;

/* args[0] is the output (its shape is the walk's); the others broadcast to it. */
CT_HIDDEN void ct__iter_init(ct__iter *it, int nargs, ct_tensor *const *args);
/* Calls fn for runs of the innermost dimension: pointers and byte strides of all args, n elements. Cut into
 * pieces of `grain` elements over the pool; pieces of one element order each. */
typedef void ct__iter_fn(void *context, char *const *data, const int64_t *strides, int64_t n);
CT_HIDDEN void ct__iter_run(const ct__iter *it, int64_t grain, ct__iter_fn *fn, void *context);
#endif
