"""CIFAR-10 and CIFAR-100 from the published Python batches. The batches are read without NumPy, by an unpickler that
knows the few names such a file holds and refuses every other."""
from __future__ import annotations

import io
import os
import pickle
import sys

import ctorch as torch

from .utils import calculate_md5, check_integrity, download_url, extract_archive
from .vision import VisionDataset, _Plan, bytes_tensor, raw_item

__all__ = ["CIFAR10", "CIFAR100", "CHECKSUMS"]

CHECKSUMS = "checksums.md5"  # beside batches that did not come from the published archive


class _Dtype:
    def __init__(self, *args):
        self.name = args[0] if args else None
        if self.name not in (b"u1", "u1", b"uint8", "uint8"):
            raise pickle.UnpicklingError(f"an array of type {self.name!r}, not of bytes")

    def __setstate__(self, state):
        pass


class _Array:
    data, shape = b"", (0,)

    def __setstate__(self, state):
        if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[1], tuple) and
                isinstance(state[2], _Dtype) and isinstance(state[4], (bytes, bytearray))):
            raise pickle.UnpicklingError("not an array as NumPy writes it")
        _, self.shape, _, fortran, self.data = state
        count = 1
        for size in self.shape:
            if not isinstance(size, int) or size < 0:
                raise pickle.UnpicklingError("an array with a bad shape")
            count *= size
        if fortran or count != len(self.data):
            raise pickle.UnpicklingError("an array whose bytes do not fit its shape")


def _encode(text, encoding):
    if encoding not in ("latin1", b"latin1") or not isinstance(text, str):
        raise pickle.UnpicklingError("an encoding that is not expected here")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    """Dicts, lists, strings, numbers and byte arrays; every other name in the file is refused."""

    def find_class(self, module, name):
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return lambda *args: _Array()
        if module == "numpy" and name in ("ndarray", "dtype"):
            return {"ndarray": _Array, "dtype": _Dtype}[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"the name {module}.{name} has no place in a batch")

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("a persistent id has no place in a batch")


def read_batch(path):
    """A batch file's dict with str keys; arrays have .data and .shape. RuntimeError where it is none."""
    try:
        with open(path, "rb") as file:
            entry = _Reader(io.BytesIO(file.read()), encoding="bytes").load()
        if not isinstance(entry, dict):
            raise pickle.UnpicklingError("no dict")
        return {key.decode("ascii") if isinstance(key, bytes) else key: value for key, value in entry.items()}
    except OSError:
        raise
    except Exception as error:
        raise RuntimeError(f"{path} is not a CIFAR batch: {error or type(error).__name__}") from None


def _read_sums(path):
    sums = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            digest, _, name = line.strip().partition(" ")
            if len(digest) == 32 and name:
                sums[name.strip().lstrip("*")] = digest.lower()
    return sums


