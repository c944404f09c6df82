"""Draws images on the Keras backend that KERAS_BACKEND names: `python backend_images.py INPUTS.npz OUTPUTS.npz`.

Inputs: per network a configuration (JSON), weights by name, z and noise. Outputs: images and attention maps,
and for the network named by "seeded" images whose noise is drawn from a seed, twice.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # on another backend nothing may need it

import keras
import numpy as np

from gansformer_tf.config import GANsformerConfig, from_dict
from gansformer_tf.models import build_generator
from gansformer_tf.models.snapshot import assign_weights


def drawn(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Images and maps of one network."""
    own = {key[len(name) + 1 :]: value for key, value in arrays.items() if key.startswith(f"{name}/")}
    generator = build_generator(from_dict(GANsformerConfig, json.loads(str(own["config"]))))
    weights = {key[len("weights/") :]: value for key, value in own.items() if key.startswith("weights/")}
    assign_weights(generator, weights, name)
    noise = [own[f"noise/{index}"] for index in range(len(generator.noise_shapes))]

    def draw(z: Any, noise: list[Any]) -> Any:
        images, maps = generator(z, noise=noise, truncation_psi=0.7, return_attention=True)
        return images, maps, [generator(z, rng=3) for _ in range(2) if name == str(arrays["seeded"])]

    if keras.backend.backend() == "jax":  # which compiles every operation it meets one by one otherwise
        import jax

        draw = jax.jit(draw)
    to_tensor = keras.ops.convert_to_tensor
    images, maps, seeded = draw(to_tensor(own["z"]), [to_tensor(value) for value in noise])
    results = {f"{name}/images": images} | {f"{name}/map{index}": found for index, found in enumerate(maps)}
    results |= {f"{name}/seeded{index}": found for index, found in enumerate(seeded)}
    return {key: keras.ops.convert_to_numpy(value) for key, value in results.items()}


def main(source: str, target: str) -> None:
    with np.load(source) as archive:
        arrays = {key: archive[key] for key in archive.files}
    results = {}
    for name in str(arrays["names"]).split(","):
        results |= drawn(arrays, name)
    results["backend"] = np.array(keras.backend.backend())
    np.savez(Path(target), **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
