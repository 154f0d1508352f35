"""ctorch.vision.io: images equal Pillow's for every kind of PNG and JPEG, damaged files are errors, files are written."""
import io
import os
import random
import struct
import subprocess
import sys
import zlib

import pytest

import ctorch as torch
from ctorch.vision import io as vio
from ctorch.vision.io import ImageReadMode, decode_image, decode_jpeg, decode_png, encode_jpeg, encode_png, read_image
from ctorch.vision.transforms.functional import pil_to_tensor
from image_files import CHANNELS, KINDS, chunk, jpeg, photo, png, random_png

try:
    from PIL import Image, ImageOps, features
except ImportError:
    Image = None

needs_pillow = pytest.mark.skipif(Image is None, reason="needs Pillow")
reads_jpeg, reads_png = torch._C._image_reads()
needs_png = pytest.mark.skipif(not reads_png and Image is None, reason="neither libpng nor Pillow")
needs_turbo = pytest.mark.skipif(Image is None or not features.check_feature("libjpeg_turbo"),
                                 reason="needs Pillow with libjpeg-turbo")


def tensor(data):
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def pillow(data, mode):
    return pil_to_tensor(Image.open(io.BytesIO(data)).convert(mode))


@needs_pillow
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth, color", KINDS)
def test_png_as_pillow(depth, color, interlaced):
    for size in ((13, 11), (1, 1), (1, 9), (9, 1), (64, 3)):
        data = random_png(depth, color, interlaced, *size, seed=sum(size))
        assert torch.equal(decode_image(tensor(data), "RGB"), pillow(data, "RGB"))
        assert torch.equal(decode_png(tensor(data), ImageReadMode.GRAY), pillow(data, "L"))
        if not (color == 0 and depth == 16):
            assert torch.equal(decode_png(tensor(data), "RGBA"), pillow(data, "RGBA"))
            assert torch.equal(decode_png(tensor(data), "GRAY_ALPHA"), pillow(data, "LA"))


@needs_pillow
@pytest.mark.parametrize("depth, color", [(8, 0), (8, 2), (1, 3), (4, 3), (8, 3)])
def test_transparency_as_pillow(depth, color):
    data = random_png(depth, color, transparency=True)
    assert torch.equal(decode_png(tensor(data), "RGB_ALPHA"), pillow(data, "RGBA"))
    assert torch.equal(decode_png(tensor(data), "RGB"), pillow(data, "RGB"))
    assert 0 <= decode_png(tensor(data), "RGB_ALPHA")[3].min().item() < 255


@needs_png
def test_unchanged_keeps_channels():
    for depth, color in KINDS:
        image = decode_png(tensor(random_png(depth, color)))
        assert image.dtype == torch.uint8 and image.shape == (CHANNELS[color], 11, 13)
    samples = [[[0x1234], [0xff00], [0x00ff]]]
    data = tensor(png(3, 1, 16, 0, samples))
    assert decode_png(data).view(-1).tolist() == [0x12, 0xff, 0]
    assert decode_png(data, "GRAY").view(-1).tolist() == [255, 255, 255]
    assert decode_png(tensor(png(3, 1, 16, 0, [[[7], [255], [256]]])), "GRAY").view(-1).tolist() == [7, 255, 255]
    palette = chunk(b"PLTE", bytes(range(30)))
    data = tensor(png(3, 1, 4, 3, [[[1], [9], [14]]], extra=palette))
    assert decode_png(data).view(-1).tolist() == [1, 9, 14]
    assert decode_png(data, "RGB").permute(1, 2, 0).tolist() == [[[3, 4, 5], [27, 28, 29], [0, 0, 0]]]
    assert decode_png(tensor(png(3, 1, 1, 0, [[[1], [0], [1]]]))).view(-1).tolist() == [255, 0, 255]


@needs_turbo
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode, subsampling", [("RGB", 0), ("RGB", 1), ("RGB", 2), ("L", -1), ("CMYK", -1)])
def test_jpeg_as_pillow(mode, subsampling, progressive):
    for size in ((67, 41), (1, 1), (16, 16), (17, 5)):
        data = jpeg(photo(mode, size), subsampling=subsampling, progressive=progressive, quality=90)
        assert torch.equal(decode_jpeg(tensor(data), "RGB"), pillow(data, "RGB"))
        unchanged = decode_image(tensor(data))
        assert torch.equal(unchanged, pil_to_tensor(Image.open(io.BytesIO(data))))
        assert unchanged.size(0) == {"L": 1, "RGB": 3, "CMYK": 4}[mode]
        drafted = Image.open(io.BytesIO(data))
        drafted.draft("L", drafted.size)  # the luminance as it is stored
        assert torch.equal(decode_jpeg(tensor(data), "GRAY"), pil_to_tensor(drafted.convert("L")))
    with pytest.raises(RuntimeError, match="The provided mode is not supported for JPEG files"):
        decode_jpeg(tensor(data), "RGBA")


