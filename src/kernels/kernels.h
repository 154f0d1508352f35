/* The kernel tables. A family F has a header kernels/F.h with `typedef struct ct__F_kernels {function
 * pointers} ct__F_kernels;` and a file kernels/cpu/F.c, compiled once per ISA level, with `void
 * CT_LEVEL(ct__F_fill)(ct__F_kernels *t)`. kernels/cpu/dispatch.c defines one table `ct__k_F` a family and
 * fills it when the library is loaded: the base level first, then the best level that this processor has
 * (CT_CPU=base|v3|v4 in the environment forces one). A kernel knows pointers, sizes, strides and scalars; it
 * works on the range that it is given, in the calling thread. */
#ifndef CT_KERNELS_H
#define CT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>

#define CT_KERNEL_FAMILIES(X) \
    X(gemm) \
    X(conv) \
    X(pool) \
    X(step) \
    X(convert) \
    X(pointwise) \
    X(reduce) \
    X(norm) \
    X(batch) \
    X(resample) \
    X(unfold) \
    X(factor) \
    X(random)

#ifdef CT_ISA
#define CT_LEVEL3(name, level) name##_##level
#define CT_LEVEL2(name, level) CT_LEVEL3(name, level)
#define CT_LEVEL(name) CT_LEVEL2(name, CT_ISA)
#endif

#define CT_KINLINE static inline __attribute__((always_inline, unused))

#include "kernels/gemm.h"
#include "kernels/conv.h"
#include "kernels/pool.h"
#include "kernels/step.h"
#include "kernels/convert.h"
#include "kernels/pointwise.h"
#include "kernels/reduce.h"
#include "kernels/norm.h"
#include "kernels/batch.h"
#include "kernels/resample.h"
#include "kernels/unfold.h"
#include "kernels/factor.h"
#include "kernels/random.h"

#define CT_KERNEL_EXTERN(F) extern __attribute__((visibility("hidden"))) ct__##F##_kernels ct__k_##F;
CT_KERNEL_FAMILIES(CT_KERNEL_EXTERN)
#undef CT_KERNEL_EXTERN

/* A buffer of the calling thread, at least `bytes` long, kept and grown for the next call; its content is
 * lost then. NULL without memory. For kernels that pack; one that calls another may not hold it over the
 * call. */
void *ct__kernel_scratch(size_t bytes);

/* The level in use: "base", "v3" or "v4". */
const char *ct__cpu_level(void);
#endif
