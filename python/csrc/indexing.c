/* x[...] and x[...] = v: Python's index objects become ct_index records. */
#include "binding.h"

#define INDEX_MAX 64

typedef struct index_list { int64_t n; ct_index v[INDEX_MAX]; } index_list;

static bool index_push(index_list *l, ct_index_kind kind, int64_t start, ct_tensor *t)
{
    if (l->n == INDEX_MAX) {
        PyErr_SetString(PyExc_IndexError, "too many indices");
        return false;
    }
    l->v[l->n++] = (ct_index){kind, start, CT_NO_INT, CT_NO_INT, t};
    return true;
}

static bool index_bound(PyObject *o, int64_t *out)
{
    if (o == Py_None) {
        *out = CT_NO_INT;
        return true;
    }
    PyObject *n = PyIndex_Check(o) && (!ctpy_is_tensor(o) || ct_is_integral(ct_dtype_of(CTPY_TENSOR(o)), true))
                      ? PyNumber_Index(o) : NULL;
    if (!n) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "slice indices must be integers or None or have an __index__ method");
        return false;
    }
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(n, &overflow);
    Py_DECREF(n);
    *out = overflow > 0 ? INT64_MAX : overflow < 0 || v == INT64_MIN ? INT64_MIN + 1 : v;
    return true;
}

/* Lists of bools are masks, all others integers (even of floats, as in PyTorch). */
static bool index_add_sequence(index_list *l, PyObject *o)
{
    ct_tensor *t = ctpy_tensor_from_data(o, CT_DTYPE_NONE, true);
    if (!t)
        return false;
    ct_dtype d = ct_dtype_of(t);
    if (d != CT_INT64 && d != CT_BOOL && d != CT_UINT8)
        t = ctpy_cast(t, CT_INT64, false, CT_PRESERVE_FORMAT);
    return t ? index_push(l, CT_INDEX_TENSOR, 0, t) : ctpy_raise() != NULL;
}

static bool index_int(PyObject *o, int64_t *out)
{
    int overflow;
    *out = ctpy_long(o, &overflow);
    if (CTPY_UNLIKELY(overflow))
        PyErr_SetString(PyExc_IndexError, "index out of range");
    return !overflow;
}

static bool index_add(index_list *l, PyObject *o)
{
    if (PyLong_CheckExact(o)) {
        int64_t v;
        return index_int(o, &v) && index_push(l, CT_INDEX_INT, v, NULL);
    }
    if (PySlice_Check(o)) {
        PySliceObject *s = (PySliceObject *)o;
        if (!index_push(l, CT_INDEX_SLICE, 0, NULL))
            return false;
        ct_index *ix = &l->v[l->n - 1];
        if (!index_bound(s->start, &ix->start) || !index_bound(s->stop, &ix->stop) || !index_bound(s->step, &ix->step))
            return false;
        if (ix->step == 0) {
            PyErr_SetString(PyExc_ValueError, "slice step cannot be zero");
            return false;
        }
        if (ix->step != CT_NO_INT && ix->step < 0) {
            PyErr_SetString(PyExc_ValueError, "step must be greater than zero");
            return false;
        }
        return true;
    }
    if (o == Py_None)
        return index_push(l, CT_INDEX_NEW_AXIS, 0, NULL);
    if (o == Py_Ellipsis)
        return index_push(l, CT_INDEX_ELLIPSIS, 0, NULL);
    if (PyBool_Check(o))
        return index_push(l, CT_INDEX_BOOL, o == Py_True, NULL);
    if (ctpy_is_tensor(o)) {
        ct_tensor *t = CTPY_TENSOR(o);
        ct_dtype d = ct_dtype_of(t);
        if (d != CT_INT64 && d != CT_INT32 && d != CT_UINT8 && d != CT_BOOL && !(ct_ndim(t) == 0 && ct_is_integral(d, true))) {
            PyErr_SetString(PyExc_IndexError, "tensors used as indices must be long, int, byte or bool tensors");
            return false;
        }
        if (ct_ndim(t) == 0 && d != CT_BOOL && d != CT_UINT8 && !ct_requires_grad(t)) /* through __index__, as an int */
            return index_push(l, CT_INDEX_INT, ct_item_int(t), NULL);
        return index_push(l, CT_INDEX_TENSOR, 0, t);
    }
    char kind = ctpy_number_kind(o);
    if (kind == 'i') {
        int64_t v;
        return ctpy_to_int(o, &v) == 1 && index_push(l, CT_INDEX_INT, v, NULL);
    }
    if (kind == 'b')
        return index_push(l, CT_INDEX_BOOL, PyObject_IsTrue(o) == 1, NULL);
    if (ctpy_is_ndarray(o)) {
        ct_tensor *t = ctpy_from_buffer(o, false);
        if (!t)
            return false;
        if (!ct_is_integral(ct_dtype_of(t), true)) {
            PyErr_SetString(PyExc_IndexError, "tensors used as indices must be long, int, byte or bool tensors");
            return false;
        }
        return index_push(l, CT_INDEX_TENSOR, 0, t);
    }
    if (PyUnicode_Check(o) || PyBytes_Check(o)) {
        PyErr_Format(PyExc_TypeError, "new(): invalid data type '%s'", Py_TYPE(o)->tp_name);
        return false;
    }
    if (!kind && PySequence_Check(o) && !PyDict_Check(o))
        return index_add_sequence(l, o);
    if (!kind && PyIndex_Check(o)) {
        int64_t v;
        int r = ctpy_to_int(o, &v);
        if (r < 0)
            return false;
        if (r)
            return index_push(l, CT_INDEX_INT, v, NULL);
    }
    PyErr_Format(PyExc_IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                 "indices (got %s)", Py_TYPE(o)->tp_name);
    return false;
}

