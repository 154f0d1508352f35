/* Tensor's properties and the methods that ask about a tensor rather than compute: size, stride, item, tolist, ... */
#include "binding.h"

extern PyObject *ctpy_new_tensor(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw);

/* ---- Properties ---- */

static PyObject *methods_shape(PyObject *o, void *u) { return ctpy_size(ct_shape_of(CTPY_TENSOR(o))); }
static PyObject *methods_dtype(PyObject *o, void *u) { return ctpy_dtype_object(ct_dtype_of(CTPY_TENSOR(o))); }
static PyObject *methods_device(PyObject *o, void *u)
{
    ct_device d = ct_device_of(CTPY_TENSOR(o));
    if (d.type != CT_CUDA)
        d.index = -1;
    return ctpy_device_object(d);
}
static PyObject *methods_layout(PyObject *o, void *u) { return ctpy_layout_strided(); }
static PyObject *methods_ndim(PyObject *o, void *u) { return PyLong_FromLongLong(ct_ndim(CTPY_TENSOR(o))); }
static PyObject *methods_itemsize(PyObject *o, void *u)
{
    return PyLong_FromLongLong(ct_dtype_size(ct_dtype_of(CTPY_TENSOR(o))));
}
static PyObject *methods_nbytes(PyObject *o, void *u)
{
    return PyLong_FromLongLong(ct_numel(CTPY_TENSOR(o)) * ct_dtype_size(ct_dtype_of(CTPY_TENSOR(o))));
}
static PyObject *methods_false(PyObject *o, void *u) { Py_RETURN_FALSE; }
static PyObject *methods_none(PyObject *o, void *u) { Py_RETURN_NONE; }
static PyObject *methods_is_cpu(PyObject *o, void *u) { return PyBool_FromLong(ct_device_of(CTPY_TENSOR(o)).type == CT_CPU); }
static PyObject *methods_is_meta(PyObject *o, void *u) { return PyBool_FromLong(ct_device_of(CTPY_TENSOR(o)).type == CT_META); }
static PyObject *methods_version(PyObject *o, void *u) { return PyLong_FromLongLong(ct_version(CTPY_TENSOR(o))); }
static PyObject *methods_cdata(PyObject *o, void *u) { return PyLong_FromVoidPtr(CTPY_TENSOR(o)); }

static PyObject *methods_names(PyObject *o, void *u)
{
    int64_t n = ct_ndim(CTPY_TENSOR(o));
    PyObject *t = PyTuple_New(n);
    for (int64_t i = 0; t && i < n; i++)
        PyTuple_SET_ITEM(t, i, Py_NewRef(Py_None));
    return t;
}

PyGetSetDef ctpy_tensor_getset[] = {
    {"shape", methods_shape, NULL, "The sizes of the dimensions.", NULL},
    {"dtype", methods_dtype, NULL, NULL, NULL},
    {"device", methods_device, NULL, NULL, NULL},
    {"layout", methods_layout, NULL, NULL, NULL},
    {"ndim", methods_ndim, NULL, NULL, NULL},
    {"itemsize", methods_itemsize, NULL, NULL, NULL},
    {"nbytes", methods_nbytes, NULL, NULL, NULL},
    {"is_cuda", methods_false, NULL, NULL, NULL},
    {"is_sparse", methods_false, NULL, NULL, NULL},
    {"is_sparse_csr", methods_false, NULL, NULL, NULL},
    {"is_quantized", methods_false, NULL, NULL, NULL},
    {"is_mkldnn", methods_false, NULL, NULL, NULL},
    {"is_mps", methods_false, NULL, NULL, NULL},
    {"is_xpu", methods_false, NULL, NULL, NULL},
    {"is_nested", methods_false, NULL, NULL, NULL},
    {"is_vulkan", methods_false, NULL, NULL, NULL},
    {"is_cpu", methods_is_cpu, NULL, NULL, NULL},
    {"is_meta", methods_is_meta, NULL, NULL, NULL},
    {"name", methods_none, NULL, NULL, NULL},
    {"names", methods_names, NULL, NULL, NULL},
    {"_version", methods_version, NULL, "How often the memory was written in place.", NULL},
    {"_cdata", methods_cdata, NULL, NULL, NULL},
    {0},
};

/* ---- Methods ---- */

