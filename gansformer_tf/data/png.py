"""A faster way into Pillow for PNG files: inflating is half of their decoding, and the isal library does it faster.

The compressed data of a well-formed file is inflated here and handed to Pillow as stored (uncompressed) blocks. All
other files, and every file where isal is not installed, go to Pillow as they are; the pixels are the same either way.
"""

from __future__ import annotations

import struct
from typing import Any

fast_zlib: Any
try:
    from isal import isal_zlib as fast_zlib
except ImportError:  # it has no build for some machines
    fast_zlib = None

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STORED_LIMIT = 65535  # bytes in one stored block
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def ease(data: bytes, max_pixels: int) -> bytes:
    """A PNG file whose pixels Pillow can read without inflating, or `data` itself."""
    if fast_zlib is None or not data.startswith(_SIGNATURE):
        return data
    parts = _split(data)
    if parts is None:
        return data
    header, others, compressed = parts
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if interlace or color not in _CHANNELS or width * height > max_pixels:
        return data
    size = height * (1 + (width * depth * _CHANNELS[color] + 7) // 8)
    try:
        inflater = fast_zlib.decompressobj()
        rows = inflater.decompress(compressed, size + 1)
    except fast_zlib.error:
        return data
    if len(rows) != size or not inflater.eof:
        return data
    return b"".join((_SIGNATURE, *others, *_chunk(b"IDAT", _stored(rows)), *_chunk(b"IEND", [])))


def _split(data: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    """(content of IHDR, whole chunks before the pixels, compressed pixels); None for anything unusual."""
    others: list[bytes] = []
    compressed: list[bytes] = []
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        kind = data[at + 4 : at + 8]
        if end > len(data) or kind in (b"acTL", b"fdAT"):  # cut off, or an animation
            return None
        if fast_zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return None
        if kind == b"IDAT":
            compressed.append(data[at + 8 : end - 4])
        elif kind == b"IEND":
            header = others[0] if others else b""
            if header[4:8] != b"IHDR" or len(header) != 25 or not compressed:
                return None
            return header[8:21], others, b"".join(compressed)
        else:
            others.append(data[at:end])
        at = end
    return None


def _stored(data: bytes) -> list[bytes]:
    """A zlib stream that holds `data` uncompressed, in parts."""
    parts = [b"\x78\x01"]
    for start in range(0, len(data), _STORED_LIMIT):
        block = data[start : start + _STORED_LIMIT]
        last = start + _STORED_LIMIT >= len(data)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack(">I", fast_zlib.adler32(data)))
    return parts


def _chunk(kind: bytes, parts: list[bytes]) -> list[bytes]:
    crc = fast_zlib.crc32(kind)
    for part in parts:
        crc = fast_zlib.crc32(part, crc)
    return [struct.pack(">I", sum(map(len, parts))), kind, *parts, struct.pack(">I", crc)]
