from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.image_files import FORMATS, IMAGE, PANEL, SHEET, SOFTWARE, is_sheet, read_metadata, save_image

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)


@pytest.mark.parametrize("form", FORMATS)
def test_metadata_says_what_is_a_sample(tmp_path, form, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # images larger than Pillow opens are looked at as well
    path = tmp_path / f"a.{form}"
    for kind, sheet in ((IMAGE, False), (PANEL, True), (SHEET, True)):
        save_image(path, PIXELS, {"software": SOFTWARE, "kind": kind, "seeds": "0-3"})
        assert read_metadata(path) == {"software": SOFTWARE, "kind": kind, "seeds": "0-3"}
        assert is_sheet(path) == sheet


def test_files_of_others_are_no_sheets(tmp_path):
    path = tmp_path / "a.png"
    assert not is_sheet(path)
    path.write_bytes(b"my notes")
    assert read_metadata(path) is None and not is_sheet(path)
    Image.fromarray(PIXELS).save(path)
    assert read_metadata(path) is None and not is_sheet(path)
    path.write_bytes(path.read_bytes()[:20])
    assert not is_sheet(path)
    save_image(path, PIXELS, {"software": "another", "kind": SHEET})
    assert not is_sheet(path)
    assert not is_sheet(tmp_path)
