/* Datasets: tensors, subsets, the caller's own, and the one way in which a batch is made of any of them: all
 * random choices first, in order, by the calling thread; then the samples, in pieces of a fixed number of
 * bytes, by the pool. */
#include "data/data.h"
#include <ctorch/autograd.h>
#include <ctorch/ops.h>

#define DATASET_PIECE_BYTES (96 * 1024)

static void dataset_destroy(void *object)
{
    ct_dataset *d = object;
    if (d->ops && d->ops->destroy)
        d->ops->destroy(d);
    ct__free(d, (size_t)d->object_bytes);
}

static void dataset_print(const void *object, void *text)
{
    const ct_dataset *d = object;
    ct__text_addf(text, "Dataset\n    Number of datapoints: %lld", (long long)d->size);
}

static const ct_type dataset_type = {"Dataset", dataset_destroy, dataset_print};

ct_dataset *ct__dataset_make(const ct__dataset_ops *ops, int64_t bytes, int64_t size, int64_t nfields)
{
    ct_dataset *d = ct__alloc_zero((size_t)bytes);
    if (!d)
        return NULL;
    ct__object_init(d, &dataset_type);
    d->ops = ops;
    d->object_bytes = bytes;
    d->size = size;
    d->nfields = nfields;
    return d;
}

void ct__field_set(ct__field *f, ct_dtype dtype, int64_t ndim, const int64_t *sizes)
{
    f->dtype = dtype;
    f->ndim = ndim;
    f->bytes = ct_dtype_size(dtype);
    for (int64_t k = 0; k < ndim; k++)
        f->bytes *= f->sizes[k] = sizes[k];
}

ct_tensor *ct__data_empty(ct_dtype dtype, int64_t ndim, const int64_t *sizes)
{ return ct_empty(((ct_ints){ndim, sizes}), .dtype = dtype); }

int64_t ct_dataset_size(const ct_dataset *d) { return d ? d->size : 0; }
int64_t ct_dataset_fields(const ct_dataset *d) { return d ? d->nfields : 0; }

/* ---- A batch ---- */

typedef struct dataset_job {
    ct_dataset *d;
    const int64_t *indices;
    const int32_t *choices;
    char *out[CT_MAX_FIELDS];
} dataset_job;

static void dataset_fill_range(void *context, int64_t begin, int64_t end)
{
    dataset_job *job = context;
    ct_dataset *d = job->d;
    void *scratch = NULL;
    if (d->scratch_bytes && !(scratch = ct__alloc((size_t)d->scratch_bytes)))
        return;
    for (int64_t i = begin; i < end; i++) {
        char *out[CT_MAX_FIELDS];
        for (int64_t f = 0; f < d->nfields; f++)
            out[f] = job->out[f] + i * d->fields[f].bytes;
        d->ops->fill(d, job->indices[i], job->choices ? job->choices + i * d->nchoices : NULL, scratch, out);
    }
    if (scratch)
        ct__free(scratch, (size_t)d->scratch_bytes);
}

