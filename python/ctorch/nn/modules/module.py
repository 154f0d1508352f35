"""Module: the base of everything with parameters. Calls, hooks, state dicts, traversal, conversion."""
import itertools
import warnings
from collections import OrderedDict

from ... import _compat
from ..._backend import Tensor, typename, device as _Device, dtype as _Dtype, _C
from ..parameter import Parameter, Buffer
from ...utils.hooks import RemovableHandle

_EXTRA_STATE_KEY = '_extra_state'

_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always = {}
_global_forward_hooks_with_kwargs = {}
_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_registration = {'module': OrderedDict(), 'parameter': OrderedDict(), 'buffer': OrderedDict()}


class _IncompatibleKeys(tuple):
    """What load_state_dict returns: (missing_keys, unexpected_keys)."""
    __slots__ = ()

    def __new__(cls, missing_keys, unexpected_keys):
        return tuple.__new__(cls, (missing_keys, unexpected_keys))

    missing_keys = property(lambda self: self[0])
    unexpected_keys = property(lambda self: self[1])

    def __repr__(self):
        if not self[0] and not self[1]:
            return '<All keys matched successfully>'
        return f'_IncompatibleKeys(missing_keys={self[0]!r}, unexpected_keys={self[1]!r})'

    __str__ = __repr__

    def __getnewargs__(self):
        return tuple(self)


def _addindent(text, count):
    first, newline, rest = text.partition('\n')
    return first + newline + '\n'.join(' ' * count + line for line in rest.split('\n')) if newline else text


