"""Programs whose results, gradients, grad_fns and error messages were recorded with PyTorch
(tests/golden/autograd_torch.json).

Each program is source that uses `torch` and leaves its results in `out`. To record: run this file with a Python
that has PyTorch, with the argument --record."""
from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden" / "autograd_torch.json"

PROGRAMS = {}


def program(name, source):
    PROGRAMS[name] = textwrap.dedent(source)


SETUP = """
x = torch.tensor([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]], dtype=torch.float64, requires_grad=True)
y = torch.tensor([1.5, -0.5, 0.75], dtype=torch.float64, requires_grad=True)
def name(t):
    return type(t.grad_fn).__name__ if t.grad_fn is not None else None
"""

program("chain", """
z = (x * y).exp().sum() + (x - y).pow(2).mean()
z.backward()
out = [z, x.grad, y.grad, name(z)]
""")
program("accumulate", """
for _ in range(3):
    (x * y).sum().backward()
out = [x.grad, y.grad]
""")
program("slice assignment", """
a = x.clone()
a[0] = y * 2
a[:, 1] *= 3
a[1, 2] = 7.0
a[a > 1] = 0.5
out = [a]
(a * x).sum().backward()
out += [x.grad, y.grad]
""")
program("augmented views", """
a = x * 2
b = a.t()
b += y.unsqueeze(1)
b[1].sub_(1).mul_(y[:2])
c = a.view(-1)[2:5]
c.exp_()
out = [a, b, c, name(a), name(b), name(c), a.requires_grad, b.is_leaf]
(a.sum() * c.sum() + b[0, 0]).backward()
out += [x.grad, y.grad]
""")
program("buffer filled row by row", """
a = torch.zeros(4, 3, dtype=torch.float64)
for i in range(4):
    a[i] = y * i + (a[i - 1] if i else 0)
out = [a, a.requires_grad, name(a)]
a.pow(2).sum().backward()
out += [y.grad]
""")
program("chunks in place", """
a = x.clone()
p = a.select(1, 0); q = a.narrow(1, 1, 2)
p.add_(q[:, 0]); q.mul_(p.unsqueeze(1))
out = [a, p, q]
(a * torch.arange(6, dtype=torch.float64).view(2, 3)).sum().backward()
out += [x.grad]
""")
program("diagonal", """
a = torch.eye(3, dtype=torch.float64) * y
a.diagonal().mul_(y)
out = [a]
a.sum().backward()
out += [y.grad]
""")
program("base of views", """
v = x[0]; w = v[1:]
out = [v._base is x, w._base is x, v._is_view(), x._is_view(), x.detach()._is_view(), w._version]
out += [x.detach()[0]._base is None]
""")
program("versions", """
a = x.detach().clone()
v = a[0]; d = a.detach(); e = a.data
a.add_(1); v.mul_(2); e.add_(1)
out = [a._version, v._version, d._version, e._version]
""")
program("double backward", """
g, = torch.autograd.grad((x * y).sin().sum(), x, create_graph=True)
g.pow(2).sum().backward()
out = [g, g.requires_grad, x.grad, y.grad]
""")
program("third order", """
t = y[0] ** 4
g = t
out = []
for _ in range(4):
    g, = torch.autograd.grad(g, y, create_graph=True)
    out.append(g)
    g = g.sum()
""")
program("saved results of ops in place on views", """
a = x.clone(); a[0].mul_(y); a[:, 1:].tanh_()
g, = torch.autograd.grad(a.pow(3).sum(), x, create_graph=True)
h, = torch.autograd.grad(g.pow(2).sum(), x, create_graph=True)
h.sum().backward()
out = [g, h, x.grad]
""")
program("gradient penalty in place", """
a = x.clone(); a[0].mul_(y); a[:, 1].exp_()
g, = torch.autograd.grad(a.pow(3).sum(), x, create_graph=True)
(g ** 2).sum().backward()
out = [g, x.grad, y.grad]
""")
program("hooks", """
seen = []
m = x * 2
h1 = m.register_hook(lambda g: g * 2)
h2 = m.register_hook(lambda g: seen.append(g.clone()))
x.register_hook(lambda g: seen.append(g.sum()))
m.retain_grad()
m.sum().backward(retain_graph=True)
h1.remove()
m.sum().backward()
out = [seen, m.grad, x.grad, m.retains_grad, x.retains_grad]
""")
program("hook of a dead tensor", """
m = x * 2
m.register_hook(lambda g: g * 5)
z = m.sum(); del m
z.backward()
out = [x.grad]
""")
program("post accumulate", """
order = []
x.register_post_accumulate_grad_hook(lambda p: order.append(p.grad.clone()))
(x * y).sum().backward(); (x * y).sum().backward()
out = [order]
""")
program("order of leaf hooks", """
order = []
leaves = [torch.ones(2, requires_grad=True) for _ in range(11)]
for i, t in enumerate(leaves):
    t.register_hook(lambda g, i=i: order.append(i))
(torch.cat(leaves).sum() + leaves[3].sum() * leaves[5].sum()).backward()
out = [order]
""")
program("order of inner hooks", """
order = []
a = x * 2; b = a + 1; c = a * 3; d = b * c; e = d.sum()
for i, t in enumerate((a, b, c, d, e)):
    t.register_hook(lambda g, i=i: order.append(i))
e.backward()
out = [order]
""")
program("retain_grad moves", """
m = x * 2
m.retain_grad()
m.mul_(3)
(m * m).sum().backward()
out = [m.grad, x.grad]
""")
program("inputs of backward", """
m = x * y
m.sum().backward(inputs=[y])
out = [x.grad, y.grad]
(x * y).pow(2).sum().backward(inputs=[x, y])
out += [x.grad, y.grad]
""")
program("unused", """
out = list(torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=True))
""")
program("unused is an error", "torch.autograd.grad((x * 2).sum(), [y])")
program("several outputs", """
p = x * y; q = p.sum()
out = list(torch.autograd.grad([q, p], [x, y, p], grad_outputs=[None, torch.ones_like(p)]))
""")
program("custom function", """
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t, k):
        ctx.save_for_backward(t); ctx.k = k
        return t ** 3 * k
    @staticmethod
    def backward(ctx, g):
        t, = ctx.saved_tensors
        return g * 3 * t * t * ctx.k, None
z = Cube.apply(x, 2)
out = [z, name(z)]
g, = torch.autograd.grad(z.sum(), x, create_graph=True)
g.sum().backward()
out += [g, x.grad]
""")
program("custom in place", """
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        t.mul_(2); ctx.mark_dirty(t)
        return t
    @staticmethod
    def backward(ctx, g):
        return g * 2
a = x.clone(); b = Double.apply(a)
out = [b is a, a, name(a)]
c = x.clone(); Double.apply(c[0])
(a * c).sum().backward()
out += [x.grad]
""")
program("custom, several outputs", """
class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        big = t > 0
        ctx.mark_non_differentiable(big)
        return t * 2, t + 1, big
    @staticmethod
    def backward(ctx, g, h, b):
        return g * 2 + h
p, q, b = Two.apply(x)
out = [p, q, b, p.requires_grad, b.requires_grad]
q.pow(2).sum().backward()
out += [x.grad]
""")
program("custom, twice", """
class Sq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t * t
    @staticmethod
    def backward(ctx, g):
        t, = ctx.saved_tensors
        return 2 * g * t
z = Sq.apply(x).sum()
z.backward(); z.backward()
""")
program("custom, changed saved", """
class Sq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t * t
    @staticmethod
    def backward(ctx, g):
        t, = ctx.saved_tensors
        return 2 * g * t
a = x * 2
z = Sq.apply(a).sum()
a.add_(1)
z.backward()
""")
program("custom, wrong shape", """
class W(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        return t * 1
    @staticmethod
    def backward(ctx, g):
        return torch.ones(7)
W.apply(x).sum().backward()
""")
program("custom, own error", """
class W(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        return t * 1
    @staticmethod
    def backward(ctx, g):
        raise KeyError("mine")
W.apply(x).sum().backward()
""")
program("backward within backward", """
class Inner(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t.sin()
    @staticmethod
    def backward(ctx, g):
        t = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            t.sin().backward(g)
        return t.grad
(Inner.apply(x) * y).sum().backward()
out = [x.grad, y.grad]
""")
program("twice", "z = (x * x).sum(); z.backward(); z.backward()")
program("retained", "z = (x * x).sum(); z.backward(retain_graph=True); z.backward(); out = [x.grad]")
program("changed", "a = x.exp(); a.add_(1); a.sum().backward()")
program("changed input", "a = x * 2; b = a * a; a.mul_(2); b.sum().backward()")
program("changed weight", "w = torch.ones(3, dtype=torch.float64); b = w * x; w.add_(1); b.sum().backward()")
program("leaf in place", "x.add_(1)")
program("view of leaf in place", "x[0] = 1")
program("leaf in place, no_grad", """
with torch.no_grad():
    x.add_(1); x[0].mul_(2)
out = [x, x.requires_grad, x.is_leaf]
""")
program("no_grad view", """
with torch.no_grad():
    v = x[0]
v.mul_(2)
""")
program("flags", "(x * 2).requires_grad_(False)")
program("integers", "torch.ones(2, dtype=torch.long).requires_grad_()")
program("implicit", "(x * 2).backward()")
program("no graph", "torch.ones(2).sum().backward()")
program("mismatch", "(x * 2).backward(torch.ones(4))")
program("grad of wrong shape", "x.grad = torch.ones(5, dtype=torch.float64)")
program("detach_ of a view", "x.clone()[0].detach_()")
program("retain_grad without", "torch.ones(2).retain_grad()")
program("hook without", "torch.ones(2).register_hook(lambda g: g)")
program("detach", """
a = (x * 2).detach_(); b = (x * 2).detach(); c = (x * 2).data
out = [a.requires_grad, b.requires_grad, c.requires_grad, a.is_leaf, a]
""")
program("set data", """
z = (x * x).sum()
x.data = torch.full((2, 3), 3.0, dtype=torch.float64)
z.backward()
out = [x, x.grad, x.requires_grad]
""")
program("mixed types", """
a = torch.ones(3, requires_grad=True)
z = (a * y + x.sum()).sum()
z.backward()
out = [a.grad, a.grad.dtype == torch.float32, y.grad]
""")
program("expand", """
e = y.expand(2, 3) * x
e.sum().backward()
out = [y.grad, y.grad.is_contiguous(), x.grad]
""")
program("grads are not shared", """
a = torch.ones(3, dtype=torch.float64, requires_grad=True)
(a + y).sum().backward(); (a + y).sum().backward()
a.grad.zero_()
out = [a.grad, y.grad]
""")
program("next_functions", """
z = (x * y).sum()
n = z.grad_fn
out = []
while n is not None:
    out.append((type(n).__name__, [None if f is None else type(f).__name__ for f, _ in n.next_functions]))
    n = n.next_functions[0][0] if n.next_functions else None
""")
program("set_grad_enabled", """
with torch.set_grad_enabled(False):
    a = x * 2
with torch.no_grad():
    with torch.enable_grad():
        b = x * 2
@torch.no_grad()
def f(t):
    return t * 2
out = [a.requires_grad, b.requires_grad, f(x).requires_grad, torch.is_grad_enabled()]
""")
program("parameter update", """
w = torch.nn.Parameter(y.detach().clone())
out = []
for _ in range(4):
    loss = ((x.detach() * w).sum(1) - 1).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    out += [loss, w.clone()]
""")
program("where and masks", """
a = torch.where(x > 0, x * 2, x * y)
b = a.masked_fill(x < -1, 0)
b.clamp(-1, 1.5).sum().backward()
out = [b, x.grad, y.grad]
""")
program("indexing", """
i = torch.tensor([0, 2, 2, 1])
a = x[:, i] * x[[1, 0]][:, :1]
a.sum().backward()
out = [a, x.grad]
""")
program("index assignment", """
a = x.clone(); i = torch.tensor([0, 2])
a[:, i] = y[:2] * 2
a[1, [0]] += y[0]
out = [a]
(a * a).sum().backward()
out += [x.grad, y.grad]
""")
program("cat, stack, split", """
p, q, r = x.unbind(1)
a = torch.stack([p * 2, q, r * p]); b = torch.cat([a, x.t()], 1)
s, t = b.split([1, 3], 1)
(s.sum() * t.prod(1).sum()).backward()
out = [b, x.grad]
""")
program("shared subgraph, two losses", """
h = (x * y).tanh()
l1 = h.sum(); l2 = (h * h).sum()
l1.backward(retain_graph=True)
g1 = x.grad.clone(); x.grad = None
l2.backward()
out = [g1, x.grad, y.grad]
""")
program("checks by differences", """
f = lambda a, b: (a * b).sin()
out = [torch.autograd.gradcheck(f, (x, y)), torch.autograd.gradgradcheck(f, (x, y))]
""")


