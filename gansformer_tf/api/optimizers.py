"""What `GAN.compile` is given as optimizers."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import keras

from gansformer_tf.config import ConfigError, TrainConfig

_NAMES = ("Adam", "SGD", "RMSprop", "AdamW", "Adamax", "Nadam", "Lion", "Lamb", "Adagrad", "Adadelta", "Ftrl")
# What fit does by itself -> the setting for it.
_OWN = {
    "use_ema": "the GAN keeps the average of the generator itself; set ema_half_life_kimg",
    "gradient_accumulation_steps": "gradients are accumulated already; set batch_size_per_replica",
    "loss_scale_factor": "no loss is scaled, since nothing is computed in float16",
}
_MOMENTS = ("adam_beta1", "adam_beta2", "adam_epsilon")


def decided(
    given: Mapping[str, Any], settings: TrainConfig, named: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, keras.Optimizer]]:
    """What the optimizers given mean.

    A learning rate, and a plain Adam whose decays both networks share, are what the settings can say, so they are said
    there: such a GAN is trained as the script trains it.

    Args:
        given: By network, "G" and "D": a learning rate, an optimizer of Keras, the name of one, or None.
        settings: What holds where nothing is given.
        named: The settings that were given beside them.

    Returns:
        Changes of the settings, and the optimizers that they cannot express, by network.

    Raises:
        ConfigError: Something else was given, or something that contradicts the settings beside it.
    """
    values: dict[str, Any] = {}
    optimizers: dict[str, keras.Optimizer] = {}
    for network, value in given.items():
        if value is None:
            continue
        _check_alone(network, named, () if None in given.values() else _MOMENTS)
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            values[f"{network.lower()}_learning_rate"] = float(value)
        else:
            optimizers[network] = _optimizer(network, value)
    plain = {network: found for network, value in optimizers.items() if (found := _plain_adam(value))}
    moments = {tuple(found[name] for name in _MOMENTS) for found in plain.values()}
    if len(optimizers) < len(given):
        moments.add(tuple(named.get(name, getattr(settings, name)) for name in _MOMENTS))
    if len(moments) == 1 and not _moves(settings, named):
        for network, found in plain.items():
            del optimizers[network]
            values |= {f"{network.lower()}_learning_rate": found["rate"], **{name: found[name] for name in _MOMENTS}}
    return values, optimizers


def _optimizer(network: str, given: Any) -> keras.Optimizer:
    argument = f"{network.lower()}_optimizer"
    try:
        optimizer = keras.optimizers.get(given)
    except (TypeError, ValueError):
        optimizer = None
    if optimizer is None:
        what = repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
        raise ConfigError(
            f"{argument} is {what}; give a learning rate, an optimizer of keras.optimizers, or the name of one: "
            f"{', '.join(_NAMES)}."
        )
    config = optimizer.get_config()
    if "learning_rate" not in config or "inner_optimizer" in config:
        raise ConfigError(f"{argument} is a {type(optimizer).__name__}, which holds other ones; give one of those.")
    rate = config["learning_rate"]
    if not isinstance(rate, float) and not _is_schedule(rate):
        raise ConfigError(
            f"{argument}: the learning rate is a function; give a number, or a schedule of keras.optimizers.schedules."
        )
    for name, reason in _OWN.items():
        if config.get(name):
            raise ConfigError(f"{argument} has {name}={config[name]}; leave it out, {reason}.")
    return optimizer


def _is_schedule(rate: Any) -> bool:
    try:
        made = keras.optimizers.schedules.deserialize(rate)
    except (TypeError, ValueError):
        return False
    return isinstance(made, keras.optimizers.schedules.LearningRateSchedule)


def _check_alone(network: str, named: Mapping[str, Any], moments: tuple[str, ...]) -> None:
    argument = f"{network.lower()}_optimizer"
    for name in (f"{network.lower()}_learning_rate", f"{network.lower()}_learning_rate_end", *moments):
        if name in named:
            raise ConfigError(f"{name} and {argument} are both given; leave one of them out.")


def _plain_adam(optimizer: keras.Optimizer) -> dict[str, float] | None:
    """The numbers of an Adam that has nothing else; None of any other optimizer."""
    config = optimizer.get_config()
    if type(optimizer) is not keras.optimizers.Adam or not isinstance(config["learning_rate"], float):
        return None
    rate, beta1, beta2, epsilon = (config[name] for name in ("learning_rate", "beta_1", "beta_2", "epsilon"))
    if keras.optimizers.Adam(rate, beta1, beta2, epsilon, name=config["name"]).get_config() != config:
        return None
    rate = float(f"{rate:.7g}")  # of float32
    return {"rate": rate, "adam_beta1": beta1, "adam_beta2": beta2, "adam_epsilon": epsilon}


def _moves(settings: TrainConfig, named: Mapping[str, Any]) -> bool:
    """Whether rates or decays follow a schedule of the settings, which an optimizer that is given does not."""
    ends = ("g_learning_rate_end", "d_learning_rate_end", "adam_beta2_end")
    return any(named.get(name, getattr(settings, name)) is not None for name in ends)
