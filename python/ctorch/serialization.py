"""torch.save and torch.load, in PyTorch's zip format. The format itself is C's."""
from ._backend import _C


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True):
    """Writes tensors, state dicts and plain containers to a path or a file object."""
    raise NotImplementedError('torch.save is not there yet')


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Reads what save (or PyTorch's) wrote; never runs code from the file."""
    raise NotImplementedError('torch.load is not there yet')
