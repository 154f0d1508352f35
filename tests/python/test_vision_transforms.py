"""Transforms and image helpers against torchvision's values, draws, prints and messages."""
import os
import subprocess
import sys

import pytest

import ctorch as torch
from ctorch.vision import transforms as T
from ctorch.vision.transforms import functional as F
from ctorch.vision.utils import make_grid, save_image

try:
    import torch as real
    import torchvision
    import torchvision.transforms as RT
    import torchvision.transforms.functional as RF
except ImportError:
    real = None

needs_real = pytest.mark.skipif(real is None, reason="needs PyTorch and torchvision")


def bytes_of(n, seed=0):
    out, x = bytearray(), seed * 7919 + 12345
    for _ in range(n):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(x >> 16 & 255)
    return bytes(out)


def picture(mode="RGB", size=(32, 24), seed=0):
    Image = pytest.importorskip("PIL.Image")
    return Image.frombytes(mode, size, bytes_of(size[0] * size[1] * len(mode.replace("RGB", "abc")), seed))


def planes(t, shape=(3, 8, 10), seed=0):
    n = 1
    for s in shape:
        n *= s
    return t.tensor(list(bytes_of(n, seed)), dtype=t.uint8).view(*shape)


def same(ours, theirs, exact=True):
    if isinstance(ours, (tuple, list)):
        return all(same(a, b, exact) for a, b in zip(ours, theirs)) and len(ours) == len(theirs)
    if hasattr(ours, "tobytes") and hasattr(ours, "mode"):
        return ours.mode == theirs.mode and ours.size == theirs.size and ours.tobytes() == theirs.tobytes()
    if str(ours.dtype) != str(theirs.dtype) or tuple(ours.shape) != tuple(theirs.shape):
        return False
    a, b = ours.tolist(), theirs.tolist()
    return a == b if exact else real.allclose(real.tensor(a).double(), real.tensor(b).double(), atol=1e-5 * (1 + 254 * (
        theirs.dtype == real.uint8)) * (400 if theirs.dtype == real.uint8 else 1))


BUILD = [
    "T.ToTensor()", "T.PILToTensor()", "T.CenterCrop(10)", "T.CenterCrop((40, 20))", "T.RandomCrop(16)",
    "T.RandomCrop((24, 32))", "T.RandomCrop(20, padding=4)", "T.RandomCrop(20, padding=(1, 2, 3, 4), fill=7)",
    "T.RandomCrop(40, pad_if_needed=True)", "T.RandomCrop(20, padding=4, padding_mode='reflect')",
    "T.RandomHorizontalFlip()", "T.RandomVerticalFlip(0.3)", "T.Pad(3)", "T.Pad((1, 2))", "T.Pad(2, padding_mode='edge')",
    "T.Pad(2, padding_mode='reflect')", "T.Pad(2, padding_mode='symmetric')", "T.Resize(12)", "T.Resize((40, 10))",
    "T.Resize(12, max_size=14)", "T.Resize(30, interpolation=T.InterpolationMode.BICUBIC)",
    "T.Resize(10, interpolation=T.InterpolationMode.NEAREST)", "T.Grayscale()", "T.Grayscale(3)", "T.RandomGrayscale(0.5)",
    "T.RandomResizedCrop(12)", "T.ColorJitter(0.4, 0.4, 0.4, 0.1)", "T.RandomRotation(30)", "T.FiveCrop(8)",
    "T.RandomRotation((10, 50), T.InterpolationMode.BILINEAR, expand=True, fill=5)", "T.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 10)",
    "T.RandomAffine(15, shear=(1, 9, 3, 7), interpolation=T.InterpolationMode.BILINEAR, fill=3, center=(5, 6))",
    "T.RandomPerspective(0.5, 0.9)", "T.RandomPerspective(0.6, 1.0, fill=1)", "T.GaussianBlur(3)", "T.GaussianBlur((5, 3), 0.7)",
    "T.TenCrop((8, 6))", "T.RandomApply([T.Pad(1)], p=0.5)",
    "T.Compose([T.RandomCrop(20), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))])",
    "T.Compose([T.ToTensor(), T.RandomErasing(0.9)])", "T.Compose([T.ToTensor(), T.ToPILImage()])",
    "T.Compose([T.ToTensor(), T.ConvertImageDtype(torch.uint8)])"]


@needs_real
@pytest.mark.parametrize("text", BUILD)
def test_on_pictures_as_torchvision(text):
    ours, theirs = eval(text, {"T": T, "torch": torch}), eval(text, {"T": RT, "torch": real})
    assert repr(ours) == repr(theirs)
    images = [picture(seed=seed) for seed in range(6)]
    torch.manual_seed(3)
    a, end = [ours(image) for image in images], torch.rand(1).item()
    real.manual_seed(3)
    b = [theirs(image) for image in images]
    assert end == real.rand(1).item()
    assert [same(x, y) for x, y in zip(a, b)] == [True] * 6


