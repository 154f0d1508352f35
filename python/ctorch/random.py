"""The default generator: seeding and state."""
from ._backend import _C

default_generator = _C.default_generator


def manual_seed(seed):
    """Seeds the default generator; returns it. Negative seeds count from 2^64."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Seeds from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed that the generator was last given."""
    return default_generator.initial_seed()


def get_rng_state():
    """The generator's state: a uint8 tensor of 5056 bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Sets the state that get_rng_state gave."""
    default_generator.set_state(new_state)


class fork_rng:
    """Within: the generator may be used; after: it is as it was before."""

    def __init__(self, devices=None, enabled=True, _caller='fork_rng', _devices_kw='devices', device_type='cuda'):
        self.enabled = enabled

    def __enter__(self):
        if self.enabled:
            self.state = get_rng_state()

    def __exit__(self, *exc):
        if self.enabled:
            set_rng_state(self.state)
