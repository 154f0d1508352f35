/* The Tensor type: one Python object per tensor for life, subclassing, construction, garbage collection.
 *
 * The Python object owns a reference to the C tensor, whose user pointer points back. When Python drops an object that has
 * something to lose (attributes, a subclass, hooks, weak references) while C still uses the tensor, ownership flips: the C
 * tensor holds the object until Python asks for it again or the tensor dies. A plain object is simply made anew. */
#include "binding.h"

PyTypeObject *ctpy_TensorType;

#define TENSOR_FREE_LIST 128
static PyObject *tensor_free[TENSOR_FREE_LIST];
static int tensor_nfree;

static PyTensor *tensor_alloc(PyTypeObject *type)
{
    PyTensor *self;
    if (type == ctpy_TensorType) {
        if (tensor_nfree) {
            self = (PyTensor *)tensor_free[--tensor_nfree]; /* it kept its type, and its reference to it */
            _Py_NewReference((PyObject *)self);
        } else {
            self = PyObject_GC_New(PyTensor, type); /* not tracked until it holds Python objects */
            if (!self)
                return NULL;
        }
        self->dict = self->weak = self->hooks = self->accumulate_hooks = NULL;
    } else {
        self = (PyTensor *)type->tp_alloc(type, 0);
        if (!self)
            return NULL;
    }
    self->t = NULL;
    self->c_owns = false;
    return self;
}

PyObject *ctpy_wrap(ct_tensor *t) { return ctpy_wrap_owned(ct_retain(t)); }

PyObject *ctpy_wrap_owned(ct_tensor *t)
{
    if (CTPY_UNLIKELY(!t)) {
        if (!ct_ok() || PyErr_Occurred())
            return ctpy_raise();
        Py_RETURN_NONE;
    }
    PyTensor *self = ct_tensor_user(t);
    if (self) {
        if (self->c_owns) { /* flip back: C's reference to the object becomes the caller's */
            self->c_owns = false;
            /* The collector's mark "finalised" would keep tp_finalize from being called again. */
            ((uintptr_t *)self - 2)[1] &= ~(uintptr_t)1;
        } else {
            Py_INCREF(self);
            ct_release(t);
        }
        return (PyObject *)self;
    }
    self = tensor_alloc(ctpy_TensorType);
    if (CTPY_UNLIKELY(!self)) {
        ct_release(t);
        return NULL;
    }
    self->t = t;
    ct_tensor_set_user(t, self);
    return (PyObject *)self;
}

PyObject *ctpy_wrap_as(ct_tensor *t, PyTypeObject *type)
{
    if (!t)
        return ctpy_raise();
    if (ct_tensor_user(t)) {
        PyErr_SetString(PyExc_RuntimeError, "this tensor has a Python object already");
        return NULL;
    }
    PyTensor *self = tensor_alloc(type);
    if (!self)
        return NULL;
    self->t = ct_retain(t);
    ct_tensor_set_user(t, self);
    return (PyObject *)self;
}

PyObject *ctpy_wrap_list(ct_tensors list)
{
    PyObject *tuple = PyTuple_New(list.n);
    for (int64_t i = 0; tuple && i < list.n; i++) {
        PyObject *o = ctpy_wrap(list.v[i]);
        if (!o) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, i, o);
    }
    return tuple;
}

PyObject *ctpy_none_or_error(ct_scope *scope)
{
    if (scope)
        ct_scope_end(scope);
    if (!ct_ok() || PyErr_Occurred())
        return ctpy_raise();
    Py_RETURN_NONE;
}

void ctpy_track(PyTensor *self)
{
    if (!PyObject_GC_IsTracked((PyObject *)self))
        PyObject_GC_Track(self);
}

static bool tensor_has_something_to_lose(PyTensor *self)
{
    return Py_TYPE(self) != ctpy_TensorType || self->dict || self->weak || self->hooks || self->accumulate_hooks;
}

/* True if the object was handed to the C tensor (its reference count is then 1 more). */
static bool tensor_give_to_c(PyTensor *self)
{
    if (!self->t || self->c_owns || ct_refcount(self->t) <= 1 || !tensor_has_something_to_lose(self))
        return false;
    self->c_owns = true;
    Py_INCREF(self);
    ct_release(self->t); /* may be the last one after all: then the object comes back with t NULL */
    return true;
}

static void tensor_finalize(PyObject *self)
{
    tensor_give_to_c((PyTensor *)self);
}

