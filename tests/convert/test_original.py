"""Import of TensorFlow 1 networks: arguments in both spellings, variables used once, errors that name the culprit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gansformer_tf.config import ConfigError
from gansformer_tf.convert import from_original
from gansformer_tf.convert.original import _DEAD, why_unused
from gansformer_tf.convert.original_config import config_from_original
from gansformer_tf.convert.original_names import discriminator_names, generator_names
from gansformer_tf.models import Discriminator
from gansformer_tf.models.gansformer.generator import GANsformerGenerator
from tests.models.golden import Golden

SMALL = "stylegan2_gorig_dskip"

# Static arguments of one snapshot as the newer module of the original names them, and as the older one does.
GENERATOR = {
    "num_channels": 3,
    "resolution": 32,
    "label_size": 0,
    "truncation_psi": 0.75,
    "style": True,
    "fused_modconv": True,
    "local_noise": True,
    "integration": "mul",
    "kmeans": True,
    "kmeans_iters": 1,
    "num_heads": 1,
    "pos_type": "sinus",
    "pos_init": "uniform",
    "pos_directions_num": 2,
    "merge_layer": -1,
    "start_res": 0,
    "end_res": 8,
    "img2img": 0,
    "style_mixing": 0.9,
    "component_mixing": 0.0,
    "component_dropout": 0.0,
    "transformer": True,
    "norm": "layer",
    "use_pos": True,
    "mapping_ltnt2ltnt": True,
    "architecture": "resnet",
    "mapping_resnet": True,
    "components_num": 4,
}
NEW_SIZES = {"z_dim": 8, "w_dim": 8, "channel_base": 128, "channel_max": 12, "c_dim": 5, "mapping_num_layers": 6}
OLD_SIZES = {
    "latent_size": 8,
    "dlatent_size": 8,
    "fmap_base": 128,
    "fmap_max": 12,
    "label_dim": 5,
    "mapping_layers": 6,
}
NEW_DISCRIMINATOR_SIZES = {"a_dim": 8, "channel_base": 128, "channel_max": 12}
OLD_DISCRIMINATOR_SIZES = {"latent_size": 8, "fmap_base": 128, "fmap_max": 12}
SHARED = ("num_channels", "resolution", "components_num", "num_heads", "start_res", "end_res", "img2img", "use_pos")


def test_both_spellings_give_the_same_generator():
    new = config_from_original(GENERATOR | NEW_SIZES, "generator")
    assert new == config_from_original(GENERATOR | OLD_SIZES, "generator")
    assert (new.latent_size, new.channel_base, new.label_dim, new.mapping_layers) == (32, 128, 5, 6)


def test_both_spellings_give_the_same_discriminator():
    shared = {name: GENERATOR[name] for name in SHARED}
    new = config_from_original(shared | NEW_DISCRIMINATOR_SIZES, "discriminator")
    assert new == config_from_original(shared | OLD_DISCRIMINATOR_SIZES, "discriminator")
    assert (new.latent_size, new.channel_base) == (32, 128)


@pytest.mark.parametrize(
    ("kwargs", "network", "message"),
    [
        (GENERATOR | {"fmap_bace": 1}, "generator", "unknown static argument 'fmap_bace' of the original generator"),
        (GENERATOR | {"w_dim": 16, "z_dim": 8}, "generator", "z_dim 8 and w_dim 16 differ"),
        ({"kmeans": True}, "discriminator", "unknown static argument 'kmeans' of the original discriminator"),
        (GENERATOR, "mapping", "network is 'mapping'"),
    ],
)
def test_arguments_that_cannot_be_built_are_named(kwargs, network, message):
    with pytest.raises(ConfigError, match=message):
        config_from_original(kwargs, network)


@pytest.mark.parametrize(
    ("network", "letter", "name"),
    [("generator", "G", "G_synthesis/8x8/Conv0_up/weight"), ("discriminator", "D", "4x4/Dense0/weight")],
)
def test_missing_left_over_and_misshapen_variables_are_named(network, letter, name):
    golden = Golden(SMALL)
    variables, kwargs = golden.variables(letter), golden.info[f"{letter}_static_kwargs"]
    with pytest.raises(ConfigError, match=f"'{name}' is missing"):
        from_original({key: value for key, value in variables.items() if key != name}, kwargs, network)
    with pytest.raises(ConfigError, match=f"'{name}2' is left over"):
        from_original(variables | {f"{name}2": variables[name]}, kwargs, network)
    with pytest.raises(ConfigError, match=rf"'{name}' has shape \(.*\); its arguments ask for"):
        from_original(variables | {name: np.concatenate([variables[name]] * 2)}, kwargs, network)


def parts(name: str):
    """(our model, its map of names, the original's variables) of the networks in a golden file."""
    golden = Golden(name)
    for letter, network, model, names in (
        ("G", "generator", GANsformerGenerator, generator_names),
        ("D", "discriminator", Discriminator, discriminator_names),
    ):
        variables = golden.variables(letter)
        if variables:
            built = model(config_from_original(golden.info[f"{letter}_static_kwargs"], network, variables))
            yield built, names(built), variables


# Together these need every entry of the list of variables without influence.
REPRESENTATIVE = ("gan", "ganformer_duplex", "kgan_sum", "pos_linear")


def test_every_variable_is_used_once_or_known_to_be_without_influence():
    used = set()
    for name in REPRESENTATIVE:
        for model, names, variables in parts(name):
            assert set(names.entries) <= set(variables)
            targets = [id(variable) for variable, _ in names.entries.values()]
            assert len(set(targets)) == len(targets) == len(model.weights)
            for left in set(variables) - set(names.entries):
                assert why_unused(left), f"{name}: {left}"
                used |= {pattern for pattern in _DEAD if re.match(pattern, left)}
    # "lod" stands in snapshots only; for the mapping network see test_original_mapping.py
    assert used == set(_DEAD) - {"lod$", r"G_mapping/(weight|bias)_map_pos$"}
