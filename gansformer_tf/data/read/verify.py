"""`--verify`: every shard's checksum, and every record decoded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from gansformer_tf.data.manifest import MANIFEST, read_manifest
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.record_image import image_of, label_of
from gansformer_tf.data.read.zip_archive import ZipShard, is_zip
from gansformer_tf.data.records.tfrecord import CorruptRecordError, RecordFile, scan
from gansformer_tf.data.workers import ordered_map
from gansformer_tf.files import sha256_of

MAX_PROBLEMS = 20  # per shard; a damaged disk would otherwise print for hours


@dataclass
class Verification:
    """What was checked, and what is wrong (empty: nothing)."""

    num_images: int = 0
    num_bytes: int = 0
    has_checksums: bool = True
    problems: list[str] = field(default_factory=list)


def verify(
    folder: str | os.PathLike[str], workers: int = 0, on_progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Checks a prepared folder, the original code's TFRecords or a ZIP archive (which have no checksums of shards).

    Args:
        folder: The data set.
        workers: Processes, one shard each at a time; 0 uses this one.
        on_progress: Called with (shards done, shards in all).

    Raises:
        DatasetError: The folder is no data set.
    """
    info = read_info(folder)
    checksums: list[str | None] = [None] * len(info.shards)
    if (info.folder / MANIFEST).exists():
        checksums = [shard.sha256 for shard in read_manifest(folder).shards]
    report = Verification(has_checksums=checksums[0] is not None)
    tasks = list(enumerate(checksums))
    results = ordered_map(_check_shard, tasks, min(workers, len(tasks)), _set_up, (info,))
    for done, (num_images, num_bytes, problems) in enumerate(results, start=1):
        report.num_images += num_images
        report.num_bytes += num_bytes
        report.problems += problems
        if on_progress is not None:
            on_progress(done, len(tasks))
    return report


_info: DatasetInfo | None = None


def _set_up(info: DatasetInfo) -> None:
    global _info
    _info = info


def _check_shard(task: tuple[int, str | None]) -> tuple[int, int, list[str]]:
    assert _info is not None, "the worker was not set up"
    index, checksum = task
    name = _info.shards[index]
    path = _info.folder / name
    if not path.is_file():
        return 0, 0, [f"shard {name} is missing"]
    if is_zip(path):
        problems = _check_records(ZipShard(path, (_info.height, _info.width)), _info)
        return _info.shard_lengths[index], path.stat().st_size, _shortened(problems, name)
    problems = []
    if checksum is not None and sha256_of(path) != checksum:
        problems.append(f"shard {name}: its SHA-256 differs from the manifest")
    lengths, problem = scan(path)
    if problem is not None:
        problems.append(f"shard {name}, {problem}")
    elif len(lengths) != _info.shard_lengths[index]:
        problems.append(f"shard {name} holds {len(lengths)} records instead of {_info.shard_lengths[index]}")
    problems += _check_records(RecordFile(path, lengths), _info)
    return len(lengths), path.stat().st_size, _shortened(problems, name)


def _shortened(problems: list[str], name: str) -> list[str]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    return [*problems[:MAX_PROBLEMS], f"shard {name}: {len(problems) - MAX_PROBLEMS} more"]


def _check_records(file: RecordFile | ZipShard, info: DatasetInfo) -> list[str]:
    problems = []
    for record in range(len(file)):
        try:
            payload = file.read(record)
            image_of(payload, info)
            label = label_of(payload, info)
            if isinstance(label, int) and not 0 <= label < info.label_dim:
                raise ValueError(f"its label {label} lies outside 0..{info.label_dim - 1}")
        except CorruptRecordError as error:
            problems.append(str(error))
        except (ValueError, KeyError, IndexError) as error:
            problems.append(f"record {record} in shard {file.path.name}: {error}")
    file.close()
    return problems
