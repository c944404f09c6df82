"""Seconds of a training step of both stages of VQGAN beside PyTorch, and of drawing with and without the cache.

    python benchmarks/vqgan.py [--preset vqgan-small] [--resolution 64] [--batch 16] [--repeats 5]
                               [--torch-python PATH] [--flags "--transformer-layers 1 ..."]

Ours and, with --torch-python (an interpreter that has torch), the same networks in PyTorch (`torch_peers/vqgan.py`) are
two processes that measure in turn; "faster" is the median of the ratios of neighbours, beside their lowest and highest.
The perceptual distance is left out on both sides, and the discriminator is on. In "drawing" the peer is our own plain
loop: it computes all tokens in front again for every token (their number rounded up to a multiple of 16, so that few
graphs are needed); it and the cached form draw `--batch` images in turn in our process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.processes import Worker, serve  # noqa: E402
from benchmarks.turns import Ratio, peer_maker, ratio_of, side_by_side  # noqa: E402

COLUMNS = ("what", "ours s", "peer s", "faster", "lowest", "highest")
PREFIX = 16  # the plain loop has a graph for every so many tokens


def run_config(arguments: argparse.Namespace) -> Any:
    """The configuration of a run of the preset, with other values where flags are given."""
    from gansformer_tf.cli.flags import COMMAND
    from gansformer_tf.config.image import geometry
    from gansformer_tf.config.presets import merge_sections, preset
    from gansformer_tf.config.sections import run_of

    typed = COMMAND.read(arguments.flags.split()).typed
    size, batch = geometry(arguments.resolution), arguments.batch
    sections = merge_sections(
        preset(arguments.preset),
        {name: typed[name] for name in ("generator", "discriminator", "stages")},
        {"generator": dict(size), "discriminator": dict(size)},
        {"train": {"batch_size": batch, "batch_size_per_replica": batch, "total_kimg": 1e6}},
        {"stages": {"perceptual": "none", "discriminator_start": 0, "kmeans_start": False, "restart_codes": False}},
    )
    return run_of(sections)


def serve_ours(arguments: argparse.Namespace) -> None:
    """Trains and draws in this process, a step of each at a time."""
    import dataclasses

    from gansformer_tf.quiet import import_tensorflow

    tf = import_tensorflow()
    import numpy as np

    from benchmarks.flops import convolution_rate
    from benchmarks.timing import beside_rate, median_seconds
    from gansformer_tf.models.vqgan.sampling import drawn, filtered, numbers_of, sample_codes
    from gansformer_tf.training.phased import make_step
    from gansformer_tf.training.process import prepare_process

    prepare_process()
    config = run_config(arguments)
    first, second = (
        make_step(
            dataclasses.replace(config, stages=dataclasses.replace(config.stages, stage1_share=share)),
            tf.distribute.get_strategy(),
        )
        for share in (1.0, 0.0)
    )
    model, batch = config.model.generator, arguments.batch
    images = tf.zeros((batch, model.height, model.width, model.image_channels), tf.uint8)
    labels = np.zeros((batch, 0), np.float32)
    transformer, sampling = second.transformer, model.sampling
    numbers = numbers_of(np.random.RandomState(0).standard_normal((batch, model.num_tokens)).astype(np.float32))

    cached = tf.function(lambda numbers: sample_codes(transformer, numbers), autograph=False)

    @tf.function(autograph=False)
    def next_code(codes: tf.Tensor, place: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        logits = transformer(codes)  # of place i from the codes in front of it
        return drawn(filtered(tf.gather(logits, place, axis=1), sampling), number)

    def plain() -> np.ndarray:
        codes = np.zeros((batch, model.num_tokens), np.int32)
        for place in range(model.num_tokens):
            shown = min(-(-(place + 1) // PREFIX) * PREFIX, model.num_tokens)
            number = tf.constant(np.asarray(numbers)[:, place])
            codes[:, place] = next_code(tf.constant(codes[:, :shown]), tf.constant(place), number)
        return codes

    if not np.array_equal(plain(), np.asarray(cached(numbers))):
        raise SystemExit("the cache and the plain loop draw different codes")

    def step_of(step: Any) -> Any:
        def run() -> None:
            found = step.run(1, images, labels)
            for value in found.values():
                np.asarray(value)

        run()  # traces
        return run

    calls = {"stage 1": step_of(first), "stage 2": step_of(second)}
    calls |= {"cached": lambda: np.asarray(cached(numbers)), "plain": plain}

    def start() -> dict[str, Any]:
        names = "channels channel_multipliers blocks_per_level attention_sizes latent_channels code_dim num_codes"
        names += " transformer_layers transformer_heads transformer_width embedding_dropout attention_dropout"
        names += " residual_dropout token_keep num_tokens"
        judge = config.model.discriminator
        return {
            "config": {name: getattr(model, name) for name in names.split()} | {"side": model.resolution},
            "judge": {"channels": judge.channels, "num_layers": judge.num_layers},
        }

    def seconds() -> dict[str, float]:
        return {name: median_seconds(call, 1) for name, call in calls.items()}

    serve({"start": start, "turn": lambda: beside_rate(seconds, convolution_rate), "end": dict})


def row(what: str, ours: list[float], theirs: list[float] | None) -> str:
    """A line of the table."""
    ratio = Ratio(0.0) if theirs is None else ratio_of(theirs, ours)
    cells = [what, f"{statistics.median(ours):.3f}"]
    cells += ["-"] * 4 if theirs is None else [f"{statistics.median(theirs):.3f}", *ratio.cells()]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="vqgan-small", choices=("vqgan-small", "VQGAN"))
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5, help="turns that are measured")
    parser.add_argument("--flags", default="", help="flags of run_network.py that change the networks")
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch, to compare within the run")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        serve_ours(arguments)
        return
    worker = Worker([sys.executable, __file__, "--one", *sys.argv[1:]], arguments.preset)
    peer = peer_maker(arguments.torch_python, "stages", {"batch": arguments.batch}, arguments.preset)
    ours, theirs = side_by_side(worker, peer, arguments.repeats)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")

    def of(found: Any, name: str) -> list[float]:
        return [turn["seconds"][name] for turn in found.turns]

    for stage in ("stage 1", "stage 2"):
        print(row(stage, of(ours, stage), of(theirs, stage) if theirs else None))
    print(row(f"drawing {arguments.batch} images", of(ours, "cached"), of(ours, "plain")))


if __name__ == "__main__":
    main()
