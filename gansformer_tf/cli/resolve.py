"""From typed flags to the configuration of a run: defaults < preset < the run's saved values < typed flags."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.options import RunOptions
from gansformer_tf.config import GeneratorConfig, ProjectedConfig, RunConfig, to_dict
from gansformer_tf.config.base import is_power_of_two
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.config.image import BASE_GRID
from gansformer_tf.config.presets import Sections, form_values, merge_sections, preset
from gansformer_tf.config.sections import SECTIONS, classes_of, projected, run_of
from gansformer_tf.config.stages import NO_DISTANCE

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
    config.model.check_pair()
    _require_features(config)
    _require_distance(config)
    _require_first_stage(options, config, saved is None)
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
        sections = merge_sections(preset(name, dataset) if name else {}, form_values(form))
        sections = merge_sections(_of_family(COMMAND_LINE_DEFAULTS, sections), sections)
        if "features" in typed["discriminator"]:
            sections = projected(sections)
    else:
        sections = _sections_of(saved)
    _require_read(typed, classes_of(sections)["generator"])
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


def _of_family(values: Sections, sections: Sections) -> Sections:
    """The values whose fields the chosen families have."""
    known = {name: {field.name for field in dataclasses.fields(cls)} for name, cls in classes_of(sections).items()}
    return {
        name: {field: value for field, value in given.items() if field in known[name]} for name, given in values.items()
    }


def _require_read(typed: Sections, family: type[GeneratorConfig]) -> None:
    """Raises UsageError for a flag about training that the chosen family's training does not read."""
    for flag in COMMAND.flags:
        for section in flag.sections:
            unread = {"train": flag.target in family.unread_settings, "stages": not family.trained_in_stages}
            if unread.get(section) and flag.target in typed[section]:
                name = getattr(family, "family", "") or "GANsformer"
                raise UsageError(f"{flag.name} sets what training of a {name} generator does not have; leave it out.")


def _require_distance(config: RunConfig) -> None:
    """Raises UsageError where the perceptual distance of stage 1 cannot be had, or nothing is left to train on."""
    if config.stages is None:
        return
    from gansformer_tf.features.errors import FeatureError
    from gansformer_tf.features.weights import find_weights

    config.stages.check_data(min(config.data.num_images or 0, config.data.max_images or config.data.num_images or 0))
    wanted, (height, width) = config.stages.perceptual, (config.model.generator.height, config.model.generator.width)
    if wanted in FEATURE_NETWORKS:
        least = FEATURE_NETWORKS[wanted].least_side
        if min(height, width) < least:
            raise UsageError(
                f"--perceptual {wanted} needs images of at least {least} pixels on each side; these have "
                f"{height}x{width}. Give --perceptual none."
            )
        try:
            find_weights(wanted)
        except FeatureError as error:
            raise UsageError(f"{str(error).rstrip('.')}; or give --perceptual none.") from error
    elif wanted != NO_DISTANCE:
        missing = [name for name in wanted.split(",") if not Path(name.strip()).expanduser().is_file()]
        if missing:
            raise UsageError(
                f"--perceptual {wanted}: there is no file {missing[0]}; name one of {', '.join(FEATURE_NETWORKS)}, "
                "none, or the files of VGG-16 and its heads, separated by a comma."
            )


def _require_first_stage(options: RunOptions, config: RunConfig, begins: bool) -> None:
    """Raises UsageError for a run of stage 2 alone that is given no codes to learn."""
    if begins and config.stages is not None and config.stages.stage1_share == 0.0 and options.pretrained_pkl is None:
        raise UsageError(
            "--stage1-share 0 trains stage 2 alone, and there is no stage 1 whose codes it could learn; name a "
            "snapshot that has one with --pretrained-pkl, or give a share above 0."
        )


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
    values["stages"] = values["stages"] or {}
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
_FREE_FIELDS = {
    *("truncation_psi", "attention_dropout", "component_dropout"),
    *("temperature", "top_k", "top_p", "dropout", "embedding_dropout", "residual_dropout", "token_keep"),
}


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
    if saved.stages is not None and config.stages is not None and saved.stages.held_out != config.stages.held_out:
        raise UsageError(
            f"this run was started with --held-out {saved.stages.held_out}, now it is {config.stages.held_out}, which "
            "would train on images that it was measured with; leave the flag out, or start a new run with --restart."
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
