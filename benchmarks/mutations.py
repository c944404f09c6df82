"""How many small faults the tests find: `python benchmarks/mutations.py [--number 60] [--seed 1] [--list]`.

One fault after the other is put into a module (a changed constant, comparison or sign, two swapped arguments, a keyword
argument that is dropped), the tests of its area are run, and the module is put back. Run it in a clean checkout and let
nothing else change it meanwhile. A fault that no test finds is printed; some change nothing that can be seen.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Folder or file of the package, and the tests of its area.
AREAS = {
    "cli": ["tests/cli", "tests/config"],
    "config": ["tests/config", "tests/cli/test_every_flag.py", "tests/cli/test_family_flags.py"],
    "data": ["tests/data"],
    "drawing": ["tests/drawing", "tests/visualize"],
    "layers": ["tests/layers"],
    "models": ["tests/models"],
    "ops": ["tests/ops"],
    "training": ["tests/training"],
    "metrics": ["tests/metrics"],
    "visualize": ["tests/visualize"],
    "convert": ["tests/convert"],
    "export": ["tests/export"],
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


def faults(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    """Every way to spoil a node: its description, and what changes a copy of the node."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant", lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "comparison", lambda n: n.ops.__setitem__(0, COMPARISONS[type(n.ops[0])]())
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not isinstance(node.left, ast.Constant):
        yield "sign", lambda n: setattr(n, "op", OPERATORS[type(n.op)]())
    elif isinstance(node, ast.Call):
        if len(node.args) >= 2 and not any(isinstance(word, ast.Starred) for word in node.args[:2]):
            yield "swapped arguments", lambda n: n.args.__setitem__(slice(0, 2), n.args[1::-1])
        if node.keywords and node.keywords[-1].arg:
            yield "dropped option", lambda n: n.keywords.pop()


def spoiled(file: Path, draw: random.Random) -> tuple[str, str] | None:
    """What is wrong, and the whole text of the module with it; None where nothing can be spoiled."""
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    found = [
        (index, kind, change)
        for index, node in enumerate(ast.walk(tree))
        if hasattr(node, "lineno")
        for kind, change in faults(node)
    ]
    if not found:
        return None
    index, kind, change = draw.choice(found)
    broken = copy.deepcopy(tree)
    node = list(ast.walk(broken))[index]
    before = ast.unparse(node)
    change(node)
    what = f"{file.relative_to(ROOT)}:{node.lineno}: {kind}: {before} -> {ast.unparse(node)}"  # type: ignore[attr-defined]
    return what, ast.unparse(ast.fix_missing_locations(broken))


def plan(number: int, seed: int) -> list[tuple[Path, str, str, list[str]]]:
    """So many faults, over all areas in turn: file, description, broken text, tests."""
    draw = random.Random(seed)
    areas = [name for name in AREAS if (ROOT / "gansformer_tf" / name).is_dir()]
    chosen: list[tuple[Path, str, str, list[str]]] = []
    while len(chosen) < number:
        area = areas[len(chosen) % len(areas)]
        file = draw.choice(sorted((ROOT / "gansformer_tf" / area).rglob("*.py")))
        if (made := spoiled(file, draw)) is not None:
            chosen.append((file, *made, [test for test in AREAS[area] if (ROOT / test).exists()]))
    return chosen


def is_found(file: Path, broken: str, tests: list[str]) -> bool:
    """Whether a test fails with the fault in place; the file is put back whatever happens."""
    kept = file.read_bytes()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        file.write_text(broken, encoding="utf-8")
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    finally:
        file.write_bytes(kept)
    return done.returncode != 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=60, help="faults (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    parser.add_argument("--list", action="store_true", help="only say what would be tried")
    given = parser.parse_args()
    found = 0
    for index, (file, what, broken, tests) in enumerate(plan(given.number, given.seed), 1):
        if given.list:
            print(f"{index:3d} {what}  [{' '.join(tests)}]")
            continue
        caught = is_found(file, broken, tests)
        found += caught
        print(f"{index:3d} {'found   ' if caught else 'SURVIVED'} {what}", flush=True)
    if not given.list:
        print(f"{found} of {given.number} faults were found.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
