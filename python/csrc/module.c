/* ctorch._C: puts the extension together, and the functions of torch that ask about types, threads and printing. */
#include "binding.h"

#ifndef CT_VERSION
#define CT_VERSION "0.1.0"
#endif

extern bool ctpy_checkpoint_ready(PyObject *module);
extern bool ctpy_loader_ready(PyObject *module);
extern bool ctpy_image_ready(PyObject *module); /* image.c */
extern bool ctpy_optim_ready(PyObject *module); /* optim.c */
extern bool ctpy_nn_module_ready(PyObject *module); /* nn_module.c */

/* ---- dtypes ---- */

static PyObject *module_get_default_dtype(PyObject *m, PyObject *u) { return ctpy_dtype_object(ct_default_dtype()); }

static PyObject *module_set_default_dtype(PyObject *m, PyObject *o)
{
    ct_dtype d;
    if (!ctpy_to_dtype(o, &d)) {
        PyErr_Format(PyExc_TypeError, "invalid dtype object: only floating-point types are supported as the default type");
        return NULL;
    }
    if (!ct_is_floating(d)) {
        PyErr_SetString(PyExc_TypeError, "only floating-point types are supported as the default type");
        return NULL;
    }
    if (!ct_set_default_dtype(d))
        return ctpy_raise();
    Py_RETURN_NONE;
}

static bool module_two_dtypes(const char *fname, PyObject *const *args, Py_ssize_t nargs, ct_dtype *a, ct_dtype *b)
{
    if (nargs == 2 && ctpy_to_dtype(args[0], a) && ctpy_to_dtype(args[1], b))
        return true;
    PyErr_Format(PyExc_TypeError, "%s(): arguments must be two torch.dtype", fname);
    return false;
}

static PyObject *module_promote_types(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    ct_dtype a, b;
    return module_two_dtypes("promote_types", args, nargs, &a, &b) ? ctpy_dtype_object(ct_promote_types(a, b)) : NULL;
}

static PyObject *module_can_cast(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    ct_dtype a, b;
    return module_two_dtypes("can_cast", args, nargs, &a, &b) ? PyBool_FromLong(ct_can_cast(a, b)) : NULL;
}

/* Three classes: tensors with dims, 0-dim tensors, numbers; a lower class counts only where its category is higher. */
static PyObject *module_result_type(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    ct_dtype best[3] = {CT_DTYPE_NONE, CT_DTYPE_NONE, CT_DTYPE_NONE};
    for (Py_ssize_t i = 0; i < nargs; i++) {
        ct_dtype d;
        int level;
        char kind = ctpy_number_kind(args[i]);
        if (ctpy_is_tensor(args[i])) {
            d = ct_dtype_of(CTPY_TENSOR(args[i]));
            level = ct_ndim(CTPY_TENSOR(args[i])) ? 0 : 1;
        } else if (kind) {
            d = kind == 'f' ? ct_default_dtype() : kind == 'i' ? CT_INT64 : CT_BOOL;
            level = 2;
        } else {
            PyErr_Format(PyExc_TypeError, "result_type(): argument %zd must be Tensor or Number, not %s", i + 1, Py_TYPE(args[i])->tp_name);
            return NULL;
        }
        best[level] = best[level] == CT_DTYPE_NONE ? d : ct_promote_types(best[level], d);
    }
    ct_dtype r = CT_DTYPE_NONE;
    int category = -1;
    for (int level = 0; level < 3; level++) {
        ct_dtype d = best[level];
        if (d == CT_DTYPE_NONE)
            continue;
        int c = d == CT_BOOL ? 0 : ct_is_integral(d, false) ? 1 : ct_is_floating(d) ? 2 : 3;
        if (c > category)
            r = d, category = c;
    }
    return ctpy_dtype_object(r);
}

/* ---- Threads ---- */

static PyObject *module_get_threads(PyObject *m, PyObject *u) { return PyLong_FromLong(ct_num_threads()); }