static PyObject *methods_size(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"dim"};
    PyObject *a[1];
    if (!nargs && !kw)
        return methods_shape(o, NULL);
    if (!ctpy_simple_args("size", args, nargs, kw, 1, names, 1, 0, a))
        return NULL;
    if (!a[0] || a[0] == Py_None)
        return methods_shape(o, NULL);
    int64_t dim;
    int r = ctpy_to_int(a[0], &dim);
    if (r != 1) {
        if (!r)
            PyErr_Format(PyExc_TypeError, "size(): argument 'dim' (position 1) must be int, not %s", Py_TYPE(a[0])->tp_name);
        return NULL;
    }
    int64_t v = ct_size(CTPY_TENSOR(o), dim);
    return ct_ok() ? PyLong_FromLongLong(v) : ctpy_raise();
}

static PyObject *methods_stride(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"dim"};
    PyObject *a[1];
    int64_t dim;
    if (!ctpy_simple_args("stride", args, nargs, kw, 1, names, 1, 0, a))
        return NULL;
    if (!a[0] || a[0] == Py_None) {
        ct_ints s = ct_strides_of(CTPY_TENSOR(o));
        return ctpy_int_tuple(s.n, s.v);
    }
    int r = ctpy_to_int(a[0], &dim);
    if (r != 1) {
        if (!r)
            PyErr_Format(PyExc_TypeError, "stride(): argument 'dim' (position 1) must be int, not %s", Py_TYPE(a[0])->tp_name);
        return NULL;
    }
    int64_t v = ct_stride(CTPY_TENSOR(o), dim);
    return ct_ok() ? PyLong_FromLongLong(v) : ctpy_raise();
}

static PyObject *methods_dim(PyObject *o, PyObject *u) { return methods_ndim(o, NULL); }
static PyObject *methods_numel(PyObject *o, PyObject *u) { return PyLong_FromLongLong(ct_numel(CTPY_TENSOR(o))); }
static PyObject *methods_data_ptr(PyObject *o, PyObject *u)
{
    ct_tensor *t = CTPY_TENSOR(o);
    return PyLong_FromVoidPtr(ct_numel(t) ? ct_data(t) : NULL);
}
static PyObject *methods_element_size(PyObject *o, PyObject *u) { return methods_itemsize(o, NULL); }
static PyObject *methods_offset(PyObject *o, PyObject *u) { return PyLong_FromLongLong(ct_storage_offset(CTPY_TENSOR(o))); }
static PyObject *methods_item(PyObject *o, PyObject *u) { return ctpy_item(CTPY_TENSOR(o)); }
static PyObject *methods_tolist(PyObject *o, PyObject *u) { return ctpy_tolist(CTPY_TENSOR(o)); }
static PyObject *methods_get_device(PyObject *o, PyObject *u) { return PyLong_FromLong(-1); }
static PyObject *methods_no(PyObject *o, PyObject *u) { Py_RETURN_FALSE; }
static PyObject *methods_no_args(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) { Py_RETURN_FALSE; }
static PyObject *methods_self(PyObject *o, PyObject *u) { return Py_NewRef(o); }
static PyObject *methods_self_args(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) { return Py_NewRef(o); }
static PyObject *methods_floating(PyObject *o, PyObject *u) { return PyBool_FromLong(ct_is_floating(ct_dtype_of(CTPY_TENSOR(o)))); }
static PyObject *methods_complex(PyObject *o, PyObject *u)
{
    ct_dtype d = ct_dtype_of(CTPY_TENSOR(o));
    return PyBool_FromLong(d == CT_COMPLEX64 || d == CT_COMPLEX128);
}
static PyObject *methods_signed(PyObject *o, PyObject *u)
{
    ct_dtype d = ct_dtype_of(CTPY_TENSOR(o));
    return PyBool_FromLong(d != CT_UINT8 && d != CT_BOOL);
}

static PyObject *methods_contiguous(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"memory_format"};
    PyObject *a[1];
    if (!ctpy_simple_args("is_contiguous", args, nargs, kw, 1, names, 0, 0, a))
        return NULL;
    int format = CT_CONTIGUOUS_FORMAT;
    if (a[0] && a[0] != Py_None) {
        if (Py_TYPE(a[0]) != ctpy_FormatType) {
            PyErr_SetString(PyExc_TypeError, "is_contiguous(): argument 'memory_format' must be torch.memory_format");
            return NULL;
        }
        format = ((PyNamed *)a[0])->value;
    }
    return PyBool_FromLong(ct_is_contiguous(CTPY_TENSOR(o), format));
}

static ct_tensor *methods_other(PyObject *o, const char *fname)
{
    if (ctpy_is_tensor(o))
        return CTPY_TENSOR(o);
    PyErr_Format(PyExc_TypeError, "%s(): argument 'other' (position 1) must be Tensor, not %s", fname, Py_TYPE(o)->tp_name);
    return NULL;
}

