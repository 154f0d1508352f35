/* Reads zip archives as PyTorch does: one root folder, stored entries, deflated ones through zlib where it is
 * there, ZIP64. Every offset and length of the file is checked against its size before anything is read or
 * allocated by it. Refuses encryption, archives in several parts, other compression methods. */
#include "serialize/serialize.h"
#include <stdio.h>

typedef struct zip_entry {
    int64_t name, name_bytes, compressed, size, header;
    uint32_t crc;
    uint16_t method, flags;
} zip_entry;

struct ct_archive {
    ct_object base;
    ct__source source;
    char *directory; /* the central directory, names included */
    int64_t directory_bytes;
    zip_entry *entries;
    int64_t count, capacity;
    int64_t root, root_bytes; /* in directory; without the slash */
    ct__map by_name;          /* whole names */
};

static uint16_t zip_u16(const void *p) { const uint8_t *b = p; return (uint16_t)(b[0] | b[1] << 8); }
static uint32_t zip_u32(const void *p) { return zip_u16(p) | (uint32_t)zip_u16((const char *)p + 2) << 16; }
static uint64_t zip_u64(const void *p) { return zip_u32(p) | (uint64_t)zip_u32((const char *)p + 4) << 32; }

static bool zip_bad(const ct__source *s, const char *what)
{
    ct__fail(CT_ERR_RUNTIME,
             "PytorchStreamReader failed reading zip archive: %s. %s (%lld bytes) is damaged, was truncated "
             "or "
             "is not a checkpoint: copy it or save it again.",
             what, s->name, (long long)s->size);
    return false;
}

static void zip_destroy(void *object)
{
    ct_archive *a = object;
    ct__source_close(&a->source);
    if (a->directory)
        ct__free(a->directory, (size_t)a->directory_bytes);
    if (a->entries)
        ct__free(a->entries, (size_t)a->capacity * sizeof *a->entries);
    ct__map_free(&a->by_name);
    ct__free(a, sizeof *a);
}

static const ct_type zip_type = {"ct_archive", zip_destroy, NULL};

/* Finds the central directory: its place, size and number of entries. */
static bool zip_find_directory(const ct__source *s, int64_t *offset, int64_t *bytes, int64_t *count)
{
    uint8_t tail[4096 + 22], end64[56], locator[20];
    int64_t comment_limit = 65535, seen = 0, at = -1;
    while (at < 0 && seen <= comment_limit && seen + 22 <= s->size) { /* windows of 4 KiB, from the end */
        int64_t last = s->size - 22 - seen, first = last > 4095 ? last - 4095 : 0;
        if (!ct__source_read(s, first, tail, last - first + 22))
            return false;
        for (int64_t i = last - first; i >= 0 && at < 0; i--)
            if (memcmp(tail + i, "PK\5\6", 4) == 0 && first + i + 22 + zip_u16(tail + i + 20) <= s->size) {
                at = first + i;
                memmove(tail, tail + i, 22);
            }
        seen += last - first + 1;
    }
    if (at < 0)
        return zip_bad(s, "failed finding central directory");
    if (zip_u16(tail + 4) != zip_u16(tail + 6) && zip_u16(tail + 4) != 0xFFFF)
        return zip_bad(s, "an archive in several parts");
    *count = zip_u16(tail + 10);
    *bytes = zip_u32(tail + 12);
    *offset = zip_u32(tail + 16);
    if ((*count == 0xFFFF || *bytes == 0xFFFFFFFF || *offset == 0xFFFFFFFF) && at >= 20) {
        if (!ct__source_read(s, at - 20, locator, 20))
            return false;
        if (memcmp(locator, "PK\6\7", 4) == 0) {
            uint64_t where = zip_u64(locator + 8);
            if (at < 76 || where > (uint64_t)at - 76)
                return zip_bad(s, "a ZIP64 end record outside of the file");
            if (!ct__source_read(s, (int64_t)where, end64, 56))
                return false;
            if (memcmp(end64, "PK\6\6", 4) != 0)
                return zip_bad(s, "no ZIP64 end record where the file says");
            uint64_t n = zip_u64(end64 + 32), size = zip_u64(end64 + 40), start = zip_u64(end64 + 48);
            if (n > INT64_MAX || size > INT64_MAX || start > INT64_MAX)
                return zip_bad(s, "a central directory outside of the file");
            *count = (int64_t)n;
            *bytes = (int64_t)size;
            *offset = (int64_t)start;
        }
    }
    if (*offset > at || *bytes > at - *offset)
        return zip_bad(s, "a central directory outside of the file");
    if (*count > *bytes / 46)
        return zip_bad(s, "a central directory too small for its entries");
    return true;
}

