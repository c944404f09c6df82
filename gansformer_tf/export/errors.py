"""What exports and the client of a server raise, and the check for optional packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence


class ExportError(ValueError):
    """An export that cannot be made as asked; the message says what to change."""


class ServingError(RuntimeError):
    """A request that a server did not answer.

    `code` is the status of gRPC in capitals, such as "INVALID_ARGUMENT", "DEADLINE_EXCEEDED" or "UNAVAILABLE", also
    where the request went over REST.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def require_packages(modules: Sequence[str], extra: str, purpose: str) -> None:
    """Raises `ExportError` unless the modules of an extra of this package are installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise ExportError(
            f"{purpose} needs {', '.join(missing)}, which is not installed; pip install 'gansformer-tf[{extra}]'"
        )
