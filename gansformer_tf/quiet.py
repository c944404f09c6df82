"""TensorFlow without what its libraries print while they are loaded, and without what only they would load."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

# Keras loads these where they are installed, for data frames as input, galleries of images and notebooks, which no
# command has: a third of the seconds that it takes to load TensorFlow, and 97 of its 638 MB.
_LOADED_BY_KERAS = ("IPython", "matplotlib", "pandas")


class SetupError(ValueError):
    """What Keras is set to does not let a command compute; one line that says what to do."""


def import_tensorflow() -> Any:
    """Imports TensorFlow and looks for devices, without what its libraries print before they read their settings.

    For processes that are commands: their Keras does not have pandas, Matplotlib and IPython, unless those are loaded
    already. Everything else still finds them.

    Returns:
        The module. If the import fails, what was printed is shown.

    Raises:
        SetupError: Keras is set to a backend or a number format that commands do not compute with.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            with _hidden(_LOADED_BY_KERAS):
                _require_tensorflow_in_float32()
                import tensorflow as tf

            tf.config.list_physical_devices()
        except SetupError:
            raise
        except BaseException:
            kept.seek(0)
            os.write(screen, kept.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)
    return tf


def _require_tensorflow_in_float32() -> None:
    """Loads Keras.

    Raises:
        SetupError: It runs on something else than TensorFlow, or its layers are not made in float32.
    """
    remedy = "unset KERAS_BACKEND and look into keras.json (in ~/.keras, or the folder of KERAS_HOME)."
    try:
        import keras
    except (ImportError, ValueError) as error:  # a backend that is not installed, a name that is none
        raise SetupError(f"Keras cannot be loaded ({error}); if it is set to another backend, {remedy}") from error
    if (backend := keras.config.backend()) != "tensorflow":
        raise SetupError(f"Keras is set to the backend {backend}, but commands compute with TensorFlow; {remedy}")
    if (floatx := keras.config.floatx()) != "float32":
        raise SetupError(
            f"Keras is set to floatx {floatx}, but networks are made in float32 (--precision chooses what training "
            f"computes with); set floatx to float32 in keras.json (in ~/.keras, or the folder of KERAS_HOME)."
        )


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
