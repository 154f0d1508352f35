/* Loaders: an epoch's order and random streams as PyTorch's DataLoader gives them, and the loop over batches.
 *
 * iter() takes the base seed from the generator. The order's own draws come when a worker is first asked for
 * a batch: at once where there are workers, else with the first batch. Batch i draws its transforms from the
 * stream of worker i mod workers (seeded base seed + worker), or from the default generator where there are
 * none. A generator of the caller's also pays for the one more permutation that PyTorch's sampler makes when
 * it is used up. */
#include "data/data.h"

#undef ct_loader_new

struct ct_loader {
    ct_object base;
    ct_dataset *dataset;
    ct_generator *generator; /* NULL: the default one */
    ct_generator **streams;  /* one a worker; only where the dataset draws */
    int64_t *order;          /* a permutation, where it shuffles */
    int64_t batch_size, asked, given;
    int workers, prefetch;
    bool shuffle, drop_last, running, ordered, exhausted;
};

static void loader_destroy(void *object)
{
    ct_loader *l = object;
    ct_release(l->generator);
    for (int w = 0; l->streams && w < l->workers; w++)
        ct_release(l->streams[w]);
    if (l->streams)
        ct__free(l->streams, (size_t)l->workers * sizeof *l->streams);
    if (l->order)
        ct__free(l->order, (size_t)l->dataset->size * sizeof *l->order);
    ct_release(l->dataset);
    ct__free(l, sizeof *l);
}

static const ct_type loader_type = {"DataLoader", loader_destroy, NULL};

ct_loader *ct_loader_new(ct_dataset *dataset, const ct_loader_opts *o)
{
    ct_loader *l = NULL;
    if (ct__pending() || !dataset)
        goto failed;
    if (o->batch_size <= 0)
        ct__fail(CT_ERR_VALUE, "batch_size should be a positive integer value, but got batch_size=%lld",
                 (long long)o->batch_size);
    else if (o->workers < 0)
        ct__fail(CT_ERR_VALUE,
                 "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.");
    else if (o->prefetch < 0)
        ct__fail(CT_ERR_VALUE, "prefetch_factor option should be non-negative");
    else if (o->shuffle && dataset->size == 0)
        ct__fail(CT_ERR_VALUE, "num_samples should be a positive integer value, but got num_samples=0");
    else
        l = ct__alloc_zero(sizeof *l);
    if (!l)
        goto failed;
    ct__object_init(l, &loader_type);
    l->dataset = dataset;
    l->generator = ct_retain(o->generator);
    l->batch_size = o->batch_size;
    l->workers = o->workers;
    l->prefetch = o->prefetch;
    l->shuffle = o->shuffle;
    l->drop_last = o->drop_last;
    if (l->shuffle && !(l->order = ct__alloc((size_t)dataset->size * sizeof *l->order)))
        goto failed_later;
    if (l->workers && (dataset->nchoices || dataset->ops->fetch)) {
        l->streams = ct__alloc_zero((size_t)l->workers * sizeof *l->streams);
        for (int w = 0; l->streams && w < l->workers; w++)
            if (!(l->streams[w] = ct_generator_new()))
                goto failed_later;
        if (!l->streams)
            goto failed_later;
    }
    return l;
failed_later:
    ct_release(l);
    return NULL;
failed:
    ct_release(dataset);
    return NULL;
}

int64_t ct_loader_size(const ct_loader *l)
{
    if (!l)
        return 0;
    return l->drop_last ? l->dataset->size / l->batch_size
                        : (l->dataset->size + l->batch_size - 1) / l->batch_size;
}

ct_dataset *ct_loader_dataset(const ct_loader *l) { return l ? l->dataset : NULL; }

/* The sampler is asked for one batch of indices more. */
static void loader_ask(ct_loader *l)
{
    if (!l->shuffle || l->exhausted)
        return;
    int64_t n = l->dataset->size;
    if (!l->ordered) {
        l->ordered = true;
        if (l->generator) {
            ct__data_permutation(l->generator, n, l->order);
        } else {
            uint64_t seed = ct_generator_u64(ct_default_generator()) & INT64_MAX;
            ct_generator *own = ct_generator_new();
            if (!own)
                return;
            ct_generator_seed(own, seed);
            ct__data_permutation(own, n, l->order);
            ct_release(own);
        }
    }
    if ((l->asked + 1) * l->batch_size > n) {
        l->exhausted = true;
        for (int64_t i = 0; l->generator && i + 1 < n; i++)
            ct_generator_u32(l->generator);
    }
    l->asked++;
}

bool ct_loader_begin(ct_loader *l)
{
    if (ct__pending() || !l)
        return false;
    uint64_t base_seed = ct_generator_u64(l->generator ? l->generator : ct_default_generator()) & INT64_MAX;
    l->asked = l->given = 0;
    l->ordered = l->exhausted = false;
    l->running = true;
    for (int w = 0; l->streams && w < l->workers; w++)
        ct_generator_seed(l->streams[w], base_seed + (uint64_t)w);
    for (int64_t i = 0; i < (int64_t)l->workers * l->prefetch; i++)
        loader_ask(l);
    return ct_ok();
}

bool ct_loader_next(ct_loader *l, ct_batch *b)
{
    if (ct__pending() || !l)
        return false;
    if (!l->running) {
        ct__fail(CT_ERR_RUNTIME, "ct_loader_next before ct_loader_begin, or after the epoch's end");
        return false;
    }
    int64_t n = l->dataset->size, start = l->given * l->batch_size;
    if (!l->workers || l->prefetch == 0)
        loader_ask(l);
    if (l->given >= ct_loader_size(l)) {
        l->running = false;
        return false;
    }
    int64_t size = n - start < l->batch_size ? n - start : l->batch_size, local[64];
    int64_t *sequence = NULL;
    ct_ints indices = {size, l->shuffle ? l->order + start : local};
    if (!l->shuffle) {
        if (size > 64 && !(sequence = ct__alloc((size_t)size * sizeof(int64_t))))
            return false;
        int64_t *v = sequence ? sequence : local;
        for (int64_t i = 0; i < size; i++)
            v[i] = start + i;
        indices.v = v;
    }
    ct_generator *g = l->streams ? l->streams[l->given % l->workers] : NULL;
    memset(b->fields, 0, sizeof b->fields);
    bool good = ct_dataset_fetch(l->dataset, indices, g, b->fields);
    if (sequence)
        ct__free(sequence, (size_t)size * sizeof(int64_t));
    if (l->workers && l->prefetch)
        loader_ask(l);
    b->input = b->fields[0];
    b->target = l->dataset->nfields > 1 ? b->fields[1] : NULL;
    b->index = l->given++;
    b->size = size;
    b->loader = l;
    if (!good)
        l->running = false;
    return good && ct_ok();
}

ct_batch ct_batch_first(ct_loader *l)
{
    ct_batch b = {.index = -1, .loader = l};
    if (ct_loader_begin(l))
        ct_batch_step(&b);
    return b;
}

void ct_batch_step(ct_batch *b)
{
    if (b->open)
        ct_scope_end(&b->scope);
    b->scope = ct_scope_begin();
    b->open = ct_loader_next(b->loader, b);
    if (!b->open)
        ct_scope_end(&b->scope);
}

void ct_batch_end(ct_batch *b)
{
    if (b->open)
        ct_scope_end(&b->scope);
    b->open = false;
}
