"""torch.linalg: values, gradients and errors as PyTorch's, and what must hold of any factorisation: products give the matrix back,
factors are orthogonal, gradients are those of differences."""
import os
import math

import pytest

import ctorch
import ctorch.linalg as L
from scenario import Scenarios, make_tests

scenarios = Scenarios('linalg')

SETUP = '''
L, t, D = torch.linalg, torch.tensor, torch.float64
def mat(*shape):
    n = 1
    for s in shape:
        n *= s
    return ((torch.arange(n, dtype=D) * 2.399 + 0.3).sin() * 2 + (torch.arange(n, dtype=D) * 1.7).cos()).reshape(shape)
def sym(*shape):
    a = mat(*shape)
    return a + a.transpose(-2, -1)
def pos(*shape):
    a = mat(*shape)
    return a @ a.transpose(-2, -1) + torch.eye(shape[-1], dtype=D)
def grad(f, *xs):
    xs = [x.clone().requires_grad_() for x in xs]
    y = f(*xs)
    y = y if isinstance(y, torch.Tensor) else sum(p.sum() for p in y)
    (y * y + y).sum().backward()
    return [y.detach()] + [x.grad for x in xs]
def plus(x):
    return x.abs()
'''
scenarios.many('functions', [
    'L.inv(mat(3, 3))', 'L.inv(mat(2, 3, 3).float())', 'torch.inverse(mat(2, 2)), mat(2, 2).inverse()', 'grad(L.inv, mat(2, 3, 3))',
    'L.inv(mat(0, 0))', 'L.inv_ex(mat(2, 2))', 'tuple(L.inv_ex(torch.zeros(2, 2)))[1]',
    'L.det(mat(3, 3)), torch.det(mat(2, 2)), mat(2, 2).det()', 'L.det(torch.zeros(2, 2))', 'L.det(mat(0, 0))', 'grad(L.det, mat(2, 3, 3))',
    'L.slogdet(mat(2, 3, 3))', 'L.slogdet(torch.zeros(2, 2))', 'mat(3, 3).slogdet()',
    'grad(lambda x: L.slogdet(x)[1], mat(3, 3))', 'torch.logdet(-torch.ones(1, 1)), torch.logdet(torch.eye(2))',
    'grad(torch.logdet, pos(3, 3))',
    'L.solve(mat(3, 3), mat(3, 2))', 'L.solve(mat(2, 3, 3), mat(2, 3))', 'L.solve(mat(2, 3, 3), mat(3))',
    'L.solve(mat(3, 3), mat(4, 2, 3, 1))',
    'L.solve(mat(2, 2), mat(3, 2), left=False)', 'grad(L.solve, mat(3, 3), mat(2, 3, 2))', 'grad(L.solve, mat(2, 3, 3), mat(2, 3))',
    'L.solve_ex(mat(2, 2), mat(2))',
    'L.solve_triangular(mat(3, 3), mat(3, 2), upper=True)', 'L.solve_triangular(mat(2, 3, 3), mat(2, 3), upper=False, left=False)',
    'grad(lambda a, b: L.solve_triangular(a, b, upper=False, unitriangular=True), mat(3, 3), mat(3, 2))',
    'L.solve_triangular(torch.zeros(2, 2), torch.ones(2, 1), upper=True)',
    'L.cholesky(pos(3, 3)), L.cholesky(pos(2, 2), upper=True)', 'grad(L.cholesky, pos(2, 3, 3))',
    'grad(lambda x: L.cholesky(x, upper=True), pos(3, 3))', 'L.cholesky(t([[4., 9.], [2., 5.]]))', 'L.cholesky_ex(t([[1., 2.], [2., 1.]]))',
    'torch.cholesky_solve(mat(3, 2), L.cholesky(pos(3, 3)))', 'torch.cholesky_inverse(L.cholesky(pos(3, 3), upper=True), upper=True)',
    'L.qr(mat(4, 2))', 'L.qr(mat(2, 4))', 'L.qr(mat(2, 3, 3), "complete")', 'L.qr(mat(3, 2), mode="r")', 'L.qr(torch.eye(2))',
    '[x.shape for x in (*L.qr(mat(0, 2)), *L.qr(mat(2, 0), mode="complete"))]', 'L.qr(mat(3, 2), "complete")[1]',
    'grad(L.qr, mat(4, 3))', 'grad(L.qr, mat(2, 4))', 'grad(lambda x: L.qr(x)[0], mat(2, 3, 3))', 'grad(lambda x: L.qr(x)[1], mat(2, 4))',
    'plus(L.eigh(sym(4, 4))[1]), L.eigvalsh(sym(4, 4)), L.eigvalsh(sym(2, 3, 3), "U")', 'grad(L.eigvalsh, sym(3, 3))',
    'grad(lambda x: plus(L.eigh(x)[1]), sym(3, 3))', 'L.eigvalsh(t([[2., 9.], [1., 3.]])), L.eigvalsh(t([[2., 9.], [1., 3.]]), UPLO="u")',
    'L.svdvals(mat(2, 3, 4)), L.svdvals(mat(4, 3).float())', '[plus(x) for x in L.svd(mat(4, 3), full_matrices=False)]',
    '[x.shape for x in (*L.svd(mat(4, 2)), *L.svd(mat(0, 2)), *L.svd(mat(2, 4), False))]', 'grad(L.svdvals, mat(3, 4))',
    'grad(lambda x: plus(L.svd(x, False)[0]), mat(4, 3))', 'grad(lambda x: plus(L.svd(x, False)[2]), mat(2, 4))',
    'torch.svd(mat(3, 2), compute_uv=False)', '[x.shape for x in torch.svd(mat(3, 2), some=False)]', 'L.svd(torch.zeros(2, 2))',
    'L.pinv(mat(3, 2)), L.pinv(mat(2, 2, 3)), torch.pinverse(mat(3, 3))', 'L.pinv(torch.ones(3, 2))', 'L.pinv(mat(0, 3))',
    'L.pinv(sym(3, 3), hermitian=True)', 'grad(L.pinv, mat(4, 2))', 'grad(L.pinv, mat(2, 2, 4))', 'L.pinv(mat(3, 3), atol=1.5)',
    'L.pinv(mat(3, 3), rtol=0.3)', 'L.pinv(mat(2, 3, 3), rtol=t([0.3, 0.0], dtype=D))',
    'L.matrix_rank(mat(4, 3, 2)), L.matrix_rank(torch.ones(3, 3)), L.matrix_rank(mat(0, 3)), L.matrix_rank(mat(3, 3), 2.0)',
    'L.matrix_rank(sym(3, 3), hermitian=True), L.matrix_rank(mat(3, 3), atol=0.5), L.matrix_rank(mat(3, 3), rtol=0.5)',
    'L.cond(mat(3, 3)), L.cond(mat(3, 2)), L.cond(mat(3, 3), -2)', '[L.cond(mat(3, 3), p) for p in (1, -1, float("inf"), "fro", "nuc")]',
    'L.cond(torch.zeros(2, 2), 1)', 'grad(L.cond, mat(3, 3))', 'L.cond(mat(3, 0, 0))',
    '[L.norm(mat(2, 3)), L.norm(mat(2, 3, 4)), L.norm(mat(4), 3), L.norm(mat(3, 3), 2), L.norm(mat(3, 3), "nuc")]',
    'L.norm(mat(2, 3), keepdim=True), L.norm(mat(2, 3, 4), ord=2, dim=(0, 2), keepdim=True)', 'L.norm(mat(2, 3), 1, dim=1)',
    'L.norm(mat(2, 3), dim=(0, 1)), L.norm(mat(2, 3), float("inf")), L.norm(mat(0, 3), 2)',
    '[L.vector_norm(mat(2, 3), p) for p in (0, 1, 2, 3, -1, 0.5, float("inf"), -float("inf"))]', 'L.vector_norm(t(-2.), 3)',
    'L.vector_norm(mat(3, 4), 3, dim=1, keepdim=True), L.vector_norm(mat(3, 4), dim=()), L.vector_norm(mat(2, 3), 3, (0, 1))',
    'grad(L.vector_norm, mat(2, 3))', 'grad(lambda x: L.vector_norm(x, 3, 1), mat(2, 3))', 'L.vector_norm(mat(2).float(), dtype=D)',
    '[L.matrix_norm(mat(3, 4), p) for p in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf"))]',
    '[L.matrix_norm(mat(2, 3, 4), p, dim=(2, 0), keepdim=True) for p in ("fro", "nuc", 1, float("inf"))]',
    'grad(lambda x: L.matrix_norm(x, "nuc"), mat(2, 3, 4))', 'grad(L.matrix_norm, mat(2, 3))',
    'grad(lambda x: L.matrix_norm(x, 1), mat(3, 3))',
    '[L.matrix_norm(mat(0, 2), p) for p in ("fro", "nuc", 2, 1)]',
    'L.matrix_power(mat(2, 2), -3), L.matrix_power(mat(2, 2, 2), 0), torch.matrix_power(torch.ones(2, 2).int(), 2)',
    'grad(lambda x: L.matrix_power(x, -2), mat(2, 2))', 'L.multi_dot([mat(2, 3), mat(3, 2), mat(2)])',
    'L.multi_dot([mat(2), mat(2, 3), mat(3)])',
    'L.multi_dot([mat(2, 5), mat(5, 3), mat(3, 4), mat(4, 2)])', 'L.multi_dot([mat(2), mat(2)])', 'L.matrix_exp(mat(2, 3, 3))',
    'torch.matrix_exp(torch.zeros(2, 2)), mat(2, 2).matrix_exp()', 'grad(L.matrix_exp, mat(3, 3))',
    'L.cross(mat(2, 3), mat(2, 3) + 1), L.cross(mat(3, 2), mat(3, 2) + 1, dim=0), torch.cross(mat(3), mat(3) * mat(3), 0)',
    'L.cross(mat(1, 3), mat(2, 3))', 'grad(lambda a, b: L.cross(a, b), mat(3), mat(3) * mat(3))',
    'L.vecdot(mat(2, 3), mat(3)), L.vecdot(mat(3), mat(3))',
    'L.vecdot(mat(2, 3), mat(2, 3), dim=0), L.diagonal(mat(2, 3, 3)), L.diagonal(mat(2, 3, 3), offset=1, dim1=0)',
    'L.lu_factor(mat(3, 2))', 'L.lu(mat(2, 3, 3))', 'L.lu(mat(2, 4))', 'L.lu_factor_ex(torch.zeros(2, 2))',
    'torch.lu_unpack(*L.lu_factor(mat(2, 3)))',
    'grad(lambda x: L.lu(x)[1], mat(3, 3))', 'grad(lambda x: L.lu_factor(x)[0], mat(2, 3, 3))',
    '[L.lu_solve(*L.lu_factor(mat(3, 3)), mat(3, 3), left=left, adjoint=adjoint) for left in (True, False) for adjoint in (True, False)]',
    'L.lstsq(mat(4, 2), mat(4, 3))', 'L.lstsq(mat(2, 4), mat(2, 1)).solution', 'L.lstsq(mat(4, 2), mat(4), driver="gelsd")',
    'L.lstsq(mat(5, 3, 2), mat(5, 3), driver="gelss")', 'L.lstsq(mat(4, 2), mat(4, 3), driver="gels")',
    'grad(lambda a, b: L.lstsq(a, b).solution, mat(4, 2), mat(4, 3))',
    'L.tensorinv(mat(4, 6, 8, 3), ind=2).shape', 'L.tensorsolve(mat(2, 3, 6) + 3 * torch.eye(6, dtype=D).reshape(2, 3, 6), mat(2, 3))',
    'L.vander(t([1, 2, 3])), L.vander(mat(2, 2), N=3)',
    'L.inv(mat(2, 2), out=torch.empty(2, 2, dtype=D))', 'L.qr(mat(2, 2), out=(torch.empty(2, 2, dtype=D), torch.empty(0, dtype=D)))',
    '[type(f).__name__ for f in (L.svd(mat(2, 2)), L.eigh(sym(2, 2)), L.qr(mat(2, 2)), L.slogdet(mat(2, 2)), torch.svd(mat(2, 2)), '
    'L.inv_ex(mat(2, 2)), L.lu(mat(2, 2)), L.lstsq(mat(2, 2), mat(2, 2)))]',
    'L.LinAlgError.__name__, issubclass(L.LinAlgError, RuntimeError), L.svd(mat(2, 2)).Vh.shape',
], SETUP)

