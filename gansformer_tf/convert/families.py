"""Which networks of which code base can be imported: one entry each, by the name of their function or class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gansformer_tf.config import ConfigError
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.found import PYTORCH, TENSORFLOW1, Found, FoundNetwork


@dataclass(frozen=True)
class Converted:
    """One of our networks made from one of theirs.

    Attributes:
        model: Ours.
        mapped: Names of their arrays whose numbers it holds.
        left_over: Names of the others -> why they are not needed.
    """

    model: Any
    mapped: frozenset[str]
    left_over: dict[str, str]


# (their network, "generator" or "discriminator") -> ours
Converter = Callable[[FoundNetwork, str], Converted]

_UNUSED = "no output of theirs depends on it"


@dataclass(frozen=True)
class Family:
    """Networks of one code base.

    Attributes:
        name: For people.
        module: Where they are defined there.
        class_names: Names of the function or class of the generator.
        part: Class that only generators of this family are made of; "" where the name says it all. Snapshots of
            PyTorch tell the name of a class without its module, and most call their generator "Generator".
        convert: Makes our network; None where the family is known and not supported.
    """

    name: str
    module: str
    class_names: tuple[str, ...]
    part: str
    convert: Converter | None


def _original(network: FoundNetwork, role: str) -> Converted:
    from gansformer_tf.convert.original import from_original

    return _with_original_names(from_original(network.arrays, network.arguments, role), network)


def _stylegan2_tf1(network: FoundNetwork, role: str) -> Converted:
    from gansformer_tf.convert.original import build_original
    from gansformer_tf.convert.stylegan2_config import config_from_stylegan2

    model = build_original(config_from_stylegan2(network.arguments, role), network.arrays)
    return _with_original_names(model, network)


def _with_original_names(model: Any, network: FoundNetwork) -> Converted:
    from gansformer_tf.convert.original import names_in_original, why_unused

    mapped = frozenset(names_in_original(model).entries)
    left = _without(network.arrays, mapped)
    return Converted(model, mapped, {name: why_unused(name) or _UNUSED for name in left})


def _pytorch(family: str) -> Converter:
    def convert(network: FoundNetwork, role: str) -> Converted:
        from gansformer_tf.convert.pytorch import from_pytorch, without_influence
        from gansformer_tf.convert.pytorch_names import names_of

        model = from_pytorch(network.arrays, network.arguments, family, role)
        names = names_of(model, family, role)
        left, unread = _without(network.arrays, names.entries), without_influence(model.config)
        return Converted(model, frozenset(names.entries), {name: _reason(name, names.fixed, unread) for name in left})

    return convert


def _reason(name: str, fixed: Iterable[str], unread: Mapping[str, str]) -> str:
    if name in fixed or name.endswith(("resample_filter", "resample_kernel")):
        return "computed, and equal"
    found = (reason for pattern, reason in unread.items() if re.fullmatch(pattern, name))
    return next(found, _UNUSED)


def _without(names: Iterable[str], mapped: Iterable[str]) -> list[str]:
    return sorted(set(names) - set(mapped))


# The first entry that fits is taken.
FAMILIES: dict[str, tuple[Family, ...]] = {
    TENSORFLOW1: (
        Family("GANformer", "training.networks", ("Generator", "G_GANformer"), "", _original),
        Family("StyleGAN2", "training.networks_stylegan2", ("G_main",), "", _stylegan2_tf1),
        Family("StyleGAN", "training.networks_stylegan", ("G_style",), "", None),
        Family("progressive GAN", "training.networks_progan", ("G_paper",), "", None),
    ),
    PYTORCH: (
        Family("GANformer's PyTorch port", "training.networks", ("Generator",), "MLP", _pytorch("ganformer")),
        Family("CREPS", "training.networks_creps", ("Generator",), "ToResLayer", _pytorch("creps")),
        Family("StyleGAN3", "training.networks_stylegan3", ("Generator",), "SynthesisInput", _pytorch("stylegan3")),
        Family("StyleGAN2", "training.networks_stylegan2", ("Generator",), "ToRGBLayer", _pytorch("stylegan2")),
    ),
}


def family_of(found: Found) -> Family:
    """The family of a file's generator.

    Raises:
        ForeignFileError: It is unknown or not supported; its class is named.
    """
    generator = found.generator
    for family in FAMILIES.get(found.kind, ()):
        if generator.class_name in family.class_names and (not family.part or family.part in generator.parts):
            if family.convert is None:
                raise ForeignFileError(
                    f"class {generator.class_name!r} of {family.module} ({family.name}) is not supported"
                )
            return family
    parts = f" with parts {', '.join(generator.parts)}" if generator.parts else ""
    known = ", ".join(family.name for family in FAMILIES.get(found.kind, ()) if family.convert is not None)
    raise ForeignFileError(
        f"class {generator.class_name!r}{parts} of its {generator.key} is not supported; of {found.kind}, {known} are"
    )


def convert_networks(found: Found) -> tuple[Family, dict[str, Converted]]:
    """All networks of a file as ours.

    Raises:
        ForeignFileError: They are not supported, or an argument or array is not understood; it is named.
    """
    family = family_of(found)
    assert family.convert is not None
    converted = {}
    for role, network in found.networks.items():
        try:
            converted[role] = family.convert(network, role)
        except ConfigError as error:
            raise ForeignFileError(f"its {network.key}: {str(error).rstrip('.')}") from error
        except (TypeError, ValueError, KeyError, OverflowError) as error:  # an argument of the wrong type
            reason = " ".join(str(error).split())[:200]
            raise ForeignFileError(f"its {network.key} ({network.class_name}) cannot be built: {reason}") from error
    return family, converted
