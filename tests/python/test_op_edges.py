"""The edges of ops beside PyTorch: numbers that a dtype cannot hold, results that cannot be written in place, history that a
comparison in place ends, gradients at zeros, ranges of random integers, old orders of arguments, out=."""
import scenario
from scenario import Scenarios

scenarios = Scenarios('op_edges')

NUMBERS = ['300', '-1', '-256', '2**40', '1e39', "float('inf')", "float('nan')", '1.5', '70000', '70000.', 'True']
DTYPES = ['uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64', 'bool']
WRITES = ['torch.ones(2, dtype=d).fill_(v)', 'torch.full((2,), v, dtype=d)', 'torch.full_like(torch.ones(2, dtype=d), v)',
          'torch.ones(2, dtype=d).masked_fill(m, v)', 'x = torch.ones(2, dtype=d)\nx[0] = v\nx',
          'x = torch.ones(2, dtype=d)\nx[m] = v\nx',
          'torch.where(m, torch.ones(2, dtype=d), v)', 'torch.ones(2, dtype=d).index_fill(0, torch.tensor([0]), v)',
          'torch.ones(2, dtype=d).scatter(0, torch.tensor([0]), v)', 'torch.ones(2, dtype=d).new_full((2,), v)']


def _outcomes(source):
    def run(torch):
        rows = []
        for d in DTYPES:
            for v in NUMBERS:
                scope = {'torch': torch, 'd': getattr(torch, d), 'v': eval(v), 'm': torch.tensor([True, False])}
                *before, last = source.split('\n')
                try:
                    exec('\n'.join(before), scope)
                    result = eval(last, scope)
                    rows.append([d, v, str(result.dtype).rpartition('.')[2], repr(result.tolist())])
                except (RuntimeError, ValueError, TypeError) as e:
                    rows.append([d, v, type(e).__name__, str(e)])
        return rows
    run.__name__ = f'numbers: {source}'
    return run


for source in WRITES:
    scenarios(_outcomes(source))

def _quiet(name, source):
    def run(torch):
        import warnings
        scope = {'torch': torch}
        *before, last = source.split('\n')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')   # PyTorch's say where in its sources they were raised
            exec('\n'.join(before), scope)
            return eval(last, scope)
    run.__name__ = f'{name}: {source}'
    return run


scenarios.many('number', [
    'torch.ones(2, dtype=torch.uint8) + 300', 'torch.ones(2, dtype=torch.uint8) == 300',
    'torch.ones(2, dtype=torch.uint8).add(1, alpha=300)',
    'torch.ones(2, dtype=torch.uint8) % 256', 'torch.ones(2, dtype=torch.uint8) // 512', 'torch.ones(2, dtype=torch.uint8) ** 300',
    'torch.ones(2, dtype=torch.uint8).clamp(max=300)', 'torch.ones(2, dtype=torch.uint8).clamp(max=-1)', 'torch.ones(2) + 2**64',
    'F.pad(torch.ones(1, dtype=torch.uint8), (1, 0), value=-1)', 'torch.randperm(300, dtype=torch.uint8)', 'torch.tensor(2**63)'])

scenarios.many('in place', ['torch.tensor([1, 2, 3]).' + call for call in [
    'clamp_(0.5, 2.5)', 'clamp_(min=0.5)', 'clamp_min_(1.5)', 'clamp_max_(1.5)', 'clamp_(torch.tensor([0.5, 2., 3.]))',
    'clip_(0.5)',
    'clamp_(torch.tensor([2, 2, 2]), torch.tensor(2))', 'div_(2)', "div_(2, rounding_mode='floor')", 'add_(1.5)',
    'exponential_()', 'cauchy_()',
    'index_copy_(0, torch.tensor([0]), torch.tensor([1.5]))', 'scatter_(0, torch.tensor([0]), torch.tensor([1.5]))',
    'masked_scatter_(torch.tensor([True, False, False]), torch.tensor([1.5]))', 'put_(torch.tensor([0]), torch.tensor([1.5]))']]
    + ['torch.tensor([True]).clamp_(0, 1)'])

HISTORY = 'x = torch.tensor([1., 2.], requires_grad=True)\ny = x * 2\n'
scenarios.many('history', [HISTORY + f'y.{call}\n(y, type(y.grad_fn).__name__, torch.autograd.grad(y.sum(), x))' for call in [
    'eq_(2.)', 'ne_(2.)', 'lt_(3.)', 'le_(3.)', 'gt_(3.)', 'ge_(torch.tensor([3., 3.]))', 'sign_()', 'zero_()']] + [
    HISTORY + 'y[:1].eq_(2.)\ny.sum().backward()\nx.grad', 'x = torch.ones(2, requires_grad=True)\nx.eq_(1.)',
    'w = torch.ones(2, requires_grad=True)\nx = torch.ones(2).eq_(w)\n(x, torch.autograd.grad(x.sum(), w))',
    *[HISTORY + f'y.{call}\n(y, torch.autograd.grad(y.sum(), x))' for call in [
        'clamp_(0, 3)', 'clamp_min_(3)', 'clamp_max_(3)', 'clamp_(torch.ones(2), torch.full((2,), 3.))',
        "div_(3, rounding_mode='floor')"]],
    'w = torch.ones(2, requires_grad=True)\n(w == 1, w.eq(w), (w < w).requires_grad)'])

