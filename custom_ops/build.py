"""Builds the native ops with CMake: `python custom_ops/build.py`, or `make ops`.

Writes libgansformer_kernels.so (C interface, no TensorFlow) and gansformer_ops.so (TensorFlow ops) with stamp.json
into gansformer_tf/ops/_lib. Every file gets its final name only when it is complete, the stamp last.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
OUTPUT = SOURCE.parent / "gansformer_tf" / "ops" / "_lib"
DEFAULT_CUDA_ARCHITECTURES = "80,90"
KERNELS = "libgansformer_kernels.so"
OPS = "gansformer_ops.so"
STAMP = "stamp.json"


class BuildError(Exception):
    """The build is not possible here; the message says what is missing and how to get it."""


def parser() -> argparse.ArgumentParser:
    parse = argparse.ArgumentParser(
        description="Build the native ops of gansformer-tf (optional; they only add speed)."
    )
    parse.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="where the libraries go")
    parse.add_argument("--cuda", choices=("auto", "on", "off"), default="auto", help="auto: when nvcc is found")
    parse.add_argument(
        "--cuda-arch",
        default=DEFAULT_CUDA_ARCHITECTURES,
        metavar="LIST",
        help=f"compute capabilities without the dot, comma separated (default {DEFAULT_CUDA_ARCHITECTURES})",
    )
    parse.add_argument(
        "--kernels-only", action="store_true", help="leave out the TensorFlow ops (TensorFlow not needed)"
    )
    parse.add_argument("--sanitize", action="store_true", help="kernels with Address- and UndefinedBehaviorSanitizer")
    parse.add_argument("--emulate-cuda", action="store_true", help="CUDA kernels compiled for the CPU, for tests")
    parse.add_argument("--verbose", action="store_true", help="show the compiler's commands")
    return parse


def find_tool(name: str, variable: str | None = None) -> str | None:
    """A program by environment variable, on the PATH, or beside the interpreter (a PyPI package of it)."""
    if variable and os.environ.get(variable):
        return shutil.which(os.environ[variable])
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def find_compiler() -> str:
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and shutil.which(name):
            return name
    raise BuildError("no C++ compiler was found; install g++ or set CXX.")


def find_cmake() -> str:
    cmake = find_tool("cmake")
    if cmake is None:
        raise BuildError("CMake was not found; install it (python -m pip install cmake ninja).")
    return cmake


def first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0] if (done.stdout or done.stderr).strip() else "unknown"


def tensorflow_facts() -> dict:
    """What the ops must be compiled with; asks a fresh interpreter, without a build front end's import path."""
    code = (
        "import json, tensorflow as tf; print('FACTS' + json.dumps({'version': tf.__version__, "
        "'flags': tf.sysconfig.get_compile_flags(), 'include': tf.sysconfig.get_include(), "
        "'lib': tf.sysconfig.get_lib(), 'abi': tf.sysconfig.CXX11_ABI_FLAG}))"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("FACTS")), None)
    if line is None:
        raise BuildError(f"{sys.executable} cannot import tensorflow; install it first, then run make ops.")
    return json.loads(line.removeprefix("FACTS"))


def source_files() -> list[Path]:
    return [
        file for file in sorted(SOURCE.rglob("*")) if file.suffix in (".h", ".cc", ".cu", ".txt") and file.is_file()
    ]


