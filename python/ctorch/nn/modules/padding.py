"""Padding layers."""
from .. import functional as F
from .module import Module
from .utils import _ntuple


def _pad_class(name, mode, n, value=None):
    repeat = _ntuple(2 * n)
    constant = mode == 'constant' and value is None

    def init_value(self, padding, value):
        Module.__init__(self)
        self.padding = repeat(padding)
        self.value = value

    def init_plain(self, padding):
        Module.__init__(self)
        self.padding = repeat(padding)
        if value is not None:
            self.value = value

    def forward(self, input):
        if mode == 'constant':
            return F.pad(input, self.padding, 'constant', self.value)
        if mode == 'circular' and input.dim() not in (n + 1, n + 2):
            raise ValueError(f'expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)')
        return F.pad(input, self.padding, mode)

    def extra_repr(self):
        return f'padding={self.padding}, value={self.value}' if constant else f'{self.padding}'

    return type(name, (Module,), {
        '__init__': init_value if constant else init_plain, 'forward': forward, 'extra_repr': extra_repr,
        '__constants__': ['padding', 'value'] if mode == 'constant' else ['padding'], '__module__': __name__,
        '__qualname__': name, '__doc__': f'Pads the last {n} dimension(s): {mode} mode.'})


ConstantPad1d = _pad_class('ConstantPad1d', 'constant', 1)
ConstantPad2d = _pad_class('ConstantPad2d', 'constant', 2)
ConstantPad3d = _pad_class('ConstantPad3d', 'constant', 3)
ZeroPad1d = _pad_class('ZeroPad1d', 'constant', 1, 0.0)
ZeroPad2d = _pad_class('ZeroPad2d', 'constant', 2, 0.0)
ZeroPad3d = _pad_class('ZeroPad3d', 'constant', 3, 0.0)
ReflectionPad1d = _pad_class('ReflectionPad1d', 'reflect', 1)
ReflectionPad2d = _pad_class('ReflectionPad2d', 'reflect', 2)
ReflectionPad3d = _pad_class('ReflectionPad3d', 'reflect', 3)
ReplicationPad1d = _pad_class('ReplicationPad1d', 'replicate', 1)
ReplicationPad2d = _pad_class('ReplicationPad2d', 'replicate', 2)
ReplicationPad3d = _pad_class('ReplicationPad3d', 'replicate', 3)
CircularPad1d = _pad_class('CircularPad1d', 'circular', 1)
CircularPad2d = _pad_class('CircularPad2d', 'circular', 2)
CircularPad3d = _pad_class('CircularPad3d', 'circular', 3)
