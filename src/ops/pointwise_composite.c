/* Pointwise ops that are put together from others. */
#include "ops/ops.h"

ct_tensor *ct__div_mode(ct_tensor *self, ct_tensor *other, const char *rounding_mode)
{
    if (!rounding_mode)
        return ct_div(self, other);
    if (!strcmp(rounding_mode, "floor"))
        return ct_div_floor(self, other);
    if (!strcmp(rounding_mode, "trunc"))
        return ct_trunc_divide(self, other);
    return ct__fail(CT_ERR_RUNTIME,
                    "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '%s'",
                    rounding_mode);
}

ct_tensor *ct__gelu(ct_tensor *self, const char *approximate)
{
    if (!strcmp(approximate, "none"))
        return ct_gelu_erf(self);
    if (!strcmp(approximate, "tanh"))
        return ct_gelu_tanh(self);
    return ct__fail(CT_ERR_RUNTIME, "approximate argument must be either none or tanh.");
}

/* With u = sqrt(2 / pi) (x + k x^3): (1 + tanh u) / 2 + x / 2 (1 - tanh^2 u) u' */
ct_tensor *ct__gelu_tanh_backward(ct_tensor *gy, ct_tensor *self)
{
    const double root = 0.7978845608028654, k = 0.044715;
    if (!ct_grad_enabled())
        return ct_gelu_tanh_slope(gy, self);
    ct_tensor *x2 = ct_mul(self, self);
    ct_tensor *t = ct_tanh(ct_mul(ct_mul(self, ct_add(ct_mul(x2, k), 1)), root));
    ct_tensor *slope = ct_mul(ct_add(ct_mul(x2, 3 * k), 1), root);
    ct_tensor *right = ct_mul(ct_mul(ct_mul(self, 0.5), ct_rsub(ct_mul(t, t), 1)), slope);
    return ct_mul(gy, ct_add(ct_mul(ct_add(t, 1), 0.5), right));
}

ct_tensor *ct__silu_backward(ct_tensor *gy, ct_tensor *self)
{
    if (!ct_grad_enabled())
        return ct_silu_slope(gy, self);
    ct_tensor *s = ct_sigmoid(self);
    return ct_mul(gy, ct_mul(s, ct_add(ct_mul(self, ct_rsub(s, 1)), 1)));
}

/* With t = tanh(softplus x): t + x (1 - t^2) sigmoid(x) */
ct_tensor *ct__mish_backward(ct_tensor *gy, ct_tensor *self)
{
    ct_tensor *t = ct_tanh(ct_softplus(self));
    ct_tensor *right = ct_mul(ct_mul(self, ct_sigmoid(self)), ct_rsub(ct_mul(t, t), 1));
    return ct_mul(gy, ct_add(t, right));
}

ct_tensor *ct__softshrink(ct_tensor *self, ct_scalar lambd)
{
    double by = lambd.kind == CT_SCALAR_FLOAT ? lambd.f : (double)lambd.i;
    if (!(by >= 0))
        return ct__fail(CT_ERR_RUNTIME, "lambda must be in range [0, %g] for input dtype %s, but found %g",
                        self->dtype == CT_FLOAT64 ? 0x1.fffffffffffffp+1023 : self->dtype == CT_FLOAT16 ? 65504.0 : 0x1.fffffep+127,
                        ct_dtype_type_name((ct_dtype)self->dtype), by);
    return ct_softshrink_by(self, lambd);
}

ct_tensor *ct__prelu(ct_tensor *self, ct_tensor *weight)
{
    if (self->dtype != weight->dtype)
        return ct__fail(CT_ERR_RUNTIME, "prelu: Type promoting not supported. Got %s and %s", ct_dtype_type_name((ct_dtype)self->dtype),
                        ct_dtype_type_name((ct_dtype)weight->dtype));
    if (weight->numel != 1) {
        if (self->ndim == 0)
            return ct__fail(CT_ERR_RUNTIME, "Not allow zero-dim input tensor.");
        int64_t channels = self->ndim > 1 ? self->sizes[1] : 1, sizes[CT_MAX_DIMS];
        if (channels != weight->numel)
            return ct__fail(CT_ERR_RUNTIME, "Mismatch of parameter numbers and input channel size. Found parameter numbers = %lld and "
                            "channel size = %lld.", (long long)weight->numel, (long long)channels);
        for (int64_t d = 0; d < self->ndim; d++)
            sizes[d] = d == 1 ? channels : 1;
        weight = ct_view(weight, ((ct_ints){self->ndim, sizes}));
    } else if (weight->ndim) {
        weight = ct_view(weight, ((ct_ints){0, NULL}));
    }
    return ct_where_self(ct_gt(self, 0), self, ct_mul(weight, self));
}

