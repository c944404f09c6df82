"""Draws the loss curves of a run: `python -m gansformer_tf.cli.plot RUN_FOLDER`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.table import OWN, Command, Flag, run_command
from gansformer_tf.files import replacing
from gansformer_tf.terminal import path


@dataclass(frozen=True)
class PlotOptions:
    """The run whose curves are drawn, and the image to write; None writes `losses.png` into the run's folder."""

    run: str
    output: str | None = None


COMMAND = Command(
    prog="python -m gansformer_tf.cli.plot",
    description="Draws losses, scores and penalties of a training run over its progress.",
    usage="%(prog)s RUN_FOLDER [--output FILE]",
    groups=(
        (
            "what is drawn",
            (
                Flag("run", "a run folder, which holds metrics.jsonl", path, metavar="RUN_FOLDER"),
                Flag("--output", "image to write (default: losses.png in the run folder)", path, metavar="FILE"),
            ),
        ),
    ),
    configs={OWN: PlotOptions},
    build=lambda typed: PlotOptions(**typed[OWN]),
)


def main(options: PlotOptions) -> int:
    """Writes the image under a temporary name and renames it."""
    from gansformer_tf.visualize.loss_plot import loss_plot

    output = Path(options.output or Path(options.run) / "losses.png")
    try:
        figure = loss_plot(options.run)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
    try:
        with replacing(output) as temporary:
            figure.savefig(temporary, dpi=110, format=output.suffix.lstrip(".") or "png")
    except ValueError as error:  # a file ending that Matplotlib does not write
        raise UsageError(f"--output {output}: {error}.") from error
    print(f"Loss curves written to {output}.")
    return 0


def run(prog: str | None = None) -> NoReturn:
    """The script; `prog` is what it is called where it is not called by its own name."""
    run_command(COMMAND, main, prog)


if __name__ == "__main__":
    run()
