"""MixtureSameFamily: one of several distributions of a kind, chosen by a Categorical."""
import ctorch as torch

from . import constraints
from .discrete import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """The last dimension of component_distribution's batch are the components that mixture_distribution chooses from."""

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        mix, parts = mixture_distribution, component_distribution
        if not isinstance(mix, Categorical):
            raise ValueError(' The Mixture distribution needs to be an  instance of torch.distributions.Categorical')
        if not isinstance(parts, Distribution):
            raise ValueError('The Component distribution need to be an instance of torch.distributions.Distribution')
        have, want = tuple(mix.batch_shape), tuple(parts.batch_shape[:-1])
        for a, b in zip(reversed(have), reversed(want)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f'`mixture_distribution.batch_shape` ({have}) is not compatible with '
                                 f'`component_distribution.batch_shape`({want})')
        if mix.logits.shape[-1] != parts.batch_shape[-1]:
            raise ValueError(f'`mixture_distribution component` ({mix.logits.shape[-1]}) does not equal '
                             f'`component_distribution.batch_shape[-1]` ({parts.batch_shape[-1]})')
        self._mixture_distribution, self._component_distribution = mix, parts
        super().__init__(want, parts.event_shape, validate_args)

    mixture_distribution = property(lambda self: self._mixture_distribution)
    component_distribution = property(lambda self: self._component_distribution)
    support = property(lambda self: self._component_distribution.support)

    def _weights(self):
        p = self._mixture_distribution.probs
        return p.reshape(tuple(p.shape) + (1,) * len(self._event_shape))

    @property
    def mean(self):
        return (self._weights() * self._component_distribution.mean).sum(-1 - len(self._event_shape))

    @property
    def variance(self):
        w, d, parts = self._weights(), -1 - len(self._event_shape), self._component_distribution
        return (w * parts.variance).sum(d) + (w * (parts.mean - self.mean.unsqueeze(d)).pow(2)).sum(d)

    def cdf(self, x):
        return (self._component_distribution.cdf(x.unsqueeze(-1 - len(self._event_shape))) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x):
        self._validate_sample(x)
        log = self._component_distribution.log_prob(x.unsqueeze(-1 - len(self._event_shape)))
        return torch.logsumexp(log + torch.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            d = len(tuple(sample_shape)) + len(self._batch_shape)
            which = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            which = which.reshape(tuple(which.shape) + (1,) * (len(self._event_shape) + 1))
            shape = list(drawn.shape)
            shape[d] = 1
            return drawn.gather(d, which.expand(shape)).squeeze(d)

    def __repr__(self):
        return f'MixtureSameFamily(\n  {self._mixture_distribution!r},\n  {self._component_distribution!r})'
