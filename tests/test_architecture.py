"""The package's imports point one way, and what must start fast does not load TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gansformer_tf"
SCRIPTS = ("prepare_data.py", "run_network.py", "generate.py")
HEAVY = ("tensorflow", "keras", "tensorflow_datasets", "matplotlib", "numpy", "PIL")

# A module may import modules of its own height or lower.
HEIGHT = {
    "bars": 0,
    "files": 0,
    "image_files": 0,
    "quiet": 0,
    "terminal": 0,
    "config": 0,
    "ops": 1,
    "layers": 2,
    "models": 3,
    "drawing": 4,
    "convert": 5,
    "data": 5,
    "export": 5,
    "features": 5,
    "metrics": 5,
    "training": 5,
    "visualize": 5,
    "api": 6,
    "viewer": 7,
    "cli": 7,
}


def imports_of(source: str) -> Iterator[str]:
    """Names of the package's parts that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"line {node.lineno}: write the full module name instead of a relative import")
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == PACKAGE.name else [module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE.name and len(parts) > 1 and parts[1] in HEIGHT:
                yield parts[1]


def edges() -> dict[tuple[str, str], str]:
    """(importing part, imported part) -> one file that does it."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        relative = file.relative_to(PACKAGE)
        part = relative.parts[0].removesuffix(".py")
        if part not in HEIGHT:  # the package's own __init__ and version files
            assert part.startswith("__"), f"{relative} belongs to no known part; add it to HEIGHT"
            continue
        for target in imports_of(file.read_text(encoding="utf-8")):
            if target != part:
                found.setdefault((part, target), str(relative))
    return found


def test_no_import_points_upwards():
    upward = [f"{file}: {a} imports {b}" for (a, b), file in edges().items() if HEIGHT[a] < HEIGHT[b]]
    assert not upward, "\n".join(upward)


def test_data_knows_no_model():
    forbidden = {"models", "layers", "drawing", "training", "metrics", "visualize", "export", "convert"}
    known = [f"{file}: data imports {b}" for (a, b), file in edges().items() if a == "data" and b in forbidden]
    assert not known, "\n".join(known)


def test_parts_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for a, b in edges():
        graph.setdefault(a, set()).add(b)

    def reaches(start: str, goal: str) -> bool:
        seen, waiting = set(), [start]
        while waiting:
            node = waiting.pop()
            for following in graph.get(node, ()):
                if following == goal:
                    return True
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return False

    circular = sorted(part for part in graph if reaches(part, part))
    assert not circular, f"these parts import each other in a circle: {circular}"


def test_the_walk_sees_an_upward_edge():
    source = "def f():\n    from gansformer_tf import models\n    import gansformer_tf.cli.common\n"
    assert list(imports_of(source)) == ["models", "cli"]


def loaded_heavy_modules(statement: str) -> list[str]:
    code = f"import sys\n{statement}\nprint('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_the_package_is_light():
    assert loaded_heavy_modules("import gansformer_tf; gansformer_tf.__all__; dir(gansformer_tf)") == []
    assert loaded_heavy_modules("import gansformer_tf, gansformer_tf.config") == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_light(script):
    run = (
        f"import runpy\nsys.argv = [{script!r}, '-h']\n"
        f"try:\n    runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code"
    )
    assert loaded_heavy_modules(run) == []
