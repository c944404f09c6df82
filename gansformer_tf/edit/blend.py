"""`python -m gansformer_tf.edit.blend A B --from 16`: two models of one shape become one.

Layers of another model bring its textures into the shapes of the first (Pinkney and Adler, 2020, "Resolution Dependent
GAN Interpolation"); a weight between the two interpolates them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf import pretrained
from gansformer_tf.quiet import import_tensorflow
from gansformer_tf.terminal import path, show_any_text

STATUS_USAGE = 2
_BLOCK = re.compile(r"(?:^|/)block(\d+)/")

EXAMPLES = """examples:
  python -m gansformer_tf.edit.blend scenes results/mine-000 --from 16                coarse A, fine B
  python -m gansformer_tf.edit.blend scenes results/mine-000 --weight 0.5             between the two
"""


def blended(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], start: int | None = None, weight: float = 1.0
) -> dict[str, np.ndarray]:
    """Weights of a generator between two.

    Args:
        a, b: Weights by name, of one architecture.
        start: Pixels of the longer side: the blocks from there on are changed; None: everything.
        weight: 0 keeps those of `a`, 1 takes those of `b`.

    Raises:
        ValueError: Weights of two architectures, a weight outside 0 to 1, or a size that no block has.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"--weight {weight}: give a number from 0, the first model, to 1, the second.")
    other = sorted(set(a) ^ set(b)) or sorted(name for name in a if a[name].shape != b[name].shape)
    if other:
        raise ValueError(f"the models differ in {other[0]}; blend two that were trained from one configuration.")
    changed = set(a)
    if start is not None:
        sizes = {2**level for level in map(_level, a) if level is not None}
        if start not in sizes:
            known = (
                f"this model has {', '.join(map(str, sorted(sizes)))}" if sizes else "this family has no such blocks"
            )
            raise ValueError(f"--from {start} is no size of a block; {known}.")
        changed = {name for name in a if (level := _level(name)) is not None and 2**level >= start}
    return {
        name: ((1 - weight) * value + weight * b[name]).astype(value.dtype) if name in changed else value
        for name, value in a.items()
    }


def _level(name: str) -> int | None:
    """Base-2 logarithm of the longer side of the block that a weight is in."""
    found = _BLOCK.search(name)
    return None if found is None else int(found.group(1))


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog="python -m gansformer_tf.edit.blend",
        description="Blends the generators of two models of one shape.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("a", type=path, metavar="A", help="run folder, snapshot or model that ships: coarse layers, w")
    parser.add_argument("b", type=path, metavar="B", help="another of the same shape")
    parser.add_argument(
        "--from", dest="start", type=int, metavar="PIXELS", help="blocks of this side and finer (default: all)"
    )
    parser.add_argument("--weight", type=float, default=1.0, metavar="X", help="share of B there (default: 1)")
    parser.add_argument(
        "--output", type=path, default="blended.safetensors", metavar="FILE", help="(default: blended.safetensors)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Blends and writes; returns the exit status."""
    show_any_text()
    given = build_parser().parse_args(arguments)
    try:
        import_tensorflow()
        _blend(given)
    except (ValueError, FileExistsError) as error:  # one line says what to change
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return STATUS_USAGE
    print(f"{given.output}: draw it with generate.py --model {given.output}")
    return 0


def _blend(given: argparse.Namespace) -> None:
    from gansformer_tf.models.families import build_generator
    from gansformer_tf.models.snapshot import assign_weights, find_snapshot, read_snapshot, save_snapshot

    output = Path(given.output)
    if output.suffix != ".safetensors":
        raise ValueError(f"--output {output} does not end with .safetensors; give the file that ending.")
    if output.exists():
        raise FileExistsError(f"{output} is there already; remove it, or choose another --output.")
    prefix = "generator/"
    weights, configs = [], []
    for named in (given.a, given.b):
        config, arrays, _ = read_snapshot(pretrained.shipped_snapshot(named) or find_snapshot(named))
        configs.append(config.model.generator)
        weights.append({name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)})
    if configs[0] != configs[1]:
        raise ValueError(
            f"{given.a} and {given.b} were trained with two configurations of the generator; blend two of one."
        )
    values = blended(weights[0], weights[1], given.start, given.weight)
    generator = build_generator(configs[0])
    assign_weights(generator, values, str(given.a))
    save_snapshot(output, generator=generator)


if __name__ == "__main__":
    sys.exit(main())
