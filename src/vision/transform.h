/* A transform made ready for images of one size: flat steps, with every run of per-value arithmetic from a
 * byte on folded into one table of 256 floats per channel. */
#ifndef CT_TRANSFORM_H
#define CT_TRANSFORM_H

#include "data/data.h"
#include "vision/resample.h"
#include <ctorch/vision.h>

#define CT_PLAN_STEPS 24
#define CT_PLAN_CHANNELS 4

typedef enum ct__step_kind {
    CT_STEP_BOX,
    CT_STEP_RANDOM_BOX,
    CT_STEP_FLIP_X,
    CT_STEP_FLIP_Y,
    CT_STEP_TABLE,
    CT_STEP_NORMALIZE,
    CT_STEP_RESIZE
} ct__step_kind;

typedef struct ct__step {
    ct__step_kind kind;
    int64_t h, w, out_h, out_w; /* sizes before and after */
    int64_t top, left;          /* of the box, in the input's rows and columns; negative: in the padding */
    int64_t free_rows, free_columns; /* a random box: how many places there are (0: no draw) */
    float p, fill;
    ct_interpolation how; /* of a resize */
    float mean[CT_PLAN_CHANNELS], std[CT_PLAN_CHANNELS];
} ct__step;

typedef struct ct__plan {
    int64_t c, h, w, out_h, out_w;
    int64_t nchoices, scratch_bytes, buffer_bytes; /* scratch: three buffers, then what a resize works in */
    ct_dtype dtype; /* of the result: uint8 or float32 */
    int n;
    ct__step steps[CT_PLAN_STEPS];
    float table[CT_PLAN_CHANNELS][256];
} ct__plan;

/* transform NULL: the identity. false: the error of the first step that cannot take what comes to it. */
CT_HIDDEN bool ct__plan_make(ct__plan *plan, const ct_transform *transform, int64_t c, int64_t h, int64_t w);
CT_HIDDEN void ct__plan_draw(const ct__plan *plan, ct_generator *g, int32_t *choices);
/* source: bytes with the given strides for channel, row and column. scratch: plan->scratch_bytes. */
CT_HIDDEN void ct__plan_run(const ct__plan *plan, const uint8_t *source, const int64_t strides[3],
                            const int32_t *choices, void *scratch, void *out);
#endif
