"""The training steps of VQGAN: those of stage 1, then those of stage 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import ConfigError, DataConfig, RunConfig
from gansformer_tf.config.stages import StagesConfig
from gansformer_tf.config.vqgan import FSQ
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.models.vqgan.quantizers import perplexity
from gansformer_tf.ops.random import SeedStream
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.gradients import to_float
from gansformer_tf.training.optimizers import Adam
from gansformer_tf.training.phased import PhasedStep, counter
from gansformer_tf.training.phases import MicroBatch, Statistics
from gansformer_tf.training.plan import Phase
from gansformer_tf.training.variables import raw_variables
from gansformer_tf.training.vqgan.codebook import codes_in_use, codes_without_dead, kmeans_codes
from gansformer_tf.training.vqgan.distance import distance_of
from gansformer_tf.training.vqgan.held_out import HeldOut
from gansformer_tf.training.vqgan.losses import HIGHEST_WEIGHT, Distance
from gansformer_tf.training.vqgan.stage1 import autoencoder_loss, discriminator_factor, judge_loss
from gansformer_tf.training.vqgan.stage2 import cross_entropy, decay, decaying

# The optimizer of stage 2 in the published code; that of stage 1 is configured.
STAGE2_BETAS, EPSILON = (0.9, 0.95), 1e-8
FEWEST_USED = 0.1  # share of the codes under which a book counts as dying
TIMED_STEPS = 16  # waiting for a device costs time, so only every so many steps are timed

# Places of the draws around a step in its seeds; those of phases are below.
_KMEANS, _RESTART = 100, 101
_COUNTS = "codes/counts"  # a statistic that is no scalar


class VQGANStep(PhasedStep):
    """Makes training steps of VQGAN; see `PhasedStep`.

    In a step of stage 1 the autoencoder moves, then, once it has started, the discriminator, which sees images made
    anew; in one of stage 2 the transformer. The state holds all of it, and which stage a step belongs to follows from
    the images seen, so one loop trains both. Nothing is averaged: what is trained is what snapshots hold.

    Args:
        generator: `VQGAN`.
        discriminator: `PatchDiscriminator`.
        config: Of the run: training, stages, and the data that are held out.
        strategy: See `PhasedStep`.
        distance: Perceptual distance of two batches of images, `[batch]`; None leaves that term out.
    """

    remedy = "Try a smaller --g-lr, --d-lr or --transformer-lr."
    smaller_parts = (
        "Fewer images at once (--batch-gpu) need less memory; stage 1 then normalises what the discriminator sees, and "
        "weighs its term, over fewer."
    )

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        config: RunConfig,
        strategy: tf.distribute.Strategy | None = None,
        distance: Distance | None = None,
    ) -> None:
        super().__init__(generator, discriminator, generator, config.train, strategy)
        self.stages = config.stages or StagesConfig()
        self.distance = distance
        self.autoencoder, self.transformer = generator.autoencoder, generator.transformer
        self.num_codes = self.autoencoder.config.num_codes
        self.stage1_images = round(self.stages.stage1_share * config.train.total_images)
        self.untrained = () if self.stage1_images else (self.autoencoder,)
        self.stage2_began = counter(-1, "stage2_began")  # images seen then; -1 before
        self.epoch_images = self._images_of_an_epoch(config.data)
        self.usage = tf.Variable(tf.zeros([self.num_codes]), trainable=False, name="usage")
        self.usage_of_epoch = tf.Variable(tf.zeros([self.num_codes]), trainable=False, name="usage_of_epoch")
        self._began: int | None = None  # what that variable holds: reading it in every step would wait for the device
        self._judged = False
        self.held_out = HeldOut(generator, config.data, self.stages.held_out, self.layout.micro_size)
        train = config.train
        first: dict[str, Any] = {"beta1": train.adam_beta1, "beta2": train.adam_beta2, "epsilon": train.adam_epsilon}
        optimizers = {
            "autoencoder": Adam(
                raw_variables(self.autoencoder.trainable_variables), learning_rate=train.g_learning_rate, **first
            ),
            "discriminator": Adam(
                raw_variables(discriminator.trainable_variables), learning_rate=train.d_learning_rate, **first
            ),
            "transformer": Adam(
                raw_variables(self.transformer.trainable_variables),
                learning_rate=self.stages.transformer_learning_rate,
                beta1=STAGE2_BETAS[0],
                beta2=STAGE2_BETAS[1],
                epsilon=EPSILON,
            ),
        }
        self._set_phases({phase.name: phase for phase in self._plan()}, optimizers)
        self._gather = tf.function(self._all_vectors, autograph=False)

    def _plan(self) -> tuple[Phase, ...]:
        scalars = ("loss/autoencoder", "reconstruction", "perceptual", "loss/codes", "adaptive_weight")
        return (
            Phase(
                "autoencoder",
                "autoencoder",
                self._autoencoder_loss,
                dict.fromkeys(scalars, ()) | {_COUNTS: [self.num_codes]},
            ),
            Phase(
                "discriminator",
                "discriminator",
                self._judge_loss,
                dict.fromkeys(("loss/d", "score/real", "score/fake"), ()),
            ),
            Phase("transformer", "transformer", self._transformer_loss, {"cross_entropy": ()}),
        )

    # losses of a part of the batch; all are shares of means over the batch

    def _autoencoder_loss(self, part: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        share = part.size / part.global_size
        loss, logs = autoencoder_loss(
            self.autoencoder,
            self.discriminator,
            part.images,
            self.stages,
            distance=self.distance,
            factor=discriminator_factor(part.images_seen, self.stages),
            rng=part.stream(),
        )
        return share * loss, {
            "loss/autoencoder": share * logs["loss"],
            "reconstruction": share * logs["reconstruction"],
            "perceptual": share * logs["distance"],
            "loss/codes": share * logs["codes_loss"],
            "adaptive_weight": share * logs["adaptive_weight"],
            _COUNTS: codes_in_use(logs["codes"], self.num_codes),
        }

    def _judge_loss(self, part: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        share = part.size / part.global_size
        factor = discriminator_factor(part.images_seen, self.stages)
        networks = (self.autoencoder, self.discriminator, part.images, self.stages)
        loss, logs = judge_loss(*networks, factor=factor, rng=part.stream())
        return share * loss, {
            "loss/d": share * loss,
            "score/real": share * logs["real"],
            "score/fake": share * logs["fake"],
        }

    def _transformer_loss(self, part: MicroBatch) -> tuple[tf.Tensor, Statistics]:
        codes = tf.stop_gradient(self.generator.encode(part.images))
        loss = cross_entropy(self.transformer, codes, part.labels, training=True, rng=part.stream())
        loss *= part.size / part.global_size
        return loss, {"cross_entropy": loss}

    # a step

    def stage_of(self, step: int) -> int:
        """1 or 2."""
        return 2 if self.stage == 2 or step * self.layout.global_size >= self.stage1_images else 1

    @property
    def stage(self) -> int:
        """That of the last step, also of one before the run was stopped."""
        if self._began is None:
            self._began = int(self.stage2_began.numpy())
        return 1 if self._began < 0 else 2

    def phases_of(self, step: int) -> list[Phase]:
        if self.stage_of(step) == 2:
            return [self.phases["transformer"]]
        # Before it starts the discriminator's loss has no gradient, so a quarter of the step would be spent on nothing.
        names = ("autoencoder", "discriminator") if self._is_judged(step) else ("autoencoder",)
        return [self.phases[name] for name in names]

    def _is_judged(self, step: int) -> bool:
        return step * self.layout.global_size >= self.stages.discriminator_start

    def run(self, step: int, images: Any, labels: Any) -> Statistics | None:
        """See `PhasedStep`; in front of a step of stage 1 the codes are looked after."""
        seen = step * self.layout.global_size
        self._judged = self._is_judged(step)
        if self.stage_of(step) == 2:
            if self.stage == 1:
                self._began = seen
                self.stage2_began.assign(seen)
        elif not self.phases_done:
            self._tend_codes(step, images)
        return super().run(step, images, labels)

    def _is_timed(self, step: int, phases: Any) -> bool:
        return step % TIMED_STEPS == 0 and not self.phases_done and all(self.trace_counts[p.name] for p in phases)

    def _phase_begins(self, phase: Phase, taken: tf.Tensor) -> None:
        if phase.name == "transformer":
            rate = self.stages.transformer_learning_rate * self.stages.weight_decay
            decay(decaying(self.transformer), rate * tf.cast(taken, tf.float32))

    def _phase_ended(self, phase: Phase, statistics: Statistics, taken: tf.Tensor) -> None:
        if _COUNTS in statistics:
            self.usage.assign_add(tf.cast(taken, tf.float32) * statistics.pop(_COUNTS))

    def _step_ended(self, step: int) -> None:
        return None

    def _tend_codes(self, step: int, images: Any) -> None:
        """At the first step clusters, at the first one of an epoch a place for codes that died in the last one.

        A stop may make it come twice at one step; the second time changes nothing.
        """
        if self.autoencoder.config.quantizer == FSQ:
            return
        size, book = self.layout.global_size, self.autoencoder.quantizer
        number = tf.constant(step, tf.int64)
        if step == 0:
            if self.stages.kmeans_start:
                rng = SeedStream(phase_seed(self.config.seed, number, _KMEANS))
                book.codebook.assign(kmeans_codes(book, self._vectors(images), rng))
            return
        begins = step * size // self.epoch_images > (step - 1) * size // self.epoch_images
        if not begins or not float(tf.reduce_sum(self.usage)):
            return
        if self.stages.restart_codes:
            rng = SeedStream(phase_seed(self.config.seed, number, _RESTART))
            book.codebook.assign(codes_without_dead(book, self.usage, self._vectors(images), rng))
        self.usage_of_epoch.assign(self.usage)
        self.usage.assign(tf.zeros_like(self.usage))

    def _vectors(self, images: Any) -> tf.Tensor:
        """What the encoder makes of the whole batch, `[count, code_dim]`, the same on every replica."""
        return self._local(self._gather(self._distribute(images)))

    def _all_vectors(self, images: Any) -> Any:
        def replica(images: tf.Tensor) -> tf.Tensor:
            vectors = tf.cast(self.autoencoder.encode(to_float(images)), tf.float32)
            vectors = tf.reshape(vectors, [-1, self.autoencoder.config.code_dim])
            if self.strategy.num_replicas_in_sync > 1:
                vectors = tf.distribute.get_replica_context().all_gather(vectors, axis=0)
            return vectors

        return self.strategy.run(replica, args=(images,))

    # what is told

    def readings(self) -> dict[str, float]:
        """Stage, codes in use in the last whole epoch (before there is one: so far), and what held-out images say."""
        usage = self.usage_of_epoch if float(tf.reduce_sum(self.usage_of_epoch)) else self.usage
        found = {
            "stage": self.stage,
            "codes/used": int(tf.math.count_nonzero(usage)),
            "codes/perplexity": float(perplexity(usage)),
        }
        found["held_out/reconstruction"], entropy = self.held_out.measure()
        return found | ({"held_out/cross_entropy": entropy} if self.stage == 2 else {})

    def concerns(self, record: Mapping[str, Any]) -> list[str]:
        if self.stage == 2:
            return []
        found = []
        used, codes = int(record["codes/used"]), self.num_codes
        if used < FEWEST_USED * codes:
            found.append(
                f"WARNING: {used} of {codes} codes are in use, less than {FEWEST_USED:.0%}. Try --restart-codes, "
                "--kmeans-start, or a smaller --codes-num."
            )
        weight, limit = record.get("adaptive_weight"), HIGHEST_WEIGHT * self.stages.discriminator_weight
        if self._judged and limit > 0.0 and weight is not None and not 0.0 < weight < limit:
            found.append(
                f"WARNING: the weight of the discriminator is {weight:g}, at the end of its range from 0 to {limit:g}; "
                "one of the two gradients is gone. Try a larger --d-start or a smaller --d-lr."
            )
        return found

    def samples(self, count: int) -> np.ndarray | None:
        """In stage 1 reconstructions of held-out images, for nothing draws codes yet."""
        return None if self.stage == 2 else self.held_out.remade(count)

    def _images_of_an_epoch(self, data: DataConfig) -> int:
        known = [number for number in (data.num_images, data.max_images) if number is not None]
        return max(1, min(known) - self.stages.held_out) if known else 1

    def state(self) -> dict[str, tf.Variable]:
        """See `PhasedStep`."""
        return super().state() | {
            "stage2_began": self.stage2_began,
            "codes/usage": self.usage,
            "codes/usage_of_epoch": self.usage_of_epoch,
        }


def make_step(config: RunConfig, strategy: tf.distribute.Strategy) -> VQGANStep:
    """The networks of a configuration and their step.

    Raises:
        ConfigError: The generator has one stage only, or the perceptual distance cannot be had.
    """
    if config.model.generator.transformer is None:  # type: ignore[attr-defined]
        raise ConfigError(
            "transformer_layers is 0, which leaves stage 2 without a network; give --transformer-layers, such as 6."
        )
    dtype = dtype_policy(config.train.precision)
    generator = build_generator(config.model.generator, dtype=dtype)
    discriminator = build_discriminator(config.model.discriminator, dtype=dtype)
    distance = distance_of((config.stages or StagesConfig()).perceptual)
    return VQGANStep(generator, discriminator, config, strategy, distance)
