"""Methods and functions that are compositions of ops and for which no op of that name is in the table: attached to Tensor and
to the package where they are missing. Gradients follow from what they are made of."""
from __future__ import annotations

import functools
import warnings

from . import _C
from ._C import Tensor

_METHODS, _FUNCTIONS = {}, {}


def _face(*places):
    def add(f):
        name = f.__name__
        if 'method' in places:
            _METHODS[name] = f
        if 'torch' in places:
            _FUNCTIONS[name] = f
        return f
    return add


_both = _face('method', 'torch')


@_face('method')
def where(self, condition, other):
    """self where the condition holds, other elsewhere."""
    return _C.where(condition, self, other)


_nonzero = _C.nonzero


def nonzero(input, *, out=None, as_tuple=False):
    """The places of the elements that are not 0: an index each row, or with as_tuple one index vector a dimension."""
    if as_tuple:
        return _C.where(input != 0) if input.dtype is not _C.bool else _C.where(input)
    return _nonzero(input, out=out) if out is not None else _nonzero(input)


# ---- Different values ----

@_both
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different values in ascending order; with dim the different slices. Optionally where each element's value is among
    them, and how often each occurs."""
    if dim is None:
        out, inverse, counts = _C._ops.unique_all(input, sorted, return_inverse, return_counts)
    else:
        flat = input.movedim(dim, 0)
        rows = flat.reshape(flat.shape[0], -1)
        keys = sorted_rows = rows.tolist()
        order = [*range(len(keys))]
        order.sort(key=lambda i: keys[i])
        firsts, inverse, counts = [], [0] * len(keys), []
        for i in order:
            if not firsts or keys[i] != keys[firsts[-1]]:
                firsts.append(i)
                counts.append(0)
            inverse[i] = len(firsts) - 1
            counts[-1] += 1
        out = input.index_select(dim, _C.tensor(firsts, dtype=_C.int64))
        inverse, counts = _C.tensor(inverse, dtype=_C.int64), _C.tensor(counts, dtype=_C.int64)
    result = (out,) + ((inverse,) if return_inverse else ()) + ((counts,) if return_counts else ())
    return result[0] if len(result) == 1 else result


@_both
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Runs of equal values shortened to one element (with dim: of equal slices)."""
    flat = input.reshape(-1) if dim is None else input.movedim(dim, 0)
    n = flat.shape[0]
    if n == 0:
        new = _C.zeros(0, dtype=_C.bool)
    else:
        differs = flat[1:] != flat[:-1]
        if differs.dim() > 1:
            differs = differs.reshape(n - 1, -1).any(1)
        new = _C.cat([_C.ones(1, dtype=_C.bool), differs])
    places = new.nonzero().reshape(-1)
    out = flat.index_select(0, places)
    if dim is not None:
        out = out.movedim(0, dim)
    inverse = new.long().cumsum(0) - 1
    ends = _C.cat([places[1:], _C.tensor([n], dtype=_C.int64)]) if n else places
    result = (out,) + ((inverse.view(input.shape) if dim is None else inverse,) if return_inverse else ())
    result += ((ends - places,) if return_counts else ())
    return result[0] if len(result) == 1 else result


# ---- Writing by index ----

@_both
def index_put_(self, indices, values, accumulate=False):
    """self[indices] = values; with accumulate self[indices] += values, each occurrence counted."""
    if isinstance(indices, Tensor):
        raise TypeError("index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not Tensor")
    if not isinstance(values, Tensor):
        raise TypeError(f"index_put_(): argument 'values' (position 2) must be Tensor, not {type(values).__name__}")
    indices = tuple(slice(None) if i is None else i for i in indices)
    if not accumulate:
        self[indices] = values
        return self
    places = _C.arange(self.numel()).view(self.shape)[indices].reshape(-1)
    shape = self[indices].shape
    flat = _C.zeros(self.numel(), dtype=self.dtype).index_add(0, places, values.expand(shape).reshape(-1))
    return self.add_(flat.view(self.shape))


@_both
def index_put(self, indices, values, accumulate=False):
    """A copy of self with index_put_ done to it."""
    return index_put_(self.clone(), indices, values, accumulate)


