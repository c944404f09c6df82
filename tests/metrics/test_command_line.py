"""`--eval`, `--train --metrics` and `python -m gansformer_tf.metrics`, with a feature network of one matrix."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli import evaluation
from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.config import ConfigError, DataConfig, MetricConfig, RunConfig
from gansformer_tf.image_files import IMAGE, PANEL, SHEET, SOFTWARE, save_image
from gansformer_tf.metrics import __main__ as folders
from gansformer_tf.metrics import networks
from gansformer_tf.training.signals import StopRequest
from tests.metrics.runs import make_run
from tests.metrics.tiny import tiny_network

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(networks, "feature_network", lambda *_, **options: tiny_network())
    monkeypatch.setenv("GANSFORMER_TF_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with one snapshot, and the configuration in it."""
    return make_run(tmp_path_factory.mktemp("run"))


def arguments(*flags):
    return COMMAND.read(flags)


def test_flags_reach_the_configuration():
    flags = ("--metrics", "fid,is", "--eval-images-num", 100, "--inception-weights", "w.pth", "--fid-ddof", 0)
    typed = arguments(*flags).typed
    expected = {"metrics": ("fid", "is"), "images_num": 100, "inception_weights": "w.pth", "fid_ddof": 0}
    assert typed["metrics"] == expected
    config = RunConfig(metrics=MetricConfig(**expected))
    assert RunConfig.from_json(config.to_json()) == config


def test_eval_measures_the_newest_snapshot(run, capsys):
    path, _ = run
    evaluation.evaluate(arguments("--eval", "--metrics", "fid", "--eval-images-num", 12), path.parent)
    shown = capsys.readouterr().out
    assert "fid-tiny" in shown
    (record,) = [json.loads(line) for line in (path.parent / "metric-fid-tiny.jsonl").read_text().splitlines()]
    assert record["snapshot"] == path.name
    assert record["kimg"] == 7.5
    assert record["manifest"]["fake"]["count"] == 12
    assert record["manifest"]["fake"]["truncation_psi"] == 1.0
    assert record["manifest"]["real"]["count"] == 12
    assert f"{record['values']['fid']:.6g}" in shown
    assert not (path.parent / ".metrics").exists()


def test_full_names_compare_with_all_real_images(run, tmp_path):
    copy = tmp_path / "given.safetensors"
    copy.write_bytes(run[0].read_bytes())
    flags = ("--eval", "--pretrained-pkl", copy, "--metrics", "kid50k_full", "--eval-images-num", 12)
    evaluation.evaluate(arguments(*flags), tmp_path / "no-run")
    record = json.loads((tmp_path / "metric-kid-tiny.jsonl").read_text())
    assert (record["manifest"]["fake"]["count"], record["manifest"]["real"]["count"]) == (12, 24)


def test_eval_of_a_snapshot_from_elsewhere(run, tmp_path, capsys):
    path, _ = run
    copy = tmp_path / "given.safetensors"
    copy.write_bytes(path.read_bytes())
    evaluation.evaluate(arguments("--eval", "--pretrained-pkl", copy), tmp_path / "no-run")
    assert (tmp_path / "metric-fid-tiny.txt").read_text().startswith("given.safetensors  kimg 7.500  fid ")
    assert "16 generated images" in capsys.readouterr().out


def test_eval_of_a_snapshot_from_elsewhere_under_a_name(run, tmp_path):
    flags = ("--eval", "--pretrained-pkl", run[0], "--expname", "mine", "--eval-images-num", 9)
    evaluation.evaluate(arguments(*flags), tmp_path / "mine-000")
    record = json.loads((tmp_path / "mine-000" / "metric-fid-tiny.jsonl").read_text())
    assert record["manifest"]["fake"]["count"] == 9


def test_a_training_run_measures_its_snapshots(run, capsys):
    path, config = run
    assert evaluation.snapshot_meter(config, ["/CPU:0"]) is None
    metrics = MetricConfig(metrics=("kid", "attention"), images_num=8, kid_subset_size=4, kid_subsets=2)
    meter = evaluation.snapshot_meter(RunConfig(config.model, config.data, config.train, metrics), ["/CPU:0"])
    first, second = meter(path), meter(path)
    assert set(first) >= {"metric/kid-tiny", "metric/kid_std-tiny", "metric/attention_entropy"}
    assert first == second
    assert capsys.readouterr().out.count("Note: kid of 8 generated images") == 1


def test_ctrl_c_stops_the_metrics_and_tells_the_trainer(run, monkeypatch, capsys):
    path, config = run
    metrics = MetricConfig(metrics=("fid",), images_num=64)
    meter = evaluation.snapshot_meter(RunConfig(config.model, config.data, config.train, metrics), ["/CPU:0"])
    from gansformer_tf.metrics.images import GeneratedImages

    def press(self, start, stop, worker=0):
        os.kill(os.getpid(), signal.SIGINT)
        return np.zeros((stop - start, 8, 8, 3), np.uint8)

    monkeypatch.setattr(GeneratedImages, "read", press)
    with StopRequest(at_once=False) as trainer:
        assert meter(path) == {}
    assert trainer.requested
    assert "were stopped" in capsys.readouterr().out
    with pytest.raises(RunError, match="run the same command again"):
        evaluation.evaluate(arguments("--eval", "--eval-images-num", 64), path.parent)


