"""The graph of every sample beside PyTorch's: each node's name, its edges and output numbers, down to the leaves."""
import os
import sys
import warnings

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sampling  # noqa: E402

import ctorch  # noqa: E402

torch = pytest.importorskip("torch")

SAMPLES = [r for r in sampling.load_samples() if r["differentiable"] and sampling.function(torch, r) is not None]

# Where another graph computes the same: what ctorch's result shows in the first place, and why.
OTHERWISE = {
    "matmul(T(3), T(2, 3, 4))": ("SqueezeBackward1", "a batch of small products, without the transposed copy"),
    "kl_div(T(3, 4), P(3, 4))": ("MeanBackward0", "where and log in xlogy's place"),
    "pad(T(1, 2, 4, 5), [1, 1, 2, 1], 'circular')": ("IndexSelectBackward0", "one selection a dimension, no slices written one by one"),
}

# Ops that are put together from others: their graphs show the parts. By name: how the result's own node begins.
COMPOSED = {
    "celu": ("EluBackward0",), "prelu": ("WhereBackward0",),
    "conv3d": ("AddBackward0", "SqueezeBackward1"), "conv_transpose3d": ("AddBackward0",), "max_pool3d": ("ViewBackward0", "SqueezeBackward1"),
    "avg_pool3d": ("ViewBackward0", "SqueezeBackward1"), "adaptive_avg_pool3d": ("ViewBackward0",), "adaptive_max_pool3d": ("ViewBackward0",),
}


def walk(node, depth=8):
    """A node as [name, (edge, output number), ...]."""
    if node is None or depth == 0:
        return None
    return [node.name()] + [(walk(n, depth - 1), nr) for n, nr in node.next_functions]


def leaves(lib, row):
    inputs = sampling.Inputs(lib, sampling.sample_id(row))
    args, kwargs = eval("_capture(%s)" % row["sample"], {"_capture": sampling._capture}, inputs.names())
    for t in inputs.leaves:
        t.requires_grad_(True)
    return sampling._replay(row, inputs, inputs.leaves, "plain", lib)


def graph(lib, row):
    args, kwargs = leaves(lib, row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = sampling.flatten(sampling.function(lib, row)(*args, **kwargs))
    return [(walk(t.grad_fn), t.output_nr) for t in parts if hasattr(t, "grad_fn") and t.requires_grad]


@pytest.mark.parametrize("row", SAMPLES, ids=sampling.sample_id)
def test_graph(row):
    got, want = graph(ctorch, row), graph(torch, row)
    if sampling.sample_id(row) in OTHERWISE:
        assert got[0][0][0] == OTHERWISE[sampling.sample_id(row)][0] and got != want, "no exception any more"
        return
    if row["op"] in COMPOSED:
        assert got[0][0][0] in COMPOSED[row["op"]] and got != want, "no exception any more"
        return
    assert got == want


@pytest.mark.parametrize("row", [r for r in SAMPLES if r["inplace"] and "method" in r["on"]], ids=sampling.sample_id)
def test_name_in_place(row):
    names = []
    for lib in (ctorch, torch):
        args, kwargs = leaves(lib, row)
        try:
            y = getattr(args[0].clone(), row["op"] + "_")(*args[1:], **kwargs)
            names.append(y.grad_fn and y.grad_fn.name())
        except (RuntimeError, TypeError) as e:  # the result does not fit into the input
            names.append(type(e))
    assert names[0] == names[1]


def chain(node):
    out = []
    while node is not None:
        out.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return out


@pytest.mark.parametrize("bias", ["bias", "frozen bias", "no bias"])
@pytest.mark.parametrize("frozen", ["", "input", "weight"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (0, 4), (4,), (2, 3, 4), (2, 2, 3, 4), "transposed", "transposed 3-D"])
def test_linear(shape, frozen, bias):
    """linear is one node here; it is seen as PyTorch's product, sum, views and transpose."""
    if shape == "transposed 3-D" and frozen == "weight":
        pytest.skip("PyTorch goes through bmm and an expanded view where the weight takes no gradient")
    got = []
    for lib in (ctorch, torch):
        x = lib.ones(4, 3).t() if shape == "transposed" else lib.ones(4, 3, 2).transpose(0, 2) if shape == "transposed 3-D" else lib.ones(shape)
        x.requires_grad_(frozen != "input")
        w = lib.ones(2, 4, requires_grad=frozen != "weight")
        b = None if bias == "no bias" else lib.ones(2, requires_grad=bias == "bias")
        y = lib.nn.functional.linear(x, w, b)
        got.append(walk(y.grad_fn) if y.requires_grad else None)
        if y.requires_grad and lib is ctorch:  # the same objects each time
            assert [n for n, _ in y.grad_fn.next_functions] == [n for n, _ in y.grad_fn.next_functions]
    assert got[0] == got[1]


def test_walk_of_the_tutorial():
    lines = []
    for lib in (ctorch, torch):
        lib.manual_seed(0)
        net = lib.nn.Sequential(lib.nn.Conv2d(1, 2, 3), lib.nn.ReLU(), lib.nn.MaxPool2d(2), lib.nn.Flatten(), lib.nn.Linear(18, 4),
                                lib.nn.ReLU(), lib.nn.Linear(4, 3))
        loss = lib.nn.MSELoss()(net(lib.randn(1, 1, 8, 8)), lib.randn(1, 3))
        steps = [loss.grad_fn, loss.grad_fn.next_functions[0][0], loss.grad_fn.next_functions[0][0].next_functions[0][0]]
        lines.append([repr(s).split(" at 0x")[0] for s in steps] + [walk(loss.grad_fn, 40)])
    assert lines[0] == lines[1]
    assert lines[0][:3] == ["<MseLossBackward0 object", "<AddmmBackward0 object", "<AccumulateGrad object"]
