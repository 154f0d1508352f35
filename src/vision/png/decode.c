/* PNG images, through libpng. Its errors come back to the setjmp in pngfile_run, whose frame holds nothing; its
 * warnings are not printed, and chunks that say nothing about pixels are skipped. Memory comes from ct__alloc. */
#include "vision/read.h"
#include <png.h>
#include <setjmp.h>
#include <stdio.h>

typedef struct pngfile {
    png_structp png;
    png_infop info;
    const ct__image *image;
    int64_t at;
    char why[128];
    ct__pixel_kind kind;
    int64_t h, w;
    int type, depth, channels, passes;
    size_t row_bytes;
    uint8_t palette[256][4];
    uint8_t *rows, *wide, *out; /* rows: one, or all of an interlaced image; wide: a palette's row in colour */
} pngfile;

#define PNGFILE_HEAD 64 /* before each block: its size */

static png_voidp pngfile_alloc(png_structp png, png_alloc_size_t n)
{
    (void)png;
    uint8_t *p = n < SIZE_MAX / 2 ? ct__alloc((size_t)n + PNGFILE_HEAD) : NULL;
    if (!p)
        return NULL;
    *(size_t *)p = (size_t)n + PNGFILE_HEAD;
    return p + PNGFILE_HEAD;
}

static void pngfile_free(png_structp png, png_voidp p)
{
    (void)png;
    if (p)
        ct__free((uint8_t *)p - PNGFILE_HEAD, *(size_t *)((uint8_t *)p - PNGFILE_HEAD));
}

static void pngfile_error(png_structp png, png_const_charp why)
{
    pngfile *f = png_get_error_ptr(png);
    snprintf(f->why, sizeof f->why, "%s", why);
    png_longjmp(png, 1);
}

static void pngfile_warn(png_structp png, png_const_charp why) { (void)png, (void)why; }

static void pngfile_read(png_structp png, png_bytep to, size_t n)
{
    pngfile *f = png_get_io_ptr(png);
    if (n > (size_t)(f->image->n - f->at))
        png_error(png, "Image is incomplete or truncated");
    memcpy(to, f->image->data + f->at, n);
    f->at += (int64_t)n;
}

static bool pngfile_wants_alpha(const pngfile *f)
{ return f->image->mode == CT_IMAGE_GRAY_ALPHA || f->image->mode == CT_IMAGE_RGB_ALPHA; }

/* What to ask of libpng, and what its rows will then be. */
static void pngfile_choose(pngfile *f)
{
    bool alpha = f->type & PNG_COLOR_MASK_ALPHA;
    if (f->type == PNG_COLOR_TYPE_PALETTE) {
        png_colorp colors = NULL;
        png_bytep opacity = NULL;
        int n = 0, transparent = 0;
        png_get_PLTE(f->png, f->info, &colors, &n);
        png_get_tRNS(f->png, f->info, &opacity, &transparent, NULL);
        for (int i = 0; i < 256; i++) {
            if (i < n)
                memcpy(f->palette[i], &colors[i], 3);
            f->palette[i][3] = i < transparent && opacity ? opacity[i] : 255;
        }
        png_set_packing(f->png);
        f->kind = f->image->mode == CT_IMAGE_UNCHANGED ? CT_PIXEL_GRAY : CT_PIXEL_RGB_ALPHA;
    } else {
        if (f->depth < 8)
            png_set_expand_gray_1_2_4_to_8(f->png);
        if (!alpha && pngfile_wants_alpha(f) && png_get_valid(f->png, f->info, PNG_INFO_tRNS)) {
            png_set_tRNS_to_alpha(f->png);
            alpha = true;
        }
        if (f->type & PNG_COLOR_MASK_COLOR)
            f->kind = alpha ? CT_PIXEL_RGB_ALPHA : CT_PIXEL_RGB;
        else
            f->kind = alpha ? CT_PIXEL_GRAY_ALPHA : CT_PIXEL_GRAY;
        /* Pillow keeps 16-bit gray, and stops at 255 when it makes bytes of it; of other kinds it takes the high byte */
        if (f->depth == 16 && (f->type != PNG_COLOR_TYPE_GRAY || f->image->mode == CT_IMAGE_UNCHANGED))
            png_set_strip_16(f->png);
    }
    f->passes = png_set_interlace_handling(f->png);
    png_read_update_info(f->png, f->info);
    f->depth = png_get_bit_depth(f->png, f->info);
    f->channels = png_get_channels(f->png, f->info);
    f->row_bytes = png_get_rowbytes(f->png, f->info);
}

