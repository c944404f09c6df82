"""Original snapshots as ours: the same images, and precise words about what is not understood."""

from __future__ import annotations

import http.server
import io
import json
import threading

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.convert import __main__ as command
from gansformer_tf.convert import cache, catalog, families, importer
from gansformer_tf.convert.cache import imported_snapshot
from gansformer_tf.convert.catalog import CATALOG, published_snapshot
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import read_foreign
from gansformer_tf.convert.found import PYTORCH, Found, FoundNetwork
from gansformer_tf.convert.importer import import_file
from gansformer_tf.data.download.cache import CACHE_VARIABLE
from gansformer_tf.models.snapshot import load_snapshot, read_snapshot
from tests.convert import samples
from tests.convert.makers import dumps, module, tf1_generator, tf1_network, torch_network
from tests.convert.pytorch_golden import TorchGolden
from tests.file_modes import masked, unusual_modes
from tests.models.golden import forward_error, nchw

TOLERANCE = 1e-3
PSI = {"TensorFlow 1": 0.7, "PyTorch": 1.0}


@pytest.fixture
def sample(tmp_path):
    """Writes a sample, or any pickle, to a file."""

    def write(name: str, content: bytes | None = None):
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(samples.content(name) if content is None else content)
        return path

    return write


def drawn(generator, z, labels, psi):
    z = tf.constant(z if z.ndim == 3 else z[:, None])
    w = generator.truncate(generator.map(z, labels), psi)
    return nchw(generator.synthesize(w, noise_mode="const"))


# -- the numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", samples.names())
def test_images_and_scores(name, sample, tmp_path, golden_row):
    imported = import_file(sample(name))
    imported.save(tmp_path / "new.safetensors")
    snapshot = load_snapshot(tmp_path / "new.safetensors")
    assert snapshot.metadata["source"] == f"{name}.pkl" and snapshot.metadata["source_sha256"] == imported.sha256
    expected = samples.expected(name)
    labels = tf.constant(expected["labels"]) if "labels" in expected else None
    psis = {"images": PSI[imported.found.kind]}
    psis |= {"images_psi0.5": 0.5} if "images_psi0.5" in expected else {}
    for key, psi in psis.items():
        found = drawn(snapshot.generator, expected["z"], labels, psi)
        golden_row(name, f"{key}, psi {psi}", forward_error(found, expected[key]), TOLERANCE)
    images = tf.constant(expected["d_images"].transpose(0, 2, 3, 1))
    if labels is not None:  # the classes in turn
        classes = np.arange(len(images)) % labels.shape[1]
        labels = tf.one_hot(classes, labels.shape[1])
    golden_row(name, "scores", forward_error(snapshot.discriminator(images, labels), expected["d_scores"]), TOLERANCE)


def test_stylegan2_of_tensorflow_1(sample, tmp_path):
    """The variables of the original's StyleGAN2 under StyleGAN2's own function and argument names."""
    name = next(name for name in samples.names() if name.startswith("stylegan2"))
    theirs, expected = read_foreign(sample(name)), samples.expected(name)
    shared = {"num_channels": 3, "resolution": 32, "label_size": 0, "fmap_base": 128, "fmap_max": 12}
    arguments = {**shared, "latent_size": 16, "dlatent_size": 16, "mapping_fmaps": 16, "resample_kernel": [1, 3, 3, 1]}
    known = {key: value for key, value in theirs.generator.arrays.items() if not key.startswith("ltnt_emb")}
    generator = tf1_generator("Gs", "G_main", arguments, {"lod": np.float32(0), **known})
    arrays = {key: value for key, value in theirs.discriminator.arrays.items() if not key.startswith("ltnt_emb")}
    discriminator = tf1_network("D", "D_stylegan2", shared, arrays)
    path = sample("stylegan2-ffhq-config-f", dumps((generator, discriminator, generator)))
    imported = import_file(path)
    assert imported.family.name == "StyleGAN2"
    ours = imported.networks["generator"].model
    assert ours.config.truncation_psi == 0.5
    assert forward_error(drawn(ours, expected["z"], None, 0.7), expected["images"]) < TOLERANCE
    scores = imported.networks["discriminator"].model(tf.constant(expected["d_images"].transpose(0, 2, 3, 1)), None)
    assert forward_error(scores, expected["d_scores"]) < TOLERANCE


