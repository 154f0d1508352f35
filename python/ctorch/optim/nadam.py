"""NAdam."""
from ._composed import ComposedOptimizer, check_betas, check_lr_and_decay, like
from .optimizer import _step_tensor


class NAdam(ComposedOptimizer):
    """Adam with Nesterov's momentum, whose coefficient grows by momentum_decay."""
    _old_keys = (('decoupled_weight_decay', False),)
    _tensor_state = ('step', 'mu_product')

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False, differentiable=False):
        check_lr_and_decay(lr, 0, epsilon_value=eps)
        check_betas(betas)
        check_lr_and_decay(lr, weight_decay)
        if not 0.0 <= momentum_decay:
            raise ValueError(f'Invalid momentum_decay value: {momentum_decay}')
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
                                      decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
                                      capturable=capturable, differentiable=differentiable))

    def _start(self, group, p, state):
        state['mu_product'] = _step_tensor().fill_(1)
        state['exp_avg'] = like(p)
        state['exp_avg_sq'] = like(p)

    def _update(self, group, p, grad, state, step):
        (beta1, beta2), lr, decay = group['betas'], float(group['lr']), group['momentum_decay']
        if group['weight_decay'] != 0:
            if group['decoupled_weight_decay']:
                p.mul_(1 - lr * group['weight_decay'])
            else:
                grad = grad.add(p, alpha=group['weight_decay'])
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * decay)))
        state['mu_product'] *= mu
        product = state['mu_product'].item()
        average, square = state['exp_avg'], state['exp_avg_sq']
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = square.div(1 - beta2 ** step).sqrt().add_(group['eps'])
        p.addcdiv_(grad, denominator, value=(-lr * (1.0 - mu) / (1.0 - product)))
        p.addcdiv_(average, denominator, value=(-lr * mu_next) / (1.0 - product * mu_next))
