/* PyTorch's texts for calls that no overload takes. */
#include "binding.h"

bool ctpy_arg_fits(const ctpy_group *g, const ctpy_sig *sig, int i, PyObject *o);
bool ctpy_keyword_fits(const ctpy_sig *sig, int i, PyObject *key, bool method);
bool ctpy_keyword_ignored(const ctpy_sig *sig, PyObject *key, PyObject *value);

typedef struct mismatch_text { char s[8192]; size_t n; } mismatch_text;

static void mismatch_add(mismatch_text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(t->s + t->n, sizeof t->s - t->n, format, ap);
    va_end(ap);
    if (n > 0)
        t->n = t->n + (size_t)n < sizeof t->s ? t->n + (size_t)n : sizeof t->s - 1;
}

static const char *mismatch_type(const ct_arg_info *a)
{
    switch (a->type) {
    case CT_V_TENSOR:
    case CT_V_OPERAND: return "Tensor";
    case CT_V_TENSORS: return "tuple of Tensors";
    case CT_V_INT: return "int";
    case CT_V_FLOAT: return "float";
    case CT_V_BOOL: return "bool";
    case CT_V_SCALAR: return "Number";
    case CT_V_INTS: return "tuple of ints";
    case CT_V_DTYPE: return "torch.dtype";
    case CT_V_DEVICE: return "torch.device";
    case CT_V_FORMAT: return "torch.memory_format";
    case CT_V_STRING: return "str";
    case CT_V_GENERATOR: return "torch.Generator";
    default: return "object";
    }
}

static const char *mismatch_object(PyObject *o)
{
    if (ctpy_is_tensor(o)) {
        const char *n = strrchr(Py_TYPE(o)->tp_name, '.');
        return n ? n + 1 : Py_TYPE(o)->tp_name;
    }
    if (Py_TYPE(o) == ctpy_DtypeType)
        return "torch.dtype";
    if (Py_TYPE(o) == ctpy_DeviceType)
        return "torch.device";
    if (Py_TYPE(o) == ctpy_SizeType)
        return "torch.Size";
    return Py_TYPE(o)->tp_name;
}

static void mismatch_default(mismatch_text *t, const ct_arg_info *a)
{
    const ct_value *v = &a->value;
    switch (v->type) {
    case CT_V_INT: mismatch_add(t, " = %lld", (long long)v->i); break;
    case CT_V_BOOL: mismatch_add(t, " = %s", v->b ? "True" : "False"); break;
    case CT_V_FLOAT: mismatch_add(t, " = %g", v->f); break;
    case CT_V_SCALAR:
        if (v->s.kind == CT_SCALAR_FLOAT)
            mismatch_add(t, " = %g", v->s.f);
        else if (v->s.kind == CT_SCALAR_BOOL)
            mismatch_add(t, " = %s", v->s.i ? "True" : "False");
        else
            mismatch_add(t, v->s.kind == CT_SCALAR_NONE ? " = None" : " = %lld", (long long)v->s.i);
        break;
    case CT_V_INTS:
        if (v->ints.n == 0) {
            mismatch_add(t, v->ints.v ? " = ()" : " = None");
        } else {
            bool equal = true;
            for (int64_t i = 1; i < v->ints.n; i++)
                equal &= v->ints.v[i] == v->ints.v[0];
            if (equal && a->list_size > 0)
                mismatch_add(t, " = %lld", (long long)v->ints.v[0]);
            else
                for (int64_t i = 0; i < v->ints.n; i++)
                    mismatch_add(t, "%s%lld%s", i ? ", " : " = (", (long long)v->ints.v[i], i + 1 < v->ints.n ? "" : ")");
        }
        break;
    case CT_V_STRING: mismatch_add(t, " = \"%s\"", v->str); break;
    default: mismatch_add(t, " = None"); break;
    }
}

