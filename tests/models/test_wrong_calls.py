"""A tensor that does not fit is told with its shape or type, the rule and the remedy."""

from __future__ import annotations

import pytest
import tensorflow as tf

from gansformer_tf.layers import BipartiteAttention, EqualizedConv2D, ModulatedConv2D
from tests.models import tiny

COMPONENTS = "z has shape (2, 3, 8); this generator takes [batch, 5, 8]."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tiny.generator(tiny.DUPLEX)(tf.zeros([2, 3, 8])), COMPONENTS),
        (lambda: tiny.generator(tiny.DUPLEX)(tf.zeros([5, 8])), "[batch, 5, 8]. Add the axis of the batch: x[None]"),
        (lambda: tiny.generator(tiny.DUPLEX)(tf.zeros([2, 5, 8], tf.int32)), "z has the type int32; this generator"),
        (lambda: tiny.generator(tiny.DUPLEX).synthesize(tf.zeros([2, 5, 8])), "w has shape (2, 5, 8); this"),
        (lambda: discriminator()(tf.zeros([2, 3, 8, 8])), "It has channels first: transpose it with (0, 2, 3, 1)."),
        (lambda: discriminator()(tf.zeros([2, 8, 8, 3], tf.uint8)), "Pixels 0 to 255 become ops.cast(images"),
        (lambda: discriminator()(tf.zeros([8, 8, 3])), "this discriminator takes [batch, 8, 8, 3]. Add the axis"),
        (lambda: EqualizedConv2D(4, 3, name="c")(tf.zeros([2, 8, 3])), "c takes [batch, height, width, 3]"),
        (lambda: ModulatedConv2D(4, 3)(tf.zeros([2, 8, 8, 3], tf.uint8), tf.zeros([2, 4])), "have the type uint8"),
        (lambda: BipartiteAttention(8)(tf.zeros([2, 4, 4, 8]), tf.zeros([2, 3, 8])), "x has shape (2, 4, 4, 8)"),
    ],
)  # fmt: skip
def test_wrong_tensors_are_told(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def discriminator():
    return tiny.discriminator(tiny.SMALL)