def test_what_creps_stores_and_never_reads_is_named(sample):
    imported = import_file(sample("snapshot_creps"))
    assert imported.family.name == "CREPS"
    left = imported.networks["generator"].left_over
    assert left["synthesis.decoder_8.0.weight"].startswith("the image starts from the second block")
    assert left["synthesis.b4.tores.bias"] == "the first block has no part in the image"
    assert left["synthesis.b4.input.coords"] == "computed, and equal"
    assert len(left) == 8 + 4 + 1


PORT_CLASSES = {"mlp": "MLP", "global_mlp": "MLP", "mapping": "MappingNetwork", "torgb": "ToRGBLayer"}


def test_the_pytorch_port(sample):
    golden = TorchGolden("ganf_G_mapgate")
    network = torch_network("Generator", golden.kwargs, golden.state, PORT_CLASSES)
    imported = import_file(sample("network-snapshot-000120", dumps({"G": None, "D": None, "G_ema": network}, 3)))
    assert imported.family.name == "GANformer's PyTorch port" and imported.found.discriminator is None
    w = imported.networks["generator"].model.map(golden.z, golden.labels)
    assert forward_error(w, golden.w("out/ws")) < 1e-4


# -- what is not understood --------------------------------------------------------------------------------------------


SMALL = {"resolution": 16, "fmap_base": 64}


def tf1_file(function: str = "Generator", **arguments) -> bytes:
    generator = tf1_generator("Gs", function, arguments, {"dlatent_avg": np.zeros(8, np.float32)})
    return dumps((generator, tf1_network("D", "Discriminator", {}, {}), generator))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tf1_file(future_option=3), "its Gs: unknown static argument 'future_option' of the original generator"),
        (tf1_file(resolution="large"), "its Gs .Generator. cannot be built: "),
        (tf1_file(resolution=8), "its Gs: the original variable 'G_mapping/Dense0/bias' is missing"),
        (tf1_file("G_main", conv_clamp=256), "its Gs: unknown static argument 'conv_clamp' of the StyleGAN2 generator"),
        (
            tf1_file("G_main", fmap_min=33),
            "fmap_min of the StyleGAN2 generator is 33, more than fmap_base 16384 leaves at",
        ),
        (tf1_file("G_main", fmap_min=32), "its Gs: the original variable 'G_mapping/Dense0/bias' is missing"),
        (tf1_file("G_main", fmap_decay=0.5), "'fmap_decay' of the StyleGAN2 generator is 0.5; only 1 works"),
        (tf1_file("G_style"), "class 'G_style' of training.networks_stylegan .StyleGAN. is not supported"),
        (tf1_file("G_mine"), "class 'G_mine' of its Gs is not supported; of TensorFlow 1, GANformer, StyleGAN2 are"),
        (
            dumps({"G_ema": module("Generator", {}, _modules={"input": module("MyInput")})}),
            "class 'Generator' with parts MyInput of its G_ema is not supported; of PyTorch, ",
        ),
        (
            dumps({"G_ema": module("Generator", {"z_dim": 4, "magic": 1}, _modules={"rgb": module("ToRGBLayer")})}),
            "its G_ema: the static argument 'w_dim' of the stylegan2 generator is missing",
        ),
        (dumps({"D": module("Discriminator")}), "it holds neither a network G_ema nor G"),
        (dumps(()), "a pickle of a tuple, not of networks"),
    ],
)
def test_what_is_not_understood_is_named(content, message, sample):
    with pytest.raises(ForeignFileError, match=message) as error:
        import_file(sample("old", content))
    assert "\n" not in str(error.value) and "old.pkl cannot be imported: " in str(error.value)


