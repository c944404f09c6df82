"""The PyTorch generator that ours is timed beside computes what the published one does."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from benchmarks.models import creps_architecture
from gansformer_tf.config import CREPSConfig
from gansformer_tf.models.families import build_generator
from tests.models.family_golden import FamilyGolden

torch = pytest.importorskip("torch", reason="needs the extra [backends]")


def peer(**architecture: int) -> Any:
    return importlib.import_module("benchmarks.torch_creps").Generator(**architecture).eval()


def of_published(kwargs: dict[str, Any]) -> dict[str, int]:
    return {
        "resolution": kwargs["img_resolution"],
        "channel_base": kwargs["channel_base"],
        "channel_max": kwargs["channel_max"],
        "z_dim": kwargs["z_dim"],
        "w_dim": kwargs["w_dim"],
        "mapping_layers": kwargs["mapping_kwargs"]["num_layers"],
        "rank": 8,
        "line_channels": kwargs["biline_channels"],
        "labels": kwargs["c_dim"],
    }


@pytest.mark.parametrize("name", ["creps_G_16", "creps_G_32_cond"])
def test_pictures_are_the_published_ones(name: str) -> None:
    golden = FamilyGolden(name)
    generator = peer(**of_published(golden.kwargs))
    state = {key: torch.from_numpy(np.array(value)) for key, value in golden.state.items()}
    state.pop("synthesis.b4.input.coords", None)  # computed
    generator.load_state_dict(state)
    with torch.inference_mode():
        z, labels, ws = (torch.from_numpy(golden[f"in/{key}"]) for key in ("z", "c", "ws"))
        found = {
            "ws": generator.mapping(z, labels),
            "img": generator(z, labels),
            "img_from_ws": generator.synthesis(ws),
        }
    for key, value in found.items():
        expected = golden[f"out/{key}"]
        np.testing.assert_allclose(value.numpy(), expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=key)


def test_sizes_are_ours() -> None:
    config = CREPSConfig(resolution=32, channel_base=256, channel_max=24, latent_size=12, w_dim=10, mapping_layers=3)
    ours = sum(int(np.prod(weight.shape)) for weight in build_generator(config).trainable_weights)
    assert peer(**creps_architecture(config)).used_parameters() == ours


def test_number_of_parameters() -> None:
    """7.10 million were counted in the published generator at this size."""
    config = CREPSConfig(resolution=64, channel_base=8192, channel_max=256)
    generator = peer(**creps_architecture(config))
    assert round(sum(value.numel() for value in generator.parameters()) / 1e6, 2) == 7.10
