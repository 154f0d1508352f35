/* Folders of images: root/CLASS/.../image.jpg as torchvision's ImageFolder lists them, read when a batch asks for them.
 *
 * A batch is made in three steps: files are read and their sizes looked up, by the pool; every sample's transform is made
 * ready for its size and draws, in order, by the calling thread; then images are decoded and transformed, by the pool.
 * So random streams are those of a loader that reads one image after the other. */
#include "vision/images.h"
#include "vision/read.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FOLDER_MAX_BYTES (INT64_C(1) << 32)

/* Strings in one block each, so that a million of them are no million blocks. */
typedef struct folder_names {
    ct__text text; /* each ended by 0 */
    int64_t *at;   /* where string i begins */
    int64_t n, room;
} folder_names;

typedef struct folder_dataset {
    ct_dataset base;
    ct_transform *transform;
    int64_t max_pixels;
    folder_names classes, paths;
    ct_tensor *targets;
} folder_dataset;

/* ---- Names ---- */

static const char *folder_name(const folder_names *names, int64_t i) { return names->text.s + names->at[i]; }

static bool folder_names_add(folder_names *names, const char *s)
{
    if (names->n == names->room) {
        int64_t room = names->room ? names->room * 2 : 64;
        int64_t *more = names->at ? ct__realloc(names->at, (size_t)names->room * 8, (size_t)room * 8)
                                  : ct__alloc((size_t)room * 8);
        if (!more)
            return false;
        names->at = more;
        names->room = room;
    }
    names->at[names->n] = (int64_t)names->text.length;
    ct__text_addn(&names->text, s, strlen(s) + 1);
    if (!ct_ok())
        return false;
    names->n++;
    return true;
}

static void folder_names_free(folder_names *names)
{
    ct__text_free(&names->text);
    if (names->at)
        ct__free(names->at, (size_t)names->room * 8);
    *names = (folder_names){0};
}

static int folder_compare(const void *a, const void *b, void *text)
{ return strcmp((const char *)text + *(const int64_t *)a, (const char *)text + *(const int64_t *)b); }

/* By bytes, which for UTF-8 is Python's order. A heap sort: qsort_r is not everywhere, and its memory is malloc's. */
static void folder_names_sort(folder_names *names)
{
    int64_t *v = names->at, n = names->n;
    for (int64_t start = n / 2, end = n; end > 1;) {
        int64_t root, child, moved;
        if (start > 0) {
            root = --start;
        } else {
            moved = v[--end];
            v[end] = v[0];
            v[0] = moved;
            root = 0;
        }
        for (moved = v[root]; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && folder_compare(&v[child], &v[child + 1], names->text.s) < 0)
                child++;
            if (folder_compare(&moved, &v[child], names->text.s) >= 0)
                break;
            v[root] = v[child];
        }
        v[root] = moved;
    }
}

/* ---- Looking for files ---- */

static void folder_join(ct__text *path, const char *folder, const char *name)
{
    size_t n = strlen(folder);
    path->length = 0;
    ct__text_addf(path, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
}

/* The entries of a folder, apart and unsorted; false: an error, or errno where it cannot be read. `files` may be NULL. */
static bool folder_list(const char *folder, folder_names *folders, folder_names *files, ct__text *path)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    for (struct dirent *e; ct_ok() && (e = readdir(dir));) {
        struct stat state;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        folder_join(path, folder, e->d_name);
        bool inner = ct_ok() && stat(path->s, &state) == 0 && S_ISDIR(state.st_mode);
        if (inner)
            folder_names_add(folders, e->d_name);
        else if (files)
            folder_names_add(files, e->d_name);
    }
    closedir(dir);
    return ct_ok();
}

static bool folder_allows(const char *name, const char *const *extensions)
{
    size_t n = strlen(name);
    for (; *extensions; extensions++) {
        size_t m = strlen(*extensions), k = 0;
        if (m > n)
            continue;
        for (const char *tail = name + n - m; k < m; k++) {
            char c = tail[k] >= 'A' && tail[k] <= 'Z' ? (char)(tail[k] + 32) : tail[k];
            if (c != (*extensions)[k])
                break;
        }
        if (k == m)
            return true;
    }
    return false;
}

/* Folders on the way, so that a link to one of them ends there. */
typedef struct folder_place {
    int64_t parent;
    dev_t device;
    ino_t number;
} folder_place;

