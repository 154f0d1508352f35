/* Native datasets for the DataLoader: opaque handles to ct_dataset and one call that fills a whole batch. The
 * order of batches, the seeds and the falling back to Python are Python's (utils/data/_utils/native.py). */
#include "binding.h"
#include <ctorch/vision.h>

#define LOADER_NAME "ctorch.dataset"

static void loader_capsule_free(PyObject *capsule) { ct_release(PyCapsule_GetPointer(capsule, LOADER_NAME)); }

/* Takes the dataset over. */
static PyObject *loader_capsule(ct_dataset *d)
{
    if (!d)
        return ctpy_raise();
    PyObject *o = PyCapsule_New(d, LOADER_NAME, loader_capsule_free);
    if (!o)
        ct_release(d);
    return o;
}

static bool loader_numbers(PyObject *o, int n, double *out)
{
    PyObject *list = PySequence_Fast(o, "a sequence of numbers is needed");
    if (!list)
        return false;
    bool good = PySequence_Fast_GET_SIZE(list) <= n;
    for (Py_ssize_t i = 0; good && i < PySequence_Fast_GET_SIZE(list); i++) {
        out[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(list, i));
        good = !PyErr_Occurred();
    }
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "too many numbers");
    Py_DECREF(list);
    return good;
}

/* One step: ("to_tensor",) ("normalize", means, stds) ("center_crop", h, w) ("random_crop", h, w, sides,
 * fill, if_needed) ("pad", sides, fill) ("hflip", p) ("vflip", p) ("resize", h, w or 0, longest or 0, filter's name). */
static ct_transform *loader_step(PyObject *step)
{
    const char *kind =
        PyTuple_Check(step) && PyTuple_GET_SIZE(step) ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(step, 0)) : NULL;
    PyObject *first = NULL, *second = NULL;
    long long h = 0, w = 0;
    double sides[4] = {0}, fill = 0, p = 0;
    int if_needed = 0;
    if (!kind) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a transform's step is a tuple");
        return NULL;
    }
    if (strcmp(kind, "to_tensor") == 0)
        return ct_to_tensor();
    if (strcmp(kind, "normalize") == 0) {
        ct_normalize_opts o = {.channels = 0};
        if (!PyArg_ParseTuple(step, "sOO", &kind, &first, &second) || !loader_numbers(first, 4, o.mean) ||
            !loader_numbers(second, 4, o.std))
            return NULL;
        o.channels = (int)PyObject_Length(second);
        return (ct_normalize)(&o);
    }
    if (strcmp(kind, "center_crop") == 0) {
        if (!PyArg_ParseTuple(step, "sLL", &kind, &h, &w))
            return NULL;
        return ct_center_crop(h, .width = w);
    }
    if (strcmp(kind, "hflip") == 0 || strcmp(kind, "vflip") == 0) {
        if (!PyArg_ParseTuple(step, "sd", &kind, &p))
            return NULL;
        return *kind == 'h' ? ct_random_horizontal_flip(.p = p) : ct_random_vertical_flip(.p = p);
    }
    if (strcmp(kind, "pad") == 0) {
        if (!PyArg_ParseTuple(step, "sOd", &kind, &first, &fill) || !loader_numbers(first, 4, sides))
            return NULL;
        return ct_pad_image(
            0, .sides = {(int64_t)sides[0], (int64_t)sides[1], (int64_t)sides[2], (int64_t)sides[3]},
            .fill = fill);
    }
    if (strcmp(kind, "random_crop") == 0) {
        if (!PyArg_ParseTuple(step, "sLLOdp", &kind, &h, &w, &first, &fill, &if_needed) ||
            !loader_numbers(first, 4, sides))
            return NULL;
        return ct_random_crop(
            h, .width = w, .fill = fill, .pad_if_needed = if_needed,
            .sides = {(int64_t)sides[0], (int64_t)sides[1], (int64_t)sides[2], (int64_t)sides[3]});
    }
    if (strcmp(kind, "resize") == 0) {
        static const char *const filters[] = {"bilinear", "nearest", "bicubic", "box", "hamming", "lanczos"};
        const char *filter;
        long long longest;
        int how = 0;
        if (!PyArg_ParseTuple(step, "sLLLs", &kind, &h, &w, &longest, &filter))
            return NULL;
        while (how < 6 && strcmp(filter, filters[how]) != 0)
            how++;
        return ct_resize(h, .width = w, .max_size = longest, .interpolation = (ct_interpolation)how);
    }
    PyErr_Format(PyExc_ValueError, "no transform %s", kind);
    return NULL;
}

