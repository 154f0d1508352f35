"""The losses of torch.nn.functional."""
import math as _math
import warnings

from .._backend import Tensor, op as _op, _C
from ._reduction import checked as _checked, legacy_get_string as _legacy

_nll_loss = _op('nll_loss')
_cross_entropy = _op('cross_entropy_loss')
_mse_loss, _l1_loss = _op('mse_loss'), _op('l1_loss')
_smooth_l1_loss, _huber_loss = _op('smooth_l1_loss'), _op('huber_loss')
_bce, _bce_logits = _op('binary_cross_entropy'), _op('binary_cross_entropy_with_logits')
_kl_div = _op('kl_div')
logsigmoid = _op('logsigmoid')


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'):
    """-input[n, target[n]], of log-probabilities (N, C, ...) and classes (N, ...)."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    return _nll_loss(input, target, weight, _checked(reduction), ignore_index)


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean',
                  label_smoothing=0.0):
    """nll_loss(log_softmax(input)), of scores (N, C, ...) and classes (N, ...) or class probabilities (N, C, ...)."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    return _cross_entropy(input, target, weight, _checked(reduction), ignore_index, label_smoothing)


def kl_div(input, target, size_average=None, reduce=None, reduction='mean', log_target=False):
    """target * (log(target) - input); 'batchmean' divides the sum by the batch size."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if reduction == 'mean':
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
                      "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                      "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
                      stacklevel=2)
    out = _kl_div(input, target, 'sum' if reduction == 'batchmean' else _checked(reduction), log_target=log_target)
    return out / input.size(0) if reduction == 'batchmean' and input.dim() != 0 else out


def _sizes_differ(input, target):
    warnings.warn(f'Using a target size ({target.size()}) that is different to the input size ({input.size()}). This '
                  'will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.',
                  stacklevel=3)
    return _C.broadcast_tensors(input, target)


def _weighted(loss, weight, reduction):
    if weight.size() != loss.size():
        raise ValueError('Inputs and weights must have the same size.')
    loss = loss * weight
    if reduction == 'none':
        return loss
    return loss.sum() if reduction == 'sum' else loss.sum() / weight.sum()


def mse_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    """(input - target)^2."""
    if target.shape != input.shape:
        input, target = _sizes_differ(input, target)
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if weight is not None:
        return _weighted(_mse_loss(input, target, 'none'), weight, reduction)
    return _mse_loss(input, target, _checked(reduction))


def l1_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    """|input - target|."""
    if target.shape != input.shape:
        input, target = _sizes_differ(input, target)
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if weight is not None:
        return _weighted(_l1_loss(input, target, 'none'), weight, reduction)
    return _l1_loss(input, target, _checked(reduction))


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction='mean', beta=1.0):
    """0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta, with d = input - target."""
    if target.shape != input.shape:
        input, target = _sizes_differ(input, target)
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if beta == 0.0:
        return _l1_loss(input, target, _checked(reduction))
    return _smooth_l1_loss(input, target, _checked(reduction), beta)


def huber_loss(input, target, reduction='mean', delta=1.0, weight=None):
    """0.5 d^2 where |d| < delta, else delta * (|d| - 0.5 delta)."""
    if target.shape != input.shape:
        input, target = _sizes_differ(input, target)
    if weight is not None:
        return _weighted(_huber_loss(input, target, 'none', delta), weight, reduction)
    return _huber_loss(input, target, _checked(reduction), delta)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction='mean'):
    """-(t log x + (1 - t) log(1 - x)), of probabilities of the target's shape."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    reduction = _checked(reduction)
    if target.size() != input.size():
        raise ValueError(f'Using a target size ({target.size()}) that is different to the input size ({input.size()}) '
                         'is deprecated. Please ensure they have the same size.')
    if weight is not None and weight.shape != target.shape:
        weight = weight.expand(target.size())
    return _bce(input, target, weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction='mean',
                                     pos_weight=None):
    """binary_cross_entropy(sigmoid(input), target), without overflow."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if target.size() != input.size():
        raise ValueError(f'Target size ({target.size()}) must be the same as input size ({input.size()})')
    return _bce_logits(input, target, weight, pos_weight, _checked(reduction))


def _reduce(loss, reduction):
    kind = _checked(reduction)
    return loss if kind == 'none' else loss.mean() if kind == 'mean' else loss.sum()


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                     reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * _math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction='mean'):
    """0.5 (log var + (input - target)^2 / var), var at least eps."""
    if not isinstance(var, Tensor):
        var = _C.full_like(input, float(var)) if var >= 0 else _negative_var()
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):
            raise ValueError('var is of incorrect size')
    if (var < 0).any():
        _negative_var()
    var = var.clone()
    from ..autograd import no_grad
    with no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    return _reduce(loss + 0.5 * _math.log(2 * _math.pi) if full else loss, reduction)


def _negative_var():
    raise ValueError('var has negative entry/entries')


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    zero = _C.zeros_like(input)
    return _reduce(_C.where(target != 1, (margin - input).clamp(min=0), zero)
                   + _C.where(target != -1, input, zero), reduction)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    return _reduce((-target * input).exp().log1p(), reduction)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError('margin_ranking_loss : All input tensors should have same dimension but got sizes: '
                           f'input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} ')
    return _reduce((-target * (input1 - input2) + margin).clamp(min=0), reduction)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if target.dim() > 1:
        raise RuntimeError('0D or 1D target tensor expected, multi-target not supported')
    if target.dim() == 1 and not (input1.dim() == input2.dim() == 2):
        raise RuntimeError('1D target tensor expects 2D input tensors, but found inputs with sizes '
                           f'{list(input1.shape)} and {list(input2.shape)}.')
    if target.dim() == 0 and not (input1.dim() == input2.dim() == 1):
        raise RuntimeError('0D target tensor expects 1D input tensors, but found inputs with sizes '
                           f'{list(input1.shape)} and {list(input2.shape)}.')
    dim = target.dim()
    eps = 1e-12
    prod = (input1 * input2).sum(dim)
    denom = ((input1.square().sum(dim) + eps) * (input2.square().sum(dim) + eps)).sqrt()
    cos = prod / denom
    zero = _C.zeros_like(cos)
    loss = _C.where(target == 1, 1 - cos, zero) + _C.where(target == -1, (cos - margin).clamp(min=0), zero)
    return _reduce(loss, reduction)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if margin <= 0:
        raise ValueError(f'margin must be greater than 0, got {margin}')
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError('The anchor, positive, and negative tensors are expected to have the same number of dimensions, but '
                           f'got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs')

    def distance(a, b):
        return (a - b + eps).norm(p, -1)
    far = distance(anchor, negative)
    if swap:
        far = _C.minimum(far, distance(positive, negative))
    return _reduce((margin + distance(anchor, positive) - far).clamp(min=0), reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduce(loss.sum(-1) / input.size(-1), reduction)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction='mean'):
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if p not in (1, 2):
        raise ValueError('only p == 1 and p == 2 supported')
    x = input.unsqueeze(0) if input.dim() == 1 else input
    y = target.reshape(-1, 1)
    z = (margin - x.gather(1, y) + x).clamp(min=0)
    if p == 2:
        z = z * z
    if weight is not None:
        z = z * weight[y]
    z = z.scatter(1, y, 0.0).sum(1) / x.size(1)
    return _reduce(z[0] if input.dim() == 1 and reduction == 'none' else z, reduction)


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction='mean'):
    """triplet_margin_loss with any distance, the Euclidean one by default."""
    if margin <= 0:
        raise ValueError(f'margin must be greater than 0, got {margin}')
    if distance_function is None:
        from .functional import pairwise_distance as distance_function
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError('The anchor, positive, and negative tensors are expected to have the same number of dimensions, but '
                           f'got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs')
    near, far = distance_function(anchor, positive), distance_function(anchor, negative)
    if swap:
        far = _C.minimum(far, distance_function(positive, negative))
    return _reduce((margin + near - far).clamp_min(0), reduction)


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction='mean'):
    """sum over labels y and non-labels i of max(0, 1 - (x[y] - x[i])) / C. A row of target: labels, ended by -1."""
    if size_average is not None or reduce is not None:
        reduction = _legacy(size_average, reduce)
    if input.dim() > 2 or input.size(-1) == 0:
        raise RuntimeError('Expected non-empty vector or matrix with optional 0-dim batch size, but got: '
                           f'{list(input.shape)}')
    if target.shape != input.shape:
        raise RuntimeError(f'inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}')
    x, y = (t.reshape(-1, t.size(-1)) if t.dim() else t.reshape(1, 1) for t in (input, target))
    if y.numel() and (int(y.min()) < -1 or int(y.max()) >= x.size(1)):
        raise RuntimeError('multilabel_margin_loss: a target is out of range')
    live = ((y < 0).cumsum(1) == 0)
    place = y.clamp(min=0)
    labels = _C.zeros(x.shape, dtype=_C.int64).scatter_add(1, place, live.to(_C.int64)) > 0
    score = x.gather(1, place)
    gap = (1 - score.unsqueeze(2) + x.unsqueeze(1)).clamp_min(0)
    gap = gap * (live.unsqueeze(2) & labels.logical_not().unsqueeze(1)).to(x.dtype)
    loss = gap.sum((1, 2)) / x.size(1)
    return _reduce(loss[0] if input.dim() < 2 else loss, reduction)


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction='mean', zero_infinity=False):
    """-log of the probability of all alignments of targets with log_probs (T, N, C) or (T, C), by the forward recursion."""
    single = log_probs.dim() == 2
    probs = log_probs.unsqueeze(1) if single else log_probs
    steps, batch, classes = probs.shape
    lengths = [_ints(v) for v in (input_lengths, target_lengths)]
    if not 0 <= blank < classes:
        raise RuntimeError('blank must be in label range')
    for name, values in zip(('input_lengths', 'target_lengths'), lengths):
        if len(values) != batch:
            raise RuntimeError(f'{name} must be of size batch_size')
    times, counts = lengths
    if max(times, default=0) > steps:
        raise RuntimeError(f'Expected input_lengths to have value at most {steps}, but got value {max(times)} (while checking '
                           'arguments for ctc_loss_allocate_outputs)')
    if targets.dim() == 1 and not (single and len(counts) == 1 and targets.numel() == counts[0]):
        rows, at = [], 0
        for count in counts:
            rows.append(targets[at:at + count])
            at += count
    else:
        rows = [row[:count] for row, count in zip(targets.reshape(batch, -1), counts)]
    longest = max(counts, default=0)
    low = -1e30
    labels = _C.full((batch, 2 * longest + 1), blank, dtype=_C.int64)
    for b, row in enumerate(rows):
        if row.numel():
            labels[b, 1:2 * row.numel():2] = row.to(_C.int64)
    skips = _C.zeros((batch, 2 * longest + 1), dtype=_C.bool)
    if longest > 1:
        skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    start = _C.full((batch, 2 * longest + 1), low, dtype=probs.dtype)
    first = probs[0].gather(1, labels)
    alpha = _C.where(_C.arange(2 * longest + 1) < 2, first, start)
    ends = []
    nothing = _C.full((batch, 2), low, dtype=probs.dtype)
    done = [alpha]
    for t in range(1, steps):
        shifted = _C.cat([nothing, alpha], 1)
        one, two = shifted[:, 1:-1], _C.where(skips, shifted[:, :-2], start)
        alpha = _C.stack([alpha, one, two]).logsumexp(0).clamp_min(low) + probs[t].gather(1, labels)
        done.append(alpha)
    for b in range(batch):
        if times[b] == 0:
            ends.append(_C.zeros((), dtype=probs.dtype) if counts[b] == 0 else _C.full((), low, dtype=probs.dtype))
            continue
        last = done[times[b] - 1][b]
        tail = last[max(2 * counts[b] - 1, 0):2 * counts[b] + 1]
        ends.append(tail.logsumexp(0))
    loss = -_C.stack(ends)
    impossible = loss > -low / 2
    loss = _C.where(impossible, loss.detach() * 0 + (0.0 if zero_infinity else _math.inf), loss)
    if single and reduction == 'none':
        return loss[0]
    if reduction == 'mean':
        return (loss / _C.tensor(counts, dtype=probs.dtype).clamp_min(1)).mean()
    return _reduce(loss, reduction)


def _ints(values):
    if isinstance(values, Tensor):
        return [int(v) for v in values.reshape(-1).tolist()]
    return [int(v) for v in (values if isinstance(values, (tuple, list)) else (values,))]
