"""torch.jit without a compiler: scripts run as they are written."""


def script(obj=None, *args, **kwargs):
    return (lambda obj: obj) if obj is None else obj


def trace(func, example_inputs=None, *args, **kwargs):
    return func


def ignore(fn=None, **kwargs):
    return (lambda fn: fn) if fn is None or isinstance(fn, bool) else fn


unused = export = ignore


def script_method(fn):
    return fn


def is_scripting():
    return False


is_tracing = is_scripting
Final = object


def annotate(the_type, value):
    return value


def _overload_method(fn):
    return fn


class ScriptModule:
    pass


class ScriptFunction:
    pass