static PyObject *methods_same_size(PyObject *o, PyObject *x)
{
    ct_tensor *other = methods_other(x, "is_same_size");
    if (!other)
        return NULL;
    ct_ints a = ct_shape_of(CTPY_TENSOR(o)), b = ct_shape_of(other);
    return PyBool_FromLong(a.n == b.n && !memcmp(a.v, b.v, (size_t)a.n * sizeof *a.v));
}

static PyObject *methods_set_to(PyObject *o, PyObject *x)
{
    ct_tensor *other = methods_other(x, "is_set_to"), *t = CTPY_TENSOR(o);
    if (!other)
        return NULL;
    ct_ints a = ct_shape_of(t), b = ct_shape_of(other);
    return PyBool_FromLong(a.n == b.n && ct_data(t) == ct_data(other) && !memcmp(a.v, b.v, (size_t)a.n * sizeof *a.v) &&
                           !memcmp(ct_strides_of(t).v, ct_strides_of(other).v, (size_t)a.n * sizeof *a.v));
}

/* t.set_(source): takes over the source's memory and geometry. */
static PyObject *methods_set(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs == 1 && ctpy_is_tensor(args[0])) {
        if (!ct_set_data(CTPY_TENSOR(o), CTPY_TENSOR(args[0])))
            return ctpy_raise();
        return Py_NewRef(o);
    }
    PyObject *f = ctpy_package_attr("ctorch._tensor", "_set_");
    PyObject *list = f ? PyTuple_New(nargs + 1) : NULL;
    if (!list) {
        Py_XDECREF(f);
        return NULL;
    }
    PyTuple_SET_ITEM(list, 0, Py_NewRef(o));
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(list, i + 1, Py_NewRef(args[i]));
    PyObject *r = PyObject_Call(f, list, NULL);
    Py_DECREF(f);
    Py_DECREF(list);
    return r;
}

static PyObject *methods_format(PyObject *o, PyObject *spec)
{
    ct_tensor *t = CTPY_TENSOR(o);
    if (ct_ndim(t) == 0 && ct_device_of(t).type == CT_CPU && Py_TYPE(o) == ctpy_TensorType) {
        PyObject *v = ctpy_item(t), *s = v ? PyObject_Format(v, spec) : NULL;
        Py_XDECREF(v);
        return s;
    }
    if (PyUnicode_GET_LENGTH(spec) == 0)
        return PyObject_Str(o);
    PyErr_Format(PyExc_TypeError, "unsupported format string passed to %s.__format__", Py_TYPE(o) == ctpy_TensorType
                 ? "Tensor" : Py_TYPE(o)->tp_name);
    return NULL;
}

static PyObject *methods_to_complex(PyObject *o, PyObject *u)
{
    PyObject *f = PyNumber_Float(o);
    PyObject *c = f ? PyComplex_FromDoubles(PyFloat_AS_DOUBLE(f), 0) : NULL;
    Py_XDECREF(f);
    return c;
}

static PyObject *methods_reversed(PyObject *o, PyObject *u)
{
    int64_t n = ct_ndim(CTPY_TENSOR(o));
    if (!n)
        return Py_NewRef(o);
    PyObject *dims = PyTuple_New(n);
    for (int64_t i = 0; dims && i < n; i++)
        PyTuple_SET_ITEM(dims, i, PyLong_FromLongLong(i));
    PyObject *r = dims ? PyObject_CallMethod(o, "flip", "(O)", dims) : NULL;
    Py_XDECREF(dims);
    return r;
}

static PyObject *methods_dim_order(PyObject *o, PyObject *u)
{
    ct_ints s = ct_strides_of(CTPY_TENSOR(o));
    int64_t order[16];
    for (int64_t i = 0; i < s.n; i++) {
        int64_t k = i;
        for (; k > 0 && s.v[order[k - 1]] < s.v[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    return ctpy_int_tuple(s.n, order);
}

static PyObject *methods_storage_tensor(PyObject *o, PyObject *u)
{
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = CTPY_TENSOR(o);
    int64_t n = ct_storage_bytes(t), one = 1;
    return ctpy_finish(&scope, ct_tensor_over(t, CT_UINT8, 0, (ct_ints){1, &n}, (ct_ints){1, &one}));
}

/* _over(dtype, offset, size, stride): another tensor over this one's storage. */
static PyObject *methods_over(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    ct_dtype dtype;
    int64_t offset, sizes[16], strides[16];
    if (nargs != 4 || !ctpy_to_dtype(args[0], &dtype) || ctpy_to_int(args[1], &offset) != 1 || !PyTuple_Check(args[2]) ||
        !PyTuple_Check(args[3]) || PyTuple_GET_SIZE(args[2]) != PyTuple_GET_SIZE(args[3]) || PyTuple_GET_SIZE(args[2]) > 12) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "_over(dtype, offset, size, stride)");
        return NULL;
    }
    Py_ssize_t n = PyTuple_GET_SIZE(args[2]);
    for (Py_ssize_t i = 0; i < n; i++)
        if (ctpy_to_int(PyTuple_GET_ITEM(args[2], i), &sizes[i]) != 1 || ctpy_to_int(PyTuple_GET_ITEM(args[3], i), &strides[i]) != 1) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "_over(): sizes and strides must be ints");
            return NULL;
        }
    ct_scope scope = ct_scope_begin();
    return ctpy_finish(&scope, ct_tensor_over(CTPY_TENSOR(o), dtype, offset, (ct_ints){n, sizes}, (ct_ints){n, strides}));
}

