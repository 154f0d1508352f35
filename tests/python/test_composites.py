"""torch.* functions that are made of other ops: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('composites')

SETUP = GRADS + '''
t = torch.tensor
a, b = t([1.0, float("nan"), 3.0, float("inf"), -2.0]), t([2.0, 1.0, float("nan"), 0.0, -float("inf")])
def grad(f, *shape):
    x = data(*shape).requires_grad_()
    y = f(x)
    (y * y).sum().backward()
    return y, x.grad
'''
scenarios.many('functions', [
    'list(torch.broadcast_shapes((2, 1), (3,), 1))', 'list(torch.broadcast_shapes())', 'torch.broadcast_shapes((2,), (3,))',
    'torch.isin(t([[1, 2], [3, 4]]), t([2, 4]))', 'torch.isin(t([1, 2]), t([2]), invert=True)', 'torch.isin(t([1, 2]), 2)',
    'torch.combinations(t([1, 2, 3]))', 'torch.combinations(t([1, 2]), 3, True)', 'torch.combinations(t([[1]]))',
    'grad(torch.cov, 2, 5)', 'torch.cov(data(5))', 'torch.cov(data(2, 4), correction=0)', 'torch.cov(data(2, 4), fweights=t([1, 2, 1, 3]))',
    'torch.cov(data(2, 4), aweights=t([.5, 1., 2., 1.]).double())', 'grad(torch.corrcoef, 3, 5)', 'torch.corrcoef(data(4))',
    'torch.vander(t([1, 2, 3]))', 'torch.vander(t([1., 2.]), 3, increasing=True)', 'grad(torch.trapezoid, 2, 4)',
    'torch.trapezoid(data(2, 4), t([0., 1., 3., 4.]).double())', 'torch.trapezoid(data(3, 2), dx=0.5, dim=0)',
    'torch.cumulative_trapezoid(data(2, 4))', 'torch.trapz(data(3))', 'torch.diagflat(t([[1, 2], [3, 4]]), 1)',
    'torch.atleast_3d(t(1)).shape == (1, 1, 1), torch.atleast_3d(data(2)), torch.atleast_3d(data(2, 2))',
    'grad(lambda x: torch.matrix_power(x, 3), 2, 2)', 'torch.matrix_power(data(2, 2, 2), 0)', 'torch.isposinf(a), torch.isneginf(b)',
    'torch.isreal(t([1, 2]))', 'torch.fmax(a, b), torch.fmin(a, b)', 'torch.logaddexp2(a, b)',
    'grad(lambda x: torch.logaddexp2(x, x * 2), 4)',
    'torch.select_scatter(data(2, 3), data(3), 0, 1)', 'torch.slice_scatter(data(4, 2), data(2, 2), 0, 0, 4, 2)',
    'torch.diagonal_scatter(data(3, 3), data(2), 1)', 'grad(lambda x: torch.select_scatter(x, x[0] * 2, 0, 1), 2, 3)',
] + [f'torch.{w}_window({n}{p})' for w in ('hann', 'hamming', 'blackman', 'bartlett')
     for n, p in ((5, ''), (6, ', periodic=False'), (1, ''))] + [
    'torch.cosine_similarity(data(2, 3), data(2, 3) + 1)', 'torch.pairwise_distance(data(2, 3), data(2, 3) + 1)',
    'torch.pixel_shuffle(data(1, 4, 2, 2), 2)', 'torch.group_norm(data(2, 4, 3), 2)', 'torch.rms_norm(data(2, 4), [4])',
    'torch.channel_shuffle(data(1, 4, 2), 2)',
], SETUP)

scenarios.many('in_place', [
    *(f'in_place(lambda y: y.{call})' for call in (
        'cumprod_(0)', 'addmv_(data(3, 2), data(2))', 'hypot_(data(3) + 2)', 'copysign_(-data(3))',
        'copysign_(-1)', 'sinc_()', 'deg2rad_()', 'rad2deg_()', 'xlogy_(data(3) + 3)', 'heaviside_(data(3))', 'ldexp_(t([1, 2, 3]))',
        'mul_(0.2).erfinv_()', 'float_power_(2)')),
    'data(2, 3).addr_(data(2), data(3), beta=2, alpha=0.5)', 'data(2, 2).addbmm_(data(3, 2, 4), data(3, 4, 2))',
    'data(3, 2, 2).baddbmm_(data(3, 2, 4), data(3, 4, 2), beta=0.5)', 'data(3, 4).renorm_(2, 0, 1.0)',
    'a.clone().nan_to_num_(0.5), torch.nan_to_num(a, posinf=7.0, out=torch.zeros(5))', 'in_place(lambda y: y.nan_to_num_())',
    't([1, 2]).sinc_()', 'torch.heaviside(data(3), data(3))', 'data(3).requires_grad_().sinc_()',
    'data(3).float().float_power_(2)',
    'data(3).hypot_(data(2, 3))', 't([1., -2.]).copysign_(t([-0., 0.])), t([0., 1., -1.]).heaviside_(t([.5, .5, .5]))',
], SETUP + '''
def in_place(f):
    x = data(3).requires_grad_()
    y = x * 1
    r = f(y)
    y.sum().backward()
    return r is y, y, x.grad
''')

test_golden, test_golden_is_pytorch = make_tests(scenarios)
