"""`prepare_data.py` as a person uses it: every source to a training step, checks, messages, exit statuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.prepare_data import COMMAND, main
from gansformer_tf.config.base import ConfigError
from tests.data import makers

ROOT = Path(__file__).parents[2]
COUNT = 9


def run(*flags: object, status: int = 0, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "prepare_data.py", *map(str, flags)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=150, env={**os.environ, **environment}
    )
    assert done.returncode == status, done.stdout + done.stderr[-3000:]
    return done


def error_of(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def train_step():
    from gansformer_tf.training.step import TrainStep
    from tests.training.tiny_networks import tiny_networks, tiny_train_config

    return TrainStep(*tiny_networks(), tiny_train_config())


def make_source(format: str, place: Path) -> Path:
    arrays = makers.random_images(COUNT, height=8, width=8)
    labels = [index % 2 for index in range(COUNT)]
    return {
        "png": lambda: makers.make_folder(place / "in", arrays),
        "hdf5": lambda: makers.make_hdf5(place / "x.h5", arrays),
        "lmdb": lambda: makers.make_lmdb(place / "in", arrays),
        "tfds": lambda: makers.make_tfds(place / "in", arrays, labels),
        "zip": lambda: makers.make_zip(place / "x.zip", arrays, labels),
        "tfrecords": lambda: makers.make_original(place / "in", arrays, labels),
        "npy": lambda: makers.make_npy(place / "in", arrays),
    }[format]()


@pytest.mark.parametrize("format", ["png", "hdf5", "lmdb", "tfds", "zip", "tfrecords", "npy"])
def test_source_through_the_script_to_a_training_step(format, tmp_path, train_step):
    from gansformer_tf.data.read.pipeline import training_dataset

    flags = ["--task", "set", "--images-dir", make_source(format, tmp_path), "--format", format]
    done = run(*flags, "--data-dir", tmp_path, "--resolution", 8, "--workers", 1)
    assert f"set: {COUNT} images of 8x8 in 1 shard(s)" in done.stdout
    batch = next(iter(training_dataset(tmp_path / "set", batch_size=8, seed=1)))
    before = [variable.numpy() for variable in train_step.generator.trainable_variables]
    train_step.run(1, batch["image"], batch["label"])
    after = [variable.numpy() for variable in train_step.generator.trainable_variables]
    assert all(np.isfinite(value).all() for value in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))


def test_scenes_inspect_verify_and_again(tmp_path):
    flags = ["--scenes", "--data-dir", tmp_path, "--resolution", 16, "--max-images", 20, "--shards-num", 2]
    assert "scenes: 20 images of 16x16 in 2 shard(s)" in run(*flags).stdout
    assert "already prepared with these settings" in run(*flags).stdout
    shown = run("--inspect", tmp_path / "scenes").stdout
    assert "20 of 16x16 (height x width), 3 channel(s)" in shown and "jpeg, 2 shard(s)" in shown
    assert (tmp_path / "scenes" / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "20 images" in run("--verify", tmp_path / "scenes").stdout
    shard = next((tmp_path / "scenes").glob("*00001-of-00002"))
    data = bytearray(shard.read_bytes())
    data[-100] ^= 1  # inside the last record
    shard.write_bytes(data)
    done = run("--verify", tmp_path / "scenes", status=1)
    assert "SHA-256 differs" in done.stdout and "corrupt record" in done.stdout
    assert "2 problem(s) in 20 images" in error_of(done)


def test_dry_run_writes_nothing(tmp_path):
    shown = run("--scenes", "--dry-run", "--data-dir", tmp_path / "d", "--resolution", 16).stdout
    assert "5000 images of 16x16 as jpeg in 1 shard(s), about" in shown and "Nothing was written" in shown
    shown = run("--clevr", "--bedrooms", "--dry-run", "--data-dir", tmp_path / "d", "--max-images", 1000).stdout
    assert "CLEVR_v1.0.zip (18 GB) and store 1000 images of 192x256" in shown and "bedroom_train_lmdb.zip" in shown
    assert not (tmp_path / "d").exists()


def test_rectangles_say_what_is_stored(tmp_path):
    shown = run("--scenes", "--data-dir", tmp_path, "--resolution", 64, "--ratio", 0.7, "--max-images", 4).stdout
    assert (
        "stored with 48x64 pixels (height x width): the shorter side must be a multiple of 16, and 45 is not" in shown
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "nothing to do: give --scenes"),
        (("--sceens",), "unknown flag --sceens. Did you mean --scenes?"),
        (("--scenes", "--resolution", "100"), "power of two from 8 to 4096; choose 128"),
        (("--scenes", "--resolution", "512"), "the renderer goes up to 256"),
        (("--task", "x"), "--task x needs --images-dir"),
        (("--task", "x", "--images-dir", "nowhere"), "nowhere does not exist"),
        (("--task", "x", "--images-dir", "nowhere", "--format", "png"), "the folder nowhere does not exist"),
        (("--images-dir", "tests"), "nothing to do"),
        (("--task", "x", "--task", "y", "--images-dir", "tests"), "belongs to one data set"),
        (("--scenes", "--inspect", "x"), "are separate jobs"),
        (("--inspect", "x", "--resolution", "64"), "--resolution says how a data set is made, --inspect looks at one"),
        (("--scenes", "--labels", "x.csv"), "--labels says how --images-dir is read; give that too"),
        (("--clevr", "--format", "png"), "--format says how --images-dir is read; give that too"),
        (("--inspect", "nowhere"), "nowhere does not exist"),
        (("--verify", "tests"), "tests is not a complete data set"),
        (("--scenes", "--source-archive", "x"), "belongs to one data set of the catalog"),
        (("--clevr", "--source-archive", "nowhere.zip"), "nowhere.zip does not exist"),
        (("--scenes", "--beam-options=x"), "needs --runner beam"),
        (("--scenes", "--beam-options", "--x", "--ratio", "1"), "put --ratio before it"),
        (("--scenes", "--workers", "-1"), "--workers is -1"),
        (("--task", "x", "--images-dir", "x.npy", "--value-range", "1,0"), "must be below the second"),
        (("--task", "x", "--images-dir", "x", "--array-shape", "3"), "is no shape"),
    ],
)
def test_wrong_usage_is_refused(flags, message, tmp_path, capsys, monkeypatch):
    """In this process, to save time; one of them as a subprocess below."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    try:
        main(COMMAND.read(["--data-dir", str(tmp_path / "d"), *flags]))
        raise AssertionError("accepted")
    except (UsageError, ConfigError) as error:
        shown = str(error)
    except SystemExit as error:
        assert error.code == 2
        shown = capsys.readouterr().err
    assert message in shown
    assert not (tmp_path / "d").exists()