/* The C tensor is being destroyed; `user` is its object, which it owns. */
static void tensor_c_gone(void *user)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyTensor *self = user;
    if (self->c_owns) {
        ct_tensor *t = self->t;
        self->c_owns = false;
        self->t = NULL;
        if (Py_REFCNT(self) > 1) { /* somebody got it from a weak reference: keep the values alive */
            ct_scope scope = ct_scope_begin();
            ct_tensor *twin = ct_tensor_over(t, ct_dtype_of(t), ct_storage_offset(t), ct_shape_of(t), ct_strides_of(t));
            if (twin) {
                self->t = ct_retain(twin);
                ct_tensor_set_user(twin, self);
            } else {
                ct_error_clear();
            }
            ct_scope_end(&scope);
        }
        Py_DECREF(self);
    }
    PyGILState_Release(gil);
}

static bool tensor_sole_owner(PyTensor *self)
{
    return !self->t || (!self->c_owns && ct_refcount(self->t) <= 1);
}

static int tensor_traverse(PyObject *o, visitproc visit, void *arg)
{
    PyTensor *self = (PyTensor *)o;
    Py_VISIT(Py_TYPE(o));
    if (tensor_sole_owner(self)) {
        Py_VISIT(self->dict);
        Py_VISIT(self->hooks);
        Py_VISIT(self->accumulate_hooks);
        if (self->t && (self->hooks || self->accumulate_hooks) && ct_is_leaf(self->t)) { /* C's references to the dicts */
            Py_VISIT(self->hooks);
            Py_VISIT(self->accumulate_hooks);
        }
    }
    return 0;
}

static int tensor_clear(PyObject *o)
{
    PyTensor *self = (PyTensor *)o;
    if (tensor_sole_owner(self)) {
        Py_CLEAR(self->dict);
        if (self->hooks)
            PyDict_Clear(self->hooks);
        if (self->accumulate_hooks)
            PyDict_Clear(self->accumulate_hooks);
    }
    return 0;
}

static void tensor_drop_c(PyTensor *self)
{
    ct_tensor *t = self->t;
    if (t) {
        self->t = NULL;
        ct_tensor_set_user(t, NULL);
        ct_release(t);
    }
}

static void tensor_dealloc(PyObject *o)
{
    PyTensor *self = (PyTensor *)o;
    PyTypeObject *type = Py_TYPE(o);
    if (CTPY_LIKELY(type == ctpy_TensorType)) {
        if (CTPY_LIKELY(!tensor_has_something_to_lose(self))) {
            if (PyObject_GC_IsTracked(o))
                PyObject_GC_UnTrack(o);
            tensor_drop_c(self);
            if (CTPY_LIKELY(tensor_nfree < TENSOR_FREE_LIST)) {
                tensor_free[tensor_nfree++] = o;
                return;
            }
            PyObject_GC_Del(o);
            Py_DECREF(type);
            return;
        }
        if (self->t && !self->c_owns && ct_refcount(self->t) > 1) {
            Py_SET_REFCNT(o, 1);
            if (tensor_give_to_c(self)) {
                Py_SET_REFCNT(o, Py_REFCNT(o) - 1);
                if (Py_REFCNT(o) > 0)
                    return;
            }
            Py_SET_REFCNT(o, 0);
        }
    }
    if (PyObject_GC_IsTracked(o))
        PyObject_GC_UnTrack(o);
    if (self->weak)
        PyObject_ClearWeakRefs(o);
    tensor_drop_c(self);
    Py_CLEAR(self->hooks);
    Py_CLEAR(self->accumulate_hooks);
    Py_CLEAR(self->dict);
    type->tp_free(o);
    if (type == ctpy_TensorType)
        Py_DECREF(type);
    else if (type->tp_flags & Py_TPFLAGS_HEAPTYPE)
        Py_DECREF(type);
}

static int tensor_setattro(PyObject *o, PyObject *name, PyObject *value)
{
    int r = PyObject_GenericSetAttr(o, name, value);
    if (((PyTensor *)o)->dict)
        ctpy_track((PyTensor *)o);
    return r;
}

static PyObject *tensor_get_dict(PyObject *o, void *unused)
{
    PyTensor *self = (PyTensor *)o;
    if (!self->dict) {
        self->dict = PyDict_New();
        if (!self->dict)
            return NULL;
        ctpy_track(self);
    }
    return Py_NewRef(self->dict);
}

static int tensor_set_dict(PyObject *o, PyObject *value, void *unused)
{
    if (!value || !PyDict_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "__dict__ must be set to a dictionary");
        return -1;
    }
    Py_XSETREF(((PyTensor *)o)->dict, Py_NewRef(value));
    ctpy_track((PyTensor *)o);
    return 0;
}

static Py_hash_t tensor_hash(PyObject *o)
{
    Py_hash_t h = (Py_hash_t)(uintptr_t)o;
    return h == -1 ? -2 : h;
}

