/* Every op of the table as a Python callable: functions of torch and torch.nn.functional, methods and properties of Tensor.
 * Nothing here knows an op by name. */
#include "binding.h"

#include <stddef.h>

/* ---- Results ---- */

static PyObject *ops_return_types; /* the module torch.return_types */
static PyObject *ops_tuple_types; /* op's c_name -> struct sequence type */

static PyObject *ops_tuple_repr(PyObject *o)
{
    PyObject *parts = PyList_New(0), *s = NULL;
    PyObject *names = PyObject_GetAttrString((PyObject *)Py_TYPE(o), "_fields");
    for (Py_ssize_t i = 0; parts && names && i < PyTuple_GET_SIZE(o); i++) {
        PyObject *part = PyUnicode_FromFormat("%U=%R", PyTuple_GET_ITEM(names, i), PyTuple_GET_ITEM(o, i));
        if (!part || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(part);
    }
    PyObject *comma = PyUnicode_FromString(",\n");
    PyObject *body = parts && comma ? PyUnicode_Join(comma, parts) : NULL;
    if (body)
        s = PyUnicode_FromFormat("%s(\n%U)", Py_TYPE(o)->tp_name, body);
    Py_XDECREF(body);
    Py_XDECREF(comma);
    Py_XDECREF(parts);
    Py_XDECREF(names);
    return s;
}

static PyTypeObject **ops_tuple_cache; /* by place in the table; NULL: a plain tuple */

static PyTypeObject *ops_tuple_type(const ct_op_info *op)
{
    int64_t count;
    const ct_op_info *table = ct_op_table(&count);
    PyTypeObject **cached = &ops_tuple_cache[op - table];
    PyObject *known = PyDict_GetItemString(ops_tuple_types, op->tuple_name);
    if (known && PyLong_AsLong(PyDict_GetItemString(((PyTypeObject *)known)->tp_dict, "n_fields")) == op->nresults)
        return *cached = (PyTypeObject *)known;
    PyStructSequence_Field *fields = PyMem_Calloc((size_t)op->nresults + 1, sizeof *fields);
    char *name = PyMem_Malloc(64 + strlen(op->tuple_name));
    PyObject *names = PyTuple_New(op->nresults);
    if (!fields || !name || !names)
        return (PyTypeObject *)PyErr_NoMemory();
    sprintf(name, "torch.return_types.%s", op->tuple_name);
    for (int i = 0; i < op->nresults; i++) {
        fields[i].name = op->result_names[i];
        PyTuple_SET_ITEM(names, i, PyUnicode_FromString(op->result_names[i]));
    }
    PyStructSequence_Desc desc = {name, op->doc, fields, op->nresults};
    PyTypeObject *type = PyStructSequence_NewType(&desc);
    if (!type)
        return NULL;
    type->tp_repr = ops_tuple_repr;
    type->tp_str = ops_tuple_repr;
    PyDict_SetItemString(type->tp_dict, "_fields", names);
    PyType_Modified(type);
    Py_DECREF(names);
    PyDict_SetItemString(ops_tuple_types, op->tuple_name, (PyObject *)type);
    PyObject_SetAttrString(ops_return_types, op->tuple_name, (PyObject *)type);
    return *cached = type;
}

PyObject *ctpy_results(const ct_op_info *op, const ct_value *results)
{
    if (CTPY_LIKELY(op->nresults == 1)) {
        if (CTPY_LIKELY(results[0].type == CT_V_TENSOR))
            return ctpy_wrap(results[0].t);
        return ctpy_from_value(&results[0]);
    }
    if (op->nresults == 0)
        Py_RETURN_NONE;
    int64_t count;
    PyTypeObject *type = ops_tuple_cache[op - ct_op_table(&count)];
    PyObject *o = type ? PyStructSequence_New(type) : PyTuple_New(op->nresults);
    for (int i = 0; o && i < op->nresults; i++) {
        PyObject *item = results[i].type == CT_V_TENSOR && !results[i].t ? Py_NewRef(Py_None) : ctpy_from_value(&results[i]);
        if (!item) {
            Py_CLEAR(o);
            break;
        }
        PyTuple_SET_ITEM(o, i, item);
    }
    return o;
}

/* ---- Groups: all overloads of a name in one place (torch, methods, functional, internal) ---- */

enum { OPS_TORCH, OPS_METHOD, OPS_FUNCTIONAL, OPS_INTERNAL, OPS_PLACES };
static const unsigned ops_flags[OPS_PLACES] = {CT_ON_TORCH, CT_ON_METHOD, CT_ON_FUNCTIONAL, CT_ON_INTERNAL};
typedef struct ops_entry { const char *name; ctpy_group *groups[OPS_PLACES]; ctpy_group *property; } ops_entry;
static ops_entry *ops_entries;
static int64_t ops_count;

static ctpy_sig *ops_make_sig(const ct_op_info *op)
{
    ctpy_sig *sig = PyMem_Calloc(1, sizeof *sig);
    if (!sig)
        return NULL;
    sig->op = op;
    sig->nargs = op->is_out ? op->first_out : op->nargs;
    sig->names = PyMem_Calloc((size_t)op->nargs + 1, sizeof *sig->names);
    sig->types = PyMem_Calloc((size_t)op->nargs + 1, sizeof *sig->types);
    sig->defaults = PyMem_Calloc((size_t)op->nargs + 1, sizeof *sig->defaults);
    if (!sig->names || !sig->types || !sig->defaults)
        return NULL;
    sig->varargs = -1;
    bool dtype = false, device = false;
    for (int i = 0; i < sig->nargs; i++) {
        const ct_arg_info *a = &op->args[i];
        sig->names[i] = PyUnicode_InternFromString(i == 0 && !strcmp(a->name, "self") ? "input" : a->name);
        if (!a->keyword_only)
            sig->npos = i + 1;
        if (!a->has_default)
            sig->required = i + 1;
        sig->types[i] = (uint8_t)a->type;
        sig->defaults[i] = a->value;
        dtype |= a->type == CT_V_DTYPE;
        device |= a->type == CT_V_DEVICE;
    }
    sig->factory = dtype && device;
    for (int i = 0; i < sig->npos; i++) /* meshgrid(a, b), einsum("ij,jk", a, b): tensors one by one, where no dim follows */
        if (op->args[i].type == CT_V_TENSORS && (i == 0 || op->args[i - 1].type == CT_V_STRING) &&
            (i == sig->npos - 1 || op->args[i + 1].type == CT_V_STRING))
            sig->varargs = i;
    for (int i = 0; i < sig->npos; i++)
        if ((op->args[i].type == CT_V_INTS && op->args[i].list_size == -1) && i == sig->npos - 1 &&
            (i == 0 || (i == 1 && op->args[0].type == CT_V_TENSOR)))
            sig->varargs = i;
    return sig;
}

static ctpy_group *ops_make_group(int64_t first, int64_t last, unsigned flag)
{
    int64_t n;
    const ct_op_info *table = ct_op_table(&n);
    ctpy_group *g = PyMem_Calloc(1, sizeof *g);
    g->sigs = PyMem_Calloc((size_t)(last - first), sizeof *g->sigs);
    g->outs = PyMem_Calloc((size_t)(last - first), sizeof *g->outs);
    g->name = table[first].name;
    g->object_name = PyUnicode_InternFromString(g->name);
    g->method = flag == CT_ON_METHOD || flag == CT_ON_PROPERTY;
    for (int64_t i = first; i < last; i++) {
        if (!(table[i].on & flag) || table[i].nargs > CTPY_MAX_ARGS)
            continue;
        /* A method has no out=, except as a keyword of the function. */
        if (table[i].is_out)
            g->outs[g->nouts++] = ops_make_sig(&table[i]);
        else
            g->sigs[g->n++] = ops_make_sig(&table[i]);
    }
    if (g->n + g->nouts)
        return g;
    PyMem_Free(g->sigs);
    PyMem_Free(g->outs);
    PyMem_Free(g);
    return NULL;
}

static ops_entry *ops_find(const char *name)
{
    int64_t low = 0, high = ops_count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int c = strcmp(ops_entries[middle].name, name);
        if (!c)
            return &ops_entries[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const ctpy_group *ctpy_method_group(const char *name)
{
    ops_entry *e = ops_find(name);
    return e ? e->groups[OPS_METHOD] : NULL;
}

const ctpy_group *ctpy_function_group(const char *name)
{
    ops_entry *e = ops_find(name);
    return e ? e->groups[OPS_TORCH] : NULL;
}

const ctpy_group *ctpy_any_group(const char *name)
{
    ops_entry *e = ops_find(name);
    for (int p = 0; e && p < OPS_PLACES; p++)
        if (e->groups[p])
            return e->groups[p];
    return NULL;
}

/* ---- The callables ---- */

typedef struct PyOp {
    PyObject_HEAD
    vectorcallfunc call;
    const ctpy_group *group;
    const char *module;
    PyObject *doc;
} PyOp;
static PyTypeObject *ops_FunctionType, *ops_MethodType;

static PyObject *ops_function_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    return ctpy_call_group(((PyOp *)self)->group, args, PyVectorcall_NARGS(nargsf), kwnames);
}

static PyObject *ops_method_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    const ctpy_group *g = ((PyOp *)self)->group;
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (n < 1 || !ctpy_is_tensor(args[0])) {
        PyErr_Format(PyExc_TypeError, n < 1 ? "unbound method TensorBase.%s() needs an argument"
                     : "descriptor '%s' for 'torch._C.TensorBase' objects doesn't apply to a '%s' object", g->name,
                     n < 1 ? "" : Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    return ctpy_call_group(g, args, n, kwnames);
}

static PyObject *ops_method_get(PyObject *self, PyObject *obj, PyObject *type)
{
    return obj && obj != Py_None ? PyMethod_New(self, obj) : Py_NewRef(self);
}

static PyObject *ops_name(PyObject *o, void *u) { return Py_NewRef(((PyOp *)o)->group->object_name); }
static PyObject *ops_module(PyObject *o, void *u) { return PyUnicode_FromString(((PyOp *)o)->module); }

static PyObject *ops_doc(PyObject *o, void *u)
{
    const ctpy_group *g = ((PyOp *)o)->group;
    PyObject *s = PyUnicode_FromString("");
    for (int i = 0; s && i < g->n; i++)
        Py_SETREF(s, PyUnicode_FromFormat("%U%s%s\n    %s\n", s, i ? "\n" : "", g->sigs[i]->op->schema,
                                          g->sigs[i]->op->doc ? g->sigs[i]->op->doc : ""));
    return s;
}

static PyObject *ops_repr(PyObject *o)
{
    const ctpy_group *g = ((PyOp *)o)->group;
    if (g->method)
        return PyUnicode_FromFormat("<method '%s' of 'torch._C.TensorBase' objects>", g->name);
    if (!strcmp(((PyOp *)o)->module, "ctorch._C"))
        return PyUnicode_FromFormat("<built-in method %s of type object at %p>", g->name, (void *)ctpy_TensorType);
    return PyUnicode_FromFormat("<built-in function %s>", g->name);
}

static PyObject *ops_reduce(PyObject *o, PyObject *u)
{
    if (((PyOp *)o)->group->method) {
        PyObject *get = PyObject_GetAttrString(PyEval_GetBuiltins() ? PyImport_AddModule("builtins") : NULL, "getattr");
        return get ? Py_BuildValue("N(OO)", get, ctpy_TensorType, ((PyOp *)o)->group->object_name) : NULL;
    }
    return Py_NewRef(((PyOp *)o)->group->object_name);
}

static PyGetSetDef ops_getset[] = {
    {"__name__", ops_name, NULL, NULL, NULL}, {"__qualname__", ops_name, NULL, NULL, NULL},
    {"__module__", ops_module, NULL, NULL, NULL}, {"__doc__", ops_doc, NULL, NULL, NULL}, {0}};
static PyMethodDef ops_methods[] = {{"__reduce__", ops_reduce, METH_NOARGS, NULL}, {0}};
static PyMemberDef ops_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOp, call), READONLY, NULL}, {0}};

