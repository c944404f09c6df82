"""What `generate.py` draws, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require
from gansformer_tf.config.project import TUNE_STEPS, ProjectConfig

EDITS = "take=C:SOURCE, remove=C, swap=C:C, duplicate=C:C or resample=SOURCE"


@dataclass(frozen=True)
class EditConfig:
    """An edit of a component: `action` with the numbers and the source that it takes.

    `source` is a seed, or a file of projected w. `mask` is an image file.
    """

    action: str
    component: int | None = None
    to: int | None = None
    source: int | str | None = None
    mask: str | None = None

    @classmethod
    def read(cls, text: str, mask: str | None = None) -> EditConfig:
        """Reads "swap=2:5".

        Raises:
            ConfigError: It is none of `EDITS`, or a mask is missing or is not used.
        """
        action, _, rest = text.partition("=")
        first, _, second = rest.partition(":")
        numbers = {"take": 1, "remove": 1, "swap": 2, "duplicate": 2, "resample": 0}
        count = numbers.get(action, -1)
        given = [first, second][:count] if count > 0 else []
        source = second if action == "take" else rest if action == "resample" else None
        fits = count >= 0 and all(number.isdecimal() for number in given) and source != ""
        require(fits and (action != "remove" or not second), f"--edit {text} is none of: {EDITS}; C is a component.")
        require(
            (mask is not None) == (action == "resample"),
            f"--edit {text} and --mask: resample needs a mask, and nothing else takes one.",
        )
        component, to = [*map(int, given), None, None][:2]
        return cls(action, component, to, int(source) if source and source.isdecimal() else source, mask)


@dataclass(frozen=True)
class GenerateConfig:
    """Images or a video of a trained model.

    `model` is a run folder or a snapshot. Images are those of `seeds` (such as "0-31,77"; None: of 0 to
    `images_num` - 1) with classes that `labels` gives in turn (None: from the seed). `scale`, `crop`, `translate` and
    `rotate` are the view of families that draw any size or can be moved. `ratio` (height / width) crops the images
    that are written to `output_dir`. `truncation_psi` None is 0.7 where the family has w; `temperature`, `top_k` and
    `top_p` None are the model's own (VQGAN). `video` names a film to write in place of images; `grid` is then its
    (columns, rows), otherwise whether a sheet of all images is written too. `gpus` empty computes on the CPU.

    `segment` also writes regions of the images: so many by k-means over all attention maps, or 0 for the components.

    `edit` changes a component of the images, as `editing` says; `mask` is where "resample" may.

    `project` names image files, or folders of them, to find w for in place of drawing seeds, as `projection` says;
    `projected_w` names a file of such w to draw.
    """

    model: str = ""
    images_num: int = 32
    seeds: str | None = None
    truncation_psi: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    labels: tuple[int, ...] | None = None
    noise_mode: str = "random"
    scale: float = 1.0
    crop: tuple[int, int, int, int] | None = None
    translate: tuple[float, float] = (0.0, 0.0)
    rotate: float = 0.0
    output_dir: str = "images"
    format: str = "png"
    ratio: float | None = None
    grid: bool | tuple[int, int] = False
    attention: bool = False
    segment: int | None = None
    edit: str | None = None
    mask: str | None = None
    overwrite: bool = False
    video: str | None = None
    keyframes: int | None = None
    w_frames: int = 120
    project: tuple[str, ...] = ()
    steps: int = 500
    space: str = "components"
    noise_maps: bool = False
    tune: bool = False
    projected_w: str | None = None
    gpus: tuple[int, ...] = (0,)
    batch_size: int = 8

    def __post_init__(self) -> None:
        require(bool(self.model), "--model is missing; name a run folder or a snapshot: --model results/NAME-000")
        require(self.images_num >= 1, f"--images-num {self.images_num}: give at least 1.")
        require(
            self.batch_size >= 1, f"--batch-size {self.batch_size}: at least 1 image must be drawn at once; give 1."
        )
        require(
            self.segment in (None, 0) or 2 <= self.segment <= 32,
            f"--segment {self.segment}: give 2 to 32 regions, or no number for the components.",
        )
        require(
            self.edit is not None or self.mask is None,
            f"--mask {self.mask} is about an edit; add --edit resample=SEED.",
        )
        _ = self.projection, self.editing  # their rules

    @property
    def editing(self) -> EditConfig | None:
        """The edit of a component that is asked for."""
        return None if self.edit is None else EditConfig.read(self.edit, self.mask)

    @property
    def projection(self) -> ProjectConfig:
        """How images are projected."""
        tune_steps = TUNE_STEPS if self.tune else 0
        return ProjectConfig(steps=self.steps, space=self.space, noise_maps=self.noise_maps, tune_steps=tune_steps)
