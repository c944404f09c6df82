"""The parts of a training step, as records: everything that tells one from another is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.training.phases import PhaseLosses, Statistics

# Order within a step: of a GAN as in StyleGAN2, of VQGAN the two networks of stage 1 and that of stage 2. The position
# is part of the seed of a phase's draws, and of checkpoints.
PHASES = ("G", "G_reg", "D", "D_reg", "autoencoder", "discriminator", "transformer")


@dataclass(frozen=True)
class Phase:
    """One optimizer step of one network within a training step.

    Attributes:
        name: What logs call it.
        network: Whose variables it moves: "G" or "D", or a network of VQGAN.
        loss: Loss and statistics of a `MicroBatch`; with `takes_path_lengths` it is also given the running mean of the
            path length and the mean over the global batch (None where the micro-batch is the global batch).
        statistics: Names and shapes of its statistics.
        interval: It runs in every so many steps; None: never.
        second_order: Whether its loss has gradients inside, which rematerialisation cannot differentiate.
        takes_path_lengths: See `loss`.
    """

    name: str
    network: str
    loss: Callable[..., tuple[tf.Tensor, Statistics]]
    statistics: Mapping[str, Sequence[int]]
    interval: int | None = 1
    second_order: bool = False
    takes_path_lengths: bool = False

    @property
    def position(self) -> int:
        """Its place in a step."""
        return PHASES.index(self.name)

    def runs_in(self, step: int) -> bool:
        """Whether it is part of step number `step`."""
        return self.interval is not None and step % self.interval == 0


def plan_of(losses: PhaseLosses, config: TrainConfig) -> dict[str, Phase]:
    """All phases by name, in their order."""
    averages = {"w_average": [losses.generator.config.style_dim]}
    if "magnitudes" in losses.averages["D"]:
        averages["magnitudes"] = [len(losses.generator.magnitudes)]

    def statistics(network: str, *scalars: str) -> dict[str, Sequence[int]]:
        return dict.fromkeys(scalars, ()) | {name: averages[name] for name in losses.averages[network]}

    # The losses are looked up when a phase is traced.
    phases = (
        Phase("G", "G", lambda part: losses.generator_main(part), statistics("G", "loss/g")),
        Phase(
            "G_reg",
            "G",
            lambda part, *means: losses.generator_regularizer(part, *means),
            {"penalty/path_length": (), "path_length": ()},
            interval=config.g_reg_interval if config.path_length else None,
            second_order=True,
            takes_path_lengths=True,
        ),
        Phase(
            "D",
            "D",
            lambda part: losses.discriminator_main(part),
            statistics("D", "loss/d", "score/real", "score/fake", "score/real_sign"),
        ),
        Phase(
            "D_reg",
            "D",
            lambda part: losses.discriminator_regularizer(part),
            {f"penalty/{name}": () for name in losses.penalties},
            interval=config.d_reg_interval if losses.penalties else None,
            second_order=True,
        ),
    )
    return {phase.name: phase for phase in phases}
