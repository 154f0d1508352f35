"""Datasets and transforms that the C core can read by itself: which they are, and what it is told about them.

A dataset of another type, one whose __getitem__ is a subclass's own, or a transform that is not on the list gives None;
the loader then works in Python, with equal batches and draws.
"""
from __future__ import annotations

import sys

import ctorch as torch

from ..dataset import Subset, TensorDataset
from .collate import default_collate


def _core():
    core = sys.modules.get("ctorch._C")
    return core if hasattr(core, "_data_fetch") else None


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _steps_of(transform):
    """The transform as a list of steps for the core, or None."""
    from ctorch.vision.transforms import functional as F
    from ctorch.vision.transforms import transforms as T
    flat = []

    def flatten(t):
        if type(t) is T.Compose:
            for part in t.transforms:
                flatten(part)
        else:
            flat.append(t)

    flatten(transform)
    steps, floats = [], False
    for t in flat:
        kind = type(t)
        if kind is T.ToTensor and not floats:
            steps.append(("to_tensor",))
            floats = True
        elif kind is T.Normalize and floats:
            try:
                mean, std = tuple(map(float, t.mean)), tuple(map(float, t.std))
            except TypeError:
                return None
            if len(mean) != len(std) or not 1 <= len(std) <= 4:
                return None
            steps.append(("normalize", mean, std))
        elif kind is T.CenterCrop:
            steps.append(("center_crop", int(t.size[0]), int(t.size[1])))
        elif kind is T.Resize and not floats:
            size = [t.size] if isinstance(t.size, int) else list(t.size)
            if not all(type(side) is int and side > 0 for side in size) or (t.max_size and len(size) == 2):
                return None
            if type(t.interpolation) is not T.InterpolationMode or not isinstance(t.max_size, (int, type(None))):
                return None
            steps.append(("resize", size[0], size[1] if len(size) == 2 else 0, t.max_size or 0,
                          t.interpolation.value.removesuffix("-exact")))
        elif kind is T.RandomHorizontalFlip and _number(t.p):
            steps.append(("hflip", float(t.p)))
        elif kind is T.RandomVerticalFlip and _number(t.p):
            steps.append(("vflip", float(t.p)))
        elif kind in (T.Pad, T.RandomCrop):
            if t.padding_mode != "constant" or not _number(t.fill) or not (floats or 0 <= t.fill <= 255):
                return None
            sides = (0, 0, 0, 0) if t.padding is None else tuple(F._sides(t.padding))
            if not all(isinstance(side, int) and side >= 0 for side in sides):
                return None
            fill = float(t.fill) if floats else float(int(t.fill))
            if kind is T.Pad:
                steps.append(("pad", sides, fill))
            else:
                steps.append(("random_crop", int(t.size[0]), int(t.size[1]), sides, fill, bool(t.pad_if_needed)))
        else:
            return None
    return steps if floats and steps[0][0] != "normalize" else None


def _images_of(dataset):
    """(images, targets) of one of our image datasets as tensors, or None."""
    cifar = sys.modules.get("ctorch.vision.datasets.cifar")
    mnist = sys.modules.get("ctorch.vision.datasets.mnist")
    if cifar is not None and isinstance(dataset, cifar.CIFAR10) and type(dataset).__getitem__ is cifar.CIFAR10.__getitem__:
        images, targets = dataset._images, dataset.targets
        if images is None:
            array = dataset._array
            if getattr(array, "ndim", 0) != 4 or str(array.dtype) != "uint8" or not array.flags.writeable:
                return None
            images = torch.from_numpy(array).permute(0, 3, 1, 2)
        if type(targets) is not list or set(map(type, targets)) != {int}:
            return None
        targets = torch.tensor(targets, dtype=torch.int64)
    elif mnist is not None and isinstance(dataset, mnist.MNIST) and type(dataset).__getitem__ is mnist.MNIST.__getitem__:
        images, targets = dataset.data, dataset.targets
        if not isinstance(images, torch.Tensor) or images.dim() != 3 or not isinstance(targets, torch.Tensor):
            return None
        images = images.unsqueeze(1)
    else:
        return None
    if images.dtype != torch.uint8 or targets.dtype != torch.int64 or targets.dim() != 1 or len(images) != len(targets):
        return None
    return images, targets


def _handle(core, dataset):
    kind = type(dataset)
    if kind is Subset:
        inner = _handle(core, dataset.dataset)
        return None if inner is None else core._data_subset(inner, dataset.indices)
    if isinstance(dataset, TensorDataset) and kind.__getitem__ is TensorDataset.__getitem__:
        tensors = dataset.tensors
        if not 1 <= len(tensors) <= 8 or hasattr(dataset, "__getitems__"):
            return None
        for t in tensors:
            if type(t) is not torch.Tensor or t.requires_grad or not 1 <= t.dim() <= 9 or t.device.type != "cpu" \
                    or not t[:1].is_contiguous():
                return None
        return core._data_tensors(tensors)
    found = _images_of(dataset)
    if found is None or dataset.target_transform is not None or hasattr(dataset, "__getitems__"):
        return None
    steps = _steps_of(dataset.transform)
    return None if steps is None else core._data_images(*found, steps)


def native_source(loader):
    """The core's handle for what the loader reads, or None where Python has to do it."""
    core = _core()
    if core is None or not loader._auto_collation or loader.collate_fn is not default_collate or \
            loader.worker_init_fn is not None or loader.multiprocessing_context is not None or loader.timeout or \
            torch.get_default_dtype() != torch.float32:
        return None
    try:
        return _handle(core, loader.dataset)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None  # Python's own path tells what is wrong, where it is met
