"""The VQGAN in PyTorch that ours is measured beside: the same sizes, and its steps train."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from benchmarks.torch_peers import vqgan  # noqa: E402
from gansformer_tf.config.presets import merge_sections, preset  # noqa: E402
from gansformer_tf.config.sections import run_of  # noqa: E402
from gansformer_tf.models import build_discriminator, build_generator  # noqa: E402

SMALL = {
    "channels": 32, "channel_multipliers": (1, 2), "attention_sizes": (8,), "latent_channels": 8, "code_dim": 4,
    "num_codes": 16, "transformer_layers": 2, "transformer_heads": 2, "transformer_width": 16, "blocks_per_level": 1,
}  # fmt: skip


def test_it_has_the_sizes_of_ours_and_trains() -> None:
    size = {"resolution": 16}
    sections = merge_sections(
        preset("vqgan-small"),
        {"generator": size | SMALL, "discriminator": size | {"channels": 4, "num_layers": 2}},
    )
    model = run_of(sections).model
    config = {name: getattr(model.generator, name) for name in (*SMALL, "num_tokens", "token_keep", "residual_dropout")}
    config |= {name: getattr(model.generator, name) for name in ("embedding_dropout", "attention_dropout")}
    torch.manual_seed(0)
    steps = vqgan.Steps(config | {"side": 16}, {"channels": 4, "num_layers": 2}, 2)
    ours = build_generator(model.generator), build_discriminator(model.discriminator)
    theirs = [sum(p.numel() for group in o.param_groups for p in group["params"]) for o in steps.optimizers]
    trained = [sum(math.prod(v.shape) for v in part.trainable_variables) for part in (
        ours[0].autoencoder, ours[1], ours[0].transformer
    )]  # fmt: skip
    assert theirs == trained
    before = [p.detach().clone() for o in steps.optimizers for group in o.param_groups for p in group["params"]]
    steps.stage1()
    steps.stage2()
    after = [p for o in steps.optimizers for group in o.param_groups for p in group["params"]]
    still = [index for index, (a, b) in enumerate(zip(before, after, strict=True)) if torch.equal(a, b)]
    assert len(still) < len(after) // 10 and all(torch.isfinite(p).all() for p in after)