scenarios.many('errors', [
    'L.inv(mat(2, 3))', 'L.inv(mat(3))', 'L.inv(torch.zeros(2, 2))', 'L.inv(torch.zeros(3, 2, 2))', 'L.inv(torch.ones(2, 2).int())',
    'L.inv(torch.ones(2, 2).half())', 'torch.inverse(torch.ones(2, 2))', 'L.inv_ex(torch.zeros(2, 2), check_errors=True)',
    'L.det(mat(2, 3))', 'L.det(mat(2))', 'L.det(torch.ones(2, 2).int())', 'L.slogdet(mat(2, 3))', 'torch.logdet(mat(2, 3))',
    'L.solve(mat(2, 3), mat(2))', 'L.solve(torch.zeros(2, 2), torch.ones(2))', 'L.solve(mat(2, 2), mat(3))',
    'L.solve(mat(2, 2), mat(3, 2))',
    'L.solve(mat(2, 2), mat(2).float())', 'L.solve(mat(2, 2), mat(2, 3), left=False)', 'L.solve(mat(2), mat(2))',
    'L.solve(torch.zeros(2, 2, 2), torch.ones(2, 2))', 'L.solve(mat(2, 2), t(1.).double())', 'L.solve(mat(3, 2, 2), mat(4, 2, 2))',
    'L.solve(torch.ones(2, 2).int(), torch.ones(2).int())',
    'L.solve_triangular(mat(2, 3), mat(2, 2), upper=True)', 'L.solve_triangular(mat(2, 2), mat(3, 2), upper=True)',
    'L.solve_triangular(mat(2, 2), mat(2), upper=True)', 'L.solve_triangular(mat(2, 2), mat(2, 3), upper=True, left=False)',
    'L.solve_triangular(torch.ones(2, 2).int(), torch.ones(2, 2).int(), upper=True)',
    'L.cholesky(mat(2, 3))', 'L.cholesky(-torch.eye(2))', 'L.cholesky(-torch.eye(2).expand(2, 2, 2))', 'L.cholesky(torch.ones(2, 2).int())',
    'L.cholesky_ex(torch.stack([torch.eye(2), -torch.eye(2)]), check_errors=True)', 'L.cholesky(t(1.))',
    'torch.cholesky_solve(mat(3), mat(2, 2))', 'torch.cholesky_solve(mat(3, 2), mat(2, 2))', 'torch.cholesky_solve(mat(2, 2), mat(2, 3))',
    'torch.cholesky_inverse(mat(2, 3))', 'torch.cholesky_solve(mat(2, 1), torch.eye(2))',
    'L.qr(mat(2))', 'L.qr(mat(2, 2), mode="foo")', 'L.qr(torch.ones(2, 2).int())', 'grad(lambda x: L.qr(x, "complete")[0], mat(3, 2))',
    'L.eigh(mat(2, 3))', 'L.eigh(mat(2, 2), UPLO="X")', 'L.eigh(torch.ones(2, 2).int())', 'L.eigvalsh(mat(2, 3))', 'L.eigh(mat(2))',
    'L.svd(mat(2))', 'L.svd(torch.ones(2, 2).int())', 'L.svdvals(mat(2))', 'L.svd(t([[float("nan"), 1], [1, 1]]))',
    'L.svd(torch.eye(2), driver="gesvd")', 'L.pinv(mat(2))', 'L.pinv(mat(2, 3), hermitian=True)', 'L.pinv(torch.ones(2, 2).int())',
    'L.matrix_rank(mat(2))', 'L.matrix_rank(torch.ones(2, 2).int())', 'L.cond(mat(2))', 'L.cond(mat(2, 3), 1)', 'L.cond(mat(2, 2), 3)',
    'L.cond(mat(2, 2), "foo")', 'L.cond(torch.eye(2).int())', 'L.norm(mat(2, 3, 4), "fro")', 'L.norm(mat(2, 3), 3, dim=(0, 1))',
    'L.norm(torch.ones(2).int())', 'L.norm(mat(2, 3), "foo")', 'L.norm(mat(2, 3, 4), 2)', 'L.norm(mat(2, 3), dim=(0, 1, 1))',
    'L.norm(mat(2), ord="fro")', 'L.norm(mat(2, 3), ord=2, dim=(0, 0))', 'L.vector_norm(torch.ones(2).int())',
    'L.vector_norm(mat(0), float("inf"))', 'L.vector_norm(mat(0, 2), float("inf"), dim=0)', 'L.vector_norm(mat(2, 3), dtype=torch.float32)',
    'L.vector_norm(mat(2).float(), dtype=torch.int32)', 'L.vector_norm(mat(2, 3), dim=(0, 0))', 'L.vector_norm(mat(2, 3), dim=5)',
    'L.vector_norm(mat(2, 3), "a")', 'L.matrix_norm(mat(2))', 'L.matrix_norm(mat(2, 2), 3)', 'L.matrix_norm(mat(2, 2), "foo")',
    'L.matrix_norm(mat(2, 2), dim=(0,))', 'L.matrix_norm(mat(2, 2), dim=(0, 0))', 'L.matrix_norm(torch.ones(2, 2).int())',
    'L.matrix_norm(mat(2, 2), dim=(0, 3))', 'L.matrix_norm(mat(2, 2), 2, dtype=torch.float32)', 'L.matrix_power(mat(2, 3), 2)',
    'L.matrix_power(torch.zeros(2, 2), -1)', 'L.matrix_power(mat(3), 2)', 'L.multi_dot([mat(2, 2)])', 'L.multi_dot([])',
    'L.multi_dot([mat(2, 3), mat(2, 3)])', 'L.multi_dot([mat(2, 3), mat(3, 2, 2), mat(2)])', 'L.multi_dot([mat(2, 2, 2), mat(2, 2)])',
    'L.multi_dot([mat(2, 3), mat(3, 2).float()])', 'L.matrix_exp(mat(2, 3))', 'L.matrix_exp(mat(2))',
    'torch.matrix_exp(torch.ones(2, 2).int())',
    'L.cross(mat(2), mat(2))', 'L.cross(mat(3), mat(2, 3))', 'L.cross(mat(3), mat(4))', 'L.cross(mat(3), mat(3), dim=2)',
    'L.diagonal(mat(2))',
    'L.vecdot(mat(2), mat(2).float())', 'L.vecdot(t([1, 2]), t([3, 4]))', 'L.lstsq(mat(3), mat(3))', 'L.lstsq(mat(3, 2), mat(2, 2))',
    'L.lstsq(mat(3, 2), mat(3, 1), driver="foo")', 'L.lstsq(mat(3, 2), mat(3, 1).float())', 'L.lu_factor(mat(2))',
    'L.lu_factor(torch.zeros(2, 2))', 'L.lu_factor(mat(2, 2), pivot=False)', 'L.lu_solve(*L.lu_factor(mat(2, 2)), mat(2))',
    'L.lu_solve(*L.lu_factor(mat(2, 2)), mat(3, 1))', 'L.tensorinv(mat(2, 3))', 'L.tensorinv(mat(2, 2), ind=0)',
    'L.tensorsolve(mat(2, 3, 5), mat(2, 3))', 'L.vander(t(1))',
], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)


