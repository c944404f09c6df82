"""Both networks and their training as one Keras model."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.api.batches import check_data, going_on, parts_of
from gansformer_tf.api.model import Model
from gansformer_tf.api.overrides import preset_config
from gansformer_tf.config import ConfigError, ModelConfig, RunConfig, TrainConfig, from_dict, to_dict
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.models.snapshot import Snapshot
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.faults import memory_suffices
from gansformer_tf.training.process import prepare_process
from gansformer_tf.training.step import TrainStep

Loss = str | Callable[..., Any]

# Of a run's folder and the lines it prints; fit leaves these to Keras's callbacks.
_OF_RUNS = {
    "tick_kimg",
    "checkpoint_ticks",
    "snapshot_ticks",
    "keep_checkpoints",
    "keep_snapshots",
    "keep_samples",
    "sample_columns",
    "sample_rows",
    "summarize",
    "wandb_project",
}
# What the networks are built with.
_OF_NETWORKS = {"seed", "precision"}
_NAMES = {"loss/g": "g_loss", "loss/d": "d_loss"}
_NETWORKS = ("generator/", "discriminator/", "ema_generator/")


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
        steps_done: Steps made since `compile`.

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
        self.steps_done = 0
        self._losses: dict[str, Loss] = {}
        self._trainer: TrainStep | None = None
        self._drawing: Model | None = None
        self._averages = _Means()
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
            g_optimizer: A learning rate, or a `keras.optimizers.Adam`, whose rate, betas and epsilon are
                taken; the betas are corrected for lazy regularisation, so they must be equal in both.
            d_optimizer: The same of the discriminator.
            **settings: Fields of `TrainConfig`, such as `gamma`, `batch_size_per_replica` (images that a device
                holds at once at most: gradients of larger batches are accumulated), `path_length`, `augment` or
                `ema_half_life_kimg`.

        Raises:
            ConfigError: An unknown setting, one that is not for `fit`, or a value that breaks a rule.
        """
        values = dict(settings)
        self._losses = {}
        for key, loss in (("g_loss", g_loss), ("d_loss", d_loss)):
            if callable(loss):
                self._losses[key] = loss
            elif loss is not None:
                values[key] = loss
        if d_reg is not None:
            values["d_reg"] = d_reg
        values |= _optimizer_values("g", g_optimizer)
        for key, value in _optimizer_values("d", d_optimizer).items():
            if values.get(key, value) != value:
                raise ConfigError(f"{key} is {values[key]} for G and {value} for D; both optimizers share it.")
            values[key] = value
        _check_settings(values)
        chosen = from_dict(TrainConfig, to_dict(self.settings) | values)
        self.settings = self._with_batch_size(chosen, chosen.batch_size)
        super().compile(optimizer=None, jit_compile=False)  # TrainStep has the optimizers
        self.steps_done = 0
        self._trainer = self._new_trainer(self.settings)

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
        if self._trainer is None:
            raise ConfigError("the GAN is not compiled; call compile() before fit().")
        size = check_data(x, self.discriminator.config)
        length = int(x.cardinality())
        if steps_per_epoch is None and length < 0:
            raise ConfigError("the data have no known end, so an epoch has none; give steps_per_epoch, such as 500.")
        self._set_batch_size(size)
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
        if self._trainer is None:
            raise ConfigError("the GAN is not compiled; call compile() before train_step().")
        if not tf.executing_eagerly():
            raise ConfigError("train_step was called in a graph; it runs graphs of its own, so call it eagerly.")
        images, labels = parts_of(tf.nest.map_structure(self._whole, data))
        label_dim = self.discriminator.config.label_dim
        if labels is None:
            labels = tf.zeros([images.shape[0], label_dim])
        elif labels.shape.rank == 1:
            labels = tf.one_hot(labels, label_dim)
        with memory_suffices(f"at step {self.steps_done}"):
            found = self._trainer.run(self.steps_done, images, tf.cast(labels, tf.float32))
        assert found is not None  # only an interrupt leaves a step unfinished
        self.steps_done += 1
        values = {_NAMES.get(key, key.replace("/", "_")): float(v) for key, v in found.items() if "seconds/" not in key}
        values = {"loss": values["g_loss"] + values["d_loss"]} | values
        if self._trainer.augmentation.has_p:
            values["augment_p"] = float(self._trainer.augmentation.p)
        self._check_skipped()
        return self._averages.with_step(values)

    def reset_metrics(self) -> None:
        """Begins the means of an epoch."""
        super().reset_metrics()
        self._averages = _Means()

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
        losses = {key: keras.saving.serialize_keras_object(loss) for key, loss in self._losses.items()}
        return {"losses": losses}  # the settings are in the configuration

    def compile_from_config(self, config: dict[str, Any]) -> None:
        losses = {key: keras.saving.deserialize_keras_object(loss) for key, loss in config["losses"].items()}
        self.compile(**losses)

    def save_own_variables(self, store: Any) -> None:
        """The state of training beside the networks: optimizers, path length, augmentation, counters, the step."""
        if self._trainer is None:
            return
        store["steps_done"] = np.int64(self.steps_done)
        for name, variable in self._own_state().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes that state, if this GAN is compiled and the file is of one that was."""
        names = set(store.keys())
        if self._trainer is None or not names:
            return
        state = self._own_state()
        if names != {"steps_done", *state}:
            raise ValueError(
                "the file holds another state of training than this GAN has; build and compile it with the same "
                "settings, or load the weights before compile()."
            )
        for name, variable in state.items():
            variable.assign(np.asarray(store[name]))
        self.steps_done = int(np.asarray(store["steps_done"]))

    # parts

    def _own_state(self) -> dict[str, tf.Variable]:
        assert self._trainer is not None
        state = self._trainer.state().items()
        return {name.replace("/", "."): value for name, value in state if not name.startswith(_NETWORKS)}

    def _new_trainer(self, settings: TrainConfig) -> TrainStep:
        strategy = self.distribute_strategy
        with strategy.scope():
            made = TrainStep(self.generator, self.discriminator, self.ema_generator, settings, strategy)
        for key, loss in self._losses.items():
            setattr(made.losses, {"g_loss": "generator_loss", "d_loss": "discriminator_loss"}[key], loss)
        return made

    def _set_batch_size(self, size: int) -> None:
        """Goes on with batches of another size; the state stays."""
        assert self._trainer is not None
        if size == self.settings.batch_size:
            return
        settings = self._with_batch_size(self.settings, size)
        old = self._own_state()
        self._trainer = self._new_trainer(settings)
        self.settings = settings
        for name, variable in self._own_state().items():
            variable.assign(old[name].numpy())

    def _with_batch_size(self, settings: TrainConfig, size: int) -> TrainConfig:
        """The settings for another batch, of which each device holds as many images at once as it is allowed to."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        if size % replicas:
            raise ConfigError(f"the batches have {size} images for {replicas} devices; use a multiple of {replicas}.")
        share = size // replicas
        limit = min(share, settings.batch_size_per_replica)
        at_once = max(part for part in range(1, limit + 1) if share % part == 0)
        return dataclasses.replace(settings, batch_size=size, batch_size_per_replica=at_once)

    def _whole(self, value: Any) -> tf.Tensor:
        """The whole batch of what Keras has dealt to the replicas."""
        parts = self.distribute_strategy.experimental_local_results(value)
        return parts[0] if len(parts) == 1 else tf.concat([tf.identity(part) for part in parts], axis=0)

    def _check_skipped(self) -> None:
        assert self._trainer is not None
        limit = self.settings.max_skipped_steps
        if self.steps_done % limit:  # reading the counters waits for the device
            return
        for phase, counter in self._trainer.skipped_in_row.items():
            if int(counter.numpy()) >= limit:
                raise TrainingError(
                    f"the gradients of {phase} were not finite {int(counter.numpy())} times in a row (limit {limit}, "
                    f"step {self.steps_done}). Try a smaller learning rate, or a larger gamma."
                )


