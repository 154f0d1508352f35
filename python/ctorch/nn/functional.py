"""torch.nn.functional: mostly the C ops themselves; Python only where PyTorch decides something before the op."""
import math as _math
import warnings

from .._backend import Tensor, Size, op as _op, has_op as _has_op, _C
from ._reduction import checked as _checked, legacy_get_string as _legacy

# ---- the C ops as they are ----

linear = _op('linear')
conv1d = _op('conv1d')
conv2d = _op('conv2d')
conv3d = _op('conv3d')
conv_transpose1d = _op('conv_transpose1d')
conv_transpose2d = _op('conv_transpose2d')
conv_transpose3d = _op('conv_transpose3d')
avg_pool1d = _op('avg_pool1d')
avg_pool2d = _op('avg_pool2d')
avg_pool3d = _op('avg_pool3d')
adaptive_avg_pool1d = _op('adaptive_avg_pool1d')
gelu = _op('gelu')
softplus = _op('softplus')
one_hot = _op('one_hot')
relu_ = _op('relu_')
sigmoid = _op('sigmoid')
tanh = _op('tanh')

_relu = _op('relu')
_max_pool1d = _op('max_pool1d')
_max_pool2d = _op('max_pool2d')
_max_pool2d_with_indices = _op('max_pool2d_with_indices')
_adaptive_avg_pool2d = _op('adaptive_avg_pool2d')
_batch_norm = _op('batch_norm')
_layer_norm = _op('layer_norm')
_dropout, _dropout_ = _op('dropout'), _op('dropout_')
_embedding = _op('embedding')
_pad = _op('pad')
_softmax, _log_softmax = _op('softmax'), _op('log_softmax')
_leaky_relu, _leaky_relu_ = _op('leaky_relu'), _op('leaky_relu_')
_elu, _elu_ = _op('elu'), _op('elu_')
_silu, _silu_ = _op('silu'), _op('silu_')
_nll_loss = _op('nll_loss')
_cross_entropy = _op('cross_entropy_loss')
_mse_loss, _l1_loss = _op('mse_loss'), _op('l1_loss')
_smooth_l1_loss, _huber_loss = _op('smooth_l1_loss'), _op('huber_loss')
_bce, _bce_logits = _op('binary_cross_entropy'), _op('binary_cross_entropy_with_logits')
_kl_div = _op('kl_div')


def _pair(x):
    return x if isinstance(x, (tuple, list)) else (x, x)


# ---- activations ----

