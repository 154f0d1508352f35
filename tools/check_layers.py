"""Fails where a file includes what stands above its layer. python3 tools/check_layers.py [ROOT]

The layers, lowest first: kernels (which know nothing but their own headers), base, tensor, ops, autograd, then nn, optim,
data, vision and serialize beside each other, then python/csrc. docs/design.md says why; a rule is changed there and here.
"""
import pathlib
import re
import sys

# Folders of src/ whose headers a folder may include, besides its own.
MAY = {
    'kernels': (),
    'base': ('kernels',),           # one header: the random streams are a kernel's, the generator holds their state
    'tensor': ('kernels', 'base'),
    'ops': ('kernels', 'base', 'tensor', 'gen'),         # gen/ops_impl.h declares what the ops folder defines
    'autograd': ('kernels', 'base', 'tensor', 'ops'),
    'gen': ('kernels', 'base', 'tensor', 'ops', 'autograd'),  # the wrappers: checks, autograd, the call of the op
    'nn': ('base',),
    'optim': ('base',),
    'data': ('base',),
    'vision': ('base', 'data'),     # image datasets are datasets
    'serialize': ('base', 'tensor'),  # reads and writes storages, which the public API does not show
    'python': (),
}
# Only this one header of a folder.
ONLY = {('base', 'kernels'): 'kernels/random.h', ('ops', 'gen'): 'gen/ops_impl.h', ('serialize', 'tensor'): 'tensor/tensor.h'}
ONLY.update({(folder, 'base'): 'base/base.h' for folder in ('nn', 'optim', 'data', 'vision', 'serialize')})
# The layer of a public header; a folder may include those of its own layer and below.
PUBLIC = {'error': 1, 'runtime': 1, 'tensor': 2, 'steps': 3, 'ops': 3, 'schema': 3, 'autograd': 3}
RANK = {'kernels': 0, 'base': 1, 'tensor': 2, 'ops': 3, 'autograd': 3, 'gen': 3}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def refusal(folder, name, quoted):
    """Why `folder` may not include the header, or None."""
    top, _, rest = name.partition('/')
    if name in ('Python.h', 'structmember.h') or name.startswith('cpython/'):
        return None if folder == 'python' else 'the core never includes Python.h'
    if top == 'ctorch' and rest:
        if folder == 'kernels':
            return 'kernels include only their own headers and the C library'
        if PUBLIC.get(rest[:-2], 4) > RANK.get(folder, 4):
            return f'<{name}> stands above {folder}'
        return None
    if not quoted:
        return None
    if folder == 'python':
        return None if '/' not in name else 'python/csrc includes only <ctorch/*.h> and its own headers'
    if '/' not in name or top == folder:
        return None if top == folder else f'headers are named from src/: "{folder}/{name}"'
    if top not in MAY[folder]:
        return f'{folder} may include of src/ only ' + ', '.join((folder,) + MAY[folder])
    only = ONLY.get((folder, top))
    return f'of {top}, {folder} may include only {only}' if only and name != only else None


def files(root):
    for path in sorted((root / 'src').rglob('*.[ch]')):
        yield path.relative_to(root / 'src').parts[0], path
    for path in sorted((root / 'python' / 'csrc').rglob('*.[ch]')):
        yield 'python', path


def main(root):
    bad = count = 0
    for folder, path in files(root):
        where = path.relative_to(root)
        if folder not in MAY:
            print(f'{where}:1: a folder without a layer: add it to tools/check_layers.py')
            bad += 1
            continue
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                count += 1
                reason = refusal(folder, match[2], match[1] == '"')
                if reason:
                    print(f'{where}:{number}: {match[2]}: {reason}')
                    bad += 1
    print(f'layers: {count} includes, {bad} that climb')
    return 1 if bad or not count else 0


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1])))
