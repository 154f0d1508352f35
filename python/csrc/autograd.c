/* Tensor's side of automatic differentiation: grad, grad_fn, requires_grad, hooks, backward(), grad mode. */
#include "binding.h"

/* ---- Properties ---- */

static PyObject *grad_get(PyObject *o, void *u)
{
    ct_tensor *t = CTPY_TENSOR(o), *g = ct_grad(t);
    if (!g && ct_requires_grad(t) && !ct_is_leaf(t) && !ct_retains_grad(t) &&
        PyErr_WarnEx(PyExc_UserWarning, "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
                     "attribute won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                     "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, "
                     "make sure you access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more informations.",
                     1) < 0)
        return NULL;
    if (!g)
        Py_RETURN_NONE;
    ct_print_as_variable(g);
    return ctpy_wrap(g);
}

static int grad_fail(void)
{
    ctpy_raise();
    return -1;
}

static int grad_set(PyObject *o, PyObject *value, void *u)
{
    if (value && value != Py_None && !ctpy_is_tensor(value)) {
        PyErr_Format(PyExc_TypeError, "assigned grad expected to be a Tensor or None but got grad of type %s", Py_TYPE(value)->tp_name);
        return -1;
    }
    if (value == o) {
        PyErr_SetString(PyExc_RuntimeError, "can't assign Variable as its own grad");
        return -1;
    }
    return ct_set_grad(CTPY_TENSOR(o), value && value != Py_None ? CTPY_TENSOR(value) : NULL) ? 0 : grad_fail();
}

static PyObject *grad_requires(PyObject *o, void *u) { return PyBool_FromLong(ct_requires_grad(CTPY_TENSOR(o))); }

static int grad_set_requires(PyObject *o, PyObject *value, void *u)
{
    if (!value || !PyBool_Check(value)) {
        PyErr_SetString(PyExc_RuntimeError, "requires_grad must be a bool");
        return -1;
    }
    return ct_set_requires_grad(CTPY_TENSOR(o), value == Py_True) ? 0 : grad_fail();
}

static PyObject *grad_is_leaf(PyObject *o, void *u) { return PyBool_FromLong(ct_is_leaf(CTPY_TENSOR(o))); }
static PyObject *grad_retains(PyObject *o, void *u) { return PyBool_FromLong(ct_retains_grad(CTPY_TENSOR(o))); }
static PyObject *grad_fn(PyObject *o, void *u) { return ctpy_node_object(ct_grad_fn(CTPY_TENSOR(o))); }
static PyObject *grad_output_nr(PyObject *o, void *u) { return PyLong_FromLongLong(ct_output_nr(CTPY_TENSOR(o))); }
static PyObject *grad_base(PyObject *o, void *u)
{
    ct_tensor *b = ct_base_of(CTPY_TENSOR(o));
    if (!b)
        Py_RETURN_NONE;
    return ctpy_wrap(b);
}

static PyObject *grad_data(PyObject *o, void *u)
{
    ct_scope scope = ct_scope_begin();
    return ctpy_finish(&scope, ct_data_tensor(CTPY_TENSOR(o)));
}

static int grad_set_data(PyObject *o, PyObject *value, void *u)
{
    if (!value || !ctpy_is_tensor(value)) {
        PyErr_Format(PyExc_TypeError, "Variable data has to be a tensor, but got %s", value ? Py_TYPE(value)->tp_name : "nothing");
        return -1;
    }
    return ct_set_data(CTPY_TENSOR(o), CTPY_TENSOR(value)) ? 0 : grad_fail();
}

static PyObject *grad_hooks(PyObject *o, void *u)
{
    PyObject *h = ((PyTensor *)o)->hooks;
    return Py_NewRef(h ? h : Py_None);
}

static int grad_set_hooks(PyObject *o, PyObject *value, void *u);

PyGetSetDef ctpy_autograd_getset[] = {
    {"grad", grad_get, grad_set, "The accumulated gradient, or None.", NULL},
    {"_grad", grad_get, grad_set, NULL, NULL},
    {"requires_grad", grad_requires, grad_set_requires, NULL, NULL},
    {"is_leaf", grad_is_leaf, NULL, NULL, NULL},
    {"retains_grad", grad_retains, NULL, NULL, NULL},
    {"grad_fn", grad_fn, NULL, "The node that made this tensor, or None for a leaf.", NULL},
    {"_grad_fn", grad_fn, NULL, NULL, NULL},
    {"creator", grad_fn, NULL, "grad_fn, as PyTorch 0.1.12 called it.", NULL},
    {"output_nr", grad_output_nr, NULL, NULL, NULL},
    {"_base", grad_base, NULL, NULL, NULL},
    {"data", grad_data, grad_set_data, "The same memory outside of the graph.", NULL},
    {"_backward_hooks", grad_hooks, grad_set_hooks, NULL, NULL},
    {0},
};

