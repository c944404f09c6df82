"""What the package asks every family of generators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from gansformer_tf.config.image import ImageConfig

# Truncation where a family has w and nothing else is asked for.
DEFAULT_PSI = 0.7

# Noise of the synthesis layers: drawn (from the seed of an image), fixed as the model stores it, or left out.
NOISE_MODES = ("random", "const", "none")


@dataclass(frozen=True)
class GeneratorConfig(ImageConfig):
    """Base of the configurations of all families.

    A family adds its fields, with `family` as its name, and says here what its networks are and can do: nothing else
    in the package asks for a family by name. Its line in `GENERATOR_FAMILIES` makes it known.

    `latent_size` counts the numbers of z, over all latents. `w_dim` is the size of one vector of w (None: that of one
    latent), `truncation_psi` the truncation that is applied when nothing else is asked for.
    """

    latent_size: int = 512
    w_dim: int | None = None
    truncation_psi: float = DEFAULT_PSI
    family: str = ""

    # "module:class" of the generator, a `gansformer_tf.models.base.Generator`; imported when one is built
    network: ClassVar[str]
    # "module:function" that makes the step of its training, a `gansformer_tf.training.phased.PhasedStep`
    training: ClassVar[str] = "gansformer_tf.training.step:make_step"

    # whether `map` gives vectors that can be averaged, mixed and moved between; else only `synthesize` can read them
    has_w: ClassVar[bool] = True
    # whether it can draw an image again that it is shown (`reconstruct`)
    reconstructs: ClassVar[bool] = False
    # families of discriminators that it is trained against, whether a run has stages (`config.stages`), and fields of
    # `TrainConfig` that its training does not read
    discriminators: ClassVar[tuple[str, ...]] = ("stylegan2", "projected")
    trained_in_stages: ClassVar[bool] = False
    unread_settings: ClassVar[frozenset[str]] = frozenset()
    # what `synthesize` takes beside w: a motion of the image, and the coordinates of the rows and columns to draw
    takes_transform: ClassVar[bool] = False
    draws_any_size: ClassVar[bool] = False
    # whether `synthesize` with `magnitude_decay` returns averages that training keeps
    tracks_magnitudes: ClassVar[bool] = False
    # whether images have the same bits with and without a graph, as far as was seen
    draws_alike_eagerly: ClassVar[bool] = False
    # phases of a training step that move the average w
    w_average_phases: ClassVar[tuple[str, ...]] = ("D",)
    # entries at the front of w's layers that no layer reads
    unread_layers: ClassVar[int] = 0

    @property
    def takes_noise(self) -> bool:
        """Whether there are layers that take noise; every noise mode draws the same image without."""
        return False

    @property
    def has_attention(self) -> bool:
        """Whether `synthesize` can return attention maps of the components."""
        return False

    @property
    def drawn_with(self) -> dict[str, Any]:
        """Settings of drawing that are the family's own, JSON-ready; images depend on them."""
        return {}

    @property
    def num_components(self) -> int:
        """Vectors of w that stand for components of the image; they come before a global one, if there is any."""
        return 1

    @property
    def num_latents(self) -> int:
        """Number of vectors of z, and of w for one layer."""
        return 1

    @property
    def latent_dim(self) -> int:
        """Size of one vector of z."""
        return self.latent_size

    @property
    def style_dim(self) -> int:
        """Size of one vector of w."""
        return self.w_dim if self.w_dim is not None else self.latent_dim

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w."""
        return 1
