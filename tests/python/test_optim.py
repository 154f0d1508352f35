"""Optimizers: parameters and state after a few steps, checkpoints, error texts, compared with PyTorch."""
import copy

from scenario import Scenarios, make_tests
import optim_reference

scenarios = Scenarios('optim')

TRAIN = '''
import math
def data(*shape, dtype=torch.float64, k=1.7):
    n = math.prod(shape)
    return torch.tensor([math.sin(k * i + 0.3) * 1.5 for i in range(n)], dtype=dtype).view(shape)
def make(dtype=torch.float64):
    return [nn.Parameter(data(2, 3, dtype=dtype)), nn.Parameter(data(4, dtype=dtype, k=0.9)), nn.Parameter(data(1, dtype=dtype))]
def train(make_optimizer, steps=5, dtype=torch.float64):
    params = make(dtype)
    opt = make_optimizer(params)
    for i in range(steps):
        opt.zero_grad()
        loss = (params[0] ** 2).sum() * 0.3 + (params[1] * (i + 1)).tanh().sum()   # params[2] has no gradient
        loss.backward()
        opt.step()
    return [params, opt.state_dict()]
O = torch.optim
'''
OPTIONS = [
    'O.SGD(p, lr=0.1)', 'O.SGD(p, 0.1, momentum=0.9)', 'O.SGD(p, 0.1, momentum=0.9, nesterov=True)',
    'O.SGD(p, 0.1, momentum=0.9, dampening=0.3)', 'O.SGD(p, 0.1, weight_decay=0.1)',
    'O.SGD(p, 0.1, momentum=0.5, weight_decay=0.1, maximize=True)', 'O.SGD(p)',
    'O.Adam(p)', 'O.Adam(p, 0.1)', 'O.Adam(p, 0.1, betas=(0.5, 0.7), eps=1e-3)', 'O.Adam(p, 0.1, weight_decay=0.2)',
    'O.Adam(p, 0.1, amsgrad=True)', 'O.Adam(p, 0.1, maximize=True)', 'O.Adam(p, 0.1, foreach=True)',
    'O.Adam(p, 0.1, weight_decay=0.2, decoupled_weight_decay=True)',
    'O.AdamW(p)', 'O.AdamW(p, 0.1, weight_decay=0.5)', 'O.AdamW(p, 0.1, amsgrad=True, maximize=True)',
    'O.RMSprop(p)', 'O.RMSprop(p, 0.1, alpha=0.5, eps=1e-3)', 'O.RMSprop(p, 0.1, momentum=0.9)',
    'O.RMSprop(p, 0.1, centered=True)', 'O.RMSprop(p, 0.1, centered=True, momentum=0.9, weight_decay=0.1)',
    'O.RMSprop(p, 0.1, maximize=True)',
    'O.Adagrad(p)', 'O.Adagrad(p, 0.1, lr_decay=0.1)', 'O.Adagrad(p, 0.1, weight_decay=0.1)',
    'O.Adagrad(p, 0.1, initial_accumulator_value=0.5, eps=1e-3)', 'O.Adagrad(p, 0.1, maximize=True)',
]
scenarios.many('steps', [f'train(lambda p: {o})' for o in OPTIONS], TRAIN)
scenarios.many('steps in float32', [f'train(lambda p: {o}, dtype=torch.float32)' for o in OPTIONS[::3]], TRAIN)
scenarios.many('repr', [f'repr({o})' for o in ('O.SGD(p, 0.1)', 'O.Adam(p)', 'O.AdamW(p)', 'O.RMSprop(p)', 'O.Adagrad(p)',
                                                'O.SGD([{"params": p[:1]}, {"params": p[1:], "lr": 3}], 0.1)')],
               TRAIN + 'p = make()')

