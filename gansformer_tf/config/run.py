"""The configuration of a whole run, as it is saved in `config.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gansformer_tf.config.base import ConfigError, from_dict, nested, to_dict
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.config.model import ModelConfig
from gansformer_tf.config.stages import StagesConfig
from gansformer_tf.config.train import TrainConfig


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run.

    `stages` is None in a family that is not trained in stages. `preset` is the name of the set of values that it was
    started from, empty for none; older runs did not note it.

    Example:

    >>> config = gf.config.RunConfig()
    >>> gf.config.RunConfig.from_json(config.to_json()) == config
    True
    """

    model: ModelConfig = nested(ModelConfig)
    data: DataConfig = nested(DataConfig)
    train: TrainConfig = nested(TrainConfig)
    metrics: MetricConfig = nested(MetricConfig)
    stages: StagesConfig | None = nested(StagesConfig, optional=True)
    preset: str | None = None

    def __post_init__(self) -> None:
        self.model.discriminator.check_training(self.train)

    def to_json(self) -> str:
        """The content of a run's `config.json`."""
        return json.dumps(to_dict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: str = "configuration") -> RunConfig:
        """Reads `to_json`'s text.

        Raises:
            ConfigError: The text is no JSON, has an unknown key or a value that breaks a rule.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{source} is not valid JSON ({error}); restore it or start a new run.") from error
        return from_dict(cls, values)

    @classmethod
    def load(cls, path: str | Path) -> RunConfig:
        """Reads a `config.json` file."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the configuration {path}: {error}.") from error
        return cls.from_json(text, source=str(path))