@_face('method')
def put_(self, index, source, accumulate=False):
    """Writes source at places counted in the flattened self."""
    if source.dtype != self.dtype:
        raise RuntimeError('put_(): self and source expected to have the same dtype, but got '
                           f'self.dtype = {self.type()[6:-6]} and source.dtype = {source.type()[6:-6]}')
    flat = self.reshape(-1)
    flat = index_put_(flat if flat.data_ptr() == self.data_ptr() else flat.clone(), (index.reshape(-1),), source.reshape(-1), accumulate)
    if flat.data_ptr() != self.data_ptr():
        self.copy_(flat.view(self.shape))
    return self


@_face('method')
def put(self, index, source, accumulate=False):
    return put_(self.clone(), index, source, accumulate)


@_face('method')
def fill_diagonal_(self, fill_value, wrap=False):
    """Writes a value on the main diagonal."""
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError('all dimensions of input must be of equal length')
    n = min(self.shape)
    self[(_C.arange(n),) * self.dim()] = fill_value
    return self


@_face('method')
def scatter_reduce(self, dim, index, src, reduce, *, include_self=True):
    """scatter with reduction: 'sum', 'mean', 'prod', 'amax', 'amin'."""
    return scatter_reduce_(self.clone(), dim, index, src, reduce, include_self=include_self)


@_face('method')
def scatter_reduce_(self, dim, index, src, reduce, *, include_self=True):
    src = src[tuple(slice(n) for n in index.shape)]
    ones = _C.ones_like(src)
    counts = _C.zeros_like(self).scatter_add(dim, index, ones)
    touched = counts > 0
    if reduce in ('sum', 'mean'):
        base = self if include_self else self.masked_fill(touched, 0)
        out = base.scatter_add(dim, index, src)
        if reduce == 'mean':
            counts = (counts + 1 if include_self else counts).clamp(min=1)
            out = out / counts if out.is_floating_point() else out.div(counts, rounding_mode='floor')
        return self.copy_(out)
    if reduce not in ('prod', 'amax', 'amin'):
        raise RuntimeError('reduce argument must be either sum, prod, mean, amax or amin, got ' + reduce + '.')
    start = {'prod': 1, 'amax': float('-inf'), 'amin': float('inf')}[reduce]
    if not self.is_floating_point() and reduce != 'prod':
        info = __import__('ctorch').iinfo(self.dtype)
        start = info.min if reduce == 'amax' else info.max
    out = self.detach().clone() if include_self else self.detach().masked_fill(touched, start)
    width = index.shape[dim]
    for k in range(width):   # one slice after the other: no place occurs twice within one
        at, new = index.narrow(dim, k, 1), src.narrow(dim, k, 1)
        old = out.gather(dim, at)
        out = out.scatter(dim, at, old * new if reduce == 'prod' else _C.maximum(old, new) if reduce == 'amax' else _C.minimum(old, new))
    return self.copy_(out)


# ---- Shapes ----

@_face('method')
def resize_(self, *sizes, memory_format=None):
    """Changes the shape in place; the storage grows where it must, new elements are uninitialised."""
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    n = 1
    for s in sizes:
        n *= s
    strides, step = [], 1
    for s in reversed(sizes):
        strides.insert(0, step)
        step *= max(s, 1)
    flat = self.detach()._storage_bytes()
    room = flat.numel() // self.element_size() - self.storage_offset()
    if n <= room:
        self.data = self.detach()._over(self.dtype, self.storage_offset(), tuple(sizes), tuple(strides))
    else:
        new = _C.empty(n, dtype=self.dtype)
        old = self.detach()._over(self.dtype, self.storage_offset(), (room,), (1,))
        new[:room] = old
        self.data = new._over(self.dtype, 0, tuple(sizes), tuple(strides))
    return self


@_face('method')
def resize_as_(self, the_template, memory_format=None):
    return resize_(self, the_template.shape)


@_face('method')
def sum_to_size(self, *size):
    """Sums over dimensions so that the result has this size."""
    if len(size) == 1 and not isinstance(size[0], int):
        size = tuple(size[0])
    t = self
    while t.dim() > len(size):
        t = t.sum(0)
    for i, n in enumerate(size):
        if n == 1 and t.shape[i] != 1:
            t = t.sum(i, keepdim=True)
    if tuple(t.shape) != tuple(size):
        raise RuntimeError(f'size {{{list(size)}}} is not expandable to size {{{list(self.shape)}}}.')
    return t


