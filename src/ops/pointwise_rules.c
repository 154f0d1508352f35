/* What each pointwise op takes and gives: the dtype that is computed in, the result's, and PyTorch's
 * refusals. */
#include "kernels/kernels.h"
#include "ops/pointwise.h"
#include "ops/ops.h"

typedef enum { RULE_PROMOTE, RULE_FLOAT, RULE_BOOL, RULE_INT, RULE_KEEP } pointwise_rule;
static const uint8_t pointwise_rules[CT_PW_COUNT] = {
#define POINTWISE_RULE(name, inputs, class, rule) [CT_PW_##name] = RULE_##rule,
    CT_POINTWISE(POINTWISE_RULE)
};
static const char *const pointwise_names[CT_PW_COUNT] = {
#define POINTWISE_NAME(name, inputs, class, rule) [CT_PW_##name] = #name "_cpu",
    CT_POINTWISE(POINTWISE_NAME)
};

bool ct__pointwise_is_bool(int op) { return pointwise_rules[op] == RULE_BOOL; }

/* Ops of which PyTorch has no kernel for bool, or for bool and integers, and what it calls that kernel. */
static const struct { int16_t op; bool integers; const char *kernel;
} pointwise_gaps[] = {{CT_PW_gelu_erf, true, "GeluKernelImpl"},
                      {CT_PW_gelu_tanh, true, "GeluKernelImpl"},
                      {CT_PW_elu, true, "elu_cpu"},
                      {CT_PW_selu, true, "elu_cpu"},
                      {CT_PW_softplus, true, "softplus_cpu"},
                      {CT_PW_silu, true, "silu_cpu"},
                      {CT_PW_leaky_relu, true, "leaky_relu_cpu"},
                      {CT_PW_log_sigmoid, true, "log_sigmoid_cpu"},
                      {CT_PW_frac, true, "frac_cpu"},
                      {CT_PW_lerp, true, "lerp_kernel_scalar"},
                      {CT_PW_abs, false, "abs_cpu"},
                      {CT_PW_floor, false, "floor_vml_cpu"},
                      {CT_PW_ceil, false, "ceil_vml_cpu"},
                      {CT_PW_trunc, false, "trunc_vml_cpu"},
                      {CT_PW_round, false, "round_vml_cpu"},
                      {CT_PW_floor_divide, false, "div_floor_cpu"},
                      {CT_PW_div_floor, false, "div_floor_cpu"},
                      {CT_PW_trunc_divide, false, "div_trunc_cpu"},
                      {CT_PW_remainder, false, "remainder_cpu"},
                      {CT_PW_fmod, false, "fmod_cpu"},
                      {CT_PW_pow, false, "pow"},
                      {CT_PW_bitwise_left_shift, false, "lshift_cpu"},
                      {CT_PW_bitwise_right_shift, false, "rshift_cpu"},
                      {CT_PW_addcmul, false, "addcmul_cpu_out"}};

static const char *pointwise_kernel(int op)
{
    for (size_t i = 0; i < sizeof pointwise_gaps / sizeof *pointwise_gaps; i++)
        if (pointwise_gaps[i].op == op)
            return pointwise_gaps[i].kernel;
    return pointwise_names[op];
}

static bool pointwise_refuse(ct_error_kind kind, const char *text)
{
    return ct__fail(kind, "%s", text) != NULL;
}

