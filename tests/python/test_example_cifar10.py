"""The flagship example on a tiny data set: what it prints, what it writes, where it looks for data."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from test_vision_datasets import make_cifar

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "python" / "cifar10.py"


def run(cwd, *args, **env):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env}
    return subprocess.run([sys.executable, str(EXAMPLE), *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


def test_example(tmp_path):
    make_cifar(tmp_path / "data", images=400)
    out = run(tmp_path, "--epochs", "2", "--workers", "2", "--out", "results")
    assert out.returncode == 0, out.stderr
    text = out.stdout
    assert "Data: data/cifar-10-batches-py (found in the current folder)" in text
    assert "verified (against data/cifar-10-batches-py/checksums.md5)" in text
    assert "(conv1): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))" in text
    assert "Finished training: 1,000 batches in" in text and "Accuracy of the network on the 400 test images: " in text
    assert text.count("Accuracy for class") == 10
    written = sorted(os.listdir(tmp_path / "results"))
    assert written in (["cifar10.png", "cifar_net.pth"], ["cifar_net.pth"])
    if "cifar10.png" in written:
        assert (tmp_path / "results" / "cifar10.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_where_it_looks(tmp_path):
    out = run(tmp_path, "--data", "nowhere")
    assert out.returncode == 1 and "--data is nowhere, but there is no cifar-10-batches-py in it" in out.stderr
    out = run(tmp_path, CTORCH_DATA=str(tmp_path))
    assert out.returncode == 1 and "$CTORCH_DATA is" in out.stderr
    make_cifar(tmp_path / "other", images=4)
    out = run(tmp_path, "--steps", "1", "--epochs", "1", "--workers", "0", CTORCH_DATA=str(tmp_path / "other"))
    assert out.returncode == 0, out.stderr
    assert "($CTORCH_DATA)" in out.stdout
