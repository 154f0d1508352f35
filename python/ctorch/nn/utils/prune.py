"""Pruning: a parameter NAME becomes NAME_orig, a mask of ones and zeros is kept in the buffer NAME_mask, and before each forward pass
NAME is their product."""
import numbers

from ..._backend import _C
from ..parameter import Parameter
from .weight_norm import remove_hook


def _check_amount(amount, size=None):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f'Invalid type for amount: {amount}. Must be int or float.')
    if (isinstance(amount, numbers.Integral) and amount < 0) or (not isinstance(amount, numbers.Integral) and not 0 <= amount <= 1):
        raise ValueError(f'amount={amount} should either be a float in the range [0, 1] or a non-negative integer')
    if size is not None and isinstance(amount, numbers.Integral) and amount > size:
        raise ValueError(f'amount={amount} should be smaller than the number of parameters to prune={size}')


def _count(amount, size):
    _check_amount(amount, size)
    return amount if isinstance(amount, numbers.Integral) else round(amount * size)


class BasePruningMethod:
    """A subclass says PRUNING_TYPE, 'unstructured', 'structured' or 'global', and compute_mask(t, default_mask): default_mask with
    more zeros. An instance is the forward pre-hook that multiplies."""

    PRUNING_TYPE = 'unstructured'
    _tensor_name = None

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t, default_mask):
        raise NotImplementedError

    def apply_mask(self, module):
        if self._tensor_name is None:
            raise AssertionError(f'Module {module} has to be pruned')
        original = getattr(module, self._tensor_name + '_orig')
        return getattr(module, self._tensor_name + '_mask').to(dtype=original.dtype) * original

    def prune(self, t, default_mask=None, importance_scores=None):
        """t times its mask, without keeping anything."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError('importance_scores should have the same shape as tensor t')
        return t * self.compute_mask(scores, _C.ones_like(t) if default_mask is None else default_mask)

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prunes module's parameter `name`, on top of what is pruned already."""
        old = [(k, h) for k, h in module._forward_pre_hooks.items() if isinstance(h, BasePruningMethod) and h._tensor_name == name]
        if len(old) > 1:
            raise AssertionError(f'Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a '
                                 'PruningContainer.')
        new = method = cls(*args, **kwargs)
        method._tensor_name = name
        if old:
            key, before = old[0]
            method = before if isinstance(before, PruningContainer) else PruningContainer(before)
            method.add_pruning_method(new)
            del module._forward_pre_hooks[key]
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(f'importance_scores should have the same shape as parameter {name} of {module}')
        try:
            mask = method.compute_mask(scores, getattr(module, name + '_mask').detach().clone() if old else _C.ones_like(original))
        except Exception:
            if old:
                module._forward_pre_hooks[key] = before
                if method is before:
                    method._pruning_methods = method._pruning_methods[:-1]
            raise
        if not old:
            module.register_parameter(name + '_orig', module._parameters[name])
            del module._parameters[name]
        module.register_buffer(name + '_mask', mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def remove(self, module):
        """Makes the pruned tensor the parameter."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f'Module {module} has to be pruned before pruning can be removed')
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + '_orig']
        original.data = weight.data
        del module._parameters[name + '_orig']
        del module._buffers[name + '_mask']
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Methods one after the other on one tensor: each prunes what the ones before have left."""

    PRUNING_TYPE = 'container'

    def __init__(self, *args):
        methods = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args
        self._pruning_methods = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f'{type(method)} is not a BasePruningMethod subclass')
        if self._tensor_name is not None and self._tensor_name != method._tensor_name:
            raise ValueError('Can only add pruning methods acting on the parameter named '
                             f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        """The newest method's mask, computed over what is not pruned yet."""
        method, mask = self._pruning_methods[-1], default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == 'structured':
            dim = method.dim % t.dim()
            alive = mask.movedim(dim, 0).reshape(t.size(dim), -1).any(1).nonzero().reshape(-1)
            return mask.index_copy(dim, alive, method.compute_mask(t.index_select(dim, alive), mask.index_select(dim, alive)))
        if method.PRUNING_TYPE not in ('unstructured', 'global'):
            raise ValueError(f'Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}')
        if method.PRUNING_TYPE == 'global':
            return method.compute_mask(t, mask)
        places = (mask == 1).reshape(-1).nonzero().reshape(-1)
        part = method.compute_mask(t.reshape(-1)[places], mask.reshape(-1)[places])
        return mask.reshape(-1).index_copy(0, places, part).reshape(mask.shape)


class Identity(BasePruningMethod):
    """Prunes nothing."""

    def compute_mask(self, t, default_mask):
        return default_mask


class _Unstructured(BasePruningMethod):
    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        k, mask = _count(self.amount, t.nelement()), default_mask.clone()
        if k:
            mask = mask.reshape(-1).index_fill(0, self._chosen(t, k), 0).reshape(mask.shape)
        return mask


class RandomUnstructured(_Unstructured):
    """amount elements by chance: a share of them, or a number."""

    def _chosen(self, t, k):
        return _C.rand_like(t).reshape(-1).topk(k)[1]


class L1Unstructured(_Unstructured):
    """The amount elements of least absolute value."""

    def _chosen(self, t, k):
        return t.detach().abs().reshape(-1).topk(k, largest=False)[1]


class _Structured(BasePruningMethod):
    PRUNING_TYPE = 'structured'

    def compute_mask(self, t, default_mask):
        if t.dim() <= 1:
            raise ValueError('Structured pruning can only be applied to multidimensional tensors. Found tensor of shape '
                             f'{t.shape} with {t.dim()} dims')
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f'Invalid index {self.dim} for tensor of size {t.shape}')
        size = t.size(self.dim)
        k = _count(self.amount, size)
        if not k:
            return default_mask
        keep = self._scores(t, size).topk(size - k, largest=True)[1]
        shape = [1] * t.dim()
        shape[self.dim] = size
        return default_mask * _C.zeros(size, dtype=default_mask.dtype).index_fill(0, keep, 1).reshape(shape)


