"""Random mutations of snapshots, read by the reader of pickles: `python -m tests.convert.fuzz`, or `make fuzz`.

Every input must be read or end in a `ForeignFileError`, without any other exception, within a few seconds and a limit
of memory, and without an event (opening, importing, running, connecting) that reading has no need of. Mutations know
the instructions of pickles: they remove, double, swap and replace them, splice runs of one file into another, change
arguments, descend into the pickles inside, and add calls of functions that do harm; others change bytes blindly.

Input number i depends on the seed and i alone. A run that is stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import pickletools
import random
import re
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.read_pickle import as_tensors, read_pickle
from gansformer_tf.convert.sandbox import describe, is_forbidden
from tests.convert import samples
from tests.convert.hostile import SNIPPETS
from tests.convert.makers import dumps, module, parameter, tensor, tf1_generator, tf1_network, torch_network

INPUTS = 200_000
SECONDS_EACH = 5.0
MEMORY_BYTES = 3 << 30
WHOLE_SAMPLES = 0.02  # part of the inputs that are made from the samples, which are large; the others are small
_SAVE_EVERY = 1000

_WORDS = (
    *("os", "system", "builtins", "eval", "exec", "getattr", "__import__", "posix", "subprocess", "Popen", "numpy"),
    *("ndarray", "O8", "|O", "f4", "f8", "S4", "collections", "OrderedDict", "torch", "FloatStorage", "storage", ""),
    *("dnnlib.tflib.network", "Network", "torch._utils", "_rebuild_tensor_v2", "_modules", "state", "variables", "a/b"),
    *("numpy.core.multiarray", "_reconstruct", "scalar", "torch.storage", "_load_from_bytes", "\ud800", "\x1b[2J", "é"),
)
_NUMBERS = (0, 1, 2, 3, 4, 8, -1, 255, 256, 65535, 2**31 - 1, 2**31, -(2**31), 2**32, 2**48, 2**63, 2**64, 10**30)

armed = False
bystanders: set[int] = set()  # threads of others, which have events of their own
events: list[str] = []


def _hook(event: str, arguments: tuple) -> None:
    if armed and is_forbidden(event) and threading.get_ident() not in bystanders:
        events.append(f"{event} {str(arguments)[:200]}")


def watch_events() -> None:
    """Notes forbidden events while an input is read. Hooks stay for the life of a process, so one is enough."""
    if not getattr(watch_events, "done", False):
        sys.addaudithook(_hook)
        watch_events.done = True  # type: ignore[attr-defined]


@contextmanager
def watching() -> Iterator[list[str]]:
    """Lists forbidden events that happen inside, in this thread and in those that are started inside.

    Garbage of before is not collected in it: the end of a forgotten temporary folder is an event, too.
    """
    global armed, bystanders
    watch_events()
    events.clear()
    gc.freeze()
    bystanders = set(sys._current_frames()) - {threading.get_ident()}
    armed = True
    try:
        yield events
    finally:
        armed = False
        gc.unfreeze()


# -- files to start from -----------------------------------------------------------------------------------------------


def small_files() -> list[bytes]:
    """Complete snapshots with a few small arrays, in several protocols."""
    rng = np.random.default_rng(0)
    arrays = {
        "G_mapping/Dense0/weight": rng.random((2, 3), np.float32),
        "G_synthesis/4x4/Conv/weight": np.asfortranarray(rng.random((3, 2), np.float32)),
        "G_synthesis/4x4/Conv/noise_strength": np.float32(0.5),
        "dlatent_avg": rng.random(3),
    }
    generator = tf1_generator("Gs", "Generator", {"resolution": 8, "norm": None, "merge": False}, arrays)
    discriminator = tf1_network("D", "Discriminator", {"resolution": 8}, {"bias": rng.random(2, np.float32)})
    weights = {"mapping.fc0.weight": rng.random((2, 2), np.float32), "synthesis.b4.torgb.bias": np.zeros(2, np.float32)}
    network = torch_network("Generator", {"z_dim": 2, "mapping_kwargs": {}}, weights, {"torgb": "ToRGBLayer"})
    half = module("Discriminator", {"c_dim": 0}, _buffers={"a": tensor(rng.random(4).astype(np.float32))})
    snapshot = {"G": None, "D": half, "G_ema": network, "augment_pipe": None, "training_set_kwargs": {"a": 1}}
    values = ((generator, discriminator, generator), snapshot, {"G": module("Generator", {}, x=parameter(np.ones(3)))})
    return [dumps(value, protocol) for value in values for protocol in (3, 4, 5)]


@dataclass
class Seed:
    """A file and its instructions: (name, first byte, byte behind)."""

    data: bytes
    spans: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        starts = [(opcode.name, position) for opcode, _, position in pickletools.genops(self.data)]
        ends = [position for _, position in starts[1:]] + [len(self.data)]
        self.spans = [(name, start, end) for (name, start), end in zip(starts, ends, strict=True)]


# -- mutations ---------------------------------------------------------------------------------------------------------


def mutate(seed: Seed, seeds: list[Seed], rng: random.Random) -> bytes:
    """A changed copy."""
    pieces = [seed.data[start:end] for _, start, end in seed.spans]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _change_instructions(pieces, seeds, rng)
    data = b"".join(pieces)
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2, 8))):
        data = _change_bytes(data, rng)
    return data


def _change_instructions(pieces: list[bytes], seeds: list[Seed], rng: random.Random) -> None:
    if not pieces:
        return
    at = rng.randrange(len(pieces))
    kind = rng.randrange(14)  # arguments are changed as often as everything else
    if kind == 0:
        del pieces[at : at + rng.choice((1, 1, 2, 5))]
    elif kind == 1:
        pieces[at:at] = pieces[at : at + rng.choice((1, 2, 10))] * rng.choice((1, 1, 2, 50))
    elif kind == 2:
        other = rng.randrange(len(pieces))
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif kind == 3:
        pieces[at] = _random_instruction(rng)
    elif kind == 4:
        pieces.insert(at, _random_instruction(rng))
    elif kind == 5:
        other_seed = rng.choice(seeds)
        start = rng.randrange(len(other_seed.spans))
        run = other_seed.spans[start : start + rng.choice((1, 3, 10, 40))]
        pieces[at:at] = [other_seed.data[first:last] for _, first, last in run]
    elif kind == 6:
        pieces.insert(at, rng.choice(SNIPPETS))
    else:
        _change_argument(pieces, rng)


def _change_argument(pieces: list[bytes], rng: random.Random) -> None:
    """Another number or text, or a mutation of the pickle within a row of bytes."""
    wanted = rng.choice((b"\x8c", b"K", b"B", b"J", b"h"))
    places = [index for index, piece in enumerate(pieces) if piece[:1] == wanted]
    if not places:
        return
    at = rng.choice(places)
    if wanted == b"\x8c":
        pieces[at] = _text(rng)
    elif wanted == b"B":
        inner = pieces[at][5:]
        for _ in range(rng.choice((1, 2, 5))):
            inner = _change_bytes(inner, rng)
        pieces[at] = b"B" + struct.pack("<I", len(inner)) + inner
    elif wanted == b"h":
        pieces[at] = b"h" + bytes([rng.randrange(256)])
    else:
        pieces[at] = _number(rng)


def _text(rng: random.Random) -> bytes:
    word = rng.choice(_WORDS).encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(word)]) + word


def _number(rng: random.Random) -> bytes:
    encoded = rng.choice(_NUMBERS).to_bytes(16, "little", signed=True)
    return b"\x8a" + bytes([16]) + encoded


def _random_instruction(rng: random.Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return _text(rng)
    if kind == 1:
        return _number(rng)
    opcode = rng.choice(pickletools.opcodes)
    return opcode.code.encode("latin-1") + (rng.randbytes(rng.choice((0, 1, 2, 4, 8))) if opcode.arg else b"")


def _change_bytes(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return rng.randbytes(4)
    changed, at = bytearray(data), rng.randrange(len(data))
    kind = rng.randrange(6)
    if kind == 0:
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        changed[at] = rng.randrange(256)
    elif kind == 2:
        changed[at:at] = rng.randbytes(rng.choice((1, 2, 4, 9)))
    elif kind == 3:
        del changed[at : at + rng.choice((1, 2, 8, 100))]
    elif kind == 4:
        changed[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)))
    else:
        del changed[at:]
    return bytes(changed)


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass
class Fuzzer:
    """Makes and reads inputs.

    Args:
        seed: Of the mutations.
        whole_samples: Part of the inputs that are made from whole samples.
    """

    seed: int = 0
    whole_samples: float = WHOLE_SAMPLES

    def __post_init__(self) -> None:
        self.small = [Seed(data) for data in small_files()]
        self.whole = [Seed(samples.content(name)) for name in samples.names()] if self.whole_samples else []

    def make(self, index: int) -> bytes:
        rng = random.Random(f"{self.seed} {index}")
        seeds = self.whole if rng.random() < self.whole_samples else self.small
        return mutate(rng.choice(seeds), self.small, rng)

    def read(self, data: bytes) -> tuple[str, str | None]:
        """(outcome, what was wrong or None)."""
        began = time.process_time()
        problem = None
        try:
            with watching():
                found = read_pickle(io.BytesIO(data), len(data))
                as_tensors(found)
                describe(found)
            outcome = f"read: {found.kind}"
        except ForeignFileError as error:
            outcome = re.sub(r"\d+|'.*?'|\(.*?\)", "_", str(error))[:60]
            if not str(error).isprintable():
                problem = f"an error of several lines: {error!r}"
        except BaseException as error:
            outcome = problem = f"{type(error).__name__}: {error}"[:300]
            if isinstance(error, KeyboardInterrupt):
                raise
        seconds = time.process_time() - began
        if seconds > SECONDS_EACH:
            problem = f"{seconds:.1f} seconds"
        if events:
            problem = f"events: {events}"
        return outcome, problem


def main() -> int:
    """Reads the inputs that are left; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.convert.fuzz", description="Fuzzes the reader of pickles.")
    parser.add_argument("--inputs", type=int, default=INPUTS, metavar="N", help=f"default: {INPUTS}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed makes other inputs (default: 0)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/fuzz"), help="state and findings (default: build/fuzz)"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    state_file = given.folder / f"state-{given.seed}.json"
    state = {"done": 0, "outcomes": {}, "findings": [], "seconds": 0.0, "slowest": 0.0}
    if state_file.exists():
        state = json.loads(state_file.read_text())
    _limit_memory()
    fuzzer, outcomes = Fuzzer(given.seed), Counter(state["outcomes"])
    # The number of the input that is being read: where a crash of the interpreter leaves its trace for the next run.
    current = given.folder / f"current-{given.seed}"
    if current.exists():
        crashed = int.from_bytes(current.read_bytes(), "little")
        state["findings"].append(f"the interpreter ended while it read input {crashed}")
        state["done"] = crashed + 1
    trace = os.open(current, os.O_WRONLY | os.O_CREAT)
    began, progress = time.monotonic(), sys.stderr
    try:
        for index in range(state["done"], given.inputs):
            data = fuzzer.make(index)
            os.pwrite(trace, index.to_bytes(8, "little"), 0)
            start = time.process_time()
            outcome, problem = fuzzer.read(data)
            state["slowest"] = max(state["slowest"], time.process_time() - start)
            outcomes[outcome] += 1
            if problem is not None:
                path = given.folder / f"finding-{given.seed}-{index}.pkl"
                path.write_bytes(data)
                state["findings"].append(f"{path}: {problem}")
                print(f"\n{path}: {problem}", file=progress, flush=True)
            state["done"] = index + 1
            if state["done"] % _SAVE_EVERY == 0:
                _save(state_file, state, outcomes)
                rate = _SAVE_EVERY / max(time.monotonic() - began, 1e-9)
                began, seconds = time.monotonic(), time.monotonic() - began
                state["seconds"] += seconds
                print(
                    f"\r{state['done']:,} of {given.inputs:,} inputs, {rate:.0f}/s", end="", file=progress, flush=True
                )
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to go on.", file=progress)
        return 1
    finally:
        os.close(trace)
        current.unlink(missing_ok=True)
        _save(state_file, state, outcomes)
    print(file=progress)
    _report(state, outcomes)
    return 1 if state["findings"] else 0


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _save(path: Path, state: dict, outcomes: Counter) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({**state, "outcomes": outcomes}))
    os.replace(temporary, path)


def _report(state: dict, outcomes: Counter) -> None:
    import resource

    for outcome, count in outcomes.most_common(25):
        print(f"{count:>8,}  {outcome}")
    read = sum(count for outcome, count in outcomes.items() if outcome.startswith("read: "))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{state['done']:,} inputs in {state['seconds']:.0f} s: {read:,} read, {len(outcomes)} kinds of outcome, "
        f"{len(state['findings'])} findings; slowest {state['slowest']:.2f} s, {peak} MB at most"
    )
    for finding in state["findings"]:
        print(finding)


if __name__ == "__main__":
    sys.exit(main())
