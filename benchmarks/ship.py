"""Makes a shipped model of a run: `gansformer_tf/pretrained/NAME.safetensors` and its card, `NAME.md`.

    python benchmarks/ship.py RUN NAME --about "..." --data "..." --licence "..." [--faults "..."]

The newest snapshot is taken as it is, generator and discriminator, so that training can go on from it; only the folder
of the data set is left out of its configuration. The numbers are those that `run_network.py --eval` wrote into the run.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.config import RunConfig  # noqa: E402
from gansformer_tf.config.data import DataConfig  # noqa: E402
from gansformer_tf.files import read_json_lines  # noqa: E402
from gansformer_tf.models.snapshot import find_snapshot, kimg_of  # noqa: E402

FOLDER = ROOT / "gansformer_tf" / "pretrained"
LIMIT = 3_000_000  # bytes of a model in the wheel


def ship(run: Path, name: str) -> RunConfig:
    """Writes the snapshot; returns its configuration."""
    source = find_snapshot(run)
    with safe_open(source, framework="np") as file:
        metadata = dict(file.metadata())
        arrays: dict[str, np.ndarray] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    config = RunConfig.from_json(metadata["config"])
    data = dataclasses.replace(config.data, data_dir=DataConfig().data_dir)
    if source.stat().st_size > LIMIT:
        sys.exit(f"{source} takes {source.stat().st_size} bytes, {LIMIT} are the limit; ship narrower networks.")
    target = FOLDER / f"{name}.safetensors"
    save_file(arrays, target, metadata | {"config": dataclasses.replace(config, data=data).to_json()})
    target.chmod(0o644)
    return config


def numbers(run: Path, kimg: float) -> list[str]:
    """Rows of the card's table: the last values of each metric at this kimg, and what they were measured on."""
    rows = []
    for file in sorted(run.glob("metric-*.jsonl")):
        found = [record for record in read_json_lines(file) if record["kimg"] == kimg]
        for label, value in found[-1]["values"].items() if found else ():
            manifest = found[-1]["manifest"]
            counts = f"{manifest['fake']['count']} / {manifest.get('real', {}).get('count', '-')}"
            shown = f"{value:.4g} | {manifest.get('network', '-')} | {counts} | {manifest['fake']['truncation_psi']}"
            rows.append(f"| {label} | {shown} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    for flag in ("about", "data", "licence", "faults", "command"):
        parser.add_argument(f"--{flag}", required=True)
    arguments = parser.parse_args()
    kimg = kimg_of(find_snapshot(arguments.run))
    rows = numbers(arguments.run, kimg)
    if not rows:
        sys.exit(f"{arguments.run} has no metrics at {kimg:g} kimg; measure it with run_network.py --eval.")
    config = ship(arguments.run, arguments.name)
    generator = config.model.generator
    card = f"""# {arguments.name}

{arguments.about}

- **Images**: {generator.resolution}x{generator.resolution}, {generator.num_components} latent components
- **Data**: {arguments.data}
- **Licence**: {arguments.licence}
- **Training**: {kimg:g} kimg; `{arguments.command}`
- **Known faults**: {arguments.faults}

| metric | value | feature network | generated / real images | psi |
|---|---|---|---|---|
"""
    (FOLDER / f"{arguments.name}.md").write_text(card + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
