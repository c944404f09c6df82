"""Configurations of VQGAN from the YAML files of the published code: every key is understood or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gansformer_tf.config import ConfigError, from_dict
from gansformer_tf.config.vqgan import (
    AutoencoderConfig,
    CodeTransformerConfig,
    PatchDiscriminatorConfig,
    VQGANConfig,
)
from gansformer_tf.convert.errors import ForeignFileError, quoted

MAX_BYTES = 1 << 20  # published files have 2 kB
UNCONDITIONAL = "__is_unconditional__"

# Classes by what they are here; a file names them, and nothing is imported by its name.
AUTOENCODERS = (
    "taming.models.vqgan.VQModel",
    "ldm.models.autoencoder.VQModel",
    "ldm.models.autoencoder.VQModelInterface",
)
SECOND_STAGES = ("taming.models.cond_transformer.Net2NetTransformer",)
TRANSFORMERS = ("taming.modules.transformer.mingpt.GPT",)
DISCRIMINATED = ("taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator",)
OTHER_LOSSES = (
    "taming.modules.losses.DummyLoss",
    "taming.modules.losses.vqperceptual.DummyLoss",
    "torch.nn.Identity",
)
LABELS = ("taming.modules.util.Labelator",)
STARTS = ("taming.modules.util.SOSProvider",)
IDENTITY = ("taming.modules.transformer.permuter.Identity",)
NOT_BUILT = {
    "taming.models.vqgan.GumbelVQ": "its codes are drawn with Gumbel noise",
    "taming.models.vqgan.EMAVQ": "its codes are averages",
    "taming.models.vqgan.VQSegmentationModel": "it draws segmentations",
    "taming.models.vqgan.VQNoDiscModel": "its code does not run",
}

# Keys that change nothing in the networks.
_OF_RUNS = (
    "ckpt_path",
    "ignore_keys",
    "monitor",
    "image_key",
    "sane_index_shape",
    "base_learning_rate",
    "batch_resize_range",
)
_OF_LOSSES = (
    "disc_start",
    "disc_weight",
    "disc_factor",
    "disc_loss",
    "codebook_weight",
    "pixelloss_weight",
    "perceptual_weight",
    "n_classes",
)


@dataclass(frozen=True)
class VQGANFile:
    """What a YAML file describes.

    Attributes:
        config: `AutoencoderConfig` (stage 1) or `VQGANConfig` (both).
        discriminator: Of stage 1, or None.
    """

    config: AutoencoderConfig | VQGANConfig
    discriminator: PatchDiscriminatorConfig | None


def read_yaml(path: str | Path) -> VQGANFile:
    """The configuration in a YAML file.

    Raises:
        ForeignFileError: It is no such file, or describes what we do not build; the key is named.
        OSError: It cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise ForeignFileError(f"it has more than {MAX_BYTES >> 10} kB")
        return _file(_parsed(data))
    except (ConfigError, ForeignFileError) as error:
        raise ForeignFileError(f"{path} is not understood: {str(error).rstrip('.')}.") from error
    except (TypeError, ValueError, OverflowError) as error:  # a value of the wrong type
        reason = " ".join(str(error).split())[:200]
        raise ForeignFileError(f"{path} is not understood: a value has the wrong type ({reason}).") from error


def _parsed(data: bytes) -> Any:
    try:
        return yaml.safe_load(data)  # makes plain values only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise ForeignFileError(f"it is no YAML file{where}") from error
    except (RecursionError, ValueError) as error:  # a date that does not exist
        raise ForeignFileError("it is no YAML file of a configuration") from error


