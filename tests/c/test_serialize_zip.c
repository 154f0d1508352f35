/* The archive: what is written is read back, aligned; a failure leaves the old file; damage is an error. */
#include "test_serialize.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void test_crc(void)
{
    CHECK(ct__crc32(0, "123456789", 9) == 0xCBF43926);
    static uint8_t data[40000];
    for (int i = 0; i < 40000; i++)
        data[i] = (uint8_t)(i * i >> 3);
    uint32_t pieces = 0;
    for (int i = 0; i < 40000; i += 1000)
        pieces = ct__crc32(pieces, data + i, 1000);
    CHECK(ct__crc32(0, data, 40000) == pieces);
    CHECK(ct__crc32(0, data + 1, 39999) != pieces);
}

static void test_round_trip(void)
{
    const char *path = in_folder("net.v1.pt");
    static char big[100000];
    for (int i = 0; i < 100000; i++)
        big[i] = (char)(i * 7);
    ct_archive_writer *w = ct_archive_create(path);
    CHECK(w && ct_archive_add(w, "data.pkl", "hello", 5) && ct_archive_add(w, "data/0", big, sizeof big) &&
          ct_archive_add(w, "data/1", "", 0));
    char name[32];
    for (int i = 2; i < 300; i++) {
        snprintf(name, sizeof name, "data/%d", i);
        CHECK(ct_archive_add(w, name, big, i));
    }
    CHECK(access(path, F_OK) != 0); /* not there before the end */
    CHECK(ct_archive_finish(w));
    ct_release(w);
    CHECK(files_in_folder(false) == 1);

    ct_archive *a = ct_archive_open(path);
    char small[5], *copy = malloc(sizeof big);
    CHECK(a && ct_archive_size(a, "data.pkl") == 5 && ct_archive_read(a, "data.pkl", small, 5) &&
          !memcmp(small, "hello", 5));
    CHECK(ct_archive_size(a, "data/0") == sizeof big && ct_archive_read(a, "data/0", copy, sizeof big) &&
          !memcmp(copy, big, sizeof big));
    CHECK(ct_archive_size(a, "data/1") == 0 && ct_archive_read(a, "data/1", copy, 0));
    CHECK(ct_archive_size(a, "data/299") == 299 && ct_archive_size(a, "data/300") == -1);
    CHECK(!ct_archive_read(a, "nothing", copy, 0));
    CHECK_ERROR(CT_ERR_RUNTIME, "PytorchStreamReader failed locating file nothing: file not found");
    ct_release(a);
    free(copy);

    int64_t n;
    char *bytes = read_file(path, &n), *at = bytes;
    CHECK(memcmp(bytes + 30, "net.v1/data.pkl", 15) == 0);
    for (int found = 0; found < 300 && at; found++) { /* every entry starts at a multiple of 64 */
        int64_t from = at - bytes + 30 + (uint8_t)at[26] + 256 * (uint8_t)at[27] + (uint8_t)at[28] +
                       256 * (uint8_t)at[29];
        CHECK(from % 64 == 0);
        at = find_bytes(at + 4, bytes + n, "PK\3\4", 4);
    }
    for (int64_t cut = 0; cut < n; cut += cut < n - 200 ? 997 : 1) {
        CHECK(!ct_archive_open_bytes(bytes, cut, "cut.pt"));
        CHECK_ERROR(CT_ERR_RUNTIME, cut < 4 ? "not a ZIP archive" : "failed finding central directory");
    }
    a = ct_archive_open_bytes(bytes, n, "x.pt");
    at = find_bytes(bytes, bytes + n, "hello", 5);
    *at = 'j';
    CHECK(a && !ct_archive_read(a, "data.pkl", small, 5));
    CHECK_ERROR(CT_ERR_RUNTIME, "CRC32 check failed. x.pt is damaged");
    ct_release(a);
    free(bytes);
}

static bool refuse_late(const void *bytes, int64_t n, void *data) { return (*(int64_t *)data -= n) > 0; }

static void test_failures(void)
{
    const char *path = in_folder("kept.pt");
    int64_t n, live = live_bytes(), left = 20000;
    static char big[1 << 20];
    FILE *f = fopen(path, "wb");
    fputs("the old file", f);
    fclose(f);
    chmod(path, 0640);
    int before = files_in_folder(false);

    struct rlimit was, small = {65536, 65536};
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    ct_archive_writer *w = ct_archive_create(path);
    CHECK(w && !(ct_archive_add(w, "data/0", big, sizeof big) && ct_archive_finish(w)));
    setrlimit(RLIMIT_FSIZE, &was);
    CHECK_ERROR(CT_ERR_RUNTIME, "PytorchStreamWriter failed writing");
    ct_release(w);
    CHECK(files_in_folder(false) == before);
    char *bytes = read_file(path, &n);
    CHECK(n == 12 && memcmp(bytes, "the old file", 12) == 0);
    free(bytes);

    w = ct_archive_create(path); /* given up */
    CHECK(w && ct_archive_add(w, "data/0", big, 100) && files_in_folder(false) == before + 1);
    ct_release(w);
    CHECK(files_in_folder(false) == before);

    for (int64_t fail = 0; fail < 12 && !faults_on(); fail++) {
        ct__alloc_fail_after(fail);
        w = ct_archive_create(path);
        bool ok = w && ct_archive_add(w, "data/0", big, 100) && ct_archive_finish(w);
        ct__alloc_fail_after(-1);
        ct_release(w);
        CHECK(ok == ct_ok());
        ct_error_clear();
        CHECK(files_in_folder(false) == before);
    }
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640); /* the new file keeps the old one's mode */

    w = ct_archive_create_stream(refuse_late, &left);
    CHECK(w && !ct_archive_add(w, "data/0", big, sizeof big));
    CHECK_ERROR(CT_ERR_IO, "the stream refused");
    ct_release(w);
    CHECK(!ct_archive_create("/nowhere/at/all.pt"));
    CHECK_ERROR(CT_ERR_RUNTIME, "Parent directory /nowhere/at does not exist.");
    CHECK(!ct_archive_create(folder));
    CHECK_ERROR(CT_ERR_RUNTIME, "cannot be opened: it is a folder");
    CHECK(!ct_archive_open("/nowhere/at/all.pt"));
    CHECK_ERROR(CT_ERR_IO, "No such file or directory: '/nowhere/at/all.pt'");
    CHECK(!ct_archive_open(folder));
    CHECK_ERROR(CT_ERR_IO, "Is a directory");
    if (access("/dev/full", W_OK) == 0) {
        w = ct_archive_create("/dev/full");
        CHECK(w && !(ct_archive_add(w, "data/0", big, sizeof big) && ct_archive_finish(w)));
        CHECK_ERROR(CT_ERR_RUNTIME, "No space left on device");
        ct_release(w);
    }
    const char *link = in_folder("link.pt");
    CHECK(symlink(strrchr(path, '/') + 1, link) == 0);
    w = ct_archive_create(link);
    CHECK(w && ct_archive_add(w, "a", "b", 1) && ct_archive_finish(w));
    ct_release(w);
    CHECK(lstat(link, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0 && st.st_size > 100);
    CHECK(ct__alloc_live() == live);
}

int main(void)
{
    test_crc();
    test_round_trip();
    test_failures();
    files_in_folder(true);
    return finish("serialize_zip");
}
