"""What a layer or network says of a tensor that it cannot take."""

from __future__ import annotations

from typing import Any

import keras


def check_input(value: Any, shape: tuple[int | str, ...], owner: str, what: str = "inputs have") -> None:
    """Raises unless a tensor has a shape, and floating point numbers.

    Args:
        value: The tensor, traced or not.
        shape: A number for each axis that has to have it, a word for any other.
        owner: What takes it, such as "this discriminator".
        what: The beginning of the message.

    Raises:
        ValueError: The value, the rule and the remedy.
    """
    found = tuple(value.shape)
    rule = f"[{', '.join(map(str, shape))}]"
    if len(found) != len(shape) or any(
        isinstance(wanted, int) and size is not None and int(size) != wanted
        for size, wanted in zip(found, shape, strict=True)
    ):
        raise ValueError(f"{what} shape {found}; {owner} takes {rule}.{_remedy(found, shape)}")
    dtype = keras.backend.standardize_dtype(value.dtype)
    if "float" not in dtype:
        raise ValueError(
            f"{what} the type {dtype}; {owner} takes floating point numbers. Pixels 0 to 255 become "
            "ops.cast(images, 'float32') / 127.5 - 1."
        )


def _remedy(found: tuple[Any, ...], shape: tuple[int | str, ...]) -> str:
    if len(found) == len(shape) - 1:
        return " Add the axis of the batch: x[None]."
    if len(found) == len(shape) == 4 and found[1] == shape[3]:
        return " It has channels first: transpose it with (0, 2, 3, 1)."
    return ""
