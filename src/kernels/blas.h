/* An outside BLAS behind one small interface. The build picks src/kernels/blas/ (OpenBLAS, CT_BLAS=ON) or src/kernels/noblas/. */
#ifndef CT_KERNELS_BLAS_H
#define CT_KERNELS_BLAS_H
#include "kernels/kernels.h"

/* Whether the BLAS should make this product; if so, pieces, pieces_n, piece_m and piece_n are filled in, from its sizes alone. */
bool ct__blas_plan(ct__gemm_job *job);
/* Pieces [begin, end) of it, in the calling thread. */
void ct__blas_run(const ct__gemm_job *job, int64_t begin, int64_t end);
#endif