static PyObject *module_set_threads(PyObject *m, PyObject *o)
{
    int64_t n;
    int r = ctpy_to_int(o, &n);
    if (r == 0)
        PyErr_Format(PyExc_TypeError, "set_num_threads expects an int, but got %s", Py_TYPE(o)->tp_name);
    if (r == 1 && n <= 0) {
        PyErr_SetString(PyExc_RuntimeError, "set_num_threads expects a positive integer");
        return NULL;
    }
    if (r != 1)
        return NULL;
    ct_set_num_threads((int)n);
    Py_RETURN_NONE;
}

/* ---- Printing ---- */

static PyObject *module_get_print(PyObject *m, PyObject *u)
{
    ct_print_options o = ct_get_print_options();
    PyObject *sci = o.sci_mode < 0 ? Py_NewRef(Py_None) : PyBool_FromLong(o.sci_mode);
    return Py_BuildValue("{sisisisisNsO}", "precision", o.precision, "threshold", o.threshold, "edgeitems", o.edgeitems,
                         "linewidth", o.linewidth, "sci_mode", sci, "legacy", o.legacy ? Py_True : Py_False);
}

static bool module_print_int(PyObject *o, int *out)
{
    if (!o || o == Py_None)
        return true;
    double v = PyFloat_AsDouble(o);
    if (v == -1 && PyErr_Occurred())
        return false;
    *out = v > 2147483647.0 ? 2147483647 : (int)v;
    return true;
}

static PyObject *module_set_print(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"precision", "threshold", "edgeitems", "linewidth", "profile", "sci_mode", "legacy"};
    PyObject *a[7];
    ct_print_options o = ct_get_print_options();
    if (!ctpy_simple_args("set_printoptions", args, nargs, kw, 7, names, 6, 0, a))
        return NULL;
    if (a[4] && a[4] != Py_None) {
        const char *p = PyUnicode_Check(a[4]) ? PyUnicode_AsUTF8(a[4]) : NULL;
        if (p && !strcmp(p, "default"))
            o.precision = 4, o.threshold = 1000, o.edgeitems = 3, o.linewidth = 80, o.legacy = false;
        else if (p && !strcmp(p, "short"))
            o.precision = 2, o.threshold = 1000, o.edgeitems = 2, o.linewidth = 80;
        else if (p && !strcmp(p, "full"))
            o.precision = 4, o.threshold = 2147483647, o.edgeitems = 3, o.linewidth = 80;
        else if (p && !strcmp(p, "legacy"))
            o.legacy = true;
    }
    if (!module_print_int(a[0], &o.precision) || !module_print_int(a[1], &o.threshold) || !module_print_int(a[2], &o.edgeitems) ||
        !module_print_int(a[3], &o.linewidth))
        return NULL;
    o.sci_mode = !a[5] || a[5] == Py_None ? -1 : PyObject_IsTrue(a[5]) == 1;
    if (a[6] && a[6] != Py_None)
        o.legacy = PyObject_IsTrue(a[6]) == 1;
    ct_set_print_options(o);
    Py_RETURN_NONE;
}

static PyObject *module_legacy_print(PyObject *m, PyObject *o)
{
    ct_print_options p = ct_get_print_options();
    p.legacy = PyObject_IsTrue(o) == 1;
    ct_set_print_options(p);
    Py_RETURN_NONE;
}

/* ---- Questions about tensors, as functions ---- */

static PyObject *module_is_tensor(PyObject *m, PyObject *o) { return PyBool_FromLong(ctpy_is_tensor(o)); }

static PyObject *module_ask(const char *name, PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"input"};
    PyObject *a[1];
    if (!ctpy_simple_args(name, args, nargs, kw, 1, names, 1, 1, a))
        return NULL;
    if (!ctpy_is_tensor(a[0])) {
        PyErr_Format(PyExc_TypeError, "%s(): argument 'input' (position 1) must be Tensor, not %s", name, Py_TYPE(a[0])->tp_name);
        return NULL;
    }
    return PyObject_CallMethod(a[0], name, NULL);
}

