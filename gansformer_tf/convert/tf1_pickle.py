"""Networks in pickles of the original TensorFlow 1 code and of StyleGAN2: three `dnnlib.tflib.network.Network`.

The text of the module that a network carries along (`build_module_src`) is left alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gansformer_tf.convert.closed_pickle import Builder, Record, Symbol
from gansformer_tf.convert.errors import ForeignFileError, quoted
from gansformer_tf.convert.found import TENSORFLOW1, Found, FoundNetwork
from gansformer_tf.convert.pickled_arrays import as_array
from gansformer_tf.convert.plain import PlainCopy

NETWORK = Symbol("dnnlib.tflib.network", "Network")
_VERSIONS = (2, 3, 4)
_MAX_DEPTH = 4  # a generator has parts, which have none


def easy_dict(*arguments: Any) -> dict[Any, Any]:
    """`dnnlib.util.EasyDict`: a dictionary whose items follow."""
    if arguments:
        raise ForeignFileError("a dictionary made from arguments")
    return {}


DICTIONARIES: dict[Symbol, Builder] = {Symbol("dnnlib.util", "EasyDict"): easy_dict}


def is_tf1(root: Any) -> bool:
    """Whether the object of a pickle is a row of such networks."""
    return isinstance(root, tuple | list) and any(isinstance(item, Record) and item.symbol == NETWORK for item in root)


def read_tf1(root: Any) -> Found:
    """The averaged generator and the discriminator of (G, D, Gs).

    Raises:
        ForeignFileError: A part is missing or is something else.
    """
    if len(root) != 3:
        raise ForeignFileError(f"it holds {len(root)} networks instead of the three G, D and Gs")
    plain = PlainCopy()
    _, discriminator, average = (_network(item, key, plain) for item, key in zip(root, ("G", "D", "Gs"), strict=True))
    return Found(TENSORFLOW1, average, discriminator, ["G: the generator without averaging; Gs is imported"])


def _network(record: Any, key: str, plain: PlainCopy) -> FoundNetwork:
    state = _state(record, key)
    name = state.get("build_func_name")
    arguments = plain(state.get("static_kwargs"), f"static arguments of {key}")
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(arguments, dict):
        raise ForeignFileError(f"{key} has no usable name of its function, or no static arguments")
    network = FoundNetwork(key, name, arguments)
    _collect(network, state, "", 0)
    return network


def _state(record: Any, key: str) -> dict[Any, Any]:
    if not isinstance(record, Record) or record.symbol != NETWORK or not isinstance(record.state, dict):
        raise ForeignFileError(f"{key} is no complete {NETWORK}")
    version = record.state.get("version")
    if not isinstance(version, int) or version not in _VERSIONS:
        shown = version if isinstance(version, int) else quoted(version)
        raise ForeignFileError(f"{key} has version {shown}; 2, 3 and 4 are known")
    return record.state


def _collect(network: FoundNetwork, state: dict[Any, Any], scope: str, depth: int) -> None:
    """Own variables, and those of the parts under the name of each."""
    if depth > _MAX_DEPTH:
        raise ForeignFileError(f"the parts of {network.key} are nested too deeply")
    variables, parts = state.get("variables"), state.get("components", {})
    if not isinstance(variables, list) or not isinstance(parts, dict):
        raise ForeignFileError(f"{network.key} has no list of variables, or no dictionary of parts")
    for pair in variables:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ForeignFileError(f"a variable of {network.key} is no pair of name and value")
        network.add(scope + pair[0], _weights(pair[1], scope + pair[0], network.key))
    for part in parts.values():
        inner = _state(part, f"a part of {network.key}")
        name = inner.get("name")
        if not isinstance(name, str):
            raise ForeignFileError(f"a part of {network.key} has no name")
        _collect(network, inner, f"{scope}{name}/", depth + 1)


def _weights(value: Any, name: str, key: str) -> np.ndarray:
    array = as_array(value)
    if array is None and type(value) is float:
        array = np.asarray(value, np.float32)
    if array is None or array.dtype.kind != "f":
        raise ForeignFileError(f"the variable {quoted(name)} of {key} is no array of real numbers")
    return array
