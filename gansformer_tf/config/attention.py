"""Configuration of the attention that generator and discriminator have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive, require_probability
from gansformer_tf.config.image import ImageConfig

ARCHITECTURES = ("orig", "skip", "resnet")
ATTENTION_FORMS = ("code", "paper")
POSITION_TYPES = ("linear", "sinus", "trainable", "trainable2d")
POSITION_INITS = ("uniform", "normal")


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
