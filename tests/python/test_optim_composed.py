"""The optimizers composed of tensor ops, averaged models, and the options that a CPU refuses: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_optim import TRAIN

scenarios = Scenarios('optim_composed')

OPTIONS = [
    'O.Adadelta(p)', 'O.Adadelta(p, 0.5, rho=0.8, eps=1e-3, weight_decay=0.1)', 'O.Adadelta(p, maximize=True, foreach=True)',
    'O.Adamax(p)', 'O.Adamax(p, 0.1, betas=(0.5, 0.7), eps=1e-3, weight_decay=0.1)', 'O.Adamax(p, maximize=True)',
    'O.NAdam(p)', 'O.NAdam(p, 0.1, weight_decay=0.1, momentum_decay=0.1)',
    'O.NAdam(p, 0.1, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)',
    'O.RAdam(p)', 'O.RAdam(p, 0.1, betas=(0.5, 0.7), weight_decay=0.1)',
    'O.RAdam(p, 0.1, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)',
    'O.ASGD(p)', 'O.ASGD(p, 0.1, lambd=0.01, alpha=0.5, t0=2, weight_decay=0.1)', 'O.ASGD(p, maximize=True)',
    'O.Rprop(p)', 'O.Rprop(p, 0.1, etas=(0.4, 1.3), step_sizes=(1e-2, 0.5))', 'O.Rprop(p, maximize=True)',
]
scenarios.many('steps', [f'train(lambda p: {o}, 8)' for o in OPTIONS], TRAIN)
scenarios.many('steps in float32', [f'train(lambda p: {o}, dtype=torch.float32)' for o in OPTIONS[::3]], TRAIN)
scenarios.many('repr', [f'repr({o})' for o in OPTIONS[::3] + ['O.LBFGS(p)']], TRAIN + 'p = make()')
RESUMED = TRAIN + '''
import pickle
def resumed(make_optimizer):
    p = make()
    def steps(o, n):
        for i in range(n):
            o.zero_grad()
            ((p[0] ** 2).sum() + (p[1] * 2).tanh().sum()).backward()
            o.step()
    a = make_optimizer(p, 0.1)
    steps(a, 3)
    b = make_optimizer(p, 0.5)
    b.load_state_dict(a.state_dict())
    steps(b, 2)
    return p, b.state_dict(), repr(pickle.loads(pickle.dumps(b)))
'''
scenarios.many('resumed', [f'resumed(O.{n})' for n in ('Adadelta', 'Adamax', 'NAdam', 'RAdam', 'ASGD', 'Rprop')], RESUMED)

LBFGS = TRAIN + '''
def fit(**options):
    p = make()
    o = O.LBFGS(p[:2], **options)
    def closure():
        o.zero_grad()
        loss = ((p[0] - 0.3) ** 4).sum() + (p[1].exp() - p[1] * 2).sum() + p[0].sum() * p[1].sum() * 0.1
        loss.backward()
        return loss
    return [o.step(closure) for _ in range(3)], p, o.state_dict()['state'][0]['func_evals'], o.state_dict()['state'][0]['n_iter']
'''
scenarios.many('lbfgs', ['fit(max_iter=4)', 'fit(lr=0.5, history_size=2)', 'fit(max_iter=5, line_search_fn="strong_wolfe")',
                         'fit(lr=3., line_search_fn="strong_wolfe", history_size=3)', 'fit(line_search_fn="x")',
                         'O.LBFGS([{"params": make()[0]}, {"params": make()[1]}])', 'O.LBFGS(make(), lr=-1)'], LBFGS)

scenarios.many('refused', [
    'O.SGD(p, 0.1, fused=True, foreach=True)', 'O.SGD(p, 0.1, fused=True, differentiable=True)', 'O.Adam(p, betas=(torch.tensor(.8), .9))',
    'O.Adam(p, torch.tensor(.1), foreach=True)', 'O.Adam(p, capturable=True).step()', 'O.SGD(p, 0.1, differentiable=True).step()',
    'O.Adagrad(p, fused=True, differentiable=True)', 'O.Adadelta(p, rho=2)', 'O.Adadelta(p, -1)', 'O.Adamax(p, eps=-1)',
    'O.NAdam(p, momentum_decay=-1)', 'O.RAdam(p, betas=(1., 0.))', 'O.ASGD(p, weight_decay=-1)', 'O.Rprop(p, etas=(2, 3))',
    'len(O.Adam(p, betas=(torch.tensor(.5), torch.tensor(.75))).defaults["betas"])',
], TRAIN + 'p = make()\nfor q in p: q.grad = q.detach() * 1')

AVERAGE = TRAIN + '''
from importlib import import_module
S = import_module(torch.__name__ + '.optim.swa_utils')
torch.manual_seed(1)
net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
def averaged(**options):
    model = S.AveragedModel(net, **options)
    o = O.SGD(net.parameters(), 0.3)
    for i in range(3):
        o.zero_grad()
        (net(data(4, 3, k=i + 0.5)) ** 2).sum().backward()
        o.step()
        model.update_parameters(net)
    return model.eval()(data(2, 3)), list(model.state_dict().items())
'''
scenarios.many('averages', [
    'averaged()', 'averaged(multi_avg_fn=S.get_ema_multi_avg_fn(0.9))', 'averaged(avg_fn=S.get_ema_avg_fn(0.5), use_buffers=True)',
    'S.get_ema_avg_fn(2)', 'S.update_bn([data(4, 3), data(5, 3, k=0.2)], net)\nlist(net.state_dict().items())',
    'o = O.SGD(net.parameters(), 0.3)\ns = S.SWALR(o, 0.05, 3)\n[(o.step(), s.step(), s.get_last_lr())[2] for _ in range(5)]',
    'o = O.SGD(net.parameters(), 0.3)\ns = S.SWALR(o, [0.05], 4, "linear")\n[(o.step(), s.step(), s.get_last_lr())[2] for _ in range(6)]',
    'S.SWALR(O.SGD(net.parameters(), 0.3), 0.05, 3, "x")',
], AVERAGE)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
