"""The table of training on a GPU."""

from __future__ import annotations

import os

import pytest

from benchmarks import gpu_training
from benchmarks.turns import Found

KEY = ("code", "64", "default")


def found(g: float, d: float, **end: float) -> Found:
    seconds = {"G": g, "D": d, "D_reg": 0.3, "G_reg": 0.4, "EMA": 0.001}
    return Found([{"seconds": seconds, "rate": 2e12}] * 3, {"flops": 4e12, **end})


def test_a_line_of_the_table():
    line = gpu_training.row(KEY, "xla", "bfloat16", found(1.5, 2.5, device=3.456), reference=6.0)
    cells = dict(zip(gpu_training.COLUMNS, line.strip("| ").split(" | "), strict=True))
    assert cells["model"] == "code 64 default"
    assert (cells["G s"], cells["R1 s"], cells["path s"]) == ("1.500", "0.300", "0.400")
    assert (cells["images/s"], cells["of conv"], cells["gain"], cells["GPU GB"]) == ("2.0", "50%", "1.50x", "3.46")
    assert gpu_training.row(KEY, "native", "float32", found(1, 1), 2.0).endswith("| - |")


@pytest.mark.parametrize(("form", "mode", "jit"), [("native", "native", "off"), ("xla", "composite", "on")])
def test_a_form_is_what_the_process_is_told(monkeypatch, form, mode, jit):
    seen = {}

    def side_by_side(worker, peer, repeats):
        seen.update(command=worker.command, mode=os.environ["GANSFORMER_TF_OPS"], repeats=repeats)
        return found(1, 1), None

    monkeypatch.setenv("GANSFORMER_TF_OPS", "")
    monkeypatch.setattr(gpu_training, "side_by_side", side_by_side)
    gpu_training.measure(KEY, form, "mixed", 7)
    assert seen["command"][2:] == ["--one", *KEY, "--precision", "mixed", "--jit", jit]
    assert (seen["mode"], seen["repeats"]) == (mode, 7)
