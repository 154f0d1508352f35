"""DataLoader: batches of a dataset, made here, in worker processes, or by the C core.

Random draws follow PyTorch's: iter() takes one int64 from the generator (the workers' base seed), then the sampler takes
its own; worker w is seeded with base seed + w and makes batches w, w + workers, ..., which come in order.
"""
from __future__ import annotations

import collections
import itertools
import os
import warnings
from typing import Generic, TypeVar

import ctorch as torch


from ._utils.collate import default_collate, default_convert
from ._utils.worker import IterableFetcher, MapFetcher, get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

__all__ = ["DataLoader", "get_worker_info", "default_collate", "default_convert"]


class _DatasetKind:
    Map, Iterable = 0, 1


class _InfiniteConstantSampler:
    def __iter__(self):
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """An iterable over batches of `dataset`.

    The arguments and their checks are PyTorch's. With num_workers > 0 a dataset and transforms that ctorch owns are read
    by C threads, anything else by processes; the batches, their order and every random draw are the same either way.
    pin_memory and in_order are accepted; there is no memory to pin, and batches always come in order.
    """

    multiprocessing_context_ = None
    _ready = False

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None, persistent_workers=False,
                 pin_memory_device="", in_order=True):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing."
                             "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.")
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")

        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order

        if isinstance(dataset, IterableDataset):
            self._dataset_kind = _DatasetKind.Iterable
            if shuffle not in {False, None}:
                raise ValueError("DataLoader with IterableDataset: expected unspecified shuffle option, "
                                 f"but got shuffle={shuffle}")
            if sampler is not None:
                raise ValueError("DataLoader with IterableDataset: expected unspecified sampler option, "
                                 f"but got sampler={sampler}")
            if batch_sampler is not None:
                raise ValueError("DataLoader with IterableDataset: expected unspecified batch_sampler option, "
                                 f"but got batch_sampler={batch_sampler}")
        else:
            shuffle = bool(shuffle)
            self._dataset_kind = _DatasetKind.Map
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive "
                                 "with batch_size, shuffle, sampler, and drop_last")
            batch_size = None
            drop_last = False
        elif batch_size is None:
            if drop_last:
                raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._dataset_kind == _DatasetKind.Iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._iterator = None
        self._ready = True
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self):
        return self.multiprocessing_context_

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            if self.num_workers <= 0:
                raise ValueError("multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                                 f"but got num_workers={self.num_workers}")
            import multiprocessing
            import multiprocessing.context
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError("multiprocessing_context option should specify a valid start method in "
                                     f"{methods!r}, but got multiprocessing_context={context!r}")
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError("multiprocessing_context option should be a valid context object or a string specifying "
                                f"the start method, but got multiprocessing_context={context}")
        self.multiprocessing_context_ = context

    _FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")

    def __setattr__(self, name, value):
        if self._ready and name in self._FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    _native = True  # False: always in Python

    def _get_iterator(self):
        if self._native and self._dataset_kind == _DatasetKind.Map:
            from ._utils.native import native_source
            source = native_source(self)
            if source is not None:
                return _NativeDataLoaderIter(self, source)
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self):
        if self.persistent_workers and self.num_workers > 0:
            if self._iterator is None:
                self._iterator = self._get_iterator()
            else:
                self._iterator._reset(self)
            return self._iterator
        return self._get_iterator()

    def __len__(self):
        if self._dataset_kind == _DatasetKind.Iterable:
            length = len(self.dataset)
            if self.batch_size is None:
                return length
            return length // self.batch_size if self.drop_last else -(-length // self.batch_size)
        return len(self._index_sampler)

    def check_worker_number_rationality(self):
        """Warns where num_workers is more than the processors that this process may use."""
        if not self.num_workers:
            return
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if count and self.num_workers > count:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of "
                f"worker in current system is {count}, which is smaller than what this DataLoader is going to create. "
                "Please be aware that excessive worker creation might get DataLoader running slow or even freeze, "
                "lower the worker number to avoid potential slowness/freeze if necessary.", stacklevel=3)


