"""torch.linalg: norms, inverses, systems of equations, factorisations of (batches of) matrices (*, m, n), float32 or float64.

The factorisations are ops of the C library (ops/linalg.ops) and compute in double; what is put together from them is here.
Gradients follow from the ops. A matrix that a function cannot deal with raises LinAlgError, a RuntimeError.
"""
import functools
from collections import namedtuple

from . import _C
from ._C import Tensor, diagonal as _diagonal, matmul

_ops = _C._ops
LinAlgError = _C._LinAlgError

__all__ = ['LinAlgError', 'cholesky', 'cholesky_ex', 'cond', 'cross', 'det', 'diagonal', 'eigh', 'eigvalsh', 'inv', 'inv_ex', 'lstsq',
           'lu', 'lu_factor', 'lu_factor_ex', 'lu_solve', 'matmul', 'matrix_exp', 'matrix_norm', 'matrix_power', 'matrix_rank',
           'multi_dot', 'norm', 'pinv', 'qr', 'slogdet', 'solve', 'solve_ex', 'solve_triangular', 'svd', 'svdvals', 'tensorinv',
           'tensorsolve', 'vander', 'vecdot', 'vector_norm']


def _tuple(name, fields):
    """A named tuple that prints as PyTorch's results do."""
    made = namedtuple(name, fields)
    made.__module__ = 'torch.return_types'
    made.__repr__ = lambda self: f'torch.return_types.{name}(\n' + ',\n'.join(f'{f}={v!r}' for f, v in zip(self._fields, self)) + ')'
    return made


lu_unpack = _tuple('lu_unpack', 'P L U')
triangular_solve = _tuple('triangular_solve', 'solution cloned_coefficient')
linalg_lu = _tuple('linalg_lu', 'P L U')
linalg_lu_factor = _tuple('linalg_lu_factor', 'LU pivots')
linalg_lstsq = _tuple('linalg_lstsq', 'solution residuals rank singular_values')


def _takes(*names):
    """A function whose first arguments are tensors of these names: others are a TypeError in PyTorch's words."""
    def wrap(f):
        @functools.wraps(f)
        def checked(*args, **kwargs):
            for i, name in enumerate(names):
                given = args[i] if i < len(args) else kwargs.get(name, _missing)
                if given is not _missing and not isinstance(given, Tensor):
                    raise TypeError(f"linalg_{f.__name__}(): argument '{name}' (position {i + 1}) must be Tensor, not "
                                    f'{type(given).__name__}')
            return f(*args, **kwargs)
        return checked
    return wrap


_missing = object()


def _kind(dtype):
    """A dtype as PyTorch's messages name it: Float, Int."""
    return _C.empty(0, dtype=dtype).type().rpartition('.')[2].replace('Tensor', '')


def _given(out, result):
    """The result, copied into out= where that is given."""
    if out is None:
        return result
    pairs = zip(out, result) if isinstance(result, tuple) else ((out, result),)
    for o, r in pairs:
        if o.shape != r.shape:
            o.resize_(r.shape)
        o.copy_(r)
    return out


def _floating(x, name, low=False):
    if not x.is_floating_point():
        raise RuntimeError(f'{name}: Expected a floating point or complex tensor as input. Got {_kind(x.dtype)}')
    if not low and x.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f'{name}: Low precision dtypes not supported. Got {_kind(x.dtype)}')


def _matrix(x, name, argument='A'):
    if x.dim() < 2:
        raise RuntimeError(f'{name}: The input tensor {argument} must have at least 2 dimensions.')


def _square(x, name):
    _matrix(x, name)
    if x.size(-1) != x.size(-2):
        raise RuntimeError(f'{name}: A must be batches of square matrices, but they are {x.size(-2)} by {x.size(-1)} matrices')


def _eps(x):
    return 2.0 ** -52 if x.dtype == _C.float64 else 2.0 ** -23


# ---- Inverses and systems of equations ----

def inv(A, *, out=None):
    """The inverses of square matrices (*, n, n); a singular one raises LinAlgError."""
    return _given(out, _ops.linalg_inv(A))


