"""Where the weights of the FID Inception come from: the published file, downloaded once and checked, or a given one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.torch_file import read_torch_file
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.data.download.fetch import DownloadError, download
from gansformer_tf.files import sha256_of
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.inception import check_weights, random_weights

FILE = "pt_inception-2015-12-05-6726825d.pth"
URLS = (
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_CHUNK = 1 << 20
_FIRST_WAIT_SECONDS = 0.2  # after a failure; the pauses double. Without a network the user is not kept waiting.


@dataclass(frozen=True)
class InceptionWeights:
    """Arrays by name, the label results carry ("inception" for the published weights), and a SHA-256 of them."""

    arrays: Mapping[str, np.ndarray]
    label: str
    sha256: str


def load_inception_weights(
    source: str = "auto", on_progress: Callable[[int, int | None], None] | None = None
) -> InceptionWeights:
    """The weights that `source` names.

    Args:
        source: "auto" (the published file, from the cache or the internet) or the path of a `.pth`, `.safetensors` or
            `.npz` file with the published names.
        on_progress: Called with (bytes there, bytes in all) while downloading.

    Raises:
        MetricError: The file is not there, cannot be downloaded, or is another one.
    """
    path = _published_file(on_progress) if source == "auto" else Path(source)
    if not path.is_file():
        raise MetricError(f"--inception-weights {path}: there is no such file; give a path, or auto to download it.")
    checksum = sha256_of(path)
    if checksum != SHA256 and (source == "auto" or SHA256[:8] in path.name):
        raise MetricError(
            f"{path} has SHA-256 {checksum[:16]}..., the published file {SHA256[:16]}...: it is damaged or another "
            "file; delete it and get it again."
        )
    arrays = _read(path)
    check_weights(arrays)
    label = "inception" if checksum == SHA256 else f"inception-{checksum[:8]}"
    return InceptionWeights(arrays, label, checksum)


def seeded_weights(seed: int) -> InceptionWeights:
    """Random weights, the same for everyone who uses the seed."""
    arrays = random_weights(seed)
    return InceptionWeights(arrays, f"inception-random-{seed}", weights_hash(arrays))


def weights_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names and values in alphabetical order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _published_file(on_progress: Callable[[int, int | None], None] | None) -> Path:
    target = cache_folder() / FILE
    if target.is_file():
        return target
    problems = []
    for url in URLS:
        try:
            found = download(url, target, on_progress=on_progress, wait_seconds=_FIRST_WAIT_SECONDS)
        except (DownloadError, OSError) as error:
            problems.append(str(error))
            continue
        if found.sha256 == SHA256:
            return target
        target.unlink()
        problems.append(f"{url} gave a file with SHA-256 {found.sha256[:16]}..., not the published one")
    reason = problems[0].rstrip(".")
    raise MetricError(
        f"the Inception weights cannot be downloaded ({reason}). Get {FILE} elsewhere and name it with "
        "--inception-weights PATH, or compare your own runs with --feature-network inception-random."
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise MetricError(f"{path} is no readable safetensors file ({error}); get it again.") from error
    if suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except (ValueError, OSError, EOFError) as error:
            raise MetricError(f"{path} is no readable npz file ({error}); get it again.") from error
    try:
        return read_torch_file(path)
    except ForeignFileError as error:
        raise MetricError(str(error)) from error