static PyTypeObject *ops_make_type(const char *name, bool method)
{
    PyType_Slot slots[] = {{Py_tp_call, PyVectorcall_Call}, {Py_tp_repr, ops_repr}, {Py_tp_getset, ops_getset},
                           {Py_tp_methods, ops_methods}, {Py_tp_members, ops_members},
                           {method ? Py_tp_descr_get : 0, ops_method_get}, {0}};
    PyType_Spec spec = {name, sizeof(PyOp), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
                            Py_TPFLAGS_IMMUTABLETYPE | /* from 3.12 on the interpreter caches the lookup of such a method */
                            (method ? Py_TPFLAGS_METHOD_DESCRIPTOR : 0), slots};
    return (PyTypeObject *)PyType_FromSpec(&spec);
}

static PyObject *ops_make_callable(const ctpy_group *g, const char *module)
{
    PyOp *o = PyObject_New(PyOp, g->method ? ops_MethodType : ops_FunctionType);
    if (!o)
        return NULL;
    o->call = g->method ? ops_method_call : ops_function_call;
    o->group = g;
    o->module = module;
    o->doc = NULL;
    return (PyObject *)o;
}

PyObject *ctpy_op_callable(const ctpy_group *g) { return ops_make_callable(g, "ctorch._C"); }

