"""Bernoulli, Geometric, Categorical, OneHotCategorical."""
import ctorch as torch
import ctorch.nn.functional as F

from . import constraints
from .distribution import Distribution, broadcast


def _clamped(probs):
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def _one_of(probs, logits):
    if (probs is None) == (logits is None):
        raise ValueError('Either `probs` or `logits` must be specified, but not both.')


class _OfProbabilities(Distribution):
    """Distributions of probabilities, or of logits: what was not given is computed when it is first asked for."""

    _one_sum = False    # whether the probabilities of the last dimension add up to 1

    arg_constraints = {'probs': constraints.unit_interval, 'logits': constraints.real}

    def _take(self, probs, logits):
        _one_of(probs, logits)
        name = 'logits' if probs is None else 'probs'
        self.__dict__[name], = broadcast(logits if probs is None else probs)
        return self.__dict__[name]

    def __getattr__(self, name):
        many = self._one_sum
        if name == 'logits' and 'probs' in self.__dict__:
            with torch.enable_grad():
                p = _clamped(self.probs)
                self.__dict__['logits'] = p.log() if many else p.log() - torch.log1p(-p)
        elif name == 'probs' and 'logits' in self.__dict__:
            with torch.enable_grad():
                self.__dict__['probs'] = F.softmax(self.logits, -1) if many else torch.sigmoid(self.logits)
        else:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        return self.__dict__[name]


class Bernoulli(_OfProbabilities):
    """1 with probability probs, else 0."""

    support = constraints.boolean

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._take(probs, logits).shape, (), validate_args)

    mean = property(lambda self: self.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return torch.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction='none')

    def entropy(self):
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction='none')


class Geometric(_OfProbabilities):
    """Failures before the first success."""

    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._take(probs, logits).shape, (), validate_args)

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            u = torch.empty(shape, dtype=self.probs.dtype).uniform_(torch.finfo(self.probs.dtype).tiny, 1)
            return (u.log() / torch.log1p(-self.probs)).floor()

    def log_prob(self, value):
        self._validate_sample(value)
        value, probs = torch.broadcast_tensors(value, self.probs)
        probs = torch.where((probs == 1) & (value == 0), torch.zeros_like(probs), probs)
        return value * torch.log1p(-probs) + self.probs.log()

    def entropy(self):
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction='none') / self.probs


class Categorical(_OfProbabilities):
    """k with probability probs[..., k], which need not add up to 1, or softmax(logits)."""

    arg_constraints = {'probs': constraints.simplex, 'logits': constraints.real_vector}

    def __init__(self, probs=None, logits=None, validate_args=None):
        _one_of(probs, logits)
        given = logits if probs is None else probs
        if given.dim() < 1:
            raise ValueError(f'`{"logits" if probs is None else "probs"}` parameter must be at least one-dimensional.')
        if probs is None:
            self.__dict__['logits'] = logits - logits.logsumexp(-1, keepdim=True)
        else:
            self.__dict__['probs'] = probs / probs.sum(-1, keepdim=True)
        self._num_events = given.size(-1)
        super().__init__(given.shape[:-1], (), validate_args)

    _one_sum = True
    support = property(lambda self: constraints.integer_interval(0, self._num_events - 1))
    mode = property(lambda self: self.probs.argmax(-1))
    mean = property(lambda self: torch.full(self._batch_shape, float('nan'), dtype=self.probs.dtype))
    variance = mean
    param_shape = property(lambda self: self.probs.shape)

    def sample(self, sample_shape=()):
        n = 1
        for size in sample_shape:
            n *= size
        with torch.no_grad():
            drawn = torch.multinomial(self.probs.reshape(-1, self._num_events), n, True).t()
            return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        value, logits = torch.broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        logits = self.logits.clamp(min=torch.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)


class OneHotCategorical(Distribution):
    """A Categorical whose values are rows of zeros with a 1 at k."""

    arg_constraints = Categorical.arg_constraints
    support = constraints.one_hot

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    probs = mean = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape=()):
        return F.one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value):
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self):
        return self._categorical.entropy()

    def __repr__(self):
        return 'OneHotCategorical()'