def _splitter(name, dim_of):
    def split(input, indices_or_sections):
        dim = dim_of(input)
        if isinstance(indices_or_sections, int):
            return _C.tensor_split(input, indices_or_sections, dim)
        ends = [0, *indices_or_sections, input.shape[dim]]
        return tuple(input.narrow(dim, a, max(b - a, 0)) for a, b in zip(ends, ends[1:]))
    split.__name__ = name
    return _both(split)


_splitter('hsplit', lambda t: 0 if t.dim() == 1 else 1)
_splitter('vsplit', lambda t: 0)
_splitter('dsplit', lambda t: 2)


# ---- Sums and products ----

@_both
def inner(input, other):
    """Products summed over the last dimension of both."""
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    return _C.matmul(input, other.transpose(-1, -2)) if other.dim() == 2 else __import__('ctorch').tensordot(
        input, other, dims=([-1], [-1])) if other.dim() > 2 else _C.matmul(input, other)


@_both
def kron(input, other):
    from ._composites import kron
    return kron(input, other)


@_both
def trace(input):
    """The sum of the main diagonal of a matrix."""
    return input.diagonal().sum()


def _sum_of_products(f):
    """beta * input + alpha * f(...): integers keep the whole part of beta and alpha; the order beta, input, alpha, ... is old."""
    @functools.wraps(f)
    def run(input, *args, beta=1, alpha=1):
        factors = [a for a in (input,) + args if not isinstance(a, Tensor)]
        if factors:
            warnings.warn(f'This overload of {f.__name__} is deprecated: numbers follow the tensors, as beta=..., alpha=...',
                          UserWarning, stacklevel=2)
            input, *args = (a for a in (input,) + args if isinstance(a, Tensor))
            beta, alpha = factors if len(factors) == 2 else factors + [alpha]
        product = f(*args)
        if not product.is_floating_point():
            for name, factor in (('beta', beta), ('alpha', alpha)):
                if f.__name__ == 'addr' and isinstance(factor, float):
                    raise RuntimeError(f'For integral input tensors, argument {name} must not be a floating point number.')
            beta, alpha = int(beta), int(alpha)
        return alpha * product + (beta * input if beta else 0)
    return _both(run)


@_sum_of_products
def addmv(mat, vec):
    return _C.mv(mat, vec)


@_sum_of_products
def addr(vec1, vec2):
    return _C.outer(vec1, vec2)


@_sum_of_products
def addbmm(batch1, batch2):
    return _C.bmm(batch1, batch2).sum(0)


@_both
def vdot(input, other):
    return _C.dot(input, other)


@_both
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours along dim, n times."""
    parts = [t for t in (prepend, input, append) if t is not None]
    t = _C.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        m = t.shape[dim]
        t = t.narrow(dim, 1, m - 1) - t.narrow(dim, 0, m - 1)
    return t


# ---- Statistics ----

@_both
def quantile(input, q, dim=None, keepdim=False, *, interpolation='linear'):
    """Quantiles by interpolation between the sorted neighbours."""
    q = _C.as_tensor(q, dtype=input.dtype)
    if ((q < 0) | (q > 1)).any():
        raise RuntimeError('quantile() q must be in the range [0, 1] but got ' + str(q))
    flat = input.reshape(-1) if dim is None else input.movedim(dim, -1)
    ordered = flat.sort(-1)[0]
    n = ordered.shape[-1]
    place = q.reshape(-1) * (n - 1)
    low = place.floor()
    weight = place - low
    if interpolation == 'nearest':
        low, weight = place.round(), weight * 0
    elif interpolation == 'lower':
        weight = weight * 0
    elif interpolation == 'higher':
        low, weight = place.ceil(), weight * 0
    elif interpolation == 'midpoint':
        weight = (weight > 0).to(q.dtype) * 0.5
    low = low.long()
    high = (low + 1).clamp(max=n - 1)
    a, b = ordered.index_select(-1, low), ordered.index_select(-1, high)
    out = _C.lerp(a, b, weight.expand_as(a)).movedim(-1, 0)
    if ordered.isnan().any():
        out = out.masked_fill(ordered.isnan().any(-1), float('nan'))
    if keepdim:
        out = out.reshape((out.shape[0],) + (1,) * input.dim()) if dim is None else out.unsqueeze(dim + 1 if dim >= 0 else dim)
    return out if q.dim() else out[0]


@_both
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean of the elements that are not nan."""
    ok = ~input.isnan()
    if dim is None:
        return input.masked_fill(~ok, 0).sum(dtype=dtype) / ok.sum()
    return input.masked_fill(~ok, 0).sum(dim, keepdim=keepdim, dtype=dtype) / ok.sum(dim, keepdim=keepdim)