def inv_ex(A, *, check_errors=False, out=None):
    """(inverse, info): info is 0, or the place of the first pivot that is 0."""
    return _given(out, _ops.linalg_inv_ex(A, check_errors=check_errors))


def solve(A, B, *, left=True, out=None):
    """X with A X = B (X A = B without left), A (*, n, n), B (*, n, k) or vectors (*, n)."""
    return _given(out, _ops.linalg_solve(A, B, left=left))


def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """(result, info), as solve; info is not 0 where a matrix is singular."""
    return _given(out, _ops.linalg_solve_ex(A, B, left=left, check_errors=check_errors))


def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """As solve, with triangles for A; of the other half nothing is read."""
    return _given(out, _ops.linalg_solve_triangular(A, B, upper=upper, left=left, unitriangular=unitriangular))


@_takes('A')
def tensorinv(A, ind=2, *, out=None):
    """The inverse for tensordot: A's first `ind` dimensions as rows, the others as columns."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if columns.numel() != rows.numel():
        raise RuntimeError('Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got '
                           f'{columns.numel()} != {rows.numel()}')
    return _given(out, inv(A.reshape(rows.numel(), -1)).reshape(tuple(columns) + tuple(rows)))


@_takes('A', 'B')
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X, X.dim()) = B; `dims` of A are moved to its end first."""
    if dims is not None:
        dims = [d % A.dim() for d in dims]
        A = A.permute([d for d in range(A.dim()) if d not in dims] + dims)
    rest, size = A.shape[B.dim():], A.shape[:B.dim()].numel()
    if rest.numel() != size:
        raise RuntimeError('Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), '
                           f'but got {rest.numel()} != {size}')
    return _given(out, solve(A.reshape(size, size), B.reshape(-1)).reshape(tuple(rest)))


# ---- Determinants and factorisations ----

def det(A, *, out=None):
    """The determinants (*) of (*, n, n)."""
    return _given(out, _ops.linalg_det(A))


def slogdet(A, *, out=None):
    """(sign, logabsdet) of the determinants."""
    return _given(out, _ops.linalg_slogdet(A))


def cholesky(A, *, upper=False, out=None):
    """L with A = L L^T (upper: U^T U) of symmetric positive-definite matrices; others raise LinAlgError."""
    return _given(out, _ops.linalg_cholesky(A, upper=upper))


def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """(L, info): info is 0, or the order of the first minor that is not positive."""
    return _given(out, _ops.linalg_cholesky_ex(A, upper=upper, check_errors=check_errors))


def qr(A, mode='reduced', *, out=None):
    """(Q, R) with A = Q R; mode 'reduced', 'complete' (Q square) or 'r' (no Q)."""
    return _given(out, _ops.linalg_qr(A, mode))


def eigh(A, UPLO='L', *, out=None):
    """(eigenvalues, eigenvectors) of symmetric matrices, ascending, of which one triangle is read."""
    return _given(out, _ops.linalg_eigh(A, UPLO))


@_takes('A')
def eigvalsh(A, UPLO='L', *, out=None):
    """The eigenvalues of eigh."""
    wanted = A.requires_grad and _C.is_grad_enabled()
    return _given(out, _ops.linalg_eigh(A, UPLO)[0] if wanted else _ops.linalg_eigvals_symmetric(A, UPLO))


def _no_driver(driver):
    if driver is not None:
        raise RuntimeError('torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.')


def svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with A = U diag(S) Vh, S descending."""
    _no_driver(driver)
    return _given(out, _ops.linalg_svd(A, full_matrices))


@_takes('A')
def svdvals(A, *, driver=None, out=None):
    """The singular values, descending."""
    _no_driver(driver)
    return _given(out, _ops.linalg_svd(A, False)[1] if A.requires_grad and _C.is_grad_enabled() else _ops.linalg_svdvals_only(A))


def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """(LU, pivots, info): L below the diagonal and U in one matrix; row i was swapped with row pivots[i] - 1."""
    return _given(out, _ops.linalg_lu_factor_ex(A, pivot=pivot, check_errors=check_errors))


def lu_factor(A, *, pivot=True, out=None):
    """(LU, pivots); a singular matrix is an error."""
    return _given(out, linalg_lu_factor(*_ops.linalg_lu_factor_ex(A, pivot=pivot, check_errors=True)[:2]))


def _unpacked(LU, pivots):
    m, n = LU.shape[-2:]
    k = min(m, n)
    order = _ops.linalg_lu_permutation(pivots, m)
    eye = _C.eye(m, dtype=LU.dtype)
    L = LU[..., :k].tril(-1) + _C.eye(m, k, dtype=LU.dtype)
    return eye[order].transpose(-2, -1), L, LU[..., :k, :].triu()


def lu(A, *, pivot=True, out=None):
    """(P, L, U) with A = P L U."""
    LU, pivots, _ = _ops.linalg_lu_factor_ex(A, pivot=pivot)
    return _given(out, linalg_lu(*_unpacked(LU, pivots)))


@_takes('LU', 'pivots', 'B')
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """As solve, of what lu_factor gave; adjoint: A^T X = B."""
    _square(LU, 'linalg.lu_solve')
    _matrix(B, 'linalg.lu_solve', 'B')
    n = LU.size(-1)
    if B.size(-2 if left else -1) != n:
        raise RuntimeError(f'linalg.lu_solve: Incompatible shapes of A and B for the equation {"AX" if left else "XA"} = B '
                           f'({n}x{n} and {B.size(-2)}x{B.size(-1)})')
    if not left:
        return _given(out, lu_solve(LU, pivots, B.transpose(-2, -1), adjoint=not adjoint).transpose(-2, -1))
    P = _unpacked(LU.detach(), pivots)[0]
    if adjoint:
        Y = solve_triangular(LU.transpose(-2, -1), B, upper=False)
        return _given(out, P @ solve_triangular(LU.transpose(-2, -1), Y, upper=True, unitriangular=True))
    Y = solve_triangular(LU, P.transpose(-2, -1) @ B, upper=False, unitriangular=True)
    return _given(out, solve_triangular(LU, Y, upper=True))


# ---- What singular values tell ----

def _tolerances(A, atol, rtol):
    """PyTorch's: rtol is max(m, n) eps unless something is given, 0 beside an atol above 0."""
    if rtol is None:
        rtol = _eps(A) * max(A.shape[-2:])
        if isinstance(atol, Tensor):
            rtol = _C.where(atol > 0, _C.zeros_like(atol), _C.full_like(atol, rtol))
        elif atol is not None and atol > 0:
            rtol = 0.0
    return 0.0 if atol is None else atol, rtol


def _limit(largest, atol, rtol):
    """max(atol, rtol * largest), one number a matrix."""
    limit = largest * rtol
    if isinstance(atol, Tensor):
        return _C.maximum(limit, atol.to(limit.dtype))
    return limit.clamp(min=float(atol))


@_takes('A')
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The pseudoinverse (*, n, m); singular values up to max(atol, rtol * the largest) count as 0."""
    if not isinstance(A, Tensor) or A.dim() < 2 or A.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f'linalg.pinv({_kind(A.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of float, '
                           'double, cfloat or cdouble types')
    if hermitian:
        _square(A, 'linalg.eigh')
    atol, rtol = _tolerances(A, atol, rcond if rtol is None else rtol)
    if not any(isinstance(t, Tensor) and t.numel() != 1 for t in (atol, rtol)):
        return _given(out, _ops.linalg_pinv_tolerance(A, float(atol), float(rtol), hermitian))
    U, S, Vh = svd(A, False)
    kept = S > _limit(S.amax(-1), atol, rtol).unsqueeze(-1)
    inverse = _C.where(kept, 1 / _C.where(kept, S, _C.ones_like(S)), _C.zeros_like(S))
    return _given(out, (Vh.transpose(-2, -1) * inverse.unsqueeze(-2)) @ U.transpose(-2, -1))


@_takes('A')
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values are above max(atol, rtol * the largest), int64 (*)."""
    _matrix(A, 'torch.linalg.matrix_rank', 'input')
    if A.dtype not in (_C.float32, _C.float64):
        raise RuntimeError("This function doesn't handle types other than float and double")
    atol, rtol = (tol, 0.0) if tol is not None else _tolerances(A, atol, rtol)
    if A.numel() == 0:
        return _given(out, _C.zeros(A.shape[:-2], dtype=_C.int64))
    A = A.detach()
    S = eigvalsh(A).abs() if hermitian else svdvals(A)
    return _given(out, (S > _limit(S.amax(-1), atol, rtol).unsqueeze(-1)).sum(-1))


