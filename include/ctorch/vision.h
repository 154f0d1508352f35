/* Image datasets, transforms and image files. Ownership as in <ctorch/data.h>: ct_compose takes its parts
 * over, a dataset retains its transform. Images are tensors (C, H, W); datasets hold them as uint8. */
#ifndef CTORCH_VISION_H
#define CTORCH_VISION_H

#include <ctorch/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Transforms: torchvision's, with its values and draws ---- */

typedef struct ct_transform ct_transform;
/* uint8 -> float32 in [0, 1]. */
CT_API ct_transform *ct_to_tensor(void);
/* (x - mean) / std per channel of a float image; channels: how many of the entries count (0: those with a
 * std; 1 counts for every channel). */
typedef struct ct_normalize_opts {
    double mean[4], std[4];
    int channels;
} ct_normalize_opts;
CT_API ct_transform *ct_normalize(const ct_normalize_opts *options);
/* The middle `size` x `width` (0: size) of the image; a smaller one is padded with 0. */
typedef struct ct_crop_opts {
    int64_t width;    /* 0: as high as wide */
    int64_t padding;  /* on all four sides, before cropping */
    int64_t sides[4]; /* more of it: left, top, right, bottom */
    double fill;      /* of the padding */
    bool pad_if_needed;
} ct_crop_opts;
CT_API ct_transform *ct_center_crop(int64_t size, const ct_crop_opts *options);
/* A box at a random place: the row, then the column, one randint each; none where the padded image has that
 * size. */
CT_API ct_transform *ct_random_crop(int64_t size, const ct_crop_opts *options);
/* Resampled as Pillow does it, bit for bit: bytes only, so before ct_to_tensor. The shorter side becomes `size` and
 * the longer keeps the proportion; with a width, the result is `size` x `width`. A filter's support grows with the
 * reduction (antialiasing). Two and four channels are taken as gray and RGB with alpha. */
typedef enum ct_interpolation {
    CT_BILINEAR,
    CT_NEAREST,
    CT_BICUBIC,
    CT_BOX,
    CT_HAMMING,
    CT_LANCZOS
} ct_interpolation;
typedef struct ct_resize_opts {
    int64_t width;    /* 0: `size` is the shorter side's */
    int64_t max_size; /* 0: none; else the longer side becomes no longer than this (without a width only) */
    ct_interpolation interpolation;
} ct_resize_opts;
CT_API ct_transform *ct_resize(int64_t size, const ct_resize_opts *options);
/* Rows and columns of `fill` on the sides. */
CT_API ct_transform *ct_pad_image(int64_t padding, const ct_crop_opts *options);
/* Left and right (top and bottom) exchanged where rand(1) < p. */
typedef struct ct_flip_opts {
    double p;
} ct_flip_opts;
CT_API ct_transform *ct_random_horizontal_flip(const ct_flip_opts *options);
CT_API ct_transform *ct_random_vertical_flip(const ct_flip_opts *options);
/* One after another. Takes the parts over; fails if one is NULL. */
CT_API ct_transform *ct_compose_of(int64_t n, ct_transform *const *parts);
#define ct_compose(...) \
    ct_compose_of((int64_t)(sizeof((ct_transform *[]){__VA_ARGS__}) / sizeof(ct_transform *)), \
                  (ct_transform *[]){__VA_ARGS__})
#ifndef __cplusplus
#define ct_normalize(...) \
    CT_WITH(ct_normalize_opts, (.channels = 0,), ct_normalize(ct__options), __VA_ARGS__)
#define ct_center_crop(size, ...) \
    CT_WITH(ct_crop_opts, (.width = 0,), ct_center_crop(size, ct__options), __VA_ARGS__)
#define ct_random_crop(size, ...) \
    CT_WITH(ct_crop_opts, (.width = 0,), ct_random_crop(size, ct__options), __VA_ARGS__)
