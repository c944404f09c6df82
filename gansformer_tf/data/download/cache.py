"""Where downloads and what is computed from them are kept."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "GANSFORMER_TF_CACHE"


def cache_folder() -> Path:
    """Where downloads and what is computed from them are kept: `$GANSFORMER_TF_CACHE`, or `~/.cache/gansformer_tf`."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "gansformer_tf"
