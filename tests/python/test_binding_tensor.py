"""The Tensor object: identity, lifetime, subclassing, numbers, indexing, copies."""
import copy
import gc
import pickle
import warnings
import weakref

import pytest

import ctorch as T


def test_identity():
    x = T.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is x.grad
    y = x * 2
    assert y.grad_fn.next_functions[0][0].variable is x
    assert x.add_ if False else True
    z = T.zeros(2)
    assert z.add_(1) is z and z.to('cpu') is z and z.float() is z and z.contiguous() is z


def test_attributes_survive_while_c_holds_the_tensor():
    x = T.ones(2, requires_grad=True)
    x.note = 'kept'
    y = x * 2
    where = id(x)
    del x
    gc.collect()
    again = y.grad_fn.next_functions[0][0].variable
    assert again.note == 'kept' and id(again) == where
    ref = weakref.ref(again)
    del again, y
    gc.collect()
    assert ref() is None


class Sub(T.Tensor):
    pass


def test_subclass():
    p = T.Tensor._make_subclass(Sub, T.ones(2), True)
    assert type(p) is Sub and p.requires_grad and p.is_leaf
    p.extra = [1]
    y = (p * 3).sum()
    del p
    gc.collect()
    for _ in range(3):   # given back and taken again
        q = y.grad_fn.next_functions[0][0].next_functions[0][0].variable
        assert type(q) is Sub and q.extra == [1]
        del q
        gc.collect()
    y.backward()
    assert type(T.ones(2).as_subclass(Sub)) is Sub
    assert Sub([1, 2]).tolist() == [1.0, 2.0]


def test_cycles_are_collected():
    x = T.ones(2)
    x.me = x
    ref = weakref.ref(x)
    del x
    gc.collect()
    assert ref() is None
    p = T.Tensor._make_subclass(Sub, T.ones(2), True)
    p.register_hook(lambda g, p=p: None)
    ref = weakref.ref(p)
    del p
    gc.collect()
    assert ref() is None


def test_cycle_through_c_is_not_broken_early():
    x = T.ones(2, requires_grad=True)
    x.box = [x]
    y = x * 2
    del x
    gc.collect()
    gc.collect()
    x = y.grad_fn.next_functions[0][0].variable
    assert x.box[0] is x
    del x.box


def test_many_short_lives():
    for _ in range(1000):
        x = T.ones(3)
        x.a = 1
        y = x[0] + x[1]
    assert y.item() == 2


def test_numbers():
    assert int(T.tensor(3.7)) == 3 and float(T.tensor(2)) == 2.0 and [10, 20][T.tensor(1)] == 20
    assert '%.2f' % T.tensor(1.5) == '1.50' and f'{T.tensor(1.5):.3f}' == '1.500' and '%d' % T.tensor(2.5) == '2'
    assert bool(T.tensor(0.5)) and not bool(T.tensor(0))
    assert complex(T.tensor(2.0)) == 2 + 0j
    assert 1.0 in T.ones(2) and 3 not in T.ones(2)
    assert len(T.ones(3, 2)) == 3 and [v.item() for v in T.arange(3)] == [0, 1, 2]
    assert hash(T.ones(1)) is not None and len({T.ones(1), T.ones(1)}) == 2
    assert (T.ones(2) == None) is False and (T.ones(2) != None) is True


