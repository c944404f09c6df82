"""A source of images to a folder of sharded records: in parallel, resumable, the same bytes every time."""

from __future__ import annotations

import collections
import errno
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.config.data import SKIP, DataConfig, PrepareConfig
from gansformer_tf.data.images.encode import DEFAULT_QUALITY
from gansformer_tf.data.manifest import (
    BAD_IMAGES,
    LENGTHS,
    MANIFEST,
    Manifest,
    read_manifest,
    settings_of,
)
from gansformer_tf.data.prepare import tfds_metadata
from gansformer_tf.data.prepare.local_runner import local_runner
from gansformer_tf.data.prepare.runner import Job, ReportImages, Runner
from gansformer_tf.data.prepare.shard_writer import PrepareError, shard_name, write_bad_images
from gansformer_tf.data.prepare.state import Preparation, ShardState, already_complete
from gansformer_tf.data.sources.base import Source
from gansformer_tf.data.spread import spread
from gansformer_tf.files import write_atomically

IMAGES_PER_SHARD = 8192  # with --shards-num unset


@dataclass(frozen=True)
class Outcome:
    """What a preparation did."""

    manifest: Manifest
    folder: Path
    already_done: bool
    kept_shards: int


def count_shards(config: PrepareConfig, num_images: int) -> int:
    """Number of files, at least one image in each."""
    return max(1, min(config.num_shards or -(-num_images // IMAGES_PER_SHARD), num_images))


def prepare(
    source: Source,
    config: PrepareConfig,
    data_dir: str | Path = DataConfig.data_dir,
    *,
    runner: Runner | None = None,
    on_error: str = SKIP,
    value_range: tuple[float, float] | None = None,
    on_progress: ReportImages | None = None,
) -> Outcome:
    """Writes the data set `config.name` below `data_dir`.

    Call it again after an interruption: finished shards are kept, and the result is the same as without one.

    Args:
        source: The images.
        config: What is written.
        data_dir: Folder of all data sets.
        runner: Writes the shards: `local_runner(workers)`, or `beam_runner(options)`; None works in this process.
        on_error: "skip" lists bad images in `bad_images.csv` and goes on; "stop" ends at the first one.
        value_range: Black and white of float arrays.
        on_progress: Called with (images done, images in all).

    Raises:
        DatasetError: A data set of that name is there with other settings.
        PrepareError: No image could be used, a bad one was met with "stop", or the disk is full.
    """
    runner = runner or local_runner(0)
    folder = Path(data_dir) / config.name
    plan = {"settings": settings_of(config), "source": {**source.describe(), "value_range": value_range}}
    chosen: Any = spread(len(source), config.max_images)
    count = count_shards(config, len(chosen))
    if already_complete(folder, plan):
        return Outcome(read_manifest(folder), folder, already_done=True, kept_shards=count)
    try:
        preparation = Preparation(folder, plan)
        try:
            names = tuple(shard_name(config.name, index, count) for index in range(count))
            store = preparation.store
            job = Job(
                source=source,
                config=config,
                value_range=value_range,
                on_error=on_error,
                store=store,
                parts=tuple(
                    chosen[index * len(chosen) // count : (index + 1) * len(chosen) // count] for index in range(count)
                ),
                names=names,
                missing=tuple(index for index, name in enumerate(names) if store.finished(index, name) is None),
                report=on_progress or (lambda done, total: None),
            )
            job.report(job.num_done, job.num_images)
            if job.missing:
                runner(job)
            manifest = _complete(job, preparation, plan)
            preparation.remove()
        finally:
            preparation.release()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PrepareError(
                f"no space left on the disk of {folder}; free some, or use a smaller --resolution, --max-images or "
                "--encoding jpeg. Finished shards are kept: run the same command again to continue."
            ) from error
        raise
    return Outcome(manifest, folder, already_done=False, kept_shards=count - len(job.missing))


def _complete(job: Job, preparation: Preparation, plan: dict[str, Any]) -> Manifest:
    """Writes everything that stands beside the shards; the manifest comes last."""
    folder, config, source = preparation.folder, job.config, job.source
    states = [_state(job, index) for index in range(len(job.names))]
    bad = [row for state in states for row in state.bad]
    write_bad_images(folder, bad)
    converted: collections.Counter[str] = collections.Counter()
    for state in states:
        converted.update(state.converted)
    num_images = sum(state.shard.num_images for state in states)
    if num_images == 0:
        preparation.discard()
        name, problem = bad[0]
        raise PrepareError(
            f"none of the {len(bad)} images could be used ({name}: {problem}); see {folder / BAD_IMAGES}."
        )
    buffer = io.BytesIO()
    np.save(buffer, np.array([length for state in states for length in state.lengths], np.uint32))
    write_atomically(folder / LENGTHS, buffer.getvalue())
    height, width = config.size
    manifest = Manifest(
        name=config.name,
        num_images=num_images,
        num_skipped=len(bad),
        converted=dict(
            sorted(sum((collections.Counter(state.converted) for state in states), collections.Counter()).items())
        ),
        left_out=dict(sorted(source.left_out.items())),
        height=height,
        width=width,
        channels=config.channels,
        encoding=config.encoding,
        quality=config.quality or DEFAULT_QUALITY.get(config.encoding),
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


def _state(job: Job, index: int) -> ShardState:
    state = job.store.finished(index, job.names[index])
    if state is None:
        raise PrepareError(
            f"the shard {job.names[index]} was not written, or was removed meanwhile; run the same command again."
        )
    return state
