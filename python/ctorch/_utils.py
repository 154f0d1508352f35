"""What pickles of tensors and parameters name."""
from ._tensor import _rebuild_tensor_v2


def _rebuild_parameter(data, requires_grad, backward_hooks):
    from .nn.parameter import Parameter
    return Parameter(data, requires_grad)
