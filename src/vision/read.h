/* Between the front of image reading (read.c) and the decoders, each of which is a folder that the build picks. */
#ifndef CT_READ_H
#define CT_READ_H

#include "base/base.h"
#include <ctorch/vision.h>

/* One encoded image on its way to planes of bytes. */
typedef struct ct__image {
    const uint8_t *data;
    int64_t n;
    const char *name; /* for messages */
    ct_image_mode mode;
    int64_t max_pixels;
    int64_t c, h, w; /* of the result, once its head is read */
} ct__image;

/* What a decoder's rows hold. */
typedef enum ct__pixel_kind {
    CT_PIXEL_GRAY = 1,
    CT_PIXEL_GRAY_ALPHA,
    CT_PIXEL_RGB,
    CT_PIXEL_RGB_ALPHA,
    CT_PIXEL_CMYK
} ct__pixel_kind;

/* read.c: any format. head fills c, h and w; pixels then writes (c, h, w) bytes. false with an error that has the
 * image's name. */
CT_HIDDEN bool ct__image_head(ct__image *image);
CT_HIDDEN bool ct__image_pixels(const ct__image *image, uint8_t *out);

/* What decoders call: the sizes that a head gave (false: refused), one row into its planes, a failure's sentence. */
CT_HIDDEN bool ct__image_sizes(ct__image *image, ct__pixel_kind kind, int64_t h, int64_t w);
CT_HIDDEN void ct__image_row(const ct__image *image, ct__pixel_kind kind, const uint8_t *row, int64_t y, uint8_t *out);
CT_HIDDEN bool ct__image_bad(const ct__image *image, const char *format, const char *why);

/* jpeg/ or nojpeg/, png/ or nopng/. */
CT_HIDDEN bool ct__jpeg_head(ct__image *image);
CT_HIDDEN bool ct__jpeg_pixels(const ct__image *image, uint8_t *out);
CT_HIDDEN bool ct__png_head(ct__image *image);
CT_HIDDEN bool ct__png_pixels(const ct__image *image, uint8_t *out);
#endif
