"""python -m ctorch SCRIPT.py ARGS...: runs a PyTorch script with `torch` and `torchvision` naming this package."""
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

_PACKAGES = {'torch': 'ctorch', 'torchvision': 'ctorch.vision'}


def real_name(name):
    """The module of this package that another name stands for, or None."""
    head, dot, rest = name.partition('.')
    mine = _PACKAGES.get(head)
    return None if mine is None else mine + dot + rest


class AliasFinder(MetaPathFinder, Loader):
    """Gives `torch.X` and `torchvision.X` the very module objects of `ctorch.X` and `ctorch.vision.X`."""

    def find_spec(self, name, path=None, target=None):
        mine = real_name(name)
        if mine is None:
            return None
        if mine not in sys.modules:
            from importlib.util import find_spec
            try:
                if find_spec(mine) is None:
                    return None
            except ModuleNotFoundError:
                return None
        return ModuleSpec(name, self)

    def create_module(self, spec):
        from importlib import import_module
        module = import_module(real_name(spec.name))
        self._spec = module.__spec__
        spec._ctorch_module = module, module.__spec__, getattr(module, '__loader__', None)
        return module

    def exec_module(self, module):
        spec = module.__spec__
        made = getattr(spec, '_ctorch_module', None)
        if made is not None:
            _, module.__spec__, module.__loader__ = made


def install():
    """From now on `import torch` and `import torchvision` give this package."""
    if not any(isinstance(f, AliasFinder) for f in sys.meta_path):
        for name in list(sys.modules):
            if name.partition('.')[0] in _PACKAGES:
                del sys.modules[name]
        sys.meta_path.insert(0, AliasFinder())


def main(argv):
    if not argv or argv[0] in ('-h', '--help'):
        print('usage: python -m ctorch SCRIPT.py [ARGS...]\n'
              '       python -m ctorch -m MODULE [ARGS...]\n'
              '       python -m ctorch -c COMMAND [ARGS...]\n'
              'Runs a PyTorch script with torch and torchvision naming this package.')
        return 0 if argv else 2
    install()
    from types import ModuleType
    import os
    if argv[0] == '-m':
        import runpy
        if len(argv) < 2:
            print('ctorch: -m wants a module', file=sys.stderr)
            return 2
        sys.argv = argv[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(argv[1], run_name='__main__', alter_sys=True)
        return 0
    module = ModuleType('__main__')
    module.__dict__['__builtins__'] = __builtins__
    if argv[0] == '-c':
        if len(argv) < 2:
            print('ctorch: -c wants a command', file=sys.stderr)
            return 2
        source, name = argv[1], '<string>'
        sys.argv = ['-c'] + argv[2:]
        sys.path[0] = ''
    else:
        name = argv[0]
        try:
            with open(name, 'rb') as f:
                source = f.read()
        except OSError as e:
            print(f"ctorch: can't open file '{name}': {e.strerror}", file=sys.stderr)
            return 2
        sys.argv = argv
        sys.path[0] = os.path.dirname(os.path.abspath(name))
        module.__file__ = name
    sys.modules['__main__'] = module
    exec(compile(source, name, 'exec'), module.__dict__)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
