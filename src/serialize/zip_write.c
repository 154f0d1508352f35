/* Writes zip archives as PyTorch does: one root folder, stored entries whose data starts at multiples of 64
 * bytes, ZIP64 where it is needed. Refuses nothing; a failure leaves no file. */
#include "serialize/serialize.h"
#include <stdio.h>

#define ZIP_ALIGNMENT 64

struct ct_archive_writer {
    ct_object base;
    ct__sink sink;
    ct__text directory; /* the central directory so far */
    int64_t count;
    char root[256];
};

static void zipw_destroy(void *object)
{
    ct_archive_writer *w = object;
    ct__sink_abandon(&w->sink);
    ct__text_free(&w->directory);
    ct__free(w, sizeof *w);
}

static const ct_type zipw_type = {"ct_archive_writer", zipw_destroy, NULL};

static ct_archive_writer *zipw_new(void)
{
    ct_archive_writer *w = ct__pending() ? NULL : ct__alloc_zero(sizeof *w);
    if (w) {
        ct__object_init(w, &zipw_type);
        w->sink.fd = -1;
        strcpy(w->root, "archive");
    }
    return w;
}

ct_archive_writer *ct_archive_create(const char *path)
{
    ct_archive_writer *w = zipw_new();
    if (!w)
        return NULL;
    if (!ct__sink_open(&w->sink, path)) {
        ct_release(w);
        return NULL;
    }
    /* the root folder: the file's name without its last extension */
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path, *dot = strrchr(stem, '.');
    size_t n = dot && dot != stem ? (size_t)(dot - stem) : strlen(stem);
    if (n > 0 && n < sizeof w->root) {
        memcpy(w->root, stem, n);
        w->root[n] = 0;
    }
    return w;
}

ct_archive_writer *ct_archive_create_stream(ct_save_fn *write, void *data)
{
    ct_archive_writer *w = zipw_new();
    if (w)
        ct__sink_callback(&w->sink, write, data);
    return w;
}

static uint8_t *zipw_put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        *p++ = (uint8_t)v;
    return p;
}

bool ct_archive_add(ct_archive_writer *w, const char *record, const void *bytes, int64_t n)
{
    static const char padding[ZIP_ALIGNMENT + 1] = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"
                                                   "ZZZZZZZ";
    uint8_t header[30], extra[20], entry[46];
    char name[600];
    if (!w || ct__pending())
        return false;
    int64_t name_bytes = snprintf(name, sizeof name, "%s/%s", w->root, record), at = w->sink.position;
    if (n < 0 || name_bytes >= (int64_t)sizeof name) {
        ct__fail(CT_ERR_VALUE, "a record's name is too long, or its size negative: %.100s, %lld bytes",
                 record, (long long)n);
        return false;
    }
    uint32_t crc = ct__crc32(0, bytes, n);
    bool large = n >= 0xFFFFFFFF, far = at >= 0xFFFFFFFF;
    int64_t fixed = 30 + name_bytes + (large ? 20 : 0) + 4,
            pad = (ZIP_ALIGNMENT - (at + fixed) % ZIP_ALIGNMENT) % ZIP_ALIGNMENT;
    uint8_t *p = header;
    p = zipw_put(p, 0x04034B50, 4);
    p = zipw_put(p, large ? 45 : 20, 2);
    p = zipw_put(p, 0x800, 2); /* names are UTF-8 */
    p = zipw_put(p, 0, 2 + 4); /* stored; no date */
    p = zipw_put(p, crc, 4);
    p = zipw_put(p, large ? 0xFFFFFFFF : (uint64_t)n, 4);
    p = zipw_put(p, large ? 0xFFFFFFFF : (uint64_t)n, 4);
    p = zipw_put(p, (uint64_t)name_bytes, 2);
    zipw_put(p, (uint64_t)(fixed - 30 - name_bytes + pad), 2);
    bool ok = ct__sink_write(&w->sink, header, 30) && ct__sink_write(&w->sink, name, name_bytes);
    if (large) {
        p = zipw_put(zipw_put(extra, 1, 2), 16, 2);
        zipw_put(zipw_put(p, (uint64_t)n, 8), (uint64_t)n, 8);
        ok = ok && ct__sink_write(&w->sink, extra, 20);
    }
    zipw_put(zipw_put(extra, 'F' | 'B' << 8, 2), (uint64_t)pad, 2);
    ok = ok && ct__sink_write(&w->sink, extra, 4) && ct__sink_write(&w->sink, padding, pad) &&
         ct__sink_write(&w->sink, bytes, n);
    if (!ok)
        return false;

    int extra_bytes = (large ? 16 : 0) + (far ? 8 : 0);
    p = zipw_put(entry, 0x02014B50, 4);
    p = zipw_put(p, 45, 2);
    memcpy(p, header + 4, 24); /* version needed ... sizes, name's length */
    p = zipw_put(p + 24, extra_bytes ? (uint64_t)extra_bytes + 4 : 0, 2);
    p = zipw_put(p, 0, 2 + 2 + 2 + 4); /* comment, disk, attributes */
    zipw_put(p, far ? 0xFFFFFFFF : (uint64_t)at, 4);
    ct__text_addn(&w->directory, (const char *)entry, 46);
    ct__text_addn(&w->directory, name, (size_t)name_bytes);
    if (extra_bytes) {
        p = zipw_put(zipw_put(entry, 1, 2), (uint64_t)extra_bytes, 2);
        if (large)
            p = zipw_put(zipw_put(p, (uint64_t)n, 8), (uint64_t)n, 8);
        if (far)
            p = zipw_put(p, (uint64_t)at, 8);
        ct__text_addn(&w->directory, (const char *)entry, (size_t)extra_bytes + 4);
    }
    w->count++;
    return !ct__pending();
}

bool ct_archive_finish(ct_archive_writer *w)
{
    uint8_t end[56 + 20 + 22], *p = end;
    if (!w || ct__pending())
        return false;
    uint64_t start = (uint64_t)w->sink.position, bytes = w->directory.length, count = (uint64_t)w->count;
    if (!ct__sink_write(&w->sink, bytes ? w->directory.s : "", (int64_t)bytes))
        return false;
    p = zipw_put(p, 0x06064B50, 4); /* the ZIP64 end record, which PyTorch writes always */
    p = zipw_put(p, 44, 8);
    p = zipw_put(zipw_put(p, 45, 2), 45, 2);
    p = zipw_put(p, 0, 4 + 4);
    p = zipw_put(zipw_put(p, count, 8), count, 8);
    p = zipw_put(zipw_put(p, bytes, 8), start, 8);
    p = zipw_put(p, 0x07064B50, 4);
    p = zipw_put(p, 0, 4);
    p = zipw_put(p, start + bytes, 8);
    p = zipw_put(p, 1, 4);
    p = zipw_put(p, 0x06054B50, 4);
    p = zipw_put(p, 0, 2 + 2);
    p = zipw_put(p, count < 0xFFFF ? count : 0xFFFF, 2);
    p = zipw_put(p, count < 0xFFFF ? count : 0xFFFF, 2);
    p = zipw_put(p, bytes < 0xFFFFFFFF ? bytes : 0xFFFFFFFF, 4);
    p = zipw_put(p, start < 0xFFFFFFFF ? start : 0xFFFFFFFF, 4);
    p = zipw_put(p, 0, 2);
    return ct__sink_write(&w->sink, end, p - end) && ct__sink_commit(&w->sink);
}
