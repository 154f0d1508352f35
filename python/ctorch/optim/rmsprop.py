"""RMSprop."""
from .._backend import Tensor
from ._steps import rmsprop_step
from .optimizer import Optimizer, _check, _check_lr, _check_step_options, _step_tensor, _zeros_for


class RMSprop(Optimizer):
    """Divides by a running root mean square of the gradient; centered subtracts its running mean."""

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
                 capturable=False, foreach=None, maximize=False, differentiable=False):
        _check_lr(lr)
        _check(eps, 'epsilon value')
        _check(momentum, 'momentum value')
        _check(weight_decay, 'weight_decay value')
        _check(alpha, 'alpha value')
        super().__init__(params, dict(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
            capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable))

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault('momentum', 0)
            group.setdefault('centered', False)
            group.setdefault('foreach', None)
            group.setdefault('maximize', False)
            group.setdefault('differentiable', False)
            group.setdefault('capturable', False)
            for p in group['params']:
                old = self.state.get(p)
                if old and not isinstance(old['step'], Tensor):
                    old['step'] = _step_tensor().fill_(float(old['step']))

    def step(self, closure=None):
        """One step on the gradients that are there; closure, if given, is called first and its value returned."""
        loss = self._closure(closure)
        for group in self.param_groups:
            if group.get('differentiable') or group.get('capturable'):
                _check_step_options(group)
            momentum, centered = group['momentum'], group['centered']
            params, grads, squares, averages, bufs, steps = [], [], [], [], [], []
            for p in group['params']:
                grad = p.grad
                if grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state['step'] = _step_tensor()
                    state['square_avg'] = _zeros_for(p)
                    if momentum > 0:
                        state['momentum_buffer'] = _zeros_for(p)
                    if centered:
                        state['grad_avg'] = _zeros_for(p)
                params.append(p)
                grads.append(grad)
                squares.append(state['square_avg'])
                steps.append(state['step'])
                if momentum > 0:
                    bufs.append(state['momentum_buffer'])
                if centered:
                    averages.append(state['grad_avg'])
            rmsprop_step(params, grads, squares, averages, bufs, steps, float(group['lr']), float(group['alpha']),
                         float(group['eps']), float(group['weight_decay']), float(momentum), centered,
                         group['maximize'])
        return loss
