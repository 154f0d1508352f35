/* Element-by-element arithmetic: one loop an op of pointwise_list.h and class it computes in. */
#ifndef CT_KERNELS_POINTWISE_H
#define CT_KERNELS_POINTWISE_H

#include "kernels/pointwise_list.h"

/* The scalar arguments p and q, both ways. */
typedef struct ct__pointwise_params { double pf, qf; int64_t pi, qi; } ct__pointwise_params;

/* out[i] = f(a[i], b[i], c[i], p, q) for n elements at byte strides s[0] (out) .. s[3]; a stride of 0 repeats
 * one element. */
typedef void ct__pointwise_loop(int64_t n, char *const *data, const int64_t *s,
                                const ct__pointwise_params *params);

typedef struct ct__pointwise_kernels {
    ct__pointwise_loop
        *loop[3][CT_PW_COUNT]; /* by class: float, double, int64; NULL where the op does not compute in it */
} ct__pointwise_kernels;
#endif
