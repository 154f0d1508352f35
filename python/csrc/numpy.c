/* NumPy and the buffer protocol, both ways, sharing memory. NumPy is never needed to compile and only imported when asked
 * for an array. */
#include "binding.h"

/* ---- In: anything with a buffer or an __array_interface__ ---- */

static ct_dtype numpy_format_dtype(const char *f, Py_ssize_t itemsize, bool *swapped)
{
    *swapped = false;
    if (!f)
        return CT_UINT8;
    if (*f == '@' || *f == '=' || *f == '<' || *f == '|') {
        f++;
    } else if (*f == '>' || *f == '!') {
        *swapped = itemsize > 1;
        f++;
    }
    if (f[0] && f[1])
        return CT_DTYPE_NONE;
    switch (*f) {
    case '?': return CT_BOOL;
    case 'b': return CT_INT8;
    case 'B': case 'c': return CT_UINT8;
    case 'e': return CT_FLOAT16;
    case 'f': return CT_FLOAT32;
    case 'd': return CT_FLOAT64;
    case 'h': case 'i': case 'l': case 'q': case 'n':
        return itemsize == 2 ? CT_INT16 : itemsize == 4 ? CT_INT32 : itemsize == 8 ? CT_INT64 : CT_DTYPE_NONE;
    default: return CT_DTYPE_NONE;
    }
}

static void numpy_release_view(void *context)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyBuffer_Release(context);
    PyMem_Free(context);
    PyGILState_Release(gil);
}

static void numpy_bad_type(PyObject *o)
{
    PyObject *dtype = PyObject_GetAttrString(o, "dtype"), *type = dtype ? PyObject_GetAttrString(dtype, "type") : NULL;
    PyObject *name = type ? PyObject_GetAttrString(type, "__name__") : NULL;
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "can't convert np.ndarray of type numpy.%S. The only supported types are: float64, float32, "
                 "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.",
                 name ? name : (PyObject *)Py_TYPE(o));
    Py_XDECREF(dtype);
    Py_XDECREF(type);
    Py_XDECREF(name);
}

/* uint16, uint32, uint64 have no dtype of their own here: they are widened into a copy. */
static ct_tensor *numpy_widen(PyObject *o)
{
    PyObject *wide = PyObject_CallMethod(o, "astype", "s", "int64");
    ct_tensor *t = wide ? ctpy_from_buffer(wide, false) : NULL;
    Py_XDECREF(wide);
    return t;
}

static void numpy_warn_read_only(void)
{
    static bool warned;
    if (warned)
        return;
    warned = true;
    PyErr_WarnEx(PyExc_UserWarning, "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                 "This means writing to this tensor will result in undefined behavior. You may want to copy the array to protect "
                 "its data or make it writable before converting it to a tensor. This type of warning will be suppressed for the "
                 "rest of this program.", 1);
}

static ct_tensor *numpy_from_interface(PyObject *o, bool warn_read_only)
{
    PyObject *asarray = ctpy_package_attr("numpy", "asarray");
    PyObject *a = asarray ? PyObject_CallOneArg(asarray, o) : NULL;
    ct_tensor *t = a && PyObject_CheckBuffer(a) ? ctpy_from_buffer(a, warn_read_only) : NULL;
    if (a && !t && !PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "cannot read the memory of %s", Py_TYPE(o)->tp_name);
    Py_XDECREF(asarray);
    Py_XDECREF(a);
    return t;
}

