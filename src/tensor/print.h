/* Tensors as text. */
#ifndef CT_PRINT_H
#define CT_PRINT_H

#include "tensor/tensor.h"

/* What repr(tensor) gives, in the format that the print options name. */
CT_HIDDEN void ct__print_tensor(const ct_tensor *t, ct__text *text);
/* 0.1.12's format. */
CT_HIDDEN void ct__print_legacy(const ct_tensor *t, ct__text *text);

/* In base.flags of a tensor: 0.1.12 would have held it in a Variable (a gradient, say), though it has no
 * history. */
#define CT_PRINT_VARIABLE 1u

/* One number as Python formats it: %*.*f or %*.*e, but "nan" without a sign. Returns its length. */
#define CT_PRINT_NUMBER 640
CT_HIDDEN int ct__print_number(char to[CT_PRINT_NUMBER], double v, int width, int precision, char form);
#endif
