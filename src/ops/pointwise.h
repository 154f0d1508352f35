/* The pointwise engine: promotion, broadcasting, dtypes, memory order, in-place and out=, for every op of pointwise_list.h. */
#ifndef CT_OPS_POINTWISE_H
#define CT_OPS_POINTWISE_H

#include "kernels/pointwise_list.h"
#include "tensor/tensor.h"

/* out: NULL for a fresh result, in[0] for the in-place form, else an out= tensor (resized). p and q may be NULL. The caller owns
 * the result (out comes back retained). */
CT_HIDDEN ct_tensor *ct__pointwise(int op, ct_tensor *out, int64_t nin, ct_tensor *const *in, const ct_scalar *p, const ct_scalar *q);
#endif