def near(a, b, tolerance):
    assert a.shape == b.shape
    assert a.numel() == 0 or float((a - b).abs().max()) <= tolerance


@pytest.mark.parametrize('dtype', [ctorch.float32, ctorch.float64])
@pytest.mark.parametrize('m, n', [(1, 1), (2, 2), (3, 5), (7, 4), (33, 33), (40, 17), (0, 3), (64, 64)])
def test_factors_give_the_matrix_back(m, n, dtype):
    """Random matrices, those of a low rank, and those whose elements are far from 1."""
    generator = ctorch.Generator().manual_seed(m * 100 + n)
    tolerance = (1e-4 if dtype is ctorch.float32 else 1e-12) * (1 + m + n)
    full = ctorch.randn(2, m, n, generator=generator, dtype=dtype)
    low = ctorch.randn(m, 1, generator=generator, dtype=dtype) @ ctorch.randn(1, n, generator=generator, dtype=dtype)
    for a, scale in ((full, 1), (low, 1), (full * 1e-20, 1e-20), (full * 1e18, 1e18)):
        k = min(m, n)
        for whole in (False, True):
            U, S, Vh = L.svd(a, full_matrices=whole)
            near((U[..., :k] * S.unsqueeze(-2)) @ Vh[..., :k, :], a, tolerance * scale)
            near(U.transpose(-2, -1) @ U, ctorch.eye(U.size(-1), dtype=dtype).expand(*U.shape[:-2], -1, -1), tolerance)
            near(Vh @ Vh.transpose(-2, -1), ctorch.eye(Vh.size(-2), dtype=dtype).expand(*U.shape[:-2], -1, -1), tolerance)
            assert bool((S[..., 1:] <= S[..., :-1]).all())
        for mode in ('reduced', 'complete'):
            Q, R = L.qr(a, mode)
            near(Q @ R, a, tolerance * scale)
            near(Q.transpose(-2, -1) @ Q, ctorch.eye(Q.size(-1), dtype=dtype).expand(*Q.shape[:-2], -1, -1), tolerance)
        P, lower, upper = L.lu(a)
        near(P @ lower @ upper, a, tolerance * scale)
        if m == n:
            s = a + a.transpose(-2, -1)
            w, V = L.eigh(s)
            near((V * w.unsqueeze(-2)) @ V.transpose(-2, -1), s, tolerance * scale)
            near(V.transpose(-2, -1) @ V, ctorch.eye(n, dtype=dtype).expand(s.shape), tolerance)
            near(L.eigvalsh(s), w, tolerance * scale)


