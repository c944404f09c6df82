"""StyleGAN3 and CREPS through the scripts: train, draw larger, draw turned."""

from __future__ import annotations

import pytest
from PIL import Image

from gansformer_tf.cli.generate import COMMAND, main
from tests.system.test_run_network import folders, run

__all__ = ["folders"]

SMALL = "--latent-size 8 --channel-base 32 --channel-max 4 --batch-size 8 --batch-gpu 8 --tick-kimg 0.008"
DRAWN = {"CREPS": (["--scale", "2.5"], (40, 40)), "StyleGAN3-R": (["--rotate", "30"], (16, 16))}


@pytest.mark.parametrize("baseline", DRAWN)
def test_train_and_draw(folders, tmp_path, baseline):
    where = ("--result-dir", folders / baseline, "--dataset", "scenes16", "--data-dir", folders / "datasets")
    flags = ("--baseline", baseline, "--total-kimg", "0.008", *SMALL.split())
    done = run("--train", "--expname", "small", *flags, *where)
    assert "Training finished" in done.stderr + done.stdout
    flags, size = DRAWN[baseline]
    model = ("--model", folders / baseline / "small-000", "--seeds", "1", "--gpus", "0", "--output-dir", tmp_path)
    assert main(COMMAND.read((*model, *flags))) == 0
    with Image.open(tmp_path / "seed0001.png") as image:
        assert image.size == size
