"""Writes the shards of a job with the processes of this machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.image_to_record import ImageRecord, convert
from gansformer_tf.data.prepare.runner import Job, Runner
from gansformer_tf.data.prepare.shard_writer import write_shard
from gansformer_tf.data.sources.base import Source
from gansformer_tf.data.workers import ordered_map

# Decoded images in one task: results wait in memory until their turn to be written comes.
_TASK_BYTES = 4 << 20
_MAX_TASK = 64

ShardPart = tuple[int, Sequence[int]]  # a shard and some of its images


def local_runner(workers: int) -> Runner:
    """A runner with that many worker processes; 0 converts in this one.

    Images of one shard are spread over all workers, so a single shard is as fast as many.
    """

    def run(job: Job) -> None:
        tasks = list(_tasks(job))
        arguments = (job.source, job.config, job.value_range)
        results: Any = ordered_map(_convert_task, tasks, min(workers, len(tasks)), _set_up, arguments)
        counted = _count(job, results)
        try:
            for index, group in itertools.groupby(counted, key=lambda result: result[0]):
                images = itertools.chain.from_iterable(converted for _, converted in group)
                write_shard(job.store, index, job.names[index], images, job.on_error)
        finally:
            results.close()

    return run


def _tasks(job: Job) -> Iterator[ShardPart]:
    height, width = job.config.size
    size = max(1, min(_MAX_TASK, _TASK_BYTES // (height * width * job.config.channels)))
    for index in job.missing:
        part = job.parts[index]
        for start in range(0, len(part), size):
            yield index, part[start : start + size]


def _count(job: Job, results: Iterator[tuple[int, list[ImageRecord]]]) -> Iterator[tuple[int, list[ImageRecord]]]:
    done = job.num_done
    for index, converted in results:
        yield index, converted
        done += len(converted)
        job.report(done, job.num_images)


_worker: tuple[Source, PrepareConfig, tuple[float, float] | None] | None = None


def _set_up(source: Source, config: PrepareConfig, value_range: tuple[float, float] | None) -> None:
    global _worker
    _worker = (source, config, value_range)


def _convert_task(task: ShardPart) -> tuple[int, list[ImageRecord]]:
    assert _worker is not None, "the worker was not set up"
    source, config, value_range = _worker
    index, items = task
    return index, [convert(item, config, value_range) for item in source.read(items)]
