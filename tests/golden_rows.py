"""Table of differences from reference networks, printed at the end of a run."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def golden_row(record_property: Any) -> Any:
    """Records (configuration, tensor, error, bound); the rows travel with the report, also from worker processes."""

    def record(configuration: str, tensor: str, error: float, bound: float) -> None:
        record_property("golden_row", json.dumps([configuration, tensor, error, bound]))
        assert error <= bound, f"{configuration}: {tensor} differs by {error:.2e}, allowed {bound:.0e}"

    return record


def print_rows(terminalreporter: Any) -> None:
    rows = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        rows += [json.loads(value) for name, value in getattr(report, "user_properties", []) if name == "golden_row"]
    if not rows:
        return
    terminalreporter.section("differences from the reference networks (relative)")
    for configuration, tensor, error, bound in rows:
        terminalreporter.write_line(f"{configuration:28s} {tensor:34s} {error:9.1e}  (allowed {bound:.0e})")
