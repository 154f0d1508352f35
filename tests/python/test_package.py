"""The package as a whole: importing it, and python -m ctorch."""
import os
import pathlib
import subprocess
import sys

import pytest

import ctorch

PACKAGE = str(pathlib.Path(ctorch.__file__).resolve().parent.parent)


def python(*args, **env):
    path = os.pathsep.join([PACKAGE] + ([os.environ['PYTHONPATH']] if os.environ.get('PYTHONPATH') else []))
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'PYTHONPATH': path, **env})


def test_import_brings_in_neither_numpy_nor_torch():
    code = ('import sys, ctorch, ctorch.nn, ctorch.optim, ctorch.utils.data\n'
            'print([m for m in ("numpy", "torch", "inspect", "dataclasses", "typing") if m in sys.modules])')
    before = python('-c', 'import sys; print([m for m in ("numpy", "torch", "inspect", "dataclasses", "typing") '
                          'if m in sys.modules])')
    done = python('-c', code)
    assert done.returncode == 0, done.stderr
    assert 'numpy' not in done.stdout and "'torch'" not in done.stdout, done.stdout
    assert before.stdout.startswith('[')


SCRIPT = '''
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable
from torch.utils.data import DataLoader
import torchvision
import torchvision.transforms as transforms
import ctorch
assert torch is ctorch and nn is ctorch.nn and F is ctorch.nn.functional and torchvision is ctorch.vision
assert DataLoader is ctorch.utils.data.DataLoader and torchvision.transforms is ctorch.vision.transforms
print(__name__, sys.argv[1:], torch.nn.Linear is ctorch.nn.Linear)
class Net(nn.Module):
    pass
print(Net.__module__, sys.modules['__main__'].Net is Net)
try:
    import torch.nothing
except ModuleNotFoundError as e:
    print(e)
'''


@pytest.mark.parametrize('first', ['from ctorch.autograd.gradcheck import GradcheckError', 'ctorch.autograd.gradgradcheck',
                                   'ctorch.autograd.gradcheck', 'from ctorch.autograd import gradgradcheck'])
def test_gradcheck_is_the_function_whatever_is_asked_for_first(first):
    done = python('-c', f'import ctorch, ctorch.autograd\n{first}\n'
                        'x = ctorch.ones(2, dtype=ctorch.float64, requires_grad=True)\n'
                        'print(ctorch.autograd.gradcheck(lambda t: t * t, (x,)))')
    assert done.stdout == 'True\n', done.stderr


def test_running_a_script(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    (tmp_path / 'torch_neighbour.py').write_text('x = 1')
    script.write_text(SCRIPT + 'import torch_neighbour\nprint(torch_neighbour.x)\n')
    done = python('-m', 'ctorch', str(script), 'a', '--b')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["__main__ ['a', '--b'] True", '__main__ True', "No module named 'torch.nothing'", '1']


def test_running_a_command_and_a_module(tmp_path):
    done = python('-m', 'ctorch', '-c', 'import torch, sys; print(torch.__name__, sys.argv)', 'x')
    assert done.stdout == "ctorch ['-c', 'x']\n", done.stderr
    (tmp_path / 'some_module.py').write_text('import torch\nprint(torch.__name__, __name__)')
    done = subprocess.run([sys.executable, '-m', 'ctorch', '-m', 'some_module'], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': PACKAGE}, timeout=120)
    assert done.stdout == 'ctorch __main__\n', done.stderr


def test_a_failing_script_fails(tmp_path):
    script = tmp_path / 'bad.py'
    script.write_text('import torch\nraise ValueError("no")')
    done = python('-m', 'ctorch', str(script))
    assert done.returncode == 1 and 'ValueError: no' in done.stderr
    script.write_text('import sys\nsys.exit(5)')
    assert python('-m', 'ctorch', str(script)).returncode == 5
    done = python('-m', 'ctorch', str(tmp_path / 'none.py'))
    assert done.returncode == 2 and "can't open file" in done.stderr
    assert python('-m', 'ctorch').returncode == 2


def test_the_environment_switches_to_0_1_12():
    code = 'import ctorch; print(repr(ctorch.nn.Linear(2, 3)))'
    assert python('-c', code, CTORCH_COMPAT='0.1.12').stdout == 'Linear (2 -> 3)\n'
    assert python('-c', code).stdout == 'Linear(in_features=2, out_features=3, bias=True)\n'


def test_cuda_is_not_there():
    assert not ctorch.cuda.is_available() and ctorch.cuda.device_count() == 0
    ctorch.cuda.manual_seed_all(1)
    ctorch.cuda.empty_cache()
    with pytest.raises(AssertionError, match='Torch not compiled with CUDA enabled'):
        ctorch.cuda.current_device()
    ctorch.backends.cudnn.benchmark = True
    assert not ctorch.backends.cudnn.is_available()


def test_names():
    with pytest.raises(AttributeError, match="module 'torch' has no attribute 'nothing'"):
        ctorch.nothing
    assert ctorch.__version__.startswith('2.13')
    assert ctorch.compile(ctorch.nn.ReLU()) is not None
    assert ctorch.finfo(ctorch.float32).eps == 2.0 ** -23 and ctorch.iinfo(ctorch.uint8).max == 255
    assert repr(ctorch.FloatTensor) == "<class 'torch.FloatTensor'>"
    assert 'einsum' in dir(ctorch) and 'nn' in dir(ctorch)


def test_typed_constructors():
    t = ctorch.LongTensor([1, 2])
    assert t.dtype == ctorch.int64 and t.tolist() == [1, 2] and isinstance(t, ctorch.LongTensor)
    assert not isinstance(t, ctorch.FloatTensor)
    assert ctorch.FloatTensor(2, 3).shape == (2, 3) and ctorch.FloatTensor().numel() == 0
    assert ctorch.ByteTensor(ctorch.Size([2])).shape == (2,)
    ctorch.set_default_tensor_type(ctorch.DoubleTensor)
    try:
        assert ctorch.zeros(1).dtype == ctorch.float64
    finally:
        ctorch.set_default_tensor_type('torch.FloatTensor')
    assert ctorch.zeros(1).dtype == ctorch.float32
    with pytest.raises(TypeError):
        ctorch.set_default_tensor_type(ctorch.LongTensor)


def test_thread_words_stay_few():
    """The extension's thread-local block lies in the little room that glibc keeps for libraries loaded later: a large one would
    make the import fail beside other libraries (src/base/base.h, CT_THREAD_WORD)."""
    import struct
    with open(ctorch._C.__file__, "rb") as f:
        data = f.read()
    if data[:4] != b"\x7fELF" or data[4] != 2:
        pytest.skip("not a 64-bit ELF file")
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    blocks = [struct.unpack_from("<Q", data, start + i * size + 40)[0] for i in range(count)
              if struct.unpack_from("<I", data, start + i * size)[0] == 7]
    assert sum(blocks) <= 512
