"""What a distribution's parameters and values must satisfy."""


class Constraint:
    """check(value) tells where it holds; event_dim: how many dimensions on the right belong together."""

    def __init__(self, text, check, is_discrete=False, event_dim=0):
        self._text, self.check, self.is_discrete, self.event_dim = text, check, is_discrete, event_dim

    def __repr__(self):
        return self._text


def _whole(x):
    return x % 1 == 0


real = Constraint('Real()', lambda x: x == x)
real_vector = Constraint('IndependentConstraint(Real(), 1)', lambda x: (x == x).all(-1), event_dim=1)
positive = Constraint('GreaterThan(lower_bound=0.0)', lambda x: x > 0)
nonnegative = Constraint('GreaterThanEq(lower_bound=0.0)', lambda x: x >= 0)
unit_interval = Constraint('Interval(lower_bound=0.0, upper_bound=1.0)', lambda x: (x >= 0) & (x <= 1))
boolean = Constraint('Boolean()', lambda x: (x == 0) | (x == 1), True)
nonnegative_integer = Constraint('IntegerGreaterThan(lower_bound=0)', lambda x: _whole(x) & (x >= 0), True)
simplex = Constraint('Simplex()', lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), event_dim=1)
one_hot = Constraint('OneHot()', lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), True, 1)


def interval(low, high):
    return Constraint(f'Interval(lower_bound={low}, upper_bound={high})', lambda x: (x >= low) & (x <= high))


def integer_interval(low, high):
    return Constraint(f'IntegerInterval(lower_bound={low}, upper_bound={high})', lambda x: _whole(x) & (x >= low) & (x <= high), True)


def greater_than(low):
    return Constraint(f'GreaterThan(lower_bound={low})', lambda x: x > low)


def greater_than_eq(low):
    return Constraint(f'GreaterThanEq(lower_bound={low})', lambda x: x >= low)


def less_than(high):
    return Constraint(f'LessThan(upper_bound={high})', lambda x: x < high)


positive_integer = Constraint('IntegerGreaterThan(lower_bound=1)', lambda x: _whole(x) & (x >= 1), True)


def multinomial(total):
    return Constraint(f'Multinomial(upper_bound={total})', lambda x: (x >= 0).all(-1) & (x.sum(-1) <= total), True, 1)


def independent(base, dims):
    """base, of which the last dims dimensions belong together."""
    return base if not dims else Constraint(f'IndependentConstraint({base}, {dims})', lambda x: base.check(x).flatten(-dims).all(-1),
                                            base.is_discrete, base.event_dim + dims)


def _positive_definite(x):
    import ctorch as torch
    symmetric = torch.isclose(x, x.transpose(-2, -1), atol=1e-6).all(-2).all(-1)
    return symmetric & (torch.linalg.cholesky_ex(x).info == 0) if bool(symmetric.all()) else symmetric


positive_definite = Constraint('PositiveDefinite()', _positive_definite, event_dim=2)
lower_cholesky = Constraint('LowerCholesky()', lambda x: (x.tril() == x).flatten(-2).all(-1) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1),
                            event_dim=2)
