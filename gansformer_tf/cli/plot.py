"""Draws the loss curves of a run: `python -m gansformer_tf.cli.plot RUN_FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from gansformer_tf.cli.common import Parser, UsageError, run_script
from gansformer_tf.files import replacing


def build_parser() -> Parser:
    """All flags of the script."""
    parser = Parser(
        prog="gansformer_tf.cli.plot",
        description="Draws losses, scores and penalties of a training run over its progress.",
        usage="python -m %(prog)s RUN_FOLDER [--output FILE]",
    )
    parser.add_argument("run", metavar="RUN_FOLDER", help="a run folder, which holds metrics.jsonl")
    parser.add_argument("--output", metavar="FILE", help="picture to write (default: losses.png in the run folder)")
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Writes the picture under a temporary name and renames it."""
    from gansformer_tf.visualize.loss_plot import loss_plot

    given = vars(arguments)
    output = Path(given.get("output", Path(given["run"]) / "losses.png"))
    try:
        figure = loss_plot(given["run"])
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
    try:
        with replacing(output) as temporary:
            figure.savefig(temporary, dpi=110, format=output.suffix.lstrip(".") or "png")
    except ValueError as error:  # a file ending that Matplotlib does not write
        raise UsageError(f"--output {output}: {error}.") from error
    print(f"Loss curves written to {output}.")
    return 0


def run() -> NoReturn:
    """The script."""
    run_script(build_parser(), main)


if __name__ == "__main__":
    run()