def test_gradients_are_those_of_differences():
    def leaf(*shape):
        return ctorch.randn(*shape, generator=generator, dtype=ctorch.float64).requires_grad_()
    generator = ctorch.Generator().manual_seed(3)
    check, second = ctorch.autograd.gradcheck, ctorch.autograd.gradgradcheck
    for f, shape in ((L.inv, (2, 3, 3)), (L.det, (2, 3, 3)), (lambda x: L.slogdet(x)[1], (3, 3)), (L.qr, (4, 3)), (L.qr, (2, 4)),
                     (L.pinv, (4, 2)), (L.pinv, (2, 2, 3)), (L.svdvals, (2, 3, 4)), (L.matrix_exp, (3, 3)),
                     (lambda x: L.cholesky(x @ x.T + 1), (3, 3)),
                     (lambda x: L.eigvalsh(x + x.T), (3, 3)), (lambda x: L.eigh(x + x.T)[1] ** 2, (3, 3)),
                     (lambda x: [f ** 2 for f in L.svd(x, False)], (4, 3)), (lambda x: [f ** 2 for f in L.svd(x, False)], (2, 3))):
        def tuples(x, f=f):
            y = f(x)
            return tuple(y) if isinstance(y, (list, tuple)) else y
        x = leaf(*shape)
        assert check(tuples, (x,)), shape
        assert second(tuples, (x,)), shape
    for left in (True, False):
        assert check(lambda a, b: L.solve(a, b, left=left), (leaf(2, 3, 3), leaf(3, 3)))
        assert second(lambda a, b: L.solve(a, b, left=left), (leaf(2, 3, 3), leaf(3, 3)))


