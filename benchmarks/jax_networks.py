"""Our networks on Keras' JAX backend: golden numbers, and the time of a batch. Part of `gpu_check.py`.

    python benchmarks/jax_networks.py numbers NAME PRECISION      rows "quantity  error  bound" as a line of JSON
    python benchmarks/jax_networks.py speed MODEL PIXELS WIDTH PRECISION BATCH REPEATS     answers requests

Nothing here needs TensorFlow, and its import is forbidden, as on a machine without it. On a GPU JAX multiplies float32
in TensorFloat-32 unless it is told otherwise: golden numbers are compared in full float32, speed is as JAX comes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Python's way to forbid an import
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

from gansformer_tf.layers.precision import dtype_policy  # noqa: E402

FORWARD, GRADIENT = 1e-4, 1e-3
# Of bfloat16, which has eight bits: the norm of the difference over that of the array. These random networks amplify
# rounding; one that computes something else differs by more than its whole norm.
LOW = 0.3
Rows = list[tuple[str, float, float]]


def with_weights(network: Any, function: Any) -> Any:
    """The function of a network's weights in place of its own, so that JAX can differentiate by them."""
    variables = network.trainable_variables

    def of_weights(values: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function()

    return of_weights, [variable.value for variable in variables]


def numbers(name: str, precision: str) -> Rows:
    """Errors of one configuration of the original, beside their bounds."""
    from gansformer_tf.convert import from_original
    from tests.models.golden import Golden, forward_error, gradient_error

    golden = Golden(name)
    generator, discriminator = (
        from_original(golden.variables(letter), golden.info[f"{letter}_static_kwargs"], network=network)
        for letter, network in (("G", "generator"), ("D", "discriminator"))
    )
    if precision != "float32":
        generator, discriminator = (_recast(network, precision) for network in (generator, discriminator))
        return _forward(golden, generator, discriminator, gradient_error, LOW)
    rows = _forward(golden, generator, discriminator, forward_error, FORWARD)
    return rows + _generator_gradients(golden, generator) + _discriminator_gradients(golden, discriminator)


def _recast(network: Any, precision: str) -> Any:
    """The network with layers that compute in another precision."""
    again = type(network)(network.config, dtype=dtype_policy(precision))
    again.set_weights(network.get_weights())
    return again


def _forward(golden: Any, generator: Any, discriminator: Any, error_of: Any, bound: float) -> Rows:
    from tests.models.golden import nchw

    w = jax.jit(lambda z: generator.map(z))(golden["in/z"])
    images = jax.jit(lambda w: generator.synthesize(w, noise_mode="const"))(golden["out/w"])
    scores = jax.jit(lambda images: discriminator(images))(golden.images("in/d_images"))
    found = {"w": w, "images": nchw(np.asarray(images, np.float32)), "scores": scores}
    names = {"w": "out/w", "images": "out/images", "scores": "out/d_scores"}
    return [(label, error_of(np.asarray(found[label], np.float32), golden[key]), bound) for label, key in names.items()]


def _generator_gradients(golden: Any, generator: Any) -> Rows:
    """Of the path lengths (StyleGAN2, equation 4), second order by the weights."""
    from gansformer_tf.convert.original_names import generator_names
    from tests.models.golden import gradient_error

    noise, z, settings = golden.images("in/pl_noise"), golden["in/z_pl"], golden.info["pl"]

    def dot(w: Any) -> Any:
        images = generator.synthesize(w, noise_mode="const")
        return (images * noise).sum() / np.sqrt(images.shape[1] * images.shape[2])

    def lengths(w: Any) -> Any:
        return ((jax.grad(dot)(w) ** 2).sum(axis=3).mean(axis=(1, 2))) ** 0.5

    def penalty() -> Any:
        found = lengths(generator.map(z))
        mean = settings["pl_mean_before"]
        mean = mean + settings["pl_decay"] * (found.mean() - mean)
        return (settings["pl_weight"] * (found - mean) ** 2).mean()

    w = jax.jit(lambda z: generator.map(z))(z)
    rows: Rows = [
        ("d(images)/dw", gradient_error(jax.jit(jax.grad(dot))(w), golden["grad/pl_wrt_w"]), GRADIENT),
        ("path lengths", gradient_error(jax.jit(lengths)(w), golden["out/pl_lengths"]), GRADIENT),
    ]
    expected = golden.under("grad/G/pathreg/")
    if expected:
        worst = _worst(generator, generator_names(generator), penalty, expected)
        rows.append(("gradients of pathreg (worst)", worst, GRADIENT))
    return rows


def _discriminator_gradients(golden: Any, discriminator: Any) -> Rows:
    """Of R1 by the weights, which is of second order, and of the logistic loss."""
    from gansformer_tf.convert.original_names import discriminator_names
    from tests.models.golden import gradient_error

    images, gamma = golden.images("in/d_images"), golden.info.get("gamma") or 10.0

    def r1(images: Any) -> Any:
        slope = jax.grad(lambda images: discriminator(images).sum())(images)
        return gamma / 2 * (slope**2).sum(axis=(1, 2, 3))

    rows: Rows = [("r1 penalty", gradient_error(jax.jit(r1)(images), golden["loss/D/r1"]), GRADIENT)]
    losses = {
        "r1": lambda: r1(images).mean(),
        "softplus_neg_real": lambda: jax.nn.softplus(-discriminator(images)).mean(),
    }
    names = discriminator_names(discriminator)
    for label, loss in losses.items():
        expected = golden.under(f"grad/D/{label}/")
        if expected:
            rows.append((f"gradients of {label} (worst)", _worst(discriminator, names, loss, expected), GRADIENT))
    return rows


def _worst(network: Any, names: Any, loss: Any, expected: dict[str, np.ndarray]) -> float:
    from tests.models.golden import gradient_errors

    of_weights, values = with_weights(network, loss)
    found = jax.jit(jax.grad(of_weights))(values)
    by_variable = {id(one): value for one, value in zip(network.trainable_variables, found, strict=True)}
    return max(gradient_errors(names, by_variable, expected).values())


def speed(model: str, resolution: int, width: str, precision: str, batch: int, repeats: int) -> None:
    """Draws with one model in this process; a turn is the median of some batches."""
    from benchmarks.models import networks, torch_generator
    from benchmarks.processes import serve
    from benchmarks.timing import median_seconds

    generator, *_ = networks(model, resolution, width, precision)
    config = generator.config
    draw = jax.jit(lambda z: generator(z, noise_mode="const"))
    z = jax.random.normal(jax.random.key(0), (batch, config.num_latents, config.latent_dim))

    def seconds() -> float:
        return median_seconds(lambda: draw(z).block_until_ready(), repeats)

    seconds()  # what happens once happens here
    serve(
        {
            "start": lambda: torch_generator(model, config),
            "turn": lambda: {"seconds": seconds()},
            "end": lambda: {"device": str(jax.devices()[0].device_kind)},
        }
    )


def main(task: str, *given: str) -> None:
    if task == "numbers":
        with jax.default_matmul_precision("highest"):
            print(json.dumps(numbers(*given)))
    else:
        model, resolution, width, precision, batch, repeats = given
        speed(model, int(resolution), width, precision, int(batch), int(repeats))


if __name__ == "__main__":
    main(*sys.argv[1:])
