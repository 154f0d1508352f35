/* torch.device and torch.Size. */
#include "binding.h"

PyTypeObject *ctpy_DeviceType, *ctpy_SizeType;

/* ---- device: index -1 stands for none ---- */

static const char *device_type_name(ct_device_type t) { return t == CT_CUDA ? "cuda" : t == CT_META ? "meta" : "cpu"; }

PyObject *ctpy_device_object(ct_device device)
{
    PyDevice *o = PyObject_New(PyDevice, ctpy_DeviceType);
    if (o)
        o->device = device;
    return (PyObject *)o;
}

PyObject *ctpy_no_cuda(void)
{
    PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled");
    return NULL;
}

bool ctpy_parse_device(const char *text, ct_device *out)
{
    static const char *const others[] = {"ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
                                         "xla", "lazy", "vulkan", "mps", "hpu", "mtia", "privateuseone", NULL};
    size_t n = strcspn(text, ":");
    out->index = -1;
    if (n == 3 && !strncmp(text, "cpu", n))
        out->type = CT_CPU;
    else if (n == 4 && !strncmp(text, "meta", n))
        out->type = CT_META;
    else if (n == 4 && !strncmp(text, "cuda", n))
        out->type = CT_CUDA;
    else {
        for (int i = 0; others[i]; i++)
            if (strlen(others[i]) == n && !strncmp(text, others[i], n)) {
                PyErr_Format(PyExc_RuntimeError, "PyTorch is not linked with support for %s devices", others[i]);
                return false;
            }
        char head[64];
        snprintf(head, sizeof head, "%.*s", (int)n, text);
        PyErr_Format(PyExc_RuntimeError, "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, "
                     "maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: %s",
                     head);
        return false;
    }
    if (text[n] == ':') {
        const char *digits = text + n + 1;
        if (!*digits || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 3 ||
            (digits[0] == '0' && digits[1])) {
            PyErr_Format(PyExc_RuntimeError, "Invalid device string: '%s'", text);
            return false;
        }
        out->index = atoi(digits);
    }
    return true;
}

int ctpy_to_device(PyObject *o, ct_device *out, bool any)
{
    if (Py_TYPE(o) == ctpy_DeviceType) {
        *out = ((PyDevice *)o)->device;
    } else if (PyUnicode_Check(o)) {
        const char *text = PyUnicode_AsUTF8(o);
        if (!text || !ctpy_parse_device(text, out))
            return -1;
    } else if (PyLong_Check(o) && !PyBool_Check(o)) {
        PyErr_SetString(PyExc_RuntimeError, "Cannot access accelerator device when none is available.");
        return -1;
    } else {
        return 0;
    }
    if (out->type == CT_CUDA && !any) {
        ctpy_no_cuda();
        return -1;
    }
    return 1;
}

static PyObject *device_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"device", "index", NULL}, *names2[] = {"type", "index", NULL};
    PyObject *first = NULL, *index = NULL;
    bool by_type = kwargs && PyDict_GetItemString(kwargs, "type");
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", by_type ? names2 : names, &first, &index))
        return NULL;
    ct_device d;
    int r = ctpy_to_device(first, &d, true);
    if (r < 0)
        return NULL;
    if (!r) {
        PyErr_Format(PyExc_TypeError, "device() received an invalid combination of arguments - got (%s), but expected one of:\n"
                     " * (torch.device device)\n      didn't match because some of the arguments have invalid types: (!%s!)\n"
                     " * (str type, int index = -1)\n", Py_TYPE(first)->tp_name, Py_TYPE(first)->tp_name);
        return NULL;
    }
    if (index && index != Py_None) {
        long i = PyLong_AsLong(index);
        if (i == -1 && PyErr_Occurred())
            return NULL;
        if (d.index >= 0) {
            PyErr_Format(PyExc_RuntimeError, "type (string) must not include an index because index was passed explicitly: %S",
                         first);
            return NULL;
        }
        if (i < -1) {
            PyErr_SetString(PyExc_RuntimeError, "Device index must not be negative");
            return NULL;
        }
        d.index = (int)i;
    }
    return ctpy_device_object(d);
}

static PyObject *device_str(PyObject *o)
{
    ct_device d = ((PyDevice *)o)->device;
    return d.index < 0 ? PyUnicode_FromString(device_type_name(d.type))
                       : PyUnicode_FromFormat("%s:%d", device_type_name(d.type), d.index);
}

