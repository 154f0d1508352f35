/* The pointwise engine. Small dense operands of one dtype go straight to the kernel; everything else through
 * the iterator, in blocks where operands are strided or have to be converted to the class of the computation.
 * One-element operands are converted once, before the loop. */
#include "ops/pointwise.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "tensor/iter.h"

#define POINTWISE_BLOCK 512
#define POINTWISE_GRAIN (1 << 14)

/* Ops with nothing to check but dtypes, by the dtype that they take as it is: 1 float and double, 2 int64
 * too. */
static const uint8_t pointwise_simple[CT_PW_COUNT] = {
#define POINTWISE_SIMPLE_FLOAT 1
#define POINTWISE_SIMPLE_ANY 2
#define POINTWISE_SIMPLE_BOOL 2
#define POINTWISE_SIMPLE_INT 0
#define POINTWISE_SIMPLE(name, inputs, class, rule) \
    [CT_PW_##name] = inputs <= 2 ? POINTWISE_SIMPLE_##class : 0,
    CT_POINTWISE(POINTWISE_SIMPLE)};

typedef struct pointwise_job {
    ct__pointwise_loop *loop;
    ct__pointwise_params params;
    int inputs;
    bool converts;             /* some operand or the result is not of the computation's class */
    bool needs[3], stores;
    int64_t size, out_size;    /* of an element of the class, and of the loop's result */
    ct__load_fn *load[3];      /* gathers an operand into its own class */
    ct__class_fn *change[3];   /* its class -> the computation's; NULL where they are the same */
    ct__store_fn *store;
    uint64_t one[3];           /* one-element operands, converted */
} pointwise_job;

static void pointwise_fill(void *block, int64_t size, int64_t n)
{
    if (size == 4)
        for (int64_t i = 1; i < n; i++)
            ((uint32_t *)block)[i] = *(uint32_t *)block;
    else
        for (int64_t i = 1; i < n; i++)
            ((uint64_t *)block)[i] = *(uint64_t *)block;
}

static void pointwise_gather(const pointwise_job *j, int k, void *to, const char *from, int64_t stride,
                             int64_t n)
{
    int64_t own[POINTWISE_BLOCK];
    j->load[k](j->change[k] ? (void *)own : to, from, stride, n);
    if (j->change[k])
        j->change[k](to, own, n);
}

/* By blocks: what is dense and of the class stays where it is, everything else is gathered. */
static void pointwise_blocks(const pointwise_job *j, char *const *data, const int64_t *strides, int64_t n)
{
    int64_t block[CT_ITER_ARGS][POINTWISE_BLOCK], step[CT_ITER_ARGS];
    char *at[CT_ITER_ARGS];
    bool moves[3], store = j->stores || strides[0] != j->out_size;
    int64_t longest = n < POINTWISE_BLOCK ? n : POINTWISE_BLOCK;
    for (int k = 0; k < j->inputs; k++) {
        int64_t s = strides[k + 1];
        moves[k] = s != 0 && (j->needs[k] || s != j->size);
        step[k + 1] = j->size;
        at[k + 1] = moves[k] || s == 0 ? (char *)block[k + 1] : data[k + 1];
        if (s == 0) {
            if (j->needs[k])
                pointwise_gather(j, k, block[k + 1], data[k + 1], 0, 1);
            else
                memcpy(block[k + 1], data[k + 1], (size_t)j->size);
            if (j->inputs == 2 && k == 1)
                step[2] = 0;
            else
                pointwise_fill(block[k + 1], j->size, longest);
        }
    }
    for (int64_t i = 0; i < n; i += POINTWISE_BLOCK) {
        int64_t m = n - i < POINTWISE_BLOCK ? n - i : POINTWISE_BLOCK;
        for (int k = 0; k < j->inputs; k++)
            if (moves[k])
                pointwise_gather(j, k, block[k + 1], data[k + 1] + i * strides[k + 1], strides[k + 1], m);
            else if (strides[k + 1])
                at[k + 1] = data[k + 1] + i * j->size;
        at[0] = store ? (char *)block[0] : data[0] + i * j->out_size;
        step[0] = j->out_size;
        j->loop(m, at, step, &j->params);
        if (store)
            j->store(data[0] + i * strides[0], strides[0], block[0], m);
    }
}

static void pointwise_run(void *context, char *const *data, const int64_t *strides, int64_t n)
{
    const pointwise_job *j = context;
    if (!j->converts) {
        bool dense = strides[0] == j->out_size && strides[1] == j->size
                     && (j->inputs < 2 || strides[2] == j->size || (j->inputs == 2 && !strides[2]))
                     && (j->inputs < 3 || strides[3] == j->size);
        if (dense || n < 8) {
            j->loop(n, data, strides, &j->params);
            return;
        }
    }
    pointwise_blocks(j, data, strides, n);
}

static bool pointwise_same_shape(const ct_tensor *a, const ct_tensor *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->sizes[i] != b->sizes[i])
            return false;
    return true;
}

