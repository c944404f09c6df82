from __future__ import annotations

import pytest

from gansformer_tf.cli.common import Parser, UsageError
from gansformer_tf.cli.visualize import KINDS, add_flags, asked, visualize_config, visualize_snapshot


def given(*flags):
    parser = Parser(prog="test")
    add_flags(parser)
    return vars(parser.parse_args(list(flags)))


def kinds(config):
    return {field for field, _ in KINDS.values() if getattr(config, field)}


def test_nothing_named_draws_all_but_the_layer_maps():
    config = visualize_config(given())
    assert kinds(config) == {field for field, _ in KINDS.values()} - {"layer_maps"}
    assert "maps" not in kinds(visualize_config(given(), attends=False))
    assert not asked(given())


@pytest.mark.parametrize("flag", list(KINDS))
def test_every_flag_draws_its_kind_alone(flag):
    assert kinds(visualize_config(given(flag))) == {KINDS[flag][0]}
    assert asked(given(flag))


def test_a_kind_can_be_switched_off():
    assert "latents" not in kinds(visualize_config(given("--vis-latents", "False")))
    assert "images" in kinds(visualize_config(given("--vis-latents", "False")))


def test_settings_arrive():
    flags = "--vis-grid False --vis-num 7 --vis-rich-num 2 --vis-section-size 3 --blending-alpha 0.25"
    more = "--interpolation-density 4 --interpolation-per-component"
    config = visualize_config(given(*flags.split(), *more.split()))
    assert (config.grid, config.num, config.rich_num, config.section_size) == (False, 7, 2, 3)
    assert (config.blending_alpha, config.interpolation_density, config.interpolation_per_component) == (0.25, 4, True)


def test_snapshot_to_pictures(run_folder, tmp_path):
    folder = visualize_snapshot(run_folder, tmp_path, given("--vis-images", "--vis-num", "2"))
    assert folder == tmp_path / "network-snapshot-000002"
    assert {path.name for path in (folder / "images").iterdir()} == {"seed0000.png", "seed0001.png", "grid-000.png"}


def test_errors(run_folder, tmp_path):
    with pytest.raises(UsageError, match="holds no network-snapshot"):
        visualize_snapshot(tmp_path, tmp_path, given())
    with pytest.raises(UsageError, match="0 and 1"):
        visualize_snapshot(run_folder, tmp_path, given("--blending-alpha", "2"))
