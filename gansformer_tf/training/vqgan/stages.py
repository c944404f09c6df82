"""Both stages as things that are trained: weights, optimizers and counters, one iteration at a time.

Whatever is random in an iteration is a function of the run's seed and the iteration's number, so a run that goes on
from `state` makes the same iterations as one that was never stopped.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gansformer_tf.config.vqgan import Stage1LossConfig
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
from gansformer_tf.models.vqgan.quantizers import NearestCodes, perplexity
from gansformer_tf.models.vqgan.transformer import CodeTransformer
from gansformer_tf.ops.random import SeedStream
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.optimizers import Adam
from gansformer_tf.training.vqgan.codebook import codes_in_use, kmeans_start, restart_dead_codes
from gansformer_tf.training.vqgan.losses import HIGHEST_WEIGHT, Distance
from gansformer_tf.training.vqgan.stage1 import (
    Logs,
    autoencoder_gradients,
    discriminator_factor,
    discriminator_gradients,
)
from gansformer_tf.training.vqgan.stage2 import cross_entropy, decay, decaying

# The optimizers of the published code.
STAGE1_BETAS, STAGE2_BETAS = (0.5, 0.9), (0.9, 0.95)
EPSILON = 1e-8
WEIGHT_DECAY = 0.01

# Numbers of the draws of an iteration that have streams of their own.
_AUTOENCODER, _DISCRIMINATOR, _TRANSFORMER, _START, _RESTART = range(5)

FEWEST_USED = 0.1  # share of the codes under which a book counts as dying


class FirstStage:
    """Trains an autoencoder and its discriminator.

    Args:
        autoencoder, discriminator: The networks.
        config: Their losses.
        learning_rate: Of both.
        distance: Perceptual distance of two batches of images, `[batch]`; None leaves that term out.
        seed: Of the run.
    """

    def __init__(
        self,
        autoencoder: VQAutoencoder,
        discriminator: PatchDiscriminator,
        config: Stage1LossConfig,
        *,
        learning_rate: float,
        distance: Distance | None = None,
        seed: int = 0,
    ) -> None:
        self.autoencoder, self.discriminator = autoencoder, discriminator
        self.config, self.distance, self.seed = config, distance, seed
        beta1, beta2 = STAGE1_BETAS
        rates: dict[str, Any] = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": EPSILON}
        self.optimizers = {
            name: Adam([variable.value for variable in network.trainable_variables], **rates)
            for name, network in (("autoencoder", autoencoder), ("discriminator", discriminator))
        }
        self.images_seen = _counter("images_seen")
        self.num_codes = autoencoder.config.num_codes
        self.usage = tf.Variable(tf.zeros((self.num_codes,)), trainable=False, name="usage")
        self._iterate = tf.function(self._iteration)

    def run(self, images: Any) -> Logs:
        """One iteration: a step of the autoencoder, then one of the discriminator on images made anew.

        Args:
            images: `[batch, height, width, channels]` in [-1, 1].

        Returns:
            What `autoencoder_gradients` and `discriminator_gradients` log.
        """
        return self._iterate(tf.convert_to_tensor(images, tf.float32))

    def _iteration(self, images: tf.Tensor) -> Logs:
        step = self.optimizers["autoencoder"].step.read_value()
        networks = (self.autoencoder, self.discriminator, images, self.config)
        options = {"factor": discriminator_factor(self.images_seen, self.config)}
        rng = SeedStream(phase_seed(self.seed, step, _AUTOENCODER))
        gradients, logs = autoencoder_gradients(*networks, distance=self.distance, rng=rng, **options)
        self.optimizers["autoencoder"].apply(gradients)
        rng = SeedStream(phase_seed(self.seed, step, _DISCRIMINATOR))
        gradients, more = discriminator_gradients(*networks, rng=rng, **options)
        self.optimizers["discriminator"].apply(gradients)
        self.usage.assign_add(codes_in_use(logs["codes"], self.num_codes))
        self.images_seen.assign_add(tf.shape(images, tf.int64)[0])
        return logs | more

    def start_codes(self, images: Any) -> None:
        """Sets the codes to clusters of what the fresh encoder makes of images; for a codebook only."""
        kmeans_start(self._book(), self._vectors(images), SeedStream(phase_seed(self.seed, tf.constant(0), _START)))

    def restart_codes(self, images: Any) -> int:
        """Moves the codes that nothing took since the last call, and counts anew; returns how many were moved."""
        step = self.optimizers["autoencoder"].step
        rng = SeedStream(phase_seed(self.seed, step.read_value(), _RESTART))
        moved = restart_dead_codes(self._book(), self.usage, self._vectors(images), rng)
        self.forget_usage()
        return int(moved)

    def codes_used(self) -> tuple[int, float]:
        """Codes taken at least once since the counting began, and their perplexity."""
        return int(tf.math.count_nonzero(self.usage)), float(perplexity(self.usage))

    def forget_usage(self) -> None:
        """Counts the codes in use from here on."""
        self.usage.assign(tf.zeros_like(self.usage))

    def concerns(self, logs: Logs) -> list[str]:
        """Lines about codes that die, and a weight of the discriminator out of its range."""
        found = []
        used, codes = self.codes_used()[0], self.num_codes
        if used < FEWEST_USED * codes:
            found.append(
                f"{used} of {codes} codes are in use, less than {FEWEST_USED:.0%}; restart the others, or use fewer."
            )
        weight, limit = float(logs["adaptive_weight"]), HIGHEST_WEIGHT * self.config.discriminator_weight
        if self.config.discriminator_weight > 0.0 and not 0.0 < weight < limit:
            found.append(
                f"the weight of the discriminator is {weight:g}, at the end of its range from 0 to {limit:g}; one of "
                "the two gradients is gone. Start the discriminator later."
            )
        return found

    def state(self) -> dict[str, tf.Variable]:
        """All variables by name, for a checkpoint."""
        networks = {"autoencoder": self.autoencoder, "discriminator": self.discriminator}
        state = {"images_seen": self.images_seen, "usage": self.usage}
        for name, network in networks.items():
            state |= _network_state(name, network) | _optimizer_state(name, self.optimizers[name])
        return state

    def _book(self) -> NearestCodes:
        if not isinstance(self.autoencoder.quantizer, NearestCodes):
            raise ValueError("quantizer is 'fsq', which has no codes to move; use 'nearest' or 'cosine'.")
        return self.autoencoder.quantizer

    def _vectors(self, images: Any) -> tf.Tensor:
        vectors = tf.cast(self.autoencoder.encode(tf.convert_to_tensor(images, tf.float32)), tf.float32)
        return tf.reshape(vectors, [-1, vectors.shape[-1]])


class SecondStage:
    """Trains a transformer on the codes of an autoencoder, which stays as it is.

    Args:
        transformer: The network.
        autoencoder: Of the first stage.
        learning_rate: Constant.
        weight_decay: Of the kernels of the dense layers.
        seed: Of the run.

    Raises:
        ValueError: The two have different numbers of codes.
    """

    def __init__(
        self,
        transformer: CodeTransformer,
        autoencoder: VQAutoencoder,
        *,
        learning_rate: float,
        weight_decay: float = WEIGHT_DECAY,
        seed: int = 0,
    ) -> None:
        theirs, ours = transformer.config.num_codes, autoencoder.config.num_codes
        if theirs != ours:
            raise ValueError(f"the transformer predicts {theirs} codes; the codebook has {ours}. Use one number.")
        self.transformer, self.autoencoder, self.seed = transformer, autoencoder, seed
        self.decay_rate = learning_rate * weight_decay
        beta1, beta2 = STAGE2_BETAS
        self.optimizer = Adam(
            [variable.value for variable in transformer.trainable_variables],
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=EPSILON,
        )
        self.images_seen = _counter("images_seen")
        self._iterate = tf.function(self._iteration)
        self._measure = tf.function(self._cross_entropy)

    def run(self, images: Any, labels: Any = None) -> tf.Tensor:
        """One iteration; returns the cross-entropy in nats per code.

        Args:
            images: `[batch, height, width, channels]` in [-1, 1].
            labels: One-hot `[batch, label_dim]`, or None.
        """
        return self._iterate(tf.convert_to_tensor(images, tf.float32), labels)

    def held_out(self, images: Any, labels: Any = None) -> tf.Tensor:
        """Cross-entropy of images that are not trained on, without dropout and replaced tokens."""
        return self._measure(tf.convert_to_tensor(images, tf.float32), labels)

    def _cross_entropy(self, images: tf.Tensor, labels: Any, training: bool = False, rng: Any = None) -> tf.Tensor:
        codes = self.autoencoder.codes_of(images)
        codes = tf.reshape(codes, [-1, self.transformer.config.num_tokens])
        return cross_entropy(self.transformer, codes, labels, training=training, rng=rng)

    def _iteration(self, images: tf.Tensor, labels: Any) -> tf.Tensor:
        rng = SeedStream(phase_seed(self.seed, self.optimizer.step.read_value(), _TRANSFORMER))
        variables = self.optimizer.variables_to_train
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss = self._cross_entropy(images, labels, training=True, rng=rng)
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        decay(decaying(self.transformer), self.decay_rate)
        self.optimizer.apply(gradients)
        self.images_seen.assign_add(tf.shape(images, tf.int64)[0])
        return loss

    def state(self) -> dict[str, tf.Variable]:
        """All variables that change, by name, for a checkpoint; the first stage is not among them."""
        state = {"images_seen": self.images_seen}
        return state | _network_state("transformer", self.transformer) | _optimizer_state("transformer", self.optimizer)


def _counter(name: str) -> tf.Variable:
    return tf.Variable(0, dtype=tf.int64, trainable=False, name=name)


def _network_state(name: str, network: Any) -> dict[str, tf.Variable]:
    # By number: layers of one name stand in several places.
    return {f"{name}/{index}/{variable.name}": variable.value for index, variable in enumerate(network.variables)}


def _optimizer_state(name: str, optimizer: Adam) -> dict[str, tf.Variable]:
    state = {f"{name}/optimizer/step": optimizer.step}
    for kind, moments in (("m", optimizer.first_moments), ("v", optimizer.second_moments)):
        state |= {f"{name}/optimizer/{kind}{index}": moment for index, moment in enumerate(moments)}
    return state
