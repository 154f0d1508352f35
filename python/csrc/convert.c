/* Python values to C values and back: numbers (also NumPy's, without NumPy's headers), results, elements. */
#include "binding.h"

bool ctpy_is_numpy(PyObject *o, const char *name)
{
    const char *t = Py_TYPE(o)->tp_name;
    return t[0] == 'n' && !strncmp(t, "numpy.", 6) && !strcmp(t + 6, name);
}

bool ctpy_is_ndarray(PyObject *o)
{
    for (PyTypeObject *t = Py_TYPE(o); t && t != &PyBaseObject_Type; t = t->tp_base)
        if (t->tp_name[0] == 'n' && !strcmp(t->tp_name, "numpy.ndarray"))
            return true;
    return false;
}

static bool convert_is_numpy_scalar(PyObject *o)
{
    const char *t = Py_TYPE(o)->tp_name;
    return t[0] == 'n' && !strncmp(t, "numpy.", 6) && Py_TYPE(o)->tp_as_number && strcmp(t + 6, "ndarray") &&
           ctpy_numpy_scalar_dtype(o) != CT_DTYPE_NONE;
}

ct_dtype ctpy_numpy_scalar_dtype(PyObject *o)
{
    static const struct { const char *name; ct_dtype dtype; } known[] = {
        {"float64", CT_FLOAT64}, {"float32", CT_FLOAT32}, {"int64", CT_INT64}, {"bool_", CT_BOOL}, {"bool", CT_BOOL},
        {"int32", CT_INT32}, {"int16", CT_INT16}, {"int8", CT_INT8}, {"uint8", CT_UINT8}, {"float16", CT_FLOAT16},
        {"longlong", CT_INT64}, {"intc", CT_INT32}, {"uint16", CT_INT32}, {"uint32", CT_INT64}, {"uint64", CT_INT64},
        {"longdouble", CT_FLOAT64}};
    const char *t = Py_TYPE(o)->tp_name;
    if (strncmp(t, "numpy.", 6))
        return CT_DTYPE_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(t + 6, known[i].name))
            return known[i].dtype;
    return CT_DTYPE_NONE;
}

char ctpy_number_kind(PyObject *o)
{
    if (PyFloat_Check(o))
        return 'f';
    if (PyBool_Check(o))
        return 'b';
    if (PyLong_Check(o))
        return 'i';
    if (Py_TYPE(o)->tp_name[0] == 'n' && convert_is_numpy_scalar(o)) {
        ct_dtype d = ctpy_numpy_scalar_dtype(o);
        return d == CT_BOOL ? 'b' : ct_is_floating(d) ? 'f' : 'i';
    }
    return 0;
}

int ctpy_to_scalar(PyObject *o, ct_scalar *out)
{
    if (PyFloat_Check(o)) {
        *out = ct_float_scalar(PyFloat_AS_DOUBLE(o));
        return 1;
    }
    if (PyBool_Check(o)) {
        *out = ct_bool_scalar(o == Py_True);
        return 1;
    }
    if (PyLong_Check(o)) {
        int overflow;
        long long v = ctpy_long(o, &overflow);
        if (overflow) {
            PyErr_SetString(PyExc_OverflowError, "int too big to convert");
            return -1;
        }
        *out = ct_int_scalar(v);
        return 1;
    }
    if (ctpy_is_tensor(o)) {
        ct_tensor *t = CTPY_TENSOR(o);
        if (ct_numel(t) != 1 || ct_ndim(t) || ct_requires_grad(t))
            return 0;
        *out = ct_item_scalar(t);
        if (!ct_ok()) {
            ctpy_raise();
            return -1;
        }
        return 1;
    }
    char kind = ctpy_number_kind(o);
    if (!kind)
        return 0;
    if (kind == 'b') {
        int b = PyObject_IsTrue(o);
        *out = ct_bool_scalar(b > 0);
        return b < 0 ? -1 : 1;
    }
    PyObject *n = kind == 'i' ? PyNumber_Index(o) : PyNumber_Float(o);
    if (!n)
        return -1;
    int r = ctpy_to_scalar(n, out);
    Py_DECREF(n);
    return r;
}

int ctpy_to_int(PyObject *o, int64_t *out)
{
    if (PyLong_CheckExact(o)) {
        int overflow;
        *out = ctpy_long(o, &overflow);
        if (overflow) {
            PyErr_SetString(PyExc_ValueError, "Overflow when unpacking long long");
            return -1;
        }
        return 1;
    }
    if (PyBool_Check(o) || PyFloat_Check(o))
        return 0;
    if (ctpy_is_tensor(o)) {
        ct_tensor *t = CTPY_TENSOR(o);
        if (ct_numel(t) != 1 || !ct_is_integral(ct_dtype_of(t), false))
            return 0;
        *out = ct_item_int(t);
        if (!ct_ok()) {
            ctpy_raise();
            return -1;
        }
        return 1;
    }
    if (!PyIndex_Check(o) || ctpy_is_ndarray(o)) {
        if (!ctpy_is_ndarray(o))
            return 0;
    }
    PyObject *n = PyNumber_Index(o);
    if (!n) {
        PyErr_Clear();
        return 0;
    }
    int overflow;
    *out = PyLong_AsLongLongAndOverflow(n, &overflow);
    Py_DECREF(n);
    if (overflow) {
        PyErr_SetString(PyExc_ValueError, "Overflow when unpacking long long");
        return -1;
    }
    return 1;
}

