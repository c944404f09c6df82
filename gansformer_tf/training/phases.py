"""The losses of the four phases of a training step, for one micro-batch on one device."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.config.objectives import D_LOSSES, D_PENALTIES, G_LOSSES, objective
from gansformer_tf.training import mixing, penalties
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.blur import blur_sigma, blurred
from gansformer_tf.training.draws import SampleStream
from gansformer_tf.training.ema import ema_beta
from gansformer_tf.training.losses import Scores
from gansformer_tf.training.schedule import Schedule

# Sums over the samples at hand, divided by the global batch size: adding them over micro-batches and replicas gives the
# mean over the global batch.
Statistics = dict[str, tf.Tensor]


@dataclass(frozen=True)
class MicroBatch:
    """What one device works on at a time.

    `first` is the index of the first sample in the global batch of `global_size` samples; `images` are real images in
    [-1, 1], `labels` one-hot or None; `images_seen` counts the real images of all steps before this one.
    """

    seed: tf.Tensor
    first: Any
    images: tf.Tensor
    labels: tf.Tensor | None
    global_size: int
    images_seen: Any = 0

    @property
    def size(self) -> int:
        return int(self.images.shape[0])

    def stream(self) -> SampleStream:
        return SampleStream(self.seed, self.first, self.size)


class PhaseLosses:
    """Losses as functions of a micro-batch; holds the two networks and the settings, no state.

    Real and generated images of a phase share the labels of the real batch: they are independent of z, and follow the
    distribution of the data.
    """

    def __init__(self, generator: Any, discriminator: Any, config: TrainConfig, augmentation: Augmentation) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.config = config
        self.augmentation = augmentation
        self.unread_layers = 0 if config.count_unread_layer else generator.config.unread_layers
        self.gamma = Schedule(config.gamma, config.gamma_end, *config.schedule_images)
        self.generator_loss = objective(G_LOSSES, config.g_loss)
        self.discriminator_loss = objective(D_LOSSES, config.d_loss)
        self.penalties = {name: objective(D_PENALTIES, name) for name in config.penalties}
        # The averages of the generator that a main phase moves, by network.
        moving = tuple(config.w_avg_phases or ()) or generator.config.w_average_phases
        self.averages: dict[str, tuple[str, ...]] = {
            network: ("w_average",) if network in moving else () for network in ("G", "D")
        }
        if generator.config.tracks_magnitudes:
            # As in the published code those of D's fake images move them.
            self.averages["D"] += ("magnitudes",)

    # main phases

    def generator_main(self, batch: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        """Adversarial loss of the generator."""
        stream = batch.stream()
        images, averages = self._generate(batch, stream, self.averages["G"])
        fake = self._scores(images, batch, stream)
        scores = Scores(fake, lambda: self._scores(batch.images, batch, stream))
        loss = _mean(self.generator_loss(scores), batch)
        return loss, {"loss/g": loss, **averages}

    def discriminator_main(self, batch: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        """Adversarial loss of the discriminator on real and on freshly generated images."""
        stream = batch.stream()
        fake, averages = self._generate(batch, stream, self.averages["D"])
        fake_scores = self._scores(tf.stop_gradient(fake), batch, stream)
        real_scores = self._scores(batch.images, batch, stream)
        loss = _mean(self.discriminator_loss(Scores(fake_scores, lambda: real_scores)), batch)
        return loss, {
            "loss/d": loss,
            "score/real": _mean(real_scores, batch),
            "score/fake": _mean(fake_scores, batch),
            "score/real_sign": _mean(tf.sign(real_scores), batch),
            **averages,
        }

    # regularisation phases; their losses are multiplied by the interval at which they run

    def discriminator_regularizer(self, batch: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        """Gradient penalties of the discriminator, added up."""
        stream = batch.stream()

        def score() -> penalties.ScoreFunction:
            score_stream = stream.fork()
            return lambda images: self._scores(images, batch, score_stream)

        judged = penalties.Judged(
            batch.images,
            fake=lambda: tf.stop_gradient(self._generate(batch, stream)[0]),
            mix=lambda: stream.uniform([batch.size]),
            score=score,
        )
        gamma = self.gamma.at(batch.images_seen)
        values = {
            f"penalty/{name}": tf.reduce_sum(gamma * penalty(judged)) / batch.global_size
            for name, penalty in self.penalties.items()
        }
        return tf.add_n(list(values.values())) * self.config.d_reg_interval, values

    def path_lengths(self, batch: MicroBatch) -> tf.Tensor:
        """Path lengths of one sample in `path_length_batch_shrink` of the micro-batch, at least one: `[samples]`."""
        size = self.path_batch_size(batch.size)
        # Sample i of the shrunken batch, with its label, is the same for every cut of the batch.
        labels = None if batch.labels is None else batch.labels[:: self.config.path_length_batch_shrink][:size]
        stream = SampleStream(batch.seed, batch.first * size // batch.size, size)
        shared = self.generator.shared_draws(size, stream)
        w, _ = self._latents(stream, labels, size, shared)
        config = self.generator.config
        noise = stream.normal([size, config.height, config.width, config.image_channels])
        return penalties.path_lengths(lambda w: self._synthesize(w, stream, shared), w, noise, self.unread_layers)

    def generator_regularizer(
        self, batch: MicroBatch, running_mean: tf.Tensor, batch_mean: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Statistics]:
        """Path-length penalty.

        Args:
            batch: The micro-batch.
            running_mean: Running mean of the length.
            batch_mean: Mean length over the global batch; None when this micro-batch is the global batch.
        """
        lengths = self.path_lengths(batch)
        global_size = self.path_batch_size(batch.size) * (batch.global_size // batch.size)
        if batch_mean is None:
            batch_mean = tf.stop_gradient(tf.reduce_mean(lengths))
        weight = self.config.path_length_weight * self.config.g_reg_weight
        penalty = penalties.path_length_loss(lengths, batch_mean, running_mean, self.config.path_length_decay, weight)
        value = tf.reduce_sum(penalty) / global_size
        return value * (self.config.g_reg_interval or 1), {
            "penalty/path_length": value,
            "path_length": tf.stop_gradient(tf.reduce_sum(lengths)) / global_size,
        }

    def path_batch_size(self, size: int) -> int:
        return max(1, size // self.config.path_length_batch_shrink)

    # parts

    def _generate(
        self, batch: MicroBatch, stream: SampleStream, averages: Collection[str] = ()
    ) -> tuple[tf.Tensor, Statistics]:
        """New images, and the averages of the generator that are asked for.

        "w_average" is the mean of w over samples and components before mixing, "magnitudes" are those of
        `StyleGAN3Generator`.
        """
        shared = self.generator.shared_draws(batch.size, stream)
        w, average = self._latents(stream, batch.labels, batch.size, shared)
        found = {"w_average": average} if "w_average" in averages else {}
        if "magnitudes" in averages:
            decay = ema_beta(batch.global_size, self.config.magnitude_half_life_kimg)
            images, found["magnitudes"] = self.generator.synthesize(
                w, noise_mode="random", training=True, rng=stream, magnitude_decay=decay
            )
        else:
            images = self._synthesize(w, stream, shared)
        share = batch.size / batch.global_size
        return images, {name: value * share for name, value in found.items()}

    def _latents(
        self, stream: SampleStream, labels: tf.Tensor | None, size: int, shared: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mixed w of fresh z, and the mean of w before mixing."""
        config = self.generator.config
        mixes = [
            (probability, axis, first)
            for probability, axis, length, first in (
                (self.config.component_mixing, mixing.COMPONENT_AXIS, config.num_latents, 0),
                (self.config.style_mixing, mixing.LAYER_AXIS, config.num_layers, self.unread_layers),
            )
            if probability > 0.0 and length - first > 1
        ]
        # All latents a sample may need go through the mapping network at once.
        count = 1 + len(mixes)
        z = stream.normal([size * count, config.num_latents, config.latent_dim])
        repeated = {name: tf.repeat(value, count, axis=0) for name, value in shared.items()}
        labels = None if labels is None else tf.repeat(labels, count, axis=0)
        mapped = self.generator.map(z, labels, training=True, rng=stream, **repeated)
        w, *others = tf.unstack(tf.reshape(mapped, [size, count, *mapped.shape[1:]]), axis=1)
        average = tf.stop_gradient(tf.reduce_mean(tf.cast(w[:, :, 0], tf.float32), axis=[0, 1]))
        for (probability, axis, first), other in zip(mixes, others, strict=True):
            cutoff = mixing.draw_cutoffs(stream.uniform([size, 2]), probability, w.shape[axis], first)
            w = mixing.mix_after(w, other, cutoff, axis)
        return w, average

    def _synthesize(self, w: tf.Tensor, stream: SampleStream, shared: dict[str, tf.Tensor]) -> tf.Tensor:
        return self.generator.synthesize(w, noise_mode="random", training=True, rng=stream, **shared)

    def _scores(self, images: tf.Tensor, batch: MicroBatch, stream: SampleStream) -> tf.Tensor:
        """Scores `[batch, n]` of blurred and augmented images, in float32, in the order of the statistics groups.

        StyleGAN2's discriminator gives one score per image, others may give more; each counts as a sample of its own.
        """
        labels, sigma = batch.labels, self.config.blur_init_sigma
        if sigma > 0.0:
            images = blurred(images, blur_sigma(batch.images_seen, sigma, self.config.blur_fade_kimg), sigma)
        images = self.augmentation(images, stream)
        order = group_order(int(images.shape[0]), self.discriminator.config.mbstd_group_size)
        if order is not None:
            group_size = self.discriminator.config.mbstd_group_size
            images = in_group_order(images, group_size)
            labels = None if labels is None else in_group_order(labels, group_size)
        scores = self.discriminator(images, labels=labels, training=True, rng=stream.with_order(order))
        return tf.cast(scores, tf.float32)