def test_families_that_are_known_and_not_built_are_called_by_name(monkeypatch):
    network = FoundNetwork("G_ema", "Generator", {}, ["SomethingNew"])
    entry = families.Family("StyleGAN9", "training.networks_stylegan9", ("Generator",), "SomethingNew", None)
    monkeypatch.setitem(families.FAMILIES, PYTORCH, (entry,))
    with pytest.raises(ForeignFileError, match="'Generator' of training.networks_stylegan9 .StyleGAN9. is not supp"):
        families.family_of(Found(PYTORCH, network, None))


def test_a_left_over_weight_is_an_error(sample):
    name = next(name for name in samples.names() if name.startswith("stylegan2"))
    theirs = read_foreign(sample(name))
    arrays = {**theirs.generator.arrays, "G_synthesis/4x4/Extra/weight": np.zeros(1, np.float32)}
    generator = tf1_generator("Gs", theirs.generator.class_name, theirs.generator.arguments, arrays)
    path = sample("more", dumps((generator, tf1_network("D", "Discriminator", {}, {}), generator)))
    with pytest.raises(ForeignFileError, match="'G_synthesis/4x4/Extra/weight' is left over"):
        import_file(path)


# -- the command -------------------------------------------------------------------------------------------------------


def convert(*arguments) -> int:
    return command.main([str(argument) for argument in arguments])


def test_the_command_tells_what_it_did(sample, tmp_path, capsys):
    name = samples.names()[0]
    path, target = sample(name), tmp_path / "new.safetensors"
    assert convert(path, target) == 0
    text = capsys.readouterr().out
    assert "TensorFlow 1 snapshot, GANformer, SHA-256" in text and "mapped: " in text and " left over (" in text
    assert "Gs (G_GANformer): 238 arrays" in text or samples.COMPLETE
    assert "not imported: G: the generator without averaging" in text
    before = target.read_bytes()
    assert convert(path, target) == 2
    assert "is there already; it is not overwritten" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert convert(path, tmp_path / "half.safetensors", "--generator-only") == 0
    assert load_snapshot(tmp_path / "half.safetensors").discriminator is None


