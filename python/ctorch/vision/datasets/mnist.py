"""MNIST and its relatives: idx files, (N, 28, 28) bytes and N labels."""
from __future__ import annotations

import os
import struct
import warnings

import ctorch as torch

from .utils import check_integrity, download_url, extract_archive
from .vision import VisionDataset, _Plan, bytes_tensor, raw_item

__all__ = ["MNIST", "FashionMNIST", "KMNIST"]


def read_idx(path):
    """An idx file of bytes -> a uint8 tensor of its shape. RuntimeError where the file is none or has another length."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:3] != b"\0\0\x08" or not 1 <= data[3] <= 4:
        raise RuntimeError(f"{path} is not an idx file of bytes")
    dims = data[3]
    if len(data) < 4 + 4 * dims:
        raise RuntimeError(f"{path} is cut off in its header")
    shape = struct.unpack(f">{dims}I", data[4:4 + 4 * dims])
    count = 1
    for size in shape:
        count *= size
    if len(data) - 4 - 4 * dims != count:
        raise RuntimeError(f"{path} should hold {count} bytes of shape {shape}, but has {len(data) - 4 - 4 * dims}")
    return bytes_tensor(bytearray(data)[4 + 4 * dims:], shape)


def read_image_file(path):
    x = read_idx(path)
    if x.dim() != 3:
        raise RuntimeError(f"{path} should hold images (N, H, W), but has {x.dim()} dimensions")
    return x


def read_label_file(path):
    x = read_idx(path)
    if x.dim() != 1:
        raise RuntimeError(f"{path} should hold one label per image, but has {x.dim()} dimensions")
    return x.to(torch.int64)


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 to train on, 10,000 to test with. root holds MNIST/raw with the idx files.

    data is a uint8 tensor (N, 28, 28), targets an int64 tensor; a sample is (Pillow image of mode L or what transform
    makes of it, int). RuntimeError where files are missing or are no idx files.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                 ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
                 ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
                 ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c")]
    training_file, test_file = "training.pt", "test.pt"
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
               "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(os.fspath(root), transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        prefix = "train" if train else "t10k"
        self.data = read_image_file(os.path.join(self.raw_folder, f"{prefix}-images-idx3-ubyte"))
        self.targets = read_label_file(os.path.join(self.raw_folder, f"{prefix}-labels-idx1-ubyte"))
        if len(self.data) != len(self.targets):
            raise RuntimeError(f"{self.raw_folder} has {len(self.data)} images and {len(self.targets)} labels")
        self._plan = _Plan()

    def _old_name(self, name, value):
        warnings.warn(f"{name} has been renamed {value}", stacklevel=3)
        return getattr(self, value)

    train_labels = property(lambda self: self._old_name("train_labels", "targets"))
    test_labels = property(lambda self: self._old_name("test_labels", "targets"))
    train_data = property(lambda self: self._old_name("train_data", "data"))
    test_data = property(lambda self: self._old_name("test_data", "data"))

    def __getitem__(self, index):
        target = int(self.targets[index])
        image = self.data[index]
        image = raw_item(image.unsqueeze(0), self.transform, self._plan)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self):
        return len(self.data)

    @property
    def raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, os.path.splitext(name)[0])) for name, _ in self.resources)

    def download(self):
        """Fetches what is missing from the mirrors, verified against the published MD5 sums."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for name, md5 in self.resources:
            errors = []
            for mirror in self.mirrors:
                try:
                    download_url(mirror + name, self.raw_folder, name, md5)
                    break
                except RuntimeError as error:
                    errors.append(str(error))
            else:
                raise RuntimeError(f"Error downloading {name}:\n" + "\n".join(errors))
            extract_archive(os.path.join(self.raw_folder, name), self.raw_folder)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                 ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
                 ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
                 ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310")]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """Kuzushiji characters in MNIST's format."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
                 ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
                 ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
                 ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134")]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
