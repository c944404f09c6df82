"""The failure of a run, as opposed to a wrong setting (`ConfigError`)."""

from __future__ import annotations


class TrainingError(RuntimeError):
    """Training cannot go on. The message is one line: what happened, and what to do."""


class MemoryExhausted(TrainingError):
    """There was not enough memory; whatever takes more, if only to clean up, may end the process."""
