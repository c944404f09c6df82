"""Static arguments of another code base, each of which must be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gansformer_tf.config import ConfigError

_REQUIRED = object()


class Arguments:
    """A dictionary of arguments that remembers which of them nobody has read.

    Args:
        values: Names and values; dictionaries inside become groups.
        where: What the arguments belong to, for messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._left = dict(values)
        self._groups: list[Arguments] = []
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, default: Any = _REQUIRED) -> Any:
        """The value of an argument.

        Raises:
            ConfigError: It is missing and there is no default.
        """
        if name not in self._left and default is _REQUIRED:
            raise ConfigError(f"the static argument {name!r} of the {self.where} is missing.")
        return self._left.pop(name, default)

    def expect(self, name: str, allowed: Any, reason: str) -> None:
        """Reads an argument that may have one value only.

        Raises:
            ConfigError: It has another one.
        """
        value = self._left.pop(name, allowed)
        value = list(value) if isinstance(value, tuple) else value
        if value != allowed:
            raise ConfigError(
                f"the static argument {name!r} of the {self.where} is {value!r}; only {allowed!r} works: {reason}."
            )

    def ignore(self, *names: str) -> None:
        """Reads arguments that make no difference to the numbers of the network."""
        for name in names:
            self._left.pop(name, None)

    def group(self, name: str) -> Arguments:
        """The arguments in a dictionary among these."""
        values = self._left.pop(name, None) or {}
        self._groups.append(Arguments(values, f"{name} of the {self.where}"))
        return self._groups[-1]

    def finish(self) -> None:
        """Checks that every argument was read.

        Raises:
            ConfigError: One was not; it is named.
        """
        for arguments in (self, *self._groups):
            if arguments._left:
                raise ConfigError(f"unknown static argument {min(arguments._left)!r} of the {arguments.where}.")
