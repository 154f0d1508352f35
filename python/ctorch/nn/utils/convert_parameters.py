"""Parameters as one vector and back."""
from ..._backend import Tensor, typename, _C


def parameters_to_vector(parameters):
    """All parameters' elements in one 1-d tensor."""
    return _C.cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Makes slices of the vector the parameters' data. TypeError if vec is no tensor."""
    if not isinstance(vec, Tensor):
        raise TypeError(f'expected torch.Tensor, but got: {typename(vec)}')
    at = 0
    for p in parameters:
        n = p.numel()
        p.data = vec[at:at + n].view_as(p).data
        at += n
