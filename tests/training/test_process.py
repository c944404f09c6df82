"""What training sets for its process."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gansformer_tf.training.process import prepare_process


def test_only_the_remapper_is_turned_off():
    tf.config.optimizer.set_experimental_options({"layout_optimizer": True})
    prepare_process()
    prepare_process()
    assert tf.config.optimizer.get_experimental_options() | {"remapping": False, "layout_optimizer": True} == (
        tf.config.optimizer.get_experimental_options()
    )
    np.testing.assert_array_equal(tf.function(lambda x: x + 1)(tf.zeros([2])), 1.0)