#define MODULE_ASK(name) \
    static PyObject *module_##name(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) \
    { return module_ask(#name, m, args, nargs, kw); }
MODULE_ASK(is_floating_point)
MODULE_ASK(is_complex)
MODULE_ASK(is_signed)
MODULE_ASK(numel)
MODULE_ASK(detach)
MODULE_ASK(detach_)
MODULE_ASK(conj)
MODULE_ASK(resolve_conj)
MODULE_ASK(is_conj)
MODULE_ASK(is_inference)

static PyObject *module_is_same_size(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "is_same_size() takes 2 arguments");
        return NULL;
    }
    return PyObject_CallMethod(args[0], "is_same_size", "O", args[1]);
}

static PyMethodDef module_functions[] = {
    {"get_default_dtype", module_get_default_dtype, METH_NOARGS, NULL},
    {"set_default_dtype", module_set_default_dtype, METH_O, NULL},
    {"promote_types", CTPY_FAST(module_promote_types), METH_FASTCALL, NULL},
    {"can_cast", CTPY_FAST(module_can_cast), METH_FASTCALL, NULL},
    {"result_type", CTPY_FAST(module_result_type), METH_FASTCALL, NULL},
    {"get_num_threads", module_get_threads, METH_NOARGS, NULL},
    {"set_num_threads", module_set_threads, METH_O, NULL},
    {"get_num_interop_threads", module_get_threads, METH_NOARGS, NULL},
    {"_get_printoptions", module_get_print, METH_NOARGS, NULL},
    {"_set_printoptions", CTPY_FAST(module_set_print), CTPY_KW, NULL},
    {"set_printoptions", CTPY_FAST(module_set_print), CTPY_KW,
     "set_printoptions(precision, threshold, edgeitems, linewidth, profile, sci_mode): how tensors print."},
    {"_set_legacy_print", module_legacy_print, METH_O, NULL},
    {"is_tensor", module_is_tensor, METH_O, NULL},
    {"is_floating_point", CTPY_FAST(module_is_floating_point), CTPY_KW, NULL},
    {"is_complex", CTPY_FAST(module_is_complex), CTPY_KW, NULL},
    {"is_signed", CTPY_FAST(module_is_signed), CTPY_KW, NULL},
    {"numel", CTPY_FAST(module_numel), CTPY_KW, NULL},
    {"detach", CTPY_FAST(module_detach), CTPY_KW, NULL},
    {"detach_", CTPY_FAST(module_detach_), CTPY_KW, NULL},
    {"conj", CTPY_FAST(module_conj), CTPY_KW, NULL},
    {"resolve_conj", CTPY_FAST(module_resolve_conj), CTPY_KW, NULL},
    {"is_conj", CTPY_FAST(module_is_conj), CTPY_KW, NULL},
    {"is_inference", CTPY_FAST(module_is_inference), CTPY_KW, NULL},
    {"is_same_size", CTPY_FAST(module_is_same_size), METH_FASTCALL, NULL},
    {0},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "ctorch._C", "ctorch's core: tensors, ops, autograd, as C functions.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__C(void)
{
    PyObject *m = PyModule_Create(&module_definition);
    if (!m)
        return NULL;
    bool good = PyModule_AddStringConstant(m, "__version__", CT_VERSION) == 0 && ctpy_errors_ready(m) && ctpy_dtype_ready(m) &&
                ctpy_device_ready(m) && ctpy_tensor_type_ready(m) && ctpy_generator_ready(m) && ctpy_function_ready(m) &&
                PyModule_AddFunctions(m, module_functions) == 0 && PyModule_AddFunctions(m, ctpy_autograd_functions) == 0 &&
                PyModule_AddFunctions(m, ctpy_data_functions) == 0 && PyModule_AddFunctions(m, ctpy_numpy_functions) == 0 &&
                PyModule_AddFunctions(m, ctpy_dlpack_functions) == 0 && ctpy_checkpoint_ready(m) && ctpy_loader_ready(m) &&
                ctpy_image_ready(m) && ctpy_optim_ready(m) && ctpy_nn_module_ready(m) && ctpy_ops_ready(m) && ctpy_operators_ready();
    if (good)
        return m;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ImportError, "ctorch._C could not be set up");
    Py_DECREF(m);
    return NULL;
}
