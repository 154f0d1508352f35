"""How arguments and results look in C: types, defaults, values, boxes."""

PLAIN = {"int": "int64_t", "float": "double", "bool": "bool", "Scalar": "ct_scalar", "Dtype": "ct_dtype", "Device": "ct_device",
         "MemoryFormat": "ct_memory_format", "str": "const char *", "Generator": "ct_generator *", "Tensor": "ct_tensor *",
         "Operand": "ct_tensor *"}
VALUE = {"int": ("CT_V_INT", "i"), "float": ("CT_V_FLOAT", "f"), "bool": ("CT_V_BOOL", "b"), "Scalar": ("CT_V_SCALAR", "s"),
         "Dtype": ("CT_V_DTYPE", "dtype"), "Device": ("CT_V_DEVICE", "device"), "MemoryFormat": ("CT_V_FORMAT", "format"),
         "str": ("CT_V_STRING", "str"), "Generator": ("CT_V_GENERATOR", "g"), "Tensor": ("CT_V_TENSOR", "t"),
         "Operand": ("CT_V_OPERAND", "t")}
RESULT = {"Tensor": "ct_tensor *", "Tensor[]": "ct_tensors", "bool": "bool", "int": "int64_t", "float": "double",
          "Scalar": "ct_scalar", "Dtype": "ct_dtype"}
RESULT_NONE = {"ct_tensor *": "NULL", "ct_tensors": "(ct_tensors){0, NULL}", "bool": "false", "int64_t": "0", "double": "0",
               "ct_scalar": "(ct_scalar){0}", "ct_dtype": "CT_DTYPE_NONE"}
# C words that may be an argument's name in PyTorch.
RESERVED = {"int", "float", "double", "long", "short", "char", "default", "register", "signed", "unsigned", "static", "out"}


def c_name(name):
    return name + "_" if name in RESERVED else name


def decl(ctype, name):
    return ctype + name if ctype.endswith("*") else ctype + " " + name


def arg_type(a):
    if a.is_list:
        return "ct_tensors" if a.type == "Tensor" else "ct_ints"
    return PLAIN[a.type]


def value_type(a):
    if a.is_list:
        return ("CT_V_TENSORS", "tensors") if a.type == "Tensor" else ("CT_V_INTS", "ints")
    return VALUE[a.type]


def number(v):
    if v == float("inf"):
        return "__builtin_inf()"
    if v == float("-inf"):
        return "-__builtin_inf()"
    return repr(v)


def c_string(text):
    out = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"%s"' % out


def scalar_literal(v, constant):
    kind, field, value = ("BOOL", "i", int(v)) if isinstance(v, bool) else ("INT", "i", v) if isinstance(v, int) else \
        ("FLOAT", "f", number(v))
    body = "{CT_SCALAR_%s, {.%s = %s}}" % (kind, field, value)
    return body if constant else "(ct_scalar)" + body


def default(a, constant=False):
    """The default of an argument as a C initialiser. constant: valid in a static initialiser (a braced list)."""
    v, t = a.default, arg_type(a)
    if a.is_list:
        if v is None:
            return "{0, NULL}" if constant else "(%s){0, NULL}" % t
        values = [v] * max(a.list_size, 1) if isinstance(v, int) else v
        for name, known in (("zeros", [0] * 4), ("ones", [1] * 4), ("count", [0, 1, 2, 3])):
            if values == known[:len(values)]:  # named lists: a compound literal would be built at each call
                return ("" if constant else "(ct_ints)") + "{%d, ct__list_%s}" % (len(values), name)
        items = ", ".join(str(x) for x in values)
        return ("" if constant else "(ct_ints)") + "{%d, (const int64_t[]){%s}}" % (len(values), items)
    if v is None:
        none = {"int": "CT_NO_INT", "Scalar": "{CT_SCALAR_NONE, {0}}", "Dtype": "CT_DTYPE_NONE", "Device": "{CT_DEVICE_NONE, 0}",
                "MemoryFormat": "CT_PRESERVE_FORMAT"}.get(a.type, "NULL")
        return ("(%s)" % t if none[0] == "{" and not constant else "") + none
    if a.type == "Scalar":
        return scalar_literal(v, constant)
    if a.type == "bool":
        return "true" if v else "false"
    if a.type == "str":
        return c_string(v)
    if a.type == "MemoryFormat":
        return {"contiguous_format": "CT_CONTIGUOUS_FORMAT", "preserve_format": "CT_PRESERVE_FORMAT"}[v]
    return number(v)


def box_default(a):
    """The default as a ct_value initialiser."""
    if a.default is None:
        return "{CT_V_NONE, {0}}"
    tag, field = value_type(a)
    if a.type == "Operand":
        return "{CT_V_NONE, {0}}"
    return "{%s, {.%s = %s}}" % (tag, field, default(a, constant=True))


def unbox(a, source):
    """A C expression that reads the argument from a ct_value expression."""
    tag, field = value_type(a)
    plain = "%s.%s" % (source, field)
    if not a.optional and a.default is not None:
        return plain
    if a.required and not a.optional:
        return plain
    none = default(a) if a.default is None else default(a)
    if a.required and a.optional:
        none = {"int": "CT_NO_INT", "Scalar": "(ct_scalar){0}", "Dtype": "CT_DTYPE_NONE"}.get(a.type, "NULL")
        if a.is_list:
            none = "(%s){0, NULL}" % arg_type(a)
    return "%s.type == CT_V_NONE ? %s : %s" % (source, none, plain)
