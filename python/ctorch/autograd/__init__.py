"""torch.autograd: Variable, Function, grad, backward, grad modes, gradcheck."""
from .. import _backend
from .._backend import Tensor, _C
from .grad_mode import no_grad, enable_grad, set_grad_enabled, inference_mode, set_multithreading_enabled
from .function import Function, NestedIOFunction
from .variable import Variable

_lazy = {'detect_anomaly': 'anomaly_mode', 'set_detect_anomaly': 'anomaly_mode'}
_lazy_modules = ('functional', 'anomaly_mode', 'profiler')


def _as_tuple(x):
    if x is None:
        return ()
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _make_grads(outputs, grads):
    """The gradients to start from: ones for a scalar. RuntimeError where none can be made or the shape is wrong."""
    new = []
    for i, out in enumerate(outputs):
        grad = grads[i] if i < len(grads) else None
        if grad is None:
            if out.requires_grad:
                if out.numel() != 1:
                    raise RuntimeError('grad can be implicitly created only for scalar outputs')
                if not out.is_floating_point() and not out.is_complex():
                    raise RuntimeError('grad can be implicitly created only for real scalar outputs but got '
                                       f'{out.dtype}')
                grad = _C.ones_like(out)
            new.append(grad)
            continue
        if not isinstance(grad, Tensor):
            raise TypeError(f'gradients can be either Tensors or None, but got {type(grad).__name__}')
        if grad.shape != out.shape:
            raise RuntimeError(f'Mismatch in shape: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a '
                               f'shape of {out.shape}.')
        new.append(grad)
    return tuple(new)


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Adds the sum of the gradients of the tensors to the .grad of every leaf below them (or of `inputs` alone).

    grad_tensors: one gradient a tensor; None for a scalar means 1. retain_graph defaults to create_graph."""
    if grad_variables is not None:
        import warnings
        warnings.warn('`grad_variables` is deprecated. Use `grad_tensors` instead.', FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError('`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. '
                               'Please only use `grad_tensors`.')
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, Tensor):
        inputs = tuple(inputs)
        if not inputs:
            raise RuntimeError('`inputs` argument to `backward()` cannot be empty.')
    tensors = _as_tuple(tensors)
    if retain_graph is None:
        retain_graph = create_graph
    grads = _make_grads(tensors, _as_tuple(grad_tensors))
    _C._run_backward(tensors, grads, retain_graph, create_graph, _as_tuple(inputs), True, True)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
         allow_unused=None, is_grads_batched=False, materialize_grads=False):
    """The gradients of the sum of outputs with respect to inputs: a tuple; nothing is accumulated.

    allow_unused: None for an input that was not used, else a RuntimeError; materialize_grads: zeros instead."""
    if materialize_grads and allow_unused is False:
        raise ValueError('Expected allow_unused to be True or not passed when materialize_grads=True, but got: '
                         'allow_unused=False.')
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if retain_graph is None:
        retain_graph = create_graph
    if is_grads_batched:
        batched = _as_tuple(grad_outputs)
        rows = [grad(outputs, inputs, tuple(g[i] for g in batched), True, create_graph, only_inputs, allow_unused)
                for i in range(batched[0].size(0))]
        return tuple(None if c[0] is None else _C.stack(c) for c in zip(*rows))
    grads = _make_grads(outputs, _as_tuple(grad_outputs))
    result = _C._run_backward(outputs, grads, retain_graph, create_graph, inputs, allow_unused, False)
    if materialize_grads:
        result = tuple(_C.zeros_like(i) if g is None else g for g, i in zip(result, inputs))
    return tuple(result)


# Not on demand: the module has the name of its function, and an import later on would put itself in the function's place.
from .gradcheck import GradcheckError, gradcheck, gradgradcheck  # noqa: E402


def __getattr__(name):
    if name in _lazy:
        from importlib import import_module
        value = getattr(import_module('.' + _lazy[name], __name__), name)
        globals()[name] = value
        return value
    if name in _lazy_modules:
        from importlib import import_module
        return import_module('.' + name, __name__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
