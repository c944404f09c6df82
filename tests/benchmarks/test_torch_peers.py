"""The PyTorch networks that ours are timed beside compute what the published ones do."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from benchmarks.models import networks, torch_discriminator, torch_generator
from gansformer_tf.config import CREPSConfig
from gansformer_tf.convert import from_pytorch
from gansformer_tf.models.families import build_generator
from tests.convert.pytorch_golden import TorchGolden
from tests.models.family_golden import FamilyGolden

torch = pytest.importorskip("torch", reason="needs the extra [backends]")


def peers(module: str) -> Any:
    return importlib.import_module(f"benchmarks.torch_peers.{module}")


def peer(**architecture: int) -> Any:
    return peers("creps").Generator(**architecture).eval()


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
def test_images_are_the_published_ones(name: str) -> None:
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
    assert peer(**torch_generator("creps", config)["architecture"]).used_parameters() == ours


def test_number_of_parameters() -> None:
    """7.10 million were counted in the published generator at this size."""
    config = CREPSConfig(resolution=64, channel_base=8192, channel_max=256)
    generator = peer(**torch_generator("creps", config)["architecture"])
    assert round(sum(value.numel() for value in generator.parameters()) / 1e6, 2) == 7.10


# -- GANsformer --------------------------------------------------------------------------------------------------------

SIZE = {"resolution": 16, "channel_base": 256, "channel_max": 24}
DIM, COMPONENTS, LAYERS = 16, 5, 4
PORT = {
    "c_dim": 0,
    "img_channels": 3,
    "img_resolution": SIZE["resolution"],
    "k": COMPONENTS + 1,
    "w_dim": DIM,
    "z_dim": DIM,
    "mapping_kwargs": {
        "ltnt2ltnt": True,
        "num_heads": 1,
        "num_layers": LAYERS,
        "resnet": True,
        "transformer": True,
        "use_pos": True,
    },
    "synthesis_kwargs": {
        "architecture": "resnet",
        "channel_base": SIZE["channel_base"],
        "channel_max": SIZE["channel_max"],
        "end_res": 8,
        "integration": "mul",
        "kmeans": True,
        "kmeans_iters": 1,
        "local_noise": True,
        "norm": "layer",
        "num_heads": 1,
        "pos_directions_num": 2,
        "pos_init": "uniform",
        "pos_type": "sinus",
        "start_res": 0,
        "style": True,
        "transformer": True,
        "use_pos": True,
    },
}


def numbers(module: Any) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def close(found: Any, expected: Any, name: str = "") -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.fixture(scope="module")
def gansformer() -> Any:
    """A generator none of whose parameters is zero."""
    torch.manual_seed(1)
    generator = peers("gansformer").Generator(**SIZE, w_dim=DIM, components=COMPONENTS, mapping_layers=LAYERS)
    for name, parameter in generator.named_parameters():
        if name.endswith(("bias", "noise_strength", "att_weight")):
            parameter.data += 0.2 * torch.randn_like(parameter)
    return generator.eval()


def test_gansformer_draws_what_ours_does(gansformer: Any) -> None:
    ours = from_pytorch(numbers(gansformer), PORT, "ganformer")
    z = torch.randn(3, COMPONENTS + 1, DIM)
    with torch.inference_mode():
        expected = gansformer(z)
    close(ours(z.numpy(), noise_mode="const"), expected.permute(0, 2, 3, 1))


def test_training_form_is_the_drawing_form(gansformer: Any) -> None:
    """Scaled features and one convolution give what kernels per sample give."""
    modules = peers("gansformer")
    x, w = torch.randn(3, 6, 8, 8), torch.randn(3, 10)
    for up, size in ((False, 3), (True, 3), (False, 1)):
        layer = modules.Modulated(6, 4, 10, up=up, size=size)
        with torch.inference_mode():
            close(layer.train().modulated(x, w), layer.eval().modulated(x, w), f"up {up}, size {size}")


def test_discriminator_scores_as_ours_does() -> None:
    torch.manual_seed(2)
    discriminator = peers("discriminator").Discriminator(**SIZE)
    for name, parameter in discriminator.named_parameters():
        if name.endswith("bias"):
            parameter.data += 0.2 * torch.randn_like(parameter)
    kwargs = {"img_resolution": 16, "img_channels": 3, "c_dim": 0, "epilogue_kwargs": {"mbstd_group_size": 4}}
    kwargs |= {name: SIZE[name] for name in ("channel_base", "channel_max")}
    ours = from_pytorch(numbers(discriminator), kwargs, "ganformer", "discriminator")
    images = torch.randn(8, 3, 16, 16)
    with torch.inference_mode():
        expected = discriminator(images)
    close(ours(images.permute(0, 2, 3, 1).numpy()), expected)


def test_gansformer_has_the_published_size() -> None:
    """2.12 and 1.66 million were counted in the published networks of this size; those of ours that train are fewer.

    Published duplex attention stores the queries and keys that only simplex attention reads.
    """
    generator, discriminator, _ = networks("code", 64, "small", "float32")
    found = torch_generator("code", generator.config)
    assert found["model"] == "gansformer"
    theirs = {
        "generator": peers("gansformer").Generator(**found["architecture"]),
        "discriminator": peers("discriminator").Discriminator(**torch_discriminator(discriminator.config)),
    }
    sizes = {name: sum(value.numel() for value in module.parameters()) for name, module in theirs.items()}
    assert {name: round(size / 1e6, 2) for name, size in sizes.items()} == {"generator": 2.12, "discriminator": 1.66}
    ours = [sum(int(np.prod(w.shape)) for w in network.trainable_weights) for network in (generator, discriminator)]
    assert ours[0] < sizes["generator"] and ours[1] == sizes["discriminator"]


@pytest.mark.parametrize("model", ["gansformer", "stylegan2"])
def test_phases_move_their_network_and_the_average(model: str) -> None:
    torch.manual_seed(3)
    small = {"resolution": 8, "channel_base": 64, "channel_max": 8}
    own = {"gansformer": {"components": 3}, "stylegan2": {"z_dim": 8}}[model]
    generator = peers(model).Generator(**small, w_dim=8, mapping_layers=2, **own)
    discriminator = peers("discriminator").Discriminator(**small)
    latents = {"gansformer": (4, 8), "stylegan2": (8,)}[model]
    training = peers("phases").Training(generator, discriminator, latents, at_once=4)
    watched = {"G": generator, "D": discriminator, "EMA": training.average}
    for phase, moved in {"G": "G", "G_reg": "G", "D": "D", "D_reg": "D", "EMA": "EMA"}.items():
        before = {name: numbers(module) for name, module in watched.items()}
        training.run(phase, torch.rand(8, 3, 8, 8))
        changed = {
            name
            for name, module in watched.items()
            if any(not np.array_equal(value, before[name][key]) for key, value in numbers(module).items())
        }
        assert changed == {moved}, phase


# -- StyleGAN2 ---------------------------------------------------------------------------------------------------------


def test_stylegan2_draws_the_published_images() -> None:
    golden = TorchGolden("sg2_G_clamp")
    kwargs = golden.kwargs
    generator = peers("stylegan2").Generator(
        resolution=kwargs["img_resolution"],
        mapping_layers=kwargs["mapping_kwargs"]["num_layers"],
        clamp=kwargs["conv_clamp"],
        **{name: kwargs[name] for name in ("channel_base", "channel_max", "z_dim", "w_dim")},
    )
    state = {key: value for key, value in golden.state.items() if not key.endswith("resample_filter")}  # computed
    generator.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in state.items()})
    z, ws, probe = (torch.from_numpy(np.array(golden[f"in/{key}"])) for key in ("z", "ws", "probe"))
    generator.eval()
    images = generator.draw(ws)
    parameters = dict(generator.named_parameters())
    expected = {name: value for name, value in golden.under("grad/").items() if name in parameters}
    gradients = torch.autograd.grad((images * probe).sum(), [parameters[name] for name in expected])
    for gradient, (name, value) in zip(gradients, expected.items(), strict=True):
        close(gradient, value, name)
    with torch.inference_mode():
        close(images, golden["out/img_from_ws"], "img_from_ws")
        close(generator.map(z), golden["out/ws"], "ws")
        close(generator(z), golden["out/img"], "img")


@pytest.mark.parametrize("width", ["small", "default"])
def test_stylegan2_has_our_size(width: str) -> None:
    """4.35 and 1.66 million were counted in the published networks at the small width, 27.0 and 26.5 at the default."""
    generator, discriminator, _ = networks("stylegan2", 64, width, "float32")
    theirs = (
        peers("stylegan2").Generator(**torch_generator("stylegan2", generator.config)["architecture"]),
        peers("discriminator").Discriminator(**torch_discriminator(discriminator.config)),
    )
    sizes = [sum(value.numel() for value in module.parameters()) for module in theirs]
    assert sizes == [
        sum(int(np.prod(w.shape)) for w in network.trainable_weights) for network in (generator, discriminator)
    ]
    published = {"small": [4.35, 1.66], "default": [27.0, 26.5]}[width]
    assert [float(f"{size / 1e6:.3g}") for size in sizes] == published
