"""The check of the site that public names have docstrings."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

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


def test_every_public_name_of_the_api_page_has_a_docstring(monkeypatch):
    hooks(monkeypatch).on_pre_build(None)


def test_what_lacks_one_is_found(monkeypatch, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "m.py").write_text(
        'class A:\n    """A."""\n    def b(self): pass\n    def on_epoch_end(self): pass\n    def _c(self): pass\n'
        "def d(): pass\n"
    )
    undocumented = hooks(monkeypatch).undocumented
    assert undocumented("p.m", tmp_path) == ["p.m.A.b", "p.m.d"]
    assert undocumented("p.m.A", tmp_path) == ["p.m.A.b"]
    assert undocumented("p.m.nothing", tmp_path) == ["p.m.nothing"]
