/* Reading images: which format it is, how large it may be, and the way from a decoder's rows to planes of gray or
 * colour with Pillow's arithmetic. The formats themselves are in jpeg/ and png/. */
#include "vision/images.h"
#include "vision/read.h"

#undef ct_read_image
#undef ct_decode_image
#undef ct_decode_jpeg
#undef ct_decode_png

#define READ_MAX_PIXELS INT64_C(178956970) /* where Pillow calls an image a decompression bomb */
#define READ_MAX_BYTES (INT64_C(1) << 32)

bool ct__image_bad(const ct__image *image, const char *format, const char *why)
{
    ct__fail(CT_ERR_RUNTIME, "%s is not a %s image that can be read: %s", image->name, format, why);
    return false;
}

bool ct__image_sizes(ct__image *image, ct__pixel_kind kind, int64_t h, int64_t w)
{
    static const int64_t channels[] = {0, 1, 2, 3, 4};
    int64_t limit = image->max_pixels ? image->max_pixels : READ_MAX_PIXELS;
    if (limit > 0 && h > limit / w) {
        ct__fail(CT_ERR_RUNTIME,
                 "%s: image size (%lld pixels) exceeds limit of %lld pixels, could be decompression bomb DOS attack. Where "
                 "the file is trusted, give a larger max_pixels.",
                 image->name, (long long)(h * w), (long long)limit);
        return false;
    }
    image->h = h;
    image->w = w;
    image->c = image->mode != CT_IMAGE_UNCHANGED ? channels[image->mode] : kind == CT_PIXEL_CMYK ? 4 : (int64_t)kind;
    return true;
}

/* ---- Rows ---- */

/* Of 255: a * b / 255, rounded. */
static inline int read_mul(int a, int b)
{
    int v = a * b + 128;
    return (v + (v >> 8)) >> 8;
}

static inline uint8_t read_luma(int r, int g, int b) { return (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16); }

static void read_split(const uint8_t *row, int64_t w, int64_t channels, uint8_t *out, int64_t plane)
{
    if (channels == 1)
        memcpy(out, row, (size_t)w);
    else if (channels == 3)
        for (int64_t x = 0; x < w; x++) {
            out[x] = row[3 * x];
            out[plane + x] = row[3 * x + 1];
            out[2 * plane + x] = row[3 * x + 2];
        }
    else
        for (int64_t c = 0; c < channels; c++)
            for (int64_t x = 0; x < w; x++)
                out[c * plane + x] = row[channels * x + c];
}

void ct__image_row(const ct__image *image, ct__pixel_kind kind, const uint8_t *row, int64_t y, uint8_t *out)
{
    int64_t w = image->w, plane = image->h * w, step = kind == CT_PIXEL_CMYK ? 4 : (int64_t)kind;
    out += y * w;
    if (image->mode == CT_IMAGE_UNCHANGED || (kind != CT_PIXEL_CMYK && (int64_t)kind == image->c)) {
        read_split(row, w, step, out, plane);
        return;
    }
    bool alpha = image->c % 2 == 0;
    for (int64_t x = 0; x < w; x++, row += step) {
        int r = row[0], g = r, b = r, a = 255;
        if (kind == CT_PIXEL_RGB || kind == CT_PIXEL_RGB_ALPHA) {
            g = row[1];
            b = row[2];
        } else if (kind == CT_PIXEL_CMYK) {
            int light = 255 - row[3];
            r = light - read_mul(row[0], light);
            g = light - read_mul(row[1], light);
            b = light - read_mul(row[2], light);
        }
        if (kind == CT_PIXEL_GRAY_ALPHA || kind == CT_PIXEL_RGB_ALPHA)
            a = row[step - 1];
        if (image->c < 3) {
            out[x] = step < 3 ? (uint8_t)r : read_luma(r, g, b);
        } else {
            out[x] = (uint8_t)r;
            out[plane + x] = (uint8_t)g;
            out[2 * plane + x] = (uint8_t)b;
        }
        if (alpha)
            out[(image->c - 1) * plane + x] = (uint8_t)a;
    }
}