ct_tensor *ctpy_from_buffer(PyObject *o, bool warn_read_only)
{
    if (!PyObject_CheckBuffer(o))
        return numpy_from_interface(o, warn_read_only);
    Py_buffer *view = PyMem_Malloc(sizeof *view);
    if (!view)
        return (ct_tensor *)PyErr_NoMemory();
    bool array = ctpy_is_ndarray(o);
    if (PyObject_GetBuffer(o, view, PyBUF_FULL_RO) < 0) {
        PyMem_Free(view);
        if (array && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
            PyErr_Clear();
            numpy_bad_type(o);
        }
        return NULL;
    }
    bool swapped;
    ct_dtype dtype = numpy_format_dtype(view->format, view->itemsize, &swapped);
    int64_t strides[16], sizes[16];
    bool good = view->ndim <= 12;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "more dimensions than ctorch supports (12)");
    if (good && dtype == CT_DTYPE_NONE) {
        good = false;
        const char *f = view->format ? view->format : "";
        char c = f[strlen(f) ? strlen(f) - 1 : 0];
        if (array && (c == 'H' || c == 'I' || c == 'L' || c == 'Q') && strlen(f) <= 2) {
            PyBuffer_Release(view);
            PyMem_Free(view);
            return numpy_widen(o);
        }
        numpy_bad_type(o);
    }
    if (good && swapped) {
        good = false;
        PyErr_SetString(PyExc_ValueError, "given numpy array has byte order different from the native byte order. Conversion "
                        "between byte orders is currently not supported.");
    }
    for (int i = 0; good && i < view->ndim; i++) {
        sizes[i] = view->shape[i];
        Py_ssize_t s = view->strides ? view->strides[i] : 0;
        if (s < 0) {
            good = false;
            PyErr_SetString(PyExc_ValueError, "At least one stride in the given numpy array is negative, and tensors with negative "
                            "strides are not currently supported. (You can probably work around this by making a copy of your "
                            "array  with array.copy().) ");
        } else if (s % view->itemsize) {
            good = false;
            PyErr_SetString(PyExc_ValueError, "given numpy array strides not a multiple of the element byte size. Copy the numpy "
                            "array to reallocate the memory.");
        }
        strides[i] = s / view->itemsize;
    }
    if (good && view->readonly && warn_read_only) {
        numpy_warn_read_only();
        good = !PyErr_Occurred();
    }
    ct_tensor *t = NULL;
    if (good) {
        int64_t last = view->itemsize;
        for (int i = view->ndim - 1; !view->strides && i >= 0; i--) {
            strides[i] = last / view->itemsize;
            last *= sizes[i];
        }
        t = (ct_from_data)(view->buf, (ct_ints){view->ndim, sizes},
                           &(ct_from_data_opts){.dtype = dtype, .strides = {view->ndim, strides},
                                                .release = numpy_release_view, .context = view});
        if (t)
            return t;
        ctpy_raise();
    }
    PyBuffer_Release(view);
    PyMem_Free(view);
    return NULL;
}

static PyObject *numpy_from_numpy(PyObject *m, PyObject *o)
{
    if (!ctpy_is_ndarray(o)) {
        PyErr_Format(PyExc_TypeError, "expected np.ndarray (got %s)", Py_TYPE(o)->tp_name);
        return NULL;
    }
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = ctpy_from_buffer(o, true);
    PyObject *r = t ? ctpy_wrap(t) : NULL;
    ct_scope_end(&scope);
    return r;
}