static bool pointwise_bool_minus(int64_t nin, ct_tensor *const *in)
{
    if (nin == 2 && in[0]->dtype == CT_BOOL && in[1]->dtype == CT_BOOL)
        return pointwise_refuse(
            CT_ERR_RUNTIME,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead.");
    if (nin == 2 && (in[0]->dtype == CT_BOOL || in[1]->dtype == CT_BOOL))
        return pointwise_refuse(
            CT_ERR_RUNTIME,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead.");
    return true;
}

bool ct__pointwise_operands(int op, int64_t nin, ct_tensor *const *in)
{
    if ((op == CT_PW_sub || op == CT_PW_rsub) && !pointwise_bool_minus(nin, in))
        return false;
    if (op == CT_PW_addcdiv && !ct_is_floating((ct_dtype)in[1]->dtype)
        && !ct_is_floating((ct_dtype)in[2]->dtype))
        return pointwise_refuse(
            CT_ERR_RUNTIME,
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
            "perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be "
            "implemented as (input + "
            "value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + "
            "value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: "
            "(input + value * "
            "tensor1 / tensor2), for all dtypes.");
    if (op == CT_PW_lerp)
        for (int i = 1; i < 3; i++)
            if (!in[i]->is_number && in[i]->dtype != in[0]->dtype)
                return ct__fail(CT_ERR_RUNTIME, "expected dtype %s for `%s` but got dtype %s",
                                ct__c_type_name((ct_dtype)in[0]->dtype), i == 1 ? "end" : "weight",
                                ct__c_type_name((ct_dtype)in[i]->dtype))
                       != NULL;
    return true;
}

/* What stands for a missing limit of clamp. */
static bool pointwise_no_limit(const ct_scalar *s)
{
    return s->kind == CT_SCALAR_INT && (s->i == INT64_MIN || s->i == INT64_MAX);
}

bool ct__pointwise_dtypes(int op, int64_t nin, ct_tensor *const *in, const ct_scalar *p, const ct_scalar *q,
                          ct_dtype *compute, ct_dtype *result)
{
    int first = op == CT_PW_where_self ? 1 : 0;
    bool alpha = op == CT_PW_add || op == CT_PW_sub || op == CT_PW_rsub;
    ct_dtype d = nin == 1 ? (ct_dtype)in[0]->dtype : ct__result_type(nin - first, in + first);
    if (alpha && p && p->kind == CT_SCALAR_BOOL && d != CT_BOOL)
        return pointwise_refuse(CT_ERR_RUNTIME, "Boolean alpha only supported for Boolean results.");
    if (alpha && p && p->kind == CT_SCALAR_FLOAT && !ct_is_floating(d))
        return pointwise_refuse(
            CT_ERR_RUNTIME,
            "For integral input tensors, argument alpha must not be a floating point number.");
    if (op == CT_PW_clamp_both) { /* a limit of a higher category decides as a number would */
        bool floats = (p && p->kind == CT_SCALAR_FLOAT) || (q && q->kind == CT_SCALAR_FLOAT);
        if (floats && !ct_is_floating(d))
            d = ct_default_dtype();
        else if (d == CT_BOOL)
            d = CT_INT64;
    }
    bool scaled = alpha || op == CT_PW_addcmul || op == CT_PW_clamp_both;
    if (scaled && !ct_is_floating(d) && d != CT_INT64
        && ((p && !pointwise_no_limit(p) && !ct__scalar_fits(*p, d)) || (q && !pointwise_no_limit(q) && !ct__scalar_fits(*q, d))))
        return false;
    if (op == CT_PW_square && d == CT_BOOL)
        d = CT_INT64;
    if (!ct_is_floating(d)) {
        if (d == CT_BOOL && op == CT_PW_neg)
            return pointwise_refuse(
                CT_ERR_RUNTIME,
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                "a mask, use the `~` or `logical_not()` operator instead.");
        if (d == CT_BOOL && op == CT_PW_relu)
            return pointwise_refuse(CT_ERR_RUNTIME, "Boolean inputs not supported for relu");
        if (d == CT_BOOL && (op == CT_PW_relu6 || op == CT_PW_hardtanh))
            return pointwise_refuse(CT_ERR_RUNTIME, "Bool inputs not supported for hardtanh");
        for (size_t i = 0; i < sizeof pointwise_gaps / sizeof *pointwise_gaps; i++)
            if (pointwise_gaps[i].op == op && (d == CT_BOOL || pointwise_gaps[i].integers))
                return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'",
                                pointwise_gaps[i].kernel, ct_dtype_type_name(d))
                       != NULL;
    }
    *compute = *result = d;
    switch ((pointwise_rule)pointwise_rules[op]) {
    case RULE_FLOAT:
        if (!ct_is_floating(d))
            *compute = *result = ct_default_dtype();
        break;
    case RULE_BOOL:
        *result = CT_BOOL;
        break;
    case RULE_INT:
        if (ct_is_floating(d))
            return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", pointwise_kernel(op),
                            ct_dtype_type_name(d))
                   != NULL;
        break;
    default:
        break;
    }
    return true;
}

/* True where some element of an integer tensor is zero (or, else, negative). */
static bool pointwise_any_int(const ct_tensor *t, bool zero)
{
    if (!t->data)
        return false;
    if (t->contiguous && t->dtype == CT_INT64) {
        const int64_t *v = (const int64_t *)t->data;
        bool any = false;
        for (int64_t i = 0; i < t->numel && !any; i++)
            any = zero ? v[i] == 0 : v[i] < 0;
        return any;
    }
    for (int64_t i = 0; i < t->numel; i++) {
        int64_t v = ct_int_at(t, i);
        if (zero ? v == 0 : v < 0)
            return true;
    }
    return false;
}

bool ct__pointwise_integers(int op, ct_tensor *const *in, ct_dtype compute)
{
    bool divides = op == CT_PW_floor_divide || op == CT_PW_div_floor || op == CT_PW_trunc_divide
                   || op == CT_PW_remainder || op == CT_PW_fmod;
    if (ct_is_floating(compute) || (!divides && op != CT_PW_pow))
        return true;
    if (divides && in[1]->is_number && in[1]->data) { /* a number wraps to the dtype first */
        int64_t narrow = 0;
        ct__store_scalar(compute, &narrow, ct_int_scalar(ct__load_int((ct_dtype)in[1]->dtype, in[1]->data)));
        if (!narrow)
            return pointwise_refuse(CT_ERR_RUNTIME, "ZeroDivisionError");
    } else if (divides && pointwise_any_int(in[1], true))
        return pointwise_refuse(CT_ERR_RUNTIME, "ZeroDivisionError");
    if (op == CT_PW_pow && in[1]->is_number && pointwise_any_int(in[1], false))
        return pointwise_refuse(CT_ERR_RUNTIME, "Integers to negative integer powers are not allowed.");
    return op != CT_PW_pow || !in[1]->is_number || ct__number_fits(in[1], compute);
}
