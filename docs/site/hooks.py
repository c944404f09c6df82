"""Pages of the site that are not written by hand in docs/: files of the top folder, and the flags of the scripts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# Page of the site -> file of the repository, as pages in docs/ link to it with "../" in front.
FROM_TOP = {
    "compatibility.md": "COMPATIBILITY.md",
    "results.md": "benchmarks/RESULTS.md",
    "changelog.md": "CHANGELOG.md",
}
IMAGES = ("benchmarks/quality.png",)


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages, and the images that pages from the top show."""
    for page, source in FROM_TOP.items():
        files.append(File.generated(config, page, content=_from_top(source)))
    for source in IMAGES:
        files.append(File.generated(config, Path(source).name, content=(ROOT / source).read_bytes()))
    files.append(File.generated(config, "commands.md", content=_commands()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/ lead to the pages made of those files."""
    for page, source in FROM_TOP.items():
        markdown = markdown.replace(f"](../{source}", f"]({page}")
    return markdown


def _from_top(source: str) -> str:
    """A file of the top folder for the site; links to what is no page of it become plain text."""
    text = (ROOT / source).read_text(encoding="utf-8")
    text = re.sub(r"\]\((?:\.\./)*docs/", "](", text)
    for page, other in FROM_TOP.items():
        text = text.replace(f"]({other})", f"]({page})")
    return re.sub(r"\[([^]]+)\]\((?:tests|examples|docker)/[^)]*\)", r"`\1`", text)


def _commands() -> str:
    """What `-h` of every script says."""
    from gansformer_tf.cli import generate, prepare_data, run_network

    sections = ["# Commands", ""]
    sections += ["Every flag of the three scripts, as `-h` prints it. Only typed flags change a preset or what a run"]
    sections += ["saved.", ""]
    for module in (prepare_data, run_network, generate):
        parser = module.COMMAND.parser()
        sections += [f"## {parser.prog}", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(sections)
