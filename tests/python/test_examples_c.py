"""The C programs of examples/c: compiled against the headers and the library in build/, compared with the Python programs."""
import importlib.util
import os
import pathlib
import shutil
import subprocess

import pytest

import ctorch as torch
from test_vision_datasets import make_cifar

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'
CC = shutil.which('cc') or shutil.which('gcc')
pytestmark = pytest.mark.skipif(not CC or not (BUILD / 'libctorch.so').exists() or 'CTORCH_PACKAGE' in os.environ,
                                reason='needs a C compiler and build/libctorch.so')


def build(name, folder):
    program = folder / name
    subprocess.run([CC, '-std=c17', '-Wall', '-Wextra', '-Werror', f'-I{ROOT}/include', str(ROOT / 'examples/c' / f'{name}.c'),
                    '-o', str(program), f'-L{BUILD}', '-lctorch', f'-Wl,-rpath,{BUILD}'], check=True)
    return program


def run(program, *args):
    done = subprocess.run([str(program), *map(str, args)], cwd=program.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example():
    spec = importlib.util.spec_from_file_location('example_cifar10', ROOT / 'examples/python/cifar10.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python_losses(data, workers, steps):
    module = example()
    torch.manual_seed(0)
    net = module.Net()
    transform = module.transforms.Compose([module.transforms.ToTensor(),
                                           module.transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])
    trainset = module.datasets.CIFAR10(data, train=True, transform=transform)
    loader = module.DataLoader(trainset, batch_size=4, shuffle=True, num_workers=workers)
    next(iter(loader))
    return module.train(net, loader, 2, steps), net


@pytest.mark.parametrize('name', ['introduction', '04_cifar10'])
@pytest.mark.parametrize('workers', [0, 2])
def test_losses_are_pythons_bit_for_bit(tmp_path, name, workers):
    make_cifar(tmp_path / 'data', images=400)
    expected, net = python_losses(tmp_path / 'data', workers, 20)
    out = run(build(name, tmp_path), '--data', tmp_path / 'data', '--workers', workers, '--steps', 20, '--exact')
    losses = [float(line) for line in out.splitlines() if line.replace('.', '').replace('e-', '').isdigit() and '.' in line]
    assert len(losses) == 40
    assert losses == expected
    state = torch.load(tmp_path / 'cifar_net.pth')
    assert list(state) == list(net.state_dict())
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())
    assert 'Accuracy of the network on the 400 test images: ' in out and '(pool): MaxPool2d(kernel_size=2, stride=2' in out


def test_tensors_are_pythons(tmp_path):
    out = run(build('00_tensors', tmp_path))
    torch.manual_seed(0)
    x, y = torch.rand(5, 3), torch.rand(5, 3)
    assert out.startswith(f'{x}\n{x + y}\nthe same: yes\n')
    assert out.endswith('2\n7\n')


def test_no_data_is_a_sentence(tmp_path):
    done = subprocess.run([str(build('introduction', tmp_path)), '--data', 'nowhere'], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith('ctorch: ')
    assert 'nowhere' in done.stderr


@pytest.mark.skipif(not torch._C._image_reads()[1], reason='needs libpng')
def test_images_are_pythons(tmp_path):
    pytest.importorskip('PIL')
    from ctorch.vision import datasets, transforms as T
    program = build('05_images', tmp_path)
    assert run(program).startswith('64 images of 2 classes: disc square; the first is ')
    out = run(program, 'shapes')
    torch.manual_seed(0)
    images = datasets.ImageFolder(tmp_path / 'shapes', T.Compose([
        T.Resize((24, 24)), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize((0.5,), (0.5,))]))
    loader = torch.utils.data.DataLoader(images, batch_size=16, shuffle=True, num_workers=2)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(800, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    lines = []
    for epoch in range(8):
        total, correct = 0.0, 0
        for x, y in loader:
            optimizer.zero_grad()
            predicted = net(x)
            loss = torch.nn.functional.cross_entropy(predicted, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            correct += (predicted.argmax(1) == y).sum().item()
        lines.append(f'epoch {epoch + 1}: loss {total / len(images):.3f}, {correct} right')
    assert out.splitlines()[1:] == lines
