"""Datasets read from small files made here: good ones, cut-off ones, hostile ones; downloads from a loopback server."""
import functools
import gzip
import hashlib
import http.server
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading

import pytest

import ctorch as torch
from ctorch.vision import _prepare, datasets, transforms
from ctorch.vision.datasets import cifar, utils
from ctorch.vision.datasets.mnist import read_idx


def make_cifar(root, images=4):
    """A tiny CIFAR-10 in the published layout with a checksum file."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = []
    for n, name in enumerate([f"data_batch_{b}" for b in range(1, 6)] + ["test_batch"]):
        pixels = bytes((i * 7 + n * 31 + i // 3072) % 256 for i in range(3072 * images))
        labels = [(n + i) % 10 for i in range(images)]
        data = _prepare._batch_pickle("t", labels, pixels, [f"{i}.png" for i in range(images)])
        (folder / name).write_bytes(data)
        sums.append(f"{hashlib.md5(data).hexdigest()}  {name}\n")
    (folder / "batches.meta").write_bytes(_prepare._meta_pickle())
    sums.append(f"{hashlib.md5(_prepare._meta_pickle()).hexdigest()}  batches.meta\n")
    (folder / "checksums.md5").write_text("".join(sums))
    return folder


def resum(folder):
    names = [line.split()[1] for line in (folder / "checksums.md5").read_text().splitlines()]
    (folder / "checksums.md5").write_text(
        "".join(f"{hashlib.md5((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names))


def test_cifar(tmp_path, capsys):
    make_cifar(tmp_path)
    d = datasets.CIFAR10(tmp_path, transform=transforms.ToTensor(), download=True)
    assert "Files already downloaded and verified" in capsys.readouterr().out
    assert len(d) == 20 and d.classes[3] == "cat" and d.class_to_idx["truck"] == 9 and d.targets[:2] == [0, 1]
    x, y = d[5]
    assert x.shape == (3, 32, 32) and x.dtype == torch.float32 and y == 2
    assert x.view(-1)[:3].tolist() == [torch.tensor(float(v)).div(255).item() for v in (32, 39, 46)]
    assert repr(d) == (f"Dataset CIFAR10\n    Number of datapoints: 20\n    Root location: {tmp_path}\n    Split: Train\n"
                       "    StandardTransform\nTransform: ToTensor()")
    assert len(datasets.CIFAR10(tmp_path, train=False)) == 4


def test_cifar_pictures_and_array(tmp_path):
    np = pytest.importorskip("numpy")
    pytest.importorskip("PIL")
    make_cifar(tmp_path)
    d = datasets.CIFAR10(tmp_path)
    image, _ = d[1]
    assert image.mode == "RGB" and image.size == (32, 32)
    tensor = transforms.functional.pil_to_tensor(image)
    assert torch.equal(tensor, d._images[1])
    assert d.data.shape == (20, 32, 32, 3) and d.data.dtype == np.uint8
    assert d[1][0].tobytes() == image.tobytes()
    d.data[1] = 0
    assert max(d[1][0].tobytes()) == 0
    d.data = d.data[:3]
    assert len(d) == 3


def test_cifar_missing_or_wrong(tmp_path):
    message = "Dataset not found or corrupted. You can use download=True to download it"
    with pytest.raises(RuntimeError, match=message):
        datasets.CIFAR10(tmp_path)
    folder = make_cifar(tmp_path)
    data = (folder / "data_batch_3").read_bytes()
    (folder / "data_batch_3").write_bytes(data[:-1])
    with pytest.raises(RuntimeError, match=message):
        datasets.CIFAR10(tmp_path)
    with pytest.raises(RuntimeError, match="does not match checksums.md5 in it"):
        datasets.CIFAR10(tmp_path, download=True)
    (folder / "data_batch_3").write_bytes(data)
    datasets.CIFAR10(tmp_path)
    os.remove(folder / "checksums.md5")
    with pytest.raises(RuntimeError, match=message):
        datasets.CIFAR10(tmp_path)  # now the published sums count


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/ctorch-evil",)


@pytest.mark.parametrize("content", [
    b"", b"\x80\x02", b"garbage", pickle.dumps(3, 2), pickle.dumps({"labels": [1]}, 2), pickle.dumps(Evil(), 2),
    pickle.dumps({b"labels": [1], b"data": b"x" * 3072}, 2), b"\x80\x02T\xff\xff\xff\x7fabc.", b"\x80\x02}q\x01(h\x09u.",
    _prepare._batch_pickle("t", [1, 2], b"\0" * 3072, ["a", "b"]), _prepare._batch_pickle("t", [11], b"\0" * 3072, ["a"]),
    _prepare._batch_pickle("t", [1, 2], b"\0" * 6144, ["a", "b"])[:-500]])
def test_cifar_hostile_batches(tmp_path, content):
    folder = make_cifar(tmp_path)
    (folder / "data_batch_1").write_bytes(content)
    resum(folder)
    with pytest.raises(RuntimeError, match="data_batch_1 is not a CIFAR batch"):
        datasets.CIFAR10(tmp_path)
    assert not os.path.exists("/tmp/ctorch-evil")


def test_cifar_changed_array_type(tmp_path):
    folder = make_cifar(tmp_path)
    data = (folder / "data_batch_1").read_bytes().replace(b"U\x02u1", b"U\x02O8")
    (folder / "data_batch_1").write_bytes(data)
    resum(folder)
    with pytest.raises(RuntimeError, match="not of bytes"):
        datasets.CIFAR10(tmp_path)


def idx(shape, data):
    return b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def make_mnist(folder):
    folder.mkdir(parents=True)
    for prefix, n in (("train", 3), ("t10k", 2)):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx((n, 28, 28), bytes(i % 251 for i in range(n * 784))))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx((n,), bytes(range(n))))


@pytest.mark.parametrize("cls", [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST])
def test_mnist(tmp_path, cls):
    with pytest.raises(RuntimeError, match="Dataset not found. You can use download=True to download it"):
        cls(tmp_path)
    make_mnist(tmp_path / cls.__name__ / "raw")
    d = cls(tmp_path, transform=transforms.ToTensor())
    x, y = d[2]
    assert len(d) == 3 and x.shape == (1, 28, 28) and y == 2 and len(d.classes) == 10
    assert x[0, 0, 1].item() == torch.tensor(float((2 * 784 + 1) % 251)).div(255).item()
    assert d.data.shape == (3, 28, 28) and d.targets.dtype == torch.int64
    assert len(cls(tmp_path, train=False)) == 2


@pytest.mark.parametrize("content, message", [
    (b"", "is not an idx file"), (b"\0\0\x0d\x01\0\0\0\0", "is not an idx file"), (b"\0\0\x08\x03\0\0", "cut off in its"),
    (idx((2, 28, 28), b"x" * 100), "should hold 1568 bytes"), (idx((2 ** 31, 2 ** 31, 2 ** 31), b""), "should hold"),
    (idx((0, 28, 28), b"x"), "should hold 0 bytes")])
def test_idx_hostile(tmp_path, content, message):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(RuntimeError, match=message):
        read_idx(tmp_path / "f")


def test_image_folder(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in"):
        datasets.ImageFolder(tmp_path)
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
    Image.new("L", (3, 2), 7).save(tmp_path / "a" / "x.png")
    with pytest.raises(FileNotFoundError, match="Found no valid file for the classes b. Supported extensions are: .jpg, "):
        datasets.ImageFolder(tmp_path)
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "b" / "y.PNG")
    (tmp_path / "b" / "notes.txt").write_text("no image")
    d = datasets.ImageFolder(tmp_path, transform=transforms.PILToTensor())
    assert d.classes == ["a", "b"] and d.targets == [0, 1] and len(d.imgs) == 2
    assert d[0][0].shape == (3, 2, 3) and d[1][0][:, 0, 0].tolist() == [1, 2, 3] and d[1][1] == 1
    (tmp_path / "b" / "z.jpg").write_bytes(b"\xff\xd8\xff no jpeg")
    with pytest.raises(Exception, match="cannot identify image file"):
        datasets.ImageFolder(tmp_path)[2]


def test_fake_data():
    pytest.importorskip("PIL")
    d = datasets.FakeData(size=5, image_size=(3, 8, 8), transform=transforms.ToTensor())
    torch.manual_seed(0)
    a = d[1]
    assert torch.rand(1).item() == pytest.approx(0.49625658988952637)
    assert torch.equal(d[1][0], a[0]) and isinstance(a[1], int)
    with pytest.raises(IndexError):
        d[5]


def test_against_torchvision(tmp_path):
    real = pytest.importorskip("torchvision.datasets")
    for name in ("CIFAR10", "CIFAR100"):
        ours, theirs = getattr(datasets, name), getattr(real, name)
        for field in ("base_folder", "url", "filename", "tgz_md5", "train_list", "test_list", "meta"):
            assert getattr(ours, field) == getattr(theirs, field)
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        assert getattr(datasets, name).resources == getattr(real, name).resources
        assert getattr(datasets, name).classes == getattr(real, name).classes
    make_cifar(tmp_path)

    class Theirs(real.CIFAR10):
        def _check_integrity(self):
            return True

        _load_meta = lambda self: setattr(self, "classes", ours.classes)

    ours = datasets.CIFAR10(tmp_path)
    theirs = Theirs(tmp_path)
    assert ours.targets == theirs.targets and (ours.data == theirs.data).all()


# ---- downloads ----

class Server(http.server.BaseHTTPRequestHandler):
    body = bytes(range(256)) * 4000
    log = []
    cut = None          # bytes after which the first answers end
    cuts = 0
    ranges = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        asked = self.headers.get("Range")
        self.log.append((self.path, asked))
        if self.path == "/missing":
            self.send_error(404)
            return
        start = 0
        if asked and self.ranges:
            start = int(asked[6:].rstrip("-"))
            if start >= len(self.body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        if type(self).cuts > 0:
            type(self).cuts -= 1
            self.wfile.write(self.body[start:start + self.cut])
        else:
            self.wfile.write(self.body[start:])


@pytest.fixture
def server():
    class Fresh(Server):
        log = []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    Fresh.url = f"http://127.0.0.1:{httpd.server_port}"
    yield Fresh
    httpd.shutdown()
    httpd.server_close()


MD5 = hashlib.md5(Server.body).hexdigest()


def test_download(server, tmp_path, capsys):
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == server.body and os.listdir(tmp_path) == ["f.bin"]
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert len(server.log) == 1 and "Using downloaded and verified file" in capsys.readouterr().out


def test_download_resumes(server, tmp_path):
    server.cut, server.cuts = 300000, 2
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == server.body
    assert [r for _, r in server.log] == [None, "bytes=300000-", "bytes=600000-"]


def test_download_goes_on_after_a_failed_one(server, tmp_path):
    server.cut, server.cuts = 100, 4
    with pytest.raises(RuntimeError, match="ended early 4 times; what has come is kept"):
        utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert os.listdir(tmp_path) == ["f.bin.part"] and os.path.getsize(tmp_path / "f.bin.part") == 400
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert server.log[-1][1] == "bytes=400-" and os.listdir(tmp_path) == ["f.bin"]


def test_download_without_ranges(server, tmp_path):
    server.ranges, server.cut, server.cuts = False, 1000, 1
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == server.body


def test_download_wrong_beginning(server, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(b"of another file")
    utils.download_url(server.url + "/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == server.body
    (tmp_path / "g.bin.part").write_bytes(server.body + b"too long")
    utils.download_url(server.url + "/g.bin", tmp_path, md5=MD5)
    assert (tmp_path / "g.bin").read_bytes() == server.body


def test_download_errors(server, tmp_path):
    with pytest.raises(RuntimeError, match="File not found or corrupted.* has the MD5 sum"):
        utils.download_url(server.url + "/f.bin", tmp_path, md5="0" * 32)
    assert os.listdir(tmp_path) == []
    with pytest.raises(RuntimeError, match="the server answers 404"):
        utils.download_url(server.url + "/missing", tmp_path)
    with pytest.raises(RuntimeError, match="cannot be reached.*Without a network, put the file f.bin into"):
        utils.download_url("http://127.0.0.1:1/f.bin", tmp_path)


def test_cifar_download(server, tmp_path, monkeypatch):
    source = tmp_path / "source"
    folder = make_cifar(source)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname="cifar-10-batches-py")
    server.body = (tmp_path / "a.tar.gz").read_bytes()
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + "/cifar-10-python.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(server.body).hexdigest())
    root = tmp_path / "root"
    assert len(datasets.CIFAR10(root, download=True)) == 20
    assert sorted(os.listdir(root)) == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]


def test_extract_refuses_to_leave(tmp_path):
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "x", arcname="../evil")
    with pytest.raises(RuntimeError, match="refusing the member '../evil'"):
        utils.extract_archive(tmp_path / "a.tar", tmp_path / "to")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"hello"))
    utils.extract_archive(tmp_path / "b.gz", tmp_path / "to")
    assert (tmp_path / "to" / "b").read_bytes() == b"hello"
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"hello" * 1000)[:20])
    with pytest.raises(EOFError):
        utils.extract_archive(tmp_path / "c.gz", tmp_path / "to")
    assert sorted(os.listdir(tmp_path / "to")) == ["b"]


def test_prepare_leaves_nothing_half_made(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    import io
    image = io.BytesIO()
    Image.new("RGB", (32, 32)).save(image, "JPEG")
    path = tmp_path / "a.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        info = tarfile.TarInfo("train/00000-3.jpg")
        info.size = len(image.getvalue())
        archive.addfile(info, io.BytesIO(image.getvalue()))
    with pytest.raises(RuntimeError, match="holds 1 and 0 images, not 50000 and 10000"):
        _prepare.prepare_cifar10(path, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path / "out") == []
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RuntimeError, match="is damaged"):
        _prepare.prepare_cifar10(path, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path / "out") == []
