"""The optimizers' steps: C functions of ``ctorch._C._optim``, described here.

Each takes Python lists of the same length, one entry a parameter, and changes parameters and state in place, outside of
the graph (whatever the grad mode), bumping the version counters of what it changes. Gradients are never changed.
Numbers are Python floats (doubles); an element's arithmetic is in its dtype (float32 for float16 and bfloat16), with
the numbers rounded to it first, in the order written below; every operation rounds by itself (no fused multiply-add
is needed). ``a + w * (b - a)`` is lerp: for w >= 0.5 it is ``b - (b - a) * (1 - w)``. Parameters and state of one entry
have the same shape and dtype, not always the same strides. They return None.

With maximize, g = -g comes first in each.

sgd_step(params, grads, bufs, lr, momentum, dampening, weight_decay, nesterov, maximize)
    bufs: a list of tensors or None; a None that is needed (momentum != 0) is replaced, in the list, by a new tensor.
    if weight_decay: g = g + weight_decay * p
    if momentum:     buf = g if it is new, else buf * momentum + (1 - dampening) * g
                     g = g + momentum * buf if nesterov else buf
    p = p + (-lr) * g

adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2, eps, weight_decay, amsgrad,
          maximize, decoupled_weight_decay)
    steps: float32 tensors of no dimensions. max_exp_avg_sqs: [] unless amsgrad.
    step = step + 1
    if weight_decay: p = p * (1 - lr * weight_decay) if decoupled_weight_decay else g = g + weight_decay * p
    m = lerp(m, g, 1 - beta1)
    v = v * beta2 + ((1 - beta2) * g) * g
    if amsgrad: vmax = max(vmax, v) (nan wins), and vmax stands for v below
    denom = sqrt(v) / sqrt(1 - beta2 ** step) + eps            (the number sqrt(1 - beta2 ** step) in double)
    p = p + (-(lr / (1 - beta1 ** step)) * m) / denom          (the factor in double)

rmsprop_step(params, grads, square_avgs, grad_avgs, bufs, steps, lr, alpha, eps, weight_decay, momentum, centered,
             maximize)
    grad_avgs: [] unless centered; bufs: [] unless momentum > 0.
    step = step + 1
    if weight_decay: g = g + weight_decay * p
    v = v * alpha + ((1 - alpha) * g) * g
    if centered: a = lerp(a, g, 1 - alpha); avg = sqrt(v + ((-1) * a) * a) + eps
    else:        avg = sqrt(v) + eps
    if momentum > 0: buf = buf * momentum + (1 * g) / avg; p = p + (-lr) * buf
    else:            p = p + ((-lr) * g) / avg

adagrad_step(params, grads, sums, steps, lr, lr_decay, weight_decay, eps, maximize)
    step = step + 1
    if weight_decay: g = g + weight_decay * p
    clr = lr / (1 + (step - 1) * lr_decay)                     (in double)
    s = s + (1 * g) * g
    p = p + ((-clr) * g) / (sqrt(s) + eps)
"""
from .._backend import _C

_optim = _C._optim
sgd_step = _optim.sgd_step
adam_step = _optim.adam_step
rmsprop_step = _optim.rmsprop_step
adagrad_step = _optim.adagrad_step
