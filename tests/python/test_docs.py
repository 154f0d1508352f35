"""Every code block of the README and of docs/*.md runs: python and c blocks are run, sh blocks must name what exists.

The op table's pages in docs/reference are generated and hold no programs. docs/adding-an-op.md has a test of its own.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import ctorch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'
PACKAGE = str(pathlib.Path(ctorch.__file__).resolve().parents[1])
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
OWN_TEST = {'adding-an-op.md'}


def blocks(*languages):
    return list(each_block(languages))


def each_block(languages):
    for page in PAGES:
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding='utf-8'))):
            if match[1] in languages:
                yield pytest.param(page, match[2], id=f'{page.name}-{number}-{match[1]}')


def test_every_block_is_of_a_kind_that_is_tested():
    for page in PAGES:
        for match in BLOCK.finditer(page.read_text(encoding='utf-8')):
            assert match[1] in ('python', 'c', 'sh') or page.name in OWN_TEST, f'{page.name}: a block without a language'


def expected(page):
    match = re.search(r'print `([^`]+)`', page.read_text(encoding='utf-8').replace('prints', 'print'))
    return match and match[1] + '\n'


@pytest.mark.parametrize('page, code', blocks('python'))
def test_python(page, code, tmp_path):
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          env={**os.environ, 'PYTHONPATH': PACKAGE})
    assert done.returncode == 0, done.stderr
    assert expected(page) in (None, done.stdout)


@pytest.mark.parametrize('page, code', blocks('c'))
@pytest.mark.skipif(not shutil.which('cc') or not (BUILD / 'libctorch.so').exists() or 'CTORCH_PACKAGE' in os.environ,
                    reason='needs a C compiler and build/libctorch.so')
def test_c(page, code, tmp_path):
    if page.name in OWN_TEST:
        pytest.skip('test_adding_an_op.py')
    (tmp_path / 'block.c').write_text(code)
    subprocess.run(['cc', '-std=c17', '-Wall', '-Wextra', '-Werror', f'-I{ROOT}/include', 'block.c', '-o', 'block', f'-L{BUILD}',
                    '-lctorch', f'-Wl,-rpath,{BUILD}'], cwd=tmp_path, check=True)
    done = subprocess.run(['./block'], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert expected(page) in (None, done.stdout)


@pytest.mark.parametrize('page, code', blocks('sh'))
def test_sh(page, code):
    make = (ROOT / 'Makefile').read_text(encoding='utf-8')
    for command in re.split(r'\n|&&', code):
        words = command.split()
        if not words:
            continue
        if words[0] == 'make':
            assert re.search(rf'^{re.escape(words[1])}:', make, re.M), f'no target {words[1]}'
        elif words[0] == 'python3':
            assert (ROOT / words[1]).exists()
        else:
            assert words[0] in ('cmake', 'ctest'), command  # the ctest named "installed" and .ci/run do these


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r'\]\(([^)#]+)\)', page.read_text(encoding='utf-8')):
            assert link.startswith('http') or (page.parent / link).exists(), f'{page.name}: {link}'
    for target in re.findall(r'`make (\w+)`', (ROOT / 'README.md').read_text(encoding='utf-8')):
        assert re.search(rf'^{target}:', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.M), target


def test_the_makefile_and_the_page_name_the_same_dependencies():
    page = (ROOT / 'docs' / 'dependencies.md').read_text(encoding='utf-8').lower()
    for line in (ROOT / 'requirements.txt').read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            assert re.split('[<>=]', line)[0] in page, line
