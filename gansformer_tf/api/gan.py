"""Both networks and their training as one Keras model."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.api.batches import check_data, going_on, parts_of
from gansformer_tf.api.means import Means
from gansformer_tf.api.model import Model
from gansformer_tf.api.optimizers import decided
from gansformer_tf.api.overrides import preset_config
from gansformer_tf.api.settings import check_settings
from gansformer_tf.api.steps import Choices, Steps
from gansformer_tf.config import ConfigError, ModelConfig, RunConfig, TrainConfig, from_dict, to_dict
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.models.snapshot import Snapshot
from gansformer_tf.training.faults import memory_suffices
from gansformer_tf.training.process import prepare_process

Loss = str | Callable[..., Any]


@keras.saving.register_keras_serializable("gansformer_tf")
class GAN(keras.Model):
    """Generator and discriminator, trained by `fit` as `run_network.py` trains them.

    With equal settings, seed and images, N steps of `fit` give the weights of N steps of the script. Build it within
    `strategy.scope()` to train on several devices.

    Args:
        model: Configuration of the networks.
        train: Settings of training, which `compile` may change; its `seed` and `precision` are those of the networks.
        name: Of the model.

    Call arguments:
        z: As the generator takes it; images of the averaged weights are returned, float32 in about [-1, 1].

    Attributes:
        generator, discriminator, ema_generator: The networks; the last one holds the moving average of the first, and
            is the one to draw with.
        settings: The settings of training.

    Raises:
        ConfigError: A value breaks a rule.

    Example:

    >>> gan = gf.GAN.from_preset("gansformer-small", resolution=64)
    >>> gan.compile()
    >>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
    >>> gan.fit(data, epochs=10)  # doctest: +SKIP
    >>> gan.sample(range(8)).shape  # doctest: +SKIP
    (8, 64, 64, 3)

    Source: GANsformer (Hudson and Zitnick 2021), StyleGAN2 (Karras et al. 2020).
    """

    def __init__(self, model: ModelConfig | None = None, train: TrainConfig | None = None, name: str = "gan") -> None:
        super().__init__(name=name)
        self.model_config, self.settings = model or ModelConfig(), train or TrainConfig()
        if self.model_config.generator.trained_in_stages:
            raise ConfigError(
                f"a {self.model_config.generator.family} generator is trained in stages, which fit does not do; train "
                "it with run_network.py."
            )
        prepare_process()
        with _seeded(self.settings.seed), memory_suffices("while building the networks"):
            dtype = dtype_policy(self.settings.precision)
            self.generator = build_generator(self.model_config.generator, dtype=dtype)
            self.discriminator = build_discriminator(self.model_config.discriminator, dtype=dtype)
            self.ema_generator = build_generator(self.model_config.generator, name="ema_generator")
            self.ema_generator.set_weights(self.generator.get_weights())
        self._steps: Steps | None = None
        self._drawing: Model | None = None
        self._averages = Means()
        self.built = True

    @classmethod
    def from_preset(cls, preset: str, resolution: int | tuple[int, int], **overrides: Any) -> GAN:
        """Untrained networks with the settings of a preset.

        Args:
            preset: "gansformer-small" for a few thousand images of your own, "gansformer-default", "StyleGAN2",
                "StyleGAN3-T", ...: the names of `run_network.py --preset`.
            resolution: Side of a square image in pixels, or (height, width).
            **overrides: Fields of the configurations, such as `num_components`, `label_dim` or `gamma`; one that both
                networks have is set in both. `generator`, `discriminator` and `train` take a dictionary for one part.

        Raises:
            ConfigError: There is no such preset or field, or a value breaks a rule.
        """
        config = preset_config(preset, resolution, overrides)
        return cls(config.model, config.train)

    def compile(
        self,
        g_loss: Loss | None = None,
        d_loss: Loss | None = None,
        d_reg: str | None = None,
        g_optimizer: Any = None,
        d_optimizer: Any = None,
        **settings: Any,
    ) -> None:
        """Sets what is minimised and how; without arguments it is what the preset says. Training starts anew.

        Args:
            g_loss: Name of a loss ("logistic_ns", "hinge", ...), or a function of
                `gansformer_tf.training.losses.Scores` that returns one value per image.
            d_loss: The same of the discriminator.
            d_reg: Gradient penalties of the discriminator: "r1", "r2", "r1,r2", "gp" or "none".
            g_optimizer: A learning rate for the published Adam, an optimizer of Keras or its name, of which each GAN
                makes a copy. Steps of penalties go through the same optimizer, so the rate and decays of those that
                have `beta_1` and `beta_2` are corrected as the published ones are (lazy regularisation); others, such
                as SGD, are taken as they are.
            d_optimizer: The same of the discriminator.
            **settings: Fields of `TrainConfig`, such as `gamma`, `batch_size_per_replica` (images that a device
                holds at once at most: gradients of larger batches are accumulated), `path_length`, `augment` or
                `ema_half_life_kimg`.

        Raises:
            ConfigError: An unknown setting or optimizer, one that is not for `fit`, or a value that breaks a rule.
        """
        values = dict(settings)
        losses: dict[str, Callable[..., Any]] = {}
        for key, loss in (("g_loss", g_loss), ("d_loss", d_loss)):
            if callable(loss):
                losses[key] = loss
            elif loss is not None:
                values[key] = loss
        if d_reg is not None:
            values["d_reg"] = d_reg
        check_settings(values)
        changes, optimizers = decided({"G": g_optimizer, "D": d_optimizer}, self.settings, values)
        chosen = from_dict(TrainConfig, to_dict(self.settings) | values | changes)
        super().compile(optimizer=None, jit_compile=False)  # TrainStep has the optimizers
        networks = self.generator, self.discriminator, self.ema_generator
        self._steps = Steps(networks, chosen, Choices(losses, optimizers), self.distribute_strategy)
        self.settings = self._steps.settings
        self._drawing = None  # it notes the settings

    @property
    def steps_done(self) -> int:
        """Steps made since `compile`."""
        return 0 if self._steps is None else self._steps.done

    @property
    def data(self) -> Any:
        """What `fit` was given last; None before."""
        return None if self._steps is None else self._steps.data

    def fit(
        self,
        x: Any,
        *,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
    ) -> Any:
        """Trains.

        Args:
            x: A `tf.data.Dataset` of uint8 images 0 to 255 `[batch, height, width, channels]`, of (images, labels), or
                of dictionaries with "image" and "label", in batches of one size, which is the batch that gradients
                are taken of; `gansformer_tf.data.images_from_directory` makes one.
            epochs: Number of the last epoch.
            verbose: As in Keras.
            callbacks: Keras's, and those of `gansformer_tf.callbacks`. `BackupAndRestore` goes on exactly where it
                was, with data whose order is the same in every start, as that of `images_from_directory` is.
            initial_epoch: Number of the first epoch.
            steps_per_epoch: Steps in an epoch; None: one pass of the data.

        Returns:
            Keras's history: means over each epoch of "g_loss", "d_loss", "loss" (their sum, which `TerminateOnNaN`
            watches), scores, penalties and gradient norms.

        Raises:
            ConfigError: The data do not fit the networks.
            TrainingError: Gradients stay non-finite, or memory does not suffice.
        """
        if self._steps is None:
            raise ConfigError("the GAN is not compiled; call compile() before fit().")
        size = check_data(x, self.discriminator.config)
        length = int(x.cardinality())
        if steps_per_epoch is None and length < 0:
            raise ConfigError("the data have no known end, so an epoch has none; give steps_per_epoch, such as 500.")
        self._steps.set_batch_size(size)
        self._steps.data = x
        self.settings = self._steps.settings
        data = going_on(x, lambda: self.steps_done)
        return super().fit(
            data,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch or length,
            shuffle=False,  # a word for arrays
        )

    def make_train_function(self, force: bool = False) -> Any:
        """Each batch runs the compiled phases of a step; they are traced once, whatever Keras asks for."""
        self.train_function = lambda iterator: self.train_step(next(iterator))
        return self.train_function

    def train_step(self, data: Any) -> dict[str, float]:
        """One step of the script: the generator's and the discriminator's phases, penalties when due, the average.

        Args:
            data: An element of the data, see `fit`.

        Returns:
            Means since the epoch began, by name.
        """
        if self._steps is None:
            raise ConfigError("the GAN is not compiled; call compile() before train_step().")
        if not tf.executing_eagerly():
            raise ConfigError("train_step was called in a graph; it runs graphs of its own, so call it eagerly.")
        images, labels = parts_of(tf.nest.map_structure(self._whole, data))
        return self._averages.with_step(self._steps.make(images, labels))

    def reset_metrics(self) -> None:
        """Begins the means of an epoch."""
        super().reset_metrics()
        self._averages = Means()

    def call(self, z: Any, **kwargs: Any) -> Any:
        return self.ema_generator(z, **kwargs)

    # drawing

    def model(self) -> Model:
        """What draws with the averaged weights. It shares them: what is drawn changes as training goes on."""
        if self._drawing is None:
            config = RunConfig(model=self.model_config, train=self.settings)
            self._drawing = Model(Snapshot(self.ema_generator, self.discriminator, config))
        return self._drawing

    def sample(self, seeds: Iterable[int], **options: Any) -> Any:
        """uint8 images of seeds `[len(seeds), height, width, channels]`; `options` are those of `Model.sample`."""
        return self.model().sample(seeds, **options)

    # saving

    def get_config(self) -> dict[str, Any]:
        return {"model": to_dict(self.model_config), "train": to_dict(self.settings), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> GAN:
        return cls(from_dict(ModelConfig, config["model"]), from_dict(TrainConfig, config["train"]), config["name"])

    def get_compile_config(self) -> dict[str, Any]:
        chosen = Choices() if self._steps is None else self._steps.choices
        losses = {key: keras.saving.serialize_keras_object(loss) for key, loss in chosen.losses.items()}
        optimizers = {
            f"{network.lower()}_optimizer": keras.optimizers.serialize(value)
            for network, value in chosen.optimizers.items()
        }
        return {"losses": losses, "optimizers": optimizers}  # the settings are in the configuration

    def compile_from_config(self, config: dict[str, Any]) -> None:
        losses = {key: keras.saving.deserialize_keras_object(loss) for key, loss in config["losses"].items()}
        optimizers = {key: keras.optimizers.deserialize(value) for key, value in config["optimizers"].items()}
        self.compile(**losses, **optimizers)

    def save_own_variables(self, store: Any) -> None:
        """The state of training beside the networks: optimizers, path length, augmentation, counters, the step."""
        if self._steps is not None:
            self._steps.save(store)

    def load_own_variables(self, store: Any) -> None:
        """Takes that state, if this GAN is compiled and the file is of one that was."""
        if self._steps is not None and set(store.keys()):
            self._steps.load(store)

    def _whole(self, value: Any) -> tf.Tensor:
        """The whole batch of what Keras has dealt to the replicas."""
        parts = self.distribute_strategy.experimental_local_results(value)
        return parts[0] if len(parts) == 1 else tf.concat([tf.identity(part) for part in parts], axis=0)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The random state that a run builds its networks with; the user's own comes back afterwards."""
    before, arrays = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(arrays)