/* ---- Hooks: kept in a dict of the Python object, called from one C hook ---- */

/* Calls every hook on the gradient; a returned tensor replaces it. */
static ct_tensor *hooks_run(ct_tensor *grad, void *data)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    ct_tensor *result = NULL;
    PyObject *list = PyDict_Values(data);
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
        PyObject *g = ctpy_wrap(result ? result : grad);
        PyObject *r = g ? PyObject_CallOneArg(PyList_GET_ITEM(list, i), g) : NULL;
        Py_XDECREF(g);
        if (r && r != Py_None) {
            if (ctpy_is_tensor(r)) {
                result = ct_adopt(ct_retain(CTPY_TENSOR(r)));
            } else {
                PyErr_Format(PyExc_TypeError, "expected Variable, but hook returned '%s'", Py_TYPE(r)->tp_name);
                Py_CLEAR(r);
            }
        }
        if (!r) {
            ctpy_stash_exception();
            result = NULL;
            break;
        }
        Py_DECREF(r);
    }
    Py_XDECREF(list);
    PyGILState_Release(gil);
    return result;
}

/* After a leaf's gradient was accumulated: the hooks get the leaf. */
static ct_tensor *hooks_run_accumulate(ct_tensor *leaf, void *data)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *list = PyDict_Values(data);
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
        PyObject *t = ctpy_wrap(leaf);
        PyObject *r = t ? PyObject_CallOneArg(PyList_GET_ITEM(list, i), t) : NULL;
        Py_XDECREF(t);
        if (!r) {
            ctpy_stash_exception();
            break;
        }
        Py_DECREF(r);
    }
    Py_XDECREF(list);
    PyGILState_Release(gil);
    return NULL;
}

static void hooks_free(void *data)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_DECREF((PyObject *)data);
    PyGILState_Release(gil);
}

/* The dict is held twice: by the object, for the collector to see, and by the C hook, which may outlive the tensor. */
static PyObject *hooks_add(PyTensor *self, PyObject **slot, PyObject *hook, bool accumulate)
{
    if (!*slot) {
        PyObject *hooks = PyDict_New();
        if (!hooks)
            return NULL;
        Py_INCREF(hooks);
        int64_t id = accumulate ? ct_register_post_accumulate_grad_hook(self->t, hooks_run_accumulate, hooks, hooks_free)
                                : ct_register_hook(self->t, hooks_run, hooks, hooks_free);
        if (!id) {
            Py_DECREF(hooks);
            Py_DECREF(hooks);
            return ctpy_raise();
        }
        *slot = hooks;
        ctpy_track(self);
    }
    PyObject *type = ctpy_package_attr("ctorch.utils.hooks", "RemovableHandle");
    PyObject *handle = type ? PyObject_CallOneArg(type, *slot) : NULL;
    PyObject *id = handle ? PyObject_GetAttrString(handle, "id") : NULL;
    if (!id || PyObject_SetItem(*slot, id, hook) < 0)
        Py_CLEAR(handle);
    Py_XDECREF(type);
    Py_XDECREF(id);
    return handle;
}

