"""SGD."""
from ._steps import sgd_step
from .optimizer import Optimizer, _check, _check_fused, _check_lr, _check_step_options


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, dampening, Nesterov momentum and weight decay."""

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):
        _check_lr(lr)
        _check(momentum, 'momentum value')
        _check(weight_decay, 'weight_decay value')
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError('Nesterov momentum requires a momentum and zero dampening')
        super().__init__(params, dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused))
        _check_fused(fused, foreach, differentiable)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault('nesterov', False)
            group.setdefault('maximize', False)
            group.setdefault('foreach', None)
            group.setdefault('differentiable', False)
            group.setdefault('fused', False)

    def step(self, closure=None):
        """One step on the gradients that are there; closure, if given, is called first and its value returned."""
        loss = self._closure(closure)
        state = self.state
        for group in self.param_groups:
            if group.get('differentiable') or group.get('capturable'):
                _check_step_options(group)
            params = [p for p in group['params'] if p.grad is not None]
            grads = [p.grad for p in params]
            momentum = group['momentum']
            if momentum == 0:
                sgd_step(params, grads, [None] * len(params), float(group['lr']), 0.0, 0.0,
                         float(group['weight_decay']), False, group['maximize'])
                continue
            bufs = [state[p].get('momentum_buffer') for p in params]
            new = any(b is None for b in bufs)
            sgd_step(params, grads, bufs, float(group['lr']), float(momentum), float(group['dampening']),
                     float(group['weight_decay']), group['nesterov'], group['maximize'])
            if new:
                for p, buf in zip(params, bufs):
                    state[p]['momentum_buffer'] = buf
        return loss
