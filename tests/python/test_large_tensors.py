"""Sizes at which the kernels cut, block and fold: results against NumPy in float64, and the same bits with 1, 2 and 3 threads."""
import math

import numpy as np
import pytest

import ctorch as torch

F = torch.nn.functional


@pytest.fixture(autouse=True)
def seed():
    before = torch.get_num_threads()
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def wide(t):
    return t.detach().numpy().astype(np.float64)


def close(got, want, scale=1.0, ulps=4):
    got = got.detach().numpy() if isinstance(got, torch.Tensor) else got
    assert got.shape == want.shape
    limit = ulps * np.finfo(np.float32 if got.dtype == np.float32 else np.float64).eps * np.maximum(np.abs(want), scale)
    assert np.all(np.abs(got - want) <= limit), np.max(np.abs(got - want) / limit)


# Lengths around vectors, lanes, blocks of 8192 and pieces of 32768.
LENGTHS = [1, 7, 8, 15, 16, 17, 63, 64, 65, 100, 127, 1000, 8191, 8192, 8193, 65535, 65537, 100003]


@pytest.mark.parametrize("n", LENGTHS)
def test_sum_and_norm_of_a_row(n):
    x = torch.randn(n)
    close(x.sum(), wide(x).sum(), scale=math.sqrt(n))
    close(x.norm(), np.sqrt((wide(x) ** 2).sum()))
    x64 = torch.randn(n, dtype=torch.float64)
    close(x64.sum(), x64.numpy().sum(), scale=math.sqrt(n), ulps=40)


@pytest.mark.parametrize("shape", [(3, 5), (200, 3), (5000, 10), (70000, 3), (129, 513), (1000, 1000), (8, 1025), (40, 7, 30), (2, 300, 600)])
def test_sums_of_columns(shape):
    x = torch.randn(*shape)
    for d in range(len(shape) - 1):
        close(x.sum(d), wide(x).sum(d), scale=math.sqrt(shape[d]))
        close(x.norm(dim=d), np.sqrt((wide(x) ** 2).sum(d)))
        close(x.double().sum(d), wide(x).sum(d), scale=math.sqrt(shape[d]), ulps=40)