static PyObject *hooks_register(PyObject *o, PyObject *hook)
{
    if (!ct_requires_grad(CTPY_TENSOR(o))) {
        PyErr_SetString(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
        return NULL;
    }
    return hooks_add((PyTensor *)o, &((PyTensor *)o)->hooks, hook, false);
}

static PyObject *hooks_register_accumulate(PyObject *o, PyObject *hook)
{
    ct_tensor *t = CTPY_TENSOR(o);
    if (!ct_requires_grad(t)) {
        PyErr_SetString(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
        return NULL;
    }
    if (!ct_is_leaf(t)) {
        PyErr_SetString(PyExc_RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf tensors");
        return NULL;
    }
    return hooks_add((PyTensor *)o, &((PyTensor *)o)->accumulate_hooks, hook, true);
}

static int grad_set_hooks(PyObject *o, PyObject *value, void *u)
{
    PyTensor *self = (PyTensor *)o;
    if (!value || value == Py_None) {
        if (self->hooks)
            PyDict_Clear(self->hooks);
        return 0;
    }
    PyObject *key, *hook;
    Py_ssize_t at = 0;
    while (PyDict_Check(value) && PyDict_Next(value, &at, &key, &hook)) {
        PyObject *handle = hooks_register(o, hook);
        if (!handle)
            return -1;
        Py_DECREF(handle);
    }
    return 0;
}

/* ---- Running backwards ---- */

static bool backward_flag(PyObject *o, bool otherwise, bool *out)
{
    int r = !o || o == Py_None ? otherwise : PyObject_IsTrue(o);
    *out = r > 0;
    return r >= 0;
}

/* A sequence of tensors (or one), None allowed if `optional`. The array is freed by the caller. */
static bool backward_list(PyObject *o, bool optional, const char *what, ct_tensor ***out, int64_t *n)
{
    *out = NULL;
    *n = 0;
    if (!o || o == Py_None)
        return true;
    if (ctpy_is_tensor(o)) {
        if (!(*out = PyMem_Malloc(sizeof **out)))
            return PyErr_NoMemory() != NULL;
        (*out)[0] = CTPY_TENSOR(o);
        *n = 1;
        return true;
    }
    PyObject *fast = PySequence_Fast(o, "expected a sequence of tensors");
    if (!fast)
        return false;
    *n = PySequence_Fast_GET_SIZE(fast);
    *out = PyMem_Malloc(sizeof **out * (size_t)(*n + 1));
    bool good = *out != NULL;
    for (int64_t i = 0; good && i < *n; i++) {
        PyObject *e = PySequence_Fast_GET_ITEM(fast, i);
        if (ctpy_is_tensor(e)) {
            (*out)[i] = CTPY_TENSOR(e);
        } else if (optional && e == Py_None) {
            (*out)[i] = NULL;
        } else {
            PyErr_Format(PyExc_TypeError, what, Py_TYPE(e)->tp_name);
            good = false;
        }
    }
    Py_DECREF(fast); /* the caller's sequence keeps the tensors alive */
    if (!good && !*out)
        PyErr_NoMemory();
    return good;
}

static bool backward_run(const ct_backward_call *call, ct_tensor **results)
{
    bool good;
    PyThreadState *save = PyEval_SaveThread();
    good = ct_run_backward(call, results);
    PyEval_RestoreThread(save);
    return good;
}

static PyObject *backward_method(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"gradient", "retain_graph", "create_graph", "inputs", "retain_variables"};
    PyObject *a[5];
    ct_backward_call call = {0};
    if (!ctpy_simple_args("backward", args, nargs, kw, 5, names, 4, 0, a) || !backward_flag(a[2], false, &call.create_graph) ||
        !backward_flag(a[1] && a[1] != Py_None ? a[1] : a[4], call.create_graph, &call.retain_graph))
        return NULL;
    ct_tensor *t = CTPY_TENSOR(o), *g = NULL, **inputs = NULL;
    PyObject *made = NULL;
    if (a[0] && a[0] != Py_None) {
        if (!ctpy_is_tensor(a[0])) {
            PyErr_Format(PyExc_TypeError, "gradients can be either Tensors or None, but got %s", Py_TYPE(a[0])->tp_name);
            return NULL;
        }
        g = CTPY_TENSOR(a[0]);
    }
    int64_t n;
    if (!backward_list(a[3], false, "inputs must be Tensors, but got %s", &inputs, &n)) {
        PyMem_Free(inputs);
        return NULL;
    }
    if (a[3] && a[3] != Py_None && n == 0) {
        PyMem_Free(inputs);
        PyErr_SetString(PyExc_RuntimeError, "'inputs' argument to backward() cannot be empty.");
        return NULL;
    }
    call.outputs = (ct_tensors){1, &t};
    if (g)
        call.gradients = (ct_tensors){1, &g};
    call.inputs = (ct_tensors){n, inputs};
    ct_scope scope = ct_scope_begin();
    bool good = backward_run(&call, NULL);
    ct_scope_end(&scope);
    PyMem_Free(inputs);
    Py_XDECREF(made);
    if (!good)
        return ctpy_raise();
    Py_RETURN_NONE;
}

/* _run_backward(outputs, grads, retain_graph, create_graph, inputs, allow_unused, accumulate): what autograd.backward and
 * autograd.grad call. Gives a tuple of gradients if not `accumulate`. */
static PyObject *backward_function(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"outputs", "grads", "retain_graph", "create_graph", "inputs", "allow_unused", "accumulate"};
    PyObject *a[7], *result = NULL;
    ct_backward_call call = {0};
    bool accumulate;
    if (!ctpy_simple_args("_run_backward", args, nargs, kw, 7, names, 7, 1, a) || !backward_flag(a[3], false, &call.create_graph) ||
        !backward_flag(a[2], call.create_graph, &call.retain_graph) || !backward_flag(a[5], false, &call.allow_unused) ||
        !backward_flag(a[6], false, &accumulate))
        return NULL;
    ct_tensor **outputs = NULL, **grads = NULL, **inputs = NULL, **results = NULL;
    int64_t nout, ngrad, nin;
    bool good = backward_list(a[0], false, "element of tensors must be Tensor, not %s", &outputs, &nout) &&
                backward_list(a[1], true, "gradients can be either Tensors or None, but got %s", &grads, &ngrad) &&
                backward_list(a[4], false, "element of inputs must be Tensor, not %s", &inputs, &nin);
    if (good && ngrad && ngrad != nout) {
        PyErr_Format(PyExc_RuntimeError, "got %lld tensors and %lld gradients", (long long)nout, (long long)ngrad);
        good = false;
    }
    if (good && !accumulate && !(results = PyMem_Calloc((size_t)nin + 1, sizeof *results)))
        good = PyErr_NoMemory() != NULL;
    if (good) {
        call.outputs = (ct_tensors){nout, outputs};
        call.gradients = (ct_tensors){ngrad, grads};
        call.inputs = (ct_tensors){nin, inputs};
        ct_scope scope = ct_scope_begin();
        if (!backward_run(&call, accumulate ? NULL : results)) {
            ctpy_raise();
        } else if (accumulate) {
            result = Py_NewRef(Py_None);
        } else {
            result = PyTuple_New(nin);
            for (int64_t i = 0; result && i < nin; i++)
                PyTuple_SET_ITEM(result, i, results[i] ? ctpy_wrap(results[i]) : Py_NewRef(Py_None));
        }
        ct_scope_end(&scope);
    }
    PyMem_Free(outputs);
    PyMem_Free(grads);
    PyMem_Free(inputs);
    PyMem_Free(results);
    return result;
}

/* ---- Methods ---- */

static PyObject *grad_requires_(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"requires_grad"};
    PyObject *a[1];
    bool value;
    if (!ctpy_simple_args("requires_grad_", args, nargs, kw, 1, names, 1, 0, a) || !backward_flag(a[0], true, &value))
        return NULL;
    return ct_set_requires_grad(CTPY_TENSOR(o), value) ? Py_NewRef(o) : ctpy_raise();
}

