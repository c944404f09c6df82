"""The checks of the site: public names are in the API reference, with docstrings."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path

import pytest

from gansformer_tf.cli.gansformer import COMMANDS

ROOT = Path(__file__).parents[1]


def hooks(monkeypatch):
    """docs/site/hooks.py; MkDocs, which is no part of the tests' environment, is stood in for."""
    for name, attribute in (("mkdocs", None), ("mkdocs.exceptions", "PluginError"), ("mkdocs.structure", None)):
        module = types.ModuleType(name)
        if attribute:
            setattr(module, attribute, ValueError)
        monkeypatch.setitem(sys.modules, name, module)
    files = types.ModuleType("mkdocs.structure.files")
    files.File = object
    monkeypatch.setitem(sys.modules, "mkdocs.structure.files", files)
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_in_the_api_reference_with_a_docstring(monkeypatch):
    hooks(monkeypatch).on_pre_build(None)


def test_every_command_is_in_the_reference_with_its_flags(monkeypatch):
    page = hooks(monkeypatch)._commands()
    shown = dict(re.findall(r"^\| `gansformer (\w+)` \|.*\(#([\w-]+)\) \|$", page, re.MULTILINE))
    assert set(shown) == {command.name for command in COMMANDS}
    headings = re.findall(r"^## ([\w.]+)(?: \{ #([\w-]+) \})?$", page, re.MULTILINE)
    assert set(shown.values()) == {anchor or title for title, anchor in headings}
    for flag in (
        "`--images-dir`",
        "`--gansformer-default`",
        "`--attention`",
        "`--private`",
        "`--output`",
        "--fake PLACE",
    ):
        assert flag in page, flag


def test_links_out_of_the_site_are_seen(monkeypatch):
    site = hooks(monkeypatch)

    def page(source, text):
        return site.on_page_markdown(text, page=types.SimpleNamespace(file=types.SimpleNamespace(src_uri=source)))

    assert page("hub.md", "[all](../CHANGELOG.md#unreleased)") == "[all](changelog.md#unreleased)"
    assert page("api/data.md", "[data](../data.md)") == "[data](../data.md)"
    with pytest.raises(ValueError, match=r"hub.md links to ../examples/a.ipynb, which is no page of the site"):
        page("hub.md", "[a notebook](../examples/a.ipynb)")


def test_links_that_lead_nowhere_end_the_build(monkeypatch, tmp_path):
    site = hooks(monkeypatch)
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="b.html#y">b</a> <a href="#x">x</a> <a href="https://c.d/e">e</a>'
    )
    (tmp_path / "b.html").write_text('<p id="y"><img src="a.html"/>')
    site.on_post_build({"site_dir": str(tmp_path)})
    (tmp_path / "b.html").write_text('<p id="z"><img src="c.png"/>')
    with pytest.raises(ValueError, match=r"lead nowhere: a.html: b.html#y, b.html: c.png\.$"):
        site.on_post_build({"site_dir": str(tmp_path)})


def test_no_name_of_the_reference_stands_twice(monkeypatch):
    named = hooks(monkeypatch).directives(ROOT)
    assert len(named) == len(set(named)) > 80


def test_what_is_missing_is_found(monkeypatch, tmp_path):
    package, pages = tmp_path / "p", tmp_path / "docs" / "api"
    package.mkdir(), pages.mkdir(parents=True)
    (package / "__init__.py").write_text('from p.m import A\n__all__ = ["A", "m"]\n')
    (package / "m.py").write_text(
        'class A:\n    """A."""\n    def b(self): pass\n    def on_epoch_end(self): pass\n    def _c(self): pass\n'
        '__all__ = ["A", "d"]\ndef d(): pass\n'
    )
    (pages / "m.md").write_text("::: p.A\n\ntext\n\n::: p.m.d\n")
    site = hooks(monkeypatch)
    assert site.public_names(tmp_path, "p") == ["p.A", "p.m.A", "p.m.d"]
    assert site.directives(tmp_path) == ["p.A", "p.m.d"]
    assert site.undocumented("p.m.d", tmp_path) == ["p.m.d"]
    assert site.undocumented("p.A", tmp_path) == ["p.m.A.b"]
    assert site.undocumented("p.m.nothing", tmp_path) == ["p.m.nothing"]
    assert site.undocumented("p.q.nothing", tmp_path) == ["p.q.nothing"]


def test_a_method_may_say_in_a_base_class_what_it_does(monkeypatch, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "base.py").write_text('class A:\n    """A."""\n    def b(self):\n        """b."""\n')
    (tmp_path / "p" / "m.py").write_text(
        'from p.base import A\nclass C(A):\n    """C."""\n    def b(self): pass\n    def d(self): pass\n'
        'class E(C):\n    """E."""\n    def b(self): pass\n'
    )
    undocumented = hooks(monkeypatch).undocumented
    assert undocumented("p.m.C", tmp_path) == ["p.m.C.d"]
    assert undocumented("p.m.E", tmp_path) == []


def test_each_lack_ends_the_build(monkeypatch):
    site = hooks(monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="no page of docs/api has: gansformer_tf.GAN;"):
        patch.setattr(site, "directives", lambda root: sorted(set(site.public_names(root)) - {"gansformer_tf.GAN"}))
        site.on_pre_build(None)
    with pytest.raises(ValueError, match="without a docstring: gansformer_tf.nothing;"):
        monkeypatch.setattr(site, "public_names", lambda root: [])
        monkeypatch.setattr(site, "directives", lambda root: ["gansformer_tf.nothing"])
        site.on_pre_build(None)
