"""Adafactor."""
import math

from .._backend import Tensor, _C
from .._constants import finfo
from ._composed import ComposedOptimizer


class Adafactor(ComposedOptimizer):
    """Steps relative to a parameter's size, over second moments of which a matrix keeps the rows' and columns' only (Shazeer and
    Stern, 2018). eps: under the second moments (None: the dtype's) and under the parameter's size; d: the largest update's size."""

    def __init__(self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *, foreach=None, maximize=False):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError('Tensor lr must be 1-element')
        for good, text in ((0 <= lr, f'Learning rate should be >= 0 but is: {lr}'),
                           (beta2_decay <= 0, f'beta2_decay should be <= 0 but is: {beta2_decay}'),
                           (eps[0] is None or 0 <= eps[0], f'epsilon1 should be >= 0 but is: {eps[0]}'),
                           (0 <= eps[1], f'epsilon2 should be >= 0 but is: {eps[1]}'),
                           (1 <= d, f'Clipping threshold d should be >= 1 but is: {d}'),
                           (0 <= weight_decay, f'weight_decay should be >= 0 but is: {weight_decay}')):
            if not good:
                raise ValueError(text)
        super().__init__(params, dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay, foreach=foreach,
                                      maximize=maximize))

    def _start(self, group, p, state):
        shape = list(p.shape)
        if len(shape) > 1:
            state['row_var'] = p.grad.new_zeros(shape[:-1] + [1])
            state['col_var'] = p.grad.new_zeros(shape[:-2] + [1, shape[-1]])
        else:
            state['variance'] = _C.zeros_like(p.grad)

    def _update(self, group, p, grad, state, step):
        low, eps = group['eps']
        low = finfo(p.dtype).eps if low is None else low
        lr, share = float(group['lr']), step ** group['beta2_decay']
        size = math.sqrt(p.numel())
        alpha = max(eps, p.norm(2).item() / size) * min(lr, 1 / math.sqrt(step))
        if group['weight_decay'] != 0:
            p.mul_(1 - lr * group['weight_decay'])
        if grad.dim() > 1:
            rows, columns = state['row_var'], state['col_var']
            rows.lerp_(grad.norm(2, -1, True).square_().div_(grad.size(-1)), share)
            columns.lerp_(grad.norm(2, -2, True).square_().div_(grad.size(-2)), share)
            moments = (rows @ columns).div_(rows.mean(-2, True).clamp_(min=low))
        else:
            moments = state['variance'].lerp_(grad * grad, share).clone()
        update = moments.clamp_(min=low * low).rsqrt_().mul_(grad)
        p.add_(update, alpha=-alpha / max(1.0, update.norm(2).item() / (size * group['d'])))
