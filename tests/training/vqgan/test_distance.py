"""The perceptual distance by name, or from files of VGG-16 and its heads."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from gansformer_tf.config import ConfigError
from gansformer_tf.models.vqgan.perceptual import PerceptualDistance
from gansformer_tf.training.vqgan import distance
from gansformer_tf.training.vqgan.distance import distance_of
from tests.models.vqgan.golden import Golden, check_forward


def test_files_of_vgg_and_its_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    golden = Golden("loss_stage1")
    small = functools.partial(PerceptualDistance, tuple(golden.about["perceptual_widths"]))
    monkeypatch.setattr(distance, "PerceptualDistance", small)
    arrays = {name: torch.from_numpy(np.array(value)) for name, value in golden.under("perceptual_param/").items()}
    heads = {name: value for name, value in arrays.items() if name.startswith("lin")}
    vgg = {f"features.{name.split('.', 2)[2]}": value for name, value in arrays.items() if name.startswith("net.")}
    torch.save(vgg | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16.pth")
    torch.save(heads, tmp_path / "vgg.pth")
    measure = distance_of(f"{tmp_path}/vgg16.pth,{tmp_path}/vgg.pth")
    assert measure is not None
    check_forward(measure(golden.images("in/x"), golden.images("out/rec")), golden["out/lpips"].ravel())

    with pytest.raises(ConfigError, match=r"is no VGG-16 with the heads of LPIPS .*lin0.*; give torchvision's"):
        distance_of(f"{tmp_path}/vgg16.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ConfigError, match="text.pth is no usable PyTorch file of weights"):
        distance_of(f"{tmp_path}/text.pth")
    with pytest.raises(ConfigError, match="perceptual is 'nowhere.pth', but there is no file nowhere.pth; name one"):
        distance_of("nowhere.pth")


def test_none() -> None:
    assert distance_of("none") is None