static PyObject *methods_storage_id(PyObject *o, PyObject *u) { return PyLong_FromVoidPtr(ct_storage_id(CTPY_TENSOR(o))); }
static PyObject *methods_bump(PyObject *o, PyObject *u)
{
    ct_bump_version(CTPY_TENSOR(o));
    Py_RETURN_NONE;
}

PyMethodDef ctpy_tensor_methods[] = {
    {"size", CTPY_FAST(methods_size), CTPY_KW, "size(dim=None): the shape, or one size."},
    {"stride", CTPY_FAST(methods_stride), CTPY_KW, "stride(dim=None): the steps in memory, in elements."},
    {"dim", methods_dim, METH_NOARGS, "The number of dimensions."},
    {"ndimension", methods_dim, METH_NOARGS, NULL},
    {"numel", methods_numel, METH_NOARGS, "The number of elements."},
    {"nelement", methods_numel, METH_NOARGS, NULL},
    {"data_ptr", methods_data_ptr, METH_NOARGS, "The first element's address."},
    {"const_data_ptr", methods_data_ptr, METH_NOARGS, NULL},
    {"element_size", methods_element_size, METH_NOARGS, "Bytes an element."},
    {"storage_offset", methods_offset, METH_NOARGS, NULL},
    {"item", methods_item, METH_NOARGS, "The value of a one-element tensor as a Python number."},
    {"tolist", methods_tolist, METH_NOARGS, "The values as nested lists."},
    {"get_device", methods_get_device, METH_NOARGS, NULL},
    {"is_shared", methods_no, METH_NOARGS, NULL},
    {"is_pinned", CTPY_FAST(methods_no_args), CTPY_KW, NULL},
    {"pin_memory", CTPY_FAST(methods_self_args), CTPY_KW, NULL},
    {"share_memory_", methods_self, METH_NOARGS, NULL},
    {"is_coalesced", methods_no, METH_NOARGS, NULL},
    {"is_conj", methods_no, METH_NOARGS, NULL},
    {"is_neg", methods_no, METH_NOARGS, NULL},
    {"is_inference", methods_no, METH_NOARGS, NULL},
    {"resolve_conj", methods_self, METH_NOARGS, NULL},
    {"resolve_neg", methods_self, METH_NOARGS, NULL},
    {"conj", methods_self, METH_NOARGS, NULL},
    {"to_dense", CTPY_FAST(methods_self_args), CTPY_KW, NULL},
    {"is_floating_point", methods_floating, METH_NOARGS, NULL},
    {"is_complex", methods_complex, METH_NOARGS, NULL},
    {"is_signed", methods_signed, METH_NOARGS, NULL},
    {"is_contiguous", CTPY_FAST(methods_contiguous), CTPY_KW, NULL},
    {"is_same_size", methods_same_size, METH_O, NULL},
    {"is_set_to", methods_set_to, METH_O, NULL},
    {"set_", CTPY_FAST(methods_set), METH_FASTCALL, NULL},
    {"new_tensor", CTPY_FAST(ctpy_new_tensor), CTPY_KW, "new_tensor(data): a new tensor of this dtype with a copy of the data."},
    {"dim_order", methods_dim_order, METH_NOARGS, NULL},
    {"__format__", methods_format, METH_O, NULL},
    {"__complex__", methods_to_complex, METH_NOARGS, NULL},
    {"__reversed__", methods_reversed, METH_NOARGS, NULL},
    {"_storage_bytes", methods_storage_tensor, METH_NOARGS, "The whole storage as a uint8 tensor."},
    {"_storage_id", methods_storage_id, METH_NOARGS, NULL},
    {"_over", CTPY_FAST(methods_over), METH_FASTCALL, NULL},
    {"_bump_version", methods_bump, METH_NOARGS, NULL},
    {0},
};
