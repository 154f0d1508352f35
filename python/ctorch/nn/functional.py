"""torch.nn.functional: mostly the C ops themselves; Python only where PyTorch decides something before the op."""
import math as _math
import warnings

from .._backend import op as _op, has_op as _has_op, _C
from ._reduction import checked as _checked
from ._losses import (
    _cross_entropy, nll_loss, cross_entropy, kl_div, mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy,
    binary_cross_entropy_with_logits, poisson_nll_loss, gaussian_nll_loss, hinge_embedding_loss, soft_margin_loss,
    margin_ranking_loss, cosine_embedding_loss, triplet_margin_loss, triplet_margin_with_distance_loss,
    multilabel_soft_margin_loss, multilabel_margin_loss, multi_margin_loss, ctc_loss)
from ._pooling import (
    _max_pool2d, max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool2d_with_indices, max_pool3d, max_pool3d_with_indices,
    avg_pool1d, avg_pool2d, avg_pool3d, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices, adaptive_max_pool2d, adaptive_max_pool2d_with_indices, adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices, lp_pool1d, lp_pool2d, lp_pool3d, max_unpool1d, max_unpool2d, max_unpool3d)
from ._spatial import (
    GRID_SAMPLE_INTERPOLATION_MODES, GRID_SAMPLE_PADDING_MODES, unfold, fold, interpolate, upsample, upsample_nearest,
    upsample_bilinear, affine_grid, grid_sample, pixel_shuffle, pixel_unshuffle, channel_shuffle, native_channel_shuffle)

# ---- the C ops as they are ----

linear = _op('linear')
conv1d = _op('conv1d')
conv2d = _op('conv2d')
conv3d = _op('conv3d')
conv_transpose1d = _op('conv_transpose1d')
conv_transpose2d = _op('conv_transpose2d')
conv_transpose3d = _op('conv_transpose3d')
gelu = _op('gelu')
softplus = _op('softplus')
softshrink = _op('softshrink')
hardshrink = _op('hardshrink')
logsigmoid = _op('logsigmoid')
prelu = _op('prelu')
one_hot = _op('one_hot')
relu_ = _op('relu_')
sigmoid = _op('sigmoid')
tanh = _op('tanh')

_relu = _op('relu')
_batch_norm = _op('batch_norm')
_layer_norm = _op('layer_norm')
_dropout, _dropout_ = _op('dropout'), _op('dropout_')
_embedding = _op('embedding')
_pad = _op('pad')
_softmax, _log_softmax = _op('softmax'), _op('log_softmax')
_leaky_relu, _leaky_relu_ = _op('leaky_relu'), _op('leaky_relu_')
_elu, _elu_ = _op('elu'), _op('elu_')
_silu, _silu_ = _op('silu'), _op('silu_')


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


def _activation(name):
    """The C op of that name, and its in-place form."""
    native, native_ = _op(name), _op(name + '_')

    def run(input, *args, inplace=False):
        return native_(input, *args) if inplace else native(input, *args)
    return run


_hardtanh = _activation('hardtanh')
_selu = _activation('selu')
_celu = _activation('celu')
_mish = _activation('mish')
_hardsigmoid = _activation('hardsigmoid')
_hardswish = _activation('hardswish')
_threshold = _activation('threshold')


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


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """leaky_relu with a slope drawn from U(lower, upper) for each element that is not positive in training, and with
    their mean otherwise."""
    if lower > upper:
        raise RuntimeError('Lower bound should be less than or equal to the upper bound')
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    negative = input.detach() <= 0
    drawn = _C.empty(int(negative.sum().item()), dtype=_C.float64).uniform_(lower, upper).to(input.dtype)
    slope = _C.ones_like(input, requires_grad=False).masked_scatter_(negative, drawn)
    return input.mul_(slope) if inplace else input * slope


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    return rrelu(input, lower, upper, training, True)


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
    normalized_shape = tuple(normalized_shape)
    if input.dim() < len(normalized_shape):
        raise ValueError(f'Input tensor must have at least {len(normalized_shape)} dimensions, but got {input.dim()}')
    if weight is not None and tuple(weight.shape) != normalized_shape:
        raise RuntimeError('Expected weight to be of same shape as normalized_shape, but got weight of shape '
                           f'{list(weight.shape)} and normalized_shape = {list(normalized_shape)}')
    if tuple(input.shape[input.dim() - len(normalized_shape):]) != normalized_shape:
        wanted = ', '.join(map(str, normalized_shape))
        raise RuntimeError(f'Given normalized_shape=[{wanted}], expected input with shape [*{wanted}], but got input of '
                           f'size{list(input.shape)}')
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
    if input.dim() not in (4, 5):
        warnings.warn(f'dropout3d: Received a {input.dim()}-D input to dropout3d, which is deprecated and will result in an '
                      'error in a future release. To retain the behavior and silence this warning, please use dropout '
                      'instead. Note that dropout3d exists to provide channel-wise dropout on inputs with 3 spatial '
                      'dimensions, a channel dimension, and an optional batch dimension (i.e. 4D or 5D inputs).', stacklevel=2)
    if input.dim() != 5:
        return _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _feature_dropout(input, p, training, inplace)


