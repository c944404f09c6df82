"""Command-line interfaces: flags to configuration, then one call."""

import itertools
import sys

COMMANDS = ("run_network", "generate", "prepare_data", "plot", "gansformer", "demo")


def _refuse_other_modules() -> None:
    """Ends `python -m gansformer_tf.cli.evaluation`, which would do nothing and look as if all was well."""
    if sys.argv[:1] != ["-m"]:  # what Python puts there while it looks for the module to run
        return
    named = next((word for before, word in itertools.pairwise(sys.orig_argv) if before == "-m"), "")
    parent, _, name = named.rpartition(".")
    if parent == __name__ and name not in COMMANDS:
        sys.stderr.write(f"{named} is no command; use {', '.join(COMMANDS[:-1])} or {COMMANDS[-1]} in its place.\n")
        sys.exit(2)


_refuse_other_modules()
