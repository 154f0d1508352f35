"""The one place where the Python side takes its primitives from the C extension.

What the package needs of ``ctorch._C``:

- objects: Tensor (subclassable, ``Tensor._make_subclass(cls, data, requires_grad)``), dtype, device, Size, Generator,
  layout, memory_format, their values (float32, strided, contiguous_format, ...) and default_generator;
- every op: those of ``torch.*`` as attributes of the module, those of ``torch.nn.functional`` as attributes of
  ``_C.functional``, both with the names and schemas of PyTorch's native functions;
- set_grad_enabled(bool), is_grad_enabled(), get/set_default_dtype, get/set_num_threads;
- _run_backward(outputs, grads, retain_graph, create_graph, inputs, allow_unused, accumulate): tuples; returns a tuple
  of gradients where accumulate is False;
- _function_attach(name, inputs, outputs, backward, legacy_name): makes the tensors ``outputs`` the results of one graph
  node over ``inputs`` (entries may be None); ``backward(*grads)`` gets None where no gradient arrived and returns a
  tuple with one entry for each input. Returns the node, or None where nothing is recorded;
- _SavedTensor(tensor, is_output): ``unpack(node)`` checks the version and gives the tensor;
- _optim: the optimizers' steps (see optim/_steps.py); _ModuleBase: the base of nn.Module.
"""
from ctorch import _C
from ctorch._C import Tensor, Size, device, dtype, Generator, layout, memory_format
from ctorch._C import set_grad_enabled as _set_grad_enabled, is_grad_enabled

functional = _C.functional
_strict_types = (Tensor,)


def op(name):
    """The C op of that name: of nn.functional first, else of torch. A name that does not exist fails when called."""
    found = getattr(functional, name, None)
    if found is None:
        found = getattr(_C, name, None)
    if found is None:
        def found(*args, **kwargs):
            raise NotImplementedError(f"ctorch has no op '{name}' yet")
        found.__name__ = name
        found._missing = True
    return found


def has_op(name):
    return hasattr(functional, name) or hasattr(_C, name)


def typename(obj):
    """What error messages call an object: 'torch.FloatTensor' for a tensor, else the type's name."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    module = getattr(cls, '__module__', '')
    if module in ('', 'builtins', '__builtin__', None):
        return cls.__qualname__
    if module == 'ctorch' or module.startswith('ctorch.'):
        module = module[1:]
    return module + '.' + cls.__qualname__