/* "(Tensor input, *, Number alpha = 1)"; returns how many pieces between commas. */
static int mismatch_signature(mismatch_text *t, const ctpy_group *g, const ctpy_sig *sig)
{
    bool star = false;
    int pieces = 0;
    mismatch_add(t, "(");
    for (int i = g->method ? 1 : 0; i < sig->nargs; i++) {
        const ct_arg_info *a = &sig->op->args[i];
        if (a->keyword_only && !star) {
            mismatch_add(t, pieces++ ? ", *" : "*");
            star = true;
        }
        mismatch_add(t, "%s%s %s", pieces++ ? ", " : "", mismatch_type(a), PyUnicode_AsUTF8(sig->names[i]));
        if (a->has_default)
            mismatch_default(t, a);
    }
    if (g->nouts) {
        if (!star)
            mismatch_add(t, pieces++ ? ", *" : "*");
        mismatch_add(t, "%s%s out = None", pieces++ ? ", " : "", sig->op->nresults > 1 ? "tuple of Tensors" : "Tensor");
    }
    mismatch_add(t, ")");
    return pieces;
}

static int mismatch_max_args(const ctpy_group *g, const ctpy_sig *sig)
{
    return sig->nargs - (g->method ? 1 : 0) + (g->nouts ? 1 : 0) + (sig->factory ? 2 : 0);
}

/* One overload: says exactly what is wrong. False if it found nothing. */
static bool mismatch_single(const ctpy_group *g, const ctpy_sig *sig, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int self = g->method ? 1 : 0;
    int npos = sig->npos - self, required = 0;
    for (int i = self; i < sig->npos; i++)
        required += !sig->op->args[i].has_default;
    Py_ssize_t given = nargs - self, nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    if (given > npos && !(sig->varargs >= 0 && given > 0 && PyLong_Check(args[self]))) {
        if (npos == 0 && g->method && sig->nargs == 1)
            PyErr_Format(PyExc_TypeError, "TensorBase.%s() takes no arguments (%zd given)", g->name, given);
        else if (required < npos)
            PyErr_Format(PyExc_TypeError, "%s() takes from %d to %d positional arguments but %zd were given", g->name,
                         required + self, npos + self, given + self);
        else
            PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd %s given", g->name, npos,
                         npos == 1 ? "" : "s", given, given == 1 ? "was" : "were");
        return true;
    }
    const char *missing[CTPY_MAX_ARGS];
    int nmissing = 0;
    for (int i = self; i < sig->nargs; i++) {
        PyObject *o = NULL;
        bool positional = i < nargs && !sig->op->args[i].keyword_only;
        if (positional)
            o = args[i];
        for (Py_ssize_t k = 0; k < nkw; k++)
            if (ctpy_keyword_fits(sig, i, PyTuple_GET_ITEM(kwnames, k), g->method)) {
                if (o) {
                    PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", g->name,
                                 PyUnicode_AsUTF8(sig->names[i]));
                    return true;
                }
                o = args[nargs + k];
            }
        if (!o) {
            if (!sig->op->args[i].has_default)
                missing[nmissing++] = PyUnicode_AsUTF8(sig->names[i]);
            continue;
        }
        if (nmissing || (i == sig->varargs && positional && PyLong_CheckExact(o)))
            continue;
        if (!ctpy_arg_fits(g, sig, i, o)) {
            char where[40] = "";
            if (positional)
                snprintf(where, sizeof where, " (position %d)", i + 1 - self);
            PyErr_Format(PyExc_TypeError, "%s(): argument '%s'%s must be %s, not %s", g->name, PyUnicode_AsUTF8(sig->names[i]),
                         where, mismatch_type(&sig->op->args[i]), mismatch_object(o));
            return true;
        }
    }
    if (nmissing) {
        char list[512] = "";
        for (int i = 0; i < nmissing; i++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"%s\"", i ? ", " : "", missing[i]);
        PyErr_Format(PyExc_TypeError, "%s() missing %d required positional argument%s: %s", g->name, nmissing,
                     nmissing == 1 ? "s" : "", list);
        return true;
    }
    for (Py_ssize_t k = 0; k < nkw; k++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, k);
        bool known = ctpy_keyword_ignored(sig, key, args[nargs + k]) ||
                     (g->nouts && PyUnicode_CompareWithASCIIString(key, "out") == 0);
        for (int i = self; i < sig->nargs && !known; i++)
            known = ctpy_keyword_fits(sig, i, key, g->method);
        if (!known) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", g->name, key);
            return true;
        }
    }
    return false;
}

