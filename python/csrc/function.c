/* Graph nodes as Python objects, and what custom functions are made of: a node with a Python backward, saved tensors. */
#include "binding.h"

/* ---- Nodes ---- */

typedef struct PyNode { PyObject_HEAD ct_node *n; PyObject *metadata; } PyNode;
static PyTypeObject *node_Base;
static PyObject *node_types; /* name -> type */

static PyTypeObject *node_type(const char *name)
{
    PyObject *known = PyDict_GetItemString(node_types, name);
    if (known)
        return (PyTypeObject *)known;
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(O){s()ss}", name, node_Base, "__slots__", "__module__",
                                           "torch.autograd");
    if (type && PyDict_SetItemString(node_types, name, type) < 0)
        Py_CLEAR(type);
    Py_XDECREF(type); /* the dict holds it */
    return (PyTypeObject *)type;
}

PyObject *ctpy_node_object(ct_node *n)
{
    if (!n) {
        if (!ct_ok())
            return ctpy_raise();
        Py_RETURN_NONE;
    }
    PyObject *known = ct_node_user(n);
    if (known)
        return Py_NewRef(known);
    PyTypeObject *type = node_type(ct_node_name(n));
    PyNode *o = type ? (PyNode *)type->tp_alloc(type, 0) : NULL;
    if (!o)
        return NULL;
    o->n = ct_retain(n);
    ct_node_set_user(n, o);
    return (PyObject *)o;
}

static void node_dealloc(PyObject *o)
{
    PyNode *self = (PyNode *)o;
    PyTypeObject *type = Py_TYPE(o);
    if (PyType_IS_GC(type))
        PyObject_GC_UnTrack(o);
    if (self->n) {
        ct_node_set_user(self->n, NULL);
        ct_release(self->n);
    }
    Py_XDECREF(self->metadata);
    type->tp_free(o);
    Py_DECREF(type);
}

/* 0.1.12 had classes of their own for an operand that is a number. */
static bool node_with_number(ct_node *n, const char *legacy)
{
    static const char *const names[] = {"basic_ops.Add", "basic_ops.Sub", "basic_ops.Mul", "basic_ops.Div"};
    int64_t nr;
    const char *dot = strstr(legacy, "basic_ops.");
    for (int i = 0; dot && i < 4; i++)
        if (!strcmp(dot, names[i]))
            return ct_node_num_inputs(n) < 2 || !ct_node_next(n, 1, &nr);
    return false;
}

static PyObject *node_repr(PyObject *o)
{
    const char *name = ct_node_name(((PyNode *)o)->n), *legacy = NULL;
    if (ct_get_print_options().legacy)
        legacy = ct_node_legacy_name(((PyNode *)o)->n);
    if (legacy && node_with_number(((PyNode *)o)->n, legacy))
        return PyUnicode_FromFormat("<%sConstant object at %p>", legacy, (void *)o);
    return PyUnicode_FromFormat("<%s object at %p>", legacy ? legacy : name, (void *)o);
}

/* Two kinds of nodes say their namespace here and nowhere else. */
static PyObject *node_name(PyObject *o, PyObject *u)
{
    const char *name = ct_node_name(((PyNode *)o)->n);
    return PyUnicode_FromFormat("%s%s", strcmp(name, "AccumulateGrad") && strcmp(name, "CopySlices") ? "" : "torch::autograd::", name);
}

static PyObject *node_edge(ct_node *n, int64_t i)
{
    int64_t nr = 0;
    ct_node *next = ct_node_next(n, i, &nr);
    PyObject *o = ctpy_node_object(next);
    return o ? Py_BuildValue("(NL)", o, (long long)(next ? nr : 0)) : NULL;
}

static PyObject *node_next_functions(PyObject *o, void *u)
{
    ct_node *n = ((PyNode *)o)->n;
    int64_t count = ct_node_num_inputs(n);
    PyObject *t = PyTuple_New(count);
    for (int64_t i = 0; t && i < count; i++) {
        PyObject *edge = node_edge(n, i);
        if (!edge)
            Py_CLEAR(t);
        else
            PyTuple_SET_ITEM(t, i, edge);
    }
    return t;
}

