/* Datasets, loaders, transforms and image files: orders and draws recorded from PyTorch, small files made
 * here, damaged ones, and every allocation failing once. */
#include "base/base.h"
#include <ctorch/vision.h>
#include "faults.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;
#define CHECK(x) \
    ((x) ? (void)0 \
         : (void)(faults_leave(), failures++, \
                  fprintf(stderr, "%s:%d: %s (error: %s)\n", __FILE__, __LINE__, #x, ct_error_message())))
static void check_error(ct_error_kind kind, const char *words, int line)
{
    if (ct_error() != kind || !strstr(ct_error_message(), words)) {
        faults_leave();
        failures++;
        fprintf(stderr, "line %d: expected error %d '%s', got %d '%s'\n", line, kind, words, ct_error(),
                ct_error_message());
    }
    ct_error_clear();
}
#define CHECK_ERROR(kind, words) check_error(kind, words, __LINE__)

static ct_tensor *counting(int64_t n)
{
    int64_t v[64];
    for (int64_t i = 0; i < n; i++)
        v[i] = i;
    return ct_tensor_from_ints(v, CT_SHAPE(n), CT_INT64);
}

/* One epoch's first field as text: "6 7|1 4|". */
static const char *epoch(ct_loader *l)
{
    static char text[1024];
    int at = 0;
    text[0] = 0;
    ct_for_batch (b, l) {
        for (int64_t i = 0; i < b.size; i++)
            at += snprintf(text + at, sizeof text - (size_t)at, "%s%lld", i ? " " : "",
                           (long long)ct_int_at(b.input, i));
        at += snprintf(text + at, sizeof text - (size_t)at, "|");
    }
    return text;
}

static void test_order(void)
{
    CT_SCOPE();
    ct_tensor *x = counting(10);
    for (int workers = 0; workers <= 2; workers += 2) {
        ct_loader *l = ct_loader_new(ct_tensor_dataset(x), .shuffle = true, .workers = workers);
        ct_manual_seed(0);
        CHECK(strcmp(epoch(l), "6|7|1|4|2|0|9|8|3|5|") == 0);
        uint32_t after = ct_generator_u32(ct_default_generator());
        ct_manual_seed(0);
        for (int i = 0; i < 4; i++)
            ct_generator_u32(ct_default_generator());
        CHECK(after == ct_generator_u32(ct_default_generator()));
        ct_release(l);
    }
    ct_loader *l = ct_loader_new(ct_tensor_dataset(x), .batch_size = 4);
    CHECK(ct_loader_size(l) == 3 && strcmp(epoch(l), "0 1 2 3|4 5 6 7|8 9|") == 0);
    CHECK(strcmp(epoch(l), "0 1 2 3|4 5 6 7|8 9|") == 0);
    ct_release(l);
    l = ct_loader_new(ct_tensor_dataset(x), .batch_size = 4, .drop_last = true);
    CHECK(ct_loader_size(l) == 2 && strcmp(epoch(l), "0 1 2 3|4 5 6 7|") == 0);
    ct_release(l);
    /* The caller's own generator pays for one permutation more each epoch: two words of base seed, twice n
     * - 1. */
    ct_generator *g = ct_generator_new(), *h = ct_generator_new();
    for (int drop = 0; drop < 2; drop++) {
        ct_generator_seed(g, 3);
        ct_generator_seed(h, 3);
        l = ct_loader_new(ct_tensor_dataset(x), .batch_size = drop ? 4 : 5, .shuffle = true,
                          .drop_last = drop, .generator = g);
        epoch(l);
        for (int i = 0; i < 2 + 9 + 9; i++)
            ct_generator_u32(h);
        CHECK(ct_generator_u32(g) == ct_generator_u32(h));
        ct_release(l);
    }
    ct_free_all(g, h);
}

static void test_leaving_early(void)
{
    CT_SCOPE();
    ct_loader *l = ct_loader_new(ct_tensor_dataset(counting(10)), .batch_size = 2);
    int64_t seen = 0;
    ct_for_batch (b, l) {
        if (b.index == 1)
            continue;
        seen += ct_int_at(b.input, 0);
        if (b.index == 3)
            break;
    }
    CHECK(seen == 0 + 4 + 6);
    CHECK(strncmp(epoch(l), "0 1|", 4) == 0);
    CHECK(!ct_loader_next(l, &(ct_batch){0}));
    CHECK_ERROR(CT_ERR_RUNTIME, "ct_loader_next before ct_loader_begin");
    ct_release(l);
}

static void test_datasets(void)
{
    CT_SCOPE();
    ct_tensor *x = ct_tensor_from_doubles((double[]){0, 1, 2, 3, 4, 5}, CT_SHAPE(3, 2), CT_FLOAT32),
              *y = counting(3);
    ct_dataset *d = ct_tensor_dataset(x, y);
    ct_tensor *out[CT_MAX_FIELDS];
    CHECK(ct_dataset_size(d) == 3 && ct_dataset_fields(d) == 2);
    CHECK(ct_dataset_get(d, -1, NULL, out) && ct_ndim(out[0]) == 1 && ct_float_at(out[0], 1) == 5 &&
          ct_item_int(out[1]) == 2);
    CHECK(ct_dataset_fetch(d, CT_INTS(2, 0), NULL, out) && ct_size(out[0], 0) == 2 &&
          ct_float_at(out[0], 2) == 0);
    CHECK(!ct_dataset_get(d, 3, NULL, out));
    CHECK_ERROR(CT_ERR_INDEX, "index 3 is out of bounds for a dataset of size 3");
    d = ct_subset(d, CT_INTS(2, 2, -3));
    CHECK(ct_dataset_size(d) == 3 && ct_dataset_get(d, 1, NULL, out) && ct_item_int(out[1]) == 2);
    CHECK(ct_subset(d, CT_INTS(4)) == NULL);
    CHECK_ERROR(CT_ERR_INDEX, "index 4 is out of bounds");
    CHECK(ct_tensor_dataset(x, counting(4)) == NULL);
    CHECK_ERROR(CT_ERR_ASSERTION, "Size mismatch between tensors");
    ct_dataset *parts[2];
    ct_manual_seed(0); /* randperm(10): 4 1 7 5 3 9 0 8 6 2 */
    CHECK(ct_random_split(ct_tensor_dataset(counting(10)), CT_INTS(3, 7), NULL, parts));
    CHECK(ct_dataset_get(parts[0], 2, NULL, out) && ct_item_int(out[0]) == 7);
    CHECK(ct_dataset_get(parts[1], 6, NULL, out) && ct_item_int(out[0]) == 2);
    ct_free_all(parts[0], parts[1]);
    CHECK(!ct_random_split(ct_tensor_dataset(counting(10)), CT_INTS(3, 3), NULL, parts));
    CHECK_ERROR(CT_ERR_VALUE, "Sum of input lengths does not equal the length of the input dataset!");
    CHECK(ct_loader_new(ct_tensor_dataset(counting(2)), .batch_size = 0) == NULL);
    CHECK_ERROR(CT_ERR_VALUE, "batch_size should be a positive integer value, but got batch_size=0");
    CHECK(ct_loader_new(ct_tensor_dataset(counting(2)), .workers = -1) == NULL);
    CHECK_ERROR(CT_ERR_VALUE, "num_workers option should be non-negative");
}

static bool own_get(void *data, int64_t i, ct_tensor **out)
{
    if (i == 5)
        return ct_fail(CT_ERR_RUNTIME, "no sample 5") != NULL;
    out[0] = ct_tensor_from_ints((int64_t[]){i, i * i}, CT_SHAPE(2), CT_INT64);
    return true;
}

static void test_own(void)
{
    CT_SCOPE();
    ct_loader *l = ct_loader_new(ct_dataset_new(5, 1, own_get, NULL, NULL), .batch_size = 2);
    int64_t sum = 0;
    ct_for_batch (b, l)
        for (int64_t i = 0; i < 2 * b.size; i++)
            sum += ct_int_at(b.input, i);
    CHECK(sum == 10 + 30 && ct_ok());
    ct_release(l);
    l = ct_loader_new(ct_dataset_new(6, 1, own_get, NULL, NULL), .batch_size = 2);
    int batches = 0;
    ct_for_batch (b, l)
        batches++;
    CHECK(batches == 2);
    CHECK_ERROR(CT_ERR_RUNTIME, "no sample 5");
    ct_release(l);
}

static ct_tensor *bytes_image(int64_t c, int64_t h, int64_t w)
{
    int64_t v[4096];
    for (int64_t i = 0; i < c * h * w; i++)
        v[i] = (i * 37 + 11) % 256;
    return ct_tensor_from_ints(v, CT_SHAPE(c, h, w), CT_UINT8);
}

static void test_transforms(void)
{
    CT_SCOPE();
    ct_tensor *image = bytes_image(3, 8, 10);
    ct_transform *t =
        ct_compose(ct_to_tensor(), ct_normalize(.mean = {0.5, 0.4, 0.3}, .std = {0.5, 0.25, 0.2}));
    ct_tensor *x = ct_apply(t, image, NULL);
    CHECK(ct_dtype_of(x) == CT_FLOAT32 && ct_size(x, 2) == 10);
    for (int64_t i = 0; i < 240; i++) {
        float mean[] = {0.5f, 0.4f, 0.3f}, std[] = {0.5f, 0.25f, 0.2f},
              v = (float)((i * 37 + 11) % 256) / 255.0f;
        CHECK(((float *)ct_data(x))[i] == (v - mean[i / 80]) / std[i / 80]);
    }
    char *text = ct_to_string(t);
    CHECK(text &&
          strcmp(text,
                 "Compose(\n    ToTensor()\n    Normalize(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))\n)") ==
              0);
    ct_free_string(text);
    ct_release(t);

    /* Seed 0: words 2357136044 2546248239; rand 0.4963 0.7682 0.0885. */
    t = ct_random_crop(6, .padding = 2, .fill = 9);
    ct_manual_seed(0);
    x = ct_apply(t, image, NULL);
    int64_t top = 2357136044 % 7, left = 2546248239 % 9;
    CHECK(ct_size(x, 1) == 6 && ct_size(x, 2) == 6);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < 36; i++) {
            int64_t row = top + i / 6 - 2, column = left + i % 6 - 2;
            bool in = row >= 0 && row < 8 && column >= 0 && column < 10;
            CHECK(ct_int_at(x, c * 36 + i) == (in ? ((c * 80 + row * 10 + column) * 37 + 11) % 256 : 9));
        }
    ct_release(t);
    t = ct_compose(ct_random_horizontal_flip(), ct_random_horizontal_flip(), ct_random_vertical_flip(),
                   ct_to_tensor(), ct_pad_image(1, .fill = -2), ct_center_crop(4),
                   ct_random_horizontal_flip(.p = 1), ct_normalize(.mean = {0.5}, .std = {0.5}));
    ct_manual_seed(0);
    x = ct_apply(t, image,
                 NULL); /* flips: yes, no, yes; the middle 4 x 4 of 10 x 12 begins at 3, 4; then a flip */
    CHECK(ct_numel(x) == 48);
    for (int64_t i = 0; x && i < 16; i++) {
        int64_t row = 7 - (3 + i / 4 - 1), column = 9 - (4 + 3 - i % 4 - 1);
        CHECK(
            ((float *)ct_data(x))[i] ==
            ((float)((row * 10 + column) * 37 + 11 - 256 * (((row * 10 + column) * 37 + 11) / 256)) / 255.0f -
             0.5f) /
                0.5f);
    }
    ct_release(t);
    t = ct_center_crop(12);
    x = ct_apply(t, image, NULL);
    CHECK(ct_int_at(x, 0) == 0 && ct_int_at(x, 2 * 12 + 1) == 11);
    ct_release(t);
    t = ct_random_crop(9);
    CHECK(ct_apply(t, image, NULL) == NULL);
    CHECK_ERROR(CT_ERR_VALUE, "Required crop size (9, 9) is larger than input image size (8, 10)");
    ct_release(t);
    t = ct_normalize(.mean = {0}, .std = {1});
    CHECK(ct_apply(t, image, NULL) == NULL);
    CHECK_ERROR(CT_ERR_TYPE, "Input tensor should be a float tensor. Got torch.uint8.");
    ct_release(t);
    CHECK(ct_normalize(.mean = {0}, .std = {0}) == NULL);
    CHECK_ERROR(CT_ERR_VALUE, "std evaluated to zero");
    CHECK(ct_compose(ct_to_tensor(), ct_random_crop(-1)) == NULL);
    CHECK_ERROR(CT_ERR_VALUE, "the size of a crop must be positive");
}

/* ---- Files ---- */

static char folder[] = "ctorch-data-XXXXXX";
static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int turn;
    snprintf(path[turn = (turn + 1) % 4], 256, "%s/%s", folder, name);
    return path[turn];
}

static void write_file(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(in_folder(name), "wb");
    CHECK(f && fwrite(data, 1, n, f) == n);
    fclose(f);
}

/* A batch as Python 2 wrote it: two images. */
static size_t pickled(uint8_t *to, int first)
{
    uint8_t *at = to;
#define PUT(s) (memcpy(at, s, sizeof(s) - 1), at += sizeof(s) - 1)
    PUT("\x80\x02}q\x01(U\x0b"
        "batch_labelq\x02U\x01tq\x03U\x06labelsq\x04]q\x05(");
    *at++ = 'K', *at++ = (uint8_t)first, *at++ = 'K', *at++ = 3;
    PUT("eU\x04"
        "dataq\x06"
        "cnumpy.core.multiarray\n_reconstruct\nq\x07"
        "cnumpy\nndarray\nq\x08K\x00\x85U\x01"
        "b\x87Rq\x09");
    PUT("(K\x01M\x02\x00M\x00\x0c\x86"
        "cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b");
    PUT("(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x18\x00\x00");
    for (int i = 0; i < 6144; i++)
        *at++ = (uint8_t)(i * 3 + first);
    PUT("tbU\x09"
        "filenamesq\x0c]q\x0d(U\x01"
        "aq\x0eU\x01"
        "bq\x0f"
        "eu.");
    return (size_t)(at - to);
}

static void make_files(void)
{
    static const char *folders[] = {
        "", "cifar-10-batches-py", "bin", "bin/cifar-10-batches-bin", "MNIST", "MNIST/raw"};
    for (int i = 1; i < 6; i++)
        mkdir(in_folder(folders[i]), 0700);
    uint8_t data[8000], records[2 * 3073];
    char name[64];
    for (int b = 0; b < 6; b++) {
        snprintf(name, sizeof name,
                 b ? "cifar-10-batches-py/data_batch_%d" : "cifar-10-batches-py/test_batch", b);
        write_file(name, data, pickled(data, b));
        for (int i = 0; i < 6144; i++)
            records[i / 3072 * 3073 + 1 + i % 3072] = (uint8_t)(i * 3 + b);
        records[0] = (uint8_t)b;
        records[3073] = 3;
        snprintf(name, sizeof name,
                 b ? "bin/cifar-10-batches-bin/data_batch_%d.bin" : "bin/cifar-10-batches-bin/test_batch.bin",
                 b);
        write_file(name, records, sizeof records);
    }
    for (int test = 0; test < 2; test++) {
        uint8_t images[16 + 3 * 784] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28};
        uint8_t labels[11] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};
        for (int i = 0; i < 3 * 784; i++)
            images[16 + i] = (uint8_t)i;
        snprintf(name, sizeof name, "MNIST/raw/%s-images-idx3-ubyte", test ? "t10k" : "train");
        write_file(name, images, sizeof images);
        snprintf(name, sizeof name, "MNIST/raw/%s-labels-idx1-ubyte", test ? "t10k" : "train");
        write_file(name, labels, sizeof labels);
    }
}

