"""torch.nn: modules, losses, parameters, initialisation."""
from .parameter import Parameter, Buffer, UninitializedParameter, UninitializedBuffer
from . import functional, init, parameter
from .modules import *
from .modules import Module
from . import modules, utils


class DataParallel(Module):
    """Calls the module it wraps: there is one device."""

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.device_ids = []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def factory_kwargs(kwargs):
    """The device, dtype and memory_format among keyword arguments. TypeError for others."""
    if kwargs is None:
        return {}
    wanted = {'device', 'dtype', 'memory_format'}
    if set(kwargs) - wanted - {'factory_kwargs'}:
        raise TypeError(f'unexpected kwargs {set(kwargs) - wanted - {"factory_kwargs"}}')
    result = dict(kwargs.get('factory_kwargs', {}))
    result.update((k, v) for k, v in kwargs.items() if k in wanted)
    return result
