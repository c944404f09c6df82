from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.latents import latents_from_seeds
from gansformer_tf.drawing.noise import noise_from_seeds, repeat_noise
from gansformer_tf.drawing.seeds import parse_seeds


def test_latents_follow_the_convention_of_the_field():
    z = latents_from_seeds([3, 9], num_latents=5, latent_dim=4)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(z[1], np.random.RandomState(9).standard_normal((5, 4)).astype(np.float32))


def test_noise_depends_on_the_seed_alone():
    shapes = [(4, 4, 1), (8, 8, 1)]
    alone, together = noise_from_seeds([5], shapes), noise_from_seeds([1, 5], shapes)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a[0], b[1])
        assert not np.array_equal(b[0], b[1])
    assert not np.array_equal(together[0][0].ravel(), together[1][0].ravel()[:16])


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", (7,)), ("0-3,77", (0, 1, 2, 3, 77)), (" 1 , 2-2", (1, 2)), ("5,5", (5, 5))]
)
def test_parse_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no list of seeds"),
        ("a", "no list of seeds"),
        ("1-", "no list of seeds"),
        ("-3", "no list of seeds"),
        ("1..4", "no list of seeds"),
        ("9-2", "backwards"),
        ("4294967296", "out of range"),
        ("0-4294967295", "more than"),
    ],
)
def test_nonsense_seeds(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_seeds(text)


def test_labels():
    assert labels_from_seeds([1, 2], 0) is None
    assert labels_from_seeds([1, 2, 3], 3, [2, 0]).argmax(-1).tolist() == [2, 0, 2]
    drawn = labels_from_seeds(range(50), 3)
    assert set(drawn.argmax(-1)) == {0, 1, 2}
    np.testing.assert_array_equal(drawn[7], labels_from_seeds([7], 3)[0])
    with pytest.raises(ValueError, match="without labels"):
        labels_from_seeds([1], 0, [1])
    with pytest.raises(ValueError, match="classes are 0 to 2"):
        labels_from_seeds([1], 3, [3])


def test_noise_and_classes_have_these_bits_whatever_keras_runs_on():
    """In a process of its own: nothing that draws them loads a framework."""
    code = (
        "import hashlib, sys\n"
        "from gansformer_tf.drawing.labels import classes_from_seeds\n"
        "from gansformer_tf.drawing.noise import noise_from_seeds\n"
        "noise = noise_from_seeds([0, 2**32 - 1], [(4, 4, 1), (33, 5, 2)])\n"
        "print(hashlib.sha256(b''.join(values.astype('<f4').tobytes() for values in noise)).hexdigest())\n"
        "print(classes_from_seeds(range(8), 10).tolist())\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digest, classes, loaded = done.stdout.splitlines()
    assert digest == "163465c454d4ec0dc0126e7ffb3a8e62582e5a52f67a3900e5a99117afc1dd5b"
    assert classes == "[9, 5, 9, 7, 3, 2, 7, 4]"
    assert loaded == "[]"


def test_noise_of_one_image_for_several():
    (values,) = noise_from_seeds([7], [(2, 2)])
    (repeated,) = repeat_noise([values], 3)
    np.testing.assert_array_equal(repeated, np.concatenate([values] * 3))
    assert repeat_noise(None, 3) is None
