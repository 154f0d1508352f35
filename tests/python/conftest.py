"""Tests run against real PyTorch where it is importable beside ctorch; tests that need it ask for the `oracle` fixture.

--parity runs only the modules that compare with PyTorch. $CTORCH_PACKAGE is the folder of another build of the package.
"""
import os
import re
import sys

import pytest

sys.path.insert(0, os.environ.get('CTORCH_PACKAGE') or os.path.join(os.path.dirname(__file__), '..', '..', 'python'))
COMPARES = re.compile(r"""\boracle\b|importorskip\(['"]torch|import torch as real|import scenario|from scenario import""")

if 'CTORCH_SANITIZED' in os.environ:
    # A process that is forked beside running threads copies the locks of AddressSanitizer's allocator, held or not, and may hang:
    # a test that gets so far is skipped there.
    os.fork = lambda: pytest.skip('forks a process that runs threads, under AddressSanitizer')


def pytest_addoption(parser):
    parser.addoption('--parity', action='store_true', help='only the modules that compare with PyTorch')


def pytest_ignore_collect(collection_path, config):
    if config.getoption('--parity') and collection_path.name.startswith('test_'):
        return not COMPARES.search(collection_path.read_text(encoding='utf-8')) or None


@pytest.fixture
def oracle():
    return pytest.importorskip('torch')
