"""Adagrad."""
from .._backend import Tensor, _C
from ._steps import adagrad_step
from .optimizer import Optimizer, _check, _check_fused, _check_lr, _check_step_options, _step_tensor, _zeros_for


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients so far."""

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
                 foreach=None, *, maximize=False, differentiable=False, fused=None):
        _check_lr(lr)
        _check(lr_decay, 'lr_decay value')
        _check(weight_decay, 'weight_decay value')
        _check(initial_accumulator_value, 'initial_accumulator_value value')
        _check(eps, 'epsilon value')
        super().__init__(params, dict(
            lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize,
            differentiable=differentiable, fused=fused))
        _check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group['params']:
                state = self.state[p]
                state['step'] = _step_tensor()
                state['sum'] = _zeros_for(p).fill_(initial_accumulator_value)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault('foreach', None)
            group.setdefault('maximize', False)
            group.setdefault('differentiable', False)
            group.setdefault('fused', None)
        for old in self.state.values():
            if 'step' in old and not isinstance(old['step'], Tensor):
                old['step'] = _step_tensor().fill_(float(old['step']))

    def share_memory(self):
        """Moves the sums to shared memory."""
        for group in self.param_groups:
            for p in group['params']:
                self.state[p]['sum'].share_memory_()

    def step(self, closure=None):
        """One step on the gradients that are there; closure, if given, is called first and its value returned."""
        loss = self._closure(closure)
        for group in self.param_groups:
            if group.get('differentiable') or group.get('capturable'):
                _check_step_options(group)
            params = [p for p in group['params'] if p.grad is not None]
            states = [self.state[p] for p in params]
            adagrad_step(params, [p.grad for p in params], [s['sum'] for s in states], [s['step'] for s in states],
                         float(group['lr']), float(group['lr_decay']), float(group['weight_decay']),
                         float(group['eps']), group['maximize'])
        return loss
