/* Image datasets: bytes in memory, labels, and a transform that was made ready for their size. */
#include "vision/images.h"
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct image_dataset {
    ct_dataset base;
    ct_tensor *images, *targets;
    ct_transform *transform;
    const uint8_t *pixels;
    const char *labels;
    int64_t image_stride, strides[3], label_stride;
    ct__plan plan;
} image_dataset;

static void image_dataset_draw(ct_dataset *d, ct_generator *g, int32_t *choices)
{ ct__plan_draw(&((image_dataset *)d)->plan, g, choices); }

static void image_dataset_fill(ct_dataset *d, int64_t i, const int32_t *choices, void *scratch,
                               char *const *out)
{
    image_dataset *m = (image_dataset *)d;
    ct__plan_run(&m->plan, m->pixels + i * m->image_stride, m->strides, choices, scratch, out[0]);
    memcpy(out[1], m->labels + i * m->label_stride, sizeof(int64_t));
}

static void image_dataset_destroy(ct_dataset *d)
{
    image_dataset *m = (image_dataset *)d;
    ct_release(m->images);
    ct_release(m->targets);
    ct_release(m->transform);
}

static const ct__dataset_ops image_dataset_ops = {
    .draw = image_dataset_draw, .fill = image_dataset_fill, .destroy = image_dataset_destroy};

ct_dataset *ct_image_dataset(ct_tensor *images, ct_tensor *targets, ct_transform *transform)
{
    if (ct__pending())
        return NULL;
    if (!images || ct_ndim(images) != 4 || ct_dtype_of(images) != CT_UINT8 ||
        ct_device_of(images).type != CT_CPU)
        return ct__fail(CT_ERR_VALUE, "an image dataset takes uint8 images (N, C, H, W) on the CPU");
    if (!targets || ct_ndim(targets) != 1 || ct_dtype_of(targets) != CT_INT64 ||
        ct_size(targets, 0) != ct_size(images, 0))
        return ct__fail(CT_ERR_VALUE, "an image dataset takes one int64 target per image");
    ct_dataset *d = ct__dataset_make(&image_dataset_ops, sizeof(image_dataset), ct_size(images, 0), 2);
    if (!d)
        return NULL;
    image_dataset *m = (image_dataset *)d;
    m->images = ct_retain(images);
    m->targets = ct_retain(targets);
    m->transform = ct_retain(transform);
    m->pixels = ct_data(images);
    m->labels = ct_data(targets);
    m->image_stride = ct_stride(images, 0);
    for (int k = 0; k < 3; k++)
        m->strides[k] = ct_stride(images, k + 1);
    m->label_stride = ct_stride(targets, 0) * (int64_t)sizeof(int64_t);
    if (!ct__plan_make(&m->plan, transform, ct_size(images, 1), ct_size(images, 2), ct_size(images, 3))) {
        ct_release(d);
        return NULL;
    }
    ct__field_set(&d->fields[0], m->plan.dtype, 3, (int64_t[]){m->plan.c, m->plan.out_h, m->plan.out_w});
    ct__field_set(&d->fields[1], CT_INT64, 0, NULL);
    d->nchoices = m->plan.nchoices;
    d->scratch_bytes = m->plan.scratch_bytes;
    d->sample_bytes = d->fields[0].bytes + d->fields[1].bytes;
    return d;
}

ct_tensor *ct_dataset_images(const ct_dataset *d)
{ return d && d->ops == &image_dataset_ops ? ((const image_dataset *)d)->images : NULL; }

ct_tensor *ct_dataset_targets(const ct_dataset *d)
{ return d && d->ops == &image_dataset_ops ? ((const image_dataset *)d)->targets : ct__folder_targets(d); }

/* ---- Files ---- */

/* -1: there is no such file. */
static int64_t images_file_size(const char *path)
{
    struct stat state;
    return stat(path, &state) == 0 ? state.st_size : -1;
}

/* In steps of a mebibyte, so that the next file finds the last one's memory. */
static size_t images_file_room(int64_t size) { return ((size_t)size + (1 << 20)) >> 20 << 20; }

