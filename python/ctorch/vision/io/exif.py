"""The orientation that a camera wrote into an image file, and an image turned by it."""
from __future__ import annotations


def _tiff_orientation(data):
    """Tag 0x0112 of the first directory; 1 where there is none."""
    order = {b"II": "little", b"MM": "big"}.get(data[:2])
    if order is None or len(data) < 8:
        return 1

    def number(at, size):
        return int.from_bytes(data[at:at + size], order) if at + size <= len(data) else 0

    at = number(4, 4)
    for i in range(min(number(at, 2), 1000)):
        entry = at + 2 + 12 * i
        if number(entry, 2) == 0x0112:
            value = number(entry + 8, 2)
            return value if number(entry + 2, 2) == 3 and 1 <= value <= 8 else 1
    return 1


def orientation(data):
    """1 to 8, from an encoded image's bytes: a JPEG's first Exif segment or a PNG's eXIf chunk. 1: as it should be."""
    if data[:3] == b"\xff\xd8\xff":
        at = 2
        while at + 4 <= len(data) and data[at] == 0xff and data[at + 1] != 0xda:
            size = int.from_bytes(data[at + 2:at + 4], "big")
            if data[at + 1] == 0xe1 and data[at + 4:at + 10] == b"Exif\0\0":
                return _tiff_orientation(data[at + 10:at + 2 + size])
            at += 2 + max(size, 2)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        at = 8
        while at + 8 <= len(data):
            size = int.from_bytes(data[at:at + 4], "big")
            if data[at + 4:at + 8] == b"eXIf":
                return _tiff_orientation(data[at + 8:at + 8 + size])
            at += 12 + size
    return 1


def oriented(image, how):
    """An image (C, H, W) as it should be seen."""
    if how >= 5:
        image = image.transpose(1, 2)
    flips = {2: [2], 3: [1, 2], 4: [1], 6: [2], 7: [1, 2], 8: [1]}.get(how)
    return image.flip(flips) if flips else image
