/* Built where there is no libpng: refuses PNG images and says what to do. */
#include "vision/read.h"

bool ct_reads_png(void) { return false; }

bool ct__png_head(ct__image *image)
{
    ct__fail(CT_ERR_RUNTIME,
             "%s is a PNG image, and this build of ctorch has no libpng. Build with libpng and its headers installed, or "
             "convert the image.",
             image->name);
    return false;
}

bool ct__png_pixels(const ct__image *image, uint8_t *out) { return ct__png_head((ct__image *)image); }