@_both
def mode(input, dim=-1, keepdim=False):
    """The most frequent value along dim (the smallest of several) and its last place."""
    flat = input.movedim(dim, -1)
    rows = flat.reshape(-1, flat.shape[-1]).tolist()
    values, places = [], []
    for row in rows:
        best = min(set(row), key=lambda v: (-row.count(v), v))
        values.append(best)
        places.append(len(row) - 1 - row[::-1].index(best))
    shape = flat.shape[:-1]
    values, places = _C.tensor(values, dtype=input.dtype).view(shape), _C.tensor(places, dtype=_C.int64).view(shape)
    if keepdim:
        values, places = values.unsqueeze(dim), places.unsqueeze(dim)
    return values, places


@_both
def histc(input, bins=100, min=0, max=0):
    """Counts in `bins` equal intervals from min to max (of the data, if both are 0)."""
    flat = input.detach().reshape(-1)
    low, high = float(min), float(max)
    if low == high == 0 and flat.numel():
        low, high = flat.min().item(), flat.max().item()
    if low == high:
        low, high = low - 1, high + 1
    inside = flat[(flat >= low) & (flat <= high)]
    place = ((inside - low) * (bins / (high - low))).long().clamp(max=bins - 1)
    return _C.zeros(bins, dtype=input.dtype).index_add(0, place, _C.ones_like(inside))


@_both
def renorm(input, p, dim, maxnorm):
    """Slices along dim whose p-norm is above maxnorm are scaled down to it."""
    if p <= 0:
        raise RuntimeError('renorm: non-positive-norm not supported')
    dims = [i for i in range(input.dim()) if i != dim % input.dim()]
    norm = input.norm(p, dims, True)
    return input * _C.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)


# ---- Element-wise ----

@_both
def positive(input):
    return input


@_both
def logaddexp(input, other):
    """log(exp(input) + exp(other)), without overflow."""
    top = _C.maximum(input, other).detach()
    top = top.masked_fill(top.isinf(), 0)
    return ((input - top).exp() + (other - top).exp()).log() + top


@_both
def xlogy(input, other):
    """input * log(other), 0 where input is 0."""
    input, other = (v if isinstance(v, Tensor) else _C.tensor(float(v)) for v in (input, other))
    nothing = (input == 0) & ((other <= 0) | other.isinf())     # where the product would not be 0; elsewhere log keeps its gradient
    return input * _C.where(nothing, 1.0, other).log()


@_both
def hypot(input, other):
    """sqrt(input^2 + other^2), without overflow; an infinite operand wins over nan."""
    scale = _C.maximum(input.abs(), other.abs()).detach()
    scale = _C.where((scale > 0) & scale.isfinite(), scale, 1.0)
    x, y = input / scale, other / scale
    return _C.where(input.isinf() | other.isinf(), float('inf'), (x * x + y * y).sqrt() * scale)


@_both
def deg2rad(input):
    return input * 0.017453292519943295


@_both
def rad2deg(input):
    return input * 57.29577951308232


@_both
def sinc(input):
    """sin(pi x) / (pi x), 1 at 0."""
    t = input * 3.141592653589793
    return _C.where(t == 0, 1.0, t.sin() / t.masked_fill(t == 0, 1.0))


@_both
def signbit(input):
    return (input < 0) | ((input == 0) & (1 / input < 0)) if input.is_floating_point() else input < 0


@_both
def copysign(input, other):
    """The magnitude of input with other's sign."""
    if not isinstance(other, Tensor):
        other = _C.tensor(float(other))
    return _C.where(signbit(other), -input.abs(), input.abs())


@_both
def heaviside(input, values):
    """0 below 0, 1 above it, values at 0."""
    return _C.where(input == 0, values, (input > 0).to(input.dtype))


