"""torch.save and torch.load. Tensors, state dicts and plain values are C's; objects of classes of one's own (whole modules)
go through Python's pickle over the same archive, and come back only with weights_only=False."""
from __future__ import annotations

import io
import os
import pickle

from . import _C
from ._tensor import _STORAGE_NAMES, _name, _storage_flat, _storage_from_bytes


def _find_global(module, name):
    """The object that a checkpoint names: torch is this package."""
    from importlib import import_module
    if module == 'torch' or module.startswith('torch.'):
        module = 'c' + module
    elif module == 'torchvision' or module.startswith('torchvision.'):
        module = 'ctorch.vision' + module[len('torchvision'):]
    found = import_module(module)
    for part in name.split('.'):
        found = getattr(found, part)
    return found


def _location(map_location):
    """map_location as C takes it: 'cpu' or None."""
    if map_location is None or callable(map_location):
        return None if map_location is None else 'cpu'
    if isinstance(map_location, dict):
        return 'cpu'
    device = _C.device(map_location)
    if device.type == 'cuda':
        raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
                           "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
                           "storages to the CPU.")
    return 'cpu'


def _name_in_file(module, name):
    """Where PyTorch keeps what this package has as module.name."""
    if module == 'ctorch._tensor' and name.startswith('_rebuild_'):
        return 'torch._utils'
    if module == 'ctorch._storage' and name.endswith('Storage') and name not in ('TypedStorage', 'UntypedStorage'):
        return 'torch'
    if module == 'ctorch.vision' or module.startswith('ctorch.vision.'):
        return 'torchvision' + module[len('ctorch.vision'):]
    return module[1:]


class _Pickler(pickle._Pickler):
    """Storages go beside the pickle; the package's modules are written under PyTorch's names."""
    dispatch = pickle._Pickler.dispatch.copy()

    def save_global(self, obj, name=None):
        module = getattr(obj, '__module__', None)
        if not (isinstance(module, str) and (module == 'ctorch' or module.startswith('ctorch.'))):
            return super().save_global(obj, name)
        name = name or obj.__qualname__
        text = f'{_name_in_file(module, name)}\n{name}\n'.encode()
        self.write(pickle.GLOBAL + text)
        self.memoize(obj)

    dispatch[type(_find_global)] = save_global

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages, self.keys = [], {}

    def persistent_id(self, obj):
        from ._storage import TypedStorage, UntypedStorage
        if not isinstance(obj, (TypedStorage, UntypedStorage)):
            return None
        flat = obj._flat
        key = self.keys.get(flat._storage_id())
        if key is None:
            key = self.keys[flat._storage_id()] = str(len(self.storages))
            self.storages.append(flat._storage_bytes())
        return 'storage', type(obj), key, 'cpu', flat.numel()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, archive):
        super().__init__(file)
        self.archive, self.loaded = archive, {}

    def find_class(self, module, name):
        if module.split('.')[0] in ('torch', 'torchvision'):
            return _find_global(module, name)
        return super().find_class(module, name)

    def persistent_load(self, pid):
        _, kind, key, _, _ = pid
        if key not in self.loaded:
            data = _C._archive_read(self.archive, 'data/' + key)
            if data is None:
                raise RuntimeError(f'the archive has no storage {key}')
            self.loaded[key] = _C.frombuffer(data, dtype=_C.uint8) if len(data) else _C.empty(0, dtype=_C.uint8)
        return _storage_from_bytes(self.loaded[key], kind.__name__)


_safe = {}      # what add_safe_globals has allowed, by the name in the file


class _SafeUnpickler(_Unpickler):
    """Finds tensors' parts and what add_safe_globals has named, and nothing else."""

    def find_class(self, module, name):
        if (module, name) in _safe:
            return _safe[module, name]
        if (module == 'torch._utils' and name.startswith('_rebuild_') or module == 'torch' and (
                name.endswith('Storage') or name in ('Size', 'device')) or (module, name) == ('collections', 'OrderedDict')):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL {module}.{name} was not an allowed global by default. Please use '
                                     f'`torch.serialization.add_safe_globals([{name}])` to allowlist this global if you trust '
                                     'this class/function.')


def add_safe_globals(safe_globals):
    """From now on load(weights_only=True) makes objects of these classes (or (class, name) pairs), too."""
    for item in safe_globals:
        cls, path = item if isinstance(item, tuple) else (item, f'{item.__module__}.{item.__qualname__}')
        module, _, name = path.rpartition('.')
        if module == 'ctorch' or module.startswith('ctorch.'):
            module = module[1:]
        _safe[module, name] = cls


def get_safe_globals():
    return list(_safe.values())


def clear_safe_globals():
    _safe.clear()


class safe_globals:
    """add_safe_globals for the length of a with block."""

    def __init__(self, safe_globals):
        self.added = safe_globals

    def __enter__(self):
        self.before = dict(_safe)
        add_safe_globals(self.added)

    def __exit__(self, *exc):
        _safe.clear()
        _safe.update(self.before)


def _save_pickled(obj, f, protocol):
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, protocol)
    pickler.dump(obj)
    records = [('data.pkl', buffer.getvalue()), ('byteorder', b'little')]
    records += [(f'data/{i}', memoryview(s) if s.numel() else b'') for i, s in enumerate(pickler.storages)]
    records.append(('version', b'3\n'))
    _C._archive_write(f.write if hasattr(f, 'write') else f, records)


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True, _disable_byteorder_record=False):
    """Writes an object to a path or a file object, in the format that PyTorch reads.

    Tensors that share memory share it in the file. A path holds the old file or the whole new one, never less.
    """
    if not (hasattr(f, 'write') or isinstance(f, (str, bytes, os.PathLike))):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, not {type(f).__name__}")
    try:
        if hasattr(f, 'write'):
            f.write(_C._save(obj, None))
        else:
            _C._save(obj, f)
        return
    except TypeError as e:
        if 'cannot save an object of type' not in str(e):
            raise
    _save_pickled(obj, f, pickle_protocol)


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Reads what save, PyTorch's or this one, wrote.

    With weights_only (the default) no code of the file's choice is run: tensors, plain values and containers only, anything else
    is a pickle.UnpicklingError. map_location: 'cpu' accepts storages that were saved from another device.
    """
    location = _location(map_location)
    if hasattr(f, 'read'):
        name = getattr(f, 'name', None)
        source = f.read()
    elif isinstance(f, (str, bytes, os.PathLike)):
        name, source = None, os.fspath(f)
        if isinstance(source, bytes):
            source = os.fsdecode(source)
        if not os.path.exists(source):
            raise FileNotFoundError(2, 'No such file or directory', source)
    else:
        raise AttributeError(f"'{type(f).__name__}' object has no attribute 'read'")
    try:
        return _C._load(source, location, False, name if isinstance(name, str) else None)
    except pickle.UnpicklingError:
        if weights_only is not False and not _safe or not _is_zip(source):
            raise
    kind = _Unpickler if weights_only is False else _SafeUnpickler
    return kind(io.BytesIO(_C._archive_read(source, 'data.pkl')), source).load()


def _is_zip(source):
    if isinstance(source, str):
        with open(source, 'rb') as f:
            return f.read(2) == b'PK'
    return bytes(source[:2]) == b'PK'


def save_file(tensors, filename, metadata=None):
    """safetensors.torch.save_file."""
    _C._save_safetensors(filename, dict(tensors), dict(metadata or {}))


def load_file(filename, device='cpu'):
    """safetensors.torch.load_file."""
    return _C._load(filename, None, True)
