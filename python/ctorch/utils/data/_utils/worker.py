"""A loader's worker process, and what user code can ask inside one."""
from __future__ import annotations

import os
import sys
import traceback

import ctorch as torch

__all__ = ["WorkerInfo", "get_worker_info", "ExceptionWrapper", "KeyErrorMessage"]

_worker_info = None


class WorkerInfo:
    """What get_worker_info() gives: id, num_workers, seed, dataset. Read only."""

    def __init__(self, **fields):
        for name, value in fields.items():
            self.__dict__[name] = value
        self.__dict__["_names"] = tuple(fields)

    def __setattr__(self, name, value):
        raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self._names)})"


def get_worker_info():
    """The WorkerInfo of this worker process; None in the main process."""
    return _worker_info


class KeyErrorMessage(str):
    """A KeyError's text that prints with its line breaks."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class ExceptionWrapper:
    """An exception on its way to the parent: its type and the text of its traceback."""

    def __init__(self, exc_info=None, where="in background"):
        kind, value, trace = exc_info or sys.exc_info()
        self.exc_type = kind
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self):
        """Raises the same type with "Caught X in ..." and the traceback, RuntimeError where the type refuses that."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            exception = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise exception


class IterableEnd:
    """This worker's share of an iterable dataset is used up."""


class Resume:
    """Sent by the parent before another epoch of persistent workers, and returned by each."""


class MapFetcher:
    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset, self.auto_collation, self.collate_fn = dataset, auto_collation, collate_fn
        self.many = getattr(dataset, "__getitems__", None) if auto_collation else None

    def fetch(self, index):
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.many:
            return self.collate_fn(self.many(index))
        dataset = self.dataset
        return self.collate_fn([dataset[i] for i in index])


class IterableFetcher:
    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.iterator = iter(dataset)
        self.auto_collation, self.collate_fn, self.drop_last = auto_collation, collate_fn, drop_last
        self.ended = False

    def fetch(self, index):
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.iterator))
        samples = []
        for _ in index:
            try:
                samples.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)


def _seed_numpy(base_seed, worker):
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        words = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
        numpy.random.seed(numpy.random.SeedSequence(words).generate_state(4))


def work(sock, others, parent, worker, workers, base_seed, dataset, fetcher, fetcher_args, init_fn):
    """A worker's life: take (batch number, indices), answer (batch number, batch), until the parent hangs up."""
    global _worker_info
    from .shared import Channel, Closed, pack
    for other in others:
        other.close()
    channel = Channel(sock)

    def parent_lives():
        if os.getppid() != parent:
            raise Closed

    try:
        import random
        torch.set_num_threads(1)
        seed = base_seed + worker
        random.seed(seed)
        torch.manual_seed(seed)
        _seed_numpy(base_seed, worker)
        _worker_info = WorkerInfo(id=worker, num_workers=workers, seed=seed, dataset=dataset)
        where = f"in DataLoader worker process {worker}"
        failed = source = None
        try:
            if init_fn is not None:
                init_fn(worker)
            source = fetcher(dataset, *fetcher_args)
        except Exception:
            failed = ExceptionWrapper(where=where)
        ended = False
        while True:
            task = channel.receive(on_idle=parent_lives)
            if isinstance(task, Resume):
                ended = False
                try:
                    source = fetcher(dataset, *fetcher_args)
                except Exception:
                    failed = ExceptionWrapper(where=where)
                channel.send(pack(task))
                continue
            if ended:
                continue
            number, index = task
            if failed is not None:
                answer, failed = failed, None
            else:
                try:
                    answer = source.fetch(index)
                except StopIteration:
                    if fetcher is IterableFetcher:
                        answer, ended = IterableEnd(), True
                    else:
                        answer = ExceptionWrapper(where=where)
                except Exception:
                    answer = ExceptionWrapper(where=where)
            try:
                packed = pack((number, answer))
            except Exception:
                packed = pack((number, ExceptionWrapper(where=where)))
            del answer
            channel.send(packed)
    except (Closed, KeyboardInterrupt):
        pass
    finally:
        channel.close()