/* As PyTorch 0.1.12 listed them: the operands in call order, leaves as the variables themselves. */
static PyObject *node_previous_functions(PyObject *o, void *u)
{
    ct_node *n = ((PyNode *)o)->n;
    int64_t count = ct_node_num_inputs(n);
    int64_t last_nr;
    ct_node *last = count == 3 && !strcmp(ct_node_name(n), "AddmmBackward0") ? ct_node_next(n, 2, &last_nr) : NULL;
    bool linear = last && !strcmp(ct_node_name(last), "TBackward0"); /* addmm(bias, input, weight.t()) */
    static const int order[] = {1, 2, 0};
    PyObject *t = PyTuple_New(count);
    for (int64_t i = 0; t && i < count; i++) {
        int64_t nr = 0;
        ct_node *next = ct_node_next(n, linear ? order[i] : i, &nr);
        if (linear && next && !strcmp(ct_node_name(next), "TBackward0"))
            next = ct_node_next(next, 0, &nr);
        while (next && !strcmp(ct_node_name(next), "ExpandBackward0")) /* broadcasting was no operation then */
            next = ct_node_next(next, 0, &nr);
        ct_tensor *leaf = next ? ct_node_variable(next) : NULL;
        PyObject *item = leaf ? ctpy_wrap(leaf) : ctpy_node_object(next);
        PyObject *pair = item ? Py_BuildValue("(NL)", item, (long long)nr) : NULL;
        if (!pair)
            Py_CLEAR(t);
        else
            PyTuple_SET_ITEM(t, i, pair);
    }
    return t;
}

static PyObject *node_variable(PyObject *o, void *u)
{
    ct_tensor *t = ct_node_variable(((PyNode *)o)->n);
    if (!t) {
        PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'", ct_node_name(((PyNode *)o)->n));
        return NULL;
    }
    return ctpy_wrap(t);
}

static PyObject *node_metadata(PyObject *o, void *u)
{
    PyNode *self = (PyNode *)o;
    if (!self->metadata)
        self->metadata = PyDict_New();
    return Py_XNewRef(self->metadata);
}

static PyObject *node_requires_grad(PyObject *o, void *u) { Py_RETURN_TRUE; }

static PyMethodDef node_methods[] = {{"name", node_name, METH_NOARGS, NULL}, {0}};
static PyGetSetDef node_getset[] = {
    {"next_functions", node_next_functions, NULL, "((node, output number), ...): where gradients go next.", NULL},
    {"previous_functions", node_previous_functions, NULL, "The operands in call order, as in PyTorch 0.1.12.", NULL},
    {"variable", node_variable, NULL, NULL, NULL},
    {"metadata", node_metadata, NULL, NULL, NULL},
    {"requires_grad", node_requires_grad, NULL, NULL, NULL},
    {0}};

/* ---- A node whose backward is Python ---- */

/* What a node holds: the callable, and a handle that knows the node while it lives. The callable's ctx keeps the handle, not
 * the node, or node and ctx would keep each other alive where no collector sees it. */
typedef struct PyHandle { PyObject_HEAD ct_node *n; /* borrowed; NULL when the node is gone */ } PyHandle;
typedef struct function_data { PyObject *backward; PyHandle *handle; } function_data;
static PyTypeObject *function_HandleType;

static PyObject *handle_node(PyObject *o, void *u) { return ctpy_node_object(((PyHandle *)o)->n); }

