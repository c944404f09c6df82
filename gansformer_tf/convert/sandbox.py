"""The process that reads a pickle: `python -m gansformer_tf.convert.sandbox SIZE KIND`, started by `foreign`.

It is given the file as standard input and writes a safetensors file to standard output; it has no other files. Before
the first byte is read it gives up memory, time, and the means to open files; a hook ends it at the first attempt to
open, import, run or connect to anything. TensorFlow is not loaded here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import warnings
from typing import Any

MEMORY_BYTES = 1 << 30  # beside what the file takes
MEMORY_PER_BYTE = 5  # read, of another type, and written
CPU_SECONDS = 60
BYTES_PER_CPU_SECOND = 10 << 20
STATUS_FORBIDDEN = 97
KEY = "found"
PICKLE, CHECKPOINT = "pickle", "checkpoint"  # kinds of files
ERROR_KEY = "error"

# Events of Python that reading a pickle has no need of.
FORBIDDEN = (
    "open",
    "exec",
    "compile",
    "import",
    "marshal.",
    "os.",
    "shutil.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "pickle.",
    "tempfile.",
    "glob.",
    "pty.",
    "urllib.",
    "webbrowser.",
    "code.",
    "function.__new__",
    "builtins.",
    "sys.addaudithook",
    "sys.settrace",
    "sys.setprofile",
    "fcntl.",
    "mmap.",
    "signal.",
    "_thread.",
)


def is_forbidden(event: str) -> bool:
    """Whether an audit event of Python has no place in reading a pickle."""
    return any(event.startswith(name) if name.endswith(".") else event == name for name in FORBIDDEN)


def cpu_limit(size: int) -> int:
    """Seconds of computing for a file of `size` bytes."""
    return CPU_SECONDS + size // BYTES_PER_CPU_SECOND


def limit_resources(size: int) -> None:
    """Limits memory, computing time, written bytes and open files of this process; on Windows only the hook remains."""
    try:
        import resource
    except ImportError:
        return
    memory, seconds = MEMORY_BYTES + MEMORY_PER_BYTE * size, cpu_limit(size)
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 2 * memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 3,  # the three that are open
    }
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit of memory
            resource.setrlimit(limit, (value, value))


def close_doors() -> None:
    """Ends this process at the first event that `FORBIDDEN` names."""

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if is_forbidden(event):
            os._exit(STATUS_FORBIDDEN)

    sys.addaudithook(hook)


def describe(found: Any) -> str:
    """`Found` without its arrays, as JSON."""
    networks = {}
    for name, network in found.networks.items():
        names = [field.name for field in dataclasses.fields(network) if field.name != "arrays"]
        networks[name] = {field: getattr(network, field) for field in names}
    return json.dumps({"kind": found.kind, "unused": found.unused, "networks": networks})


def main(size: int, kind: str = PICKLE) -> int:
    """Reads standard input, writes standard output; returns the exit status."""
    # everything that reading needs is loaded before the doors are closed
    import encodings.ascii
    import encodings.cp437
    import encodings.latin_1
    import encodings.raw_unicode_escape  # noqa: F401

    from safetensors.numpy import save

    from gansformer_tf.convert.errors import ForeignFileError
    from gansformer_tf.convert.read_pickle import as_tensors, read_pickle
    from gansformer_tf.convert.vqgan_checkpoint import read_checkpoint

    warnings.simplefilter("ignore")  # to show one, Python opens the source
    save({}, metadata={"warm": "up"})
    limit_resources(size)
    close_doors()
    try:
        found = (read_checkpoint if kind == CHECKPOINT else read_pickle)(sys.stdin.buffer, size)
        metadata, tensors = {KEY: describe(found)}, as_tensors(found)
        data = save(tensors, metadata=metadata)
    except ForeignFileError as error:
        data = save({}, metadata={ERROR_KEY: str(error)})
    except MemoryError:
        data = save({}, metadata={ERROR_KEY: "it needs more memory than a snapshot of its size"})
    except RecursionError:
        data = save({}, metadata={ERROR_KEY: "it is nested too deeply"})
    except Exception as error:  # none is known; whatever it is, it ends here
        data = save({}, metadata={ERROR_KEY: f"it is damaged ({type(error).__name__})"})
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
    return 0


if __name__ == "__main__":
    os._exit(main(int(sys.argv[1]), sys.argv[2]))
