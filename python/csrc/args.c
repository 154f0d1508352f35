/* The one argument parser: binds positional and keyword arguments to the schemas of the op table, overload by overload, in
 * the table's order. A first pass takes only exact kinds, a second one also 0-dim tensors where a number is wanted. */
#include "binding.h"

typedef struct args_block { struct args_block *next; } args_block;

void ctpy_frame_begin(ctpy_frame *f, const ctpy_group *g)
{
    f->scope = ct_scope_begin();
    f->group = g;
    f->elements = 0;
    f->nints = 0;
    f->requires_grad = false;
    f->heap = NULL;
}

void ctpy_frame_end(ctpy_frame *f)
{
    for (args_block *b = f->heap, *next; b; b = next) {
        next = b->next;
        PyMem_Free(b);
    }
    ct_scope_end(&f->scope);
}

static void *args_memory(ctpy_frame *f, int64_t words)
{
    if (f->nints + words <= (int64_t)(sizeof f->ints / sizeof *f->ints)) {
        void *p = f->ints + f->nints;
        f->nints += (int)words;
        return p;
    }
    args_block *b = PyMem_Malloc(sizeof *b + (size_t)words * 8);
    if (!b) {
        PyErr_NoMemory();
        return NULL;
    }
    b->next = f->heap;
    f->heap = b;
    return b + 1;
}

static bool args_is_other_int(PyObject *o, bool lenient)
{
    if (PyBool_Check(o) || PyFloat_Check(o))
        return false;
    if (ctpy_is_tensor(o))
        return lenient && ct_numel(CTPY_TENSOR(o)) == 1 && ct_is_integral(ct_dtype_of(CTPY_TENSOR(o)), false);
    return PyIndex_Check(o) && !PyList_Check(o) && !PyTuple_Check(o) && (ctpy_number_kind(o) == 'i' || !ctpy_is_ndarray(o));
}

static inline bool args_is_int(PyObject *o, bool lenient)
{
    return CTPY_LIKELY(PyLong_CheckExact(o)) || args_is_other_int(o, lenient);
}

static int args_ints(ctpy_frame *f, const ct_arg_info *a, PyObject *const *items, Py_ssize_t n, bool lenient, ct_value *out)
{
    if (n && !args_is_int(items[0], lenient))
        return 0;
    int64_t *v = args_memory(f, n ? n : 1);
    if (!v)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        int overflow, r = 1;
        if (CTPY_UNLIKELY(!PyLong_CheckExact(items[i]) || (v[i] = ctpy_long(items[i], &overflow), overflow)))
            r = ctpy_to_int(items[i], &v[i]);
        if (r < 0)
            return -1;
        if (!r) {
            PyErr_Format(PyExc_TypeError, "%s(): argument '%s' failed to unpack the object at pos %zd with error \"type must be "
                         "tuple of ints,but got %s\"", f->group->name, a->name, i + 1, Py_TYPE(items[i])->tp_name);
            return -1;
        }
    }
    out->type = CT_V_INTS;
    out->ints = (ct_ints){n, v};
    return 1;
}

static int args_tensor_items(ctpy_frame *f, PyObject *const *items, Py_ssize_t n, ct_value *out)
{
    ct_tensor **v = args_memory(f, n ? n : 1);
    if (!v)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!ctpy_is_tensor(items[i])) {
            PyErr_Format(PyExc_TypeError, "expected Tensor as element %zd in argument 0, but got %s", i,
                         Py_TYPE(items[i])->tp_name);
            return -1;
        }
        v[i] = CTPY_TENSOR(items[i]);
        f->elements += ct_numel(v[i]);
    }
    out->type = CT_V_TENSORS;
    out->tensors = (ct_tensors){n, v};
    return 1;
}

static int args_number_tensor(PyObject *o, ct_value *out)
{
    ct_scalar s;
    int r = ctpy_to_scalar(o, &s);
    if (r == 1) {
        out->t = ct_number(s);
        if (!out->t) {
            ctpy_raise();
            return -1;
        }
    }
    return r;
}

