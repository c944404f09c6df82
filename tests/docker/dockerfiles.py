"""Reads Dockerfiles and finds what hadolint would find in them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAMES = "ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR"
INSTRUCTIONS = frozenset(_NAMES.split(" "))
VERSION = re.compile(r"\d+\.\d+")
URL = re.compile(r"\b(?:https?|ftp|git)://|\b(?:curl|wget)\b")


@dataclass(frozen=True)
class Instruction:
    """One instruction with its continuation lines joined."""

    name: str
    text: str
    line: int


def parse(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile; comments between continuation lines are left out.

    Raises:
        ValueError: A line that is no instruction, or a continuation without an end.
    """
    found, pending, start = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not pending):
            continue
        start = start if pending else number
        pending += stripped.removesuffix("\\") + (" " if stripped.endswith("\\") else "")
        if stripped.endswith("\\"):
            continue
        name, _, rest = pending.partition(" ")
        if name.upper() not in INSTRUCTIONS:
            raise ValueError(f"line {start}: {name!r} is no instruction that is used here")
        found.append(Instruction(name.upper(), rest.strip(), start))
        pending = ""
    if pending:
        raise ValueError(f"line {start}: the last instruction does not end")
    return found


def problems(text: str, context: Path, named_contexts: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with a Dockerfile, one line each.

    Args:
        text: The Dockerfile.
        context: Folder that is sent to the builder.
        named_contexts: Further ones, by name.
    """
    try:
        instructions = parse(text)
    except ValueError as error:
        return [str(error)]
    return [f"line {line}: {message}" for line, message in _problems(instructions, context, named_contexts)]


def _problems(found: list[Instruction], context: Path, named: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    stages: list[str] = []
    if not found or found[0].name != "FROM":
        yield 1, "the first instruction is not FROM"
    for item in found:
        if item.name == "FROM":
            yield from _from_problems(item, stages)
        elif item.name == "COPY":
            yield from _copy_problems(item, context, (*stages, *named))
        elif item.name == "RUN":
            yield from _run_problems(item, found)
        elif item.name in ("CMD", "ENTRYPOINT", "VOLUME", "SHELL") and not _is_list(item.text):
            yield item.line, f"{item.name} is not written as a JSON list"
        elif item.name == "EXPOSE" and not all(port.isdecimal() and int(port) < 65536 for port in item.text.split()):
            yield item.line, f"EXPOSE {item.text} names no ports"
        elif item.name == "ENV" and re.search(r"PASSWORD|SECRET|TOKEN|API_?KEY", item.text, re.I):
            yield item.line, "ENV holds a secret"
        elif item.name == "WORKDIR" and not item.text.startswith("/"):
            yield item.line, "WORKDIR is relative"
    last = max((index for index, item in enumerate(found) if item.name == "FROM"), default=0)
    users = [item for item in found[last:] if item.name == "USER"]
    if not users or users[-1].text.split(":")[0] in ("root", "0"):
        yield found[-1].line if found else 1, "the container runs as root"
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        if sum(item.name == name for item in found[last:]) > 1:
            yield found[-1].line, f"{name} is given twice"


def _from_problems(item: Instruction, stages: list[str]) -> Iterator[tuple[int, str]]:
    image, *rest = item.text.split()
    name, _, tag = image.rpartition(":")
    if image not in stages and (not name or not VERSION.search(tag)):
        yield item.line, f"the image {image} has no pinned tag"
    if rest and rest[0].upper() == "AS":
        stages.append(rest[1])


def _copy_problems(item: Instruction, context: Path, others: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    words = item.text.split()
    flags = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if not word.startswith("--")]
    origin = next((flag.removeprefix("--from=") for flag in flags if flag.startswith("--from=")), None)
    if origin is not None:
        if origin not in others:
            yield item.line, f"COPY --from={origin} names neither a stage above nor a build context"
        return
    if len(sources) > 1 and not target.endswith("/"):
        yield item.line, "COPY of several files to a target that is no folder"
    for source in sources:
        if not (context / source).exists():
            yield item.line, f"COPY of {source}, which does not exist"
        elif _ignored(source, context):
            yield item.line, f"COPY of {source}, which .dockerignore keeps out"


def _run_problems(item: Instruction, found: list[Instruction]) -> Iterator[tuple[int, str]]:
    text = item.text
    if URL.search(text):
        yield item.line, "RUN downloads something by its address"
    if re.search(r"\bsudo\b|\bapt (?:install|update|upgrade)|apt-get (?:dist-)?upgrade", text):
        yield item.line, "RUN uses sudo, apt or an upgrade"
    if "apt-get install" in text:
        for needed in ("apt-get update", "--no-install-recommends", "--yes", "rm -rf /var/lib/apt/lists/*"):
            if needed not in text:
                yield item.line, f"apt-get install without {needed}"
    if "pip install" in text and "--no-cache-dir" not in text:
        yield item.line, "pip install without --no-cache-dir"
    if re.search(r"(?:^|&& |; )cd ", text):
        yield item.line, "RUN changes the folder; use WORKDIR"
    shells = [other.text for other in found if other.name == "SHELL" and other.line < item.line]
    if "|" in text.replace("||", "") and not any("pipefail" in shell for shell in shells):
        yield item.line, "RUN with a pipe without pipefail"
    yield from shell_problems(text, item.line)


def shell_problems(text: str, line: int) -> Iterator[tuple[int, str]]:
    checked = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
    if checked.returncode:
        yield line, f"the shell cannot read it: {checked.stderr.strip()}"


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def _ignored(source: str, context: Path) -> bool:
    """Whether a name at the top of the context is kept out (the last line of .dockerignore that fits decides)."""
    file, ignored = context / ".dockerignore", False
    for line in file.read_text().splitlines() if file.exists() else ():
        pattern = line.strip()
        if pattern in ("*", source):
            ignored = True
        elif pattern == f"!{source}":
            ignored = False
    return ignored
