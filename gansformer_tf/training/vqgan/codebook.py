"""What keeps a codebook in use: codes start among the vectors, and are moved when nothing takes them."""

from __future__ import annotations

import tensorflow as tf

from gansformer_tf.models.vqgan.quantizers import NearestCodes
from gansformer_tf.ops.random import SeedStream

KMEANS_STEPS = 10


def kmeans_codes(quantizer: NearestCodes, vectors: tf.Tensor, rng: SeedStream, steps: int = KMEANS_STEPS) -> tf.Tensor:
    """The means of clusters of vectors (Lloyd's algorithm from random vectors), `[num_codes, code_dim]`.

    Args:
        quantizer: How the nearest code is found; its codebook is not read.
        vectors: `[count, code_dim]`, what the encoder makes of some images.
        rng: Of the first choice.
        steps: Rounds.
    """
    vectors = tf.cast(vectors, tf.float32)
    codes = some_vectors(vectors, quantizer.num_codes, rng)
    for _ in range(steps):
        nearest = quantizer.nearest(vectors, codes)
        sums = tf.math.unsorted_segment_sum(vectors, nearest, quantizer.num_codes)
        counts = codes_in_use(nearest, quantizer.num_codes)[:, None]
        # a code without vectors stays where it is
        codes = tf.where(counts > 0, sums / tf.maximum(counts, 1.0), codes)
    return codes


def codes_without_dead(quantizer: NearestCodes, counts: tf.Tensor, vectors: tf.Tensor, rng: SeedStream) -> tf.Tensor:
    """The codebook with every code that no vector took at a random vector ("Jukebox", Dhariwal et al. 2020, 3.1).

    Args:
        quantizer: Has the codebook.
        counts: How often each code was taken, `[num_codes]`.
        vectors: `[count, code_dim]`, what the encoder makes of some images.
        rng: Of the choice.
    """
    dead = tf.cast(counts, tf.float32) == 0
    chosen = some_vectors(tf.cast(vectors, tf.float32), quantizer.num_codes, rng)
    return tf.where(dead[:, None], chosen, tf.convert_to_tensor(quantizer.codebook))


def some_vectors(vectors: tf.Tensor, count: int, rng: SeedStream) -> tf.Tensor:
    """Random ones of the vectors, `[count, code_dim]`: no two the same while there are enough."""
    order = tf.argsort(rng.uniform((len(vectors),)))
    return tf.gather(vectors, tf.gather(order, tf.range(count) % len(vectors)))


def codes_in_use(codes: tf.Tensor, num_codes: int) -> tf.Tensor:
    """How often each code occurs, `[num_codes]` float32."""
    codes = tf.reshape(codes, [-1])
    return tf.math.unsorted_segment_sum(tf.ones_like(codes, tf.float32), codes, num_codes)
