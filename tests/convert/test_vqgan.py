"""Published VQGAN checkpoints: their numbers, what is left out, and files that are refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from gansformer_tf.api.sources import model_file
from gansformer_tf.cli import generate
from gansformer_tf.config.vqgan import CodeSampling, VQGANConfig
from gansformer_tf.convert import __main__ as command
from gansformer_tf.convert import cache, closed_pickle, from_vqgan
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import read_lightning
from gansformer_tf.convert.vqgan_checkpoint import read_checkpoint
from gansformer_tf.convert.vqgan_config import read_yaml
from gansformer_tf.data.download.cache import CACHE_VARIABLE
from gansformer_tf.models.snapshot import SnapshotError, load_snapshot
from tests.convert import fuzz, hostile
from tests.convert.checkpoints import GOLDEN, archive, tensor, unpacked
from tests.convert.makers import Name
from tests.models.vqgan.golden import Golden, check_forward

# Files that the process of its own is shown as well; each costs a start of Python.
IN_A_PROCESS = (
    "a weight that is os.system",
    "a storage that is a path",
    "members that are compressed",
    "half an archive",
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return from_vqgan(unpacked("stage1_tiny", tmp_path_factory.mktemp("first")))


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    return from_vqgan(unpacked("stage2_tiny_class", tmp_path_factory.mktemp("second")))


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text.isprintable() and 10 < len(text) < 400
    return text


def test_the_first_stage(first):
    golden, model = Golden("stage1_tiny_expected"), first.model
    images = golden.images("in/x")
    check_forward(model.encode(images), golden["out/z"])
    reconstruction, loss, codes = model(images)
    np.testing.assert_array_equal(np.ravel(codes), golden["out/indices"])
    assert np.abs(reconstruction - golden.images("out/rec")).max() < 1e-3
    assert np.abs(model.decode_codes(codes) - golden.images("out/rec_from_indices")).max() < 1e-3
    check_forward(loss, golden["out/qloss"])
    check_forward(first.discriminator(images), golden["out/disc_logits_eval"])


def test_what_is_left_out_of_the_first_stage(first):
    lines = "\n".join(first.lines())
    assert "stage1_tiny.ckpt: VQGAN, stage 1, as " in lines
    assert "not imported: loss.perceptual_loss.* (33 arrays): weights of the distance it was trained with" in lines
    assert "not imported: optimizer_states: state of the optimizers; training starts afresh" in lines
    assert "not imported: callbacks: state of the program that trained it" in lines
    assert "not imported: 2 arrays: counters of batches" in lines


def test_the_second_stage(second):
    golden, model = Golden("stage2_tiny_class_expected"), second.model
    assert isinstance(model.config, VQGANConfig) and second.discriminator is None
    images, labels = golden.images("in/x"), tf.one_hot(golden["in/labels"], 10)
    codes = model.encode(images)
    np.testing.assert_array_equal(codes, golden["out/tokens"])
    assert np.abs(model.decode(codes) - golden.images("out/rec")).max() < 1e-3
    logits = model.transformer(codes, labels)
    check_forward(logits, golden["out/logits"])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(codes, tf.int32), logits)
    check_forward(tf.reduce_mean(losses), golden["out/loss"])
    greedy, z = CodeSampling(top_k=1), np.zeros((2, 64), np.float32)
    drawn = model.draw(z, labels, greedy)
    np.testing.assert_array_equal(drawn, golden["out/greedy_tokens"])
    assert np.abs(model.decode(drawn) - golden.images("out/greedy_image")).max() < 1e-3
    half = model.draw(z[:1], labels[:1], greedy, known=codes[:1, :32])
    np.testing.assert_array_equal(half, golden["out/greedy_half_tokens"])


def test_what_is_left_out_of_the_second_stage(second):
    assert "not imported: 2 arrays: masks, which are computed" in second.lines()


# -- the command -------------------------------------------------------------------------------------------------------


def test_a_checkpoint_becomes_a_snapshot_that_generate_draws_from(second, capsys):
    source = unpacked("stage2_tiny_class", Path())
    source.with_suffix(".yaml").rename("other.yaml")
    assert command.main([str(source), "both.safetensors", "--yaml", "other.yaml"]) == 0
    assert "VQGAN, both stages, as other.yaml says" in capsys.readouterr().out
    loaded = load_snapshot("both.safetensors")
    assert loaded.metadata["source_kind"] == "PyTorch Lightning, VQGAN" and loaded.metadata["source"] == source.name
    greedy, z, labels = CodeSampling(top_k=1), np.zeros((2, 64), np.float32), tf.one_hot([0, 3], 10)
    np.testing.assert_array_equal(loaded.generator.draw(z, labels, greedy), second.model.draw(z, labels, greedy))
    drawn = ["--model", "both.safetensors", "--images-num", "2", "--labels", "0,3", "--gpus", "none"]
    assert generate.main(generate.COMMAND.read(drawn)) == 0
    assert sorted(path.name for path in Path("images").iterdir()) == ["seed0000.png", "seed0001.png"]


def test_a_first_stage_becomes_a_snapshot_of_it(first, capsys):
    source = unpacked("stage1_tiny", Path())
    assert command.main([str(source), "first.safetensors"]) == 0
    loaded, golden = load_snapshot("first.safetensors").generator, Golden("stage1_tiny_expected")
    np.testing.assert_array_equal(np.ravel(loaded.encode(golden.images("in/x"))), golden["out/indices"])
    assert np.abs(loaded.decode(loaded.encode(golden.images("in/x"))) - golden.images("out/rec")).max() < 1e-3


def test_what_the_command_refuses(capsys):
    source = unpacked("stage1_tiny", Path())
    source.with_suffix(".yaml").unlink()
    Path("old.pkl").write_bytes(b"")
    assert command.main([str(source), "new.safetensors"]) == 2
    assert command.main(["old.pkl", "new.safetensors", "--yaml", "other.yaml"]) == 2
    without, beside = capsys.readouterr().err.splitlines()
    assert "without its configuration" in without
    assert beside == "error: --yaml other.yaml goes with a .ckpt file; leave it out for old.pkl."
    assert not Path("new.safetensors").exists()


# -- the configuration -------------------------------------------------------------------------------------------------


def test_a_checkpoint_without_its_yaml():
    path = unpacked("stage1_tiny", Path())
    path.with_suffix(".yaml").unlink()
    with pytest.raises(
        ForeignFileError, match="without its configuration: there is no stage1_tiny.yaml beside it. Give"
    ):
        from_vqgan(path)


def test_the_yaml_of_a_run_is_found():
    for name in ("run/checkpoints", "run/configs"):
        os.makedirs(name)
    path = unpacked("stage1_tiny", Path("run/checkpoints"))
    path.with_suffix(".yaml").rename("run/configs/2021-04-01T10-00-00-project.yaml")
    found = from_vqgan(path)
    assert str(found.configuration) == "run/configs/2021-04-01T10-00-00-project.yaml"
    Path("run/configs/2021-04-02T10-00-00-project.yaml").write_text("{}")
    with pytest.raises(ForeignFileError, match="has 2 configurations, such as .*; name one of them"):
        from_vqgan(path)


def changed_yaml(name: str, *path: str, value: object = None) -> Path:
    """The YAML file of a stored checkpoint with another value at a dotted place."""
    values = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    target = Path("changed.yaml")
    target.write_text(yaml.safe_dump(values))
    return target


NET = ("model", "params", "ddconfig")
SECOND = ("model", "params")


@pytest.mark.parametrize(
    "name, place, value, message",
    [
        ("stage1_tiny", ("extra",), 1, "unknown key 'extra' in the file"),
        ("stage1_tiny", ("model", "params", "tricks"), 1, "unknown key 'tricks' in model.params"),
        ("stage1_tiny", (*NET, "use_timestep"), True, "unknown key 'use_timestep' in model.params.ddconfig"),
        ("stage1_tiny", (*NET, "double_z"), True, "model.params.ddconfig.double_z is True; only False is supported"),
        ("stage1_tiny", (*NET, "resolution"), 15, "height is 15; the 2 levels halve it 1 times"),
        ("stage1_tiny", (*NET, "ch"), "wide", "channels is 'wide'; it must be of type int"),
        ("stage1_tiny", (*NET, "ch_mult"), ["a"], "a value has the wrong type"),
        ("stage1_tiny", NET, None, "model.params.ddconfig is missing or no mapping of keys"),
        ("stage1_tiny", ("model", "params", "remap"), "used.npy", "model.params.remap is 'used.npy'; only None"),
        ("stage1_tiny", ("model", "target"), "os.system", "model.target is 'os.system'; supported: taming.models"),
        ("stage1_tiny", ("model", "target"), "taming.models.vqgan.GumbelVQ", "not supported: its codes are drawn with"),
        ("stage1_tiny", ("model", "params", "lossconfig", "target"), "a.B", "lossconfig.target is 'a.B'; supported"),
        ("stage2_tiny_class", (*SECOND, "transformer_config", "params", "n_unmasked"), 4, "n_unmasked is 4; only 0"),
        (
            "stage2_tiny_class",
            (*SECOND, "transformer_config", "params", "vocab_size"),
            40,
            "predicts 40 codes; .* has 32",
        ),
        (
            "stage2_tiny_class",
            (*SECOND, "transformer_config", "params", "block_size"),
            60,
            "num_positions is 60; the 64",
        ),
        (
            "stage2_tiny_class",
            (*SECOND, "cond_stage_config"),
            "__is_first_stage__",
            "cond_stage_config is missing or no",
        ),
        (
            "stage2_tiny_class",
            (*SECOND, "permuter_config"),
            {"target": "x.Random"},
            "permuter_config.target is 'x.Random'",
        ),
    ],
)
def test_a_yaml_that_is_not_understood(name, place, value, message):
    with pytest.raises(ForeignFileError, match=f"changed.yaml is not understood: .*{message}") as error:
        read_yaml(changed_yaml(name, *place, value=value))
    one_line(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a: [1",
        "!!python/object/apply:os.system ['touch RAN']",
        "model: !!python/name:os.system",
        "[" * 100_000,
        "x: &a [1]\ny: *b",
        "model: 2021-13-45",
        "\x00",
        "model: " + "a" * (1 << 21),
    ],
)
def test_hostile_yaml(text):
    Path("evil.yaml").write_text(text)
    with pytest.raises(ForeignFileError, match="evil.yaml is not understood") as error:
        read_yaml("evil.yaml")
    one_line(error)
    assert not os.path.exists("RAN")


def test_other_conditions():
    start = {"target": "taming.modules.util.SOSProvider", "params": {"sos_token": 3}}
    for value, code in (("__is_unconditional__", 0), (start, 3)):
        path = changed_yaml("stage2_tiny_class", *SECOND, "cond_stage_config", value=value)
        config = read_yaml(path).config.transformer
        assert (config.label_dim, config.start_code) == (0, code)


def test_weights_that_do_not_fit():
    path = unpacked("stage1_tiny", Path())
    changed = changed_yaml("stage1_tiny", *NET, "num_res_blocks", value=0)
    with pytest.raises(ForeignFileError, match="does not fit changed.yaml: '.*' is left over") as error:
        from_vqgan(path, changed)
    one_line(error)
    with pytest.raises(ForeignFileError, match="'.*block.1.*' is missing"):
        from_vqgan(path, changed_yaml("stage1_tiny", *NET, "num_res_blocks", value=2))
    with pytest.raises(ForeignFileError, match="'quantize.embedding.weight' has shape \\(32, 4\\)"):
        from_vqgan(path, changed_yaml("stage1_tiny", "model", "params", "n_embed", value=48))


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", hostile.CHECKPOINTS)
def test_nothing_runs(name, monkeypatch):
    if "two million" in name:
        monkeypatch.setattr(closed_pickle.Budget, "__init__", lambda self: setattr(self, "instructions", 1000))
    data = hostile.content(name, hostile.CHECKPOINTS)
    with pytest.raises(ForeignFileError) as error, fuzz.watching() as events:
        read_checkpoint(io.BytesIO(data), len(data))
    one_line(error)
    assert not events
    assert not os.listdir()


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_in_a_process_of_its_own(name):
    Path("old.ckpt").write_bytes(hostile.content(name, hostile.CHECKPOINTS))
    with pytest.raises(ForeignFileError, match="old.ckpt cannot be imported: ") as error:
        read_lightning("old.ckpt")
    one_line(error)
    assert os.listdir() == ["old.ckpt"]


def test_the_messages_name_what_was_found():
    def message(name: str) -> str:
        data = hostile.content(name, hostile.CHECKPOINTS)
        with pytest.raises(ForeignFileError) as error:
            read_checkpoint(io.BytesIO(data), len(data))
        return str(error.value)

    assert "'a' in its state_dict is os.system, not a tensor" in message("a weight that is os.system")
    assert "members are compressed" in message("members that are compressed")
    assert "stand for more bytes of weights" in message("one storage in many weights")
    assert "storage of type os.system" in message("a storage of objects")
    assert "'\\x1b[2J' in state_dict is no name" in message("a weight named to rewrite the screen")
    assert "damaged zip archive" in message("a storage that is a path")


def test_what_stands_beside_the_weights_is_not_run():
    """Callbacks are keyed by a class, and the optimizer's state may be anything."""
    root = {
        "callbacks": {
            Name("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"): hostile.CALLS["os.system"]
        },
        "optimizer_states": [hostile.CALLS["builtins.eval"]],
        "state_dict": {"a": tensor("0", 2, (2, 1))},
    }
    data = archive(root, {"0": np.array([1, 2], np.float32).tobytes()})
    with fuzz.watching() as events:
        found = read_checkpoint(io.BytesIO(data), len(data))
    assert not events and not os.listdir()
    np.testing.assert_array_equal(found.generator.arrays["a"], [[1], [2]])
    assert [line.partition(":")[0] for line in found.unused] == ["optimizer_states", "callbacks"]