typedef struct folder_walk {
    folder_names folders; /* every folder below a class, in the order of finding */
    folder_place *places;
    int64_t room;
} folder_walk;

static bool folder_walk_add(folder_walk *walk, int64_t parent, const char *path)
{
    struct stat state;
    if (stat(path, &state) != 0)
        return true;
    for (int64_t up = parent; up >= 0; up = walk->places[up].parent)
        if (walk->places[up].device == state.st_dev && walk->places[up].number == state.st_ino)
            return true;
    if (walk->folders.n == walk->room) {
        int64_t room = walk->room ? walk->room * 2 : 64;
        size_t item = sizeof *walk->places;
        folder_place *more = walk->places ? ct__realloc(walk->places, (size_t)walk->room * item, (size_t)room * item)
                                          : ct__alloc((size_t)room * item);
        if (!more)
            return false;
        walk->places = more;
        walk->room = room;
    }
    walk->places[walk->folders.n] = (folder_place){parent, state.st_dev, state.st_ino};
    return folder_names_add(&walk->folders, path);
}

/* Appends the files below one class's folder: folders sorted by their whole path, files sorted in each. */
static bool folder_class(const char *folder, const char *const *extensions, folder_names *paths)
{
    folder_walk walk = {0};
    folder_names inner = {0}, files = {0};
    ct__text path = {0};
    folder_walk_add(&walk, -1, folder);
    for (int64_t i = 0; ct_ok() && i < walk.folders.n; i++) {
        folder_names_free(&inner);
        folder_list(folder_name(&walk.folders, i), &inner, NULL, &path); /* what cannot be read has no files */
        for (int64_t k = 0; ct_ok() && k < inner.n; k++) {
            folder_join(&path, folder_name(&walk.folders, i), folder_name(&inner, k));
            if (ct_ok())
                folder_walk_add(&walk, i, path.s);
        }
    }
    folder_names_sort(&walk.folders);
    for (int64_t i = 0; ct_ok() && i < walk.folders.n; i++) {
        folder_names_free(&inner);
        folder_names_free(&files);
        folder_list(folder_name(&walk.folders, i), &inner, &files, &path);
        folder_names_sort(&files);
        for (int64_t k = 0; ct_ok() && k < files.n; k++)
            if (folder_allows(folder_name(&files, k), extensions)) {
                folder_join(&path, folder_name(&walk.folders, i), folder_name(&files, k));
                if (ct_ok())
                    folder_names_add(paths, path.s);
            }
    }
    if (walk.places)
        ct__free(walk.places, (size_t)walk.room * sizeof *walk.places);
    folder_names_free(&walk.folders);
    folder_names_free(&inner);
    folder_names_free(&files);
    ct__text_free(&path);
    return ct_ok();
}

/* ---- A batch ---- */

typedef struct folder_item {
    ct__image image;
    uint8_t *bytes;
    int64_t size;
    ct__plan plan;
    int32_t choices[2 * CT_PLAN_STEPS];
} folder_item;

typedef struct folder_job {
    folder_dataset *d;
    const int64_t *indices;
    folder_item *items;
    uint8_t *out; /* NULL: the first step */
    pthread_mutex_t lock;
    int64_t bad; /* the first sample that failed, and how */
    ct_error_kind kind;
    char message[2048];
} folder_job;

static void folder_open(folder_job *job, int64_t i)
{
    folder_item *item = &job->items[i];
    const char *path = folder_name(&job->d->paths, job->indices[i]);
    item->image = (ct__image){.name = path, .mode = CT_IMAGE_RGB, .max_pixels = job->d->max_pixels};
    item->bytes = ct__file_read(path, FOLDER_MAX_BYTES, NULL, &item->size);
    if (!item->bytes)
        return;
    item->image.data = item->bytes;
    item->image.n = item->size;
    ct__image_head(&item->image);
}

