"""Configuration of the two networks: plain data, no framework imported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import nested, require, require_choice, require_positive, require_probability
from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.image import ImageConfig
from gansformer_tf.config.stylegan3 import StyleGAN3Config

ARCHITECTURES = ("orig", "skip", "resnet")
NORMALIZATIONS = (None, "batch", "instance", "layer")
INTEGRATIONS = ("add", "mul", "both")
ATTENTION_FORMS = ("code", "paper")
POSITION_TYPES = ("linear", "sinus", "trainable", "trainable2d")
POSITION_INITS = ("uniform", "normal")
MERGE_TYPES = ("sum", "softmax", "max", "leaves")
LATENT_NORMALIZATIONS = ("components", "all")
LABEL_EMBEDDINGS = ("linear", "normalized")
FINAL_CONVS = ("shared", "own")


@dataclass(frozen=True)
class AttentionConfig(ImageConfig):
    """What the attention of generator and discriminator have in common.

    `attention_start` and `attention_end` are base-2 logarithms of the resolution: attention is active at
    stages r with `attention_start <= r < attention_end`.
    """

    transformer: bool = False
    num_components: int = 1
    latent_size: int = 512
    num_heads: int = 1
    attention_start: int = 0
    attention_end: int = 8
    attention_dropout: float = 0.12
    latent_gate: bool = False
    image_gate: bool = False
    latent_self_attention: bool = False
    image_self_attention: int = 0
    use_pos: bool = False
    pos_dim: int | None = None
    pos_type: str = "sinus"
    pos_init: str = "uniform"
    pos_directions: int = 2
    # "paper": the equations of the paper; "code": what the published code computes, see COMPATIBILITY.md
    attention_form: str = "code"
    # reproduces the numbers of the original where it is broken; for its snapshots only, see COMPATIBILITY.md
    original_behaviour: bool = False

    # exponent of the smallest stage that can attend
    first_level: ClassVar[int] = 2

    @property
    def latent_dim(self) -> int:
        """Size of one latent component (of one aggregator in the discriminator)."""
        return self.latent_size // self.num_components

    @property
    def position_dim(self) -> int:
        """Size of the positional encoding."""
        return self.pos_dim if self.pos_dim is not None else self.latent_dim

    def attends_at(self, level: int) -> bool:
        """Whether the stage at resolution `2 ** level` has attention between components and image."""
        return self.transformer and self.attention_start <= level < self.attention_end

    def self_attends_at(self, level: int) -> bool:
        """Whether the stage at resolution `2 ** level` attends between image positions (SAGAN)."""
        return self.image_self_attention > 0 and level == self.image_self_attention

    def _validate_attention(self) -> None:
        self._validate_image()
        require_positive("num_components", self.num_components)
        require_positive("latent_size", self.latent_size)
        require(
            self.latent_size % self.num_components == 0,
            f"latent_size {self.latent_size} is not divisible by num_components {self.num_components}; "
            f"choose a multiple, for example --latent-size {self._nearest_latent_size()}.",
        )
        require_positive("num_heads", self.num_heads)
        require_probability("attention_dropout", self.attention_dropout)
        require_choice("pos_type", self.pos_type, POSITION_TYPES)
        require_choice("pos_init", self.pos_init, POSITION_INITS)
        require_choice("attention_form", self.attention_form, ATTENTION_FORMS)
        require_positive("pos_directions", self.pos_directions)
        if self.pos_dim is not None:
            require_positive("pos_dim", self.pos_dim)
        stages = f"{self.first_level} ({2**self.first_level}x{2**self.first_level}) to {self.resolution_log2}"
        require(
            self.image_self_attention == 0 or self.image_self_attention in self._levels,
            f"image self-attention is asked for at exponent {self.image_self_attention}; stages go from {stages} "
            f"({self.resolution}x{self.resolution}), and 0 switches it off.",
        )
        require(
            not self.transformer or any(self.attends_at(level) for level in self._levels),
            f"the attention range {self.attention_start}..{self.attention_end} leaves no attended layer at "
            f"resolution {self.resolution}; stages go from {stages}, and the range ends before its last number.",
        )
        if self.use_pos and (self.transformer or self.image_self_attention):
            self._validate_position_dim()

    @property
    def _levels(self) -> range:
        """Stages that can attend."""
        return range(self.first_level, self.resolution_log2 + 1)

    def _validate_channel_heads(self) -> None:
        for level in self._levels:
            if self.attends_at(level) or self.self_attends_at(level):
                self._validate_heads(self.channels_at(level), f"channels at {2**level}x{2**level}")

    def _validate_heads(self, size: int, what: str) -> None:
        require(
            size % self.num_heads == 0,
            f"num_heads {self.num_heads} does not divide the {size} {what}; choose a divisor.",
        )

    def _validate_position_dim(self) -> None:
        units = {
            "sinus": 4 if self.pos_directions == 2 else 2 * self.pos_directions,
            "linear": self.pos_directions,
            "trainable": 2,
            "trainable2d": 1,
        }
        unit = units[self.pos_type]
        require(
            self.position_dim >= unit,
            f"pos_dim {self.position_dim} is too small for {self.pos_directions} directions of type "
            f"{self.pos_type!r}; it needs at least {unit}.",
        )

    def _nearest_latent_size(self) -> int:
        return max(1, round(self.latent_size / self.num_components)) * self.num_components


@dataclass(frozen=True)
class GeneratorConfig(AttentionConfig):
    """Mapping and synthesis network of the generator.

    The defaults are those of the original command line, which is a StyleGAN2 generator; presets turn it into
    a GANsformer. `merge_layer` is the base-2 logarithm of the resolution at which k-GAN merges its images
    (-1: at the output).
    """

    # mapping network
    mapping_layers: int = 8
    mapping_dim: int | None = None
    mapping_lr_multiplier: float = 0.01
    mapping_residual: bool = False
    mapping_shared_dim: int = 0
    mapping_self_attention: bool = False
    # width between the dense layers of the plain form; mapping_dim projects linearly before and behind instead
    mapping_hidden_dim: int | None = None
    # gates of the attention in the mapping network; None: as latent_gate
    mapping_latent_gate: bool | None = None
    # size of one vector of w; None: that of one latent
    w_dim: int | None = None
    normalize_latents: bool = True
    # over the features of each "components" latent, or over "all" of them together
    latent_normalization: str = "components"
    normalize_global: bool = False
    # "linear": without bias, in front of the normalisation of every latent; "normalized": with bias, normalised by
    # itself and appended to the global latent (to every latent without attention)
    label_embedding: str = "linear"
    label_embedding_dim: int | None = None
    component_dropout: float = 0.0
    # synthesis network
    architecture: str = "skip"
    tanh: bool = False
    style: bool = True
    latent_stem: bool = False
    local_noise: bool = True
    # largest absolute value behind each activation, or None
    conv_clamp: float | None = None
    # one more convolution at the full resolution: "shared" has it where attention reaches that far and gives it the w
    # of the layer before; "own" always has it, with an entry of w of its own
    final_conv: str = "shared"
    # attention
    # with use_pos: a learned embedding tells the components apart; False encodes positions of the image only
    component_positions: bool = True
    # every layer has its own encoding of the image positions, instead of one per resolution
    positions_per_layer: bool = False
    attention_normalization: str | None = None
    integration: str = "add"
    kmeans: bool = False
    kmeans_iterations: int = 1
    iterative: bool = False
    image_to_latent: bool = False
    # k-GAN
    kgan: bool = False
    merge_layer: int = -1
    merge_type: str = "softmax"
    merge_same: bool = False
    # truncation applied when nothing else is asked for
    truncation_psi: float = 0.7
    family: str = "gansformer"

    # phases of a training step that move the average w
    w_average_phases: ClassVar[tuple[str, ...]] = ("G", "D")
    # entries at the front of w's layers that no layer reads
    unread_layers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("gansformer",))
        self._validate_attention()
        require_choice("architecture", self.architecture, ARCHITECTURES)
        require_choice("attention_normalization", self.attention_normalization, NORMALIZATIONS)
        require_choice("integration", self.integration, INTEGRATIONS)
        require_choice("merge_type", self.merge_type, MERGE_TYPES)
        require(self.mapping_layers >= 1, f"mapping_layers is {self.mapping_layers}; at least 1 layer is needed.")
        require_positive("mapping_lr_multiplier", self.mapping_lr_multiplier)
        self._validate_mapping_sizes()
        require_choice("latent_normalization", self.latent_normalization, LATENT_NORMALIZATIONS)
        require_choice("label_embedding", self.label_embedding, LABEL_EMBEDDINGS)
        require_choice("final_conv", self.final_conv, FINAL_CONVS)
        require_probability("component_dropout", self.component_dropout)
        require(
            self.kmeans_iterations >= 1,
            f"kmeans_iterations is {self.kmeans_iterations}; at least 1 is needed (use kmeans=False for simplex).",
        )
        require(
            self.transformer or self.kgan or self.num_components == 1,
            f"num_components is {self.num_components} but neither transformer nor kgan is on; "
            "add --transformer or --kgan, or use one component.",
        )
        require(not (self.transformer and self.kgan), "transformer and kgan cannot be combined; choose one of them.")
        self._validate_channel_heads()
        latents_attend = self.mapping_self_attention or self.latent_self_attention or self.image_to_latent
        if latents_attend or (self.transformer and self.kmeans and self.attention_form == "paper"):
            for size in (self.latent_dim, self.style_dim):
                self._validate_heads(size, "features of a latent, which attends too")
        if self.mapping_self_attention and self.mapping_dim is not None:
            self._validate_heads(self.mapping_dim, "features of the mapping network (mapping_dim)")
        if self.kgan and self.merge_layer != -1:
            require(
                2 <= self.merge_layer <= self.resolution_log2,
                f"merge_layer is {self.merge_layer}; it must be -1 (merge the output) or lie between 2 and "
                f"{self.resolution_log2} for resolution {self.resolution}.",
            )

    def _validate_mapping_sizes(self) -> None:
        for name in ("w_dim", "mapping_dim", "mapping_hidden_dim", "label_embedding_dim", "conv_clamp"):
            value = getattr(self, name)
            if value is not None:
                require_positive(name, value)
        require(
            self.mapping_dim is None or not self.mapping_shared_dim,
            f"mapping_dim is {self.mapping_dim} and mapping_shared_dim {self.mapping_shared_dim}; the components go "
            "through one of them, so leave the other out.",
        )
        if self.mapping_hidden_dim is not None:
            require(
                not (self.mapping_residual or self.mapping_shared_dim or self.mapping_dim),
                f"mapping_hidden_dim is {self.mapping_hidden_dim}; it sets the width of the plain form, so leave it "
                "out with mapping_residual, mapping_shared_dim and mapping_dim.",
            )

    @property
    def style_dim(self) -> int:
        """Size of one vector of w."""
        return self.w_dim if self.w_dim is not None else self.latent_dim

    @property
    def position_dim(self) -> int:
        """Size of the encoding of image positions."""
        return self.pos_dim if self.pos_dim is not None else self.style_dim

    @property
    def embeds_components(self) -> bool:
        """Whether a learned embedding tells the components apart."""
        return self.transformer and self.use_pos and self.component_positions

    @property
    def label_features(self) -> int:
        """Size of an embedded label; 0 without labels."""
        if not self.label_dim:
            return 0
        return self.label_embedding_dim if self.label_embedding_dim is not None else self.latent_dim

    @property
    def mapping_gate(self) -> bool:
        """Whether the attention of the mapping network is gated."""
        return self.latent_gate if self.mapping_latent_gate is None else self.mapping_latent_gate

    @property
    def num_latents(self) -> int:
        """Number of z vectors: the components and, with attention, the global latent behind them."""
        return self.num_components + 1 if self.transformer else self.num_components

    @property
    def merge_level(self) -> int:
        """Base-2 logarithm of the resolution at which k-GAN merges its pictures."""
        return self.resolution_log2 if self.merge_layer == -1 else self.merge_layer

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w: `2 * log2(resolution) - 1`, one more with a final convolution of its own."""
        return 2 * self.resolution_log2 - 1 + (self.final_conv == "own")


