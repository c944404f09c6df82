"""ImageRecord images to one shard file, complete or not at all."""

from __future__ import annotations

import collections
import csv
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

from gansformer_tf.config.data import STOP
from gansformer_tf.data.manifest import BAD_IMAGES, Shard
from gansformer_tf.data.prepare.image_to_record import ImageRecord
from gansformer_tf.data.prepare.state import ShardState, ShardStore
from gansformer_tf.data.records.tfrecord import OVERHEAD_BYTES
from gansformer_tf.files import write_atomically

_WRITE_BUFFER = 1 << 20


class PrepareError(RuntimeError):
    """A preparation that failed. Finished shards are kept."""


def shard_name(name: str, index: int, count: int) -> str:
    """File name of a shard, as TFDS spells it."""
    return f"{name}-train.tfrecord-{index:05d}-of-{count:05d}"


def write_shard(store: ShardStore, index: int, name: str, results: Iterable[ImageRecord], on_error: str) -> ShardState:
    """Writes the records of one shard and gives the file its final name.

    Raises:
        PrepareError: An image is bad and `on_error` is "stop".
        OSError: The disk is full, for example. Nothing is left behind.
    """
    temporary = store.temporary(index)
    lengths: list[int] = []
    bad: list[tuple[str, str]] = []
    converted: collections.Counter[str] = collections.Counter()
    sha256 = hashlib.sha256()
    num_bytes = 0
    try:
        with temporary.open("wb", buffering=_WRITE_BUFFER) as file:
            for result in results:
                if result.record is None:
                    bad.append((result.name, result.problem or ""))
                    if on_error == STOP:
                        _stop(store.folder, bad)
                    continue
                file.write(result.record)
                converted.update(result.converted)
                sha256.update(result.record)
                num_bytes += len(result.record)
                lengths.append(len(result.record) - OVERHEAD_BYTES)
            file.flush()
            os.fsync(file.fileno())
        state = ShardState(Shard(name, len(lengths), num_bytes, sha256.hexdigest()), lengths, bad, dict(converted))
        store.finish(index, state)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return state


def _stop(folder: Path, bad: list[tuple[str, str]]) -> None:
    write_bad_images(folder, bad)
    name, problem = bad[-1]
    raise PrepareError(
        f"{name}: {problem}. Repair or remove it, or use --on-error skip to go on without it; "
        f"it is listed in {folder / BAD_IMAGES}."
    )


def write_bad_images(folder: Path, bad: list[tuple[str, str]]) -> None:
    """Writes the table of bad images, or removes an older one if there are none."""
    if not bad:
        (folder / BAD_IMAGES).unlink(missing_ok=True)
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "reason"))
    table.writerows(bad)
    write_atomically(folder / BAD_IMAGES, text.getvalue().encode("utf-8", "surrogateescape"))
