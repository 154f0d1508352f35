"""torch.nn.init: fills parameters in place. The order and number of draws are PyTorch's."""
import math
import warnings

from .._backend import _C, is_grad_enabled, _set_grad_enabled


class _quiet:
    """no_grad, without looking anything up."""
    __slots__ = ('was',)

    def __enter__(self):
        self.was = is_grad_enabled()
        _set_grad_enabled(False)

    def __exit__(self, *exc):
        _set_grad_enabled(self.was)


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the variance through a nonlinearity. ValueError if it is not known."""
    if nonlinearity in ('linear', 'conv1d', 'conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d',
                        'conv_transpose3d', 'sigmoid'):
        return 1
    if nonlinearity == 'tanh':
        return 5.0 / 3
    if nonlinearity == 'relu':
        return math.sqrt(2.0)
    if nonlinearity == 'leaky_relu':
        if param is None:
            slope = 0.01
        elif not isinstance(param, bool) and isinstance(param, (int, float)):
            slope = param
        else:
            raise ValueError(f'negative_slope {param} not a valid number')
        return math.sqrt(2.0 / (1 + slope ** 2))
    if nonlinearity == 'selu':
        return 3.0 / 4
    raise ValueError(f'Unsupported nonlinearity {nonlinearity}')


def _calculate_fan_in_and_fan_out(tensor):
    dims = tensor.dim()
    if dims < 2:
        raise ValueError('Fan in and fan out can not be computed for tensor with fewer than 2 dimensions')
    receptive = 1
    for s in tensor.shape[2:]:
        receptive *= s
    return tensor.size(1) * receptive, tensor.size(0) * receptive


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    if mode not in ('fan_in', 'fan_out'):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == 'fan_out']


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """U(a, b)."""
    with _quiet():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """N(mean, std^2)."""
    with _quiet():
        return tensor.normal_(mean, std, generator=generator)


def _norm_cdf(x):
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """N(mean, std^2) limited to [a, b], by rejection."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn('mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be '
                      'incorrect.', stacklevel=2)
    with _quiet():
        if tensor.numel() == 0:
            return tensor
        lo, hi = (a - mean) / std, (b - mean) / std
        if _norm_cdf(hi) - _norm_cdf(lo) > 0.3:
            tensor.normal_(mean, std, generator=generator)
            while True:
                outside = (tensor < a) | (tensor > b)
                if not outside.any():
                    return tensor
                fresh = _C.empty_like(tensor).normal_(mean, std, generator=generator)
                tensor.copy_(_C.where(outside, fresh, tensor))
        peak = min(max(0.0, lo), hi)
        todo = _C.ones_like(tensor, dtype=_C.bool)
        while True:
            proposal = _C.empty_like(tensor).uniform_(a, b, generator=generator)
            z = (proposal - mean) / std
            accept = _C.empty_like(tensor).uniform_(generator=generator).log() < (peak * peak - z * z) / 2
            take = todo & accept
            tensor.copy_(_C.where(take, proposal, tensor))
            todo = todo & accept.logical_not()
            if not todo.any():
                return tensor


def constant_(tensor, val):
    """val everywhere."""
    with _quiet():
        return tensor.fill_(val)


def ones_(tensor):
    with _quiet():
        return tensor.fill_(1.0)


def zeros_(tensor):
    with _quiet():
        return tensor.zero_()


def eye_(tensor):
    """The identity matrix."""
    if tensor.dim() != 2:
        raise ValueError('Only tensors with 2 dimensions are supported')
    with _quiet():
        tensor.copy_(_C.eye(*tensor.shape))
    return tensor


def dirac_(tensor, groups=1):
    """A convolution's weight (out, in, ...) that passes as many channels through as it can."""
    dims = tensor.dim()
    if dims not in (3, 4, 5):
        raise ValueError('Only tensors with 3, 4, or 5 dimensions are supported')
    out = tensor.size(0)
    if out % groups:
        raise ValueError('dim 0 must be divisible by groups')
    per_group = out // groups
    middle = tuple(s // 2 for s in tensor.shape[2:])
    with _quiet():
        tensor.zero_()
        for g in range(groups):
            for d in range(min(per_group, tensor.size(1))):
                tensor[(g * per_group + d, d) + middle] = 1
    return tensor


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def kaiming_uniform_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None):
    """U(-b, b), b = gain sqrt(3 / fan)."""
    if 0 in tensor.shape:
        warnings.warn('Initializing zero-element tensors is a no-op', stacklevel=2)
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan)
    bound = math.sqrt(3.0) * std
    with _quiet():
        return tensor.uniform_(-bound, bound, generator=generator)


def kaiming_normal_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None):
    """N(0, s^2), s = gain / sqrt(fan)."""
    if 0 in tensor.shape:
        warnings.warn('Initializing zero-element tensors is a no-op', stacklevel=2)
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan)
    with _quiet():
        return tensor.normal_(0, std, generator=generator)


def orthogonal_(tensor, gain=1, generator=None):
    """A (semi) orthogonal matrix times gain; dimensions after the first are taken together."""
    if tensor.dim() < 2:
        raise ValueError('Only tensors with 2 or more dimensions are supported')
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    cols = tensor.numel() // rows
    with _quiet():
        flat = _C.empty(rows, cols, dtype=tensor.dtype).normal_(0, 1, generator=generator)
        if rows < cols:
            flat = flat.t()
        q, signs = _signed_qr(flat)
        q = q * signs
        if rows < cols:
            q = q.t()
        tensor.copy_(q.reshape(tensor.shape)).mul_(gain)
    return tensor


def _signed_qr(a):
    """Q of a = QR (tall) and the signs of R's diagonal, by Householder reflections."""
    q, r = _C._ops.linalg_qr(a)
    return q, r.diagonal().sign()


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """N(0, std^2) with a fraction `sparsity` of each column set to 0."""
    if tensor.dim() != 2:
        raise ValueError('Only tensors with 2 dimensions are supported')
    rows, cols = tensor.shape
    zeros = int(math.ceil(sparsity * rows))
    with _quiet():
        tensor.normal_(0, std, generator=generator)
        for col in range(cols):
            tensor[_C.randperm(rows)[:zeros], col] = 0
    return tensor


def _deprecated(fn):
    old = fn.__name__[:-1]

    def run(*args, **kwargs):
        warnings.warn(f'`nn.init.{old}` is now deprecated in favor of `nn.init.{old}_`.', FutureWarning, stacklevel=2)
        return fn(*args, **kwargs)
    run.__name__ = old
    return run


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