@_takes('A')
def cond(A, p=None, *, out=None):
    """The condition number: of 2-norms (None, 2, -2) the singular values' ratio, else norm(A, p) * norm(inv(A), p)."""
    if A.dim() < 2:
        raise RuntimeError('linalg.cond: The input tensor must have at least 2 dimensions.')
    if p not in (None, 2, -2, 1, -1, float('inf'), -float('inf'), 'fro', 'nuc'):
        raise RuntimeError(f'linalg.cond got an invalid norm type: {p}')
    if p in (None, 2, -2):
        if A.numel() == 0 and A.size(-1) == A.size(-2) == 0:
            return _given(out, _C.zeros(A.shape[:-2], dtype=A.dtype))
        S = svdvals(A)
        high, low = S[..., 0], S[..., -1]
        return _given(out, low / high if p == -2 else high / low)
    _square(A, f'linalg.cond(ord={p})')
    _floating(A, 'linalg.cond')
    if A.numel() == 0:
        return _given(out, _C.zeros(A.shape[:-2], dtype=A.dtype))
    inverse, info = inv_ex(A)
    result = matrix_norm(A, p) * matrix_norm(inverse, p)
    return _given(out, _C.where(info != 0, _C.full_like(result, float('inf')), result))


@_takes('A', 'B')
def lstsq(A, B, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values): the X of least |A X - B|, the shortest where there are several."""
    if A.dim() < 2:
        raise RuntimeError('torch.linalg.lstsq: input must have at least 2 dimensions.')
    if A.dtype != B.dtype:
        raise RuntimeError("torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
                           f"{_kind(A.dtype)} and other's dtype {_kind(B.dtype)}")
    _floating(A, 'torch.linalg.lstsq')
    driver = 'gelsy' if driver is None else driver
    if driver not in ('gels', 'gelsy', 'gelsd', 'gelss'):
        raise RuntimeError('torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)')
    vectors = B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])
    b = B.unsqueeze(-1) if vectors else B
    if b.size(-2) != A.size(-2):
        raise RuntimeError(f'torch.linalg.lstsq: input.size({-2}) should match other.size({-1 if vectors else -2})')
    m, n = A.shape[-2:]
    rtol = _eps(A) * max(m, n) if rcond is None or rcond < 0 else float(rcond)
    solution = _ops.linalg_pinv_tolerance(A, 0.0, rtol, False) @ b
    nothing = A.new_empty(0)
    rank, values, residuals = _C.empty(0, dtype=_C.int64), nothing, nothing
    if driver != 'gels':
        rank = matrix_rank(A, rtol=rtol)
    if driver in ('gelsd', 'gelss'):
        values = svdvals(A.detach())
    if m > n and driver != 'gelsy' and (driver == 'gels' or bool((rank == n).all())):
        residuals = (A @ solution - b).square().sum(-2)
    return linalg_lstsq(solution.squeeze(-1) if vectors else solution, residuals, rank, values)


# ---- Norms ----

def _convertible(x, dtype, name):
    if dtype is None:
        return x
    if not dtype.is_floating_point:
        raise RuntimeError(f'{name}: dtype should be floating point or complex, but got {_kind(dtype)}')
    if _C.promote_types(x.dtype, dtype) != dtype:
        raise RuntimeError(f'{name}: the dtype of the input ({_kind(x.dtype)}) should be convertible without narrowing to the specified '
                           f'dtype ({_kind(dtype)})')
    return x.to(dtype)


def _number(x):
    """A number as C++ prints it: 2, 2.5, inf."""
    return f'{x:g}' if isinstance(x, float) else str(x)


@_takes('x')
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """(sum |x|^ord)^(1/ord) over dim, or over all elements; inf, -inf: the largest, the smallest |x|; 0: how many are not 0."""
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    _floating(x, 'linalg.vector_norm', low=True)
    x = _convertible(x, dtype, 'linalg.vector_norm')
    dims = None if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if ord < 0 or ord == float('inf'):
        if not dims and x.numel() == 0:
            raise RuntimeError(f'linalg.vector_norm cannot compute the {_number(ord)} norm on an empty tensor because the operation does '
                               'not have an identity')
        for d in dims or ():
            if -x.dim() <= d < x.dim() and x.size(d) == 0:
                raise RuntimeError(f'linalg.vector_norm cannot compute the {_number(ord)} norm on the dimension {d}because this '
                                   'dimension is empty and the operation does not have an identity')
    return _given(out, _C.norm(x, ord, dims or tuple(range(x.dim())), keepdim))


@_takes('A')
def matrix_norm(A, ord='fro', dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Of the matrices in two dimensions: 'fro', 'nuc' (the sum of singular values), 2, -2 (the largest, the smallest of them), 1, -1
    (of the columns' sums of |x|), inf, -inf (of the rows')."""
    name = 'linalg.matrix_norm'
    _matrix(A, name)
    dims = [dim] if isinstance(dim, int) else list(dim)
    if len(dims) != 2:
        raise RuntimeError(f'{name}: dim must be a 2-tuple. Got {" ".join(map(str, dims))}')
    _floating(A, name, low=ord not in (2, -2, 'nuc'))
    for d in dims:
        if not -A.dim() <= d < A.dim():
            raise IndexError(f'Dimension out of range (expected to be in range of [{-A.dim()}, {A.dim() - 1}], but got {d})')
    rows, columns = (d % A.dim() for d in dims)
    if rows == columns:
        raise RuntimeError(f'{name}: dims must be different. Got ({dims[0]}, {dims[1]})')
    if ord not in ('fro', 'nuc', 2, -2, 1, -1, float('inf'), -float('inf')) or isinstance(ord, bool):
        raise RuntimeError(f'{name}: Order {_number(ord)} not supported.')
    if ord == 'fro':
        return vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype, out=out)
    A = _convertible(A, dtype, name)
    if ord in ('nuc', 2, -2):
        S = svdvals(A.movedim((rows, columns), (-2, -1)))
        result = S.sum(-1) if ord == 'nuc' else _largest(S, -1) if ord == 2 else S.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                result = result.unsqueeze(d)
        return _given(out, result)
    summed, taken = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(summed, keepdim=True)
    result = _largest(sums, taken, True) if ord > 0 else sums.amin(taken, keepdim=True)
    return _given(out, result if keepdim else result.squeeze((rows, columns)))


