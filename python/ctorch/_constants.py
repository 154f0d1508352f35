"""finfo and iinfo, and the numbers that torch exports."""
import math

from ._backend import _C, dtype as _dtype

inf = math.inf
nan = math.nan
pi = math.pi
e = math.e
newaxis = None

_FLOATS = {  # bits, mantissa bits, largest exponent
    'float64': (64, 52, 1023), 'float32': (32, 23, 127), 'float16': (16, 10, 15), 'bfloat16': (16, 7, 127),
}
_INTS = {'uint8': (8, False), 'int8': (8, True), 'int16': (16, True), 'int32': (32, True), 'int64': (64, True)}


def _name(t):
    return str(t).rpartition('.')[2]


class finfo:
    """Limits of a floating point type: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type=None):
        type = _C.get_default_dtype() if type is None else type
        name = _name(type)
        if name not in _FLOATS:
            raise TypeError('torch.finfo() requires a floating point input type. Use torch.iinfo to handle '
                            "'torch.finfo'")
        self.bits, mantissa, top = _FLOATS[name]
        self.dtype = name
        self.eps = 2.0 ** -mantissa
        self.max = (2.0 - self.eps) * 2.0 ** top
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - top)
        self.resolution = 10.0 ** -int(mantissa * math.log10(2))

    def __repr__(self):
        return (f'finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, '
                f'smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})')

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype


class iinfo:
    """Limits of an integer type: bits, max, min."""

    def __init__(self, type):
        name = _name(type)
        if name not in _INTS:
            raise TypeError('torch.iinfo() requires an integer input type. Use torch.finfo to handle '
                            "'torch.iinfo'")
        self.bits, signed = _INTS[name]
        self.dtype = name
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -2 ** (self.bits - 1) if signed else 0

    def __repr__(self):
        return f'iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})'

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype
