"""torch.* functions made of other ops; a C op of the same name takes precedence."""
from ._backend import Tensor, _C

__all__ = ['broadcast_tensors', 'meshgrid', 'cartesian_prod', 'einsum', 'atleast_1d', 'atleast_2d', 'hstack', 'vstack',
           'dstack', 'row_stack', 'column_stack', 'tensordot', 'block_diag', 'std_mean', 'var_mean', 'isclose',
           'allclose', 'is_same_size', 'concat', 'concatenate', 'swapaxes', 'swapdims', 'moveaxis', 'movedim', 'tile',
           'clip', 'absolute', 'multiply', 'subtract', 'divide', 'negative', 'true_divide', 'repeat_interleave',
           'bincount', 'tril_indices', 'triu_indices', 'diag', 'count_nonzero', 'cdist', 'chain_matmul',
           'unravel_index', 'split_with_sizes', 'scalar_tensor', 'trace', 'kron', 'bucketize', 'broadcast_shapes', 'isin', 'combinations',
           'cov', 'corrcoef', 'vander', 'trapezoid', 'trapz', 'cumulative_trapezoid', 'diagflat', 'atleast_3d', 'matrix_power',
           'isposinf', 'isneginf', 'pdist', 'rrelu', 'bilinear', 'isreal', 'fmax', 'fmin', 'logaddexp2', 'select_scatter', 'slice_scatter',
           'diagonal_scatter',
           'hann_window', 'kaiser_window', 'hamming_window', 'blackman_window', 'bartlett_window', 'cosine_similarity', 'pairwise_distance',
           'pixel_shuffle', 'pixel_unshuffle', 'channel_shuffle', 'group_norm', 'rms_norm']


def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = []
    for t in tensors:
        own = list(t.shape)
        shape = [1] * (len(own) - len(shape)) + shape
        for i in range(1, len(own) + 1):
            if own[-i] != 1:
                if shape[-i] not in (1, own[-i]):
                    raise RuntimeError(f'The size of tensor a ({shape[-i]}) must match the size of tensor b '
                                       f'({own[-i]}) at non-singleton dimension {len(shape) - i}')
                shape[-i] = own[-i]
    return tuple(t.expand(shape) for t in tensors)


def meshgrid(*tensors, indexing=None):
    """Grids of coordinates: one tensor for each input, all of shape (len(t0), len(t1), ...) ('ij')."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing is None:
        import warnings
        warnings.warn('torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.',
                      stacklevel=2)
        indexing = 'ij'
    if indexing not in ('ij', 'xy'):
        raise RuntimeError('torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + indexing)
    swap = indexing == 'xy' and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    n = len(tensors)
    shape = [t.numel() for t in tensors]
    grids = [t.reshape([-1 if i == j else 1 for j in range(n)]).expand(shape) for i, t in enumerate(tensors)]
    if swap:
        grids = [g.transpose(0, 1) for g in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors):
    if len(tensors) == 1:
        return tensors[0]
    return _C.stack([g.reshape(-1) for g in meshgrid(*tensors, indexing='ij')], 1)


def einsum(equation, *operands):
    """Sums of products over named dimensions: einsum('bij,bjk->bik', a, b)."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(' ', '').partition('->')
    terms = left.split(',')
    if len(terms) != len(operands):
        raise RuntimeError('einsum(): ' + ('more' if len(operands) > len(terms) else 'fewer')
                           + ' operands were provided than specified in the equation')
    free = [c for c in '\x01\x02\x03\x04\x05\x06\x07\x08']
    expanded, widest = [], 0
    for k, (term, op) in enumerate(zip(terms, operands)):
        if '...' in term:
            n = op.dim() - len(term) + 3
            widest = max(widest, n)
            term = term.replace('...', ''.join(free[len(free) - n:]) if n else '')
        if len(term) != op.dim():
            raise RuntimeError(f'einsum(): the number of subscripts in the equation ({len(term)}) does not match the '
                               f'number of dimensions ({op.dim()}) for operand {k} and no ellipsis was given')
        expanded.append(term)
    if arrow:
        out = right.replace('...', ''.join(free[len(free) - widest:]) if widest else '')
    else:
        letters = ''.join(expanded)
        out = ''.join(free[len(free) - widest:] if widest else '') + ''.join(
            sorted(c for c in set(letters) if letters.count(c) == 1 and c not in free))
    sizes = {}
    for k, (term, op) in enumerate(zip(expanded, operands)):
        for c, s in zip(term, op.shape):
            if sizes.get(c, 1) == 1:
                sizes[c] = s
            elif s not in (1, sizes[c]):
                raise RuntimeError(f'einsum(): subscript {c} has size {s} for operand {k} which does not broadcast with '
                                   f'previously seen size {sizes[c]}')
    prepared = []
    for term, op in zip(expanded, operands):
        seen = ''
        for c in term:                      # repeated letters: the diagonal
            if c in seen:
                op = op.diagonal(0, seen.index(c), len(seen)).movedim(-1, seen.index(c)) if hasattr(op, 'movedim') \
                    else _to_place(op.diagonal(0, seen.index(c), len(seen)), seen.index(c))
            else:
                seen += c
        prepared.append((seen, op))
    while len(prepared) > 1:
        (ta, a), (tb, b) = prepared[0], prepared[1]
        later = out + ''.join(t for t, _ in prepared[2:])
        prepared[:2] = [_contract(ta, a, tb, b, later, sizes)]
    term, op = prepared[0]
    gone = [i for i, c in enumerate(term) if c not in out]
    if gone:
        op = op.sum(gone)
        term = ''.join(c for c in term if c in out)
    return op.permute([term.index(c) for c in out]) if term != out else op