class _Means:
    """Means of numbers, each over the steps that had it; adding a step takes as long however many there were."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def with_step(self, values: dict[str, float]) -> dict[str, float]:
        """The means, the numbers of one more step included."""
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1
        return {name: total / count for name, (total, count) in self._sums.items()}


def _optimizer_values(network: str, given: Any) -> dict[str, float]:
    if given is None:
        return {}
    if isinstance(given, (int, float)):
        return {f"{network}_learning_rate": float(given)}
    if type(given) is not keras.optimizers.Adam:
        raise ConfigError(
            f"{network}_optimizer is {type(given).__name__}; both networks are trained with Adam, so give a "
            "keras.optimizers.Adam or a learning rate."
        )
    return {
        f"{network}_learning_rate": float(f"{float(given.learning_rate):.7g}"),  # of float32
        "adam_beta1": float(given.beta_1),
        "adam_beta2": float(given.beta_2),
        "adam_epsilon": float(given.epsilon),
    }


def _check_settings(values: dict[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    for key in values:
        if key in _OF_RUNS:
            raise ConfigError(f"{key} is a setting of run folders, which fit has none of; use a Keras callback.")
        if key in _OF_NETWORKS:
            raise ConfigError(f"{key} belongs to the networks; give it to from_preset or the constructor.")
        if key not in known:
            raise ConfigError(f"{key} is no setting of training; known: {', '.join(sorted(known - _OF_RUNS))}.")


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