static PyObject *grad_retain(PyObject *o, PyObject *u)
{
    if (!ct_requires_grad(CTPY_TENSOR(o))) {
        PyErr_SetString(PyExc_RuntimeError, "can't retain_grad on Tensor that has requires_grad=False");
        return NULL;
    }
    if (!ct_is_leaf(CTPY_TENSOR(o)) && !ct_retain_grad(CTPY_TENSOR(o)))
        return ctpy_raise();
    Py_RETURN_NONE;
}

static PyObject *grad_detach(PyObject *o, PyObject *u)
{
    ct_scope scope = ct_scope_begin();
    return ctpy_finish(&scope, ct_detach(CTPY_TENSOR(o)));
}

static PyObject *grad_detach_(PyObject *o, PyObject *u) { return ct_detach_(CTPY_TENSOR(o)) ? Py_NewRef(o) : ctpy_raise(); }
static PyObject *grad_is_view(PyObject *o, PyObject *u) { return PyBool_FromLong(ct_base_of(CTPY_TENSOR(o)) != NULL); }

static PyObject *grad_as(PyObject *o, PyTypeObject *type, int requires_grad)
{
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = requires_grad < 0 ? NULL : ct_detach(CTPY_TENSOR(o));
    if (t && requires_grad > 0 && !ct_set_requires_grad(t, true))
        t = NULL;
    PyObject *r = t ? type == ctpy_TensorType ? ctpy_wrap(t) : ctpy_wrap_as(t, type) : ctpy_raise();
    ct_scope_end(&scope);
    return r;
}

