"""Rematerialisation: blocks whose features are computed again in the backward pass instead of being kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

# What a block of the synthesis network reads and changes beside its features.
_STATE = ("w", "positions", "component_mask", "latents", "layer_w", "assignments")


class Rematerialization:
    """Runs the blocks of both networks so that only their inputs are kept.

    The gradient of such a block is of first order only; the regularisation phases, which need second order, run the
    blocks as usual (`enabled` tells).
    """

    def __init__(self) -> None:
        self._active = False

    def attach(self, generator: Any, discriminator: Any) -> None:
        """Lets the networks run their blocks through this object."""
        if hasattr(generator.synthesis, "run_block"):  # other families keep their features
            generator.synthesis.run_block = self.synthesis_block
        discriminator.run_block = self.discriminator_block

    @contextlib.contextmanager
    def enabled(self) -> Iterator[None]:
        """Within this block of code (while a phase is traced) features are not kept."""
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def synthesis_block(self, block: Any, x: tf.Tensor, flow: Any, image: tf.Tensor | None) -> tuple[Any, Any]:
        """One block of the synthesis network; changes `flow` as the block itself does."""
        if not self._active:
            return block(x, flow=flow, image=image)
        noise = None if flow.noise is None else [flow.noise.pop(0) for _ in block.layers_]
        keys = [layer.grid_key for layer in block.layers_ if layer.grid_key in flow.grids]
        inputs = {"x": x, "image": image, **{name: getattr(flow, name) for name in _STATE}}
        inputs |= {("noise", index): value for index, value in enumerate(noise or [])}
        inputs |= {("grid", key): flow.grids[key] for key in keys}
        left_behind: dict[str, Any] = {}
        replay = _Replay(flow.rng)

        def run(values: dict[Any, Any]) -> dict[str, Any]:
            inner = type(flow)(
                w=values["w"],
                noise_mode=flow.noise_mode,
                noise=None if noise is None else [values["noise", index] for index in range(len(noise))],
                grids={key: values["grid", key] for key in keys},
                training=flow.training,
                rng=replay.stream(),
                grid_size=flow.grid_size,
                **{name: values[name] for name in _STATE if name != "w"},
            )
            features, picture = block(values["x"], flow=inner, image=values["image"])
            left_behind["grid_size"] = inner.grid_size
            return {"x": features, "image": picture, **{name: getattr(inner, name) for name in _STATE}}

        outputs = _recompute(run, inputs)
        replay.finish()
        for name in _STATE:
            setattr(flow, name, outputs[name])
        flow.grid_size = left_behind["grid_size"]
        return outputs["x"], outputs["image"]

    def discriminator_block(self, block: Any, x: tf.Tensor | None, **arguments: Any) -> tuple[Any, Any, Any]:
        """One block of the discriminator."""
        if not self._active:
            return block(x, **arguments)
        training, rng = arguments.pop("training"), arguments.pop("rng")
        replay = _Replay(rng)

        def run(values: dict[Any, Any]) -> dict[str, Any]:
            features = values.pop("x")
            outputs = block(features, training=training, rng=replay.stream(), **values)
            return dict(zip(("x", "image", "aggregators"), outputs, strict=True))

        outputs = _recompute(run, {"x": x, **arguments})
        replay.finish()
        return outputs["x"], outputs["image"], outputs["aggregators"]


class _Replay:
    """Gives a block the same draws each time it runs, and leaves the stream as one run of the block does."""

    def __init__(self, rng: Any) -> None:
        self._rng = rng
        self._start = None if rng is None else rng.copy()

    def stream(self) -> Any:
        """The stream for one run of the block."""
        self._last = None if self._start is None else self._start.copy()
        return self._last

    def finish(self) -> None:
        """Moves the stream on, once the block has run for the first time."""
        if self._last is not None:
            self._rng.draws = self._last.draws


def _recompute(function: Callable[[dict[Any, Any]], dict[Any, Any]], inputs: dict[Any, Any]) -> dict[Any, Any]:
    """`function(inputs)` with `tf.recompute_grad`, which takes and returns tensors only."""
    names = [name for name, value in inputs.items() if value is not None]
    empty = {name: None for name, value in inputs.items() if value is None}
    output_names: list[Any] = []
    constants: dict[Any, Any] = {}

    def flat(*tensors: tf.Tensor) -> Sequence[tf.Tensor]:
        outputs = function(dict(zip(names, tensors, strict=True)) | empty)
        output_names[:] = [name for name, value in outputs.items() if value is not None]
        constants.clear()
        constants.update({name: None for name, value in outputs.items() if value is None})
        return [outputs[name] for name in output_names]

    results = _together(*tf.recompute_grad(flat)(*[inputs[name] for name in names]))
    return dict(zip(output_names, results, strict=True)) | constants


@tf.custom_gradient
def _together(*tensors: tf.Tensor) -> Any:
    """The tensors; their gradients are handed on only when all of them are there.

    `tf.recompute_grad` waits for the gradient of its first output alone. Where nobody uses that output, as the features
    of the last block, it is a zero, and the block would be computed again at once, long before its turn.
    """

    def gradient(*upstream: tf.Tensor) -> list[tf.Tensor]:
        return tf.tuple(list(upstream))

    return [tf.identity(tensor) for tensor in tensors], gradient
