"""Switches that scripts set and that change nothing here, and other small things."""
from ._backend import _C

_state = {'deterministic': 0, 'precision': 'highest', 'interop': 1, 'warn_always': False}


def compile(model=None, **kwargs):
    """Returns the model: there is no compiler. Usable as a decorator with arguments."""
    if model is None:
        return lambda model: model
    return model


def is_inference(input):
    return False


def is_inference_mode_enabled():
    return False


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Everything is deterministic here."""
    _state['deterministic'] = 2 if mode else 0


def are_deterministic_algorithms_enabled():
    return bool(_state['deterministic'])


def set_deterministic_debug_mode(mode):
    _state['deterministic'] = {'default': 0, 'warn': 1, 'error': 2}.get(mode, mode)


def get_deterministic_debug_mode():
    return _state['deterministic']


def set_float32_matmul_precision(precision):
    _state['precision'] = precision


def get_float32_matmul_precision():
    return _state['precision']


def set_num_interop_threads(n):
    _state['interop'] = n


def get_num_interop_threads():
    return _state['interop']


def set_default_device(device):
    """Only the CPU can be the default."""
    if device is not None and _C.device(device).type != 'cpu':
        raise AssertionError('Torch not compiled with CUDA enabled')


def get_default_device():
    return _C.device('cpu')


def set_flush_denormal(mode):
    return False


def is_warn_always_enabled():
    return _state['warn_always']


def set_warn_always(b):
    _state['warn_always'] = b


def vmap(func, in_dims=0, out_dims=0, randomness='error', *, chunk_size=None):
    """Calls func for each slice and stacks the results."""
    def run(*args):
        dims = in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(args)
        n = next(a.size(d) for a, d in zip(args, dims) if d is not None)
        outs = [func(*(a if d is None else a.select(d, i) for a, d in zip(args, dims))) for i in range(n)]
        if isinstance(outs[0], tuple):
            return tuple(_C.stack(list(column), out_dims) for column in zip(*outs))
        return _C.stack(outs, out_dims)
    return run


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """How tensors print; profile is 'default', 'short', 'full' or 'legacy' (as 0.1.12 did)."""
    from ._compat import compat
    if profile == 'legacy':
        compat('0.1.12')
        profile = None
    elif profile == 'default':
        compat(None)
    _C._set_printoptions(precision=precision, threshold=threshold, edgeitems=edgeitems, linewidth=linewidth,
                         profile=profile, sci_mode=sci_mode)


def is_autocast_enabled(device_type=None):
    return False


def get_device_module(device=None):
    from importlib import import_module
    return import_module('.cuda', __package__)


def __getattr__(name):
    if name == 'autocast':
        from .amp import autocast
        return autocast
    if name == 'Stream':
        from .cuda import Stream
        return Stream
    if name == 'accelerator':
        from types import SimpleNamespace
        return SimpleNamespace(is_available=lambda: False, device_count=lambda: 0, current_accelerator=lambda *a: None)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