TENSOR = [t for t in BUILD if "ToTensor" not in t and "PILTo" not in t and "fill=7" not in t]
ROUNDED = ("Resize", "Rotation", "Affine", "Perspective", "Blur", "Jitter")


@needs_real
@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("text", TENSOR)
def test_on_tensors_as_torchvision(text, kind):
    ours, theirs = eval(text, {"T": T, "torch": torch}), eval(text, {"T": RT, "torch": real})
    def run(t, transform):
        t.manual_seed(3)
        out = []
        for seed in range(3):
            x = planes(t, (3, 24, 32), seed)
            out.append(transform(x.to(t.float32).div(255) if kind == "float32" else x))
        return out
    for a, b in zip(run(torch, ours), run(real, theirs)):
        assert same(a, b, not any(word in text for word in ROUNDED)), text


@needs_real
@pytest.mark.parametrize("mode", ["L", "RGB", "1", "F", "I", "RGBA", "LA"])
def test_modes(mode):
    image = picture("RGB").convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    assert same(F.to_tensor(image), RF.to_tensor(image))
    assert same(F.pil_to_tensor(image), RF.pil_to_tensor(image))


def test_normalize_and_draw_goldens():
    x = T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1))
    assert x.view(-1).tolist() == [-1.0, -0.5, 1.0]
    torch.manual_seed(0)  # rand: 0.4963 0.7682 0.0885 0.1320
    flip = T.RandomHorizontalFlip()
    x = torch.arange(3).view(1, 1, 3)
    assert [flip(x).view(-1).tolist() for _ in range(4)] == [[2, 1, 0], [0, 1, 2], [2, 1, 0], [2, 1, 0]]
    torch.manual_seed(0)  # randint words 2357136044 2546248239
    top, left, h, w = T.RandomCrop.get_params(torch.zeros(1, 40, 40), (32, 32))
    assert (top, left, h, w) == (2357136044 % 9, 2546248239 % 9, 32, 32)


ERRORS = [
    ("F.to_tensor('x')", TypeError, "pic should be PIL Image or ndarray. Got <class 'str'>"),
    ("F.pil_to_tensor('x')", TypeError, "pic should be PIL Image. Got <class 'str'>"),
    ("F.normalize('x', [0.], [1.])", TypeError, "img should be Tensor Image. Got <class 'str'>"),
    ("F.normalize(torch.zeros(3, 2, 2, dtype=torch.uint8), [0.], [1.])", TypeError,
     "Input tensor should be a float tensor. Got torch.uint8."),
    ("F.normalize(torch.zeros(2, 2), [0.], [1.])", ValueError,
     "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = torch.Size([2, 2])"),
    ("F.normalize(torch.zeros(3, 2, 2), [0.], [0.])", ValueError,
     "std evaluated to zero after conversion to torch.float32, leading to division by zero."),
    ("T.RandomCrop(9)(torch.zeros(1, 8, 8))", ValueError, "Required crop size (9, 9) is larger than input image size (8, 8)"),
    ("T.Pad('x')", TypeError, "Got inappropriate padding arg"),
    ("T.Pad((1, 2, 3))", ValueError, "Padding must be an int or a 1, 2, or 4 element tuple, not a 3 element tuple"),
    ("T.Resize('x' and 1.5)", TypeError, "Size should be int or sequence. Got <class 'float'>"),
    ("T.Resize([1, 2, 3])", ValueError, "If size is a sequence, it should have 1 or 2 values"),
    ("T.Lambda(3)", TypeError, "Argument lambd should be callable, got 'int'"),
    ("T.ToPILImage()(torch.zeros(2))", ValueError, "pic should be 2/3 dimensional. Got 1 dimensions."),
    ("T.ToPILImage()(torch.zeros(5, 2, 2))", ValueError, "pic should not have > 4 channels. Got 5 channels."),
    ("T.RandomCrop((1, 2, 3))", ValueError, "Please provide only two dimensions (h, w) for size."),
]


@pytest.mark.parametrize("text, kind, message", ERRORS)
def test_errors(text, kind, message):
    if "PIL" in text:
        pytest.importorskip("PIL")
    with pytest.raises(kind) as ours:
        eval(text, {"T": T, "F": F, "torch": torch})
    assert str(ours.value) == message
    if real is not None:
        with pytest.raises(kind) as theirs:
            eval(text, {"T": RT, "F": RF, "torch": real})
        assert str(theirs.value) == message