/* _data_images(images, targets, steps): images (N, C, H, W) uint8, targets (N) int64, steps a list or None.
 */
static PyObject *loader_images(PyObject *m, PyObject *args)
{
    PyObject *images, *targets, *steps;
    if (!PyArg_ParseTuple(args, "O!O!O", ctpy_TensorType, &images, ctpy_TensorType, &targets, &steps))
        return NULL;
    ct_transform *transform = NULL;
    if (steps != Py_None) {
        Py_ssize_t n = PyList_Check(steps) ? PyList_GET_SIZE(steps) : -1, made = 0;
        ct_transform *parts[64];
        if (n < 1 || n > 64)
            return PyErr_Format(PyExc_ValueError, "a list of 1 to 64 steps is needed");
        while (made < n && (parts[made] = loader_step(PyList_GET_ITEM(steps, made))))
            made++;
        if (made < n) {
            while (made)
                ct_release(parts[--made]);
            return PyErr_Occurred() ? NULL : ctpy_raise();
        }
        if (!(transform = ct_compose_of(n, parts)))
            return ctpy_raise();
    }
    ct_dataset *d = ct_image_dataset(CTPY_TENSOR(images), CTPY_TENSOR(targets), transform);
    ct_release(transform);
    return loader_capsule(d);
}

/* _data_tensors(tensors) */
static PyObject *loader_tensors(PyObject *m, PyObject *arg)
{
    PyObject *list = PySequence_Fast(arg, "a sequence of tensors is needed");
    if (!list)
        return NULL;
    ct_tensor *tensors[CT_MAX_FIELDS];
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    bool good = n >= 1 && n <= CT_MAX_FIELDS;
    for (Py_ssize_t i = 0; good && i < n; i++) {
        PyObject *o = PySequence_Fast_GET_ITEM(list, i);
        if ((good = ctpy_is_tensor(o)))
            tensors[i] = CTPY_TENSOR(o);
    }
    PyObject *result = NULL;
    if (good)
        result = loader_capsule(ct_tensor_dataset_of((ct_tensors){n, tensors}));
    else
        PyErr_Format(PyExc_TypeError, "1 to %d tensors are needed", CT_MAX_FIELDS);
    Py_DECREF(list);
    return result;
}

/* The integers of a sequence; freed with PyMem_Free where it is not `local`. */
static int64_t *loader_indices(PyObject *o, int64_t *local, Py_ssize_t room, Py_ssize_t *count)
{
    PyObject *list = PySequence_Fast(o, "a sequence of indices is needed");
    if (!list)
        return NULL;
    Py_ssize_t n = *count = PySequence_Fast_GET_SIZE(list);
    int64_t *v = n <= room ? local : PyMem_Malloc((size_t)n * sizeof *v);
    if (!v)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; v && i < n; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        v[i] = PyLong_CheckExact(item) ? PyLong_AsSsize_t(item) : PyNumber_AsSsize_t(item, PyExc_IndexError);
        if (v[i] == -1 && PyErr_Occurred()) {
            if (v != local)
                PyMem_Free(v);
            v = NULL;
        }
    }
    Py_DECREF(list);
    return v;
}