def _to_place(t, place):
    order = list(range(t.dim() - 1))
    order.insert(place, t.dim() - 1)
    return t.permute(order)


def _contract(ta, a, tb, b, later, sizes):
    """Two operands to one, summing over the letters that nothing later needs: one bmm."""
    def drop(term, t, other):
        gone = [i for i, c in enumerate(term) if c not in later and c not in other]
        return (''.join(c for c in term if c in later or c in other), t.sum(gone)) if gone else (term, t)
    ta, a = drop(ta, a, tb)
    tb, b = drop(tb, b, ta)
    batch = [c for c in ta if c in tb and c in later]
    summed = [c for c in ta if c in tb and c not in later]
    only_a = [c for c in ta if c not in tb]
    only_b = [c for c in tb if c not in ta]

    def arranged(term, t, first, second, third):
        order = first + second + third
        t = t.permute([term.index(c) for c in order])
        t = t.expand([sizes[c] if c in first + summed else s for c, s in zip(order, t.shape)])

        def size(letters):
            n = 1
            for c in letters:
                n *= sizes[c]
            return n
        return t.reshape(size(first), size(second), size(third))
    result = _C.bmm(arranged(ta, a, batch, only_a, summed), arranged(tb, b, batch, summed, only_b))
    term = batch + only_a + only_b
    return ''.join(term), result.reshape([sizes[c] for c in term])


