"""The Python side of autograd: custom functions in both forms, grad, modes, gradcheck, compared with PyTorch."""
import pytest

from scenario import Scenarios, make_tests

scenarios = Scenarios('autograd_python')

FN = '''
Function, Variable, grad = torch.autograd.Function, torch.autograd.Variable, torch.autograd.grad
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y
    @staticmethod
    def backward(ctx, g):
        y, = ctx.saved_tensors
        return g * y
class MulC(Function):
    @staticmethod
    def forward(ctx, x, c, y):
        ctx.c = c
        ctx.save_for_backward(x, y)
        return x * c, y * c
    @staticmethod
    def backward(ctx, gx, gy):
        return gx * ctx.c, None, gy * ctx.c
class Setup(Function):
    @staticmethod
    def forward(x): return x * 3
    @staticmethod
    def setup_context(ctx, inputs, output): ctx.save_for_backward(inputs[0])
    @staticmethod
    def backward(ctx, g): return g * 3 + 0 * ctx.saved_tensors[0]
x = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
'''
scenarios.many('function', [
    'Exp.apply(x)', 'Exp.apply(x).sum().backward()\nx.grad', 'Exp.apply(x).grad_fn.name()',
    'Exp.apply(x).requires_grad, Exp.apply(x).is_leaf, Exp.apply(x.detach()).requires_grad',
    'a, b = MulC.apply(x, 3., x)\n(a.sum() + 2 * b.sum()).backward()\nx.grad',
    'a, b = MulC.apply(x, 3., x.detach())\na.sum().backward()\nx.grad',
    'a, b = MulC.apply(x, 3., x)\na.sum().backward()\nx.grad',
    'Setup.apply(x).sum().backward()\nx.grad',
    'gradcheck(Exp.apply, (x,)), gradgradcheck(Exp.apply, (x,))',
    'gradcheck(lambda t: MulC.apply(t, 2., t * t), (x,))',
    'y = Exp.apply(x).sum()\ny.backward()\ny.backward()',
    'y = Exp.apply(x).sum()\ny.backward(retain_graph=True)\ny.backward()\nx.grad',
    'g, = grad(Exp.apply(x).sum(), x, create_graph=True)\ngrad(g.sum(), x)',
    'with torch.no_grad(): y = Exp.apply(x)\ny.requires_grad',
    'class Bad(Function):\n  @staticmethod\n  def forward(ctx, x): return x * 1\n  @staticmethod\n'
    '  def backward(ctx, g): return g, g\nBad.apply(x).sum().backward()',
    'class Bad(Function):\n  @staticmethod\n  def forward(ctx, x, y): return x * 1\n  @staticmethod\n'
    '  def backward(ctx, g): return g\nBad.apply(x, x).sum().backward()',
    'class Id(Function):\n  @staticmethod\n  def forward(ctx, x): return x\n  @staticmethod\n'
    '  def backward(ctx, g): return g * 5\ny = Id.apply(x)\ny.sum().backward()\n(y is x, x.grad)',
    'class Tail(Function):\n  @staticmethod\n  def forward(ctx, x, n): return x * n\n  @staticmethod\n'
    '  def backward(ctx, g): return g, None, None\nTail.apply(x, 2).sum().backward()\nx.grad',
    'class Inp(Function):\n  @staticmethod\n  def forward(ctx, x):\n    ctx.mark_dirty(x)\n    return x.mul_(2)\n'
    '  @staticmethod\n  def backward(ctx, g): return g * 2\ny = x * 1\nz = Inp.apply(y)\nz.sum().backward()\n'
    '(z is y, x.grad, y)',
    'class Nd(Function):\n  @staticmethod\n  def forward(ctx, x):\n    i = x.sign()\n    ctx.mark_non_differentiable(i)\n'
    '    return x * 2, i\n  @staticmethod\n  def backward(ctx, g, gi): return g * 2 + gi\n'
    'y, i = Nd.apply(x)\ny.sum().backward()\n(i.requires_grad, x.grad)',
    'class NoMat(Function):\n  @staticmethod\n  def forward(ctx, x):\n    ctx.set_materialize_grads(False)\n'
    '    return x * 2, x * 3\n  @staticmethod\n  def backward(ctx, a, b):\n    assert b is None\n    return a * 2\n'
    'NoMat.apply(x)[0].sum().backward()\nx.grad',
    'log = []\nclass Needs(Function):\n  @staticmethod\n  def forward(ctx, x, y):\n    log.append(ctx.needs_input_grad)\n'
    '    return x * y\n  @staticmethod\n  def backward(ctx, g):\n    log.append(ctx.needs_input_grad)\n'
    '    return g, None\nNeeds.apply(x, x.detach()).sum().backward()\nlog',
    'class F0(Function): pass\nF0.apply(x)',
    'class F1(Function):\n  @staticmethod\n  def forward(ctx, x): return x * 2\nF1.apply(x).sum().backward()',
    'class Sv(Function):\n  @staticmethod\n  def forward(ctx, x):\n    ctx.save_for_backward(3)\n    return x * 2\n'
    '  @staticmethod\n  def backward(ctx, g): return g\nSv.apply(x)',
    'class Ret(Function):\n  @staticmethod\n  def forward(ctx, x): return 3\n  @staticmethod\n'
    '  def backward(ctx, g): return g\nRet.apply(x)',
    'once_differentiable = torch.autograd.function.once_differentiable\nclass Od(Function):\n  @staticmethod\n'
    '  def forward(ctx, x): return x * 2\n  @staticmethod\n  @once_differentiable\n  def backward(ctx, g): return g * 2\n'
    'g, = grad(Od.apply(x).sum(), x, create_graph=False)\ng',
    'y = x * 2\nt = y * 1\nz = Exp.apply(t)\nz.add_(1)\nz.sum().backward()',
], FN)

