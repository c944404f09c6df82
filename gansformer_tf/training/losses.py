"""Adversarial losses, one value per sample.

Scores are the discriminator's outputs, larger meaning "more real". `tests/training/test_losses.py` checks every
value and gradient against the published code.
"""

from __future__ import annotations

import tensorflow as tf

# Weight of the drift term that keeps the Wasserstein scores of real images near zero.
WGAN_DRIFT = 0.001


def generator_loss(kind: str, fake_scores: tf.Tensor) -> tf.Tensor:
    """Generator loss of a batch of generated images.

    Args:
        kind: "logistic" (minimax), "logistic_ns" (non-saturating), "hinge" (`-score`, as in the hinge GAN
            literature), "hinge_code" (`-max(0, 1 + score)`, what the published GANsformer code computes: its gradient
            is zero wherever the score is below -1) or "wgan".
        fake_scores: Scores of generated images, any shape.

    Returns:
        Loss per sample, same shape.
    """
    if kind == "logistic":
        return -tf.nn.softplus(fake_scores)
    if kind == "logistic_ns":
        return tf.nn.softplus(-fake_scores)
    if kind in ("hinge", "wgan"):
        return -fake_scores
    if kind == "hinge_code":
        return -tf.nn.relu(1.0 + fake_scores)
    raise ValueError(f"unknown generator loss {kind!r}; use logistic, logistic_ns, hinge, hinge_code or wgan.")


def discriminator_loss(kind: str, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """Discriminator loss of as many real as generated images.

    Args:
        kind: "logistic", "hinge" or "wgan" (with the drift term).
        real_scores: Scores of real images.
        fake_scores: Scores of generated images, same shape.

    Returns:
        Loss per pair, same shape.
    """
    if kind == "logistic":
        return tf.nn.softplus(fake_scores) + tf.nn.softplus(-real_scores)
    if kind == "hinge":
        return tf.nn.relu(1.0 + fake_scores) + tf.nn.relu(1.0 - real_scores)
    if kind == "wgan":
        return fake_scores - real_scores + WGAN_DRIFT * tf.square(real_scores)
    raise ValueError(f"unknown discriminator loss {kind!r}; use logistic, hinge or wgan.")
