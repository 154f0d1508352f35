/* Tensors as text. */
#ifndef CT_PRINT_H
#define CT_PRINT_H

#include "tensor/tensor.h"

/* What repr(tensor) gives, in the format that the print options name. */
CT_HIDDEN void ct__print_tensor(const ct_tensor *t, ct__text *text);
/* 0.1.12's format. */
CT_HIDDEN void ct__print_legacy(const ct_tensor *t, ct__text *text);
/* What autograd adds at the end: "grad_fn=<AddBackward0>", "requires_grad=True" or NULL; set when it is linked in. */
CT_HIDDEN extern const char *(*ct__autograd_suffix)(const ct_tensor *t);
#endif