def tensordot(a, b, dims=2, out=None):
    """Sums over dims of a and dims of b."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        dims_a, dims_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    dims_a = [d % a.dim() for d in dims_a]
    dims_b = [d % b.dim() for d in dims_b]
    keep_a = [d for d in range(a.dim()) if d not in dims_a]
    keep_b = [d for d in range(b.dim()) if d not in dims_b]
    shape = [a.size(d) for d in keep_a] + [b.size(d) for d in keep_b]
    n = 1
    for d in dims_a:
        n *= a.size(d)
    return _C.mm(a.permute(keep_a + dims_a).reshape(-1, n), b.permute(dims_b + keep_b).reshape(n, -1)).reshape(shape)


def _each(fn):
    def run(*tensors):
        if len(tensors) == 1:
            return tuple(fn(t) for t in tensors[0]) if isinstance(tensors[0], (list, tuple)) else fn(tensors[0])
        return tuple(fn(t) for t in tensors)
    return run


atleast_1d = _each(lambda t: t.reshape(1) if t.dim() == 0 else t)
atleast_2d = _each(lambda t: t.reshape(1, -1) if t.dim() < 2 else t)


def _atleast_3d(t):
    return t.reshape(1, -1, 1) if t.dim() < 2 else t.unsqueeze(-1) if t.dim() == 2 else t


def hstack(tensors, *, out=None):
    tensors = [atleast_1d(t) for t in tensors]
    return _C.cat(tensors, 0 if tensors[0].dim() == 1 else 1)


def vstack(tensors, *, out=None):
    return _C.cat([atleast_2d(t) for t in tensors], 0)


row_stack = vstack


def dstack(tensors, *, out=None):
    return _C.cat([_atleast_3d(t) for t in tensors], 2)


def column_stack(tensors, *, out=None):
    return _C.cat([t.reshape(-1, 1) if t.dim() < 2 else t for t in tensors], 1)


def block_diag(*tensors):
    tensors = [atleast_2d(t) for t in tensors]
    result = _C.zeros(sum(t.size(0) for t in tensors), sum(t.size(1) for t in tensors), dtype=tensors[0].dtype)
    row = col = 0
    for t in tensors:
        result[row:row + t.size(0), col:col + t.size(1)] = t
        row += t.size(0)
        col += t.size(1)
    return result


def std_mean(input, *args, **kwargs):
    dim = args[0] if args else kwargs.get('dim')
    keep = kwargs.get('keepdim', False)
    return _C.std(input, *args, **kwargs), input.mean() if dim is None else input.mean(dim, keepdim=keep)


def var_mean(input, *args, **kwargs):
    dim = args[0] if args else kwargs.get('dim')
    keep = kwargs.get('keepdim', False)
    return _C.var(input, *args, **kwargs), input.mean() if dim is None else input.mean(dim, keepdim=keep)


def isclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    """|input - other| <= atol + rtol * |other|, element by element; equal infinities are close."""
    close = input == other
    if equal_nan and input.is_floating_point():
        close = close | ((input != input) & (other != other))
    if not (rtol == 0 and atol == 0):
        limit = atol + (rtol * other).abs()
        gap = (input - other).abs()
        close = close | (_C.isfinite(gap) & (gap <= limit))
    return close


def allclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    """True if all elements are close."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def is_same_size(input, other):
    return input.shape == other.shape


def concat(tensors, dim=0, *, out=None):
    return _C.cat(tensors, dim) if out is None else _C.cat(tensors, dim, out=out)


concatenate = concat


def swapaxes(input, axis0, axis1):
    return input.transpose(axis0, axis1)


swapdims = swapaxes


def movedim(input, source, destination):
    n = input.dim()
    source = [s % n for s in ([source] if isinstance(source, int) else source)]
    destination = [d % n for d in ([destination] if isinstance(destination, int) else destination)]
    order = [d for d in range(n) if d not in source]
    for d, s in sorted(zip(destination, source)):
        order.insert(d, s)
    return input.permute(order)


moveaxis = movedim


def tile(input, dims):
    dims = tuple(dims)
    return input.repeat((1,) * (input.dim() - len(dims)) + dims)


def clip(input, min=None, max=None, *, out=None):
    return input.clamp(min, max)


def absolute(input):
    return input.abs()


def multiply(input, other):
    return _C.mul(input, other)


def subtract(input, other, *, alpha=1):
    return _C.sub(input, other, alpha=alpha)


def divide(input, other, *, rounding_mode=None):
    return _C.div(input, other, rounding_mode=rounding_mode)


def true_divide(input, other):
    return _C.div(input, other)


