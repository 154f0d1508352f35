"""Reads ops/*.ops: line records, one op each (see README.md), into Op objects. Refuses what it does not understand,
with file and line."""
import os
import re

ARG_TYPES = ("Tensor", "Operand", "int", "float", "bool", "Scalar", "Dtype", "Device", "MemoryFormat", "str", "Generator")
KINDS = ("pointwise", "reduce", "view", "custom", "composite", "fill")
RULES = ("float", "bool", "int", "keep")
PLACES = ("torch", "method", "functional", "property", "internal", "inplace", "out")
FACTORY = "Dtype? dtype=None, Device? device=None, bool requires_grad=False"


class RecordError(Exception):
    def __init__(self, path, line, message):
        super().__init__("%s:%d: %s" % (path, line, message))


class Arg:
    """One argument: type (without ? and []), optional, is_list, list_size (2 in int[2]), default (a Python value), required."""

    def __init__(self, name, type_, optional, is_list, list_size, default, required, keyword_only):
        self.name, self.type, self.optional, self.is_list, self.list_size = name, type_, optional, is_list, list_size
        self.default, self.required, self.keyword_only = default, required, keyword_only

    @property
    def is_tensor(self):
        return self.type in ("Tensor", "Operand") and not self.is_list

    @property
    def is_tensors(self):
        return self.type == "Tensor" and self.is_list


class Op:
    def __init__(self, path, line, family):
        self.path, self.line, self.family = path, line, family
        self.schema, self.name, self.overload, self.args, self.results = "", "", "", [], []
        self.on, self.operators, self.aliases = set(), [], []
        self.kind, self.rule, self.grads, self.tests, self.doc = None, None, [], [], []
        self.no_grad, self.node, self.legacy, self.shown, self.joint = False, None, None, [], None

    def fail(self, message, line=None):
        raise RecordError(self.path, line or self.line, "op %s: %s" % (self.name or "?", message))

    @property
    def key(self):
        return self.name + ("." + self.overload if self.overload else "")

    @property
    def only_inplace(self):
        """A truth value has no gradient; written over a float tensor it ends that tensor's history."""
        return self.kind == "pointwise" and self.rule == "bool"

    @property
    def c_suffix(self):
        """What stands behind ct_: name_overload."""
        return self.name + ("_" + self.overload if self.overload else "")

    @property
    def required(self):
        return [a for a in self.args if a.required]

    @property
    def options(self):
        return [a for a in self.args if not a.required]

    @property
    def returns_tensors(self):
        return all(t == "Tensor" for t, _ in self.results) and bool(self.results)

    @property
    def returns_list(self):
        return len(self.results) == 1 and self.results[0][0] == "Tensor[]"

    @property
    def node_name(self):
        camel = "".join(part[:1].upper() + part[1:] for part in self.name.split("_") if part)
        return self.node or camel + "Backward0"


def split_top(text):
    """Splits at commas that stand outside of brackets and quotes."""
    parts, depth, start, quote = [], 0, 0, None
    for i, c in enumerate(text):
        if quote:
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return [p for p in parts if p]


def parse_default(op, text):
    special = {"None": None, "True": True, "False": False, "inf": float("inf"), "-inf": float("-inf")}
    if text in special:
        return special[text]
    if text[:1] in "\"'":
        return text[1:-1]
    if text[:1] == "[":
        return [int(v) for v in split_top(text[1:-1])]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        op.fail("cannot read the default %r" % text)


ARG = re.compile(r"^(\w+)(\[(\d*)\])?(\?)?\s+(\w+)(?:\s*=\s*(.*))?$")


def parse_args(op, text):
    args, keyword_only = [], False
    for part in split_top(text.replace("FACTORY", FACTORY)):
        if part == "*":
            keyword_only = True
            continue
        m = ARG.match(part)
        if not m or m.group(1) not in ARG_TYPES:
            op.fail("cannot read the argument %r" % part)
        type_, is_list, size, optional, name, default = m.groups()
        required = default is None
        value = None if required else parse_default(op, default)
        if type_ == "bool" and optional:
            op.fail("bool? is not supported (argument %s)" % name)
        if type_ == "float" and optional:
            op.fail("write Scalar? instead of float? (argument %s)" % name)
        args.append(Arg(name, type_, bool(optional), bool(is_list), int(size or -1) if is_list else 0, value, required,
                        keyword_only))
    names = [a.name for a in args]
    if len(set(names)) != len(names):
        op.fail("two arguments of one name")
    seen_default = False
    for a in args:
        if a.required and seen_default and not a.keyword_only:
            op.fail("argument %s without default after one with" % a.name)
        seen_default = seen_default or not a.required
    return args


