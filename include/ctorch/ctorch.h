/* ctorch: PyTorch, in C. This header is everything. */
#ifndef CTORCH_H
#define CTORCH_H
#include <ctorch/error.h>
#include <ctorch/runtime.h>
#include <ctorch/tensor.h>
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include <ctorch/nn.h>
#include <ctorch/optim.h>
#include <ctorch/serialize.h>
#include <ctorch/data.h>
#include <ctorch/vision.h>
#include <ctorch/nn.h>
#include <ctorch/optim.h>
#include <ctorch/serialize.h>
#endif
