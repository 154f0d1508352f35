"""Probability distributions: compared with PyTorch."""
from scenario import Scenarios, make_tests

scenarios = Scenarios('distributions')

SETUP = '''
import math
D = torch.distributions
t = torch.tensor
def about(make, *params, value=None, n=(3,)):
    """Everything that can be asked of make(*params), and the gradient of log_prob and entropy."""
    torch.manual_seed(0)
    params = [t(p, dtype=torch.float64, requires_grad=True) for p in params]
    d = make(*params)
    out = [repr(d), d.batch_shape, d.event_shape, d.sample(), d.sample(n), d.mean, d.variance, d.stddev, d.entropy(), d.has_rsample]
    value = d.sample() if value is None else t(value, dtype=torch.float64)
    out.append(d.log_prob(value))
    (d.log_prob(value).sum() * 0.5 + d.entropy().sum()).backward()
    out += [p.grad for p in params]
    if d.has_rsample:
        out.append(d.rsample(n))
    return [list(o) if isinstance(o, torch.Size) else o for o in out]
'''
scenarios.many('about', [f'about({a})' for a in (
    'D.Normal, [0.5, -1.0], [1.0, 2.0]', 'D.Normal, 0.5, 2.0', 'D.Uniform, [0.0, 1.0], [2.0, 1.5]', 'D.Exponential, [0.5, 2.0]',
    'D.Laplace, [0.5, -1.0], [1.0, 2.0]', 'D.LogNormal, [0.5, -1.0], [1.0, 0.5]', 'D.Bernoulli, [0.2, 0.9]',
    'lambda x: D.Bernoulli(logits=x), [0.2, -0.9]', 'D.Geometric, [0.2, 0.9]', 'lambda x: D.Geometric(logits=x), [0.2, -0.9]',
    'D.Categorical, [[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]]', 'lambda x: D.Categorical(logits=x), [0.2, 0.3, -0.5]',
    'D.OneHotCategorical, [[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]]',
    'lambda a, b: D.Independent(D.Normal(a, b), 1), [[0.5, -1.0]], [[1.0, 2.0]]')], SETUP)
scenarios.many('kl', [f'D.kl_divergence({p}, {q})' for p, q in (
    ('D.Normal(0.5, 1.0)', 'D.Normal(t([0.0, 1.0]), 2.0)'), ('D.Uniform(0.0, 1.0)', 'D.Uniform(t([0.0, 0.5]), 2.0)'),
    ('D.Exponential(2.0)', 'D.Exponential(t([1.0, 3.0]))'), ('D.Laplace(0.5, 1.0)', 'D.Laplace(0.0, 2.0)'),
    ('D.Bernoulli(t([0.2, 0.0, 1.0]))', 'D.Bernoulli(t([0.3, 0.5, 0.5]))'), ('D.Geometric(0.2)', 'D.Geometric(0.5)'),
    ('D.Categorical(t([0.2, 0.8, 0.0]))', 'D.Categorical(t([0.5, 0.3, 0.2]))'), ('D.Normal(0.0, 1.0)', 'D.Uniform(0.0, 1.0)'),
    ('D.Categorical(t([0.2, 0.8]))', 'D.Categorical(t([1.0, 0.0]))'), ('D.LogNormal(0.5, 1.0)', 'D.LogNormal(0.0, 2.0)'))], SETUP)
scenarios.many('checks', [
    'D.Normal(0.0, -1.0)', 'D.Uniform(1.0, 0.0)', 'D.Bernoulli(2.0)', 'D.Bernoulli()', 'D.Categorical(t(0.5))',
    'D.Categorical(t([-1.0, 2.0]))',
    'D.Bernoulli(0.5).log_prob(t(0.3))', 'D.Normal(0.0, 1.0).log_prob(0.3)', 'D.Categorical(t([0.5, 0.5])).log_prob(t(2))',
    'D.Normal(t([0.0, 1.0]), 1.0).log_prob(torch.zeros(3))', 'D.Normal(0.0, -1.0, validate_args=False).scale',
    'D.Exponential(1.0).log_prob(t(-1.0))', 'D.Independent(D.Normal(0.0, 1.0), 1)',
    'D.Normal(0.0, 1.0).cdf(t([0.0, 1.0]))', 'D.Categorical(t([0.2, 0.8])).mode, D.Categorical(t([1.0, 1.0])).perplexity()',
    'torch.manual_seed(3)\nD.Categorical(torch.ones(2, 3)).sample((2, 2))',
], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