def parse_results(op, text):
    text = text.strip()
    if text == "()":
        return []
    if text.startswith("("):
        results = []
        for part in split_top(text[1:-1]):
            words = part.split()
            if len(words) != 2 or words[0] != "Tensor":
                op.fail("several results are written (Tensor name, ...)")
            results.append((words[0], words[1]))
        return results
    if text not in ("Tensor", "Tensor[]", "bool", "int", "float", "Scalar", "Dtype"):
        op.fail("unknown result %r" % text)
    return [(text, "result")]


HEAD = re.compile(r"^op\s+([A-Za-z_]\w*)(?:\.(\w+))?\s*\((.*)\)\s*->\s*(.+)$")


def parse_file(path):
    family = os.path.splitext(os.path.basename(path))[0]
    ops, op, field = [], None, None
    shown = os.path.join("ops", os.path.basename(path))
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    number = 0
    while number < len(lines):
        line, first = lines[number].rstrip(), number + 1
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line.startswith(" "):
            while "->" not in line and number < len(lines):  # a long head may go on in indented lines
                line += " " + lines[number].strip()
                number += 1
            op, field = Op(shown, first, family), None
            m = HEAD.match(line)
            if not m:
                raise RecordError(shown, first, "a record begins with: op NAME(ARGUMENTS) -> RESULT")
            op.schema = re.sub(r"\s+", " ", line[3:].strip())
            op.name, op.overload = m.group(1), m.group(2) or ""
            op.args, op.results = parse_args(op, m.group(3)), parse_results(op, m.group(4))
            ops.append(op)
            continue
        if op is None:
            raise RecordError(shown, first, "a field before any op")
        indent = len(line) - len(line.lstrip())
        if indent > 4 and field in ("doc", "grad", "joint"):
            if field == "doc":
                op.doc[-1] += "\n" + line.strip()
            elif field == "joint":
                op.joint = (op.joint[0], op.joint[1] + " " + line.strip(), op.joint[2])
            else:
                op.grads[-1] = (op.grads[-1][0], op.grads[-1][1] + " " + line.strip(), op.grads[-1][2])
            continue
        word, _, rest = line.strip().partition(" ")
        field, rest = word, rest.strip()
        if word == "on":
            for place in rest.split():
                if place.startswith("operator:"):
                    op.operators.append(place[len("operator:"):])
                elif place in PLACES:
                    op.on.add(place)
                else:
                    op.fail("on what? %r" % place, first)
        elif word == "alias":
            op.aliases += rest.split()
        elif word == "kind":
            words = rest.split()
            if not words or words[0] not in KINDS or any(w not in RULES for w in words[1:]):
                op.fail("unknown kind %r" % rest, first)
            op.kind, op.rule = words[0], (words[1] if len(words) > 1 else None)
        elif word == "grad":
            if rest == "none":
                op.no_grad = True
                continue
            targets, colon, formula = rest.partition(":")
            if not colon:
                op.fail("a gradient is written: grad ARGUMENT: FORMULA", first)
            op.grads.append(([t.strip() for t in targets.split(",")], formula.strip(), first))
        elif word == "joint":  # joint NODE: FORMULA
            node, colon, formula = rest.partition(":")
            if not colon:
                op.fail("a joint gradient is written: joint NODE: FORMULA", first)
            op.joint = (node.strip(), formula.strip(), first)
        elif word == "node":
            words = rest.split()
            op.node, op.legacy = words[0], (words[1] if len(words) > 1 else None)
        elif word == "shown":  # shown NODE(EDGE, ...) [if CONDITION]
            op.shown.append((rest, first))
        elif word == "test":
            op.tests.append(rest)
        elif word == "doc":
            op.doc.append(rest)
        else:
            op.fail("unknown field %r" % word, first)
    return ops


def check(ops):
    seen = {}
    for op in ops:
        if op.kind is None:
            op.fail("no kind")
        if not op.on:
            op.fail("no `on`")
        if op.key in seen:
            op.fail("a second record of that name; the first is %s:%d" % (seen[op.key].path, seen[op.key].line))
        seen[op.key] = op
        if op.kind == "pointwise":
            tensors = [a for a in op.args if a.is_tensor]
            scalars = [a for a in op.args if not a.is_tensor]
            if not 1 <= len(tensors) <= 3 or len(scalars) > 2 or any(a.type not in ("Scalar", "float", "int", "bool")
                                                                       or a.is_list for a in scalars):
                op.fail("pointwise takes one to three tensors and at most two scalars")
            for a in tensors[1:]:
                a.type = "Operand"
            if len(tensors) > 1 and op.args[0].is_tensor:
                op.args[0].c_operand = True
        if op.kind == "fill" and not op.name.endswith("_"):
            op.fail("a fill's name ends in _")
        names = {a.name for a in op.args}
        for targets, _, line in op.grads:
            for t in targets:
                if t not in names:
                    op.fail("gradient of an unknown argument %r" % t, line)
    return seen


def load(folder):
    ops = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".ops"):
            ops += parse_file(os.path.join(folder, name))
    return ops, check(ops)
