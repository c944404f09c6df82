"""Building: every source compiles, bad options are one line, and no compiler is no error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from custom_ops import build, kernels

ROOT = Path(__file__).parents[2]
SOURCES = sorted(build.SOURCE.rglob("*.cu"))


def run_build(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(build.SOURCE / "build.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, cwd=ROOT, check=False
    )


@pytest.mark.slow
@pytest.mark.skipif(build.find_tool("nvcc", "CUDACXX") is None, reason="nvcc was not found")
def test_cuda_sources_compile(tmp_path):
    assert len(SOURCES) == 4
    # Without optimisation: this checks the sources, and takes a fifth of the time.
    flags = [
        "-std=c++17",
        "-Xcicc",
        "-O0",
        "-Xptxas",
        "-O0",
        "-gencode",
        "arch=compute_90,code=sm_90",
        "-Xcompiler",
        "-fPIC",
    ]
    include = [f"-I{build.SOURCE}", f"-I{build.SOURCE / 'include'}"]
    nvcc = build.find_tool("nvcc", "CUDACXX")
    running = []
    for source in SOURCES:
        command = [nvcc, *flags, *include, "-c", str(source), "-o", str(tmp_path / f"{source.parent.name}.o")]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    for source, process in zip(SOURCES, running, strict=True):
        output, _ = process.communicate()
        assert process.returncode == 0, f"{source}:\n{output}"


def test_without_a_compiler_there_is_one_line(tmp_path):
    done = run_build("--output", str(tmp_path), PATH=str(tmp_path), CXX="")
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert done.stderr == (
        "error: the native ops were not built: no C++ compiler was found; install g++ or set CXX. "
        "Everything works without them.\n"
    )


@pytest.mark.parametrize("arch", ["", "8.0", "80;90", "banana", "80,,x"])
def test_bad_architectures(arch):
    with pytest.raises(build.BuildError, match="compute capabilities without the dot"):
        build.check_architectures(arch)
    assert build.check_architectures("80, 90a,100") == ["80", "90a", "100"]


def test_a_failed_compilation_leaves_the_old_library(tmp_path, monkeypatch):
    if shutil.which("cmake") is None and build.find_tool("cmake") is None:
        pytest.skip("CMake was not found")
    (tmp_path / build.STAMP).write_text("{}")
    done = run_build("--kernels-only", "--cuda", "off", "--output", str(tmp_path), CXX="/bin/false")
    assert done.returncode == 1 and "failed with status" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == [build.STAMP]


def test_interface_versions_agree():
    from gansformer_tf.ops import _library

    assert build.interface_version() == _library.INTERFACE == kernels.INTERFACE


def test_nothing_of_one_instruction_set_leaks_into_another(library_folder):
    """Functions shared between the variants would be taken from any of them, and crash lesser CPUs."""
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm was not found")
    listed = subprocess.run(
        [nm, "-C", str(library_folder / build.KERNELS)], capture_output=True, text=True, check=True
    ).stdout
    variants = [line for line in listed.splitlines() if "::avx512::" in line]
    assert variants
    assert not [line for line in variants if line.split()[1] in ("W", "V", "u")]
    definitions = [line.split(maxsplit=2)[2] for line in listed.splitlines() if "gf::" in line and " t " in line]
    numeric = [name for name in definitions if "fir_fixed" in name or "product_block" in name]
    assert all(any(f"::{isa}::" in name for isa in ("baseline", "avx2", "avx512")) for name in numeric)


def test_setup_builds_and_installs_without(tmp_path):
    """`python setup.py build_ext` where nothing can be built succeeds and says so."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(tmp_path / "lib")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CXX": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Native ops not built: no C++ compiler was found" in done.stdout