def _alpha_dropout(input, p, training, inplace, shape):
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    alpha = 1.7580993408473766
    a = 1 / _math.sqrt((alpha * alpha * p + 1) * (1 - p))
    noise = (_C.empty_like(input) if shape is None else _C.empty(shape, dtype=input.dtype)).bernoulli_(1 - p)
    shift = (noise - 1).mul_(alpha * a).add_(alpha * a * p)
    noise.mul_(a)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """dropout that keeps mean and variance of selu's outputs."""
    _check_p(p)
    return _alpha_dropout(input, p, training, inplace, None)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels (dim 1)."""
    _check_p(p)
    if training and p and input.numel() and input.dim() < 2:
        raise RuntimeError('Feature dropout requires at least 2 dimensions in the input')
    return _alpha_dropout(input, p, training, inplace, tuple(input.shape[:2]) + (1,) * (input.dim() - 2))


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
        rows = index.reshape(-1).unique()
        values = weight.index_select(0, rows)
        norms = values.norm(norm_type, 1, keepdim=True)
        scale = _C.where(norms > max_norm, max_norm / (norms + 1e-7), _C.ones_like(norms))
        weight[rows] = values * scale


def embedding_bag(input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode='mean', sparse=False,
                  per_sample_weights=None, include_last_offset=False, padding_idx=None):
    """The sum, mean or maximum of bags of weight's rows: the rows of a 2-d input, or what lies between the offsets of a 1-d
    one. Rows padding_idx are left out."""
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(f'embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the '
                         f'same shape as the input ({input.shape})')
    if weight.dim() != 2:
        raise ValueError(f'weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}')
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError('if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length '
                             f'sequences. However, found offsets of type {type(offsets)}')
        starts = [i * input.size(1) for i in range(input.size(0))]
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError('offsets has to be a 1D Tensor but got None')
        if offsets.dim() != 1:
            raise ValueError('offsets has to be a 1D Tensor')
        starts = offsets.tolist()
        if include_last_offset:
            if not starts:
                raise RuntimeError('include_last_offset: number of offset should be at least 1')
            starts.pop()
    else:
        raise ValueError(f'input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}')
    if mode not in ('sum', 'mean', 'max'):
        raise ValueError('mode has to be one of sum, mean or max')
    if mode == 'max' and scale_grad_by_freq:
        raise ValueError('max mode does not support scaling the gradient by the frequency')
    if mode == 'max' and sparse:
        raise ValueError('max mode does not support sparse weights')
    if max_norm is not None:
        _renorm_rows(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != 'sum':
        raise NotImplementedError('embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for '
                                  f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub.")
    count = input.numel()
    if starts and starts[0] != 0:
        raise RuntimeError('offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. '
                           f'However, got {starts[0]}')
    if starts and starts[-1] > count:
        raise RuntimeError(f'offsets[-1] can not be greater than input\'s length {count} but got offsets[-1] of {starts[-1]}')
    bags = len(starts)
    if input.numel() and (int(input.min()) < 0 or int(input.max()) >= weight.size(0)):
        bad = int(input.min()) if int(input.min()) < 0 else int(input.max())
        raise RuntimeError(f'embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {bad}')
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.size(0)
    ends = starts[1:] + [count]
    bag = _C.tensor([b for b in range(bags) for _ in range(ends[b] - starts[b])], dtype=_C.int64)
    rows = _embedding(weight, input, -1, scale_grad_by_freq, False)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    if padding_idx is not None:
        keep = (input != padding_idx).nonzero().view(-1)
        rows, bag = rows.index_select(0, keep), bag.index_select(0, keep)
    zeros = _C.zeros(bags, weight.size(1), dtype=weight.dtype)
    if mode == 'max':
        return _bag_max(rows, bag, zeros)
    sums = zeros.index_add(0, bag, rows)
    if mode == 'sum':
        return sums
    counts = _C.zeros(bags, dtype=weight.dtype).index_add(0, bag, _C.ones(bag.numel(), dtype=weight.dtype))
    return sums / counts.clamp_min(1).unsqueeze(1)


def _bag_max(rows, bag, zeros):
    """The largest of each bag's rows, element by element; zeros for a bag without rows."""
    sizes = [0] * zeros.size(0)
    place = []
    for b in bag.tolist():
        place.append(sizes[b])
        sizes[b] += 1
    longest = max(sizes, default=0)
    if longest == 0:
        return zeros
    slots = _C.full((zeros.size(0), longest, zeros.size(1)), -_math.inf, dtype=zeros.dtype)
    slots = slots.index_put((bag, _C.tensor(place, dtype=_C.int64)), rows)
    best = slots.max(1)[0]
    return _C.where(_C.tensor([n > 0 for n in sizes]).unsqueeze(1), best, zeros)


def pad(input, pad, mode='constant', value=None):
    """Pads the last len(pad) / 2 dimensions, the last one first: pad = (left, right, top, bottom, ...)."""
    return _pad(input, pad, mode, value)


@_or_else('scaled_dot_product_attention')
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                                 enable_gqa=False):
    """softmax(query key^T * scale + mask) value, scale 1 / sqrt(E) unless given. query (..., L, E), key (..., S, E)."""
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    if is_causal and attn_mask is not None:
        raise RuntimeError('_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True')
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


def pdist(input, p=2.0):
    """The distances norm_p(x[i] - x[j]) of all pairs i < j of input's rows."""
    if input.dim() != 2:
        raise RuntimeError(f'pdist only supports 2D tensors, got: {input.dim()}D')
    if p < 0:
        raise RuntimeError('pdist only supports non-negative p values')
    n = input.size(0)
    first, second = _C.triu_indices(n, n, 1)
    return (input.index_select(0, first) - input.index_select(0, second)).norm(p, -1)


@_or_else('bilinear')
def bilinear(input1, input2, weight, bias=None):
    """x1 A x2 + b for each matrix A of weight (out, in1, in2)."""
    x = (input1.unsqueeze(-2).unsqueeze(-2) @ weight).squeeze(-2)
    out = (x * input2.unsqueeze(-2)).sum(-1)
    return out if bias is None else out + bias