def test_names_that_the_terminal_cannot_show(tmp_path, monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stderr", shown)
    assert convert(tmp_path / "\uc6f9\ud230.pkl", tmp_path / "new.safetensors") == 2
    shown.seek(0)
    assert r"there is no file" in (text := shown.read()) and r"\uc6f9\ud230.pkl" in text


def test_home_is_expanded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert convert("~/old.pkl", tmp_path / "new.safetensors") == 2
    assert f"there is no file {tmp_path}/old.pkl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("missing.pkl", "new.safetensors", "there is no file missing.pkl"),
        ("gdrive:ffhq-snapshot", "new.safetensors", "did you mean gdrive:ffhq-snapshot.pkl?"),
        ("old.pkl", "new.pkl", "must end in .safetensors"),
        ("old.pkl", "nowhere/new.safetensors", "there is no folder nowhere"),
        ("old.pkl", "new.safetensors", "a pickle of a dictionary of 'a', not of networks"),
    ],
)
def test_bad_usage_is_one_line(source, target, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.pkl").write_bytes(dumps({"a": 1}))
    assert convert(source, target) == 2
    text = capsys.readouterr().err
    assert message in text and text.count("\n") == 1
    assert not (tmp_path / "new.safetensors").exists()


# -- cache and catalog -------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_is_converted_once(sample, cached, monkeypatch):
    name = next(name for name in samples.names() if name.startswith("stylegan2"))
    path, said = sample(name), []
    with masked():
        target = imported_snapshot(path, said.append)
    assert target.parent == cached / "imported" and len(said) == 1
    assert unusual_modes(cached) == {}
    again = path.rename(path.with_name("renamed.pkl"))
    monkeypatch.setattr(cache, "import_file", None)  # would fail if it were called
    assert imported_snapshot(again.rename(path), said.append) == target and len(said) == 1
    monkeypatch.undo()


def test_a_damaged_copy_is_made_anew(sample, cached):
    name = next(name for name in samples.names() if name.startswith("stylegan2"))
    path = sample(name)
    target = imported_snapshot(path, lambda line: None)
    whole = target.read_bytes()
    target.write_bytes(whole[:1000])
    assert imported_snapshot(path, lambda line: None) == target
    assert read_snapshot(target)[2]["source"] == path.name


@pytest.fixture
def server(monkeypatch):
    """Serves `answers[id]`; `asked` lists what was asked for."""
    answers: dict[str, tuple[str, bytes]] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            kind, body = answers.get(self.path.partition("id=")[2], ("text/html", b"<html>quota</html>"))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    host = f"http://127.0.0.1:{listener.server_port}"
    monkeypatch.setattr(catalog, "ADDRESSES", (f"{host}/first?id={{id}}", f"{host}/second?id={{id}}"))
    yield answers, asked
    listener.shutdown()
    listener.server_close()


NAME = "gdrive:clevr-snapshot.pkl"
BINARY = "application/octet-stream"


def test_the_catalog_is_the_published_one():
    assert len(CATALOG) == 6 and all(len(number) == 33 for number in CATALOG.values())
    assert {"clevr-snapshot.pkl", "ffhq-snapshot-1024.pkl", "cityscapes-snapshot-2048.pkl"} < set(CATALOG)


def test_a_published_snapshot_is_downloaded_once(server, cached):
    answers, asked = server
    answers[CATALOG["clevr-snapshot.pkl"]] = (BINARY, dumps({"a": 1}))
    seen = []
    path = published_snapshot(NAME, lambda done, total: seen.append((done, total)))
    assert path == cached / "downloads" / "clevr-snapshot.pkl" and path.read_bytes() == dumps({"a": 1})
    assert seen[-1] == (len(dumps({"a": 1})),) * 2
    assert published_snapshot(NAME) == path and len(asked) == 1
    record = json.loads((path.parent / "clevr-snapshot.pkl.json").read_text())
    assert record["bytes"] == path.stat().st_size


def test_a_web_page_in_its_place(server, cached):
    _, asked = server
    with pytest.raises(ForeignFileError, match="cannot be downloaded .* gave a web page .* in a browser") as error:
        published_snapshot(NAME)
    assert [path.partition("?")[0] for path in asked] == ["/first", "/second"] and "\n" not in str(error.value)


def test_something_else_in_its_place(server, cached):
    answers, _ = server
    answers[CATALOG["clevr-snapshot.pkl"]] = (BINARY, b"PK\x03\x04 something else")
    with pytest.raises(ForeignFileError, match="is a zip archive .* It was removed"):
        published_snapshot(NAME)
    answers[CATALOG["clevr-snapshot.pkl"]] = (BINARY, dumps({"a": 1}))
    assert published_snapshot(NAME).read_bytes() == dumps({"a": 1})


def test_a_download_that_was_changed(server, cached):
    answers, _ = server
    answers[CATALOG["clevr-snapshot.pkl"]] = (BINARY, dumps({"a": 1}))
    path = published_snapshot(NAME)
    path.write_bytes(dumps({"b": 1}))
    with pytest.raises(ForeignFileError, match="was changed after its download. It was removed"):
        published_snapshot(NAME)
    assert published_snapshot(NAME).read_bytes() == dumps({"a": 1})


def test_without_a_network(cached, monkeypatch):
    monkeypatch.setattr(catalog, "ADDRESSES", ("http://127.0.0.1:9/uc?id={id}",))
    monkeypatch.setattr(catalog, "_FIRST_WAIT_SECONDS", 0.001)
    with pytest.raises(
        ForeignFileError, match=r"gdrive:clevr-snapshot.pkl cannot be downloaded .*refused.*in a browser"
    ):
        published_snapshot(NAME)


def test_the_original_names_its_kimg(sample):
    family = families.FAMILIES[PYTORCH][0]
    imported = importer.Imported(sample("network-snapshot-012345", b""), "", Found("", None, None), family, {})
    assert imported.metadata()["kimg"] == "12345"
