/* JPEG images, through libjpeg. Its errors come back to the setjmp in jpegfile_run, whose frame holds nothing; its
 * warnings are not printed. What the scan limit refuses are files that spend hours on one image. */
#include "vision/read.h"
#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

#define JPEGFILE_SCANS 500

typedef struct jpegfile {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    char why[JMSG_LENGTH_MAX];
    bool no_memory;
    ct__pixel_kind kind;
    const ct__image *image;
    uint8_t *row, *out; /* NULL: only the head */
} jpegfile;

static void jpegfile_error(j_common_ptr info)
{
    jpegfile *f = info->client_data;
    info->err->format_message(info, f->why);
    f->no_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(f->back, 1);
}

static void jpegfile_say(j_common_ptr info) { (void)info; }
static void jpegfile_warn(j_common_ptr info, int level) { (void)info, (void)level; }

static void jpegfile_source(j_decompress_ptr info) { (void)info; }

static boolean jpegfile_more(j_decompress_ptr info)
{
    jpegfile *f = info->client_data;
    snprintf(f->why, sizeof f->why, "Image is incomplete or truncated");
    longjmp(f->back, 1);
}

static void jpegfile_skip(j_decompress_ptr info, long n)
{
    if (n <= 0)
        return;
    if ((size_t)n > info->src->bytes_in_buffer)
        jpegfile_more(info);
    info->src->next_input_byte += n;
    info->src->bytes_in_buffer -= (size_t)n;
}

static void jpegfile_progress(j_common_ptr info)
{
    jpegfile *f = info->client_data;
    if (f->info.input_scan_number <= JPEGFILE_SCANS)
        return;
    snprintf(f->why, sizeof f->why, "it has more than %d scans", JPEGFILE_SCANS);
    longjmp(f->back, 1);
}

/* What to ask of libjpeg; false with `why`. */
static bool jpegfile_choose(jpegfile *f)
{
    ct_image_mode mode = f->image->mode;
    J_COLOR_SPACE stored = f->info.jpeg_color_space;
    if (mode == CT_IMAGE_GRAY_ALPHA || mode == CT_IMAGE_RGB_ALPHA) {
        snprintf(f->why, sizeof f->why, "The provided mode is not supported for JPEG files");
        return false;
    }
    switch (f->info.num_components) {
    case 1:
        f->info.out_color_space = JCS_GRAYSCALE;
        f->kind = CT_PIXEL_GRAY;
        return true;
    case 3:
        f->kind = mode == CT_IMAGE_GRAY && stored == JCS_YCbCr ? CT_PIXEL_GRAY : CT_PIXEL_RGB;
        f->info.out_color_space = f->kind == CT_PIXEL_GRAY ? JCS_GRAYSCALE : JCS_RGB;
        return true;
    case 4:
        f->info.out_color_space = JCS_CMYK;
        f->kind = CT_PIXEL_CMYK;
        return true;
    default: snprintf(f->why, sizeof f->why, "it has %d components", f->info.num_components); return false;
    }
}

/* Adobe's CMYK is stored as light, 255 for no ink. */
static void jpegfile_ink(uint8_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        row[i] = (uint8_t)(255 - row[i]);
}

/* The head, and where there is `out` every row. false with `why`. */
static bool jpegfile_run(jpegfile *f)
{
    if (setjmp(f->back))
        return false;
    if (!f->info.src) { /* the first of two calls, for the head */
        jpeg_create_decompress(&f->info);
        f->info.src = &f->source;
        jpeg_read_header(&f->info, TRUE);
        return jpegfile_choose(f);
    }
    f->info.progress = &f->progress;
    jpeg_start_decompress(&f->info);
    int64_t width = f->image->w * f->info.output_components;
    while (f->info.output_scanline < f->info.output_height) {
        JSAMPROW row = f->row;
        int64_t y = f->info.output_scanline;
        if (jpeg_read_scanlines(&f->info, &row, 1) != 1)
            break;
        if (f->kind == CT_PIXEL_CMYK)
            jpegfile_ink(f->row, width);
        ct__image_row(f->image, f->kind, f->row, y, f->out);
    }
    jpeg_finish_decompress(&f->info);
    return true;
}

static bool jpegfile_open(jpegfile *f, const ct__image *image)
{
    memset(f, 0, sizeof *f);
    f->image = image;
    f->info.err = jpeg_std_error(&f->errors);
    f->info.client_data = f;
    f->errors.error_exit = jpegfile_error;
    f->errors.output_message = jpegfile_say;
    f->errors.emit_message = jpegfile_warn;
    f->source.next_input_byte = image->data;
    f->source.bytes_in_buffer = (size_t)image->n;
    f->source.init_source = f->source.term_source = jpegfile_source;
    f->source.fill_input_buffer = jpegfile_more;
    f->source.skip_input_data = jpegfile_skip;
    f->source.resync_to_restart = jpeg_resync_to_restart;
    f->progress.progress_monitor = jpegfile_progress;
    return jpegfile_run(f);
}

/* Frees what libjpeg holds and says what went wrong. */
static bool jpegfile_close(jpegfile *f, bool good)
{
    jpeg_destroy_decompress(&f->info);
    if (good)
        return true;
    if (f->no_memory)
        ct__fail(CT_ERR_MEMORY, "not enough memory to decode %s", f->image->name);
    return ct__image_bad(f->image, "JPEG", f->why);
}

bool ct_reads_jpeg(void) { return true; }

bool ct__jpeg_head(ct__image *image)
{
    jpegfile f;
    bool good = jpegfile_open(&f, image);
    int64_t h = f.info.image_height, w = f.info.image_width;
    ct__pixel_kind kind = f.kind;
    return jpegfile_close(&f, good) && ct__image_sizes(image, kind, h, w);
}

bool ct__jpeg_pixels(const ct__image *image, uint8_t *out)
{
    jpegfile f;
    bool good = jpegfile_open(&f, image);
    size_t bytes = (size_t)image->w * 4;
    if (good && (f.row = ct__alloc(bytes))) {
        f.out = out;
        good = jpegfile_run(&f);
        ct__free(f.row, bytes);
    }
    return jpegfile_close(&f, good) && ct_ok();
}
