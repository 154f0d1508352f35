"""torch.special: special functions under the names of that module."""
import math

from ._backend import Tensor, _C

digamma = psi = _C.digamma
gammaln = _C.lgamma
polygamma = _C.polygamma
gammainc, gammaincc = _C.igamma, _C.igammac
erf, erfc, exp2, expm1, log1p, i0, round, logsumexp = _C.erf, _C.erfc, _C.exp2, _C.expm1, _C.log1p, _C.i0, _C.round, _C.logsumexp
expit = _C.sigmoid
i1, i0e, i1e = _C._ops.i1, _C._ops.i0e, _C._ops.i1e


def __getattr__(name):
    """Those that torch has under the same name."""
    if name in ('erfinv', 'logit', 'sinc', 'xlogy'):
        from . import _methods
        return getattr(_methods, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _float(x, like=None):
    """x as a tensor of a float dtype."""
    if not isinstance(x, Tensor):
        return _C.tensor(float(x), dtype=like.dtype if like is not None and like.is_floating_point() else _C.get_default_dtype())
    return x if x.is_floating_point() else x.to(_C.get_default_dtype())


def softmax(input, dim, *, dtype=None):
    """exp(x) over its sum along dim."""
    return _C.softmax(input if dtype is None else input.to(dtype), dim)


def log_softmax(input, dim, *, dtype=None):
    """x less logsumexp along dim."""
    return _C.log_softmax(input if dtype is None else input.to(dtype), dim)


def multigammaln(input, p):
    """The logarithm of the multivariate gamma function."""
    return input.mvlgamma(p)


def zeta(input, other):
    """Hurwitz's zeta function: the sum of (other + k)^-input over k >= 0."""
    if isinstance(other, Tensor):
        input = _float(input, other)
    return _C._ops.zeta(input, other)


def entr(input):
    """-x log x; 0 at 0, -inf below."""
    x = _float(input)
    return _C.where(x > 0, -x * _C.where(x > 0, x, 1.0).log(), _C.where(x < 0, -math.inf, x))


def xlog1py(input, other):
    """input * log(1 + other), 0 where input is 0."""
    x, y = _float(input, other if isinstance(other, Tensor) else None), _float(other, input if isinstance(input, Tensor) else None)
    zero = (x == 0) & ~y.isnan()
    return _C.where(zero, 0.0, x * _C.where(zero, 0.0, y).log1p())


def ndtr(input):
    """The normal distribution's function."""
    x = _float(input) * math.sqrt(0.5)
    return _C.where(x.abs() < math.sqrt(0.5), 0.5 + 0.5 * x.erf(), _C.where(x > 0, 1 - 0.5 * x.abs().erfc(), 0.5 * x.abs().erfc()))


def ndtri(input):
    """The inverse of ndtr, on [0, 1]."""
    from ._methods import erfinv
    p = _float(input)
    return erfinv(2 * p.double() - 1).to(p.dtype) * math.sqrt(2)


def erfcx(input):
    """exp(x^2) erfc(x): as it stands up to 5, then by a continued fraction (DLMF 7.9.2)."""
    x = _float(input)
    wide = x.double()
    low, high = wide.clamp(max=5), wide.clamp(min=5)
    f = high
    for k in range(40, 0, -1):
        f = high + k / 2 / f
    return _C.where(wide < 5, (low * low).exp() * low.erfc(), 1 / (f * math.sqrt(math.pi))).to(x.dtype)


def log_ndtr(input):
    """The logarithm of ndtr."""
    x = _float(input)
    low, high = x.clamp(max=-1), x.clamp(min=-1)
    return _C.where(x < -1, (erfcx(low * -math.sqrt(0.5)) / 2).log() - low * low / 2,
                    (-0.5 * (high * math.sqrt(0.5)).erfc()).log1p())
