"""Files of datasets: checksums, downloads that resume and verify, archives that cannot write outside of their folder."""
from __future__ import annotations

import os
import sys
import time

__all__ = ["calculate_md5", "check_md5", "check_integrity", "download_url", "download_and_extract_archive",
           "extract_archive", "list_dir", "list_files", "verify_str_arg"]

_known = {}  # (path, size, mtime) -> md5: one file is read once per process


def calculate_md5(fpath, chunk_size=1024 * 1024):
    """The file's MD5 sum as hex digits."""
    import hashlib
    state = os.stat(fpath)
    key = (os.path.abspath(fpath), state.st_size, state.st_mtime_ns, state.st_ino)
    if key not in _known:
        digest = hashlib.md5(usedforsecurity=False)
        with open(fpath, "rb") as file:
            while block := file.read(chunk_size):
                digest.update(block)
        _known[key] = digest.hexdigest()
    return _known[key]


def check_md5(fpath, md5, **kwargs):
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """True if the file is there, with that sum where one is given."""
    if not os.path.isfile(fpath):
        return False
    return md5 is None or check_md5(fpath, md5)


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    if not isinstance(value, str):
        name = f"argument {arg}" if arg else "value"
        raise ValueError(f"Expected type str{'' if arg is None else f' for {name}'}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        raise ValueError(custom_msg or f"Unknown value '{value}' for argument {arg}. "
                         f"Valid values are {{{str(list(valid_values))[1:-1]}}}.")
    return value


def list_dir(root, prefix=False):
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def list_files(root, suffix, prefix=False):
    names = [name for name in os.listdir(root) if os.path.isfile(os.path.join(root, name)) and name.endswith(suffix)]
    return [os.path.join(root, name) for name in names] if prefix else names


class Progress:
    """One line on stderr: what, how much, how fast, how long still. Quiet where stderr is no terminal, but for the end."""

    def __init__(self, what, total, unit="MB", scale=1e6):
        self.what, self.total, self.unit, self.scale = what, total, unit, scale
        self.start = self.shown = time.monotonic()
        self.first = None

    def __call__(self, done, end=False):
        now = time.monotonic()
        if self.first is None:
            self.first = done
        if not end and (now - self.shown < 0.1 or not sys.stderr.isatty()):
            return
        self.shown = now
        rate = (done - self.first) / max(now - self.start, 1e-9)
        text = f"{self.what}: {done / self.scale:.1f}"
        if self.total:
            text += f"/{self.total / self.scale:.1f} {self.unit} ({100 * done / self.total:.0f} %)"
            if rate > 0 and not end:
                text += f", {rate / self.scale:.1f} {self.unit}/s, {(self.total - done) / rate:.0f} s left"
        else:
            text += f" {self.unit}"
        if end:
            text += f" in {now - self.start:.1f} s"
        if sys.stderr.isatty():
            print("\r\033[K" + text, end="\n" if end else "", file=sys.stderr, flush=True)
        elif end:
            print(text, file=sys.stderr, flush=True)


class _Unreachable(RuntimeError):
    pass


