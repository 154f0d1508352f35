"""torchvision.io: image files to tensors and back. JPEG and PNG are read by the core where it was built with libjpeg and
libpng, else through Pillow; PNG is written with the standard library, JPEG through Pillow."""
from .image import (ImageReadMode, decode_image, decode_jpeg, decode_png, encode_jpeg, encode_png, read_file, read_image,
                    write_file, write_jpeg, write_png)

__all__ = ["ImageReadMode", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "read_file",
           "read_image", "write_file", "write_jpeg", "write_png"]