def test_gradient_of_a_singular_determinant():
    for rank in (0, 1, 2):
        a = ctorch.diag(ctorch.tensor([1.0, 2.0, 3.0], dtype=ctorch.float64) * (ctorch.arange(3) < rank))
        a.requires_grad_()
        L.det(a).backward()
        near(a.grad, ctorch.diag(ctorch.tensor([0.0, 0.0, 2.0 if rank == 2 else 0.0], dtype=ctorch.float64)), 1e-12)


def test_small_singular_values_are_accurate():
    """Hilbert's matrix of order 10: the smallest singular value, which is 1.09315e-13, to many digits."""
    h = ctorch.tensor([[1 / (i + j + 1) for i in range(10)] for j in range(10)], dtype=ctorch.float64)
    assert math.isclose(float(L.svdvals(h)[-1]), 1.0931538e-13, rel_tol=1e-3)


def test_not_a_number_never_hangs():
    for bad in (float('nan'), float('inf')):
        a = ctorch.tensor([[bad, 1.0], [1.0, 2.0]])
        for f in (L.inv_ex, L.det, L.slogdet, L.qr, L.eigh, L.eigvalsh, L.cholesky_ex, L.lu_factor_ex, L.matrix_exp):
            f(a)
        for f in (L.svd, L.svdvals, L.pinv):
            with pytest.raises(L.LinAlgError, match='non-finite'):
                f(a)


