"""Writes tests/golden/images: image files in a class folder each, and expected.txt, what Pillow, torchvision and PyTorch make
of them. Needs all three: python tests/golden/images.py

expected.txt, a line each (hash: FNV-1a over the bytes of the tensor, as it lies in memory):
    decode FILE MODE channels height width hash
    resize FILE FILTER height width longest channels height width hash    of the RGB image; width 0: by the shorter side
    sample CLASS FILE                                                     torchvision's ImageFolder, in its order
    loader WORKERS hash                                                   two epochs of batches of three, seed 0
"""
import io
import pathlib
import shutil
import sys

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import pil_to_tensor

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "images"
sys.path.insert(0, str(HERE.parent / "python"))
from image_files import jpeg, photo, random_png  # noqa: E402

MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}
FILTERS = {"bilinear": 2, "nearest": 0, "bicubic": 3, "box": 4, "hamming": 5, "lanczos": 1}


def fnv(tensors):
    number = 14695981039346656037
    for tensor in tensors:
        for byte in tensor.contiguous().numpy().tobytes():
            number = (number ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{number:016x}"


def files():
    orientation = Image.Exif()
    orientation[0x0112] = 6
    yield "jpeg/color.jpg", jpeg(photo("RGB", (37, 29)), subsampling=0)
    yield "jpeg/progressive.JPEG", jpeg(photo("RGB", (20, 33)), subsampling=0, progressive=True)
    yield "jpeg/gray.jpg", jpeg(photo("L", (31, 17)))
    yield "jpeg/cmyk.jpg", jpeg(photo("CMYK", (19, 23)))
    yield "jpeg/turned.jpg", jpeg(photo("RGB", (24, 16)), subsampling=0, exif=orientation)
    yield "png/a/gray1.png", random_png(1, 0, False, 29, 13)
    yield "png/a/gray16.png", random_png(16, 0, True, 13, 22)
    yield "png/a/c/palette4.png", random_png(4, 3, True, 25, 12, transparency=True)
    yield "png/a-b/palette8.png", random_png(8, 3, False, 18, 21)
    yield "png/a-b/alpha16.png", random_png(16, 4, False, 11, 12)
    yield "png/rgb8.PNG", random_png(8, 2, True, 21, 30, transparency=True)
    yield "png/rgb16.png", random_png(16, 2, False, 14, 15)
    yield "png/rgba8.png", random_png(8, 6, False, 16, 27)
    yield "png/gray_alpha8.png", random_png(8, 4, True, 12, 12)
    yield "png/readme.txt", b"no image\n"
    yield "subsampled.jpg", jpeg(photo("RGB", (45, 38)), quality=60)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    lines = []
    for name, data in files():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name.endswith(".txt"):
            continue
        for mode, pillow in MODES.items():
            image = Image.open(io.BytesIO(data))
            if image.format == "JPEG" and "ALPHA" in mode or image.mode == "I;16" and "ALPHA" in mode:
                continue
            if image.mode == "RGB" and "transparency" in image.info and pillow == "LA":
                continue  # Pillow gives the transparent pixels their red, here they keep their gray
            if image.format == "JPEG" and mode == "GRAY":
                image.draft("L", image.size)
            tensor = pil_to_tensor(image.convert(pillow))
            lines.append(f"decode {name} {mode} {' '.join(map(str, tensor.shape))} {fnv([tensor])}")
        if name in ("jpeg/color.jpg", "png/rgb8.PNG", "jpeg/gray.jpg"):
            image = Image.open(io.BytesIO(data)).convert("RGB")
            for height, width in ((7, 50), (40, 9), (image.height, 12), (60, image.width)):
                for filter, code in FILTERS.items():
                    tensor = pil_to_tensor(image.resize((width, height), code))
                    lines.append(f"resize {name} {filter} {height} {width} 0 {' '.join(map(str, tensor.shape))} {fnv([tensor])}")
            for size, longest in ((8, None), (33, None), (16, 18)):
                tensor = pil_to_tensor(T.Resize(size, max_size=longest)(image))
                lines.append(f"resize {name} bilinear {size} 0 {longest or 0} {' '.join(map(str, tensor.shape))} {fnv([tensor])}")
    dataset = ImageFolder(FOLDER)
    for path, target in dataset.samples:
        lines.append(f"sample {dataset.classes[target]} {pathlib.Path(path).relative_to(FOLDER)}")
    transform = T.Compose([T.Resize(24), T.RandomCrop(20, padding=2), T.RandomHorizontalFlip(), T.ToTensor(),
                           T.Normalize((0.5, 0.4, 0.3), (0.5, 0.25, 0.2))])
    for workers in (0, 2):
        torch.manual_seed(0)
        loader = DataLoader(ImageFolder(FOLDER, transform), batch_size=3, shuffle=True, num_workers=workers)
        lines.append(f"loader {workers} {fnv(field for _ in range(2) for batch in loader for field in batch)}")
    (FOLDER / "expected.txt").write_text("\n".join(lines) + "\n")
    print(len(lines), "lines")


if __name__ == "__main__":
    main()