static PyObject *tensor_repr(PyObject *o)
{
    if (!CTPY_TENSOR(o))
        return PyUnicode_FromString("<a tensor that is gone>");
    char *text = ct_to_string(CTPY_TENSOR(o));
    if (!text)
        return ctpy_raise();
    PyObject *s = PyUnicode_FromString(text);
    ct_free_string(text);
    if (s && Py_TYPE(o) != ctpy_TensorType) { /* a subclass prints its own name */
        const char *name = strrchr(Py_TYPE(o)->tp_name, '.');
        name = name ? name + 1 : Py_TYPE(o)->tp_name;
        if (!strncmp(PyUnicode_AsUTF8(s), "tensor(", 7) && strcmp(name, "Parameter") && strcmp(name, "Buffer")) {
            PyObject *rest = PyUnicode_Substring(s, 6, PyUnicode_GET_LENGTH(s));
            Py_SETREF(s, rest ? PyUnicode_FromFormat("%s%U", name, rest) : NULL);
            Py_XDECREF(rest);
        }
    }
    return s;
}

/* torch.Tensor(2, 3), torch.Tensor([1, 2]), torch.Tensor(tensor): the legacy constructor, in the default dtype. */
static PyObject *tensor_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ct_scope scope = ct_scope_begin();
    ct_tensor *t = NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *first = n ? PyTuple_GET_ITEM(args, 0) : NULL;
    if (n == 1 && ctpy_is_tensor(first)) {
        t = ct_detach(CTPY_TENSOR(first));
    } else if (n == 1 && !PyLong_Check(first) && !PyObject_TypeCheck(first, ctpy_SizeType)) {
        if (!PyUnicode_Check(first) && !PyBytes_Check(first) && !PySequence_Check(first)) {
            PyErr_Format(PyExc_TypeError, "new(): data must be a sequence (got %s)", Py_TYPE(first)->tp_name);
            ct_scope_end(&scope);
            return NULL;
        }
        t = ctpy_tensor_from_data(first, ct_default_dtype(), true);
    } else {
        int64_t sizes[16] = {0};
        PyObject *list = n == 1 && PyTuple_Check(first) ? first : args;
        int64_t nd = n ? PyTuple_GET_SIZE(list) : 1;
        if (nd > 12) {
            PyErr_SetString(PyExc_RuntimeError, "more dimensions than ctorch supports (12)");
            ct_scope_end(&scope);
            return NULL;
        }
        for (int64_t i = 0; n && i < nd; i++)
            if (ctpy_to_int(PyTuple_GET_ITEM(list, i), &sizes[i]) != 1) {
                if (!PyErr_Occurred())
                    PyErr_Format(PyExc_TypeError, "new(): sizes must be ints (got %s)",
                                 Py_TYPE(PyTuple_GET_ITEM(list, i))->tp_name);
                ct_scope_end(&scope);
                return NULL;
            }
        int64_t count = 1;
        for (int64_t i = 0; i < nd; i++)
            count *= sizes[i];
        const ct_op_info *empty = ct_op_find("empty");
        if (empty) {
            ct_value v[CTPY_MAX_ARGS], r[4];
            for (int i = 0; i < empty->nargs; i++)
                v[i] = empty->args[i].value;
            v[0].type = CT_V_INTS;
            v[0].ints = (ct_ints){nd, sizes};
            if (empty->call(v, r))
                t = r[0].t;
        }
    }
    PyObject *o = NULL;
    if (!t)
        ctpy_raise();
    else
        o = type == ctpy_TensorType ? ctpy_wrap(t) : ctpy_wrap_as(t, type);
    ct_scope_end(&scope);
    return o;
}

/* Subclasses define __init__ with any arguments; Tensor's own takes and ignores them. */
static int tensor_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return 0;
}

Py_ssize_t ctpy_tensor_length(PyObject *o)
{
    ct_tensor *t = CTPY_TENSOR(o);
    if (ct_ndim(t) == 0) {
        PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
        return -1;
    }
    return (Py_ssize_t)ct_size(t, 0);
}

static PyObject *tensor_iter(PyObject *o)
{
    if (ct_ndim(CTPY_TENSOR(o)) == 0) {
        PyErr_SetString(PyExc_TypeError, "iteration over a 0-d tensor");
        return NULL;
    }
    static const ctpy_group *unbind;
    if (!unbind)
        unbind = ctpy_any_group("unbind");
    PyObject *items = unbind ? ctpy_call_group(unbind, &o, 1, NULL) : NULL;
    if (!items)
        return unbind ? NULL : PySeqIter_New(o);
    PyObject *it = PyObject_GetIter(items);
    Py_DECREF(items);
    return it;
}