void ct__file_free(uint8_t *data, int64_t size) { ct__free(data, images_file_room(size)); }

uint8_t *ct__file_read(const char *path, int64_t limit, const char *missing, int64_t *size)
{
    struct stat state;
    bool special = stat(path, &state) == 0 && !S_ISREG(state.st_mode); /* opening a pipe would wait for its writer */
    FILE *file = special ? NULL : fopen(path, "rb");
    if (!file) {
        if (special)
            return ct__fail(CT_ERR_IO, "%s is not a file", path);
        if (missing && (errno == ENOENT || errno == ENOTDIR))
            return ct__fail(CT_ERR_RUNTIME, "%s (no file %s)", missing, path);
        return ct__fail(CT_ERR_IO, "[Errno %d] %s: '%s'", errno, strerror(errno), path);
    }
    uint8_t *data = NULL;
    if (fstat(fileno(file), &state) != 0 || !S_ISREG(state.st_mode)) {
        ct__fail(CT_ERR_IO, "%s is not a file", path);
    } else if (state.st_size > limit) {
        ct__fail(CT_ERR_RUNTIME, "%s has %lld bytes, more than any such file", path,
                 (long long)state.st_size);
    } else if ((data = ct__alloc(images_file_room(state.st_size)))) {
        *size = state.st_size;
        if ((int64_t)fread(data, 1, (size_t)*size, file) != *size) {
            ct__file_free(data, *size);
            data = ct__fail(CT_ERR_IO, "%s: it could not be read to its end", path);
        }
    }
    fclose(file);
    return data;
}

/* ---- CIFAR ---- */

const char *const ct_cifar10_classes[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                            "dog",      "frog",       "horse", "ship", "truck"};

#define CIFAR_PIXELS 3072
#define CIFAR_MISSING "Dataset not found or corrupted. You can use download=True to download it"

typedef struct cifar_layout {
    const char *folder, *labels_key;
    const char *train[5], *test;
    int ntrain, classes, label_bytes; /* label bytes before each image; 0: a pickle */
} cifar_layout;

