"""Turning, affine and perspective maps, and blurring: Pillow's own code for Pillow images, sampling on a grid for tensors."""
from __future__ import annotations

import math
import numbers

import ctorch as torch
from ctorch.nn import functional as NF

from .functional import (InterpolationMode, _PIL_CODES, _check_tensor, _is_pil, _mode_of_code, get_dimensions, pil_to_tensor,
                         to_pil_image)

__all__ = ["rotate", "affine", "perspective", "gaussian_blur"]


def _mode(interpolation):
    if isinstance(interpolation, int):
        interpolation = _mode_of_code(interpolation)
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")
    return interpolation


def _tensor_mode(interpolation, supported):
    if interpolation.value not in supported:
        raise ValueError(f"Resampling mode '{interpolation.value}' is unsupported with Tensor input")
    return interpolation.value


def as_float_batch(img):
    """A tensor image as a float batch (N, C, H, W), and the function that turns a result back into its form."""
    _check_tensor(img)
    dtype, dims = img.dtype, img.dim()
    out = img.unsqueeze(0) if dims < 4 else img
    if dtype not in (torch.float32, torch.float64):
        out = out.to(torch.float32)

    def back(result):
        if dims < 4:
            result = result.squeeze(0)
        if result.dtype != dtype:
            result = (result if dtype.is_floating_point else result.round()).to(dtype)
        return result
    return out, back


def _filled(img, fill):
    """fill as a list of one number or one a channel."""
    values = list(fill) if isinstance(fill, (tuple, list)) else [float(fill)]
    channels = get_dimensions(img)[0]
    if len(values) > 1 and len(values) != channels:
        raise ValueError("The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
                         f"({len(values)} != {channels})")
    return values


def _sampled(img, grid, mode, fill):
    x, back = as_float_batch(img)
    grid = grid.to(x.dtype)
    if x.size(0) > 1:
        grid = grid.expand(x.size(0), *grid.shape[1:])
    if fill is None:
        return back(NF.grid_sample(x, grid, mode=mode, padding_mode="zeros", align_corners=False))
    whole = torch.cat([x, torch.ones((x.size(0), 1) + tuple(x.shape[2:]), dtype=x.dtype)], 1)
    whole = NF.grid_sample(whole, grid, mode=mode, padding_mode="zeros", align_corners=False)
    y, mask = whole[:, :-1], whole[:, -1:].expand(-1, x.size(1), -1, -1)
    ground = torch.tensor(_filled(img, fill), dtype=y.dtype).view(1, -1, 1, 1).expand_as(y)
    y = torch.where(mask < 0.5, ground, y) if mode == "nearest" else y * mask + (1.0 - mask) * ground
    return back(y)


def _pil_fill(img, fill):
    if fill is None:
        return None
    count = len(img.getbands())
    if isinstance(fill, (int, float)):
        fill = (fill,) * count if count > 1 else fill
    elif len(fill) == 1 and count > 1:
        fill = tuple(fill) * count
    elif len(fill) != count:
        raise ValueError("The number of elements in 'fill' does not match the number of channels of the image "
                         f"({len(fill)} != {count})")
    else:
        fill = tuple(fill)
    if img.mode not in ("I", "F"):
        fill = tuple(int(f) for f in fill) if isinstance(fill, tuple) else int(fill)
    return fill if count > 1 or not isinstance(fill, tuple) else fill[0]


# ---- affine ----

def _inverse_matrix(center, angle, translate, scale, shear):
    """The matrix (six numbers, by rows) that takes an output place to the input place of an affine map."""
    turn, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


def _grown_size(matrix, width, height):
    """The size (width, height) that holds all of a turned image."""
    corners = torch.tensor([[-0.5 * width, -0.5 * height, 1.0], [-0.5 * width, 0.5 * height, 1.0],
                            [0.5 * width, 0.5 * height, 1.0], [0.5 * width, -0.5 * height, 1.0]])
    places = corners @ torch.tensor(matrix).view(2, 3).t()
    low, high = places.min(0)[0], places.max(0)[0]
    half = torch.tensor([width * 0.5, height * 0.5])
    low, high, tol = low + half, high + half, 1e-4
    size = ((high / tol).trunc_() * tol).ceil() - ((low / tol).trunc_() * tol).floor()
    return int(size[0]), int(size[1])


