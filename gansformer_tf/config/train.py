"""Configuration of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gansformer_tf.config.base import (
    require,
    require_choice,
    require_positive,
    require_probability,
    require_weight,
)
from gansformer_tf.config.objectives import D_LOSSES, D_PENALTIES, G_LOSSES

W_AVG_PHASES = ("G", "D", "GD")
PRECISIONS = ("auto", "float32", "bfloat16", "mixed")
JIT_MODES = ("auto", "on", "off")
AUGMENTATIONS = ("none", "ada", "fixed", "diffaug")
AUGMENT_PIPES = ("blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc")


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation, losses and the rhythm of logging. One kimg is 1,000 real images shown to D.

    `batch_size` is the global batch; `batch_size_per_replica` is what one device holds at once. Regularisers run
    every `*_reg_interval` steps ("lazy"), with the optimizer corrected for it (StyleGAN2, appendix B).

    Numbers with a field `*_end` move there along half a cosine, from the begin to the end of the schedule.

    Example:

    >>> gf.config.TrainConfig(d_reg="r1,r2", gamma=0.5).penalties
    ('r1', 'r2')
    """

    total_kimg: float = 25000.0
    batch_size: int = 32
    batch_size_per_replica: int = 4
    g_learning_rate: float = 0.002
    d_learning_rate: float = 0.002
    g_learning_rate_end: float | None = None
    d_learning_rate_end: float | None = None
    adam_beta1: float = 0.0
    adam_beta2: float = 0.99
    adam_beta2_end: float | None = None
    adam_epsilon: float = 1e-8
    g_loss: str = "logistic_ns"
    d_loss: str = "logistic"
    # gradient penalties of the discriminator, such as "r1,r2", each weighted with gamma; "none"
    d_reg: str = "r1"
    gamma: float = 10.0
    gamma_end: float | None = None
    # thousands of images; None: the end of training
    schedule_begin_kimg: float = 0.0
    schedule_end_kimg: float | None = None
    # None: the generator has no regularisation, and its optimizer is not corrected for any
    g_reg_interval: int | None = 4
    d_reg_interval: int = 16
    path_length: bool = False
    path_length_weight: float = 2.0
    path_length_decay: float = 0.01
    path_length_batch_shrink: int = 2
    # whether the mean over layers in the path length, and the layers between which styles are mixed, include the first
    # entry of w, which no layer of GANsformer and StyleGAN2 reads: the TensorFlow code counts it, the PyTorch code not
    count_unread_layer: bool = True
    g_reg_weight: float = 1.0
    clip_norm: float | None = None
    style_mixing: float = 0.9
    component_mixing: float = 0.0
    ema_half_life_kimg: float = 10.0
    # the half-life is at most this share of the images seen so far (None: no limit)
    ema_rampup: float | None = None
    w_avg_decay: float = 0.995
    # phases of a step that move the average w: "G", "D" or "GD" (None: as published for the generator's family)
    w_avg_phases: str | None = None
    # of the average magnitudes in StyleGAN3
    magnitude_half_life_kimg: float = 20.0
    # blur of what D sees: its width in pixels at the beginning, and the thousands of images in which it fades
    blur_init_sigma: float = 0.0
    blur_fade_kimg: float = 200.0
    # "auto": what was measured faster and as good, which is float32 as yet;
    # "bfloat16": all layers compute in it, with float32 weights; "mixed": those of the four highest resolutions do
    precision: str = "float32"
    # XLA: "auto" compiles on GPUs; on CPUs it was measured slower
    jit: str = "auto"
    # compute the features of a block again in the backward pass instead of keeping them
    recompute: bool = False
    # layers of D, from the image on, that keep their weights (transfer learning)
    freeze_d: int = 0
    # augmentation of what D sees: kind, set of transformations, probability (its start with "ada")
    augment: str = "none"
    augment_pipe: str = "bgc"
    augment_p: float = 0.0
    # "ada" steers the mean sign of D's scores of real images to the target: p moves from 0 to 1 within ada_kimg, and
    # stays below ada_max_p, since a transformation that is nearly always seen leaks into the generated images
    ada_target: float = 0.6
    ada_kimg: float = 500.0
    ada_interval: int = 4
    ada_max_p: float = 0.8
    tick_kimg: float = 8.0
    checkpoint_ticks: int = 1
    snapshot_ticks: int = 3
    keep_checkpoints: int = 2
    keep_snapshots: int | None = 10
    keep_samples: bool = True
    sample_columns: int = 8
    sample_rows: int = 4
    summarize: bool = True
    # project at Weights & Biases that the run is reported to (None: not at all)
    wandb_project: str | None = None
    # training stops when a network's gradients are not finite this many steps in a row
    max_skipped_steps: int = 20
    seed: int = 1000

    def __post_init__(self) -> None:
        for name in ("total_kimg", "batch_size", "batch_size_per_replica", "g_learning_rate", "d_learning_rate"):
            require_positive(name, getattr(self, name))
        for name in ("ema_half_life_kimg", "tick_kimg", "checkpoint_ticks", "snapshot_ticks", "keep_checkpoints"):
            require_positive(name, getattr(self, name))
        for name in ("d_reg_interval", "sample_columns", "sample_rows", "max_skipped_steps", "blur_fade_kimg"):
            require_positive(name, getattr(self, name))
        require_positive("magnitude_half_life_kimg", self.magnitude_half_life_kimg)
        require(
            0.0 <= self.blur_init_sigma < math.inf, f"blur_init_sigma is {self.blur_init_sigma}; use 0 for no blur."
        )
        if self.g_reg_interval is not None:
            require_positive("g_reg_interval", self.g_reg_interval)
        require(
            self.g_reg_interval is not None or not self.path_length,
            "path_length is on without a g_reg_interval; give --g-reg-interval, for example 4.",
        )
        require_positive("path_length_batch_shrink", self.path_length_batch_shrink)
        require_choice("g_loss", self.g_loss, list(G_LOSSES))
        require_choice("d_loss", self.d_loss, list(D_LOSSES))
        for name in self.penalties:
            require_choice("d_reg", name, ("none", *D_PENALTIES))
        require(
            "none" not in self.penalties and len(set(self.penalties)) == len(self.penalties),
            f"d_reg is {self.d_reg!r}; name each penalty once, such as r1,r2, or write none alone.",
        )
        self._check_schedule()
        if self.w_avg_phases is not None:
            require_choice("w_avg_phases", self.w_avg_phases, W_AVG_PHASES)
        require_choice("precision", self.precision, PRECISIONS)
        require_choice("jit", self.jit, JIT_MODES)
        require(self.freeze_d >= 0, f"freeze_d is {self.freeze_d}; it is a number of layers, 0 or more.")
        require_choice("augment", self.augment, AUGMENTATIONS)
        require_choice("augment_pipe", self.augment_pipe, AUGMENT_PIPES)
        require(
            -1.0 < self.ada_target < 1.0, f"ada_target is {self.ada_target}; it is a mean sign, so between -1 and 1."
        )
        require_positive("ada_kimg", self.ada_kimg)
        require_positive("ada_interval", self.ada_interval)
        require(
            self.augment != "fixed" or self.augment_p > 0,
            "augment is 'fixed' and augment_p is 0, which augments nothing; give --p, for example --p 0.2.",
        )
        for name in ("style_mixing", "component_mixing", "w_avg_decay", "augment_p", "ada_max_p"):
            require_probability(name, getattr(self, name))
        for name in ("gamma", "g_reg_weight", "path_length_weight"):
            require_weight(name, getattr(self, name))
        for name in ("adam_beta1", "adam_beta2"):
            _require_decay(name, getattr(self, name))
        require(
            self.clip_norm is None or 0.0 < self.clip_norm < math.inf,
            f"clip_norm is {self.clip_norm}; gradients are scaled down to it, so it is a finite number greater than 0. "
            "Leave --clip out for no limit.",
        )
        require(
            self.ema_rampup is None or 0.0 <= self.ema_rampup < math.inf,
            f"ema_rampup is {self.ema_rampup}; it is a share of the images seen, 0 or more. Leave it out for no limit.",
        )
        require(
            self.keep_snapshots is None or self.keep_snapshots >= 1,
            f"keep_snapshots is {self.keep_snapshots}; keep at least 1 snapshot.",
        )

    def _check_schedule(self) -> None:
        """Raises `ConfigError` unless what is scheduled can be, and something is where a schedule is described."""
        if self.gamma_end is not None:
            require_weight("gamma_end", self.gamma_end)
        for name in ("g_learning_rate_end", "d_learning_rate_end"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        if self.adam_beta2_end is not None:
            _require_decay("adam_beta2_end", self.adam_beta2_end)
        begin, end = self.schedule_begin_kimg, self.schedule_end_kimg
        require(0.0 <= begin < math.inf, f"schedule_begin_kimg is {begin}; it is a finite number of kimg, 0 or more.")
        if end is not None:
            require_positive("schedule_end_kimg", end)
        last = self.total_kimg if end is None else end
        require(
            not self._is_scheduled or begin < last,
            f"schedule_begin_kimg is {begin:g} and the schedule ends at {last:g} kimg; it must begin before it ends "
            "(--schedule-begin, --schedule-end; without the latter it ends with training).",
        )
        require(
            self._is_scheduled or (end is None and begin == 0.0),
            "a schedule begins or ends and moves nothing; give --gamma-end, --g-lr-end, --d-lr-end or --beta2-end, or "
            "leave --schedule-begin and --schedule-end out.",
        )

    @property
    def _is_scheduled(self) -> bool:
        ends = (self.gamma_end, self.g_learning_rate_end, self.d_learning_rate_end, self.adam_beta2_end)
        return any(end is not None for end in ends)

    @property
    def schedule_images(self) -> tuple[float, float]:
        """Real images seen where schedules begin and end."""
        end = self.total_kimg if self.schedule_end_kimg is None else self.schedule_end_kimg
        return self.schedule_begin_kimg * 1000.0, end * 1000.0

    @property
    def penalties(self) -> tuple[str, ...]:
        """Names of the discriminator's gradient penalties."""
        return () if self.d_reg == "none" else tuple(self.d_reg.split(","))

    @property
    def total_images(self) -> int:
        """Real images that a run is shown. Whole numbers: 0.104 kimg times 1,000 is more than 104 in floating point."""
        return max(1, round(self.total_kimg * 1000))

    @property
    def tick_images(self) -> int:
        """Images between log lines."""
        return max(1, round(self.tick_kimg * 1000))


def _require_decay(name: str, value: float) -> None:
    require(0.0 <= value < 1.0, f"{name} is {value}; a decay of Adam lies between 0 and 1, and is less than 1.")
