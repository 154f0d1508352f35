"""The compositions that stand in for ops, compared with PyTorch."""
import pytest

import ctorch as T

CASES = [
    'x.where(x > 0, y)', 'i.unique()', 'i.unique(return_inverse=True, return_counts=True)', 't.unique(t.stack([x, x], 0), dim=0)',
    't.unique_consecutive(t.tensor([1, 1, 2, 2, 1]), return_inverse=True, return_counts=True)', 't.unique_consecutive(t.tensor([[1, 1], [1, 1], [2, 1]]), dim=0)',
    'x.clone().index_put_((t.tensor([0, 0]), t.tensor([1, 1])), t.tensor([1., 2.], dtype=t.float64), accumulate=True)',
    'x.clone().index_put_((t.tensor([0, 1]),), y[:2])', 'x.index_put((t.tensor([1]),), t.tensor(5., dtype=t.float64))',
    'x.clone().put_(t.tensor([0, 5]), t.tensor([7., 8.], dtype=t.float64))', 't.zeros(3, 3).fill_diagonal_(2)',
    't.zeros(2, 3).scatter_reduce(0, t.tensor([[0, 1, 1], [1, 1, 0]]), t.arange(6.).view(2, 3), "amax")',
    't.ones(2, 3).scatter_reduce(1, t.tensor([[0, 0, 1], [2, 2, 2]]), t.arange(6.).view(2, 3), "mean", include_self=False)',
    't.ones(2, 3).scatter_reduce(1, t.tensor([[0, 0, 1], [2, 2, 2]]), t.arange(6.).view(2, 3), "prod")',
    'x.clone().resize_(2, 2)', 'x.sum_to_size(3, 1)', 't.hsplit(x, 2)', 't.vsplit(x, [1])', 't.inner(x, y)', 't.cross(x[:, :3], y[:, :3], dim=1)', 't.kron(x[:2, :2], y[:2, :2])',
    'x.trace()', 't.addmv(x[:, 0], x, y[0])', 't.addr(x, x[:, 0], y[0])', 'x.diff()', 't.quantile(x, 0.3)', 't.quantile(x, t.tensor([0.25, 0.5], dtype=t.float64), dim=1)',
    'x.quantile(0.5, 1, True)', 'x.nanmean(1)', 't.histc(t.tensor([1., 2., 1.]), bins=4, min=0, max=3)', 't.mode(t.tensor([[1, 2, 2], [3, 3, 1]])).values if False else t.mode(t.tensor([[1, 2, 2], [3, 3, 1]]))[0]',
    't.logaddexp(x, y)', 't.hypot(x, y)', 't.sinc(x)', 't.copysign(x, y)', 't.heaviside(x, y)', 't.float_power(x.abs(), 2)', 't.deg2rad(x)', 't.erfinv(x.tanh())', 't.xlogy(x.abs(), y.abs())',
    'x.real', 'x.nonzero(as_tuple=True)', 't.nonzero(i - 3)', 't.std_mean(x)', 't.renorm(x, 2, 0, 1.0)', 'x.signbit()',
]


@pytest.mark.parametrize('code', CASES)
def test_case(code, oracle):
    def run(t):
        x = t.tensor([[0.5, -1.25, 2.0, 0.0], [1.5, 0.25, -0.75, 3.0], [-2.0, 1.0, 0.5, 0.125]], dtype=t.float64)
        y = x.flip(0) + 0.5
        i = t.tensor([3, 1, 3, 2])
        r = eval(code)
        return r if isinstance(r, (tuple, list)) else (r,)
    ours, theirs = run(T), run(oracle)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
        assert oracle.allclose(oracle.tensor(a.tolist(), dtype=oracle.float64), b.double(), rtol=1e-6, atol=1e-7), (a, b)
