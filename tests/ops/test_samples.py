"""Every sample of the op table: values, dtypes, shapes, gradients and second gradients, against recorded results of PyTorch and,
where PyTorch is importable, against PyTorch itself; also strided and float32 inputs, in-place and out= forms, strides of views.

    python tests/ops/test_samples.py --record     writes tests/golden/ops.json with PyTorch's results
"""
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sampling  # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden", "ops.json")
SAMPLES = sampling.load_samples()

if "--record" in sys.argv:
    import torch

    golden = {}
    for row in SAMPLES:
        if sampling.function(torch, row) is not None:
            try:
                out = sampling.run(torch, row)
            except RuntimeError as e:
                print("without gradients: %s: %s" % (sampling.sample_id(row), e))
                out = sampling.run(torch, row, gradients=False)
            golden[sampling.sample_id(row)] = sampling.summary(out)
    with open(GOLDEN, "w") as f:
        f.write("{\n" + ",\n".join("%s: %s" % (json.dumps(k), json.dumps(v)) for k, v in golden.items()) + "\n}\n")
    print("recorded", len(golden), "samples")
    sys.exit()

import pytest  # noqa: E402

import ctorch  # noqa: E402
import ctorch.linalg  # noqa: E402,F401
import ctorch.nn.functional  # noqa: E402,F401

try:
    import torch
except ImportError:
    torch = None

with open(GOLDEN) as f:
    RECORDED = json.load(f)

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


def close(a, b, rtol, atol):
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b or abs(a - b) <= atol + rtol * abs(b)


def compare(what, got, want, rtol=1e-8, atol=1e-9):
    assert (got is None) == (want is None), "%s: %s instead of %s" % (what, got, want)
    if want is None:
        return
    assert len(got) == len(want), "%s: %d results instead of %d" % (what, len(got), len(want))
    for i, (g, w) in enumerate(zip(got, want)):
        if g is None or w is None:  # a gradient that is missing is a gradient of zeros
            rest = g or w
            assert rest is None or not any(rest[2]), "%s %d: %s instead of %s" % (what, i, g, w)
            continue
        assert g[0] == w[0], "%s %d: dtype %s instead of %s" % (what, i, g[0], w[0])
        assert g[1] == w[1], "%s %d: shape %s instead of %s" % (what, i, g[1], w[1])
        for k, (a, b) in enumerate(zip(g[2], w[2])):
            assert close(a, b, rtol, atol), "%s %d, element %d: %r instead of %r" % (what, i, k, a, b)


@pytest.mark.parametrize("row", SAMPLES, ids=sampling.sample_id)
def test_recorded(row):
    want = RECORDED.get(sampling.sample_id(row))
    if want is None:
        pytest.skip("no such function in PyTorch")
    got = sampling.summary(sampling.run(ctorch, row, gradients=want["grads"] is not None))
    compare("value", got["values"], want["values"])
    if want["grads"] is not None:
        compare("gradient", got["grads"], want["grads"])
    if want["second"] is not None:
        zeros = all(t is None or not any(t[2]) for t in want["second"])
        if got["second"] is not None or not zeros:
            compare("second gradient", got["second"], want["second"], 1e-6, 1e-7)


@needs_torch
@pytest.mark.parametrize("variant", ["strided", "float32"])
@pytest.mark.parametrize("row", SAMPLES, ids=sampling.sample_id)
def test_variants(row, variant):
    if sampling.function(torch, row) is None:
        pytest.skip("no such function in PyTorch")
    try:
        want = sampling.summary(sampling.run(torch, row, variant))
    except (RuntimeError, ValueError, IndexError) as e:
        with pytest.raises(type(e)):
            sampling.run(ctorch, row, variant)
        return
    got = sampling.summary(sampling.run(ctorch, row, variant))
    tolerance = (2e-5, 2e-5) if variant == "float32" else (1e-8, 1e-9)
    compare("value", got["values"], want["values"], *tolerance)
    if want["grads"] is not None:
        compare("gradient", got["grads"], want["grads"], 2e-4 if variant == "float32" else 1e-7, tolerance[1] * 5)


@needs_torch
@pytest.mark.parametrize("row", [r for r in SAMPLES if r["kind"] == "view"], ids=sampling.sample_id)
def test_strides_of_views(row):
    want = [(t.stride(), t.storage_offset()) for t in sampling.run(torch, row)["values"]]
    got = [(t.stride(), t.storage_offset()) for t in sampling.run(ctorch, row)["values"]]
    assert got == want


@pytest.mark.parametrize("row", [r for r in SAMPLES if r["inplace"] and "method" in r["on"]], ids=sampling.sample_id)
def test_inplace(row):
    """x.op_(...) gives what op(x, ...) gives, in x's memory, where the result fits into x."""
    inputs = sampling.Inputs(ctorch, sampling.sample_id(row))
    args, kwargs = eval("_capture(%s)" % row["sample"], {"_capture": sampling._capture}, inputs.names())
    if isinstance(args[0], (list, tuple)):
        pytest.skip("a list of tensors has no in-place form")
    want = sampling.function(ctorch, row)(*args, **kwargs)
    x = args[0].clone()
    if row["kind"] != "view" and (want.shape != x.shape or not ctorch.can_cast(want.dtype, x.dtype)):
        pytest.skip("the result does not fit into the input")
    before, where = x._version, x.data_ptr()
    y = getattr(x, row["op"] + "_")(*args[1:], **kwargs)
    assert y is x and x.data_ptr() == where
    assert x._version > before
    assert ctorch.allclose(x.to(want.dtype), want, equal_nan=True)


@pytest.mark.parametrize("row", [r for r in SAMPLES if r["out"] and "torch" in r["on"]], ids=sampling.sample_id)
def test_out(row):
    """op(..., out=r) writes into r and returns it."""
    inputs = sampling.Inputs(ctorch, sampling.sample_id(row))
    args, kwargs = eval("_capture(%s)" % row["sample"], {"_capture": sampling._capture}, inputs.names())
    call = getattr(ctorch, row["op"])
    want = call(*args, **kwargs)
    if isinstance(want, tuple):
        outs = tuple(ctorch.empty(0, dtype=t.dtype) for t in want)
        got = call(*args, out=outs, **kwargs)
        assert all(a is b for a, b in zip(got, outs))
        assert all(ctorch.equal(a, b) for a, b in zip(outs, want))
        return
    out = ctorch.empty(0, dtype=want.dtype)
    assert call(*args, out=out, **kwargs) is out
    assert out.shape == want.shape and ctorch.allclose(out, want, equal_nan=True) if want.dtype.is_floating_point else \
        ctorch.equal(out, want)