/* One argument. 1 converted, 0 of another type, -1 raised. */
static int args_convert(ctpy_frame *f, const ctpy_sig *sig, int i, PyObject *o, bool lenient, ct_value *out)
{
    const ct_arg_info *a = &sig->op->args[i];
    if (o == Py_None) {
        if (!a->optional && !(a->has_default && a->value.type == CT_V_NONE))
            return 0;
        out->type = CT_V_NONE;
        if (a->value.type == CT_V_NONE)
            *out = a->value;
        return 1;
    }
    out->type = a->type;
    switch (a->type) {
    case CT_V_TENSOR:
        if (CTPY_LIKELY(ctpy_is_tensor(o))) {
            out->t = CTPY_TENSOR(o);
            f->elements += ct_numel(out->t);
            return 1;
        }
        if (lenient && i == 0 && !f->group->method && sig->nargs > 1 && sig->op->args[1].type == CT_V_OPERAND &&
            ctpy_number_kind(o))
            return args_number_tensor(o, out);
        return 0;
    case CT_V_OPERAND:
        out->type = CT_V_TENSOR;
        if (CTPY_LIKELY(ctpy_is_tensor(o))) {
            out->t = CTPY_TENSOR(o);
            f->elements += ct_numel(out->t);
            return 1;
        }
        return args_number_tensor(o, out);
    case CT_V_TENSORS:
        if (!PyList_Check(o) && !PyTuple_Check(o))
            return 0;
        return args_tensor_items(f, PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), out);
    case CT_V_INT:
        if (!args_is_int(o, lenient))
            return 0;
        return ctpy_to_int(o, &out->i);
    case CT_V_FLOAT:
        if (ctpy_is_tensor(o) && !lenient)
            return 0;
        return ctpy_to_double(o, &out->f);
    case CT_V_BOOL:
        if (o == Py_True || o == Py_False) {
            out->b = o == Py_True;
            return 1;
        }
        if (ctpy_number_kind(o) == 'b') {
            out->b = PyObject_IsTrue(o) == 1;
            return 1;
        }
        return 0;
    case CT_V_SCALAR:
        if (ctpy_is_tensor(o) && !lenient)
            return 0;
        return ctpy_to_scalar(o, &out->s);
    case CT_V_INTS: {
        if (PyTuple_Check(o) || PyList_Check(o))
            return args_ints(f, a, PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), lenient, out);
        if (!args_is_int(o, lenient))
            return 0;
        int64_t one;
        int r = ctpy_to_int(o, &one);
        if (r != 1)
            return r;
        int64_t n = a->list_size > 0 ? a->list_size : 1, *v = args_memory(f, n);
        if (!v)
            return -1;
        for (int64_t k = 0; k < n; k++)
            v[k] = one;
        out->ints = (ct_ints){n, v};
        return 1;
    }
    case CT_V_DTYPE:
        return ctpy_to_dtype(o, &out->dtype);
    case CT_V_DEVICE:
        return ctpy_to_device(o, &out->device, false);
    case CT_V_FORMAT:
        if (Py_TYPE(o) != ctpy_FormatType)
            return 0;
        out->format = ((PyNamed *)o)->value;
        return 1;
    case CT_V_STRING:
        if (!PyUnicode_Check(o))
            return 0;
        out->str = PyUnicode_AsUTF8(o);
        return out->str ? 1 : -1;
    case CT_V_GENERATOR:
        if (Py_TYPE(o) != ctpy_GeneratorType)
            return 0;
        out->g = ((PyGenerator *)o)->g;
        return 1;
    case CT_V_NONE:
        break;
    }
    return 0;
}

/* NumPy's and PyTorch's other names of an argument. */
static bool args_same_name(const char *name, PyObject *key, bool method)
{
    const char *k = PyUnicode_AsUTF8(key);
    if (!k)
        return false;
    if (!strcmp(name, k))
        return true;
    if (!strcmp(name, "dim"))
        return !strcmp(k, "axis");
    if (!strcmp(name, "keepdim"))
        return !strcmp(k, "keepdims");
    if (!strcmp(name, "input"))
        return !strcmp(k, "x") || !strcmp(k, "a") || !strcmp(k, "x1") || !strcmp(k, "self");
    if (!strcmp(name, "other"))
        return !strcmp(k, "x2");
    return false;
}

static PyObject *args_keyword(const ctpy_sig *sig, int i, PyObject *kwnames, PyObject *const *values, bool method)
{
    Py_ssize_t n = PyTuple_GET_SIZE(kwnames);
    PyObject *name = sig->names[i];
    for (Py_ssize_t k = 0; k < n; k++)
        if (PyTuple_GET_ITEM(kwnames, k) == name)
            return values[k];
    const char *text = PyUnicode_AsUTF8(name);
    for (Py_ssize_t k = 0; k < n; k++)
        if (args_same_name(text, PyTuple_GET_ITEM(kwnames, k), method))
            return values[k];
    return NULL;
}

