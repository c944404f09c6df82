"""The training steps of a compiled GAN, and what they keep beside the networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.api.settings import with_batch_size
from gansformer_tf.config import TrainConfig
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.faults import memory_suffices
from gansformer_tf.training.step import TrainStep

Loss = Callable[..., Any]

_NAMES = {"loss/g": "g_loss", "loss/d": "d_loss"}
_NETWORKS = ("generator/", "discriminator/", "ema_generator/")


@dataclasses.dataclass(frozen=True)
class Choices:
    """What `compile` was given that is no setting: functions by "g_loss" and "d_loss", optimizers by "G" and "D"."""

    losses: dict[str, Loss] = dataclasses.field(default_factory=dict)
    optimizers: dict[str, keras.Optimizer] = dataclasses.field(default_factory=dict)


class Steps:
    """Counted steps of one `TrainStep`, which is made anew where batches of another size come.

    Args:
        networks: Generator, discriminator, and the generator that holds the average.
        settings: For the first batches.
        choices: What goes beyond them.
        strategy: Where they are made.

    Attributes:
        done: Steps made.
        settings: For batches of the size at hand.
        data: What `fit` takes them from.
    """

    def __init__(
        self, networks: tuple[Any, Any, Any], settings: TrainConfig, choices: Choices, strategy: tf.distribute.Strategy
    ) -> None:
        self._networks, self.choices, self._strategy = networks, choices, strategy
        self.done = 0
        self.data: Any = None
        self.settings = self._for_batches_of(settings.batch_size, settings)
        self.trainer = self._trainer()

    def make(self, images: tf.Tensor, labels: tf.Tensor | None) -> dict[str, float]:
        """One step.

        Args:
            images: uint8 `[batch, height, width, channels]`.
            labels: Classes `[batch]`, or one-hot `[batch, label_dim]`; None for none.

        Returns:
            Its numbers by name.

        Raises:
            TrainingError: Gradients stay non-finite, or memory does not suffice.
        """
        label_dim = self.trainer.discriminator.config.label_dim
        if labels is None:
            labels = tf.zeros([images.shape[0], label_dim])
        elif labels.shape.rank == 1:
            labels = tf.one_hot(labels, label_dim)
        with memory_suffices(f"at step {self.done}"):
            found = self.trainer.run(self.done, images, tf.cast(labels, tf.float32))
        assert found is not None  # only an interrupt leaves a step unfinished
        self.done += 1
        values = {_NAMES.get(key, key.replace("/", "_")): float(v) for key, v in found.items() if "seconds/" not in key}
        values = {"loss": values["g_loss"] + values["d_loss"]} | values
        if self.trainer.augmentation.has_p:
            values["augment_p"] = float(self.trainer.augmentation.p)
        self._check_skipped()
        return values

    def set_batch_size(self, size: int) -> None:
        """Goes on with batches of another size; the state stays."""
        if size == self.settings.batch_size:
            return
        settings, old = self._for_batches_of(size, self.settings), self.state()
        self.settings = settings
        self.trainer = self._trainer()
        for name, variable in self.state().items():
            variable.assign(old[name].numpy())

    def state(self) -> dict[str, tf.Variable]:
        """What is beside the networks: optimizers, path length, augmentation, counters."""
        state = self.trainer.state().items()
        return {name.replace("/", "."): value for name, value in state if not name.startswith(_NETWORKS)}

    def save(self, store: Any) -> None:
        """Puts that state and the number of steps into a file of weights."""
        store["steps_done"] = np.int64(self.done)
        for name, variable in self.state().items():
            store[name] = variable.numpy()

    def load(self, store: Any) -> None:
        """Takes what `save` wrote.

        Raises:
            ValueError: It is of other settings.
        """
        state = self.state()
        if set(store.keys()) != {"steps_done", *state}:
            raise ValueError(
                "the file holds another state of training than this GAN has; build and compile it with the same "
                "settings, or load the weights before compile()."
            )
        for name, variable in state.items():
            variable.assign(np.asarray(store[name]))
        self.done = int(np.asarray(store["steps_done"]))

    def _for_batches_of(self, size: int, settings: TrainConfig) -> TrainConfig:
        return with_batch_size(settings, size, self._strategy.num_replicas_in_sync)

    def _trainer(self) -> TrainStep:
        with self._strategy.scope():
            made = TrainStep(*self._networks, self.settings, self._strategy, self.choices.optimizers)
        made.losses.generator_loss = self.choices.losses.get("g_loss", made.losses.generator_loss)
        made.losses.discriminator_loss = self.choices.losses.get("d_loss", made.losses.discriminator_loss)
        return made

    def _check_skipped(self) -> None:
        limit = self.settings.max_skipped_steps
        if self.done % limit:  # reading the counters waits for the device
            return
        for phase, counter in self.trainer.skipped_in_row.items():
            if int(counter.numpy()) >= limit:
                raise TrainingError(
                    f"the gradients of {phase} were not finite {int(counter.numpy())} times in a row (limit {limit}, "
                    f"step {self.done}). Try a smaller learning rate, or a larger gamma."
                )
