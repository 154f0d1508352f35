/* Image files: what ctorch.vision.io asks the core. */
#include "binding.h"
#include <ctorch/vision.h>

bool ctpy_image_ready(PyObject *module);

/* _image_decode(bytes: a uint8 tensor, "image" | "jpeg" | "png", mode) -> (C, H, W) uint8 */
static PyObject *image_decode(PyObject *m, PyObject *args)
{
    PyObject *bytes;
    const char *format;
    int mode;
    if (!PyArg_ParseTuple(args, "O!si", ctpy_TensorType, &bytes, &format, &mode))
        return NULL;
    ct_tensor *t = CTPY_TENSOR(bytes);
    if (ct_dtype_of(t) != CT_UINT8 || ct_ndim(t) != 1 || ct_device_of(t).type != CT_CPU ||
        !ct_is_contiguous(t, CT_CONTIGUOUS_FORMAT))
        return PyErr_Format(PyExc_RuntimeError, "a contiguous tensor of bytes on the CPU is needed");
    ct_scope scope = ct_scope_begin();
    ct_image_opts options = {.mode = (ct_image_mode)mode};
    ct_tensor *image;
    const void *data = ct_data(t);
    int64_t n = ct_numel(t);
    CTPY_NOGIL_BEGIN(true)
    image = *format == 'j'   ? (ct_decode_jpeg)(data, n, &options)
            : *format == 'p' ? (ct_decode_png)(data, n, &options)
                             : (ct_decode_image)(data, n, &options);
    CTPY_NOGIL_END
    return ctpy_finish(&scope, image);
}

/* _image_reads() -> (jpeg, png) */
static PyObject *image_reads(PyObject *m, PyObject *unused)
{ return Py_BuildValue("NN", PyBool_FromLong(ct_reads_jpeg()), PyBool_FromLong(ct_reads_png())); }

static PyMethodDef image_functions[] = {
    {"_image_decode", image_decode, METH_VARARGS, NULL},
    {"_image_reads", image_reads, METH_NOARGS, NULL},
    {NULL},
};

bool ctpy_image_ready(PyObject *module) { return PyModule_AddFunctions(module, image_functions) == 0; }
