"""`gansformer`: the scripts and modules of this package as sub-commands of one installed command."""

from __future__ import annotations

import difflib
import importlib
import sys
from dataclasses import dataclass
from typing import NoReturn

import gansformer_tf
from gansformer_tf.cli.common import STATUS_USAGE


@dataclass(frozen=True)
class SubCommand:
    """A word behind `gansformer`.

    Attributes:
        name: The word.
        help: What it does.
        module: Where its `run` is.
        words: What is put in front of the words that follow.
    """

    name: str
    help: str
    module: str
    words: tuple[str, ...] = ()


COMMANDS = (
    SubCommand("prepare", "turn images into a data set (prepare_data.py)", "gansformer_tf.cli.prepare_data"),
    SubCommand("train", "train a model, or go on", "gansformer_tf.cli.run_network", ("--train",)),
    SubCommand("eval", "metrics of a trained model", "gansformer_tf.cli.run_network", ("--eval",)),
    SubCommand("vis", "studies of a trained model", "gansformer_tf.cli.run_network", ("--vis",)),
    SubCommand("generate", "draw images (generate.py)", "gansformer_tf.cli.generate"),
    SubCommand("export", "write a model for other programs", "gansformer_tf.cli.run_network", ("--export",)),
    SubCommand("push", "publish a model on the hub", "gansformer_tf.cli.push"),
    SubCommand("convert", "a snapshot from a pickle of another code base", "gansformer_tf.convert.__main__"),
    SubCommand("metrics", "compare two folders of images", "gansformer_tf.metrics.__main__"),
    SubCommand("view", "look into a model in the browser", "gansformer_tf.viewer.__main__"),
    SubCommand("plot", "loss curves of a run", "gansformer_tf.cli.plot"),
)


def help_text() -> str:
    """What `gansformer -h` prints."""
    rows = [f"  {command.name:<10}{command.help}" for command in COMMANDS]
    return "\n".join(
        [
            "usage: gansformer COMMAND [options]",
            "",
            "Generative adversarial transformers: data, training, images.",
            "",
            "commands:",
            *rows,
            "",
            "gansformer COMMAND -h lists the options of one. --version prints the version.",
        ]
    )


def run() -> NoReturn:
    """Reads `sys.argv`, runs a sub-command and exits with its status."""
    word, *rest = sys.argv[1:] or [""]
    if word in ("-h", "--help"):
        print(help_text())
        sys.exit(0)
    if word == "--version":
        print(gansformer_tf.__version__)
        sys.exit(0)
    found = next((command for command in COMMANDS if command.name == word), None)
    if found is None:
        _refuse(word)
    prog = f"gansformer {found.name}"
    sys.argv = [prog, *([] if rest[:1] in (["-h"], ["--help"]) else found.words), *rest]
    importlib.import_module(found.module).run(prog)
    sys.exit(0)  # pragma: no cover - every run exits


def _refuse(word: str) -> NoReturn:
    names = [command.name for command in COMMANDS]
    close = difflib.get_close_matches(word, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    what = f"there is no command {word!r}.{hint}" if word else "name a command."
    print(f"gansformer: error: {what} Choose from {', '.join(names)}; gansformer -h says more.", file=sys.stderr)
    sys.exit(STATUS_USAGE)


if __name__ == "__main__":
    run()
