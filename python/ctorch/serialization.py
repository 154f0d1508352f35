"""torch.save and torch.load under PyTorch's module name."""
from ._serialize import save, load, _find_global
