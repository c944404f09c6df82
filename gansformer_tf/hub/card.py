"""The model card: what a model on the hub is, on what it was trained, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import gansformer_tf
from gansformer_tf.config import RunConfig
from gansformer_tf.files import read_json_lines
from gansformer_tf.hub.names import PREFIX, SAMPLES

_UNSTATED = "unknown"


def measured(snapshot: Path | None) -> list[dict[str, Any]]:
    """Results of a snapshot that stand in its run folder: records with "values" and "manifest"."""
    if snapshot is None:
        return []
    files = sorted(snapshot.parent.glob("metric-*.jsonl"))
    records = [record for file in files for record in read_json_lines(file)]
    return [one for one in records if {"values", "manifest"} <= one.keys() and one.get("snapshot") == snapshot.name]


def model_card(
    repo: str,
    config: RunConfig,
    metadata: Mapping[str, str],
    metrics: Sequence[Mapping[str, Any]] = (),
    license: str | None = None,
    training_data: str = "",
) -> str:
    """`README.md` of a repository.

    Args:
        repo: "user/name".
        config: Of the run that trained the model.
        metadata: Of the snapshot.
        metrics: As `measured` gives them.
        license: Identifier of the licence of the weights, such as "mit"; None: not stated.
        training_data: A sentence or more about the training data.
    """
    head = yaml.safe_dump(_head(repo, config, metrics, license), sort_keys=False, allow_unicode=True)
    return "\n".join(
        [
            f"---\n{head}---\n",
            f"# {repo.partition('/')[2]}\n",
            f"{_what(config)}, trained with gansformer-tf {gansformer_tf.__version__}.\n",
            f"![Samples of seeds 0, 1, 2, ... with truncation 0.7]({SAMPLES})\n",
            "## Use\n",
            _use(repo, config),
            "## Training\n",
            *_training(config, metadata, training_data),
            "## Metrics\n",
            *_metrics(metrics),
            "## Licence\n",
            f"Weights: {license}." if license else "The author has not stated a licence of the weights.",
            "",
        ]
    )


def _head(repo: str, config: RunConfig, metrics: Sequence[Mapping[str, Any]], license: str | None) -> dict[str, Any]:
    head: dict[str, Any] = {
        "license": license or _UNSTATED,
        "library_name": "gansformer-tf",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", config.model.generator.family, "tensorflow", "keras"],
    }
    if metrics:
        dataset = config.data.dataset or "unknown"
        results = {
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"name": dataset, "type": dataset},
            "metrics": [
                {"type": name, "value": value, "name": name} for one in metrics for name, value in one["values"].items()
            ],
        }
        head["model-index"] = [{"name": repo.partition("/")[2], "results": [results]}]
    return head


def _what(config: RunConfig) -> str:
    generator = config.model.generator
    size = f"{generator.height}x{generator.width}"
    labels = f" of {generator.label_dim} classes" if generator.label_dim else ""
    return f"A generator of the family {generator.family} for images of {size} pixels{labels}"


def _use(repo: str, config: RunConfig) -> str:
    psi = ", truncation_psi=0.7" if config.model.generator.has_w else ""
    lines = [f'model = gf.load("{PREFIX}{repo}")', f"images = model.sample(seeds=range(8){psi})"]
    if config.model.generator.has_attention:
        lines.append("images, maps = model.sample([0, 1], attention=True)")
    python = "\n".join(lines)
    return (
        "```bash\npip install 'gansformer-tf[hub]'\n"
        f"gansformer generate --model {PREFIX}{repo} --seeds 0-7 --truncation-psi 0.7\n```\n\n"
        f"```python\nimport gansformer_tf as gf\n\n{python}\n```\n"
    )


def _training(config: RunConfig, metadata: Mapping[str, str], training_data: str) -> list[str]:
    data, train = config.data, config.train
    count = f", {data.num_images:,} images" if data.num_images else ""
    mirrored = ", mirrored too" if data.mirror else ""
    rows = [("data set", f"{data.dataset}{count}{mirrored}" if data.dataset else "not noted")]
    if config.preset:
        rows.append(("preset", config.preset))
    if "kimg" in metadata:
        rows.append(("images seen", f"{float(metadata['kimg']):,.3f} thousand"))
        rows.append(("batch", str(train.batch_size)))
    if "source" in metadata:
        rows.append(("imported from", metadata["source"]))
    table = ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows), ""]
    return [training_data.strip() + "\n", *table] if training_data.strip() else table


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    if not metrics:
        return ["None were measured.\n"]
    rows = [f"| {_cell(name)} | {value:.6g} |" for one in metrics for name, value in one["values"].items()]
    manifests = json.dumps([one["manifest"] for one in metrics], indent=1, sort_keys=True)
    return [
        "| metric | value |",
        "|---|---|",
        *rows,
        "",
        "What decided them:\n",
        f"<details><summary>manifest</summary>\n\n```json\n{manifests}\n```\n\n</details>\n",
    ]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
