"""The losses and penalties that training knows by name.

A line here and the function it names are all that a new one takes. Functions are given as "module:name" and imported
when training asks for them, since configurations load no framework; a function itself will do too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

Registry = dict[str, str | Callable[..., Any]]

# What the generator and the discriminator minimise: functions of `training.losses.Scores`, one value per sample.
G_LOSSES: Registry = {
    "logistic": "gansformer_tf.training.losses:g_logistic",
    "logistic_ns": "gansformer_tf.training.losses:g_logistic_ns",
    "hinge": "gansformer_tf.training.losses:g_hinge",
    "hinge_code": "gansformer_tf.training.losses:g_hinge_code",
    "wgan": "gansformer_tf.training.losses:g_wgan",
    "rpgan": "gansformer_tf.training.losses:g_rpgan",
}
D_LOSSES: Registry = {
    "logistic": "gansformer_tf.training.losses:d_logistic",
    "hinge": "gansformer_tf.training.losses:d_hinge",
    "wgan": "gansformer_tf.training.losses:d_wgan",
    "rpgan": "gansformer_tf.training.losses:d_rpgan",
}
# What is added for the discriminator, weighted with gamma: functions of `training.penalties.Judged`.
D_PENALTIES: Registry = {
    "r1": "gansformer_tf.training.penalties:r1",
    "r2": "gansformer_tf.training.penalties:r2",
    "gp": "gansformer_tf.training.penalties:gp",
}


def objective(registry: Mapping[str, str | Callable[..., Any]], name: str) -> Callable[..., Any]:
    """The function of a name.

    Raises:
        ValueError: The registry does not have it.
    """
    if name not in registry:
        raise ValueError(f"unknown loss or penalty {name!r}; use one of: {', '.join(registry)}.")
    function = registry[name]
    if callable(function):
        return function
    module, _, attribute = function.partition(":")
    return getattr(importlib.import_module(module), attribute)
