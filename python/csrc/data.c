/* torch.tensor and its kin: nested sequences, numbers, arrays and buffers become tensors, with PyTorch's dtypes. */
#include "binding.h"

#define DATA_MAX_DIMS 12

static bool data_is_sequence(PyObject *o)
{
    return PyList_Check(o) || PyTuple_Check(o) ||
           (PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o) && !PyDict_Check(o) && !ctpy_number_kind(o));
}

static bool data_refuse_text(PyObject *o)
{
    if (PyUnicode_Check(o) || PyBytes_Check(o)) {
        PyErr_Format(PyExc_TypeError, "new(): invalid data type '%s'", Py_TYPE(o)->tp_name);
        return true;
    }
    return false;
}

/* The shape along the first elements. */
static bool data_shape(PyObject *o, int64_t *ndim, int64_t *sizes)
{
    *ndim = 0;
    Py_INCREF(o);
    while (!data_refuse_text(o) && data_is_sequence(o)) {
        if (ctpy_is_tensor(o) && ct_ndim(CTPY_TENSOR(o)) == 0)
            break;
        Py_ssize_t n = PySequence_Length(o);
        if (n < 0)
            break;
        if (*ndim == DATA_MAX_DIMS) {
            PyErr_Format(PyExc_ValueError, "too many dimensions '%s'", Py_TYPE(o)->tp_name);
            break;
        }
        sizes[(*ndim)++] = n;
        if (n == 0)
            break;
        PyObject *first = PySequence_GetItem(o, 0);
        Py_DECREF(o);
        if (!first)
            return false;
        o = first;
    }
    Py_DECREF(o);
    return !PyErr_Occurred();
}

static ct_dtype data_scalar_dtype(PyObject *o)
{
    if (PyFloat_CheckExact(o))
        return ct_default_dtype();
    if (PyBool_Check(o))
        return CT_BOOL;
    if (PyLong_Check(o))
        return CT_INT64;
    if (PyComplex_Check(o))
        return CT_COMPLEX64;
    if (ctpy_is_tensor(o))
        return ct_dtype_of(CTPY_TENSOR(o));
    ct_dtype d = ctpy_numpy_scalar_dtype(o);
    if (d == CT_DTYPE_NONE && PyFloat_Check(o))
        return ct_default_dtype();
    if (d == CT_DTYPE_NONE && !data_refuse_text(o))
        PyErr_Format(PyExc_RuntimeError, "Could not infer dtype of %s", Py_TYPE(o)->tp_name);
    return d;
}

typedef struct data_fill {
    int64_t ndim, sizes[DATA_MAX_DIMS];
    ct_dtype dtype;    /* promoted over the elements met */
    bool as_double;
    union { double *f; int64_t *i; };
    ct_dtype target;
} data_fill;

static bool data_infer(PyObject *o, data_fill *d)
{
    if (!data_is_sequence(o) || (ctpy_is_tensor(o) && ct_ndim(CTPY_TENSOR(o)) == 0)) {
        ct_dtype t = data_scalar_dtype(o);
        if (t == CT_DTYPE_NONE)
            return false;
        d->dtype = d->dtype == CT_DTYPE_NONE || d->dtype == t ? t : ct_promote_types(d->dtype, t);
        return true;
    }
    PyObject *fast = PySequence_Fast(o, "not a sequence");
    if (!fast)
        return false;
    bool good = true;
    ct_dtype usual = ct_default_dtype();
    for (Py_ssize_t i = 0; good && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *e = PySequence_Fast_GET_ITEM(fast, i);
        if (d->dtype == usual ? PyFloat_CheckExact(e) : d->dtype == CT_INT64 && PyLong_CheckExact(e))
            continue;
        good = data_infer(e, d);
    }
    Py_DECREF(fast);
    return good;
}

static bool data_in_range(ct_dtype d, int64_t v)
{
    static const struct { int64_t lo, hi; } range[] = {
        [CT_UINT8] = {-255, 255}, [CT_INT8] = {-128, 127}, [CT_INT16] = {-32768, 32767},
        [CT_INT32] = {-2147483648LL, 2147483647}};
    if (d < CT_UINT8 || d > CT_INT32 || (v >= range[d].lo && v <= range[d].hi))
        return true;
    PyErr_Format(PyExc_RuntimeError, "value cannot be converted to type %s without overflow", ct_dtype_name(d));
    return false;
}