class _BaseDataLoaderIter:
    def __init__(self, loader):
        self._loader = loader
        self._sampler_iter = iter(loader._index_sampler)
        self._base_seed = int(torch.empty((), dtype=torch.int64).random_(generator=loader.generator).item())
        self._fetcher = IterableFetcher if loader._dataset_kind == _DatasetKind.Iterable else MapFetcher
        self._num_yielded = 0
        self._told = False
        if loader.pin_memory and not torch.cuda.is_available():
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, "
                          "then device pinned memory won't be used.", stacklevel=3)

    def _fetcher_args(self):
        loader = self._loader
        return loader._auto_collation, loader.collate_fn, loader.drop_last

    def __iter__(self):
        return self

    def __next__(self):
        data = self._next_data()
        self._num_yielded += 1
        loader = self._loader
        if loader._dataset_kind == _DatasetKind.Iterable and not self._told:
            self._check_length()
        return data

    def next(self):
        """The next batch: the name of 0.1.12."""
        return self.__next__()

    def _check_length(self):
        try:
            length = len(self._loader)
        except (TypeError, NotImplementedError):
            self._told = True
            return
        if self._num_yielded > length:
            self._told = True
            text = (f"Length of IterableDataset {self._loader.dataset} was reported to be {length} (when accessing "
                    f"len(dataloader)), but {self._num_yielded} samples have been fetched. ")
            if self._loader.num_workers:
                text += ("For multiprocessing data-loading, this could be caused by not properly configuring the "
                         "IterableDataset replica at each worker. Please see "
                         "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples.")
            warnings.warn(text, stacklevel=3)

    def _next_index(self):
        return next(self._sampler_iter)

    def __len__(self):
        return len(self._loader._index_sampler)

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader):
        super().__init__(loader)
        assert loader.timeout == 0
        self._source = self._fetcher(loader.dataset, *self._fetcher_args())

    def _next_data(self):
        return self._source.fetch(self._next_index())


