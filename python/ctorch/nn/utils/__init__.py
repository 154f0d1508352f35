"""torch.nn.utils: clipping gradients, parameters as one vector."""
from .clip_grad import clip_grad_norm_, clip_grad_norm, clip_grad_value_, get_total_norm, clip_grads_with_norm_
from .convert_parameters import parameters_to_vector, vector_to_parameters

_lazy = ('rnn',)


def __getattr__(name):
    if name in _lazy:
        from importlib import import_module
        return import_module('.' + name, __name__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
