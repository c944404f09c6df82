"""Losses of stage 1: reconstruction, the discriminator's two, and the weight between them.

Source: "Taming Transformers" (Esser et al. 2021), section 3.1, as the published code computes it: the absolute error in
place of the squared one, and 1e-4 in place of 1e-6 under the weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gansformer_tf.config.vqgan import Stage1LossConfig

# (images, reconstructions) -> distances `[batch]`
Distance = Callable[[Any, Any], Any]
# images -> scores
Scores = Callable[[Any], Any]

WEIGHT_EPSILON = 1e-4
HIGHEST_WEIGHT = 1e4


@dataclass
class ImageTerms:
    """What a reconstruction is worth, and how that changes with its pixels.

    Attributes:
        error: Mean absolute error and weighted perceptual distance together, the published "nll".
        distance: Mean perceptual distance, 0 without one.
        adversarial: Minus the mean score of the discriminator.
        error_slope, adversarial_slope: Their gradients by the reconstruction.
    """

    error: tf.Tensor
    distance: tf.Tensor
    adversarial: tf.Tensor
    error_slope: tf.Tensor
    adversarial_slope: tf.Tensor


def reconstruction_error(
    images: tf.Tensor, reconstruction: tf.Tensor, distance: Distance | None, config: Stage1LossConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """(absolute error plus weighted distance, distance), means over the batch."""
    error = tf.reduce_mean(tf.abs(images - reconstruction))
    if distance is None or config.perceptual_weight == 0.0:
        return error, tf.zeros(())
    perceived = tf.reduce_mean(distance(images, reconstruction))
    return error + config.perceptual_weight * perceived, perceived


def image_terms(
    images: tf.Tensor,
    reconstruction: tf.Tensor,
    scores: Scores,
    distance: Distance | None,
    config: Stage1LossConfig,
) -> ImageTerms:
    """Both terms of the generator that depend on the pixels, with their slopes.

    The network behind the pixels is not needed: one backward pass through it serves both terms afterwards.
    """
    reconstruction = tf.stop_gradient(reconstruction)
    with tf.GradientTape() as tape:
        tape.watch(reconstruction)
        error, perceived = reconstruction_error(images, reconstruction, distance, config)
    error_slope = tape.gradient(error, reconstruction)
    with tf.GradientTape() as tape:
        tape.watch(reconstruction)
        adversarial = -tf.reduce_mean(scores(reconstruction))
    return ImageTerms(error, perceived, adversarial, error_slope, tape.gradient(adversarial, reconstruction))


def adaptive_weight(terms: ImageTerms, last_layer: Any, features: tf.Tensor, config: Stage1LossConfig) -> tf.Tensor:
    """Ratio of the two gradients by the kernel of the last layer, times `discriminator_weight` (equation 7).

    Args:
        terms: With the slopes at the layer's output.
        last_layer: The convolution that makes the pixels.
        features: What it was given.
    """
    features = tf.stop_gradient(features)
    with tf.GradientTape(persistent=True) as tape:
        made = tf.cast(last_layer(features), tf.float32)
    kernel = last_layer.kernel.value
    norms = [
        tf.norm(tf.convert_to_tensor(tape.gradient(made, kernel, output_gradients=slope)))
        for slope in (terms.error_slope, terms.adversarial_slope)
    ]
    ratio = norms[0] / (norms[1] + WEIGHT_EPSILON)
    return tf.clip_by_value(ratio, 0.0, HIGHEST_WEIGHT) * config.discriminator_weight


def discriminator_loss(real: tf.Tensor, fake: tf.Tensor, config: Stage1LossConfig) -> tf.Tensor:
    """Half the sum over real images and reconstructions, from their scores."""
    if config.adversarial_loss == "hinge":
        parts = tf.nn.relu(1.0 - real), tf.nn.relu(1.0 + fake)
    else:
        parts = tf.nn.softplus(-real), tf.nn.softplus(fake)
    return 0.5 * (tf.reduce_mean(parts[0]) + tf.reduce_mean(parts[1]))
