"""Functions on images: Pillow images, or tensors of shape (..., C, H, W). Pillow's own code makes the pixels of Pillow
images, so they are torchvision's."""
from __future__ import annotations

import enum
import math
import numbers
import sys

import ctorch as torch

__all__ = ["InterpolationMode", "to_tensor", "pil_to_tensor", "to_pil_image", "convert_image_dtype", "normalize", "resize",
           "pad", "crop", "center_crop", "resized_crop", "hflip", "vflip", "to_grayscale", "rgb_to_grayscale", "five_crop",
           "ten_crop", "get_image_size", "get_image_num_channels", "get_dimensions", "adjust_brightness",
           "adjust_contrast", "adjust_saturation", "adjust_hue", "rotate", "affine", "perspective", "gaussian_blur", "invert",
           "erase"]


class InterpolationMode(enum.Enum):
    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_CODES = {InterpolationMode.NEAREST: 0, InterpolationMode.NEAREST_EXACT: 0, InterpolationMode.LANCZOS: 1,
              InterpolationMode.BILINEAR: 2, InterpolationMode.BICUBIC: 3, InterpolationMode.BOX: 4,
              InterpolationMode.HAMMING: 5}


def _mode_of_code(code):
    return {0: InterpolationMode.NEAREST, 1: InterpolationMode.LANCZOS, 2: InterpolationMode.BILINEAR,
            3: InterpolationMode.BICUBIC, 4: InterpolationMode.BOX, 5: InterpolationMode.HAMMING}[int(code)]


def _is_pil(image):
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def _is_array(image):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(image, numpy.ndarray)


def _check_tensor(image):
    if not isinstance(image, torch.Tensor) or image.dim() < 2:
        raise TypeError("Tensor is not a torch image." if isinstance(image, torch.Tensor)
                        else f"img should be PIL Image. Got {type(image)}")


def get_dimensions(img):
    """[channels, height, width]."""
    if isinstance(img, torch.Tensor):
        _check_tensor(img)
        return [1 if img.dim() == 2 else img.size(-3), img.size(-2), img.size(-1)]
    if _is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    raise TypeError(f"Unexpected type {type(img)}")


def get_image_size(img):
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    return get_dimensions(img)[0]


# ---- between Pillow, NumPy and tensors ----

def _pil_tensor(pic):
    """A Pillow image's own values, (C, H, W)."""
    dtypes = {"I": torch.int32, "I;16": torch.int16, "F": torch.float32}
    if pic.mode == "1":
        pic = pic.convert("L")
    data = bytearray(pic.tobytes())
    channels = len(pic.getbands())
    if not data:
        return torch.empty(channels, pic.height, pic.width, dtype=dtypes.get(pic.mode, torch.uint8))
    flat = torch.frombuffer(data, dtype=dtypes.get(pic.mode, torch.uint8))
    return flat.view(pic.height, pic.width, channels).permute(2, 0, 1).contiguous()


def to_tensor(pic):
    """A Pillow image or an array (H, W, C) -> a float tensor (C, H, W); bytes become [0, 1]. TypeError for other types."""
    if not (_is_pil(pic) or _is_array(pic)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if _is_array(pic):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        if pic.ndim == 2:
            pic = pic[:, :, None]
        image = torch.from_numpy(pic.transpose((2, 0, 1)).copy())
        return image.to(dtype=torch.get_default_dtype()).div(255) if image.dtype == torch.uint8 else image
    image = _pil_tensor(pic)
    if image.dtype == torch.uint8:
        return image.to(dtype=torch.get_default_dtype()).div(255)
    return image


def pil_to_tensor(pic):
    """A Pillow image -> a tensor (C, H, W) of its own dtype, values as they are."""
    if not _is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    image = _pil_tensor(pic)
    return image > 0 if pic.mode == "1" else image


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) -> a Pillow image; float tensors are multiplied by 255."""
    from PIL import Image
    if isinstance(pic, torch.Tensor):
        if pic.dim() == 3:
            pic = pic.permute(1, 2, 0)
        elif pic.dim() == 2:
            pic = pic.unsqueeze(2)
        else:
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        if pic.size(2) > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {pic.size(2)} channels.")
        if pic.dtype.is_floating_point and mode != "F":
            pic = pic.mul(255).to(torch.uint8)
        height, width, channels = pic.shape
        kinds = {torch.uint8: "B", torch.int16: "h", torch.int32: "i", torch.float32: "f"}
        if pic.dtype not in kinds:
            raise TypeError(f"Input type {pic.dtype} is not supported")
        kind = kinds[pic.dtype]
        data = _bytes(pic)
    elif _is_array(pic):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        if pic.ndim == 2:
            pic = pic[:, :, None]
        height, width, channels = pic.shape
        if channels > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
        if pic.dtype.kind == "f" and mode != "F" and channels > 1:
            pic = (pic * 255).astype("uint8")
        kinds = {"uint8": "B", "int16": "h", "int32": "i", "float32": "f"}
        kind = kinds.get(pic.dtype.name)
        if kind is None:
            raise TypeError(f"Input type {pic.dtype} is not supported")
        data = pic.tobytes()
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if channels == 1:
        expected = {"B": "L", "h": "I;16", "i": "I", "f": "F"}[kind]
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type. Should be {expected}")
        mode = expected
    else:
        allowed = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}[channels]
        if mode is not None and mode not in allowed:
            raise ValueError(f"Only modes {allowed} are supported for {channels}D inputs")
        if kind != "B":
            raise TypeError("Input type is not supported for several channels; uint8 is")
        mode = mode or allowed[0]
    return Image.frombytes(mode, (width, height), data)


def _bytes(tensor):
    """A CPU tensor's elements in row-major order."""
    flat = tensor.detach().contiguous().view(-1)
    try:
        return bytes(memoryview(flat))
    except TypeError:
        return flat.numpy().tobytes()