def negative(input):
    return input.neg()


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or slice along dim) `repeats` times."""
    if dim is None:
        input, dim = input.reshape(-1), 0
    n = input.size(dim)
    if isinstance(repeats, int):
        index = _C.arange(n).reshape(-1, 1).expand(n, repeats).reshape(-1)
    else:
        counts = repeats.tolist() if isinstance(repeats, Tensor) else list(repeats)
        counts = counts * n if len(counts) == 1 else counts
        index = _C.tensor([i for i, c in enumerate(counts) for _ in range(c)], dtype=_C.int64)
    return input.index_select(dim, index)


def bincount(input, weights=None, minlength=0):
    n = max(int(input.max()) + 1 if input.numel() else 0, minlength)
    if weights is None:
        return _C.zeros(n, dtype=_C.int64).index_add(0, input.to(_C.int64), _C.ones_like(input, dtype=_C.int64))
    return _C.zeros(n, dtype=_C.float64).index_add(0, input.to(_C.int64), weights.to(_C.float64))


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    pairs = [(i, j) for i in range(row) for j in range(col) if j - i <= offset]
    return _C.tensor([[i for i, _ in pairs], [j for _, j in pairs]], dtype=dtype or _C.int64)


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    pairs = [(i, j) for i in range(row) for j in range(col) if j - i >= offset]
    return _C.tensor([[i for i, _ in pairs], [j for _, j in pairs]], dtype=dtype or _C.int64)


def diag(input, diagonal=0, *, out=None):
    """A matrix's diagonal, or the matrix with that diagonal."""
    if input.dim() == 2:
        return input.diagonal(diagonal).clone()
    n = input.numel() + abs(diagonal)
    result = _C.zeros(n, n, dtype=input.dtype)
    rows = _C.arange(input.numel()) + max(-diagonal, 0)
    cols = _C.arange(input.numel()) + max(diagonal, 0)
    result[rows, cols] = input
    return result


def trace(input):
    return input.diagonal().sum()


def count_nonzero(input, dim=None):
    found = (input != 0)
    return found.sum() if dim is None else found.sum(dim)


def cdist(x1, x2, p=2.0, compute_mode=None):
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


def chain_matmul(*matrices, out=None):
    result = matrices[0]
    for m in matrices[1:]:
        result = result @ m
    return result


def unravel_index(indices, shape):
    result = []
    for s in reversed(shape):
        result.append(indices % s)
        indices = indices // s
    return tuple(reversed(result))


def split_with_sizes(input, split_sizes, dim=0):
    return _C.split(input, split_sizes, dim)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=None):
    return _C.tensor(s, dtype=dtype or _C.get_default_dtype())


def kron(input, other, *, out=None):
    n = max(input.dim(), other.dim())
    a = input.reshape((1,) * (n - input.dim()) + tuple(input.shape))
    b = other.reshape((1,) * (n - other.dim()) + tuple(other.shape))
    ai = a.reshape([x for s in a.shape for x in (s, 1)])
    bi = b.reshape([x for s in b.shape for x in (1, s)])
    return (ai * bi).reshape([s * t for s, t in zip(a.shape, b.shape)])


def bucketize(input, boundaries, *, out_int32=False, right=False):
    cells = boundaries <= input.unsqueeze(-1) if right else boundaries < input.unsqueeze(-1)
    return cells.sum(-1).to(_C.int32 if out_int32 else _C.int64)


