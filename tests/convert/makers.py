"""Pickles as other code bases write them, made without those code bases; and pickles that nobody should open."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class Name:
    """Pickled as the name of a class or function."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """Pickled as the call of a name, with a state that follows."""

    name: Name
    arguments: tuple = ()
    state: Any = None
    new: bool = False


@dataclass(eq=False)
class Reference:
    """Pickled as a persistent reference."""

    value: Any


class _Pickler(pickle._Pickler):
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_name(self, value: Name) -> None:
        if self.proto >= 4:
            self.save(value.module)
            self.save(value.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())

    def save_call(self, value: Call) -> None:
        self.save(value.name)
        self.save(value.arguments)
        self.write(pickle.NEWOBJ if value.new else pickle.REDUCE)
        self.memoize(value)
        if value.state is not None:
            self.save(value.state)
            self.write(pickle.BUILD)

    def save_reference(self, value: Reference) -> None:
        self.save(value.value)
        self.write(pickle.BINPERSID)

    dispatch[Name] = save_name
    dispatch[Call] = save_call
    dispatch[Reference] = save_reference


def dumps(value: Any, protocol: int = 4) -> bytes:
    """A pickle of plain values, arrays, and the classes above."""
    file = io.BytesIO()
    _Pickler(file, protocol).dump(value)
    return file.getvalue()


# -- TensorFlow 1 ------------------------------------------------------------------------------------------------------

NETWORK = Name("dnnlib.tflib.network", "Network")


def tf1_network(
    name: str, function: str, arguments: Mapping[str, Any], variables: Mapping[str, Any], **parts: Any
) -> Call:
    """One network; `parts` are the networks inside it."""
    state = {
        "version": 4,
        "name": name,
        "static_kwargs": dict(arguments),
        "components": parts,
        "build_module_src": "raise SystemExit('this text must never be run')\n",
        "build_func_name": function,
        "variables": list(variables.items()),
    }
    return Call(NETWORK, (), state, new=True)


def tf1_generator(name: str, function: str, arguments: Mapping[str, Any], variables: Mapping[str, np.ndarray]) -> Call:
    """A generator whose variables are split over its parts, as the original does."""
    parts = {}
    for part in ("mapping", "synthesis"):
        scope = f"G_{part}/"
        inner = {key.removeprefix(scope): value for key, value in variables.items() if key.startswith(scope)}
        parts[part] = tf1_network(scope[:-1], scope[:-1], {}, inner)
    own = {key: value for key, value in variables.items() if not key.startswith("G_")}
    return tf1_network(name, function, arguments, own, **parts)


# -- PyTorch -----------------------------------------------------------------------------------------------------------

PERSISTENT = Name("torch_utils.persistence", "_reconstruct_persistent_obj")
HOOKS = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks")


def storage_bytes(array: np.ndarray, kind: str = "FloatStorage", count: int | None = None) -> bytes:
    """A storage in PyTorch's older file format."""
    count = array.size if count is None else count
    reference = Reference(("storage", Name("torch", kind), "94", "cpu", count, None))
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    pickles = [*head, reference, ["94"]]
    return b"".join(dumps(value, 2) for value in pickles) + count.to_bytes(8, "little") + array.tobytes()


def tensor(array: np.ndarray, data: bytes | None = None, shape: Any = None, strides: Any = None) -> Call:
    """A tensor in a pickle."""
    array = np.asarray(array, order="C")
    steps = tuple(step // array.itemsize for step in array.strides) if strides is None else strides
    storage = Call(Name("torch.storage", "_load_from_bytes"), (storage_bytes(array) if data is None else data,))
    sizes = array.shape if shape is None else shape
    arguments = (storage, 0, sizes, steps, False, OrderedDict())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def parameter(array: np.ndarray) -> Call:
    return Call(Name("torch._utils", "_rebuild_parameter"), (tensor(array), False, OrderedDict()))


def module(class_name: str, kwargs: Mapping[str, Any] | None = None, **state: Any) -> Call:
    """A decorated module. `state` gives `_parameters`, `_buffers`, `_modules` and more."""
    empty = {key: OrderedDict() for key in ("_parameters", "_buffers", "_modules", *HOOKS)}
    attributes = {"training": False, **empty, **state, "_init_args": (), "_init_kwargs": dict(kwargs or {})}
    source = "raise SystemExit('this text must never be run')\n"
    meta = {"type": "class", "version": 6, "module_src": source, "class_name": class_name, "state": attributes}
    return Call(PERSISTENT, (meta,))


def torch_network(
    class_name: str, kwargs: Mapping[str, Any], arrays: Mapping[str, np.ndarray], classes: Mapping[str, str]
) -> Call:
    """A network from arrays by dotted name.

    Args:
        class_name: Of the network.
        kwargs: Of its constructor.
        arrays: Parameters and buffers; those whose names end in "_avg", "_const", "_pos" or "resample_*" are buffers.
        classes: Class names by the last part of a module's dotted name; others are called "Layer".
    """
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, short = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[short] = np.asarray(array)

    def build(node: dict[str, Any], name: str, kwargs: Mapping[str, Any] | None) -> Call:
        groups: dict[str, OrderedDict] = {key: OrderedDict() for key in ("_parameters", "_buffers", "_modules")}
        for short, value in node.items():
            if isinstance(value, dict):
                groups["_modules"][short] = build(value, classes.get(short, "Layer"), None)
            elif short.endswith(("_avg", "_const", "_pos")) or short.startswith("resample_"):
                groups["_buffers"][short] = tensor(value)
            else:
                groups["_parameters"][short] = parameter(value)
        return module(name, kwargs, **groups)

    return build(tree, class_name, kwargs)
