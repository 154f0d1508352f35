/* torch.Generator and the default generator's functions. */
#include "binding.h"

PyTypeObject *ctpy_GeneratorType;
static PyObject *generator_default;

PyObject *ctpy_generator_object(ct_generator *g)
{
    if (!g)
        return ctpy_raise();
    PyGenerator *o = PyObject_New(PyGenerator, ctpy_GeneratorType);
    if (o)
        o->g = ct_retain(g);
    return (PyObject *)o;
}

static PyObject *generator_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"device", NULL};
    PyObject *device = NULL;
    ct_device d;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", names, &device))
        return NULL;
    if (device && device != Py_None && ctpy_to_device(device, &d, false) < 0)
        return NULL;
    ct_generator *g = ct_generator_new();
    PyObject *o = ctpy_generator_object(g);
    ct_release(g);
    return o;
}

static void generator_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    ct_release(((PyGenerator *)o)->g);
    PyObject_Free(o);
    Py_DECREF(type);
}

/* -2^63 .. 2^64-1; a negative seed stands for 2^64 + seed. */
static bool generator_seed_value(PyObject *o, uint64_t *out)
{
    PyObject *n = NULL;
    if (PyFloat_Check(o))
        n = PyNumber_Long(o);
    else if (ctpy_is_tensor(o) || PyIndex_Check(o))
        n = PyNumber_Index(o);
    else
        PyErr_Format(PyExc_RuntimeError, "manual_seed expected a long, but got %s", Py_TYPE(o)->tp_name);
    if (!n)
        return false;
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(n, &overflow);
    bool good = !overflow;
    *out = (uint64_t)v;
    if (overflow > 0) {
        *out = PyLong_AsUnsignedLongLong(n);
        good = !PyErr_Occurred();
        PyErr_Clear();
    }
    Py_DECREF(n);
    if (!good)
        PyErr_SetString(PyExc_ValueError, "Overflow when unpacking long long");
    return good;
}

static PyObject *generator_manual_seed(PyObject *o, PyObject *seed)
{
    uint64_t s;
    if (!generator_seed_value(seed, &s))
        return NULL;
    ct_generator_seed(((PyGenerator *)o)->g, s);
    return Py_NewRef(o);
}

static PyObject *generator_initial_seed(PyObject *o, PyObject *u)
{
    return PyLong_FromUnsignedLongLong(ct_generator_initial_seed(((PyGenerator *)o)->g));
}

static PyObject *generator_seed(PyObject *o, PyObject *u)
{
    return PyLong_FromUnsignedLongLong(ct_generator_reseed(((PyGenerator *)o)->g));
}

static PyObject *generator_get_state(PyObject *o, PyObject *u)
{
    ct_scope scope = ct_scope_begin();
    static int64_t zeros[CT_GENERATOR_STATE_BYTES];
    ct_tensor *t = ct_tensor_from_ints(zeros, CT_INTS(CT_GENERATOR_STATE_BYTES), CT_UINT8);
    if (t)
        ct_generator_get_state(((PyGenerator *)o)->g, ct_data(t));
    return ctpy_finish(&scope, t);
}

static PyObject *generator_set_state(PyObject *o, PyObject *state)
{
    if (!ctpy_is_tensor(state)) {
        PyErr_Format(PyExc_TypeError, "expected a torch.ByteTensor, but got %s", Py_TYPE(state)->tp_name);
        return NULL;
    }
    ct_tensor *t = CTPY_TENSOR(state);
    if (ct_dtype_of(t) != CT_UINT8 || !ct_is_contiguous(t, CT_CONTIGUOUS_FORMAT)) {
        PyErr_SetString(PyExc_TypeError, "RNG state must be a torch.ByteTensor");
        return NULL;
    }
    if (!ct_generator_set_state(((PyGenerator *)o)->g, ct_data(t), ct_numel(t)))
        return ctpy_raise();
    return Py_NewRef(o);
}

static PyObject *generator_clone(PyObject *o, PyObject *u)
{
    uint8_t state[CT_GENERATOR_STATE_BYTES];
    ct_generator *g = ct_generator_new();
    if (!g)
        return ctpy_raise();
    ct_generator_get_state(((PyGenerator *)o)->g, state);
    ct_generator_set_state(g, state, sizeof state);
    PyObject *copy = ctpy_generator_object(g);
    ct_release(g);
    return copy;
}

static PyObject *generator_device(PyObject *o, void *u) { return ctpy_device_object((ct_device){CT_CPU, -1}); }

