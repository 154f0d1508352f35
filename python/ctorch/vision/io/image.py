"""Images (C, H, W) of bytes from encoded bytes, and the way back."""
from __future__ import annotations

import enum
import os

import ctorch as torch
from ctorch import _C

__all__ = ["ImageReadMode", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "read_file",
           "read_image", "write_file", "write_jpeg", "write_png"]


class ImageReadMode(enum.Enum):
    """What an image becomes: as it is, gray, gray and alpha, RGB, RGB and alpha. Its name works wherever it does."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


def read_file(path):
    """A file's bytes as a one-dimensional uint8 tensor."""
    try:
        with open(path, "rb") as file:
            data = bytearray(file.read())
    except OSError as e:
        raise RuntimeError(f"[Errno {e.errno}] {e.strerror}: '{os.fspath(path)}'") from e
    if not data:
        raise RuntimeError("Expected a non empty file")
    return torch.frombuffer(data, dtype=torch.uint8)


def write_file(filename, data):
    """The bytes of a one-dimensional uint8 tensor to a file."""
    if not isinstance(data, torch.Tensor) or data.dtype != torch.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if data.dim() != 1:
        raise RuntimeError("Input data should be a 1-dimensional tensor")
    try:
        with open(filename, "wb") as file:
            file.write(_bytes(data))
    except OSError as e:
        raise RuntimeError(f"[Errno {e.errno}] {e.strerror}: '{os.fspath(filename)}'") from e


def _bytes(tensor):
    from ..transforms.functional import _bytes as bytes_of
    return bytes_of(tensor)


# ---- decoding ----

def _checked(input):
    if not isinstance(input, torch.Tensor):
        raise TypeError(f"a tensor of an encoded image's bytes is needed, not {type(input).__name__}")
    if input.device.type != "cpu":
        raise RuntimeError("Input tensor must be on CPU")
    if not input.is_contiguous():
        raise RuntimeError("Input tensor must be contiguous.")
    if input.dtype != torch.uint8:
        raise RuntimeError(f"Input tensor must have uint8 data type, got {input.dtype}")
    if input.dim() != 1 or input.numel() == 0:
        raise RuntimeError("Input tensor must be 1-dimensional and non-empty, got "
                           f"{input.dim()} dims  and {input.numel()} numels.")
    return input.detach()


def _mode(mode):
    return ImageReadMode[mode.upper()] if isinstance(mode, str) else ImageReadMode(mode)


def _decode(input, format, mode, apply_exif_orientation):
    input, mode = _checked(input), _mode(mode)
    head = bytes(input[:4].tolist())
    found = "jpeg" if head[:3] == b"\xff\xd8\xff" else "png" if head == b"\x89PNG" else None
    if found and not dict(zip(("jpeg", "png"), _C._image_reads()))[found] and format in ("image", found):
        image = _through_pillow(_bytes(input), found, mode)
    else:
        image = _C._image_decode(input, format, mode.value)
    if apply_exif_orientation:
        from .exif import orientation, oriented
        image = oriented(image, orientation(_bytes(input)))
    return image


def _through_pillow(data, format, mode):
    """For a build of the core without libjpeg or libpng."""
    try:
        from PIL import Image
    except ImportError as e:
        raise RuntimeError(f"this build of ctorch has no lib{format}, and Pillow is not installed: build with lib{format} and "
                           "its headers, or install Pillow") from e
    from io import BytesIO

    from ..transforms.functional import _pil_tensor
    if format == "jpeg" and mode in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA):
        raise RuntimeError("The provided mode is not supported for JPEG files")
    try:
        image = Image.open(BytesIO(data))
        if format == "jpeg" and mode is ImageReadMode.GRAY:
            image.draft("L", image.size)
        if mode is ImageReadMode.UNCHANGED and image.mode == "I;16":
            return (_pil_tensor(image).to(torch.int32).bitwise_and(0xffff) // 256).to(torch.uint8)
        name = {ImageReadMode.GRAY: "L", ImageReadMode.GRAY_ALPHA: "LA", ImageReadMode.RGB: "RGB",
                ImageReadMode.RGB_ALPHA: "RGBA",
                ImageReadMode.UNCHANGED: {"1": "L", "RGBA": "LA" if data[25] == 4 else "RGBA"}.get(image.mode, image.mode)}[mode]
        return _pil_tensor(image if image.mode == name else image.convert(name))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
        raise RuntimeError(f"the image is not a {format.upper()} image that can be read: {e}") from e


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A JPEG or PNG image, told apart by content, as (C, H, W) uint8: input is its bytes as a tensor, or a path.

    RGB has the values of Pillow's convert("RGB"). Of 16 bits UNCHANGED keeps the high 8 (there is no uint16 here).
    """
    return _decode(input if isinstance(input, torch.Tensor) else read_file(input), "image", mode, apply_exif_orientation)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """decode_image for PNG alone."""
    return _decode(input, "png", mode, apply_exif_orientation)


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """decode_image for JPEG alone; a list of tensors gives a list of images."""
    if torch.device(device).type != "cpu":
        raise RuntimeError("decode_jpeg gives images on the CPU; CUDA is not there")
    if isinstance(input, list):
        if not input:
            raise ValueError("Input list must contain at least one element")
        if not all(isinstance(one, torch.Tensor) for one in input):
            raise ValueError("All elements of the input list must be tensors.")
        return [_decode(one, "jpeg", mode, apply_exif_orientation) for one in input]
    return _decode(input, "jpeg", mode, apply_exif_orientation)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """decode_image of a file."""
    return _decode(read_file(path), "image", mode, apply_exif_orientation)


# ---- encoding ----

def _pixels(image):
    """channels, height, width, bytes in the order of pixels."""
    if image.device.type != "cpu":
        raise RuntimeError("Input tensor should be on CPU")
    if image.dtype != torch.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if image.dim() != 3:
        raise RuntimeError("Input data should be a 3-dimensional tensor")
    if image.size(0) not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {image.size(0)}")
    return (*image.shape, _bytes(image.permute(1, 2, 0)))


def encode_png(input, compression_level=6):
    """An image (3 or 1, H, W) of bytes as a PNG file's bytes."""
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    from ..utils import _png
    channels, height, width, data = _pixels(input)
    return torch.frombuffer(bytearray(_png(width, height, data, channels, compression_level)), dtype=torch.uint8)


def write_png(input, filename, compression_level=6):
    """encode_png to a file."""
    write_file(filename, encode_png(input, compression_level))


def encode_jpeg(input, quality=75):
    """An image (3 or 1, H, W) of bytes, or a list of them, as a JPEG file's bytes; through Pillow."""
    if quality < 1 or quality > 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        if not input:
            raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
        return [encode_jpeg(one, quality) for one in input]
    channels, height, width, data = _pixels(input)
    try:
        from PIL import Image
    except ImportError as e:
        raise RuntimeError("encode_jpeg needs Pillow: install it, or write a PNG file") from e
    from io import BytesIO
    out = BytesIO()
    Image.frombytes("L" if channels == 1 else "RGB", (width, height), data).save(out, "JPEG", quality=quality)
    return torch.frombuffer(bytearray(out.getvalue()), dtype=torch.uint8)


def write_jpeg(input, filename, quality=75):
    """encode_jpeg to a file."""
    write_file(filename, encode_jpeg(input, quality))
