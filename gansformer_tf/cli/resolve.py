"""From typed flags to the configuration of a run: defaults < preset < the run's saved values < typed flags."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.options import RunOptions
from gansformer_tf.config import ProjectedConfig, RunConfig, to_dict
from gansformer_tf.config.base import is_power_of_two
from gansformer_tf.config.image import BASE_GRID
from gansformer_tf.config.presets import Sections, form_values, merge_sections, preset
from gansformer_tf.config.sections import SECTIONS, classes_of, projected, run_of

# Where the published command line differs from the defaults of the classes.
COMMAND_LINE_DEFAULTS: Sections = {"generator": {"truncation_psi": 0.75}}


def resolve(options: RunOptions, saved: RunConfig | None) -> RunConfig:
    """The configuration of a run.

    Args:
        options: What was typed.
        saved: What the run was started with, if it is resumed.

    Raises:
        UsageError: Flags that contradict each other, the data set or the run.
        ConfigError: A value that breaks a rule.
    """
    if saved is not None:
        _require_same_preset(saved, _preset_name(options))
    config = saved if saved is not None and options.reload else _chosen(options, saved)
    config = _with_data_set(config, options.resolution)
    _require_features(config)
    if saved is not None:
        _require_same_run(saved, config)
    config.model.discriminator.check_batch(config.train.batch_size_per_replica, of=config.train.batch_size)
    return config


def _chosen(options: RunOptions, saved: RunConfig | None) -> RunConfig:
    """What presets, the saved run and flags ask for, whatever the data set."""
    typed = {name: options.typed.get(name, {}) for name in SECTIONS}
    name = _preset_name(options)
    if saved is None:
        dataset = typed["data"].get("dataset")
        if not dataset:
            raise UsageError("--dataset is missing; name a data set made by prepare_data.py: --dataset NAME.")
        form = typed["generator"].get("attention_form", "")
        sections = merge_sections(COMMAND_LINE_DEFAULTS, preset(name, dataset) if name else {}, form_values(form))
        if "features" in typed["discriminator"]:
            sections = projected(sections)
    else:
        sections = _sections_of(saved)
    sections = merge_sections(sections, _fitting(typed, sections))
    return dataclasses.replace(run_of(sections), preset=name if saved is None else saved.preset)


def _preset_name(options: RunOptions) -> str:
    """The preset that flags name; empty for none."""
    chosen = [
        (flag, name)
        for flag, name in (
            ("--gansformer-default", "gansformer-default" if options.gansformer_default else None),
            ("--baseline", options.baseline),
            ("--preset", options.preset),
        )
        if name
    ]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0][0]} and {chosen[1][0]} both choose a set of values; use one of them.")
    return chosen[0][1] if chosen else ""


def _fitting(typed: Sections, sections: Sections) -> Sections:
    """What was typed, for the families that were chosen; a flag of both networks sets those that have its field.

    Raises:
        UsageError: A flag is about something that the chosen family of networks does not have.
    """
    kept = dict(typed)
    for network, cls in classes_of(sections).items():
        if network not in ("generator", "discriminator"):
            continue
        known = {field.name for field in dataclasses.fields(cls)}
        for field in typed[network]:
            flags = [flag for flag in COMMAND.flags if network in flag.sections and flag.target == field]
            shared = network == "discriminator" and any("generator" in flag.sections for flag in flags)
            if field not in known and not shared:
                names = " or ".join(flag.name for flag in flags)
                family = sections[network].get("family", getattr(cls, "family", ""))
                raise UsageError(f"{names} sets what a {family} {network} does not have; leave it out.")
        kept[network] = {field: value for field, value in typed[network].items() if field in known}
    return kept


def _require_features(config: RunConfig) -> None:
    """Raises UsageError where the discriminator needs a feature network that is not installed."""
    if not isinstance(config.model.discriminator, ProjectedConfig):
        return
    from gansformer_tf.features.errors import FeatureError
    from gansformer_tf.features.weights import find_weights

    try:
        find_weights(config.model.discriminator.features)
    except FeatureError as error:
        raise UsageError(str(error)) from error


def _sections_of(config: RunConfig) -> Sections:
    values = to_dict(config)
    del values["preset"]  # the values that it gave are there
    return {**values.pop("model"), **values}


def _with_data_set(config: RunConfig, typed: int | None) -> RunConfig:
    """Gives the networks the geometry of the data set, and notes how many images it has.

    Args:
        config: Of a run.
        typed: The resolution that it must have, if one was typed.
    """
    from gansformer_tf.data.manifest import DatasetError
    from gansformer_tf.data.read.open import read_info

    folder = Path(config.data.data_dir) / config.data.dataset
    try:
        info = read_info(folder)
        height, width = info.cropped_size(config.data.ratio)
    except DatasetError as error:
        raise UsageError(str(error)) from error
    if typed is not None and not is_power_of_two(typed):
        raise UsageError(f"--resolution {typed} is not a power of two; data sets have 8, 16, 32, 64, 128, ... pixels.")
    if typed is not None and typed != info.resolution:
        raise UsageError(
            f"--resolution {typed}, but the images of {folder} have {info.height}x{info.width} pixels; leave the flag "
            f"out, or prepare the data set again with --resolution {typed}."
        )
    if config.data.use_labels and not info.label_dim:
        raise UsageError(f"--use-labels, but the data set {folder} has no labels; leave the flag out.")
    resolution = max(height, width)
    geometry = {
        "resolution": resolution,
        "base_height": height * BASE_GRID // resolution,
        "base_width": width * BASE_GRID // resolution,
        "image_channels": info.channels,
        "label_dim": info.label_dim if config.data.use_labels else 0,
    }
    data = dataclasses.replace(config.data, num_images=info.num_images)
    return dataclasses.replace(config, model=config.model.with_images(**geometry), data=data)


# Fields that leave the weights as they are, so that a run may change them when it is resumed.
_FREE_FIELDS = {"truncation_psi", "attention_dropout", "component_dropout"}


def _require_same_run(saved: RunConfig, config: RunConfig) -> None:
    """A resumed run keeps its networks, what of them is trained, and its images.

    Raises:
        UsageError: They would differ.
    """
    _require_same_model(saved, config)
    old, new = saved.train.freeze_d, config.train.freeze_d
    if old != new:
        raise UsageError(
            f"this run was started with --freeze-d {old}, now it is {new}; leave the flag out, or start a new run from "
            f"this one with --restart --pretrained-pkl and its folder."
        )
    before, now = saved.data.num_images, config.data.num_images
    if before is not None and before != now:  # runs of older versions did not note it
        raise UsageError(
            f"this run was started on {before} images, now {Path(config.data.data_dir) / config.data.dataset} has "
            f"{now}, so it would not go on as it began; use the data set of the run, or start a new run with --restart "
            "(with --pretrained-pkl and this one's folder to go on from its weights)."
        )


def _require_same_preset(saved: RunConfig, name: str) -> None:
    """The values of a run come before those of a preset, which would therefore change nothing.

    Raises:
        UsageError: Another preset is named than the one that the run was started from.
    """
    if name and saved.preset is not None and name != saved.preset:
        before = f"with the preset {saved.preset}" if saved.preset else "without a preset"
        raise UsageError(
            f"this run was started {before}, now it is {name}; leave the flag out, or start a new run with --restart."
        )


def _require_same_model(saved: RunConfig, config: RunConfig) -> None:
    for network in ("generator", "discriminator"):
        old, new = to_dict(getattr(saved.model, network)), to_dict(getattr(config.model, network))
        for field, value in old.items():
            if field not in _FREE_FIELDS and new[field] != value:
                raise UsageError(
                    f"this run was started with {network}.{field} = {value}, now it is {new[field]}; leave the flag "
                    "that changes it out, use the data set of the run, or start a new run with --restart."
                )
