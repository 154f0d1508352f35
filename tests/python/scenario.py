"""Scenarios: small functions of `torch` whose results are compared with what PyTorch 2.13 gave.

A test module collects them with @scenario. Their results (numbers, strings, tensors, exceptions, warnings) are kept in
tests/golden/NAME.json, which `python tests/python/record.py` writes where PyTorch is importable. Each scenario runs
against the golden value everywhere; where PyTorch is there the golden value is checked against it as well."""
import json
import math
import pathlib
import re
import warnings

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden'


class Scenarios:
    def __init__(self, name):
        self.name = name
        self.list = []

    def __call__(self, fn):
        self.list.append(fn)
        return fn

    def many(self, prefix, sources, setup=''):
        """One scenario an expression: each source is evaluated with torch, nn, F in scope."""
        for source in sources:
            self.list.append(_expression(f'{prefix}: {source}', source, setup))


def _expression(name, source, setup):
    def run(torch):
        scope = {'torch': torch, 'nn': torch.nn, 'F': torch.nn.functional}
        if setup:
            exec(setup, scope)
        lines = source.split('\n')
        if lines[:-1]:
            exec('\n'.join(lines[:-1]), scope)
        return eval(lines[-1], scope)
    run.__name__ = name
    return run


def _clean(text):
    text = re.sub(r'0x[0-9a-f]+', '0x', text)
    return text.replace('ctorch', 'torch')


def plain(torch, value):
    """A value as JSON can hold it."""
    if isinstance(value, torch.Tensor):
        grad_fn = None
        return {'tensor': str(value.dtype).rpartition('.')[2], 'shape': list(value.shape),
                'values': _numbers(value.detach().tolist()), 'requires_grad': value.requires_grad, 'fn': grad_fn}
    if isinstance(value, dict):
        return {'dict': [[plain(torch, k), plain(torch, v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [plain(torch, v) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return _clean(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return _numbers(value)
    return _clean(repr(value))


def _numbers(x):
    if isinstance(x, list):
        return [_numbers(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return repr(x)
    return x


def run(torch, fn):
    """What a scenario gives: its value, or its exception, and its warnings."""
    torch.manual_seed(0)
    assert torch.is_grad_enabled(), 'the scenario before has left grad mode off'
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            result = {'value': plain(torch, fn(torch))}
        except Exception as e:
            result = {'raises': type(e).__name__, 'message': _clean(str(e))}
    if not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        result['grad mode'] = 'left off'
    texts = [_clean(str(w.message)) for w in caught if issubclass(w.category, (UserWarning, FutureWarning))]
    texts = [t for t in texts if 'ctorch' not in t and 'CUDA' not in t]
    if texts:
        result['warnings'] = texts
    return result


def same(a, b, rtol=2e-5, atol=1e-6):
    if isinstance(a, float) or isinstance(b, float):
        if isinstance(a, str) or isinstance(b, str) or isinstance(a, bool) or a is None or b is None:
            return a == b
        return abs(a - b) <= atol + rtol * max(abs(a), abs(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k], rtol, atol) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, rtol, atol) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


def load(name):
    path = GOLDEN / f'{name}.json'
    return json.loads(path.read_text()) if path.exists() else {}


def record(scenarios, torch):
    results = {fn.__name__: run(torch, fn) for fn in scenarios.list}
    text = '{\n' + ',\n'.join(json.dumps(k) + ': ' + json.dumps(v) for k, v in results.items()) + '\n}\n'
    (GOLDEN / f'{scenarios.name}.json').write_text(text)
    return results


def make_tests(scenarios):
    """(test against the golden values, test of the golden values against PyTorch)."""
    golden = load(scenarios.name)
    fns = scenarios.list
    ids = [fn.__name__.replace('\n', '; ')[:80] for fn in fns]

    @pytest.mark.parametrize('fn', fns, ids=ids)
    def test_golden(fn):
        import ctorch
        got = run(ctorch, fn)
        want = golden[fn.__name__]
        assert same(got, want), f'\ngot  {got}\nwant {want}'

    @pytest.mark.parametrize('fn', fns, ids=ids)
    def test_golden_is_pytorch(fn):
        torch = pytest.importorskip('torch')
        if not str(torch.__version__).startswith('2.13') or 'ctorch' in torch.__version__:
            pytest.skip('the golden values are those of PyTorch 2.13')
        torch.set_num_threads(1)  # with more, which of several bad elements an error names is chance
        got = run(torch, fn)
        want = golden[fn.__name__]
        assert same(got, want), f'\ngot  {got}\nwant {want}'

    return test_golden, test_golden_is_pytorch
