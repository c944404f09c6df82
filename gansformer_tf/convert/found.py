"""What was found in a pickle of networks: plain text and numbers, and arrays by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gansformer_tf.convert.errors import ForeignFileError, quoted

TENSORFLOW1 = "TensorFlow 1"
PYTORCH = "PyTorch"
LIGHTNING = "PyTorch Lightning"

_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,200}")
MAX_ARRAYS = 20_000


@dataclass
class FoundNetwork:
    """One network.

    Attributes:
        key: Its name in the file, such as "Gs" or "G_ema".
        class_name: Function or class that built it, without its module.
        arguments: Of that function.
        parts: Names of the classes it is made of (PyTorch).
        arrays: Variables, parameters and buffers by name.
    """

    key: str
    class_name: str
    arguments: dict[str, Any]
    parts: list[str] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, name: Any, array: np.ndarray) -> None:
        """Takes an array.

        Raises:
            ForeignFileError: The name is taken or no name of a weight, or there are too many.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ForeignFileError(f"{quoted(name)} in {self.key} is no name of a weight")
        if name in self.arrays or len(self.arrays) >= MAX_ARRAYS:
            raise ForeignFileError(f"the weight {name!r} in {self.key} is there twice, or there are too many")
        self.arrays[name] = array


@dataclass
class Found:
    """A file.

    Attributes:
        kind: `TENSORFLOW1`, `PYTORCH` or `LIGHTNING`.
        generator: The averaged generator; of a checkpoint, all of its weights.
        discriminator: None where the file has none.
        unused: What else is in the file, and why it is not imported.
    """

    kind: str
    generator: FoundNetwork
    discriminator: FoundNetwork | None
    unused: list[str] = field(default_factory=list)

    @property
    def networks(self) -> dict[str, FoundNetwork]:
        pairs = {"generator": self.generator, "discriminator": self.discriminator}
        return {name: network for name, network in pairs.items() if network is not None}