static void test_readers(void)
{
    CT_SCOPE();
    ct_dataset *a = ct_cifar10(folder), *b = ct_cifar10(in_folder("bin"));
    CHECK(ct_dataset_size(a) == 10 && ct_dataset_size(b) == 10);
    for (int i = 0; a && b && i < 10; i++) {
        ct_tensor *x[2], *y[2];
        CHECK(ct_dataset_get(a, i, NULL, x) && ct_dataset_get(b, i, NULL, y));
        CHECK(ct_numel(x[0]) == 3072 && ct_numel(y[0]) == 3072 && memcmp(ct_data(x[0]), ct_data(y[0]), 3072) == 0);
        CHECK(ct_item_int(x[1]) == ct_item_int(y[1]) && ct_item_int(x[1]) == (i % 2 ? 3 : i / 2 + 1));
    }
    ct_free_all(a, b);
    ct_dataset *test = ct_cifar10(folder, .test = true);
    CHECK(ct_dataset_size(test) == 2 && ct_size(ct_dataset_images(test), 1) == 3);
    ct_release(test);
    ct_dataset *m = ct_mnist(folder), *n = ct_mnist(in_folder("MNIST"), .test = true);
    ct_tensor *x[2];
    CHECK(ct_dataset_size(m) == 3 && ct_dataset_size(n) == 3 && ct_dataset_get(m, 2, NULL, x) &&
          ct_item_int(x[1]) == 9);
    CHECK(m && ct_size(x[0], 0) == 1 && ct_int_at(x[0], 5) == (2 * 784 + 5) % 256);
    ct_free_all(m, n);
    CHECK(ct_cifar10("/nowhere") == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "Dataset not found or corrupted. You can use download=True to download it");
    CHECK(ct_mnist("/nowhere") == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "Dataset not found. You can use download=True to download it");
    CHECK(ct_cifar100(folder) == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "Dataset not found");
}

