"""Images side by side, and to files."""
from __future__ import annotations

import math

import ctorch as torch

__all__ = ["make_grid", "save_image"]


def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """Images (N, C, H, W), or a list of (C, H, W), as one image (3, H', W') with nrow of them in a row.

    normalize moves the values to [0, 1]: from value_range, else from the least and greatest of all (of each with
    scale_each). One-channel images become three equal channels. A single image comes back without a border.
    """
    if not isinstance(tensor, torch.Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for item in tensor:
            if not isinstance(item, torch.Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(item)}")
        tensor = torch.stack(tensor, dim=0)
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        if tensor.size(0) == 1:
            tensor = torch.cat((tensor, tensor, tensor), 0)
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = torch.cat((tensor, tensor, tensor), 1)
    if normalize:
        tensor = tensor.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")

        def rescale(image):
            low, high = value_range if value_range is not None else (float(image.min()), float(image.max()))
            image.clamp_(min=low, max=high)
            image.sub_(low).div_(max(high - low, 1e-5))

        if scale_each:
            for image in tensor:
                rescale(image)
        else:
            rescale(tensor)
    if tensor.size(0) == 1:
        return tensor.squeeze(0)
    count, channels = tensor.size(0), tensor.size(1)
    across = min(nrow, count)
    down = math.ceil(count / across)
    height, width = tensor.size(2) + padding, tensor.size(3) + padding
    grid = tensor.new_full((channels, height * down + padding, width * across + padding), pad_value)
    for k in range(count):
        y, x = divmod(k, across)
        grid[:, y * height + padding:(y + 1) * height, x * width + padding:(x + 1) * width].copy_(tensor[k])
    return grid


def _png(width, height, data, channels=3, level=-1):
    """RGB or gray bytes as a PNG file's."""
    import struct
    import zlib

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = width * channels
    rows = b"".join(b"\0" + data[y * row:(y + 1) * row] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b""))


def save_image(tensor, fp, format=None, **kwargs):
    """make_grid(tensor, **kwargs) with values in [0, 1] to a file; PNG needs no Pillow."""
    from .transforms.functional import _bytes
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(torch.uint8)
    height, width = pixels.size(0), pixels.size(1)
    data = _bytes(pixels)
    try:
        from PIL import Image
    except ImportError:
        if (format or str(fp).rpartition(".")[2]).lower() != "png":
            raise
        encoded = _png(width, height, data)
        if hasattr(fp, "write"):
            fp.write(encoded)
        else:
            with open(fp, "wb") as file:
                file.write(encoded)
        return
    Image.frombytes("RGB", (width, height), data).save(fp, format=format)
