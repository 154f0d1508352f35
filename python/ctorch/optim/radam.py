"""RAdam."""
from ._composed import ComposedOptimizer, check_betas, check_lr_and_decay, like


class RAdam(ComposedOptimizer):
    """Adam that leaves the root mean square out until its variance is tractable, and is rectified by it afterwards."""
    _old_keys = (('decoupled_weight_decay', False),)

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False):
        check_lr_and_decay(lr, 0, epsilon_value=eps)
        check_betas(betas)
        check_lr_and_decay(lr, weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize,
                                      foreach=foreach, capturable=capturable, decoupled_weight_decay=decoupled_weight_decay,
                                      differentiable=differentiable))

    def _start(self, group, p, state):
        state['exp_avg'] = like(p)
        state['exp_avg_sq'] = like(p)

    def _update(self, group, p, grad, state, step):
        (beta1, beta2), lr = group['betas'], float(group['lr'])
        if group['weight_decay'] != 0:
            if group['decoupled_weight_decay']:
                p.mul_(1 - lr * group['weight_decay'])
            else:
                grad = grad.add(p, alpha=group['weight_decay'])
        average, square = state['exp_avg'], state['exp_avg_sq']
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction2 = 1 - beta2 ** step
        mean = average / (1 - beta1 ** step)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * (beta2 ** step) / correction2
        if length > 5.0:
            rectify = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
            adaptive = correction2 ** 0.5 / square.sqrt().add_(group['eps'])
            p.add_(mean * lr * adaptive * rectify, alpha=-1.0)
        else:
            p.add_(mean * lr, alpha=-1.0)
