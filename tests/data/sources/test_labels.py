"""Labels from folders and tables: a number is a number, a header is a header, a name is one name in every form."""

from __future__ import annotations

import json
import unicodedata
import zipfile

import pytest

from gansformer_tf.config.data import SourceOptions
from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.labels import with_file_labels
from gansformer_tf.data.sources.open import open_source
from tests.data import makers

COUNT = 12


@pytest.fixture(scope="module")
def arrays():
    return makers.random_images(COUNT)


@pytest.fixture(scope="module")
def flat(tmp_path_factory, arrays):
    """Twelve images 000.png ... 011.png in one folder."""
    folder = tmp_path_factory.mktemp("flat")
    for index, array in enumerate(arrays):
        (folder / f"{index:03d}.png").write_bytes(makers.encoded(array))
    return open_source(folder)


def labels_of(source):
    return [item.label for item in source.read(range(len(source)))]


def table(labels, header="", separator=","):
    rows = [f"{index:03d}.png{separator}{label}" for index, label in enumerate(labels)]
    return "\n".join([header, *rows] if header else rows) + "\n"


NUMBERS = [3, 10, 2, 0, 11, 1, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    "text",
    [
        table(NUMBERS),
        table(NUMBERS, "id,label"),
        table(NUMBERS, "Dateiname;Klasse", ";"),
        table(NUMBERS, "file\tclass", "\t"),
        table([float(number) for number in NUMBERS], "filename,label"),
        table([f"{number:03d}" for number in NUMBERS]),
        "\n\n" + table(NUMBERS) + "\n",
    ],
)
def test_numbers_are_class_numbers_with_any_header(tmp_path, flat, text):
    path = tmp_path / "labels.csv"
    path.write_text("\ufeff" + text, encoding="utf-8")
    found = with_file_labels(flat, path)
    assert labels_of(found) == NUMBERS
    assert found.class_names == tuple(str(number) for number in range(COUNT))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_told_the_right_one(tmp_path, flat, encoding):
    path = tmp_path / "labels.csv"
    path.write_text(table(["Käfer"] * COUNT), encoding=encoding)
    with pytest.raises(SourceError, match="no UTF-8 text .*save them as CSV UTF-8"):
        with_file_labels(flat, path)


@pytest.mark.parametrize("labels", [[1.0] * COUNT, [1] * COUNT, NUMBERS, [float(number) for number in NUMBERS]])
def test_numbers_in_json(tmp_path, flat, labels):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"labels": [[f"{index:03d}.png", label] for index, label in enumerate(labels)]}))
    found = with_file_labels(flat, path)
    assert labels_of(found) == [int(label) for label in labels] and found.label_dim == int(max(labels)) + 1


def test_negative_whole_numbers_are_names_in_the_order_of_their_value(tmp_path, flat):
    (tmp_path / "l.csv").write_text(table([1, -1, -10, 2] * 3))
    found = with_file_labels(flat, tmp_path / "l.csv")
    assert found.class_names == ("-10", "-1", "1", "2") and labels_of(found)[:4] == [2, 1, 0, 3]


def test_attributes_are_vectors(tmp_path, flat):
    (tmp_path / "l.csv").write_text(table([f"{1 if i % 2 else -1},{i}" for i in range(COUNT)], "image_id,Smiling,Male"))
    found = with_file_labels(flat, tmp_path / "l.csv")
    assert found.class_names is None and labels_of(found)[:3] == [(-1.0, 0.0), (1.0, 1.0), (-1.0, 2.0)]


def test_numbers_that_are_not_whole_are_vectors_of_one(tmp_path, flat):
    (tmp_path / "l.csv").write_text(table([0.5 * i for i in range(COUNT)]))
    assert labels_of(with_file_labels(flat, tmp_path / "l.csv"))[:3] == [(0.0,), (0.5,), (1.0,)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", table(["Male,Yes"] * COUNT), "holds 'Male' in a vector of labels"),
        ("l.csv", table(["", *range(1, COUNT)]), "holds an empty label"),
        ("l.csv", table(["nan", *range(1, COUNT)]), "no finite number"),
        ("l.csv", "id,label\n", "holds no label"),
        ("l.json", '{"labels": null}', "there are no labels .null.; leave --labels out"),
        ("l.json", "null", "there are no labels"),
        ("l.json", "3", "must hold .* and not int"),
        ("l.json", '{"labels": [["000.png", 1], 5]}', "one entry is 5"),
        ("l.json", '{"000.png": {"class": 1}}', "no label for 11 of 12"),
        ("l.json", "{", "is not valid JSON"),
    ],
)
def test_tables_that_are_refused(tmp_path, flat, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match=message) as caught:
        with_file_labels(flat, tmp_path / name)
    assert "\n" not in str(caught.value)


