/* The pointwise engine. Same-shape dense operands of one computed dtype go straight to the kernel; everything else through the
 * iterator, operands of other dtypes by way of blocks that are converted to the class of the computation. */
#include "ops/pointwise.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "tensor/iter.h"

#define POINTWISE_BLOCK 512
#define POINTWISE_GRAIN (1 << 14)

typedef enum { RULE_PROMOTE, RULE_FLOAT, RULE_BOOL, RULE_INT, RULE_KEEP } pointwise_rule;
static const struct { const char *name; uint8_t inputs, rule; } pointwise_ops[CT_PW_COUNT] = {
#define POINTWISE_ROW(name, inputs, class, rule) [CT_PW_##name] = {#name, inputs, RULE_##rule},
    CT_POINTWISE(POINTWISE_ROW)
};

typedef struct pointwise_job {
    ct__pointwise_loop *loop;
    ct__pointwise_params params;
    int inputs, class, out_class;
    ct__load_fn *load[3];          /* NULL: the operand is of the computation's class already */
    ct__class_fn *change[3];
    ct__store_fn *store;           /* NULL: the result's dtype is the loop's */
} pointwise_job;

static void pointwise_direct(void *context, char *const *data, const int64_t *strides, int64_t n)
{
    const pointwise_job *j = context;
    j->loop(n, data, strides, &j->params);
}

static void pointwise_blocks(void *context, char *const *data, const int64_t *strides, int64_t n)
{
    const pointwise_job *j = context;
    int64_t block[CT_ITER_ARGS][POINTWISE_BLOCK], step[CT_ITER_ARGS], own[POINTWISE_BLOCK];
    char *at[CT_ITER_ARGS];
    for (int64_t i = 0; i < n; i += POINTWISE_BLOCK) {
        int64_t m = n - i < POINTWISE_BLOCK ? n - i : POINTWISE_BLOCK;
        for (int k = 0; k < j->inputs; k++) {
            const char *from = data[k + 1] + i * strides[k + 1];
            at[k + 1] = (char *)from;
            step[k + 1] = strides[k + 1];
            if (!j->load[k])
                continue;
            int64_t count = strides[k + 1] == 0 ? 1 : m;
            j->load[k](j->change[k] ? (void *)own : (void *)block[k + 1], from, strides[k + 1], count);
            if (j->change[k])
                j->change[k](block[k + 1], own, count);
            at[k + 1] = (char *)block[k + 1];
            step[k + 1] = strides[k + 1] == 0 ? 0 : ct__class_size(j->class);
        }
        at[0] = j->store ? (char *)block[0] : data[0] + i * strides[0];
        step[0] = j->store ? ct__class_size(j->out_class) : strides[0];
        j->loop(m, at, step, &j->params);
        if (j->store)
            j->store(data[0] + i * strides[0], strides[0], block[0], m);
    }
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

/* The dtype that is computed in, and the result's. False: an error is set. */
static bool pointwise_dtypes(int op, int64_t nin, ct_tensor *const *in, const ct_scalar *p, const ct_scalar *q, ct_dtype *compute, ct_dtype *result)
{
    int first = op == CT_PW_where_self ? 1 : 0;
    ct_dtype d = nin == 1 || (nin == 2 && in[0]->dtype == in[1]->dtype && !in[0]->is_number && !in[1]->is_number)
               ? (ct_dtype)in[0]->dtype : ct__result_type(nin - first, in + first);
    int category = pointwise_category(d);
    /* A scalar argument of a higher category decides as a number would (clamp(int, .5), add(int, int, alpha=.5) is refused). */
    if (p || q) {
        int scalar = (p && p->kind == CT_SCALAR_FLOAT) || (q && q->kind == CT_SCALAR_FLOAT) ? 2 : 1;
        bool alpha = op == CT_PW_add || op == CT_PW_sub || op == CT_PW_rsub;
        if (alpha && p->kind == CT_SCALAR_FLOAT && category < 2)
            return ct__fail(CT_ERR_RUNTIME, "For integral input tensors, argument alpha must not be a floating point number.") != NULL;
        if (!alpha && (op == CT_PW_clamp_both) && scalar > category)
            d = scalar == 2 ? ct_default_dtype() : CT_INT64;
    }
    switch (pointwise_ops[op].rule) {
    case RULE_FLOAT:
        *compute = *result = ct_is_floating(d) ? d : ct_default_dtype();
        break;
    case RULE_BOOL:
        *compute = d;
        *result = CT_BOOL;
        break;
    case RULE_INT:
        if (category == 2)
            return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", pointwise_ops[op].name, ct_dtype_type_name(d)) != NULL;
        *compute = *result = d;
        break;
    default:
        *compute = *result = d;
    }
    if (d == CT_BOOL && (op == CT_PW_sub || op == CT_PW_rsub))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
                        "operator instead.") != NULL;
    if (d == CT_BOOL && op == CT_PW_neg)
        return ct__fail(CT_ERR_RUNTIME, "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
                        "`~` or `logical_not()` operator instead.") != NULL;
    if (d == CT_BOOL && (op == CT_PW_floor_divide || op == CT_PW_remainder || op == CT_PW_fmod || op == CT_PW_abs || op == CT_PW_pow))
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for 'Bool'", pointwise_ops[op].name) != NULL;
    return true;
}

