"""What stage 1 minimises: a loss of the autoencoder and one of the discriminator."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gansformer_tf.config.vqgan import Stage1LossConfig
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
from gansformer_tf.training.vqgan.losses import Distance, adaptive_weight, discriminator_loss, image_terms

Logs = dict[str, tf.Tensor]


def discriminator_factor(images_seen: Any, config: Stage1LossConfig) -> tf.Tensor:
    """1 from the image on at which the discriminator starts, 0 before."""
    return tf.cast(tf.cast(images_seen, tf.int64) >= config.discriminator_start, tf.float32)


def autoencoder_loss(
    autoencoder: VQAutoencoder,
    discriminator: PatchDiscriminator,
    images: tf.Tensor,
    config: Stage1LossConfig,
    *,
    distance: Distance | None = None,
    factor: Any = 1.0,
    rng: Any = None,
) -> tuple[tf.Tensor, Logs]:
    """A number whose gradient by the autoencoder's variables is that of its loss; the loss itself is in the logs.

    The slopes of both terms at the pixels are needed for the weight between them, so only their sum goes through the
    network, once.

    Args:
        autoencoder: Run in training mode.
        discriminator: Run in training mode too; its running statistics move, its weights get no gradient.
        images: `[batch, height, width, channels]` in [-1, 1].
        config: The loss.
        distance: Perceptual distance of two batches of images, `[batch]`.
        factor: Of the adversarial term; see `discriminator_factor`.
        rng: `SeedStream` of the dropout.

    Returns:
        (number to differentiate, logs). "adaptive_weight" in the logs is that of the adversarial term, without
        `factor`; "codes" are the numbers `[batch, rows, columns]`.
    """
    z = autoencoder.encode(images, training=True, rng=rng)
    vectors, codes_loss, indices = autoencoder.quantizer(z)
    made, features = autoencoder.decode(vectors, training=True, rng=rng, before_last=True)
    terms = image_terms(images, made, lambda x: discriminator(x, training=True), distance, config)
    weight = tf.stop_gradient(adaptive_weight(terms, autoencoder.decoder.conv_out, features, config))
    slope = tf.stop_gradient(terms.error_slope + weight * factor * terms.adversarial_slope)
    logs = {
        "loss": terms.error + weight * factor * terms.adversarial + config.codebook_weight * codes_loss,
        "reconstruction": terms.error,
        "distance": terms.distance,
        "codes_loss": codes_loss,
        "adversarial": terms.adversarial,
        "adaptive_weight": weight,
        "codes": indices,
    }
    return tf.reduce_sum(slope * made) + config.codebook_weight * codes_loss, logs


def judge_loss(
    autoencoder: VQAutoencoder,
    discriminator: PatchDiscriminator,
    images: tf.Tensor,
    config: Stage1LossConfig,
    *,
    factor: Any = 1.0,
    rng: Any = None,
) -> tuple[tf.Tensor, Logs]:
    """The discriminator's loss, and logs; arguments as above.

    Images and reconstructions are scored in two calls, each normalised by its own statistics.
    """
    made = tf.stop_gradient(autoencoder(images, training=True, rng=rng)[0])
    real, fake = discriminator(images, training=True), discriminator(made, training=True)
    loss = factor * discriminator_loss(real, fake, config)
    return loss, {"discriminator_loss": loss, "real": tf.reduce_mean(real), "fake": tf.reduce_mean(fake)}