/* _data_subset(dataset, indices) */
static PyObject *loader_subset(PyObject *m, PyObject *args)
{
    PyObject *capsule, *list;
    if (!PyArg_ParseTuple(args, "OO", &capsule, &list))
        return NULL;
    ct_dataset *d = PyCapsule_GetPointer(capsule, LOADER_NAME);
    int64_t local[1];
    Py_ssize_t n;
    int64_t *v = d ? loader_indices(list, local, 1, &n) : NULL;
    if (!v)
        return NULL;
    PyObject *result = loader_capsule(ct_subset(ct_retain(d), (ct_ints){n, v}));
    if (v != local)
        PyMem_Free(v);
    return result;
}

/* _data_fetch(dataset, indices, generator or None) -> [batch of each field] */
static PyObject *loader_fetch(PyObject *m, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3)
        return PyErr_Format(PyExc_TypeError, "_data_fetch takes 3 arguments");
    ct_dataset *d = PyCapsule_GetPointer(args[0], LOADER_NAME);
    if (!d)
        return NULL;
    ct_generator *g = NULL;
    if (Py_TYPE(args[2]) == ctpy_GeneratorType)
        g = ((PyGenerator *)args[2])->g;
    else if (args[2] != Py_None)
        return PyErr_Format(PyExc_TypeError, "a Generator or None is needed");
    int64_t local[64];
    Py_ssize_t n;
    int64_t *v = loader_indices(args[1], local, 64, &n);
    if (!v)
        return NULL;
    PyObject *result = NULL;
    if (n == 0) {
        PyErr_SetString(PyExc_TypeError, "an empty batch");
    } else {
        ct_scope scope = ct_scope_begin();
        ct_tensor *out[CT_MAX_FIELDS];
        bool good;
        CTPY_NOGIL_BEGIN(n > 16)
        good = ct_dataset_fetch(d, (ct_ints){n, v}, g, out);
        CTPY_NOGIL_END
        Py_ssize_t fields = (Py_ssize_t)ct_dataset_fields(d);
        result = good ? PyList_New(fields) : ctpy_raise();
        for (Py_ssize_t f = 0; result && f < fields; f++) {
            PyObject *t = ctpy_wrap(out[f]);
            if (t)
                PyList_SET_ITEM(result, f, t);
            else
                Py_CLEAR(result);
        }
        ct_scope_end(&scope);
    }
    if (v != local)
        PyMem_Free(v);
    return result;
}

/* _data_cifar(root, classes, test) -> (images (N, 3, 32, 32) uint8, targets (N) int64) */
static PyObject *loader_cifar(PyObject *m, PyObject *args)
{
    const char *root;
    int classes, test;
    if (!PyArg_ParseTuple(args, "sip", &root, &classes, &test))
        return NULL;
    ct_dataset *d;
    CTPY_NOGIL_BEGIN(true)
    d = classes == 100 ? ct_cifar100(root, .test = test) : ct_cifar10(root, .test = test);
    CTPY_NOGIL_END
    if (!d)
        return ctpy_raise();
    PyObject *images = ctpy_wrap(ct_dataset_images(d)),
             *targets = images ? ctpy_wrap(ct_dataset_targets(d)) : NULL;
    PyObject *result = targets ? PyTuple_Pack(2, images, targets) : NULL;
    Py_XDECREF(images);
    Py_XDECREF(targets);
    ct_release(d);
    return result;
}

static PyMethodDef loader_functions[] = {
    {"_data_cifar", loader_cifar, METH_VARARGS, NULL},
    {"_data_images", loader_images, METH_VARARGS, NULL},
    {"_data_tensors", loader_tensors, METH_O, NULL},
    {"_data_subset", loader_subset, METH_VARARGS, NULL},
    {"_data_fetch", CTPY_FAST(loader_fetch), METH_FASTCALL, NULL},
    {NULL},
};

bool ctpy_loader_ready(PyObject *module);
bool ctpy_loader_ready(PyObject *module) { return PyModule_AddFunctions(module, loader_functions) == 0; }
