"""torch.utils."""
_lazy = ('data', 'hooks', 'checkpoint', 'tensorboard', 'model_zoo')


def __getattr__(name):
    if name in _lazy:
        from importlib import import_module
        try:
            return import_module('.' + name, __name__)
        except ModuleNotFoundError as e:
            if e.name != f'{__name__}.{name}':
                raise
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
