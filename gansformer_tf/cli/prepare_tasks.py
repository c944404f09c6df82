"""`prepare_data.py`: one preparation per data set that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansformer_tf.bars import Bar
from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.download.catalog import CATALOG, open_entry
from gansformer_tf.data.download.fetch import DownloadError
from gansformer_tf.data.download.unpack import UnpackError
from gansformer_tf.data.manifest import BAD_IMAGES, DatasetError
from gansformer_tf.data.prepare.beam_runner import BeamMissingError, beam_runner
from gansformer_tf.data.prepare.estimate import estimate
from gansformer_tf.data.prepare.local_runner import local_runner
from gansformer_tf.data.prepare.prepare import Outcome, prepare
from gansformer_tf.data.prepare.runner import Runner
from gansformer_tf.data.prepare.shard_writer import SKIP, PrepareError
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.open import SourceOptions, open_source
from gansformer_tf.data.sources.scenes import DEFAULT_COUNT, DEFAULT_RESOLUTION, SceneSource
from gansformer_tf.data.sources.walk import listed
from gansformer_tf.data.workers import WorkerError, default_workers

SCENES = "scenes"


def run_tasks(given: dict[str, Any]) -> int:
    """Prepares every data set that was asked for, one after the other."""
    names = list(dict.fromkeys(given["tasks"]))
    if "images_dir" in given and len(names) > 1:
        raise UsageError(f"--images-dir belongs to one data set; prepare {', '.join(names)} with separate commands.")
    if "source_archive" in given and (len(names) > 1 or names[0] not in CATALOG):
        raise UsageError("--source-archive belongs to one data set of the catalog, for example --clevr.")
    if given.get("workers", 1) < 0:
        raise UsageError(f"--workers is {given['workers']}; give 0 (no extra process) or more.")
    if "beam_options" in given and given.get("runner") != "beam":
        raise UsageError("--beam-options needs --runner beam.")
    configs = [_config(name, given) for name in names]  # all of them are checked before any work begins
    for config in configs:
        try:
            _run_one(config, given)
        except (SourceError, DatasetError, BeamMissingError) as error:
            raise UsageError(str(error)) from error
        except (PrepareError, WorkerError, DownloadError, UnpackError) as error:
            raise RunError(str(error)) from error
    return 0


def _is_scenes(name: str, given: dict[str, Any]) -> bool:
    return given.get("format") == SCENES or (name == SCENES and "images_dir" not in given)


def _in_catalog(name: str, given: dict[str, Any]) -> bool:
    return name in CATALOG and "images_dir" not in given and not _is_scenes(name, given)


def _config(name: str, given: dict[str, Any]) -> PrepareConfig:
    fields = ("resolution", "ratio", "fit", "resize_filter", "encoding", "quality", "channels", "max_images")
    values = {field: given[field] for field in fields if field in given}
    if "shards_num" in given:
        values["num_shards"] = given["shards_num"]
    if _is_scenes(name, given):
        values = {"resolution": DEFAULT_RESOLUTION, "max_images": DEFAULT_COUNT, **values}
    elif _in_catalog(name, given):
        entry = CATALOG[name]
        values = {"resolution": entry.resolution, "ratio": entry.ratio, "num_shards": entry.num_shards, **values}
    elif "images_dir" not in given:
        raise UsageError(f"--task {name} needs --images-dir, the folder or file of its pictures.")
    return PrepareConfig(name=name, **values)


def _run_one(config: PrepareConfig, given: dict[str, Any]) -> None:
    _say_size(config)
    if given.get("dry_run") and _in_catalog(config.name, given) and "source_archive" not in given:
        _say_catalog(config)
        return
    runner = _runner(given)
    source = _source(config, given)
    if given.get("dry_run"):
        _say_estimate(source, config, given)
        return
    with Bar(config.name) as bar:
        outcome = prepare(
            source,
            config,
            given.get("data_dir", "datasets"),
            runner=runner,
            on_error=given.get("on_error", SKIP),
            value_range=given.get("value_range"),
            on_progress=bar,
        )
    _say_outcome(outcome)
    if _in_catalog(config.name, given):
        print(f"{config.name}: suggested for training: --gamma {CATALOG[config.name].gamma:g}")


def _runner(given: dict[str, Any]) -> Runner:
    if given.get("runner") == "beam":
        return beam_runner(given.get("beam_options", ""))
    return local_runner(given.get("workers", default_workers()))


def _source(config: PrepareConfig, given: dict[str, Any]) -> Source:
    if _is_scenes(config.name, given):
        return SceneSource(config.max_images or 0, config.size)
    if _in_catalog(config.name, given):
        archive = Path(given["source_archive"]) if "source_archive" in given else None
        with _StageBars() as bars:
            return open_entry(CATALOG[config.name], Path(given.get("data_dir", "datasets")), archive, bars)
    fields = ("array_key", "tfds_key", "split", "value_range", "array_shape", "labels")
    options = SourceOptions(**{field: given[field] for field in fields if field in given})
    source = open_source(given["images_dir"], given.get("format"), options)
    labels = f", {source.label_dim} label{'s' if source.class_names is not None else ' numbers'}"
    print(
        f"{config.name}: {len(source)} pictures in {source.place} ({source.format}{labels if source.label_dim else ''})"
    )
    return source


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
            f"{config.name}: pictures are stored with {height}x{width} pixels (height x width): the shorter side must "
            f"be a multiple of {config.resolution // 4}, and {wanted:.0f} is not."
        )


def _say_catalog(config: PrepareConfig) -> None:
    entry = CATALOG[config.name]
    archive = entry.archives[0]
    count = min(entry.num_images, config.max_images or entry.num_images)
    print(
        f"{config.name}: would download {archive.url} ({archive.gigabytes:g} GB) and store {count} pictures of "
        f"{config.size[0]}x{config.size[1]} as {config.encoding}. Nothing was written."
    )


def _say_estimate(source: Source, config: PrepareConfig, given: dict[str, Any]) -> None:
    found = estimate(source, config, given.get("value_range"))
    workers = max(1, given.get("workers", default_workers()))
    height, width = config.size
    print(
        f"{config.name}: {found.num_images} pictures of {height}x{width} as {config.encoding} in {found.num_shards} "
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
        f"{manifest.name}: {manifest.num_images} pictures of {manifest.height}x{manifest.width} in "
        f"{len(manifest.shards)} shard(s){kept}, {size / 1e6:.1f} MB, in {folder}{skipped}{converted}{left_out}"
    )
