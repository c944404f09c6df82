"""Configuration of the generator of GANsformer and of its baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.attention import ARCHITECTURES, AttentionConfig
from gansformer_tf.config.base import require, require_choice, require_positive, require_probability
from gansformer_tf.config.generator import GeneratorConfig

NORMALIZATIONS = (None, "batch", "instance", "layer")
INTEGRATIONS = ("add", "mul", "both")
MERGE_TYPES = ("sum", "softmax", "max", "leaves")
LATENT_NORMALIZATIONS = ("components", "all")
LABEL_EMBEDDINGS = ("linear", "normalized")
FINAL_CONVS = ("shared", "own")


@dataclass(frozen=True)
class GANsformerConfig(AttentionConfig, GeneratorConfig):
    """Mapping and synthesis network of the generator.

    The defaults are those of the original command line, which is a StyleGAN2 generator; presets turn it into
    a GANsformer. `merge_layer` is the base-2 logarithm of the resolution at which k-GAN merges its images
    (-1: at the output).

    Example:

    >>> config = gf.config.GANsformerConfig(resolution=64, transformer=True, num_components=8, latent_size=256)
    >>> config.num_latents, config.latent_dim, config.has_attention
    (9, 32, True)
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
    family: str = "gansformer"

    network: ClassVar[str] = "gansformer_tf.models.gansformer.generator:GANsformerGenerator"
    draws_alike_eagerly: ClassVar[bool] = True
    w_average_phases: ClassVar[tuple[str, ...]] = ("G", "D")
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
    def takes_noise(self) -> bool:
        """Whether there are layers that take noise."""
        return self.local_noise

    @property
    def has_attention(self) -> bool:
        """Whether image and components attend to each other."""
        return self.transformer

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
        """Base-2 logarithm of the resolution at which k-GAN merges its images."""
        return self.resolution_log2 if self.merge_layer == -1 else self.merge_layer

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w: `2 * log2(resolution) - 1`, one more with a final convolution of its own."""
        return 2 * self.resolution_log2 - 1 + (self.final_conv == "own")
