"""Starting from a snapshot: what fits is loaded, what does not is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.models.snapshot import find_snapshot, read_snapshot, weight_name
from gansformer_tf.training.errors import TrainingError

# More names than this are counted on the screen in place of being listed.
_LISTED = 6
_INDENT = "    "


@dataclass
class TransferReport:
    """What happened to the weights of one network.

    Attributes:
        network: Its name.
        loaded: Weights taken from the snapshot.
        missing: Weights the snapshot does not have; they keep their initial values.
        reshaped: Weights of another shape in the snapshot, with both shapes; they keep their initial values too.
        unused: Weights of the snapshot that this network does not have.
    """

    network: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line, one more for each kind of weight that was left out, and under it one for each such weight."""
        total = len(self.loaded) + len(self.missing) + len(self.reshaped)
        lines = [f"{self.network}: {len(self.loaded)} of {total} weights loaded"]
        for what, names in (
            ("not in the snapshot", self.missing),
            ("of another shape", self.reshaped),
            ("of the snapshot not used", self.unused),
        ):
            if names:
                lines.append(f"  {len(names)} {what}:")
                lines += [f"{_INDENT}{name}" for name in names]
        return lines


def shortened(lines: Sequence[str], place: Path) -> list[str]:
    """For the screen: the lines of `transfer` with a few weights of each kind, and where the others are listed."""
    short: list[str] = []
    listed = 0
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        listed = listed + 1 if line.startswith(_INDENT) else 0
        if listed <= _LISTED:
            short.append(line)
        elif not following.startswith(_INDENT):
            short.append(f"{_INDENT}and {listed - _LISTED} more, listed in {place}")
    return short


def load_what_fits(network: Any, weights: Mapping[str, np.ndarray]) -> TransferReport:
    """Sets the weights of a network that have the same name and shape in a snapshot."""
    report = TransferReport(network.name)
    variables = {weight_name(variable): variable for variable in network.weights}
    for name, variable in variables.items():
        if name not in weights:
            report.missing.append(name)
        elif tuple(weights[name].shape) != tuple(variable.shape):
            report.reshaped.append(f"{name} {tuple(weights[name].shape)} -> {tuple(variable.shape)}")
        else:
            variable.assign(weights[name])
            report.loaded.append(name)
    report.unused = sorted(set(weights) - set(variables))
    return report


def transfer(
    path: str | Path, generator: Any, discriminator: Any, ema_generator: Any, untrained: Sequence[Any] = ()
) -> list[str]:
    """Starts all networks from a snapshot; the generator being trained starts as its average was.

    Args:
        path: A snapshot, or a run folder (its newest one).
        generator, discriminator, ema_generator: Networks to set.
        untrained: Parts of the generator that the run does not train, and so takes whole or not at all.

    Returns:
        Lines that say what was loaded and name every weight that was not; `shortened` for the screen.

    Raises:
        SnapshotError: There is no snapshot, or it is damaged.
        TrainingError: Nothing in it fits, or not all of a part that is not trained.
    """
    path = find_snapshot(path)
    _, tensors, metadata = read_snapshot(path)
    parts: dict[str, dict[str, np.ndarray]] = {"generator": {}, "discriminator": {}}
    for name, value in tensors.items():
        network, _, weight = name.partition("/")
        parts.setdefault(network, {})[weight] = value
    reports = [load_what_fits(generator, parts["generator"])]
    load_what_fits(ema_generator, parts["generator"])
    if parts["discriminator"]:
        reports.append(load_what_fits(discriminator, parts["discriminator"]))
    kernels = {weight_name(variable) for variable in generator.weights if len(variable.shape) > 1}
    if not kernels.intersection(reports[0].loaded):  # gains and strengths are single numbers and fit everywhere
        raise TrainingError(
            f"no weight of {path} fits this generator; give the flags (or --preset) the snapshot was trained with."
        )
    for part in untrained:
        _require_whole(part, reports[0], path)
    kimg = f" ({metadata['kimg']} kimg)" if "kimg" in metadata else ""
    lines = [f"Starting from {path}{kimg}:"] + [line for report in reports for line in report.lines()]
    if not parts["discriminator"]:
        lines.append("discriminator: not in the snapshot; it starts fresh")
    return lines


def _require_whole(part: Any, report: TransferReport, path: Path) -> None:
    """Raises TrainingError where a weight of this part was not loaded: it would stay at random values for good."""
    names = {weight_name(variable) for variable in part.weights}
    found = [f"{name} is not there" for name in report.missing if name in names]
    found += [f"{line} is another shape" for line in report.reshaped if line.split()[0] in names]
    if found:
        raise TrainingError(
            f"{path} does not have the whole {part.name}, which this run does not train ({found[0]}); give the flags "
            "(or --preset) the snapshot was trained with."
        )