static void folder_fill(folder_job *job, int64_t i)
{
    folder_item *item = &job->items[i];
    const ct__image *image = &item->image;
    const ct__plan *plan = &item->plan;
    size_t pixel_bytes = (size_t)(image->c * image->h * image->w), scratch_bytes = (size_t)plan->scratch_bytes;
    int64_t strides[3] = {image->h * image->w, image->w, 1};
    int64_t bytes = plan->c * plan->out_h * plan->out_w * ct_dtype_size(plan->dtype);
    uint8_t *pixels = ct__alloc(pixel_bytes);
    void *scratch = pixels ? ct__alloc(scratch_bytes) : NULL;
    if (scratch && ct__image_pixels(image, pixels))
        ct__plan_run(plan, pixels, strides, item->choices, scratch, job->out + i * bytes);
    if (pixels)
        ct__free(pixels, pixel_bytes);
    if (scratch)
        ct__free(scratch, scratch_bytes);
}

static void folder_range(void *context, int64_t begin, int64_t end)
{
    folder_job *job = context;
    for (int64_t i = begin; i < end && ct_ok(); i++)
        job->out ? folder_fill(job, i) : folder_open(job, i);
    if (ct_ok() || !ct__in_parallel())
        return;
    pthread_mutex_lock(&job->lock); /* of several errors the first sample's is told, whichever came first */
    if (job->bad < 0 || begin < job->bad) {
        job->bad = begin;
        job->kind = ct_error();
        snprintf(job->message, sizeof job->message, "%s", ct_error_message());
    }
    pthread_mutex_unlock(&job->lock);
    ct_error_clear();
}

static bool folder_run(folder_job *job, int64_t n, uint8_t *out)
{
    job->out = out;
    job->bad = -1;
    ct__parallel(n, 1, folder_range, job);
    if (job->bad >= 0)
        ct__fail(job->kind, "%s", job->message);
    return ct_ok();
}

static bool folder_same_size(const folder_job *job, int64_t n)
{
    const ct__plan *a = &job->items[0].plan;
    for (int64_t i = 1; i < n; i++) {
        const ct__plan *b = &job->items[i].plan;
        if (a->out_h != b->out_h || a->out_w != b->out_w) {
            ct__fail(CT_ERR_RUNTIME,
                     "stack expects each tensor to be equal size, but got [%lld, %lld, %lld] at entry 0 and [%lld, %lld, %lld] "
                     "at entry %lld. Images of a folder have sizes of their own: a batch of them needs a transform that makes "
                     "them equal, such as ct_resize(.width) or ct_resize and ct_center_crop.",
                     (long long)a->c, (long long)a->out_h, (long long)a->out_w, (long long)b->c, (long long)b->out_h,
                     (long long)b->out_w, (long long)i);
            return false;
        }
    }
    return true;
}

static bool folder_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out)
{
    folder_dataset *m = (folder_dataset *)d;
    int64_t n = indices.n;
    if (n < 1) {
        ct__fail(CT_ERR_VALUE, "a batch of no images");
        return false;
    }
    size_t bytes = (size_t)n * sizeof(folder_item);
    folder_job job = {.d = m, .indices = indices.v, .items = ct__alloc_zero(bytes), .lock = PTHREAD_MUTEX_INITIALIZER};
    bool good = job.items && folder_run(&job, n, NULL);
    for (int64_t i = 0; good && i < n; i++) {
        folder_item *item = &job.items[i];
        good = ct__plan_make(&item->plan, m->transform, item->image.c, item->image.h, item->image.w);
        if (good)
            ct__plan_draw(&item->plan, g, item->choices);
    }
    if (good && folder_same_size(&job, n)) {
        const ct__plan *plan = &job.items[0].plan;
        out[0] = ct__data_empty(plan->dtype, 4, (int64_t[]){n, plan->c, plan->out_h, plan->out_w});
        out[1] = out[0] ? ct__data_empty(CT_INT64, 1, &n) : NULL;
        const int64_t *targets = ct_data(m->targets);
        for (int64_t i = 0; out[1] && i < n; i++)
            ((int64_t *)ct_data(out[1]))[i] = targets[indices.v[i]];
        good = out[1] && folder_run(&job, n, ct_data(out[0]));
    }
    for (int64_t i = 0; job.items && i < n; i++)
        if (job.items[i].bytes)
            ct__file_free(job.items[i].bytes, job.items[i].size);
    if (job.items)
        ct__free(job.items, bytes);
    return good && ct_ok();
}

static void folder_destroy(ct_dataset *d)
{
    folder_dataset *m = (folder_dataset *)d;
    ct_release(m->transform);
    ct_release(m->targets);
    folder_names_free(&m->classes);
    folder_names_free(&m->paths);
}

