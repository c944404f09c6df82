"""How the layers of StyleGAN3, CREPS and the projected discriminator are made and called, for the shared check."""

from __future__ import annotations

import numpy as np

from gansformer_tf.config import CREPSConfig, StyleGAN3Config
from gansformer_tf.layers.local_norm import LocalBatchNorm
from gansformer_tf.layers.spectral import SpectralConv2D
from gansformer_tf.models.creps.synthesis import CREPSSynthesis, Decoder, LineBlock, LineInput, TailBlock
from gansformer_tf.models.stylegan3.fourier import FourierInput
from gansformer_tf.models.stylegan3.schedule import bands, layer_plans
from gansformer_tf.models.stylegan3.synthesis import AliasFreeLayer, StyleGAN3Synthesis
from tests.layers.gansformer_cases import BATCH, Case, array, case

DIM = 8
SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 6, "latent_size": DIM}
MOVED = StyleGAN3Config(**SMALL, num_synthesis_layers=5, margin_size=3)
TURNED = StyleGAN3Config(**SMALL, num_synthesis_layers=5, margin_size=3, conv_kernel=1, radial_filters=True)
LINES = CREPSConfig(**SMALL, line_channels=4, rank=2)
LISTENING = CREPSConfig(
    **(SMALL | {"latent_size": 3 * DIM}), line_channels=4, rank=2, transformer=True, num_components=3
)
HEIGHT, WIDTH = 5, 7
POSITIONS = (HEIGHT + WIDTH) * LINES.rank
TURN = np.array([[0.8, -0.6, 0.1], [0.6, 0.8, -0.2], [0.0, 0.0, 1.0]], np.float32)

UNBATCHED = ("rows", "columns")
COORDINATES = {"rows": np.linspace(-1, 1, HEIGHT), "columns": np.linspace(-1, 0.5, WIDTH)}
# where a image lies needs all its digits, and so do averages and images
EXACT = {"exact_inputs": ("rows", "columns", "transform")}


def exact(*outputs: int) -> dict:
    return EXACT | {"exact_outputs": outputs}


def alias_free(config: StyleGAN3Config, index: int) -> Case:
    plan = layer_plans(config)[index]
    x = array(BATCH, plan.source.size, plan.source.size, plan.source.channels)
    target = (BATCH, plan.target.size, plan.target.size, plan.target.channels)
    inputs = {"x": x, "style": array(BATCH, DIM)}
    return case(AliasFreeLayer, config, index=index, inputs=inputs, outputs=[target, ()], options=exact(1))


def line_block(config: CREPSConfig, level: int, outputs: list) -> Case:
    inputs = {
        "x": array(BATCH, POSITIONS, config.channels_at(max(level - 1, 2))),
        "w": array(BATCH, config.num_latents, config.num_layers, DIM),
    }
    first = (BATCH, POSITIONS, config.channels_at(level))
    options = exact(1) if level > 2 else EXACT
    return case(LineBlock, config, level=level, inputs=inputs, outputs=[first, *outputs], options=options)


def w_and_coordinates(config: CREPSConfig) -> dict:
    return {"w": array(BATCH, config.num_latents, config.num_layers, DIM)} | COORDINATES


BAND = bands(MOVED)[0]
WAVES = (BATCH, BAND.size, BAND.size, BAND.channels)
PART = (BATCH, POSITIONS, LINES.line_channels)
MAPS = [(BATCH, 1, HEIGHT, WIDTH, 3)] * 3

CASES = {
    "spectral convolution": case(
        SpectralConv2D, 5, 4, strides=2, use_bias=False,
        inputs={"inputs": array(BATCH, 6, 7, 3)}, outputs=[(BATCH, 3, 4, 5)],
    ),
    "local batch norm": case(
        LocalBatchNorm, 2, inputs={"x": array(4, 3, 5, 2)}, outputs=[(4, 3, 5, 2)],
    ),
    "spectral convolution, valid": case(
        SpectralConv2D, 2, (3, 4), padding="valid",
        inputs={"inputs": array(BATCH, 3, 5, 3)}, outputs=[(BATCH, 1, 2, 2)],
    ),
    "fourier input": case(FourierInput, MOVED, inputs={"style": array(BATCH, DIM)}, outputs=[WAVES]),
    "fourier input, turned": case(
        FourierInput, MOVED, inputs={"style": array(BATCH, DIM), "transform": np.stack([TURN] * BATCH)},
        outputs=[WAVES], options=EXACT,
    ),
    **{f"alias-free layer {index}": alias_free(MOVED, index) for index in (0, 2, 5)},
    "alias-free layer, radial": alias_free(TURNED, 1),
    "stylegan3": case(
        StyleGAN3Synthesis, MOVED, inputs={"w": array(BATCH, MOVED.num_layers, DIM)},
        outputs=[(BATCH, 16, 16, 3), (6,)], options=exact(0, 1),
    ),
    "line input": case(
        LineInput, LINES, inputs={"style": array(BATCH, DIM)} | COORDINATES,
        outputs=[(BATCH, POSITIONS, LINES.channels_at(2))], options=EXACT,
    ),
    "first line block": line_block(LINES, 2, []),
    "line block": line_block(LINES, 3, [PART]),
    "line block, attention": line_block(LISTENING, 3, [PART, (BATCH, 1, POSITIONS, 3)]),
    "decoder": case(Decoder, LINES, inputs={"x": array(9, LINES.line_channels)}, outputs=[(9, LINES.line_channels)]),
    "tail block": case(
        TailBlock, LINES, units=6, inputs={"x": array(BATCH, 9, LINES.line_channels), "style": array(BATCH, DIM)},
        outputs=[(BATCH, 9, 6), (BATCH, 9, 3)], options=exact(1),
    ),
    "creps": case(
        CREPSSynthesis, LINES, inputs=w_and_coordinates(LINES), outputs=[(BATCH, HEIGHT, WIDTH, 3)], options=exact(0)
    ),
    "creps, attention": case(
        CREPSSynthesis, LISTENING, inputs=w_and_coordinates(LISTENING),
        outputs=[(BATCH, HEIGHT, WIDTH, 3), *MAPS], options=exact(0, 1, 2, 3),
    ),
}  # fmt: skip
