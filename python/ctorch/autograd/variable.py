"""Variable: what a tensor with a history was called before 0.4. Variable(t) is a tensor; tensors are Variables."""
from .._backend import Tensor, _C


class _VariableType(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, Tensor)

    def __call__(cls, data=None, requires_grad=None, volatile=None, **kwargs):
        if volatile:
            import warnings
            warnings.warn('volatile was removed and now has no effect. Use `with torch.no_grad():` instead.',
                          stacklevel=2)
        if data is None:
            data = _C.empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f'Variable data has to be a tensor, but got {type(data).__name__}')
        var = data.detach()
        _C._print_as_variable(var)
        if requires_grad:
            var.requires_grad_(True)
        return var


class Variable(metaclass=_VariableType):
    """Variable(data, requires_grad=False): a tensor over data's memory, outside of its graph."""

    @staticmethod
    def _execution_engine():
        return None