@needs_real
def test_make_grid_as_torchvision():
    for shape in ((5, 3, 4, 6), (1, 3, 4, 4), (9, 1, 3, 3), (3, 4, 4), (1, 4, 4), (4, 4)):
        for kwargs in (dict(), dict(nrow=2, padding=1, pad_value=0.5), dict(normalize=True),
                       dict(normalize=True, scale_each=True), dict(normalize=True, value_range=(-1, 2))):
            a, b = (planes(t, shape).to(t.float32) / 64 - 1 for t in (torch, real))
            assert same(make_grid(a, **kwargs), torchvision.utils.make_grid(b, **kwargs), exact=False)
    a = [planes(torch, (3, 2, 2)).to(torch.float32)] * 3
    assert make_grid(a, nrow=2).shape == (3, 10, 10)


def test_make_grid_golden():
    grid = make_grid(torch.ones(3, 1, 2, 2), nrow=2, padding=1)
    assert grid.shape == (3, 7, 7) and grid.sum().item() == 3 * 12
    assert grid[0, 1].tolist() == [0, 1, 1, 0, 1, 1, 0]
    with pytest.raises(TypeError, match="tensor or list of tensors expected, got <class 'int'>"):
        make_grid(3)


def test_save_image(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    x = planes(torch, (3, 5, 7)).to(torch.float32).div(255)
    save_image(x, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (7, 5)
    assert torch.equal(F.pil_to_tensor(Image.open(tmp_path / "a.png")), planes(torch, (3, 5, 7)))


def test_own_png(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    from ctorch.vision.utils import _png
    data = bytes_of(5 * 4 * 3)
    (tmp_path / "b.png").write_bytes(_png(5, 4, data))
    assert Image.open(tmp_path / "b.png").convert("RGB").tobytes() == data


def test_raw_steps_equal_pictures():
    """Bytes straight to tensors give what the way through Pillow gives, with the same draws."""
    pytest.importorskip("PIL")
    from ctorch.vision.transforms.transforms import apply_raw, raw_steps
    transform = T.Compose([T.Pad(2), T.RandomCrop(20, padding=4), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
                           T.CenterCrop(18), T.ToTensor(), T.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))])
    plan = raw_steps(transform)
    for seed in range(5):
        image = picture(size=(32, 32), seed=seed)
        torch.manual_seed(seed)
        a = transform(image)
        torch.manual_seed(seed)
        assert torch.equal(a, apply_raw(plan, F.pil_to_tensor(image)))
    assert raw_steps(T.Compose([T.Resize(3), T.ToTensor()])) is None and raw_steps(T.Pad(1)) is None


def test_imports_stay_light():
    code = ("import sys; before = set(sys.modules); import ctorch.vision, ctorch.utils.data; "
            "new = set(sys.modules) - before; print(sorted(m for m in new if m.split('.')[0] in "
            "('PIL', 'numpy', 'urllib', 'multiprocessing', 'matplotlib')))")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    if "torch" in getattr(torch, "_t", sys).__name__:
        pytest.skip("ctorch is a stand-in here")
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == "[]"


def close(t, values):
    return all(abs(a - b) < 1e-5 for a, b in zip(t.flatten().tolist(), values))


def test_warps_recorded():
    """Values of torchvision 0.28 on a small image."""
    x = torch.arange(12.).view(1, 3, 4) / 12
    assert close(F.rotate(x, 30, T.InterpolationMode.BILINEAR, fill=[1.0]), ROTATED)
    assert F.rotate(x, 45, expand=True).shape == (1, 5, 6)
    assert close(F.affine(x, 10, [1, 0], 1.2, [5.0, 2.0], T.InterpolationMode.BILINEAR), MOVED)
    assert close(F.perspective(x, [[0, 0], [3, 0], [3, 2], [0, 2]], [[0, 0], [3, 1], [2, 2], [0, 2]]), TILTED)
    assert close(F.gaussian_blur(x, 3, 0.8), BLURRED)
    assert close(F.adjust_hue(torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1), 0.25), HUE)
    with pytest.raises(ValueError, match="Resampling mode 'bicubic' is unsupported with Tensor input"):
        F.rotate(x, 10, T.InterpolationMode.BICUBIC)
    with pytest.raises(ValueError, match="odd and positive"):
        F.gaussian_blur(x, 4)
    with pytest.raises(TypeError, match="img should be PIL Image. Got <class 'str'>"):
        F.hflip("x")

ROTATED = [0.624638, 0.218064, 0.330743, 0.566655, 0.10008, 0.338916, 0.577751, 0.816586, 0.481824, 0.585924, 0.73028,
           0.742563]
MOVED = [0.039745, 0.121721, 0.150582, 0.179442, 0.20371, 0.415042, 0.443903, 0.472764, 0.407092, 0.708364, 0.737224,
         0.766085]
TILTED = [0.0, 0.020833, 0.028646, 0.0, 0.19898, 0.25, 0.308333, 0.0, 0.0, 0.0, 0.0, 0.0]
BLURRED = [0.199162, 0.242663, 0.325996, 0.369497, 0.373166, 0.416667, 0.5, 0.543501, 0.54717, 0.590671, 0.674004,
           0.717505]
HUE = [0.9, 0.2, 0.850001]