static PyObject *handle_attr(PyObject *o, PyObject *name)
{
    PyObject *own = PyObject_GenericGetAttr(o, name);
    if (own || !((PyHandle *)o)->n || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return own;
    PyErr_Clear();
    PyObject *node = ctpy_node_object(((PyHandle *)o)->n), *r = node ? PyObject_GetAttr(node, name) : NULL;
    Py_XDECREF(node);
    return r;
}

static PyGetSetDef handle_getset[] = {{"node", handle_node, NULL, "The graph's node, or None when it is gone.", NULL}, {0}};

static void function_free(void *data)
{
    function_data *d = data;
    if (Py_IsInitialized()) {
        PyGILState_STATE gil = PyGILState_Ensure();
        d->handle->n = NULL;
        Py_DECREF(d->handle);
        Py_DECREF(d->backward);
        PyGILState_Release(gil);
    }
    free(d);
}

static bool function_backward(void *data, int64_t n_outputs, ct_tensor *const *grads, int64_t n_inputs, ct_tensor **results)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *r = NULL, *args = PyTuple_New(n_outputs), *backward = Py_NewRef(((function_data *)data)->backward);
    for (int64_t i = 0; args && i < n_outputs; i++) {
        PyObject *g = grads[i] ? ctpy_wrap(grads[i]) : Py_NewRef(Py_None);
        if (!g) {
            Py_CLEAR(args);
            break;
        }
        PyTuple_SET_ITEM(args, i, g);
    }
    if (args)
        r = PyObject_Call(backward, args, NULL);
    Py_XDECREF(args);
    if (r && !PyTuple_Check(r) && !PyList_Check(r))
        Py_SETREF(r, PyTuple_Pack(1, r));
    bool good = r != NULL;
    if (good && PySequence_Fast_GET_SIZE(r) < n_inputs) {
        PyErr_Format(PyExc_RuntimeError, "a custom function returned an incorrect number of gradients (expected %lld, got %zd)",
                     (long long)n_inputs, PySequence_Fast_GET_SIZE(r));
        good = false;
    }
    for (int64_t i = 0; good && i < n_inputs; i++) {
        PyObject *g = PySequence_Fast_GET_ITEM(r, i);
        if (ctpy_is_tensor(g)) {
            results[i] = ct_adopt(ct_retain(CTPY_TENSOR(g)));
        } else if (g != Py_None) {
            PyErr_Format(PyExc_TypeError, "expected Variable or None (got %s)", Py_TYPE(g)->tp_name);
            good = false;
        }
    }
    Py_XDECREF(r);
    Py_DECREF(backward);
    if (!good)
        ctpy_stash_exception();
    PyGILState_Release(gil);
    return good;
}

static bool function_list(PyObject *o, ct_tensor **v, int64_t *n, const char *what)
{
    if (!PyTuple_Check(o) && !PyList_Check(o)) {
        PyErr_Format(PyExc_TypeError, "_function_attach(): %s must be a tuple", what);
        return false;
    }
    *n = PySequence_Fast_GET_SIZE(o);
    if (*n > 1024) {
        PyErr_Format(PyExc_RuntimeError, "_function_attach(): too many %s", what);
        return false;
    }
    for (int64_t i = 0; i < *n; i++) {
        PyObject *e = PySequence_Fast_GET_ITEM(o, i);
        v[i] = ctpy_is_tensor(e) ? CTPY_TENSOR(e) : NULL;
    }
    return true;
}

/* _function_attach(name, inputs, outputs, backward, legacy_name=None): see ctorch/_backend.py. Gives a handle of the node. */
static PyObject *function_attach(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"name", "inputs", "outputs", "backward", "legacy_name"};
    PyObject *a[5];
    ct_tensor *inputs[1024], *outputs[1024];
    int64_t nin, nout;
    if (!ctpy_simple_args("_function_attach", args, nargs, kw, 5, names, 5, 4, a) ||
        !function_list(a[1], inputs, &nin, "inputs") || !function_list(a[2], outputs, &nout, "outputs"))
        return NULL;
    const char *name = PyUnicode_AsUTF8(a[0]);
    if (!name)
        return NULL;
    function_data *d = malloc(sizeof *d);
    PyHandle *handle = d ? PyObject_New(PyHandle, function_HandleType) : NULL;
    if (!handle) {
        free(d);
        return PyErr_NoMemory();
    }
    handle->n = NULL;
    *d = (function_data){Py_NewRef(a[3]), handle};
    ct_function f = {.name = name, .backward = function_backward, .data = d, .free_data = function_free};
    ct_scope scope = ct_scope_begin();
    ct_node *n = ct_function_attach(&f, (ct_tensors){nin, inputs}, (ct_tensors){nout, outputs});
    PyObject *r = NULL;
    if (n) {
        handle->n = n;
        r = Py_NewRef(handle);
    } else {
        function_free(d);
        r = ctpy_none_or_error(NULL);
    }
    ct_scope_end(&scope);
    return r;
}

