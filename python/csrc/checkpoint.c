/* torch.load and torch.save between Python objects and the core's value trees. What a tree cannot hold (an object of a
 * class of one's own) is refused here with TypeError; ctorch.serialization then pickles it over the archive functions. */
#include "binding.h"
#include <ctorch/serialize.h>

/* ---- Tree to Python ---- */

static PyObject *checkpoint_named(const char *text) /* "torch FloatStorage" */
{
    PyObject *find = ctpy_package_attr("ctorch.serialization", "_find_global");
    const char *blank = strchr(text, ' ');
    PyObject *r = find && blank ? PyObject_CallFunction(find, "s#s", text, (Py_ssize_t)(blank - text), blank + 1) : NULL;
    Py_XDECREF(find);
    return r;
}

static PyObject *checkpoint_big(const char *bytes, int64_t n)
{
    PyObject *from = PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes");
    PyObject *args = Py_BuildValue("(y#s)", bytes, (Py_ssize_t)n, "little"), *kw = Py_BuildValue("{sO}", "signed", Py_True);
    PyObject *r = from && args && kw ? PyObject_Call(from, args, kw) : NULL;
    Py_XDECREF(from);
    Py_XDECREF(args);
    Py_XDECREF(kw);
    return r;
}

static PyObject *checkpoint_call(const char *module, const char *name)
{
    PyObject *type = ctpy_package_attr(module, name), *o = type ? PyObject_CallNoArgs(type) : NULL;
    Py_XDECREF(type);
    return o;
}

static PyObject *checkpoint_parameter(PyObject *t, bool requires_grad)
{
    PyObject *type = ctpy_package_attr("ctorch.nn.parameter", "Parameter");
    PyObject *r = type ? PyObject_CallFunction(type, "OO", t, requires_grad ? Py_True : Py_False) : NULL;
    Py_XDECREF(type);
    return r;
}

/* First walk: scalars, tensors and tuples, whose items have smaller ids; containers stay empty. */
static PyObject *checkpoint_make(const ct_datum *v, PyObject *const *done)
{
    int64_t n;
    const char *text;
    switch (ct_value_kind_of(v)) {
    case CT_VALUE_NONE: return Py_NewRef(Py_None);
    case CT_VALUE_BOOL: return PyBool_FromLong(ct_value_get_int(v) != 0);
    case CT_VALUE_INT: return PyLong_FromLongLong(ct_value_get_int(v));
    case CT_VALUE_BIG_INT: text = ct_value_text(v, &n); return checkpoint_big(text, n);
    case CT_VALUE_FLOAT: return PyFloat_FromDouble(ct_value_get_float(v));
    case CT_VALUE_COMPLEX: {
        double re, im;
        ct_value_get_complex(v, &re, &im);
        return PyComplex_FromDoubles(re, im);
    }
    case CT_VALUE_STRING: text = ct_value_text(v, &n); return PyUnicode_DecodeUTF8(text, n, "surrogatepass");
    case CT_VALUE_BYTES: text = ct_value_text(v, &n); return PyBytes_FromStringAndSize(text, n);
    case CT_VALUE_BYTEARRAY: text = ct_value_text(v, &n); return PyByteArray_FromStringAndSize(text, n);
    case CT_VALUE_TUPLE:
    case CT_VALUE_SIZE: {
        n = ct_value_length(v);
        PyObject *t = ct_value_kind_of(v) == CT_VALUE_SIZE ? ctpy_SizeType->tp_alloc(ctpy_SizeType, n) : PyTuple_New(n);
        for (int64_t i = 0; t && i < n; i++)
            PyTuple_SET_ITEM(t, i, Py_NewRef(done[ct_value_id(ct_value_item(v, i))]));
        return t;
    }
    case CT_VALUE_LIST: return PyList_New(0);
    case CT_VALUE_SET: return PySet_New(NULL);
    case CT_VALUE_DICT: return PyDict_New();
    case CT_VALUE_ORDERED_DICT: return checkpoint_call("collections", "OrderedDict");
    case CT_VALUE_COUNTER: return checkpoint_call("collections", "Counter");
    case CT_VALUE_TENSOR: {
        ct_tensor *c = ct_value_get_tensor(v);
        PyObject *t = ctpy_wrap(c);
        if (t && ct_value_is_parameter(v))
            Py_SETREF(t, checkpoint_parameter(t, ct_requires_grad(c)));
        return t;
    }
    case CT_VALUE_STORAGE: {
        PyObject *make = ctpy_package_attr("ctorch._tensor", "_storage_from_bytes"), *t = ctpy_wrap(ct_value_get_tensor(v));
        PyObject *r = make && t ? PyObject_CallFunction(make, "Os", t, ct_value_text(v, NULL)) : NULL;
        Py_XDECREF(make);
        Py_XDECREF(t);
        return r;
    }
    case CT_VALUE_DTYPE: {
        ct_dtype d = ct_value_get_dtype(v);
        if (d != CT_DTYPE_NONE)
            return ctpy_dtype_object(d);
        PyErr_Format(PyExc_NotImplementedError, "the dtype torch.%s is not supported", ct_value_text(v, NULL));
        return NULL;
    }
    case CT_VALUE_DEVICE: {
        ct_device d;
        return ctpy_parse_device(ct_value_text(v, NULL), &d) ? ctpy_device_object(d) : NULL;
    }
    case CT_VALUE_LAYOUT: return ctpy_layout_strided();
    case CT_VALUE_GLOBAL: return checkpoint_named(ct_value_text(v, NULL));
    }
    Py_RETURN_NONE;
}

