"""How many small faults the tests find: `python benchmarks/mutations.py --results FILE [--number 66] [--list]`.

One fault after the other is put into a module (a changed constant, comparison or sign, two swapped arguments, a keyword
argument that is dropped), the tests of its area are run, and the module is put back. Run it in a clean checkout and let
nothing else change it meanwhile. FILE keeps a line per fault, so a run goes on where it was stopped; `--again` tries
those once more that no test found. Some faults change nothing that can be seen: read them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# Folders or files of the package, and the tests of their area.
AREAS = {
    "api": ["tests/api", "tests/test_pretrained.py"],
    "cli": ["tests/cli", "tests/config", "tests/visualize", "tests/metrics"],
    "config": ["tests/config", "tests/cli"],
    "convert": ["tests/convert"],
    "data": ["tests/data", "tests/cli/test_prepare_data.py"],
    "drawing": ["tests/drawing", "tests/visualize"],
    "export": ["tests/export"],
    "features": ["tests/features", "tests/metrics"],
    "layers": ["tests/layers", "tests/models"],
    "metrics": ["tests/metrics"],
    "models": ["tests/models"],
    "ops": ["tests/ops", "tests/layers"],
    "training": ["tests/training", "tests/system/test_run_network.py"],
    "viewer": ["tests/viewer"],
    "visualize": ["tests/visualize"],
    "*.py": ["tests/test_files.py", "tests/test_image_files.py", "tests/test_quiet.py", "tests/cli"],
}
SECONDS = 900  # of a run of tests; a fault that makes one hang is found
# Options whose loss shows in nothing but texts for people, or on other systems only.
UNSEEN = {"encoding", "flush", "help", "description", "daemon", "stacklevel", "strict", "maxsize"}
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
        if node.keywords and node.keywords[-1].arg not in {None, *UNSEEN}:
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


class Fault(NamedTuple):
    """What is wrong with a module, in words and as its whole text, and the tests that should see it."""

    file: Path
    what: str
    broken: str
    tests: list[str]


def plan(number: int, seed: int) -> Iterator[Fault]:
    """So many faults, over all areas in turn. Each is drawn by itself: a change elsewhere leaves it what it is."""
    for index in range(number):
        area = list(AREAS)[index % len(AREAS)]
        package = ROOT / "gansformer_tf"
        files = sorted(package.glob(area) if "*" in area else (package / area).rglob("*.py"))
        made, draw = None, random.Random(f"{seed} {index}")
        while made is None:
            file = draw.choice(files)
            made = spoiled(file, draw)
        yield Fault(file, *made, nearest_first(file, AREAS[area]))


def nearest_first(file: Path, areas: list[str]) -> list[str]:
    """The test files of some areas, those first that speak most of what a module defines."""
    names = {node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if hasattr(node, "name")}
    words = re.compile(r"\b(" + "|".join(sorted(names | {file.stem})) + r")\b")
    found = [path for area in areas for path in sorted((ROOT / area).rglob("test_*.py")) or [ROOT / area]]
    found.sort(key=lambda path: -len(words.findall(path.read_text(encoding="utf-8"))))
    return [str(path.relative_to(ROOT)) for path in found]


def run_tests(tests: list[str], *options: str) -> tuple[bool, str]:
    """Whether all pass, and the first that does not."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *options, *tests]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return False, "hangs"
    failed = re.findall(r"^(?:FAILED|ERROR) (tests/\S+(?: [^-]\S*)*)", done.stdout, re.MULTILINE)
    return done.returncode in (0, 5), failed[0] if failed else "no test starts"  # 5: none was chosen


def tried(fault: Fault) -> str:
    """The test that finds a fault, empty where none does; the file is put back whatever happens."""
    kept = fault.file.read_bytes()
    try:
        fault.file.write_text(fault.broken, encoding="utf-8")
        for chosen, tests in (("not slow", fault.tests), ("slow", fault.tests[:6])):  # the nearest only
            passed, failed = run_tests(tests, "-m", chosen)
            if not passed:
                return failed
    finally:
        fault.file.write_bytes(kept)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=66, help="faults (default: 66)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    parser.add_argument("--results", type=Path, help="file of what was seen, outside the checkout")
    parser.add_argument("--again", action="store_true", help="try those again that no test found")
    parser.add_argument("--list", action="store_true", help="only say what would be tried")
    given = parser.parse_args()
    if given.results is None and not given.list:
        parser.error("--results: a file is needed, outside the checkout")
    faults_to_try = list(plan(given.number, given.seed))
    if given.list:
        for index, fault in enumerate(faults_to_try, 1):
            print(f"{index:3d} {fault.what}  [{' '.join(fault.tests[:3])} ...]")
        return 0
    lines = given.results.read_text(encoding="utf-8").splitlines() if given.results.exists() else []
    seen: dict[str, Any] = dict(json.loads(line) for line in lines)
    for index, fault in enumerate(faults_to_try, 1):
        if fault.what not in seen or (given.again and not seen[fault.what]):
            seen[fault.what] = tried(fault)
            with given.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps([fault.what, seen[fault.what]]) + "\n")
        print(f"{index:3d} {'found   ' if seen[fault.what] else 'SURVIVED'} {fault.what}", flush=True)
    answers = [seen[fault.what] for fault in faults_to_try]
    tests = sorted({answer for answer in answers if "::" in answer})
    passed, failed = run_tests(tests) if tests else (True, "")
    if not passed:
        print(f"{failed} fails without a fault too: what it found does not count.")
    print(f"{sum(map(bool, answers))} of {len(answers)} faults were found.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
