"""Storages: a tensor's memory as a flat sequence."""
from ._backend import Tensor, _C

_DTYPES = {'Float': 'float32', 'Double': 'float64', 'Half': 'float16', 'BFloat16': 'bfloat16', 'Byte': 'uint8',
           'Char': 'int8', 'Short': 'int16', 'Int': 'int32', 'Long': 'int64', 'Bool': 'bool'}


class TypedStorage:
    """A view of the whole storage of a tensor as a flat tensor of its dtype."""

    def __init__(self, *args, dtype=None, _flat=None):
        dtype = dtype or getattr(type(self), 'dtype', None) or _C.get_default_dtype()
        if _flat is None:
            if not args:
                _flat = _C.empty(0, dtype=dtype)
            elif isinstance(args[0], int):
                _flat = _C.empty(args[0], dtype=dtype)
            else:
                _flat = _C.tensor(list(args[0]), dtype=dtype)
        self._flat = _flat

    @classmethod
    def _of(cls, tensor):
        """The storage of a tensor."""
        flat = tensor.detach()
        n = flat.untyped_storage().nbytes() // flat.element_size() if hasattr(flat, 'untyped_storage') else None
        if n is None:
            n = flat.storage_offset() + (1 + sum((s - 1) * st for s, st in zip(flat.shape, flat.stride()))
                                         if flat.numel() else 0)
        return typed_storage_of(flat.dtype)(_flat=flat.as_strided((n,), (1,), 0))

    def _untyped_of(self, dtype):
        return self._flat

    dtype_ = property(lambda self: self._flat.dtype)

    def __len__(self):
        return self._flat.numel()

    size = __len__

    def __getitem__(self, i):
        if isinstance(i, slice):
            return type(self)(_flat=self._flat[i])
        return self._flat[i].item()

    def __setitem__(self, i, value):
        self._flat[i] = value._flat if isinstance(value, TypedStorage) else value

    def __iter__(self):
        return iter(self._flat.tolist())

    def tolist(self):
        return self._flat.tolist()

    def fill_(self, value):
        self._flat.fill_(value)
        return self

    def copy_(self, other, non_blocking=None):
        self._flat.copy_(other._flat)
        return self

    def clone(self):
        return type(self)(_flat=self._flat.clone())

    def data_ptr(self):
        return self._flat.data_ptr()

    def element_size(self):
        return self._flat.element_size()

    def nbytes(self):
        return len(self) * self.element_size()

    def is_shared(self):
        return self._flat.is_shared()

    def __reduce__(self):
        from ._tensor import _storage_flat
        return _load, (type(self), bytes(_storage_flat(self._flat, _C.uint8).tolist()))

    @property
    def device(self):
        return self._flat.device

    @property
    def is_cuda(self):
        return False

    def __repr__(self):
        lines = '\n '.join(str(v) for v in self.tolist())
        return (f' {lines}\n[torch.storage.TypedStorage(dtype={str(self._flat.dtype).replace("ctorch", "torch")}, '
                f'device={self._flat.device}) of size {len(self)}]')


def _load(kind, data):
    """What pickles of storages call."""
    if not data:
        return kind(_flat=_C.empty(0, dtype=kind.dtype))
    return kind(_flat=_C.frombuffer(bytearray(data), dtype=kind.dtype))


class UntypedStorage(TypedStorage):
    """Bytes."""
    dtype = _C.uint8


_typed = {}
for _name, _d in _DTYPES.items():
    if hasattr(_C, _d):
        _cls = type(_name + 'Storage', (TypedStorage,), {'dtype': getattr(_C, _d), '__module__': __name__})
        globals()[_name + 'Storage'] = _cls
        _typed[str(getattr(_C, _d))] = _cls


def typed_storage_of(dtype):
    return _typed[str(dtype)]
