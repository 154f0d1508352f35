/* Casts and moves: to() in its Python-level overloads, type(), float(), cuda(), ... and the methods that Python code of the
 * package supplies (pickling, copying, storages). */
#include "binding.h"

/* t in another dtype, through the table's to.dtype; t itself where nothing changes. */
ct_tensor *ctpy_cast(ct_tensor *t, ct_dtype dtype, bool copy, ct_memory_format format)
{
    static const ct_op_info *op;
    for (const ct_op_info *o = op ? NULL : ct_op_find("to"); o && !strcmp(o->name, "to"); o++)
        if (o->nargs > 1 && o->args[1].type == CT_V_DTYPE)
            op = o;
    if (!op)
        return ct_fail(CT_ERR_NOT_IMPLEMENTED, "ctorch has no op 'to' yet");
    ct_value v[CTPY_MAX_ARGS], r[4];
    for (int i = 0; i < op->nargs; i++) {
        v[i] = op->args[i].value;
        if (!strcmp(op->args[i].name, "copy"))
            v[i].type = CT_V_BOOL, v[i].b = copy;
        if (op->args[i].type == CT_V_FORMAT && format != CT_PRESERVE_FORMAT)
            v[i].type = CT_V_FORMAT, v[i].format = format;
    }
    v[0].type = CT_V_TENSOR, v[0].t = t;
    v[1].type = CT_V_DTYPE, v[1].dtype = dtype;
    return op->call(v, r) ? r[0].t : NULL;
}

static ct_tensor *to_meta(ct_tensor *t, ct_dtype dtype)
{
    const ct_op_info *op = ct_op_find("empty_like");
    ct_value v[CTPY_MAX_ARGS], r[4];
    for (int i = 0; op && i < op->nargs; i++) {
        v[i] = op->args[i].value;
        if (op->args[i].type == CT_V_DTYPE)
            v[i].type = CT_V_DTYPE, v[i].dtype = dtype;
        if (op->args[i].type == CT_V_DEVICE)
            v[i].type = CT_V_DEVICE, v[i].device = (ct_device){CT_META, 0};
    }
    v[0].type = CT_V_TENSOR, v[0].t = t;
    return op && op->call(v, r) ? r[0].t : NULL;
}

static PyObject *to_do(PyObject *self, ct_dtype dtype, ct_device_type device, bool copy, ct_memory_format format)
{
    ct_tensor *t = CTPY_TENSOR(self), *r;
    ct_device_type here = ct_device_of(t).type;
    if (dtype == CT_DTYPE_NONE)
        dtype = ct_dtype_of(t);
    if (device == CT_DEVICE_NONE)
        device = here;
    if (here == CT_META && device == CT_CPU) {
        PyErr_SetString(PyExc_NotImplementedError, "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() "
                        "instead of torch.nn.Module.to() when moving module from meta to a different device.");
        return NULL;
    }
    if (dtype == ct_dtype_of(t) && device == here && !copy &&
        (format == CT_PRESERVE_FORMAT || ct_is_contiguous(t, format)))
        return Py_NewRef(self);
    ct_scope scope = ct_scope_begin();
    CTPY_NOGIL_BEGIN(ct_numel(t) > CTPY_GIL_ELEMENTS)
    r = device == CT_META ? to_meta(t, dtype) : ctpy_cast(t, dtype, copy, format);
    CTPY_NOGIL_END
    if (!r && ct_ok())
        ct_fail(CT_ERR_RUNTIME, "to() failed");
    return ctpy_finish(&scope, r);
}