#define ct_resize(size, ...) \
    CT_WITH(ct_resize_opts, (.width = 0,), ct_resize(size, ct__options), __VA_ARGS__)
#define ct_pad_image(padding, ...) \
    CT_WITH(ct_crop_opts, (.width = 0,), ct_pad_image(padding, ct__options), __VA_ARGS__)
#define ct_random_horizontal_flip(...) \
    CT_WITH(ct_flip_opts, (.p = 0.5,), ct_random_horizontal_flip(ct__options), __VA_ARGS__)
#define ct_random_vertical_flip(...) \
    CT_WITH(ct_flip_opts, (.p = 0.5,), ct_random_vertical_flip(ct__options), __VA_ARGS__)
#endif
/* One image (C, H, W), uint8, through a transform; owned by the scope. g NULL: the default generator. */
CT_API ct_tensor *ct_apply(ct_transform *transform, ct_tensor *image, ct_generator *g);

/* ---- Datasets ---- */

typedef struct ct_images_opts {
    bool test;               /* the test split instead of the training split */
    ct_transform *transform; /* none: uint8 images as they are stored */
    const char *name;        /* ct_mnist: the folder, "MNIST" unless given ("FashionMNIST", "KMNIST") */
} ct_images_opts;
/* images (N, C, H, W) uint8 with any strides, targets (N) int64; both retained and shared. */
CT_API ct_dataset *ct_image_dataset(ct_tensor *images, ct_tensor *targets, ct_transform *transform);
/* root/cifar-10-batches-py or root/cifar-10-batches-bin, as published. Fails where files are missing, cut off
 * or hostile. */
CT_API ct_dataset *ct_cifar10(const char *root, const ct_images_opts *options);
/* root/cifar-100-python or root/cifar-100-binary, fine labels. */
CT_API ct_dataset *ct_cifar100(const char *root, const ct_images_opts *options);
/* root/MNIST/raw or root/raw with the four idx files. */
CT_API ct_dataset *ct_mnist(const char *root, const ct_images_opts *options);
#ifndef __cplusplus
#define ct_cifar10(root, ...) \
    CT_WITH(ct_images_opts, (.test = false,), ct_cifar10(root, ct__options), __VA_ARGS__)
#define ct_cifar100(root, ...) \
    CT_WITH(ct_images_opts, (.test = false,), ct_cifar100(root, ct__options), __VA_ARGS__)
#define ct_mnist(root, ...) \
    CT_WITH(ct_images_opts, (.test = false,), ct_mnist(root, ct__options), __VA_ARGS__)
#endif
extern CT_API const char *const ct_cifar10_classes[10];
/* An image dataset's tensors, which belong to it: (N, C, H, W) and (N). NULL where d is none; an image folder has
 * targets only. */
CT_API ct_tensor *ct_dataset_images(const ct_dataset *d);
CT_API ct_tensor *ct_dataset_targets(const ct_dataset *d);

/* ---- Folders of images: root/CLASS/.../image.jpg ---- */

/* torchvision's ImageFolder: the classes are the folders in root, sorted; the samples are the files under each with one
 * of the extensions, sorted; sample i is (3, H, W) of its own size, as RGB, and its class's number. A file is read when
 * a sample is asked for. A batch needs a transform that gives equal sizes. */
typedef struct ct_folder_opts {
    ct_transform *transform;       /* none: uint8 images as they are */
    const char *const *extensions; /* lower case, ended by NULL; none: torchvision's (of which JPEG and PNG are read) */
    bool allow_empty;              /* classes without a file are no error */
    int64_t max_pixels;            /* as in ct_image_opts */
} ct_folder_opts;
CT_API ct_dataset *ct_image_folder(const char *root, const ct_folder_opts *options);
#ifndef __cplusplus
#define ct_image_folder(root, ...) \
    CT_WITH(ct_folder_opts, (.transform = NULL,), ct_image_folder(root, ct__options), __VA_ARGS__)
