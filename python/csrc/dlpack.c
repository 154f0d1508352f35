/* DLPack: tensors handed to and taken from other libraries without a copy. CPU only. */
#include "binding.h"

typedef struct dl_device { int32_t type, id; } dl_device;
typedef struct dl_dtype { uint8_t code, bits; uint16_t lanes; } dl_dtype;
typedef struct dl_tensor {
    void *data;
    dl_device device;
    int32_t ndim;
    dl_dtype dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} dl_tensor;
typedef struct dl_managed {
    dl_tensor t;
    void *context;
    void (*deleter)(struct dl_managed *self);
} dl_managed;

enum { DL_INT, DL_UINT, DL_FLOAT, DL_HANDLE, DL_BFLOAT, DL_COMPLEX, DL_BOOL };
static const dl_dtype dl_dtypes[CT_NUM_DTYPES] = {
    [CT_UINT8] = {DL_UINT, 8, 1}, [CT_INT8] = {DL_INT, 8, 1}, [CT_INT16] = {DL_INT, 16, 1}, [CT_INT32] = {DL_INT, 32, 1},
    [CT_INT64] = {DL_INT, 64, 1}, [CT_BOOL] = {DL_BOOL, 8, 1}, [CT_FLOAT16] = {DL_FLOAT, 16, 1},
    [CT_BFLOAT16] = {DL_BFLOAT, 16, 1}, [CT_FLOAT32] = {DL_FLOAT, 32, 1}, [CT_FLOAT64] = {DL_FLOAT, 64, 1}};

static void dl_delete_ours(dl_managed *m)
{
    ct_release(m->context);
    free(m);
}

static void dl_capsule_gone(PyObject *capsule)
{
    if (PyCapsule_IsValid(capsule, "dltensor")) {
        dl_managed *m = PyCapsule_GetPointer(capsule, "dltensor");
        if (m && m->deleter)
            m->deleter(m);
    }
}

static PyObject *dl_export(PyObject *self)
{
    ct_tensor *t = CTPY_TENSOR(self);
    if (ct_requires_grad(t)) {
        PyErr_SetString(PyExc_BufferError, "Can't export tensors that require gradient, use tensor.detach()");
        return NULL;
    }
    if (ct_device_of(t).type != CT_CPU || !dl_dtypes[ct_dtype_of(t)].bits) {
        PyErr_SetString(PyExc_BufferError, "cannot export this tensor through DLPack");
        return NULL;
    }
    ct_ints shape = ct_shape_of(t), strides = ct_strides_of(t);
    dl_managed *m = malloc(sizeof *m + sizeof(int64_t) * 2 * (size_t)(shape.n + 1));
    if (!m)
        return PyErr_NoMemory();
    int64_t *numbers = (int64_t *)(m + 1);
    memcpy(numbers, shape.v, sizeof(int64_t) * (size_t)shape.n);
    memcpy(numbers + shape.n, strides.v, sizeof(int64_t) * (size_t)shape.n);
    *m = (dl_managed){{ct_data(t), {1, 0}, (int32_t)shape.n, dl_dtypes[ct_dtype_of(t)], numbers, numbers + shape.n, 0},
                      ct_retain(t), dl_delete_ours};
    PyObject *capsule = PyCapsule_New(m, "dltensor", dl_capsule_gone);
    if (!capsule)
        dl_delete_ours(m);
    return capsule;
}

static PyObject *dl_dlpack(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"stream", "max_version", "dl_device", "copy"};
    PyObject *a[4];
    return ctpy_simple_args("__dlpack__", args, nargs, kw, 4, names, 1, 0, a) ? dl_export(self) : NULL;
}

static PyObject *dl_device_of(PyObject *self, PyObject *u) { return Py_BuildValue("(ii)", 1, 0); }

static void dl_release_theirs(void *context)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    dl_managed *m = context;
    if (m->deleter)
        m->deleter(m);
    PyGILState_Release(gil);
}

static PyObject *dl_import(PyObject *capsule)
{
    dl_managed *m = PyCapsule_GetPointer(capsule, "dltensor");
    if (!m) {
        PyErr_Clear();
        PyErr_SetString(PyExc_RuntimeError, "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only "
                        "once, so you might have already constructed a tensor from it once.");
        return NULL;
    }
    if (m->t.device.type != 1 && m->t.device.type != 3) {
        PyErr_SetString(PyExc_RuntimeError, "from_dlpack: only CPU tensors are supported");
        return NULL;
    }
    int dtype = 0;
    for (int d = 1; d < CT_NUM_DTYPES; d++)
        if (!memcmp(&dl_dtypes[d], &m->t.dtype, sizeof(dl_dtype)))
            dtype = d;
    if (!dtype || m->t.ndim > 12) {
        PyErr_Format(PyExc_RuntimeError, "from_dlpack: unsupported element type (code %d, %d bits) or number of dimensions",
                     m->t.dtype.code, m->t.dtype.bits);
        return NULL;
    }
    int64_t strides[12], last = 1;
    for (int i = m->t.ndim - 1; i >= 0; i--) {
        strides[i] = m->t.strides ? m->t.strides[i] : last;
        last *= m->t.shape[i];
    }
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = (ct_from_data)((char *)m->t.data + m->t.byte_offset, (ct_ints){m->t.ndim, m->t.shape},
                                  &(ct_from_data_opts){.dtype = dtype, .strides = {m->t.ndim, strides}, .release = dl_release_theirs,
                                                       .context = m});
    if (t)
        PyCapsule_SetName(capsule, "used_dltensor");
    return ctpy_finish(&scope, t);
}

static PyObject *dl_from_dlpack(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"ext_tensor", "device", "copy"};
    PyObject *a[3];
    if (!ctpy_simple_args("from_dlpack", args, nargs, kw, 3, names, 1, 1, a))
        return NULL;
    if (PyCapsule_CheckExact(a[0]))
        return dl_import(a[0]);
    PyObject *capsule = PyObject_CallMethod(a[0], "__dlpack__", NULL);
    PyObject *r = capsule ? dl_import(capsule) : NULL;
    Py_XDECREF(capsule);
    return r;
}

static PyObject *dl_to_dlpack(PyObject *m, PyObject *o)
{
    if (!ctpy_is_tensor(o)) {
        PyErr_Format(PyExc_TypeError, "to_dlpack() expects a Tensor, not %s", Py_TYPE(o)->tp_name);
        return NULL;
    }
    return dl_export(o);
}

PyMethodDef ctpy_dlpack_methods[] = {{"__dlpack__", CTPY_FAST(dl_dlpack), CTPY_KW, NULL},
                                     {"__dlpack_device__", dl_device_of, METH_NOARGS, NULL}, {0}};
PyMethodDef ctpy_dlpack_functions[] = {{"from_dlpack", CTPY_FAST(dl_from_dlpack), CTPY_KW, NULL},
                                       {"to_dlpack", dl_to_dlpack, METH_O, NULL},
                                       {"_to_dlpack", dl_to_dlpack, METH_O, NULL},
                                       {"_from_dlpack", CTPY_FAST(dl_from_dlpack), CTPY_KW, NULL}, {0}};
