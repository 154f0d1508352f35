"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""
from collections import OrderedDict

from .._backend import Tensor, _C


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


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; lazy modules give it one with materialize()."""

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        p = Tensor._make_subclass(cls, _C.empty(0, dtype=dtype), requires_grad)
        return p

    def materialize(self, shape, device=None, dtype=None):
        self.data = _C.empty(shape, dtype=dtype or self.dtype)
        self.__class__ = Parameter


def is_lazy(param):
    return isinstance(param, UninitializedParameter)