def test_names_are_compared_in_one_normal_form(tmp_path, arrays):
    names = [f"\uc6f9\ud230_{index}.png" for index in range(4)]
    (tmp_path / "in").mkdir()
    for name, array in zip(names, arrays, strict=False):
        (tmp_path / "in" / unicodedata.normalize("NFD", name)).write_bytes(makers.encoded(array))
    (tmp_path / "l.csv").write_text("".join(f"{name},{i % 2}\n" for i, name in enumerate(names)), encoding="utf-8")
    assert labels_of(with_file_labels(open_source(tmp_path / "in"), tmp_path / "l.csv")) == [0, 1, 0, 1]


@pytest.mark.parametrize("top", ["", "set/", "a/b/"])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_stylegan_labels_beside_the_images(tmp_path, arrays, top, kind):
    names = [f"00000/img{index:08d}.png" for index in range(6)]
    members = {top + name: makers.encoded(array) for name, array in zip(names, arrays, strict=False)}
    members[f"{top}dataset.json"] = json.dumps({"labels": [[name, index % 3] for index, name in enumerate(names)]})
    place = write(tmp_path, members, kind)
    source = open_source(place)
    assert labels_of(source) == [0, 1, 2, 0, 1, 2] and not source.left_out
    without = open_source(place, options=SourceOptions(labels="none"))
    assert labels_of(without) == [None] * 6 and without.label_dim == 0
    assert without.left_out == {".json": 1}


def write(tmp_path, members, kind):
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return tmp_path / "in.zip"
    for name, content in members.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path / "in"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_classes_are_the_first_folders_that_differ(tmp_path, arrays, kind):
    members = {
        f"pets/{name}/{number}/{index}.png": makers.encoded(arrays[index])
        for number, name in enumerate(("cat", "dog"))
        for index in range(2)
    }
    found = open_source(write(tmp_path, members, kind), options=SourceOptions(labels="folders"))
    assert found.class_names == ("cat", "dog") and labels_of(found) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("pets/0.png", "pets/1.png"), r"all images .* lie in one folder \(pets\), which makes no classes"),
        (("0.png", "1.png"), "all images .* lie in one folder, which makes no classes"),
        (("pets/cat/0.png", "pets/1.png"), "pets/1.png lies in no sub-folder of .*/pets, so"),
    ],
)
def test_folders_that_make_no_classes(tmp_path, arrays, names, message):
    place = write(tmp_path, {name: makers.encoded(arrays[0]) for name in names}, "folder")
    with pytest.raises(SourceError, match=message):
        open_source(place, options=SourceOptions(labels="folders"))


def test_labels_from_folders_and_files(tmp_path, arrays):
    place = makers.make_folder(tmp_path / "in", arrays[:4])  # a/000 a/002 b/001 b/003
    by_folder = open_source(place, "png", SourceOptions(labels="folders"))
    assert [item.label for item in by_folder.read(range(4))] == [0, 0, 1, 1] and by_folder.class_names == ("a", "b")
    (tmp_path / "l.csv").write_text(
        "file,label\na/000.png,dog\nb/001.png,cat\n./a/002.png,cat\nb\\003.png,dog\nx.png,cat\n"
    )
    by_csv = open_source(place, "png", SourceOptions(labels=str(tmp_path / "l.csv")))
    assert [item.label for item in by_csv.read(range(4))] == [1, 0, 0, 1] and by_csv.class_names == ("cat", "dog")
    (tmp_path / "l.json").write_text(
        '{"a/000.png": [0, 1.5], "a/002.png": [1, 2], "b/001.png": [3, 4], "b/003.png": [5, 6]}'
    )
    by_json = open_source(place, "png", SourceOptions(labels=str(tmp_path / "l.json")))
    assert by_json.class_names is None and by_json.label_dim == 2
    assert next(iter(by_json.read([3]))).label == (5.0, 6.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/000.png,1\na/002.png,1\n", "no label for 1 of 3 images, the first is b/001.png"),
        ("a/000.png,1\na/000.png,2\n", "names a/000.png twice, with labels '1' and '2'"),
        ("a/000.png\n", "has no label after"),
        ("a/000.png,1,2\na/002.png,1\nb/001.png,1,2\n", "mixes kinds of labels"),
        ("a/000.png,99999999\na/002.png,1\nb/001.png,1\n", "class number 99999999; at most"),
        ("", "holds no label"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, arrays, text, message):
    source = open_source(makers.make_folder(tmp_path / "in", arrays[:3]), "png")
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        with_file_labels(source, tmp_path / "l.csv")
