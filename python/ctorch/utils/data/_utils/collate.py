"""From a list of samples to one batch."""
from __future__ import annotations

import collections.abc
import copy
import sys

import ctorch as torch

__all__ = ["default_convert", "default_collate", "collate", "default_collate_fn_map", "default_collate_err_msg_format"]

default_collate_err_msg_format = ("default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
                                  "found {}")


def _numpy_kind(value):
    """'array', 'scalar' or '' without importing NumPy: a NumPy value can only exist where NumPy is loaded."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return ""
    if isinstance(value, numpy.ndarray):
        return "array"
    return "scalar" if isinstance(value, numpy.generic) else ""


def default_convert(data):
    """NumPy arrays and scalars inside `data` (dicts, lists, tuples, bare) become tensors; all else stays."""
    if isinstance(data, torch.Tensor):
        return data
    kind = _numpy_kind(data)
    if kind:
        if kind == "array" and data.dtype.kind in "SUO":
            return data
        return torch.as_tensor(data)
    kinds = type(data)
    if isinstance(data, collections.abc.Mapping):
        try:
            if isinstance(data, collections.abc.MutableMapping):
                clone = copy.copy(data)
                clone.update({key: default_convert(data[key]) for key in data})
                return clone
            return kinds({key: default_convert(data[key]) for key in data})
        except TypeError:
            return {key: default_convert(data[key]) for key in data}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kinds(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        try:
            return kinds([default_convert(item) for item in data])
        except TypeError:
            return [default_convert(item) for item in data]
    return data


def _collate_tensors(batch, *, collate_fn_map=None):
    return torch.stack(batch, 0)


def _collate_array(batch, *, collate_fn_map=None):
    if batch[0].dtype.kind in "SUO":
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return _collate_tensors([torch.as_tensor(item) for item in batch])


def _collate_floats(batch, *, collate_fn_map=None):
    return torch.tensor(batch, dtype=torch.float64)


def _collate_ints(batch, *, collate_fn_map=None):
    return torch.tensor(batch)


def _collate_as_is(batch, *, collate_fn_map=None):
    return batch


# Types beside tensors and NumPy's, which are looked at first. Users may add their own.
default_collate_fn_map = {float: _collate_floats, int: _collate_ints, str: _collate_as_is, bytes: _collate_as_is}


def collate(batch, *, collate_fn_map=None):
    """default_collate with a table {type or tuple of types: function(batch, *, collate_fn_map)}."""
    first = batch[0]
    kinds = type(first)
    if collate_fn_map is not None:
        if kinds in collate_fn_map:
            return collate_fn_map[kinds](batch, collate_fn_map=collate_fn_map)
        for known, function in collate_fn_map.items():
            if isinstance(first, known):
                return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        columns = {key: collate([item[key] for item in batch], collate_fn_map=collate_fn_map) for key in first}
        try:
            if isinstance(first, collections.abc.MutableMapping):
                clone = copy.copy(first)
                clone.update(columns)
                return clone
            return kinds(columns)
        except TypeError:
            return columns
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kinds(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        size = len(first)
        if not all(len(item) == size for item in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        if isinstance(first, tuple):
            return columns
        try:
            if isinstance(first, collections.abc.MutableSequence):
                clone = copy.copy(first)
                for i, column in enumerate(columns):
                    clone[i] = column
                return clone
            return kinds(columns)
        except TypeError:
            return columns
    raise TypeError(default_collate_err_msg_format.format(kinds))


class _DefaultMap(collections.abc.Mapping):
    """default_collate's table: the fixed types above, then tensors and NumPy's, found by looking at the value."""

    def __contains__(self, kinds):
        return self._find(kinds) is not None

    def __getitem__(self, kinds):
        function = self._find(kinds)
        if function is None:
            raise KeyError(kinds)
        return function

    def __iter__(self):
        yield torch.Tensor
        yield from default_collate_fn_map

    def __len__(self):
        return len(default_collate_fn_map) + 1

    @staticmethod
    def _find(kinds):
        if kinds in default_collate_fn_map:
            return default_collate_fn_map[kinds]
        if issubclass(kinds, torch.Tensor):
            return _collate_tensors
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            if issubclass(kinds, numpy.ndarray):
                return _collate_array
            if issubclass(kinds, (numpy.bool_, numpy.number, numpy.object_)):
                return _collate_numpy_scalars
        return None


def _collate_numpy_scalars(batch, *, collate_fn_map=None):
    import numpy
    return torch.as_tensor(numpy.asarray(batch))


_default_map = _DefaultMap()


def default_collate(batch):
    """Stacks samples into a batch, by the type of the first one.

    Tensors of shape (*) give (N, *); numbers a tensor of N (float: float64, int: int64, bool: bool); str and bytes stay
    a list; dicts, named tuples, tuples and lists are collated per field (a tuple comes out as a list).
    RuntimeError for unequal sizes, TypeError for types that it does not know.
    """
    return collate(batch, collate_fn_map=_default_map)