@_both
def float_power(input, exponent):
    """The power, in float64."""
    a = input.double() if isinstance(input, Tensor) else float(input)
    return _C.pow(a, exponent.double() if isinstance(exponent, Tensor) else float(exponent))


@_both
def ldexp(input, other):
    return input * _C.pow(2.0, other)


@_both
def erfinv(input):
    """The inverse of erf on (-1, 1): a starting value, then Newton's steps in float64."""
    x = input.detach().double()
    w = -((1 - x) * (1 + x)).log()
    a = 0.147
    t = 2 / (3.141592653589793 * a) - w / 2
    y = x.sign() * ((t * t + w / a).sqrt() - t).clamp(min=0).sqrt()
    for _ in range(3):
        y = y - (y.erf() - x) * (y * y).exp() * 0.886226925452758
    y = _C.where(x.abs() == 1, x * float('inf'), _C.where(x.abs() > 1, float('nan'), y)).to(
        input.dtype if input.is_floating_point() else _C.get_default_dtype())
    if input.requires_grad:
        y = _C.where(y.isinf(), y, y + (input - input.detach()) * (y * y).exp() * 0.886226925452758)
    return y


# ---- Orders and places among numbers ----

@_both
def nanmedian(input, dim=None, keepdim=False):
    """The lower median of the elements that are not nan (nan where all are); with dim also its place."""
    if dim is None:
        flat = input.reshape(-1)
        good = flat[~flat.isnan()]
        return good.median() if good.numel() else flat.sum() * float('nan')
    ordered, places = input.sort(dim)
    last = (~input.isnan()).sum(dim, keepdim=True) - 1
    at = (last.clamp(min=0)) // 2
    values, places = ordered.gather(dim, at), places.gather(dim, at)
    from .return_types import nanmedian as named
    return named(values, places) if keepdim else named(values.squeeze(dim), places.squeeze(dim))


@_both
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation='linear'):
    """quantile of the elements that are not nan; nan where all are."""
    x = input.reshape(-1) if dim is None else input.movedim(dim, -1)
    ordered = x.sort(-1)[0]
    many = isinstance(q, Tensor) and q.dim() > 0
    q = _C.as_tensor(q, dtype=input.dtype)
    if ((q < 0) | (q > 1)).any():
        raise RuntimeError('quantile() q must be in the range [0, 1] but got ' + (str(q) if q.dim() else f'{q.item():g}'))
    last = (~x.isnan()).sum(-1, keepdim=True) - 1
    place = q.reshape(-1) * last.clamp(min=0)
    low = place.floor()
    weight = {'linear': place - low, 'lower': place * 0, 'higher': (place > low).to(q.dtype), 'midpoint': (place > low).to(q.dtype) * 0.5,
              'nearest': place.round() - low}.get(interpolation)
    if weight is None:
        raise RuntimeError('quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ' + interpolation)
    a = ordered.gather(-1, low.long())
    b = ordered.gather(-1, _C.minimum(low.long() + 1, last.clamp(min=0)))
    out = _C.lerp(a, b, weight).movedim(-1, 0)
    if keepdim:
        out = out.reshape((out.shape[0],) + (1,) * input.dim()) if dim is None else out.unsqueeze(dim + 1 if dim >= 0 else dim)
    return out if many else out[0]


