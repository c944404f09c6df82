"""Every combination of the options of the original's mapping network can be imported."""

from __future__ import annotations

import keras
import pytest

from gansformer_tf.config import ConfigError
from gansformer_tf.convert.families import FAMILIES
from gansformer_tf.convert.found import TENSORFLOW1, FoundNetwork
from gansformer_tf.convert.original import why_unused
from gansformer_tf.convert.original_config import config_from_original
from gansformer_tf.convert.original_names import NameMap, _mapping_names
from gansformer_tf.models.gansformer.mapping import MappingNetwork
from tests.convert.original_mapping import DIM, combinations, variables
from tests.models.golden import Golden

SIZES = {"resolution": 16, "z_dim": DIM, "w_dim": DIM, "channel_base": 64, "channel_max": 8}
MAP_POSITIONS = ("G_mapping/weight_map_pos", "G_mapping/bias_map_pos")


@pytest.fixture
def shapes_only():
    """Variables that are made have a shape and no value."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session(free_memory=False)  # forgets that they are still to be initialised


def test_every_combination_has_our_names_and_shapes(shapes_only):
    left = set()
    for kwargs in combinations():
        mapping = MappingNetwork(config_from_original(kwargs | SIZES, "generator"))
        mapping.build()
        names = NameMap()
        _mapping_names(names, mapping)
        theirs = variables(kwargs)
        ours = {name: tuple(variable.shape) for name, (variable, _) in names.entries.items()}
        assert len(ours) == len(mapping.weights), kwargs
        assert ours == {name: shape for name, shape in theirs.items() if name in ours}, kwargs
        for name in set(theirs) - set(ours):
            assert why_unused(name), f"{name} of {kwargs}"
            left.add(name)
    assert left == set(MAP_POSITIONS)


def test_positions_that_no_layer_reads_are_named_in_the_report():
    golden = Golden("mapping_dim")
    kwargs = golden.info["G_static_kwargs"] | {"mapping_ltnt2ltnt": False}
    arrays = {name: array for name, array in golden.variables("G").items() if "G_mapping/AttLayer" not in name}
    convert = FAMILIES[TENSORFLOW1][0].convert
    converted = convert(FoundNetwork("Gs", "Generator", kwargs, arrays=arrays), "generator")
    assert {converted.left_over[name] for name in MAP_POSITIONS} == {why_unused(MAP_POSITIONS[0])}
    assert "self-attention in the mapping network" in why_unused(MAP_POSITIONS[0])
    with_attention = FoundNetwork("Gs", "Generator", golden.info["G_static_kwargs"], arrays=golden.variables("G"))
    assert not set(MAP_POSITIONS) & set(convert(with_attention, "generator").left_over)


def test_two_ways_to_another_width_are_one_too_many():
    both = {"transformer": True, "components_num": 4, "mapping_dim": 12, "mapping_shared_dim": 20}
    with pytest.raises(ConfigError, match="mapping_dim is 12 and mapping_shared_dim 20"):
        config_from_original(both | SIZES, "generator")