static const ct__dataset_ops folder_ops = {.fetch = folder_fetch, .destroy = folder_destroy};

/* ---- Opening one ---- */

static const char *const folder_extensions[] = {".jpg", ".jpeg", ".png", ".ppm",  ".bmp",
                                                ".pgm", ".tif",  ".tiff", ".webp", NULL};

/* The classes and every path; ends[k]: the number of paths up to and with class k. */
static bool folder_find(folder_dataset *m, const char *root, const ct_folder_opts *o, folder_names *empty, ct_tensor **ends)
{
    const char *const *extensions = o->extensions ? o->extensions : folder_extensions;
    ct__text path = {0};
    if (!folder_list(root, &m->classes, NULL, &path) && ct_ok())
        ct__fail(CT_ERR_IO, "[Errno %d] %s: '%s'", errno, strerror(errno), root);
    if (ct_ok() && m->classes.n == 0)
        ct__fail(CT_ERR_IO, "Couldn't find any class folder in %s.", root);
    folder_names_sort(&m->classes);
    *ends = ct_ok() ? ct__data_empty(CT_INT64, 1, &m->classes.n) : NULL;
    for (int64_t k = 0; ct_ok() && k < m->classes.n; k++) {
        int64_t before = m->paths.n;
        folder_join(&path, root, folder_name(&m->classes, k));
        if (ct_ok())
            folder_class(path.s, extensions, &m->paths);
        if (ct_ok() && m->paths.n == before)
            folder_names_add(empty, folder_name(&m->classes, k));
        ((int64_t *)ct_data(*ends))[k] = m->paths.n;
    }
    if (ct_ok() && empty->n && !o->allow_empty) {
        path.length = 0;
        ct__text_add(&path, "Found no valid file for the classes ");
        for (int64_t k = 0; k < empty->n; k++)
            ct__text_addf(&path, "%s%s", k ? ", " : "", folder_name(empty, k));
        ct__text_add(&path, ". Supported extensions are: ");
        for (int64_t k = 0; extensions[k]; k++)
            ct__text_addf(&path, "%s%s", k ? ", " : "", extensions[k]);
        if (ct_ok())
            ct__fail(CT_ERR_IO, "%s", path.s);
    }
    ct__text_free(&path);
    return ct_ok();
}

#undef ct_image_folder
ct_dataset *ct_image_folder(const char *root, const ct_folder_opts *o)
{
    if (ct__pending())
        return NULL;
    if (!root || !*root)
        return ct__fail(CT_ERR_VALUE, "an image folder needs a path");
    ct_dataset *d = ct__dataset_make(&folder_ops, sizeof(folder_dataset), 0, 2);
    if (!d)
        return NULL;
    CT_SCOPE();
    folder_dataset *m = (folder_dataset *)d;
    folder_names empty = {0};
    ct_tensor *ends = NULL;
    m->transform = ct_retain(o->transform);
    m->max_pixels = o->max_pixels;
    if (folder_find(m, root, o, &empty, &ends)) {
        d->size = m->paths.n;
        m->targets = ct_retain(ct__data_empty(CT_INT64, 1, &d->size));
        for (int64_t k = 0, i = 0; m->targets && k < m->classes.n; k++)
            for (; i < ((int64_t *)ct_data(ends))[k]; i++)
                ((int64_t *)ct_data(m->targets))[i] = k;
    }
    folder_names_free(&empty);
    if (ct_ok())
        return d;
    ct_release(d);
    return NULL;
}

static const folder_dataset *folder_of(const ct_dataset *d)
{ return d && d->ops == &folder_ops ? (const folder_dataset *)d : NULL; }

ct_tensor *ct__folder_targets(const ct_dataset *d) { return folder_of(d) ? folder_of(d)->targets : NULL; }

int64_t ct_folder_classes(const ct_dataset *d) { return folder_of(d) ? folder_of(d)->classes.n : 0; }

const char *ct_folder_class(const ct_dataset *d, int64_t k)
{ return folder_of(d) && k >= 0 && k < folder_of(d)->classes.n ? folder_name(&folder_of(d)->classes, k) : NULL; }

const char *ct_folder_path(const ct_dataset *d, int64_t i)
{ return folder_of(d) && i >= 0 && i < d->size ? folder_name(&folder_of(d)->paths, i) : NULL; }