@_face('torch', 'method')
def histogram(input, bins, *, range=None, weight=None, density=False):
    """(counts or sums of weights, edges): bins equal intervals over range (or over the data), or intervals between the edges `bins`.
    density: divided by the whole and by the intervals' lengths. Values outside do not count."""
    x = input.detach().reshape(-1)
    if not input.is_floating_point():
        raise NotImplementedError(f'"histogramdd" not implemented for \'{_scalar_type(input)}\'')
    if weight is not None and (weight.shape != input.shape or weight.dtype != input.dtype):
        raise RuntimeError('torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding '
                           f'its innermost dimension, but got input with shape {[x.numel(), 1]} and weight with shape {list(weight.shape)}'
                           + (f' and dtype {weight.dtype}' if weight.shape == input.shape else ''))
    if isinstance(bins, Tensor):
        edges = bins.to(input.dtype)
        if range is not None:
            raise TypeError('histogram(): range goes with a number of bins only')
    else:
        if bins <= 0:
            raise RuntimeError(f'torch.histogram(): bins must be > 0, but got {bins} for dimension 0')
        low, high = (float(v) for v in range) if range is not None else (x.min().item(), x.max().item()) if x.numel() else (0.0, 1.0)
        if not (abs(low) < float('inf') and abs(high) < float('inf')):
            raise RuntimeError(f'torch.histogramdd: dimension 0\'s range [{low}, {high}] is not finite')
        if low > high:
            raise RuntimeError(f'torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0')
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = _C.linspace(low, high, bins + 1, dtype=input.dtype)
    n = edges.numel() - 1
    inside = (x >= edges[0]) & (x <= edges[n])
    place = (_C.searchsorted(edges, x[inside], right=True) - 1).clamp(max=n - 1)
    counted = _C.ones_like(x) if weight is None else weight.detach().reshape(-1)
    result = _C.zeros(n, dtype=input.dtype).index_add(0, place, counted[inside])
    if density:
        result = result / result.sum() / (edges[1:] - edges[:-1])
    from .return_types import histogram as named
    return named(result, edges)


@_both
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """A copy of input in which the slices that index names are reduced with source's along dim: 'prod', 'mean', 'amax' or 'amin'."""
    if reduce not in ('prod', 'mean', 'amax', 'amin'):
        raise RuntimeError(f'index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.')
    if index.dim() > 1:
        raise IndexError(f'index_reduce_(): Index is supposed to be a vector, but got dim: {index.dim()} with type: '
                         f'{_scalar_type(index)} and size: {list(index.shape)}')
    d = dim % max(input.dim(), 1)
    if source.dim() and source.size(d) != index.numel():
        raise RuntimeError('index_reduce(): Number of indices should be equal to self.size(dim)')
    places = index.reshape([-1 if k == d else 1 for k in range(source.dim())]).expand(source.shape)
    return input.scatter_reduce(dim, places, source, reduce, include_self=include_self)


# ---- Memory ----

def _span(size, stride):
    """How many elements of memory a tensor of this size and stride reaches over."""
    if len(size) != len(stride):
        raise RuntimeError(f'mismatch in length of strides and shape: {len(size)} sizes, {len(stride)} strides')
    if any(n < 0 for n in (*size, *stride)):
        raise RuntimeError(f'sizes and strides must not be negative, got {list(size)} and {list(stride)}')
    return 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride))


@_face('torch')
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Memory that is not initialised, of this size and these strides."""
    t = _C.empty(_span(size, stride), dtype=dtype, device=device).as_strided(list(size), list(stride))
    return t.requires_grad_() if requires_grad else t


@_face('torch')
def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Memory that is not initialised, whose dimensions lie in memory in the order physical_layout, the outermost first."""
    if sorted(physical_layout) != list(range(len(size))):
        raise RuntimeError(f'empty_permuted: physical_layout must be a permutation of the dimensions, got {list(physical_layout)}')
    t = _C.empty([size[d] for d in physical_layout], dtype=dtype, device=device)
    t = t.permute([list(physical_layout).index(d) for d in range(len(size))])
    return t.requires_grad_() if requires_grad else t


