"""torch.cuda of a build without CUDA: is_available() is False, and what needs a device says so."""
from contextlib import nullcontext as _nullcontext

has_half = True
has_magma = False
default_generators = ()


def is_available():
    return False


def device_count():
    return 0


def is_initialized():
    return False


def _no_cuda(*args, **kwargs):
    raise AssertionError('Torch not compiled with CUDA enabled')


init = _lazy_init = current_device = get_device_name = get_device_capability = get_device_properties = synchronize = \
    current_stream = default_stream = set_stream = get_rng_state = set_rng_state = mem_get_info = _no_cuda


def _nothing(*args, **kwargs):
    return None


# Harmless without a device, as in PyTorch.
manual_seed = manual_seed_all = seed = seed_all = empty_cache = ipc_collect = set_device = \
    reset_peak_memory_stats = reset_max_memory_allocated = reset_max_memory_cached = _nothing


def memory_allocated(device=None):
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_cached = max_memory_cached = memory_allocated


def initial_seed():
    return _no_cuda()


def is_bf16_supported(including_emulation=True):
    return False


def get_arch_list():
    return []


def stream(s):
    return _nullcontext()


class device:
    """Selects a device for a block: there is none to select."""

    def __init__(self, device):
        self.idx = device

    def __enter__(self):
        if self.idx is not None and self.idx != -1:
            _no_cuda()

    def __exit__(self, *exc):
        return False


class Stream:
    def __init__(self, *args, **kwargs):
        _no_cuda()


class Event(Stream):
    pass


class OutOfMemoryError(RuntimeError):
    """Never raised here."""


def __getattr__(name):
    if name == 'amp':
        from importlib import import_module
        return import_module('.amp', __name__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
