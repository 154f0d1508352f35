"""DataLoader, samplers and datasets: orders and draws recorded from PyTorch 2.13, workers and their failures."""
import collections
import gc
import os
import signal
import time

import pytest

import ctorch as torch
from ctorch.utils.data import (BatchSampler, ChainDataset, ConcatDataset, DataLoader, Dataset, IterableDataset,
                               RandomSampler, StackDataset, Subset, SubsetRandomSampler, TensorDataset,
                               WeightedRandomSampler, default_collate, get_worker_info, random_split)
from ctorch.utils.data.distributed import DistributedSampler

try:
    import torch as real
    import torch.utils.data as real_data
except ImportError:
    real = None


class Numbers(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


class Draws(Numbers):
    def __getitem__(self, i):
        import random
        return i, torch.rand(3), random.random()


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        worker, step = (info.id, info.num_workers) if info else (0, 1)
        return iter(range(worker, self.n, step))


def order(loader):
    return [i for batch in loader for i in batch.tolist()]


# ---- order and draws ----

@pytest.mark.parametrize("workers", [0, 2])
def test_order_anchor(workers):
    torch.manual_seed(0)
    loader = DataLoader(Numbers(10), shuffle=True, num_workers=workers)
    assert order(loader) == [6, 7, 1, 4, 2, 0, 9, 8, 3, 5]
    first = torch.rand(2).tolist()  # the epoch took base seed and sampler seed: four words of the default stream
    torch.manual_seed(0)
    torch.empty(2, dtype=torch.int64).random_()
    assert torch.rand(2).tolist() == first
    second = order(loader)
    assert sorted(second) == list(range(10)) and second != [6, 7, 1, 4, 2, 0, 9, 8, 3, 5]


CASES = [dict(shuffle=True), dict(shuffle=True, batch_size=3), dict(shuffle=True, batch_size=4, drop_last=True),
         dict(shuffle=True, batch_size=5), dict(batch_size=3)]


@pytest.mark.skipif(real is None, reason="needs PyTorch")
@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("own", [False, True])
def test_order_and_stream_as_pytorch(case, workers, own):
    def run(t, cls):
        t.manual_seed(7)
        g = t.Generator() if own else None
        if own:
            g.manual_seed(3)
        loader = cls(Numbers(20), num_workers=workers, generator=g, **CASES[case])
        out = [[b.tolist() for b in loader] for _ in range(2)]
        return out, t.rand(2).tolist(), g.initial_seed() if own else None, \
            t.rand(2, generator=g).tolist() if own else None
    assert run(torch, DataLoader) == run(real, real_data.DataLoader)


@pytest.mark.skipif(real is None, reason="needs PyTorch")
@pytest.mark.parametrize("persistent", [False, True])
def test_worker_draws_as_pytorch(persistent):
    def run(t, data):
        class D(data.Dataset):
            def __len__(self):
                return 8

            def __getitem__(self, i):
                import random
                info = data.get_worker_info()
                return t.rand(2), random.random(), info.id, info.seed, info.num_workers
        t.manual_seed(1)
        loader = data.DataLoader(D(), batch_size=2, num_workers=2, persistent_workers=persistent)
        return [[[x.tolist() for x in b] for b in loader] for _ in range(2)]
    import ctorch.utils.data as ours
    assert run(torch, ours) == run(real, real_data)


def test_worker_draws_golden():
    torch.manual_seed(0)
    loader = DataLoader(Draws(4), num_workers=2)
    seed = [b[1] for b in loader]
    torch.manual_seed(0)
    base = int(torch.empty((), dtype=torch.int64).random_().item())
    for worker in range(2):
        torch.manual_seed(base + worker)
        assert torch.equal(torch.rand(3), seed[worker][0])
        assert torch.equal(torch.rand(3), seed[worker + 2][0])


def test_samplers_golden():
    torch.manual_seed(0)
    g = torch.Generator()
    g.manual_seed(0)
    assert list(RandomSampler(range(10), generator=g)) == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    torch.manual_seed(0)
    assert list(SubsetRandomSampler(range(10))) == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    g.manual_seed(0)
    assert [len(s) for s in random_split(range(10), [3, 7], generator=g)] == [3, 7]
    g.manual_seed(0)
    assert random_split(range(10), [3, 7], generator=g)[0].indices == [4, 1, 7]
    assert [len(s) for s in random_split(range(10), [0.25, 0.25, 0.5])] == [3, 2, 5]
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]


@pytest.mark.skipif(real is None, reason="needs PyTorch")
def test_samplers_as_pytorch():
    import ctorch.utils.data as ours

    def run(t, d):
        out = []
        for kwargs in (dict(), dict(replacement=True), dict(replacement=True, num_samples=70), dict(num_samples=25)):
            t.manual_seed(5)
            out.append(list(d.RandomSampler(range(10), **kwargs)))
            g = t.Generator()
            g.manual_seed(2)
            s = d.RandomSampler(range(10), generator=g, **kwargs)
            out += [list(s), list(s)]
        t.manual_seed(5)
        out.append(list(d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 5)))
        out.append(list(d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 3, replacement=False)))
        out.append([s.indices for s in d.random_split(range(11), [0.3, 0.3, 0.4])])
        for kwargs in (dict(), dict(shuffle=False), dict(drop_last=True), dict(seed=3)):
            for rank in range(3):
                s = d.DistributedSampler(range(10), 3, rank, **kwargs)
                s.set_epoch(2)
                out.append((len(s), list(s)))
        return out
    assert run(torch, ours) == run(real, real_data)


