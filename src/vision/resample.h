/* Resampling of byte planes as Pillow does it. */
#ifndef CT_RESAMPLE_H
#define CT_RESAMPLE_H

#include "base/base.h"
#include <ctorch/vision.h>

typedef struct ct__resample {
    ct_interpolation how;
    int64_t c, h, w, out_h, out_w;
} ct__resample;

/* What ct__resample_run needs to work in, in bytes. */
CT_HIDDEN int64_t ct__resample_bytes(const ct__resample *r);
/* in (c, h, w) -> out (c, out_h, out_w), which do not overlap; scratch is 64-byte aligned. */
CT_HIDDEN void ct__resample_run(const ct__resample *r, const uint8_t *in, uint8_t *out, void *scratch);
#endif
