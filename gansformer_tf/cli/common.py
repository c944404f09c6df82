"""What the three scripts share: flag parsing, one-line errors, exit statuses.

Nothing here loads TensorFlow, so that `-h` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from absl import app, logging
from absl.flags import argparse_flags

from gansformer_tf.config.base import ConfigError
from gansformer_tf.quiet import SetupError
from gansformer_tf.terminal import show_any_text

STATUS_FAILURE = 1
STATUS_USAGE = 2

# What argparse would take for a flag although it is a value: `-0.1,0.05` or `-1e-3`.
_NEGATIVE = re.compile(r"-[\d.][-+\d.,eE]*")


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

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        return super().parse_known_args(self._joined(sys.argv[1:] if args is None else args), namespace)

    def _joined(self, words: Sequence[str]) -> list[str]:
        """The words with negative numbers behind a flag joined to it, as in `--translate=-0.1,0.05`."""
        takes_value = {
            name: action.nargs != argparse.REMAINDER
            for action in self._actions
            for name in action.option_strings
            if action.nargs != 0
        }
        joined: list[str] = []
        for index, word in enumerate(words):
            before = words[index - 1] if index else ""
            if takes_value.get(before) is False:  # it takes everything that follows
                return joined + list(words[index:])
            if takes_value.get(before) and _NEGATIVE.fullmatch(word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined

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


def quiet_tensorflow() -> None:
    """Keeps TensorFlow's informative messages off the screen (call before it is imported)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)


def run_script(parser: Parser, main: Callable[[argparse.Namespace], int | None]) -> NoReturn:
    """Parses `sys.argv`, runs `main(arguments)` and exits with its status.

    `ConfigError`, `SetupError` and `UsageError` end with status 2, `RunError` and `OSError` with status 1, each with
    one line.
    """
    show_any_text()
    quiet_tensorflow()
    script = sys.modules["__main__"]
    if not hasattr(script, "__spec__"):  # of `%run` in a notebook; multiprocessing wants to read it
        script.__spec__ = None

    def parse(argv: Sequence[str]) -> argparse.Namespace:
        return parser.parse_args(argv[1:])

    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return main(arguments) or 0
        except (ConfigError, SetupError, UsageError) as error:
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


def counted(number: int, what: str = "image") -> str:
    """`1 image`, `2 images`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
