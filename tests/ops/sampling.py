"""Runs the op table's samples under any library with PyTorch's API: the inputs, the call, values, gradients, second gradients."""
import json
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
LOSSES = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div", "nll_loss",
          "soft_margin_loss"}


def load_samples():
    with open(os.path.join(HERE, "samples.json")) as f:
        return json.load(f)


def sample_id(row):
    return "%s(%s)" % (row["op"] + ("." + row["overload"] if row["overload"] else ""), row["sample"])


class Inputs:
    """The sample language's names over one library; the same numbers for every library. variant: 'plain', 'strided' (every
    other element of a larger tensor), 'float32'."""

    def __init__(self, lib, seed, variant="plain"):
        self.lib, self.random, self.variant, self.leaves = lib, random.Random(seed), variant, []

    def tensor(self, numbers, shape, dtype):
        t = self.lib.tensor(numbers, dtype=dtype).reshape(shape)
        if self.variant == "strided" and t.dim():
            wide = self.lib.zeros([2 * s for s in shape], dtype=dtype)
            view = wide[tuple(slice(None, None, 2) for _ in shape)]
            view.copy_(t)
            return view
        return t

    def floats(self, shape, draw):
        n = 1
        for s in shape:
            n *= s
        dtype = self.lib.float32 if self.variant == "float32" else self.lib.float64
        t = self.tensor([round(draw(), 3) for _ in range(n)], shape, dtype)
        self.leaves.append(t)
        return t

    def names(self):
        r = self.random
        return {"T": lambda *s: self.floats(s, lambda: r.gauss(0, 1)),
                "P": lambda *s: self.floats(s, lambda: r.uniform(0.2, 2)),
                "U": lambda *s: self.floats(s, lambda: r.uniform(-0.9, 0.9)),
                "I": lambda high, *s: self.tensor([r.randrange(high) for _ in range(_count(s))], s, self.lib.int64),
                "B": lambda *s: self.tensor([r.random() < 0.5 for _ in range(_count(s))], s, self.lib.bool),
                "torch": self.lib}


def _count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def _capture(*args, **kwargs):
    return args, kwargs


def function(lib, row):
    """The callable under test: torch.X, Tensor.X or torch.nn.functional.X, in this order of preference."""
    name, on = row["op"], row["on"]
    if name in LOSSES:
        loss = getattr(lib.nn.functional, name)
        extra = {"smooth_l1_loss": "beta", "huber_loss": "delta"}.get(name)

        def call(a, b, *rest, **kw):
            rest = list(rest)
            if name == "nll_loss" and rest and not isinstance(rest[0], str):
                kw["weight"] = rest.pop(0)
            if rest:
                kw["reduction"] = rest.pop(0)
            if rest:
                kw[extra] = rest.pop(0)
            return loss(a, b, **kw)
        return call
    if "torch" in on and hasattr(lib, name):
        return getattr(lib, name)
    if "method" in on:
        return lambda x, *a, **k: getattr(x, name)(*a, **k)
    if name.startswith("linalg_"):
        return getattr(lib.linalg, name[7:], None)
    if "functional" in on:
        return getattr(lib.nn.functional, name, None)
    return None


def flatten(result):
    if isinstance(result, (tuple, list)):
        return [t for r in result for t in flatten(r)]
    return [result]


def weights(lib, t, salt):
    r = random.Random(salt)
    return lib.tensor([r.uniform(0.5, 1.5) for _ in range(t.numel())], dtype=t.dtype).reshape(t.shape)


def run(lib, row, variant="plain", gradients=True):
    """{'values': [tensor], 'grads': [tensor or None], 'second': [...] or None} of a sample."""
    inputs = Inputs(lib, sample_id(row), variant)
    args, kwargs = eval("_capture(%s)" % row["sample"], {"_capture": _capture}, inputs.names())
    call = function(lib, row)
    leaves = inputs.leaves if gradients and row["differentiable"] else []
    for t in leaves:
        t.requires_grad_(True)
    if leaves:  # methods in a sample (.t()) must see the leaves: evaluate it again over them
        args, kwargs = _replay(row, inputs, leaves, variant, lib)
    result = call(*args, **kwargs)
    out = {"values": flatten(result), "grads": None, "second": None}
    parts = [t for t in out["values"] if hasattr(t, "requires_grad") and t.requires_grad]
    if not leaves or not parts:
        return out
    total = sum((t * weights(lib, t, i)).sum() for i, t in enumerate(parts))
    grads = lib.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    out["grads"] = list(grads)
    again = [g for g in grads if g is not None and g.requires_grad]
    if again:
        total = sum((g * weights(lib, g, 100 + i)).sum() for i, g in enumerate(again))
        try:
            out["second"] = list(lib.autograd.grad(total, leaves, allow_unused=True))
        except (RuntimeError, NotImplementedError) as e:
            out["second"] = str(e)
    return out


def _replay(row, inputs, leaves, variant, lib):
    """The sample evaluated anew with its float tensors replaced by the leaves (integers and masks drawn as before)."""
    again = Inputs(lib, sample_id(row), variant)
    names = again.names()
    place = iter(leaves)
    for n in "TPU":
        original = names[n]
        names[n] = (lambda f: lambda *s: (f(*s), next(place))[1])(original)
    return eval("_capture(%s)" % row["sample"], {"_capture": _capture}, names)


def numbers(t):
    """A tensor as plain data that JSON keeps: [dtype, shape, flat values]."""
    if not hasattr(t, "dtype"):
        return ["python", [], [float(t)]]
    t = t.detach()
    flat = (t + 0 if t.is_floating_point() else t).reshape(-1).tolist()  # the sum gives PyTorch's lazy zeros memory
    return [str(t.dtype).split(".")[-1], list(t.shape), [float("%.13g" % v) if isinstance(v, float) else int(v) for v in flat]]


def summary(out):
    def many(ts):
        if ts is None or isinstance(ts, str):
            return None
        return [None if t is None else numbers(t) for t in ts]
    return {"values": many(out["values"]), "grads": many(out["grads"]), "second": many(out["second"])}
