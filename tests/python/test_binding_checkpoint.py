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


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / 'missing.pt')
    with pytest.raises(AttributeError):
        load(3)


def test_with_pytorch(tmp_path, oracle):
    state = collections.OrderedDict(w=oracle.randn(3, 2), b=oracle.arange(3))
    oracle.save(state, tmp_path / 'theirs.pt')
    got = load(tmp_path / 'theirs.pt')
    assert list(got) == ['w', 'b'] and got['w'].tolist() == state['w'].tolist() and got['b'].tolist() == [0, 1, 2]
    save(got, tmp_path / 'ours.pt')
    back = oracle.load(tmp_path / 'ours.pt')
    assert back['w'].tolist() == state['w'].tolist() and back['b'].dtype == oracle.int64