def broadcast_shapes(*shapes):
    """The torch.Size to which tensors of these shapes broadcast."""
    out = []
    for index, shape in enumerate(shapes):
        shape = [shape] if isinstance(shape, int) else list(shape)
        out = [1] * (len(shape) - len(out)) + out
        for i in range(1, len(shape) + 1):
            if shape[-i] < 0:
                raise RuntimeError(f'Trying to create tensor with negative dimension ({shape[-i]}): ({shape[-i]})')
            if shape[-i] not in (1, out[-i]):
                if out[-i] != 1:
                    raise RuntimeError(f'Attempting to broadcast a dimension of length {shape[-i]} at {-i}! Mismatching argument at index '
                                       f'{index} had {tuple(shape)}; but expected shape should be broadcastable to {out}')
                out[-i] = shape[-i]
    return _C.Size(out)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Which elements are among test_elements: bool, of the shape of elements."""
    elements, tests = (x if isinstance(x, Tensor) else _C.tensor(x) for x in (elements, test_elements))
    if elements.numel() * tests.numel() <= 4096:
        found = (elements.unsqueeze(-1) == tests.reshape(-1)).any(-1)
    else:
        kind = _C.promote_types(elements.dtype, tests.dtype)
        ordered, values = tests.reshape(-1).to(kind).sort()[0], elements.to(kind)
        found = ordered[_C.searchsorted(ordered, values).clamp(max=ordered.numel() - 1)] == values
    return found.logical_not() if invert else found


def combinations(input, r=2, with_replacement=False):
    """All choices of r elements of a 1-D tensor, (number of choices, r)."""
    if input.dim() != 1:
        raise RuntimeError(f'Expect a 1D vector, but got shape {list(input.shape)}')
    if r < 0:
        raise RuntimeError(f'Expect a non-negative number, but got {r}')
    import itertools
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(len(input)), r))
    if not rows or r == 0:
        return input.new_empty((0,) if r == 0 else (0, r))
    return input[_C.tensor(rows)]


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance of variables in rows, observations in columns; fweights and aweights weigh observations."""
    if input.dim() > 2:
        raise RuntimeError(f'cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions')
    x = input.reshape(1, -1) if input.dim() < 2 else input
    w = None
    if fweights is not None:
        w = fweights
    if aweights is not None:
        w = aweights if w is None else w * aweights
    total = x.size(1) if w is None else w.sum()
    mean = (x.sum(1) if w is None else (x * w).sum(1)) / total
    norm = total - (correction if aweights is None else correction * (w * aweights).sum() / total)
    if not isinstance(norm, Tensor):
        norm = max(norm, 0)
    x = x - mean.unsqueeze(1)
    return ((x if w is None else x * w) @ x.t() / norm).squeeze()


def corrcoef(input):
    """Pearson's correlation of variables in rows."""
    c = cov(input)
    if c.dim() == 0:
        return c / c
    d = c.diag().sqrt()
    return (c / d.unsqueeze(1) / d.unsqueeze(0)).clamp(-1, 1)


def vander(x, N=None, increasing=False):
    """(len(x), N): powers of x, the highest first unless increasing."""
    if x.dim() != 1:
        raise RuntimeError('x must be a one-dimensional tensor.')
    n = len(x) if N is None else N
    if n < 0:
        raise RuntimeError('N must be non-negative.')
    powers = _C.stack([x ** k for k in range(n)], 1) if n else x.new_empty((len(x), 0))
    return powers if increasing else powers.flip(1)


def _steps(y, x, dx, dim):
    left, right = y.narrow(dim, 0, max(y.size(dim) - 1, 0)), y.narrow(dim, min(1, y.size(dim)), max(y.size(dim) - 1, 0))
    if x is None:
        return (left + right) * (dx / 2.0)
    if x.dim() == 1:
        x = x.view([-1 if d == dim % y.dim() else 1 for d in range(y.dim())])
    else:
        x = x.expand_as(y)
    return (left + right) * (x.diff(dim=dim) / 2.0)


def trapezoid(y, x=None, *, dx=1, dim=-1):
    """The integral of y along dim by the trapezoidal rule, at points x or dx apart."""
    return _steps(y, x, dx, dim).sum(dim)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=1, dim=-1):
    return _steps(y, x, dx, dim).cumsum(dim)


def diagflat(input, offset=0):
    """The flattened input on a diagonal."""
    return input.reshape(-1).diag(offset)


def atleast_3d(*tensors):
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    out = tuple(t.reshape(1, 1, 1) if t.dim() == 0 else t.view(1, -1, 1) if t.dim() == 1 else t.unsqueeze(-1) if t.dim() == 2 else t
                for t in tensors)
    return out[0] if len(out) == 1 else out


def matrix_power(input, n, *, out=None):
    """torch.linalg.matrix_power."""
    from . import linalg
    return linalg.matrix_power(input, n, out=out)


def isposinf(input):
    return input == float('inf') if input.is_floating_point() else _C.zeros(input.shape, dtype=_C.bool)


def isneginf(input):
    return input == -float('inf') if input.is_floating_point() else _C.zeros(input.shape, dtype=_C.bool)


