"""CIFAR-10 in both published layouts from an archive of JPEG files: python -m ctorch.vision._prepare ARCHIVE DIR.

The archive (.tar.xz) has train/INDEX-LABEL.jpg and test/INDEX-LABEL.jpg in order. DIR gets cifar-10-batches-py (the
Python 2 pickles of the published archive, opcode for opcode) and cifar-10-batches-bin (1 label byte and 3072 bytes an
image), each with a file of its own MD5 sums, since JPEG changed the pixels and the published sums cannot match. Both are
made under a temporary name and renamed when whole. Needs Pillow, not NumPy.
"""
from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tarfile

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")
COUNTS = {"train": 50000, "test": 10000}


class _Pickle:
    """Python 2's cPickle, protocol 2, as far as a batch needs it."""

    def __init__(self):
        self.parts, self.memos = [b"\x80\x02"], 0

    def put(self, code):
        """An opcode whose value goes into the memo."""
        self.memos += 1
        n = self.memos
        self.parts += [code, b"q" + bytes([n]) if n < 256 else b"r" + n.to_bytes(4, "little")]

    def add(self, *codes):
        self.parts += codes

    def string(self, text):
        raw = text.encode("latin-1")
        self.put(b"U" + bytes([len(raw)]) + raw)

    def value(self):
        return b"".join(self.parts)


def _batch_pickle(title, labels, pixels, names):
    p = _Pickle()
    p.put(b"}")
    p.add(b"(")
    p.string("batch_label")
    p.string(title)
    p.string("labels")
    p.put(b"]")
    for start in range(0, len(labels), 1000):
        p.add(b"(", b"".join(b"K" + bytes([label]) for label in labels[start:start + 1000]), b"e")
    p.string("data")
    p.put(b"cnumpy.core.multiarray\n_reconstruct\n")
    p.put(b"cnumpy\nndarray\n")
    p.put(b"K\x00\x85U\x01b\x87R")
    p.add(b"(K\x01M" + len(labels).to_bytes(2, "little") + b"M\x00\x0c\x86")
    p.put(b"cnumpy\ndtype\n")
    p.put(b"U\x02u1K\x00K\x01\x87R")
    p.add(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89", b"T", len(pixels).to_bytes(4, "little"), pixels,
          b"tb")
    p.string("filenames")
    p.put(b"]")
    for start in range(0, len(names), 1000):
        p.add(b"(")
        for name in names[start:start + 1000]:
            p.string(name)
        p.add(b"e")
    p.add(b"u.")
    return p.value()


def _meta_pickle():
    p = _Pickle()
    p.put(b"}")
    p.add(b"(")
    p.string("num_cases_per_batch")
    p.add(b"M\x10'")
    p.string("label_names")
    p.put(b"]")
    p.add(b"(")
    for name in CLASSES:
        p.string(name)
    p.add(b"e")
    p.string("num_vis")
    p.add(b"M\x00\x0cu.")
    return p.value()


def _images(archive):
    """(split, label, planes) of every image, checked for order and size."""
    from PIL import Image
    seen = {"train": 0, "test": 0}
    for member in archive:
        if not member.isfile():
            continue
        split, _, name = member.name.rpartition("/")
        index, _, label = name.rpartition(".")[0].partition("-")
        split = split.rpartition("/")[2]
        if split not in seen or not index.isdigit() or not label.isdigit() or int(label) >= len(CLASSES):
            raise RuntimeError(f"{archive.name}: {member.name} is not train/INDEX-LABEL.jpg")
        if int(index) != seen[split]:
            raise RuntimeError(f"{archive.name}: {member.name} where number {seen[split]} was expected")
        seen[split] += 1
        image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
        if image.size != (32, 32):
            raise RuntimeError(f"{archive.name}: {member.name} is {image.size[0]} x {image.size[1]}, not 32 x 32")
        pixels = image.tobytes()
        yield split, int(label), pixels[0::3] + pixels[1::3] + pixels[2::3]
    if seen != COUNTS:
        raise RuntimeError(f"{archive.name} holds {seen['train']} and {seen['test']} images, not 50000 and 10000")


def _write(folder, name, data, sums):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sums.append(f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name}\n")


def _clean(root):
    """Removes what runs that were killed have left."""
    for name in os.listdir(root):
        if name.startswith(".preparing-"):
            owner = name[len(".preparing-"):]
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                shutil.rmtree(os.path.join(root, name), ignore_errors=True)


def prepare_cifar10(archive, root, progress=True):
    """Makes root/cifar-10-batches-py and root/cifar-10-batches-bin from the archive; folders that are there stay.
    RuntimeError where the archive is not what it should be; nothing half-made is left behind."""
    from .datasets.utils import Progress
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise RuntimeError("Preparing CIFAR-10 from its JPEG archive needs Pillow: pip install pillow") from None
    os.makedirs(root, exist_ok=True)
    if all(os.path.isdir(os.path.join(root, folder)) for folder in FOLDERS):
        return
    _clean(root)
    show = Progress("Preparing CIFAR-10", sum(COUNTS.values()), "thousand images", 1000.0) if progress else None
    work = os.path.join(root, f".preparing-{os.getpid()}")
    py, binary = (os.path.join(work, folder) for folder in FOLDERS)
    sums = {py: [], binary: []}
    try:
        os.makedirs(py)
        os.makedirs(binary)
        batches = {"train": [f"data_batch_{b}" for b in range(1, 6)], "test": ["test_batch"]}
        titles = {f"data_batch_{b}": f"training batch {b} of 5" for b in range(1, 6)}
        titles["test_batch"] = "testing batch 1 of 1"
        rows = {"train": [], "test": []}
        done = 0

        def flush(split):
            name = batches[split].pop(0)
            labels, images = [row[0] for row in rows[split]], [row[1] for row in rows[split]]
            rows[split] = []
            names = [f"{CLASSES[label]}_{i:05d}.png"
                     for i, label in enumerate(labels)]
            _write(py, name, _batch_pickle(titles[name], labels, b"".join(images), names), sums[py])
            _write(binary, name + ".bin", b"".join(bytes([label]) + image for label, image in zip(labels, images)),
                   sums[binary])

        try:
            with tarfile.open(archive, "r|xz") as source:
                for split, label, planes in _images(source):
                    rows[split].append((label, planes))
                    done += 1
                    if show:
                        show(done)
                    if len(rows[split]) == 10000:
                        flush(split)
        except (tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise RuntimeError(f"{archive} is damaged: {error}") from None
        except Exception as error:
            if type(error).__name__ in ("LZMAError", "UnidentifiedImageError"):
                raise RuntimeError(f"{archive} is damaged: {error}") from None
            raise
        if show:
            show(done, end=True)
        _write(py, "batches.meta", _meta_pickle(), sums[py])
        _write(binary, "batches.meta.txt", ("\n".join(CLASSES) + "\n\n").encode(), sums[binary])
        for folder in (binary, py):
            _write(folder, "checksums.md5", "".join(sums[folder]).encode(), [])
            target = os.path.join(root, os.path.basename(folder))
            if not os.path.isdir(target):
                os.rename(folder, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    prepare_cifar10(sys.argv[1], sys.argv[2])
    print("CIFAR-10 in", sys.argv[2])
