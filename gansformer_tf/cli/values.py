"""What is typed behind flags: text to values, with errors that say what to write."""

from __future__ import annotations

import argparse

_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


def boolean(text: str) -> bool:
    """True or False from the spellings people type."""
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false; write True or False.")


def comma_list(text: str) -> tuple[str, ...]:
    """`fid,is` as a tuple; `none` and the empty text give an empty one."""
    if text.strip().lower() in ("", "none"):
        return ()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def gpu_list(text: str) -> tuple[int, ...]:
    """`0,1` as device indices; `none` and the empty text give none."""
    try:
        return tuple(int(part) for part in comma_list(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of device numbers; write for example --gpus 0 or --gpus 0,1."
        ) from None


def number_list(text: str) -> tuple[int, ...]:
    """`1,2,4` as whole numbers; `none` and the empty text give none."""
    parts = comma_list(text)
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers; write for example 1,2,4.")
    return tuple(int(part) for part in parts)


def class_list(text: str) -> tuple[int, ...]:
    """`0,3` as class numbers."""
    parts = comma_list(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of class numbers; write for example --labels 0,3.")
    return tuple(int(part) for part in parts)


def window(text: str) -> tuple[int, int, int, int]:
    """`x0,y0,x1,y1` in pixels."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no window; write x0,y0,x1,y1 in pixels, such as 0,0,512,256.")
    x0, y0, x1, y1 = (int(part) for part in parts)
    return x0, y0, x1, y1


def shift(text: str) -> tuple[float, float]:
    """`x,y`."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no shift; write x,y, such as 0.1,-0.05.") from None
    return x, y


def grid_size(text: str) -> bool | tuple[int, int]:
    """True or False, or `4x2` as (columns, rows)."""
    columns, _, rows = text.lower().partition("x")
    return (int(columns), int(rows)) if columns.isdecimal() and rows.isdecimal() else boolean(text)


def none_or_str(text: str) -> str | None:
    """A text, or None for "none"."""
    return None if text.lower() == "none" else text
