"""A weight as length times direction: w = g * v / |v| (Salimans and Kingma, 2016), computed before each forward pass."""
import warnings

from ..parameter import Parameter


def norm_except_dim(v, dim):
    """The 2-norm of v over all dimensions but dim, which are kept; dim -1: over all, a scalar."""
    if dim == -1 or v.dim() == 0:
        return v.norm()
    return v.norm(2, [d for d in range(v.dim()) if d != dim % v.dim()], True) if v.dim() > 1 else v.abs()


def normed(v, g, dim):
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The forward pre-hook that puts the weight together."""

    def __init__(self, name, dim):
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module):
        return normed(getattr(module, self.name + '_v'), getattr(module, self.name + '_g'), self.dim)

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))

    @staticmethod
    def apply(module, name, dim):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f'Cannot register two weight_norm hooks on the same parameter {name}')
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        module.register_parameter(name + '_g', Parameter(norm_except_dim(weight, hook.dim).data))
        module.register_parameter(name + '_v', Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        weight = self.compute_weight(module)
        delattr(module, self.name)
        for part in ('_g', '_v'):
            del module._parameters[self.name + part]
        setattr(module, self.name, Parameter(weight.data))


def weight_norm(module, name='weight', dim=0):
    """Replaces a parameter by name_g and name_v; dim: the dimension with a length of its own, None for one length. Returns module."""
    warnings.warn('`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.',
                  FutureWarning, stacklevel=2)
    WeightNorm.apply(module, name, dim)
    return module


def remove_hook(module, wanted, message):
    """Takes back what the forward pre-hook for which wanted(hook) holds has done, and the hook. ValueError where there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if wanted(hook):
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(message)


def remove_weight_norm(module, name='weight'):
    """Makes the weight one parameter again."""
    return remove_hook(module, lambda hook: isinstance(hook, WeightNorm) and hook.name == name,
                       f"weight_norm of '{name}' not found in {module}")
