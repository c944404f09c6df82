"""Generator: mapping and synthesis network behind one call."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GeneratorConfig, from_dict, to_dict
from gansformer_tf.config.base import family_of
from gansformer_tf.config.model import GENERATOR_FAMILIES
from gansformer_tf.layers.noise import NOISE_MODES
from gansformer_tf.layers.positional import embedding_initializer
from gansformer_tf.models.mapping import MappingNetwork
from gansformer_tf.models.summary import generator_layers, summary_rows
from gansformer_tf.models.synthesis import SynthesisNetwork
from gansformer_tf.models.synthesis_layers import Flow
from gansformer_tf.ops import SeedStream


@keras.saving.register_keras_serializable("gansformer_tf")
class Generator(keras.Model):
    """Generator of GANsformer and of its baselines (StyleGAN2, GAN, SAGAN, k-GAN), chosen by the configuration.

    Args:
        config: `GeneratorConfig`.

    Call arguments:
        z: Latents `[batch, num_latents, latent_dim]`, standard normal; with attention the last is the global one.
        labels: One-hot `[batch, label_dim]`, or None for a model without labels.
        truncation_psi: Strength of the truncation trick; 1 switches it off.
        truncation_cutoff: Number of layers that are truncated; None: all.
        noise_mode: "random", "const" or "none".
        noise: Noise of every layer, a list of `[batch, height, width, maps]` as `noise_shapes` says; with "random"
            it is drawn from `rng` if not given.
        training: Switches dropout on.
        rng: Seed of everything random in the call, an int or `SeedStream`; needed for noise and dropout.
        return_attention: Also return the attention maps.

    Returns:
        Pictures `[batch, height, width, image_channels]` in about [-1, 1], float32. With `return_attention`:
        (pictures, maps), maps a list over attended layers of `[batch, heads, h, w, k]`.

    Example:

    >>> generator = Generator(GeneratorConfig(resolution=32, channel_max=16, latent_size=32))
    >>> z = keras.random.normal((2, generator.config.num_latents, generator.config.latent_dim))
    >>> generator(z, rng=0).shape
    TensorShape([2, 32, 32, 3])
    """

    # what `synthesize` takes beside w: a motion of the picture, coordinates of the lines to draw
    takes_transform = False
    draws_any_size = False
    # whether `synthesize` with `magnitude_decay` returns averages that training keeps
    tracks_magnitudes = False

    def __init__(self, config: Any, **kwargs: Any) -> None:
        kwargs.setdefault("name", "generator")
        super().__init__(**kwargs)
        self.config = config
        self.mapping = MappingNetwork(self._mapping_config(), name="mapping", dtype=self.dtype_policy)
        self.synthesis = self._make_synthesis()
        self.build(None)

    # other families of generators have these of their own

    def _mapping_config(self) -> GeneratorConfig:
        return self.config

    def _make_synthesis(self) -> Any:
        return SynthesisNetwork(self.config, name="synthesis", dtype=self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        self.w_avg = self.add_weight(shape=(config.style_dim,), initializer="zeros", trainable=False, name="w_avg")
        self.component_embedding = None
        if config.embeds_components:
            self.component_embedding = self.add_weight(
                shape=(config.num_components, config.style_dim),
                initializer=embedding_initializer(config.pos_init),
                name="component_embedding",
            )
        self.mapping.build(None)
        self.synthesis.build(None)
        self.built = True

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """(height, width, maps) of the noise of each layer; empty for a generator without local noise."""
        return self.synthesis.noise_shapes

    def summary_rows(self) -> list[tuple[str, int, str, str]]:
        """Rows (layer, parameters, output shape, weight shape) for a table."""
        return summary_rows(generator_layers(self))

    def sample_noise(self, batch_size: Any, rng: Any) -> list[Any]:
        """Standard normal noise for every layer, as `call` takes it."""
        rng = _stream(rng)
        return [rng.normal((batch_size, *shape)) for shape in self.noise_shapes]

    def map(
        self,
        z: Any,
        labels: Any = None,
        truncation_psi: Any = 1.0,
        truncation_cutoff: int | None = None,
        training: bool = False,
        rng: Any = None,
        component_mask: Any = None,
    ) -> Any:
        """Latents to w.

        Returns:
            `[batch, num_latents, num_layers, style_dim]`: one copy of w per layer, truncated where asked.

        Raises:
            ValueError: The latents or labels have another shape than the configuration says.
        """
        config = self.config
        if len(z.shape) != 3 or tuple(z.shape[1:]) != (config.num_latents, config.latent_dim):
            raise ValueError(
                f"z has shape {tuple(z.shape)}; "
                f"this generator takes [batch, {config.num_latents}, {config.latent_dim}]."
            )
        rng = _stream(rng)
        w = self.mapping(
            ops.cast(z, self.compute_dtype),
            labels=labels,
            positions=self._positions(),
            component_mask=component_mask,
            training=training,
            rng=rng,
        )
        w = ops.repeat(ops.cast(w, "float32")[:, :, None], config.num_layers, axis=2)
        return self.truncate(w, truncation_psi, truncation_cutoff)

    def truncate(self, w: Any, psi: Any = 1.0, cutoff: int | None = None) -> Any:
        """Truncation trick (StyleGAN, appendix B): `w_avg + psi (w - w_avg)` for the first `cutoff` layers."""
        if isinstance(psi, (int, float)) and psi == 1.0:
            return w
        layers = self.config.num_layers
        truncated = ops.arange(layers) < (layers if cutoff is None else cutoff)
        strength = ops.where(truncated, ops.cast(psi, "float32"), 1.0)[None, None, :, None]
        w_avg = ops.cast(ops.convert_to_tensor(self.w_avg), "float32")
        return w_avg + strength * (w - w_avg)

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
        component_mask: Any = None,
    ) -> Any:
        """w `[batch, num_latents, num_layers, style_dim]` to pictures; see the class for the other arguments."""
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode is {noise_mode!r}; it must be one of: {', '.join(NOISE_MODES)}.")
        rng = _stream(rng)
        if noise_mode != "random":
            noise = None
        elif noise is None:
            if rng is None and self.noise_shapes:
                raise ValueError("noise_mode 'random' needs rng (a seed) or noise; use noise_mode='const' without.")
            noise = self.sample_noise(ops.shape(w)[0], rng)
        flow = Flow(
            w=ops.cast(w, self.compute_dtype),
            noise_mode=noise_mode,
            noise=noise or None,
            positions=self._positions(),
            component_mask=component_mask,
            training=training,
            rng=rng,
        )
        images = ops.cast(self.synthesis(flow=flow), "float32")
        return (images, flow.maps) if return_attention else images

    def component_mask(self, batch_size: Any, rng: Any) -> Any:
        """Components that component dropout keeps, `[batch, k]`; a picture never loses all of them."""
        shape = (batch_size, self.config.num_components)
        keep = _stream(rng).uniform(shape) >= self.config.component_dropout
        return ops.cast(ops.logical_or(keep, ops.logical_not(ops.any(keep, axis=1, keepdims=True))), "float32")

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
        rng = _stream(rng)
        shared = {"training": training, "rng": rng}
        if training and self.config.component_dropout > 0.0 and self.config.transformer:
            shared["component_mask"] = self.component_mask(ops.shape(z)[0], rng)
        w = self.map(z, labels, truncation_psi, truncation_cutoff, **shared)
        return self.synthesize(w, noise_mode=noise_mode, noise=noise, return_attention=return_attention, **shared)

    def _positions(self) -> Any:
        if self.component_embedding is None:
            return None
        return ops.cast(ops.convert_to_tensor(self.component_embedding), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (input_shape[0], self.config.height, self.config.width, self.config.image_channels)

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Generator:
        values = config["config"]
        chosen: Any = family_of(values, GENERATOR_FAMILIES) or GeneratorConfig
        return cls(from_dict(chosen, values), name=config["name"], dtype=config["dtype"])


def _stream(rng: Any) -> Any:
    return rng if rng is None or isinstance(rng, SeedStream) else SeedStream(rng)