static bool dataset_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, bool batched, ct_tensor **out)
{
    int64_t n = indices.n, room = n > 64 ? n : 64, local[64];
    if (ct__pending() || !d)
        return false;
    int64_t *wrapped = n > 64 ? ct__alloc((size_t)room * sizeof(int64_t)) : local;
    if (!wrapped)
        return false;
    bool good = false;
    int32_t few[256], *choices = NULL;
    size_t choice_bytes = (size_t)(n * d->nchoices) * sizeof(int32_t);
    for (int64_t i = 0; i < n; i++) {
        wrapped[i] = indices.v[i] < 0 ? indices.v[i] + d->size : indices.v[i];
        if (wrapped[i] < 0 || wrapped[i] >= d->size) {
            ct__fail(CT_ERR_INDEX, "index %lld is out of bounds for a dataset of size %lld",
                     (long long)indices.v[i], (long long)d->size);
            goto done;
        }
    }
    if (d->ops->fetch) {
        good = d->ops->fetch(d, (ct_ints){n, wrapped}, g, out);
        goto done;
    }
    dataset_job job = {.d = d, .indices = wrapped};
    for (int64_t f = 0; f < d->nfields; f++) {
        int64_t sizes[9] = {n};
        for (int64_t k = 0; k < d->fields[f].ndim; k++)
            sizes[k + batched] = d->fields[f].sizes[k];
        out[f] = ct__data_empty(d->fields[f].dtype, d->fields[f].ndim + batched, sizes);
        if (!out[f])
            goto done;
        job.out[f] = ct_data(out[f]);
    }
    if (d->nchoices) {
        choices = choice_bytes <= sizeof few ? few : ct__alloc(choice_bytes);
        if (!choices)
            goto done;
        for (int64_t i = 0; i < n; i++)
            d->ops->draw(d, g, choices + i * d->nchoices);
        job.choices = choices;
    }
    int64_t grain = DATASET_PIECE_BYTES / (d->sample_bytes + 1) + 1;
    if (grain >= n)
        dataset_fill_range(&job, 0, n);
    else
        ct__parallel(n, grain, dataset_fill_range, &job);
    good = ct_ok();
done:
    if (choices && choices != few)
        ct__free(choices, choice_bytes);
    if (wrapped != local)
        ct__free(wrapped, (size_t)room * sizeof(int64_t));
    return good;
}

bool ct_dataset_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out)
{ return dataset_fetch(d, indices, g ? g : ct_default_generator(), true, out); }

bool ct_dataset_get(ct_dataset *d, int64_t i, ct_generator *g, ct_tensor **out)
{
    ct_ints one = {1, &i};
    if (!dataset_fetch(d, one, g ? g : ct_default_generator(), false, out))
        return false;
    if (d->ops->fetch)
        for (int64_t f = 0; f < d->nfields; f++)
            if (!(out[f] = ct_select(out[f], 0, 0)))
                return false;
    return true;
}

/* ---- Tensors ---- */

typedef struct tensor_dataset {
    ct_dataset base;
    ct_tensor *tensors[CT_MAX_FIELDS];
    int64_t row_bytes[CT_MAX_FIELDS];
} tensor_dataset;

static void tensor_dataset_fill(ct_dataset *d, int64_t i, const int32_t *choices, void *scratch,
                                char *const *out)
{
    tensor_dataset *t = (tensor_dataset *)d;
    for (int64_t f = 0; f < d->nfields; f++)
        memcpy(out[f], (char *)ct_data(t->tensors[f]) + i * t->row_bytes[f], (size_t)d->fields[f].bytes);
}

static void tensor_dataset_destroy(ct_dataset *d)
{
    for (int64_t f = 0; f < d->nfields; f++)
        ct_release(((tensor_dataset *)d)->tensors[f]);
}

static const ct__dataset_ops tensor_dataset_ops = {.fill = tensor_dataset_fill,
                                                   .destroy = tensor_dataset_destroy};

static bool tensor_dataset_rows_contiguous(const ct_tensor *t)
{
    int64_t expected = 1;
    for (int64_t k = ct_ndim(t) - 1; k > 0; k--) {
        if (ct_size(t, k) != 1 && ct_stride(t, k) != expected)
            return false;
        expected *= ct_size(t, k);
    }
    return true;
}

ct_dataset *ct_tensor_dataset_of(ct_tensors tensors)
{
    if (ct__pending())
        return NULL;
    if (tensors.n < 1 || tensors.n > CT_MAX_FIELDS)
        return ct__fail(CT_ERR_VALUE, "a tensor dataset takes 1 to %d tensors, not %lld", CT_MAX_FIELDS,
                        (long long)tensors.n);
    for (int64_t f = 0; f < tensors.n; f++) {
        ct_tensor *t = tensors.v[f];
        if (!t || ct_ndim(t) < 1 || ct_ndim(t) > 9)
            return ct__fail(CT_ERR_VALUE, "a tensor dataset takes tensors of 1 to 9 dimensions");
        if (ct_size(t, 0) != ct_size(tensors.v[0], 0))
            return ct__fail(CT_ERR_ASSERTION, "Size mismatch between tensors");
        if (ct_device_of(t).type != CT_CPU)
            return ct__fail(CT_ERR_RUNTIME, "a tensor dataset takes tensors on the CPU");
    }
    ct_dataset *d =
        ct__dataset_make(&tensor_dataset_ops, sizeof(tensor_dataset), ct_size(tensors.v[0], 0), tensors.n);
    if (!d)
        return NULL;
    CT_SCOPE();
    tensor_dataset *td = (tensor_dataset *)d;
    for (int64_t f = 0; f < tensors.n; f++) {
        ct_tensor *t = ct_detach(tensors.v[f]);
        if (t && !tensor_dataset_rows_contiguous(t))
            t = ct_contiguous(t);
        if (!t) {
            ct_release(d);
            return NULL;
        }
        td->tensors[f] = ct_retain(t);
        ct__field_set(&d->fields[f], ct_dtype_of(t), ct_ndim(t) - 1, ct_shape_of(t).v + 1);
        td->row_bytes[f] = ct_stride(t, 0) * ct_dtype_size(ct_dtype_of(t));
        d->sample_bytes += d->fields[f].bytes;
    }
    return d;
}

