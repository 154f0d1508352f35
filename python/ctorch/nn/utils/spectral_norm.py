"""A weight over its largest singular value (Miyato and others, 2018), which power iterations follow from pass to pass."""
from ..._backend import _C
from ...autograd import no_grad
from ..functional import normalize
from ..parameter import Parameter
from .weight_norm import remove_hook


def as_matrix(weight, dim):
    """(size of dim, all the rest)."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.size(0), -1)


def iterate(matrix, u, v, steps, eps):
    """Power iterations; u and v change in place."""
    with no_grad():
        for _ in range(steps):
            u.copy_(normalize(_C.mv(matrix, v), dim=0, eps=eps))
            v.copy_(normalize(_C.mv(matrix.t(), u), dim=0, eps=eps))


class SpectralNorm:
    """The forward pre-hook that computes the weight from name_orig and the buffers name_u, name_v."""

    def __init__(self, name='weight', n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError('Expected n_power_iterations to be positive, but got n_power_iterations='
                             f'{n_power_iterations}')
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def reshape_weight_to_matrix(self, weight):
        return as_matrix(weight, self.dim)

    def compute_weight(self, module, do_power_iteration):
        weight = getattr(module, self.name + '_orig')
        u, v = getattr(module, self.name + '_u'), getattr(module, self.name + '_v')
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(_C.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(_C.mv(matrix, v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        return weight / _C.dot(u, _C.mv(matrix, v))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, module.training))

    def remove(self, module):
        with no_grad():
            weight = self.compute_weight(module, False)
        delattr(module, self.name)
        for part in ('_u', '_v', '_orig'):
            delattr(module, self.name + part)
        module.register_parameter(self.name, Parameter(weight.detach()))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f'Cannot register two spectral_norm hooks on the same parameter {name}')
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f'`SpectralNorm` cannot be applied as parameter `{name}` is None')
        with no_grad():
            h, w = as_matrix(weight, dim).shape
            u = normalize(weight.new_empty(h).normal_(0, 1), dim=0, eps=eps)
            v = normalize(weight.new_empty(w).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + '_orig', weight)
        setattr(module, name, weight.data)
        module.register_buffer(name + '_u', u)
        module.register_buffer(name + '_v', v)
        module.register_forward_pre_hook(hook)
        return hook


def spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None):
    """Divides a parameter by its largest singular value before each forward pass. dim: the outputs' dimension (1 for transposed
    convolutions, else 0, unless given). Returns module."""
    if dim is None:
        from .. import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name='weight'):
    """Makes the divided weight the parameter."""
    return remove_hook(module, lambda hook: isinstance(hook, SpectralNorm) and hook.name == name,
                       f"spectral_norm of '{name}' not found in {module}")