@needs_pillow
def test_list_of_jpegs():
    data = [tensor(jpeg(photo(size=(9 + i, 8)))) for i in range(3)]
    assert [image.shape for image in decode_jpeg(data, "RGB")] == [(3, 8, 9), (3, 8, 10), (3, 8, 11)]
    with pytest.raises(ValueError, match="Input list must contain at least one element"):
        decode_jpeg([])


@needs_pillow
def test_orientation():
    for how in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = how
        for data in (jpeg(photo(), exif=exif), None):
            if data is None:
                out = io.BytesIO()
                photo().save(out, "PNG", exif=exif)
                data = out.getvalue()
            plain = Image.open(io.BytesIO(data))
            assert torch.equal(decode_image(tensor(data)), pil_to_tensor(plain)) or not reads_jpeg
            turned = ImageOps.exif_transpose(plain)
            assert torch.equal(decode_image(tensor(data), apply_exif_orientation=True), pil_to_tensor(turned)), how


@needs_png
def test_files(tmp_path):
    r = random.Random(1)
    for channels in (1, 3):
        image = tensor(bytes(r.randrange(256) for _ in range(channels * 5 * 7))).view(channels, 5, 7)
        vio.write_png(image, tmp_path / "a.png")
        assert torch.equal(read_image(tmp_path / "a.png"), image)
        assert torch.equal(read_image(str(tmp_path / "a.png"), ImageReadMode.RGB), image.expand(3, 5, 7))
        for level in (0, 9):
            assert torch.equal(decode_image(encode_png(image, level)), image)
    vio.write_file(tmp_path / "b", torch.arange(5, dtype=torch.uint8))
    assert vio.read_file(tmp_path / "b").tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(decode_image(tmp_path / "a.png"), image)


@needs_pillow
def test_jpeg_files(tmp_path):
    image = pil_to_tensor(photo())
    vio.write_jpeg(image, tmp_path / "a.jpg", quality=95)
    again = read_image(tmp_path / "a.jpg")
    assert again.shape == image.shape and (again.to(torch.float32) - image.to(torch.float32)).abs().mean().item() < 12
    assert len(encode_jpeg([image, image[:1]], quality=30)) == 2 and encode_jpeg(image[:1]).dtype == torch.uint8


ERRORS = [
    ("read_image('/nowhere/a.png')", RuntimeError, r"\[Errno 2\] No such file or directory: '/nowhere/a.png'"),
    ("decode_image(torch.zeros(0, dtype=torch.uint8))", RuntimeError,
     "Input tensor must be 1-dimensional and non-empty, got 1 dims  and 0 numels."),
    ("decode_png(torch.zeros(3))", RuntimeError, "Input tensor must have uint8 data type, got torch.float32"),
    ("decode_image(torch.zeros(20, dtype=torch.uint8)[::2])", RuntimeError, "Input tensor must be contiguous."),
    ("decode_image(tensor(b'GIF89a and more'))", RuntimeError, "Unsupported image file. Only jpeg and png are currently supported"),
    ("decode_png(tensor(b'nothing'))", RuntimeError, "Content is not png!"),
    ("decode_image(tensor(b'x' * 9), mode='BLUE')", KeyError, "BLUE"),
    ("encode_png(torch.zeros(2, 3, 3, dtype=torch.uint8))", RuntimeError, "The number of channels should be 1 or 3, got: 2"),
    ("encode_png(torch.zeros(3, 3, dtype=torch.uint8))", RuntimeError, "Input data should be a 3-dimensional tensor"),
    ("encode_png(torch.zeros(3, 3, 3))", RuntimeError, "Input tensor dtype should be uint8"),
    ("encode_png(torch.zeros(3, 3, 3, dtype=torch.uint8), 10)", RuntimeError, "Compression level should be between 0 and 9"),
    ("encode_jpeg(torch.zeros(3, 3, 3, dtype=torch.uint8), 0)", ValueError,
     "Image quality should be a positive number between 1 and 100"),
]


@pytest.mark.parametrize("text, kind, message", ERRORS)
def test_errors(text, kind, message):
    with pytest.raises(kind, match=message):
        eval(text, globals())


