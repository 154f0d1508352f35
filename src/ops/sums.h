/* Sums of dense floating blocks over the pool, cut by size. */
#ifndef CT_OPS_SUMS_H
#define CT_OPS_SUMS_H

#include "ops/ops.h"

/* out (outer, inner) = the sums over n of x (outer, n, inner), or of the squares. double with f64, else float. Sets the thread's
 * error where it has no memory. */
CT_HIDDEN void ct__sum_block(bool f64, bool squares, const void *x, void *out, int64_t outer, int64_t n, int64_t inner);
/* out (channels) = the sums of x (lead, channels, plane) over the first and the last dimension. */
CT_HIDDEN void ct__sum_planes(bool f64, const void *x, void *out, int64_t lead, int64_t channels, int64_t plane);
#endif
