"""What a run would train: tables of the networks, and the memory it takes. Nothing is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gansformer_tf.config import RunConfig
from gansformer_tf.training.layout import BatchLayout
from gansformer_tf.training.memory import MemoryEstimate, estimate
from gansformer_tf.training.phased import make_step


def overview(config: RunConfig, num_devices: int = 1) -> str:
    """Tables of both networks and the memory estimate, as text."""
    layout = BatchLayout(config.train, num_devices)
    one_device = dataclasses.replace(config.train, batch_size=layout.replica_size)
    step = make_step(dataclasses.replace(config, train=one_device), tf.distribute.get_strategy())
    memory = estimate(step)
    return "\n\n".join(
        (
            network_table("Generator", step.generator),
            network_table("Discriminator", step.discriminator),
            memory_table(memory, layout),
            step.smaller_parts,
        )
    )


def network_table(title: str, network: Any) -> str:
    """Layer, parameters, output shape and weight shape, line by line."""
    rows = [(name, f"{count:,}", output, weight) for name, count, output, weight in network.summary_rows()]
    total = sum(count for _, count, _, _ in network.summary_rows())
    return table((title, "parameters", "output shape", "weight shape"), [*rows, ("total", f"{total:,}", "", "")])


def memory_table(memory: MemoryEstimate, layout: BatchLayout) -> str:
    """The parts of the estimate."""
    rows = [
        ("libraries, input, compiled functions", memory.libraries),
        ("weights of all networks", memory.weights),
        ("optimizer state", memory.optimizer),
        ("sum of gradients over parts of the batch", memory.gradients),
        (f"tensors of one step with {layout.micro_size} images at once", memory.activations),
        ("together, per device", memory.total),
    ]
    return table(("Memory for training (estimate)", "MB"), [(name, f"{size / 1e6:,.0f}") for name, size in rows])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their content; numbers are aligned to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = []
    for row in (header, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if index == 1 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
