"""What the three scripts share: flag parsing, one-line errors, exit statuses.

Nothing here loads TensorFlow, so that `-h` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from absl import app, logging
from absl.flags import argparse_flags

from gansformer_tf.config.base import ConfigError

STATUS_FAILURE = 1
STATUS_USAGE = 2

_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


class UsageError(Exception):
    """Bad usage found after parsing (a missing folder, say): one line, exit status 2."""


class RunError(Exception):
    """A run that failed: one line, exit status 1."""


class Parser(argparse_flags.ArgumentParser):
    """Argument parser whose errors are one line with a suggestion, and whose help is grouped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=100),
            **kwargs,
        )

    def error(self, message: str) -> NoReturn:
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            unknown = message[len(prefix) :].split()[0].split("=")[0]
            known = [option for action in self._actions for option in action.option_strings]
            close = difflib.get_close_matches(unknown, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"unknown flag {unknown}.{hint}"
        if not message.endswith((".", "?")):  # argparse's own
            message += "."
        self.exit(STATUS_USAGE, f"{self.prog}: error: {message} Run {self.prog} -h for the list.\n")


def parse_bool(text: str) -> bool:
    """True or False from the spellings people type."""
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false; write True or False.")


def add_bool(group: Any, *flags: str, **kwargs: Any) -> None:
    """A switch that also takes a value: `--style`, `--style False` and `--style=False` all work."""
    group.add_argument(*flags, nargs="?", const=True, type=parse_bool, metavar="BOOL", **kwargs)


def comma_list(text: str) -> tuple[str, ...]:
    """`fid,is` as a tuple; `none` and the empty text give an empty one."""
    if text.strip().lower() in ("", "none"):
        return ()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def gpu_list(text: str) -> tuple[int, ...]:
    """`0,1` as device indices; `none` and the empty text give none."""
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of device numbers; write for example --gpus 0 or --gpus 0,1."
        ) from None


def quiet_tensorflow() -> None:
    """Keeps TensorFlow's informative messages off the screen (call before it is imported)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)


def run_script(parser: Parser, main: Callable[[argparse.Namespace], int | None]) -> NoReturn:
    """Parses `sys.argv`, runs `main(arguments)` and exits with its status.

    `ConfigError` and `UsageError` end with status 2, `RunError` and `OSError` with status 1, each with one line.
    """
    quiet_tensorflow()

    def parse(argv: Sequence[str]) -> argparse.Namespace:
        return parser.parse_args(argv[1:])

    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return main(arguments) or 0
        except (ConfigError, UsageError) as error:
            return _complain(parser, error, STATUS_USAGE)
        except RunError as error:
            return _complain(parser, error, STATUS_FAILURE)
        except OSError as error:
            return _complain(parser, _describe(error), STATUS_FAILURE)

    app.run(guarded, flags_parser=parse)
    sys.exit(0)  # pragma: no cover - app.run always exits


def _complain(parser: Parser, error: object, status: int) -> int:
    line = " ".join(str(error).split())
    print(f"{parser.prog}: error: {line}", file=sys.stderr, flush=True)
    return status


def _describe(error: OSError) -> str:
    if error.errno is not None and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return str(error)