def source_digest() -> str:
    digest = hashlib.sha256()
    for file in source_files():
        digest.update(file.relative_to(SOURCE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def interface_version() -> int:
    header = (SOURCE / "include" / "gansformer_ops.h").read_text(encoding="utf-8")
    match = re.search(r"#define GF_INTERFACE (\d+)", header)
    if match is None:
        raise BuildError("include/gansformer_ops.h has no GF_INTERFACE line.")
    return int(match.group(1))


def check_architectures(text: str) -> list[str]:
    architectures = [part.strip() for part in text.split(",") if part.strip()]
    if not architectures or not all(re.fullmatch(r"[5-9]\d[a-z]?|1\d\d[a-z]?", part) for part in architectures):
        raise BuildError(f"--cuda-arch is {text!r}; give compute capabilities without the dot, such as 80,90.")
    return architectures


def build(options: argparse.Namespace) -> dict:
    """Configures, compiles and installs; returns the stamp."""
    compiler, cmake = find_compiler(), find_cmake()
    kernels_only = options.kernels_only or options.sanitize
    facts = None if kernels_only else tensorflow_facts()
    nvcc = None if options.cuda == "off" or options.emulate_cuda else find_tool("nvcc", "CUDACXX")
    if options.cuda == "on" and nvcc is None:
        raise BuildError("--cuda on: nvcc was not found; put it on the PATH or set CUDACXX.")
    architectures = check_architectures(options.cuda_arch) if nvcc else []
    stamp = {
        "interface": interface_version(),
        "tensorflow": facts["version"] if facts else None,
        "cxx11_abi": facts["abi"] if facts else None,
        "compiler": first_line(compiler, "--version"),
        "cuda": [f"sm_{architecture}" for architecture in architectures],
        "sources": source_digest(),
    }
    arguments = [
        f"-DCMAKE_CXX_COMPILER={compiler}",
        f"-DGF_STAMP={json.dumps(stamp, separators=(',', ':'))}",
        f"-DGF_SANITIZE={'ON' if options.sanitize else 'OFF'}",
        f"-DGF_EMULATE_CUDA={'ON' if options.emulate_cuda else 'OFF'}",
        f"-DGF_CUDA_ARCHITECTURES={';'.join(architectures)}",
    ]
    if nvcc:
        arguments.append(f"-DCMAKE_CUDA_COMPILER={nvcc}")
    if facts:
        flags = [flag for flag in facts["flags"] if not flag.startswith("-I")]
        arguments += [
            f"-DGF_TF_INCLUDES={facts['include']}",
            f"-DGF_TF_FLAGS={';'.join(flags)}",
            f"-DGF_TF_LIBRARIES={facts['lib']}/libtensorflow_framework.so.2",
        ]
    ninja = find_tool("ninja")
    if ninja:
        arguments += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    what = f"CPU and CUDA {', '.join(architectures)}" if nvcc else "CPU"
    target = "without TensorFlow" if facts is None else f"TensorFlow {facts['version']}"
    print(f"Building the native ops ({what}; {target}; {stamp['compiler']}) ...", flush=True)
    # A folder of its own: a build that was killed leaves nothing that the next one would trip over or wait for.
    with tempfile.TemporaryDirectory(prefix="gansformer-ops-") as folder:
        run([cmake, "-S", str(SOURCE), "-B", folder, *arguments], options.verbose)
        run([cmake, "--build", folder, "--parallel", str(os.cpu_count() or 1)], options.verbose)
        install(Path(folder), options.output, stamp, with_ops=facts is not None)
    print(f"Built {options.output}", flush=True)
    return stamp


def run(command: list[str], verbose: bool) -> None:
    done = subprocess.run(command, capture_output=not verbose, text=True, check=False)
    if done.returncode:
        if not verbose:
            sys.stderr.write("\n".join((done.stdout + done.stderr).splitlines()[-40:]) + "\n")
        raise BuildError(f"{command[0]} failed with status {done.returncode}; --verbose shows every command.")


def install(folder: Path, output: Path, stamp: dict, with_ops: bool) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / STAMP).unlink(missing_ok=True)  # without a stamp nothing is loaded
    for name in (KERNELS, OPS) if with_ops else (KERNELS,):
        replace(output / name, (folder / name).read_bytes())
    replace(output / STAMP, (json.dumps(stamp, indent=1) + "\n").encode())


def replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def main() -> int:
    try:
        build(parser().parse_args())
    except BuildError as error:
        print(f"error: the native ops were not built: {error} Everything works without them.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