def _largest(x, dim, keepdim=False):
    """amax; of nothing 0, as the norm of an empty matrix is."""
    return x.amax(dim, keepdim=keepdim) if x.size(dim) else x.sum(dim, keepdim=keepdim)


@_takes('A')
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A vector's or a matrix's norm, as ord and dim say; without both the 2-norm of all elements."""
    dims = None if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f'linalg.norm: If dim is specified, it must be of length 1 or 2. Got {dims}')
    if dims is None and ord is not None and A.dim() not in (1, 2):
        raise RuntimeError(f'linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D.')
    if isinstance(ord, str) or (ord is not None and (len(dims) == 2 if dims else A.dim() == 2)):
        return matrix_norm(A, ord, dims or (0, 1) if A.dim() > 1 else (0, 0), keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


# ---- Products ----

@_takes('A')
def matrix_power(A, n, *, out=None):
    """A multiplied n times by itself, by squaring; negative n: the inverse."""
    _square(A, 'linalg.matrix_power')
    if n < 0:
        A, n = inv(A), -n
    result = None if n else _C.eye(A.size(-1), dtype=A.dtype).expand(A.shape).contiguous()
    while n:
        if n & 1:
            result = A if result is None else result @ A
        n >>= 1
        A = A @ A if n else A
    return _given(out, result)


def multi_dot(tensors, *, out=None):
    """The product of matrices in the order of the least work (T. Cormen and others, Introduction to Algorithms, 15.2); the first may
    be a row, the last a column."""
    ts = list(tensors)
    n = len(ts)
    for i, t in enumerate(ts):
        if not isinstance(t, Tensor):
            raise TypeError(f"linalg_multi_dot(): argument 'tensors' (position 1) must be tuple of Tensors, but found {type(t).__name__} "
                            f'at position {i}')
    if n < 2:
        raise RuntimeError(f'multi_dot(): expected at least 2 tensors but got {n}')
    for place, name in ((0, 'first'), (n - 1, 'last')):
        if ts[place].dim() not in (1, 2):
            raise RuntimeError(f'multi_dot(): the {name} tensor must be 1D or 2D but got {ts[place].dim()}D')
    row, column = ts[0].dim() == 1, ts[-1].dim() == 1
    for i, t in enumerate(ts):
        if 0 < i < n - 1 and t.dim() != 2:
            raise RuntimeError(f'multi_dot(): tensor {i} must be 2D but got {t.dim()}D')
        if t.dtype != ts[0].dtype:
            raise RuntimeError('multi_dot(): all tensors must have be the same dtype but tensor 0 is '
                               f'{_kind(ts[0].dtype).lower()} and tensor {i} {_kind(t.dtype).lower()}')
    shapes = [list(t.shape) for t in ts]
    ts[0] = ts[0].unsqueeze(0) if row else ts[0]
    ts[-1] = ts[-1].unsqueeze(-1) if column else ts[-1]
    for i in range(n - 1):
        if ts[i].size(1) != ts[i + 1].size(0):
            raise RuntimeError(f'multi_dot(): tensors {i} and {i + 1} with shapes {shapes[i]} and {shapes[i + 1]} cannot be multiplied')
    sizes = [t.size(0) for t in ts] + [ts[-1].size(1)]
    cost, cut = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cut[i, j] = min((cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))

    def product(i, j):
        return ts[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    result = product(0, n - 1)
    result = result.squeeze(0) if row else result
    return _given(out, result.squeeze(-1) if column else result)


@_takes('A')
def matrix_exp(A):
    """The exponential of square matrices: Taylor's polynomial of degree 18 at A / 2^s, s times squared (N. Higham, Functions of
    Matrices, 10.3)."""
    name = 'linalg.matrix_exp'
    _floating(A, name)
    _square(A, name)
    if A.numel() == 0:
        return A.clone()
    size = float(A.detach().abs().sum(-2).max())
    halvings = 0
    while size > 0.5 and halvings < 64 and size != float('inf'):
        size, halvings = size / 2, halvings + 1
    X = A * 2.0 ** -halvings
    eye = _C.eye(A.size(-1), dtype=A.dtype)
    result = eye + X / 18
    for k in range(17, 0, -1):
        result = eye + (X @ result) / k
    for _ in range(halvings):
        result = result @ result
    return result


@_takes('input', 'other')
def cross(input, other, *, dim=-1, out=None):
    """The vector product of vectors of 3 along dim."""
    n = input.dim()
    if n != other.dim():
        raise RuntimeError('linalg.cross: inputs must have the same number of dimensions.')
    if not -n <= dim < n:
        raise IndexError(f'Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})')
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(f'linalg.cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and {other.size(dim)}')
    a, b = input.unbind(dim), other.unbind(dim)
    return _given(out, _C.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], dim))


@_takes('x', 'y')
def vecdot(x, y, *, dim=-1, out=None):
    """The sum of x * y along dim."""
    if x.dtype != y.dtype:
        raise RuntimeError(f'linalg.vecdot: Expected x and y to have the same dtype, but found x of type {_kind(x.dtype)} and y of type '
                           f'{_kind(y.dtype)} instead')
    _floating(x, 'linalg.vecdot', low=True)
    return _given(out, _C.dot(x, y) if x.dim() == y.dim() == 1 else (x * y).sum(dim))


@_takes('A')
def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, a view."""
    return _diagonal(A, offset, dim1, dim2)


@_takes('x')
def vander(x, *, N=None):
    """(*, n, N): the powers 0 to N - 1 of x (*, n); N is n unless given."""
    N = (x.size(-1) if x.dim() else 1) if N is None else N
    if N <= 1:
        raise RuntimeError('N must be greater than 1.')
    dtype = x.dtype if x.is_floating_point() else _C.int64
    return _C.stack([x.to(dtype) ** k for k in range(N)], -1)
