"""Builds the CPU kernels and the emulated CUDA kernels with sanitizers and runs the kernels' tests with them.

`make ops-sanitize`. AddressSanitizer finds accesses outside arrays, UndefinedBehaviorSanitizer overflows and the like.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import build

TESTS = build.SOURCE.parent / "tests" / "ops" / "test_kernels.py"


def preload() -> str:
    """The sanitizer runtimes, which must be loaded before the interpreter's first allocation."""
    compiler = build.find_compiler()
    found = [build.first_line(compiler, f"-print-file-name={name}") for name in ("libasan.so", "libubsan.so")]
    missing = [path for path in found if not Path(path).is_absolute()]
    if missing:
        raise build.BuildError(f"{compiler} has no {', '.join(missing)}; install its sanitizer libraries.")
    return " ".join(found)


def main() -> int:
    try:
        runtimes = preload()
        with tempfile.TemporaryDirectory(prefix="gansformer-sanitize-") as folder:
            environment = {
                **os.environ,
                "LD_PRELOAD": runtimes,
                "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # the interpreter itself leaks
                "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            }
            for flag, variable in (
                ("--cuda=off", "GANSFORMER_TF_KERNELS"),
                ("--emulate-cuda", "GANSFORMER_TF_EMULATED"),
            ):
                output = Path(folder) / variable
                build.build(build.parser().parse_args(["--sanitize", flag, "--output", str(output)]))
                environment[variable] = str(output / build.KERNELS)
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS)]
            return subprocess.run(command, env=environment, cwd=build.SOURCE.parent, check=False).returncode
    except build.BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