@dataclass(frozen=True)
class DiscriminatorConfig(AttentionConfig):
    """Discriminator; `transformer` adds aggregators that collect from the image."""

    architecture: str = "resnet"
    # samples per group of the minibatch standard deviation: None takes all images of a call, 0 leaves it out
    mbstd_group_size: int | None = 4
    mbstd_num_features: int = 1
    # largest absolute value behind each activation of a convolution, or None
    conv_clamp: float | None = None
    # score = features of this size times a mapping of the label (projection discriminator); None: one score per class
    cmap_dim: int | None = None
    cmap_layers: int = 8
    # the image listens to the aggregators as well
    latent_to_image: bool = False
    # aggregators start from a table of their own, not from the embedding that tells them apart
    separate_aggregators: bool = False

    first_level: ClassVar[int] = 3  # its last convolution, at 4x4, has no attention

    def __post_init__(self) -> None:
        self._validate_attention()
        if self.transformer or self.image_self_attention:
            self._validate_heads(self.latent_dim, "features of an aggregator")
        if self.transformer and self.latent_to_image:
            self._validate_channel_heads()
        require_choice("architecture", self.architecture, ARCHITECTURES)
        require(
            self.mbstd_group_size is None or self.mbstd_group_size >= 0,
            f"mbstd_group_size is {self.mbstd_group_size}; use 0 to switch it off.",
        )
        require_positive("mbstd_num_features", self.mbstd_num_features)
        if self.has_mbstd:
            sizes = {"channels at 4x4": self.channels_at(2)}
            if self.transformer:
                sizes["features of an aggregator"] = self.latent_dim
            for what, size in sizes.items():
                require(
                    size % self.mbstd_num_features == 0,
                    f"mbstd_num_features {self.mbstd_num_features} does not divide the {size} {what}; "
                    "choose a divisor.",
                )
        for name in ("conv_clamp", "cmap_dim"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require(
            self.cmap_dim is None or self.label_dim > 0,
            f"cmap_dim is {self.cmap_dim}, the size of mapped labels, but label_dim is 0; leave cmap_dim out.",
        )
        require(self.cmap_layers >= 1, f"cmap_layers is {self.cmap_layers}; at least 1 layer is needed.")

    @property
    def has_mbstd(self) -> bool:
        """Whether there is a minibatch standard deviation."""
        return self.mbstd_group_size is None or self.mbstd_group_size > 1

    @property
    def label_scores(self) -> int:
        """Outputs of the last dense layer: one score, one per class, or features that are multiplied with the label."""
        return self.cmap_dim if self.cmap_dim is not None else max(self.label_dim, 1)

    def check_batch(self, batch_size: int, of: int | None = None) -> None:
        """Raises `ConfigError` when a batch cannot be split into minibatch-stddev groups.

        Args:
            batch_size: Images that go through the network at once.
            of: Size of the batch that they are a part of (None: they are all of it). Its groups must stay whole in the
                parts, or the update would depend on the cut.
        """
        if self.mbstd_group_size is None:
            return
        group = min(self.mbstd_group_size, batch_size if of is None else of)
        require(
            of is None or of <= batch_size or group == 0 or batch_size % group == 0,
            f"--batch-gpu {batch_size} cuts the minibatch-stddev groups of {group} images, so that the update would "
            f"depend on it; give --batch-gpu a multiple of {group}, or choose an --mbstd-group-size that divides "
            f"{batch_size}.",
        )
        require(
            group == 0 or batch_size % group == 0,
            f"batch size {batch_size} is not divisible by the minibatch-stddev group of {self.mbstd_group_size}; "
            f"use a multiple of {self.mbstd_group_size} or at most {self.mbstd_group_size}.",
        )


# Configurations of generators; in JSON the key `family` tells them apart, and without it the first is meant.
GENERATOR_FAMILIES: dict[str, type] = {
    "gansformer": GeneratorConfig,
    "stylegan3": StyleGAN3Config,
    "creps": CREPSConfig,
}
AnyGeneratorConfig = GeneratorConfig | StyleGAN3Config | CREPSConfig


@dataclass(frozen=True)
class ModelConfig:
    """Both networks; their geometry must agree."""

    generator: AnyGeneratorConfig = nested(GeneratorConfig, GENERATOR_FAMILIES)
    discriminator: DiscriminatorConfig = nested(DiscriminatorConfig)

    def __post_init__(self) -> None:
        for field in ("resolution", "base_height", "base_width", "image_channels", "label_dim"):
            ours, theirs = getattr(self.generator, field), getattr(self.discriminator, field)
            require(
                ours == theirs,
                f"{field} is {ours} in the generator and {theirs} in the discriminator; they must be equal.",
            )

    def with_images(self, **geometry: int) -> ModelConfig:
        """A copy with another image geometry (`resolution`, `base_height`, `image_channels`, `label_dim`, ...)."""
        return ModelConfig(
            dataclasses.replace(self.generator, **geometry),  # type: ignore[arg-type]
            dataclasses.replace(self.discriminator, **geometry),  # type: ignore[arg-type]
        )
