"""Views that come several at a time (split, chunk, unbind): one node with an output each, and what may not be done to them."""
import pytest

import ctorch

try:
    import torch
except ImportError:
    torch = None

REFUSED = ("This view is the output of a function that returns multiple views. Such functions do not allow the output views to be "
           "modified inplace. You should replace the inplace operation by an out-of-place one.")


def leaf(lib):
    return lib.arange(6., dtype=lib.float64).reshape(2, 3).requires_grad_(True)


def test_one_node_for_all():
    x = leaf(ctorch)
    for parts, name in ((x.split(1), "SplitBackward0"), (x.chunk(2), "SplitBackward0"), (x.unbind(1), "UnbindBackward0"),
                        (x.split([1, 2], 1), "SplitWithSizesBackward0"), (tuple(x), "UnbindBackward0")):
        assert [p.grad_fn.name() for p in parts] == [name] * len(parts)
        assert all(p.grad_fn is parts[0].grad_fn for p in parts)
        assert [p.output_nr for p in parts] == list(range(len(parts)))


def test_gradients_with_unused_outputs():
    x = leaf(ctorch)
    a, b, c = x.unbind(1)
    (a ** 3 + c).sum().backward()
    assert x.grad.tolist() == [[0, 0, 1], [27, 0, 1]]
    assert ctorch.autograd.gradcheck(lambda t: t.split(2, 1)[1] * t.chunk(2, 0)[0][:, :1], (leaf(ctorch),))
    assert ctorch.autograd.gradgradcheck(lambda t: t.unbind(0)[1] ** 3, (leaf(ctorch),))
    g, = ctorch.autograd.grad(x.split([0, 3], 1)[1].sum(), x)
    assert g.tolist() == [[1, 1, 1], [1, 1, 1]]


def in_place(lib):
    (leaf(lib) * 1).split(1)[0].add_(1)


def in_place_unbind(lib):
    (leaf(lib) * 1).unbind()[1].zero_()


def in_place_of_a_leaf(lib):
    leaf(lib).unbind()[1].add_(1)


def in_place_on_a_view(lib):
    (leaf(lib) * 1).chunk(2)[1].view(-1).add_(1)


def assignment(lib):
    (leaf(lib) * 1).split([1, 2], 1)[1][0, 0] = 5


def base_changed(lib):
    a = leaf(lib) * 1
    part = a.unbind()[0]
    a.mul_(2)
    return (part * 1).sum().item()


def changed_without_grad(lib):
    part = (leaf(lib) * 1).unbind()[0]
    with lib.no_grad():
        part.add_(1)
    return part.grad_fn


def base_without_grad(lib):
    a = lib.zeros(2, 3)
    a.split(1)[0].add_(1)
    return a.tolist()


def gradient_into_base_without(lib):
    lib.zeros(2, 3).unbind()[0].add_(lib.ones(3, requires_grad=True))


def made_without_grad(lib):
    a = leaf(lib) * 1
    with lib.no_grad():
        part = a.split(1)[0]
    part.add_(1)


def detached(lib):
    part = (leaf(lib) * 1).unbind()[0].detach()
    return part.add_(1).tolist()


def saved_and_changed(lib):
    a = leaf(lib) * 1
    p, q = a.unbind()
    y = (p * q).sum()
    with lib.no_grad():
        a.add_(1)
    y.backward()


def custom_function(lib, count=2):
    class Fn(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[0] if count == 1 else (x[0], x[1])

        @staticmethod
        def backward(ctx, *grads):
            return lib.stack([grads[0], grads[-1]])
    out = Fn.apply(leaf(lib) * 1)
    (out if count == 1 else out[0]).add_(1)


def custom_function_of_one(lib):
    custom_function(lib, 1)


PROGRAMS = [in_place, in_place_unbind, in_place_of_a_leaf, in_place_on_a_view, assignment, base_changed, changed_without_grad, base_without_grad,
            gradient_into_base_without, made_without_grad, detached, saved_and_changed, custom_function, custom_function_of_one]


def outcome(program, lib):
    try:
        return program(lib)
    except Exception as e:
        return type(e).__name__, str(e)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p not in (base_without_grad, made_without_grad, detached, custom_function_of_one)])
def test_refused(program):
    kind, message = outcome(program, ctorch)
    assert kind == "RuntimeError" and message.endswith(REFUSED)


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_pytorch(program):
    assert outcome(program, ctorch) == outcome(program, torch)
