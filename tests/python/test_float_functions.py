"""exp, log, tanh and their kin in float32 at every ISA level: largest errors over all of a float's range, special values, the same
bits whatever the strides and sizes."""
import os
import subprocess
import sys

import pytest

CHECK = r"""
import numpy as np
import ctorch as torch

def logistic(x):
    return np.where(x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))), 1 / (1 + np.exp(-np.maximum(x, 0))))

x = np.arange(0, 2**32, 61 * 257, dtype=np.uint64).astype(np.uint32).view(np.float32)
x = np.concatenate([x, np.linspace(-20, 20, 30001).astype(np.float32), np.array([0, -0.0, np.inf, -np.inf, np.nan], dtype=np.float32)])
wide = x.astype(np.float64)
functions = {"exp": (np.exp, 1.5), "log": (np.log, 1.5), "tanh": (np.tanh, 3), "sigmoid": (logistic, 3)}
with np.errstate(all="ignore"):
    for name, (exact, limit) in functions.items():
        f = getattr(torch, name)
        got, want = f(torch.from_numpy(x)).numpy(), exact(wide)
        near = want.astype(np.float32)
        assert (np.isnan(got) == np.isnan(near)).all(), name
        assert (np.isinf(got) == np.isinf(near)).all() and (np.signbit(got) == np.signbit(near))[~np.isnan(near)].all(), name
        finite = np.isfinite(near)
        unit = np.spacing(np.maximum(np.abs(near[finite]), np.finfo(np.float32).tiny)).astype(np.float64)
        error = np.abs(got[finite].astype(np.float64) - want[finite]) / unit
        assert error.max() <= limit, (name, error.max(), x[finite][error.argmax()])
        assert name not in ("tanh", "sigmoid") or np.nanmax(np.abs(got)) == 1
    for name in [*functions, "nn.functional.silu"]:
        f = torch
        for part in name.split("."):
            f = getattr(f, part)
        a = torch.from_numpy(x[:4999].copy())
        whole = f(a).numpy().view(np.uint32)
        strided = torch.from_numpy(np.repeat(x[:4999], 3))[::3]
        assert (f(strided).numpy().view(np.uint32) == whole).all(), name
        for n in (1, 15, 16, 17, 31, 33, 100):
            assert (f(a[:n]).numpy().view(np.uint32) == whole[:n]).all(), (name, n)
    a = torch.from_numpy(x.copy())
    b = torch.exp(a)
    a.exp_()
    assert (a.numpy().view(np.uint32) == b.numpy().view(np.uint32)).all()
    for n in (1, 2, 7, 63, 64, 65, 1000, 1030, 4099):
        row = np.linspace(-100, 3, n).astype(np.float32)
        want = np.exp(row.astype(np.float64) - row.max())
        got = torch.softmax(torch.from_numpy(row), 0).numpy()
        assert np.abs(got - want / want.sum()).max() <= 1e-6 * (want / want.sum()).max(), n
"""


@pytest.mark.parametrize("level", ["base", "v3", "v4"])
def test_errors_special_values_and_bits(level):
    environment = dict(os.environ, CT_CPU=level)
    done = subprocess.run([sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
