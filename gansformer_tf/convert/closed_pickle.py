"""A reader of pickles that cannot run anything: it builds plain data and inert records.

A pickle is a program for a small stack machine. This one has no instruction that calls or imports: a name of a class or
function becomes a `Symbol`, and what the program wants to call becomes a `Record` of name and arguments. An exact table
says which names stand for plain data; its functions are ours, and they check what they are given. The instructions that
look elsewhere (extension registry, references outside of the file, buffers, classes by text) are refused.
"""

from __future__ import annotations

import abc
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from gansformer_tf.convert.errors import ForeignFileError, quoted

MAX_INSTRUCTIONS = 1_000_000  # a snapshot has ten to a hundred thousand
MAX_MARKS = 200  # open containers at one moment
MAX_BITS = 128  # of a whole number
MAX_LINE = 1024  # bytes of a name
HIGHEST_PROTOCOL = 5
MAX_KEY_BITS = 32


@dataclass(frozen=True)
class Symbol:
    """The name of a class or function; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return quoted(f"{self.module}.{self.name}")[1:-1]


@dataclass(eq=False, repr=False)
class Record:
    """An object of a class that the table does not know, as the pickle describes it."""

    symbol: Symbol
    arguments: tuple[Any, ...]
    state: Any = None


class Unfinished(abc.ABC):
    """A value of the table that a later instruction (BUILD) completes."""

    @abc.abstractmethod
    def build(self, state: Any) -> None: ...


@dataclass
class Budget:
    """How much a file, with the pickles inside it, may ask for."""

    instructions: int = MAX_INSTRUCTIONS

    def spend(self) -> None:
        self.instructions -= 1
        if self.instructions < 0:
            raise ForeignFileError(f"it has more than {MAX_INSTRUCTIONS} instructions; no snapshot is that long")


Builder = Callable[..., Any]
Table = Mapping[Symbol, Builder]


class BoundedFile:
    """A binary file that never reads beyond its known size, so that a false length costs no memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.left, self.size = file, size, size

    @property
    def position(self) -> int:
        return self.size - self.left

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise ForeignFileError(f"it is cut off or damaged at byte {self.position}")
        data = self._file.read(count)
        if len(data) != count:
            raise ForeignFileError(f"it is cut off at byte {self.position + len(data)}")
        self.left -= count
        return data

    def readline(self) -> bytes:
        line = self._file.readline(min(MAX_LINE, self.left))
        self.left -= len(line)
        if not line.endswith(b"\n"):
            raise ForeignFileError(f"it is cut off or damaged at byte {self.position}")
        return line


