/* torch.dtype, torch.layout and torch.memory_format: constant objects, one for each value. */
#include "binding.h"

PyTypeObject *ctpy_DtypeType, *ctpy_LayoutType, *ctpy_FormatType;
static PyObject *dtype_objects[CT_NUM_DTYPES];
static PyObject *layout_strided, *format_objects[3];

PyObject *ctpy_dtype_object(ct_dtype dtype)
{
    if (dtype <= CT_DTYPE_NONE || dtype >= CT_NUM_DTYPES)
        Py_RETURN_NONE;
    return Py_NewRef(dtype_objects[dtype]);
}

PyObject *ctpy_layout_strided(void) { return Py_NewRef(layout_strided); }
PyObject *ctpy_format_object(ct_memory_format f) { return Py_NewRef(format_objects[f]); }

bool ctpy_to_dtype(PyObject *o, ct_dtype *out)
{
    if (Py_TYPE(o) == ctpy_DtypeType)
        *out = ((PyDtype *)o)->dtype;
    else if (o == (PyObject *)&PyFloat_Type)
        *out = CT_FLOAT64;
    else if (o == (PyObject *)&PyLong_Type)
        *out = CT_INT64;
    else if (o == (PyObject *)&PyBool_Type)
        *out = CT_BOOL;
    else
        return false;
    return true;
}

static PyObject *dtype_repr(PyObject *o)
{
    return PyUnicode_FromFormat("torch.%s", ct_dtype_name(((PyDtype *)o)->dtype));
}

static PyObject *dtype_reduce(PyObject *o, PyObject *unused)
{
    return PyUnicode_FromString(ct_dtype_name(((PyDtype *)o)->dtype));
}

static bool dtype_is_complex(ct_dtype d) { return d == CT_COMPLEX64 || d == CT_COMPLEX128; }
#define DTYPE_OF(o) (((PyDtype *)(o))->dtype)
static PyObject *dtype_floating(PyObject *o, void *u) { return PyBool_FromLong(ct_is_floating(DTYPE_OF(o))); }
static PyObject *dtype_complex(PyObject *o, void *u) { return PyBool_FromLong(dtype_is_complex(DTYPE_OF(o))); }
static PyObject *dtype_signed(PyObject *o, void *u)
{
    return PyBool_FromLong(DTYPE_OF(o) != CT_BOOL && DTYPE_OF(o) != CT_UINT8);
}
static PyObject *dtype_itemsize(PyObject *o, void *u) { return PyLong_FromLongLong(ct_dtype_size(DTYPE_OF(o))); }

static PyObject *dtype_to_real(PyObject *o, PyObject *u)
{
    ct_dtype d = DTYPE_OF(o);
    return ctpy_dtype_object(d == CT_COMPLEX64 ? CT_FLOAT32 : d == CT_COMPLEX128 ? CT_FLOAT64 : d);
}

static PyObject *dtype_to_complex(PyObject *o, PyObject *u)
{
    ct_dtype d = DTYPE_OF(o);
    return ctpy_dtype_object(d == CT_FLOAT64 || d == CT_COMPLEX128 ? CT_COMPLEX128 : CT_COMPLEX64);
}

static PyGetSetDef dtype_getset[] = {
    {"is_floating_point", dtype_floating, NULL, "True for float16, bfloat16, float32 and float64.", NULL},
    {"is_complex", dtype_complex, NULL, NULL, NULL},
    {"is_signed", dtype_signed, NULL, NULL, NULL},
    {"itemsize", dtype_itemsize, NULL, "Bytes an element.", NULL},
    {0},
};
static PyMethodDef dtype_methods[] = {
    {"__reduce__", dtype_reduce, METH_NOARGS, NULL},
    {"to_real", dtype_to_real, METH_NOARGS, NULL},
    {"to_complex", dtype_to_complex, METH_NOARGS, NULL},
    {0},
};

static PyObject *named_repr(PyObject *o) { return PyUnicode_FromFormat("torch.%s", ((PyNamed *)o)->name); }
static PyObject *named_reduce(PyObject *o, PyObject *u) { return PyUnicode_FromString(((PyNamed *)o)->name); }
static PyMethodDef named_methods[] = {{"__reduce__", named_reduce, METH_NOARGS, NULL}, {0}};

