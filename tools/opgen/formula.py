"""Compiles gradient formulas (Python expressions, see README.md) to nested C calls of public ops.

An expression compiles to (type, code); types: tensor, tensors, int, float, bool, scalar, ints, dtype, str, none, generator,
and `struct:KEY` for an op with several results. What it reads is collected in `uses`."""
import ast

from ctypes_map import arg_type, c_name, c_string, decl, default, number

NUMERIC = ("int", "float", "bool", "scalar")
TENSOR_OPS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.FloorDiv: "floor_divide",
              ast.Mod: "remainder", ast.MatMult: "matmul", ast.BitAnd: "bitwise_and", ast.BitOr: "bitwise_or"}
NUMBER_OPS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARE = {ast.Eq: ("eq", "=="), ast.NotEq: ("ne", "!="), ast.Lt: ("lt", "<"), ast.LtE: ("le", "<="), ast.Gt: ("gt", ">"),
           ast.GtE: ("ge", ">=")}
FIELD_TYPES = {"int": "int", "float": "float", "bool": "bool", "Scalar": "scalar", "Dtype": "dtype", "str": "str",
               "Generator": "generator", "Device": "device", "MemoryFormat": "format"}


class Formula:
    """One compiled formula: .code, .type and .uses: a set of ("arg", name), ("value", name), ("result", i), ("grad", i),
    ("meta", name, attribute), ("kept", i)."""

    def __init__(self, op, text, line, ops, joint=False):
        self.op, self.line, self.ops, self.uses, self.joint = op, line, ops, set(), joint
        self.args = {a.name: a for a in op.args}
        try:
            tree = ast.parse(text, mode="eval").body
        except SyntaxError as e:
            op.fail("cannot read the formula %r: %s" % (text, e.msg), line)
        self.type, self.code = self.visit(tree)

    def fail(self, message):
        self.op.fail(message, self.line)

    def visit(self, node):
        method = getattr(self, "visit_" + type(node).__name__, None)
        if method is None:
            self.fail("a formula cannot contain %s" % type(node).__name__)
        return method(node)

    def visit_Constant(self, node):
        v = node.value
        if v is None:
            return "none", "NULL"
        if isinstance(v, bool):
            return "bool", "true" if v else "false"
        if isinstance(v, int):
            return "int", str(v)
        if isinstance(v, float):
            return "float", number(v)
        if isinstance(v, str):
            return "str", c_string(v)
        self.fail("constant %r" % (v,))

    def visit_Name(self, node):
        name = node.id
        if name == "grad":
            self.uses.add(("grad", 0))
            return "tensor", "grads[0]"
        if name == "next" and self.joint:
            return "tensor", "saved_next"
        if name.startswith("kept") and name[4:].isdigit() and self.joint:
            if int(name[4:]) >= len(self.op.results):
                self.fail("no result of %s" % name)
            self.uses.add(("kept", int(name[4:])))
            return "tensor", name
        if name == "next_int" and self.joint:
            return "int", "ct__node_value(next, 0)->i"
        if name == "grads" and self.op.returns_list:
            return "tensors", "ct__node_grads(n, grads)"
        if name == "result" or (name.startswith("result") and name[6:].isdigit()):
            i = int(name[6:] or 0)
            if i >= len(self.op.results):
                self.fail("no %s" % name)
            self.uses.add(("result", i))
            return "tensor", "saved_result%d" % i
        if name in self.args:
            a = self.args[name]
            if a.is_tensor:
                self.uses.add(("arg", name))
                return "tensor", "saved_" + name
            if a.is_tensors:
                self.fail("a list of tensors cannot be saved; use %s.sizes-like attributes or the op's own helper" % name)
            self.uses.add(("value", name))
            return ("ints" if a.is_list else FIELD_TYPES[a.type]), "value_" + name
        self.fail("unknown name %r" % name)

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) and node.value.id == "needs":
            if node.attr not in self.args:
                self.fail("needs.%s: no such argument" % node.attr)
            return "bool", "ct__node_needs(n, %d)" % self.op.edge_of[node.attr]
        attribute = {"shape": "sizes"}.get(node.attr, node.attr)
        meta = {"sizes": "ints", "strides": "ints", "ndim": "int", "dtype": "dtype", "numel": "int",
                "offset": "int"}
        if attribute in meta and isinstance(node.value, ast.Name) and node.value.id in self.args:
            a = self.args[node.value.id]
            if a.is_tensor:
                self.uses.add(("meta", a.name, attribute))
                return meta[attribute], "meta_%s_%s" % (a.name, attribute)
        type_, code = self.visit(node.value)
        if type_.startswith("struct:"):
            return "tensor", "%s.%s" % (code, node.attr)
        if type_ == "tensor" and attribute in meta:
            call = {"sizes": "ct_shape_of", "strides": "ct_strides_of", "ndim": "ct_ndim", "dtype": "ct_dtype_of",
                    "numel": "ct_numel", "offset": "ct_storage_offset"}[attribute]
            return meta[attribute], "%s(%s)" % (call, code)
        self.fail("no attribute %s of a %s" % (node.attr, type_))

    def visit_Subscript(self, node):
        if isinstance(node.value, ast.Name) and node.value.id == "grads":
            i = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if not isinstance(i, int):
                self.fail("grads[i] takes a number")
            self.uses.add(("grad", i))
            return "tensor", "grads[%d]" % i
        type_, code = self.visit(node.value)
        itype, index = self.visit(node.slice)
        if type_ != "ints" or itype != "int":
            self.fail("only lists of integers are subscripted")
        return "int", "ct__ints_at(%s, %s)" % (code, index)

    def operand(self, pair):
        type_, code = pair
        if type_ == "tensor":
            return code
        if type_ in ("int", "float", "bool"):
            return "ct_number_%s(%s)" % (type_, code)
        if type_ == "scalar":
            return "ct_number(%s)" % code
        self.fail("a %s is no operand" % type_)

    def as_number(self, pair):
        type_, code = pair
        if type_ == "scalar":
            return "ct_scalar_double(%s)" % code
        if type_ in NUMERIC:
            return code
        self.fail("a %s is no number" % type_)

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        if "tensor" in (left[0], right[0]):
            name = TENSOR_OPS.get(type(node.op))
            if name is None:
                self.fail("operator %s on tensors" % type(node.op).__name__)
            return self.call_code(self.ops[name], [("tensor", self.operand(left)), ("tensor", self.operand(right))], {})
        c = NUMBER_OPS.get(type(node.op))
        if isinstance(node.op, ast.Pow):
            return "float", "pow(%s, %s)" % (self.as_number(left), self.as_number(right))
        if c is None:
            self.fail("operator %s on numbers" % type(node.op).__name__)
        both_int = left[0] == "int" and right[0] == "int"
        l, r = self.as_number(left), self.as_number(right)
        if c == "/":
            return "float", "((double)%s / %s)" % (l, r)
        return ("int" if both_int else "float"), "(%s %s %s)" % (l, c, r)

    def visit_UnaryOp(self, node):
        type_, code = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            if type_ in ("bool", "int"):
                return "bool", "!%s" % code
            if type_ == "tensor":
                return "bool", "(%s == NULL)" % code
        if isinstance(node.op, ast.USub):
            if type_ == "tensor":
                return "tensor", "(ct_neg)(%s)" % code
            return ("int" if type_ == "int" else "float"), "(-%s)" % self.as_number((type_, code))
        self.fail("operator %s on a %s" % (type(node.op).__name__, type_))

    def visit_BoolOp(self, node):
        parts = [self.visit(v) for v in node.values]
        if any(t not in ("bool", "int") for t, _ in parts):
            self.fail("and/or take truth values")
        return "bool", "(" + (" && " if isinstance(node.op, ast.And) else " || ").join(c for _, c in parts) + ")"

    def visit_Compare(self, node):
        if len(node.ops) != 1:
            self.fail("one comparison at a time")
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            c = "==" if isinstance(node.ops[0], ast.Is) else "!="
            if right[0] != "none":
                self.fail("`is` compares with None")
            if left[0] == "scalar":
                return "bool", "(%s.kind %s CT_SCALAR_NONE)" % (left[1], c)
            if left[0] == "int":
                return "bool", "(%s %s CT_NO_INT)" % (left[1], c)
            if left[0] == "ints":
                return "bool", "(%s.v %s NULL)" % (left[1], c)
            if left[0] == "tensor" and left[1].startswith("saved_"):
                return "bool", "(%s %s NULL)" % (left[1], c)
            self.fail("a %s is never None" % left[0])
        name, c = COMPARE[type(node.ops[0])]
        if "tensor" in (left[0], right[0]):
            return self.call_code(self.ops[name], [("tensor", self.operand(left)), ("tensor", self.operand(right))], {})
        if left[0] == "str" and right[0] == "str":
            return "bool", "(strcmp(%s, %s) %s 0)" % (left[1], right[1], c)
        if left[0] == "dtype" and right[0] == "dtype":
            return "bool", "(%s %s %s)" % (left[1], c, right[1])
        return "bool", "(%s %s %s)" % (self.as_number(left), c, self.as_number(right))

    def visit_IfExp(self, node):
        test, body, other = self.visit(node.test), self.visit(node.body), self.visit(node.orelse)
        if test[0] not in ("bool", "int"):
            self.fail("the condition of `if` is a %s" % test[0])
        if body[0] != other[0]:
            if {body[0], other[0]} <= {"int", "float"}:
                return "float", "(%s ? %s : %s)" % (test[1], body[1], other[1])
            if "none" not in (body[0], other[0]):
                self.fail("the branches of `if` are a %s and a %s" % (body[0], other[0]))
        type_ = other[0] if body[0] == "none" else body[0]
        return type_, "(%s ? %s : %s)" % (test[1], body[1], other[1])

    def visit_List(self, node):
        parts = [self.visit(e) for e in node.elts]
        if parts and all(t == "tensor" for t, _ in parts):
            return "tensors", "CT_TENSORS(%s)" % ", ".join(c for _, c in parts)
        if any(t != "int" for t, _ in parts):
            self.fail("a list holds integers or tensors")
        return "ints", "CT_INTS(%s)" % ", ".join(c for _, c in parts)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            if node.func.value.id in self.args or node.func.value.id in ("grad", "result"):
                key, receiver = node.func.attr, [node.func.value]
            else:
                key, receiver = node.func.value.id + "." + node.func.attr, []
        elif isinstance(node.func, ast.Name):
            key, receiver = node.func.id, []
        else:
            receiver, key = [node.func.value], node.func.attr
        if key == "sizes_along":  # sizes_along(tensors, dim): each tensor's size in a dimension, kept as a list
            use = ("along", node.args[0].id, node.args[1].id)
            self.uses.add(use)
            return "ints", "along_%s" % use[1]
        positional = [self.visit(a) for a in receiver + node.args]
        named = {k.arg: self.visit(k.value) for k in node.keywords}
        if key == "scale":  # scale(grad, alpha): grad itself where alpha is 1
            return "tensor", "ct__scale(%s, %s)" % (positional[0][1], self.to_type(positional[1], "Scalar"))
        if key in ("number", "float"):
            return "float", self.as_number(positional[0])
        if key not in self.ops:
            self.fail("no op named %s" % key)
        return self.call_code(self.ops[key], positional, named)

    def to_type(self, pair, want, is_list=False, argument=None):
        type_, code = pair
        if type_ == "none":
            if argument is not None and argument.optional:
                saved = argument.default
                argument_default = default(type("A", (), dict(vars(argument), default=None))()) if True else saved
                return argument_default
            self.fail("None for %s" % (argument.name if argument else want))
        if is_list:
            if want == "Tensor" and type_ == "tensors":
                return code
            if type_ == "ints":
                return code
            if type_ == "int":
                return "CT_INTS(%s)" % code
        elif want == "Tensor" and type_ == "tensor":
            return code
        elif want == "Operand":
            return self.operand(pair)
        elif want == "Scalar":
            if type_ == "scalar":
                return code
            if type_ in NUMERIC:
                return "ct_%s_scalar(%s)" % (type_, code)
        elif want in ("int", "float", "bool") and type_ in NUMERIC:
            return self.as_number(pair) if want == "float" else code
        elif FIELD_TYPES.get(want) == type_:
            return code
        self.fail("%s wants a %s and gets a %s" % (argument.name if argument else "an argument", want + ("[]" if is_list else ""),
                                                   type_))

    def call_code(self, target, positional, named):
        if len(positional) > len(target.args):
            self.fail("too many arguments for %s" % target.key)
        given = {}
        for a, value in zip(target.args, positional):
            given[a.name] = value
        for name, value in named.items():
            if name in given or name not in {a.name for a in target.args}:
                self.fail("argument %s of %s" % (name, target.key))
            given[name] = value
        required, options = [], []
        for a in target.args:
            if a.required and a.name not in given:
                self.fail("%s misses its argument %s" % (target.key, a.name))
            code = self.to_type(given[a.name], a.type, a.is_list, a) if a.name in given else default(a)
            (required if a.required else options).append((a, code))
        codes = [c for _, c in required]
        if target.options:
            if any(a.name in given for a in target.options):
                fields = ", ".join(".%s = %s" % (c_name(a.name), c) for a, c in options)
                codes.append("&(ct_%s_opts){%s}" % (target.c_suffix, fields))
            else:
                codes.append("NULL")
        code = "(ct_%s)(%s)" % (target.c_suffix, ", ".join(codes))
        if len(target.results) > 1:
            return "struct:" + target.key, code
        kind = target.results[0][0] if target.results else None
        return {"Tensor": "tensor", "Tensor[]": "tensors", "int": "int", "float": "float", "bool": "bool",
                "Scalar": "scalar"}[kind], code


