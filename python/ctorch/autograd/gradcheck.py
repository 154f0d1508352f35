"""gradcheck and gradgradcheck: backward against central differences, in float64."""
from .._backend import Tensor, _C
from . import grad as _grad
from .grad_mode import enable_grad, no_grad


class GradcheckError(RuntimeError):
    """What gradcheck raises: the input, the output and both Jacobians."""


def _tensors(x):
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _outputs(fn, inputs):
    out = fn(*inputs)
    return tuple(o for o in _tensors(out) if isinstance(o, Tensor) and (o.is_floating_point() or o.is_complex()))


def _perturbed(fn, inputs, which, index, delta, n_outputs):
    """The outputs with one element of one input moved by delta (in its memory, so that aliases move along)."""
    flat = inputs[which].data       # its writes are not seen by saved tensors' version checks
    with no_grad():
        position = _unravel(index, flat.shape)
        cell = flat[position] if position else flat
        was = cell.item()
        cell.fill_(was + delta)
        try:
            outs = [o.detach().clone() for o in _outputs(fn, inputs)]
        finally:
            cell.fill_(was)
    return outs


def _unravel(index, shape):
    position = []
    for s in reversed(shape):
        position.append(index % s)
        index //= s
    return tuple(reversed(position))


def _numerical(fn, inputs, which, eps, n_outputs):
    """For each output: its Jacobian (numel(input), numel(output)) by central differences."""
    n = inputs[which].numel()
    columns = [[] for _ in range(n_outputs)]
    for index in range(n):
        above = _perturbed(fn, inputs, which, index, eps, n_outputs)
        below = _perturbed(fn, inputs, which, index, -eps, n_outputs)
        for c, a, b in zip(columns, above, below):
            c.append(((a - b) / (2 * eps)).reshape(-1))
    return [_C.stack(c) if c else None for c in columns]


def _analytical(output, inputs, wanted):
    """For each wanted input: the Jacobian (numel(input), numel(output)) by backward."""
    rows = [[] for _ in wanted]
    seed = _C.zeros_like(output)
    for j in range(output.numel()):
        position = _unravel(j, output.shape)
        g = seed.clone()
        if position:
            g[position] = 1
        else:
            g.fill_(1)
        got = _grad(output, [inputs[w] for w in wanted], g, retain_graph=True, allow_unused=True)
        for row, grad, w in zip(rows, got, wanted):
            row.append((_C.zeros_like(inputs[w]) if grad is None else grad).detach().reshape(-1))
    return [_C.stack(r, 1) if r else None for r in rows]


def _failed(raise_exception, message):
    if raise_exception:
        raise GradcheckError(message)
    return False


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
              check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
              check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True, fast_mode=False,
              masked=None):
    """True if backward of func agrees with central differences for every input that requires grad.

    Else a GradcheckError (a RuntimeError), or False with raise_exception=False. Inputs should be float64."""
    inputs = _tensors(inputs)
    wanted = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not wanted:
        raise ValueError('gradcheck expects at least one input tensor to require gradient, but none of them have '
                         'requires_grad=True.')
    for i in wanted:
        if inputs[i].dtype != _C.float64:
            import warnings
            warnings.warn(f'Input #{i} requires gradient and is not a double precision floating point or complex. This '
                          'check will likely fail if all the inputs are not of double precision floating point or '
                          'complex. ', stacklevel=2)
    with enable_grad():
        outputs = _outputs(func, inputs)
        if not any(o.requires_grad for o in outputs):
            for i in wanted:
                for n in _numerical(func, inputs, i, eps, len(outputs)):
                    if n is not None and not _C.all(n == 0):
                        return _failed(raise_exception, 'Numerical gradient for function expected to be zero')
            return True
        for k, output in enumerate(outputs):
            if not output.requires_grad or output.numel() == 0:
                continue
            analytical = _analytical(output, inputs, wanted)
            again = _analytical(output, inputs, wanted)
            for w, a, b in zip(wanted, analytical, again):
                if a is not None and not _close(a, b, nondet_tol, 0.0):
                    return _failed(raise_exception, 'Backward is not reentrant, i.e., running backward with same input '
                                   'and grad_output multiple times gives different values, although analytical '
                                   'gradient matches numerical gradient.')
            for w, a in zip(wanted, analytical):
                if a is None or a.numel() == 0:
                    continue
                n = _numerical(func, inputs, w, eps, len(outputs))[k]
                if not _close(a, n.to(a.dtype), atol, rtol):
                    return _failed(raise_exception, f'Jacobian mismatch for output {k} with respect to input {w},\n'
                                   f'numerical:{n}\nanalytical:{a}\n')
        if check_undefined_grad and not _undefined_ok(func, inputs, wanted):
            return _failed(raise_exception, 'Expected backward function to handle undefined output grads. Please look '
                           'at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"')
    return True


def _close(a, b, atol, rtol):
    return bool(_C.all((a - b).abs() <= atol + rtol * b.abs()))


def _undefined_ok(func, inputs, wanted):
    """Backward with only one of several outputs reached must not fail."""
    outputs = _outputs(func, inputs)
    if len(outputs) < 2:
        return True
    for k in range(len(outputs)):
        if outputs[k].requires_grad:
            outs = _outputs(func, inputs)
            _grad(outs[k], [inputs[w] for w in wanted], _C.zeros_like(outs[k]), allow_unused=True)
    return True


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
                  gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0, check_undefined_grad=True,
                  check_grad_dtypes=False, check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True,
                  fast_mode=False, masked=False):
    """gradcheck of the gradient of func: of the map (inputs, grad_outputs) -> grad_inputs."""
    inputs = _tensors(inputs)
    if grad_outputs is None:
        outputs = _outputs(func, inputs)
        grad_outputs = tuple(_C.randn(o.shape, dtype=o.dtype).requires_grad_() for o in outputs if o.requires_grad)
    else:
        grad_outputs = _tensors(grad_outputs)
    n = len(inputs)

    def gradient(*args):
        ins, grads = args[:n], args[n:]
        with enable_grad():
            outs = tuple(o for o in _outputs(func, ins) if o.requires_grad)
            wanted = tuple(i for i in ins if isinstance(i, Tensor) and i.requires_grad)
            got = _grad(outs, wanted, grads, create_graph=True, allow_unused=True)
        return tuple(g for g in got if g is not None)

    return gradcheck(gradient, inputs + tuple(grad_outputs), eps=eps, atol=atol, rtol=rtol,
                     raise_exception=raise_exception, nondet_tol=nondet_tol, check_undefined_grad=False)
