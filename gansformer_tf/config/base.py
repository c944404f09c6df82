"""Shared machinery of the configuration dataclasses: errors, dict conversion, checks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

ConfigT = TypeVar("ConfigT")


class ConfigError(ValueError):
    """A configuration that cannot be built. The message gives the value, the rule and the remedy."""


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError(message)` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)


def require_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises `ConfigError` unless `value` is one of `choices`."""
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise ConfigError(f"{name} is {value!r}; it must be one of: {listed}.")


def require_positive(name: str, value: float) -> None:
    """Raises `ConfigError` unless `value` is a finite number greater than zero."""
    require(value > 0, f"{name} is {value}; it must be greater than 0.")
    require(math.isfinite(value), f"{name} is {value}; it must be a finite number, such as 1.")


def require_weight(name: str, value: float) -> None:
    """Raises `ConfigError` unless `value` is a finite number of at least zero."""
    require(
        0.0 <= value < math.inf,
        f"{name} is {value}; the weight of a regulariser is a finite number and cannot be negative.",
    )


def require_probability(name: str, value: float) -> None:
    """Raises `ConfigError` unless `value` lies in [0, 1]."""
    require(0.0 <= value <= 1.0, f"{name} is {value}; a probability must lie between 0 and 1.")


def is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON-ready dictionary of a configuration dataclass (nested ones included).

    Example:

    >>> gf.config.to_dict(gf.config.DataConfig(dataset="birds"))["dataset"]
    'birds'
    """
    return dataclasses.asdict(config)


def from_dict(cls: type[ConfigT], values: dict[str, Any], where: str = "") -> ConfigT:
    """Builds `cls` from a dictionary; missing keys take the default.

    Args:
        cls: Class of the configuration; nested ones of another family are known by their `family`.
        values: As `to_dict` gives them.
        where: What stands before the key in messages.

    Raises:
        ConfigError: An unknown key, a value of another type, or one that breaks a rule.

    Example:

    >>> config = gf.config.from_dict(gf.config.DiscriminatorConfig, {"resolution": 32})
    >>> config.resolution, gf.config.to_dict(config)["resolution"]
    (32, 32)
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where or cls.__name__} is {type(values).__name__}; expected a JSON object.")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        known = ", ".join(sorted(fields))
        raise ConfigError(f"unknown key {where + unknown[0]!r} in the configuration; known keys: {known}.")
    built = {}
    for name, value in values.items():
        nested = fields[name].metadata.get("config")
        if nested is not None and value is not None:
            chosen = family_of(value, fields[name].metadata["families"], f"{where}{name}.") or nested
            built[name] = from_dict(chosen, value, where=f"{where}{name}.")
            continue
        built[name] = tuple(value) if isinstance(value, list) else value
        _require_type(where + name, built[name], hints[name])
    return cls(**built)


def _require_type(name: str, value: Any, hint: Any) -> None:
    """Raises `ConfigError` unless a value has the type of its field; whole numbers may stand for real ones."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    allowed = {get_origin(kind) or kind for kind in kinds}
    if float in allowed:
        allowed.add(int)
    if type(value) not in allowed:
        listed = " or ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in allowed))
        raise ConfigError(f"{name} is {value!r}; it must be of type {listed}.")


def family_of(values: Any, families: Mapping[str, type], where: str = "") -> type | None:
    """The configuration dataclass that the key `family` of a dictionary names; None without the key.

    Raises:
        ConfigError: There is no such family.
    """
    name = values.get("family") if isinstance(values, dict) and families else None
    if name is None:
        return None
    require_choice(f"{where}family", name, list(families))
    return families[name]


def nested(cls: type, families: Mapping[str, type] | None = None, optional: bool = False) -> Any:
    """A dataclass field that holds another configuration dataclass, `cls` or the one of `families` its key names.

    With `optional` it may be None, and is by default.
    """
    metadata = {"config": cls, "families": families or {}}
    return dataclasses.field(default_factory=(lambda: None) if optional else cls, metadata=metadata)
