"""The core's batches equal Python's, bit for bit, with equal order and draws, whatever the number of workers."""
import os

import pytest

import ctorch as torch
from ctorch.utils.data import DataLoader, Subset, TensorDataset, random_split
from ctorch.utils.data._utils.native import _core, native_source
from ctorch.vision import datasets, transforms as T

from test_vision_datasets import make_cifar, make_mnist

pytestmark = pytest.mark.skipif(_core() is None, reason="needs the extension")


# A process that is forked while other threads allocate can hang under AddressSanitizer, whose allocator locks it copies: there the
# core's batches are made, and not compared with those of worker processes.
SANITIZED = "CTORCH_SANITIZED" in os.environ


class InPython(DataLoader):
    _native = False


TRANSFORMS = {
    "introduction": T.Compose([T.ToTensor(), T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]),
    "plain": T.ToTensor(),
    "augmented": T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor(),
                            T.Normalize((0.49, 0.48, 0.45), (0.2, 0.25, 0.26))]),
    "late": T.Compose([T.CenterCrop(30), T.ToTensor(), T.RandomVerticalFlip(0.3), T.Pad((1, 2, 3, 4), fill=-1.5),
                       T.RandomCrop((33, 20)), T.Normalize((0.5,), (0.25,))]),
    "nested": T.Compose([T.Compose([T.RandomVerticalFlip()]), T.Compose([T.ToTensor()]), T.CenterCrop(40)]),
    "resized": T.Compose([T.Resize(40), T.RandomCrop(36), T.Resize((20, 24), T.InterpolationMode.BICUBIC), T.ToTensor()]),
    "picked": T.Compose([T.RandomCrop((32, 20)), T.Resize(24, T.InterpolationMode.NEAREST, max_size=30), T.ToTensor()]),
    "needed": T.Compose([T.RandomCrop(40, padding=1, pad_if_needed=True, fill=3), T.ToTensor()]),
}


def epochs(cls, dataset, **kwargs):
    torch.manual_seed(11)
    loader = cls(dataset, **kwargs)
    out = [[[x for x in batch] for batch in loader] for _ in range(2)]
    return out, torch.rand(2)


def equal(a, b):
    (x, end), (y, other) = a, b
    assert torch.equal(end, other)
    assert [len(e) for e in x] == [len(e) for e in y]
    for one, two in zip(x, y):
        for p, q in zip(one, two):
            assert type(p) is type(q) and len(p) == len(q)
            for s, t in zip(p, q):
                assert s.dtype == t.dtype and s.shape == t.shape and torch.equal(s, t)


def both(dataset, **kwargs):
    assert native_source(DataLoader(dataset, **kwargs)) is not None
    if SANITIZED and kwargs.get("num_workers"):
        epochs(DataLoader, dataset, **kwargs)
        return
    equal(epochs(DataLoader, dataset, **kwargs), epochs(InPython, dataset, **kwargs))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    make_cifar(root)
    make_mnist(root / "MNIST" / "raw")
    return root


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_cifar(root, name, workers):
    if name in ("resized", "picked"):
        pytest.importorskip("PIL")  # which Python resizes with
    both(datasets.CIFAR10(root, transform=TRANSFORMS[name]), batch_size=3, shuffle=True, num_workers=workers)


def test_one_by_one_equals_batches(root):
    d = datasets.CIFAR10(root, transform=TRANSFORMS["introduction"])
    (images, labels), = DataLoader(d, batch_size=20)
    for i in range(20):
        assert torch.equal(images[i], d[i][0]) and labels[i].item() == d[i][1]


@pytest.mark.parametrize("kwargs", [dict(drop_last=True), dict(persistent_workers=True, num_workers=2), dict(num_workers=2),
                                    dict(batch_size=20), dict(batch_size=100, num_workers=2)])
def test_other_loaders(root, kwargs):
    d = datasets.CIFAR10(root, transform=TRANSFORMS["augmented"])
    both(d, shuffle=True, **{"batch_size": 6, **kwargs})
    both(Subset(d, [3, 1, 4, 1, 5, 9]), **{"batch_size": 6, **kwargs})
    both(random_split(d, [0.5, 0.5])[0], **{"batch_size": 6, **kwargs})


def test_own_generator(root):
    d = datasets.CIFAR10(root, transform=TRANSFORMS["plain"])
    ends = []
    for cls in (DataLoader, DataLoader if SANITIZED else InPython):
        g = torch.Generator()
        g.manual_seed(4)
        loader = cls(d, batch_size=3, shuffle=True, generator=g, num_workers=2)
        ends.append(([b[1].tolist() for _ in range(2) for b in loader], torch.rand(3, generator=g).tolist()))
    assert ends[0] == ends[1]


