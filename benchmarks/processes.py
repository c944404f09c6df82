"""Measurements in processes of their own, which answer when they are asked.

A request is a word on a line of the standard input, the answer a line of JSON in a pipe of its own: nothing that a
library prints can come between. Neither side imports a framework, so TensorFlow's and PyTorch's processes share it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIPE = "GANSFORMER_TF_BENCHMARK_PIPE"  # number of the descriptor that answers go to; without it they are printed


class Worker:
    """A process that runs `serve`; it lives as long as the context.

    Args:
        command: Program and arguments.
        name: What it measures, for messages.
        defaults: Environment variables, where they are not set.
    """

    def __init__(self, command: list[str], name: str, defaults: Mapping[str, str] | None = None) -> None:
        self.command, self.name, self.defaults = command, name, defaults or {}

    def __enter__(self) -> Worker:
        # A file, as nobody reads what it says while it works: a pipe would fill up and stop it.
        self._messages = tempfile.TemporaryFile()
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.defaults | os.environ | {PIPE: str(writing)},
            pass_fds=[writing],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
        )
        os.close(writing)
        self._answers = os.fdopen(reading)
        return self

    def ask(self, request: str) -> Any:
        """The answer; a process that fails ends the benchmark with the last line of its message."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{request}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        return json.loads(self._answers.readline() or self._fail())

    def _fail(self) -> Any:
        code = self.process.wait()
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        sys.exit(f"{self.name} failed: {lines[-1] if lines else f'no message, exit status {code}'}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # it has nothing to save
        self.process.communicate()
        self._answers.close()
        self._messages.close()


def serve(handlers: Mapping[str, Callable[[], Any]]) -> None:
    """Answers requests with what the handler of that name returns, until nobody can ask any more.

    Between them the process waits for a line, which takes no time of the processor.
    """
    answers = int(os.environ.get(PIPE, sys.stdout.fileno()))
    for line in sys.stdin:
        os.write(answers, json.dumps(handlers[line.strip()]()).encode() + b"\n")