@pytest.mark.parametrize("shape", [(4, 3, 5), (32, 64, 10, 10), (2, 3, 1, 70), (5, 1, 9), (0, 3, 4), (3, 4, 0)])
def test_sums_over_first_and_last_dimensions(shape):
    x = torch.randn(*shape)
    dims = [d for d in range(len(shape)) if d != 1]
    close(x.sum(dims), wide(x).sum(tuple(dims)), scale=math.sqrt(max(1, x.numel() // shape[1])))
    assert x.sum(dims, keepdim=True).shape == tuple(s if d == 1 else 1 for d, s in enumerate(shape))


@pytest.mark.parametrize("shape", [(1, 9), (7, 7), (8, 8), (9, 17), (33, 65), (100, 40), (257, 130)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float32, torch.float64])
def test_turned_copies(shape, dtype):
    x = (torch.rand(*shape) * 200).to(dtype)
    assert np.array_equal(x.t().contiguous().numpy(), x.numpy().T)
    y = (torch.rand(3, *shape) * 200).to(dtype)
    assert np.array_equal(y.permute(0, 2, 1).contiguous().numpy(), y.numpy().transpose(0, 2, 1))
    assert np.array_equal(y.permute(2, 0, 1).contiguous().numpy(), y.numpy().transpose(2, 0, 1))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_cat_and_stack(dim):
    parts = [torch.randn(*[4 if k != dim else n for k in range(3)]) for n in (1, 0, 5, 300)]
    assert np.array_equal(torch.cat(parts, dim).numpy(), np.concatenate([p.numpy() for p in parts], dim))
    parts[2] = parts[2].transpose(0, 1).contiguous().transpose(0, 1)
    assert np.array_equal(torch.cat(parts, dim).numpy(), np.concatenate([p.numpy() for p in parts], dim))
    many = [torch.randn(3, 2) for _ in range(70)]
    assert np.array_equal(torch.stack(many, dim).numpy(), np.stack([p.numpy() for p in many], dim))


@pytest.mark.parametrize("shape,dim", [((3, 10), 1), ((5, 1000), 1), ((3, 2500), 1), ((1000, 70), 0), ((3, 130, 65), 1), ((4, 1), 1)])
def test_softmax(shape, dim):
    x = torch.randn(*shape).mul(3).requires_grad_()
    e = np.exp(wide(x) - wide(x).max(dim, keepdims=True))
    p = e / e.sum(dim, keepdims=True)
    g = torch.randn(*shape)
    y = torch.softmax(x, dim)
    close(y, p, ulps=8)
    close(torch.autograd.grad(y, x, g)[0], p * (wide(g) - (wide(g) * p).sum(dim, keepdims=True)), ulps=40)
    y = torch.log_softmax(x, dim)
    close(y, np.log(p), ulps=8)
    close(torch.autograd.grad(y, x, g)[0], wide(g) - p * wide(g).sum(dim, keepdims=True), ulps=40 * math.sqrt(shape[dim]))


def test_softmax_of_special_values():
    inf, nan = math.inf, math.nan
    for row in ([0.0, -inf, 1.0], [-inf] * 3, [inf, 0.0, 0.0], [nan, 0.0, 1.0], [1.0, nan, 0.0], [-200.0, 0.0, 1.0], [3e38, -3e38, 0.0]):
        x = np.array(row * 30, dtype=np.float32)
        with np.errstate(all="ignore"):
            e = np.exp(x.astype(np.float64) - np.max(x))
            want = e / e.sum()
        for t, got in ((x, torch.softmax(torch.tensor(x.tolist()), 0)), (x, torch.softmax(torch.tensor(x.tolist()).reshape(90, 1).expand(90, 3), 0)[:, 1])):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-6, atol=1e-37)


def test_exp_at_its_ends():
    x = np.array([0.0, -0.0, 88.72, 88.7228, 88.73, 89.5, 170, 171, 1e30, math.inf, -87.0, -87.5, -103.9, -104.5, -170, -1e30, -math.inf, math.nan, 1e-40],
                 dtype=np.float32)
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype(np.float32)
    got = torch.exp(torch.tensor(x.tolist())).numpy()
    np.testing.assert_allclose(got, want, rtol=2.4e-7, atol=1.5e-45)
    normal = want[np.isfinite(x)]
    assert np.array_equal(np.isinf(got[np.isfinite(x)]), np.isinf(normal))


def test_gelu_in_the_tails():
    x = torch.tensor([-math.inf, -1e30, -20.0, -6.0, -3.0, -1e-3, -0.0, 0.0, 1e-3, 3.0, 6.0, 20.0, 1e30, math.inf, math.nan])
    want = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) if math.isfinite(v) else v if v > 0 else math.nan for v in x.tolist()])
    np.testing.assert_allclose(F.gelu(x).numpy(), want, rtol=1e-6, atol=3e-7)


@pytest.mark.parametrize("shape", [(4, 5), (300, 1000), (7, 33), (513, 257)])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_backward_equals_its_differentiable_form(shape, affine):
    x = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    w, b = (torch.randn(shape[1], dtype=torch.float64, requires_grad=True) for _ in range(2))
    inputs = (x, w, b) if affine else (x,)
    y = F.layer_norm(x, (shape[1],), w, b) if affine else F.layer_norm(x, (shape[1],))
    g = torch.randn(*shape, dtype=torch.float64)
    kernel = torch.autograd.grad(y, inputs, g, retain_graph=True)
    formula = torch.autograd.grad(y, inputs, g, create_graph=True)
    for k, f in zip(kernel, formula):
        close(k, wide(f), ulps=4000)