static PyObject *to_to(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"device", "dtype", "non_blocking", "copy", "memory_format", "other", "tensor"};
    PyObject *a[7] = {0};
    ct_dtype dtype = CT_DTYPE_NONE;
    ct_device device = {CT_DEVICE_NONE, -1};
    PyObject *const *kwargs = args + nargs;
    bool first_dtype = nargs && ctpy_to_dtype(args[0], &dtype), first_tensor = nargs && ctpy_is_tensor(args[0]);
    if (first_dtype || first_tensor) { /* to(dtype, non_blocking, copy), to(other, non_blocking, copy) */
        static const char *const rest[] = {"non_blocking", "copy", "memory_format"};
        PyObject *b[3];
        PyObject *stack[8];
        if (nargs > 3) {
            PyErr_Format(PyExc_TypeError, "to() received an invalid combination of arguments - got %zd positional arguments", nargs);
            return NULL;
        }
        Py_ssize_t nkw = kw ? PyTuple_GET_SIZE(kw) : 0;
        if (nkw > 4) {
            PyErr_SetString(PyExc_TypeError, "to() received an invalid combination of arguments");
            return NULL;
        }
        for (Py_ssize_t i = 1; i < nargs; i++)
            stack[i - 1] = args[i];
        for (Py_ssize_t i = 0; i < nkw; i++)
            stack[nargs - 1 + i] = kwargs[i];
        if (!ctpy_simple_args("to", stack, nargs - 1, kw, 3, rest, 2, 0, b))
            return NULL;
        a[3] = b[1], a[4] = b[2];
        if (first_tensor) {
            dtype = ct_dtype_of(CTPY_TENSOR(args[0]));
            device = ct_device_of(CTPY_TENSOR(args[0]));
        }
    } else {
        if (!ctpy_simple_args("to", args, nargs, kw, 7, names, 4, 0, a))
            return NULL;
        if (a[0] && a[0] != Py_None && ctpy_to_dtype(a[0], &dtype))
            a[0] = NULL;
        if (a[0] && a[0] != Py_None) {
            int r = ctpy_to_device(a[0], &device, false);
            if (r < 0)
                return NULL;
            if (!r) {
                PyErr_Format(PyExc_TypeError, "to() received an invalid combination of arguments - got (%s), but expected one of:\n"
                             " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, "
                             "*, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking = False, bool "
                             "copy = False, *, torch.memory_format memory_format = None)\n * (Tensor tensor, bool non_blocking = "
                             "False, bool copy = False, *, torch.memory_format memory_format = None)\n", Py_TYPE(a[0])->tp_name);
                return NULL;
            }
        }
        if (a[1] && a[1] != Py_None && !ctpy_to_dtype(a[1], &dtype)) {
            PyErr_Format(PyExc_TypeError, "to(): argument 'dtype' must be torch.dtype, not %s", Py_TYPE(a[1])->tp_name);
            return NULL;
        }
        PyObject *other = a[5] ? a[5] : a[6];
        if (other && ctpy_is_tensor(other)) {
            dtype = ct_dtype_of(CTPY_TENSOR(other));
            device = ct_device_of(CTPY_TENSOR(other));
        }
        if (!nargs && !kw) {
            PyErr_SetString(PyExc_TypeError, "to() received an invalid combination of arguments - got (), but expected one of:\n"
                            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, "
                            "*, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking = False, bool "
                            "copy = False, *, torch.memory_format memory_format = None)\n * (Tensor tensor, bool non_blocking = "
                            "False, bool copy = False, *, torch.memory_format memory_format = None)\n");
            return NULL;
        }
    }
    int copy = a[3] ? PyObject_IsTrue(a[3]) : 0;
    int format = CT_PRESERVE_FORMAT;
    if (a[4] && a[4] != Py_None) {
        if (Py_TYPE(a[4]) != ctpy_FormatType) {
            PyErr_Format(PyExc_TypeError, "to(): argument 'memory_format' must be torch.memory_format, not %s", Py_TYPE(a[4])->tp_name);
            return NULL;
        }
        format = ((PyNamed *)a[4])->value;
    }
    return copy < 0 ? NULL : to_do(self, dtype, device.type, copy, format);
}

static PyObject *to_dtype(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw, const char *fname, ct_dtype dtype)
{
    static const char *const names[] = {"memory_format"};
    PyObject *a[1];
    if (!ctpy_simple_args(fname, args, nargs, kw, 1, names, 0, 0, a))
        return NULL;
    int format = a[0] && Py_TYPE(a[0]) == ctpy_FormatType ? ((PyNamed *)a[0])->value : CT_PRESERVE_FORMAT;
    return to_do(self, dtype, CT_DEVICE_NONE, false, format);
}