scenarios.many('groups', [
    'o = O.SGD([{"params": p[0]}, {"params": p[1:], "lr": 0.5, "momentum": 0.3}], lr=0.1)\n'
    '[{k: v for k, v in g.items() if k != "params"} for g in o.param_groups], o.state_dict()',
    'o = O.SGD(p[:1], lr=0.1)\no.add_param_group({"params": p[1]})\nlen(o.param_groups), o.state_dict()',
    'o = O.SGD([("a", p[0]), ("b", p[1])], 0.1)\no.state_dict()',
    'O.SGD([("a", p[0]), p[1]], 0.1)',
    'O.SGD([], 0.1)', 'O.SGD(p[0], 0.1)', 'O.SGD(p, -1)', 'O.SGD(p, 0.1, momentum=-1)', 'O.SGD(p, 0.1, weight_decay=-1)',
    'O.SGD(p, 0.1, nesterov=True)', 'O.SGD([p[0] * 2], 0.1)', 'O.SGD([3], 0.1)', 'O.SGD([{"params": {p[0]}}], 0.1)',
    'O.SGD([p[0], p[0]], 0.1)', 'O.SGD([{"params": p[0]}, {"params": p[0]}], 0.1)', 'O.SGD(3, 0.1)',
    'o = O.SGD(p, 0.1)\no.add_param_group(3)', 'O.Adam(p, eps=-1)', 'O.Adam(p, betas=(1, 0))', 'O.Adam(p, betas=(0, 1.5))',
    'O.Adam(p, -1.)', 'O.Adam(p, weight_decay=-1)', 'O.RMSprop(p, alpha=-1)', 'O.RMSprop(p, momentum=-1)',
    'O.Adagrad(p, lr_decay=-1)', 'O.Adagrad(p, initial_accumulator_value=-1)', 'O.Adagrad(p, eps=-1)',
    'O.Adagrad(p).state_dict()', 'O.Optimizer(p, {}).step()',
    'o = O.SGD(p, 0.1)\no.load_state_dict({"state": {}, "param_groups": []})',
    'o = O.SGD(p, 0.1)\no.load_state_dict({"state": {}, "param_groups": [{"params": [0]}]})',
    'o = O.SGD(p, 0.1)\n(p[0] ** 2).sum().backward()\no.zero_grad()\np[0].grad',
    'o = O.SGD(p, 0.1)\n(p[0] ** 2).sum().backward()\no.zero_grad(set_to_none=False)\np[0].grad',
    'o = O.SGD(p, 0.1)\ndef c():\n  o.zero_grad()\n  l = (p[0] ** 2).sum()\n  l.backward()\n  return l\no.step(c), p[0]',
    'log = []\no = O.SGD(p, 0.1)\nh = o.register_step_pre_hook(lambda *a: log.append(1))\n'
    'o.register_step_post_hook(lambda *a: log.append(2))\no.step()\nh.remove()\no.step()\nlog',
    'O.SGD(p, torch.tensor(0.1)).param_groups[0]["lr"]',
    'o = O.SGD(p, 0.1)\no.param_groups[0]["lr"] = 5\n(p[2] * 2).sum().backward()\no.step()\np[2]',
    'len(O.SGD(nn.Linear(2, 2).parameters(), 0.1).param_groups[0]["params"])',
    'O.SGD(nn.Linear(2, 2).named_parameters(), 0.1).param_groups[0]["param_names"]',
], TRAIN + 'p = make()')

CHECKPOINT = TRAIN + '''
def resumed(make_optimizer):
    p = make()
    o = make_optimizer(p)
    def step(p, o):
        o.zero_grad(); ((p[0] ** 2).sum() + p[1].sin().sum()).backward(); o.step()
    step(p, o); step(p, o)
    import copy
    q = [nn.Parameter(x.detach().clone()) for x in p]
    r = make_optimizer(q)
    r.load_state_dict(copy.deepcopy(o.state_dict()))
    step(p, o); step(q, r)
    return [[(a - b).abs().max().item() for a, b in zip(p, q)], r.state_dict()]
'''
scenarios.many('resumed', [f'resumed(lambda p: {o})' for o in (
    'O.SGD(p, 0.1, momentum=0.9)', 'O.Adam(p, 0.1)', 'O.AdamW(p, 0.1)', 'O.RMSprop(p, 0.1, momentum=0.1)',
    'O.Adagrad(p, 0.1)')], CHECKPOINT)

