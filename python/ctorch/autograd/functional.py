"""jacobian, hessian, vjp: by repeated backward."""
from .._backend import Tensor, _C
from . import grad as _grad
from .grad_mode import enable_grad


def _tuple(x):
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _prepared(inputs, create_graph):
    return tuple(i.view_as(i) if create_graph and i.requires_grad else i.detach().requires_grad_() for i in inputs)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy='reverse-mode'):
    """d func(inputs) / d inputs: shape (*output, *input), nested in tuples as outputs and inputs are."""
    single_in = isinstance(inputs, Tensor)
    with enable_grad():
        ins = _prepared(_tuple(inputs), create_graph)
        out = func(*ins)
        single_out = isinstance(out, Tensor)
        result = []
        for o in _tuple(out):
            rows = [[] for _ in ins]
            flat = o.reshape(-1)
            for j in range(o.numel()):
                got = _grad(flat[j], ins, retain_graph=True, create_graph=create_graph, allow_unused=True) \
                    if flat[j].requires_grad else (None,) * len(ins)
                for row, g, i in zip(rows, got, ins):
                    row.append(_C.zeros_like(i) if g is None else g)
            cells = tuple(_C.stack(r).view(tuple(o.shape) + tuple(i.shape)) if r
                          else i.new_zeros(tuple(o.shape) + tuple(i.shape)) for r, i in zip(rows, ins))
            if not create_graph:
                cells = tuple(c.detach() for c in cells)
            result.append(cells[0] if single_in else cells)
    return result[0] if single_out else tuple(result)


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy='reverse-mode'):
    """The second derivatives of a scalar function."""
    single = isinstance(inputs, Tensor)

    def first(*ins):
        out = func(*ins)
        got = _grad(out, ins, create_graph=True, allow_unused=True)
        return tuple(_C.zeros_like(i) if g is None else g for g, i in zip(got, ins))
    with enable_grad():
        result = jacobian(first, _tuple(inputs), create_graph=create_graph)
    return result[0][0] if single else result


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T J)."""
    single = isinstance(inputs, Tensor)
    with enable_grad():
        ins = _prepared(_tuple(inputs), create_graph)
        out = func(*ins)
        got = _grad(_tuple(out), ins, None if v is None else _tuple(v), create_graph=create_graph, allow_unused=True)
        got = tuple(_C.zeros_like(i) if g is None else g for g, i in zip(got, ins))
    if not create_graph:
        out = out.detach() if isinstance(out, Tensor) else tuple(o.detach() for o in out)
    return out, got[0] if single else got
