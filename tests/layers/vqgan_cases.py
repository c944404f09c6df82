"""How the layers of VQGAN are made and called, for the shared check."""

from __future__ import annotations

from typing import Any

from gansformer_tf.models.vqgan.blocks import VQAttention, VQDownsample, VQResidualBlock, VQUpsample
from gansformer_tf.models.vqgan.discriminator import PatchActNorm, PatchBatchNorm
from gansformer_tf.models.vqgan.quantizers import FiniteScalar, NearestCodes
from gansformer_tf.models.vqgan.transformer import CausalBlock
from tests.layers.gansformer_cases import BATCH, Case, array, case

FEATURES = (BATCH, 4, 6, 32)
CODES = (BATCH, 3, 5, 4)


def vectors_and_loss(layer: Any, tensors: dict[str, Any]) -> Any:
    """Without the codes' numbers, which have no gradient."""
    return layer(tensors["z"])[:2]


def on_features(cls: type, *args: Any, outputs: Any = FEATURES, **kwargs: Any) -> Case:
    return case(cls, *args, inputs={"x": array(*FEATURES)}, outputs=[outputs], **kwargs)


# where vectors go must not depend on their rounding
IN_FLOAT32 = {"run": vectors_and_loss, "exact_inputs": ("z",), "exact_outputs": (0, 1)}

CASES = {
    "vq residual block": on_features(VQResidualBlock, 32),
    "vq residual block, wider": on_features(VQResidualBlock, 64, outputs=(*FEATURES[:3], 64)),
    "vq attention": on_features(VQAttention),
    "vq downsample": on_features(VQDownsample, outputs=(BATCH, 2, 3, 32)),
    "vq downsample, mean": on_features(VQDownsample, False, outputs=(BATCH, 2, 3, 32)),
    "vq upsample": on_features(VQUpsample, outputs=(BATCH, 8, 12, 32)),
    "vq upsample, plain": on_features(VQUpsample, False, outputs=(BATCH, 8, 12, 32)),
    "patch batch norm": on_features(PatchBatchNorm),
    "patch act norm": on_features(PatchActNorm),
    "causal block": case(CausalBlock, 2, inputs={"x": array(BATCH, 5, 8)}, outputs=[(BATCH, 5, 8)]),
    "nearest codes": case(NearestCodes, 5, 4, inputs={"z": array(*CODES)}, outputs=[CODES, ()], options=IN_FLOAT32),
    "rounded codes": case(
        FiniteScalar, (3, 4, 5, 3), inputs={"z": array(*CODES)}, outputs=[CODES, ()], options=IN_FLOAT32
    ),
}
