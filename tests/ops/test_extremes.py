"""NaN, infinities, zeros of both signs, denormals, and magnitudes whose squares overflow or vanish: values and gradients of each
family of ops beside PyTorch's. Zeros of either sign count as equal, and so does None beside a gradient of zeros."""
import math
import warnings

import pytest

import ctorch
import ctorch.nn.functional  # noqa: F401

torch = pytest.importorskip("torch")

nan, inf = math.nan, math.inf
ODD = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40, 5e-324, 1e-310, 3.4e38, -3.4e38, 1e20, -1e20, 1e-20, 88.8, -104.0, 709.9, 2.5,
       0.5, -0.5]
PAIRS = [[a for a in ODD for _ in ODD], [b for _ in ODD for b in ODD]]
ROWS = [[1e20, -1e20], [1e19, 2e19, -3e19], [1e-25, 2e-25], [3e38, 3e38, -3e38], [1e-40, 2e-40, 3e-40], [nan, 1.0, 2.0], [inf, 1.0, 2.0],
        [inf, -inf], [1e30] * 5, [-inf, -inf], [-inf], [3.0], [0.0, -0.0], [1e200, -1e200], [1e-200, 1e-200],
        [1e5 + i * 1e-3 for i in range(50)], ODD]
PLANES = [[nan, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [inf, -inf, 1.0, 2.0, nan, nan, 0.0, -0.0], [-inf] * 8,
          [-1e30, 1e20, 1e20, 1e20, 1.0, 2.0, 3.0, 4.0], [nan] * 8]


def torch_name(name, *args):
    return lambda lib, *xs: getattr(lib, name)(*xs, *args)


def functional(name, *args):
    return lambda lib, *xs: getattr(lib.nn.functional, name)(*xs, *args)


ONE = {n: torch_name(n) for n in (
    "abs neg exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan tanh sigmoid erf erfc relu floor ceil round trunc "
    "frac sign isnan isinf isfinite asin acos atan sinh cosh asinh acosh atanh exp2 logical_not nan_to_num").split()}
ONE.update({n: functional(n) for n in (
    "relu6 leaky_relu elu selu celu silu gelu softplus hardtanh logsigmoid tanhshrink softshrink hardshrink").split()})
ONE.update({"threshold": functional("threshold", 0.1, 20.0), "clamp": torch_name("clamp", -1.0, 1.0), "clamp_min": torch_name("clamp_min", 0.0),
            "clamp_max": torch_name("clamp_max", 0.0), "clamp_nan": torch_name("clamp", nan), "2**x": lambda lib, x: 2 ** x,
            "clamp_tensor": lambda lib, x: lib.clamp(x, min=lib.full_like(x.detach(), -1), max=lib.ones_like(x.detach())),
            "clamp_tensor_nan": lambda lib, x: lib.clamp(x, min=lib.full_like(x.detach(), nan))})
for power in (2, 3, -1, 0, 1.7, 0.5):
    ONE["x**%s" % power] = lambda lib, x, power=power: x ** power

TWO = {n: torch_name(n) for n in (
    "add sub mul div maximum minimum pow atan2 fmod remainder hypot eq ne lt le gt ge logical_and logical_or logical_xor").split()}
TWO.update({"where": lambda lib, x, y: lib.where(x > y, x, y), "lerp": torch_name("lerp", 0.3), "lerp_above": torch_name("lerp", 0.7),
            "floor_divide": lambda lib, x, y: lib.floor_divide(x.detach(), y.detach()), "addcdiv": lambda lib, x, y: lib.addcdiv(x, x, y, value=0.5)})

REDUCE = {n: torch_name(n) for n in "sum mean prod amax amin max min argmax argmin any all var std norm median nansum nanmean".split()}
for p in (0, 1, 2, 3, 0.5, inf, -inf):
    REDUCE["norm %s" % p] = torch_name("norm", p)
REDUCE.update({"var 0": lambda lib, x: lib.var(x, correction=0), "std 0": lambda lib, x: lib.std(x, correction=0),
               "var_mean": lambda lib, x: tuple(lib.var_mean(x, correction=0)), "std_mean": lambda lib, x: tuple(lib.std_mean(x, correction=0))})
for n in "logsumexp softmax log_softmax cumsum cumprod amax amin argmax argmin sum mean var std".split():
    REDUCE[n + " dim"] = lambda lib, x, n=n: getattr(lib, n)(x, dim=0)
for n in "max min median".split():
    REDUCE[n + " dim"] = lambda lib, x, n=n: tuple(getattr(lib, n)(x, dim=0))
REDUCE.update({"sort": lambda lib, x: lib.sort(x)[0], "sort down": lambda lib, x: lib.sort(x, descending=True)[0],
               "topk": lambda lib, x: lib.topk(x, min(2, len(x)))[0].detach(),
               "topk least": lambda lib, x: lib.topk(x, min(2, len(x)), largest=False)[0].detach(), "unique": lambda lib, x: lib.unique(x.detach()),
               "kthvalue": lambda lib, x: lib.kthvalue(x, 1)[0].detach()})

PLANE = {"max_pool1d": lambda F, x: F.max_pool1d(x.reshape(1, 1, 8), 3, 2, 1, return_indices=True),
         "max_pool2d": lambda F, x: F.max_pool2d(x.reshape(1, 1, 2, 4), 2, return_indices=True),
         "max_pool2d wide": lambda F, x: F.max_pool2d(x.reshape(1, 1, 2, 4), 3, 1, 1, return_indices=True),
         "avg_pool1d": lambda F, x: F.avg_pool1d(x.reshape(1, 1, 8), 2), "avg_pool2d": lambda F, x: F.avg_pool2d(x.reshape(1, 1, 2, 4), 2),
         "adaptive_avg_pool2d": lambda F, x: F.adaptive_avg_pool2d(x.reshape(1, 1, 2, 4), (1, 2)),
         "adaptive_max_pool2d": lambda F, x: F.adaptive_max_pool2d(x.reshape(1, 1, 2, 4), (1, 2), return_indices=True),
         "softmax": lambda F, x: F.softmax(x.reshape(2, 4), 1), "log_softmax": lambda F, x: F.log_softmax(x.reshape(2, 4), 0),
         "max rows": lambda F, x: tuple(x.reshape(2, 4).max(1)), "min columns": lambda F, x: tuple(x.reshape(2, 4).min(0)),
         "argmax rows": lambda F, x: x.reshape(2, 4).argmax(1), "var rows": lambda F, x: x.reshape(2, 4).var(1),
         "std columns": lambda F, x: x.reshape(2, 4).std(0), "norm rows": lambda F, x: x.reshape(2, 4).norm(dim=1),
         "logsumexp": lambda F, x: x.reshape(2, 4).logsumexp(1), "mean columns": lambda F, x: x.reshape(2, 4).mean(0),
         "cumsum": lambda F, x: x.reshape(2, 4).cumsum(1), "mse_loss": lambda F, x: F.mse_loss(x[:4], x[4:]),
         "l1_loss": lambda F, x: F.l1_loss(x[:4], x[4:]), "smooth_l1_loss": lambda F, x: F.smooth_l1_loss(x[:4], x[4:]),
         "huber_loss": lambda F, x: F.huber_loss(x[:4], x[4:]), "normalize": lambda F, x: F.normalize(x.reshape(2, 4), dim=1)}

# What differs, and why. "grad": the values agree.
OTHERWISE = {
    "pow": ("value", "x ** 0.5 is the square root also where the exponent is a tensor: -inf and -0.0"),
    "x**0.5": ("grad", "at -inf: 0.5 * inf ** -0.5, PyTorch takes the root of -inf"),
    "fmod": ("value", "exact beside denormals, where PyTorch gives nan"), "remainder": ("value", "exact beside denormals"),
    "hypot": ("grad", "beyond the range of the squares"), "atan2": ("grad", "beyond the range of the squares"),
    "prod": ("grad", "products of the other elements; PyTorch divides, and gets nan from infinities and 0 from underflow"),
    "cumprod dim": ("grad", "the same"), "addcdiv": ("grad", "x / (y * y) where PyTorch has (x / y) / y"),
    "var_mean": ("value", "the mean is mean's; PyTorch's comes out of Welford's recurrence, and is nan beside inf"),
    "std_mean": ("value", "the same"), "x**-1": ("grad", "denormals are kept"),
}

# PyTorch's result depends on the processor's vectors: at infinities and NaN these are not compared.
FINITE_ONLY = {
    "elu": "the gradient at nan is nan or 1", "selu": "the same", "celu": "the same", "gelu": "the value at inf is inf or nan",
}


def outcome(lib, f, data, dtype, gradients):
    xs = [lib.tensor(d, dtype=getattr(lib, dtype), requires_grad=gradients) for d in data]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            out = f(lib, *xs)
        except RuntimeError as e:
            return str(e), None
        out = list(out) if isinstance(out, (tuple, list)) else [out]
        values = [(str(t.dtype).split(".")[-1], list(t.shape), t.detach().double().reshape(-1).tolist()) for t in out]
        smooth = [t for t in out if t.requires_grad]
        if not gradients or not smooth:
            return values, None
        grads = lib.autograd.grad(sum((t * 1.5).sum() for t in smooth), xs, allow_unused=True)
    return values, [[0.0] * len(d) if g is None else (g + 0).tolist() for g, d in zip(grads, data)]


def same(got, want, dtype, what, data, finite_only=False):
    relative, absolute = (2e-5, 5e-7) if dtype == "float32" else (1e-10, 1e-15)
    assert len(got) == len(want)
    for i, (a, b) in enumerate(zip(got, want)):
        if finite_only and not all(math.isfinite(d[i]) for d in data):
            continue
        good = (a != a and b != b) or a == b or abs(a - b) <= max(relative * max(abs(a), abs(b)), absolute if what == "grad" else 1e-44)
        if not good and math.isinf(a) == math.isinf(b) and dtype == "float32" and max(abs(a), abs(b)) < 2e-38:
            good = True  # PyTorch flushes some denormals to 0
        assert good, "%s %d of %s: %r instead of %r" % (what, i, [d[i] for d in data if i < len(d)], a, b)


def compare(name, f, data, dtype):
    excused = OTHERWISE.get(name, ("",))[0]
    mine, mine_grads = outcome(ctorch, f, data, dtype, excused != "value")
    other, other_grads = outcome(torch, f, data, dtype, excused != "value")
    if isinstance(other, str) or excused == "value":
        assert isinstance(mine, str) == isinstance(other, str)
        return
    assert [v[:2] for v in mine] == [v[:2] for v in other]
    for a, b in zip(mine, other):
        same(a[2], b[2], dtype, "value", data, name in FINITE_ONLY)
    if other_grads and excused != "grad":
        for a, b in zip(mine_grads, other_grads):
            same(a, b, dtype, "grad", data, name in FINITE_ONLY)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ONE)
def test_one(name, dtype):
    compare(name, ONE[name], [ODD], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_two(name, dtype):
    compare(name, TWO[name], PAIRS, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", REDUCE)
def test_reductions(name, dtype):
    for row in ROWS:
        compare(name, REDUCE[name], [row], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PLANE)
def test_planes(name, dtype):
    for plane in PLANES:
        compare(name, lambda lib, x: PLANE[name](lib.nn.functional, x), [plane], dtype)