def _affine_grid(matrix, width, height, out_width, out_height):
    base = torch.empty(1, out_height, out_width, 3)
    base[..., 0].copy_(torch.linspace(-out_width * 0.5 + 0.5, out_width * 0.5 - 0.5, out_width))
    base[..., 1].copy_(torch.linspace(-out_height * 0.5 + 0.5, out_height * 0.5 - 0.5, out_height).unsqueeze(-1))
    base[..., 2].fill_(1)
    theta = torch.tensor(matrix).view(1, 2, 3).transpose(1, 2) / torch.tensor([0.5 * width, 0.5 * height])
    return base.view(1, -1, 3).bmm(theta).view(1, out_height, out_width, 2)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """The image turned counter-clockwise by `angle` degrees; expand: onto a canvas that holds all of it."""
    interpolation = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    _, height, width = get_dimensions(img)
    if _is_pil(img):
        return img.rotate(angle, _PIL_CODES[interpolation], expand, center, fillcolor=_pil_fill(img, fill))
    middle = [0.0, 0.0] if center is None else [1.0 * (c - s * 0.5) for c, s in zip(center, (width, height))]
    matrix = _inverse_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    mode = _tensor_mode(interpolation, ("nearest", "bilinear"))
    out_width, out_height = _grown_size(matrix, width, height) if expand else (width, height)
    return _sampled(img, _affine_grid(matrix, width, height, out_width, out_height), mode, fill)


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """The image turned (clockwise, degrees), moved (pixels), scaled and sheared (degrees) about its middle or `center`."""
    interpolation = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if isinstance(shear, numbers.Number):
        shear = [shear, 0.0]
    shear = list(shear) * 2 if len(shear) == 1 else list(shear)
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    _, height, width = get_dimensions(img)
    if _is_pil(img):
        from PIL import Image
        middle = [width * 0.5, height * 0.5] if center is None else center
        matrix = _inverse_matrix(middle, angle, translate, scale, shear)
        return img.transform((width, height), Image.AFFINE, matrix, _PIL_CODES[interpolation], fillcolor=_pil_fill(img, fill))
    middle = [0.0, 0.0] if center is None else [1.0 * (c - s * 0.5) for c, s in zip(center, (width, height))]
    matrix = _inverse_matrix(middle, angle, [1.0 * t for t in translate], scale, shear)
    mode = _tensor_mode(interpolation, ("nearest", "bilinear"))
    return _sampled(img, _affine_grid(matrix, width, height, width, height), mode, fill)


# ---- perspective ----

def _solved(a, b):
    """x of a x = b, for a small square matrix of numbers: elimination with the largest pivot."""
    n = len(b)
    rows = [list(map(float, row)) + [float(y)] for row, y in zip(a, b)]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if rows[best][k] == 0:
            raise ValueError("perspective: the four points do not make a quadrilateral")
        rows[k], rows[best] = rows[best], rows[k]
        for i in range(k + 1, n):
            f = rows[i][k] / rows[k][k]
            for j in range(k, n + 1):
                rows[i][j] -= f * rows[k][j]
    x = [0.0] * n
    for k in reversed(range(n)):
        x[k] = (rows[k][n] - sum(rows[k][j] * x[j] for j in range(k + 1, n))) / rows[k][k]
    return x


def _perspective_numbers(start, end):
    """The eight numbers of the map that takes the four end points to the start points, as float32 holds them."""
    if len(start) != 4 or len(end) != 4:
        raise ValueError(f"Please provide exactly four corners, got {len(start)} startpoints and {len(end)} endpoints.")
    rows, values = [], []
    for (x, y), (u, v) in zip(end, start):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    return torch.tensor(_solved(rows, values), dtype=torch.float64).to(torch.float32).tolist()


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image warped so that the four startpoints (x, y) come to lie on the endpoints."""
    coefficients = _perspective_numbers(startpoints, endpoints)
    interpolation = _mode(interpolation)
    _, height, width = get_dimensions(img)
    if _is_pil(img):
        from PIL import Image
        return img.transform(img.size, Image.PERSPECTIVE, coefficients, _PIL_CODES[interpolation],
                             fillcolor=_pil_fill(img, fill))
    mode = _tensor_mode(interpolation, ("nearest", "bilinear"))
    base = torch.empty(1, height, width, 3)
    base[..., 0].copy_(torch.linspace(0.5, width - 0.5, width))
    base[..., 1].copy_(torch.linspace(0.5, height - 0.5, height).unsqueeze(-1))
    base[..., 2].fill_(1)
    base = base.view(1, -1, 3)
    c = coefficients
    above = torch.tensor([[c[:3], c[3:6]]]).transpose(1, 2) / torch.tensor([0.5 * width, 0.5 * height])
    below = torch.tensor([[[c[6], c[7], 1.0], [c[6], c[7], 1.0]]]).transpose(1, 2)
    grid = (base.bmm(above) / base.bmm(below) - 1.0).view(1, height, width, 2)
    return _sampled(img, grid, mode, fill)


# ---- blur ----

def _bell(size, sigma, dtype):
    half = (size - 1) * 0.5
    x = torch.linspace(-half, half, size, dtype=dtype)
    weights = (-0.5 * (x / sigma).pow(2)).exp()
    return weights / weights.sum()


def gaussian_blur(img, kernel_size, sigma=None):
    """The image averaged with Gaussian weights; sizes and sigmas: one number, or (x, y)."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    for k in sizes:
        if k % 2 == 0 or k < 0:
            raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigmas = [k * 0.15 + 0.35 for k in sizes]
    elif not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    else:
        sigmas = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else list(sigma)
        sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    for s in sigmas:
        if s <= 0.0:
            raise ValueError(f"sigma should have positive values. Got {sigmas}")
    if _is_pil(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)
    if not isinstance(img, torch.Tensor):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    x, back = as_float_batch(img)
    across, down = _bell(sizes[0], sigmas[0], x.dtype), _bell(sizes[1], sigmas[1], x.dtype)
    kernel = torch.mm(down[:, None], across[None, :]).expand(x.size(-3), 1, sizes[1], sizes[0])
    x = NF.pad(x, [sizes[0] // 2, sizes[0] // 2, sizes[1] // 2, sizes[1] // 2], mode="reflect")
    return back(NF.conv2d(x, kernel, groups=x.size(-3)))