static PyObject *ops_property_get(PyObject *self, void *group) { return ctpy_call_group(group, &self, 1, NULL); }

static bool ops_add_property(const ctpy_group *g)
{
    PyGetSetDef *def = PyMem_Calloc(1, sizeof *def);
    if (!def)
        return false;
    def->name = g->name;
    def->get = ops_property_get;
    def->doc = g->sigs[0]->op->doc;
    def->closure = (void *)g;
    PyObject *descr = PyDescr_NewGetSet(ctpy_TensorType, def);
    bool good = descr && PyObject_SetAttrString((PyObject *)ctpy_TensorType, g->name, descr) == 0;
    Py_XDECREF(descr);
    return good;
}

static bool ops_add(PyObject *to, const ctpy_group *g, const char *module)
{
    PyObject *o = ops_make_callable(g, module);
    bool good = o && PyObject_SetAttr(to, g->object_name, o) == 0;
    Py_XDECREF(o);
    return good;
}

static PyObject *ops_add_module(PyObject *module, const char *full, const char *name)
{
    PyObject *m = PyImport_AddModule(full);
    if (!m || PyModule_AddObjectRef(module, name, m) < 0)
        return NULL;
    return m;
}

/* _op_schemas(name): the schemas of all overloads, as text. */
static PyObject *ops_schemas(PyObject *m, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    int64_t n;
    const ct_op_info *table = ct_op_table(&n);
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; text && list && i < n; i++)
        if (!strcmp(table[i].name, text)) {
            PyObject *s = PyUnicode_FromString(table[i].schema);
            PyList_Append(list, s);
            Py_XDECREF(s);
        }
    return list;
}

