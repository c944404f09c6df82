"""The schedule of StyleGAN3's layers against its formulas, written once more with NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gansformer_tf.config import StyleGAN3Config
from gansformer_tf.convert.pytorch_config import config_from_pytorch
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.stylegan3.schedule import layer_plans

CASES = {
    "three critical layers": {"num_critical": 3},
    "none": {"num_critical": 0},
    "other bands": {"first_cutoff": 3.0, "first_stopband": 5.0, "last_stopband_rel": 1.5, "num_critical": 3},
    "other filters": {"filter_size": 4, "lrelu_upsampling": 4, "use_radial_filters": True, "conv_kernel": 1},
}
BASE = {"z_dim": 6, "w_dim": 6, "c_dim": 0, "img_resolution": 64, "img_channels": 3, "num_layers": 8}


def expected(resolution, layers, num_critical=2, first_cutoff=2.0, first_stopband=2.0**2.1, last_stopband_rel=2.0**0.3):
    """Cut-offs, half widths, rates and sizes `[layers + 1]` (StyleGAN3, appendix C), for a margin of 10."""
    last = resolution / 2
    steps = np.minimum(np.arange(layers + 1) / (layers - num_critical), 1)
    cutoffs = first_cutoff * (last / first_cutoff) ** steps
    stopbands = first_stopband * (last * last_stopband_rel / first_stopband) ** steps
    rates = np.exp2(np.ceil(np.log2(np.minimum(2 * stopbands, resolution))))
    sizes = rates + 2 * 10
    sizes[-2:] = resolution
    return cutoffs, np.maximum(stopbands, rates / 2) - cutoffs, rates, sizes


@pytest.mark.parametrize("name", CASES)
def test_schedule(name):
    arguments = CASES[name]
    plans = layer_plans(config_from_pytorch(BASE | arguments, "stylegan3", "generator"))
    bands = {key: value for key, value in arguments.items() if key.startswith(("num", "first", "last"))}
    cutoffs, half_widths, rates, sizes = expected(64, 8, **bands)
    taps, factor = arguments.get("filter_size", 6), arguments.get("lrelu_upsampling", 2)
    radial = arguments.get("use_radial_filters", False)
    assert len(plans) == 9
    for index, plan in enumerate(plans):
        target = plan.target
        np.testing.assert_allclose(
            [target.cutoff, target.half_width, target.rate, target.size],
            [cutoffs[index], half_widths[index], rates[index], sizes[index]],
            rtol=1e-12,
        )
        if index == 8:
            assert (plan.up, plan.down, plan.up_filter, plan.down_filter) == (1, 1, None, None)
            continue
        rate = factor * max(rates[max(index - 1, 0)], rates[index])
        assert (plan.up, plan.down) == (rate / rates[max(index - 1, 0)], rate / rates[index])
        assert plan.up_filter.shape == (taps * plan.up,)
        turns = radial and index < 8 - arguments.get("num_critical", 2)
        assert plan.down_filter.shape == (taps * plan.down,) * (2 if turns else 1)


def test_the_output_has_its_scale():
    config = StyleGAN3Config(
        resolution=16,
        channel_base=32,
        channel_max=4,
        latent_size=4,
        num_synthesis_layers=4,
        margin_size=2,
        num_critical=3,
    )
    generator = build_generator(config)
    louder = build_generator(dataclasses.replace(config, output_scale=0.5))
    louder.set_weights(generator.get_weights())
    w = np.random.default_rng(0).standard_normal((1, 1, config.num_layers, 4)).astype(np.float32)
    images = np.asarray(generator.synthesize(w))
    assert images.shape == (1, 16, 16, 3) and images.std() > 0
    np.testing.assert_allclose(np.asarray(louder.synthesize(w)), 2 * images, rtol=1e-5)