def test_what_is_no_tensor_is_a_type_error():
    for f in (L.inv, L.norm, L.vector_norm, L.matrix_norm, L.svd, L.svdvals, L.matrix_rank, L.cond, L.pinv, L.matrix_exp, L.diagonal):
        for bad in (None, 3, [[1.0, 2.0], [3.0, 4.0]], 'x'):
            with pytest.raises(TypeError, match='must be Tensor'):
                f(bad)
    for bad in (None, 3, [1.0], 'x'):
        with pytest.raises(TypeError):
            L.multi_dot(bad)


def test_a_tall_matrix_takes_memory_of_its_own_size_only():
    """Of 10^5 rows a square factor would not fit anywhere."""
    a = ctorch.ones(100000, 3, dtype=ctorch.float64) + ctorch.eye(100000, 3, dtype=ctorch.float64)
    U, S, Vh = L.svd(a, full_matrices=False)
    near((U * S) @ Vh, a, 1e-9)
    near(L.pinv(a) @ a, ctorch.eye(3, dtype=ctorch.float64), 1e-9)
    Q, R = L.qr(a)
    near(Q @ R, a, 1e-9)


def test_the_module_is_torch_linalg():
    import subprocess
    import sys
    code = 'import torch, torch.linalg as a; from torch.linalg import inv; print(a is torch.linalg, inv(torch.eye(2)).sum().item())'
    env = dict(os.environ, PYTHONPATH=str(next(iter(ctorch.__path__)).rpartition('/')[0]))
    assert subprocess.run([sys.executable, '-m', 'ctorch', '-c', code], capture_output=True, text=True, env=env).stdout == 'True 2.0\n'
