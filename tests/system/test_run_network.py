"""`run_network.py` as a person uses it: subprocesses on a very small model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = [
    "--gansformer-default",
    "--components-num",
    "2",
    "--latent-size",
    "8",
    "--channel-base",
    "32",
    "--channel-max",
    "4",
    "--mapping-layersnum",
    "2",
    "--g-end-res",
    "4",
    "--batch-size",
    "8",
    "--batch-gpu",
    "4",
    "--tick-kimg",
    "0.016",
    "--snapshot-ticks",
    "1",
]


def command(*flags: object) -> list[str]:
    return [sys.executable, "run_network.py", *map(str, flags)]


def run(*flags: object, status: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(command(*flags), cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == status, done.stdout + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.prepare import prepare
    from gansformer_tf.data.sources.scenes import SceneSource

    folder = tmp_path_factory.mktemp("system")
    prepare(SceneSource(32, (8, 8)), PrepareConfig(name="scenes8", resolution=8), folder / "datasets")
    return folder


@pytest.fixture(scope="module")
def where(folders):
    return ["--dataset", "scenes8", "--data-dir", folders / "datasets", "--result-dir", folders / "results"]


@pytest.fixture(scope="module")
def trained(folders, where):
    """A run that was interrupted with Ctrl-C and then went on to its end: (folder, outputs)."""
    flags = ["--train", *SMALL, "--expname", "small", *where]
    process = subprocess.Popen(
        command(*flags, "--total-kimg", 1000), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    metrics = folders / "results" / "small-000" / "metrics.jsonl"
    deadline = time.monotonic() + 450
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    second = run(*flags, status=1)
    process.send_signal(signal.SIGINT)
    first = process.communicate(timeout=300)[0]
    assert process.returncode == 0, first
    kimg = json.loads(metrics.read_text().splitlines()[-1])["kimg"]
    resumed = run(*flags, "--total-kimg", kimg + 0.04)
    return folders / "results" / "small-000", first, second, resumed.stdout


def test_help_lists_every_flag_and_loads_nothing():
    text = run("-h").stdout
    assert text.index("what you need first") < text.index("--train [BOOL]") < text.index("experiment:")
    for flag in ("--ganformer-default", "--minibatch-size", "--mapping-ltnt2ltnt", "--vis-layer-maps", "--merge-same"):
        assert flag in text


def test_training_is_interrupted_saved_and_resumed(trained):
    folder, first, _, resumed = trained
    assert "No GPU found: computing on the CPU." in first or "GPU" in os.environ.get("CUDA_VISIBLE_DEVICES", "")
    assert "Run the same command again to go on from here." in first
    stopped = re.search(r"Training stopped at [\d.]+ kimg \(step (\d+)\)", first).group(1)
    assert f"(step {stopped})" in re.search(r"Resuming .*", resumed).group(0)
    assert "Training finished" in resumed
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))


def test_the_bar_shows_speed_and_losses(trained):
    _, first, _, _ = trained
    assert re.search(r"kimg \[.*img/s, [\d.]+ s/kimg, ETA .* G [\d.-]+ D [\d.-]+", first)
    assert re.search(r"tick \d+ .*kimg .*img/s .*s/kimg .*memory \d+ MB", first)


def test_a_second_trainer_is_refused(trained):
    _, _, second, _ = trained
    lines = [line for line in second.stderr.splitlines() if "error" in line]
    assert len(lines) == 1
    assert re.search(
        r"run_network.py: error: the run .*small-000 is being trained by another process .pid \d+", lines[0]
    )


def test_the_run_folder_holds_everything(trained):
    from gansformer_tf.config import RunConfig
    from gansformer_tf.models.snapshot import load_snapshot

    folder, *_ = trained
    config = RunConfig.load(folder / "config.json")
    assert config.model.generator.resolution == 8
    assert config.model.generator.num_components == config.model.discriminator.num_components == 2
    assert config.train.batch_size_per_replica == 4
    assert list((folder / "tensorboard").glob("events*"))
    assert (folder / "samples" / "reals.png").exists()
    assert list((folder / "samples").glob("fakes-*.png"))
    snapshot = load_snapshot(folder)
    assert snapshot.config == config
    assert snapshot.discriminator is not None
    record = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"loss/g", "loss/d", "score/real", "gradient_norm/g", "img_per_second", "peak_memory_mb"} <= record.keys()


def test_a_run_keeps_its_networks(trained, where):
    other = ["--components-num", 4, "--latent-size", 16]
    error = run("--train", *SMALL, "--expname", "small", *where, *other, status=2).stderr
    assert "started with generator.latent_size = 8, now it is 16" in error
    assert "--restart" in error


def test_without_train_the_networks_are_shown_and_nothing_is_written(where, folders):
    before = sorted(path.name for path in (folders / "results").glob("*"))
    text = run(*SMALL, "--expname", "fresh", *where).stdout
    assert re.search(r"^Generator +parameters +output shape +weight shape$", text, re.M)
    assert re.search(r"^together, per device +[\d,]+$", text, re.M)
    assert "Nothing was started" in text
    assert sorted(path.name for path in (folders / "results").glob("*")) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train"], "--dataset is missing"),
        (["--train", "--dataset", "nope"], "does not exist; prepare it first"),
        (["--train", "--resolution", 100], "is not a power of two"),
        (["--train", "--resolution", 32], "have 8x8 pixels"),
        (["--train", "--gansformer-default", "--latent-size", 100], "--latent-size 96"),
        (["--componets-num", 4], "unknown flag --componets-num. Did you mean --components-num?"),
        (["--train", "--style", "maybe"], "neither true nor false"),
        (["--train", "--baseline", "GAN", "--gansformer-default"], "use one of them"),
        (["--train", "--expname", "../x"], "expname is '../x'"),
        (["--eval"], "there is no run"),
        (["--eval", "--metrics", "fie"], "--metrics is 'fie'; it must be one of: fid, kid"),
        (["--vis", "--expname", "none"], "there is no run"),
        (["--train", "--gamma", -1], "gamma is -1.0"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(folders, flags, message):
    place = ["--data-dir", folders / "datasets", "--result-dir", folders / "bad"]
    dataset = [] if "--dataset" in flags or flags == ["--train"] else ["--dataset", "scenes8"]
    done = run(*flags, *dataset, *place, status=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert message in lines[0]
    assert not (folders / "bad").exists()


def test_an_unreadable_configuration_is_one_line(folders, where):
    folder = folders / "results" / "broken-000"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model": 3')
    error = run("--train", "--expname", "broken", *where, status=2).stderr
    assert "broken-000/config.json is not valid JSON" in error
    assert [path.name for path in folder.iterdir()] == ["config.json"]


@pytest.mark.parametrize("text", ["--style False", "--style=False", "--style", "--metrics none", "--fused-modconv no"])
def test_published_spellings_are_accepted(text):
    from gansformer_tf.cli.flags import COMMAND

    sections = COMMAND.read(text.split()).typed
    if "style" in text:
        assert sections["generator"] == {"style": "False" not in text}