scenarios.many('gradient', [
    f'x = torch.tensor({x}, requires_grad=True)\ny = {f}\ny.sum().backward()\n(y, x.grad)' for x in ['[[0., 0.], [0., 0.]]',
    '[[0., 1.], [0., -2.]]']
    for f in ['x.norm(3)', 'x.norm(0.5)', 'x.norm(1.5, 0)',
    "x.norm(float('inf'))", "x.norm(float('-inf'), 1, True)", "x.norm('fro')", "x.norm('fro', 0)",
              'x.prod()', 'x.prod(1)', 'x.cumprod(0)', 'x.cumprod(1)', 'x.renorm(2.5, 0, 0.5)', 'x.renorm(1, 1, 0.5)']] + [
    f'x = torch.ones({shape}, requires_grad=True)\ny = x.prod({args})\ny.sum().backward()\n(y, x.grad)'
    for shape, args in [((2, 0), '1'), ((0, 2), '1'), ((0, 2), '0, True'), ((0,), ''), ((2, 0), '1, True')]] + [
    'x = torch.tensor([0., 2., 3.], requires_grad=True)\n'
    'g, = torch.autograd.grad(x.cumprod(0).sum(), x, create_graph=True)\ntorch.autograd.grad(g.sum(), x)',
    'torch.ones(0).norm(-1)', "torch.sign(torch.tensor([float('nan'), -1., 2.]))"])

A, B = 'a = torch.tensor([[1, 2], [3, 4]])\n', 'a = torch.tensor([[[1, 2], [3, 4]]] * 2)\n'
scenarios.many('products of integers', [
    A + 'torch.addmm(a, a, a, beta=1.5, alpha=2.7)', A + 'torch.addmm(a, a, a, beta=0.5)', B + 'torch.baddbmm(a, a, a, beta=1.5, alpha=2.7)',
    A + 'torch.addmv(a[0], a, a[0], beta=1.5, alpha=2.7)', A + 'torch.addr(a, a[0], a[0], beta=1.5)', A + 'torch.addr(a, a[0], a[0], alpha=2)',
    B + 'torch.addbmm(a[0], a, a, beta=1.5, alpha=2.7)', A + 'torch.addmm(a.byte(), a.byte(), a.byte(), alpha=300)'])

for source in [f'torch.manual_seed(0)\n{call}' for call in [
    'torch.ones(3).random_(2**28)', 'torch.ones(3).random_(2**30)', 'torch.ones(3).random_(2**40)',
    'torch.ones(3).random_(5, None)',
    'torch.ones(3).random_(-2**24 - 3, 3)', 'torch.ones(3).random_(2**24 + 1, 2**24 + 9)',
    'torch.ones(3).random_(2**24 + 1, 2**24 + 2)',
    'torch.ones(3, dtype=torch.float64).random_(2**60)', 'torch.ones(3, dtype=torch.float16).random_(70000)',
    'torch.ones(3, dtype=torch.float16).random_(2000)', 'torch.ones(3, dtype=torch.float16).random_(-70000, 0)',
    'torch.ones(3, dtype=torch.uint8).random_(300)', 'torch.ones(3, dtype=torch.uint8).random_(-1, 5)',
    'torch.ones(3, dtype=torch.bool).random_(3)',
    'torch.ones(3, dtype=torch.int32).random_(5, None)', 'torch.ones(3, dtype=torch.int64).random_(-2**63, None)',
    'torch.ones(3).random_(5, 5)',
    'torch.randint(2**30, (3,), dtype=torch.float32)', 'torch.ones(4).uniform_(0, 1e39)',
    'torch.normal(torch.zeros(2), torch.tensor([1., -2.]))',
    'torch.ones(4, 2).t().bernoulli_(torch.tensor([.1, .5, .5, .9]))',
    'torch.ones(4, 2).t().bernoulli_(torch.full((4, 2), .5).t())',
    'torch.ones(2, 4).bernoulli_(torch.full((4, 2), .5).t())', 'torch.bernoulli(torch.full((4, 3), .5).t()).stride()',
    'torch.bernoulli(torch.ones(4, 3).t(), 0.5)', 'torch.bernoulli(torch.tensor([.1, 2.]))', 'torch.randperm(-1)']]:
    scenarios(_quiet('random', source))

