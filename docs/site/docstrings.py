"""How docstrings of this package become pages: the sections that the site's reader does not know by itself.

"Call arguments" and the "Returns" of a class tell about its call, "Attributes" may stand together ("a, b: ..."), and an
"Example" is not indented.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^Example:\n\n((?:.+\n?)+)", re.MULTILINE)
_SECTION = re.compile(r"^(Call arguments|Attributes|Returns):\n((?: {4}.*\n?)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\w[\w, ]*): ", re.MULTILINE)


class Sections(griffe.Extension):
    """Rewrites every docstring before it is read."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called by griffe for everything it has found."""
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value, of_class=obj.is_class)


def readable(text: str, of_class: bool) -> str:
    """A docstring with the sections of a call as Markdown, and its example as a section that griffe knows."""

    def section(found: re.Match[str]) -> str:
        if found[1] == "Returns" and not of_class:
            return found[0]
        return f"**{found[1]}:**\n\n" + _ITEM.sub(r"- **`\1`** – ", textwrap.dedent(found[2]))

    text = _EXAMPLE.sub(lambda found: "Examples:\n" + textwrap.indent(found[1], "    "), text)
    return _SECTION.sub(section, text)
