/* Image files, resizing and image folders: values that Pillow, torchvision and PyTorch gave (tests/golden/images.py), damaged
 * files of every kind, folders that are wrong, and every allocation failing once. */
#include "base/base.h"
#include <ctorch/ctorch.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

static char root[1024]; /* tests/golden/images */
static char folder[] = "ctorch-images-XXXXXX"; /* where the test runs: a folder of its own where allocations fail */

static const char *join(const char *a, const char *b)
{
    static char path[8][2048];
    static int turn;
    snprintf(path[turn = (turn + 1) % 8], sizeof path[0], "%s/%s", a, b);
    return path[turn];
}

static const char *in_folder(const char *name) { return join(folder, name); }

static uint8_t *read_bytes(const char *path, int64_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    *n = ftell(f);
    rewind(f);
    uint8_t *bytes = malloc((size_t)*n);
    CHECK(fread(bytes, 1, (size_t)*n, f) == (size_t)*n);
    fclose(f);
    return bytes;
}

static void write_bytes(const char *path, const void *bytes, int64_t n)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, (size_t)n, f) == (size_t)n);
    if (f)
        fclose(f);
}

static void copy(const char *from, const char *to)
{
    int64_t n = 0;
    uint8_t *bytes = read_bytes(join(root, from), &n);
    write_bytes(to, bytes, n);
    free(bytes);
}

