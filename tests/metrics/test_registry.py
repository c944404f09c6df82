"""A metric is one file and one record: a toy that only the tests know goes every way that the others go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli import evaluation
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.config import ConfigError, MetricConfig
from gansformer_tf.config.metric_records import METRICS, Metric, metric_of, register, resolve
from gansformer_tf.metrics import __main__ as folders
from gansformer_tf.metrics.best import RECORD, keep_best
from gansformer_tf.metrics.results import Result
from tests.metrics.runs import make_run
from tests.metrics.toy_metric import BRIGHTNESS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy(monkeypatch):
    with pytest.raises(ConfigError, match="--metrics is 'brightness'; it must be one of: fid, kid"):
        MetricConfig(metrics=("brightness",))
    register(BRIGHTNESS)
    yield BRIGHTNESS
    METRICS.pop(BRIGHTNESS.name)


def test_every_metric_has_what_its_record_says():
    for metric in METRICS.values():
        module = metric.load()
        assert callable(module.measure)
        assert metric.own_rows == callable(getattr(module, "task", None))


def test_a_name_is_given_once():
    for name, aliases in (("fid", {}), ("new", {"fid50k": {}})):
        with pytest.raises(ValueError, match="there is already a metric 'fid"):
            register(Metric(name, "nowhere", aliases=aliases))


def test_aliases_bring_their_settings():
    assert resolve(("fid50k_full", "pr", "nothing")) == (("fid", "pr", "nothing"), {"fid_ddof": 0, "all_reals": True})
    assert metric_of("kid-inception-random-0").name == "kid"


def test_a_new_metric_measures_a_run_from_the_command_line(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANSFORMER_TF_CACHE", str(tmp_path / "cache"))
    path, config = make_run(tmp_path)
    parsed = COMMAND.read(["--eval", "--metrics", "light50k"])
    assert parsed.typed["metrics"] == {"metrics": ("brightness",), "images_num": 10}
    evaluation.evaluate(parsed, path.parent)
    shown = capsys.readouterr().out
    record = json.loads((path.parent / "metric-brightness.jsonl").read_text())
    assert f"brightness  {record['values']['brightness']:.6g}" in shown
    assert "Note: brightness is a toy." in shown
    assert record["manifest"]["fake"]["count"] == 10

    metrics = MetricConfig(metrics=("brightness",), images_num=3)
    meter = evaluation.snapshot_meter(type(config)(config.model, config.data, config.train, metrics), ["/CPU:0"])
    assert set(meter(path)) == {"metric/brightness"}
    assert json.loads((path.parent / RECORD).read_text())["metric"] == "brightness"
    assert keep_best(path, Result("brightness", {"brightness": -1.0}, {}))  # less is better
    assert not keep_best(path, Result("brightness", {"brightness": 300.0}, {}))


def test_a_new_metric_measures_folders(toy, tmp_path, capsys):
    for index in range(4):
        Image.fromarray(np.full((8, 8, 3), 10 * index, np.uint8)).save(tmp_path / f"{index}.png")
    assert folders.main(["--fake", str(tmp_path), "--metrics", "brightness", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["values"] == {"brightness": 15.0}
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").unlink()
    assert folders.main(["--fake", str(tmp_path), "--metrics", "brightness"]) == 2
    assert "metric brightness needs at least 3 generated images, there are 2" in capsys.readouterr().err


def test_the_list_of_metrics_loads_nothing_heavy():
    code = (
        "import sys\nimport gansformer_tf.config.metric_records\n"
        "print(*({'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