static int pointwise_category(ct_dtype d) { return d == CT_BOOL ? 0 : ct_is_floating(d) ? 2 : 1; }

/* Whether writing `out` could change what is still to be read of `in`: memory in common through another
 * geometry. */
static bool pointwise_overlaps(const ct_tensor *out, const ct_tensor *in)
{
    if (out->storage != in->storage || !out->numel || !in->numel)
        return false;
    if (out->data == in->data && out->dtype == in->dtype && pointwise_same_shape(out, in)
        && !memcmp(out->strides, in->strides, sizeof(int64_t) * out->ndim))
        return false;
    int64_t out_end = 1, in_end = 1;
    for (int d = 0; d < out->ndim; d++)
        out_end += (out->sizes[d] - 1) * out->strides[d];
    for (int d = 0; d < in->ndim; d++)
        in_end += (in->sizes[d] - 1) * in->strides[d];
    return out->data < in->data + in_end * ct__itemsize(in->dtype)
           && in->data < out->data + out_end * ct__itemsize(out->dtype);
}

static void pointwise_params(ct__pointwise_params *to, const ct_scalar *p, const ct_scalar *q)
{
    if (p) {
        to->pf = ct_scalar_double(*p);
        to->pi = ct_scalar_int(*p);
    }
    if (q) {
        to->qf = ct_scalar_double(*q);
        to->qi = ct_scalar_int(*q);
    }
}

/* out is dense, of this dtype and of a's shape, and shares no memory with b but that of the same elements. */
static bool pointwise_fits(const ct_tensor *out, ct_dtype dtype, const ct_tensor *a, const ct_tensor *b)
{
    return out->dtype == dtype && out->contiguous && out->device == CT_CPU && pointwise_same_shape(out, a)
           && (out->storage != a->storage || out->data == a->data)
           && (!b || out->storage != b->storage || out->data == b->data);
}

/* Dense operands of one shape and dtype, or one and a number of no higher category: false where it is not
 * that simple. */
static bool pointwise_fast(int op, ct_tensor *out, int64_t nin, ct_tensor *const *in, const ct_scalar *p,
                           const ct_scalar *q, ct_tensor **result)
{
    const ct_tensor *a = in[0], *b = nin > 1 ? in[1] : NULL;
    int class = a->dtype == CT_FLOAT32 ? CT_CLASS_F32 : a->dtype == CT_FLOAT64 ? CT_CLASS_F64 : CT_CLASS_I64;
    ct__pointwise_params params = {0};
    int64_t size = class == CT_CLASS_F32 ? 4 : 8;
    if (!a->contiguous || a->is_number || a->numel > POINTWISE_GRAIN || !a->data || a->numel == 0)
        return false;
    if (class == CT_CLASS_I64
        && (a->dtype != CT_INT64 || pointwise_simple[op] < 2 || op == CT_PW_floor_divide
            || op == CT_PW_div_floor || op == CT_PW_remainder || op == CT_PW_fmod || op == CT_PW_trunc_divide
            || op == CT_PW_pow || op == CT_PW_frac || op == CT_PW_leaky_relu
            || (p && p->kind != CT_SCALAR_INT) || (q && q->kind != CT_SCALAR_INT)))
        return false;
    if (pointwise_simple[op] == 0 || (p && p->kind == CT_SCALAR_BOOL))
        return false;
    int64_t steps[3] = {size, size, size};
    char *data[3] = {NULL, a->data, NULL};
    double as_double;
    float as_float;
    if (b && b->is_number) {
        if (!b->data || b->dtype == CT_BOOL || (class == CT_CLASS_I64 && b->dtype != CT_INT64))
            return false;
        steps[2] = 0;
        if (class == CT_CLASS_I64) {
            data[2] = b->data;
        } else {
            as_double = b->dtype == CT_INT64 ? (double)*(const int64_t *)b->data : *(const double *)b->data;
            as_float = (float)as_double;
            data[2] = class == CT_CLASS_F32 ? (char *)&as_float : (char *)&as_double;
        }
    } else if (b) {
        if (b->dtype != a->dtype || !b->contiguous || !pointwise_same_shape(a, b))
            return false;
        data[2] = b->data;
    }
    bool truth = ct__pointwise_is_bool(op);
    ct_dtype dtype = truth ? CT_BOOL : (ct_dtype)a->dtype;
    if (out && !pointwise_fits(out, dtype, a, b))
        return false;
    ct_tensor *r = *result = out ? ct_retain(out) : ct__new(dtype, (ct_device){CT_CPU, 0}, a->ndim, a->sizes);
    if (!r)
        return true;
    steps[0] = truth ? 1 : size;
    data[0] = r->data;
    pointwise_params(&params, p, q);
    ct__k_pointwise.loop[class][op](r->numel, data, steps, &params);
    return true;
}