static void mismatch_why(mismatch_text *t, const ctpy_group *g, const ctpy_sig *sig, int pieces, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames)
{
    int self = g->method ? 1 : 0;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    int wrong = 0;
    for (Py_ssize_t k = 0; k < nkw; k++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, k);
        bool known = g->nouts && PyUnicode_CompareWithASCIIString(key, "out") == 0;
        for (int i = self; i < sig->nargs && !known; i++)
            known = PyUnicode_Compare(sig->names[i], key) == 0;
        if (!known)
            mismatch_add(t, wrong++ ? ", %s" : "      didn't match because some of the keywords were incorrect: %s",
                         PyUnicode_AsUTF8(key));
    }
    if (wrong) {
        mismatch_add(t, "\n");
        return;
    }
    if (pieces != nargs - self + nkw)
        return;
    mismatch_add(t, "      didn't match because some of the arguments have invalid types: (");
    for (Py_ssize_t i = self; i < nargs; i++) {
        bool fits = i < sig->nargs && ctpy_arg_fits(g, sig, (int)i, args[i]);
        mismatch_add(t, fits ? "%s%s" : "%s!%s!", i > self ? ", " : "", mismatch_object(args[i]));
    }
    for (Py_ssize_t k = 0; k < nkw; k++) {
        int i = self;
        while (i < sig->nargs && PyUnicode_Compare(sig->names[i], PyTuple_GET_ITEM(kwnames, k)) != 0)
            i++;
        bool fits = i < sig->nargs && ctpy_arg_fits(g, sig, i, args[nargs + k]);
        mismatch_add(t, fits ? "%s%s=%s" : "%s!%s=%s!", nargs - self + k ? ", " : "",
                     PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, k)), mismatch_object(args[nargs + k]));
    }
    mismatch_add(t, nkw && nargs == self ? ", )\n" : ")\n");
}

PyObject *ctpy_mismatch(const ctpy_group *g, bool out, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int self = g->method ? 1 : 0;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0, total = nargs - self + nkw;
    ctpy_sig **sigs = g->n ? g->sigs : g->outs;
    int n = g->n ? g->n : g->nouts;
    if (!n) {
        PyErr_Format(PyExc_TypeError, "%s() takes no such arguments", g->name);
        return NULL;
    }
    const ctpy_sig *plausible = NULL;
    int count = 0;
    for (int i = 0; i < n; i++)
        if (mismatch_max_args(g, sigs[i]) >= total) {
            plausible = sigs[i];
            count++;
        }
    if (n == 1)
        plausible = sigs[0], count = 1;
    if (count == 1 && mismatch_single(g, plausible, args, nargs, kwnames))
        return NULL;
    mismatch_text *t = PyMem_Malloc(sizeof *t);
    if (!t)
        return PyErr_NoMemory();
    t->n = 0;
    t->s[0] = 0;
    mismatch_add(t, "%s() received an invalid combination of arguments - got (", g->name);
    for (Py_ssize_t i = self; i < nargs; i++)
        mismatch_add(t, "%s%s", i > self ? ", " : "", mismatch_object(args[i]));
    for (Py_ssize_t k = 0; k < nkw; k++)
        mismatch_add(t, "%s%s=%s", nargs - self + k ? ", " : "", PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, k)),
                     mismatch_object(args[nargs + k]));
    /* PyTorch drops the last comma only behind positional arguments */
    mismatch_add(t, nkw && nargs == self ? ", ), but expected " : "), but expected ");
    if (n == 1) {
        mismatch_signature(t, g, sigs[0]);
    } else {
        mismatch_add(t, "one of:\n");
        for (int i = 0; i < n; i++) {
            mismatch_add(t, " * ");
            int pieces = mismatch_signature(t, g, sigs[i]);
            mismatch_add(t, "\n");
            mismatch_why(t, g, sigs[i], pieces, args, nargs, kwnames);
        }
    }
    PyErr_SetString(PyExc_TypeError, t->s);
    PyMem_Free(t);
    return NULL;
}