static PyObject *ops_names(PyObject *m, PyObject *u)
{
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list && i < ops_count; i++) {
        PyObject *s = PyUnicode_FromString(ops_entries[i].name);
        PyList_Append(list, s);
        Py_XDECREF(s);
    }
    return list;
}

static PyMethodDef ops_functions[] = {
    {"_op_schemas", ops_schemas, METH_O, "The schemas of an op's overloads."},
    {"_op_names", ops_names, METH_NOARGS, "The names of all ops."},
    {0}};

static bool ops_has_own(PyTypeObject *type, const char *name) { return PyDict_GetItemString(type->tp_dict, name) != NULL; }

bool ctpy_ops_ready(PyObject *module)
{
    ops_FunctionType = ops_make_type("ctorch._C.builtin_function", false);
    ops_MethodType = ops_make_type("ctorch._C.method_descriptor", true);
    ops_tuple_types = PyDict_New();
    if (!ops_FunctionType || !ops_MethodType || !ops_tuple_types || PyModule_AddFunctions(module, ops_functions) < 0)
        return false;
    PyObject *functional = ops_add_module(module, "ctorch._C._functional", "_functional");
    PyObject *internal = ops_add_module(module, "ctorch._C._ops", "_ops");
    ops_return_types = ops_add_module(module, "ctorch._C.return_types", "return_types");
    if (!functional || !internal || !ops_return_types || PyModule_AddObjectRef(module, "functional", functional) < 0)
        return false;
    int64_t n;
    const ct_op_info *table = ct_op_table(&n);
    ops_entries = PyMem_Calloc((size_t)n + 1, sizeof *ops_entries);
    ops_tuple_cache = PyMem_Calloc((size_t)n + 1, sizeof *ops_tuple_cache);
    if (!ops_entries || !ops_tuple_cache)
        return false;
    for (int64_t first = 0, last; first < n; first = last) {
        for (last = first; last < n && !strcmp(table[last].name, table[first].name); last++)
            ;
        ops_entry *e = &ops_entries[ops_count++];
        e->name = table[first].name;
        for (int p = 0; p < OPS_PLACES; p++)
            e->groups[p] = ops_make_group(first, last, ops_flags[p]);
        e->property = ops_make_group(first, last, CT_ON_PROPERTY);
        bool named = e->groups[OPS_METHOD] || !strncmp(e->name, "linalg_", 7); /* the others (std_mean) give a plain tuple */
        for (int64_t i = first; i < last; i++)
            if (named && table[i].nresults > 1 && table[i].tuple_name && table[i].result_names &&
                !ops_tuple_type(&table[i]))
                return false;
        /* Hand-written methods (size, to, backward, ...) stay. */
        if (e->groups[OPS_TORCH] && !PyObject_HasAttr(module, e->groups[OPS_TORCH]->object_name) &&
            !ops_add(module, e->groups[OPS_TORCH], "ctorch._C"))
            return false;
        if (e->groups[OPS_FUNCTIONAL] && !ops_add(functional, e->groups[OPS_FUNCTIONAL], "ctorch._C._functional"))
            return false;
        if (e->groups[OPS_INTERNAL] && !ops_add(internal, e->groups[OPS_INTERNAL], "ctorch._C._ops"))
            return false;
        if (e->groups[OPS_METHOD] && !ops_has_own(ctpy_TensorType, e->name) &&
            !ops_add((PyObject *)ctpy_TensorType, e->groups[OPS_METHOD], "ctorch"))
            return false;
        if (e->property && !ops_has_own(ctpy_TensorType, e->name) && !ops_add_property(e->property))
            return false;
    }
    return true;
}