def test_weighted_golden():
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=0"):
        WeightedRandomSampler([1.0], 0)
    assert len(WeightedRandomSampler([1.0, 2.0], 5)) == 5
    assert list(DistributedSampler(range(5), 2, 1, shuffle=False)) == [1, 3, 0]


# ---- datasets ----

def test_datasets():
    x, y = torch.arange(6).view(3, 2), torch.arange(3)
    d = TensorDataset(x, y)
    assert len(d) == 3 and d[1][0].tolist() == [2, 3] and d[1][1].item() == 1
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(x, torch.arange(4))
    both = d + d
    assert isinstance(both, ConcatDataset) and len(both) == 6 and both[4][1].item() == 1 and both[-1][1].item() == 2
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        both[-7]
    assert [i for i in ChainDataset([Count(2), Count(3)])] == [0, 1, 0, 1, 2]
    assert StackDataset(a=Numbers(3), b=Numbers(3))[2] == {"a": 2, "b": 2}
    assert Subset(Numbers(9), [5, 3])[1] == 3
    with pytest.raises(ValueError, match="Sum of input lengths does not equal the length of the input dataset!"):
        random_split(range(10), [3, 3])


# ---- collate ----

def test_collate():
    Point = collections.namedtuple("Point", "x y")
    out = default_collate([(1, 2.0, "a", {"k": torch.ones(2)}, Point(1, 2), [1, 2])] * 2)
    assert isinstance(out, list)
    assert out[0].dtype == torch.int64 and out[1].dtype == torch.float64 and list(out[2]) == ["a", "a"]
    assert out[3]["k"].shape == (2, 2) and out[4].y.tolist() == [2, 2] and out[5][1].tolist() == [2, 2]
    assert default_collate([True, False]).dtype == torch.bool
    assert default_collate([1, 2.5]).dtype == torch.float32
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors, numpy arrays, numbers, dicts or "
                                        "lists; found <class 'NoneType'>"):
        default_collate([None])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1], [1, 2]])
    with pytest.raises(RuntimeError, match=r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and "
                                           r"\[3\] at entry 1"):
        default_collate([torch.ones(2), torch.ones(3)])


def test_collate_numpy():
    np = pytest.importorskip("numpy")
    out = default_collate([np.ones(3, dtype=np.float32)] * 2)
    assert out.shape == (2, 3) and out.dtype == torch.float32
    assert default_collate([np.float64(1), np.float64(2)]).dtype == torch.float64
    assert default_collate([np.int32(1), np.int32(2)]).dtype == torch.int32
    with pytest.raises(TypeError):
        default_collate([np.array(["a"])] * 2)


# ---- the loader's own checks ----

@pytest.mark.parametrize("kwargs, message", [
    (dict(num_workers=-1), "num_workers option should be non-negative"),
    (dict(timeout=-1), "timeout option should be non-negative"),
    (dict(prefetch_factor=2), "prefetch_factor option could only be specified in multiprocessing"),
    (dict(persistent_workers=True), "persistent_workers option needs num_workers > 0"),
    (dict(sampler=[1], shuffle=True), "sampler option is mutually exclusive with shuffle"),
    (dict(batch_sampler=[[1]], batch_size=2), "batch_sampler option is mutually exclusive"),
    (dict(batch_size=None, drop_last=True), "batch_size=None option disables auto-batching"),
    (dict(batch_size=0), "batch_size should be a positive integer value, but got batch_size=0"),
    (dict(multiprocessing_context="fork"), "multiprocessing_context can only be used with multi-process loading"),
    (dict(multiprocessing_context="x", num_workers=1), "multiprocessing_context option should specify a valid start"),
])
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message) as ours:
        DataLoader(Numbers(3), **kwargs)
    if real is not None:
        with pytest.raises(ValueError) as theirs:
            real_data.DataLoader(Numbers(3), **kwargs)
        assert str(ours.value) == str(theirs.value)


def test_fixed_attributes_and_empty():
    loader = DataLoader(Numbers(3))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 4
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=0"):
        DataLoader(Numbers(0), shuffle=True)
    assert list(DataLoader(Numbers(0))) == []
    assert list(DataLoader(Numbers(0), num_workers=1)) == []
    assert len(DataLoader(Numbers(10), batch_size=3)) == 4 and len(DataLoader(Numbers(10), 3, drop_last=True)) == 3


