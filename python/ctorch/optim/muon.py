"""Muon."""
import math

from .._backend import Tensor, _C, is_grad_enabled, _set_grad_enabled
from .optimizer import Optimizer


def _orthogonal(update, coefficients, steps, eps):
    """About U V^T of update = U S V^T, by `steps` of Newton and Schulz's iteration in bfloat16."""
    if steps >= 100:
        raise ValueError('Number of steps must be less than 100 for computational efficiency')
    if update.dim() != 2:
        raise ValueError('Input tensor gradient must be a 2D matrix')
    if len(coefficients) != 3:
        raise ValueError('Coefficients must be a tuple of exactly 3 values')
    a, b, c = coefficients
    x = update.to(_C.bfloat16)
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.t()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        square = x @ x.t()
        x = _C.addmm(x, _C.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal before the step (Jordan and others, 2024); for parameters of two dimensions. adjust_lr_fn:
    'original' (or None) makes steps of tall matrices longer, 'match_rms_adamw' makes all as long as AdamW's."""

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.7750, 2.0315), eps=1e-7,
                 ns_steps=5, adjust_lr_fn=None):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError('Tensor lr must be 1-element')
        for name, value in (('Learning rate', lr), ('momentum', momentum), ('weight decay', weight_decay)):
            if not 0 <= value:
                raise ValueError(f'{name} should be >= 0 but is: {value}')
        if adjust_lr_fn not in (None, 'original', 'match_rms_adamw'):
            raise ValueError(f'Adjust learning rate function {adjust_lr_fn} is not supported')
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
                                      ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn))
        for group in self.param_groups:
            for p in group['params']:
                if p.dim() != 2:
                    raise ValueError(f'Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}')

    def step(self, closure=None):
        """One step on the gradients that are there; closure, if given, is called first and its value returned."""
        loss = self._closure(closure)
        was = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            for group in self.param_groups:
                for p in group['params']:
                    if p.grad is not None:
                        self._update(group, p, p.grad, self.state[p])
        finally:
            _set_grad_enabled(was)
        return loss

    def _update(self, group, p, grad, state):
        if grad.dim() != 2:
            raise ValueError('Param gradient must be a 2D matrix')
        if 'momentum_buffer' not in state:
            state['momentum_buffer'] = _C.zeros_like(grad)
        buffer, lr, momentum = state['momentum_buffer'], float(group['lr']), group['momentum']
        buffer.lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group['nesterov'] else buffer
        update = _orthogonal(update, group['ns_coefficients'], group['ns_steps'], group['eps'])
        rows, columns = p.shape
        p.mul_(1 - lr * group['weight_decay'])
        p.add_(update, alpha=-lr * (0.2 * math.sqrt(max(rows, columns)) if group['adjust_lr_fn'] == 'match_rms_adamw'
                                    else math.sqrt(max(1, rows / columns))))
