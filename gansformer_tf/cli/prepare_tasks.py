"""`prepare_data.py`: one preparation per data set that was asked for."""

from __future__ import annotations

from pathlib import Path

from gansformer_tf.bars import Bar
from gansformer_tf.cli.common import RunError, UsageError, counted
from gansformer_tf.config.data import PrepareCommand, PrepareConfig
from gansformer_tf.data.download.catalog import CATALOG, Entry
from gansformer_tf.data.download.fetch import DownloadError
from gansformer_tf.data.download.open_entry import open_entry
from gansformer_tf.data.download.unpack import UnpackError
from gansformer_tf.data.manifest import BAD_IMAGES, DatasetError
from gansformer_tf.data.prepare.beam_runner import BeamMissingError, beam_runner
from gansformer_tf.data.prepare.estimate import estimate
from gansformer_tf.data.prepare.local_runner import local_runner
from gansformer_tf.data.prepare.prepare import Outcome, prepare
from gansformer_tf.data.prepare.shard_writer import PrepareError
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.sources.scenes import SceneSource
from gansformer_tf.data.sources.walk import listed
from gansformer_tf.data.workers import WorkerError, default_workers

_CLASSES_SHOWN = 12


def run_tasks(command: PrepareCommand) -> int:
    """Prepares every data set that was asked for, one after the other."""
    for config in command.sets:
        try:
            _run_one(config, command)
        except (SourceError, DatasetError, BeamMissingError) as error:
            raise UsageError(str(error)) from error
        except (PrepareError, WorkerError, DownloadError, UnpackError) as error:
            raise RunError(str(error)) from error
    return 0


def _entry(config: PrepareConfig, command: PrepareCommand) -> Entry | None:
    """What the catalog says of a data set, if it is one of the catalog."""
    if command.images_dir is not None or command.is_scenes(config.name):
        return None
    return CATALOG[config.name]


def _run_one(config: PrepareConfig, command: PrepareCommand) -> None:
    _say_size(config)
    entry = _entry(config, command)
    if command.dry_run and entry is not None and command.source_archive is None:
        _say_catalog(config, entry)
        return
    runner = beam_runner(command.beam_options) if command.runner == "beam" else local_runner(_workers(command))
    source = _source(config, command)
    if command.dry_run:
        _say_estimate(source, config, command)
        return
    with Bar(config.name) as bar:
        outcome = prepare(
            source,
            config,
            command.data_dir,
            runner=runner,
            on_error=command.on_error,
            value_range=command.source.value_range,
            on_progress=bar,
        )
    _say_outcome(outcome)
    if entry is not None:
        print(f"{config.name}: suggested for training: --gamma {entry.gamma:g}")


def _workers(command: PrepareCommand) -> int:
    return default_workers() if command.workers is None else command.workers


def _source(config: PrepareConfig, command: PrepareCommand) -> Source:
    if command.is_scenes(config.name):
        return SceneSource(config.max_images or 0, config.size)
    entry = _entry(config, command)
    if entry is not None:
        archive = None if command.source_archive is None else Path(command.source_archive)
        with _StageBars() as bars:
            return open_entry(entry, Path(command.data_dir), archive, bars)
    source = open_source(command.images_dir or "", command.format, command.source)
    print(f"{config.name}: {counted(len(source))} in {source.place} ({source.format}{_labels(source)})")
    return source


def _labels(source: Source) -> str:
    if source.class_names is None:
        return f", vectors of {source.label_dim} label(s)" if source.label_dim else ""
    names = source.class_names
    if names == tuple(str(number) for number in range(len(names))):
        return f", {len(names)} class(es)"
    shown = [f"{number} = {name}" for number, name in enumerate(names[:_CLASSES_SHOWN])]
    return f", {len(names)} class(es): {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}"


class _StageBars:
    """A bar of bytes for every stage of getting an archive."""

    def __init__(self) -> None:
        self._stage, self._bar = "", Bar("", "B")

    def __enter__(self) -> _StageBars:
        return self

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage != self._stage:
            self._bar.__exit__(None, None, None)
            self._stage, self._bar = stage, Bar(stage, "B")
        self._bar(done, total)

    def __exit__(self, *trace: object) -> None:
        self._bar.__exit__(None, None, None)


def _say_size(config: PrepareConfig) -> None:
    height, width = config.size
    wanted = config.resolution * (config.ratio if config.ratio <= 1 else 1 / config.ratio)
    if abs(min(height, width) - wanted) >= 1:
        print(
            f"{config.name}: images are stored with {height}x{width} pixels (height x width): the shorter side must "
            f"be a multiple of {config.resolution // 4}, and {wanted:.0f} is not."
        )


def _say_catalog(config: PrepareConfig, entry: Entry) -> None:
    archive = entry.archives[0]
    count = min(entry.num_images, config.max_images or entry.num_images)
    print(
        f"{config.name}: would download {archive.url} ({archive.gigabytes:g} GB) and store {count} images of "
        f"{config.size[0]}x{config.size[1]} as {config.encoding}. Nothing was written."
    )


def _say_estimate(source: Source, config: PrepareConfig, command: PrepareCommand) -> None:
    found = estimate(source, config, command.source.value_range)
    workers = max(1, _workers(command))
    height, width = config.size
    print(
        f"{config.name}: {counted(found.num_images)} of {height}x{width} as {config.encoding} in {found.num_shards} "
        f"shard(s), about {found.num_bytes / 1e6:.1f} MB ({found.bytes_per_image / 1024:.1f} KiB each) and "
        f"{found.seconds_per_image * found.num_images / workers / 60:.1f} minutes. Nothing was written."
    )
    for name, problem in found.bad:
        print(f"  bad: {name}: {problem}")


def _say_outcome(outcome: Outcome) -> None:
    manifest, folder = outcome.manifest, outcome.folder
    if outcome.already_done:
        print(f"{manifest.name}: already prepared with these settings in {folder}; nothing to do.")
        return
    size = sum(shard.num_bytes for shard in manifest.shards)
    skipped = f"; {manifest.num_skipped} skipped, see {folder / BAD_IMAGES}" if manifest.num_skipped else ""
    converted = f"; converted: {listed(manifest.converted)}" if manifest.converted else ""
    left_out = f"; left out: {listed(manifest.left_out)}" if manifest.left_out else ""
    kept = f" ({outcome.kept_shards} of them kept from before)" if outcome.kept_shards else ""
    print(
        f"{manifest.name}: {counted(manifest.num_images)} of {manifest.height}x{manifest.width} in "
        f"{len(manifest.shards)} shard(s){kept}, {size / 1e6:.1f} MB, in {folder}{skipped}{converted}{left_out}"
    )
