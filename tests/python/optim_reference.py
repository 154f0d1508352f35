"""The optimizers' steps as optim/_steps.py describes them, one tensor operation after the other: what the C functions
are compared with. Works on the tensors of either package."""
import math


def _start(p, g, weight_decay, maximize):
    if maximize:
        g = -g
    return g + p.detach() * weight_decay if weight_decay else g


def _set(p, value):
    p.detach().copy_(value)


def sgd_step(params, grads, bufs, lr, momentum, dampening, weight_decay, nesterov, maximize):
    for i, (p, g) in enumerate(zip(params, grads)):
        g = _start(p, g.detach(), weight_decay, maximize)
        if momentum:
            if bufs[i] is None:
                bufs[i] = g.clone()
            else:
                bufs[i].mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(bufs[i], alpha=momentum) if nesterov else bufs[i]
        p.detach().add_(g, alpha=-lr)


def adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2, eps, weight_decay,
              amsgrad, maximize, decoupled_weight_decay):
    for i, (p, g) in enumerate(zip(params, grads)):
        p, g = p.detach(), g.detach()
        steps[i].add_(1)
        step = steps[i].item()
        if decoupled_weight_decay:
            g = _start(p, g, 0, maximize)
            if weight_decay:
                p.mul_(1 - lr * weight_decay)
        else:
            g = _start(p, g, weight_decay, maximize)
        m, v = exp_avgs[i], exp_avg_sqs[i]
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        if amsgrad:
            top = max_exp_avg_sqs[i]
            top.copy_(top.maximum(v))
            v = top
        denom = (v.sqrt() / math.sqrt(1 - beta2 ** step)).add_(eps)
        p.addcdiv_(m, denom, value=-(lr / (1 - beta1 ** step)))


def rmsprop_step(params, grads, square_avgs, grad_avgs, bufs, steps, lr, alpha, eps, weight_decay, momentum, centered,
                 maximize):
    for i, (p, g) in enumerate(zip(params, grads)):
        p = p.detach()
        steps[i].add_(1)
        g = _start(p, g.detach(), weight_decay, maximize)
        v = square_avgs[i]
        v.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        if centered:
            a = grad_avgs[i]
            a.lerp_(g, 1 - alpha)
            avg = v.addcmul(a, a, value=-1).sqrt_()
        else:
            avg = v.sqrt()
        avg.add_(eps)
        if momentum > 0:
            bufs[i].mul_(momentum).addcdiv_(g, avg)
            p.add_(bufs[i], alpha=-lr)
        else:
            p.addcdiv_(g, avg, value=-lr)


def adagrad_step(params, grads, sums, steps, lr, lr_decay, weight_decay, eps, maximize):
    for i, (p, g) in enumerate(zip(params, grads)):
        p = p.detach()
        steps[i].add_(1)
        g = _start(p, g.detach(), weight_decay, maximize)
        clr = lr / (1 + (steps[i].item() - 1) * lr_decay)
        sums[i].addcmul_(g, g, value=1)
        p.addcdiv_(g, sums[i].sqrt().add_(eps), value=-clr)
