"""Pages of the site that are not written by hand in docs/: files of the top folder, and the flags of the scripts."""

from __future__ import annotations

import ast
import importlib
import posixpath
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# Page of the site -> file of the repository, as pages in docs/ link to it with "../" in front.
FROM_TOP = {
    "compatibility.md": "COMPATIBILITY.md",
    "results.md": "benchmarks/RESULTS.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
# Methods that Keras calls, and says what they are.
OF_KERAS = re.compile(
    r"on_\w+|build|call|compute_output_shape|get_config|from_config|get_compile_config|compile_from_config"
)
IMAGES = ("benchmarks/quality.png",)
# Sub-command -> the heading of its flags, where they are those of a script.
SCRIPTS = {
    "prepare": "prepare_data.py",
    "generate": "generate.py",
    **dict.fromkeys(("train", "eval", "vis", "export"), "run_network.py"),
}


def on_pre_build(config: Any) -> None:
    """Stops where a public name is not in the API reference, or something in it has no docstring."""
    named = directives(ROOT)
    if missing := sorted(set(public_names(ROOT)) - set(named)):
        raise PluginError(f"public names that no page of docs/api has: {', '.join(missing)}; add ::: NAME to one.")
    if missing := [name for found in named for name in undocumented(found, ROOT)]:
        raise PluginError(f"public names without a docstring: {', '.join(missing)}; write one, or rename them _so.")


def directives(root: Path) -> list[str]:
    """What the pages of the API reference document."""
    pages = sorted((root / "docs" / "api").glob("*.md"))
    return [name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)]


def public_names(root: Path, package: str = "gansformer_tf") -> list[str]:
    """The names in `__all__` of the package and of the packages named there, by their public home."""
    tree = ast.parse(_file(package, root).read_text(encoding="utf-8"))
    (names,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    found = []
    for name in names:
        path = f"{package}.{name}"
        found += public_names(root, path) if _file(path, root).exists() else [path]
    return found


def undocumented(name: str, root: Path) -> list[str]:
    """The public names in `name`, something in a module or package, that have no docstring."""
    home, wanted = name, ""
    while not _file(home, root).exists():
        home, _, last = home.rpartition(".")
        wanted = f"{last}.{wanted}".rstrip(".")
        if not home:
            return [name]
    tree = ast.parse(_file(home, root).read_text(encoding="utf-8"))
    first = wanted.partition(".")[0]
    for node in ast.walk(tree):  # a package says where its names come from, if only to type checkers
        if isinstance(node, ast.ImportFrom) and first in [alias.name for alias in node.names]:
            return undocumented(f"{node.module}.{wanted}", root)
    chosen = [(path, part) for path, part in _public(tree, home) if path == name or path.startswith(f"{name}.")]
    missing = [path for path, part in chosen if ast.get_docstring(part) is None]
    return [path for path in missing if not _inherits(path, tree, home, root)] if chosen else [name]


def _inherits(path: str, tree: ast.Module, home: str, root: Path) -> bool:
    """Whether a method without a docstring says in a base class, one of ours, what it does."""
    owner, _, method = path.removeprefix(f"{home}.").rpartition(".")
    bases = [base for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner for base in node.bases]
    return any(not undocumented(f"{home}.{base.id}.{method}", root) for base in bases if isinstance(base, ast.Name))


def _public(tree: Any, path: str) -> list[tuple[str, Any]]:
    """(name, node) of the public classes, functions and methods in a module."""
    found = []
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            if OF_KERAS.fullmatch(node.name) and "." in path and path[path.rindex(".") + 1].isupper():
                continue
            if not any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list):
                found.append((f"{path}.{node.name}", node))
            if isinstance(node, ast.ClassDef):
                found += _public(node, f"{path}.{node.name}")
    return found


def _file(module: str, root: Path) -> Path:
    path = root / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages, and the images that pages from the top show."""
    for page, source in FROM_TOP.items():
        files.append(File.generated(config, page, content=_from_top(source)))
    for source in IMAGES:
        files.append(File.generated(config, Path(source).name, content=(ROOT / source).read_bytes()))
    files.append(File.generated(config, "commands.md", content=_commands()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links out of docs/ lead to the pages made of those files; there must be no others."""
    for name, source in FROM_TOP.items():
        markdown = markdown.replace(f"](../{source}", f"]({name}")
    folder = posixpath.dirname(page.file.src_uri)
    for link in re.findall(r"\]\(([^)#:\s]+)", markdown):
        if posixpath.normpath(posixpath.join(folder, link)).startswith(".."):
            raise PluginError(f"{page.file.src_uri} links to {link}, which is no page of the site; write `{link}`.")
    return markdown


