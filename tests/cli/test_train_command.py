"""`run_network.py --train` around the trainer: what a start leaves behind, and what a resumed run goes on with."""

from __future__ import annotations

import dataclasses
import re
import sys

import numpy as np
import pytest

from gansformer_tf.cli import run_network
from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.config import ConfigError, RunConfig
from gansformer_tf.models import build_generator
from gansformer_tf.models.snapshot import save_snapshot
from gansformer_tf.training import step, trainer
from gansformer_tf.training.errors import TrainingError
from tests.training.conftest import tiny_data
from tests.training.tiny_networks import TinyDiscriminator, TinyGenerator

__all__ = ["tiny_data"]

TINY = ["--transformer", "--components-num", "2", "--latent-size", "8", "--mbstd-group-size", "2"]
BATCH = ["--batch-size", "8", "--batch-gpu", "8"]


class Command:
    """The command in this process, with tiny networks and a training that lasts no step.

    Attributes:
        training: Called with the trainer in place of training.
        trainer: The last one.
    """

    def __init__(self, data_dir, results) -> None:
        place = ["--dataset", "tiny", "--data-dir", data_dir, "--result-dir", str(results)]
        self.flags = ["--train", *place, *TINY, *BATCH]
        self.path = results / "exp-000"
        self.training = lambda trainer: None
        self.trainer = None

    def __call__(self, *flags):
        run_network.train(COMMAND.read([*self.flags, *flags]))

    def train(self, trainer):
        self.trainer = trainer
        self.training(trainer)

    @property
    def p(self):
        return pytest.approx(float(self.trainer.train_step.augmentation.p))

    @property
    def config(self):
        return RunConfig.load(self.path / "config.json")


@pytest.fixture
def complete(tmp_path, tiny_data, monkeypatch):
    """The command with complete networks, of which transfer goes by the names, as small as they can be."""
    command = Command(tiny_data, tmp_path / "results")
    command.flags += ["--channel-base", "32", "--channel-max", "4", "--mapping-layersnum", "1"]
    monkeypatch.setattr(trainer.Trainer, "train", lambda trainer: command.train(trainer))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    return command


@pytest.fixture
def command(complete, monkeypatch):
    monkeypatch.setattr(step, "build_generator", TinyGenerator)
    monkeypatch.setattr(step, "build_discriminator", TinyDiscriminator)
    return complete


@pytest.fixture
def snapshot(complete, tmp_path):
    config = resolve(COMMAND.read(complete.flags), None)
    generator = build_generator(config.model.generator)
    generator.set_weights([np.full_like(weight, 0.25) for weight in generator.get_weights()])
    return save_snapshot(tmp_path / "network-snapshot-000007.safetensors", generator=generator, config=config)


def fail(trainer):
    raise TrainingError("it cannot work")


def save(trainer):
    trainer.step += 1
    trainer.save_checkpoint()


# starting from a snapshot


def test_a_run_killed_before_its_first_checkpoint_starts_from_the_snapshot_again(complete, snapshot, capsys):
    command = complete
    for _ in range(2):  # the first leaves config.json and no checkpoint, as SIGKILL in the first tick does
        command("--pretrained-pkl", snapshot)
        assert f"Starting from {snapshot}" in capsys.readouterr().out
        for network in (command.trainer.train_step.generator, command.trainer.train_step.ema_generator):
            assert all(np.all(weight == 0.25) for weight in network.get_weights())
    command.training = save
    command("--pretrained-pkl", snapshot)
    snapshot.unlink()  # from now on it is not needed
    command("--pretrained-pkl", snapshot)
    assert "--pretrained-pkl starts new runs only" in capsys.readouterr().out


def test_weights_that_did_not_fit_are_listed_in_the_run_folder(complete, snapshot, capsys):
    complete("--pretrained-pkl", snapshot, "--channel-max", 2, "--mbstd-group-size", 0)
    report = (complete.path / "transfer.txt").read_text().splitlines()
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "discriminator: not in the snapshot; it starts fresh"
    assert said[2:4] == report[:2] and report[0] == f"Starting from {snapshot}:"
    assert len(report) > len(said) and any(
        line.endswith(f"more, listed in {complete.path / 'transfer.txt'}") for line in said
    )


# a start that is refused


def test_a_snapshot_that_was_cut_leaves_no_folder(command, snapshot):
    snapshot.write_bytes(snapshot.read_bytes()[:-100])
    with pytest.raises(UsageError, match="no readable snapshot"):
        command("--pretrained-pkl", snapshot)
    assert not command.path.exists()


def test_more_frozen_layers_than_there_are_leave_no_folder(complete):
    with pytest.raises(ConfigError, match="freeze_d is 99; this discriminator has"):
        complete("--freeze-d", 99)
    assert not complete.path.exists()


