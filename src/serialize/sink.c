/* Where a checkpoint is written: a file that appears under its name whole or not at all (a temporary beside
 * it, synced and renamed), or a callback. A path that is no regular file (a pipe, a device) is written
 * directly. */
#include "serialize/serialize.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool sink_error(ct__sink *s, const char *doing, int e)
{
    ct__fail(CT_ERR_RUNTIME, "PytorchStreamWriter failed %s %s: [Errno %d] %s. %s", doing, s->path, e,
             strerror(e), s->rename ? "What was there before is untouched." : "");
    return false;
}

static uint64_t sink_random(void)
{
    static atomic_uint_fast64_t counter;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t h = (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u ^ (uint64_t)getpid() << 20 ^
                 atomic_fetch_add(&counter, 1) << 44;
    return (h ^ h >> 29) * 0xBF58476D1CE4E5B9u;
}

bool ct__sink_open(ct__sink *s, const char *path)
{
    s->fd = -1;
    s->write = NULL;
    s->path = s->temporary = NULL;
    s->position = s->buffered = 0;
    s->rename = false;
    if (!path || ct__pending()) {
        ct__fail(CT_ERR_VALUE, "no path (NULL) to save to");
        return false;
    }
    char *real = realpath(path, NULL); /* a symbolic link stays one: its target is replaced */
    s->path = ct__strdup(real ? real : path);
    free(real);
    if (!s->path)
        return false;
    s->path_bytes = (int64_t)strlen(s->path) + 1;
    const char *slash = strrchr(s->path, '/');
    int folder = slash ? (int)(slash - s->path) : 0;
    struct stat st;
    bool exists = stat(s->path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        ct__fail(CT_ERR_RUNTIME, "File %s cannot be opened: it is a folder. Give the name of a file in it.",
                 path);
        return false;
    }
    if (exists && !S_ISREG(st.st_mode)) {
        s->fd = open(s->path, O_WRONLY | O_CLOEXEC);
        return s->fd >= 0 || sink_error(s, "opening", errno);
    }
    s->rename = true;
    s->temporary_bytes = folder + 48;
    if (!(s->temporary = ct__alloc((size_t)s->temporary_bytes)))
        return false;
    for (int attempt = 0; attempt < 100 && s->fd < 0; attempt++) {
        snprintf(s->temporary, (size_t)s->temporary_bytes, "%.*s%s.ctorch-%016llx.tmp", folder, s->path,
                 slash ? "/" : "", (unsigned long long)sink_random());
        s->fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (s->fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    if (s->fd < 0) {
        int e = errno;
        s->temporary[0] = 0; /* not ours */
        if (e == ENOENT || e == ENOTDIR) {
            ct__fail(CT_ERR_RUNTIME, "Parent directory %.*s does not exist.", folder ? folder : 1,
                     folder ? s->path : ".");
            return false;
        }
        return sink_error(s, "creating a file beside", e);
    }
    if (exists && fchmod(s->fd, st.st_mode & 07777) != 0) {
        /* a file system without modes: nothing to keep */
    }
    return true;
}

void ct__sink_callback(ct__sink *s, ct_save_fn *write, void *data)
{
    s->fd = -1;
    s->write = write;
    s->data = data;
    s->path = s->temporary = NULL;
    s->position = s->buffered = 0;
    s->rename = false;
}

static bool sink_out(ct__sink *s, const uint8_t *p, int64_t n)
{
    if (s->write) {
        if (n == 0 || s->write(p, n, s->data))
            return true;
        ct__fail(CT_ERR_IO, "the stream refused %lld bytes of a checkpoint", (long long)n);
        return false;
    }
    while (n > 0) {
        ssize_t done = write(s->fd, p, (size_t)(n < (1 << 30) ? n : 1 << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return sink_error(s, "writing", done ? errno : ENOSPC);
        p += done;
        n -= done;
    }
    return true;
}

static bool sink_flush(ct__sink *s)
{
    int64_t n = s->buffered;
    s->buffered = 0;
    return sink_out(s, s->buffer, n);
}

bool ct__sink_write(ct__sink *s, const void *bytes, int64_t n)
{
    if (n == 0)
        return true;
    s->position += n;
    if (n > (int64_t)sizeof s->buffer - s->buffered && !sink_flush(s))
        return false;
    if (n > (int64_t)sizeof s->buffer)
        return sink_out(s, bytes, n);
    memcpy(s->buffer + s->buffered, bytes, (size_t)n);
    s->buffered += n;
    return true;
}

bool ct__sink_commit(ct__sink *s)
{
    if (!sink_flush(s))
        return false;
    if (s->write)
        return true;
    if (s->rename && fsync(s->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return sink_error(s, "syncing", errno);
    int fd = s->fd;
    s->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return sink_error(s, "closing", errno);
    if (!s->rename)
        return true;
    if (rename(s->temporary, s->path) != 0)
        return sink_error(s, "renaming a finished file to", errno);
    char *slash = strrchr(s->temporary, '/'); /* the folder's own entry: best effort */
    if (slash)
        slash[1] = 0;
    int folder = open(slash ? s->temporary : ".", O_RDONLY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    s->temporary[0] = 0;
    return true;
}

void ct__sink_abandon(ct__sink *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (s->temporary) {
        if (s->temporary[0])
            unlink(s->temporary);
        ct__free(s->temporary, (size_t)s->temporary_bytes);
    }
    if (s->path)
        ct__free(s->path, (size_t)s->path_bytes);
    s->path = s->temporary = NULL;
}