class Section:
    """A mapping of a file whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, values: Any, name: str) -> None:
        if not isinstance(values, Mapping):
            raise ForeignFileError(f"{name} is missing or no mapping of keys")
        self.left, self.name = dict(values), name

    def take(self, key: str, default: Any = None) -> Any:
        return self.left.pop(key, default)

    def need(self, key: str) -> Any:
        if key not in self.left:
            raise ForeignFileError(f"{self.name} has no key {key!r}")
        return self.left.pop(key)

    def section(self, key: str) -> Section:
        return Section(self.need(key), f"{self.name}.{key}")

    def target(self, known: tuple[str, ...]) -> str:
        """The class that the key `target` names, which must be one of those known."""
        found = self.need("target")
        if isinstance(found, str) and found in NOT_BUILT:
            raise ForeignFileError(f"{self.name}.target is {found}, which is not supported: {NOT_BUILT[found]}")
        if found not in known:
            raise ForeignFileError(f"{self.name}.target is {quoted(found)}; supported: {', '.join(known)}")
        return found

    def only(self, key: str, *allowed: Any) -> None:
        """Takes a key that may have these values, the first by default."""
        value = self.take(key, allowed[0])
        if value not in allowed:
            shown = value if isinstance(value, bool | int | float) else quoted(value)
            raise ForeignFileError(f"{self.name}.{key} is {shown}; only {allowed[0]} is supported")

    def done(self, *harmless: str) -> None:
        """Raises `ForeignFileError` for the first key that was neither taken nor is harmless."""
        unknown = [key for key in self.left if key not in harmless]
        if unknown:
            raise ForeignFileError(
                f"unknown key {quoted(unknown[0])} in {self.name}; remove it if the published code does not read it"
            )


def _file(values: Any) -> VQGANFile:
    whole = Section(values, "the file")
    model = Section(whole.need("model"), "model")
    whole.done("data", "lightning")
    target = model.target((*AUTOENCODERS, *SECOND_STAGES))
    params = model.section("params")
    model.done(*_OF_RUNS)
    if target in SECOND_STAGES:
        return VQGANFile(_both_stages(params), None)
    first = _autoencoder(params)
    discriminator = _discriminator(params)
    params.done(*_OF_RUNS)
    return VQGANFile(first, discriminator)


def _autoencoder(params: Section) -> AutoencoderConfig:
    net = params.section("ddconfig")
    size, channels = net.need("resolution"), net.need("in_channels")
    net.only("double_z", False)
    net.only("give_pre_end", False)
    net.only("out_ch", channels)
    params.only("remap", None)
    params.only("colorize_nlabels", None)
    values = {
        "height": size,
        "width": size,
        "image_channels": channels,
        "channels": net.need("ch"),
        "channel_multipliers": net.take("ch_mult", [1, 2, 4, 8]),
        "blocks_per_level": net.need("num_res_blocks"),
        "attention_sizes": net.need("attn_resolutions"),
        "resample_with_conv": net.take("resamp_with_conv", True),
        "dropout": net.take("dropout", 0.0),
        "latent_channels": net.need("z_channels"),
        "num_codes": params.need("n_embed"),
        "code_dim": params.need("embed_dim"),
        "commitment_form": "legacy",
    }
    net.done()
    return from_dict(AutoencoderConfig, values)


def _discriminator(params: Section) -> PatchDiscriminatorConfig | None:
    if "lossconfig" not in params.left:
        return None
    loss = params.section("lossconfig")
    target = loss.target((*DISCRIMINATED, *OTHER_LOSSES))
    values = Section(loss.take("params") or {}, f"{loss.name}.params")
    loss.done()
    if target in OTHER_LOSSES:
        return None
    values.only("disc_conditional", False)
    config = {
        "image_channels": values.take("disc_in_channels", 3),
        "channels": values.take("disc_ndf", 64),
        "num_layers": values.take("disc_num_layers", 3),
        "normalization": "act" if values.take("use_actnorm", False) else "batch",
    }
    values.done(*_OF_LOSSES)
    return from_dict(PatchDiscriminatorConfig, config)


def _both_stages(params: Section) -> VQGANConfig:
    first = params.section("first_stage_config")
    first.target(AUTOENCODERS)
    first_params = first.section("params")
    first.done()
    autoencoder = _autoencoder(first_params)
    _discriminator(first_params)
    first_params.done(*_OF_RUNS)
    if "permuter_config" in params.left:
        permuter = params.section("permuter_config")
        permuter.target(IDENTITY)
        permuter.done("params")
    condition = _condition(params)
    network = params.section("transformer_config")
    network.target(TRANSFORMERS)
    net = network.section("params")
    network.done()
    net.only("n_unmasked", 0)
    rows, columns = autoencoder.grid
    values = {
        "num_codes": net.need("vocab_size"),
        "num_tokens": rows * columns,
        "num_positions": net.need("block_size"),
        "num_layers": net.take("n_layer", 12),
        "num_heads": net.take("n_head", 8),
        "width": net.take("n_embd", 256),
        "embedding_dropout": net.take("embd_pdrop", 0.0),
        "attention_dropout": net.take("attn_pdrop", 0.0),
        "residual_dropout": net.take("resid_pdrop", 0.0),
        "token_keep": params.take("pkeep", 1.0),
        "shared_condition": True,
    }
    net.done()
    params.only("downsample_cond_size", -1)
    params.done("first_stage_key", "cond_stage_key", *_OF_RUNS)
    return VQGANConfig.of(autoencoder, from_dict(CodeTransformerConfig, values | condition))


def _condition(params: Section) -> dict[str, int]:
    """What stands in front of the codes: a start token or the token of a class."""
    start, unconditional = params.take("sos_token", 0), params.take("unconditional", False)
    found = params.take("cond_stage_config", UNCONDITIONAL if unconditional else None)
    if unconditional or found == UNCONDITIONAL:
        return {"start_code": start}
    stage = Section(found, f"{params.name}.cond_stage_config")
    target = stage.target((*LABELS, *STARTS))
    values = Section(stage.take("params") or {}, f"{stage.name}.params")
    stage.done()
    condition = (
        {"label_dim": values.need("n_classes")} if target in LABELS else {"start_code": values.need("sos_token")}
    )
    values.done("quantize_interface")
    return condition
