"""PNG and TIFF files written band by band, so that an image never lies in memory as a whole."""

from __future__ import annotations

import itertools
import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from gansformer_tf.files import replacing
from gansformer_tf.image_files import PNG_KEY

FORMATS = ("png", "tiff")
_LEVEL = 4  # deflate: as small as 6 for images like these, in two thirds of the time
_PNG_COLOURS = {1: 0, 3: 2, 4: 6}
_PNG_UP = 2  # filter: difference to the row above
_PNG_MAX_SIDE = 2**31 - 1
_TIFF_LIMIT = 2**32 - 2**20  # pixels beyond this many bytes need offsets of 64 bits (BigTIFF)


def write_in_bands(
    path: str | Path, bands: Iterable[np.ndarray], height: int, width: int, channels: int, metadata: dict[str, Any]
) -> None:
    """Writes an image from top to bottom; it gets its name when it is complete.

    Args:
        path: Ends in .png or .tiff.
        bands: uint8 `[rows, width, channels]`, all of one height but the last.
        height, width, channels: Of the image; 1, 3 or 4 channels.
        metadata: JSON-ready values kept inside the file; `read_metadata` returns them.

    Raises:
        ValueError: Another format, or an image too large for it.
    """
    path = Path(path)
    form = path.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise ValueError(f"an image of {width}x{height} pixels is written in bands, as {' or '.join(FORMATS)} only.")
    if max(height, width) > _PNG_MAX_SIDE:
        raise ValueError(f"an image of {width}x{height} pixels is larger than {form} files can be.")
    text = json.dumps(metadata, sort_keys=True)
    write = _write_png if form == "png" else _write_tiff
    with replacing(path, durable=False) as temporary:
        write(temporary, iter(bands), (height, width, channels), text)


def _write_tiff(path: Path, bands: Iterator[np.ndarray], shape: tuple[int, int, int], description: str) -> None:
    first = next(bands)
    tifffile.imwrite(
        path,
        (zlib.compress(band.tobytes(), _LEVEL) for band in itertools.chain([first], bands)),
        shape=shape if shape[-1] > 1 else shape[:2],
        dtype=np.uint8,
        bigtiff=math.prod(shape) > _TIFF_LIMIT,
        photometric="minisblack" if shape[-1] == 1 else "rgb",
        extrasamples=["unassalpha"] if shape[-1] == 4 else None,
        rowsperstrip=len(first),
        compression="zlib",
        description=description,
        software=False,
        metadata=None,
    )


def _write_png(path: Path, bands: Iterator[np.ndarray], shape: tuple[int, int, int], description: str) -> None:
    """By hand: no library at hand takes the rows of a PNG one after the other."""
    height, width, channels = shape
    deflate = zlib.compressobj(_LEVEL)
    above = np.zeros((1, width * channels), np.uint8)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOURS[channels], 0, 0, 0)))
        file.write(_chunk(b"tEXt", PNG_KEY.encode("latin-1") + b"\0" + description.encode("latin-1")))
        for band in bands:
            flat = band.reshape(len(band), -1)
            differences = flat - np.concatenate([above, flat[:-1]])  # modulo 256, as the format wants
            above = flat[-1:].copy()
            filtered = np.concatenate([np.full((len(flat), 1), _PNG_UP, np.uint8), differences], axis=1)
            file.write(_chunk(b"IDAT", deflate.compress(filtered.tobytes())))
        file.write(_chunk(b"IDAT", deflate.flush()))
        file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
