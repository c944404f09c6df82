"""The package's imports point one way, and what must start fast does not load TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gansformer_tf"
SCRIPTS = ("prepare_data.py", "run_network.py", "generate.py")
HEAVY = ("tensorflow", "keras", "tensorflow_datasets", "matplotlib", "numpy", "PIL")

# The order of imports: a part may import those of the lines above its own, and none beside it.
# docs/architecture.md says what each is for.
ORDER = (
    ("lazy",),
    ("bars", "config", "files", "ops", "pretrained", "quiet", "terminal"),
    ("data", "image_files", "layers"),
    ("models",),
    ("convert", "drawing", "hub"),
    ("export", "features", "visualize"),
    ("metrics", "training"),
    ("edit",),
    ("api",),
    ("callbacks",),
    ("cli",),
    ("viewer",),
)
HEIGHT = {part: height for height, parts in enumerate(ORDER) for part in parts}


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports_of(source: str, known: Container[str]) -> set[str]:
    """Names of the known modules that a module imports, at its top or inside a function; not for type checks alone."""
    found = set()
    for node in _nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"line {node.lineno}: write the full module name instead of a relative import")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in known:
                name = name.rpartition(".")[0]
            found.add(name)
    return found - {""}


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    if isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING":
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from _nodes(child)


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules it imports."""
    known = modules()
    return {name: imports_of(file.read_text(encoding="utf-8"), known) - {name} for name, file in known.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in graph.get(waiting.pop(), set()) - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    reach = {node: reached(node) for node in graph}
    found = {tuple(sorted(b for b in reach[a] if a in reach.get(b, set()))) for a in graph if a in reach[a]}
    return sorted(map(list, found))


def part_of(module: str) -> str:
    """The folder or file of the package that a module is in; empty for the package's own `__init__`."""
    return module.partition(".")[2].partition(".")[0]


def edges() -> set[tuple[str, str]]:
    """(importing module, imported module) of different parts."""
    graph = import_graph()
    return {(a, b) for a, found in graph.items() for b in found if part_of(a) != part_of(b) and part_of(b)}


def test_every_part_has_its_place_in_the_order():
    parts = {part_of(module) for module in modules()} - {""}
    assert parts == set(HEIGHT), f"add to ORDER, or take out: {sorted(parts ^ set(HEIGHT))}"


def test_no_import_points_upwards_or_sideways():
    heights = {"": 1, **HEIGHT}  # the package itself takes its names through the first part alone
    wrong = sorted(f"{a} imports {b}" for a, b in edges() if heights[part_of(a)] <= heights[part_of(b)])
    assert not wrong, "\n".join(wrong)


def test_data_knows_no_model():
    known = {part_of(b) for a, b in edges() if part_of(a) == "data"}
    assert known <= {"bars", "config", "files", "lazy", "quiet", "terminal"}


def test_modules_do_not_import_each_other_in_a_circle():
    found = circles(import_graph())
    assert not found, f"these modules import each other in a circle: {found}"


def test_a_family_is_known_to_the_registry_alone():
    """What draws, trains, measures and exports asks the configuration what a family can do, not which it is."""
    families = {"creps", "gansformer", "stylegan3"}
    free = {"models", "config", "convert"}
    wrong = [
        f"{a} imports {b}"
        for a, b in edges()
        if part_of(a) not in free and part_of(b) == "models" and families & set(b.split("."))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_imports_in_functions_and_circles():
    source = "if TYPE_CHECKING:\n    import p.c\ndef f():\n    from p import a\n    from p.b import thing\n"
    assert imports_of(source, {"p", "p.a", "p.b", "p.c"}) == {"p.a", "p.b"}
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"], ["d"]]


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
