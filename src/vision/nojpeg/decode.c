/* Built where there is no libjpeg: refuses JPEG images and says what to do. */
#include "vision/read.h"

bool ct_reads_jpeg(void) { return false; }

bool ct__jpeg_head(ct__image *image)
{
    ct__fail(CT_ERR_RUNTIME,
             "%s is a JPEG image, and this build of ctorch has no libjpeg. Build with libjpeg and its headers installed, or "
             "convert the image.",
             image->name);
    return false;
}

bool ct__jpeg_pixels(const ct__image *image, uint8_t *out) { return ct__jpeg_head((ct__image *)image); }