static PyObject *device_repr(PyObject *o)
{
    ct_device d = ((PyDevice *)o)->device;
    return d.index < 0 ? PyUnicode_FromFormat("device(type='%s')", device_type_name(d.type))
                       : PyUnicode_FromFormat("device(type='%s', index=%d)", device_type_name(d.type), d.index);
}

static PyObject *device_compare(PyObject *a, PyObject *b, int op)
{
    if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    ct_device x = ((PyDevice *)a)->device, y = ((PyDevice *)b)->device;
    return PyBool_FromLong((x.type == y.type && x.index == y.index) == (op == Py_EQ));
}

static Py_hash_t device_hash(PyObject *o)
{
    ct_device d = ((PyDevice *)o)->device;
    return d.type * 1024 + d.index + 1;
}

static PyObject *device_get_type(PyObject *o, void *u)
{
    return PyUnicode_FromString(device_type_name(((PyDevice *)o)->device.type));
}

static PyObject *device_get_index(PyObject *o, void *u)
{
    int i = ((PyDevice *)o)->device.index;
    if (i < 0)
        Py_RETURN_NONE;
    return PyLong_FromLong(i);
}

static PyObject *device_reduce(PyObject *o, PyObject *u)
{
    ct_device d = ((PyDevice *)o)->device;
    const char *t = device_type_name(d.type);
    return d.index < 0 ? Py_BuildValue("O(s)", Py_TYPE(o), t) : Py_BuildValue("O(si)", Py_TYPE(o), t, d.index);
}

/* `with torch.device("cpu"):` changes nothing while there is one device. */
static PyObject *device_enter(PyObject *o, PyObject *u) { return Py_NewRef(o); }
static PyObject *device_exit(PyObject *o, PyObject *args) { Py_RETURN_NONE; }

static PyGetSetDef device_getset[] = {{"type", device_get_type, NULL, NULL, NULL}, {"index", device_get_index, NULL, NULL, NULL}, {0}};
static PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, NULL},
                                       {"__enter__", device_enter, METH_NOARGS, NULL},
                                       {"__exit__", device_exit, METH_VARARGS, NULL}, {0}};

/* ---- Size: a tuple of ints ---- */

/* Shapes are asked for all the time: objects of up to SIZE_FREE_DIMS dimensions come back, with their type and length; the first
 * item is the link. */
#define SIZE_FREE_DIMS 5
#define SIZE_FREE_COUNT 32
static PyObject *size_free[SIZE_FREE_DIMS + 1];
static int size_nfree[SIZE_FREE_DIMS + 1];

static void size_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    Py_ssize_t n = PyTuple_GET_SIZE(o);
    PyObject_GC_UnTrack(o);
    for (Py_ssize_t i = 0; i < n; i++)
        Py_XDECREF(PyTuple_GET_ITEM(o, i));
    if (type == ctpy_SizeType && n > 0 && n <= SIZE_FREE_DIMS && size_nfree[n] < SIZE_FREE_COUNT) {
        PyTuple_SET_ITEM(o, 0, size_free[n]);
        size_free[n] = o;
        size_nfree[n]++;
        return;
    }
    type->tp_free(o);
    Py_DECREF(type);
}

PyObject *ctpy_size(ct_ints shape)
{
    PyObject *o;
    if (CTPY_LIKELY(shape.n > 0 && shape.n <= SIZE_FREE_DIMS && size_nfree[shape.n])) {
        o = size_free[shape.n];
        size_free[shape.n] = PyTuple_GET_ITEM(o, 0);
        size_nfree[shape.n]--;
        _Py_NewReference(o);
    } else {
        o = ctpy_SizeType->tp_alloc(ctpy_SizeType, shape.n);
    }
    for (int64_t i = 0; o && i < shape.n; i++)
        PyTuple_SET_ITEM(o, i, PyLong_FromLongLong(shape.v[i]));
    return o;
}

static PyObject *size_from_tuple(PyObject *tuple) /* steals */
{
    if (!tuple || !PyTuple_CheckExact(tuple))
        return tuple;
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    PyObject *o = ctpy_SizeType->tp_alloc(ctpy_SizeType, n);
    for (Py_ssize_t i = 0; o && i < n; i++)
        PyTuple_SET_ITEM(o, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    Py_DECREF(tuple);
    return o;
}

static PyObject *size_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *o = PyTuple_Type.tp_new(type, args, kwargs);
    for (Py_ssize_t i = 0; o && i < PyTuple_GET_SIZE(o); i++) {
        PyObject *item = PyTuple_GET_ITEM(o, i);
        if (PyLong_CheckExact(item))
            continue;
        int64_t v;
        int r = ctpy_to_int(item, &v);
        if (r != 1) {
            if (r == 0)
                PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                             Py_TYPE(item)->tp_name);
            Py_CLEAR(o);
            break;
        }
        PyTuple_SET_ITEM(o, i, PyLong_FromLongLong(v));
        Py_DECREF(item);
    }
    return o;
}

