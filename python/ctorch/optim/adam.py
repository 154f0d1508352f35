"""Adam and AdamW."""
from .._backend import Tensor
from ._steps import adam_step
from .optimizer import Optimizer, _check, _check_fused, _check_lr, _check_step_options, _step_tensor, _zeros_for


class Adam(Optimizer):
    """Adam; decoupled_weight_decay=True (or AdamW) shrinks the weights instead of adding to the gradient."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError('lr as a Tensor is not supported for capturable=False and foreach=True')
        _check_lr(lr)
        _check(eps, 'epsilon value')
        for i in (0, 1):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f'Invalid beta parameter at index {i}: {betas[i]}')
        _check(weight_decay, 'weight_decay value')
        if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Tensor) for b in betas)):
            raise ValueError('betas must be either both floats or both Tensors')
        for i in (0, 1):
            if isinstance(betas[i], Tensor) and foreach and not capturable:
                raise ValueError(f'betas[{i}] as a Tensor is not supported for capturable=False and foreach=True')
            if isinstance(betas[i], Tensor) and betas[i].numel() != 1:
                raise ValueError(f'Tensor betas[{i}] must be 1-element')
        betas = tuple(b.item() if isinstance(b, Tensor) else b for b in betas)
        _check_fused(fused, foreach, differentiable)
        super().__init__(params, dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize, foreach=foreach,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay))

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault('amsgrad', False)
            group.setdefault('maximize', False)
            group.setdefault('foreach', None)
            group.setdefault('capturable', False)
            group.setdefault('differentiable', False)
            group.setdefault('decoupled_weight_decay', False)
            group.setdefault('fused', None)
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
            amsgrad = group['amsgrad']
            params, grads, averages, squares, largest, steps = [], [], [], [], [], []
            for p in group['params']:
                grad = p.grad
                if grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state['step'] = _step_tensor()
                    state['exp_avg'] = _zeros_for(p)
                    state['exp_avg_sq'] = _zeros_for(p)
                    if amsgrad:
                        state['max_exp_avg_sq'] = _zeros_for(p)
                params.append(p)
                grads.append(grad)
                averages.append(state['exp_avg'])
                squares.append(state['exp_avg_sq'])
                steps.append(state['step'])
                if amsgrad:
                    largest.append(state['max_exp_avg_sq'])
            beta1, beta2 = group['betas']
            adam_step(params, grads, averages, squares, largest, steps, float(group['lr']), float(beta1), float(beta2),
                      float(group['eps']), float(group['weight_decay']), amsgrad, group['maximize'],
                      group['decoupled_weight_decay'])
        return loss


class AdamW(Adam):
    """Adam with decoupled weight decay."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False, foreach=None, capturable=False, differentiable=False, fused=None):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused,
                         decoupled_weight_decay=True)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group['decoupled_weight_decay'] = True