def test_wrong_usage_is_one_line_and_status_2(tmp_path):
    done = run("--task", "x", "--images-dir", tmp_path, "--format", "png", status=2)
    assert "holds no .png, .apng, .webp, .bmp, .dib, .gif file; check --images-dir and --format" in error_of(done)


def test_bad_images_and_exit_status(tmp_path):
    place = makers.make_folder(tmp_path / "in", makers.random_images(4, height=8, width=8))
    (place / "bad.png").write_bytes(b"text")
    flags = ["--task", "set", "--images-dir", place, "--resolution", 8, "--workers", 1]
    done = run(*flags, "--data-dir", tmp_path / "skip")
    assert f"1 skipped, see {tmp_path / 'skip' / 'set' / 'bad_images.csv'}" in done.stdout
    done = run(*flags, "--data-dir", tmp_path / "stop", "--on-error", "stop", status=1)
    assert "bad.png: not a PNG, JPEG, WebP, BMP or GIF image. Repair or remove it" in error_of(done)


def test_help_is_grouped_and_loads_no_tensorflow():
    program = (
        "import sys; from gansformer_tf.cli.prepare_data import COMMAND; COMMAND.parser().format_help(); "
        "print([name for name in ('tensorflow', 'numpy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    shown = run("-h").stdout
    groups = ["what is prepared:", "how it is stored:", "checks:", "catalog:", "details of the images:"]
    places = [shown.index(group) for group in groups]
    assert places == sorted(places)


def test_a_killed_parent_takes_its_workers_along(tmp_path):
    import psutil

    place = makers.make_folder(tmp_path / "in", makers.random_images(60, height=96, width=96))
    command = [sys.executable, "prepare_data.py", "--task", "set", "--images-dir", str(place), "--encoding", "png"]
    command += ["--data-dir", str(tmp_path), "--resolution", "256", "--workers", "2"]
    process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = []
    while process.poll() is None and len(workers) < 2:
        workers = process.children()
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert len(workers) == 2, "it was over before its workers were seen"
    assert psutil.wait_procs(workers, timeout=20)[1] == []