/* Keywords that PyTorch has and that mean nothing here. */
static bool args_ignored(const ctpy_sig *sig, PyObject *key, PyObject *value)
{
    const char *k = PyUnicode_AsUTF8(key);
    if (!strcmp(k, "out") || !strcmp(k, "dtype") || !strcmp(k, "device"))
        return value == Py_None;
    if (sig->factory)
        return !strcmp(k, "layout") || !strcmp(k, "pin_memory") || !strcmp(k, "names");
    return false;
}

static int args_bind(const ctpy_sig *sig, ctpy_frame *f, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, bool lenient)
{
    const ct_op_info *op = sig->op;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0, used = 0;
    PyObject *const *kwvalues = args + nargs;
    if (nargs > sig->npos && sig->varargs < 0)
        return 0;
    f->nints = 0;
    f->elements = 0;
    ct_value *v = f->values;
    for (int i = 0; i < sig->nargs; i++) {
        const ct_arg_info *a = &op->args[i];
        PyObject *o = NULL;
        if (i < nargs && !a->keyword_only) {
            o = args[i];
            if (i == sig->varargs) {
                if (a->type == CT_V_INTS && (nargs - i > 1 || args_is_int(o, true))) {
                    int r = args_ints(f, a, args + i, nargs - i, true, &v[i]);
                    if (r != 1)
                        return r;
                    nargs = i + 1;
                    continue;
                }
                if (a->type == CT_V_TENSORS && ctpy_is_tensor(o)) {
                    int r = args_tensor_items(f, args + i, nargs - i, &v[i]);
                    if (r != 1)
                        return r;
                    nargs = i + 1;
                    continue;
                }
                if (nargs > sig->npos)
                    return 0;
            }
        } else if (used < nkw) {
            o = args_keyword(sig, i, kwnames, kwvalues, f->group->method);
            if (o)
                used++;
        }
        if (!o) {
            if (!a->has_default)
                return 0;
            v[i] = a->value;
            continue;
        }
        if (CTPY_LIKELY((a->type == CT_V_TENSOR || a->type == CT_V_OPERAND) && ctpy_is_tensor(o))) { /* as args_convert does */
            v[i].type = CT_V_TENSOR;
            v[i].t = CTPY_TENSOR(o);
            f->elements += ct_numel(v[i].t);
            continue;
        }
        int r = args_convert(f, sig, i, o, lenient, &v[i]);
        if (r != 1)
            return r;
    }
    if (used < nkw) {
        for (Py_ssize_t k = 0; k < nkw; k++)
            if (args_ignored(sig, PyTuple_GET_ITEM(kwnames, k), kwvalues[k]))
                used++;
        if (used < nkw)
            return 0;
    }
    return 1;
}

/* The most common calls in one pass: positional arguments of exactly the wanted types. What it binds, args_bind would bind in its
 * strict pass, to the same values; where it does not, nothing has happened. */
static bool args_quick(const ctpy_sig *sig, ctpy_frame *f, PyObject *const *args, Py_ssize_t nargs)
{
    ct_value *v = f->values;
    Py_ssize_t i = 0;
    for (; i < nargs; i++, v++) {
        PyObject *o = args[i], *const *items = args + i;
        Py_ssize_t n = nargs - i, step = 1;
        int overflow;
        if (CTPY_UNLIKELY(i >= sig->npos))
            return false;
        if (o == Py_None && sig->op->args[i].optional && sig->defaults[i].type == CT_V_NONE) {
            *v = sig->defaults[i];
            continue;
        }
        v->type = sig->types[i];
        switch (v->type) {
        case CT_V_TENSOR:
        case CT_V_OPERAND:
            if (!ctpy_is_tensor(o))
                return false;
            v->type = CT_V_TENSOR;
            v->t = CTPY_TENSOR(o);
            f->elements += ct_numel(v->t);
            break;
        case CT_V_INT:
            if (!PyLong_CheckExact(o) || (v->i = ctpy_long(o, &overflow), overflow))
                return false;
            break;
        case CT_V_FLOAT:
            if (!PyFloat_CheckExact(o))
                return false;
            v->f = PyFloat_AS_DOUBLE(o);
            break;
        case CT_V_SCALAR:
            if (PyFloat_CheckExact(o))
                v->s = ct_float_scalar(PyFloat_AS_DOUBLE(o));
            else if (PyLong_CheckExact(o) && (v->s = ct_int_scalar(ctpy_long(o, &overflow)), !overflow))
                break;
            else
                return false;
            break;
        case CT_V_BOOL:
            if (!PyBool_Check(o))
                return false;
            v->b = o == Py_True;
            break;
        case CT_V_INTS:
            if (PyTuple_CheckExact(o)) {
                items = &PyTuple_GET_ITEM(o, 0);
                n = PyTuple_GET_SIZE(o);
            } else if (i == sig->varargs) {
                nargs = i + 1; /* x.view(2, 3): all that follow */
            } else {
                n = sig->op->args[i].list_size > 0 ? sig->op->args[i].list_size : 1; /* one for all */
                step = 0;
            }
            if (f->nints + n > (int64_t)(sizeof f->ints / sizeof *f->ints))
                return false;
            int64_t *ints = f->ints + f->nints;
            for (Py_ssize_t k = 0; k < n; k++)
                if (!PyLong_CheckExact(items[k * step]) || (ints[k] = ctpy_long(items[k * step], &overflow), overflow))
                    return false;
            f->nints += (int)n;
            v->ints = (ct_ints){n, ints};
            break;
        default:
            return false;
        }
    }
    if (i < sig->required)
        return false;
    for (; i < sig->nargs; i++, v++)
        *v = sig->defaults[i];
    return true;
}