/* A one-element operand's value in the computation's class, by way of the dtype that the operands were
 * promoted to. */
static uint64_t pointwise_one(const ct_tensor *t, ct_dtype compute, int class)
{
    uint64_t raw[2] = {0}, changed = 0;
    const void *from = t->data;
    ct_dtype dtype = (ct_dtype)t->dtype;
    uint64_t narrow = 0;
    if (class == CT_CLASS_I64 && dtype != compute) {
        ct__store_scalar(compute, &narrow, ct_int_scalar(ct__load_int(dtype, from)));
        from = &narrow;
        dtype = compute;
    }
    ct__k_convert.load[dtype](raw, from, 0, 1);
    int own = ct__class_of(dtype);
    if (own == class)
        return raw[0];
    ct__k_convert.change[own][class](&changed, raw, 1);
    return changed;
}

static void pointwise_compute(int op, ct_tensor *r, int64_t nin, ct_tensor *const *operands,
                              const ct_scalar *p, const ct_scalar *q, ct_dtype compute)
{
    int class = ct__class_of(compute);
    int out_class = ct__pointwise_is_bool(op) || op == CT_PW_logical_not ? CT_CLASS_BOOL : class;
    pointwise_job j = {.loop = ct__k_pointwise.loop[class][op],
                       .inputs = (int)nin,
                       .size = ct__class_size(class),
                       .out_size = ct__class_size(out_class)};
    pointwise_params(&j.params, p, q);
    ct_tensor *args[CT_ITER_ARGS] = {r, operands[0], operands[1], operands[2]};
    ct__iter it;
    ct__iter_init(&it, (int)nin + 1, args);
    for (int64_t i = 0; i < nin; i++) {
        const ct_tensor *t = operands[i];
        int own = ct__class_of(t->dtype);
        j.load[i] = ct__k_convert.load[t->dtype];
        j.change[i] = own == class ? NULL : ct__k_convert.change[own][class];
        ct_dtype own_dtype = class == CT_CLASS_F32   ? CT_FLOAT32
                             : class == CT_CLASS_F64 ? CT_FLOAT64
                                                     : CT_INT64;
        if (t->numel == 1 && (t->dtype != own_dtype || (class == CT_CLASS_I64 && compute != CT_INT64))) {
            j.one[i] = pointwise_one(t, compute, class);
            it.data[i + 1] = (char *)&j.one[i];
            j.load[i] = NULL; /* never gathered: its strides are 0 */
            continue;
        }
        if (t->dtype == own_dtype)
            continue;
        j.needs[i] = j.converts = true;
    }
    ct_dtype produced = out_class == CT_CLASS_BOOL ? CT_BOOL
                        : class == CT_CLASS_F32    ? CT_FLOAT32
                        : class == CT_CLASS_F64    ? CT_FLOAT64
                                                   : CT_INT64;
    j.store = ct__k_convert.store[out_class][r->dtype];
    j.stores = r->dtype != produced;
    j.converts = j.converts || j.stores;
    int64_t pieces = (it.numel + POINTWISE_GRAIN - 1) / POINTWISE_GRAIN; /* of about one size: halves of a batch stay halves */
    ct__iter_run(&it, pieces > 1 ? ((it.numel + pieces - 1) / pieces + 15) / 16 * 16 : POINTWISE_GRAIN, pointwise_run, &j);
}

/* The result's dtype is narrower than what the loop computes in, and another one than the target's: it has to
 * be rounded first. */
static bool pointwise_rounds(ct_dtype result, ct_dtype target)
{
    return result != target && result != CT_FLOAT32 && result != CT_FLOAT64 && result != CT_INT64
           && result != CT_BOOL;
}

