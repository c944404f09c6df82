"""What every command shares with the terminal that it is typed in."""

from __future__ import annotations

import argparse
import io
import os
import sys


def show_any_text() -> None:
    """Has names that the terminal's character set cannot show printed as escapes; call it before anything is printed.

    A file of cp1252 or ASCII would end the command at the first Korean folder name.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def path(text: str) -> str:
    """A place in the file system, as the type of a flag: `~` is the home folder.

    The shell expands `--model ~/x` itself, and leaves `--model=~/x` as it is.

    Raises:
        ArgumentTypeError: The text is empty, or names the home of nobody.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; name a file or folder.")
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"{text!r}: there is no home folder of that name; write ./{text} for a place here."
        )
    return expanded
