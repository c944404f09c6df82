"""SIGKILL at random moments: the same command again gives the same bytes and repeats no finished shard."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.data import makers

ROOT = Path(__file__).parents[3]
KILLS = 10
SHARDS = 8


def start(place: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "prepare_data.py", "--task", "set", "--images-dir", str(place), "--data-dir", str(out)]
    command += ["--resolution", "128", "--encoding", "png", "--shards-num", str(SHARDS), "--workers", "2"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def shards(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path.name: path.stat() for path in folder.glob("*.tfrecord-*")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def test_ten_kills(tmp_path):
    place = makers.make_folder(tmp_path / "in", makers.random_images(48, height=160, width=160))
    process = start(place, tmp_path / "whole")
    began = _work_begins(process, tmp_path / "whole")
    assert process.wait() == 0
    seconds = time.monotonic() - began
    expected = hashes(tmp_path / "whole" / "set")
    assert sum("tfrecord" in name for name in expected) == SHARDS

    chance, kills, kept = random.Random(5), 0, 0
    out = tmp_path / "killed"
    before: dict[str, tuple[int, int]] = {}
    while kills < KILLS:
        process = start(place, out)
        _work_begins(process, out)
        time.sleep(chance.uniform(0.0, 0.9) * seconds)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)  # the workers have to notice by themselves
            kills += 1
        process.wait()
        now = shards(out / "set")
        assert {name: now.get(name) for name in before} == before, "a finished shard was written again"
        assert {name: value for name, value in hashes(out / "set").items() if name in now}.items() <= expected.items()
        kept = max(kept, len(before))
        before = now
        if (out / "set" / "manifest.json").exists():  # it was too late for another kill: from the start
            assert hashes(out / "set") == expected
            shutil.rmtree(out)
            before = {}
    assert start(place, out).wait() == 0
    assert hashes(out / "set") == expected
    assert kept > 0, "no kill left a finished shard behind: the test saw nothing"
    _no_worker_is_left(out)


def _work_begins(process: subprocess.Popen, out: Path) -> float:
    """Waits until a run has claimed the folder (each writes the plan anew); returns the time."""
    plan, since = out / "set" / ".preparation" / "plan.json", time.time_ns()
    while process.poll() is None and not (plan.exists() and plan.stat().st_mtime_ns > since):
        time.sleep(0.005)
    return time.monotonic()


def _no_worker_is_left(out: Path) -> None:
    import psutil

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [process for process in psutil.process_iter(["cmdline"]) if str(out) in (process.info["cmdline"] or [])]
        if not left:
            return
        time.sleep(0.2)
    raise AssertionError(f"worker processes outlived their parent: {left}")