class RandomStructured(_Structured):
    """amount slices of a dimension by chance."""

    def __init__(self, amount, dim=-1):
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _scores(self, t, size):
        return _C.rand(size)


class LnStructured(_Structured):
    """The amount slices of a dimension of least n-norm."""

    def __init__(self, amount, n, dim=-1):
        _check_amount(amount)
        self.amount, self.n, self.dim = amount, n, dim

    def _scores(self, t, size):
        return t.detach().norm(self.n, [d for d in range(t.dim()) if d != self.dim % t.dim()])


class CustomFromMask(BasePruningMethod):
    """Where mask is 0."""

    PRUNING_TYPE = 'global'

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        if default_mask.shape != self.mask.shape:
            raise AssertionError('default_mask and self.mask must have the same shape')
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module, name):
    """Keeps a mask of ones for module's parameter `name`. Returns module, as all of these."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name, mask):
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prunes over several parameters, pairs of a module and a name, as over one vector of all their elements."""
    if not isinstance(parameters, (list, tuple)):
        raise TypeError('global_unstructured(): parameters is not an Iterable')
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError('global_unstructured(): importance_scores is not of type dict')
    values = [scores.get((m, n), getattr(m, n)) for m, n in parameters]
    masks = [getattr(m, n + '_mask', None) for m, n in parameters]
    masks = [_C.ones_like(getattr(m, n)) if mask is None else mask for mask, (m, n) in zip(masks, parameters)]
    container = PruningContainer()
    container._tensor_name = 'temp'
    method = pruning_method(**kwargs)
    method._tensor_name = 'temp'
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != 'unstructured':
        raise TypeError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                        f'{pruning_method} of type {method.PRUNING_TYPE}')
    mask = container.compute_mask(_C.cat([v.detach().reshape(-1) for v in values]), _C.cat([m.reshape(-1) for m in masks]))
    for part, (module, name) in zip(mask.split([v.numel() for v in values]), parameters):
        custom_from_mask(module, name, part.reshape(getattr(module, name).shape))


def remove(module, name):
    """Makes the pruned tensor the parameter `name` for good. ValueError where it is not pruned."""
    return remove_hook(module, lambda hook: isinstance(hook, BasePruningMethod) and hook._tensor_name == name,
                       f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module):
    """Whether a parameter of module, or of a module within, is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
