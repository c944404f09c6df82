"""What a run writes about itself beside its weights."""

from __future__ import annotations

import errno
import json
import re
import sys
import types

import numpy as np
import pytest

from gansformer_tf.config import DataConfig, RunConfig
from gansformer_tf.files import read_json_lines
from gansformer_tf.models.snapshot import find_snapshot
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.logs import peak_memory_mb
from gansformer_tf.training.recorder import Recorder
from gansformer_tf.training.report import write_report
from gansformer_tf.training.run_dir import RunDir
from tests.training.tiny_networks import tiny_model_config, tiny_networks, tiny_train_config


class Step:
    """The networks as `TrainStep` holds them."""

    def __init__(self) -> None:
        self.generator, self.discriminator, self.ema_generator = tiny_networks()

    def samples(self, count: int) -> None:
        """There are none but what the generator draws."""

    def concerns(self, record: object) -> list[str]:
        return []


TICK = {
    "step": 8, "tick": 1, "kimg": 0.064, "seconds": 3.0, "img_per_second": 20.0, "seconds_per_kimg": 50.0,
    "peak_memory_mb": 300.0, "skipped_steps": 0, "data_wait_share": 0.5, "loss/g": 1.0, "loss/d": 0.7,
    "seconds/G": 0.1, "seconds/D": 0.2,
}  # fmt: skip


@pytest.fixture
def make(tmp_path):
    def build(said, step=0, meter=None, **changes):
        run_dir = RunDir(tmp_path / "run-000")
        run_dir.create()
        config = RunConfig(model=tiny_model_config(), data=DataConfig(dataset="x"), train=tiny_train_config(**changes))
        run_dir.write_config(config)
        return run_dir, Recorder(config, run_dir, Step(), said.append, step, meter)

    return build


def test_a_tick_is_logged_shown_and_warned_about(make):
    said = []
    run_dir, recorder = make(said)
    recorder.tick(TICK)
    recorder.close()
    assert read_json_lines(run_dir.metrics) == [TICK]
    assert "seconds G 0.1 D 0.2" in said[0] and "50.0 s/kimg" in said[0]
    assert said[1].startswith("WARNING: 50% of the time went into waiting for images")


