"""The contract of a generator: what every family does, and the rest of the package relies on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GeneratorConfig, from_dict, to_dict
from gansformer_tf.config.base import family_of
from gansformer_tf.config.families import GENERATOR_FAMILIES
from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.layers.checks import check_input
from gansformer_tf.models.blocks import BlockRunner
from gansformer_tf.models.style_kernels import StyleKernel
from gansformer_tf.models.summary import Layer, Row, summary_rows
from gansformer_tf.ops import SeedStream
from gansformer_tf.ops.random import seed_generator, stream

# What a VQGAN has in the place of projection and viewer.
RECONSTRUCTIONS = "look at its reconstructions and completions instead: run_network.py --vis"


def require_w(config: GeneratorConfig, what: str, remedy: str = "leave it out") -> None:
    """Raises `ValueError` for what moves w ("truncation was") where a family has none."""
    if not config.has_w:
        raise ValueError(f"{what} asked for; a {config.family} generator has no w, so {remedy}.")


class Generator(keras.Model):
    """Latents to images in two steps: `map` makes w, `synthesize` draws it; the call does both.

    A family derives from this class, and its configuration from `GeneratorConfig`, which says what it can do. It
    implements `_make_networks`, `_map`, `synthesize` and `_layers_of_summary`, and where it takes noise `noise_shapes`.

    Args:
        config: Configuration of the family.

    Call arguments:
        z: Latents `[batch, num_latents, latent_dim]`, standard normal.
        labels: One-hot `[batch, label_dim]`, or None for a model without labels.
        truncation_psi: Strength of the truncation trick, one number or one per image, `[batch]`; 1 switches it off.
        truncation_cutoff: Number of layers that are truncated; None: all.
        noise_mode: "random", "const" or "none".
        noise: Noise of every layer, a list of `[batch, height, width, maps]` as `noise_shapes` says; with "random"
            it is drawn if not given.
        training: Switches dropout on.
        rng: Seed of everything random in the call, an int or `SeedStream`: the same seed gives the same images. None
            takes the next seed of the model's own `keras.random.SeedGenerator`.
        return_attention: Also return the attention maps.

    Returns:
        Images `[batch, height, width, image_channels]` in about [-1, 1], float32. With `return_attention`:
        (images, maps), maps a list over attended layers of `[batch, heads, h, w, k]`.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        kwargs.setdefault("name", "generator")
        super().__init__(**kwargs)
        self.config = config
        self.seed_generator = seed_generator()
        self._make_networks()
        self.build(None)

    # what a family implements

    def _make_networks(self) -> None:
        """Sets `mapping` and `synthesis`, unbuilt: built in `build`, their weights have names of their own."""
        raise NotImplementedError

    def _map(self, z: Any, labels: Any, training: bool, rng: SeedStream, **shared: Any) -> Any:
        """w of one layer, `[batch, num_latents, style_dim]`, from checked latents in the dtype of the computation."""
        raise NotImplementedError

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
    ) -> Any:
        """w `[batch, num_latents, num_layers, style_dim]` to images; see the class for the other arguments.

        With the capabilities of its configuration a family also takes
        transform: (`takes_transform`) Inverse of the wanted motion of the image, `[3, 3]` or `[batch, 3, 3]`, in units
            of its sides.
        rows, columns: (`draws_any_size`) Coordinates of the rows `[height]` and columns `[width]` to draw.
        magnitude_decay: (`tracks_magnitudes`) See `StyleGAN3Generator`; images and magnitudes are returned.
        """
        raise NotImplementedError

    def _layers_of_summary(self) -> Iterator[Layer]:
        """(name, variables, output shape) of every part, in the order of computation."""
        raise NotImplementedError

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """(height, width, maps) of the noise of each layer; empty for a generator without noise."""
        return []

    def style_kernels(self) -> Iterator[StyleKernel]:
        """The kernels that read w, in the order of computation; none where there is no w."""
        return iter(())

    def shared_draws(self, batch_size: int, rng: Any) -> dict[str, Any]:
        """What is drawn once per image in training, and given to both `map` and `synthesize`, by argument."""
        return {}

    def run_blocks_with(self, run: BlockRunner) -> None:
        """Lets `run(block, x, **arguments)` call the blocks of the synthesis, as a trainer that recomputes them does.

        A family whose synthesis has no such blocks keeps its features.
        """

    # what all families have in common

    def build(self, input_shape: Any = None) -> None:
        if self.config.has_w:
            size = (self.config.style_dim,)
            self.w_avg = self.add_weight(shape=size, initializer="zeros", trainable=False, name="w_avg")
        for network in (self.mapping, self.synthesis):
            if not network.built:
                network.build(None)
        self.built = True

    def draw_with(self, **settings: Any) -> None:
        """Changes settings of drawing that the family has of its own: those of `drawn_with` of its configuration.

        Raises:
            ValueError: The family has no such setting, or the value breaks a rule.
        """
        for name, value in settings.items():
            if name not in self.config.drawn_with:
                raise ValueError(
                    f"{name} {value} was asked for; a {self.config.family} generator has none, leave it out."
                )
        self.config = dataclasses.replace(self.config, **settings)

    def summary_rows(self) -> list[Row]:
        """Rows (layer, parameters, output shape, weight shape) for a table."""
        return summary_rows(self._layers_of_summary())

    def sample_noise(self, batch_size: Any, rng: Any = None) -> list[Any]:
        """Standard normal noise for every layer, as `call` takes it."""
        rng = self._stream(rng)
        return [rng.normal((batch_size, *shape)) for shape in self.noise_shapes]

    def map(
        self,
        z: Any,
        labels: Any = None,
        truncation_psi: Any = 1.0,
        truncation_cutoff: int | None = None,
        training: bool = False,
        rng: Any = None,
        **shared: Any,
    ) -> Any:
        """Latents to w; `shared` are those of `shared_draws`.

        Returns:
            `[batch, num_latents, num_layers, style_dim]`: one copy of w per layer, truncated where asked.

        Raises:
            ValueError: The latents or labels have another shape than the configuration says.
        """
        config = self.config
        check_input(z, ("batch", config.num_latents, config.latent_dim), "this generator", "z has")
        w = self._map(ops.cast(z, self.compute_dtype), labels, training, self._stream(rng), **shared)
        w = ops.repeat(ops.cast(w, "float32")[:, :, None], config.num_layers, axis=2)
        return self.truncate(w, truncation_psi, truncation_cutoff)

    def truncate(self, w: Any, psi: Any = 1.0, cutoff: int | None = None) -> Any:
        """Truncation trick (StyleGAN, appendix B): `w_avg + psi (w - w_avg)` for the first `cutoff` layers.

        Args:
            w: `[batch, num_latents, num_layers, style_dim]`.
            psi: One number, `[batch]` for one per image, or `[batch, num_latents]`; where it is 1, w stays as it is.
            cutoff: Number of layers; None: all.

        Raises:
            ValueError: psi is not 1, and this is a family without w.
        """
        if isinstance(psi, (int, float)) and psi == 1.0:
            return w
        require_w(self.config, "truncation was")
        psi = ops.cast(psi, "float32")
        while 0 < len(psi.shape) < 4:
            psi = psi[..., None]
        kept = psi == 1.0
        if cutoff is not None:
            kept = ops.logical_or(kept, (ops.arange(self.config.num_layers) >= cutoff)[:, None])
        w_avg = ops.cast(ops.convert_to_tensor(self.w_avg), "float32")
        return ops.where(kept, w, w_avg + psi * (w - w_avg))

    def call(
        self,
        z: Any,
        labels: Any = None,
        truncation_psi: Any = 1.0,
        truncation_cutoff: int | None = None,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
    ) -> Any:
        rng = self._stream(rng)
        shared = {"training": training, "rng": rng}
        if training:
            shared |= self.shared_draws(ops.shape(z)[0], rng)
        w = self.map(z, labels, truncation_psi, truncation_cutoff, **shared)
        return self.synthesize(w, noise_mode=noise_mode, noise=noise, return_attention=return_attention, **shared)

    def _check_synthesis(self, w: Any, noise_mode: str, noise: Any = None, return_attention: bool = False) -> None:
        """Raises ValueError for another w, an unknown noise mode, and what the configuration says is lacking."""
        config = self.config
        shape = ("batch", config.num_latents, config.num_layers, config.style_dim)
        check_input(w, shape, "this generator", "w has")
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode is {noise_mode!r}; it must be one of: {', '.join(NOISE_MODES)}.")
        if noise and not self.config.takes_noise:
            raise ValueError(f"noise was given; a {self.config.family} generator takes none.")
        if return_attention and not self.config.has_attention:
            raise ValueError(f"attention maps were asked for; a {self.config.family} generator has none.")

    def _stream(self, rng: Any) -> SeedStream:
        return stream(rng, self.seed_generator)

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (input_shape[0], self.config.height, self.config.width, self.config.image_channels)

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Generator:
        values = config["config"]
        chosen: type[GeneratorConfig] = family_of(values, GENERATOR_FAMILIES) or GENERATOR_FAMILIES["gansformer"]
        return cls(from_dict(chosen, values), name=config["name"], dtype=config["dtype"])
