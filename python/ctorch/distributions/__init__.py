"""Probability distributions: sampling, densities, entropies and divergences, with gradients where they are functions of the parameters."""
from .constraints import Constraint
from .distribution import Distribution, Independent
from .continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from .discrete import Bernoulli, Categorical, Geometric, OneHotCategorical
from .kl import kl_divergence, register_kl
from . import constraints

__all__ = ['Constraint', 'Distribution', 'Independent', 'Exponential', 'Laplace', 'LogNormal', 'Normal', 'Uniform', 'Bernoulli',
           'Categorical', 'Geometric', 'OneHotCategorical', 'kl_divergence', 'register_kl', 'constraints']
