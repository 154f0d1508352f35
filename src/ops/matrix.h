/* One matrix product for every op that needs one: any strides, any dtype, split over the pool by size. */
#ifndef CT_OPS_MATRIX_H
#define CT_OPS_MATRIX_H

#include "ops/ops.h"

/* c (m, n), row-major contiguous at `c` of dtype f32/f64 = alpha * A @ B + beta * d, with A (m, k) and B (k, n) given by pointer and
 * strides in elements; each of A and B must have a unit stride in one of its dimensions (or be a single row or column). d's rows are
 * ldd apart and dense: c itself (n), another matrix, or one row for all (0). False with the error set without memory. */
CT_HIDDEN bool ct__gemm(ct_dtype dtype, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t a_row, int64_t a_col,
                        const void *b, int64_t b_row, int64_t b_col, double beta, const void *d, int64_t ldd, void *c);
/* A retained tensor equal to the 2-D t whose strides ct__gemm takes; half-width floats become float32. Caller owns. */
CT_HIDDEN ct_tensor *ct__gemm_operand(ct_tensor *t);
/* "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"; dtypes equal; 2-D. */
CT_HIDDEN bool ct__mm_check(const ct_tensor *a, const ct_tensor *b);
#endif
