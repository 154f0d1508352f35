/* What the extension's files share. Only <ctorch/...> headers and Python.h are used: the public API proved by its hardest
 * user. ctpy_ names are hidden between the files of this folder. */
#ifndef CTPY_BINDING_H
#define CTPY_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <ctorch/schema.h>
#include <math.h>
#include <string.h>

#define CTPY_MAX_ARGS 40
#define CTPY_LIKELY(x) __builtin_expect(!!(x), 1)
#define CTPY_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The core's channel for user warnings. */
CT_API void ct_warn(const char *format, ...);
CT_API void ct_set_warning_handler(void (*handler)(const char *message));

/* ---- Tensor objects (tensor_type.c) ---- */

typedef struct PyTensor {
    PyObject_HEAD
    ct_tensor *t;
    bool c_owns;      /* the C tensor holds this object (nobody in Python does), not the other way round */
    PyObject *dict, *weak;
    PyObject *hooks;  /* {id: callable}, run on the gradient */
    PyObject *accumulate_hooks;
} PyTensor;

extern PyTypeObject *ctpy_TensorType;
static inline bool ctpy_is_tensor(PyObject *o)
{
    return Py_TYPE(o) == ctpy_TensorType || PyType_IsSubtype(Py_TYPE(o), ctpy_TensorType);
}
#define CTPY_TENSOR(o) (((PyTensor *)(o))->t)

/* A new reference to t's one Python object; t NULL: the pending error is raised (None where none is pending). */
PyObject *ctpy_wrap(ct_tensor *t);
/* The same, taking over the caller's reference to t. */
PyObject *ctpy_wrap_owned(ct_tensor *t);
/* A new object of a subclass for a tensor that has none yet. */
PyObject *ctpy_wrap_as(ct_tensor *t, PyTypeObject *type);
PyObject *ctpy_wrap_list(ct_tensors list); /* a tuple */
/* Wraps what a call gave and closes its scope. */
static inline PyObject *ctpy_finish(ct_scope *scope, ct_tensor *t)
{
    return ctpy_wrap_owned(ct_scope_end_but(scope, t));
}
/* None, or the pending error. */
PyObject *ctpy_none_or_error(ct_scope *scope);
void ctpy_track(PyTensor *self); /* the object now holds Python objects: let the collector see it */
bool ctpy_tensor_type_ready(PyObject *module);

/* ---- Errors, warnings, the GIL (errors.c) ---- */

/* Raises the thread's pending C error as its Python exception and clears it. Returns NULL. */
PyObject *ctpy_raise(void);
/* Keeps the current Python exception for ctpy_raise and records a C error in its stead (in callbacks). */
void ctpy_stash_exception(void);
bool ctpy_errors_ready(PyObject *module);
/* Runs code without the GIL where it is worth it. */
#define CTPY_GIL_ELEMENTS 16384
#define CTPY_NOGIL_BEGIN(when) { PyThreadState *ctpy__save = (when) ? PyEval_SaveThread() : NULL;
#define CTPY_NOGIL_END if (ctpy__save) PyEval_RestoreThread(ctpy__save); }

/* ---- Small types (dtype.c, device.c) ---- */

typedef struct PyDtype { PyObject_HEAD ct_dtype dtype; } PyDtype;
typedef struct PyDevice { PyObject_HEAD ct_device device; } PyDevice;
typedef struct PyGenerator { PyObject_HEAD ct_generator *g; } PyGenerator;
typedef struct PyNamed { PyObject_HEAD int value; const char *name; } PyNamed; /* layout, memory_format */
extern PyTypeObject *ctpy_DtypeType, *ctpy_DeviceType, *ctpy_GeneratorType, *ctpy_LayoutType, *ctpy_FormatType, *ctpy_SizeType;

PyObject *ctpy_dtype_object(ct_dtype dtype);      /* new reference; None for CT_DTYPE_NONE */
PyObject *ctpy_layout_strided(void);              /* new reference */
PyObject *ctpy_format_object(ct_memory_format f); /* new reference */
PyObject *ctpy_device_object(ct_device device);
PyObject *ctpy_size(ct_ints shape);
PyObject *ctpy_generator_object(ct_generator *g);
/* A dtype object or one of Python's float, int, bool. False: not one (no error is set). */
bool ctpy_to_dtype(PyObject *o, ct_dtype *out);
/* 1: parsed; 0: not a device, string or int; -1: raised. CUDA devices are let through only if `any`. */
int ctpy_to_device(PyObject *o, ct_device *out, bool any);
bool ctpy_parse_device(const char *text, ct_device *out);
PyObject *ctpy_no_cuda(void); /* raises */
bool ctpy_dtype_ready(PyObject *module);
bool ctpy_device_ready(PyObject *module);
bool ctpy_generator_ready(PyObject *module);

/* ---- Python <-> values (convert.c, data.c) ---- */

