"""Names of models on the hub, and what both directions share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PREFIX = "hf://"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
SAMPLES = "samples.png"

_PART = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?:{re.escape(PREFIX)})?({_PART}/{_PART})(?:@([\w./-]+))?", re.ASCII)
_LOG_IN = "log in (`hf auth login`, or the variable HF_TOKEN)"


class HubError(ValueError):
    """A model that cannot be fetched from the hub or published there; the message says why, in one line."""


@dataclass(frozen=True)
class HubName:
    """A repository, and a branch, tag or commit of it.

    Attributes:
        repo: "user/name".
        revision: None: the newest.
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def parse(text: str) -> HubName:
    """The name that a user wrote, with or without `hf://`.

    Raises:
        HubError: It is none.
    """
    match = _NAME.fullmatch(text)
    if match is None or ".." in text or "--" in match.group(1):
        raise HubError(f"{text!r} is no name of a model on the hub; write {PREFIX}user/name or {PREFIX}user/name@v1.")
    return HubName(match.group(1), match.group(2))


def library() -> Any:
    """The package huggingface_hub.

    Raises:
        HubError: It is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils  # neither is loaded by the package itself
    except ImportError:
        raise HubError(
            f"{PREFIX} needs the package huggingface_hub; install it: pip install 'gansformer-tf[hub]'."
        ) from None
    return huggingface_hub


def endpoint() -> str | None:
    """Where the hub is, if the environment says so; the library's own look is only at its import."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


@contextmanager
def told_in_one_line(name: HubName, doing: str) -> Iterator[None]:
    """Turns what the library raises inside the block into a HubError, and keeps its log of retries off the screen.

    Args:
        name: The model.
        doing: For the message, such as "be downloaded".
    """
    hub = library()
    logs = hub.utils.logging
    before = logs.get_verbosity()
    logs.set_verbosity_error()
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # versions of the library raise the errors of different HTTP libraries
        raise HubError(_line(hub.errors, name, doing, error)) from error
    finally:
        logs.set_verbosity(before)


def _line(errors: Any, name: HubName, doing: str, error: Exception) -> str:
    repo = f"{PREFIX}{name.repo}"
    if isinstance(error, errors.GatedRepoError):  # before its base class
        return f"{repo} asks its users to agree to terms; do so on its page, then {_LOG_IN}."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no {repo}, or it is private; check the name, or {_LOG_IN}."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} has no revision {name.revision!r}; leave @{name.revision} out for the newest."
    if isinstance(error, errors.LocalEntryNotFoundError):
        return f"{repo} is not in the cache and the hub cannot be reached; check the connection (and HF_HUB_OFFLINE)."
    response = getattr(error, "response", None)
    if response is not None and response.status_code in (401, 403):
        return f"{repo} cannot {doing} (status {response.status_code}); {_LOG_IN} as somebody who may."
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{repo} cannot {doing} ({reason.rstrip('.')}); try again."
