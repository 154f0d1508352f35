/* Where a checkpoint is read from: a regular file, read at offsets and never mapped (a file that shrinks
 * meanwhile is an error, not a signal), or memory. */
#include "serialize/serialize.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool source_name(ct__source *s, const char *name)
{
    s->name = ct__strdup(name);
    s->name_bytes = (int64_t)strlen(name) + 1;
    return s->name != NULL;
}

bool ct__source_open(ct__source *s, const char *path)
{
    *s = (ct__source){.fd = -1};
    if (!path || ct__pending()) {
        ct__fail(CT_ERR_VALUE, "no path (NULL) to load from");
        return false;
    }
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        errno = e;
        ct__fail(CT_ERR_IO, "[Errno %d] %s: '%s'", e, strerror(e), path);
        errno = e; /* for a binding */
        return false;
    }
    s->fd = fd;
    s->size = st.st_size;
    if (!S_ISREG(st.st_mode)) {
        int e = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        if (e == EISDIR)
            ct__fail(CT_ERR_IO, "[Errno %d] %s: '%s'", e, strerror(e), path);
        else
            ct__fail(CT_ERR_IO, "'%s' is not a regular file: read it into memory and load that", path);
    } else if (source_name(s, path))
        return true;
    ct__source_close(s);
    return false;
}

bool ct__source_memory(ct__source *s, const void *data, int64_t bytes, const char *name)
{
    *s = (ct__source){.memory = bytes > 0 ? data : (const void *)"", .fd = -1, .size = bytes};
    if (ct__pending())
        return false;
    if (bytes < 0 || (bytes > 0 && !data)) {
        ct__fail(CT_ERR_VALUE, "no data (NULL) to load from");
        return false;
    }
    return source_name(s, name ? name : "the data");
}

bool ct__source_read(const ct__source *s, int64_t offset, void *to, int64_t n)
{
    if (n < 0 || offset < 0 || offset > s->size || n > s->size - offset) {
        ct__fail(CT_ERR_RUNTIME,
                 "%s ends at byte %lld, where bytes %lld to %lld are needed: it was truncated or is damaged. "
                 "Copy or save it again.",
                 s->name, (long long)s->size, (long long)offset, (long long)(offset + n));
        return false;
    }
    if (n == 0)
        return true;
    if (s->memory) {
        memcpy(to, s->memory + offset, (size_t)n);
        return true;
    }
    for (char *p = to; n > 0;) {
        ssize_t got = pread(s->fd, p, (size_t)(n < (1 << 30) ? n : 1 << 30), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            int e = errno;
            if (got < 0)
                ct__fail(CT_ERR_IO, "[Errno %d] %s: '%s', reading at byte %lld", e, strerror(e), s->name,
                         (long long)offset);
            else
                ct__fail(CT_ERR_RUNTIME, "%s became shorter while it was read: now it ends at byte %lld",
                         s->name, (long long)offset);
            return false;
        }
        p += got;
        offset += got;
        n -= got;
    }
    return true;
}

void ct__source_close(ct__source *s)
{
    if (s->fd >= 0)
        close(s->fd);
    if (s->name)
        ct__free(s->name, (size_t)s->name_bytes);
    *s = (ct__source){.fd = -1};
}
