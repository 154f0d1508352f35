"""Objects between two processes over a socket, tensors by shared memory.

A message is a fixed header, a pickle in which every tensor is replaced by its place in a block, and the block: after the
pickle on the socket where it is small, else a nameless memory file whose descriptor goes over the socket and which both
sides map. Nothing has a name, so nothing can be left behind however a process ends; the receiver's tensors keep the block
alive.
"""
from __future__ import annotations

import io
import mmap
import os
import pickle
import select
import socket
import struct
import time

import ctorch as torch

HEADER = struct.Struct("<QQB7x")  # bytes of the pickle, bytes of the block, kind
INLINE, BY_FILE = 0, 1
SMALL = 32 * 1024
ALIGN = 64


class _Pickler(pickle.Pickler):
    """Takes tensors out of what it pickles; the rest goes as multiprocessing would send it."""

    def __init__(self, file):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.tensors, self.places, self.size = [], {}, 0

    def persistent_id(self, value):
        if not isinstance(value, torch.Tensor):
            return None
        known = self.places.get(id(value))
        if known is None:
            data = value.detach()
            known = (self.size, tuple(data.shape), data.dtype, type(value) is not torch.Tensor and _is_parameter(value),
                     bool(value.requires_grad))
            count = data.numel() * data.element_size()
            self.places[id(value)] = known
            self.tensors.append((self.size, data, value))
            self.size += -(-count // ALIGN) * ALIGN
        return known


def _is_parameter(value):
    return isinstance(value, torch.nn.Parameter)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, block):
        super().__init__(file)
        self.block, self.made = block, {}

    def persistent_load(self, place):
        made = self.made.get(place)
        if made is None:
            offset, shape, dtype, parameter, requires_grad = place
            made = _over(self.block, offset, shape, dtype)
            if parameter:
                made = torch.nn.Parameter(made, requires_grad)
            elif requires_grad:
                made.requires_grad_()
            self.made[place] = made
        return made


def _over(block, offset, shape, dtype):
    count = 1
    for size in shape:
        count *= size
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(block, dtype=dtype, count=count, offset=offset).view(shape)


def _fill(block, tensors):
    for offset, data, _ in tensors:
        if data.numel():
            _over(block, offset, tuple(data.shape), data.dtype).copy_(data)


def _memory_file(size):
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("ctorch", os.MFD_CLOEXEC)
    else:
        import tempfile
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def pack(value):
    """value -> (bytes to send, descriptor to send with them or None)."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump(value)
    text = file.getbuffer()
    if pickler.size <= SMALL:
        block = bytearray(pickler.size)
        with torch.no_grad():
            _fill(block, pickler.tensors)
        return b"".join((HEADER.pack(len(text), pickler.size, INLINE), text, block)), None
    descriptor = _memory_file(pickler.size)
    try:
        # Room is taken now: a full /dev/shm is an error here, and not a SIGBUS in the middle of a copy.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, pickler.size)
        with torch.no_grad():
            _fill(mmap.mmap(descriptor, pickler.size), pickler.tensors)
    except BaseException:
        os.close(descriptor)
        raise
    return b"".join((HEADER.pack(len(text), pickler.size, BY_FILE), text)), descriptor


class Closed(Exception):
    """The other side is gone."""


class TimedOut(Exception):
    """Nothing came in time."""


class Channel:
    """One end of a socket pair. Sending never blocks for ever against a peer that is itself sending: what the socket
    does not take at once waits here, and receiving pushes it on."""

    def __init__(self, sock):
        self.socket = sock
        self.waiting = bytearray()
        sock.setblocking(False)

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        """Hangs up: the peer sees the end even where another process holds a copy of this descriptor, as every worker
        that was forked while this channel was open does."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was first, or closed already
        self.socket.close()

    def _push(self):
        while self.waiting:
            try:
                sent = self.socket.send(self.waiting)
            except BlockingIOError:
                return
            except OSError:
                raise Closed from None
            del self.waiting[:sent]

    def post(self, value):
        """Sends without waiting; for small messages without tensors of size."""
        text = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        self.waiting += HEADER.pack(len(text), 0, INLINE)
        self.waiting += text
        self._push()

    def send(self, packed):
        """Sends what pack() gave, waiting until all of it is gone. Closes its descriptor."""
        data, descriptor = packed
        try:
            view = memoryview(data)
            while view:
                try:
                    if descriptor is not None:
                        sent = socket.send_fds(self.socket, [view], [descriptor])
                        os.close(descriptor)
                        descriptor = None
                    else:
                        sent = self.socket.send(view)
                    view = view[sent:]
                except BlockingIOError:
                    select.select([], [self.socket], [])
                except OSError:
                    raise Closed from None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _wait(self, deadline, on_idle):
        while True:
            pause = 5.0
            if deadline is not None:
                pause = min(pause, deadline - time.monotonic())
                if pause <= 0:
                    raise TimedOut
            readable, writable, _ = select.select([self.socket], [self.socket] if self.waiting else [], [], pause)
            if writable:
                self._push()
            if readable:
                return
            if not writable and on_idle is not None:
                on_idle()

    def _exactly(self, view, deadline, on_idle):
        while view:
            try:
                count = self.socket.recv_into(view)
            except BlockingIOError:
                self._wait(deadline, on_idle)
                continue
            except OSError:
                raise Closed from None
            if count == 0:
                raise Closed
            view = view[count:]

    def receive(self, timeout=None, on_idle=None):
        """The next object. Closed where the peer is gone, TimedOut after `timeout` seconds without one; on_idle is
        called now and then while waiting."""
        deadline = None if timeout is None else time.monotonic() + timeout
        descriptors = []
        try:
            header = bytearray(HEADER.size)
            while True:
                try:
                    data, descriptors, _, _ = socket.recv_fds(self.socket, HEADER.size, 1)
                    break
                except BlockingIOError:
                    self._wait(deadline, on_idle)
                except OSError:
                    raise Closed from None
            if not data:
                raise Closed
            header[:len(data)] = data
            self._exactly(memoryview(header)[len(data):], deadline, on_idle)
            length, size, kind = HEADER.unpack(header)
            text = bytearray(length)
            self._exactly(memoryview(text), deadline, on_idle)
            block = None
            if kind == BY_FILE:
                block = mmap.mmap(descriptors[0], size)
            elif size:
                block = bytearray(size)
                self._exactly(memoryview(block), deadline, on_idle)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return _Unpickler(io.BytesIO(text), block).load()