static uint64_t hashed(uint64_t hash, ct_tensor *t)
{
    const uint8_t *at = t ? ct_data(t) : NULL;
    int64_t n = t ? ct_numel(t) * ct_dtype_size(ct_dtype_of(t)) : 0;
    for (int64_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}
#define HASH_START UINT64_C(14695981039346656037)

static bool readable(const char *name) { return strstr(name, ".png") || strstr(name, ".PNG") ? ct_reads_png() : ct_reads_jpeg(); }

/* ---- What Pillow gives ---- */

static void expect(const char *what, const char *name, ct_tensor *t, const int *shape, uint64_t hash)
{
    bool good = t && ct_dtype_of(t) == CT_UINT8 && ct_ndim(t) == 3;
    for (int k = 0; good && k < 3; k++)
        good = ct_size(t, k) == shape[k];
    if (!good || hashed(HASH_START, t) != hash)
        printf("%s %s %d %d %d\n", what, name, shape[0], shape[1], shape[2]);
    CHECK(good && hashed(HASH_START, t) == hash);
    ct_error_clear();
}

static void one_line(const char *line)
{
    static const char *const modes[] = {"UNCHANGED", "GRAY", "GRAY_ALPHA", "RGB", "RGB_ALPHA"};
    static const char *const filters[] = {"bilinear", "nearest", "bicubic", "box", "hamming", "lanczos"};
    CT_SCOPE();
    char name[64], how[32];
    int shape[3], size[3], k = 0;
    unsigned long long hash;
    if (sscanf(line, "decode %63s %31s %d %d %d %llx", name, how, &shape[0], &shape[1], &shape[2], &hash) == 6) {
        while (strcmp(modes[k], how) != 0)
            k++;
        ct_tensor *t = ct_read_image(join(root, name), .mode = (ct_image_mode)k);
        if (readable(name)) {
            expect("decode", name, t, shape, hash);
        } else {
            CHECK(!t && strstr(ct_error_message(), "and this build of ctorch has no lib"));
            ct_error_clear();
        }
    } else if (sscanf(line, "resize %63s %31s %d %d %d %d %d %d %llx", name, how, &size[0], &size[1], &size[2], &shape[0],
                      &shape[1], &shape[2], &hash) == 9) {
        while (strcmp(filters[k], how) != 0)
            k++;
        if (!readable(name))
            return;
        ct_transform *t = ct_resize(size[0], .width = size[1], .max_size = size[2], .interpolation = (ct_interpolation)k);
        expect(how, line, ct_apply(t, ct_read_image(join(root, name), .mode = CT_IMAGE_RGB), NULL), shape, hash);
        ct_release(t);
    }
}

static uint64_t two_epochs(int workers)
{
    CT_SCOPE();
    ct_transform *t = ct_compose(ct_resize(24), ct_random_crop(20, .padding = 2), ct_random_horizontal_flip(), ct_to_tensor(),
                                 ct_normalize(.mean = {0.5, 0.4, 0.3}, .std = {0.5, 0.25, 0.2}));
    ct_loader *l = ct_loader_new(ct_image_folder(root, .transform = t), .batch_size = 3, .shuffle = true, .workers = workers);
    uint64_t hash = HASH_START;
    ct_manual_seed(0);
    for (int epoch = 0; epoch < 2; epoch++)
        ct_for_batch (b, l)
            hash = hashed(hashed(hash, b.input), b.target);
    ct_free_all(l, t);
    return hash;
}

static void test_expected(void)
{
    CT_SCOPE();
    char line[256], name[64], class[32];
    int samples = 0, lines = 0, workers;
    unsigned long long hash;
    ct_dataset *d = ct_image_folder(root);
    FILE *f = fopen(join(root, "expected.txt"), "r");
    CHECK(f && d);
    while (f && fgets(line, sizeof line, f)) {
        lines++;
        one_line(line);
        if (sscanf(line, "sample %31s %63s", class, name) == 2) {
            CHECK(strcmp(ct_folder_path(d, samples), join(root, name)) == 0);
            CHECK(strcmp(ct_folder_class(d, ct_int_at(ct_dataset_targets(d), samples)), class) == 0);
            samples++;
        } else if (sscanf(line, "loader %d %llx", &workers, &hash) == 2 && ct_reads_jpeg() && ct_reads_png()) {
            for (int threads = 1; threads <= 3; threads++) {
                ct_set_num_threads(threads);
                CHECK(two_epochs(workers) == hash);
            }
        }
    }
    if (f)
        fclose(f);
    CHECK(lines > 100 && samples == ct_dataset_size(d) && ct_folder_classes(d) == 2);
    ct_release(d);
}

/* ---- Wrong calls and files ---- */

static void test_errors(void)
{
    CT_SCOPE();
    CHECK(!ct_read_image(NULL));
    CHECK_ERROR("ct_read_image needs a path");
    CHECK(!ct_read_image("/nowhere/a.png"));
    CHECK(ct_error() == CT_ERR_IO);
    CHECK_ERROR("[Errno 2] No such file or directory: '/nowhere/a.png'");
    CHECK(!ct_read_image(folder));
    CHECK(strstr(ct_error_message(), "is not a file"));
    ct_error_clear();
    CHECK(mkfifo(in_folder("pipe.png"), 0600) == 0 && !ct_read_image(in_folder("pipe.png")));
    CHECK(strstr(ct_error_message(), "is not a file"));
    ct_error_clear();
    write_bytes(in_folder("empty.png"), "", 0);
    CHECK(!ct_read_image(in_folder("empty.png")));
    CHECK_ERROR("Expected a non empty file");
    CHECK(!ct_decode_image("GIF89a", 6));
    CHECK_ERROR("Unsupported image file. Only jpeg and png are currently supported");
    CHECK(!ct_decode_image(NULL, 5));
    CHECK_ERROR("an image to decode needs its bytes");
    CHECK(!ct_decode_image("x", 0));
    CHECK_ERROR("an image to decode needs its bytes");
    CHECK(!ct_decode_jpeg("\x89PNG", 4));
    CHECK_ERROR("the image is not a JPEG image that can be read");
    CHECK(!ct_decode_png("\xff\xd8\xff\xe0", 4));
    CHECK_ERROR("the image is not a PNG image that can be read: Content is not png!");
    CHECK(!ct_read_image(join(root, "png/rgb8.PNG"), .mode = (ct_image_mode)9));
    CHECK_ERROR("there is no image mode 9");
    if (ct_reads_png()) {
        CHECK(!ct_read_image(join(root, "png/rgb8.PNG"), .max_pixels = 629));
        CHECK(strstr(ct_error_message(), "image size (630 pixels) exceeds limit of 629 pixels"));
        ct_error_clear();
        CHECK(ct_read_image(join(root, "png/rgb8.PNG"), .max_pixels = 630));
        CHECK(ct_read_image(join(root, "png/rgb8.PNG"), .max_pixels = -1));
    }
    if (ct_reads_jpeg()) {
        CHECK(!ct_read_image(join(root, "jpeg/color.jpg"), .mode = CT_IMAGE_RGB_ALPHA));
        CHECK(strstr(ct_error_message(), "The provided mode is not supported for JPEG files"));
        ct_error_clear();
    }
    CHECK(!ct_resize(0));
    CHECK_ERROR("the size of a resize must be positive");
    CHECK(!ct_resize(5, .max_size = 5));
    CHECK_ERROR("max_size = 5 must be strictly greater than the requested size for the smaller edge size = 5");
    CHECK(!ct_resize(5, .width = 5, .max_size = 8));
    CHECK_ERROR("max_size should only be passed if size specifies the length of the smaller edge");
    ct_transform *late = ct_compose(ct_to_tensor(), ct_resize(4)), *thin = ct_resize(1 << 23);
    CHECK(!ct_apply(late, ct_zeros(CT_SHAPE(3, 8, 8), .dtype = CT_UINT8), NULL));
    CHECK_ERROR("ct_resize takes the bytes of an image");
    CHECK(!ct_apply(thin, ct_zeros(CT_SHAPE(3, 2, 80), .dtype = CT_UINT8), NULL));
    CHECK_ERROR("an image of 2 x 80 cannot be resized to 8388608 x 335544320");
    char *text = ct_to_string(late);
    CHECK(text && strstr(text, "Resize(size=4, interpolation=bilinear, max_size=None, antialias=True)"));
    ct_free_string(text);
    ct_free_all(late, thin);
}

/* ---- Damaged files ---- */

static uint64_t state = 1;
static uint32_t draw(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

static int decoded, refused;

/* In a block of its own size, so that a read beyond it is seen. */
static void try_bytes(const uint8_t *bytes, int64_t n)
{
    CT_SCOPE();
    uint8_t *own = malloc((size_t)n + !n);
    memcpy(own, bytes, (size_t)n);
    for (int mode = 0; mode < 5; mode++) {
        ct_tensor *t = ct_decode_image(own, n, .mode = (ct_image_mode)mode, .max_pixels = 1 << 14);
        CHECK((t != NULL) == ct_ok());
        CHECK(t ? ct_dtype_of(t) == CT_UINT8 : ct_error_message()[0] && ct_error() == (n ? CT_ERR_RUNTIME : CT_ERR_VALUE));
        *(t ? &decoded : &refused) += 1;
        if (t)
            hashed(HASH_START, t); /* every byte was written: a tool sees it */
        ct_error_clear();
    }
    free(own);
}

static uint32_t crc(const uint8_t *data, int64_t n)
{
    uint32_t v = ~0u;
    for (int64_t i = 0; i < n; i++) {
        v ^= data[i];
        for (int k = 0; k < 8; k++)
            v = v >> 1 ^ (0xedb88320u & -(v & 1));
    }
    return ~v;
}

/* Else a changed PNG ends at its checksums. */
static void mend(uint8_t *data, int64_t n)
{
    for (int64_t at = 8; at + 12 <= n;) {
        int64_t size = (int64_t)data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3];
        if (at + 12 + size > n)
            return;
        uint32_t sum = crc(data + at + 4, size + 4);
        for (int k = 0; k < 4; k++)
            data[at + 8 + size + k] = (uint8_t)(sum >> (24 - 8 * k));
        at += 12 + size;
    }
}

static void damage(const char *name, int tries)
{
    int64_t n = 0;
    uint8_t *good = read_bytes(join(root, name), &n), *bad = malloc((size_t)n);
    for (int64_t cut = 0; cut < n; cut += 1 + n / 120)
        try_bytes(good, cut);
    for (int i = 0; i < tries; i++) {
        memcpy(bad, good, (size_t)n);
        for (uint32_t k = 1 + draw(4); k > 0; k--) {
            int64_t at = draw(3) ? draw((uint32_t)n) : draw(n < 700 ? (uint32_t)n : 700);
            switch (draw(4)) {
            case 0: bad[at] = (uint8_t)draw(256); break;
            case 1: bad[at] ^= (uint8_t)(1 << draw(8)); break;
            case 2: memset(bad + at, draw(2) ? 0xff : 0, (size_t)(n - at < 4 ? n - at : 4)); break;
            default: {
                int64_t other = draw((uint32_t)n), m = 1 + draw(16);
                if (at + m <= n && other + m <= n)
                    memmove(bad + at, bad + other, (size_t)m);
            }
            }
        }
        if (bad[0] == 0x89 && draw(5))
            mend(bad, n);
        try_bytes(bad, n);
    }
    free(bad);
    free(good);
}

static void test_damaged(void)
{
    static const char *const names[] = {"jpeg/color.jpg",      "jpeg/progressive.JPEG", "jpeg/cmyk.jpg",
                                        "subsampled.jpg",      "png/a/gray16.png",      "png/a/c/palette4.png",
                                        "png/a-b/palette8.png", "png/rgb8.PNG",          "png/rgba8.png"};
    ct_read_image(join(root, "png/rgb8.PNG"));
    ct_error_clear();
    int64_t live = ct__alloc_live();
    for (int i = 0; i < 9; i++)
        damage(names[i], 250);
    CHECK(ct__alloc_live() == live);
    CHECK(refused > 2000 && (decoded > 500 || !ct_reads_jpeg() || !ct_reads_png()));
    printf("damaged: %d decoded, %d refused\n", decoded, refused);
    /* what a head promises is believed only up to the limit */
    int64_t n = 0;
    uint8_t *huge = read_bytes(join(root, "png/rgba8.png"), &n);
    memcpy(huge + 16, "\x00\x01\xff\xff\x00\x01\xff\xff", 8);
    mend(huge, n);
    CHECK(!ct_decode_image(huge, n));
    CHECK(!ct_reads_png() || strstr(ct_error_message(), "could be decompression bomb"));
    ct_error_clear();
    free(huge);
    huge = read_bytes(join(root, "jpeg/color.jpg"), &n);
    for (int64_t i = 0; i + 9 < n; i++)
        if (huge[i] == 0xff && huge[i + 1] == 0xc0) {
            memset(huge + i + 5, 0xfe, 4);
            break;
        }
    CHECK(!ct_decode_image(huge, n));
    CHECK(!ct_reads_jpeg() || strstr(ct_error_message(), "could be decompression bomb"));
    ct_error_clear();
    free(huge);
}

/* ---- Folders ---- */

static void test_folders(void)
{
    CT_SCOPE();
    ct_tensor *out[2];
    CHECK(!ct_image_folder("/nowhere/at/all"));
    CHECK_ERROR("[Errno 2] No such file or directory: '/nowhere/at/all'");
    CHECK(!ct_image_folder(NULL));
    CHECK_ERROR("an image folder needs a path");
    mkdir(in_folder("set"), 0700);
    CHECK(!ct_image_folder(in_folder("set")));
    CHECK_ERROR("Couldn't find any class folder in ");
    mkdir(in_folder("set/b"), 0700);
    mkdir(in_folder("set/a"), 0700);
    mkdir(in_folder("set/c"), 0700);
    mkdir(in_folder("set/b/deep"), 0700);
    copy("png/rgb8.PNG", in_folder("set/b/deep/Two.PNG"));
    copy("png/rgba8.png", in_folder("set/b/one.png"));
    copy("png/readme.txt", in_folder("set/b/readme.txt"));
    CHECK(symlink("..", in_folder("set/b/deep/loop")) == 0);
    CHECK(!ct_image_folder(in_folder("set")));
    CHECK_ERROR("Found no valid file for the classes a, c. Supported extensions are: .jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, "
                ".tiff, .webp");
    ct_dataset *d = ct_image_folder(in_folder("set"), .allow_empty = true);
    CHECK(ct_dataset_size(d) == 2 && ct_folder_classes(d) == 3 && ct_dataset_fields(d) == 2);
    CHECK(strcmp(ct_folder_class(d, 0), "a") == 0 && strcmp(ct_folder_class(d, 2), "c") == 0 && !ct_folder_class(d, 3));
    CHECK(strcmp(ct_folder_path(d, 0), in_folder("set/b/one.png")) == 0);
    CHECK(strcmp(ct_folder_path(d, 1), in_folder("set/b/deep/Two.PNG")) == 0 && !ct_folder_path(d, 2) && !ct_folder_path(d, -1));
    CHECK(!ct_dataset_images(d) && ct_numel(ct_dataset_targets(d)) == 2 && ct_int_at(ct_dataset_targets(d), 1) == 1);
    if (ct_reads_png()) {
        CHECK(ct_dataset_get(d, 0, NULL, out) && ct_size(out[0], 1) == 27 && ct_item_int(out[1]) == 1);
        CHECK(ct_dataset_get(d, -1, NULL, out) && ct_size(out[0], 1) == 30 && ct_size(out[0], 2) == 21);
        CHECK(!ct_dataset_fetch(d, CT_INTS(0, 1), NULL, out));
        CHECK_ERROR("stack expects each tensor to be equal size, but got [3, 27, 16] at entry 0 and [3, 30, 21] at entry 1");
        CHECK(ct_dataset_fetch(d, CT_INTS(1, 1), NULL, out) && ct_size(out[0], 0) == 2);
        CHECK(!ct_dataset_get(d, 2, NULL, out));
        CHECK_ERROR("index 2 is out of bounds for a dataset of size 2");
    }
    ct_dataset *part = ct_subset(d, CT_INTS(1, 1, 1));
    CHECK(ct_dataset_size(part) == 3 && !ct_folder_path(part, 0) && (!ct_reads_png() || ct_dataset_get(part, 2, NULL, out)));
    ct_release(part);
    d = ct_image_folder(in_folder("set"), .extensions = (const char *const[]){".txt", NULL}, .allow_empty = true);
    CHECK(ct_dataset_size(d) == 1 && !ct_dataset_get(d, 0, NULL, out));
    CHECK_ERROR("Unsupported image file.");
    ct_release(d);
    /* of several bad files the first one's error is told, whatever thread met which */
    char bad[32];
    for (int i = 0; i < 8; i++) {
        snprintf(bad, sizeof bad, "set/a/%d.png", i);
        i == 2 || i > 4 ? write_bytes(in_folder(bad), "\x89PNG", 4) : copy("png/rgb8.PNG", in_folder(bad));
    }
    d = ct_image_folder(in_folder("set"), .allow_empty = true);
    for (int i = 0; i < 20; i++) {
        CHECK(!ct_dataset_fetch(d, CT_INTS(0, 1, 3, 4, 2, 5, 6, 7), NULL, out));
        CHECK(strstr(ct_error_message(), ct_reads_png() ? "set/a/2.png" : ""));
        ct_error_clear();
    }
    ct_release(d);
    CHECK(!ct_folder_classes(NULL) && !ct_folder_path(NULL, 0));
}

/* ---- Every allocation failing once ---- */

static bool whole_run(void)
{
    CT_SCOPE();
    ct_manual_seed(0);
    ct_transform *t = ct_compose(ct_random_crop(10), ct_resize(9, .width = 11), ct_to_tensor());
    ct_loader *l = ct_loader_new(ct_image_folder(root, .transform = t), .batch_size = 5, .shuffle = true, .workers = 1);
    ct_for_batch (b, l) {
        if (b.index)
            break;
    }
    ct_read_image(join(root, "png/a/c/palette4.png"), .mode = CT_IMAGE_RGB_ALPHA);
    ct_read_image(join(root, "jpeg/cmyk.jpg"), .mode = CT_IMAGE_RGB);
    ct_free_all(l, t);
    return ct_ok();
}

static void test_allocations(void)
{
    if (!ct_reads_jpeg() || !ct_reads_png())
        return;
    ct_set_num_threads(1);
    CHECK(whole_run());
    bool done = false;
    int64_t k = 0;
    for (; k < 5000 && !done; k++) {
        int64_t live = ct__alloc_live();
        ct__alloc_fail_after(k);
        done = whole_run();
        ct__alloc_fail_after(-1);
        CHECK(done || ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
        CHECK(ct__alloc_live() == live);
    }
    CHECK(done && k > 100);
    ct_set_num_threads(2);
}

int main(void)
{
    snprintf(root, sizeof root, "%s", CT_TESTS_FOLDER "/golden/images");
    if (!mkdtemp(folder))
        return 1;
    test_expected();
    test_errors();
    test_damaged();
    test_folders();
    test_allocations();
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return CHECK_END();
}