scenarios.many('subscript', [f'x = torch.zeros(3)\nx[{index}] = torch.tensor({value})\nx' for index, value in [
    ('torch.tensor([0])', '1'), ('torch.tensor([0])', '[1.], dtype=torch.float64'), ('torch.tensor([True, False, True])', '[1, 2]'),
    ('torch.tensor([True, False, True])', '1'), ('0', '1'), ('0:2', '[1, 2]'), ('0:2', '[1., 2., 3.]')]] + [
    'torch.zeros(2, 3).index_put_((torch.tensor([0]),), torch.tensor(1))', 'torch.zeros(2, 3).index_put_((torch.tensor([0]),), 1.)',
    'torch.zeros(2, 3).index_put_(torch.tensor([0]), torch.tensor(1.))', 'torch.ones(2).gather(0, torch.tensor([3]))',
    'torch.ones(2).gather(0, torch.tensor([0.]))', 'torch.ones(2).index_select(0, torch.tensor([0.]))'])

scenarios.many('shape', ['torch.ones(2, 3).reshape(-2, 3)', 'torch.ones(2, 3).permute(1)', 'torch.ones(2, 3).repeat(2, 2, -1)',
                         'torch.ones(1).expand(3).unsqueeze_(0)', 'torch.ones(2, 0).expand(2, 0).add_(1)',
                         'torch.ones(0, dtype=torch.int32).median()',
                         'torch.tensor([[3., 1., 2.], [1., 2., 3.]]).median(1).values.stride()',
                         'F.adaptive_avg_pool3d(torch.ones(1, 2, 3, 3, 3), (2,))',
                         'F.adaptive_max_pool3d(torch.ones(2, 3, 3, 3), (2, 2))',
                         'torch.ones(2, 3).unflatten(1, (2, 2))', 'torch.ones(2, 4).unflatten(1, (2, -1))'])

X = 'x = torch.tensor([[1., 2.], [3., 4.]])\n'
OLD = [X + call for call in ['torch.addmm(2, x, 3, x, x)', 'torch.addmm(2, x, x, x)', 'x.addmm(2, 3, x, x)',
    'torch.add(x, 2, x)', 'x.add(2, x)',
                             'x.clone().add_(2, x)', 'x.sub(2, x)', 'torch.addmv(2, x[0], 3, x, x[0])',
                             'torch.addr(2, x, 3, x[0], x[0])',
                             'torch.addcmul(x, 2, x, x)', 'x.addcdiv(2, x, x)', 'x.clone().addcmul_(2, x, x)']]


for source in OLD:
    scenarios(_quiet('old order', source))

scenarios.many('out', [
    'torch.arange(3, out=torch.empty(0))', 'torch.linspace(0, 1, 3, out=torch.empty(0))',
    'torch.argmax(torch.ones(2), out=torch.empty(0, dtype=torch.int64))',
    'torch.max(torch.ones(2, 2), torch.ones(2), out=torch.empty(0))',
    'torch.matmul(torch.ones(2, 2), torch.ones(2, 2), out=torch.empty(0))',
    'torch.where(torch.tensor([True]), torch.ones(1), torch.ones(1), out=torch.empty(0))',
    'torch.masked_select(torch.ones(2), torch.tensor([True, False]), out=torch.empty(0))',
    'torch.diag(torch.ones(2, 2), out=torch.empty(0))', 'torch.manual_seed(0)\ntorch.rand(3, out=torch.empty(0))',
    'torch.manual_seed(0)\ntorch.randn(3, out=torch.empty(0))',
    'torch.manual_seed(0)\ntorch.randperm(3, out=torch.empty(0, dtype=torch.int64))',
    'torch.manual_seed(0)\ntorch.bernoulli(torch.tensor([.5, .5]), out=torch.empty(2))'])

scenarios.many('close', [
    'torch.allclose(torch.tensor([0]), torch.tensor([3]), 2.0)', 'torch.allclose(torch.zeros(1).byte(), torch.tensor([3]).byte(), 2.0)',
    'torch.isclose(torch.tensor([True, False]), torch.tensor([True, True]), 1e-5, 1.0)', 'torch.isclose(torch.tensor([True]), torch.tensor([False]))',
    'torch.allclose(torch.ones(1), torch.ones(1), -1.0)', 'torch.allclose(torch.ones(1), torch.ones(1), atol=-1.0)', 'torch.logspace(0, 1, 0)'])

BAD = ["torch.add(torch.ones(2), 'a')", 'torch.add()', 'torch.ones(2).sub()',
    "torch.sum('a')", "torch.ones(2).sum('a')", "torch.ones(2).mean('a')",
       "torch.div(torch.ones(2), 'a')", "torch.max('a')", "torch.arange('a')", "torch.ones(2).eq('a')",
       'torch.ones(2).amax(1, 2, 3)',
       "torch.ones(2).masked_fill(torch.tensor([True, False]), 'a')", 'torch.linspace(0, 1)', 'torch.pow(torch.ones(2), "a")',
       'torch.cumsum()']


def _sentence(source):
    def run(torch):
        try:
            eval(source, {'torch': torch})
        except TypeError as e:
            return str(e).split(', but expected one of')[0]   # the overloads that follow are this library's
    run.__name__ = f'arguments: {source}'
    return run


for source in BAD:
    scenarios(_sentence(source))

test_golden, test_golden_is_pytorch = scenario.make_tests(scenarios)
