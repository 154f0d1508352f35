"""Adamax."""
from .._backend import _C
from ._composed import ComposedOptimizer, check_betas, check_lr_and_decay, like


class Adamax(ComposedOptimizer):
    """Adam with the largest of the decayed gradients in the place of the root mean square."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):
        check_lr_and_decay(lr, 0, epsilon_value=eps)
        check_betas(betas)
        check_lr_and_decay(lr, weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach,
                                      maximize=maximize, differentiable=differentiable, capturable=capturable))

    def _start(self, group, p, state):
        state['exp_avg'] = like(p)
        state['exp_inf'] = like(p)

    def _update(self, group, p, grad, state, step):
        beta1, beta2 = group['betas']
        if group['weight_decay'] != 0:
            grad = grad.add(p, alpha=group['weight_decay'])
        state['exp_avg'].lerp_(grad, 1 - beta1)
        largest = state['exp_inf']
        largest.copy_(_C.maximum(largest.mul_(beta2), grad.abs().add_(group['eps'])))
        p.addcdiv_(state['exp_avg'], largest, value=-(float(group['lr']) / (1 - beta1 ** step)))