static bool checkpoint_fill(const ct_datum *v, PyObject *const *done)
{
    PyObject *o = done[ct_value_id(v)];
    int64_t n = ct_value_length(v);
    switch (ct_value_kind_of(v)) {
    case CT_VALUE_LIST:
        for (int64_t i = 0; i < n; i++)
            if (PyList_Append(o, done[ct_value_id(ct_value_item(v, i))]) < 0)
                return false;
        break;
    case CT_VALUE_SET:
        for (int64_t i = 0; i < n; i++)
            if (PySet_Add(o, done[ct_value_id(ct_value_item(v, i))]) < 0)
                return false;
        break;
    case CT_VALUE_DICT:
    case CT_VALUE_ORDERED_DICT:
    case CT_VALUE_COUNTER:
        for (int64_t i = 0; i < n; i++)
            if (PyObject_SetItem(o, done[ct_value_id(ct_value_key(v, i))], done[ct_value_id(ct_value_item(v, i))]) < 0)
                return false;
        break;
    default: break;
    }
    return true;
}

static bool checkpoint_state(const ct_datum *v, PyObject *const *done)
{
    ct_value_kind kind = ct_value_kind_of(v);
    ct_datum *state = kind == CT_VALUE_ORDERED_DICT || kind == CT_VALUE_TENSOR ? ct_value_state(v) : NULL;
    for (int64_t i = 0; state && i < ct_value_length(state); i++)
        if (PyObject_SetAttr(done[ct_value_id(v)], done[ct_value_id(ct_value_key(state, i))], done[ct_value_id(ct_value_item(state, i))]) < 0)
            return false;
    return true;
}

static PyObject *checkpoint_to_python(const ct_value_tree *tree)
{
    int64_t n = ct_tree_count(tree);
    PyObject **done = PyMem_Calloc((size_t)n + 1, sizeof *done), *root = NULL;
    if (!done)
        return PyErr_NoMemory();
    bool good = true;
    for (int64_t i = 0; good && i < n; i++)
        good = (done[i] = checkpoint_make(ct_tree_node(tree, i), done)) != NULL;
    for (int64_t i = 0; good && i < n; i++)
        good = checkpoint_fill(ct_tree_node(tree, i), done);
    for (int64_t i = 0; good && i < n; i++)
        good = checkpoint_state(ct_tree_node(tree, i), done);
    if (good)
        root = Py_NewRef(done[ct_value_id(ct_tree_root(tree))]);
    for (int64_t i = 0; i < n; i++)
        Py_XDECREF(done[i]);
    PyMem_Free(done);
    return root;
}

static PyObject *checkpoint_finish_load(ct_value_tree *tree, ct_scope *scope)
{
    PyObject *o = tree ? checkpoint_to_python(tree) : ctpy_raise();
    ct_release(tree);
    ct_scope_end(scope);
    return o;
}