#endif
/* How many classes, class k's name, sample i's file; they belong to the dataset. 0 or NULL where d is no image folder
 * or there is no such number. */
CT_API int64_t ct_folder_classes(const ct_dataset *d);
CT_API const char *ct_folder_class(const ct_dataset *d, int64_t k);
CT_API const char *ct_folder_path(const ct_dataset *d, int64_t i);

/* ---- Image files ---- */

/* What an image becomes. RGB is what Pillow's convert("RGB") gives: alpha is dropped, CMYK is taken for Adobe's, 16-bit
 * gray stops at 255. GRAY of a JPEG is its luminance as it is stored, of a PNG Pillow's convert("L"). UNCHANGED keeps
 * the file's channels: 1 gray (or palette indices), 2 gray and alpha, 3 RGB, 4 RGB and alpha (or a JPEG's CMYK); of 16
 * bits the high 8. JPEG has no alpha. An orientation in the file is not applied. */
typedef enum ct_image_mode {
    CT_IMAGE_UNCHANGED,
    CT_IMAGE_GRAY,
    CT_IMAGE_GRAY_ALPHA,
    CT_IMAGE_RGB,
    CT_IMAGE_RGB_ALPHA
} ct_image_mode;
typedef struct ct_image_opts {
    ct_image_mode mode;
    int64_t max_pixels; /* larger images are refused before they are decoded; 0: 178956970, Pillow's limit; -1: none */
} ct_image_opts;
/* A JPEG or PNG file, told apart by content: (C, H, W) uint8, owned by the scope. Fails where the file is missing,
 * damaged, cut off or of another format, and where this build was made without the format's library. */
CT_API ct_tensor *ct_read_image(const char *path, const ct_image_opts *options);
CT_API ct_tensor *ct_decode_image(const void *bytes, int64_t n, const ct_image_opts *options);
CT_API ct_tensor *ct_decode_jpeg(const void *bytes, int64_t n, const ct_image_opts *options);
CT_API ct_tensor *ct_decode_png(const void *bytes, int64_t n, const ct_image_opts *options);
/* Whether this build reads the format. */
CT_API bool ct_reads_jpeg(void);
CT_API bool ct_reads_png(void);
#ifndef __cplusplus
#define ct_read_image(path, ...) \
    CT_WITH(ct_image_opts, (.max_pixels = 0,), ct_read_image(path, ct__options), __VA_ARGS__)
#define ct_decode_image(bytes, n, ...) \
    CT_WITH(ct_image_opts, (.max_pixels = 0,), ct_decode_image(bytes, n, ct__options), __VA_ARGS__)
#define ct_decode_jpeg(bytes, n, ...) \
    CT_WITH(ct_image_opts, (.max_pixels = 0,), ct_decode_jpeg(bytes, n, ct__options), __VA_ARGS__)
#define ct_decode_png(bytes, n, ...) \
    CT_WITH(ct_image_opts, (.max_pixels = 0,), ct_decode_png(bytes, n, ct__options), __VA_ARGS__)
#endif
/* Images (N, C, H, W) side by side with a border of two: (3, H', W'), float32; owned by the scope. */
typedef struct ct_grid_opts {
    int64_t nrow, padding;
    double pad_value;
} ct_grid_opts;
CT_API ct_tensor *ct_make_grid(ct_tensor *images, const ct_grid_opts *options);
#ifndef __cplusplus
#define ct_make_grid(images, ...) \
    CT_WITH(ct_grid_opts, (.nrow = 8, .padding = 2,), ct_make_grid(images, ct__options), __VA_ARGS__)
#endif
/* A float image (3 or 1, H, W) with values in [0, 1] (or a uint8 one) as a PNG file, written under a
 * temporary name and renamed. */
CT_API bool ct_save_image(ct_tensor *image, const char *path);

#ifdef __cplusplus
}
#endif
#endif
