"""What a person writes who uses the package; mypy checks it, and a test runs it in a folder with images in `birds`."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

import gansformer_tf as gf
from gansformer_tf.metrics import frechet_distance
from gansformer_tf.models import Discriminator, Generator, build_generator
from gansformer_tf.visualize import attention_panel, image_grid, slerp


def main() -> None:
    data = gf.data.images_from_directory("birds", resolution=8, batch_size=2)
    names: list[str] = data.file_paths
    small = {"channel_max": 8, "latent_size": 16, "num_components": 2, "batch_size": 2}
    gan = gf.GAN.from_preset("gansformer-small", resolution=8, **small)
    gan.compile(g_loss="logistic_ns", gamma=1.0, augment="none")
    gan.fit(data, epochs=1, callbacks=[gf.callbacks.SampleGrid("samples"), keras.callbacks.CSVLogger("log.csv")])
    model: gf.Model = gan.model()
    path: Path = model.save("mine.safetensors")

    model = gf.load(path)
    images = model.sample(seeds=range(3), truncation_psi=0.7)
    drawn, maps = model.sample([3, 4], attention=True)
    w: np.ndarray = model.map(model.z([1, 2]))
    between = slerp(w[0].ravel(), w[1].ravel(), 0.5)
    sheet: np.ndarray = image_grid([*images, *drawn, *model.synthesize(w)], columns=3)
    panel = attention_panel(drawn[0], maps[-1][0].mean(0))
    generator: Generator = build_generator(model.config)
    discriminator: Discriminator | None = model.snapshot.discriminator
    print(len(names), sheet.shape, panel.shape, between.shape, generator.name, discriminator is not None)
    print(frechet_distance.__name__, sorted(gf.__all__))


if __name__ == "__main__":
    main()
