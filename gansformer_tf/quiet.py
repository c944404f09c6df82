"""TensorFlow without what its libraries print while they are loaded, and without what only they would load."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

# Keras loads these where they are installed, for data frames as input, galleries of pictures and notebooks, which no
# command has: a third of the seconds that it takes to load TensorFlow, and 97 of its 638 MB.
_LOADED_BY_KERAS = ("IPython", "matplotlib", "pandas")


class SetupError(RuntimeError):
    """What is installed, or set in the environment, does not let a command compute; one line that says what to do."""


def import_tensorflow() -> Any:
    """Imports TensorFlow and looks for devices, without what its libraries print before they read their settings.

    For processes that are commands: their Keras does not have pandas, Matplotlib and IPython, unless those are loaded
    already. Everything else still finds them.

    Returns:
        The module. If the import fails, what was printed is shown.

    Raises:
        SetupError: Keras is set to a backend or a number format that the commands do not compute with.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            with _hidden(_LOADED_BY_KERAS):
                import tensorflow as tf

            tf.config.list_physical_devices()
        except BaseException:
            kept.seek(0)
            os.write(screen, kept.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)
    return tf


@contextlib.contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Has imports of modules that are not loaded yet fail as if those were not installed."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # Python's way to forbid an import
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
