"""The TFRecord file format, read and written without TensorFlow.

A record is: length (uint64), masked CRC-32C of the length (uint32), payload, masked CRC-32C of the payload (uint32),
all little-endian. Worker processes that only convert images stay small and start at once because of this.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import google_crc32c
import numpy as np

HEADER_BYTES = 12
FOOTER_BYTES = 4
OVERHEAD_BYTES = HEADER_BYTES + FOOTER_BYTES
# A damaged length would otherwise ask for terabytes; no image record comes near this.
MAX_RECORD_BYTES = 1 << 30
_MASK_DELTA = 0xA282EAD8


class CorruptRecordError(ValueError):
    """A record that cannot be read. The message names the file, the record and the remedy."""


def masked_crc32c(data: bytes) -> int:
    """The checksum of the format: CRC-32C, rotated and shifted so that checksums of checksums stay independent."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """One record as it stands in a file."""
    length = struct.pack("<Q", len(payload))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), payload, struct.pack("<I", masked_crc32c(payload)))
    )


def scan(path: str | os.PathLike[str]) -> tuple[np.ndarray, str | None]:
    """Payload lengths of all records in a file, without reading the payloads.

    Returns:
        `(lengths, problem)`: int64 `[records]` of the records that are there in full, and what is wrong with the
        rest of the file (None: nothing). After a damaged length nothing that follows can be found.
    """
    lengths: list[int] = []
    size = os.path.getsize(path)
    offset = 0
    with open(path, "rb", buffering=0) as file:
        while offset < size:
            header = os.pread(file.fileno(), HEADER_BYTES, offset)
            problem = _check_header(header)
            length = struct.unpack("<Q", header[:8])[0] if problem is None else 0
            if problem is None and offset + OVERHEAD_BYTES + length > size:
                problem = f"it needs {OVERHEAD_BYTES + length} bytes but {size - offset} are left: the file was cut"
            if problem is not None:
                return np.array(lengths, np.int64), f"record {len(lengths)} (byte {offset}): {problem}"
            lengths.append(length)
            offset += OVERHEAD_BYTES + length
    return np.array(lengths, np.int64), None


def _check_header(header: bytes) -> str | None:
    if len(header) < HEADER_BYTES:
        return "the file ends inside its length"
    length, crc = struct.unpack("<QI", header)
    if masked_crc32c(header[:8]) != crc:
        return "the checksum of its length does not match"
    if length > MAX_RECORD_BYTES:
        return f"its length is {length} bytes, more than the limit of {MAX_RECORD_BYTES}"
    return None


class RecordFile:
    """Random access to the records of one file.

    Args:
        path: The file.
        lengths: Payload lengths of its records, as `scan` gives them.
    """

    def __init__(self, path: str | os.PathLike[str], lengths: np.ndarray) -> None:
        self._descriptor: int | None = None
        self.path = Path(path)
        self.lengths = np.asarray(lengths, np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths + OVERHEAD_BYTES)])
        self._descriptor = os.open(self.path, os.O_RDONLY)

    def __len__(self) -> int:
        return len(self.lengths)

    def read(self, index: int) -> bytes:
        """Payload of a record. Safe to call from several threads.

        Raises:
            CorruptRecordError: The record was cut off or a checksum does not match.
        """
        if self._descriptor is None:
            raise ValueError(f"{self.path} was closed")
        length = int(self.lengths[index])
        offset = int(self._offsets[index])
        # Three calls, so that the payload is its own object and need not be copied out of the record.
        header = os.pread(self._descriptor, HEADER_BYTES, offset)
        payload = os.pread(self._descriptor, length, offset + HEADER_BYTES)
        footer = os.pread(self._descriptor, FOOTER_BYTES, offset + HEADER_BYTES + length)
        if len(footer) < FOOTER_BYTES:
            raise self._corrupt(index, "the file ends inside it")
        problem = _check_header(header)
        if problem is None and struct.unpack_from("<Q", header)[0] != length:
            problem = "its length differs from the index of the data set"
        if problem is not None:
            raise self._corrupt(index, problem)
        if masked_crc32c(payload) != struct.unpack("<I", footer)[0]:
            raise self._corrupt(index, "the checksum of its content does not match")
        return payload

    def _corrupt(self, index: int, problem: str) -> CorruptRecordError:
        return CorruptRecordError(
            f"corrupt record {index} in shard {self.path.name}: {problem}. "
            f"Prepare the data set again, or restore {self.path} from a copy."
        )

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()
