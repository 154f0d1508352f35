"""Parameters as functions of others: a module's attribute is computed, when it is read, by modules from the tensors that it keeps
under module.parametrizations.NAME.original (or original0, original1, ...)."""
import copy
from contextlib import contextmanager

from ..._backend import Tensor
from ...autograd import no_grad
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

_depth = 0
_cache = {}


@contextmanager
def cached():
    """Within, each parametrized tensor is computed once."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache.clear()


def _kept(module, name, value):
    """value registered as a parameter, or as a buffer if it is no parameter."""
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


class ParametrizationList(ModuleList):
    """The modules that one attribute goes through, and its original tensor or tensors. forward() computes it."""

    def __init__(self, modules, original, unsafe=False):
        if not modules:
            raise ValueError('ParametrizationList requires one or more modules.')
        super().__init__(modules)
        self.unsafe = unsafe
        new = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, 'right_inverse'):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass
        if not isinstance(new, Tensor) and not isinstance(new, (tuple, list)):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                             f'Got {type(new).__name__}')
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype != new.dtype:
                raise ValueError('When `right_inverse` outputs one tensor, it may not change the dtype.\n'
                                 f'original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}')
            with no_grad():
                original.data = new.detach()
            _kept(self, 'original', original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                                     f'Got element {i} of the sequence with type {type(part).__name__}.')
                part = part.detach()
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                else:
                    part.requires_grad_(original.requires_grad)
                _kept(self, f'original{i}', part)
        if not unsafe:
            got = self()
            if not isinstance(got, Tensor):
                raise ValueError(f'A parametrization must return a tensor. Got {type(got).__name__}.')
            self._same(got, original if not self.is_tensor else new)

    def _same(self, got, want):
        for what, a, b in (('dtype', want.dtype, got.dtype), ('shape', want.shape, got.shape)):
            if a != b:
                raise ValueError(f'Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is '
                                 f'enabled.\nunparametrized {what}: {a}\nparametrized {what}: {b}')

    def originals(self):
        return [self.original] if self.is_tensor else [getattr(self, f'original{i}') for i in range(self.ntensors)]

    def right_inverse(self, value):
        """Sets the originals so that the attribute becomes value."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, 'right_inverse'):
                    raise RuntimeError(f'parametrization {type(module).__name__} does not implement right_inverse.')
                value = module.right_inverse(value)
            parts = [value] if self.is_tensor else list(value)
            if len(parts) != self.ntensors:
                raise ValueError("'right_inverse' must return a sequence of tensors of length "
                                 f'{self.ntensors}. Got a sequence of length {len(parts)}.')
            for original, part in zip(self.originals(), parts):
                if original.dtype != part.dtype:
                    raise ValueError(f'The tensor returned by right_inverse has dtype {part.dtype} while `original` has dtype '
                                     f'{original.dtype}')
                original.data = part.detach().clone()

    def forward(self):
        modules = list(self)
        x = modules[0](*self.originals())
        for module in modules[1:]:
            x = module(x)
        return x


def _get(name):
    def get(self):
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]
    return get


def _set(name):
    def set(self, value):
        self.parametrizations[name].right_inverse(value)
    return set


def _refuse(self):
    raise RuntimeError('Serialization of parametrized modules is only supported through state_dict(). See:\n'
                       'https://pytorch.org/tutorials/beginner/saving_loading_models.html'
                       '#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training')


def _deepcopy(self, memo):
    new = memo.get(id(self))
    if new is None:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        own = type(new)
        members = {k: v for k, v in vars(own).items() if k not in ('__dict__', '__weakref__')}
        new.__class__ = type(own.__name__, own.__bases__, members)
    return new


def is_parametrized(module, tensor_name=None):
    """Whether module has parametrized attributes, or this one."""
    parametrizations = getattr(module, 'parametrizations', None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """From now on module.tensor_name is parametrization(its original). A parametrization with right_inverse gives the originals'
    first values and lets the attribute be assigned. unsafe: shape and dtype may change. Returns module."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        entry = module.parametrizations[tensor_name]
        if not unsafe:
            now = getattr(module, tensor_name)
            entry._same(parametrization(now), now)
            if hasattr(parametrization, 'right_inverse'):
                entry._same(now, parametrization.right_inverse(now))
        if hasattr(parametrization, 'right_inverse'):
            with no_grad():
                entry.right_inverse(parametrization.right_inverse(getattr(module, tensor_name)))
        entry.append(parametrization)
        entry.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        entry = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            own = type(module)
            module.__class__ = type('Parametrized' + own.__name__, (own,), {'__getstate__': _refuse, '__deepcopy__': _deepcopy,
                                                                            '__module__': own.__module__})
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, property(_get(tensor_name), _set(tensor_name)))
        module.parametrizations[tensor_name] = entry
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'")
    return module


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Makes the attribute a parameter or buffer again: of its present value, or of its original's."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f'Module {module} does not have a parametrization on {tensor_name}')
    entry = module.parametrizations[tensor_name]
    original = entry.original if entry.is_tensor else None
    if not leave_parametrized and original is None:
        raise ValueError('Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a '
                         'sequence of tensors.')
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach().clone()
        if original is not None:
            original.data = value
        elif all(isinstance(t, Parameter) for t in entry.originals()):
            original = Parameter(value, any(t.requires_grad for t in entry.originals()))
        else:
            original = value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _kept(module, tensor_name, original)
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The module's class as it was written."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Gives to_module copies of from_module's parametrizations and originals (of one attribute, or of all). Returns to_module."""
    if not is_parametrized(from_module):
        return to_module
    for name in [tensor_name] if tensor_name is not None else list(from_module.parametrizations):
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for module in from_module.parametrizations[name]:
            register_parametrization(to_module, name, copy.deepcopy(module), unsafe=True)
        for new, old in zip(to_module.parametrizations[name].originals(), from_module.parametrizations[name].originals()):
            new.data = old.detach().clone()
    return to_module
