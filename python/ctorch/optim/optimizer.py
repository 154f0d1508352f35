"""Optimizer: parameter groups, state, checkpoints. The subclasses gather tensors for the C steps."""
from collections import OrderedDict, defaultdict
from copy import deepcopy
from itertools import chain

from .. import _compat
from .._backend import Tensor, typename, _C, is_grad_enabled, _set_grad_enabled
from ..nn.modules.module import _zero_grad_of
from ..utils.hooks import RemovableHandle


class _Required:
    def __repr__(self):
        return '<required parameter>'


required = _Required()
_global_pre_hooks = OrderedDict()
_global_post_hooks = OrderedDict()


class Optimizer:
    """Base class. params: an iterable of tensors, of (name, tensor) pairs or of dicts with a key 'params' each;
    defaults: the options of groups that do not say otherwise."""

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hook_tables()
        if isinstance(params, Tensor):
            raise TypeError('params argument given to the optimizer should be an iterable of Tensors or dicts, but got '
                            + typename(params))
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError('optimizer got an empty parameter list')
        if not isinstance(groups[0], dict):
            groups = [{'params': groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_tables(self):
        self._step_pre_hooks = OrderedDict()
        self._step_post_hooks = OrderedDict()
        self._state_dict_pre_hooks = OrderedDict()
        self._state_dict_post_hooks = OrderedDict()
        self._load_pre_hooks = OrderedDict()
        self._load_post_hooks = OrderedDict()

    def __getstate__(self):
        return {'defaults': self.defaults, 'state': self.state, 'param_groups': self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if '_step_pre_hooks' not in self.__dict__:
            self._make_hook_tables()
        self.defaults.setdefault('differentiable', False)

    def __repr__(self):
        lines = [type(self).__name__ + ' (']
        for i, group in enumerate(self.param_groups):
            if i:
                lines.append('')
            lines.append(f'Parameter Group {i}')
            lines += [f'    {key}: {group[key]}' for key in sorted(group) if key != 'params']
        return '\n'.join(lines + [')'])

    # ---- hooks ----

    def _look_at_hooks(self):
        if not (self._step_pre_hooks or self._step_post_hooks):
            return
        if getattr(self.step, '_runs_hooks', False):
            return
        step = self.step

        def run(*args, **kwargs):
            for hook in chain(_global_pre_hooks.values(), self._step_pre_hooks.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(f'{step} must return None or a tuple of (new_args, new_kwargs), but got '
                                           f'{changed}.')
                    args, kwargs = changed
            out = step(*args, **kwargs)
            for hook in chain(self._step_post_hooks.values(), _global_post_hooks.values()):
                hook(self, args, kwargs)
            return out
        run._runs_hooks = True
        self.step = run

    def _add_hook(self, table, hook, prepend=False):
        handle = RemovableHandle(table)
        table[handle.id] = hook
        if prepend:
            table.move_to_end(handle.id, last=False)
        self._look_at_hooks()
        return handle

    def register_step_pre_hook(self, hook):
        """hook(optimizer, args, kwargs) -> None or (args, kwargs), before each step."""
        return self._add_hook(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """hook(optimizer, args, kwargs), after each step."""
        return self._add_hook(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        return self._add_hook(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        return self._add_hook(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        return self._add_hook(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        return self._add_hook(self._load_post_hooks, hook, prepend)

    # ---- checkpoints ----

    def state_dict(self):
        """{'state': {index: {...}}, 'param_groups': [{..., 'params': [indices]}]}."""
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        index = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != 'params'}
            for p in group['params']:
                index.setdefault(id(p), len(index))
            packed['params'] = [index[id(p)] for p in group['params']]
            groups.append(packed)
        state = {(index[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result = {'state': state, 'param_groups': groups}
        for hook in self._state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict):
        """Takes over a state_dict's state and options; the parameters are matched by order."""
        state_dict = dict(state_dict)
        for hook in self._load_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups = self.param_groups
        saved_groups = deepcopy(state_dict['param_groups'])
        if len(groups) != len(saved_groups):
            raise ValueError('loaded state dict has a different number of parameter groups')
        if any(len(g['params']) != len(s['params']) for g, s in zip(groups, saved_groups)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                             'group')
        to_param = dict(zip(chain.from_iterable(g['params'] for g in saved_groups),
                            chain.from_iterable(g['params'] for g in groups)))
        by_index = {}
        for saved in saved_groups:
            for i in saved['params']:
                by_index[i] = saved

        def cast(param, value, index=None, key=None):
            if isinstance(value, Tensor):
                if key == 'step':
                    group = by_index.get(index) or {}
                    if not (group.get('capturable') or group.get('fused')):
                        return value.clone() if value.dtype == _C.float32 else value.to(dtype=_C.float32)
                if param.is_floating_point() and value.is_floating_point():
                    value = value.to(dtype=param.dtype, copy=True)
                else:
                    value = value.clone()
                return value
            if isinstance(value, dict):
                return {k: cast(param, v, index, k) for k, v in value.items()}
            if isinstance(value, (list, tuple)):
                return type(value)(cast(param, v, index) for v in value)
            return value

        state = defaultdict(dict)
        was = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            for key, value in state_dict['state'].items():
                if key in to_param:
                    state[to_param[key]] = cast(to_param[key], value, key)
                else:
                    state[key] = value
        finally:
            _set_grad_enabled(was)
        new_groups = []
        for group, saved in zip(groups, saved_groups):
            if 'param_names' in group and 'param_names' not in saved:
                saved['param_names'] = group['param_names']
            saved['params'] = group['params']
            new_groups.append(saved)
        self.__setstate__({'state': state, 'param_groups': new_groups})
        for hook in self._load_post_hooks.values():
            hook(self)

    # ---- groups, steps ----

    def zero_grad(self, set_to_none=True):
        """Forgets all gradients; set_to_none=False leaves zeros (as under compat('0.1.12'))."""
        if set_to_none and not _compat.legacy:
            for group in self.param_groups:
                for p in group['params']:
                    p.grad = None
            return
        for group in self.param_groups:
            for p in group['params']:
                _zero_grad_of(p)

    def step(self, closure=None):
        raise NotImplementedError

    def add_param_group(self, param_group):
        """Adds a group: a dict with 'params' and any options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f'param_group must be a dict, but got {type(param_group)}')
        params = param_group['params']
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, (set, frozenset)):
            raise TypeError('optimizer parameters need to be organized in ordered collections, but the ordering of '
                            'tensors in sets will change between runs. Please use a list instead.')
        else:
            params = list(params)
        named = sum(isinstance(p, tuple) for p in params)
        if named:
            if named != len(params):
                raise ValueError('all optimizer params should be with/without names. Some param names are missing')
            param_group['param_names'] = [p[0] for p in params]
            params = [p[1] for p in params]
        param_group['params'] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError('optimizer can only optimize Tensors, but one of the params is ' + typename(p))
            if not self.defaults.get('differentiable', None) and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        ids = {id(p) for p in params}
        if len(ids) != len(params):
            import warnings
            warnings.warn('optimizer contains a parameter group with duplicate parameters; in future, this will cause '
                          'an error; see github.com/pytorch/pytorch/issues/40967 for more information', stacklevel=3)
        for group in self.param_groups:
            if ('param_names' in group) != ('param_names' in param_group):
                raise ValueError('all optimizer param groups should be with/without names. cannot add param group '
                                 f"{'with' if 'param_names' in param_group else 'without'} names to the optimizer")
            if not ids.isdisjoint(id(p) for p in group['params']):
                raise ValueError('some parameters appear in more than one parameter group')
        self.param_groups.append(param_group)

    def _closure(self, closure):
        if closure is None:
            return None
        was = is_grad_enabled()
        _set_grad_enabled(True)
        try:
            return closure()
        finally:
            _set_grad_enabled(was)


def _check(value, name, low=0.0):
    """ValueError unless value >= low."""
    if not low <= value:
        raise ValueError(f'Invalid {name}: {value}')


def _check_lr(lr):
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError('Tensor lr must be 1-element')
    _check(lr, 'learning rate')


def _check_step_options(group):
    """Refuses what a step on the CPU cannot do, as PyTorch does."""
    if group.get('capturable'):
        devices = ['cuda', 'xpu', 'hpu', 'privateuseone'] + ([] if group.get('foreach') else ['xla'])
        raise AssertionError(f'If capturable=True, params and state_steps must be on supported devices: {devices}.')
    if group.get('differentiable'):
        if any(p.is_leaf and p.requires_grad for p in group['params']):
            raise RuntimeError('a leaf Variable that requires grad is being used in an in-place operation.')
        raise NotImplementedError('differentiable=True: a step that is part of the graph is not supported')


def _check_fused(fused, foreach, differentiable):
    if fused and differentiable:
        raise RuntimeError('`fused` does not support `differentiable`')
    if fused and foreach:
        raise RuntimeError('`fused` and `foreach` cannot be `True` together.')


def _step_tensor():
    return _C.tensor(0.0, dtype=_C.float32)


def _zeros_for(p):
    was = is_grad_enabled()
    _set_grad_enabled(False)
    try:
        return _C.zeros_like(p, requires_grad=False)
    finally:
        _set_grad_enabled(was)


def register_optimizer_step_pre_hook(hook):
    handle = RemovableHandle(_global_pre_hooks)
    _global_pre_hooks[handle.id] = hook
    return handle


def register_optimizer_step_post_hook(hook):
    handle = RemovableHandle(_global_post_hooks)
    _global_post_hooks[handle.id] = hook
    return handle
