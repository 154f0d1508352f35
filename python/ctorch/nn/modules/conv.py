"""Conv1d, 2d, 3d and their transposes."""
import math

from ..._backend import _C, op
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .utils import _single, _pair, _triple, _reverse_repeat_tuple

_ops = {(False, n): op(f'conv{n}d') for n in (1, 2, 3)}
_ops.update({(True, n): op(f'conv_transpose{n}d') for n in (1, 2, 3)})


class _ConvNd(Module):
    __constants__ = ['stride', 'padding', 'dilation', 'groups', 'padding_mode', 'output_padding', 'in_channels',
                     'out_channels', 'kernel_size']
    _n = 0

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding,
                 groups, bias, padding_mode, device=None, dtype=None):
        super().__init__()
        if groups <= 0:
            raise ValueError('groups must be a positive integer')
        if in_channels % groups:
            raise ValueError('in_channels must be divisible by groups')
        if out_channels % groups:
            raise ValueError('out_channels must be divisible by groups')
        if isinstance(padding, str):
            if padding not in ('same', 'valid'):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == 'same' and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        modes = ('zeros', 'reflect', 'replicate', 'circular')
        if padding_mode not in modes:
            raise ValueError(f"padding_mode must be one of {{{', '.join(map(repr, modes))}}}, but got "
                             f"padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        if isinstance(padding, str):
            self._reversed_padding_repeated_twice = [0] * (2 * len(kernel_size))
            if padding == 'same':
                for i, (d, k) in enumerate(zip(dilation, kernel_size)):
                    total = d * (k - 1)
                    at = 2 * (len(kernel_size) - 1 - i)
                    self._reversed_padding_repeated_twice[at] = total // 2
                    self._reversed_padding_repeated_twice[at + 1] = total - total // 2
        else:
            self._reversed_padding_repeated_twice = _reverse_repeat_tuple(padding, 2)
        shape = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(_C.empty((*shape, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_C.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter('bias', None)
        self.reset_parameters()

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        s = f'{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}'
        if self.padding != (0,) * len(self.padding):
            s += f', padding={self.padding}'
        if self.dilation != (1,) * len(self.dilation):
            s += f', dilation={self.dilation}'
        if self.output_padding != (0,) * len(self.output_padding):
            s += f', output_padding={self.output_padding}'
        if self.groups != 1:
            s += f', groups={self.groups}'
        if self.bias is None:
            s += ', bias=False'
        if self.padding_mode != 'zeros':
            s += f', padding_mode={self.padding_mode}'
        return s

    def _legacy_repr(self):
        return f'{self._get_name()}({_ConvNd.extra_repr(self)})'

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault('padding_mode', 'zeros')

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != 'zeros':
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return _ops[False, self._n](input, weight, bias, self.stride, (0,) * self._n, self.dilation, self.groups)
        return _ops[False, self._n](input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def forward(self, input):
        p = self._parameters
        if 'weight' in p and 'bias' in p:
            return self._conv_forward(input, p['weight'], p['bias'])
        return self._conv_forward(input, self.weight, self.bias)


def _conv_class(name, n, tuple_of, shape):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode='zeros', device=None, dtype=None):
        _ConvNd.__init__(self, in_channels, out_channels, tuple_of(kernel_size), tuple_of(stride),
                         padding if isinstance(padding, str) else tuple_of(padding), tuple_of(dilation), False,
                         tuple_of(0), groups, bias, padding_mode, device, dtype)
    native = _ops[False, n]

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode == 'zeros':
            return native(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        return _ConvNd._conv_forward(self, input, weight, bias)
    __init__.__qualname__ = f'{name}.__init__'
    return type(name, (_ConvNd,), {
        '__init__': __init__, '_conv_forward': _conv_forward, '_n': n, '__module__': __name__, '__qualname__': name,
        '__doc__': f'{n}-d convolution. input {shape}, weight (out_channels, in_channels / groups, *kernel_size).'})


Conv1d = _conv_class('Conv1d', 1, _single, '(N, C, L) or (C, L)')
Conv2d = _conv_class('Conv2d', 2, _pair, '(N, C, H, W) or (C, H, W)')
Conv3d = _conv_class('Conv3d', 3, _triple, '(N, C, D, H, W) or (C, D, H, W)')


class _ConvTransposeNd(_ConvNd):
    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding,
                 groups, bias, padding_mode, device=None, dtype=None):
        if padding_mode != 'zeros':
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding,
                         groups, bias, padding_mode, device, dtype)

    def _output_padding(self, input, output_size, stride, padding, kernel_size, num_spatial_dims, dilation=None):
        if output_size is None:
            return _single(self.output_padding)
        batched = input.dim() == num_spatial_dims + 2
        skip = 2 if batched else 1
        if len(output_size) == skip + num_spatial_dims:
            output_size = output_size[skip:]
        if len(output_size) != num_spatial_dims:
            raise ValueError(f'ConvTranspose{num_spatial_dims}D: for {input.dim()}D input, output_size must have '
                             f'{num_spatial_dims} or {skip + num_spatial_dims} elements (got {len(output_size)})')
        smallest = [(input.size(d + skip) - 1) * stride[d] - 2 * padding[d]
                    + (dilation[d] if dilation is not None else 1) * (kernel_size[d] - 1) + 1
                    for d in range(num_spatial_dims)]
        largest = [m + stride[d] - 1 for d, m in enumerate(smallest)]
        for size, lo, hi in zip(output_size, smallest, largest):
            if size < lo or size > hi:
                raise ValueError(f'requested an output size of {output_size}, but valid sizes range from {smallest} to '
                                 f'{largest} (for an input of {input.size()[2:]})')
        return [output_size[d] - smallest[d] for d in range(num_spatial_dims)]

    def forward(self, input, output_size=None):
        if output_size is None:
            extra = self.output_padding
        else:
            extra = self._output_padding(input, output_size, self.stride, self.padding, self.kernel_size, self._n,
                                         self.dilation)
        return _ops[True, self._n](input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
                                   self.dilation)


def _conv_transpose_class(name, n, tuple_of, shape):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None):
        _ConvTransposeNd.__init__(self, in_channels, out_channels, tuple_of(kernel_size), tuple_of(stride),
                                  tuple_of(padding), tuple_of(dilation), True, tuple_of(output_padding), groups, bias,
                                  padding_mode, device, dtype)
    __init__.__qualname__ = f'{name}.__init__'
    return type(name, (_ConvTransposeNd,), {
        '__init__': __init__, '_n': n, '__module__': __name__, '__qualname__': name,
        '__doc__': f'The gradient of a {n}-d convolution as a layer. input {shape}, weight (in_channels, '
                   'out_channels / groups, *kernel_size).'})


ConvTranspose1d = _conv_transpose_class('ConvTranspose1d', 1, _single, '(N, C, L) or (C, L)')
ConvTranspose2d = _conv_transpose_class('ConvTranspose2d', 2, _pair, '(N, C, H, W) or (C, H, W)')
ConvTranspose3d = _conv_transpose_class('ConvTranspose3d', 3, _triple, '(N, C, D, H, W) or (C, D, H, W)')
