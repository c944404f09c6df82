"""Numbers with all that decided them, and the files they are written to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gansformer_tf.files import read_json_lines, write_atomically
from gansformer_tf.metrics.errors import MetricError


@dataclass(frozen=True)
class Result:
    """One metric of one model.

    Attributes:
        name: Of the metric; with the feature network behind it unless it is the published Inception: "fid" numbers can
            be compared with those of papers, "fid-inception-random-0" only with each other.
        values: Numbers by name; the first one is the metric, others are its spread or parts.
        manifest: What decided them.
        details: Longer results, such as a number per component.
        notes: What the user should know about the numbers, a line each; not written to files.

    Example:

    >>> result = gf.metrics.Result("kid", {"kid": 0.0125, "kid_std": 0.001}, {"network": "inception"})
    >>> result.values["kid"]
    0.0125
    """

    name: str
    values: Mapping[str, float]
    manifest: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write_results(folder: Path, results: Sequence[Result], subject: Mapping[str, Any]) -> None:
    """Adds results to `metric-<name>.txt` (a line to read) and `metric-<name>.jsonl` (with the manifest).

    A result of the same subject with the same manifest is replaced, so that evaluating again adds no line.

    Args:
        folder: The run.
        results: What was measured.
        subject: What of: "snapshot", "kimg".

    Raises:
        MetricError: The folder cannot be written to.

    Example:

    >>> result = gf.metrics.Result("fid", {"fid": 12.5}, {"network": "inception"})
    >>> gf.metrics.write_results(Path("measured"), [result], {"kimg": 250})
    >>> print(Path("measured/metric-fid.txt").read_text().strip())
    kimg 250.000  fid 12.5
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for result in results:
            path = folder / f"metric-{result.name}.jsonl"
            record = {
                **subject,
                "metric": result.name,
                "values": dict(result.values),
                **({"details": dict(result.details)} if result.details else {}),
                "manifest": dict(result.manifest),
            }
            known = [old for old in read_results(path) if not _same(old, record)]
            records = [*known, json.loads(json.dumps(record))]
            write_atomically(path, "".join(json.dumps(one) + "\n" for one in records))
            text = "".join(result_line(one) + "\n" for one in records)
            write_atomically(path.with_suffix(".txt"), text)
    except OSError as error:
        raise MetricError(
            f"results cannot be written to {folder} ({error.strerror}); give it write permission."
        ) from error


def read_results(path: Path) -> list[dict[str, Any]]:
    """Records of a `metric-<name>.jsonl`; damaged lines are left out."""
    return [record for record in read_json_lines(path) if {"values", "manifest"} <= record.keys()]


def result_line(record: Mapping[str, Any]) -> str:
    """`network-snapshot-000010.safetensors  kimg 10.000  fid 12.3456`."""
    parts = [str(record["snapshot"])] if record.get("snapshot") else []
    parts += [f"kimg {float(record['kimg']):.3f}"] if record.get("kimg") is not None else []
    return "  ".join([*parts, *(f"{name} {value:.6g}" for name, value in record["values"].items())])


def scalars(results: Sequence[Result]) -> dict[str, float]:
    """All numbers by name, for logs: `metric/<name>`, with the feature network behind it where a result names one.

    Example:

    >>> gf.metrics.scalars([gf.metrics.Result("kid-efficientnet-lite0", {"kid": 0.01}, {})])
    {'metric/kid-efficientnet-lite0': 0.01}
    """
    found = {}
    for result in results:
        suffix = result.name.partition("-")[2]
        for name, value in result.values.items():
            found[f"metric/{name}-{suffix}" if suffix else f"metric/{name}"] = value
    return found


def table(results: Sequence[Result]) -> str:
    """The results as a table for the console, with their notes below.

    Example:

    >>> print(gf.metrics.table([gf.metrics.Result("fid", {"fid": 12.5}, {"network": "inception"})]))
    metric  value       feature network  generated  real
    ----------------------------------------------------
    fid     12.5   fid  inception        -          -
    """
    rows = [("metric", "value", "", "feature network", "generated", "real")]
    for result in results:
        manifest = result.manifest
        images = [(manifest.get(side) or {}).get("count", "-") for side in ("fake", "real")]
        for index, (name, value) in enumerate(result.values.items()):
            first = index == 0
            network = manifest.get("network") or "-"
            rows.append(
                (
                    result.name if first else "",
                    f"{value:.6g}",
                    name,
                    str(network) if first else "",
                    str(images[0]) if first else "",
                    str(images[1]) if first else "",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"Note: {note}" for result in results for note in result.notes]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], *notes])


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return old.get("snapshot") == new.get("snapshot") and old["manifest"] == json.loads(json.dumps(new["manifest"]))
