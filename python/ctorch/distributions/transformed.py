"""TransformedDistribution and those made with it: HalfNormal, HalfCauchy, Gumbel, Weibull, Pareto."""
import math

import ctorch as torch

from . import constraints
from .continuous import Cauchy, Exponential, Normal, Uniform
from .distribution import Distribution, Independent, broadcast, sum_rightmost
from .transforms import AbsTransform, AffineTransform, ComposeTransform, ExpTransform, PowerTransform, Transform

EULER = 0.57721566490153286060


class TransformedDistribution(Distribution):
    """transforms, one after the other, of what base_distribution gives."""

    def __init__(self, base_distribution, transforms, validate_args=None):
        if isinstance(transforms, Transform):
            transforms = [transforms]
        if not isinstance(transforms, list):
            raise ValueError(f'transforms must be a Transform or list, but was {transforms}')
        if not all(isinstance(t, Transform) for t in transforms):
            raise ValueError('transforms must be a Transform or a list of Transforms')
        self.transforms = transforms
        whole = ComposeTransform(transforms)
        shape = torch.Size(tuple(base_distribution.batch_shape) + tuple(base_distribution.event_shape))
        needs = whole.domain.event_dim
        if len(shape) < needs:
            raise ValueError('base_distribution needs to have shape with size at least '
                             f'{needs}, but got {shape}.')
        out = whole.forward_shape(shape)
        wide = whole.inverse_shape(out)
        if tuple(shape) != tuple(wide):
            base_distribution = base_distribution.expand(wide[:len(wide) - len(base_distribution.event_shape)])
        more = needs - len(base_distribution.event_shape)
        self.base_dist = Independent(base_distribution, more) if more > 0 else base_distribution
        n = whole.codomain.event_dim + max(len(base_distribution.event_shape) - needs, 0)
        super().__init__(out[:len(out) - n], out[len(out) - n:], validate_args)

    has_rsample = property(lambda self: self.base_dist.has_rsample)

    @property
    def support(self):
        if not self.transforms:
            return self.base_dist.support
        s = self.transforms[-1].codomain
        return constraints.independent(s, max(len(self._event_shape) - s.event_dim, 0))

    def expand(self, batch_shape, _instance=None):
        shape = ComposeTransform(self.transforms).inverse_shape(torch.Size(tuple(batch_shape) + tuple(self._event_shape)))
        new = self._copy(batch_shape)
        new.base_dist = self.base_dist.expand(shape[:len(shape) - len(self.base_dist.event_shape)])
        for name, value in self.__dict__.items():
            if isinstance(value, torch.Tensor):
                new.__dict__[name] = value.expand(torch.Size(batch_shape))
        return new

    def _through(self, x):
        for t in self.transforms:
            x = t(x)
        return x

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        return self._through(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        self._validate_sample(value)
        n, total, y = len(self._event_shape), 0.0, value
        for t in reversed(self.transforms):
            x = t.inv(y)
            n += t.domain.event_dim - t.codomain.event_dim
            total = total - sum_rightmost(t.log_abs_det_jacobian(x, y), n - t.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), n - len(self.base_dist.event_shape))

    def _turned(self, p):
        """p, or 1 - p where the transforms fall."""
        sign = 1
        for t in self.transforms:
            sign = sign * t.sign
        return p if isinstance(sign, int) and sign == 1 else sign * (p - 0.5) + 0.5

    def cdf(self, value):
        self._validate_sample(value)
        for t in reversed(self.transforms):
            value = t.inv(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value):
        return self._through(self.base_dist.icdf(self._turned(value)))


class _Half(TransformedDistribution):
    """|x| of a distribution that is symmetric about 0."""

    arg_constraints = {'scale': constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _base = None

    def __init__(self, scale, validate_args=None):
        super().__init__(type(self)._base(0, scale, validate_args=False), AbsTransform(), validate_args=None)
        if validate_args is not None:
            self._validate_args = validate_args
        self._check({'scale': self.scale})

    scale = property(lambda self: self.base_dist.scale)
    mode = property(lambda self: torch.zeros_like(self.scale))

    def log_prob(self, value):
        self._validate_sample(value)
        return torch.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value):
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob):
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """|x| of x normal about 0."""

    _base = Normal
    mean = property(lambda self: self.scale * math.sqrt(2 / math.pi))
    variance = property(lambda self: self.scale.pow(2) * (1 - 2 / math.pi))


class HalfCauchy(_Half):
    """|x| of x Cauchy-distributed about 0."""

    _base = Cauchy
    mean = property(lambda self: torch.full_like(self.scale, math.inf))
    variance = property(lambda self: self.base_dist.variance)

    def log_prob(self, value):
        self._validate_sample(value)
        log = math.log(2 / math.pi) - self.scale.log() - torch.log1p((value / self.scale).pow(2))
        return torch.where(value >= 0, log, -math.inf)


class Gumbel(TransformedDistribution):
    """loc - scale * log(-log u), u uniform."""

    arg_constraints = {'loc': constraints.real, 'scale': constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast(loc, scale)
        f = torch.finfo(self.loc.dtype)
        base = Uniform(torch.full_like(self.loc, f.tiny), torch.full_like(self.loc, 1 - f.eps), validate_args=validate_args)
        super().__init__(base, [ExpTransform().inv, AffineTransform(0, -torch.ones_like(self.scale)), ExpTransform().inv,
                                AffineTransform(self.loc, -self.scale)], validate_args)

    mean = property(lambda self: self.loc + self.scale * EULER)
    mode = property(lambda self: self.loc)
    stddev = property(lambda self: math.pi / math.sqrt(6) * self.scale)
    variance = property(lambda self: self.stddev.pow(2))

    def log_prob(self, value):
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def entropy(self):
        return self.scale.log() + (1 + EULER)


class Weibull(TransformedDistribution):
    """scale * e ** (1 / concentration), e exponentially distributed."""

    arg_constraints = {'scale': constraints.positive, 'concentration': constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = broadcast(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        super().__init__(Exponential(torch.ones_like(self.scale), validate_args=validate_args),
                         [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)], validate_args)

    mean = property(lambda self: self.scale * torch.exp(torch.lgamma(1 + self.concentration_reciprocal)))
    mode = property(lambda self: self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal())

    @property
    def variance(self):
        r = self.concentration_reciprocal
        return self.scale.pow(2) * (torch.exp(torch.lgamma(1 + 2 * r)) - torch.exp(2 * torch.lgamma(1 + r)))

    def entropy(self):
        r = self.concentration_reciprocal
        return EULER * (1 - r) + torch.log(self.scale * r) + 1


class Pareto(TransformedDistribution):
    """scale * exp(e), e exponentially distributed of rate alpha."""

    arg_constraints = {'alpha': constraints.positive, 'scale': constraints.positive}

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = broadcast(scale, alpha)
        super().__init__(Exponential(self.alpha, validate_args=validate_args), [ExpTransform(), AffineTransform(0, self.scale)],
                         validate_args)

    support = property(lambda self: constraints.greater_than_eq(self.scale))
    mode = property(lambda self: self.scale)

    @property
    def mean(self):
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def variance(self):
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())
