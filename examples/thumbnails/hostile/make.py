#!/usr/bin/env python3
"""Makes the hostile files beside this script. Standard library only; the same input gives the same pictures.

Run it again after changing it: python3 examples/thumbnails/hostile/make.py
"""

import struct
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PHOTO = HERE.parent / "photos" / "dandelion.jpg"

# 1.6 thousand million pixels: 200 MB unpacked at one bit a pixel, 6.4 GB as RGBA.
BOMB_SIDE = 40_000


def main():
    write("truncated.jpg", truncated(PHOTO.read_bytes()))
    write("bomb.png", bomb(BOMB_SIDE))
    write("empty.jpg", b"")
    write("text.png", b"This is plain text with a picture's name.\n")
    write("abort.jpg", b"GREENROOM-FAULT abort\n")
    write("hang.jpg", b"GREENROOM-FAULT hang\n")


def write(name, content):
    (HERE / name).write_bytes(content)
    print(f"{name}: {len(content)} bytes")


def truncated(photo):
    """The first 40 % of a real JPEG: its header is whole, its pixels are not."""
    return photo[: len(photo) * 40 // 100]


def bomb(side):
    """A valid black PNG of side x side pixels, one bit each."""
    bits_per_pixel, grey = 1, 0
    header = struct.pack(">IIBBBBB", side, side, bits_per_pixel, grey, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", black_rows(side))
        + chunk(b"IEND", b"")
    )


def black_rows(side):
    """The compressed rows, made one at a time: unpacked they would fill 200 MB."""
    row = bytes(1 + (side + 7) // 8)  # the filter byte (none), then the pixels
    packer = zlib.compressobj(level=9)
    packed = [packer.compress(row) for _ in range(side)]
    return b"".join(packed) + packer.flush()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


if __name__ == "__main__":
    main()
