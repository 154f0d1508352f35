/* What the readers of image files share. */
#ifndef CT_IMAGES_H
#define CT_IMAGES_H

#include "vision/transform.h"

/* A file's bytes; freed with ct__file_free. NULL with an error: CT_ERR_RUNTIME with `missing` (if that is not NULL)
 * where there is no such file, else CT_ERR_IO. Refuses files over `limit`. */
CT_HIDDEN uint8_t *ct__file_read(const char *path, int64_t limit, const char *missing, int64_t *size);
CT_HIDDEN void ct__file_free(uint8_t *data, int64_t size);

/* folder.c: an image folder's targets (N), NULL for other datasets. */
CT_HIDDEN ct_tensor *ct__folder_targets(const ct_dataset *d);

/* The labels and the image bytes of a pickled CIFAR batch; the pointers point into data. false with an error
 * that names path. labels[] has room for `most`. */
CT_HIDDEN bool ct__pickle_batch(const char *path, const uint8_t *data, int64_t size, const char *labels_key,
                                int64_t most, int64_t *labels, int64_t *count, const uint8_t **pixels,
                                int64_t *pixel_bytes);
#endif
