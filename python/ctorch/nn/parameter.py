"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""
from collections import OrderedDict

from .._backend import Tensor, dtype as _Dtype, _C


class Parameter(Tensor):
    """A tensor that is a module's parameter: requires a gradient unless told otherwise."""

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = _C.empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter data must be a Tensor, not {type(data).__name__}")
        if requires_grad and not (data.is_floating_point() or data.is_complex()):
            raise RuntimeError('Only Tensors of floating point and complex dtype can require gradients')
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        key = id(self)
        if key in memo:
            return memo[key]
        from ..autograd import no_grad
        with no_grad():
            copy = type(self)(self.data.clone(), self.requires_grad)
        memo[key] = copy
        return copy

    def __repr__(self, *, tensor_contents=None):
        from .. import _compat
        return 'Parameter containing:' + ('' if _compat.legacy else '\n') + repr(self.data if _compat.legacy else
                                                                               _as_tensor(self))

    def __reduce_ex__(self, proto):
        from .._utils import _rebuild_parameter
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


def _as_tensor(p):
    """A plain tensor that prints as the parameter does."""
    t = p.detach()
    return t.requires_grad_(p.requires_grad) if p.requires_grad else t


class Buffer(Tensor):
    """A tensor that a module registers as a buffer when it is assigned."""

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = _C.empty(0)
        t = Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


_UNKNOWN = ('Attempted to use an uninitialized parameter in {}. This error happens when you are using a `LazyModule` or '
            'explicitly manipulating `torch.nn.parameter.{}` objects. When using LazyModules Call `forward` with a dummy batch '
            'to initialize the parameters before calling torch functions')


class _Uninitialized:
    """A tensor whose shape is not known yet; lazy modules give it one with materialize()."""
    __slots__ = ()
    _becomes = Tensor

    def materialize(self, shape, device=None, dtype=None):
        """From now on a tensor of that shape, of any values."""
        self.__class__ = self._becomes
        Tensor.data.__set__(self, _C.empty(shape, device=device, dtype=dtype or self.dtype))

    @property
    def shape(self):
        raise RuntimeError("Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
                           '`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call '
                           '`forward` to initialize the parameters before accessing their attributes.')

    def to(self, *args, dtype=None, **kwargs):
        dtype = next((a for a in args if isinstance(a, _Dtype)), dtype) or self.dtype
        return type(self)(self.requires_grad, dtype=dtype)

    def double(self):
        return self.to(_C.float64)

    def float(self):
        return self.to(_C.float32)

    def half(self):
        return self.to(_C.float16)

    def bfloat16(self):
        return self.to(_C.bfloat16)

    def cpu(self):
        return self

    def share_memory_(self):
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
                           'parameters before calling `module.share_memory()`.')

    def __repr__(self, *, tensor_contents=None):
        return f'<{type(self).__name__}>'

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(requires_grad=self.requires_grad, dtype=self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, proto):
        return type(self), (self.requires_grad, None, self.dtype)


def _refused(name):
    def method(self, *args, **kwargs):
        raise ValueError(_UNKNOWN.format(f'`Tensor.{name}`', type(self).__name__))
    method.__name__ = name
    return method


for _name in ('numel', 'nelement', 'size', 'dim', 'copy_', 'item', 'tolist', 'numpy', 'backward', 'clone', 'view', 'reshape',
              '__getitem__', '__add__', '__mul__', '__sub__', '__truediv__', '__matmul__', '__len__', 'sum', 'mean', 'uniform_',
              'normal_', 'fill_'):
    setattr(_Uninitialized, _name, _refused(_name))


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet."""
    _becomes = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, _C.empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape is not known yet."""

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        t = Tensor._make_subclass(cls, _C.empty(0, device=device, dtype=dtype), requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


def is_lazy(param):
    return isinstance(param, _Uninitialized)
