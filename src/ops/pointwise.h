/* The pointwise engine: promotion, broadcasting, dtypes, memory order, in-place and out=, for every op of
 * pointwise_list.h. */
#ifndef CT_OPS_POINTWISE_H
#define CT_OPS_POINTWISE_H

#include "kernels/pointwise_list.h"
#include "tensor/tensor.h"

/* out: NULL for a fresh result, in[0] for the in-place form, else an out= tensor (resized). p and q may be
 * NULL. The caller owns the result (out comes back retained). */
CT_HIDDEN ct_tensor *ct__pointwise(int op, ct_tensor *out, int64_t nin, ct_tensor *const *in,
                                   const ct_scalar *p, const ct_scalar *q);

/* ---- pointwise_rules.c ---- */

/* What PyTorch refuses before it looks at shapes. */
CT_HIDDEN bool ct__pointwise_operands(int op, int64_t nin, ct_tensor *const *in);
/* The dtype that is computed in, and the result's. False: an error is set. */
CT_HIDDEN bool ct__pointwise_dtypes(int op, int64_t nin, ct_tensor *const *in, const ct_scalar *p,
                                    const ct_scalar *q, ct_dtype *compute, ct_dtype *result);
/* Refuses integer division by zero and negative integer powers. */
CT_HIDDEN bool ct__pointwise_integers(int op, ct_tensor *const *in, ct_dtype compute);
CT_HIDDEN bool ct__pointwise_is_bool(int op); /* the result is a truth value */
#endif
