"""A client of exported models on TensorFlow Serving, over gRPC or REST.

python -m gansformer_tf.export.client --url grpc://localhost:8500 --seeds 0-3 --output-dir images
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from gansformer_tf.export.errors import ExportError, ServingError
from gansformer_tf.files import replacing
from gansformer_tf.quiet import import_tensorflow
from gansformer_tf.terminal import path, show_any_text

DEFAULT_MODEL = "gansformer"
DEFAULT_TIMEOUT = 60.0
DEFAULT_BATCH_SIZE = 8
DEFAULT_PSI = 0.7
# The 4 MiB that gRPC allows without asking are less than two images of 1024x1024 in float32.
DEFAULT_MAX_MESSAGE_BYTES = 64 << 20
SCHEMES = {"grpc": 8500, "grpcs": 8500, "http": 8501, "https": 8501}
EXAMPLES = """examples:
  python -m gansformer_tf.export.client --url grpc://localhost:8500 --seeds 0-3 --output-dir images
  python -m gansformer_tf.export.client --url http://localhost:8501 --seeds 7 --truncation-psi 1 --output-dir images
"""


class Client:
    """Images from a server.

    Threads may share a client.

    Args:
        url: `grpc://host:8500`, `grpcs://` with TLS, or `http://host:8501`, `https://`.
        model: Name of the model on the server.
        version: Its version; None: the newest.
        timeout: Seconds per request.
        max_message_bytes: Limit of one message.

    Raises:
        ExportError: A bad address, or a package that gRPC needs is missing.

    Example:

    >>> with gf.export.Client("grpc://localhost:8500") as client:  # doctest: +SKIP
    ...     files = client.png([0, 1, 2], truncation_psi=0.7)
    >>> gf.export.Client("localhost:8500")
    Traceback (most recent call last):
    ...
    gansformer_tf.export.errors.ExportError: 'localhost:8500' is no address of a server; write grpc://HOST:8500 or ...
    """

    def __init__(
        self,
        url: str,
        model: str = DEFAULT_MODEL,
        *,
        version: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        scheme, address = _split(url)
        if not (np.isfinite(timeout) and timeout > 0):
            raise ExportError(f"timeout is {timeout}; give seconds above 0.")
        if max_message_bytes < 1:
            raise ExportError(f"the limit of a message is {max_message_bytes} bytes; give at least 1.")
        self._transport: Any
        if scheme.startswith("grpc"):
            from gansformer_tf.export.grpc_transport import GrpcTransport

            self._transport = GrpcTransport(address, scheme == "grpcs", model, version, timeout, max_message_bytes)
        else:
            from gansformer_tf.export.rest_transport import RestTransport

            self._transport = RestTransport(f"{scheme}://{address}", model, version, timeout, max_message_bytes)

    def png(
        self, seeds: Sequence[int], truncation_psi: float | Sequence[float] | None = DEFAULT_PSI, labels: Any = None
    ) -> list[bytes]:
        """One PNG file per seed.

        Args:
            seeds: Of the images; a seed gives the image that `generate.py` draws.
            truncation_psi: Of all images, or one for each; None for a model that has no w and takes none.
            labels: For models with labels: a class number for each image, -1 for a class drawn from the seed.

        Raises:
            ServingError: The server refused, failed, or did not answer.
        """
        inputs = image_inputs(seeds, truncation_psi, labels)
        return list(self._output("image_bytes", "serving_default", inputs))

    def images(
        self, seeds: Sequence[int], truncation_psi: float | Sequence[float] | None = DEFAULT_PSI, labels: Any = None
    ) -> np.ndarray:
        """Images as uint8 `[len(seeds), height, width, channels]`; arguments and errors as for `png`."""
        return self._output("images", "images", image_inputs(seeds, truncation_psi, labels))

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of any signature by name; `docs/export.md` lists the signatures.

        Raises:
            ServingError: The server refused, failed, or did not answer.
        """
        return self._transport.predict(signature, inputs)

    def _output(self, name: str, signature: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        outputs = self.predict(signature, inputs)
        if name not in outputs:
            raise ServingError(
                "FAILED_PRECONDITION",
                f"the signature {signature} answered with {', '.join(sorted(outputs))} instead of {name}; "
                "the model is no export of this package.",
            )
        return outputs[name]

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def image_inputs(
    seeds: Sequence[int], truncation_psi: float | Sequence[float] | None = DEFAULT_PSI, labels: Any = None
) -> dict[str, np.ndarray]:
    """Inputs of the signatures that draw images from seeds; see `Client.png`."""
    inputs: dict[str, np.ndarray] = {"seeds": np.asarray(seeds, np.int64)}
    if truncation_psi is not None:
        psi = np.asarray(truncation_psi, np.float32)
        inputs["truncation_psi"] = np.full(len(seeds), psi) if psi.ndim == 0 else psi
    return inputs if labels is None else inputs | {"labels": np.asarray(labels, np.int64)}


def _split(url: str) -> tuple[str, str]:
    """(scheme, host:port) of an address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ExportError(f"{url!r} is no address ({error}); write for example grpc://localhost:8500") from error
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/"):
        raise ExportError(f"{url!r} is no address of a server; write grpc://HOST:8500 or http://HOST:8501")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts.scheme, f"{host}:{port or SCHEMES[parts.scheme]}"


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog="python -m gansformer_tf.export.client",
        description="Draws images with a model on TensorFlow Serving.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--url", required=True, help="grpc://HOST:8500, grpcs://..., http://HOST:8501 or https://...")
    add("--model", default=DEFAULT_MODEL, metavar="NAME", help="name of the model on the server (default: %(default)s)")
    add("--version", type=int, metavar="N", help="its version (default: the newest)")
    add("--seeds", default="0", metavar="LIST", help="seeds, such as 0-31,77 (default: %(default)s)")
    add("--truncation-psi", type=float, default=DEFAULT_PSI, metavar="PSI", help="truncation (default: %(default)s)")
    add("--labels", metavar="LIST", help="for models with labels: class numbers that the images take in turn, or "
        "from-seed")  # fmt: skip
    add(
        "--output-dir",
        type=path,
        default="images",
        metavar="DIR",
        help="folder for seed0000.png ... (default: %(default)s)",
    )
    add("--batch-size", type=int, default=DEFAULT_BATCH_SIZE, metavar="N", help="images per request (%(default)s)")
    add("--timeout", type=float, default=DEFAULT_TIMEOUT, metavar="S", help="seconds per request (%(default)s)")
    add("--max-message-mb", type=float, default=DEFAULT_MAX_MESSAGE_BYTES / 2**20, metavar="MB",
        help="limit of one message (%(default)g)")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Asks and writes the files; returns the exit status, 2 for bad usage, 1 for a request or file that failed."""
    show_any_text()
    given = build_parser().parse_args(arguments)
    try:
        count = _draw(given)
    except (ServingError, OSError) as error:
        code = f"{error.code}: " if isinstance(error, ServingError) else ""
        print(f"error: {code}{' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"{count} {'image' if count == 1 else 'images'} written to {given.output_dir}.")
    return 0


def _draw(given: argparse.Namespace) -> int:
    from gansformer_tf.drawing.seeds import parse_seeds

    seeds = parse_seeds(given.seeds)
    labels = _labels(given.labels, len(seeds))
    if given.batch_size < 1:
        raise ExportError(f"--batch-size {given.batch_size}: ask for at least 1 image at once.")
    # gRPC messages are TensorFlow's; where it is missing the transport says so.
    if given.url.startswith("grpc") and importlib.util.find_spec("tensorflow") is not None:
        import_tensorflow()
    folder = Path(given.output_dir)
    limit = int(given.max_message_mb * 2**20)
    with Client(
        given.url, given.model, version=given.version, timeout=given.timeout, max_message_bytes=limit
    ) as client:
        folder.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(seeds), given.batch_size):
            rows = slice(start, start + given.batch_size)
            files = client.png(seeds[rows], given.truncation_psi, None if labels is None else labels[rows])
            for seed, content in zip(seeds[rows], files, strict=True):
                with replacing(folder / f"seed{seed:04d}.png", durable=False) as temporary:
                    temporary.write_bytes(content)
    return len(seeds)


def _labels(text: str | None, count: int) -> list[int] | None:
    if text is None:
        return None
    if text == "from-seed":
        return [-1] * count
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ExportError(f"--labels {text!r} is no list of class numbers; write for example 0,3, or from-seed.")
    return [int(parts[index % len(parts)]) for index in range(count)]


if __name__ == "__main__":
    sys.exit(main())