/* ---- Subsets ---- */

typedef struct subset_dataset {
    ct_dataset base;
    ct_dataset *whole;
    int64_t *indices;
} subset_dataset;

static void subset_draw(ct_dataset *d, ct_generator *g, int32_t *choices)
{
    ct_dataset *whole = ((subset_dataset *)d)->whole;
    whole->ops->draw(whole, g, choices);
}

static void subset_fill(ct_dataset *d, int64_t i, const int32_t *choices, void *scratch, char *const *out)
{
    subset_dataset *s = (subset_dataset *)d;
    s->whole->ops->fill(s->whole, s->indices[i], choices, scratch, out);
}

static bool subset_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out)
{
    subset_dataset *s = (subset_dataset *)d;
    size_t bytes = (size_t)indices.n * sizeof(int64_t);
    int64_t *inner = ct__alloc(bytes);
    if (!inner)
        return false;
    for (int64_t i = 0; i < indices.n; i++)
        inner[i] = s->indices[indices.v[i]];
    bool good = s->whole->ops->fetch(s->whole, (ct_ints){indices.n, inner}, g, out);
    ct__free(inner, bytes);
    return good;
}

static void subset_destroy(ct_dataset *d)
{
    subset_dataset *s = (subset_dataset *)d;
    ct_release(s->whole);
    if (s->indices)
        ct__free(s->indices, (size_t)d->size * sizeof(int64_t));
}

static const ct__dataset_ops subset_ops = {
    .draw = subset_draw, .fill = subset_fill, .destroy = subset_destroy};
static const ct__dataset_ops subset_own_ops = {.fetch = subset_fetch, .destroy = subset_destroy};

ct_dataset *ct_subset(ct_dataset *dataset, ct_ints indices)
{
    ct_dataset *d = NULL;
    if (!ct__pending() && dataset)
        d = ct__dataset_make(dataset->ops->fetch ? &subset_own_ops : &subset_ops, sizeof(subset_dataset),
                             indices.n, dataset->nfields);
    if (!d) {
        ct_release(dataset);
        return NULL;
    }
    subset_dataset *s = (subset_dataset *)d;
    s->whole = dataset;
    s->indices = ct__alloc((size_t)indices.n * sizeof(int64_t));
    for (int64_t i = 0; s->indices && i < indices.n; i++) {
        s->indices[i] = indices.v[i] < 0 ? indices.v[i] + dataset->size : indices.v[i];
        if (s->indices[i] < 0 || s->indices[i] >= dataset->size) {
            ct__fail(CT_ERR_INDEX, "index %lld is out of bounds for a dataset of size %lld",
                     (long long)indices.v[i], (long long)dataset->size);
            break;
        }
    }
    if (!ct_ok()) {
        ct_release(d);
        return NULL;
    }
    d->nchoices = dataset->nchoices;
    d->scratch_bytes = dataset->scratch_bytes;
    d->sample_bytes = dataset->sample_bytes;
    memcpy(d->fields, dataset->fields, sizeof d->fields);
    return d;
}

