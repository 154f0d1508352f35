"""torch.nn.utils: weight_norm, spectral_norm, parametrize, prune, fusion: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('nn_utils')

SETUP = GRADS + '''
import copy
from importlib import import_module
U = torch.nn.utils
P, Z, R = (import_module(torch.__name__ + '.nn.utils.' + n) for n in ('parametrizations', 'parametrize', 'prune'))
def layer(m=None):
    m = (nn.Linear(3, 2) if m is None else m).double()
    with torch.no_grad():
        for k, p in enumerate(m.parameters()):
            p.copy_(data(*p.shape) * (1 + 0.3 * k))
    return m
def used(m, x=None, steps=2):
    """Output, gradients, state after passes through m."""
    x = data(4, 3) if x is None else x
    for i in range(steps):
        m.zero_grad()
        y = m(x)
        (y * y).sum().backward()
    return y, [(n, p.grad) for n, p in m.named_parameters()], list(m.state_dict().items())
class Square(nn.Module):
    def forward(self, x):
        return x * x
    def right_inverse(self, x):
        return x.abs().sqrt()
class Double(nn.Module):
    def forward(self, x):
        return x * 2
class Wide(nn.Module):
    def forward(self, x):
        return torch.cat([x, x])
'''
X = ', data(2, 3, 5, 5)'
scenarios.many('weight_norm', [
    'used(U.weight_norm(layer()))', 'used(U.weight_norm(layer(), dim=None))', 'used(U.weight_norm(layer(), dim=1))',
    'used(U.remove_weight_norm(U.weight_norm(layer())))', 'U.remove_weight_norm(layer())',
    'U.weight_norm(U.weight_norm(layer()), "weight_g")\n1',
    'used(U.weight_norm(layer(nn.Conv2d(3, 2, 3)))' + X + ')', 'used(P.weight_norm(layer()))', 'used(P.weight_norm(layer(), dim=None))',
    'used(P.weight_norm(layer(nn.Conv2d(3, 2, 3)))' + X + ')', 'used(Z.remove_parametrizations(P.weight_norm(layer()), "weight"))',
    'used(P.weight_norm(layer(), "bias"))'], SETUP)
scenarios.many('spectral_norm', [
    'used(U.spectral_norm(layer()))', 'used(U.spectral_norm(layer(), n_power_iterations=3).eval())',
    'U.spectral_norm(layer(), n_power_iterations=0)',
    'used(U.remove_spectral_norm(U.spectral_norm(layer())))', 'U.remove_spectral_norm(layer())',
    'used(U.spectral_norm(layer(nn.ConvTranspose2d(3, 2, 3)))' + X + ')', 'used(U.spectral_norm(layer(nn.Conv2d(3, 2, 3)))' + X + ')',
    'used(P.spectral_norm(layer()))', 'used(P.spectral_norm(layer()).eval())', 'used(P.spectral_norm(layer(), "bias"))',
    'used(P.spectral_norm(layer(nn.ConvTranspose2d(3, 2, 3)))' + X + ')', 'P.spectral_norm(layer(), dim=3)',
    'P.spectral_norm(layer(), "x")',
    'P.spectral_norm(layer(), n_power_iterations=-1)'], SETUP)
scenarios.many('parametrize', [
    'used(Z.register_parametrization(layer(), "weight", Square()))', 'used(Z.register_parametrization(layer(), "weight", Double()))',
    'm = Z.register_parametrization(Z.register_parametrization(layer(), "weight", Square()), "weight", Double())\nused(m), str(m)',
    'm = Z.register_parametrization(layer(), "weight", Square())\nm.weight = torch.ones(2, 3).double() * 4\n'
    'm.weight, list(m.state_dict().items())',
    'm = Z.register_parametrization(layer(), "weight", Double())\nm.weight = torch.ones(2, 3).double()\n1',
    'm = Z.register_parametrization(layer(), "weight", Square())\nc = copy.deepcopy(m)\nused(c), type(c).__name__, c.weight is m.weight',
    'm = Z.register_parametrization(layer(), "weight", Square())\n'
    'Z.is_parametrized(m), Z.is_parametrized(m, "weight"), Z.is_parametrized(m, "bias")',
    'm = Z.register_parametrization(layer(), "weight", Square())\nZ.remove_parametrizations(m, "weight", False)\nused(m), type(m).__name__',
    'm = Z.register_parametrization(layer(), "weight", Square())\nZ.remove_parametrizations(m, "weight")\nused(m), type(m) is nn.Linear',
    'm = Z.register_parametrization(layer(), "weight", Square())\nwith Z.cached():\n    a = m.weight is m.weight\na, m.weight is m.weight',
    'Z.register_parametrization(layer(), "weight", Wide())',
    'Z.register_parametrization(layer(), "weight", Wide(), unsafe=True).weight',
    'Z.register_parametrization(layer(), "x", Double())', 'Z.remove_parametrizations(layer(), "weight")',
    'import pickle\npickle.dumps(Z.register_parametrization(layer(), "weight", Square()))',
    'Z.type_before_parametrizations(P.weight_norm(layer())) is nn.Linear',
    'Z.remove_parametrizations(P.weight_norm(layer()), "weight", leave_parametrized=False)'], SETUP)
scenarios.many('prune', [
    'used(R.l1_unstructured(layer(), "weight", 2))', 'used(R.l1_unstructured(layer(), "weight", 0.5))',
    'used(R.random_unstructured(layer(), "weight", 3))',
    'used(R.ln_structured(layer(), "weight", 1, 2, 1))', 'used(R.ln_structured(layer(), "weight", 0.5, 1, 0))',
    'used(R.custom_from_mask(layer(), "bias", torch.tensor([1, 0])))', 'used(R.identity(layer(), "weight"))',
    'm = R.l1_unstructured(R.l1_unstructured(layer(), "weight", 2), "weight", 2)\nused(m), R.is_pruned(m)',
    'm = R.l1_unstructured(R.ln_structured(layer(), "weight", 1, 2, 1), "weight", 0.5)\nused(m)',
    'm = R.ln_structured(R.ln_structured(layer(), "weight", 1, 2, 1), "weight", 1, 2, 1)\nused(m)',
    'm = R.remove(R.l1_unstructured(layer(), "weight", 2), "weight")\nused(m), R.is_pruned(m)',
    'm = nn.Sequential(layer(), layer())\nR.global_unstructured([(m[0], "weight"), (m[1], "bias")], R.L1Unstructured, amount=4)\n'
    'list(m.state_dict().items())',
    'R.remove(layer(), "weight")', 'R.l1_unstructured(layer(), "weight", 1.5)', 'R.l1_unstructured(layer(), "weight", -1)',
    'R.l1_unstructured(layer(), "weight", 7)', 'R.l1_unstructured(layer(), "weight", "a")', 'R.ln_structured(layer(), "bias", 1, 2, 0)',
    'R.l1_unstructured(layer(), "weight", 1, importance_scores=-data(2, 3).abs()).weight'], SETUP)
scenarios.many('fusion', [
    'b = layer(nn.BatchNorm2d(2)).eval()\nm = U.fuse_conv_bn_eval(layer(nn.Conv2d(3, 2, 3)).eval(), b)\nused(m' + X + ')',
    'b = layer(nn.BatchNorm1d(2)).eval()\nused(U.fuse_linear_bn_eval(layer().eval(), b))',
    'U.fuse_conv_bn_eval(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))',
    'b = nn.BatchNorm2d(2, affine=False).double().eval()\n'
    'used(U.fuse_conv_bn_eval(layer(nn.ConvTranspose2d(3, 2, 3, bias=False)).eval(), b, True)' + X + ')',
    'm = U.skip_init(nn.Linear, 3, 2)\nm.weight.shape == (2, 3), str(m.weight.device), torch.rand(1)', 'U.skip_init(int, 3)',
    'U.skip_init(nn.ReLU)'], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