def isreal(input):
    return _C.ones(input.shape, dtype=_C.bool)


def fmax(input, other):
    """The greater of two; of a NaN and a number the number."""
    return _C.where((input >= other) | other.isnan(), input, other)


def fmin(input, other):
    """The smaller of two; of a NaN and a number the number."""
    return _C.where((input <= other) | other.isnan(), input, other)


def logaddexp2(input, other):
    """log2(2^input + 2^other)."""
    high, low = _C.maximum(input, other), _C.minimum(input, other)
    return _C.where(high == low, high + 1, high + _C.log2(1 + _C.exp2(low - high)))


def _filled(out, part, src):
    """out, after src has taken the place of part, a view of it of src's shape."""
    if part.shape != src.shape:
        raise RuntimeError('expected src to have a size equal to the slice of self. src size = '
                           f'{list(src.shape)}, slice size = {list(part.shape)}')
    part.copy_(src)
    return out


def select_scatter(input, src, dim, index):
    """A copy of input with src in place of input.select(dim, index)."""
    out = input.clone()
    return _filled(out, out.select(dim, index), src)


def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of input with src in place of input[start:end:step] in dimension dim."""
    out = input.clone()
    return _filled(out, out[(slice(None),) * (dim % input.dim()) + (slice(start, end, step),)], src)


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of input with src in place of input.diagonal(offset, dim1, dim2)."""
    out = input.clone()
    return _filled(out, out.diagonal(offset, dim1, dim2), src)


def _window(window_length, periodic, dtype, values):
    """values(k, n - 1) for k < n points; of a periodic window the last of n + 1 is left out."""
    if window_length < 0:
        raise RuntimeError(f'window requires non-negative window_length, got window_length={window_length}')
    dtype = dtype or _C.get_default_dtype()
    if window_length < 2:
        return _C.ones(window_length, dtype=dtype)
    n = window_length + 1 if periodic else window_length
    return values(_C.arange(n, dtype=dtype), n - 1)[:window_length].clone()


def hann_window(window_length, periodic=True, *, dtype=None):
    """1/2 - 1/2 cos(2 pi k / n)."""
    return hamming_window(window_length, periodic, 0.5, 0.5, dtype=dtype)


def hamming_window(window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None):
    """alpha - beta cos(2 pi k / n)."""
    import math
    return _window(window_length, periodic, dtype, lambda k, n: alpha - beta * (k * (2 * math.pi / n)).cos())


def blackman_window(window_length, periodic=True, *, dtype=None):
    """0.42 - 0.5 cos(2 pi k / n) + 0.08 cos(4 pi k / n)."""
    import math
    return _window(window_length, periodic, dtype,
                   lambda k, n: (k * (4 * math.pi / n)).cos() * 0.08 - (k * (2 * math.pi / n)).cos() * 0.5 + 0.42)


def bartlett_window(window_length, periodic=True, *, dtype=None):
    """A triangle: 1 - |2 k / n - 1|."""
    return _window(window_length, periodic, dtype, lambda k, n: 1 - (k * (2 / n) - 1).abs())


def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None):
    """I0(beta sqrt(1 - (2 k / n - 1)^2)) / I0(beta)."""
    if window_length < 0:
        raise RuntimeError(f'kaiser_window requires non-negative window_length, got window_length={window_length}')
    return _window(window_length, periodic, dtype,
                   lambda k, n: _C.i0((1 - (k * (2 / n) - 1) ** 2).clamp(min=0).sqrt() * beta) / _C.i0(_C.tensor(beta, dtype=k.dtype)))


def pdist(input, p=2.0):
    """The p-norms of the differences of all pairs of rows."""
    from .nn.functional import pdist
    return pdist(input, p)


def __getattr__(name):
    """Those that torch.nn.functional has under the same name, with the same arguments."""
    if name in __all__:
        from .nn import functional
        return getattr(functional, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def result_type_of(tensors):
    result = tensors[0].dtype
    for t in tensors[1:]:
        result = _C.promote_types(result, t.dtype)
    return result