class Module(_C._ModuleBase):
    """Base class of all networks. A subclass calls ``super().__init__()``, assigns parameters and children, and
    defines ``forward``. Lookup of parameters, buffers and children, and calls without hooks, are C's: _ModuleBase."""

    dump_patches = False
    call_super_init = False
    training: bool
    _version = 1
    _compiled_call_impl = None

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and (args or kwargs):
            if kwargs:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                                f"'{next(iter(kwargs))}'")
            raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were "
                            "given")
        d = self.__dict__
        d['training'] = True
        d['_parameters'] = {}
        d['_buffers'] = {}
        d['_non_persistent_buffers_set'] = set()
        d['_backward_pre_hooks'] = OrderedDict()
        d['_backward_hooks'] = OrderedDict()
        d['_is_full_backward_hook'] = None
        d['_forward_hooks'] = OrderedDict()
        d['_forward_hooks_with_kwargs'] = OrderedDict()
        d['_forward_hooks_always_called'] = OrderedDict()
        d['_forward_pre_hooks'] = OrderedDict()
        d['_forward_pre_hooks_with_kwargs'] = OrderedDict()
        d['_state_dict_hooks'] = OrderedDict()
        d['_state_dict_pre_hooks'] = OrderedDict()
        d['_load_state_dict_pre_hooks'] = OrderedDict()
        d['_load_state_dict_post_hooks'] = OrderedDict()
        d['_modules'] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ---- registration ----

    def register_buffer(self, name, tensor, persistent=True):
        """Adds a tensor that is state but no parameter; ``persistent=False`` keeps it out of state_dict."""
        if '_buffers' not in self.__dict__:
            raise AttributeError('cannot assign buffer before Module.__init__() call')
        if not isinstance(name, str):
            raise TypeError(f'buffer name should be a string. Got {typename(name)}')
        if '.' in name:
            raise KeyError('buffer name can\'t contain "."')
        if name == '':
            raise KeyError('buffer name can\'t be empty string ""')
        if hasattr(self, name) and name not in self._buffers:
            raise KeyError(f"attribute '{name}' already exists")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                            "required)")
        tensor = self._registered('buffer', name, tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name, param):
        """Adds a Parameter (or None) under a name."""
        if '_parameters' not in self.__dict__:
            raise AttributeError('cannot assign parameter before Module.__init__() call')
        if not isinstance(name, str):
            raise TypeError(f'parameter name should be a string. Got {typename(name)}')
        if '.' in name:
            raise KeyError('parameter name can\'t contain "."')
        if name == '':
            raise KeyError('parameter name can\'t be empty string ""')
        if hasattr(self, name) and name not in self._parameters:
            raise KeyError(f"attribute '{name}' already exists")
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or "
                            "None required)")
        if param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                             f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                             "the forward() method.")
        self._parameters[name] = self._registered('parameter', name, param)

    def add_module(self, name, module):
        """Adds a child module (or None) under a name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f'{typename(module)} is not a Module subclass')
        if not isinstance(name, str):
            raise TypeError(f'module name should be a string. Got {typename(name)}')
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if '.' in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == '':
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = self._registered('module', name, module)

    def register_module(self, name, module):
        self.add_module(name, module)

    def _registered(self, kind, name, value):
        for hook in _global_registration[kind].values():
            changed = hook(self, name, value)
            if changed is not None:
                value = changed
        return value

    # ---- attributes ----

    def __setattr__(self, name, value):
        d = self.__dict__
        if isinstance(value, Parameter):
            if '_parameters' not in d:
                raise AttributeError('cannot assign parameters before Module.__init__() call')
            d.pop(name, None)
            self._buffers.pop(name, None)
            self._modules.pop(name, None)
            self._non_persistent_buffers_set.discard(name)
            self.register_parameter(name, value)
            return
        params = d.get('_parameters')
        if params is not None and name in params:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None "
                                "expected)")
            self.register_parameter(name, value)
            return
        if isinstance(value, Module):
            if '_modules' not in d:
                raise AttributeError('cannot assign module before Module.__init__() call')
            d.pop(name, None)
            self._parameters.pop(name, None)
            self._buffers.pop(name, None)
            self._non_persistent_buffers_set.discard(name)
            self._modules[name] = self._registered('module', name, value)
            return
        modules = d.get('_modules')
        if modules is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None "
                                "expected)")
            modules[name] = self._registered('module', name, value)
            return
        buffers = d.get('_buffers')
        if buffers is not None and (name in buffers or isinstance(value, Buffer)):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor "
                                "or None expected)")
            if isinstance(value, Buffer):
                d.pop(name, None)
                persistent = value.persistent if name not in buffers else name not in self._non_persistent_buffers_set
                self.register_buffer(name, value, persistent)
            else:
                buffers[name] = self._registered('buffer', name, value)
            return
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self):
        names = set(dir(type(self)))
        for table in (self.__dict__, self._parameters, self._modules, self._buffers):
            names.update(table)
        return sorted(name for name in names if not name[:1].isdigit())

    def __setstate__(self, state):
        self.__dict__.update(state)
        d = self.__dict__
        for name in ('_forward_pre_hooks', '_forward_pre_hooks_with_kwargs', '_forward_hooks',
                     '_forward_hooks_with_kwargs', '_forward_hooks_always_called', '_backward_hooks',
                     '_backward_pre_hooks', '_state_dict_hooks', '_state_dict_pre_hooks', '_load_state_dict_pre_hooks',
                     '_load_state_dict_post_hooks'):
            if name not in d:
                d[name] = OrderedDict()
        d.setdefault('_non_persistent_buffers_set', set())
        d.setdefault('_is_full_backward_hook', None)
        self._look_at_hooks()

    def __getstate__(self):
        state = self.__dict__.copy()
        state.pop('_compiled_call_impl', None)
        state.pop('_hooked', None)
        return state

    # ---- calling, hooks ----

    def _call_impl(self, *args, **kwargs):
        return self(*args, **kwargs)

    def _look_at_hooks(self):
        d = self.__dict__
        if (d['_forward_hooks'] or d['_forward_pre_hooks'] or d['_backward_hooks'] or d['_backward_pre_hooks']):
            d['_hooked'] = True         # a call has to look at hooks
        else:
            d.pop('_hooked', None)

    def _call_with_hooks(self, args, kwargs):
        ran = set()
        try:
            for hook_id, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
                if hook_id in self._forward_pre_hooks_with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        if not (isinstance(changed, tuple) and len(changed) == 2):
                            raise RuntimeError('forward pre-hook must return None or a tuple of (new_args, '
                                               f'new_kwargs), but got {changed}.')
                        args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)

            tap = None
            full, partial = self._get_backward_hooks()
            pre = [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
            if full or pre:
                from ...utils.hooks import BackwardHook
                tap = BackwardHook(self, full, pre)
                args = tap.setup_input_hook(args)

            result = self.forward(*args, **kwargs)

            for hook_id, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
                ran.add(hook_id)
                changed = self._run_forward_hook(hook_id, hook, args, kwargs, result)
                if changed is not None:
                    result = changed

            if tap is not None:
                result = tap.setup_output_hook(result)
            if partial:
                self._partial_backward_hooks(partial, result)
            return result
        except Exception:
            for hook_id, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
                always = hook_id in self._forward_hooks_always_called or hook_id in _global_forward_hooks_always
                if always and hook_id not in ran:
                    try:
                        self._run_forward_hook(hook_id, hook, args, kwargs, None)
                    except Exception as e:
                        warnings.warn('module forward hook with ``always_call=True`` raised an exception that was '
                                      f'silenced as another error was raised in forward: {e}', stacklevel=2)
            raise

    def _run_forward_hook(self, hook_id, hook, args, kwargs, result):
        if hook_id in self._forward_hooks_with_kwargs or hook_id in _global_forward_hooks_with_kwargs:
            return hook(self, args, kwargs, result)
        return hook(self, args, result)

    def _get_backward_hooks(self):
        full, partial = list(_global_backward_hooks.values()), []
        if self._is_full_backward_hook is False:
            partial = list(self._backward_hooks.values())
        else:
            full += self._backward_hooks.values()
        return full, partial

    def _partial_backward_hooks(self, hooks, result):
        found = result
        while not isinstance(found, Tensor):
            found = next((v for v in found.values() if isinstance(v, Tensor)) if isinstance(found, dict)
                         else iter(found))
        node = found.grad_fn
        if node is None:
            return
        for hook in hooks:
            node.register_hook(lambda grad_input, grad_output, hook=hook: hook(self, grad_input, grad_output))

    def _add_hook(self, table, hook, *more, prepend=False):
        handle = RemovableHandle(table, extra_dict=more, owner=self)
        table[handle.id] = hook
        for extra in more:
            extra[handle.id] = True
        if prepend:
            table.move_to_end(handle.id, last=False)
        self._look_at_hooks()
        return handle

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """hook(module, args) -> None or new args; with_kwargs: hook(module, args, kwargs) -> None or (args, kwargs)."""
        more = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return self._add_hook(self._forward_pre_hooks, hook, *more, prepend=prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """hook(module, args, output) -> None or a new output; with_kwargs adds kwargs before output."""
        more = (self._forward_hooks_with_kwargs,) if with_kwargs else ()
        if always_call:
            more += (self._forward_hooks_always_called,)
        return self._add_hook(self._forward_hooks, hook, *more, prepend=prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """hook(module, grad_output) -> None or a new grad_output."""
        return self._add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """hook(module, grad_input, grad_output) -> None or a new grad_input."""
        if self._is_full_backward_hook is False:
            raise RuntimeError('Cannot use both regular backward hooks and full backward hooks on a single Module. '
                               'Please use only one of them.')
        self._is_full_backward_hook = True
        return self._add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """The old form: sees the gradients of the module's last operation only."""
        if self._is_full_backward_hook is True:
            raise RuntimeError('Cannot use both regular backward hooks and full backward hooks on a single Module. '
                               'Please use only one of them.')
        self._is_full_backward_hook = False
        return self._add_hook(self._backward_hooks, hook)

    # ---- state dicts ----

    def _register_state_dict_hook(self, hook):
        return self._add_hook(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        hook._from_public_api = True
        return self._add_hook(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        return self._add_hook(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        if with_module:
            inner = hook

            def hook(*args, **kwargs):
                return inner(self, *args, **kwargs)
        return self._add_hook(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        return self._add_hook(self._load_state_dict_post_hooks, hook)

    def get_extra_state(self):
        raise RuntimeError('Reached a code path in Module.get_extra_state() that should never be called. Please file an '
                           'issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report '
                           'this bug.')

    def set_extra_state(self, state):
        raise RuntimeError('Reached a code path in Module.set_extra_state() that should never be called. Please file an '
                           'issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report '
                           'this bug.')

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buf in self._buffers.items():
            if buf is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buf if keep_vars else buf.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix='', keep_vars=False):
        """All parameters and persistent buffers by name: an OrderedDict of tensors that share the module's memory."""
        if args:
            warnings.warn('Positional args are being deprecated, use kwargs instead. Refer to '
                          'https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for '
                          'details.', FutureWarning, stacklevel=2)
            if destination is None:
                destination = args[0]
            if len(args) > 1 and prefix == '':
                prefix = args[1]
            if len(args) > 2 and keep_vars is False:
                keep_vars = args[2]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = dict(version=self._version)
        if hasattr(destination, '_metadata'):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + '.', keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, local_metadata)
            if getattr(hook, '_from_public_api', False):
                if changed is not None:
                    raise RuntimeError('state_dict post-hook must return None')
            elif changed is not None:
                destination = changed
        return destination

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs):
        from ...autograd import no_grad
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        local = {k: v for k, v in self._parameters.items() if v is not None}
        local.update((k, v) for k, v in self._buffers.items()
                     if v is not None and k not in self._non_persistent_buffers_set)
        assign = local_metadata.get('assign_to_params_buffers', False)

        for name, param in local.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            value = state_dict[key]
            if not isinstance(value, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                                  f'object from checkpoint but received {type(value)}')
                continue
            if param.dim() == 0 and value.dim() == 1 and value.size(0) == 1:
                value = value[0]
            if value.shape != param.shape:
                error_msgs.append(f'size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, '
                                  f'the shape in current model is {param.shape}.')
                continue
            try:
                if assign:
                    if isinstance(param, Parameter):
                        if not isinstance(value, Parameter):
                            value = Parameter(value, requires_grad=param.requires_grad)
                        else:
                            value.requires_grad_(param.requires_grad)
                    setattr(self, name, value)
                else:
                    with no_grad():
                        param.copy_(value)
            except Exception as e:
                error_msgs.append(f'While copying the parameter named "{key}", whose dimensions in the model are '
                                  f'{param.size()} and whose dimensions in the checkpoint are {value.size()}, an '
                                  f'exception occurred : {e.args}.')

        extra_key = prefix + _EXTRA_STATE_KEY
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)

        if strict:
            for key in state_dict.keys():
                if key.startswith(prefix) and key != extra_key:
                    head, dot, _ = key[len(prefix):].partition('.')
                    if (head not in self._modules) if dot else (head not in local):
                        unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copies tensors into this module's parameters and buffers by name (assign=True: takes them over instead).

        Returns (missing_keys, unexpected_keys). RuntimeError if strict and a key is missing or unexpected, or if
        shapes differ."""
        if not hasattr(state_dict, 'keys') or not hasattr(state_dict, '__getitem__'):
            raise TypeError(f'Expected state_dict to be dict-like, got {type(state_dict)}.')
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, '_metadata', None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, local_state, prefix=''):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata['assign_to_params_buffers'] = assign
            module._load_from_state_dict(local_state, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    child_prefix = prefix + name + '.'
                    load(child, {k: v for k, v in local_state.items() if k.startswith(child_prefix)}, child_prefix)
            incompatible = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError('Hooks registered with ``register_load_state_dict_post_hook`` are not expected '
                                         'to return new values, if incompatible_keys need to be modified, it should be '
                                         'done inplace.')

        load(self, state_dict)
        if strict:
            if unexpected:
                errors.insert(0, 'Unexpected key(s) in state_dict: {}. '.format(', '.join(f'"{k}"' for k in unexpected)))
            if missing:
                errors.insert(0, 'Missing key(s) in state_dict: {}. '.format(', '.join(f'"{k}"' for k in missing)))
        if errors:
            raise RuntimeError('Error(s) in loading state_dict for {}:\n\t{}'.format(type(self).__name__,
                                                                                     '\n\t'.join(errors)))
        return _IncompatibleKeys(missing, unexpected)

    # ---- traversal ----

    def _named_members(self, get_members, prefix='', recurse=True, remove_duplicate=True):
        seen = set()
        for module_prefix, module in (self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse
                                      else [(prefix, self)]):
            for name, value in get_members(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield module_prefix + ('.' if module_prefix else '') + name, value

    def parameters(self, recurse=True):
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(self, prefix='', recurse=True, remove_duplicate=True):
        yield from self._named_members(lambda module: module._parameters.items(), prefix=prefix, recurse=recurse,
                                       remove_duplicate=remove_duplicate)

    def buffers(self, recurse=True):
        for _, buf in self.named_buffers(recurse=recurse):
            yield buf

    def named_buffers(self, prefix='', recurse=True, remove_duplicate=True):
        yield from self._named_members(lambda module: module._buffers.items(), prefix=prefix, recurse=recurse,
                                       remove_duplicate=remove_duplicate)

    def children(self):
        for _, module in self.named_children():
            yield module

    def named_children(self):
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self):
        for _, module in self.named_modules():
            yield module

    def named_modules(self, memo=None, prefix='', remove_duplicate=True):
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + ('.' if prefix else '') + name, remove_duplicate)

    def get_submodule(self, target):
        """The descendant with that dotted name ('' is the module itself). AttributeError if there is none."""
        module = self
        for item in target.split('.') if target else ():
            if not hasattr(module, item):
                raise AttributeError(f'{module._get_name()} has no attribute `{item}`')
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f'`{item}` is not an nn.Module')
        return module

    def set_submodule(self, target, module, strict=False):
        """Puts a module in the place of the descendant with that dotted name."""
        if target == '':
            raise ValueError('Cannot set the submodule without a target name!')
        path, _, name = target.rpartition('.')
        if not isinstance(module, Module):
            raise ValueError(f'`module` is not an nn.Module, found {type(module)}')
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f'{parent._get_name()} has no attribute `{name}`')
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f'`{name}` is not an nn.Module')
        setattr(parent, name, module)

    def get_parameter(self, target):
        path, _, name = target.rpartition('.')
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f'{module._get_name()} has no attribute `{name}`')
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f'`{name}` is not an nn.Parameter')
        return param

    def get_buffer(self, target):
        path, _, name = target.rpartition('.')
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f'{module._get_name()} has no attribute `{name}`')
        buffer = getattr(module, name)
        if name not in module._buffers:
            raise AttributeError(f'`{name}` is not a buffer')
        return buffer

    # ---- changing everything at once ----

    def apply(self, fn):
        """Calls fn on every descendant, then on this module; returns it."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        from ...autograd import no_grad
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            with no_grad():
                changed = fn(param)
            if changed is not param:
                param.data = changed
            grad = param.grad
            if grad is not None:
                with no_grad():
                    changed = fn(grad)
                if changed is not grad:
                    requires_grad = grad.requires_grad
                    param.grad = None
                    param.grad = changed.requires_grad_(requires_grad)
        for name, buf in self._buffers.items():
            if buf is not None:
                self._buffers[name] = fn(buf)
        return self

    def cpu(self):
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type):
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def to_empty(self, *, device, recurse=True):
        return self._apply(lambda t: _C.empty_like(t, device=device), recurse=recurse)

    def to(self, *args, **kwargs):
        """to(device), to(dtype), to(device, dtype), to(tensor): in place; only floating point tensors change dtype."""
        device, dtype, non_blocking, memory_format = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError('nn.Module.to only accepts floating point or complex dtypes, but got desired '
                            f'dtype={dtype}')

        def convert(t):
            options = {}
            if memory_format is not None and t.dim() in (4, 5):
                options['memory_format'] = memory_format
            wanted = dtype if dtype is not None and (t.is_floating_point() or t.is_complex()) else None
            if device is not None:
                options['device'] = device
            if wanted is not None:
                options['dtype'] = wanted
            return t.to(non_blocking=non_blocking, **options) if options else t

        return self._apply(convert)

    def share_memory(self):
        return self._apply(lambda t: t.share_memory_())

    def train(self, mode=True):
        if not isinstance(mode, bool):
            raise ValueError('training mode is expected to be boolean')
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forgets the parameters' gradients; set_to_none=False leaves zeros (as under compat('0.1.12'))."""
        if set_to_none and not _compat.legacy:
            for p in self.parameters():
                p.grad = None
            return
        for p in self.parameters():
            _zero_grad_of(p)

    def compile(self, *args, **kwargs):
        """Does nothing: there is no compiler."""

    # ---- printing ----

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        return ''

    def _legacy_repr(self):
        """How 0.1.12 printed this module."""
        lines = [f'  ({name}): {_addindent(repr(module), 2)}\n' for name, module in self._modules.items()]
        return self._get_name() + ' (\n' + ''.join(lines) + ')'

    def __repr__(self):
        if _compat.legacy:
            return self._legacy_repr()
        extra = self.extra_repr()
        extra_lines = extra.split('\n') if extra else []
        child_lines = [f'({name}): ' + _addindent(repr(module), 2) for name, module in self._modules.items()]
        text = self._get_name() + '('
        if len(extra_lines) == 1 and not child_lines:
            text += extra_lines[0]
        elif extra_lines or child_lines:
            text += '\n  ' + '\n  '.join(extra_lines + child_lines) + '\n'
        return text + ')'

    def _replicate_for_data_parallel(self):
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = dict(self._parameters)
        replica._buffers = dict(self._buffers)
        replica._modules = dict(self._modules)
        return replica


