from __future__ import annotations

import gc
import logging

import pytest
import tensorflow as tf

from gansformer_tf.training import checkpoint
from gansformer_tf.training.checkpoint import CheckpointStore
from gansformer_tf.training.errors import TrainingError


def variables(value: float = 0.0, **more: tf.Variable) -> dict[str, tf.Variable]:
    value = float(value)
    return {"a/kernel": tf.Variable([value, value]), "b": tf.Variable(value)} | more


@pytest.fixture
def store(tmp_path):
    lines: list[str] = []
    store = CheckpointStore(tmp_path, keep=2, report=lines.append)
    store.lines = lines
    return store


def test_the_newest_is_restored_and_old_ones_are_removed(store):
    for step in (4, 8, 12):
        store.save(step, variables(step), {"step": step})
    assert store.steps() == [8, 12]
    found = variables()
    assert store.restore(found) == {"step": 12}
    assert float(found["b"]) == 12.0
    assert store.lines == []


def test_an_empty_folder_has_nothing_to_restore(store):
    assert store.restore(variables()) is None


@pytest.mark.parametrize("damage", ["truncated", "flipped", "marker", "file"])
def test_damage_is_noticed_and_the_one_before_is_used(store, damage):
    store.save(4, variables(4), {"step": 4})
    folder = store.save(8, variables(8), {"step": 8})
    data = folder / "state.data-00000-of-00001"
    content = data.read_bytes()
    if damage == "truncated":
        data.write_bytes(content[:-1])
    elif damage == "flipped":
        data.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "marker":
        (folder / checkpoint.MARKER).write_text("{")
    else:
        data.unlink()
    found = variables()
    assert store.restore(found) == {"step": 4}
    assert float(found["b"]) == 4.0
    assert len(store.lines) == 1
    assert "The checkpoint of step 8 cannot be used" in store.lines[0]


@pytest.fixture
def complaints():
    """What TensorFlow writes to its log."""
    handler = logging.Handler()
    records: list[logging.LogRecord] = []
    handler.emit = records.append
    tf.get_logger().addHandler(handler)
    yield records
    tf.get_logger().removeHandler(handler)


@pytest.mark.parametrize(
    "model",
    [{"c": tf.Variable(1.0)}, {"b": tf.Variable([1.0, 2.0, 3.0])}, {"b": None}],
    ids=["another variable", "another shape", "a variable less"],
)
def test_checkpoints_of_another_model_are_an_error_of_one_line(store, model, complaints):
    store.save(4, variables(4), {})
    ours = {name: variable for name, variable in variables(**model).items() if variable is not None}
    with pytest.raises(TrainingError, match="no checkpoint in .* can be used .*--restart") as caught:
        store.restore(ours)
    assert "step 4: it is of another model: 1 variables differ" in str(caught.value)
    assert float(ours["a/kernel"][0]) == 0.0
    del caught
    gc.collect()  # TensorFlow complains when it lets go of what was read
    assert complaints == []


def test_notes_are_kept_with_every_checkpoint(store):
    store.save(4, variables(4), {"step": 4})
    store.notes = {"augment_p": 0.3}
    store.save(8, variables(8), {"step": 8})
    assert store.restore(variables()) == {"step": 8}
    assert store.restored_notes == {"augment_p": 0.3}
    (store.folder / "step-00000008" / checkpoint.MARKER).unlink()
    assert store.restore(variables()) == {"step": 4}
    assert store.restored_notes == {}


def test_names_are_stored_as_they_are_looked_for(store):
    """Dots, slashes and underscores of names are escaped in the file."""
    odd = {"a.b/c_d/e.S": tf.Variable(3.0), "a/b..c/.d": tf.Variable([1.0])}
    store.save(4, odd, {"step": 4})
    assert store.restore(odd) == {"step": 4}


def test_a_failed_write_leaves_the_one_before(store, monkeypatch, tmp_path):
    store.save(4, variables(4), {"step": 4})

    def no_space(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_sync", no_space)
        with pytest.raises(TrainingError, match=r"No space left on device\); the checkpoint of step 4 is untouched"):
            store.save(8, variables(8), {"step": 8})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000004"]
    assert store.restore(variables()) == {"step": 4}


def test_too_little_space_is_seen_before_anything_is_written(store, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(TrainingError, match=r"1\.\d MB needed, 0\.0 MB free\); there is no earlier one"):
        store.save(4, variables(), {})
    assert list(tmp_path.iterdir()) == []