def test_a_file_of_weights_alone():
    data = archive({"a": tensor("0", 1)}, {"0": np.float32(7).tobytes()})
    assert read_checkpoint(io.BytesIO(data), len(data)).generator.arrays["a"] == 7


def test_other_files():
    Path("old.ckpt").write_bytes(b"\x80\x04N.")
    with pytest.raises(ForeignFileError, match="old.ckpt is no checkpoint of PyTorch 1.6 or later, which is a zip"):
        read_lightning("old.ckpt")
    with pytest.raises(FileNotFoundError):
        read_lightning("none.ckpt")


def test_random_bytes_end_in_one_line():
    """A stored checkpoint with bytes of its index changed."""
    good = archive({"state_dict": {"a": tensor("0", 2)}, "epoch": 1}, {"0": b"\0" * 8})
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        index = file.read("archive/data.pkl")
    random, outcomes = np.random.default_rng(0), set()
    for _ in range(400):
        changed = bytearray(index)
        for _ in range(random.integers(1, 4)):
            changed[random.integers(len(changed))] = random.integers(256)
        data = archive(bytes(changed), {"0": b"\0" * 8})
        try:
            with fuzz.watching() as events:
                read_checkpoint(io.BytesIO(data), len(data))
            outcomes.add("read")
        except ForeignFileError as error:
            outcomes.add(str(error)[:30])
            assert str(error).isprintable()
        assert not events
    assert len(outcomes) > 10 and "read" in outcomes


def test_the_stored_files_are_the_real_form():
    """Globals that the reference lists, so that nobody replaces them by something easier."""
    about = json.loads((GOLDEN / "stage1_tiny_expected.json").read_text())
    assert "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint" in about["pickle_globals"]


def test_a_checkpoint_may_stand_where_a_model_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    path, said = unpacked("stage1_tiny", tmp_path), []
    found = model_file(path, said.append)
    assert (found.folder, found.title, len(said)) == (tmp_path, "stage1_tiny", 1)
    monkeypatch.setattr(cache, "from_vqgan", None)  # would fail if it were called
    assert model_file(path, said.append) == found and len(said) == 1
    path.with_suffix(".yaml").unlink()
    with pytest.raises(SnapshotError, match="without its configuration"):
        model_file(path)