int ctpy_bind(const ctpy_sig *sig, ctpy_frame *f, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int r = args_bind(sig, f, args, nargs, kwnames, false);
    return r ? r : args_bind(sig, f, args, nargs, kwnames, true);
}

static PyObject *args_find_out(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **rest)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); k++)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), "out") == 0)
            return args[nargs + k];
    return NULL;
}

/* out=: the same arguments against the is_out overloads, the result tensors behind them. */
static PyObject *args_call_out(const ctpy_group *g, PyObject *out, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t nkw = PyTuple_GET_SIZE(kwnames), kept = 0;
    PyObject *stack[CTPY_MAX_ARGS * 2];
    if (nargs + nkw > CTPY_MAX_ARGS * 2 || !g->nouts)
        return ctpy_mismatch(g, false, args, nargs, kwnames);
    memcpy(stack, args, (size_t)nargs * sizeof *stack);
    PyObject *names = PyTuple_New(nkw - 1);
    if (!names)
        return NULL;
    for (Py_ssize_t k = 0; k < nkw; k++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, k);
        if (PyUnicode_CompareWithASCIIString(key, "out") == 0)
            continue;
        PyTuple_SET_ITEM(names, kept, Py_NewRef(key));
        stack[nargs + kept++] = args[nargs + k];
    }
    ctpy_frame f;
    ctpy_frame_begin(&f, g);
    PyObject *result = NULL;
    bool done = false;
    for (int pass = 0; pass < 2 && !done; pass++)
        for (int s = 0; s < g->nouts && !done; s++) {
            const ctpy_sig *sig = g->outs[s];
            int r = args_bind(sig, &f, stack, nargs, kept ? names : NULL, pass == 1);
            if (!r)
                continue;
            done = true;
            if (r < 0)
                break;
            int n = sig->op->nresults, first = sig->op->first_out;
            bool many = PyTuple_Check(out) || PyList_Check(out);
            if ((n > 1) != many || (many && PySequence_Fast_GET_SIZE(out) != n)) {
                PyErr_Format(PyExc_TypeError, "%s(): argument 'out' must be %s, not %s", g->name,
                             n > 1 ? "tuple of Tensors" : "Tensor", Py_TYPE(out)->tp_name);
                break;
            }
            bool good = true;
            for (int k = 0; k < n && good; k++) {
                PyObject *o = many ? PySequence_Fast_GET_ITEM(out, k) : out;
                good = ctpy_is_tensor(o);
                if (good) {
                    f.values[first + k].type = CT_V_TENSOR;
                    f.values[first + k].t = CTPY_TENSOR(o);
                } else {
                    PyErr_Format(PyExc_TypeError, "%s(): argument 'out' must be Tensor, not %s", g->name, Py_TYPE(o)->tp_name);
                }
            }
            if (good) {
                result = ctpy_run(sig, &f);
                Py_DECREF(names);
                return result;
            }
        }
    ctpy_frame_end(&f);
    Py_DECREF(names);
    if (!done && !PyErr_Occurred())
        return ctpy_mismatch(g, true, args, nargs, kwnames);
    return result;
}

PyObject *ctpy_results(const ct_op_info *op, const ct_value *results);

PyObject *ctpy_run(const ctpy_sig *sig, ctpy_frame *f)
{
    ct_value results[8];
    bool good;
    CTPY_NOGIL_BEGIN(f->elements > CTPY_GIL_ELEMENTS)
    good = sig->op->call(f->values, results);
    CTPY_NOGIL_END
    if (CTPY_LIKELY(good && sig->op->nresults == 1 && results[0].type == CT_V_TENSOR && !f->heap))
        return ctpy_finish(&f->scope, results[0].t);
    PyObject *o = CTPY_LIKELY(good) ? ctpy_results(sig->op, results) : ctpy_raise();
    ctpy_frame_end(f);
    return o;
}