static bool data_store(PyObject *o, data_fill *d, int64_t at)
{
    if (d->as_double) {
        if (PyFloat_Check(o)) {
            d->f[at] = PyFloat_AS_DOUBLE(o);
            return true;
        }
        if (ctpy_is_tensor(o)) {
            if (ct_numel(CTPY_TENSOR(o)) != 1) {
                PyErr_SetString(PyExc_ValueError, "only one element tensors can be converted to Python scalars");
                return false;
            }
            d->f[at] = ct_item(CTPY_TENSOR(o));
            return true;
        }
        double v = PyFloat_AsDouble(o);
        d->f[at] = v;
        return !(v == -1 && PyErr_Occurred());
    }
    ct_scalar s;
    if (ctpy_is_tensor(o)) {
        if (ct_numel(CTPY_TENSOR(o)) != 1) {
            PyErr_SetString(PyExc_ValueError, "only one element tensors can be converted to Python scalars");
            return false;
        }
        s = ct_item_scalar(CTPY_TENSOR(o));
    } else {
        int r = ctpy_to_scalar(o, &s);
        if (r == 0) {
            if (!data_refuse_text(o))
                PyErr_Format(PyExc_TypeError, "'%s' object cannot be interpreted as an integer", Py_TYPE(o)->tp_name);
        }
        if (r < 0 && PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_SetString(PyExc_ValueError, "Overflow when unpacking long long");
        if (r != 1)
            return false;
    }
    int64_t v;
    if (d->target == CT_BOOL)
        v = s.kind == CT_SCALAR_FLOAT ? s.f != 0 : s.i != 0;
    else if (s.kind == CT_SCALAR_FLOAT) {
        if (!(s.f >= -9223372036854775808.0 && s.f < 9223372036854775808.0)) {
            PyErr_Format(PyExc_RuntimeError, "value cannot be converted to type %s without overflow", ct_dtype_name(d->target));
            return false;
        }
        v = (int64_t)s.f;
    } else
        v = s.i;
    d->i[at] = v;
    return data_in_range(d->target, v);
}

static bool data_walk(PyObject *o, int64_t dim, data_fill *d, int64_t *at)
{
    if (dim == d->ndim)
        return data_store(o, d, (*at)++);
    if (!data_is_sequence(o)) {
        PyErr_SetString(PyExc_TypeError, "not a sequence");
        return false;
    }
    PyObject *fast = PySequence_Fast(o, "not a sequence");
    if (!fast)
        return false;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    bool good = true;
    if (n != d->sizes[dim]) {
        PyErr_Format(PyExc_ValueError, "expected sequence of length %lld at dim %lld (got %zd)", (long long)d->sizes[dim],
                     (long long)dim, n);
        good = false;
    }
    PyObject **items = PySequence_Fast_ITEMS(fast);
    if (good && dim + 1 == d->ndim && d->as_double) {
        for (Py_ssize_t i = 0; good && i < n; i++)
            if (PyFloat_CheckExact(items[i]))
                d->f[(*at)++] = PyFloat_AS_DOUBLE(items[i]);
            else
                good = data_store(items[i], d, (*at)++);
    } else {
        for (Py_ssize_t i = 0; good && i < n; i++)
            good = data_walk(items[i], dim + 1, d, at);
    }
    Py_DECREF(fast);
    return good;
}

/* Lists of tensors of equal shape (as np.array would stack them) and lists of arrays go element by element, as in PyTorch. */
static ct_tensor *data_from_sequence(PyObject *o, ct_dtype dtype)
{
    data_fill d = {.dtype = CT_DTYPE_NONE};
    if (!data_shape(o, &d.ndim, d.sizes))
        return NULL;
    int64_t count = 1;
    for (int64_t i = 0; i < d.ndim; i++)
        count *= d.sizes[i];
    ct_dtype target = dtype;
    if (dtype == CT_DTYPE_NONE) {
        if (count && !data_infer(o, &d))
            return NULL;
        target = count ? d.dtype : ct_default_dtype();
    }
    if (target == CT_COMPLEX64 || target == CT_COMPLEX128) {
        PyErr_SetString(PyExc_NotImplementedError, "complex tensors are not supported yet");
        return NULL;
    }
    d.target = target;
    d.as_double = ct_is_floating(target);
    double small[64];
    void *memory = count <= 64 ? (void *)small : PyMem_Malloc((size_t)count * 8);
    if (!memory) {
        PyErr_NoMemory();
        return NULL;
    }
    d.f = memory;
    int64_t at = 0;
    bool good = count == 0 ? true : data_walk(o, 0, &d, &at);
    ct_tensor *t = NULL;
    if (good) {
        ct_ints shape = {d.ndim, d.sizes};
        t = d.as_double ? ct_tensor_from_doubles(d.f, shape, target) : ct_tensor_from_ints(d.i, shape, target);
        if (!t)
            ctpy_raise();
    }
    if (memory != small)
        PyMem_Free(memory);
    return t;
}

/* A cast or a copy; t itself where neither is needed. */
static ct_tensor *data_cast(ct_tensor *t, ct_dtype dtype, bool copy)
{
    if (!t || ((dtype == CT_DTYPE_NONE || dtype == ct_dtype_of(t)) && !copy))
        return t;
    return ctpy_cast(t, dtype == CT_DTYPE_NONE ? ct_dtype_of(t) : dtype, copy, CT_PRESERVE_FORMAT);
}

ct_tensor *ctpy_tensor_from_data(PyObject *o, ct_dtype dtype, bool copy)
{
    if (ctpy_is_tensor(o)) {
        ct_tensor *t = data_cast(ct_detach(CTPY_TENSOR(o)), dtype, copy);
        return t ? t : (ctpy_raise(), NULL);
    }
    if (data_refuse_text(o))
        return NULL;
    if (!PyList_Check(o) && !PyTuple_Check(o) && !ctpy_number_kind(o) && !PyComplex_Check(o)) {
        if (PyObject_CheckBuffer(o) || PyObject_HasAttrString(o, "__array_interface__")) {
            ct_tensor *t = ctpy_from_buffer(o, !copy);
            if (!t)
                return NULL;
            t = data_cast(t, dtype, copy);
            return t ? t : (ctpy_raise(), NULL);
        }
        if (PyObject_HasAttrString(o, "__array__") && !PyType_Check(o)) {
            PyObject *a = PyObject_CallMethod(o, "__array__", NULL);
            ct_tensor *t = a ? ctpy_tensor_from_data(a, dtype, copy) : NULL;
            Py_XDECREF(a);
            return t;
        }
        if (!data_is_sequence(o)) {
            PyErr_Format(PyExc_RuntimeError, "Could not infer dtype of %s", Py_TYPE(o)->tp_name);
            return NULL;
        }
    }
    return data_from_sequence(o, dtype);
}

/* Common tail of tensor, as_tensor, new_tensor. */
static PyObject *data_make(PyObject *data, PyObject *dtype_o, PyObject *device_o, PyObject *grad_o, ct_dtype dtype, bool copy)
{
    ct_device device;
    if (dtype_o && dtype_o != Py_None && !ctpy_to_dtype(dtype_o, &dtype)) {
        PyErr_Format(PyExc_TypeError, "tensor(): argument 'dtype' must be torch.dtype, not %s", Py_TYPE(dtype_o)->tp_name);
        return NULL;
    }
    bool meta = false;
    if (device_o && device_o != Py_None) {
        int r = ctpy_to_device(device_o, &device, false);
        if (r < 0)
            return NULL;
        if (!r) {
            PyErr_Format(PyExc_TypeError, "tensor(): argument 'device' must be torch.device, not %s", Py_TYPE(device_o)->tp_name);
            return NULL;
        }
        meta = device.type == CT_META;
    }
    if (!copy && ctpy_is_tensor(data) && (dtype == CT_DTYPE_NONE || dtype == ct_dtype_of(CTPY_TENSOR(data))) && !meta)
        return Py_NewRef(data);
    int wants_grad = grad_o && grad_o != Py_None ? PyObject_IsTrue(grad_o) : 0;
    if (wants_grad < 0)
        return NULL;
    ct_scope scope = ct_scope_begin();
    ct_tensor *t;
    if (!copy && ctpy_is_tensor(data)) {
        t = data_cast(CTPY_TENSOR(data), dtype, false); /* as_tensor keeps the graph */
        if (!t)
            ctpy_raise();
    } else {
        t = ctpy_tensor_from_data(data, dtype, copy);
    }
    if (t && meta) {
        const ct_op_info *op = ct_op_find("empty");
        ct_value v[CTPY_MAX_ARGS], r[4];
        for (int i = 0; i < op->nargs; i++) {
            v[i] = op->args[i].value;
            if (op->args[i].type == CT_V_DTYPE)
                v[i].type = CT_V_DTYPE, v[i].dtype = ct_dtype_of(t);
            if (op->args[i].type == CT_V_DEVICE)
                v[i].type = CT_V_DEVICE, v[i].device = device;
        }
        v[0].type = CT_V_INTS;
        v[0].ints = ct_shape_of(t);
        t = op->call(v, r) ? r[0].t : (ctpy_raise(), NULL);
    }
    if (t && wants_grad && !ct_is_floating(ct_dtype_of(t))) {
        PyErr_SetString(PyExc_RuntimeError, "Only Tensors of floating point and complex dtype can require gradients");
        t = NULL;
    }
    if (t && wants_grad && !ct_set_requires_grad(t, true))
        ctpy_raise(), t = NULL;
    PyObject *o = t ? ctpy_wrap(t) : NULL;
    ct_scope_end(&scope);
    return o;
}

static PyObject *data_tensor(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"data", "dtype", "device", "requires_grad", "pin_memory"};
    PyObject *a[5];
    if (!ctpy_simple_args("tensor", args, nargs, kw, 5, names, 2, 1, a))
        return NULL;
    if (ctpy_is_tensor(a[0]) &&
        PyErr_WarnEx(PyExc_UserWarning, "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() "
                     "or sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).", 1) < 0)
        return NULL;
    return data_make(a[0], a[1], a[2], a[3], CT_DTYPE_NONE, true);
}

