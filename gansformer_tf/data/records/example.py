"""`tf.train.Example` messages (protocol buffers) as dictionaries, without TensorFlow.

Wire format: `Example{1: Features{1: map entry{1: key, 2: Feature}}}`, where a Feature is a oneof of
`1: BytesList`, `2: FloatList` (packed) and `3: Int64List` (packed), each with its values in field 1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np

Value = bytes | str | int | float | list | np.ndarray

_BYTES, _FLOATS, _INTS = 1, 2, 3
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative integers are stored as their 64-bit two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(payload)) + payload


def _feature(value: Value) -> bytes:
    values: list = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    if all(isinstance(one, bytes | str) for one in values):
        texts = (one.encode() if isinstance(one, str) else one for one in values)
        return _field(_BYTES, b"".join(_field(1, text) for text in texts))
    if all(isinstance(one, int | np.integer) for one in values):
        return _field(_INTS, _field(1, b"".join(_varint(int(one)) for one in values)))
    return _field(_FLOATS, _field(1, struct.pack(f"<{len(values)}f", *values)))


def encode_example(features: Mapping[str, Value]) -> bytes:
    """A serialised `tf.train.Example`. Keys are written in sorted order, so that equal content is equal bytes."""
    entries = (_field(1, _field(1, key.encode()) + _field(2, _feature(features[key]))) for key in sorted(features))
    return _field(1, b"".join(entries))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise ValueError("a number longer than 64 bits")


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields (field number, wire type, start, end) of every field of a message."""
    while at < end:
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _read_varint(data, at)
        elif kind == _VARINT:
            length = _read_varint(data, at)[1] - at
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"an unknown wire type {kind}")
        if at + length > end:
            raise ValueError("a field that is longer than its message")
        yield tag >> 3, kind, at, at + length
        at += length


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _read_list(data: bytes, content: int, start: int, end: int) -> list:
    values: list = []
    for _, kind, at, stop in _fields(data, start, end):
        if content == _BYTES:
            values.append(data[at:stop])
        elif content == _FLOATS:
            values.extend(struct.unpack(f"<{(stop - at) // 4}f", data[at:stop]))
        else:  # one number (varint) or many (packed)
            if kind not in (_VARINT, _LENGTH):
                raise ValueError("an integer of an unknown wire type")
            while at < stop:
                one, at = _read_varint(data, at)
                values.append(_signed(one))
    return values


def decode_example(data: bytes) -> dict[str, list]:
    """The features of a serialised `tf.train.Example`: bytes, floats or ints in lists.

    Raises:
        ValueError: The bytes are no such message.
    """
    features: dict[str, list] = {}
    try:
        for outer, _, start, end in _fields(data, 0, len(data)):
            if outer != 1:
                continue
            for number, _, entry, entry_end in _fields(data, start, end):
                if number == 1:
                    key, values = _read_entry(data, entry, entry_end)
                    features[key] = values
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"not a tf.train.Example message ({error})") from error
    return features


def _read_entry(data: bytes, start: int, end: int) -> tuple[str, list]:
    key, values = "", []
    for number, _, at, stop in _fields(data, start, end):
        if number == 1:
            key = data[at:stop].decode()
        elif number == 2:
            for content, _, inner, inner_end in _fields(data, at, stop):
                values = _read_list(data, content, inner, inner_end)
    return key, values


def find_feature(data: bytes, key: str) -> list:
    """The values of one feature, without decoding the others.

    Raises:
        ValueError: The bytes are no `tf.train.Example`, or have no such feature.
    """
    kind, start, end = _locate(data, key)
    return _read_list(data, kind, start, end)


def find_bytes(data: bytes, key: str) -> tuple[int, int]:
    """Where in `data` the (first) value of a bytes feature starts and ends: large values need not be copied.

    Raises:
        ValueError: The bytes are no `tf.train.Example`, or have no such feature.
    """
    kind, start, end = _locate(data, key)
    if kind == _BYTES:
        for _, _, first, last in _fields(data, start, end):
            return first, last
    raise ValueError(f"the feature {key} holds no bytes")


def _locate(data: bytes, key: str) -> tuple[int, int, int]:
    """(kind of list, start, end) of the values of a feature."""
    wanted = key.encode()
    try:
        for outer, _, start, end in _fields(data, 0, len(data)):
            if outer != 1:
                continue
            for _, _, entry, entry_end in _fields(data, start, end):
                name = b""
                for number, _, at, stop in _fields(data, entry, entry_end):
                    if number == 1:
                        name = data[at:stop]
                        if name != wanted:
                            break
                    elif number == 2 and name == wanted:
                        for kind, _, first, last in _fields(data, at, stop):
                            return kind, first, last
    except IndexError as error:
        raise ValueError(f"not a tf.train.Example message ({error})") from error
    raise ValueError(f"it has no feature {key}")
