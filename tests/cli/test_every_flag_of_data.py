"""Every flag of `prepare_data.py` changes what it is there to change: stored images, names, or what is printed."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli.prepare_data import COMMAND, main
from tests.data import makers

OWN = "--task mine --images-dir {place}/own"
ARRAYS = "--task mine --images-dir {place}/arrays.npz"
FLOATS = "--task mine --images-dir {place}/floats.npy"

# what is typed, and beside what; without it the command does something else
CASES = {
    "--task": ("other", "--images-dir {place}/own --task mine"),
    "--images-dir": ("{place}/own/a", OWN),
    "--format": ("npy", OWN),
    "--scenes": ("", OWN + " --max-images 2"),
    "--labels": ("folders", OWN),
    "--data-dir": ("{place}/elsewhere", OWN),
    "--resolution": ("8", OWN),
    "--ratio": ("0.5", OWN),
    "--max-images": ("3", OWN),
    "--shards-num": ("2", OWN),
    "--dry-run": ("", OWN),
    "--fit": ("stretch", OWN),
    "--resize-filter": ("box", OWN),
    "--encoding": ("png", OWN),
    "--quality": ("20", OWN),
    "--channels": ("1", OWN),
    "--array-key": ("dark", ARRAYS + " --array-key light"),
    "--value-range": ("0,2", FLOATS + " --value-range 0,1"),
    "--on-error": ("stop", "--task mine --images-dir {place}/bad"),
}
# the others, and what holds them
ELSEWHERE = {
    "tests/cli/test_prepare_data.py": "--inspect --verify",
    "tests/data/download": "--clevr --ffhq --cityscapes --bedrooms --cartoonset --source-archive",
    "tests/data/sources/test_sources.py": "--tfds-key --split --array-shape",
    "tests/data/prepare: the same bytes by another way": "--workers --runner --beam-options",
}
# fields that no flag sets, and why
BY_NAMES = "name sets source tasks"  # --task, --scenes and the catalog's flags; what the others make up


def test_every_flag_is_here():
    held = [*CASES, *" ".join(ELSEWHERE.values()).split()]
    assert sorted(held) == sorted(flag.name for flag in COMMAND.flags)


def test_every_field_has_a_flag_or_a_reason():
    reached = {(section, flag.target) for flag in COMMAND.flags for section in flag.sections}
    fields = {(section, field.name) for section, cls in COMMAND.configs.items() for field in dataclasses.fields(cls)}
    assert {name for _, name in fields - reached} <= set(BY_NAMES.split())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("sources")
    images = makers.random_images(6, height=30, width=40)
    for name, part in (("a", images[:3]), ("b", images[3:])):
        makers.make_folder(place / "own" / name, part)
    np.save(place / "own" / "arrays.npy", np.stack(images)[:, ::-1])
    np.savez(place / "arrays.npz", light=np.stack(images), dark=np.stack(images) // 2)
    np.save(place / "floats.npy", np.stack(images).astype(np.float32) / 255)
    makers.make_folder(place / "bad", images[:2])
    Image.new("RGB", (1, 1)).save(place / "bad" / "small.png")
    return place


def outcome(text, place, folder, capsys):
    """Names and contents of what was written, and what was printed, or the error."""
    words = text.format(place=place).split()
    defaults = {"--data-dir": folder, "--resolution": "16", "--workers": "0"}
    words += [word for flag, value in defaults.items() if flag not in words for word in (flag, str(value))]
    try:
        printed = str(main(COMMAND.read(words))) + capsys.readouterr().out
    except Exception as error:  # a refusal is an outcome too
        printed = str(error)
        capsys.readouterr()
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".tfrecord" in path.name
    }
    return files, printed.replace(str(folder), "")


@pytest.mark.parametrize("flag", CASES)
def test_flags(flag, place, tmp_path, capsys):
    value, beside = CASES[flag]
    value = value.format(place=tmp_path if flag == "--data-dir" else place)
    with_it = f"{beside} {flag} {value}" if flag != "--scenes" else "--scenes --max-images 2"
    texts = {"before": beside, "again": beside, "after": with_it}
    found = {name: outcome(text, place, tmp_path / name, capsys) for name, text in texts.items()}
    assert found["before"] == found["again"] != found["after"]
