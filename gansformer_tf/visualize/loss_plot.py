"""Curves of a training run, from its `metrics.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

X_KEY = "kimg"
# A line per tick; this many more hide the curve behind their noise, so the mean is drawn on top.
SMOOTH_FROM_POINTS = 60


def read_series(path: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads every numeric series of a `metrics.jsonl` file (or of the run folder that holds it).

    Returns:
        Name -> (kimg, values), both float64 `[points]`. Lines that a crash cut short are left out, and where a
        resumed run went over a stretch again the later line counts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file has no line with `kimg`.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "metrics.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; name a run folder that training has written to.")
    points: dict[str, dict[float, float]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                values = json.loads(line)
            except json.JSONDecodeError:
                continue
            if not isinstance(values, dict) or X_KEY not in values:
                continue
            for name, value in values.items():
                if name != X_KEY and isinstance(value, int | float) and not isinstance(value, bool):
                    points.setdefault(name, {})[float(values[X_KEY])] = float(value)
    if not points:
        raise ValueError(f"{path} has no line with {X_KEY!r}; train for at least one tick.")
    series = {}
    for name, by_kimg in points.items():
        kimg = np.array(sorted(by_kimg))
        series[name] = (kimg, np.array([by_kimg[x] for x in kimg]))
    return series


def plot_series(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]], panels: Sequence[tuple[str, Sequence[str]]], title: str = ""
) -> Figure:
    """Draws series over kimg, one panel below the other.

    Args:
        series: Name -> (kimg, values), from `read_series`.
        panels: (axis label, names of the series in it, or how they begin where they end in "/"); panels none of whose
            series exist are left out.
        title: Above the figure.

    Raises:
        ValueError: None of the named series exists.
    """
    shown = [(label, [found for name in names for found in _of_name(name, series)]) for label, names in panels]
    shown = [(label, names) for label, names in shown if names]
    if not shown:
        raise ValueError(f"none of the series to draw is in the log; it has: {', '.join(sorted(series))}.")
    figure = Figure(figsize=(8, 2.6 * len(shown)), layout="constrained")
    for axes, (label, names) in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharex=True)), shown, strict=True):
        for index, name in enumerate(names):
            kimg, values = series[name]
            color = matplotlib.colormaps["tab10"](index % 10)
            if len(values) >= SMOOTH_FROM_POINTS:
                axes.plot(kimg, values, color=color, alpha=0.25, linewidth=0.8)
                axes.plot(kimg, _running_mean(values), color=color, linewidth=1.6, label=name)
            else:
                axes.plot(kimg, values, color=color, linewidth=1.4, marker="o", markersize=2.5, label=name)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", frameon=True)
    axes.set_xlabel("training progress (thousands of real images)")
    if title:
        figure.suptitle(title)
    return figure


def loss_plot(run: str | Path) -> Figure:
    """The losses, penalties and scores of a run folder as a figure."""
    return plot_series(read_series(run), DEFAULT_PANELS, title=Path(run).name)


DEFAULT_PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("loss", ("loss/",)),
    ("scores of D", ("score/real", "score/fake")),
    ("penalty", ("penalty/",)),
)


def _of_name(name: str, series: Collection[str]) -> list[str]:
    return [found for found in series if found == name or (name.endswith("/") and found.startswith(name))]


def _running_mean(values: np.ndarray) -> np.ndarray:
    width = max(3, len(values) // 25) | 1
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")
