"""Kullback-Leibler divergences between distributions of the same kind, by formula."""
import ctorch as torch

from .continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from .discrete import Bernoulli, Categorical, Geometric, OneHotCategorical
from .distribution import Distribution, Independent, sum_rightmost

_FORMULAS = {}


def register_kl(type_p, type_q):
    """Decorator: the function of (p, q) that kl_divergence uses for these types and those derived from them."""
    if not (isinstance(type_p, type) and issubclass(type_p, Distribution)):
        raise TypeError(f'Expected type_p to be a Distribution subclass but got {type_p}')
    if not (isinstance(type_q, type) and issubclass(type_q, Distribution)):
        raise TypeError(f'Expected type_q to be a Distribution subclass but got {type_q}')

    def decorator(function):
        _FORMULAS[type_p, type_q] = function
        return function
    return decorator


def kl_divergence(p, q):
    """The expectation over p of log p(x) - log q(x), of the batch's shape."""
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _FORMULAS:
                return _FORMULAS[a, b](p, q)
    raise NotImplementedError(f'No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}')


@register_kl(Normal, Normal)
def _(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
def _(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p, q):
    ratio, far = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + far / q.scale + ratio * torch.exp(-far / p.scale) - 1


@register_kl(Uniform, Uniform)
def _(p, q):
    result = torch.log((q.high - q.low) / (p.high - p.low))
    return torch.where((q.low > p.low) | (q.high < p.high), torch.full_like(result, float('inf')), result)


@register_kl(Exponential, Exponential)
def _(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Bernoulli, Bernoulli)
def _(p, q):
    log = torch.nn.functional.softplus
    yes = torch.where(p.probs == 0, torch.zeros_like(p.probs), p.probs * (log(-q.logits) - log(-p.logits)))
    no = torch.where(p.probs == 1, torch.zeros_like(p.probs), (1 - p.probs) * (log(q.logits) - log(p.logits)))
    return yes + no


@register_kl(Geometric, Geometric)
def _(p, q):
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Categorical, Categorical)
def _(p, q):
    t = p.probs * (p.logits - q.logits)
    t = torch.where((q.probs == 0).expand_as(t), torch.full_like(t, float('inf')), t)
    return torch.where((p.probs == 0).expand_as(t), torch.zeros_like(t), t).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return kl_divergence(p._categorical, q._categorical)


def _infinite(p, q):
    """p has values where q has none."""
    return torch.full_like(p.mean.detach() + q.mean.detach(), float('inf'))


for _type in (Normal, Laplace, Exponential):
    register_kl(_type, Uniform)(_infinite)
for _type in (Normal, Laplace):
    register_kl(_type, Exponential)(_infinite)


@register_kl(Independent, Independent)
def _(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