@pytest.mark.parametrize(("platform", "megabytes"), [("linux", 2048.0), ("darwin", 2.0)])
def test_peak_memory_in_the_units_of_the_system(platform, megabytes, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("resource.getrusage", lambda who: types.SimpleNamespace(ru_maxrss=2 << 20))
    assert peak_memory_mb() == megabytes


def test_peak_memory_that_nobody_tells_is_left_out(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    said = []
    run_dir, recorder = make(said)
    recorder.tick(TICK | {"peak_memory_mb": peak_memory_mb()})
    recorder.close()
    assert "memory" not in said[0]
    assert read_json_lines(run_dir.metrics)[0]["peak_memory_mb"] is None
    assert "not known" in write_report(run_dir).read_text()


def test_the_report_draws_what_it_finds(make):
    run_dir, recorder = make([])
    for kimg in (1.0, 2.0):
        recorder.tick(
            TICK | {"kimg": kimg, "penalty/mine": kimg, "penalty/r2": 1.0, "seconds/X": 1.0, "score/sign": 0.5}
        )
    recorder.close()
    page = write_report(run_dir).read_text()
    panels = dict(re.findall(r"<figcaption>(.*?) &nbsp; (.*?)</figcaption>", page))
    shown = {title: re.findall(r"</span> (\S+)", legend) for title, legend in panels.items()}
    assert shown["Penalties"] == ["penalty/mine", "penalty/r2"]
    assert shown["Seconds per phase"] == ["seconds/G", "seconds/D", "seconds/X"]
    assert "score/sign" not in page.partition("Configuration")[0]
    assert page.count("<polyline") == sum(map(len, shown.values()))


def test_a_snapshot_leaves_networks_samples_numbers_and_report(make):
    said, measured = [], []
    run_dir, recorder = make(said, meter=lambda path: measured.append(path) or {"fid": 12.5}, keep_snapshots=1)
    recorder.snapshot(8, 1.0)
    recorder.snapshot(8, 1.0)  # nothing new
    recorder.close()
    run_dir, recorder = make(said, step=8, keep_snapshots=1)
    recorder.snapshot(16, 2.0)
    recorder.close()
    first, second = read_json_lines(run_dir.snapshots)
    assert (first["step"], first["fid"], first["snapshot"]) == (8, 12.5, "network-snapshot-000001.safetensors")
    assert "fid" not in second and second["diversity"] > 0
    assert [path.name for path in measured] == ["network-snapshot-000001.safetensors"]
    assert [path.name for path in run_dir.path.glob("*.safetensors")] == ["network-snapshot-000002.safetensors"]
    assert sorted(path.name for path in run_dir.samples.iterdir()) == ["fakes-000001.png", "fakes-000002.png"]
    page = (run_dir.path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2 and "component_mixing" in page
    assert "aria-label='fid'" in page and "aria-label='Diversity of the fixed samples'" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_snapshots_of_one_kimg_keep_apart(make):
    """With ticks shorter than one kimg; the oldest go first, by kimg and not by name."""
    run_dir, recorder = make([], keep_snapshots=3)
    for step, kimg in enumerate((1.984, 2.0, 2.016, 2.048), start=1):
        recorder.snapshot(step, kimg)
    recorder.close()
    texts = ["000002", "000002.016", "000002.048"]
    assert {path.name for path in run_dir.path.glob("*.safetensors")} == {
        f"network-snapshot-{text}.safetensors" for text in texts
    }
    names = [record["snapshot"] for record in read_json_lines(run_dir.snapshots)]
    assert names == [f"network-snapshot-{text}.safetensors" for text in ("000001.984", *texts)]
    assert {path.name for path in run_dir.samples.iterdir()} == {f"fakes-{text}.png" for text in ("000001.984", *texts)}
    page = (run_dir.path / "report.html").read_text()
    assert re.findall(r"<figcaption>([\d.]+) kimg</figcaption>", page) == ["1.984", "2", "2.016", "2.048"]
    assert find_snapshot(run_dir.path).name == "network-snapshot-000002.048.safetensors"


def test_a_stop_leaves_out_images_and_metrics(make):
    run_dir, recorder = make([], meter=lambda path: pytest.fail("metrics take long"))
    recorder._stopping = lambda: True
    recorder.snapshot(8, 1.0)
    recorder.close()
    (record,) = read_json_lines(run_dir.snapshots)
    assert record == {"step": 8, "kimg": 1.0, "snapshot": "network-snapshot-000001.safetensors"}
    assert not list(run_dir.samples.iterdir()) and (run_dir.path / "report.html").exists()


def test_a_wgan_gets_no_alarm(make):
    said = []
    _, recorder = make(said, d_loss="wgan")
    recorder.tick(TICK | {"data_wait_share": 0.0, "score/real_sign": 1.0, "loss/d": -0.2})
    recorder.close()
    assert not [line for line in said if "WARNING" in line]


class Full:
    """A file on a full disk: what is left in its buffer cannot be written when it is closed either."""

    name = "metrics.jsonl"

    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        self.flush()


def test_a_full_disk_names_the_file(make):
    _, recorder = make([], summarize=False)
    recorder.log._ticks.close()
    recorder.log._ticks = Full()
    with pytest.raises(OSError, match="No space left") as caught:
        recorder.tick(TICK)
    assert caught.value.filename == "metrics.jsonl"
    recorder.close()  # not told twice


def test_records_after_the_step_a_run_resumes_from_are_dropped(make):
    run_dir, recorder = make([])
    for step in (8, 16):
        recorder.tick(TICK | {"step": step})
        recorder.snapshot(step, step / 8)
    recorder.close()
    run_dir, recorder = make([], step=8)
    recorder.close()
    assert [record["step"] for record in read_json_lines(run_dir.metrics)] == [8]
    assert [record["step"] for record in read_json_lines(run_dir.snapshots)] == [8]


def test_samples_that_become_alike_are_reported(make):
    said = []
    _, recorder = make(said)
    recorder.snapshot(8, 1.0)
    generator = recorder.train_step.ema_generator
    generator.set_weights([np.zeros_like(weight) for weight in generator.get_weights()])
    recorder.snapshot(16, 2.0)
    recorder.close()
    assert any("may have collapsed" in line for line in said)


def test_the_report_of_a_run_without_records(tmp_path):
    run_dir = RunDir(tmp_path / "new-000")
    run_dir.create()
    assert "Nothing was logged yet" in write_report(run_dir).read_text()


def test_curves_skip_what_was_not_finite(tmp_path):
    run_dir = RunDir(tmp_path / "new-000")
    run_dir.create()
    records = [TICK, TICK | {"step": 16, "kimg": 0.128, "loss/g": None}, TICK | {"step": 24, "kimg": 0.2}]
    run_dir.metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    page = write_report(run_dir).read_text()
    assert page.count("<polyline") == page.count("&#9632;") > 3
    assert "aria-label='Seconds per phase'" in page
    assert "None" not in page.split("<pre>")[0] and "nan" not in page.split("<pre>")[0]


class FakeWandb(types.ModuleType):
    """Records what is sent, with the names of the real package."""

    class Error(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("wandb")
        self.calls = []

    def init(self, **options):
        if options["project"] == "refused":
            raise self.Error("permission denied\nmore")
        self.calls.append(("init", options))
        return self

    def Image(self, image):
        return image.shape

    def log(self, values, step):
        self.calls.append((step, values))

    def finish(self):
        self.calls.append(("finish", None))


def test_weights_and_biases_gets_numbers_and_images(make, monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    identities = []
    for _ in range(2):  # the second is a resumed run
        _, recorder = make([], wandb_project="scenes", sample_columns=2, sample_rows=1)
        recorder.tick(TICK)
        recorder.snapshot(8, 1.0)
        recorder.close()
        options = fake.calls[0][1]
        assert options["project"] == "scenes" and options["name"] == "run-000"
        assert options["config"]["train"]["component_mixing"] == 0.5
        identities.append(options["id"])
        assert (8, TICK) in fake.calls
        assert fake.calls[-1] == ("finish", None)
        fake.calls.clear()
    assert identities[0] == identities[1]
    with pytest.raises(TrainingError, match="refuses the run: permission denied Log in"):
        make([], wandb_project="refused")


def test_without_the_package_the_flag_is_an_error(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrainingError, match="--wandb needs the wandb package"):
        make([], wandb_project="scenes")
