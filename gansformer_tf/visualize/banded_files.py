"""PNG and TIFF files written band by band, so that an image never lies in memory as a whole."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from gansformer_tf.files import replacing
from gansformer_tf.image_files import PNG_KEY

FORMATS = ("png", "tiff")
_LEVEL = 4  # deflate: as small as 6 for images like these, in two thirds of the time
_PNG_COLOURS = {1: 0, 3: 2, 4: 6}
_PNG_UP = 2  # filter: difference to the row above
_PNG_MAX_SIDE = 2**31 - 1
_TIFF_LIMIT = 2**32 - 2**20  # offsets have 32 bits
_SHORT, _LONG, _ASCII = 3, 4, 2


class _Png:
    def __init__(self, file: IO[bytes], height: int, width: int, channels: int, description: str) -> None:
        self.file = file
        self.above = np.zeros((1, width * channels), np.uint8)
        self.deflate = zlib.compressobj(_LEVEL)
        file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOURS[channels], 0, 0, 0))
        self._chunk(b"tEXt", PNG_KEY.encode("latin-1") + b"\0" + description.encode("latin-1"))

    def write(self, rows: np.ndarray) -> None:
        flat = rows.reshape(len(rows), -1)
        differences = flat - np.concatenate([self.above, flat[:-1]])  # modulo 256, as the format wants
        self.above = flat[-1:].copy()
        filtered = np.concatenate([np.full((len(flat), 1), _PNG_UP, np.uint8), differences], axis=1)
        self._chunk(b"IDAT", self.deflate.compress(filtered.tobytes()))

    def finish(self) -> None:
        self._chunk(b"IDAT", self.deflate.flush())
        self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, data: bytes) -> None:
        if data or kind == b"IEND":
            self.file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


class _Tiff:
    """Strips of deflated rows; the directory comes last."""

    def __init__(self, file: IO[bytes], height: int, width: int, channels: int, description: str) -> None:
        self.file, self.size, self.channels = file, (height, width), channels
        self.description = description.encode("ascii") + b"\0"
        self.strips: list[tuple[int, int]] = []
        self.rows_per_strip = 0
        file.write(struct.pack("<2sHI", b"II", 42, 0))

    def write(self, rows: np.ndarray) -> None:
        self.rows_per_strip = self.rows_per_strip or len(rows)  # all bands but the last are of one height
        data = zlib.compress(np.ascontiguousarray(rows).tobytes(), _LEVEL)
        self.strips.append((self.file.tell(), len(data)))
        if self.file.tell() + len(data) > _TIFF_LIMIT:
            raise ValueError("the image does not fit a TIFF file, whose limit is 4 GB; write it as png.")
        self.file.write(data)

    def finish(self) -> None:
        height, width = self.size
        offsets, counts = zip(*self.strips, strict=True)
        entries = [
            (256, _LONG, [width]),
            (257, _LONG, [height]),
            (258, _SHORT, [8] * self.channels),
            (259, _SHORT, [8]),  # deflate
            (262, _SHORT, [1 if self.channels == 1 else 2]),  # grey, RGB
            (270, _ASCII, self.description),
            (273, _LONG, offsets),
            (277, _SHORT, [self.channels]),
            (278, _LONG, [self.rows_per_strip]),
            (279, _LONG, counts),
        ]
        if self.channels == 4:
            entries.append((338, _SHORT, [2]))  # the fourth channel is transparency
        directory = b""
        for tag, kind, values in entries:
            data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{'HI'[kind - _SHORT]}", *values)
            count = len(values)
            if len(data) > 4:
                place, data = self._append(data), b""
                data = struct.pack("<I", place)
            directory += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
        place = self._append(struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0))
        self.file.seek(4)
        self.file.write(struct.pack("<I", place))

    def _append(self, data: bytes) -> int:
        self.file.write(b"\0" * (self.file.tell() % 2))
        place = self.file.tell()
        self.file.write(data)
        return place


@contextmanager
def banded_file(
    path: str | Path, height: int, width: int, channels: int, metadata: dict[str, Any] | None = None
) -> Iterator[Any]:
    """Opens an image whose rows are written from top to bottom; it gets its name when it is complete.

    Args:
        path: Ends in .png or .tiff.
        height, width, channels: Of the image; 1, 3 or 4 channels.
        metadata: JSON-ready values kept inside the file; `read_metadata` returns them.

    Yields:
        An object whose `write` takes bands uint8 `[rows, width, channels]`.

    Raises:
        ValueError: Another format, or an image too large for it.
    """
    path = Path(path)
    form = path.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise ValueError(f"an image of {width}x{height} pixels is written in bands, as {' or '.join(FORMATS)} only.")
    if max(height, width) > _PNG_MAX_SIDE:
        raise ValueError(f"an image of {width}x{height} pixels is larger than {form} files can be.")
    text = json.dumps(metadata or {}, sort_keys=True)
    with replacing(path, durable=False) as temporary, open(temporary, "wb") as file:
        writer = (_Png if form == "png" else _Tiff)(file, height, width, channels, text)
        yield writer
        writer.finish()