static PyObject *numpy_frombuffer(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"buffer", "dtype", "count", "offset", "requires_grad"};
    PyObject *a[5];
    ct_dtype dtype;
    int64_t count = -1, offset = 0;
    if (!ctpy_simple_args("frombuffer", args, nargs, kw, 5, names, 1, 1, a))
        return NULL;
    if (!a[1] || !ctpy_to_dtype(a[1], &dtype)) {
        PyErr_SetString(PyExc_TypeError, "frombuffer() missing 1 required positional arguments: \"dtype\"");
        return NULL;
    }
    if ((a[2] && ctpy_to_int(a[2], &count) != 1) || (a[3] && ctpy_to_int(a[3], &offset) != 1)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "frombuffer(): count and offset must be int");
        return NULL;
    }
    Py_buffer *view = PyMem_Malloc(sizeof *view);
    if (!view)
        return PyErr_NoMemory();
    if (PyObject_GetBuffer(a[0], view, PyBUF_SIMPLE) < 0) {
        PyMem_Free(view);
        return NULL;
    }
    int64_t size = ct_dtype_size(dtype), room = view->len - offset;
    bool good = false;
    if (view->len == 0 || count == 0)
        PyErr_Format(PyExc_ValueError, "both buffer length (%zd) and count (%lld) must not be 0", view->len, (long long)count);
    else if (offset < 0 || offset >= view->len)
        PyErr_Format(PyExc_ValueError, "offset (%lld bytes) must be non-negative and no greater than buffer length (%zd bytes) minus 1",
                     (long long)offset, view->len);
    else if (count < 0 && room % size)
        PyErr_Format(PyExc_ValueError, "buffer length (%lld bytes) after offset (%lld bytes) must be a multiple of element size (%lld)",
                     (long long)room, (long long)offset, (long long)size);
    else if (count > 0 && count * size > room)
        PyErr_Format(PyExc_ValueError, "requested buffer length (%lld * %lld bytes) after offset (%lld bytes) must not be greater than "
                     "actual buffer length (%zd bytes)", (long long)count, (long long)size, (long long)offset, view->len);
    else
        good = true;
    if (good && view->readonly)
        good = PyErr_WarnEx(PyExc_UserWarning, "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
                            "This means you can write to the underlying (supposedly non-writable) buffer using the tensor. You may "
                            "want to copy the buffer to protect its data or make it writable before converting it to a tensor. This "
                            "type of warning will be suppressed for the rest of this program.", 1) == 0;
    if (!good) {
        PyBuffer_Release(view);
        PyMem_Free(view);
        return NULL;
    }
    ct_scope scope = ct_scope_begin();
    int64_t n = count < 0 ? room / size : count;
    ct_tensor *t = (ct_from_data)((char *)view->buf + offset, CT_INTS(n),
                                  &(ct_from_data_opts){.dtype = dtype, .release = numpy_release_view, .context = view,
                                                       .requires_grad = a[4] && a[4] == Py_True});
    if (!t)
        numpy_release_view(view);
    return ctpy_finish(&scope, t);
}

/* ---- Out: a tensor's memory as a Python buffer ---- */

static const char *numpy_format(ct_dtype d)
{
    static const char *const formats[CT_NUM_DTYPES] = {
        [CT_UINT8] = "B", [CT_INT8] = "b", [CT_INT16] = "h", [CT_INT32] = "i", [CT_INT64] = "l", [CT_BOOL] = "?",
        [CT_FLOAT16] = "e", [CT_FLOAT32] = "f", [CT_FLOAT64] = "d"};
    return formats[d];
}