def value_declaration(op, use, index):
    """The C line that reads saved value `index` into its name, and the ct_value expression that saves it in a wrapper."""
    if use[0] == "value":
        a = next(x for x in op.args if x.name == use[1])
        from ctypes_map import value_type
        tag, field = value_type(a)
        return ("const " * (arg_type(a) == "ct_ints") + decl(arg_type(a), "value_" + a.name) +
                " = ct__node_value(n, %d)->%s;" % (index, field),
                "(ct_value){%s, {.%s = %s}}" % (tag, field, c_name(a.name)))
    _, name, attribute = use
    if use[0] == "along":
        return ("ct_ints along_%s = ct__node_value(n, %d)->ints;" % (name, index),
                "(ct_value){CT_V_INTS, {.ints = ct__sizes_along(%s, %s)}}" % (c_name(name), c_name(attribute)))
    ctype, tag, field, call = {
        "sizes": ("ct_ints", "CT_V_INTS", "ints", "ct_shape_of"), "strides": ("ct_ints", "CT_V_INTS", "ints", "ct_strides_of"),
        "ndim": ("int64_t", "CT_V_INT", "i", "ct_ndim"), "numel": ("int64_t", "CT_V_INT", "i", "ct_numel"),
        "offset": ("int64_t", "CT_V_INT", "i", "ct_storage_offset"),
        "dtype": ("ct_dtype", "CT_V_DTYPE", "dtype", "ct_dtype_of")}[attribute]
    return ("%s meta_%s_%s = ct__node_value(n, %d)->%s;" % (ctype, name, attribute, index, field),
            "(ct_value){%s, {.%s = %s(%s)}}" % (tag, field, call, c_name(name)))