static PyObject *size_repr(PyObject *o)
{
    PyObject *list = PySequence_List(o);
    PyObject *s = list ? PyUnicode_FromFormat("torch.Size(%R)", list) : NULL;
    Py_XDECREF(list);
    return s;
}

static PyObject *size_concat(PyObject *a, PyObject *b)
{
    if (!PyTuple_Check(a) || !PyTuple_Check(b))
        Py_RETURN_NOTIMPLEMENTED;
    return size_from_tuple(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}

static PyObject *size_repeat(PyObject *a, Py_ssize_t n)
{
    PyObject *r = PyTuple_Type.tp_as_sequence->sq_repeat(a, n);
    if (r == a) {
        return r;
    }
    return size_from_tuple(r);
}

static PyObject *size_item(PyObject *a, PyObject *key)
{
    PyObject *r = PyTuple_Type.tp_as_mapping->mp_subscript(a, key);
    return r && PySlice_Check(key) ? size_from_tuple(r) : r;
}

static PyObject *size_numel(PyObject *o, PyObject *u)
{
    int64_t n = 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); i++)
        n *= PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
    return PyLong_FromLongLong(n);
}

static PyObject *size_reduce(PyObject *o, PyObject *u)
{
    PyObject *t = PyTuple_GetSlice(o, 0, PyTuple_GET_SIZE(o));
    if (t && !PyTuple_CheckExact(t)) {
        Py_DECREF(t);
        t = PyTuple_New(PyTuple_GET_SIZE(o));
        for (Py_ssize_t i = 0; t && i < PyTuple_GET_SIZE(o); i++)
            PyTuple_SET_ITEM(t, i, Py_NewRef(PyTuple_GET_ITEM(o, i)));
    }
    return t ? Py_BuildValue("O(N)", ctpy_SizeType, t) : NULL;
}

static PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "The product of the sizes."},
                                     {"__reduce__", size_reduce, METH_NOARGS, NULL}, {0}};

bool ctpy_device_ready(PyObject *module)
{
    PyType_Slot slots[] = {{Py_tp_new, device_new}, {Py_tp_repr, device_repr}, {Py_tp_str, device_str},
                           {Py_tp_richcompare, device_compare}, {Py_tp_hash, device_hash}, {Py_tp_getset, device_getset},
                           {Py_tp_methods, device_methods},
                           {Py_tp_doc, "Where a tensor's memory is: torch.device('cpu'), torch.device('cuda', 0)."}, {0}};
    PyType_Spec spec = {"ctorch.device", sizeof(PyDevice), 0, Py_TPFLAGS_DEFAULT, slots};
    PyType_Slot size_slots[] = {{Py_tp_new, size_new}, {Py_tp_dealloc, size_dealloc}, {Py_tp_repr, size_repr}, {Py_sq_concat, size_concat},
                                {Py_sq_repeat, size_repeat}, {Py_mp_subscript, size_item}, {Py_tp_methods, size_methods},
                                {Py_tp_doc, "A tensor's shape: a tuple of ints with numel()."}, {0}};
    PyType_Spec size_spec = {"ctorch.Size", PyTuple_Type.tp_basicsize, PyTuple_Type.tp_itemsize,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, size_slots};
    PyObject *bases = PyTuple_Pack(1, &PyTuple_Type);
    ctpy_DeviceType = (PyTypeObject *)PyType_FromSpec(&spec);
    ctpy_SizeType = bases ? (PyTypeObject *)PyType_FromSpecWithBases(&size_spec, bases) : NULL;
    Py_XDECREF(bases);
    if (!ctpy_DeviceType || !ctpy_SizeType)
        return false;
    ctpy_DeviceType->tp_name = "torch.device"; /* in messages; __module__ stays */
    ctpy_SizeType->tp_name = "torch.Size";
    return PyModule_AddObjectRef(module, "device", (PyObject *)ctpy_DeviceType) == 0 &&
           PyModule_AddObjectRef(module, "Size", (PyObject *)ctpy_SizeType) == 0;
}
