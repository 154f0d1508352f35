/* Step 5: images from files. 05_images FOLDER trains on FOLDER/CLASS/... with JPEG and PNG images of any size; without an
 * argument it first draws a small folder of its own: discs and squares. */
#include <ctorch/ctorch.h>
#include <stdio.h>
#include <sys/stat.h>

/* A bright disc or square of a random size at a random place on a dark image of a random size. */
static void draw_one(const char *path, bool disc)
{
    CT_SCOPE();
    int64_t side = 20 + ct_item_int(ct_randint(20, CT_SHAPE(1)));
    int64_t radius = side / 5 + ct_item_int(ct_randint(side / 5, CT_SHAPE(1)));
    double x = (double)side / 2 + 4 * ct_item(ct_rand(CT_SHAPE(1))) - 2;
    double y = (double)side / 2 + 4 * ct_item(ct_rand(CT_SHAPE(1))) - 2;
    ct_tensor *image = ct_mul(ct_rand(CT_SHAPE(3, side, side)), 0.2);
    float *pixels = ct_data(image);
    for (int64_t i = 0; i < side * side; i++) {
        double dx = (double)(i % side) - x, dy = (double)(i / side) - y;
        if (disc ? dx * dx + dy * dy < (double)(radius * radius)
                 : dx * dx < (double)(radius * radius) && dy * dy < (double)(radius * radius))
            for (int64_t c = 0; c < 3; c++)
                pixels[c * side * side + i] += 0.7f;
    }
    ct_save_image(image, path);
}

static const char *draw_folder(void)
{
    mkdir("shapes", 0777);
    mkdir("shapes/disc", 0777);
    mkdir("shapes/square", 0777);
    for (int i = 0; i < 64; i++) {
        char path[64];
        snprintf(path, sizeof path, "shapes/%s/%02d.png", i % 2 ? "square" : "disc", i / 2);
        draw_one(path, i % 2 == 0);
    }
    return "shapes";
}

int main(int argc, char **argv)
{
    ct_on_error(ct_die, NULL);
    if (argc < 2 && !ct_reads_png()) {
        printf("This build of ctorch reads no PNG images.\n");
        return 0;
    }
    CT_SCOPE();
    ct_manual_seed(0);
    const char *root = argc > 1 ? argv[1] : draw_folder();
    ct_transform *transform = ct_compose(ct_resize(24, .width = 24), ct_random_horizontal_flip(), ct_to_tensor(),
                                         ct_normalize(.mean = {0.5}, .std = {0.5}));
    ct_dataset *images = ct_image_folder(root, .transform = transform);
    int64_t classes = ct_folder_classes(images);
    printf("%d images of %d classes:", (int)ct_dataset_size(images), (int)classes);
    for (int64_t k = 0; k < classes; k++)
        printf(" %s", ct_folder_class(images, k));
    ct_tensor *first = ct_read_image(ct_folder_path(images, 0), .mode = CT_IMAGE_RGB);
    printf("; the first is %d x %d\n", (int)ct_size(first, 1), (int)ct_size(first, 2));

    ct_loader *loader = ct_loader_new(images, .batch_size = 16, .shuffle = true, .workers = 2);
    ct_module *net = ct_nn_sequential(ct_nn_conv2d(3, 8, 5, .stride = 2), ct_nn_relu(), ct_nn_flatten(),
                                      ct_nn_linear(800, classes));
    ct_optim *opt = ct_adam(ct_parameters(net), .lr = 0.003);
    for (int epoch = 0; epoch < 8; epoch++) {
        double loss_sum = 0;
        int64_t correct = 0;
        ct_for_batch (b, loader) {
            ct_zero_grad(opt);
            ct_tensor *out = ct_call(net, b.input), *loss = ct_cross_entropy(out, b.target);
            ct_backward(loss);
            ct_step(opt);
            loss_sum += ct_item(loss) * (double)b.size;
            correct += ct_item_int(ct_sum(ct_eq(ct_argmax(out, .dim = 1), b.target)));
        }
        printf("epoch %d: loss %.3f, %d right\n", epoch + 1, loss_sum / (double)ct_dataset_size(images), (int)correct);
    }
    ct_free_all(net, opt, loader, transform);
    return 0;
}