/* True where some element of an integer tensor satisfies the test. */
static bool pointwise_any_int(const ct_tensor *t, bool zero)
{
    for (int64_t i = 0; i < t->numel; i++) {
        int64_t v = ct_int_at(t, i);
        if (zero ? v == 0 : v < 0)
            return true;
    }
    return false;
}

static bool pointwise_integer_checks(int op, ct_tensor *const *in, ct_dtype compute)
{
    bool divides = op == CT_PW_floor_divide || op == CT_PW_remainder || op == CT_PW_fmod || op == CT_PW_trunc_divide;
    if (pointwise_category(compute) == 2 || (!divides && op != CT_PW_pow))
        return true;
    if (divides && pointwise_any_int(in[1], true))
        return ct__fail(CT_ERR_RUNTIME, "ZeroDivisionError") != NULL;
    if (op == CT_PW_pow && in[1]->is_number && pointwise_any_int(in[1], false))
        return ct__fail(CT_ERR_RUNTIME, "Integers to negative integer powers are not allowed.") != NULL;
    return true;
}

/* Whether writing `out` could change what is still to be read of `in`: the same memory through another geometry. */
static bool pointwise_overlaps(const ct_tensor *out, const ct_tensor *in)
{
    if (out->storage != in->storage)
        return false;
    return !(out->data == in->data && out->dtype == in->dtype && pointwise_same_shape(out, in)
             && !memcmp(out->strides, in->strides, sizeof(int64_t) * out->ndim));
}

