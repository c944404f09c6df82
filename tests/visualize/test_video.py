from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from gansformer_tf.visualize.video import there_and_back, write_gif, write_mp4

FRAMES = [np.full((15, 21, 3), value, np.uint8) for value in (0, 80, 160, 240)]


def test_gif(tmp_path):
    write_gif(tmp_path / "a.gif", FRAMES)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 4 and animation.size == (21, 15) and animation.info["loop"] == 0


def test_mp4_has_every_frame_in_order_at_an_even_size(tmp_path):
    write_mp4(tmp_path / "a.mp4", iter(FRAMES), frames_per_second=12)
    with av.open(str(tmp_path / "a.mp4")) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 12
    assert [frame.shape for frame in decoded] == [(16, 22, 3)] * 4
    np.testing.assert_allclose([frame.mean() for frame in decoded], [0, 80, 160, 240], atol=6)


def test_there_and_back():
    assert there_and_back([1, 2, 3, 4]) == [1, 2, 3, 4, 3, 2]
    assert there_and_back([1]) == [1] and there_and_back([1, 2]) == [1, 2]


@pytest.mark.parametrize(("write", "name"), [(write_gif, "a.gif"), (write_mp4, "a.mp4")])
def test_bad_frames_leave_no_file(tmp_path, write, name):
    with pytest.raises(ValueError, match="without frames"):
        write(tmp_path / name, [])
    with pytest.raises(ValueError, match="several sizes"):
        write(tmp_path / name, [FRAMES[0], FRAMES[1][:8]])
    assert not list(tmp_path.iterdir())
