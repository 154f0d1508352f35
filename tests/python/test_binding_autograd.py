"""Gradients seen from Python: hooks, nodes, custom functions' primitives, modes, messages."""
import gc
import weakref

import pytest

import ctorch as T
from ctorch import _C


def test_backward_and_grad():
    x = T.tensor([1., 2.], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2, 4]
    x.grad = None
    assert x.grad is None
    x.grad = T.ones(2)
    del x.grad
    assert x.grad is None
    (g,) = _C._run_backward((x.exp().sum(),), None, None, False, (x,), False, False)
    assert x.grad is None and g.shape == (2,)


def test_nodes():
    x = T.ones(2, requires_grad=True)
    y = x + 2
    assert type(y.grad_fn).__name__ == 'AddBackward0' and repr(y.grad_fn).startswith('<AddBackward0 object at 0x')
    assert y.grad_fn is y.grad_fn and y.creator is y.grad_fn and x.grad_fn is None
    (leaf, n), none = y.grad_fn.next_functions
    assert type(leaf).__name__ == 'AccumulateGrad' and n == 0 and leaf.variable is x and none == (None, 0)
    assert y.grad_fn.previous_functions[0][0] is x
    assert y.grad_fn.name() == 'AddBackward0' and y.output_nr == 0


def test_hooks():
    seen = []
    x = T.ones(2, requires_grad=True)
    y = x * 3
    h = y.register_hook(lambda g: seen.append(g.tolist()) or g * 2)
    y.sum().backward()
    assert seen == [[1, 1]] and x.grad.tolist() == [6, 6]
    y = x * 3
    h = y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    h.remove()
    y.sum().backward()
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        T.ones(1).register_hook(print)
    got = []
    w = T.ones(1, requires_grad=True)
    w.register_post_accumulate_grad_hook(lambda p: got.append((p is w, p.grad.item())))
    (w * 4).sum().backward()
    assert got == [(True, 4.0)]


def test_retain_grad_and_modes():
    x = T.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [1, 1] and y.retains_grad
    assert _C.set_grad_enabled(False) is True
    assert not (x * 2).requires_grad
    _C.set_grad_enabled(True)
    z = x.detach()
    assert not z.requires_grad and z.data_ptr() == x.data_ptr() and x.data.data_ptr() == x.data_ptr()
    with pytest.warns(UserWarning, match='not a leaf'):
        assert (x * 2).grad is None


MESSAGES = [
    lambda t, w: setattr(w * 2, 'requires_grad', False), lambda t, w: setattr(w, 'grad', 3), lambda t, w: setattr(w, 'grad', t.ones(3)),
    lambda t, w: setattr(w, 'requires_grad', 3), lambda t, w: setattr(w, 'data', 3), lambda t, w: w.backward('a'), lambda t, w: w.backward(),
    lambda t, w: t.ones(2).sum().backward(), lambda t, w: (lambda y: (y.backward(), y.backward()))((w * w).sum()), lambda t, w: w.add_(1),
    lambda t, w: w[0].add_(1), lambda t, w: (w * 1).backward(t.ones(3)), lambda t, w: t.ones(2, dtype=t.int64, requires_grad=True),
    lambda t, w: t.ones(2).retain_grad(), lambda t, w: t.add(w, w, out=t.ones(2)), lambda t, w: t.tensor([1], requires_grad=True),
]


@pytest.mark.parametrize('i', range(len(MESSAGES)))
def test_messages(i, oracle):
    def text(t):
        with pytest.raises(Exception) as e:
            MESSAGES[i](t, t.ones(2, requires_grad=True))
        return e.type.__name__, str(e.value)
    assert text(T) == text(oracle)


def test_function_attach():
    x = T.tensor([2., 3.], requires_grad=True)
    _C.set_grad_enabled(False)
    out = x.detach() * x.detach()
    _C.set_grad_enabled(True)
    saved = _C._SavedTensor(x, False)
    node = _C._function_attach('SquareBackward', (x, None), (out,), lambda g: (2 * saved.unpack(node) * g, None))
    assert out.requires_grad and out.grad_fn is node.node and type(node.node).__name__ == 'SquareBackward'
    out.sum().backward()
    assert x.grad.tolist() == [4, 6]


def test_backward_frees_python():
    class Thing:
        def __call__(self, g):
            return None
    x = T.ones(2, requires_grad=True)
    y = x * 2
    hook = Thing()
    ref = weakref.ref(hook)
    y.register_hook(hook)
    del hook
    y.sum().backward()
    del y
    gc.collect()
    assert ref() is None


def test_a_function_is_freed_without_the_collector():
    class Double(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            seen.append(weakref.ref(ctx))
            return x * 2

        @staticmethod
        def backward(ctx, g):
            ctx.saved_tensors
            return g * 2
    seen = []
    w = T.ones(2, requires_grad=True)
    gc.disable()
    try:
        Double.apply(w).sum().backward()
        assert seen[0]() is None
    finally:
        gc.enable()
