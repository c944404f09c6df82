"""How every layer of GANsformer is made and called, for the shared check."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig
from gansformer_tf.layers import (
    BipartiteAttention,
    CentroidAttention,
    ComponentMerge,
    DuplexAttention,
    EqualizedConv2D,
    EqualizedDense,
    GridPositions,
    LatentUpdate,
    MinibatchStddev,
    ModulatedConv2D,
    NoiseInjection,
)
from gansformer_tf.layers.attention_parts import AttentionGate
from gansformer_tf.layers.attention_stage import AttentionStage
from gansformer_tf.layers.duplex_attention import CollectingAttention, SpreadingAttention
from gansformer_tf.layers.modulated_dense import ModulatedDense
from gansformer_tf.models.discriminator import ComponentScores, DiscriminatorBlock
from gansformer_tf.models.gansformer.flow import Flow, FlowInputs, Styles
from gansformer_tf.models.gansformer.layers import Stem, SynthesisLayer, ToRGB
from gansformer_tf.models.gansformer.mapping import MappingMLP, MappingNetwork
from gansformer_tf.models.gansformer.synthesis import SynthesisBlock, SynthesisNetwork

BATCH, K, DIM = 2, 3, 8
TOKENS, CHANNELS, POSITION = 16, 6, 4
SMALL = {"resolution": 8, "channel_base": 48, "channel_max": 6, "latent_size": K * DIM, "num_components": K}
PLAIN = GANsformerConfig(**(SMALL | {"num_components": 1, "latent_size": DIM}))
SIMPLEX = GANsformerConfig(
    **SMALL,
    transformer=True,
    use_pos=True,
    mapping_layers=4,
    mapping_residual=True,
    mapping_self_attention=True,
    architecture="resnet",
)
KGAN = GANsformerConfig(**SMALL, kgan=True, merge_layer=2)
PAPER = GANsformerConfig(
    **SMALL, transformer=True, use_pos=True, kmeans=True, integration="both", attention_form="paper"
)
UPDATES = GANsformerConfig(
    **SMALL, transformer=True, kmeans=True, latent_self_attention=True, image_to_latent=True, image_self_attention=2
)
SCORING = DiscriminatorConfig(
    **SMALL, transformer=True, use_pos=True, latent_self_attention=True, latent_to_image=True, image_self_attention=3
)


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def tokens(**others: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": array(BATCH, TOKENS, CHANNELS), "y": array(BATCH, K, DIM)} | others


POSITIONS = {"x_pos": array(TOKENS, POSITION), "y_pos": array(K, 5)}


class Case(NamedTuple):
    make: Any
    inputs: dict[str, np.ndarray]
    outputs: list[tuple[int, ...]]
    options: dict[str, Any] = {}  # noqa: RUF012


def case(cls: type, *args: Any, inputs: Any, outputs: Any, options: Any = None, **kwargs: Any) -> Case:
    return Case(functools.partial(cls, *args, **kwargs), inputs, outputs, options or {})


NOISE = ("noise2", "noise3", "noise3b")  # of the first layers; they have the indices 1, 2, 3


def flow_of(tensors: dict[str, Any]) -> dict[str, Any]:
    """Inputs and flow of a synthesis network at the levels 2 and 3 from tensors by name."""
    inputs = FlowInputs(
        noise={index: tensors[name] for index, name in enumerate(NOISE, start=1) if name in tensors},
        positions=tensors.get("positions"),
        grids={level: tensors[f"grid{level}"] for level in (2, 3) if f"grid{level}" in tensors},
        keeps_maps=True,
    )
    return {"inputs": inputs, "flow": Flow(Styles(tensors["w"]), image=tensors.get("image"))}


def run_synthesis_layer(layer: Any, tensors: dict[str, Any]) -> Any:
    arguments = flow_of(tensors | {NOISE[layer.index - 1]: tensors["noise"]})
    x, flow = layer(tensors["x"], **arguments)
    return x, list(flow.maps), flow.latents


def run_block(layer: Any, tensors: dict[str, Any]) -> Any:
    x, flow = layer(tensors["x"], **flow_of(tensors))
    return x, flow.image, list(flow.maps)


def run_to_rgb(layer: Any, tensors: dict[str, Any]) -> Any:
    return layer(tensors["x"], flow=flow_of(tensors)["flow"])


def run_stem(layer: Any, tensors: dict[str, Any]) -> Any:
    return layer(flow=flow_of(tensors)["flow"], noise=tensors.get("noise"))


def run_network(layer: Any, tensors: dict[str, Any]) -> Any:
    noise = [tensors[name] for name in NOISE]
    return layer(tensors["w"], noise=noise, positions=tensors.get("positions"), return_attention=True)


def w_of(config: GANsformerConfig) -> np.ndarray:
    return array(BATCH, config.num_latents, config.num_layers, config.latent_dim)


UNBATCHED = ("grid", "grid2", "grid3", "positions", "x_pos", "y_pos")
IMAGE = array(BATCH, 4, 4, CHANNELS)
ATTENTION = [(BATCH, TOKENS, CHANNELS), (BATCH, 1, TOKENS, K)]
HEADS = [(BATCH, TOKENS, CHANNELS), (BATCH, 2, TOKENS, K)]

CASES = {
    "dense": case(EqualizedDense, 5, inputs={"inputs": array(BATCH, 3, 4)}, outputs=[(BATCH, 3, 5)]),
    "dense lrelu": case(
        EqualizedDense,
        5,
        lr_multiplier=0.01,
        gain=2.0,
        activation="lrelu",
        inputs={"inputs": array(BATCH, 4)},
        outputs=[(BATCH, 5)],
    ),
    "dense without bias": case(EqualizedDense, 5, use_bias=False, inputs={"inputs": array(4, 4)}, outputs=[(4, 5)]),
    "conv": case(EqualizedConv2D, 5, 3, inputs={"inputs": IMAGE}, outputs=[(BATCH, 4, 4, 5)]),
    "conv up": case(
        EqualizedConv2D, 5, 3, resample="up", activation="lrelu", inputs={"inputs": IMAGE}, outputs=[(BATCH, 8, 8, 5)]
    ),
    "conv clamp": case(EqualizedConv2D, 5, 1, clamp=0.5, inputs={"inputs": IMAGE}, outputs=[(BATCH, 4, 4, 5)]),
    "conv down": case(
        EqualizedConv2D, 5, 1, resample="down", use_bias=False, inputs={"inputs": IMAGE}, outputs=[(BATCH, 2, 2, 5)]
    ),
    "modulated conv": case(
        ModulatedConv2D, 5, 3, inputs={"inputs": IMAGE, "style": array(BATCH, 7)}, outputs=[(BATCH, 4, 4, 5)]
    ),
    "modulated conv up": case(
        ModulatedConv2D,
        5,
        3,
        resample="up",
        demodulate=False,
        inputs={"inputs": IMAGE, "style": array(BATCH, 7)},
        outputs=[(BATCH, 8, 8, 5)],
    ),
    "unmodulated conv": case(
        ModulatedConv2D,
        5,
        1,
        modulate=False,
        inputs={"inputs": IMAGE, "style": array(BATCH, 7)},
        outputs=[(BATCH, 4, 4, 5)],
    ),
    "modulated dense": case(
        ModulatedDense,
        5,
        clamp=2.0,
        inputs={"inputs": array(BATCH, 3, 4), "style": array(BATCH, 7)},
        outputs=[(BATCH, 3, 5)],
    ),
    "modulated dense, no demodulation": case(
        ModulatedDense,
        5,
        demodulate=False,
        activation="linear",
        inputs={"inputs": array(BATCH, 3, 4), "style": array(BATCH, 7)},
        outputs=[(BATCH, 3, 5)],
    ),
    "noise": case(
        NoiseInjection, inputs={"inputs": IMAGE, "noise": array(BATCH, 4, 4, 1)}, outputs=[(BATCH, 4, 4, CHANNELS)]
    ),
    "noise const": case(
        NoiseInjection,
        maps=2,
        seed=3,
        inputs={"inputs": IMAGE},
        outputs=[(BATCH, 4, 4, CHANNELS)],
        options={"run": lambda layer, t: layer(t["inputs"], noise_mode="const")},
    ),
    "minibatch stddev": case(
        MinibatchStddev,
        group_size=2,
        num_features=3,
        inputs={"inputs": array(4, 3, 2, CHANNELS)},
        outputs=[(4, 3, 2, CHANNELS + 3)],
    ),
    "minibatch stddev of the batch": case(
        MinibatchStddev, group_size=None, inputs={"inputs": array(3, 2, CHANNELS)}, outputs=[(3, 2, CHANNELS + 1)]
    ),
    "minibatch stddev of tokens": case(
        MinibatchStddev, inputs={"inputs": array(4, 3, CHANNELS)}, outputs=[(4, 3, CHANNELS + 1)]
    ),
    **{
        f"positions {kind} {directions}": case(
            GridPositions,
            3,
            4,
            12,
            kind=kind,
            init="normal",
            directions=directions,
            inputs={"inputs": array(1)},
            outputs=[(12, 12)],
        )
        for kind, directions in (("sinus", 2), ("sinus", 3), ("linear", 3), ("trainable", 2), ("trainable2d", 2))
    },
    **{
        f"merge {kind}": case(
            ComponentMerge,
            K,
            kind,
            same=same,
            batch_maximum=same,
            inputs={"x": array(BATCH * K, 4, 4, CHANNELS)},
            outputs=[(BATCH, K, 1, 1, 1) if same else (BATCH, K, 4, 4, 1)],
            # the best component is chosen, so nothing reaches the scores
            options={"without_gradient": ("score/kernel",)} if kind == "max" else {},
        )
        for kind, same in (("sum", False), ("softmax", True), ("max", False), ("leaves", True))
    },
    "gate": case(
        AttentionGate,
        2,
        1.0,
        inputs={"tokens": array(BATCH, K, DIM), "positions": array(K, 5)},
        outputs=[(BATCH, 2, K)],
    ),
    "attention": case(BipartiteAttention, CHANNELS, inputs=tokens(), outputs=ATTENTION),
    "attention with everything": case(
        BipartiteAttention,
        CHANNELS,
        num_heads=2,
        integration="both",
        normalization="layer",
        query_gate=True,
        key_gate=True,
        dropout=0.1,
        score_divisions=2,
        inputs=tokens(**POSITIONS, component_mask=np.array([[1, 1, 0], [0, 1, 1]])),
        outputs=HEADS,
    ),
    "attention of few to many": case(
        BipartiteAttention,
        CHANNELS,
        num_heads=2,
        integration="mul",
        normalization="instance",
        inputs={"x": array(BATCH, K, CHANNELS), "y": array(BATCH, TOKENS, DIM)},
        outputs=[(BATCH, K, CHANNELS), (BATCH, 2, K, TOKENS)],
    ),
    "centroids": case(
        CentroidAttention,
        CHANNELS,
        num_centroids=K,
        iterations=2,
        num_heads=2,
        integration="mul",
        inputs=tokens(**POSITIONS),
        outputs=[*HEADS, (BATCH, 2, K, TOKENS)],
    ),
    "iterative centroids": case(
        CentroidAttention,
        CHANNELS,
        num_centroids=K,
        iterative=True,
        inputs=tokens(**POSITIONS),
        outputs=[*ATTENTION, (BATCH, 1, K, TOKENS)],
    ),
    "carried centroids": case(
        CentroidAttention,
        CHANNELS,
        num_centroids=K,
        iterative=True,
        first=False,
        inputs=tokens(assignments=np.full((BATCH, 1, K, TOKENS), 1 / TOKENS)),
        outputs=[*ATTENTION, (BATCH, 1, K, TOKENS)],
    ),
    "duplex": case(
        DuplexAttention,
        CHANNELS,
        num_heads=2,
        iterations=2,
        image_gate=True,
        latent_gate=True,
        inputs=tokens(**POSITIONS),
        outputs=[*HEADS, (BATCH, 2, K, TOKENS), (BATCH, K, DIM)],
    ),
    "duplex carried": case(
        DuplexAttention,
        CHANNELS,
        inputs=tokens(assignments=np.full((BATCH, 1, K, TOKENS), 1 / TOKENS)),
        outputs=[*ATTENTION, (BATCH, 1, K, TOKENS), (BATCH, K, DIM)],
    ),
    "collect": case(
        CollectingAttention,
        DIM,
        inputs={"x": array(BATCH, K, DIM), "y": array(BATCH, TOKENS, CHANNELS)},
        outputs=[(BATCH, K, DIM)],
    ),
    "spread": case(
        SpreadingAttention, CHANNELS, integration="both", inputs=tokens(keys=array(BATCH, K, DIM)), outputs=ATTENTION
    ),
    "latent update": case(
        LatentUpdate,
        num_heads=2,
        lr_multiplier=0.01,
        inputs={"x": array(BATCH, K, DIM), "x_pos": array(K, 5), "y_pos": array(K, 5)},
        outputs=[(BATCH, K, DIM)],
    ),
    "latent update from the image": case(
        LatentUpdate,
        query_gate=True,
        key_gate=True,
        inputs={"x": array(BATCH, K, DIM), "y": array(BATCH, TOKENS, CHANNELS)},
        outputs=[(BATCH, K, DIM)],
    ),
    "latent update without attention": case(
        LatentUpdate, attend=False, inputs={"x": array(BATCH, K, DIM)}, outputs=[(BATCH, K, DIM)]
    ),
    "attention stage": case(
        AttentionStage,
        UPDATES,
        image=True,
        first=True,
        inputs={"x": IMAGE, "latents": array(BATCH, K, DIM)},
        outputs=[(BATCH, 4, 4, CHANNELS), (BATCH, K, DIM), ATTENTION[1], (BATCH, 1, K, TOKENS)],
    ),
    "attention stage of the paper": case(
        AttentionStage,
        PAPER,
        inputs={"x": IMAGE, "latents": array(BATCH, K, DIM), "grid": array(TOKENS, 8), "positions": array(K, DIM)},
        outputs=[(BATCH, 4, 4, CHANNELS), (BATCH, K, DIM), ATTENTION[1], (BATCH, 1, K, TOKENS)],
    ),
    "mapping stack": case(
        MappingMLP,
        SIMPLEX,
        width=DIM,
        input_dim=2 * DIM,
        attend=True,
        inputs={"x": array(BATCH, K, 2 * DIM), "positions": array(K, DIM)},
        outputs=[(BATCH, K, DIM)],
        options={"build": ((None, K, 2 * DIM), (K, DIM))},
    ),
    "mapping": case(
        MappingNetwork,
        SIMPLEX,
        inputs={"z": array(BATCH, K + 1, DIM), "positions": array(K, DIM)},
        outputs=[(BATCH, K + 1, DIM)],
    ),
    "synthesis layer": case(
        SynthesisLayer,
        SIMPLEX,
        index=2,
        level=3,
        resample="up",
        position_dim=DIM,
        inputs={
            "x": IMAGE,
            "w": w_of(SIMPLEX),
            "grid3": array(64, DIM),
            "positions": array(K, DIM),
            "noise": array(BATCH, 8, 8, 1),
        },
        outputs=[(BATCH, 8, 8, CHANNELS), (BATCH, 1, 8, 8, K)],
        options={"run": run_synthesis_layer, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "synthesis layer of the paper": case(
        SynthesisLayer,
        PAPER,
        index=2,
        level=3,
        resample="up",
        position_dim=DIM,
        inputs={
            "x": IMAGE,
            "w": w_of(PAPER),
            "grid2": array(16, DIM),
            "positions": array(K, DIM),
            "noise": array(BATCH, 8, 8, 1),
        },
        outputs=[(BATCH, 8, 8, CHANNELS), (BATCH, 1, 4, 4, K), (BATCH, K, DIM)],
        options={"run": run_synthesis_layer, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "synthesis layer of k images": case(
        SynthesisLayer,
        KGAN,
        index=1,
        level=2,
        images=K,
        inputs={"x": array(BATCH * K, 4, 4, CHANNELS), "w": w_of(KGAN), "noise": array(BATCH, 4, 4, 1)},
        outputs=[(BATCH * K, 4, 4, CHANNELS)],
        options={"run": run_synthesis_layer, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "to rgb": case(
        ToRGB,
        PLAIN,
        index=2,
        inputs={"x": IMAGE, "w": w_of(PLAIN)},
        outputs=[(BATCH, 4, 4, 3)],
        options={"run": run_to_rgb, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "constant stem": case(
        Stem,
        PLAIN,
        inputs={"w": w_of(PLAIN)},
        outputs=[(BATCH, 4, 4, CHANNELS)],
        options={"run": run_stem, "build": (None,)},
    ),
    "latent stem": case(
        Stem,
        GANsformerConfig(**SMALL, kgan=True, latent_stem=True),
        images=K,
        inputs={"w": w_of(KGAN), "noise": array(BATCH * K, 4, 4, 1)},
        outputs=[(BATCH * K, 4, 4, CHANNELS)],
        options={"run": run_stem, "build": (None,)},
    ),
    "synthesis block": case(
        SynthesisBlock,
        SIMPLEX,
        level=3,
        images=1,
        position_dim=DIM,
        first_attended=1,
        inputs={
            "x": IMAGE,
            "w": w_of(SIMPLEX),
            "grid3": array(64, DIM),
            "positions": array(K, DIM),
            "noise3": array(BATCH, 8, 8, 1),
            "noise3b": array(BATCH, 8, 8, 1),
        },
        outputs=[(BATCH, 8, 8, CHANNELS), (BATCH, 8, 8, 3), (BATCH, 1, 8, 8, K), (BATCH, 1, 8, 8, K)],
        options={"run": run_block, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "synthesis block that merges": case(
        SynthesisBlock,
        KGAN,
        level=2,
        images=K,
        position_dim=None,
        first_attended=-1,
        inputs={"x": array(BATCH * K, 4, 4, CHANNELS), "w": w_of(KGAN), "noise2": array(BATCH, 4, 4, 1)},
        outputs=[(BATCH, 4, 4, CHANNELS), (BATCH, 4, 4, 3)],
        options={"run": run_block, "build": ((None, 4, 4, CHANNELS),)},
    ),
    "synthesis network": case(
        SynthesisNetwork,
        SIMPLEX,
        inputs={
            "w": w_of(SIMPLEX),
            "positions": array(K, DIM),
            "noise2": array(BATCH, 4, 4, 1),
            "noise3": array(BATCH, 8, 8, 1),
            "noise3b": array(BATCH, 8, 8, 1),
        },
        outputs=[(BATCH, 8, 8, 3), (BATCH, 1, 4, 4, K), (BATCH, 1, 8, 8, K), (BATCH, 1, 8, 8, K)],
        options={"run": run_network, "build": (None,), "bfloat16_tolerance": 0.1},
    ),
    "discriminator block": case(
        DiscriminatorBlock,
        SCORING,
        level=3,
        position_dim=DIM,
        inputs={
            "image": array(BATCH, 8, 8, 3),
            "aggregators": array(BATCH, K, DIM),
            "grid": array(64, DIM),
            "positions": array(K, DIM),
        },
        outputs=[(BATCH, 4, 4, CHANNELS), (BATCH, 8, 8, 3), (BATCH, K, DIM)],
        options={
            "build": ((None, 8, 8, CHANNELS),),
            "run": lambda layer, t: layer(None, **t),
        },
    ),
    "component scores": case(ComponentScores, SCORING, inputs={"aggregators": array(4, K, DIM)}, outputs=[(4, K)]),
}