def _fetch(url, part):
    """One request; appends to `part` what the server sends of the rest. True if the file is then whole, False if the
    connection ended early. RuntimeError where asking again cannot help."""
    import http.client
    import urllib.error
    import urllib.request

    have = os.path.getsize(part) if os.path.exists(part) else 0
    request = urllib.request.Request(url, headers={"User-Agent": "ctorch"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            os.remove(part)
            return False
        raise RuntimeError(f"{url}: the server answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, OSError) as error:
        raise _Unreachable(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from None
    with answer:
        start = 0
        if have and answer.status == 206:
            span = answer.headers.get("Content-Range", "")
            start = have if span.startswith(f"bytes {have}-") else -1
        if start < 0:
            os.remove(part)
            return False
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        progress = Progress(f"Downloading {url.rpartition('/')[2]}", total)
        done = start
        with open(part, "ab" if start else "wb") as file:
            while True:
                try:
                    block = answer.read(256 * 1024)
                except (http.client.HTTPException, OSError):
                    return False
                if not block:
                    break
                file.write(block)
                done += len(block)
                progress(done)
        if total is not None and done < total:
            return False
        progress(done, end=True)
        return True


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3, tries=4):
    """Downloads to root/filename. What has come so far stays in filename.part and is resumed; the file takes its name
    only when it is whole and, where md5 is given, has that sum.

    RuntimeError where the address cannot be reached, the server refuses, the body stays short, or the sum differs.
    """
    root = os.path.expanduser(root)
    path = os.path.join(root, filename or os.path.basename(url))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        print("Using downloaded and verified file: " + path if md5 else "Using downloaded file: " + path)
        return
    part = path + ".part"
    print(f"Downloading {url} to {path}")
    resumed = os.path.exists(part)
    attempt = 0
    while True:
        attempt += 1
        try:
            whole = _fetch(url, part)
        except _Unreachable as error:
            if attempt < tries and attempt > 1:
                time.sleep(0.2 * attempt)
                continue
            raise RuntimeError(f"{error}. Without a network, put the file {os.path.basename(path)} into {root} "
                               "by hand.") from None
        if not whole:
            if attempt < tries:
                time.sleep(0.1 * attempt)
                resumed = os.path.exists(part)
                continue
            raise RuntimeError(f"{url}: the connection ended early {tries} times; what has come is kept in {part} and "
                               "the next download goes on from there")
        if md5 is None or check_md5(part, md5):
            os.replace(part, path)
            return
        found = calculate_md5(part)
        os.remove(part)
        if not resumed:
            raise RuntimeError(f"File not found or corrupted. {url} has the MD5 sum {found}, expected {md5}")
        resumed = False  # the kept beginning may have been of another file: once more from the start


def _is_within(folder, name):
    folder = os.path.realpath(folder)
    return os.path.commonpath([folder, os.path.realpath(os.path.join(folder, name))]) == folder


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpacks a .tar(.gz, .bz2, .xz), .zip, or a single .gz, .bz2, .xz file; members that lie outside of to_path are
    refused. Returns where it went."""
    from_path = str(from_path)
    to_path = os.path.dirname(from_path) if to_path is None else str(to_path)
    name = os.path.basename(from_path).lower()
    os.makedirs(to_path, exist_ok=True)
    if name.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")):
        import tarfile
        with tarfile.open(from_path) as archive:
            for member in archive:
                if not _is_within(to_path, member.name) or not (member.isfile() or member.isdir()):
                    raise RuntimeError(f"{from_path}: refusing the member {member.name!r}")
                member.mode = 0o755 if member.isdir() else 0o644
                archive.extract(member, to_path, set_attrs=False)
    elif name.endswith(".zip"):
        import zipfile
        with zipfile.ZipFile(from_path) as archive:
            for member in archive.namelist():
                if not _is_within(to_path, member):
                    raise RuntimeError(f"{from_path}: refusing the member {member!r}")
            archive.extractall(to_path)
    elif name.endswith((".gz", ".bz2", ".xz")):
        import importlib
        import shutil
        opener = importlib.import_module({"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[name.rpartition(".")[2]]).open
        to_path = os.path.join(to_path, os.path.basename(from_path).rpartition(".")[0])
        part = f"{to_path}.{os.getpid()}.part"
        try:
            with opener(from_path, "rb") as source, open(part, "wb") as target:
                shutil.copyfileobj(source, target, 1024 * 1024)
            os.replace(part, to_path)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise
    else:
        raise RuntimeError(f"Unknown compression or archive type: '{name}'.")
    if remove_finished:
        os.remove(from_path)
    return to_path


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """download_url, then extract_archive."""
    download_root = os.path.expanduser(download_root)
    extract_root = download_root if extract_root is None else extract_root
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    archive = os.path.join(download_root, filename)
    print(f"Extracting {archive} to {extract_root}")
    extract_archive(archive, extract_root, remove_finished)
