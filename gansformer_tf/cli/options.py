"""What `run_network.py` is asked to do, and with which run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gansformer_tf.config.presets import Sections

if TYPE_CHECKING:
    from gansformer_tf.training.run_dir import RunDir


@dataclass(frozen=True)
class RunOptions:
    """What the command itself acts on; `typed` holds what was typed of the run's configuration, by section and field.

    `train`, `eval`, `vis` and `export` (a format) are what is done; without any the networks are shown. The run is the
    newest `result_dir`/`expname`-000, -001, ... (`restart`: a new one), on the GPUs of `gpus` (none: on the CPU).
    `gansformer_default`, `baseline` and `preset` each name a set of values. `pretrained_pkl` is a snapshot that a new
    run starts from, or that is measured and drawn with. `reload` resumes with the saved values only. `resolution` is
    checked against the data set. `recompile` and `fused_modconv` are accepted and change nothing. `model`,
    `output_dir`, `noise_mode` and `scale` are about the export, `scale` also about metrics and images.
    """

    train: bool = False
    eval: bool = False
    vis: bool = False
    export: str | None = None
    expname: str = "exp"
    result_dir: str = "results"
    gpus: tuple[int, ...] = (0,)
    restart: bool = False
    reload: bool = False
    gansformer_default: bool = False
    baseline: str | None = None
    preset: str | None = None
    pretrained_pkl: str | None = None
    resolution: int | None = None
    recompile: bool | None = None
    fused_modconv: bool | None = None
    model: str | None = None
    output_dir: str | None = None
    noise_mode: str | None = None
    scale: float = 1.0
    typed: Sections = dataclasses.field(default_factory=dict)

    def run_dir(self, restart: bool = False) -> RunDir:
        """The run's folder; `restart` chooses the next number."""
        from gansformer_tf.training.run_dir import RunDir

        return RunDir.select(Path(self.result_dir), self.expname, restart)
