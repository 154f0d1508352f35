"""The argument parser: forms, aliases, and the texts of refused calls, compared with PyTorch's."""
import pytest

import ctorch as T


def outcome(f, t):
    """What f(module, 2x3 tensor) gives: a value as nested lists, or the exception's type and text."""
    try:
        r = f(t, t.ones(2, 3))
    except Exception as e:
        return type(e).__name__, str(e)
    return plain(r)


def plain(r):
    if hasattr(r, 'tolist') and hasattr(r, 'dtype'):
        return str(r.dtype).rpartition('.')[2], tuple(r.shape), r.tolist()
    if isinstance(r, (tuple, list)):
        return [plain(v) for v in r]
    return repr(r)


WORKS = [
    lambda t, x: x.view(3, 2), lambda t, x: x.view((3, 2)), lambda t, x: x.view([3, 2]), lambda t, x: x.view(-1),
    lambda t, x: x.permute(1, 0), lambda t, x: x.permute((1, 0)), lambda t, x: x.permute(dims=(1, 0)),
    lambda t, x: x.reshape(6), lambda t, x: x.expand(4, 2, 3), lambda t, x: x.repeat(2, 2), lambda t, x: t.zeros(2, 3),
    lambda t, x: t.zeros((2, 3)), lambda t, x: t.zeros(t.Size([2, 3])), lambda t, x: t.zeros(()), lambda t, x: t.zeros(size=(2,)),
    lambda t, x: t.zeros(2, dtype=t.int64, device='cpu', layout=t.strided, pin_memory=False, requires_grad=False),
    lambda t, x: t.zeros(2, dtype=float), lambda t, x: t.zeros(2, dtype=int), lambda t, x: t.zeros(2, dtype=bool),
    lambda t, x: t.zeros(t.tensor(2), t.tensor(3)), lambda t, x: x.view(t.tensor(6)), lambda t, x: x.unsqueeze(t.tensor(0)),
    lambda t, x: x.sum(0), lambda t, x: x.sum((0, 1)), lambda t, x: x.sum(dim=1, keepdim=True), lambda t, x: x.sum(axis=1, keepdims=True),
    lambda t, x: x.sum(dtype=t.float64), lambda t, x: x.sum(0, dtype=t.int64), lambda t, x: t.sum(x), lambda t, x: t.sum(input=x, dim=1),
    lambda t, x: t.mean(x, axis=0, keepdims=True), lambda t, x: t.add(x, 2), lambda t, x: t.add(x, x, alpha=2),
    lambda t, x: t.add(input=x, other=x), lambda t, x: t.add(x, x, out=None), lambda t, x: t.add(x, True), lambda t, x: t.add(1, x),
    lambda t, x: t.mul(2.5, x), lambda t, x: x.add_(1), lambda t, x: x.transpose(dim0=0, dim1=1), lambda t, x: t.cat((x, x), 1),
    lambda t, x: t.cat([x, x], dim=0), lambda t, x: t.cat(tensors=[x, x], axis=1), lambda t, x: t.stack([x, x]),
    lambda t, x: t.max(x), lambda t, x: tuple(t.max(x, 1)), lambda t, x: t.max(x, x * 2), lambda t, x: tuple(x.max(dim=1, keepdim=True)),
    lambda t, x: t.max(x, dim=0)[1], lambda t, x: t.max(x, dim=0).values, lambda t, x: t.max(x, 0).indices,
    lambda t, x: t.arange(5), lambda t, x: t.arange(1, 5), lambda t, x: t.arange(0, 1, 0.25), lambda t, x: t.arange(end=3),
    lambda t, x: t.arange(1.0), lambda t, x: t.eye(2), lambda t, x: t.eye(2, 3), lambda t, x: t.full((2,), 3), lambda t, x: t.full((2,), True),
    lambda t, x: t.clamp(x, 0, 0.5), lambda t, x: t.clamp(x, min=2), lambda t, x: x.clamp(max=x * 0), lambda t, x: t.where(x > 0, x, 0.0),
    lambda t, x: t.where(x > 0, 1, 2), lambda t, x: x.split(1), lambda t, x: x.split([1, 2], 1), lambda t, x: x.chunk(2, dim=1), lambda t, x: x.unbind(),
    lambda t, x: t.meshgrid(x[0], x[1], indexing='ij'), lambda t, x: t.broadcast_tensors(x, x[:1]),
    lambda t, x: t.einsum('ij,kj->ik', x, x), lambda t, x: t.einsum('ij->j', [x]), lambda t, x: x.new_zeros(2, 3), lambda t, x: x.new_full((2,), 3),
    lambda t, x: x.fill_(3), lambda t, x: x.fill_(t.tensor(4)), lambda t, x: t.pow(x, 2), lambda t, x: t.pow(2, x), lambda t, x: x.squeeze(0),
    lambda t, x: x.squeeze(), lambda t, x: x.flatten(), lambda t, x: x.softmax(-1), lambda t, x: t.softmax(x, dim=0), lambda t, x: x.softmax(0, dtype=t.float64),
    lambda t, x: t.linspace(0, 1, 3), lambda t, x: t.nn.functional.relu(x), lambda t, x: x.type(t.int64), lambda t, x: x.to('cpu', t.int32),
    lambda t, x: x.to(t.int64), lambda t, x: x.to(x.double()), lambda t, x: x.to(dtype=t.float64, copy=True), lambda t, x: x.size(), lambda t, x: x.size(-1),
    lambda t, x: x.stride(), lambda t, x: x.type(), lambda t, x: x.type('torch.LongTensor'), lambda t, x: x.numel(), lambda t, x: x.dim(),
    lambda t, x: x.is_contiguous(), lambda t, x: x.t().is_contiguous(), lambda t, x: t.zeros_like(x, dtype=t.int64), lambda t, x: x.argmax(),
    lambda t, x: x.argmax(dim=1), lambda t, x: x.norm(), lambda t, x: x.norm(2, 1), lambda t, x: x.std(0), lambda t, x: x.var(unbiased=False), lambda t, x: x.any(),
    lambda t, x: x.all(1), lambda t, x: t.equal(x, x), lambda t, x: t.allclose(x, x), lambda t, x: x.gather(1, t.zeros(2, 1, dtype=t.int64)), lambda t, x: x.flip(0, 1),
    lambda t, x: x.roll(1), lambda t, x: x.roll(1, 0), lambda t, x: x.roll((1, 1), (0, 1)), lambda t, x: x.cumsum(1), lambda t, x: tuple(x.sort()), lambda t, x: tuple(x.topk(2)),
    lambda t, x: t.nn.functional.pad(x, (1, 1)), lambda t, x: x.T, lambda t, x: x.mT, lambda t, x: x.masked_fill(x > 0, 0), lambda t, x: x.ne(1), lambda t, x: x.lerp(x, 0.5),
]


