/* What generated wrappers share; written by hand, the only such file in this folder beside support.c. */
#ifndef CT_GEN_SUPPORT_H
#define CT_GEN_SUPPORT_H

#include "autograd/autograd.h"
#include "gen/ops_impl.h"
#include "kernels/pointwise_list.h"
#include "ops/pointwise.h"

/* A required tensor must be there: TypeError "add(): argument 'other' must be Tensor, not None". */
CT_HIDDEN bool ct__given_failed(const char *name);
CT_INLINE bool ct__given(const ct_tensor *t, const char *name) { return CT_LIKELY(t != NULL) || ct__given_failed(name); }
CT_HIDDEN bool ct__given_all(ct_tensors list, const char *name);
/* grad itself where alpha is 1, else grad * alpha. */
CT_HIDDEN ct_tensor *ct__scale(ct_tensor *grad, ct_scalar alpha);
/* list[i], i < 0 from the end; 0 out of range. */
CT_INLINE int64_t ct__ints_at(ct_ints list, int64_t i)
{
    i += i < 0 ? list.n : 0;
    return i >= 0 && i < list.n ? list.v[i] : 0;
}
/* Each tensor's size in dimension dim (1-D empty ones count 0), in memory of the scope. */
CT_HIDDEN ct_ints ct__sizes_along(ct_tensors list, int64_t dim);
/* Saves a copy of a tensor that is about to be overwritten. */
CT_HIDDEN void ct__node_save_clone(ct_node *n, int64_t slot, ct_tensor *t);
/* out= of an op that computes first: resizes out, copies the result into it, counts the write. */
CT_HIDDEN bool ct__write_out(ct_tensor *out, ct_tensor *result);
/* In-place form of an op that computes first: copies into self (same shape required); takes `result`. */
CT_HIDDEN bool ct__overwrite(ct_tensor *self, ct_tensor *result);
/* In-place form of a view op: self takes the view's geometry; takes `view`. */
CT_HIDDEN bool ct__become(ct_tensor *self, ct_tensor *view);
/* Hands the gradients of a list argument (cat, stack) to the node's inputs. */
CT_HIDDEN void ct__list_results(ct_node *n, ct_tensors grads, ct_tensor **results);
#endif
