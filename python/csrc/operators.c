/* Tensor's operators: a direct way from + to the op, past the argument parser. Reflected and in-place forms, comparisons,
 * and what Python asks of a number (bool, int, float, index). */
#include "binding.h"

/* One operator: how to call its op on two tensors. `args` has the defaults; the operands are args[0] and args[1]. */
typedef struct operators_op {
    const char *name;
    const ct_op_info *op;      /* tensor, operand */
    const ctpy_group *group;   /* where the quick way does not fit */
    int nargs;
    ct_value *args;
} operators_op;

enum { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_MATMUL, OP_AND, OP_OR, OP_XOR, OP_LSHIFT, OP_RSHIFT,
       OP_IADD, OP_ISUB, OP_IMUL, OP_IDIV, OP_IFLOORDIV, OP_IMOD, OP_IAND, OP_IOR, OP_IXOR, OP_ILSHIFT, OP_IRSHIFT,
       OP_LT, OP_LE, OP_EQ, OP_NE, OP_GT, OP_GE, OP_NEG, OP_ABS, OP_INVERT, OP_RSUB, OP_POW, OP_IPOW, OP_RECIPROCAL, OP_COUNT };
static operators_op operators[OP_COUNT] = {
    [OP_ADD] = {"add"}, [OP_SUB] = {"sub"}, [OP_MUL] = {"mul"}, [OP_DIV] = {"div"}, [OP_FLOORDIV] = {"floor_divide"},
    [OP_MOD] = {"remainder"}, [OP_MATMUL] = {"matmul"}, [OP_AND] = {"bitwise_and"}, [OP_OR] = {"bitwise_or"},
    [OP_XOR] = {"bitwise_xor"}, [OP_LSHIFT] = {"bitwise_left_shift"}, [OP_RSHIFT] = {"bitwise_right_shift"},
    [OP_IADD] = {"add_"}, [OP_ISUB] = {"sub_"}, [OP_IMUL] = {"mul_"}, [OP_IDIV] = {"div_"}, [OP_IFLOORDIV] = {"floor_divide_"},
    [OP_IMOD] = {"remainder_"}, [OP_IAND] = {"bitwise_and_"}, [OP_IOR] = {"bitwise_or_"}, [OP_IXOR] = {"bitwise_xor_"},
    [OP_ILSHIFT] = {"bitwise_left_shift_"}, [OP_IRSHIFT] = {"bitwise_right_shift_"},
    [OP_LT] = {"lt"}, [OP_LE] = {"le"}, [OP_EQ] = {"eq"}, [OP_NE] = {"ne"}, [OP_GT] = {"gt"}, [OP_GE] = {"ge"},
    [OP_NEG] = {"neg"}, [OP_ABS] = {"abs"}, [OP_INVERT] = {"bitwise_not"}, [OP_RSUB] = {"rsub"}, [OP_POW] = {"pow"},
    [OP_IPOW] = {"pow_"}, [OP_RECIPROCAL] = {"reciprocal"}};

static bool operators_tensor_like(ct_value_type t) { return t == CT_V_TENSOR || t == CT_V_OPERAND; }

bool ctpy_operators_ready(void)
{
    for (int i = 0; i < OP_COUNT; i++) {
        operators_op *o = &operators[i];
        o->group = ctpy_any_group(o->name);
        for (int s = 0; o->group && s < o->group->n; s++) {
            const ct_op_info *op = o->group->sigs[s]->op;
            if (o->op || op->nresults != 1 || !op->nargs || !operators_tensor_like(op->args[0].type))
                continue;
            bool fits = true;
            int operands = 1;
            for (int k = 1; k < op->nargs; k++)
                if (!op->args[k].has_default) {
                    fits &= k == 1 && operators_tensor_like(op->args[k].type);
                    operands++;
                }
            if (!fits || operands > 2)
                continue;
            o->args = PyMem_Calloc((size_t)op->nargs + 1, sizeof *o->args);
            if (!o->args)
                return false;
            o->nargs = op->nargs;
            for (int k = 0; k < op->nargs; k++)
                o->args[k] = op->args[k].value;
            o->op = op;
        }
    }
    return true;
}

/* The operand as a tensor: 1, 0 not one, -1 raised. Python numbers and arrays count. */
static int operators_operand(PyObject *o, ct_tensor **out)
{
    if (CTPY_LIKELY(ctpy_is_tensor(o))) {
        *out = CTPY_TENSOR(o);
        return 1;
    }
    if (PyFloat_CheckExact(o)) {
        *out = ct_number_float(PyFloat_AS_DOUBLE(o));
    } else {
        ct_scalar s;
        int r = ctpy_to_scalar(o, &s);
        if (r < 0)
            return -1;
        if (r) {
            *out = ct_number(s);
        } else if (ctpy_is_ndarray(o)) {
            *out = ctpy_from_buffer(o, false);
            return *out ? 1 : -1;
        } else {
            return 0;
        }
    }
    if (!*out) {
        ctpy_raise();
        return -1;
    }
    return 1;
}