@pytest.mark.parametrize('i', range(len(WORKS)))
def test_forms(i, oracle):
    assert outcome(WORKS[i], T) == outcome(WORKS[i], oracle)


TEXTS = [
    lambda t, x: t.relu(3), lambda t, x: t.zeros('a'), lambda t, x: t.relu(), lambda t, x: t.relu(x, 1), lambda t, x: t.relu(x, foo=1),
    lambda t, x: x + 'a', lambda t, x: x + [1], lambda t, x: x @ 2, lambda t, x: x - None, lambda t, x: x < 'a', lambda t, x: t.tanh(input=x, out=3),
    lambda t, x: t.cat([1]), lambda t, x: t.zeros(2, 'a'), lambda t, x: t.zeros(2, dtype=3), lambda t, x: t.zeros(2, device='foo'), lambda t, x: t.zeros(2.5),
    lambda t, x: x.add(x, alpha='b'), lambda t, x: x.permute('a'), lambda t, x: x.reshape(), lambda t, x: t.full((2,), 'a'),
    lambda t, x: x.unsqueeze(), lambda t, x: x.unsqueeze(1.0), lambda t, x: x.relu(1), lambda t, x: x.size('a'), lambda t, x: x.size(5), lambda t, x: x.sum([0, 'a']),
    lambda t, x: x.to('foo'), lambda t, x: x.type('foo'), lambda t, x: x.cuda(), lambda t, x: t.zeros(2, device='cuda'), lambda t, x: x.to('cuda'),
    lambda t, x: x.transpose(0), lambda t, x: x.foo, lambda t, x: x.max(dim='a'), lambda t, x: t.max(1, 2, 3), lambda t, x: t.device('cuda:x'),
    lambda t, x: t.Size(['a']), lambda t, x: t.tensor('a'), lambda t, x: t.tensor(None), lambda t, x: t.tensor([1, 'a']), lambda t, x: t.tensor([[1, 2], [3]]),
    lambda t, x: t.tensor([[1, 2], 3]), lambda t, x: t.tensor({}), lambda t, x: t.tensor(object()), lambda t, x: t.Tensor('a'), lambda t, x: t.Tensor(1.5),
    lambda t, x: t.tensor(2**63), lambda t, x: t.tensor(300, dtype=t.uint8), lambda t, x: float(x), lambda t, x: int(x), lambda t, x: x.item(), lambda t, x: bool(x),
    lambda t, x: bool(x[:0]), lambda t, x: x.__index__(), lambda t, x: [1, 2][t.tensor(1.)], lambda t, x: len(t.tensor(1)), lambda t, x: iter(t.tensor(1)),
    lambda t, x: f'{x:.2f}', lambda t, x: 'a' in x, lambda t, x: t.from_numpy(3), lambda t, x: t.ones(2, requires_grad=True).numpy(), lambda t, x: x.bfloat16().numpy(),
]


@pytest.mark.parametrize('i', range(len(TEXTS)))
def test_texts(i, oracle):
    ours, theirs = outcome(TEXTS[i], T), outcome(TEXTS[i], oracle)
    lines = lambda v: (v[0], sorted(v[1].splitlines()))   # the order of overloads is ours
    assert lines(ours) == lines(theirs)


def test_out():
    x, r = T.ones(2, 3), T.empty(0)
    assert T.add(x, x, out=r) is r and r.tolist() == [[2.0] * 3] * 2
    values, indices = T.empty(2), T.empty(2, dtype=T.int64)
    got = T.max(x, 1, out=(values, indices))
    assert got[0] is values and got.indices is indices


def test_callables():
    import copy
    import pickle
    assert T.relu.__name__ == 'relu' and 'relu' in repr(T.relu)
    assert copy.deepcopy(T.relu) is T.relu and pickle.loads(pickle.dumps(T.relu)) is T.relu
    assert T.Tensor.relu(T.ones(1)).item() == 1
    with pytest.raises(TypeError):
        T.Tensor.relu(3)
    assert list(map(T.Tensor.item, [T.ones(1)])) == [1.0]


def test_named_tuples():
    r = T.max(T.tensor([[1., 2.]]), 1)
    assert repr(r) == 'torch.return_types.max(\nvalues=tensor([2.]),\nindices=tensor([1]))'
    assert r.values is r[0] and isinstance(r, tuple)
    a, b = r
    assert b.item() == 1