def test_operators():
    x = T.tensor([1., 2., 4.])
    assert (1 - x).tolist() == [0, -1, -3] and (2 / x).tolist() == [2, 1, 0.5] and (2 ** x).tolist() == [2, 4, 16]
    assert (7 // x).tolist() == [7, 3, 1] and (7 % x).tolist() == [0, 1, 3] and (-x).tolist() == [-1, -2, -4]
    assert abs(-x).tolist() == x.tolist() and (x ** 2).tolist() == [1, 4, 16] and (x @ x).item() == 21
    assert (~T.tensor([True])).tolist() == [False] and (T.tensor([6]) & 3).tolist() == [2] and (1 | T.tensor([6])).tolist() == [7]
    y = x
    y += 1
    y *= 2
    assert y is x and x.tolist() == [4, 6, 10]
    y -= 1
    y /= 3
    y **= 2
    assert y is x
    assert sum([T.ones(1), T.ones(1)]).item() == 2
    assert (x < 3).dtype == T.bool and (3 > x).tolist() == (x < 3).tolist()
    assert (T.ones(2, dtype=T.int64) + 1.5).dtype == T.float32 and (T.ones(2, dtype=T.bool) + 1).dtype == T.int64


INDEX = [
    (0,), (-1,), (slice(1, None),), (slice(None), 1), (None,), (Ellipsis, 0), (slice(None, None, 2),), ([0, 1],), ((0, 1),), ([0, 2], [1, 0]),
    (slice(None), [0, 2]), (True,), (False,), ([True, False, True],), (range(2),), (slice(0, 0),), (1, 2), (slice(-2, None), slice(None, -1)), (None, 0, None),
    ([],), ([[0, 1], [1, 0]],),
]


@pytest.mark.parametrize('index', INDEX, ids=str)
def test_getitem(index, oracle):
    index = index[0] if len(index) == 1 else index
    a, b = T.arange(12).view(3, 4), oracle.arange(12).view(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        ours, theirs = a[index], b[index]
    assert tuple(ours.shape) == tuple(theirs.shape) and ours.tolist() == theirs.tolist()
    if index != [[0, 1], [1, 0]]:
        a[index] = 7
        b[index] = 7
        assert a.tolist() == b.tolist()


def test_getitem_tensors():
    x = T.arange(12).view(3, 4)
    assert x[T.tensor(1)].tolist() == [4, 5, 6, 7] and x[T.tensor([2, 0])].tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert x[x > 9].tolist() == [10, 11] and x[T.tensor([0, 1]), T.tensor([1, 2])].tolist() == [1, 6]
    x[x > 9] = 0
    x[0] = T.tensor([9, 9, 9, 9])
    assert x.tolist() == [[9] * 4, [4, 5, 6, 7], [8, 9, 0, 0]]
    assert x[T.tensor(0):T.tensor(1)].shape == (1, 4)


BAD_INDEX = [lambda x: x[5], lambda x: x['a'], lambda x: x[1.5], lambda x: x[0, 0, 0], lambda x: x[::-1], lambda x: x[{}], lambda x: x['a':2],
             lambda x: x[object()], lambda x: x[0:1:0], lambda x: x.__setitem__(0, 'a'), lambda x: x.__setitem__(0, None),
             lambda x: x.__setitem__(0, [1, 2, 3]), lambda x: x.__setitem__(5, 1), lambda x: x.__delitem__(0)]


@pytest.mark.parametrize('i', range(len(BAD_INDEX)))
def test_bad_index(i, oracle):
    def text(t):
        with pytest.raises(Exception) as e:
            BAD_INDEX[i](t.ones(2, 3))
        return e.type.__name__, str(e.value)
    assert text(T) == text(oracle)


def test_index_of_zero_dim():
    from ctorch import _C
    x = T.tensor(3.0)
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter('always')
        assert x[0] is x and x[-1] is x
    assert len([v for v in w if v.category is FutureWarning]) <= 1
    with pytest.raises(IndexError, match='invalid index of a 0-dim tensor'):
        x[1]


def test_copies():
    x = T.arange(6.).view(2, 3)
    y = copy.deepcopy(x)
    assert y.tolist() == x.tolist() and y.data_ptr() != x.data_ptr()
    z = copy.copy(x)
    assert z.data_ptr() == x.data_ptr()
    a, b = pickle.loads(pickle.dumps((x, x.t())))
    assert a.tolist() == x.tolist() and b.tolist() == x.t().tolist()
    pair = copy.deepcopy([x, x[0]])
    pair[0][0, 0] = 9
    assert pair[1][0].item() == 9
    w = T.ones(2, requires_grad=True)
    w.tag = 1
    v = copy.deepcopy(w)
    assert v.requires_grad and v.tag == 1
    with pytest.raises(RuntimeError, match='graph leaves'):
        copy.deepcopy(w * 2)
    for o in (T.float32, T.Size([1, 2]), T.device('cuda:1'), T.strided, T.channels_last):
        assert pickle.loads(pickle.dumps(o)) == o
    g = T.Generator().manual_seed(5)
    assert pickle.loads(pickle.dumps(g)).get_state().tolist() == g.get_state().tolist()


def test_small_types():
    assert repr(T.Size([2, 3])) == 'torch.Size([2, 3])' and T.Size([2, 3]).numel() == 6 and isinstance(T.Size([1]) + (2,), T.Size)
    assert repr(T.float32) == 'torch.float32' and T.float is T.float32 and T.long is T.int64 and T.float32.itemsize == 4
    assert repr(T.device('cpu')) == "device(type='cpu')" and str(T.device('cuda', 1)) == 'cuda:1' and T.device('cpu') != 'cpu'
    assert T.promote_types(T.uint8, T.int8) is T.int16 and T.result_type(T.ones(2, dtype=T.int32), 1.5) is T.float32
    assert T.Tensor(2, 3).shape == (2, 3) and T.Tensor([1, 2]).dtype is T.float32
    assert T.manual_seed(3) is T.default_generator or isinstance(T.manual_seed(3), T.Generator)


def test_tensor_data(oracle):
    cases = [1, 1.5, True, [], [[]], [1, 2.], [True, 2], [[1, 2], [3, 4]], (1, 2), range(3), [[1.5], [2]], [[[]], [[]]]]
    for c in cases:
        a, b = T.tensor(c), oracle.tensor(c)
        assert str(a.dtype) == str(b.dtype) and tuple(a.shape) == tuple(b.shape) and a.tolist() == b.tolist(), c
    assert T.tensor([T.tensor(1), T.tensor(2.)]).tolist() == [1.0, 2.0]
    assert T.tensor([1, 2], dtype=T.float16).dtype is T.float16 and T.tensor(1.5, dtype=T.int64).item() == 1


def test_memory():
    assert T.frombuffer(bytearray(b'\x01\x00\x02\x00'), dtype=T.int16).tolist() == [1, 2]
    x = T.arange(4.)
    m = memoryview(x)
    m[0] = 5.0
    assert x[0].item() == 5
    y = T.from_dlpack(x)
    y[1] = 7
    assert x[1].item() == 7


def test_threads():
    import threading
    out = []

    def work():
        a = T.ones(100000)
        for _ in range(5):
            a = a * 2 - 1
        out.append(a.sum().item())
    ts = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    assert out == [100000.0] * 4