/* ---- Saved tensors ---- */

typedef struct PySaved { PyObject_HEAD ct_saved *s; } PySaved;

static PyObject *saved_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"tensor", "is_output", NULL};
    PyObject *t;
    int is_output = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:_SavedTensor", names, &t, &is_output))
        return NULL;
    if (!ctpy_is_tensor(t) && t != Py_None) {
        PyErr_Format(PyExc_TypeError, "save_for_backward can only save variables, but argument is of type %s", Py_TYPE(t)->tp_name);
        return NULL;
    }
    PySaved *o = (PySaved *)type->tp_alloc(type, 0);
    if (o && t != Py_None && !(o->s = ct_saved_new(CTPY_TENSOR(t), is_output))) {
        Py_DECREF(o);
        return ctpy_raise();
    }
    return (PyObject *)o;
}

static void saved_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    if (((PySaved *)o)->s)
        ct_saved_free(((PySaved *)o)->s);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyObject *saved_unpack(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    PySaved *self = (PySaved *)o;
    if (!self->s)
        Py_RETURN_NONE;
    ct_node *owner = nargs && PyObject_TypeCheck(args[0], node_Base) ? ((PyNode *)args[0])->n
                     : nargs && Py_TYPE(args[0]) == function_HandleType ? ((PyHandle *)args[0])->n : NULL;
    ct_scope scope = ct_scope_begin();
    return ctpy_finish(&scope, ct_saved_unpack(self->s, owner));
}

static PyMethodDef saved_methods[] = {{"unpack", CTPY_FAST(saved_unpack), METH_FASTCALL,
                                       "unpack(node): the tensor; an error if it was changed in place since."}, {0}};

bool ctpy_function_ready(PyObject *module)
{
    static PyMethodDef functions[] = {{"_function_attach", CTPY_FAST(function_attach), CTPY_KW, NULL}, {0}};
    PyType_Slot slots[] = {{Py_tp_dealloc, node_dealloc}, {Py_tp_repr, node_repr}, {Py_tp_methods, node_methods},
                           {Py_tp_getset, node_getset}, {Py_tp_doc, "A node of the graph that backward() walks."}, {0}};
    PyType_Spec spec = {"ctorch.autograd.Node", sizeof(PyNode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    PyType_Slot saved_slots[] = {{Py_tp_new, saved_new}, {Py_tp_dealloc, saved_dealloc}, {Py_tp_methods, saved_methods}, {0}};
    PyType_Spec saved_spec = {"ctorch._C._SavedTensor", sizeof(PySaved), 0, Py_TPFLAGS_DEFAULT, saved_slots};
    PyType_Slot handle_slots[] = {{Py_tp_getattro, handle_attr}, {Py_tp_getset, handle_getset}, {0}};
    PyType_Spec handle_spec = {"ctorch._C._NodeHandle", sizeof(PyHandle), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, handle_slots};
    function_HandleType = (PyTypeObject *)PyType_FromSpec(&handle_spec);
    node_types = PyDict_New();
    node_Base = (PyTypeObject *)PyType_FromSpec(&spec);
    PyObject *saved = PyType_FromSpec(&saved_spec);
    return node_types && node_Base && saved && function_HandleType && PyModule_AddFunctions(module, functions) == 0 &&
           PyModule_AddObjectRef(module, "_Node", (PyObject *)node_Base) == 0 &&
           PyModule_AddObjectRef(module, "_SavedTensor", saved) == 0;
}
