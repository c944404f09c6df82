"""`run_network.py`: flags to configuration, then train, measure, draw, export, or show the networks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from gansformer_tf.cli.common import RunError, UsageError, run_script
from gansformer_tf.cli.evaluation import evaluate, snapshot_meter
from gansformer_tf.cli.export import check_export_flags, export_model
from gansformer_tf.cli.flags import build_parser, typed_values
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.quiet import import_tensorflow


def main(arguments: argparse.Namespace) -> int:
    """Does what the flags ask for.

    Raises:
        UsageError: Flags that cannot be used together, or name something that is not there.
        RunError: Training failed.
    """
    given = vars(arguments)
    for flag, note in NOTES.items():
        if flag in given:
            print(note, flush=True)
    check_export_flags(given)
    if given.get("train"):
        train(arguments)
    if given.get("eval"):
        evaluate(arguments, _run_dir(given).path)
    if given.get("vis"):
        draw(arguments)
    if "export" in given:
        export_model(given, _run_dir(given).path)
    if not any(given.get(action) for action in ("train", "eval", "vis", "export")):
        show(arguments)
    return 0


NOTES = {
    "recompile": "--recompile: a resumed run always uses the installed code, so there is nothing to recompile.",
    "fused_modconv": "--fused-modconv: modulated convolution has one form here, equal to both published ones.",
}


def train(arguments: argparse.Namespace) -> None:
    """Trains, or goes on training."""
    from gansformer_tf.cli.devices import select_devices
    from gansformer_tf.cli.resolve import resolve

    given = vars(arguments)
    restart = bool(given.get("restart"))
    # What is wrong with the flags is said before TensorFlow is loaded, which takes seconds.
    run_dir = _run_dir(given, restart)
    resolve(arguments, run_dir.saved_config() if run_dir.started else None)
    devices = select_devices(given.get("gpus", (0,)))
    from gansformer_tf.models.snapshot import SnapshotError
    from gansformer_tf.training.errors import TrainingError
    from gansformer_tf.training.layout import BatchLayout
    from gansformer_tf.training.run_dir import RunDir
    from gansformer_tf.training.strategy import Agreement, make_strategy
    from gansformer_tf.training.trainer import Trainer

    try:
        strategy = make_strategy(devices)
        agreement = Agreement(strategy)
        run_dir = RunDir.numbered(run_dir.path, agreement.of_chief(run_dir.number))
        config = resolve(arguments, run_dir.saved_config() if run_dir.started else None)
        layout = BatchLayout(config.train, strategy.num_replicas_in_sync)
        config.model.discriminator.check_batch(layout.micro_size)
        start = model_file(given["pretrained_pkl"]) if "pretrained_pkl" in given and not run_dir.started else None
        meter = snapshot_meter(config, devices) if agreement.chief else None
        if agreement.chief:
            run_dir.create()
            run_dir.lock()
        trainer = Trainer(config, run_dir, strategy, meter=meter)
        resumed = trainer.restore()
        lines = [f"Resuming {run_dir.path} at {trainer.kimg:.2f} kimg (step {trainer.step})."]
        if resumed and "pretrained_pkl" in given:
            lines.append("--pretrained-pkl starts new runs only; add --restart to begin another one from it.")
        if not resumed:
            lines = [f"Starting {run_dir.path}."]
            if start is not None:
                lines += trainer.transfer(start.path)
        if agreement.chief:
            print("\n".join(lines), flush=True)
            run_dir.write_config(config)
        trainer.train()
    except SnapshotError as error:
        raise UsageError(str(error)) from error
    except TrainingError as error:
        raise RunError(str(error)) from error
    finally:
        run_dir.unlock()


def draw(arguments: argparse.Namespace) -> None:
    """Draws pictures of the trained model into `<run>/visuals`, or of `--pretrained-pkl`."""
    from gansformer_tf.cli.devices import select_devices
    from gansformer_tf.config import from_dict
    from gansformer_tf.config.visualize import VisualizeConfig

    given = vars(arguments)
    sections = typed_values(arguments)
    run_dir = _run_dir(given)
    source = given.get("pretrained_pkl", run_dir.path)
    values = _chosen_pictures(sections["visualize"])
    psi = sections["generator"].get("truncation_psi")
    if psi is not None:
        values["truncation_psi"] = psi
    if "batch_size_per_replica" in sections["train"]:
        values["batch_size"] = sections["train"]["batch_size_per_replica"]
    config = from_dict(VisualizeConfig, values)
    if "pretrained_pkl" not in given and not run_dir.path.exists():
        raise UsageError(f"there is no run {run_dir.path}; train it first, or name a snapshot with --pretrained-pkl.")
    select_devices(given.get("gpus", (0,)))
    from gansformer_tf.files import sha256_of
    from gansformer_tf.models.snapshot import SnapshotError, load_snapshot
    from gansformer_tf.visualize.run import visualize

    try:
        path = model_file(source).path
        generator = load_snapshot(path).generator
        folder = visualize(generator, run_dir.path / "visuals", config, model=sha256_of(path))
    except (SnapshotError, ValueError) as error:
        raise UsageError(str(error)) from error
    print(f"Pictures of {path} written to {folder}.")


def show(arguments: argparse.Namespace) -> None:
    """Prints the networks and the memory that training them takes."""
    from gansformer_tf.cli.resolve import resolve

    given = vars(arguments)
    run_dir = _run_dir(given, restart=bool(given.get("restart")))
    config = resolve(arguments, run_dir.saved_config() if run_dir.started else None)
    import_tensorflow()
    from gansformer_tf.training.overview import overview

    print(overview(config))
    print("Nothing was started; add --train to train this model.")


def _run_dir(given: dict[str, Any], restart: bool = False) -> Any:
    from gansformer_tf.training.run_dir import RunDir

    return RunDir.select(Path(given.get("result_dir", "results")), given.get("expname", "exp"), restart)


def _chosen_pictures(typed: dict[str, Any]) -> dict[str, Any]:
    """Naming some kinds of pictures draws only those; naming none draws the usual ones."""
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
    )
    if any(typed.get(kind) for kind in kinds):
        return dict.fromkeys(kinds, False) | typed
    return dict(typed)


def run() -> NoReturn:
    """The script."""
    run_script(build_parser(), main)