static const cifar_layout cifar10_layouts[2] = {
    {"cifar-10-batches-py",
     "labels",
     {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
     "test_batch",
     5,
     10,
     0},
    {"cifar-10-batches-bin",
     NULL,
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     "test_batch.bin",
     5,
     10,
     1}};
static const cifar_layout cifar100_layouts[2] = {
    {"cifar-100-python", "fine_labels", {"train"}, "test", 1, 100, 0},
    {"cifar-100-binary", NULL, {"train.bin"}, "test.bin", 1, 100, 2}};

/* What is read of a split, in tensors with room for `room` images. */
typedef struct cifar_split {
    ct_tensor *images, *targets;
    int64_t n, room;
} cifar_split;

static bool cifar_bad(const char *path, const char *why)
{
    ct__fail(CT_ERR_RUNTIME, "%s is not a CIFAR batch: %s", path, why);
    return false;
}

static bool cifar_labels_fit(const cifar_layout *layout, const char *path, const int64_t *labels,
                             int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (labels[i] < 0 || labels[i] >= layout->classes) {
            ct__fail(CT_ERR_RUNTIME, "%s is not a CIFAR batch: image %lld has the label %lld", path,
                     (long long)i, (long long)labels[i]);
            return false;
        }
    return true;
}

/* Appends one batch file; false with an error. */
static bool cifar_read(const cifar_layout *layout, const char *path, cifar_split *split)
{
    int64_t size = 0, count = 0, pixel_bytes = 0, record = layout->label_bytes + CIFAR_PIXELS;
    uint8_t *data = ct__file_read(path, INT64_C(1) << 30, CIFAR_MISSING, &size);
    if (!data)
        return false;
    bool good = true;
    int64_t left = split->room - split->n, *labels = (int64_t *)ct_data(split->targets) + split->n;
    uint8_t *images = (uint8_t *)ct_data(split->images) + split->n * CIFAR_PIXELS;
    if (layout->label_bytes) {
        count = size / record;
        if (size == 0 || size % record) {
            ct__fail(CT_ERR_RUNTIME,
                     "%s is not a CIFAR batch: %lld bytes are not a number of records of %lld", path,
                     (long long)size, (long long)record);
            good = false;
        } else if (count > left) {
            good = cifar_bad(path, "it grew while it was read");
        }
        for (int64_t i = 0; good && i < count; i++) {
            const uint8_t *at = data + i * record;
            labels[i] = at[layout->label_bytes - 1];
            memcpy(images + i * CIFAR_PIXELS, at + layout->label_bytes, CIFAR_PIXELS);
        }
    } else {
        const uint8_t *pixels = NULL;
        good = ct__pickle_batch(path, data, size, layout->labels_key, left, labels, &count, &pixels,
                                &pixel_bytes);
        if (good && pixel_bytes != count * CIFAR_PIXELS)
            good = cifar_bad(path, "its images and labels do not fit together");
        if (good)
            memcpy(images, pixels, (size_t)pixel_bytes);
    }
    ct__file_free(data, size);
    split->n += count;
    return good && cifar_labels_fit(layout, path, labels, count);
}

static ct_dataset *cifar_open(const char *root, const cifar_layout layouts[2], const ct_images_opts *o)
{
    if (ct__pending())
        return NULL;
    if (!root)
        return ct__fail(CT_ERR_VALUE, "a CIFAR dataset needs the folder that it is in");
    CT_SCOPE();
    ct__text path = {0};
    const cifar_layout *layout = NULL;
    for (int k = 0; k < 2 && !layout; k++) {
        path.length = 0;
        ct__text_addf(&path, "%s/%s", root, layouts[k].folder);
        if (path.s && images_file_size(path.s) >= 0)
            layout = &layouts[k];
    }
    if (!layout && ct_ok())
        ct__fail(CT_ERR_RUNTIME, CIFAR_MISSING " (neither %s nor %s is in %s)", layouts[0].folder,
                 layouts[1].folder, root);
    cifar_split split = {0};
    int files = !layout ? 0 : o->test ? 1 : layout->ntrain;
    for (int pass = 0; pass < 2 && ct_ok(); pass++) { /* first the sizes, then the bytes */
        for (int k = 0; k < files && ct_ok(); k++) {
            path.length = 0;
            ct__text_addf(&path, "%s/%s/%s", root, layout->folder, o->test ? layout->test : layout->train[k]);
            int64_t size = pass == 0 && ct_ok() ? images_file_size(path.s) : 0;
            split.room += size > 0 && size < INT64_C(1) << 30 ? size / CIFAR_PIXELS : 0;
            if (pass && ct_ok())
                cifar_read(layout, path.s, &split);
        }
        if (pass == 0 && ct_ok()) {
            split.images = ct__data_empty(CT_UINT8, 4, (int64_t[]){split.room, 3, 32, 32});
            split.targets = split.images ? ct__data_empty(CT_INT64, 1, &split.room) : NULL;
        }
    }
    ct__text_free(&path);
    if (!ct_ok())
        return NULL;
    ct_tensor *images = ct_tensor_over(split.images, CT_UINT8, 0, CT_SHAPE(split.n, 3, 32, 32),
                                       CT_INTS(CIFAR_PIXELS, 1024, 32, 1));
    ct_tensor *targets = ct_tensor_over(split.targets, CT_INT64, 0, CT_SHAPE(split.n), CT_INTS(1));
    return targets ? ct_image_dataset(images, targets, o->transform) : NULL;
}

#undef ct_cifar10
#undef ct_cifar100
#undef ct_mnist
ct_dataset *ct_cifar10(const char *root, const ct_images_opts *o)
{ return cifar_open(root, cifar10_layouts, o); }
ct_dataset *ct_cifar100(const char *root, const ct_images_opts *o)
{ return cifar_open(root, cifar100_layouts, o); }

/* ---- MNIST ---- */

/* Tensors over copies of what was read, as a dataset. */
static ct_dataset *images_dataset(const void *pixels, const void *labels, int64_t n, int64_t c, int64_t h,
                                  int64_t w, ct_transform *transform)
{
    CT_SCOPE();
    ct_tensor *images = ct__data_empty(CT_UINT8, 4, (int64_t[]){n, c, h, w});
    ct_tensor *targets = images ? ct__data_empty(CT_INT64, 1, &n) : NULL;
    if (!targets)
        return NULL;
    memcpy(ct_data(images), pixels, (size_t)(n * c * h * w));
    memcpy(ct_data(targets), labels, (size_t)n * sizeof(int64_t));
    return ct_image_dataset(images, targets, transform);
}

/* An idx file of bytes: *shape[dims]; the data begins at 4 + 4 * dims. Freed as ct__read_file's. */
static uint8_t *mnist_idx(const char *path, int dims, int64_t *shape, int64_t *size)
{
    uint8_t *data = ct__file_read(path, INT64_C(1) << 32,
                                  "Dataset not found. You can use download=True to download it", size);
    if (!data)
        return NULL;
    int64_t head = 4 + 4 * dims, count = 1;
    const char *wrong = NULL;
    if (*size < 4 || data[0] || data[1] || data[2] != 8 || data[3] != dims)
        wrong = "is not an idx file of bytes with the expected dimensions";
    else if (*size < head)
        wrong = "is cut off in its header";
    for (int k = 0; !wrong && k < dims; k++) {
        const uint8_t *at = data + 4 + 4 * k;
        shape[k] = (int64_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
        if (__builtin_mul_overflow(count, shape[k], &count))
            wrong = "has impossible sizes";
    }
    if (!wrong && *size - head != count)
        wrong = "has another length than its header says";
    if (!wrong)
        return data;
    ct__file_free(data, *size);
    return ct__fail(CT_ERR_RUNTIME, "%s %s", path, wrong);
}

ct_dataset *ct_mnist(const char *root, const ct_images_opts *o)
{
    if (ct__pending())
        return NULL;
    if (!root)
        return ct__fail(CT_ERR_VALUE, "an MNIST dataset needs the folder that it is in");
    const char *prefix = o->test ? "t10k" : "train", *name = o->name ? o->name : "MNIST";
    ct__text folder = {0}, path = {0};
    ct__text_addf(&folder, "%s/%s/raw", root, name);
    if (folder.s && images_file_size(folder.s) < 0) {
        folder.length = 0;
        ct__text_addf(&folder, "%s/raw", root);
    }
    ct__text_addf(&path, "%s/%s-images-idx3-ubyte", folder.s ? folder.s : "", prefix);
    int64_t shape[3] = {0}, count[1] = {0}, image_size = 0, label_size = 0;
    uint8_t *images = ct_ok() ? mnist_idx(path.s, 3, shape, &image_size) : NULL, *labels = NULL;
    ct_dataset *d = NULL;
    if (images) {
        path.length = 0;
        ct__text_addf(&path, "%s/%s-labels-idx1-ubyte", folder.s, prefix);
        labels = ct_ok() ? mnist_idx(path.s, 1, count, &label_size) : NULL;
    }
    if (labels && shape[0] != count[0])
        ct__fail(CT_ERR_RUNTIME, "%s has %lld images and %lld labels", folder.s, (long long)shape[0],
                 (long long)count[0]);
    else if (labels) {
        size_t bytes = (size_t)count[0] * sizeof(int64_t) + 8;
        int64_t *wide = ct__alloc(bytes);
        for (int64_t i = 0; wide && i < count[0]; i++)
            wide[i] = labels[8 + i];
        if (wide) {
            d = images_dataset(images + 16, wide, count[0], 1, shape[1], shape[2], o->transform);
            ct__free(wide, bytes);
        }
    }
    if (images)
        ct__file_free(images, image_size);
    if (labels)
        ct__file_free(labels, label_size);
    ct__text_free(&folder);
    ct__text_free(&path);
    return d;
}
