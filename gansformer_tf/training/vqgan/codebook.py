"""What keeps a codebook in use: codes start among the vectors, and are moved when nothing takes them."""

from __future__ import annotations

import tensorflow as tf

from gansformer_tf.models.vqgan.quantizers import NearestCodes
from gansformer_tf.ops.random import SeedStream

KMEANS_STEPS = 10


def kmeans_start(quantizer: NearestCodes, vectors: tf.Tensor, rng: SeedStream, steps: int = KMEANS_STEPS) -> None:
    """Sets the codes to the means of clusters of vectors (Lloyd's algorithm from random vectors).

    Args:
        quantizer: Its codebook is overwritten.
        vectors: `[count, code_dim]`, what the encoder makes of some images.
        rng: Of the first choice.
        steps: Rounds.
    """
    vectors = tf.cast(vectors, tf.float32)
    quantizer.codebook.assign(some_vectors(vectors, quantizer.num_codes, rng))
    for _ in range(steps):
        nearest = quantizer.nearest(vectors)
        sums = tf.math.unsorted_segment_sum(vectors, nearest, quantizer.num_codes)
        counts = codes_in_use(nearest, quantizer.num_codes)[:, None]
        # a code without vectors stays where it is
        means = sums / tf.maximum(counts, 1.0)
        quantizer.codebook.assign(tf.where(counts > 0, means, tf.convert_to_tensor(quantizer.codebook)))


def restart_dead_codes(quantizer: NearestCodes, counts: tf.Tensor, vectors: tf.Tensor, rng: SeedStream) -> tf.Tensor:
    """Moves every code that no vector took to a random vector ("Jukebox", Dhariwal et al. 2020, section 3.1).

    Args:
        quantizer: Its codebook is changed.
        counts: How often each code was taken since the last call, `[num_codes]`.
        vectors: `[count, code_dim]`, what the encoder makes of some images.
        rng: Of the choice.

    Returns:
        How many codes were moved.
    """
    dead = tf.cast(counts, tf.float32) == 0
    chosen = some_vectors(tf.cast(vectors, tf.float32), quantizer.num_codes, rng)
    quantizer.codebook.assign(tf.where(dead[:, None], chosen, tf.convert_to_tensor(quantizer.codebook)))
    return tf.reduce_sum(tf.cast(dead, tf.int32))


def some_vectors(vectors: tf.Tensor, count: int, rng: SeedStream) -> tf.Tensor:
    """Random ones of the vectors, `[count, code_dim]`: no two the same while there are enough."""
    order = tf.argsort(rng.uniform((len(vectors),)))
    return tf.gather(vectors, tf.gather(order, tf.range(count) % len(vectors)))


def codes_in_use(codes: tf.Tensor, num_codes: int) -> tf.Tensor:
    """How often each code occurs, `[num_codes]` float32."""
    codes = tf.reshape(codes, [-1])
    return tf.math.unsorted_segment_sum(tf.ones_like(codes, tf.float32), codes, num_codes)
