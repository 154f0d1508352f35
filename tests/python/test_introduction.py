"""The introduction: every code block of the document of 0.1.12 under the compatibility switch, with the printed forms that it
shows, and both scripts unmodified, on a CIFAR-10 of a few made-up images."""
import ast
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

import ctorch
from ctorch.vision._prepare import _batch_pickle, _meta_pickle

np = pytest.importorskip('numpy')
HERE = pathlib.Path(__file__).resolve().parent.parent / 'introduction'
PACKAGE = str(pathlib.Path(ctorch.__file__).resolve().parent.parent)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with ./data/cifar-10-batches-py: 12 images a training batch, 16 test images."""
    root = tmp_path_factory.mktemp('introduction')
    base = root / 'data' / 'cifar-10-batches-py'
    base.mkdir(parents=True)
    rng = np.random.RandomState(0)
    files = {f'data_batch_{i}': 12 for i in range(1, 6)}
    files['test_batch'] = 16
    for name, n in files.items():
        pixels = rng.randint(0, 256, (n, 3072)).astype(np.uint8).tobytes()
        (base / name).write_bytes(_batch_pickle(name, [i % 10 for i in range(n)], pixels, ['x'] * n))
    (base / 'batches.meta').write_bytes(_meta_pickle())
    sums = [f'{hashlib.md5(p.read_bytes()).hexdigest()}  {p.name}' for p in sorted(base.iterdir())]
    (base / 'checksums.md5').write_text('\n'.join(sums) + '\n')
    stub = root / 'stubs' / 'matplotlib'
    stub.mkdir(parents=True)
    (stub / '__init__.py').write_text('')
    (stub / 'pyplot.py').write_text('def imshow(*a, **k): pass\ndef show(*a, **k): pass\n')
    return root


def run(folder, *args, **env):
    path = os.pathsep.join([PACKAGE, str(folder / 'stubs')])
    return subprocess.run([sys.executable, '-m', 'ctorch', *map(str, args)], cwd=folder, capture_output=True, text=True,
                          timeout=300, env={**os.environ, 'PYTHONPATH': path, 'PYTHONWARNINGS': 'ignore', **env})


def blocks():
    """The document's fenced Python blocks, in order (one fence is misspelt)."""
    text = (HERE / 'introduction-0.1.12.md').read_text(encoding='utf-8')
    return re.findall(r'^```(?:python|ptyhon)\n(.*?)^```', text, flags=re.M | re.S)


def as_notebook(source):
    """The block with its bare expressions shown, as a notebook shows the last one of a cell; magics left out."""
    source = textwrap.dedent('\n'.join('' if line.startswith('%') else line for line in source.split('\n')))
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant) and not (
                isinstance(node.value, ast.Call) and (isinstance(node.value.func, ast.Name) or node.value.func.attr == 'add_')):
            call = ast.parse('_shown(0)').body[0]
            call.value.args[0] = node.value
            node.value = call.value
    return ast.unparse(ast.fix_missing_locations(tree))


PRELUDE = '''
def _shown(value):
    if value is not None:
        print('>>>', repr(value), sep='')
'''


@pytest.fixture(scope='module')
def document(folder):
    found = blocks()
    assert len(found) == 21
    parts = [PRELUDE]
    for i, block in enumerate(found):
        parts.append(f'print("### {i}")')
        if '.cuda()' in block and 'is_available' not in block:
            parts.append('try:\n' + '\n'.join('    ' + line for line in as_notebook(block).split('\n'))
                         + '\nexcept AssertionError as e:\n    print(e)')
        else:
            parts.append(as_notebook(block))
        if i == 5:
            parts.append('print(out)')
        if i == 6:
            parts.append('print(loss)')
        if i == 12:
            parts.append('print(net)')
    (folder / 'document.py').write_text('\n'.join(parts), encoding='utf-8')
    done = run(folder, 'document.py', CTORCH_COMPAT='0.1.12')
    assert done.returncode == 0, done.stderr
    outputs = re.split(r'^### \d+\n', done.stdout, flags=re.M)[1:]
    assert len(outputs) == len(found)
    return outputs


NUMBER = r' *-?[\d.e+-]+'


def test_tensors(document):
    size = re.escape('[torch.FloatTensor of size 5x3]')
    row = f'(?:{NUMBER}){{3}}\n'
    assert re.search(f'>>>\n(?:{row}){{5}}{size}\n', document[0])
    assert '>>>torch.Size([5, 3])\n' in document[0]
    assert re.search(f'>>>\n(?:{NUMBER}\n){{5}}{re.escape("[torch.FloatTensor of size 5]")}\n', document[0])


def test_numpy_bridge(document):
    assert document[1] == ('\n 2\n 2\n 2\n 2\n 2\n[torch.FloatTensor of size 5]\n\n[2. 2. 2. 2. 2.]\n'
                           '>>>array([2., 2., 2., 2., 2.])\n[2. 2. 2. 2. 2.]\n\n 2\n 2\n 2\n 2\n 2\n[torch.DoubleTensor of size 5]\n\n')