def _zero_grad_of(p):
    grad = p.grad
    if grad is None:
        return
    if grad.grad_fn is not None:
        grad.detach_()
    else:
        grad.requires_grad_(False)
    grad.zero_()


def _parse_to(args, kwargs):
    device = kwargs.pop('device', None)
    dtype = kwargs.pop('dtype', None)
    tensor = kwargs.pop('tensor', None)
    non_blocking = kwargs.pop('non_blocking', False)
    kwargs.pop('copy', None)
    memory_format = kwargs.pop('memory_format', None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    args = list(args)
    if args:
        first = args.pop(0)
        if isinstance(first, Tensor):
            tensor = first
        elif isinstance(first, _Dtype):
            dtype = first
        elif first is None or isinstance(first, (str, int, _Device)):
            device = first
            if args and (args[0] is None or isinstance(args[0], _Dtype)):
                dtype = args.pop(0)
        else:
            raise TypeError('to() received an invalid combination of arguments - got '
                            f'({type(first).__name__}), but expected one of:\n'
                            ' * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, '
                            'bool copy = False, *, torch.memory_format memory_format = None)\n'
                            ' * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, '
                            'torch.memory_format memory_format = None)\n'
                            ' * (Tensor tensor, bool non_blocking = False, bool copy = False, *, '
                            'torch.memory_format memory_format = None)\n')
        if args:
            non_blocking = args.pop(0)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if device is not None and not isinstance(device, _Device):
        device = _Device(device)
    return device, dtype, non_blocking, memory_format


# ---- hooks for every module ----

def _look_at_global_hooks():
    _C._set_global_module_hooks(bool(_global_forward_hooks or _global_forward_pre_hooks or _global_backward_hooks
                                     or _global_backward_pre_hooks))


class _GlobalOwner:
    _look_at_hooks = staticmethod(_look_at_global_hooks)


def _add_global(table, hook, *more):
    handle = RemovableHandle(table, extra_dict=more, owner=_GlobalOwner)
    table[handle.id] = hook
    for extra in more:
        extra[handle.id] = True
    _look_at_global_hooks()
    return handle


def register_module_forward_pre_hook(hook):
    return _add_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    more = (_global_forward_hooks_with_kwargs,) if with_kwargs else ()
    if always_call:
        more += (_global_forward_hooks_always,)
    return _add_global(_global_forward_hooks, hook, *more)


def register_module_full_backward_pre_hook(hook):
    return _add_global(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    return _add_global(_global_backward_hooks, hook)


def register_module_module_registration_hook(hook):
    return _add_global(_global_registration['module'], hook)


def register_module_parameter_registration_hook(hook):
    return _add_global(_global_registration['parameter'], hook)


def register_module_buffer_registration_hook(hook):
    return _add_global(_global_registration['buffer'], hook)