static PyTypeObject *dtype_make_named(const char *name)
{
    PyType_Slot slots[] = {{Py_tp_repr, named_repr}, {Py_tp_methods, named_methods}, {0}};
    PyType_Spec spec = {name, sizeof(PyNamed), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return (PyTypeObject *)PyType_FromSpec(&spec);
}

static PyObject *dtype_add_named(PyObject *module, PyTypeObject *type, const char *name, int value)
{
    PyNamed *o = (PyNamed *)type->tp_alloc(type, 0);
    if (!o)
        return NULL;
    o->name = name;
    o->value = value;
    return PyModule_AddObjectRef(module, name, (PyObject *)o) < 0 ? NULL : (PyObject *)o;
}

bool ctpy_dtype_ready(PyObject *module)
{
    static const struct { const char *alias; ct_dtype dtype; } aliases[] = {
        {"float", CT_FLOAT32}, {"double", CT_FLOAT64}, {"half", CT_FLOAT16}, {"short", CT_INT16}, {"int", CT_INT32},
        {"long", CT_INT64}, {"cfloat", CT_COMPLEX64}, {"cdouble", CT_COMPLEX128}};
    PyType_Slot slots[] = {{Py_tp_repr, dtype_repr}, {Py_tp_methods, dtype_methods}, {Py_tp_getset, dtype_getset},
                           {Py_tp_doc, "An element type: torch.float32, torch.int64, ..."}, {0}};
    PyType_Spec spec = {"ctorch.dtype", sizeof(PyDtype), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    ctpy_DtypeType = (PyTypeObject *)PyType_FromSpec(&spec);
    ctpy_LayoutType = dtype_make_named("ctorch.layout");
    ctpy_FormatType = dtype_make_named("ctorch.memory_format");
    if (!ctpy_DtypeType || !ctpy_LayoutType || !ctpy_FormatType)
        return false;
    ctpy_DtypeType->tp_name = "torch.dtype"; /* in messages; __module__ stays */
    ctpy_LayoutType->tp_name = "torch.layout";
    ctpy_FormatType->tp_name = "torch.memory_format";
    for (int d = 1; d < CT_NUM_DTYPES; d++) {
        PyDtype *o = (PyDtype *)ctpy_DtypeType->tp_alloc(ctpy_DtypeType, 0);
        if (!o)
            return false;
        o->dtype = d;
        dtype_objects[d] = (PyObject *)o;
        if (PyModule_AddObjectRef(module, ct_dtype_name(d), (PyObject *)o) < 0)
            return false;
    }
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (PyModule_AddObjectRef(module, aliases[i].alias, dtype_objects[aliases[i].dtype]) < 0)
            return false;
    layout_strided = dtype_add_named(module, ctpy_LayoutType, "strided", 0);
    format_objects[CT_PRESERVE_FORMAT] = dtype_add_named(module, ctpy_FormatType, "preserve_format", CT_PRESERVE_FORMAT);
    format_objects[CT_CONTIGUOUS_FORMAT] = dtype_add_named(module, ctpy_FormatType, "contiguous_format", CT_CONTIGUOUS_FORMAT);
    format_objects[CT_CHANNELS_LAST] = dtype_add_named(module, ctpy_FormatType, "channels_last", CT_CHANNELS_LAST);
    return layout_strided && format_objects[0] && format_objects[1] && format_objects[2] &&
           dtype_add_named(module, ctpy_LayoutType, "sparse_coo", 1) && dtype_add_named(module, ctpy_LayoutType, "sparse_csr", 2) &&
           PyModule_AddObjectRef(module, "dtype", (PyObject *)ctpy_DtypeType) == 0 &&
           PyModule_AddObjectRef(module, "layout", (PyObject *)ctpy_LayoutType) == 0 &&
           PyModule_AddObjectRef(module, "memory_format", (PyObject *)ctpy_FormatType) == 0;
}
