"""ASGD."""
from ._composed import ComposedOptimizer, check_lr_and_decay, like
from .optimizer import _step_tensor


class ASGD(ComposedOptimizer):
    """SGD that keeps, from step t0 on, the average of the parameters in state['ax']."""
    _tensor_state = ('step', 'eta', 'mu')

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None, maximize=False,
                 differentiable=False, capturable=False):
        check_lr_and_decay(lr, weight_decay)
        super().__init__(params, dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach,
                                      maximize=maximize, differentiable=differentiable, capturable=capturable))

    def _start(self, group, p, state):
        state['eta'] = _step_tensor().fill_(float(group['lr']))
        state['mu'] = _step_tensor().fill_(1)
        state['ax'] = like(p)

    def _update(self, group, p, grad, state, step):
        lr, lambd, eta = float(group['lr']), group['lambd'], state['eta'].item()
        if group['weight_decay'] != 0:
            grad = grad.add(p, alpha=group['weight_decay'])
        p.mul_(1 - lambd * eta)
        p.add_(grad, alpha=-eta)
        if state['mu'].item() != 1:
            state['ax'].add_(p.sub(state['ax']).mul_(state['mu']))
        else:
            state['ax'].copy_(p)
        state['eta'].copy_(_step_tensor().fill_(lr / ((1 + lambd * lr * step) ** group['alpha'])))
        state['mu'].copy_(_step_tensor().fill_(1 / max(1, step - group['t0'])))
