from __future__ import annotations

import numpy as np
import pytest

from tests.visualize.fakes import tiny_config


@pytest.fixture(scope="session")
def tiny_generator():
    """A real generator at 16x16 whose noise and attention do something."""
    from gansformer_tf.models import build_generator

    generator = build_generator(tiny_config(use_pos=True, kmeans=True, integration="mul"))
    random = np.random.RandomState(0)
    for variable in generator.variables:
        if "noise" in variable.path:
            variable.assign(variable + 0.3 * random.standard_normal(variable.shape))
    return generator


@pytest.fixture(scope="session")
def run_folder(tiny_generator, tmp_path_factory):
    """A run folder with two snapshots; the newer one is the tiny generator."""
    from gansformer_tf.models import build_generator
    from gansformer_tf.models.snapshot import save_snapshot

    folder = tmp_path_factory.mktemp("results") / "tiny-000"
    folder.mkdir()
    save_snapshot(folder / "network-snapshot-000001.safetensors", generator=build_generator(tiny_generator.config))
    save_snapshot(folder / "network-snapshot-000002.safetensors", generator=tiny_generator)
    return folder
