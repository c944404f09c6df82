"""Faster ways to the pixels of PNG files, which Pillow takes long to inflate and to unfilter.

The compressed data of a well-formed file is inflated by the isal library and packed anew as stored (uncompressed)
blocks. FFmpeg unfilters common files (8 bits, grey, RGB or RGBA) with the processor's vector instructions; Pillow
reads the rest. Damaged files, large ones, and every file where isal is not installed go to Pillow as they are. The
pixels are the same on every way.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

fast_zlib: Any
try:
    from isal import isal_zlib as fast_zlib
except ImportError:  # it has no build for some machines
    fast_zlib = None

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STORED_LIMIT = 65535  # bytes in one stored block
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PLAIN = {0: "gray", 2: "rgb24", 6: "rgba"}  # colour types that need no look at other chunks, and FFmpeg's name
_LAST_FILTER = 4  # each row begins with the number of its filter; FFmpeg takes any other for none
# Chunks without influence on the pixels. Pillow reads the others: transparency, and where a rotation may stand.
_HARMLESS = (b"IHDR", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"tIME")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_ROTATION_KEYWORDS = (b"Raw profile", b"XML:")
_HEADER_END = 33  # signature and IHDR
_MAX_PIXELS = 4 << 20  # the copies made here take several times the image; larger ones are left to Pillow


def read_pixels(data: bytes, max_pixels: int) -> np.ndarray | None:
    """Pixels uint8 `[H, W]` or `[H, W, C]` of a common PNG file; None for all others, which `ease` takes."""
    if len(data) < _HEADER_END or data[24] != 8 or data[25] not in _PLAIN:  # depth and colour type
        return None
    parts = _inflated(data, max_pixels)
    if parts is None or not all(map(_harmless, parts[1])):
        return None
    try:
        import av
    except ImportError:  # its shared libraries may be missing
        return None
    packet = av.Packet(_file(parts[1][:1], parts[2]))
    packet.is_keyframe = True
    codec: Any = av.CodecContext.create("png", "r")  # one per image: it would remember the last one
    codec.thread_count = 1
    try:
        frames = codec.decode(packet)
    except av.FFmpegError:
        return None
    if len(frames) != 1 or frames[0].format.name != _PLAIN[data[25]]:
        return None
    return frames[0].to_ndarray()


def ease(data: bytes, max_pixels: int) -> bytes:
    """A PNG file whose pixels Pillow can read without inflating, or `data` itself."""
    parts = _inflated(data, max_pixels)
    return data if parts is None else _file(parts[1], parts[2])


def _inflated(data: bytes, max_pixels: int) -> tuple[bytes, list[bytes], bytes] | None:
    """(content of IHDR, whole chunks before the pixels, filtered rows), None if the file is unusual or damaged."""
    if fast_zlib is None or not data.startswith(_SIGNATURE):
        return None
    parts = _split(data)
    if parts is None:
        return None
    header, others, compressed = parts
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if interlace or color not in _CHANNELS or not 0 < width * height <= min(max_pixels, _MAX_PIXELS):
        return None
    size = height * (1 + (width * depth * _CHANNELS[color] + 7) // 8)
    try:
        inflater = fast_zlib.decompressobj()
        rows = inflater.decompress(compressed, size + 1)
    except fast_zlib.error:
        return None
    if len(rows) != size or not inflater.eof or max(rows[:: size // height]) > _LAST_FILTER:
        return None
    return header, others, rows


def _harmless(chunk: bytes) -> bool:
    kind = chunk[4:8]
    return kind in _HARMLESS or (kind in _TEXTS and not chunk.startswith(_ROTATION_KEYWORDS, 8))


def _file(chunks: list[bytes], rows: bytes) -> bytes:
    return b"".join((_SIGNATURE, *chunks, *_chunk(b"IDAT", _stored(rows)), *_chunk(b"IEND", [])))


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
