"""Rematerialisation: blocks whose features are computed again in the backward pass instead of being kept."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from gansformer_tf.ops import SeedStream

# Puts other tensors in the place of those of a value.
Rebuild = Callable[[Iterator[tf.Tensor]], Any]


class Rematerialization:
    """Runs the blocks of both networks so that only their inputs are kept.

    The gradient of such a block is of first order only; the regularisation phases, which need second order, run the
    blocks as usual (`enabled` tells).
    """

    def __init__(self) -> None:
        self._active = False

    def attach(self, generator: Any, discriminator: Any) -> None:
        """Lets the networks run their blocks through this object."""
        for network in (generator, discriminator):
            network.run_blocks_with(self.run_block)

    @contextlib.contextmanager
    def enabled(self) -> Iterator[None]:
        """Within this block of code (while a phase is traced) features are not kept."""
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def run_block(self, block: Any, x: tf.Tensor | None, **arguments: Any) -> Any:
        """One block of a network; a `SeedStream` among its arguments moves on as if the block had run once."""
        if not self._active:
            return block(x, **arguments)
        return recomputed(lambda values: block(values.pop("x"), **values), {"x": x, **arguments})


def recomputed(function: Callable[[Any], Any], arguments: Any) -> Any:
    """`function(arguments)`, of which only the arguments are kept for the gradient.

    Args:
        function: Takes and returns tensors in dictionaries, lists, tuples and dataclasses, beside anything else: what
            is no tensor passes as it is. Each run gets copies of the `SeedStream`s, and so draws the same numbers.
        arguments: Its argument.
    """
    replays: list[_Replay] = []
    tensors, rebuild = _split(arguments, replays)
    rebuild_outputs: list[Rebuild] = []

    def flat(*tensors: tf.Tensor) -> list[tf.Tensor]:
        outputs, rebuild_output = _split(function(rebuild(iter(tensors))), [])
        rebuild_outputs[:] = [rebuild_output]
        return outputs

    results = _together(*tf.recompute_grad(flat)(*tensors))
    for replay in replays:
        replay.finish()
    return rebuild_outputs[0](iter(results))


class _Replay:
    """Gives a function the same draws each time it runs, and leaves the stream as one run of the function does."""

    def __init__(self, stream: SeedStream) -> None:
        self._stream = stream
        self._start = stream.copy()

    def copy(self) -> SeedStream:
        """The stream for one run of the function."""
        self._last = self._start.copy()
        return self._last

    def finish(self) -> None:
        """Moves the stream on, once the function has run for the first time."""
        self._stream.draws = self._last.draws


def _split(value: Any, replays: list[_Replay]) -> tuple[list[tf.Tensor], Rebuild]:
    """The tensors inside a value, and what makes such a value of others; the streams in it are added to `replays`."""
    if tf.is_tensor(value):
        return [value], next
    if isinstance(value, SeedStream):
        replays.append(_Replay(value))
        return [], lambda _, replay=replays[-1]: replay.copy()
    if dataclasses.is_dataclass(value):
        kind: Any = type(value)
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        tensors, rebuild = _split(named, replays)
        return tensors, lambda rest: kind(**rebuild(rest))
    if isinstance(value, Mapping):
        parts = {key: _split(part, replays) for key, part in value.items()}
        tensors = [tensor for found, _ in parts.values() for tensor in found]
        return tensors, lambda rest: {key: rebuild(rest) for key, (_, rebuild) in parts.items()}
    if isinstance(value, (list, tuple)):
        tensors, rebuild = _split(dict(enumerate(value)), replays)
        return tensors, lambda rest: type(value)(rebuild(rest).values())
    return [], lambda _: value


@tf.custom_gradient
def _together(*tensors: tf.Tensor) -> Any:
    """The tensors; their gradients are handed on only when all of them are there.

    `tf.recompute_grad` waits for the gradient of its first output alone. Where nobody uses that output, as the features
    of the last block, it is a zero, and the block would be computed again at once, long before its turn.
    """

    def gradient(*upstream: tf.Tensor) -> list[tf.Tensor]:
        return tf.tuple(list(upstream))

    return [tf.identity(tensor) for tensor in tensors], gradient
