"""The best snapshot of a run, kept beside the newest ones."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

from gansformer_tf.config.metric_records import metric_of
from gansformer_tf.files import replacing, write_atomically
from gansformer_tf.metrics.results import Result

BEST = "network-snapshot-best.safetensors"
RECORD = "best.json"


def keep_best(path: Path, result: Result) -> bool:
    """Copies a snapshot to `network-snapshot-best.safetensors` if it measures better than the one that is there.

    `best.json` beside it says by which number. A copy by another metric is replaced: numbers of two metrics do not
    compare.

    Args:
        path: The snapshot, in the folder of its run.
        result: What decides: the first of its values.

    Returns:
        Whether it is the best so far.
    """
    value = float(next(iter(result.values.values())))
    record = path.parent / RECORD
    best = _read(record).get(result.name) if (path.parent / BEST).exists() else None
    sign = 1.0 if metric_of(result.name).less_is_better else -1.0
    if not math.isfinite(value) or (best is not None and sign * value >= sign * best):
        return False
    with replacing(path.parent / BEST) as temporary:
        shutil.copyfile(path, temporary)
    content = {"snapshot": path.name, "metric": result.name, "value": value}
    write_atomically(record, (json.dumps(content, indent=2) + "\n").encode())
    return True


def _read(path: Path) -> dict[str, float]:
    """{metric: value} of the record, empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(content["metric"]): float(content["value"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
