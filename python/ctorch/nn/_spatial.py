"""Resizing, sampling and rearranging of images, of torch.nn.functional."""
import warnings

from .._backend import op as _op, _C
from ._pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_resample_axis = _op('resample_axis')
_im2col, _col2im = _op('im2col'), _op('col2im')

GRID_SAMPLE_INTERPOLATION_MODES = {'bilinear': 0, 'nearest': 1, 'bicubic': 2}
GRID_SAMPLE_PADDING_MODES = {'zeros': 0, 'border': 1, 'reflection': 2}


def _pair(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x, x)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of (N, C, H, W) as a column: (N, C * kernel, windows)."""
    return _im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Adds up columns (N, C * kernel, windows) into images (N, C, *output_size)."""
    return _col2im(input, _pair(output_size), _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


# ---- interpolate ----

_AXIS_MODES = {(1, 'linear'): 'linear', (2, 'bilinear'): 'linear', (3, 'trilinear'): 'linear', (2, 'bicubic'): 'cubic',
               (2, 'lanczos'): 'lanczos'}
_FIT = ('Input and {0} must have the same number of spatial dimensions, but got input with spatial dimensions of {1} and '
        '{2} {3}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {2} in {4} format.')


def _sizes_and_factors(input, size, scale_factor):
    """(output sizes or None, factors or None), each a list with one entry a spatial dimension."""
    n, old = input.dim() - 2, list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError('only one of size or scale_factor should be defined')
    if size is None and scale_factor is None:
        raise ValueError('either size or scale_factor should be defined')
    if size is not None:
        if not isinstance(size, (list, tuple)):
            return [size] * n, None
        if len(size) != n:
            raise ValueError(_FIT.format('output', old, 'output size', f'of {size}', '(o1, o2, ...,oK)'))
        if not all(isinstance(s, int) or hasattr(s, '__index__') for s in size):
            raise TypeError('expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got '
                            f'size with types {[type(s) for s in size]}')
        return list(size), None
    if not isinstance(scale_factor, (list, tuple)):
        return None, [scale_factor] * n
    if len(scale_factor) != n:
        raise ValueError(_FIT.format('scale_factor', old, 'scale_factor', f'of shape {scale_factor}', '(s1, s2, ...,sK)'))
    return None, list(scale_factor)


def interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resizes the spatial dimensions of (N, C, ...) to size, or by scale_factor."""
    plain = mode in ('nearest', 'area', 'nearest-exact')
    if plain and align_corners is not None:
        raise ValueError('align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | '
                         'trilinear')
    n = input.dim() - 2
    sizes, factors = _sizes_and_factors(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError('recompute_scale_factor is not meaningful with an explicit size.')
    if factors is not None:
        sizes = [int(s * f) for s, f in zip(input.shape[2:], factors)]
        if recompute_scale_factor or mode == 'area':
            factors = None
    if antialias and not (mode in ('bilinear', 'bicubic', 'lanczos') and n == 2):
        raise ValueError('Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as '
                         'input')
    if n not in (1, 2, 3) or not (plain or (n, mode) in _AXIS_MODES):
        _no_such_mode(input, mode)
    if mode == 'area':
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](input, sizes)
    if mode == 'lanczos' and not antialias:
        raise ValueError('Lanczos mode requires antialias=True')
    if min(input.shape[2:]) < 1 or min(sizes) < 1:
        def text(values):
            return ', '.join(f'{name}: {v}' for name, v in zip('DHW'[3 - n:], values))
        raise RuntimeError(f'Input and output sizes should be greater than 0, but got input ({text(input.shape[2:])}) output '
                           f'({text(sizes)})')
    integer = input.dtype if not input.is_floating_point() else None
    x = input.float() if integer is not None else input
    for d in reversed(range(n)):
        x = _resample_axis(x, 2 + d, sizes[d], mode if plain else _AXIS_MODES[n, mode], bool(align_corners),
                           float(factors[d]) if factors is not None else 0.0, antialias)
    if integer is not None:
        x = x.clamp(0, 255).add(0.5).floor().to(integer) if integer == _C.uint8 and not plain else x.to(integer)
    return x


def _no_such_mode(input, mode):
    n = input.dim()
    for dims, wanted in ((3, 'bilinear'), (3, 'trilinear'), (4, 'linear'), (4, 'trilinear'), (5, 'linear'), (5, 'bilinear')):
        if n == dims and mode == wanted:
            need = {'linear': 3, 'bilinear': 4, 'trilinear': 5}[wanted]
            raise NotImplementedError(f'Got {n}D input, but {mode} mode needs {need}D input')
    raise NotImplementedError(f'Input Error: Only 3D, 4D and 5D input Tensors supported (got {n}D) for the modes: nearest | '
                              'linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got '
                              f'{mode})')


def upsample(input, size=None, scale_factor=None, mode='nearest', align_corners=None):
    warnings.warn('`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.', stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    warnings.warn('`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.', stacklevel=2)
    return interpolate(input, size, scale_factor, mode='nearest')


def upsample_bilinear(input, size=None, scale_factor=None):
    warnings.warn('`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.', stacklevel=2)
    return interpolate(input, size, scale_factor, mode='bilinear', align_corners=True)


# ---- sampling at given places ----

_CORNERS_CHANGED = ('Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify '
                    'align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.')


def _axis_grid(theta, n, align_corners):
    places = _C.linspace(-1, 1, n, dtype=theta.dtype) if n > 1 else _C.zeros(1, dtype=theta.dtype)
    return places if align_corners or n <= 1 else places * ((n - 1) / n)


def affine_grid(theta, size, align_corners=None):
    """The places (N, H, W, 2) or (N, D, H, W, 3) that affine maps theta (N, 2, 3) or (N, 3, 4) take a grid to."""
    if align_corners is None:
        warnings.warn(_CORNERS_CHANGED, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f'Expected theta to have floating point type, but got {theta.dtype}')
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError('affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. '
                                  f'Got size {size}.')
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (n, n + 1):
        raise ValueError(f'Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got {theta.shape}.')
    if align_corners and min(size[2:]) == 1:
        warnings.warn('Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This '
                      'is not an intended use case of affine_grid. See the documentation of affine_grid for details.',
                      stacklevel=2)
    elif min(size) <= 0:
        raise ValueError(f'Expected non-zero, positive output size. Got {size}')
    axes = _C.meshgrid(*[_axis_grid(theta, s, align_corners) for s in size[2:]], indexing='ij')
    base = _C.stack([*reversed(axes), _C.ones_like(axes[0])], -1).view(1, -1, n + 1).expand(size[0], -1, -1)
    return (base @ theta.transpose(1, 2)).view(size[0], *size[2:], n)


def _reflected(x, low, high):
    """x bounced between low and high."""
    if low == high:
        return x * 0
    span = high - low
    x = (x - low).abs()
    rest = x.fmod(span)
    flips = (x.detach() / span).floor()
    return _C.where(flips % 2 == 0, rest + low, span - rest + low)


def _padded_place(x, size, padding_mode, align_corners):
    if padding_mode == 'reflection':
        x = _reflected(x, 0, size - 1) if align_corners else _reflected(x, -0.5, size - 0.5)
    return x if padding_mode == 'zeros' else x.clamp(0, size - 1)


def _taken(input, index, sizes):
    """input (N, C, ...) at integer places index (one tensor (N, ...) an axis), 0 outside."""
    n, c = input.shape[:2]
    inside, flat = None, 0
    for i, size in zip(index, sizes):
        ok = (i >= 0) & (i <= size - 1)
        inside = ok if inside is None else inside & ok
        flat = flat * size + _C.where(ok, i, 0).to(_C.int64)
    spot = _C.where(inside, flat, 0).view(n, 1, -1).expand(n, c, -1)
    values = input.reshape(n, c, -1).gather(2, spot).view(n, c, *flat.shape[1:])
    return values * inside.unsqueeze(1).to(input.dtype)


def _cubic_weights(t):
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _check_grid(input, grid, mode):
    if input.dim() != grid.dim() or input.dim() not in (4, 5):
        raise RuntimeError('grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with '
                           f'sizes {list(input.shape)} and grid with sizes {list(grid.shape)}')
    if input.size(0) != grid.size(0):
        raise RuntimeError('grid_sampler(): expected grid and input to have same batch size, but got input with sizes '
                           f'{list(input.shape)} and grid with sizes {list(grid.shape)}')
    if grid.size(-1) != input.dim() - 2:
        raise RuntimeError(f'grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but got grid with '
                           f'sizes {list(grid.shape)}')
    for d in range(2, input.dim()):
        if input.size(d) == 0:
            raise RuntimeError('grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes '
                               f'{list(input.shape)} with dimension {d} being empty')
    if input.dtype != grid.dtype:
        raise RuntimeError('grid_sampler(): expected input and grid to have same dtype, but input has '
                           f'{input.dtype} and grid has {grid.dtype}'.replace('torch.', ''))
    if mode == 'bicubic' and input.dim() == 5:
        raise RuntimeError('grid_sampler(): bicubic interpolation only supports 4D input')


def grid_sample(input, grid, mode='bilinear', padding_mode='zeros', align_corners=None):
    """input (N, C, H, W) at the places grid (N, h, w, 2), x first, both in [-1, 1]; or the same in three dimensions."""
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
                         f"'{mode}'")
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
                         f"'{padding_mode}'")
    if align_corners is None:
        warnings.warn(_CORNERS_CHANGED, stacklevel=2)
        align_corners = False
    _check_grid(input, grid, mode)
    sizes = input.shape[2:]
    places = []
    for size, x in zip(sizes, reversed(grid.unbind(-1))):
        x = (x + 1) / 2 * (size - 1) if align_corners else ((x + 1) * size - 1) / 2
        places.append(x if mode == 'bicubic' else _padded_place(x, size, padding_mode, align_corners))
    if mode == 'nearest':
        return _taken(input, [x.detach().round() for x in places], sizes)
    floors = [x.detach().floor() for x in places]
    if mode == 'bicubic':
        (y, x), (y0, x0) = places, floors
        total = 0
        wy, wx = _cubic_weights(y - y0), _cubic_weights(x - x0)
        for j in range(4):
            row = 0
            yj = _padded_place(y0 + (j - 1), sizes[0], padding_mode, align_corners)
            for i in range(4):
                xi = _padded_place(x0 + (i - 1), sizes[1], padding_mode, align_corners)
                row = row + _taken(input, [yj, xi], sizes) * wx[i].unsqueeze(1)
            total = total + row * wy[j].unsqueeze(1)
        return total
    total = 0
    for corner in range(2 ** len(sizes)):
        index, weight = [], None
        for axis, (x, low) in enumerate(zip(places, floors)):
            up = corner >> (len(sizes) - 1 - axis) & 1
            w = x - low if up else low + 1 - x
            index.append(low + 1 if up else low)
            weight = w if weight is None else weight * w
        total = total + _taken(input, index, sizes) * weight.unsqueeze(1)
    return total


# ---- channels into space and back ----

def pixel_shuffle(input, upscale_factor):
    """(*, C r^2, H, W) to (*, C, H r, W r)."""
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError(f'pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.dim()} '
                           'dimension(s)')
    if r <= 0:
        raise RuntimeError(f'pixel_shuffle expects a positive upscale_factor, but got {r}')
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                           f'upscale_factor, but input.size(-3)={c} is not divisible by {r * r}')
    out = c // (r * r)
    n = len(lead)
    x = input.reshape(*lead, out, r, r, h, w).permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, out, h * r, w * r)


def pixel_unshuffle(input, downscale_factor):
    """(*, C, H r, W r) to (*, C r^2, H, W)."""
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError(f'pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.dim()} '
                           'dimension(s)')
    if r <= 0:
        raise RuntimeError(f'pixel_unshuffle expects a positive downscale_factor, but got {r}')
    *lead, c, h, w = input.shape
    for name, at, size in (('height', -2, h), ('width', -1, w)):
        if size % r:
            raise RuntimeError(f'pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})='
                               f'{size} is not divisible by {r}')
    n = len(lead)
    x = input.reshape(*lead, c, h // r, r, w // r, r).permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input, groups):
    """The channels (dim 1), seen as groups x (C / groups), transposed."""
    if input.dim() < 3:
        raise RuntimeError(f'channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}')
    c = input.size(1)
    if groups <= 0:
        raise RuntimeError('Number of groups to divide channels in must be positive. Value of groups:' + str(groups))
    if c % groups:
        raise RuntimeError(f'Number of channels must be divisible by groups. Got {c} channels and {groups} groups.')
    x = input.reshape(input.size(0), groups, c // groups, *input.shape[2:]).transpose(1, 2)
    return x.reshape(input.shape)


native_channel_shuffle = channel_shuffle
