"""Imported snapshots, converted once for each file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from gansformer_tf.convert.importer import import_file
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.files import sha256_of

# Raised when an import changes, so that what older versions wrote is not used.
VERSION = 1
_FOLDER = "imported"
_SHOWN_DIGITS = 16


def imported_snapshot(source: str | Path, say: Callable[[str], None] = print) -> Path:
    """Our snapshot of a file of another code base; the second time it is only looked up.

    Args:
        source: A pickle.
        say: Told when the file is converted.

    Raises:
        ForeignFileError: See `import_file`.
        OSError: The file cannot be read, or the cache not be written.
    """
    source = Path(source)
    checksum = sha256_of(source)
    target = cache_folder() / _FOLDER / f"{source.stem}-{checksum[:_SHOWN_DIGITS]}-{VERSION}.safetensors"
    if _is_of(target, checksum):
        return target
    imported = import_file(source, sha256=checksum)
    target.parent.mkdir(parents=True, exist_ok=True)
    imported.save(target)
    say(f"Imported {source} ({imported.found.kind}, {imported.family.name}); kept as {target}.")
    return target


def _is_of(path: Path, checksum: str) -> bool:
    """Whether a file is a complete snapshot that was made from the source with this checksum."""
    try:
        with safe_open(path, framework="np") as handle:
            return (handle.metadata() or {}).get("source_sha256") == checksum
    except (OSError, SafetensorError):
        return False
