"""Kullback-Leibler divergences between distributions of the same kind, by formula."""
import math

import ctorch as torch

from .continuous import Cauchy, Exponential, Laplace, LogNormal, Normal, Uniform
from .discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from .distribution import Distribution, Independent, sum_rightmost
from .gamma import Beta, Dirichlet, Gamma
from .multivariate import MultivariateNormal, half_log_det, inverse_times
from .transformed import EULER, Gumbel, HalfNormal, Pareto, TransformedDistribution

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


@register_kl(Cauchy, Cauchy)
def _(p, q):
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(HalfNormal, HalfNormal)
def _(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Gamma, Gamma)
def _(p, q):
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + torch.lgamma(b) - torch.lgamma(a) + (a - b) * torch.digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Exponential, Gamma)
def _(p, q):
    ratio, c = q.rate / p.rate, q.concentration
    return -c * ratio.log() + ratio + torch.lgamma(c) + c * EULER - (1 + EULER)


@register_kl(Gamma, Exponential)
def _(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    return (total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
            + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1))


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError('KL-divergence between two Multivariate Normals with' + ' ' * 26 + 'different event shapes cannot be computed')
    ratio = torch.linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    distance = inverse_times(q.scale_tril, q.loc - p.loc).pow(2).sum(-1)
    return half_log_det(q.scale_tril) - half_log_det(p.scale_tril) + 0.5 * (ratio.pow(2).sum((-2, -1)) + distance - p.event_shape[0])


@register_kl(Beta, Beta)
def _(p, q):
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(Binomial, Binomial)
def _(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError('KL between Binomials where q.total_count > p.total_count is not implemented')
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return torch.where(p.total_count > q.total_count, float('inf'), kl)


@register_kl(Poisson, Poisson)
def _(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Bernoulli, Poisson)
def _(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Gumbel, Gumbel)
def _(p, q):
    a, b, c = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    return a.log().neg() - b + c + a * EULER + torch.exp(b + (1 + a).lgamma() - c) - (1 + EULER)


@register_kl(Normal, Gumbel)
def _(p, q):
    mean, square = p.loc / q.scale, (p.scale / q.scale).pow(2)
    return -torch.log(p.scale / q.scale) + mean - q.loc / q.scale + torch.exp(-mean + 0.5 * square + q.loc / q.scale) - 0.5 * (
        1 + math.log(2 * math.pi))


@register_kl(Pareto, Pareto)
def _(p, q):
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return torch.where(p.scale < q.scale, float('inf'), kl)


@register_kl(Laplace, Normal)
def _(p, q):
    var = q.scale.pow(2)
    constant = 0.5 * torch.log(math.pi / 2 * var / p.scale.pow(2)) - 1
    return constant + p.scale.pow(2) / var + 0.5 * p.loc.pow(2) / var - p.loc * q.loc / var + 0.5 * q.loc.pow(2) / var


@register_kl(Exponential, Normal)
def _(p, q):
    var, square = q.scale.pow(2), p.rate.pow(2)
    return 0.5 * torch.log(square * var * 2 * math.pi) - 1 + 1 / square / var - q.loc / (p.rate * var) + 0.5 * q.loc.pow(2) / var


@register_kl(Uniform, Normal)
def _(p, q):
    width = p.high - p.low
    return 0.5 * torch.log(math.pi * 2 * q.scale.pow(2) / width.pow(2)) + 0.5 * (
        width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)) / q.scale.pow(2)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), len(p.event_shape) - len(p.base_dist.event_shape))
