"""Snapshots from the hub, kept in the library's cache."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from gansformer_tf.hub.names import WEIGHTS, HubError, HubName, endpoint, library, parse, told_in_one_line

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_CHUNK = 1 << 20


def hub_snapshot(text: str) -> Path:
    """The weights of a model on the hub, from the cache where they are the newest, else downloaded.

    Without a connection, or with HF_HUB_OFFLINE set, the ones in the cache are used.

    Args:
        text: `hf://user/name` or `hf://user/name@revision`.

    Returns:
        The file, in a folder that belongs to the library's cache.

    Raises:
        HubError: There is no such model, it may not be read, cannot be had, is damaged or holds no snapshot.
    """
    name = parse(text)
    hub = library()
    with told_in_one_line(name, "be downloaded"):
        try:
            path = Path(hub.hf_hub_download(name.repo, WEIGHTS, revision=name.revision, endpoint=endpoint()))
        except hub.errors.EntryNotFoundError as error:
            if isinstance(error, hub.errors.LocalEntryNotFoundError):
                raise
            raise HubError(_without_weights(hub, name)) from error
    _check(path, name)
    return path


def _without_weights(hub: Any, name: HubName) -> str:
    """Says what a repository holds instead of a snapshot."""
    files = hub.HfApi(endpoint=endpoint()).list_repo_files(name.repo, revision=name.revision)
    pickles = sorted(file for file in files if file.endswith(_PICKLES))
    if pickles:
        return (
            f"{name} holds no {WEIGHTS} but {pickles[0]}, a pickle, which could run anything; it is not loaded. "
            f"Download it yourself and convert it: gansformer convert {Path(pickles[0]).name} {WEIGHTS}."
        )
    return f"{name} holds no {WEIGHTS}; it is no model of this package."


def _check(path: Path, name: HubName) -> None:
    """A file whose content is not what the hub announced is removed from the cache.

    The cache names a file by its checksum at the hub: SHA-256 of large files, git's SHA-1 of small ones.
    """
    blob = path.resolve()
    if digest_of(blob, blob.name) == blob.name:
        return
    path.unlink()
    blob.unlink(missing_ok=True)
    raise HubError(
        f"the file {WEIGHTS} of {name} is damaged: its checksum is another than the hub's. It was removed; run the "
        "command again to download it anew."
    )


def digest_of(path: Path, announced: str) -> str:
    """The checksum of a file by the method of an announced one; the announced one where its method is not known."""
    if _SHA256.fullmatch(announced):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(announced):
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        return announced  # a cache without links keeps the file under its own name
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
