/* ctorch._C._optim: the optimizers' steps on Python lists of tensors. See ctorch/optim/_steps.py. */
#include "binding.h"
#include <ctorch/steps.h>

bool ctpy_optim_ready(PyObject *module);

/* A list or tuple of tensors as C pointers, which stay borrowed from it; from the heap block that optim_free frees. */
typedef struct optim_lists { ct_tensors list[6]; ct_tensor **block; } optim_lists;

static bool optim_gather(const char *name, PyObject *const *args, int nlists, optim_lists *out)
{
    Py_ssize_t total = 0;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < nlists; i++) {
        if (!PyList_Check(args[i]) && !PyTuple_Check(args[i])) {
            PyErr_Format(PyExc_TypeError, "%s(): argument %d must be a list of tensors, not %s", name, i + 1, Py_TYPE(args[i])->tp_name);
            return false;
        }
        total += PySequence_Fast_GET_SIZE(args[i]);
    }
    ct_tensor **v = out->block = PyMem_New(ct_tensor *, (size_t)(total ? total : 1));
    if (!v) {
        PyErr_NoMemory();
        return false;
    }
    for (int i = 0; i < nlists; i++) {
        Py_ssize_t n = PySequence_Fast_GET_SIZE(args[i]);
        out->list[i] = (ct_tensors){n, v};
        for (Py_ssize_t k = 0; k < n; k++) {
            PyObject *o = PySequence_Fast_GET_ITEM(args[i], k);
            if (!ctpy_is_tensor(o) && o != Py_None) {
                PyErr_Format(PyExc_TypeError, "%s(): element %zd of argument %d must be Tensor, not %s", name, k, i + 1,
                             Py_TYPE(o)->tp_name);
                return false;
            }
            *v++ = o == Py_None ? NULL : CTPY_TENSOR(o);
        }
    }
    return true;
}

/* The n numbers after the lists; booleans count as 0 and 1. */
static bool optim_numbers(const char *name, PyObject *const *args, Py_ssize_t nargs, int nlists, int n, double *out)
{
    if (nargs != nlists + n) {
        PyErr_Format(PyExc_TypeError, "%s() takes exactly %d arguments (%zd given)", name, nlists + n, nargs);
        return false;
    }
    for (int i = 0; i < n; i++) {
        out[i] = PyFloat_AsDouble(args[nlists + i]);
        if (out[i] == -1 && PyErr_Occurred())
            return false;
    }
    return true;
}

static int64_t optim_work(ct_tensors params)
{
    int64_t n = 0;
    for (int64_t i = 0; i < params.n; i++)
        n += params.v[i] ? ct_numel(params.v[i]) : 0;
    return n;
}

#define OPTIM_BEGIN(name, nlists, nnumbers) \
    double x[nnumbers]; \
    optim_lists l; \
    if (!optim_numbers(name, args, nargs, nlists, nnumbers, x)) \
        return NULL; \
    if (!optim_gather(name, args, nlists, &l)) { \
        PyMem_Free(l.block); \
        return NULL; \
    } \
    ct_scope scope = ct_scope_begin()

#define OPTIM_CALL(call) \
    bool good; \
    CTPY_NOGIL_BEGIN(optim_work(l.list[0]) >= CTPY_GIL_ELEMENTS) \
    good = call; \
    CTPY_NOGIL_END

#define OPTIM_END() \
    PyMem_Free(l.block); \
    ct_scope_end(&scope); \
    if (!good || !ct_ok() || PyErr_Occurred()) \
        return ctpy_raise(); \
    Py_RETURN_NONE

static PyObject *optim_sgd(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    OPTIM_BEGIN("sgd_step", 3, 6);
    if (!PyList_Check(args[2]) || l.list[2].n != l.list[0].n) {
        PyMem_Free(l.block);
        ct_scope_end(&scope);
        PyErr_SetString(PyExc_TypeError, "sgd_step(): argument 3 must be a list with one entry for each parameter");
        return NULL;
    }
    ct_sgd_step_opts o = {.lr = x[0], .momentum = x[1], .dampening = x[2], .weight_decay = x[3], .nesterov = x[4] != 0,
                          .maximize = x[5] != 0};
    ct_tensor **bufs = (ct_tensor **)l.list[2].v;
    OPTIM_CALL(ct_sgd_step(l.list[0], l.list[1], bufs, &o));
    for (int64_t i = 0; good && o.momentum != 0 && i < l.list[2].n; i++) {
        if (PyList_GET_ITEM(args[2], i) != Py_None)
            continue;
        PyObject *buf = ctpy_wrap(bufs[i]);
        if (!buf || PyList_SetItem(args[2], i, buf) < 0)
            good = false;
    }
    OPTIM_END();
}

static PyObject *optim_adam(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    OPTIM_BEGIN("adam_step", 6, 8);
    ct_adam_step_opts o = {.lr = x[0], .beta1 = x[1], .beta2 = x[2], .eps = x[3], .weight_decay = x[4], .amsgrad = x[5] != 0,
                           .maximize = x[6] != 0, .decoupled_weight_decay = x[7] != 0};
    OPTIM_CALL(ct_adam_step(l.list[0], l.list[1], l.list[2], l.list[3], l.list[4], l.list[5], &o));
    OPTIM_END();
}

static PyObject *optim_rmsprop(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    OPTIM_BEGIN("rmsprop_step", 6, 7);
    ct_rmsprop_step_opts o = {.lr = x[0], .alpha = x[1], .eps = x[2], .weight_decay = x[3], .momentum = x[4],
                              .centered = x[5] != 0, .maximize = x[6] != 0};
    OPTIM_CALL(ct_rmsprop_step(l.list[0], l.list[1], l.list[2], l.list[3], l.list[4], l.list[5], &o));
    OPTIM_END();
}

static PyObject *optim_adagrad(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    OPTIM_BEGIN("adagrad_step", 4, 5);
    ct_adagrad_step_opts o = {.lr = x[0], .lr_decay = x[1], .weight_decay = x[2], .eps = x[3], .maximize = x[4] != 0};
    OPTIM_CALL(ct_adagrad_step(l.list[0], l.list[1], l.list[2], l.list[3], &o));
    OPTIM_END();
}

static PyMethodDef optim_functions[] = {
    {"sgd_step", CTPY_FAST(optim_sgd), METH_FASTCALL, NULL},
    {"adam_step", CTPY_FAST(optim_adam), METH_FASTCALL, NULL},
    {"rmsprop_step", CTPY_FAST(optim_rmsprop), METH_FASTCALL, NULL},
    {"adagrad_step", CTPY_FAST(optim_adagrad), METH_FASTCALL, NULL},
    {0},
};

bool ctpy_optim_ready(PyObject *module)
{
    static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "ctorch._C._optim", "The optimizers' steps.", -1,
                                            optim_functions, NULL, NULL, NULL, NULL};
    PyObject *m = PyModule_Create(&definition);
    bool good = m && PyModule_AddObjectRef(module, "_optim", m) == 0;
    Py_XDECREF(m);
    return good;
}
