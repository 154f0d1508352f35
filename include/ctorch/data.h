/* Datasets and loaders: batches in PyTorch's order, with PyTorch's random draws.
 * Ownership: a function that is given a dataset by position takes it over (retain it first to use it twice);
 * what comes in by an option is retained. What a constructor returns belongs to the caller: ct_release, or
 * ct_free_all. */
#ifndef CTORCH_DATA_H
#define CTORCH_DATA_H

#include <ctorch/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Datasets: `size` samples of up to eight tensors each; the first is the input, the second the target.
 * ---- */

#define CT_MAX_FIELDS 8
typedef struct ct_dataset ct_dataset;
CT_API int64_t ct_dataset_size(const ct_dataset *d);
CT_API int64_t ct_dataset_fields(const ct_dataset *d);
/* Sample i (negative: from the end) into out[fields], owned by the scope. Random transforms draw from g
 * (NULL: the default generator). false: IndexError, or what the dataset itself reports. */
CT_API bool ct_dataset_get(ct_dataset *d, int64_t i, ct_generator *g, ct_tensor **out);
/* The samples at `indices` stacked into batches: out[fields] of (N, ...), owned by the scope. Draws sample by
 * sample; the pixels are then filled by the thread pool. */
CT_API bool ct_dataset_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out);

/* Cuts samples from tensors along their first dimension; they must have equal first sizes. The tensors are
 * retained. */
CT_API ct_dataset *ct_tensor_dataset_of(ct_tensors tensors);
#define ct_tensor_dataset(...) ct_tensor_dataset_of(CT_TENSORS(__VA_ARGS__))
/* The samples of a dataset, which it takes over, at the given indices. */
CT_API ct_dataset *ct_subset(ct_dataset *dataset, ct_ints indices);
/* A dataset of the caller's own: get fills out[fields] with sample i (owned by the scope), or fails with
 * ct_fail. It is called in the thread that asks for the batch. free_data may be NULL. */
typedef bool ct_dataset_get_fn(void *data, int64_t i, ct_tensor **out);
CT_API ct_dataset *ct_dataset_new(int64_t size, int64_t fields, ct_dataset_get_fn *get, void *data,
                                  void (*free_data)(void *));
/* Cuts a dataset, which it takes over, at random into n subsets of the given lengths: randperm of the
 * generator (NULL: the default one), in order. false: the lengths do not sum to its size. */
CT_API bool ct_random_split(ct_dataset *dataset, ct_ints lengths, ct_generator *g, ct_dataset **out);

/* ---- Loaders ---- */

typedef struct ct_loader ct_loader;
typedef struct ct_loader_opts {
    int64_t batch_size; /* 1 */
    bool shuffle, drop_last;
    int workers;  /* decides the random streams, as PyTorch's num_workers does; the threads are the pool's */
    int prefetch; /* 2: batches a worker is asked for ahead, which decides when the sampler draws */
    ct_generator *generator; /* of the base seed and the order; NULL: the default one */
} ct_loader_opts;
/* A loader over a dataset, which it takes over. */
CT_API ct_loader *ct_loader_new(ct_dataset *dataset, const ct_loader_opts *options);
#ifndef __cplusplus
#define ct_loader_new(dataset, ...) \
    CT_WITH(ct_loader_opts, (.batch_size = 1, .prefetch = 2,), ct_loader_new(dataset, ct__options), \
            __VA_ARGS__)
#endif
/* Batches in one epoch. */
CT_API int64_t ct_loader_size(const ct_loader *loader);
CT_API ct_dataset *ct_loader_dataset(const ct_loader *loader);

typedef struct ct_batch {
    ct_tensor *input,
        *target; /* (N, ...): the first and second field; target is NULL if there is one field */
    ct_tensor *fields[CT_MAX_FIELDS];
    int64_t index, size; /* the batch's number in the epoch, and N */
    ct_loader *loader;
    ct_scope scope;
    bool open;
} ct_batch;
/* Starts an epoch: PyTorch's iter(loader). false on failure. */
CT_API bool ct_loader_begin(ct_loader *loader);
/* The epoch's next batch, owned by the innermost scope. false: at the end, or on failure (see ct_ok). */
CT_API bool ct_loader_next(ct_loader *loader, ct_batch *batch);

/* for (b = each batch of one epoch) with a scope of its own for each: ct_for_batch (b, loader) { ... b.input
 * ... }. break, continue and return leave it as they leave any loop. After an error the loop ends. */
#define ct_for_batch(b, loader) \
    for (ct_batch b __attribute__((cleanup(ct_batch_end))) = ct_batch_first(loader); b.open; \
         ct_batch_step(&b))
CT_API ct_batch ct_batch_first(ct_loader *loader);
CT_API void ct_batch_step(ct_batch *batch);
CT_API void ct_batch_end(ct_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
