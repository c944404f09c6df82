"""The package uses TensorFlow and Keras by their public names only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "gansformer_tf"
PRIVATE_MODULES = ("tensorflow.python", "tensorflow.core", "tensorflow.compiler", "keras.src")
ENDS = {module.rpartition(".")[2] for module in PRIVATE_MODULES}
# Of the standard library: documented, or without another name.
PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit", "_actions"}
BY_NAME = ("getattr", "hasattr", "setattr", "delattr", "attrgetter")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def own_names(trees: list[ast.Module]) -> set[str]:
    """Names with a leading underscore that the package gives to something itself."""
    found = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.add(node.attr)
    return found


def private_uses(tree: ast.Module, own: set[str]) -> Iterator[tuple[int, str]]:
    """(line, what) of each private module and of each underscore attribute that is not the package's own."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            if is_private(node.attr) and node.attr not in own:
                yield node.lineno, f".{node.attr}"
            names = [ast.unparse(node)] if node.attr in ENDS else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
            texts = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            yield from ((node.lineno, text) for text in texts if is_private(text) and text not in own)
        for name in names:
            if name.startswith(tuple(f"{module}." for module in PRIVATE_MODULES)) or name in PRIVATE_MODULES:
                yield node.lineno, name


def test_no_private_name_of_tensorflow_or_keras():
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}
    own = own_names(list(trees.values()))
    found = [
        f"{file.relative_to(PACKAGE)}:{line}: {what}"
        for file, tree in trees.items()
        for line, what in private_uses(tree, own)
    ]
    assert not found, "\n".join(found)


def test_the_walk_sees_each_kind():
    source = """
import tensorflow.python.eager
from tensorflow.python.eager import context
from tensorflow.python import ops
from keras import src
tf._api
context.context()._config = None
getattr(function, "_cached_graph")
hasattr(self, "_mine"), self._mine, row._replace(x=1), thing.__class__
self._inherited_from_keras()
"""
    found = {what for _, what in private_uses(ast.parse(source), {"_mine"})}
    assert found == {
        "tensorflow.python.eager",
        "tensorflow.python.eager.context",
        "tensorflow.python.ops",
        "keras.src",
        "._config",
        "._api",
        "_cached_graph",
        "._inherited_from_keras",
    }
