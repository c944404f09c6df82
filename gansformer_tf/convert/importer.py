"""From a file of another code base to one of our snapshots."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.families import Converted, Family, convert_networks
from gansformer_tf.convert.foreign import read_foreign
from gansformer_tf.convert.found import Found
from gansformer_tf.files import sha256_of

_KIMG = re.compile(r"network-snapshot-(\d+)")
_LISTED = 4  # names after which "and N more" follows


@dataclass(frozen=True)
class Imported:
    """Networks of ours made from a file of theirs."""

    source: Path
    sha256: str
    found: Found
    family: Family
    networks: dict[str, Converted]

    @property
    def kind(self) -> str:
        """The code base and the network."""
        return f"{self.found.kind}, {self.family.name}"

    def lines(self) -> list[str]:
        """What was found, mapped and left over, for people."""
        lines = [f"{self.source}: {self.found.kind} snapshot, {self.family.name}, SHA-256 {self.sha256}"]
        for role, network in self.found.networks.items():
            converted = self.networks.get(role)
            values = sum(array.size for array in network.arrays.values())
            lines.append(f"{network.key} ({network.class_name}): {len(network.arrays)} arrays, {values:,} numbers")
            lines.append(f"  arguments: {_arguments(network.arguments)}")
            if converted is None:
                lines.append("  left out, as asked")
                continue
            lines.append(f"  mapped: {len(converted.mapped)} arrays to the {role}")
            for reason, count in Counter(converted.left_over.values()).items():
                names = [name for name, why in converted.left_over.items() if why == reason]
                more = f" and {count - _LISTED} more" if count > _LISTED else ""
                lines.append(f"  left over ({reason}): {', '.join(names[:_LISTED])}{more}")
        return lines + [f"not imported: {line}" for line in self.found.unused]

    def metadata(self) -> dict[str, str]:
        """Where the weights come from, for our snapshot."""
        values = {
            "source": self.source.name,
            "source_sha256": self.sha256,
            "source_kind": self.kind,
        }
        if match := _KIMG.search(self.source.name):
            values["kimg"] = str(int(match.group(1)))
        return values

    def save(self, target: Path) -> None:
        """Writes our snapshot.

        Raises:
            OSError: It cannot be written.
        """
        from gansformer_tf.models.snapshot import save_snapshot

        discriminator = self.networks.get("discriminator")
        try:
            save_snapshot(
                target,
                generator=self.networks["generator"].model,
                discriminator=None if discriminator is None else discriminator.model,
                metadata=self.metadata(),
            )
        except SafetensorError as error:  # a full disk, a folder that cannot be written
            raise OSError(f"cannot write {target} ({error})") from error


def _arguments(arguments: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(arguments.items())) or "none"


def import_file(source: str | Path, with_discriminator: bool = True, sha256: str | None = None) -> Imported:
    """Reads a file of another code base and builds its networks.

    Args:
        source: A pickle.
        with_discriminator: False imports the generator only.
        sha256: Of the file, if it is known.

    Raises:
        ForeignFileError: The file is damaged, hostile or something else, or holds what we cannot build (it is named).
        OSError: It cannot be read.
    """
    source = Path(source)
    return build(source, read_foreign(source), with_discriminator, sha256)


def build(source: Path, found: Found, with_discriminator: bool = True, sha256: str | None = None) -> Imported:
    """Builds the networks that were found in a file; see `import_file`."""
    kept = found if with_discriminator else Found(found.kind, found.generator, None, found.unused)
    try:
        family, networks = convert_networks(kept)
    except ForeignFileError as error:
        raise ForeignFileError(f"{source} cannot be imported: {error}.") from error
    return Imported(source, sha256 or sha256_of(source), found, family, networks)
