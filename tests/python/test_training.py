"""Whole training runs of the introduction's network: in float64 equal to PyTorch's to 1e-10, in float32 the same bits for any
number of threads. `python tests/python/test_training.py` prints PyTorch's losses, which are recorded below."""
import pytest

# LOSSES: PyTorch 2.13, steps 0, 10, 20 and 29
LOSSES = [2.2873640357047242, 2.3880385187335094, 1.8852449839330316, 1.9881834832929939]


def losses(torch, steps, dtype, threads=None):
    """The losses and the last parameters of `steps` steps of SGD with momentum and dropout on fixed random images, seed 0."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2),
                        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Dropout(0.2), nn.Linear(120, 10)).to(dtype)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    images, labels = torch.randn(32, 3, 32, 32, dtype=dtype), torch.randint(0, 10, (32,))
    if threads:
        torch.set_num_threads(threads)
    found = []
    for step in range(steps):
        at = torch.randperm(32)[:8]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images[at]), labels[at])
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found, [p.detach().reshape(-1).tolist() for p in net.parameters()]


if __name__ == "__main__":
    import torch as real

    values = losses(real, 30, real.float64)[0]
    print([values[i] for i in (0, 10, 20, 29)])


def test_float64_follows_pytorch():
    import ctorch

    values = losses(ctorch, 30, ctorch.float64)[0]
    for got, want in zip([values[i] for i in (0, 10, 20, 29)], LOSSES):
        assert abs(got - want) <= 1e-10 * abs(want)


def test_float64_beside_pytorch():
    real = pytest.importorskip("torch")
    import ctorch

    for got, want in zip(losses(ctorch, 30, ctorch.float64)[0], losses(real, 30, real.float64)[0]):
        assert abs(got - want) <= 1e-10 * abs(want)


def test_bits_do_not_depend_on_threads():
    import ctorch

    before = ctorch.get_num_threads()
    try:
        one, two, four = (losses(ctorch, 200, ctorch.float32, threads) for threads in (1, 2, 4))
    finally:
        ctorch.set_num_threads(before)
    assert one == two and one == four
