"""A source of pictures to a folder of sharded records: in parallel, resumable, the same bytes every time."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data import tfds_metadata
from gansformer_tf.data.convert import Converted, convert
from gansformer_tf.data.manifest import (
    BAD_IMAGES,
    LENGTHS,
    MANIFEST,
    Manifest,
    Shard,
    read_manifest,
    settings_of,
    write_atomically,
)
from gansformer_tf.data.progress import Progress, ShardState, already_complete
from gansformer_tf.data.sources.base import Source
from gansformer_tf.data.tfrecord import OVERHEAD_BYTES
from gansformer_tf.data.workers import ordered_map

IMAGES_PER_SHARD = 8192  # with --shards-num unset
_TASK_BYTES = 4 << 20  # decoded pictures in one task
_MAX_TASK = 64
_WRITE_BUFFER = 1 << 20


class PrepareError(RuntimeError):
    """A preparation that failed. Finished shards are kept."""


@dataclass(frozen=True)
class Outcome:
    """What a preparation did."""

    manifest: Manifest
    folder: Path
    already_done: bool
    kept_shards: int


def spread(total: int, limit: int | None) -> range | np.ndarray:
    """Indices of `limit` pictures spread evenly over all, so that a sorted source keeps all of its classes."""
    if limit is None or limit >= total:
        return range(total)
    return np.arange(limit, dtype=np.int64) * total // limit


def shard_name(name: str, index: int, count: int) -> str:
    return f"{name}-train.tfrecord-{index:05d}-of-{count:05d}"


def prepare(
    source: Source,
    config: PrepareConfig,
    data_dir: str | Path = "datasets",
    *,
    workers: int = 0,
    on_error: str = "skip",
    value_range: tuple[float, float] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Writes the data set `config.name` below `data_dir`.

    Call it again after an interruption: finished shards are kept, and the result is the same as without one.

    Args:
        source: The pictures.
        config: What is written.
        data_dir: Folder of all data sets.
        workers: Processes that convert; 0 converts in this one.
        on_error: "skip" lists bad pictures in `bad_images.csv` and goes on; "stop" ends at the first one.
        value_range: Black and white of float arrays.
        on_progress: Called with (pictures done, pictures in all).

    Raises:
        DatasetError: A data set of that name is there with other settings.
        PrepareError: No picture could be used, a bad one was met with "stop", or the disk is full.
    """
    chosen = spread(len(source), config.max_images)
    num_shards = config.num_shards or -(-len(chosen) // IMAGES_PER_SHARD)
    num_shards = max(1, min(num_shards, len(chosen)))
    folder = Path(data_dir) / config.name
    plan = _plan(source, config, value_range)
    if already_complete(folder, plan):
        return Outcome(read_manifest(folder), folder, already_done=True, kept_shards=num_shards)
    progress = Progress(folder, plan)
    try:
        writer = _Writer(source, config, progress, num_shards, chosen)
        kept = writer.run(workers, on_error, value_range, on_progress)
        manifest = _complete(writer.states, source, config, folder, plan)
        progress.remove()
        return Outcome(manifest, folder, already_done=False, kept_shards=kept)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PrepareError(
                f"no space left on the disk of {folder}; free some, or use a smaller --resolution, --max-images or "
                "--encoding jpeg. Finished shards are kept: run the same command again to continue."
            ) from error
        raise
    finally:
        progress.release()


def _plan(source: Source, config: PrepareConfig, value_range: tuple[float, float] | None) -> dict:
    return {
        "settings": settings_of(config),
        "source": {
            "format": source.format,
            "place": source.place,
            "num_items": len(source),
            "value_range": list(value_range) if value_range is not None else None,
            "identity": source.identity(),
        },
    }


class _Writer:
    """Goes through the shards that are not finished and writes them."""

    def __init__(
        self, source: Source, config: PrepareConfig, progress: Progress, num_shards: int, chosen: Sequence[int]
    ) -> None:
        self.source, self.config, self.progress = source, config, progress
        self.parts = [
            chosen[index * len(chosen) // num_shards : (index + 1) * len(chosen) // num_shards]
            for index in range(num_shards)
        ]
        self.states: list[ShardState] = []

    def run(
        self,
        workers: int,
        on_error: str,
        value_range: tuple[float, float] | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> int:
        """Writes what is missing; returns how many shards were there already."""
        total = sum(len(part) for part in self.parts)
        names = [shard_name(self.config.name, index, len(self.parts)) for index in range(len(self.parts))]
        states = [self.progress.finished(index, name) for index, name in enumerate(names)]
        done = sum(len(part) for part, state in zip(self.parts, states, strict=True) if state is not None)
        report = on_progress or (lambda done, total: None)
        report(done, total)
        height, width = self.config.size
        size = max(1, min(_MAX_TASK, _TASK_BYTES // (height * width * self.config.channels)))
        missing = [index for index, state in enumerate(states) if state is None]
        tasks = (
            (index, self.parts[index][start : start + size])
            for index in missing
            for start in range(0, len(self.parts[index]), size)
        )
        arguments = (self.source, self.config, value_range)
        results = ordered_map(_convert_task, tasks, min(workers, -(-total // size)), _set_up, arguments)
        try:
            for index, group in itertools.groupby(results, key=lambda result: result[0]):
                counted = self._count(group, done, total, report)
                states[index] = self._write(index, names[index], counted, on_error)
                done += len(self.parts[index])
        finally:
            results.close()
        self.states = [state for state in states if state is not None]
        return len(states) - len(missing)

    @staticmethod
    def _count(
        group: Iterator[tuple[int, list[Converted]]], done: int, total: int, report: Callable[[int, int], None]
    ) -> Iterator[Converted]:
        for _, converted in group:
            yield from converted
            done += len(converted)
            report(done, total)

    def _write(self, index: int, name: str, results: Iterator[Converted], on_error: str) -> ShardState:
        temporary = self.progress.temporary(index)
        lengths: list[int] = []
        bad: list[tuple[str, str]] = []
        sha256 = hashlib.sha256()
        num_bytes = 0
        try:
            with temporary.open("wb", buffering=_WRITE_BUFFER) as file:
                for result in results:
                    if result.record is None:
                        bad.append((result.name, result.problem or ""))
                        if on_error == "stop":
                            self._stop(index, bad)
                        continue
                    file.write(result.record)
                    sha256.update(result.record)
                    num_bytes += len(result.record)
                    lengths.append(len(result.record) - OVERHEAD_BYTES)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        state = ShardState(Shard(name, len(lengths), num_bytes, sha256.hexdigest()), lengths, bad)
        self.progress.finish(index, state)
        return state

    def _stop(self, index: int, bad: list[tuple[str, str]]) -> None:
        write_bad_images(self.progress.folder, bad)
        name, problem = bad[-1]
        raise PrepareError(
            f"{name}: {problem}. Repair or remove it, or use --on-error skip to go on without it; "
            f"it is listed in {self.progress.folder / BAD_IMAGES}."
        )


def write_bad_images(folder: Path, bad: list[tuple[str, str]]) -> None:
    """Writes the table of bad pictures, or removes an older one if there are none."""
    if not bad:
        (folder / BAD_IMAGES).unlink(missing_ok=True)
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "reason"))
    table.writerows(bad)
    write_atomically(folder / BAD_IMAGES, text.getvalue().encode("utf-8", "surrogateescape"))


def _complete(states: list[ShardState], source: Source, config: PrepareConfig, folder: Path, plan: dict) -> Manifest:
    """Writes everything that stands beside the shards; the manifest comes last."""
    bad = [row for state in states for row in state.bad]
    num_images = sum(state.shard.num_images for state in states)
    write_bad_images(folder, bad)
    if num_images == 0:
        name, problem = bad[0]
        raise PrepareError(
            f"none of the {len(bad)} pictures could be used ({name}: {problem}); see {folder / BAD_IMAGES}."
        )
    lengths = np.array([length for state in states for length in state.lengths], np.uint32)
    buffer = io.BytesIO()
    np.save(buffer, lengths)
    write_atomically(folder / LENGTHS, buffer.getvalue())
    height, width = config.size
    manifest = Manifest(
        name=config.name,
        num_images=num_images,
        num_skipped=len(bad),
        height=height,
        width=width,
        channels=config.channels,
        encoding=config.encoding,
        quality=config.quality,
        resize_filter=config.resize_filter,
        fit=config.fit,
        label_dim=source.label_dim,
        class_names=source.class_names,
        source=plan["source"],
        settings=plan["settings"],
        shards=tuple(state.shard for state in states),
    )
    tfds_metadata.write(folder, manifest)
    write_atomically(folder / MANIFEST, manifest.to_json().encode())
    return manifest


_worker: tuple[Source, PrepareConfig, tuple[float, float] | None] | None = None


def _set_up(source: Source, config: PrepareConfig, value_range: tuple[float, float] | None) -> None:
    global _worker
    _worker = (source, config, value_range)


def _convert_task(task: tuple[int, Sequence[int]]) -> tuple[int, list[Converted]]:
    assert _worker is not None, "the worker was not set up"
    source, config, value_range = _worker
    index, items = task
    return index, [convert(item, config, value_range) for item in source.read(items)]