bool ct_random_split(ct_dataset *dataset, ct_ints lengths, ct_generator *g, ct_dataset **out)
{
    int64_t total = 0, start = 0, made = 0;
    for (int64_t i = 0; i < lengths.n; i++) {
        out[i] = NULL;
        total += lengths.v[i] < 0 ? INT32_MIN : lengths.v[i];
    }
    if (ct__pending() || !dataset || total != dataset->size) {
        if (dataset)
            ct__fail(CT_ERR_VALUE, "Sum of input lengths does not equal the length of the input dataset!");
        ct_release(dataset);
        return false;
    }
    int64_t *order = ct__alloc((size_t)total * sizeof(int64_t));
    if (order) {
        ct__data_permutation(g ? g : ct_default_generator(), total, order);
        for (; made < lengths.n && ct_ok(); made++) {
            out[made] = ct_subset(ct_retain(dataset), (ct_ints){lengths.v[made], order + start});
            start += lengths.v[made];
        }
        ct__free(order, (size_t)total * sizeof(int64_t));
    }
    ct_release(dataset);
    if (ct_ok())
        return true;
    for (int64_t i = 0; i < made; i++) {
        ct_release(out[i]);
        out[i] = NULL;
    }
    return false;
}

void ct__data_permutation(ct_generator *g, int64_t n, int64_t *order)
{
    if (n >= 214748364) { /* PyTorch's other form, for sizes that 32 bits would draw unevenly */
        for (int64_t i = 0; i < n; i++) {
            int64_t z = (int64_t)(ct_generator_u64(g) % (uint64_t)(i + 1));
            order[i] = i;
            order[i] = order[z];
            order[z] = i;
        }
        return;
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = 0; i + 1 < n; i++) {
        int64_t z = i + (int64_t)(ct_generator_u32(g) % (uint64_t)(n - i)), was = order[i];
        order[i] = order[z];
        order[z] = was;
    }
}

/* ---- The caller's own ---- */

typedef struct own_dataset {
    ct_dataset base;
    ct_dataset_get_fn *get;
    void *data;
    void (*free_data)(void *);
} own_dataset;

static bool own_fetch(ct_dataset *d, ct_ints indices, ct_generator *g, ct_tensor **out)
{
    own_dataset *own = (own_dataset *)d;
    size_t bytes = (size_t)(indices.n * d->nfields) * sizeof(ct_tensor *);
    ct_tensor **samples = ct__alloc_zero(bytes);
    if (!samples)
        return false;
    bool good = true;
    for (int64_t i = 0; good && i < indices.n; i++) {
        ct_tensor *fields[CT_MAX_FIELDS] = {NULL};
        good = own->get(own->data, indices.v[i], fields) && ct_ok();
        for (int64_t f = 0; good && f < d->nfields; f++) {
            samples[f * indices.n + i] = fields[f];
            if (!fields[f])
                good = (ct__fail(CT_ERR_RUNTIME, "the dataset gave no tensor for field %lld of sample %lld",
                                 (long long)f, (long long)indices.v[i]),
                        false);
        }
    }
    for (int64_t f = 0; good && f < d->nfields; f++)
        good = (out[f] = ct_stack(((ct_tensors){indices.n, samples + f * indices.n}))) != NULL;
    ct__free(samples, bytes);
    return good;
}

static void own_destroy(ct_dataset *d)
{
    own_dataset *own = (own_dataset *)d;
    if (own->free_data)
        own->free_data(own->data);
}

static const ct__dataset_ops own_ops = {.fetch = own_fetch, .destroy = own_destroy};

ct_dataset *ct_dataset_new(int64_t size, int64_t fields, ct_dataset_get_fn *get, void *data,
                           void (*free_data)(void *))
{
    ct_dataset *d = NULL;
    if (!ct__pending()) {
        if (size < 0 || fields < 1 || fields > CT_MAX_FIELDS || !get)
            ct__fail(CT_ERR_VALUE, "a dataset needs a size, 1 to %d fields and a function", CT_MAX_FIELDS);
        else
            d = ct__dataset_make(&own_ops, sizeof(own_dataset), size, fields);
    }
    if (!d) {
        if (free_data)
            free_data(data);
        return NULL;
    }
    own_dataset *own = (own_dataset *)d;
    own->get = get;
    own->data = data;
    own->free_data = free_data;
    return d;
}