static bool zip_entry_parse(ct_archive *a, int64_t *at, zip_entry *e)
{
    const char *d = a->directory + *at;
    int64_t left = a->directory_bytes - *at;
    if (left < 46 || memcmp(d, "PK\1\2", 4) != 0)
        return zip_bad(&a->source, "a damaged central directory");
    int64_t name = zip_u16(d + 28), extra = zip_u16(d + 30), comment = zip_u16(d + 32);
    if (name + extra + comment > left - 46)
        return zip_bad(&a->source, "a damaged central directory");
    uint64_t compressed = zip_u32(d + 20), size = zip_u32(d + 24), header = zip_u32(d + 42);
    for (const char *x = d + 46 + name, *end = x + extra; end - x >= 4;) {
        int64_t n = zip_u16(x + 2), used = 0;
        if (n > end - x - 4)
            break;
        if (zip_u16(x) == 1) {
            uint64_t *fields[3] = {&size, &compressed, &header};
            for (int i = 0; i < 3; i++)
                if (*fields[i] == 0xFFFFFFFF && used + 8 <= n) {
                    *fields[i] = zip_u64(x + 4 + used);
                    used += 8;
                }
        }
        x += 4 + n;
    }
    uint64_t total = (uint64_t)a->source.size;
    if (header > total || compressed > total - header)
        return zip_bad(&a->source, "an entry outside of the file");
    *e = (zip_entry){
        *at + 46,        name,          (int64_t)compressed, (int64_t)size, (int64_t)header, zip_u32(d + 16),
        zip_u16(d + 10), zip_u16(d + 8)};
    /* deflate packs at most 1032 bytes into one */
    if (e->method == 0 ? size != compressed : size / 1032 > compressed + 64)
        return zip_bad(&a->source, "an entry whose sizes contradict each other");
    *at += 46 + name + extra + comment;
    return true;
}

ct_archive *ct__archive_take(ct__source *s)
{
    int64_t offset, bytes, count;
    ct_archive *a = NULL;
    char magic[4] = "";
    if (ct__pending() || (s->size >= 4 && !ct__source_read(s, 0, magic, 4)))
        ;
    else if (memcmp(magic, "PK\3\4", 4) != 0)
        zip_bad(s, "not a ZIP archive");
    else if (zip_find_directory(s, &offset, &bytes, &count))
        a = ct__alloc_zero(sizeof *a);
    if (!a) {
        ct__source_close(s);
        return NULL;
    }
    ct__object_init(a, &zip_type);
    a->source = *s;
    *s = (ct__source){.fd = -1};
    a->directory = ct__alloc((size_t)bytes);
    a->directory_bytes = bytes;
    a->entries = ct__alloc((size_t)count * sizeof *a->entries);
    a->capacity = count;
    if (!a->directory || !a->entries || !ct__source_read(&a->source, offset, a->directory, bytes))
        goto fail;
    for (int64_t at = 0; a->count < count; a->count++) {
        zip_entry *e = &a->entries[a->count];
        if (!zip_entry_parse(a, &at, e))
            goto fail;
        const char *name = a->directory + e->name;
        if (a->count == 0) {
            const char *slash = memchr(name, '/', (size_t)e->name_bytes);
            if (!slash) {
                ct__fail(CT_ERR_RUNTIME,
                         "file in archive is not in a subdirectory: %.*s, in %s. It is a zip file, but not a "
                         "checkpoint.",
                         (int)e->name_bytes, name, a->source.name);
                goto fail;
            }
            a->root = e->name;
            a->root_bytes = slash - name;
        }
        if (ct__map_get(&a->by_name, name, e->name_bytes) < 0 &&
            !ct__map_put(&a->by_name, name, e->name_bytes, a->count))
            goto fail;
    }
    return a;
fail:
    ct_release(a);
    return NULL;
}

