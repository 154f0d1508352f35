/* C errors become Python exceptions, Python exceptions in callbacks become C errors, C warnings become Python's. */
#include "binding.h"

static PyObject *errors_linalg, *errors_unpickling;
static _Thread_local PyObject *errors_stash[3];

static PyObject *errors_class(ct_error_kind kind, const char *message)
{
    switch (kind) {
    case CT_ERR_VALUE: return PyExc_ValueError;
    case CT_ERR_TYPE: return PyExc_TypeError;
    case CT_ERR_INDEX: return PyExc_IndexError;
    case CT_ERR_NOT_IMPLEMENTED: return PyExc_NotImplementedError;
    case CT_ERR_MEMORY: return PyExc_MemoryError;
    case CT_ERR_IO:
        return strstr(message, "No such file")        ? PyExc_FileNotFoundError
               : strstr(message, "Is a directory")    ? PyExc_IsADirectoryError
               : strstr(message, "Permission denied") ? PyExc_PermissionError
                                                      : PyExc_OSError;
    case CT_ERR_UNPICKLING:
        if (!errors_unpickling) {
            PyObject *m = PyImport_ImportModule("pickle");
            errors_unpickling = m ? PyObject_GetAttrString(m, "UnpicklingError") : NULL;
            Py_XDECREF(m);
            PyErr_Clear();
        }
        return errors_unpickling ? errors_unpickling : PyExc_RuntimeError;
    case CT_ERR_ASSERTION: return PyExc_AssertionError;
    case CT_ERR_KEY: return PyExc_KeyError;
    case CT_ERR_LINALG: return errors_linalg;
    default: break;
    }
    return PyExc_RuntimeError;
}

PyObject *ctpy_raise(void)
{
    if (errors_stash[0]) {
        PyObject *type = errors_stash[0], *value = errors_stash[1], *trace = errors_stash[2];
        memset(errors_stash, 0, sizeof errors_stash);
        ct_error_clear();
        PyErr_Restore(type, value, trace);
        return NULL;
    }
    if (ct_ok()) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_SystemError, "a ctorch function failed without saying why");
        return NULL;
    }
    if (!PyErr_Occurred()) {
        const char *message = ct_error_message();
        PyErr_SetString(errors_class(ct_error(), message), message);
    }
    ct_error_clear();
    return NULL;
}

void ctpy_stash_exception(void)
{
    if (!errors_stash[0])
        PyErr_Fetch(&errors_stash[0], &errors_stash[1], &errors_stash[2]);
    else
        PyErr_Clear();
    ct_fail(CT_ERR_RUNTIME, "an exception in a Python callback");
}

static void errors_warning(const char *message)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    if (PyErr_WarnEx(PyExc_UserWarning, message, 1) < 0)
        ctpy_stash_exception();
    PyGILState_Release(gil);
}

PyObject *ctpy_package_attr(const char *module, const char *name)
{
    PyObject *m = PyImport_ImportModule(module);
    if (!m)
        return NULL;
    PyObject *o = PyObject_GetAttrString(m, name);
    Py_DECREF(m);
    return o;
}

bool ctpy_simple_args(const char *fname, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, int n,
                      const char *const *names, int npositional, int required, PyObject **out)
{
    for (int i = 0; i < n; i++)
        out[i] = NULL;
    if (nargs > npositional) {
        PyErr_Format(PyExc_TypeError, "%s() takes %s%d positional argument%s but %zd %s given", fname,
                     required < npositional ? "at most " : "", npositional, npositional == 1 ? "" : "s", nargs,
                     nargs == 1 ? "was" : "were");
        return false;
    }
    for (Py_ssize_t i = 0; i < nargs; i++)
        out[i] = args[i];
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); k++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, k);
        int i = 0;
        while (i < n && PyUnicode_CompareWithASCIIString(key, names[i]) != 0)
            i++;
        if (i == n) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", fname, key);
            return false;
        }
        if (out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", fname, key);
            return false;
        }
        out[i] = args[nargs + k];
    }
    for (int i = 0; i < required; i++)
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional arguments: \"%s\"", fname, names[i]);
            return false;
        }
    return true;
}

bool ctpy_errors_ready(PyObject *module)
{
    errors_linalg = PyErr_NewExceptionWithDoc("torch._C._LinAlgError", "Error raised by torch.linalg functions when the "
                                              "cause is a numerical inconsistency in the data.", PyExc_RuntimeError, NULL);
    if (!errors_linalg || PyModule_AddObjectRef(module, "_LinAlgError", errors_linalg) < 0)
        return false;
    ct_set_warning_handler(errors_warning);
    return true;
}