class _NativeDataLoaderIter(_BaseDataLoaderIter):
    """Batches filled by the C core. A worker is its stream of random numbers; indices are asked for as far ahead as
    processes would ask."""

    def __init__(self, loader, source):
        super().__init__(loader)
        from ctorch import _C
        self._fetch = _C._data_fetch
        self._native_source = source
        self._workers = loader.num_workers
        self._streams = []
        for worker in range(self._workers):
            generator = torch.Generator()
            generator.manual_seed(self._base_seed + worker)
            self._streams.append(generator)
        self._begin()

    def _begin(self):
        self._waiting = collections.deque()
        self._turn = 0
        for _ in range((self._loader.prefetch_factor or 0) * self._workers):
            self._ask()

    def _reset(self, loader):
        self._sampler_iter = iter(loader._index_sampler)
        self._num_yielded = 0
        self._begin()

    def _ask(self):
        index = next(self._sampler_iter, None)
        if index is not None:
            self._waiting.append(index)

    def _next_data(self):
        if not self._workers:
            return self._make(next(self._sampler_iter), None)
        if not self._waiting:
            raise StopIteration
        index = self._waiting.popleft()
        stream = self._streams[self._turn]
        self._turn = (self._turn + 1) % self._workers
        try:
            return self._make(index, stream)
        finally:
            self._ask()

    def _make(self, index, stream):
        try:
            return self._fetch(self._native_source, index, stream)
        except TypeError:  # an index that is no integer
            dataset = self._loader.dataset
            return default_collate([dataset[i] for i in index])


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Workers as processes. Each has a channel; batch i is asked of the next living worker in turn and awaited there."""

    def __init__(self, loader):
        super().__init__(loader)
        self._channels, self._processes = [], []
        self._closed = False
        try:
            self._start(loader)
            self._begin()
        except BaseException:
            self._shutdown()
            raise

    def _start(self, loader):
        import atexit
        import multiprocessing
        import socket
        import weakref

        from ._utils.shared import Channel
        from ._utils.worker import work

        context = loader.multiprocessing_context or multiprocessing.get_context("fork")
        forks = context.get_start_method() == "fork"
        for worker in range(loader.num_workers):
            mine, theirs = socket.socketpair()
            others = [channel.socket for channel in self._channels] + [mine] if forks else []
            process = context.Process(target=work, daemon=True, args=(
                theirs, others, os.getpid(), worker, loader.num_workers, self._base_seed, loader.dataset, self._fetcher,
                self._fetcher_args(), loader.worker_init_fn))
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message=".*use of fork.*", category=DeprecationWarning)
                    process.start()
            except BaseException:
                mine.close()
                raise
            finally:
                theirs.close()
            self._channels.append(Channel(mine))
            self._processes.append(process)
        reference = weakref.ref(self)
        self._at_exit = lambda: reference() and reference()._shutdown()
        atexit.register(self._at_exit)

    def _begin(self):
        self._sent = self._received = 0
        self._asked = {}  # batch number -> worker
        self._alive = [True] * len(self._processes)
        self._turn = 0
        for _ in range(self._loader.prefetch_factor * len(self._processes)):
            self._ask()

    def _reset(self, loader):
        self._sampler_iter = iter(loader._index_sampler)
        self._num_yielded = 0
        self._told = False
        from ._utils.worker import Resume
        for worker, channel in enumerate(self._channels):
            self._post(worker, Resume())
        for worker in range(len(self._channels)):
            while not isinstance(self._take(worker), Resume):
                pass
        self._begin()

    def _post(self, worker, value):
        from ._utils.shared import Closed
        try:
            self._channels[worker].post(value)
        except Closed:
            pass  # told when an answer is awaited: it may have sent some before it died

    def _take(self, worker):
        from ._utils.shared import Closed, TimedOut
        try:
            return self._channels[worker].receive(self._loader.timeout or None)
        except TimedOut:
            self._shutdown(kill=True)
            raise RuntimeError(f"DataLoader timed out after {self._loader.timeout} seconds") from None
        except Closed:
            process = self._processes[worker]
            process.join(5)
            dead = [str(p.pid) for p in self._processes if not p.is_alive()] or [str(process.pid)]
            code = process.exitcode
            self._shutdown()
            text = f"DataLoader worker (pid(s) {', '.join(dead)}) exited unexpectedly"
            if code is not None and code < 0:
                import signal
                try:
                    name = signal.Signals(-code).name
                except ValueError:
                    name = f"signal {-code}"
                text += f" (killed by {name})"
            elif code:
                text += f" (exit status {code})"
            raise RuntimeError(text) from None

    def _ask(self):
        if not any(self._alive):
            return
        try:
            index = self._next_index()
        except StopIteration:
            return
        count = len(self._alive)
        while not self._alive[self._turn % count]:
            self._turn += 1
        worker = self._turn % count
        self._turn += 1
        self._asked[self._sent] = worker
        self._sent += 1
        self._post(worker, (self._sent - 1, index))

    def _next_data(self):
        from ._utils.worker import ExceptionWrapper, IterableEnd
        while True:
            while self._received < self._sent and not self._alive[self._asked[self._received]]:
                del self._asked[self._received]
                self._received += 1
            if self._received >= self._sent:
                if not self._loader.persistent_workers:
                    self._shutdown()
                raise StopIteration
            if self._closed:
                raise StopIteration
            worker = self._asked[self._received]
            number, data = self._take(worker)
            if isinstance(data, IterableEnd):
                self._alive[worker] = False
                self._ask()
                continue
            assert number == self._received
            del self._asked[number]
            self._received += 1
            self._ask()
            if isinstance(data, ExceptionWrapper):
                data.reraise()
            return data

    def _shutdown(self, kill=False):
        """Ends the workers: hanging up tells them; one that is busy for longer than 5 s is stopped."""
        if self._closed:
            return
        self._closed = True
        import atexit
        if hasattr(self, "_at_exit"):
            atexit.unregister(self._at_exit)
        for channel in self._channels:
            channel.close()
        for process in self._processes:
            if kill:
                process.terminate()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.terminate()
                process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def __del__(self):
        try:
            if not self._closed and self._processes and self._processes[0]._parent_pid == os.getpid():
                self._shutdown()
        except Exception:
            pass  # the interpreter is going down
