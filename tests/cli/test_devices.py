"""`--gpus`: numbers of GPUs that there are, within those that a scheduler gave."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gansformer_tf.cli import devices
from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.devices import chosen_gpus, names_of, select_devices
from gansformer_tf.cli.values import gpu_list


@pytest.mark.parametrize(
    ("visible", "count", "names"),
    [
        (None, 0, ()),
        (None, 2, ("0", "1")),
        ("2,3", 2, ("2", "3")),
        (" GPU-1a, MIG-2b", 2, ("GPU-1a", "MIG-2b")),
        ("3,9", 1, ("3",)),  # CUDA stops at the first that is not there
        ("", 0, ()),
        ("-1", 0, ()),
    ],
)
def test_an_outer_list_is_kept(visible, count, names):
    assert names_of(visible, count) == names


@pytest.mark.parametrize(
    ("gpus", "names", "chosen"),
    [
        ((0,), (), []),  # computes on the CPU
        ((0,), ("0",), ["0"]),
        ((1, 0), ("0", "1", "2"), ["1", "0"]),
        ((1,), ("2", "GPU-1a"), ["GPU-1a"]),
    ],
)
def test_gpus_that_are_there(gpus, names, chosen):
    assert chosen_gpus(gpus, names) == chosen


@pytest.mark.parametrize(
    ("gpus", "names", "message"),
    [
        ((7,), (), "--gpus 7: there is no GPU here; leave the flag out to compute on the CPU"),
        ((0, 1), (), "--gpus 0,1: there is no GPU here; leave the flag out"),
        ((-1,), (), "--gpus -1: there is no GPU here"),
        ((0, 0), (), "--gpus 0,0 names a GPU twice; name each once"),
        ((7,), ("0",), "--gpus 7: there is no GPU 7 here; name some of 0, or none for the CPU"),
        ((0, 2), ("0", "1"), "--gpus 0,2: there is no GPU 2 here; name some of 0,1"),
        ((-1,), ("0", "1"), "--gpus -1: there is no GPU -1"),
        ((1, 1), ("0", "1"), "--gpus 1,1 names a GPU twice"),
    ],
)
def test_gpus_that_are_not_there(gpus, names, message):
    with pytest.raises(UsageError) as caught:
        chosen_gpus(gpus, names)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


class FakeTensorFlow:
    """TensorFlow on a machine with GPUs: it finds those that the environment names."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(
            list_physical_devices=self.found,
            experimental=SimpleNamespace(set_memory_growth=lambda device, on: None),
        )

    def found(self, kind):
        visible = devices.os.environ[devices.VISIBLE]
        return [] if visible == "-1" else visible.split(",")


@pytest.fixture
def machine(monkeypatch):
    """Sets up a machine with so many GPUs, of which an outer variable shows some."""

    def build(count, visible=None):
        monkeypatch.delenv(devices.VISIBLE, raising=False)
        if visible is not None:
            monkeypatch.setenv(devices.VISIBLE, visible)
        monkeypatch.setattr(devices, "_count_gpus", lambda: count)
        monkeypatch.setattr(devices, "import_tensorflow", FakeTensorFlow)
        devices._given_gpus.cache_clear()

    yield build
    devices._given_gpus.cache_clear()


def test_the_environment_is_narrowed_and_may_be_again(machine):
    machine(2, "3,5")
    for _ in range(2):  # --train --eval asks twice
        assert select_devices((1,)) == ["/GPU:0"]
        assert devices.os.environ[devices.VISIBLE] == "5"
    assert select_devices((0, 1)) == ["/GPU:0", "/GPU:1"]
    assert devices.os.environ[devices.VISIBLE] == "3,5"
    with pytest.raises(UsageError, match="there is no GPU 3 here; name some of 0,1"):
        select_devices((3,))


def test_without_a_gpu_the_first_one_means_the_cpu(machine, capsys):
    machine(0)
    assert select_devices((0,)) == ["/CPU:0"]
    assert capsys.readouterr().out == "No GPU found: computing on the CPU.\n"
    with pytest.raises(UsageError, match="there is no GPU here"):
        select_devices((7,))
    assert select_devices(()) == ["/CPU:0"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["none", "", "None"])
def test_no_gpu_at_all(text, machine):
    machine(2)
    assert select_devices(gpu_list(text)) == ["/CPU:0"]
    assert devices.os.environ[devices.VISIBLE] == "-1"


def test_the_driver_is_asked_in_a_process_of_its_own(monkeypatch):
    """It reads the environment only once, and the environment is narrowed later."""
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: None)
    monkeypatch.setattr(devices, "_COUNT", "print(3)")
    assert devices._count_gpus() == 3
    monkeypatch.setattr(devices, "_COUNT", "import os; os.abort()")
    assert devices._count_gpus() == 0

    def no_driver(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(devices.ctypes, "CDLL", no_driver)
    assert devices._count_gpus() == 0