@_face('method')
def new_empty_strided(self, size, stride, *, dtype=None, device=None, requires_grad=False):
    """empty_strided with self's dtype and device."""
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@_both
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of input with src in place of input.as_strided(size, stride, storage_offset)."""
    out = input.clone()
    part = out.as_strided(size, stride) if storage_offset is None else out.as_strided(size, stride, storage_offset)
    if part.shape != src.shape:
        raise RuntimeError(f'expected src to have a size equal to the slice of self. src size = {list(src.shape)}, '
                           f'slice size = {list(part.shape)}')
    part.copy_(src)
    return out


@_both
def adjoint(input):
    """The last two dimensions exchanged."""
    return input.transpose(-2, -1)


@_face('torch')
def get_device(input):
    return input.get_device()


@_both
def is_neg(input):
    return False


@_both
def resolve_neg(input):
    return input


# ---- Special functions ----

@_both
def logit(input, eps=None):
    """log(x / (1 - x)); with eps of x brought into [eps, 1 - eps]."""
    x = input if input.is_floating_point() else input.to(_C.get_default_dtype())
    if eps is not None:
        x = x.clamp(eps, 1 - eps)
    return (x / (1 - x)).log()


@_both
def mvlgamma(input, p):
    """The logarithm of the multivariate gamma function of dimension p >= 1."""
    if p < 1:
        raise RuntimeError('p has to be greater than or equal to 1')
    steps = _C.arange(0, -p, -1, dtype=input.dtype if input.is_floating_point() else _C.get_default_dtype()) / 2
    return (input.unsqueeze(-1) + steps).lgamma().sum(-1) + p * (p - 1) * 0.28618247146235004


@_face('method')
def polygamma(self, n):
    """The n-th derivative of digamma."""
    return _C.polygamma(n, self)


def _composed(name):
    def run(self, *args, **kwargs):
        from . import _composites
        return getattr(_composites, name)(self, *args, **kwargs)
    run.__name__, run.__qualname__ = name, f'Tensor.{name}'
    _METHODS[name] = run


for _f in ('corrcoef', 'cov', 'diagflat', 'diagonal_scatter', 'fmax', 'fmin', 'isneginf', 'isposinf', 'isreal', 'logaddexp2',
           'select_scatter', 'slice_scatter'):
    _composed(_f)


@_face('method')
def is_nonzero(self):
    """Whether the only element is not 0."""
    from ._types import is_nonzero
    return is_nonzero(self)


# ---- In-place forms ----

def _scalar_type(t):
    """The dtype's name in messages: Float, Long."""
    kind = t.type().rpartition('.')[2]
    return kind[:-len('Tensor')]


def _in_place(f, check=None):
    """f's form that ends in _: the result takes the place of self's values. A clone goes in, so that the graph keeps what self was."""
    name = f.__name__ + '_'

    @functools.wraps(f)
    def run(self, *args, **kwargs):
        result = f(self.clone(), *args, **kwargs)
        if result.shape != self.shape:
            raise RuntimeError(f'output with shape {[*self.shape]} doesn\'t match the broadcast shape {[*result.shape]}')
        if check:
            check(self, result)
        if result.is_floating_point() and not self.is_floating_point():
            raise RuntimeError(f'result type {_scalar_type(result)} can\'t be cast to the desired output type {_scalar_type(self)}')
        return self.copy_(result)
    run.__name__, run.__qualname__ = name, f'Tensor.{name}'
    run.__doc__ = f'{f.__name__} in place: self takes the result\'s values.'
    _METHODS[name] = run


def _double(self, result):
    if self.dtype is not result.dtype:
        raise RuntimeError(f'the base given to float_power_ has dtype {_scalar_type(self)} but the operation\'s result '
                           f'requires dtype {_scalar_type(result)}')


def _no_gradient(self, result):
    if _C.is_grad_enabled() and (self.requires_grad or result.requires_grad):
        raise RuntimeError('derivative for aten::heaviside_ is not implemented')


for _f in (addmv, addr, addbmm, xlogy, hypot, deg2rad, rad2deg, sinc, copysign, ldexp, erfinv, renorm, logit, mvlgamma, polygamma,
           index_reduce):
    _in_place(_f)
_in_place(float_power, _double)
_in_place(heaviside, _no_gradient)
for _f in ('addmv_', 'deg2rad_', 'rad2deg_', 'ldexp_', 'logit_', 'sinc_', 'xlogy_'):
    _FUNCTIONS[_f] = _METHODS[_f]


@_face('method', 'torch')
def as_strided_(self, size, stride, storage_offset=None):
    """Gives self another size and other strides over its memory."""
    part = self.detach().as_strided(size, stride) if storage_offset is None else self.detach().as_strided(size, stride, storage_offset)
    if self.requires_grad:
        raise RuntimeError('as_strided_: a tensor that requires a gradient keeps its shape; use as_strided')
    self.data = part
    return self


# ---- Complex numbers do not exist: real is the tensor itself ----

def _imag(self):
    raise RuntimeError('imag is not implemented for tensors with non-complex dtypes.')


# ---- Older names of torch.linalg ----

