/* Grids of images, and PNG files written without zlib: stored blocks, CRC and Adler sums. Writes no other format;
 * read.c reads. */
#include "vision/images.h"
#include <ctorch/ops.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#undef ct_make_grid

ct_tensor *ct_make_grid(ct_tensor *images, const ct_grid_opts *o)
{
    if (ct__pending() || !images)
        return NULL;
    if (ct_ndim(images) != 4 || ct_dtype_of(images) != CT_FLOAT32 ||
        (ct_size(images, 1) != 1 && ct_size(images, 1) != 3))
        return ct__fail(CT_ERR_TYPE, "ct_make_grid takes float32 images (N, 3, H, W) or (N, 1, H, W)");
    int64_t n = ct_size(images, 0), h = ct_size(images, 2), w = ct_size(images, 3), pad = o->padding;
    if (n < 1 || o->nrow < 1 || pad < 0)
        return ct__fail(CT_ERR_VALUE, "ct_make_grid needs an image and a positive number of them in a row");
    if (n == 1)
        pad = 0;
    int64_t across = o->nrow < n ? o->nrow : n, down = (n + across - 1) / across;
    int64_t gh = (h + pad) * down + pad, gw = (w + pad) * across + pad;
    ct_tensor *grid = ct__data_empty(CT_FLOAT32, 3, (int64_t[]){3, gh, gw});
    if (!grid)
        return NULL;
    float *to = ct_data(grid);
    const float *from = ct_data(images);
    for (int64_t i = 0; i < 3 * gh * gw; i++)
        to[i] = (float)o->pad_value;
    int64_t sn = ct_stride(images, 0), sc = ct_size(images, 1) == 1 ? 0 : ct_stride(images, 1);
    int64_t sh = ct_stride(images, 2), sw = ct_stride(images, 3);
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < 3; c++)
            for (int64_t y = 0; y < h; y++)
                for (int64_t x = 0; x < w; x++)
                    to[(c * gh + (k / across) * (h + pad) + pad + y) * gw + (k % across) * (w + pad) + pad +
                       x] = from[k * sn + c * sc + y * sh + x * sw];
    return grid;
}

static uint32_t png_crc(const uint8_t *data, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static void png_u32(ct__text *t, uint32_t v)
{
    char bytes[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    ct__text_addn(t, bytes, 4);
}

static void png_chunk(ct__text *out, const char *name, const ct__text *body)
{
    png_u32(out, (uint32_t)body->length);
    size_t start = out->length;
    ct__text_addn(out, name, 4);
    if (body->length)
        ct__text_addn(out, body->s, body->length);
    if (ct_ok())
        png_u32(out, png_crc((uint8_t *)out->s + start, out->length - start));
}

/* rows: h rows of a filter byte and w pixels. */
static void png_encode(ct__text *out, const ct__text *rows, int64_t h, int64_t w)
{
    ct__text head = {0}, body = {0}, none = {0};
    ct__text_addn(out, "\x89PNG\r\n\x1a\n", 8);
    png_u32(&head, (uint32_t)w);
    png_u32(&head, (uint32_t)h);
    ct__text_addn(&head, "\x08\x02\0\0\0", 5);
    png_chunk(out, "IHDR", &head);
    ct__text_addn(&body, "\x78\x01", 2);
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < rows->length; i++) {
        a = (a + (uint8_t)rows->s[i]) % 65521;
        b = (b + a) % 65521;
    }
    for (size_t at = 0; at < rows->length; at += 65535) {
        size_t n = rows->length - at < 65535 ? rows->length - at : 65535;
        uint8_t block[5] = {at + n == rows->length, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n,
                            (uint8_t)(~n >> 8)};
        ct__text_addn(&body, (char *)block, 5);
        ct__text_addn(&body, rows->s + at, n);
    }
    png_u32(&body, b << 16 | a);
    png_chunk(out, "IDAT", &body);
    png_chunk(out, "IEND", &none);
    ct__text_free(&head);
    ct__text_free(&body);
}

bool ct_save_image(ct_tensor *image, const char *path)
{
    if (ct__pending() || !image)
        return false;
    bool bytes = ct_dtype_of(image) == CT_UINT8;
    if (ct_ndim(image) != 3 || (!bytes && ct_dtype_of(image) != CT_FLOAT32) ||
        (ct_size(image, 0) != 1 && ct_size(image, 0) != 3) || ct_numel(image) == 0 || !path) {
        ct__fail(CT_ERR_TYPE,
                 "ct_save_image takes a float32 or uint8 image (3, H, W) or (1, H, W) and a path");
        return false;
    }
    int64_t h = ct_size(image, 1), w = ct_size(image, 2),
            sc = ct_size(image, 0) == 1 ? 0 : ct_stride(image, 0);
    ct__text rows = {0}, file = {0}, part = {0};
    for (int64_t y = 0; y < h; y++) {
        ct__text_addn(&rows, "\0", 1);
        for (int64_t x = 0; x < w; x++) {
            uint8_t pixel[3];
            for (int64_t c = 0; c < 3; c++) {
                int64_t at = c * sc + y * ct_stride(image, 1) + x * ct_stride(image, 2);
                if (bytes) {
                    pixel[c] = ((const uint8_t *)ct_data(image))[at];
                } else {
                    float v = ((const float *)ct_data(image))[at] * 255.0f + 0.5f;
                    pixel[c] = v >= 255.0f ? 255 : v > 0.0f ? (uint8_t)v : 0;
                }
            }
            ct__text_addn(&rows, (char *)pixel, 3);
        }
    }
    if (ct_ok())
        png_encode(&file, &rows, h, w);
    ct__text_addf(&part, "%s.part", path);
    if (ct_ok()) {
        FILE *f = fopen(part.s, "wb");
        bool good = f && fwrite(file.s, 1, file.length, f) == file.length;
        good = f && fclose(f) == 0 && good;
        if (!good || rename(part.s, path) != 0) {
            ct__fail(CT_ERR_IO, "%s: %s", path, strerror(errno));
            unlink(part.s);
        }
    }
    ct__text_free(&rows);
    ct__text_free(&file);
    ct__text_free(&part);
    return ct_ok();
}
