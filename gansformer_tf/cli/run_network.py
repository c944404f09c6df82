"""`run_network.py`: flags to configuration, then train, measure, draw, export, or show the networks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.evaluation import evaluate, snapshot_meter
from gansformer_tf.cli.export import check_export_flags, export_model
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.options import RunOptions
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.cli.table import run_command
from gansformer_tf.config import RunConfig
from gansformer_tf.files import write_atomically
from gansformer_tf.quiet import import_tensorflow

if TYPE_CHECKING:  # they load TensorFlow
    from gansformer_tf.training.trainer import Trainer
    from gansformer_tf.visualize.codes import Reals


def main(options: RunOptions) -> int:
    """Does what was asked for.

    Raises:
        UsageError: Flags that cannot be used together, or name something that is not there.
        RunError: Training failed.
    """
    for flag, note in NOTES.items():
        if getattr(options, flag) is not None:
            print(note, flush=True)
    check_export_flags(options)
    if options.train:
        train(options)
    if options.eval:
        evaluate(options, options.run_dir().path)
    if options.vis:
        draw(options)
    if options.export is not None:
        export_model(options)
    if not (options.train or options.eval or options.vis or options.export):
        show(options)
    return 0


NOTES = {
    "recompile": "--recompile: a resumed run always uses the installed code, so there is nothing to recompile.",
    "fused_modconv": "--fused-modconv: modulated convolution has one form here, equal to both published ones.",
}


def train(options: RunOptions) -> None:
    """Trains, or goes on training."""
    from gansformer_tf.cli.devices import select_devices
    from gansformer_tf.cli.resolve import resolve

    # What is wrong with the flags is said before TensorFlow is loaded, which takes seconds.
    run_dir = options.run_dir(options.restart)
    resolve(options, run_dir.saved_config() if run_dir.started else None)
    devices = select_devices(options.gpus)
    from gansformer_tf.models.snapshot import SnapshotError
    from gansformer_tf.training.errors import TrainingError
    from gansformer_tf.training.layout import BatchLayout
    from gansformer_tf.training.run_dir import RunDir
    from gansformer_tf.training.strategy import Agreement, make_strategy
    from gansformer_tf.training.tracking import import_wandb
    from gansformer_tf.training.trainer import Trainer

    try:
        strategy = make_strategy(devices)
        agreement = Agreement(strategy)
        run_dir = RunDir.numbered(run_dir.path, agreement.of_chief(run_dir.number))
        saved = run_dir.saved_config() if run_dir.started else None
        config = resolve(options, saved)
        BatchLayout(config.train, strategy.num_replicas_in_sync)
        # A run that was stopped before its first checkpoint begins anew, so it needs its snapshot again.
        pretrained = None if run_dir.has_checkpoints else options.pretrained_pkl
        start = model_file(pretrained).path if pretrained is not None else None
        meter = snapshot_meter(config, devices) if agreement.chief else None
        if agreement.chief and config.train.wandb_project:
            import_wandb()
        with run_dir.taken() if agreement.chief else contextlib.nullcontext():
            trainer = Trainer(config, run_dir, strategy, meter=meter)
            lines = _begin(trainer, start, saved)
            if run_dir.has_checkpoints and options.pretrained_pkl is not None:
                lines.append("--pretrained-pkl starts new runs only; add --restart to begin another one from it.")
            if agreement.chief:
                print("\n".join(lines), flush=True)
                run_dir.write_config(config)
            trainer.train()
    except SnapshotError as error:
        raise UsageError(str(error)) from error
    except TrainingError as error:
        raise RunError(str(error)) from error


def _begin(trainer: Trainer, start: Path | None, saved: RunConfig | None) -> list[str]:
    """Sets the trainer to where the run goes on, or to the weights that it starts from.

    Args:
        trainer: Freshly made.
        start: Snapshot to start a new run from.
        saved: What the run was trained with before.

    Returns:
        Lines that say so.
    """
    from gansformer_tf.training.transfer import shortened

    run_dir = trainer.run_dir
    if trainer.restore():
        lines = [f"Resuming {run_dir.path} at {trainer.kimg:.2f} kimg (step {trainer.step})."]
        return lines + _augment_as_asked(trainer, saved)
    trainer.checkpoints.notes = _augmentation_note(trainer.config)
    lines = [f"Starting {run_dir.path}."]
    if start is None:
        return lines
    report = trainer.transfer(start)
    if trainer.agreement.chief:
        write_atomically(run_dir.transfer, "\n".join(report) + "\n")
    return lines + shortened(report, run_dir.transfer)


def _augment_as_asked(trainer: Trainer, saved: RunConfig | None) -> list[str]:
    """Lets p of the restored state go on, unless the run is asked for another kind of augmentation, or another p.

    What was asked for before stands beside the checkpoint: `config.json` may be newer than it.
    """
    asked = trainer.checkpoints.notes = _augmentation_note(trainer.config)
    before = _augmentation_note(saved) if saved is not None else asked
    before |= trainer.checkpoints.restored_notes
    if before != asked or trainer.config.train.augment == "fixed":
        trainer.train_step.augment_anew()
    if before == asked:
        return []
    was, now = (f"--aug {note['augment']} --p {note['augment_p']:g}" for note in (before, asked))
    return [f"Augmentation from here on: {now} (before: {was})."]


def _augmentation_note(config: RunConfig) -> dict[str, Any]:
    return {"augment": config.train.augment, "augment_p": config.train.augment_p}


def draw(options: RunOptions) -> None:
    """Draws images of the trained model into `<run>/visuals`, or of `--pretrained-pkl`."""
    from gansformer_tf.cli.devices import select_devices
    from gansformer_tf.config import from_dict
    from gansformer_tf.config.visualize import VisualizeConfig

    run_dir = options.run_dir()
    values = _chosen_images(options.typed["visualize"])
    psi = options.typed["generator"].get("truncation_psi")
    if psi is not None:
        values["truncation_psi"] = psi
    if "batch_size_per_replica" in options.typed["train"]:
        values["batch_size"] = options.typed["train"]["batch_size_per_replica"]
    config = from_dict(VisualizeConfig, values)
    if options.pretrained_pkl is None and not run_dir.path.exists():
        raise UsageError(f"there is no run {run_dir.path}; train it first, or name a snapshot with --pretrained-pkl.")
    select_devices(options.gpus)
    from gansformer_tf.files import sha256_of
    from gansformer_tf.models.snapshot import SnapshotError, load_snapshot
    from gansformer_tf.visualize.run import visualize

    try:
        path = model_file(options.pretrained_pkl or run_dir.path).path
        snapshot = load_snapshot(path)
        reals = _reals(snapshot.config, options, config.rich_num)
        folder = visualize(snapshot.generator, run_dir.path / "visuals", config, model=sha256_of(path), reals=reals)
    except (SnapshotError, ValueError) as error:
        raise UsageError(str(error)) from error
    print(f"Images of {path} written to {folder}.")


def _reals(saved: RunConfig, options: RunOptions, count: int) -> Reals | None:
    """Images for a generator with codes, not trained on where the run held some out; None without a data set."""
    from gansformer_tf.config import from_dict, to_dict
    from gansformer_tf.config.data import DataConfig
    from gansformer_tf.data.manifest import DatasetError
    from gansformer_tf.data.read.pipeline import training_dataset
    from gansformer_tf.visualize.codes import Reals

    data = from_dict(DataConfig, {**to_dict(saved.data), **options.typed["data"]})
    if not saved.model.generator.reconstructs or not data.dataset:
        return None
    held_out = 0 if saved.stages is None else saved.stages.held_out
    try:
        images = training_dataset(
            Path(data.data_dir) / data.dataset,
            batch_size=count,
            seed=0,
            max_images=data.max_images,
            ratio=data.ratio,
            use_labels=bool(saved.model.generator.label_dim),
            held_out=held_out,
            only_held_out=held_out > 0,
        )
        batch = next(iter(images))
    except DatasetError as error:
        print(f"Note: {error}", flush=True)
        return None
    return Reals(batch["image"].numpy(), batch["label"].numpy() if batch["label"].shape[-1] else None)


def show(options: RunOptions) -> None:
    """Prints the networks and the memory that training them takes."""
    from gansformer_tf.cli.resolve import resolve

    run_dir = options.run_dir(options.restart)
    config = resolve(options, run_dir.saved_config() if run_dir.started else None)
    import_tensorflow()
    from gansformer_tf.training.overview import overview

    print(overview(config))
    print("Nothing was started; add --train to train this model.")


def _chosen_images(typed: dict[str, Any]) -> dict[str, Any]:
    """Naming some kinds of images draws only those; naming none draws the usual ones."""
    kinds = (
        "images",
        "latents",
        "maps",
        "layer_maps",
        "interpolations",
        "noise_variance",
        "style_mixing",
        "truncation_sweep",
        "ablation",
        "reconstructions",
        "temperatures",
        "directions",
    )
    if any(typed.get(kind) for kind in (*kinds, "projected_w")):
        return dict.fromkeys(kinds, False) | typed
    return dict(typed)


def run(prog: str | None = None) -> NoReturn:
    """The script; `prog` is what it is called where it is not called by its own name."""
    run_command(COMMAND, main, prog)


if __name__ == "__main__":
    run()
