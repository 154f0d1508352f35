"""The switch for scripts of PyTorch 0.1.12: how tensors and modules print, and what zero_grad leaves behind.

Everything else that such scripts need (Variable, creator, previous_functions, loss.data[0], ...) is always on.
``torch.compat('0.1.12')`` or CTORCH_COMPAT=0.1.12 in the environment turns it on, ``torch.compat(None)`` off.
"""
import os

legacy = False


def compat(version=None):
    """Follow an old PyTorch's conventions where they conflict with today's: '0.1.12', or None for today's.

    Under '0.1.12' tensors and modules print as they did then and zero_grad leaves zeros, not None.
    Returns what was set before. Another version is a ValueError. Usable as a context manager as well.
    """
    global legacy
    if version not in (None, '0.1.12'):
        raise ValueError(f"compat knows '0.1.12' and None, not {version!r}")
    before = '0.1.12' if legacy else None
    legacy = version is not None
    from . import _C
    setter = getattr(_C, '_set_legacy_print', None)
    if setter is not None:
        setter(legacy)
    return _Previous(before)


class _Previous:
    def __init__(self, version):
        self.version = version

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        compat(self.version)

    def __eq__(self, other):
        return self.version == getattr(other, 'version', other)

    def __repr__(self):
        return repr(self.version)


def _from_environment():
    version = os.environ.get('CTORCH_COMPAT')
    if version:
        compat(version)
