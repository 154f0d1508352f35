"""The typed constructors of old (FloatTensor, LongTensor, ...) and questions about objects."""
from ._backend import Tensor, Size, _C, typename as _typename

_DTYPES = {'Float': 'float32', 'Double': 'float64', 'Half': 'float16', 'BFloat16': 'bfloat16', 'Byte': 'uint8',
           'Char': 'int8', 'Short': 'int16', 'Int': 'int32', 'Long': 'int64', 'Bool': 'bool'}


class _TensorType(type):
    """torch.FloatTensor(2, 3), torch.FloatTensor([1, 2]); isinstance(x, torch.FloatTensor) asks for the dtype."""

    def __instancecheck__(cls, obj):
        return isinstance(obj, Tensor) and obj.dtype == cls.dtype

    def __call__(cls, *args, device=None):
        if not args:
            return _C.empty(0, dtype=cls.dtype)
        first = args[0]
        if len(args) == 1:
            if isinstance(first, Tensor):
                if first.dtype != cls.dtype:
                    raise TypeError(f'expected {_typename_of(cls.dtype)} (got {first.type()})')
                return first.detach() if not first.requires_grad else first.view_as(first)
            if isinstance(first, Size):
                return _C.empty(first, dtype=cls.dtype)
            if hasattr(first, '_untyped_of'):
                return first._untyped_of(cls.dtype)
            if not _is_int(first):
                if isinstance(first, (str, bytes)) or not (hasattr(first, '__len__') or hasattr(first, '__iter__')):
                    raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
                return _C.tensor(first if hasattr(first, '__len__') else list(first), dtype=cls.dtype)
        return _C.empty(args, dtype=cls.dtype)

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"

    __str__ = __repr__


def _is_int(x):
    return isinstance(x, int) or (hasattr(x, '__index__') and not isinstance(x, (list, tuple)) and not
                                  hasattr(x, '__len__'))


def _typename_of(dtype):
    return next(f'torch.{k}Tensor' for k, v in _DTYPES.items() if getattr(_C, v) == dtype)


tensor_types = {}
for _name, _dtype in _DTYPES.items():
    if hasattr(_C, _dtype):
        _type = _TensorType(_name + 'Tensor', (), {'dtype': getattr(_C, _dtype), '__module__': 'torch',
                                                   'is_cuda': False, '__doc__': f'Tensors of {_dtype}.'})
        globals()[_name + 'Tensor'] = tensor_types['torch.' + _name + 'Tensor'] = _type


def set_default_tensor_type(t):
    """Sets the default dtype by a tensor type: torch.DoubleTensor or 'torch.DoubleTensor'."""
    if isinstance(t, str):
        if t not in tensor_types:
            raise TypeError(f"invalid type object: only floating-point types are supported as the default type")
        t = tensor_types[t]
    dtype = getattr(t, 'dtype', _C.float32 if t is Tensor else None)
    if dtype is None or not dtype.is_floating_point:
        raise TypeError('only floating-point types are supported as the default type')
    _C.set_default_dtype(dtype)


def is_tensor(obj):
    """True if obj is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj):
    from ._storage import TypedStorage, UntypedStorage
    return isinstance(obj, (TypedStorage, UntypedStorage))


def typename(obj):
    """'torch.FloatTensor' for a tensor, else the type's name with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    return _typename(obj)


def is_floating_point(input):
    return input.is_floating_point()


def is_complex(input):
    return input.is_complex()


def is_nonzero(input):
    if input.numel() != 1:
        raise RuntimeError(f'Boolean value of Tensor with {"no" if not input.numel() else "more than one"} '
                           f'value{"s" if not input.numel() else ""} is ambiguous')
    return bool(input)


def numel(input):
    return input.numel()