ct_tensor *ct__logsigmoid(ct_tensor *self) { return ct_log_sigmoid(self); }

ct_tensor *ct__where(ct_tensor *condition, ct_tensor *self, ct_tensor *other)
{
    if (condition->dtype != CT_BOOL && condition->dtype != CT_UINT8)
        return ct__fail(CT_ERR_RUNTIME,
                        "where expected condition to be a boolean tensor, but got a tensor with dtype %s",
                        ct_dtype_type_name((ct_dtype)condition->dtype));
    ct_tensor *number = self->is_number ? self : other;
    if (self->is_number != other->is_number && !ct__number_fits(number, ct__result_type(2, (ct_tensor *[]){self, other})))
        return NULL;
    return ct_where_self(condition, self, other);
}

ct_tensors ct__where_nonzero(ct_tensor *condition) { return ct_unbind(ct_nonzero(condition), .dim = 1); }

/* Written in place, a limit may not lift the dtype; uint8 takes a negative limit around. */
static bool clamp_limits(const ct_tensor *self, ct_scalar *min, ct_scalar *max)
{
    bool floats = min->kind == CT_SCALAR_FLOAT || max->kind == CT_SCALAR_FLOAT, in_place = ct__op_name[strlen(ct__op_name) - 1] == '_';
    if (in_place && !ct_is_floating((ct_dtype)self->dtype) && (floats || self->dtype == CT_BOOL))
        return ct__fail(CT_ERR_RUNTIME, "result type %s can't be cast to the desired output type %s",
                        ct_dtype_type_name(floats ? ct_default_dtype() : CT_INT64), ct__c_type_name((ct_dtype)self->dtype)) != NULL;
    if (self->dtype == CT_UINT8 && !floats) {
        min->i += min->kind == CT_SCALAR_INT && min->i < 0 && min->i > -256 ? 256 : 0;
        max->i += max->kind == CT_SCALAR_INT && max->i < 0 && max->i > -256 ? 256 : 0;
    }
    return true;
}

ct_tensor *ct__clamp(ct_tensor *self, ct_scalar min, ct_scalar max)
{
    if (min.kind == CT_SCALAR_NONE && max.kind == CT_SCALAR_NONE)
        return ct__fail(CT_ERR_RUNTIME, "torch.clamp: At least one of 'min' or 'max' must not be None");
    if (!clamp_limits(self, &min, &max))
        return NULL;
    if (min.kind == CT_SCALAR_NONE)
        min = max.kind == CT_SCALAR_FLOAT || ct_is_floating((ct_dtype)self->dtype)
                  ? ct_float_scalar(-__builtin_inf())
                  : ct_int_scalar(INT64_MIN);
    if (max.kind == CT_SCALAR_NONE)
        max = min.kind == CT_SCALAR_FLOAT || ct_is_floating((ct_dtype)self->dtype)
                  ? ct_float_scalar(__builtin_inf())
                  : ct_int_scalar(INT64_MAX);
    return ct_clamp_both(self, min, max);
}

ct_tensor *ct__clamp_Tensor(ct_tensor *self, ct_tensor *min, ct_tensor *max)
{
    if (!min && !max)
        return ct__fail(CT_ERR_RUNTIME, "torch.clamp: At least one of 'min' or 'max' must not be None");
    CT_COMPUTE();
    ct_tensor *r = min ? ct_maximum(self, min) : self;
    return ct_retain(max ? ct_minimum(r, max) : r);
}

ct_tensor *ct__clamp_self_grad(ct_tensor *grad, ct_tensor *self, ct_tensor *min, ct_tensor *max)
{
    ct_tensor *above = min ? ct_ge(self, min) : NULL, *below = max ? ct_le(self, max) : NULL;
    return ct_mul(grad, above && below ? ct_logical_and(above, below) : above ? above : below);
}

ct_tensor *ct__clamp_min_grad(ct_tensor *grad, ct_tensor *self, ct_tensor *min, ct_tensor *max)
{
    ct_tensor *taken = ct_lt(self, min);
    return ct_mul(grad, max ? ct_logical_and(taken, ct_lt(min, max)) : taken);
}

