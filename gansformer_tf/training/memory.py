"""How much memory training will take, counted on the traced step before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gansformer_tf.training.plan import Phase

# Memory held by TensorFlow's libraries, the data pipeline and the compiled functions, measured on Linux.
_LIBRARIES = 960 << 20
# Parallel execution, convolution scratch space and fragmentation on top of the tensors that must be alive.
_OVERHEAD = 1.3
# Path length runs after phases whose freed memory has other sizes, and what it adds is limited: measured for 64x64 and
# 128x128 at both widths.
_PATH_LENGTH_GAPS = 300 << 20
# Outputs that share their input's memory.
_ALIASES = {"Identity", "Reshape", "ExpandDims", "Squeeze", "StopGradient", "PreventGradient", "Snapshot", "Bitcast"}
# Outputs that live elsewhere: variables and inputs of the function.
_NO_MEMORY = {"ReadVariableOp", "Placeholder", "NoOp", "Assert"}


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of each part, and their sum."""

    libraries: int
    weights: int
    optimizer: int
    gradients: int
    activations: int

    @property
    def total(self) -> int:
        return self.libraries + self.weights + self.optimizer + self.gradients + self.activations


def peak_bytes(graph: Any, outputs: Iterable[Any]) -> int:
    """Largest number of bytes alive at once when a graph runs in the order it was built.

    Args:
        graph: A `FuncGraph`. Bodies of conditionals are not entered.
        outputs: Tensors that stay alive to the end.
    """
    needed = _needed(outputs)
    operations = [operation for operation in graph.get_operations() if operation in needed]
    last_use = {}  # tensor id -> index of the last operation that reads it
    for index, operation in enumerate(operations):
        for tensor in operation.inputs:
            last_use[id(tensor)] = index
    for tensor in outputs:
        last_use[id(tensor)] = len(operations)
    owners: dict[int, list] = {}  # tensor id -> [bytes, readers that are still to come]
    alive = peak = 0
    ends: dict[int, list[list]] = {}
    for index, operation in enumerate(operations):
        for tensor in operation.outputs:
            end = last_use.get(id(tensor))
            if end is None or operation.type in _NO_MEMORY:
                continue
            donor = owners.get(id(operation.inputs[0])) if operation.type in _ALIASES else None
            if donor is None:
                donor = [_bytes(tensor), 0]
                alive += donor[0]
            owners[id(tensor)] = donor
            donor[1] += 1
            ends.setdefault(end, []).append(donor)
        peak = max(peak, alive)
        for donor in ends.pop(index, []):
            donor[1] -= 1
            if donor[1] == 0:
                alive -= donor[0]
    return peak


def _needed(outputs: Iterable[Any]) -> set:
    """Operations that the outputs depend on."""
    waiting = [tensor.op for tensor in outputs]
    needed = set()
    while waiting:
        operation = waiting.pop()
        if operation not in needed:
            needed.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
            waiting += operation.control_inputs
    return needed


def _bytes(tensor: Any) -> int:
    shape = tensor.shape.as_list() if tensor.shape.rank is not None else []
    if any(size is None for size in shape) or tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    return math.prod(shape) * tensor.dtype.size


def estimate(step: Any) -> MemoryEstimate:
    """Memory of a training process on one device.

    Args:
        step: A `PhasedStep` of what one device trains; its phases are traced here, but not run.
    """
    config, layout = step.discriminator.config, step.layout
    images = tf.zeros([layout.replica_size, config.height, config.width, config.image_channels], tf.uint8)
    labels = tf.zeros([layout.replica_size, config.label_dim])
    weights = optimizer = 0
    for name, variable in step.state().items():
        size = variable.dtype.size * variable.shape.num_elements()
        if name.startswith("adam/"):
            optimizer += size
        else:
            weights += size
    phases = [phase for phase in step.phases.values() if phase.interval is not None]
    sizes = [_phase_bytes(step, phase, images, labels) for phase in phases]
    gradients, activations = max(sizes, key=sum)
    for phase, (_, size) in zip(phases, sizes, strict=True):
        if phase.takes_path_lengths:
            activations += min(size, _PATH_LENGTH_GAPS)
    return MemoryEstimate(_LIBRARIES, weights, optimizer, gradients, activations)


def _phase_bytes(step: Any, phase: Phase, images: tf.Tensor, labels: tf.Tensor) -> tuple[int, int]:
    """What a phase holds beside the weights: the sum of its parts' gradients, if there are several, and tensors."""
    count, _ = step.gradients.parts(phase)
    variables = step.optimizers[phase.network].variables_to_train
    gradients = sum(4 * math.prod(variable.shape) for variable in variables)
    graph = step.gradients.trace(phase, images, labels)
    return gradients if count > 1 else 0, int(peak_bytes(graph, graph.outputs) * _OVERHEAD)