@_both
def cholesky(input, upper=False, *, out=None):
    """torch.linalg.cholesky, deprecated."""
    warnings.warn('torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future PyTorch release.',
                  stacklevel=2)
    from . import linalg
    try:
        return linalg.cholesky(input, upper=upper, out=out)
    except RuntimeError as e:
        raise type(e)(str(e).replace('linalg.cholesky', 'cholesky')) from None


@_both
def cholesky_solve(B, L, upper=False, *, out=None):
    """X with A X = B, (*, n, k), of the Cholesky factor L of A, (*, n, n)."""
    from . import linalg
    for t, name in ((B, 'b'), (L, 'u')):
        if t.dim() < 2:
            raise RuntimeError(f'{name} should have at least 2 dimensions, but has {t.dim()} dimensions instead')
    if L.size(-1) != L.size(-2):
        raise RuntimeError(f'A must be batches of square matrices, but they are {L.size(-2)} by {L.size(-1)} matrices')
    if B.size(-2) != L.size(-1):
        raise RuntimeError(f'Incompatible matrix sizes for cholesky_solve: each A matrix is {L.size(-1)} by {L.size(-1)} but each b '
                           f'matrix is {B.size(-2)} by {B.size(-1)}')
    if B.dtype != L.dtype:
        raise RuntimeError('Expected b and A to have the same dtype, but found b of type '
                           f'{linalg._kind(B.dtype)} and A of type {linalg._kind(L.dtype)} instead.')
    lower = L.transpose(-2, -1) if upper else L
    first = linalg.solve_triangular(lower, B, upper=False)
    return linalg._given(out, linalg.solve_triangular(lower.transpose(-2, -1), first, upper=True))


@_both
def cholesky_inverse(L, upper=False, *, out=None):
    """The inverse of A, of its Cholesky factor."""
    from . import linalg
    linalg._square(L, 'cholesky_inverse')
    return cholesky_solve(_C.eye(L.size(-1), dtype=L.dtype).expand(L.shape), L, upper, out=out)


@_both
def pinverse(input, rcond=1e-15):
    """torch.linalg.pinv."""
    from . import linalg
    return linalg.pinv(input, rcond)


@_both
def matrix_exp(input):
    """torch.linalg.matrix_exp."""
    from . import linalg
    return linalg.matrix_exp(input)


@_both
def cross(input, other, dim=None, *, out=None):
    """The vector product along dim, the first of 3 elements where none is given (which is deprecated)."""
    from . import linalg
    if dim is None:
        warnings.warn('Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or simply '
                      'use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a '
                      'future release.',
                      stacklevel=2)
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError('no dimension of size 3 in input')
    return linalg.cross(input, other, dim=dim, out=out)


@_both
def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """torch.linalg.lu_solve, deprecated."""
    warnings.warn('torch.lu_solve is deprecated in favor of torch.linalg.lu_solve and will be removed in a future PyTorch release.',
                  stacklevel=2)
    from . import linalg
    return linalg.lu_solve(LU_data, LU_pivots, b, out=out)


@_face('torch')
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """(P, L, U) with A = P L U of what lu_factor gave; what is not asked for is empty."""
    from . import linalg
    P, L, U = linalg._unpacked(LU_data, LU_pivots)
    nothing = LU_data.new_empty(0)
    return linalg._given(out, linalg.lu_unpack(P if unpack_pivots else nothing, *((L, U) if unpack_data else (nothing, nothing))))


@_both
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    """(solution of A X = b, a copy of A), deprecated in favour of torch.linalg.solve_triangular."""
    from . import linalg
    warnings.warn('torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular and will be removed in a future '
                  'PyTorch release.', stacklevel=2)
    x = linalg.solve_triangular(A.transpose(-2, -1) if transpose else A, b, upper=upper != transpose, unitriangular=unitriangular)
    return linalg.triangular_solve(x, A.clone())


def attach(package):
    """Adds what is missing; an op of the table always wins."""
    for name, f in _METHODS.items():
        if not hasattr(Tensor, name):
            setattr(Tensor, name, f)
    for name, f in _FUNCTIONS.items():
        if name not in package:
            package[name] = f
    Tensor.nonzero = package['nonzero'] = nonzero
    if not hasattr(Tensor, 'real'):
        Tensor.real = property(lambda self: self)
        Tensor.imag = property(_imag)
        package.setdefault('real', lambda input: input)
        package.setdefault('imag', _imag)
