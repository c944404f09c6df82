"""`python -m gansformer_tf.metrics --real PLACE --fake PLACE`: metrics of images from anywhere."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from gansformer_tf.config.base import ConfigError
from gansformer_tf.config.metric_records import DEFAULT, METRICS
from gansformer_tf.config.metrics import STANDARD_IMAGES, MetricConfig
from gansformer_tf.quiet import import_tensorflow
from gansformer_tf.terminal import path, show_any_text

STATUS_USAGE = 2

EXAMPLES = """examples:
  python -m gansformer_tf.metrics --real datasets/ffhq --fake images
  python -m gansformer_tf.metrics --real photos --fake images --metrics fid,pr --feature-network inception-random
"""


def build_parser(prog: str | None = None) -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog=prog or "python -m gansformer_tf.metrics",
        description="Compares generated images with real ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--fake", required=True, type=path, metavar="PLACE", help="generated images: folder, zip or data set"
    )
    parser.add_argument(
        "--real", type=path, metavar="PLACE", help="real images, alike, for metrics that compare with them"
    )
    parser.add_argument(
        "--metrics",
        default=",".join(DEFAULT),
        metavar="LIST",
        help=f"of {','.join(_folder_metrics())} (default: {','.join(DEFAULT)})",
    )
    parser.add_argument(
        "--images-num", type=int, default=STANDARD_IMAGES, metavar="N", help="at most N of each (default: 50000)"
    )
    parser.add_argument("--size", type=_size, metavar="HxW", help="bring images of several sizes to one")
    parser.add_argument("--mirror", action="store_true", help="add the mirror images of a real data set")
    parser.add_argument("--feature-network", default="inception", metavar="NAME", help="see docs/metrics.md")
    parser.add_argument(
        "--inception-weights", type=path, default="auto", metavar="PATH", help="file, or auto to download it"
    )
    parser.add_argument("--fid-ddof", type=int, default=1, metavar="N", help="0: covariance of StyleGAN3 (default: 1)")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="images at once (default: 32)")
    parser.add_argument("--json", action="store_true", help="print JSON with the manifests instead of a table")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Computes and prints; returns the exit status."""
    show_any_text()
    given = build_parser(prog).parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return _measure(given)
    except ValueError as error:  # MetricError and ConfigError among them: one line says what to change
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return STATUS_USAGE


def _measure(given: argparse.Namespace) -> int:
    metrics = tuple(part.strip() for part in given.metrics.split(",") if part.strip())
    known = _folder_metrics()
    if not metrics or not set(metrics) <= set(known):
        raise ConfigError(
            f"--metrics {given.metrics}: images without their generator have {', '.join(known)}; "
            "name one or more of them."
        )
    config = MetricConfig(
        metrics=metrics,
        images_num=given.images_num,
        network=given.feature_network,
        inception_weights=given.inception_weights,
        fid_ddof=given.fid_ddof,
        batch_size=given.batch_size,
    )
    import_tensorflow()
    from gansformer_tf.metrics.errors import MetricError
    from gansformer_tf.metrics.evaluate import Evaluation
    from gansformer_tf.metrics.images import open_images
    from gansformer_tf.metrics.networks import feature_network
    from gansformer_tf.metrics.progress import metric_bar
    from gansformer_tf.metrics.results import table

    if given.real is None and any(METRICS[name].needs_reals for name in metrics):
        raise MetricError("--real is missing; name a folder of real images or a prepared data set.")
    # images first: a wrong path is told before weights are downloaded
    fake = open_images(given.fake, "generated", config.images_num, given.size)
    real = None
    if given.real is not None:
        real = open_images(given.real, "real", config.images_num, given.size, given.mirror)
    networks = []
    if any(METRICS[name].needs_network for name in metrics):
        with metric_bar("Inception weights", "B") as bar:
            networks = [
                feature_network(config.network, config.inception_weights, batch_size=config.batch_size, on_progress=bar)
            ]
    evaluation = Evaluation(config, fake, real, networks, bar=metric_bar)
    for note in evaluation.notes():
        print(note, file=sys.stderr)
    results = evaluation.run()
    if given.json:
        for result in results:
            record = {"metric": result.name, "values": result.values, "manifest": result.manifest}
            print(json.dumps(record, sort_keys=True))
            for note in result.notes:
                print(f"Note: {note}", file=sys.stderr)
    else:
        print(table(results))
    for note in evaluation.conversions():
        print(note, file=sys.stderr)
    return 0


def _folder_metrics() -> list[str]:
    return [metric.name for metric in METRICS.values() if not metric.needs_generator]


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write height x width, for example 256x256.")
    return int(match.group(1)), int(match.group(2))


def run(prog: str | None = None) -> NoReturn:
    """The command; `prog` is what it is called where it is not called by its own name."""
    sys.exit(main(prog=prog))


if __name__ == "__main__":
    run()
