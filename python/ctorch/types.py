"""Names for annotations."""
from numbers import Number
from ._backend import Tensor, device as _device, dtype as _dtype, Size

Device = object
_int, _float, _bool, _size = int, float, bool, (Size, list, tuple)
