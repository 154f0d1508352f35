"""Probability distributions: sampling, densities, entropies and divergences, with gradients where they are functions of the parameters."""
from .constraints import Constraint
from .distribution import Distribution, Independent
from .continuous import Cauchy, Exponential, Laplace, LogNormal, Normal, Uniform
from .discrete import (Bernoulli, Binomial, Categorical, Geometric, Multinomial, NegativeBinomial, OneHotCategorical,
                       OneHotCategoricalStraightThrough, Poisson)
from .gamma import Beta, Chi2, Dirichlet, Gamma, StudentT
from .transforms import (AbsTransform, AffineTransform, ComposeTransform, ExpTransform, IndependentTransform, PowerTransform,
                         ReshapeTransform, SigmoidTransform, SoftmaxTransform, SoftplusTransform, StickBreakingTransform, TanhTransform,
                         Transform, identity_transform)
from .transformed import Gumbel, HalfCauchy, HalfNormal, Pareto, TransformedDistribution, Weibull
from .mixture import MixtureSameFamily
from .multivariate import MultivariateNormal
from .kl import kl_divergence, register_kl
from . import constraints, transforms

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)] + [
    'kl_divergence', 'register_kl', 'constraints', 'transforms', 'identity_transform']