def on_post_build(config: Any) -> None:
    """Stops where a link of the finished site leads nowhere; with --quiet MkDocs counts none of its own warnings."""
    if broken := broken_links(Path(config["site_dir"])):
        raise PluginError(f"links that lead nowhere: {', '.join(broken)}.")


def broken_links(site: Path) -> list[str]:
    """Page and link of every link of a built site, to a file or to a place in a page, that is not there."""
    pages = {
        file.resolve(): file.read_text(encoding="utf-8") for file in site.rglob("*.html") if file.name != "404.html"
    }
    places = {file: set(re.findall(r'\bid="([^"]+)"', text)) for file, text in pages.items()}
    found = []
    for file, text in pages.items():
        for link in sorted(set(re.findall(r'(?:href|src)="([^"]+)"', text))):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            place = unquote(parts.fragment)
            if not target.exists() or (place and target in places and place not in places[target]):
                found.append(f"{file.relative_to(site.resolve())}: {link}")
    return sorted(found)


def _from_top(source: str) -> str:
    """A file of the top folder for the site; links to what is no page of it become plain text."""
    text = (ROOT / source).read_text(encoding="utf-8")
    text = re.sub(r"\]\((?:\.\./)*docs/", "](", text)
    for page, other in FROM_TOP.items():
        text = text.replace(f"]({other})", f"]({page})")
    return re.sub(r"\[([^]]+)\]\((?:tests|examples|docker)/[^)]*\)", r"`\1`", text)


def _commands() -> str:
    """Every command with its flags, from the tables that they are made of, or as its parser prints them."""
    from gansformer_tf.cli.gansformer import COMMANDS
    from gansformer_tf.cli.generate import COMMAND as GENERATE
    from gansformer_tf.cli.plot import COMMAND as PLOT
    from gansformer_tf.cli.prepare_data import COMMAND as PREPARE_DATA
    from gansformer_tf.cli.push import COMMAND as PUSH
    from gansformer_tf.cli.run_network import COMMAND as RUN_NETWORK

    sections = ["# Commands", ""]
    sections += ["`gansformer` is installed with the package, and does what the scripts of the repository do.", ""]
    sections += ["| command | | flags |", "|---|---|---|"]
    for command in COMMANDS:
        heading = SCRIPTS.get(command.name, command.name)
        sections.append(f"| `gansformer {command.name}` | {command.help} | [{heading}](#{_anchor(heading)}) |")
    sections += ["", "Only typed flags change a preset or what a run saved.", ""]
    for table in (PREPARE_DATA, RUN_NETWORK, GENERATE, PUSH, PLOT):
        heading = table.prog.removeprefix("python -m gansformer_tf.cli.")
        sections += [f"## {heading} {{ #{_anchor(heading)} }}", "", table.description, ""]
        if table.epilog:
            sections += ["```text", table.epilog.rstrip(), "```", ""]
        for title, flags in table.groups:
            sections += [f"### {title[0].upper()}{title[1:]} {{ #{_anchor(f'{heading} {title}')} }}", ""]
            sections += ["| flag | value | |", "|---|---|---|"]
            sections += [f"| {_names(flag)} | {_value(flag)} | {_cell(table.help_of(flag))} |" for flag in flags]
            sections.append("")
    for command in COMMANDS:
        if command.module.endswith(".__main__"):
            parser = importlib.import_module(command.module).build_parser(f"gansformer {command.name}")
            sections += [f"## {command.name}", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(sections)


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _names(flag: Any) -> str:
    return ", ".join(f"`{name}`" for name in flag.names.split())


def _value(flag: Any) -> str:
    if flag.choices is not None:
        return ", ".join(f"`{choice}`" for choice in flag.choices)
    if flag.type is bool:
        return "`True`, `False`"
    return f"`{_cell(flag.metavar)}`" if flag.metavar else {int: "a whole number", float: "a number"}.get(flag.type, "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
