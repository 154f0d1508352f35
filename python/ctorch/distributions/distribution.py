"""The base of all distributions: shapes, the checks of parameters and values, and Independent."""
import ctorch as torch


def broadcast(*values):
    """Numbers and tensors as tensors of one shape."""
    like = next((v for v in values if isinstance(v, torch.Tensor)), None)
    dtype = torch.get_default_dtype() if like is None else like.dtype
    return torch.broadcast_tensors(*[v if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=dtype) for v in values])


def sum_rightmost(value, dims):
    """The sum over the last `dims` dimensions."""
    return value if dims == 0 else value.reshape(value.shape[:value.dim() - dims] + (-1,)).sum(-1)


class Distribution:
    """A batch of batch_shape of distributions over events of event_shape. sample(shape) gives shape + batch_shape + event_shape;
    rsample is differentiable in the parameters where there is one; log_prob(value) has the batch's shape."""

    has_rsample = False
    arg_constraints = {}
    support = None
    _validate_args = True

    @staticmethod
    def set_default_validate_args(value):
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = torch.Size(batch_shape), torch.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        self._check({name: self.__dict__[name] for name in self.arg_constraints if self.__dict__.get(name) is not None})

    def _check(self, values):
        """ValueError where one of the named parameters does not satisfy its constraint, if arguments are validated."""
        for name, value in values.items() if self._validate_args else ():
            constraint = self.arg_constraints[name]
            good = constraint.check(value)
            if not bool(good.all()):
                raise ValueError(f'Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution '
                                 f'{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}')

    def _copy(self, batch_shape):
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._batch_shape = torch.Size(batch_shape)
        return new

    def expand(self, batch_shape, _instance=None):
        """The same distribution for a larger batch: its parameters are expanded."""
        new, n = self._copy(batch_shape), len(self._batch_shape)
        for name, value in self.__dict__.items():
            if isinstance(value, torch.Tensor):
                new.__dict__[name] = value.expand(torch.Size(tuple(batch_shape) + tuple(value.shape[n:])))
            elif isinstance(value, Distribution):
                new.__dict__[name] = value.expand(batch_shape)
        return new

    batch_shape = property(lambda self: self._batch_shape)
    event_shape = property(lambda self: self._event_shape)
    stddev = property(lambda self: self.variance.sqrt())

    def _extended_shape(self, sample_shape=()):
        return torch.Size(tuple(sample_shape) + tuple(self._batch_shape) + tuple(self._event_shape))

    def _validate_sample(self, value):
        if not isinstance(value, torch.Tensor):
            raise ValueError('The value argument to log_prob must be a Tensor')
        if not self._validate_args or self.support is None:
            return
        wanted = tuple(self._batch_shape) + tuple(self._event_shape)
        for have, want in zip(reversed(value.shape), reversed(wanted)):
            if have != 1 and want != 1 and have != want:
                raise ValueError(f'Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {torch.Size(wanted)}.')
        if not bool(self.support.check(value).all()):
            raise ValueError(f'Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support '
                             f'({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}')

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        raise NotImplementedError

    def log_prob(self, value):
        raise NotImplementedError

    def cdf(self, value):
        raise NotImplementedError

    def icdf(self, value):
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        raise NotImplementedError

    def entropy(self):
        raise NotImplementedError

    def perplexity(self):
        return self.entropy().exp()

    def __repr__(self):
        names = [n for n in self.arg_constraints if n in self.__dict__]
        return type(self).__name__ + '(' + ', '.join(
            f'{n}: {self.__dict__[n] if self.__dict__[n].numel() == 1 else self.__dict__[n].size()}' for n in names) + ')'


class Independent(Distribution):
    """The last dimensions of a distribution's batch as dimensions of its event: their log probabilities are added."""

    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        shape, n = tuple(base_distribution.batch_shape), reinterpreted_batch_ndims
        if n > len(shape):
            raise ValueError('Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), '
                             f'actual {n} vs {len(shape)}')
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        super().__init__(shape[:len(shape) - n], shape[len(shape) - n:] + tuple(base_distribution.event_shape), validate_args)

    has_rsample = property(lambda self: self.base_dist.has_rsample)

    def expand(self, batch_shape, _instance=None):
        new = self._copy(batch_shape)
        new.base_dist = self.base_dist.expand(tuple(batch_shape) + tuple(self._event_shape[:self.reinterpreted_batch_ndims]))
        return new

    mean = property(lambda self: self.base_dist.mean)
    mode = property(lambda self: self.base_dist.mode)
    variance = property(lambda self: self.base_dist.variance)

    def sample(self, sample_shape=()):
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self):
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self):
        return f'Independent({self.base_dist}, {self.reinterpreted_batch_ndims})'