/* The orders of arguments that keywords have replaced: add(x, alpha, y), addcmul(x, value, a, b), addmm(beta, x, alpha, a, b), where
 * alpha may be missing. Numbers become keywords. False where the call is none of these. */
static bool args_old_order(const ctpy_group *g, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **result)
{
    static const struct { const char *name, *keywords[2]; int tensors; } known[] = {
        {"add", {"alpha"}, 2}, {"sub", {"alpha"}, 2}, {"addcmul", {"value"}, 3}, {"addcdiv", {"value"}, 3},
        {"addmm", {"beta", "alpha"}, 3}, {"baddbmm", {"beta", "alpha"}, 3}};
    size_t length = strlen(g->name), k = 0, count = sizeof known / sizeof *known;
    if (length && g->name[length - 1] == '_')
        length--;
    while (k < count && (strlen(known[k].name) != length || strncmp(known[k].name, g->name, length)))
        k++;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0, tensors = 0, numbers = 0;
    PyObject *stack[8], *values[2];
    if (k == count || nargs > 5 || nkw > 1 || !nargs || !ctpy_is_tensor(args[nargs - 1]))
        return false;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (ctpy_is_tensor(args[i]))
            stack[tensors++] = args[i];
        else if (ctpy_number_kind(args[i]) && numbers < 2 && known[k].keywords[numbers])
            values[numbers++] = args[i];
        else
            return false;
    }
    if (!numbers || tensors != known[k].tensors)
        return false;
    PyObject *names = PyTuple_New(nkw + numbers);
    for (Py_ssize_t i = 0; names && i < nkw + numbers; i++) {
        PyTuple_SET_ITEM(names, i, i < nkw ? Py_NewRef(PyTuple_GET_ITEM(kwnames, i))
                                           : PyUnicode_InternFromString(known[k].keywords[i - nkw]));
        stack[tensors + i] = i < nkw ? args[nargs + i] : values[i - nkw];
    }
    char text[160];
    snprintf(text, sizeof text, "This overload of %s is deprecated: numbers follow the tensors, as %s=...%s%s%s", g->name, known[k].keywords[0],
             numbers > 1 ? ", " : "", numbers > 1 ? known[k].keywords[1] : "", numbers > 1 ? "=..." : "");
    *result = names && PyErr_WarnEx(PyExc_UserWarning, text, 1) == 0 ? ctpy_call_group(g, stack, tensors, names) : NULL;
    Py_XDECREF(names);
    return true;
}

PyObject *ctpy_call_group(const ctpy_group *g, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (kwnames) {
        if (PyTuple_GET_SIZE(kwnames) == 0)
            kwnames = NULL;
        else {
            PyObject *out = args_find_out(args, nargs, kwnames, NULL);
            if (out && out != Py_None)
                return args_call_out(g, out, args, nargs, kwnames);
        }
    }
    ctpy_frame f;
    ctpy_frame_begin(&f, g);
    if (CTPY_LIKELY(!kwnames && g->n && args_quick(g->sigs[0], &f, args, nargs)))
        return ctpy_run(g->sigs[0], &f);
    for (int pass = 0; pass < 2; pass++)
        for (int s = 0; s < g->n; s++) {
            int r = args_bind(g->sigs[s], &f, args, nargs, kwnames, pass == 1);
            if (r > 0)
                return ctpy_run(g->sigs[s], &f);
            if (r < 0) {
                ctpy_frame_end(&f);
                return NULL;
            }
        }
    ctpy_frame_end(&f);
    PyObject *result;
    return args_old_order(g, args, nargs, kwnames, &result) ? result : ctpy_mismatch(g, false, args, nargs, kwnames);
}

/* Used by mismatch.c: does this object fit this argument? Leaves no exception behind. */
bool ctpy_arg_fits(const ctpy_group *g, const ctpy_sig *sig, int i, PyObject *o)
{
    ctpy_frame f;
    ctpy_frame_begin(&f, g);
    ct_value v;
    int r = args_convert(&f, sig, i, o, true, &v);
    if (r < 0)
        PyErr_Clear();
    ctpy_frame_end(&f);
    return r == 1;
}

bool ctpy_keyword_fits(const ctpy_sig *sig, int i, PyObject *key, bool method)
{
    return args_same_name(PyUnicode_AsUTF8(sig->names[i]), key, method);
}

bool ctpy_keyword_ignored(const ctpy_sig *sig, PyObject *key, PyObject *value) { return args_ignored(sig, key, value); }
