"""Small image files for tests: PNG of every kind, written here; JPEG through Pillow."""
import io
import random
import struct
import zlib

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, color, samples, interlaced=False, extra=b""):
    """A PNG file of samples[y][x][channel]."""
    def rows(x0, y0, dx, dy):
        out = b""
        for y in range(y0, height, dy):
            values = [v for x in range(x0, width, dx) for v in samples[y][x]]
            if not values:
                continue
            if depth == 16:
                line = struct.pack(f">{len(values)}H", *values)
            else:
                bits = "".join(f"{v:0{depth}b}" for v in values)
                bits += "0" * (-len(bits) % 8)
                line = int(bits, 2).to_bytes(len(bits) // 8, "big")
            out += b"\0" + line
        return out

    data = b"".join(rows(*p) for p in PASSES) if interlaced else rows(0, 0, 1, 1)
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def random_png(depth, color, interlaced=False, width=13, height=11, transparency=False, seed=0):
    r = random.Random(seed)
    top = (1 << depth) - 1
    samples = [[[r.randint(0, top) for _ in range(CHANNELS[color])] for _ in range(width)] for _ in range(height)]
    extra = b""
    if color == 3:
        extra += chunk(b"PLTE", bytes(r.randrange(256) for _ in range(3 * min(top + 1, 200))))
        if transparency:
            extra += chunk(b"tRNS", bytes(r.randrange(256) for _ in range(min(top + 1, 90))))
    elif transparency:
        extra += chunk(b"tRNS", struct.pack(f">{CHANNELS[color]}H", *samples[2][3]))
    return png(width, height, depth, color, samples, interlaced, extra)


KINDS = [(depth, color) for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
         for depth in depths]


def photo(mode="RGB", size=(67, 41)):
    """Something smooth with noise."""
    from PIL import Image
    r = random.Random(5)
    width, height = size
    channels = len(Image.new(mode, (1, 1)).getbands())
    data = bytes(min(255, max(0, int(127 + 90 * ((x * (c + 2)) % 37 / 37 - y % 29 / 29) + r.gauss(0, 12))))
                 for y in range(height) for x in range(width) for c in range(channels))
    return Image.frombytes(mode, size, data)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()