class CIFAR10(VisionDataset):
    """CIFAR-10: 50,000 images to train on and 10,000 to test with, 3 x 32 x 32 bytes, in ten classes.

    root holds cifar-10-batches-py. The files are verified against checksums.md5 in that folder where there is one, else
    against the published MD5 sums; RuntimeError where a file is missing or differs. A sample is (Pillow image or what
    transform makes of it, int); with transforms of ours that end in tensors neither Pillow nor NumPy is needed.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [["data_batch_1", "c99cafc152244af753f735de768cd75f"],
                  ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
                  ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
                  ["data_batch_4", "634d18415352ddfa80567beed471001a"],
                  ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"]]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(os.fspath(root), transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as beside:  # reading and hashing both leave the interpreter's lock
            verified = beside.submit(self._check_integrity)
            try:
                self._read()
            except (OSError, RuntimeError):
                if verified.result():
                    raise
            if not verified.result():
                raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        self._array = None
        self._plan = _Plan()

    def _read(self):
        self._load_meta()
        core = sys.modules.get("ctorch._C")
        published = next((kind for kind in (CIFAR10, CIFAR100) if all(
            getattr(self, name) == getattr(kind, name) for name in ("base_folder", "train_list", "test_list"))), None)
        if hasattr(core, "_data_cifar") and published:
            self._images, targets = core._data_cifar(self.root, 100 if published is CIFAR100 else 10, not self.train)
            self.targets = targets.tolist()
            return
        pixels, self.targets = bytearray(), []
        for name, _ in self.train_list if self.train else self.test_list:
            path = os.path.join(self.root, self.base_folder, name)
            entry = read_batch(path)
            labels = entry.get("labels", entry.get("fine_labels"))
            array = entry.get("data")
            if not (isinstance(array, _Array) and len(array.shape) == 2 and array.shape[1] == 3072 and
                    isinstance(labels, list) and len(labels) == array.shape[0] and
                    all(isinstance(k, int) and 0 <= k < len(self.classes) for k in labels)):
                raise RuntimeError(f"{path} is not a CIFAR batch: its images and labels do not fit together")
            pixels += array.data
            self.targets.extend(labels)
        self._images = bytes_tensor(pixels, (len(self.targets), 3, 32, 32))

    @property
    def data(self):
        """The images as a NumPy array (N, 32, 32, 3) of bytes. Once asked for, the array is what samples are cut from."""
        if self._array is None:
            self._array = self._images.permute(0, 2, 3, 1).contiguous().numpy()
            self._images = None
        return self._array

    @data.setter
    def data(self, value):
        self._array, self._images = value, None

    def _load_meta(self):
        path = os.path.join(self.root, self.base_folder, self.meta["filename"])
        names = read_batch(path).get(self.meta["key"])
        if not isinstance(names, list) or not all(isinstance(name, (bytes, str)) for name in names):
            raise RuntimeError(f"{path} is not a CIFAR batch: it has no list {self.meta['key']}")
        self.classes = [name.decode("latin1") if isinstance(name, bytes) else name for name in names]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index):
        target = self.targets[index]
        if self._images is not None:
            image = raw_item(self._images[index], self.transform, self._plan)
        else:
            from PIL import Image
            image = Image.fromarray(self._array[index])
            if self.transform is not None:
                image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self):
        return len(self._images if self._array is None else self._array)

    def _sums(self):
        """(name -> MD5 sum, where the sums are from)."""
        local = os.path.join(self.root, self.base_folder, CHECKSUMS)
        if os.path.isfile(local):
            return _read_sums(local), local
        sums = dict(self.train_list + self.test_list)
        sums[self.meta["filename"]] = self.meta["md5"]
        return sums, "the published MD5 sums"

    def _check_integrity(self):
        sums, _ = self._sums()
        folder = os.path.join(self.root, self.base_folder)
        names = [name for name, _ in self.train_list + self.test_list] + [self.meta["filename"]]
        paths = [os.path.join(folder, name) for name in names]
        if not all(name in sums and os.path.isfile(path) for name, path in zip(names, paths)):
            return False
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as pool:  # hashing leaves the interpreter's lock
            return list(pool.map(calculate_md5, paths)) == [sums[name] for name in names]

    def download(self):
        """Fetches and unpacks the published archive unless verified files are there; says what they were verified
        against."""
        if self._check_integrity():
            print(f"Files already downloaded and verified (against {self._sums()[1]})")
            return
        target = os.path.join(self.root, self.base_folder)
        if os.path.isfile(os.path.join(target, CHECKSUMS)):
            raise RuntimeError(f"{target} does not match {CHECKSUMS} in it. Remove that folder to download the published "
                               "files")
        download_url(self.url, self.root, self.filename, self.tgz_md5)
        import shutil
        import tempfile
        archive = os.path.join(self.root, self.filename)
        print(f"Extracting {archive} to {self.root}")
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".unpacking-") as folder:
            extract_archive(archive, folder)
            source = os.path.join(folder, self.base_folder)
            if not os.path.isdir(source):
                raise RuntimeError(f"{archive} holds no folder {self.base_folder}")
            if os.path.isdir(target):
                shutil.rmtree(target)
            os.rename(source, target)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR-100: the same images' sizes and numbers in a hundred classes. Read like CIFAR10."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