ct_tensor *ct__clamp_max_grad(ct_tensor *grad, ct_tensor *self, ct_tensor *min, ct_tensor *max)
{
    ct_tensor *taken = ct_gt(self, max);
    return ct_mul(grad, min ? ct_logical_or(taken, ct_lt(max, min)) : taken);
}

ct_tensor *ct__atan2_slope(ct_tensor *self, ct_tensor *other)
{
    ct_tensor *squares = ct_add(ct_mul(self, self), ct_mul(other, other));
    return ct_div(self, ct_where_self(ct_eq(squares, 0), 1, squares));
}

ct_tensor *ct__clamp_min(ct_tensor *self, ct_scalar min) { return ct__clamp(self, min, (ct_scalar){0}); }
ct_tensor *ct__clamp_max(ct_tensor *self, ct_scalar max) { return ct__clamp(self, (ct_scalar){0}, max); }

ct_tensor *ct__nan_to_num(ct_tensor *self, ct_scalar nan, ct_scalar posinf, ct_scalar neginf)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct_clone(self);
    double high = self->dtype == CT_FLOAT64    ? 0x1.fffffffffffffp+1023
                  : self->dtype == CT_FLOAT16  ? 65504
                  : self->dtype == CT_BFLOAT16 ? 0x1.fep+127
                                               : 0x1.fffffep+127;
    ct_tensor *r = ct_where_self(ct_isnan(self), ct_number(nan.kind ? nan : ct_int_scalar(0)), self);
    r = ct_where_self(ct_eq(self, __builtin_inf()), ct_number(posinf.kind ? posinf : ct_float_scalar(high)),
                      r);
    return ct_where_self(ct_eq(self, -__builtin_inf()),
                         ct_number(neginf.kind ? neginf : ct_float_scalar(-high)), r);
}

ct_tensor *ct__pow_Scalar(ct_scalar self, ct_tensor *exponent)
{
    if (ct_is_floating((ct_dtype)exponent->dtype)) /* the gradient takes its logarithm, in double */
        self = ct_float_scalar(ct_scalar_double(self));
    return ct_pow(ct_number(self), exponent);
}

ct_tensor *ct__isclose(ct_tensor *self, ct_tensor *other, double rtol, double atol, bool equal_nan)
{
    if (self->dtype != other->dtype)
        return ct__fail(CT_ERR_RUNTIME, "%s did not match %s", ct_dtype_type_name((ct_dtype)self->dtype),
                        ct_dtype_type_name((ct_dtype)other->dtype));
    if (!(rtol >= 0) || !(atol >= 0))
        return ct__fail(CT_ERR_RUNTIME, "%s must be greater than or equal to zero, but got %g", rtol >= 0 ? "atol" : "rtol",
                        rtol >= 0 ? atol : rtol);
    ct_tensor *close = ct_eq(self, other);
    if (!ct_is_floating((ct_dtype)self->dtype)) { /* the difference of small integers would wrap */
        self = self->dtype == CT_BOOL ? ct_to_dtype(self, ct_default_dtype()) : self;
        other = ct_to_dtype(other, ct_default_dtype());
    }
    if (equal_nan && ct_is_floating((ct_dtype)self->dtype))
        close = ct_logical_or(close, ct_logical_and(ct_isnan(self), ct_isnan(other)));
    ct_tensor *error = ct_abs(ct_sub(self, other)), *allowed = ct_add(ct_abs(ct_mul(other, rtol)), atol);
    return ct_logical_or(close, ct_logical_and(ct_isfinite(error), ct_le(error, allowed)));
}

bool ct__allclose(ct_tensor *self, ct_tensor *other, double rtol, double atol, bool equal_nan)
{
    CT_SCOPE();
    ct_tensor *all = ct_all(ct_isclose(self, other, .rtol = rtol, .atol = atol, .equal_nan = equal_nan));
    return all && ct_item_int(all) != 0;
}

bool ct__equal(ct_tensor *self, ct_tensor *other)
{
    CT_SCOPE();
    if (self->ndim != other->ndim || memcmp(self->sizes, other->sizes, sizeof(int64_t) * self->ndim))
        return false;
    ct_tensor *all = ct_all(ct_eq(self, other));
    return all && ct_item_int(all) != 0;
}

ct_tensor *ct__polygamma(int64_t n, ct_tensor *self)
{
    if (n < 0)
        return ct__fail(CT_ERR_RUNTIME, "polygamma(n, x) does not support negative n.");
    return ct_polygamma_of(self, n);
}