/* _load(path or bytes, map_location=None, safetensors=False) */
static PyObject *checkpoint_load(PyObject *m, PyObject *const *args, Py_ssize_t nargs, PyObject *kw)
{
    static const char *const names[] = {"file", "map_location", "safetensors", "name"};
    PyObject *a[4];
    if (!ctpy_simple_args("_load", args, nargs, kw, 4, names, 4, 1, a))
        return NULL;
    const char *location = a[1] && a[1] != Py_None ? PyUnicode_AsUTF8(a[1]) : NULL;
    const char *name = a[3] && a[3] != Py_None ? PyUnicode_AsUTF8(a[3]) : NULL;
    if (PyErr_Occurred())
        return NULL;
    bool tensors = a[2] && PyObject_IsTrue(a[2]) == 1;
    ct_load_opts options = {.map_location = location, .name = name};
    ct_scope scope = ct_scope_begin();
    ct_value_tree *tree;
    if (PyObject_CheckBuffer(a[0])) {
        Py_buffer view;
        if (PyObject_GetBuffer(a[0], &view, PyBUF_SIMPLE) < 0) {
            ct_scope_end(&scope);
            return NULL;
        }
        CTPY_NOGIL_BEGIN(true)
        tree = tensors ? ct_load_safetensors_bytes(view.buf, view.len) : (ct_load_bytes)(view.buf, view.len, &options);
        CTPY_NOGIL_END
        PyBuffer_Release(&view);
    } else {
        PyObject *path = NULL;
        if (!PyUnicode_FSConverter(a[0], &path)) {
            ct_scope_end(&scope);
            return NULL;
        }
        const char *p = PyBytes_AS_STRING(path);
        CTPY_NOGIL_BEGIN(true)
        tree = tensors ? ct_load_safetensors(p) : (ct_load)(p, &options);
        CTPY_NOGIL_END
        Py_DECREF(path);
    }
    return checkpoint_finish_load(tree, &scope);
}

/* ---- Python to tree ---- */

typedef struct checkpoint_saver {
    ct_value_tree *tree;
    PyObject *memo;       /* id(object) -> capsule-free pointer as int */
    PyObject *alive;      /* objects whose id is in the memo */
    PyObject *ordered, *counter, *parameter, *storage;
} checkpoint_saver;

static ct_datum *checkpoint_value(checkpoint_saver *s, PyObject *o);

static ct_datum *checkpoint_known(checkpoint_saver *s, PyObject *o)
{
    PyObject *key = PyLong_FromVoidPtr(o), *found = key ? PyDict_GetItem(s->memo, key) : NULL;
    Py_XDECREF(key);
    return found ? PyLong_AsVoidPtr(found) : NULL;
}

static ct_datum *checkpoint_remember(checkpoint_saver *s, PyObject *o, ct_datum *v)
{
    PyObject *key = PyLong_FromVoidPtr(o), *value = PyLong_FromVoidPtr(v);
    bool good = v && key && value && PyDict_SetItem(s->memo, key, value) == 0 && PyList_Append(s->alive, o) == 0;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return good ? v : NULL;
}

static ct_datum *checkpoint_dict(checkpoint_saver *s, PyObject *o, ct_value_kind kind)
{
    ct_datum *d = checkpoint_remember(s, o, ct_tree_container(s->tree, kind));
    PyObject *items = d ? PyMapping_Items(o) : NULL;
    for (Py_ssize_t i = 0; d && items && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        ct_datum *k = checkpoint_value(s, PyTuple_GET_ITEM(pair, 0)), *v = k ? checkpoint_value(s, PyTuple_GET_ITEM(pair, 1)) : NULL;
        if (!v || !ct_value_put(d, k, v))
            d = NULL;
    }
    if (!items)
        d = NULL;
    Py_XDECREF(items);
    PyObject *attributes = d && kind == CT_VALUE_ORDERED_DICT ? PyObject_GetAttrString(o, "__dict__") : NULL;
    if (attributes && PyDict_Check(attributes) && PyDict_GET_SIZE(attributes)) {
        ct_datum *state = checkpoint_dict(s, attributes, CT_VALUE_DICT);
        if (!state || !ct_value_set_state(d, state))
            d = NULL;
    }
    Py_XDECREF(attributes);
    if (d && PyErr_Occurred())
        PyErr_Clear();
    return d;
}

