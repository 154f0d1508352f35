"""torch.save and torch.load from Python, and files exchanged with PyTorch."""
import collections
import io

import pytest

import ctorch as T
from ctorch.serialization import load, save


def test_round_trip(tmp_path):
    x = T.arange(6.).view(2, 3)
    obj = {'a': x, 'view': x.t(), 'l': [1, 2.5, None, True, 'text', b'bytes', 2**70, (1, (2,))], 's': {1, 2}, 'd': T.float16,
           'size': T.Size([2, 3]), 'o': collections.OrderedDict(z=1), 'dev': T.device('cpu')}
    obj['self'] = obj['l']
    for target in (str(tmp_path / 'x.pt'), io.BytesIO()):
        save(obj, target)
        if not isinstance(target, str):
            target.seek(0)
        got = load(target)
        assert got['a'].tolist() == x.tolist() and got['view'].tolist() == x.t().tolist()
        assert got['a'].data_ptr() == got['view'].data_ptr()
        assert got['l'] == obj['l'] and got['self'] is got['l'] and got['s'] == {1, 2} and got['d'] is T.float16
        assert got['size'] == (2, 3) and isinstance(got['o'], collections.OrderedDict) and got['dev'] == T.device('cpu')


class Thing:
    def __init__(self, t):
        self.t = t


def test_own_classes(tmp_path):
    import pickle
    path = tmp_path / 'thing.pt'
    save(Thing(T.ones(3)), path)
    with pytest.raises(pickle.UnpicklingError):
        load(path)
    assert load(path, weights_only=False).t.tolist() == [1, 1, 1]


def test_safe_globals(tmp_path):
    import pickle
    from ctorch import serialization
    path = tmp_path / 'thing.pt'
    save({'x': Thing(T.ones(3)), 'r': range(3)}, path)
    assert load(path, weights_only=False)['r'] == range(3)
    with serialization.safe_globals([Thing, (range, '__builtin__.xrange')]):
        assert load(path)['x'].t.tolist() == [1, 1, 1]
        save([Thing(T.ones(1)), Danger()], tmp_path / 'danger.pt')
        with pytest.raises(pickle.UnpicklingError, match='posix.*system'):
            load(tmp_path / 'danger.pt')
    assert not serialization.get_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        load(path)


class Danger:
    def __reduce__(self):
        import os
        return os.system, ('exit 7',)


def test_errors(tmp_path):
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / 'missing.pt')
    with pytest.raises(AttributeError):
        load(3)


def test_whole_modules_with_pytorch(tmp_path, oracle):
    for theirs, ours in ((oracle, T), (T, oracle)):
        module = theirs.nn.Sequential(theirs.nn.Linear(2, 3), theirs.nn.BatchNorm1d(3), theirs.nn.ReLU()).eval()
        theirs.save({'m': module, 'p': theirs.nn.Parameter(theirs.ones(2))}, tmp_path / 'whole.pt')
        got = ours.load(tmp_path / 'whole.pt', weights_only=False)
        assert repr(got['m']) == repr(module) and isinstance(got['p'], ours.nn.Parameter)
        x = [[0.5, -1.0], [2.0, 3.0]]
        assert sum(got['m'](ours.tensor(x)).tolist(), []) == pytest.approx(sum(module(theirs.tensor(x)).tolist(), []))


def test_with_pytorch(tmp_path, oracle):
    state = collections.OrderedDict(w=oracle.randn(3, 2), b=oracle.arange(3))
    oracle.save(state, tmp_path / 'theirs.pt')
    got = load(tmp_path / 'theirs.pt')
    assert list(got) == ['w', 'b'] and got['w'].tolist() == state['w'].tolist() and got['b'].tolist() == [0, 1, 2]
    save(got, tmp_path / 'ours.pt')
    back = oracle.load(tmp_path / 'ours.pt')
    assert back['w'].tolist() == state['w'].tolist() and back['b'].dtype == oracle.int64
