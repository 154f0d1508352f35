"""The loader's parts: collate, worker, shared memory."""
from . import collate  # noqa: F401