def test_what_cannot_be_measured_is_told(run, tmp_path):
    path, config = run
    for flags, message in (
        (["--metrics", "none"], "measures nothing"),
        (["--metrics", "eqt"], "input cannot be moved"),
        (["--dataset", "nope"], "does not exist; prepare it first"),
        (["--feature-network", "x"], "--feature-network 'x' is unknown"),
        (["--pretrained-pkl", tmp_path / "none"], "no snapshot or run folder"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluation.evaluate(arguments("--eval", *flags), path.parent)
    with pytest.raises(UsageError, match="there is no run"):
        evaluation.evaluate(arguments("--eval"), tmp_path / "none-000")
    wrong = RunConfig(config.model, DataConfig("nope", str(tmp_path)), metrics=MetricConfig(metrics=("fid",)))
    with pytest.raises(UsageError, match="does not exist; prepare it first"):
        evaluation.snapshot_meter(wrong, ["/CPU:0"])


def fill(folder, seed, count=8):
    folder.mkdir()
    for index in range(count):
        pixels = np.random.RandomState(seed + index).randint(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def test_folders_from_anywhere(tmp_path, capsys):
    real, fake = fill(tmp_path / "real", 0), fill(tmp_path / "fake", 100)
    places = ["--real", str(real), "--fake", str(fake)]
    assert folders.main([*places, "--metrics", "fid,kid,pr", "--json"]) == 0
    output = capsys.readouterr()
    records = [json.loads(line) for line in output.out.splitlines()]
    assert [record["metric"] for record in records] == ["fid-tiny", "kid-tiny", "pr-tiny"]
    assert records[0]["manifest"]["real"]["folder"] == str(real)
    assert "8 generated images" in output.err
    assert folders.main(places) == 0
    assert f"{records[0]['values']['fid']:.6g}" in capsys.readouterr().out
    assert folders.main(["--real", str(real), "--fake", str(real)]) == 0
    same = float(capsys.readouterr().out.splitlines()[2].split()[1])
    assert abs(same) < 1e-6 * records[0]["values"]["fid"]


def test_sheets_and_hidden_names_are_no_images(tmp_path, capsys):
    real, fake = fill(tmp_path / "real", 0), fill(tmp_path / "fake", 100)
    places = ["--real", str(real), "--fake", str(fake)]
    assert folders.main(places) == 0
    expected = capsys.readouterr().out
    pixels = np.zeros((16, 8, 3), np.uint8)
    for name, kind in (("grid.png", SHEET), ("maps.jpg", PANEL)):
        save_image(fake / name, pixels, {"software": SOFTWARE, "kind": kind})
    save_image(fake / "sample.png", pixels[:8], {"software": SOFTWARE, "kind": IMAGE})
    (fake / "sample.png").replace(fake / "0.png")
    fill(fake / ".ipynb_checkpoints", 5)
    assert folders.main(places) == 0
    shown = capsys.readouterr()
    assert f"Note: {fake}: 2 sheet(s) and map(s) of generate.py left out." in shown.err
    assert "hidden" in shown.err
    assert shown.out.splitlines()[2].split()[3:] == expected.splitlines()[2].split()[3:]
    for path in fake.glob("[0-9].png"):
        path.unlink()
    assert folders.main(places) == 2
    assert "only sheets and attention maps that generate.py wrote (2)" in capsys.readouterr().err


def test_folders_with_mistakes(tmp_path, capsys):
    real = fill(tmp_path / "real", 0, count=2)
    (tmp_path / "empty").mkdir()
    for flags, message in (
        (["--fake", real], "--real is missing"),
        (["--fake", tmp_path / "empty", "--real", real], "no generated images"),
        (["--fake", real, "--real", real, "--metrics", "ppl"], "have fid, kid, is, pr"),
        (["--fake", real, "--real", real, "--metrics", "pr"], "needs at least 6 generated images, there are 2"),
        (["--fake", real, "--real", real, "--images-num", "1"], "--eval-images-num is 1"),
    ):
        assert folders.main([str(flag) for flag in flags]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert message in error
    with pytest.raises(SystemExit):
        folders.main(["--fake", str(real), "--size", "3by4"])
    assert "write height x width" in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    code = (
        "import runpy, sys\nsys.argv = ['x', '-h']\n"
        "try: runpy.run_module('gansformer_tf.metrics', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('LOADED', *({'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "LOADED"


def test_weights_that_no_network_takes_are_refused():
    with pytest.raises(ConfigError, match="inception-random has no use for them; leave them out"):
        MetricConfig(network="inception-random", inception_weights="w.pth")
