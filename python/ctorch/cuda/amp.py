"""torch.cuda.amp: without a device both do nothing."""
from ..amp import GradScaler, autocast
