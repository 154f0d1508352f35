"""docs/adding-an-op.md, followed to the letter in a copy of the repository: the edits, the generator, a build, the program."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'adding-an-op.md'
EDIT = re.compile(r'^(?:At the end of `(?P<end>[^`]+)`|In `(?P<file>[^`]+)`, before (?P<last>the last )?`(?P<line>[^`]+)`):\n\n'
                  r'```\n(?P<code>.*?)^```$', re.M | re.S)
CMAKE = shutil.which('cmake', path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get('PATH', ''))
CC = shutil.which('cc') or shutil.which('gcc')
GENERATED = re.compile(r'^(src/gen/|include/ctorch/ops\.h|src/kernels/pointwise_list\.h|python/ctorch/_C\.pyi|docs/reference/|tests/ops/samples\.json)')


def block(language):
    return re.search(r'^```%s\n(.*?)^```$' % language, PAGE.read_text(encoding='utf-8'), re.M | re.S)[1]


def edit(root):
    """Applies the page's edits; the files that they touch."""
    touched = []
    for match in EDIT.finditer(PAGE.read_text(encoding='utf-8')):
        path = root / (match['end'] or match['file'])
        text = path.read_text(encoding='utf-8')
        if match['end']:
            text += '\n' + match['code']
        else:
            lines = text.split('\n')
            places = [k for k, line in enumerate(lines) if line == match['line']]
            assert places, f"no line {match['line']!r} in {path}"
            lines[places[-1]:places[-1]] = match['code'].rstrip('\n').split('\n')
            text = '\n'.join(lines)
        path.write_text(text, encoding='utf-8')
        name = path.relative_to(root).as_posix()
        if name not in touched:
            touched.append(name)
    return touched


@pytest.fixture
def copy(tmp_path):
    root = tmp_path / 'ctorch'
    for name in ('src', 'include', 'ops', 'tools', 'cmake'):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('docs/reference', 'tests/ops'):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns('__pycache__'))
    (root / 'python/ctorch').mkdir(parents=True)
    shutil.copy(ROOT / 'python/ctorch/_C.pyi', root / 'python/ctorch')
    shutil.copy(ROOT / 'CMakeLists.txt', root)
    return root


def contents(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob('*') if p.is_file() and p.suffix != '.pyc'}


def test_two_files_and_four(copy):
    before = contents(copy)
    assert edit(copy) == ['ops/pointwise.ops', 'src/kernels/scalar.h', 'ops/reduce.ops', 'src/kernels/reduce.h',
                          'src/kernels/cpu/reduce.c', 'src/ops/reduce.c']
    subprocess.run([sys.executable, 'tools/opgen'], cwd=copy, check=True)
    after = contents(copy)
    changed = {name for name in after if before.get(name) != after[name]}
    assert len([name for name in changed if not GENERATED.match(name)]) == 6
    assert 'squareplus' in after['python/ctorch/_C.pyi'].decode() and '/* y[t] = decay' in after['include/ctorch/ops.h'].decode()
    assert 'squareplus' in after['docs/reference/pointwise.md'].decode()
    assert b'moving_average' in after['tests/ops/samples.json']


@pytest.mark.skipif(not CMAKE or not CC or 'CTORCH_PACKAGE' in os.environ, reason='needs CMake and a C compiler')
def test_the_page_works(copy):
    edit(copy)
    subprocess.run([sys.executable, 'tools/opgen'], cwd=copy, check=True)
    ninja = shutil.which('ninja', path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get('PATH', ''))
    generator = ['-G', 'Ninja', f'-DCMAKE_MAKE_PROGRAM={ninja}'] if ninja else []
    # The kernels of one level, without the slow optimisations: what is tried here is the page.
    done = subprocess.run([CMAKE, '-S', '.', '-B', 'build', *generator, '-DCT_TESTS=OFF', '-DCT_LEVELS=base',
                           '-DCMAKE_BUILD_TYPE=Debug', '-DCT_KERNEL_FLAGS=-O1'], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([CMAKE, '--build', 'build', '--target', 'ctorch_shared', '-j', str(os.cpu_count() or 2)], cwd=copy,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (copy / 'try.c').write_text(block('c'))
    subprocess.run([CC, '-std=c17', '-Wall', '-Wextra', '-Werror', '-Iinclude', 'try.c', '-o', 'try', '-Lbuild', '-lctorch',
                    f'-Wl,-rpath,{copy}/build'], cwd=copy, check=True)
    done = subprocess.run(['./try'], cwd=copy, capture_output=True, text=True)
    assert done.stdout == block('text'), done.stderr
