"""nn.init and the layers' default initialisation: the same draws in the same order as PyTorch's."""
from scenario import Scenarios, make_tests

scenarios = Scenarios('nn_init')

scenarios.many('init', [
    f'torch.manual_seed(3)\nw = torch.empty{shape}\nr = nn.init.{call}\nr is w, w, torch.rand(1)'
    for shape, call in [
        ((4, 5), 'uniform_(w)'), ((4, 5), 'uniform_(w, -2, 3)'), ((4, 5), 'normal_(w)'), ((3, 2), 'normal_(w, 1, 2)'),
        ((2, 2), 'constant_(w, 0.3)'), ((2, 2), 'ones_(w)'), ((2, 2), 'zeros_(w)'), ((3, 2), 'eye_(w)'),
        ((2, 3, 3), 'dirac_(w)'), ((4, 2, 3, 3), 'dirac_(w, 2)'), ((4, 5), 'xavier_uniform_(w)'),
        ((4, 5), 'xavier_uniform_(w, gain=2)'), ((4, 5), 'xavier_normal_(w)'), ((4, 5, 2), 'xavier_normal_(w, 0.5)'),
        ((4, 5), 'kaiming_uniform_(w)'), ((4, 5), 'kaiming_uniform_(w, nonlinearity="relu")'),
        ((4, 5, 3), 'kaiming_uniform_(w, a=0.2, mode="fan_out")'), ((4, 5), 'kaiming_normal_(w)'),
        ((4, 5), 'kaiming_normal_(w, mode="fan_out", nonlinearity="relu")'), ((4, 5), 'kaiming_normal_(w, nonlinearity="tanh")'),
        ((4, 5), 'trunc_normal_(w)'), ((4, 50), 'trunc_normal_(w, 0, 1, -0.5, 1)'), ((4, 5), 'trunc_normal_(w, std=.02)'),
        ((40, 5), 'trunc_normal_(w, 0, 1, 1, 1.1)'),
        ((4, 3), 'orthogonal_(w)'), ((3, 5), 'orthogonal_(w, gain=2)'), ((2, 3, 2), 'orthogonal_(w)'),
        ((5, 3), 'sparse_(w, 0.4)'),
        ((4,), 'xavier_uniform_(w)'), ((4, 5), 'kaiming_uniform_(w, mode="foo")'), ((4, 5), 'eye_(w[0])'),
        ((4,), 'orthogonal_(w)'), ((4, 5), 'dirac_(w)'), ((0, 5), 'kaiming_uniform_(w)'),
        ((4, 5), 'xavier_uniform(w)'), ((4, 5), 'kaiming_normal(w)'), ((2, 2), 'constant(w, 3)'),
        ((4, 5), 'kaiming_uniform_(w, nonlinearity="foo")'),
    ]])

scenarios.many('gain', [f'nn.init.calculate_gain({a})' for a in (
    '"linear"', '"conv2d"', '"sigmoid"', '"tanh"', '"relu"', '"leaky_relu"', '"leaky_relu", 0.2', '"selu"', '"foo"',
    '"leaky_relu", "x"')])

LAYERS = [
    'nn.Linear(2, 2)', 'nn.Linear(3, 4, bias=False)', 'nn.Linear(3, 4, dtype=torch.float64)', 'nn.Linear(40, 30)',
    'nn.Bilinear(2, 3, 2)', 'nn.Conv1d(2, 3, 2)', 'nn.Conv2d(1, 1, 2)', 'nn.Conv2d(4, 6, 3, groups=2)',
    'nn.Conv2d(2, 2, 2, dtype=torch.float64)', 'nn.ConvTranspose2d(2, 4, 3, groups=2)', 'nn.BatchNorm2d(3)',
    'nn.LayerNorm(3)', 'nn.GroupNorm(2, 4)', 'nn.PReLU(2)', 'nn.Embedding(3, 4)', 'nn.Embedding(3, 4, padding_idx=1)',
    'nn.Embedding(10, 20)', 'nn.Sequential(nn.Linear(2, 3), nn.Conv1d(1, 2, 3), nn.Linear(3, 1))',
]
scenarios.many('default', [f'm = {layer}\nlist(m.state_dict().items()), torch.rand(2)' for layer in LAYERS])


@scenarios
def reset_parameters_draws_again(torch):
    a = torch.nn.Linear(2, 2)
    torch.manual_seed(0)
    a.reset_parameters()
    torch.manual_seed(0)
    b = torch.nn.Linear(2, 2)
    return [bool((a.weight == b.weight).all()), a.weight, a.weight.requires_grad]


@scenarios
def a_generator_of_its_own(torch):
    g = torch.Generator()
    g.manual_seed(5)
    w = torch.empty(3, 2)
    torch.nn.init.normal_(w, generator=g)
    return [w, torch.rand(1)]


test_golden, test_golden_is_pytorch = make_tests(scenarios)
