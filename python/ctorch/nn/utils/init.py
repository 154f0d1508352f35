"""skip_init: modules whose parameters keep whatever the memory holds."""
import inspect

from ..modules.module import Module


def skip_init(module_cls, *args, **kwargs):
    """module_cls(*args, **kwargs) without initialisation: the module is made on the meta device and given empty memory, so no random
    numbers are drawn. RuntimeError unless it is a Module's subclass that takes device=."""
    if not issubclass(module_cls, Module):
        raise RuntimeError(f'Expected a Module; got {module_cls}')
    if 'device' not in inspect.signature(module_cls).parameters:
        raise RuntimeError('Module must support a \'device\' arg to skip initialization')
    device = kwargs.pop('device', 'cpu')
    kwargs['device'] = 'meta'
    return module_cls(*args, **kwargs).to_empty(device=device)