def test_autograd(document):
    assert re.search(r'^>>><torch\.autograd\._functions\.basic_ops\.AddConstant object at 0x[0-9a-f]+>$', document[2], re.M)
    assert '>>>Variable containing:\n 4.5000  4.5000\n 4.5000  4.5000\n[torch.FloatTensor of size 2x2]\n' in document[2]
    assert re.search(r'>>>Variable containing:\n(?:.*\n)+\[torch\.FloatTensor of size 3\]\n', document[3])


def test_the_network_prints_as_in_the_document(document):
    shown = re.search(r"'''神经网络的输出结果是这样的\n(.*?\n)'''", blocks()[4], re.S).group(1)
    assert document[4] == '>>>' + shown


def test_the_networks_output(document):
    assert document[5].startswith('10\ntorch.Size([6, 1, 5, 5])\n')
    scale = r'(?:1\.00000e[+-]\d\d \*\n)?'  # where all ten happen to be small
    assert re.search(r'Variable containing:\n' + scale + r'(?: *-?\d\.\d{4}){10}\n\[torch\.FloatTensor of size 1x10\]\n', document[5])


def test_the_loss(document):
    assert re.fullmatch(r'Variable containing:\n *\d+\.\d{4}\n\[torch\.FloatTensor of size 1\]\n\n', document[6])


def test_walking_the_graph_and_the_gradients(document):
    at = ' object at 0x[0-9a-f]+>\n'
    zeros = 'Variable containing:\n' + ' 0\n' * 6 + '[torch.FloatTensor of size 6]\n\n'
    assert re.fullmatch(r'<torch\.nn\._functions\.thnn\.auto\.MSELoss' + at + r'<torch\.nn\._functions\.linear\.Linear' + at
                        + r'<torch\.nn\._functions\.thnn\.auto\.Threshold' + at + 'conv1.bias.grad before backward\n'
                        + re.escape(zeros) + 'conv1.bias.grad after backward\nVariable containing:\n'
                        + r'(?:[^\n]+\n){6,7}\[torch\.FloatTensor of size 6\]\n\n', document[7]), document[7]


def test_data_and_training(document):
    assert document[8].strip() == '' and document[9].strip() == ''
    shown = re.search(r'^```text\n(Net \(.*?)^```', (HERE / 'introduction-0.1.12.md').read_text(encoding='utf-8'), re.M | re.S)
    assert document[12] == shown.group(1)
    assert 'Finished Training\n' in document[14]
    assert re.fullmatch(r'(?: *(?:plane|car|bird|cat|deer|dog|frog|horse|ship|truck)){4}\n', document[11])


def test_results(document):
    text = ''.join(document[15:])
    assert re.search(r'Predicted: +(?:\w+ *){4}\n', text)
    assert re.search(r'Accuracy of the network on the 10000 test images: \d+ %\n', text)
    assert len(re.findall(r'Accuracy of +\w+ : +\d+ %\n', text)) == 10
    assert 'Torch not compiled with CUDA enabled' in text


@pytest.mark.parametrize('compat', ['', '0.1.12'])
def test_the_script_of_0_1_12(folder, compat):
    done = run(folder, HERE / 'introduction_0_1_12.py', CTORCH_COMPAT=compat)
    assert done.returncode == 0, done.stderr
    assert 'Finished Training' in done.stdout and 'Accuracy of truck' in done.stdout
    before = done.stdout.split('conv1.bias.grad before backward\n')[1].split('conv1.bias.grad after')[0]
    assert before == ('None\n' if not compat else 'Variable containing:\n' + ' 0\n' * 6 + '[torch.FloatTensor of size 6]\n\n')


def test_the_script_of_2_x(folder):
    done = run(folder, HERE / 'introduction_2_x.py', '--workers', '2')
    assert done.returncode == 0, done.stderr
    assert 'Finished Training' in done.stdout and re.search(r'on the 16 test images: \d+\.\d\d %', done.stdout)


def test_the_script_of_2_x_prints_what_pytorch_prints(folder):
    pytest.importorskip('torchvision')
    import torch
    if 'ctorch' in torch.__version__:
        pytest.skip('PyTorch is not here')
    script = (HERE / 'introduction_2_x.py').read_text()
    script = script.replace('x = torch.empty(5, 3)', 'torch.manual_seed(args.seed)\nx = torch.empty(5, 3)', 1)
    script = script.replace('torchvision.datasets.CIFAR10(', 'Small(')     # PyTorch's class knows the published sums alone
    script = script.replace('# CIFAR-10\n', 'class Small(torchvision.datasets.CIFAR10):\n'
                            '    def _check_integrity(self):\n        return True\n\n    def _load_meta(self):\n'
                            '        self.classes = "plane car bird cat deer dog frog horse ship truck".split()\n'
                            '        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}\n', 1)
    script = script.replace('running_loss += loss.item()', 'running_loss += loss.item()\n        print("%.4f" % loss.item())')
    (folder / 'both.py').write_text(script)
    ours = run(folder, 'both.py', '--epochs', '1')
    theirs = subprocess.run([sys.executable, 'both.py', '--epochs', '1'], cwd=folder, capture_output=True, text=True, timeout=300,
                            env={**os.environ, 'PYTHONWARNINGS': 'ignore'})
    assert ours.returncode == 0, ours.stderr
    assert theirs.returncode == 0, theirs.stderr

    def text(done):
        return re.sub(r'0x[0-9a-f]+|in [\d.]+ s', '', done.stdout)
    assert text(ours) == text(theirs)
