"""Measurements in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def answer(command: list[str], name: str) -> dict[str, Any]:
    """What a process of a benchmark prints last, as JSON; one that fails ends the benchmark with its message."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{name} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def torch_answer(python: str, task: str, settings: dict[str, Any], name: str) -> dict[str, Any]:
    """What the peer measures with as many threads as TensorFlow takes; `task`: generate or train."""
    settings = settings | {"threads": os.cpu_count()}
    script = str(ROOT / "benchmarks" / "torch_peers" / "measure.py")
    return answer([python, script, task, json.dumps(settings)], f"{name} in PyTorch")
