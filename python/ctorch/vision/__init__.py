"""Datasets, transforms and image helpers under torchvision's names. Pillow and NumPy are loaded only where a call needs
one."""
from . import datasets, io, transforms, utils  # noqa: F401

__version__ = "0.28.0"
