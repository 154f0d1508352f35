"""Function: operations whose backward is the user's own, in the form of 2.x (static methods and a ctx) and in that of
0.1.12 (an instance's methods)."""
from .._backend import Tensor, _C, is_grad_enabled, _set_grad_enabled


class FunctionCtx:
    """What forward tells backward."""
    _dirty = ()
    _non_differentiable = ()
    _to_save = ()
    _materialize = True
    _saved = ()
    _node = None
    needs_input_grad = ()
    saved_for_forward = None

    def save_for_backward(self, *tensors):
        """Keeps tensors for backward, which finds them in ctx.saved_tensors; an in-place change since is an error."""
        self._to_save = tensors

    def save_for_forward(self, *tensors):
        self.saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Says which inputs forward changed in place; they have to be among its results."""
        self._dirty = args

    def mark_non_differentiable(self, *args):
        """Says which results have no gradient."""
        self._non_differentiable = args

    def mark_shared_storage(self, *pairs):
        import warnings
        warnings.warn('mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked. Note '
                      'that calls to `set_()` are not tracked', FutureWarning, stacklevel=2)

    def set_materialize_grads(self, value):
        """False: backward gets None, not zeros, for results that got no gradient."""
        self._materialize = value

    @property
    def saved_tensors(self):
        saved = self._saved
        if saved is None:
            raise RuntimeError(
                'Trying to backward through the graph a second time (or directly access saved tensors after they have '
                'already been freed). Saved intermediate values of the graph are freed when you call .backward() or '
                'autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or '
                'if you need to access saved tensors after calling backward.')
        return tuple(None if s is None else s if isinstance(s, Tensor) else s.unpack(self._node) for s in saved)

    saved_variables = saved_tensors

    @property
    def next_functions(self):
        return self._node.next_functions

    def _finish_saving(self, outputs):
        made = []
        out_ids = {id(o) for o in outputs}
        for t in self._to_save:
            if t is None:
                made.append(None)
            elif not isinstance(t, Tensor):
                raise TypeError('save_for_backward can only save variables, but argument '
                                f'{len(made)} is of type {type(t).__name__}')
            else:
                made.append(_C._SavedTensor(t, id(t) in out_ids))
        self._saved = tuple(made)
        self._to_save = ()


def _run(ctx, name, forward, backward, args, legacy_name=None, setup=None):
    """One call: forward outside of the graph, then its results become those of a node over the tensors in args."""
    inputs = tuple(a if isinstance(a, Tensor) else None for a in args)
    ctx.needs_input_grad = tuple(a is not None and a.requires_grad for a in inputs)
    grad_mode = is_grad_enabled()
    _set_grad_enabled(False)
    try:
        result = forward(*args)
        if setup is not None:
            setup(ctx, args, result)
        single = not isinstance(result, tuple)
        outputs = [result] if single else list(result)
        recording = grad_mode and any(ctx.needs_input_grad)
        non_diff = {id(t) for t in ctx._non_differentiable}
        dirty = {id(t) for t in ctx._dirty}
        in_ids = {id(t) for t in inputs if t is not None}
        shapes = []
        for i, out in enumerate(outputs):
            if not isinstance(out, Tensor):
                continue
            if id(out) in in_ids and id(out) not in dirty:
                outputs[i] = fresh = out.view_as(out).detach()
                if id(out) in non_diff:
                    non_diff.add(id(fresh))
        tracked = [i for i, o in enumerate(outputs)
                   if isinstance(o, Tensor) and id(o) not in non_diff and (o.is_floating_point() or o.is_complex())]
    finally:
        _set_grad_enabled(grad_mode)
    if not recording or not tracked:
        ctx._saved = tuple(ctx._to_save)
        return outputs[0] if single else tuple(outputs)

    for i in tracked:
        o = outputs[i]
        shapes.append((o.shape, o.dtype, o.device))
    n_outputs = len(outputs)
    n_inputs = len(args)

    def run_backward(*grads):
        full = [None] * n_outputs
        for (shape, dtype, device), i, g in zip(shapes, tracked, grads):
            if g is None and ctx._materialize:
                g = _C.zeros(shape, dtype=dtype, device=device)
            full[i] = g
        if ctx._materialize:
            for i, o in enumerate(full):
                if o is None and i in non_diff_at:
                    shape, dtype, device = non_diff_at[i]
                    full[i] = _C.zeros(shape, dtype=dtype, device=device)
        result = backward(ctx, *full)
        if not isinstance(result, tuple):
            result = (result,)
        if len(result) > n_inputs and all(r is None for r in result[n_inputs:]):
            result = result[:n_inputs]
        if len(result) != n_inputs:
            raise RuntimeError(f'function {name} returned an incorrect number of gradients (expected {n_inputs}, got '
                               f'{len(result)})')
        for i, g in enumerate(result):
            if g is None:
                continue
            if not isinstance(g, Tensor):
                raise TypeError(f'expected Variable or None (got {type(g).__name__})')
            if inputs_are_tensors[i] is False:
                raise RuntimeError(f'function {name} returned a gradient different than None at position {i + 1}, but '
                                   'the corresponding forward input was not a Variable')
        return result

    inputs_are_tensors = [t is not None for t in inputs]
    non_diff_at = {i: (o.shape, o.dtype, o.device) for i, o in enumerate(outputs)
                   if isinstance(o, Tensor) and i not in tracked}
    ctx._node = _C._function_attach(name, inputs, tuple(outputs[i] for i in tracked), run_backward, legacy_name)
    ctx._finish_saving(outputs)
    return outputs[0] if single else tuple(outputs)


class Function(FunctionCtx):
    """An operation with its own backward.

    2.x: ``@staticmethod forward(ctx, *args)`` (or ``forward(*args)`` and ``setup_context(ctx, inputs, output)``) and
    ``@staticmethod backward(ctx, *grad_outputs)``, used as ``MyOp.apply(x)``. 0.1.12: ``forward(self, *args)`` and
    ``backward(self, *grad_outputs)`` on an instance, used as ``MyOp()(x)``."""

    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError('You must implement the forward function for custom autograd.Function.')

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError('setup_context is not implemented.')

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError('You must implement either the backward or vjp method for your custom '
                                  'autograd.Function to use it with backward mode AD.')

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        raise NotImplementedError('You must implement the jvp function for custom autograd.Function to use it with '
                                  'forward mode AD.')

    @classmethod
    def apply(cls, *args, **kwargs):
        """Runs forward on args; the result's gradients go through backward."""
        if kwargs:
            raise TypeError(f'{cls.__name__}.apply() takes no keyword arguments')
        ctx = _context_class(cls)()
        name = cls.__name__ + 'Backward'
        backward = cls.vjp if cls.backward is Function.backward and cls.vjp is not Function.vjp else cls.backward
        if cls.setup_context is not Function.setup_context:
            return _run(ctx, name, cls.forward, backward, args, setup=cls.setup_context)

        def forward(*args):
            return cls.forward(ctx, *args)
        return _run(ctx, name, forward, backward, args)

    def __call__(self, *args):
        """The form of 0.1.12: this instance is the context."""
        cls = type(self)
        if isinstance(cls.__dict__.get('forward'), staticmethod):
            raise RuntimeError('Legacy autograd function with non-static forward method is deprecated. Please use '
                               'new-style autograd function with static forward method. (Example: '
                               'https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)')

        def backward(ctx, *grads):
            return self.backward(*grads)
        return _run(self, cls.__name__, self.forward, backward, args,
                    legacy_name=f'{cls.__module__}.{cls.__qualname__}')


