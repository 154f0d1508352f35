"""Methods of Tensor that are simpler in Python: pickling, copying, storages, the constructors of old. The C type looks
them up here by name when they are first called."""
from __future__ import annotations

from . import _C
from ._C import Tensor

_STORAGE_NAMES = {'float32': 'Float', 'float64': 'Double', 'float16': 'Half', 'bfloat16': 'BFloat16', 'uint8': 'Byte',
                  'int8': 'Char', 'int16': 'Short', 'int32': 'Int', 'int64': 'Long', 'bool': 'Bool'}


def _name(dtype):
    return str(dtype).rpartition('.')[2]


def _typed_storage_of(dtype):
    from . import _storage
    return getattr(_storage, _STORAGE_NAMES[_name(dtype)] + 'Storage')


def _storage_flat(t, dtype=None):
    """t's whole storage as a flat tensor of a dtype (t's own), sharing memory, outside of the graph."""
    dtype = dtype or t.dtype
    n = t._storage_bytes().numel() // dtype.itemsize
    return t._over(dtype, 0, (n,), (1,))


def _storage_from_bytes(flat, name):
    """What a checkpoint calls 'FloatStorage' over a uint8 tensor."""
    from . import _storage
    short = name.rpartition('.')[2]
    if short == 'UntypedStorage':
        return _storage.UntypedStorage(_flat=flat)
    dtype = next(getattr(_C, d) for d, s in _STORAGE_NAMES.items() if s + 'Storage' == short)
    return getattr(_storage, short)(_flat=_storage_flat(flat, dtype))


def storage(self):
    """The tensor's storage, elements of its dtype."""
    return _typed_storage_of(self.dtype)(_flat=_storage_flat(self))


_typed_storage = storage


def untyped_storage(self):
    """The tensor's storage as bytes."""
    from ._storage import UntypedStorage
    return UntypedStorage(_flat=self._storage_bytes())


def _set_(self, source=None, storage_offset=0, size=None, stride=None):
    """set_(): empty; set_(tensor or storage, offset, size, stride): takes over that memory with this geometry."""
    if source is None:
        new = _C.empty(0, dtype=self.dtype)
    else:
        flat = source if isinstance(source, Tensor) else source._flat
        if flat.dtype != self.dtype:
            flat = _storage_flat(flat, self.dtype)
        if size is None:
            size = (flat.numel() - storage_offset,)
        size = tuple(size)
        if stride is None:
            stride, step = [], 1
            for n in reversed(size):
                stride.insert(0, step)
                step *= max(n, 1)
        new = flat._over(self.dtype, storage_offset, size, tuple(stride))
    self.data = new
    return self


def _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    """What pickles of tensors call."""
    flat = storage._flat
    t = flat._over(flat.dtype, storage_offset, tuple(size), tuple(stride))
    t.requires_grad = requires_grad
    return t


def _rebuild_subclass(cls, args, state):
    t = _rebuild_tensor_v2(*args)
    t = Tensor._make_subclass(cls, t, t.requires_grad)
    if state:
        t.__dict__.update(state)
    return t


def _rebuild_attributes(args, state):
    t = _rebuild_tensor_v2(*args)
    t.__dict__.update(state)
    return t


def __reduce_ex__(self, protocol=2):
    """(function, arguments), as in PyTorch."""
    from collections import OrderedDict
    if self.requires_grad and not self.is_leaf:
        raise RuntimeError('Only Tensors created explicitly by the user (graph leaves) support the pickle protocol at the moment.')
    args = (storage(self), self.storage_offset(), tuple(self.shape), self.stride(), self.requires_grad, OrderedDict())
    state = dict(self.__dict__)
    if type(self) is not Tensor:
        return _rebuild_subclass, (type(self), args, state)
    if state:
        return _rebuild_attributes, (args, state)
    return _rebuild_tensor_v2, args


def __setstate__(self, state):
    if isinstance(state, dict):
        self.__dict__.update(state)


def __deepcopy__(self, memo):
    """A leaf over memory of its own; tensors over one storage share its copy."""
    if not self.is_leaf:
        raise RuntimeError('Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  '
                           'If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, '
                           'see https://github.com/pytorch/pytorch/pull/103001')
    if id(self) in memo:
        return memo[id(self)]
    from copy import deepcopy
    key = ('storage', self._storage_id())
    flat = memo.get(key)
    if flat is None or flat.dtype != self.dtype:
        flat = memo[key] = _storage_flat(self).clone()
    new = flat._over(self.dtype, self.storage_offset(), tuple(self.shape), self.stride())
    if type(self) is not Tensor:
        new = Tensor._make_subclass(type(self), new, False)
    new.requires_grad = self.requires_grad
    if self.grad is not None:
        new.grad = deepcopy(self.grad, memo)
    if self.__dict__:
        new.__dict__.update(deepcopy(self.__dict__, memo))
    memo[id(self)] = new
    return new


def new(self, *args, **kwargs):
    """x.new(2, 3), x.new([1, 2]): the constructor of old, in x's dtype."""
    if not args:
        return _C.empty(0, dtype=self.dtype)
    first = args[0]
    if len(args) == 1 and not isinstance(first, int):
        if isinstance(first, Tensor):
            return first.detach()
        if isinstance(first, _C.Size):
            return _C.empty(first, dtype=self.dtype)
        if hasattr(first, '_flat'):
            return _storage_flat(first._flat, self.dtype)
        return _C._tensor_new(self.dtype, first)
    return _C.empty(args, dtype=self.dtype)


def apply_(self, function):
    """Replaces every element by function(element), in Python: slow."""
    flat = [function(v) for v in self.reshape(-1).tolist()]
    self.copy_(_C.tensor(flat, dtype=self.dtype).view(self.shape))
    return self


def map_(self, tensor, function):
    """Replaces every element a by function(a, b) with b of tensor, in Python: slow."""
    other = tensor.expand_as(self).reshape(-1).tolist()
    flat = [function(a, b) for a, b in zip(self.reshape(-1).tolist(), other)]
    self.copy_(_C.tensor(flat, dtype=self.dtype).view(self.shape))
    return self


def resize(self, *sizes):
    import warnings
    warnings.warn('non-inplace resize is deprecated', stacklevel=2)
    return self.reshape(*sizes)


def __dir__(self):
    return sorted({*object.__dir__(self), *self.__dict__})
