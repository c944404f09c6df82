"""Publishes a model on the hub: `gansformer push results/scenes-000 ann/scenes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.snapshots import MODEL_HELP
from gansformer_tf.cli.table import OWN, Command, Flag, run_command
from gansformer_tf.terminal import path

EXAMPLES = """examples:
  gansformer push results/scenes-000 ann/scenes --license mit
  gansformer push network-snapshot-000500.safetensors ann/scenes@half --private

Needs pip install 'gansformer-tf[hub]', and somebody who is logged in: hf auth login, or the variable HF_TOKEN.
"""


@dataclass(frozen=True)
class PushOptions:
    """What is published, where, and what the model card says; see `Model.push_to_hub`."""

    model: str
    name: str
    license: str | None = None
    training_data: str = ""
    private: bool = False


COMMAND = Command(
    prog="python -m gansformer_tf.cli.push",
    description="Publishes weights, configuration, samples and a model card on the hub.",
    usage="%(prog)s MODEL USER/NAME[@BRANCH] [options]",
    groups=(
        (
            "what is published",
            (
                Flag("model", MODEL_HELP, path, metavar="MODEL"),
                Flag("name", "repository; it is made if there is none", metavar="USER/NAME[@BRANCH]"),
                Flag("--private", "a repository that is made now can only be seen by its owner", bool),
            ),
        ),
        (
            "what the model card says",
            (
                Flag("--license", "identifier of the licence of the weights, such as mit (default: not stated)"),
                Flag("--training-data", "a sentence about the training data", metavar="TEXT"),
            ),
        ),
    ),
    configs={OWN: PushOptions},
    build=lambda typed: PushOptions(**typed[OWN]),
    epilog=EXAMPLES,
)


def main(options: PushOptions) -> int:
    """Publishes and prints the address.

    Raises:
        UsageError: A name that is none, or a model that cannot be had.
        RunError: The hub does not take it.
    """
    from gansformer_tf.hub.names import HubError, library, parse

    try:
        name = parse(options.name)
        library()
    except HubError as error:
        raise UsageError(str(error)) from error
    from gansformer_tf.quiet import import_tensorflow

    import_tensorflow()
    from gansformer_tf.api.model import load
    from gansformer_tf.models.snapshot import SnapshotError

    try:
        model = load(options.model)
    except SnapshotError as error:
        raise UsageError(str(error)) from error
    try:
        address = model.push_to_hub(
            options.name, license=options.license, training_data=options.training_data, private=options.private
        )
    except HubError as error:
        raise RunError(str(error)) from error
    print(f"Published: {address}\nUse it: gansformer generate --model {name} --seeds 0-7")
    return 0


def run(prog: str | None = None) -> NoReturn:
    """The script; `prog` is what it is called where it is not called by its own name."""
    run_command(COMMAND, main, prog)


if __name__ == "__main__":
    run()
