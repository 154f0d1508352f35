"""Compiles `shown` lines: what users see of a node where the work is divided otherwise than PyTorch divides it.

`shown ViewBackward0(AddmmBackward0(bias, ViewBackward0(input), TBackward0(weight))) if bias is not None and input.ndim != 2`: the
node is called ViewBackward0, and its one edge leads to a node that exists for looking at alone. The first line whose condition
holds is taken; without brackets a line gives a name only."""
import ast

from ctypes_map import c_name, c_string

COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Shown:
    """One line: .name of the node, .entries of its edges (None: a name only), .condition in C (None: always), .nodes: the names of
    the nodes within."""

    def __init__(self, op, text, line, edges):
        self.op, self.line, self.edges, self.nodes = op, line, edges, []
        self.args = {a.name: a for a in op.args}
        head, _, condition = text.partition(" if ")
        try:
            tree = ast.parse(head.strip(), mode="eval").body
            test = ast.parse(condition.strip(), mode="eval").body if condition else None
        except SyntaxError as e:
            op.fail("cannot read %r: %s" % (text, e.msg), line)
        self.entries = None
        if isinstance(tree, ast.Call):
            self.name = tree.func.id
            self.entries = [(None, len(tree.args))] + [e for a in tree.args for e in self.edge(a)]
        else:
            self.name = tree.id
        self.condition = self.test(test) if test is not None else None

    def fail(self, message):
        self.op.fail(message, self.line)

    def edge(self, node):
        """An argument is (index of the edge, None), a node (name, how many edges) and then its edges."""
        if isinstance(node, ast.Name):
            if node.id not in self.edges:
                self.fail("no gradient flows to %s" % node.id)
            return [(self.edges.index(node.id), None)]
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            self.fail("an edge is an argument or NODE(edges)")
        if node.func.id not in self.nodes:
            self.nodes.append(node.func.id)
        return [(node.func.id, len(node.args))] + [e for a in node.args for e in self.edge(a)]

    def test(self, node):
        if isinstance(node, ast.BoolOp):
            return "(%s)" % (" && " if isinstance(node.op, ast.And) else " || ").join(self.test(v) for v in node.values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return "!%s" % self.test(node.operand)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right, kind = node.left, node.comparators[0], type(node.ops[0])
            if kind in (ast.Is, ast.IsNot):
                return ("!" if kind is ast.Is else "") + self.given(left)
            if isinstance(right, ast.Constant) and isinstance(right.value, str):
                return "(strcmp(%s, %s) %s 0)" % (self.value(left), c_string(right.value), COMPARE[kind])
            return "(%s %s %s)" % (self.value(left), COMPARE[kind], self.value(right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "number":
            return "%s->is_number" % self.value(node.args[0])
        if isinstance(node, ast.Attribute):
            return self.value(node)
        return self.given(node)

    def given(self, node):
        """Whether an optional argument is there; `inplace`: whether this is the in-place form."""
        if isinstance(node, ast.Name) and node.id == "inplace":
            return "INPLACE"
        code = self.value(node)
        a = self.args[node.id]
        if a.is_list:
            return code + ".v"
        return {"Scalar": "%s.kind", "int": "(%s != CT_NO_INT)", "Dtype": "(%s != CT_DTYPE_NONE)"}.get(a.type, "%s") % code

    def value(self, node):
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return str(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return "-" + self.value(node.operand)
        if isinstance(node, ast.Name) and node.id in self.args:
            return c_name(node.id)
        if isinstance(node, ast.Attribute) and node.attr in ("ndim", "numel", "contiguous", "n"):
            if node.attr == "n":
                return self.value(node.value) + ".n"
            return "%s->%s" % (self.value(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return "ct__ints_at(%s, %s)" % (self.value(node.value), self.value(node.slice))
        self.fail("a condition cannot contain %s" % ast.dump(node))

    def definition(self, symbol):
        """The C array that holds the edges."""
        rows = ["{NULL, %d}" % e[1] if e[0] is None else "{NULL, %d}" % e[0] if e[1] is None else
                "{&shown_%s_%s, %d}" % (self.op.family, e[0], e[1]) for e in self.entries]
        return "static const ct__shown %s[] = {%s};" % (symbol, ", ".join(rows))