scenarios.many('grad', [
    'grad((x ** 2).sum(), x)', 'grad(x ** 2, x, torch.ones(2, dtype=x.dtype))', 'grad(x ** 2, x)',
    'grad([x.sum(), (x ** 2).sum()], [x])', 'y = torch.ones(1, requires_grad=True)\ngrad(x.sum(), [x, y])',
    'y = torch.ones(1, requires_grad=True)\ngrad(x.sum(), [x, y], allow_unused=True)',
    'y = torch.ones(1, requires_grad=True)\ngrad(x.sum(), [x, y], materialize_grads=True)',
    'grad(x ** 2, x, torch.ones(3))', 'grad(x.detach().sum(), x)', 'grad((x ** 2).sum(), x, create_graph=True)[0].requires_grad',
    'torch.autograd.backward([x.sum(), (x * 2).sum()])\nx.grad',
    'torch.autograd.backward(x * 2, torch.ones(2, dtype=x.dtype))\nx.grad',
    'torch.autograd.backward(x.sum(), inputs=[])', 'torch.autograd.backward((x * 2).sum(), inputs=[x])\nx.grad',
    'torch.autograd.backward(x * 2, 3)',
    'y = x * 2\ntorch.autograd.backward(y.sum(), inputs=y)\ny.grad, x.grad',
    'gradcheck(lambda t: t.detach() * 1, (x,))',
    'gradcheck(lambda t: (t * t).sum(), (x,)), gradcheck(lambda t: t.clone(), x)',
    'gradcheck(lambda t: t * 2, (x.detach(),))',
    'class Wrong(Function):\n  @staticmethod\n  def forward(ctx, x): return x * 2\n  @staticmethod\n'
    '  def backward(ctx, g): return g * 3\ngradcheck(Wrong.apply, (x,), raise_exception=False)',
    'gradgradcheck(lambda t: t ** 3, (x,))',
    'torch.autograd.functional.jacobian(lambda t: t ** 2, x)',
    'torch.autograd.functional.hessian(lambda t: (t ** 3).sum(), x)',
    'torch.autograd.functional.vjp(lambda t: t ** 2, x, torch.ones(2, dtype=x.dtype))',
], FN)

