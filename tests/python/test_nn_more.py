"""Adafactor, Muon, the adaptive softmax and CrossMapLRN2d: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_optim import TRAIN

scenarios = Scenarios('nn_more')

OPTIONS = ['O.Adafactor(p)', 'O.Adafactor(p, 0.1, beta2_decay=-0.5, eps=(1e-5, 1e-2), d=1.5, weight_decay=0.1)',
           'O.Adafactor(p, 0.5, maximize=True, foreach=False)']
scenarios.many('adafactor',
    [f'train(lambda p: {o}, 8)' for o in OPTIONS] + [f'train(lambda p: {o}, dtype=torch.float32)' for o in OPTIONS] + [
    f'p = make()\n{o}' for o in ('repr(O.Adafactor(p))', 'O.Adafactor(p, -1)', 'O.Adafactor(p, beta2_decay=1)',
    'O.Adafactor(p, eps=(-1, 1))',
                                 'O.Adafactor(p, eps=(None, -1))', 'O.Adafactor(p, d=0.5)', 'O.Adafactor(p, weight_decay=-1)')], TRAIN)

MUON = TRAIN + '''
def steps(shape, **options):
    """Parameters after steps, to what bfloat16 keeps, and the momentum."""
    p = nn.Parameter(data(*shape))
    o = O.Muon([p], **options)
    for i in range(4):
        o.zero_grad()
        ((p - 0.3) ** 2).sum().backward()
        o.step()
    return [round(v, 2) + 0.0 for v in p.detach().reshape(-1).tolist()], [*o.state_dict()['state'][0]]
p = make()
'''
scenarios.many('muon', [
    'steps((2, 3))', 'steps((3, 2), lr=0.01, weight_decay=0.0)', 'steps((4, 3), lr=0.02, nesterov=False, momentum=0.5)',
    'steps((4, 3), lr=0.02, adjust_lr_fn="match_rms_adamw")', 'repr(O.Muon(p[:1]))', 'O.Muon(p)', 'O.Muon(p[:1], -1)',
    'O.Muon(p[:1], momentum=-1)',
    'O.Muon(p[:1], adjust_lr_fn="x")', 'steps((2, 2), ns_steps=100)', 'steps((2, 2), ns_coefficients=(1.0, 2.0))'], MUON)

ADAPTIVE = TRAIN + '''
torch.manual_seed(0)
m = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True).double()
t = torch.tensor
def used(x, y):
    x = x.requires_grad_()
    r = m(x, y)
    r.loss.backward()
    return r.output, r.loss, x.grad, [(n, p.grad) for n, p in m.named_parameters()]
'''
scenarios.many('adaptive', [
    'used(data(5, 8), t([0, 2, 5, 11, 7]))', 'used(data(2, 8), t([0, 1]))', 'used(data(8), t(8))',
    'm.log_prob(data(3, 8)), m.predict(data(3, 8))',
    'str(m)', 'm(data(2, 8), t([0, 12]))', 'm(data(2, 8), t([0, -1]))', 'm(data(2, 8), t([0, 1, 2]))', 'm(data(2, 8), t([[0, 1]]))',
    'm(data(2, 8), t(0))',
    'nn.AdaptiveLogSoftmaxWithLoss(8, 12, [7, 3])', 'nn.AdaptiveLogSoftmaxWithLoss(8, 12, [])',
    'nn.AdaptiveLogSoftmaxWithLoss(8, 12, [12])',
    'nn.CrossMapLRN2d(3, 0.5, 0.75, 2.0)(data(2, 6, 2, 2))',
    'nn.CrossMapLRN2d(4, 0.5)(data(1, 5, 1, 2)), str(nn.CrossMapLRN2d(5))', 'nn.CrossMapLRN2d(3)(data(2, 3))'], ADAPTIVE)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