int ctpy_to_double(PyObject *o, double *out)
{
    if (PyFloat_Check(o)) {
        *out = PyFloat_AS_DOUBLE(o);
        return 1;
    }
    if (PyLong_Check(o)) {
        *out = PyLong_AsDouble(o);
        return *out == -1 && PyErr_Occurred() ? -1 : 1;
    }
    ct_scalar s;
    int r = ctpy_to_scalar(o, &s);
    if (r == 1)
        *out = ct_scalar_double(s);
    return r;
}

PyObject *ctpy_scalar_object(ct_scalar s)
{
    switch (s.kind) {
    case CT_SCALAR_BOOL: return PyBool_FromLong(s.i != 0);
    case CT_SCALAR_INT: return PyLong_FromLongLong(s.i);
    case CT_SCALAR_FLOAT: return PyFloat_FromDouble(s.f);
    default: Py_RETURN_NONE;
    }
}

PyObject *ctpy_item(ct_tensor *t)
{
    int64_t n = ct_numel(t);
    if (n != 1) {
        PyErr_Format(PyExc_RuntimeError, "a Tensor with %lld elements cannot be converted to Scalar", (long long)n);
        return NULL;
    }
    if (ct_device_of(t).type == CT_META) {
        PyErr_SetString(PyExc_RuntimeError, "Tensor.item() cannot be called on meta tensors");
        return NULL;
    }
    ct_scalar s = ct_item_scalar(t);
    return ct_ok() ? ctpy_scalar_object(s) : ctpy_raise();
}

PyObject *ctpy_int_tuple(int64_t n, const int64_t *v)
{
    PyObject *o = PyTuple_New(n);
    for (int64_t i = 0; o && i < n; i++)
        PyTuple_SET_ITEM(o, i, PyLong_FromLongLong(v[i]));
    return o;
}

PyObject *ctpy_from_value(const ct_value *v)
{
    switch (v->type) {
    case CT_V_NONE: Py_RETURN_NONE;
    case CT_V_TENSOR:
    case CT_V_OPERAND: return ctpy_wrap(v->t);
    case CT_V_TENSORS: return ctpy_wrap_list(v->tensors);
    case CT_V_INT: return PyLong_FromLongLong(v->i);
    case CT_V_FLOAT: return PyFloat_FromDouble(v->f);
    case CT_V_BOOL: return PyBool_FromLong(v->b);
    case CT_V_SCALAR: return ctpy_scalar_object(v->s);
    case CT_V_INTS: return ctpy_int_tuple(v->ints.n, v->ints.v);
    case CT_V_DTYPE: return ctpy_dtype_object(v->dtype);
    case CT_V_DEVICE: return ctpy_device_object(v->device);
    case CT_V_FORMAT: return ctpy_format_object(v->format);
    case CT_V_STRING: return PyUnicode_FromString(v->str);
    case CT_V_GENERATOR: return ctpy_generator_object(v->g);
    }
    Py_RETURN_NONE;
}

/* ---- tolist ---- */

static PyObject *convert_element(ct_tensor *t, const char *p, int64_t flat)
{
    switch (ct_dtype_of(t)) {
    case CT_FLOAT32: return PyFloat_FromDouble(*(const float *)p);
    case CT_FLOAT64: return PyFloat_FromDouble(*(const double *)p);
    case CT_INT64: return PyLong_FromLongLong(*(const int64_t *)p);
    case CT_BOOL: return PyBool_FromLong(*p != 0);
    case CT_FLOAT16:
    case CT_BFLOAT16: return PyFloat_FromDouble(ct_float_at(t, flat));
    default: return PyLong_FromLongLong(ct_int_at(t, flat));
    }
}

static PyObject *convert_tolist(ct_tensor *t, int64_t dim, const char *p, int64_t flat, int64_t below)
{
    ct_ints shape = ct_shape_of(t);
    if (dim == shape.n)
        return convert_element(t, p, flat);
    int64_t n = shape.v[dim], step = ct_strides_of(t).v[dim] * ct_dtype_size(ct_dtype_of(t));
    int64_t inner = n ? below / n : 0;
    PyObject *list = PyList_New(n);
    for (int64_t i = 0; list && i < n; i++) {
        PyObject *o = convert_tolist(t, dim + 1, p + i * step, flat + i * inner, inner);
        if (!o) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, o);
    }
    return list;
}

PyObject *ctpy_tolist(ct_tensor *t)
{
    if (ct_device_of(t).type == CT_META) {
        PyErr_SetString(PyExc_NotImplementedError, "Cannot copy out of meta tensor; no data!");
        return NULL;
    }
    return convert_tolist(t, 0, ct_data(t), 0, ct_numel(t));
}
