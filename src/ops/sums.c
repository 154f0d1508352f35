/* Sums over the pool. Rows and strips of columns are pieces of their own; one long row, or a tall block of few columns, is cut
 * into pieces of fixed size whose sums are added up in turn; channels of (lead, channels, plane) take a plane at a time. */
#include "ops/sums.h"
#include "kernels/kernels.h"

#define SUMS_PIECE (1 << 15) /* elements */
#define SUMS_STRIP 512       /* columns that a kernel takes at a time */

typedef struct sums_job {
    bool f64, squares;
    const char *x;
    char *out;
    double *totals;
    int64_t n, inner, piece, lead;
} sums_job;

static void sums_kernel(const sums_job *j, const void *x, void *out, int64_t n, int64_t r0, int64_t r1)
{
    const ct__reduce_kernels *k = &ct__k_reduce;
    if (j->f64)
        (j->squares ? k->sumsq_f64 : k->sum_f64)(x, out, n, j->inner, r0, r1);
    else
        (j->squares ? k->sumsq_f32 : k->sum_f32)(x, out, n, j->inner, r0, r1);
}

static void sums_range(void *context, int64_t r0, int64_t r1)
{
    const sums_job *j = context;
    sums_kernel(j, j->x, j->out, j->n, r0, r1);
}

/* Pieces of `piece` rows of a block with outer = 1; each has inner results of its own. */
static void sums_tall_range(void *context, int64_t begin, int64_t end)
{
    const sums_job *j = context;
    int64_t size = j->f64 ? 8 : 4;
    for (int64_t i = begin; i < end; i++) {
        int64_t p = i * j->piece, n = j->n - p < j->piece ? j->n - p : j->piece;
        sums_kernel(j, j->x + p * j->inner * size, j->out + i * j->inner * size, n, 0, j->inner);
    }
}

static void sums_total_range(void *context, int64_t begin, int64_t end)
{
    const sums_job *j = context;
    for (int64_t i = begin; i < end; i++) {
        int64_t p = i * SUMS_PIECE, n = j->n - p < SUMS_PIECE ? j->n - p : SUMS_PIECE;
        j->totals[i] = j->f64 ? ct__k_reduce.total_f64((const double *)j->x + p, n) : ct__k_reduce.total_f32((const float *)j->x + p, n);
    }
}

/* One long row. */
static void sums_long(sums_job *j)
{
    int64_t pieces = (j->n + SUMS_PIECE - 1) / SUMS_PIECE;
    double sum = 0;
    j->totals = ct__alloc(sizeof(double) * (size_t)pieces);
    if (!j->totals)
        return;
    ct__parallel(pieces, 1, sums_total_range, j);
    for (int64_t i = 0; i < pieces; i++)
        sum += j->totals[i];
    ct__free(j->totals, sizeof(double) * (size_t)pieces);
    if (j->f64)
        *(double *)j->out = sum;
    else
        *(float *)j->out = (float)sum;
}

/* Many rows of few columns: the pieces' sums stand below each other and are summed in their turn. */
static void sums_tall(sums_job *j, int64_t pieces)
{
    size_t bytes = (size_t)(pieces * j->inner * (j->f64 ? 8 : 4));
    sums_job part = *j;
    part.out = ct__alloc(bytes);
    if (!part.out)
        return;
    ct__parallel(pieces, 1, sums_tall_range, &part);
    part.squares = false;
    sums_kernel(&part, part.out, j->out, pieces, 0, j->inner);
    ct__free(part.out, bytes);
}

void ct__sum_block(bool f64, bool squares, const void *x, void *out, int64_t outer, int64_t n, int64_t inner)
{
    sums_job j = {.f64 = f64, .squares = squares, .x = x, .out = out, .n = n, .inner = inner};
    if (outer * inner == 1 && !squares && n > 2 * SUMS_PIECE) {
        sums_long(&j);
        return;
    }
    if (inner > 1 && outer == 1) {
        j.piece = (ct__grain(inner, 2 * SUMS_PIECE) + 127) / 128 * 128;
        if (n >= 2 * j.piece) {
            sums_tall(&j, (n + j.piece - 1) / j.piece);
            return;
        }
    }
    int64_t grain = ct__grain(n, SUMS_PIECE);
    if (inner > 1) { /* whole strips, or as many columns as there are */
        int64_t strip = inner < SUMS_STRIP ? inner : SUMS_STRIP;
        grain = (grain + strip - 1) / strip * strip;
    }
    ct__parallel(outer * inner, grain, sums_range, &j);
}

static void sums_planes_range(void *context, int64_t c0, int64_t c1)
{
    const sums_job *j = context;
    for (int64_t c = c0; c < c1; c++) {
        double sum = 0;
        for (int64_t b = 0; b < j->lead; b++) {
            int64_t at = (b * j->inner + c) * j->n;
            sum += j->f64 ? ct__k_reduce.total_f64((const double *)j->x + at, j->n) : ct__k_reduce.total_f32((const float *)j->x + at, j->n);
        }
        if (j->f64)
            ((double *)j->out)[c] = sum;
        else
            ((float *)j->out)[c] = (float)sum;
    }
}

void ct__sum_planes(bool f64, const void *x, void *out, int64_t lead, int64_t channels, int64_t plane)
{
    sums_job j = {.f64 = f64, .x = x, .out = out, .lead = lead, .inner = channels, .n = plane};
    ct__parallel(channels, ct__grain(lead * plane, SUMS_PIECE), sums_planes_range, &j);
}