static bool pointwise_target(ct_tensor *out, bool inplace, int64_t ndim, const int64_t *sizes,
                             ct_dtype result)
{
    if (pointwise_category(result) > pointwise_category((ct_dtype)out->dtype))
        return ct__fail(CT_ERR_RUNTIME, "result type %s can't be cast to the desired output type %s",
                        ct_dtype_type_name(result), ct_dtype_type_name((ct_dtype)out->dtype))
               != NULL;
    if (inplace && (out->ndim != ndim || memcmp(out->sizes, sizes, sizeof(int64_t) * (size_t)ndim)))
        return ct__fail(CT_ERR_RUNTIME, "output with shape %s doesn't match the broadcast shape %s",
                        ct__shape_text(out), ct__ints_text(ndim, sizes))
               != NULL;
    if (!inplace && !ct__resize_out(out, ndim, sizes))
        return false;
    for (int d = 0; d < out->ndim; d++)
        if (out->strides[d] == 0 && out->sizes[d] > 1)
            return ct__fail(CT_ERR_RUNTIME,
                            "unsupported operation: more than one element of the written-to tensor refers to "
                            "a single memory "
                            "location. Please clone() the tensor before performing the operation.")
                   != NULL;
    return true;
}

ct_tensor *ct__pointwise(int op, ct_tensor *out, int64_t nin, ct_tensor *const *in, const ct_scalar *p,
                         const ct_scalar *q)
{
    ct_dtype compute, result;
    ct_tensor *r = NULL;
    if (pointwise_fast(op, out, nin, in, p, q, &r))
        return r;
    int64_t ndim = in[0]->ndim, shape[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    const int64_t *sizes = in[0]->sizes;
    bool same = true, dense = in[0]->contiguous, meta = in[0]->device == CT_META;
    for (int64_t i = 1; i < nin; i++) {
        same = same && pointwise_same_shape(in[0], in[i]);
        dense = dense && in[i]->contiguous;
        meta = meta || in[i]->device == CT_META;
    }
    if (!ct__pointwise_operands(op, nin, in))
        return NULL;
    if (!same) {
        if (!ct__broadcast(nin, in, &ndim, shape))
            return NULL;
        sizes = shape;
    }
    if (!ct__pointwise_dtypes(op, nin, in, p, q, &compute, &result)
        || !ct__pointwise_integers(op, in, compute))
        return NULL;
    if (op == CT_PW_bitwise_not && compute == CT_BOOL)
        op = CT_PW_logical_not;
    ct_tensor *held[3] = {NULL, NULL, NULL},
              *operands[3] = {in[0], nin > 1 ? in[1] : NULL, nin > 2 ? in[2] : NULL};
    if (out) {
        if (!pointwise_target(out, out == in[0], ndim, sizes, result))
            return NULL;
        if (pointwise_rounds(result, (ct_dtype)out->dtype)) {
            CT_AUTO ct_tensor *rounded =
                ct__pointwise(op == CT_PW_logical_not ? CT_PW_bitwise_not : op, NULL, nin, in, p, q);
            return rounded && ct__copy(out, rounded) ? ct_retain(out) : NULL;
        }
        for (int64_t i = 0; i < nin; i++)
            if (pointwise_overlaps(out, in[i])) {
                held[i] = ct__new((ct_dtype)in[i]->dtype, (ct_device){CT_CPU, 0}, in[i]->ndim, in[i]->sizes);
                if (!held[i] || !ct__copy(held[i], in[i]))
                    goto done;
                operands[i] = held[i];
            }
        r = ct_retain(out);
    } else {
        ct_device device = {meta ? CT_META : CT_CPU, 0};
        if (same && dense) {
            r = ct__new(result, device, ndim, sizes);
        } else {
            ct__dense_strides(nin, in, ndim, sizes, strides);
            r = ct__new_strided(result, device, ndim, sizes, strides);
        }
    }
    if (compute == CT_FLOAT16
        || compute == CT_BFLOAT16) /* operands of other dtypes are rounded to it first */
        for (int64_t i = op == CT_PW_where_self; i < nin && r; i++)
            if (operands[i]->dtype != compute && operands[i]->numel > 1) {
                ct_tensor *rounded = ct__cast(operands[i], compute);
                ct_release(held[i]);
                held[i] = operands[i] = rounded;
                if (!rounded) {
                    ct_release(r);
                    r = NULL;
                }
            }
    if (r && r->data && r->numel && !meta)
        pointwise_compute(op, r, nin, operands, p, q, compute);
done:
    for (int i = 0; i < 3; i++)
        ct_release(held[i]);
    return r;
}