static PyObject *data_as_tensor(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"data", "dtype", "device"};
    PyObject *a[3];
    if (!ctpy_simple_args("as_tensor", args, nargs, kw, 3, names, 3, 1, a))
        return NULL;
    return data_make(a[0], a[1], a[2], NULL, CT_DTYPE_NONE, false);
}

static PyObject *data_asarray(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"obj", "dtype", "device", "copy", "requires_grad"};
    PyObject *a[5];
    if (!ctpy_simple_args("asarray", args, nargs, kw, 5, names, 1, 1, a))
        return NULL;
    return data_make(a[0], a[1], a[2], a[4], CT_DTYPE_NONE, a[3] && a[3] == Py_True);
}

static PyObject *data_scalar_tensor(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"s", "dtype", "device", "requires_grad", "layout", "pin_memory"};
    PyObject *a[6];
    if (!ctpy_simple_args("scalar_tensor", args, nargs, kw, 6, names, 1, 1, a))
        return NULL;
    return data_make(a[0], a[1], a[2], a[3], ct_default_dtype(), true);
}

/* _tensor_new(cls_dtype, data): what torch.FloatTensor(data) gives for data that is not a size. */
static PyObject *data_legacy(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    ct_dtype dtype;
    if (nargs != 2 || !ctpy_to_dtype(args[0], &dtype)) {
        PyErr_SetString(PyExc_TypeError, "_tensor_new(dtype, data)");
        return NULL;
    }
    return data_make(args[1], NULL, NULL, NULL, dtype, true);
}

/* x.new_tensor(data): x's dtype (where the caller names none). */
PyObject *ctpy_new_tensor(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"data", "dtype", "device", "requires_grad", "layout", "pin_memory"};
    PyObject *a[6];
    if (!ctpy_simple_args("new_tensor", args, nargs, kw, 6, names, 1, 1, a))
        return NULL;
    return data_make(a[0], a[1], a[2], a[3], ct_dtype_of(CTPY_TENSOR(self)), true);
}

PyMethodDef ctpy_data_functions[] = {
    {"tensor", CTPY_FAST(data_tensor), CTPY_KW,
     "tensor(data, *, dtype=None, device=None, requires_grad=False): a new tensor with a copy of the data (nested lists, "
     "numbers, arrays)."},
    {"as_tensor", CTPY_FAST(data_as_tensor), CTPY_KW,
     "as_tensor(data, dtype=None, device=None): shares the memory of arrays and tensors where no cast is needed."},
    {"asarray", CTPY_FAST(data_asarray), CTPY_KW, NULL},
    {"scalar_tensor", CTPY_FAST(data_scalar_tensor), CTPY_KW, NULL},
    {"_tensor_new", CTPY_FAST(data_legacy), METH_FASTCALL, NULL},
    {0},
};
