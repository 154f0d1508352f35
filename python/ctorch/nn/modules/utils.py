"""Numbers repeated to tuples."""


def _ntuple(n):
    def repeat(x):
        return tuple(x) if hasattr(x, '__iter__') else (x,) * n
    return repeat


_single = _ntuple(1)
_pair = _ntuple(2)
_triple = _ntuple(3)
_quadruple = _ntuple(4)


def _reverse_repeat_tuple(t, n):
    return tuple(x for x in reversed(t) for _ in range(n))