LR = TRAIN + '''
S = torch.optim.lr_scheduler
def rates(make_schedule, n=12, opt=None, **arguments):
    o = (opt or (lambda p: O.SGD([{"params": p[0]}, {"params": p[1], "lr": 0.05}], lr=0.1, momentum=0.9)))(make())
    s = make_schedule(o)
    got = [[g["lr"] for g in o.param_groups]]
    for i in range(n):
        o.step()
        s.step(**{k: v(i) for k, v in arguments.items()})
        got.append([g["lr"] for g in o.param_groups] + [g.get("momentum", g.get("betas")) for g in o.param_groups[:1]])
    return [got, s.get_last_lr(), s.last_epoch, sorted(s.state_dict())]
'''
SCHEDULES = [
    'S.StepLR(o, 3)', 'S.StepLR(o, 2, 0.5)', 'S.MultiStepLR(o, [2, 5, 5])', 'S.MultiStepLR(o, [1, 9], 0.5)',
    'S.ExponentialLR(o, 0.9)', 'S.CosineAnnealingLR(o, 10)', 'S.CosineAnnealingLR(o, 4, 0.01)',
    'S.LambdaLR(o, lambda e: 0.9 ** e)', 'S.LambdaLR(o, [lambda e: 1 / (e + 1), lambda e: 2.])',
    'S.MultiplicativeLR(o, lambda e: 0.8)', 'S.LinearLR(o)', 'S.LinearLR(o, 0.5, 0.1, 4)', 'S.ConstantLR(o)',
    'S.ConstantLR(o, 0.5, 2)', 'S.PolynomialLR(o)', 'S.PolynomialLR(o, 8, 2.)', 'S.CosineAnnealingWarmRestarts(o, 3)',
    'S.CosineAnnealingWarmRestarts(o, 2, 2, 0.01)', 'S.OneCycleLR(o, 1., 13)',
    'S.OneCycleLR(o, 1., epochs=4, steps_per_epoch=5, anneal_strategy="linear", three_phase=True)',
    'S.CyclicLR(o, 0.1, 1., 4)', 'S.CyclicLR(o, 0.1, 1., 3, 2, mode="triangular2")',
    'S.CyclicLR(o, 0.1, 1., 3, mode="exp_range", gamma=0.9)',
    'S.SequentialLR(o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)], [4])',
    'S.SequentialLR(o, [S.LinearLR(o), S.CosineAnnealingLR(o, 5), S.StepLR(o, 2)], [3, 7])',
    'S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)])',
]
scenarios.many('schedule', [f'rates(lambda o: {s})' for s in SCHEDULES if 'Chained' not in s], LR)
scenarios.many('schedule', [
    'rates(lambda o: S.OneCycleLR(o, 1., 13), opt=lambda p: O.Adam(p))',
    'rates(lambda o: S.ReduceLROnPlateau(o, patience=1), metrics=lambda i: max(1., 3. - i))',
    'rates(lambda o: S.ReduceLROnPlateau(o, "max", 0.5, 2, cooldown=1, min_lr=[0.01, 0.02]), metrics=lambda i: 1.)',
    'rates(lambda o: S.ReduceLROnPlateau(o, threshold_mode="abs", threshold=.5, patience=0), metrics=lambda i: 5 - .3 * i)',
    'o = O.SGD(make(), 0.1)\ns = S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)])\nr = []\n'
    'for i in range(6): o.step(); s.step(); r.append(s.get_last_lr())\nr',
    'o = O.SGD(make(), 0.1)\ns = S.StepLR(o, 2)\ns.step()\ns.get_last_lr()',
    'o = O.SGD(make(), 0.1)\ns = S.StepLR(o, 2)\ns.get_lr()',
    'o = O.SGD(make(), 0.1)\ns = S.StepLR(o, 2)\no.step()\ns.step(5)\no.param_groups[0]["lr"]',
    'o = O.SGD(make(), 0.1)\ns = S.ExponentialLR(o, .5)\nfor i in range(3): o.step(); s.step()\n'
    't = S.ExponentialLR(o, .1)\nt.load_state_dict(s.state_dict())\no.step(); t.step()\no.param_groups[0]["lr"], t.gamma',
    'o = O.SGD(make(), 0.1)\nS.StepLR(o, 2, last_epoch=3)', 'S.StepLR(3, 2)', 'S.LinearLR(O.SGD(make(), 0.1), 2.)',
    'S.ConstantLR(O.SGD(make(), 0.1), 2.)', 'S.ReduceLROnPlateau(O.SGD(make(), 0.1), "foo")',
    'S.ReduceLROnPlateau(O.SGD(make(), 0.1), factor=2.)', 'S.OneCycleLR(O.SGD(make(), 0.1), 1.)',
    'S.OneCycleLR(O.Adagrad(make(), 0.1), 1., 10)', 'S.CosineAnnealingWarmRestarts(O.SGD(make(), 0.1), 0)',
    'S.SequentialLR(O.SGD(make(), 0.1), [], [])', 'S.LambdaLR(O.SGD(make(), 0.1), [1, 2])',
    'o = O.SGD(make(), 0.1)\nS.StepLR(o, 2)\no.param_groups[0]["initial_lr"]',
    'o = O.SGD(make(), torch.tensor(0.1))\ns = S.ExponentialLR(o, .5)\no.step(); s.step()\no.param_groups[0]["lr"]',
], LR)