def _mean(values: tf.Tensor, batch: MicroBatch) -> tf.Tensor:
    """This part's share in the mean over the global batch, and over the scores of an image."""
    return tf.reduce_sum(values) / (batch.global_size * (math.prod(values.shape) // batch.size))


def in_group_order(values: tf.Tensor, group_size: int) -> tf.Tensor:
    """The first axis in the order of `group_order`, as a transposition: the gradient of a gather is sparse and slow."""
    rest = values.shape[1:]
    groups = tf.reshape(values, [-1, group_size, *rest])
    return tf.reshape(tf.transpose(groups, [1, 0, *range(2, len(rest) + 2)]), [-1, *rest])


def group_order(size: int, group_size: int | None) -> list[int] | None:
    """Order that puts neighbours in the global batch into the same minibatch-stddev group.

    The discriminator groups sample i of a batch of n with i + n/g, i + 2n/g, ... Which samples meet would then depend
    on how the global batch is cut; after this permutation each group is a run of `group_size` neighbours, for every
    cut into multiples of `group_size`.

    Returns:
        The permutation, or None when it is the identity.
    """
    group = size if group_size is None else min(group_size, size)
    if group <= 1 or group == size:
        return None
    columns = size // group
    return [column * group + member for member in range(group) for column in range(columns)]
