/* ctorch._C._ModuleBase, the base of nn.Module: the attribute lookup and the call that every forward pass pays for. What is
 * found nowhere else is looked for in the instance's _parameters, _buffers and _modules; a call without hooks goes straight to
 * forward, any other to _call_with_hooks(args, kwargs). */
#include "binding.h"

bool ctpy_nn_module_ready(PyObject *module);
extern PyObject *_PyObject_GenericGetAttrWithDict(PyObject *, PyObject *, PyObject *, int);

static PyObject *nnmodule_tables[3], *nnmodule_hooked, *nnmodule_forward, *nnmodule_slow_call;
static bool nnmodule_global_hooks;

static PyObject *nnmodule_getattro(PyObject *self, PyObject *name)
{
    PyObject *found = _PyObject_GenericGetAttrWithDict(self, name, NULL, 1);
    if (found || PyErr_Occurred())
        return found;
    PyObject **place = _PyObject_GetDictPtr(self), *dict = place ? *place : NULL;
    for (int i = 0; dict && i < 3; i++) {
        PyObject *table = PyDict_GetItemWithError(dict, nnmodule_tables[i]);
        if (table && PyDict_Check(table) && (found = PyDict_GetItemWithError(table, name)))
            return Py_NewRef(found);
        if (PyErr_Occurred())
            return NULL;
    }
    const char *type = Py_TYPE(self)->tp_name, *dot = strrchr(type, '.');
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'", dot ? dot + 1 : type, name);
    return NULL;
}

static PyObject *nnmodule_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject **place = _PyObject_GetDictPtr(self), *dict = place ? *place : NULL;
    if (nnmodule_global_hooks || (dict && PyDict_GetItemWithError(dict, nnmodule_hooked))) {
        PyObject *named = kwargs ? Py_NewRef(kwargs) : PyDict_New();
        PyObject *r = named ? PyObject_CallMethodObjArgs(self, nnmodule_slow_call, args, named, NULL) : NULL;
        Py_XDECREF(named);
        return r;
    }
    PyObject *forward = _PyType_Lookup(Py_TYPE(self), nnmodule_forward);
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    bool plain = forward && PyFunction_Check(forward) && n < 8 && (!kwargs || !PyDict_GET_SIZE(kwargs)) &&
                 !(dict && PyDict_GetItemWithError(dict, nnmodule_forward));
    if (plain) {
        PyObject *stack[8 + 1] = {self};
        memcpy(stack + 1, &PyTuple_GET_ITEM(args, 0), sizeof *stack * (size_t)n);
        Py_INCREF(forward);
        PyObject *r = PyObject_Vectorcall(forward, stack, (size_t)n + 1, NULL);
        Py_DECREF(forward);
        return r;
    }
    if (!(forward = PyObject_GetAttr(self, nnmodule_forward)))
        return NULL;
    PyObject *r = PyObject_Call(forward, args, kwargs);
    Py_DECREF(forward);
    return r;
}

static PyObject *nnmodule_set_hooks(PyObject *m, PyObject *on)
{
    nnmodule_global_hooks = PyObject_IsTrue(on) == 1;
    Py_RETURN_NONE;
}

bool ctpy_nn_module_ready(PyObject *module)
{
    static const char *const tables[] = {"_parameters", "_buffers", "_modules"};
    static PyMethodDef functions[] = {{"_set_global_module_hooks", nnmodule_set_hooks, METH_O, NULL}, {0}};
    PyType_Slot slots[] = {{Py_tp_getattro, nnmodule_getattro}, {Py_tp_call, nnmodule_call}, {0}};
    PyType_Spec spec = {"ctorch._C._ModuleBase", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    for (int i = 0; i < 3; i++)
        if (!(nnmodule_tables[i] = PyUnicode_InternFromString(tables[i])))
            return false;
    nnmodule_hooked = PyUnicode_InternFromString("_hooked");
    nnmodule_forward = PyUnicode_InternFromString("forward");
    nnmodule_slow_call = PyUnicode_InternFromString("_call_with_hooks");
    PyObject *type = PyType_FromSpec(&spec);
    bool good = nnmodule_hooked && nnmodule_forward && nnmodule_slow_call && type &&
                PyModule_AddObjectRef(module, "_ModuleBase", type) == 0 && PyModule_AddFunctions(module, functions) == 0;
    Py_XDECREF(type);
    return good;
}
