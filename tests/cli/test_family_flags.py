"""Flags of other repositories, and what they mean here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.config import ConfigError, CREPSConfig, MetricConfig, RunConfig, StyleGAN3Config
from gansformer_tf.config.base import from_dict
from gansformer_tf.config.presets import BASELINE_NAMES


def typed(*flags):
    return COMMAND.read(flags).typed


@pytest.fixture
def data_set(monkeypatch):
    """A data set of 32x32 images."""
    info = SimpleNamespace(
        resolution=32, height=32, width=32, channels=3, label_dim=0, num_images=400, cropped_size=lambda ratio: (32, 32)
    )
    monkeypatch.setattr("gansformer_tf.data.read.open.read_info", lambda folder: info)


def resolved(*flags):
    return resolve(COMMAND.read(["--dataset", "scenes", *flags]), None)


def test_names_of_metrics():
    names = "fid50k_full,kid50k_full,pr50k3_full,ppl2_wend,eqt50k_int,eqt50k_frac,eqr50k,is50k"
    values = typed("--metrics", names)["metrics"]
    assert values["metrics"] == ("fid", "kid", "pr", "ppl", "eqt", "eqt_frac", "eqr", "is")
    config = from_dict(MetricConfig, values)
    assert (config.fid_ddof, config.images_num, config.ppl_space, config.ppl_sampling) == (0, 50_000, "w", "end")
    assert config.all_reals and "all_reals" not in typed("--metrics", "fid50k,kid")["metrics"]
    assert typed("--metrics", "fid50k_full", "--fid-ddof", "1")["metrics"]["fid_ddof"] == 1
    assert "fid_ddof" not in typed("--metrics", "fid,kid50k_full")["metrics"]


def test_other_spellings():
    sections = typed("--mirror", "--freezed", "3", "--scale", "2.5")
    assert sections["data"]["mirror"] is True
    assert sections["train"]["freeze_d"] == 3
    assert sections["visualize"]["scale"] == sections["metrics"]["scale"] == 2.5


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_baselines_fit_a_data_set(data_set, name):
    config = resolved("--baseline", name)
    assert config.model.generator.resolution == 32
    assert RunConfig.from_json(config.to_json()) == config


def test_flags_change_families(data_set):
    flags = ("--channel-max", "64", "--mapping-layersnum", "3", "--truncation-psi", "0.6", "--latent-size", "64")
    for name, cls in (("CREPS", CREPSConfig), ("StyleGAN3-R", StyleGAN3Config)):
        generator = resolved("--baseline", name, *flags).model.generator
        assert type(generator) is cls
        found = (generator.channel_max, generator.mapping_layers, generator.truncation_psi, generator.latent_dim)
        assert found == (64, 3, 0.6, 64)
    bands = ("--num-critical", "3", "--first-cutoff", "3", "--first-stopband", "5", "--last-stopband-rel", "1.5")
    layers = ("--filter-size", "8", "--lrelu-upsampling", "4", "--output-scale", "0.5")
    generator = resolved("--baseline", "StyleGAN3-T", *bands, *layers).model.generator
    found = (generator.num_critical, generator.first_cutoff, generator.first_stopband, generator.last_stopband_reach)
    assert found == (3, 3.0, 5.0, 1.5)
    assert (generator.filter_taps, generator.activation_rate, generator.output_scale) == (8, 4, 0.5)
    shape = ("--synthesis-layersnum", "8", "--conv-kernel", "1", "--radial-filters", "--margin-size", "4")
    generator = resolved("--baseline", "StyleGAN3-T", *shape).model.generator
    assert (generator.num_synthesis_layers, generator.conv_kernel) == (8, 1)
    assert (generator.radial_filters, generator.margin_size) == (True, 4)
    generator = resolved(
        "--baseline", "CREPS", "--rank", "3", "--line-channels", "8", "--bandwidth", "2"
    ).model.generator
    assert (generator.rank, generator.line_channels, generator.bandwidth) == (3, 8, 2.0)
    train = resolved("--baseline", "StyleGAN3-R", "--blur-init-sigma", "2", "--blur-fade-kimg", "5").train
    assert (train.blur_init_sigma, train.blur_fade_kimg) == (2.0, 5.0)


def test_flags_that_a_family_does_not_have(data_set):
    with pytest.raises(UsageError, match="--g-arch sets what a creps generator does not have; leave it out"):
        resolved("--baseline", "CREPS", "--g-arch", "skip")
    with pytest.raises(UsageError, match="--local-noise sets what a stylegan3 generator"):
        resolved("--baseline", "StyleGAN3-T", "--local-noise", "False")
    with pytest.raises(ConfigError, match="path_length is on without a g_reg_interval"):
        resolved("--baseline", "StyleGAN3-T", "--pathreg")
