"""The normal distribution of vectors, by its covariance, the inverse of that or a Cholesky factor of it."""
import functools
import math

import ctorch as torch

from . import constraints
from .distribution import Distribution


def _times(matrix, vector):
    """matrix @ vector for batches of both."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def inverse_times(factor, vector):
    """factor^-1 vector for a lower triangular factor; batches broadcast."""
    return torch.linalg.solve_triangular(factor, vector.unsqueeze(-1), upper=False).squeeze(-1)


def half_log_det(factor):
    """Half the logarithm of det(factor factor^T)."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """loc + L z for standard normal z in the last dimension, where L L^T is the covariance. One of covariance_matrix,
    precision_matrix (its inverse) and scale_tril (L) is given; the others are computed when they are read. Shapes: loc (*, n),
    matrices (*, n, n), batches broadcast. A matrix that is not positive definite is a ValueError."""

    arg_constraints = {'loc': constraints.real_vector, 'covariance_matrix': constraints.positive_definite,
                       'precision_matrix': constraints.positive_definite, 'scale_tril': constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        given = {'scale_tril': scale_tril, 'covariance_matrix': covariance_matrix, 'precision_matrix': precision_matrix}
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if loc.dim() < 1:
            raise ValueError('loc must be at least one-dimensional.')
        if len(given) != 1:
            raise ValueError('Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.')
        (name, matrix), = given.items()
        if matrix.dim() < 2:
            raise ValueError(f'{name}{" matrix" if name == "scale_tril" else ""} must be at least two-dimensional, with optional leading '
                             'batch dimensions')
        batch, n = torch.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]), loc.shape[-1]
        self.loc = loc.expand(tuple(batch) + (n,))
        self.__dict__[name] = matrix.expand(tuple(batch) + tuple(matrix.shape[-2:]))
        super().__init__(batch, (n,), validate_args)
        if name != 'scale_tril':  # now, so that an error comes here
            self._factor = torch.linalg.cholesky(matrix) if name == 'covariance_matrix' else self._of_precision(matrix)
            self._factor = self._factor.expand(self.__dict__[name].shape)
        else:
            self._factor = self.scale_tril

    @staticmethod
    def _of_precision(precision):
        """The lower factor of precision's inverse: the inverse of its factor from the other corner, turned back."""
        turned = torch.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).transpose(-2, -1)
        return torch.linalg.solve_triangular(turned, torch.eye(precision.shape[-1], dtype=precision.dtype), upper=False)

    @functools.cached_property
    def scale_tril(self):
        return self._factor

    @functools.cached_property
    def covariance_matrix(self):
        return self._factor @ self._factor.transpose(-2, -1)

    @functools.cached_property
    def precision_matrix(self):
        return torch.cholesky_inverse(self._factor)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)
    variance = property(lambda self: self._factor.pow(2).sum(-1))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        z = torch.normal(torch.zeros(shape, dtype=self.loc.dtype), torch.ones(shape, dtype=self.loc.dtype))
        return self.loc + _times(self._factor, z)

    def log_prob(self, value):
        self._validate_sample(value)
        n = self._event_shape[0]
        distance = inverse_times(self._factor, value - self.loc).pow(2).sum(-1)
        return -0.5 * (n * math.log(2 * math.pi) + distance) - half_log_det(self._factor)

    def entropy(self):
        n = self._event_shape[0]
        return (0.5 * n * (1.0 + math.log(2 * math.pi)) + half_log_det(self._factor)).expand(self._batch_shape)