#define TO_DTYPE(name, dtype) \
    static PyObject *to_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) \
    { return to_dtype(self, args, nargs, kw, #name, dtype); }
TO_DTYPE(float, CT_FLOAT32)
TO_DTYPE(double, CT_FLOAT64)
TO_DTYPE(half, CT_FLOAT16)
TO_DTYPE(bfloat16, CT_BFLOAT16)
TO_DTYPE(long, CT_INT64)
TO_DTYPE(int, CT_INT32)
TO_DTYPE(short, CT_INT16)
TO_DTYPE(char, CT_INT8)
TO_DTYPE(byte, CT_UINT8)
TO_DTYPE(bool, CT_BOOL)

static PyObject *to_cpu(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    return to_do(self, CT_DTYPE_NONE, CT_CPU, false, CT_PRESERVE_FORMAT);
}

static PyObject *to_cuda(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    return ctpy_no_cuda();
}

/* "torch.LongTensor", torch.int64, torch.LongTensor (a class with a dtype), float: the dtype meant, or NONE. */
static ct_dtype to_type_dtype(PyObject *o)
{
    ct_dtype dtype = CT_DTYPE_NONE;
    if (ctpy_to_dtype(o, &dtype))
        return dtype;
    if (PyUnicode_Check(o)) {
        const char *s = PyUnicode_AsUTF8(o);
        if (!s || strncmp(s, "torch.", 6))
            return CT_DTYPE_NONE;
        s += 6;
        for (int d = 1; d < CT_NUM_DTYPES; d++) {
            size_t n = strlen(ct_dtype_type_name(d));
            if (!strncmp(s, ct_dtype_type_name(d), n) && !strcmp(s + n, "Tensor"))
                return d;
        }
        return strcmp(s, "Tensor") ? CT_DTYPE_NONE : ct_default_dtype();
    }
    PyObject *d = PyObject_GetAttrString(o, "dtype");
    if (d && !ctpy_to_dtype(d, &dtype))
        dtype = o == (PyObject *)ctpy_TensorType ? ct_default_dtype() : CT_DTYPE_NONE;
    Py_XDECREF(d);
    PyErr_Clear();
    return dtype;
}

static PyObject *to_type(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"dtype", "non_blocking"};
    PyObject *a[2];
    if (nargs > 2) {
        PyErr_Format(PyExc_TypeError, "type() takes from 0 to 2 positional arguments but %zd were given", nargs);
        return NULL;
    }
    if (!ctpy_simple_args("type", args, nargs, kw, 2, names, 2, 0, a))
        return NULL;
    if (!a[0] || a[0] == Py_None)
        return PyUnicode_FromFormat("torch.%sTensor", ct_dtype_type_name(ct_dtype_of(CTPY_TENSOR(self))));
    if (PyUnicode_Check(a[0]) && PyUnicode_AsUTF8(a[0]) && !strncmp(PyUnicode_AsUTF8(a[0]), "torch.cuda.", 11))
        return ctpy_no_cuda();
    ct_dtype dtype = to_type_dtype(a[0]);
    if (dtype == CT_DTYPE_NONE) {
        if (PyUnicode_Check(a[0]))
            PyErr_Format(PyExc_ValueError, "invalid type: %R", a[0]);
        else
            PyErr_SetString(PyExc_TypeError, "dtype must be a type, str, or dtype object");
        return NULL;
    }
    return to_do(self, dtype, CT_DEVICE_NONE, false, CT_PRESERVE_FORMAT);
}

PyMethodDef ctpy_to_methods[] = {
    {"to", CTPY_FAST(to_to), CTPY_KW, "to(dtype), to(device, dtype), to(other): a cast or moved copy; self where nothing changes."},
    {"type", CTPY_FAST(to_type), CTPY_KW, "type(): 'torch.FloatTensor'; type(dtype): a cast."},
    {"float", CTPY_FAST(to_float), CTPY_KW, NULL},
    {"double", CTPY_FAST(to_double), CTPY_KW, NULL},
    {"half", CTPY_FAST(to_half), CTPY_KW, NULL},
    {"bfloat16", CTPY_FAST(to_bfloat16), CTPY_KW, NULL},
    {"long", CTPY_FAST(to_long), CTPY_KW, NULL},
    {"int", CTPY_FAST(to_int), CTPY_KW, NULL},
    {"short", CTPY_FAST(to_short), CTPY_KW, NULL},
    {"char", CTPY_FAST(to_char), CTPY_KW, NULL},
    {"byte", CTPY_FAST(to_byte), CTPY_KW, NULL},
    {"bool", CTPY_FAST(to_bool), CTPY_KW, NULL},
    {"cpu", CTPY_FAST(to_cpu), CTPY_KW, NULL},
    {"cuda", CTPY_FAST(to_cuda), CTPY_KW, NULL},
    {0},
};

/* ---- Methods written in Python: looked up in ctorch._tensor on first use ---- */

static PyObject *to_python(PyObject *self, const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    PyObject *f = ctpy_package_attr("ctorch._tensor", name);
    if (!f)
        return NULL;
    Py_ssize_t n = nargs + (kw ? PyTuple_GET_SIZE(kw) : 0);
    PyObject **stack = PyMem_Malloc(sizeof *stack * (size_t)(n + 1)), *r = NULL;
    if (stack) {
        stack[0] = self;
        memcpy(stack + 1, args, sizeof *stack * (size_t)n);
        r = PyObject_Vectorcall(f, stack, (size_t)(nargs + 1), kw);
        PyMem_Free(stack);
    } else {
        PyErr_NoMemory();
    }
    Py_DECREF(f);
    return r;
}

#define TO_PYTHON(name) \
    static PyObject *to_py_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) \
    { return to_python(self, #name, args, nargs, kw); }
#define TO_PYTHON_DEF(name) {#name, CTPY_FAST(to_py_##name), CTPY_KW, NULL}
TO_PYTHON(__reduce_ex__)
TO_PYTHON(__deepcopy__)
TO_PYTHON(__setstate__)
TO_PYTHON(storage)
TO_PYTHON(untyped_storage)
TO_PYTHON(_typed_storage)
TO_PYTHON(new)
TO_PYTHON(apply_)
TO_PYTHON(map_)
TO_PYTHON(resize)
TO_PYTHON(__dir__)

PyMethodDef ctpy_python_methods[] = {
    TO_PYTHON_DEF(__reduce_ex__), TO_PYTHON_DEF(__deepcopy__), TO_PYTHON_DEF(__setstate__), TO_PYTHON_DEF(storage),
    TO_PYTHON_DEF(untyped_storage), TO_PYTHON_DEF(_typed_storage), TO_PYTHON_DEF(new), TO_PYTHON_DEF(apply_), TO_PYTHON_DEF(map_),
    TO_PYTHON_DEF(resize), TO_PYTHON_DEF(__dir__), {0}};
