"""The variables of the original's mapping network by its options: names and shapes, written down from its rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

COMPONENTS, DIM, CLASSES = 4, 8, 3
MAPPING_DIM, SHARED_DIM = 12, 20

Shapes = dict[str, tuple[int, ...]]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "use_pos": (False, True),
    "mapping_ltnt2ltnt": (False, True),
    "ltnt_gate": (False, True),
    "mapping_resnet": (False, True),
    "mapping_num_layers": (1, 2, 5),
    "mapping_dim": (None, MAPPING_DIM),
    "mapping_shared_dim": (0, SHARED_DIM),
    "c_dim": (0, CLASSES),
}
_KINDS: tuple[dict[str, Any], ...] = (
    {"components_num": 1},
    {"components_num": COMPONENTS, "merge": True, "merge_layer": 3},
    {"components_num": 1, "transformer": True},
    {"components_num": COMPONENTS, "transformer": True},
)


def combinations() -> Iterator[dict[str, Any]]:
    """Static arguments of every combination that the original can build."""
    for kind, values in itertools.product(_KINDS, itertools.product(*_CHOICES.values())):
        kwargs = kind | dict(zip(_CHOICES, values, strict=True))
        several = kwargs["components_num"] > 1 or kwargs.get("transformer", False)
        attends = kwargs["mapping_ltnt2ltnt"] and kwargs["mapping_resnet"]
        impossible = (
            (attends and not kwargs.get("transformer"))
            or (kwargs["mapping_shared_dim"] and (kwargs["mapping_dim"] or attends or not several))
            or (kwargs["c_dim"] and kwargs["mapping_resnet"] and not kwargs["mapping_dim"])  # a sum of two widths
            or (kwargs["ltnt_gate"] and not attends)  # no difference
        )
        if not impossible:
            yield kwargs


def variables(kwargs: dict[str, Any]) -> Shapes:
    """Names and shapes below `G_mapping/` in a snapshot."""
    transformer, k = kwargs.get("transformer", False), kwargs["components_num"]
    features = DIM * 2 if kwargs["c_dim"] else DIM
    width, entered = DIM, features
    found: Shapes = {}
    if kwargs["c_dim"]:
        found["LabelConcat/weight"] = (CLASSES, DIM)
    if kwargs["mapping_dim"]:
        _dense(found, "", features, MAPPING_DIM, "_map_start")
        _dense(found, "", MAPPING_DIM, DIM, "_map_end")
        if transformer and kwargs["use_pos"]:  # with and without a layer that reads it
            _dense(found, "", DIM, MAPPING_DIM, "_map_pos")
        width = entered = MAPPING_DIM
    if kwargs["mapping_shared_dim"]:
        _dense(found, "", k * features, SHARED_DIM, "_inmap")
        _dense(found, "", SHARED_DIM, k * DIM, "_outmap")
        _stack(found, "", kwargs, SHARED_DIM, SHARED_DIM, attends=transformer)
    else:
        _stack(found, "", kwargs, entered, width, attends=transformer)
    if transformer:
        _stack(found, "global/", kwargs, entered, width, attends=False)
    return {f"G_mapping/{name}": shape for name, shape in found.items()}


def _stack(found: Shapes, scope: str, kwargs: dict[str, Any], entered: int, width: int, attends: bool) -> None:
    layers = kwargs["mapping_num_layers"]
    if not kwargs["mapping_resnet"]:
        for index in range(layers):
            _dense(found, f"{scope}Dense{index}/", width if index else entered, width)
        return
    for index in range(layers // 2):
        if attends and kwargs["mapping_ltnt2ltnt"]:
            _attention(found, f"{scope}AttLayer_{index}/", kwargs, width)
        _dense(found, f"{scope}Dense{index}_0/", width, width)
        _dense(found, f"{scope}Dense{index}_1/", width, width)
    _dense(found, f"{scope}Dense{layers // 2 - 1}/", width, width)


def _attention(found: Shapes, scope: str, kwargs: dict[str, Any], width: int) -> None:
    for name in ("query", "key", "value", "out", *(("from_pos", "to_pos") if kwargs["use_pos"] else ())):
        _dense(found, scope, width, width, f"_{name}")
    if kwargs["ltnt_gate"]:
        for side, part in itertools.product("en", ("cont", "pos") if kwargs["use_pos"] else ("cont",)):
            _dense(found, scope, width, 1, f"_{side}_{part}")


def _dense(found: Shapes, scope: str, inputs: int, outputs: int, suffix: str = "") -> None:
    found[f"{scope}weight{suffix}"] = (inputs, outputs)
    found[f"{scope}bias{suffix}"] = (outputs,)