def test_next_and_single_samples():
    it = iter(DataLoader(Numbers(2)))
    assert it.next().tolist() == [0] and next(it).tolist() == [1]
    with pytest.raises(StopIteration):
        it.next()
    assert list(DataLoader(Numbers(3), batch_size=None)) == [0, 1, 2]
    assert list(DataLoader(Numbers(3), batch_size=None, num_workers=1)) == [0, 1, 2]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_iterable(workers):
    loader = DataLoader(Count(10), batch_size=2, num_workers=workers)
    out = [b.tolist() for b in loader]
    assert sorted(sum(out, [])) == list(range(10))
    if workers == 3:
        assert out == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]


# ---- workers ----

class Mixed(Numbers):
    def __getitem__(self, i):
        return {"big": torch.full((100, 100), float(i)), "small": torch.tensor(i), "flag": torch.tensor([True, False]),
                "empty": torch.empty(0, 3), "turned": torch.arange(6).view(2, 3).t(), "name": str(i)}


def test_worker_tensors():
    for i, b in enumerate(DataLoader(Mixed(6), batch_size=2, num_workers=2)):
        assert b["big"].shape == (2, 100, 100) and b["big"][1, 5, 5].item() == 2 * i + 1
        assert b["small"].tolist() == [2 * i, 2 * i + 1] and b["flag"].dtype == torch.bool
        assert b["empty"].shape == (2, 0, 3) and b["turned"][0].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert list(b["name"]) == [str(2 * i), str(2 * i + 1)]
        b["big"].add_(1)


class Raises(Numbers):
    def __getitem__(self, i):
        if i == 2:
            raise {"v": ValueError, "k": KeyError}[self.n](f"bad sample {i}")
        return i

    def __len__(self):
        return 4


@pytest.mark.parametrize("kind, exception", [("v", ValueError), ("k", KeyError)])
def test_worker_raises(kind, exception):
    it = iter(DataLoader(Raises(kind), num_workers=2))
    assert [next(it).item(), next(it).item()] == [0, 1]
    with pytest.raises(exception) as caught:
        next(it)
    text = str(caught.value)
    assert f"Caught {exception.__name__} in DataLoader worker process 0.\nOriginal Traceback (most recent call last):" in text
    assert "bad sample 2" in text and "__getitem__" in text
    assert next(it).item() == 3
    with pytest.raises(StopIteration):
        next(it)


def test_init_fn_raises():
    def init(worker):
        raise RuntimeError("no start")
    with pytest.raises(RuntimeError, match="no start"):
        list(DataLoader(Numbers(4), num_workers=1, worker_init_fn=init))


class Dies(Numbers):
    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def test_worker_killed():
    it = iter(DataLoader(Dies(8), num_workers=2))
    processes = list(it._processes)
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        for _ in range(8):
            next(it)
    assert all(not p.is_alive() for p in processes)


def test_workers_end_beside_other_loaders():
    """Workers that were forked later hold copies of this loader's sockets: it hangs up all the same."""
    first = iter(DataLoader(Numbers(8), num_workers=2))
    second = iter(DataLoader(Numbers(8), num_workers=2))
    processes = list(first._processes)
    first._shutdown()
    assert [p.exitcode for p in processes] == [0, 0]
    assert [t.item() for t in second] == list(range(8))


class Slow(Numbers):
    def __getitem__(self, i):
        time.sleep(30 if i == 1 else 0)
        return i


def test_timeout():
    it = iter(DataLoader(Slow(4), num_workers=1, timeout=3))
    assert next(it).item() == 0
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="DataLoader timed out after 3 seconds"):
        next(it)
    assert time.monotonic() - start < 20


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_no_orphans_no_leaks():
    before = open_files()
    for _ in range(3):
        it = iter(DataLoader(Mixed(40), batch_size=2, num_workers=2))
        processes = list(it._processes)
        next(it)
        del it
        gc.collect()
        assert all(not p.is_alive() for p in processes)
    del processes
    gc.collect()
    assert open_files() <= before


def test_persistent_workers():
    loader = DataLoader(Numbers(6), batch_size=2, num_workers=2, persistent_workers=True)
    assert order(loader) == list(range(6))
    pids = [p.pid for p in loader._iterator._processes]
    it = iter(loader)
    next(it)  # an epoch that is left early
    assert order(loader) == list(range(6))
    assert [p.pid for p in loader._iterator._processes] == pids


def test_spawn():
    context = "spawn"
    loader = DataLoader(Numbers(4), batch_size=2, num_workers=1, multiprocessing_context=context)
    import multiprocessing
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    assert multiprocessing.get_all_start_methods()


class Exits(Numbers):
    def __getitem__(self, i):
        os._exit(3)


def test_worker_exits():
    with pytest.raises(RuntimeError, match=r"exited unexpectedly \(exit status 3\)"):
        list(DataLoader(Exits(2), num_workers=1))


def test_long_index_lists_do_not_block():
    loader = DataLoader(Mixed(200000), num_workers=1, batch_sampler=[list(range(100))] * 2,
                        collate_fn=lambda samples: ["x" * 10000 for _ in samples])
    assert len(list(loader)) == 2
    loader = DataLoader(Numbers(10), num_workers=1, batch_sampler=[[1] * 200000] * 5, collate_fn=lambda s: "y" * 3000000)
    assert len(list(loader)) == 5
