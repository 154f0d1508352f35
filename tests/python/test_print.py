"""How tensors print: texts recorded from PyTorch 2.13, and of 0.1.12's rules, with many dtypes, shapes and options."""
import json
from pathlib import Path

import pytest

import ctorch as torch

GOLDEN = json.loads((Path(__file__).parent.parent / 'golden' / 'print.json').read_text())


@pytest.fixture(autouse=True)
def default_options():
    torch.set_printoptions(profile='default')
    yield
    torch.set_printoptions(profile='default')
    torch.compat(None)


def build(case):
    dtype = getattr(torch, case['dtype'])
    if 'values' in case:
        values = [float(v) if isinstance(v, str) else v for v in case['values']]
        exact = torch.float64 if dtype.is_floating_point else torch.int64
        return torch.tensor(values, dtype=exact).to(dtype).reshape(case['shape'])
    n = 1
    for size in case['shape']:
        n *= size
    ramp = torch.arange(n, dtype=torch.float64)
    return (ramp / 8 if dtype.is_floating_point else ramp).to(dtype).reshape(case['shape'])


@pytest.mark.parametrize('case', GOLDEN['cases'] + GOLDEN['ramps'],
                         ids=lambda c: f'{c["dtype"]}-{"x".join(map(str, c["shape"]))}')
def test_recorded(case):
    t = build(case)
    if case.get('options'):
        torch.set_printoptions(**case['options'])
    assert repr(t) == case['text']
    if case['legacy'] is not None:
        torch.compat('0.1.12')
        assert repr(t) == case['legacy']


def test_transposed_prints_by_place():
    t = torch.arange(6).reshape(2, 3).t()
    assert repr(t) == 'tensor([[0, 3],\n        [1, 4],\n        [2, 5]])'


def test_suffixes():
    x = torch.ones(2, requires_grad=True)
    assert repr(x) == 'tensor([1., 1.], requires_grad=True)'
    assert repr(x * 2) == 'tensor([2., 2.], grad_fn=<MulBackward0>)'
    assert repr(torch.zeros(0, 3)) == 'tensor([], size=(0, 3))'
    assert repr(torch.zeros(2, dtype=torch.float16)) == 'tensor([0., 0.], dtype=torch.float16)'


def test_legacy_variable():
    torch.compat('0.1.12')
    assert repr(torch.ones(2, requires_grad=True)) == 'Variable containing:\n 1\n 1\n[torch.FloatTensor of size 2]\n'


def test_print_matches_pytorch_here():
    """Random tensors against PyTorch itself, where it is importable."""
    oracle = pytest.importorskip('torch')
    if not hasattr(oracle, '__file__') or 'ctorch' in (oracle.__file__ or ''):
        pytest.skip('torch is this package')
    oracle.set_printoptions(profile='default')
    oracle.manual_seed(3)
    for i in range(300):
        shape = [int(n) for n in oracle.randint(0, 9, (int(oracle.randint(0, 4, ())),))]
        t = oracle.randn(shape, dtype=oracle.float64) * 10.0 ** float(oracle.randint(-6, 9, ()))
        t = t.round() if i % 3 == 0 else t
        ours = torch.tensor(t.tolist(), dtype=torch.float64).reshape(shape)
        for name in ('float64', 'float32', 'float16'):
            assert repr(ours.to(getattr(torch, name))) == repr(t.to(getattr(oracle, name)))
