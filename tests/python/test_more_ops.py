"""Special functions, reductions into places, medians beside nan, memory layouts and in-place forms: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('more_ops')

SETUP = GRADS + '''
import warnings
t, S = torch.tensor, torch.special
nan, inf = float('nan'), float('inf')
odd = t([nan, 1.0, 3.0, nan, -2.0, 0.5]).double()
x = t([-1.5, -0.3, 0.0, 0.2, 0.7, 1.0, 2.5, 8.0]).double()
def grad(f, *inputs):
    xs = [v.clone().double().requires_grad_() for v in inputs]
    y = f(*xs)
    z = y[0] if isinstance(y, tuple) else y
    z = z[z.isfinite()]
    (z * z).sum().backward()
    return y, [v.grad for v in xs]
def in_place(f):
    v = (data(3) * 0.3).requires_grad_()
    y = v * 1
    r = f(y)
    y.sum().backward()
    return r is y, y, v.grad
def quiet(f, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return f(*args, **kwargs)
'''
scenarios.many('special', [
    *(f'grad(S.{n}, x)' for n in 'gammaln digamma psi erf erfc exp2 expm1 i0 i0e i1 i1e ndtr log_ndtr erfcx expit sinc'.split()),
    'S.entr(x)', 'grad(S.entr, x[3:])', 'S.ndtri(t([0.0, 0.01, 0.3, 0.5, 0.9, 1.0]).double())', 'grad(S.log1p, x[2:])',
    'grad(S.logit, x[3:5])',
    'S.logit(x, 0.1)', 'grad(lambda v: torch.logit(v, 0.05), x)', 'S.xlogy(x, x)',
    'grad(S.xlogy, t([0.0, 1.0, 2.0]), t([2.0, 3.0, 0.5]))', 'S.xlogy(2, x)', 'S.xlog1py(x, x)', 'S.xlog1py(x, 2)',
    'S.xlog1py(2, x)',
    'S.softmax(x, 0)', 'S.log_softmax(x, 0, dtype=torch.float32)', 'S.logsumexp(x, 0)', 'S.round(x)',
    'grad(lambda v: S.polygamma(2, v), x[3:])', 'x.polygamma(1)', 'torch.polygamma(-1, x)', 'S.zeta(x + 2, t(1.5).double())',
    'S.zeta(t(2.5), 1.0)',
    'grad(lambda v: torch.mvlgamma(v, 3), x[5:] + 1)', 'S.multigammaln(x[5:] + 1, 2)', 'torch.mvlgamma(x, 0)',
    'torch.lgamma(t([1, 5])), torch.digamma(t([1, 5]))',
    'S.gammainc(t([1., 2.]), t([0.5, 3.])), S.gammaincc(t([1., 2.]), t([0.5, 3.]))',
    'grad(lambda v: torch.igamma(t(2.0).double(), v), x[3:])',
    'torch.igamma(t([1e8, 1e10, 1e15]).double(), t([1e8, 1e10, 1e15]).double())', 'torch.lgamma(t([nan, inf, -inf, 0.0, -1.0, 1e30]))',
    'torch.digamma(t([nan, inf, -inf, 0.0, -0.0, -1.0, 1e30]))',
], SETUP)
scenarios.many('integers', [
    'torch.gcd(t([12, -18, 0, 7]), t([18, 12, 5, 0])), torch.lcm(t([4, -6, 0]), t([6, 4, 3]))',
    'torch.gcd(t([12, 8], dtype=torch.uint8), t(6))',
    't([12, 8]).gcd_(t([8, 12])), t([12, 8]).lcm_(t(5))', 'torch.nextafter(t([0.0, 1.0, -1.0]), t([1.0, 0.0, -inf])) * 1e8',
    'torch.nextafter(t([1.0]).double(), t([2.0]).double()) - 1',
], SETUP)
scenarios.many('running', [
    'torch.cummax(odd, 0), torch.cummin(odd, 0)', 'grad(lambda v: torch.cummax(v, 1), data(3, 4))', 'torch.cummax(t([1, 3, 3, 2]), 0)',
    'torch.cummin(t([True, False, True]), 0)', 'torch.cummax(t(2.0), 0)', 'torch.cummax(data(2, 0), 1)', 'torch.cummax(data(2, 3), 2)',
    'type(torch.cummax(x, 0)).__name__, torch.cummax(x.half(), 0)', 'grad(lambda v: torch.logcumsumexp(v, 0), data(3, 4) * 5)',
    'torch.logcumsumexp(t([-inf, -inf, 1.0, inf, inf, nan, 1.0]), 0)', 'torch.logcumsumexp(t([1, 2]), 0)', 'torch.logcumsumexp(t(2.0), 0)',
    'torch.logcumsumexp(t([1000.0, 1001.0]), -1)',
], SETUP)
INDEX = 'i = t([[0, 1, 1], [2, 0, 0]])\nv = data(2, 3)\n'
scenarios.many('scatter_reduce', [INDEX + s for s in [
    *(f'grad(lambda a, b: quiet(torch.scatter_reduce, a, 1, i, b, "{r}", include_self={s}), data(2, 4), v)'
      for r in ('sum', 'prod', 'mean', 'amax', 'amin') for s in (True, False)),
    *(f'quiet(torch.scatter_reduce, t([[5, 2], [3, 9]]), 0, t([[0, 0]]), t([[7, 4]]), "{r}", include_self={s})'
      for r in ('sum', 'prod', 'mean', 'amax', 'amin') for s in (True, False)),
    'grad(lambda a, b: quiet(torch.scatter_reduce, a, 0, t([0, 0, 1, 1]), b, "prod"), t([2.0, 0.0]), t([0.0, 3.0, 5.0, 2.0]))',
    'quiet(torch.scatter_reduce, t([1.0, 2.0]), 0, t([0, 1, 0]), t([nan, 5.0, 3.0]), "amax")',
    'y = data(2, 4)\nquiet(y.scatter_reduce_, 1, i, v, "amax")',
    'quiet(torch.scatter_reduce, data(2, 4), 1, i, v, "median")',
    *(f'grad(lambda a, b: quiet(torch.index_reduce, a, 0, t([0, 2, 0]), b, "{r}", include_self={s}), data(3, 2), data(3, 2) + 0.1)'
      for r in ('prod', 'mean', 'amax', 'amin') for s in (True, False)),
    'y = data(3, 2)\nquiet(y.index_reduce_, 1, t([1, 1]), data(3, 2) * 2, "amax"), y',
    'quiet(torch.index_reduce, data(3), 0, t([0]), data(1), "sum")',
    'quiet(torch.index_reduce, data(3), 0, t([[0]]), data(1), "prod")',
]], SETUP)
scenarios.many('statistics', [
    'torch.nanmedian(odd), odd.nanmedian(0), odd.view(2, 3).nanmedian(1, True)', 'torch.nanmedian(t([nan, nan]))',
    'torch.nanmedian(t([nan, nan]), 0)[0]',
    'grad(torch.nanmedian, odd[1:3])', 'torch.nanquantile(odd, 0.3), torch.nanquantile(odd, t([0.25, 0.5]).double())',
    'torch.nanquantile(odd.view(2, 3), 0.5, 1), torch.nanquantile(odd.view(2, 3), 0.5, 0, True)', 'torch.nanquantile(t([nan]), 0.5)',
    *(f'torch.nanquantile(odd, 0.4, interpolation="{i}")' for i in ('lower', 'higher', 'midpoint',
    'nearest')), 'torch.nanquantile(odd, 2.0)',
    'torch.histogram(x, 4)', 'torch.histogram(x, 3, range=(0.0, 1.0))', 'torch.histogram(x, t([0.0, 0.5, 2.5]).double())',
    'torch.histogram(x, 3, weight=x * x, density=True)', 'x.histogram(2).bin_edges', 'torch.histogram(t([1, 2]), 2)',
    'torch.histogram(x, 0)',
    'torch.histogram(t([2.0, 2.0]), 2)', 'torch.histogram(x, 2, range=(1.0, 0.0))', 'torch.histogram(x, 2, weight=x[:3])',
    'torch.isin(torch.arange(200) * 3 % 71, torch.arange(40) * 2)',
    'torch.isin(torch.arange(100.0), torch.arange(50).float() * 1.5, invert=True)',
    'torch.isin(t([nan] * 100), t([nan] * 100)).any()',
], SETUP)
scenarios.many('memory', [
    'e = torch.empty_strided((2, 3), (1, 2))\ne.stride(), e.is_contiguous()',
    'torch.empty_strided((2, 3), (1, 2), dtype=torch.int64).dtype is torch.int64',
    'torch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()', 'data(2).new_empty_strided((2, 2), (1, 2)).stride()',
    'torch.as_strided_scatter(data(3, 3), data(2, 2), (2, 2), (1, 3))',
    'torch.as_strided_scatter(data(3), data(2), (3,), (1,))',
    'y = data(6)\nr = y.as_strided_((2, 2), (1, 2), 1)\nr is y, y', 'torch.adjoint(data(2, 3)), data(1, 2, 3).adjoint()',
    'torch.get_device(data(1)), torch.is_neg(data(1)), torch.resolve_neg(data(1))', 'data(3).select_scatter(t(7.0).double(), 0, 1)',
    'data(2, 3).cov(), data(2, 3).corrcoef(), odd.isposinf(), odd.isreal(), odd.fmax(x[:6]), t(1.0).is_nonzero()',
    't([1.0, 2.0]).is_nonzero()',
    'torch.pdist(data(3, 2))', *(f'torch.kaiser_window({a})' for a in ('5', '6, False', '1', '4, True, 3.0', '4, dtype=torch.float64',
    '-1')),
], SETUP)
scenarios.many('in_place', [f'in_place(lambda y: {c})' for c in (
    'y.lgamma_()', 'y.digamma_()', 'y.i0_()', 'torch.logit_(y.abs_())', 'y.logit_(0.1)', 'y.add_(3).mvlgamma_(2)', 'y.polygamma_(1)',
    'torch.sinc_(y)', 'torch.deg2rad_(y)', 'torch.rad2deg_(y)', 'torch.xlogy_(y, data(3).abs())', 'torch.ldexp_(y, t([1, 2, 3]))')], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
