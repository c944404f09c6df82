"""Configurations of VQGAN: the autoencoder over codes with its discriminator, and the transformer that draws codes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive, require_probability, to_dict
from gansformer_tf.config.generator import GeneratorConfig
from gansformer_tf.config.image import ImageConfig, geometry
from gansformer_tf.config.train import TrainConfig

# Groups of the group normalisations; every width of the autoencoder is a multiple of it.
GROUPS = 32

# How the nearest code is found: by distance, by angle (codes of length one), or by rounding (no codebook).
NEAREST, COSINE, FSQ = "nearest", "cosine", "fsq"
QUANTIZERS = (NEAREST, COSINE, FSQ)
COMMITMENT_FORMS = ("paper", "legacy")
ADVERSARIAL_LOSSES = ("hinge", "vanilla")


@dataclass(frozen=True)
class CodingFields:
    """What `AutoencoderConfig` and `VQGANConfig` both have; the first tells what it means."""

    channels: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks_per_level: int = 2
    attention_sizes: tuple[int, ...] = (16,)
    resample_with_conv: bool = True
    dropout: float = 0.0
    latent_channels: int = 256
    quantizer: str = NEAREST
    num_codes: int = 1024
    code_dim: int = 256
    commitment_form: str = "paper"
    commitment_weight: float = 0.25
    fsq_levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class AutoencoderConfig(CodingFields):
    """Stage 1: an image as a grid of codes and back ("Taming Transformers", Esser et al. 2021, section 3.1).

    Every level but the last halves the image, so the grid has `height / factor` rows, `factor = 2 ** (levels - 1)`.
    Widths are `channels * channel_multipliers[level]`. Attention stands behind the blocks of the levels whose longer
    side is one of `attention_sizes`, and always in the middle.

    The codebook has `num_codes` vectors of `code_dim` numbers. `commitment_form` says which of the two terms of its
    loss `commitment_weight` scales: "paper" the one that trains the encoder, "legacy" (the published code) the one that
    trains the codes. `quantizer` "cosine" compares directions only, "fsq" rounds each of `len(fsq_levels)` numbers to
    that many levels and has neither codebook nor loss.

    Example:

    >>> gf.config.AutoencoderConfig(height=64, width=64, channel_multipliers=(1, 2, 2)).grid
    (16, 16)
    """

    height: int = 256
    width: int = 256
    image_channels: int = 3

    def __post_init__(self) -> None:
        require(len(self.channel_multipliers) >= 1, "channel_multipliers is empty; give one number per level: 1,2,2.")
        for multiplier in self.channel_multipliers:
            require_positive("channel_multipliers", multiplier)
        for name in ("height", "width", "channels", "latent_channels", "num_codes", "code_dim"):
            require_positive(name, getattr(self, name))
        require_choice("image_channels", self.image_channels, (1, 3, 4))
        require(self.blocks_per_level >= 0, f"blocks_per_level is {self.blocks_per_level}; it cannot be negative.")
        require_probability("dropout", self.dropout)
        for level in range(self.num_levels):
            width = self.channels_at(level)
            require(
                width % GROUPS == 0,
                f"channels {self.channels} times channel_multipliers {self.channel_multipliers[level]} is {width}; "
                f"every width must be a multiple of {GROUPS}, the groups of the normalisation.",
            )
        for name in ("height", "width"):
            side = getattr(self, name)
            require(
                side % self.factor == 0,
                f"{name} is {side}; the {self.num_levels} levels halve it {self.num_levels - 1} times, so it must be a "
                f"multiple of {self.factor}. Choose such a size, or fewer channel_multipliers.",
            )
        self._validate_codes()

    def _validate_codes(self) -> None:
        require_choice("quantizer", self.quantizer, QUANTIZERS)
        require_choice("commitment_form", self.commitment_form, COMMITMENT_FORMS)
        require(
            0.0 <= self.commitment_weight < math.inf,
            f"commitment_weight is {self.commitment_weight}; it must be a finite number of at least 0.",
        )
        if self.quantizer != FSQ:
            require(
                not self.fsq_levels,
                f"fsq_levels is {self.fsq_levels} but quantizer is {self.quantizer!r}; leave it out, or use 'fsq'.",
            )
            return
        require(
            bool(self.fsq_levels) and min(self.fsq_levels) >= 3,
            f"fsq_levels is {self.fsq_levels}; give at least 3 levels for every number: 8,5,5,5.",
        )
        require(
            self.num_codes == math.prod(self.fsq_levels) and self.code_dim == len(self.fsq_levels),
            f"num_codes {self.num_codes} and code_dim {self.code_dim} do not fit fsq_levels {self.fsq_levels}; they "
            f"must be {math.prod(self.fsq_levels)} and {len(self.fsq_levels)}.",
        )

    @property
    def num_levels(self) -> int:
        """Sizes of features, the image's own included."""
        return len(self.channel_multipliers)

    @property
    def factor(self) -> int:
        """Pixels per code, along each side."""
        return 2 ** (self.num_levels - 1)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of codes."""
        return self.height // self.factor, self.width // self.factor

    def channels_at(self, level: int) -> int:
        """Width of a level; 0 has the size of the image."""
        return self.channels * self.channel_multipliers[level]

    def attends_at(self, level: int) -> bool:
        """Whether attention stands behind the blocks of a level."""
        return max(self.height, self.width) >> level in self.attention_sizes


@dataclass(frozen=True)
class PatchDiscriminatorConfig(ImageConfig):
    """The discriminator of stage 1, which scores overlapping patches (PatchGAN, Isola et al. 2017).

    `num_layers` counts the strided convolutions; a patch is 34 pixels wide with 2, 70 with 3. `normalization` is
    "batch" or "act" (a scale and offset per channel that start from the first batch). It scores images of any size, and
    has no use for labels.
    """

    channels: int = 64
    num_layers: int = 3
    normalization: str = "batch"
    family: str = "patch"

    # fields of other families that say nothing here
    channel_base: ClassVar[int] = 0  # type: ignore[misc]
    channel_max: ClassVar[int] = 0  # type: ignore[misc]
    mbstd_group_size: ClassVar[int] = 0

    network: ClassVar[str] = "gansformer_tf.models.vqgan.discriminator:PatchDiscriminator"

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("patch",))
        require_choice("image_channels", self.image_channels, (1, 3, 4))
        for name in ("channels", "num_layers"):
            require_positive(name, getattr(self, name))
        require_choice("normalization", self.normalization, ("batch", "act"))

    def channels_of(self, layer: int) -> int:
        """Output channels of a convolution."""
        return self.channels * min(2**layer, 8)

    @property
    def least_side(self) -> int:
        """Pixels that an image needs on each side."""
        return 3 * 2**self.num_layers

    def check_batch(self, batch_size: int, of: int | None = None) -> None:
        """Any batch will do; the network normalises what goes through it at once."""

    def check_training(self, train: TrainConfig) -> None:
        """Raises `ConfigError` for settings that the two stages do not have, and images that are too small."""
        require(
            train.precision != "mixed",
            "precision is 'mixed', which is about resolutions of a generator; use bfloat16 or float32.",
        )
        small = min(self.height, self.width)
        require(
            small >= self.least_side,
            f"the image has a side of {small} pixels; {self.num_layers} layers of the discriminator need "
            f"{self.least_side}. Give --d-layers a smaller number, or larger images.",
        )


@dataclass(frozen=True)
class Stage1LossConfig:
    """What stage 1 minimises.

    `perceptual_weight` scales the perceptual distance beside the absolute error, `codebook_weight` the loss of the
    codes. The generator term is scaled by `discriminator_weight` times the ratio of the two gradients at the last layer
    (section 3.1, equation 7), from the image number `discriminator_start` on; `adversarial_loss` is that of the
    discriminator.
    """

    perceptual_weight: float = 1.0
    codebook_weight: float = 1.0
    discriminator_weight: float = 0.8
    discriminator_start: int = 0
    adversarial_loss: str = "hinge"

    def __post_init__(self) -> None:
        for name in ("perceptual_weight", "codebook_weight", "discriminator_weight"):
            value = getattr(self, name)
            require(0.0 <= value < math.inf, f"{name} is {value}; it must be a finite number of at least 0.")
        require(
            self.discriminator_start >= 0,
            f"discriminator_start is {self.discriminator_start}; it counts images, so use 0 to start at once.",
        )
        require_choice("adversarial_loss", self.adversarial_loss, ADVERSARIAL_LOSSES)


@dataclass(frozen=True)
class CodeTransformerConfig:
    """Stage 2: a causal transformer over the codes of an image, row by row (section 3.2).

    `num_tokens` codes of a book of `num_codes` are predicted behind one condition token: the start token, or with
    `label_dim` the token of the image's class. These have embeddings of their own; with `shared_condition` (the
    published networks) they are those of the codes with the same number, and the start token is code `start_code`.
    `num_positions` is the length that positions are learned for.

    In training a token is replaced by a random one with probability `1 - token_keep`.
    """

    num_codes: int = 1024
    num_tokens: int = 256
    num_positions: int = 256
    num_layers: int = 24
    num_heads: int = 16
    width: int = 1024
    label_dim: int = 0
    shared_condition: bool = False
    start_code: int = 0
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    residual_dropout: float = 0.0
    token_keep: float = 1.0

    def __post_init__(self) -> None:
        for name in ("num_codes", "num_tokens", "num_layers", "num_heads", "width"):
            require_positive(name, getattr(self, name))
        for name in ("embedding_dropout", "attention_dropout", "residual_dropout", "token_keep"):
            require_probability(name, getattr(self, name))
        require(
            self.width % self.num_heads == 0,
            f"num_heads {self.num_heads} does not divide the width {self.width}; choose a divisor.",
        )
        require(
            self.num_positions >= self.num_tokens,
            f"num_positions is {self.num_positions}; the {self.num_tokens} tokens need at least as many.",
        )
        require(self.label_dim >= 0, f"label_dim is {self.label_dim}; use 0 for a model without labels.")
        highest = max(self.label_dim - 1, self.start_code) if self.shared_condition else 0
        require(
            self.start_code >= 0 and highest < self.num_codes,
            f"the condition is token {highest} of {self.num_codes} codes whose embeddings it shares; use more codes, "
            "or shared_condition false.",
        )

    @property
    def num_embeddings(self) -> int:
        """Rows of the table of embeddings: the codes, and what the condition has of its own."""
        return self.num_codes + (0 if self.shared_condition else max(self.label_dim, 1))


@dataclass(frozen=True)
class CodeSampling:
    """How a code is drawn from what the transformer predicts.

    `temperature` divides the logits. `top_k` keeps the codes that are at least as likely as the k-th (None: all),
    `top_p` then the fewest of the most likely ones whose probabilities sum to p.

    Example:

    >>> gf.config.CodeSampling(temperature=0.9, top_k=100).top_p
    1.0
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)
        require(
            self.top_k is None or self.top_k >= 1,
            f"top_k is {self.top_k}; at least 1 code must be kept, or leave it out to keep all.",
        )
        require(0.0 < self.top_p <= 1.0, f"top_p is {self.top_p}; it must lie above 0 and not above 1 (1 keeps all).")

    def check(self, num_codes: int) -> None:
        """Raises `ConfigError` where more codes would be kept than there are."""
        require(
            self.top_k is None or self.top_k <= num_codes,
            f"top_k is {self.top_k}; this network has {num_codes} codes. Use a smaller number, or leave it out.",
        )


