"""Names of the variables of StyleGAN3's generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from gansformer_tf.convert.pytorch_entries import STYLE_OFFSET, TorchNames, kernel, transposed


def stylegan3_synthesis(names: TorchNames, generator: Any) -> None:
    """Adds the names of the synthesis network; its filters are computed, so they must have the values we compute."""
    synthesis = generator.synthesis
    source = synthesis.input_
    names.add("synthesis.input.freqs", source.frequencies)
    names.add("synthesis.input.phases", source.phases)
    names.add("synthesis.input.weight", source.kernel, layout=transposed)
    names.dense("synthesis.input.affine", source.affine)
    names.fixed["synthesis.input.transform"] = np.eye(3)
    for index, layer in enumerate(synthesis.layers_):
        target = layer.plan.target
        scope = f"synthesis.L{index}_{target.size}_{target.channels}"
        names.add(f"{scope}.weight", layer.kernel, layout=kernel)
        names.add(f"{scope}.bias", layer.bias)
        names.add(f"{scope}.magnitude_ema", layer.magnitude)
        names.dense(f"{scope}.affine", layer.affine, offset=STYLE_OFFSET)
        for name, taps in (("up_filter", layer.plan.up_filter), ("down_filter", layer.plan.down_filter)):
            if taps is not None:
                names.fixed[f"{scope}.{name}"] = taps
