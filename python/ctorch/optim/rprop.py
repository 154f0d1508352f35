"""Rprop."""
from .._backend import _C
from ._composed import ComposedOptimizer, like
from .optimizer import _check_lr


class Rprop(ComposedOptimizer):
    """Steps by the sign of the gradient alone, each weight with a step size of its own."""

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
                 maximize=False, differentiable=False):
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f'Invalid eta values: {etas[0]}, {etas[1]}')
        super().__init__(params, dict(lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize,
                                      differentiable=differentiable, capturable=capturable))

    def _start(self, group, p, state):
        state['prev'] = like(p)
        state['step_size'] = _C.full_like(p.grad, float(group['lr']), requires_grad=False)

    def _update(self, group, p, grad, state, step):
        shrink, grow = group['etas']
        low, high = group['step_sizes']
        agree = grad * state['prev']
        factor = _C.ones_like(agree).masked_fill_(agree > 0, grow).masked_fill_(agree < 0, shrink)
        state['step_size'].mul_(factor).clamp_(low, high)
        grad = _C.where(agree < 0, _C.zeros_like(grad, requires_grad=False), grad)
        p.addcmul_(grad.sign(), state['step_size'], value=-1)
        state['prev'].copy_(grad)