# Fields of `TrainConfig` that are about a generator's w, penalties, averages, augmentation and schedules.
UNREAD_SETTINGS = frozenset(
    {
        *("g_learning_rate_end", "d_learning_rate_end", "adam_beta2_end", "schedule_begin_kimg", "schedule_end_kimg"),
        *("g_loss", "d_loss", "d_reg", "gamma", "gamma_end", "g_reg_interval", "d_reg_interval", "g_reg_weight"),
        *("path_length", "path_length_weight", "path_length_decay", "path_length_batch_shrink", "count_unread_layer"),
        *("style_mixing", "component_mixing", "ema_half_life_kimg", "ema_rampup", "w_avg_decay", "w_avg_phases"),
        *("magnitude_half_life_kimg", "blur_init_sigma", "blur_fade_kimg", "recompute", "freeze_d"),
        *("augment", "augment_pipe", "augment_p", "ada_target", "ada_kimg", "ada_interval", "ada_max_p"),
    }
)

# Fields of `CodeTransformerConfig` -> their names in `VQGANConfig`, where the plain ones are those of images.
_RENAMED = {"num_layers": "transformer_layers", "num_heads": "transformer_heads", "width": "transformer_width"}


@dataclass(frozen=True)
class VQGANConfig(CodingFields, GeneratorConfig):
    """Both stages: codes are drawn by the transformer and decoded by the autoencoder.

    The fields are those of `AutoencoderConfig`, `CodeTransformerConfig` and `CodeSampling`, which are made of them;
    both stages share the number of codes. With `transformer_layers` 0 there is no transformer: such a model makes
    reconstructions, and draws nothing. `num_positions` None stands for one per code.

    A latent has one number per code. There is no w: what is between two rows of codes is no image.

    Example:

    >>> config = gf.config.VQGANConfig(resolution=64, channel_multipliers=(1, 2, 2), num_codes=512)
    >>> config.autoencoder.num_codes, config.transformer.num_tokens
    (512, 256)
    """

    transformer_layers: int = 24
    transformer_heads: int = 16
    transformer_width: int = 1024
    num_positions: int | None = None
    shared_condition: bool = False
    start_code: int = 0
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    residual_dropout: float = 0.0
    token_keep: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    family: str = "vqgan"

    # fields of other families that say nothing here
    latent_size: ClassVar[int] = 0  # type: ignore[misc]
    w_dim: ClassVar[None] = None  # type: ignore[misc]
    truncation_psi: ClassVar[float] = 1.0  # type: ignore[misc]
    channel_base: ClassVar[int] = 0  # type: ignore[misc]
    channel_max: ClassVar[int] = 0  # type: ignore[misc]

    network: ClassVar[str] = "gansformer_tf.models.vqgan.generator:VQGAN"
    training: ClassVar[str] = "gansformer_tf.training.vqgan.step:make_step"
    has_w: ClassVar[bool] = False
    reconstructs: ClassVar[bool] = True
    trained_in_stages: ClassVar[bool] = True
    discriminators: ClassVar[tuple[str, ...]] = ("patch",)
    unread_settings: ClassVar[frozenset[str]] = UNREAD_SETTINGS

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("vqgan",))
        self._validate_size()
        require(
            self.transformer_layers >= 0,
            f"transformer_layers is {self.transformer_layers}; use 0 for a model of the first stage alone.",
        )
        _ = self.autoencoder, self.transformer  # their rules
        self.sampling.check(self.num_codes)

    @classmethod
    def of(
        cls,
        autoencoder: AutoencoderConfig,
        transformer: CodeTransformerConfig | None = None,
        sampling: CodeSampling | None = None,
    ) -> VQGANConfig:
        """The configuration of two stages, or with None of the first one alone.

        Raises:
            ConfigError: They do not fit, or the image has a size that no generator here draws.
        """
        first = to_dict(autoencoder)
        values = geometry((first.pop("height"), first.pop("width"))) | first | to_dict(sampling or CodeSampling())
        if transformer is None:
            return cls(**values, transformer_layers=0)
        second = to_dict(transformer)
        codes, tokens, (rows, columns) = second.pop("num_codes"), second.pop("num_tokens"), autoencoder.grid
        require(
            codes == autoencoder.num_codes,
            f"the transformer predicts {codes} codes; the codebook has {autoencoder.num_codes}. Train it on the codes "
            "of this autoencoder, or set both to one number.",
        )
        require(
            tokens == rows * columns,
            f"the transformer predicts {tokens} tokens; an image of {autoencoder.height}x{autoencoder.width} has "
            f"{rows}x{columns} codes. Set num_tokens to {rows * columns}.",
        )
        for theirs, ours in _RENAMED.items():
            values[ours] = second.pop(theirs)
        return cls(**values, **second)

    @property
    def autoencoder(self) -> AutoencoderConfig:
        """The first stage."""
        return AutoencoderConfig(**self._shared_with(AutoencoderConfig))

    @property
    def transformer(self) -> CodeTransformerConfig | None:
        """The second stage, or None where there is none."""
        if not self.transformer_layers:
            return None
        values = self._shared_with(CodeTransformerConfig) | {
            theirs: getattr(self, ours) for theirs, ours in _RENAMED.items()
        }
        values["num_tokens"] = self.num_tokens
        if self.num_positions is None:
            values["num_positions"] = self.num_tokens
        return CodeTransformerConfig(**values)

    @property
    def sampling(self) -> CodeSampling:
        """How codes are drawn."""
        return CodeSampling(**self._shared_with(CodeSampling))

    def _shared_with(self, cls: type) -> dict[str, Any]:
        """Values of the fields of another configuration that are here under the same name."""
        names = (field.name for field in dataclasses.fields(cls))
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @property
    def num_tokens(self) -> int:
        """Codes of an image."""
        rows, columns = self.autoencoder.grid
        return rows * columns

    @property
    def latent_dim(self) -> int:
        """Numbers of a latent: one for each code."""
        return self.num_tokens

    @property
    def drawn_with(self) -> dict[str, Any]:
        return to_dict(self.sampling)