scenarios.many('modes', [
    'with torch.no_grad(): r = (x * 2).requires_grad, torch.is_grad_enabled()\nr, torch.is_grad_enabled()',
    'with torch.no_grad():\n  with torch.enable_grad(): r = (x * 2).requires_grad\nr',
    'with torch.set_grad_enabled(False): r = (x * 2).requires_grad\nr, (x * 2).requires_grad',
    'torch.set_grad_enabled(False)\nr = torch.is_grad_enabled()\ntorch.set_grad_enabled(True)\nr',
    'with torch.inference_mode(): r = (x * 2).requires_grad\nr',
    'with torch.inference_mode(False): r = (x * 2).requires_grad\nr',
    '@torch.no_grad()\ndef f(): return (x * 2).requires_grad\nf(), f.__name__',
    '@torch.no_grad\ndef f(): return (x * 2).requires_grad\nf()',
    '@torch.enable_grad()\ndef f(): return (x * 2).requires_grad\nwith torch.no_grad(): r = f()\nr',
    '@torch.inference_mode()\ndef f(): return (x * 2).requires_grad\nf()',
    '@torch.set_grad_enabled(False)\ndef f(): return (x * 2).requires_grad\nf(), torch.is_grad_enabled()',
    '@torch.no_grad()\ndef g():\n  yield torch.is_grad_enabled()\n  yield torch.is_grad_enabled()\n'
    'r = []\nfor v in g(): r += [v, torch.is_grad_enabled()]\nr',
    'try:\n  with torch.no_grad(): raise ValueError\nexcept ValueError: pass\ntorch.is_grad_enabled()',
    'repr(torch.set_grad_enabled(True))',
], FN)

scenarios.many('variable', [
    'Variable(torch.ones(2))', 'Variable(torch.ones(2), requires_grad=True)', 'isinstance(x, Variable)',
    'isinstance(3, Variable)', 'Variable(torch.ones(2), volatile=True)', 'Variable(3)', 'Variable()',
    't = torch.ones(2)\nv = Variable(t)\nt.add_(1)\nv', 'Variable(x).requires_grad', 'type(Variable(torch.ones(1))).__name__',
], FN)

test_golden, test_golden_is_pytorch = make_tests(scenarios)


def legacy_functions(torch):
    class Square(torch.autograd.Function):
        def forward(self, x):
            self.save_for_backward(x)
            return x * x

        def backward(self, g):
            x, = self.saved_tensors
            return 2 * x * g

    class Scale(torch.autograd.Function):
        def __init__(self, k):
            super().__init__()
            self.k = k

        def forward(self, x, y):
            return x * self.k + y

        def backward(self, g):
            return g * self.k, g
    return Square, Scale


def test_functions_in_the_form_of_0_1_12():
    import ctorch as torch
    Square, Scale = legacy_functions(torch)
    x = torch.tensor([1., 2., 3.], requires_grad=True)
    y = Square()(x)
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2., 4., 6.]
    x.grad = None
    Scale(3)(x, x).sum().backward()
    assert x.grad.tolist() == [4., 4., 4.]


def test_function_called_as_static_needs_apply():
    import ctorch as torch

    class New(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

    with pytest.raises(RuntimeError, match='Legacy autograd function'):
        New()(torch.ones(1))


def test_compat_switch():
    import ctorch as torch
    net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
    net[0](torch.ones(1, 2)).sum().backward()
    with torch.compat('0.1.12'):
        assert repr(net) == 'Sequential (\n  (0): Linear (2 -> 1)\n  (1): ReLU ()\n)'
        net.zero_grad()
        assert net[0].bias.grad.tolist() == [0.0]
        assert repr(torch.nn.MaxPool2d(2)) == 'MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1))'
        assert repr(torch.nn.Conv2d(1, 6, 5)) == 'Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))'
        assert repr(torch.nn.Dropout(0.5)) == 'Dropout (p = 0.5)'
        assert repr(torch.nn.BatchNorm2d(6)) == 'BatchNorm2d(6, eps=1e-05, momentum=0.1, affine=True)'
    net.zero_grad()
    assert net[0].bias.grad is None
    with pytest.raises(ValueError):
        torch.compat('0.2')