static bool numpy_allowed(ct_tensor *t)
{
    if (ct_requires_grad(t))
        PyErr_SetString(PyExc_RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
    else if (!numpy_format(ct_dtype_of(t)))
        PyErr_Format(PyExc_TypeError, "Got unsupported ScalarType %s", ct_dtype_type_name(ct_dtype_of(t)));
    else if (ct_device_of(t).type != CT_CPU)
        PyErr_SetString(PyExc_TypeError, "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                        "memory first.");
    else
        return true;
    return false;
}

int ctpy_tensor_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    ct_tensor *t = CTPY_TENSOR(self);
    view->obj = NULL;
    if (!numpy_allowed(t)) {
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        PyErr_SetObject(PyExc_BufferError, value);
        Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
        return -1;
    }
    bool dense = ct_is_contiguous(t, CT_CONTIGUOUS_FORMAT);
    if (!dense && ((flags & PyBUF_STRIDES) != PyBUF_STRIDES || (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS)) {
        PyErr_SetString(PyExc_BufferError, "the tensor is not contiguous");
        return -1;
    }
    ct_ints shape = ct_shape_of(t), strides = ct_strides_of(t);
    Py_ssize_t item = (Py_ssize_t)ct_dtype_size(ct_dtype_of(t)), *numbers = PyMem_Malloc(sizeof *numbers * 2 * (size_t)(shape.n + 1));
    if (!numbers) {
        PyErr_NoMemory();
        return -1;
    }
    for (int64_t i = 0; i < shape.n; i++) {
        numbers[i] = shape.v[i];
        numbers[shape.n + i] = strides.v[i] * item;
    }
    view->obj = Py_NewRef(self);
    static char nothing[16];
    view->buf = ct_data(t) ? ct_data(t) : nothing;
    view->itemsize = item;
    view->len = ct_numel(t) * item;
    view->readonly = 0;
    view->ndim = (flags & PyBUF_ND) == PyBUF_ND ? (int)shape.n : 1;
    view->format = flags & PyBUF_FORMAT ? (char *)numpy_format(ct_dtype_of(t)) : NULL;
    view->shape = (flags & PyBUF_ND) == PyBUF_ND ? numbers : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? numbers + shape.n : NULL;
    view->suboffsets = NULL;
    view->internal = numbers;
    return 0;
}

void ctpy_tensor_releasebuffer(PyObject *self, Py_buffer *view) { PyMem_Free(view->internal); }

static PyObject *numpy_asarray(PyObject *self)
{
    static PyObject *asarray;
    if (!asarray && !(asarray = ctpy_package_attr("numpy", "asarray")))
        return NULL;
    PyObject *view = PyMemoryView_FromObject(self);
    PyObject *a = view ? PyObject_CallOneArg(asarray, view) : NULL;
    Py_XDECREF(view);
    return a;
}

static PyObject *numpy_numpy(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"force"};
    PyObject *a[1];
    if (!ctpy_simple_args("numpy", args, nargs, kw, 1, names, 0, 0, a))
        return NULL;
    ct_tensor *t = CTPY_TENSOR(self);
    if (a[0] && PyObject_IsTrue(a[0]) && ct_requires_grad(t)) {
        ct_scope scope = ct_scope_begin();
        PyObject *d = ctpy_finish(&scope, ct_detach(t)), *r = d ? numpy_asarray(d) : NULL;
        Py_XDECREF(d);
        return r;
    }
    return numpy_allowed(t) ? numpy_asarray(self) : NULL;
}

/* __array__(dtype=None, copy=None) */
static PyObject *numpy_array(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"dtype", "copy"};
    PyObject *a[2];
    if (!ctpy_simple_args("__array__", args, nargs, kw, 2, names, 2, 0, a) || !numpy_allowed(CTPY_TENSOR(self)))
        return NULL;
    PyObject *r = numpy_asarray(self);
    if (r && a[0] && a[0] != Py_None)
        Py_SETREF(r, PyObject_CallMethod(r, "astype", "O", a[0]));
    else if (r && a[1] == Py_True)
        Py_SETREF(r, PyObject_CallMethod(r, "copy", NULL));
    return r;
}

/* What NumPy's ufuncs do with their result: a tensor again. */
static PyObject *numpy_array_wrap(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "__array_wrap__() needs an array");
        return NULL;
    }
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = ctpy_is_ndarray(args[0]) ? ctpy_from_buffer(args[0], false) : ctpy_tensor_from_data(args[0], CT_DTYPE_NONE, true);
    PyObject *r = t ? ctpy_wrap(t) : NULL;
    ct_scope_end(&scope);
    return r;
}

PyMethodDef ctpy_numpy_methods[] = {
    {"numpy", CTPY_FAST(numpy_numpy), CTPY_KW, "The tensor's memory as a NumPy array, shared."},
    {"__array__", CTPY_FAST(numpy_array), CTPY_KW, NULL},
    {"__array_wrap__", CTPY_FAST(numpy_array_wrap), METH_FASTCALL, NULL},
    {0},
};
PyMethodDef ctpy_numpy_functions[] = {
    {"from_numpy", numpy_from_numpy, METH_O, "A tensor over a NumPy array's memory, shared."},
    {"frombuffer", CTPY_FAST(numpy_frombuffer), CTPY_KW, "A 1-D tensor over any buffer's memory."},
    {0},
};