@needs_png
def test_cut_off_and_changed_files():
    """A damaged file gives an image of the right kind or a RuntimeError."""
    r = random.Random(3)
    files = [random_png(8, 2), random_png(4, 3, True, transparency=True), random_png(16, 6, True)]
    if Image is not None:
        files += [jpeg(photo(), progressive=True), jpeg(photo("CMYK", (20, 9)))]
    for data in files:
        whole = decode_image(tensor(data), "RGB")
        for cut in range(1, len(data), max(1, len(data) // 150)):
            try:
                assert torch.equal(decode_image(tensor(data[:cut]), "RGB"), whole) and cut > len(data) - 24
            except RuntimeError as e:
                assert str(e)
        for _ in range(300):
            bad = bytearray(data)
            for _ in range(r.randint(1, 4)):
                bad[r.randrange(len(bad))] = r.randrange(256)
            try:
                image = decode_image(tensor(bad), "RGB")
                assert image.dtype == torch.uint8 and image.size(0) == 3
            except RuntimeError as e:
                assert str(e)


@pytest.mark.skipif(not reads_png, reason="needs libpng")
def test_bombs():
    huge = png(1, 1, 8, 0, [[[0]]]).replace(struct.pack(">II", 1, 1), struct.pack(">II", 90000, 90000), 1)
    at = huge.index(b"IHDR")
    huge = huge[:at + 17] + struct.pack(">I", zlib.crc32(huge[at:at + 17])) + huge[at + 21:]
    with pytest.raises(RuntimeError, match=r"image size \(8100000000 pixels\) exceeds limit of 178956970 pixels"):
        decode_image(tensor(huge))


def test_under_torchvisions_name(tmp_path):
    code = ("import torch, torchvision\nfrom torchvision.io import read_image, ImageReadMode\n"
            "import torchvision.io.image\n"
            "torchvision.io.write_png(torch.zeros(3, 2, 2, dtype=torch.uint8), 'a.png')\n"
            "print(torchvision.io.read_file('a.png')[1:4].tolist(), ImageReadMode.RGBA)")
    done = subprocess.run([sys.executable, "-m", "ctorch", "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": torch.__path__[0] + "/.."})
    assert done.stdout == "[80, 78, 71] ImageReadMode.RGB_ALPHA\n", done.stderr


# ---- resizing: the core's arithmetic is Pillow's ----

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def resized(image, height, width, name, longest=0):
    core = torch._C
    dataset = core._data_images(image.unsqueeze(0), torch.zeros(1, dtype=torch.int64), [("resize", height, width, longest, name)])
    return core._data_fetch(dataset, [0], None)[0][0]


@needs_pillow
@pytest.mark.parametrize("name", FILTERS)
def test_resize_is_pillows(name):
    r = random.Random(name)
    new_order = int(Image.__version__.split(".")[0]) >= 13  # which pass comes first where the height shrinks by more
    for trial in range(150):
        height, width, new_height, new_width = (r.randint(1, 60) for _ in range(4))
        if trial % 10 == 0:
            new_width = width
        if trial % 10 == 1:
            new_height = height
        if not new_order and new_height < height and 2 * (width - new_width) < height - new_height:
            continue
        mode = r.choice(["L", "LA", "RGB", "RGBA"])
        image = Image.frombytes(mode, (width, height), r.randbytes(width * height * len(mode)))
        expected = pil_to_tensor(image.resize((new_width, new_height), FILTERS[name]))
        sizes = (mode, height, width, new_height, new_width)
        assert torch.equal(resized(pil_to_tensor(image), new_height, new_width, name), expected), sizes


@needs_pillow
def test_resize_by_the_shorter_side():
    from ctorch.vision import transforms as T
    for size, shape, longest in ((20, (31, 50), None), (20, (50, 31), None), (20, (31, 50), 25), (40, (31, 50), 41),
                                 (31, (31, 50), None), (7, (64, 64), 8), (13, (29, 90), 60)):
        image = photo("RGB", shape[::-1])
        expected = pil_to_tensor(T.Resize(size, max_size=longest)(image))
        assert torch.equal(resized(pil_to_tensor(image), size, 0, "bilinear", longest or 0), expected)
    for args, message in (((20, 0, "bilinear", 20), "max_size = 20 must be strictly greater than the requested size"),
                          ((20, 20, "bilinear", 30), "max_size should only be passed if size specifies the length of the smaller"),
                          ((0, 0, "bilinear"), "the size of a resize must be positive"), ((5, 5, "other"), "there is no interpolation")):
        with pytest.raises(ValueError, match=message):
            resized(torch.zeros(3, 9, 9, dtype=torch.uint8), *args)
