"""A trained generator with everything that draws with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansformer_tf.api.sources import ModelFile, model_file
from gansformer_tf.config.project import TUNE_STEPS, ProjectConfig
from gansformer_tf.drawing.directions import Directions, directions
from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.models.base import require_w
from gansformer_tf.models.snapshot import Snapshot, load_snapshot, save_snapshot

if TYPE_CHECKING:
    from gansformer_tf.edit.components import Edited
    from gansformer_tf.edit.project import Projected

Maps = list[np.ndarray]


class Model:
    """Images from seeds, latents and w of one trained generator.

    A seed gives the image that `generate.py` draws from it, in whatever batch.

    Args:
        snapshot: The networks, as `gansformer_tf.load` reads them.
        batch_size: Images computed at once.
        file: Where it was read from.

    Attributes:
        generator: The Keras model.
        config: Its configuration.

    Example:

    >>> model = gf.load("scenes")
    >>> model.sample(range(8)).shape
    (8, 64, 64, 3)
    >>> w = model.map(model.z([1, 2]))
    >>> model.synthesize(w, seeds=[1, 2]).shape
    (2, 64, 64, 3)
    """

    def __init__(self, snapshot: Snapshot, batch_size: int = 8, file: ModelFile | None = None) -> None:
        self.snapshot = snapshot
        self.generator = snapshot.generator
        self.config = snapshot.generator.config
        self.batch_size = batch_size
        self.file = file
        # One for each way of drawing, because each compiles its graph once.
        self._samplers: dict[tuple[float | None, str], Sampler] = {}

    def z(self, seeds: Iterable[int]) -> np.ndarray:
        """Latents of seeds: float32 `[len(seeds), num_latents, latent_dim]`, standard normal.

        Raises:
            ValueError: A seed below 0 or above 2**32 - 1.
        """
        return self.sampler().latents(_seeds(seeds))

    def map(self, z: Any, labels: Sequence[int] | None = None, truncation_psi: float = 1.0) -> np.ndarray:
        """w of latents.

        Args:
            z: `[batch, num_latents, latent_dim]`.
            labels: A class number for each image of a model with labels; None for one without.
            truncation_psi: Quality against variety: 1 keeps w as it is, 0 gives the average w.

        Returns:
            float32 `[batch, num_latents, num_layers, style_dim]`.

        Raises:
            ValueError: Another shape than the model's, labels that do not fit it, or a family without w.
        """
        require_w(self.config, "w was")
        z = np.asarray(z, np.float32)
        if not z.size:
            raise ValueError(f"z has shape {z.shape}, so there is nothing to map; give one latent at least.")
        shape = (self.config.num_latents, self.config.latent_dim)
        if z.shape[1:] != shape:
            raise ValueError(f"z has shape {z.shape}; this model takes [batch, {shape[0]}, {shape[1]}].")
        if self.config.label_dim and labels is None:
            raise ValueError(f"this model has {self.config.label_dim} classes; give a class number for each image.")
        if labels is not None and len(labels) != len(z):
            raise ValueError(f"there are {len(labels)} labels for {len(z)} latents; give one for each.")
        one_hot = labels_from_seeds(range(len(z)), self.config.label_dim, labels)
        sampler = self.sampler()
        found = [
            sampler.map(z[part], None if one_hot is None else one_hot[part], truncation_psi)
            for part in sampler.parts(len(z))
        ]
        return np.concatenate(found)

    def synthesize(self, w: Any, seeds: Iterable[int] | None = None, attention: bool = False) -> Any:
        """Images of w.

        Args:
            w: `[batch, num_latents, num_layers, style_dim]`.
            seeds: Of the noise of each image; None: the model's fixed noise.
            attention: Whether to return attention maps too.

        Returns:
            uint8 `[batch, height, width, channels]`; with `attention` also, from coarse to fine, per attended layer
            float32 `[batch, heads, h, w, components]`.

        Raises:
            ValueError: Another shape than the model's, maps of a model that has none, or a family without w.
        """
        w = self._checked_w(w)
        chosen = _seeds_for(w, seeds)
        sampler = self.sampler(noise_mode="const" if chosen is None else "random")
        images, maps = [], []
        for part in sampler.parts(len(w)):
            noise = None if chosen is None else sampler.noise(chosen[part])
            drawn, found = sampler.synthesize(w[part], noise, attention)
            images.append(to_uint8(drawn))
            maps.append(found)
        return _joined(images, maps, attention)

    def sample(
        self,
        seeds: Iterable[int],
        truncation_psi: float | None = None,
        labels: Sequence[int] | None = None,
        noise_mode: str = "random",
        attention: bool = False,
    ) -> Any:
        """Images of seeds.

        Args:
            seeds: One for each image, 0 to 2**32 - 1.
            truncation_psi: Quality against variety, 0.6 to 1.0 for most models; None: 0.7 where the family has w.
            labels: Class numbers that the images take in turn; None: each seed draws its own.
            noise_mode: "random" (noise of the seed), "const" (the model's fixed noise) or "none".
            attention: Whether to return attention maps too.

        Returns:
            As `synthesize`.

        Raises:
            ValueError: A value out of its range, labels or maps of a model that has none.
        """
        chosen = _seeds(seeds)
        one_hot = labels_from_seeds(chosen, self.config.label_dim, labels)
        samples = list(self.sampler(truncation_psi, noise_mode).samples(chosen, one_hot, with_attention=attention))
        layers = range(len(samples[0].attention) if samples else 0)
        maps = [np.stack([sample.attention[layer] for sample in samples]) for layer in layers]
        height, width = self.config.height, self.config.width
        empty = np.empty((0, height, width, self.config.image_channels), np.uint8)
        images = np.stack([sample.pixels for sample in samples]) if samples else empty
        return (images, maps) if attention else images

    def _checked_w(self, w: Any) -> np.ndarray:
        """Raises ValueError for a family without w, and for w that is not this model's."""
        config = self.config
        require_w(config, "images of w were")
        w = np.asarray(w, np.float32)
        shape = (config.num_latents, config.num_layers, config.style_dim)
        if w.ndim != 4 or w.shape[1:] != shape or not len(w):
            raise ValueError(f"w has shape {w.shape}; this model takes [batch, {', '.join(map(str, shape))}].")
        if not np.isfinite(w).all():
            raise ValueError("w holds values that are no numbers; give finite ones.")
        return w

    def project(
        self,
        images: Any,
        steps: int = 500,
        space: str = "components",
        *,
        noise_maps: bool = False,
        tune: bool = False,
        progress: bool = True,
        proceed: Callable[[int], bool] = lambda done: True,
    ) -> Projected:
        """Finds w that draws your images.

        All latents are optimised from their means towards a perceptual distance and the distance of pixels. Ctrl-C ends
        it early and keeps what there is.

        Args:
            images: Files, folders of them, or uint8 arrays `[height, width, channels]`, brought to the model's size by
                the rules of `prepare_data.py`: the middle is cut out.
            steps: Of the optimisation.
            space: "components" (each latent alone), "w" (one vector that moves all latents) or "w+" (each latent, layer
                by layer).
            noise_maps: Whether the noise inputs are optimised too.
            tune: Whether a copy of the generator is then bent to the images (pivotal tuning).
            progress: Whether to show progress bars.
            proceed: Told the number of steps that are done; it ends the projection by returning False.

        Raises:
            ValueError: An image that cannot be used, or a family without w.

        Example:

        >>> model = gf.load("scenes")
        >>> found = model.project(model.sample([3]), steps=2, progress=False)
        >>> found.w.shape, found.psnr.shape
        ((1, 9, 11, 16), (1,))
        """
        from gansformer_tf.edit.project import project
        from gansformer_tf.edit.targets import read_targets

        config = ProjectConfig(steps=steps, space=space, noise_maps=noise_maps, tune_steps=TUNE_STEPS if tune else 0)
        return project(
            self.generator,
            read_targets(images, self.config),
            config,
            batch_size=self.batch_size,
            progress=progress,
            proceed=proceed,
        )

    def directions(
        self,
        method: str = "sefa",
        count: int = 5,
        component: int | None = None,
        layers: tuple[int, int] | None = None,
        names: Sequence[str] | None = None,
    ) -> Directions:
        """Directions in w along which images change, the strongest first.

        Args:
            method: "sefa": eigenvectors of the weights that read w in these layers (Shen and Zhou, 2021, "Closed-Form
                Factorization of Latent Semantics in GANs"); "ganspace": principal components of w (Härkönen et al.,
                2020).
            count: How many.
            component: The component whose w they move; None: the latent that modulates features, the global one where
                there are components.
            layers: (first, end) of the layers of w; None: all.
            names: One for each direction; None numbers them.

        Raises:
            ValueError: A family without w, an unknown method, component or layer, or layers that do not read it.

        Example:

        >>> gf.load("scenes").directions("ganspace", count=3, layers=(0, 4)).vectors.shape
        (3, 16)
        """
        return directions(self.generator, method, count, component, layers, names)

    def edit(
        self,
        w: Any,
        action: str,
        component: int | None = None,
        *,
        to: int | None = None,
        other: Any = None,
        mask: Any = None,
        seeds: Iterable[int] | None = None,
    ) -> Edited:
        """Images with one component changed, and how much of the change falls where it was meant.

        Args:
            w: `[batch, num_latents, num_layers, style_dim]`, of `map` or `project`.
            action: "take" (`component` of `other`), "remove" (`component` becomes its mean), "swap" (`component` and
                `to` change places), "duplicate" (`to` becomes as `component`) or "resample" (the component that most of
                the mask listens to is taken from `other`).
            component: Number of a component, from 0.
            to: Number of another one.
            other: w of one image, or of as many as `w`.
            mask: For "resample": `[height, width]`, not 0 where the image may change.
            seeds: Of the noise of each image; None: the model's fixed noise.

        Raises:
            ValueError: A model without attention, an unknown action or component, a mask of another size.

        Example:

        >>> model = gf.load("scenes")
        >>> w, other = model.map(model.z([0])), model.map(model.z([1]))
        >>> found = model.edit(w, "take", component=2, other=other)
        >>> found.images.shape, found.change.shape, found.components
        ((1, 64, 64, 3), (1, 64, 64), ((2,),))
        """
        from gansformer_tf.edit.components import edit
        from gansformer_tf.edit.spread import spread_of

        w = self._checked_w(w)
        chosen = _seeds_for(w, seeds)
        sampler = self.sampler(noise_mode="const" if chosen is None else "random")
        return edit(
            sampler,
            w,
            action,
            component=component,
            to=to,
            other=None if other is None else self._checked_w(other),
            mask=mask,
            mean=spread_of(self.generator).mean if action == "remove" else None,
            noise=None if chosen is None else sampler.noise(chosen),
        )

    def segment(self, w: Any, regions: int | None = None, seeds: Iterable[int] | None = None) -> np.ndarray:
        """Regions of images by their attention maps; nothing is trained.

        Args:
            w: `[batch, num_latents, num_layers, style_dim]`.
            regions: So many, by k-means over the maps of all layers, alike in all images; None: the components.
            seeds: Of the noise of each image; None: the model's fixed noise.

        Returns:
            uint8 `[batch, height, width]`, the number of each pixel's region.

        Raises:
            ValueError: A model without attention, or a number of regions outside 2 to 32.

        Example:

        >>> model = gf.load("scenes")
        >>> model.segment(model.map(model.z([0, 1])), regions=4).shape
        (2, 64, 64)
        """
        from gansformer_tf.edit.regions import cluster, masks

        images, maps = self.synthesize(w, seeds, attention=True)
        size = images.shape[1:3]
        return masks(maps, *size) if regions is None else cluster(maps, regions, *size)

    def sampler(self, truncation_psi: float | None = None, noise_mode: str = "random") -> Sampler:
        """What the functions of `gansformer_tf.visualize` draw with; its graphs are compiled once per model.

        Args:
            truncation_psi: Quality against variety; None: 0.7 where the family has w.
            noise_mode: "random" (noise of the seed), "const" (the model's fixed noise) or "none".

        Raises:
            ValueError: A value out of its range.

        Example:

        >>> sampler = gf.load("scenes").sampler()
        >>> gf.visualize.truncation_sweep(sampler, seed=0, psis=[0.0, 1.0])[0].shape
        (64, 64, 3)
        """
        chosen = (truncation_psi, noise_mode)
        if chosen not in self._samplers:
            self._samplers[chosen] = Sampler(
                self.generator, truncation_psi=truncation_psi, noise_mode=noise_mode, batch_size=self.batch_size
            )
        return self._samplers[chosen]

    def save(self, path: str | Path) -> Path:
        """Writes weights and configuration to one `.safetensors` file, nothing executable.

        Raises:
            ValueError: Another ending.
            FileExistsError: The file is there already.
            OSError: It cannot be written.

        Example:

        >>> gf.load("scenes").save("mine.safetensors").name
        'mine.safetensors'
        """
        path = Path(path).expanduser()
        if path.suffix != ".safetensors":
            raise ValueError(f"{path} does not end with .safetensors; give the file that ending.")
        if path.exists():
            raise FileExistsError(f"{path} is there already; remove it, or choose another name.")
        return save_snapshot(
            path,
            generator=self.generator,
            discriminator=self.snapshot.discriminator,
            config=self.snapshot.config,
            metadata=self.snapshot.metadata,
        )

    def push_to_hub(
        self, name: str, *, license: str | None = None, training_data: str = "", private: bool = False
    ) -> str:
        """Publishes the model on the hub: weights, configuration, samples and a model card, in one commit.

        The card names the training data and, for a model of a run folder, what was measured there with its manifest.
        Needs the extra `hub`, and somebody who is logged in (`hf auth login`, or the variable HF_TOKEN).

        Args:
            name: "user/name", or "user/name@branch"; the repository is made if there is none.
            license: Identifier of the licence of the weights, such as "mit"; None: the card says that none is stated.
            training_data: A sentence or more about the training data.
            private: Whether a repository that is made now can only be seen by its owner.

        Returns:
            The address of the commit.

        Raises:
            HubError: Nobody logged in, no right to write, no connection, or a name that is none.

        Example:

        >>> gf.load("results/scenes-000").push_to_hub("ann/scenes", license="mit")  # doctest: +SKIP
        """
        from gansformer_tf.hub.card import measured
        from gansformer_tf.hub.names import library, parse
        from gansformer_tf.hub.upload import SAMPLE_COUNT, push

        parse(name), library()  # both are told before anything is drawn
        return push(
            self.snapshot,
            self.sample(range(SAMPLE_COUNT)),
            name,
            metrics=measured(self.file.path if self.file else None),
            license=license,
            training_data=training_data,
            private=private,
        )


def load(name: str | Path, batch_size: int = 8) -> Model:
    """A trained model.

    Args:
        name: A run folder (its newest snapshot), a `.safetensors` snapshot, a `.pkl` file of another code base, which
            is imported once without running anything in it, the name of a model that ships with the package, such as
            "scenes", `gdrive:NAME` for a published one, or `hf://user/name[@revision]` for one on the hub.
        batch_size: Images that it computes at once.

    Raises:
        SnapshotError: There is none, or it cannot be read; the message says what to do.

    Example:

    >>> gf.load("scenes").sample([0, 1]).shape
    (2, 64, 64, 3)
    """
    file = model_file(name)
    return Model(load_snapshot(file.path), batch_size, file)


def _seeds(seeds: Iterable[int]) -> list[int]:
    if isinstance(seeds, (int, np.integer)):
        raise ValueError(f"seeds is the number {seeds}; give a list, such as [{seeds}] or range({max(int(seeds), 1)}).")
    return [int(seed) for seed in seeds]


def _seeds_for(w: np.ndarray, seeds: Iterable[int] | None) -> list[int] | None:
    """Seeds of the noise, checked to be one for each image; None: the model's fixed noise."""
    chosen = None if seeds is None else _seeds(seeds)
    if chosen is not None and len(chosen) != len(w):
        raise ValueError(f"there are {len(chosen)} seeds for {len(w)} images; give one for each.")
    return chosen


def _joined(images: list[np.ndarray], maps: list[Maps], attention: bool) -> Any:
    joined = np.concatenate(images)
    if not attention:
        return joined
    return joined, [np.concatenate(layer) for layer in zip(*maps, strict=True)]
