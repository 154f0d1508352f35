/* The pool of a build without threads (CT_THREADS=OFF): the caller does all the work, in the same pieces. */
#include "base/base.h"

int ct_num_threads(void) { return 1; }

void ct_set_num_threads(int n) { (void)n; }

bool ct__in_parallel(void) { return false; }

void ct__parallel(int64_t n, int64_t grain, ct__range_fn *fn, void *context)
{
    grain = grain < 1 ? 1 : grain;
    for (int64_t begin = 0; begin < n; begin += grain)
        fn(context, begin, n - begin > grain ? begin + grain : n);
}
