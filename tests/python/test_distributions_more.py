"""Gamma and its relatives, counts, transformed distributions, mixtures: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_distributions import SETUP as BASE

scenarios = Scenarios('distributions_more')

SETUP = BASE + '''
def some(make, *params, value=None, n=(3,)):
    """about() of what the distribution has; a number that is drawn counts as drawn by both."""
    params = [t(p, dtype=torch.float64, requires_grad=True) for p in params]
    d = make(*params)
    out = [repr(d), d.batch_shape, d.event_shape, d.sample(), d.sample(n), d.has_rsample]
    for name in ('mean', 'variance', 'mode', 'stddev'):
        try:
            out.append(getattr(d, name))
        except (NotImplementedError, AttributeError):
            out.append('none')
    value = d.sample() if value is None else t(value, dtype=torch.float64)
    total = d.log_prob(value).sum() * 0.5
    for name in ('entropy', 'cdf'):
        try:
            r = d.entropy() if name == 'entropy' else d.cdf(value.detach())
            out.append(r)
            total = total + r.sum() if name == 'entropy' or not isinstance(d, D.Gamma) else total
        except NotImplementedError:
            out.append('none')
    total.backward()
    out += [d.log_prob(value)] + [p.grad for p in params]
    return [list(o) if isinstance(o, torch.Size) else o for o in out]
def path(make, *params):
    """A sample's gradient in the parameters, to three digits: PyTorch's own are fits."""
    params = [t(p, dtype=torch.float64, requires_grad=True) for p in params]
    s = make(*params).rsample((2,))
    (s * s).sum().backward()
    return s, [[f'{g:.2g}' for g in p.grad.reshape(-1).tolist()] for p in params]
def transform(f, x):
    x = t(x, dtype=torch.float64, requires_grad=True)
    y = f(x)
    z = f.inv(y.detach())
    out = [y, z, f.domain.event_dim, f.codomain.event_dim]
    if f.bijective:
        out.append(f.log_abs_det_jacobian(x, y))
    if f.bijective and not isinstance(f, (D.AffineTransform, D.ReshapeTransform)):
        j = f.log_abs_det_jacobian(x, y)
        j.sum().backward()
        out += [j, x.grad]
    return out
'''
scenarios.many('some', [f'some({a})' for a in (
    'D.Gamma, [0.5, 3.0], [2.0, 1.5]', 'D.Chi2, [1.0, 5.0]', 'D.Dirichlet, [[0.5, 1.0, 2.0], [3.0, 2.0, 0.3]]', 'D.Dirichlet, [0.5, 0.3]',
    'D.StudentT, [0.7, 1.5, 5.0], [0.0, 1.0, -1.0], [1.0, 2.0, 0.5]', 'D.Cauchy, [0.0, 1.0], [1.0, 2.0]', 'D.HalfNormal, [0.5, 2.0]',
    'D.HalfCauchy, [0.5, 2.0]', 'D.Gumbel, [0.5, -1.0], [1.0, 2.0]', 'D.Weibull, [0.5, 2.0], [1.5, 3.0]',
    'D.Pareto, [0.5, 2.0], [3.0, 1.5]',
    'lambda p: D.Binomial(10, p), [0.2, 0.9]', 'lambda p: D.Binomial(4, logits=p), [0.2, -0.9]', 'D.Poisson, [0.5, 15.0]',
    'lambda p: D.NegativeBinomial(3.0, p), [0.2, 0.7]', 'lambda p: D.Multinomial(5, p), [[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]]',
    'D.OneHotCategoricalStraightThrough, [0.2, 0.3, 0.5]', 'D.Laplace, [0.5, -1.0], [1.0, 2.0], value=[0.1, 0.2]',
    'lambda a, b: D.TransformedDistribution(D.Normal(a, b), [D.AffineTransform(1.0, 2.0), D.TanhTransform()]), [0.5, -1.0], [1.0, 0.2]',
    'lambda a, b: D.TransformedDistribution(D.Normal(a, b), D.StickBreakingTransform()), [0.5, -1.0], [1.0, 0.2]',
    'lambda a, b: D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(a, b)), [0.5, -1.0], [1.0, 0.2]',
    'lambda p, a, b: D.MixtureSameFamily(D.Categorical(p), D.Normal(a, b)), [0.3, 0.7], [0.0, 1.0], [1.0, 2.0]',
    'lambda p, a: D.MixtureSameFamily(D.Categorical(p), D.Independent(D.Normal(a, 1.0), 1)), [0.3, 0.7], [[0.0, 1.0], [1.0, 2.0]]')], SETUP)
C = '[[2.0, 0.5], [0.5, 1.0]], [1.0, -1.0]'
scenarios.many('multivariate', [f'some({a})' for a in (
    f'lambda m, v: D.MultivariateNormal(v, m), {C}', f'lambda m, v: D.MultivariateNormal(v, precision_matrix=m), {C}',
    'lambda m, v: D.MultivariateNormal(v, scale_tril=m), [[2.0, 0.0], [0.5, 1.0]], [1.0, -1.0]',
    'lambda m, v: D.MultivariateNormal(v, m), [[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 4.0]]], [1.0, -1.0]',
    'lambda m, v: D.MultivariateNormal(v, scale_tril=m), [[2.0, 0.0], [0.5, 1.0]], [[1.0, -1.0], [0.0, 0.5], [2.0, 0.25]]')] + [
    f'path(lambda m, v: D.MultivariateNormal(v, m), {C})',
    '(lambda d: (d.precision_matrix, d.scale_tril, d.expand((3,)).sample().shape == (3, 2)))(D.MultivariateNormal(torch.zeros(2), '
    'torch.eye(2) * 2))',
    '(lambda d: (d.covariance_matrix, d))(D.MultivariateNormal(torch.zeros(2), scale_tril=torch.tensor([[1.0, 0.0], [0.5, 2.0]])))',
    'D.kl_divergence(D.MultivariateNormal(torch.zeros(2), torch.eye(2)), D.MultivariateNormal(torch.ones(2), '
    'torch.tensor([[2.0, 0.5], [0.5, 1.0]])))',
    'D.kl_divergence(D.MultivariateNormal(torch.zeros(2), torch.eye(2)), D.MultivariateNormal(torch.ones(3), torch.eye(3)))',
    'D.MultivariateNormal(torch.zeros(2))', 'D.MultivariateNormal(torch.tensor(0.0), torch.eye(2))',
    'D.MultivariateNormal(torch.zeros(2), torch.zeros(2))', 'D.MultivariateNormal(torch.zeros(2), scale_tril=torch.zeros(2))',
    'D.MultivariateNormal(torch.zeros(2), torch.zeros(2, 2))',
    'D.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 2.0], [0.0, 1.0]]))',
    'D.MultivariateNormal(torch.zeros(2), scale_tril=torch.ones(2, 2))', 'D.MultivariateNormal(torch.zeros(2), torch.eye(2), torch.eye(2))',
    'D.MultivariateNormal(torch.zeros(2), torch.eye(3))'], SETUP)
scenarios.many('beta', ['some(D.Beta, [0.5, 3.0], [2.0, 1.5])', 'some(D.Beta, 2.0, 3.0)'], SETUP)
scenarios.many('path', [f'path({a})' for a in (
    'D.Gamma, [0.5, 3.0, 30.0], [2.0, 1.5, 1.0]', 'D.Beta, [0.5, 3.0], [2.0, 1.5]', 'D.Dirichlet, [0.5, 1.0, 2.0]', 'D.Chi2, [2.0, 5.0]',
    'D.StudentT, [2.0, 5.0], [0.0, 1.0], [1.0, 2.0]', 'D.HalfNormal, [0.5, 2.0]', 'D.Gumbel, [0.5, -1.0], [1.0, 2.0]',
    'D.Weibull, [0.5, 2.0], [1.5, 3.0]', 'D.Cauchy, [0.0, 1.0], [1.0, 2.0]')], SETUP)
scenarios.many('transforms', [f'transform(D.{f}, [[0.3, 0.6], [0.2, 0.5]])' for f in (
    'ExpTransform()', 'SigmoidTransform()', 'TanhTransform()', 'SoftplusTransform()', 'AbsTransform()', 'SoftmaxTransform()',
    'PowerTransform(2.0)',
    'StickBreakingTransform()', 'AffineTransform(1.0, -2.0)', 'AffineTransform(t(1.0), t([1.0, 3.0]), event_dim=1)', 'ExpTransform().inv',
    'IndependentTransform(D.ExpTransform(), 1)', 'ComposeTransform([D.AffineTransform(0.0, 2.0), D.StickBreakingTransform()])',
    'ReshapeTransform((2, 2), (4,))', 'ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 2.0)]).inv.inv')], SETUP)
scenarios.many('kl', [f'D.kl_divergence({p}, {q})' for p, q in (
    ('D.Gamma(t([0.5, 2.0]), 1.0)', 'D.Gamma(1.5, 2.0)'), ('D.Beta(0.5, 2.0)', 'D.Beta(t([1.0, 2.0]), 3.0)'),
    ('D.Dirichlet(t([0.5, 2.0]))', 'D.Dirichlet(t([1.0, 3.0]))'), ('D.Chi2(t(3.0))', 'D.Chi2(t(4.0))'), ('D.Poisson(2.0)',
    'D.Poisson(t([1.0, 3.0]))'),
    ('D.Binomial(5, t(0.3))', 'D.Binomial(5, t(0.6))'), ('D.Binomial(5, t(0.3))', 'D.Binomial(6, t(0.6))'), ('D.HalfNormal(1.0)',
    'D.HalfNormal(2.0)'),
    ('D.Gumbel(0.0, 1.0)', 'D.Gumbel(1.0, 2.0)'), ('D.Cauchy(0.0, 1.0)', 'D.Cauchy(1.0, 2.0)'), ('D.Exponential(2.0)', 'D.Gamma(1.5, 2.0)'),
    ('D.Gamma(1.5, 2.0)', 'D.Exponential(2.0)'), ('D.Normal(0.5, 1.0)', 'D.Gumbel(0.0, 2.0)'), ('D.Pareto(2.0, 1.0)', 'D.Pareto(1.0, 2.0)'),
    ('D.Laplace(0.5, 1.0)', 'D.Normal(0.0, 2.0)'), ('D.Exponential(2.0)', 'D.Normal(0.0, 2.0)'), ('D.Uniform(0.0, 1.0)',
    'D.Normal(0.0, 2.0)'),
    ('D.Bernoulli(0.3)', 'D.Poisson(2.0)'), ('D.TransformedDistribution(D.Normal(0.0, 1.0), D.ExpTransform())',
                                            'D.TransformedDistribution(D.Normal(1.0, 2.0), D.ExpTransform())'))], SETUP)
scenarios.many('checks', [
    'D.Gamma(-1.0, 1.0)', 'D.Dirichlet(t(1.0))', 'D.Poisson(-1.0)', 'D.Gamma(1.0, 1.0).log_prob(t(-1.0))',
    'D.Binomial(3, t(0.5)).log_prob(t(4.0))',
    'D.Binomial(t([2.0, 3.0]), t(0.5)).entropy()', 'D.Beta(1.0, 2.0).log_prob(t(1.5))',
    'D.Dirichlet(t([1.0, 2.0])).log_prob(t([0.5, 0.6]))',
    'D.TransformedDistribution(D.Normal(0.0, 1.0), 3)', 'D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0))',
    'D.Gamma(t([1.0, 2.0]), 1.0).expand((3, 2)).sample().shape == (3, 2), D.Beta(1.0, t([1.0, 2.0])).expand((3, 2)).batch_shape == (3, 2)',
    'D.Gumbel(0.0, 1.0).expand((2,)).sample(), D.Independent(D.Normal(t([0.0, 1.0]), 1.0), 1).expand((3,)).sample().shape == (3, 2)',
    'D.Normal(0.0, 1.0).icdf(t(0.3)), D.Laplace(0.0, 1.0).icdf(t(0.3)), D.Cauchy(0.0, 1.0).icdf(t(0.3)), D.Exponential(2.0).icdf(t(0.3))',
    'D.HalfNormal(1.0).icdf(t(0.3)), D.LogNormal(0.0, 1.0).cdf(t(0.3)), D.Gumbel(0.0, 1.0).icdf(t(0.3)), D.Weibull(1.0, 2.0).icdf(t(0.3))',
    'D.Binomial(3, t([0.5, 0.2])).enumerate_support()', 'D.OneHotCategorical(t([0.5, 0.2])).enumerate_support()',
    'torch.poisson(t([1.0, -1.0]))', 'torch.poisson(t([1, 2]))',
    'D.Gamma(t([0.3, 2.0, 40.0]), 1.0).sample((4,)), D.Beta(0.3, 2.0).sample((4,)), torch.rand(2)',
    'D.ExpTransform() == D.ExpTransform(), D.AffineTransform(0, 1) == D.AffineTransform(0, 2), repr(D.ExpTransform().inv)',
], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
