"""Values that are given by name, on top of a preset."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from gansformer_tf.config import RunConfig
from gansformer_tf.config.base import ConfigError
from gansformer_tf.config.image import geometry
from gansformer_tf.config.presets import merge_sections, preset
from gansformer_tf.config.sections import classes_of, projected, run_of

_PARTS = ("generator", "discriminator", "train")


def preset_config(name: str, resolution: int | tuple[int, int], overrides: dict[str, Any]) -> RunConfig:
    """The configuration of a preset with other values.

    Args:
        name: One of `gansformer_tf.config.presets.PRESET_NAMES`.
        resolution: Side of a square image, or (height, width).
        overrides: Fields of the generator's, the discriminator's or the training's configuration; one that both
            networks have is set in both. `generator`, `discriminator` and `train` are dictionaries for one part alone.
            `features` asks for a projected discriminator.

    Raises:
        ConfigError: There is no such preset or field, or a value breaks a rule.
    """
    chosen = preset(name)
    size = geometry(resolution)
    chosen = merge_sections(chosen, {"generator": dict(size), "discriminator": dict(size)})
    if "features" in overrides.get("discriminator", {}) or "features" in overrides:
        chosen = projected(chosen)
    classes = classes_of(chosen)
    fields = {part: {field.name for field in dataclasses.fields(classes[part])} for part in _PARTS}
    given: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for key, value in overrides.items():
        if key in _PARTS and isinstance(value, dict):
            continue
        owners = [part for part in _PARTS if key in fields[part]]
        if not owners:
            known = sorted(set().union(*fields.values()))
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}."
            raise ConfigError(f"{key} is no setting of the preset {name}; {hint}")
        for part in owners:
            given[part][key] = value
    for part in _PARTS:
        given[part] |= overrides.get(part, {})
    return run_of(merge_sections(chosen, given))
