"""What goes wrong with files of other code bases."""


class ForeignFileError(ValueError):
    """A file that cannot be read or imported; the message says why, in one line."""


# A name inside a file is shown up to this many characters.
_SHOWN = 120


def quoted(value: object) -> str:
    """Text of a file for a message: short, and without characters that a terminal acts upon."""
    text = value if isinstance(value, str) else type(value).__name__
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