/* 'b', 'i', 'f' for a Python or NumPy number, 0 for anything else. */
char ctpy_number_kind(PyObject *o);
bool ctpy_is_numpy(PyObject *o, const char *name); /* is its type numpy.NAME? */
bool ctpy_is_ndarray(PyObject *o);
/* The value of a Python int (of exactly that type, or a subclass); *overflow is not 0 where it does not fit. */
static inline int64_t ctpy_long(PyObject *o, int *overflow)
{
#if PY_VERSION_HEX < 0x030C0000
    Py_ssize_t digits = Py_SIZE(o);
    if (CTPY_LIKELY(digits >= -1 && digits <= 1)) { /* a sign and at most one digit */
        *overflow = 0;
        return digits ? digits * (int64_t)((PyLongObject *)o)->ob_digit[0] : 0;
    }
#endif
    return PyLong_AsLongLongAndOverflow(o, overflow);
}
/* 1 done, 0 not a number, -1 raised. A 0-dim tensor counts as a number. */
int ctpy_to_scalar(PyObject *o, ct_scalar *out);
int ctpy_to_int(PyObject *o, int64_t *out);
int ctpy_to_double(PyObject *o, double *out);
PyObject *ctpy_scalar_object(ct_scalar s);
PyObject *ctpy_item(ct_tensor *t);
PyObject *ctpy_tolist(ct_tensor *t);
PyObject *ctpy_from_value(const ct_value *v);
PyObject *ctpy_int_tuple(int64_t n, const int64_t *v);
/* The data of nested sequences, arrays and numbers as a new tensor, in the open scope; NULL: raised. */
ct_tensor *ctpy_tensor_from_data(PyObject *data, ct_dtype dtype, bool copy);
/* A tensor operand from an ndarray or another buffer, shared where possible; NULL: raised. */
ct_tensor *ctpy_from_buffer(PyObject *o, bool warn_read_only);
/* t in another dtype or a copy (recorded for backward), in the open scope. */
ct_tensor *ctpy_cast(ct_tensor *t, ct_dtype dtype, bool copy, ct_memory_format format);
int ctpy_tensor_getbuffer(PyObject *self, Py_buffer *view, int flags);
void ctpy_tensor_releasebuffer(PyObject *self, Py_buffer *view);
ct_dtype ctpy_numpy_scalar_dtype(PyObject *o); /* of a NumPy scalar, by its type's name */

/* ---- Ops from the table (args.c, ops.c) ---- */

typedef struct ctpy_sig {
    const ct_op_info *op;
    PyObject **names;  /* interned, one an argument */
    int nargs;         /* without out= */
    int npos;          /* how many may be positional */
    int varargs;       /* the int list that gathers positional arguments, or -1 */
    int required;      /* the arguments up to here have no default */
    uint8_t *types;    /* of the arguments, and their defaults: what args_quick needs, close together */
    ct_value *defaults;
    bool factory;      /* takes dtype and device */
} ctpy_sig;

/* All overloads behind one Python name. */
typedef struct ctpy_group {
    const char *name;
    PyObject *object_name;
    bool method;
    int n, nouts;
    ctpy_sig **sigs, **outs;
} ctpy_group;

typedef struct ctpy_frame {
    ct_scope scope;
    const ctpy_group *group;
    int64_t elements;
    int nints;
    bool requires_grad;
    void *heap;            /* chain of blocks to free */
    ct_value values[CTPY_MAX_ARGS];
    int64_t ints[64];
} ctpy_frame;

PyObject *ctpy_call_group(const ctpy_group *g, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
/* Tries one overload on arguments; 1 bound, 0 not, -1 raised. */
int ctpy_bind(const ctpy_sig *sig, ctpy_frame *f, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
/* Runs a bound op and makes the Python result; closes the frame. */
PyObject *ctpy_run(const ctpy_sig *sig, ctpy_frame *f);
PyObject *ctpy_mismatch(const ctpy_group *g, bool out, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *ctpy_results(const ct_op_info *op, const ct_value *results);
void ctpy_frame_begin(ctpy_frame *f, const ctpy_group *g);
void ctpy_frame_end(ctpy_frame *f);

const ctpy_group *ctpy_method_group(const char *name);   /* NULL if there is none */
const ctpy_group *ctpy_function_group(const char *name);
const ctpy_group *ctpy_any_group(const char *name);      /* function, functional, method or internal */
PyObject *ctpy_op_callable(const ctpy_group *g);
bool ctpy_ops_ready(PyObject *module);
bool ctpy_operators_ready(void);
extern PyType_Slot ctpy_number_slots[];

/* ---- The rest of the Tensor type ---- */

PyObject *ctpy_getitem(PyObject *self, PyObject *index);
int ctpy_setitem(PyObject *self, PyObject *index, PyObject *value);
Py_ssize_t ctpy_tensor_length(PyObject *self);
extern PyMethodDef ctpy_tensor_methods[], ctpy_autograd_methods[], ctpy_autograd_functions[], ctpy_data_functions[],
    ctpy_numpy_methods[], ctpy_numpy_functions[], ctpy_dlpack_methods[], ctpy_dlpack_functions[], ctpy_to_methods[],
    ctpy_python_methods[];
extern PyGetSetDef ctpy_tensor_getset[], ctpy_autograd_getset[];
PyObject *ctpy_node_object(ct_node *n); /* None for NULL */
bool ctpy_autograd_ready(PyObject *module);
bool ctpy_function_ready(PyObject *module);
/* The entry of a module of the package, imported on first use. */
PyObject *ctpy_package_attr(const char *module, const char *name);
/* Positional and keyword arguments by name, for hand-written entry points: out[i] is borrowed or NULL. `required` of the
 * names must be there. */
bool ctpy_simple_args(const char *fname, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, int n,
                      const char *const *names, int npositional, int required, PyObject **out);
#define CTPY_FAST(f) ((PyCFunction)(void (*)(void))(f))
#define CTPY_KW (METH_FASTCALL | METH_KEYWORDS)
#endif
