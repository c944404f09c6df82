"""StyleGAN3 and CREPS by the flags of the scripts, in this process: train, draw larger, draw turned."""

from __future__ import annotations

import pytest
from PIL import Image

from gansformer_tf.cli import flags, generate, run_network
from tests.system.test_run_network import folders

__all__ = ["folders"]

SMALL = "--latent-size 8 --channel-base 32 --channel-max 4 --batch-size 8 --batch-gpu 8 --tick-kimg 0.008"
# what keeps a family small, how its images are drawn, and their size
DRAWN = {
    "CREPS": ([], ["--scale", "2.5"], (20, 20)),
    "StyleGAN3-R": (["--synthesis-layersnum", "4", "--margin-size", "2"], ["--rotate", "30"], (8, 8)),
}


@pytest.mark.parametrize("baseline", DRAWN)
def test_train_and_draw(folders, tmp_path, baseline, eager, capfd):
    where = ("--result-dir", folders / baseline, "--dataset", "scenes8", "--data-dir", folders / "datasets")
    own, drawing, size = DRAWN[baseline]
    typed = ("--train", "--expname", "small", "--baseline", baseline, "--total-kimg", "0.008", *SMALL.split(), *own)
    assert run_network.main(flags.COMMAND.read([str(word) for word in (*typed, *where)])) == 0
    assert "Training finished" in "".join(capfd.readouterr())
    model = ("--model", folders / baseline / "small-000", "--seeds", "1", "--gpus", "0", "--output-dir", tmp_path)
    assert generate.main(generate.COMMAND.read((*model, *drawing))) == 0
    with Image.open(tmp_path / "seed0001.png") as image:
        assert image.size == size
