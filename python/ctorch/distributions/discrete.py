"""Bernoulli, Geometric, Binomial, NegativeBinomial, Poisson, Categorical, OneHotCategorical, Multinomial."""
import ctorch as torch
import ctorch.nn.functional as F

from . import constraints
from .constraints import Constraint
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
    mode = property(lambda self: F.one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs.dtype))
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

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = torch.eye(n, dtype=self.probs.dtype).view((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n,) + tuple(self._batch_shape) + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose rsample passes gradients to the probabilities as they are."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        return self.sample(sample_shape) + (self.probs - self.probs.detach())

    def __repr__(self):
        return 'OneHotCategoricalStraightThrough()'


def _counted(expand, low, high, like, batch_shape):
    """low .. high along a new first dimension."""
    values = torch.arange(low, high + 1, dtype=like.dtype).view((-1,) + (1,) * len(batch_shape))
    return values.expand((-1,) + tuple(batch_shape)) if expand else values


class _Trials(_OfProbabilities):
    """What total_count and probs, or logits, of one shape describe."""

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        _one_of(probs, logits)
        name = 'logits' if probs is None else 'probs'
        self.total_count, self.__dict__[name] = broadcast(total_count, logits if probs is None else probs)
        self.total_count = self.total_count.to(self.__dict__[name].dtype)
        super().__init__(self.total_count.shape, (), validate_args)


class Binomial(_Trials):
    """Successes among total_count trials of probability probs. Samples follow PyTorch's stream."""

    arg_constraints = {'total_count': constraints.nonnegative_integer, 'probs': constraints.unit_interval, 'logits': constraints.real}
    support = property(lambda self: constraints.integer_interval(0, self.total_count))
    mean = property(lambda self: self.total_count * self.probs)
    mode = property(lambda self: torch.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count))
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            return torch.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        self._validate_sample(value)
        n, x = self.total_count, self.logits
        positive = (x.clamp(min=0) + x - x.clamp(max=0)) / 2    # the slope at 0 is 1/2
        whole = n * positive + n * torch.log1p(torch.exp(-x.abs())) - torch.lgamma(n + 1)
        return value * x - torch.lgamma(value + 1) - torch.lgamma(n - value + 1) - whole

    def enumerate_support(self, expand=True):
        most = int(self.total_count.max())
        if int(self.total_count.min()) != most:
            raise NotImplementedError('Inhomogeneous total count not supported by `enumerate_support`.')
        return _counted(expand, 0, most, self.total_count, self._batch_shape)

    def entropy(self):
        if self.total_count.min() != self.total_count.max():
            raise NotImplementedError('Inhomogeneous total count not supported by `entropy`.')
        log = self.log_prob(self.enumerate_support(False))
        return -(log.exp() * log).sum(0)


class NegativeBinomial(_Trials):
    """Successes of probability probs before total_count failures: Poisson numbers of Gamma(total_count, exp(-logits)) rates."""

    arg_constraints = {'total_count': constraints.greater_than_eq(0), 'probs': Constraint(
        'HalfOpenInterval(lower_bound=0.0, upper_bound=1.0)', lambda x: (x >= 0) & (x < 1)), 'logits': constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        super().__init__(total_count, probs, logits, validate_args)

    mean = property(lambda self: self.total_count * torch.exp(self.logits))
    mode = property(lambda self: ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0))
    variance = property(lambda self: self.mean / torch.sigmoid(-self.logits))

    def sample(self, sample_shape=()):
        from .gamma import Gamma
        with torch.no_grad():
            return torch.poisson(Gamma(self.total_count, torch.exp(-self.logits), validate_args=False).sample(sample_shape))

    def log_prob(self, value):
        self._validate_sample(value)
        n = self.total_count
        log = n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        norm = -torch.lgamma(n + value) + torch.lgamma(1.0 + value) + torch.lgamma(n)
        return log - norm.masked_fill(n + value == 0.0, 0.0)


class Poisson(Distribution):
    """rate^k exp(-rate) / k!. Samples follow PyTorch's stream."""

    arg_constraints = {'rate': constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args=None):
        self.rate, = broadcast(rate)
        super().__init__(self.rate.shape, (), validate_args)

    mean = variance = property(lambda self: self.rate)
    mode = property(lambda self: self.rate.floor())

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._validate_sample(value)
        value, rate = torch.broadcast_tensors(value, self.rate)
        return torch.xlogy(value, rate) - rate - (value + 1).lgamma()


class Multinomial(Distribution):
    """How often each k comes up among total_count draws of a Categorical."""

    arg_constraints = Categorical.arg_constraints

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError('inhomogeneous total_count is not supported')
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    probs = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)
    param_shape = property(lambda self: self._categorical.param_shape)
    support = property(lambda self: constraints.multinomial(self.total_count))
    mean = property(lambda self: self.probs * self.total_count)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape=()):
        drawn = self._categorical.sample((self.total_count,) + tuple(sample_shape)).movedim(0, -1)
        counts = torch.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
        return counts.scatter_add(-1, drawn, torch.ones(drawn.shape, dtype=counts.dtype))

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -float('inf')), 0)
        return torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1) + (logits * value).sum(-1)

    def entropy(self):
        n = torch.tensor(self.total_count, dtype=self.probs.dtype)
        binomial = Binomial(self.total_count, self.probs, validate_args=False)
        k = binomial.enumerate_support(False)[1:]
        known = (binomial.log_prob(k).exp() * torch.lgamma(k + 1)).sum([0, -1])
        return n * self._categorical.entropy() - torch.lgamma(n + 1) + known

    def __repr__(self):
        return 'Multinomial()'
