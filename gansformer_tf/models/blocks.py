"""How a network calls its blocks, which a trainer may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Calls a block, given its features and its other arguments by name.
BlockRunner = Callable[..., Any]


def call_block(block: Any, x: Any, **arguments: Any) -> Any:
    """The usual way; a trainer that trades time for memory runs the blocks of a network in another."""
    return block(x, **arguments)