static ct_datum *checkpoint_big_int(checkpoint_saver *s, PyObject *o)
{
    PyObject *bits = PyObject_CallMethod(o, "bit_length", NULL);
    long n = bits ? PyLong_AsLong(bits) / 8 + 1 : 0;
    Py_XDECREF(bits);
    PyObject *f = PyObject_GetAttrString(o, "to_bytes"), *args = Py_BuildValue("(ls)", n, "little");
    PyObject *kw = Py_BuildValue("{sO}", "signed", Py_True), *b = f && args && kw ? PyObject_Call(f, args, kw) : NULL;
    ct_datum *v = b ? ct_tree_big_int(s->tree, PyBytes_AS_STRING(b), PyBytes_GET_SIZE(b)) : NULL;
    Py_XDECREF(f);
    Py_XDECREF(args);
    Py_XDECREF(kw);
    Py_XDECREF(b);
    return v;
}

static ct_datum *checkpoint_sequence(checkpoint_saver *s, PyObject *o)
{
    Py_ssize_t n = PyTuple_GET_SIZE(o);
    ct_datum **items = PyMem_Malloc(sizeof *items * (size_t)(n + 1)), *v = NULL;
    bool good = items != NULL;
    for (Py_ssize_t i = 0; good && i < n; i++)
        good = (items[i] = checkpoint_value(s, PyTuple_GET_ITEM(o, i))) != NULL;
    if (good)
        v = checkpoint_remember(s, o, ct_tree_tuple(s->tree, n, items));
    PyMem_Free(items);
    return v;
}

static ct_datum *checkpoint_object(checkpoint_saver *s, PyObject *o)
{
    ct_value_tree *tree = s->tree;
    PyTypeObject *type = Py_TYPE(o);
    if (o == Py_None)
        return ct_tree_none(tree);
    if (PyBool_Check(o))
        return ct_tree_bool(tree, o == Py_True);
    if (PyLong_CheckExact(o)) {
        int overflow;
        long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
        return overflow ? checkpoint_big_int(s, o) : ct_tree_int(tree, v);
    }
    if (PyFloat_CheckExact(o))
        return ct_tree_float(tree, PyFloat_AS_DOUBLE(o));
    if (PyComplex_CheckExact(o))
        return ct_tree_complex(tree, PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o));
    ct_datum *known = checkpoint_known(s, o);
    if (known)
        return known;
    if (PyUnicode_CheckExact(o)) {
        Py_ssize_t n;
        const char *text = PyUnicode_AsUTF8AndSize(o, &n);
        return text ? checkpoint_remember(s, o, ct_tree_text(tree, CT_VALUE_STRING, text, n)) : NULL;
    }
    if (PyBytes_CheckExact(o))
        return checkpoint_remember(s, o, ct_tree_text(tree, CT_VALUE_BYTES, PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o)));
    if (PyByteArray_CheckExact(o))
        return checkpoint_remember(s, o, ct_tree_text(tree, CT_VALUE_BYTEARRAY, PyByteArray_AS_STRING(o), PyByteArray_GET_SIZE(o)));
    if (type == ctpy_SizeType) {
        int64_t v[64];
        Py_ssize_t n = PyTuple_GET_SIZE(o);
        for (Py_ssize_t i = 0; i < n && i < 64; i++)
            v[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
        return checkpoint_remember(s, o, ct_tree_size(tree, (ct_ints){n < 64 ? n : 64, v}));
    }
    if (PyTuple_CheckExact(o))
        return checkpoint_sequence(s, o);
    if (PyList_CheckExact(o)) {
        ct_datum *list = checkpoint_remember(s, o, ct_tree_container(tree, CT_VALUE_LIST));
        for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(o); i++) {
            ct_datum *item = checkpoint_value(s, PyList_GET_ITEM(o, i));
            if (!item || !ct_value_append(list, item))
                list = NULL;
        }
        return list;
    }
    if (PySet_CheckExact(o)) {
        ct_datum *set = checkpoint_remember(s, o, ct_tree_container(tree, CT_VALUE_SET));
        PyObject *it = PyObject_GetIter(o), *e;
        while (set && it && (e = PyIter_Next(it))) {
            ct_datum *item = checkpoint_value(s, e);
            Py_DECREF(e);
            if (!item || !ct_value_append(set, item))
                set = NULL;
        }
        Py_XDECREF(it);
        return set;
    }
    if (PyDict_CheckExact(o))
        return checkpoint_dict(s, o, CT_VALUE_DICT);
    if ((PyObject *)type == s->ordered)
        return checkpoint_dict(s, o, CT_VALUE_ORDERED_DICT);
    if ((PyObject *)type == s->counter)
        return checkpoint_dict(s, o, CT_VALUE_COUNTER);
    if (type == ctpy_TensorType || (PyObject *)type == s->parameter)
        return checkpoint_remember(s, o, ct_tree_tensor(tree, CTPY_TENSOR(o), type != ctpy_TensorType));
    if (type == ctpy_DtypeType)
        return ct_tree_dtype(tree, ((PyDtype *)o)->dtype);
    if (type == ctpy_DeviceType) {
        PyObject *text = PyObject_Str(o);
        ct_datum *v = text ? ct_tree_text(tree, CT_VALUE_DEVICE, PyUnicode_AsUTF8(text), PyUnicode_GET_LENGTH(text)) : NULL;
        Py_XDECREF(text);
        return v;
    }
    PyErr_Format(PyExc_TypeError, "cannot save an object of type %s", type->tp_name);
    return NULL;
}

