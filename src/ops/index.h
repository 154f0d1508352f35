/* What the index ops share. */
#ifndef CT_OPS_INDEX_H
#define CT_OPS_INDEX_H

#include "ops/ops.h"

/* An int64 contiguous form of an index tensor (int32 or int64); caller owns. */
CT_HIDDEN ct_tensor *ct__index_operand(ct_tensor *index);
/* *to += alpha * *from for one element. */
CT_HIDDEN bool ct__add_element(ct_dtype dtype, void *to, const void *from, double alpha);
#endif
