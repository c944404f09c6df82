"""`report.html`: a run on one page that any browser opens from disk."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from gansformer_tf.files import read_json_lines, write_atomically
from gansformer_tf.models.snapshot import kimg_of
from gansformer_tf.training.run_dir import RunDir

# Curves by panel: names, or how they begin. A panel without any of its series is left out.
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Losses", ("loss/",)),
    ("Reconstruction error", ("reconstruction", "held_out/reconstruction")),
    ("Codes in use", ("codes/",)),
    ("Weight of the discriminator", ("adaptive_weight",)),
    ("Cross-entropy (nats per code)", ("cross_entropy", "held_out/cross_entropy")),
    ("Scores of the discriminator", ("score/real", "score/fake")),
    ("Penalties", ("penalty/",)),
    ("Gradient norms", ("gradient_norm/",)),
    ("Augmentation probability", ("augment_p",)),
    ("Images per second", ("img_per_second",)),
    ("Seconds per phase", ("seconds/",)),
    ("Peak memory (MB)", ("peak_memory_mb",)),
)
# Measured of snapshots; a metric's panel is named as the metric.
SNAPSHOT_TITLES = {"diversity": "Diversity of the fixed samples"}
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#17becf")
MAX_GRIDS = 8
GRID_WIDTH = 900  # pixels
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 200, 60, 28, 10

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 960px; padding: 0 1rem; color: #222; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; } svg { width: 100%; height: auto; }
img { max-width: 100%; image-rendering: pixelated; border: 1px solid #ccc; }
figure { margin: 1rem 0; } figcaption { color: #666; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 13px; }
table { border-collapse: collapse; } td { padding: 0.1rem 1rem 0.1rem 0; }
"""


def write_report(run_dir: RunDir) -> Path:
    """Writes `report.html` of a run: summary, curves, sample grids over time, configuration.

    Everything is inside the file; it needs no server and no network.
    """
    records = read_json_lines(run_dir.metrics)
    snapshots = read_json_lines(run_dir.snapshots)
    config = run_dir.config_path.read_text(encoding="utf-8") if run_dir.config_path.exists() else ""
    name = html.escape(run_dir.path.name)
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{name}</title>",
        f"<style>{STYLE}</style></head><body><h1>{name}</h1>",
        _summary(records),
        "<h2>Curves</h2>",
        *(_panel(title, _logged(names, records), records) for title, names in PANELS),
        *(_panel(SNAPSHOT_TITLES.get(name, name), (name,), snapshots) for name in _measured(snapshots)),
        "<h2>Samples</h2>",
        *_grids(run_dir.samples),
        f"<h2>Configuration</h2><pre>{html.escape(config)}</pre></body></html>",
    ]
    path = run_dir.path / "report.html"
    write_atomically(path, "\n".join(part for part in parts if part))
    return path


def _logged(names: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The logged series that `names` stand for, in the order they first appear."""
    starts = tuple(name for name in names if name.endswith("/"))
    found = dict.fromkeys(name for record in records for name in record)
    return [name for name in found if name in names or name.startswith(starts)]


def _measured(snapshots: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of what was measured of snapshots, in the order they first appear."""
    names = {name: None for record in snapshots for name, value in record.items() if isinstance(value, int | float)}
    return [name for name in names if name not in ("step", "kimg")]


def _summary(records: Sequence[Mapping[str, Any]]) -> str:
    if not records:
        return "<p>Nothing was logged yet.</p>"
    last = records[-1]
    rows = [
        ("Trained on", f"{last['kimg']:.2f} kimg (step {last['step']})"),
        ("Time", f"{last['seconds'] / 3600:.2f} h"),
        ("Speed", f"{last['img_per_second']:.1f} images/s"),
        ("Peak memory", "not known" if last["peak_memory_mb"] is None else f"{last['peak_memory_mb']:.0f} MB"),
        ("Skipped steps", f"{last['skipped_steps']}"),
    ]
    cells = "".join(f"<tr><td>{label}</td><td>{value}</td></tr>" for label, value in rows)
    return f"<table>{cells}</table>"


def _panel(title: str, names: Sequence[str], records: Sequence[Mapping[str, Any]]) -> str:
    """One chart as inline SVG."""
    series = {
        name: [(record["kimg"], record[name]) for record in records if record.get(name) is not None] for name in names
    }
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_range, y_range = _range(xs), _range(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_range[0]) / (x_range[1] - x_range[0])
        up = (y - y_range[0]) / (y_range[1] - y_range[0])
        return LEFT + across * (WIDTH - LEFT - 10), HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP)

    marks = []
    for share in (0.0, 0.5, 1.0):
        value = y_range[0] + share * (y_range[1] - y_range[0])
        _, y = place(x_range[0], value)
        marks.append(f"<line x1='{LEFT}' x2='{WIDTH - 10}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ddd'/>")
        marks.append(f"<text x='{LEFT - 6}' y='{y + 4:.1f}' text-anchor='end' font-size='11'>{value:.4g}</text>")
        kimg = x_range[0] + share * (x_range[1] - x_range[0])
        x, _ = place(kimg, y_range[0])
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[share]
        label = f"{kimg:.4g}" + (" kimg" if share == 1.0 else "")
        marks.append(f"<text x='{x:.1f}' y='{HEIGHT - 8}' text-anchor='{anchor}' font-size='11'>{label}</text>")
    legend = []
    for (name, points), color in zip(series.items(), itertools.cycle(COLORS), strict=False):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        marks.append(f"<polyline points='{line}' fill='none' stroke='{color}' stroke-width='1.6'/>")
        legend.append(f"<span style='color:{color}'>&#9632;</span> {html.escape(name)}")
    svg = f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{html.escape(title)}'>{''.join(marks)}</svg>"
    return f"<figure><figcaption>{html.escape(title)} &nbsp; {' &nbsp; '.join(legend)}</figcaption>{svg}</figure>"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _grids(folder: Path) -> list[str]:
    """Sample grids, spread evenly over the run, and the real images."""
    fakes = sorted(folder.glob("fakes-*.png"), key=kimg_of)
    if len(fakes) > MAX_GRIDS:
        fakes = [fakes[round(index * (len(fakes) - 1) / (MAX_GRIDS - 1))] for index in range(MAX_GRIDS)]
    shown = [(path, f"{kimg_of(path):.10g} kimg") for path in fakes]
    if (folder / "reals.png").exists():
        shown.append((folder / "reals.png", "real images"))
    return [
        f"<figure><img src='{_embedded(path)}' alt='{caption}'><figcaption>{caption}</figcaption></figure>"
        for path, caption in shown
    ]


def _embedded(path: Path) -> str:
    """An image as a data address, made smaller where it is wide."""
    with Image.open(path, formats=("PNG",)) as image:
        shown = image.convert("RGB")
    if shown.width > GRID_WIDTH:
        shown = shown.resize((GRID_WIDTH, round(shown.height * GRID_WIDTH / shown.width)), Image.Resampling.BOX)
    content = io.BytesIO()
    shown.save(content, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
