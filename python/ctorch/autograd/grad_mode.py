"""no_grad and its relatives: context managers and decorators."""
from .._backend import _C, is_grad_enabled

_set = _C.set_grad_enabled


def _generator_wrapper(make_context, fn):
    """A generator function whose body runs under the context and whose caller does not."""
    def run(*args, **kwargs):
        gen = fn(*args, **kwargs)
        try:
            with make_context():
                response = gen.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with make_context():
                        gen.close()
                    raise
                except BaseException as e:
                    with make_context():
                        response = gen.throw(e)
                else:
                    with make_context():
                        response = gen.send(request)
        except StopIteration as e:
            return e.value
    return run


def _decorate(make_context, fn):
    from functools import wraps
    if isinstance(fn, type):
        import warnings
        warnings.warn(f'Decorating classes is deprecated and will be disabled in future versions. You should only '
                      f'decorate functions or methods. To preserve the current behavior of class decoration, you can '
                      f'directly decorate the `__init__` method and nothing else.', FutureWarning, stacklevel=3)
        fn.__init__ = _decorate(make_context, fn.__init__)
        return fn
    code = getattr(fn, '__code__', None)
    if code is not None and code.co_flags & 0x20:       # a generator function
        return wraps(fn)(_generator_wrapper(make_context, fn))

    @wraps(fn)
    def run(*args, **kwargs):
        with make_context():
            return fn(*args, **kwargs)
    return run


class _ContextDecorator:
    __slots__ = ('prev',)

    def __init__(self):
        self.prev = True

    def __call__(self, orig_func):
        return _decorate(self.clone, orig_func)

    def clone(self):
        return type(self)()

    def __exit__(self, *exc):
        _set(self.prev)


class no_grad(_ContextDecorator):
    """Within: no graph is recorded. ``with torch.no_grad():``, ``@torch.no_grad()`` or ``@torch.no_grad``."""
    __slots__ = ()

    def __new__(cls, orig_func=None):
        self = object.__new__(cls)
        if orig_func is None:
            return self
        self.prev = True
        return self(orig_func)

    def __init__(self, orig_func=None):
        self.prev = True

    def __enter__(self):
        self.prev = is_grad_enabled()
        _set(False)


class enable_grad(_ContextDecorator):
    """Within: the graph is recorded, even inside no_grad."""
    __slots__ = ()
    __new__ = no_grad.__new__
    __init__ = no_grad.__init__

    def __enter__(self):
        self.prev = is_grad_enabled()
        _set(True)


class set_grad_enabled(_ContextDecorator):
    """Sets grad mode: at once as a function, until the end of the block as a context manager."""
    __slots__ = ('mode',)

    def __init__(self, mode):
        self.prev = is_grad_enabled()
        self.mode = mode
        _set(mode)

    def __call__(self, orig_func):
        _set(self.prev)
        return super().__call__(orig_func)

    def __enter__(self):
        _set(self.mode)

    def __repr__(self):
        return f'torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})'

    def clone(self):
        return type(self)(self.mode)


class inference_mode(_ContextDecorator):
    """no_grad under its newer name (mode=False: enable_grad)."""
    __slots__ = ('mode',)

    def __new__(cls, mode=True):
        if isinstance(mode, bool):
            return object.__new__(cls)
        self = object.__new__(cls)
        self.__init__()
        return self(mode)

    def __init__(self, mode=True):
        self.prev = True
        self.mode = mode

    def __enter__(self):
        self.prev = is_grad_enabled()
        if self.mode:
            _set(False)

    def clone(self):
        return type(self)(self.mode)


class set_multithreading_enabled(_ContextDecorator):
    """Does nothing: backward runs in the calling thread."""
    __slots__ = ('mode',)

    def __init__(self, mode):
        self.prev = is_grad_enabled()
        self.mode = mode

    def __enter__(self):
        self.prev = is_grad_enabled()

    def clone(self):
        return type(self)(self.mode)