def relu(input, inplace=False):
    """max(x, 0)."""
    return relu_(input) if inplace else _relu(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where x > 0, else negative_slope * x."""
    return _leaky_relu_(input, negative_slope) if inplace else _leaky_relu(input, negative_slope)


def elu(input, alpha=1.0, inplace=False):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return _elu_(input, alpha) if inplace else _elu(input, alpha)


def silu(input, inplace=False):
    """x * sigmoid(x)."""
    return _silu_(input) if inplace else _silu(input)


def _activation(name, composite):
    """The C op of that name, else the composite; the in-place form copies into the input."""
    native = _op(name) if _has_op(name) else composite
    native_ = _op(name + '_') if _has_op(name + '_') else None

    def run(input, *args, inplace=False):
        if not inplace:
            return native(input, *args)
        return native_(input, *args) if native_ is not None else input.copy_(native(input, *args))
    return run


_hardtanh = _activation('hardtanh', lambda x, lo, hi: x.clamp(lo, hi))
_selu = _activation('selu', lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772))
_celu = _activation('celu', lambda x, alpha: _C.where(x > 0, x, alpha * (x.clamp(max=0) / alpha).expm1()))
_mish = _activation('mish', lambda x: x * softplus(x).tanh())
_hardsigmoid = _activation('hardsigmoid', lambda x: (x + 3).clamp(0, 6) / 6)
_hardswish = _activation('hardswish', lambda x: x * (x + 3).clamp(0, 6) / 6)
_threshold = _activation('threshold', lambda x, t, v: _C.where(x <= t, v, x))
_relu6 = _activation('relu6', lambda x: x.clamp(0, 6))


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x limited to [min_val, max_val]. ValueError if min_val > max_val."""
    if min_val > max_val:
        raise ValueError('min_val cannot be greater than max_val')
    return _hardtanh(input, min_val, max_val, inplace=inplace)


def relu6(input, inplace=False):
    return _hardtanh(input, 0.0, 6.0, inplace=inplace)


def selu(input, inplace=False):
    return _selu(input, inplace=inplace)


def celu(input, alpha=1.0, inplace=False):
    return _celu(input, alpha, inplace=inplace)


def mish(input, inplace=False):
    return _mish(input, inplace=inplace)


def hardsigmoid(input, inplace=False):
    return _hardsigmoid(input, inplace=inplace)


def hardswish(input, inplace=False):
    return _hardswish(input, inplace=inplace)


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, else value."""
    return _threshold(input, threshold, value, inplace=inplace)


def leaky_relu_(input, negative_slope=0.01):
    return _leaky_relu_(input, negative_slope)


def elu_(input, alpha=1.0):
    return _elu_(input, alpha)


def selu_(input):
    return _selu(input, inplace=True)


def celu_(input, alpha=1.0):
    return _celu(input, alpha, inplace=True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input, threshold, value):
    return _threshold(input, threshold, value, inplace=True)


def _or_else(name):
    """Decorator: the C op of that name if there is one, else the decorated composite."""
    return (lambda composite: _op(name)) if _has_op(name) else (lambda composite: composite)


def softsign(input):
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input):
    """x - tanh(x)."""
    return input - input.tanh()


@_or_else('softshrink')
def softshrink(input, lambd=0.5):
    if lambd < 0:
        raise RuntimeError(f'lambda must be greater or equal to 0, but found to be {lambd}.')
    return _C.where(input > lambd, input - lambd, _C.where(input < -lambd, input + lambd, _C.where(input.isnan(), input.detach(), 0.0)))


@_or_else('hardshrink')
def hardshrink(input, lambd=0.5):
    return _C.where((input > lambd) | (input < -lambd), input, _C.where(input.isnan(), input.detach(), 0.0))


@_or_else('logsigmoid')
def logsigmoid(input):
    """log(sigmoid(x)), without overflow."""
    return -softplus(-input)


def glu(input, dim=-1):
    """a * sigmoid(b), with a and b the halves of the input along dim."""
    if input.dim() == 0:
        raise RuntimeError('glu does not support scalars because halving size must be even')
    if _has_op('glu'):
        return _op('glu')(input, dim)
    if input.size(dim) % 2:
        raise RuntimeError(f'Halving dimension must be even, but dimension {dim % input.dim()} is size '
                           f'{input.size(dim)}')
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


@_or_else('prelu')
def prelu(input, weight):
    """x where x >= 0, else weight * x, with one weight or one a channel (dim 1)."""
    if weight.numel() != 1:
        shape = [1] * input.dim()
        shape[1 if input.dim() > 1 else 0] = weight.numel()
        weight = weight.view(shape)
    return _C.where(input > 0, input, weight * input)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """leaky_relu with a slope drawn from U(lower, upper) for each element in training, their mean otherwise."""
    if training:
        slope = _C.empty_like(input).uniform_(lower, upper)
        result = _C.where(input <= 0, input * slope, input)
    else:
        result = _leaky_relu(input, (lower + upper) / 2)
    return input.copy_(result) if inplace else result


def _softmax_dim(name, ndim, stacklevel):
    warnings.warn(f'Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an '
                  'argument.', stacklevel=stacklevel)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / sum(exp(x)) along dim."""
    if dim is None:
        dim = _softmax_dim('softmax', input.dim(), _stacklevel)
    return _softmax(input, dim) if dtype is None else _softmax(input, dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    if dim is None:
        dim = _softmax_dim('softmin', input.dim(), _stacklevel)
    return _softmax(-input, dim) if dtype is None else _softmax(-input, dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(x)) along dim."""
    if dim is None:
        dim = _softmax_dim('log_softmax', input.dim(), _stacklevel)
    return _log_softmax(input, dim) if dtype is None else _log_softmax(input, dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Softmax of logits plus Gumbel noise; hard=True: one-hot forwards, the soft gradient backwards."""
    noise = -_C.empty_like(logits).exponential_().log()
    soft = _softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return _C.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


# ---- pooling ----

def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of the last dimension of (N, C, L) or (C, L)."""
    if return_indices:
        return max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool1d(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of (N, C, H, W) or (C, H, W); with return_indices also where it stood."""
    if return_indices:
        return _max_pool2d_with_indices(input, kernel_size, () if stride is None else stride, padding, dilation,
                                        ceil_mode)
    return _max_pool2d(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                            return_indices=False):
    if _has_op('max_pool1d_with_indices'):
        return _op('max_pool1d_with_indices')(input, kernel_size, () if stride is None else stride, padding, dilation,
                                              ceil_mode)
    one = [x[0] if isinstance(x, (tuple, list)) else x for x in
           (kernel_size, kernel_size if stride is None else stride, padding, dilation)]
    out, index = _max_pool2d_with_indices(input.unsqueeze(-2), (1, one[0]), (1, one[1]), (0, one[2]), (1, one[3]),
                                          ceil_mode)
    return out.squeeze(-2), index.squeeze(-2)


def max_pool2d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                            return_indices=False):
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_avg_pool2d(input, output_size):
    """Averages over windows chosen so that the result is (..., output_size); None keeps a size."""
    output_size = _adaptive_size(input, output_size, 2)
    return _adaptive_avg_pool2d(input, output_size)


def _adaptive_size(input, output_size, n):
    if not isinstance(output_size, (tuple, list)):
        output_size = (output_size,) * n
    if None in output_size:
        output_size = tuple(s if o is None else o for o, s in zip(output_size, input.shape[-n:]))
    return tuple(output_size)


def _adaptive_max_pool(n):
    name = f'adaptive_max_pool{n}d'
    native = _op(name + '_with_indices' if _has_op(name + '_with_indices') else name)

    def run(input, output_size, return_indices=False):
        out, index = native(input, _adaptive_size(input, output_size, n))
        return (out, index) if return_indices else out
    run.__name__ = name
    run.__doc__ = f'The largest of windows chosen so that the last {n} dimension(s) become output_size.'
    return run


adaptive_max_pool1d = _adaptive_max_pool(1)
adaptive_max_pool2d = _adaptive_max_pool(2)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    kw, kh = _pair(kernel_size)
    out = avg_pool2d(input.pow(norm_type), kernel_size, () if stride is None else stride, 0, ceil_mode)
    return (out.sign() * out.abs().relu()).mul(kw * kh).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    out = avg_pool1d(input.pow(norm_type), kernel_size, () if stride is None else stride, 0, ceil_mode)
    return (out.sign() * out.abs().relu()).mul(kernel_size).pow(1.0 / norm_type)


# ---- normalization ----

def _verify_batch_size(size):
    values = size[0]
    for s in size[2:]:
        values *= s
    if values == 1:
        raise ValueError(f'Expected more than 1 value per channel when training, got input size {size}')


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Each channel (dim 1) minus its mean over its standard deviation: the batch's in training, else the running."""
    if training:
        _verify_batch_size(input.size())
    return _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalizes over the last len(normalized_shape) dimensions."""
    return _layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalizes each sample's channels in num_groups groups. input (N, C, ...)."""
    if input.dim() < 2:
        raise RuntimeError(f'Expected at least 2 dimensions for input tensor but received {input.dim()}')
    n, c = input.shape[:2]
    if c % num_groups:
        raise RuntimeError(f'Expected number of channels in input to be divisible by num_groups, but got input of shape '
                           f'{list(input.shape)} and num_groups={num_groups}')
    _verify_batch_size([n * c // num_groups, num_groups] + list(input.shape[2:]))
    if _has_op('group_norm'):
        return _op('group_norm')(input, num_groups, weight, bias, eps)
    grouped = input.reshape(n, num_groups, -1)
    out = _layer_norm(grouped, (grouped.size(-1),), None, None, eps).view(input.shape)
    shape = (1, c) + (1,) * (input.dim() - 2)
    if weight is not None:
        out = out * weight.view(shape)
    if bias is not None:
        out = out + bias.view(shape)
    return out


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5):
    """batch_norm of each sample by itself. input (N, C, ...)."""
    n, c = input.shape[:2]
    if use_input_stats:
        size = 1
        for s in input.shape[2:]:
            size *= s
        if size == 1:
            raise ValueError(f'Expected more than 1 spatial element when training, got input size {input.size()}')

    def each(t):
        return None if t is None else t.repeat(n)
    mean, var = each(running_mean), each(running_var)
    out = _batch_norm(input.reshape(1, n * c, *input.shape[2:]), each(weight), each(bias), mean, var, use_input_stats,
                      momentum, eps)
    if use_input_stats and running_mean is not None:
        running_mean.copy_(mean.view(n, c).mean(0))
        running_var.copy_(var.view(n, c).mean(0))
    return out.view(input.shape)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    if _has_op('rms_norm'):
        return _op('rms_norm')(input, normalized_shape, weight, eps)
    if eps is None:
        from .._constants import finfo
        eps = finfo(input.dtype).eps
    dims = tuple(range(-len(normalized_shape), 0))
    out = input * _C.rsqrt(input.square().mean(dims, keepdim=True) + eps)
    return out if weight is None else out * weight


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    if input.dim() < 3:
        raise ValueError(f'Expected 3D or higher dimensionality input (got {input.dim()} dimensions)')
    if input.numel() == 0:
        return input
    squares = input.reshape(input.size(0), 1, input.size(1), -1).square()
    mean = avg_pool2d(_pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(norm_p(x), eps) along dim."""
    denom = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / denom if out is None else _C.div(input, denom, out=out)


# ---- dropout ----

def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f'dropout probability has to be between 0 and 1, but got {p}')


def dropout(input, p=0.5, training=True, inplace=False):
    """In training: zeroes elements with probability p and divides the rest by 1 - p."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f'dropout probability has to be between 0 and 1, but got {p}')
    return _dropout_(input, p, training) if inplace else _dropout(input, p, training)


def _feature_dropout(input, p, training, inplace):
    if _has_op('feature_dropout'):
        return _op('feature_dropout_' if inplace else 'feature_dropout')(input, p, training)
    if not training or p == 0 or input.numel() == 0:
        return input
    shape = tuple(input.shape[:2]) + (1,) * (input.dim() - 2)
    noise = _C.zeros(shape, dtype=input.dtype) if p == 1 else \
        _C.empty(shape, dtype=input.dtype).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


def dropout1d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of (N, C, L) or (C, L)."""
    _check_p(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f'dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that '
                           'dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a '
                           'channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).')
    if input.dim() == 3:
        return _feature_dropout(input, p, training, inplace)
    return _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of (N, C, H, W)."""
    _check_p(p)
    if input.dim() not in (3, 4):
        warnings.warn(f'dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will result '
                      'in an error in a future release. To retain the behavior and silence this warning, please use '
                      'dropout instead. Note that dropout2d exists to provide channel-wise dropout on inputs with 2 '
                      'spatial dimensions, a channel dimension, and an optional batch dimension (i.e. 3D or 4D '
                      'inputs).', stacklevel=2)
    if input.dim() == 3:
        warnings.warn('dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior '
                      'is desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior '
                      'will change in a future release to interpret the input as one without a batch dimension, i.e. '
                      'shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using '
                      'dropout1d instead.', stacklevel=2)
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _check_p(p)
    if input.dim() == 4:
        return _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _feature_dropout(input, p, training, inplace)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """dropout that keeps mean and variance of selu's outputs."""
    _check_p(p)
    if _has_op('alpha_dropout'):
        return _op('alpha_dropout_' if inplace else 'alpha_dropout')(input, p, training)
    if not training or p == 0 or input.numel() == 0:
        return input
    alpha = 1.7580993408473766
    a = 1 / _math.sqrt((alpha * alpha * p + 1) * (1 - p))
    noise = _C.empty_like(input).bernoulli_(1 - p)
    shift = (noise - 1).mul_(alpha * a).add_(alpha * a * p)
    noise.mul_(a)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


# ---- embedding, padding, shapes ----

def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """weight[input]: rows of weight (num, dim) for integer indices; the row padding_idx gets no gradient."""
    if padding_idx is None:
        padding_idx = -1
    else:
        n = weight.size(0)
        if not -n <= padding_idx < n:
            raise AssertionError('Padding_idx must be within num_embeddings')
        if padding_idx < 0:
            padding_idx += n
    if max_norm is not None:
        _renorm_rows(weight, input, max_norm, norm_type)
    return _embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def _renorm_rows(weight, index, max_norm, norm_type):
    from ..autograd import no_grad
    with no_grad():
        rows = _C.unique(index.reshape(-1))
        values = weight.index_select(0, rows)
        norms = values.norm(norm_type, 1, keepdim=True)
        scale = _C.where(norms > max_norm, max_norm / (norms + 1e-7), _C.ones_like(norms))
        weight[rows] = values * scale


def pad(input, pad, mode='constant', value=None):
    """Pads the last len(pad) / 2 dimensions, the last one first: pad = (left, right, top, bottom, ...)."""
    return _pad(input, pad, mode, value)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    return _op('im2col')(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resizes the spatial dimensions. Only mode='nearest' is there so far."""
    if mode != 'nearest':
        raise NotImplementedError(f"interpolate has no mode '{mode}' yet")
    n = input.dim() - 2
    old = input.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ValueError('either size or scale_factor should be defined' if size is None else
                         'only one of size or scale_factor should be defined')
    if size is None:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        size = [int(_math.floor(o * f)) for o, f in zip(old, factors)]
        scales = [1.0 / f for f in factors]
    else:
        size = list(size) if isinstance(size, (tuple, list)) else [size] * n
        scales = [o / s for o, s in zip(old, size)]
    for i in range(n):
        if size[i] != old[i]:
            index = _C.tensor([min(int(j * scales[i]), old[i] - 1) for j in range(size[i])], dtype=_C.int64)
            input = input.index_select(i + 2, index)
    return input


def upsample(input, size=None, scale_factor=None, mode='nearest', align_corners=None):
    warnings.warn('`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.', stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


# ---- losses ----

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


@_or_else('scaled_dot_product_attention')
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                                 enable_gqa=False):
    """softmax(query key^T * scale + mask) value, scale 1 / sqrt(E) unless given. query (..., L, E), key (..., S, E)."""
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    scale = 1 / _math.sqrt(query.size(-1)) if scale is None else scale
    scores = query @ key.transpose(-2, -1) * scale
    if is_causal:
        seen = _C.ones(query.size(-2), key.size(-2), dtype=_C.bool).tril()
        scores = scores.masked_fill(seen.logical_not(), -_math.inf)
    elif attn_mask is not None:
        if attn_mask.dtype == _C.bool:
            scores = scores.masked_fill(attn_mask.logical_not(), -_math.inf)
        else:
            scores = scores + attn_mask
    return _dropout(_softmax(scores, -1), dropout_p, True) @ value


@_or_else('cosine_similarity')
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim."""
    x1, x2 = _C.broadcast_tensors(x1, x2)
    n1 = x1.norm(2, dim, keepdim=True).clamp_min(eps)
    n2 = x2.norm(2, dim, keepdim=True).clamp_min(eps)
    return (x1 / n1 * (x2 / n2)).sum(dim)


@_or_else('pairwise_distance')
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """norm_p(x1 - x2 + eps) along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


@_or_else('pixel_shuffle')
def pixel_shuffle(input, upscale_factor):
    from .modules.flatten import PixelShuffle
    return PixelShuffle(upscale_factor).forward(input)


@_or_else('pixel_unshuffle')
def pixel_unshuffle(input, downscale_factor):
    from .modules.flatten import PixelUnshuffle
    return PixelUnshuffle(downscale_factor).forward(input)


@_or_else('bilinear')
def bilinear(input1, input2, weight, bias=None):
    """x1 A x2 + b for each matrix A of weight (out, in1, in2)."""
    x = (input1.unsqueeze(-2).unsqueeze(-2) @ weight).squeeze(-2)
    out = (x * input2.unsqueeze(-2)).sum(-1)
    return out if bias is None else out + bias
