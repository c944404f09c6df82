"""`python -m gansformer_tf.convert old.pkl new.safetensors`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gansformer_tf.bars import Bar
from gansformer_tf.quiet import import_tensorflow
from gansformer_tf.terminal import path, show_any_text

STATUS_FAILURE = 1
STATUS_USAGE = 2

EXAMPLES = """examples:
  python -m gansformer_tf.convert network-snapshot-012345.pkl clevr.safetensors
  python -m gansformer_tf.convert gdrive:ffhq-snapshot.pkl ffhq.safetensors
  python -m gansformer_tf.convert last.ckpt vqgan.safetensors --yaml project.yaml
"""


def build_parser(prog: str | None = None) -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog=prog or "python -m gansformer_tf.convert",
        description="Makes a snapshot of this package from a pickle of GANformer or StyleGAN2 (TensorFlow 1, PyTorch), "
        "or from a checkpoint of VQGAN.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "source", type=path, help="original .pkl or .ckpt file, or the name of a published one (gdrive:NAME)"
    )
    parser.add_argument("target", type=path, help=".safetensors file to write")
    parser.add_argument("--yaml", type=path, help="what a .ckpt file was trained with (default: the .yaml beside it)")
    parser.add_argument("--generator-only", action="store_true", help="leave the discriminator out")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Converts and prints; returns the exit status."""
    show_any_text()
    given = build_parser(prog).parse_args(arguments)
    try:
        return _convert(given.source, Path(given.target), not given.generator_only, given.yaml)
    except ValueError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return STATUS_USAGE
    except OSError as error:
        print(f"error: {f'{error.strerror}: {error.filename}' if error.filename else error}", file=sys.stderr)
        return STATUS_FAILURE


def _convert(source: str, target: Path, with_discriminator: bool, yaml: str | None) -> int:
    from gansformer_tf.convert.catalog import PREFIX, published_snapshot
    from gansformer_tf.convert.errors import ForeignFileError
    from gansformer_tf.convert.foreign import CHECKPOINT, read_foreign
    from gansformer_tf.convert.importer import Imported, build
    from gansformer_tf.convert.vqgan import ImportedVQGAN, from_vqgan

    if target.suffix != ".safetensors":
        raise ForeignFileError(f"{target} must end in .safetensors.")
    if target.exists():
        raise ForeignFileError(f"{target} is there already; it is not overwritten. Choose another name.")
    if not target.parent.is_dir():
        raise ForeignFileError(f"there is no folder {target.parent}; make it first.")
    path = Path(source)
    if source.startswith(PREFIX):
        with Bar(source, "B") as bar:
            path = published_snapshot(source, bar)
    if not path.is_file():
        raise ForeignFileError(f"there is no file {path}; check the path.")
    imported: Imported | ImportedVQGAN
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # no GPU is needed here
    if path.suffix == CHECKPOINT:
        import_tensorflow()
        imported = from_vqgan(path, yaml)
    elif yaml is not None:
        raise ForeignFileError(f"--yaml {yaml} goes with a .ckpt file; leave it out for {path}.")
    else:
        found = read_foreign(path)  # before TensorFlow is loaded, which takes longer
        import_tensorflow()
        imported = build(path, found, with_discriminator)
    imported.save(target)
    print("\n".join(imported.lines()))
    print(f"written: {target} ({target.stat().st_size:,} bytes)")
    return 0


def run(prog: str | None = None) -> NoReturn:
    """The command; `prog` is what it is called where it is not called by its own name."""
    sys.exit(main(prog=prog))


if __name__ == "__main__":
    run()
