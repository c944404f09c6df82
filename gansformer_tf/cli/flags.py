"""The flags of `run_network.py`: one table from published spelling to configuration field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.network_flags import NETWORK_GROUPS, G
from gansformer_tf.cli.options import RunOptions
from gansformer_tf.cli.snapshots import MODEL_HELP
from gansformer_tf.cli.table import OWN, Command, Flag
from gansformer_tf.cli.values import comma_list, gpu_list, none_or_str
from gansformer_tf.config import DataConfig, DiscriminatorConfig, GANsformerConfig, MetricConfig, TrainConfig
from gansformer_tf.config.base import from_dict
from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.config.metric_records import METRICS, resolve
from gansformer_tf.config.objectives import D_LOSSES, D_PENALTIES, G_LOSSES
from gansformer_tf.config.presets import BASELINE_NAMES, PRESET_NAMES, Sections
from gansformer_tf.config.stages import StagesConfig
from gansformer_tf.config.train import (
    AUGMENT_PIPES,
    AUGMENTATIONS,
    JIT_MODES,
    PRECISIONS,
)
from gansformer_tf.config.visualize import VisualizeConfig
from gansformer_tf.export.options import FORMATS
from gansformer_tf.terminal import path

DATA, TRAIN, VIS, MEASURE = ("data",), ("train",), ("visualize",), ("metrics",)


def _project(text: str) -> str | None:
    return none_or_str(text) or None


def _penalties(text: str) -> str:
    names = ",".join(comma_list(text))
    return "none" if names in ("", "non") else names  # the published spelling of "none" is "non"


FIRST = (
    Flag("--train", "train the model, or go on training it", bool),
    Flag("--eval", "compute metrics of the trained model (default: fid)", bool),
    Flag("--vis", "draw images of the trained model", bool),
    Flag("--expname", "name of the experiment; the run is results/NAME-000 (default: {default})", metavar="NAME"),
    Flag(
        "--dataset",
        "a prepared data set: its name below --data-dir or its folder; or an archive of images",
        path,
        DATA,
        "dataset",
        metavar="NAME|PATH",
    ),
    Flag("--gansformer-default --ganformer-default", "the published GANsformer settings", bool),
    Flag(
        "--gpus",
        "GPU numbers, such as 0 or 0,1; none: the CPU (default: 0; without a GPU: the CPU)",
        gpu_list,
        metavar="LIST",
    ),
    Flag("--batch-size --minibatch-size", "real images per step, over all devices", int, TRAIN, "batch_size"),
    Flag(
        "--batch-gpu",
        "images on one device at once, a multiple of --mbstd-group-size; the rest is accumulated",
        int,
        TRAIN,
        "batch_size_per_replica",
    ),
    Flag("--total-kimg", "length of training in thousands of real images", float, TRAIN, "total_kimg"),
    Flag("--gamma", "weight of the discriminator's penalty; try several", float, TRAIN, "gamma"),
    Flag("--restart", "start a new run, results/NAME-001, instead of resuming", bool),
)

EXPERIMENT = (
    Flag("--baseline", "another model, with its published settings", choices=BASELINE_NAMES),
    Flag("--preset", "a named set of values", choices=PRESET_NAMES),
    Flag("--result-dir", "folder of all runs (default: {default})", path, metavar="DIR"),
    Flag(
        "--pretrained-pkl",
        "start from this snapshot (.safetensors, original .pkl, a model that ships, gdrive:NAME, hf://user/name); with "
        "--vis or --eval: use this one",
        path,
        metavar="PATH",
    ),
    Flag("--reload", "resume with the run's saved settings only, whatever else is typed", bool),
    Flag("--recompile", "accepted; a resumed run always uses the installed code", bool),
    Flag(
        "--freeze-d --freezed",
        "layers of the discriminator that keep their weights, in the whole run",
        int,
        TRAIN,
        "freeze_d",
        metavar="N",
    ),
    Flag("--seed", "of initial weights, order of images and noise", int, TRAIN, "seed"),
)

DATASET = (
    Flag("--data-dir", "folder of all data sets (default: {default})", path, DATA, "data_dir", metavar="DIR"),
    Flag("--resolution", "check that the data set has this size (default: its own)", int),
    Flag("--ratio", "crop images to this height / width", float, DATA, "ratio"),
    Flag("--mirror-augment --mirror", "mirror half of the images", bool, DATA, "mirror"),
    Flag("--train-images-num", "use only N images", int, DATA, "max_images", metavar="N"),
    Flag("--use-labels", "train a class-conditional model", bool, DATA, "use_labels"),
    Flag("--num-threads", "threads that read images (default: as many as pay)", int, DATA, "num_threads", metavar="N"),
)

OPTIMIZATION = (
    Flag("--g-lr", "learning rate of the generator", float, TRAIN, "g_learning_rate"),
    Flag("--d-lr", "learning rate of the discriminator", float, TRAIN, "d_learning_rate"),
    Flag("--clip", "limit of the gradients' global norm (default: none)", float, TRAIN, "clip_norm"),
    Flag("--g-loss", "generator loss", str, TRAIN, "g_loss", tuple(G_LOSSES)),
    Flag("--d-loss", "discriminator loss", str, TRAIN, "d_loss", tuple(D_LOSSES)),
    Flag(
        "--d-reg",
        f"discriminator penalties: one or several of {','.join(D_PENALTIES)}; or none",
        _penalties,
        TRAIN,
        "d_reg",
        metavar="LIST",
    ),
    Flag("--d-reg-interval", "steps between penalties", int, TRAIN, "d_reg_interval"),
    Flag("--beta2", "decay of Adam's second moment", float, TRAIN, "adam_beta2"),
    Flag("--gamma-end", "gamma at the end of its schedule (half a cosine)", float, TRAIN, "gamma_end"),
    Flag("--g-lr-end", "the same, of --g-lr", float, TRAIN, "g_learning_rate_end"),
    Flag("--d-lr-end", "the same, of --d-lr", float, TRAIN, "d_learning_rate_end"),
    Flag("--beta2-end", "the same, of --beta2", float, TRAIN, "adam_beta2_end"),
    Flag("--schedule-begin", "kimg at which schedules begin (default: 0)", float, TRAIN, "schedule_begin_kimg"),
    Flag("--schedule-end", "kimg at which they end (default: with training)", float, TRAIN, "schedule_end_kimg"),
    Flag("--pathreg", "path-length regularisation of the generator", bool, TRAIN, "path_length"),
    Flag("--g-reg-weight", "its weight, times 2", float, TRAIN, "g_reg_weight"),
    Flag("--g-reg-interval", "steps between path-length steps", int, TRAIN, "g_reg_interval"),
    Flag("--style-mixing", "probability of mixing styles over layers", float, TRAIN, "style_mixing"),
    Flag("--component-mixing", "probability of mixing components", float, TRAIN, "component_mixing"),
    Flag("--ema-kimg", "half-life of the averaged generator", float, TRAIN, "ema_half_life_kimg"),
    Flag("--ema-rampup", "limit of the half-life, as a share of the images seen", float, TRAIN, "ema_rampup"),
    Flag("--blur-init-sigma", "blur of what the discriminator sees first, in pixels", float, TRAIN, "blur_init_sigma"),
    Flag("--blur-fade-kimg", "thousands of images in which the blur fades", float, TRAIN, "blur_fade_kimg"),
)

SPEED = (
    Flag(
        "--precision",
        "float32; bfloat16 everywhere; mixed: at high resolutions; auto: as measured best (float32 so far)",
        str,
        TRAIN,
        "precision",
        PRECISIONS,
    ),
    Flag("--jit", "compile with XLA; auto: on GPUs", str, TRAIN, "jit", JIT_MODES),
    Flag("--recompute", "need less memory: compute features again in the backward pass", bool, TRAIN, "recompute"),
)

AUGMENTATION = (
    Flag("--aug", "augmentation of what the discriminator sees", str, TRAIN, "augment", AUGMENTATIONS),
    Flag(
        "--augpipe",
        "transformations: pixel blitting, geometry, colour, filter, noise, cutout",
        str,
        TRAIN,
        "augment_pipe",
        AUGMENT_PIPES,
    ),
    Flag(
        "--p",
        "probability of each (with --aug ada: to start with; again where a resumed run changes --aug or --p)",
        float,
        TRAIN,
        "augment_p",
    ),
    Flag("--ada-target", "mean sign of the scores of real images that ada steers to", float, TRAIN, "ada_target"),
    Flag("--ada-kimg", "thousands of images in which p can move from 0 to 1", float, TRAIN, "ada_kimg"),
    Flag("--ada-max-p", "limit of p", float, TRAIN, "ada_max_p"),
)

PROGRESS = (
    Flag("--tick-kimg", "thousands of images between log lines", float, TRAIN, "tick_kimg"),
    Flag("--snapshot-ticks", "ticks between snapshots and sample grids", int, TRAIN, "snapshot_ticks"),
    Flag("--checkpoint-ticks", "ticks between checkpoints", int, TRAIN, "checkpoint_ticks"),
    Flag("--last-snapshots", "snapshots to keep", int, TRAIN, "keep_snapshots", metavar="N"),
    Flag("--keep-samples", "keep all sample grids, not only the newest", bool, TRAIN, "keep_samples"),
    Flag("--summarize", "write TensorBoard events", bool, TRAIN, "summarize"),
    Flag(
        "--wandb",
        "report to this project at Weights & Biases (none: a resumed run stops reporting)",
        _project,
        TRAIN,
        "wandb_project",
        metavar="PROJECT",
    ),
    Flag("--truncation-psi", "truncation of samples and images", float, G, "truncation_psi"),
)

IMAGES = (
    Flag("--vis-images", "sample images", bool, VIS, "images"),
    Flag("--vis-latents", "z and w", bool, VIS, "latents"),
    Flag("--vis-maps", "attention maps of the last layer", bool, VIS, "maps"),
    Flag("--vis-layer-maps", "attention maps of all layers and heads", bool, VIS, "layer_maps"),
    Flag("--vis-interpolations", "interpolations between latents", bool, VIS, "interpolations"),
    Flag("--interpolation-per-component", "also one component at a time", bool, VIS, "interpolation_per_component"),
    Flag("--vis-noise-var", "variance over the noise", bool, VIS, "noise_variance"),
    Flag("--vis-style-mix", "style mixing", bool, VIS, "style_mixing"),
    Flag("--vis-truncation", "truncation sweep", bool, VIS, "truncation_sweep"),
    Flag("--vis-ablation", "what changes without each component", bool, VIS, "ablation"),
    Flag(
        "--vis-reconstructions",
        "real images drawn again, and completed (VQGAN)",
        bool,
        VIS,
        "reconstructions",
    ),
    Flag("--vis-temperatures", "the same seeds at several temperatures (VQGAN)", bool, VIS, "temperatures"),
    Flag("--vis-directions", "directions in w, of each component", bool, VIS, "directions"),
    Flag("--projected-w", "images of a projection, and ways between them", path, VIS, metavar="FILE"),
    Flag("--vis-grid", "sheets of images", bool, VIS, "grid"),
    Flag("--vis-num", "images of the simple kinds", int, VIS, "num"),
    Flag("--vis-rich-num", "images of the kinds that take many", int, VIS, "rich_num"),
    Flag("--vis-section-size", "images on a sheet", int, VIS, "section_size"),
    Flag("--blending-alpha", "weight of the maps in blends", float, VIS, "blending_alpha"),
    Flag("--interpolation-density", "images between two ends", int, VIS, "interpolation_density"),
)

EVALUATION = (
    Flag("--metrics", f"any of {','.join(METRICS)}; or none", comma_list, MEASURE, "metrics", metavar="LIST"),
    Flag(
        "--scale",
        "size of images as a factor, for --vis, --eval, --export (CREPS)",
        float,
        (OWN, *VIS, *MEASURE),
        "scale",
    ),
    Flag("--eval-images-num", "images per metric (default: {default})", int, MEASURE, "images_num", metavar="N"),
    Flag("--inception-weights", "file, or auto to download (default: {default})", path, MEASURE, "inception_weights"),
    Flag("--feature-network", "inception, efficientnet-lite0, ... (docs/metrics.md)", str, MEASURE, "network"),
    Flag("--fid-ddof", "1: covariance / (N - 1), as published; 0: / N, as StyleGAN3", int, MEASURE, "fid_ddof", (0, 1)),
    Flag("--ppl-space", "where paths run", str, MEASURE, "ppl_space", ("w", "z")),
    Flag("--ppl-sampling", "measure at the ends of paths, or anywhere", str, MEASURE, "ppl_sampling", ("end", "full")),
    Flag("--metric-seed", "of the choice of real images and of subsets", int, MEASURE, "seed"),
)

EXPORT = (
    Flag("--export", "write the generator for other programs (docs/export.md)", choices=FORMATS),
    Flag("--model", "what to export: " + MODEL_HELP + " (default: the run of --expname)", path, metavar="PATH"),
    Flag("--output-dir", "folder of the export; SavedModels become its next version", path, metavar="DIR"),
    Flag("--noise-mode", "of exported images: from the seed (saved_model only), fixed, or none", choices=NOISE_MODES),
)

GROUPS: tuple[tuple[str, tuple[Flag, ...]], ...] = (
    ("what you need first", FIRST),
    ("experiment", EXPERIMENT),
    ("data", DATASET),
    ("losses and optimization", OPTIMIZATION),
    ("augmentation", AUGMENTATION),
    ("speed and memory", SPEED),
    ("progress and saving", PROGRESS),
    *NETWORK_GROUPS,
    ("metrics (--eval, --train)", EVALUATION),
    ("images (--vis)", IMAGES),
    ("export", EXPORT),
)

EXAMPLES = """examples:
  python prepare_data.py --scenes
  python run_network.py --train --gpus 0 --gansformer-default --expname scenes --dataset scenes
  python run_network.py --gansformer-default --dataset scenes          show the networks and the memory they need
  python run_network.py --vis --expname scenes --dataset scenes
  python run_network.py --export saved_model --model results/scenes-000 --output-dir exported/scenes
Run the --train command again to resume. Without --train, --eval, --vis and --export nothing is started.
"""


def _options(typed: Sections) -> RunOptions:
    _name_metrics(typed["metrics"])
    _place_data_set(typed["data"])
    values = typed.pop(OWN)
    return from_dict(RunOptions, {**values, "typed": typed})


def _place_data_set(data: dict[str, Any]) -> None:
    """`--dataset` is a name below the folder of all data sets, unless it is the path of a data set or archive."""
    place = Path(data.get("dataset") or "")
    below = Path(data.get("data_dir", DataConfig.data_dir)) / place
    may_be_path = len(place.parts) > 1 or place.suffix.lower() == ".zip"
    if may_be_path and not place.exists() and not below.exists():
        raise UsageError(
            f"--dataset {place}: neither that place nor {below} exists; give the name of a data set below --data-dir, "
            "or the path of one. prepare_data.py makes them."
        )
    if place.is_absolute() or (may_be_path and place.exists() and not below.exists()):
        data |= {"data_dir": str(place.parent), "dataset": place.name}


def _name_metrics(values: dict[str, Any]) -> None:
    """Metrics under their names here, with the settings that other programs' names stand for."""
    if "metrics" in values:
        values["metrics"], settings = resolve(values["metrics"])
        for name, setting in settings.items():
            values.setdefault(name, setting)


COMMAND = Command(
    prog="run_network.py",
    description="Trains a GANsformer or a baseline, and draws images with it.",
    usage="%(prog)s [--train] [--vis] --expname NAME --dataset NAME [options]",
    groups=GROUPS,
    configs={
        OWN: RunOptions,
        "generator": GANsformerConfig,
        "discriminator": DiscriminatorConfig,
        "data": DataConfig,
        "train": TrainConfig,
        "visualize": VisualizeConfig,
        "metrics": MetricConfig,
        "stages": StagesConfig,
    },
    build=_options,
    epilog=EXAMPLES,
)
