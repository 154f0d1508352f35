"""The named tuples that ops return: torch.return_types.max and its like are made by the C extension; those of composed functions here."""
import collections

from ._backend import _C

histogram = collections.namedtuple('histogram', 'hist bin_edges')
nanmedian = collections.namedtuple('nanmedian', 'values indices')


def __getattr__(name):
    found = getattr(getattr(_C, 'return_types', None), name, None)
    if found is None and name in ('linalg_lu', 'linalg_lu_factor', 'linalg_lstsq', 'lu_unpack', 'triangular_solve'):
        from . import linalg
        found = getattr(linalg, name)
    if found is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return found
