"""Networks of published VQGAN checkpoints as ours: a `.ckpt` file with the `.yaml` file it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gansformer_tf.config.vqgan import VQGANConfig
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import read_lightning
from gansformer_tf.convert.vqgan_config import VQGANFile, read_yaml
from gansformer_tf.files import sha256_of

if TYPE_CHECKING:
    from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
    from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
    from gansformer_tf.models.vqgan.generator import VQGAN

FIRST_STAGE = "first_stage_model."
TRANSFORMER = "transformer."
DISCRIMINATOR = "loss.discriminator."

# Ends of names of arrays that nothing depends on.
_WITHOUT_INFLUENCE = {
    ".attn.mask": "masks, which are computed",
    ".num_batches_tracked": "counters of batches",
    "permuter.forward_shuffle_idx": "the order of the codes, row by row",
    "permuter.backward_shuffle_idx": "the order of the codes, row by row",
}


@dataclass(frozen=True)
class ImportedVQGAN:
    """Networks of a checkpoint.

    Attributes:
        source: The checkpoint.
        configuration: Its YAML file.
        model: `VQAutoencoder` of a first stage, `VQGAN` of a second one, which holds the first.
        discriminator: `PatchDiscriminator` of a first stage, or None where the file has none.
        mapped: How many arrays they hold.
        left_out: What else is in the file, and why it is not imported.
    """

    source: Path
    configuration: Path
    model: VQAutoencoder | VQGAN
    discriminator: PatchDiscriminator | None
    mapped: int
    left_out: list[str] = field(default_factory=list)
    kind: ClassVar[str] = "PyTorch Lightning, VQGAN"

    def lines(self) -> list[str]:
        """What was found, for people."""
        stage = "both stages" if isinstance(self.model.config, VQGANConfig) else "stage 1"
        first = f"{self.source}: VQGAN, {stage}, as {self.configuration} says; {self.mapped} arrays"
        return [first, *(f"not imported: {line}" for line in self.left_out)]

    def save(self, target: Path) -> None:
        """Writes our snapshot; it has no place for the discriminator of a first stage, which draws nothing.

        Raises:
            ConfigError: The image has a size that snapshots have not.
            OSError: It cannot be written.
        """
        from gansformer_tf.models.snapshot import save_snapshot
        from gansformer_tf.models.vqgan.generator import VQGAN

        generator = self.model
        if not isinstance(generator, VQGAN):
            generator = VQGAN(VQGANConfig.of(generator.config))
            generator.autoencoder.set_weights(self.model.get_weights())
        metadata = {
            "source": self.source.name,
            "source_sha256": sha256_of(self.source),
            "source_kind": self.kind,
        }
        save_snapshot(target, generator=generator, metadata=metadata)


def from_vqgan(checkpoint: str | Path, configuration: str | Path | None = None) -> ImportedVQGAN:
    """The networks of a published checkpoint with their weights; nothing in the file is run.

    Args:
        checkpoint: `.ckpt` file of the original code, of stage 1 or 2.
        configuration: The `.yaml` file it was trained with; by default the one beside it, of the same name, or the one
            in the folder `configs` of its run.

    Raises:
        ForeignFileError: There is no configuration, it has a key that is not understood, the checkpoint is damaged or
            hostile, or the two do not fit.
        OSError: A file cannot be read.
    """
    checkpoint = Path(checkpoint)
    path = Path(configuration) if configuration is not None else find_yaml(checkpoint)
    described = read_yaml(path)
    found = read_lightning(checkpoint)
    try:
        return _build(checkpoint, path, described, found.generator.arrays, found.unused)
    except ValueError as error:
        raise ForeignFileError(f"{checkpoint} does not fit {path}: {str(error).rstrip('.')}.") from error


def find_yaml(checkpoint: Path) -> Path:
    """The YAML file of a checkpoint.

    Raises:
        ForeignFileError: There is none, or several.
    """
    beside = checkpoint.with_suffix(".yaml")
    if beside.is_file():
        return beside
    folders = (checkpoint.parent, checkpoint.parent / "configs", checkpoint.parent.parent / "configs")
    for pattern in ("model.yaml", "*-project.yaml"):
        found = [path for folder in folders for path in sorted(folder.glob(pattern))]
        if len(found) == 1:
            return found[0]
        if found:
            raise ForeignFileError(
                f"{checkpoint} has {len(found)} configurations, such as {found[0]}; name one of them."
            )
    raise ForeignFileError(
        f"{checkpoint} is a checkpoint without its configuration: there is no {beside.name} beside it. Give the .yaml "
        "file that it was trained with."
    )


def _build(
    source: Path, configuration: Path, described: VQGANFile, arrays: Mapping[str, np.ndarray], unused: list[str]
) -> ImportedVQGAN:
    from gansformer_tf.convert.vqgan_names import assign, autoencoder_names, discriminator_names, transformer_names
    from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
    from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
    from gansformer_tf.models.vqgan.generator import VQGAN

    config, model, judge = described.config, None, None
    if isinstance(config, VQGANConfig):
        model = VQGAN(config)
        names = {FIRST_STAGE + name: variable for name, variable in autoencoder_names(model.autoencoder).items()}
        assert model.transformer is not None  # a file of the second stage has one
        names |= {TRANSFORMER + name: variable for name, variable in transformer_names(model.transformer).items()}
    else:
        model = VQAutoencoder(config)
        names = autoencoder_names(model)
        if described.discriminator is not None and any(name.startswith(DISCRIMINATOR) for name in arrays):
            judge = PatchDiscriminator(described.discriminator)
            names |= {DISCRIMINATOR + name: variable for name, variable in discriminator_names(judge).items()}
    left_out = _left_out(set(arrays) - set(names))
    assign(names, arrays)
    return ImportedVQGAN(source, configuration, model, judge, len(names), [*left_out, *unused])


def _left_out(names: set[str]) -> list[str]:
    """Reasons for arrays that are not needed; raises ValueError for one that has none."""
    counts: dict[str, int] = {}
    for name in sorted(names):
        reason = next((why for end, why in _WITHOUT_INFLUENCE.items() if name.endswith(end)), None)
        if reason is None and name.startswith(FIRST_STAGE + "loss."):
            reason = "the loss of the first stage"
        if reason is None:
            raise ValueError(f"{name!r} is left over")
        counts[reason] = counts.get(reason, 0) + 1
    return [f"{count} arrays: {reason}" for reason, count in counts.items()]