@pytest.mark.parametrize("flags", [("--wandb", "project"), ("--g-lr", "3")], ids=["a missing package", "training"])
def test_a_start_that_fails_leaves_the_settings_of_the_run(command, flags, monkeypatch):
    command()
    before = (command.path / "config.json").read_bytes()
    monkeypatch.setitem(sys.modules, "wandb", None)
    command.training = fail
    with pytest.raises(RunError, match="--wandb needs the wandb package" if "--wandb" in flags else "it cannot work"):
        command(*flags)
    assert (command.path / "config.json").read_bytes() == before
    command.training = save
    command()
    assert command.config.train.wandb_project is None


@pytest.mark.parametrize("typed", ["none", ""])
def test_reporting_can_be_switched_off(command, typed, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", sys)  # there is one
    command("--wandb", "project")
    command()
    assert command.config.train.wandb_project == "project"
    command("--wandb", typed)
    assert command.config.train.wandb_project is None


# augmentation of a resumed run


def test_a_resumed_run_augments_as_asked(command, capsys):
    command.training = save
    command()
    command("--aug", "fixed", "--p", 0.9)
    assert command.p == 0.9
    assert "from here on: --aug fixed --p 0.9 (before: --aug none --p 0)." in capsys.readouterr().out
    command("--aug", "ada", "--p", 0.2)
    assert command.p == 0.2


def test_p_that_was_steered_goes_on_until_another_is_asked_for(command, capsys):
    def steer(trainer):
        trainer.train_step.augmentation.p.assign(0.6)
        save(trainer)

    command.training = steer
    command("--aug", "ada", "--p", 0.2)
    command.training = lambda trainer: None  # from now on every start is killed before its first checkpoint
    for flags in ((), ("--aug", "ada"), ("--aug", "ada", "--p", 0.2)):
        command(*flags)
        assert command.p == 0.6
    assert "from here on" not in capsys.readouterr().out
    for flags in (("--p", 0.4), ("--p", 0.4), ()):
        command(*flags)
        assert command.p == 0.4
        assert "from here on: --aug ada --p 0.4 (before: --aug ada --p 0.2)." in capsys.readouterr().out


# what a resumed run cannot change


def resumed(command, *flags):
    return resolve(COMMAND.read([*command.flags, *flags]), command.config)


def test_other_frozen_layers_are_refused(command):
    command()
    with pytest.raises(UsageError, match="started with --freeze-d 0, now it is 2; leave the flag out, or .*--restart"):
        resumed(command, "--freeze-d", 2)
    assert resumed(command, "--freeze-d", 0) == command.config


@pytest.mark.parametrize("flags", [(), ("--reload",)])
def test_another_preset_is_refused(command, flags):
    config = resolve(COMMAND.read([*command.flags, "--gansformer-default"]), None)
    again = [*command.flags, *flags]
    for same in ([], ["--preset", "gansformer-default"], ["--ganformer-default"]):
        assert resolve(COMMAND.read([*again, *same]), config) == config
    baseline = COMMAND.read([*again, "--baseline", "StyleGAN2"])
    with pytest.raises(UsageError, match="with the preset gansformer-default, now it is StyleGAN2; leave .*--restart"):
        resolve(baseline, config)
    with pytest.raises(UsageError, match="started without a preset, now it is StyleGAN2; leave .*--restart"):
        resolve(baseline, dataclasses.replace(config, preset=""))
    assert resolve(baseline, dataclasses.replace(config, preset=None)).preset is None  # of an older version


@pytest.mark.parametrize("flags", [(), ("--reload",)])
def test_another_number_of_images_is_refused(command, flags, monkeypatch):
    from gansformer_tf.data.read import open as opening

    command()
    assert command.config.data.num_images == 40
    assert resumed(command, *flags) == command.config
    read_info = opening.read_info
    monkeypatch.setattr(opening, "read_info", lambda path: dataclasses.replace(read_info(path), num_images=24))
    with pytest.raises(UsageError, match=r"started on 40 images, now .*tiny has 24, .*--restart"):
        resumed(command, *flags)
    text = (command.path / "config.json").read_text()
    (command.path / "config.json").write_text(text.replace('"num_images": 40', '"num_images": null'))
    assert resumed(command, *flags).data.num_images == 24


def test_a_cut_of_the_batch_that_changes_the_update_is_refused(command):
    with pytest.raises(ConfigError, match="--batch-gpu 1 cuts the minibatch-stddev groups of 2 images"):
        command("--batch-gpu", 1)
    assert not command.path.parent.exists()


@pytest.mark.parametrize("flags", [["--wandb"], ["--jit", "maybe"], ["--batch-size", "many"], ["--batchsize", "8"]])
def test_a_flag_that_cannot_be_read_is_one_line_of_whole_sentences(flags, capsys):
    with pytest.raises(SystemExit) as end:
        COMMAND.read(["--train", *flags])
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert flags[0] in line and re.search(r"[^.?][.?] Run \S+ -h for the list\.$", line)
