"""`hf://`: models are published with a card, fetched, and refused in one line, against a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import yaml
from huggingface_hub import constants, file_download
from PIL import Image

import gansformer_tf as gf
from gansformer_tf.cli import generate, push
from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.config import DataConfig, DiscriminatorConfig, ModelConfig, RunConfig
from gansformer_tf.data.download.cache import CACHE_VARIABLE
from gansformer_tf.hub.download import hub_snapshot
from gansformer_tf.hub.names import HubError, HubName, parse
from gansformer_tf.models.snapshot import SnapshotError, save_snapshot
from tests.hub.server import serving
from tests.models import tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    cache = tmp_path / "hub-cache"
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)  # between retries
        yield running


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with one snapshot and a measured metric."""
    folder = tmp_path_factory.mktemp("runs") / "squares-000"
    generator = tiny.generator(tiny.PAPER)
    config = RunConfig(
        model=ModelConfig(generator.config, DiscriminatorConfig(resolution=generator.config.resolution)),
        data=DataConfig(dataset="squares", data_dir="/home/ann/secret", num_images=1200),
    )
    folder.mkdir()
    path = save_snapshot(
        folder / "network-snapshot-000012.safetensors", generator=generator, config=config, metadata={"kimg": "12.000"}
    )
    record = {"snapshot": path.name, "kimg": 12, "values": {"fid": 8.25}, "manifest": {"network": "inception"}}
    other = {**record, "snapshot": "network-snapshot-000011.safetensors", "values": {"fid": 99.0}}
    (folder / "metric-fid.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (other, record)))
    return folder


def weights(run):
    return next(run.glob("*.safetensors")).read_bytes()


def test_round_trip(hub, run):
    model = gf.load(run)
    address = model.push_to_hub("ann/squares", license="mit", training_data="Squares drawn by hand.")
    number = hub.branches["ann/squares"]["main"]
    assert address == f"{hub.url}/ann/squares/commit/{number}"
    files = hub.commits["ann/squares"][number]
    assert {"model.safetensors", "config.json", "README.md", "samples.png"} <= set(files)
    again = gf.load("hf://ann/squares")
    np.testing.assert_array_equal(again.sample([1, 2]), model.sample([1, 2]))
    assert again.file is not None and again.file.title == "hf://ann/squares"
    assert RunConfig.from_json(files["config.json"].decode()) == again.snapshot.config
    assert not any(b"/home/ann" in content for content in files.values())


def test_the_card_says_what_the_model_is(hub, run, tmp_path):
    gf.load(run).push_to_hub("ann/squares", license="mit", training_data="Squares drawn by hand.")
    files = hub.commits["ann/squares"][hub.branches["ann/squares"]["main"]]
    _, head, body = files["README.md"].decode().split("---\n", 2)
    said = yaml.safe_load(head)
    assert (said["license"], said["library_name"]) == ("mit", "gansformer-tf")
    (results,) = said["model-index"][0]["results"]
    assert results["metrics"] == [{"type": "fid", "value": 8.25, "name": "fid"}]  # of this snapshot alone
    huggingface_hub.ModelCard(files["README.md"].decode())  # the library's own reader
    for part in (
        "Squares drawn by hand.",
        "| data set | squares, 1,200 images |",
        "| images seen | 12.000 thousand |",
        "| fid | 8.25 |",
        '"network": "inception"',
        "](samples.png)",
        "gansformer generate --model hf://ann/squares",
        "Weights: mit.",
    ):
        assert part in body, part
    (tmp_path / "samples.png").write_bytes(files["samples.png"])
    assert Image.open(tmp_path / "samples.png").size == (32, 32)


def test_branches_and_commits(hub, run):
    first = hub.commit("ann/squares", {"model.safetensors": weights(run)})
    gf.load(run).push_to_hub("ann/squares@next")
    assert set(hub.branches["ann/squares"]) == {"main", "next"} and hub.branches["ann/squares"]["main"] == first
    assert hub_snapshot(f"hf://ann/squares@{first}").read_bytes() == weights(run)
    assert hub_snapshot("hf://ann/squares@next").parent.name == hub.branches["ann/squares"]["next"]


def test_what_is_newer_is_fetched_and_what_is_known_is_not(hub, run):
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    old = hub_snapshot("hf://ann/squares")
    hub.seen.clear()
    assert hub_snapshot("hf://ann/squares") == old
    assert [method for method, _ in hub.seen] == ["HEAD"]
    hub.commit("ann/squares", {"model.safetensors": weights(run) + b" "})
    assert hub_snapshot("hf://ann/squares").read_bytes() == weights(run) + b" "


def test_without_a_connection_the_cache_serves(hub, run, monkeypatch, tmp_path):
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    path = hub_snapshot("hf://ann/squares")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert hub_snapshot("hf://ann/squares") == path
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": constants.HF_HUB_CACHE}
    code = "from gansformer_tf.hub.download import hub_snapshot; print(hub_snapshot('hf://ann/{}'))"
    results = [
        subprocess.run(
            [sys.executable, "-c", code.format(name)], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        for name in ("squares", "circles")
    ]
    assert results[0].stdout.strip() == str(path), results[0].stderr
    assert "hf://ann/circles is not in the cache and the hub cannot be reached" in results[1].stderr


def test_a_cut_download_goes_on_where_it_was(hub, run):
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    hub.cuts = 2
    assert hub_snapshot("hf://ann/squares").read_bytes() == weights(run)


def refused(named, error=UsageError):
    with pytest.raises(error) as caught:
        model_file(named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_download_that_never_ends_well_leaves_nothing(hub, run):
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    hub.cuts = -1
    assert refused("hf://ann/squares").startswith("hf://ann/squares cannot be downloaded (")
    assert not [file for file in Path(constants.HF_HUB_CACHE).rglob("*") if "blobs" in str(file) and file.is_file()]


def test_a_file_that_is_not_what_the_hub_announced_is_removed(hub, run):
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    hub.flip = True
    assert "is damaged: its checksum is another than the hub's" in refused("hf://ann/squares")
    hub.flip = False
    path = hub_snapshot("hf://ann/squares")  # downloaded anew
    with path.open("r+b") as file:
        file.write(b"x")  # changed in the cache
    assert "is damaged" in refused("hf://ann/squares")
    assert hub_snapshot("hf://ann/squares").read_bytes() == weights(run)


def test_what_cannot_be_had(hub, run):
    hub.commit("ann/gated", {"model.safetensors": weights(run)})
    hub.gated.add("ann/gated")
    hub.commit("ann/pickle", {"network-final.pkl": b"\x80\x04."})
    hub.commit("ann/disguised", {"model.safetensors": b"\x80\x04."})
    hub.commit("ann/text", {"notes.txt": b"hello"})
    hub.commit("ann/squares", {"model.safetensors": weights(run)})
    for named, message in {
        "hf://ann/nothing": "there is no hf://ann/nothing, or it is private; check the name, or log in",
        "hf://ann/gated": "hf://ann/gated asks its users to agree to terms; do so on its page, then log in",
        "hf://ann/squares@v9": "hf://ann/squares has no revision 'v9'; leave @v9 out",
        "hf://ann/pickle": "holds no model.safetensors but network-final.pkl, a pickle, which could run anything; it "
        "is not loaded. Download it yourself and convert it: gansformer convert network-final.pkl model.safetensors.",
        "hf://ann/disguised": "hf://ann/disguised holds a pickle under the name model.safetensors",
        "hf://ann/text": "holds no model.safetensors; it is no model of this package",
        "hf://squares": "'hf://squares' is no name of a model on the hub; write hf://user/name",
        "hf://ann/../x": "is no name of a model on the hub",
    }.items():
        assert message in refused(named)
    with pytest.raises(SnapshotError, match="there is no hf://ann/nothing"):
        gf.load("hf://ann/nothing")


def test_scripts_take_it_and_give_it(hub, run, tmp_path, capsys):
    assert push.main(push.COMMAND.read([run, "ann/squares", "--license", "mit"])) == 0
    assert "gansformer generate --model hf://ann/squares" in capsys.readouterr().out
    flags = ["--model", "hf://ann/squares", "--images-num", "1", "--output-dir", tmp_path / "images"]
    assert generate.main(generate.COMMAND.read(flags)) == 0
    assert (tmp_path / "images" / "seed0000.png").exists()
    found = model_file("hf://ann/squares@main")
    assert found.folder == tmp_path / "cache" / "hub" / "ann--squares@main"
    hub.read_only = True
    with pytest.raises(RunError, match=r"hf://ann/round cannot be written \(status 403\); log in"):
        push.main(push.COMMAND.read([run, "ann/round"]))
    with pytest.raises(UsageError, match="is no name of a model on the hub"):
        push.main(push.COMMAND.read([run, "round"]))


def test_names():
    assert parse("hf://ann/squares") == parse("ann/squares") == HubName("ann/squares")
    assert str(parse("ann/squares@v1.0")) == "hf://ann/squares@v1.0"


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r"needs the package huggingface_hub; install it: pip install"):
        hub_snapshot("hf://ann/squares")
