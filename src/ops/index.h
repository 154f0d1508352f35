/* What the index ops share. */
#ifndef CT_OPS_INDEX_H
#define CT_OPS_INDEX_H

#include "ops/ops.h"

/* An int64 contiguous form of an index tensor (int32 or int64); caller owns. */
CT_HIDDEN ct_tensor *ct__index_operand(ct_tensor *index);
/* *to += alpha * *from for one element. */
CT_HIDDEN bool ct__add_element(ct_dtype dtype, void *to, const void *from, double alpha);
/* Whether all n numbers are in [0, size). */
CT_INLINE bool ct__index_inside(const int64_t *v, int64_t n, int64_t size)
{
    uint64_t outside = 0;
    for (int64_t i = 0; i < n; i++)
        outside |= (uint64_t)((uint64_t)v[i] >= (uint64_t)size);
    return !outside;
}
#endif