static bool grad_subclass(PyObject *cls)
{
    if (PyType_Check(cls) && PyType_IsSubtype((PyTypeObject *)cls, ctpy_TensorType))
        return true;
    PyErr_Format(PyExc_TypeError, "cls must be a type (got %s)", Py_TYPE(cls)->tp_name);
    return false;
}

/* Tensor._make_subclass(cls, data, requires_grad=False): data's memory as a leaf of type cls. */
static PyObject *grad_make_subclass(PyObject *unused, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"cls", "data", "require_grad", "requires_grad", "dispatch_sizes_strides_policy"};
    PyObject *a[5];
    bool requires_grad;
    if (!ctpy_simple_args("_make_subclass", args, nargs, kw, 5, names, 3, 2, a) || !grad_subclass(a[0]) ||
        !backward_flag(a[2] ? a[2] : a[3], false, &requires_grad))
        return NULL;
    if (!ctpy_is_tensor(a[1])) {
        PyErr_Format(PyExc_TypeError, "_make_subclass(): argument 'data' (position 2) must be Tensor, not %s", Py_TYPE(a[1])->tp_name);
        return NULL;
    }
    return grad_as(a[1], (PyTypeObject *)a[0], requires_grad);
}

/* as_subclass(cls): the same tensor, history kept, as another type. */
static PyObject *grad_as_subclass(PyObject *o, PyObject *cls)
{
    if (!grad_subclass(cls))
        return NULL;
    ct_tensor *t = CTPY_TENSOR(o);
    if (!ct_requires_grad(t))
        return grad_as(o, (PyTypeObject *)cls, 0);
    const ctpy_group *view = ctpy_method_group("view_as");
    PyObject *same = view ? ctpy_call_group(view, (PyObject *[]){o, o}, 2, NULL) : NULL;
    if (!same)
        return NULL;
    PyTensor *p = (PyTensor *)same; /* hand the new C tensor to an object of the other type */
    ct_tensor *c = ct_retain(p->t);
    Py_DECREF(same);
    PyObject *r = ct_tensor_user(c) ? ctpy_wrap(c) : ctpy_wrap_as(c, (PyTypeObject *)cls);
    ct_release(c);
    return r;
}

PyMethodDef ctpy_autograd_methods[] = {
    {"backward", CTPY_FAST(backward_method), CTPY_KW,
     "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None): adds the gradient of this tensor to the .grad "
     "of every leaf it was computed from."},
    {"requires_grad_", CTPY_FAST(grad_requires_), CTPY_KW, NULL},
    {"retain_grad", grad_retain, METH_NOARGS, "Lets .grad be kept for this non-leaf tensor."},
    {"detach", grad_detach, METH_NOARGS, "The same memory outside of the graph."},
    {"detach_", grad_detach_, METH_NOARGS, NULL},
    {"_is_view", grad_is_view, METH_NOARGS, NULL},
    {"register_hook", hooks_register, METH_O, "register_hook(hook): hook(grad) is called when the gradient is known; what it returns "
     "replaces it."},
    {"register_post_accumulate_grad_hook", hooks_register_accumulate, METH_O, NULL},
    {"_make_subclass", CTPY_FAST(grad_make_subclass), CTPY_KW | METH_STATIC, NULL},
    {"as_subclass", grad_as_subclass, METH_O, NULL},
    {0},
};

/* ---- Grad mode ---- */

static PyObject *mode_set(PyObject *m, PyObject *value)
{
    int on = PyObject_IsTrue(value);
    return on < 0 ? NULL : PyBool_FromLong(ct_set_grad_enabled(on));
}

static PyObject *mode_get(PyObject *m, PyObject *u) { return PyBool_FromLong(ct_grad_enabled()); }

static PyObject *mode_print_as_variable(PyObject *m, PyObject *o)
{
    if (ctpy_is_tensor(o))
        ct_print_as_variable(CTPY_TENSOR(o));
    Py_RETURN_NONE;
}

PyMethodDef ctpy_autograd_functions[] = {
    {"_print_as_variable", mode_print_as_variable, METH_O, NULL},
    {"set_grad_enabled", mode_set, METH_O, "Turns recording on or off for this thread; returns what it was."},
    {"_set_grad_enabled", mode_set, METH_O, NULL},
    {"is_grad_enabled", mode_get, METH_NOARGS, NULL},
    {"_run_backward", CTPY_FAST(backward_function), CTPY_KW, NULL},
    {0},
};