static PyObject *operators_run(const operators_op *o, ct_tensor *a, ct_tensor *b, ct_scope *scope)
{
    ct_value args[12], result;
    if (CTPY_UNLIKELY(!o->op || o->nargs > 12)) {
        PyErr_Format(PyExc_NotImplementedError, "ctorch has no op '%s' yet", o->name);
        ct_scope_end(scope);
        return NULL;
    }
    memcpy(args, o->args, (size_t)o->nargs * sizeof *args);
    args[0].type = CT_V_TENSOR;
    args[0].t = a;
    if (b) {
        args[1].type = CT_V_TENSOR;
        args[1].t = b;
    }
    bool good;
    int64_t elements = ct_numel(a) + (b ? ct_numel(b) : 0);
    CTPY_NOGIL_BEGIN(CTPY_UNLIKELY(elements > CTPY_GIL_ELEMENTS))
    good = o->op->call(args, &result);
    CTPY_NOGIL_END
    if (CTPY_LIKELY(good && result.type == CT_V_TENSOR))
        return ctpy_finish(scope, result.t);
    PyObject *r = good ? ctpy_from_value(&result) : ctpy_raise();
    ct_scope_end(scope);
    return r;
}

static PyObject *operators_binary(PyObject *x, PyObject *y, const operators_op *o)
{
    ct_scope scope = ct_scope_begin();
    ct_tensor *a, *b;
    int r = operators_operand(x, &a);
    if (r == 1)
        r = operators_operand(y, &b);
    if (CTPY_UNLIKELY(r != 1)) {
        ct_scope_end(&scope);
        if (r < 0)
            return NULL;
        Py_RETURN_NOTIMPLEMENTED;
    }
    return operators_run(o, a, b, &scope);
}

static PyObject *operators_unary(PyObject *x, const operators_op *o)
{
    ct_scope scope = ct_scope_begin();
    return operators_run(o, CTPY_TENSOR(x), NULL, &scope);
}

#define OPERATORS_BINARY(name, which) \
    static PyObject *operators_##name(PyObject *a, PyObject *b) { return operators_binary(a, b, &operators[which]); }
OPERATORS_BINARY(add, OP_ADD)
OPERATORS_BINARY(mul, OP_MUL)
OPERATORS_BINARY(floordiv, OP_FLOORDIV)
OPERATORS_BINARY(mod, OP_MOD)
OPERATORS_BINARY(and, OP_AND)
OPERATORS_BINARY(or, OP_OR)
OPERATORS_BINARY(xor, OP_XOR)
OPERATORS_BINARY(lshift, OP_LSHIFT)
OPERATORS_BINARY(rshift, OP_RSHIFT)
OPERATORS_BINARY(iadd, OP_IADD)
OPERATORS_BINARY(isub, OP_ISUB)
OPERATORS_BINARY(imul, OP_IMUL)
OPERATORS_BINARY(idiv, OP_IDIV)
OPERATORS_BINARY(ifloordiv, OP_IFLOORDIV)
OPERATORS_BINARY(imod, OP_IMOD)
OPERATORS_BINARY(iand, OP_IAND)
OPERATORS_BINARY(ior, OP_IOR)
OPERATORS_BINARY(ixor, OP_IXOR)
OPERATORS_BINARY(ilshift, OP_ILSHIFT)
OPERATORS_BINARY(irshift, OP_IRSHIFT)

/* number - x is rsub(x, number), number / x is reciprocal(x) * number, as in PyTorch (their nodes' names show). */
static PyObject *operators_sub(PyObject *a, PyObject *b)
{
    if (CTPY_UNLIKELY(!ctpy_is_tensor(a)) && operators[OP_RSUB].op)
        return operators_binary(b, a, &operators[OP_RSUB]);
    return operators_binary(a, b, &operators[OP_SUB]);
}

static PyObject *operators_div(PyObject *a, PyObject *b)
{
    if (CTPY_UNLIKELY(!ctpy_is_tensor(a)) && operators[OP_RECIPROCAL].op && ctpy_number_kind(a)) {
        PyObject *r = operators_unary(b, &operators[OP_RECIPROCAL]);
        PyObject *result = r ? operators_binary(r, a, &operators[OP_MUL]) : NULL;
        Py_XDECREF(r);
        return result;
    }
    return operators_binary(a, b, &operators[OP_DIV]);
}

static PyObject *operators_matmul(PyObject *a, PyObject *b)
{
    if (!ctpy_is_tensor(a) || !ctpy_is_tensor(b))
        if (!ctpy_is_ndarray(a) && !ctpy_is_ndarray(b))
            Py_RETURN_NOTIMPLEMENTED;
    return operators_binary(a, b, &operators[OP_MATMUL]);
}

/* pow has overloads for a number on either side: the parser chooses. */
static PyObject *operators_pow(PyObject *a, PyObject *b, PyObject *modulo)
{
    if (modulo != Py_None || (!ctpy_is_tensor(a) && !ctpy_number_kind(a)) || (!ctpy_is_tensor(b) && !ctpy_number_kind(b)))
        Py_RETURN_NOTIMPLEMENTED;
    if (!operators[OP_POW].group || (!ctpy_function_group("pow")))
        return operators_binary(a, b, &operators[OP_POW]);
    static const ctpy_group *pow_group;
    if (!pow_group)
        pow_group = ctpy_function_group("pow");
    return ctpy_call_group(pow_group, (PyObject *[]){a, b}, 2, NULL);
}

