"""Tests run against real PyTorch where it is importable beside ctorch; tests that need it ask for the `oracle` fixture."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'python'))


@pytest.fixture
def oracle():
    return pytest.importorskip('torch')
