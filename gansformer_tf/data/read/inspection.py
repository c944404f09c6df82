"""`--inspect`: what a data set holds, in a few lines and one sheet of images."""

from __future__ import annotations

import collections
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gansformer_tf.data.manifest import BAD_IMAGES, MANIFEST, read_manifest
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.record_image import image_of, label_of
from gansformer_tf.data.read.records import Records
from gansformer_tf.data.read.zip_archive import is_zip
from gansformer_tf.data.sources.walk import listed
from gansformer_tf.files import replacing

CONTACT_SHEET = "contact_sheet.png"
SHEET_IMAGES = 48
SHEET_COLUMNS = 8
_SHEET_SIDE = 128  # longer side of one image on the sheet, in pixels
_MAX_CLASSES_SHOWN = 12
_MAX_LABELS_READ = 100_000


def inspect(folder: str | os.PathLike[str]) -> list[str]:
    """Describes a data set and writes a contact sheet into its folder (beside it, if it is an archive), if it may.

    Returns:
        Lines to print.

    Raises:
        DatasetError: The folder is no data set.
        CorruptRecordError: A record on the sheet is damaged.
    """
    info = read_info(folder)
    records = Records(info)
    size = sum((info.folder / shard).stat().st_size for shard in info.shards)
    lines = [
        f"{info.name} in {info.folder}",
        f"  images   {info.num_images} of {info.height}x{info.width} (height x width), {info.channels} channel(s)",
        f"  stored as  {info.encoding}, {len(info.shards)} shard(s), {size / 1e6:.1f} MB, "
        f"{size / info.num_images / 1024:.1f} KiB per image",
        *_made(info),
        *_labels(info, records),
    ]
    path = info.folder / (f"{info.name}_{CONTACT_SHEET}" if is_zip(info.shards[0]) else CONTACT_SHEET)
    try:
        contact_sheet(info, records, path)
        lines.append(f"  sheet      {path}")
    except OSError as error:  # a place that may be read only
        lines.append(f"  sheet      could not be written to {path}: {error.strerror or error}")
    finally:
        records.close()
    return lines


def _made(info: DatasetInfo) -> list[str]:
    if is_zip(info.shards[0]):
        return ["  made by    hand, or another code: an archive, read in place"]
    if not (info.folder / MANIFEST).exists():
        return ["  made by    the original code"]
    manifest = read_manifest(info.folder)
    settings = manifest.settings
    lines = [
        f"  source     {manifest.source['format']}: {manifest.source['place']}",
        f"  resized    {manifest.resize_filter}, {manifest.fit} to ratio {settings['ratio']:g}",
    ]
    if manifest.num_skipped:
        lines.append(f"  skipped    {manifest.num_skipped}, listed in {info.folder / BAD_IMAGES}")
    if manifest.converted:
        lines.append(f"  converted  {listed(manifest.converted)}")
    if manifest.left_out:
        lines.append(f"  left out   {listed(manifest.left_out)}")
    return lines


def _labels(info: DatasetInfo, records: Records) -> list[str]:
    if not info.label_dim:
        return ["  labels     none"]
    if info.class_names is None:
        return [f"  labels     vectors of {info.label_dim} numbers"]
    step = max(1, len(records) // _MAX_LABELS_READ)
    counts: collections.Counter[Any] = collections.Counter(
        label_of(records.read(number), info) for number in range(0, len(records), step)
    )
    shown = [f"{info.class_names[label]} {count}" for label, count in counts.most_common(_MAX_CLASSES_SHOWN)]
    more = f", and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    sample = f" (every {step}th image)" if step > 1 else ""
    return [f"  labels     {info.label_dim} classes{sample}: {', '.join(shown)}{more}"]


def contact_sheet(info: DatasetInfo, records: Records, path: Path) -> None:
    """Writes a sheet of images spread evenly over the data set."""
    count = min(SHEET_IMAGES, len(records))
    scale = max(1.0, info.resolution / _SHEET_SIDE)
    height, width = max(1, round(info.height / scale)), max(1, round(info.width / scale))
    columns = min(SHEET_COLUMNS, count)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[info.channels]
    sheet = Image.new(mode, (columns * width, -(-count // columns) * height))
    for place in range(count):
        pixels = image_of(records.read(place * len(records) // count), info)
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if info.channels == 1 else pixels))
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BOX)
        sheet.paste(image, (place % columns * width, place // columns * height))
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG")