static PyObject *operators_ipow(PyObject *a, PyObject *b, PyObject *modulo)
{
    static const ctpy_group *group;
    if (!group)
        group = ctpy_any_group("pow_");
    if (!group || (!ctpy_is_tensor(b) && !ctpy_number_kind(b)))
        Py_RETURN_NOTIMPLEMENTED;
    return ctpy_call_group(group, (PyObject *[]){a, b}, 2, NULL);
}

static PyObject *operators_neg(PyObject *a) { return operators_unary(a, &operators[OP_NEG]); }
static PyObject *operators_abs(PyObject *a) { return operators_unary(a, &operators[OP_ABS]); }
static PyObject *operators_invert(PyObject *a) { return operators_unary(a, &operators[OP_INVERT]); }
static PyObject *operators_pos(PyObject *a) { return Py_NewRef(a); }

PyObject *ctpy_richcompare(PyObject *a, PyObject *b, int op)
{
    static const int which[] = {[Py_LT] = OP_LT, [Py_LE] = OP_LE, [Py_EQ] = OP_EQ, [Py_NE] = OP_NE, [Py_GT] = OP_GT,
                                [Py_GE] = OP_GE};
    return operators_binary(a, b, &operators[which[op]]);
}

/* ---- As a Python number ---- */

static int operators_bool(PyObject *o)
{
    ct_tensor *t = CTPY_TENSOR(o);
    int64_t n = ct_numel(t);
    if (n != 1) {
        PyErr_SetString(PyExc_RuntimeError, n ? "Boolean value of Tensor with more than one value is ambiguous"
                                              : "Boolean value of Tensor with no values is ambiguous");
        return -1;
    }
    ct_scalar s = ct_item_scalar(t);
    if (!ct_ok()) {
        ctpy_raise();
        return -1;
    }
    return s.kind == CT_SCALAR_FLOAT ? s.f != 0 : s.i != 0;
}

static bool operators_one(PyObject *o, ct_scalar *s)
{
    ct_tensor *t = CTPY_TENSOR(o);
    if (ct_numel(t) != 1) {
        PyErr_SetString(PyExc_ValueError, "only one element tensors can be converted to Python scalars");
        return false;
    }
    *s = ct_item_scalar(t);
    if (ct_ok())
        return true;
    ctpy_raise();
    return false;
}

static PyObject *operators_float(PyObject *o)
{
    ct_scalar s;
    return operators_one(o, &s) ? PyFloat_FromDouble(ct_scalar_double(s)) : NULL;
}

static PyObject *operators_int(PyObject *o)
{
    ct_scalar s;
    if (!operators_one(o, &s))
        return NULL;
    return s.kind == CT_SCALAR_FLOAT ? PyLong_FromDouble(s.f) : PyLong_FromLongLong(s.i);
}

static PyObject *operators_index(PyObject *o)
{
    ct_tensor *t = CTPY_TENSOR(o);
    if (ct_numel(t) != 1 || !ct_is_integral(ct_dtype_of(t), true)) {
        PyErr_SetString(PyExc_TypeError, "only integer tensors of a single element can be converted to an index");
        return NULL;
    }
    return operators_int(o);
}

PyType_Slot ctpy_number_slots[] = {
    {Py_nb_add, operators_add}, {Py_nb_subtract, operators_sub}, {Py_nb_multiply, operators_mul},
    {Py_nb_true_divide, operators_div}, {Py_nb_floor_divide, operators_floordiv}, {Py_nb_remainder, operators_mod},
    {Py_nb_matrix_multiply, operators_matmul}, {Py_nb_power, operators_pow}, {Py_nb_and, operators_and},
    {Py_nb_or, operators_or}, {Py_nb_xor, operators_xor}, {Py_nb_lshift, operators_lshift}, {Py_nb_rshift, operators_rshift},
    {Py_nb_inplace_add, operators_iadd}, {Py_nb_inplace_subtract, operators_isub}, {Py_nb_inplace_multiply, operators_imul},
    {Py_nb_inplace_true_divide, operators_idiv}, {Py_nb_inplace_floor_divide, operators_ifloordiv},
    {Py_nb_inplace_remainder, operators_imod}, {Py_nb_inplace_power, operators_ipow}, {Py_nb_inplace_and, operators_iand},
    {Py_nb_inplace_or, operators_ior}, {Py_nb_inplace_xor, operators_ixor}, {Py_nb_inplace_lshift, operators_ilshift},
    {Py_nb_inplace_rshift, operators_irshift}, {Py_nb_negative, operators_neg}, {Py_nb_positive, operators_pos},
    {Py_nb_absolute, operators_abs}, {Py_nb_invert, operators_invert}, {Py_nb_bool, operators_bool},
    {Py_nb_float, operators_float}, {Py_nb_int, operators_int}, {Py_nb_index, operators_index}, {0}};