static void test_damaged(void)
{
    uint8_t good[8000], bad[8000];
    size_t n = pickled(good, 1);
    for (size_t cut = 0; cut < n; cut += (cut < 300 || cut > n - 80) && !faults_on() ? 1 : 97) {
        write_file("cifar-10-batches-py/data_batch_1", good, cut);
        CHECK(ct_cifar10(folder) == NULL);
        CHECK_ERROR(CT_ERR_RUNTIME, "data_batch_1 is not a CIFAR batch");
    }
    int refused = 0;
    uint32_t seed = 1;
    for (int k = 0; k < FAULTS_FEW(4000, 20); k++) {
        memcpy(bad, good, n);
        for (int c = 0; c < 1 + k % 3; c++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = seed >> 8;
            at = k % 4 ? at % 260 : n - 1 - at % 60;
            seed = seed * 1664525 + 1013904223;
            bad[at] = k % 5 ? (uint8_t)(seed >> 16) : (uint8_t)"().}]KMJUTcRbtqrhjeuas"[(seed >> 16) % 22];
        }
        write_file("cifar-10-batches-py/data_batch_1", bad, n);
        ct_dataset *d = ct_cifar10(folder);
        CHECK((d != NULL) == ct_ok());
        refused += d == NULL;
        ct_release(d);
        ct_error_clear();
    }
    CHECK(refused > FAULTS_FEW(1000, 5));
    write_file("cifar-10-batches-py/data_batch_1", good, n);
    write_file("bin/cifar-10-batches-bin/data_batch_2.bin", good, 3072);
    CHECK(ct_cifar10(in_folder("bin")) == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "3072 bytes are not a number of records of 3073");
    write_file("bin/cifar-10-batches-bin/data_batch_2.bin", "\x0b", 1);
    CHECK(ct_cifar10(in_folder("bin")) == NULL);
    ct_error_clear();
    write_file("MNIST/raw/train-images-idx3-ubyte",
               "\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    CHECK(ct_mnist(folder) == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "has impossible sizes");
    write_file("MNIST/raw/train-images-idx3-ubyte", "\0\0\x08\x03\0\0", 6);
    CHECK(ct_mnist(folder) == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "is cut off in its header");
    make_files();
}

static bool whole_run(void)
{
    CT_SCOPE();
    ct_transform *t =
        ct_compose(ct_random_crop(32, .padding = 4), ct_random_horizontal_flip(), ct_to_tensor(),
                   ct_normalize(.mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}));
    ct_loader *l = ct_loader_new(ct_subset(ct_cifar10(folder, .transform = t), CT_INTS(0, 3, 5)),
                                 .batch_size = 2, .shuffle = true, .workers = 2);
    ct_for_batch (b, l)
        (void)b;
    ct_free_all(l, t);
    return ct_ok();
}

