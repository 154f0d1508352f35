/* Helpers of the generated wrappers that are not worth generating. Not generated itself. */
#include "gen/support.h"
#include "ops/ops.h"

bool ct__given_failed(const char *name)
{
    ct__fail(CT_ERR_TYPE, "%s(): argument '%s' must be Tensor, not None", ct__op_name ? ct__op_name : "op", name);
    return false;
}

bool ct__given_all(ct_tensors list, const char *name)
{
    for (int64_t i = 0; i < list.n; i++)
        if (!list.v[i]) {
            ct__fail(CT_ERR_TYPE, "%s(): argument '%s' must be tuple of Tensors, but element %lld is None",
                     ct__op_name ? ct__op_name : "op", name, (long long)i);
            return false;
        }
    return true;
}

ct_tensor *ct__scale(ct_tensor *grad, ct_scalar alpha)
{
    if (ct_scalar_double(alpha) == 1)
        return grad;
    return ct_mul(grad, ct_number(alpha));
}

void ct__node_save_clone(ct_node *n, int64_t slot, ct_tensor *t) { ct__node_save_copy(n, slot, t); }

bool ct__write_out(ct_tensor *out, ct_tensor *result)
{
    if (!out || !result)
        return out != NULL || ct__given_failed("out");
    bool from_float = ct_is_floating(result->dtype), to_float = ct_is_floating(out->dtype);
    if ((from_float && !to_float) || (out->dtype == CT_BOOL && result->dtype != CT_BOOL)) {
        ct__fail(CT_ERR_RUNTIME, "result type %s can't be cast to the desired output type %s",
                 ct_dtype_type_name(result->dtype), ct_dtype_type_name(out->dtype));
        return false;
    }
    if (!ct__resize_out(out, result->ndim, result->sizes) || !ct__copy(out, result))
        return false;
    ct__bump(out);
    return true;
}

bool ct__overwrite(ct_tensor *self, ct_tensor *result)
{
    if (!result)
        return false;
    bool ok = true;
    if (ct_is_floating(result->dtype) && !ct_is_floating(self->dtype)) {
        ct__fail(CT_ERR_RUNTIME, "result type %s can't be cast to the desired output type %s",
                 ct_dtype_type_name(result->dtype), ct_dtype_type_name(self->dtype));
        ok = false;
    } else if (result->ndim != self->ndim || memcmp(result->sizes, self->sizes, sizeof(int64_t) * self->ndim)) {
        ct__fail(CT_ERR_RUNTIME, "output with shape %s doesn't match the broadcast shape %s", ct__shape_text(self),
                 ct__shape_text(result));
        ok = false;
    } else {
        ok = ct__copy(self, result);
    }
    ct_release(result);
    return ok;
}

bool ct__become(ct_tensor *self, ct_tensor *view)
{
    if (!view)
        return false;
    ct__set_from(self, view);
    ct_release(view);
    return true;
}

void ct__list_results(ct_node *n, ct_tensors grads, ct_tensor **results)
{
    for (int64_t i = 0; i < grads.n; i++)
        if (ct__node_needs(n, i))
            results[i] = grads.v[i];
}

ct_ints ct__sizes_along(ct_tensors list, int64_t dim)
{
    int64_t *sizes = ct__scratch(sizeof(int64_t) * (size_t)(list.n ? list.n : 1));
    if (!sizes)
        return (ct_ints){0, NULL};
    int64_t ndim = 0;
    for (int64_t i = 0; i < list.n; i++)
        ndim = list.v[i]->ndim > ndim ? list.v[i]->ndim : ndim;
    for (int64_t i = 0; i < list.n; i++) {
        const ct_tensor *t = list.v[i];
        sizes[i] = t->ndim == ndim ? t->sizes[dim < 0 ? dim + ndim : dim] : 0;
    }
    return (ct_ints){list.n, sizes};
}