static int tensor_contains(PyObject *o, PyObject *x)
{
    if (!ctpy_is_tensor(x) && !ctpy_number_kind(x)) {
        PyErr_Format(PyExc_RuntimeError, "Tensor.__contains__ only supports Tensor or scalar, but you passed in a %R.",
                     (PyObject *)Py_TYPE(x));
        return -1;
    }
    PyObject *eq = PyObject_RichCompare(o, x, Py_EQ);
    PyObject *any = eq ? PyObject_CallMethod(eq, "any", NULL) : NULL;
    int r = any ? PyObject_IsTrue(any) : -1;
    Py_XDECREF(eq);
    Py_XDECREF(any);
    return r;
}

static PyGetSetDef tensor_getset_dict[] = {
    {"__dict__", tensor_get_dict, tensor_set_dict, NULL, NULL},
    {0},
};

static PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weak), READONLY, NULL},
    {0},
};

extern PyObject *ctpy_richcompare(PyObject *a, PyObject *b, int op);

static bool tensor_add_methods(PyMethodDef *defs)
{
    for (PyMethodDef *d = defs; d->ml_name; d++) {
        PyObject *descr = d->ml_flags & METH_CLASS ? PyDescr_NewClassMethod(ctpy_TensorType, d)
                          : d->ml_flags & METH_STATIC ? PyCFunction_New(d, NULL)
                                                      : PyDescr_NewMethod(ctpy_TensorType, d);
        if (descr && d->ml_flags & METH_STATIC)
            Py_SETREF(descr, PyStaticMethod_New(descr));
        if (!descr || PyObject_SetAttrString((PyObject *)ctpy_TensorType, d->ml_name, descr) < 0)
            return false;
        Py_DECREF(descr);
    }
    return true;
}

static bool tensor_add_getset(PyGetSetDef *defs)
{
    for (PyGetSetDef *d = defs; d->name; d++) {
        PyObject *descr = PyDescr_NewGetSet(ctpy_TensorType, d);
        if (!descr || PyObject_SetAttrString((PyObject *)ctpy_TensorType, d->name, descr) < 0)
            return false;
        Py_DECREF(descr);
    }
    return true;
}

bool ctpy_tensor_type_ready(PyObject *module)
{
    PyType_Slot slots[64] = {
        {Py_tp_doc, "A multi-dimensional array of one element type that records what was done to it for backward()."},
        {Py_tp_new, tensor_new},
        {Py_tp_init, tensor_init},
        {Py_tp_dealloc, tensor_dealloc},
        {Py_tp_finalize, tensor_finalize},
        {Py_tp_traverse, tensor_traverse},
        {Py_tp_clear, tensor_clear},
        {Py_tp_hash, tensor_hash},
        {Py_tp_repr, tensor_repr},
        {Py_tp_iter, tensor_iter},
        {Py_tp_setattro, tensor_setattro},
        {Py_tp_richcompare, ctpy_richcompare},
        {Py_tp_getset, tensor_getset_dict},
        {Py_tp_members, tensor_members},
        {Py_mp_length, ctpy_tensor_length},
        {Py_mp_subscript, ctpy_getitem},
        {Py_mp_ass_subscript, ctpy_setitem},
        {Py_sq_length, ctpy_tensor_length},
        {Py_sq_contains, tensor_contains},
        {Py_bf_getbuffer, ctpy_tensor_getbuffer},
        {Py_bf_releasebuffer, ctpy_tensor_releasebuffer},
    };
    int n = 0;
    while (slots[n].slot)
        n++;
    for (PyType_Slot *s = ctpy_number_slots; s->slot; s++)
        slots[n++] = *s;
    PyType_Spec spec = {"ctorch.Tensor", sizeof(PyTensor), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    ctpy_TensorType = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!ctpy_TensorType)
        return false;
    ctpy_TensorType->tp_name = "Tensor"; /* in messages; __module__ stays */
    ct_set_user_release(tensor_c_gone);
    PyObject *priority = PyLong_FromLong(1000);
    if (!tensor_add_methods(ctpy_tensor_methods) || !tensor_add_methods(ctpy_to_methods) ||
        !tensor_add_methods(ctpy_python_methods) || !tensor_add_methods(ctpy_autograd_methods) ||
        !tensor_add_methods(ctpy_numpy_methods) || !tensor_add_methods(ctpy_dlpack_methods) ||
        !tensor_add_getset(ctpy_tensor_getset) || !tensor_add_getset(ctpy_autograd_getset) ||
        PyObject_SetAttrString((PyObject *)ctpy_TensorType, "__array_priority__", priority) < 0)
        return false;
    Py_DECREF(priority);
    return PyModule_AddObjectRef(module, "Tensor", (PyObject *)ctpy_TensorType) == 0 &&
           PyModule_AddObjectRef(module, "TensorBase", (PyObject *)ctpy_TensorType) == 0;
}
