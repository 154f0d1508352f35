"""What the optimizers whose steps are composed of tensor ops share: the walk over groups and parameters, outside of the graph."""
from .._backend import Tensor, is_grad_enabled, _set_grad_enabled, _C
from .optimizer import Optimizer, _check_step_options, _step_tensor


class ComposedOptimizer(Optimizer):
    """A subclass defines ``_start(group, p, state)``, which fills the state of a new parameter, and
    ``_update(group, p, grad, state, step)``, which changes parameter and state in place; step counts from 1."""

    _old_keys = ()       # what a loaded group may lack, with its value
    _tensor_state = ('step',)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (('foreach', None), ('maximize', False), ('differentiable', False), ('capturable', False),
                               *self._old_keys):
                group.setdefault(key, value)
            for p in group['params']:
                old = self.state.get(p)
                for key in self._tensor_state if old else ():
                    if not isinstance(old[key], Tensor):
                        old[key] = _step_tensor().fill_(float(old[key]))

    def step(self, closure=None):
        """One step on the gradients that are there; closure, if given, is called first and its value returned."""
        loss = self._closure(closure)
        for group in self.param_groups:
            _check_step_options(group)
        was = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            for group in self.param_groups:
                for p in group['params']:
                    grad = p.grad
                    if grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        state['step'] = _step_tensor()
                        self._start(group, p, state)
                    state['step'] += 1
                    self._update(group, p, -grad if group['maximize'] else grad, state, int(state['step'].item()))
        finally:
            _set_grad_enabled(was)
        return loss


def check_lr_and_decay(lr, weight_decay, **others):
    """ValueError unless lr, weight_decay and the named values are >= 0."""
    from .optimizer import _check, _check_lr
    _check_lr(lr)
    for name, value in others.items():
        _check(value, name.replace('_', ' ') if name == 'epsilon_value' else name)
    _check(weight_decay, 'weight_decay value')


def check_betas(betas):
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f'Invalid beta parameter at index {i}: {betas[i]}')


def like(p):
    """Zeros for a parameter's state."""
    return _C.zeros_like(p, requires_grad=False)