test_golden, test_golden_is_pytorch = make_tests(scenarios)


def test_c_steps_equal_the_reference_to_the_last_bits():
    import ctorch as torch
    from ctorch.optim import _steps

    def numbers(n, k):
        torch.manual_seed(k)
        return torch.rand(n, dtype=torch.float64) * 2 - 1
    cases = [
        ('sgd_step', [[None, None]], (0.1, 0.0, 0.0, 0.0, False, False)),
        ('sgd_step', [[None, None]], (0.1, 0.9, 0.1, 0.01, False, True)),
        ('sgd_step', [[None, None]], (0.1, 0.9, 0.0, 0.01, True, False)),
        ('adam_step', 'vv[s', (0.1, 0.9, 0.999, 1e-8, 0.01, False, False, False)),
        ('adam_step', 'vvvs', (0.1, 0.6, 0.99, 1e-8, 0.01, True, True, True)),
        ('rmsprop_step', 'v[[s', (0.1, 0.9, 1e-8, 0.01, 0.0, False, False)),
        ('rmsprop_step', 'vvvs', (0.1, 0.9, 1e-8, 0.01, 0.9, True, True)),
        ('adagrad_step', 'vs', (0.1, 0.1, 0.01, 1e-8, False)),
    ]
    for dtype in (torch.float64, torch.float32):
        for name, kinds, options in cases:
            results = []
            for module in (_steps, optim_reference):
                params = [numbers(37, 1).to(dtype), numbers(5, 2).to(dtype)]
                state = [list(k) if isinstance(k, list) else
                         [torch.zeros(37, dtype=dtype), torch.zeros(5, dtype=dtype)] if k == 'v' else
                         [torch.tensor(0.0), torch.tensor(0.0)] if k == 's' else [] for k in kinds]
                for i in range(4):
                    grads = [numbers(37, 3 + i).to(dtype), numbers(5, 9 + i).to(dtype)]
                    kept = copy.deepcopy(grads)
                    getattr(module, name)(params, grads, *state, *options)
                    assert all(bool((a == b).all()) for a, b in zip(grads, kept)), name
                results.append([p.tolist() for p in params]
                               + [[t if t is None else t.tolist() for t in s] for s in state])
            eps = 1e-13 if dtype == torch.float64 else 2e-6
            from scenario import same
            assert same(results[0], results[1], rtol=eps, atol=eps), (name, options, dtype)
