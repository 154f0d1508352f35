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
/* An image dataset's tensors, which belong to it: (N, C, H, W) and (N). NULL where d is none. */
CT_API ct_tensor *ct_dataset_images(const ct_dataset *d);
CT_API ct_tensor *ct_dataset_targets(const ct_dataset *d);

/* ---- Image files ---- */

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
