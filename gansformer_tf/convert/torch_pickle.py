"""Networks in PyTorch snapshots that were written with `torch_utils.persistence`.

Each module is a dictionary of its class name, its state, and the text of the source it came from. That text is left
alone.
"""

from __future__ import annotations

from typing import Any

from gansformer_tf.convert.closed_pickle import Record, Symbol
from gansformer_tf.convert.errors import ForeignFileError, quoted
from gansformer_tf.convert.found import PYTORCH, Found, FoundNetwork
from gansformer_tf.convert.pickled_arrays import as_array, is_one_of
from gansformer_tf.convert.plain import PlainCopy
from gansformer_tf.convert.torch_stream import Tensor

PERSISTENT = Symbol("torch_utils.persistence", "_reconstruct_persistent_obj")
_GENERATORS = ("G_ema", "G")
_MAX_DEPTH = 12
_MAX_MODULES = 5_000


def is_torch(root: Any) -> bool:
    """Whether the object of a pickle is a snapshot of such networks."""
    return isinstance(root, dict) and any(_is_persistent(item) for item in root.values())


def _is_persistent(item: Any) -> bool:
    return isinstance(item, Record) and item.symbol == PERSISTENT


def read_torch(root: dict[Any, Any]) -> Found:
    """The averaged generator and the discriminator of {G, D, G_ema, ...}.

    Raises:
        ForeignFileError: A part is missing or is something else.
    """
    plain = PlainCopy()
    key = next((key for key in _GENERATORS if _is_persistent(root.get(key))), None)
    if key is None:
        raise ForeignFileError("it holds neither a network G_ema nor G")
    generator = _network(root[key], key, plain)
    discriminator = _network(root["D"], "D", plain) if _is_persistent(root.get("D")) else None
    unused = []
    for other, value in root.items():
        if other in (key, "D") or value is None:
            continue
        reason = f"the generator without averaging; {key} is imported" if other == "G" else "no network"
        unused.append(f"{quoted(other)[1:-1]}: {reason}")
    return Found(PYTORCH, generator, discriminator, unused)


def _network(record: Record, key: str, plain: PlainCopy) -> FoundNetwork:
    name, state = _class_and_state(record, key)
    arguments = plain(state.get("_init_kwargs"), f"arguments of {key}")
    if not isinstance(arguments, dict):
        raise ForeignFileError(f"{key} has no dictionary of arguments")
    unnamed = state.get("_init_args", ())
    if not isinstance(unnamed, tuple | list) or unnamed:
        raise ForeignFileError(f"{key} was built with arguments that have no names, so what they mean is unknown")
    network = FoundNetwork(key, name, arguments)
    parts: set[str] = set()
    modules = [0]
    _collect(network, record, "", parts, modules, 0)
    network.parts = sorted(parts - {name})
    return network


def _class_and_state(record: Any, where: str) -> tuple[str, dict[Any, Any]]:
    """Class name and attributes of a module, decorated or pickled by reference."""
    if not isinstance(record, Record):
        raise ForeignFileError(f"{where} is no module")
    name: Any = record.symbol.name
    state = record.state
    if _is_persistent(record):
        (meta,) = record.arguments if len(record.arguments) == 1 else ({},)
        if not isinstance(meta, dict) or not is_one_of(meta.get("type"), ("class",)):
            raise ForeignFileError(f"{where} is no module of a class")
        name, state = meta.get("class_name"), meta.get("state")
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(state, dict):
        raise ForeignFileError(f"{where} has no class name or no state")
    return name, state


def _collect(network: FoundNetwork, record: Any, scope: str, parts: set[str], modules: list[int], depth: int) -> None:
    """Parameters and buffers of a module and of those inside it, under their dotted names."""
    modules[0] += 1
    if depth > _MAX_DEPTH or modules[0] > _MAX_MODULES:
        raise ForeignFileError(f"the modules of {network.key} are nested too deeply, or too many")
    where = f"{network.key}.{quoted(scope)[1:-1]}".rstrip(".")
    name, state = _class_and_state(record, where)
    parts.add(name)
    for group in ("_parameters", "_buffers"):
        values = state.get(group, {})
        if not isinstance(values, dict):
            raise ForeignFileError(f"{where} has no dictionary {group}")
        for short, value in values.items():
            if value is None:
                continue
            array = value.array() if isinstance(value, Tensor) else as_array(value)
            if array is None:
                raise ForeignFileError(f"{quoted(short)} in {where} is no tensor")
            network.add(f"{scope}{short}", array)
    inner = state.get("_modules", {})
    if not isinstance(inner, dict):
        raise ForeignFileError(f"{where} has no dictionary of modules")
    for short, module in inner.items():
        if module is not None:
            _collect(network, module, f"{scope}{short}.", parts, modules, depth + 1)
