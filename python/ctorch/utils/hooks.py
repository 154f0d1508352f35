"""Handles of hooks, and the taps around a module that its full backward hooks need."""
import itertools

_next_id = itertools.count()


class RemovableHandle:
    """Removes a hook: ``handle.remove()``, or at the end of a with block."""
    __slots__ = ('hooks_dict', 'extra_dict', 'owner', 'id')

    def __init__(self, hooks_dict, *, extra_dict=None, owner=None):
        self.hooks_dict = hooks_dict
        self.extra_dict = () if extra_dict is None else extra_dict if isinstance(extra_dict, tuple) else (extra_dict,)
        self.owner = owner
        self.id = next(_next_id)

    def remove(self):
        if self.hooks_dict is not None:
            self.hooks_dict.pop(self.id, None)
            for extra in self.extra_dict:
                extra.pop(self.id, None)
            if self.owner is not None:
                self.owner._look_at_hooks()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def _tap_class():
    from ..autograd import Function

    class BackwardHookFunction(Function):
        @staticmethod
        def forward(ctx, seen, *tensors):
            ctx.seen = seen
            ctx.set_materialize_grads(False)
            return tuple(t.view_as(t) for t in tensors)

        @staticmethod
        def backward(ctx, *grads):
            return (None, *ctx.seen(grads))

    return BackwardHookFunction


_tap = None


class BackwardHook:
    """Identity nodes around one call of a module: what passes backwards through them is shown to the hooks."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = None
        self.n_outputs = self.n_inputs = -1
        self.output_index = self.input_index = None

    def _through(self, values, seen):
        """values with their gradient-requiring tensors led through one node; the places of all tensors."""
        global _tap
        from .._backend import Tensor, is_grad_enabled
        index = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        needs = [i for i in index if values[i].requires_grad]
        if not (needs and is_grad_enabled()):
            return values, None
        if _tap is None:
            _tap = _tap_class()
        new = _tap.apply(seen, *(values[i] for i in needs))
        values = list(values)
        for i, t in zip(needs, new):
            values[i] = t
        return tuple(values), needs

    def setup_input_hook(self, args):
        if not self.hooks:
            return args
        new, self.input_index = self._through(args, self._on_input)
        self.n_inputs = len(args)
        return new

    def setup_output_hook(self, result):
        from .._backend import Tensor
        single = isinstance(result, Tensor)
        values = (result,) if single else result
        if not isinstance(values, (tuple, list)):
            return result
        kind = type(values)
        self.n_outputs = len(values)
        new, self.output_index = self._through(tuple(values), self._on_output)
        if self.output_index is None:
            return result
        if single:
            return new[0]
        return kind(*new) if hasattr(kind, '_fields') else kind(new)

    def _spread(self, grads, index, n):
        full = [None] * n
        for i, g in zip(index, grads):
            full[i] = g
        return tuple(full)

    def _on_output(self, grads):
        full = self._spread(grads, self.output_index, self.n_outputs)
        for hook in self.pre_hooks:
            changed = hook(self.module, full)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(full):
                    raise RuntimeError('Backward pre hook returned an invalid number of grad_output, got '
                                       f'{len(changed)}, but expected {len(full)}')
                full = changed
        self.grad_outputs = full
        if self.input_index is None:
            if self.hooks:
                import warnings
                warnings.warn('Full backward hook is firing when gradients are computed with respect to module outputs '
                              'since no inputs require gradients. See https://docs.pytorch.org/docs/main/generated/'
                              'torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details.',
                              stacklevel=5)
            for hook in self.hooks:
                if hook(self.module, (None,) * max(self.n_inputs, 0), full) is not None:
                    raise RuntimeError('Backward hook for Modules where no input requires gradient should always '
                                       'return None or None for all gradients.')
        return tuple(full[i] for i in self.output_index)

    def _on_input(self, grads):
        full = self._spread(grads, self.input_index, self.n_inputs)
        for hook in self.hooks:
            changed = hook(self.module, full, self.grad_outputs)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(full):
                    raise RuntimeError('Backward hook returned an invalid number of grad_input, got '
                                       f'{len(changed)}, but expected {len(full)}')
                full = changed
        return tuple(full[i] for i in self.input_index)


def unserializable_hook(f):
    f.__torch_unserializable__ = True
    return f
