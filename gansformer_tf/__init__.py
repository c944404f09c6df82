"""gansformer-tf: generative adversarial transformers in TensorFlow 2 and Keras 3.

>>> import gansformer_tf as gf
>>> model = gf.load("scenes")
>>> images = model.sample(seeds=range(8), truncation_psi=0.7)
>>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
>>> gan = gf.GAN.from_preset("gansformer-small", resolution=64)
>>> gan.compile()
>>> gan.fit(data, epochs=10, callbacks=[gf.callbacks.SampleGrid("samples")])  # doctest: +SKIP
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

if TYPE_CHECKING:
    from gansformer_tf import callbacks, config, data, edit, export, layers, metrics, models, visualize
    from gansformer_tf.api.gan import GAN
    from gansformer_tf.api.model import Model, load
    from gansformer_tf.drawing.sampler import Sample, Sampler
    from gansformer_tf.drawing.view import View
    from gansformer_tf.hub.names import HubError
    from gansformer_tf.training.errors import TrainingError

# TensorFlow, when it is imported, takes oneDNN's convolutions by itself only on processors with VNNI. They are ahead
# without it too: 1.4 times in stage 1 of VQGAN (benchmarks/RESULTS.md).
if platform.machine() in ("x86_64", "AMD64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"
__all__ = [
    "GAN",
    "HubError",
    "Model",
    "Sample",
    "Sampler",
    "TrainingError",
    "View",
    "callbacks",
    "config",
    "data",
    "edit",
    "export",
    "layers",
    "load",
    "metrics",
    "models",
    "visualize",
]

# Public name -> the module that has it. Modules load when a name is first used: a plain import loads no TensorFlow.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "": "callbacks config data edit export layers metrics models visualize",
        "api.gan": "GAN",
        "api.model": "Model load",
        "drawing.sampler": "Sample Sampler",
        "drawing.view": "View",
        "hub.names": "HubError",
        "training.errors": "TrainingError",
    },
)