@pytest.mark.parametrize("shape", [(4, 3), (300, 130), (5, 3, 2), (32, 40, 4, 4), (8, 3, 30, 30), (3, 2, 700), (600, 2, 9), (1, 3, 5)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(shape, affine):
    c, dims = shape[1], tuple(d for d in range(len(shape)) if d != 1)
    at = [1, c] + [1] * (len(shape) - 2)
    x = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    w, b = (torch.randn(c, dtype=torch.float64, requires_grad=True) for _ in range(2))
    inputs = (x, w, b) if affine else (x,)
    mean, var = torch.zeros(c, dtype=torch.float64), torch.ones(c, dtype=torch.float64)
    y = F.batch_norm(x, mean, var, w if affine else None, b if affine else None, True)
    v = x.detach().numpy()
    want = (v - v.mean(dims, keepdims=True)) / np.sqrt(v.var(dims, keepdims=True) + 1e-5)
    want = want * w.detach().numpy().reshape(at) + b.detach().numpy().reshape(at) if affine else want
    close(y, want, ulps=4000)
    g = torch.randn(*shape, dtype=torch.float64)
    kernel = torch.autograd.grad(y, inputs, g, retain_graph=True)
    formula = torch.autograd.grad(y, inputs, g, create_graph=True)
    for k, f in zip(kernel, formula):
        close(k, wide(f), scale=100, ulps=4000)
    if affine:                                         # only what is asked for
        assert torch.equal(torch.autograd.grad(y, w, g, retain_graph=True)[0], kernel[1])
    y = F.batch_norm(x, mean, var, w if affine else None, b if affine else None, False)
    want = (v - mean.numpy().reshape(at)) / np.sqrt(var.numpy().reshape(at) + 1e-5)
    want = want * w.detach().numpy().reshape(at) + b.detach().numpy().reshape(at) if affine else want
    close(y, want, ulps=4000)
    got = torch.autograd.grad(y, inputs, g)
    close(got[0], g.numpy() * (w.detach().numpy().reshape(at) if affine else 1) / np.sqrt(var.numpy().reshape(at) + 1e-5), ulps=400)
    if affine:
        close(got[2], g.numpy().sum(dims), scale=100, ulps=400)


@pytest.mark.parametrize("n", [1, 5, 16, 17, 100, 129, 1000, 20000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool, torch.float16])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable(n, dtype, descending):
    x = (torch.randn(3, n) * (30 if n < 1000 else 3e4)).clamp(-6e4, 6e4)
    x = (x.abs().clamp(max=250) if dtype == torch.uint8 else x).to(dtype)
    values, places = torch.sort(x, 1, descending=descending)
    v = x.float().numpy() if dtype == torch.float16 else x.numpy()
    key = v.astype(np.int64) if dtype in (torch.uint8, torch.bool) else v
    want = np.argsort(-key if descending else key, axis=1, kind="stable")
    assert np.array_equal(places.numpy(), want)
    assert torch.equal(values, torch.gather(x, 1, places))
    if n >= 100:
        best, where = torch.topk(x, 7, 1, largest=descending)
        assert torch.equal(best, values[:, :7]) and torch.equal(where, places[:, :7])


def test_sort_of_special_values():
    x = torch.tensor(([3.0, math.nan, -0.0, 0.0, math.inf, -math.inf, -1.0, 1e-40] * 40)[:300])
    values, places = torch.sort(x)
    assert places.tolist()[:4] == [5, 13, 21, 29] and math.isnan(values[-1].item()) and math.isinf(values[0].item())
    zeros = [p for p in places.tolist() if x[p].item() == 0]
    assert zeros == sorted(zeros)                      # -0 and 0 are equal
    best, where = torch.topk(x, 5)
    assert all(math.isnan(b) for b in best.tolist()) and where.tolist() == [1, 9, 17, 25, 33]


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_and_scatter(dim):
    x = torch.randn(5, 70, 300)
    sizes = [4, 60, 200]
    index = torch.randint(0, x.shape[dim], sizes)
    assert np.array_equal(torch.gather(x, dim, index).numpy(), np.take_along_axis(x.numpy()[tuple(slice(0, s if d != dim else None) for d, s in enumerate(sizes))],
                                                                                   index.numpy(), dim))
    src = torch.randn(*sizes, dtype=torch.float64)
    got = torch.zeros(5, 70, 300, dtype=torch.float64).scatter_add(dim, index, src)
    want = np.zeros((5, 70, 300))
    at = list(np.indices(sizes))
    at[dim] = index.numpy()
    np.add.at(want, tuple(at), src.numpy())
    close(got, want, ulps=40)
    index[3, 59, 199] = x.shape[dim]
    for op in (lambda: torch.gather(x, dim, index), lambda: x.double().scatter_add(dim, index, src), lambda: x.scatter(dim, index, 1.0)):
        with pytest.raises((IndexError, RuntimeError), match=f"index {x.shape[dim]} is out of bounds for dimension {dim} with size"):
            op()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_rows_and_embedding(dtype):
    table = torch.randn(1000, 65).to(dtype)
    index = torch.randint(0, 1000, (3000,))
    assert np.array_equal(table[index].numpy(), table.numpy()[index.numpy()])
    assert np.array_equal(torch.index_select(table, 1, index[:50] % 65).numpy(), table.numpy()[:, index.numpy()[:50] % 65])
    table = table.requires_grad_()
    g = torch.randn(3000, 65).to(dtype)
    want = np.zeros((1000, 65))
    np.add.at(want, index.numpy(), wide(g))
    ulps = 40 if dtype != torch.float16 else 10
    close(torch.autograd.grad(table[index], table, g)[0].float() if dtype == torch.float16 else torch.autograd.grad(table[index], table, g)[0], want,
          ulps=ulps if dtype != torch.float16 else 2 ** 17)
    if dtype == torch.float16:
        return
    close(torch.autograd.grad(F.embedding(index, table), table, g)[0], want, ulps=ulps)
    kept = want.copy()
    kept[7] = 0
    close(torch.autograd.grad(F.embedding(index, table, padding_idx=7), table, g)[0], kept, ulps=ulps)
    count = np.maximum(np.bincount(index.numpy(), minlength=1000), 1)[:, None]
    close(torch.autograd.grad(F.embedding(index, table, scale_grad_by_freq=True), table, g)[0], want / count, ulps=ulps)


@pytest.mark.parametrize("name", ["mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_of_losses_equal_their_differentiable_form(name, reduction):
    x, y = (torch.rand(40, 50, dtype=torch.float64).mul(3 if name != "binary_cross_entropy" else 1) for _ in range(2))
    x, y = x.requires_grad_(), (y if name != "smooth_l1_loss" else y * 2).requires_grad_()
    loss = getattr(F, name)(x, y, reduction=reduction)
    g = torch.randn(40, 50, dtype=torch.float64) if reduction == "none" else None
    kernel = torch.autograd.grad(loss, (x, y), g, retain_graph=True)
    formula = torch.autograd.grad(loss, (x, y), g, create_graph=True)
    for k, f in zip(kernel, formula):
        close(k, wide(f), ulps=100)
    short = torch.rand(5, dtype=torch.float64) * .5 + .2, torch.rand(5, dtype=torch.float64) * .5 + .2
    assert torch.autograd.gradcheck(lambda a, b: getattr(F, name)(a, b, reduction=reduction), [t.requires_grad_() for t in short])
    assert torch.autograd.gradgradcheck(lambda a, b: getattr(F, name)(a, b, reduction=reduction), list(short))


def test_binary_cross_entropy_refuses_what_is_not_a_probability():
    for bad in (1.5, -0.1, math.nan):
        with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
            F.binary_cross_entropy(torch.tensor([0.5, bad]), torch.tensor([1.0, 0.0]))
    assert F.binary_cross_entropy(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0])).item() == 50


def everything():
    """Results of ops over sizes that several threads share."""
    torch.manual_seed(1)
    a = torch.randn(700, 900, requires_grad=True)
    t = torch.randn(3000, 64, requires_grad=True)
    x = torch.randn(20, 40, 12, 12, requires_grad=True)
    w, b = torch.ones(900, requires_grad=True), torch.zeros(900, requires_grad=True)
    c, d = torch.ones(40, requires_grad=True), torch.zeros(40, requires_grad=True)
    index = torch.randint(0, 3000, (9000,))
    out = [a.sum(), a.sum(0), a.sum(1), x.sum([0, 2, 3]), t.sum(0), a.norm(), torch.softmax(a, 0), torch.softmax(a, 1), torch.sort(a, 1)[1],
           a.t().contiguous(), torch.cat([a, a], 1), t[index], F.gelu(a), torch.cumsum(a, 1), torch.gather(a, 1, torch.randint(0, 900, (700, 900)))]
    for y, inputs in ((F.layer_norm(a, (900,), w, b), (a, w, b)), (F.batch_norm(x, None, None, c, d, True), (x, c, d)), (t[index], (t,)),
                      (F.embedding(index, t), (t,)), (torch.log_softmax(a, 0), (a,)), (F.binary_cross_entropy(torch.sigmoid(a), torch.sigmoid(a.detach() * 2)), (a,))):
        out += [y, *torch.autograd.grad(y, inputs, torch.randn(y.shape) if y.ndim else None)]
    return [o.detach().numpy().copy() for o in out]


def test_bits_do_not_depend_on_the_number_of_threads():
    torch.set_num_threads(1)
    one = everything()
    for threads in (2, 3):
        torch.set_num_threads(threads)
        for i, (a, b) in enumerate(zip(one, everything())):
            assert np.array_equal(a, b), (threads, i)
