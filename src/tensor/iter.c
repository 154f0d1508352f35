/* The iterator under pointwise ops, casts and copies. */
#include "tensor/iter.h"

void ct__iter_init(ct__iter *it, int nargs, ct_tensor *const *args)
{
    const ct_tensor *out = args[0];
    int n = out->ndim, order[CT_MAX_DIMS];
    it->nargs = nargs;
    it->numel = out->numel;
    for (int a = 0; a < nargs; a++)
        it->data[a] = args[a]->data;
    /* Dimensions by the output's stride, smallest first; then by the inputs'. */
    int64_t stride[CT_ITER_ARGS][CT_MAX_DIMS];
    for (int a = 0; a < nargs; a++) {
        int64_t size = ct__itemsize(args[a]->dtype), lead = n - args[a]->ndim;
        for (int d = 0; d < n; d++)
            stride[a][d] = d < lead || args[a]->sizes[d - lead] == 1 ? 0 : args[a]->strides[d - lead] * size;
    }
    for (int i = 0; i < n; i++) {
        int d = n - 1 - i, k = i;
        for (; k > 0; k--) {
            int other = order[k - 1], less = 0;
            for (int a = 0; a < nargs && !less; a++)
                if (stride[a][d] && stride[a][other] && out->sizes[d] != 1 && out->sizes[other] != 1)
                    less = stride[a][d] < stride[a][other] ? 1 : stride[a][d] > stride[a][other] ? -1 : 0;
            if (less <= 0)
                break;
            order[k] = other;
        }
        order[k] = d;
    }
    it->ndim = 0;
    for (int i = 0; i < n; i++) {
        int d = order[i];
        if (out->sizes[d] == 1)
            continue;
        int m = it->ndim;
        bool joins = m > 0;
        for (int a = 0; a < nargs && joins; a++)
            joins = stride[a][d] == it->strides[a][m - 1] * it->sizes[m - 1];
        if (joins) {
            it->sizes[m - 1] *= out->sizes[d];
            continue;
        }
        it->sizes[m] = out->sizes[d];
        for (int a = 0; a < nargs; a++)
            it->strides[a][m] = stride[a][d];
        it->ndim++;
    }
    if (it->ndim == 0) {
        it->ndim = 1;
        it->sizes[0] = it->numel ? 1 : 0;
        for (int a = 0; a < nargs; a++)
            it->strides[a][0] = 0;
    }
}

typedef struct iter_job { const ct__iter *it; ct__iter_fn *fn; void *context; } iter_job;

static void iter_range(void *context, int64_t begin, int64_t end)
{
    const iter_job *j = context;
    const ct__iter *it = j->it;
    int64_t at[CT_MAX_DIMS], strides[CT_ITER_ARGS], rest = begin;
    char *data[CT_ITER_ARGS];
    for (int a = 0; a < it->nargs; a++) {
        data[a] = it->data[a];
        strides[a] = it->strides[a][0];
    }
    for (int d = 0; d < it->ndim; d++) {
        at[d] = rest % it->sizes[d];
        rest /= it->sizes[d];
        for (int a = 0; a < it->nargs; a++)
            data[a] += at[d] * it->strides[a][d];
    }
    while (begin < end) {
        int64_t n = it->sizes[0] - at[0];
        n = n < end - begin ? n : end - begin;
        j->fn(j->context, data, strides, n);
        begin += n;
        if (begin >= end)
            return;
        for (int a = 0; a < it->nargs; a++)
            data[a] -= at[0] * strides[a];
        at[0] = 0;
        for (int d = 1; d < it->ndim; d++) {
            for (int a = 0; a < it->nargs; a++)
                data[a] += it->strides[a][d];
            if (++at[d] < it->sizes[d])
                break;
            for (int a = 0; a < it->nargs; a++)
                data[a] -= it->sizes[d] * it->strides[a][d];
            at[d] = 0;
        }
    }
}

void ct__iter_run(const ct__iter *it, int64_t grain, ct__iter_fn *fn, void *context)
{
    iter_job j = {it, fn, context};
    if (it->numel == 0)
        return;
    if (it->numel <= grain)
        iter_range(&j, 0, it->numel);
    else
        ct__parallel(it->numel, grain, iter_range, &j);
}
