"""The gradient of a max pooling over a relu, or of nll_loss over log_softmax, is made in one step where nobody sees what flows
between them, and in two otherwise: the values are the same, and what PyTorch shows is shown."""
import numpy as np
import pytest

import ctorch as torch
import ctorch.nn.functional as F

POOLS = {
    "2x2": lambda r: F.max_pool2d(r, 2),
    "2x2 odd": lambda r: F.max_pool2d(r[:, :, :-1, :-1].contiguous(), 2),
    "3x3 stride 2, padding 1": lambda r: F.max_pool2d(r, 3, 2, 1),
    "overlapping": lambda r: F.max_pool2d(r, 3, 1),
    "1-D": lambda r: F.max_pool1d(r.flatten(1, 2), 2),
}
SHAPE = (2, 3, 12, 46)


def made(dtype=torch.float32, special=False):
    torch.manual_seed(0)
    x = torch.randn(SHAPE)
    if special:  # ties at 0, NaN and infinities
        x = torch.round(x)
        x[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    return x.to(dtype).requires_grad_()


def gradient(pool, x, between=lambda r: None):
    r = F.relu(x)
    seen = between(r)
    y = pool(r)
    torch.manual_seed(1)
    y.backward(torch.randn(y.shape).to(x.dtype))
    return x.grad, seen


def bits(t):
    return t.detach().double().numpy().view(np.uint64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", POOLS)
def test_one_step_gives_what_two_give(name, dtype):
    if name == "1-D" and dtype == torch.bfloat16:
        pytest.skip("covered by the two dimensions")
    for special in (False, True):
        x, y = made(dtype, special), made(dtype, special)
        together, _ = gradient(POOLS[name], x)
        apart, _ = gradient(POOLS[name], y, lambda r: r.retain_grad())
        assert (bits(together) == bits(apart)).all()
        assert together.abs().nan_to_num().sum() > 0


def test_what_flows_between_is_seen():
    x, y = made(), made()
    values = []
    expected, r = gradient(POOLS["2x2"], x, lambda r: (r.retain_grad(), r)[1])
    got, _ = gradient(POOLS["2x2"], y, lambda r: r.register_hook(lambda g: values.append(g.clone())))
    assert (r.grad == values[0]).all() and (expected == got).all()
    assert (r.grad != 0).sum() == 2 * 3 * 6 * 23  # PyTorch hands a gradient to the first of equals, 0 too


def test_a_hook_changes_what_arrives():
    x, y = made(), made()
    plain, _ = gradient(POOLS["2x2"], x)
    doubled, _ = gradient(POOLS["2x2"], y, lambda r: r.register_hook(lambda g: 2 * g))
    assert (2 * plain == doubled).all()


def test_a_relu_that_is_used_twice_gets_both_gradients():
    x, y = made(), made()
    r = F.relu(x)
    (F.max_pool2d(r, 2).sum() + (r * 3).sum()).backward()
    s = F.relu(y)
    a, = torch.autograd.grad(F.max_pool2d(s, 2).sum(), y, retain_graph=True)
    b, = torch.autograd.grad((s * 3).sum(), y)
    assert torch.equal(x.grad, a + b)


def test_gradients_of_inputs_that_are_asked_for():
    x = made()
    r = F.relu(x)
    y = F.max_pool2d(r, 2).sum()
    of_r, of_x = torch.autograd.grad(y, [r, x], retain_graph=True)
    only_r, = torch.autograd.grad(y, [r], retain_graph=True)
    only_x, = torch.autograd.grad(y, [x], retain_graph=True)
    assert torch.equal(of_r, only_r) and torch.equal(of_x, only_x) and torch.equal(of_x, of_r * (x > 0))
    y.backward(retain_graph=True)
    y.backward()
    assert torch.equal(x.grad, 2 * only_x)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_second_gradients_and_in_place_relu():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: F.max_pool2d(F.relu(t * t - 0.3), 2), [x])
    y, z = made(), made()
    F.max_pool2d(F.relu_(y * 1), 2).sum().backward()
    F.max_pool2d(F.relu(z * 1), 2).sum().backward()
    assert torch.equal(y.grad, z.grad)


def test_a_result_that_was_overwritten_is_refused():
    x = made()
    r = F.relu(x)
    y = F.max_pool2d(r, 2).sum()
    with torch.no_grad():
        r.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


LOSSES = {
    "plain": ((37, 10), 1, {}),
    "sum": ((5, 33), 1, {"reduction": "sum"}),
    "none": ((6, 7), 1, {"reduction": "none"}),
    "ignored": ((37, 10), 1, {"ignore_index": 3}),
    "all ignored": ((2, 4), 1, {"ignore_index": 0}),
    "weights": ((9, 4), -1, {"weight": [0.5, 0.0, 2.0, 1.0]}),
    "along rows": ((4, 6), 0, {}),
    "one row": ((5,), 0, {}),
    "places": ((2, 3, 4, 5), 1, {}),
    "many classes": ((3, 3001), 1, {}),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", LOSSES)
def test_nll_loss_over_log_softmax(name, dtype):
    shape, dim, options = LOSSES[name]
    options = dict(options)
    if "weight" in options:
        options["weight"] = torch.tensor(options["weight"], dtype=dtype)
    torch.manual_seed(0)
    x = (3 * torch.randn(shape)).to(dtype)
    rest = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = torch.zeros(rest, dtype=torch.int64) if name == "all ignored" else torch.randint(0, shape[min(1, len(shape) - 1)], rest)
    grads = []
    for seen in (False, True):
        leaf = x.clone().requires_grad_()
        logs = F.log_softmax(leaf, dim)
        if seen:
            logs.retain_grad()
        F.nll_loss(logs, target, **options).sum().backward()
        grads.append(leaf.grad)
        assert not seen or logs.grad is not None
    assert torch.equal(grads[0], grads[1])
    assert name == "all ignored" or (grads[0] != 0).any()


def test_cross_entropy_of_numbers_that_are_not_finite():
    for value in (float("inf"), float("nan"), -float("inf")):
        grads = []
        for seen in (False, True):
            x = torch.tensor([[1.0, value, 2.0], [0.5, 0.25, 0.0]]).requires_grad_()
            logs = F.log_softmax(x, 1)
            if seen:
                logs.retain_grad()
            F.nll_loss(logs, torch.tensor([0, 1])).backward()
            grads.append(x.grad)
        assert torch.equal(grads[0].isnan(), grads[1].isnan()) and torch.equal(grads[0].nan_to_num(), grads[1].nan_to_num())


def test_a_pooled_result_that_was_overwritten_is_not_asked():
    """The step reads the pooling's result, which PyTorch does not save: changing it is allowed."""
    x, y = made(), made()
    for leaf, change in ((x, True), (y, False)):
        pooled = F.max_pool2d(F.relu(leaf), 2)
        (pooled.mul_(-1) if change else pooled * -1).sum().backward()
    assert torch.equal(x.grad, y.grad) and (x.grad != 0).any()