ct_tensor *ct__pointwise(int op, ct_tensor *out, int64_t nin, ct_tensor *const *in, const ct_scalar *p, const ct_scalar *q)
{
    ct_dtype compute = CT_FLOAT32, result = CT_FLOAT32;
    if (!pointwise_dtypes(op, nin, in, p, q, &compute, &result) || !pointwise_integer_checks(op, in, compute))
        return NULL;
    if (op == CT_PW_bitwise_not && compute == CT_BOOL)
        op = CT_PW_logical_not;
    bool same = true, dense = in[0]->contiguous;
    for (int64_t i = 1; i < nin; i++) {
        same = same && pointwise_same_shape(in[0], in[i]);
        dense = dense && in[i]->contiguous;
    }
    int64_t ndim = in[0]->ndim, shape[CT_MAX_DIMS];
    const int64_t *sizes = in[0]->sizes;
    if (!same) {
        if (!ct__broadcast(nin, in, &ndim, shape))
            return NULL;
        sizes = shape;
    }
    ct_tensor *r = out, *held[3] = {NULL, NULL, NULL}, *operands[3] = {in[0], nin > 1 ? in[1] : NULL, nin > 2 ? in[2] : NULL};
    if (out) {
        if (pointwise_category(result) > pointwise_category((ct_dtype)out->dtype) && result != CT_BOOL)
            return ct__fail(CT_ERR_RUNTIME, "result type %s can't be cast to the desired output type %s", ct_dtype_type_name(result),
                            ct_dtype_type_name((ct_dtype)out->dtype));
        if (out == in[0]) {
            if (out->ndim != ndim || memcmp(out->sizes, sizes, sizeof(int64_t) * (size_t)ndim))
                return ct__fail(CT_ERR_RUNTIME, "output with shape %s doesn't match the broadcast shape %s", ct__shape_text(out),
                                ct__ints_text(ndim, sizes));
        } else if (!ct__resize_out(out, ndim, sizes)) {
            return NULL;
        }
        ct_retain(out);
        dense = dense && out->contiguous && out->numel == in[0]->numel;
        for (int64_t i = 0; i < nin; i++)
            if (pointwise_overlaps(out, in[i])) {
                held[i] = ct__new((ct_dtype)in[i]->dtype, (ct_device){CT_CPU, 0}, in[i]->ndim, in[i]->sizes);
                if (!held[i] || !ct__copy(held[i], in[i]))
                    goto failed;
                operands[i] = held[i];
            }
    } else {
        /* The result takes the memory order of the first operand that has its shape; wrapped numbers have none. */
        const ct_tensor *like = NULL;
        for (int64_t i = 0; i < nin && !like; i++)
            like = in[i]->ndim == ndim && !memcmp(in[i]->sizes, sizes, sizeof(int64_t) * (size_t)ndim) ? in[i] : NULL;
        r = like ? ct__new_like(like, result) : ct__new(result, (ct_device){(ct_device_type)in[0]->device, 0}, ndim, sizes);
        if (!r)
            return NULL;
    }
    if (!r->data || r->numel == 0)
        goto done;
    int class = ct__class_of(compute);
    pointwise_job j = {.loop = ct__k_pointwise.loop[class][op], .inputs = (int)nin, .class = class};
    j.out_class = pointwise_ops[op].rule == RULE_BOOL || op == CT_PW_logical_not ? CT_CLASS_BOOL : class;
    if (p) {
        j.params.pf = ct_scalar_double(*p);
        j.params.pi = ct_scalar_int(*p);
    }
    if (q) {
        j.params.qf = ct_scalar_double(*q);
        j.params.qi = ct_scalar_int(*q);
    }
    bool convert = false;
    for (int64_t i = 0; i < nin; i++) {
        int own = ct__class_of(operands[i]->dtype);
        if (own == class && (operands[i]->dtype == CT_FLOAT32 || operands[i]->dtype == CT_FLOAT64 || operands[i]->dtype == CT_INT64))
            continue;
        j.load[i] = ct__k_convert.load[operands[i]->dtype];
        j.change[i] = own == class ? NULL : ct__k_convert.change[own][class];
        convert = true;
    }
    ct_dtype produced = j.out_class == CT_CLASS_BOOL ? CT_BOOL : class == CT_CLASS_F32 ? CT_FLOAT32 : class == CT_CLASS_F64 ? CT_FLOAT64 : CT_INT64;
    if (r->dtype != produced) {
        j.store = ct__k_convert.store[j.out_class][r->dtype];
        convert = true;
    }
    if (same && dense && r->contiguous && !convert && r->numel <= POINTWISE_GRAIN) {
        int64_t size = ct__class_size(class), steps[CT_ITER_ARGS] = {ct__class_size(j.out_class), size, size, size};
        char *data[CT_ITER_ARGS] = {r->data, operands[0]->data, nin > 1 ? operands[1]->data : NULL, nin > 2 ? operands[2]->data : NULL};
        j.loop(r->numel, data, steps, &j.params);
        goto done;
    }
    ct_tensor *const args[CT_ITER_ARGS] = {r, operands[0], operands[1], operands[2]};
    ct__iter it;
    ct__iter_init(&it, (int)nin + 1, args);
    ct__iter_run(&it, POINTWISE_GRAIN, convert ? pointwise_blocks : pointwise_direct, &j);
done:
    for (int i = 0; i < 3; i++)
        ct_release(held[i]);
    return r;
failed:
    for (int i = 0; i < 3; i++)
        ct_release(held[i]);
    ct_release(r);
    return NULL;
}
