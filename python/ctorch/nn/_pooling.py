"""Pooling and unpooling of torch.nn.functional."""
from .._backend import op as _op, _C

_max_pools = [_op(f'max_pool{n}d') for n in (1, 2, 3)]
_max_pools_with_indices = [_op(f'max_pool{n}d_with_indices') for n in (1, 2, 3)]
_max_pool2d = _max_pools[1]
avg_pool1d = _op('avg_pool1d')
avg_pool2d = _op('avg_pool2d')
avg_pool3d = _op('avg_pool3d')
adaptive_avg_pool1d = _op('adaptive_avg_pool1d')
_adaptive_avg_pools = {n: _op(f'adaptive_avg_pool{n}d') for n in (2, 3)}


def _stride(stride):
    return () if stride is None else stride


def _max_pool(n):
    plain, both = _max_pools[n - 1], _max_pools_with_indices[n - 1]

    def max_pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return (both if return_indices else plain)(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)

    def max_pool_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                              return_indices=False):
        return both(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)
    max_pool.__name__ = max_pool.__qualname__ = f'max_pool{n}d'
    max_pool.__doc__ = f'The largest of each window of the last {n} dimension(s); with return_indices also where it stood.'
    max_pool_with_indices.__name__ = max_pool_with_indices.__qualname__ = f'max_pool{n}d_with_indices'
    return max_pool, max_pool_with_indices


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)


def _adaptive_size(input, output_size, n):
    """output_size as n numbers; None keeps the input's size."""
    if not isinstance(output_size, (tuple, list)):
        return output_size if n == 1 else (output_size,) * n
    if input.dim() <= len(output_size):
        raise ValueError(f'Input dimension should be at least {len(output_size) + 1}')
    if None in output_size:
        return tuple(s if o is None else o for o, s in zip(output_size, input.shape[-len(output_size):]))
    return tuple(output_size)


def adaptive_avg_pool2d(input, output_size):
    """Averages over windows chosen so that the result is (..., output_size); None keeps a size."""
    return _adaptive_avg_pools[2](input, _adaptive_size(input, output_size, 2))


def adaptive_avg_pool3d(input, output_size):
    """Averages over windows chosen so that the result is (..., output_size); None keeps a size."""
    return _adaptive_avg_pools[3](input, _adaptive_size(input, output_size, 3))


def _adaptive_max_pool(n):
    name = f'adaptive_max_pool{n}d'
    native = _op(name + '_with_indices')

    def run(input, output_size, return_indices=False):
        out, index = native(input, _adaptive_size(input, output_size, n))
        return (out, index) if return_indices else out

    def with_indices(input, output_size, return_indices=False):
        return native(input, _adaptive_size(input, output_size, n))
    run.__name__ = run.__qualname__ = name
    run.__doc__ = f'The largest of windows chosen so that the last {n} dimension(s) become output_size.'
    with_indices.__name__ = with_indices.__qualname__ = name + '_with_indices'
    return run, with_indices


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pool(3)


def _power_average(means, count, norm_type):
    return (means.sign() * means.abs().relu()).mul(count).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type norm of each window."""
    out = avg_pool1d(input.pow(norm_type), kernel_size, _stride(stride), 0, ceil_mode)
    return _power_average(out, kernel_size if isinstance(kernel_size, int) else kernel_size[0], norm_type)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type norm of each window."""
    kw, kh = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
    return _power_average(avg_pool2d(input.pow(norm_type), kernel_size, _stride(stride), 0, ceil_mode), kw * kh, norm_type)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type norm of each window."""
    kd, kw, kh = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 3
    out = avg_pool3d(input.pow(norm_type), kernel_size, _stride(stride), 0, ceil_mode)
    return _power_average(out, kd * kw * kh, norm_type)


# ---- unpooling ----

def _many(x, n):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,) * n


def _unpooled_size(input, kernel, stride, padding, output_size):
    n = len(kernel)
    usual = [(input.shape[-n + d] - 1) * stride[d] + kernel[d] - 2 * padding[d] for d in range(n)]
    if output_size is None:
        result = usual
    else:
        if len(output_size) == n + 2:
            output_size = output_size[2:]
        if len(output_size) != n:
            raise ValueError(f'output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '
                             f"'{len(output_size)}'")
        for d in range(n):
            low, high = usual[d] - stride[d], usual[d] + stride[d]
            if not low < output_size[d] < high:
                raise ValueError(f'invalid output_size "{output_size}" (dim {d} must be between {low} and {high})')
        result = list(output_size)
    for d, size in enumerate(result):
        if size < 0:
            raise ValueError('max_unpooling: output_size must contain non-negative spatial dimensions, but got '
                             f'output_size[{d}]={size}')
    return result


def type_name(dtype):
    """The name of a dtype in the C core's messages: Float, Long."""
    name = _C.empty(0, dtype=dtype).type().rpartition('.')[2]
    return name[:-len('Tensor')]


def _unpool(n, input, indices, kernel_size, stride, padding, output_size):
    kernel = _many(kernel_size, n)
    size = _unpooled_size(input, kernel, kernel if stride is None else _many(stride, n), _many(padding, n), output_size)
    name = f'max_unpooling{max(n, 2)}d'
    if indices.dtype != _C.int64:
        raise RuntimeError(f'elements in indices should be type int64 but got: '
                           + type_name(indices.dtype))
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(f'Input to {name} should be a {n + 1}d or {n + 2}d Tensor, but got a tensor with {input.dim()} '
                           'dimensions.')
    if input.shape != indices.shape:
        raise RuntimeError(f'Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got '
                           f'indices tensor with shape: {list(indices.shape)}')
    lead = input.shape[:input.dim() - n]
    places = 1
    for s in size:
        places *= s
    wrong = (indices < 0) | (indices >= places)
    if wrong.any():
        bad = int(indices[wrong][-1])
        raise RuntimeError(f'Found an invalid max index: {bad} (output volumes are of size ' + 'x'.join(map(str, size)) + ')')
    zeros = _C.zeros(*lead, places, dtype=input.dtype, device=input.device)
    return zeros.scatter(-1, indices.flatten(-n), input.flatten(-n)).view(*lead, *size)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts what max_pool1d chose back to where it stood, with zeros around."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts what max_pool2d chose back to where it stood, with zeros around."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts what max_pool3d chose back to where it stood, with zeros around."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
