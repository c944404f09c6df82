"""Imported snapshots, converted once for each file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from gansformer_tf.convert.foreign import CHECKPOINT
from gansformer_tf.convert.importer import import_file
from gansformer_tf.convert.vqgan import find_yaml, from_vqgan
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.files import sha256_of

# Raised when an import changes, so that what older versions wrote is not used.
VERSION = 1
_FOLDER = "imported"
_SHOWN_DIGITS = 16


def imported_snapshot(source: str | Path, say: Callable[[str], None] = print) -> Path:
    """Our snapshot of a file of another code base; the second time it is only looked up.

    Args:
        source: A pickle, or a `.ckpt` file of VQGAN with its `.yaml` file beside it.
        say: Told when the file is converted.

    Raises:
        ForeignFileError: See `import_file` and `from_vqgan`.
        OSError: The file cannot be read, or the cache not be written.
    """
    source = Path(source)
    yaml = find_yaml(source) if source.suffix == CHECKPOINT else None
    checksums = [sha256_of(path) for path in (source, yaml) if path is not None]
    digits = "-".join(checksum[:_SHOWN_DIGITS] for checksum in checksums)
    target = cache_folder() / _FOLDER / f"{source.stem}-{digits}-{VERSION}.safetensors"
    if _is_of(target, checksums[0]):
        return target
    imported = import_file(source, sha256=checksums[0]) if yaml is None else from_vqgan(source, yaml)
    target.parent.mkdir(parents=True, exist_ok=True)
    imported.save(target)
    say(f"Imported {source} ({imported.kind}); kept as {target}.")
    return target


def _is_of(path: Path, checksum: str) -> bool:
    """Whether a file is a complete snapshot that was made from the source with this checksum."""
    try:
        with safe_open(path, framework="np") as handle:
            return (handle.metadata() or {}).get("source_sha256") == checksum
    except (OSError, SafetensorError):
        return False
