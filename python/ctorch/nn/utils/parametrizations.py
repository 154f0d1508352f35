"""Parametrizations that are ready to use: weight_norm, spectral_norm."""
from ..._backend import _C
from ...autograd import no_grad
from ..functional import normalize
from ..modules.module import Module
from . import parametrize
from .spectral_norm import as_matrix, iterate
from .weight_norm import norm_except_dim, normed


class _WeightNorm(Module):
    """original0: lengths, original1: directions."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name='weight', dim=0):
    """module.name = g * v / |v|; dim: the dimension with a length of its own, None for one length. Returns module."""
    return parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """weight / its largest singular value; in training the singular vectors _u, _v follow by power iterations."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if dim >= weight.dim() or dim < -weight.dim():
            raise IndexError(f'Dimension out of range (expected to be in range of [-{weight.dim()}, {weight.dim() - 1}] but got {dim})')
        if n_power_iterations <= 0:
            raise ValueError(f'Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}')
        self.dim, self.eps = dim % weight.dim(), eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                u, v = (weight.new_empty(n).normal_(0, 1) for n in matrix.shape)
                self.register_buffer('_u', normalize(u, dim=0, eps=eps))
                self.register_buffer('_v', normalize(v, dim=0, eps=eps))
                iterate(matrix, self._u, self._v, 15, eps)

    def forward(self, weight):
        if weight.dim() == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            iterate(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        u, v = self._u.clone(), self._v.clone()
        return weight / _C.dot(u, _C.mv(matrix, v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None):
    """module.name over its largest singular value. dim: the outputs' dimension (1 for transposed convolutions, else 0, unless given).
    Returns module."""
    weight = getattr(module, name, None)
    if not isinstance(weight, _C.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        from .. import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    return parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