/* ---- Formats ---- */

static bool read_is_jpeg(const ct__image *i) { return i->n >= 3 && memcmp(i->data, "\xff\xd8\xff", 3) == 0; }
static bool read_is_png(const ct__image *i) { return i->n >= 4 && memcmp(i->data, "\x89PNG", 4) == 0; }

bool ct__image_head(ct__image *image)
{
    if (read_is_jpeg(image))
        return ct__jpeg_head(image);
    if (read_is_png(image))
        return ct__png_head(image);
    if (image->n == 0)
        ct__fail(CT_ERR_RUNTIME, "Expected a non empty file, and %s has no bytes", image->name);
    else
        ct__fail(CT_ERR_RUNTIME,
                 "Unsupported image file. Only jpeg and png are currently supported, and %s is neither: convert it first.",
                 image->name);
    return false;
}

bool ct__image_pixels(const ct__image *image, uint8_t *out)
{ return read_is_jpeg(image) ? ct__jpeg_pixels(image, out) : ct__png_pixels(image, out); }

static ct_tensor *read_decode(const char *name, const void *bytes, int64_t n, const ct_image_opts *o)
{
    if ((int)o->mode < 0 || o->mode > CT_IMAGE_RGB_ALPHA)
        return ct__fail(CT_ERR_VALUE, "there is no image mode %d", (int)o->mode);
    ct__image image = {.data = bytes, .n = n, .name = name, .mode = o->mode, .max_pixels = o->max_pixels};
    if (!ct__image_head(&image))
        return NULL;
    ct_scope scope = ct_scope_begin();
    ct_tensor *out = ct__data_empty(CT_UINT8, 3, (int64_t[]){image.c, image.h, image.w});
    if (out && ct__image_pixels(&image, ct_data(out)))
        ct_escape(out);
    else
        out = NULL;
    ct_scope_end(&scope);
    return out;
}

static bool read_bytes_given(const void *bytes, int64_t n)
{
    if (ct__pending())
        return false;
    if (!bytes || n <= 0)
        ct__fail(CT_ERR_VALUE, "an image to decode needs its bytes and their number, and got %lld", (long long)n);
    return ct_ok();
}

ct_tensor *ct_decode_image(const void *bytes, int64_t n, const ct_image_opts *o)
{ return read_bytes_given(bytes, n) ? read_decode("the image", bytes, n, o) : NULL; }

ct_tensor *ct_decode_jpeg(const void *bytes, int64_t n, const ct_image_opts *o)
{
    ct__image image = {.data = bytes, .n = n, .name = "the image"};
    if (read_bytes_given(bytes, n) && !read_is_jpeg(&image))
        ct__image_bad(&image, "JPEG", "it does not begin as one");
    return ct__pending() ? NULL : read_decode("the image", bytes, n, o);
}

ct_tensor *ct_decode_png(const void *bytes, int64_t n, const ct_image_opts *o)
{
    ct__image image = {.data = bytes, .n = n, .name = "the image"};
    if (read_bytes_given(bytes, n) && !read_is_png(&image))
        ct__image_bad(&image, "PNG", "Content is not png!");
    return ct__pending() ? NULL : read_decode("the image", bytes, n, o);
}

ct_tensor *ct_read_image(const char *path, const ct_image_opts *o)
{
    if (ct__pending())
        return NULL;
    if (!path)
        return ct__fail(CT_ERR_VALUE, "ct_read_image needs a path");
    int64_t n = 0;
    uint8_t *data = ct__file_read(path, READ_MAX_BYTES, NULL, &n);
    if (!data)
        return NULL;
    ct_tensor *out = read_decode(path, data, n, o);
    ct__file_free(data, n);
    return out;
}
