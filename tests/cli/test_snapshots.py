"""What may be named as a model: run folders, snapshots, pickles of other code bases, published ones."""

from __future__ import annotations

import shutil

import pytest

from gansformer_tf.api.sources import ModelFile
from gansformer_tf.cli import generate
from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.convert import catalog
from gansformer_tf.data.download.cache import CACHE_VARIABLE
from tests.convert import hostile, samples

NAME = next(name for name in samples.names() if name.startswith("stylegan2"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pickle_file(tmp_path):
    path = tmp_path / "theirs" / "network-snapshot-000120.pkl"
    path.parent.mkdir()
    path.write_bytes(samples.content(NAME))
    return path


def test_pickles_and_the_folders_of_their_runs(pickle_file, cache, capsys):
    found = model_file(pickle_file)
    assert found.path.parent == cache / "imported" and found.path.suffix == ".safetensors"
    assert (found.folder, found.title) == (pickle_file.parent, "network-snapshot-000120")
    assert capsys.readouterr().out.startswith(f"Imported {pickle_file} (TensorFlow 1, GANformer); kept as ")
    shutil.copy(pickle_file, pickle_file.with_name("network-snapshot-000119.pkl"))
    assert model_file(str(pickle_file.parent)) == found  # the newest of a folder
    assert capsys.readouterr().out == ""  # and not converted again
    ours = pickle_file.with_name("network-snapshot-000001.safetensors")
    shutil.copy(found.path, ours)
    assert model_file(pickle_file.parent).path == ours  # snapshots of ours come first
    assert model_file(ours) == ModelFile(ours, ours.parent, "theirs, network-snapshot-000001")


def test_published_ones(pickle_file, monkeypatch):
    asked = []
    monkeypatch.setattr(catalog, "published_snapshot", lambda name, bar: asked.append(name) or pickle_file)
    assert model_file("gdrive:ffhq-snapshot.pkl").folder == pickle_file.parent
    assert asked == ["gdrive:ffhq-snapshot.pkl"]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("missing.pkl", "no snapshot or run folder at missing.pkl"),
        (".", ". holds no network-snapshot-"),
        (
            "gdrive:ffhq-snapshot",
            "gdrive:ffhq-snapshot is no published snapshot; did you mean gdrive:ffhq-snapshot.pkl",
        ),
        ("text.pkl", "text.pkl is neither a snapshot of this package nor a pickle"),
        ("evil.pkl", "evil.pkl cannot be imported: it is a pickle of os.system"),
    ],
)
def test_what_cannot_be_used(named, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pkl").write_text("hello")
    (tmp_path / "evil.pkl").write_bytes(hostile.content("the result of os.system"))
    with pytest.raises(UsageError) as error:
        model_file(named)
    assert str(error.value).startswith(message) and str(error.value).isprintable()
    assert not (tmp_path / "RAN").exists()


def test_generate_takes_a_pickle(pickle_file, tmp_path, capsys):
    flags = ["--model", str(pickle_file), "--images-num", "1", "--output-dir", str(tmp_path / "images")]
    assert generate.main(generate.COMMAND.read(flags)) == 0
    assert (tmp_path / "images" / "seed0000.png").exists()
    assert "1 image written" in capsys.readouterr().out


def test_pretrained_pkl_says_what_it_takes():
    (flag,) = (flag for flag in COMMAND.flags if flag.name == "--pretrained-pkl")
    assert ".pkl" in flag.help and "gdrive:NAME" in flag.help