class NestedIOFunction(Function):
    """Function, under the name that 0.1.12 gave the one for nested arguments."""


_contexts = {}


def _context_class(cls):
    """The class of the ctx objects of a Function: named as the graph's node is."""
    made = _contexts.get(cls)
    if made is None:
        made = _contexts[cls] = type(cls.__name__ + 'Backward', (FunctionCtx,), {'_forward_cls': cls})
    return made


def once_differentiable(fn):
    """Decorator of a backward that cannot itself be differentiated."""
    from functools import wraps

    @wraps(fn)
    def run(ctx, *args):
        grad_mode = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            _set_grad_enabled(grad_mode)
        if not grad_mode or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        single = not isinstance(outputs, tuple)

        class DelayedError(Function):
            @staticmethod
            def forward(ctx, *tensors):
                return tuple(t.detach() for t in tensors)

            @staticmethod
            def backward(ctx, *grads):
                raise RuntimeError('trying to differentiate twice a function that was marked with '
                                   '@once_differentiable')
        values = (outputs,) if single else outputs
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        new = list(values)
        marked = DelayedError.apply(*(values[i].detach().requires_grad_() for i in places))
        for i, t in zip(places, marked):
            new[i] = t
        return new[0] if single else tuple(new)
    return run


class InplaceFunction(Function):
    """Function with an inplace flag."""

    def __init__(self, inplace=False):
        self.inplace = inplace
