"""torch.nn.utils: gradients clipped, parameters as one vector, weights normalised, parametrized, pruned or fused."""
from .clip_grad import clip_grad_norm_, clip_grad_norm, clip_grad_value_, get_total_norm, clip_grads_with_norm_
from .convert_parameters import parameters_to_vector, vector_to_parameters
from . import weight_norm as _weight_norm, spectral_norm as _spectral_norm

_lazy = ('rnn', 'parametrize', 'parametrizations', 'prune', 'fusion', 'init')
_homes = {'skip_init': 'init', 'fuse_conv_bn_eval': 'fusion', 'fuse_conv_bn_weights': 'fusion', 'fuse_linear_bn_eval': 'fusion',
          'fuse_linear_bn_weights': 'fusion'}
weight_norm, remove_weight_norm = _weight_norm.weight_norm, _weight_norm.remove_weight_norm
spectral_norm, remove_spectral_norm = _spectral_norm.spectral_norm, _spectral_norm.remove_spectral_norm


def __getattr__(name):
    from importlib import import_module
    if name in _lazy:
        return import_module('.' + name, __name__)
    if name in _homes:
        return getattr(import_module('.' + _homes[name], __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