def plain(v, module):
    if isinstance(v, module.Tensor):
        return ["tensor", list(v.shape), str(v.dtype).split(".")[1], v.detach().reshape(-1).tolist()]
    if isinstance(v, (list, tuple)):
        return [plain(e, module) for e in v]
    return v


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= 1e-6 * (1 + abs(b)) or a != a and b != b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(p, q) for p, q in zip(a, b))
    return type(a) is type(b) and a == b


def run(module, source):
    scope = {"torch": module}
    try:
        exec(SETUP + source, scope)
    except Exception as e:
        return ["error", type(e).__name__, str(e).split("\n")[0]]
    return plain(scope.get("out"), module)


def test_programs():
    import ctorch

    golden, failed = json.loads(GOLDEN.read_text()), []
    assert list(golden) == list(PROGRAMS)
    for name, source in PROGRAMS.items():
        mine = run(ctorch, source)
        if not same(mine, golden[name]):
            failed.append("%s\n  ctorch: %s\n  torch:  %s" % (name, mine, golden[name]))
    assert not failed, "\n".join(failed)


if __name__ == "__main__" and "--record" in sys.argv:
    import torch

    rows = [json.dumps(n) + ": " + json.dumps(run(torch, s)) for n, s in PROGRAMS.items()]
    GOLDEN.write_text("{\n" + ",\n".join(rows) + "\n}\n")