ct_archive *ct_archive_open(const char *path)
{
    ct__source s;
    return ct__source_open(&s, path) ? ct__archive_take(&s) : NULL;
}

ct_archive *ct_archive_open_bytes(const void *data, int64_t bytes, const char *name)
{
    ct__source s;
    if (!ct__source_memory(&s, data, bytes, name)) {
        ct__source_close(&s);
        return NULL;
    }
    return ct__archive_take(&s);
}

const char *ct__archive_name(const ct_archive *a) { return a->source.name; }

static const zip_entry *zip_entry_of(const ct_archive *a, const char *record)
{
    char name[512];
    int64_t n = (int64_t)strlen(record), whole = a->root_bytes + 1 + n;
    if (whole > (int64_t)sizeof name)
        return NULL;
    memcpy(name, a->directory + a->root, (size_t)a->root_bytes);
    name[a->root_bytes] = '/';
    memcpy(name + a->root_bytes + 1, record, (size_t)n);
    int64_t i = ct__map_get(&a->by_name, name, whole);
    return i < 0 ? NULL : &a->entries[i];
}

int64_t ct_archive_size(const ct_archive *a, const char *record)
{
    const zip_entry *e = a && record ? zip_entry_of(a, record) : NULL;
    return e ? e->size : -1;
}

int64_t ct__archive_held(const ct_archive *a, const char *record)
{
    const zip_entry *e = zip_entry_of(a, record);
    return e ? e->compressed : 0;
}

static bool zip_inflate(const ct_archive *a, const zip_entry *e, int64_t from, void *to)
{
    void *packed = ct__alloc((size_t)e->compressed);
    bool ok = packed && ct__source_read(&a->source, from, packed, e->compressed) &&
              ct__inflate(packed, e->compressed, to, e->size, a->source.name);
    if (packed)
        ct__free(packed, (size_t)e->compressed);
    return ok;
}

bool ct_archive_read(const ct_archive *a, const char *record, void *to, int64_t n)
{
    uint8_t header[30];
    if (!a || ct__pending())
        return false;
    const zip_entry *e = zip_entry_of(a, record);
    if (!e) {
        ct__fail(CT_ERR_RUNTIME,
                 "PytorchStreamReader failed locating file %s: file not found. %s is damaged or is not a "
                 "checkpoint: copy it or save it again.",
                 record, a->source.name);
        return false;
    }
    if (n != e->size) {
        ct__fail(CT_ERR_RUNTIME, "record %s of %s has %lld bytes, not %lld", record, a->source.name,
                 (long long)e->size, (long long)n);
        return false;
    }
    if (!ct__source_read(&a->source, e->header, header, 30))
        return false;
    int64_t from = e->header + 30 + zip_u16(header + 26) + zip_u16(header + 28);
    if (memcmp(header, "PK\3\4", 4) != 0 || from > a->source.size || e->compressed > a->source.size - from)
        return zip_bad(&a->source, "a damaged local header");
    if (e->flags & 1)
        return zip_bad(&a->source, "an encrypted entry");
    if (e->method == 0   ? !ct__source_read(&a->source, from, to, n)
        : e->method == 8 ? !zip_inflate(a, e, from, to)
                         : !zip_bad(&a->source, "an unknown compression method"))
        return false;
    /* torch.serialization.set_crc32_options(False) writes 0 */
    if (e->crc != 0 && ct__crc32(0, to, n) != e->crc) {
        ct__fail(CT_ERR_RUNTIME,
                 "PytorchStreamReader failed reading file %s: decompression failed or CRC32 check failed. %s "
                 "is "
                 "damaged: copy it or save it again.",
                 record, a->source.name);
        return false;
    }
    return true;
}
