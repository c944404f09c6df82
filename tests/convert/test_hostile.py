"""Hostile and damaged pickles: nothing in them runs, nothing is touched, and each ends in one line."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import threading

import pytest

from gansformer_tf.convert import closed_pickle, foreign, sandbox
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import read_foreign
from gansformer_tf.convert.read_pickle import read_pickle
from tests.convert import fuzz, hostile, samples
from tests.convert.makers import Call, Name, dumps

SLICE = 1500
# Files that the process of its own is shown as well; each costs a start of Python.
IN_A_PROCESS = (
    "the result of os.system",
    "a storage that is a call",
    "bytes of 8 EB",
    "two million lists",
    "a list within itself",
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text.isprintable() and 10 < len(text) < 400
    return text


@pytest.mark.parametrize("name", hostile.FILES)
def test_nothing_runs(name, monkeypatch):
    if name.startswith("two million"):
        monkeypatch.setattr(closed_pickle.Budget, "__init__", lambda self: setattr(self, "instructions", 1000))
    data = hostile.content(name)
    with pytest.raises(ForeignFileError) as error, fuzz.watching() as events:
        read_pickle(io.BytesIO(data), len(data))
    one_line(error)
    assert not events
    assert not os.listdir()


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_in_a_process_of_its_own(name, tmp_path):
    path = tmp_path / "old.pkl"
    path.write_bytes(hostile.content(name))
    with pytest.raises(ForeignFileError, match="old.pkl cannot be imported: ") as error:
        read_foreign(path)
    one_line(error)
    assert os.listdir() == ["old.pkl"]


@pytest.mark.parametrize("kind", ["gzip file", "zip file", "web page", "image", "empty file", "zeros"])
def test_other_files_are_called_what_they_are(kind, tmp_path):
    name = next(name for name in hostile.FILES if name == f"a {kind}" or name in (kind, f"an {kind}"))
    path = tmp_path / "old.pkl"
    path.write_bytes(hostile.content(name))
    expected = {"zip file": "zip archive", "empty file": "is empty", "zeros": "neither a snapshot"}.get(kind, kind)
    with pytest.raises(ForeignFileError, match=expected) as error:
        read_foreign(path)
    one_line(error)


def test_the_messages_name_what_was_found(tmp_path):
    def message(data: bytes) -> str:
        with pytest.raises(ForeignFileError) as error:
            read_pickle(io.BytesIO(data), len(data))
        return str(error.value)

    assert "a pickle of os.system" in message(hostile.content("the result of os.system"))
    assert "instruction EXT1 at byte 2" in message(hostile.content("EXT1"))
    assert "cut off or damaged at byte 11" in message(hostile.content("a text of 1 TB"))
    assert "more than 200 containers" in message(hostile.content("marks only"))
    assert "has 15999 bits" in message(hostile.content("a number of 16,000 bits"))
    assert "more than 1000000 instructions" in message(hostile.content("two million lists"))
    assert "of type 'O8'; only numbers" in message(hostile.content("objects"))
    assert "'\\x1b[2J" in message(hostile.content("a weight named to rewrite the screen"))  # spelled out, not sent


def test_python_itself_would_have_run_them():
    """The files are live: the same bytes make a file where they are opened as pickles are."""
    import pickle

    for name in ("the result of os.system", "the result of builtins.eval", "an argument from os.system", "INST", "OBJ"):
        try:
            pickle.loads(hostile.content(name))
        except Exception as error:
            assert isinstance(error, ModuleNotFoundError | pickle.UnpicklingError), error
        if name in ("the result of os.system", "INST", "OBJ"):
            assert os.path.exists("RAN"), name
            os.remove("RAN")


# -- the process -------------------------------------------------------------------------------------------------------


def in_sandbox(code: str) -> int:
    """Exit status of code that runs behind the closed doors of the process."""
    closing = "sandbox.limit_resources(1000)\nsandbox.close_doors()"
    return in_python(f"{closing}\n{code}")


def in_python(code: str) -> int:
    head = "import os, socket, subprocess, sys\nfrom gansformer_tf.convert import read_pickle, sandbox"
    lines = (head, code, "os._exit(0)")
    root = foreign.Path(foreign.__file__).parents[2]
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=root, capture_output=True).returncode


@pytest.mark.parametrize(
    "code",
    [
        "open('RAN', 'w')",
        "os.system('touch RAN')",
        "subprocess.run(['true'])",
        "socket.socket()",
        "os.remove('RAN')",
        "eval('1')",
        "import antigravity",
        "os.execv('/bin/true', ['true'])",
        "os.listdir('/')",
    ],
)
def test_the_doors_are_closed(code):
    assert in_sandbox(code) == sandbox.STATUS_FORBIDDEN


def test_the_doors_are_closed_before_the_file_is_read():
    for code, status in (("open('RAN', 'w')", sandbox.STATUS_FORBIDDEN), ("bytearray(3 << 30)", 0), ("1 / 0", 0)):
        reader = f"read_pickle.read_pickle = lambda file, size: {code}"
        assert in_python(f"{reader}\nsandbox.main(10)") == status, code


def test_the_limits_hold():
    assert in_sandbox("") == 0
    assert in_sandbox("try:\n    bytearray(3 << 30)\nexcept MemoryError:\n    os._exit(5)") == 5
    assert in_sandbox("try:\n    os.dup(1)\nexcept OSError:\n    os._exit(6)") == 6


def test_time_is_limited(tmp_path, monkeypatch):
    path = tmp_path / "slow.pkl"
    path.write_bytes(samples.content("kgan" if "kgan" in samples.names() else samples.names()[0]))
    monkeypatch.setattr(sandbox, "cpu_limit", lambda size: 0.001)
    with pytest.raises(ForeignFileError, match="took longer than 0.004 seconds"):
        read_foreign(path)


def test_a_process_that_ends_is_told(tmp_path, monkeypatch):
    path = tmp_path / "old.pkl"
    path.write_bytes(dumps(1))
    monkeypatch.setattr(foreign.sys, "executable", "/bin/false")
    with pytest.raises(ForeignFileError, match="ended with status 1"):
        read_foreign(path)
    monkeypatch.setattr(foreign.sys, "executable", "/bin/true")
    with pytest.raises(ForeignFileError, match="no usable answer"):
        read_foreign(path)


def test_files_in_the_working_folder_are_not_imported(tmp_path):
    (tmp_path / "numpy.py").write_text("open('RAN', 'w')")
    (tmp_path / "old.pkl").write_bytes(dumps(Call(Name("numpy", "x"))))
    with pytest.raises(ForeignFileError, match="a pickle of numpy.x"):
        read_foreign("old.pkl")
    assert not (tmp_path / "RAN").exists()


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "old.pkl"
    path.write_bytes(dumps(1))
    monkeypatch.setattr(foreign, "MAX_BYTES", 3)
    with pytest.raises(ForeignFileError, match="snapshots have at most 0 MB"):
        read_foreign(path)


# -- a slice of the fuzz run -------------------------------------------------------------------------------------------


def test_random_mutations():
    fuzzer = fuzz.Fuzzer(seed=1, whole_samples=0)
    outcomes = {}
    for index in range(SLICE):
        data = fuzzer.make(index)
        outcome, problem = fuzzer.read(data)
        assert problem is None, (index, problem)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert len(outcomes) > 40  # the mutations reach many places
    assert sum(count for outcome, count in outcomes.items() if outcome.startswith("read: ")) > 20


def test_the_fuzzer_would_notice(monkeypatch):
    fuzzer = fuzz.Fuzzer(seed=1, whole_samples=0)

    def careless(file, size):
        os.listdir(".")

    monkeypatch.setattr(fuzz, "read_pickle", careless)
    assert 'events: ["os.listdir' in fuzzer.read(b"")[1]
    monkeypatch.setattr(fuzz, "read_pickle", lambda file, size: 1 // 0)
    assert "ZeroDivisionError" in fuzzer.read(b"")[1]


def test_what_others_left_behind_is_not_the_files_doing(tmp_path):
    """Garbage and threads of earlier tests have events of their own; a thread that a file starts is noticed."""

    class Forgotten:
        def __del__(self):
            os.listdir(tmp_path)

    begin, ended = threading.Event(), threading.Event()

    def elsewhere():
        begin.wait()
        os.listdir(tmp_path)
        ended.set()

    threading.Thread(target=elsewhere).start()
    forgotten = Forgotten()
    forgotten.itself = forgotten
    del forgotten
    with fuzz.watching() as events:
        begin.set()
        ended.wait()
        gc.collect()
    assert not events
    with fuzz.watching() as events:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert any("os.listdir" in event for event in events)
