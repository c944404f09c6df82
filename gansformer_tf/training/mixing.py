"""Style mixing and component mixing of the intermediate latents."""

from __future__ import annotations

import tensorflow as tf

LAYER_AXIS = 2
COMPONENT_AXIS = 1


def mix_after(w: tf.Tensor, other: tf.Tensor, cutoff: tf.Tensor, axis: int) -> tf.Tensor:
    """Takes the entries from `cutoff` on along `axis` from `other`, the ones before it from `w`.

    Args:
        w, other: `[batch, components, layers, dim]`.
        cutoff: int `[batch]`, one for every sample; the length of the axis leaves `w` as it is.
        axis: `LAYER_AXIS` (style mixing) or `COMPONENT_AXIS` (component mixing).

    Returns:
        Mixed latents, shaped as `w`.
    """
    shape = [1, 1, 1, 1]
    shape[axis] = w.shape[axis]
    positions = tf.reshape(tf.range(w.shape[axis]), shape)
    return tf.where(positions < tf.reshape(cutoff, [-1, 1, 1, 1]), w, other)


def draw_cutoffs(uniform: tf.Tensor, probability: float, length: int, first: int = 0) -> tf.Tensor:
    """Turns two uniform numbers per sample into a cut-off.

    Args:
        uniform: `[batch, 2]` in [0, 1): the first decides whether to mix, the second where.
        probability: Probability of mixing a sample.
        length: Length of the axis.
        first: The first entry that counts. A mixed sample is cut at `first + 1` to `length - 1`, so that both sides
            keep a part.

    Returns:
        int32 `[batch]`; `length` where nothing is mixed.
    """
    choices = length - first - 1
    places = tf.cast(tf.floor(uniform[:, 1] * choices), tf.int32)
    cut = first + 1 + tf.minimum(places, max(choices - 1, 0))
    return tf.where(uniform[:, 0] < probability, tf.minimum(cut, length), length)