static ct_datum *checkpoint_value(checkpoint_saver *s, PyObject *o)
{
    if (Py_EnterRecursiveCall(" while saving"))
        return NULL;
    ct_datum *v = checkpoint_object(s, o);
    Py_LeaveRecursiveCall();
    return v;
}

static ct_value_tree *checkpoint_tree(PyObject *o)
{
    checkpoint_saver s = {ct_tree_new(), PyDict_New(), PyList_New(0), NULL, NULL, NULL, NULL};
    s.ordered = ctpy_package_attr("collections", "OrderedDict");
    s.counter = ctpy_package_attr("collections", "Counter");
    s.parameter = ctpy_package_attr("ctorch.nn.parameter", "Parameter");
    if (!s.parameter)
        PyErr_Clear();
    ct_datum *root = s.tree && s.memo && s.alive && s.ordered && s.counter ? checkpoint_value(&s, o) : NULL;
    if (!root || !ct_tree_set_root(s.tree, root)) {
        ct_release(s.tree);
        s.tree = NULL;
        ctpy_raise();
    }
    Py_XDECREF(s.memo);
    Py_XDECREF(s.alive);
    Py_XDECREF(s.ordered);
    Py_XDECREF(s.counter);
    Py_XDECREF(s.parameter);
    return s.tree;
}

/* _save(obj, path): path None gives the bytes. */
static PyObject *checkpoint_save(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "_save(obj, path)");
        return NULL;
    }
    PyObject *path = NULL, *result = NULL;
    if (args[1] != Py_None && !PyUnicode_FSConverter(args[1], &path))
        return NULL;
    ct_scope scope = ct_scope_begin();
    ct_value_tree *tree = checkpoint_tree(args[0]);
    if (tree && path) {
        bool good;
        const char *p = PyBytes_AS_STRING(path);
        CTPY_NOGIL_BEGIN(true)
        good = ct_save(tree, p);
        CTPY_NOGIL_END
        result = good ? Py_NewRef(Py_None) : ctpy_raise();
    } else if (tree) {
        int64_t n = 0;
        void *bytes;
        CTPY_NOGIL_BEGIN(true)
        bytes = ct_save_bytes(tree, &n);
        CTPY_NOGIL_END
        result = bytes ? PyBytes_FromStringAndSize(bytes, n) : ctpy_raise();
        if (bytes)
            ct_free_bytes(bytes, n);
    }
    ct_release(tree);
    Py_XDECREF(path);
    ct_scope_end(&scope);
    return result;
}

/* ---- Archives, for a pickler in Python ---- */

/* _archive_write(path, [(record, buffer), ...]) */
static bool checkpoint_to_stream(const void *bytes, int64_t n, void *data)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *b = PyBytes_FromStringAndSize(bytes, n), *r = b ? PyObject_CallOneArg(data, b) : NULL;
    if (!r)
        ctpy_stash_exception();
    Py_XDECREF(b);
    bool good = r != NULL;
    Py_XDECREF(r);
    PyGILState_Release(gil);
    return good;
}

