"""Trained models that come with the package: `NAME.safetensors`, and beside it its card, `NAME.md`."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """What ships, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.safetensors")))


def shipped_snapshot(name: str | Path) -> Path | None:
    """The snapshot of a shipped model; None if `name` is not one of `names`, or something of that name lies here.

    A file or folder of the user's goes before a shipped model.
    """
    return None if str(name) not in names() or Path(name).exists() else _FOLDER / f"{name}.safetensors"