/* A list with a slice, None, Ellipsis, tensor or list among its first 32 items stood for a tuple in old NumPy and PyTorch. */
static bool index_list_is_tuple(PyObject *o)
{
    Py_ssize_t n = PyList_GET_SIZE(o);
    if (n >= 32)
        return false;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *e = PyList_GET_ITEM(o, i);
        if (PySlice_Check(e) || e == Py_None || e == Py_Ellipsis || ctpy_is_tensor(e) || PyList_Check(e) || PyTuple_Check(e))
            return true;
    }
    return false;
}

static bool index_build(index_list *l, PyObject *index)
{
    l->n = 0;
    if (PyTuple_Check(index) || (PyList_Check(index) && index_list_is_tuple(index))) {
        Py_ssize_t n = PySequence_Fast_GET_SIZE(index);
        for (Py_ssize_t i = 0; i < n; i++)
            if (!index_add(l, PySequence_Fast_GET_ITEM(index, i)))
                return false;
        return true;
    }
    return index_add(l, index);
}

static PyObject *index_zero_dim(PyObject *self, PyObject *index)
{
    static bool warned;
    long v = PyLong_AsLong(index);
    if (v != 0 && v != -1) {
        PyErr_SetString(PyExc_IndexError, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                        "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
        return NULL;
    }
    if (!warned) {
        warned = true;
        if (PyErr_WarnEx(PyExc_FutureWarning, "indexing a 0-dim tensor with [0] is what scripts of PyTorch 0.1.12 do; it gives the "
                         "tensor itself here. Use tensor.item().", 1) < 0)
            return NULL;
    }
    return Py_NewRef(self);
}

PyObject *ctpy_getitem(PyObject *self, PyObject *index)
{
    ct_tensor *t = CTPY_TENSOR(self);
    if (CTPY_UNLIKELY(ct_ndim(t) == 0) && PyLong_CheckExact(index))
        return index_zero_dim(self, index);
    ct_scope scope = ct_scope_begin();
    ct_tensor *r = NULL;
    if (CTPY_LIKELY(PyLong_CheckExact(index))) { /* x[3]: the same without a list */
        ct_index one = {CT_INDEX_INT, 0, CT_NO_INT, CT_NO_INT, NULL};
        if (index_int(index, &one.start))
            r = ct_getitem(t, 1, &one);
        return ctpy_finish(&scope, r);
    }
    index_list l;
    if (index_build(&l, index)) {
        bool copies = false;
        for (int64_t i = 0; i < l.n; i++)
            copies |= l.v[i].kind == CT_INDEX_TENSOR;
        CTPY_NOGIL_BEGIN(copies && ct_numel(t) > CTPY_GIL_ELEMENTS)
        r = ct_getitem(t, l.n, l.v);
        CTPY_NOGIL_END
    }
    return ctpy_finish(&scope, r);
}

int ctpy_setitem(PyObject *self, PyObject *index, PyObject *value)
{
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
        return -1;
    }
    ct_tensor *t = CTPY_TENSOR(self), *v = NULL;
    ct_scope scope = ct_scope_begin();
    ct_scalar s;
    index_list l;
    bool good = false;
    if (ctpy_is_tensor(value)) {
        v = CTPY_TENSOR(value);
    } else {
        int r = ctpy_to_scalar(value, &s);
        if (r == 1)
            v = ct_number(s);
        else if (r == 0)
            PyErr_Format(PyExc_TypeError, "can't assign a %s to a torch.%sTensor", Py_TYPE(value)->tp_name,
                         ct_dtype_type_name(ct_dtype_of(t)));
    }
    if (v && index_build(&l, index)) {
        if (ct_ndim(t) == 0 && l.n == 1 && l.v[0].kind == CT_INDEX_INT && (l.v[0].start == 0 || l.v[0].start == -1))
            l.n = 0; /* x[0] = v on a 0-dim tensor, as in 0.1.12 */
        CTPY_NOGIL_BEGIN(ct_numel(t) > CTPY_GIL_ELEMENTS)
        good = ct_setitem(t, l.n, l.v, v);
        CTPY_NOGIL_END
    }
    if (!good)
        ctpy_raise();
    ct_scope_end(&scope);
    return good ? 0 : -1;
}