static PyObject *checkpoint_archive_write(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "_archive_write(path or write function, records)");
        return NULL;
    }
    PyObject *path = NULL;
    ct_archive_writer *w;
    if (PyCallable_Check(args[0])) {
        w = ct_archive_create_stream(checkpoint_to_stream, args[0]);
    } else {
        if (!PyUnicode_FSConverter(args[0], &path))
            return NULL;
        w = ct_archive_create(PyBytes_AS_STRING(path));
    }
    bool good = w != NULL;
    for (Py_ssize_t i = 0; good && i < PyList_GET_SIZE(args[1]); i++) {
        const char *name;
        Py_buffer view;
        good = PyArg_ParseTuple(PyList_GET_ITEM(args[1], i), "sy*", &name, &view);
        if (good) {
            good = ct_archive_add(w, name, view.buf, view.len);
            PyBuffer_Release(&view);
        }
    }
    good = good && ct_archive_finish(w);
    PyObject *r = good ? Py_NewRef(Py_None) : PyErr_Occurred() && ct_ok() ? NULL : ctpy_raise();
    ct_release(w);
    Py_XDECREF(path);
    return r;
}

/* _archive_read(path or bytes, record): its bytes, or None where there is none. */
static PyObject *checkpoint_archive_read(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyUnicode_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "_archive_read(path or bytes, record)");
        return NULL;
    }
    Py_buffer view = {0};
    PyObject *path = NULL, *r = NULL;
    ct_archive *a;
    if (PyObject_CheckBuffer(args[0])) {
        if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0)
            return NULL;
        a = ct_archive_open_bytes(view.buf, view.len, NULL);
    } else {
        if (!PyUnicode_FSConverter(args[0], &path))
            return NULL;
        a = ct_archive_open(PyBytes_AS_STRING(path));
    }
    const char *record = PyUnicode_AsUTF8(args[1]);
    int64_t n = a && record ? ct_archive_size(a, record) : -1;
    if (a && n >= 0) {
        r = PyByteArray_FromStringAndSize(NULL, n);
        if (r && !ct_archive_read(a, record, PyByteArray_AS_STRING(r), n))
            Py_CLEAR(r);
    } else if (a && ct_ok()) {
        r = Py_NewRef(Py_None);
    }
    if (!r)
        ctpy_raise();
    ct_release(a);
    if (view.obj)
        PyBuffer_Release(&view);
    Py_XDECREF(path);
    return r;
}

/* _save_safetensors(path, names, tensors, metadata pairs) */
static PyObject *checkpoint_safetensors(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyDict_Check(args[1]) || !PyDict_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "_save_safetensors(path, {name: tensor}, {key: text})");
        return NULL;
    }
    PyObject *path = NULL, *key, *value, *r = NULL;
    Py_ssize_t n = PyDict_GET_SIZE(args[1]), nm = PyDict_GET_SIZE(args[2]), at = 0, i = 0;
    if (!PyUnicode_FSConverter(args[0], &path))
        return NULL;
    const char **names = PyMem_Calloc((size_t)(n + nm * 2 + 1), sizeof *names);
    ct_tensor **tensors = PyMem_Calloc((size_t)n + 1, sizeof *tensors);
    bool good = names && tensors;
    while (good && PyDict_Next(args[1], &at, &key, &value)) {
        good = PyUnicode_Check(key) && ctpy_is_tensor(value) && (names[i] = PyUnicode_AsUTF8(key)) != NULL;
        if (good)
            tensors[i++] = CTPY_TENSOR(value);
    }
    at = 0;
    i = n;
    while (good && PyDict_Next(args[2], &at, &key, &value)) {
        good = PyUnicode_Check(key) && PyUnicode_Check(value) && (names[i++] = PyUnicode_AsUTF8(key)) != NULL &&
               (names[i++] = PyUnicode_AsUTF8(value)) != NULL;
    }
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "save_file expects a dict of names to tensors and metadata of strings");
    if (good)
        r = ct_save_safetensors(PyBytes_AS_STRING(path), n, names, tensors, nm, names + n) ? Py_NewRef(Py_None) : ctpy_raise();
    PyMem_Free(names);
    PyMem_Free(tensors);
    Py_DECREF(path);
    return r;
}

bool ctpy_checkpoint_ready(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"_load", CTPY_FAST(checkpoint_load), CTPY_KW, "_load(path or bytes, map_location=None, safetensors=False)"},
        {"_save", CTPY_FAST(checkpoint_save), METH_FASTCALL, "_save(obj, path): path None gives the bytes."},
        {"_archive_write", CTPY_FAST(checkpoint_archive_write), METH_FASTCALL, NULL},
        {"_archive_read", CTPY_FAST(checkpoint_archive_read), METH_FASTCALL, NULL},
        {"_save_safetensors", CTPY_FAST(checkpoint_safetensors), METH_FASTCALL, NULL},
        {0}};
    return PyModule_AddFunctions(module, functions) == 0;
}
