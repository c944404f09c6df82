"""Commands of setup.py: the native ops are built where that is possible, and wheels are named for what they hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

from custom_ops import build

# auto: where there is a compiler; on: or the build fails; off: a pure wheel.
VARIABLE = "GANSFORMER_TF_NATIVE"
PACKAGE = Path("gansformer_tf") / "ops" / "_lib"


def can_build() -> bool:
    """Whether there are a compiler and CMake; TensorFlow is looked for when the build starts."""
    if os.environ.get(VARIABLE) == "off":
        return False
    try:
        build.find_compiler()
        build.find_cmake()
    except build.BuildError:
        return False
    return True


class BuildNativeOps(build_ext):
    """`python setup.py build_ext --inplace [--cuda on|off|auto] [--cuda-arch 80,90]`; part of `pip install .` too.

    A build that is not possible is no error: the package works without the library.
    """

    user_options: ClassVar[list[Any]] = [
        *build_ext.user_options,
        ("cuda=", None, "CUDA kernels: auto (when nvcc is found), on or off; off by default under pip"),
        ("cuda-arch=", None, f"compute capabilities, default {build.DEFAULT_CUDA_ARCHITECTURES}"),
    ]

    def initialize_options(self) -> None:
        super().initialize_options()
        # pip hides its output, and minutes of nvcc without a word would look like a hang.
        self.cuda = "off" if "PIP_BUILD_TRACKER" in os.environ else "auto"
        self.cuda_arch = build.DEFAULT_CUDA_ARCHITECTURES

    def run(self) -> None:
        here = build.SOURCE.parent
        output = here / PACKAGE if self.inplace or self.editable_mode else Path(self.build_lib).resolve() / PACKAGE
        options = build.parser().parse_args(
            ["--output", str(output), "--cuda", self.cuda, "--cuda-arch", self.cuda_arch]
        )
        try:
            build.build(options)
        except build.BuildError as error:
            if os.environ.get(VARIABLE) == "on":
                raise SystemExit(f"error: {error}") from error
            print(f"Native ops not built: {error} Everything works without them.", flush=True)

    def get_source_files(self) -> list[str]:
        return [str(file.relative_to(build.SOURCE.parent)) for file in build.source_files()]

    def get_outputs(self) -> list[str]:
        output = Path(self.build_lib) / PACKAGE
        return [str(file) for file in output.glob("*")] if output.is_dir() else []

    def get_output_mapping(self) -> dict[str, str]:
        return {}


class NameWheel(bdist_wheel):
    """Wheels with native ops: for every Python, one platform, and the TensorFlow in the build number (1tf2.21)."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if not self.root_is_pure and self.build_number is None and os.environ.get(VARIABLE) == "on":
            major, minor, *_ = build.tensorflow_facts()["version"].split(".")
            self.build_number = f"1tf{major}.{minor}"

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ("py3", "none", platform)