/* One row as libpng gives it, to its planes. */
static void pngfile_row(pngfile *f, uint8_t *row, int64_t y)
{
    int64_t n = f->w * f->channels;
    if (f->wide) {
        for (int64_t x = 0; x < f->w; x++)
            memcpy(f->wide + 4 * x, f->palette[row[x]], 4);
        row = f->wide;
    } else if (f->depth == 16) {
        for (int64_t i = 0; i < n; i++)
            row[i] = row[2 * i] ? 255 : row[2 * i + 1];
    }
    ct__image_row(f->image, f->kind, row, y, f->out);
}

/* The head, and in a second call every row. false with `why`. */
static bool pngfile_run(pngfile *f)
{
    if (setjmp(png_jmpbuf(f->png)))
        return false;
    if (!f->rows) {
        png_set_read_fn(f->png, f, pngfile_read);
        png_set_keep_unknown_chunks(f->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
        png_read_info(f->png, f->info);
        f->h = png_get_image_height(f->png, f->info);
        f->w = png_get_image_width(f->png, f->info);
        f->type = png_get_color_type(f->png, f->info);
        f->depth = png_get_bit_depth(f->png, f->info);
        pngfile_choose(f);
        return true;
    }
    for (int pass = 0; pass < f->passes; pass++)
        for (int64_t y = 0; y < f->h; y++) {
            uint8_t *row = f->rows + (f->passes > 1 ? (size_t)y * f->row_bytes : 0);
            png_read_row(f->png, row, NULL);
            if (pass == f->passes - 1)
                pngfile_row(f, row, y);
        }
    return true;
}

static bool pngfile_open(pngfile *f, const ct__image *image)
{
    memset(f, 0, sizeof *f);
    f->image = image;
    f->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, f, pngfile_error, pngfile_warn, NULL, pngfile_alloc,
                                      pngfile_free);
    f->info = f->png ? png_create_info_struct(f->png) : NULL;
    if (f->info)
        return pngfile_run(f);
    snprintf(f->why, sizeof f->why, "libpng could not start");
    return false;
}

/* Frees what libpng holds and says what went wrong; a failed allocation has said so itself. */
static bool pngfile_close(pngfile *f, bool good)
{
    if (f->png)
        png_destroy_read_struct(&f->png, &f->info, NULL);
    if (!good)
        ct__image_bad(f->image, "PNG", f->why);
    return good && ct_ok();
}

bool ct_reads_png(void) { return true; }

bool ct__png_head(ct__image *image)
{
    pngfile f;
    bool good = pngfile_open(&f, image);
    int64_t h = f.h, w = f.w;
    ct__pixel_kind kind = f.kind;
    return pngfile_close(&f, good) && ct__image_sizes(image, kind, h, w);
}

bool ct__png_pixels(const ct__image *image, uint8_t *out)
{
    pngfile f;
    bool good = pngfile_open(&f, image);
    size_t bytes = good ? f.row_bytes * (size_t)(f.passes > 1 ? f.h : 1) : 0, wide = (size_t)image->w * 4;
    f.out = out;
    if (good && (f.rows = ct__alloc(bytes))) {
        if (f.type == PNG_COLOR_TYPE_PALETTE && image->mode != CT_IMAGE_UNCHANGED)
            f.wide = ct__alloc(wide);
        good = ct_ok() && pngfile_run(&f);
        if (f.wide)
            ct__free(f.wide, wide);
        ct__free(f.rows, bytes);
    }
    return pngfile_close(&f, good);
}