def test_mnist_and_tensors(root):
    both(datasets.MNIST(root, transform=T.Compose([T.RandomCrop(28, padding=2), T.ToTensor(), T.Normalize((0.1307,), (0.3081,))])),
         batch_size=2, num_workers=1)
    x, y = torch.randn(10, 3, 2), torch.arange(10)
    both(TensorDataset(x, y), batch_size=4, shuffle=True, num_workers=2)
    both(TensorDataset(x[::2], y[::2].to(torch.float64), y[:5] > 2), batch_size=2)
    big = torch.randn(300, 3000)
    both(TensorDataset(big), batch_size=128, shuffle=True)


def test_array_is_followed(root):
    np = pytest.importorskip("numpy")
    d = datasets.CIFAR10(root, transform=TRANSFORMS["introduction"])
    before = next(iter(DataLoader(d, batch_size=2)))[0]
    assert d.data.dtype == np.uint8
    assert torch.equal(before, next(iter(DataLoader(d, batch_size=2)))[0])
    d.data[0] = 255
    d.targets[0] = 8
    images, labels = next(iter(DataLoader(d, batch_size=2)))
    assert native_source(DataLoader(d)) is not None
    assert images[0].min().item() == 1 and labels[0].item() == 8
    pytest.importorskip("PIL")
    both(d, batch_size=4, num_workers=1)


def test_falls_back(root):
    plain = TRANSFORMS["plain"]

    class Own(datasets.CIFAR10):
        def __getitem__(self, i):
            return super().__getitem__(i)

    class OwnStep(T.RandomHorizontalFlip):
        pass

    d = datasets.CIFAR10(root, transform=plain)
    for dataset, kwargs in ((Own(root, transform=plain), {}), (datasets.CIFAR10(root, transform=lambda x: x), {}),
                            (datasets.CIFAR10(root), {}), (datasets.CIFAR10(root, transform=T.Compose([OwnStep(), plain])), {}),
                            (datasets.CIFAR10(root, transform=plain, target_transform=str), {}),
                            (datasets.CIFAR10(root, transform=T.Compose([T.Grayscale(3), plain])), {}),
                            (d, dict(collate_fn=list)), (d, dict(batch_size=None)),
                            (d, dict(worker_init_fn=print, num_workers=1)),
                            (TensorDataset(torch.ones(2, 2, requires_grad=True)), {})):
        assert native_source(DataLoader(dataset, **kwargs)) is None
    images, labels = next(iter(DataLoader(Own(root, transform=plain), batch_size=2)))
    assert torch.equal(images, next(iter(DataLoader(d, batch_size=2)))[0])


def test_bad_indices(root):
    d = datasets.CIFAR10(root, transform=TRANSFORMS["plain"])
    with pytest.raises(IndexError):
        list(DataLoader(d, batch_sampler=[[0, 20]]))
    with pytest.raises(IndexError):
        list(DataLoader(Subset(d, [0, 20]), batch_size=2))
    assert torch.equal(next(iter(DataLoader(d, batch_sampler=[[-1]])))[0][0], d[19][0])
    assert torch.equal(next(iter(DataLoader(d, batch_sampler=[torch.tensor([2, 3])])))[0][1], d[3][0])
    with pytest.raises(ValueError, match=r"Required crop size \(99, 99\) is larger than input image size"):
        list(DataLoader(datasets.CIFAR10(root, transform=T.Compose([T.RandomCrop(99), T.ToTensor()]))))


def test_same_as_c(tmp_path):
    """tests/c/test_data.c has the same files, settings and number."""
    import hashlib
    from ctorch.vision import _prepare
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    sums = []

    def write(name, data):
        (folder / name).write_bytes(data)
        sums.append(f"{hashlib.md5(data).hexdigest()}  {name}\n")

    for b, name in enumerate(["test_batch"] + [f"data_batch_{k}" for k in range(1, 6)]):
        write(name, _prepare._batch_pickle("t", [b, 3], bytes((i * 3 + b) % 256 for i in range(6144)), ["a", "b"]))
    write("batches.meta", _prepare._meta_pickle())
    (folder / "checksums.md5").write_text("".join(sums))
    transform = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor(),
                           T.Normalize((0.5, 0.4, 0.3), (0.5, 0.25, 0.2))])
    for cls in (DataLoader, InPython):
        torch.manual_seed(0)
        loader = cls(datasets.CIFAR10(tmp_path, transform=transform), batch_size=3, shuffle=True, num_workers=2)
        number = 14695981039346656037
        for _ in range(2):
            for batch in loader:
                for field in batch:
                    for byte in bytes(memoryview(field.view(-1))):
                        number = (number ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
        assert number == 0x9d350226569498db
