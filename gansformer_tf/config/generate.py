"""What `generate.py` draws, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require


@dataclass(frozen=True)
class GenerateConfig:
    """Images or a video of a trained model.

    `model` is a run folder or a snapshot. Images are those of `seeds` (such as "0-31,77"; None: of 0 to
    `images_num` - 1) with classes that `labels` gives in turn (None: from the seed). `scale`, `crop`, `translate` and
    `rotate` are the view of families that draw any size or can be moved. `ratio` (height / width) crops the images
    that are written to `output_dir`. `truncation_psi` None is 0.7 where the family has w; `temperature`, `top_k` and
    `top_p` None are the model's own (VQGAN). `video` names a film to write in place of images; `grid` is then its
    (columns, rows), otherwise whether a sheet of all images is written too. `gpus` empty computes on the CPU.
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
    overwrite: bool = False
    video: str | None = None
    keyframes: int | None = None
    w_frames: int = 120
    gpus: tuple[int, ...] = (0,)
    batch_size: int = 8

    def __post_init__(self) -> None:
        require(bool(self.model), "--model is missing; name a run folder or a snapshot: --model results/NAME-000")
        require(self.images_num >= 1, f"--images-num {self.images_num}: give at least 1.")
        require(
            self.batch_size >= 1, f"--batch-size {self.batch_size}: at least 1 image must be drawn at once; give 1."
        )