def convert_image_dtype(image, dtype=None):
    """Changes an image tensor's dtype and scales its values with it ([0, 1] for floats, the whole range for integers)."""
    if not isinstance(image, torch.Tensor):
        raise TypeError("Input img should be Tensor Image")
    dtype = torch.float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    tops = {torch.uint8: 255, torch.int8: 127, torch.int16: 32767, torch.int32: 2147483647,
            torch.int64: 9223372036854775807, torch.bool: 1}
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype == torch.float32 and dtype in (torch.int32, torch.int64)) or (
                image.dtype == torch.float64 and dtype == torch.int64):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(tops[dtype] + 1.0 - 1e-3).to(dtype)
    top = tops[image.dtype]
    if dtype.is_floating_point:
        return image.to(dtype) / top
    other = tops[dtype]
    if top > other:
        return torch.div(image, (top + 1) // (other + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((other + 1) // (top + 1))


def normalize(tensor, mean, std, inplace=False):
    """(x - mean) / std per channel of a float tensor (..., C, H, W)."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError("Expected tensor to be a tensor image of size (..., C, H, W). "
                         f"Got tensor.size() = {tensor.size()}")
    if not inplace:
        tensor = tensor.clone()
    dtype = tensor.dtype
    mean = torch.as_tensor(mean, dtype=dtype)
    std = torch.as_tensor(std, dtype=dtype)
    if bool((std == 0).any()):
        raise ValueError(f"std evaluated to zero after conversion to {dtype}, leading to division by zero.")
    if mean.dim() == 1:
        mean = mean.view(-1, 1, 1)
    if std.dim() == 1:
        std = std.view(-1, 1, 1)
    return tensor.sub_(mean).div_(std)


# ---- geometry ----

def crop(img, top, left, height, width):
    """The box of height x width at (top, left); what lies outside of the image is 0."""
    if _is_pil(img):
        return img.crop((left, top, left + width, top + height))
    _check_tensor(img)
    h, w = img.size(-2), img.size(-1)
    bottom, right = top + height, left + width
    if top < 0 or left < 0 or bottom > h or right > w:
        part = img[..., max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
        return torch.nn.functional.pad(part, [max(min(right, 0) - left, 0), max(right - max(w, left), 0),
                                              max(min(bottom, 0) - top, 0), max(bottom - max(h, top), 0)])
    return img[..., top:bottom, left:right]


def hflip(img):
    """Left and right exchanged."""
    if _is_pil(img):
        return img.transpose(0)
    _check_tensor(img)
    return img.flip(-1)


def vflip(img):
    """Top and bottom exchanged."""
    if _is_pil(img):
        return img.transpose(1)
    _check_tensor(img)
    return img.flip(-2)


def _sides(padding):
    """left, top, right, bottom."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if isinstance(padding, numbers.Number):
        return (padding,) * 4
    padding = list(padding)
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    if len(padding) == 1:
        return (padding[0],) * 4
    if len(padding) == 2:
        return (padding[0], padding[1]) * 2
    return tuple(padding)


def _pad_index(size, before, after, mode):
    """For each output position the input position, or None for the constant."""
    out = []
    for position in range(-before, size + after):
        if 0 <= position < size:
            out.append(position)
        elif mode == "edge":
            out.append(min(max(position, 0), size - 1))
        elif mode == "reflect":
            period = max(2 * size - 2, 1)
            folded = position % period
            out.append(folded if folded < size else period - folded)
        else:  # symmetric
            folded = position % (2 * size)
            out.append(folded if folded < size else 2 * size - 1 - folded)
    return out


def pad(img, padding, fill=0, padding_mode="constant"):
    """Adds rows and columns: padding is one number, (left and right, top and bottom), or (left, top, right, bottom)."""
    left, top, right, bottom = _sides(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if _is_pil(img):
        from PIL import Image, ImageOps
        if padding_mode == "constant":
            if isinstance(fill, (tuple, list)):
                if len(fill) not in (1, len(img.getbands())):
                    raise ValueError("The number of elements in 'fill' does not match the number of channels of the image "
                                     f"({len(fill)} != {len(img.getbands())})")
                fill = tuple(fill) if len(fill) == len(img.getbands()) else fill[0]
            elif len(img.getbands()) > 1:
                fill = (int(fill),) * len(img.getbands())
            else:
                fill = int(fill) if img.mode != "F" else fill
            if img.mode == "P":
                out = ImageOps.expand(img, border=(left, top, right, bottom), fill=fill if isinstance(fill, int) else fill[0])
                out.putpalette(img.getpalette())
                return out
            return ImageOps.expand(img, border=(left, top, right, bottom), fill=fill)
        flat = to_pil_image(pad(_pil_tensor(img), padding, 0, padding_mode), mode=img.mode if img.mode not in "P1" else None)
        if img.mode == "1":
            flat = flat.convert("1", dither=0)
        if img.mode == "P":
            flat = Image.frombytes("P", flat.size, flat.tobytes())
            flat.putpalette(img.getpalette())
        return flat
    _check_tensor(img)
    if padding_mode == "constant":
        if isinstance(fill, (tuple, list)):
            if len(fill) > 1:
                raise TypeError("Got inappropriate fill arg")
            fill = fill[0]
        return torch.nn.functional.pad(img, [left, right, top, bottom], mode="constant", value=fill)
    rows = torch.tensor(_pad_index(img.size(-2), top, bottom, padding_mode), dtype=torch.int64)
    columns = torch.tensor(_pad_index(img.size(-1), left, right, padding_mode), dtype=torch.int64)
    return img.index_select(-2, rows).index_select(-1, columns)


def center_crop(img, output_size):
    """The middle; a smaller image is padded with 0 first."""
    if isinstance(output_size, numbers.Number):
        output_size = (int(output_size), int(output_size))
    elif len(output_size) == 1:
        output_size = (output_size[0], output_size[0])
    _, height, width = get_dimensions(img)
    th, tw = output_size
    if tw > width or th > height:
        img = pad(img, [(tw - width) // 2 if tw > width else 0, (th - height) // 2 if th > height else 0,
                        (tw - width + 1) // 2 if tw > width else 0, (th - height + 1) // 2 if th > height else 0], fill=0)
        _, height, width = get_dimensions(img)
        if tw == width and th == height:
            return img
    return crop(img, int(round((height - th) / 2.0)), int(round((width - tw) / 2.0)), th, tw)


def _resized(height, width, size, max_size):
    """The output (height, width): size as it is, or one number for the shorter side."""
    if isinstance(size, int):
        size = [size]
    if len(size) == 2:
        if max_size is not None:
            raise ValueError("max_size should only be passed if size specifies the length of the smaller edge, "
                             "i.e. size should be an int or a sequence of length 1 in torchscript mode.")
        return list(size)
    if len(size) != 1:
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    wanted = size[0]
    short, long = min(height, width), max(height, width)
    new_short, new_long = wanted, int(wanted * long / short)
    if max_size is not None:
        if max_size <= wanted:
            raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size for the smaller "
                             f"edge size = {size}")
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To size (height, width), or so that the shorter side is the one number given."""
    if isinstance(interpolation, int):
        interpolation = _mode_of_code(interpolation)
    elif not isinstance(interpolation, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")
    _, height, width = get_dimensions(img)
    new_height, new_width = _resized(height, width, size, max_size)
    if (new_height, new_width) == (height, width):
        return img
    if _is_pil(img):
        if not antialias and antialias is not None:
            import warnings
            warnings.warn("Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2)
        return img.resize((new_width, new_height), _PIL_CODES[interpolation])
    mode = interpolation.value
    smooth = mode in ("bilinear", "bicubic")
    from ._warp import as_float_batch
    x, back = as_float_batch(img)
    x = torch.nn.functional.interpolate(x, [new_height, new_width], mode=mode, align_corners=False if smooth else None,
                                        antialias=bool(antialias) and smooth)
    if mode == "bicubic" and img.dtype == torch.uint8:
        x = x.clamp(0, 255)
    return back(x)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img, size):
    """Top left, top right, bottom left, bottom right, centre."""
    if isinstance(size, numbers.Number):
        size = (int(size), int(size))
    elif len(size) == 1:
        size = (size[0], size[0])
    _, height, width = get_dimensions(img)
    th, tw = size
    if tw > width or th > height:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(height, width)}")
    return (crop(img, 0, 0, th, tw), crop(img, 0, width - tw, th, tw), crop(img, height - th, 0, th, tw),
            crop(img, height - th, width - tw, th, tw), center_crop(img, [th, tw]))


def ten_crop(img, size, vertical_flip=False):
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


# ---- colour ----

def rgb_to_grayscale(img, num_output_channels=1):
    """Luminance 0.2989 R + 0.587 G + 0.114 B of a tensor; Pillow's "L" of a Pillow image."""
    if _is_pil(img):
        return to_grayscale(img, num_output_channels)
    _check_tensor(img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    channels, shape = get_dimensions(img)[0], img.shape
    if channels == 3:
        r, g, b = img.unbind(-3)
        img = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    elif channels != 1:
        raise TypeError(f"Input image tensor permitted channel values are [1, 3], but found {channels}")
    return img.expand(shape) if num_output_channels == 3 else img.clone()


def to_grayscale(img, num_output_channels=1):
    if not _is_pil(img):
        raise TypeError("Input should be PIL Image")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    img = img.convert("L")
    if num_output_channels == 3:
        from PIL import Image
        img = Image.merge("RGB", (img, img, img))
    return img


def _blend(one, two, ratio):
    bound = 1.0 if one.is_floating_point() else 255.0
    return (float(ratio) * one + (1.0 - float(ratio)) * two).clamp(0, bound).to(one.dtype)


def _enhance(img, name, factor):
    from PIL import ImageEnhance
    return getattr(ImageEnhance, name)(img).enhance(factor)


def _positive(name, factor):
    if factor < 0:
        raise ValueError(f"{name}_factor ({factor}) is not non-negative.")


def adjust_brightness(img, brightness_factor):
    if _is_pil(img):
        return _enhance(img, "Brightness", brightness_factor)
    _check_tensor(img)
    _positive("brightness", brightness_factor)
    return _blend(img, torch.zeros_like(img), brightness_factor)


def adjust_contrast(img, contrast_factor):
    if _is_pil(img):
        return _enhance(img, "Contrast", contrast_factor)
    _check_tensor(img)
    _positive("contrast", contrast_factor)
    gray = rgb_to_grayscale(img) if img.size(-3) == 3 else img
    gray = gray if gray.is_floating_point() else gray.to(torch.float32)
    return _blend(img, gray.mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img, saturation_factor):
    if _is_pil(img):
        return _enhance(img, "Color", saturation_factor)
    _check_tensor(img)
    _positive("saturation", saturation_factor)
    return img if img.size(-3) == 1 else _blend(img, rgb_to_grayscale(img), saturation_factor)


def _hue_saturation_value(img):
    r, g, b = img.unbind(-3)
    most, least = img.max(-3)[0], img.min(-3)[0]
    gray = most == least
    span = most - least
    ones = torch.ones_like(most)
    s = span / torch.where(gray, ones, most)
    divisor = torch.where(gray, ones, span)
    rc, gc, bc = (most - r) / divisor, (most - g) / divisor, (most - b) / divisor
    red = most == r
    green = (most == g) & red.logical_not()
    h = red * (bc - gc) + green * (2.0 + rc - bc) + (red | green).logical_not() * (4.0 + gc - rc)
    return (h / 6.0 + 1.0).fmod(1.0), s, most


def _red_green_blue(h, s, v):
    sector = (h * 6.0).floor()
    f = h * 6.0 - sector
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    sector = sector.to(torch.int64) % 6
    choices = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    return torch.stack([torch.stack(c, 0).gather(0, sector.unsqueeze(0))[0] for c in choices], -3)


def adjust_hue(img, hue_factor):
    """The hue turned by hue_factor in [-0.5, 0.5] of the circle."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not _is_pil(img):
        _check_tensor(img)
        channels = get_dimensions(img)[0]
        if channels not in (1, 3):
            raise TypeError(f"Input image tensor permitted channel values are [1, 3], but found {channels}")
        if channels == 1:
            return img
        h, s, v = _hue_saturation_value(convert_image_dtype(img, torch.float32))
        return convert_image_dtype(_red_green_blue((h + hue_factor) % 1.0, s, v), img.dtype)
    if img.mode in {"L", "1", "I", "F"}:
        return img
    from PIL import Image
    h, s, v = img.convert("HSV").split()
    turn = int(hue_factor * 255) % 256
    h = h.point([(i + turn) % 256 for i in range(256)])
    return Image.merge("HSV", (h, s, v)).convert(img.mode)


def invert(img):
    if _is_pil(img):
        from PIL import ImageOps
        return ImageOps.invert(img)
    return (1 if img.is_floating_point() else 255) - img


def erase(img, i, j, h, w, v, inplace=False):
    if not isinstance(img, torch.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    if not inplace:
        img = img.clone()
    img[..., i:i + h, j:j + w] = v
    return img


from ._warp import rotate, affine, perspective, gaussian_blur  # noqa: E402