static PyObject *generator_reduce(PyObject *o, PyObject *u)
{
    PyObject *state = generator_get_state(o, NULL);
    PyObject *rebuild = state ? ctpy_package_attr("ctorch._C", "_rebuild_generator") : NULL;
    return rebuild ? Py_BuildValue("N(N)", rebuild, state) : NULL;
}

static PyObject *generator_rebuild(PyObject *m, PyObject *state)
{
    ct_generator *g = ct_generator_new();
    PyObject *o = ctpy_generator_object(g);
    ct_release(g);
    PyObject *r = o ? generator_set_state(o, state) : NULL;
    Py_XDECREF(o);
    return r;
}

static PyObject *generator_global_seed(PyObject *m, PyObject *seed)
{
    PyObject *r = generator_manual_seed(generator_default, seed);
    return r;
}
static PyObject *generator_global_initial(PyObject *m, PyObject *u) { return generator_initial_seed(generator_default, NULL); }
static PyObject *generator_global_reseed(PyObject *m, PyObject *u) { return generator_seed(generator_default, NULL); }
static PyObject *generator_global_get(PyObject *m, PyObject *u) { return generator_get_state(generator_default, NULL); }
static PyObject *generator_global_set(PyObject *m, PyObject *state)
{
    PyObject *r = generator_set_state(generator_default, state);
    if (!r)
        return NULL;
    Py_DECREF(r);
    Py_RETURN_NONE;
}
static ct_generator *generator_arg(PyObject *g)
{
    if (g == Py_None)
        return ct_default_generator();
    if (Py_TYPE(g) == ctpy_GeneratorType)
        return ((PyGenerator *)g)->g;
    PyErr_Format(PyExc_TypeError, "expected a torch.Generator or None, not %s", Py_TYPE(g)->tp_name);
    return NULL;
}

/* Words of the stream, for Python code that draws as PyTorch does. */
static PyObject *generator_u64(PyObject *m, PyObject *g)
{
    ct_generator *p = generator_arg(g);
    return p ? PyLong_FromUnsignedLongLong(ct_generator_u64(p)) : NULL;
}
static PyObject *generator_u32(PyObject *m, PyObject *g)
{
    ct_generator *p = generator_arg(g);
    return p ? PyLong_FromUnsignedLong(ct_generator_u32(p)) : NULL;
}

static PyMethodDef generator_methods[] = {
    {"manual_seed", generator_manual_seed, METH_O, "Sets the seed; returns the generator."},
    {"initial_seed", generator_initial_seed, METH_NOARGS, NULL},
    {"seed", generator_seed, METH_NOARGS, "Seeds from the operating system; returns the seed."},
    {"get_state", generator_get_state, METH_NOARGS, "The state as a uint8 tensor of 5056 elements."},
    {"set_state", generator_set_state, METH_O, NULL},
    {"clone_state", generator_clone, METH_NOARGS, NULL},
    {"__reduce__", generator_reduce, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef generator_getset[] = {{"device", generator_device, NULL, NULL, NULL}, {0}};
static PyMethodDef generator_functions[] = {
    {"manual_seed", generator_global_seed, METH_O, "Seeds the default generator and returns it."},
    {"initial_seed", generator_global_initial, METH_NOARGS, NULL},
    {"seed", generator_global_reseed, METH_NOARGS, NULL},
    {"get_rng_state", generator_global_get, METH_NOARGS, NULL},
    {"set_rng_state", generator_global_set, METH_O, NULL},
    {"_random64", generator_u64, METH_O, NULL},
    {"_random32", generator_u32, METH_O, NULL},
    {"_rebuild_generator", generator_rebuild, METH_O, NULL},
    {0},
};

bool ctpy_generator_ready(PyObject *module)
{
    PyType_Slot slots[] = {{Py_tp_new, generator_new}, {Py_tp_dealloc, generator_dealloc}, {Py_tp_methods, generator_methods},
                           {Py_tp_getset, generator_getset},
                           {Py_tp_doc, "A stream of random numbers of its own: torch.Generator().manual_seed(0)."}, {0}};
    PyType_Spec spec = {"ctorch.Generator", sizeof(PyGenerator), 0, Py_TPFLAGS_DEFAULT, slots};
    ctpy_GeneratorType = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!ctpy_GeneratorType || PyModule_AddFunctions(module, generator_functions) < 0)
        return false;
    generator_default = ctpy_generator_object(ct_default_generator());
    return generator_default && PyModule_AddObjectRef(module, "default_generator", generator_default) == 0 &&
           PyModule_AddObjectRef(module, "Generator", (PyObject *)ctpy_GeneratorType) == 0;
}
