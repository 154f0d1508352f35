"""Adadelta."""
from ._composed import ComposedOptimizer, check_lr_and_decay, like


class Adadelta(ComposedOptimizer):
    """Steps as large as past steps were, by running mean squares of gradients and of steps."""

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False, maximize=False,
                 differentiable=False):
        check_lr_and_decay(lr, 0)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f'Invalid rho value: {rho}')
        check_lr_and_decay(lr, weight_decay, epsilon_value=eps)
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize,
                                      capturable=capturable, foreach=foreach, differentiable=differentiable))

    def _start(self, group, p, state):
        state['square_avg'] = like(p)
        state['acc_delta'] = like(p)

    def _update(self, group, p, grad, state, step):
        rho, eps = group['rho'], group['eps']
        if group['weight_decay'] != 0:
            grad = grad.add(p, alpha=group['weight_decay'])
        square, delta = state['square_avg'], state['acc_delta']
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        change = delta.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(grad)
        delta.mul_(rho).addcmul_(change, change, value=1 - rho)
        p.add_(change, alpha=-float(group['lr']))
