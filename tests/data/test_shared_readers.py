"""Images are opened, and folders of images walked, by one function each: what it refuses is refused everywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gansformer_tf"
# calls by their name, and who may make them: with the reason where it is not the shared function itself
OWNERS = {
    "Image.open": {
        "data/images/decode.py",
        "data/images/header.py",  # size and mode alone
        "training/report.py",  # sheets that the same run has written
    },
    "os.walk": set(),
    "os.scandir": {"data/sources/walk.py"},
    "os.listdir": {"data/records/original.py"},  # TFRecords by their names
}


def calls(name: str) -> set[str]:
    """Files of the package that call a function under this name."""
    return {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    }


@pytest.mark.parametrize("name", OWNERS)
def test_only_the_shared_functions_read(name):
    assert calls(name) == OWNERS[name]
