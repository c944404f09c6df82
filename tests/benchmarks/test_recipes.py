"""Recipes at equal wall-clock: what the minutes buy, flags that exist, and what the table says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import recipes
from benchmarks.quality import leave_unless_trained
from gansformer_tf.cli.flags import COMMAND


def test_a_machine_that_slows_down_changes_no_budget() -> None:
    """Everything took five times as long in the second turn; the demo alone is as fast as its fastest tick."""
    turns = [
        {"demo": [10.0, 12.0, 11.0], "r3": [22.0]},
        {"demo": [55.0], "r3": [110.0]},
        {"demo": [11.0], "r3": [22.0]},
    ]
    speed = recipes.merged({}, turns)
    assert speed["relative"] == {"demo": 1.0, "r3": 2.0} and speed["reference_seconds"] == 10.0
    assert recipes.budget(20, 10.0) == 120.0 and recipes.budget(20, 20.0) == 60.0
    later = recipes.merged(speed, [{"demo": [30.0], "paper": [45.0]}])
    assert later["relative"] == {"demo": 1.0, "r3": 2.0, "paper": 1.5} and later["reference_seconds"] == 10.0


def test_a_budget_is_whole_steps() -> None:
    assert recipes.budget(1, 7.0) / 0.016 == pytest.approx(535) and recipes.budget(0.001, 1000.0) == 0.016


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_flags_of_every_recipe_are_valid(name: str, tmp_path: Path) -> None:
    flags = f"{recipes.BASE} {recipes.RECIPES[name].flags.format(network='efficientnet-lite0')}"
    COMMAND.parser().parse_args([*flags.split(), "--train", "--expname", "x", "--dataset", "scenes"])


def test_rows_say_what_failed_and_leave_out_what_was_not_run(tmp_path: Path) -> None:
    given = recipes.parser().parse_args(["--work", str(tmp_path), "--kimg", "1"])
    table = recipes.Table(given)
    table.failure("r3", 1).parent.mkdir()
    table.failure("r3", 1).touch()
    for seed, fid in ((1, 10.0), (2, 14.0)):
        table.file("demo", seed).write_text(json.dumps({"kimg": 1.0, "seconds": 60.0, "fid": fid}))
    lines = table.rows(["demo", "r3", "paper"], [1, 2])
    assert len(lines) == 4 and "12" in lines[2] and "failed" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_a_network_does_not_judge_what_it_trained(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        ("--recipes projected --network efficientnet-lite0", "would judge what it trained"),
        ("--recipes best", "there is no recipe 'best'; choose from demo"),
        ("--recipes demo --minutes 2", "give the budget"),
    ):
        with pytest.raises(SystemExit) as ended:
            recipes.main([*words.split(), "--kimg", "1", "--work", "nowhere"])
        assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not Path("nowhere").exists()


def test_what_is_measured_is_that_of_the_asked_network(tmp_path: Path) -> None:
    def record(metric: str, count: int, **values: float) -> str:
        return (
            json.dumps({"kimg": 1, "values": values, "manifest": {"metric": metric, "fake": {"count": count}}}) + "\n"
        )

    lines = {
        "metric-fid-efficientnet-lite2.jsonl": record("fid", 500, fid=9.0) + record("fid", 2000, fid=1.0),
        "metric-fid-efficientnet-lite0.jsonl": record("fid", 2000, fid=5.0),
        "metric-attention.jsonl": record("attention", 1000, attention_entropy=0.5),
        "metric-composition.jsonl": record("composition", 1000, composition_iou=0.25),
    }
    for name, text in lines.items():
        (tmp_path / name).write_text(text)
    found = recipes.measured(tmp_path, "efficientnet-lite2", 2000)
    assert found == {"fid": 1.0, "attention_entropy": 0.5, "composition_iou": 0.25}


def test_a_stopped_training_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"kimg": 1.0}\n{"kimg": 4.992}\n')
    leave_unless_trained(tmp_path, 5.0 * 0.9984)
    with pytest.raises(SystemExit, match="stopped at 4.992 of 20 kimg; the same command"):
        leave_unless_trained(tmp_path, 20.0)