/* tests/python/test_data_native.py has the same files, settings and number. */
static void test_same_as_python(void)
{
    CT_SCOPE();
    ct_transform *t = ct_compose(ct_random_crop(32, .padding = 4), ct_random_horizontal_flip(), ct_to_tensor(),
                                 ct_normalize(.mean = {0.5, 0.4, 0.3}, .std = {0.5, 0.25, 0.2}));
    ct_loader *l = ct_loader_new(ct_cifar10(folder, .transform = t), .batch_size = 3, .shuffle = true, .workers = 2);
    uint64_t hash = UINT64_C(14695981039346656037);
    ct_manual_seed(0);
    for (int e = 0; e < 2; e++)
        ct_for_batch (b, l)
            for (int f = 0; f < 2; f++) {
                const uint8_t *at = ct_data(b.fields[f]);
                int64_t n = ct_numel(b.fields[f]) * ct_dtype_size(ct_dtype_of(b.fields[f]));
                for (int64_t i = 0; i < n; i++)
                    hash = (hash ^ at[i]) * UINT64_C(1099511628211);
            }
    CHECK(hash == UINT64_C(0x9d350226569498db));
    ct_free_all(l, t);
}

static void test_allocations(void)
{
    CHECK(whole_run());
    bool done = false;
    for (int64_t k = 0; k < 2000 && !done; k++) {
        int64_t live = ct__alloc_live();
        ct__alloc_fail_after(k);
        done = whole_run();
        ct__alloc_fail_after(-1);
        CHECK(done || ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
        CHECK(ct__alloc_live() == live);
    }
    CHECK(done);
}

static void test_pictures(void)
{
    CT_SCOPE();
    double v[24];
    for (int i = 0; i < 24; i++)
        v[i] = i / 23.0;
    ct_tensor *images = ct_tensor_from_doubles(v, CT_SHAPE(3, 1, 2, 4), CT_FLOAT32);
    ct_tensor *grid = ct_make_grid(images, .nrow = 2, .padding = 1, .pad_value = 0.5);
    CHECK(ct_size(grid, 0) == 3 && ct_size(grid, 1) == 7 && ct_size(grid, 2) == 11);
    CHECK(ct_float_at(grid, 0) == 0.5 && ct_float_at(grid, 12) == 0 &&
          ct_float_at(grid, 77 + 17) == ct_float_at(images, 8));
    CHECK(ct_save_image(grid, in_folder("a.png")));
    struct stat state;
    CHECK(stat(in_folder("a.png"), &state) == 0 && state.st_size == 8 + 25 + 12 + 2 + 5 + 7 * 34 + 4 + 12);
    CHECK(!ct_save_image(grid, "/nowhere/a.png"));
    CHECK_ERROR(CT_ERR_IO, "/nowhere/a.png: ");
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    make_files();
    test_order();
    test_leaving_early();
    test_datasets();
    test_own();
    test_transforms();
    test_readers();
    test_damaged();
    test_same_as_python();
    if (!faults_on())
        test_allocations();
    test_pictures();
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    if (!failures)
        puts("data: all good");
    return failures != 0;
}