@dataclass
class ClosedUnpickler:
    """Reads one pickle.

    Args:
        file: Positioned at the pickle; afterwards behind it.
        table: Names that stand for plain data -> functions of ours that make it.
        budget: Shared by all pickles of a file.
        persistent: Makes what a persistent reference stands for; without it such references are refused.
    """

    file: BoundedFile
    table: Table
    budget: Budget = field(default_factory=Budget)
    persistent: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The object of the pickle.

        Raises:
            ForeignFileError: The pickle is damaged, or does what no snapshot does.
        """
        while True:
            code = self.file.read(1)
            known = _INSTRUCTIONS.get(code)
            if known is None:
                self._refuse(code)
                continue
            self.budget.spend()
            name, read_argument, action = known
            try:
                argument = read_argument(self.file) if read_argument is not None else None
            except ForeignFileError:
                raise
            except (ValueError, OverflowError) as error:  # of the readers in pickletools: lengths, encodings
                raise ForeignFileError(f"it is damaged at byte {self.file.position} (argument of {name})") from error
            if name == "STOP":
                return self._pop()
            action(self, argument)

    def _refuse(self, code: bytes) -> None:
        found = next((opcode for opcode in pickletools.opcodes if opcode.code == code.decode("latin-1")), None)
        where = f"at byte {self.file.position - 1}"
        if found is None:
            raise ForeignFileError(f"it is damaged {where}: {code!r} is no instruction of a pickle")
        raise ForeignFileError(f"it has the instruction {found.name} {where}, which no snapshot needs")

    # -- the stack ----------------------------------------------------------------------------------------------------

    def _pop(self) -> Any:
        if not self._stack:
            raise self._damaged("nothing is on the stack")
        return self._stack.pop()

    def _damaged(self, what: str) -> ForeignFileError:
        return ForeignFileError(f"it is damaged at byte {self.file.position}: {what}")

    def _mark(self, _: Any) -> None:
        if len(self._marks) >= MAX_MARKS:
            raise ForeignFileError(f"more than {MAX_MARKS} containers are open inside each other")
        self._marks.append(self._stack)
        self._stack = []

    def _pop_to_mark(self) -> list[Any]:
        if not self._marks:
            raise self._damaged("the end of a container without a beginning")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _pop_item(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_to_mark()

    def _pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def _top(self) -> Any:
        if not self._stack:
            raise self._damaged("nothing is on the stack")
        return self._stack[-1]

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _push_int(self, value: int) -> None:
        if value.bit_length() > MAX_BITS:
            raise ForeignFileError(f"a whole number has {value.bit_length()} bits")
        self._stack.append(value)

    # -- containers ---------------------------------------------------------------------------------------------------

    def _tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(items[::-1]))

    def _set_items(self, pairs: list[Any]) -> None:
        target = self._top()
        if len(pairs) % 2 or not isinstance(target, dict):
            raise self._damaged("keys and values of something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not _may_be_key(key):
                raise self._damaged(f"a key of type {type(key).__name__}")
            target[key] = value

    def _append_all(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise self._damaged("items of something that is no list")
        target.extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _dict(self, _: Any) -> None:
        pairs = self._pop_to_mark()
        self._stack.append({})
        self._set_items(pairs)

    def _append(self, _: Any) -> None:
        self._append_all([self._pop()])

    # -- memo ---------------------------------------------------------------------------------------------------------

    def _put(self, index: int) -> None:
        self._memo[index] = self._top()

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise self._damaged(f"memo {index} was never filled")
        self._stack.append(self._memo[index])

    # -- names, and what the pickle wants to call ---------------------------------------------------------------------

    def find_class(self, module: Any, name: Any) -> Symbol:
        """The name of a class or function; nothing is imported."""
        if type(module) is not str or type(name) is not str:
            raise self._damaged("a name that is no text")
        return Symbol(module, name)

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition("\n")
        self._stack.append(self.find_class(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self._stack.append(self.find_class(module, name))

    def _make(self, symbol: Any, arguments: Any) -> None:
        if not isinstance(symbol, Symbol) or not isinstance(arguments, tuple):
            raise self._damaged("a call of something that has no name")
        builder = self.table.get(symbol)
        if builder is None:
            self._stack.append(Record(symbol, arguments))
            return
        try:
            self._stack.append(builder(*arguments))
        except TypeError as error:  # more or fewer than our function takes
            raise ForeignFileError(f"{symbol} is given {len(arguments)} arguments, which it does not take") from error

    def _reduce(self, _: Any) -> None:
        arguments, symbol = self._pop(), self._pop()
        self._make(symbol, arguments)

    def _new_with_keywords(self, _: Any) -> None:
        keywords, arguments, symbol = self._pop(), self._pop(), self._pop()
        if not isinstance(keywords, dict) or keywords:
            raise ForeignFileError(f"{symbol if isinstance(symbol, Symbol) else 'a class'} is given named arguments")
        self._make(symbol, arguments)

    def _build(self, _: Any) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Unfinished):
            target.build(state)
        elif isinstance(target, Record):
            target.state = state
        elif not isinstance(target, dict):  # attributes of a dictionary (a state's _metadata) are left out
            raise self._damaged("a state of something that is no object")

    def _persistent(self, _: Any) -> None:
        if self.persistent is None:
            raise ForeignFileError("it refers to data outside of the file (BINPERSID), which no snapshot does")
        self._stack.append(self.persistent(self._pop()))

    def _protocol(self, version: int) -> None:
        if version > HIGHEST_PROTOCOL:
            raise ForeignFileError(f"it has pickle protocol {version}; {HIGHEST_PROTOCOL} is the highest known")


def _may_be_key(key: Any) -> bool:
    """Hashing it takes neither recursion nor, with many of them, long searches."""
    if isinstance(key, int):
        return key.bit_length() <= MAX_KEY_BITS
    return key is None or isinstance(key, str | bytes | Symbol)  # Lightning's checkpoints have classes as keys


def _constant(value: Any) -> Callable[[ClosedUnpickler, Any], None]:
    return lambda machine, _: machine._push(value)


def _nothing(machine: ClosedUnpickler, _: Any) -> None:
    pass


_ACTIONS: dict[str, Callable[[ClosedUnpickler, Any], None]] = {
    "PROTO": ClosedUnpickler._protocol,
    "FRAME": _nothing,  # a hint for reading ahead
    "STOP": _nothing,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4"), ClosedUnpickler._push_int),
    **dict.fromkeys(
        (
            "BINFLOAT",
            "BINSTRING",
            "SHORT_BINSTRING",
            "BINUNICODE",
            "SHORT_BINUNICODE",
            "BINUNICODE8",
            "BINBYTES",
            "SHORT_BINBYTES",
            "BINBYTES8",
            "BYTEARRAY8",
        ),
        ClosedUnpickler._push,
    ),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_SET": lambda machine, _: machine._push([]),  # items of a set are only listed
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "LIST": lambda machine, _: machine._push(machine._pop_to_mark()),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._pop_to_mark())),
    "FROZENSET": lambda machine, _: machine._push(machine._pop_to_mark()),
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "DICT": ClosedUnpickler._dict,
    "APPEND": ClosedUnpickler._append,
    "APPENDS": lambda machine, _: machine._append_all(machine._pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine._append_all(machine._pop_to_mark()),
    "SETITEM": ClosedUnpickler._set_item,
    "SETITEMS": lambda machine, _: machine._set_items(machine._pop_to_mark()),
    "MARK": ClosedUnpickler._mark,
    "POP": ClosedUnpickler._pop_item,
    "POP_MARK": ClosedUnpickler._pop_mark,
    "DUP": lambda machine, _: machine._push(machine._top()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), ClosedUnpickler._put),
    "MEMOIZE": ClosedUnpickler._memoize,
    **dict.fromkeys(("BINGET", "LONG_BINGET"), ClosedUnpickler._get),
    "GLOBAL": ClosedUnpickler._global,
    "STACK_GLOBAL": ClosedUnpickler._stack_global,
    "REDUCE": ClosedUnpickler._reduce,
    "NEWOBJ": ClosedUnpickler._reduce,
    "NEWOBJ_EX": ClosedUnpickler._new_with_keywords,
    "BUILD": ClosedUnpickler._build,
    "BINPERSID": ClosedUnpickler._persistent,
}


def _read_name(file: BoundedFile) -> str:
    """Two lines of text; the reader of pickletools would also undo escapes, which pickles do not have."""
    return (file.readline() + file.readline()[:-1]).decode()


_READERS: dict[str, Any] = {opcode.name: opcode.arg.reader for opcode in pickletools.opcodes if opcode.arg is not None}
_READERS["GLOBAL"] = _read_name
_INSTRUCTIONS: dict[bytes, tuple[str, Any, Callable[[ClosedUnpickler, Any], Any]]] = {
    opcode.code.encode("latin-1"): (opcode.name, _READERS.get(opcode.name), _ACTIONS[opcode.name])
    for opcode in pickletools.opcodes
    if opcode.name in _ACTIONS
}
