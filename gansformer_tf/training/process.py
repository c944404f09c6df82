"""What the process of a training run does better without."""

from __future__ import annotations

import tensorflow as tf


def prepare_process() -> None:
    """Turns graph rewrites off that do not pay here; call it before the networks are built, once or more often.

    Grappler's remapper gives up on these graphs, with an error on the screen; it has nothing to fuse in them.
    """
    tf.config.optimizer.set_experimental_options({"remapping": False})
