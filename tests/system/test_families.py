"""StyleGAN3 and CREPS through the scripts: train, draw larger, draw turned."""

from __future__ import annotations

import pytest
from PIL import Image

from gansformer_tf.cli.generate import COMMAND, main
from tests.system.test_run_network import folders, run

__all__ = ["folders"]

SMALL = "--latent-size 8 --channel-base 32 --channel-max 4 --batch-size 8 --batch-gpu 8 --tick-kimg 0.008"
# what keeps a family small, how its images are drawn, and their size
DRAWN = {
    "CREPS": ([], ["--scale", "2.5"], (20, 20)),
    "StyleGAN3-R": (["--synthesis-layersnum", "4", "--margin-size", "2"], ["--rotate", "30"], (8, 8)),
}


@pytest.mark.parametrize("baseline", DRAWN)
def test_train_and_draw(folders, tmp_path, baseline):
    where = ("--result-dir", folders / baseline, "--dataset", "scenes8", "--data-dir", folders / "datasets")
    own, drawing, size = DRAWN[baseline]
    flags = ("--baseline", baseline, "--total-kimg", "0.008", *SMALL.split(), *own)
    done = run("--train", "--expname", "small", *flags, *where)
    assert "Training finished" in done.stderr + done.stdout
    model = ("--model", folders / baseline / "small-000", "--seeds", "1", "--gpus", "0", "--output-dir", tmp_path)
    assert main(COMMAND.read((*model, *drawing))) == 0
    with Image.open(tmp_path / "seed0001.png") as image:
        assert image.size == size
