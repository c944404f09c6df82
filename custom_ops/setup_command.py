"""The build_ext command of setup.py: builds the native ops where that is possible, and says so where it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from setuptools.command.build_ext import build_ext

from custom_ops import build

PACKAGE = Path("gansformer_tf") / "ops" / "_lib"


def can_build() -> bool:
    """Whether there are a compiler and CMake; TensorFlow is looked for when the build starts."""
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
            print(f"Native ops not built: {error} Everything works without them.", flush=True)

    def get_source_files(self) -> list[str]:
        return [str(file.relative_to(build.SOURCE.parent)) for file in build.source_files()]

    def get_outputs(self) -> list[str]:
        output = Path(self.build_lib) / PACKAGE
        return [str(file) for file in output.glob("*")] if output.is_dir() else []

    def get_output_mapping(self) -> dict[str, str]:
        return {}
