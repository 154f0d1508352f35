/* What hand-written op implementations share: scratch memory and lists of the scope, scopes without a graph. */
#ifndef CT_OPS_INTERNAL_H
#define CT_OPS_INTERNAL_H

#include "gen/ops_impl.h"
#include "tensor/tensor.h"
#include <ctorch/ops.h>

/* Memory that lives as long as the innermost scope. NULL: error set. */
CT_HIDDEN void *ct__scratch(size_t bytes);
/* A list result: the array is copied into the scope; the tensors belong to the scope already. */
CT_HIDDEN ct_tensors ct__list(int64_t n, ct_tensor *const *v);
#define CT_NO_TENSORS ((ct_tensors){0, NULL})

/* In an implementation that calls public ops but must not record a graph: a scope with grad mode off until the block's end.
 * What leaves the block is retained by the caller first. */
#define CT_COMPUTE() \
    CT_SCOPE(); \
    __attribute__((cleanup(ct_grad_guard_end), unused)) ct_grad_guard CT__JOIN(ct__guard_, __LINE__) = ct_grad_guard_begin(false)

/* The dtype that an op computes an optional dtype argument to. */
CT_INLINE ct_dtype ct__dtype_or(ct_dtype given, ct_dtype otherwise) { return given == CT_DTYPE_NONE ? otherwise : given; }
CT_INLINE ct_device ct__device_of(const ct_tensor *t) { return (ct_device){(ct_device_type)t->device, 0}; }
CT_INLINE ct_device ct__device_or(ct_device given, ct_device otherwise) { return given.type == CT_DEVICE_NONE ? otherwise : given; }
#define CT_CPU_DEVICE ((ct_device){CT_CPU, 0})
CT_INLINE ct_ints ct__sizes_of(const ct_tensor *t) { return (ct_ints){t->ndim, t->sizes}; }

/* Items of work that one piece of a parallel loop should have, so that a piece costs about `target` element steps. */
CT_INLINE int64_t ct__grain(int64_t cost_of_item, int64_t target)
{
    int64_t grain = target / (cost_of_item > 0 ? cost_of_item : 1);
    return grain > 0 ? grain : 1;
}
#endif
