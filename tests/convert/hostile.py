"""Pickles that would do harm if they were opened as pickles are. What they try to run makes a file named RAN."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.convert.checkpoints import archive
from tests.convert.checkpoints import tensor as stored
from tests.convert.makers import (
    NETWORK,
    PERSISTENT,
    Call,
    Name,
    Reference,
    dumps,
    module,
    storage_bytes,
    tensor,
    tf1_network,
)

COMMAND = "touch RAN"
PYTHON = "open('RAN', 'w')"


def _text(value: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()


def _call(module_name: str, name: str, *arguments: Any) -> Call:
    return Call(Name(module_name, name), arguments)


_SYSTEM = _call("os", "system", COMMAND)
_IMPORT = _call("builtins", "__import__", "os")

# Calls, wherever in a pickle they stand.
CALLS: dict[str, Any] = {
    "os.system": _SYSTEM,
    "posix.system": _call("posix", "system", COMMAND),
    "nt.system": _call("nt", "system", COMMAND),
    "subprocess.Popen": _call("subprocess", "Popen", ["touch", "RAN"]),
    "builtins.eval": _call("builtins", "eval", PYTHON),
    "builtins.exec": _call("builtins", "exec", PYTHON),
    "python 2 eval": _call("__builtin__", "eval", PYTHON),
    "builtins.open": _call("builtins", "open", "RAN", "w"),
    "builtins.__import__": _IMPORT,
    "builtins.getattr of a module": _call("builtins", "getattr", _IMPORT, "system"),
    "builtins.map": _call("builtins", "map", Name("os", "system"), [COMMAND]),
    "functools.partial": _call("functools", "partial", Name("os", "system"), COMMAND),
    "operator.methodcaller": _call("operator", "methodcaller", "system", COMMAND),
    "importlib.import_module": _call("importlib", "import_module", "antigravity"),
    "runpy.run_path": _call("runpy", "run_path", "RAN"),
    "shutil.rmtree": _call("shutil", "rmtree", "."),
    "types.FunctionType": _call("types", "FunctionType", _call("builtins", "compile", PYTHON, "", "exec"), {}),
    "pickle.loads": _call("pickle", "loads", dumps(_SYSTEM)),
    "_pickle.loads": _call("_pickle", "loads", dumps(_SYSTEM)),
    "torch.load": _call("torch", "load", "RAN"),
    "numpy.load": _call("numpy", "load", "RAN", None, True),
    "numpy.fromfile": _call("numpy", "fromfile", "RAN"),
    "numpy.memmap": _call("numpy", "memmap", "RAN", "u1", "w+", 0, (8,)),
    "numpy.testing runstring": _call("numpy.testing._private.utils", "runstring", PYTHON, {}),
    "numpy.core._internal": _call("numpy.core._internal", "__import__", "os"),
    "numpy.ctypeslib.load_library": _call("numpy.ctypeslib", "load_library", "libc", "/"),
    "dotted name below numpy": _call("numpy", "core.multiarray.os.system", COMMAND),
    "copyreg.add_extension": _call("copyreg", "add_extension", "os", "system", 1),
    "new object with state": Call(Name("builtins", "object"), (), {"__class__": Name("os", "system")}, new=True),
    "state of slots": Call(Name("logging", "FileHandler"), (), ({}, {"baseFilename": "RAN"}), new=True),
}


def _tf1(**changes: Any) -> bytes:
    """Three networks, of which the state of the generators is changed."""
    network = tf1_network("Gs", "Generator", {"resolution": 8}, {"bias": np.zeros(2, np.float32)})
    changed = Call(NETWORK, (), {**network.state, **changes}, new=True)
    return dumps((changed, network, changed))


def _weight(value: Any) -> bytes:
    return _tf1(variables=[("bias", value)])


def _array(shape: Any = (2,), dtype: Any = "f4", data: Any = b"\0" * 8, state: Any = None) -> Call:
    kind = Call(Name("numpy", "dtype"), (dtype, False, True), state or (3, "<", None, None, None, -1, -1, 0))
    made = Name("numpy.core.multiarray", "_reconstruct")
    return Call(made, (Name("numpy", "ndarray"), (0,), b"b"), (1, shape, kind, False, data))


def _torch(value: Any) -> bytes:
    return dumps({"G_ema": module("Generator", {}, _parameters={"weight": value})})


def _laughs() -> Any:
    value: Any = ["ha"] * 10
    for _ in range(7):
        value = [value] * 10
    return value


def _within_itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", dumps(_SYSTEM))
    return file.getvalue()


_ONES = np.ones(4, np.float32)
_P4 = b"\x80\x04"

# Whole files; functions where a file takes time or space to make.
FILES: dict[str, bytes | Callable[[], bytes]] = {
    **{f"the result of {name}": dumps(value) for name, value in CALLS.items()},
    **{f"an argument from {name}": _tf1(static_kwargs={"resolution": value}) for name, value in CALLS.items()},
    **{f"a weight from {name}": _weight(value) for name, value in CALLS.items()},
    **{f"a tensor from {name}": _torch(value) for name, value in CALLS.items()},
    # instructions
    "a name alone": dumps(Name("os", "system")),
    "GLOBAL and REDUCE": b"\x80\x02cos\nsystem\n" + _text(COMMAND) + b"\x85R.",
    "INST": b"(" + _text(COMMAND) + b"ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\n" + _text(COMMAND) + b"o.",
    "NEWOBJ_EX": _P4 + _text("os") + _text("system") + b"\x93(" + _text(COMMAND) + b"t}\x92.",
    "NEWOBJ_EX with keywords": _P4 + _text("os") + _text("system") + b"\x93)}" + _text("a") + b"Ks\x92.",
    "BUILD of a number": _P4 + b"K\x01}b.",
    "BUILD of a name": _P4 + _text("os") + _text("environ") + b"\x93}" + _text("PATH") + _text("") + b"sb.",
    "EXT1": b"\x80\x02\x82\x01)R.",
    "EXT2": b"\x80\x02\x83\x01\x00)R.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00)R.",
    "PERSID": b"\x80\x02Pos.system\n.",
    "BINPERSID": dumps(Reference("os.system"), 2),
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "text of protocol 0": b"S'touch RAN'\n.",
    "a number as text": b"\x80\x02I" + b"9" * 100_000 + b"\n.",
    "a name that is a number": _P4 + b"K\x01K\x02\x93)R.",
    "a call of a call": _P4 + _text("functools") + _text("partial") + b"\x93)R)R.",
    "a call of a text": _P4 + _text("os.system") + _text(COMMAND) + b"\x85R.",
    "calls upon calls": b"\x80\x02" + b"cos\nsystem\n" * 3 + _text(COMMAND) + b"\x85RRR.",
    "protocol 250": b"\x80\xfa.",
    "an empty stack": _P4 + b"R.",
    "marks only": _P4 + b"(" * 1000 + b".",
    "the memo of nothing": _P4 + b"h\x07.",
    "no instruction": _P4 + b"\xff.",
    # pickles inside
    "a storage that is a call": _torch(tensor(_ONES, dumps(_SYSTEM, 2))),
    "a storage of another type": _torch(tensor(_ONES, storage_bytes(_ONES, "os.system"))),
    "a storage within a storage": _torch(
        tensor(_ONES, dumps(0x1950A86A20F9469CFC6C, 2) + dumps(1001, 2) + dumps({}, 2) + dumps(tensor(_ONES)))
    ),
    "source text without a module": dumps(
        {"G": Call(PERSISTENT, ({"type": "class", "module_src": PYTHON, "class_name": "G"},))}
    ),
    "source text that makes the network": _tf1(build_module_src=PYTHON, build_func_name="evil()"),
    "a module that is a function": dumps(
        {"G": Call(PERSISTENT, ({"type": "func", "module_src": PYTHON, "class_name": "f", "state": {}},))}
    ),
    # amounts
    "a text of 1 TB": _P4 + b"\x8d" + struct.pack("<Q", 1 << 40) + b"a.",
    "bytes of 8 EB": _P4 + b"\x8e" + struct.pack("<Q", (1 << 63) - 1) + b"a.",
    "bytes of 16 EB": _P4 + b"\x8e" + struct.pack("<Q", (1 << 64) - 1) + b"a.",
    "a frame of 1 TB": _P4 + b"\x95" + struct.pack("<Q", 1 << 40) + b"N.",
    "a number of 16,000 bits": _P4 + b"\x8b" + struct.pack("<i", 2000) + b"\x7f" * 2000 + b".",
    "a negative length": _P4 + b"\x8b" + struct.pack("<i", -5) + b".",
    "a memo of 4,294,967,295 places": _P4 + b"]r\xff\xff\xff\xff.",
    "two million lists": lambda: _P4 + b"]" * 2_000_000 + b".",
    "a line without end": lambda: b"\x80\x02c" + b"a" * 5_000_000,
    "a tuple in 300,000 tuples": lambda: _P4 + b")" + b"\x85" * 300_000 + b".",
    "a key of 300,000 tuples": lambda: _P4 + b"})" + b"\x85" * 300_000 + b"Ns.",
    "a list of lists of lists": _tf1(static_kwargs={"a": _laughs()}),
    "a list within itself": _tf1(static_kwargs={"a": _within_itself()}),
    "a network within itself": _P4
    + _text("dnnlib.tflib.network")
    + _text("Network")
    + b"\x93)\x81\x94}("
    + _text("version")
    + b"K\x04"
    + _text("variables")
    + b"]"
    + _text("build_func_name")
    + _text("G")
    + _text("static_kwargs")
    + b"}"
    + _text("name")
    + _text("g")
    + _text("components")
    + b"}"
    + _text("a")
    + b"h\x00s"
    + b"ubh\x00h\x00\x87.",
    "a module within itself": dumps(
        {"G": Call(PERSISTENT, ({"type": "class", "class_name": "G", "state": {"_init_kwargs": {}, "_modules": 1}},))}
    ),
    "one weight many times": lambda: _tf1(
        variables=[(f"v{index}", value) for value in [np.zeros(300_000, np.float32)] for index in range(100)]
    ),
    "a key of many bits": _P4 + b"}\x8a\x10" + b"\x7f" * 16 + b"Ns.",
    "a key that is a list": _P4 + b"}]Ns.",
    # arrays
    "objects": _weight(_array(dtype="O8", data=[_SYSTEM, _SYSTEM])),
    "objects behind the type of numbers": _weight(_array(data=[_SYSTEM, _SYSTEM])),
    "an array of texts": _weight(_array(dtype="U2")),
    "an array of bytes": _weight(_array(dtype="V4")),
    "an array with fields": _weight(_array(state=(3, "|", None, ("a",), {"a": (Name("os", "system"), 0)}, 8, 1, 0))),
    "complex numbers": _weight(_array(dtype="c8", shape=(1,))),
    "whole numbers as weights": _weight(_array(dtype="i4")),
    "an array of another class": _weight(
        Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("os", "system"), (0,), b"b"))
    ),
    "more elements than bytes": _weight(_array(shape=(1 << 40,))),
    "fewer elements than bytes": _weight(_array(shape=(1,))),
    "a negative side": _weight(_array(shape=(-1, -2))),
    "a side of 2**62 and one of 0": _weight(_array(shape=(0, 1 << 62), data=b"")),
    "sides that are real": _weight(_array(shape=(2.0,))),
    "70 sides": _weight(_array(shape=(1,) * 69 + (2,))),
    "an array in an order that is an array": _weight(
        Call(
            Name("numpy._core.numeric", "_frombuffer"),
            (b"\0" * 8, Call(Name("numpy", "dtype"), ("f4",)), (2,), np.arange(2.0)),
        )
    ),
    "an array without its state": _weight(
        Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b"))
    ),
    "an array of too many arguments": _weight(Call(Name("numpy", "dtype"), tuple(range(9)))),
    "a tensor that repeats one number": _torch(tensor(_ONES, shape=(1 << 40,), strides=(0,))),
    "a tensor beyond its storage": _torch(tensor(_ONES, shape=(3,), strides=(2,))),
    "a tensor with negative strides": _torch(tensor(_ONES, shape=(4,), strides=(-1,))),
    "a tensor of 40 sides": _torch(tensor(_ONES, shape=(1,) * 40, strides=(1,) * 40)),
    "a storage with a false count": _torch(tensor(_ONES, storage_bytes(_ONES, count=3))),
    "a storage of 2**60 numbers": _torch(tensor(_ONES, storage_bytes(_ONES, count=1 << 60))),
    # names
    "a weight named like a path": _tf1(variables=[("../../RAN\0", np.float32(1))]),
    "a weight without a name": _tf1(variables=[(b"bias", np.float32(1))]),
    "a weight named to rewrite the screen": _tf1(variables=[("\x1b[2J\x1b]0;RAN\x07", np.float32(1))]),
    "an argument with a line break": _tf1(static_kwargs={"a\nerror: b": 1}),
    "half a character": _tf1(static_kwargs={"a": 1}).replace(b"\x8c\x01a", b"\x8d\x03\0\0\0\0\0\0\0\xed\xa0\x80"),
    "a weight twice": _tf1(variables=[("a", np.float32(1)), ("a", np.float32(2))]),
    # other files
    "half a file": lambda: _tf1()[:200],
    "an empty file": b"",
    "a gzip file": gzip.compress(_tf1()),
    "a zip file": _zip(),
    "a web page": b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>",
    "an image": b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    "zeros": b"\0" * 1000,
    "a plain dictionary": dumps({"G": 1}),
    "one network instead of three": dumps((tf1_network("G", "Generator", {}, {}),)),
}

_EIGHT = b"\0" * 8
_KEPT = {"state_dict": {"a": stored("0", 2)}}


def _swollen() -> bytes:
    """A member that is 16 MB long when it is unpacked."""
    return archive(_KEPT, {"0": b"\0" * (1 << 24)}, zipfile.ZIP_DEFLATED)


# Checkpoints of PyTorch Lightning: zip archives.
CHECKPOINTS: dict[str, bytes | Callable[[], bytes]] = {
    **{f"a weight that is {name}": archive({"state_dict": {"a": value}}, {}) for name, value in CALLS.items()},
    "the result of os.system": archive(_SYSTEM, {}),
    "a storage whose type is a call": archive({"state_dict": {"a": stored("0", 2, kind=_SYSTEM)}}, {"0": _EIGHT}),
    "a storage of objects": archive({"state_dict": {"a": stored("0", 1, kind=Name("os", "system"))}}, {"0": _EIGHT}),
    "a storage that is not there": archive(_KEPT, {}),
    "a storage that is a path": archive({"state_dict": {"a": stored("../../../etc/passwd", 2)}}, {"0": _EIGHT}),
    "a storage with a false count": archive(_KEPT, {"0": b"\0" * 12}),
    "a storage of 2**60 numbers": archive({"state_dict": {"a": stored("0", 1 << 60)}}, {"0": _EIGHT}),
    "one storage in many weights": lambda: archive(
        {"state_dict": {f"w{index}": stored("0", 300_000) for index in range(100)}}, {"0": b"\0" * 1_200_000}
    ),
    "members that are compressed": _swollen,
    "no index": archive({}, {}).replace(b"data.pkl", b"data.txt"),
    "two indices": archive({}, {"data.pkl": b"N."}),
    "no weights": archive({"state_dict": {}}, {}),
    "weights that are a number": archive({"state_dict": 5}, {}),
    "weights that are a list": archive([1], {}),
    "a weight that is a text": archive({"state_dict": {"a": "b"}}, {}),
    "a weight without a name": archive({"state_dict": {5: stored("0", 2)}}, {"0": _EIGHT}),
    "a weight named to rewrite the screen": archive({"state_dict": {"\x1b[2J": stored("0", 2)}}, {"0": _EIGHT}),
    "a tensor beyond its storage": archive({"state_dict": {"a": stored("0", 2, (3,))}}, {"0": _EIGHT}),
    "an index that is half a pickle": archive(dumps(_KEPT, 2)[:40], {"0": _EIGHT}),
    "an index of two million lists": lambda: archive(_P4 + b"]" * 2_000_000 + b".", {}),
    "half an archive": archive(_KEPT, {"0": _EIGHT})[:150],
    "an archive with other bytes in it": archive(_KEPT, {"0": _EIGHT}).replace(_EIGHT, b"\1" * 8),
    "an empty archive": b"PK\x05\x06" + b"\0" * 18,
    "a pickle": dumps({"a": 1}),
}

# Instructions to strew into other pickles.
SNIPPETS: tuple[bytes, ...] = (
    *(dumps(value, 4)[2:-1].partition(b"\x95")[2][8:] or dumps(value, 4)[2:-1] for value in CALLS.values()),
    b"cos\nsystem\n" + _text(COMMAND) + b"\x85R",
    b"(" + _text(COMMAND) + b"ios\nsystem\n",
    b"\x82\x01",
    b"Q",
    b"0",
    b"1",
    b"2",
    b"2" * 40,
    b"(" * 50,
    b"\x85" * 400,
    b"]\x94h\x00a",
    b"}b",
    b")R",
    b")\x81",
    b"\x93",
    b"u",
    b"e",
    b"t",
)


def content(name: str, files: Mapping[str, bytes | Callable[[], bytes]] = FILES) -> bytes:
    """A file by its name."""
    made = files[name]
    return made() if callable(made) else made
