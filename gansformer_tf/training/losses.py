"""Adversarial losses, one value per score.

Each is a function of the discriminator's scores; `config.objectives` names them. `tests/training/test_losses.py` checks
every value and gradient against the published code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import tensorflow as tf

# Weight of the drift term that keeps the Wasserstein scores of real images near zero.
WGAN_DRIFT = 0.001


class Scores:
    """The discriminator's outputs of a batch, larger meaning "more real"; sample i of both makes a pair.

    Args:
        fake: Of generated images, any shape.
        real: Makes those of real images, of the same shape; called once, and only if a loss looks at them.

    Attributes:
        fake, real: The scores.
    """

    def __init__(self, fake: tf.Tensor, real: Callable[[], tf.Tensor]) -> None:
        self.fake = fake
        self._real = real

    @cached_property
    def real(self) -> tf.Tensor:
        return self._real()


# of the generator


def g_logistic(scores: Scores) -> tf.Tensor:
    """Minimax (Goodfellow et al. 2014)."""
    return -tf.nn.softplus(scores.fake)


def g_logistic_ns(scores: Scores) -> tf.Tensor:
    """Non-saturating (Goodfellow et al. 2014)."""
    return tf.nn.softplus(-scores.fake)


def g_hinge(scores: Scores) -> tf.Tensor:
    """`-score`, as in the hinge GAN literature."""
    return -scores.fake


def g_hinge_code(scores: Scores) -> tf.Tensor:
    """`-max(0, 1 + score)`, what the published GANsformer code computes: no gradient wherever the score is below -1."""
    return -tf.nn.relu(1.0 + scores.fake)


def g_wgan(scores: Scores) -> tf.Tensor:
    """Wasserstein (Arjovsky et al. 2017)."""
    return -scores.fake


def g_rpgan(scores: Scores) -> tf.Tensor:
    """Relativistic pairing (Jolicoeur-Martineau 2018; Huang et al. 2024, eq. 2): fake above its real partner."""
    return tf.nn.softplus(scores.real - scores.fake)


# of the discriminator


def d_logistic(scores: Scores) -> tf.Tensor:
    """Cross-entropy of telling real from generated."""
    return tf.nn.softplus(scores.fake) + tf.nn.softplus(-scores.real)


def d_hinge(scores: Scores) -> tf.Tensor:
    """Hinge (Lim and Ye 2017)."""
    return tf.nn.relu(1.0 + scores.fake) + tf.nn.relu(1.0 - scores.real)


def d_wgan(scores: Scores) -> tf.Tensor:
    """Wasserstein with the drift term."""
    return scores.fake - scores.real + WGAN_DRIFT * tf.square(scores.real)


def d_rpgan(scores: Scores) -> tf.Tensor:
    """Relativistic pairing: a real image above its generated partner."""
    return tf.nn.softplus(scores.fake - scores.real)
