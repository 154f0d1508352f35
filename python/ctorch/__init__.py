"""ctorch: PyTorch, in C. ``import ctorch as torch``."""
from . import _C
from ._C import *
from ._C import Tensor, Size, device, dtype, Generator

__version__ = '2.13.0+ctorch'
_ctorch_version = _C.__version__

# Where the names live that Python provides; each is imported when it is first asked for.
_homes = {
    '.autograd': 'no_grad enable_grad set_grad_enabled inference_mode',
    '.autograd.anomaly_mode': '',
    '._compat': 'compat',
    '._constants': 'inf nan pi e newaxis finfo iinfo',
    '.random': 'manual_seed seed initial_seed get_rng_state set_rng_state default_generator',
    '.serialization': 'save load',
    '._types': 'FloatTensor DoubleTensor HalfTensor BFloat16Tensor ByteTensor CharTensor ShortTensor IntTensor '
               'LongTensor BoolTensor set_default_tensor_type is_tensor is_storage typename is_floating_point '
               'is_complex is_nonzero numel tensor_types',
    '._storage': 'UntypedStorage TypedStorage FloatStorage DoubleStorage HalfStorage BFloat16Storage ByteStorage '
                 'CharStorage ShortStorage IntStorage LongStorage BoolStorage',
    '._misc': 'compile is_inference is_inference_mode_enabled are_deterministic_algorithms_enabled '
              'use_deterministic_algorithms set_deterministic_debug_mode get_deterministic_debug_mode '
              'set_float32_matmul_precision get_float32_matmul_precision set_num_interop_threads '
              'get_num_interop_threads set_default_device get_default_device set_flush_denormal '
              'is_warn_always_enabled set_warn_always vmap '
              'set_printoptions get_device_module is_autocast_enabled autocast Stream accelerator',
    '._composites': '',
}
_modules = ('nn', 'optim', 'autograd', 'cuda', 'utils', 'vision', 'backends', 'random', 'serialization', 'amp', 'jit',
            'version', 'multiprocessing', 'return_types', 'linalg', 'hub', 'testing', 'storage', '_utils', '_tensor',
            'types', 'functional', 'special', 'distributions', 'onnx', 'profiler', 'fft', 'mps', 'distributed')
_names = {name: home for home, names in _homes.items() for name in names.split()}


for _name in (*_homes['.autograd'].split(), 'functional', 'set_printoptions'):
    globals().pop(_name, None)


def __getattr__(name):
    home = _names.get(name)
    if home is not None:
        from importlib import import_module
        value = getattr(import_module(home, __name__), name)
    elif name in _modules:
        from importlib import import_module
        try:
            return import_module('.' + name, __name__)
        except ModuleNotFoundError as e:
            if e.name != f'{__name__}.{name}':
                raise
            raise AttributeError(f"module 'torch' has no attribute '{name}'") from None
    elif not name.startswith('_'):
        from . import _composites
        value = getattr(_composites, name, None)
        if value is None or name not in _composites.__all__:
            raise AttributeError(f"module 'torch' has no attribute '{name}'")
    else:
        raise AttributeError(f"module 'torch' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__():
    from . import _composites
    return sorted({*globals(), *_names, *_modules, *_composites.__all__})


def _start():
    import os
    from . import _methods
    _methods.attach(globals())
    if os.environ.get('CTORCH_COMPAT'):
        from ._compat import _from_environment
        _from_environment()


_start()
