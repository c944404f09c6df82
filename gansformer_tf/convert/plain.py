"""Values of a pickle as plain JSON values."""

from __future__ import annotations

from typing import Any

from gansformer_tf.convert.closed_pickle import Record
from gansformer_tf.convert.errors import ForeignFileError, quoted
from gansformer_tf.convert.pickled_arrays import as_array

MAX_DEPTH = 8
MAX_VALUES = 10_000
MAX_TEXT = 1000


class PlainCopy:
    """Copies arguments of networks; one object counts the values of a whole file."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def __call__(self, value: Any, where: str, depth: int = 0) -> Any:
        """A JSON value equal to `value`.

        Raises:
            ForeignFileError: It is something else than numbers, texts, lists and dictionaries, or too much of them.
        """
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise ForeignFileError(f"the {where} have more values than arguments of a network")
        if isinstance(value, dict):
            return {self._text(name, where): self(item, where, depth + 1) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item, where, depth + 1) for item in value]
        if isinstance(value, str):
            return self._text(value, where)
        if value is None or isinstance(value, bool | int | float):
            return value
        array = as_array(value)
        if array is not None and array.ndim <= 1 and array.size <= MAX_VALUES:
            return self(array.tolist(), where, depth + 1)
        what = f"an object of {value.symbol}" if isinstance(value, Record) else f"a value of type {quoted(value)}"
        raise ForeignFileError(f"the {where} hold {what}; only numbers and texts are arguments of a network")

    def _text(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
            raise ForeignFileError(f"the {where} hold {quoted(value)}, which is no argument of a network")
        return value
